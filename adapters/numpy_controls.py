"""NumPy: known-bad code, the suite's negative controls, and honest implementations beside it.

NumPy has no automatic differentiation, so a function here returns its values and the derivatives of
each value by the inputs of its row, as an array in the input's shape; where a row has several
values, the derivative is the function from their cotangent to the input's. A control's derivatives
are those of the code as written, by the chain rule, unless its docstring says otherwise.

Honest implementations compute 16-bit types in float32 and round once; controls compute in the type
they are given.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import ml_dtypes
import numpy as np

from adapters.base import Adapter, Arguments, Array, Call, Found, Function, Implementation, Outcome

Result = tuple[Array, Mapping[str, Any]]
Reduced = tuple[Array, Mapping[str, Any], Array]  # and the share of each loss in the value

Formula = Callable[..., Result]
ROWS: list[Implementation] = []


def row(operator: str, function: Formula, control: bool, **options: Any) -> Implementation:
    """The function called with the inputs and parameters of its signature."""
    parameters = inspect.signature(function).parameters
    code, reductions = f"{function.__name__}({', '.join(parameters)})", {}
    if {"class_weights", "ignore_index"} <= set(parameters):
        code = f"reduced({code}, reduction, labels, class_weights, ignore_index)"
        reductions = {name: name for name in ("none", "sum", "mean", "weighted_mean")}
    return Implementation(
        function.__name__,
        operator,
        code,
        reductions=reductions,
        defaults={n: p.default for n, p in parameters.items() if p.default is not p.empty},
        control=" ".join((inspect.getdoc(function) or "").split()) if control else "",
        **options,
    )


def honest(operator: str) -> Callable[[Formula], Formula]:
    """Enters a function as an implementation that should pass."""

    def enter(function: Formula) -> Formula:
        ROWS.append(row(operator, function, False))
        return function

    return enter


def control(operator: str, **options: Any) -> Callable[[Formula], Formula]:
    """Enters a function that must fail; its docstring says what is wrong with it, and where."""

    def enter(function: Formula) -> Formula:
        ROWS.append(row(operator, function, True, **options))
        return function

    return enter


# What several functions share.


def times(factor: Array, other: Array | float) -> Array:
    """The product in which an exact zero factor drops its term, even against an infinity."""
    product = factor * other
    return np.asarray(np.where(factor == 0, np.zeros_like(product), product))


def total(terms: Array) -> Array:
    """The sum over classes."""
    return np.asarray(terms.sum(axis=-1))


def reduced(
    result: Result,
    reduction: str,
    labels: Array | None = None,
    class_weights: Array | None = None,
    ignore_index: int | None = None,
) -> Result | Reduced:
    """The sum or mean of the losses; index labels for `weighted_mean`, by the weights kept."""
    if reduction == "none":
        return result
    losses, derivatives = result
    labels = np.zeros(losses.shape, np.int64) if labels is None else labels
    kept = labels != ignore_index
    given = 1.0 if class_weights is None else class_weights[np.where(kept, labels, 0)]
    weights = np.where(kept, given, 0)
    count = {"sum": 1, "mean": losses.size, "weighted_mean": weights.sum()}[reduction]
    divisor = losses.dtype.type(count)
    value = losses.sum() / divisor
    if np.isinf(value):  # perhaps the sum overflowed and the mean does not
        value = (losses / divisor).sum()
    return value, derivatives, np.where(kept, 1 / divisor, losses.dtype.type(0))


def pulled(result: Result | Reduced, name: str, upstream: Array) -> Array:
    """The VJP of a result by one input."""
    _, derivatives, *share = result
    derivative = derivatives[name]
    cotangent = np.asarray(upstream * share[0] if share else upstream)
    if callable(derivative):
        return np.asarray(derivative(cotangent))
    classes = (1,) * (derivative.ndim - cotangent.ndim)
    return times(cotangent.reshape(cotangent.shape + classes), derivative)


def one_hot(labels: Array, logits: Array, ignore_index: int | None) -> Array:
    """Rows of the identity, zero where ignored. Raises IndexError for a label that is no class."""
    kept = labels != ignore_index
    classes = np.arange(logits.shape[-1])
    if not np.isin(labels[kept], classes).all():
        raise IndexError(f"a label is not in 0..{len(classes) - 1}")
    return np.asarray((labels[:, None] == classes) & kept[:, None], logits.dtype)


# Honest implementations.


@honest("sigmoid")
def sigmoid(x: Array) -> Result:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e), {"x": e / (1 + e) ** 2}


@honest("log_sigmoid")
def log_sigmoid(x: Array) -> Result:
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))), {"x": sigmoid(-x)[0]}


@honest("softplus")
def softplus(x: Array, beta: float = 1.0) -> Result:
    value = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(beta * x))) / beta
    return value, {"x": sigmoid(beta * x)[0]}


@honest("softplus")
def logaddexp_with_0(x: Array) -> Result:
    return np.logaddexp(x, x.dtype.type(0)), {"x": sigmoid(x)[0]}


@honest("tanh")
def tanh(x: Array) -> Result:
    e = np.exp(-2 * np.abs(x))
    return np.tanh(x), {"x": 4 * e / (1 + e) ** 2}


@honest("relu")
def relu(x: Array) -> Result:
    return np.maximum(x, 0), {"x": (x > 0).astype(x.dtype)}


@honest("leaky_relu")
def leaky_relu(x: Array, negative_slope: float = 0.0) -> Result:
    slope = np.where(x > 0, 1, negative_slope).astype(x.dtype)
    return times(slope, x), {"x": slope}


@honest("binary_cross_entropy")
def binary_cross_entropy(probabilities: Array, labels: Array) -> Result:
    p, z = probabilities, labels
    value = -(times(z, np.log(p)) + times(1 - z, np.log1p(-p)))
    slope = np.where(z == 0, 1 / (1 - p), np.where(z == 1, -1 / p, (p - z) / (p * (1 - p))))
    return value, {"probabilities": slope, "labels": np.log1p(-p) - np.log(p)}


@honest("sigmoid_cross_entropy")
def sigmoid_cross_entropy(logits: Array, labels: Array) -> Result:
    x, z = logits, labels
    value = np.maximum(x, 0) - x * z + np.log1p(np.exp(-np.abs(x)))
    return value, {"logits": sigmoid_minus(x, z), "labels": -x}


def sigmoid_minus(x: Array, z: Array) -> Array:
    """sigmoid(x) - z, where z = 1 costs no digits."""
    return np.where(x > 0, (1 - z) - sigmoid(-x)[0], sigmoid(x)[0] - z)


@honest("sigmoid_cross_entropy")
def two_softplus_terms(logits: Array, labels: Array) -> Result:
    x, z = logits, labels
    value = times(z, softplus(-x)[0]) + times(1 - z, softplus(x)[0])
    return value, {"logits": sigmoid_minus(x, z), "labels": -x}


@honest("logistic_loss_pm1")
def logistic_loss_pm1(logits: Array, labels: Array) -> Result:
    value, derivative = softplus(-labels * logits)
    slope = derivative["x"]
    return value, {"logits": -labels * slope, "labels": -logits * slope}


@honest("squared_loss")
def squared_loss(predictions: Array, labels: Array, scale: float = 1.0) -> Result:
    error = predictions - labels
    slope = 2 * scale * error
    return scale * error * error, {"predictions": slope, "labels": -slope}


@honest("sigmoid_squared_loss")
def sigmoid_squared_loss(logits: Array, labels: Array) -> Result:
    error = sigmoid_minus(logits, labels)
    return error * error / 2, {"logits": error * sigmoid(logits)[1]["x"], "labels": -error}


@honest("softmax")
def softmax(logits: Array) -> Result:
    e = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-np.inf))
    p = e / e.sum(axis=-1, keepdims=True)
    return p, {"logits": lambda u: softmax_pulled(p, u)}


def softmax_pulled(p: Array, upstream: Array) -> Array:
    """The VJP of softmax where its value is p."""
    return np.asarray(p * (upstream - (upstream * p).sum(axis=-1, keepdims=True)))


@honest("log_softmax")
def log_softmax(logits: Array) -> Result:
    shifted = logits - logits.max(axis=-1, keepdims=True, initial=-np.inf)
    value = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    p = softmax(logits)[0]
    return value, {"logits": lambda u: u - p * u.sum(axis=-1, keepdims=True)}


@honest("logsumexp")
def logsumexp(logits: Array) -> Result:
    top = logits.max(axis=-1, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(top), top, 0)
    value = shift[..., 0] + np.log(np.exp(logits - shift).sum(axis=-1))
    return value, {"logits": softmax(logits)[0]}


@honest("cross_entropy")
def cross_entropy(labels: Array, probabilities: Array) -> Result:
    logs = np.log(probabilities)
    slope = -np.where(labels == 0, 0, labels / probabilities)
    return -total(times(labels, logs)), {"labels": -logs, "probabilities": slope}


@honest("kl_divergence")
def kl_divergence(labels: Array, log_probabilities: Array) -> Result:
    gap = np.log(labels) - log_probabilities
    return total(times(labels, gap)), {"labels": gap + 1, "log_probabilities": -labels}


@honest("softmax_cross_entropy")
def softmax_cross_entropy(
    logits: Array, labels: Array, class_weights: Array | float = 1.0, label_smoothing: float = 0.0
) -> Result:
    targets = (1 - label_smoothing) * labels + label_smoothing / max(logits.shape[-1], 1)
    weighted = times(targets, class_weights)
    logs = log_softmax(logits)[0]
    slope = softmax(logits)[0] * weighted.sum(axis=-1, keepdims=True) - weighted
    by_labels = -(1 - label_smoothing) * times(np.broadcast_to(class_weights, logs.shape), logs)
    return -total(times(weighted, logs)), {"logits": slope, "labels": by_labels}


@honest("softmax_cross_entropy_index")
def softmax_cross_entropy_index(
    logits: Array,
    labels: Array,
    class_weights: Array | float | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> Result:
    weights = 1.0 if class_weights is None else class_weights
    targets = one_hot(labels, logits, ignore_index)
    losses, slopes = softmax_cross_entropy(logits, targets, weights, label_smoothing)
    kept = labels != ignore_index
    slope = np.where(kept[:, None], slopes["logits"], 0)
    return np.where(kept, losses, 0), {"logits": slope}


@honest("nll")
def nll(
    log_probabilities: Array,
    labels: Array,
    class_weights: Array | float | None = None,
    ignore_index: int | None = None,
) -> Result:
    targets = one_hot(labels, log_probabilities, ignore_index)
    weights = targets if class_weights is None else times(targets, class_weights)
    return -total(times(weights, log_probabilities)), {"log_probabilities": -weights}


# Known-bad code: its docstring says what is wrong with it, and where.


@control("sigmoid_cross_entropy")
def written_form_1(logits: Array, labels: Array) -> Result:
    """The log of a sigmoid rounded to 0 or 1: infinite, or 0 * inf = NaN, for large abs(x)."""
    s = 1 / (1 + np.exp(-logits))
    slope = s * (1 - s) * ((1 - labels) / (1 - s) - labels / s)
    value = labels * -np.log(s) + (1 - labels) * -np.log(1 - s)
    return value, {"logits": slope, "labels": np.log(1 - s) - np.log(s)}


@control("sigmoid_cross_entropy")
def written_form_2(logits: Array, labels: Array) -> Result:
    """1 / (1 + e^-x) spelled out: inf / inf where e^-x overflows, log(0) where it underflows."""
    e = np.exp(-logits)
    s, c = 1 / (1 + e), e / (1 + e)
    slope = e / (1 + e) ** 2 * ((1 - labels) / c - labels / s)
    value = labels * -np.log(s) + (1 - labels) * -np.log(c)
    return value, {"logits": slope, "labels": np.log(c) - np.log(s)}


@control("sigmoid_cross_entropy")
def written_form_3(logits: Array, labels: Array) -> Result:
    """Keeps log(e^-x) apart: infinite where e^-x overflows or underflows."""
    e = np.exp(-logits)
    slope = -e / (1 + e)
    value = labels * np.log(1 + e) + (1 - labels) * (-np.log(e) + np.log(1 + e))
    by_logits = labels * slope + (1 - labels) * (e / e + slope)
    return value, {"logits": by_logits, "labels": np.log(e)}


@control("sigmoid_cross_entropy")
def written_form_4(logits: Array, labels: Array) -> Result:
    """Takes log(1 + e^-x) twice: infinite, or inf - inf, where e^-x overflows."""
    e = np.exp(-logits)
    slope = -e / (1 + e)
    value = labels * np.log(1 + e) + (1 - labels) * (logits + np.log(1 + e))
    return value, {"logits": labels * slope + (1 - labels) * (1 + slope), "labels": -logits}


@control("sigmoid_cross_entropy")
def written_form_5(logits: Array, labels: Array) -> Result:
    """Adds (1 - z) x and log(1 + e^-x): infinite where e^-x overflows."""
    e = np.exp(-logits)
    value = (1 - labels) * logits + np.log(1 + e)
    return value, {"logits": (1 - labels) - e / (1 + e), "labels": -logits}


@control("sigmoid_cross_entropy")
def written_form_6(logits: Array, labels: Array) -> Result:
    """Adds x - x z and log(1 + e^-x): infinite where e^-x overflows."""
    e = np.exp(-logits)
    value = logits - logits * labels + np.log(1 + e)
    return value, {"logits": 1 - labels - e / (1 + e), "labels": -logits}


@control("sigmoid_cross_entropy")
def sigmoid_twice(logits: Array, labels: Array) -> Result:
    """Takes sigmoid(x) for x: the loss of probabilities fed as logits."""
    s, slope = sigmoid(logits)
    value, slopes = sigmoid_cross_entropy(s, labels)
    return value, {"logits": slopes["logits"] * slope["x"], "labels": slopes["labels"]}


@control("sigmoid")
def exp_over_1_plus_exp(x: Array) -> Result:
    """e^x / (1 + e^x): inf / inf = NaN for large x."""
    s = np.exp(x) / (1 + np.exp(x))
    return s, {"x": s * (1 - s)}


@control("log_sigmoid")
def log_of_sigmoid(x: Array) -> Result:
    """The log of a sigmoid rounded to 0 or 1: -inf for x far below 0, and 0 far above."""
    s = 1 / (1 + np.exp(-x))
    return np.log(s), {"x": s * (1 - s) / s}


@control("log_sigmoid")
def minus_softplus(x: Array) -> Result:
    """-softplus(x), which is log(1 - sigmoid(x)): a sign is lost, wrong at every x but 0."""
    value, slope = softplus(x)
    return -value, {"x": -slope["x"]}


@control("softplus")
def log_1_plus_exp(x: Array) -> Result:
    """log(1 + e^x): infinite for large x, and 0 for x far below 0."""
    return np.log(1 + np.exp(x)), {"x": np.exp(x) / (1 + np.exp(x))}


@control("softplus", dtypes=("float64",))
def softplus_threshold_20(x: Array) -> Result:
    """Returns x above 20, where float64 still holds nine digits of e^-x."""
    return np.where(x > 20, x, softplus(x)[0]), {"x": np.where(x > 20, 1, sigmoid(x)[0])}


@control("softplus")
def softplus_undivided(x: Array, beta: float = 1.0) -> Result:
    """Forgets the division by beta: wrong wherever beta is not 1."""
    return softplus(beta * x)[0], {"x": beta * sigmoid(beta * x)[0]}


@control("tanh")
def tanh_of_exponentials(x: Array) -> Result:
    """(e^x - e^-x) / (e^x + e^-x): cancels near 0 and is inf / inf = NaN for large abs(x)."""
    value = (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))
    return value, {"x": 1 - value * value}


@control("relu")
def straight_through_relu(x: Array) -> Result:
    """Passes the gradient on where x < 0; the value is right."""
    return np.maximum(x, 0), {"x": np.ones_like(x)}


@control("leaky_relu")
def leaky_relu_of_slope_0_01(x: Array, negative_slope: float = 0.0) -> Result:  # noqa: ARG001
    """Takes the slope 0.01 whatever is asked: wrong at every x < 0."""
    return leaky_relu(x, 0.01)


@control("binary_cross_entropy")
def binary_cross_entropy_unsigned(probabilities: Array, labels: Array) -> Result:
    """log(1 - p) for z = 0 as seeds/002 prints it, without its sign: wrong at every p, z < 1."""
    p, z = probabilities, labels
    value = -times(z, np.log(p)) + times(1 - z, np.log(1 - p))
    return value, {"probabilities": -z / p - (1 - z) / (1 - p), "labels": -np.log(p * (1 - p))}


@control("binary_cross_entropy")
def binary_cross_entropy_clipped(probabilities: Array, labels: Array) -> Result:
    """Clips p to 1e-7..1 - 1e-7: finite where the loss is infinite, and no gradient outside."""
    inside = (probabilities >= 1e-7) & (probabilities <= 1 - 1e-7)
    p = np.clip(probabilities, 1e-7, 1 - 1e-7)
    value, slopes = binary_cross_entropy(p, labels)
    return value, {**slopes, "probabilities": np.where(inside, slopes["probabilities"], 0)}


@control("binary_cross_entropy")
def binary_cross_entropy_softened(probabilities: Array, labels: Array) -> Result:
    """seeds/001: z ln((p + 0.05) / 1.05) + (1 - z) ln((1.05 - p) / 1.05), wrong at every p."""
    p, z = probabilities, labels
    logs = np.log((p + 0.05) / 1.05), np.log((1.05 - p) / 1.05)
    slope = z / (p + 0.05) - (1 - z) / (1.05 - p)
    return z * logs[0] + (1 - z) * logs[1], {"probabilities": slope, "labels": logs[0] - logs[1]}


@control("binary_cross_entropy")
def binary_cross_entropy_0_log_0(probabilities: Array, labels: Array) -> Result:
    """Lacks 0 log 0 = 0 in z log(p) + (1 - z) log(1 - p): NaN where p = z is 0 or 1."""
    p, z = probabilities, labels
    value = -(z * np.log(p) + (1 - z) * np.log(1 - p))
    slope = -(z / p - (1 - z) / (1 - p))
    return value, {"probabilities": slope, "labels": np.log(1 - p) - np.log(p)}


@control("logistic_loss_pm1")
def logistic_loss_unshifted(logits: Array, labels: Array) -> Result:
    """log(1 + e^(-y x)): infinite for a large wrong margin, 0 for a large right one."""
    e = np.exp(-labels * logits)
    slope = e / (1 + e)
    return np.log(1 + e), {"logits": -labels * slope, "labels": -logits * slope}


@control("logistic_loss_pm1")
def logistic_loss_of_labels_0_1(logits: Array, labels: Array) -> Result:
    """The loss of labels 0 and 1 fed -1 and +1: wrong wherever y = -1."""
    return sigmoid_cross_entropy(logits, labels)


@control("squared_loss")
def squared_loss_unscaled(
    predictions: Array,
    labels: Array,
    scale: float = 1.0,  # noqa: ARG001
) -> Result:
    """(y - z)^2 whatever the scale: twice the 1/2 (y - z)^2 that is asked."""
    return squared_loss(predictions, labels)


@control("squared_loss")
def squared_loss_half_gradient(predictions: Array, labels: Array, scale: float = 1.0) -> Result:
    """The derivative without its factor 2; the value is right."""
    value, _ = squared_loss(predictions, labels, scale)
    slope = scale * (predictions - labels)
    return value, {"predictions": slope, "labels": -slope}


@control("sigmoid_squared_loss")
def sigmoid_squared_loss_without_slope(logits: Array, labels: Array) -> Result:
    """The derivative sigmoid(x) - y, which is the cross entropy's: sigmoid'(x) is lost."""
    value, slopes = sigmoid_squared_loss(logits, labels)
    return value, {**slopes, "logits": sigmoid(logits)[0] - labels}


@control("softmax")
def softmax_unshifted(logits: Array) -> Result:
    """e^x / sum e^x without a shift: inf / inf for large logits, 0 / 0 far below 0."""
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return p, {"logits": lambda u: softmax_pulled(p, u)}


@control("softmax")
def softmax_over_rows(logits: Array) -> Result:
    """Sums over the batch instead of the classes: all ones for one row."""
    p = softmax(logits.T)[0]
    return p.T, {"logits": lambda u: softmax_pulled(p, u.T).T}


@control("softmax")
def softmax_diagonal(logits: Array) -> Result:
    """The derivative p (1 - p) of the diagonal alone; the value is right."""
    p = softmax(logits)[0]
    return p, {"logits": p * (1 - p)}


@control("softmax", dtypes=("float64",))
def softmax_in_float32(logits: Array) -> Result:
    """float64 computed in float32: half of its digits are wrong."""
    p = softmax(logits.astype(np.float32))[0]
    return p, {"logits": lambda u: softmax_pulled(p, u.astype(np.float32))}


@control("log_softmax")
def log_of_softmax(logits: Array) -> Result:
    """The log of a softmax rounded to 0: -inf where a logit is far below the largest."""
    p = softmax(logits)[0]
    return np.log(p), {"logits": lambda u: softmax_pulled(p, u / p)}


@control("log_softmax")
def log_softmax_unshifted(logits: Array) -> Result:
    """Takes x - log(sum e^x) unshifted: infinite for large logits and for all far below 0."""
    e = np.exp(logits)
    value = logits - np.log(e.sum(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return value, {"logits": lambda u: u - p * u.sum(axis=-1, keepdims=True)}


@control("logsumexp")
def logsumexp_unshifted(logits: Array) -> Result:
    """log(sum e^x) without a shift: infinite for large logits and for all far below 0."""
    e = np.exp(logits)
    return np.log(e.sum(axis=-1)), {"logits": e / e.sum(axis=-1, keepdims=True)}


@control("logsumexp")
def logmeanexp(logits: Array) -> Result:
    """The mean in place of the sum: too small by ln(n) for every row of several classes."""
    value, slopes = logsumexp(logits)
    return value - np.log(value.dtype.type(logits.shape[-1])), slopes


@control("cross_entropy")
def cross_entropy_in_bits(labels: Array, probabilities: Array) -> Result:
    """log2 in place of ln: 1/ln(2) times the cross entropy, as in seeds/000."""
    value, slopes = cross_entropy(labels, probabilities)
    return value / math.log(2), {name: slope / math.log(2) for name, slope in slopes.items()}


@control("cross_entropy")
def cross_entropy_swapped(labels: Array, probabilities: Array) -> Result:
    """-sum q ln p: the arguments in each other's place."""
    value, slopes = cross_entropy(probabilities, labels)
    return value, {"labels": slopes["probabilities"], "probabilities": slopes["labels"]}


