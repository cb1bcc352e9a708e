"""Findings: the known departures of a framework, strict in both directions.

Every failing check is covered by exactly one finding; every check that a finding matches fails, in
the way and within the band that the finding says (unless its scope is what fails there); every
finding and every part of its patterns matches something. `findings/<framework>.yaml` is a list of
`Finding`s; see the class for its keys. Frameworks that are one code on several backends
(`keras-torch`, `keras-jax`) share one file, `keras.yaml`: a cause is explained once, and each
pattern names the frameworks that it is about.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec

from adapters.base import DTYPES
from conformance import yaml_lines
from conformance.errors import UserError
from conformance.results import Check

Text = Annotated[str, msgspec.Meta(min_length=1)]
Names = Annotated[list[Text], msgspec.Meta(min_length=1)]


class Pattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Some checks: shell-style wildcards in `implementation` and `case`, lists of names elsewhere.

    framework: in a file that several share, those it is about; None: the one of the file.
    Unsupported checks are never matched.
    """

    implementation: Text
    case: Text
    dtype: Names
    mode: Names
    quantity: Names
    framework: Names | None = None


class Finding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One known departure from the criterion.

    id: unique. title: one line. severity: what it does to those who meet it.
    explanation: why it happens, in the framework's code or definition.
    upstream: `owner/repo#number` or URLs; empty if none is known, with a reason in the explanation.
    reproduction: a few lines of Python that show it, with what they print.
    confirmed: how the truth was confirmed independently.
    checks: what it covers. verdict: the verdicts these checks may have.
    over_bound: least and greatest worst error over the baseline bound (`.inf` for infinite errors);
        null where the error is no finite number (raised, accepted, infinities, NaN).
    scope: `exact`: every check that the patterns match fails. `failing`: the patterns say where to
        look, and the finding covers what fails there; for code that is wrong at so many inputs that
        a list would say less than the grades, which pin every check.
    """

    id: Annotated[str, msgspec.Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: Text
    severity: Literal["wrong-in-training", "accuracy", "special-values", "documentation"]
    explanation: Text
    upstream: list[Annotated[str, msgspec.Meta(pattern=r"^([\w.-]+/[\w.-]+#\d+|https?://\S+)$")]]
    reproduction: Text
    confirmed: Text
    checks: Annotated[list[Pattern], msgspec.Meta(min_length=1)]
    verdict: Annotated[
        list[Literal["inaccurate", "wrong", "raised", "accepted", "undecided"]],
        msgspec.Meta(min_length=1),
    ]
    over_bound: tuple[float, float] | None
    scope: Literal["exact", "failing"] = "exact"


class Ruling(NamedTuple):
    """What the findings say of a check: the finding that matches it, and what is contradicted.

    rule: "no finding", "no longer fires", "other verdict" or "out of band"; "" if they agree.
    """

    finding: Finding | None
    rule: str = ""
    problem: str = ""


class Unused(NamedTuple):
    """A pattern, or a part of it, that no check matched."""

    line: int
    finding: str
    pattern: Pattern
    problem: str


@dataclass
class _Rule:
    """A pattern of a finding, its line, and the names that it has matched."""

    finding: Finding
    pattern: Pattern
    line: int
    matched: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.implementation = re.compile(fnmatch.translate(self.pattern.implementation))
        self.case = re.compile(fnmatch.translate(self.pattern.case))

    def covers(self, implementation: str, case: str) -> bool:
        pattern = self.pattern  # a name with wildcards in it matches itself
        by_name = implementation == pattern.implementation or self.implementation.match(
            implementation
        )
        return bool(by_name and (case == pattern.case or self.case.match(case)))

    def takes(self, check: Check) -> bool:
        pattern = self.pattern
        if (
            check.dtype not in pattern.dtype
            or check.mode not in pattern.mode
            or check.quantity not in pattern.quantity
        ):
            return False
        if self.finding.scope == "failing" and not check.fails:
            return False
        self.matched |= {(name, getattr(check, name)) for name in _LISTS}
        return True

    def unmatched(self) -> str:
        """What of the pattern has matched nothing; empty if all of it has."""
        if not self.matched:
            return "the pattern matches nothing"
        names = [
            f"{name} {value}"
            for name in _LISTS
            for value in getattr(self.pattern, name)
            if (name, value) not in self.matched
        ]
        return f"{', '.join(names)} of the pattern matches nothing" if names else ""


_LISTS = ("dtype", "mode", "quantity")


class Findings:
    """The findings of one framework; remembers what has matched, for `unused`."""

    def __init__(
        self,
        file: Path,
        findings: Sequence[Finding],
        lines: Sequence[list[int]],
        shared: bool = False,
    ) -> None:
        """`lines`: for each finding, those of its patterns; `shared`: they are another's."""
        self.file, self.lines, self.shared = file, lines, shared
        self.findings = tuple(findings)
        self._rules = [
            _Rule(finding, pattern, line)
            for finding, own in zip(findings, lines, strict=True)
            for pattern, line in zip(finding.checks, own, strict=True)
        ]
        self._covering: dict[tuple[str, str], list[_Rule]] = {}

    def match(self, check: Check) -> Finding | None:
        """The finding that matches the check, whatever its verdict.

        Raises `UserError` if two findings do.
        """
        if check.verdict == "unsupported":
            return None
        pair = (check.implementation, check.case)
        if pair not in self._covering:
            self._covering[pair] = [rule for rule in self._rules if rule.covers(*pair)]
        rules = [rule for rule in self._covering[pair] if rule.takes(check)]
        for rule in rules:
            if rule.finding.id != rules[0].finding.id:
                problem = f"{rules[0].finding.id} (line {rules[0].line}) and {rule.finding.id}"
                problem += f" both match {check.key}"
                raise UserError(self.file, rule.line, problem, "narrow one of the patterns")
        return rules[0].finding if rules else None

    def verdict_on(self, check: Check) -> Ruling:
        """Whether the findings and the check agree: covered if it fails, unmatched if it passes."""
        finding = self.match(check)
        if finding is None:
            problem = f"{check.verdict}, and no finding covers it"
            return Ruling(None, "no finding", problem) if check.fails else Ruling(None)
        if check.passes:
            problem = f"{finding.id} matches it, but it is {check.verdict}"
            return Ruling(finding, "no longer fires", problem)
        if check.verdict not in finding.verdict:
            problem = f"{check.verdict}, but {finding.id} says {' or '.join(finding.verdict)}"
            return Ruling(finding, "other verdict", problem)
        problem = _out_of_band(finding, check.over_bound)
        return Ruling(finding, "out of band" if problem else "", problem)

    def unused(self) -> list[Unused]:
        """Patterns, and names in them, that matched no check so far: ask after a full run."""
        return [
            Unused(rule.line, rule.finding.id, rule.pattern, problem)
            for rule in self._rules
            if not self.shared and (problem := rule.unmatched())
        ]


