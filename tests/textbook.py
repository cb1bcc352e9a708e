"""The value of every operator in mpmath, as its textbook writes it, and the reductions: no more.

The function that is differentiated numerically where the derivatives of the reference are put to
the test. It shares nothing with the reference: neither its arithmetic nor its differentiation.
A formula takes one row: numbers, lists of numbers for rows of classes, an int for a class index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mpmath import mp, mpf

Row = Sequence[mpf]


def sigmoid(x: mpf) -> mpf:
    return 1 / (1 + mp.exp(-x))


def xlogy(x: mpf, y: mpf) -> mpf:
    return x * mp.log(y) if x else mpf(0)


def dot(x: Row, y: Row) -> mpf:
    return mp.fsum(a * b for a, b in zip(x, y, strict=True))


def present(row: Row, mask: Sequence[bool] | None) -> list[mpf]:
    return [x for j, x in enumerate(row) if mask is None or mask[j]]


def logsumexp(logits: Row, mask: Any = None) -> mpf:
    return mp.log(mp.fsum(mp.exp(x) for x in present(logits, mask)))


def log_softmax(logits: Row, mask: Any = None) -> list[mpf]:
    total = logsumexp(logits, mask)
    return [x - total if mask is None or mask[j] else -mp.inf for j, x in enumerate(logits)]


def softmax(logits: Row, mask: Any = None) -> list[mpf]:
    return [mp.exp(x) for x in log_softmax(logits, mask)]


def smoothed(labels: Row, a: Any, mask: Any = None) -> list[mpf]:
    count = len(present(labels, mask))
    return [
        (1 - a) * y + (mpf(a) / count if mask is None or mask[j] else 0)
        for j, y in enumerate(labels)
    ]


def softmax_cross_entropy(
    logits: Row,
    labels: Row,
    class_weights: Any = None,
    label_smoothing: Any = 0,
    temperature: Any = 1,
    mask: Any = None,
) -> mpf:
    logs = log_softmax([x / temperature for x in logits], mask)
    targets = smoothed(labels, label_smoothing, mask)
    weights = class_weights or [1] * len(logits)
    return -mp.fsum(
        w * t * ln for w, t, ln in zip(weights, targets, logs, strict=True) if not mp.isinf(ln)
    )


def one_hot(label: int, classes: int) -> list[mpf]:
    return [mpf(int(j == label)) for j in range(classes)]


def softmax_cross_entropy_index(
    logits: Row, labels: int, ignore_index: int | None = None, label_smoothing: Any = 0, **rest: Any
) -> mpf:
    if labels == ignore_index:
        return mpf(0)
    weights = rest.get("class_weights") or [1] * len(logits)
    mask = rest.get("mask")
    logs = log_softmax([x / rest.get("temperature", 1) for x in logits], mask)
    every = mp.fsum(-w * ln for w, ln in zip(weights, logs, strict=True) if not mp.isinf(ln))
    share = mpf(label_smoothing) / len(present(logs, mask))
    return (1 - label_smoothing) * -weights[labels] * logs[labels] + share * every


def nll(
    log_probabilities: Row, labels: int, class_weights: Any = None, ignore_index: Any = None
) -> mpf:
    if labels == ignore_index:
        return mpf(0)
    return -(class_weights[labels] if class_weights else 1) * log_probabilities[labels]


def clipped(p: mpf, epsilon: mpf) -> mpf:
    return min(max(p, epsilon), 1 - epsilon) if epsilon else p


def binary_cross_entropy(
    probabilities: mpf,
    labels: mpf,
    clip_epsilon: Any = 0,
    add_epsilon: Any = 0,
    log_floor: Any = None,
    label_smoothing: Any = 0,
) -> mpf:
    p = clipped(probabilities, clip_epsilon)
    y = (1 - label_smoothing) * labels + label_smoothing / mpf(2)
    logs = [mp.log(p + add_epsilon), mp.log(1 - p + add_epsilon)]
    one, zero = logs if log_floor is None else [max(ln, mpf(log_floor)) for ln in logs]
    return -(y * one + (1 - y) * zero)


def sigmoid_cross_entropy(
    logits: mpf, labels: mpf, pos_weight: Any = 1, label_smoothing: Any = 0
) -> mpf:
    y = (1 - label_smoothing) * labels + label_smoothing / mpf(2)
    one, zero = mp.log(sigmoid(logits)), mp.log(sigmoid(-logits))
    return -(pos_weight * y * one + (1 - y) * zero)


def sigmoid_focal_loss(logits: mpf, labels: mpf, gamma: Any = 2, alpha: Any = None) -> mpf:
    p, y = sigmoid(logits), labels
    p_t = p * y + (1 - p) * (1 - y)
    a_t = 1 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
    return a_t * (1 - p_t) ** gamma * sigmoid_cross_entropy(logits, labels)


def factorial_term(t: mpf, full: str) -> mpf:
    """Of a Poisson likelihood: ln t!, or Stirling's formula for it, or nothing."""
    if full == "exact":
        return mp.loggamma(t + 1)
    if full == "stirling" and t > 1:
        return t * mp.log(t) - t + mp.log(2 * mp.pi * t) / 2
    return mpf(0)


