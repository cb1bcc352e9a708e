"""The bounds let every flawless implementation pass, and stop those that are not.

A flawless implementation is the cancellation-free model algorithm, executed in NumPy at the dtype
(16-bit types: in float32, rounded once) with exp and log that are rounded correctly, that err at
random by up to 2/3 ulp, or that err by all that the bounds allow them. The truth is the certified
one of `reference/truth.py`, so a wrong model algorithm would show as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from reference import bounds as bounds_module
from reference.bounds import Bounds, bounds
from reference.evaluation import evaluate
from reference.formats import FORMATS, Floats
from reference.problem import Problem
from reference.running import Running
from reference.truth import Truth
from tests import points
from tests.families import elementwise, problem, rowwise
from tests.families_classes import classwise
from tests.families_numbers import numberwise
from tests.implementations import WAYS, Implementation, flawless, over_bound, run


@dataclass
class Study:
    """Worst error over bound for each operator and quantity."""

    outputs: int = 0
    worst: dict[str, float] = field(default_factory=dict)

    def add(self, key: str, ratio: Floats) -> None:
        self.outputs += ratio.size
        self.worst[key] = max(self.worst.get(key, 0.0), float(ratio.max(initial=0.0)))

    def __str__(self) -> str:
        lines = [f"{key:55} {ratio:.3f}" for key, ratio in sorted(self.worst.items())]
        return "\n".join([f"{self.outputs} outputs; worst error / bound:", *lines])


Sample = list[tuple[Problem, dict[str, Truth], dict[str, Bounds]]]


ROWS = {2: 15, 3: 15, 10: 6, 40: 2, 1000: 1}
"""Classes -> a fifth of the number of rows."""


@cache
def sample(dtype: str, most_classes: int = 1000) -> Sample:
    """Problems with their truths and bounds."""
    problems = [*elementwise(dtype, 60, seed=1), *numberwise(dtype, 40, seed=1)]
    for classes, rows in ROWS.items():
        if classes <= most_classes:
            problems += rowwise(dtype, rows, classes, seed=classes)
            problems += classwise(dtype, rows, classes, seed=classes)
    return [(p, evaluate(p), bounds(p)) for p in problems]


def study(problems: Sample, implementations: list[Implementation], level: str) -> Study:
    found = Study()
    for asked, truth, limits in problems:
        for one in implementations:
            for quantity, got in run(asked, one, level).items():
                bound = getattr(limits[quantity], level)
                ratio = over_bound(got, truth[quantity], bound, asked.format)
                found.add(f"{asked.operator}.{quantity}", ratio)
    return found


@pytest.mark.parametrize("dtype", FORMATS)
def test_flawless_implementations_are_within_the_strict_bounds(dtype: str) -> None:
    working = np.dtype(np.float64 if dtype == "float64" else np.float32)
    if dtype == "float64" and np.finfo(np.longdouble).nmant < 63:
        pytest.skip("this machine's longdouble has no more bits than float64")
    found = study(sample(dtype), flawless(working), "strict")
    print(found)  # noqa: T201 - shown by `pytest -rP`
    assert {k: r for k, r in found.worst.items() if r > 1} == {}


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_standard_implementations_are_within_the_baseline_bounds(dtype: str) -> None:
    """... also with every operation rounded to bfloat16, where u = 2^-8 is far from linear."""
    # NumPy adds bfloat16 one by one, which is more than the h(n) of many terms.
    problems = sample(dtype, most_classes=10)
    found = study(problems, flawless(FORMATS[dtype].numpy, choices=3), "baseline")
    print(found)  # noqa: T201
    assert {k: r for k, r in found.worst.items() if r > 1} == {}


EVERY = list(points.variants())
LAYOUT = points.Layout(rows=12, classes=3, scale=8.0)


@pytest.mark.parametrize("variant", EVERY, ids=points.label_of)
def test_flawless_derivatives_are_within_their_bounds(
    variant: tuple[str, points.Parameters],
) -> None:
    """Every quantity with every set of parameters, by the derived algorithms too."""
    asked, dtype = points.problem(*variant, 1, LAYOUT, "float32"), np.dtype(np.float32)
    problems = [(asked, evaluate(asked), bounds(asked))]
    _, random, adversarial, *_ = flawless(dtype)
    found = study(problems, [random, adversarial], "strict")
    assert {k: r for k, r in found.worst.items() if r > 1} == {}
    others = [one for k, one in enumerate(flawless(dtype, choices=WAYS)) if k % 6 == 2]
    found = study(problems, others, "baseline")
    assert {k: r for k, r in found.worst.items() if r > 1} == {}


def test_every_way_to_a_derivative_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """`flawless(dtype, choices=WAYS)` takes each of the derived algorithms."""
    most = 0

    class Counting(Running):
        def any_of(self, *results: Any) -> Any:
            nonlocal most
            most = max(most, len(results))
            return super().any_of(*results)

    monkeypatch.setattr(bounds_module, "Running", Counting)
    for variant in EVERY:
        bounds(points.problem(*variant, 1))
    assert most == WAYS


CLASSES = points.Layout(rows=5, classes=3)
REDUCED = [("sigmoid_cross_entropy", {"pos_weight": points.MADE})]
REDUCED += [v for v in EVERY if "class_weights" in v[1] or v[0] == "z_loss"]


@pytest.mark.parametrize("variant", REDUCED, ids=points.label_of)
def test_flawless_reductions_are_within_their_bounds(
    variant: tuple[str, points.Parameters],
) -> None:
    """Of derivatives too; a mean depends on the weights that it divides by."""
    plain = points.weighted(points.problem(*variant, 9, CLASSES, "float32"), seed=4)
    first = tuple(q for q in plain.quantities or () if not q.startswith(("hvp", "mixed")))
    problems = []
    for reduction in ("mean", "weighted_mean", "sample_weighted_mean"):
        asked = replace(points.reduced(plain, reduction), quantities=first)
        problems.append((asked, evaluate(asked), bounds(asked)))
    correct, _, adversarial, *_ = flawless(np.dtype(np.float32))
    for level in ("strict", "baseline"):
        found = study(problems, [correct, adversarial], level)
        assert {k: r for k, r in found.worst.items() if r > 1} == {}


def test_bounds_that_are_three_times_too_small_are_caught() -> None:
    found = study(sample("float32"), flawless(np.dtype(np.float32)), "strict")
    assert {k for k, r in found.worst.items() if 0 < 3 * r <= 1} == set()


class NoExp(Running):
    """Forgets that exp errs."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options, exp_error=0.0)


