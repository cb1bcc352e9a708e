"""Results files and findings, read strictly: a report is made of whole, comparable runs or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec
import yaml

SCHEMA = 1
PASSING = ("exact", "faithful", "strict", "baseline")
FAILING = ("inaccurate", "wrong", "raised", "accepted", "undecided", "harness-error")
VERDICTS = (*PASSING, *FAILING, "unsupported")
"""From best to worst; `unsupported` is neutral."""

DTYPES = ("float16", "bfloat16", "float32", "float64")
FRAMEWORKS = ("torch", "tensorflow", "jax", "numpy")
"""Order of columns; others follow in the alphabet's order."""

SEVERITIES = ("wrong-in-training", "accuracy", "special-values", "documentation")

AGAIN = "run the framework again and keep the whole file"
Number = float | str | None
T = TypeVar("T")


class ReportError(ValueError):
    """Input that cannot be reported: the message names file, line, fault and remedy."""


class _Record(msgspec.Struct, frozen=True, tag_field="kind"):
    """One line of a results file."""


class Header(_Record, tag="header"):
    schema: int
    framework: str
    versions: dict[str, Any]
    machine: dict[str, Any]
    flags: dict[str, Any]
    cases: str
    reference: str
    selection: Any


class Implementation(_Record, tag="implementation"):
    name: str
    operator: str
    code: str
    modes: tuple[str, ...]
    documentation: str | None = None
    control: str | None = None


class Claim(msgspec.Struct, frozen=True):
    """What a source says, and whether it holds at the exact inputs."""

    says: str
    check: str
    holds: bool
    verdict: str
    as_documented: bool
    row: str | None = None
    instead: str | None = None
    true: str | None = None


class Case(_Record, tag="case"):
    case: str
    operator: str
    source: str
    why: str
    theme: str
    file: str
    rows: int
    claims: tuple[Claim, ...] = ()


class Bound(msgspec.Struct, frozen=True):
    """Absolute bounds on |got - truth| at the worst row."""

    strict: Number = None
    baseline: Number = None


class Check(_Record, tag="check"):
    operator: str
    implementation: str
    case: str
    dtype: str
    mode: str
    quantity: str
    verdict: str
    counts: dict[str, int] = {}
    outputs: int = 0
    row: str | None = None
    index: tuple[int, ...] | None = None
    inputs: dict[str, str] | None = None
    got: str | None = None
    got_hex: str | None = None
    truth: str | None = None
    truth_hex: str | None = None
    ulps: Number = None
    bound: Bound | None = None
    over_bound: Number = None
    message: str | None = None
    finding: str | None = None
    snippet: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """What makes it one check of its framework."""
        return (self.implementation, self.case, self.dtype, self.mode, self.quantity)


class Footer(_Record, tag="footer"):
    checks: int
    verdicts: dict[str, int]
    complete: bool


class Finding(msgspec.Struct, frozen=True):
    """A known departure from the criterion."""

    id: str
    title: str
    severity: str
    explanation: str
    upstream: tuple[str, ...] = ()
    reproduction: str = ""
    confirmed: str = ""
    verdict: tuple[str, ...] = ()
    over_bound: tuple[Number, ...] | None = None
    framework: str = ""


@dataclass(frozen=True)
class Run:
    """One results file."""

    header: Header
    implementations: tuple[Implementation, ...]
    cases: tuple[Case, ...]
    checks: tuple[Check, ...]

    @property
    def framework(self) -> str:
        return self.header.framework


@dataclass(frozen=True)
class Report:
    """Everything the report tells: runs in column order, findings by severity."""

    runs: tuple[Run, ...]
    findings: tuple[Finding, ...]

    @property
    def cases(self) -> dict[str, Case]:
        """Every case by id, sorted."""
        found = {case.case: case for run in self.runs for case in run.cases}
        return dict(sorted(found.items()))


def read(results: Sequence[Path], findings_folder: Path) -> Report:
    """All runs and all findings, sound and comparable; raises ReportError where they are not."""
    if not results:
        raise ReportError("no results file given: run a framework first")
    runs: dict[str, tuple[Path, Run]] = {}
    for path in sorted(results):
        run = read_run(path)
        if run.framework in runs:
            other = runs[run.framework][0]
            _fail(path, 1, f"framework {run.framework} is also in {other}", "give one file of each")
        runs[run.framework] = (path, run)
    _comparable(list(runs.values()))
    findings = read_findings(findings_folder)
    known = {finding.id for finding in findings}
    for path, run in runs.values():
        for check in run.checks:
            if check.finding is not None and check.finding not in known:
                where = findings_folder / f"{run.framework}.yaml"
                fault = f"a check names finding {check.finding}, which {where} does not have"
                _fail(path, None, fault, AGAIN)
    ordered = sorted((run for _, run in runs.values()), key=lambda run: _position(run.framework))
    return Report(tuple(ordered), findings)


