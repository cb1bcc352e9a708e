"""Running error analysis: an algorithm, written once, tells its result and how wrong it may be.

A model algorithm is a function `f(a, *inputs, **parameters)` over an abstract arithmetic `a`: it
uses + - * / between numbers, `abs`, comparisons of inputs, and the methods of `Arithmetic`. Inputs
and parameters are numbers of `a`: (N,) or (N, K) for elementwise operators, (N, C) for rows of
classes; index labels come as rows with a one at the label (all zeros: ignored); what is one number
a row has shape (N, 1). An algorithm is executed by two interpreters:

- `Plain`: NumPy arrays of the dtype itself. The algorithm is then an implementation like any other.
- `Running`: numbers that carry a bound on the error that any such implementation can have made
  (N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., SIAM 2002, section 3.3;
  J. H. Wilkinson's running error analysis). The bound is not linearised: it holds for u = 2^-8 too.

The model of arithmetic: a correctly rounded operation gives (x op y)(1 + d), |d| <= u; exp and
expm1 err by at most E u relative, log and log1p by L u; max, abs, negation and selection are exact;
a product with an exact power of two, and a sum with an exact zero, are exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reference.formats import Floats, Format

Mask = NDArray[np.bool_]
Growth = Callable[[Floats], Floats]
Pull = Callable[[Any, Any], Any]

EXP_ERROR = 4.0
"""E: the relative error allowed to exp and expm1, in u (2 ulps)."""
LOG_ERROR = 6.0
"""L: the relative error allowed to log and log1p, in u (3 ulps)."""
DOUBLE = np.finfo(np.float64)
FAR = -800.0
"""Below, e^x is far below the smallest number, and 0 whatever its relative error."""
BLOCK = 16
"""Terms that a fast summation adds one after the other (one lane of a block of 128 in 8 lanes)."""


def pairwise(n: Floats) -> Floats:
    """h(n), the growth of a sum of n terms in blocks that are added in pairs."""
    growth: Floats = np.minimum(n - 1, BLOCK + np.ceil(np.log2(np.maximum(n, 1))))
    return growth


def grouped(n: Floats) -> Floats:
    """h(n), the growth of a sum of n terms in sqrt(n) groups of sqrt(n) terms."""
    growth: Floats = np.minimum(n - 1, BLOCK + 2 * np.ceil(np.sqrt(n)))
    return growth


class Arithmetic(Protocol):
    """What a model algorithm may use beside the operators of its numbers."""

    def exact(self, values: ArrayLike) -> Any:
        """A number known exactly: an input or a parameter of the operator."""

    def exp(self, x: Any, most: float = math.inf) -> Any:
        """The exponential of x, of which it is known that no larger x than `most` is computed."""

    def expm1(self, x: Any) -> Any:
        """e^x - 1."""

    def log(self, x: Any) -> Any:
        """The natural logarithm of x."""

    def power(self, x: Any, exponent: Any) -> Any:
        """A positive x to the power of a parameter."""

    def log1p(self, x: Any) -> Any:
        """ln(1 + x), for x >= 0 or an exact x."""

    def lgamma(self, x: Any) -> Any:
        """The logarithm of Gamma(x), for x >= 1."""

    def total(self, x: Any, groups: int = 1) -> Any:
        """The sum over the last axis, or over `groups` equal parts of it; adding a zero is free."""

    def repeat(self, x: Any, times: int) -> Any:
        """Each number of the last axis `times` times, one after the other."""

    def turned(self, x: Any, lines: int) -> Any:
        """The last axis as a matrix of so many lines, one after the other, transposed."""

    def mean(self, x: Any, count: float) -> Any:
        """The sum over the last axis, which is kept with length 1, divided by `count`."""

    def max(self, x: Any) -> Any:
        """The maximum over the last axis, which is kept with length 1."""

    def largest(self, x: Any) -> Mask:
        """Where the first maximum of each row is."""

    def zero(self, x: Any) -> Mask:
        """Where x is 0, and so without error."""

    def relu(self, x: Any) -> Any:
        """The larger of x and 0."""

    def step(self, x: Any) -> Any:
        """1 where x > 0, else 0; either where the error of x leaves its sign open."""

    def clip(self, x: Any, low: Any, high: Any) -> Any:
        """The numbers of x, not below `low` and not above `high`."""

    def where(self, mask: Mask, x: Any, y: Any) -> Any:
        """`x` where the mask holds, else `y`."""

    def any_of(self, *results: Any) -> Any:
        """The same quantity by several algorithms: an implementation may use any of them."""

    def primitive(self, x: Any, result: Any, pull: Pull) -> Any:
        """A function of x that has a derivative of its own, beside that of its steps.

        pull: the derivative as frameworks register it, in terms of the rounded result: from the
            adjoint of the result and the result, the adjoint of x.
        """


class Number:
    """An array of numbers and a bound on the error of their computed values.

    value: what exact arithmetic gives, in float64. Where the algorithm cancels, its own error is
        u(float64) times the terms: in a bound, where it is multiplied by u, of second order.
    error: |computed - value| <= error; the float 0.0 for an input.
    ratio: whether computed/value also lies in [1/(1 + r), 1 + r], r = error/|value|. It does where
        nothing cancels, and it lets a divisor or the argument of a logarithm have a large r.
    sure: whether some elements may be free of error. To look for them costs time.
    """

    __array_ufunc__ = None
    __slots__ = ("arithmetic", "error", "ratio", "sure", "value")

    def __init__(
        self, arithmetic: Running, value: Any, error: Any, *, ratio: bool, sure: bool = False
    ) -> None:
        self.arithmetic, self.value, self.error = arithmetic, value, error
        self.ratio, self.sure = ratio, sure

    @property
    def shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = np.shape(self.value)
        return shape

    @property
    def width(self) -> int:
        """The length of the last axis, 1 for a single number."""
        return self.shape[-1] if self.shape else 1

    def transpose(self, *axes: int) -> Number:
        error = self.error if self.exact else np.broadcast_to(self.error, self.shape)
        error = error if self.exact else error.transpose(*axes)
        return self._like(self.value.transpose(*axes), error)

    def ones(self) -> Floats:
        """Ones in this shape."""
        return np.ones(self.shape)

    @property
    def exact(self) -> bool:
        """Whether this is an input, or chosen from inputs."""
        return type(self.error) is float  # a NumPy float64 is a computed error

    def reshape(self, *shape: int | tuple[int, ...]) -> Number:
        value = self.value.reshape(*shape)
        if self.exact:
            return self._like(value, self.error)
        return self._like(value, np.broadcast_to(self.error, self.shape).reshape(*shape))

    def __neg__(self) -> Number:
        return self._like(-self.value, self.error)

    def __abs__(self) -> Number:
        return self._like(np.abs(self.value), self.error)

    def __add__(self, other: Number | float) -> Number:
        return self.arithmetic.add(self, self.arithmetic.number(other))

    def __sub__(self, other: Number | float) -> Number:
        return self.arithmetic.add(self, -self.arithmetic.number(other))

    def __rsub__(self, other: float) -> Number:
        return self.arithmetic.add(self.arithmetic.number(other), -self)

    def __mul__(self, other: Number | float) -> Number:
        return self.arithmetic.multiply(self, self.arithmetic.number(other))

    def __truediv__(self, other: Number | float) -> Number:
        return self.arithmetic.divide(self, self.arithmetic.number(other))

    def __rtruediv__(self, other: float) -> Number:
        return self.arithmetic.divide(self.arithmetic.number(other), self)

    __radd__ = __add__
    __rmul__ = __mul__

    def __gt__(self, other: float) -> Mask:
        mask: Mask = self.value > other
        return mask

    def __lt__(self, other: float) -> Mask:
        mask: Mask = self.value < other
        return mask

    def _like(self, value: Any, error: Any) -> Number:
        return Number(self.arithmetic, value, error, ratio=self.ratio, sure=self.sure)


class Running:
    """Arithmetic on values that carry their error bounds.

    target: the format whose u, smallest number and range are those of every operation.
    growth: h(n) of a sum of n terms that are not zero.
    flush: whether every operation may return a zero for a subnormal result.
    exp_error, log_error: E and L.
    """

    def __init__(
        self,
        target: Format,
        growth: Growth,
        flush: bool = False,
        exp_error: float = EXP_ERROR,
        log_error: float = LOG_ERROR,
    ) -> None:
        self.growth, self.flush = growth, flush
        self.exp_error, self.log_error = exp_error, log_error
        self.target, self.u, self.tiny = target, target.u, target.tiny
        # Half of the smallest subnormal of float64 is no float64.
        self.half_subnormal = max(target.subnormal / 2, DOUBLE.smallest_subnormal)
        # In float64 the exact value itself can overflow and underflow here.
        self.double = target.max == DOUBLE.max

    def exact(self, values: ArrayLike) -> Number:
        value = np.asarray(values, dtype=np.float64)
        return Number(self, value, 0.0, ratio=True, sure=True)

    def number(self, x: Number | float) -> Number:
        return x if isinstance(x, Number) else self.exact(x)

    def add(self, x: Number, y: Number) -> Number:
        value = self._in_range(x.value + y.value, x.value, y.value)
        error = x.error + y.error
        bound = self._rounded(value, error, quantum=0.0)
        for term in (x, y):
            if term.sure and (zero := self.zero(term)).any():
                bound = np.where(zero, error, bound)
        ratio = x.ratio and y.ratio and ((x.exact and y.exact) or _same_sign(x.value, y.value))
        return Number(self, value, bound, ratio=ratio, sure=x.sure and y.sure)

    def multiply(self, x: Number, y: Number) -> Number:
        value = self._in_range(x.value * y.value, x.value, y.value)
        moved: Any = 0.0
        if not y.exact:
            moved = np.abs(x.value) * y.error + x.error * y.error
        if not x.exact:
            moved = moved + np.abs(y.value) * x.error
        bound = self._rounded(value, moved)
        for factor in (x, y):
            bound = self._unless_scaled(factor, value, moved, bound)
        if self.double:
            bound = self._unless_lost(value, (x.value != 0) & (y.value != 0), bound)
        return Number(self, value, bound, ratio=x.ratio and y.ratio, sure=x.sure or y.sure)

    def divide(self, x: Number, y: Number) -> Number:
        value = x.value / y.value
        inverse = _relative(y)
        moved = np.abs(x.value) * inverse
        if not x.exact:
            moved = moved + x.error * (1 + inverse)
        moved = moved / np.abs(y.value)
        bound = self._unless_scaled(y, value, moved, self._rounded(value, moved))
        if self.double:
            bound = self._unless_lost(value, (x.value != 0) & np.isfinite(y.value), bound)
        return Number(self, value, bound, ratio=x.ratio and y.ratio, sure=x.sure and y.sure)

    def exp(self, x: Number, most: float = math.inf) -> Number:
        value = np.exp(x.value)
        moved: Any = 0.0 if x.exact else _exp_moved(x, value, most)
        bound = self._rounded(value, moved, self.exp_error)
        if self.double:
            bound = self._unless_lost(value, x.value > FAR, bound)
        return Number(self, value, bound, ratio=True)

    def expm1(self, x: Number) -> Number:
        value = np.expm1(x.value)
        moved = np.exp(x.value) * np.expm1(x.error)
        return Number(self, value, self._rounded(value, moved, self.exp_error), ratio=x.exact)

    def log(self, x: Number) -> Number:
        value = np.log(x.value)
        moved = np.log1p(_relative(x))
        return Number(self, value, self._rounded(value, moved, self.log_error), ratio=x.exact)

    def log1p(self, x: Number) -> Number:
        value = np.log1p(x.value)
        moved = np.log1p(x.error / (1 + x.value))
        return Number(self, value, self._rounded(value, moved, self.log_error), ratio=x.ratio)

    def power(self, x: Number, exponent: float | Number) -> Number:
        """A positive x to a power that is exact, with the error that is allowed to exp."""
        e = exponent.value if isinstance(exponent, Number) else np.float64(exponent)
        value = np.power(x.value, e)
        moved = value * np.expm1(np.abs(e) * np.log1p(_relative(x)))
        moved = np.where(value == 0, 0.0, moved)
        if not x.exact and not x.ratio:
            moved = np.where(e > 0, _power_moved(x, value, e), moved)
        whole = np.where((e == 0) | (e == 1), 0.0, self.exp_error)
        bound = self._rounded(value, moved, whole)
        if self.double:
            bound = self._unless_lost(value, e * np.log(x.value) > FAR, bound)
        return Number(self, value, bound, ratio=x.ratio)

    def lgamma(self, x: Number) -> Number:
        """The logarithm of the gamma function of x >= 1, with the error that is allowed to log."""
        value = self._in_range(_lgamma(x.value), x.value)
        # Its derivative is at most ln x, or 1 near x = 1.
        moved = x.error * np.maximum(np.log(x.value), 1.0)
        return Number(self, value, self._rounded(value, moved, self.log_error), ratio=False)

    def total(self, x: Number, groups: int = 1) -> Number:
        if groups != 1:
            parts = x.reshape(-1, groups, x.width // groups)
            return self.total(parts).reshape(-1, groups)
        return self._sum(x, x.value, x.error)

    def repeat(self, x: Number, times: int) -> Number:
        value = np.repeat(x.value, times, axis=-1)
        error = x.error if x.exact else np.repeat(np.broadcast_to(x.error, x.shape), times, -1)
        return Number(self, value, error, ratio=x.ratio, sure=x.sure)

    def turned(self, x: Number, lines: int) -> Number:
        turned: Number = transposed(x, lines)
        return turned

    def mean(self, x: Number, count: float) -> Number:
        # Divided before they are added, values near the largest number have a sum.
        divisor = self.exact(count)
        sum_ = self._sum(x, x.value / divisor.value, x.error / divisor.value)
        bound = self._rounded(sum_.value, sum_.error)
        sum_.error = self._unless_scaled(divisor, sum_.value, sum_.error, bound)
        return sum_

    def max(self, x: Number) -> Number:
        def top(moved: Any) -> Any:  # -inf has no error, which may be NaN
            finite = np.isfinite(x.value)
            values = np.where(finite, np.clip(moved, -DOUBLE.max, DOUBLE.max), x.value)
            return np.fmax.reduce(values, axis=-1, keepdims=True, initial=-np.inf)

        value = x.value.max(axis=-1, keepdims=True, initial=-np.inf)
        if x.exact:
            return self.exact(value)
        error = np.fmax(top(x.value + x.error) - value, value - top(x.value - x.error))
        return Number(self, value, error, ratio=False)

    def largest(self, x: Number) -> Mask:
        return first_maximum(x.value)

    def zeros(self, x: Number) -> Number:
        return self.exact(np.zeros(x.shape))

    def positive(self, x: Number, zero_too: bool) -> Mask:
        mask: Mask = x.value >= 0 if zero_too else x.value > 0
        return mask

    def zero(self, x: Number) -> Mask:
        zero: Mask = x.value == 0
        if not x.exact:
            zero &= x.error == 0
        return zero

    def relu(self, x: Number) -> Number:
        value = np.maximum(x.value, 0.0)
        if x.exact:
            return self.exact(value)
        below = np.where(np.isneginf(x.value), 0.0, np.maximum(x.value + x.error, 0.0))
        return Number(self, value, np.where(x.value > 0, x.error, below), ratio=False, sure=x.sure)

    def step(self, x: Number) -> Number:
        value = np.where(x.value > 0, 1.0, 0.0)
        if x.exact:
            return self.exact(value)
        open_ = (np.abs(x.value) <= x.error) & (x.error > 0) & np.isfinite(x.value)
        return Number(self, value, np.where(open_, 1.0, 0.0), ratio=False, sure=True)

    def clip(self, x: Number, low: Number, high: Number) -> Number:
        # The middle of three is not moved further than any of them; well inside, x alone counts.
        value = np.clip(x.value, low.value, high.value)
        below = np.isneginf(x.value) | (x.value + x.error < low.value - low.error)
        above = x.value - x.error > high.value + high.error
        inside = (x.value - x.error > low.value + low.error) & (
            x.value + x.error < high.value - high.error
        )
        most = np.fmax(x.error, np.fmax(low.error, high.error))
        error = np.select([inside, below, above], [x.error, low.error, high.error], most)
        return Number(self, value, error, ratio=False)

    def where(self, mask: Mask, x: Number | float, y: Number | float) -> Number:
        x, y = self.number(x), self.number(y)
        error = 0.0 if x.exact and y.exact else np.where(mask, x.error, y.error)
        value = np.where(mask, x.value, y.value)
        return Number(self, value, error, ratio=x.ratio and y.ratio, sure=x.sure or y.sure)

    def any_of(self, *results: Number) -> Number:
        value, error = results[0].value, results[0].error
        for other in results[1:]:
            error = np.fmax(error, other.error)
        return Number(self, value, error, ratio=all(r.ratio for r in results))

    def primitive(self, _x: Number, result: Number, _pull: Pull) -> Number:
        return result

    def _sum(self, x: Number, value: Any, error: Any) -> Number:
        sum_ = np.add.reduce(value, axis=-1, keepdims=True)
        spread = np.add.reduce(np.abs(value) * self.u, axis=-1, keepdims=True)  # may not overflow
        count = np.add.reduce(value != 0, axis=-1, keepdims=True, dtype=np.float64)
        growth = np.expm1(np.maximum(self.growth(count), 0.0) * -math.log1p(-self.u))
        bound = growth / self.u * spread
        if not x.exact:
            whole = error if error.shape == value.shape else np.broadcast_to(error, value.shape)
            bound = bound + np.add.reduce(whole, axis=-1, keepdims=True) * (1 + growth)
        if self.flush:
            bound = flushed(sum_, bound, self.target)
        one_sign = not (spread > np.abs(sum_) * self.u).any()
        sum_ = self._in_range(sum_, spread)
        return Number(self, sum_, bound, ratio=x.ratio and one_sign, sure=x.sure)

    def _rounded(
        self, value: Any, error: Any, roundings: Any = 1.0, quantum: float | None = None
    ) -> Any:
        """The error of a result of exact value `value`, moved by `error`, then rounded.

        roundings: relative error of the operation in u, and absolute one in half subnormals.
        """
        relative = roundings * self.u
        relative /= 1 - relative  # For the ratio: 1 - u = 1/(1 + u/(1 - u)).
        size = np.abs(value)
        bound = error * (1 + relative) + size * relative
        quantum = roundings * self.half_subnormal if quantum is None else quantum
        if quantum:
            # Not where the result is far below the smallest number, or is 0: it becomes 0.
            bound = bound + np.minimum(quantum, (size + error) * roundings)
        return flushed(value, bound, self.target) if self.flush else bound

    def _unless_scaled(self, factor: Number, value: Any, error: Any, bound: Any) -> Any:
        """A product with a power of two is exact, unless it is subnormal."""
        if not factor.sure or not (exact := _power_of_two(factor)).any():
            return bound
        return np.where(exact & (np.abs(value) >= self.tiny), error, bound)

    def _unless_lost(self, value: Any, there: Any, bound: Any) -> Any:
        """A number that is not 0, but below the range of float64, errs as subnormals do."""
        return np.where((value == 0) & there, bound + self.half_subnormal, bound)

    def _in_range(self, result: Any, *operands: Any) -> Any:
        """The largest float64 for a finite result that only float64 cannot hold."""
        if not self.double:
            return result
        over = np.isinf(result)
        if not over.any():
            return result
        for operand in operands:
            over = over & np.isfinite(operand)
        return np.where(over, np.copysign(DOUBLE.max, result), result)


@dataclass(frozen=True)
class Plain:
    """Arithmetic on NumPy arrays of one dtype, with exp and log rounded correctly.

    dtype: float32 or float64.
    disturb: what befalls a result of exp, expm1, log and log1p: its exact value (longdouble) and
        the error u that the model allows it give the value that is then rounded.
    choice: which of the algorithms of `any_of` is taken.
    """

    dtype: np.dtype[Any]
    disturb: Callable[[NDArray[np.longdouble], float], NDArray[np.longdouble]] | None = None
    choice: int = 0

    def exact(self, values: ArrayLike) -> NDArray[Any]:
        return np.asarray(values).astype(self.dtype)

    def exp(self, x: NDArray[Any], _most: float = math.inf) -> NDArray[Any]:
        return self._function(np.exp, x, EXP_ERROR)

    def expm1(self, x: NDArray[Any]) -> NDArray[Any]:
        return self._function(np.expm1, x, EXP_ERROR)

    def log(self, x: NDArray[Any]) -> NDArray[Any]:
        return self._function(np.log, x, LOG_ERROR)

    def log1p(self, x: NDArray[Any]) -> NDArray[Any]:
        return self._function(np.log1p, x, LOG_ERROR)

    def lgamma(self, x: NDArray[Any]) -> NDArray[Any]:
        return self._function(_stirling, x, LOG_ERROR)

    def power(self, x: NDArray[Any], exponent: Any) -> NDArray[Any]:
        error = EXP_ERROR * bool(np.all((exponent != 0) & (exponent != 1)))
        return self._function(lambda v: np.power(v, np.longdouble(exponent)), x, error)

    def total(self, x: NDArray[Any], groups: int = 1) -> NDArray[Any]:
        if groups != 1:
            return self.total(x.reshape(-1, groups, x.shape[-1] // groups)).reshape(-1, groups)
        # NumPy adds in pairs along contiguous memory only.
        sum_: NDArray[Any] = np.ascontiguousarray(x).sum(axis=-1, keepdims=True)
        return sum_

    def repeat(self, x: NDArray[Any], times: int) -> NDArray[Any]:
        return np.repeat(x, times, axis=-1)

    def turned(self, x: NDArray[Any], lines: int) -> NDArray[Any]:
        turned: NDArray[Any] = transposed(x, lines)
        return turned

    def mean(self, x: NDArray[Any], count: float) -> NDArray[Any]:
        divisor = self.dtype.type(count)
        sum_ = self.total(x)
        return np.where(np.isfinite(sum_), sum_ / divisor, self.total(x / divisor))

    def max(self, x: NDArray[Any]) -> NDArray[Any]:
        largest: NDArray[Any] = x.max(axis=-1, keepdims=True, initial=-np.inf)
        return largest

    def largest(self, x: NDArray[Any]) -> Mask:
        return first_maximum(x)

    def zero(self, x: NDArray[Any]) -> Mask:
        mask: Mask = x == 0
        return mask

    def relu(self, x: NDArray[Any]) -> NDArray[Any]:
        return np.where(x > 0, x, 0).astype(self.dtype)

    def step(self, x: NDArray[Any]) -> NDArray[Any]:
        return np.where(x > 0, 1, 0).astype(self.dtype)

    def clip(self, x: NDArray[Any], low: Any, high: Any) -> NDArray[Any]:
        clipped: NDArray[Any] = np.clip(x, low, high)
        return clipped

    def where(self, mask: Mask, x: ArrayLike, y: ArrayLike) -> NDArray[Any]:
        return np.where(mask, x, y).astype(self.dtype)

    def any_of(self, *results: NDArray[Any]) -> NDArray[Any]:
        return results[self.choice % len(results)]

    def primitive(self, _x: NDArray[Any], result: NDArray[Any], _pull: Pull) -> NDArray[Any]:
        return result

    def _function(self, f: Any, x: NDArray[Any], error: float) -> NDArray[Any]:
        wide = f(np.asarray(x, dtype=np.longdouble))
        if self.disturb is not None:
            wide = self.disturb(wide, error)
        return np.asarray(wide, dtype=self.dtype)


def first_maximum(values: NDArray[Any]) -> Mask:
    """Where the first maximum of each row is."""
    places = np.arange(values.shape[-1])
    mask: Mask = places == values.argmax(axis=-1)[..., None] if values.size else values > 0
    return mask


def transposed(x: Any, lines: int) -> Any:
    """Rows that hold matrices of so many lines, one line after the other, transposed."""
    width = x.shape[-1]
    return x.reshape(-1, lines, width // lines).transpose(0, 2, 1).reshape(-1, width)


def weighted(a: Arithmetic, weights: Any, x: Any) -> Any:
    """The product, with 0 x = 0 for an infinite x too."""
    # Not the product alone is chosen, so that its derivative by a zero weight is x.
    beyond = a.zero(weights) & ~(abs(x) < math.inf)
    return weights * a.where(beyond, 0.0, x)


def flushed(value: Any, bound: Any, target: Format) -> Any:
    """The bound where a result that may be subnormal may come back as 0."""
    size = np.abs(value)
    return np.where(size - bound < target.tiny, size + bound, bound)


def _exp_moved(x: Number, value: Any, most: float = math.inf) -> Any:
    """How far e^x moves, where no x is computed that is larger than `most`."""
    moved = value * np.expm1(x.error)
    far = ~np.less(x.error, 1)
    if not far.any():
        return moved
    # e^-d (e^(u d) - 1) is 0 * inf in float64 for a large d; e^-inf is 0.
    further = np.exp(np.minimum(x.value + x.error, most)) - value
    further = further if most == math.inf else np.maximum(further, value)
    return np.where(far, np.where(np.isneginf(x.value), 0.0, further), moved)


def _power_moved(x: Number, value: Any, e: Any) -> Any:
    """How far x^e moves, e > 0, where x is computed with an error that may exceed it."""
    r = x.error / np.abs(x.value)
    up = value * np.expm1(e * np.log1p(r))
    down = -value * np.expm1(e * np.log1p(-np.minimum(r, 1)))
    return np.where(x.value == 0, np.power(x.error, e), np.fmax(up, down))


@np.vectorize(otypes=[np.float64])
def _lgamma(x: float) -> float:
    """The logarithm of Gamma(x); infinite where it is beyond the range of float64."""
    try:
        return math.lgamma(x)
    except OverflowError:
        return math.inf


def _stirling(x: NDArray[np.longdouble]) -> NDArray[np.longdouble]:
    """The logarithm of Gamma(x) for x >= 1, by its asymptotic series at x + 32 (DLMF 5.11.1)."""
    y = x + 32
    inverse = 1 / (y * y)
    tail = (1 / np.longdouble(1260) - (1 / np.longdouble(1680)) * inverse) * inverse
    series = (1 / np.longdouble(12) + (tail - 1 / np.longdouble(360)) * inverse) / y
    half_log_tau = np.log(8 * np.arctan(np.longdouble(1))) / 2
    steps = np.add.reduce([np.log(x + k) for k in range(32)], axis=0)
    whole = (y - 0.5) * np.log(y) - y + half_log_tau + series - steps
    return np.where((x == 1) | (x == 2), 0, whole)


def _power_of_two(x: Number) -> Any:
    power = np.abs(np.frexp(x.value)[0]) == 0.5
    return power if x.exact else power & (x.error == 0)


def _same_sign(x: Any, y: Any) -> bool:
    return not (np.multiply(x, y) < 0).any()


def _relative(x: Number) -> Any:
    """The relative error r that bounds computed/value by 1 + r and its inverse likewise."""
    if x.exact:
        return 0.0
    r = x.error / np.abs(x.value)
    return r if x.ratio else np.where(r < 1, r / (1 - r), np.inf)
