"""Formulas of the pages as numbers: what a reader who follows the text would compute.

In float64, at easy points. A letter is a number or a row of them; `t = ...` and `h_c = ...` define
letters that other clauses use.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import special

from conformance.report.formula import Node, parse

CALLS = {
    "ln": np.log,
    "exp": np.exp,
    "tanh": np.tanh,
    "max": lambda *numbers: max(numbers),
    "softmax": special.softmax,
    "sign": np.sign,
}
COMPARE = {"<": float.__lt__, ">": float.__gt__, "!=": float.__ne__, "=": float.__eq__}


class Values:
    """The letters of a formula and what they stand for."""

    def __init__(self, letters: Mapping[str, Any], *texts: str) -> None:
        """Take given letters, and the definitions among the clauses of some formulas."""
        self.letters = dict(letters)
        self.definitions: dict[str, Node] = {}
        for text in texts:
            self.main = self._read(parse(text))

    def _read(self, formula: Node) -> Node:
        clauses = formula.parts if formula.kind == "clauses" else (formula,)
        first, *rest = [part for part in clauses if part.kind != "mark"]
        for clause in rest:
            if clause.kind != "relations" or len(clause.parts) != 3:
                continue
            left = clause.parts[0]
            named = left.kind == "name" and left.text not in self.letters
            if named or left.kind == "call" or left.kind == "index":
                self.definitions[left.text or left.parts[0].text] = clause
        return first

    def value(self, **indices: int) -> Any:
        """The last formula, its first clause, for some values of its free indices."""
        return self.of(self.main, {name: float(n) for name, n in indices.items()})

    def of(self, node: Node, bound: Mapping[str, Any]) -> Any:
        return getattr(self, f"_{node.kind}")(node, bound)

    def _number(self, node: Node, _bound: Mapping[str, Any]) -> Any:
        return float(node.text)

    def _name(self, node: Node, bound: Mapping[str, Any]) -> Any:
        if node.text in bound:
            return bound[node.text]
        if node.text in self.letters:
            return self.letters[node.text]
        if node.text in self.definitions:
            return self._defined(node.text, bound)
        return {"e": math.e, "pi": math.pi, "inf": math.inf}[node.text]

    def _defined(self, name: str, bound: Mapping[str, Any]) -> Any:
        clause = self.definitions[name]
        left, _, right = clause.parts
        if left.kind != "index":
            return self.of(right, bound)
        index = left.parts[1].text
        return np.array([self.of(right, {**bound, index: float(n)}) for n in self._range()])

    def _range(self) -> range:
        return range(int(self.letters["C"]))

    def _index(self, node: Node, bound: Mapping[str, Any]) -> Any:
        base, below = node.parts
        names = below.parts if below.kind == "product" else (below,)
        places = tuple(int(self.of(name, bound)) for name in names)
        if base.kind == "name" and base.text == "delta":
            return float(places[0] == places[1])
        return self.of(base, bound)[places]

    def _call(self, node: Node, bound: Mapping[str, Any]) -> Any:
        inside = node.parts[0]
        parts = inside.parts if inside.kind == "clauses" else (inside,)
        arguments = [self.of(part, bound) for part in parts if part.kind != "mark"]
        if node.text not in self.definitions:
            return CALLS[node.text](*arguments)
        left, _, right = self.definitions[node.text].parts
        return self.of(right, {**bound, left.parts[0].text: arguments[0]})

    def _apply(self, node: Node, bound: Mapping[str, Any]) -> Any:
        return CALLS[node.text](self.of(node.parts[0], bound))

    def _big(self, node: Node, bound: Mapping[str, Any]) -> Any:
        index, body = node.parts
        name = index.text or index.parts[0].text
        terms = [
            self.of(body, {**bound, name: float(n)})
            for n in self._range()
            if index.kind == "name" or self._holds(index, {**bound, name: float(n)})
        ]
        return {"sum": sum, "max": max}[node.text](terms)

    def _holds(self, relations: Node, bound: Mapping[str, Any]) -> bool:
        left, relation, right = relations.parts
        return COMPARE[relation.text](float(self.of(left, bound)), float(self.of(right, bound)))

    def _cases(self, node: Node, bound: Mapping[str, Any]) -> Any:
        for case in node.parts:
            if len(case.parts) == 1 or self._holds(case.parts[1], bound):
                return self.of(case.parts[0], bound)
        raise AssertionError("no case holds")

    def _group(self, node: Node, bound: Mapping[str, Any]) -> Any:
        return self.of(node.parts[0], bound)

    def _absolute(self, node: Node, bound: Mapping[str, Any]) -> Any:
        return abs(self.of(node.parts[0], bound))

    def _signed(self, node: Node, bound: Mapping[str, Any]) -> Any:
        return -self.of(node.parts[0], bound)

    def _total(self, node: Node, bound: Mapping[str, Any]) -> Any:
        total = self.of(node.parts[0], bound)
        for sign, part in zip(node.parts[1::2], node.parts[2::2], strict=True):
            term = self.of(part, bound)
            total = total + term if sign.text == "+" else total - term
        return total

    def _product(self, node: Node, bound: Mapping[str, Any]) -> Any:
        product = self.of(node.parts[0], bound)
        for part in node.parts[1:]:
            product = product * self.of(part, bound)
        return product

    def _fraction(self, node: Node, bound: Mapping[str, Any]) -> Any:
        above, below = (self.of(part, bound) for part in node.parts)
        return above / below

    def _power(self, node: Node, bound: Mapping[str, Any]) -> Any:
        base, exponent = (self.of(part, bound) for part in node.parts)
        return base**exponent
