"""The bounds: against the published table, at the ends of the range, and where they must be exact.

The table of bounds (in units of u, first order) was derived by hand, row by row; running error
analysis finds the same numbers by a mechanism. `TABLE` has it as printed where both agree to three
digits, and `AT_MOST` where the mechanism is tighter, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from families import problem
from families_classes import extremes
from families_numbers import number_extremes

from reference.bounds import Bounds, bounds
from reference.evaluation import evaluate
from reference.formats import FORMATS, Floats
from reference.operators import OPERATORS
from reference.problem import Problem
from reference.running import EXP_ERROR, LOG_ERROR, Running, grouped, pairwise

E, L = EXP_ERROR, LOG_ERROR


class Row:
    """The quantities of the table's notation, for one row of logits without ties."""

    def __init__(self, x: Floats, label: int, baseline: bool) -> None:
        h = grouped if baseline else pairwise
        n = len(x)
        self.h = float(h(np.array(float(n))))
        # The sum T has n - 1 terms; the table says h(n) for it.
        self.h_rest = self.h if baseline else float(h(np.array(n - 1.0)))
        self.d = x.max() - x
        e = np.exp(-self.d)
        rest, others = np.arange(n) != np.argmax(x), np.arange(n) != label
        self.t = e[rest].sum()
        self.s = e / (1 + self.t)
        self.l = np.log1p(self.t)
        self.kappa = self.t / ((1 + self.t) * self.l)
        self.w = (self.s * self.d).sum()
        self.d_rest = (e * self.d)[rest].sum() / self.t
        self.d_others = (e * self.d)[others].sum() / e[others].sum()
        self.b = self.d + self.w + 2 * E + self.h + 1
        self.miss = self.s[others].sum()
        self.label = label
        self.lse = x.max() + self.l
        self.lsm = -self.d - self.l
        # Table: |r| for the last subtraction. From x - max = 0 it is exact.
        self.last = np.where(self.d > 0, np.abs(self.lsm), 0)

    @property
    def softmax(self) -> Floats:
        """Of e/S or of e^log_softmax. The table's B + d + (1 + L) l + 1 is up to 2 larger."""
        by_log = self.d + self.log_sum + self.last + E
        assert (by_log <= self.b + self.d + (1 + L) * self.l + 1).all()
        return np.maximum(self.b, by_log)

    @property
    def log_rest(self) -> float:
        return float(self.l * (self.kappa * (E + self.d_rest + self.h_rest) + L))

    @property
    def log_sum(self) -> float:
        return float(E + self.w + self.h + L * self.l)


LOGITS = {
    2: np.array([0.3, 2.7]),
    5: np.array([1.3, -2.1, 0.4, 6.7, 5.9]),
    40: np.sin(np.arange(1, 41.0) ** 2) * 7,
    1000: np.sin(np.arange(1, 1001.0) ** 2) * 11,
}
DTYPES = ("float32", "float64")


