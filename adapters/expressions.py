"""Expressions of the adapters' tables as text: settled arguments written in, and what they call."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Namespace = Mapping[str, Any]
Span = tuple[int, int]


def written(code: str, settled: Mapping[str, Any], namespace: Namespace) -> str:
    """`code`, an expression on one line, as a user would write it who has settled some values.

    A name in `settled` becomes the literal of its value. A keyword argument whose value is the
    function's own default is left out, so that running the text shows the default to be that; the
    reduction stays, since readers look for it.
    """
    tree = ast.parse(code, mode="eval")
    edits: dict[Span, str] = {
        (node.col_offset, node.end_col_offset or 0): repr(settled[node.id])
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id in settled
    }
    dropped = [span for call in _calls(tree) for span in _defaults(call, settled, namespace)]
    joined = _joined(dropped)
    inner = {s: t for s, t in edits.items() if not any(a <= s[0] < b for a, b in joined)}
    for (start, end), text in sorted({**inner, **dict.fromkeys(joined, "")}.items(), reverse=True):
        code = code[:start] + text + code[end:]
    return code


def called(codes: Iterable[str], namespace: Namespace) -> dict[str, str]:
    """Every dotted name that the expressions call -> its arguments and their defaults, as text."""
    found = {
        name: target
        for code in codes
        for call in _calls(ast.parse(code.strip(), mode="eval"))
        for name, target in [_target(call, namespace)]
        if target is not None and "." in name
    }
    return {name: text for name in sorted(found) if (text := arguments(found[name], name))}


def arguments(target: Any, name: str) -> str:
    """The arguments of a function or class, without annotations: `(input, beta=1)`.

    What is written in C has no signature; its documentation then begins with one. Empty without.
    """
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        head = (inspect.getdoc(target) or "").partition("\n")[0].partition(" -> ")[0]
        own = name.rpartition(".")[2]
        return head.removeprefix(own) if re.fullmatch(rf"{own}\(.*\)", head) else ""
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    return str(inspect.Signature(plain))


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _target(call: ast.Call, namespace: Namespace) -> tuple[str, Any]:
    """The dotted name of what is called, and the object; None for methods and the like."""
    name = ast.unparse(call.func)
    root, *path = name.split(".")
    if root not in namespace or not all(part.isidentifier() for part in path):
        return name, None
    target = namespace[root]
    for part in path:
        target = getattr(target, part, None)
    return name, target


def _defaults(call: ast.Call, settled: Mapping[str, Any], namespace: Namespace) -> Iterator[Span]:
    """Where the keyword arguments stand that repeat a default, with one of their commas."""
    _, target = _target(call, namespace)
    try:
        known = {} if target is None else inspect.signature(target).parameters
    except (TypeError, ValueError):
        return
    parts: list[Any] = [*call.args, *call.keywords]
    dropped = [_repeats(part, settled, known) for part in parts]
    if all(dropped) and parts:
        yield parts[0].col_offset, parts[-1].end_col_offset
        return
    first = dropped.index(False) if parts else 0
    if first:
        yield parts[0].col_offset, parts[first].col_offset
    for before, part, drop in zip(
        parts[first:], parts[first + 1 :], dropped[first + 1 :], strict=False
    ):
        if drop:
            yield before.end_col_offset, part.end_col_offset


def _repeats(part: Any, settled: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether an argument is a keyword that is given its default; the reduction always counts."""
    value = part.value if isinstance(part, ast.keyword) else None
    if not isinstance(value, ast.Name) or value.id not in settled or part.arg not in known:
        return False
    default = known[part.arg].default
    same = type(default) is type(settled[value.id]) and default == settled[value.id]
    return same and value.id != "reduction"


def _joined(spans: Iterable[Span]) -> list[Span]:
    """The same places as spans that do not overlap."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
