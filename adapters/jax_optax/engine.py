"""JAX and optax: their public APIs and the compositions users write in their place.

XLA on CPU treats subnormal inputs as zeros and returns zeros for subnormal results, op by op as
well as compiled; float16 alone keeps them, because it is computed in float32.

A run's time goes to XLA: 0.04 s of the processor for each fused loop of each function, dtype and
shape, in eager mode (which compiles what each op calls) as well as under `jax.jit`. So batches
have few sizes, and equal programs are compiled once: JAX's cache of compiled programs is set
up for the process, or kept between runs in the folder `JAX_COMPILATION_CACHE_DIR`
(https://docs.jax.dev/en/latest/persistent_compilation_cache.html).
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from adapters.base import Adapter, Arguments, Array, Call, Found, Function, Implementation
from adapters.jax_optax.snippets import snippet
from adapters.jax_optax.table import IMPLEMENTATIONS

jax.config.update("jax_enable_x64", True)
# Nothing here takes a second to compile, the default threshold of the cache.
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
    CACHE = tempfile.mkdtemp(prefix="jax-programs-")
    atexit.register(shutil.rmtree, CACHE, ignore_errors=True)
    jax.config.update("jax_compilation_cache_dir", CACHE)

CLOSED = (
    "labels",
    "log_labels",
    "counts",
    "class_weights",
    "pos_weight",
    "sample_weights",
    "mask",
)
"""What the mode `closed` makes constants of the program: data, which no training differentiates."""
CONSTANT = "a constant of the program has no derivative"
JITTED = ("compiled", "vmap", "closed")
LOADED = 600
"""Compiled programs that are kept in memory, of which each takes 3 MB."""
Program = Callable[[Mapping[str, Any], Any, Mapping[str, Any]], Found]
"""From tensors, upstream and tangents to quantities."""


def _by_rows(function: Function) -> Callable[..., Any]:
    """The function under `jax.vmap`: it sees one row at a time."""

    def mapped(**tensors: Any) -> Any:
        axes = {name: 0 if name in function.rows else None for name in tensors}
        return jax.vmap(lambda own: function.call(**own), in_axes=(axes,))(tensors)

    return mapped


def _program(call: Callable[..., Any], quantities: Sequence[str]) -> Program:
    """What answers the quantities, ready for `jax.jit`."""

    def program(tensors: Any, upstream: Any, tangents: Any) -> Found:
        given = Arguments(tensors, upstream, tangents)
        first = _first(call, given, quantities)
        second = {q: _along(call, given, q) for q in quantities if q not in first}
        return {**first, **second}

    return program


def _first(call: Callable[..., Any], given: Arguments, quantities: Sequence[str]) -> Found:
    """The value and the gradients that are asked, of one VJP."""
    wrt = {q.split(".")[1]: q for q in quantities if q.startswith("gradient.")}
    if not wrt:
        return {"value": call(**given.tensors)} if "value" in quantities else {}
    variable = {name: given.tensors[name] for name in wrt}
    value, pullback = jax.vjp(lambda own: call(**{**given.tensors, **own}), variable)
    # In the dtype of the value, for functions that answer in another one.
    slopes = pullback(given.upstream.astype(value.dtype))[0]
    found = {quantity: slopes[name] for name, quantity in wrt.items()}
    return {"value": value, **found} if "value" in quantities else found


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


def parts(quantities: Sequence[str]) -> list[tuple[str, ...]]:
    """The quantities that are compiled together: most calls ask for those of first order alone."""
    first = tuple(q for q in quantities if q == "value" or q.startswith("gradient."))
    second = tuple(q for q in quantities if q not in first)
    return [part for part in (first, second) if part]


class JAX(Adapter):
    """JAX with 64-bit types enabled.

    `compiled` is `jax.jit` of the value and its VJP at once, and of all else at once; `vmap` the
    same of `jax.vmap` over the rows; `closed` has labels and weights outside, as constants.
    """

    framework = "jax"
    modes: tuple[str, ...] = ("eager", "compiled", "vmap", "placed", "closed")
    variants = ("vmap", "placed", "closed")
    placed = ("placed",)
    bucketed = ("eager", "compiled", "vmap")
    joined: Mapping[str, int] = {"closed": 1}
    stacked = ("closed",)
    cannot: Mapping[str, Mapping[str, str]] = {
        "closed": {
            "mixed": CONSTANT,
            **{f"{k}.{name}": CONSTANT for k in ("gradient", "jvp", "hvp") for name in CLOSED},
        }
    }
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
        self._loaded = 0
        jax.monitoring.register_event_duration_secs_listener(self._count)

    def _count(self, event: str, _seconds: float, **_: Any) -> None:
        self._loaded += event.endswith("backend_compile_duration")

    def _forget(self) -> None:
        """Give the memory of the programs back; those on disk are loaded again when needed."""
        self._programs.clear()
        jax.clear_caches()
        self._loaded = 0

    def versions(self) -> dict[str, str]:
        return {package: version(package) for package in ("jax", "jaxlib", "optax", "numpy")}

    def flags(self) -> dict[str, str]:
        return {
            "jax_enable_x64": str(jnp.array(0.0).dtype == jnp.float64),
            "platform": jax.default_backend(),
            "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
        }

    def modes_of(self, implementation: Implementation) -> tuple[str, ...]:
        modes = super().modes_of(implementation)
        closing = bool(implementation.names & set(CLOSED))
        return tuple(mode for mode in modes if closing or mode != "closed")

    def unsupported(self, implementation: Implementation, call: Call, mode: str) -> str:
        if mode == "vmap" and (call.reduction != "none" or "axis" in call.parameters):
            return "vmap maps over the rows, along the first axis"
        wrapped = not implementation.reductions and call.reduction != "none"
        if wrapped and not implementation.public:
            return f"the {call.reduction} is measured around the public functions"
        return super().unsupported(implementation, call, mode)

    def tensor(self, values: Array) -> Any:
        return jax.device_put(values)

    def array(self, tensor: Any) -> Array:
        return np.asarray(tensor)

    def compute(
        self, functions: Sequence[Function], arguments: Sequence[Arguments], mode: str
    ) -> Sequence[Found]:
        ((function,), (given,)) = functions, arguments
        if self._loaded > LOADED:
            self._forget()
        if mode == "closed":
            closed = {name: x for name, x in given.tensors.items() if name in CLOSED}
            open_ = {name: x for name, x in given.tensors.items() if name not in CLOSED}
            given = Arguments(open_, given.upstream, given.tangents)
            programs = [
                jax.jit(_program(lambda **own: function.call(**own, **closed), part))
                for part in parts(function.quantities)
            ]
        else:
            programs = [self._kept(function, part, mode) for part in parts(function.quantities)]
        found: dict[str, Any] = {}
        for program in programs:
            found |= program(given.tensors, given.upstream, given.tangents)
        return [found]

    def _kept(self, function: Function, quantities: tuple[str, ...], mode: str) -> Program:
        """The program of a function, which JAX compiles once for each shape and dtype."""
        key = function.key, function.rows, quantities, mode
        if key not in self._programs:
            call = _by_rows(function) if mode == "vmap" else function.call
            program = _program(call, quantities)
            self._programs[key] = jax.jit(program) if mode in JITTED else program
        return self._programs[key]

    def snippet(self, implementation: Implementation, call: Call, mode: str) -> str:
        return snippet(self, implementation, call, mode, CLOSED if mode == "closed" else ())


ADAPTER = JAX()
