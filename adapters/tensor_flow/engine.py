"""TensorFlow on the CPU: eager, tf.function, XLA, and a graph in a TensorFlow 1 session."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from adapters.base import Adapter, Arguments, Array, Call, Found, Function, Implementation
from adapters.tensor_flow.table import AROUND, IMPLEMENTATIONS, MODES

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # Read once, at the import.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import tensorflow as tf

tf.get_logger().setLevel("ERROR")  # Retracing and deprecated functions are no news here.
with contextlib.suppress(RuntimeError):  # Too late if TensorFlow already runs: see `flags`.
    # How a sum is split must not depend on the machine.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


class NotConnectedError(Exception):
    """TensorFlow answered None for a gradient."""


class TensorFlow(Adapter):
    """Eager, tf.function, tf.function(jit_compile=True), and a graph in a TensorFlow 1 session."""

    framework = "tensorflow"
    modes: tuple[str, ...] = (*MODES, "placed")
    variants = ("placed",)
    placed = ("placed",)
    bucketed = ("graph", "compiled")
    joined: Mapping[str, int] = {"graph": 16, "compiled": 16, "session": 16}
    dynamic = ("session",)
    cannot: Mapping[str, Mapping[str, str]] = {
        "session": {"jvp": "a TensorFlow 1 graph has no forward mode"}
    }
    implementations = IMPLEMENTATIONS
    namespace: Mapping[str, Any] = {"tf": tf}
    imports = "import numpy as np\nimport tensorflow as tf\nfrom numpy import inf, nan"
    reductions: Mapping[str, str] = AROUND

    def __init__(self) -> None:
        self._programs: dict[Any, Callable[..., Any]] = {}

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

    def tensor(self, values: Array) -> Any:
        return tf.constant(values)

    def array(self, tensor: Any) -> Array:
        # Not np.asarray(tensor): it fails on a bfloat16 scalar. A session gives arrays already.
        return np.asarray(tensor.numpy() if tf.is_tensor(tensor) else tensor)

    def compute(
        self, functions: Sequence[Function], arguments: Sequence[Arguments], mode: str
    ) -> Sequence[Found]:
        name = (tuple((function.key, function.quantities) for function in functions), mode)
        if name not in self._programs:
            self._programs[name] = _program(tuple(functions), mode)
        parts = [(dict(own.tensors), own.upstream, dict(own.tangents)) for own in arguments]
        try:
            found: Sequence[Found] = self._programs[name](parts)
        except tf.errors.OpError as error:
            raise type(error)(None, None, _sentence(error.message)) from error
        return found

    def snippet(self, implementation: Implementation, call: Call, mode: str) -> str:
        wrt = [name for name in call.wrt if name not in implementation.fixed]
        constants = self.constants(implementation, call)
        arrays = {**call.inputs, **call.parameters}
        used = [name for name in arrays if name in implementation.names and name not in constants]
        lines = [_literal(name, arrays[name]) for name in used]
        lines += [_literal("upstream", call.upstream)]
        lines += [f"{name} = {value!r}" for name, value in constants.items()]
        return PROGRAMS[mode].format(
            imports=self.imports,
            inputs="\n".join(lines),
            arguments=", ".join([*used, "upstream"]),
            wrt=", ".join(wrt),
            expression=self.expression(implementation, call),
            quantities=["value", *(f"gradient.{name}" for name in wrt)],
        )


ADAPTER = TensorFlow()


Parts = Sequence[tuple[dict[str, Any], Any, dict[str, Any]]]
"""For each function: tensors, upstream, tangents."""


def _program(functions: tuple[Function, ...], mode: str) -> Callable[[Parts], list[Found]]:
    """What answers all functions at once, compiled for each shape it is called with."""
    if mode == "session":
        return _session(functions)

    def step(parts: Parts) -> list[Found]:
        pairs = zip(functions, parts, strict=True)
        return [_answers(function, Arguments(*own)) for function, own in pairs]

    if mode in ("eager", "placed"):
        return step
    # Without autograph, which has nothing to convert: expressions hold no control flow.
    compiled = True if mode == "compiled" else None
    program: Callable[[Parts], list[Found]] = tf.function(
        step, autograph=False, jit_compile=compiled
    )
    return program


def _answers(function: Function, given: Arguments) -> Found:
    sources = {name: given.tensors[name] for name in function.wrt}
    with tf.GradientTape() as tape:
        tape.watch(sources)
        value = function.call(**given.tensors)
    found = {"value": value}
    if sources:
        slopes = tape.gradient(value, sources, tf.cast(given.upstream, value.dtype))
        found |= {f"gradient.{name}": _connected(slope, name) for name, slope in slopes.items()}
    for quantity in function.quantities:
        if quantity not in found:
            found[quantity] = _along(function.call, given, quantity)
    return {quantity: found[quantity] for quantity in function.quantities}


def _along(call: Callable[..., Any], given: Arguments, quantity: str) -> Any:
    """`jvp.<name>` in forward mode; `hvp.<name>` and `mixed.<name>.<other>` with nested tapes."""
    kind, name, *others = quantity.split(".")
    other = others[0] if others else name
    zero = tf.UnconnectedGradients.ZERO
    source, direction = given.tensors[name], given.tangents[other]
    if kind == "jvp":
        with tf.autodiff.ForwardAccumulator(source, direction) as forward:
            value = call(**given.tensors)
        return forward.jvp(value, unconnected_gradients=zero)
    # The matrix is symmetric: the gradient by the other, along the tangent, differentiated by name.
    with tf.GradientTape() as outer:
        outer.watch(source)
        with tf.GradientTape() as inner:
            inner.watch(given.tensors[other])
            value = call(**given.tensors)
        upstream = tf.cast(given.upstream, value.dtype)
        first = _connected(inner.gradient(value, given.tensors[other], upstream), other)
    return outer.gradient(first, source, direction, unconnected_gradients=zero)


def _session(functions: tuple[Function, ...]) -> Callable[[Parts], list[Found]]:
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
                fetches.append(_symbolic(function, given))
        return tf.compat.v1.Session(graph=graph).make_callable(fetches, places)

    def program(parts: Parts) -> Any:
        layout = tuple((tuple(tensors), tuple(tangents)) for tensors, _, tangents in parts)
        flat = [
            tensor.numpy()
            for tensors, upstream, tangents in parts
            for tensor in (*tensors.values(), upstream, *tangents.values())
        ]
        holders = [(a.dtype, (None, *a.shape[1:]) if a.ndim else ()) for a in flat]
        return build(layout, *holders)(*flat)

    return program


def _symbolic(function: Function, given: Arguments) -> Found:
    """The quantities in a TensorFlow 1 graph."""
    value = function.call(**given.tensors)
    upstream = tf.cast(given.upstream, value.dtype)

    def gradient(name: str) -> Any:
        return _connected(tf.gradients(value, given.tensors[name], upstream)[0], name)

    found = {"value": value}
    for quantity in function.quantities:
        kind, *names = quantity.split(".")
        if kind == "gradient":
            found[quantity] = gradient(names[0])
        elif kind != "value":
            other = names[-1]
            found[quantity] = tf.gradients(
                gradient(other),
                given.tensors[names[0]],
                given.tangents[other],
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )[0]
    return {quantity: found[quantity] for quantity in function.quantities}


def _connected(gradient: Any, name: str) -> Any:
    if gradient is None:
        raise NotConnectedError(f"no gradient: the value is not connected to {name}")
    return tf.convert_to_tensor(gradient)


def _sentence(message: str) -> str:
    """What an error says, without the stack and the names of nodes, which carry counters."""
    around = re.compile(r"\s|$|File |Stack trace|Graph execution error|Detected at node|Node: ")
    said = [line for line in message.splitlines() if not around.match(line)]
    return re.sub(r"^\{\{.*?\}\} | \[Op:.*$", "", said[0]) if said else message


def _literal(name: str, values: Array) -> str:
    """An assignment of the exact numbers, in NumPy: tf.constant flushes bfloat16 from a list."""
    shape = "" if values.size else f".reshape{values.shape}"
    return f'{name} = np.array({values.tolist()}, "{values.dtype}"){shape}'


STEP = """\
{imports}

