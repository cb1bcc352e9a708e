"""The adapter protocol: what a framework is asked, and what it answers.

An implementation is one public way a framework computes an operator, written as a Python
expression in the framework's own words. The expression is what runs and what the snippet in the
report shows, so the two cannot drift apart. An adapter never sees a truth: `Call` has no expected
field, and nothing here imports `reference`.
"""

from __future__ import annotations

import ast
import builtins
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.expressions import called, written

PROTOCOL = 1
DTYPES = ("float16", "bfloat16", "float32", "float64")
Array = NDArray[Any]


@dataclass(frozen=True)
class Call:
    """One call to judge: everything the framework may know.

    inputs: operator inputs at `dtype` (`ml_dtypes.bfloat16` where NumPy has none), class axis last;
        integer labels are int64. Scalar inputs have shape (N,), class vectors (N, C).
    parameters: only those the case sets; Python scalars, or arrays at `dtype` (class weights).
    reduction: `none`, `sum`, `mean` (over all losses) or `weighted_mean` (over the weights of the
        targets that are kept).
    upstream: the cotangent of the output, in the output's shape, at `dtype`.
    wrt: the inputs whose gradient is asked, in the order of the operator's inputs.
    """

    operator: str
    dtype: str
    inputs: Mapping[str, Array]
    parameters: Mapping[str, Any]
    reduction: str
    upstream: Array
    wrt: tuple[str, ...]

    @property
    def quantities(self) -> tuple[str, ...]:
        """`value` and one `gradient.<input>` for each input in `wrt`."""
        return ("value", *(f"gradient.{name}" for name in self.wrt))

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
    reductions: reduction of the suite -> the framework's argument for code that mentions
        `reduction`, else a template around the expression; empty for the adapter's templates.
    defaults: what a parameter of the expression is when the case does not set it.
    dtypes, modes: where it is run; None means everywhere the adapter runs.
    fixed: inputs that the implementation treats as constants (no gradient), with the reason.
    flush: modes in which subnormals may come back as zeros.
    control: why this code is known to be bad; a negative control must fail the suite.
    documentation: URL of the page that says what it computes.
    """

    name: str
    operator: str
    code: str
    reductions: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    dtypes: tuple[str, ...] | None = None
    modes: tuple[str, ...] | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)
    flush: tuple[str, ...] = ()
    control: str = ""
    documentation: str = ""

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that the expression mentions."""
        tree = ast.parse(self.code.strip(), mode="eval")
        return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


Task = tuple[Implementation, Call]


@dataclass(frozen=True)
class Part:
    """One call made ready: what is to be evaluated, and what of it is differentiated.

    key: identifies the function: expression, constants, names of its tensors.
    """

    key: tuple[Any, ...]
    arrays: Mapping[str, Array]
    upstream: Array
    wrt: tuple[str, ...]

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        return tuple(array.shape for array in self.arrays.values())


