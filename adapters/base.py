"""The adapter: a table of implementations, and how one framework runs them.

An implementation is one public way a framework computes an operator, written as a Python
expression in the framework's own words. The expression is what runs and what the snippet in the
report shows, so the two cannot drift apart. docs/adapters.md is the guide.
"""

from __future__ import annotations

import builtins
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from adapters import running
from adapters.expressions import called, written
from adapters.protocol import (
    DTYPES,
    PROTOCOL,
    Answer,
    Arguments,
    Array,
    Call,
    Found,
    Function,
    Implementation,
    Outcome,
    Raised,
    Task,
    Unsupported,
)

__all__ = [
    "DTYPES",
    "PROTOCOL",
    "Adapter",
    "Answer",
    "Arguments",
    "Array",
    "Call",
    "Found",
    "Function",
    "Implementation",
    "Outcome",
    "Raised",
    "Task",
    "Unsupported",
]

ROWWISE = ("sample_weights", "mask")
"""The parameters that have a row for each row of the inputs."""


def rounded(value: Any, dtype: str) -> Any:
    """A parameter as a call at the dtype has it: floats rounded."""
    number = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    return float(np.asarray(value).astype(number)) if isinstance(value, float) else value


class Adapter(ABC):
    """One framework: a table of implementations and four conversions.

    Subclasses set the class attributes and write `versions`, `tensor`, `array`, `compute` and
    `snippet`; everything else is here.
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
    stacked: tuple[str, ...] = ()
    """Modes of `joined` that compile for every call: calls of one function are run as one, the rows
    of one behind those of the other."""
    variants: tuple[str, ...] = ()
    """Modes that only public functions are run in: they vary how, not what is computed."""
    placed: tuple[str, ...] = ()
    """Modes that run the rows at several positions of a larger batch."""
    cannot: Mapping[str, Mapping[str, str]] = {}
    """Mode -> quantity (`hvp`, `jvp.labels`) that is not to be had in it -> why."""
    dynamic: tuple[str, ...] = ()
    """Modes in which a program takes any number of rows."""
    seconds: float = 0.0
    """Time spent in `compute` so far: the framework's calls and compilation."""
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
    def compute(
        self, functions: Sequence[Function], arguments: Sequence[Arguments], mode: str
    ) -> Sequence[Found]:
        """The quantities that are asked of each function, in the given mode.

        There is one function, unless the mode is in `joined`. Whatever is raised is the
        framework's answer.
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

    def modes_of(self, implementation: Implementation) -> tuple[str, ...]:
        """The modes an implementation is run in."""
        if implementation.modes is not None:
            return implementation.modes
        every = bool(implementation.public)
        return tuple(mode for mode in self.modes if every or mode not in self.variants)

    def declined(self, implementation: Implementation, mode: str, quantity: str) -> str:
        """Why this quantity is not to be had of this implementation; empty if it is."""
        kind, *names = quantity.split(".")
        for name in names:
            if name in implementation.fixed:
                return implementation.fixed[name]
        for known in (implementation.cannot, self.cannot.get(mode, {})):
            for word in (quantity, kind):
                if word in known:
                    return known[word]
        return ""

    def unsupported(self, implementation: Implementation, call: Call, mode: str) -> str:
        """Why the implementation cannot take this call; empty if it can."""
        if mode not in self.modes_of(implementation):
            return f"not run in mode {mode}"
        if mode in self.placed and (call.reduction != "none" or "axis" in call.parameters):
            return "the rows are not along the first axis of the output"
        if implementation.dtypes is not None and call.dtype not in implementation.dtypes:
            return f"no {call.dtype}"
        for name, allowed in implementation.takes.items():
            if not _among(call.parameters.get(name), allowed, call.upstream.dtype):
                words = " or ".join("none" if value is None else str(value) for value in allowed)
                return f"only with {name} {words}"
        missing = sorted(set(call.parameters) - implementation.parameters)
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
        return running.run(self, implementation, call, mode)

    def run_all(self, tasks: Sequence[Task], mode: str) -> Iterator[tuple[int, Outcome]]:
        """Position and outcome of every task, in another order: see `running.run_all`."""
        return running.run_all(self, tasks, mode)

    def function(
        self, implementation: Implementation, call: Call, quantities: tuple[str, ...]
    ) -> Function:
        """The function of the tensors in `arrays` that the expression is."""
        constants = self.constants(implementation, call)
        names = tuple(self.arrays(implementation, call))
        expression = self.expression(implementation, call)
        key = (expression, tuple(sorted(constants.items())), names)
        cache: dict[Any, Callable[..., Any]] = self.__dict__.setdefault("_functions", {})
        if key not in cache:
            namespace = {**self.namespace, **constants}
            cache[key] = eval(f"lambda {', '.join(names)}: ({expression})", namespace)  # noqa: S307
        rows = tuple(name for name in names if name in call.inputs or name in ROWWISE)
        return Function(key, cache[key], quantities, rows)

    def _reduction(self, implementation: Implementation, call: Call) -> str | None:
        known = implementation.reductions or self.reductions
        if call.reduction == "mean" and "mean" not in known and not call.weighted:
            return known.get("weighted_mean")
        if call.reduction == "weighted_mean" and not call.weighted:
            return known.get("weighted_mean", known.get("mean"))
        return known.get(call.reduction)


def _among(given: Any, allowed: Sequence[Any], dtype: Any) -> bool:
    """Whether a parameter has one of the values, as they are at the dtype under test."""
    if not isinstance(given, float):
        return given in allowed
    return any(float(np.asarray(v).astype(dtype)) == given for v in allowed if v is not None)
