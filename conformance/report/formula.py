"""Formulas as the operators write them, `-sum_c w_c t_c ln softmax(x)_c`, and as MathML.

The notation is that of plain text: juxtaposition multiplies, `/` divides the product before it by
the factor after it, `^` and `_` take one factor (`_{i != k}` several), a function takes the factor
that follows it, `sum_c` the rest of its term. Clauses stand between commas; `a for b, c otherwise`
is a case distinction. Letters of other alphabets go by their names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from markupsafe import Markup

GREEK = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho final_sigma
sigma tau upsilon phi chi psi omega
"""
LETTERS = {name: chr(0x3B1 + n) for n, name in enumerate(GREEK.split())} | {
    "Gamma": "Γ", "Delta": "Δ", "inf": "∞", "partial": "∂",
}  # fmt: skip
FUNCTIONS = ("ln", "exp", "log1p", "expm1", "log", "lg", "tanh", "sign")
BIG = {"sum": "∑", "max": "max", "min": "min", "product": "∏"}
FENCES = {"(": ("group", ")"), "[": ("bracket", "]")}
PROSE = """
where if is not and or ignored kept with of over all the class classes inside mask them at no each
by
"""
WORDS = frozenset(PROSE.split())
RELATIONS = {
    "=": "=", "<": "<", ">": ">", "<=": "≤", ">=": "≥", "!=": "≠", ":": ":", "||": "∥", "in": "∈",
}  # fmt: skip
TOKEN = re.compile(
    r"\s*(?P<token>(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]{2,})*)"
    r"|\|\||\+-|<=|>=|!=|[-+*/^_(){}\[\]|=<>,;:])"
)


class FormulaError(ValueError):
    """Text that is no formula."""


@dataclass(frozen=True)
class Node:
    """A part of a formula: what it is (`kind`), its text, and its parts."""

    kind: str
    text: str = ""
    parts: tuple[Node, ...] = ()


def parse(text: str) -> Node:
    """The clauses of a formula.

    Raises FormulaError, with the place, for text that is none.
    """
    parser = _Parser(text)
    found = parser.clauses()
    if parser.ahead:
        raise parser.error()
    return found


