"""A case: what a YAML file says, and the problem it is at a number format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from conformance import numbers
from conformance.numbers import Number, rounded
from reference.formats import FORMATS, Floats, Format
from reference.operator import Operator
from reference.problem import Problem

MEASURES = ("value", "gradient", "jvp", "hvp", "mixed")
"""What a case may measure, by every input and pair of inputs; the gradient by an array that all
rows share, or by the sample weights, is measured when it is named (`gradient.class_weights`)."""
DEFAULT = ("value", "gradient")
UPSTREAM = ("1", "-1/2", "2", "-1/4")
"""The default cotangent of a row of outputs: this cycle, exact in every format."""
TANGENT = ("1", "-2", "1/2", "3/4", "-1/4")
"""The default direction of an input: this cycle, over all its numbers."""


class ClaimText(msgspec.Struct, forbid_unknown_fields=True):
    """What a source says, as an expression that the reference can check."""

    says: str
    check: str
    holds: bool
    row: str | None = None
    dtype: str | None = None
    instead: str | None = None


class CaseText(msgspec.Struct, forbid_unknown_fields=True):
    """A case as it is written; see README.md, "Writing a case"."""

    id: str
    operator: str
    source: str
    why: str
    rows: dict[str, dict[str, Any]] = {}
    inputs: dict[str, Any] = {}
    sweep: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    tangents: dict[str, Any] = {}
    batch: tuple[str, ...] = ()
    axis: str = "-1"
    reduction: str = "none"
    dtypes: tuple[str, ...] = tuple(FORMATS)
    measure: tuple[str, ...] = DEFAULT
    claims: list[ClaimText] = []


class FileText(msgspec.Struct, forbid_unknown_fields=True):
    """A file of cases."""

    theme: str
    cases: list[CaseText]


@dataclass(frozen=True)
class Case:
    """One call, with its inputs as exact numbers.

    columns: input -> one list of numbers a row (of length 1 for scalars), or one class index.
    wide: whether the rows of an elementwise operator are vectors.
    parameters: numbers, words, an int for `ignore_index`; arrays as (nested) lists; `mask` as one
        list of booleans a row.
    upstream: one list of numbers for each row, or None for the default.
    tangents: input -> one list of numbers, the direction of every row.
    batch: the shape in which the rows are arranged; axis: where the classes are in the arrays.
    """

    text: CaseText
    theme: str
    file: Path
    line: int
    operator: Operator
    rows: tuple[str, ...]
    columns: Mapping[str, list[Any]]
    wide: bool
    parameters: Mapping[str, Any]
    upstream: list[list[Number]] | None
    tangents: Mapping[str, list[Number]]
    batch: tuple[int, ...]
    axis: int

    @property
    def id(self) -> str:
        return self.text.id

    @property
    def dtypes(self) -> tuple[str, ...]:
        return self.text.dtypes

    @property
    def set(self) -> dict[str, str]:
        """The parameters that it sets, as written; "by row" for what each row has of its own."""
        known = {i.name for i in self.operator.inputs}
        rows = [
            *self.columns,
            *(name for name in self.parameters if name not in self.text.parameters),
        ]
        found = {name: "by row" for name in rows if name not in known}
        found |= {name: _text(value) for name, value in self.text.parameters.items()}
        if self.axis != -1 or len(self.batch) > 1:
            found["axis"] = str(self.axis)
        return found

    @property
    def options(self) -> list[str]:
        """The names of what it sets, sorted; with its value where that is a word: `full=exact`."""
        words = self.operator.words
        return sorted(
            f"{name}={text}" if name in words else name for name, text in self.set.items()
        )

    @property
    def wrt(self) -> tuple[str, ...]:
        """The inputs whose gradient is measured."""
        return self.operator.differentiable if "gradient" in self.text.measure else ()

    @cached_property
    def quantities(self) -> tuple[str, ...]:
        """What is measured: always `value`, then `gradient.<input>`, `jvp.<input>` and so on."""
        names = self.operator.differentiable
        found = [q for word in self.text.measure for q in _quantities(word, names)]
        return tuple(dict.fromkeys(["value", *found]))

    def problem(self, format: Format) -> Problem:
        """The case with every number rounded to the format."""
        inputs: dict[str, Any] = {}
        kinds = {i.name: i.kind for i in self.operator.inputs}
        for name, column in self.columns.items():
            kind = kinds.get(name, "scalar")
            if kind == "index":
                inputs[name] = np.array(column, dtype=np.int64).reshape(self.batch)
                continue
            array = np.array([[rounded(n(format), format) for n in row] for row in column])
            if kind == "vector" or self.wide:
                inputs[name] = self._arranged(array)
            else:
                inputs[name] = array[:, 0].reshape(self.batch)
        parameters = {k: self._parameter(v, format) for k, v in self.parameters.items()}
        return Problem(
            self.operator.name,
            format,
            inputs,
            parameters,
            self.text.reduction,
            self._upstream(format, inputs),
            self.axis,
            self._tangents(format, inputs),
            self.quantities,
        )

    def _arranged(self, rows: np.ndarray) -> np.ndarray:
        """Rows as the batch arranges them, with the classes along the axis."""
        whole = rows.reshape(*self.batch, rows.shape[-1])
        return whole if self.axis == -1 else np.moveaxis(whole, -1, self.axis)

    def _parameter(self, value: Any, format: Format) -> Any:
        if isinstance(value, int | str):
            return value
        if isinstance(value, list):
            if isinstance(value[0], list) and isinstance(value[0][0], bool):
                return self._arranged(np.array(value))
            return np.array(_each(value, lambda n: rounded(n(format), format)))
        return rounded(value(format), format)

    def _upstream(self, format: Format, inputs: Mapping[str, Any]) -> Floats:
        if self.text.reduction != "none":
            return np.array(1.0)
        lead = inputs[self.operator.differentiable[0]]
        shape = self.batch if self.operator.output == "scalar" else lead.shape
        if self.upstream is not None:
            given = np.array([[rounded(n(format), format) for n in row] for row in self.upstream])
            return self._arranged(given) if shape != self.batch else given.reshape(shape)
        if self.operator.output != "vector":
            return np.ones(shape)
        width = lead.shape[self.axis]
        return self._arranged(np.tile(np.resize(_cycle(UPSTREAM), width), (len(self.rows), 1)))

    def _tangents(self, format: Format, inputs: Mapping[str, Any]) -> dict[str, Floats]:
        asked = {name for q in self.quantities for name in q.split(".")[1:]}
        if all(q.split(".")[0] in DEFAULT for q in self.quantities):
            return {}
        found = {}
        for name in sorted(asked & set(inputs)):
            shape = inputs[name].shape
            given = self.tangents.get(name)
            if given is None:
                found[name] = np.resize(_cycle(TANGENT), shape)
            else:
                row = np.array([rounded(n(format), format) for n in given])
                rows = np.tile(row, (len(self.rows), 1))
                found[name] = rows.reshape(shape) if shape == self.batch else self._arranged(rows)
        return found

    def row_of(self, quantity: str, index: tuple[int, ...]) -> int | None:
        """The row that an output belongs to; None if it belongs to all."""
        kind, *names = quantity.split(".")
        if kind in ("value", "jvp") and self.text.reduction != "none":
            return None
        if names and names[0] in self.operator.arrays:
            return None
        if len(index) > len(self.batch):
            axis = self.axis % len(index)
            index = index[:axis] + index[axis + 1 :]
        return int(np.ravel_multi_index(index, self.batch)) if index else None


def _text(value: Any) -> str:
    return f"[{', '.join(map(_text, value))}]" if isinstance(value, list) else str(value)


def _quantities(word: str, names: tuple[str, ...]) -> list[str]:
    if word in ("gradient", "jvp", "hvp"):
        return [f"{word}.{name}" for name in names]
    if word == "mixed":
        return [f"mixed.{a}.{b}" for a, b in permutations(names, 2)]
    return [word]


def _cycle(texts: tuple[str, ...]) -> Floats:
    return np.array([float(numbers.number(text)(FORMATS["float64"])) for text in texts])


def _each(nested: list[Any], function: Callable[[Any], Any]) -> list[Any]:
    return [_each(n, function) if isinstance(n, list) else function(n) for n in nested]
