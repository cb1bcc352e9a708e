"""Proposals: declarations to complete, for choices that have none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from conformance.policies.declarations import Declarations
from conformance.policies.observe import Choice, Observatory
from conformance.policies.policy import UNCLEAR

WIDTH = 98


def propose(observatory: Observatory, declarations: Declarations) -> str:
    """YAML of what is not declared, one entry for each policy, observation and set of modes."""
    missing = [choice for choice in observatory.choices if declarations.of(choice) is None]
    observatory.planned = missing
    modes: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    pages: dict[str, str] = {}
    for choice in missing:
        told = observatory.tell(choice)
        modes[choice.policy.name, told, choice.implementation.name].append(choice.mode)
        pages[choice.implementation.name] = choice.implementation.documentation
    every = _modes(observatory.choices)
    entries: dict[tuple[str, str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (policy, told, name), found in modes.items():
        whole = set(found) == every[policy, name]
        entries[policy, told, () if whole else tuple(found)].append(name)
    return "\n".join(line for key, names in entries.items() for line in _entry(key, names, pages))


def listing(observatory: Observatory, declarations: Declarations) -> Iterator[str]:
    """One line a choice: implementation, policy, mode, what is declared, and where."""
    for choice in observatory.choices:
        place = declarations.of(choice)
        where = f"{place.declaration.option}\t{declarations.file}:{place.line}" if place else "-\t"
        yield "\t".join((*choice.key, where))


def _modes(choices: Iterable[Choice]) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for choice in choices:
        found[choice.policy.name, choice.implementation.name].add(choice.mode)
    return found


def _entry(
    key: tuple[str, str, tuple[str, ...]], names: list[str], pages: dict[str, str]
) -> Iterator[str]:
    policy, told, modes = key
    if told.startswith(UNCLEAR):
        yield f"# {policy} of {', '.join(names)}: {told}"
        return
    yield f"- policy: {policy}"
    yield f"  option: {told}"
    if modes:
        yield f"  modes: [{', '.join(modes)}]"
    yield "  implementations:"
    yield from (f'    - "{name}"' for name in names)
    yield "  says: TODO"
    yield f"  documentation: {next((pages[n] for n in names if pages[n]), 'TODO')}"
    yield "  read: TODO"
