"""What functions of different frameworks call the same thing, and by what default.

Nothing here is typed by hand: the expressions of the tables say which argument takes which input
or parameter, and the frameworks themselves said their arguments and defaults when they ran.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from conformance.report.read import Report, kind
from reference.operator import Operator
from reference.operators import OPERATORS

SWITCHES = {"reduction": "reduction", "axis": "axis", "dim": "axis", "from_logits": "from_logits"}
"""Arguments that are compared although no input or parameter is passed to them."""


@dataclass(frozen=True)
class Argument:
    """An argument of a function: its name, its place (from 1), its default as text or None."""

    name: str
    place: int
    default: str | None

    def __str__(self) -> str:
        return self.name if self.default is None else f"{self.name}={self.default}"


@dataclass(frozen=True)
class Function:
    """A function of a framework that computes an operator.

    arguments: input, parameter or switch -> its argument. order: of the inputs, by position.
    """

    framework: str
    name: str
    signature: str
    arguments: Mapping[str, Argument]

    def order(self, inputs: Sequence[str]) -> str:
        """The operator's inputs in the order of the function's arguments."""
        own = [name for name in inputs if name in self.arguments]
        return ", ".join(sorted(own, key=lambda name: self.arguments[name].place))


@dataclass(frozen=True)
class Table:
    """The functions of an operator side by side. concepts: the columns, inputs first."""

    operator: Operator
    functions: Sequence[Function]
    concepts: Sequence[str]

    def differs(self, concept: str) -> bool:
        """Whether the functions that have the argument disagree about its default."""
        own = [f.arguments[concept] for f in self.functions if concept in f.arguments]
        return len({argument.default for argument in own}) > 1

    @property
    def orders(self) -> list[str]:
        """The orders of the inputs that there are."""
        names = [i.name for i in self.operator.inputs]
        found = [f.order(names) for f in self.functions]
        return sorted({order for order in found if order.count(",") + 1 == len(names)})


LOSS_OBJECT = {
    name: Argument(name, place, None if place < 3 else "None")
    for place, name in enumerate(("y_true", "y_pred", "sample_weight"), 1)
}
"""What the loss classes of Keras are called with."""


def table(report: Report, operator: str) -> Table:
    """The public functions that compute an operator, with what they call its inputs."""
    known = OPERATORS[operator]
    inputs = [i.name for i in known.inputs]
    names = [*inputs, *known.parameters, "sample_weights"]
    functions = [
        Function(framework, name, signature, arguments)
        for framework, name, signature, codes in _functions(report, operator)
        if set(arguments := _arguments(name, signature, codes, names)) & set(inputs)
    ]
    used = {concept for f in functions for concept in f.arguments}
    switches = list(dict.fromkeys(SWITCHES.values()))
    return Table(known, functions, [c for c in [*names, *switches] if c in used])


def _functions(report: Report, operator: str) -> Iterator[tuple[str, str, str, list[str]]]:
    """Framework, function, its arguments as text, and the expressions that are a call of it."""
    for run in report.runs:
        codes: dict[str, list[str]] = defaultdict(list)
        for implementation in run.implementations.values():
            if implementation.operator != operator or kind(implementation) != "public":
                continue
            for function in _whole(implementation.code):
                codes[function].append(implementation.code)
        for function in sorted(codes):
            if function in run.signatures:
                yield run.framework, function, run.signatures[function], codes[function]


def _whole(code: str) -> Iterator[str]:
    """The function, if the expression is a call of it, perhaps indexed, scaled or called again."""
    node: ast.AST = tree(code).body
    while isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Call):
        inner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if isinstance(inner, ast.Call):  # F.kl_div(...).sum(-1)
            node = inner
        function = node.func if isinstance(node, ast.Call) else node
        yield ast.unparse(function.func if isinstance(function, ast.Call) else function)


def _arguments(
    function: str, signature: str, codes: Sequence[str], names: Sequence[str]
) -> dict[str, Argument]:
    """Input, parameter or switch -> the argument that takes it in the expressions."""
    own = parse(signature)
    found: dict[str, Argument] = {}
    nodes = (node for code in codes for node in ast.walk(tree(code)))
    for node in nodes:
        for argument, value in _passed(node, function, own):
            taken = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)} & set(names)
            taken = (
                taken if len(taken) == 1 else taken - set(found)
            )  # one_hot(labels, logits.shape)
            if len(taken) == 1:
                found.setdefault(taken.pop(), argument)
    for name in own.keys() & SWITCHES.keys():
        found.setdefault(SWITCHES[name], own[name])
    return found


def tree(code: str) -> ast.Expression:
    """The expression, or None as one where the text is something else."""
    try:
        return ast.parse(code.strip(), mode="eval")
    except (SyntaxError, ValueError):
        return ast.Expression(ast.Constant(None))


def _passed(
    node: ast.AST, function: str, own: Mapping[str, Argument]
) -> Iterator[tuple[Argument, ast.expr]]:
    """What a call passes to which argument; a Keras loss is an object, called once more."""
    if not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Call) and ast.unparse(node.func.func) == function:
        own = LOSS_OBJECT
    elif ast.unparse(node.func) != function:
        return
    yield from zip(own.values(), node.args, strict=False)
    for keyword in node.keywords:
        if keyword.arg is not None and keyword.arg in own:
            yield own[keyword.arg], keyword.value


def parse(signature: str) -> dict[str, Argument]:
    """The arguments of a text such as `(input, *, beta=1)`, by name; empty for other text."""
    try:
        (function,) = ast.parse(f"def f{signature}: pass").body
    except SyntaxError:
        return {}
    assert isinstance(function, ast.FunctionDef)  # noqa: S101 - by the text
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    ends = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
    both = [*zip(plain, ends, strict=True), *zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    return {
        argument.arg: Argument(argument.arg, place, None if value is None else ast.unparse(value))
        for place, (argument, value) in enumerate(both, 1)
    }
