"""Counts of a report: per framework, what fails unexplained, controls, claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conformance.report.read import Kind, Report, is_control, kind
from conformance.results import VERDICTS, Case, Check, Claim, Implementation, Results

NO_EVIDENCE = ("undecided", "harness-error")
"""Failing verdicts that do not show that code is wrong."""

Counts = dict[str, int]

KINDS = {"public": "public functions", "composition": "compositions", "control": "controls"}


@dataclass(frozen=True)
class Tally:
    """The checks of a framework's public functions, or of the compositions that users write."""

    run: Results
    kind: Kind
    verdicts: Counts
    implementations: int
    operators: int
    failing: int
    unexplained: int

    @property
    def checks(self) -> int:
        return sum(self.verdicts.values())


@dataclass(frozen=True)
class Control:
    """A negative control: code known to be bad, which must fail at least one check.

    caught_by: the cases that it fails, sorted.
    """

    framework: str
    implementation: Implementation
    verdicts: Counts
    caught_by: tuple[str, ...]

    @property
    def caught(self) -> bool:
        return bool(self.caught_by)


def tallies(report: Report) -> list[Tally]:
    """Counts of every framework, negative controls apart."""
    kinds: tuple[Kind, ...] = ("public", "composition")
    found = [_tally(run, which) for run in report.runs for which in kinds]
    return [tally for tally in found if tally.implementations]


def _tally(run: Results, which: Kind) -> Tally:
    own = [i for i in run.implementations.values() if kind(i) == which]
    names = {i.name for i in own}
    checks = [check for check in run.checks if check.implementation in names]
    return Tally(
        run,
        which,
        _verdicts(checks),
        len(own),
        len({i.operator for i in own}),
        sum(check.fails for check in checks),
        sum(check.fails and check.finding is None for check in checks),
    )


def unexplained(report: Report) -> Iterator[tuple[str, Check]]:
    """Failing checks that no finding explains, with their framework; negative controls apart."""
    for run in report.runs:
        for check in run.checks:
            if check.fails and check.finding is None and not is_control(run, check):
                yield run.framework, check


def covered(report: Report) -> dict[str, int]:
    """Number of checks that each finding explains."""
    found = Counter(check.finding for run in report.runs for check in run.checks)
    return {known.finding.id: found[known.finding.id] for known in report.findings}


def controls(report: Report) -> list[Control]:
    """The negative controls and whether the suite caught them."""
    return [
        _control(run, implementation)
        for run in report.runs
        for implementation in run.implementations.values()
        if implementation.control
    ]


def _control(run: Results, implementation: Implementation) -> Control:
    checks = [check for check in run.checks if check.implementation == implementation.name]
    caught_by = {c.case for c in checks if c.fails and c.verdict not in NO_EVIDENCE}
    return Control(run.framework, implementation, _verdicts(checks), tuple(sorted(caught_by)))


def claims(report: Report) -> list[tuple[Case, int, Claim]]:
    """Every claim with its case and its number in the case; those that do not hold come first."""
    found = [(case, n, c) for case in report.cases.values() for n, c in enumerate(case.claims)]
    return sorted(found, key=lambda item: (holds(item[2]), item[0].case, item[1]))


def holds(claim: Claim) -> bool:
    """Whether the reference found that the claim holds."""
    return claim.verdict == "holds"


def _verdicts(checks: Sequence[Check]) -> Counts:
    found = Counter[str](check.verdict for check in checks)
    return {verdict: found[verdict] for verdict in VERDICTS if found[verdict]}
