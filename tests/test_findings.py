"""Findings: what the loader refuses, and strictness in both directions."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_runs import FINDING, MODES, check, failing, replace

from conformance import findings
from conformance.errors import UserError
from conformance.findings import Findings
from conformance.results import Check

YAML = """\
- id: one
  title: a title
  severity: accuracy
  explanation: >
    why it happens
  upstream: []
  reproduction: |
    print(1)
  confirmed: mpmath
  checks:
    - {implementation: F.softplus, case: "*", dtype: [float64], mode: [eager], quantity: [value]}
    - {implementation: F.softplus, case: b, dtype: [float16], mode: [eager], quantity: [value]}
  verdict: [inaccurate, wrong]
  over_bound: [1, 2e3]
"""


def loaded(tmp_path: Path, *entries: dict[str, Any]) -> Findings:
    file = tmp_path / "torch.yaml"
    file.write_text(json.dumps(entries))
    return findings.load(file)


def finding(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(FINDING), **changes}


def measured(**changes: Any) -> Check:
    known = {"dtype": "float64", **changes}
    return check("F.softplus", "softplus", known.pop("case", "softplus-tail"), **known)


def test_a_complete_finding_is_read(tmp_path: Path) -> None:
    file = tmp_path / "torch.yaml"
    file.write_text(YAML)
    (one,) = findings.load(file).findings
    assert one.id == "one"
    assert one.over_bound == (1.0, 2000.0)
    assert [pattern.case for pattern in one.checks] == ["*", "b"]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("  title: a title\n", "", 1, "add `title`"),
        ("  over_bound: [1, 2e3]\n", "", 1, "add `over_bound`"),
        ("  title: a title", "  titel: a title", 2, "known keys are id, title, severity"),
        ("quantity: [value]}\n    -", "quality: [value]}\n    -", 11, "known keys are implementat"),
        ("severity: accuracy", "severity: bad", 3, r"severity: invalid enum value 'bad'"),
        ("id: one", "id: One", 1, "id: expected `str` matching regex"),
        ("[inaccurate, wrong]", "[inexact]", 13, "invalid enum value 'inexact'"),
        ("[inaccurate, wrong]", "[exact]", 13, "invalid enum value 'exact'"),
        ("[inaccurate, wrong]", "[harness-error]", 13, "invalid enum value 'harness-error'"),
        ("[inaccurate, wrong]", "[]", 13, "length >= 1"),
        ("[float64]", "[]", 11, "length >= 1"),
        ("[float16]", "[float8]", 12, "there is no dtype float8"),
        ("[float16]", "float16", 12, "expected `array`, got `str`"),
        ("why it happens", "TODO", 4, "explanation is not written; write it"),
        ("print(1)", "print(1)  # TODO say what it prints", 7, "reproduction is not written"),
        ("title: a title", "title: ' '", 2, "title is not written"),
        ("confirmed: mpmath", "confirmed: ''", 9, "length >= 1"),
        ("upstream: []", "upstream: [an issue]", 6, "matching regex"),
        ("upstream: []", "upstream: [pytorch/pytorch]", 6, "matching regex"),
        ("[1, 2e3]", "[2e3, 1]", 14, "is no band"),
        ("[1, 2e3]", "[0, 1]", 14, "is no band"),
        ("[1, 2e3]", "[.nan, 1]", 14, "is no band"),
        ("[1, 2e3]", "[1]", 14, "length 2"),
        ("[1, 2e3]", "[1, much]", 14, "expected `float`"),
        ("- id: one", "id: one", 1, "is not YAML"),
        ("  severity: accuracy", "  title: twice", 3, "key `title` is there twice"),
    ],
)
def test_refused_with_its_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert YAML.count(old) == 1
    file = tmp_path / "torch.yaml"
    file.write_text(YAML.replace(old, new))
    with pytest.raises(UserError, match=message) as error:
        findings.load(file)
    expected = 2 if message == "is not YAML" else line
    assert (error.value.file, error.value.place) == (str(file), expected)


def test_no_checks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="checks: expected `array` of length >= 1"):
        loaded(tmp_path, finding(checks=[]))


def test_an_id_is_there_once(tmp_path: Path) -> None:
    file = tmp_path / "torch.yaml"
    file.write_text(YAML + YAML)
    with pytest.raises(UserError, match=r"id one is taken \(line 1\)") as error:
        findings.load(file)
    assert error.value.place == 15


def test_a_framework_without_the_file_has_no_findings(tmp_path: Path) -> None:
    assert findings.load(tmp_path / "jax.yaml").findings == ()
    (tmp_path / "torch.yaml").write_text("# none\n")
    assert findings.load(tmp_path / "torch.yaml").findings == ()
    with pytest.raises(UserError, match="cannot be read"):
        findings.load(tmp_path / "no-folder" / "torch.yaml")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda c: failing(c), ""),
        (lambda c: failing(c, over_bound=100.0), ""),
        (lambda c: failing(c, over_bound=2000.0), ""),
        (lambda c: failing(c, over_bound=99.0), "out of band"),
        (lambda c: failing(c, over_bound=2001.0), "out of band"),
        (lambda c: failing(c, over_bound=float("inf")), "out of band"),
        (lambda c: failing(c, over_bound=float("nan")), "out of band"),
        (lambda c: failing(c, over_bound=None), "out of band"),
        (lambda c: failing(c, "wrong"), "other verdict"),
        (lambda c: failing(c, "raised", None), "other verdict"),
        (lambda c: c, "no longer fires"),
        (lambda c: replace(c, verdict="baseline"), "no longer fires"),
        (lambda c: replace(c, verdict="unsupported"), ""),
        (lambda c: failing(replace(c, dtype="float32")), "no finding"),
        (lambda c: failing(replace(c, mode="graph")), "no finding"),
        (lambda c: failing(replace(c, quantity="gradient.x")), "no finding"),
        (lambda c: failing(replace(c, case="softplus-plain")), "no finding"),
        (lambda c: failing(replace(c, implementation="torch.softplus")), "no finding"),
        (lambda c: failing(replace(c, dtype="float32"), "harness-error"), "no finding"),
        (lambda c: replace(c, dtype="float32"), ""),
    ],
)
def test_a_check_and_the_findings_agree_or_not(
    tmp_path: Path, change: Callable[[Check], Check], rule: str
) -> None:
    ruling = loaded(tmp_path, finding()).verdict_on(change(measured()))
    assert ruling.rule == rule
    assert bool(ruling.problem) == bool(rule)


@pytest.mark.parametrize(
    ("over_bound", "error", "rule"),
    [
        (None, None, ""),
        (None, float("nan"), ""),
        (None, float("inf"), ""),
        (None, 5.0, "out of band"),
        ([3, float("inf")], float("inf"), ""),
        ([3, float("inf")], 4.0, ""),
        ([3, float("inf")], 2.0, "out of band"),
        ([3, float("inf")], None, "out of band"),
    ],
)
def test_errors_that_are_no_finite_number(
    tmp_path: Path, over_bound: Any, error: float | None, rule: str
) -> None:
    one = finding(over_bound=over_bound)
    file = tmp_path / "torch.yaml"
    file.write_text(json.dumps([one]).replace("Infinity", ".inf"))
    assert findings.load(file).verdict_on(failing(measured(), over_bound=error)).rule == rule


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda c: c, ""),
        (lambda c: failing(c), ""),
        (lambda c: failing(c, over_bound=2001.0), "out of band"),
        (lambda c: failing(c, over_bound=99.0), "out of band"),
        (lambda c: failing(c, over_bound=float("inf")), ""),
        (lambda c: failing(c, over_bound=None), ""),
        (lambda c: failing(c, "wrong"), "other verdict"),
        (lambda c: failing(replace(c, dtype="float32")), "no finding"),
    ],
)
def test_the_scope_can_be_what_fails_there(
    tmp_path: Path, change: Callable[[Check], Check], rule: str
) -> None:
    found = loaded(tmp_path, finding(scope="failing"))
    made = change(measured())
    ruling = found.verdict_on(made)
    assert ruling.rule == rule
    assert (ruling.finding is not None) == (made.fails and made.dtype == "float64")
    assert len(found.unused()) == 1  # one mode at the most was seen


def test_a_scope_of_what_fails_may_go_without_a_band(tmp_path: Path) -> None:
    found = loaded(tmp_path, finding(scope="failing", over_bound=None))
    assert found.verdict_on(failing(measured(), over_bound=5.0)).rule == ""


def test_a_name_with_wildcards_in_it_matches_itself(tmp_path: Path) -> None:
    pattern = {**FINDING["checks"][0], "implementation": "softmax(x)[0]"}
    found = loaded(tmp_path, finding(checks=[pattern]))
    assert found.match(failing(measured(implementation="softmax(x)[0]"))) is not None
    assert found.match(failing(measured(implementation="softmax(x)0"))) is not None
    assert found.match(failing(measured(implementation="softmax(x)1"))) is None


def test_two_findings_for_one_check_are_an_error(tmp_path: Path) -> None:
    found = loaded(tmp_path, finding(), finding(id="another"))
    with pytest.raises(UserError, match=r"torch-softplus-threshold \(line 1\) and another both"):
        found.match(failing(measured()))


def test_two_patterns_of_one_finding_may_overlap(tmp_path: Path) -> None:
    found = loaded(tmp_path, finding(checks=FINDING["checks"] * 2))
    assert found.verdict_on(failing(measured())).rule == ""


def test_unused_are_findings_patterns_and_names_in_them(tmp_path: Path) -> None:
    used, never = FINDING["checks"][0], {**FINDING["checks"][0], "case": "gone"}
    found = loaded(tmp_path, finding(checks=[used, never]), finding(id="b", checks=[never]))
    assert len(found.unused()) == 3
    found.match(failing(measured(mode="eager")))
    problems = [(unused.finding, unused.problem) for unused in found.unused()]
    assert problems == [
        ("torch-softplus-threshold", "mode compiled of the pattern matches nothing"),
        ("torch-softplus-threshold", "the pattern matches nothing"),
        ("b", "the pattern matches nothing"),
    ]
    found.match(failing(measured(mode="compiled")))
    assert len(found.unused()) == 2


def test_a_variant_of_a_framework_shares_its_findings(tmp_path: Path) -> None:
    loaded(tmp_path, finding())
    shared = findings.load(tmp_path / "torch-plain.yaml")
    assert shared.unused() == []
    assert shared.verdict_on(failing(measured(case="softplus-tail"), over_bound=101)).rule == ""
    assert shared.verdict_on(measured()).rule == ""  # it does not have to fail
    assert shared.verdict_on(failing(measured(case="other"))).rule == "no finding"


def test_an_unsupported_check_uses_nothing(tmp_path: Path) -> None:
    found = loaded(tmp_path, finding())
    assert found.match(measured(verdict="unsupported")) is None
    assert len(found.unused()) == 1


def test_forty_findings_over_fifteen_thousand_checks_take_no_time(tmp_path: Path) -> None:
    pattern = FINDING["checks"][0]
    entries = [finding(id=f"f{n}", checks=[{**pattern, "case": f"c*-{n}"}]) for n in range(40)]
    found = loaded(tmp_path, *entries)
    names = [f"c{n}-{n % 50}" for n in range(3750)]
    checks = [measured(case=name, mode=mode) for name in names for mode in (*MODES, "graph", "xla")]
    start = time.perf_counter()
    matched = sum(found.match(one) is not None for one in checks)
    assert time.perf_counter() - start < 10  # 0.2 s where it was written
    assert matched == 6_000


def shared(tmp_path: Path, *frameworks: list[str] | None) -> Path:
    """A file of one finding with a pattern for each list of frameworks; case a, b, ..."""
    (pattern, *_) = FINDING["checks"]
    checks = [
        {**pattern, "case": case, **({} if names is None else {"framework": names})}
        for case, names in zip("abc", frameworks, strict=False)
    ]
    (tmp_path / "keras.yaml").write_text(json.dumps([finding(checks=checks)]))
    return tmp_path / "keras.yaml"


def test_frameworks_of_one_family_share_a_file(tmp_path: Path) -> None:
    file = shared(tmp_path, ["keras-torch"], ["keras-jax", "keras-torch"], ["keras-jax"])
    found = {
        name: findings.load(file.with_name(f"keras-{name}.yaml"))
        for name in ("torch", "jax", "tensorflow")
    }
    cases = {name: [p.case for f in own.findings for p in f.checks] for name, own in found.items()}
    assert cases == {"torch": ["a", "b"], "jax": ["b", "c"], "tensorflow": []}
    assert found["jax"].file == file
    # Strict in each: what a pattern of another framework says is not missed here.
    assert [unused.pattern.case for unused in found["jax"].unused()] == ["b", "c"]
    # A file of its own comes first.
    (tmp_path / "keras-jax.yaml").write_text("# none")
    assert findings.load(tmp_path / "keras-jax.yaml").findings == ()


def test_a_pattern_says_whom_it_is_about_where_that_is_open_and_there_alone(tmp_path: Path) -> None:
    file = shared(tmp_path, ["keras-jax"], None)
    with pytest.raises(UserError, match="name the frameworks it is about"):
        findings.load(file.with_name("keras-jax.yaml"))
    with pytest.raises(UserError, match="and no other, has `framework`; remove it"):
        findings.load(shared(tmp_path, ["keras-jax"]))
