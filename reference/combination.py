"""Reductions of truths: sums and means over the rows, with the rules for special values."""

from __future__ import annotations

import math

import numpy as np

from reference.balls import Ball, ball
from reference.problem import Problem
from reference.rows import Rows
from reference.truth import Entry

Outputs = dict[str, list[Entry]]
"""Quantity -> its outputs, row after row."""


class Combination:
    """What a reduction, and arrays that all rows share, make of the outputs of the rows.

    widths: quantity -> how many outputs a row has.
    """

    def __init__(self, rows: Rows, problem: Problem, widths: dict[str, int]) -> None:
        self.rows, self.problem, self.widths = rows, problem, widths

    def entries(self, outputs: Outputs) -> Outputs:
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
                answers[q] = _scaled(whole, ball(1), divisor)
                continue
            if names[0] in self.rows.arrays:
                entries = self._over_rows(entries, names[0], self.widths[q])
            answers[q] = _scaled(entries, upstream, divisor)
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
        (less,) = _scaled(answers["value"], upstream, divisor)
        shares = self.rows.shares(str(by.of)).tolist()
        pairs = zip(answers[quantity], shares, strict=True)
        answers[quantity] = [_difference(entry, less, share) for entry, share in pairs]
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


def _sum(entries: list[Entry]) -> Entry:
    if float in set(map(type, entries)):
        special = [e for e in entries if isinstance(e, float)]
        return math.fsum(special) if len(set(map(str, special))) == 1 else math.nan
    return sum(entries, ball(0))


def _scaled(entries: list[Entry], factor: Ball, divisor: Ball) -> list[Entry]:
    """The entries times factor / divisor, divided last: an exact quotient stays exact."""
    if float not in set(map(type, entries)):
        times = entries if factor == 1 else [entry * factor for entry in entries]
        return times if divisor == 1 else [entry / divisor for entry in times]
    share = factor / divisor
    sign = math.nan if share.is_zero() else math.copysign(1.0, float(share))
    return [e * sign if isinstance(e, float) else e * factor / divisor for e in entries]


def _difference(entry: Entry, less: Entry, share: float) -> Entry:
    """The entry less a share of another; infinities and NaN as floats have them."""
    if share == 0:
        return entry
    if isinstance(entry, float) or isinstance(less, float):
        return float(entry) - share * float(less)
    return entry - less * share
