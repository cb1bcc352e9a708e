"""The smallest adapter: NumPy functions that return a value and its slope.

A copy of this file, changed in one place, is what the tests of the plugin run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from adapters.base import Adapter, Array, Call, Implementation


def sigmoid(x: Array) -> tuple[Array, Array]:
    """The value, and the slope of each value by its x."""
    wide = x.astype(np.float64)
    power = np.exp(-np.abs(wide))
    value = np.where(wide < 0, power, 1) / (1 + power)
    return value.astype(x.dtype), (power / (1 + power) ** 2).astype(x.dtype)


def square(predictions: Array, labels: Array) -> tuple[Array, Array]:
    """The slope is that by the predictions."""
    difference = predictions - labels
    return difference * difference, 2 * difference


class Tiny(Adapter):
    framework = "tiny"
    modes = ("eager",)
    namespace: Mapping[str, Any] = {"sigmoid": sigmoid, "square": square, "np": np}
    imports = "import numpy as np"
    implementations: tuple[Implementation, ...] = (
        Implementation("plain sigmoid", "sigmoid", "sigmoid(x)"),
        Implementation(
            "square",
            "squared_loss",
            "square(predictions, labels)",
            fixed={"labels": "labels are constants"},
        ),
    )

    def versions(self) -> dict[str, str]:
        return {"tiny": "1.2.3"}

    def tensor(self, values: Array) -> Array:
        return values

    def array(self, tensor: Array) -> Array:
        return np.asarray(tensor)

    def differentiate(
        self,
        function: Callable[..., Any],
        key: tuple[Any, ...],  # noqa: ARG002
        tensors: Mapping[str, Any],
        wrt: Sequence[str],
        upstream: Any,
        mode: str,  # noqa: ARG002
    ) -> tuple[Any, dict[str, Any]]:
        value, slope = function(**tensors)
        return value, dict.fromkeys(wrt, slope * upstream)

    def snippet(self, implementation: Implementation, call: Call, mode: str) -> str:
        (name, array), *_ = call.inputs.items()
        return f"{name} = {array.tolist()}\nprint({implementation.code})  # {mode}, {call.dtype}"


ADAPTER = Tiny()
