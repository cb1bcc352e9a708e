"""The JAX adapter's wiring; a wrong number from JAX itself fails the conformance tests instead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adapters.base import DTYPES, Implementation, Raised, Unsupported
from tests.adapter_points import (
    POINTS,
    agree,
    joins,
    point,
    round_trip,
    same,
    specials,
    widest,
)

pytest.importorskip("jax")
pytest.importorskip("optax")
from adapters.jax_optax.engine import ADAPTER

ROWS = {row.name: row for row in ADAPTER.implementations}
FIRST = {row.operator: row for row in reversed(ADAPTER.implementations)}
COMPILED = [row for row in FIRST.values() if row.modes is None]  # public functions
each = pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
compiled = pytest.mark.parametrize("row", COMPILED, ids=[row.name for row in COMPILED])


@each
def test_an_easy_point_agrees_with_the_textbook(row: Implementation) -> None:
    mode = (row.modes or ADAPTER.modes)[0]
    agree(ADAPTER, row, widest(ADAPTER, row, mode)[-1], mode)  # the most parameters


@compiled
def test_compiled_agrees_with_the_textbook(row: Implementation) -> None:
    agree(ADAPTER, row, widest(ADAPTER, row, "compiled")[0], "compiled")


@pytest.mark.parametrize(
    ("dtype", "mode"), [*((dtype, "compiled") for dtype in DTYPES), ("float32", "eager")]
)
def test_a_dtype_is_kept_and_its_snippet_prints_the_same(dtype: str, mode: str) -> None:
    row = ROWS["optax.softmax_cross_entropy"]
    call = point(row.operator, dtype=dtype)
    value = ADAPTER.run(row, call, mode)["value"]
    assert isinstance(value, np.ndarray)
    assert value.dtype == call.upstream.dtype
    same(ADAPTER, row, call, mode)


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


@pytest.mark.parametrize("mode", ["compiled"])
def test_functions_compiled_together_answer_as_alone(mode: str) -> None:
    names = ("jax.nn.softplus", "optax.softmax_cross_entropy", "jax.nn.softmax")
    joins(ADAPTER, [ROWS[name] for name in names], mode)
