"""A problem as rows: what the definitions and the model algorithms run on.

A row does not depend on the others. It is the classes along the axis for one place of all other
axes; for an elementwise operator, one element.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.formats import Floats
from reference.operator import Operator
from reference.problem import Problem
from reference.reduction import SAMPLE_WEIGHTS, Divisor, divisor

MASK = "mask"
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Table:
    """Rows, of one problem or of several: arrays with a row for each row.

    columns: inputs, float64 (n, width). labels: index inputs, int64 (n,), and which of them are
    `kept`. arrays: array parameters. tangents, upstream: as the columns and the value.
    empty: whether the rows have no classes.
    """

    columns: Arrays
    labels: Arrays
    kept: Arrays
    arrays: Arrays
    tangents: Arrays
    upstream: Floats
    empty: bool = False

    @property
    def count(self) -> int:
        return len(self.upstream)

    @property
    def finite(self) -> NDArray[np.bool_]:
        """The rows with numbers alone among their inputs."""
        finite = np.ones(self.count, dtype=bool)
        for column in self.columns.values():
            finite &= np.isfinite(column).all(axis=-1)
        return finite

    @classmethod
    def joined(cls, tables: Sequence[Table]) -> Table:
        """The rows of all, which share the array parameters."""
        first, count = tables[0], sum(table.count for table in tables)

        def join(held: Sequence[Arrays]) -> Arrays:
            return {name: np.concatenate([arrays[name] for arrays in held]) for name in held[0]}

        return cls(
            join([table.columns for table in tables]),
            join([table.labels for table in tables]),
            join([table.kept for table in tables]),
            {k: np.broadcast_to(v[:1], (count, *v.shape[1:])) for k, v in first.arrays.items()},
            join([table.tangents for table in tables]),
            np.concatenate([table.upstream for table in tables]),
        )

    def distinct(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The first of all rows that are the same, and for each row its place among those."""
        parts = [*self.columns.values(), *self.tangents.values(), self.upstream]
        parts += [labels[:, None].view(np.float64) for labels in self.labels.values()]
        keys = [row.tobytes() for row in np.concatenate(parts, axis=1)]
        places: dict[bytes, int] = {}
        of_rows = np.array([places.setdefault(key, len(places)) for key in keys])
        return np.unique(of_rows, return_index=True)[1], of_rows


