"""Truth where an input is infinite, NaN, or at the end of its domain: the limit, if there is one.

The rules of ACCURACY.md, section 5, taken literally:
(a) the limit, where it exists along every approach; (b) NaN where there is none;
(c) NaN propagates unless the result does not depend on that operand; (e) an exact zero weight or
target multiplies to 0 even against infinity, which the limit gives by itself.

An approach replaces the inputs at the end of their domain by numbers that run towards it: all at
one pace, or each faster than the one before, in either order; those that run towards 0 faster than
any that run towards infinity, and slower. The definition is evaluated in balls at two points of
each approach, and where they do not tell, at a third, far enough out that a limit shows as
agreement to 200 bits, or as a number below 2^-1095, and divergence as steps that grow. This decides
the limit by computation, not by proof; no case of the operators here comes near the thresholds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from reference.balls import Ball, ball, precision
from reference.truth import Entry

Inputs = Mapping[str, list[float]]
Domain = Mapping[str, tuple[float, float]]
Point = Mapping[str, list[Ball]]
Evaluate = Callable[[Sequence[tuple[int, Point]]], list[list[Ball]]]
"""Rows with other inputs in the place of theirs -> the outputs of each."""
Task = tuple[int, Inputs]
"""A row, and its inputs without NaN."""
Ends = list[tuple[str, int]]
FILLS = (30.25, -40.75)
"""What stands for a NaN to see whether a result depends on it: on either side of every kink."""
NEAR, FAR, FARTHER = 1150, 1700, 2550
"""log2 of the distances: infinity is met by 2^1150, ..., an end a by a +- 2^-1150, ...,
beyond all numbers of a format and their reciprocals."""
MARGIN = 1290
"""The bits that, beside those of the distance, hold sums of numbers near and far exactly."""
AGREE = ball(2) ** -200
SMALL = ball(2) ** -1095
"""Below half of the smallest positive number."""
GROWTH = ball("1.5")
"""Divergence: each step is this much longer than the one before (a logarithm's doubles)."""


def limits(evaluate: Evaluate, rows: Sequence[Inputs], domain: Domain) -> list[list[Entry]]:
    """The outputs of `evaluate` at each of the rows by the rules above.

    rows: the numbers of each input, NaN and infinities among them.
    domain: the ends of each input's domain; an input at an end is approached from within.
    """
    tasks = [(row, filled) for row, inputs in enumerate(rows) for filled in _filled(inputs)]
    found = _limits(evaluate, tasks, domain)
    entries: dict[int, list[Entry]] = {}
    for (row, _), along in zip(tasks, found, strict=True):
        held = entries.setdefault(row, along)
        entries[row] = list(map(_common, zip(held, along, strict=True)))
    return [entries[row] for row in range(len(rows))]


def _filled(inputs: Inputs) -> list[Inputs]:
    if not any(math.isnan(number) for numbers in inputs.values() for number in numbers):
        return [inputs]
    return [
        {k: [fill if math.isnan(n) else n for n in v] for k, v in inputs.items()} for fill in FILLS
    ]


def _limits(evaluate: Evaluate, tasks: list[Task], domain: Domain) -> list[list[Entry]]:
    """Infinities alone first: an exact zero target stays one (rule e). Then domain ends as well."""
    infinite = dict.fromkeys(domain, (-math.inf, math.inf))
    found = _along(evaluate, tasks, infinite)
    open_ = [i for i, along in enumerate(found) if any(map(_is_nan, along))]
    again = _along(evaluate, [tasks[i] for i in open_], domain) if open_ else []
    for i, along in zip(open_, again, strict=True):
        found[i] = [b if _is_nan(a) else a for a, b in zip(found[i], along, strict=True)]
    return found


def _along(evaluate: Evaluate, tasks: list[Task], domain: Domain) -> list[list[Entry]]:
    approaches = [
        (place, row, inputs, *approach)
        for place, (row, inputs) in enumerate(tasks)
        for approach in _approaches(inputs, domain)
    ]

    def outputs(distance: int, chosen: Sequence[int]) -> list[list[Ball]]:
        with precision(distance + MARGIN):
            points = [
                (row, _point(inputs, domain, paces, hasty, distance))
                for _, row, inputs, paces, hasty in (approaches[i] for i in chosen)
            ]
            return evaluate(points) if points else []

    with precision(FARTHER + MARGIN):
        near = outputs(NEAR, range(len(approaches)))
        # Where no number moves, all points are one.
        moving = [i for i, (*_, paces, _) in enumerate(approaches) if paces]
        far = near.copy()
        for i, outs in zip(moving, outputs(FAR, moving), strict=True):
            far[i] = outs
        found = [list(map(_settled, *pair)) for pair in zip(near, far, strict=True)]
        open_ = [i for i in moving if any(entry is None for entry in found[i])]
        for i, farther in zip(open_, outputs(FARTHER, open_), strict=True):
            found[i] = list(map(_classify, near[i], far[i], farther))
        found = [[math.nan if entry is None else entry for entry in along] for along in found]
        limits_: list[list[list[Entry]]] = [[] for _ in tasks]
        for (place, *_), along in zip(approaches, found, strict=True):
            limits_[place].append(along)
        return [list(map(_common, zip(*along, strict=True))) for along in limits_]


def _approaches(
    inputs: Inputs, domain: Domain
) -> Iterator[tuple[dict[tuple[str, int], int], Ends]]:
    """The pace of every number that moves, and those that run to 0 ahead of all others."""
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
        yield paces, zeros
        if 0 < len(zeros) < count:
            yield paces, []


def _point(
    inputs: Inputs,
    domain: Domain,
    paces: Mapping[tuple[str, int], int],
    hasty: Ends,
    distance: int,
) -> dict[str, list[Ball]]:
    def near(name: str, index: int, number: float) -> Ball:
        if (name, index) not in paces:
            return ball(number)
        # The paces differ by a factor, not by an exponent: the precision must hold their sums.
        pace = ball(paces[name, index])
        if math.isinf(number):
            return pace * ball(2) ** distance * (1 if number > 0 else -1)
        # 2^-(2^distance) is a ball with one bit, unlike a number that close to another end; its
        # logarithm outgrows every number of a format.
        exponent = 1 << (distance + 64) if (name, index) in hasty else distance
        inward = pace * ball(2) ** -exponent
        return ball(number) + (inward if number == domain[name][0] else -inward)

    return {k: [near(k, i, n) for i, n in enumerate(v)] for k, v in inputs.items()}


def _settled(near: Ball, far: Ball) -> Entry | None:
    """The limit of a sequence that two of its terms tell; None if they do not."""
    if not (near.is_finite() and far.is_finite()):
        same = bool(near == far)  # both the same infinity, which a masked class is
        return float(far) if same else None
    if abs(near) < SMALL and abs(far) < SMALL:
        return ball(0)
    return far if abs(far - near) < AGREE * abs(far) else None


def _classify(near: Ball, far: Ball, farther: Ball) -> Entry:
    """The limit of a sequence from three of its terms; NaN if there is none."""
    settled = _settled(far, farther)
    if settled is not None:
        return settled
    if not (near.is_finite() and far.is_finite() and farther.is_finite()):
        return math.nan
    step, next_step = far - near, farther - far
    if step * next_step > 0 and abs(next_step) > GROWTH * abs(step):
        return math.copysign(math.inf, float(next_step))
    return math.nan


def _is_nan(entry: Entry) -> bool:
    return isinstance(entry, float) and math.isnan(entry)


def _common(along: Sequence[Entry]) -> Entry:
    first = along[0]
    return first if all(_same(first, other) for other in along[1:]) else math.nan


def _same(a: Entry, b: Entry) -> bool:
    if isinstance(a, float) or isinstance(b, float):
        return isinstance(a, float) and a == b
    return bool(a.is_zero() and b.is_zero()) or bool(abs(a - b) < AGREE * abs(b))
