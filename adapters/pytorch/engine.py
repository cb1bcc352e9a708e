"""PyTorch on the CPU.

`compiled` is `torch.compile` with inductor, in one graph. A program costs seconds, most of them
whatever it computes, so that many functions share one, each on tensors of its own. `deterministic`
asks for deterministic algorithms, and not for oneDNN.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import ml_dtypes
import numpy as np

# Inductor would compile four programs, 3 s each, to ask whether the compiler knows the processor's
# vectors. Read once, at the import.
os.environ.setdefault("TORCHINDUCTOR_VEC_ISA_OK", "1")

import torch
import torch._inductor.config
import torch.nn.functional as F  # noqa: N812 - PyTorch's own name for it

from adapters.base import ROWWISE, Adapter, Arguments, Array, Call, Found, Function, Implementation
from adapters.pytorch.table import IMPLEMENTATIONS

COMPILE = {"fullgraph": True, "dynamic": False}
"""For the shapes at hand, which is what `torch.compile` does until it sees others."""
TOGETHER = {"cpp_wrapper": True}
"""Calls the same kernels from C++, so that all of a program are one file for the compiler."""
JOINED = 64
THREADS = 1  # one order of every sum
GENERATED = re.compile(r"^kernel, .*?\.cpp:\d+, ")  # how the errors of generated code begin


def literal(values: Array, leaf: bool = False) -> str:
    """Source of the tensor with exactly these values, which round-trip through float64."""
    numbers = (values if values.dtype == np.int64 else values.astype(np.float64)).tolist()
    shape = "" if values.size else f".reshape{values.shape}"  # an empty list forgets its shape
    grad = ".requires_grad_()" if leaf else ""
    return f"torch.tensor({numbers}, dtype=torch.{values.dtype.name}){shape}{grad}"


STRIDED = "{0} = torch.stack([{0}, {0}], dim=-1).detach()[..., 0].requires_grad_({1})"
FORWARD = "Calling torch.func.jvp(compiled_fn) function from eager mode is not supported."
DOUBLE = "torch.compile with aot_autograd does not currently support double backward"
SECOND = ("jvp", "hvp", "mixed")
DECORATED = {
    "compiled": (
        "",
        "",
        f"@torch.compile({', '.join(f'{name}={value}' for name, value in COMPILE.items())})",
    )
}


def strided(tensor: torch.Tensor) -> torch.Tensor:
    """The same numbers, each beside an unused one: no axis is contiguous."""
    apart = torch.full((*tensor.shape, 2), 7).to(tensor.dtype)
    apart[..., 0] = tensor
    return apart[..., 0]


def by_rows(function: Function) -> Callable[..., Any]:
    """The function under `torch.vmap`: it sees one row at a time."""

    def mapped(**tensors: torch.Tensor) -> Any:
        axes = {name: 0 if name in function.rows else None for name in tensors}
        return torch.vmap(lambda own: function.call(**own), in_dims=(axes,))(tensors)

    return mapped


def own(names: Sequence[str], arguments: Arguments) -> dict[str, torch.Tensor]:
    """The named tensors as leaves of their own."""
    return {name: arguments.tensors[name].detach().requires_grad_() for name in names}


@contextlib.contextmanager
def deterministic() -> Iterator[None]:
    """Deterministic algorithms only, and none of oneDNN's."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        with torch.backends.mkldnn.flags(enabled=False):
            yield
    finally:
        torch.use_deterministic_algorithms(before)