def load(file: Path) -> Findings:
    """Read `findings/<framework>.yaml`; for `<family>-...` without one, `findings/<family>.yaml`.

    Such a file is about all members of a family, and its patterns name those that they are about
    (`keras.yaml`); or it is another framework's (`tensorflow.yaml` for `tensorflow-plain`): then it
    explains the failures of its variants, and nothing in it needs to fire there. A framework
    without either has no findings. Raises `UserError` with the line for whatever is not a complete,
    well-formed finding.
    """
    framework = file.stem
    family = file.with_name(f"{framework.partition('-')[0]}.yaml")
    borrowed = not file.exists() and family.exists()
    file = family if borrowed else file
    if not file.exists() and file.parent.is_dir():
        return Findings(file, [], [])
    document = yaml_lines.load(file)
    found = [] if document.value is None else document.convert(list[Finding])
    by_member = borrowed and any(p.framework for finding in found for p in finding.checks)
    first: dict[str, int] = {}
    for number, finding in enumerate(found):
        _refuse_unsound(document, number, finding, by_member)
        line = document.line(number, "id")
        if first.setdefault(finding.id, line) != line:
            problem = f"id {finding.id} is taken (line {first[finding.id]})"
            raise document.error((number, "id"), problem, "choose another")
    told = [_about(document, number, finding, framework) for number, finding in enumerate(found)]
    told = [(finding, lines) for finding, lines in told if lines]
    own = Findings(file, [finding for finding, _ in told], [lines for _, lines in told])
    return _eased(own) if borrowed and not by_member else own


def _about(
    document: yaml_lines.Document, number: int, finding: Finding, framework: str
) -> tuple[Finding, list[int]]:
    """The finding with its patterns that are about the framework, and their lines."""
    own = [
        (pattern, document.line(number, "checks", entry))
        for entry, pattern in enumerate(finding.checks)
        if pattern.framework is None or framework in pattern.framework
    ]
    checks = [pattern for pattern, _ in own]
    return msgspec.structs.replace(finding, checks=checks), [line for _, line in own]


def _eased(found: Findings) -> Findings:
    """The findings of a framework as they explain the failures of its variant."""
    eased = [msgspec.structs.replace(finding, scope="failing") for finding in found.findings]
    return Findings(found.file, eased, found.lines, shared=True)


def _refuse_unsound(
    document: yaml_lines.Document, number: int, finding: Finding, shared: bool
) -> None:
    for name in ("title", "explanation", "reproduction", "confirmed"):
        text = getattr(finding, name)
        if not text.strip() or re.search(r"\bTODO\b", text):
            raise document.error((number, name), f"{finding.id}: {name} is not written", "write it")
    for entry, pattern in enumerate(finding.checks):
        if (pattern.framework is not None) != shared:
            problem = f"{finding.id}: a pattern of a shared file, and no other, has `framework`"
            remedy = "name the frameworks it is about" if shared else "remove it"
            raise document.error((number, "checks", entry), problem, remedy)
        unknown = [dtype for dtype in pattern.dtype if dtype not in DTYPES]
        if unknown:
            problem = f"{finding.id}: there is no dtype {unknown[0]}"
            raise document.error((number, "checks", entry), problem, f"use {', '.join(DTYPES)}")
    low, high = finding.over_bound or (1.0, 1.0)
    if not 0 < low <= high:
        problem = f"{finding.id}: [{low:g}, {high:g}] is no band"
        raise document.error((number, "over_bound"), problem, "write [lowest, highest], above 0")


def _out_of_band(finding: Finding, over_bound: float | None) -> str:
    """Why the error is not what the finding says; empty if it is."""
    error = math.nan if over_bound is None else over_bound
    if finding.scope == "failing" and (finding.over_bound is None or not math.isfinite(error)):
        return ""
    if finding.over_bound is None:
        if not math.isfinite(error):
            return ""
        return f"{error:.4g} baseline bounds off, but {finding.id} gives no band"
    low, high = finding.over_bound
    if low <= error <= high:
        return ""
    off = "off by no number" if math.isnan(error) else f"{error:.4g} baseline bounds off"
    return f"{off}, outside the band [{low:g}, {high:g}] of {finding.id}"
