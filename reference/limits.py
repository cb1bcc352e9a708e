"""Truth where an input is infinite, NaN, or at the end of its domain: the limit, if there is one.

The rules of ACCURACY.md, section 5, taken literally:
(a) the limit, where it exists along every approach; (b) NaN where there is none;
(c) NaN propagates unless the result does not depend on that operand; (e) an exact zero weight or
target multiplies to 0 even against infinity, which the limit gives by itself.

An approach replaces the inputs at the end of their domain by numbers that run towards it: all at
one pace, or each faster than the one before, in either order; those that run towards 0 faster than
any that run towards infinity, and slower. The definition is evaluated in balls at three points of
each approach, far enough out that a limit shows as agreement to 200 bits, or as a number below
2^-1095, and divergence as steps that grow. This decides the limit by computation, not by proof; no
case of the operators here comes near the thresholds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from reference.balls import Ball, ball, precision

Entry = Ball | float
"""One output: a ball, or an infinity or NaN as a Python float."""
Inputs = Mapping[str, list[float]]
Domain = Mapping[str, tuple[float, float]]
Evaluate = Callable[[Mapping[str, list[Ball]]], list[Ball]]

FILLS = (0.25, -0.75)
"""What stands for a NaN to see whether a result depends on it: on either side of every kink."""
BITS = 3840
DISTANCES = (1150, 1700, 2550)
"""log2 of the distances: infinity is met by 2^1150, ..., an end a by a +- 2^-1150, ...,
beyond all numbers of a format and their reciprocals."""
AGREE = ball(2) ** -200
SMALL = ball(2) ** -1095
"""Below half of the smallest positive number."""
GROWTH = ball("1.5")
"""Divergence: each step is this much longer than the one before (a logarithm's doubles)."""


def limit(evaluate: Evaluate, inputs: Inputs, domain: Domain) -> list[Entry]:
    """The outputs of `evaluate` at `inputs` by the rules above.

    inputs: the numbers of each input, NaN and infinities among them.
    domain: the ends of each input's domain; an input at an end is approached from within.
    """
    if not any(math.isnan(number) for numbers in inputs.values() for number in numbers):
        return _limit(evaluate, inputs, domain)
    filled = (
        {k: [fill if math.isnan(n) else n for n in v] for k, v in inputs.items()} for fill in FILLS
    )
    first, second = (_limit(evaluate, f, domain) for f in filled)
    return [a if _same(a, b) else math.nan for a, b in zip(first, second, strict=True)]


def _limit(evaluate: Evaluate, inputs: Inputs, domain: Domain) -> list[Entry]:
    """Infinities alone first: an exact zero target stays one (rule e). Then domain ends as well."""
    infinite = dict.fromkeys(domain, (-math.inf, math.inf))
    first = _along(evaluate, inputs, infinite)
    if all(not isinstance(entry, float) or not math.isnan(entry) for entry in first):
        return first
    second = _along(evaluate, inputs, domain)
    return [
        b if isinstance(a, float) and math.isnan(a) else a
        for a, b in zip(first, second, strict=True)
    ]


def _along(evaluate: Evaluate, inputs: Inputs, domain: Domain) -> list[Entry]:
    with precision(BITS):
        found = [
            [_classify(*points) for points in zip(*map(evaluate, approach), strict=True)]
            for approach in _approaches(inputs, domain)
        ]
        return [_common(along) for along in zip(*found, strict=True)]


def _approaches(inputs: Inputs, domain: Domain) -> Iterator[list[dict[str, list[Ball]]]]:
    """The points of every approach."""
    ends = [
        (k, i)
        for k, v in inputs.items()
        for i, n in enumerate(v)
        if math.isinf(n) or n in domain[k]
    ]
    zeros = [(k, i) for k, i in ends if inputs[k][i] == 0]
    count = len(ends)
    orders = [dict.fromkeys(ends, 1)]
    if count > 1:
        orders.append({end: 1 + place for place, end in enumerate(ends)})
        orders.append({end: count - place for place, end in enumerate(ends)})
    for paces in orders:
        yield [_point(inputs, domain, paces, distance, zeros) for distance in DISTANCES]
        if 0 < len(zeros) < count:
            yield [_point(inputs, domain, paces, distance, ()) for distance in DISTANCES]


def _point(
    inputs: Inputs,
    domain: Domain,
    paces: Mapping[tuple[str, int], int],
    distance: int,
    hasty: Sequence[tuple[str, int]],
) -> dict[str, list[Ball]]:
    def near(name: str, index: int, number: float) -> Ball:
        if (name, index) not in paces:
            return ball(number)
        # The paces differ by a factor, not by an exponent: BITS must hold their sums exactly.
        pace = ball(paces[name, index])
        if math.isinf(number):
            return pace * ball(2) ** distance * (1 if number > 0 else -1)
        # 2^-(2^distance) is a ball with one bit, unlike a number that close to another end; its
        # logarithm outgrows every number of a format.
        exponent = 1 << (distance + 64) if (name, index) in hasty else distance
        inward = pace * ball(2) ** -exponent
        return ball(number) + (inward if number == domain[name][0] else -inward)

    return {k: [near(k, i, n) for i, n in enumerate(v)] for k, v in inputs.items()}


def _classify(near: Ball, far: Ball, farther: Ball) -> Entry:
    """The limit of a sequence from three of its terms; NaN if there is none."""
    if not (near.is_finite() and far.is_finite() and farther.is_finite()):
        return math.nan
    if abs(far) < SMALL and abs(farther) < SMALL:
        return ball(0)
    if abs(farther - far) < AGREE * abs(farther):
        return farther
    step, next_step = far - near, farther - far
    if step * next_step > 0 and abs(next_step) > GROWTH * abs(step):
        return math.copysign(math.inf, float(next_step))
    return math.nan


def _common(along: Sequence[Entry]) -> Entry:
    first = along[0]
    return first if all(_same(first, other) for other in along[1:]) else math.nan


def _same(a: Entry, b: Entry) -> bool:
    if isinstance(a, float) or isinstance(b, float):
        return isinstance(a, float) and a == b
    return bool(a.is_zero() and b.is_zero()) or bool(abs(a - b) < AGREE * abs(b))
