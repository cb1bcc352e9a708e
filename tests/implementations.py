"""Flawless implementations: the model algorithms executed in NumPy, derived ones included.

What differentiation makes of an algorithm needs numbers that know their arithmetic
(`reference/tape.py`); here they are NumPy arrays that do.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from reference.bounds import execute
from reference.formats import FORMATS, Floats, Format
from reference.operators import OPERATORS
from reference.problem import Problem
from reference.running import Plain
from reference.truth import Truth

Wide = NDArray[np.longdouble]
DOUBLE = FORMATS["float64"]
WAYS = 12
"""The most algorithms that a quantity is derived by, step by step and by rules."""
NOISE = 2.0**-8
"""Errors of longdouble functions are a smaller part than this of what is allowed in float64."""


class Computed:
    """A batch of rows of computed numbers that knows its arithmetic, as a tape asks for."""

    __array_ufunc__ = None
    __slots__ = ("arithmetic", "values")

    def __init__(self, arithmetic: Implementation, values: NDArray[Any]) -> None:
        self.arithmetic, self.values = arithmetic, values

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def width(self) -> int:
        return self.shape[-1] if self.shape else 1

    def ones(self) -> Floats:
        return np.ones(self.shape)

    def reshape(self, *shape: Any) -> Computed:
        return Computed(self.arithmetic, self.values.reshape(*shape))

    def transpose(self, *axes: int) -> Computed:
        return Computed(self.arithmetic, self.values.transpose(*axes))

    def __lt__(self, other: Any) -> NDArray[np.bool_]:
        return self.values < _values(other)

    def __gt__(self, other: Any) -> NDArray[np.bool_]:
        return self.values > _values(other)

    def _do(self, function: Callable[..., Any], *others: Any) -> Computed:
        return Computed(self.arithmetic, function(self.values, *map(_values, others)))

    def __neg__(self) -> Computed:
        return self._do(operator.neg)

    def __abs__(self) -> Computed:
        return self._do(abs)

    def __add__(self, other: Any) -> Computed:
        return self._do(operator.add, other)

    def __sub__(self, other: Any) -> Computed:
        return self._do(operator.sub, other)

    def __mul__(self, other: Any) -> Computed:
        return self._do(operator.mul, other)

    def __truediv__(self, other: Any) -> Computed:
        return self._do(operator.truediv, other)

    def __rsub__(self, other: Any) -> Computed:
        return self._do(lambda x: _values(other) - x)

    def __rtruediv__(self, other: Any) -> Computed:
        return self._do(lambda x: _values(other) / x)

    __radd__, __rmul__ = __add__, __mul__


class Implementation:
    """Arithmetic on NumPy arrays of one dtype that can be differentiated: `Plain`, dressed."""

    def __init__(self, plain: Plain) -> None:
        self.plain = plain

    def __getattr__(self, name: str) -> Any:
        function = getattr(self.plain, name)
        return lambda *arguments: self._computed(function(*map(_values, arguments)))

    def zeros(self, x: Computed) -> Any:
        return self.exact(np.zeros(x.shape))

    def positive(self, x: Computed, zero_too: bool) -> NDArray[np.bool_]:
        return x.values >= 0 if zero_too else x.values > 0

    def _computed(self, found: Any) -> Any:
        return found if found.dtype == bool else Computed(self, found)


def _values(x: Any) -> Any:
    return x.values if isinstance(x, Computed) else x


@dataclass(frozen=True)
class Disturbance:
    """Errors of exp and log in one dtype."""

    dtype: np.dtype[Any]
    rng: np.random.Generator

    def random(self, exact: Wide, _allowed: float) -> Wide:
        """Up to 1/6 ulp before the rounding: up to 2/3 after it."""
        ulp = np.spacing(np.abs(exact).astype(self.dtype)).astype(np.longdouble)
        return exact + ulp * self.rng.uniform(-1 / 6, 1 / 6, np.shape(exact))

    def adversarial(self, exact: Wide, allowed: float) -> Wide:
        """All that is allowed, in one direction or each in its own."""
        u = np.longdouble(ml_dtypes.finfo(self.dtype).eps) / 2
        signs = self.rng.choice([-1.0, 1.0], np.shape(exact) if self.rng.random() < 0.5 else ())
        wrong = exact * (1 + signs * (1 - NOISE) * allowed * u)
        rounded = wrong.astype(self.dtype)
        inside = np.abs(rounded.astype(np.longdouble) - exact) <= np.abs(wrong - exact)
        return np.where(inside, wrong, np.nextafter(rounded, exact.astype(self.dtype)))


def flawless(dtype: np.dtype[Any], choices: int = 1, seed: int = 5) -> list[Implementation]:
    """Implementations whose exp and log are rounded correctly, err at random, or all they may."""
    errors = Disturbance(dtype, np.random.default_rng(seed))
    disturbances: tuple[Callable[..., Wide] | None, ...] = (
        None,
        errors.random,
        *(errors.adversarial,) * 4,
    )
    return [
        Implementation(Plain(dtype, d, choice)) for choice in range(choices) for d in disturbances
    ]


def run(asked: Problem, implementation: Implementation, level: str) -> dict[str, Floats]:
    """The model algorithms as an implementation, rounded to the dtype under test."""
    models = getattr(OPERATORS[asked.operator], level)
    with np.errstate(all="ignore"):
        found = execute(implementation, OPERATORS[asked.operator], models, asked)
        return {q: asked.format.array(a.values).astype(np.float64) for q, a in found.items()}


def over_bound(got: Floats, truth: Truth, bound: Floats, target: Format = DOUBLE) -> Floats:
    """Error / bound; inf where the answer is no number.

    0 where the truth is no number, or may be beyond the range of the format: an infinity is right.
    """
    with np.errstate(all="ignore"):
        error = np.maximum(truth.error(got) - truth.radius * np.spacing(np.abs(truth.hi)), 0)
        ratio = np.where(error == 0, 0.0, error / bound)
        inside = np.isfinite(truth.hi) & (np.abs(truth.hi) + bound <= target.max)
    return np.where(inside, np.nan_to_num(ratio, nan=np.inf, posinf=np.inf), 0.0)
