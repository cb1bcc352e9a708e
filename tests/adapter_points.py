"""The adapters' smoke tests: every implementation at easy points, against the textbook.

Nothing here judges accuracy. A disagreement at an easy point means that an adapter is broken, for
instance by a changed signature; what a framework computes badly fails the conformance tests.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from adapters import running
from adapters.base import ROWWISE, Adapter, Array, Call, Implementation, Raised, Unsupported
from reference.formats import FORMATS
from reference.operators import OPERATORS
from reference.problem import Problem
from reference.reduction import REDUCTIONS, SAMPLE_WEIGHTS
from tests.differences import Differences, Memory
from tests.easy_points import POINTS, SHARED, TYPES, arranged, flat, point
from tests.points import quantities

__all__ = [
    "POINTS",
    "agree",
    "everything",
    "expected",
    "joins",
    "point",
    "points",
    "round_trip",
    "same",
    "specials",
    "wide",
    "widest",
]

DIGITS = 60
BY_AXIS = ("none", "sum", "mean")
"""The reductions that a point with a class axis is tried with."""
EXPECTED: dict[Any, dict[str, Array]] = {}
MEMORY: dict[Any, Memory] = {}


def widest(adapter: Adapter, implementation: Implementation, mode: str) -> list[Call]:
    """The points an implementation supports in a mode, at the widest dtype that it runs there."""
    for dtype in ("float64", "float32"):
        if calls := list(points(adapter, implementation, dtype, mode)):
            return calls
    raise AssertionError(f"{implementation.name} supports no point in mode {mode}")


def points(
    adapter: Adapter, implementation: Implementation, dtype: str, mode: str | None = None
) -> Iterator[Call]:
    """The points an implementation supports: each reduction, and of the parameters that it may
    leave out none, each and all."""
    operator = implementation.operator
    settings = {**POINTS[operator][1], **SHARED}
    taken = {name: values[0] for name, values in implementation.takes.items()}
    known = [name for name in settings if name in implementation.parameters]
    needed = [name for name in known if name not in implementation.defaults]
    optional = [name for name in known if name not in needed]
    for names in dict.fromkeys([(), *((name,) for name in optional), tuple(optional)]):
        chosen = (*needed, *names)
        for reduction in _reductions(operator, chosen):
            call = point(operator, *chosen, reduction=reduction, dtype=dtype, given=taken)
            if not adapter.unsupported(implementation, call, mode or adapter.modes[0]):
                yield call


def _reductions(operator: str, parameters: Sequence[str]) -> Sequence[str]:
    if OPERATORS[operator].output == "vector":
        return ("none",)
    return BY_AXIS if "axis" in parameters else REDUCTIONS


def everything(call: Call) -> Call:
    """The call, asked for every quantity there is."""
    return replace(call, quantities=quantities(_problem(wide(call))))


def expected(call: Call) -> dict[str, Array]:
    """The quantities of a float64 call: difference quotients of the textbook's formula."""
    problem = _problem(call)
    arrays = {**problem.inputs, **problem.parameters}
    row = "axis" in call.parameters
    content = tuple((k, v.tobytes() if isinstance(v, np.ndarray) else v) for k, v in arrays.items())
    key = (call.operator, content, call.reduction, row)
    memory = MEMORY.setdefault(key[:2], {})
    found = EXPECTED.setdefault(key, {})
    for quantity in call.quantities:
        if quantity not in found:
            numbers = Differences(problem, DIGITS, memory).of(quantity)
            kind, *names = quantity.split(".")
            whole = kind in ("value", "jvp")
            like = problem.upstream if whole else np.asarray(arrays[names[0]])
            shaped = np.array([float(n.number) for n in numbers]).reshape(like.shape)
            moved = row and (whole or names[0] in call.inputs or names[0] in ROWWISE)
            found[quantity] = arranged(shaped, moved)
    return found


def _problem(call: Call) -> Problem:
    """A float64 call as a question to the textbook, which has one axis of rows, the first."""
    axis = "axis" in call.parameters
    rows = {*call.inputs, *ROWWISE}

    def flattened(name: str, value: Any) -> Any:
        return flat(value) if axis and name in rows else value

    whole = {k: flattened(k, v) for k, v in {**call.inputs, **call.parameters}.items()}
    inputs = {k: v for k, v in whole.items() if k in call.inputs or k == SAMPLE_WEIGHTS}
    return Problem(
        call.operator,
        FORMATS["float64"],
        inputs,
        {k: v for k, v in whole.items() if k not in inputs and k != "axis"},
        call.reduction,
        flat(call.upstream) if axis and call.upstream.ndim else call.upstream,
        tangents={k: flattened(k, v) for k, v in call.tangents.items()},
        quantities=call.quantities,
    )


