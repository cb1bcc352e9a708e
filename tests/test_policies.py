"""Policies: what probes see of known functions, what declarations may say, and what turns red."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from policy_adapter import ADAPTER
from small_runs import DECLARATION, World, policy

from adapters.base import Implementation
from conformance.__main__ import main
from conformance.errors import UserError
from conformance.policies import POLICIES
from conformance.policies.declarations import Declarations, load
from conformance.policies.observe import Choice, Observatory
from conformance.policies.policy import Policy
from conformance.policies.propose import propose
from reference.operators import OPERATORS

ROOT = Path(__file__).parent.parent
FILE = ROOT / "tests" / "policy_adapter.py"
CASES = """theme: nothing to compute
cases:
  - id: softplus-0
    operator: softplus
    source: "derivation: ln 2"
    why: A suite needs a case; no implementation is of its operator.
    rows: {zero: {x: 0}}
"""


# What the probes see.

KNOWN = {
    "picked": {
        "invalid_index": "raises",
        "negative_index": "wraps",
        "index_minus_100": "raises",
        "index_int32": "accepted",
        "index_uint8": "accepted",
        "index_float32": "raises",
        "float64": "float64",
        "empty_batch": "empty",
    },
    "clamped": {"invalid_index": "clamps", "negative_index": "clamps"},
    "strict": {"invalid_index": "nan", "index_minus_100": "nan"},
    "kept": {"all_ignored": "zero", "ignored_row_contents": "contained"},
    "masked": {"all_ignored": "zero", "ignored_row_contents": "leaks"},
    "mean over rows": {"mean_divisor": "rows", "all_ignored": "zero", "empty_batch": "nan"},
    "mean over kept rows": {"mean_divisor": "kept rows", "all_ignored": "nan"},
    "mean over class weights": {"mean_divisor": "class weights", "zero_weights": "nan"},
    "mean over non-zero weights": {"mean_divisor": "non-zero weights", "half_sum": "wide"},
    "bare": {
        "clipping": "none",
        "zero_times_infinity": "nan",
        "probability_domain": "nan",
        "broadcasting": "broadcasts",
        "clip_tie": "no clip",
    },
    "floor": {"clipping": "log floor -100"},
    "clip": {
        "clipping": "clips at 1e-07",
        "clip_tie": "halves",
        "probability_domain": "clips",
        "zero_times_infinity": "zero",
    },
    "add": {"clipping": "adds 1e-10"},
    "all classes": {
        "smoothing": "over all classes",
        "label_sum": "as they are",
        "broadcasting": "raises",
        "labels_int64": "accepted",
    },
    "other classes": {"smoothing": "over the other classes"},
    "normalised": {"label_sum": "normalised"},
    "wide tanh": {"float64": "float64", "half_precision": "once", "subnormals": "kept"},
    "narrow tanh": {"float64": "float32 inside"},
    "maximum": {"kink": "middle"},
}


@cache
def observed() -> dict[tuple[str, str, str], str]:
    observatory = Observatory(ADAPTER)
    observatory.planned = observatory.choices
    return {choice.key: observatory.tell(choice) for choice in observatory.choices}


@pytest.mark.parametrize(
    ("name", "policy", "option"),
    [(name, policy, option) for name, known in KNOWN.items() for policy, option in known.items()],
)
def test_what_a_known_function_does_is_seen(name: str, policy: str, option: str) -> None:
    assert observed()[name, policy, "eager"] == option


def test_every_observation_is_an_option() -> None:
    for (name, asked, _), told in observed().items():
        assert POLICIES[asked].has(told), (name, asked, told)


def test_a_policy_is_asked_of_those_it_concerns() -> None:
    asked = {(name, policy) for name, policy, _ in observed()}
    assert ("picked", "ignored_row_contents") not in asked
    assert ("maximum", "mean_divisor") not in asked
    assert ("wide tanh", "kink") not in asked
    public = {i.name for i in ADAPTER.implementations if i.public}
    for of_functions in ("subnormals", "half_precision", "index_int32", "labels_int64"):
        assert {name for name, policy in asked if policy == of_functions} <= public


@pytest.mark.parametrize("reductions", [{}, {"none": "none", "sum": "sum", "mean": "mean"}])
@pytest.mark.parametrize("name", OPERATORS)
def test_every_policy_can_be_asked_of_every_operator(name: str, reductions: dict[str, str]) -> None:
    operator = OPERATORS[name]
    names = [*(i.name for i in operator.inputs), *operator.parameters]
    names += ["z.sigmoid(0)", "z.softmax(0)"] + ["reduction=reduction"] * bool(reductions)
    code = f"cross_entropy({', '.join(names)})"
    row = Implementation(name, name, code, public="a.name", reductions=reductions)
    for known in POLICIES.values():
        for asked, call in known.ask(ADAPTER, row):
            assert asked.operator == call.operator == name
            assert set(call.inputs) == {i.name for i in operator.inputs}
            assert set(call.parameters) <= asked.names


def test_negative_controls_declare_nothing() -> None:
    import adapters

    observatory = Observatory(adapters.load("numpy"))
    assert observatory.choices
    assert not any(choice.implementation.control for choice in observatory.choices)


def test_every_policy_has_a_question_and_options_with_a_meaning() -> None:
    for known in POLICIES.values():
        assert known.question.endswith("?")
        assert len(known.options) >= 2
        assert all(known.options.values()), known.name
        assert not known.has("unclear: anything")
        assert not known.has("")


def test_an_option_may_carry_a_number() -> None:
    known = POLICIES["clipping"]
    assert known.has("clips at 1e-07")
    assert known.has("log floor -100")
    assert not known.has("clips at")
    assert known.meaning("clips at 1e-07") == known.options["clips at {}"]
    assert known.meaning("clips somewhere") == ""


def test_what_no_option_describes_is_unclear(monkeypatch: pytest.MonkeyPatch) -> None:
    observatory = Observatory(ADAPTER)
    choice = observatory.choices[0]

    def fails(_: Any) -> str:
        raise ZeroDivisionError("by zero")

    monkeypatch.delenv("CONFORMANCE_DEBUG", raising=False)
    told = _with(choice, fails)
    assert told.startswith("unclear: ZeroDivisionError: by zero")
    assert _with(choice, lambda _: "another").startswith("unclear: another; value [")


def _with(choice: Choice, tell: Any) -> str:
    """What is told of a choice whose policy tells this."""
    known = choice.policy
    changed = Policy(known.name, known.question, known.options, known.ask, tell)
    observatory = Observatory(ADAPTER)
    return observatory.tell(Choice(choice.implementation, changed, choice.mode, choice.tasks))


# Declarations.

ENTRY = """- policy: clipping
  option: none
  implementations: ["bare"]
  says: not documented
  documentation: https://example.org/page
  read: "1.0"
