"""Keras 3 on JAX: `jax.jit`, what its trainer runs by default, and its functions op by op."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "jax"

from adapters.base import Call, Implementation
from adapters.jax_optax.engine import JAX
from adapters.jax_optax.table import COMPOSED, EAGER
from adapters.keras_3.engine import Keras, implementations, imports, kind


class KerasOnJAX(Keras, JAX):
    """Keras 3 with the arrays and the transformations of JAX, in 64 bits where asked."""

    framework, backend = "keras-jax", "jax"
    modes = ("eager", "compiled")
    implementations = implementations(
        {"class": ("compiled",), "function": modes, "composition": ("compiled",)}, flush=modes
    )
    imports = imports(
        "jax",
        "import jax",
        "import jax.numpy as jnp",
        "import numpy as np",
        "from numpy import inf, nan",
    )

    def unsupported(self, implementation: Implementation, call: Call, mode: str) -> str:
        # As in JAX's own adapter, for the time it takes.
        if kind(implementation) == "composition" and call.dtype not in COMPOSED:
            return f"compositions are measured in {' and '.join(COMPOSED)}"
        if mode == "eager" and call.dtype not in EAGER:
            return f"eager mode is measured in {' and '.join(EAGER)}"
        return super().unsupported(implementation, call, mode)


ADAPTER = KerasOnJAX()
