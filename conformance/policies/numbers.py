"""Policies of numbers: domains, clipping, kinks, precision inside, subnormals, float64."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adapters.base import Adapter, Array, Implementation, Task
from conformance.policies.points import (
    ask,
    inputs_of,
    near,
    parameters_of,
    unreduced,
)
from conformance.policies.policy import NONE, Answer, Policy
from reference.formats import Floats

# Probabilities outside of [0, 1], and at its ends.


def _of_probabilities(implementation: Implementation, shares: Sequence[float]) -> Task | None:
    """Labels of 1 at these probabilities, one a row; None for another kind of operator."""
    column = np.array(shares)
    if implementation.operator == "binary_cross_entropy":
        inputs: dict[str, Array] = {"probabilities": column, "labels": np.ones(len(column))}
    elif implementation.operator in ("cross_entropy", "categorical_cross_entropy", "kl_divergence"):
        rest = (1 - column) / 2
        rows = np.stack([column, rest, rest], axis=-1)
        inputs = {"probabilities": rows, "labels": np.tile([1.0, 0.0, 0.0], (len(column), 1))}
        if implementation.operator == "kl_divergence":
            with np.errstate(divide="ignore"):
                inputs = {
                    "log_probabilities": np.log(rows),
                    "labels": np.tile(MOST, (len(rows), 1)),
                }
    else:
        return None
    return ask(implementation, inputs) if unreduced(implementation) else None


def _ask_domain(_: Adapter, implementation: Implementation) -> Sequence[Task]:
    if implementation.operator == "kl_divergence":
        return ()  # logarithms of probabilities cannot be negative ones
    task = _of_probabilities(implementation, [0.3, -0.25, 0.6, 0.2])
    return () if task is None else (task,)


def _tell_domain(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    loss = answer.value[1]
    return "nan" if np.isnan(loss) else "clips" if np.isfinite(loss) else "infinite"


DOMAIN = Policy(
    "probability_domain",
    "What is the loss at a probability of -0.25?",
    {
        "raises": "an exception",
        "nan": "NaN, the logarithm of a negative number",
        "clips": "a finite number: the probability is clipped, or the logarithm is",
        "infinite": "infinity",
    },
    _ask_domain,
    _tell_domain,
    by_mode=True,
)
MOST = np.array([0.8, 0.1, 0.1])
"""Labels without a zero, for a divergence that would take its logarithm."""
EPSILONS = (1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 2.0**-23)


def _ask_clipping(_: Adapter, implementation: Implementation) -> Sequence[Task]:
    task = _of_probabilities(implementation, [0.0, *EPSILONS])
    return () if task is None else (task,)


def _ask_zero_probability(adapter: Adapter, implementation: Implementation) -> Sequence[Task]:
    if implementation.operator == "kl_divergence":
        return ()  # its gradient is by the logarithm
    return _ask_clipping(adapter, implementation)


def _logarithms(answer: Answer) -> Floats:
    """Minus the logarithm of what takes the place of the probability, in each row."""
    if answer.call.operator != "kl_divergence":
        return answer.value
    logs = answer.call.inputs["log_probabilities"].astype(np.float64)[:, 1:]
    others = (MOST * np.log(MOST)).sum() - (MOST[1:] * logs).sum(-1)
    return np.asarray((answer.value - others) / MOST[0])


def _epsilon(answer: Answer) -> tuple[float, int]:
    """What takes the place of a probability of 0, and the row in which it is the probability."""
    loss = _logarithms(answer)[0]
    rows = [n for n, e in enumerate(EPSILONS, 1) if near(loss, -np.log(e))]
    return float(np.exp(-loss)), rows[0] if rows else 0


def _tell_clipping(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    losses = _logarithms(answer)
    loss = losses[0]
    if np.isposinf(loss):
        return "none"
    if not np.isfinite(loss):
        return NONE
    floor = round(loss)
    if near(loss, floor):
        return f"log floor {-floor}"
    epsilon, row = _epsilon(answer)
    if not row:
        return f"a probability of 0 counts as {epsilon:.4g}"
    adds = near(losses[row], -np.log(2 * epsilon))
    word = "adds" if adds else "clips at"
    return f"{word} {EPSILONS[row - 1]:g}"


CLIPPING = Policy(
    "clipping",
    "What takes the place of a probability of 0 under the logarithm?",
    {
        "none": "nothing: the loss is infinite",
        "log floor {}": "the logarithm is at least this",
        "clips at {}": "the probability is at least this",
        "adds {}": "this is added to the probability",
        "raises": "an exception",
    },
    _ask_clipping,
    _tell_clipping,
)


def _tell_clipped_gradient(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    gradient = answer.gradient
    own = float(gradient[0] if gradient.ndim == 1 else gradient[0, 0])
    if np.isnan(own):
        return "nan"
    return "infinite" if np.isinf(own) else "zero" if own == 0 else "finite"


CLIPPED_GRADIENT = Policy(
    "gradient_at_zero",
    "What is the gradient by a probability that is 0 and should be 1?",
    {
        "zero": "0: the clip lets no gradient through, and training does not correct the error",
        "finite": "a finite number",
        "infinite": "infinity",
        "nan": "NaN",
        "raises": "an exception",
    },
    _ask_zero_probability,
    _tell_clipped_gradient,
)


def _tell_tie(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    gradient = answer.gradient
    clipping = _tell_clipping(answers)
    if not clipping.startswith("clips at"):
        return "no clip"
    epsilon, row = _epsilon(answer)
    own = float(gradient[row] if gradient.ndim == 1 else gradient[row, 0])
    for word, share in (("passes", 1.0), ("halves", 0.5), ("stops", 0.0)):
        if near(own * epsilon, -share):
            return word
    return f"{own:.4g} at a probability of {epsilon:.4g}"


TIE = Policy(
    "clip_tie",
    "What gradient lets a clip through where the probability is the clip's own bound?",
    {
        "passes": "the whole: as if nothing were clipped",
        "halves": "half of it",
        "stops": "none",
        "no clip": "there is no clip of the probability",
        "raises": "an exception",
    },
    _ask_zero_probability,
    _tell_tie,
)


# Kinks.


def _kink(implementation: Implementation) -> dict[str, Array] | None:
    """Inputs below, at and above a kink, in rows."""
    name = implementation.operator
    inputs = inputs_of(implementation)
    if name in ("relu", "leaky_relu"):
        return {"x": np.array([-0.5, 0.0, 0.5, 1.0])}
    if name == "hinge_loss":
        return {"logits": np.array([0.5, 1.0, 1.5, 2.0]), "labels": np.ones(4)}
    if name == "multiclass_margin_loss":
        wide = np.array([[0.5, 0.0, -9.0], [1.0, 0.0, -9.0], [1.5, 0.0, -9.0], [2.0, 0.0, -9.0]])
        return {**inputs, "logits": wide, "labels": np.zeros(4, np.int64)}
    return None


def _ask_kink(_: Adapter, implementation: Implementation) -> Sequence[Task]:
    inputs = _kink(implementation)
    if inputs is None or not unreduced(implementation):
        return ()
    given = parameters_of(implementation, negative_slope=0.25)
    return (ask(implementation, inputs, given),)


def _tell_kink(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    gradient = answer.gradient
    left, at, right = gradient[:3] if gradient.ndim == 1 else gradient[:3, 0]
    told = {"left": left, "right": right, "middle": (left + right) / 2}
    if near(left, right):
        return f"there is no kink: {left:.4g} and {right:.4g}"
    found = [word for word, expected in told.items() if near(at, expected)]
    if not min(left, right) <= at <= max(left, right):
        return "no subgradient"
    return found[0] if found else f"{at:.4g} between {left:.4g} and {right:.4g}"


KINK = Policy(
    "kink",
    "Which of the subgradients is taken at the kink?",
    {
        "left": "the derivative from below",
        "right": "the derivative from above",
        "middle": "half of both",
        "no subgradient": "none: a number that is not between the derivatives from below and above",
    },
    _ask_kink,
    _tell_kink,
)


POLICIES = (DOMAIN, CLIPPING, CLIPPED_GRADIENT, TIE, KINK)
