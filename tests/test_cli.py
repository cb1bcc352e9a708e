"""The command line: exit codes, and one clear line for what it cannot use."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import World, case, check, failing, header

from conformance.__main__ import main

ROOT = Path(__file__).parents[1]
CASES = """\
theme: tails
cases:
  - id: softplus-tail
    operator: softplus
    source: "derivation: softplus(x) - x = ln(1 + e^-x)"
    why: the tail survives
    rows:
      above: {x: 20.5}
      below: {x: -20.5}
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    world = World(tmp_path)
    world.results()
    world.loaded_findings()
    world.declared()
    return world


Captured = pytest.CaptureFixture[str]


def error(capsys: Captured) -> str:
    """The one line of an error."""
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
    return captured.err


def test_gate_passes_and_fails(world: World, capsys: Captured) -> None:
    assert main(["gate", "results/torch.jsonl"]) == 0
    assert "all as committed" in capsys.readouterr().out
    world.change(failing, implementation="torch.sigmoid", dtype="float32")
    world.results()
    assert main(["gate", "results/torch.jsonl"]) == 1
    assert "no finding 4" in capsys.readouterr().out


def test_gate_fails_if_one_of_several_does(world: World, tmp_path: Path) -> None:
    good = tmp_path / "good.jsonl"
    good.write_bytes((tmp_path / "results/torch.jsonl").read_bytes())
    world.checks.pop()
    world.results()
    assert main(["gate", "results/torch.jsonl", str(good)]) == 1
    assert main(["gate", str(good), "results/torch.jsonl"]) == 1
    assert main(["gate", str(good), str(good)]) == 0


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gate", "results/jax.jsonl"], "results/jax.jsonl: cannot be read (no such file"),
        (["gate", "grades/torch.txt"], "grades/torch.txt:1: there is no header"),
        (["gate", "results/torch.jsonl", "--grades", "none"], "none/torch.txt: there are no recor"),
        (["gate", "results/torch.jsonl", "--findings", "none"], "none/torch.yaml: cannot be read"),
        (["record", "findings"], "findings: there are no results; run pytest"),
        (["gate", "results", "results.jsonl"], "results.jsonl: cannot be read"),
        (["propose", "none.jsonl"], "none.jsonl: cannot be read"),
        (["report", "none.jsonl"], "none.jsonl"),
        (["cases", "--cases", "none"], "none"),
        (["show", "softplus", "--results", "none.jsonl"], "none.jsonl: cannot be read"),
        (["show", "no-such-check"], "0 checks have a name with no-such-check; give other words"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    capsys: Captured, arguments: list[str], message: str
) -> None:
    assert main(arguments) == 2
    assert message in error(capsys)


def test_show_gives_everything_of_one_check(world: World, capsys: Captured) -> None:
    assert main(["show", "softplus-tail", "F.soft", "float64", "eager value"]) == 0
    text = capsys.readouterr().out
    for line in (
        "implementation: F.softplus",
        "verdict: inaccurate",
        "got: 20.5",
        "truth: 20.5000000012501528683454440212",
        "    x: 20.5",
        "    baseline: 2e-15",
        "over_bound: 600.0",
        "print(torch.sigmoid(x))",
    ):
        assert f"{line}\n" in text
    world.cases.append(case("softplus-tail-2", "softplus"))
    world.checks += [check("F.softplus", "softplus", "softplus-tail-2")]
    world.results()
    whole_name = "F.softplus softplus-tail float32 eager value"
    assert main(["show", whole_name]) == 0
    assert "case: softplus-tail\n" in capsys.readouterr().out


@pytest.mark.usefixtures("world")
def test_show_lists_the_checks_that_the_words_leave(capsys: Captured) -> None:
    assert main(["show", "softplus-tail"]) == 2
    captured = capsys.readouterr()
    assert captured.out.count("softplus-tail") == 20
    assert "  and 12 more\n" in captured.out
    assert "32 checks have a name with softplus-tail" in captured.err


def test_cases_are_listed(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "tails.yaml").write_text(CASES)
    assert main(["cases", "--cases", str(tmp_path)]) == 0
    expected = f"softplus-tail  softplus  2 rows  {tmp_path}/tails.yaml:3\n"
    assert capsys.readouterr().out == expected


@pytest.mark.usefixtures("world")
def test_report_is_built(capsys: Captured) -> None:
    assert main(["report", "results", "-o", "page"]) == 0
    assert capsys.readouterr().err == ""
    assert Path("page/index.html").stat().st_size > 0


def test_help_and_usage_without_a_traceback() -> None:
    for arguments, code in ((["--help"], 0), (["gate", "--help"], 0), ([], 2), (["gat"], 2)):
        command = [sys.executable, "-m", "conformance", *arguments]
        run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        assert run.returncode == code
        assert "Traceback" not in run.stderr
        assert "python -m conformance" in run.stdout + run.stderr


def test_show_without_results(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["show", "softplus"]) == 2
    assert "results: cannot be read" in error(capsys)


@pytest.mark.usefixtures("world")
def test_an_interrupted_run_is_not_judged(capsys: Captured) -> None:
    file = Path("results/torch.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    partial = Path("results/torch.jsonl.partial")
    partial.write_bytes(b"".join(lines[:-5]))
    assert main(["gate", str(partial)]) == 2
    assert "the run was interrupted" in error(capsys)
    words = ["F.softplus softplus-tail float64 eager value"]
    assert main(["show", *words, "--results", str(partial)]) == 0


def test_record_writes_the_grades(world: World, capsys: Captured) -> None:
    world.change(lambda c: failing(c, "wrong"), implementation="torch.sigmoid", mode="eager")
    world.results()
    assert main(["record", "results/torch.jsonl"]) == 0
    assert "review the diff" in capsys.readouterr().out
    text = Path("grades/torch.txt").read_text()
    assert "sigmoid-tail\ttorch.sigmoid\teager\tvalue=WWWW gradient.x=WWWW" in text


def test_record_is_not_for_ci(
    world: World, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Path("grades/torch.txt").read_bytes()
    world.checks.pop()
    world.results()
    monkeypatch.setenv("CI", "true")
    assert main(["record", "results/torch.jsonl"]) == 2
    assert "grades are not recorded in CI" in error(capsys)
    assert Path("grades/torch.txt").read_bytes() == before


def test_record_refuses_a_part_of_the_suite(world: World, capsys: Captured) -> None:
    world.header = header(selection="-k tail")
    world.results()
    assert main(["record", "results/torch.jsonl"]) == 2
    assert "only a part of the suite was run (-k tail); run all of it" in error(capsys)


def _unexplained(world: World) -> None:
    """Failures of several shapes that no finding covers."""
    for dtype, modes in (("float32", ("eager", "compiled")), ("float64", ("eager",))):
        for mode in modes:
            world.change(
                lambda c: failing(c, over_bound=1234.5),
                implementation="torch.sigmoid",
                dtype=dtype,
                mode=mode,
            )
    world.cases.append(case("softplus-new", "softplus"))
    for name in ("F.softplus", "-logsigmoid(-x)"):
        made = check(name, "softplus", "softplus-new", dtype="float16")
        world.checks.append(failing(made, "raised", None))
    world.change(lambda c: failing(c, "wrong", float("inf")), implementation="-logsigmoid(-x)")
    world.grades = world.recorded()


def test_proposals_are_refused_until_completed_and_then_cover_everything(
    world: World, capsys: Captured
) -> None:
    _unexplained(world)
    world.findings.clear()
    world.results()
    world.loaded_findings()
    assert main(["propose", "results/torch.jsonl"]) == 0
    proposed = capsys.readouterr().out
    assert "    print(torch.sigmoid(x))\n" in proposed
    file = Path("findings/torch.yaml")
    file.write_text(proposed)
    assert main(["gate", "results/torch.jsonl"]) == 2
    assert "severity: invalid enum value" in error(capsys)
    completed = re.sub("severity: TODO.*", "severity: accuracy", proposed)
    file.write_text(re.sub(r"upstream: \[TODO.*", "upstream: []", completed))
    assert main(["gate", "results/torch.jsonl"]) == 2
    assert "title is not written" in error(capsys)
    file.write_text(file.read_text().replace("TODO", "Because:").replace(": Because:", ": since"))
    assert main(["gate", "results/torch.jsonl"]) == 0


def test_proposals_leave_out_what_has_a_finding(world: World, capsys: Captured) -> None:
    world.change(failing, implementation="torch.sigmoid", quantity="gradient.x", mode="eager")
    world.results()
    assert main(["propose", "results/torch.jsonl"]) == 0
    proposed = capsys.readouterr().out
    assert proposed.count("- id: ") == 1
    assert "- id: torch-torch-sigmoid-gradient-x\n" in proposed
    pattern = (
        '{implementation: "torch.sigmoid", case: "sigmoid-tail", dtype: ["bfloat16", "float16",'
    )
    assert f"    - {pattern}" in proposed
    assert 'mode: ["eager"], quantity: ["gradient.x"]}' in proposed
    assert "  verdict: [inaccurate]\n  over_bound: [600, 600]\n" in proposed


@pytest.mark.usefixtures("world")
def test_nothing_to_propose(capsys: Captured) -> None:
    assert main(["propose", "results/torch.jsonl"]) == 0
    assert capsys.readouterr().out == "# every failing check has its finding\n"
