"""The shape of an operator: its definition, its model algorithms and its special cases.

An operator is one object in one file of `reference/operators/`; nothing else lists operators.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reference.formats import Floats
from reference.tape import Vector

Kind = Literal["scalar", "vector", "index"]


@dataclass(frozen=True)
class Input:
    """An input of an operator: one number, one vector of classes, or one class index a row.

    domain: the ends of the closed domain of each number, approached from within for limits.
    constant: whether it has no gradient (a count, or labels of +-1).
    """

    name: str
    kind: Kind
    domain: tuple[float, float] = (-math.inf, math.inf)
    constant: bool = False


Rows = Mapping[str, Floats | NDArray[np.int64]]
Definition = Callable[..., Vector]
Model = Callable[..., Any]


@dataclass(frozen=True)
class Operator:
    """A function of mathematics under the field's standard name.

    inputs: in the order of the definition's arguments.
    output: `elementwise` (one number for each input number), `vector` (a row for each row) or
        `scalar` (a number for each row).
    define: the textbook formula, `define(*inputs, **parameters) -> Vector`, of one row or of many
        at once: vectors, index labels as `Labels`, plain parameters as balls, arrays as vectors.
    parameters: name -> default. Arrays and `ignore_index` are None unless set.
    arrays: the parameters that are arrays and have a gradient (`class_weights`).
    words: the parameters that are words, and what each may be.
    formula: the definition as text, for the report (notation: conformance/report/formula.py).
    derivatives: the same for the derivative by an input (`logits`), an array, or two (`logits
        labels`); by x_j or y_j of a row, of f_i where the result is a row.
    symbols: letter in the formulas of an input or a parameter, where it is not the usual one.
    strict, baseline: model algorithms, quantity -> `f(a, *inputs, **parameters)` over an arithmetic
        `a` of `reference/running.py`. The value is compulsory; a gradient without a model is the
        derivative of the value's algorithm, as are `jvp`, `hvp` and `mixed` of the gradient's
        (`hvp` and `mixed` may be given as the second derivative itself, if it is diagonal). For
        `vector` operators a gradient's model also takes the upstream, otherwise it is the
        derivative for upstream 1. Index labels arrive as one-hot rows (all zero: ignored),
        parameters as numbers of `a`; one number a row has shape (N, 1).
    kinks: whether the derivative jumps somewhere; the truth there is a set.
    weight: the weight of each row in `weighted_mean`, as a float64 array (N,); None: ones.
    empty: the value of a row without classes.
    """

    name: str
    inputs: tuple[Input, ...]
    output: Literal["elementwise", "vector", "scalar"]
    define: Definition
    formula: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    arrays: tuple[str, ...] = ()
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    strict: Mapping[str, Model] = field(default_factory=dict)
    baseline: Mapping[str, Model] = field(default_factory=dict)
    kinks: bool = False
    weight: Callable[[Rows, Mapping[str, Any]], Floats] | None = None
    empty: float = 0.0
    derivatives: Mapping[str, str] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)

    @property
    def differentiable(self) -> tuple[str, ...]:
        """Names of the inputs that have a gradient."""
        return tuple(i.name for i in self.inputs if i.kind != "index" and not i.constant)

    @property
    def quantities(self) -> tuple[str, ...]:
        """The value, and the gradient by every input: what is asked for by default."""
        return ("value", *(f"gradient.{name}" for name in self.differentiable))
