"""The implementations of JAX and optax: public APIs and what users write in their place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from adapters.jax_optax import classes, distributions, elementwise
from adapters.protocol import Implementation

DOCUMENTATION = {
    r"\boptax\.(?:losses\.)?(\w+)": "https://optax.readthedocs.io/en/latest/api/losses.html"
    "#optax.losses.{}",
    r"\b(jax\.(?:nn|lax|scipy\.\w+)\.(?!one_hot)[a-z]\w*(?:\.\w+)?)": (
        "https://docs.jax.dev/en/latest/_autosummary/{}.html"
    ),
    r"\bjnp\.(\w+)": "https://docs.jax.dev/en/latest/_autosummary/jax.numpy.{}.html",
}
BARE = re.compile(r"(jax|jnp|optax)\.[\w.]+")
"""The name of a public function as it is, with its own arguments."""
COMPOSED = {"modes": ("compiled",), "dtypes": ("float32",)}
"""Where compositions run: users compile what they compose."""
CANONICAL = {"jnp.": "jax.numpy.", "optax.losses.": "optax.losses.", "optax.": "optax.losses."}
"""How a name begins -> how the full name of the same function does: optax offers it in both."""
MODES = ("eager", "compiled", "vmap", "placed", "closed")


def _documentation(code: str) -> str:
    """The page of the most specific public API that an expression calls."""
    for pattern, url in DOCUMENTATION.items():
        if found := re.search(pattern, code):
            return url.format(found.group(1))
    return ""


def _public(name: str) -> str:
    if not BARE.fullmatch(name):
        return ""
    for short, full in CANONICAL.items():
        if name.startswith(short):
            return full + name.removeprefix(short)
    return name


def _rows(
    expressions: Mapping[str, Mapping[str, str]], options: Mapping[str, Mapping[str, Any]]
) -> Iterator[Implementation]:
    for operator, table in expressions.items():
        for name, code in table.items():
            own = {"public": _public(name), **options.get(name, {})}
            if not own["public"]:
                own = {**COMPOSED, **own}
            page = _documentation(code)
            yield Implementation(name, operator, code, flush=MODES, documentation=page, **own)


IMPLEMENTATIONS = tuple(
    row
    for room in (elementwise, classes, distributions)
    for row in _rows(room.EXPRESSIONS, room.OPTIONS)
)
