"""Model algorithms that nobody wrote: those that differentiation makes of the written ones.

What a framework computes for a derivative without a formula of its own is the derivative of the
steps of its algorithm, each step rounded. A tape over an arithmetic of `reference/running.py` makes
the same steps, and their error analysis with them. What counts as a step differs: the standard
algorithms have functions like softmax as one step, a primitive, whose derivative is registered in
terms of its rounded result (s (1 - s), in which the 1 - s cancels). The derivatives of a model
algorithm with primitives are made both ways.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from reference import tape
from reference.operator import Model
from reference.running import Arithmetic, Mask, Pull
from reference.tape import Vector, gradients, recording


class Taped:
    """An arithmetic whose numbers remember how they were made.

    choice: which of the algorithms of `any_of` is taken; `choices` tells how many there were.
    rules: whether primitives have derivatives of their own; `ruled` tells whether there were any.
    """

    def __init__(self, base: Arithmetic, choice: int = 0, *, rules: bool = False) -> None:
        self.base, self.choice, self.choices = base, choice, 1
        self.rules, self.ruled = rules, False

    def exact(self, values: ArrayLike) -> Vector:
        return Vector(self.base.exact(values))

    def exp(self, x: Vector, most: float = math.inf) -> Vector:
        power = Vector(self.base.exp(x.numbers, most), (x, lambda up: up * power))
        return power

    def expm1(self, x: Vector) -> Vector:
        return tape.expm1(x)

    def log(self, x: Vector) -> Vector:
        return tape.log(x)

    def log1p(self, x: Vector) -> Vector:
        return tape.log1p(x)

    def lgamma(self, x: Vector) -> Vector:
        return tape.lgamma(x)

    def power(self, x: Vector, exponent: Any) -> Vector:
        return tape.power(x, exponent.numbers if isinstance(exponent, Vector) else exponent)

    def total(self, x: Vector, groups: int = 1) -> Vector:
        return tape.total(x, groups)

    def repeat(self, x: Vector, times: int) -> Vector:
        return tape.repeat(x, times)

    def turned(self, x: Vector, lines: int) -> Vector:
        return tape.turned(x, lines)

    def mean(self, x: Vector, count: float) -> Vector:
        return Vector(self.base.mean(x.numbers, count), (x, lambda up: up / count))

    def max(self, x: Vector) -> Vector:
        return tape.largest(x)

    def largest(self, x: Vector) -> Mask:
        return self.base.largest(x.numbers)

    def zero(self, x: Vector) -> Mask:
        return self.base.zero(x.numbers)

    def relu(self, x: Vector) -> Vector:
        return Vector(self.base.relu(x.numbers), (x, lambda up: up * self.step(x)))

    def step(self, x: Vector) -> Vector:
        return Vector(self.base.step(x.numbers))

    def clip(self, x: Vector, low: Vector, high: Vector) -> Vector:
        clipped = self.base.clip(x.numbers, low.numbers, high.numbers)
        return Vector(clipped, (x, lambda up: up * (self.step(x - low) * self.step(high - x))))

    def where(self, mask: Mask, x: Any, y: Any) -> Vector:
        if not isinstance(x, Vector) and not isinstance(y, Vector):
            return Vector(self.base.where(mask, x, y))
        return tape.where(mask, x, y)

    def any_of(self, *results: Vector) -> Vector:
        self.choices = max(self.choices, len(results))
        return results[self.choice % len(results)]

    def primitive(self, x: Vector, result: Vector, pull: Pull) -> Vector:
        self.ruled = True
        return tape.by_rule(result.numbers, x, pull) if self.rules else result


@dataclass(frozen=True)
class Call:
    """A model algorithm's arguments, as numbers of one arithmetic.

    inputs: in the order of the operator; parameters: by name.
    upstream: the cotangent, for models of gradients that take it, None for the others.
    tangents: directions by the name of the input.
    """

    inputs: Mapping[str, Any]
    parameters: Mapping[str, Any]
    upstream: Any
    tangents: Mapping[str, Any]


Models = Mapping[str, Model]
Branch = Callable[[Taped], Any]


def algorithm(a: Arithmetic, models: Models, quantity: str, call: Call, vector: bool) -> Any:
    """The result of a quantity by its model, or by every algorithm derived from other models.

    vector: whether the operator gives rows. Otherwise a gradient is that for an upstream of 1.
    """
    written = models.get(quantity)
    kind, *names = quantity.split(".")
    by = names[-1] if names else ""
    if written is not None:
        found = _run(a, written, call, vector and kind == "gradient")
        return found * call.tangents[by] if kind in ("hvp", "mixed") else found
    branches: list[Branch] = []
    gradient = models.get(f"gradient.{by}")
    if kind == "gradient":
        branches.append(lambda t: _gradient(t, models, call, by, vector))
    elif kind == "jvp":
        if gradient is not None and not vector:
            slope = _run(a, gradient, call, upstream=False)
            return _also(a, slope_along(a, slope, call.tangents[by]), _forward, models, call, by)
        branches.append(lambda t: _forward(t, models, call, by))
    else:
        target = names[0]
        if gradient is not None:
            branches.append(lambda t: _second(t, gradient, call, by, target, vector))
        branches.append(lambda t: _twice(t, models, call, by, target, vector))
    return a.any_of(*[found for branch in branches for found in _every(a, branch)])


def slope_along(a: Arithmetic, slope: Any, tangent: Any) -> Any:
    """The derivative along a tangent, from the gradient: their inner product in each row."""
    product = slope * tangent
    return product if product.shape[-1] == 1 else a.total(product)


def _also(a: Arithmetic, found: Any, branch: Any, models: Models, call: Call, by: str) -> Any:
    return a.any_of(found, *_every(a, lambda t: branch(t, models, call, by)))


def _run(a: Arithmetic, model: Model, call: Call, upstream: bool) -> Any:
    extra = (call.upstream,) if upstream else ()
    return model(a, *call.inputs.values(), *extra, **call.parameters)


def _every(a: Arithmetic, branch: Branch) -> list[Any]:
    """The results for every choice that the algorithms leave open, step by step and by rules."""
    found, ways = [], [False]
    for rules in ways:
        choice, choices = 0, 1
        while choice < choices:
            taped = Taped(a, choice, rules=rules)
            with recording():
                found.append(branch(taped).numbers)
            choice, choices = choice + 1, max(choices, taped.choices)
            if taped.ruled and True not in ways:
                ways.append(True)
    return found


def _vectors(call: Call, live: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    inputs = {k: Vector(v, live=k in live) for k, v in call.inputs.items()}
    parameters = {
        k: v if isinstance(v, str | np.ndarray) else Vector(v, live=k in live)
        for k, v in call.parameters.items()
    }
    return inputs, parameters


def _value(t: Taped, models: Models, inputs: Mapping[str, Any], parameters: Any) -> Vector:
    value: Vector = models["value"](t, *inputs.values(), **parameters)
    return value


def _ones(t: Taped, like: Vector) -> Vector:
    return t.exact(like.numbers.ones())


def _gradient(t: Taped, models: Models, call: Call, by: str, vector: bool) -> Vector:
    inputs, parameters = _vectors(call, [by])
    value = _value(t, models, inputs, parameters)
    upstream = Vector(call.upstream) if vector else _ones(t, value)
    (slope,) = gradients(value, upstream, [{**inputs, **parameters}[by]])
    return slope


def _forward(t: Taped, models: Models, call: Call, by: str) -> Vector:
    """The slope along a tangent, step by step beside the value: the gradient is linear in u."""
    inputs, parameters = _vectors(call, [by])
    value = _value(t, models, inputs, parameters)
    upstream = _ones(t, value)
    upstream.live = True
    (slope,) = gradients(value, upstream, [inputs[by]], record=True)
    (along,) = gradients(slope, Vector(call.tangents[by]), [upstream])
    return along


def _second(t: Taped, model: Model, call: Call, by: str, target: str, vector: bool) -> Vector:
    """The derivative of a gradient's own algorithm."""
    inputs, parameters = _vectors(call, [target])
    extra = (Vector(call.upstream),) if vector else ()
    slope = model(t, *inputs.values(), *extra, **parameters)
    (second,) = gradients(slope, Vector(call.tangents[by]), [inputs[target]])
    return second


def _twice(t: Taped, models: Models, call: Call, by: str, target: str, vector: bool) -> Vector:
    """The derivative of the derivative of the value's algorithm."""
    inputs, parameters = _vectors(call, [by, target])
    value = _value(t, models, inputs, parameters)
    upstream = Vector(call.upstream) if vector else _ones(t, value)
    (slope,) = gradients(value, upstream, [inputs[by]], record=True)
    (second,) = gradients(slope, Vector(call.tangents[by]), [inputs[target]])
    return second
