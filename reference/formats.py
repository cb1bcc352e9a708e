"""Number formats: exact rounding of rationals and of double-double pairs.

A format is a binary floating-point format with p significant bits and normal exponents emin..emax
(a normal number is m * 2^e, 1 <= m < 2). The unit roundoff is u = 2^-p. Every number of the four
formats is exactly a float64, so arrays of inputs and outputs are carried as float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Format:
    """A binary floating-point format (IEEE 754-2019, section 3.3; bfloat16 likewise)."""

    name: str
    p: int
    emin: int
    emax: int
    numpy: np.dtype

    @property
    def u(self) -> float:
        """Unit roundoff 2^-p: half the distance from 1 to the next larger number."""
        return math.ldexp(1.0, -self.p)

    @property
    def max(self) -> float:
        """The largest finite number."""
        return math.ldexp(2.0 - 2.0 * self.u, self.emax)

    @property
    def tiny(self) -> float:
        """The smallest positive normal number."""
        return math.ldexp(1.0, self.emin)

    @property
    def subnormal(self) -> float:
        """The smallest positive number, the ulp of every subnormal."""
        return math.ldexp(1.0, self.emin - self.p + 1)

    def round(self, exact: Fraction) -> float:
        """The nearest number of the format, ties to even, overflow to infinity."""
        top, bottom = abs(exact.numerator), exact.denominator
        sign = 1.0 if exact > 0 else -1.0
        if top == 0:
            return 0.0
        exponent = top.bit_length() - bottom.bit_length()
        if (top >> exponent if exponent >= 0 else top << -exponent) < bottom:
            exponent -= 1
        place = max(exponent, self.emin) - self.p + 1
        if place >= 0:
            bottom <<= place
        else:
            top <<= -place
        count, rest = divmod(top, bottom)
        if 2 * rest > bottom or (2 * rest == bottom and count & 1):
            count += 1
        if exponent > self.emax or count >> (self.emax - place + 1):
            return sign * math.inf
        return sign * math.ldexp(count, place)

    def holds(self, number: float) -> bool:
        """Whether a float64 is a number of this format (infinities and NaN are)."""
        return not math.isfinite(number) or self.round(Fraction(number)) == number

    def ulp(self, reals: Floats) -> Floats:
        """The unit in the last place of each real: 2^(max(floor(log2 |r|), emin) - (p - 1)).

        Subnormals and zero share the smallest ulp; infinities and NaN have none (NaN).
        """
        normal = np.maximum(np.abs(reals), self.tiny)
        ulp: Floats = np.ldexp(1.0, np.frexp(normal)[1] - self.p)
        return np.where(np.isfinite(reals), ulp, np.nan)

    def nearest(self, values: Floats) -> Floats:
        """Each float64 rounded to the format: ties to even, overflow to infinity."""
        ulp = self.ulp(values)
        with np.errstate(invalid="ignore", over="ignore"):
            rounded = np.where(np.isfinite(values), np.rint(values / ulp) * ulp, values)
        return np.where(np.abs(rounded) > self.max, np.copysign(np.inf, rounded), rounded)

    def floor(self, values: Floats) -> Floats:
        """The largest number of the format that is at most each float64."""
        ulp = self.ulp(values)
        with np.errstate(invalid="ignore", over="ignore"):
            down = np.where(np.isfinite(values), np.floor(values / ulp) * ulp, values)
        return np.where(down > self.max, self.max, np.where(down < -self.max, -np.inf, down))

    def next_up(self, numbers: Floats) -> Floats:
        """The next number of the format above each number of the format; inf above itself."""
        # Below a power of two, coming from beneath, the ulp is half that of the number itself.
        ulp = self.ulp(numbers)
        with np.errstate(over="ignore"):
            lower = self.ulp(numbers + ulp / 2)
            up = numbers + np.where(numbers < 0, lower, ulp)
        up = np.where(np.isinf(numbers), np.fmax(numbers, -self.max), up)
        return np.where(up > self.max, np.inf, up)

    def array(self, values: Floats) -> NDArray[Any]:
        """The same numbers as an array of the format's own dtype."""
        with np.errstate(over="ignore"):
            return np.asarray(values, dtype=np.float64).astype(self.numpy)


FORMATS = {
    f.name: f
    for f in (
        Format("float16", 11, -14, 15, np.dtype(np.float16)),
        Format("bfloat16", 8, -126, 127, np.dtype(ml_dtypes.bfloat16)),
        Format("float32", 24, -126, 127, np.dtype(np.float32)),
        Format("float64", 53, -1022, 1023, np.dtype(np.float64)),
    )
}
