"""Certified truths: the definition evaluated in balls, at rising precision, until decided."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.balls import Ball, Balls, Kink, Vector, ball, gradients, precision
from reference.formats import FORMATS, Floats, Format
from reference.limits import Entry, limit
from reference.operator import Operator
from reference.operators import OPERATORS
from reference.problem import Problem

FIRST_BITS, LAST_BITS = 128, 1 << 14
ACCURACY_BITS = 53 + 20
"""A ball is decided when it is narrower than 2^-20 ulp of float64 ..."""
FLOOR = ball(2) ** -(1074 + 20)
"""... or than 2^-20 of the smallest subnormal."""
DOUBLE = FORMATS["float64"]

Answers = dict[str, list[Entry]]
"""Quantity -> one entry for each of its outputs."""


@dataclass(frozen=True)
class Truth:
    """The exact result of one quantity, enclosed; all arrays in the output's shape.

    hi: the float64 nearest to the midpoint; infinite or NaN where the truth is, and infinite where
        the truth is finite but beyond the range of float64.
    tail, radius: midpoint minus `hi`, and the enclosure's radius, both in ulps of float64 at `hi`.
    nan: where NaN may be answered instead.
    lower, upper: ends of the subdifferential at kinks; NaN elsewhere.
    undecided: where the largest precision did not decide the enclosure.
    bits: the precision that was needed.
    """

    hi: Floats
    tail: Floats
    radius: Floats
    nan: NDArray[np.bool_]
    lower: Floats
    upper: Floats
    undecided: NDArray[np.bool_]
    bits: int

    @property
    def lo(self) -> Floats:
        """The second half of the double-double pair (0 below the range of float64)."""
        return np.where(np.isfinite(self.hi), self.tail * DOUBLE.ulp(self.hi), 0.0)

    def nearest(self, format: Format) -> Floats:
        """The truth rounded to the format (RN); NaN where the enclosure leaves it open (`tie`)."""
        down, up = self.bracket(format)
        with np.errstate(invalid="ignore", over="ignore"):
            middle = down / 2 + up / 2
        rounded = format.nearest(self.hi)
        side = np.sign(self.tail) * (np.abs(self.tail) > self.radius)
        open_ = (self.hi == middle) & (self.radius > 0) & (side == 0)
        at_tie = (self.hi == middle) & (side != 0) & np.isfinite(middle)
        rounded = np.where(at_tie, np.where(side > 0, up, down), rounded)
        return np.where(open_ & (down != up), np.nan, rounded)

    def bracket(self, format: Format) -> tuple[Floats, Floats]:
        """RD and RU: the numbers of the format on either side of the truth.

        Both are the truth where it is a number of the format, and where the enclosure does not
        tell on which side of that number it lies.
        """
        down = format.floor(self.hi)
        on_grid = down == self.hi
        above = self.tail > self.radius
        below = self.tail < -self.radius
        previous = -format.next_up(-down)
        up = format.next_up(down)
        low = np.where(on_grid & below, previous, down)
        high = np.where(on_grid, np.where(above, up, self.hi), up)
        infinite = ~np.isfinite(self.hi)
        return np.where(infinite, self.hi, low), np.where(infinite, self.hi, high)

    def digits(self, index: tuple[int, ...], count: int = 30) -> str:
        """One truth in decimal, to `count` significant digits (the pair holds about 31)."""
        hi = float(self.hi[index])
        if not math.isfinite(hi):
            return str(hi)
        ulp = Fraction(float(DOUBLE.ulp(np.float64(hi))))
        return decimal(Fraction(hi) + Fraction(float(self.tail[index])) * ulp, count)


def decimal(exact: Fraction, count: int) -> str:
    """An exact rational in decimal, to `count` significant digits."""
    if exact == 0:
        return "0"
    with precision(4 * count + 64):
        text = ball(exact).str(count, radius=False)
    return str(text)


def evaluate(problem: Problem) -> dict[str, Truth]:
    """The truth of the value and of the gradient for every differentiable input.

    Raises KeyError for an unknown operator.
    """
    operator = OPERATORS[problem.operator]
    work = _Work(operator, problem)
    answers = work.answers()
    if operator.kinks:
        answers_left = _from_the_left(work)
        return {q: work.truth(q, a, answers_left[q]) for q, a in answers.items()}
    return {q: work.truth(q, a) for q, a in answers.items()}


def decided(value: Ball) -> bool:
    """Whether a ball is narrow enough to be a truth."""
    return bool(value.rel_accuracy_bits() >= ACCURACY_BITS) or bool(value.rad() < FLOOR)


def _from_the_left(work: _Work) -> Answers:
    Kink.side = -1
    try:
        return work.answers()
    finally:
        Kink.side = 1


class _Work:
    """The evaluation of one problem, split into units that do not depend on each other.

    A unit is a row; for an elementwise operator, a run of elements.
    """

    def __init__(self, operator: Operator, problem: Problem) -> None:
        self.operator, self.problem = operator, problem
        self.quantities = ("value", *(f"gradient.{n}" for n in operator.differentiable))
        arrays = {i.name: problem.inputs[i.name] for i in operator.inputs}
        if operator.output == "elementwise":
            self.shape = next(iter(arrays.values())).shape
            self.rows = {k: a.reshape(-1, 1) for k, a in arrays.items()}
        else:
            self.rows = {k: a.reshape(len(a), -1) for k, a in arrays.items()}
            lead = next(i.name for i in operator.inputs if i.kind == "vector")
            self.shape = arrays[lead].shape if operator.output == "vector" else (len(arrays[lead]),)
        self.count = len(next(iter(self.rows.values())))
        self.domain = {i.name: i.domain for i in operator.inputs}
        self.parameters = {
            k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in problem.parameters.items()
        }
        self.bits = FIRST_BITS
        shape = (self.count, -1)
        reduced = problem.reduction != "none"
        self.upstream = None if reduced else problem.upstream.reshape(shape).tolist()

    def answers(self) -> Answers:
        if self.problem.reduction == "none":
            units = self._units(FIRST_BITS)
            return {q: [e for unit in units for e in unit[q]] for q in self.quantities}
        bits = FIRST_BITS
        while True:
            units = self._units(bits)
            answers = self._reduced(units, bits)
            if bits >= LAST_BITS or all(_settled(e) for entries in answers.values() for e in entries):
                self.bits = max(self.bits, bits)
                return answers
            bits *= 2

    def truth(self, quantity: str, entries: list[Entry], left: list[Entry] | None = None) -> Truth:
        name = quantity.partition(".")[2]
        reduced = self.problem.reduction != "none"
        shape = self.problem.inputs[name].shape if name else () if reduced else self.shape
        flags = np.zeros(self.count, dtype=bool)
        if self.operator.may is not None:
            flags = self.operator.may(self.problem.inputs).reshape(self.count, -1).any(axis=-1)
        if not name and reduced:
            flags = flags.any(keepdims=True)
        packed = _pack(entries, shape, self.bits)
        size = packed.hi.size // max(len(flags), 1)
        may = np.repeat(flags, size).reshape(shape)
        packed = replace(packed, nan=may)
        return packed if left is None else _subgradient(packed, _pack(left, shape, self.bits))

    def _units(self, bits: int) -> list[Answers]:
        """The answers of every unit, at its own precision, at least `bits`."""
        special = np.zeros(self.count, dtype=bool)
        for array in self.rows.values():
            special |= ~np.isfinite(array).all(axis=-1)
        units = {i: self._special(i) for i in np.flatnonzero(special).tolist()}
        todo = np.flatnonzero(~special).tolist()
        open_: list[int] = []
        for i, unit in self._plain(todo, bits):
            units[i] = unit
            if not all(_settled(e) for entries in unit.values() for e in entries):
                open_.append(i)
        for i in open_:
            units[i] = self._raise(i, units[i], bits)
        return [units[i] for i in range(self.count)]

    def _raise(self, i: int, unit: Answers, bits: int) -> Answers:
        """Repeat one unit at rising precision; at the end of a domain, take the limit."""
        if not all(_finite(e) for entries in unit.values() for e in entries):
            edge = self._special(i)
            return {
                q: [a if _finite(a) else b for a, b in zip(unit[q], edge[q], strict=True)]
                for q in self.quantities
            }
        while bits < LAST_BITS:
            bits *= 2
            (_, unit), *_ = self._plain([i], bits)
            if all(_settled(e) for entries in unit.values() for e in entries):
                break
        self.bits = max(self.bits, bits)
        return unit

    def _plain(self, units: list[int], bits: int) -> Iterator[tuple[int, Answers]]:
        """Evaluate finite units at one precision."""
        with precision(bits):
            if self.operator.output == "elementwise" and units:
                numbers = {k: a[units, 0].tolist() for k, a in self.rows.items()}
                answers = self._evaluate(numbers, self._upstream(units, 1))
                for place, i in enumerate(units):
                    yield i, {q: [balls[place]] for q, balls in answers.items()}
                return
            for i in units:
                numbers = {k: a[i].tolist() for k, a in self.rows.items()}
                yield i, self._evaluate(numbers, self._upstream([i], self._width))

    @property
    def _width(self) -> int:
        return self.shape[-1] if self.operator.output == "vector" else 1

    def _upstream(self, units: list[int], width: int) -> Balls:
        if self.upstream is None:
            return [ball(1)] * (len(units) * width)
        return [ball(u) for i in units for u in self.upstream[i]]

    def _special(self, i: int) -> Answers:
        numbers = {k: a[i].tolist() for k, a in self.rows.items()}
        names = self.operator.differentiable
        sizes = [self._width, *(len(numbers[name]) for name in names)]
        fixed = {k: v for k, v in numbers.items() if k not in names}
        upstream = self._upstream([i], self._width)

        def flat(inputs: Mapping[str, list[Ball]]) -> Balls:
            answers = self._evaluate({**fixed, **inputs}, upstream)
            return [e for q in self.quantities for e in answers[q]]

        entries = iter(limit(flat, {k: numbers[k] for k in names}, self.domain))
        return {
            q: [next(entries) for _ in range(n)]
            for q, n in zip(self.quantities, sizes, strict=True)
        }

    def _evaluate(self, numbers: Mapping[str, Sequence[Any]], upstream: Balls) -> dict[str, Balls]:
        """The definition and its gradients at exactly known numbers, at the current precision."""
        arguments = [
            int(numbers[i.name][0]) if i.kind == "index" else Vector.of(numbers[i.name])
            for i in self.operator.inputs
        ]
        output = self.operator.define(*arguments, **self.parameters)
        live = [a for a in arguments if isinstance(a, Vector)]
        found = gradients(output, upstream, live)
        return dict(zip(self.quantities, (output.balls, *found), strict=True))

    def _reduced(self, units: list[Answers], bits: int) -> Answers:
        """Sum or mean of the units' values; their gradients times the shared factor."""
        with precision(bits):
            divisor = self._divisor()
            if divisor.is_zero():
                return self._empty(units)
            factor = ball(float(self.problem.upstream)) / divisor
            values = [e for unit in units for e in unit["value"]]
            answers = {"value": [_times(_sum(values), 1 / divisor)]}
            for q in self.quantities[1:]:
                answers[q] = [_times(e, factor) for unit in units for e in unit[q]]
            return answers

    def _divisor(self) -> Ball:
        match self.problem.reduction:
            case "sum":
                return ball(1)
            case "mean":
                return ball(math.prod(self.shape))
            case _:
                return sum((ball(w) for w in self._weights()), ball(0))

    def _weights(self) -> list[float]:
        if self.operator.weight is None:
            return [1.0] * self.count
        weights: list[float] = self.operator.weight(
            self.problem.inputs, self.problem.parameters
        ).tolist()
        return weights

    def _empty(self, units: list[Answers]) -> Answers:
        """0 / 0: the mean is NaN, and so are gradients, except of rows that are all ignored."""
        ignore = self.problem.parameters.get("ignore_index")
        ignored = ignore is not None and bool(np.all(self.problem.inputs["labels"] == ignore))
        gradient: Entry = ball(0) if ignored else math.nan
        answers: Answers = {"value": [math.nan]}
        for q in self.quantities[1:]:
            answers[q] = [gradient for unit in units for _ in unit[q]]
        return answers


