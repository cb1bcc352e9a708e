"""The PyTorch adapter's wiring. A wrong number from PyTorch fails the conformance tests instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from adapters.base import DTYPES, Arguments, Call, Implementation, Raised, Unsupported
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
    widest,
)

pytest.importorskip("torch")
import torch

from adapters.pytorch.engine import ADAPTER, along

pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch warns of its own code

ROWS = {row.name: row for row in ADAPTER.implementations}
each = pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
VARIED = [row for row in ROWS.values() if "strided" in ADAPTER.modes_of(row)]
FROZEN = [(row, name) for row in ROWS.values() for name in row.fixed if name != "labels"]
LIMITED = [(row, kind) for row in ROWS.values() for kind in row.cannot]
# Derivatives that PyTorch gives wrongly where an easy point is: the conformance tests report them.
WRONG = {
    "torch.masked.log_softmax": ("jvp",),  # that of -inf, which is constant
    "log_softmax(masked_fill(x, -inf))": ("jvp",),
    "F.linear_cross_entropy (chunked)": ("jvp", "hvp"),  # 0, without a word
}


def trusted(row: Implementation, call: Call) -> Call:
    """The call, asked for every quantity but those of WRONG."""
    whole = everything(call)
    kept = [q for q in whole.quantities if q.split(".")[0] not in WRONG.get(row.name, ())]
    return replace(whole, quantities=tuple(kept))


@each
def test_an_easy_point_agrees_with_the_textbook(row: Implementation) -> None:
    calls = list(points(ADAPTER, row, "float64"))
    assert calls or row.dtypes is not None
    for call in calls:
        agree(ADAPTER, row, trusted(row, call), "eager")


@pytest.mark.parametrize("mode", [m for m in ADAPTER.variants if m != "compiled"])
@pytest.mark.parametrize("row", VARIED, ids=[row.name for row in VARIED])
def test_a_variant_agrees_with_the_textbook(row: Implementation, mode: str) -> None:
    if mode in ADAPTER.modes_of(row) and row.dtypes is None:
        for call in list(points(ADAPTER, row, "float64", mode))[:1]:
            agree(ADAPTER, row, trusted(row, call), mode)
            same(ADAPTER, row, trusted(row, call), mode)


@each
def test_every_dtype_is_kept_and_its_snippet_prints_the_same(row: Implementation) -> None:
    for dtype in row.dtypes or DTYPES:
        calls = list(points(ADAPTER, row, dtype))
        for call in (everything(calls[0]), calls[-1]):  # the fewest parameters, the most
            for answer in ADAPTER.run(row, call, "eager").values():
                assert isinstance(answer, Unsupported) or answer.dtype == call.upstream.dtype
            same(ADAPTER, row, call, "eager")


@pytest.mark.parametrize("name", ["F.softplus", "F.cross_entropy (index)"])
def test_compiled_agrees_and_its_snippet_prints_the_same(name: str) -> None:
    # Two, because a compilation takes seconds; the conformance tests compile the others.
    call = widest(ADAPTER, ROWS[name], "compiled")[0]
    agree(ADAPTER, ROWS[name], call, "compiled")
    same(ADAPTER, ROWS[name], call, "compiled")


def test_functions_compiled_together_answer_as_alone() -> None:
    names = ("F.softplus", "F.log_softmax", "F.kl_div (reduced)")
    joins(ADAPTER, [ROWS[name] for name in names], "compiled")


@pytest.mark.parametrize("differentiate", ["jvp", "hvp"])
def test_what_compiled_code_cannot_do_is_what_pytorch_says(differentiate: str) -> None:
    x = torch.ones(3)
    call = torch.compile(torch.sigmoid, fullgraph=True, dynamic=False)
    given = Arguments({"x": x}, x, {"x": x})
    with pytest.raises(Exception) as caught:  # noqa: PT011 - its class is PyTorch's business
        along(call, given, f"{differentiate}.x")
    assert ADAPTER.cannot["compiled"][differentiate] in str(caught.value)


@pytest.mark.parametrize(("row", "name"), FROZEN, ids=[f"{row.name}-{n}" for row, n in FROZEN])
def test_a_constant_is_what_pytorch_says_it_is(row: Implementation, name: str) -> None:
    calls = [c for c in points(ADAPTER, row, "float64") if name in c.parameters]
    told(row, calls, f"gradient.{name}", row.fixed[name])


@pytest.mark.parametrize(("row", "kind"), LIMITED, ids=[f"{row.name}-{k}" for row, k in LIMITED])
def test_what_an_implementation_cannot_do_is_what_pytorch_says(
    row: Implementation, kind: str
) -> None:
    calls = [everything(call) for call in points(ADAPTER, row, "float64")]
    (quantity,) = {q for q in calls[0].quantities if q.startswith(f"{kind}.")}
    told(row, calls[:1], quantity, row.cannot[kind])


def told(row: Implementation, calls: Sequence[Call], quantity: str, message: str) -> None:
    """Asserts that PyTorch refuses in these words, if what is declared is asked nevertheless."""
    assert calls
    call = replace(calls[0], quantities=(quantity,))
    answer = ADAPTER.run(replace(row, fixed={}, cannot={}), call, "eager")[quantity]
    assert isinstance(answer, Raised)
    assert answer.message.startswith(message)


def test_names_are_unique_and_free_of_wildcards() -> None:
    assert len(ROWS) == len(ADAPTER.implementations)
    assert not [name for name in ROWS if set(name) & set("*?[]")]
    assert {row.operator for row in ADAPTER.implementations} == set(POINTS)


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


def test_a_constant_of_a_loss_is_compared_at_the_dtype() -> None:
    row = ROWS["F.poisson_nll_loss (rate, default eps)"]
    for dtype in ("float32", "bfloat16"):
        for epsilon, said in ((1e-8, ""), (1e-7, "only with add_epsilon 1e-08")):
            call = point(row.operator, "add_epsilon", dtype=dtype)
            rounded = float(np.array(epsilon).astype(call.upstream.dtype))
            call = replace(call, parameters={"add_epsilon": rounded})
            assert ADAPTER.unsupported(row, call, "eager") == said
    assert ADAPTER.unsupported(row, point(row.operator), "eager") == "only with add_epsilon"
