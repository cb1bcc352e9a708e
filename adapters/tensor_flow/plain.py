"""TensorFlow without oneDNN's kernels and with deterministic ops: the public functions, eagerly.

Both settings are of a whole process, and oneDNN is chosen when TensorFlow is imported. So this is
an adapter of its own; what it answers should differ from TensorFlow's eager mode in nothing.
"""

from __future__ import annotations

import os
import sys

if "tensorflow" in sys.modules:
    raise ImportError("TensorFlow is imported already, and oneDNN is chosen at the import")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import tensorflow as tf

from adapters.tensor_flow.engine import TensorFlow
from adapters.tensor_flow.table import IMPLEMENTATIONS

tf.config.experimental.enable_op_determinism()


class PlainTensorFlow(TensorFlow):
    """`tensorflow-plain`: no oneDNN, deterministic ops."""

    framework = "tensorflow-plain"
    modes: tuple[str, ...] = ("eager",)
    variants: tuple[str, ...] = ()
    implementations = tuple(row for row in IMPLEMENTATIONS if row.public and row.modes is None)
    imports = (
        'import os\n\nos.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"\n\n'
        f"{TensorFlow.imports}\n\ntf.config.experimental.enable_op_determinism()"
    )

    def flags(self) -> dict[str, str]:
        return {**super().flags(), "op_determinism": "enabled"}


ADAPTER = PlainTensorFlow()
