"""The curves of an operator, computed from the reference: its shape, conditioning and bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.report.sweeps import POINTS, Sweep, placed, sweep
from reference.bounds import bounds
from reference.evaluation import evaluate
from reference.formats import FORMATS, Floats
from reference.operators import OPERATORS
from reference.problem import Problem

DTYPES = ("float32", "bfloat16")
"""A format that is computed in itself, and one that is computed in float32 and rounded."""

Curve = tuple[Floats, ...]
"""For each setting of a sweep, its heights."""


@dataclass(frozen=True)
class Panel:
    """A picture: where the points of each curve lie on the horizontal axis (0 to 1), their heights.

    second: a companion of each curve (the baseline bound beside the strict one).
    """

    title: str
    places: Curve
    heights: Curve
    second: Curve = ()


@dataclass(frozen=True)
class Curves:
    """All pictures of an operator; `points`: the number that moves, setting after setting."""

    sweep: Sweep
    points: Curve
    shape: list[Panel] = field(default_factory=list)
    conditioning: list[Panel] = field(default_factory=list)
    bounds: list[Panel] = field(default_factory=list)


@cache
def curves(name: str) -> Curves:
    """The curves of an operator along the line of `sweeps.sweep`."""
    operator, line = OPERATORS[name], sweep(OPERATORS[name])
    slope, bend = f"gradient.{line.moving}", f"hvp.{line.moving}"
    by = {f"gradient.{i}": i for i in operator.differentiable}
    problem = line.problem(FORMATS["float32"], ("value", *by, bend), (line.moving,))
    truth = {q: t.hi for q, t in evaluate(problem).items()}
    shown = {"value": line.component(truth["value"]), slope: first(truth[slope])}
    points = _moved(line, problem)
    places = split(placed(line.scale, points))
    found = Curves(line, split(points))
    found.shape.extend(Panel(q, places, split(heights)) for q, heights in shown.items())
    causes = [("value", i, truth[q]) for q, i in by.items()]
    for quantity, cause, slopes in [*causes, (slope, line.moving, truth[bend])]:
        heights = condition(problem.inputs[cause], slopes, shown[quantity])
        found.conditioning.append(Panel(f"{quantity} by {cause}", places, split(heights)))
    for dtype in DTYPES:
        found.bounds.extend(_bounds(line, dtype, {"value": line.component, slope: first}))
    return found


def condition(inputs: NDArray[Any], slopes: Floats, result: Floats) -> Floats:
    """sum_i |x_i df/dx_i| / |f|, with 0 for an input of 0; NaN where f is 0 as well."""
    with np.errstate(all="ignore"):
        shares = np.where(inputs == 0, 0.0, np.abs(inputs * slopes))
        whole: Floats = shares if shares.ndim == 1 else shares.sum(axis=-1)
        return whole / np.abs(result)


def _bounds(
    line: Sweep, dtype: str, chosen: dict[str, Callable[[Floats], Floats]]
) -> Sequence[Panel]:
    """The bounds in ulps of the truth."""
    form = FORMATS[dtype]
    problem = line.problem(form, tuple(chosen))
    truth, allowed = evaluate(problem), bounds(problem)
    places = split(placed(line.scale, _moved(line, problem)))
    panels = []
    for q, choose in chosen.items():
        ulp = form.ulp(choose(truth[q].hi))
        strict, baseline = (choose(b) / ulp for b in (allowed[q].strict, allowed[q].baseline))
        panels.append(Panel(f"{q}, {dtype}", places, split(strict), split(baseline)))
    return panels


def _moved(line: Sweep, problem: Problem) -> Floats:
    """What moves, as it was rounded, on the scale of the axis."""
    moved = first(problem.inputs[line.moving].astype(np.float64))
    return np.exp(moved) if line.logarithmic else moved


def split(flat: Floats) -> Curve:
    """The curves of all settings."""
    return tuple(flat[start : start + POINTS] for start in range(0, len(flat), POINTS))


def first(array: Floats) -> Floats:
    """The number of each row that moves."""
    return array if array.ndim == 1 else np.asarray(array[:, 0])
