"""What the three adapters of Keras share: the table, its namespace, and Keras's own takes.

Import it from `on_torch`, `on_tensorflow` or `on_jax`, which choose the backend first. Tensors,
derivatives, modes and the snippet's form are inherited from the adapter of the backend.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras

from adapters.base import Adapter, Arguments, Call, Found, Function, Implementation
from adapters.keras_3.activations import ACTIVATIONS
from adapters.keras_3.binary import BINARY_LOSSES
from adapters.keras_3.classes import CLASS_LOSSES
from adapters.keras_3.divergences import DIVERGENCES
from adapters.keras_3.rows import EPSILON, rows

TABLE = {**ACTIVATIONS, **BINARY_LOSSES, **CLASS_LOSSES, **DIVERGENCES}
PAGES = {
    "keras.losses": "https://keras.io/api/losses/",
    "keras.activations": "https://keras.io/api/layers/activations/",
    "keras.ops": "https://keras.io/api/ops/",
}
KINDS = {
    "class": re.compile(r"keras\.losses\.[A-Z]"),
    "function": re.compile(r"keras\."),
    "composition": re.compile(""),
}
"""How a name begins; the first that fits. Compositions are named in mathematical shorthand."""


def kind(implementation: Implementation) -> str:
    """Whether a row is a loss `class`, a `function` of Keras, or a `composition`."""
    return next(word for word, name in KINDS.items() if name.match(implementation.name))


def implementations(
    modes: Mapping[str, tuple[str, ...]], flush: tuple[str, ...] = ()
) -> tuple[Implementation, ...]:
    """The whole table, in the modes of each kind of row."""
    return tuple(
        replace(
            row,
            public=row.name.partition("(")[0] if kind(row) != "composition" else "",
            modes=row.modes or modes[kind(row)],
            flush=flush,
            documentation=next(page for name, page in PAGES.items() if name in row.code),
        )
        for row in rows(TABLE)
    )


class Keras(Adapter):
    """The part of an adapter that is Keras; comes before the backend's adapter in a class."""

    backend: str
    namespace: Mapping[str, Any] = {"keras": keras}
    reductions: Mapping[str, str] = {
        "none": "{}",
        "sum": "keras.ops.sum({})",
        "mean": "keras.ops.mean({})",
    }

    def __init__(self) -> None:
        running = keras.backend.backend()
        if running != self.backend:
            raise ImportError(f"keras runs on {running} already, and has one backend a process")
        super().__init__()

    def versions(self) -> dict[str, str]:
        return {"keras": keras.__version__, **super().versions()}  # type: ignore[safe-super]

    def flags(self) -> dict[str, str]:
        own = {"floatx": keras.config.floatx(), "epsilon": repr(keras.config.epsilon())}
        return {**super().flags(), "KERAS_BACKEND": keras.backend.backend(), **own}

    def unsupported(self, implementation: Implementation, call: Call, mode: str) -> str:
        # Not the backend's own, which speaks of the names in its table.
        return Adapter.unsupported(self, implementation, call, mode)

    def compute(
        self, functions: Sequence[Function], arguments: Sequence[Arguments], mode: str
    ) -> Sequence[Found]:
        try:
            return super().compute(functions, arguments, mode)  # type: ignore[safe-super]
        finally:
            keras.config.set_epsilon(EPSILON)  # some expressions change it

    def declined(self, implementation: Implementation, mode: str, quantity: str) -> str:
        if quantity.split(".")[0] in ("jvp", "hvp", "mixed"):
            return "Keras trains with gradients, and has no function for other derivatives"
        return super().declined(implementation, mode, quantity)

    def modes_of(self, implementation: Implementation) -> tuple[str, ...]:
        # Not the backend's own, which speaks of the names in its table.
        return Adapter.modes_of(self, implementation)


def imports(backend: str, *lines: str) -> str:
    """The first lines of a snippet: the backend is chosen before Keras is imported."""
    chosen = f'os.environ["KERAS_BACKEND"] = "{backend}"'
    return "\n".join(["import os", "", chosen, "", "import keras", *lines])
