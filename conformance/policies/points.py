"""Easy points: small inputs at which every implementation can be asked, and their truths.

All probes share a few shapes, so that what is compiled for one of them serves the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from adapters.base import Adapter, Array, Call, Implementation, Task
from reference.evaluation import evaluate
from reference.formats import FORMATS, Floats
from reference.operator import Input, Operator
from reference.operators import OPERATORS
from reference.problem import Problem

ROWS, CLASSES = 4, 3
LOGITS = np.array([[0.5, -1.0, 2.0], [1.5, 0.0, -0.5], [-2.0, 0.75, 0.1], [0.3, 1.2, -0.7]])
SHARES = np.array([[0.2, 0.3, 0.5], [0.7, 0.1, 0.2], [0.25, 0.35, 0.4], [0.1, 0.6, 0.3]])
CLASS = np.array([2, 0, 1, 2])
ONE_HOT = np.eye(CLASSES)[CLASS]
REAL = np.array([0.7, -1.3, 2.1, -0.4])
SHARE = np.array([0.3, 0.6, 0.2, 0.8])
POSITIVE = np.array([0.5, 1.5, 2.5, 0.25])
SIGN = np.array([1.0, -1.0, 1.0, -1.0])
COUNT = np.array([0.0, 1.0, 2.0, 3.0])
SIGNED = ("logistic_loss_pm1", "hinge_loss")
"""The operators whose labels are -1 or +1."""
LABELS = ("labels", "inputs", "teacher", "counts", "log_labels")
"""The inputs that are targets."""
WEIGHTS = np.array([1.75, 0.5, 1.25])
MATRIX = np.array([[0.5, -0.25, 1.0], [0.75, 0.25, -1.0], [-0.5, 0.5, 0.25]])
ARRAYS = {
    "class_weights": WEIGHTS,
    "weights": MATRIX,
    "bias": np.array([0.1, -0.2, 0.3]),
    "pos_weight": np.array(1.0),
    "alpha": 0.25,
}
"""What a parameter without a default is set to; other parameters take the operator's default."""
IGNORED = -7
HALF_THE_DIGITS = 2.0**-12
PATTERN = np.array([1.0, -0.5, 0.25])
"""The cotangent of a row of outputs: a softmax has no gradient where all of it is equal."""


def operator_of(implementation: Implementation) -> Operator:
    """The operator of the reference that an implementation computes."""
    return OPERATORS[implementation.operator]


def inputs_of(implementation: Implementation) -> dict[str, Array]:
    """Easy inputs in float64 (index labels in int64), four rows and three classes."""
    operator = operator_of(implementation)
    return {i.name: _easy(operator, i) for i in operator.inputs}


def _easy(operator: Operator, i: Input) -> Array:
    if i.kind == "index":
        return CLASS
    if i.kind == "scalar":
        if i.name == "labels":
            return SIGN if operator.name in SIGNED else SHARE[::-1].copy()
        if i.name == "counts":
            return COUNT
        return {1.0: SHARE, np.inf: REAL if i.domain[0] else POSITIVE}[i.domain[1]]
    logarithms = i.name.startswith("log_") and i.name != "log_labels"
    if logarithms:
        return np.asarray(LOGITS - np.log(np.exp(LOGITS).sum(-1, keepdims=True)))
    if i.name == "log_labels":
        return np.asarray(np.log(SHARES))
    shares = i.domain[0] == 0 or i.name in ("labels", "inputs")
    if not shares:
        return LOGITS if i.name != "teacher" else LOGITS[::-1].copy()
    return SHARES if i.name in LABELS or i.name == "q" else SHARES[::-1].copy()


def hard(implementation: Implementation) -> dict[str, Array]:
    """Easy inputs, with labels that are 0 or 1."""
    inputs = inputs_of(implementation)
    if inputs["labels"].dtype != np.int64:
        scalar = inputs["labels"].ndim == 1
        inputs["labels"] = np.array([1.0, 0.0, 1.0, 0.0]) if scalar else ONE_HOT
    return inputs


def parameters_of(implementation: Implementation, **given: Any) -> dict[str, Any]:
    """What the expression needs, and those of the `given` that it mentions."""
    operator, names = operator_of(implementation), implementation.names
    needed = {name for name in operator.parameters if name in names}
    values: dict[str, Any] = {}
    for name in sorted(needed - set(implementation.defaults)):
        known = ARRAYS.get(name, operator.parameters[name])
        values[name] = IGNORED if name == "ignore_index" else known
    return {**values, **{name: value for name, value in given.items() if name in names}}


