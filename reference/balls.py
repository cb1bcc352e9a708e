"""Balls: the arithmetic of the definitions, in which every result is a proof.

A ball is an Arb real, midpoint and radius (F. Johansson, "Arb: efficient arbitrary-precision
midpoint-radius interval arithmetic", IEEE Trans. Computers 66(8), 2017). Every operation returns
a ball that contains the exact result, so a definition written as the textbook writes it is a proof
of its value, and the reverse sweep a proof of its gradient. `flint.ctx.prec` is the precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import accumulate, chain, repeat
from operator import add, mul, sub, truediv
from typing import Any

import numpy as np
from flint import arb, ctx, fmpq
from numpy.typing import NDArray

from reference.tape import Vector

Ball = Any  # python-flint ships no types
Number = int | float | Fraction
Mask = NDArray[np.bool_]

ZERO = arb(0)
ONE = arb(1)


class precision:  # noqa: N801 - used as a function
    """Set the working precision of all balls for a block."""

    __slots__ = ("before", "bits")

    def __init__(self, bits: int) -> None:
        self.bits = bits

    def __enter__(self) -> None:
        self.before, ctx.prec = ctx.prec, self.bits

    def __exit__(self, *error: object) -> None:
        ctx.prec = self.before


def ball(number: Number | Ball) -> Ball:
    """An exact ball for an int or float; the enclosing ball of a fraction."""
    if type(number) is Fraction:  # isinstance is slow for a class of the numeric tower
        return arb(fmpq(number.numerator, number.denominator))
    return arb(number)


def vector(numbers: Iterable[Number | Ball]) -> Vector:
    """One row of numbers as an input, which has a gradient."""
    return batch(list(map(ball, numbers)))


def constant(numbers: Iterable[Number | Ball]) -> Vector:
    """One row of numbers without a gradient."""
    row = list(map(ball, numbers))
    return Vector(Balls(row, len(row)))


def batch(balls: list[Ball], rows: int = 1) -> Vector:
    """A batch of equally long rows, given one after the other, as an input."""
    return Vector(Balls(balls, len(balls) // rows), live=True)


class Balls:
    """A batch of rows of balls, one row after the other in `flat`, each `width` long."""

    __slots__ = ("flat", "width")

    def __init__(self, flat: list[Ball], width: int) -> None:
        self.flat, self.width = flat, width

    @property
    def shape(self) -> tuple[int, int]:
        return (len(self.flat) // self.width if self.width else 0, self.width)

    @property
    def arithmetic(self) -> BallArithmetic:
        return ARITHMETIC

    def pick(self, classes: Sequence[int]) -> Balls:
        """The number of one class of each row, as rows of length 1."""
        starts = range(0, len(self.flat), self.width)
        picked = [self.flat[i + k] for i, k in zip(starts, classes, strict=True)]
        return Balls(picked, 1)

    def scatter(self, classes: Sequence[int], width: int) -> Balls:
        """Rows of zeros with these numbers at the classes."""
        flat = [ZERO] * (len(self.flat) * width)
        for row, (k, number) in enumerate(zip(classes, self.flat, strict=True)):
            flat[row * width + k] = number
        return Balls(flat, width)

    def __neg__(self) -> Balls:
        return Balls([-x for x in self.flat], self.width)

    def __abs__(self) -> Balls:
        return Balls([abs(x) for x in self.flat], self.width)

    def __add__(self, other: Balls | Number) -> Balls:
        if type(other) is Balls and self.width == other.width:
            # An adjoint of one class of a row is zeros elsewhere.
            pairs = zip(self.flat, other.flat, strict=True)
            return Balls([x if y is ZERO else x + y for x, y in pairs], self.width)
        return self._with(other, add)

    def __sub__(self, other: Balls | Number) -> Balls:
        return self._with(other, sub)

    def __mul__(self, other: Balls | Number) -> Balls:
        return self._with(other, mul)

    def __truediv__(self, other: Balls | Number) -> Balls:
        return self._with(other, truediv)

    def __rsub__(self, other: Number) -> Balls:
        left = ball(other)
        return Balls([left - x for x in self.flat], self.width)

    def __rtruediv__(self, other: Number) -> Balls:
        left = ball(other)
        return Balls([left / x for x in self.flat], self.width)

    __radd__ = __add__
    __rmul__ = __mul__

    def __lt__(self, other: Number) -> Mask:
        right = ball(other)
        return self._mask(x < right for x in self.flat)

    def __gt__(self, other: Number) -> Mask:
        right = ball(other)
        return self._mask(x > right for x in self.flat)

    def spread(self, width: int) -> list[Ball]:
        """The balls of rows of the given length: a row of length 1 is repeated."""
        if self.width == width:
            return self.flat
        if self.width != 1:
            raise ValueError(f"rows of length {self.width} and {width} do not combine")
        return list(chain.from_iterable(map(repeat, self.flat, repeat(width))))

    def _with(self, other: Balls | Number, function: Callable[[Ball, Ball], Ball]) -> Balls:
        if type(other) is not Balls:
            return Balls(list(map(function, self.flat, repeat(ball(other)))), self.width)
        width = self.width if other.width == 1 else other.width
        return Balls(list(map(function, self.spread(width), other.spread(width))), width)

    def _mask(self, flags: Iterable[bool]) -> Mask:
        return np.fromiter(flags, dtype=bool, count=len(self.flat)).reshape(self.shape)


class BallArithmetic:
    """The functions of balls."""

    def zeros(self, x: Balls) -> Balls:
        return Balls([ZERO] * len(x.flat), x.width)

    def exp(self, x: Balls) -> Balls:
        return Balls([b.exp() for b in x.flat], x.width)

    def log(self, x: Balls) -> Balls:
        """The natural logarithm; a ball that is not positive gives NaN."""
        return Balls([b.log() for b in x.flat], x.width)

    def log1p(self, x: Balls) -> Balls:
        return Balls([b.log1p() for b in x.flat], x.width)

    def tanh(self, x: Balls) -> Balls:
        return Balls([b.tanh() for b in x.flat], x.width)

    def sech2(self, x: Balls) -> Balls:
        """1 / cosh^2."""
        return Balls([b.sech() ** 2 for b in x.flat], x.width)

    def power(self, x: Balls, exponent: Number | Ball) -> Balls:
        """x^exponent; 1 for an exponent of 0, 0 for 0 to a positive one."""
        power = ball(exponent)
        return Balls([b**power for b in x.flat], x.width)

    def lgamma(self, x: Balls) -> Balls:
        return Balls([b.lgamma() for b in x.flat], x.width)

    def total(self, x: Balls, groups: int = 1) -> Balls:
        flat, size = x.flat, x.width // groups
        return Balls([sum(flat[i : i + size], ZERO) for i in range(0, len(flat), size)], groups)

    def repeat(self, x: Balls, times: int) -> Balls:
        return Balls([b for b in x.flat for _ in range(times)], x.width * times)

    def turned(self, x: Balls, lines: int) -> Balls:
        width, length = x.width, x.width // lines
        places = [c + k for c in range(length) for k in range(0, width, length)]
        starts = range(0, len(x.flat), width)
        return Balls([x.flat[start + place] for start in starts for place in places], width)

    def others(self, x: Balls) -> Balls:
        """For each number the sum of those before it and of those after it."""
        flat, width = x.flat, x.width
        sums: list[Ball] = []
        for start in range(0, len(flat), width):
            row = flat[start : start + width]
            before = accumulate(row[:-1], initial=ZERO)
            after = list(accumulate(row[:0:-1], initial=ZERO))
            sums += map(add, before, reversed(after))
        return Balls(sums, width)

    def zero(self, x: Balls) -> Mask:
        """Where a number is exactly 0."""
        return x._mask(b.is_zero() for b in x.flat)

    def positive(self, x: Balls, zero_too: bool) -> Mask:
        """Where a number is above 0, or 0 if `zero_too`."""
        return x._mask(b > 0 or (zero_too and b.is_zero()) for b in x.flat)

    def where(self, mask: Mask, x: Balls | Number, y: Balls | Number) -> Balls:
        width = max(mask.shape[-1], *(v.width for v in (x, y) if isinstance(v, Balls)))
        flags = np.broadcast_to(mask, (len(mask), width)).reshape(-1).tolist()
        a, b = (v.spread(width) if isinstance(v, Balls) else [ball(v)] * len(flags) for v in (x, y))
        return Balls([p if flag else q for flag, p, q in zip(flags, a, b, strict=True)], width)


ARITHMETIC = BallArithmetic()