class Rows:
    """The arrays of a problem with one row for each row.

    columns: inputs, float64 (n, width), with `sample_weights` (n, 1) if there are any.
    labels: index inputs, int64 (n,).
    shared: array parameters, the same for all rows, (width,); `mask` alone has n rows.
    losses: the shape of the value before its reduction.
    last: whether the classes are along the last axis.
    """

    def __init__(self, operator: Operator, problem: Problem) -> None:
        self.operator, self.problem = operator, problem
        lead = operator.inputs[0].name
        if operator.output != "elementwise":
            lead = next(i.name for i in operator.inputs if i.kind == "vector")
        self._full = problem.inputs[lead].shape
        self.elementwise = operator.output == "elementwise"
        self.last = self.elementwise or problem.axis in (-1, len(self._full) - 1)
        axis = problem.axis % len(self._full) if self._full else 0
        self._short = self._full[:axis] + self._full[axis + 1 :]
        self.losses = self._short if operator.output == "scalar" else self._full
        count = self._full if self.elementwise else self._short
        self.count = math.prod(count)
        self.width = self._full[axis] if operator.output == "vector" else 1
        self._kinds = {i.name: i.kind for i in operator.inputs}
        self.columns: dict[str, Floats] = {}
        self.labels: dict[str, NDArray[np.int64]] = {}
        for name, array in problem.inputs.items():
            if self._kinds.get(name) == "index":
                self.labels[name] = np.asarray(array, dtype=np.int64).reshape(self.count)
            else:
                self.columns[name] = self._column(name, array)
        self.ignored = problem.parameters.get("ignore_index")

    @property
    def classes(self) -> int:
        """The length of the rows of classes."""
        return 0 if self.elementwise else int(self._full[self.problem.axis])

    @property
    def choices(self) -> int:
        """How many classes an index names: those of the rows, or those that a matrix makes."""
        weights = self.problem.parameters.get("weights")
        return self.classes if weights is None else len(weights)

    @property
    def classless(self) -> bool:
        return not self.elementwise and self.classes == 0

    @property
    def reduced(self) -> bool:
        return self.problem.reduction != "none"

    @cached_property
    def divisor(self) -> Divisor | None:
        """What the reduction divides by; None for a sum."""
        return divisor(self.operator, self.problem, self.losses)

    @cached_property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Array parameters with a row for each row."""
        found = {}
        for name, value in self.problem.parameters.items():
            if isinstance(value, np.ndarray):
                if self.elementwise:
                    found[name] = np.broadcast_to(value, self._full).reshape(self.count, 1)
                elif name == MASK:
                    found[name] = self._as_rows(np.broadcast_to(value, self._full))
                else:
                    flat = value.reshape(1, -1)
                    found[name] = np.broadcast_to(flat, (self.count, flat.shape[-1]))
        return found

    @property
    def table(self) -> Table:
        """The rows without their problem."""
        kept = {name: self.kept(name) for name in self.labels}
        inputs = (self.columns, self.labels, kept)
        return Table(*inputs, self.arrays, self.tangents, self.upstream, self.classless)

    @property
    def upstream(self) -> Floats:
        """The cotangent of the unreduced value, (n, width): ones where it is reduced."""
        if self.reduced:
            return np.ones((self.count, self.width))
        if self.operator.output == "vector":
            return self._as_rows(self.problem.upstream)
        return self.problem.upstream.reshape(self.count, 1)

    @property
    def tangents(self) -> dict[str, Floats]:
        """The directions that the quantities need, in the shapes of the columns."""
        parts = [quantity.split(".") for quantity in self.problem.quantities or ()]
        needed = {names[-1] for kind, *names in parts if kind in ("jvp", "hvp", "mixed")}
        given = self.problem.tangents.items()
        return {name: self._column(name, v) for name, v in given if name in needed}

    def kept(self, name: str) -> NDArray[np.bool_]:
        """Which rows have a label that is not ignored."""
        kept: NDArray[np.bool_] = self.labels[name] != self.ignored
        return kept

    def width_of(self, quantity: str) -> int:
        """How many numbers a row gives of a quantity."""
        kind, *names = quantity.split(".")
        if kind in ("value", "jvp"):
            return self.width
        name = names[0]
        column = self.columns.get(name)
        return int((self.arrays[name] if column is None else column).shape[-1])

    def shape_of(self, quantity: str) -> tuple[int, ...]:
        """The shape of a quantity in the layout of the problem."""
        kind, *names = quantity.split(".")
        if kind in ("value", "jvp"):
            return () if self.reduced else self.losses
        name = names[0]
        held = self.problem.inputs.get(name)
        shape: tuple[int, ...] = (
            np.shape(self.problem.parameters[name]) if held is None else held.shape
        )
        return shape

    def layout(self, quantity: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The shape of a quantity with the classes last, and the axes that put them in place.

        Without axes nothing is to be moved.
        """
        shape = self.shape_of(quantity)
        if self.last or shape != self._full:
            return shape, ()
        axes = list(range(len(shape) - 1))
        axes.insert(self.problem.axis % len(shape), len(shape) - 1)
        return (*self._short, shape[self.problem.axis]), tuple(axes)

    def restore(self, quantity: str, flat: NDArray[Any]) -> NDArray[Any]:
        """A quantity of all rows, given one after the other, in the layout of the problem."""
        shape, axes = self.layout(quantity)
        return flat.reshape(shape).transpose(axes) if axes else flat.reshape(shape)

    def shares(self, name: str) -> NDArray[np.float64]:
        """How often each weight of a divisor is in it."""
        if name == SAMPLE_WEIGHTS:
            return np.ones(self.count)
        (label, classes), *_ = self.labels.items()
        size = self.arrays[name].shape[-1]
        return np.bincount(classes[self.kept(label)], minlength=size).astype(np.float64)

    def _column(self, name: str, array: NDArray[Any]) -> Floats:
        if name == SAMPLE_WEIGHTS or self._kinds[name] == "scalar":
            whole = self._full if self.elementwise else self._short
            spread = array if array.shape == whole else np.broadcast_to(array, whole)
            return spread.reshape(self.count, 1)
        return self._as_rows(array)

    def _as_rows(self, array: NDArray[Any]) -> NDArray[Any]:
        if not self.last:
            array = np.moveaxis(array, self.problem.axis, -1)
        return array.reshape(self.count, array.shape[-1])
