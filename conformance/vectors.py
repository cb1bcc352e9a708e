"""Vectors: the truths of all cases as JSON lines, for a harness in any language.

A file holds a header, one line for each problem (a case at one dtype) in the order of their names,
and a footer with counts; `conformance/vector_lines.py` defines them. There are no timestamps: the
same cases and the same reference give the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from conformance.case import Case
from conformance.errors import UserError
from conformance.measure import digest
from conformance.vector_lines import (
    SCHEMA,
    Array,
    Booleans,
    Dtype,
    Fact,
    FlushedBound,
    Footer,
    Header,
    Integers,
    Kink,
    Numbers,
    Quantity,
    Vector,
    encode,
    schema,
    text,
)
from reference.bounds import Bounds, bounds
from reference.evaluation import evaluate
from reference.formats import FORMATS, Floats, Format
from reference.problem import Problem
from reference.truth import DOUBLE, Truth

REFERENCE = Path(__file__).parent.parent / "reference"


@dataclass(frozen=True)
class Selection:
    """Which problems to write: shell-style patterns; without any, all."""

    operator: Sequence[str] = ()
    case: Sequence[str] = ()
    dtype: Sequence[str] = ()

    def __str__(self) -> str:
        """Return "all", or the options as they were given."""
        given = [f"--{key} {pattern}" for key, _, pattern in self._patterns()]
        return " ".join(given) or "all"

    def plan(self, cases: Sequence[Case], folder: Path) -> list[tuple[Case, Format]]:
        """The problems in the order of their names.

        Raises UserError for a pattern that nothing matches, and if nothing is left.
        """
        problems = sorted((case.id, dtype, case) for case in cases for dtype in case.dtypes)
        names = [(case.operator.name, name, dtype) for name, dtype, case in problems]
        for key, place, pattern in self._patterns():
            if not any(fnmatchcase(name[place], pattern) for name in names):
                problem = f"nothing matches --{key} {pattern}"
                raise UserError(
                    folder, "", problem, "`python -m conformance cases` lists the cases"
                )
        chosen = [p for p, name in zip(problems, names, strict=True) if self._holds(name)]
        if not chosen:
            raise UserError(folder, "", f"nothing matches {self}", "give fewer options")
        return [(case, FORMATS[dtype]) for _, dtype, case in chosen]

    def _patterns(self) -> Iterator[tuple[str, int, str]]:
        for place, key in enumerate(("operator", "case", "dtype")):
            yield from ((key, place, pattern) for pattern in getattr(self, key))

    def _holds(self, name: tuple[str, str, str]) -> bool:
        wanted = (self.operator, self.case, self.dtype)
        return all(
            not patterns or any(fnmatchcase(word, pattern) for pattern in patterns)
            for word, patterns in zip(name, wanted, strict=True)
        )


def write(cases: Sequence[Case], folder: Path, selection: Selection, out: Path) -> Footer:
    """Write the vectors of the selected cases of a folder; returns the footer.

    The file appears in one step, when it is complete. On a terminal, stderr shows the progress.
    Raises UserError if it cannot be written.
    """
    plan = selection.plan(cases, folder)
    console = Console(stderr=True)
    shown = track(
        plan, "writing vectors", console=console, transient=True, disable=not console.is_terminal
    )
    counts: Counter[str] = Counter(problems=0, quantities=0, outputs=0, undecided=0)
    with _whole(out) as stream:
        stream.write(encode(header(cases, plan, selection)))
        for case, format in shown:
            line = vector(case, format)
            counts["problems"] += 1
            for quantity in line.quantities.values():
                counts["quantities"] += 1
                counts["outputs"] += len(quantity.hi)
                counts["undecided"] += len(quantity.undecided)
            stream.write(encode(line))
        footer = Footer(**counts)
        stream.write(encode(footer))
    return footer


def write_schema(out: Path) -> None:
    """Write the JSON Schema of a line. Raises UserError if it cannot be written."""
    with _whole(out) as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(schema()), indent=2) + b"\n")


def header(
    cases: Sequence[Case], plan: Sequence[tuple[Case, Format]], selection: Selection
) -> Header:
    """The header of a file that holds the problems of a plan."""
    return Header(
        schema=SCHEMA,
        cases=digest(sorted({case.file for case in cases})),
        reference=digest(sorted(REFERENCE.glob("**/*.py"))),
        selection=str(selection),
        dtypes={name: _dtype(format) for name, format in FORMATS.items()},
        operators=dict(Counter(case.operator.name for case, _ in plan)),
        problems=len(plan),
    )


def vector(case: Case, format: Format) -> Vector:
    """The line of a case at a dtype: the quantities that the suite measures.

    Raises UserError for an output without a bound.
    """
    problem = case.problem(format)
    truths, gradual, flushed = evaluate(problem), bounds(problem), bounds(problem, flush=True)
    try:
        quantities = {
            q: _quantity(truths[q], gradual[q], flushed[q], format) for q in case.quantities
        }
    except _UnboundedError:
        problem_ = f"case `{case.id}` has an output without a bound in {format.name}"
        remedy = "this is a defect of the reference"
        raise UserError(case.file, case.line, problem_, remedy) from None
    return Vector(
        schema=SCHEMA,
        case=case.id,
        dtype=format.name,
        operator=problem.operator,
        formula=case.operator.formula,
        theme=case.theme,
        source=case.text.source,
        why=case.text.why,
        file=f"{case.file.parent.name}/{case.file.name}:{case.line}",
        rows=list(case.rows),
        inputs={name: _array(values) for name, values in problem.inputs.items()},
        parameters=_facts(problem.parameters),
        defaults=_facts(_defaults(case, problem)),
        reduction=problem.reduction,
        upstream=_array(problem.upstream),
        tangents={name: _array(values) for name, values in problem.tangents.items()},
        axis=problem.axis,
        quantities=quantities,
    )


class _UnboundedError(Exception):
    """A finite truth has a bound that is no number."""


def _defaults(case: Case, problem: Problem) -> dict[str, Any]:
    known = case.operator.parameters.items()
    return {name: value for name, value in known if name not in problem.parameters}


def _quantity(truth: Truth, gradual: Bounds, flushed: Bounds, format: Format) -> Quantity:
    with np.errstate(all="ignore"):
        nearest, down, up = truth.rounded(format)
        open_ = np.isnan(nearest) & ~np.isnan(truth.hi)
        owed = np.isfinite(truth.hi) & ~np.isinf(nearest)
    exponents = _exponents(truth.hi)
    may = _places(truth.nan)
    return Quantity(
        shape=list(truth.hi.shape),
        hi=_numbers(truth.hi),
        lo=_scaled(truth.tail, exponents),
        radius=_scaled(_radius(truth), exponents),
        rn=_where(~open_, nearest),
        rd=_numbers(down),
        ru=_numbers(up),
        strict=_where(owed, _bounding(gradual.strict, owed)),
        baseline=_where(owed, _bounding(gradual.baseline, owed)),
        flush=_flushed(gradual, flushed, owed),
        policy="may" if may else "must",
        may=may,
        kinks=_kinks(truth, format),
        undecided=_places(truth.undecided),
        bits=truth.bits,
    )


def _radius(truth: Truth) -> Floats:
    """The radius about the pair, rounded up: the tail was rounded too, by at most its own ulp."""
    whole = truth.radius + np.abs(truth.tail) * 2 * DOUBLE.u
    mantissa, exponent = np.frexp(whole)
    upper = np.ldexp(np.floor(mantissa * 128) + 1, exponent - 7)  # 8 bits, to be short
    return np.where(truth.tail == 0, truth.radius, upper)


def _bounding(bound: Floats, owed: NDArray[np.bool_]) -> Floats:
    if not np.isfinite(bound[owed]).all():
        raise _UnboundedError
    return bound


def _flushed(gradual: Bounds, flushed: Bounds, owed: NDArray[np.bool_]) -> list[FlushedBound]:
    strict, baseline = (_bounding(b, owed).reshape(-1) for b in (flushed.strict, flushed.baseline))
    differ = (flushed.strict != gradual.strict) | (flushed.baseline != gradual.baseline)
    return [
        FlushedBound(index=i, strict=text(strict[i]), baseline=text(baseline[i]))
        for i in _places(differ & owed)
    ]


def _kinks(truth: Truth, format: Format) -> list[Kink]:
    if truth.lower is None or truth.upper is None:
        return []
    lower = format.floor(truth.lower).reshape(-1)
    upper = -format.floor(-truth.upper).reshape(-1)
    return [
        Kink(index=i, lower=text(lower[i]), upper=text(upper[i]))
        for i in _places(~np.isnan(truth.lower))
    ]


def _dtype(format: Format) -> Dtype:
    return Dtype(
        p=format.p,
        emin=format.emin,
        emax=format.emax,
        max=text(format.max),
        tiny=text(format.tiny),
        subnormal=text(format.subnormal),
    )


def _facts(values: Mapping[str, Any]) -> dict[str, Fact]:
    plain = (bool, int, str, type(None))
    return {k: v if isinstance(v, plain) else _array(np.asarray(v)) for k, v in values.items()}


def _array(array: NDArray[Any]) -> Array:
    shape = list(array.shape)
    if array.dtype.kind == "b":
        return Booleans(shape=shape, values=array.reshape(-1).tolist())
    if array.dtype.kind in "iu":
        return Integers(shape=shape, values=array.reshape(-1).tolist())
    return Numbers(shape=shape, values=_numbers(array.astype(np.float64)))


def _places(flags: NDArray[np.bool_]) -> list[int]:
    return np.flatnonzero(flags).tolist()


def _numbers(numbers: Floats) -> list[str]:
    return [text(number) for number in numbers.reshape(-1).tolist()]


def _where(present: NDArray[np.bool_], numbers: Floats) -> list[str | None]:
    pairs = zip(present.reshape(-1).tolist(), numbers.reshape(-1).tolist(), strict=True)
    return [text(number) if there else None for there, number in pairs]


def _scaled(numbers: Floats, exponents: list[int]) -> list[str]:
    return [text(n, e) for n, e in zip(numbers.reshape(-1).tolist(), exponents, strict=True)]


def _exponents(numbers: Floats) -> list[int]:
    """For each number, log2 of the ulp of float64 there (of 1 where it is not finite)."""
    ulps = DOUBLE.ulp(np.where(np.isfinite(numbers), numbers, 1.0))
    exponents: list[int] = (np.frexp(ulps.reshape(-1))[1] - 1).tolist()
    return exponents


@contextmanager
def _whole(out: Path) -> Iterator[BinaryIO]:
    """A stream to a file that appears when it is complete, or not at all."""
    new = out.parent / f".{out.name}.new"
    try:
        if out.exists() and not out.is_file():  # a folder, a pipe, a device
            raise UserError(out, "", "is not a file", "give the name of a file to write")
        with new.open("wb") as stream:
            yield stream
        new.replace(out)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(out, "", f"cannot be written ({reason})", "check the path") from None
    finally:
        with suppress(OSError):
            new.unlink()
