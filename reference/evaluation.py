"""The truth of a problem: its definition in balls, at rising precision, until every ball is narrow.

All rows run on one tape. Those that stay too wide run again at a higher precision; those with an
infinity, a NaN or the end of a domain among their inputs take limits (`reference/limits.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from itertools import accumulate, chain, pairwise
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from reference.balls import Ball, Balls, ball, batch, precision
from reference.combination import Combination
from reference.derivatives import Derivatives
from reference.limits import limits
from reference.memory import Memory
from reference.operator import Operator
from reference.operators import OPERATORS
from reference.problem import Problem
from reference.rows import Rows
from reference.special_table import rows_where
from reference.tape import Kink, Labels, Vector
from reference.truth import Column, Entry, Truth, pack, settled, subgradient

LADDER = (112, 256, 2048, 16384)
"""Precisions in bits. exp and log are a tenth cheaper at 112 than at 128. Few rows need more than
the second; those cancel, and need many more."""
MASK = "mask"
FIRST_BITS, LAST_BITS = LADDER[0], LADDER[-1]

_TRUTHS = Memory[dict[str, Truth]](lambda truths: sum(t.hi.size for t in truths.values()))
_ROWS = Memory[tuple[Column, int]](lambda row: len(row[0].entries))
"""The outputs of a row, one quantity after the other, and the precision that it took."""


def evaluate(problem: Problem) -> dict[str, Truth]:
    """The truth of every quantity that a problem asks for.

    Raises KeyError for an unknown operator, or a quantity that the operator does not have.
    """
    key = _key(problem)
    found = _TRUTHS.get(key)
    if found is None:
        found = _TRUTHS.put(key, _finished(_Work(OPERATORS[problem.operator], problem)))
    return found


def prepare(problems: Iterable[Problem]) -> None:
    """Evaluate many problems together, which is cheaper, for `evaluate` to find.

    Problems of one operator with the same parameters and quantities run on one tape.
    """
    works = {}
    for problem in problems:
        key = _key(problem)
        if _TRUTHS.get(key) is None and key not in works:
            works[key] = _Work(OPERATORS[problem.operator], problem, remember=True)
    groups: dict[Any, list[_Work]] = {}
    for work in works.values():
        if not work.of_rows:
            groups.setdefault(work.group, []).append(work)
    for group in groups.values():
        if len(group) > 1:
            together = _Work(group[0].operator, _together(group), remember=True)
            together.outputs(FIRST_BITS)
            if together.operator.kinks:
                _from_the_left(together)
    for key, work in works.items():
        _TRUTHS.put(key, _finished(work))


def _finished(work: _Work) -> dict[str, Truth]:
    truths = work.truths()
    if work.operator.kinks:
        left = _from_the_left(work)
        truths = {q: subgradient(truth, left[q]) for q, truth in truths.items()}
    if work.special:
        truths = {q: work.allow_nan(q, truth) for q, truth in truths.items()}
    return truths


def _together(works: Sequence[_Work]) -> Problem:
    """One problem with the rows of all."""
    first, rows = works[0], [work.rows for work in works]
    kinds = {i.name: i.kind for i in first.operator.inputs}

    def joined(arrays: Sequence[Any], name: str) -> Any:
        whole = np.concatenate(arrays)
        return whole if kinds.get(name) == "vector" else whole.reshape(len(whole))

    inputs: dict[str, Any] = {n: joined([r.columns[n] for r in rows], n) for n in rows[0].columns}
    inputs |= {name: np.concatenate([r.labels[name] for r in rows]) for name in rows[0].labels}
    tangents = {n: joined([r.tangents[n] for r in rows], n) for n in rows[0].tangents}
    upstream = np.concatenate([r.upstream for r in rows])
    if first.operator.output != "vector":
        upstream = upstream.reshape(len(upstream))
    return replace(
        first.problem,
        inputs=inputs,
        reduction="none",
        upstream=upstream,
        axis=-1,
        tangents=tangents,
        quantities=first.quantities,
    )


@cache
def derivatives(operator: str, quantities: tuple[str, ...]) -> Derivatives:
    """The derivatives of an operator that these quantities need."""
    return Derivatives(OPERATORS[operator], quantities)


def _key(problem: Problem) -> Any:
    """All that a truth depends on: everything but the format."""
    arrays = [*problem.inputs.values(), problem.upstream, *problem.tangents.values()]
    words = (problem.operator, problem.reduction, problem.axis, problem.quantities)
    return words, _frozen(problem.parameters), tuple((a.shape, a.tobytes()) for a in arrays)


def _frozen(parameters: Mapping[str, Any]) -> Any:
    return tuple(
        (k, v.tobytes() if isinstance(v, np.ndarray) else v) for k, v in parameters.items()
    )


def _from_the_left(work: _Work) -> dict[str, Truth]:
    Kink.side = -1
    try:
        return work.truths()
    finally:
        Kink.side = 1


class _Work:
    """The evaluation of one problem.

    remember: whether rows are looked up among those of other problems, and remembered for them.
    """

    def __init__(self, operator: Operator, problem: Problem, *, remember: bool = False) -> None:
        self.operator, self.problem, self.remember = operator, problem, remember
        self.rows = rows = Rows(operator, problem)
        self.quantities = problem.quantities or operator.quantities
        self.derivatives = derivatives(operator.name, self.quantities)
        self.widths = {q: rows.width_of(q) for q in self.quantities}
        self.scalars = {
            k: v if isinstance(v, str) else ball(v)
            for k, v in problem.parameters.items()
            if isinstance(v, float | str)
        }
        self.special = self._not_finite()
        self.bits = FIRST_BITS
        self.taken = np.zeros(0, dtype=int)
        """The precision that each of the rows took that were evaluated last."""
        # What a row is multiplied with, or added to others of, is settled for all rows at once.
        arrays = [q for q in self.quantities if q.partition(".")[2] in rows.arrays]
        self.combined = rows.reduced or bool(arrays)

    @cached_property
    def domain(self) -> dict[str, tuple[float, float]]:
        """The ends of the domain of each column; a constant at an end stays there (rule e)."""
        known = {i.name: i.domain for i in self.operator.inputs if not i.constant}
        return {name: known.get(name, (-math.inf, math.inf)) for name in self.rows.columns}

    def truths(self) -> dict[str, Truth]:
        flat = pack(self._combined() if self.combined else self.outputs(FIRST_BITS), self.bits)
        truths, start = {}, 0
        for quantity in self.quantities:
            shape, axes = self.rows.layout(quantity)
            stop = start + math.prod(shape)
            truths[quantity] = flat.part(start, stop, shape, axes)
            start = stop
        return truths

    def allow_nan(self, quantity: str, truth: Truth) -> Truth:
        """The truth, with NaN allowed where the limit is a matter of choice."""
        rows = self.rows
        arrays: Any = {**rows.columns, **rows.labels}
        flags = rows_where(self.operator.name, "may", quantity.partition(".")[0], arrays)
        if flags is None:
            return truth
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

    def outputs(self, bits: int) -> Column:
        """The outputs of all rows, one quantity after the other, at `bits` or more."""
        if self.rows.classless or self.rows.count == 0:
            return self._classless()
        if not self.remember:
            return self._new(np.arange(self.rows.count), bits)
        keys = [(self._words, bits, Kink.side, key) for key in self._keys]
        known = {key: _ROWS.get(key) for key in keys}
        new = {key: row for row, key in enumerate(keys) if known[key] is None}
        if new:
            found = self._new(np.array(list(new.values())), bits)
            known |= self._remembered(list(new), found)
            if len(new) == self.rows.count:
                return found
        return self._recalled([row for key in keys if (row := known[key]) is not None])

    def _recalled(self, rows: Sequence[tuple[Column, int]]) -> Column:
        """The outputs of rows that are remembered."""
        self.bits = max(bits for _, bits in rows)
        tops = np.array([row.tops for row, _ in rows])
        accuracy = np.array([row.accuracy for row, _ in rows])
        entries: list[Entry] = []
        for place in self._parts:
            entries += [e for row, _ in rows for e in row.entries[place]]
        return Column(
            entries,
            np.concatenate([tops[:, place].reshape(-1) for place in self._parts]),
            np.concatenate([accuracy[:, place].reshape(-1) for place in self._parts]),
        )

    @cached_property
    def _parts(self) -> list[slice]:
        """Where each quantity is among the outputs of a row."""
        ends = list(accumulate(self.widths.values(), initial=0))
        return [slice(a, b) for a, b in pairwise(ends)]

    def _remembered(self, keys: Sequence[Any], found: Column) -> dict[Any, tuple[Column, int]]:
        """The outputs of each of some rows, for later."""
        count = len(keys)
        starts = [(count * p.start, p.stop - p.start) for p in self._parts]
        whole = [
            [e for start, w in starts for e in found.entries[start + i * w : start + (i + 1) * w]]
            for i in range(count)
        ]
        tops, accuracy = self._by_row(found.tops, count), self._by_row(found.accuracy, count)
        return {
            key: _ROWS.put(key, (Column(whole[i], tops[i], accuracy[i]), int(self.taken[i])))
            for i, key in enumerate(keys)
        }

    def _by_row(self, flat: NDArray[Any], count: int) -> NDArray[Any]:
        """One row for each row, from outputs that stand one quantity after the other."""
        parts = [flat[count * p.start : count * p.stop].reshape(count, -1) for p in self._parts]
        return np.concatenate(parts, axis=1)

    def _new(self, rows: NDArray[np.intp], bits: int) -> Column:
        """The outputs of rows that are not remembered, each row at its own precision."""
        whole, todo = Column([]), np.arange(len(rows))
        self.taken = np.full(len(rows), FIRST_BITS)
        if self.special:
            special = np.isin(rows, self.special)
            todo = np.flatnonzero(~special)
            whole = Column([math.nan] * (len(rows) * sum(self.widths.values())))
            places = np.flatnonzero(special)
            for i, entries in zip(places, self._limits(rows[places].tolist()), strict=True):
                whole.put(self._places(np.array([i]), len(rows)), Column(entries))
        while len(todo):
            with precision(bits):
                found = Column.of(self._evaluate(rows[todo]))
            self.taken[todo] = bits
            wide = self._take_limits(rows[todo], found)
            if len(todo) == len(rows):
                whole = found
            else:
                whole.put(self._places(todo, len(rows)), found)
            todo = todo[wide] if bits < LAST_BITS else todo[:0]
            bits = _more(bits)
        self.bits = int(self.taken.max())
        return whole

    @cached_property
    def _words(self) -> Any:
        """What all rows share."""
        parameters = {k: v for k, v in self.problem.parameters.items() if k != MASK}
        return self.operator.name, self.quantities, _frozen(parameters)

    @property
    def of_rows(self) -> list[str]:
        """The array parameters that are not the same in all rows."""
        return [name for name in self.rows.arrays if name == MASK or self.rows.elementwise]

    @property
    def group(self) -> Any:
        """What problems must share to run on one tape."""
        arrays = {**self.rows.columns, **self.rows.tangents}
        return self._words, tuple((name, array.shape[-1]) for name, array in arrays.items())

    @cached_property
    def _keys(self) -> list[bytes]:
        """What a row depends on beside that."""
        rows = self.rows
        parts = [*rows.columns.values(), *rows.tangents.values(), rows.upstream]
        parts += [labels[:, None].view(np.float64) for labels in rows.labels.values()]
        parts += [rows.arrays[name].astype(np.float64) for name in self.of_rows]
        return [row.tobytes() for row in np.concatenate(parts, axis=1)]

    def _classless(self) -> Column:
        """Rows without classes: empty sums."""
        entries: list[Entry] = []
        for q, width in self.widths.items():
            entry = self.operator.empty if q == "value" else 0.0
            held = ball(entry) if math.isfinite(entry) else entry
            entries += [held] * (self.rows.count * width)
        return Column(entries)

    def _places(self, rows: NDArray[np.intp], count: int) -> NDArray[np.intp]:
        """Where the outputs of rows are among those of `count`, one quantity after the other."""
        found, start = [], 0
        for width in self.widths.values():
            found.append((start + rows[:, None] * width + np.arange(width)).reshape(-1))
            start += count * width
        return np.concatenate(found)

    def _take_limits(self, rows: NDArray[np.intp], found: Column) -> list[int]:
        """Limits where the definition has no number; the places of the rows still too wide."""
        wide = found.wide()
        if not wide:
            return []
        count = np.arange(len(rows))
        owners = np.concatenate([np.repeat(count, width) for width in self.widths.values()])
        lost = {int(owners[i]) for i in wide if not _finite(found.entries[i])}
        # Elsewhere more precision helps: e^1e308 is an infinite ball at 128 bits.
        ends = sorted(row for row in lost if self._at_end[rows[row]])
        for row, edge in zip(ends, self._limits([int(rows[row]) for row in ends]), strict=True):
            places = np.flatnonzero(owners == row)
            for place, entry in zip(places.tolist(), edge, strict=True):
                if not _finite(found.entries[place]):
                    found.put(np.array([place]), Column([entry]))
        return sorted({int(owners[i]) for i in wide if not settled(found.entries[i])})

    @cached_property
    def _at_end(self) -> NDArray[np.bool_]:
        """The rows with an input at an end of its domain, or a masked class, which is as -inf."""
        flags = np.zeros(self.rows.count, dtype=bool)
        if MASK in self.rows.arrays:
            flags |= ~self.rows.arrays[MASK].all(axis=-1)
        for name, column in self.rows.columns.items():
            flags |= np.isin(column, self.domain[name]).any(axis=-1)
        return flags

    def _evaluate(self, rows: NDArray[np.intp]) -> list[Entry]:
        """The quantities of some rows, one after the other, at the current precision."""
        columns = {k: self._vector(k, v, rows) for k, v in self.rows.columns.items()}
        found = self._derive(columns, rows)
        return list(chain.from_iterable(found[q] for q in self.quantities))

    def _vector(self, name: str, array: NDArray[Any], rows: NDArray[np.intp]) -> Vector:
        """Some rows of an array, which may occur several times, as balls."""
        numbers = Balls(list(map(arb, array[rows].ravel().tolist())), array.shape[-1])
        return Vector(numbers, live=name in self.derivatives.live)

    def _derive(
        self, columns: Mapping[str, Vector], rows: NDArray[np.intp]
    ) -> dict[str, list[Ball]]:
        labels = {
            k: Labels(np.where(kept, v[rows], 0).tolist(), kept[:, None])
            for k, v in self.rows.labels.items()
            for kept in [self.rows.kept(k)[rows]]
        }
        arrays = {
            k: v[rows] if k == MASK else self._vector(k, v, rows)
            for k, v in self.rows.arrays.items()
        }
        if self._ones and self.operator.output != "vector":
            upstream = Vector(Balls([arb(1)] * (len(rows) * self.rows.width), self.rows.width))
        else:
            upstream = self._vector("upstream", self.rows.upstream, rows)
        tangents = {k: self._vector("", v, rows) for k, v in self.rows.tangents.items()}
        return self.derivatives(
            {**columns, **labels}, {**self.scalars, **arrays}, upstream, tangents
        )

    @cached_property
    def _ones(self) -> bool:
        return self.rows.reduced or bool((self.problem.upstream == 1).all())

    def _limits(self, chosen: Sequence[int]) -> list[list[Entry]]:
        """The limits of some rows."""

        def flat(points: Sequence[tuple[int, Mapping[str, list[Ball]]]]) -> list[list[Ball]]:
            places = np.array([chosen[i] for i, _ in points])

            columns = {
                k: batch(list(chain.from_iterable(p[k] for _, p in points)), len(points))
                for k in self.rows.columns
            }
            found = self._derive(columns, places)
            return [
                [e for q, w in self.widths.items() for e in found[q][i * w : (i + 1) * w]]
                for i in range(len(points))
            ]

        inputs = [{k: v[row].tolist() for k, v in self.rows.columns.items()} for row in chosen]
        return limits(flat, inputs, self.domain) if inputs else []

    def _combined(self) -> Column:
        """Sums and means over the rows, all at one precision."""
        combination = Combination(self.rows, self.problem, self.widths)
        bits = FIRST_BITS
        while True:
            entries, outputs, start = self.outputs(bits).entries, {}, 0
            for q, width in self.widths.items():
                outputs[q] = entries[start : start + self.rows.count * width]
                start += self.rows.count * width
            with precision(bits):
                combined = combination.entries(outputs)
                found = Column([e for q in self.quantities for e in combined[q]])
            if bits >= LAST_BITS or not found.wide():
                self.bits = max(self.bits, bits)
                return found
            bits = _more(bits)


def _finite(entry: Entry) -> bool:
    """Whether it is not a ball without a number."""
    return isinstance(entry, float) or bool(entry.is_finite())


def _more(bits: int) -> int:
    return next((more for more in LADDER if more > bits), bits)