def averages(implementation: Implementation) -> bool:
    """Whether the function reduces the losses when it is told nothing."""
    own = implementation.reductions
    return "reduction" in implementation.names or (bool(own) and "none" not in own)


def unreduced(implementation: Implementation) -> bool:
    """Whether it can give the losses themselves."""
    return "reduction" in implementation.names or not averages(implementation)


def is_index(implementation: Implementation) -> bool:
    """Whether its labels are class indices."""
    return any(i.kind == "index" for i in operator_of(implementation).inputs)


def is_loss(implementation: Implementation) -> bool:
    """Whether it has targets."""
    return any(i.name in LABELS for i in operator_of(implementation).inputs)


def as_it_is(implementation: Implementation) -> Implementation:
    """The expression without its reduction argument: what the function does by default."""
    code = implementation.code
    for argument in (", reduction=reduction", "reduction=reduction, ", "reduction=reduction"):
        code = code.replace(argument, "")
    return replace(implementation, code=code, reductions={})


def summed(adapter: Adapter, implementation: Implementation) -> Implementation | None:
    """The sum of whatever losses there are, as one number; None if it cannot be summed."""
    if "reduction" in implementation.names or "sum" not in adapter.reductions:
        return None
    code = adapter.reductions["sum"].format(implementation.code)
    return replace(implementation, code=code, reductions={})


def ask(
    implementation: Implementation,
    inputs: Mapping[str, Array],
    parameters: Mapping[str, Any] | None = None,
    dtype: str = "float32",
    reduction: str = "none",
    reduced: bool = False,
    upstream: float = 1.0,
    gradients: bool = True,
) -> Task:
    """A task at these inputs; those that are not mentioned are left out by the adapter.

    Integer, unsigned and bool arrays, and arrays of another float type than float64, stay as they
    are. reduced: whether the value is one number. upstream: a factor of the cotangent, which is 1
    for every loss.
    """
    operator = operator_of(implementation)
    known = parameters_of(implementation) if parameters is None else parameters
    typed = {name: _typed(array, dtype) for name, array in inputs.items()}
    options = {k: _typed(v, dtype) if isinstance(v, np.ndarray) else v for k, v in known.items()}
    first = typed[operator.inputs[0].name]
    if "mask" in options:  # all classes take part
        options["mask"] = np.ones(first.shape, np.bool_)
    shape: tuple[int, ...] = first.shape if operator.output != "scalar" else first.shape[:-1]
    shape = () if reduced or reduction != "none" else shape
    pattern = np.ones(shape) if operator.output != "vector" else np.ones(shape) * PATTERN
    cotangent = FORMATS[dtype].array(upstream * pattern)
    by = operator.differentiable if gradients else ()
    quantities = ("value", *(f"gradient.{name}" for name in by))
    return implementation, Call(
        operator.name, dtype, typed, options, reduction, cotangent, quantities
    )


def _typed(array: Array, dtype: str) -> Array:
    return FORMATS[dtype].array(array) if array.dtype == np.float64 else array


def truth(call: Call, quantity: str = "value") -> Floats:
    """The float64 nearest to the truth of a call of the implementation's operator."""
    inputs = {name: _wide(array) for name, array in call.inputs.items()}
    known = {k: _wide(v) if isinstance(v, np.ndarray) else v for k, v in call.parameters.items()}
    format = FORMATS[call.dtype]
    upstream = call.upstream.astype(np.float64)
    problem = Problem(
        call.operator, format, inputs, known, call.reduction, upstream, quantities=(quantity,)
    )
    return evaluate(problem)[quantity].hi


def _wide(array: Array) -> Array:
    return array if array.dtype in (np.int64, np.bool_) else array.astype(np.float64)


def near(got: Any, expected: Any) -> bool:
    """Whether two arrays agree to half of float32's digits: enough to tell options apart."""
    if np.shape(got) != np.shape(expected):
        return False
    with np.errstate(invalid="ignore"):
        error, size = np.max(np.abs(got - expected)), np.max(np.abs(expected))
    return bool(error <= HALF_THE_DIGITS * size)


def slope(implementation: Implementation) -> str:
    """The gradient that a probe looks at: that of the first input that is not a target."""
    names = [n for n in operator_of(implementation).differentiable if n not in LABELS]
    return f"gradient.{names[0]}"