def _finite(entry: Entry) -> bool:
    return not isinstance(entry, float) and bool(entry.is_finite())


def _settled(entry: Entry) -> bool:
    return isinstance(entry, float) or (bool(entry.is_finite()) and decided(entry))


def _sum(entries: list[Entry]) -> Entry:
    special = [e for e in entries if isinstance(e, float)]
    if special:
        return math.fsum(special) if len(set(map(str, special))) == 1 else math.nan
    return sum(entries, ball(0))


def _times(entry: Entry, factor: Ball) -> Entry:
    if not isinstance(entry, float):
        return entry * factor
    return math.nan if factor.is_zero() else entry * math.copysign(1.0, float(factor))


def _pack(entries: list[Entry], shape: tuple[int, ...], bits: int) -> Truth:
    """Arrays from entries."""
    hi = np.array([float(e) for e in entries])
    balls = [None if isinstance(e, float) else e for e in entries]
    rest = np.zeros(len(entries))
    radius = np.zeros(len(entries))
    undecided = np.zeros(len(entries), dtype=bool)
    ulp = DOUBLE.ulp(hi)
    for i, (value, h) in enumerate(zip(balls, hi.tolist(), strict=True)):
        if value is None or math.isinf(h):
            continue
        undecided[i] = not _settled(value)
        if abs(h) > 1e-280:
            rest[i], radius[i] = float(value - h) / ulp[i], float(value.rad()) / ulp[i]
        else:
            # The difference would underflow; scale before it becomes a float.
            rest[i] = float((value - h) / ball(float(ulp[i])))
            radius[i] = float(value.rad() / ball(float(ulp[i])))
    nothing = np.full(shape, np.nan)
    return Truth(
        hi.reshape(shape),
        rest.reshape(shape),
        radius.reshape(shape),
        np.zeros(shape, dtype=bool),
        nothing,
        nothing,
        undecided.reshape(shape),
        bits,
    )


def _subgradient(right: Truth, left: Truth) -> Truth:
    """The interval between the one-sided derivatives where they differ."""
    differ = (right.hi != left.hi) & np.isfinite(right.hi) & np.isfinite(left.hi)
    lower = np.where(differ, np.fmin(right.hi, left.hi), np.nan)
    upper = np.where(differ, np.fmax(right.hi, left.hi), np.nan)
    return replace(right, lower=lower, upper=upper)