class _Parser:
    """Recursive descent; every method reads what its name says."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.places, self.at = text, [], [], 0
        end = 0
        text = text.rstrip()
        while end < len(text):
            match = TOKEN.match(text, end)
            if match is None:
                raise FormulaError(f"{text!r}: no formula at {text[end:]!r}")
            self.tokens.append(match["token"])
            self.places.append(match.start("token"))
            end = match.end()

    @property
    def ahead(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def error(self) -> FormulaError:
        rest = self.text[self.places[self.at] :] if self.ahead else "its end"
        return FormulaError(f"{self.text!r}: no formula at {rest!r}")

    def take(self) -> str:
        if not self.ahead:
            raise self.error()
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, token: str) -> None:
        if self.ahead != token:
            raise self.error()
        self.at += 1

    def adjoins(self) -> bool:
        """Whether the next token follows the last without a space."""
        last = self.at - 1
        return self.places[self.at] == self.places[last] + len(self.tokens[last])

    def clauses(self, end: str = "") -> Node:
        found = [self.clause()]
        while self.ahead and self.ahead in ",;":
            found.append(Node("mark", self.take()))
            found.append(self.clause())
        if self.ahead != end:
            raise self.error()
        return _with_cases(found)

    def clause(self) -> Node:
        value = self.relation()
        if self.ahead == "for":
            self.take()
            return Node("case", "for", (value, self.relation()))
        if self.ahead == "otherwise":
            self.take()
            return Node("case", "otherwise", (value,))
        return value

    def relation(self) -> Node:
        parts = [self.total()]
        while self.ahead in RELATIONS:
            parts += [Node("relation", self.take()), self.total()]
        return parts[0] if len(parts) == 1 else Node("relations", "", tuple(parts))

    def total(self) -> Node:
        parts = [self.term()]
        while self.ahead and self.ahead in ("+", "-", "+-"):
            parts += [Node("sign", self.take()), self.term()]
        return parts[0] if len(parts) == 1 else Node("total", "", tuple(parts))

    def term(self) -> Node:
        if self.ahead in ("-", "+-"):
            return Node("signed", self.take(), (self.term(),))
        factors = [self.factor()]
        while self.ahead:
            if self.ahead == "/":
                self.take()
                over = _product(factors)
                factors = [Node("fraction", "", (_bare(over), _bare(self.factor())))]
            elif self.ahead == "*":
                self.take()
                factors.append(self.factor())
            elif self.starts():
                factors.append(self.factor())
            else:
                break
        return _product(factors)

    def starts(self) -> bool:
        """Whether the next token starts a factor."""
        ahead = self.ahead
        if ahead in ("for", "otherwise", "in"):
            return False
        return ahead in ("(", "[") or ahead[:1].isalnum()

    def factor(self) -> Node:
        base = self.suffixed(self.primary())
        while self.ahead == "^":
            self.take()
            base = Node("power", "", (base, _bare(self.exponent())))
        return base

    def exponent(self) -> Node:
        if self.ahead == "-":
            return Node("signed", self.take(), (self.exponent(),))
        return self.suffixed(self.primary())

    def suffixed(self, base: Node) -> Node:
        while self.ahead == "_":
            self.take()
            base = Node("index", "", (base, self.subscript()))
        return base

    def subscript(self) -> Node:
        if self.ahead == "{":
            self.take()
            return self.clauses_until("}")
        return self.primary()

    def clauses_until(self, end: str) -> Node:
        found = self.clauses(end)
        self.expect(end)
        return found

    def primary(self) -> Node:
        if self.ahead == "|":
            return self.absolute()
        if self.ahead in FENCES:
            kind, end = FENCES[self.take()]
            return Node(kind, "", (self.clauses_until(end),))
        if self.ahead[:1].isdigit():
            return Node("number", self.take())
        if not self.ahead[:1].isalpha():
            raise self.error()
        return self.named(self.take())

    def absolute(self) -> Node:
        self.expect("|")
        inside = self.total()
        self.expect("|")
        return Node("absolute", "", (inside,))

    def named(self, name: str) -> Node:
        if name in WORDS:
            words = [name]
            while self.ahead in WORDS:
                words.append(self.take())
            return Node("word", " ".join(words))
        if name in BIG and self.ahead == "_":
            self.take()
            return Node("big", name, (self.subscript(), self.term()))
        if self.ahead == "(" and self.adjoins():
            self.take()
            return Node("call", name, (self.clauses_until(")"),))
        if name in FUNCTIONS:
            return Node("apply", name, (self.factor(),))
        return Node("name", name)


def _product(factors: Sequence[Node]) -> Node:
    return factors[0] if len(factors) == 1 else Node("product", "", tuple(factors))


def _bare(node: Node) -> Node:
    """What is inside parentheses that a fraction line or a raised position makes superfluous."""
    return node.parts[0] if node.kind == "group" else node


def _with_cases(found: list[Node]) -> Node:
    """The clauses, with those that distinguish cases as one."""
    cases = tuple(node for node in found if node.kind == "case")
    if cases:
        last = max(n for n, node in enumerate(found) if node.kind == "case")
        first = min(n for n, node in enumerate(found) if node.kind == "case")
        found = [*found[:first], Node("cases", "", cases), *found[last + 1 :]]
    return found[0] if len(found) == 1 else Node("clauses", "", tuple(found))


# MathML.

APPLY = Markup("<mo>&#x2061;</mo>")
TIMES = Markup("<mo>&#x2062;</mo>")
THIN = Markup('<mspace width="0.17em"></mspace>')
SPACE = Markup('<mspace width="0.8em"></mspace>')


@cache
def mathml(text: str) -> Markup:
    """A formula as `math` elements, one a clause, so that lines can break between them."""
    return Markup(", ").join(clauses(text))


def clauses(text: str) -> list[Markup]:
    """The clauses of a formula as `math` elements; text that is no formula as code."""
    try:
        formula = parse(text)
    except FormulaError:
        return [Markup("<code>{}</code>").format(text)]
    parts = formula.parts if formula.kind == "clauses" else (formula,)
    element = Markup("<math><mrow>{}</mrow></math>")
    return [element.format(_show(part)) for part in parts if part.kind != "mark"]


def _show(node: Node) -> Markup:
    return SHOWN[node.kind](node)


def _row(parts: Sequence[Markup]) -> Markup:
    inside = Markup().join(parts)
    return inside if len(parts) == 1 else Markup("<mrow>{}</mrow>").format(inside)


def _tag(tag: str, *inside: str) -> Markup:
    return Markup("<{0}>{1}</{0}>").format(tag, Markup().join(inside))


def _name(name: str) -> Markup:
    return _tag("mi", LETTERS.get(name, name))


def _fence(left: str, inside: Markup, right: str) -> Markup:
    return Markup('<mrow><mo fence="true">{}</mo>{}<mo fence="true">{}</mo></mrow>').format(
        left, inside, right
    )


def _operator(text: str) -> Markup:
    return _tag("mo", {"-": "−", "+-": "±", **RELATIONS}.get(text, text))


def _factors(node: Node) -> Markup:
    """Factors side by side: a dot between numbers, a thin space around functions and words."""
    shown: list[Markup] = []
    for before, part in zip((None, *node.parts), node.parts, strict=False):
        if before is not None:
            spaced = {before.kind, part.kind} & {"apply", "big", "word"}
            numbers = part.kind == "number"
            long = before.kind == part.kind == "name" and len(before.text + part.text) > 2
            between = THIN if spaced or long else TIMES
            shown.append(Markup("<mo>·</mo>") if numbers else between)
        shown.append(_show(part))
    return _row(shown)


def _case_rows(node: Node) -> Markup:
    rows = []
    for case in node.parts:
        condition = _tag("mtext", case.text) + (
            SPACE + _show(case.parts[1]) if len(case.parts) > 1 else Markup()
        )
        cells = Markup("<mtr><mtd>{}</mtd><mtd>{}</mtd></mtr>")
        rows.append(cells.format(_row([_show(case.parts[0])]), condition))
    table = Markup("<mtable>{}</mtable>").format(Markup().join(rows))
    return Markup('<mrow><mo fence="true">{{</mo>{}</mrow>').format(table)


def _call(node: Node) -> Markup:
    inside = _fence("(", _show(node.parts[0]), ")")
    return _row([_name(node.text), APPLY, inside])


def _big(node: Node) -> Markup:
    index, body = node.parts
    sign = Markup('<mo movablelimits="false" largeop="true">{}</mo>').format(BIG[node.text])
    sign = sign if node.text in ("sum", "product") else _tag("mo", node.text)
    under = Markup("<munder>{}<mrow>{}</mrow></munder>").format(sign, _show(index))
    return _row([under, THIN, _show(body)])


def _two(tag: str) -> Callable[[Node], Markup]:
    def show(node: Node) -> Markup:
        a, b = (Markup("<mrow>{}</mrow>").format(_show(part)) for part in node.parts)
        return _tag(tag, a, b)

    return show


def _all(node: Node) -> Markup:
    return _row([_show(part) for part in node.parts])


SHOWN: dict[str, Callable[[Node], Markup]] = {
    "number": lambda node: _tag("mn", node.text),
    "name": lambda node: _name(node.text),
    "word": lambda node: SPACE + _tag("mtext", node.text) + SPACE,
    "mark": lambda node: _operator(node.text),
    "sign": lambda node: _operator(node.text),
    "relation": lambda node: _operator(node.text),
    "signed": lambda node: _row([_operator(node.text), _show(node.parts[0])]),
    "group": lambda node: _fence("(", _show(node.parts[0]), ")"),
    "bracket": lambda node: _fence("[", _show(node.parts[0]), "]"),
    "absolute": lambda node: _fence("|", _show(node.parts[0]), "|"),
    "apply": lambda node: _row([_name(node.text), APPLY, THIN, _show(node.parts[0])]),
    "fraction": _two("mfrac"),
    "power": _two("msup"),
    "index": _two("msub"),
    "product": _factors,
    "cases": _case_rows,
    "call": _call,
    "big": _big,
    "total": _all,
    "relations": _all,
    "clauses": _all,
}
