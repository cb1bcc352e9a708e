"""What the report is made of: whole results files that can be compared, and the findings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec

from conformance import findings as ledger
from conformance import results
from conformance.errors import UserError
from conformance.findings import Finding, Findings
from conformance.results import Case, Check, Implementation, Results

FRAMEWORKS = ("torch", "tensorflow", "jax", "numpy")
"""Order of columns; others follow in the alphabet's order."""

Kind = Literal["public", "composition", "control"]
_DOTTED = re.compile(r"[A-Za-z_]\w*\.[A-Za-z_]")

SEVERITIES = ("wrong-in-training", "accuracy", "special-values", "documentation")


class ReportError(UserError):
    """Results files that do not belong together."""


@dataclass(frozen=True)
class Known:
    """A finding and the framework whose ledger has it."""

    framework: str
    finding: Finding


@dataclass(frozen=True)
class Report:
    """Runs in the order of columns, findings by severity.

    Of each failing check, `finding` is what explains it by the findings as they are now, as the
    gate sees it; negative controls have none.
    """

    runs: tuple[Results, ...]
    findings: tuple[Known, ...]

    @property
    def cases(self) -> dict[str, Case]:
        """Every case by id, sorted."""
        found = {name: case for run in self.runs for name, case in run.cases.items()}
        return dict(sorted(found.items()))


def read(files: Sequence[Path], findings_folder: Path) -> Report:
    """Read runs and findings.

    Raises UserError where a file cannot be used, ReportError where files do not fit together.
    """
    runs: list[Results] = []
    for file in sorted(files):
        run = results.read(file)
        for other in runs:
            _comparable(run, other)
        runs.append(run)
    if not runs:
        raise ReportError(findings_folder, "", "there are no results to report", "name some files")
    known = {file.stem: ledger.load(file) for file in sorted(findings_folder.glob("*.yaml"))}
    explained = [_explained(run, known.get(run.framework)) for run in runs]
    return Report(
        tuple(sorted(explained, key=lambda run: _position(run.framework))), _by_severity(known)
    )


def kind(implementation: Implementation) -> Kind:
    """What an implementation is.

    `public` functions go by their dotted names, `compositions` of such by what they compute.
    """
    if implementation.control:
        return "control"
    return "public" if _DOTTED.match(implementation.name) else "composition"


def is_control(run: Results, check: Check) -> bool:
    """Whether the check is one of a negative control."""
    return kind(run.implementations[check.implementation]) == "control"


def _comparable(run: Results, other: Results) -> None:
    """Two runs are of two frameworks, on the same cases, judged by the same reference."""
    if run.framework == other.framework:
        problem = f"framework {run.framework} is also in {other.file}"
        raise ReportError(run.file, 1, problem, "give one file of each framework")
    parts: tuple[Literal["cases", "reference"], ...] = ("cases", "reference")
    for part in parts:
        if getattr(run.header, part) != getattr(other.header, part):
            problem = f"made with another version of {part}/ than {other.file}"
            raise ReportError(run.file, 1, problem, "run both frameworks again from one checkout")


def _explained(run: Results, known: Findings | None) -> Results:
    """The run with each failing check's finding, if it agrees with it."""

    def explain(check: Check) -> Check:
        finding = None
        if known is not None and check.fails and not is_control(run, check):
            ruling = known.verdict_on(check)
            finding = ruling.finding.id if ruling.finding and not ruling.rule else None
        return msgspec.structs.replace(check, finding=finding)

    return replace(run, checks=[explain(check) for check in run.checks])


def _by_severity(known: dict[str, Findings]) -> tuple[Known, ...]:
    found: dict[str, Known] = {}
    for framework, ledger_ in known.items():
        for finding in ledger_.findings:
            if finding.id in found:
                problem = f"finding {finding.id} is also in {found[finding.id].framework}.yaml"
                raise ReportError(ledger_.file, finding.id, problem, "choose another id")
            found[finding.id] = Known(framework, finding)

    def place(item: Known) -> tuple[int, tuple[int, str], str]:
        severity = SEVERITIES.index(item.finding.severity)
        return severity, _position(item.framework), item.finding.id

    return tuple(sorted(found.values(), key=place))


def _position(framework: str) -> tuple[int, str]:
    known = framework in FRAMEWORKS
    return (FRAMEWORKS.index(framework) if known else len(FRAMEWORKS), framework)
