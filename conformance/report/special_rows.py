"""Special values of an operator for its page: the reference's table, or what the rules give.

Where the table has no rows of an operator, the reference is asked at infinities, NaN and the ends
of the domain.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conformance.report.chart import MINUS
from conformance.report.sweeps import Sweep, sweep
from reference.evaluation import evaluate
from reference.formats import FORMATS
from reference.operator import Operator
from reference.special_table import BATCHES, TABLE
from reference.truth import Truth

__all__ = ["BATCHES", "POLICIES", "Row", "rows"]

POLICIES = {
    "must": "judged: only this answer passes",
    "may": "this answer or NaN",
    "doc": "another answer passes if the framework documents it",
}
ENDS = {"real": (math.inf, -math.inf), "probability": (0.0, 1.0), "positive": (0.0, math.inf)}


@dataclass(frozen=True)
class Row:
    """A case in words, its inputs, what is owed, and the policy."""

    case: str
    inputs: tuple[tuple[str, str], ...]
    answers: tuple[tuple[str, str], ...]
    policy: str


def rows(operator: Operator) -> list[Row]:
    """The special values of an operator."""
    listed = [
        Row(_infinities(s.case), _assignments(s.example), _assignments(s.answer), s.policy)
        for s in TABLE.get(operator.name, ())
    ]
    return listed or _computed(operator)


def _assignments(text: str) -> tuple[tuple[str, str], ...]:
    """`name=1,-inf other=2` as names and numbers in print."""
    pairs = (part.split("=", 1) for part in text.split())
    return tuple((_name(name), _numbers(numbers.split(","))) for name, numbers in pairs)


def _infinities(case: str) -> str:
    return case.replace("+inf", "+∞").replace("-inf", f"{MINUS}∞")


def _name(name: str) -> str:
    return f"gradient.{name[2:]}" if name.startswith("d/") else name


def _numbers(texts: list[str]) -> str:
    shown = [_number(text) for text in texts]
    return shown[0] if len(shown) == 1 else f"({', '.join(shown)})"


def _number(text: str) -> str:
    """A number in print: -inf as −∞, 3ln2 as 3 ln 2."""
    text = text.replace("nan", "NaN").replace("inf", "∞").replace("-", MINUS).replace("+", "")
    return re.sub(r"(\d?)ln(\d)", lambda m: f"{m[1]} ln {m[2]}".strip(), text)


def _computed(operator: Operator) -> list[Row]:
    """What the rules give where the number that moves is infinite, NaN or at an end."""
    line = sweep(operator)
    return [
        _answer(replace(line, settings=(setting,)), point)
        for point in (*ENDS[line.scale], math.nan)
        for setting in line.settings
    ]


def _answer(line: Sweep, point: float) -> Row:
    slope = f"gradient.{line.moving}"
    problem = line.problem(FORMATS["float64"], ("value", slope), points=np.array([point]))
    truths = evaluate(problem)
    inputs = tuple((name, _array(array[0])) for name, array in problem.inputs.items())
    answers = tuple((q, _array(truth.hi[0])) for q, truth in truths.items())
    policy = "may" if _free(truths) else "must"
    moving = dict(inputs)[line.moving]
    return Row(f"{line.moving} = {moving}", inputs, answers, policy)


def _free(truths: Mapping[str, Truth]) -> bool:
    return any(bool(truth.nan.any()) for truth in truths.values())


def _array(array: Any) -> str:
    return _numbers([f"{number:.4g}" for number in np.atleast_1d(array).tolist()])
