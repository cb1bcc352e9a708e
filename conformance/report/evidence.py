"""What the results say of each operator: its implementations, their verdicts, its findings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from conformance.report.read import Kind, Known, Report, kind
from conformance.results import VERDICTS, Check, Implementation, Results


@dataclass(frozen=True)
class Measured:
    """An implementation of an operator and what its checks say, by dtype."""

    run: Results
    implementation: Implementation
    kind: Kind
    verdicts: Mapping[str, Counter[str]]

    @property
    def framework(self) -> str:
        return self.run.framework

    @property
    def version(self) -> str:
        return str(self.run.header.versions.get(self.run.framework, ""))

    def worst_in(self, dtype: str) -> str | None:
        """The worst verdict in a dtype, None without any check."""
        return worst(self.verdicts.get(dtype, Counter()))


@dataclass
class Evidence:
    """What the results say of one operator."""

    measured: list[Measured] = field(default_factory=list)
    controls: int = 0
    cases: set[str] = field(default_factory=set)
    findings: dict[str, Known] = field(default_factory=dict)
    quantities: Counter[str] = field(default_factory=Counter)

    def of(self, framework: str) -> list[Measured]:
        """The implementations of one framework, public functions first."""
        own = [m for m in self.measured if m.framework == framework]
        return sorted(own, key=lambda m: m.kind != "public")

    def worst_of(self, framework: str) -> str | None:
        """The worst verdict of its public functions; of compositions where there are none."""
        own = self.of(framework)
        chosen = [m for m in own if m.kind == "public"] or own
        return worst(sum((c for m in chosen for c in m.verdicts.values()), Counter()))


def evidence(report: Report) -> Mapping[str, Evidence]:
    """The results by operator, for every operator there is."""
    found: dict[str, Evidence] = defaultdict(Evidence)
    known = {item.finding.id: item for item in report.findings}
    for run in report.runs:
        checks: dict[str, list[Check]] = defaultdict(list)
        for check in run.checks:
            checks[check.implementation].append(check)
        for implementation in run.implementations.values():
            own = found[implementation.operator]
            if kind(implementation) == "control":
                own.controls += 1
                continue
            own.measured.append(_measured(run, implementation, checks[implementation.name]))
            for check in checks[implementation.name]:
                own.cases.add(check.case)
                own.quantities[check.quantity] += 1
                if check.finding is not None:
                    own.findings[check.finding] = known[check.finding]
    return found


def _measured(run: Results, implementation: Implementation, checks: Sequence[Check]) -> Measured:
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    for check in checks:
        verdicts[check.dtype][check.verdict] += 1
    return Measured(run, implementation, kind(implementation), verdicts)


def worst(verdicts: Mapping[str, int]) -> str | None:
    """The worst verdict there is; `unsupported` only where there is no other."""
    present = [v for v in VERDICTS if verdicts.get(v)]
    measured = [v for v in present if v != "unsupported"]
    return (measured or present or [None])[-1]
