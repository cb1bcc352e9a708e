"""Counts of a report: per framework, what fails unexplained, controls, claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from conformance.report.read import (
    FAILING,
    VERDICTS,
    Case,
    Check,
    Claim,
    Implementation,
    Report,
    Run,
)


@dataclass(frozen=True)
class Tally:
    """One framework's checks, negative controls apart."""

    run: Run
    verdicts: dict[str, int]
    implementations: int
    operators: int
    failing: int
    unexplained: int

    @property
    def checks(self) -> int:
        return sum(self.verdicts.values())


@dataclass(frozen=True)
class Control:
    """A negative control: code known to be bad, which must fail at least one check."""

    framework: str
    implementation: Implementation
    verdicts: dict[str, int]
    caught_by: tuple[str, ...]
    """Cases that it fails, sorted."""

    @property
    def caught(self) -> bool:
        return bool(self.caught_by)


@dataclass(frozen=True)
class Departure:
    """A failing check that no finding covers."""

    framework: str
    check: Check


def controls_of(run: Run) -> set[str]:
    """Names of the run's negative controls."""
    return {i.name for i in run.implementations if i.control}


def tally(run: Run) -> Tally:
    """Counts of one framework without its negative controls."""
    apart = controls_of(run)
    checks = [check for check in run.checks if check.implementation not in apart]
    failing = [check for check in checks if check.verdict in FAILING]
    own = [i for i in run.implementations if i.name not in apart]
    return Tally(
        run,
        _verdicts(checks),
        len(own),
        len({i.operator for i in own}),
        len(failing),
        sum(check.finding is None for check in failing),
    )


def unexplained(report: Report) -> Iterator[Departure]:
    """Failing checks without a finding, negative controls apart."""
    for run in report.runs:
        apart = controls_of(run)
        for check in run.checks:
            if check.verdict in FAILING and not check.finding and check.implementation not in apart:
                yield Departure(run.framework, check)


def covered(report: Report) -> dict[str, int]:
    """Number of checks that each finding covers."""
    found = Counter(check.finding for run in report.runs for check in run.checks if check.finding)
    return {finding.id: found[finding.id] for finding in report.findings}


def controls(report: Report) -> list[Control]:
    """The negative controls and whether the suite caught them."""
    found = []
    for run in report.runs:
        for implementation in run.implementations:
            if not implementation.control:
                continue
            checks = [c for c in run.checks if c.implementation == implementation.name]
            caught_by = {c.case for c in checks if c.verdict in FAILING}
            found.append(
                Control(run.framework, implementation, _verdicts(checks), tuple(sorted(caught_by)))
            )
    return found


def claims(report: Report) -> list[tuple[Case, int, Claim]]:
    """Every claim with its case and its number in the case; those that do not hold come first."""
    found = [(case, n, claim) for case in report.cases.values() for n, claim in enumerate(case.claims)]
    return sorted(found, key=lambda item: (holds(item[2]), item[0].case, item[1]))


def holds(claim: Claim) -> bool:
    """Whether the reference found that the claim holds."""
    return claim.verdict == "holds"


def _verdicts(checks: list[Check]) -> dict[str, int]:
    found = Counter(check.verdict for check in checks)
    return {verdict: found[verdict] for verdict in VERDICTS if found[verdict]}
