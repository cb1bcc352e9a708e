"""The error that a correct implementation may make at the very inputs of a problem.

Two bounds for every output, both absolute: `strict`, that of a cancellation-free algorithm, which
is componentwise relative wherever the problem is well conditioned, and `baseline`, that of the
standard stabilised ones. Both are found by running error analysis of model algorithms, which stand
beside the definitions in `reference/operators/`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference.formats import FORMATS, Floats, Format
from reference.operator import Model, Operator
from reference.operators import OPERATORS
from reference.problem import Problem
from reference.running import Arithmetic, Number, Running, flushed, grouped, pairwise, weighted

NARROW = 24
"""Formats with fewer bits are computed in float32 and rounded once."""
SLACK = 1 + 2.0**-20
"""For the errors of the bounds themselves, which are computed in float64."""


@dataclass(frozen=True)
class Bounds:
    """Bounds on |computed - exact| of one quantity, in the shape of the output; good to 3 digits.

    A bound of 0 asks for the exact result. Where the exact result is not finite, a bound may be
    anything, NaN included.
    """

    strict: Floats
    baseline: Floats


def bounds(problem: Problem, flush: bool = False) -> dict[str, Bounds]:
    """The bounds of `value` and of each `gradient.<input>`.

    flush: whether an operation may return zero for a subnormal result.
    Raises KeyError for an unknown operator.
    """
    operator = OPERATORS[problem.operator]
    wide = FORMATS["float32"] if problem.format.p < NARROW else problem.format
    with np.errstate(all="ignore"):
        strict = execute(Running(wide, pairwise, flush), operator, operator.strict, problem)
        baseline = execute(
            Running(problem.format, grouped, flush), operator, operator.baseline, problem
        )
        found = {q: _bounds(strict[q], baseline[q], problem.format, flush) for q in strict}
    finite = all(np.isfinite(array).all() for array in problem.inputs.values())
    return found if finite else {q: _decided(both) for q, both in found.items()}


def _decided(both: Bounds) -> Bounds:
    """At infinities and NaN an algorithm may have no bound; a finite limit is then owed exactly."""
    strict, baseline = (np.nan_to_num(b, nan=0.0, posinf=0.0) for b in (both.strict, both.baseline))
    return Bounds(strict, baseline)


def execute(
    a: Arithmetic, operator: Operator, models: Mapping[str, Model], problem: Problem
) -> dict[str, Any]:
    """Run model algorithms on a problem: value and gradients in the shapes of the output.

    The gradient of a row is what a `vector` operator's model makes of the upstream; otherwise it is
    the model's derivative of the row times the upstream. Reductions are one for all operators.
    """
    inputs = _inputs(a, operator, problem)
    parameters = {k: a.exact(v) for k, v in problem.parameters.items() if k != "ignore_index"}
    value = models["value"](a, *inputs, **parameters)
    upstream = _upstream(a, operator, problem, value.shape)
    results = {"value": _reduced(a, operator, problem, value)}
    for name in operator.differentiable:
        quantity = f"gradient.{name}"
        if operator.output == "vector":
            gradient = models[quantity](a, *inputs, upstream, **parameters)
        else:
            # A row that is ignored has a gradient of 0, whatever a mean divides by.
            gradient = weighted(a, models[quantity](a, *inputs, **parameters), upstream)
        results[quantity] = gradient
    return results


def one_hot(problem: Problem, name: str, classes: int) -> Floats:
    """Index labels as rows of zeros with a one at the label; a row of zeros for no class."""
    labels = np.asarray(problem.inputs[name], dtype=np.int64)[:, None]
    kept = labels != problem.parameters.get("ignore_index")
    rows: Floats = ((labels == np.arange(classes)) & kept).astype(np.float64)
    return rows


def _inputs(a: Arithmetic, operator: Operator, problem: Problem) -> list[Any]:
    widths = [problem.inputs[i.name].shape[-1] for i in operator.inputs if i.kind == "vector"]
    classes = widths[0] if widths else 0
    return [
        a.exact(one_hot(problem, i.name, classes) if i.kind == "index" else problem.inputs[i.name])
        for i in operator.inputs
    ]


def _upstream(a: Arithmetic, operator: Operator, problem: Problem, shape: tuple[int, ...]) -> Any:
    """The cotangent of every row's result, in the shape of the results."""
    if problem.reduction == "none":
        return a.exact(problem.upstream.reshape(shape))
    upstream = a.exact(np.broadcast_to(problem.upstream, shape))
    if problem.reduction == "sum":
        return upstream
    return upstream / _divisor(a, operator, problem, math.prod(shape))


def _reduced(a: Arithmetic, operator: Operator, problem: Problem, losses: Any) -> Any:
    if problem.reduction == "none":
        return losses.reshape(-1) if operator.output == "scalar" else losses
    row = losses.reshape(1, -1)
    if problem.reduction == "sum":
        return a.total(row).reshape(())
    divisor = _divisor(a, operator, problem, row.shape[-1])
    mean = a.mean(row, divisor) if isinstance(divisor, float) else a.total(row) / divisor
    return mean.reshape(())


def _divisor(a: Arithmetic, operator: Operator, problem: Problem, count: int) -> Any:
    """What a mean divides by: a count as a float, or the rounded sum of class weights."""
    if problem.reduction == "mean" or operator.weight is None:
        return float(count)
    weights = operator.weight(problem.inputs, problem.parameters)
    if problem.parameters.get("class_weights") is None:
        return float(weights.sum())
    return a.total(a.exact(weights))


def _bounds(strict: Number, baseline: Number, target: Format, flush: bool) -> Bounds:
    shape = strict.shape
    least = np.broadcast_to(strict.error, shape)
    if target.p < NARROW:
        # The rounding to the format, unless the result is a number of the format.
        exact = (least == 0) & (target.nearest(strict.value) == strict.value)
        least = np.where(exact, 0.0, least + target.ulp(strict.value) / 2)
        if flush:
            least = flushed(strict.value, least, target)
    # Where every rounding happens to be exact, the standard algorithm may still round once.
    once = target.u * np.abs(strict.value)
    most = np.fmax(np.fmax(least, np.broadcast_to(baseline.error, shape)), once)
    return Bounds(np.asarray(least * SLACK), np.asarray(most * SLACK))
