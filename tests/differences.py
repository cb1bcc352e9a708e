"""Derivatives of textbook formulas by central differences at hundreds of digits.

A difference quotient D(h) of a smooth function errs by O(h^2): that of D(h/2) is a third of the
change from D(h). The change therefore bounds it, and no tolerance is chosen by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from mpmath import mp, mpf

from reference.operators import OPERATORS
from reference.problem import Problem
from reference.reduction import SAMPLE_WEIGHTS
from tests.textbook import FORMULAS

ORDINARY = 130
"""Digits; the step is a quarter of them, the accuracy of a second difference half of them."""
Direction = Mapping[str, Sequence[mpf]]
Memory = dict[Any, list[mpf]]
"""The arguments of a row -> its outputs."""


@dataclass(frozen=True)
class Difference:
    """A difference quotient and a bound of its error."""

    number: mpf
    error: mpf


class Textbook:
    """The outputs of a problem as a function of all its numbers, the arrays included."""

    def __init__(self, asked: Problem, memory: Memory) -> None:
        self.asked, self.remembered = asked, memory
        self.operator = OPERATORS[asked.operator]
        self.elementwise = self.operator.output == "elementwise"
        arrays = {k: v for k, v in asked.parameters.items() if _floats(v)}
        self.held = {**{k: v for k, v in asked.inputs.items() if _floats(v)}, **arrays}
        self.numbers = {k: [mpf(x) for x in v.reshape(-1).tolist()] for k, v in self.held.items()}
        first = asked.inputs[self.operator.inputs[0].name]
        self.shape = first.shape
        self.count = first.size if self.elementwise else first.shape[0]

    @cached_property
    def plain(self) -> dict[str, Any]:
        return {
            k: mpf(v) if isinstance(v, float) else v
            for k, v in self.asked.parameters.items()
            if not isinstance(v, np.ndarray)
        }

    def outputs(self, shift: Direction | None = None) -> list[mpf]:
        """All outputs, reduced as the problem says, with some numbers shifted."""
        held = dict(self.numbers)
        for name, steps in (shift or {}).items():
            held[name] = [x + s for x, s in zip(held[name], steps, strict=True)]
        rows = [self._row(i, held) for i in range(self.count)]
        weights = held.get(SAMPLE_WEIGHTS)
        if weights is not None:
            rows = [[w * x for x in row] for w, row in zip(weights, rows, strict=True)]
        losses = [x for row in rows for x in row]
        if self.asked.reduction == "none":
            return losses
        return [mp.fsum(losses) / self._divisor(held, len(losses))]

    def _row(self, i: int, held: Mapping[str, Sequence[mpf]]) -> list[mpf]:
        arguments = {k: self._part(i, k, v) for k, v in held.items() if k != SAMPLE_WEIGHTS}
        arguments |= self._labels(i)
        key = (i, *((k, tuple(v) if isinstance(v, list) else v) for k, v in arguments.items()))
        if key not in self.remembered:
            found = FORMULAS[self.asked.operator](**arguments, **self.plain)
            self.remembered[key] = found if isinstance(found, list) else [found]
        return self.remembered[key]

    def _part(self, i: int, name: str, numbers: Sequence[mpf]) -> Any:
        """What row i sees of an input or of an array."""
        shape = self.held[name].shape
        if self.elementwise:
            places = np.arange(len(numbers)).reshape(shape)
            return numbers[np.broadcast_to(places, self.shape).reshape(-1)[i]]
        if name in self.asked.parameters:
            return list(numbers)
        width = len(numbers) // self.count
        return list(numbers[i * width : (i + 1) * width]) if len(shape) > 1 else numbers[i]

    def _labels(self, i: int) -> dict[str, Any]:
        whole = {**self.asked.inputs, **self.asked.parameters}
        rows = {k: v for k, v in whole.items() if isinstance(v, np.ndarray) and not _floats(v)}
        return {k: v[i].tolist() for k, v in rows.items()}

    def _divisor(self, held: Mapping[str, Sequence[mpf]], losses: int) -> mpf:
        each = losses // self.count
        sample = held.get(SAMPLE_WEIGHTS, [mpf(1)] * self.count)
        match self.asked.reduction:
            case "sum":
                return mpf(1)
            case "mean":
                return mpf(losses)
            case "batch_mean":
                return mpf(self.shape[0])
            case "weighted_mean":
                return mp.fsum(self._label_weights(held, losses))
            case "kept_mean":
                return mp.fsum(self._label_weights({}, losses))
            case "sample_weighted_mean":
                return each * mp.fsum(sample)
            case "nonzero_mean":
                # Not the shifted weights: where one is 0, the count jumps and is held.
                there = self.numbers.get(SAMPLE_WEIGHTS, sample)
                return mpf(each * sum(w != 0 for w in there))
        raise ValueError(self.asked.reduction)

    def _label_weights(self, held: Mapping[str, Sequence[mpf]], losses: int) -> list[Any]:
        """The weight of every class that is a label and not ignored; 1 without index labels."""
        index = [i.name for i in self.operator.inputs if i.kind == "index"]
        if not index:
            return [1] * losses
        labels = self.asked.inputs[index[0]].tolist()
        kept = [k for k in labels if k != self.asked.parameters.get("ignore_index")]
        weights = held.get("class_weights")
        return [weights[k] if weights else 1 for k in kept]


def _floats(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.float64


class Differences:
    """Every quantity of a problem by difference quotients of its textbook formula.

    memory: of rows, which problems share that differ in their reduction only.
    """

    def __init__(
        self, asked: Problem, digits: int = ORDINARY, memory: Memory | None = None
    ) -> None:
        self.asked, self.digits = asked, digits
        self.function = Textbook(asked, {} if memory is None else memory)

    def of(self, quantity: str) -> list[Difference]:
        """The quantity of all rows, one number after the other."""
        with mp.workdps(self.digits):
            kind, *names = quantity.split(".")
            if kind == "value":
                return [Difference(x, self._lost(0)) for x in self.function.outputs()]
            if kind == "jvp":
                return self._along(names[0])
            other = self._tangent(names[-1]) if kind in ("hvp", "mixed") else None
            return [self._slope(unit, other) for unit in self._units(names[0])]

    def _along(self, name: str) -> list[Difference]:
        """The outputs' derivatives along a tangent."""
        tangent, step = self._tangent(name), self._step()
        wide, near = (
            [_quotient(*pair, h) for pair in zip(self._at(tangent, h), self._at(tangent, -h))]  # noqa: B905
            for h in (step, step / 2)
        )
        return [self._judged(w, n, 1) for w, n in zip(wide, near, strict=True)]

    def _slope(self, one: Direction, other: Direction | None) -> Difference:
        step = self._step()
        if other is None:
            wide, near = (self._first(one, h) for h in (step, step / 2))
            return self._judged(wide, near, 1)
        wide, near = (self._second(one, other, h) for h in (step, step / 2))
        return self._judged(wide, near, 2)

    def _first(self, one: Direction, h: mpf) -> mpf:
        return (self._dot(self._at(one, h)) - self._dot(self._at(one, -h))) / (2 * h)

    def _second(self, one: Direction, other: Direction, h: mpf) -> mpf:
        corners = ((1, 1), (1, -1), (-1, 1), (-1, -1))
        points = [_sum(_times(one, a * h), _times(other, b * h)) for a, b in corners]
        signed = zip(corners, points, strict=True)
        sums = [a * b * self._dot(self.function.outputs(p)) for (a, b), p in signed]
        return mp.fsum(sums) / (4 * h * h)

    def _at(self, one: Direction, h: mpf) -> list[mpf]:
        return self.function.outputs(_times(one, h))

    def _dot(self, outputs: Sequence[mpf]) -> mpf:
        upstream = self.asked.upstream.reshape(-1).tolist()
        pairs = zip(upstream, outputs, strict=True)
        return mp.fsum(mpf(u) * x for u, x in pairs if mp.isfinite(x))

    def _units(self, name: str) -> Iterator[Direction]:
        size = len(self.function.numbers[name])
        for k in range(size):
            yield {name: [mpf(int(j == k)) for j in range(size)]}

    def _tangent(self, name: str) -> Direction:
        return {name: [mpf(t) for t in self.asked.tangents[name].reshape(-1).tolist()]}

    def _step(self) -> mpf:
        return mpf(10) ** -(self.digits // 4)

    def _lost(self, order: int) -> mpf:
        """What the digits of the outputs lose in a quotient, for outputs below 10^9."""
        return mpf(10) ** (10 - self.digits) / (self._step() / 2) ** order

    def _judged(self, wide: mpf, near: mpf, order: int) -> Difference:
        return Difference(near, abs(near - wide) + self._lost(order))


def _quotient(above: mpf, below: mpf, h: mpf) -> mpf:
    """Half of the difference over h; what stays infinite does not move."""
    return mpf(0) if mp.isinf(above) else (above - below) / (2 * h)


def _times(direction: Direction, h: mpf) -> dict[str, list[mpf]]:
    return {k: [h * x for x in v] for k, v in direction.items()}


def _sum(one: Direction, other: Direction) -> dict[str, list[mpf]]:
    found = {k: list(v) for k, v in one.items()}
    for k, v in other.items():
        found[k] = [a + b for a, b in zip(found[k], v, strict=True)] if k in found else list(v)
    return found
