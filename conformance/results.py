"""Results: one JSON object a line, written as they are measured, refused unless complete.

A file `results/<framework>.jsonl` holds a header, the implementations, the arguments of the
functions they call, the cases, the expressions that ran, the checks, the policies, and a footer
with counts. Records are sorted, there are no timestamps, and numbers that JSON cannot write are the
texts "inf", "-inf" and "nan": the same measurements give the same bytes.
"""

from __future__ import annotations

import math
import os
import platform
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from conformance.errors import UserError, unreadable

SCHEMA = 2
Verdict = Literal[
    "exact",
    "faithful",
    "strict",
    "baseline",
    "inaccurate",
    "wrong",
    "raised",
    "accepted",
    "undecided",
    "harness-error",
    "unsupported",
]
PASSING: tuple[Verdict, ...] = ("exact", "faithful", "strict", "baseline")
FAILING: tuple[Verdict, ...] = (
    "inaccurate",
    "wrong",
    "raised",
    "accepted",
    "undecided",
    "harness-error",
)
VERDICTS: tuple[Verdict, ...] = (*PASSING, *FAILING, "unsupported")
"""From best to worst; `unsupported` is declared by the implementation and neutral."""


class Record(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="kind"
):
    """One line of a results file."""


class Header(Record, frozen=True, kw_only=True, tag="header"):
    """What was run, on what, with what.

    cases, reference: SHA-256 of the case files and of the reference's sources.
    selection: "all", or the text that selected a part of the suite.
    """

    schema: int = SCHEMA
    framework: str
    versions: dict[str, str]
    machine: dict[str, str]
    flags: dict[str, str]
    cases: str
    reference: str
    selection: str


class Implementation(Record, frozen=True, kw_only=True, tag="implementation"):
    """One row of the adapter's table; `control` says why a negative control is bad."""

    name: str
    operator: str
    code: str
    modes: list[str]
    documentation: str = ""
    control: str = ""


class Signature(Record, frozen=True, kw_only=True, tag="signature"):
    """A function that implementations call, and its arguments as text: `(input, beta=1)`."""

    function: str
    arguments: str