@control("cross_entropy")
def cross_entropy_0_log_0(labels: Array, probabilities: Array) -> Result:
    """-sum p ln q without 0 ln 0 = 0: NaN where p = q = 0."""
    slopes = {"labels": -np.log(probabilities), "probabilities": -labels / probabilities}
    return -total(labels * np.log(probabilities)), slopes


@control("kl_divergence")
def kl_divergence_in_bits(labels: Array, log_probabilities: Array) -> Result:
    """log2 of the labels beside natural log-probabilities: wrong for all but one-hot labels."""
    gap = np.log2(labels) - log_probabilities
    slopes = {"labels": gap + 1 / math.log(2), "log_probabilities": -labels}
    return total(times(labels, gap)), slopes


@control("kl_divergence")
def kl_divergence_mean_of_classes(labels: Array, log_probabilities: Array) -> Result:
    """Divides by the number of classes: the mean over all elements in place of rows."""
    value, slopes = kl_divergence(labels, log_probabilities)
    classes = labels.shape[-1]
    return value / classes, {name: s / classes for name, s in slopes.items()}


@control("kl_divergence")
def kl_divergence_0_log_0(labels: Array, log_probabilities: Array) -> Result:
    """Lacks 0 ln 0 = 0 in sum p (ln p - ln q): NaN where p = 0."""
    gap = np.log(labels) - log_probabilities
    return total(labels * gap), {"labels": gap + 1, "log_probabilities": -labels}


