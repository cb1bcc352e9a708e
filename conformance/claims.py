"""The claims of the sources, as expressions over balls that the reference decides.

A claim is evaluated on the exact inputs as written, since it is about mathematics, or, where it
names a `dtype`, on the inputs rounded to it. The language is that of arithmetic: the row's inputs
by name, `value`, `gradient.<input>`, `row("name").value`, numbers, + - * / **, comparisons,
and/or/not, indexing, and the functions of `FUNCTIONS`. Vectors combine elementwise and compare by
all their elements.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from conformance import demonstrations
from conformance.errors import UserError
from conformance.numbers import rounded
from reference import tape
from reference.balls import Ball, ball, constant, precision, vector
from reference.evaluation import evaluate
from reference.formats import FORMATS
from reference.operator import Input
from reference.operators.activations import sigmoid
from reference.operators.softmax import softmax
from reference.tape import Labels, Vector, gradients, recording
from reference.truth import Truth

if TYPE_CHECKING:
    from conformance.case import Case, ClaimText

PRECISIONS = (256, 2048, 1 << 15)
AGREE = ball(2) ** -60
DOUBLE = FORMATS["float64"]


class ClaimError(ValueError):
    """An expression that is not of the claims' language."""


class _OpenError(Exception):
    """The present precision does not decide a comparison."""


@dataclass(frozen=True)
class ClaimVerdict:
    """What the reference says of a claim.

    holds: whether the claim holds; None if no precision decided it.
    instead: whether the corrected statement holds; True when there is none.
    truth: the value of the claim's row, 30 digits (empty when the claim is about all rows).
    """

    claim: ClaimText
    holds: bool | None
    instead: bool | None
    truth: str

    @property
    def as_documented(self) -> bool:
        """Whether `holds:` of the case file and the corrected statement are right."""
        return self.holds is self.claim.holds and self.instead is True


@dataclass(frozen=True)
class Scope:
    """What a claim may name: inputs and parameters, gradients, rows; None: anything."""

    names: Collection[str] | None = None
    gradients: Collection[str] | None = None
    rows: Collection[str] | None = None


ANYTHING = Scope()


def parse(expression: str, scope: Scope = ANYTHING) -> ast.expr:
    """The syntax tree of a claim.

    Raises ClaimError for anything outside the language.
    """
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except SyntaxError as error:
        raise ClaimError(f"`{expression}` is not an expression: {error.msg}") from None
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            raise ClaimError(f"`{expression}`: {type(node).__name__} is not part of the language")
    if _Grammar(expression.strip(), scope).kind(tree) != "truth":
        raise ClaimError(f"`{expression}` states nothing: compare it with something")
    return tree


class _Grammar:
    """What the parts of an expression are: numbers, a truth, text, texts, a row, its gradients."""

    def __init__(self, text: str, scope: Scope) -> None:
        self.text, self.scope = text, scope

    def kind(self, node: ast.expr) -> str:
        match node:
            case ast.Constant(value=str()):
                return "text"
            case ast.Constant() if _LITERAL.fullmatch(self._source(node)):
                return "numbers"
            case ast.List(elts=elements) if all(self.kind(e) == "text" for e in elements):
                return "texts"
            case ast.Name(id=name):
                return self._name(name)
            case ast.Attribute(value=owner, attr=name):
                return self._attribute(self.kind(owner), name, node)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments)
        return self._operation(node)

    def _operation(self, node: ast.expr) -> str:
        match node:
            case ast.Subscript(value=vector, slice=ast.Constant(value=int())):
                return self._all("numbers", "numbers", vector)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._all("truth", "truth", operand)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._all("numbers", "numbers", operand)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                if not (isinstance(right, ast.Constant) and isinstance(right.value, int)):
                    raise ClaimError(f"`{self.text}`: an exponent is a whole number")
                return self._all("numbers", "numbers", left)
            case ast.BinOp(left=left, right=right):
                return self._all("numbers", "numbers", left, right)
            case ast.BoolOp(values=values):
                return self._all("truth", "truth", *values)
            case ast.Compare(left=left, comparators=others):
                return self._all("truth", "numbers", left, *others)
        raise ClaimError(f"`{self.text}`: `{self._source(node)}` is not part of the language")

    def _all(self, result: str, demanded: str, *nodes: ast.expr) -> str:
        for node in nodes:
            if self.kind(node) != demanded:
                raise ClaimError(f"`{self.text}`: `{self._source(node)}` is not {demanded}")
        return result

    def _name(self, name: str) -> str:
        if name not in ("gradient", "value", "inf"):
            self._known(name, "name", self.scope.names)
        return "gradients" if name == "gradient" else "numbers"

    def _attribute(self, owner: str, name: str, node: ast.expr) -> str:
        if owner == "gradients":
            self._known(name, "gradient", self.scope.gradients)
            return "numbers"
        if owner != "row":
            raise ClaimError(f"`{self.text}`: `{self._source(node)}` is not part of the language")
        return self._name(name)

    def _call(self, name: str, arguments: list[ast.expr]) -> str:
        self._known(name, "function", _SIGNATURES)
        result, *demanded = _SIGNATURES[name]
        if [self.kind(a) for a in arguments] != demanded:
            raise ClaimError(f"`{self.text}`: it is {name}({', '.join(demanded)})")
        match name, arguments:
            case "row", [ast.Constant(value=str() as row)]:
                self._known(row, "row", self.scope.rows)
        return result

    def _known(self, name: str, what: str, known: Collection[str] | None) -> None:
        if known is not None and name not in known:
            raise ClaimError(f"`{self.text}`: no {what} `{name}` (there are {', '.join(known)})")

    def _source(self, node: ast.expr) -> str:
        return ast.get_source_segment(self.text, node) or ""