class Claim(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A statement of a case's source, as the reference judges it."""

    says: str
    row: str | None = None
    check: str
    holds: bool
    instead: str | None = None
    verdict: Literal["holds", "does not hold"]
    as_documented: bool
    true: str


class Case(Record, frozen=True, kw_only=True, tag="case"):
    """One case; `file` is `cases/x.yaml:LINE`.

    parameters: what the case sets, as it is written; "by row" for what each row has of its own.
    options: their names, sorted; with its value where that is a word: `full=exact`.
    """

    case: str
    operator: str
    parameters: dict[str, str] = {}
    options: list[str] = []
    reduction: str = "none"
    source: str
    why: str
    theme: str
    file: str
    rows: int
    claims: list[Claim] = []


class Expression(Record, frozen=True, kw_only=True, tag="expression"):
    """What ran for an implementation in every case with these options: see `Case`."""

    implementation: str
    options: list[str]
    reduction: str
    code: str


class Bound(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The absolute errors that `strict` and `baseline` allow; None without a number."""

    strict: float | None = None
    baseline: float | None = None


class Key(NamedTuple):
    """What names a check."""

    implementation: str
    case: str
    dtype: str
    mode: str
    quantity: str

    def __str__(self) -> str:
        """Return the five names, as `python -m conformance show` takes them."""
        return " ".join(self)


class Check(Record, frozen=True, kw_only=True, tag="check"):
    """One quantity of one case, computed by one implementation in one dtype and mode.

    verdict: that of the worst output. counts: verdict -> number of outputs.
    row, index, inputs, got, truth: the worst output, its place in the array and its row's inputs.
    ulps: its error in ulps. over_bound: its error over the baseline bound. All None without one.
    message: for outcomes that are not numbers. finding: the finding that covers a failing check.
    """

    operator: str
    implementation: str
    case: str
    dtype: str
    mode: str
    quantity: str
    verdict: Verdict
    counts: dict[Verdict, int]
    outputs: int
    row: str | None = None
    index: list[int] | None = None
    inputs: dict[str, str] = {}
    got: str | None = None
    got_hex: str | None = None
    truth: str | None = None
    truth_hex: str | None = None
    ulps: float | None = None
    bound: Bound = Bound()
    over_bound: float | None = None
    message: str = ""
    finding: str | None = None
    snippet: str = ""

    @property
    def key(self) -> Key:
        """What names the check."""
        return Key(self.implementation, self.case, self.dtype, self.mode, self.quantity)

    @property
    def passes(self) -> bool:
        """Whether the verdict is one of the four that pass."""
        return self.verdict in PASSING

    @property
    def fails(self) -> bool:
        """Whether the verdict needs a finding."""
        return self.verdict in FAILING

    @property
    def catches(self) -> bool:
        """Whether the check shows its implementation to be wrong, as one of a control must."""
        return self.fails and self.verdict not in ("undecided", "harness-error")


class Policy(Record, frozen=True, kw_only=True, tag="policy"):
    """One policy of one implementation in one mode.

    declared: the option that `policies/<framework>.yaml` names at `place` (empty: none). observed:
    the option that was measured. kept: whether they are the same. says, documentation, read,
    contradicts: as declared (see `conformance/policies/declarations.py`).
    """

    implementation: str
    policy: str
    mode: str
    declared: str
    observed: str
    kept: bool
    says: str = ""
    documentation: str = ""
    read: str = ""
    contradicts: str = ""
    place: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What names it."""
        return self.implementation, self.policy, self.mode


class Footer(Record, frozen=True, kw_only=True, tag="footer"):
    """What the file must contain to be complete."""

    checks: int
    verdicts: dict[Verdict, int]
    policies: int = 0
    complete: bool = True


AnyRecord = Header | Implementation | Signature | Case | Expression | Check | Policy | Footer


@dataclass(frozen=True)
class Results:
    """A results file.

    signatures: function -> its arguments. expressions: implementation, options of the case and
    reduction -> what ran.
    """

    file: Path
    header: Header
    implementations: dict[str, Implementation]
    cases: dict[str, Case]
    checks: list[Check]
    signatures: dict[str, str] = field(default_factory=dict)
    expressions: dict[tuple[str, tuple[str, ...], str], str] = field(default_factory=dict)
    policies: list[Policy] = field(default_factory=list)

    @property
    def framework(self) -> str:
        """The framework that was judged."""
        return self.header.framework


class ResultsWriter:
    """Writes `<folder>/<framework>.jsonl`.

    Every record is appended to `<framework>.jsonl.partial` at once, so an interrupted run keeps
    what it measured; `finish` writes the sorted file in one step. The file of an earlier run goes
    when a new run begins: what stands there is the last run's, or nothing.
    """

    def __init__(self, folder: Path, header: Header) -> None:
        self.file = folder / f"{header.framework}.jsonl"
        self.partial = self.file.with_name(f"{self.file.name}.partial")
        self._lines: dict[tuple[str, ...], bytes] = {}
        self._verdicts: Counter[Verdict] = Counter()
        self._policies = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.file.unlink(missing_ok=True)
        self._stream = self.partial.open("wb", buffering=0)
        self.add(header)

    def add(self, record: AnyRecord) -> None:
        """Keep a record. Raises ValueError for one that is there already."""
        key, line = _sort_key(record), encode(record)
        if key in self._lines:
            raise ValueError(f"recorded twice: {' '.join(key[1:])}")
        self._lines[key] = line
        if isinstance(record, Check):
            self._verdicts[record.verdict] += 1
        self._policies += isinstance(record, Policy)
        self._stream.write(line)

    def close(self) -> None:
        """Stop writing; what was measured stays in the partial file."""
        self._stream.close()

    def finish(self) -> Path:
        """Write the complete file and remove the partial one."""
        counts = dict(self._verdicts)
        footer = Footer(checks=self._verdicts.total(), verdicts=counts, policies=self._policies)
        self._lines[_sort_key(footer)] = encode(footer)
        self._stream.close()
        write_whole(self.file, b"".join(line for _, line in sorted(self._lines.items())))
        self.partial.unlink()
        return self.file


def write_whole(file: Path, content: bytes) -> None:
    """Write a file in one step: readers see the old content or the new, never a part."""
    new = file.with_name(f".{file.name}.new")
    with new.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)


def encode(record: AnyRecord) -> bytes:
    """Return the record's line."""
    if isinstance(record, Check) and not all(map(math.isfinite, _numbers(record))):
        plain = msgspec.to_builtins(record, order="deterministic")
        return msgspec.json.encode(_spelled(plain)) + b"\n"
    return _ENCODER.encode(record) + b"\n"


def read(file: Path, complete: bool = True) -> Results:
    """Read a results file.

    With `complete=False` the file may be that of an interrupted run (`.partial`).
    Raises `UserError`, with the line, for anything else than a complete file of this schema.
    """
    try:
        lines = file.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise unreadable(file, error) from None
    if not complete and lines and not lines[-1].endswith(b"\n"):
        lines.pop()  # the record that was being written
    return _Reader(file).read(lines, complete)


def machine() -> dict[str, str]:
    """What of this machine can change the last bits of a result, for the header.

    `cpu` is the model and its vector extensions.
    """
    cpu, vectors = platform.processor() or "unknown", ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line.partition(":") for line in info.read_text(errors="replace").splitlines()]
        facts = {name.strip(): value.strip() for name, _, value in lines}
        cpu = facts.get("model name", cpu)
        flags = (facts.get("flags") or facts.get("Features") or "").split()
        vectors = " ".join(flag for flag in _VECTORS if flag in flags)
    return {
        "cpu": f"{cpu} ({vectors})" if vectors else cpu,
        "architecture": platform.machine(),
        "system": platform.system(),
    }


_VECTORS = (
    "avx",
    "fma",
    "avx2",
    "avx512f",
    "avx512_bf16",
    "avx512_fp16",
    "amx_bf16",
    "asimd",
    "sve",
)
_ENCODER = msgspec.json.Encoder(order="deterministic")
# Not strict: texts "inf" and "nan" are read as numbers.
_DECODER = msgspec.json.Decoder(AnyRecord, strict=False)
_KINDS = (Header, Implementation, Signature, Case, Expression, Check, Policy, Footer)
_ORDER = {kind: str(n) for n, kind in enumerate(_KINDS)}
_AGAIN = "run it again"


