"""Programs: what a definition and its derivatives do to balls, written down once to be run again.

A definition runs on a tape of vectors, which costs more than the balls of a single row. What it
does depends on the shapes, the parameters and the outcomes of its comparisons, and on nothing else.
So it is run once on numbers that write down each operation (`Written`), and where all of that is
the same, the operations alone are run: the same balls come out. A program holds every comparison
with its outcome, and gives up where one comes out otherwise.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reference.balls import ARITHMETIC, Balls

Step = tuple[Callable[..., Any], tuple[int, ...], Any]
"""A function, where its operands are, and what it must give if it is a comparison."""


class Program:
    """The operations from some inputs to some outputs, each at a place among all values."""

    def __init__(self, inputs: Sequence[Any]) -> None:
        self.count = len(inputs)
        self.values = list(inputs)
        self.constant = [False] * len(inputs)
        self.steps: list[tuple[int, Step]] = []
        self.outputs: list[int] = []

    def input(self, place: int) -> Written:
        """A batch of rows among the inputs."""
        return Written(self, place)

    def step(self, function: Callable[..., Any], *operands: Any) -> Any:
        """The result of an operation, which is written down unless its operands are constants."""
        places = tuple(self._place(operand) for operand in operands)
        result = function(*(self.values[place] for place in places))
        constant = all(self.constant[place] for place in places)
        if not isinstance(result, Balls):
            if not constant:
                self.steps.append((-1, (function, places, result)))
            return result
        written = Written(self, self._hold(result, constant))
        if not constant:
            self.steps.append((written.place, (function, places, None)))
        return written

    def _place(self, operand: Any) -> int:
        if isinstance(operand, Written | Label):
            return operand.place
        return self._hold(operand, constant=True)

    def _hold(self, value: Any, constant: bool) -> int:
        self.values.append(value)
        self.constant.append(constant)
        return len(self.values) - 1

    def finish(self, outputs: Sequence[Written]) -> list[Balls]:
        """The outputs. What they and the comparisons do not need is left out from now on."""
        self.outputs = [output.place for output in outputs]
        found = [self.values[place] for place in self.outputs]
        needed = set(self.outputs)
        kept = []
        for place, step in reversed(self.steps):
            if place in needed or place < 0:
                needed.update(step[1])
                kept.append((place, step))
        self.steps = kept[::-1]
        self.values = [v if c else None for v, c in zip(self.values, self.constant, strict=True)]
        return found

    def run(self, inputs: Sequence[Any]) -> list[Balls] | None:
        """The outputs; None where a comparison comes out otherwise than when it was written."""
        values = self.values.copy()
        values[: self.count] = inputs
        for place, (function, places, outcome) in self.steps:
            result = function(*[values[k] for k in places])
            if outcome is None:
                values[place] = result
            elif not np.array_equal(result, outcome):
                return None
        return [values[place] for place in self.outputs]


class Label:
    """The classes of the rows among the inputs, of which a definition may only pick numbers."""

    def __init__(self, place: int) -> None:
        self.place = place


class Written:
    """A batch of rows whose operations are written down: those of `Balls`, and no others."""

    __slots__ = ("place", "program")
    __array_ufunc__ = None

    def __init__(self, program: Program, place: int) -> None:
        self.program, self.place = program, place

    @property
    def shape(self) -> tuple[int, int]:
        shape: tuple[int, int] = self.program.values[self.place].shape
        return shape

    @property
    def width(self) -> int:
        width: int = self.program.values[self.place].width
        return width

    @property
    def arithmetic(self) -> WrittenArithmetic:
        return WrittenArithmetic(self.program)

    def pick(self, classes: Label) -> Any:
        return self.program.step(Balls.pick, self, classes)

    def scatter(self, classes: Label, width: int) -> Any:
        return self.program.step(Balls.scatter, self, classes, width)

    def __neg__(self) -> Any:
        return self.program.step(operator.neg, self)

    def __abs__(self) -> Any:
        return self.program.step(abs, self)

    def __add__(self, other: Any) -> Any:
        return self.program.step(operator.add, self, other)

    def __sub__(self, other: Any) -> Any:
        return self.program.step(operator.sub, self, other)

    def __mul__(self, other: Any) -> Any:
        return self.program.step(operator.mul, self, other)

    def __truediv__(self, other: Any) -> Any:
        return self.program.step(operator.truediv, self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.program.step(operator.sub, other, self)

    def __rtruediv__(self, other: Any) -> Any:
        return self.program.step(operator.truediv, other, self)

    __radd__ = __add__
    __rmul__ = __mul__

    def __lt__(self, other: Any) -> Any:
        return self.program.step(operator.lt, self, other)

    def __gt__(self, other: Any) -> Any:
        return self.program.step(operator.gt, self, other)


class WrittenArithmetic:
    """The functions of `BallArithmetic`, written down."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(ARITHMETIC, name)
        return lambda *operands: self.program.step(function, *operands)
