"""Policies of class indices: out of range, negative, ignored, and of which dtype."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from adapters.base import Adapter, Implementation, Task
from conformance.policies.points import (
    CLASS,
    CLASSES,
    ask,
    inputs_of,
    is_index,
    near,
    parameters_of,
    slope,
    unreduced,
)
from conformance.policies.policy import NONE, Answer, Policy
from reference.formats import Floats

ROW, OTHERS = 1, (0, 2, 3)
"""The row that has something wrong with it, and those that have not."""
IGNORED = 1


# An index that is none.


def _ask_index(*indices: int) -> Callable[[Adapter, Implementation], Sequence[Task]]:
    def asked(_: Adapter, implementation: Implementation) -> Sequence[Task]:
        if not is_index(implementation) or not unreduced(implementation):
            return ()
        inputs = inputs_of(implementation)
        every = [np.where(np.arange(len(CLASS)) == ROW, index, CLASS) for index in indices]
        return [ask(implementation, {**inputs, "labels": labels}) for labels in every]

    return asked


def _tell_index(answers: Sequence[Answer]) -> str:
    return " and ".join(dict.fromkeys(_tell_one(answer) for answer in answers))


def _tell_one(answer: Answer) -> str:
    if answer.gradient_raised:
        return "value, gradient raises"
    value, gradient, others = answer.value, answer.gradient, list(OTHERS)
    if not near(value[others], _with_label(answer, 0)[0][others]):
        return "other rows change"
    loss, slopes = value[ROW], gradient[ROW]
    if np.isnan(loss):
        kinds = {"zero": (slopes == 0).all(), "finite": np.isfinite(slopes).all()}
        found = next((kind for kind, holds in kinds.items() if holds), "")
        return f"nan, gradient {found}" if found else "nan"
    if loss == 0 and (slopes == 0).all():
        return "zero"
    return _as_another(answer, float(loss), slopes)


def _with_label(answer: Answer, label: int) -> tuple[Floats, Floats]:
    """The losses and the gradient if the row had this label."""
    labels = answer.call.inputs["labels"].copy()
    labels[ROW] = label
    return answer.truth(labels=labels), answer.truth(slope(answer.implementation), labels=labels)


def _as_another(answer: Answer, loss: float, slopes: Floats) -> str:
    """The option for a number that is not zero: perhaps the loss of another class."""
    index = int(answer.call.inputs["labels"][ROW])
    words = {index % CLASSES: "wraps", min(max(index, 0), CLASSES - 1): "clamps"}
    for label, word in words.items():
        losses, gradients = _with_label(answer, label)
        if near(loss, losses[ROW]):
            return word if near(slopes, gradients[ROW]) else f"{word}, gradient another"
    if loss == 0:
        return "zero, gradient finite" if np.isfinite(slopes).all() else NONE
    return "another number" if np.isfinite(loss) else NONE


INDEX = {
    "raises": "an exception",
    "value, gradient raises": "a value, but an exception for the gradient",
    "nan": "NaN, and NaN in the gradient",
    "nan, gradient finite": "NaN, but a finite gradient: training goes on unaware",
    "nan, gradient zero": "NaN, but a gradient of 0",
    "zero": "the row counts as ignored: loss 0, gradient 0",
    "zero, gradient finite": "loss 0, but a gradient that is not 0",
    "wraps": "the class counted from the end, or modulo the number of classes",
    "wraps, gradient another": "the loss of the class counted from the end, with another gradient",
    "clamps": "the nearest class there is",
    "clamps, gradient another": "the loss of the nearest class, with another gradient",
    "another number": "a finite number that is the loss of no class",
}


def _index_policy(name: str, text: str, *indices: int) -> Policy:
    question = f"What is the loss of a row whose label is {text}?"
    return Policy(name, question, INDEX, _ask_index(*indices), _tell_index, by_mode=True)


# What an ignored row contains.


def _ask_contents(_: Adapter, implementation: Implementation) -> Sequence[Task]:
    needed = "ignore_index" in implementation.names and unreduced(implementation)
    if not is_index(implementation) or not needed:
        return ()
    inputs = inputs_of(implementation)
    name = next(name for name in inputs if name != "labels")
    logits, labels = inputs[name].copy(), CLASS.copy()
    logits[ROW], labels[ROW] = [np.nan, np.inf, 0.0], IGNORED
    labels[2] = 0
    given = parameters_of(implementation, ignore_index=IGNORED)
    return (ask(implementation, {**inputs, name: logits, "labels": labels}, given),)


def _tell_contents(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    value, gradient = answer.value, answer.gradient
    others = list(OTHERS)
    if not (np.isfinite(value[others]).all() and np.isfinite(gradient[others]).all()):
        return "spreads"
    if value[ROW] != 0:
        return "leaks into the value" if (gradient[ROW] == 0).all() else "leaks"
    return "contained" if (gradient[ROW] == 0).all() else "leaks into the gradient"


CONTENTS = Policy(
    "ignored_row_contents",
    "Do an infinity and a NaN among the logits of an ignored row stay without effect?",
    {
        "contained": "the row's loss and gradient are 0",
        "leaks into the gradient": "the row's loss is 0, its gradient is not",
        "leaks into the value": "the row's gradient is 0, its loss is not",
        "leaks": "neither the row's loss nor its gradient is 0",
        "spreads": "other rows change",
        "raises": "an exception",
    },
    _ask_contents,
    _tell_contents,
)


# The dtype of the labels.


def _ask_dtype(dtype: str) -> Callable[[Adapter, Implementation], Sequence[Task]]:
    def asked(_: Adapter, implementation: Implementation) -> Sequence[Task]:
        if not is_index(implementation) or not unreduced(implementation):
            return ()
        if not implementation.public:
            return ()  # a composition takes what its functions take
        return (ask(implementation, {**inputs_of(implementation), "labels": CLASS.astype(dtype)}),)

    return asked


def _tell_dtype(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    right = near(answer.value, answer.truth(labels=CLASS))
    return "accepted" if right else NONE


def _dtype_policy(dtype: str, text: str) -> Policy:
    options = {"accepted": "as if they were int64", "raises": "an exception"}
    question = f"Are {text} accepted as class indices?"
    return Policy(f"index_{dtype}", question, options, _ask_dtype(dtype), _tell_dtype)


POLICIES = (
    _index_policy("invalid_index", "C, or larger", CLASSES, CLASSES + 4),
    _index_policy("negative_index", "-1", -1),
    _index_policy("index_minus_100", "-100, the usual mark of a padded row", -100),
    CONTENTS,
    _dtype_policy("int32", "32-bit integers"),
    _dtype_policy("uint8", "unsigned 8-bit integers"),
    _dtype_policy("float32", "whole numbers in a float type"),
)
