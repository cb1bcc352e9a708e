"""What must hold of exact results, whatever they are: enclosures of both sides must overlap.

Sums and products of truths are taken in balls, so that nothing is lost to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.balls import Ball, ball, precision
from reference.evaluation import evaluate
from reference.formats import Floats
from reference.operators import OPERATORS
from reference.problem import Problem
from reference.reduction import SAMPLE_WEIGHTS
from tests.enclosing import BITS, agree, balls, certified
from tests.families import problem
from tests.points import Layout, Parameters, complete, label_of, richest, variants
from tests.points import problem as at_point

EVERY = list(variants())
ROWS = [v for v in EVERY if OPERATORS[v[0]].output != "elementwise"]
few = settings(max_examples=2, deadline=None, derandomize=True, database=None)
several = settings(few, max_examples=8)
Balls = list[Ball]

# Numbers whose sums and differences are exact, from tiny steps to far beyond saturation.
grid = st.integers(-(2**12), 2**12).map(lambda k: k / 64) | st.sampled_from([0.0, 750.0, -750.0])
shares = st.sampled_from([0.0, 1.0, 0.25, 0.5, 0.75]) | st.integers(0, 64).map(lambda k: k / 64)
inside = st.integers(1, 63).map(lambda k: k / 64)
powers = st.sampled_from([0.25, 0.5, 2.0, 8.0])


def rows(numbers: st.SearchStrategy[float], classes: int = 3) -> st.SearchStrategy[Floats]:
    return st.lists(numbers, min_size=2 * classes, max_size=2 * classes).map(
        lambda x: np.array(x).reshape(2, classes)
    )


def distributions(classes: int = 3) -> st.SearchStrategy[Floats]:
    """Rows of 64ths that sum to 1, all positive."""
    cuts = st.lists(st.integers(1, 63), min_size=classes - 1, max_size=classes - 1, unique=True)
    row = cuts.map(lambda c: np.diff([0, *sorted(c), 64]) / 64)
    return st.tuples(row, row).map(np.array)


indices = st.tuples(st.integers(0, 2), st.integers(0, 2)).map(np.array)


def value(name: str, inputs: Mapping[str, Any], quantity: str = "value", **options: Any) -> Balls:
    """The enclosures of one quantity, in float64."""
    asked = problem(name, "float64", inputs, **options)
    return balls(evaluate(replace(asked, quantities=tuple({"value": 0, quantity: 0})))[quantity])


def summed(numbers: Sequence[Ball], width: int) -> Balls:
    with precision(BITS):
        return [sum(numbers[i : i + width], ball(0)) for i in range(0, len(numbers), width)]


def zip_balls(f: Callable[..., Ball], *columns: Sequence[Any]) -> Balls:
    with precision(BITS):
        return [f(*map(ball, entry)) for entry in zip(*columns, strict=True)]


def flat(array: Any) -> list[float]:
    return np.asarray(array, dtype=float).reshape(-1).tolist()


def dot(one: Sequence[Any], other: Sequence[Any]) -> Ball:
    return summed(zip_balls(lambda a, b: a * b, one, other), len(one))[0]


def zeros(count: int) -> Balls:
    return [ball(0)] * count


# Of all operators alike: points of the table, at ordinary and at saturated numbers.

points = st.tuples(st.integers(0, 1000), st.sampled_from([1.0, 10.0]))


def point(variant: tuple[str, Parameters], drawn: tuple[int, float], rows: int = 2) -> Problem:
    seed, scale = drawn
    return at_point(*variant, seed=seed, layout=Layout(rows=rows, classes=3, scale=scale))


every = pytest.mark.parametrize("variant", EVERY, ids=label_of)
each = pytest.mark.parametrize("variant", richest(), ids=label_of)
every_row = pytest.mark.parametrize("variant", ROWS, ids=label_of)


@every
@few
@given(drawn=points)
def test_a_jvp_is_the_inner_product_of_gradient_and_tangent(
    variant: tuple[str, Parameters], drawn: tuple[int, float]
) -> None:
    asked = point(variant, drawn)
    truths = evaluate(asked)
    for name, tangent in asked.tangents.items():
        gradient = balls(truths[f"gradient.{name}"])
        along = dot(flat(asked.upstream), balls(truths[f"jvp.{name}"]))
        assert agree([along], [dot(gradient, flat(tangent))]), name


@every
@few
@given(drawn=points)
def test_second_derivatives_are_symmetric(
    variant: tuple[str, Parameters], drawn: tuple[int, float]
) -> None:
    """<v, H u> = <u, H v>; by two inputs, <v, M u> = <u, M' v>."""
    asked = point(variant, drawn)
    other = complete(asked, np.random.default_rng(drawn[0] + 1))
    one, two = evaluate(asked), evaluate(other)
    for name, tangent in asked.tangents.items():
        for also in asked.tangents:
            kinds = ("hvp", name) if also == name else ("mixed", name, also)
            back = ("hvp", name) if also == name else ("mixed", also, name)
            there = dot(flat(tangent), balls(two[".".join(kinds)]))
            assert agree([there], [dot(flat(other.tangents[also]), balls(one[".".join(back)]))])


