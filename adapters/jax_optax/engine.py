"""JAX and optax: their public APIs and the compositions users write in their place.

XLA on CPU treats subnormal inputs as zeros and returns zeros for subnormal results, op by op as
well as compiled; float16 alone keeps them, because it is computed in float32.

Every op is compiled once for each shape. Setting `JAX_COMPILATION_CACHE_DIR` keeps the compiled
code between runs (https://docs.jax.dev/en/latest/persistent_compilation_cache.html).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from adapters.base import Adapter, Arguments, Array, Call, Found, Function, Implementation
from adapters.jax_optax.table import BARE, COMPOSED, EAGER, IMPLEMENTATIONS, PUBLIC

jax.config.update("jax_enable_x64", True)
# Nothing here takes a second to compile, the default threshold of the persistent cache.
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)

Parts = Sequence[tuple[Mapping[str, Any], Any, Mapping[str, Any]]]
"""For each function: tensors, upstream, tangents."""
Program = Callable[[Parts], list[Found]]


def _program(functions: Sequence[Function], mode: str) -> Program:
    """What answers all functions at once, ready for `jax.jit`."""
    calls = [_by_rows(f) if mode == "vmap" else f.call for f in functions]

    def program(parts: Parts) -> list[Found]:
        each = zip(functions, calls, parts, strict=True)
        return [_answers(call, f.quantities, Arguments(*own)) for f, call, own in each]

    return program


def _by_rows(function: Function) -> Callable[..., Any]:
    """The function under `jax.vmap`: it sees one row at a time."""

    def mapped(**tensors: Any) -> Any:
        axes = {name: 0 if name in function.rows else None for name in tensors}
        return jax.vmap(lambda own: function.call(**own), in_axes=(axes,))(tensors)

    return mapped


def _answers(call: Callable[..., Any], quantities: Sequence[str], given: Arguments) -> Found:
    wrt = {q.split(".")[1]: q for q in quantities if q.startswith("gradient.")}
    variable = {name: given.tensors[name] for name in wrt}
    value, pullback = jax.vjp(lambda own: call(**{**given.tensors, **own}), variable)
    found = {"value": value}
    if wrt:
        # In the dtype of the value, for functions that answer in another one.
        slopes = pullback(given.upstream.astype(value.dtype))[0]
        found |= {quantity: slopes[name] for name, quantity in wrt.items()}
    for quantity in quantities:
        if quantity not in found:
            found[quantity] = _along(call, given, quantity)
    return {quantity: found[quantity] for quantity in quantities}


def _along(call: Callable[..., Any], given: Arguments, quantity: str) -> Any:
    """`jvp.<name>` in forward mode; `hvp.<name>`, `mixed.<name>.<other>` forward over reverse."""
    kind, name, *others = quantity.split(".")
    other = others[0] if others else name

    def value(**own: Any) -> Any:
        return call(**{**given.tensors, **own})

    def slope(moved: Any) -> Any:
        at = moved if other == name else given.tensors[name]
        pullback = jax.vjp(lambda x: value(**{other: moved, name: x}), at)[1]
        return pullback(given.upstream)[0]

    function = (lambda x: value(**{name: x})) if kind == "jvp" else slope
    return jax.jvp(function, (given.tensors[other],), (given.tangents[other],))[1]


SNIPPET = """\
{imports}

jax.config.update("jax_enable_x64", True)

{inputs}


{decorator}def run({arguments}, upstream):
    value, pullback = jax.vjp(
        lambda {wrt}: {expression},
        {wrt}
    )
    return value, *pullback(upstream.astype(value.dtype))


names = {quantities}
for name, result in zip(names, run({arguments}, upstream)):
    print(name, np.asarray(result).tolist())
"""


class JAX(Adapter):
    """JAX with 64-bit types enabled; `compiled` is `jax.jit` of the value and its VJP at once."""

    framework = "jax"
    modes: tuple[str, ...] = ("eager", "compiled", "vmap", "placed")
    variants = ("vmap", "placed")
    placed = ("placed",)
    bucketed = ("eager", "compiled", "vmap")
    joined: Mapping[str, int] = {"compiled": 16, "vmap": 16}
    implementations = IMPLEMENTATIONS
    namespace: Mapping[str, Any] = {"jax": jax, "jnp": jnp, "optax": optax}
    imports = """\
import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy import inf, nan"""
    reductions: Mapping[str, str] = {"none": "{}", "sum": "jnp.sum({})", "mean": "jnp.mean({})"}

    def __init__(self) -> None:
        self._programs: dict[Any, Program] = {}

    def versions(self) -> dict[str, str]:
        return {package: version(package) for package in ("jax", "jaxlib", "optax", "numpy")}

    def flags(self) -> dict[str, str]:
        return {
            "jax_enable_x64": str(jnp.array(0.0).dtype == jnp.float64),
            "platform": jax.default_backend(),
            "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
        }

    def unsupported(self, implementation: Implementation, call: Call, mode: str) -> str:
        if mode == "vmap" and (call.reduction != "none" or "axis" in call.parameters):
            return "vmap maps over the rows, along the first axis"
        composed = not PUBLIC.match(implementation.name)
        if composed and call.reduction != "none" and not implementation.reductions:
            return f"the {call.reduction} is measured around the public functions"
        if call.dtype not in COMPOSED and not BARE.fullmatch(implementation.name):
            return f"variations on a function are measured in {' and '.join(COMPOSED)}"
        if mode == "eager" and call.dtype not in EAGER:
            return f"eager mode is measured in {' and '.join(EAGER)}"
        return super().unsupported(implementation, call, mode)

    def tensor(self, values: Array) -> Any:
        return jnp.asarray(values)

    def array(self, tensor: Any) -> Array:
        return np.asarray(tensor)

    def compute(
        self, functions: Sequence[Function], arguments: Sequence[Arguments], mode: str
    ) -> Sequence[Found]:
        name = (tuple((function.key, function.quantities) for function in functions), mode)
        if name not in self._programs:
            program = _program(functions, mode)
            compiled = mode in ("compiled", "vmap")
            self._programs[name] = jax.jit(program) if compiled else program
        return self._programs[name]([(a.tensors, a.upstream, a.tangents) for a in arguments])

    def snippet(self, implementation: Implementation, call: Call, mode: str) -> str:
        wrt = [name for name in call.wrt if name not in implementation.fixed]
        arrays = self.arrays(implementation, call)
        inputs = [_literal(*item) for item in {**arrays, "upstream": call.upstream}.items()]
        inputs += [f"{n} = {value!r}" for n, value in self.constants(implementation, call).items()]
        return SNIPPET.format(
            imports=self.imports,
            inputs="\n".join(inputs),
            decorator="@jax.jit\n" if mode == "compiled" else "",
            arguments=", ".join(arrays),
            wrt=", ".join(wrt),
            expression=self.expression(implementation, call),
            quantities=["value", *(f"gradient.{name}" for name in wrt)],
        )


def _literal(name: str, values: Array) -> str:
    """An assignment that gives the same numbers: Python's floats round-trip."""
    shape = f".reshape({values.shape})" if values.size == 0 else ""
    return f"{name} = jnp.array({values.tolist()}, dtype=jnp.{values.dtype.name}){shape}"


ADAPTER = JAX()
