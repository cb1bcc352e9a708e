"""The Keras adapters' wiring on one backend: `KERAS_BACKEND=jax pytest` of this file.

`test_keras_adapter.py` runs it on each. A wrong number from Keras fails the conformance tests.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace

import keras
import numpy as np
import pytest

import adapters
from adapters.base import DTYPES, Implementation, Unsupported
from tests.adapter_points import (
    EVERY,
    agree,
    joins,
    point,
    round_trip,
    same,
    specials,
    widest,
)

BACKEND = os.environ["KERAS_BACKEND"]
ADAPTER = adapters.load(f"keras-{BACKEND}")
ROWS = {row.name: row for row in ADAPTER.implementations}
each = pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))


@pytest.fixture(autouse=True)
def _the_default_epsilon() -> Iterator[None]:
    yield
    keras.config.set_epsilon(1e-7)  # a snippet may have changed it


def otherwise(row: Implementation) -> str:
    """The input whose gradient Keras defines in its own way; the conformance tests report it.

    Probabilities are divided by their sum.
    """
    code = row.code.lower()
    own = re.search(r"categorical\w*crossentropy\(", code)
    share = re.search(r"\(labels, (?:keras\.ops\.exp\()?(probabilities|log_probabilities)\b", code)
    return share.group(1) if own and share else ""


@each
def test_an_easy_point_agrees_with_the_textbook(row: Implementation) -> None:
    mode = ADAPTER.modes_of(row)[-1]
    for call in widest(ADAPTER, row, mode):
        left_out = "" if "normalise" in call.parameters else otherwise(row)
        asked = tuple(q for q in call.quantities if q != f"gradient.{left_out}")
        agree(ADAPTER, row, replace(call, quantities=asked), mode)


@each
def test_its_snippet_prints_the_same(row: Implementation) -> None:
    mode = ADAPTER.modes_of(row)[0]
    same(ADAPTER, row, widest(ADAPTER, row, mode)[-1], mode)


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_keep_every_bit(dtype: str) -> None:
    for array in (specials(dtype), specials(dtype)[:6].reshape(2, 3)):
        round_trip(ADAPTER, array)


def test_names_are_unique_free_of_wildcards_and_documented() -> None:
    assert len(ROWS) == len(ADAPTER.implementations)
    assert not [name for name in ROWS if set(name) & set("*?[]")]
    assert {row.operator for row in ROWS.values()} == set(EVERY)
    assert all(row.documentation.startswith("https://keras.io/") for row in ROWS.values())


def test_a_setting_that_keras_does_not_have_is_unsupported() -> None:
    squared, hinge = ROWS["keras.losses.squared_hinge"], ROWS["keras.losses.hinge"]
    plain, powered = point("hinge_loss"), point("hinge_loss", "exponent")
    assert ADAPTER.unsupported(squared, plain, ADAPTER.modes[0]) == "only with exponent 2.0"
    assert not ADAPTER.unsupported(squared, powered, ADAPTER.modes[0])
    assert ADAPTER.unsupported(hinge, powered, ADAPTER.modes[0]) == "only with exponent none or 1.0"
    binary = ROWS["keras.ops.binary_crossentropy"]
    clipped = point("binary_cross_entropy", "clip_epsilon", dtype="float32")
    only = "only with clip_epsilon none or 1e-07"
    assert ADAPTER.unsupported(binary, clipped, ADAPTER.modes[0]) == only
    own = replace(clipped, parameters={"clip_epsilon": float(np.float32(1e-7))})
    assert not ADAPTER.unsupported(binary, own, ADAPTER.modes[0])


def test_the_epsilon_of_keras_is_set_for_one_call_alone() -> None:
    row = ROWS["keras.ops.binary_crossentropy(epsilon)"]
    call = point("binary_cross_entropy", "clip_epsilon", dtype="float32")
    assert not isinstance(ADAPTER.run(row, call, "eager")["value"], Unsupported)
    assert keras.config.epsilon() == 1e-7


def test_another_backend_in_the_same_process_is_refused() -> None:
    other = "jax" if BACKEND != "jax" else "torch"
    before = os.environ["KERAS_BACKEND"]
    pytest.importorskip({"torch": "torch", "jax": "optax"}[other])
    try:
        with pytest.raises(adapters.AdapterError, match=f"keras runs on {BACKEND} already"):
            adapters.load(f"keras-{other}")
    finally:
        os.environ["KERAS_BACKEND"] = before


@pytest.mark.parametrize("mode", list(ADAPTER.joined))
def test_functions_compiled_together_answer_as_alone(mode: str) -> None:
    if mode in ADAPTER.modes:
        names = ("keras.ops.softplus", "keras.ops.softmax", "keras.losses.squared_hinge")
        joins(ADAPTER, [ROWS[name] for name in names], mode)
