"""The adapter's wiring: easy points, exact tensors, typed refusals, programs that run.

Nothing here judges accuracy. A failure means that `adapters/tensor_flow/` is broken, for instance
by a changed signature; a wrong number from TensorFlow itself fails the conformance tests instead.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from adapters.base import DTYPES, Array, Call, Implementation, Raised, Unsupported
from conformance import apis
from tests.adapter_points import (
    POINTS,
    agree,
    everything,
    joins,
    point,
    points,
    round_trip,
    same,
    specials,
)

pytest.importorskip("tensorflow")
import tensorflow as tf

from adapters.tensor_flow.engine import ADAPTER
from adapters.tensor_flow.table import MODES, PAGES, VARIANTS

ROWS = {row.name: row for row in ADAPTER.implementations}
SOFTMAX = ROWS["tf.nn.softmax_cross_entropy_with_logits"]
SPARSE = ROWS["tf.nn.sparse_softmax_cross_entropy_with_logits"]
each = pytest.mark.parametrize("row", ADAPTER.implementations, ids=lambda row: row.name)
PUBLIC = [row for row in ADAPTER.implementations if row.public and row.modes is None]
# What TensorFlow differentiates in its own way: the conformance tests report it.
UNSCALED = {"logits"}  # softmax - labels, the derivative only where the labels sum to 1
OTHERWISE = {
    "softmax_cross_entropy_with_logits(class_weights smoothed)": UNSCALED,
    "softmax_cross_entropy_with_logits(class_weights one_hot)": UNSCALED,
    # the probabilities are divided by their sum
    "tf.keras.losses.categorical_crossentropy": {"probabilities"},
    "T^2 (softmax_cross_entropy(q) - softmax_cross_entropy(p))": {"mixed.teacher", "hvp.teacher"},
}
# That gradient is a constant to the labels.
CONSTANT = re.compile(r"(?<!sparse_)softmax_cross_entropy_with_logits|categorical_crossentropy")


def known(row: Implementation, call: Call) -> Call:
    """The call, asked for what the textbook's formula can tell."""
    other = set(OTHERWISE.get(row.name, ()))
    if CONSTANT.search(row.code):
        other |= {"mixed.labels"}
    asked = (q for q in call.quantities if not any(f".{word}." in f".{q}." for word in other))
    return replace(call, quantities=tuple(asked))


@each
def test_an_easy_point_agrees_with_the_closed_form(row: Implementation) -> None:
    calls = list(points(ADAPTER, row, "float64"))
    assert calls
    for call in calls:
        agree(ADAPTER, row, known(row, call), "eager")
    agree(ADAPTER, row, known(row, everything(calls[-1])), "eager")


@each
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_runs_and_its_snippet_prints_the_same(row: Implementation, dtype: str) -> None:
    same(ADAPTER, row, everything(list(points(ADAPTER, row, dtype))[-1]), "eager")


@pytest.mark.parametrize("mode", [*MODES[1:], *VARIANTS])
@pytest.mark.parametrize("row", PUBLIC, ids=lambda row: row.name)
def test_every_mode_agrees_and_its_snippet_prints_the_same(row: Implementation, mode: str) -> None:
    calls = list(points(ADAPTER, row, "float64", mode))
    if not calls:  # functions that do nothing but reduce, in modes that map over rows
        assert "none" not in row.reductions
        return
    call = everything(calls[-1])
    agree(ADAPTER, row, call, mode)
    same(ADAPTER, row, call, mode)


def test_names_of_one_object_are_listed_once() -> None:
    modules = apis.load(Path("apis/tensorflow.yaml")).names.modules
    own = {m.module: importlib.import_module(m.module) for m in modules}
    family = {id(getattr(own[m.module], n)): f"{m.module}.{n}" for m in modules for n in m.family}
    assert len(family) == sum(len(module.family) for module in modules)
    names = {name for module in modules for name in module.family}
    for module in modules:
        for name in names.intersection(module.other):
            assert id(getattr(own[module.module], name)) in family, f"{module.module}.{name}"


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


@pytest.mark.parametrize("mode", ["eager", "graph", "session", "vectorized"])
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


def test_tensorflow_1_has_no_forward_mode() -> None:
    with pytest.raises(AttributeError) as error:
        _ = tf.compat.v1.autodiff
    assert ADAPTER.cannot["session"] == {"jvp": str(error.value)}


UNCONNECTED = ROWS["tf.compat.v1.nn.softmax_cross_entropy_with_logits"]


@pytest.mark.parametrize("mode", MODES)
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
