"""The PyTorch adapter's wiring. A wrong number from PyTorch fails the conformance tests instead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adapters.base import DTYPES, Implementation, Raised, Unsupported
from tests.adapter_points import POINTS, agree, point, points, round_trip, same, specials, widest

pytest.importorskip("torch")
from adapters.pytorch.engine import ADAPTER

ROWS = {row.name: row for row in ADAPTER.implementations}
each = pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))


@each
def test_an_easy_point_agrees_with_the_textbook(row: Implementation) -> None:
    calls = list(points(ADAPTER, row, "float64"))
    assert calls or row.dtypes is not None
    for call in calls:
        agree(ADAPTER, row, call, "eager")


@each
def test_every_dtype_is_kept_and_its_snippet_prints_the_same(row: Implementation) -> None:
    for dtype in row.dtypes or DTYPES:
        calls = list(points(ADAPTER, row, dtype))
        for call in (calls[0], calls[-1]):  # no parameter, the most parameters
            for answer in ADAPTER.run(row, call, "eager").values():
                assert isinstance(answer, Unsupported) or answer.dtype == call.upstream.dtype
            same(ADAPTER, row, call, "eager")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.jit, in inductor's imports
def test_compiled_agrees_and_its_snippet_prints_the_same() -> None:
    # One, because a compilation takes seconds; the conformance tests compile the others.
    row = next(row for row in ROWS.values() if "compiled" in (row.modes or ()))
    call = widest(ADAPTER, row, "compiled")[0]
    agree(ADAPTER, row, call, "compiled")
    same(ADAPTER, row, call, "compiled")


def test_names_are_unique_and_free_of_wildcards() -> None:
    assert len(ROWS) == len(ADAPTER.implementations)
    assert not [name for name in ROWS if set(name) & set("*?[]")]
    assert {row.operator for row in ADAPTER.implementations} <= set(POINTS)
    assert {name for name, row in ROWS.items() if "compiled" in (row.modes or ())}


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_keep_every_bit(dtype: str) -> None:
    values = specials(dtype)
    for array in (values, values[::-2], values[:0], values[0], values[:6].reshape(2, 3).T):
        round_trip(ADAPTER, np.asarray(array))


@pytest.mark.parametrize(
    "logits",
    [np.zeros((0, 3)), np.array([[np.inf, 1.0], [-np.inf, np.nan], [5e-324, -0.0]])],
    ids=["empty", "special"],
)
def test_empty_and_special_inputs_survive_the_snippet(logits: np.ndarray) -> None:
    special = replace(
        point("log_softmax"), inputs={"logits": logits}, upstream=np.ones_like(logits)
    )
    same(ADAPTER, ROWS["F.log_softmax"], special, "eager")


def test_an_error_is_raised_for_each_quantity() -> None:
    call = point("softmax_cross_entropy_index")
    bad = replace(call, inputs={**call.inputs, "labels": np.array([2, 0, 9])})
    error = Raised("IndexError", "Target 9 is out of bounds.")
    found = ADAPTER.run(ROWS["F.cross_entropy (index)"], bad, "eager")
    assert found == {"value": error, "gradient.logits": error}


def test_what_an_implementation_cannot_take_is_unsupported() -> None:
    operator, row = "softmax_cross_entropy_index", ROWS["logsumexp(x) - x at y"]
    weighted = ADAPTER.run(row, point(operator, "class_weights"), "eager")
    assert weighted["value"] == Unsupported("no argument for class_weights")
    compiled = ADAPTER.run(row, point(operator), "compiled")
    assert compiled["value"] == Unsupported("not run in mode compiled")
    soft = ADAPTER.run(ROWS["F.soft_margin_loss"], point("logistic_loss_pm1"), "eager")
    assert isinstance(soft["gradient.labels"], Unsupported)
    assert isinstance(soft["gradient.logits"], np.ndarray)