@each
@few
@given(drawn=points, ups=st.tuples(powers, powers))
def test_gradients_are_linear_in_the_upstream(
    variant: tuple[str, Parameters], drawn: tuple[int, float], ups: tuple[float, float]
) -> None:
    asked = point(variant, drawn)
    whole = evaluate(replace(asked, upstream=asked.upstream * sum(ups)))
    parts = [evaluate(replace(asked, upstream=asked.upstream * up)) for up in ups]
    for quantity in asked.quantities or ():
        if quantity.startswith(("gradient", "hvp", "mixed")):
            sums = zip_balls(lambda a, b: a + b, *(balls(p[quantity]) for p in parts))
            assert agree(balls(whole[quantity]), sums), quantity


@each
@few
@given(drawn=points)
def test_a_sum_over_a_batch_is_the_sum_of_singles(
    variant: tuple[str, Parameters], drawn: tuple[int, float]
) -> None:
    asked = point(variant, drawn, rows=3)
    whole = evaluate(replace(asked, reduction="sum", upstream=np.array(1.0)))
    ones = replace(asked, upstream=np.ones_like(asked.upstream))
    singles = [evaluate(single(ones, i)) for i in range(3)]
    for quantity in asked.quantities or ():
        kind, _, name = quantity.partition(".")
        parts = [balls(s[quantity]) for s in singles]
        every_part = [b for part in parts for b in part]
        if kind in ("value", "jvp"):
            expected = summed(every_part, len(every_part))
        elif name in OPERATORS[variant[0]].arrays:
            expected = zip_balls(lambda *x: sum(x, ball(0)), *parts)
        else:
            expected = every_part
        assert agree(balls(whole[quantity]), expected), quantity


def single(asked: Problem, i: int) -> Problem:
    """Row i alone."""
    part = slice(i, i + 1)
    held = {k: v[part] if k == "mask" else v for k, v in asked.parameters.items()}
    return replace(
        asked,
        inputs={k: v[part] for k, v in asked.inputs.items()},
        tangents={k: v[part] for k, v in asked.tangents.items()},
        parameters=held,
        upstream=asked.upstream[part],
    )


