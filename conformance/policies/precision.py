"""Policies of precision: float64, 16-bit types, subnormals, and logits behind a sigmoid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from adapters.base import Adapter, Implementation, Task
from conformance.policies.points import (
    ROWS,
    ask,
    inputs_of,
    near,
    slope,
    truth,
    unreduced,
)
from conformance.policies.policy import NONE, Answer, Policy
from reference.formats import FORMATS, Floats

STEP = 2.0**-40


def _ask_double(_: Adapter, implementation: Implementation) -> Sequence[Task]:
    """Every row twice: the two are equal in float32, and differ in float64."""
    if not unreduced(implementation):
        return ()
    inputs = {name: np.concatenate([a, a]) for name, a in inputs_of(implementation).items()}
    name = slope(implementation).partition(".")[2]
    rows = inputs[name][ROWS:]
    # By different factors: a common one would be lost where shares are divided by their sum.
    inputs[name][ROWS:] = rows * (1 + STEP * np.arange(1, 1 + rows[0].size).reshape(rows[0].shape))
    return (ask(implementation, inputs, dtype="float64"),)


def _tell_double(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    if answer.dtype != "float64":
        return f"gives {answer.dtype}"
    first, second = answer.value[:ROWS], answer.value[ROWS:]
    return "float64" if np.any(first != second) else "float32 inside"


DOUBLE = Policy(
    "float64",
    "Is float64 computed in float64?",
    {
        "float64": "yes: numbers that differ by 2^-40 give different losses",
        "float32 inside": "no: the answer is float64, with the digits of float32",
        "gives float32": "no: the answer is float32",
        "raises": "an exception",
    },
    _ask_double,
    _tell_double,
)
SMALL = 2.0**-130


def _ask_subnormals(_: Adapter, implementation: Implementation) -> Sequence[Task]:
    """A cotangent that is a subnormal number of float32, at an easy point."""
    if not unreduced(implementation) or not implementation.public:
        return ()  # a composition has the arithmetic of its functions
    return (ask(implementation, inputs_of(implementation), upstream=SMALL),)


def _tell_subnormals(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    quantity = slope(answer.implementation)
    gradient = answer.gradient
    one = replace(answer.call, upstream=answer.call.upstream / np.float32(SMALL))
    expected = truth(one, quantity)
    alive = np.abs(expected) > 2**-6
    if not alive.any():
        return f"the gradient is {expected.tolist()}"
    if (gradient[alive] == 0).all():
        return "flushed"
    kept = near(gradient[alive] / SMALL, expected[alive])
    return "kept" if kept else NONE


SUBNORMALS = Policy(
    "subnormals",
    "Does a gradient stay that is a subnormal number of float32 (an upstream gradient of 2^-130)?",
    {"kept": "yes", "flushed": "no: it is 0", "raises": "an exception"},
    _ask_subnormals,
    _tell_subnormals,
    by_mode=True,
)


SCALES = (1.0, 0.93, 0.81, 0.77, 0.66, 0.54, 0.47, 0.31)


def _ask_half(_: Adapter, implementation: Implementation) -> Sequence[Task]:
    if not unreduced(implementation) or not implementation.public:
        return ()  # a composition has the arithmetic of its functions
    name = slope(implementation).partition(".")[2]
    inputs = {
        other: np.concatenate([a * f if other == name else a for f in SCALES])
        for other, a in inputs_of(implementation).items()
    }
    return (ask(implementation, inputs, dtype="bfloat16"),)


def _tell_half(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    once = (
        _once(answer.value, answer.truth()),
        _once(answer.gradient, answer.truth(slope(answer.implementation))),
    )
    words = {
        (True, True): "once",
        (True, False): "once in the value",
        (False, True): "once in the gradient",
        (False, False): "at every step",
    }
    return words[once]


def _once(got: Floats, expected: Floats) -> bool:
    """Whether every output is the truth rounded once, from something much finer."""
    ulps = np.abs(got - expected) / FORMATS["bfloat16"].ulp(expected)
    return bool((ulps <= 0.5 + 2**-6).all())


HALF = Policy(
    "half_precision",
    "Are results in a 16-bit type rounded to it once, or at every step of the computation?",
    {
        "once": "once: what is inside has more precision",
        "once in the value": "the value once, the gradient at every step",
        "once in the gradient": "the gradient once, the value at every step",
        "at every step": "at every step: what is inside is 16 bits wide, too",
        "raises": "an exception",
    },
    _ask_half,
    _tell_half,
)


TILES = 512


def _ask_half_sum(_: Adapter, implementation: Implementation) -> Sequence[Task]:
    """The losses of four rows, and the sum of more than a 16-bit sum can take."""
    names, known = implementation.names, implementation.reductions
    if "reduction" not in names or not {"none", "sum"} <= set(known):
        return ()
    few = inputs_of(implementation)
    many = {name: np.concatenate([a] * TILES) for name, a in few.items()}
    return (
        ask(implementation, few, dtype="bfloat16", gradients=False),
        ask(implementation, many, dtype="bfloat16", reduction="sum", gradients=False),
    )


def _tell_half_sum(answers: Sequence[Answer]) -> str:
    few, many = answers
    if many.value.ndim:
        return NONE
    # Losses may be rounded before they are summed, or not.
    ends = sorted([TILES * float(few.value.sum()), TILES * float(truth(few.call).sum())])
    half = 0.51 * float(FORMATS["bfloat16"].ulp(np.array(ends[1])))
    return "wide" if ends[0] - half <= float(many.value) <= ends[1] + half else "16 bits"


HALF_SUM = Policy(
    "half_sum",
    "How wide is the sum of many losses in a 16-bit type?",
    {
        "wide": "wider than 16 bits, rounded once at the end",
        "16 bits": "16 bits: terms are lost",
        "raises": "an exception",
    },
    _ask_half_sum,
    _tell_half_sum,
)

# A loss of probabilities may look behind them, where it finds the logits they were made of.

HIDDEN = re.compile(r"cross_?entropy.*\.(sigmoid|softmax)\(", re.IGNORECASE)
FAR = 60.0


def _ask_hidden(_: Adapter, implementation: Implementation) -> Sequence[Task]:
    """A loss of 60 from logits, of which the probabilities know nothing any more."""
    if not HIDDEN.search(implementation.code) or not unreduced(implementation):
        return ()
    inputs = inputs_of(implementation)
    if set(inputs) != {"logits", "labels"}:
        return ()
    logits, labels = inputs["logits"].copy(), inputs["labels"].copy()
    if logits.ndim == 1:
        logits[0], labels[0] = FAR, 0.0
    else:
        logits[0] = [FAR, 0.0, 0.0]
        labels[0] = 1 if labels.dtype == np.int64 else [0.0, 1.0, 0.0]
    return (ask(implementation, {**inputs, "logits": logits, "labels": labels}),)


def _tell_hidden(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    return "recovered" if near(answer.value[0], FAR) else "lost"


HIDDEN_LOGITS = Policy(
    "hidden_logits",
    "Does a loss of probabilities find the logits that a sigmoid or softmax made them of?",
    {
        "recovered": "yes: it computes the loss of the logits",
        "lost": "no: the probabilities are all it knows",
        "raises": "an exception",
    },
    _ask_hidden,
    _tell_hidden,
    by_mode=True,
)

POLICIES = (DOUBLE, HALF, HALF_SUM, SUBNORMALS, HIDDEN_LOGITS)
