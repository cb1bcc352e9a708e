"""Observation: an adapter's implementations are asked, and what they answer is named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from adapters.base import Adapter, Implementation, Outcome, Task
from conformance.policies import POLICIES
from conformance.policies.policy import Answer, Policy


@dataclass(frozen=True)
class Choice:
    """One policy of one implementation in one mode: what one pytest test looks at."""

    implementation: Implementation
    policy: Policy
    mode: str
    tasks: tuple[Task, ...]

    @property
    def id(self) -> str:
        """The name of the test."""
        return f"policy: {self.implementation.name}-{self.policy.name}-{self.mode}"

    @property
    def key(self) -> tuple[str, str, str]:
        """Names of implementation, policy and mode."""
        return self.implementation.name, self.policy.name, self.mode


class Observatory:
    """The choices of one adapter; they are run together, mode by mode, when the first is asked."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.planned: Sequence[Choice] = ()
        """What will be asked: what is compiled together is known in advance."""
        self._told: dict[tuple[str, str, str], str] = {}

    @cached_property
    def choices(self) -> list[Choice]:
        """Every policy that concerns an implementation; negative controls have none."""
        return [
            choice
            for implementation in self.adapter.implementations
            if not implementation.control
            for policy in POLICIES.values()
            for choice in self._choices(implementation, policy)
        ]

    def _choices(self, implementation: Implementation, policy: Policy) -> Iterator[Choice]:
        tasks = tuple(policy.ask(self.adapter, implementation))
        varied = {*self.adapter.variants, *self.adapter.placed}
        able = [
            mode
            for mode in self.adapter.modes_of(implementation)
            if tasks
            and mode not in varied
            and not any(self.adapter.unsupported(i, call, mode) for i, call in tasks)
        ]
        everywhere = policy.by_mode and bool(implementation.public)
        for mode in able if everywhere else able[:1]:
            yield Choice(implementation, policy, mode, tasks)

    def tell(self, choice: Choice) -> str:
        """What is observed: an option of the policy, or a text that begins with `unclear: `."""
        if choice.key not in self._told:
            together = [c for c in self.planned if c.mode == choice.mode]
            self._run(together if choice in together else [choice])
        return self._told[choice.key]

    def _run(self, choices: Iterable[Choice]) -> None:
        chosen = list(choices)
        tasks = [task for choice in chosen for task in choice.tasks]
        outcomes: dict[int, Outcome] = dict(self.adapter.run_all(tasks, chosen[0].mode))
        place = 0
        for choice in chosen:
            answers = [
                Answer(implementation, call, outcomes[place + n])
                for n, (implementation, call) in enumerate(choice.tasks)
            ]
            place += len(choice.tasks)
            self._told[choice.key] = choice.policy.observed(answers)

    def snippet(self, choice: Choice) -> str:
        """A program that shows what was observed."""
        parts = [self.adapter.snippet(i, call, choice.mode) for i, call in choice.tasks]
        return "\n".join(dict.fromkeys(parts))
