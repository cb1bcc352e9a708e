"""The policies of one run: every choice is observed and compared with its declaration."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from adapters.base import Adapter
from conformance import results
from conformance.policies import POLICIES
from conformance.policies.declarations import Declarations, load
from conformance.policies.observe import Choice, Observatory


class PolicyRun:
    """The policies of an adapter's framework; none if it declares none.

    Raises `UserError` for a declaration that is malformed, doubled, or about nothing.
    """

    def __init__(self, adapter: Adapter, folder: Path) -> None:
        self.declarations: Declarations = load(folder / f"{adapter.framework}.yaml", POLICIES)
        self.observatory = Observatory(adapter)
        self.declarations.check(self.choices)

    @cached_property
    def choices(self) -> Sequence[Choice]:
        """What is tested: every policy that concerns an implementation."""
        return self.observatory.choices if self.declarations.exists else ()

    def record(self, choice: Choice) -> results.Policy:
        """What was observed, beside what is declared (nothing, if it is not)."""
        place = self.declarations.of(choice)
        observed = self.observatory.tell(choice)
        implementation, policy, mode = choice.key
        known = place.declaration if place else None
        return results.Policy(
            implementation=implementation,
            policy=policy,
            mode=mode,
            declared=known.option if known else "",
            observed=observed,
            kept=bool(known) and observed == (known.option if known else None),
            says=known.says if known else "",
            documentation=known.documentation if known else "",
            read=known.read if known else "",
            contradicts=known.contradicts if known else "",
            place=self._place(place.line) if place else "",
        )

    def _place(self, line: int) -> str:
        file = self.declarations.file
        return f"{file.parent.name}/{file.name}:{line}"

    def explain(self, choice: Choice, record: results.Policy) -> str:
        """What a person needs to know of a policy that is not kept, or not declared."""
        policy, file = choice.policy, self.declarations.file
        declared = f"{record.declared} ({record.place})"
        if not record.declared:
            remedy = (
                f"python -m conformance policies {self.observatory.adapter.framework} --propose"
            )
            declared = f"nothing; complete {file} ({remedy})"
        lines = [
            f"{choice.implementation.name}: {policy.name} ({choice.mode})",
            f"  {policy.question}",
            f"  declared: {declared}",
            f"  observed: {_with_meaning(choice, record.observed)}",
        ]
        if record.says:
            lines += [f"  documentation: {record.says} ({record.documentation}, {record.read})"]
        program = self.observatory.snippet(choice).splitlines()
        return "\n".join([*lines, "  to reproduce:", *(f"    {line}" for line in program)])


def _with_meaning(choice: Choice, option: str) -> str:
    meaning = choice.policy.meaning(option)
    return f"{option} ({meaning})" if meaning else option