def gradients(
    call: Callable[..., Any], arguments: Arguments, wrt: Sequence[str], again: bool = False
) -> tuple[Any, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Value, VJPs by name, and the leaves; `again`: to be differentiated once more."""
    leaves = own(wrt, arguments)
    value = call(**{**arguments.tensors, **leaves})
    found = (
        torch.autograd.grad(value, list(leaves.values()), arguments.upstream, create_graph=again)
        if leaves
        else ()
    )
    return value, dict(zip(wrt, found, strict=True)), leaves


def along(call: Callable[..., Any], arguments: Arguments, quantity: str) -> torch.Tensor:
    """`jvp.<name>` in forward mode; `hvp.<name>`, `mixed.<name>.<other>` reverse over reverse."""
    kind, name, *others = quantity.split(".")
    other = others[0] if others else name
    tangent = arguments.tangents[other]
    if kind == "jvp":
        moved = (arguments.tensors[name],), (tangent,)
        found = torch.func.jvp(lambda x: call(**{**arguments.tensors, name: x}), *moved)
        return cast("torch.Tensor", found[1])
    # The matrix is symmetric: the gradient by the other, along the tangent, differentiated by name.
    _, first, leaves = gradients(call, arguments, tuple(dict.fromkeys((other, name))), again=True)
    if not first[other].requires_grad:  # linear: the gradient is a constant
        return torch.zeros_like(leaves[name])
    options = {"allow_unused": True, "materialize_grads": True}
    return torch.autograd.grad(first[other], leaves[name], tangent, **options)[0]


class PyTorch(Adapter):
    """PyTorch on the CPU. Subnormals are kept in all modes (measured), so nothing is flushed."""

    framework = "torch"
    modes: tuple[str, ...] = ("eager", "compiled", "vmap", "strided", "placed", "deterministic")
    variants = modes[1:]
    placed = ("placed",)
    bucketed = ("compiled",)
    joined: Mapping[str, int] = {"compiled": JOINED}
    cannot: Mapping[str, Mapping[str, str]] = {
        "compiled": {
            "jvp": FORWARD,
            "hvp": DOUBLE,
            "mixed": DOUBLE,
        }
    }
    implementations = IMPLEMENTATIONS
    namespace: Mapping[str, Any] = {"math": math, "torch": torch, "F": F}
    imports = (
        "import math\n\nimport torch\nimport torch.nn.functional as F\nfrom torch import inf, nan"
    )
    reductions: Mapping[str, str] = {"none": "{}", "sum": "({}).sum()", "mean": "({}).mean()"}

    def __init__(self) -> None:
        torch.set_num_threads(THREADS)
        self.compiled: dict[Any, Callable[..., Any]] = {}

    def versions(self) -> dict[str, str]:
        return {"torch": torch.__version__}

    def flags(self) -> dict[str, str]:
        return {
            "device": "cpu",
            "threads": str(torch.get_num_threads()),
            "vectors": torch.backends.cpu.get_cpu_capability(),
            "compiled": ", ".join(f"{name}={value}" for name, value in COMPILE.items()),
            "TORCHINDUCTOR_VEC_ISA_OK": os.environ["TORCHINDUCTOR_VEC_ISA_OK"],
        }

    def unsupported(self, implementation: Implementation, call: Call, mode: str) -> str:
        if mode == "vmap" and (call.reduction != "none" or "axis" in call.parameters):
            return "vmap maps over the rows, along the first axis"
        return super().unsupported(implementation, call, mode)

    def tensor(self, values: Array) -> torch.Tensor:
        values = np.array(values, order="C")
        if values.dtype == ml_dtypes.bfloat16:
            return torch.from_numpy(values.view(np.int16)).view(torch.bfloat16)
        return torch.from_numpy(values)

    def array(self, tensor: torch.Tensor) -> Array:
        tensor = tensor.detach()
        if tensor._is_zerotensor():  # no memory behind it, which autograd makes of known zeros
            tensor = tensor.clone()
        bfloat16 = tensor.dtype == torch.bfloat16
        values: Array = (tensor.view(torch.int16) if bfloat16 else tensor).numpy()
        return values.view(ml_dtypes.bfloat16) if bfloat16 else values

    def compute(
        self, functions: Sequence[Function], arguments: Sequence[Arguments], mode: str
    ) -> Sequence[Found]:
        if mode == "compiled":
            return self._together(functions, arguments)
        ((function,), (given,)) = functions, arguments
        if mode == "strided":
            given = given.each(strided)
        call = by_rows(function) if mode == "vmap" else function.call
        with deterministic() if mode == "deterministic" else contextlib.nullcontext():
            value, slopes, _ = gradients(call, given, function.wrt)
            found = {"value": value} | {f"gradient.{name}": g for name, g in slopes.items()}
            for quantity in function.quantities:
                if quantity not in found:
                    found[quantity] = along(call, given, quantity)
        return [{quantity: found[quantity] for quantity in function.quantities}]

    def _together(
        self, functions: Sequence[Function], arguments: Sequence[Arguments]
    ) -> Sequence[Found]:
        """The values and gradients of functions that are compiled as one program."""
        leaves = [own(f.wrt, given) for f, given in zip(functions, arguments, strict=True)]
        tensors = [{**g.tensors, **v} for g, v in zip(arguments, leaves, strict=True)]
        upstreams = [given.upstream for f, given in zip(functions, arguments, strict=True) if f.wrt]
        try:
            with torch._inductor.config.patch(TOGETHER):  # the backward compiles when it is called
                values = self._compiled(functions)(tensors)
                losses = [v for v, f in zip(values, functions, strict=True) if f.wrt]
                every = [leaf for known in leaves for leaf in known.values()]
                slopes = iter(torch.autograd.grad(losses, every, upstreams) if every else ())
        except RuntimeError as error:
            if not GENERATED.match(str(error)):
                raise
            raise RuntimeError(GENERATED.sub("", str(error))) from error
        return [
            {"value": value} | {f"gradient.{name}": next(slopes) for name in function.wrt}
            for value, function in zip(values, functions, strict=True)
        ]

    def _compiled(self, functions: Sequence[Function]) -> Callable[..., Any]:
        key = tuple((function.key, function.quantities) for function in functions)
        if key not in self.compiled:
            # A new function every time: torch.compile keeps its programs by code object.
            calls = {f"f{n}": function.call for n, function in enumerate(functions)}
            results = ", ".join(f"{name}(**tensors[{n}])" for n, name in enumerate(calls))
            whole = eval(f"lambda tensors: ({results},)", calls)  # noqa: S307
            self.compiled[key] = torch.compile(whole, **COMPILE)
        return self.compiled[key]

    def snippet(self, implementation: Implementation, call: Call, mode: str) -> str:
        asked = [q for q in call.quantities if not self.declined(implementation, mode, q)]
        wrt = [name for name in call.wrt if f"gradient.{name}" in asked]
        expression = self.expression(implementation, call)
        arrays = self.arrays(implementation, call)
        lines = [self.imports, "", f"torch.set_num_threads({THREADS})"]
        lines += [f"{name} = {literal(values, name in wrt)}" for name, values in arrays.items()]
        lines += [f"{name} = {v!r}" for name, v in self.constants(implementation, call).items()]
        if mode == "strided":
            lines += [STRIDED.format(name, name in wrt) for name in arrays]
        names = ", ".join(arrays)
        lines += [
            *DECORATED.get(mode, ()),
            f"def function({names}):",
            f"    return {expression}",
            "",
        ]
        rows = {name: 0 if self._by_row(name, call) else None for name in arrays}
        mapped = f"torch.vmap(function, in_dims={tuple(rows.values())})"
        if mode == "deterministic":
            lines += [
                "torch.use_deterministic_algorithms(True)",
                "torch.backends.mkldnn.enabled = False",
            ]
        lines += ["", f"value = {mapped if mode == 'vmap' else 'function'}({names})"]
        lines += ['print("value", value.tolist())']
        ones = bool((call.upstream == 1).all())
        lines += [f"upstream = {'torch.ones_like(value)' if ones else literal(call.upstream)}"]
        if wrt:
            lines += [f"gradients = torch.autograd.grad(value, [{', '.join(wrt)}], upstream)"]
        for position, name in enumerate(wrt):
            lines += [f'print("gradient.{name}", gradients[{position}].tolist())']
        for quantity in asked:
            if quantity.split(".")[0] in SECOND:
                lines += second(quantity, call, names, mapped if mode == "vmap" else "function")
        return "\n".join(lines) + "\n"

    def _by_row(self, name: str, call: Call) -> bool:
        return name in call.inputs or name in ROWWISE


def second(quantity: str, call: Call, names: str, function: str) -> list[str]:
    """The lines of a snippet that print a jvp, hvp or mixed derivative, as `along` does."""
    kind, name, *others = quantity.split(".")
    other = others[0] if others else name
    lines = [f"tangent = {literal(call.tangents[other])}"]
    if kind == "jvp":
        moved = f"torch.func.jvp(lambda {name}: {function}({names}), ({name},), (tangent,))"
        return [*lines, f'print("{quantity}", {moved}[1].tolist())']
    leaves = ", ".join(dict.fromkeys((other, name)))
    return [
        *lines,
        *(f"{leaf} = {leaf}.detach().requires_grad_()" for leaf in dict.fromkeys((other, name))),
        f"value = {function}({names})",
        f"first, *_ = torch.autograd.grad(value, [{leaves}], upstream, create_graph=True)",
        "options = {'allow_unused': True, 'materialize_grads': True}",
        f"(found,) = (torch.autograd.grad(first, {name}, tangent, **options)",
        f"            if first.requires_grad else (torch.zeros_like({name}),))",
        f'print("{quantity}", found.tolist())',
    ]


ADAPTER = PyTorch()
