"""Problems of the losses and divergences of rows of classes beside the plain cross entropy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reference.formats import FORMATS, Floats
from reference.problem import Problem
from tests.families import problem, rounded, rows, targets

EPSILON = 1e-3
HIDDEN = 2
"""Few products in each sum, so that the worst case of a sum is met."""


def classwise(dtype: str, count: int, classes: int, seed: int) -> Iterator[Problem]:
    """Problems of the operators on rows of classes, each with 5 `count` rows."""
    target, rng = FORMATS[dtype], np.random.default_rng(seed + 1000)
    x, y = rows(target, rng, count, classes), rows(target, rng, count, classes)
    index, soft = rng.integers(0, classes, len(x)), targets(target, rng, x)
    weights = rng.uniform(0.1, 2, classes)
    hard, dense = {"logits": x, "labels": index}, {"logits": x, "labels": soft}
    mask = rng.random(x.shape) < 0.7
    mask[np.arange(len(x)), index] = True
    for name in ("softmax", "log_softmax", "logsumexp"):
        yield problem(name, dtype, {"logits": x}, mask=mask)
    yield problem("softmax_cross_entropy", dtype, dense, mask=mask, label_smoothing=0.1)
    yield problem("softmax_cross_entropy", dtype, dense, temperature=2.7)
    name = "softmax_cross_entropy_index"
    yield problem(name, dtype, hard, mask=mask, temperature=0.3, class_weights=weights)
    yield problem(name, dtype, hard, temperature=2.7)
    p = rounded(target, np.maximum(rng.dirichlet(np.ones(classes), len(x)), 1e-4))
    p = np.where(p == rounded(target, np.array(EPSILON)), 0.5, p)  # a tie has two derivatives
    shares = {"probabilities": p, "labels": soft}
    yield problem("categorical_cross_entropy", dtype, shares, class_weights=weights)
    yield problem("categorical_cross_entropy", dtype, shares, normalise="before_clip")
    name, picked = "categorical_cross_entropy_index", {"probabilities": p, "labels": index}
    yield problem(name, dtype, picked, normalise="after_clip", clip_epsilon=EPSILON)
    yield problem(
        name, dtype, picked, normalise="before_clip", clip_epsilon=EPSILON, ignore_index=0
    )
    if classes < 100:  # whose matrix is the same for all rows
        hidden = rounded(target, rng.normal(size=(len(x), HIDDEN)) * 3)
        matrix, bias = rng.normal(size=(classes, HIDDEN)), rng.normal(size=classes)
        name, layer = "linear_softmax_cross_entropy", {"hidden": hidden, "labels": index}
        yield problem(name, dtype, layer, weights=matrix, bias=bias)
        yield problem(name, dtype, {"hidden": x, "labels": index})
        yield problem(name, dtype, layer, "mean", weights=matrix, label_smoothing=0.1)
    q = near(rng, p, seed)
    yield problem("jensen_shannon_divergence", dtype, {"p": p, "q": q})
    logs = {"log_labels": np.log(p), "log_probabilities": np.log(q)}
    yield problem("kl_divergence_log_targets", dtype, logs)
    masses = {"labels": p, "log_probabilities": np.log(q)}
    yield problem("generalized_kl_divergence", dtype, masses)
    for gamma in (0.0, 0.5, 2.0):
        options = {"gamma": gamma, "alpha": 0.3, "class_weights": weights}
        yield problem("softmax_focal_loss", dtype, dense, **options)
    yield problem("z_loss", dtype, {"logits": x}, scale=0.1)
    yield problem("poly1_cross_entropy", dtype, dense, epsilon=1.7)
    yield problem("multiclass_margin_loss", dtype, hard, margin=0.3, class_weights=weights)
    yield problem("multiclass_margin_loss", dtype, hard, margin=0.3, exponent=2.0)
    yield problem("generalised_cross_entropy", dtype, hard, q=0.7)
    yield problem("distillation_loss", dtype, {"student": x, "teacher": y}, temperature=2.7)
    student = rounded(target, y * (1 + 2.0**-6 * rng.normal(size=y.shape)))
    yield problem("distillation_loss", dtype, {"student": student, "teacher": y})


def near(rng: np.random.Generator, p: Floats, seed: int) -> Floats:
    """Probabilities close to p in one row of two, and anywhere in the others."""
    other = np.maximum(rng.dirichlet(np.ones(p.shape[1]), len(p)), 1e-4)
    close = p * (1 + 0.01 * rng.normal(size=p.shape))
    return np.where((np.arange(len(p)) + seed)[:, None] % 2 == 0, close, other)


def extremes(dtype: str, x: Floats) -> Iterator[Problem]:
    """The same at the ends of the range: rows of three of the numbers x."""
    left, right = (v.ravel() for v in np.meshgrid(x, x))
    thirds = np.stack([left, right, np.resize(x, left.size)], axis=1)
    index = np.arange(left.size) % 3
    soft = np.resize([[0.25, 0.5, 0.25], [0, 1, 0], [1, 0, 0], [0, 0.1, 0.9]], thirds.shape)
    hard, dense = {"logits": thirds, "labels": index}, {"logits": thirds, "labels": soft}
    mask = np.resize([[True, True, False], [False, True, True], [True] * 3], thirds.shape)
    for name in ("softmax", "log_softmax", "logsumexp"):
        yield problem(name, dtype, {"logits": thirds}, mask=mask)
    yield problem("softmax_cross_entropy", dtype, dense, mask=mask, temperature=2.7)
    yield problem("softmax_cross_entropy_index", dtype, hard, temperature=2.7)
    yield problem("softmax_cross_entropy_index", dtype, hard, mask=mask, label_smoothing=0.1)
    for gamma in (0.0, 0.5, 2.0):
        yield problem("softmax_focal_loss", dtype, dense, gamma=gamma)
    yield problem("z_loss", dtype, {"logits": thirds})
    yield problem("poly1_cross_entropy", dtype, dense)
    yield problem("multiclass_margin_loss", dtype, hard, margin=0.3)
    root = np.sqrt(FORMATS[dtype].max) / 4  # the square of a rounded margin has to be a number
    small = {"logits": np.clip(thirds, -root, root), "labels": index}
    yield problem("multiclass_margin_loss", dtype, small, margin=0.3, exponent=2.0)
    yield problem("generalised_cross_entropy", dtype, hard)
    lower = thirds / 1024  # their products by the temperature have to be numbers too
    other = {"student": lower, "teacher": np.roll(lower, 1, axis=0)}
    yield problem("distillation_loss", dtype, other, temperature=2.7)
    matrix = [[1.0, -0.5, 0.25], [0.3, 0.1, -2.0]]
    layer = {"hidden": lower, "labels": index % 2}
    yield problem("linear_softmax_cross_entropy", dtype, layer, weights=np.array(matrix))
    below = np.minimum(thirds, 4.0)
    logs = {"log_labels": below, "log_probabilities": np.roll(below, 1, axis=0)}
    yield problem("kl_divergence_log_targets", dtype, logs)
    masses = {"labels": soft + 0.1, "log_probabilities": below}
    yield problem("generalized_kl_divergence", dtype, masses)
    p = np.clip(np.abs(thirds), FORMATS[dtype].subnormal, 1.0)
    yield problem("jensen_shannon_divergence", dtype, {"p": p, "q": np.roll(p, 1, axis=0)})
    for policy in ({}, {"normalise": "before_clip"}, {"normalise": "after_clip"}):
        shares = {"probabilities": p, "labels": soft}
        yield problem("categorical_cross_entropy", dtype, shares, **policy)
    yield problem("categorical_cross_entropy", dtype, shares, clip_epsilon=EPSILON)
