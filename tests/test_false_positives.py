"""The bounds let every flawless implementation pass, and stop those that are not.

A flawless implementation is the cancellation-free model algorithm, executed in NumPy at the dtype
(16-bit types: in float32, rounded once) with exp and log that are rounded correctly, that err at
random by up to 2/3 ulp, or that err by all that the bounds allow them. The truth is the certified
one of `reference/truth.py`, so a wrong model algorithm would show as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import ml_dtypes
import numpy as np
import pytest
from families import elementwise, problem, rowwise
from numpy.typing import NDArray

from reference.bounds import Bounds, bounds, execute
from reference.formats import FORMATS, Floats
from reference.operators import OPERATORS
from reference.problem import Problem
from reference.running import Plain
from reference.truth import Truth, evaluate

Wide = NDArray[np.longdouble]
NOISE = 2.0**-8
"""Errors of longdouble functions in u of float64 are below this part of what is allowed."""
Disturb = Callable[[Wide, float], Wide]


@dataclass(frozen=True)
class Disturbance:
    """Errors of exp and log in one dtype, `largest` of them relative to what is allowed."""

    dtype: np.dtype
    rng: np.random.Generator

    @property
    def ulp(self) -> np.longdouble:
        return np.longdouble(ml_dtypes.finfo(self.dtype).eps)

    def random(self, exact: Wide, _allowed: float) -> Wide:
        """Up to 1/6 ulp before the rounding: up to 2/3 after it."""
        ulp = np.spacing(np.abs(exact).astype(self.dtype)).astype(np.longdouble)
        return exact + ulp * self.rng.uniform(-1 / 6, 1 / 6, np.shape(exact))

    def adversarial(self, exact: Wide, allowed: float) -> Wide:
        """All that is allowed, in one direction or in a random one."""
        signs = self.rng.choice([-1.0, 1.0], np.shape(exact) if self.rng.random() < 0.5 else ())
        wrong = exact * (1 + signs * (1 - NOISE) * allowed * self.ulp / 2)
        rounded = wrong.astype(self.dtype).astype(np.longdouble)
        beyond = np.abs(rounded - exact) > np.abs(wrong - exact)
        towards = np.nextafter(wrong.astype(self.dtype), exact.astype(self.dtype))
        return np.where(beyond, towards, wrong)


@dataclass
class Study:
    """Worst error over bound for each operator and quantity."""

    outputs: int = 0
    worst: dict[str, float] = field(default_factory=dict)

    def add(self, operator: str, quantity: str, ratio: Floats) -> None:
        key = f"{operator}.{quantity}"
        self.outputs += ratio.size
        self.worst[key] = max(self.worst.get(key, 0.0), float(ratio.max(initial=0.0)))

    def show(self) -> str:
        lines = [f"{key:55} {ratio:.3f}" for key, ratio in sorted(self.worst.items())]
        return "\n".join([f"{self.outputs} outputs; worst error / bound:", *lines])


def run(asked: Problem, plain: Plain, level: str = "strict") -> dict[str, Floats]:
    """The model algorithms as an implementation, rounded to the dtype under test."""
    operator = OPERATORS[asked.operator]
    with np.errstate(all="ignore"):
        found = execute(plain, operator, getattr(operator, level), asked)
        return {q: asked.format.array(a).astype(np.float64) for q, a in found.items()}


def over_bound(got: Floats, truth: Truth, bound: Floats) -> Floats:
    """error / bound of each output whose truth is a number of the range; inf if got is none."""
    with np.errstate(all="ignore"):
        ratio = truth.error(got) / bound
    ratio = np.where(got == truth.hi, np.fmin(ratio, 0.5), np.where(np.isnan(ratio), np.inf, ratio))
    return ratio[np.isfinite(truth.hi) & ~np.isfinite(truth.lower)]


def flawless(dtype: str) -> Iterator[Plain]:
    working = np.dtype(np.float64 if dtype == "float64" else np.float32)
    errors = Disturbance(working, np.random.default_rng(5))
    yield Plain(working)
    yield Plain(working, errors.random)
    for _ in range(3):
        yield Plain(working, errors.adversarial)


def problems(dtype: str) -> Iterator[Problem]:
    yield from elementwise(dtype, 250, 1)
    for classes, count in ((1, 4), (2, 60), (3, 60), (10, 20), (40, 5), (1000, 1)):
        yield from rowwise(dtype, count, classes, classes)


@pytest.mark.parametrize("dtype", FORMATS)
def test_flawless_implementations_are_within_the_strict_bounds(dtype: str) -> None:
    study = Study()
    for asked in problems(dtype):
        truth, limits = evaluate(asked), bounds(asked)
        for plain in flawless(dtype):
            for quantity, got in run(asked, plain).items():
                ratio = over_bound(got, truth[quantity], limits[quantity].strict)
                study.add(asked.operator, quantity, ratio)
    print(study.show())
    assert {k: r for k, r in study.worst.items() if r > 1} == {}
