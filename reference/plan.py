"""Plans: how problems that differ in their numbers alone are evaluated, without a batch.

A batch serves any problem. What it decides before it comes to the balls is the same for all
problems of one operator, shape and parameters: a plan decides it once. It gives up, for a batch to
take over, where a number is infinite or NaN, a comparison comes out otherwise than it did for the
problem that the plan was made for, or a ball is too wide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, count
from typing import Any

import numpy as np
from flint import arb

from reference.balls import Balls, precision
from reference.batch import derivatives, scalars
from reference.operators import OPERATORS
from reference.problem import Problem
from reference.program import Label, Program
from reference.rows import Rows
from reference.tape import Labels, Vector
from reference.truth import ACCURACY_BITS, Column, Truth, pack_decided


class Plan:
    """The evaluation, at one precision, of all problems like a given one."""

    def __init__(self, problem: Problem, bits: int) -> None:
        self.bits = bits
        self.rows = rows = Rows(OPERATORS[problem.operator], problem)
        self.program: Program | None = None
        self.possible = _row_by_row(rows)
        if not self.possible:
            return
        self.quantities = problem.quantities or rows.operator.quantities
        layouts = {q: rows.layout(q)[0] for q in self.quantities}
        self.shapes = {q: (shape, math.prod(shape)) for q, shape in layouts.items()}
        self.widths = {name: column.shape[-1] for name, column in rows.columns.items()}
        self.tangents = list(rows.tangents)

    @property
    def size(self) -> int:
        """About how many numbers it keeps."""
        kept = len(self.program.values) if self.program else 1
        return kept * (1 + self.rows.count)

    def truths(self, problem: Problem) -> dict[str, Truth] | None:
        """The truths of a problem; None where the plan does not apply."""
        inputs = self._inputs(problem) if self.possible else None
        if inputs is None:
            return None
        with precision(self.bits):
            found = self._made(inputs) if self.program is None else self.program.run(inputs)
        if found is None:
            return None
        column = Column.of(list(chain.from_iterable(balls.flat for balls in found)))
        if column.accuracy.min(initial=ACCURACY_BITS) < ACCURACY_BITS:
            return None
        packed, start, truths = pack_decided(column), 0, {}
        for quantity, (shape, size) in self.shapes.items():
            truths[quantity] = packed.part(start, start + size).truth(shape, (), self.bits)
            start += size
        return truths

    def _inputs(self, problem: Problem) -> list[Any] | None:
        """The upstream, tangents, columns and labels; None if a number is not finite."""
        inputs: list[Any] = []
        arrays: list[tuple[Any, int]] = [(problem.upstream, self.rows.width)]
        arrays += [(problem.tangents[name], self.widths[name]) for name in self.tangents]
        arrays += [(problem.inputs[name], width) for name, width in self.widths.items()]
        for array, width in arrays:
            numbers = array.ravel().tolist()
            if not math.isfinite(sum(numbers)):
                return None
            inputs.append(Balls(list(map(arb, numbers)), width))
        inputs += [problem.inputs[name].ravel().tolist() for name in self.rows.labels]
        return inputs

    def _made(self, inputs: Sequence[Any]) -> list[Balls]:
        """What the definition and its derivatives make of inputs; it becomes the program."""
        rows, program = self.rows, Program(inputs)
        evaluated = derivatives(rows.operator.name, self.quantities)
        places = count()
        upstream = Vector(program.input(next(places)))
        tangents = {name: Vector(program.input(next(places))) for name in self.tangents}
        arguments: dict[str, Any] = {
            name: Vector(program.input(next(places)), live=name in evaluated.live)
            for name in self.widths
        }
        kept = np.ones((rows.count, 1), dtype=bool)
        arguments |= {name: Labels(Label(next(places)), kept) for name in rows.labels}
        found = evaluated(arguments, scalars(rows.problem.parameters), upstream, tangents)
        self.program = program
        return program.finish([found[q].numbers for q in self.quantities])


def _row_by_row(rows: Rows) -> bool:
    """Whether each output is one of a row, in the order of the rows, and no row is ignored."""
    in_order = all(
        array.size == rows.columns[name].size
        for name, array in rows.problem.inputs.items()
        if name in rows.columns
    )
    plain = not (rows.reduced or rows.arrays or rows.ignored is not None or rows.operator.kinks)
    return plain and in_order and rows.last and rows.count > 0 and not rows.classless
