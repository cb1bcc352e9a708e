"""Keras 3 on TensorFlow: eager, `tf.function`, and `tf.function(jit_compile=True)`."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "tensorflow"

from adapters.keras_3.engine import Keras, implementations, imports
from adapters.tensor_flow.engine import TensorFlow


class KerasOnTensorFlow(Keras, TensorFlow):
    """Keras 3 with the tensors and the tape of TensorFlow."""

    framework, backend = "keras-tensorflow", "tensorflow"
    modes = ("eager", "graph", "compiled")
    implementations = implementations(
        # To compile the loss classes, loops around the functions, as well would cost minutes.
        {"class": ("eager",), "function": modes, "composition": ("eager",)},
        flush=modes,  # kernels and XLA code run with the processor's flush-to-zero bits
    )
    imports = imports(
        "tensorflow", "import numpy as np", "import tensorflow as tf", "from numpy import inf, nan"
    )


ADAPTER = KerasOnTensorFlow()