def poisson_nll_rate(rates: mpf, counts: mpf, add_epsilon: Any = 0, full: str = "none") -> mpf:
    return rates - counts * mp.log(rates + add_epsilon) + factorial_term(counts, full)


def sparsity_penalty(activations: mpf, target: mpf | None = None) -> mpf:
    r, rho = activations, mpf(1) / 20 if target is None else target
    return rho * mp.log(rho / r) + (1 - rho) * mp.log((1 - rho) / (1 - r))


def softened_cross_entropy(probabilities: mpf, labels: mpf, epsilon: mpf | None = None) -> mpf:
    e = mpf(1) / 20 if epsilon is None else epsilon

    def soft(p: mpf) -> mpf:
        return mp.log((p + e) / (1 + e))

    return -(labels * soft(probabilities) + (1 - labels) * soft(1 - probabilities))


def reconstruction_cross_entropy(reconstructions: Row, inputs: Row) -> mpf:
    pairs = zip(reconstructions, inputs, strict=True)
    return -mp.fsum(x * mp.log(z) + (1 - x) * mp.log(1 - z) for z, x in pairs)


def normalised(row: Row, wanted: bool) -> list[mpf]:
    return [p / mp.fsum(row) for p in row] if wanted else list(row)


def categorical_cross_entropy(
    probabilities: Row,
    labels: Row,
    normalise: str = "no",
    clip_epsilon: Any = 0,
    class_weights: Any = None,
) -> mpf:
    p = normalised(probabilities, normalise == "before_clip")
    p = normalised([clipped(q, clip_epsilon) for q in p], normalise == "after_clip")
    weights = class_weights or [1] * len(p)
    return -mp.fsum(w * xlogy(y, q) for w, y, q in zip(weights, labels, p, strict=True))


def categorical_cross_entropy_index(
    probabilities: Row, labels: int, ignore_index: Any = None, **rest: Any
) -> mpf:
    if labels == ignore_index:
        return mpf(0)
    return categorical_cross_entropy(probabilities, one_hot(labels, len(probabilities)), **rest)


def linear_softmax_cross_entropy(
    hidden: Row, labels: int, weights: Any, bias: Any = None, **rest: Any
) -> mpf:
    size = len(hidden)
    matrix = [weights[k : k + size] for k in range(0, len(weights), size)]
    shift = bias or [0] * len(matrix)
    logits = [dot(hidden, w) + b for w, b in zip(matrix, shift, strict=True)]
    return softmax_cross_entropy_index(logits, labels, **rest)


def relative_entropy(p: Row, q: Row) -> mpf:
    return mp.fsum(xlogy(a, a) - xlogy(a, b) for a, b in zip(p, q, strict=True))


def jensen_shannon_divergence(p: Row, q: Row) -> mpf:
    m = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    return (relative_entropy(p, m) + relative_entropy(q, m)) / 2


def softmax_focal_loss(
    logits: Row, labels: Row, gamma: Any = 2, alpha: Any = 1, class_weights: Any = None
) -> mpf:
    weights = class_weights or [1] * len(logits)
    terms = zip(weights, labels, softmax(logits), strict=True)
    return -mp.fsum(alpha * w * y * (1 - s) ** gamma * mp.log(s) for w, y, s in terms)


