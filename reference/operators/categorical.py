"""Categorical cross entropy from probabilities, which the frameworks normalise and clip."""

from __future__ import annotations

from typing import Any

from reference.operator import Input, Model, Operator
from reference.operators.cross_entropy import index_targets, kept_weight, soft_targets
from reference.operators.softmax import alone
from reference.running import Arithmetic, weighted
from reference.tape import Labels, Scalar, Vector, clip, log, total, where, xlogy

BEFORE, AFTER = "before_clip", "after_clip"


def categorical_cross_entropy(
    probabilities: Vector,
    labels: Vector,
    class_weights: Vector | None = None,
    normalise: str = "no",
    clip_epsilon: Scalar = 0,
) -> Vector:
    terms = xlogy(labels, prepared(probabilities, normalise, clip_epsilon))
    return -total(terms if class_weights is None else terms * class_weights)


def categorical_cross_entropy_index(
    probabilities: Vector,
    labels: Labels,
    class_weights: Vector | None = None,
    normalise: str = "no",
    clip_epsilon: Scalar = 0,
) -> Vector:
    loss = -log(prepared(probabilities, normalise, clip_epsilon)[labels])
    loss = loss if class_weights is None else loss * class_weights[labels]
    return where(labels.kept, loss, 0)


def prepared(p: Vector, normalise: str, clip_epsilon: Scalar) -> Vector:
    """Divided by their sum and clipped to [epsilon, 1 - epsilon], in either order."""
    p = p / total(p) if normalise == BEFORE else p
    p = p if clip_epsilon == 0 else clip(p, clip_epsilon, 1 - clip_epsilon)
    return p / total(p) if normalise == AFTER else p


# Model algorithms (see reference/running.py).


def clipped(a: Arithmetic, p: Any, epsilon: Any) -> Any:
    return a.clip(p, epsilon, 1 - epsilon)


def free(a: Arithmetic, p: Any, epsilon: Any) -> Any:
    """1 for numbers between epsilon and 1 - epsilon, 0 for those that are clipped."""
    return a.step(p - epsilon) * a.step((1 - p) - epsilon)


def strict_log_share(a: Arithmetic, p: Any) -> Any:
    """ln(p / sum p); of the largest by the sum of the others."""
    first = a.largest(p)
    rest = a.total(a.where(first, 0.0, p))
    return a.where(first, -a.log1p(rest / p), log_share(a, p))


SMALL = 2.0**-60
"""Below, a quotient may lose its digits, and the logarithms do not cancel."""


def log_share(a: Arithmetic, p: Any) -> Any:
    whole = a.total(p)
    small = p / whole - SMALL < 0
    return a.where(small, a.log(p) - a.log(whole), a.log(a.where(small, 1.0, p / whole)))


def strict_logs(a: Arithmetic, p: Any, normalise: str = "no", clip_epsilon: Any = None) -> Any:
    if clip_epsilon is not None and normalise == AFTER:
        return strict_log_share(a, clipped(a, p, clip_epsilon))
    logs = a.log(p) if normalise == "no" else strict_log_share(a, p)
    if clip_epsilon is None:
        return logs
    return a.clip(logs, a.log(clip_epsilon), a.log1p(-clip_epsilon))


def baseline_logs(a: Arithmetic, p: Any, normalise: str = "no", clip_epsilon: Any = None) -> Any:
    if normalise == BEFORE and clip_epsilon is None:
        return log_share(a, p)
    p = p / a.total(p) if normalise == BEFORE else p
    p = p if clip_epsilon is None else clipped(a, p, clip_epsilon)
    if normalise != AFTER:
        return a.log(p)
    return a.any_of(log_share(a, p), a.log(p) - a.log(a.total(p)))


def value(logs: Model, targets: Model) -> Model:
    """-sum_c t_c ln p_c."""

    def model(a: Arithmetic, p: Any, labels: Any, class_weights: Any = None, **policy: Any) -> Any:
        return -a.total(
            weighted(a, targets(a, labels, class_weights=class_weights), logs(a, p, **policy))
        )

    return model


def by_labels(logs: Model) -> Model:
    """-w_c ln p_c."""

    def model(a: Arithmetic, p: Any, _labels: Any, class_weights: Any = None, **policy: Any) -> Any:
        losses = -logs(a, p, **policy)
        return losses if class_weights is None else weighted(a, class_weights, losses)

    return model