def judge(case: Case) -> list[ClaimVerdict]:
    """A verdict for each claim of a case.

    Raises UserError for an expression that the case's numbers do not fit.
    """
    try:
        return [_judge(case, claim) for claim in case.text.claims]
    except ClaimError as error:
        problem = f"case `{case.id}`: {error}"
        raise UserError(case.file, case.line, problem, "correct the claim") from None


def _judge(case: Case, claim: ClaimText) -> ClaimVerdict:
    reduced = case.text.reduction != "none"
    rows = (claim.row,) if claim.row is not None or reduced else case.rows
    holds = _all(case, rows, claim, claim.check)
    instead = True if claim.instead is None else _all(case, rows, claim, claim.instead)
    truth = ""
    if claim.row is not None:
        value = _truths(case)["value"]
        place = case.rows.index(claim.row)
        if value.hi.ndim == 0:
            truth = value.digits(())
        elif value.hi.ndim == 1:
            truth = value.digits((place,))
        else:
            truth = ", ".join(value.digits((place, j), 12) for j in range(value.hi.shape[1])[:5])
    return ClaimVerdict(claim, holds, instead, truth)


def _truths(case: Case) -> dict[str, Truth]:
    return evaluate(replace(case.problem(DOUBLE), quantities=None))


def _all(
    case: Case, rows: tuple[str | None, ...], claim: ClaimText, expression: str
) -> bool | None:
    tree = parse(expression)
    verdicts = [_decide(partial(_Row, case, row, claim.dtype), tree, expression) for row in rows]
    if any(v is False for v in verdicts):
        return False
    return None if None in verdicts else True


def _decide(row: Callable[[], _Row], tree: ast.expr, text: str) -> bool | None:
    for bits in PRECISIONS:
        with precision(bits):
            try:
                return bool(_Evaluation(row(), text).of(tree))
            except _OpenError:
                continue
    return None


class _Row:
    """One row of a case at the current precision, or all of them where the case reduces its rows.

    Of a reduced case, `value` is the sum or mean, and inputs and gradients are those of all rows,
    one after the other.
    """

    def __init__(self, case: Case, name: str | None, dtype: str | None) -> None:
        self.dtype = dtype
        self.case, self.reduced = case, case.text.reduction != "none"
        self.places = range(len(case.rows)) if name is None else [case.rows.index(name)]
        self.columns = {
            i.name: [self._entry(i, place) for place in self.places] for i in case.operator.inputs
        }
        self.inputs = {name: _joined(column) for name, column in self.columns.items()}
        self.parameters = {
            k: [self._number(n) for n in v] if isinstance(v, list) else self._number(v)
            for k, v in case.parameters.items()
        }

    @property
    def value(self) -> Vector:
        outputs = _joined([output for output, _ in self._outputs()])
        if self.reduced:
            outputs = tape.total(outputs) / self._divisor(len(outputs))
        return outputs if _finite(outputs.balls) else self._limit("value")

    def gradient(self, name: str) -> Vector:
        found: list[Ball] = []
        with recording():
            for output, arguments in self._outputs():
                ones = constant([1] * len(output))
                found += gradients(output, ones, [arguments[name]])[0].balls
        if self.reduced:
            divisor = self._divisor(sum(len(output) for output, _ in self._outputs()))
            found = [g / divisor for g in found]
        return constant(found) if _finite(found) else self._limit(f"gradient.{name}")

    def _entry(self, input_: Input, place: int) -> Any:
        entry = self.case.columns[input_.name][place]
        return entry if input_.kind == "index" else vector(self._number(n) for n in entry)

    def _number(self, number: Any) -> Any:
        """As written, or rounded to the claim's dtype; `ignore_index` is an int; words are text."""
        if isinstance(number, int | str):
            return number
        format = FORMATS[self.dtype or "float64"]
        return number(format) if self.dtype is None else rounded(number(format), format)

    def _outputs(self) -> list[tuple[Vector, dict[str, Any]]]:
        rows = [
            dict(zip(self.columns, row, strict=True))
            for row in zip(*self.columns.values(), strict=True)
        ]
        define = self.case.operator.define
        ignored: Any = self.parameters.get("ignore_index")
        parameters = {
            k: constant(v) if isinstance(v, list) else v if isinstance(v, str) else ball(v)
            for k, v in self.parameters.items()
            if k != "ignore_index"
        }
        found = []
        for row in rows:
            arguments = [_labels(v, ignored) if isinstance(v, int) else v for v in row.values()]
            found.append((define(*arguments, **parameters), row))
        return found

    def _divisor(self, outputs: int) -> Ball:
        match self.case.text.reduction:
            case "sum":
                return ball(1)
            case "mean":
                return ball(outputs)
        weights = self.parameters.get("class_weights")
        labels = self.columns["labels"]
        kept = [k for k in labels if k != self.parameters.get("ignore_index")]
        return sum((ball(weights[k] if weights else 1) for k in kept), ball(0))

    def _limit(self, quantity: str) -> Vector:
        """Infinities and NaN, and the limits at the ends of domains."""
        truth = _truths(self.case)[quantity].hi
        held = truth if self.reduced else truth[list(self.places)]
        return constant(held.reshape(-1).tolist())