class _Peek(msgspec.Struct):
    kind: str
    schema: int


def _sort_key(record: AnyRecord) -> tuple[str, ...]:
    order = _ORDER[type(record)]
    if isinstance(record, Implementation):
        return (order, record.name)
    if isinstance(record, Signature):
        return (order, record.function)
    if isinstance(record, Expression):
        return (order, record.implementation, *record.options, record.reduction)
    if isinstance(record, Case):
        return (order, record.case)
    if isinstance(record, Check | Policy):
        return (order, *record.key)
    return (order,)


def _numbers(check: Check) -> Iterator[float]:
    yield check.ulps or 0.0
    yield check.over_bound or 0.0
    yield check.bound.strict or 0.0
    yield check.bound.baseline or 0.0


def _spelled(value: Any) -> Any:
    """The value with texts for the numbers that JSON has not."""
    if isinstance(value, dict):
        return {key: _spelled(item) for key, item in value.items()}
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


class _Reader:
    """Reads lines in order; every error knows its line."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lines: dict[tuple[str, ...], int] = {}
        self.implementations: dict[str, Implementation] = {}
        self.cases: dict[str, Case] = {}
        self.checks: list[Check] = []
        self.signatures: dict[str, str] = {}
        self.expressions: dict[tuple[str, tuple[str, ...], str], str] = {}
        self.policies: list[Policy] = []

    def read(self, lines: list[bytes], complete: bool) -> Results:
        header = self._header(lines)
        footer: Footer | None = None
        for number, line in enumerate(lines[1:], 2):
            record = self._record(number, line)
            if footer is not None:
                raise self._error(number, "there are lines after the footer", _AGAIN)
            if isinstance(record, Footer):
                footer = record
            else:
                self._keep(number, record)
        if complete:
            self._complete(len(lines), footer)
        return Results(
            self.file,
            header,
            self.implementations,
            self.cases,
            self.checks,
            self.signatures,
            self.expressions,
            self.policies,
        )

    def _error(self, line: int, problem: str, remedy: str) -> UserError:
        return UserError(self.file, line, problem, remedy)

    def _header(self, lines: list[bytes]) -> Header:
        if not lines:
            raise UserError(self.file, "", "the file is empty", _AGAIN)
        try:
            schema = msgspec.json.decode(lines[0], type=_Peek).schema
        except (msgspec.DecodeError, UnicodeError):
            raise self._error(1, "there is no header", "give a results file") from None
        if schema != SCHEMA:
            problem = f"the file has schema {schema}, this version reads schema {SCHEMA}"
            raise self._error(1, problem, _AGAIN)
        header = self._record(1, lines[0])
        if not isinstance(header, Header):
            raise self._error(1, "there is no header", "give a results file")
        return header

    def _record(self, number: int, line: bytes) -> AnyRecord:
        try:
            record: AnyRecord = _DECODER.decode(line)
            return record
        except (msgspec.DecodeError, UnicodeError) as error:
            raise self._error(number, f"broken line: {error}", _AGAIN) from None

    def _keep(self, number: int, record: AnyRecord) -> None:
        key = _sort_key(record)
        first = self.lines.setdefault(key, number)
        if first != number:
            problem = f"the same record as line {first}: {' '.join(key[1:])}"
            raise self._error(number, problem, _AGAIN)
        if isinstance(record, Implementation):
            self.implementations[record.name] = record
        elif isinstance(record, Case):
            self.cases[record.case] = record
        elif isinstance(record, Check):
            self.checks.append(record)
        elif isinstance(record, Signature):
            self.signatures[record.function] = record.arguments
        elif isinstance(record, Expression):
            name = (record.implementation, tuple(record.options), record.reduction)
            self.expressions[name] = record.code
        elif isinstance(record, Policy):
            self.policies.append(record)
        else:
            raise self._error(number, "there is a second header", _AGAIN)

    def _complete(self, last: int, footer: Footer | None) -> None:
        if footer is None or not footer.complete:
            raise self._error(last, "there is no footer: the run was interrupted", _AGAIN)
        verdicts = dict(Counter(check.verdict for check in self.checks))
        for name, said, found in (
            ("number of checks", footer.checks, len(self.checks)),
            ("verdicts", footer.verdicts, verdicts),
            ("number of policies", footer.policies, len(self.policies)),
        ):
            if said != found:
                problem = f"the footer's {name} ({said}) is not what the file holds ({found})"
                raise self._error(last, problem, _AGAIN)
        for check in self.checks:
            number = self.lines[_sort_key(check)]
            implementation = self.implementations.get(check.implementation)
            if implementation is None or implementation.operator != check.operator:
                problem = f"no record of implementation {check.implementation} of {check.operator}"
                raise self._error(number, problem, _AGAIN)
            if check.case not in self.cases:
                raise self._error(number, f"no record of case {check.case}", _AGAIN)