def by_probabilities(slope: Model, targets: Model) -> Model:
    """-t_c / p_c, and t summed over all classes / sum p if the numbers are normalised."""

    def model(
        a: Arithmetic,
        p: Any,
        labels: Any,
        class_weights: Any = None,
        normalise: str = "no",
        clip_epsilon: Any = None,
    ) -> Any:
        t = targets(a, labels, class_weights=class_weights)
        if clip_epsilon is None:
            return -quotient(a, t, p) if normalise == "no" else slope(a, p, t)
        if normalise == BEFORE:
            return slope(a, p, weighted(a, free(a, p / a.total(p), clip_epsilon), t))
        q = clipped(a, p, clip_epsilon)
        found = -quotient(a, t, q) if normalise == "no" else slope(a, q, t)
        return weighted(a, free(a, p, clip_epsilon), found)

    return model


def quotient(a: Arithmetic, t: Any, p: Any) -> Any:
    return a.where(a.zero(t), 0.0, t / p)


def share_slope(a: Arithmetic, p: Any, t: Any) -> Any:
    return a.total(t) / a.total(p) - quotient(a, t, p)


def strict_share_slope(a: Arithmetic, p: Any, t: Any) -> Any:
    """The same; for the only target by the sum of the other numbers."""
    others = a.total(a.where(a.zero(t), p, 0.0))
    return a.where(alone(a, t), -t * (others / a.total(p)) / p, share_slope(a, p, t))


def baseline_share_slope(a: Arithmetic, p: Any, t: Any) -> Any:
    """The same, or with the quotient by the share first."""
    whole = a.total(p)
    share = a.where(p / whole - SMALL < 0, SMALL, p / whole)
    slope = a.where(p / whole - SMALL < 0, quotient(a, t, p), quotient(a, t, share) / whole)
    return a.any_of(share_slope(a, p, t), a.total(t) / whole - slope)


def models(logs: Model, slope: Model, targets: Model, soft: bool) -> dict[str, Model]:
    found = {
        "value": value(logs, targets),
        "gradient.probabilities": by_probabilities(slope, targets),
    }
    return {**found, "gradient.labels": by_labels(logs)} if soft else found


PROBABILITIES = Input("probabilities", "vector", (0.0, 1.0))
WORDS = {"normalise": ("no", BEFORE, AFTER)}
POLICY = {"normalise": "no", "clip_epsilon": 0.0}
STRICT = (strict_logs, strict_share_slope)
BASELINE = (baseline_logs, baseline_share_slope)

OPERATORS = (
    Operator(
        "categorical_cross_entropy",
        (PROBABILITIES, Input("labels", "vector")),
        "scalar",
        categorical_cross_entropy,
        "-sum_c w_c y_c ln p_c, 0 ln 0 = 0",
        parameters={"class_weights": None, **POLICY},
        arrays=("class_weights",),
        words=WORDS,
        kinks=True,
        strict=models(*STRICT, soft_targets, soft=True),
        baseline=models(*BASELINE, soft_targets, soft=True),
        derivatives={
            "probabilities": "-w_j y_j / p_j",
            "labels": "-w_j ln p_j",
            "class_weights": "-y_j ln p_j",
            "probabilities probabilities": "delta_{i j} w_j y_j / p_j^2",
            "probabilities labels": "-delta_{i j} w_j / p_j",
            "labels labels": "0",
        },
    ),
    Operator(
        "categorical_cross_entropy_index",
        (PROBABILITIES, Input("labels", "index")),
        "scalar",
        categorical_cross_entropy_index,
        "-w_k ln p_k",
        parameters={"class_weights": None, "ignore_index": None, **POLICY},
        arrays=("class_weights",),
        words=WORDS,
        kinks=True,
        weight=kept_weight,
        strict=models(*STRICT, index_targets, soft=False),
        baseline=models(*BASELINE, index_targets, soft=False),
        derivatives={
            "probabilities": "-delta_{j k} w_k / p_k",
            "class_weights": "-delta_{j k} ln p_k",
            "probabilities probabilities": "delta_{i k} delta_{j k} w_k / p_k^2",
        },
    ),
)
