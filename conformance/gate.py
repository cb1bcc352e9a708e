"""The gate: does a run agree with what is committed?

It judges one results file by the findings, the grades and the policies of its framework. Nothing is
rewritten: a person removes a finding that no longer fires, and records grades.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest

from rich.console import Console
from rich.text import Text

from conformance import grades as grading
from conformance.errors import UserError
from conformance.findings import Findings
from conformance.grades import Change, ChangeKind, Grades
from conformance.policies.declarations import Declarations
from conformance.results import FAILING, Check, Key, Results

SHOWN = 20
GONE = "no longer fires"
"""The rule for a failure that is gone."""


@dataclass(frozen=True)
class Problem:
    """One reason not to pass.

    rule: what is broken, in two or three words. place: the check, or file and line. text: how.
    command: what reproduces it.
    """

    rule: str
    place: str
    text: str
    command: str


@dataclass(frozen=True)
class GateReport:
    """The judgement on one results file: it passes if there are no problems."""

    results: Results
    problems: list[Problem]
    notes: list[str] = field(default_factory=list)

    @property
    def passes(self) -> bool:
        """Whether there are no problems."""
        return not self.problems


def gate(
    results: Results, findings: Findings, grades: Grades, declared: Declarations
) -> GateReport:
    """Judge a run. Raises `UserError` if it cannot be judged (two findings for one check)."""
    command = f"pytest --framework {results.framework}"
    if grades.framework != results.framework:
        problem = f"the recorded grades are those of {grades.framework}"
        raise UserError(results.file, "", problem, "compare with its own")
    if results.header.selection != "all":
        text = f"only a part of the suite was run ({results.header.selection})"
        return GateReport(results, [Problem("partial run", str(results.file), text, command)])
    if not results.checks:
        text = "the run has no checks"
        return GateReport(results, [Problem("nothing measured", str(results.file), text, command)])
    changes = grading.compare(grades, grading.of(results))
    judged = list(_checks(results, findings))
    told = {problem.place for problem in judged if problem.rule == GONE}
    problems = chain(
        judged,
        _unused(results, findings),
        _controls(results, changes),
        _claims(results),
        _policies(results, declared),
        (problem for problem in _grades(results, changes) if problem.place not in told),
    )
    return GateReport(results, list(problems), list(_notes(results, grades, changes)))


def reproduce(framework: str, case: str = "", implementation: str = "", mode: str = "") -> str:
    """The pytest command that runs the tests of these names (wildcards are left out)."""
    names = re.findall(r"[\w.+:/-]+", f"{case} {implementation} {mode}")
    telling = [name for name in names if len(name) > 2 and re.search(r"[A-Za-z]", name)]
    words = [name for name in dict.fromkeys(telling) if name not in ("and", "not")]
    select = f' -k "{" and ".join(words)}"' if words else ""
    return f"pytest --framework {framework}{select}"


def show(report: GateReport, console: Console) -> None:
    """Print what is wrong, and for each problem the command that reproduces it."""
    results = report.results
    head = f"{results.framework}: {len(results.checks)} checks"
    if report.passes:
        _print(console, f"{head}, all as committed")
    else:
        rules = Counter(problem.rule for problem in report.problems)
        count = ", ".join(f"{rule} {number}" for rule, number in rules.items())
        _print(console, f"{head}, {len(report.problems)} problems ({count})")
        _show_problems(report.problems, console)
    for note in report.notes:
        _print(console, f"note: {note}")


def _print(console: Console, *parts: str | tuple[str, str]) -> None:
    """Print texts and (text, style) pairs on one line, whole, so that it can be copied."""
    console.print(Text.assemble(*parts), soft_wrap=True)


def _show_problems(problems: list[Problem], console: Console) -> None:
    alike: dict[tuple[str, str], list[Problem]] = defaultdict(list)
    for problem in problems:
        alike[problem.rule, problem.command].append(problem)
    shown = list(islice(_by_turns(alike.values()), SHOWN))
    rules = list(dict.fromkeys(problem.rule for problem in problems))
    for first, *others in sorted(shown, key=lambda group: rules.index(group[0].rule)):
        more = f" (and {len(others)} more of this test)" if others else ""
        _print(console, ("  " + first.rule, "bold red"), f": {first.place}: {first.text}{more}")
        _print(console, ("      " + first.command, "cyan"))
    left = len(problems) - sum(map(len, shown))
    if left:
        _print(console, f"  and {left} more")


def _by_turns(groups: Iterable[list[Problem]]) -> Iterator[list[Problem]]:
    """One group of each rule, then the second of each: many of one rule do not hide another."""
    rules: dict[str, list[list[Problem]]] = defaultdict(list)
    for group in groups:
        rules[group[0].rule].append(group)
    rounds = chain.from_iterable(zip_longest(*rules.values()))
    return (group for group in rounds if group is not None)


def _at(results: Results, key: Key, rule: str, text: str) -> Problem:
    command = reproduce(results.framework, key.case, key.implementation, key.mode)
    return Problem(rule, str(key), text, command)


def _is_control(results: Results, name: str) -> bool:
    known = results.implementations.get(name)
    return known is not None and bool(known.control)


def _checks(results: Results, findings: Findings) -> Iterator[Problem]:
    """Every check agrees with the findings; negative controls need none, and no harness fails."""
    for check in results.checks:
        if check.verdict == "harness-error":
            yield _at(results, check.key, "harness error", check.message or "the suite failed")
        elif not _is_control(results, check.implementation):
            ruling = findings.verdict_on(check)
            if ruling.rule:
                text = f"{ruling.problem}{_detail(check)}"
                yield _at(results, check.key, ruling.rule, text)


def _detail(check: Check) -> str:
    """The worst output, or the message, of a failing check."""
    if check.got is not None and check.fails:
        row = "" if check.row is None else f" (row {check.row})"
        return f": got {check.got}, truth {check.truth}{row}"
    return f": {check.message}" if check.message else ""


def _unused(results: Results, findings: Findings) -> Iterator[Problem]:
    """Every finding, and every name in its patterns, matches something."""
    for unused in findings.unused():
        place = f"{findings.file}:{unused.line}"
        pattern = unused.pattern
        command = reproduce(results.framework, pattern.case, pattern.implementation)
        yield Problem("matches nothing", place, f"{unused.finding}: {unused.problem}", command)


def _controls(results: Results, changes: list[Change]) -> Iterator[Problem]:
    """Every negative control fails somewhere, and wherever it failed before."""
    caught = {check.implementation for check in results.checks if check.catches}
    for name, implementation in results.implementations.items():
        if implementation.control and name not in caught:
            text = f"a negative control passes everything ({implementation.control})"
            command = reproduce(results.framework, implementation=name)
            yield Problem("control passes", name, text, command)
    for change in changes:
        if _is_control(results, change.key.implementation) and _stopped_failing(change):
            text = f"a negative control was {change.old} and is {change.new}"
            yield _at(results, change.key, "control passes", text)


def _stopped_failing(change: Change) -> bool:
    return change.kind == "rose" and change.old in FAILING


def _claims(results: Results) -> Iterator[Problem]:
    """Every claim of a source holds, or does not, as the case says."""
    for case in results.cases.values():
        for claim in case.claims:
            if not claim.as_documented:
                text = f"{case.case}: {claim.says!r} {claim.verdict}, unlike what the case says"
                yield Problem("claim", case.file, text, reproduce(results.framework, case.case))


def _policies(results: Results, declared: Declarations) -> Iterator[Problem]:
    """Every policy is declared, as it was when the run was made, and kept."""
    for policy in results.policies:
        place = declared.of(policy)
        option = place.declaration.option if place else ""
        command = reproduce(results.framework, policy.policy, policy.implementation, policy.mode)
        text = f"declared {option or 'nothing'}, observed {policy.observed}"
        if option != policy.observed:
            yield Problem("policy not kept", " ".join(policy.key), text, command)
        elif option != policy.declared or not policy.kept:
            text = f"declared {policy.declared or 'nothing'} at the run, {option} now; run it again"
            yield Problem("policy changed", " ".join(policy.key), text, command)
    for place, text in declared.unused([policy.key for policy in results.policies]):
        command = reproduce(results.framework, place.declaration.policy)
        yield Problem("policy not tested", f"{declared.file}:{place.line}", text, command)


def _grades(results: Results, changes: list[Change]) -> Iterator[Problem]:
    """No grade falls, no failure goes unnoticed, and no check disappears."""
    for change in changes:
        if change.fails and change.kind == "gone":
            text = f"fewer checks than before: it was {change.old}, and is not measured"
            yield _at(results, change.key, "check disappeared", text)
        elif change.fails and change.kind == "rose":
            if not _is_control(results, change.key.implementation):
                text = f"{change.old} before, {change.new} now; review and record it"
                yield _at(results, change.key, GONE, text)
        elif change.fails:
            yield _at(results, change.key, "grade fell", f"{change.old} before, {change.new} now")


def _notes(results: Results, grades: Grades, changes: list[Change]) -> Iterator[str]:
    now = grading.of(results)
    for name in ("machine", "versions"):
        old, new = getattr(grades, name), getattr(now, name)
        if old != new:
            yield f"the grades were recorded with other {name}: {old}; now {new}"
    what: dict[ChangeKind, str] = {
        "new": "not recorded yet",
        "rose": "better than recorded",
        "other": "failing in another way than recorded",
        "fell": "worse within strict, on another machine",
    }
    counts = Counter(change.kind for change in changes if not change.fails)
    for kind, text in what.items():
        if counts[kind]:
            example = next(c for c in changes if c.kind == kind and not c.fails)
            now_is = f"{example.key}: {example.old or 'not measured'} before, {example.new} now"
            yield f"{counts[kind]} checks {text}, such as {now_is}"
    if counts:
        yield f"python -m conformance record {results.file} records them"
