"""What a list of quantities asks of differentiation."""

from __future__ import annotations

from collections.abc import Sequence


def reverse(quantities: Sequence[str]) -> tuple[str, ...]:
    """What has to be differentiated by in reverse mode."""
    parts = [quantity.split(".") for quantity in quantities]
    return tuple(dict.fromkeys(n for kind, *names in parts if kind != "jvp" for n in names))


def second(quantities: Sequence[str]) -> dict[str, dict[str, str]]:
    """The second derivatives: gradient that is differentiated -> quantity -> by what.

    The matrix is symmetric: `mixed.x.y` is the gradient by y, along its tangent, differentiated
    by x.
    """
    found: dict[str, dict[str, str]] = {}
    for quantity in quantities:
        kind, *names = quantity.split(".")
        if kind in ("hvp", "mixed"):
            found.setdefault(names[-1], {})[quantity] = names[0]
    return found
