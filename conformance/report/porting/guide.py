"""The equivalents of a call in every framework, as the results prove them.

The unit is a signature: an operator, the options that a case sets, and its reduction. Calls that
pass every check on the cases of a signature compute the same function there, to the accuracy that
the verdicts say. What a call shows is the very expression that ran.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from adapters.base import DTYPES
from conformance.report.read import Kind, Report, kind
from conformance.results import VERDICTS, Check, Implementation, Results, Verdict

Tier = Literal["proven", "partly", "other"]
TIERS: Mapping[Tier, str] = {
    "proven": "passes every check",
    "partly": "passes some checks",
    "other": "passes no check",
}
"""From best to worst."""
DEFAULT_DTYPE = "float32"
"""The dtype of the frameworks' own defaults: what works there comes before what does not."""


class Signature(NamedTuple):
    """What has to agree for two calls to answer the same question."""

    operator: str
    options: tuple[str, ...]
    reduction: str

    @property
    def id(self) -> str:
        """A name for addresses."""
        return "-".join([self.operator, *self.options, self.reduction]).replace("=", "-")

    @property
    def title(self) -> str:
        """The options and the reduction, in words."""
        return f"{', '.join(self.options) or 'no options'} · {self.reduction}"


@dataclass(frozen=True)
class Proof:
    """The checks of a call in one dtype: how many pass, the worst verdict and the worst error.

    over_bound: the worst finite error over the baseline bound; None without one.
    """

    dtype: str
    passed: int
    checks: int
    worst: Verdict
    over_bound: float | None

    @property
    def passes(self) -> bool:
        return self.passed == self.checks


class Failure(NamedTuple):
    """Where checks fail: cases and dtypes."""

    cases: list[str]
    dtypes: list[str]


@dataclass(frozen=True)
class Call:
    """An implementation at a signature: the expression that ran and what its checks say.

    checks: of its value and gradients; higher: those of its other derivatives, which are not part
    of the proof. rows: of its cases together. fixed: quantities that it declares not to have, why.
    """

    framework: str
    implementation: Implementation
    signature: Signature
    code: str
    checks: tuple[Check, ...]
    higher: tuple[Check, ...]
    rows: int
    fixed: Mapping[str, str]

    @property
    def kind(self) -> Kind:
        return kind(self.implementation)

    @property
    def cases(self) -> list[str]:
        return sorted({check.case for check in self.checks})

    @property
    def outputs(self) -> int:
        return sum(check.outputs for check in self.checks)

    @cached_property
    def proofs(self) -> list[Proof]:
        """By dtype, in the usual order; `all` is where measuring itself failed."""
        by: dict[str, list[Check]] = defaultdict(list)
        for check in self.checks:
            by[check.dtype].append(check)
        return [_proof(d, by[d]) for d in (*DTYPES, *sorted(set(by) - set(DTYPES))) if d in by]

    @cached_property
    def tier(self) -> Tier:
        passed = sum(check.passes for check in self.checks)
        return "proven" if passed == len(self.checks) else "partly" if passed else "other"

    @property
    def said(self) -> str:
        """What its checks say, in words."""
        if self.tier == "partly" and self.proven_in:
            return f"passes every check in {', '.join(self.proven_in)}"
        return TIERS[self.tier]

    @property
    def proven_in(self) -> list[str]:
        """The dtypes in which every check passes."""
        return [proof.dtype for proof in self.proofs if proof.passes]

    @property
    def worst(self) -> Verdict:
        return max((proof.worst for proof in self.proofs), key=VERDICTS.index)

    @cached_property
    def failures(self) -> dict[str, Failure]:
        """Finding -> where it says that the call fails; "" for what has no finding."""
        return _failures(self.checks)

    @cached_property
    def higher_failures(self) -> dict[str, Failure]:
        """The same for the derivatives that are not part of the proof."""
        return _failures(self.higher)

    @property
    def rank(self) -> tuple[object, ...]:
        """What is passed, in float32 first; a public function; better verdicts; shorter code."""
        return (
            list(TIERS).index(self.tier),
            DEFAULT_DTYPE not in self.proven_in,
            self.kind != "public",
            VERDICTS.index(self.worst),
            len(self.code),
            self.implementation.name,
        )


