"""The gate: green on what is committed, red for each rule broken on purpose."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from small_runs import MODES, World, case, check, failing, header, implementation, replace

from conformance.errors import UserError
from conformance.gate import GateReport, reproduce, show

CONTROL = "1 / (1 + exp(-x))"
KNOWN = {"implementation": "F.softplus", "case": "softplus-tail", "dtype": "float64"}
PLAIN = {
    "implementation": "torch.sigmoid",
    "dtype": "float32",
    "mode": "eager",
    "quantity": "value",
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def rules(report: GateReport) -> set[str]:
    return {problem.rule for problem in report.problems}


def passing(check: Any) -> Any:
    return replace(check, verdict="faithful", over_bound=0.2)


def test_green_as_committed(world: World) -> None:
    report = world.judge()
    assert report.problems == []
    assert report.notes == []
    assert report.passes


def _new_failure(world: World) -> None:
    world.change(failing, **PLAIN)


def _failure_in_a_new_case(world: World) -> None:
    world.cases.append(case("sigmoid-new", "sigmoid"))
    world.checks.append(failing(check("torch.sigmoid", "sigmoid", "sigmoid-new")))


def _finding_removed(world: World) -> None:
    world.findings.clear()


def _finding_does_not_fire(world: World) -> None:
    world.change(passing, **KNOWN, quantity="value")


def _finding_fires_in_one_mode_only(world: World) -> None:
    world.change(passing, **KNOWN, quantity="value", mode="compiled")


def _other_verdict(world: World) -> None:
    world.change(lambda c: failing(c, "wrong"), **KNOWN, quantity="value")


def _above_the_band(world: World) -> None:
    world.change(lambda c: failing(c, over_bound=2100.0), **KNOWN, quantity="value")


def _below_the_band(world: World) -> None:
    world.change(lambda c: failing(c, over_bound=90.0), **KNOWN, quantity="value")


def _finding_for_nothing(world: World) -> None:
    pattern = {**world.findings[0]["checks"][0], "implementation": "F.hardswish"}
    world.findings.append({**world.findings[0], "id": "torch-nothing", "checks": [pattern]})


def _pattern_for_nothing(world: World) -> None:
    pattern = world.findings[0]["checks"][0]
    world.findings[0]["checks"].append({**pattern, "case": "renamed-*"})


def _mode_for_nothing(world: World) -> None:
    world.findings[0]["checks"][0]["mode"].append("graph")


def _finding_for_a_control(world: World) -> None:
    pattern = {**world.findings[0]["checks"][0], "implementation": "1 / *", "dtype": ["float16"]}
    pattern["case"] = "sigmoid-tail"
    world.findings.append({**world.findings[0], "id": "torch-control", "checks": [pattern]})


def _failure_is_gone_in_a_scope_of_what_fails(world: World) -> None:
    world.findings[0]["scope"] = "failing"
    world.change(passing, **KNOWN, quantity="value", mode="eager")


def _new_failure_in_a_scope_of_what_fails(world: World) -> None:
    world.findings[0] |= {"scope": "failing", "over_bound": [100, 2000]}
    world.findings[0]["checks"][0] |= {"dtype": ["float32", "float64"]}
    world.change(failing, **{**KNOWN, "dtype": "float32"}, quantity="value", mode="eager")


def _fall_within_strict(world: World) -> None:
    world.change(lambda c: replace(c, verdict="strict"), **PLAIN)


def _fall_to_baseline(world: World) -> None:
    world.header = header(machine={"cpu": "another"})
    world.change(lambda c: replace(c, verdict="baseline"), **PLAIN)


def _check_disappears(world: World) -> None:
    world.checks = [c for c in world.checks if c.implementation != "torch.sigmoid"]


def _implementation_disappears(world: World) -> None:
    _check_disappears(world)
    world.implementations = [i for i in world.implementations if i.name != "torch.sigmoid"]


def _check_becomes_unsupported(world: World) -> None:
    world.change(lambda c: replace(c, verdict="unsupported"), **PLAIN)


def _part_of_the_suite(world: World) -> None:
    world.header = header(selection='-k "softplus"')


def _nothing_measured(world: World) -> None:
    world.checks.clear()


def _control_passes_everything(world: World) -> None:
    world.change(passing, implementation=CONTROL)
    world.grades = world.recorded()


def _control_is_only_undecided(world: World) -> None:
    world.change(lambda c: failing(c, "undecided"), implementation=CONTROL, dtype="float16")
    world.grades = world.recorded()


def _control_passes_where_it_failed(world: World) -> None:
    where = {"implementation": CONTROL, "dtype": "float16", "mode": "eager", "quantity": "value"}
    world.change(passing, **where)


def _control_is_not_run(world: World) -> None:
    world.checks = [c for c in world.checks if c.implementation != CONTROL]
    world.grades = world.recorded()


def _harness_fails(world: World) -> None:
    world.change(lambda c: failing(c, "harness-error"), **PLAIN)


def _harness_fails_on_a_control(world: World) -> None:
    where = {"implementation": CONTROL, "dtype": "float16", "mode": "eager"}
    world.change(lambda c: failing(c, "harness-error"), **where)


def _claim_is_refuted(world: World) -> None:
    world.cases[0] = case(world.cases[0].case, "softplus", as_documented=False)


@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        (_new_failure, {"no finding", "grade fell"}),
        (_failure_in_a_new_case, {"no finding"}),
        (_finding_removed, {"no finding"}),
        (_finding_does_not_fire, {"no longer fires"}),
        (_finding_fires_in_one_mode_only, {"no longer fires"}),
        (_other_verdict, {"other verdict"}),
        (_above_the_band, {"out of band"}),
        (_below_the_band, {"out of band"}),
        (_finding_for_nothing, {"matches nothing"}),
        (_pattern_for_nothing, {"matches nothing"}),
        (_mode_for_nothing, {"matches nothing"}),
        (_finding_for_a_control, {"matches nothing"}),
        (_failure_is_gone_in_a_scope_of_what_fails, {"no longer fires", "matches nothing"}),
        (_new_failure_in_a_scope_of_what_fails, {"grade fell"}),
        (_fall_within_strict, {"grade fell"}),
        (_fall_to_baseline, {"grade fell"}),
        (_check_disappears, {"check disappeared"}),
        (_implementation_disappears, {"check disappeared"}),
        (_check_becomes_unsupported, {"check disappeared"}),
        (_part_of_the_suite, {"partial run"}),
        (_nothing_measured, {"nothing measured"}),
        (_control_passes_everything, {"control passes"}),
        (_control_is_only_undecided, {"control passes"}),
        (_control_passes_where_it_failed, {"control passes"}),
        (_control_is_not_run, {"control passes"}),
        (_harness_fails, {"harness error", "grade fell"}),
        (_harness_fails_on_a_control, {"harness error"}),
        (_claim_is_refuted, {"claim"}),
    ],
)
def test_red_when_broken(
    world: World, break_it: Callable[[World], None], expected: set[str]
) -> None:
    break_it(world)
    report = world.judge()
    assert rules(report) == expected
    assert not report.passes
    for problem in report.problems:
        assert problem.place
        assert problem.text
        assert problem.command.startswith("pytest --framework torch")


def _better(world: World) -> None:
    where = {"implementation": "torch.sigmoid", "dtype": "float32"}
    world.change(lambda c: replace(c, verdict="baseline"), **where)
    world.grades = world.recorded()
    world.change(passing, **where)


def _failure_is_gone_on_another_machine(world: World) -> None:
    world.header = header(machine={"cpu": "another"})
    _failure_is_gone_in_a_scope_of_what_fails(world)
    world.findings[0]["checks"][0]["mode"] = ["compiled"]


def _new_checks(world: World) -> None:
    world.cases.append(case("sigmoid-new", "sigmoid"))
    world.checks.append(check("torch.sigmoid", "sigmoid", "sigmoid-new"))


def _new_failure_of_a_control(world: World) -> None:
    world.cases.append(case("sigmoid-new", "sigmoid"))
    world.checks.append(failing(check(CONTROL, "sigmoid", "sigmoid-new"), "wrong"))


def _last_bits_on_another_machine(world: World) -> None:
    world.header = header(machine={"cpu": "another"})
    world.change(lambda c: replace(c, verdict="strict"), **PLAIN)


def _other_versions(world: World) -> None:
    world.header = header(versions={"torch": "2.14.0"})


def _fails_in_another_way_that_the_finding_allows(world: World) -> None:
    world.findings[0]["verdict"].append("wrong")
    world.change(lambda c: failing(c, "wrong"), **KNOWN, quantity="value")


def _unsupported_from_the_start(world: World) -> None:
    world.implementations.append(implementation("F.sigmoid", "sigmoid"))
    world.checks.append(check("F.sigmoid", "sigmoid", "sigmoid-tail", verdict="unsupported"))


@pytest.mark.parametrize(
    ("change_it", "note"),
    [
        (_better, "4 checks better than recorded, such as torch.sigmoid sigmoid-tail float32"),
        (_failure_is_gone_on_another_machine, "1 checks better than recorded"),
        (_new_checks, "1 checks not recorded yet"),
        (_new_failure_of_a_control, "1 checks not recorded yet"),
        (_last_bits_on_another_machine, "1 checks worse within strict, on another machine"),
        (
            _other_versions,
            "recorded with other versions: numpy 2.3.1, torch 2.13.0; now torch 2.14.0",
        ),
        (_fails_in_another_way_that_the_finding_allows, "failing in another way than recorded"),
        (_unsupported_from_the_start, None),
    ],
)
def test_green_with_a_note(
    world: World, change_it: Callable[[World], None], note: str | None
) -> None:
    change_it(world)
    report = world.judge()
    assert report.problems == []
    assert bool(report.notes) == (note is not None)
    assert note is None or any(note in text for text in report.notes)


def test_two_findings_for_one_check_cannot_be_judged(world: World) -> None:
    world.findings.append({**world.findings[0], "id": "torch-again"})
    with pytest.raises(UserError, match="narrow one of the patterns"):
        world.judge()


def test_grades_of_another_framework_cannot_be_compared(world: World) -> None:
    world.header = header(framework="jax")
    with pytest.raises(UserError, match="the recorded grades are those of torch"):
        world.judge()


def shown(report: GateReport, terminal: bool = False) -> str:
    stream = io.StringIO()
    show(report, Console(file=stream, force_terminal=terminal, width=120))
    return stream.getvalue()


def test_shown_in_one_line_when_green(world: World) -> None:
    assert shown(world.judge()) == f"torch: {len(world.checks)} checks, all as committed\n"


def test_shown_plainly_with_the_command_that_reproduces_it(world: World) -> None:
    _new_failure(world)
    text = shown(world.judge())
    assert "\x1b" not in text
    assert "2 problems (no finding 1, grade fell 1)" in text
    assert "no finding: torch.sigmoid sigmoid-tail float32 eager value: inaccurate" in text
    assert "got 20.5, truth 20.5000000012501528683454440212 (row x[1])" in text
    assert 'pytest --framework torch -k "sigmoid-tail and torch.sigmoid and eager"' in text
    assert "exact before, inaccurate now" in text
    assert "more" not in text


def test_shown_with_the_message_of_what_has_no_number(world: World) -> None:
    world.change(
        lambda c: replace(failing(c, "raised", None), got=None, message="RuntimeError: no Half"),
        **PLAIN,
    )
    assert "raised, and no finding covers it: RuntimeError: no Half\n" in shown(world.judge())


def test_shown_with_no_output_where_a_check_passes(world: World) -> None:
    _finding_does_not_fire(world)
    assert "torch-softplus-threshold matches it, but it is faithful\n" in shown(world.judge())


def test_shown_with_notes_and_how_to_record_them(world: World) -> None:
    _last_bits_on_another_machine(world)
    world.change(
        lambda c: replace(c, verdict="baseline"), implementation="F.softplus", mode="eager"
    )
    _new_checks(world)
    text = shown(world.judge())
    assert "note: the grades were recorded with other machine: a processor (avx2 fma)" in text
    assert "sigmoid-tail float32 eager value: exact before, strict now\n" in text
    assert "sigmoid-new float32 eager value: not measured before, exact now\n" in text
    assert text.endswith(f"record {world.folder}/results/torch.jsonl records them\n")


def test_shown_in_colour_on_a_terminal(world: World) -> None:
    _new_failure(world)
    text = shown(world.judge(), terminal=True)
    assert "  no finding\x1b[0m: torch.sigmoid sigmoid-tail" in text
    assert re.sub("\x1b.*?m", "", text) == shown(world.judge())


def test_many_problems_are_cut_and_do_not_hide_the_rare_one(world: World) -> None:
    for number in range(60):
        world.cases.append(case(f"sigmoid-{number:02}", "sigmoid"))
        for quantity in ("value", "gradient.x"):
            made = check("torch.sigmoid", "sigmoid", f"sigmoid-{number:02}", quantity=quantity)
            world.checks.append(failing(made))
    _claim_is_refuted(world)
    text = shown(world.judge())
    assert text.count("  no finding: ") == 19
    assert text.count("(and 1 more of this test)") == 19
    assert "  claim: cases/tails.yaml:3: softplus-tail: 'ln 2 at 0' does not hold" in text
    assert "  and 82 more\n" in text


NAMES = (
    "F.softplus",
    "F.cross_entropy (probabilities)",
    "softmax, shifted by the maximum",
    "x - x*z + log(1 + exp(-x))",
    "-sum(y*log(softmax(x)))",
    'relu(x, mode="not" if x[0] else "and")',
    "tf.nn.softmax(x)[..., 0]",
    "x",
)


def test_commands_select_their_test(tmp_path: Path) -> None:
    file = tmp_path / "test_names.py"
    ids = [f"case-{number}.x-{name}-{mode}" for number, name in enumerate(NAMES) for mode in MODES]
    file.write_text(
        "import pytest\n"
        f"@pytest.mark.parametrize('name', range({len(ids)}), ids={ids})\n"
        "def test(name): pass\n"
    )
    commands = [reproduce("torch", f"case-{n}.x", name, "eager") for n, name in enumerate(NAMES)]
    start, end = 'pytest --framework torch -k "', '"'
    assert all(command.startswith(start) and command.endswith(end) for command in commands)
    select = " or ".join(f"({command[len(start) : -len(end)]})" for command in commands)
    options = ["--collect-only", "-q", "-p", "no:cacheprovider", "-k", select, str(file)]
    found = subprocess.run(
        [sys.executable, "-m", "pytest", *options], capture_output=True, text=True, cwd=tmp_path
    )
    collected = {line.partition("[")[2][:-1] for line in found.stdout.splitlines() if "::" in line}
    assert collected == {name for name in ids if name.endswith("eager")}
