"""Vectors that remember how they were made: reverse-mode differentiation over any arithmetic.

A vector is a batch of rows of numbers. What the numbers are is none of this file's business: balls
give certified truths (`reference/balls.py`), numbers with error bounds give bounds
(`reference/running.py`). A definition is written once, for one row, as the textbook writes it; it
runs on all rows at once, and its derivatives of every order follow from it (A. Griewank and
A. Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapter 3): the reverse sweep is written
in vectors too, so that what it finds can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = Any
"""A batch of rows: + - * / between batches (a row of one number combines with any row) and plain
numbers, the `width` of the rows, and `arithmetic`, which has the functions."""
Scalar = float
"""A parameter, which is a constant: a plain number or, when it is evaluated, one ball."""
Pull = Callable[["Vector"], "Vector"]


class Kink:
    """The side from which a point without a derivative is approached: +1 right, -1 left."""

    side = 1


class _Tape:
    """The vectors made so far, each after its sources; None: nothing is remembered."""

    made: list[Vector] | None = None


@contextmanager
def recording() -> Iterator[None]:
    """Remember what is made inside; it can be differentiated there, and is forgotten at the end."""
    before, _Tape.made = _Tape.made, []
    try:
        yield
    finally:
        for vector in _Tape.made:
            vector.sources = ()  # they refer to each other, and would wait for the collector
        _Tape.made = before


@contextmanager
def _no_recording() -> Iterator[None]:
    before, _Tape.made = _Tape.made, None
    try:
        yield
    finally:
        _Tape.made = before


@dataclass(frozen=True)
class Labels:
    """The class of each row, and which rows are kept (a row that is ignored has any class).

    classes: a list of int, or what else the numbers take to pick from rows.
    """

    classes: Any
    kept: NDArray[np.bool_]

    def one_hot(self, like: Vector) -> Vector:
        """Constant rows with a one at the class and zeros elsewhere, as long as those of `like`."""
        ones = Vector(like.numbers.arithmetic.zeros(like[self].numbers) + 1)
        return Vector(ones.numbers.scatter(self.classes, like.width))


class Vector:
    """A batch of rows of numbers and how they were made.

    sources: the vectors it was made from, each with the map that pulls an adjoint of this vector
    back to it. Arithmetic is elementwise; a row of length 1 combines with any length, and plain
    numbers are constants. An adjoint may have rows of length 1 that stand for equal numbers.
    """

    __slots__ = ("live", "numbers", "sources")
    __array_ufunc__ = None

    def __init__(self, numbers: Numbers, *sources: tuple[Vector, Pull], live: bool = False) -> None:
        self.numbers = numbers
        self.sources: Sequence[tuple[Vector, Pull]] = ()
        self.live = live
        if sources and _Tape.made is not None:
            self.sources = [pair for pair in sources if pair[0].live]
            if self.sources:
                self.live = True
                _Tape.made.append(self)

    @property
    def shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = self.numbers.shape
        return shape

    @property
    def width(self) -> int:
        """The length of a row."""
        width: int = self.numbers.width
        return width

    @property
    def balls(self) -> list[Any]:
        """The balls of all rows, one row after the other."""
        flat: list[Any] = self.numbers.flat
        return flat

    def __len__(self) -> int:
        return self.width

    def __getitem__(self, labels: Labels) -> Vector:
        """The number at the label of each row, as rows of length 1."""
        width = self.width
        picked = self.numbers.pick(labels.classes)
        return Vector(picked, (self, lambda up: _scatter(up, labels, width)))

    def __neg__(self) -> Vector:
        return Vector(-self.numbers, (self, lambda up: -up))

    def __abs__(self) -> Vector:
        negative = self.numbers < 0
        return Vector(abs(self.numbers), (self, lambda up: where(negative, -up, up)))

    def __add__(self, other: Any) -> Vector:
        if not isinstance(other, Vector):
            return Vector(self.numbers + other, (self, _same))
        return _binary(self.numbers + other.numbers, (self, _same), (other, _same))

    def __sub__(self, other: Any) -> Vector:
        if not isinstance(other, Vector):
            return Vector(self.numbers - other, (self, _same))
        return _binary(self.numbers - other.numbers, (self, _same), (other, lambda up: -up))

    def __mul__(self, other: Any) -> Vector:
        if not isinstance(other, Vector):
            return Vector(self.numbers * other, (self, lambda up: up * other))
        return _binary(
            self.numbers * other.numbers,
            (self, lambda up: up * other),
            (other, lambda up: up * self),
        )

    def __truediv__(self, other: Any) -> Vector:
        if not isinstance(other, Vector):
            return Vector(self.numbers / other, (self, lambda up: up / other))
        quotient = _binary(
            self.numbers / other.numbers,
            (self, lambda up: up / other),
            (other, lambda up: -(up * quotient / other)),
        )
        return quotient

    def __rsub__(self, other: Any) -> Vector:
        return Vector(other - self.numbers, (self, lambda up: -up))

    def __rtruediv__(self, other: Any) -> Vector:
        quotient = Vector(other / self.numbers, (self, lambda up: -(up * quotient / self)))
        return quotient

    __radd__ = __add__
    __rmul__ = __mul__

    def __lt__(self, other: Any) -> Any:
        return self.numbers < other

    def __gt__(self, other: Any) -> Any:
        return self.numbers > other


def exp(v: Vector) -> Vector:
    """e^v, elementwise."""
    power = Vector(v.numbers.arithmetic.exp(v.numbers), (v, lambda up: up * power))
    return power


def expm1(v: Vector) -> Vector:
    """e^v - 1, elementwise."""
    return Vector(v.numbers.arithmetic.expm1(v.numbers), (v, lambda up: up * exp(v)))


def log(v: Vector) -> Vector:
    """The natural logarithm, elementwise."""
    return Vector(v.numbers.arithmetic.log(v.numbers), (v, lambda up: up / v))


def log1p(v: Vector) -> Vector:
    """ln(1 + v), elementwise."""
    return Vector(v.numbers.arithmetic.log1p(v.numbers), (v, lambda up: up / (1 + v)))


def tanh(v: Vector) -> Vector:
    """The hyperbolic tangent, elementwise; its derivative is 1 / cosh^2."""
    return Vector(v.numbers.arithmetic.tanh(v.numbers), (v, lambda up: up * _sech2(v)))


def _sech2(v: Vector) -> Vector:
    square = Vector(
        v.numbers.arithmetic.sech2(v.numbers), (v, lambda up: up * (-2 * tanh(v)) * square)
    )
    return square


def power(v: Vector, exponent: Any) -> Vector:
    """v^exponent for v > 0 and a plain number as exponent, elementwise."""
    return Vector(
        v.numbers.arithmetic.power(v.numbers, exponent),
        (v, lambda up: up * exponent * power(v, exponent - 1)),
    )


def lgamma(v: Vector) -> Vector:
    """The logarithm of the gamma function of a constant, elementwise; it has no derivative here."""
    if v.live:
        raise ValueError("lgamma is for constants")
    return Vector(v.numbers.arithmetic.lgamma(v.numbers))


def total(v: Vector, groups: int = 1) -> Vector:
    """The sum of each row, or of `groups` equal parts of it, one after the other."""
    if groups == 1:
        return Vector(v.numbers.arithmetic.total(v.numbers), (v, _same))
    sums = v.numbers.arithmetic.total(v.numbers, groups)
    size = v.width // groups
    return Vector(sums, (v, lambda up: up if up.width == 1 else repeat(up, size)))


def repeat(v: Vector, times: int) -> Vector:
    """Each number of a row `times` times, one after the other."""
    copies, width = v.numbers.arithmetic.repeat(v.numbers, times), v.width
    return Vector(copies, (v, lambda up: up * times if up.width == 1 else total(up, width)))


def turned(v: Vector, lines: int) -> Vector:
    """Each row as a matrix of so many lines, one after the other, transposed."""
    width = v.width
    other = v.numbers.arithmetic.turned(v.numbers, lines)
    return Vector(other, (v, lambda up: up if up.width == 1 else turned(up, width // lines)))


def others(v: Vector) -> Vector:
    """For each number, the sum of all the others in its row: no difference of nearly equals."""
    sums, zeros = v.numbers.arithmetic.others(v.numbers), v.numbers.arithmetic.zeros(v.numbers)
    return Vector(sums, (v, lambda up: others(up if up.width == v.width else up + Vector(zeros))))


def where(mask: Any, v: Vector | float, w: Vector | float) -> Vector:
    """The numbers of v where the mask holds, else those of w; plain numbers are constants."""
    if isinstance(v, Vector) and v.width >= (mask.shape or (1,))[-1] and mask.all():
        return v
    vector = next(x for x in (v, w) if isinstance(x, Vector))
    numbers = [x.numbers if isinstance(x, Vector) else x for x in (v, w)]
    chosen = vector.numbers.arithmetic.where(mask, *numbers)
    pulls: tuple[Pull, Pull] = (lambda up: where(mask, up, 0), lambda up: where(mask, 0, up))
    sources = [(x, pull) for x, pull in zip((v, w), pulls, strict=True) if isinstance(x, Vector)]
    return _binary(chosen, *sources)


def by_rule(numbers: Numbers, v: Vector, pull: Callable[[Vector, Vector], Vector]) -> Vector:
    """A function of v with a derivative of its own: `pull` makes the adjoint of v.

    It is given the adjoint of the result, in full rows, and the result.
    """
    result = Vector(numbers, (v, lambda up: pull(_filled(result, up), result)))
    return result


def largest(v: Vector) -> Vector:
    """The maximum of each row, as rows of length 1; its derivative goes to the first of equals."""
    arithmetic = v.numbers.arithmetic
    first = arithmetic.largest(v.numbers)
    return Vector(arithmetic.max(v.numbers), (v, lambda up: where(first, up, 0)))


def xlogy(a: Vector, b: Vector) -> Vector:
    """The product a ln b, where 0 ln b = 0 for an exact zero a.

    The derivative by a is ln b, also at a = 0; the derivative by b has no value at a = b = 0.
    """
    none, logs = a.numbers.arithmetic.zero(a.numbers), log(b)
    with _no_recording():
        product = where(none, 0, a * logs)
    return _binary(
        product.numbers,
        (a, lambda up: up * logs),
        (b, lambda up: up * a / b),
    )


def clip(v: Vector, low: Scalar, high: Scalar) -> Vector:
    """The numbers of v, not below `low` and not above `high`; the derivative there is 0 or 1."""
    return low + relu(v - low) - relu(v - high)


def relu(v: Vector, slope: Scalar = 0) -> Vector:
    """V for v > 0, slope * v otherwise; at 0 the derivative is that of `Kink.side`."""
    arithmetic = v.numbers.arithmetic
    above = arithmetic.positive(v.numbers, Kink.side > 0)
    return where(above, v, v * slope)


def gradients(
    output: Vector, upstream: Vector, inputs: Sequence[Vector], *, record: bool = False
) -> list[Vector]:
    """The vector-Jacobian products of `output` for each of `inputs`, in the shapes of the inputs.

    upstream: the cotangent, in the shape of the output. record: whether the results can be
    differentiated again.
    """
    if _Tape.made is None:
        raise ValueError("gradients are taken inside `recording()`")
    adjoints = {id(output): upstream}
    made = list(_Tape.made)
    if record:
        _sweep(made, adjoints)
    else:
        with _no_recording():
            _sweep(made, adjoints)
    return [_filled(v, adjoints.get(id(v))) for v in inputs]


def _sweep(made: Sequence[Vector], adjoints: dict[int, Vector]) -> None:
    for vector in reversed(made):
        up = adjoints.get(id(vector))
        if up is None:
            continue
        for source, pull in vector.sources:
            down = pull(up)
            held = adjoints.get(id(source))
            adjoints[id(source)] = down if held is None else held + down


def _filled(vector: Vector, adjoint: Vector | None) -> Vector:
    """An adjoint in the full shape of its vector: zeros if there is none."""
    if adjoint is not None and adjoint.width == vector.width:
        return adjoint
    zeros = Vector(vector.numbers.arithmetic.zeros(vector.numbers))
    return zeros if adjoint is None else adjoint + zeros


def _same(up: Vector) -> Vector:
    return up


def _scatter(up: Vector, labels: Labels, width: int) -> Vector:
    """Rows of zeros with the one number of `up` at the label."""
    return Vector(up.numbers.scatter(labels.classes, width), (up, lambda down: down[labels]))


def _binary(numbers: Numbers, *sources: tuple[Vector, Pull]) -> Vector:
    """A result whose sources may have had rows of one number, which were spread."""
    width = numbers.width
    if width == 1 or all(v.width == width for v, _ in sources):
        return Vector(numbers, *sources)
    return Vector(numbers, *[(v, _shrunk(v, pull, width)) for v, pull in sources])


def _shrunk(source: Vector, pull: Pull, width: int) -> Pull:
    if source.width == width:
        return pull

    def sums(up: Vector) -> Vector:
        down = pull(up)
        return total(down) if down.width == width else down * width

    return sums