class NoPropagation(Running):
    """Forgets that exp turns the absolute error of its argument into a relative one."""

    def exp(self, x: Any, _most: float = 0.0) -> Any:
        return super().exp(self.exact(x.value))


class NoGrowth(Running):
    """Forgets that sums are rounded."""

    def __init__(self, target: Any, _growth: Any, flush: bool = False) -> None:
        super().__init__(target, lambda n: 0 * n, flush)


class NoUnderflow(Running):
    """Forgets that subnormals have an absolute error."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.half_subnormal = 0.0


@pytest.mark.parametrize("fault", [NoExp, NoPropagation, NoGrowth, NoUnderflow])
def test_faults_of_the_error_analysis_are_caught(
    fault: type[Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flawless implementation exceeds bounds that leave something out."""
    monkeypatch.setattr(bounds_module, "Running", fault)
    worst = 0.0
    for asked, truth, _ in sample("float32"):
        limits = bounds(asked)
        for one in flawless(np.dtype(np.float32)):
            for quantity, got in run(asked, one, "strict").items():
                ratio = over_bound(got, truth[quantity], limits[quantity].strict)
                worst = max(worst, float(ratio.max(initial=0.0)))
    assert worst > 1


def _softmax(x: Any) -> Any:
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def _shifted(x: Any) -> Any:
    return _softmax(x - x.max(-1, keepdims=True))


SATURATED = np.array([17.5, 30.0, 60.0, 88.0])
MARGINS = np.stack([SATURATED, 0 * SATURATED], axis=1)
LOW = {"x": -SATURATED}
HIGH = {"x": SATURATED}
FIRST = {"logits": MARGINS, "labels": np.zeros(4, dtype=np.int64)}
ONES = {"logits": SATURATED, "labels": np.ones(4)}
CROSS_ENTROPY = "softmax_cross_entropy_index"


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


