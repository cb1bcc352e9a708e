"""The words of the adapter protocol: what a framework is asked, what is run, what it answers.

An adapter never sees a truth: `Call` has no expected field, and nothing here imports `reference`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

PROTOCOL = 2
DTYPES = ("float16", "bfloat16", "float32", "float64")
Array = NDArray[Any]


@dataclass(frozen=True)
class Call:
    """One call to judge: everything the framework may know.

    inputs: operator inputs at `dtype` (`ml_dtypes.bfloat16` where NumPy has none), class axis last;
        integer labels are int64. Scalar inputs have shape (N,), class vectors (N, C).
    parameters: only those the case sets; Python scalars, or arrays at `dtype` (class weights).
    reduction: `none`, `sum`, or a mean, named after what it divides by: `mean` (the number of
        losses), `batch_mean` (the length of the first axis), `weighted_mean` (the class weights of
        the labels that are kept), `kept_mean` (their number), `sample_weighted_mean` (the sample
        weights), `nonzero_mean` (the number of sample weights that are not 0).
    upstream: the cotangent of the output, in the output's shape, at `dtype`.
    quantities: what is asked: `value`; `gradient.<name>`, the VJP by an input or an array of the
        parameters; `jvp.<name>`, the derivative of the value along that array's tangent;
        `hvp.<name>`, that of its gradient; `mixed.<name>.<other>`, the derivative of the gradient
        by the first along the tangent of the other.
    tangents: the directions, at `dtype`, by name.
    """

    operator: str
    dtype: str
    inputs: Mapping[str, Array]
    parameters: Mapping[str, Any]
    reduction: str
    upstream: Array
    quantities: tuple[str, ...] = ("value",)
    tangents: Mapping[str, Array] = field(default_factory=dict)

    @property
    def wrt(self) -> tuple[str, ...]:
        """The arrays whose gradient is asked."""
        return gradients_of(self.quantities)

    @property
    def weighted(self) -> bool:
        """Whether the mean and the weighted mean can differ."""
        return bool({"class_weights", "ignore_index"} & set(self.parameters))


@dataclass(frozen=True)
class Raised:
    """The framework refused: exception class and first line of its message."""

    kind: str
    message: str


@dataclass(frozen=True)
class Unsupported:
    """The implementation declares that it cannot do this, and why."""

    reason: str


Answer = Array | Raised | Unsupported
Outcome = Mapping[str, Answer]
"""One answer for each quantity of the call."""


@dataclass(frozen=True)
class Implementation:
    """One row of an adapter's table.

    name: the public API, or the expression users write (unique in its adapter).
    operator: the operator of `reference/` that it computes.
    code: a Python expression over the operator's inputs and parameters by name. A parameter that
        the expression does not mention is not supported. `reduction` stands for the framework's own
        reduction argument where it has one.
    public: the full name of the public API that computes it (`torch.nn.functional.softmax`); empty
        for a composition.
    reductions: reduction of the suite -> the framework's argument for code that mentions
        `reduction`, else a template around the expression; empty for the adapter's templates.
    defaults: what a parameter of the expression is when the case does not set it.
    takes: the values that a parameter may have, where that is not any: words, or a constant that
        the framework has built in (`{"clip_epsilon": (1e-7,)}`, compared at the call's dtype); None
        among them stands for a case that does not set it.
    dtypes, modes: where it is run; None means everywhere the adapter runs one of its kind.
    fixed: inputs that the implementation treats as constants (no derivative), with the reason.
    cannot: quantities (`hvp`, `jvp.labels`) that the framework does not offer here -> its message.
    flush: modes in which subnormals may come back as zeros.
    control: why this code is known to be bad; a negative control must fail the suite.
    documentation: URL of the page that says what it computes.
    """

    name: str
    operator: str
    code: str
    public: str = ""
    reductions: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    takes: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    dtypes: tuple[str, ...] | None = None
    modes: tuple[str, ...] | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)
    cannot: Mapping[str, str] = field(default_factory=dict)
    flush: tuple[str, ...] = ()
    control: str = ""
    documentation: str = ""

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that the expression mentions."""
        tree = ast.parse(self.code.strip(), mode="eval")
        return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))

    @cached_property
    def parameters(self) -> frozenset[str]:
        """What a call may set, among other names: those that the expression or `takes` mentions."""
        return self.names | set(self.takes)


Task = tuple[Implementation, Call]


@dataclass(frozen=True)
class Function:
    """What is run: an expression as a function of its tensors, and what is asked of it.

    key: identifies `call` for caches of compiled code (equal keys, equal functions).
    rows: the tensors whose first axis is the batch; all rows share the others.
    """

    key: tuple[Any, ...]
    call: Callable[..., Any]
    quantities: tuple[str, ...]
    rows: tuple[str, ...] = ()

    @property
    def wrt(self) -> tuple[str, ...]:
        """The tensors whose gradient is asked."""
        return gradients_of(self.quantities)


@dataclass(frozen=True)
class Arguments:
    """What a function is run on, as tensors of the framework (as arrays, before their conversion).

    tensors: by name; upstream: the cotangent of the value; tangents: directions of some tensors.
    """

    tensors: Mapping[str, Any]
    upstream: Any
    tangents: Mapping[str, Any]

    def each(self, convert: Callable[[Any], Any]) -> Arguments:
        """The same with every tensor converted."""
        return Arguments(
            {name: convert(tensor) for name, tensor in self.tensors.items()},
            convert(self.upstream),
            {name: convert(tensor) for name, tensor in self.tangents.items()},
        )


Found = Mapping[str, Any]
"""Quantity -> tensor."""


def gradients_of(quantities: Sequence[str]) -> tuple[str, ...]:
    """The names in `gradient.<name>`."""
    return tuple(q.split(".")[1] for q in quantities if q.startswith("gradient."))