def in_u(found: Bounds, dtype: str) -> tuple[Floats, Floats]:
    return found.strict / FORMATS[dtype].u, found.baseline / FORMATS[dtype].u


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("classes", LOGITS)
def test_rows_of_classes(dtype: str, classes: int) -> None:
    """Softmax, its logarithm, log-sum-exp, cross entropy with hard labels."""
    asked = problem("softmax", dtype, {"logits": LOGITS[classes][None]})
    x = asked.inputs["logits"][0]
    label = int(np.argsort(x)[classes // 2])
    strict, baseline = Row(x, label, False), Row(x, label, True)

    found = in_u(bounds(asked)["value"], dtype)
    assert found[0][0] == pytest.approx(strict.s * strict.b, rel=1e-3)
    assert found[1][0] == pytest.approx(baseline.s * baseline.b, rel=1e-3)

    found = in_u(bounds(problem("log_softmax", dtype, {"logits": x[None]}))["value"], dtype)
    log_strict = strict.d + strict.log_rest + strict.last
    log_baseline = baseline.d + baseline.log_sum + strict.last
    assert found[0][0] == pytest.approx(log_strict, rel=1e-3)
    assert found[1][0] == pytest.approx(log_baseline, rel=1e-3)

    found = in_u(bounds(problem("logsumexp", dtype, {"logits": x[None]}))["value"], dtype)
    assert found[0] == pytest.approx([strict.log_rest + abs(strict.lse)], rel=1e-3)
    assert found[1] == pytest.approx([baseline.log_sum + abs(strict.lse)], rel=1e-3)

    hard = problem("softmax_cross_entropy_index", dtype, {"logits": x[None], "labels": [label]})
    limits = bounds(hard)
    found = in_u(limits["value"], dtype)
    assert found[0] == pytest.approx([log_strict[label]], rel=1e-3)
    assert found[1] == pytest.approx([log_baseline[label]], rel=1e-3)
    found = in_u(limits["gradient.logits"], dtype)
    others = np.arange(classes) != label
    assert found[0][0][others] == pytest.approx((strict.s * strict.b)[others], rel=1e-3)
    # The sum over i != label has n - 1 terms.
    at_label = strict.d_others + strict.w + 2 * E + strict.h + strict.h_rest + 1
    assert found[0][0][label] == pytest.approx(at_label * strict.miss, rel=1e-3)
    # p - 1, and p - 0, which is exact. Never below the strict bound, which is the larger one where
    # softmax is nearly 0 at the label.
    gradient = baseline.s * baseline.softmax
    gradient[label] += strict.miss
    assert found[1][0] == pytest.approx(np.maximum(gradient, found[0][0]), rel=1e-3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("classes", LOGITS)
def test_soft_labels(dtype: str, classes: int) -> None:
    soft = np.cos(np.arange(classes)) + 1.5
    asked = problem(
        "softmax_cross_entropy",
        dtype,
        {"logits": LOGITS[classes][None], "labels": (soft / soft.sum())[None]},
    )
    x, t = asked.inputs["logits"][0], asked.inputs["labels"][0]
    strict, baseline = Row(x, 0, False), Row(x, 0, True)
    limits, size = bounds(asked), np.abs(strict.lsm)
    loss = float((t * size).sum())
    log_strict = strict.d + strict.log_rest + strict.last
    log_baseline = baseline.d + baseline.log_sum + strict.last

    found = in_u(limits["value"], dtype)
    assert found[0] == pytest.approx([t @ log_strict + (1 + strict.h) * loss], rel=1e-3)
    assert found[1] == pytest.approx([t @ log_baseline + (1 + baseline.h) * loss], rel=1e-3)
    found = in_u(limits["gradient.labels"], dtype)
    assert found[0][0] == pytest.approx(log_strict, rel=1e-3)
    assert found[1][0] == pytest.approx(log_baseline, rel=1e-3)
    found = in_u(limits["gradient.logits"], dtype)
    share, gradient = strict.s * t.sum(), np.abs(strict.s * t.sum() - t)
    expected = share * (strict.b + strict.h + 1) + gradient
    assert found[0][0] == pytest.approx(expected, rel=1e-3)
    expected = share * (baseline.softmax + baseline.h + 1) + gradient
    assert found[1][0] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_reductions(dtype: str) -> None:
    """Sum, mean and weighted mean add h(N), 1 and h(N) to the bounds of the losses."""
    x = np.stack([np.roll(LOGITS[5], i) for i in range(7)])
    inputs = {"logits": x, "labels": np.arange(7) % 5}
    name, weights = "softmax_cross_entropy_index", np.array([0.3, 0.7, 1.1, 0.6, 1.9])
    losses = evaluate(problem(name, dtype, inputs))["value"].hi
    each_strict, each_baseline = in_u(bounds(problem(name, dtype, inputs))["value"], dtype)
    h = 6
    for reduction, divisor, extra in (("sum", 1, h), ("mean", 7, h + 1)):
        found = in_u(bounds(problem(name, dtype, inputs, reduction))["value"], dtype)
        for bound, each_ in zip(found, (each_strict, each_baseline), strict=True):
            expected = (each_.sum() + extra * losses.sum()) / divisor
            assert bound == pytest.approx(expected, rel=1e-3)
    # The mean's division is exact for a power of two.
    four = {k: v[:4] for k, v in inputs.items()}
    found = in_u(bounds(problem(name, dtype, four, "mean"))["value"], dtype)
    assert found[0] == pytest.approx((each_strict[:4].sum() + 3 * losses[:4].sum()) / 4, rel=1e-3)
    # Weighted mean: a product, two sums and a division. The table's 2 h + 3 has one more.
    asked = problem(name, dtype, inputs, "weighted_mean", class_weights=weights)
    w = asked.parameters["class_weights"][inputs["labels"]]
    found = in_u(bounds(asked)["value"], dtype)
    for bound, each_ in zip(found, (each_strict, each_baseline), strict=True):
        expected = ((w * each_).sum() + (2 * h + 2) * (w * losses).sum()) / w.sum()
        assert bound == pytest.approx(expected, rel=1e-3)
    # Gradients: the upstream is divided by the count, or by the sum of weights, then multiplied.
    plain = bounds(problem(name, dtype, inputs))["gradient.logits"].strict
    gradient = np.abs(evaluate(problem(name, dtype, inputs))["gradient.logits"].hi)
    u = FORMATS[dtype].u
    found = bounds(problem(name, dtype, inputs, "mean"))["gradient.logits"].strict
    assert found == pytest.approx((plain + 2 * u * gradient) / 7, rel=1e-3)
    found = bounds(asked)["gradient.logits"].strict
    ours = found * w.sum() / u - w[:, None] * plain / u
    scaled = w[:, None] * gradient
    assert ours == pytest.approx((h + 2 + 1) * scaled, rel=2e-3)


X = np.array([-50.0, -17.5, -3.7, -0.4, 0.0, 0.6, 2.9, 11.3, 40.0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_family(dtype: str) -> None:
    def limits(name: str, inputs: Mapping[str, Any]) -> dict[str, tuple[Floats, Floats]]:
        return {q: in_u(b, dtype) for q, b in bounds(problem(name, dtype, inputs)).items()}

    x = problem("sigmoid", dtype, {"x": X}).inputs["x"]
    s, miss = 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(x))
    sigmoid = np.where(x < 0, s * ((1 + s) * E + 2), s * (miss * E + 2))
    mirrored = np.where(x > 0, miss * ((1 + miss) * E + 2), miss * (s * E + 2))
    assert limits("sigmoid", {"x": x})["value"][0] == pytest.approx(sigmoid, rel=1e-3)
    # sigmoid(x) - z by its hard labels, and in between
    for z, expected in ((0.0, sigmoid), (1.0, mirrored), (0.3, sigmoid + np.abs(s - 0.3))):
        inputs = {"logits": x, "labels": np.full(x.shape, z)}
        found = limits("sigmoid_cross_entropy", inputs)
        assert found["gradient.logits"][0] == pytest.approx(expected, rel=1e-3)
        # Table: (E + L + 4) r. The mechanism knows that only log1p e^-|x| has E and L, that e^-|x|
        # passes on kappa <= 1 of its error, and that hard labels multiply exactly.
        r = evaluate(problem("sigmoid_cross_entropy", dtype, inputs))["value"].hi
        assert (found["value"][0] <= (E + L + 4) * r * 1.001).all()
        assert (found["value"][0] >= 0.99 * r).all()
        # Table: as printed. The mechanism has three standard algorithms, each within it, but for
        # log(1 + e^x) in full, whose log errs by L times the result: the table's softplus row.
        near = (E + L) * np.log1p(np.exp(-np.abs(x))) + E + 1
        table = 2 * np.abs(x) + near + 2 * r + L * np.maximum(r, np.abs(x))
        assert (found["value"][1] <= table * 1.001).all()
    # log_sigmoid, softplus, +-1 loss: table (E + L) log1p(e^-|x|) + |r|. Here kappa E, and the sum
    # with max(x, 0) = 0 is exact.
    part = np.log1p(np.exp(-np.abs(x)))
    kappa = np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))) / part
    softplus = (kappa * E + L) * part + np.where(x > 0, np.maximum(x, 0) + part, 0)
    baseline = E + 1 + (L + 1) * (np.maximum(x, 0) + part)
    found = limits("softplus", {"x": x})["value"]
    assert found[0] == pytest.approx(softplus, rel=1e-3)
    assert (found[1] <= baseline).all()
    found = limits("log_sigmoid", {"x": -x})["value"]
    assert found[0] == pytest.approx(softplus, rel=1e-3)
    found = limits("logistic_loss_pm1", {"logits": x, "labels": -np.ones(x.shape)})["value"]
    assert found[0] == pytest.approx(softplus, rel=1e-3)
    # Table: baseline (E + 2) sigmoid + 1. Here the larger of the strict one and (1 + tanh(x/2))/2,
    # whose error does not vanish with sigmoid: (E (1 + sigmoid(-|x|)) + 2)|tanh|/2 + sigmoid.
    tanh = np.abs(np.tanh(x / 2)) * (E * (1 + np.minimum(s, miss)) + 2) / 2 + s
    assert limits("sigmoid", {"x": x})["value"][1] == pytest.approx(
        np.maximum(tanh, sigmoid), rel=1e-3
    )


P = np.array([1e-6, 0.1, 0.45, 0.7, 0.99])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("z", [0.0, 0.3, 1.0])
def test_binary_cross_entropy_from_probabilities(dtype: str, z: float) -> None:
    inputs = {"probabilities": P, "labels": np.full(P.shape, z)}
    asked = problem("binary_cross_entropy", dtype, inputs)
    truth, limits = evaluate(asked), bounds(asked)
    r = truth["value"].hi
    strict, baseline = in_u(limits["value"], dtype)
    # Table: (L + 3) r, all of which only soft labels meet: 1 - z, two products, a sum.
    assert (strict <= (L + 3) * r * 1.001).all()
    assert strict == pytest.approx(L * r, rel=1e-3) if z != 0.3 else (strict > (L + 2) * r).all()
    assert baseline - strict == pytest.approx(np.full(P.shape, 1 - z), rel=1e-3)
    strict, baseline = in_u(limits["gradient.probabilities"], dtype)
    gradient = np.abs(truth["gradient.probabilities"].hi)
    # (p - z) / (p (1 - p)); p - 0 is exact.
    roundings = 3 if z == 0 else 4
    assert strict == pytest.approx(roundings * gradient, rel=1e-3)
    # Table: 6 |r|. Here the derivatives of the two terms, whose difference cancels for p = z.
    p, q = asked.inputs["probabilities"], 1 - asked.inputs["probabilities"]
    z = float(asked.inputs["labels"][0])
    terms = (2 + (z > 0)) * (1 - z) / q + z / p + (gradient if 0 < z < 1 else 0)
    assert baseline == pytest.approx(np.maximum(strict, terms), rel=1e-3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_divergence_and_squares(dtype: str) -> None:
    p, q = np.array([0.1, 0.2, 0.7]), np.array([0.3, 0.15, 0.55])
    asked = problem(
        "kl_divergence", dtype, {"labels": p[None], "log_probabilities": np.log(q)[None]}
    )
    p, log_q = asked.inputs["labels"][0], asked.inputs["log_probabilities"][0]
    terms = p * ((L + 1) * np.abs(np.log(p)) + np.abs(log_q)) + np.abs(p * (np.log(p) - log_q))
    expected = terms.sum() + 2 * np.abs(p * (np.log(p) - log_q)).sum()
    strict, baseline = in_u(bounds(asked)["value"], dtype)
    assert strict == pytest.approx([expected], rel=1e-3)
    # Table: twice the terms. Here cross entropy minus entropy, each summed by itself.
    apart = p * (L + 1) * np.abs(np.log(p)) - p * log_q + 2 * p * (np.abs(np.log(p)) - log_q)
    kl = (p * (np.log(p) - log_q)).sum()
    assert baseline == pytest.approx([max(expected, apart.sum() + kl)], rel=1e-3)

    asked = problem("squared_loss", dtype, {"predictions": [0.3], "labels": [1.7]})
    limits, truth = bounds(asked), evaluate(asked)
    assert in_u(limits["value"], dtype)[0] == pytest.approx(3 * truth["value"].hi, rel=1e-3)
    assert in_u(limits["gradient.labels"], dtype)[0] == pytest.approx(
        np.abs(truth["gradient.labels"].hi), rel=1e-3
    )


def nasty(dtype: str) -> Floats:
    """Both signs of the smallest, ordinary, saturated and largest numbers of a format."""
    f = FORMATS[dtype]
    size = [f.subnormal, 3 * f.subnormal, f.tiny, f.u, 0.3, 1.0, 17.5, 100.0, 800.0, 3e4]
    size += [f.max / 4, f.max / 2, f.max]
    return np.array([0.0, *size, *(-s for s in size)])


def pairs(x: Floats) -> tuple[Floats, Floats]:
    left, right = np.meshgrid(x, x)
    return left.ravel(), right.ravel()


def extreme_problems(dtype: str) -> list[Problem]:
    x = nasty(dtype)
    left, right = pairs(x)
    thirds = np.stack([left, right, np.resize(x, left.size)], axis=1)
    index = np.arange(left.size) % 3
    soft = np.resize([[0.25, 0.5, 0.25], [0, 1, 0], [1, 0, 0], [0, 0.1, 0.9]], thirds.shape)
    p = np.array([0.0, *x[(x > 0) & (x < 1)], 1 - 2 * FORMATS[dtype].u, 1.0])
    p_left, p_right = pairs(p)
    rows = {"logits": thirds, "labels": index}
    name = "softmax_cross_entropy_index"
    weights = [0.5, 2.0, 1.0]
    return [
        *(problem(o.name, dtype, {"x": x}) for o in OPERATORS.values() if o.inputs[0].name == "x"),
        problem("softplus", dtype, {"x": x}, beta=0.3),
        problem("leaky_relu", dtype, {"x": x}, negative_slope=0.01),
        *(
            problem(o, dtype, {"logits": left, "labels": np.resize([0, 1, 0.3], left.shape)})
            for o in ("sigmoid_cross_entropy", "sigmoid_squared_loss")
        ),
        problem("logistic_loss_pm1", dtype, {"logits": x, "labels": np.resize([-1, 1], x.shape)}),
        problem("squared_loss", dtype, {"predictions": left, "labels": right}),
        problem("binary_cross_entropy", dtype, {"probabilities": p_left, "labels": p_right}),
        *(problem(o, dtype, {"logits": thirds}) for o in ("softmax", "log_softmax", "logsumexp")),
        problem("softmax_cross_entropy", dtype, {"logits": thirds, "labels": soft}),
        problem(name, dtype, rows),
        problem(name, dtype, rows, "mean"),
        problem(name, dtype, rows, "weighted_mean", class_weights=weights, ignore_index=2),
        problem(name, dtype, rows, class_weights=weights, label_smoothing=0.1),
        problem("cross_entropy", dtype, {"labels": soft, "probabilities": np.abs(soft - 0.01)}),
        problem(
            "kl_divergence", dtype, {"labels": soft + 0.1, "log_probabilities": -np.abs(thirds)}
        ),
        problem("nll", dtype, {"log_probabilities": thirds, "labels": index}),
        *extremes(dtype, x),
        *number_extremes(dtype, x),
    ]


@pytest.mark.parametrize("flush", [False, True])
@pytest.mark.parametrize("dtype", FORMATS)
def test_where_the_truth_is_finite_so_are_the_bounds(dtype: str, flush: bool) -> None:
    """... at +-max, at subnormals, wherever intermediate results overflow or underflow."""
    for asked in extreme_problems(dtype):
        limits = bounds(asked, flush)
        for quantity, truth in evaluate(asked).items():
            finite = np.abs(truth.hi) <= FORMATS[dtype].max
            found = limits[quantity]
            assert found.strict.shape == found.baseline.shape == truth.hi.shape
            assert np.isfinite(found.baseline[finite]).all(), (asked.operator, quantity)
            assert (found.strict[finite] >= 0).all(), (asked.operator, quantity)
            assert (found.strict <= found.baseline)[finite].all(), (asked.operator, quantity)


def same(left: Bounds, right: Bounds) -> None:
    np.testing.assert_array_equal(left.strict, right.strict)
    np.testing.assert_array_equal(left.baseline, right.baseline)


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_one_hot_row_has_the_bounds_of_its_index(dtype: str) -> None:
    """Exact zeros cost nothing: the sum over 1,000 products has one term."""
    x, labels = np.stack([LOGITS[1000], -LOGITS[1000]]), np.array([3, 700])
    index = bounds(problem("softmax_cross_entropy_index", dtype, {"logits": x, "labels": labels}))
    rows = {"logits": x, "labels": np.eye(1000)[labels]}
    dense = bounds(problem("softmax_cross_entropy", dtype, rows))
    same(index["value"], dense["value"])
    same(index["gradient.logits"], dense["gradient.logits"])


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_masked_class_changes_nothing_for_the_others(dtype: str) -> None:
    x = LOGITS[5][None]
    masked = np.insert(x, 2, -np.inf, axis=1)
    kept = np.arange(6) != 2
    hard = "softmax_cross_entropy_index"
    for name, fewer, more in (
        ("logsumexp", {"logits": x}, {"logits": masked}),
        (hard, {"logits": x, "labels": [4]}, {"logits": masked, "labels": [5]}),
    ):
        expected, found = bounds(problem(name, dtype, fewer)), bounds(problem(name, dtype, more))
        same(expected["value"], found["value"])
        gradient = found["gradient.logits"]
        unmasked = Bounds(gradient.strict[:, kept], gradient.baseline[:, kept])
        same(expected["gradient.logits"], unmasked)
        assert (gradient.strict[:, 2] == 0).all()


@pytest.mark.parametrize("dtype", FORMATS)
def test_rows_do_not_disturb_each_other(dtype: str) -> None:
    for bad in (np.nan, np.inf, -np.inf):
        x = np.stack([LOGITS[40], np.full(40, bad)])
        both = bounds(problem("log_softmax", dtype, {"logits": x}, upstream=np.ones((2, 40))))
        alone = bounds(problem("log_softmax", dtype, {"logits": x[:1]}, upstream=np.ones((1, 40))))
        for quantity, expected in alone.items():
            found = both[quantity]
            same(expected, Bounds(found.strict[:1], found.baseline[:1]))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_types_are_computed_in_float32_and_rounded_once(dtype: str) -> None:
    target = FORMATS[dtype]
    asked = problem("softmax", dtype, {"logits": LOGITS[5][None]})
    wide = bounds(problem("softmax", "float32", asked.inputs))
    truth = evaluate(asked)
    for quantity, found in bounds(asked).items():
        expected = target.ulp(truth[quantity].hi) / 2 + wide[quantity].strict
        assert found.strict == pytest.approx(expected, rel=1e-5)


def test_a_bound_of_many_relative_errors_is_a_factor() -> None:
    """In bfloat16, h u = 2.5 for 100,000 terms; a sum of positive terms is still positive."""
    n = 100_000
    asked = problem("log_softmax", "bfloat16", {"logits": np.zeros((1, n))})
    u, h = FORMATS["bfloat16"].u, float(grouped(np.array(float(n))))
    factor = -math.log1p(-u) * h - math.log1p(-E * u)
    log_sum = factor + L * u * (math.log(n) + factor)
    found = bounds(asked)["value"].baseline[0, 0]
    assert found == pytest.approx(log_sum, rel=0.03)
    found = bounds(problem("softmax", "bfloat16", {"logits": np.zeros((1, n))}))["value"]
    assert found.baseline[0, 0] * n == pytest.approx(
        math.expm1(factor - E * math.log1p(-u)), rel=0.05
    )


@pytest.mark.parametrize("dtype", FORMATS)
def test_what_needs_no_rounding_must_be_exact(dtype: str) -> None:
    x = np.array([-3.3, -0.1, 0.7, 1e-4, 5.5])
    ones = np.ones(5)
    for asked, quantity in (
        (problem("relu", dtype, {"x": x}), "value"),
        (problem("relu", dtype, {"x": x}, upstream=-0.25 * ones), "gradient.x"),
        (problem("leaky_relu", dtype, {"x": x}, negative_slope=0.125), "value"),
        (problem("nll", dtype, {"log_probabilities": -(x[None] ** 2), "labels": [2]}), "value"),
        (
            problem("nll", dtype, {"log_probabilities": -(x[None] ** 2), "labels": [2]}, "mean"),
            "value",
        ),
    ):
        found = bounds(asked)[quantity]
        assert not found.strict.any(), asked.operator
        once = FORMATS[dtype].u * np.abs(evaluate(asked)[quantity].hi)
        assert (found.baseline <= 1.01 * once).all(), asked.operator
    # ... and what is ignored is 0.
    rows = {"logits": np.stack([x, x]), "labels": np.array([1, 2])}
    asked = problem("softmax_cross_entropy_index", dtype, rows, ignore_index=2, label_smoothing=0.1)
    for found in bounds(asked).values():
        assert found.strict[0].all()
        assert not found.strict[1].any()


@pytest.mark.parametrize("dtype", FORMATS)
def test_flushing_concerns_subnormals_only(dtype: str) -> None:
    f = FORMATS[dtype]
    tail = -np.log(f.subnormal)
    asked = problem("sigmoid", dtype, {"x": -np.linspace(1, tail, 60)})
    truth = evaluate(asked)["value"].hi
    gradual, flushed = bounds(asked)["value"], bounds(asked, flush=True)["value"]
    lost = truth < f.tiny
    assert lost.any()
    assert (flushed.strict >= truth)[lost].all()
    assert (gradual.strict < truth)[truth > 30 * f.subnormal].all()
    kept = truth > 4 * f.tiny
    np.testing.assert_array_equal(flushed.strict[kept], gradual.strict[kept])


def test_errors_of_the_functions_are_parameters() -> None:
    a = Running(FORMATS["float32"], pairwise, exp_error=1.0, log_error=2.0)
    x = a.exact(np.array([-1.5]))
    u = FORMATS["float32"].u
    assert a.exp(x).error == pytest.approx([u * np.exp(-1.5)], rel=1e-6)
    assert a.log1p(a.exp(x)).error == pytest.approx(
        [u * (np.exp(-1.5) / (1 + np.exp(-1.5)) + 2 * np.log1p(np.exp(-1.5)))], rel=1e-6
    )


def test_a_divisor_that_may_be_zero_has_no_bound() -> None:
    """After a cancellation the error is not a factor: the computed divisor may be anything."""
    a = Running(FORMATS["bfloat16"], pairwise)
    near = a.exp(a.exact(np.array([0.004]))) - 1
    with np.errstate(all="ignore"):
        assert np.isinf((1 / near).error).all()
        assert np.isfinite((1 / a.exp(a.exact(np.array([0.004])))).error).all()


@pytest.mark.parametrize("reduction", ["none", "sum", "mean", "weighted_mean"])
def test_empty_and_ignored_batches_have_bounds_of_their_shape(reduction: str) -> None:
    name = "softmax_cross_entropy_index"
    for rows, options in ((0, {}), (2, {"ignore_index": 1, "class_weights": [1.0, 0.3, 0.0]})):
        inputs = {"logits": np.ones((rows, 3)), "labels": np.ones(rows, dtype=np.int64)}
        asked = problem(name, "float32", inputs, reduction, **options)
        found = bounds(asked)
        assert found["gradient.logits"].strict.shape == (rows, 3)
        assert found["value"].strict.shape == ((rows,) if reduction == "none" else ())
        if reduction != "weighted_mean":
            assert not found["gradient.logits"].baseline.any()
    found = bounds(problem("softmax", "float32", {"logits": np.ones((2, 0))}))
    assert found["value"].strict.shape == (2, 0)


@pytest.mark.parametrize("reduction", ["none", "weighted_mean"])
def test_the_weight_of_a_class_that_no_label_names_is_not_used(reduction: str) -> None:
    rows = {"logits": LOGITS[5][None], "labels": [1]}
    name = "softmax_cross_entropy_index"
    expected = bounds(problem(name, "float32", rows, reduction, class_weights=[1, 0.3, 1, 1, 1.0]))
    unused = [np.nan, 0.3, np.nan, np.nan, np.nan]
    found = bounds(problem(name, "float32", rows, reduction, class_weights=unused))
    for quantity, limits in expected.items():
        same(limits, found[quantity])