@control("softmax_cross_entropy")
def softmax_then_log(logits: Array, labels: Array) -> Result:
    """-sum t log(softmax), unfused: infinite or NaN where a probability rounds to 0."""
    p = softmax(logits)[0]
    slope = softmax_pulled(p, -labels / p)
    return -total(labels * np.log(p)), {"logits": slope, "labels": -np.log(p)}


@control("softmax_cross_entropy")
def softmax_twice(logits: Array, labels: Array) -> Result:
    """Fed softmax outputs for logits, the mistake shown in seeds/004."""
    p = softmax(logits)[0]
    value, slopes = softmax_cross_entropy(p, labels)
    return value, {**slopes, "logits": softmax_pulled(p, slopes["logits"])}


@control("softmax_cross_entropy")
def softmax_minus_labels(logits: Array, labels: Array) -> Result:
    """The derivative softmax - labels whatever the labels sum to; the value is right."""
    value, slopes = softmax_cross_entropy(logits, labels)
    return value, {**slopes, "logits": softmax(logits)[0] - labels}


@control("softmax_cross_entropy")
def binary_formula_of_softmax(logits: Array, labels: Array) -> Result:
    """-sum t ln p + (1 - t) ln(1 - p): the binary formula for many classes, as in seeds/004."""
    p = softmax(logits)[0]
    losses, slopes = binary_cross_entropy(p, labels)
    by_logits = softmax_pulled(p, slopes["probabilities"])
    return total(losses), {"logits": by_logits, "labels": slopes["labels"]}


