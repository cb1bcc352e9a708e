"""All quantities of an operator from its one definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reference.operator import Operator
from reference.reduction import SAMPLE_WEIGHTS
from reference.tape import Vector, gradients, recording


class Derivatives:
    """The quantities of an operator at given inputs, all from its one definition.

    wanted: quantities. The gradient is a reverse sweep over the definition; second derivatives are
    a reverse sweep over the gradient. A jvp is one too: the gradient is linear in the upstream, and
    the slope along a tangent is the coefficient (the two sweeps make a forward one).
    """

    def __init__(self, operator: Operator, wanted: Sequence[str]) -> None:
        self.operator = operator
        self.wanted = [(q, *q.split(".")) for q in wanted]
        self.second = any(kind in ("jvp", "hvp", "mixed") for _, kind, *_ in self.wanted)
        # The gradient that each quantity is made from is the one by its last name.
        self.by = sorted({names[-1] for _, _, *names in self.wanted if names})
        live = {name for _, _, *names in self.wanted for name in names}
        self.live = frozenset(live)

    def __call__(
        self,
        arguments: Mapping[str, Any],
        parameters: Mapping[str, Any],
        upstream: Vector,
        tangents: Mapping[str, Vector],
    ) -> dict[str, Vector]:
        """Quantity -> the numbers of all rows, at the current precision.

        arguments: inputs as vectors or `Labels`; parameters: balls and vectors.
        """
        with recording():
            return self._found(arguments, parameters, upstream, tangents)

    def _found(
        self,
        arguments: Mapping[str, Any],
        parameters: Mapping[str, Any],
        upstream: Vector,
        tangents: Mapping[str, Vector],
    ) -> dict[str, Vector]:
        inputs = [arguments[i.name] for i in self.operator.inputs]
        value = self.operator.define(*inputs, **parameters)
        if SAMPLE_WEIGHTS in arguments:
            value = value * arguments[SAMPLE_WEIGHTS]
        held = {**parameters, **arguments}
        upstream.live = self.second
        slopes = gradients(value, upstream, [held[n] for n in self.by], record=self.second)
        by = dict(zip(self.by, slopes, strict=True))
        found = {}
        for quantity, kind, *names in self.wanted:
            if kind == "value":
                found[quantity] = value
                continue
            slope = by[names[-1]]
            if kind == "gradient":
                found[quantity] = slope
                continue
            target = upstream if kind == "jvp" else held[names[0]]
            (found[quantity],) = gradients(slope, tangents[names[-1]], [target])
        return found
