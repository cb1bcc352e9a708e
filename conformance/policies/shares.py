"""Policies of soft labels: rows that do not sum to 1, 0 * inf, and smoothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adapters.base import Adapter, Array, Implementation, Task
from conformance.policies.points import (
    CLASS,
    CLASSES,
    LOGITS,
    ONE_HOT,
    SHARES,
    ask,
    hard,
    inputs_of,
    near,
    parameters_of,
    unreduced,
)
from conformance.policies.policy import NONE, Answer, Policy

SUM = 1.5
ALPHA = 0.3
SOFTMAX = np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)
CLASS_WEIGHTS = np.array([1.75, 0.5, 1.25])


# Rows that do not sum to 1.


def _ask_sum(_: Adapter, implementation: Implementation) -> Sequence[Task]:
    if implementation.operator != "softmax_cross_entropy" or not unreduced(implementation):
        return ()
    inputs = {**inputs_of(implementation), "labels": SUM * SHARES}
    given = parameters_of(implementation, class_weights=np.ones(CLASSES))
    return (ask(implementation, inputs, given),)


def _tell_sum(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    gradient = answer.gradient
    options = {
        "as they are": SUM * (SOFTMAX - SHARES),
        "taken to sum to 1": SOFTMAX - SUM * SHARES,
        "normalised": SOFTMAX - SHARES,
    }
    told = [word for word, expected in options.items() if near(gradient, expected)]
    return told[0] if told else NONE


LABEL_SUM = Policy(
    "label_sum",
    "What is the gradient where the soft labels of a row do not sum to 1?",
    {
        "as they are": "sum(y) softmax(x) - y, the gradient of -sum(y log softmax(x))",
        "taken to sum to 1": "softmax(x) - y, which is the gradient of no function of x",
        "normalised": "softmax(x) - y / sum(y)",
        "raises": "an exception",
    },
    _ask_sum,
    _tell_sum,
)


# Zero times infinity: a label of 0 where the logarithm is that of 0.


def _zero_shares(operator: str) -> dict[str, Array] | None:
    """Inputs with a logarithm of 0 where the label is 0, in one place of every row."""
    masked = np.where(ONE_HOT[:, ::-1] * (1 - ONE_HOT) > 0, -np.inf, LOGITS)
    masked[1, 2] = masked[2, 0] = -np.inf
    shares = np.exp(masked) / np.exp(masked).sum(-1, keepdims=True)
    if operator in ("softmax_cross_entropy", "softmax_focal_loss", "poly1_cross_entropy"):
        return {"logits": masked, "labels": ONE_HOT}
    if operator in ("cross_entropy", "categorical_cross_entropy"):
        return {"probabilities": shares, "labels": ONE_HOT}
    if operator in ("kl_divergence", "generalized_kl_divergence"):
        with np.errstate(divide="ignore"):
            return {"log_probabilities": np.log(shares), "labels": ONE_HOT}
    if operator == "binary_cross_entropy":
        ends = np.array([0.0, 1.0, 0.0, 1.0])
        return {"probabilities": ends, "labels": ends}
    return None


def _ask_zero(_: Adapter, implementation: Implementation) -> Sequence[Task]:
    inputs = _zero_shares(implementation.operator)
    if inputs is None or not unreduced(implementation):
        return ()
    return (ask(implementation, inputs),)


def _tell_zero(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    value, gradient = answer.value, answer.gradient
    first, second = (
        "nan" if np.isnan(a).any() else "finite" if np.isfinite(a).all() else "infinite"
        for a in (value, gradient)
    )
    first = "zero" if first == "finite" else first
    alike = (first, second) in (("zero", "finite"), ("nan", "nan"))
    return first if alike else f"{first}, gradient {second}"


ZERO_TIMES_INFINITY = Policy(
    "zero_times_infinity",
    "What is 0 * log(0), where a label of 0 meets a probability of 0?",
    {
        "zero": "0: value and gradient are finite",
        "nan": "NaN, and NaN in the gradient",
        "zero, gradient nan": "0, but NaN in the gradient",
        "nan, gradient finite": "NaN, but a finite gradient",
        "zero, gradient infinite": "0, but an infinite gradient",
        "nan, gradient infinite": "NaN, and an infinite gradient",
        "infinite, gradient nan": "an infinite value, and NaN in the gradient",
        "raises": "an exception",
    },
    _ask_zero,
    _tell_zero,
)


# Label smoothing.


def _ask_smoothing(_: Adapter, implementation: Implementation) -> Sequence[Task]:
    names, known = implementation.names, ("sigmoid", "softmax")
    wanted = implementation.operator.startswith(known) and "label_smoothing" in names
    if not wanted or not unreduced(implementation):
        return ()
    given = parameters_of(implementation, label_smoothing=ALPHA)
    if "class_weights" in given:
        given["class_weights"] = np.ones(CLASSES)
    return (ask(implementation, hard(implementation), given),)


def _tell_smoothing(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    gradient = answer.gradient
    logits = answer.call.inputs["logits"].astype(np.float64)
    hard, classes = answer.call.inputs["labels"].astype(np.float64), CLASSES
    if gradient.ndim == 1:
        softmax, classes = 1 / (1 + np.exp(-logits)), 2
    else:
        softmax = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        hard = ONE_HOT
    targets = softmax - gradient
    others = ALPHA / (classes - 1)
    told = {
        "over all classes": (1 - ALPHA) * hard + ALPHA / classes,
        "over the other classes": (1 - ALPHA) * hard + others * (1 - hard),
        "none": hard,
    }
    found = [word for word, expected in told.items() if near(targets, expected)]
    return found[0] if found else f"the label {targets[0].tolist()}"


SMOOTHING = Policy(
    "smoothing",
    "Where does label smoothing put the share a that it takes from the label?",
    {
        "over all classes": "a / C on every class, the label's own among them (a / 2 for two)",
        "over the other classes": "a / (C - 1) on every class but the label's own",
        "none": "nowhere: the label stays as it is",
        "raises": "an exception",
    },
    _ask_smoothing,
    _tell_smoothing,
)


def _ask_smoothing_weights(_: Adapter, implementation: Implementation) -> Sequence[Task]:
    needed = {"label_smoothing", "class_weights"} <= implementation.names
    known = implementation.operator.startswith("softmax_cross_entropy")
    if not needed or not known or not unreduced(implementation):
        return ()
    given = parameters_of(implementation, label_smoothing=ALPHA, class_weights=CLASS_WEIGHTS)
    return (ask(implementation, hard(implementation), given),)


def _tell_smoothing_weights(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    targets = (1 - ALPHA) * ONE_HOT + ALPHA / CLASSES
    losses = -targets * np.log(SOFTMAX)
    own = CLASS_WEIGHTS[CLASS]
    hard = -np.log(SOFTMAX)[range(len(CLASS)), CLASS] * own
    even = -np.log(SOFTMAX).mean(-1)
    options: dict[str, Any] = {
        "of every class": (losses * CLASS_WEIGHTS).sum(-1),
        "of the label": losses.sum(-1) * own,
        "of the label's own share": (1 - ALPHA) * hard + ALPHA * even,
    }
    told = [word for word, expected in options.items() if near(answer.value, expected)]
    return told[0] if told else NONE


SMOOTHING_WEIGHTS = Policy(
    "smoothing_weights",
    "With class weights, which weight has the share that label smoothing spreads?",
    {
        "of every class": "each class's share has the weight of that class",
        "of the label": "the whole loss has the weight of the label's class",
        "of the label's own share": "the weights act on the label's own share alone",
        "raises": "an exception",
    },
    _ask_smoothing_weights,
    _tell_smoothing_weights,
)


POLICIES = (LABEL_SUM, ZERO_TIMES_INFINITY, SMOOTHING, SMOOTHING_WEIGHTS)