@each
@few
@given(drawn=points)
def test_sample_weights_multiply_the_losses(
    variant: tuple[str, Parameters], drawn: tuple[int, float]
) -> None:
    asked = point(variant, drawn)
    shape = next(iter(asked.inputs.values())).shape
    weights = np.resize([0.5, 4.0], shape if OPERATORS[variant[0]].output == "elementwise" else 2)
    by = f"gradient.{SAMPLE_WEIGHTS}"
    weighted = replace(
        asked,
        inputs={**asked.inputs, SAMPLE_WEIGHTS: weights},
        quantities=(*(asked.quantities or ()), by),
    )
    found, plain = evaluate(weighted), evaluate(asked)
    spread = np.repeat(weights, found["value"].hi.size // weights.size)
    scaled = zip_balls(lambda w, x: w * x, spread.reshape(-1).tolist(), balls(plain["value"]))
    assert agree(balls(found["value"]), scaled)
    losses = zip_balls(lambda u, x: u * x, flat(asked.upstream), balls(plain["value"]))
    assert agree(balls(found[by]), summed(losses, len(losses) // weights.size))


@every_row
@few
@given(drawn=points, order=st.permutations(range(3)))
def test_the_order_of_the_classes_does_not_matter(
    variant: tuple[str, Parameters], drawn: tuple[int, float], order: list[int]
) -> None:
    name, _ = variant
    if name == "linear_softmax_cross_entropy":
        return  # its rows are no classes
    asked = point(variant, drawn)
    kinds = {i.name: i.kind for i in OPERATORS[name].inputs}
    back = np.argsort(order)

    def moved(array: Any, kind: str = "vector") -> Any:
        if kind == "index":
            return np.where(array >= 0, back[np.maximum(array, 0)], array)
        return array[..., order] if isinstance(array, np.ndarray) else array

    vector = OPERATORS[name].output == "vector"
    other = replace(
        asked,
        inputs={k: moved(v, kinds[k]) for k, v in asked.inputs.items()},
        tangents={k: moved(v) for k, v in asked.tangents.items()},
        parameters={k: moved(v) for k, v in asked.parameters.items()},
        upstream=moved(asked.upstream) if vector else asked.upstream,
    )
    one, two = evaluate(asked), evaluate(other)
    for quantity, truth in one.items():
        places = np.arange(truth.hi.size).reshape(truth.hi.shape)
        places = moved(places) if truth.hi.shape[-1:] == (3,) else places
        found = balls(truth)
        assert agree([found[k] for k in places.reshape(-1)], balls(two[quantity])), quantity


LAYOUTS = {1: [()], 2: [(4,)], 3: [(2, 2)], 4: [(2, 1, 2)]}


@every_row
@pytest.mark.parametrize("rank", LAYOUTS)
def test_the_classes_may_be_along_any_axis(variant: tuple[str, Parameters], rank: int) -> None:
    (short,) = LAYOUTS[rank]
    count = math.prod(short)
    asked = at_point(*variant, seed=rank, layout=Layout(rows=count, classes=3))
    flat_ = evaluate(asked)
    kinds = {i.name: i.kind for i in OPERATORS[variant[0]].inputs}
    full = asked.inputs[next(k for k, kind in kinds.items() if kind == "vector")].shape

    for axis in range(-rank, rank):

        def laid(array: Any, axis: int = axis) -> Any:
            if not isinstance(array, np.ndarray) or array.shape[:1] != (count,):
                return array
            whole = array.reshape((*short, *array.shape[1:]))
            return np.moveaxis(whole, -1, axis) if array.shape == full else whole

        shared = {k: v for k, v in asked.parameters.items() if k != "mask"}
        mask = {k: laid(v) for k, v in asked.parameters.items() if k == "mask"}
        made = replace(
            asked,
            axis=axis,
            inputs={k: laid(v) for k, v in asked.inputs.items()},
            tangents={k: laid(v) for k, v in asked.tangents.items()},
            parameters={**shared, **mask},
            upstream=laid(asked.upstream),
        )
        for quantity, truth in evaluate(made).items():
            expected = flat_[quantity].hi
            if quantity.partition(".")[2] not in shared:
                expected = laid(expected)
            np.testing.assert_array_equal(truth.hi, expected, (axis, quantity))


# Shift invariance.

INVARIANT = ("softmax", "log_softmax", "softmax_cross_entropy", "softmax_cross_entropy_index")
INVARIANT += ("softmax_focal_loss", "poly1_cross_entropy", "multiclass_margin_loss")
INVARIANT += ("generalised_cross_entropy", "distillation_loss")


def shifted(name: str) -> str:
    return "student" if name == "distillation_loss" else "logits"


@pytest.mark.parametrize("name", INVARIANT)
@several
@given(logits=rows(grid), labels=distributions(), index=indices, c=grid | st.just(2.0**40))
def test_a_shift_of_the_logits_changes_nothing(
    name: str, logits: Floats, labels: Floats, index: Any, c: float
) -> None:
    x = shifted(name)
    given_ = {"labels": labels, "teacher": labels}
    if any(i.kind == "index" for i in OPERATORS[name].inputs):
        given_["labels"] = index
    inputs = {i.name: given_.get(i.name, logits) for i in OPERATORS[name].inputs}
    options = {"q": 0.5} if name == "generalised_cross_entropy" else {}
    for quantity in ("value", f"gradient.{x}"):
        one = value(name, inputs, quantity, **options)
        two = value(name, {**inputs, x: inputs[x] + c}, quantity, **options)
        assert agree(one, two)


@pytest.mark.parametrize("variant", [v for v in ROWS if v[0] in INVARIANT], ids=label_of)
@few
@given(drawn=points)
def test_derivatives_by_the_logits_sum_to_0(
    variant: tuple[str, Parameters], drawn: tuple[int, float]
) -> None:
    asked = point(variant, drawn)
    for quantity, truth in evaluate(asked).items():
        kind, _, names = quantity.partition(".")
        if kind in ("gradient", "hvp", "mixed") and names.split(".")[0] == shifted(variant[0]):
            assert agree(summed(balls(truth), 3), zeros(2)), quantity


@several
@given(logits=rows(grid), c=grid | st.just(2.0**40))
def test_logsumexp_moves_with_its_logits(logits: Floats, c: float) -> None:
    one = value("logsumexp", {"logits": logits})
    two = value("logsumexp", {"logits": logits + c})
    assert agree(zip_balls(lambda a, s: a + s, one, [c, c]), two)
    slopes = value("logsumexp", {"logits": logits}, "gradient.logits")
    assert agree(summed(slopes, 3), [ball(1)] * 2)


# Mirror symmetry.

MIRRORED: Mapping[str, tuple[str, str]] = {
    "sigmoid_cross_entropy": ("logits", "labels"),
    "sigmoid_squared_loss": ("logits", "labels"),
    "sigmoid_focal_loss": ("logits", "labels"),
    "binary_cross_entropy": ("probabilities", "labels"),
    "softened_cross_entropy": ("probabilities", "labels"),
    "logistic_loss_pm1": ("logits", "labels"),
    "hinge_loss": ("logits", "labels"),
}


@pytest.mark.parametrize("name", MIRRORED)
@several
@given(x=grid, p=inside, y=shares, sign=st.sampled_from([1.0, -1.0]))
def test_the_classes_of_a_binary_loss_may_change_places(
    name: str, x: float, p: float, y: float, sign: float
) -> None:
    """X <-> -x or p <-> 1 - p, with y <-> 1 - y or y <-> -y."""
    by, labels = MIRRORED[name]
    signs = name in ("logistic_loss_pm1", "hinge_loss")
    one_x, one_y = (p if by == "probabilities" else x), (sign if signs else y)
    two_x = 1 - p if by == "probabilities" else -x
    options = {"epsilon": 0.0625} if name == "softened_cross_entropy" else {}
    one = {by: [one_x], labels: [one_y]}
    two = {by: [two_x], labels: [-one_y if signs else 1 - one_y]}
    assert agree(value(name, one, **options), value(name, two, **options))
    if name == "hinge_loss" and one_y * one_x == 1:
        return  # a kink
    slope = value(name, one, f"gradient.{by}", **options)
    mirrored = value(name, two, f"gradient.{by}", **options)
    assert agree(slope, [-b for b in mirrored])


@several
@given(x=grid)
def test_activations_at_x_and_minus_x(x: float) -> None:
    def at(name: str, *numbers: float) -> Balls:
        return value(name, {"x": list(numbers)})

    with precision(BITS):
        assert agree([sum(at("sigmoid", x, -x))], [ball(1)])
        assert agree([sum(at("tanh", x, -x))], [ball(0)])
        one, two = at("softplus", x, -x)
        assert agree([one - two], [ball(x)])
        assert agree(at("log_sigmoid", x), [-two])
        assert agree([at("sigmoid", 2 * x)[0] * 2 - 1], at("tanh", x))


# One operator as another.


def as_one_hot(index: Any) -> Floats:
    return np.eye(3)[index]


PAIRS = {
    "softmax_cross_entropy": ("logits", grid),
    "categorical_cross_entropy": ("probabilities", inside),
}


@pytest.mark.parametrize("name", PAIRS)
@several
@given(data=st.data(), index=indices, weighted=st.booleans(), smooth=st.booleans())
def test_an_index_is_a_one_hot_row(
    name: str, data: st.DataObject, index: Any, weighted: bool, smooth: bool
) -> None:
    by, numbers = PAIRS[name]
    x = data.draw(rows(numbers))
    options: dict[str, Any] = {"class_weights": [0.25, 3.0, 1.5]} if weighted else {}
    if smooth and name == "softmax_cross_entropy":
        options["label_smoothing"] = 0.125
    quantities = ["value", f"gradient.{by}"]
    quantities += ["gradient.class_weights"] if weighted else []
    for quantity in quantities:
        one = value(f"{name}_index", {by: x, "labels": index}, quantity, **options)
        dense = {by: x, "labels": as_one_hot(index)}
        assert agree(one, value(name, dense, quantity, **options)), quantity


X, SOFT = "logits", "softmax_cross_entropy"


def entropy(p: Floats) -> Balls:
    return value("cross_entropy", {"labels": p, "probabilities": p})


def cross(p: Floats, log_q: Floats) -> Balls:
    """-sum p ln q, from logarithms."""
    return summed(zip_balls(lambda a, b: -a * b, flat(p), flat(log_q)), 3)


@dataclass(frozen=True)
class Drawn:
    """Logits, two distributions and class indices of two rows."""

    x: Floats
    p: Floats
    q: Floats
    k: Any


Side = Callable[[Drawn], Balls]
EQUAL: Mapping[str, tuple[Side, Side]] = {
    "softmax is e^log_softmax": (
        lambda d: value("softmax", {X: d.x}),
        lambda d: zip_balls(lambda a: a.exp(), value("log_softmax", {X: d.x})),
    ),
    "logsumexp is x - log_softmax": (
        lambda d: [b for b in value("logsumexp", {X: d.x}) for _ in range(3)],
        lambda d: zip_balls(lambda a, b: a - b, flat(d.x), value("log_softmax", {X: d.x})),
    ),
    "cross entropy of an index is -log_softmax there": (
        lambda d: value(f"{SOFT}_index", {X: d.x, "labels": d.k}),
        lambda d: [-value("log_softmax", {X: d.x})[3 * i + j] for i, j in enumerate(d.k.tolist())],
    ),
    "softmax cross entropy of soft labels is that of their parts": (
        lambda d: value(SOFT, {X: d.x, "labels": d.p}),
        lambda d: summed(
            zip_balls(lambda t, ln: -t * ln, flat(d.p), value("log_softmax", {X: d.x})), 3
        ),
    ),
    "two classes are a sigmoid": (
        lambda d: value(f"{SOFT}_index", {X: d.x[:, :2], "labels": [0, 1]}),
        lambda d: value("sigmoid_cross_entropy", {X: d.x[:, 0] - d.x[:, 1], "labels": [1.0, 0.0]}),
    ),
    "divergence and entropy are the cross entropy": (
        lambda d: zip_balls(
            lambda a, b: a + b,
            value("kl_divergence", {"labels": d.p, "log_probabilities": d.x}),
            entropy(d.p),
        ),
        lambda d: cross(d.p, d.x),
    ),
    "a divergence of log targets from themselves is 0": (
        lambda d: value("kl_divergence_log_targets", {"log_labels": d.x, "log_probabilities": d.x}),
        lambda _: zeros(2),
    ),
    "a divergence is general for distributions": (
        lambda d: value("generalized_kl_divergence", {"labels": d.p, "log_probabilities": d.x}),
        lambda d: zip_balls(
            lambda a, b: a - 1 + b,
            value("kl_divergence", {"labels": d.p, "log_probabilities": d.x}),
            summed(zip_balls(lambda a: a.exp(), flat(d.x)), 3),
        ),
    ),
    "Jensen-Shannon of p and p is 0": (
        lambda d: value("jensen_shannon_divergence", {"p": d.p, "q": d.p}),
        lambda _: zeros(2),
    ),
    "Jensen-Shannon is symmetric": (
        lambda d: value("jensen_shannon_divergence", {"p": d.p, "q": d.q}),
        lambda d: value("jensen_shannon_divergence", {"p": d.q, "q": d.p}),
    ),
    "sigmoid focal loss with gamma 0": (
        lambda d: value("sigmoid_focal_loss", {X: d.x, "labels": d.p}, gamma=0.0),
        lambda d: value("sigmoid_cross_entropy", {X: d.x, "labels": d.p}),
    ),
    "softmax focal loss with gamma 0": (
        lambda d: value("softmax_focal_loss", {X: d.x, "labels": d.p}, gamma=0.0),
        lambda d: value(SOFT, {X: d.x, "labels": d.p}),
    ),
    "poly loss with epsilon 0": (
        lambda d: value("poly1_cross_entropy", {X: d.x, "labels": d.p}, epsilon=0.0),
        lambda d: value(SOFT, {X: d.x, "labels": d.p}),
    ),
    "generalised cross entropy with q = 1 is 1 - p": (
        lambda d: value("generalised_cross_entropy", {X: d.x, "labels": d.k}, q=1.0),
        lambda d: [1 - value("softmax", {X: d.x})[3 * i + j] for i, j in enumerate(d.k.tolist())],
    ),
    "distillation from equal logits is 0": (
        lambda d: value("distillation_loss", {"student": d.x, "teacher": d.x}),
        lambda _: zeros(2),
    ),
    "distillation with temperature is that of colder logits": (
        lambda d: value("distillation_loss", {"student": d.x, "teacher": d.p}, temperature=4.0),
        lambda d: zip_balls(
            lambda a: 16 * a, value("distillation_loss", {"student": d.x / 4, "teacher": d.p / 4})
        ),
    ),
    "temperature divides the logits": (
        lambda d: value(SOFT, {X: d.x, "labels": d.p}, temperature=4.0),
        lambda d: value(SOFT, {X: d.x / 4, "labels": d.p}),
    ),
    "z-loss is the square of logsumexp": (
        lambda d: value("z_loss", {X: d.x}, scale=0.5),
        lambda d: zip_balls(lambda a: a * a / 2, value("logsumexp", {X: d.x})),
    ),
    "probabilities as they are": (
        lambda d: value("categorical_cross_entropy", {"probabilities": d.q, "labels": d.p}),
        lambda d: value("cross_entropy", {"labels": d.p, "probabilities": d.q}),
    ),
    "reconstruction is binary cross entropy summed": (
        lambda d: value("reconstruction_cross_entropy", {"reconstructions": d.q, "inputs": d.p}),
        lambda d: summed(value("binary_cross_entropy", {"probabilities": d.q, "labels": d.p}), 3),
    ),
    "the sparsity penalty is a divergence of two classes": (
        lambda d: value("sparsity_penalty", {"activations": d.q}, target=0.25),
        lambda d: zip_balls(
            lambda a, b: a - b,
            value("binary_cross_entropy", {"probabilities": d.q, "labels": 0.25 + 0 * d.q}),
            value(
                "binary_cross_entropy", {"probabilities": 0.25 + 0 * d.q, "labels": 0.25 + 0 * d.q}
            ),
        ),
    ),
    "a margin loss of two classes is half a hinge loss": (
        lambda d: value("multiclass_margin_loss", {X: d.x[:, :2], "labels": [0, 1]}),
        lambda d: zip_balls(
            lambda a: a / 2,
            value("hinge_loss", {X: d.x[:, 0] - d.x[:, 1], "labels": [1.0, -1.0]}),
        ),
    ),
    "Poisson losses of rate and log-rate": (
        lambda d: value("poisson_nll", {"log_rates": 0 * d.x, "counts": abs(d.x) // 1}),
        lambda d: value("poisson_nll_rate", {"rates": 1 + 0 * d.x, "counts": abs(d.x) // 1}),
    ),
    "a linear layer of ones and zeros": (
        lambda d: value(
            "linear_softmax_cross_entropy", {"hidden": d.x, "labels": d.k}, weights=np.eye(3)
        ),
        lambda d: value(f"{SOFT}_index", {X: d.x, "labels": d.k}),
    ),
    "a linear layer's gradient by the weights": (
        lambda d: value(
            "linear_softmax_cross_entropy",
            {"hidden": d.x[:1], "labels": d.k[:1]},
            "gradient.weights",
            weights=np.eye(3),
        ),
        lambda d: zip_balls(
            lambda s, h: s * h,
            np.repeat(
                value(f"{SOFT}_index", {X: d.x[:1], "labels": d.k[:1]}, "gradient.logits"), 3
            ).tolist(),
            flat(d.x[0]) * 3,
        ),
    ),
    "a mask takes a class away": (
        lambda d: value("logsumexp", {X: d.x}, mask=np.array([[True, False, True]] * 2)),
        lambda d: value("logsumexp", {X: d.x[:, [0, 2]]}),
    ),
}
"""Identity -> both of its sides."""


@pytest.mark.parametrize("name", EQUAL)
@several
@given(drawn=st.builds(Drawn, rows(grid), distributions(), distributions(), indices))
def test_two_ways_to_the_same_number(name: str, drawn: Drawn) -> None:
    one, two = EQUAL[name]
    assert agree(one(drawn), two(drawn))


@several
@given(p=distributions(), q=distributions())
def test_jensen_shannon_is_between_0_and_ln_2(p: Floats, q: Floats) -> None:
    with precision(BITS):
        for found in value("jensen_shannon_divergence", {"p": p, "q": q}):
            assert found <= ball(2).log() or found.overlaps(ball(2).log())
            assert found >= 0 or found.overlaps(ball(0))


# Linearity in weights and labels.

LINEAR = {
    "class_weights": ("softmax_cross_entropy", "softmax_cross_entropy_index", "nll"),
    "labels": ("softmax_cross_entropy", "cross_entropy", "categorical_cross_entropy"),
}
LINEAR["labels"] += ("softmax_focal_loss",)


@pytest.mark.parametrize("name", LINEAR["labels"])
@several
@given(x=rows(grid), one=distributions(), two=distributions(), q=distributions(), s=powers)
def test_losses_are_linear_in_the_labels(
    name: str, x: Floats, one: Floats, two: Floats, q: Floats, s: float
) -> None:
    by = next(i.name for i in OPERATORS[name].inputs if i.name != "labels")
    held = {by: x if by == "logits" else q}
    for quantity in ("value", f"gradient.{by}"):
        parts = [value(name, {**held, "labels": p}, quantity) for p in (one, s * two)]
        whole = value(name, {**held, "labels": one + s * two}, quantity)
        assert agree(whole, zip_balls(lambda a, b: a + b, *parts))


@pytest.mark.parametrize("name", LINEAR["class_weights"])
@several
@given(x=rows(grid), p=distributions(), k=indices, v=st.lists(powers, min_size=6, max_size=6))
def test_losses_are_linear_in_the_class_weights(
    name: str, x: Floats, p: Floats, k: Any, v: list[float]
) -> None:
    first = OPERATORS[name].inputs[0].name
    inputs = {first: x, "labels": p if name == "softmax_cross_entropy" else k}
    one, two = np.array(v[:3]), np.array(v[3:])
    for quantity in ("value", f"gradient.{first}"):
        parts = [value(name, inputs, quantity, class_weights=w) for w in (one, two)]
        whole = value(name, inputs, quantity, class_weights=one + two)
        assert agree(whole, zip_balls(lambda a, b: a + b, *parts))


def test_enclosures_that_do_not_overlap_are_told_apart() -> None:
    """The comparison itself: one ulp of float64 is more than the enclosures leave open."""
    one = evaluate(problem("logsumexp", "float64", {"logits": [[0.5, 1.0]]}))["value"]
    assert certified(one)
    with precision(BITS):
        (inside_,) = balls(one)
        assert agree([inside_], [inside_])
        assert not agree([inside_], [inside_ + ball(2) ** -70])
