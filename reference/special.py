"""Special values: what is owed at infinities, NaN, ends of domains and zero weights, as a table.

The rules are those of ACCURACY.md, section 5: (a) the limit, where it exists along every approach;
(b) NaN where there is none; (c) NaN propagates unless the result does not depend on that operand;
(d) an empty sum is 0, an empty mean NaN; (e) an exact zero weight or target multiplies to 0 even
against infinity. `reference/limits.py` finds the answers by these rules; the table says where an
implementation has a choice, and gives an example of each row that the tests check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Policy = Literal["must", "may", "doc"]
"""must: the answer is judged. may: the answer or NaN. doc: another answer passes if the framework
documents it and the adapter declares it."""
Arrays = Mapping[str, NDArray[Any]]
"""Inputs by name, with a row for each row."""
Where = Callable[[Arrays], Any]
"""Rows for which a condition holds: bool (N,)."""
BOTH = ("value", "gradient")


@dataclass(frozen=True)
class Special:
    """One row of the table.

    case: the condition in words; where: the rows of a problem that it holds for, None if the policy
        does not depend on the inputs of a row alone.
    quantities: the kinds of quantity that it is about (`gradient` stands for all derivatives).
    example, answer: inputs of one row and what is owed, as `name=1,2`; a gradient is `d/name=1,2`,
        for the upstream 1, of a row of outputs 1, -1/2, 2; `-` where the answer is not a number.
    """

    case: str
    policy: Policy
    example: str
    answer: str
    where: Where | None = None
    quantities: tuple[str, ...] = BOTH


def any_infinite(name: str, sign: int = 1) -> Where:
    """Rows with an infinity of that sign among the numbers of an input."""
    return lambda rows: (rows[name] == sign * np.inf).any(axis=-1)


def beside(first: Where, second: Where) -> Where:
    """Rows for which both hold."""
    return lambda rows: first(rows) & second(rows)


def any_nan(name: str) -> Where:
    """Rows with a NaN among the numbers of an input."""
    return lambda rows: np.isnan(rows[name]).any(axis=-1)


def single(name: str) -> Where:
    """Rows of one class."""
    return lambda rows: np.full(len(rows[name]), rows[name].shape[-1] == 1)