@control("softmax_cross_entropy")
def softmax_cross_entropy_in_bits(logits: Array, labels: Array) -> Result:
    """log2 in place of ln: 1/ln(2) times the loss."""
    value, slopes = softmax_cross_entropy(logits, labels)
    return value / math.log(2), {name: slope / math.log(2) for name, slope in slopes.items()}


@control("softmax_cross_entropy")
def smoothing_undivided(logits: Array, labels: Array, label_smoothing: float = 0.0) -> Result:
    """Targets (1 - a) t + a, not divided by the number of classes: they sum to more than 1."""
    targets = (1 - label_smoothing) * labels + label_smoothing
    value, slopes = softmax_cross_entropy(logits, targets)
    return value, {**slopes, "labels": (1 - label_smoothing) * slopes["labels"]}


@control("softmax_cross_entropy_index")
def negative_logit_of_the_label(logits: Array, labels: Array) -> Result:
    """-x_y, the loss of log-probabilities fed logits: negative for x_y > 0, as in seeds/003."""
    targets = one_hot(labels, logits, None)
    return -total(times(targets, logits)), {"logits": -targets}


@control("softmax_cross_entropy_index")
def labels_counted_from_1(logits: Array, labels: Array) -> Result:
    """Takes class y - 1 for y, and the last class for 0: wrong at every row."""
    return softmax_cross_entropy_index(logits, (labels - 1) % logits.shape[-1])