class _Gradient:
    def __init__(self, row: _Row) -> None:
        self.row = row


class _Evaluation:
    """A walk over the tree of one claim, for one row."""

    def __init__(self, row: _Row, text: str) -> None:
        self.row, self.text = row, text

    def of(self, node: ast.expr) -> Any:  # noqa: C901 - the grammar, one line a rule
        match node:
            case ast.Constant(value=str() as text):
                return text
            case ast.Constant():
                literal = ast.get_source_segment(self.text.strip(), node) or ""
                return constant([Fraction(literal)])
            case ast.List(elts=elements):
                return [self.of(element) for element in elements]
            case ast.Name(id=name):
                return self._name(name)
            case ast.Attribute(value=value, attr=name):
                return self._attribute(self.of(value), name)
            case ast.Subscript(value=value, slice=ast.Constant(value=int() as index)):
                numbers = self.of(value)
                if index >= len(numbers):
                    raise ClaimError(f"`{self.text}`: there are only {len(numbers)} numbers")
                return constant([numbers.balls[index]])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self.of(operand)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.of(operand)
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(op, left, right)
            case ast.BoolOp(op=ast.And(), values=values):
                return all(self.of(v) for v in values)
            case ast.BoolOp(op=ast.Or(), values=values):
                return any(self.of(v) for v in values)
            case ast.Compare():
                return self._compare(node)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._call(name, [self.of(a) for a in arguments])
        raise ClaimError(f"`{self.text}`: {ast.dump(node)[:60]} is not part of the language")

    def _name(self, name: str) -> Any:
        if name in self.row.inputs:
            return self.row.inputs[name]
        if name in self.row.parameters:
            held = self.row.parameters[name]
            return constant(held if isinstance(held, list) else [held])
        if name == "inf":
            return constant([float("inf")])
        return self._attribute(self.row, name)

    def _attribute(self, owner: Any, name: str) -> Any:
        if isinstance(owner, _Gradient) and name in owner.row.case.operator.differentiable:
            return owner.row.gradient(name)
        if isinstance(owner, _Row) and name == "value":
            return owner.value
        if isinstance(owner, _Row) and name == "gradient":
            return _Gradient(owner)
        if isinstance(owner, _Row) and name in owner.inputs:
            return owner.inputs[name]
        raise ClaimError(f"`{self.text}`: no name `{name}`")

    def _binary(self, op: ast.operator, left: ast.expr, right: ast.expr) -> Vector:
        a = self.of(left)
        if isinstance(op, ast.Pow):
            if not (isinstance(right, ast.Constant) and isinstance(right.value, int)):
                raise ClaimError(f"`{self.text}`: an exponent is a whole number")
            return constant([x**right.value for x in a.balls])
        return _BINARY[type(op)](a, self.of(right))

    def _compare(self, node: ast.Compare) -> bool:
        sides = [node.left, *node.comparators]
        values = [self.of(side) for side in sides]
        return all(
            _all_pairs(_COMPARISONS[type(op)], a, b)
            for op, a, b in zip(node.ops, values[:-1], values[1:], strict=True)
        )

    def _call(self, name: str, arguments: list[Any]) -> Any:
        if name == "row":
            if arguments[0] not in self.row.case.rows:
                raise ClaimError(f"`{self.text}`: no row `{arguments[0]}`")
            return _Row(self.row.case, arguments[0], self.row.dtype)
        if name in ("rounds_to", "prints"):
            return _rounds_to(*arguments)
        if name == "final_loss":
            try:
                return constant([demonstrations.final_loss(arguments[0])])
            except ValueError as error:
                raise ClaimError(f"`{self.text}`: {error}") from None
        return FUNCTIONS[name](*arguments)


