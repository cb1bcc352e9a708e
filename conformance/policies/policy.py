"""What a policy is: a question about an implementation, its possible answers, and how it is asked.

A policy is a choice that mathematics leaves free. Nobody types what an implementation does: it is
run at a few inputs (`ask`), and what comes back is one of the `options` (`tell`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from adapters.base import Adapter, Array, Call, Implementation, Outcome, Raised, Task
from conformance.policies.points import slope, truth
from reference.formats import Floats

UNCLEAR = "unclear: "
"""How an observation begins that is none of the options; no declaration equals it."""
NONE = "none of the options"


class UnclearError(Exception):
    """What was answered is none of a policy's options; the message says what it was."""


@dataclass(frozen=True)
class Answer:
    """What an implementation answered to one call."""

    implementation: Implementation
    call: Call
    outcome: Outcome

    @property
    def value(self) -> Floats:
        """The value in float64. Raises UnclearError if there is none."""
        return self._numbers("value")

    @property
    def gradient(self) -> Floats:
        """The gradient by what is no label. Raises UnclearError if there is none."""
        return self._numbers(slope(self.implementation))

    @property
    def raised(self) -> bool:
        """Whether the framework refused to give a value."""
        return isinstance(self.outcome["value"], Raised)

    @property
    def gradient_raised(self) -> bool:
        """Whether the framework refused to give the gradient."""
        return isinstance(self.outcome.get(slope(self.implementation)), Raised)

    @property
    def dtype(self) -> str:
        """The dtype of the value."""
        value = self.outcome["value"]
        return value.dtype.name if isinstance(value, np.ndarray) else ""

    def truth(self, quantity: str = "value", **inputs: Array) -> Floats:
        """The truth at this call, or at these inputs in place of its own."""
        return truth(replace(self.call, inputs={**self.call.inputs, **inputs}), quantity)

    def _numbers(self, quantity: str) -> Floats:
        answer = self.outcome.get(quantity)
        if not isinstance(answer, np.ndarray):
            raise self.unclear
        return answer.astype(np.float64)

    @property
    def unclear(self) -> UnclearError:
        """What was answered, in a few words."""
        parts = []
        for quantity, got in self.outcome.items():
            if isinstance(got, np.ndarray):
                numbers = got.astype(np.float64).reshape(-1)[:12]
                parts.append(f"{quantity} {[float(f'{n:.4g}') for n in numbers]}")
            else:
                parts.append(f"{quantity} {got}")
        return UnclearError("; ".join(parts))


@dataclass(frozen=True)
class Policy:
    """A choice that an implementation declares and keeps.

    name: as in `policies/<framework>.yaml`. question: one line for a reader.
    options: word -> what it means; `{}` in a word stands for a number that is measured.
    ask: the tasks that show the choice; none where the policy does not concern the implementation.
    tell: the option that the answers show, once there are some: where the framework refuses to give
        a value, that is the option `raises`. Any other text than an option says what is unclear.
    by_mode: whether public functions are asked in every mode, since compilers differ here.
    """

    name: str
    question: str
    options: Mapping[str, str]
    ask: Callable[[Adapter, Implementation], Sequence[Task]]
    tell: Callable[[Sequence[Answer]], str]
    by_mode: bool = False

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        words = (re.escape(word).replace(r"\{\}", r"-?[0-9.e+-]+") for word in self.options)
        return re.compile("|".join(words))

    def has(self, option: str) -> bool:
        """Whether an option is one of this policy."""
        return self._pattern.fullmatch(option) is not None

    def observed(self, answers: Sequence[Answer]) -> str:
        """The option that the answers show, or a text that begins with `unclear: `."""
        try:
            raised = [answer.raised for answer in answers]
            if any(raised) and not all(raised):
                raise next(a for a in answers if a.raised).unclear
            told = "raises" if all(raised) else self.tell(answers)
        except UnclearError as error:
            return f"{UNCLEAR}{error}"
        except Exception as error:
            if os.environ.get("CONFORMANCE_DEBUG"):
                raise
            text = f"{type(error).__name__}: {error} (CONFORMANCE_DEBUG=1 shows where)"
            return f"{UNCLEAR}{text}"
        return told if self.has(told) else f"{UNCLEAR}{told}; {answers[0].unclear}"

    def meaning(self, option: str) -> str:
        """What an option means; empty for what is none."""
        for word, text in self.options.items():
            if re.fullmatch(re.escape(word).replace(r"\{\}", r"(-?[0-9.e+-]+)"), option):
                return text
        return ""