def multiclass_margin_loss(
    logits: Row, labels: int, margin: Any = 1, exponent: Any = 1, class_weights: Any = None
) -> mpf:
    others = [x for j, x in enumerate(logits) if j != labels]
    terms = [max(mpf(0), margin - logits[labels] + x) ** exponent for x in others]
    weight = class_weights[labels] if class_weights else 1
    return weight * mp.fsum(terms) / len(logits)


def generalised_cross_entropy(logits: Row, labels: int, q: mpf | None = None) -> mpf:
    q = mpf(7) / 10 if q is None else q
    return (1 - softmax(logits)[labels] ** q) / q


def distillation_loss(student: Row, teacher: Row, temperature: Any = 1) -> mpf:
    t, s = ([x / temperature for x in row] for row in (teacher, student))
    return temperature**2 * relative_entropy(softmax(t), softmax(s))


FORMULAS: Mapping[str, Callable[..., Any]] = {
    "sigmoid": lambda x: sigmoid(x),
    "log_sigmoid": lambda x: mp.log(sigmoid(x)),
    "softplus": lambda x, beta=1: mp.log(1 + mp.exp(beta * x)) / beta,
    "tanh": lambda x: (mp.exp(x) - mp.exp(-x)) / (mp.exp(x) + mp.exp(-x)),
    "relu": lambda x: max(x, mpf(0)),
    "leaky_relu": lambda x, negative_slope=0: x if x > 0 else negative_slope * x,
    "sigmoid_cross_entropy": sigmoid_cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "sigmoid_focal_loss": sigmoid_focal_loss,
    "logistic_loss_pm1": lambda logits, labels: mp.log(1 + mp.exp(-labels * logits)),
    "hinge_loss": lambda logits, labels, margin=1, exponent=1: (
        max(mpf(0), margin - labels * logits) ** exponent
    ),
    "squared_loss": lambda predictions, labels, scale=1: scale * (predictions - labels) ** 2,
    "sigmoid_squared_loss": lambda logits, labels: (sigmoid(logits) - labels) ** 2 / 2,
    "poisson_nll": lambda log_rates, counts, full="none": (
        mp.exp(log_rates) - counts * log_rates + factorial_term(counts, full)
    ),
    "poisson_nll_rate": poisson_nll_rate,
    "sparsity_penalty": sparsity_penalty,
    "softened_cross_entropy": softened_cross_entropy,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "logsumexp": logsumexp,
    "cross_entropy": lambda labels, probabilities: -mp.fsum(map(xlogy, labels, probabilities)),
    "kl_divergence": lambda labels, log_probabilities: mp.fsum(
        xlogy(p, p) - p * lq for p, lq in zip(labels, log_probabilities, strict=True)
    ),
    "kl_divergence_log_targets": lambda log_labels, log_probabilities: mp.fsum(
        mp.exp(lp) * (lp - lq) for lp, lq in zip(log_labels, log_probabilities, strict=True)
    ),
    "generalized_kl_divergence": lambda labels, log_probabilities: mp.fsum(
        xlogy(p, p) - p * lq - p + mp.exp(lq)
        for p, lq in zip(labels, log_probabilities, strict=True)
    ),
    "jensen_shannon_divergence": jensen_shannon_divergence,
    "reconstruction_cross_entropy": reconstruction_cross_entropy,
    "categorical_cross_entropy": categorical_cross_entropy,
    "categorical_cross_entropy_index": categorical_cross_entropy_index,
    "linear_softmax_cross_entropy": linear_softmax_cross_entropy,
    "softmax_cross_entropy": softmax_cross_entropy,
    "softmax_cross_entropy_index": softmax_cross_entropy_index,
    "softmax_focal_loss": softmax_focal_loss,
    "nll": nll,
    "z_loss": lambda logits, scale=1: scale * logsumexp(logits) ** 2,
    "poly1_cross_entropy": lambda logits, labels, epsilon=1: (
        softmax_cross_entropy(logits, labels) + epsilon * (1 - dot(labels, softmax(logits)))
    ),
    "multiclass_margin_loss": multiclass_margin_loss,
    "generalised_cross_entropy": generalised_cross_entropy,
    "distillation_loss": distillation_loss,
}