"""


def declared(folder: Path, text: str) -> Declarations:
    file = folder / "chooser.yaml"
    file.write_text(text)
    return load(file, POLICIES)


def test_declarations_match_names_wildcards_and_modes(tmp_path: Path) -> None:
    text = ENTRY.replace('["bare"]', '["*"]\n  but: ["f*"]\n  modes: [eager]')
    found = declared(tmp_path, text)
    assert found.find("bare", "clipping", "eager") is not None
    assert found.find("floor", "clipping", "eager") is None
    assert found.find("bare", "clipping", "compiled") is None
    assert found.find("bare", "float64", "eager") is None


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("policy: clipping", "policy: cliping", 1, "there is no policy cliping; use mean_divisor,"),
        ("option: none", "option: some", 2, "clipping has no option some; use none, log"),
        ("says: not documented", "says: TODO", 4, "clipping: says is not written; write it"),
        ("  says: not documented\n", "", 1, "missing required field `says`"),
        ("https://example.org/page", "page", 5, "documentation"),
        ("  read:", "  when:", 6, "unknown field `when`"),
        ('["bare"]', "[]", 3, "implementations"),
    ],
)
def test_a_bad_declaration_is_one_line(
    tmp_path: Path, old: str, new: str, line: int, message: str
) -> None:
    assert old in ENTRY
    with pytest.raises(UserError) as error:
        declared(tmp_path, ENTRY.replace(old, new))
    assert error.value.place == line
    assert message in str(error.value)


def test_doubled_and_unused_declarations_are_errors(tmp_path: Path) -> None:
    chosen = [SimpleNamespace(key=("bare", "clipping", "eager"))]
    declared(tmp_path, ENTRY).check(chosen)
    for text, line, message in (
        (ENTRY + ENTRY, 7, "clipping of bare (eager) is declared in line 1 and here"),
        (ENTRY.replace('"bare"', '"bare", "bear"'), 1, "implementation bear is about nothing"),
        (ENTRY + ENTRY.replace("clipping", "clip_tie").replace("none", "no clip"), 7, "is about"),
        (ENTRY.replace("  says", "  modes: [eager, graph]\n  says"), 1, "mode graph is about"),
        (ENTRY.replace("  says", '  but: ["x"]\n  says'), 1, "but x is about nothing"),
    ):
        with pytest.raises(UserError) as error:
            declared(tmp_path, text).check(chosen)
        assert error.value.place == line
        assert message in str(error.value)


def test_a_framework_without_a_file_declares_nothing(tmp_path: Path) -> None:
    found = load(tmp_path / "none.yaml", POLICIES)
    assert not found.exists
    assert found.places == ()


# Proposals, and a run from the outside.


@cache
def proposed() -> str:
    """Declarations of everything, as they are proposed, completed by a person in a hurry."""
    text = propose(Observatory(ADAPTER), Declarations(Path("none.yaml"), (), False))
    text = text.replace("says: TODO", "says: not documented").replace("read: TODO", 'read: "1.0"')
    return text + "\n"


def test_proposals_are_complete(tmp_path: Path) -> None:
    found = declared(tmp_path, proposed())
    observatory = Observatory(ADAPTER)
    found.check(observatory.choices)
    for choice in observatory.choices:
        place = found.of(choice)
        assert place is not None
        assert place.declaration.option == observed()[choice.key]
    assert propose(observatory, found) == ""


@dataclass
class Done:
    status: int
    text: str


def run(folder: Path, text: str, *options: str) -> Done:
    """A run of the known functions with these declarations."""
    for name, file, content in (
        ("policies", "chooser.yaml", text),
        ("cases", "x.yaml", CASES),
        ("findings", "none.yaml", "[]"),
    ):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / file).write_text(content)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--framework={FILE}"]
    command += [
        f"--{name}={folder / name}" for name in ("policies", "cases", "findings", "results")
    ]
    done = subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    return Done(done.returncode, done.stdout + done.stderr)


def test_a_run_with_every_policy_declared_is_green(tmp_path: Path) -> None:
    done = run(tmp_path, proposed())
    assert done.status == 0, done.text[-3000:]
    assert f"{len(observed())} policies: {len(observed())} kept" in done.text


def flipped() -> list[tuple[str, str]]:
    """One declaration of each policy, with another of its options."""
    found = {}
    for (name, asked, _), option in observed().items():
        others = (o for o in POLICIES[asked].options if o != option and "{" not in o)
        found[asked] = (name, next(others))
    return [(f"{asked}|{name}", other) for asked, (name, other) in found.items()]


@pytest.mark.parametrize(("place", "other"), flipped())
def test_the_opposite_of_a_declaration_is_not_kept(place: str, other: str, tmp_path: Path) -> None:
    from conformance.policies.run import PolicyRun

    policy, name = place.split("|")
    head = f"- policy: {policy}\n  option: {other}\n  implementations: ['{name}']\n"
    tail = "  says: x\n  documentation: https://example.org\n  read: x\n"
    (tmp_path / "chooser.yaml").write_text(head + tail)
    policies = PolicyRun(ADAPTER, tmp_path)
    choice = next(c for c in policies.choices if c.key[:2] == (name, policy))
    record = policies.record(choice)
    assert not record.kept
    assert record.declared == other
    assert POLICIES[policy].question in policies.explain(choice, record)


def test_one_declaration_turned_round_turns_the_run_red(tmp_path: Path) -> None:
    turned = proposed().replace("option: wraps", "option: clamps")
    assert turned != proposed()
    done = run(tmp_path, turned, "-k", "picked and negative_index")
    assert done.status == 1
    line = 1 + turned[: turned.index("policy: negative_index\n  option: clamps")].count("\n")
    for words in (
        "1 failed",
        "picked: negative_index (eager)",
        "  What is the loss of a row whose label is -1?",
        "  declared: clamps (policies/chooser.yaml:",
        "  observed: wraps (the class counted from the end",
        "  documentation: not documented (https://example.org/page, 1.0)",
        "    print(picked(log_probabilities, labels))  # eager, float32",
    ):
        assert words in done.text, (words, line, done.text[-3000:])
    assert "Traceback" not in done.text


def test_what_is_not_declared_turns_the_run_red(tmp_path: Path) -> None:
    entries = proposed().split("- policy: ")
    without = "- policy: ".join(e for e in entries if not e.startswith("kink"))
    done = run(tmp_path, without, "-k", "kink")
    assert done.status == 1
    assert "declared: nothing; complete " in done.text
    assert "chooser.yaml (python -m conformance policies chooser --propose)" in done.text
    assert "observed: middle (half of both)" in done.text


def test_a_mistake_in_the_file_is_one_line(tmp_path: Path) -> None:
    done = run(tmp_path, proposed() + ENTRY)
    assert done.status == 4
    (line,) = [line for line in done.text.splitlines() if line.startswith("ERROR")]
    assert "clipping of bare (eager) is declared in line" in line


# The gate and the command line.


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.policies.append(policy("F.softplus", "float64"))
    made.declarations.append(dict(DECLARATION))
    return made


def rules(world: World) -> set[str]:
    return {problem.rule for problem in world.judge().problems}


def test_the_gate_passes_kept_policies(world: World) -> None:
    assert rules(world) == set()


def test_the_gate_sees_a_declaration_that_was_turned_round(world: World) -> None:
    world.declarations[0]["option"] = "float32 inside"
    assert rules(world) == {"policy not kept"}


def test_the_gate_sees_a_policy_that_is_not_declared(world: World) -> None:
    world.declarations.clear()
    assert rules(world) == {"policy not kept"}


def test_the_gate_sees_a_policy_that_was_not_tested(world: World) -> None:
    world.policies.clear()
    assert rules(world) == {"policy not tested"}


def test_the_gate_sees_declarations_that_changed_after_the_run(world: World) -> None:
    world.policies[0] = policy("F.softplus", "float64", "gives float32")
    world.declarations[0]["option"] = "gives float32"
    assert rules(world) == set()

    world.policies[0] = msgspec.structs.replace(world.policies[0], declared="float64", kept=False)
    assert rules(world) == {"policy changed"}


def test_the_command_line_lists_and_proposes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declared(tmp_path, ENTRY)
    assert main(["policies", str(FILE), "--policies", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"bare\tclipping\teager\tnone\t{tmp_path}/chooser.yaml:1" in lines
    assert "floor\tclipping\teager\t-\t" in lines
    assert len(lines) == len(observed())
    assert main(["policies", "nothing"]) == 2
    assert capsys.readouterr().err.startswith("error: nothing: ")


# The report.


def page(world: World) -> str:
    from conformance.report.policies import write_policies
    from conformance.report.read import read

    world.loaded_findings()
    file = world.results().file
    write_policies(read([file], world.folder / "findings"), world.folder / "page")
    return (world.folder / "page" / "index.html").read_text(encoding="utf-8")


def test_the_report_shows_each_choice_with_its_documentation(world: World) -> None:
    world.policies.append(policy("-logsigmoid(-x)", "float64", "float32 inside"))
    text = page(world)
    known = POLICIES["float64"]
    for words in (
        'id="float64"',
        known.question,
        known.options["float64"],
        known.options["float32 inside"],
        "<code>F.softplus</code>",
        'href="https://example.org/softplus"',
        "computed in the dtype of the input",
        "<p>Nothing.</p>",
    ):
        assert words in text, words
    assert 'id="clipping"' not in text
    assert "Not as declared" not in text
    assert "<script" not in text


def test_the_report_shows_contradictions_and_what_is_not_kept(world: World) -> None:
    first = world.policies[0]
    world.policies[:] = [
        msgspec.structs.replace(first, contradicts="the page says <otherwise>"),
        msgspec.structs.replace(first, mode="compiled", observed="gives float32", kept=False),
        msgspec.structs.replace(first, mode="graph", declared="", says="", kept=False),
    ]
    text = page(world)
    assert "the page says &lt;otherwise&gt;" in text
    assert "declared float64, observed gives float32" in text
    assert "declared nothing, observed float64" in text
    assert "<small>(compiled)</small>" in text


def test_every_framework_with_rows_of_its_own_declares_its_policies() -> None:
    import adapters

    declared = {file.stem for file in (ROOT / "policies").glob("*.yaml")}
    # Those with a backend or a variant in their name are not declared yet.
    assert declared == {name for name in adapters.FRAMEWORKS if "-" not in name} - {"numpy"}


@pytest.mark.parametrize("file", sorted((ROOT / "policies").glob("*.yaml")), ids=lambda f: f.stem)
def test_what_is_committed_is_well_formed(file: Path) -> None:
    found = load(file, POLICIES)
    assert found.places
    asked = {place.declaration.policy for place in found.places}
    assert len(asked) > len(POLICIES) / 2
