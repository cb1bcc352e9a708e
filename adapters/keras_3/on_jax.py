"""Keras 3 on JAX: `jax.jit`, what its trainer runs by default, and its functions op by op."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "jax"

from adapters.base import Call, Implementation
from adapters.jax_optax.engine import JAX
from adapters.keras_3.engine import Keras, implementations, imports, kind

EAGER = ("keras.ops.softplus", "keras.losses.categorical_crossentropy(from_logits)")
"""What is also run op by op, 0.1 s a call; Keras trains under `jax.jit`."""
WIDE = ("float32", "float64")
DTYPES = {"class": WIDE, "function": WIDE, "composition": ("float32",)}
"""Where each kind is measured, for the time it takes."""


class KerasOnJAX(Keras, JAX):
    """Keras 3 with the arrays and the transformations of JAX, in 64 bits where asked."""

    framework, backend = "keras-jax", "jax"
    modes = ("compiled", "eager")
    implementations = implementations(
        dict.fromkeys(("class", "function", "composition"), modes), flush=modes
    )
    imports = imports(
        "jax",
        "import jax",
        "import jax.numpy as jnp",
        "import numpy as np",
        "from numpy import inf, nan",
    )

    def modes_of(self, implementation: Implementation) -> tuple[str, ...]:
        modes = super().modes_of(implementation)
        only = tuple(mode for mode in modes if mode != "eager")
        return modes if implementation.name in EAGER else only or modes

    def unsupported(self, implementation: Implementation, call: Call, mode: str) -> str:
        dtypes = DTYPES[kind(implementation)]
        if call.dtype not in dtypes:
            return f"this is measured in {' and '.join(dtypes)}"
        if mode == "eager" and call.dtype != "float32":
            return "eager mode is measured in float32"
        return super().unsupported(implementation, call, mode)


ADAPTER = KerasOnJAX()