@control("softmax_cross_entropy_index")
def ignored_as_a_class(logits: Array, labels: Array, ignore_index: int | None = None) -> Result:
    """Takes the last class for an ignored label: a row to ignore has a loss and a gradient."""
    kept = labels != ignore_index
    return softmax_cross_entropy_index(logits, np.where(kept, labels, logits.shape[-1] - 1))


@control("softmax_cross_entropy_index")
def index_smoothing_undivided(logits: Array, labels: Array, label_smoothing: float = 0.0) -> Result:
    """Adds a sum_c (-ln p_c) and not a/C times that sum: the smoothing is C times too large."""
    return smoothing_undivided(logits, one_hot(labels, logits, None), label_smoothing)


@control("nll")
def log_likelihood(log_probabilities: Array, labels: Array) -> Result:
    """Without its sign: the log-likelihood, wrong at every row but where it is 0."""
    value, slopes = nll(log_probabilities, labels)
    return -value, {"log_probabilities": -slopes["log_probabilities"]}


def reduced_in_type(result: Result, reduction: str) -> Result | Reduced:
    """Sums one loss after another in the losses' own type: a 16-bit sum soon stands still."""
    losses, derivatives = result
    _, _, *share = reduced(result, reduction)
    sums = np.cumsum(losses, dtype=losses.dtype)
    value = np.asarray(sums[-1] if losses.size else 0, losses.dtype)
    return value / losses.dtype.type(losses.size if reduction == "mean" else 1), derivatives, *share


