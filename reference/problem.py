"""What the reference is asked: a case at one number format, every number exactly known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.formats import Floats, Format

REDUCTIONS = ("none", "sum", "mean", "weighted_mean")


@dataclass(frozen=True)
class Problem:
    """One operator at exactly known inputs.

    inputs: float64 arrays of numbers of `format` (int64 for index labels), class axis last:
        (N,) or (N, K) for elementwise operators, (N, C) for rows of classes, (N,) for index labels.
    parameters: numbers of `format` as Python floats; `class_weights` a float64 array (C,);
        `ignore_index` an int. Absent means the operator's default.
    upstream: the cotangent of the output, in the output's shape (() when reduced).
    """

    operator: str
    format: Format
    inputs: Mapping[str, Floats | NDArray[np.int64]]
    parameters: Mapping[str, Any]
    reduction: str
    upstream: Floats
