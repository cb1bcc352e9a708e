"""The truth of a problem: its definition in balls, narrow enough for every rounding.

Problems that are prepared together share what they have in common: those of one operator, with the
same parameters and quantities, are one batch (`reference/batch.py`), and a row that occurs in
several of them is evaluated once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import batch
from reference.balls import precision
from reference.batch import Batch
from reference.combination import Combination, Outputs
from reference.memory import Memory
from reference.operators import OPERATORS
from reference.plan import Plan
from reference.problem import Problem
from reference.rows import MASK, Rows, Table
from reference.special_table import rows_where
from reference.tape import Kink
from reference.truth import Column, Packed, Truth, pack, subgradient

Truths = dict[str, Truth]
_TRUTHS = Memory[Truths](lambda truths: sum(t.hi.size for t in truths.values()))
_PLANS = Memory[Plan](lambda plan: plan.size)


def evaluate(problem: Problem) -> Truths:
    """The truth of every quantity that a problem asks for.

    Raises KeyError for an unknown operator, or a quantity that the operator does not have.
    """
    key = signature, _ = _key(problem)
    found = _TRUTHS.get(key)
    if found is None:
        found = _by_plan(signature, problem)
        if found is None:
            (found,) = _Group([_Work(problem)]).truths()
        _TRUTHS.put(key, found)
    return found


def _by_plan(signature: Any, problem: Problem) -> Truths | None:
    """The truths by the plan for all problems like this; None where it does not apply."""
    key = batch.FIRST_BITS, signature
    plan = _PLANS.get(key)
    if plan is None:
        plan = Plan(problem, batch.FIRST_BITS)
        found = plan.truths(problem)
        _PLANS.put(key, plan)
        return found
    return plan.truths(problem)


def prepare(problems: Iterable[Problem]) -> None:
    """Evaluate many problems together, which is cheaper, for `evaluate` to find."""
    asked = {_key(problem): problem for problem in problems}
    groups: dict[Any, dict[Any, _Work]] = {}
    for key, problem in asked.items():
        if _TRUTHS.get(key) is None:
            work = _Work(problem)
            groups.setdefault(work.shared or key, {})[key] = work
    for works in groups.values():
        for key, found in zip(works, _Group(list(works.values())).truths(), strict=True):
            _TRUTHS.put(key, found)


def _key(problem: Problem) -> tuple[Any, Any]:
    """All that a truth depends on, everything but the format: what is asked, and the numbers."""
    inputs, tangents = problem.inputs, problem.tangents
    arrays = [*inputs.values(), problem.upstream, *tangents.values()]
    words = (problem.operator, problem.reduction, problem.axis, problem.quantities)
    names, shapes = (*inputs, *tangents), tuple([a.shape for a in arrays])
    signature = words, _frozen(problem.parameters), names, shapes
    return signature, tuple([a.tobytes() for a in arrays])


def _frozen(parameters: Mapping[str, Any]) -> Any:
    return tuple(
        (k, v.tobytes() if isinstance(v, np.ndarray) else v) for k, v in parameters.items()
    )


class _Work:
    """One problem, and what it makes of the outputs of its rows."""

    def __init__(self, problem: Problem) -> None:
        self.operator, self.problem = OPERATORS[problem.operator], problem
        self.rows = rows = Rows(self.operator, problem)
        self.quantities = problem.quantities or self.operator.quantities
        self.widths = {q: rows.width_of(q) for q in self.quantities}
        # What a row is multiplied with, or added to others of, is settled for all rows at once.
        arrays = [q for q in self.quantities if q.partition(".")[2] in rows.arrays]
        self.combined = rows.reduced or bool(arrays)

    @cached_property
    def table(self) -> Table:
        return self.rows.table

    @property
    def shared(self) -> Any:
        """What problems must share to be one batch; None if this one shares with no other."""
        rows, table = self.rows, self.table
        if rows.classless or not rows.count or MASK in rows.arrays:
            return None
        if rows.elementwise and rows.arrays:
            return None
        arrays = {**table.columns, **table.tangents}
        widths = tuple((name, array.shape[-1]) for name, array in arrays.items())
        return self.operator.name, self.quantities, _frozen(self.problem.parameters), widths

    def truths(self, packed: Packed, rows: int, places: NDArray[np.intp], bits: int) -> Truths:
        """The truths of some of so many rows, which stay as they are."""
        start, truths = 0, {}
        for q, width in self.widths.items():
            stop = start + rows * width
            chosen = packed.part(start, stop).rows(rows, width, places)
            truths[q] = chosen.truth(*self.rows.layout(q), bits)
            start = stop
        return truths

    def combination(self, outputs: Outputs, bits: int) -> Column:
        """What is made of all rows, at a precision."""
        with precision(bits):
            combined = Combination(self.rows, self.problem, self.widths).entries(outputs)
            return Column([e for q in self.quantities for e in combined[q]])

    def combined_truths(self, packed: Packed, bits: int) -> Truths:
        """The truths of what was made of all rows."""
        start, truths = 0, {}
        for q in self.quantities:
            shape, axes = self.rows.layout(q)
            stop = start + math.prod(shape)
            truths[q] = packed.part(start, stop).truth(shape, axes, bits)
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


class _Group:
    """Problems that are one batch, in which every row occurs once."""

    def __init__(self, works: Sequence[_Work]) -> None:
        self.works, lead = works, works[0]
        table, rows = lead.table, np.arange(lead.rows.count)
        self.rows, self.places = rows, [rows]
        """Of the batch: all that are needed, and where those of each problem are among them."""
        if len(works) > 1:
            table = Table.joined([work.table for work in works])
            self.rows, of_rows = table.distinct()
            ends = list(accumulate(work.rows.count for work in works))
            self.places = np.split(of_rows, ends[:-1])
        self.operator = lead.operator
        self.batch = Batch(lead.operator, lead.problem.parameters, lead.widths, table)

    def truths(self) -> list[dict[str, Truth]]:
        """The truths of each problem."""
        found = self._from_one_side()
        if self.operator.kinks:
            Kink.side = -1
            try:
                left = self._from_one_side()
            finally:
                Kink.side = 1
            found = [
                {q: subgradient(truth, other[q]) for q, truth in truths.items()}
                for truths, other in zip(found, left, strict=True)
            ]
        return [self._choices(i, truths) for i, truths in enumerate(found)]

    def _choices(self, i: int, truths: Truths) -> Truths:
        if not self.batch.special[self.rows[self.places[i]]].any():
            return truths
        return {q: self.works[i].allow_nan(q, truth) for q, truth in truths.items()}

    def _from_one_side(self) -> list[Truths]:
        column, taken = self.batch.outputs(self.rows, batch.FIRST_BITS)
        found = self._plain_truths(column, taken) | self._combined_truths(column, taken)
        return [found[i] for i in range(len(self.works))]

    def _plain_truths(self, column: Column, taken: NDArray[np.intp]) -> dict[int, Truths]:
        plain = self._of(combined=False)
        packed, found = pack(column if plain else Column([])), {}
        for i in plain:
            places = self.places[i]
            bits = int(taken[places].max(initial=batch.FIRST_BITS))
            found[i] = self.works[i].truths(packed, len(self.rows), places, bits)
        return found

    def _combined_truths(self, column: Column, taken: NDArray[np.intp]) -> dict[int, Truths]:
        combined = {i: self._combined(i, column, taken) for i in self._of(combined=True)}
        if not combined:
            return {}
        packed, start, found = pack(Column.joined([c for c, _ in combined.values()])), 0, {}
        for i, (part, bits) in combined.items():
            stop = start + len(part.entries)
            found[i] = self.works[i].combined_truths(packed.part(start, stop), bits)
            start = stop
        return found

    def _of(self, *, combined: bool) -> list[int]:
        return [i for i, work in enumerate(self.works) if work.combined == combined]

    def _combined(self, i: int, column: Column, taken: NDArray[np.intp]) -> tuple[Column, int]:
        """Sums and means over the rows, all at one precision, and that precision."""
        work, places, bits = self.works[i], self.places[i], batch.FIRST_BITS
        outputs = _chosen(column, len(self.rows), work.widths, places)
        highest = int(taken[places].max(initial=bits))
        while True:
            found = work.combination(outputs, bits)
            if bits >= batch.LAST_BITS or not found.wide():
                return found, max(bits, highest)
            bits = batch.more(bits)
            column, taken = self.batch.outputs(self.rows[places], bits)
            outputs = _chosen(column, len(places), work.widths, np.arange(len(places)))
            highest = int(taken.max())


def _chosen(
    column: Column, count: int, widths: Mapping[str, int], places: NDArray[np.intp]
) -> Outputs:
    """The outputs of some of `count` rows."""
    outputs, start = {}, 0
    for q, width in widths.items():
        starts = (start + places * width).tolist()
        outputs[q] = [e for k in starts for e in column.entries[k : k + width]]
        start += count * width
    return outputs
