"""Certified truths: the definition evaluated in balls, at rising precision, until decided."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from flint import ctx
from numpy.typing import NDArray

from reference.balls import Ball, Balls, Kink, Vector, ball, gradients, precision
from reference.formats import FORMATS, Floats, Format
from reference.limits import Entry, limit
from reference.operator import Operator
from reference.operators import OPERATORS
from reference.problem import Problem

FIRST_BITS, LAST_BITS = 128, 1 << 14
ACCURACY_BITS = 53 + 20
"""A ball is decided when it is narrower than 2^-20 ulp of float64 ..."""
FLOOR = ball(2) ** -(1074 + 20)
"""... or than 2^-20 of the smallest subnormal."""
DOUBLE = FORMATS["float64"]
SCALED = 1e-270
"""Below this, the tail of a truth is scaled before it becomes a float."""
UNCERTAIN = ball("0 +/- 1")

Answers = dict[str, list[Entry]]
"""Quantity -> one entry for each of its outputs."""
Units = dict[str, list[list[Entry]]]
"""Quantity -> for each unit, its outputs."""
_REMEMBERED: dict[Any, Answers] = {}


@dataclass(frozen=True)
class Truth:
    """The exact result of one quantity, enclosed; all arrays in the output's shape.

    hi: the float64 nearest to the midpoint; infinite or NaN where the truth is, and infinite where
        the truth is finite but beyond the range of float64.
    tail, radius: midpoint minus `hi`, and the enclosure's radius, both in ulps of float64 at `hi`.
    nan: where NaN may be answered instead.
    lower, upper: ends of the subdifferential at kinks, NaN elsewhere; None without any.
    undecided: where the largest precision did not decide the enclosure.
    bits: the precision that was needed.
    """

    hi: Floats
    tail: Floats
    radius: Floats
    nan: NDArray[np.bool_]
    undecided: NDArray[np.bool_]
    bits: int
    lower: Floats | None = None
    upper: Floats | None = None
    _rounded: dict[str, tuple[Floats, Floats, Floats]] = field(
        default_factory=dict, init=False, repr=False
    )

    def part(self, places: slice, shape: tuple[int, ...]) -> Truth:
        """A part of a one-dimensional truth without kinks, in another shape."""
        return Truth(
            self.hi[places].reshape(shape),
            self.tail[places].reshape(shape),
            self.radius[places].reshape(shape),
            self.nan[places].reshape(shape),
            self.undecided[places].reshape(shape),
            self.bits,
        )

    @property
    def lo(self) -> Floats:
        """The second half of the double-double pair (0 below the range of float64)."""
        return np.where(np.isfinite(self.hi), self.tail * DOUBLE.ulp(self.hi), 0.0)

    def error(self, got: NDArray[Any]) -> Floats:
        """|got - truth|, correct to 52 bits, for an array of the same shape (NaN without one)."""
        rest = self.tail * np.spacing(np.abs(self.hi))
        return np.abs((got.astype(np.float64) - self.hi) - rest)

    def rounded(self, format: Format) -> tuple[Floats, Floats, Floats]:
        """RN, RD and RU in the format; computed once, since many outputs are judged by a truth."""
        if format.name not in self._rounded:
            down, up = self.bracket(format)
            self._rounded[format.name] = self._nearest(format, down, up), down, up
        return self._rounded[format.name]

    def nearest(self, format: Format) -> Floats:
        """The truth rounded to the format (RN); NaN where the enclosure leaves it open (`tie`)."""
        return self.rounded(format)[0]

    def _nearest(self, format: Format, down: Floats, up: Floats) -> Floats:
        if format is DOUBLE:
            return self._nearest_double()
        # For rounding, the neighbour of the largest number is 2^(emax+1).
        half = math.ldexp(1.0, format.emax)
        middle = np.clip(down / 2, -half, half) + np.clip(up / 2, -half, half)
        side = np.sign(self.tail) * (np.abs(self.tail) > self.radius)
        tie = (self.hi == middle) & (down != up)
        rounded = np.where(tie & (side > 0), up, format.nearest(self.hi))
        rounded = np.where(tie & (side < 0), down, rounded)
        return np.where(tie & (side == 0) & (self.radius > 0), np.nan, rounded)

    def _nearest_double(self) -> Floats:
        """`hi`, unless the enclosure reaches half of the way to a neighbour."""
        inward = self.tail * np.sign(self.hi) < 0
        power = (np.abs(np.frexp(self.hi)[0]) == 0.5) & (np.abs(self.hi) > DOUBLE.tiny)
        reach = np.where(power & inward, 0.25, 0.5)
        open_ = (self.radius > 0) & (np.abs(self.tail) + self.radius > reach)
        return np.where(open_, np.nan, self.hi)

    def bracket(self, format: Format) -> tuple[Floats, Floats]:
        """RD and RU: the numbers of the format on either side of the truth.

        Both are the truth where it is a number of the format, and where the enclosure does not
        tell on which side of that number it lies.
        """
        down = format.floor(self.hi)
        on_grid = down == self.hi
        above = self.tail > self.radius
        below = self.tail < -self.radius
        previous = -format.next_up(-down)
        up = format.next_up(down)
        low = np.where(on_grid & below, previous, down)
        high = np.where(on_grid, np.where(above, up, self.hi), up)
        infinite = ~np.isfinite(self.hi)
        return np.where(infinite, self.hi, low), np.where(infinite, self.hi, high)

    def digits(self, index: tuple[int, ...], count: int = 30) -> str:
        """One truth in decimal: the certain digits, at most `count` (the pair holds about 31)."""
        hi = float(self.hi[index])
        if not math.isfinite(hi):
            return str(hi)
        ulp = Fraction(float(DOUBLE.ulp(np.array(hi))))
        tail, radius = Fraction(float(self.tail[index])), Fraction(float(self.radius[index]))
        radius += abs(tail) / 2**53  # the tail itself is a rounded number
        return decimal(Fraction(hi) + tail * ulp, count, radius * ulp)


def decimal(exact: Fraction, count: int, radius: Fraction = Fraction(0)) -> str:
    """A rational in decimal: the digits that the radius leaves certain, at most `count`."""
    if exact == 0:
        return "0"
    with precision(4 * count + 64):
        text = (ball(exact) + ball(radius) * UNCERTAIN).str(count, radius=False)
    return str(text)


def evaluate(problem: Problem) -> dict[str, Truth]:
    """The truth of the value and of the gradient for every differentiable input.

    Raises KeyError for an unknown operator.
    """
    operator = OPERATORS[problem.operator]
    work = _Work(operator, problem)
    truths = work.truths(work.answers())
    if operator.kinks:
        left = work.truths(_from_the_left(work))
        truths = {q: _subgradient(truth, left[q]) for q, truth in truths.items()}
    if work.special:
        truths = {q: work.allow_nan(q, truth) for q, truth in truths.items()}
    return truths


def decided(value: Ball) -> bool:
    """Whether a ball is narrow enough to be a truth."""
    return value.rel_accuracy_bits() >= ACCURACY_BITS or bool(value.rad() < FLOOR)


def _from_the_left(work: _Work) -> Answers:
    Kink.side = -1
    try:
        return work.answers()
    finally:
        Kink.side = 1


class _Work:
    """The evaluation of one problem, split into units that do not depend on each other.

    A unit is a row; for an elementwise operator, a run of elements.
    """

    def __init__(self, operator: Operator, problem: Problem) -> None:
        self.operator, self.problem = operator, problem
        self.quantities = ("value", *(f"gradient.{n}" for n in operator.differentiable))
        arrays = {i.name: problem.inputs[i.name] for i in operator.inputs}
        self.elementwise = operator.output == "elementwise"
        if self.elementwise:
            self.shape = next(iter(arrays.values())).shape
            self.rows = {k: a.reshape(-1, 1) for k, a in arrays.items()}
        else:
            self.rows = {k: a.reshape(len(a), math.prod(a.shape[1:])) for k, a in arrays.items()}
            lead = next(i.name for i in operator.inputs if i.kind == "vector")
            self.shape = arrays[lead].shape if operator.output == "vector" else (len(arrays[lead]),)
        self.count = len(next(iter(self.rows.values())))
        self.special = self._not_finite()
        self.domain = {i.name: i.domain for i in operator.inputs}
        self.parameters = {
            k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in problem.parameters.items()
        }
        self._parameters = repr(sorted(self.parameters.items())) if self.parameters else ""
        self.bits = FIRST_BITS
        shape = (self.count, self._width)
        reduced = problem.reduction != "none"
        self.upstream = None if reduced else problem.upstream.reshape(shape).tolist()

    def _not_finite(self) -> list[int]:
        """The units with an infinity or NaN among their inputs."""
        masks = [np.isfinite(a) for a in self.rows.values() if a.dtype == np.float64]
        if all(mask.all() for mask in masks):
            return []
        return [i for i in range(self.count) if not all(mask[i].all() for mask in masks)]

    def answers(self) -> Answers:
        if self.problem.reduction == "none":
            return self._outputs(FIRST_BITS)
        bits = FIRST_BITS
        while True:
            answers = self._reduced(self._outputs(bits), bits)
            if bits >= LAST_BITS or all(_settled(e) for found in answers.values() for e in found):
                self.bits = max(self.bits, bits)
                return answers
            bits *= 2

    def truths(self, answers: Answers) -> dict[str, Truth]:
        """Arrays from entries, for all quantities at once: small arrays cost as much as large."""
        entries = [entry for column in answers.values() for entry in column]
        flat = _pack(entries, self.bits)
        truths, start = {}, 0
        for q, column in answers.items():
            part = slice(start, start + len(column))
            truths[q] = flat.part(part, self._shape(q))
            start = part.stop
        return truths

    def allow_nan(self, quantity: str, truth: Truth) -> Truth:
        """The truth, with NaN allowed where the operator's limit is a matter of choice."""
        name = quantity.partition(".")[2]
        may = self.operator.may if name or self.operator.may_value else None
        if may is None:
            return truth
        flags = np.any(may(self.problem.inputs).reshape(self.count, -1), axis=-1)
        rows = bool(name) or self.problem.reduction == "none"
        return replace(truth, nan=self._spread(flags, truth.hi.shape, rows))

    def _shape(self, quantity: str) -> tuple[int, ...]:
        name = quantity.partition(".")[2]
        if name:
            return self.problem.inputs[name].shape
        return () if self.problem.reduction != "none" else self.shape

    def _spread(
        self, flags: NDArray[np.bool_], shape: tuple[int, ...], rows: bool
    ) -> NDArray[np.bool_]:
        """Flags of rows for every output of the row; for a reduced value, whether any is set."""
        if not rows:
            return np.array(flags.any())
        return np.repeat(flags, math.prod(shape) // max(self.count, 1)).reshape(shape)

    def _outputs(self, bits: int) -> Answers:
        """The unreduced outputs, those of each unit at their own precision, at least `bits`."""
        units: Units = {q: [[]] * self.count for q in self.quantities}
        for i in self.special:
            _keep(units, i, self._special(i))
        todo = [i for i in range(self.count) if i not in set(self.special)]
        while todo:
            self.bits = max(self.bits, bits)
            with precision(bits):
                todo = self._elements(todo, units) if self.elementwise else self._rows(todo, units)
            for i in todo:
                self._take_limits(units, i)
            todo = [i for i in todo if not _unit_settled(units, i)] if bits < LAST_BITS else []
            bits *= 2
        return {q: [e for unit in units[q] for e in unit] for q in self.quantities}

    def _elements(self, todo: list[int], units: Units) -> list[int]:
        """Evaluate elements at once; returns those that are not settled."""
        numbers = {k: a[todo, 0].tolist() for k, a in self.rows.items()}
        open_: set[int] = set()
        for q, balls in self._evaluate(numbers, self._upstream(todo, 1)).items():
            for i, value in zip(todo, balls, strict=True):
                units[q][i] = [value]
            open_ |= {todo[place] for place in _not_settled(balls)}
        return sorted(open_)

    def _rows(self, todo: list[int], units: Units) -> list[int]:
        """Evaluate rows one by one; returns those that are not settled."""
        open_ = []
        for i in todo:
            numbers = {k: a[i].tolist() for k, a in self.rows.items()}
            upstream = self._upstream([i], self._width)
            answers = self._remembered(i, ctx.prec, partial(self._evaluate, numbers, upstream))
            _keep(units, i, answers)
            if any(_not_settled(balls) for balls in answers.values()):
                open_.append(i)
        return open_

    def _take_limits(self, units: Units, i: int) -> None:
        """At the end of a domain the definition has no number; take the limit there."""
        if all(_finite(e) for q in self.quantities for e in units[q][i]):
            return
        for q, edge in self._special(i).items():
            pairs = zip(units[q][i], edge, strict=True)
            units[q][i] = [a if _finite(a) else b for a, b in pairs]

    @property
    def _width(self) -> int:
        return self.shape[-1] if self.operator.output == "vector" else 1

    def _upstream(self, units: list[int], width: int) -> Balls:
        if self.upstream is None:
            return [ball(1)] * (len(units) * width)
        return [ball(u) for i in units for u in self.upstream[i]]

    def _remembered(self, i: int, bits: int, work: Callable[[], Answers]) -> Answers:
        """The answers of a unit that an earlier problem had, in another dtype for example."""
        inputs = tuple(a[i].tobytes() for a in self.rows.values())
        upstream = None if self.upstream is None else tuple(self.upstream[i])
        key = (self.operator.name, self._parameters, inputs, upstream, bits, Kink.side)
        if key not in _REMEMBERED:
            _REMEMBERED[key] = work()
        return _REMEMBERED[key]

    def _special(self, i: int) -> Answers:
        return self._remembered(i, 0, partial(self._limit, i))

    def _limit(self, i: int) -> Answers:
        numbers = {k: a[i].tolist() for k, a in self.rows.items()}
        names = self.operator.differentiable
        sizes = [self._width, *(len(numbers[name]) for name in names)]
        fixed = {k: v for k, v in numbers.items() if k not in names}
        upstream = self._upstream([i], self._width)

        def flat(inputs: Mapping[str, list[Ball]]) -> Balls:
            answers = self._evaluate({**fixed, **inputs}, upstream)
            return [e for q in self.quantities for e in answers[q]]

        entries = iter(limit(flat, {k: numbers[k] for k in names}, self.domain))
        return {
            q: [next(entries) for _ in range(n)]
            for q, n in zip(self.quantities, sizes, strict=True)
        }

    def _evaluate(self, numbers: Mapping[str, Sequence[Any]], upstream: Balls) -> dict[str, Balls]:
        """The definition and its gradients at exactly known numbers, at the current precision."""
        arguments = [
            int(numbers[i.name][0]) if i.kind == "index" else Vector.exact(numbers[i.name])
            for i in self.operator.inputs
        ]
        output = self.operator.define(*arguments, **self.parameters)
        live = [a for a in arguments if isinstance(a, Vector)]
        found = gradients(output, upstream, live)
        return dict(zip(self.quantities, (output.balls, *found), strict=True))

    def _reduced(self, outputs: Answers, bits: int) -> Answers:
        """Sum or mean of the values; the gradients times the shared factor."""
        with precision(bits):
            divisor = self._divisor()
            if divisor.is_zero():
                return self._empty(outputs)
            upstream = ball(float(self.problem.upstream))
            answers = {"value": [_scaled(_sum(outputs["value"]), ball(1), divisor)]}
            for q in self.quantities[1:]:
                answers[q] = [_scaled(e, upstream, divisor) for e in outputs[q]]
            return answers

    def _divisor(self) -> Ball:
        match self.problem.reduction:
            case "sum":
                return ball(1)
            case "mean":
                return ball(math.prod(self.shape))
            case _:
                return sum((ball(w) for w in self._weights()), ball(0))

    def _weights(self) -> list[float]:
        if self.operator.weight is None:
            return [1.0] * self.count
        weights: list[float] = self.operator.weight(
            self.problem.inputs, self.problem.parameters
        ).tolist()
        return weights

    def _empty(self, outputs: Answers) -> Answers:
        """0 / 0: the mean is NaN, and so are gradients, except of rows that are all ignored."""
        ignore = self.problem.parameters.get("ignore_index")
        ignored = ignore is not None and bool(np.all(self.problem.inputs["labels"] == ignore))
        gradient: Entry = ball(0) if ignored else math.nan
        answers: Answers = {"value": [math.nan]}
        for q in self.quantities[1:]:
            answers[q] = [gradient] * len(outputs[q])
        return answers


def _keep(units: Units, i: int, answers: Answers) -> None:
    for q, entries in answers.items():
        units[q][i] = entries


def _not_settled(balls: Balls) -> list[int]:
    """The places of balls that are too wide."""
    wide = [i for i, b in enumerate(balls) if b.rel_accuracy_bits() < ACCURACY_BITS]
    return [i for i in wide if not _settled(balls[i])]


def _unit_settled(units: Units, i: int) -> bool:
    return all(_settled(entry) for column in units.values() for entry in column[i])


def _finite(entry: Entry) -> bool:
    return not isinstance(entry, float) and bool(entry.is_finite())


def _settled(entry: Entry) -> bool:
    return isinstance(entry, float) or (decided(entry) and bool(entry.is_finite()))


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


def _pack(entries: list[Entry], bits: int) -> Truth:
    """Arrays from entries, one-dimensional."""
    tops = [float(entry) for entry in entries]
    hi = np.array(tops)
    size = np.abs(hi)
    plain = (size > SCALED) & (size < 0.5 * DOUBLE.max)
    chosen: list[tuple[Ball, float]] = list(zip(entries, tops, strict=True))
    rest = np.flatnonzero(~plain).tolist()
    if rest:
        chosen = [pair for pair, is_plain in zip(chosen, plain.tolist(), strict=True) if is_plain]
    tail, radius = np.zeros(len(hi)), np.zeros(len(hi))
    tails = np.array([float(entry - top) for entry, top in chosen])
    tail[plain] = tails / np.spacing(size[plain])
    # radius <= |midpoint| 2^-accuracy (Arb, arb_rel_error_bits), and |midpoint| < 2^53 ulps.
    accuracy = np.array([min(entry.rel_accuracy_bits(), 2000) for entry, _ in chosen], dtype=int)
    radius[plain] = np.ldexp(1.0, 53 - accuracy)
    for i in rest:
        tail[i], radius[i] = _rest(entries[i], tops[i])
    nothing = np.zeros(len(hi), dtype=bool)
    undecided = nothing
    if bits >= LAST_BITS:
        undecided = np.array([not _settled(entry) for entry in entries], dtype=bool)
    return Truth(hi, tail, radius, nothing, undecided, bits)


def _rest(entry: Entry, top: float) -> tuple[float, float]:
    """The tail and the radius beside a float64 so small that the difference would underflow."""
    if isinstance(entry, float) or math.isinf(top):
        return 0.0, 0.0
    grain = ball(math.ulp(top))
    return float((entry - top) / grain), float(entry.rad() / grain)


def _subgradient(right: Truth, left: Truth) -> Truth:
    """The interval between the one-sided derivatives where they differ."""
    differ = (right.hi != left.hi) & np.isfinite(right.hi) & np.isfinite(left.hi)
    if not differ.any():
        return right
    lower = np.where(differ, np.fmin(right.hi, left.hi), np.nan)
    upper = np.where(differ, np.fmax(right.hi, left.hi), np.nan)
    return replace(right, lower=lower, upper=upper)
