"""What TensorFlow is asked, as programs: every quantity of several functions at once.

First derivatives are those of a gradient tape, second derivatives those of a tape around it, and
`jvp` is TensorFlow's forward mode. A TensorFlow 1 graph has `tf.gradients` in place of tapes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from adapters.base import Arguments, Found, Function

Parts = Sequence[tuple[dict[str, Any], Any, dict[str, Any]]]
"""For each function: tensors, upstream, tangents."""
Program = Callable[[Parts], Sequence[Found]]
ZERO = tf.UnconnectedGradients.ZERO


class NotConnectedError(Exception):
    """TensorFlow answered None for a gradient."""


def program(functions: tuple[Function, ...], mode: str) -> Program:
    """What answers all functions at once, compiled where the mode says so."""
    if mode == "session":
        return session(functions)
    calls = [by_rows(f) if mode == "vectorized" else f.call for f in functions]

    def step(parts: Parts) -> list[Found]:
        each = zip(functions, calls, parts, strict=True)
        return [answers(call, f.quantities, Arguments(*own)) for f, call, own in each]

    if mode in ("eager", "placed"):
        return step
    # Without autograph, which has nothing to convert: expressions hold no control flow.
    if mode == "compiled":
        compiled: Program = tf.function(step, autograph=False, jit_compile=True)
        return compiled
    return for_any_rows(tf.function(step, autograph=False))


def by_rows(function: Function) -> Callable[..., Any]:
    """The function under `tf.vectorized_map`: it sees one row at a time."""

    def mapped(**tensors: Any) -> Any:
        own = {name: tensors[name] for name in function.rows}
        shared = {name: tensor for name, tensor in tensors.items() if name not in own}
        return tf.vectorized_map(lambda row: function.call(**row, **shared), own)

    return mapped


def for_any_rows(step: Any) -> Program:
    """The graph of a step, traced once for each number of classes and dtype."""
    graphs: dict[Any, Program] = {}

    def run(parts: Parts) -> Sequence[Found]:
        holders = tuple(map(holder, tf.nest.flatten(parts)))
        if holders not in graphs:
            specs = [tf.TensorSpec(shape, dtype) for dtype, shape in holders]
            graphs[holders] = step.get_concrete_function(tf.nest.pack_sequence_as(parts, specs))
        return graphs[holders](parts)

    return run


def holder(tensor: Any) -> tuple[Any, tuple[int | None, ...]]:
    """Dtype and shape of a place for a tensor with any number of rows."""
    return tensor.dtype, (None, *tensor.shape[1:]) if tensor.shape.rank else ()


def answers(call: Callable[..., Any], quantities: Sequence[str], given: Arguments) -> Found:
    """The quantities, with tapes and forward mode."""
    sources = {name: given.tensors[name] for name in reverse(quantities)}
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(sources)
        with tf.GradientTape() as inner:
            inner.watch(sources)
            value = call(**given.tensors)
        slopes = inner.gradient(value, sources, tf.cast(given.upstream, value.dtype))
        slopes = {name: connected(slope, name) for name, slope in slopes.items()}
    found = {"value": value} | {f"gradient.{name}": slope for name, slope in slopes.items()}
    for other, asked in second(quantities).items():
        own = [given.tensors[name] for name in asked.values()]
        again = outer.gradient(slopes[other], own, given.tangents[other], ZERO)
        found |= zip(asked, map(tf.convert_to_tensor, again), strict=True)
    for quantity in quantities:
        if quantity.startswith("jvp."):
            found[quantity] = forward(call, given, quantity.removeprefix("jvp."))
    return {quantity: found[quantity] for quantity in quantities}


def forward(call: Callable[..., Any], given: Arguments, name: str) -> Any:
    """The derivative of the value along a tangent, in forward mode."""
    source, along = given.tensors[name], given.tangents[name]
    with tf.autodiff.ForwardAccumulator(source, along) as accumulator:
        value = call(**given.tensors)
    return accumulator.jvp(value, unconnected_gradients=ZERO)


def reverse(quantities: Sequence[str]) -> tuple[str, ...]:
    """What has to be differentiated by in reverse mode."""
    parts = [quantity.split(".") for quantity in quantities]
    return tuple(dict.fromkeys(n for kind, *names in parts if kind != "jvp" for n in names))


def second(quantities: Sequence[str]) -> dict[str, dict[str, str]]:
    """The second derivatives: gradient that is differentiated -> quantity -> by what.

    The matrix is symmetric: `mixed.x.y` is the gradient by y, along its tangent, differentiated
    by x.
    """
    found: dict[str, dict[str, str]] = {}
    for quantity in quantities:
        kind, *names = quantity.split(".")
        if kind in ("hvp", "mixed"):
            found.setdefault(names[-1], {})[quantity] = names[0]
    return found


def connected(gradient: Any, name: str) -> Any:
    """The gradient as a tensor. Raises NotConnectedError if there is none."""
    if gradient is None:
        raise NotConnectedError(f"no gradient: the value is not connected to {name}")
    return tf.convert_to_tensor(gradient)


def session(functions: tuple[Function, ...]) -> Program:
    """The same, in one graph and session for each number of classes and dtype."""

    @functools.cache
    def build(layout: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...], *holders: Any) -> Any:
        with tf.Graph().as_default() as graph:
            places = [tf.compat.v1.placeholder(*holder) for holder in holders]
            rest = iter(places)
            fetches = []
            for function, (names, tangents) in zip(functions, layout, strict=True):
                tensors = {name: next(rest) for name in names}
                given = Arguments(tensors, next(rest), {name: next(rest) for name in tangents})
                fetches.append(symbolic(function, given))
        return tf.compat.v1.Session(graph=graph).make_callable(fetches, places)

    def run(parts: Parts) -> Any:
        layout = tuple((tuple(tensors), tuple(tangents)) for tensors, _, tangents in parts)
        flat = [
            tensor
            for tensors, upstream, tangents in parts
            for tensor in (*tensors.values(), upstream, *tangents.values())
        ]
        return build(layout, *map(holder, flat))(*[tensor.numpy() for tensor in flat])

    return run


def symbolic(function: Function, given: Arguments) -> Found:
    """The quantities in a TensorFlow 1 graph."""
    value = function.call(**given.tensors)
    names = reverse(function.quantities)
    sources = [given.tensors[name] for name in names]
    first = tf.gradients(value, sources, tf.cast(given.upstream, value.dtype)) if names else []
    slopes = {name: connected(slope, name) for name, slope in zip(names, first, strict=True)}
    found = {"value": value} | {f"gradient.{name}": slope for name, slope in slopes.items()}
    for other, asked in second(function.quantities).items():
        own = [given.tensors[name] for name in asked.values()]
        along = given.tangents[other]
        again = tf.gradients(slopes[other], own, along, unconnected_gradients=ZERO)
        found |= zip(asked, map(tf.convert_to_tensor, again), strict=True)
    return {quantity: found[quantity] for quantity in function.quantities}
