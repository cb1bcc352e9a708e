"""The command line: exit codes, and one clear line for what it cannot use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import World, case, check, failing, header

from conformance import findings
from conformance.__main__ import main

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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gate", "results/jax.jsonl"], "results/jax.jsonl: cannot be read (no such file"),
        (["gate", "grades/torch.txt"], "grades/torch.txt:1: there is no header"),
        (["gate", "results/torch.jsonl", "--grades", "none"], "none/torch.txt: there are no recor"),
        (["gate", "results/torch.jsonl", "--findings", "none"], "none/torch.yaml: cannot be read"),
        (["record", "results"], "results: cannot be read (is a directory"),
        (["propose", "none.jsonl"], "none.jsonl: cannot be read"),
        (["report", "none.jsonl"], "none.jsonl"),
        (["cases", "--cases", "none"], "none"),
        (["show", "softplus", "--results", "none.jsonl"], "none.jsonl: cannot be read"),
        (["show", "no-such-check"], "0 checks have a name with no-such-check; give other words"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    world: World, capsys: Captured, arguments: list[str], message: str
) -> None:
    assert main(arguments) == 2
    assert message in error(capsys)


def test_show_without_results(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["show", "softplus"]) == 2
    assert "there are no results; run pytest" in error(capsys)


def test_an_interrupted_run_is_not_judged(world: World, capsys: Captured) -> None:
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
    capsys.readouterr()
    assert main(["propose", "results/torch.jsonl"]) == 0
    proposed = capsys.readouterr().out
    assert "print(torch.sigmoid(x))" in proposed
    file = Path("findings/torch.yaml")
    file.write_text(proposed)
    assert main(["gate", "results/torch.jsonl"]) == 2
    error(capsys)
    completed = proposed.replace("TODO wrong-in-training | ", "").replace("| special-values", "")
    completed = completed.replace("accuracy | documentation", "accuracy")
    for old, new in (
        ("severity: accuracy | documentation", "severity: accuracy"),
        ("accuracy  | documentation", "accuracy"),
        ("TODO owner/repo#number", "pytorch/pytorch#1"),
        ("TODO", "Done:"),
        (": Done:", ": done,"),
    ):
        completed = completed.replace(old, new)
    # The world's own finding is still there, beside the new ones.
    world.loaded_findings()
    file.write_text(file.read_text().rstrip().removesuffix("]").rstrip() + "]\n")
    own = findings.load(file).findings
    assert [finding.id for finding in own] == ["torch-softplus-threshold"]
    assert main(["propose", "results/torch.jsonl"]) == 0
    assert "softplus-tail" in proposed


def test_nothing_to_propose(world: World, capsys: Captured) -> None:
    assert main(["propose", "results/torch.jsonl"]) == 0
    assert capsys.readouterr().out == "# every failing check has its finding\n"
