"""TensorFlow on the CPU: eager, tf.function, XLA, a TensorFlow 1 session, and vectorized_map."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from adapters.base import (
    ROWWISE,
    Adapter,
    Arguments,
    Array,
    Call,
    Found,
    Function,
    Implementation,
)
from adapters.tensor_flow.parts import AROUND
from adapters.tensor_flow.table import IMPLEMENTATIONS, MODES, VARIANTS

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # Read once, at the import.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import tensorflow as tf

from adapters.tensor_flow import programs, snippets

tf.get_logger().setLevel("ERROR")  # Retracing and deprecated functions are no news here.
with contextlib.suppress(RuntimeError):  # Too late if TensorFlow already runs: see `flags`.
    # How a sum is split must not depend on the machine.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


SECOND = ("jvp", "hvp", "mixed")
IN_GRAPHS = "measured in graph mode: tracing it through tf.vectorized_map takes a second each time"


class TensorFlow(Adapter):
    """Eager, tf.function, tf.function(jit_compile=True), and a graph in a TensorFlow 1 session.

    `vectorized` is the function of one row under tf.vectorized_map, in a tf.function.
    """

    framework = "tensorflow"
    modes: tuple[str, ...] = (*MODES, *VARIANTS)
    variants: tuple[str, ...] = VARIANTS
    placed = ("placed",)
    bucketed = ("compiled",)
    joined: Mapping[str, int] = dict.fromkeys(("graph", "compiled", "session", "vectorized"), 16)
    dynamic = ("graph", "session", "vectorized")
    cannot: Mapping[str, Mapping[str, str]] = {
        "session": {"jvp": "module 'tensorflow._api.v2.compat.v1' has no attribute 'autodiff'"},
        "vectorized": dict.fromkeys(SECOND, IN_GRAPHS),
    }
    implementations = IMPLEMENTATIONS
    namespace: Mapping[str, Any] = {"tf": tf}
    imports = "import numpy as np\nimport tensorflow as tf\nfrom numpy import inf, nan"
    reductions: Mapping[str, str] = AROUND

    def __init__(self) -> None:
        self._programs: dict[Any, programs.Program] = {}

    def versions(self) -> dict[str, str]:
        return {"tensorflow": tf.__version__, "keras": tf.keras.__version__}

    def flags(self) -> dict[str, str]:
        names = ("TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS", "KERAS_BACKEND")
        xla = os.environ.get("TF_XLA_FLAGS", "default").split()
        threading = tf.config.threading
        return {
            # A folder for compiled code changes the speed alone.
            "TF_XLA_FLAGS": " ".join(flag for flag in xla if "persistent_cache" not in flag),
            "intra_op_threads": str(threading.get_intra_op_parallelism_threads()),
            "inter_op_threads": str(threading.get_inter_op_parallelism_threads()),
            **{name: os.environ.get(name, "default") for name in names},
        }

    def unsupported(self, implementation: Implementation, call: Call, mode: str) -> str:
        if mode == "vectorized":
            if call.reduction != "none" or "axis" in call.parameters:
                return "tf.vectorized_map maps over the rows, along the first axis"
            if own := per_element(call):
                return f"tf.vectorized_map maps over the rows, each of which has its own {own}"
        return super().unsupported(implementation, call, mode)

    def tensor(self, values: Array) -> Any:
        return tf.constant(values)

    def array(self, tensor: Any) -> Array:
        # Not np.asarray(tensor): it fails on a bfloat16 scalar. A session gives arrays already.
        return np.asarray(tensor.numpy() if tf.is_tensor(tensor) else tensor)

    def compute(
        self, functions: Sequence[Function], arguments: Sequence[Arguments], mode: str
    ) -> Sequence[Found]:
        name = (tuple((f.key, f.quantities, f.rows) for f in functions), mode)
        if name not in self._programs:
            self._programs[name] = programs.program(tuple(functions), mode)
        parts = [(dict(own.tensors), own.upstream, dict(own.tangents)) for own in arguments]
        try:
            return self._programs[name](parts)
        except tf.errors.OpError as error:
            raise type(error)(None, None, sentence(error.message)) from error

    def snippet(self, implementation: Implementation, call: Call, mode: str) -> str:
        asked = [q for q in call.quantities if not self.declined(implementation, mode, q)]
        arrays = self.arrays(implementation, call)
        return snippets.snippet(
            call,
            mode,
            imports=self.imports,
            expression=self.expression(implementation, call),
            arrays=arrays,
            rows=[name for name in arrays if name in call.inputs or name in ROWWISE],
            constants=self.constants(implementation, call),
            asked=asked,
            wrt=programs.reverse(asked),
        )


ADAPTER = TensorFlow()


def per_element(call: Call) -> str:
    """The first parameter that is broadcast along the rows of a call, if there is one."""
    rank = max(array.ndim for array in call.inputs.values())
    shared = {name: p for name, p in call.parameters.items() if name not in ROWWISE}
    return next((n for n, p in shared.items() if isinstance(p, np.ndarray) and p.ndim >= rank), "")


def sentence(message: str) -> str:
    """What an error says, without the stack and the names of nodes, which carry counters."""
    around = re.compile(r"\s|$|File |Stack trace|Graph execution error|Detected at node|Node: ")
    said = [line for line in message.splitlines() if not around.match(line)]
    return re.sub(r"^\{\{.*?\}\} | \[Op:.*$", "", said[0]) if said else message
