"""The error that a correct implementation may make at the very inputs of a problem.

Two bounds for every output, both absolute: `strict`, that of a cancellation-free algorithm, which
is componentwise relative wherever the problem is well conditioned, and `baseline`, that of the
standard stabilised ones. Both are found by running error analysis of model algorithms, which stand
beside the definitions in `reference/operators/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.derived import Call, algorithm
from reference.formats import FORMATS, Floats, Format
from reference.operator import Model, Operator
from reference.operators import OPERATORS
from reference.problem import Problem
from reference.reduction import SAMPLE_WEIGHTS
from reference.rows import Rows
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

    def taken(self, rows: NDArray[np.intp]) -> Bounds:
        """The bounds of some rows, perhaps several times."""
        return Bounds(self.strict[rows], self.baseline[rows])


def bounds(problem: Problem, flush: bool = False) -> dict[str, Bounds]:
    """The bounds of every quantity that a problem asks for.

    flush: whether an operation may return zero for a subnormal result.
    Raises KeyError for an unknown operator or quantity.
    """
    operator = OPERATORS[problem.operator]
    wide = FORMATS["float32"] if problem.format.p < NARROW else problem.format
    with np.errstate(all="ignore"):
        strict = execute(Running(wide, pairwise, flush), operator, operator.strict, problem)
        baseline = execute(
            Running(problem.format, grouped, flush), operator, operator.baseline, problem
        )
        found = {q: _bounds(strict[q], baseline[q], problem.format, flush) for q in strict}
    return {q: _decided(b) for q, b in found.items()} if _special(operator, problem) else found


def _special(operator: Operator, problem: Problem) -> bool:
    """Whether an input is infinite, NaN or at the end of its domain: its truth may be a limit."""
    if not all(np.isfinite(array).all() for array in problem.inputs.values()):
        return True
    ends = ((i.name, end) for i in operator.inputs for end in i.domain if np.isfinite(end))
    return any((problem.inputs[name] == end).any() for name, end in ends)


def _decided(both: Bounds) -> Bounds:
    """Where the truth is a limit an algorithm may have no bound; a finite limit is owed exactly."""
    strict, baseline = (np.nan_to_num(b, nan=0.0, posinf=0.0) for b in (both.strict, both.baseline))
    return Bounds(strict, baseline)


def execute(
    a: Arithmetic, operator: Operator, models: Mapping[str, Model], problem: Problem
) -> dict[str, Any]:
    """Run model algorithms on a problem: every quantity that it asks for, in its layout."""
    return _Execution(a, operator, models, problem).results()


def one_hot(labels: NDArray[np.int64], kept: NDArray[np.bool_], classes: int) -> Floats:
    """Index labels as rows of zeros with a one at the label; a row of zeros for no class."""
    rows: Floats = ((labels[:, None] == np.arange(classes)) & kept[:, None]).astype(np.float64)
    return rows


class _Execution:
    """Model algorithms on the rows of a problem, and the reductions, which all operators share.

    The gradient of a row is what a `vector` operator's model makes of the upstream; otherwise it is
    the model's derivative of the row times the upstream.
    """

    def __init__(
        self, a: Arithmetic, operator: Operator, models: Mapping[str, Model], problem: Problem
    ) -> None:
        self.a, self.operator, self.models, self.problem = a, operator, models, problem
        self.rows = rows = Rows(operator, problem)
        self.vector = operator.output == "vector"
        self.sample = None
        if SAMPLE_WEIGHTS in rows.columns:
            self.sample = a.exact(rows.columns[SAMPLE_WEIGHTS])
        parameters = {
            k: v if isinstance(v, str) else a.exact(v)
            for k, v in problem.parameters.items()
            if isinstance(v, float | str)
        }
        parameters |= {k: v if k == "mask" else a.exact(v) for k, v in rows.arrays.items()}
        self.upstream = self._upstream()
        tangents = {k: a.exact(v) for k, v in rows.tangents.items()}
        self.call = Call(self._inputs(), parameters, self.upstream, tangents)

    def results(self) -> dict[str, Any]:
        results = {}
        for quantity in self.problem.quantities or self.operator.quantities:
            kind, *names = quantity.split(".")
            if names and names[0] == SAMPLE_WEIGHTS:
                found = self._by_sample_weights()
            elif kind in ("value", "jvp"):
                found = self._losses(self._weighted(self._algorithm(quantity)))
            else:
                found = self._slope(quantity, names[0])
            shape, axes = self.rows.layout(quantity)
            results[quantity] = (
                found.reshape(shape).transpose(*axes) if axes else found.reshape(shape)
            )
        return results

    def _algorithm(self, quantity: str) -> Any:
        return algorithm(self.a, self.models, quantity, self.call, self.vector)

    def _weighted(self, losses: Any) -> Any:
        return losses if self.sample is None else weighted(self.a, self.sample, losses)

    def _slope(self, quantity: str, name: str) -> Any:
        slope = self._algorithm(quantity)
        if not self.vector:
            # A row that is ignored has a gradient of 0, whatever a mean divides by.
            slope = self._weighted(weighted(self.a, slope, self.upstream))
        if name not in self.rows.arrays:
            return slope
        if self.rows.elementwise:
            slope = slope.reshape(-1, int(np.size(self.problem.parameters[name])))
        whole = self.a.total(slope.transpose(1, 0))
        return self._less_mean(whole, name)

    def _by_sample_weights(self) -> Any:
        """The losses themselves, times the upstream."""
        losses = self._algorithm("value") * self.upstream
        return self._less_mean(self.a.total(losses) if self.vector else losses, SAMPLE_WEIGHTS)

    def _less_mean(self, slope: Any, name: str) -> Any:
        """The quotient rule: a mean also depends on the weights that it divides by."""
        by = self.rows.divisor if self.rows.reduced else None
        if by is None or by.of != name:
            return slope
        mean = self._losses(self._weighted(self._algorithm("value")))
        shares = self.a.exact(self.rows.shares(name)[:, None])
        return slope - mean * (shares * self.a.exact(self.problem.upstream)) / self._divisor()

    def _inputs(self) -> dict[str, Any]:
        rows, classes = self.rows, self.rows.choices
        found = {}
        for i in self.operator.inputs:
            if i.kind == "index":
                found[i.name] = one_hot(rows.labels[i.name], rows.kept(i.name), classes)
            else:
                found[i.name] = rows.columns[i.name]
        return {name: self.a.exact(array) for name, array in found.items()}

    def _upstream(self) -> Any:
        """The cotangent of every row's result, in the shape of the results."""
        if not self.rows.reduced:
            return self.a.exact(self.rows.upstream)
        shape = (self.rows.count, self.rows.width)
        upstream = self.a.exact(np.broadcast_to(self.problem.upstream, shape))
        return upstream if self.rows.divisor is None else upstream / self._divisor()

    def _losses(self, losses: Any) -> Any:
        """The losses, or their sum or mean."""
        if not self.rows.reduced:
            return losses
        row = losses.reshape(1, -1)
        if self.rows.divisor is None:
            return self.a.total(row)
        divisor = self._divisor()
        counted = isinstance(divisor, float)
        return self.a.mean(row, divisor) if counted else self.a.total(row) / divisor

    def _divisor(self) -> Any:
        """What a mean divides by: a count as a float, or the rounded sum of weights."""
        by = self.rows.divisor
        if by is None or by.of is None:
            return 1.0 if by is None else float(by.terms.sum())
        return self.a.total(self.a.exact(by.terms.reshape(1, -1)))


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
