"""The NumPy adapter's wiring, and that its controls are wrong where they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adapters.base import DTYPES, Implementation, Raised, Unsupported
from adapters.numpy_controls import ADAPTER
from tests.adapter_points import POINTS, agree, point, points, round_trip, same, specials

ROWS = {row.name: row for row in ADAPTER.implementations}
each = pytest.mark.parametrize("row", ADAPTER.implementations, ids=lambda row: row.name)
honest = pytest.mark.parametrize(
    "row", [row for row in ADAPTER.implementations if not row.control], ids=lambda row: row.name
)


@honest
def test_an_easy_point_agrees_with_the_textbook(row: Implementation) -> None:
    calls = list(points(ADAPTER, row, "float64"))
    assert calls
    for call in calls:
        agree(ADAPTER, row, call, "eager")


@each
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_call_has_an_answer_at_its_dtype_and_a_snippet_that_prints_it(
    row: Implementation, dtype: str
) -> None:
    calls = list(points(ADAPTER, row, dtype))
    assert calls or row.dtypes is not None
    for call in calls:
        for answer in ADAPTER.run(row, call, "eager").values():
            assert isinstance(answer, np.ndarray), answer
            assert answer.dtype == call.upstream.dtype
    for call in calls[:1] + calls[-1:]:
        same(ADAPTER, row, call, "eager")


def test_names_are_unique_and_every_operator_has_honest_code_and_a_control() -> None:
    assert len(ROWS) == len(ADAPTER.implementations)
    honest, controls = (
        {row.operator for row in ADAPTER.implementations if bool(row.control) == controlled}
        for controlled in (False, True)
    )
    assert honest == controls <= set(POINTS)


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_keep_every_bit(dtype: str) -> None:
    round_trip(ADAPTER, specials(dtype))


def test_an_index_out_of_range_is_raised() -> None:
    call = point("softmax_cross_entropy_index")
    bad = replace(call, inputs={**call.inputs, "labels": np.array([2, 0, 4])})
    outcome = ADAPTER.run(ROWS["softmax_cross_entropy_index"], bad, "eager")
    assert outcome["value"] == Raised("IndexError", "a label is not in 0..3")


def test_a_parameter_without_an_argument_is_unsupported() -> None:
    outcome = ADAPTER.run(ROWS["logaddexp_with_0"], point("softplus", "beta"), "eager")
    assert set(outcome.values()) == {Unsupported("no argument for beta")}


def test_empty_and_special_inputs_survive_the_snippet() -> None:
    call = point("log_softmax")
    for logits in (np.zeros((0, 3)), np.array([[np.inf, 1.0], [-np.inf, np.nan], [5e-324, 0.1]])):
        special = replace(call, inputs={"logits": logits}, upstream=np.ones_like(logits))
        same(ADAPTER, ROWS["log_softmax"], special, "eager")
