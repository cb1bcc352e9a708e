"""Policies of whole batches: what a mean divides by, and batches in which nothing is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from adapters.base import Adapter, Call, Implementation, Task
from conformance.policies.points import (
    CLASS,
    CLASSES,
    SIGNED,
    as_it_is,
    ask,
    averages,
    inputs_of,
    is_index,
    is_loss,
    near,
    operator_of,
    parameters_of,
    truth,
)
from conformance.policies.policy import NONE, Answer, Policy

KEPT, WEIGHTS = np.array([0, 1, 0, 2]), np.array([1.4, 0.5, 0.0])
IGNORED = 1
FACTORS = np.array([1.0, 0.5, 0.25])


# What the mean divides by.


def _ask_mean(_: Adapter, implementation: Implementation) -> Sequence[Task]:
    """A batch in which every divisor is another number: one class ignored, one of weight zero."""
    if not averages(implementation):
        return ()
    inputs = inputs_of(implementation)
    if is_index(implementation):
        inputs["labels"] = KEPT
    if operator_of(implementation).output == "elementwise":
        signs = implementation.operator in SIGNED
        inputs = {
            name: np.outer(a, np.ones(CLASSES) if signs and name == "labels" else FACTORS)
            for name, a in inputs.items()
        }
    given = parameters_of(implementation, class_weights=WEIGHTS, ignore_index=IGNORED)
    return (ask(as_it_is(implementation), inputs, given, reduced=True, gradients=False),)


def _divisors(answer: Answer) -> dict[str, float]:
    """Option -> what it divides by in this batch."""
    call = answer.call
    labels = call.inputs.get("labels", KEPT)
    first = next(iter(call.inputs.values()))
    found = {"elements": float(first.size), "rows": float(len(first))}
    if labels.dtype == np.int64:
        kept = labels != call.parameters.get("ignore_index")
        found["kept rows"] = float(kept.sum())
        if "class_weights" in call.parameters:
            weights = call.parameters["class_weights"].astype(np.float64)[labels] * kept
            found["class weights"] = float(weights.sum())
            found["non-zero weights"] = float((weights != 0).sum())
    return found


def _tell_mean(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    if answer.value.ndim:
        return "no mean"
    total = float(truth(_losses(answer)).sum())
    if near(answer.value, total):
        return "sum"
    divisor = total / float(answer.value)
    # What coincides in this batch is named by the simpler word, which stands first.
    for option, number in _divisors(answer).items():
        if near(divisor, number):
            return option
    return f"the sum of the losses is {total:.6g}, divided by {divisor:.6g}"


def _losses(answer: Answer) -> Call:
    """The call with every loss for itself."""
    call = answer.call
    operator = operator_of(answer.implementation)
    first = call.inputs[operator.inputs[0].name]
    shape = first.shape[:-1] if operator.output == "scalar" else first.shape
    return replace(call, upstream=np.ones(shape, first.dtype))


MEAN = Policy(
    "mean_divisor",
    "What does the mean, the default reduction, divide the sum of the losses by?",
    {
        "elements": "the number of numbers in the input (rows times classes)",
        "rows": "the number of rows, whatever their weight and whether they are ignored",
        "kept rows": "the number of rows that are not ignored",
        "class weights": "the sum of the class weights of the rows that are kept",
        "non-zero weights": "the number of rows whose weight is not zero",
        "no mean": "nothing: it gives the losses",
        "raises": "an exception",
        "sum": "nothing: it gives their sum",
    },
    _ask_mean,
    _tell_mean,
)


# Batches in which nothing is left.


def _ask_all_ignored(_: Adapter, implementation: Implementation) -> Sequence[Task]:
    if not is_index(implementation) or "ignore_index" not in implementation.names:
        return ()
    inputs = {**inputs_of(implementation), "labels": np.full(len(CLASS), IGNORED)}
    given = parameters_of(implementation, ignore_index=IGNORED)
    reduced = averages(implementation)
    return (ask(as_it_is(implementation), inputs, given, reduced=reduced),)


def _ask_zero_weights(_: Adapter, implementation: Implementation) -> Sequence[Task]:
    if "class_weights" not in implementation.names:
        return ()
    given = parameters_of(implementation, class_weights=np.zeros(CLASSES))
    reduced = averages(implementation)
    return (ask(as_it_is(implementation), inputs_of(implementation), given, reduced=reduced),)


def _tell_nothing_left(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    value, gradient = answer.value, answer.gradient
    told = [
        "nan" if np.isnan(a).any() else "zero" if (a == 0).all() else "not zero"
        for a in (value, gradient)
    ]
    return told[0] if told[0] == told[1] else f"{told[0]}, gradient {told[1]}"


NOTHING = {
    "nan": "NaN, and NaN for a gradient (0 / 0)",
    "zero": "0, and 0 for a gradient",
    "nan, gradient zero": "NaN, but a gradient of 0",
    "zero, gradient nan": "0, but NaN for a gradient",
    "zero, gradient not zero": "0, but a gradient that is not 0",
    "not zero": "a loss that is not 0: nothing is left out",
    "raises": "an exception",
}
ALL_IGNORED = Policy(
    "all_ignored",
    "What is the loss of a batch in which every label is ignored?",
    NOTHING,
    _ask_all_ignored,
    _tell_nothing_left,
)
ZERO_WEIGHTS = Policy(
    "zero_weights",
    "What is the loss of a batch in which every class weight is zero?",
    NOTHING,
    _ask_zero_weights,
    _tell_nothing_left,
)


def _ask_empty(_: Adapter, implementation: Implementation) -> Sequence[Task]:
    if not is_loss(implementation) or not (implementation.public or averages(implementation)):
        return ()  # a composition that does not average gives what its functions give
    inputs = {name: a[:0] for name, a in inputs_of(implementation).items()}
    return (ask(as_it_is(implementation), inputs, gradients=False),)


def _tell_empty(answers: Sequence[Answer]) -> str:
    value = answers[0].value
    if value.size == 0:
        return "empty"
    if value.ndim:
        return NONE
    return "nan" if np.isnan(value) else "zero" if value == 0 else "a number"


EMPTY = Policy(
    "empty_batch",
    "What is the loss of a batch without rows?",
    {
        "nan": "NaN (0 / 0)",
        "zero": "0",
        "empty": "an array without elements",
        "a number": "a number that is neither: of what nobody has written into memory",
        "raises": "an exception",
    },
    _ask_empty,
    _tell_empty,
)

POLICIES = (MEAN, ALL_IGNORED, ZERO_WEIGHTS, EMPTY)
