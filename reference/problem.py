"""What the reference is asked: a case at one number format, every number exactly known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.formats import Floats, Format


@dataclass(frozen=True)
class Problem:
    """One operator at exactly known inputs.

    inputs: float64 arrays of numbers of `format` (int64 for index labels). Rows of classes have any
        rank, with the classes along `axis`; index labels and `sample_weights` lack that axis. The
        arrays of an elementwise operator have one shape, `sample_weights` too.
    parameters: numbers of `format` as Python floats; arrays that all rows share (`class_weights`
        (C,), `pos_weight`) as float64 arrays; `mask` a bool array in the shape of the logits;
        `ignore_index` an int. Absent means the operator's default.
    reduction: a name of REDUCTIONS.
    upstream: the cotangent of the output, in the output's shape (() when reduced).
    axis: where the classes are.
    tangents: for `jvp`, `hvp` and `mixed`: the direction of an input, in its shape.
    quantities: what is asked for: `value`, `gradient.<input>`, `jvp.<input>` (the derivative along
        the tangent of an input), `hvp.<input>` (that of the gradient), and `mixed.<input>.<other>`
        (that of the gradient by the first, along the tangent of the other). None: the value, and
        the gradient by every input.
    """

    operator: str
    format: Format
    inputs: Mapping[str, Floats | NDArray[np.int64]]
    parameters: Mapping[str, Any]
    reduction: str
    upstream: Floats
    axis: int = -1
    tangents: Mapping[str, Floats] = field(default_factory=dict)
    quantities: tuple[str, ...] | None = None