# Right losses, wrongly reduced, and the adapter.


def wrong_means() -> tuple[Implementation, ...]:
    """Right losses under a wrong reduction."""
    index = row("softmax_cross_entropy_index", softmax_cross_entropy_index, False)
    unweighted = index.code.replace("reduction, labels, class_weights, ignore_index", "reduction")
    return (
        replace(
            index,
            name="weighted_mean_over_all_rows",
            code=unweighted,
            reductions={"weighted_mean": "mean"},
            control="Divides by the number of rows, not by the weights of the labels that are kept:"
            " wrong with class weights, and with an ignored row.",
        ),
        replace(
            index,
            name="mean_over_weights",
            reductions={"mean": "weighted_mean"},
            control="Divides by the weights of the labels that are kept where the mean over all"
            " losses is asked.",
        ),
        Implementation(
            "mean_in_16_bits",
            "sigmoid_cross_entropy",
            "reduced_in_type(sigmoid_cross_entropy(logits, labels), reduction)",
            reductions={"sum": "sum", "mean": "mean"},
            dtypes=("float16", "bfloat16"),
            control="Adds loss after loss in 16 bits: the sum stands still after some 2000 losses"
            " in float16, 256 in bfloat16.",
        ),
    )


FUNCTIONS = {
    n: f for n, f in globals().items() if inspect.isfunction(f) and f.__module__ == __name__
}
TYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


