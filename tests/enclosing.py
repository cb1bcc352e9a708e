"""Truths as balls again, so that tests can compute with what they enclose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf

from reference import batch, evaluation
from reference.balls import Ball, ball, precision
from reference.problem import Problem
from reference.truth import SCALED, UNCERTAIN, Truth

BITS = 2400
"""Enough to hold sums of numbers of any size exactly."""
NARROW = 2.0**-19
"""The radius of a certified truth in ulps of float64, at most."""
TAIL = 2.0**-52
LEAST = 2.0**-1074
"""The errors of a tail, which is a float: relative, and absolute where it underflowed."""
SHARP = mpf(2) ** -100
"""The absolute error of an expected number, at most, where the truth is 0."""


def forget() -> None:
    """Nothing is remembered from here on."""
    evaluation._TRUTHS.clear()
    evaluation._PLANS.clear()


def at_bits(made: Problem, bits: int) -> dict[str, Truth]:
    """The truths of a problem whose evaluation starts at so many bits."""
    forget()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "FIRST_BITS", bits)
        found = evaluation.evaluate(made)
    forget()
    return found


def slack(hi: float, tail: float, radius: float) -> tuple[float, float]:
    """How far the exact result may be from the pair: in ulps of `hi`, and beside that."""
    near = radius + abs(tail) * TAIL
    return (near + LEAST, 0.0) if abs(hi) < SCALED else (near, LEAST)


def balls(truth: Truth) -> list[Ball]:
    """Balls that contain the exact results."""
    columns = (truth.hi, truth.tail, truth.radius)
    found = []
    with precision(BITS):
        for h, t, r in zip(*(c.reshape(-1).tolist() for c in columns), strict=True):
            near, beside = slack(h, t, r)
            ulp = ball(math.ulp(h))
            error = (ball(near) * ulp + ball(beside)) * UNCERTAIN
            found.append(ball(h) + ball(t) * ulp + error)
    return found


def agree(one: Sequence[Ball], other: Sequence[Ball]) -> bool:
    """Whether what two lists enclose can be the same."""
    pairs = list(zip(one, other, strict=True))
    return all(a.overlaps(b) for a, b in pairs if a.is_finite() and b.is_finite())


def certified(truth: Truth) -> bool:
    """Whether every output is a narrow enclosure, an infinity or NaN."""
    finite = np.isfinite(truth.hi)
    return not truth.undecided.any() and bool((truth.radius[finite] <= NARROW).all())


def misses(truth: Truth, expected: Sequence[Any]) -> list[str]:
    """The outputs that are not the expected numbers: differences or anything with an error."""
    wrong = []
    columns = (truth.hi, truth.tail, truth.radius)
    for k, (h, t, r) in enumerate(zip(*(c.reshape(-1).tolist() for c in columns), strict=True)):
        if not math.isfinite(h):
            wrong += [] if expected[k].number == h else [f"[{k}] {expected[k].number} is not {h}"]
            continue
        ulp, (near, beside) = mpf(math.ulp(h)), slack(h, t, r)
        apart = abs(mpf(h) + mpf(t) * ulp - expected[k].number)
        allowed = near * ulp + beside + expected[k].error
        sharp = expected[k].error <= (ulp * NARROW if h else SHARP)
        if not (apart <= allowed and sharp and r <= NARROW):
            wrong.append(f"[{k}] {mp.nstr(expected[k].number, 25)} is not {h!r} + {t} ulp")
    return wrong
