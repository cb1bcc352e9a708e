"""Declarations: what the implementations of a framework have chosen, and where it is documented.

`policies/<framework>.yaml` is a list of `Declaration`s; see the class for its keys. A framework
without the file declares nothing, and none of its policies is tested.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, NamedTuple, Protocol

import msgspec

from conformance import yaml_lines
from conformance.errors import UserError
from conformance.policies.policy import Policy

Text = Annotated[str, msgspec.Meta(min_length=1)]
Names = Annotated[list[Text], msgspec.Meta(min_length=1)]
UNDOCUMENTED = "not documented"
"""How `says` begins where the documentation does not say it."""


class Declaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One choice that some implementations have made.

    policy, option: as `python -m conformance policies` lists them.
    implementations: names, or shell-style wildcards. but: those of them that it is not about.
    modes: where it holds; in every mode if it is not there.
    says: what the documentation says, in our own words; `not documented`, or that and more.
    documentation: the page. read: the version of the page or the source that was read.
    contradicts: how the choice contradicts the documentation, or the finding that says so; empty
        where it does not.
    """

    policy: Text
    option: Text
    implementations: Names
    says: Text
    documentation: Annotated[str, msgspec.Meta(pattern=r"^https?://\S+$")]
    read: Text
    but: list[Text] = []
    modes: Names | None = None
    contradicts: str = ""


class Chosen(Protocol):
    """What a declaration can be about: one policy of one implementation in one mode."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Names of implementation, policy and mode."""


class Place(NamedTuple):
    """A declaration and its line."""

    declaration: Declaration
    line: int


@dataclass(frozen=True)
class Declarations:
    """The declarations of one framework; `exists`: whether there is a file."""

    file: Path
    places: tuple[Place, ...]
    exists: bool

    def of(self, chosen: Chosen) -> Place | None:
        """The declaration of a choice. Raises `UserError` if there are two."""
        return self.find(*chosen.key)

    def find(self, implementation: str, policy: str, mode: str) -> Place | None:
        """The declaration by names. Raises `UserError` if there are two."""
        found = [p for p in self.places if _covers(p.declaration, implementation, policy, mode)]
        if len(found) > 1:
            problem = f"{policy} of {implementation} ({mode}) is declared in line {found[0].line}"
            raise UserError(
                self.file, found[1].line, f"{problem} and here", "take it out of one of them"
            )
        return found[0] if found else None

    def check(self, choices: Iterable[Chosen]) -> None:
        """Raise `UserError` for what is declared twice, and for what is about no choice."""
        known = list(choices)
        for chosen in known:
            self.of(chosen)
        for place, text in self.unused([chosen.key for chosen in known]):
            remedy = "take it out (python -m conformance policies lists what can be declared)"
            raise UserError(self.file, place.line, text, remedy)

    def unused(self, keys: Sequence[tuple[str, str, str]]) -> list[tuple[Place, str]]:
        """The parts of declarations that are about none of these choices."""
        found = []
        for place in self.places:
            declaration = place.declaration
            own = [(name, mode) for name, policy, mode in keys if policy == declaration.policy]
            about = [(n, m) for n, m in own if _named(declaration, n)]
            idle = [
                f"implementation {p}"
                for p in declaration.implementations
                if not any(_like(n, p) for n, m in about if _moded(declaration, m))
            ]
            idle += [f"but {p}" for p in declaration.but if not any(_like(n, p) for n, _ in own)]
            modes = {mode for _, mode in about}
            idle += [f"mode {m}" for m in declaration.modes or () if m not in modes]
            if idle:
                found.append((place, f"{declaration.policy}: {', '.join(idle)} is about nothing"))
        return found


def load(file: Path, policies: dict[str, Policy]) -> Declarations:
    """Read `policies/<framework>.yaml`.

    Raises `UserError` for a folder that is not there, and with the line for an unknown key, policy
    or option, and for missing text.
    """
    if not file.exists() and file.parent.is_dir():
        return Declarations(file, (), False)
    document = yaml_lines.load(file)
    found = [] if document.value is None else document.convert(list[Declaration])
    for number, declaration in enumerate(found):
        _refuse_unsound(document, number, declaration, policies)
    places = [Place(d, document.line(number)) for number, d in enumerate(found)]
    return Declarations(file, tuple(places), True)


def _refuse_unsound(
    document: yaml_lines.Document,
    number: int,
    declaration: Declaration,
    policies: dict[str, Policy],
) -> None:
    policy = policies.get(declaration.policy)
    if policy is None:
        problem, remedy = f"there is no policy {declaration.policy}", f"use {', '.join(policies)}"
        raise document.error((number, "policy"), problem, remedy)
    if not policy.has(declaration.option):
        problem = f"{declaration.policy} has no option {declaration.option}"
        raise document.error((number, "option"), problem, f"use {', '.join(policy.options)}")
    for name in ("says", "read", "contradicts"):
        if re.search(r"\bTODO\b", getattr(declaration, name)):
            problem = f"{declaration.policy}: {name} is not written"
            raise document.error((number, name), problem, "write it")


def _covers(declaration: Declaration, implementation: str, policy: str, mode: str) -> bool:
    return (
        declaration.policy == policy
        and _moded(declaration, mode)
        and _named(declaration, implementation)
    )


def _moded(declaration: Declaration, mode: str) -> bool:
    return declaration.modes is None or mode in declaration.modes


def _named(declaration: Declaration, name: str) -> bool:
    return any(_like(name, p) for p in declaration.implementations) and not any(
        _like(name, p) for p in declaration.but
    )


@cache
def _like(name: str, pattern: str) -> bool:
    return name == pattern or fnmatch.fnmatchcase(name, pattern)
