"""Keras 3 on TensorFlow: eager, `tf.function`, and `tf.function(jit_compile=True)`."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "tensorflow"

from adapters.base import Call, Implementation
from adapters.keras_3.engine import Keras, implementations, imports
from adapters.tensor_flow.engine import TensorFlow

COMPILED = (
    "keras.activations.sigmoid",
    "keras.activations.softmax",
    "keras.losses.binary_crossentropy(activations.sigmoid(x))",
    "keras.losses.binary_crossentropy(from_logits)",
    "keras.losses.binary_focal_crossentropy(from_logits)",
    "keras.losses.categorical_crossentropy(from_logits)",
    "keras.losses.categorical_crossentropy(ops.softmax(x))",
    "keras.losses.sparse_categorical_crossentropy(from_logits)",
    "keras.losses.sparse_categorical_crossentropy(ops.softmax(x))",
    "keras.ops.binary_crossentropy(sigmoid(x))",
    "keras.ops.log_softmax",
    "keras.ops.logsumexp",
    "keras.ops.softplus",
)
"""What is run in a graph and by XLA, for the time it takes: where Keras looks for the sigmoid or
softmax that made its input, and what a model is mostly made of."""
GRAPHS = ("float32", "bfloat16")


class KerasOnTensorFlow(Keras, TensorFlow):
    """Keras 3 with the tensors and the tape of TensorFlow."""

    framework, backend = "keras-tensorflow", "tensorflow"
    modes = ("eager", "graph", "compiled")
    implementations = implementations(
        dict.fromkeys(("class", "function", "composition"), modes),
        flush=modes,  # kernels and XLA code run with the processor's flush-to-zero bits
    )
    imports = imports(
        "tensorflow", "import numpy as np", "import tensorflow as tf", "from numpy import inf, nan"
    )

    def modes_of(self, implementation: Implementation) -> tuple[str, ...]:
        modes = super().modes_of(implementation)
        return modes if implementation.name in COMPILED else modes[:1]

    def unsupported(self, implementation: Implementation, call: Call, mode: str) -> str:
        if mode != "eager" and call.dtype not in GRAPHS:
            return f"graphs are measured in {' and '.join(GRAPHS)}"
        return super().unsupported(implementation, call, mode)


ADAPTER = KerasOnTensorFlow()
