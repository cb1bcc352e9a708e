"""Public names: every one of a framework's modules is known, and those of the family are measured.

`apis/<framework>.yaml` lists the public functions and classes of the modules that hold the family,
each either of the family or not. Two questions are asked of it: does an implementation mention
every name of the family (needs no framework: `tables`), and are these all the names that the
installed package has (`python -m conformance apis torch`).
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

import adapters
from adapters.base import Implementation
from conformance import yaml_lines
from conformance.errors import UserError


class Module(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The public functions and classes of a module.

    family: those that compute operators of this suite. other: all others.
    """

    module: str
    family: list[str]
    other: list[str] = []


class Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a framework offers.

    versions: package -> the version that was listed. aliases: how expressions abbreviate modules
    (`F` for `torch.nn.functional`).
    """

    framework: str
    versions: dict[str, str]
    modules: list[Module]
    aliases: dict[str, str] = {}


@dataclass(frozen=True)
class Listed:
    """A file of names, with its lines."""

    names: Names
    document: yaml_lines.Document

    def error(self, number: int, problem: str, remedy: str) -> UserError:
        """An error about a module of the list."""
        return self.document.error(("modules", number), problem, remedy)


def load(file: Path) -> Listed:
    """Read `apis/<framework>.yaml`.

    Raises UserError with the line for whatever is not a list of names, and for a name that is
    listed twice in a module.
    """
    document = yaml_lines.load(file)
    found = Listed(document.convert(Names), document)
    for number, module in enumerate(found.names.modules):
        seen: set[str] = set()
        for name in (*module.family, *module.other):
            if name in seen:
                raise found.error(number, f"{module.module}.{name} is listed twice", "delete one")
            seen.add(name)
    return found


def unmentioned(listed: Listed, implementations: Iterable[Implementation]) -> Iterator[UserError]:
    """An error for every name of the family that no implementation mentions."""
    known = mentioned(implementations, listed.names.aliases)
    for number, module in enumerate(listed.names.modules):
        for name in module.family:
            if f"{module.module}.{name}" not in known:
                problem = f"no implementation calls {module.module}.{name}"
                remedy = "add a row to the adapter's table, or list the name under `other`"
                yield listed.error(number, problem, remedy)


def mentioned(
    implementations: Iterable[Implementation], aliases: Mapping[str, str]
) -> frozenset[str]:
    """The full names that expressions spell out, and the public APIs that they are rows of."""
    found: set[str] = set()
    for implementation in implementations:
        found.add(implementation.public)
        for node in ast.walk(ast.parse(implementation.code.strip(), mode="eval")):
            if isinstance(node, ast.Attribute):
                head, _, rest = ast.unparse(node).partition(".")
                found.add(f"{aliases.get(head, head)}.{rest}")
    return frozenset(found)


def unlisted(listed: Listed) -> Iterator[UserError]:
    """An error for every name by which the list and the installed packages differ.

    Raises UserError if a module cannot be imported.
    """
    for number, module in enumerate(listed.names.modules):
        there = public_names(listed, number, module.module)
        known = {*module.family, *module.other}
        for name in sorted(there - known):
            problem = f"{module.module}.{name} is not listed"
            yield listed.error(number, problem, "list it under `family` or `other`")
        for name in sorted(known - there):
            problem = f"the installed {module.module} has no {name}"
            yield listed.error(number, problem, "delete it, or install the listed version")


def public_names(listed: Listed, number: int, name: str) -> set[str]:
    """The functions and classes that a module offers without an underscore."""
    try:
        module = importlib.import_module(name)
    except ImportError:
        package, _, attribute = name.rpartition(".")
        try:
            module = getattr(importlib.import_module(package), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            problem = f"{name} cannot be imported ({error})"
            raise listed.error(number, problem, "install it, or correct the name") from None
    found = {n: getattr(module, n, None) for n in dir(module) if not n.startswith("_")}
    return {n for n, value in found.items() if callable(value) and not inspect.ismodule(value)}


def check(folder: Path, framework: str | None) -> list[UserError]:
    """What is wrong with the lists: of all frameworks by their tables, of one as it is installed.

    Raises UserError for a file that cannot be used and for an unknown framework.
    """
    if framework is None:
        files = sorted(folder.glob("*.yaml"))
        if not files:
            raise UserError(folder, "", "has no lists of names", "name the folder `apis`")
        return [error for file in files for error in unmentioned(*_with_table(file))]
    listed = load(folder / f"{framework}.yaml")
    return [*unmentioned(*_with_table(listed.document.file)), *unlisted(listed)]


def _with_table(file: Path) -> tuple[Listed, tuple[Implementation, ...]]:
    listed = load(file)
    try:
        return listed, adapters.table(listed.names.framework)
    except adapters.AdapterError as error:
        raise listed.document.error(("framework",), str(error), "correct the name") from None
