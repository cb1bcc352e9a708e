"""Vectors of balls with reverse-mode derivatives: the arithmetic of the definitions.

A ball is an Arb real, midpoint and radius (F. Johansson, "Arb: efficient arbitrary-precision
midpoint-radius interval arithmetic", IEEE Trans. Computers 66(8), 2017). Every operation returns
a ball that contains the exact result, so a definition written as the textbook writes it is a proof
of its value, and the reverse sweep a proof of its gradient. `flint.ctx.prec` is the precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import count
from typing import Any

from flint import arb, ctx, fmpq

Ball = Any  # python-flint ships no types
Balls = list[Ball]
Number = int | float | Fraction
Pull = Callable[[Balls], Balls]

ZERO = arb(0)
ONE = arb(1)


_SERIAL = count()
"""Numbers the vectors in the order in which they are made."""


class Kink:
    """The side from which a point without a derivative is approached: +1 right, -1 left."""

    side = 1


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Set the working precision of all balls for a block."""
    before, ctx.prec = ctx.prec, bits
    try:
        yield
    finally:
        ctx.prec = before


def ball(number: Number | Ball) -> Ball:
    """An exact ball for an int or float; the enclosing ball of a fraction."""
    if type(number) is Fraction:  # isinstance is slow for a class of the numeric tower
        return arb(fmpq(number.numerator, number.denominator))
    return arb(number)


class Vector:
    """A vector of balls that remembers how it was made.

    sources: the vectors it was made from, each with the map that pulls an adjoint of this vector
    back to it. Arithmetic is elementwise; a vector of length 1 combines with any length, as do
    plain numbers, which are constants and have no adjoint.
    """

    __slots__ = ("adjoint", "balls", "live", "serial", "sources")

    live: bool

    def __init__(
        self, balls: Balls, *sources: tuple[Vector, Pull], live: bool | None = None
    ) -> None:
        self.balls = balls
        self.sources = [(source, pull) for source, pull in sources if source.live]
        self.live = bool(self.sources) if live is None else live
        self.adjoint: Balls | None = None
        self.serial = next(_SERIAL)

    @classmethod
    def of(cls, numbers: Iterable[Number | Ball]) -> Vector:
        """An input: a vector of exactly known numbers that has a gradient."""
        return cls(list(map(ball, numbers)), live=True)

    @classmethod
    def exact(cls, numbers: Iterable[float | Ball]) -> Vector:
        """`of` without rationals, which costs a third of the time."""
        return cls(list(map(arb, numbers)), live=True)

    @classmethod
    def constant(cls, numbers: Iterable[Number | Ball]) -> Vector:
        """A vector without a gradient."""
        return cls(list(map(ball, numbers)))

    def __len__(self) -> int:
        return len(self.balls)

    def __getitem__(self, index: int) -> Vector:
        size = len(self.balls)

        def pull(up: Balls) -> Balls:
            down = [ZERO] * size
            down[index] = up[0]
            return down

        return Vector([self.balls[index]], (self, pull))

    def __neg__(self) -> Vector:
        return Vector([-a for a in self.balls], (self, lambda up: [-u for u in up]))

    def __add__(self, other: Vector | Number) -> Vector:
        a, b = _pair(self, other)
        sums = [x + y for x, y in zip(a.balls, b.balls, strict=True)]
        return Vector(sums, (a, lambda up: up), (b, lambda up: up))

    def __sub__(self, other: Vector | Number) -> Vector:
        a, b = _pair(self, other)
        differences = [x - y for x, y in zip(a.balls, b.balls, strict=True)]
        return Vector(differences, (a, lambda up: up), (b, lambda up: [-u for u in up]))

    def __mul__(self, other: Vector | Number) -> Vector:
        a, b = _pair(self, other)
        return Vector(_times(a.balls, b.balls), (a, _scale(b.balls)), (b, _scale(a.balls)))

    def __truediv__(self, other: Vector | Number) -> Vector:
        a, b = _pair(self, other)
        quotient = [x / y for x, y in zip(a.balls, b.balls, strict=True)]

        def by_a(up: Balls) -> Balls:
            return [u / y for u, y in zip(up, b.balls, strict=True)]

        def by_b(up: Balls) -> Balls:
            return [-d * q for d, q in zip(by_a(up), quotient, strict=True)]

        return Vector(quotient, (a, by_a), (b, by_b))

    def __radd__(self, other: Number) -> Vector:
        return self + other

    def __rmul__(self, other: Number) -> Vector:
        return self * other

    def __rsub__(self, other: Number) -> Vector:
        return -self + other

    def __rtruediv__(self, other: Number) -> Vector:
        return Vector.constant([other] * len(self)) / self


