"""Rows in balls, all on one tape, at rising precision, until every ball is narrow.

Rows that stay too wide run again at a higher precision; those with an infinity, a NaN or the end of
a domain among their inputs take limits (`reference/limits.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from itertools import chain
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from reference.balls import Ball, Balls, ball, batch, precision
from reference.derivatives import Derivatives
from reference.limits import limits
from reference.operator import Operator
from reference.operators import OPERATORS
from reference.rows import MASK, Table
from reference.tape import Labels, Vector
from reference.truth import Column, Entry, settled

LADDER = (112, 256, 2048, 16384)
"""Precisions in bits. exp and log are a tenth cheaper at 112 than at 128. Few rows need more than
the second; those cancel, and need many more."""
FIRST_BITS, LAST_BITS = LADDER[0], LADDER[-1]


@cache
def derivatives(operator: str, quantities: tuple[str, ...]) -> Derivatives:
    """The derivatives of an operator that these quantities need."""
    return Derivatives(OPERATORS[operator], quantities)


def scalars(parameters: Mapping[str, Any]) -> dict[str, Ball | str]:
    """The parameters that are numbers, as balls, or words."""
    return {
        k: v if isinstance(v, str) else ball(v)
        for k, v in parameters.items()
        if isinstance(v, float | str)
    }


class Batch:
    """Rows of one operator, with the same parameters and quantities.

    widths: quantity -> how many outputs a row has.
    """

    def __init__(
        self,
        operator: Operator,
        parameters: Mapping[str, Any],
        widths: Mapping[str, int],
        table: Table,
    ) -> None:
        self.operator, self.widths, self.table = operator, widths, table
        self.derivatives = derivatives(operator.name, tuple(widths))
        self.scalars = scalars(parameters)
        self.special = ~table.finite
        """The rows with an infinity or NaN among their inputs."""
        self.upstream_is_one = operator.output != "vector" and bool((table.upstream == 1).all())

    def outputs(self, rows: NDArray[np.intp], bits: int) -> tuple[Column, NDArray[np.intp]]:
        """The outputs of some rows, one quantity after the other, each row at `bits` or more.

        And the precision that each of the rows took.
        """
        taken = np.full(len(rows), FIRST_BITS)
        if self.table.empty or not len(rows):
            return self._of_empty_rows(len(rows)), taken
        whole, todo = Column([]), np.arange(len(rows))
        special = self.special[rows]
        if special.any():
            whole = Column([math.nan] * (len(rows) * sum(self.widths.values())))
            places, todo = np.flatnonzero(special), np.flatnonzero(~special)
            for i, entries in zip(places, self._limits(rows[places].tolist()), strict=True):
                whole.put(self._places(np.array([i]), len(rows)), Column(entries))
        while len(todo):
            with precision(bits):
                found = Column.of(self._evaluate(rows[todo]))
            taken[todo] = bits
            wide = self._take_limits(rows[todo], found)
            if len(todo) == len(rows):
                whole = found
            else:
                whole.put(self._places(todo, len(rows)), found)
            todo = todo[wide] if bits < LAST_BITS else todo[:0]
            bits = more(bits)
        return whole, taken

    def _of_empty_rows(self, count: int) -> Column:
        """Rows without classes: empty sums."""
        entries: list[Entry] = []
        for q, width in self.widths.items():
            entry = self.operator.empty if q == "value" else 0.0
            held = ball(entry) if math.isfinite(entry) else entry
            entries += [held] * (count * width)
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
    def _domain(self) -> dict[str, tuple[float, float]]:
        """The ends of the domain of each column; a constant at an end stays there (rule e)."""
        known = {i.name: i.domain for i in self.operator.inputs if not i.constant}
        return {name: known.get(name, (-math.inf, math.inf)) for name in self.table.columns}

    @cached_property
    def _at_end(self) -> NDArray[np.bool_]:
        """The rows with an input at an end of its domain, or a masked class, which is as -inf."""
        flags = np.zeros(self.table.count, dtype=bool)
        if MASK in self.table.arrays:
            flags |= ~self.table.arrays[MASK].all(axis=-1)
        for name, column in self.table.columns.items():
            flags |= np.isin(column, self._domain[name]).any(axis=-1)
        return flags

    def _evaluate(self, rows: NDArray[np.intp]) -> list[Ball]:
        """The quantities of some rows, one after the other, at the current precision."""
        columns = {k: self._vector(k, v, rows) for k, v in self.table.columns.items()}
        found = self._derive(columns, rows)
        return list(chain.from_iterable(found[q] for q in self.widths))

    def _vector(self, name: str, array: NDArray[Any], rows: NDArray[np.intp]) -> Vector:
        """Some rows of an array, which may occur several times, as balls."""
        numbers = Balls(list(map(arb, array[rows].ravel().tolist())), array.shape[-1])
        return Vector(numbers, live=name in self.derivatives.live)

    def _derive(
        self, columns: Mapping[str, Vector], rows: NDArray[np.intp]
    ) -> dict[str, list[Ball]]:
        """Quantity -> the balls of some rows."""
        table = self.table
        labels = {
            k: Labels(np.where(kept, v[rows], 0).tolist(), kept[:, None])
            for k, v in table.labels.items()
            for kept in [table.kept[k][rows]]
        }
        arrays = {
            k: v[rows] if k == MASK else self._vector(k, v, rows) for k, v in table.arrays.items()
        }
        if self.upstream_is_one:
            upstream = Vector(Balls([arb(1)] * len(rows), 1))
        else:
            upstream = self._vector("upstream", table.upstream, rows)
        tangents = {k: self._vector("", v, rows) for k, v in table.tangents.items()}
        inputs, parameters = {**columns, **labels}, {**self.scalars, **arrays}
        found = self.derivatives(inputs, parameters, upstream, tangents)
        return {quantity: vector.balls for quantity, vector in found.items()}

    def _limits(self, chosen: Sequence[int]) -> list[list[Entry]]:
        """The limits of some rows."""

        def flat(points: Sequence[tuple[int, Mapping[str, list[Ball]]]]) -> list[list[Ball]]:
            places = np.array([chosen[i] for i, _ in points])
            columns = {
                k: batch(list(chain.from_iterable(p[k] for _, p in points)), len(points))
                for k in self.table.columns
            }
            found = self._derive(columns, places)
            return [
                [e for q, w in self.widths.items() for e in found[q][i * w : (i + 1) * w]]
                for i in range(len(points))
            ]

        columns = self.table.columns.items()
        inputs = [{k: v[row].tolist() for k, v in columns} for row in chosen]
        return limits(flat, inputs, self._domain) if inputs else []


def _finite(entry: Entry) -> bool:
    """Whether it is not a ball without a number."""
    return isinstance(entry, float) or bool(entry.is_finite())


def more(bits: int) -> int:
    """The next precision of the ladder, or the last again."""
    return next((higher for higher in LADDER if higher > bits), bits)