def wide(call: Call) -> Call:
    """The call at float64."""

    def widened(value: Any) -> Any:
        floats = isinstance(value, np.ndarray) and value.dtype in (*TYPES.values(), *FLOATS)
        return value.astype(np.float64) if floats else value

    return replace(
        call,
        inputs={name: widened(array) for name, array in call.inputs.items()},
        parameters={name: widened(value) for name, value in call.parameters.items()},
        upstream=widened(call.upstream),
        tangents={name: widened(array) for name, array in call.tangents.items()},
    )


FLOATS = (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64))


def agree(adapter: Adapter, implementation: Implementation, call: Call, mode: str) -> None:
    """Asserts that an outcome is the textbook's. Some compositions add 1e-7: hence 1e-5."""
    outcome = adapter.run(implementation, call, mode)
    truth = expected(wide(call))
    assert set(outcome) == set(call.quantities)
    for quantity, answer in outcome.items():
        if adapter.declined(implementation, mode, quantity):
            assert isinstance(answer, Unsupported)
            continue
        assert isinstance(answer, np.ndarray), (call, quantity, answer)
        assert answer.shape == truth[quantity].shape
        np.testing.assert_allclose(
            answer, truth[quantity], rtol=1e-5, atol=2e-6, err_msg=f"{quantity} of {call}"
        )


def same(adapter: Adapter, implementation: Implementation, call: Call, mode: str) -> None:
    """Asserts that the snippet prints, to the last bit, what the run gave."""
    outcome = adapter.run(implementation, call, mode)
    arrays = {quantity: a for quantity, a in outcome.items() if isinstance(a, np.ndarray)}
    assert not [answer for answer in outcome.values() if isinstance(answer, Raised)]
    out = io.StringIO()
    program = adapter.snippet(implementation, call, mode)
    with contextlib.redirect_stdout(out):
        exec(compile(program, "snippet", "exec"), {"__name__": "__main__"})
    printed = dict(line.split(" ", 1) for line in out.getvalue().splitlines())
    assert list(printed) == [quantity for quantity in call.quantities if quantity in arrays]
    for quantity, array in arrays.items():
        found = np.array(eval(printed[quantity], {"inf": np.inf, "nan": np.nan}))  # noqa: S307
        np.testing.assert_array_equal(found.reshape(array.shape), array.astype(np.float64))


def specials(dtype: str) -> Array:
    """Every 16-bit number, or the special values of a wider type."""
    number = TYPES.get(dtype) or np.dtype(dtype)
    if number.itemsize == 2:
        return np.arange(2**16, dtype=np.uint16).view(number)
    limits = np.finfo(number)
    tiny = limits.smallest_subnormal * np.array([1, -1, 3], number)
    values = [0.0, -0.0, np.inf, -np.inf, np.nan, 1 / 3, limits.max, limits.tiny, limits.eps]
    return np.concatenate([np.array(values, number), tiny])


def round_trip(adapter: Adapter, values: Array) -> None:
    """Asserts that an array comes back from the framework bit for bit."""
    back = adapter.array(adapter.tensor(values))
    assert (back.dtype, back.shape) == (values.dtype, values.shape)
    assert back.tobytes() == values.tobytes()


def joins(adapter: Adapter, rows: Sequence[Implementation], mode: str) -> None:
    """Compiled together and in turns, functions answer to the bit what each answers alone."""
    calls = [(row, call) for row in rows for call in points(adapter, row, "float32")]
    calls = [task for task in calls if not adapter.unsupported(*task, mode)]
    tasks = [task for row, call in calls for task in ((row, call), (row, _turned(call)))]
    asked = [running._asked(adapter, task, mode) for task in calls]
    assert not isinstance(running._attempt(adapter, calls, asked, mode), Raised)
    outcomes = dict(adapter.run_all(tasks, mode))
    assert sorted(outcomes) == list(range(len(tasks)))
    for n, (row, call) in enumerate(tasks):
        for quantity, answer in adapter.run(row, call, mode).items():
            assert isinstance(answer, np.ndarray)
            np.testing.assert_array_equal(np.asarray(outcomes[n][quantity]), answer, strict=True)


def _turned(call: Call) -> Call:
    return replace(call, inputs={name: array[::-1] for name, array in call.inputs.items()})
