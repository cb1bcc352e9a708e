"""Closed forms of every operator and its derivatives, in mpmath, derived by hand.

The reference takes each definition literally and differentiates it automatically. Here everything
is written in a form without cancellation of exponentials, so that a fixed number of digits is
enough at any magnitude: the two have nothing in common but the textbook.

A form takes one row (lists of mpf, an int for an index label), the parameters and the cotangents of
its outputs, and gives the outputs and the VJP of each input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from mpmath import mp, mpf

from reference.operators import OPERATORS
from reference.problem import Problem
from tests import closed_forms_binary, closed_forms_classes
from tests.closed_forms_classes import inside, tempered

Row = Sequence[mpf]
Answer = tuple[list[mpf], dict[str, list[mpf]]]
ZERO, ONE = mpf(0), mpf(1)
DIGITS = 400
"""Enough to tell an exact zero from the smallest float64, whatever cancels."""


def sigma(x: mpf) -> mpf:
    power = mp.exp(-abs(x))
    return (power if x < 0 else ONE) / (1 + power)


def log1p_exp(x: mpf) -> mpf:
    return max(x, ZERO) + mp.log1p(mp.exp(-abs(x)))


def elementwise(
    names: Sequence[str], value: Callable[..., mpf], *slopes: Callable[..., mpf]
) -> Callable[..., Answer]:
    """An operator of single numbers: its value, and its derivative by each input."""

    def form(rows: Sequence[Row], parameters: Mapping[str, Any], upstream: Row) -> Answer:
        points = list(zip(*rows, strict=True))
        found = {
            name: [
                u * slope(*point, **parameters) for u, point in zip(upstream, points, strict=True)
            ]
            for name, slope in zip(names, slopes, strict=True)
        }
        return [value(*point, **parameters) for point in points], found

    return form


def tanh_slope(x: mpf) -> mpf:
    power = mp.exp(-2 * abs(x))
    return 4 * power / (1 + power) ** 2


def residual(x: mpf, z: mpf) -> mpf:
    """sigma(x) - z, without the subtraction from 1."""
    return (1 - z) * sigma(x) - z * sigma(-x)


def softmax(row: Row) -> list[mpf]:
    top = max(row)
    powers = [mp.exp(x - top) for x in row]
    return [power / sum(powers) for power in powers]


def others(values: Row) -> list[mpf]:
    """For each value, the sum of all the others."""
    return [sum((v for j, v in enumerate(values) if j != i), ZERO) for i in range(len(values))]


def log_softmax(row: Row) -> list[mpf]:
    """-ln(1 + sum over the others of e^(x_i - x_j)), or the distance to the largest and its own."""
    first = max(range(len(row)), key=lambda j: row[j])
    top = -mp.log1p(sum((mp.exp(x - row[first]) for j, x in enumerate(row) if j != first), ZERO))
    return [top if j == first else row[j] - row[first] + top for j in range(len(row))]


def softmax_form(rows: Sequence[Row], parameters: Mapping[str, Any], upstream: Row) -> Answer:
    assert not parameters
    s = softmax(rows[0])
    pairs = [
        sum((s[i] * (upstream[j] - upstream[i]) for i in range(len(s))), ZERO)
        for j in range(len(s))
    ]
    return s, {"logits": [a * b for a, b in zip(s, pairs, strict=True)]}


def log_softmax_form(rows: Sequence[Row], parameters: Mapping[str, Any], upstream: Row) -> Answer:
    assert not parameters
    s, rest = softmax(rows[0]), others(upstream)
    away = others(s)
    down = [u * a - p * r for u, a, p, r in zip(upstream, away, s, rest, strict=True)]
    return log_softmax(rows[0]), {"logits": down}


def logsumexp_form(rows: Sequence[Row], parameters: Mapping[str, Any], upstream: Row) -> Answer:
    assert not parameters
    row = rows[0]
    first = max(range(len(row)), key=lambda j: row[j])
    tail = sum((mp.exp(x - row[first]) for j, x in enumerate(row) if j != first), ZERO)
    return [row[first] + mp.log1p(tail)], {"logits": [upstream[0] * p for p in softmax(row)]}


def cross_entropy_form(rows: Sequence[Row], parameters: Mapping[str, Any], upstream: Row) -> Answer:
    assert not parameters
    pairs, (up,) = list(zip(*rows, strict=True)), upstream
    value = -sum((p * mp.log(q) for p, q in pairs if p), ZERO)
    by_p = [-up * mp.log(q) for _, q in pairs]
    return [value], {"labels": by_p, "probabilities": [-up * p / q for p, q in pairs]}


def kl_form(rows: Sequence[Row], parameters: Mapping[str, Any], upstream: Row) -> Answer:
    assert not parameters
    pairs, (up,) = list(zip(*rows, strict=True)), upstream
    value = sum((p * (mp.log(p) - lq) for p, lq in pairs if p), ZERO)
    by_p = [up * (mp.log(p) + 1 - lq) for p, lq in pairs]
    return [value], {"labels": by_p, "log_probabilities": [-up * p for p, _ in pairs]}


def weighted_targets(
    labels: Row, class_weights: Row | None = None, label_smoothing: mpf = ZERO
) -> list[mpf]:
    """w_c ((1 - a) z_c + a / C)."""
    weights = class_weights or [ONE] * len(labels)
    smooth = label_smoothing / len(labels)
    return [w * ((1 - label_smoothing) * z + smooth) for w, z in zip(weights, labels, strict=True)]


def soft_form(rows: Sequence[Row], parameters: Mapping[str, Any], upstream: Row) -> Answer:
    (logits, labels), (up,) = rows, upstream
    targets = weighted_targets(labels, **parameters)
    logs, s = log_softmax(logits), softmax(logits)
    value = -sum((t * ln for t, ln in zip(targets, logs, strict=True)), ZERO)
    rest, away = others(targets), others(s)
    by_logits = [up * (p * r - t * a) for p, r, t, a in zip(s, rest, targets, away, strict=True)]
    share = weighted_targets([ONE] * len(labels), parameters.get("class_weights"))
    kept = 1 - parameters.get("label_smoothing", ZERO)
    by_labels = [-up * kept * w * ln for w, ln in zip(share, logs, strict=True)]
    return [value], {"logits": by_logits, "labels": by_labels}


def index_form(rows: Sequence[Any], parameters: Mapping[str, Any], upstream: Row) -> Answer:
    logits, label = rows
    options = {k: v for k, v in parameters.items() if k != "ignore_index"}
    if label == parameters.get("ignore_index"):
        return [ZERO], {"logits": [ZERO] * len(logits)}
    one_hot = [mpf(int(c == label)) for c in range(len(logits))]
    value, found = soft_form((logits, one_hot), options, upstream)
    return value, {"logits": found["logits"]}


def nll_form(rows: Sequence[Any], parameters: Mapping[str, Any], upstream: Row) -> Answer:
    logs, label = rows
    kept = label != parameters.get("ignore_index")
    weight = (parameters.get("class_weights") or [ONE] * len(logs))[label] if kept else mpf(0)
    down = [-weight * upstream[0] if c == label else ZERO for c in range(len(logs))]
    return [-weight * logs[label] if kept else mpf(0)], {"log_probabilities": down}


FORMS: Mapping[str, Callable[..., Answer]] = {
    "sigmoid": elementwise(["x"], sigma, lambda x: sigma(x) * sigma(-x)),
    "log_sigmoid": elementwise(["x"], lambda x: -log1p_exp(-x), lambda x: sigma(-x)),
    "softplus": elementwise(
        ["x"],
        lambda x, beta=ONE: log1p_exp(beta * x) / beta,
        lambda x, beta=ONE: sigma(beta * x),
    ),
    "tanh": elementwise(
        ["x"],
        lambda x: mp.sign(x) * -mp.expm1(-2 * abs(x)) / (1 + mp.exp(-2 * abs(x))),
        tanh_slope,
    ),
    "relu": elementwise(["x"], lambda x: max(x, ZERO), lambda x: mpf(int(x > 0))),
    "leaky_relu": elementwise(
        ["x"],
        lambda x, negative_slope=ZERO: max(x, ZERO) + negative_slope * min(x, ZERO),
        lambda x, negative_slope=ZERO: ONE if x > 0 else negative_slope,
    ),
    "logistic_loss_pm1": elementwise(
        ["logits", "labels"],
        lambda x, y: log1p_exp(-y * x),
        lambda x, y: -y * sigma(-y * x),
        lambda x, y: -x * sigma(-y * x),
    ),
    "squared_loss": elementwise(
        ["predictions", "labels"],
        lambda y, z, scale=ONE: scale * (y - z) ** 2,
        lambda y, z, scale=ONE: 2 * scale * (y - z),
        lambda y, z, scale=ONE: 2 * scale * (z - y),
    ),
    "sigmoid_squared_loss": elementwise(
        ["logits", "labels"],
        lambda x, z: residual(x, z) ** 2 / 2,
        lambda x, z: residual(x, z) * sigma(x) * sigma(-x),
        lambda x, z: -residual(x, z),
    ),
    "softmax": inside(softmax_form, ZERO),
    "log_softmax": inside(log_softmax_form, -mp.inf),
    "logsumexp": inside(logsumexp_form, empty=-mp.inf),
    "cross_entropy": cross_entropy_form,
    "kl_divergence": kl_form,
    "softmax_cross_entropy": tempered(inside(soft_form)),
    "softmax_cross_entropy_index": tempered(inside(index_form)),
    "nll": nll_form,
    **closed_forms_classes.FORMS,
    **closed_forms_binary.FORMS,
}


def answers(problem: Problem) -> dict[str, list[mpf]]:
    """Value and gradients of a problem by its closed form, in the order of the arrays' elements.

    Infinite where the result is; the mean of nothing is left to others.
    """
    operator = OPERATORS[problem.operator]
    with mp.workdps(DIGITS):
        parameters = {k: _exact(v) for k, v in problem.parameters.items()}
        arrays = [problem.inputs[i.name] for i in operator.inputs]
        if operator.output == "elementwise":
            arrays = [array.reshape(-1) for array in arrays]
            rows: list[Any] = [[_exact(array) for array in arrays]]
        else:
            rows = [[_exact(entry) for entry in row] for row in zip(*arrays, strict=True)]
        count = len(arrays[0])
        outputs = 1 if operator.output == "scalar" else len(rows[0][0])
        factor = _factor(problem, parameters, count)
        shared = [factor] * outputs
        upstream = [
            shared if factor is not None else _exact(up)
            for up in (rows if factor is not None else problem.upstream.reshape(len(rows), -1))
        ]
        masks = parameters.pop("mask", [None] * len(rows))
        found = [
            FORMS[problem.operator](row, {**parameters, **({"mask": m} if m else {})}, up)
            for row, up, m in zip(rows, upstream, masks, strict=True)
        ]
        values = [v for value, _ in found for v in value]
        if factor is not None:
            values = [sum(values, ZERO) * factor / mpf(float(problem.upstream))]
        gradients = {
            f"gradient.{name}": [v for _, down in found for v in down[name]]
            for name in operator.differentiable
        }
        return {"value": values, **gradients}


def _factor(problem: Problem, parameters: Mapping[str, Any], count: int) -> mpf | None:
    """What a reduction multiplies every loss's cotangent with; None without a reduction."""
    if problem.reduction == "none":
        return None
    weights = [ONE] * count
    if problem.reduction == "weighted_mean" and "labels" in problem.inputs:
        labels = problem.inputs["labels"]
        if labels.dtype == np.int64:
            classes = parameters.get("class_weights")
            ignored = parameters.get("ignore_index")
            kept = [k for k in labels.tolist() if k != ignored]
            weights = [classes[k] if classes else mpf(1) for k in kept]
    divisor = mpf(1) if problem.reduction == "sum" else sum(weights, ZERO)
    return mpf(float(problem.upstream)) / divisor


def _exact(number: Any) -> Any:
    """Python and NumPy floats as mpf, arrays as lists; class indices and words stay as they are."""
    if isinstance(number, np.ndarray | list):
        return [_exact(entry) for entry in np.asarray(number).tolist()]
    return number if isinstance(number, int | np.integer | str) else mpf(float(number))
