"""Small deterministic experiments that claims about training refer to."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

STEPS, RATE = 5000, 1.0
"""Steps and step size of the gradient descent."""
ANGLES = 2 * np.pi * np.arange(30) / 30
POINTS = np.stack([np.cos(ANGLES), np.sin(ANGLES), np.ones_like(ANGLES)], axis=1)
TARGETS = np.arange(30) // 10
"""Thirty points on a circle in three arcs of ten, one arc a class: linearly separable."""


@cache
def final_loss(form: str) -> float:
    """Mean cross entropy (nats) after training a linear classifier from zero weights.

    form: what is handed to the loss as its logits, `logits` or `softmax of logits` (the mistake of
    applying softmax twice). Plain gradient descent on the loss as handed, in float64.
    Raises ValueError for another form.
    """
    if form not in ("logits", "softmax of logits"):
        raise ValueError(f"no form {form!r}")
    twice = form != "logits"
    one_hot = np.eye(3)[TARGETS]
    weights = np.zeros((3, 3))
    for _ in range(STEPS):
        scores = POINTS @ weights
        handed = _softmax(scores) if twice else scores
        gradient = (_softmax(handed) - one_hot) / len(TARGETS)
        if twice:
            gradient = handed * (gradient - (gradient * handed).sum(axis=1, keepdims=True))
        weights -= RATE * POINTS.T @ gradient
    scores = POINTS @ weights
    probabilities = _softmax(_softmax(scores) if twice else scores)
    return float(-np.log(probabilities[np.arange(len(TARGETS)), TARGETS]).mean())


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    total: NDArray[np.float64] = powers.sum(axis=1, keepdims=True)
    softmax: NDArray[np.float64] = powers / total
    return softmax