@cache
def names(code: str) -> frozenset[str]:
    """The names that a piece of code mentions."""
    return frozenset(node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name))


@cache
def sources(code: str) -> str:
    """The functions of this file that an expression needs, in the file's order."""
    needed: set[str] = set()
    found = set(names(code))
    while found:
        needed |= found
        found = {n for f in found & set(FUNCTIONS) for n in names(undecorated(FUNCTIONS[f]))}
        found -= needed
    return "\n\n".join(undecorated(f) for n, f in FUNCTIONS.items() if n in needed)


@cache
def undecorated(function: Formula) -> str:
    """The source of a function, from its `def` on."""
    source = inspect.getsource(function)
    return source[source.index("def ") :]


def literal(values: Array, wide: bool) -> str:
    """Source of the array with exactly these values: Python's floats round-trip."""
    shape = "" if values.size else f".reshape({values.shape})"  # an empty list forgets its shape
    return f"np.array({values.tolist()}, dtype={dtype_name(values)}){shape}" + (
        ".astype(np.float32)" if wide else ""
    )


def dtype_name(values: Array) -> str:
    """What a program calls the type of an array."""
    module = "ml_dtypes" if values.dtype == ml_dtypes.bfloat16 else "np"
    return f"{module}.{values.dtype.name}"


