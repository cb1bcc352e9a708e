"""Truths: certified enclosures as arrays of floats, and how they round to every format."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import compress
from operator import sub
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from reference.balls import Ball, ball, precision
from reference.formats import FORMATS, Floats, Format

Entry = Ball | float
"""One output: a ball, or an infinity or NaN as a Python float."""
ACCURACY_BITS = 53 + 20
"""A ball is decided when it is narrower than 2^-20 ulp of float64 ..."""
FLOOR = ball(2) ** -(1074 + 20)
"""... or than 2^-20 of the smallest subnormal."""
DOUBLE = FORMATS["float64"]
SCALED = 1e-270
"""Below this, the tail of a truth is scaled before it becomes a float."""
HUGE = 0.5 * DOUBLE.max
UNCERTAIN = ball("0 +/- 1")
DIFFERENCE_BITS = 256
"""The precision of the differences from float64s: more than the first enclosures hold."""
CERTAIN = 2000
"""The accuracy in bits that an exact number is given."""


@dataclass(frozen=True)
class Truth:
    """The exact result of one quantity, enclosed; all arrays in the output's shape.

    hi: the float64 nearest to the midpoint; infinite or NaN where the truth is, and infinite where
        the truth is finite but beyond the range of float64.
    tail, radius: midpoint minus `hi`, and the enclosure's radius, both in ulps of float64 at `hi`.
    nan: where NaN may be answered instead.
    lower, upper: ends of the subdifferential at kinks, NaN elsewhere; None without any.
    undecided: where the largest precision did not decide the enclosure.
    bits: the precision that was needed.
    """

    hi: Floats
    tail: Floats
    radius: Floats
    nan: NDArray[np.bool_]
    undecided: NDArray[np.bool_]
    bits: int
    lower: Floats | None = None
    upper: Floats | None = None
    _rounded: dict[str, tuple[Floats, Floats, Floats]] = field(
        default_factory=dict, init=False, repr=False
    )

    def taken(self, rows: NDArray[np.intp]) -> Truth:
        """Some rows, perhaps several times."""
        ends = (None if end is None else end[rows] for end in (self.lower, self.upper))
        return Truth(
            self.hi[rows],
            self.tail[rows],
            self.radius[rows],
            self.nan[rows],
            self.undecided[rows],
            self.bits,
            *ends,
        )

    @property
    def lo(self) -> Floats:
        """The second half of the double-double pair (0 below the range of float64)."""
        return np.where(np.isfinite(self.hi), self.tail * DOUBLE.ulp(self.hi), 0.0)

    def error(self, got: NDArray[Any]) -> Floats:
        """|got - truth|, correct to 52 bits, for an array of the same shape (NaN without one)."""
        rest = self.tail * np.spacing(np.abs(self.hi))
        return np.abs((got.astype(np.float64) - self.hi) - rest)

    def rounded(self, format: Format) -> tuple[Floats, Floats, Floats]:
        """RN, RD and RU in the format; computed once, since many outputs are judged by a truth."""
        if format.name not in self._rounded:
            down, up = self.bracket(format)
            self._rounded[format.name] = self._nearest(format, down, up), down, up
        return self._rounded[format.name]

    def nearest(self, format: Format) -> Floats:
        """The truth rounded to the format (RN); NaN where the enclosure leaves it open (`tie`)."""
        return self.rounded(format)[0]

    def _nearest(self, format: Format, down: Floats, up: Floats) -> Floats:
        if format is DOUBLE:
            return self._nearest_double()
        # For rounding, the neighbour of the largest number is 2^(emax+1).
        half = math.ldexp(1.0, format.emax)
        middle = np.clip(down / 2, -half, half) + np.clip(up / 2, -half, half)
        side = np.sign(self.tail) * (np.abs(self.tail) > self.radius)
        tie = (self.hi == middle) & (down != up)
        rounded = np.where(tie & (side > 0), up, format.nearest(self.hi))
        rounded = np.where(tie & (side < 0), down, rounded)
        return np.where(tie & (side == 0) & (self.radius > 0), np.nan, rounded)

    def _nearest_double(self) -> Floats:
        """`hi`, unless the enclosure reaches half of the way to a neighbour."""
        inward = self.tail * np.sign(self.hi) < 0
        power = (np.abs(np.frexp(self.hi)[0]) == 0.5) & (np.abs(self.hi) > DOUBLE.tiny)
        reach = np.where(power & inward, 0.25, 0.5)
        # Not tail + radius > reach, in which the radius may be lost; the tail is rounded itself.
        slack = self.radius + np.spacing(np.abs(self.tail)) / 2
        open_ = (self.radius > 0) & (reach - np.abs(self.tail) < slack)
        return np.where(open_, np.nan, self.hi)

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
        """One truth in decimal: the certain digits, at most `count` (the pair holds about 31)."""
        hi = float(self.hi[index])
        if not math.isfinite(hi):
            return str(hi)
        ulp = Fraction(float(DOUBLE.ulp(np.array(hi))))
        tail, radius = Fraction(float(self.tail[index])), Fraction(float(self.radius[index]))
        radius += abs(tail) / 2**53  # the tail itself is a rounded number
        return decimal(Fraction(hi) + tail * ulp, count, radius * ulp)


def decimal(exact: Fraction, count: int, radius: Fraction = Fraction(0)) -> str:
    """A rational in decimal: the digits that the radius leaves certain, at most `count`."""
    if exact == 0:
        return "0"
    with precision(4 * count + 64):
        text = (ball(exact) + ball(radius) * UNCERTAIN).str(count, radius=False)
    return str(text)


class Column:
    """Entries with their float64s and their relative accuracy in bits."""

    __slots__ = ("accuracy", "entries", "tops")

    def __init__(
        self,
        entries: list[Entry],
        tops: Floats | None = None,
        accuracy: NDArray[np.int64] | None = None,
    ) -> None:
        self.entries = entries
        self.tops = _tops(entries) if tops is None else tops
        self.accuracy = _accuracy(entries) if accuracy is None else accuracy

    @classmethod
    def of(cls, balls: list[Ball]) -> Column:
        """A column of balls alone, which need not be told from floats."""
        accuracy = np.fromiter(map(arb.rel_accuracy_bits, balls), np.int64, len(balls))
        return cls(balls, _tops(balls), accuracy)

    @classmethod
    def joined(cls, columns: Sequence[Column]) -> Column:
        """Columns, one after the other."""
        return cls(
            [entry for column in columns for entry in column.entries],
            np.concatenate([column.tops for column in columns]),
            np.concatenate([column.accuracy for column in columns]),
        )

    def put(self, places: NDArray[np.intp], other: Column) -> None:
        """Replace entries."""
        self.tops[places], self.accuracy[places] = other.tops, other.accuracy
        for place, entry in zip(places.tolist(), other.entries, strict=True):
            self.entries[place] = entry

    def wide(self) -> list[int]:
        """The places of the entries that are not decided, or are balls without a number."""
        suspects = np.flatnonzero((self.accuracy < ACCURACY_BITS) | ~np.isfinite(self.tops))
        return [i for i in suspects.tolist() if not settled(self.entries[i])]


def settled(entry: Entry) -> bool:
    """Whether an entry is narrow enough to be a truth."""
    if isinstance(entry, float):
        return True
    narrow = entry.rel_accuracy_bits() >= ACCURACY_BITS or bool(entry.rad() < FLOOR)
    return narrow and bool(entry.is_finite())


def _tops(entries: list[Entry]) -> Floats:
    return np.fromiter(map(float, entries), np.float64, len(entries))


def _accuracy(entries: list[Entry]) -> NDArray[np.int64]:
    of: Callable[[Entry], int] = arb.rel_accuracy_bits
    if float in set(map(type, entries)):
        # The method does not check what it is given: a float would be read as a ball.
        found = [CERTAIN if type(e) is float else of(e) for e in entries]
    else:
        found = list(map(of, entries))
    return np.array(found, dtype=np.int64)


@dataclass(slots=True)
class Packed:
    """Truths without kinks before they have a shape: small arrays cost as much as large.

    floats: the arrays `hi`, `tail` and `radius` of a truth, in one.
    undecided: as that of a truth; None where everything is decided.
    """

    floats: Floats
    undecided: NDArray[np.bool_] | None

    def part(self, start: int, stop: int) -> Packed:
        """The entries of one quantity."""
        undecided = self.undecided
        return Packed(
            self.floats[:, start:stop], None if undecided is None else undecided[start:stop]
        )

    def rows(self, count: int, width: int, chosen: NDArray[np.intp]) -> Packed:
        """Some rows of `count`, each `width` long."""
        undecided = self.undecided
        if undecided is not None:
            undecided = undecided.reshape(count, width)[chosen]
        return Packed(self.floats.reshape(3, count, width)[:, chosen], undecided)

    def truth(self, shape: tuple[int, ...], axes: tuple[int, ...], bits: int) -> Truth:
        """The truth, in a shape with its axes moved."""
        hi, tail, radius = self.floats.reshape(3, *shape)
        nothing = undecided = np.zeros(shape, dtype=bool)
        if self.undecided is not None:
            undecided = self.undecided.reshape(shape)
        if not axes:
            return Truth(hi, tail, radius, nothing, undecided, bits)
        hi, tail, radius = (array.transpose(axes) for array in (hi, tail, radius))
        return Truth(hi, tail, radius, nothing.transpose(axes), undecided.transpose(axes), bits)


def pack(column: Column) -> Packed:
    """The truths of all entries."""
    undecided = None
    if wide := column.wide():
        undecided = np.zeros(len(column.entries), dtype=bool)
        undecided[wide] = True
    return pack_decided(column, undecided)


def pack_decided(column: Column, undecided: NDArray[np.bool_] | None = None) -> Packed:
    """The truths of all entries, of which it is known which are undecided."""
    entries, hi, accuracy = column.entries, column.tops, np.minimum(column.accuracy, CERTAIN)
    floats = np.zeros((3, len(hi)))
    floats[0] = hi
    size = np.abs(hi)
    plain = (size > SCALED) & (size < HUGE)
    if plain.all():
        floats[1], floats[2] = _tails(entries, hi, size, accuracy)
        return Packed(floats, undecided)
    chosen = list(compress(entries, plain.tolist()))
    floats[1:, plain] = _tails(chosen, hi[plain], size[plain], accuracy[plain])
    for i in np.flatnonzero(~plain & np.isfinite(hi)).tolist():
        entry: Ball = entries[i]
        if not (isinstance(entry, float) or entry.is_zero()):
            floats[1:, i] = _scaled(entry, float(hi[i]))
    return Packed(floats, undecided)


def _tails(
    entries: list[Ball], tops: Floats, size: Floats, accuracy: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """The tails and the radii beside float64s of ordinary size, in ulps."""
    with precision(DIFFERENCE_BITS):  # so that a tail is rounded once, to the nearest float64
        differences = map(float, map(sub, entries, tops.tolist()))
        tails = np.fromiter(differences, np.float64, len(entries))
    # radius <= |midpoint| 2^-accuracy (Arb, arb_rel_error_bits), and |midpoint| < 2^53 ulps.
    return tails / np.spacing(size), np.ldexp(1.0, 53 - accuracy)


def _scaled(entry: Ball, top: float) -> tuple[float, float]:
    """The tail and the radius, in ulps, beside a float64 so small that they would underflow."""
    grain = ball(math.ulp(top))
    return float((entry - top) / grain), float(entry.rad() / grain)


def subgradient(right: Truth, left: Truth) -> Truth:
    """The interval between the one-sided derivatives where they differ."""
    differ = (right.hi != left.hi) & np.isfinite(right.hi) & np.isfinite(left.hi)
    if not differ.any():
        return right
    lower = np.where(differ, np.fmin(right.hi, left.hi), np.nan)
    upper = np.where(differ, np.fmax(right.hi, left.hi), np.nan)
    return replace(right, lower=lower, upper=upper)
