"""The truth of a problem: its definition in balls, at rising precision, until every ball is narrow.

All rows run on one tape. Those that stay too wide run again at twice the precision; those with an
infinity, a NaN or the end of a domain among their inputs take limits (`reference/limits.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from reference.balls import Ball, Balls, ball, batch, precision
from reference.limits import limits
from reference.operator import Operator
from reference.operators import OPERATORS
from reference.problem import Problem
from reference.reduction import SAMPLE_WEIGHTS
from reference.rows import Rows
from reference.tape import Kink, Labels, Vector, gradients, recording
from reference.truth import Column, Entry, Truth, pack, settled, subgradient

LADDER = (128, 256, 2048, 16384)
"""Precisions in bits. Few rows need more than the second; those cancel, and need many more."""
FIRST_BITS, LAST_BITS = LADDER[0], LADDER[-1]

Outputs = dict[str, list[Entry]]
"""Quantity -> its outputs, row after row."""
_TRUTHS: dict[Any, dict[str, Truth]] = {}
_LIMITS: dict[Any, Outputs] = {}
"""What was found before: many problems are the same in several dtypes, and more of their rows."""


def evaluate(problem: Problem) -> dict[str, Truth]:
    """The truth of every quantity that a problem asks for.

    Raises KeyError for an unknown operator, or a quantity that the operator does not have.
    """
    key = _key(problem)
    if key not in _TRUTHS:
        _TRUTHS[key] = _evaluate(OPERATORS[problem.operator], problem)
    return _TRUTHS[key]


def _key(problem: Problem) -> Any:
    """All that a truth depends on: everything but the format."""
    arrays = [*problem.inputs.values(), problem.upstream, *problem.tangents.values()]
    words = (problem.operator, problem.reduction, problem.axis, problem.quantities)
    return words, _frozen(problem.parameters), tuple((a.shape, a.tobytes()) for a in arrays)


def _frozen(parameters: Mapping[str, Any]) -> Any:
    return tuple(
        (k, v.tobytes() if isinstance(v, np.ndarray) else v) for k, v in parameters.items()
    )


def _evaluate(operator: Operator, problem: Problem) -> dict[str, Truth]:
    work = _Work(operator, problem)
    truths = work.truths()
    if operator.kinks:
        left = _from_the_left(work)
        truths = {q: subgradient(truth, left[q]) for q, truth in truths.items()}
    if work.special:
        truths = {q: work.allow_nan(q, truth) for q, truth in truths.items()}
    return truths


def _from_the_left(work: _Work) -> dict[str, Truth]:
    Kink.side = -1
    try:
        return work.truths()
    finally:
        Kink.side = 1


class Derivatives:
    """The quantities of an operator at given inputs, all from its one definition.

    wanted: quantities. The gradient is a reverse sweep over the definition; second derivatives are
    a reverse sweep over the gradient. A jvp is one too: the gradient is linear in the upstream, and
    the slope along a tangent is the coefficient (the two sweeps make a forward one).
    """

    def __init__(self, operator: Operator, wanted: Sequence[str]) -> None:
        self.operator = operator
        self.wanted = [(q, *q.split(".")) for q in wanted]
        self.second = any(kind in ("jvp", "hvp", "mixed") for _, kind, *_ in self.wanted)
        # The gradient that each quantity is made from is the one by its last name.
        self.by = sorted({names[-1] for _, _, *names in self.wanted if names})
        live = {name for _, _, *names in self.wanted for name in names}
        self.live = frozenset(live)

    def __call__(
        self,
        arguments: Mapping[str, Any],
        parameters: Mapping[str, Any],
        upstream: Vector,
        tangents: Mapping[str, Vector],
    ) -> dict[str, list[Ball]]:
        """Quantity -> balls of all rows, at the current precision.

        arguments: inputs as vectors or `Labels`; parameters: balls and vectors.
        """
        with recording():
            return self._found(arguments, parameters, upstream, tangents)

    def _found(
        self,
        arguments: Mapping[str, Any],
        parameters: Mapping[str, Any],
        upstream: Vector,
        tangents: Mapping[str, Vector],
    ) -> dict[str, list[Ball]]:
        inputs = [arguments[i.name] for i in self.operator.inputs]
        value = self.operator.define(*inputs, **parameters)
        if SAMPLE_WEIGHTS in arguments:
            value = value * arguments[SAMPLE_WEIGHTS]
        held = {**parameters, **arguments}
        upstream.live = self.second
        slopes = gradients(value, upstream, [held[n] for n in self.by], record=self.second)
        by = dict(zip(self.by, slopes, strict=True))
        found = {}
        for quantity, kind, *names in self.wanted:
            if kind == "value":
                found[quantity] = value.balls
                continue
            slope = by[names[-1]]
            if kind == "gradient":
                found[quantity] = slope.balls
                continue
            target = upstream if kind == "jvp" else held[names[0]]
            (second,) = gradients(slope, tangents[names[-1]], [target])
            found[quantity] = second.balls
        return found


class _Work:
    """The evaluation of one problem."""

    def __init__(self, operator: Operator, problem: Problem) -> None:
        self.operator, self.problem = operator, problem
        self.rows = rows = Rows(operator, problem)
        self.quantities = problem.quantities or operator.quantities
        self.derivatives = Derivatives(operator, self.quantities)
        self.widths = {q: rows.width_of(q) for q in self.quantities}
        self.scalars = {
            k: v if isinstance(v, str) else ball(v)
            for k, v in problem.parameters.items()
            if isinstance(v, float | str)
        }
        names = {i.name for i in operator.inputs if i.kind != "index"}
        self.domain = {
            **dict.fromkeys(rows.columns, (-math.inf, math.inf)),
            **{i.name: i.domain for i in operator.inputs if i.name in names},
        }
        self.special = self._not_finite()
        self.bits = FIRST_BITS
        # What a row is multiplied with, or added to others of, is settled for all rows at once.
        arrays = [q for q in self.quantities if q.partition(".")[2] in rows.arrays]
        self.combined = rows.reduced or bool(arrays)

    def truths(self) -> dict[str, Truth]:
        outputs = self._combined() if self.combined else self._outputs(FIRST_BITS)
        flat = pack(list(outputs.values()), self.bits)
        truths, start = {}, 0
        for q, column in outputs.items():
            part = slice(start, start + len(column.entries))
            truths[q] = self._part(flat, part, q)
            start = part.stop
        return truths

    def _part(self, flat: Truth, part: slice, quantity: str) -> Truth:
        arrays = (flat.hi, flat.tail, flat.radius, flat.nan, flat.undecided)
        hi, tail, radius, nan, undecided = (
            self.rows.restore(quantity, array[part]) for array in arrays
        )
        return Truth(hi, tail, radius, nan, undecided, flat.bits)

    def allow_nan(self, quantity: str, truth: Truth) -> Truth:
        """The truth, with NaN allowed where the operator's limit is a matter of choice."""
        name = quantity.partition(".")[2]
        may = self.operator.may if name or self.operator.may_value else None
        if may is None:
            return truth
        rows = self.rows
        flags = may({**rows.columns, **rows.labels}).reshape(rows.count)
        if truth.hi.size == rows.count * self.widths[quantity]:
            spread = np.repeat(flags, self.widths[quantity])
            return replace(truth, nan=rows.restore(quantity, spread))
        return replace(truth, nan=np.full(truth.hi.shape, flags.any()))

    def _not_finite(self) -> list[int]:
        """The rows with an infinity or NaN among their inputs."""
        columns = self.rows.columns.values()
        if all(np.isfinite(column).all() for column in columns):
            return []
        flags = [~np.isfinite(column).all(axis=-1) for column in columns]
        return [int(i) for i in np.flatnonzero(np.logical_or.reduce(flags))]

    def _outputs(self, bits: int) -> dict[str, Column]:
        """The outputs of all rows, each row at its own precision, at least `bits`."""
        if self.rows.classless:
            return self._classless()
        every = np.arange(self.rows.count)
        special = set(self.special)
        todo = np.array([i for i in every if i not in special], dtype=int) if special else every
        outputs: dict[str, Column] = {}
        if special:
            outputs = {q: Column([math.nan] * (len(every) * w)) for q, w in self.widths.items()}
        for i, edge in zip(self.special, self._limits(self.special), strict=True):
            self._put(outputs, np.array([i]), {q: Column(e) for q, e in edge.items()})
        while len(todo):
            with precision(bits):
                found = {q: Column(e) for q, e in self._evaluate(todo).items()}
            self.bits = max(self.bits, bits)
            wide = self._take_limits(todo, found)
            if len(todo) == len(every):
                outputs = found
            else:
                self._put(outputs, todo, found)
            todo = todo[wide] if bits < LAST_BITS else todo[:0]
            bits = _more(bits)
        return outputs or {q: Column([]) for q in self.quantities}

    def _classless(self) -> dict[str, Column]:
        """Rows without classes: empty sums."""
        outputs = {}
        for q, width in self.widths.items():
            entry: Entry = self.operator.empty if q == "value" else 0.0
            entry = ball(entry) if math.isfinite(entry) else entry
            outputs[q] = Column([entry] * (self.rows.count * width))
        return outputs

    def _put(
        self, outputs: dict[str, Column], rows: NDArray[np.intp], found: Mapping[str, Column]
    ) -> None:
        for q, column in found.items():
            width = self.widths[q]
            places = (rows[:, None] * width + np.arange(width)).reshape(-1)
            outputs[q].put(places, column)

    def _take_limits(self, rows: NDArray[np.intp], found: dict[str, Column]) -> list[int]:
        """Limits where the definition has no number; the places of the rows still too wide."""
        wide = {(place // self.widths[q], q, place) for q, c in found.items() for place in c.wide()}
        ends = sorted({row for row, q, place in wide if not _finite(found[q].entries[place])})
        for row, edge in zip(ends, self._limits([int(rows[row]) for row in ends]), strict=True):
            for q, column in found.items():
                start = row * self.widths[q]
                for k, entry in enumerate(edge[q], start):
                    if not _finite(column.entries[k]):
                        column.put(np.array([k]), Column([entry]))
        return sorted({row for row, q, place in wide if not settled(found[q].entries[place])})

    def _evaluate(self, rows: NDArray[np.intp]) -> Outputs:
        """The quantities of some rows, at the current precision."""
        every = len(rows) == self.rows.count

        def balls(array: NDArray[Any], *, live: bool) -> Vector:
            chosen = array if every else array[rows]
            numbers = Balls(list(map(arb, chosen.ravel().tolist())), chosen.shape[-1])
            return Vector(numbers, live=live)

        live = self.derivatives.live
        columns = {k: balls(v, live=k in live) for k, v in self.rows.columns.items()}
        return self._derive(columns, rows, balls)

    def _derive(self, columns: Mapping[str, Vector], rows: NDArray[np.intp], balls: Any) -> Outputs:
        labels = {
            k: Labels(np.where(kept, v[rows], 0).tolist(), kept[:, None])
            for k, v in self.rows.labels.items()
            for kept in [self.rows.kept(k)[rows]]
        }
        arrays = {
            k: v[rows] if k == "mask" else balls(v, live=k in self.derivatives.live)
            for k, v in self.rows.arrays.items()
        }
        if self.rows.reduced or (self.operator.output != "vector" and self._ones):
            upstream = Vector(Balls([arb(1)] * (len(rows) * self.rows.width), self.rows.width))
        else:
            upstream = balls(self.rows.upstream, live=False)
        tangents = {k: balls(v, live=False) for k, v in self.rows.tangents.items()}
        return self.derivatives(
            {**columns, **labels}, {**self.scalars, **arrays}, upstream, tangents
        )

    @cached_property
    def _ones(self) -> bool:
        return bool((self.problem.upstream == 1).all())

    def _limits(self, rows: Sequence[int]) -> list[Outputs]:
        """The limits of some rows, which an earlier problem may have had in another dtype."""
        keys = [self._row_key(row) for row in rows]
        new = {key: row for key, row in zip(keys, rows, strict=True) if key not in _LIMITS}
        if new:
            _LIMITS.update(zip(new, self._new_limits(list(new.values())), strict=True))
        return [_LIMITS[key] for key in keys]

    def _row_key(self, row: int) -> Any:
        rows = self.rows
        parts = [*rows.columns.values(), *rows.labels.values(), *rows.arrays.values()]
        parts += [rows.upstream, *rows.tangents.values()]
        words = (self.operator.name, self.quantities, _frozen(self.problem.parameters), Kink.side)
        return words, tuple(part[row].tobytes() for part in parts)

    def _new_limits(self, chosen: Sequence[int]) -> list[Outputs]:
        def flat(points: Sequence[tuple[int, Mapping[str, list[Ball]]]]) -> list[list[Ball]]:
            places = np.array([chosen[i] for i, _ in points])

            def balls(array: NDArray[Any], *, live: bool) -> Vector:
                numbers = list(map(arb, array[places].ravel().tolist()))
                return Vector(Balls(numbers, array.shape[-1]), live=live)

            columns = {
                k: batch(list(chain.from_iterable(p[k] for _, p in points)), len(points))
                for k in self.rows.columns
            }
            found = self._derive(columns, places, balls)
            return [
                [e for q, w in self.widths.items() for e in found[q][i * w : (i + 1) * w]]
                for i in range(len(points))
            ]

        inputs = [{k: v[row].tolist() for k, v in self.rows.columns.items()} for row in chosen]
        answers = []
        for row in limits(flat, inputs, self.domain):
            entries = iter(row)
            answers.append({q: [next(entries) for _ in range(w)] for q, w in self.widths.items()})
        return answers

    def _combined(self) -> dict[str, Column]:
        bits = FIRST_BITS
        while True:
            outputs = {q: column.entries for q, column in self._outputs(bits).items()}
            with precision(bits):
                found = {q: Column(entries) for q, entries in self._combine(outputs).items()}
            if bits >= LAST_BITS or not any(column.wide() for column in found.values()):
                self.bits = max(self.bits, bits)
                return found
            bits = _more(bits)

    def _combine(self, outputs: Outputs) -> Outputs:
        """Sums and means over the rows, and the derivatives by what all rows share."""
        upstream, divisor = ball(1), ball(1)
        if self.rows.reduced:
            upstream = ball(float(self.problem.upstream))
            divisor = self._divisor()
            if divisor.is_zero():
                return self._empty(outputs)
        answers: Outputs = {}
        for q, entries in outputs.items():
            kind, *names = q.split(".")
            if kind in ("value", "jvp"):
                whole = [_sum(entries)] if self.rows.reduced else entries
                answers[q] = [_scaled(e, ball(1), divisor) for e in whole]
                continue
            if names[0] in self.rows.arrays:
                entries = self._over_rows(entries, names[0], self.widths[q])
            answers[q] = [_scaled(e, upstream, divisor) for e in entries]
        return self._less_divisor(answers, upstream, divisor)

    def _over_rows(self, entries: list[Entry], name: str, width: int) -> list[Entry]:
        """Sums over all rows that share an array: of each column, or of what was broadcast."""
        if not self.rows.elementwise:
            return [_sum(entries[k::width]) for k in range(width)]
        size = int(np.size(self.problem.parameters[name]))
        return [_sum(entries[k::size]) for k in range(size)]

    def _less_divisor(self, answers: Outputs, upstream: Ball, divisor: Ball) -> Outputs:
        """The quotient rule: a mean also depends on the weights that it divides by."""
        by = self.rows.divisor if self.rows.reduced else None
        quantity = f"gradient.{by.of}" if by is not None else ""
        if by is None or quantity not in answers:
            return answers
        if "value" not in answers:
            raise KeyError(f"{quantity} needs the value too")
        mean = answers["value"][0]
        share = [_scaled(mean, upstream, divisor)] if isinstance(mean, float) else None
        shares = self.rows.shares(str(by.of)).tolist()
        less = share[0] if share else mean * upstream / divisor
        answers[quantity] = [e - less * n for e, n in zip(answers[quantity], shares, strict=True)]
        return answers

    def _divisor(self) -> Ball:
        by = self.rows.divisor
        if by is None:
            return ball(1)
        if by.of is None:
            return ball(float(by.terms.sum()))
        return sum(map(ball, by.terms.ravel().tolist()), ball(0))

    def _empty(self, outputs: Outputs) -> Outputs:
        """0 / 0: the mean is NaN, and so are gradients, except of rows that are all ignored."""
        ignored = bool(self.rows.labels) and not any(
            self.rows.kept(name).any() for name in self.rows.labels
        )
        gradient: Entry = ball(0) if ignored and self.rows.count else math.nan
        answers: Outputs = {}
        for q in outputs:
            single = q == "value" or q.startswith("jvp")
            count = 1 if single else math.prod(self.rows.shape_of(q))
            answers[q] = [math.nan if single else gradient] * count
        return answers


def _finite(entry: Entry) -> bool:
    """Whether it is not a ball without a number."""
    return isinstance(entry, float) or bool(entry.is_finite())


def _more(bits: int) -> int:
    return next((more for more in LADDER if more > bits), bits)


def _sum(entries: list[Entry]) -> Entry:
    special = [e for e in entries if type(e) is float]
    if special:
        return math.fsum(special) if len(set(map(str, special))) == 1 else math.nan
    return sum(entries, ball(0))


def _scaled(entry: Entry, factor: Ball, divisor: Ball) -> Entry:
    """The entry times factor / divisor, divided last: an exact quotient stays exact."""
    if type(entry) is not float:
        return entry * factor / divisor
    share = factor / divisor
    return math.nan if share.is_zero() else entry * math.copysign(1.0, float(share))