def widened(values: Any) -> Any:
    """float32 for a 16-bit array; anything else as it is."""
    narrow = isinstance(values, np.ndarray) and values.dtype in TYPES.values()
    return values.astype(np.float32) if narrow else values


SECOND = ("jvp", "hvp", "mixed")
SHARED = ("class_weights", "pos_weight", "weights", "bias", "sample_weights")


class NumPy(Adapter):
    """NumPy, whose controls the suite must catch and whose honest implementations it must pass."""

    framework = "numpy"
    modes = ("eager",)
    cannot: Mapping[str, Mapping[str, str]] = {
        "eager": dict.fromkeys(
            (*SECOND, *(f"gradient.{name}" for name in SHARED)),
            "written out for values and gradients by the inputs",
        )
    }
    implementations = (*ROWS, *wrong_means())
    namespace: Mapping[str, Any] = {"np": np, **FUNCTIONS}
    imports = """\
from __future__ import annotations

import math

import ml_dtypes
import numpy as np
from numpy import inf, nan

np.seterr(all="ignore")
"""
    reductions: Mapping[str, str] = {
        name: f"reduced({{}}, {name!r})" if name != "none" else "{}"
        for name in ("none", "sum", "mean")
    }

    def versions(self) -> dict[str, str]:
        return {"numpy": np.__version__, "ml_dtypes": ml_dtypes.__version__}

    def tensor(self, values: Array) -> Array:
        return values

    def array(self, tensor: Any) -> Array:
        return np.asarray(tensor)

    def run(self, implementation: Implementation, call: Call, mode: str) -> Outcome:
        given = call
        if not implementation.control:
            given = replace(
                call,
                inputs={name: widened(values) for name, values in call.inputs.items()},
                parameters={name: widened(values) for name, values in call.parameters.items()},
                upstream=widened(call.upstream),
            )
        with np.errstate(all="ignore"):
            outcome = super().run(implementation, given, mode)
            rounded = call.upstream.dtype
            return {
                quantity: answer.astype(rounded) if isinstance(answer, np.ndarray) else answer
                for quantity, answer in outcome.items()
            }

    def compute(
        self,
        functions: Sequence[Function],
        arguments: Sequence[Arguments],
        mode: str,  # noqa: ARG002
    ) -> Sequence[Found]:
        ((function,), (given,)) = functions, arguments
        result = function.call(**given.tensors)
        pulls = {f"gradient.{n}": pulled(result, n, given.upstream) for n in function.wrt}
        found = {"value": result[0], **pulls}
        return [{quantity: found[quantity] for quantity in function.quantities}]

    def snippet(
        self,
        implementation: Implementation,
        call: Call,
        mode: str,  # noqa: ARG002
    ) -> str:
        expression = self.expression(implementation, call)
        arrays = {**self.arrays(implementation, call), "upstream": call.upstream}
        wide = call.dtype in TYPES and not implementation.control
        rounded = f"astype({dtype_name(call.upstream)}).tolist()"
        lines = [self.imports, "", sources(f"pulled({expression})"), ""]
        lines += [
            f"{name} = {literal(values, wide and values.dtype != np.int64)}"
            for name, values in arrays.items()
        ]
        lines += [f"{name} = {v!r}" for name, v in self.constants(implementation, call).items()]
        lines += [f"result = {expression}", f'print("value", np.asarray(result[0]).{rounded})']
        lines += [
            f'print("gradient.{name}", pulled(result, "{name}", upstream).{rounded})'
            for name in call.wrt
            if name not in SHARED
        ]
        return "\n".join(lines) + "\n"


ADAPTER = NumPy()