def _joined(vectors: list[Any]) -> Vector:
    """Vectors (or class indices) one after the other, as a constant."""
    parts = [v.balls if isinstance(v, Vector) else [ball(v)] for v in vectors]
    return constant([b for part in parts for b in part])


def _labels(label: int, ignored: int | None) -> Labels:
    """The label of one row."""
    kept = label != ignored
    return Labels([label if kept else 0], np.array([[kept]]))


def _finite(found: list[Ball]) -> bool:
    return all(b.is_finite() for b in found)


def _rounds_to(value: Vector, printed: str | list[str]) -> bool:
    """Whether the value agrees with a printed decimal to half a unit of its last digit."""
    texts = [printed] if isinstance(printed, str) else printed
    if len(texts) != len(value):
        return False
    return all(_agrees(v, t) for v, t in zip(value.balls, texts, strict=True))


def _agrees(value: Ball, printed: str) -> bool:
    if not _PRINTED.fullmatch(printed):
        raise ClaimError(f"`{printed}` is not a printed decimal")
    mantissa, _, exponent = printed.lower().partition("e")
    decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
    half = Fraction(1, 2) * Fraction(10) ** -decimals
    error = abs(value - ball(Fraction(printed)))
    if error <= ball(half):
        return True
    if error > ball(half):
        return False
    raise _OpenError


def _equal(a: Ball, b: Ball) -> bool:
    if a.is_nan() or b.is_nan():
        raise _OpenError
    if not (a.is_finite() and b.is_finite()):
        if not (a.rad().is_finite() and b.rad().is_finite()):
            raise _OpenError
        return not a.is_finite() and bool(a == b)
    difference = abs(a - b)
    if difference > 0:
        return False
    # The balls overlap: equal, if they are narrow.
    if difference <= AGREE * abs(a) or difference <= AGREE**20:
        return True
    raise _OpenError


def _less(a: Ball, b: Ball) -> bool:
    if a < b:
        return True
    if a >= b:
        return False
    raise _OpenError


def _all_pairs(compare: Callable[[Ball, Ball], bool], a: Any, b: Any) -> bool:
    size = max(len(a), len(b))
    if not {len(a), len(b)} <= {1, size}:
        return False
    left = a.balls * (size // len(a))
    right = b.balls * (size // len(b))
    return all(compare(x, y) for x, y in zip(left, right, strict=True))


_ALLOWED = (
    ast.Constant, ast.List, ast.Name, ast.Load, ast.Attribute, ast.Subscript, ast.UnaryOp, ast.Not,
    ast.USub, ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.BoolOp, ast.And, ast.Or,
    ast.Compare, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq, ast.Call,
)  # fmt: skip
_BINARY: Mapping[type[ast.operator], Callable[[Vector, Vector], Vector]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Ball, Ball], bool]] = {
    ast.Lt: _less,
    ast.Gt: lambda a, b: _less(b, a),
    ast.LtE: lambda a, b: _equal_or(a, b, _less),
    ast.GtE: lambda a, b: _equal_or(b, a, _less),
    ast.Eq: _equal,
    ast.NotEq: lambda a, b: not _equal(a, b),
}


def _equal_or(a: Ball, b: Ball, compare: Callable[[Ball, Ball], bool]) -> bool:
    if a <= b:
        return True
    if a > b:
        return False
    return _equal(a, b) or compare(a, b)


FUNCTIONS: Mapping[str, Callable[..., Vector]] = {
    "log": tape.log,
    "exp": tape.exp,
    "tanh": tape.tanh,
    "sum": tape.total,
    "mean": lambda v: tape.total(v) / len(v),
    "sqrt": lambda v: constant([b.sqrt() for b in v.balls]),
    "abs": lambda v: constant([abs(b) for b in v.balls]),
    "sigmoid": sigmoid,
    "softmax": softmax,
}
_SIGNATURES = {
    **dict.fromkeys(FUNCTIONS, ("numbers", "numbers")),
    "row": ("row", "text"),
    "rounds_to": ("truth", "numbers", "text"),
    "prints": ("truth", "numbers", "texts"),
    "final_loss": ("numbers", "text"),
}
"""Function -> what it gives, and what it takes."""
_LITERAL = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,5})?")
_PRINTED = re.compile(rf"[-+]?{_LITERAL.pattern}")
