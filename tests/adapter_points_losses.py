"""Easy points of further losses, and of options that few frameworks have.

`tests/adapter_points.py` says what they are for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from adapters.base import Array

X = np.array([0.7, -1.3, 2.1])
Z = np.array([0.2, 0.9, 0.5])
P = np.array([0.2, 0.6, 0.9])
LOGITS = np.array([[0.5, -1.0, 2.0, 0.25], [1.5, 0.0, -0.5, 1.0], [-2.0, 0.75, 0.1, 0.3]])
OTHERS = np.array([[1.0, 0.5, -0.75, 0.0], [0.2, -0.4, 0.9, 1.1], [-1.5, 0.3, 0.6, -0.2]])
LABELS = np.array([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.3, 0.2]])
SHARES = np.array([[0.3, 0.2, 0.4, 0.1], [0.2, 0.1, 0.3, 0.4], [0.25, 0.35, 0.2, 0.2]])
HIDDEN = np.array([[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0]])
MATRIX = np.array([[1.0, -0.5], [0.3, 2.0], [-1.0, 0.25], [0.5, 0.5]])
INDEX = np.array([2, 0, 3])
WEIGHTS = np.array([1.0, 2.0, 0.5, 3.0])


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def log_softmax(x: Array) -> Array:
    return np.asarray(x - np.log(np.exp(x).sum(-1, keepdims=True)))


def one_hot(labels: Array) -> Array:
    return np.equal.outer(labels, np.arange(4)) * 1.0


def binary(p: Array, z: Array) -> Array:
    return np.asarray(-z * np.log(p) - (1 - z) * np.log(1 - p))


def probabilities(
    p: Array,
    z: Array,
    label_smoothing: float = 0.0,
    clip_epsilon: float = 0.0,
    add_epsilon: float = 0.0,
    log_floor: float = -np.inf,
) -> Array:
    t = (1 - label_smoothing) * z + label_smoothing / 2
    p = np.clip(p, clip_epsilon, 1 - clip_epsilon)
    logs = (np.maximum(np.log(q + add_epsilon), log_floor) for q in (p, 1 - p))
    return np.asarray(-sum(w * log for w, log in zip((t, 1 - t), logs, strict=True)))


def logits(x: Array, z: Array, label_smoothing: float = 0.0, pos_weight: Any = 1.0) -> Array:
    t = (1 - label_smoothing) * z + label_smoothing / 2
    return np.asarray(pos_weight * t * np.log1p(np.exp(-x)) + (1 - t) * np.log1p(np.exp(x)))


def focal(x: Array, z: Array, gamma: float = 2.0, alpha: float | None = None) -> Array:
    s = sigmoid(x)
    loss = (s + z - 2 * s * z) ** gamma * binary(s, z)
    return loss if alpha is None else loss * (alpha * z + (1 - alpha) * (1 - z))


def categorical(
    p: Array,
    y: Array,
    class_weights: Any = 1.0,
    normalise: str = "no",
    clip_epsilon: float = 0.0,
) -> Array:
    p = p if normalise == "no" else p / p.sum(-1, keepdims=True)
    clipped = np.clip(p, clip_epsilon, 1 - clip_epsilon)
    return np.asarray(-(class_weights * y * np.log(clipped)).sum(-1))


def indexed(p: Array, k: Array, class_weights: Any = 1.0, ignore_index: int | None = None) -> Array:
    return np.asarray(categorical(p, one_hot(k), class_weights) * (k != ignore_index))


def dense(
    x: Array,
    y: Array,
    class_weights: Any = 1.0,
    label_smoothing: float = 0.0,
    temperature: float = 1.0,
) -> Array:
    t = (1 - label_smoothing) * y + label_smoothing / 4
    return np.asarray(-(class_weights * t * log_softmax(x / temperature)).sum(-1))


def linear(
    h: Array,
    k: Array,
    weights: Array = MATRIX,
    bias: Any = 0.0,
    class_weights: Any = 1.0,
    label_smoothing: float = 0.0,
) -> Array:
    return dense(h @ weights.T + bias, one_hot(k), class_weights, label_smoothing)


def softmax_focal(
    x: Array, y: Array, class_weights: Any = 1.0, gamma: float = 2.0, alpha: float = 1.0
) -> Array:
    logs = log_softmax(x)
    terms = class_weights * y * (1 - np.exp(logs)) ** gamma * logs
    return np.asarray(-alpha * terms.sum(-1))


def margins(
    x: Array,
    k: Array,
    class_weights: Any = WEIGHTS * 0 + 1,
    margin: float = 1.0,
    exponent: float = 1.0,
) -> Array:
    own = np.take_along_axis(x, k[:, None], -1)
    terms = (1 - one_hot(k)) * np.maximum(margin - own + x, 0) ** exponent
    return np.asarray(class_weights[k] * terms.mean(-1))


def kl(p: Array, log_q: Array) -> Array:
    return np.asarray((p * (np.log(p) - log_q)).sum(-1))


def distillation(x: Array, v: Array, temperature: float = 1.0) -> Array:
    teacher = np.exp(log_softmax(v / temperature))
    return temperature**2 * kl(teacher, log_softmax(x / temperature))


BINARY = {"probabilities": P, "labels": Z}
CLASSES = {"logits": LOGITS, "labels": LABELS}
LOGS = {"labels": LABELS, "log_probabilities": np.log(SHARES)}
LOSSES: Mapping[str, tuple[Mapping[str, Array], Mapping[str, Any], Callable[..., Array]]] = {
    "binary_cross_entropy": (
        BINARY,
        {"label_smoothing": 0.25, "clip_epsilon": 0.15, "add_epsilon": 0.125, "log_floor": -1.5},
        probabilities,
    ),
    "softened_cross_entropy": (
        BINARY,
        {"epsilon": 0.125},
        lambda p, z, epsilon=0.05: (
            -z * np.log((p + epsilon) / (1 + epsilon))
            - (1 - z) * np.log((1 - p + epsilon) / (1 + epsilon))
        ),
    ),
    "reconstruction_cross_entropy": (
        {"reconstructions": SHARES, "inputs": LABELS},
        {},
        lambda p, z: binary(p, z).sum(-1),
    ),
    "sparsity_penalty": (
        {"activations": P},
        {"target": 0.25},
        lambda r, target=0.05: (
            target * np.log(target / r) + (1 - target) * np.log((1 - target) / (1 - r))
        ),
    ),
    "sigmoid_cross_entropy": (
        {"logits": X, "labels": Z},
        {"label_smoothing": 0.25, "pos_weight": np.array([2.0, 0.5, 3.0])},
        logits,
    ),
    "categorical_cross_entropy": (
        {"probabilities": SHARES, "labels": LABELS},
        {"normalise": "before_clip", "clip_epsilon": 0.15, "class_weights": WEIGHTS},
        categorical,
    ),
    "categorical_cross_entropy_index": (
        {"probabilities": SHARES, "labels": INDEX},
        {"class_weights": WEIGHTS, "ignore_index": 0},
        indexed,
    ),
    "softmax_cross_entropy": (
        CLASSES,
        {"class_weights": WEIGHTS, "label_smoothing": 0.25, "temperature": 2.5},
        dense,
    ),
    "linear_softmax_cross_entropy": (
        {"hidden": HIDDEN, "labels": INDEX},
        {
            "weights": MATRIX,
            "class_weights": WEIGHTS,
            "bias": np.array([0.5, -0.25, 0.0, 1.0]),
            "label_smoothing": 0.25,
        },
        linear,
    ),
    "distillation_loss": (
        {"student": LOGITS, "teacher": OTHERS},
        {"temperature": 2.5},
        distillation,
    ),
    "kl_divergence_log_targets": (
        {"log_labels": np.log(LABELS), "log_probabilities": np.log(SHARES)},
        {},
        lambda log_p, log_q: kl(np.exp(log_p), log_q),
    ),
    "generalized_kl_divergence": (
        LOGS,
        {},
        lambda p, log_q: kl(p, log_q) - p.sum(-1) + np.exp(log_q).sum(-1),
    ),
    "jensen_shannon_divergence": (
        {"p": LABELS, "q": SHARES},
        {},
        lambda p, q: (kl(p, np.log((p + q) / 2)) + kl(q, np.log((p + q) / 2))) / 2,
    ),
    "sigmoid_focal_loss": ({"logits": X, "labels": Z}, {"gamma": 3.0, "alpha": 0.25}, focal),
    "softmax_focal_loss": (
        CLASSES,
        {"class_weights": WEIGHTS, "gamma": 3.0, "alpha": 0.25},
        softmax_focal,
    ),
    "hinge_loss": (
        {"logits": X, "labels": np.array([1.0, 1.0, -1.0])},
        {"exponent": 2.0, "margin": 0.75},
        lambda x, y, exponent=1.0, margin=1.0: np.maximum(margin - y * x, 0) ** exponent,
    ),
    "multiclass_margin_loss": (
        {"logits": LOGITS, "labels": INDEX},
        {"class_weights": WEIGHTS, "margin": 0.75, "exponent": 2.0},
        margins,
    ),
    "z_loss": (
        {"logits": LOGITS},
        {"scale": 0.5},
        lambda x, scale=1.0: scale * np.log(np.exp(x).sum(-1)) ** 2,
    ),
    "poly1_cross_entropy": (
        CLASSES,
        {"epsilon": 2.0},
        lambda x, y, epsilon=1.0: (
            dense(x, y) + epsilon * (1 - (y * np.exp(log_softmax(x))).sum(-1))
        ),
    ),
    "poisson_nll": (
        {"log_rates": X, "counts": np.array([2.0, 0.5, 3.0])},
        {},
        lambda x, t: np.exp(x) - t * x,
    ),
    "poisson_nll_rate": (
        {"rates": np.array([0.5, 2.0, 3.5]), "counts": np.array([2.0, 0.5, 3.0])},
        {"add_epsilon": 0.125},
        lambda r, t, add_epsilon=0.0: r - t * np.log(r + add_epsilon),
    ),
    "generalised_cross_entropy": (
        {"logits": LOGITS, "labels": INDEX},
        {"q": 0.5},
        lambda x, k, q=0.7: (1 - np.exp(q * (one_hot(k) * log_softmax(x)).sum(-1))) / q,
    ),
}
