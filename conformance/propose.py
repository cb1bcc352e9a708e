"""Skeletons of findings for failing checks that none covers, for a person to complete."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import NamedTuple

from conformance.findings import Findings
from conformance.results import Check, Results


class _Group(NamedTuple):
    """Checks of one implementation and quantity that fail in the same dtypes and modes."""

    implementation: str
    quantity: str
    dtypes: tuple[str, ...]
    modes: tuple[str, ...]
    number: bool


def propose(results: Results, findings: Findings) -> str:
    """YAML for the failing checks without a finding; empty if there are none.

    Patterns cover these checks exactly, and bands are rounded outwards to two digits. The texts are
    TODO, which the loader of findings refuses.
    """
    taken = {finding.id for finding in findings.findings}
    texts: list[str] = []
    for group, checks in sorted(_groups(_uncovered(results, findings)).items()):
        name = _unique(_slug(f"{results.framework} {group.implementation} {group.quantity}"), taken)
        texts.append(_skeleton(name, group, checks))
    return "\n".join(texts)


def _uncovered(results: Results, findings: Findings) -> Iterator[Check]:
    for check in results.checks:
        control = results.implementations[check.implementation].control
        owes = check.fails and check.verdict != "harness-error" and not control
        if owes and findings.match(check) is None:
            yield check


def _groups(checks: Iterator[Check]) -> dict[_Group, list[Check]]:
    """Split the checks into products dtypes x modes, alike over cases."""
    tables: dict[tuple[str, str, str, bool], dict[str, list[Check]]] = {}
    for check in checks:
        number = check.over_bound is not None and math.isfinite(check.over_bound)
        table = (check.implementation, check.quantity, check.case, number)
        tables.setdefault(table, defaultdict(list))[check.mode].append(check)
    groups: dict[_Group, list[Check]] = defaultdict(list)
    for (implementation, quantity, _, number), by_mode in tables.items():
        products: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for mode, own in by_mode.items():
            products[tuple(sorted(check.dtype for check in own))].append(mode)
        for dtypes, modes in products.items():
            group = _Group(implementation, quantity, dtypes, tuple(sorted(modes)), number)
            groups[group].extend(check for mode in modes for check in by_mode[mode])
    return groups


def _skeleton(name: str, group: _Group, checks: list[Check]) -> str:
    worst = max(checks, key=lambda check: check.over_bound or 0.0)
    verdicts = sorted({check.verdict for check in checks})
    said = f"got {worst.got}, truth {worst.truth}" if worst.got else worst.message
    lines = [
        f"- id: {name}",
        "  title: TODO one line",
        "  severity: TODO wrong-in-training | accuracy | special-values | documentation",
        "  explanation: TODO why it happens, in the framework's code or definition",
        "  upstream: [TODO owner/repo#number]",
        "  reproduction: |2",
        *(f"    {line}".rstrip() for line in worst.snippet.splitlines()),
        "    # TODO shorten it, and say what it prints",
        f"    # {' '.join(said.split())}",
        "  confirmed: TODO how the truth was confirmed independently",
        "  checks:",
    ]
    for case in sorted({check.case for check in checks}):
        names = {
            "implementation": group.implementation,
            "case": case,
            "dtype": group.dtypes,
            "mode": group.modes,
            "quantity": [group.quantity],
        }
        pairs = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in names.items())
        lines.append(f"    - {{{', '.join(pairs)}}}")
    lines.append(f"  verdict: [{', '.join(verdicts)}]")
    lines.append(f"  over_bound: {_band(checks) if group.number else 'null'}")
    return "\n".join(lines) + "\n"


def _band(checks: list[Check]) -> str:
    errors = [Decimal(check.over_bound or 0.0) for check in checks]
    low = min(errors).normalize(Context(prec=2, rounding=ROUND_FLOOR))
    high = max(errors).normalize(Context(prec=2, rounding=ROUND_CEILING))
    return f"[{float(low):g}, {float(high):g}]"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _unique(name: str, taken: set[str]) -> str:
    number = 1
    while (found := name if number == 1 else f"{name}-{number}") in taken:
        number += 1
    taken.add(found)
    return found
