"""An adapter whose policies are known, since each of its functions is written for one.

Values are computed in float64 and rounded; gradients are central differences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from adapters.base import Adapter, Arguments, Array, Call, Found, Function, Implementation

STEP = 3e-11


def picked(log_probabilities: Array, labels: Array) -> Array:
    return -log_probabilities[np.arange(len(labels)), labels]


def clamped(log_probabilities: Array, labels: Array) -> Array:
    return picked(log_probabilities, np.clip(labels, 0, log_probabilities.shape[-1] - 1))


def strict(log_probabilities: Array, labels: Array) -> Array:
    known = (labels >= 0) & (labels < log_probabilities.shape[-1])
    return np.where(known, clamped(log_probabilities, labels), np.nan)


def kept(log_probabilities: Array, labels: Array, ignore_index: int) -> Array:
    safe = np.where(labels == ignore_index, 0, labels)
    return np.where(labels == ignore_index, 0.0, picked(log_probabilities, safe))


def masked(log_probabilities: Array, labels: Array, ignore_index: int) -> Array:
    return (labels != ignore_index) * clamped(log_probabilities, labels)


def reduced(
    losses: Array,
    labels: Array,
    class_weights: Array,
    ignore_index: int,
    divisor: str,
    reduction: str = "mean",
) -> Array:
    weights = np.where(labels == ignore_index, 0.0, class_weights[labels])
    losses = weights * losses
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    number = {
        "rows": len(labels),
        "kept rows": (labels != ignore_index).sum(),
        "class weights": weights.sum(),
        "non-zero weights": (weights != 0).sum(),
    }[divisor]
    with np.errstate(invalid="ignore", divide="ignore"):
        return losses.sum() / number


def binary(probabilities: Array, labels: Array, log: Callable[[Array], Array]) -> Array:
    return -(labels * log(probabilities) + (1 - labels) * log(1 - probabilities))


def floored(p: Array) -> Array:
    return np.maximum(np.log(p), -100)


def clipped(p: Array) -> Array:
    return np.log(np.maximum(p, 1e-7))


def added(p: Array) -> Array:
    return np.log(np.maximum(p, 0) + 1e-10)


def softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def dense(logits: Array, targets: Array) -> Array:
    if logits.shape != targets.shape:
        raise ValueError("the shapes differ")
    return -(targets * np.log(softmax(logits))).sum(-1)


def smoothed(labels: Array, a: float, others: bool) -> Array:
    classes = labels.shape[-1]
    if others:
        return (1 - a) * labels + a / (classes - 1) * (1 - labels)
    return (1 - a) * labels + a / classes


def narrow(x: Array) -> Array:
    return np.tanh(x.astype(np.float32)).astype(np.float64)


NLL = "(log_probabilities, labels)"
MEAN = "reduced(picked(log_probabilities, labels), labels, class_weights, ignore_index, {!r}, "
REDUCTIONS = {"none": "none", "sum": "sum", "weighted_mean": "mean"}
DENSE = "dense(logits, smoothed(labels, label_smoothing, {}))"
ROWS = (
    ("picked", "nll", f"picked{NLL}"),
    ("clamped", "nll", f"clamped{NLL}"),
    ("strict", "nll", f"strict{NLL}"),
    ("kept", "nll", "kept(log_probabilities, labels, ignore_index)"),
    ("masked", "nll", "masked(log_probabilities, labels, ignore_index)"),
    *(
        (f"mean over {divisor}", "nll", f"{MEAN.format(divisor)}reduction=reduction)")
        for divisor in ("rows", "kept rows", "class weights", "non-zero weights")
    ),
    ("bare", "binary_cross_entropy", "binary(probabilities, labels, np.log)"),
    (
        "floor",
        "binary_cross_entropy",
        "binary(probabilities, labels, floored)",
    ),
    (
        "clip",
        "binary_cross_entropy",
        "binary(probabilities, labels, clipped)",
    ),
    (
        "add",
        "binary_cross_entropy",
        "binary(probabilities, labels, added)",
    ),
    ("all classes", "softmax_cross_entropy", DENSE.format(False)),
    ("other classes", "softmax_cross_entropy", DENSE.format(True)),
    ("normalised", "softmax_cross_entropy", "dense(logits, labels / labels.sum(-1)[:, None])"),
    ("wide tanh", "tanh", "np.tanh(x)"),
    ("narrow tanh", "tanh", "narrow(x)"),
    ("maximum", "relu", "np.maximum(x, 0)"),
)


PRIVATE = ("clamped", "floor")


def table() -> tuple[Implementation, ...]:
    return tuple(
        Implementation(
            name,
            operator,
            code,
            reductions=REDUCTIONS if "reduction=" in code else {},
            defaults={"label_smoothing": 0.0},
            public="" if name in PRIVATE else "chooser.public",
            documentation="https://example.org/page",
        )
        for name, operator, code in ROWS
    )


class Chooser(Adapter):
    framework = "chooser"
    modes = ("eager",)
    namespace: Mapping[str, Any] = {
        "np": np,
        **{
            f.__name__: f
            for f in (picked, clamped, strict, kept, masked, reduced, binary, dense, smoothed)
        },
        **{f.__name__: f for f in (floored, clipped, added, narrow)},
    }
    imports = "import numpy as np"
    implementations: tuple[Implementation, ...] = table()
    reductions: Mapping[str, str] = {"none": "{}", "sum": "({}).sum()"}

    def versions(self) -> dict[str, str]:
        return {"chooser": "1.0"}

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
        ((function,), (given,)) = functions, arguments
        dtype = np.asarray(given.upstream).dtype
        wide = {
            n: a if a.dtype.kind in "iu" else a.astype(np.float64) for n, a in given.tensors.items()
        }

        def value(tensors: Mapping[str, Array]) -> Array:
            with np.errstate(all="ignore"):
                return np.asarray(function.call(**tensors))

        found: dict[str, Array] = {}
        for quantity in function.quantities:
            name = quantity.partition(".")[2]
            found[quantity] = value(wide).astype(dtype) if not name else np.zeros(0)
            if name:
                found[quantity] = slopes(value, wide, name, given.upstream).astype(dtype)
        return [found]

    def snippet(self, implementation: Implementation, call: Call, mode: str) -> str:
        return f"print({implementation.code})  # {mode}, {call.dtype}"


def slopes(
    value: Callable[[Mapping[str, Array]], Array], at: Mapping[str, Array], name: str, upstream: Any
) -> Array:
    """The cotangent times the central differences of every number of one input."""
    found = np.zeros_like(at[name])
    for place in np.ndindex(found.shape):
        ends = []
        for step in (STEP, -STEP):
            moved = at[name].copy()
            moved[place] += step
            ends.append(value({**at, name: moved}))
        with np.errstate(all="ignore"):
            difference = (ends[0] - ends[1]) / (2 * STEP) * np.asarray(upstream, np.float64)
            # A row depends on its own inputs alone.
            found[place] = difference[place[0]].sum() if difference.ndim else difference
    return found


ADAPTER = Chooser()
