"""Paste-ready programs for JAX that print, to the last bit, what a run gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapters.base import ROWWISE
from adapters.protocol import Array, Call, Implementation, gradients_of

if TYPE_CHECKING:
    from adapters.base import Adapter

PROGRAM = """\
{imports}

jax.config.update("jax_enable_x64", True)

{values}


def function({names}):
    return {expression}

{mapped}{programs}

{results}
for name, result in results:
    print(name, np.asarray(result).tolist())
"""
GRADIENTS = """

{jit}def first({given}, upstream):
    value, pullback = jax.vjp(
        lambda {wrt}: function({names}),
        {wrt},
    )
    return value, *pullback(upstream)
"""
VALUE = """

{jit}def first({given}, upstream):
    return (function({names}),)
"""
SECOND = """

{jit}def second({given}, upstream, {tangents}):
    return (
{quantities}
    )
"""
JVP = """\
        jax.jvp(lambda {name}: function({names}), ({name},), ({name}_tangent,))[1],"""
HVP = """\
        jax.jvp(
            lambda {other}: jax.vjp(lambda {name}: function({names}), {name})[1](upstream)[0],
            ({other},),
            ({other}_tangent,),
        )[1],"""


def snippet(
    adapter: Adapter, implementation: Implementation, call: Call, mode: str, closed: Sequence[str]
) -> str:
    """The program of a call; `closed`: the arrays that are constants of what is compiled."""
    asked = [q for q in call.quantities if not adapter.declined(implementation, mode, q)]
    arrays = adapter.arrays(implementation, call)
    second = [q for q in asked if q.split(".")[0] in ("jvp", "hvp", "mixed")]
    tangents = list(dict.fromkeys(q.split(".")[-1] for q in second))
    values = {**arrays, "upstream": call.upstream}
    values |= {f"{name}_tangent": call.tangents[name] for name in tangents}
    lines = [literal(*item) for item in values.items()]
    lines += [f"{n} = {v!r}" for n, v in adapter.constants(implementation, call).items()]
    words = {
        "jit": "" if mode in ("eager", "placed") else "@jax.jit\n",
        "names": ", ".join(arrays),
        "given": ", ".join(name for name in arrays if name not in closed),
        "wrt": ", ".join(gradients_of(asked)),
        "tangents": ", ".join(f"{name}_tangent" for name in tangents),
    }
    return PROGRAM.format(
        imports=adapter.imports,
        values="\n".join(lines),
        expression=adapter.expression(implementation, call),
        mapped=_mapped(arrays, call) if mode == "vmap" else "",
        programs=_programs(words, second),
        results=_results(words, asked, second),
        **words,
    )


def _programs(words: Mapping[str, str], second: Sequence[str]) -> str:
    """What is compiled together: the value and the gradients, and all else."""
    first = (GRADIENTS if words["wrt"] else VALUE).format(**words)
    if not second:
        return first
    return first + SECOND.format(**words, quantities="\n".join(_second(words, q) for q in second))


def _second(words: Mapping[str, str], quantity: str) -> str:
    kind, name, *others = quantity.split(".")
    line = JVP if kind == "jvp" else HVP
    return line.format(name=name, other=others[0] if others else name, names=words["names"])


def _results(words: Mapping[str, str], asked: Sequence[str], second: Sequence[str]) -> str:
    """The pairs of name and number, in the order in which they are asked."""
    first = [quantity for quantity in asked if quantity not in second]
    given = words["given"]
    lines = [f"results = [*zip({first}, first({given}, upstream))]"]
    if second:
        lines += [f"more = second({given}, upstream, {words['tangents']})"]
        lines += [f"results += zip({list(second)}, more)"]
    if [*first, *second] != [*asked]:
        lines += [f"results.sort(key=lambda pair: {list(asked)}.index(pair[0]))"]
    return "\n".join(lines)


def _mapped(arrays: Mapping[str, Any], call: Call) -> str:
    axes = tuple(0 if name in call.inputs or name in ROWWISE else None for name in arrays)
    return f"\nfunction = jax.vmap(function, in_axes={axes})\n"


def literal(name: str, values: Array) -> str:
    """An assignment that gives the same numbers: Python's floats round-trip."""
    shape = f".reshape({values.shape})" if values.size == 0 else ""
    dtype = "bool_" if values.dtype == bool else values.dtype.name
    return f"{name} = jnp.array({values.tolist()}, dtype=jnp.{dtype}){shape}"
