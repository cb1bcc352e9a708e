"""The adapter's wiring: easy points, exact tensors, typed refusals, programs that run.

Nothing here judges accuracy. A failure means that `adapters/tensor_flow.py` is broken, for instance
by a changed signature; a wrong number from TensorFlow itself fails the conformance tests instead.
"""

from __future__ import annotations

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

from adapters.base import DTYPES, Array, Implementation, Raised, Unsupported
from tests.adapter_points import (
    POINTS,
    agree,
    joins,
    point,
    points,
    round_trip,
    same,
    specials,
    widest,
)

pytest.importorskip("tensorflow")
from adapters.tensor_flow.engine import ADAPTER, MODES, PAGES

ROWS = {row.name: row for row in ADAPTER.implementations}
SOFTMAX = ROWS["tf.nn.softmax_cross_entropy_with_logits"]
SPARSE = ROWS["tf.nn.sparse_softmax_cross_entropy_with_logits"]
each = pytest.mark.parametrize("row", ADAPTER.implementations, ids=lambda row: row.name)
# Gradients that TensorFlow defines in its own way: the conformance tests report them.
OTHERWISE = {
    # softmax - labels, the derivative only where the labels sum to 1
    "softmax_cross_entropy_with_logits(class_weights smoothed)": "logits",
    "softmax_cross_entropy_with_logits(class_weights one_hot)": "logits",
    # the probabilities are divided by their sum
    "tf.keras.losses.categorical_crossentropy": "probabilities",
}


@each
def test_an_easy_point_agrees_with_the_closed_form(row: Implementation) -> None:
    calls = list(points(ADAPTER, row, "float64"))
    assert calls
    for call in calls:
        wrt = tuple(name for name in call.wrt if name != OTHERWISE.get(row.name))
        agree(
            ADAPTER,
            row,
            replace(call, quantities=("value", *(f"gradient.{name}" for name in wrt))),
            "eager",
        )


@each
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_runs_and_its_snippet_prints_the_same(row: Implementation, dtype: str) -> None:
    same(ADAPTER, row, list(points(ADAPTER, row, dtype))[-1], "eager")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "name",
    [
        "tf.math.sigmoid",
        "tf.nn.softmax_cross_entropy_with_logits",
        "tf.compat.v1.losses.sparse_softmax_cross_entropy",
        "tf.keras.losses.sparse_categorical_crossentropy(from_logits)",
        "where(mask, -sum(one_hot class_weights log_softmax(x)), 0)",
    ],
)
def test_every_mode_agrees_and_its_snippet_prints_the_same(name: str, mode: str) -> None:
    if mode not in (ROWS[name].modes or MODES):
        reason = ADAPTER.unsupported(ROWS[name], point(ROWS[name].operator), mode)
        assert reason == f"not run in mode {mode}"
        return
    call = widest(ADAPTER, ROWS[name], mode)[-1]
    agree(ADAPTER, ROWS[name], call, mode)
    agree(ADAPTER, ROWS[name], replace(call, quantities=("value",)), mode)
    same(ADAPTER, ROWS[name], call, mode)


def test_names_are_unique_free_of_wildcards_and_documented() -> None:
    assert len(ROWS) == len(ADAPTER.implementations)
    assert not [name for name in ROWS if set(name) & set("*?[]")]
    assert {row.operator for row in ROWS.values()} <= set(POINTS)
    assert all(row.documentation.startswith(f"{PAGES}tf/") for row in ROWS.values())


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_keep_every_bit(dtype: str) -> None:
    values = specials(dtype)
    for array in (values, values[1:2].reshape(()), values[:0], values[:6].reshape(2, 3).T):
        round_trip(ADAPTER, array)


@pytest.mark.parametrize("mode", ["eager", "graph", "session"])
def test_an_error_is_raised_for_each_quantity(mode: str) -> None:
    call = point("softmax_cross_entropy_index")
    bad = replace(call, inputs={**call.inputs, "labels": np.array([2, 0, 9])})
    outcome = ADAPTER.run(SPARSE, bad, mode)
    assert set(outcome) == set(call.quantities)
    for answer in outcome.values():
        assert isinstance(answer, Raised)
        assert answer.kind == "InvalidArgumentError"
        assert answer.message.startswith("Received a label value of 9 which is outside")
        assert answer.message.endswith("Label values: 2 0 9")


UNCONNECTED = ROWS["tf.compat.v1.nn.softmax_cross_entropy_with_logits"]


@pytest.mark.parametrize("mode", UNCONNECTED.modes or MODES)
def test_a_gradient_that_is_not_connected_is_raised(mode: str) -> None:
    declared = UNCONNECTED
    call = point("softmax_cross_entropy")
    assert isinstance(ADAPTER.run(declared, call, mode)["gradient.labels"], Unsupported)
    outcome = ADAPTER.run(replace(declared, fixed={}), call, mode)
    no_gradient = Raised("NotConnectedError", "no gradient: the value is not connected to labels")
    assert outcome["gradient.labels"] == no_gradient
    assert isinstance(outcome["value"], np.ndarray)
    assert isinstance(outcome["gradient.logits"], np.ndarray)


def test_what_an_implementation_cannot_take_is_unsupported() -> None:
    weighted = point("softmax_cross_entropy_index", "class_weights")
    outcome = ADAPTER.run(SPARSE, weighted, "eager")
    assert set(outcome.values()) == {Unsupported("no argument for class_weights")}
    outcome = ADAPTER.run(ROWS["-class_weights gather(log_p)"], point("nll"), "eager")
    assert set(outcome.values()) == {Unsupported("only with class_weights")}
    outcome = ADAPTER.run(ROWS["tf.nn.l2_loss"], point("squared_loss", "scale"), "eager")
    assert set(outcome.values()) == {Unsupported("no reduction none")}


TINY = float(ml_dtypes.finfo(ml_dtypes.bfloat16).smallest_subnormal)


@pytest.mark.parametrize("mode", ["eager", "session"])
@pytest.mark.parametrize(
    "logits",
    [np.zeros((0, 3)), np.array([[np.inf, 1.0], [-np.inf, np.nan], [TINY, -0.0]])],
    ids=["empty", "special"],
)
def test_empty_and_special_inputs_survive_the_snippet(logits: Array, mode: str) -> None:
    call = replace(point("relu", dtype="bfloat16"), inputs={}, upstream=np.ones_like(logits))
    bfloat16 = {"x": logits.astype(ml_dtypes.bfloat16)}
    upstream = call.upstream.astype(ml_dtypes.bfloat16)
    same(ADAPTER, ROWS["tf.nn.relu"], replace(call, inputs=bfloat16, upstream=upstream), mode)


@pytest.mark.parametrize("mode", list(ADAPTER.joined))
def test_functions_compiled_together_answer_as_alone(mode: str) -> None:
    names = ("tf.math.softplus", "tf.nn.softmax", "tf.nn.sigmoid_cross_entropy_with_logits")
    joins(ADAPTER, [ROWS[name] for name in names], mode)