def exp(v: Vector) -> Vector:
    """e^v, elementwise."""
    powers = [a.exp() for a in v.balls]
    return Vector(powers, (v, _scale(powers)))


def log(v: Vector) -> Vector:
    """The natural logarithm, elementwise; a ball that is not positive gives NaN."""
    logs = [a.log() for a in v.balls]
    return Vector(logs, (v, lambda up: [u / a for u, a in zip(up, v.balls, strict=True)]))


def tanh(v: Vector) -> Vector:
    """The hyperbolic tangent, elementwise; its derivative is 1 / cosh^2."""
    tangents = [a.tanh() for a in v.balls]
    return Vector(tangents, (v, lambda up: _times(up, [a.sech() ** 2 for a in v.balls])))


def total(v: Vector) -> Vector:
    """The sum of all elements, as a vector of length 1; the empty sum is 0."""
    size = len(v)
    return Vector([sum(v.balls, ZERO)], (v, lambda up: up * size))


def xlogy(a: Vector, b: Vector) -> Vector:
    """The product a ln b, where 0 ln b = 0 for an exact zero a, also in the derivative by b.

    The derivative by a is ln b, also at a = 0.
    """
    logs = [y.log() for y in b.balls]
    zero = [x.is_zero() for x in a.balls]

    def by_b(up: Balls) -> Balls:
        terms = zip(up, a.balls, b.balls, zero, strict=True)
        return [ZERO if empty else u * x / y for u, x, y, empty in terms]

    terms = zip(a.balls, logs, zero, strict=True)
    values = [ZERO if empty else x * y for x, y, empty in terms]
    return Vector(values, (a, _scale(logs)), (b, by_b))


def piecewise(v: Vector, slope: Number) -> Vector:
    """The vector v for v > 0, slope * v otherwise; at 0 the derivative is that of `Kink.side`."""
    below = ball(slope)
    slopes = [ONE if a > 0 or (a.is_zero() and Kink.side > 0) else below for a in v.balls]
    return Vector(_times(v.balls, slopes), (v, _scale(slopes)))


def gradients(output: Vector, upstream: Balls, inputs: Sequence[Vector]) -> list[Balls]:
    """The vector-Jacobian products of `output` for each of `inputs`.

    upstream: one ball for each element of the output. Reverse-mode automatic differentiation
    (A. Griewank and A. Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapter 3).
    """
    order = _topological(output)
    for vector in (*order, *inputs):
        vector.adjoint = None
    output.adjoint = list(upstream)
    for vector in reversed(order):
        for source, pull in vector.sources:
            down = pull(vector.adjoint or [])
            held = source.adjoint
            source.adjoint = (
                down if held is None else [h + d for h, d in zip(held, down, strict=True)]
            )
    return [[ZERO] * len(v) if v.adjoint is None else v.adjoint for v in inputs]


def _times(a: Balls, b: Balls) -> Balls:
    return [x * y for x, y in zip(a, b, strict=True)]


def _scale(factors: Balls) -> Pull:
    return lambda up: _times(up, factors)


def _pair(a: Vector, b: Vector | Number) -> tuple[Vector, Vector]:
    if not isinstance(b, Vector):
        return a, Vector([ball(b)] * len(a))
    if len(a) == len(b):
        return a, b
    return (_spread(a, len(b)), b) if len(a) == 1 else (a, _spread(b, len(a)))


def _spread(v: Vector, size: int) -> Vector:
    if len(v) != 1:
        raise ValueError(f"vectors of length {len(v)} and {size} do not combine")
    return Vector(v.balls * size, (v, lambda up: [sum(up, ZERO)]))


def _topological(output: Vector) -> list[Vector]:
    """Every live vector that `output` depends on, each after its sources."""
    seen: dict[int, Vector] = {}
    stack = [output]
    while stack:
        vector = stack.pop()
        if vector.serial not in seen:
            seen[vector.serial] = vector
            stack.extend([source for source, _ in vector.sources])
    return [seen[serial] for serial in sorted(seen)]  # a vector is made after its sources
