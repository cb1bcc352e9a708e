"""The JAX adapter's wiring; a wrong number from JAX itself fails the conformance tests instead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adapters.base import DTYPES, Call, Implementation, Raised, Unsupported
from tests.adapter_points import (
    POINTS,
    agree,
    everything,
    point,
    points,
    round_trip,
    same,
    specials,
    widest,
)

pytest.importorskip("jax")
pytest.importorskip("optax")
from adapters.jax_optax.engine import ADAPTER, CLOSED, CONSTANT

ROWS = {row.name: row for row in ADAPTER.implementations}
FIRST = {row.operator: row for row in reversed(ADAPTER.implementations)}
VARIED = (
    "jax.nn.leaky_relu",
    "optax.softmax_cross_entropy",
    "optax.softmax_cross_entropy_with_integer_labels",
    "optax.losses.generalized_kl_divergence",
)
"""Public functions with a parameter, an axis, index labels, and two inputs to differentiate."""
each = pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))


pytestmark = pytest.mark.filterwarnings("ignore:.*convex_kl_divergence:DeprecationWarning")


def first_mode(row: Implementation) -> str:
    return ADAPTER.modes_of(row)[0]


def finite(row: Implementation, call: Call) -> Call:
    """The call without what optax answers with NaN: labels and weights of masked classes."""
    kept = call.quantities
    if "mask" in call.parameters and row.operator == "softmax_cross_entropy":
        kept = tuple(q for q in kept if "labels" not in q and "weights" not in q)
    return replace(call, quantities=kept)


@each
def test_an_easy_point_agrees_with_the_textbook(row: Implementation) -> None:
    mode = first_mode(row)
    for call in widest(ADAPTER, row, mode):
        agree(ADAPTER, row, finite(row, call), mode)
    agree(ADAPTER, row, finite(row, everything(call)), mode)  # the most parameters


@each
def test_its_snippet_prints_what_the_run_gave(row: Implementation) -> None:
    mode = first_mode(row)
    *_, widest_call = points(ADAPTER, row, "float32", mode)
    same(ADAPTER, row, everything(widest_call), mode)


@pytest.mark.parametrize("mode", ADAPTER.modes)
@pytest.mark.parametrize("name", VARIED)
def test_every_mode_agrees_and_its_snippet_prints_the_same(name: str, mode: str) -> None:
    row = ROWS[name]
    if mode not in ADAPTER.modes_of(row):
        assert not row.names & set(CLOSED)
        return
    call = everything(widest(ADAPTER, row, mode)[0])
    agree(ADAPTER, row, call, mode)
    same(ADAPTER, row, call, mode)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["eager", "compiled"])
def test_a_dtype_is_kept_and_its_snippet_prints_the_same(dtype: str, mode: str) -> None:
    row = ROWS["optax.softmax_cross_entropy"]
    call = everything(point(row.operator, dtype=dtype))
    for quantity, answer in ADAPTER.run(row, call, mode).items():
        assert isinstance(answer, Unsupported if ADAPTER.declined(row, mode, quantity) else object)
        assert answer.dtype == call.upstream.dtype
    same(ADAPTER, row, call, mode)


def test_what_is_closed_over_is_a_constant() -> None:
    row = ROWS["optax.softmax_cross_entropy"]
    call = everything(point(row.operator, dtype="float32"))
    found = ADAPTER.run(row, call, "closed")
    for quantity, answer in found.items():
        constant = isinstance(answer, Unsupported) and answer.reason == CONSTANT
        assert constant == ("labels" in quantity)
    snippet = ADAPTER.snippet(row, call, "closed")
    assert "def first(logits, upstream):" in snippet


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_keep_every_bit(dtype: str) -> None:
    values = specials(dtype)
    for array in (values, values[:0], values[0], values[:6].reshape(2, 3)):
        round_trip(ADAPTER, np.asarray(array))


def test_empty_and_special_inputs_survive_the_snippet() -> None:
    call = point("log_softmax", dtype="float32")
    for rows in (np.zeros((0, 3)), np.array([[np.inf, 1.0], [-np.inf, np.nan], [1e-45, 0.1]])):
        logits = np.float32(rows)
        special = replace(call, inputs={"logits": logits}, upstream=np.ones_like(logits))
        same(ADAPTER, ROWS["jax.nn.log_softmax"], special, "eager")


@pytest.mark.parametrize("mode", ADAPTER.modes)
def test_an_error_is_raised_and_attributed(mode: str) -> None:
    call = point("softmax_cross_entropy_index", dtype="float32")
    bad = replace(call, inputs={**call.inputs, "labels": np.array([2.0, 0.0, 3.0])})
    row = ROWS["optax.softmax_cross_entropy_with_integer_labels"]
    for answer in ADAPTER.run(row, bad, mode).values():
        assert isinstance(answer, Raised)
        assert (answer.kind, "integer" in answer.message) == ("TypeError", True)


def test_what_an_expression_cannot_take_is_unsupported() -> None:
    name = "optax.softmax_cross_entropy"
    weighted = point("softmax_cross_entropy", "class_weights", dtype="float32")
    smooth = ROWS[f"{name} of smooth_labels"]
    assert ADAPTER.unsupported(ROWS[name], weighted, "eager") == "no argument for class_weights"
    plain = ADAPTER.run(smooth, point("softmax_cross_entropy", dtype="float32"), "eager")
    assert plain["value"] == Unsupported("only with label_smoothing")
    options = {"reduction": "weighted_mean", "dtype": "float32"}
    mean = point("softmax_cross_entropy", "class_weights", **options)
    row = ROWS[f"{name} of weighted labels"]
    assert ADAPTER.unsupported(row, mean, "eager") == "no reduction weighted_mean"


def test_names_are_unique_and_free_of_wildcards() -> None:
    assert len(ROWS) == len(ADAPTER.implementations)
    assert not [name for name in ROWS if set(name) & set("*?[]")]
    assert {row.operator for row in ROWS.values()} <= set(POINTS)
    assert all(row.documentation for row in FIRST.values())


def test_every_public_function_runs_in_every_mode_and_dtype() -> None:
    for row in ROWS.values():
        if row.public:
            modes = [mode for mode in ADAPTER.modes if mode != "closed" or row.names & set(CLOSED)]
            assert ADAPTER.modes_of(row) == tuple(modes)
            assert row.dtypes is None