class Adapter(ABC):
    """One framework: a table of implementations and four conversions.

    Subclasses set the class attributes and write `versions`, `tensor`, `array`, `differentiate` and
    the snippet's phrases; everything else is here.
    """

    protocol: int = PROTOCOL
    framework: str
    modes: tuple[str, ...]
    implementations: tuple[Implementation, ...]
    namespace: Mapping[str, Any]
    """What the expressions may name: `{"torch": torch, "F": torch.nn.functional}`."""
    imports: str
    """The snippet's first lines, which give the same names."""
    bucketed: tuple[str, ...] = ()
    """Modes that compile for every batch size: their batches are filled up to a few sizes."""
    joined: Mapping[str, int] = {}
    """Modes whose compiler has a high cost per program: mode -> functions compiled in one program.
    Each has its own tensors, so that none changes what another computes."""
    dynamic: tuple[str, ...] = ()
    """Modes in which a program takes any number of rows."""
    reductions: Mapping[str, str] = {"none": "{}"}
    """Reduction of the suite -> a template around an expression that has no reduction argument."""

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Version of each package that takes part."""

    @abstractmethod
    def tensor(self, values: Array) -> Any:
        """The framework's tensor for a NumPy array, exactly."""

    @abstractmethod
    def array(self, tensor: Any) -> Array:
        """The NumPy array for a framework's tensor, exactly (bfloat16 as `ml_dtypes.bfloat16`)."""

    @abstractmethod
    def differentiate(
        self,
        function: Callable[..., Any],
        key: tuple[Any, ...],
        tensors: Mapping[str, Any],
        wrt: Sequence[str],
        upstream: Any,
        mode: str,
    ) -> tuple[Any, dict[str, Any]]:
        """Value and VJPs of `function(**tensors)`, in the given mode.

        A function of several values (see `joined`) returns a tuple, and `upstream` is one.
        key identifies the function (equal keys, equal functions), for caches of compiled code.
        With an empty `wrt` only the value is computed.
        """

    @abstractmethod
    def snippet(self, implementation: Implementation, call: Call, mode: str) -> str:
        """A paste-ready program in the framework's own words, printing value and gradients."""

    def message(self, error: Exception) -> str:
        """The first line of what the framework says, without the paths of this machine."""
        lines = str(error).strip().splitlines() or [""]
        return re.sub(r"(?<![\w.])/[\w./-]+/", "", lines[0])[:300]

    def flags(self) -> dict[str, str]:
        """Settings that could change results (threads, x64, oneDNN), for the results' header."""
        return {}

    def unsupported(self, implementation: Implementation, call: Call, mode: str) -> str:
        """Why the implementation cannot take this call; empty if it can."""
        if implementation.modes is not None and mode not in implementation.modes:
            return f"not run in mode {mode}"
        if implementation.dtypes is not None and call.dtype not in implementation.dtypes:
            return f"no {call.dtype}"
        missing = sorted(set(call.parameters) - implementation.names)
        if missing:
            return f"no argument for {', '.join(missing)}"
        given = {*call.inputs, *call.parameters, *implementation.defaults, "reduction"}
        needed = sorted(implementation.names - given - set(self.namespace) - set(dir(builtins)))
        if needed:
            return f"only with {', '.join(needed)}"
        if self._reduction(implementation, call) is None:
            return f"no reduction {call.reduction}"
        wrapped = not implementation.reductions and call.reduction != "none"
        if wrapped and mode != self.modes[0]:
            # Compiling is what a run's time goes to, and this would compile the framework's sum.
            return f"the {call.reduction} around it is measured in {self.modes[0]} mode"
        return ""

    def expression(self, implementation: Implementation, call: Call) -> str:
        """The expression that runs, with its reduction and without what the case does not set.

        What it does not set is at its default: a literal, or left out where that is the function's.
        """
        reduction = self._reduction(implementation, call)
        if reduction is None:
            raise ValueError(f"{implementation.name}: no reduction {call.reduction}")
        code = implementation.code.strip()
        code = code if "reduction" in implementation.names else reduction.format(code)
        settled = {**implementation.defaults, "reduction": reduction}
        settled = {name: v for name, v in settled.items() if name not in call.parameters}
        known: dict[Any, str] = self.__dict__.setdefault("_written", {})
        key = (code, *sorted(settled.items()))
        if key not in known:
            known[key] = written(code, settled, self.namespace)
        return known[key]

    def arrays(self, implementation: Implementation, call: Call) -> dict[str, Array]:
        """The inputs and array parameters that the expression mentions."""
        return {
            name: array
            for name, array in {**call.inputs, **call.parameters}.items()
            if name in implementation.names and isinstance(array, np.ndarray)
        }

    def constants(self, implementation: Implementation, call: Call) -> dict[str, Any]:
        """The scalar parameters of the case that the expression mentions."""
        return {
            name: value
            for name, value in call.parameters.items()
            if name in implementation.names and not isinstance(value, np.ndarray)
        }

    def signatures(self) -> dict[str, str]:
        """The arguments, with their defaults, of every function that the table calls."""
        return called((i.code for i in self.implementations), self.namespace)

    def run(self, implementation: Implementation, call: Call, mode: str) -> Outcome:
        """Run one call. Never raises for what the framework does: see `Raised`, `Unsupported`."""
        reason = self.unsupported(implementation, call, mode)
        if reason:
            return dict.fromkeys(call.quantities, Unsupported(reason))
        wrt = _wrt(implementation, call)
        outcome = _constant(implementation, call)
        answers = self._alone(implementation, call, mode, wrt)
        if isinstance(answers, Raised) and wrt:
            # Attribute the error: each quantity on its own.
            answers = self._alone(implementation, call, mode, ())
            for name in wrt:
                alone = self._alone(implementation, call, mode, (name,))
                quantity = f"gradient.{name}"
                outcome[quantity] = alone if isinstance(alone, Raised) else alone[quantity]
        if isinstance(answers, Raised):
            outcome.setdefault("value", answers)
        else:
            outcome.update(answers)
        return outcome

    def _alone(
        self, implementation: Implementation, call: Call, mode: str, wrt: tuple[str, ...]
    ) -> dict[str, Answer] | Raised:
        answers = self._attempt([self._part(implementation, call, wrt)], mode)
        return answers if isinstance(answers, Raised) else answers[0]

    def run_all(self, tasks: Sequence[Task], mode: str) -> Iterator[tuple[int, Outcome]]:
        """Position and outcome of every task, in another order: what compiles together is together.

        Equal functions of equal shapes share one place in a program, and it runs until all have
        had their turn. Where one of them raises, all are run on their own.
        """
        places: dict[Any, list[int]] = {}
        for n, (implementation, call) in enumerate(tasks):
            places.setdefault(self._place(implementation, call, mode) or n, []).append(n)
        alone = [turns for place, turns in places.items() if isinstance(place, int)]
        shared = [turns for place, turns in places.items() if not isinstance(place, int)]
        size = self.joined.get(mode, 1)
        for group in [*([turns] for turns in alone), *batched(shared, size)]:
            for turn in range(max(map(len, group))):
                # Whoever has had all its turns stays in its place, for the program to be the same.
                chosen = [turns[min(turn, len(turns) - 1)] for turns in group]
                outcomes = self._run_joined([tasks[n] for n in chosen], mode)
                for turns, n, outcome in zip(group, chosen, outcomes, strict=True):
                    if turn < len(turns):
                        yield n, outcome

    def _place(self, implementation: Implementation, call: Call, mode: str) -> Any:
        """What has to be equal to share compiled code; None for what is run on its own."""
        if self.unsupported(implementation, call, mode) or not _wrt(implementation, call):
            return None
        part = self._part(implementation, call, _wrt(implementation, call))
        shapes = part.shapes
        if mode in self.dynamic:
            shapes = tuple(shape[1:] for shape in shapes)
        return part.key, part.wrt, call.dtype, shapes, call.reduction

    def _run_joined(self, tasks: Sequence[Task], mode: str) -> list[Outcome]:
        if len(tasks) > 1:
            parts = [self._part(i, call, _wrt(i, call)) for i, call in tasks]
            answers = self._attempt(parts, mode)
            if not isinstance(answers, Raised):
                return [
                    {**_constant(i, call), **answer}
                    for (i, call), answer in zip(tasks, answers, strict=True)
                ]
        return [self.run(implementation, call, mode) for implementation, call in tasks]

    def _part(self, implementation: Implementation, call: Call, wrt: tuple[str, ...]) -> Part:
        constants = self.constants(implementation, call)
        arrays = self.arrays(implementation, call)
        key = (
            self.expression(implementation, call),
            tuple(sorted(constants.items())),
            tuple(arrays),
        )
        return Part(key, arrays, call.upstream, wrt)

    def _attempt(self, parts: Sequence[Part], mode: str) -> list[dict[str, Answer]] | Raised:
        """The answers of each part, from one call of the framework."""
        joint = len(parts) > 1
        ends = [f"_{n}" if joint else "" for n in range(len(parts))]
        numbered = list(zip(parts, ends, strict=True))
        try:
            tensors = {
                name + end: self.tensor(array)
                for part, end in numbered
                for name, array in part.arrays.items()
            }
            wrt = [name + end for part, end in numbered for name in part.wrt]
            upstream = tuple(self.tensor(part.upstream) for part in parts)
            key = tuple(part.key for part in parts) if joint else parts[0].key
            function = self._joint(key) if joint else self._function(key)
            value, gradients = self.differentiate(
                function, key, tensors, wrt, upstream if joint else upstream[0], mode
            )
            answers: list[dict[str, Answer]] = []
            for (part, end), own in zip(numbered, value if joint else (value,), strict=True):
                answers.append({"value": self.array(own)})
                for name in part.wrt:
                    answers[-1][f"gradient.{name}"] = self.array(gradients[name + end])
            return answers
        except Exception as error:  # noqa: BLE001 - whatever a framework raises is its answer
            return Raised(type(error).__name__, self.message(error))

    def _joint(self, keys: tuple[Any, ...]) -> Callable[..., Any]:
        """One function that returns the values of several; its tensors' names are numbered."""
        functions = {f"f{n}": self._function(key) for n, key in enumerate(keys)}
        names = [[f"{name}_{n}" for name in key[-1]] for n, key in enumerate(keys)]
        calls = [f"f{n}({', '.join(own)})" for n, own in enumerate(names)]
        every = ", ".join(name for own in names for name in own)
        joint: Callable[..., Any] = eval(f"lambda {every}: ({', '.join(calls)})", functions)  # noqa: S307
        return joint

    def _function(self, key: tuple[Any, ...]) -> Callable[..., Any]:
        cache: dict[Any, Callable[..., Any]] = self.__dict__.setdefault("_functions", {})
        if key not in cache:
            expression, constants, names = key
            namespace = {**self.namespace, **dict(constants)}
            cache[key] = eval(f"lambda {', '.join(names)}: ({expression})", namespace)  # noqa: S307
        return cache[key]

    def _reduction(self, implementation: Implementation, call: Call) -> str | None:
        known = implementation.reductions or self.reductions
        if call.reduction == "mean" and "mean" not in known and not call.weighted:
            return known.get("weighted_mean")
        if call.reduction == "weighted_mean" and not call.weighted:
            return known.get("weighted_mean", known.get("mean"))
        return known.get(call.reduction)


def batched(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Consecutive batches of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _wrt(implementation: Implementation, call: Call) -> tuple[str, ...]:
    """The inputs to differentiate: those asked for that the implementation does not fix."""
    return tuple(name for name in call.wrt if name not in implementation.fixed)


def _constant(implementation: Implementation, call: Call) -> dict[str, Answer]:
    return {
        f"gradient.{name}": Unsupported(reason)
        for name, reason in implementation.fixed.items()
        if name in call.wrt
    }