# What it is: operator, quantity, inputs, formula, and the bound that it exceeds.
NAIVE: Mapping[str, tuple[str, str, dict[str, Any], Callable[..., Any], str]] = {
    "1/(1 + e^-x), which overflows": ("sigmoid", "value", {"x": [-89.0]}, _sigmoid, "strict"),
    "s (1 - s)": (
        "sigmoid", "gradient.x", HIGH, lambda x: _sigmoid(x) * (1 - _sigmoid(x)), "strict"
    ),
    "ln sigmoid": ("log_sigmoid", "value", HIGH, lambda x: np.log(_sigmoid(x)), "strict"),
    "ln sigmoid, which underflows": (
        "log_sigmoid", "value", {"x": [-89.0]}, lambda x: np.log(_sigmoid(x)), "baseline"
    ),
    "ln(1 + e^x)": ("softplus", "value", LOW, lambda x: np.log(1 + np.exp(x)), "strict"),
    "ln(1 + e^x), which overflows": (
        "softplus", "value", {"x": [89.0]}, lambda x: np.log(1 + np.exp(x)), "baseline"
    ),
    "1 - tanh^2": ("tanh", "gradient.x", HIGH, lambda x: 1 - np.tanh(x) ** 2, "strict"),
    "2 sigmoid(2x) - 1": (
        "tanh", "value", {"x": [1e-4]}, lambda x: 2 * _sigmoid(2 * x) - 1, "strict"
    ),
    "sigmoid - z": (
        "sigmoid_cross_entropy", "gradient.logits", ONES, lambda x, z: _sigmoid(x) - z, "strict"
    ),
    "-ln(1 - sigmoid) for z = 0": (
        "sigmoid_cross_entropy", "value", {"logits": SATURATED, "labels": np.zeros(4)},
        lambda x, _z: -np.log(1 - _sigmoid(x)), "baseline",
    ),
    "x - x z + ln(1 + e^-x), which overflows": (
        "sigmoid_cross_entropy", "value", {"logits": [-89.0], "labels": [0.3]},
        lambda x, z: x - x * z + np.log(1 + np.exp(-x)), "baseline",
    ),
    "e^x / sum, which overflows": (
        "softmax", "value", {"logits": MARGINS * 2}, _softmax, "baseline"
    ),
    "ln sum e^x, which underflows": (
        "logsumexp", "value", {"logits": -MARGINS - 110},
        lambda x: np.log(np.exp(x).sum(-1)), "baseline",
    ),
    "-ln softmax": (
        CROSS_ENTROPY, "value", FIRST, lambda x, _y: -np.log(_shifted(x)[:, 0]), "strict"
    ),
    "-ln softmax, which underflows": (
        CROSS_ENTROPY, "value", {**FIRST, "logits": -2 * MARGINS},
        lambda x, _y: -np.log(_shifted(x)[:, 0]), "baseline",
    ),
    "softmax - one-hot": (
        CROSS_ENTROPY, "gradient.logits", FIRST, lambda x, y: _shifted(x) - np.eye(2)[y], "strict"
    ),
    "-ln(1 - p)": (
        "binary_cross_entropy", "value", {"probabilities": [1e-6], "labels": [0.0]},
        lambda p, _z: -np.log(1 - p), "strict",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NAIVE)
def test_naive_formulas_are_caught(name: str) -> None:
    """Formulas as people write them, where they cancel, overflow or underflow, in float32."""
    operator, quantity, inputs, formula, level = NAIVE[name]
    asked = problem(operator, "float32", inputs)
    arrays = [a if a.dtype == np.int64 else a.astype(np.float32) for a in asked.inputs.values()]
    with np.errstate(all="ignore"):
        got = formula(*arrays).astype(np.float32)
    bound = getattr(bounds(asked)[quantity], level)
    assert over_bound(got, evaluate(asked)[quantity], bound).max() > 1
