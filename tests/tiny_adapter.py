"""The smallest adapter: NumPy functions that return a value and its slope.

A copy of this file, changed in one place, is what the tests of the plugin run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from adapters.base import Adapter, Arguments, Array, Call, Found, Function, Implementation


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


def answers(function: Function, given: Arguments) -> Found:
    """The value, and the same slope for every gradient that is asked."""
    value, slope = function.call(**given.tensors)
    found = {"value": value} | {f"gradient.{name}": slope * given.upstream for name in function.wrt}
    return {quantity: found[quantity] for quantity in function.quantities}


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

    def compute(
        self,
        functions: Sequence[Function],
        arguments: Sequence[Arguments],
        mode: str,  # noqa: ARG002
    ) -> Sequence[Found]:
        return [answers(*pair) for pair in zip(functions, arguments, strict=True)]

    def snippet(self, implementation: Implementation, call: Call, mode: str) -> str:
        (name, array), *_ = call.inputs.items()
        return f"{name} = {array.tolist()}\nprint({implementation.code})  # {mode}, {call.dtype}"


ADAPTER = Tiny()
