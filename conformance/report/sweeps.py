"""Along what line through its inputs an operator is drawn.

One number moves, all others stand still. What moves and what stands follows from the kind, the name
and the domain of the inputs; an operator that needs something else has a line in `OWN`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reference.formats import Floats, Format
from reference.operator import Input, Operator
from reference.problem import Problem

POINTS = 57
Scale = Literal["real", "probability", "positive"]


@dataclass(frozen=True)
class Setting:
    """One curve: what stands still, in words and in numbers.

    held: input -> the number, class or row that it has throughout.
    component: which number of the result the curve shows, where the result is a row.
    """

    label: str
    held: Mapping[str, Any]
    component: int = 0


@dataclass(frozen=True)
class Sweep:
    """The input that moves, over what scale, and the curves.

    logarithmic: whether the input is the logarithm of what the scale has.
    text: what the horizontal axis shows.
    parameters: those that an operator has no default of.
    """

    operator: Operator
    moving: str
    scale: Scale
    logarithmic: bool
    text: str
    settings: tuple[Setting, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def points(self) -> Floats:
        """Where the curves are computed, before rounding to a format."""
        return _unplaced(self.scale, np.linspace(0, 1, POINTS))

    def problem(
        self,
        form: Format,
        quantities: tuple[str, ...],
        tangents: tuple[str, ...] = (),
        points: Floats | None = None,
    ) -> Problem:
        """All curves as rows of one problem, setting after setting; inputs rounded to the format.

        tangents: inputs that have one: along their first number, which is what moves.
        points: where; None: all of them.
        """
        operator = self.operator
        moving = {i.name: i for i in operator.inputs}[self.moving]
        moved = _rows(moving, self.points() if points is None else points)
        columns: dict[str, list[Any]] = {i.name: [] for i in operator.inputs}
        for setting in self.settings:
            columns[self.moving].append(moved)
            for name, value in setting.held.items():
                columns[name].append(np.repeat(np.asarray(value)[None], len(moved), axis=0))
        inputs = {name: _rounded(np.concatenate(parts), form) for name, parts in columns.items()}
        components = np.repeat([setting.component for setting in self.settings], len(moved))
        upstream = np.ones(len(components))
        if operator.output == "vector":
            upstream = _chosen(inputs[self.moving], components)
        return Problem(
            operator.name,
            form,
            inputs,
            {name: _rounded_parameter(v, form) for name, v in self.parameters.items()},
            "none",
            upstream,
            tangents={name: _chosen(inputs[name], 0 * components) for name in tangents},
            quantities=quantities,
        )

    def component(self, array: Floats) -> Floats:
        """The number of each row of a result that its curve shows."""
        if array.ndim == 1:
            return array
        chosen = np.repeat([setting.component for setting in self.settings], POINTS)
        return np.asarray(array[np.arange(len(array)), chosen])


def _chosen(like: NDArray[Any], components: NDArray[Any]) -> Floats:
    """Ones at one component of each row, zeros elsewhere, in the shape given."""
    if like.ndim == 1:
        return np.ones(like.shape)
    return np.asarray(np.arange(like.shape[-1]) == components[:, None], dtype=np.float64)


def placed(scale: Scale, points: Floats) -> Floats:
    """Where points lie on the axis of a scale, 0 to 1."""
    with np.errstate(divide="ignore"):
        if scale == "real":
            return (np.arcsinh(points) / math.asinh(REACH) + 1) / 2
        if scale == "probability":
            return (np.log(points / (1 - points)) / LOG_ODDS + 1) / 2
        return (np.log(points) / LOG_ODDS + 1) / 2


def _unplaced(scale: Scale, places: Floats) -> Floats:
    if scale == "real":
        return np.sinh((2 * places - 1) * math.asinh(REACH))
    ratio = np.exp((2 * places - 1) * LOG_ODDS)
    return ratio / (1 + ratio) if scale == "probability" else ratio


REACH = 120.0
"""Beyond the logits where e^-x is subnormal, then zero, in float32."""
LOG_ODDS = 16.0
"""Probabilities from 1e-7 to 1 - 1e-7; positive numbers up to 1e7."""
TICKS: Mapping[Scale, Mapping[str, float]] = {
    "real": {"−100": -100, "−10": -10, "−1": -1, "0": 0, "1": 1, "10": 10, "100": 100},
    "probability": {
        "10⁻⁶": 1e-6, "10⁻³": 1e-3, "0.1": 0.1, "½": 0.5, "0.9": 0.9,
        "1−10⁻³": 1 - 1e-3, "1−10⁻⁶": 1 - 1e-6,
    },
    "positive": {"10⁻⁶": 1e-6, "10⁻³": 1e-3, "1": 1, "10³": 1e3, "10⁶": 1e6},
}  # fmt: skip

SOFT = (0.5, 0.25, 0.25)
NUMBERS: Mapping[str, Mapping[str, float]] = {
    "labels": {"1": 1.0, "0": 0.0, "½": 0.5},
    "counts": {"0": 0.0, "1": 1.0, "5": 5.0},
}
CLASSES = {"k = 0": 0, "k = 1": 1}
TARGETS = {"(1, 0, 0)": (1.0, 0.0, 0.0), "(0, 1, 0)": (0.0, 1.0, 0.0), "(½, ¼, ¼)": SOFT}
SCORES = {"(1, 0, −1)": (1.0, 0.0, -1.0)}


def sweep(operator: Operator) -> Sweep:
    """The line along which an operator is drawn."""
    own = OWN.get(operator.name, {})
    moving = _moving(operator)
    settings = tuple(own.get("settings") or _settings(operator, moving))
    scale = _scale(moving)
    logarithmic = scale == "probability" and moving.domain[0] < 0
    parameters = own.get("parameters", {})
    return Sweep(operator, moving.name, scale, logarithmic, _axis(moving), settings, parameters)


def _axis(moving: Input) -> str:
    scale = _scale(moving)
    if moving.kind == "scalar":
        return moving.name
    name = f"{moving.name}₀"
    if scale != "probability":
        return f"{name}, the other two 0"
    return f"{'e^' if moving.domain[0] < 0 else ''}{name}, the other two share the rest"


def _moving(operator: Operator) -> Input:
    """The first input with a gradient that is no label."""
    floats = [i for i in operator.inputs if i.kind != "index"]
    chosen = [i for i in floats if "labels" not in i.name and not i.constant]
    return (chosen or floats)[0]


def _scale(moving: Input) -> Scale:
    low, high = moving.domain
    if high <= 1 or ("log_" in moving.name and moving.kind == "vector"):
        return "probability"
    if low < 0:
        return "real"
    return "positive" if moving.kind == "scalar" else "probability"


def _settings(operator: Operator, moving: Input) -> list[Setting]:
    others = [i for i in operator.inputs if i.name != moving.name]
    if not others:
        both = operator.output == "vector"
        same = [Setting("the class that moves" if both else "", {})]
        return [*same, Setting("another class", {}, 1)] if both else same
    first, *rest = others
    held = {i.name: _still(i) for i in rest}
    choices = _choices(first).items()
    return [Setting(_label(first, text), {first.name: v, **held}) for text, v in choices]


def _label(i: Input, text: str) -> str:
    return text if "=" in text else f"{i.name} = {text}"


def _choices(i: Input) -> Mapping[str, Any]:
    """What an input that stands still is, by a name for it."""
    if i.kind == "index":
        return CLASSES
    if i.kind == "scalar":
        return NUMBERS.get(i.name, NUMBERS["labels"])
    if i.name.startswith("log_"):
        return {f"ln {text}": np.log(row) for text, row in TARGETS.items() if 0 not in row}
    return SCORES if i.name in ("logits", "teacher", "student") else TARGETS


def _still(i: Input) -> Any:
    return next(iter(_choices(i).values()))


def _rows(moving: Input, points: Floats) -> Floats:
    """The points; with two more classes, where a row moves."""
    if moving.kind == "scalar":
        return points
    if _scale(moving) == "real":
        return np.stack([points, np.zeros(len(points)), np.zeros(len(points))], axis=-1)
    with np.errstate(divide="ignore"):
        rows = np.stack([points, (1 - points) / 2, (1 - points) / 2], axis=-1)
        return np.log(rows) if moving.domain[0] < 0 else rows


def _rounded(array: NDArray[Any], form: Format) -> NDArray[Any]:
    return array if array.dtype.kind == "i" else form.nearest(array.astype(np.float64))


def _rounded_parameter(value: Any, form: Format) -> Any:
    if isinstance(value, float):
        return float(form.nearest(np.array(value)))
    return form.nearest(value) if isinstance(value, np.ndarray) else value


_SIGNS = [Setting("labels = 1", {"labels": 1.0}), Setting("labels = −1", {"labels": -1.0})]
OWN: Mapping[str, Mapping[str, Any]] = {
    "logistic_loss_pm1": {"settings": _SIGNS},
    "hinge_loss": {"settings": _SIGNS},
    "jensen_shannon_divergence": {
        "settings": [
            Setting("q = (½, ¼, ¼)", {"q": SOFT}),
            Setting("q = (¹⁄₁₆, ¹⁄₂, ⁷⁄₁₆)", {"q": (0.0625, 0.5, 0.4375)}),
        ]
    },
}
"""Operator -> the parts of its sweep that do not follow from its inputs."""
