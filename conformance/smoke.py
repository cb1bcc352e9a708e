"""Is an adapter sound? Tells "the adapter is broken" apart from "the framework is wrong".

A framework may be wrong at some rows, at some dtype, by some digits. An adapter is broken when its
arrays do not come back from the framework as they went in, when an implementation agrees with the
truth almost nowhere, even roughly, or when a snippet does not print what the run gave.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from adapters.base import DTYPES, Adapter, Array, Implementation, Raised, Unsupported
from conformance.case import Case
from conformance.measure import as_call
from reference.evaluation import evaluate
from reference.formats import FORMATS, Format
from reference.truth import Truth

WIDEST = tuple(reversed(DTYPES))
CASES = 3
"""Cases that an implementation is tried on, in each mode."""


@dataclass(frozen=True)
class Smoke:
    """What was tried, and what is wrong with it; empty if nothing is."""

    name: str
    mode: str
    problem: str

    def __str__(self) -> str:
        return f"{self.name} ({self.mode})" + (f": {self.problem}" if self.problem else "")


def smoke(adapter: Adapter, cases: Sequence[Case], text: str = "") -> Iterator[Smoke]:
    """Try the conversions, then every implementation whose name has the text, in every mode."""
    for dtype in DTYPES:
        yield Smoke(f"conversion of {dtype}", "all modes", conversion(adapter, dtype))
    for implementation in adapter.implementations:
        if text in implementation.name and not implementation.control:
            for mode in adapter.modes_of(implementation):
                own = [case for case in cases if case.operator.name == implementation.operator]
                yield Smoke(implementation.name, mode, _tried(adapter, implementation, own, mode))


def conversion(adapter: Adapter, dtype: str) -> str:
    """Why arrays of a dtype do not survive the way to the framework and back; empty if they do."""
    format = FORMATS[dtype]
    edges = [0.0, -0.0, 1 / 3, np.inf, -np.inf, format.max, format.tiny, 3 * format.tiny]
    values = format.array(np.array(edges))
    for array in (values, values[::-2], values[:0], values[0], values[:6].reshape(2, 3).T):
        given = np.asarray(array)
        try:
            back = adapter.array(adapter.tensor(given))
        except Exception as error:  # noqa: BLE001 - an adapter is anybody's code
            return f"{type(error).__name__}: {error}"
        if back.dtype != given.dtype or back.shape != given.shape:
            return f"{given.dtype} {given.shape} comes back as {back.dtype} {back.shape}"
        if back.tobytes() != np.ascontiguousarray(given).tobytes():
            return f"{given.tolist()} comes back as {back.tolist()}"
    return ""


def _tried(
    adapter: Adapter, implementation: Implementation, cases: Sequence[Case], mode: str
) -> str:
    """What is wrong on the first cases that the implementation takes, at their widest dtype."""
    tried, problems = 0, []
    for case in cases:
        for dtype in (d for d in WIDEST if d in case.dtypes):
            problem = case.problem(FORMATS[dtype])
            call = as_call(case, problem)
            if adapter.unsupported(implementation, call, mode):
                continue
            found = _agrees(adapter, implementation, case, FORMATS[dtype], mode)
            problems += [found] if found else []
            tried += 1
            break
        if tried == CASES:
            break
    if not tried:
        return "no case of its operator can be run with it"
    return problems[0] if len(problems) == tried else ""


def _agrees(
    adapter: Adapter, implementation: Implementation, case: Case, format: Format, mode: str
) -> str:
    problem = case.problem(format)
    call, truths = as_call(case, problem), evaluate(problem)
    outcome = adapter.run(implementation, call, mode)
    for quantity, answer in outcome.items():
        if isinstance(answer, Unsupported):
            continue
        if isinstance(answer, Raised):
            return f"{quantity} raised {answer.kind}: {answer.message}"
        shape = truths[quantity].hi.shape
        if answer.shape != shape:
            return f"{quantity} has shape {answer.shape}, expected {shape}"
        if 2 * roughly(answer, truths[quantity], format) < 1:
            return f"{quantity} agrees with the truth nowhere near half of its digits"
    arrays = {q: a for q, a in outcome.items() if not isinstance(a, Raised | Unsupported)}
    return _printed(adapter.snippet(implementation, call, mode), arrays)


def roughly(answer: Array, truth: Truth, format: Format) -> float:
    """The share of outputs that agree with the truth to half of the digits of their format.

    Infinities, NaN and zeros count as agreeing: they say nothing about an adapter.
    """
    got = answer.astype(np.float64)
    with np.errstate(all="ignore"):
        near = np.abs(got - truth.hi) <= 2.0 ** (-format.p / 2) * np.abs(truth.hi)
    telling = np.isfinite(got) & np.isfinite(truth.hi) & (truth.hi != 0)
    return float(near[telling].mean()) if telling.any() else 1.0


def _printed(program: str, arrays: dict[str, Array]) -> str:
    """Why a snippet does not print what the run gave, bit by bit; empty if it does."""
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(program, "snippet", "exec"), {"__name__": "__main__"})  # noqa: S102
        lines = dict(line.split(" ", 1) for line in out.getvalue().splitlines())
        for quantity, array in arrays.items():
            text = lines[quantity]
            found = np.array(eval(text, {"inf": np.inf, "nan": np.nan}))  # noqa: S307
            if not np.array_equal(found.reshape(array.shape), array.astype(float), equal_nan=True):
                return f"its snippet prints another {quantity} than the run gave"
    except Exception as error:  # noqa: BLE001 - the program is generated
        return f"its snippet fails: {type(error).__name__}: {error}"
    return ""