@dataclass(frozen=True)
class Guide:
    """Signature -> framework -> calls, the best first. Frameworks in the order of the report."""

    report: Report
    calls: Mapping[Signature, Mapping[str, Sequence[Call]]]

    @property
    def frameworks(self) -> list[str]:
        """Those that have a call at all: negative controls are no way to write anything."""
        used = {name for by in self.calls.values() for name in by}
        return [run.framework for run in self.report.runs if run.framework in used]

    def run(self, framework: str) -> Results:
        return next(run for run in self.report.runs if run.framework == framework)

    def of(self, operator: str) -> dict[Signature, Mapping[str, Sequence[Call]]]:
        """The signatures of an operator: few options first."""
        own = [s for s in self.calls if s.operator == operator]
        own.sort(key=lambda s: (len(s.options), s.options, s.reduction))
        return {signature: self.calls[signature] for signature in own}

    def find(self, signature: Signature, framework: str, implementation: str) -> Call | None:
        calls = self.calls.get(signature, {}).get(framework, ())
        return next((c for c in calls if c.implementation.name == implementation), None)


def guide(report: Report) -> Guide:
    """Read the guide off the results."""
    found: dict[Signature, dict[str, list[Call]]] = defaultdict(lambda: defaultdict(list))
    for run in report.runs:
        for call in _calls(run):
            found[call.signature][call.framework].append(call)
    ranked = {
        signature: {name: sorted(calls, key=lambda c: c.rank) for name, calls in by.items()}
        for signature, by in sorted(found.items())
    }
    return Guide(report, ranked)


def _calls(run: Results) -> Iterator[Call]:
    by: dict[tuple[str, Signature], list[Check]] = defaultdict(list)
    for check in run.checks:
        case = run.cases[check.case]
        signature = Signature(case.operator, tuple(case.options), case.reduction)
        by[check.implementation, signature].append(check)
    for (name, signature), checks in by.items():
        implementation = run.implementations[name]
        code = run.expressions.get((name, signature.options, signature.reduction))
        measured = tuple(check for check in checks if check.verdict != "unsupported")
        proof = tuple(check for check in measured if _first(check))
        if code is None or not proof or implementation.control:
            continue
        yield Call(
            run.framework,
            implementation,
            signature,
            code,
            proof,
            tuple(check for check in measured if not _first(check)),
            sum(run.cases[case].rows for case in {check.case for check in measured}),
            _fixed(checks, measured),
        )


def _first(check: Check) -> bool:
    """Whether it is about the value or a gradient (or about a measurement that failed)."""
    return not check.quantity.startswith(("jvp.", "hvp.", "mixed."))


def _failures(checks: Sequence[Check]) -> dict[str, Failure]:
    found: dict[str, list[Check]] = defaultdict(list)
    for check in checks:
        if check.fails:
            found[check.finding or ""].append(check)
    return {
        finding: Failure(sorted({c.case for c in own}), sorted({c.dtype for c in own}))
        for finding, own in sorted(found.items())
    }


def _fixed(checks: Sequence[Check], measured: Sequence[Check]) -> dict[str, str]:
    """Gradients that are declared away wherever the value is measured."""
    places = {(c.case, c.dtype, c.mode) for c in measured if c.quantity == "value"}
    return {
        c.quantity: c.message
        for c in checks
        if c.verdict == "unsupported" and _first(c) and (c.case, c.dtype, c.mode) in places
    }


def _proof(dtype: str, checks: Sequence[Check]) -> Proof:
    errors = [c.over_bound for c in checks if c.over_bound is not None and c.over_bound < 1e300]
    return Proof(
        dtype,
        sum(check.passes for check in checks),
        len(checks),
        max((check.verdict for check in checks), key=VERDICTS.index),
        max(errors, default=None),
    )
