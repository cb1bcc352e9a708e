"""An adapter of one's own: a fused softmax cross entropy, value and gradient in one pass.

    pytest --framework=examples/fused_adapter.py
    python -m conformance smoke examples/fused_adapter.py

The kernel is NumPy, to be read; yours may be called through ctypes, pybind11 or a framework.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from adapters.base import Adapter, Arguments, Array, Call, Found, Function, Implementation


def fused(logits: Array, labels: Array) -> tuple[Array, Array]:
    """Loss of each row, and its gradient by the logits; computed in float32 for 16-bit types."""
    wide = logits.astype(np.result_type(logits.dtype, np.float32))
    shifted = wide - wide.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    total = powers.sum(axis=-1, keepdims=True)
    rows = np.arange(len(labels))
    slope = powers / total
    slope[rows, labels] -= 1
    loss = np.log(total[:, 0]) - shifted[rows, labels]
    return loss.astype(logits.dtype), slope.astype(logits.dtype)


class Fused(Adapter):
    framework = "fused"
    modes = ("eager",)
    namespace: Mapping[str, Any] = {"fused": fused}
    imports = "import numpy as np\nfrom numpy import inf, nan\n\nfrom fused_adapter import fused"
    implementations = (
        Implementation("fused", "softmax_cross_entropy_index", "fused(logits, labels)"),
    )
    cannot: Mapping[str, Mapping[str, str]] = {
        "eager": dict.fromkeys(("jvp", "hvp", "mixed"), "the kernel has a value and a gradient")
    }

    def versions(self) -> dict[str, str]:
        return {"fused": "1.0", "numpy": np.__version__}

    def tensor(self, values: Array) -> Array:
        return values

    def array(self, tensor: Any) -> Array:
        return np.asarray(tensor)

    def compute(
        self,
        functions: Sequence[Function],
        arguments: Sequence[Arguments],
        mode: str,  # noqa: ARG002
    ) -> Sequence[Found]:
        ((function,), (given,)) = functions, arguments
        loss, slope = function.call(**given.tensors)
        found = {"value": loss, "gradient.logits": slope * given.upstream[:, None]}
        return [{quantity: found[quantity] for quantity in function.quantities}]

    def snippet(self, implementation: Implementation, call: Call, mode: str) -> str:  # noqa: ARG002
        arrays = {**self.arrays(implementation, call), "upstream": call.upstream}
        lines = [self.imports, "import ml_dtypes", ""]
        lines += [
            f"{name} = np.array({array.tolist()}, {array.dtype.name!r}).reshape({array.shape})"
            for name, array in arrays.items()
        ]
        lines += [f"loss, slope = {self.expression(implementation, call)}"]
        lines += ['print("value", loss.tolist())']
        lines += ['print("gradient.logits", (slope * upstream[:, None]).tolist())']
        return "\n".join(lines) + "\n"


ADAPTER = Fused()