def read_run(path: Path) -> Run:
    """One results file, header to footer."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        _fail(path, None, f"cannot be read ({error.strerror})", "name an existing results file")
    records = list(_records(path, lines))
    if not records or not isinstance(records[0], Header):
        _fail(path, 1, "the first line is not a header", AGAIN)
    footer = records[-1]
    if not isinstance(footer, Footer):
        _fail(path, len(lines), "the file ends without its footer", AGAIN)
    for number, record in enumerate(records[1:-1], 2):
        if isinstance(record, Header | Footer):
            _fail(path, number, "a header or footer in the middle", "do not join results files")
    run = Run(
        records[0],
        tuple(r for r in records if isinstance(r, Implementation)),
        tuple(r for r in records if isinstance(r, Case)),
        tuple(r for r in records if isinstance(r, Check)),
    )
    _whole(path, run, footer, len(lines))
    _linked(path, run, records)
    return run


def read_findings(folder: Path) -> tuple[Finding, ...]:
    """The findings of every `<framework>.yaml` in a folder, by severity, framework and id."""
    found: dict[str, Finding] = {}
    for path in sorted(folder.glob("*.yaml")):
        for finding in _findings(path):
            if finding.id in found:
                _fail(path, None, f"finding {finding.id} is there twice", "give it another id")
            if finding.severity not in SEVERITIES:
                fault = f"finding {finding.id}: no severity {finding.severity}"
                _fail(path, None, fault, f"use one of {', '.join(SEVERITIES)}")
            found[finding.id] = finding
    return tuple(
        sorted(
            found.values(),
            key=lambda f: (SEVERITIES.index(f.severity), _position(f.framework), f.id),
        )
    )


def _records(path: Path, lines: list[bytes]) -> Iterator[Any]:
    decode = msgspec.json.Decoder(Header | Implementation | Case | Check | Footer).decode
    for number, line in enumerate(lines, 1):
        if number == 1:
            _schema(path, line)
        try:
            yield decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            _fail(path, number, f"the line is broken: {error}", AGAIN)


def _schema(path: Path, line: bytes) -> None:
    try:
        header = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        _fail(path, 1, f"the line is broken: {error}", AGAIN)
    if not isinstance(header, dict) or header.get("kind") != "header":
        _fail(path, 1, "the first line is not a header", AGAIN)
    if header.get("schema") != SCHEMA:
        fault = f"the file has schema {header.get('schema')}, this report reads {SCHEMA}"
        _fail(path, 1, fault, "run the framework again with this version")


def _whole(path: Path, run: Run, footer: Footer, line: int) -> None:
    """The footer's counts are those of the file."""
    if not footer.complete:
        _fail(path, line, "the run was not completed", AGAIN)
    verdicts = Counter(check.verdict for check in run.checks)
    if footer.checks != len(run.checks):
        _fail(path, line, f"{len(run.checks)} checks, the footer says {footer.checks}", AGAIN)
    if verdicts != Counter(footer.verdicts):
        _fail(path, line, "the verdicts are not those that the footer counts", AGAIN)


def _linked(path: Path, run: Run, records: Sequence[Any]) -> None:
    """Every check has a known verdict, implementation and case, and is there once."""
    implementations = {(i.operator, i.name) for i in run.implementations}
    cases = {case.case for case in run.cases}
    seen: set[tuple[str, ...]] = set()
    for number, check in enumerate(records, 1):
        if not isinstance(check, Check):
            continue
        if check.verdict not in VERDICTS:
            _fail(path, number, f"no verdict {check.verdict}", f"use one of {', '.join(VERDICTS)}")
        if (check.operator, check.implementation) not in implementations:
            fault = f"no implementation {check.implementation} of {check.operator} in this file"
            _fail(path, number, fault, AGAIN)
        if check.case not in cases:
            _fail(path, number, f"no case {check.case} in this file", AGAIN)
        if check.key in seen:
            _fail(path, number, f"the check is there twice: {' '.join(check.key)}", AGAIN)
        seen.add(check.key)


def _comparable(runs: Sequence[tuple[Path, Run]]) -> None:
    """All runs answered the same cases, judged by the same reference."""
    first, one = runs[0]
    records = {case.case: case for case in one.cases}
    for path, run in runs[1:]:
        for what in ("cases", "reference"):
            if getattr(run.header, what) != getattr(one.header, what):
                fault = f"made with other {what} than {first}"
                _fail(path, 1, fault, "run both frameworks again from one checkout")
        for case in run.cases:
            if records.setdefault(case.case, case) != case:
                fault = f"case {case.case} differs from another file's"
                _fail(path, None, fault, "run all frameworks again from one checkout")


def _findings(path: Path) -> list[Finding]:
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
        found = msgspec.convert(entries, list[Finding])
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        fault = f"not YAML: {getattr(error, 'problem', error)}"
        _fail(path, mark.line + 1 if mark else None, fault, "mend the file")
    except msgspec.ValidationError as error:
        _fail(path, None, str(error), "write the finding as the schema of findings says")
    return [msgspec.structs.replace(finding, framework=path.stem) for finding in found]


def _position(framework: str) -> tuple[int, str]:
    known = framework in FRAMEWORKS
    return (FRAMEWORKS.index(framework) if known else len(FRAMEWORKS), framework)


def _fail(path: Path, line: int | None, fault: str, remedy: str) -> NoReturn:
    place = f"{path}:{line}" if line else str(path)
    raise ReportError(f"{place}: {fault}; {remedy}")