{inputs}


DECORATOR
def step({arguments}):
    with tf.GradientTape() as tape:
        tape.watch([{wrt}])
        value = {expression}
    return value, *tape.gradient(value, [{wrt}], tf.cast(upstream, value.dtype))


tensors = [tf.constant(array) for array in [{arguments}]]
for name, result in zip({quantities}, step(*tensors)):
    print(name, np.asarray(result.numpy()).tolist())
"""

SESSION = """\
{imports}

{inputs}

arrays = [{arguments}]
with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    {arguments} = placeholders = [
        tf.compat.v1.placeholder(a.dtype, [None, *a.shape[1:]] if a.ndim else []) for a in arrays
    ]
    value = {expression}
    gradients = tf.gradients(value, [{wrt}], tf.cast(upstream, value.dtype))
    results = session.run([value, *gradients], dict(zip(placeholders, arrays)))
for name, result in zip({quantities}, results):
    print(name, np.asarray(result).tolist())
"""

PROGRAMS = {
    "eager": STEP.replace("DECORATOR\n", ""),
    "placed": STEP.replace("DECORATOR\n", ""),
    "graph": STEP.replace("DECORATOR", "@tf.function"),
    "compiled": STEP.replace("DECORATOR", "@tf.function(jit_compile=True)"),
    "session": SESSION,
}
