"""Inputs for every operator: what each may be, and which parameters it is tried with.

A table for all tests that go over all operators. What it does not name follows from the operator:
an input is a normal number, or lies within its domain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.formats import FORMATS, Floats, Format
from reference.operator import Operator
from reference.operators import OPERATORS
from reference.problem import Problem
from reference.reduction import MEANS, SAMPLE_WEIGHTS

CYCLE = (1.0, -0.5, 2.0, -0.25)
IGNORED = -100
EPSILON = 2.0**-10
"""A number of every format, for clipped and shifted probabilities."""

Shape = tuple[int, ...]
Draw = Callable[[np.random.Generator, Shape], NDArray[Any]]
Parameters = Mapping[str, Any]


def normal(scale: float) -> Draw:
    return lambda rng, shape: scale * rng.normal(size=shape)


def between(low: float, high: float) -> Draw:
    return lambda rng, shape: rng.uniform(low, high, shape)


def distribution(rng: np.random.Generator, shape: Shape) -> Floats:
    """Rows that sum to 1, no entry far below 1/1000."""
    p = rng.dirichlet(np.ones(shape[-1]), shape[:-1]) + 1e-3
    return np.asarray(p / p.sum(axis=-1, keepdims=True))


def one_of(*choices: float) -> Draw:
    return lambda rng, shape: rng.choice(np.array(choices, dtype=float), shape)


def log_distribution(rng: np.random.Generator, shape: Shape) -> Floats:
    return np.log(distribution(rng, shape))


INPUTS: Mapping[str, Draw] = {
    "probabilities": between(0.02, 0.98),
    "rates": between(0.1, 6),
    "activations": between(0.02, 0.98),
    "reconstructions": between(0.02, 0.98),
    "reconstruction_cross_entropy.inputs": between(0, 1),
    "log_rates": normal(1.5),
    "counts": one_of(0, 1, 2, 3, 7),
    "labels": between(0.05, 0.95),
    "logistic_loss_pm1.labels": one_of(-1, 1),
    "hinge_loss.labels": one_of(-1, 1),
    "hidden": normal(1),
}
"""Name of an input, or operator.input -> its ordinary numbers."""
ROWS: Mapping[str, Draw] = {
    "labels": distribution,
    "probabilities": distribution,
    "p": distribution,
    "q": distribution,
    "log_labels": log_distribution,
    "log_probabilities": log_distribution,
}
"""The same, of inputs that are rows of classes."""


def mask(rng: np.random.Generator, shape: Shape) -> NDArray[np.bool_]:
    """Which classes take part: most, and the first always (where the labels then are)."""
    chosen = rng.random(shape) < 0.7
    chosen[..., 0] = True
    return np.asarray(chosen)


Make = Callable[[np.random.Generator, Shape, int], Any]
"""The shape of the first input, and the number of classes -> an array parameter."""


def class_weights(rng: np.random.Generator, _shape: Shape, classes: int) -> Floats:
    return rng.uniform(0.25, 2, classes)


ARRAYS: Mapping[str, Make] = {
    "class_weights": class_weights,
    "pos_weight": lambda rng, shape, _: rng.uniform(0.25, 3, shape[-1:]),
    "bias": lambda rng, _, classes: rng.normal(size=classes),
    "weights": lambda rng, shape, classes: rng.normal(size=(classes, shape[-1])),
    "mask": lambda rng, shape, _: mask(rng, shape),
}
MADE = object()
"""Stands for an array of ARRAYS."""

WEIGHTED = {"class_weights": MADE}
SMOOTH = {"label_smoothing": 0.125}
INDEXED = ({}, {**WEIGHTED, "ignore_index": IGNORED}, {**WEIGHTED, **SMOOTH})
VARIANTS: Mapping[str, tuple[Parameters, ...]] = {
    "softplus": ({}, {"beta": 0.375}),
    "leaky_relu": ({"negative_slope": 0.125},),
    "squared_loss": ({}, {"scale": 0.375}),
    "softmax": ({}, {"mask": MADE}),
    "log_softmax": ({}, {"mask": MADE}),
    "logsumexp": ({}, {"mask": MADE}),
    "sigmoid_cross_entropy": ({}, {"pos_weight": MADE}, {"pos_weight": MADE, **SMOOTH}),
    "binary_cross_entropy": (
        {},
        SMOOTH,
        {"clip_epsilon": EPSILON},
        {"add_epsilon": EPSILON},
        {"log_floor": -1.0},
    ),
    "sigmoid_focal_loss": (
        {},
        {"gamma": 0.0},
        {"gamma": 0.5, "alpha": 0.25},
        {"gamma": 3.0},
    ),
    "poisson_nll": ({}, {"full": "stirling"}, {"full": "exact"}),
    "poisson_nll_rate": ({}, {"add_epsilon": EPSILON, "full": "stirling"}, {"full": "exact"}),
    "hinge_loss": ({}, {"margin": 0.75, "exponent": 2.0}),
    "sparsity_penalty": ({}, {"target": 0.0625}),
    "softened_cross_entropy": ({}, {"epsilon": 0.0625}),
    "softmax_cross_entropy": (
        {},
        {**WEIGHTED, **SMOOTH},
        {"temperature": 2.5},
        {"mask": MADE},
    ),
    "softmax_cross_entropy_index": (*INDEXED, {"temperature": 0.75}, {"mask": MADE}),
    "nll": INDEXED[:2],
    "categorical_cross_entropy": (
        {},
        WEIGHTED,
        {"clip_epsilon": EPSILON},
        {"normalise": "before_clip", "clip_epsilon": EPSILON},
        {"normalise": "after_clip", "clip_epsilon": 0.125},
    ),
    "categorical_cross_entropy_index": (
        *INDEXED[:2],
        {"normalise": "before_clip", "clip_epsilon": 0.125},
        {"normalise": "after_clip", "clip_epsilon": EPSILON},
    ),
    "linear_softmax_cross_entropy": (
        {"weights": MADE, "bias": MADE},
        {"weights": MADE},
        {"weights": MADE, "bias": MADE, **WEIGHTED, **SMOOTH, "ignore_index": IGNORED},
    ),
    "softmax_focal_loss": (
        {},
        {"gamma": 0.0},
        {"gamma": 0.5, "alpha": 0.25},
        {"gamma": 3.0, **WEIGHTED},
    ),
    "z_loss": ({}, {"scale": 0.0625}),
    "poly1_cross_entropy": ({}, {"epsilon": 2.0}),
    "multiclass_margin_loss": ({}, {"margin": 0.75, "exponent": 2.0, **WEIGHTED}),
    "generalised_cross_entropy": ({"q": 0.75}, {"q": 0.5}, {"q": 1.0}),
    "distillation_loss": ({}, {"temperature": 4.0}),
}
"""Operator -> the parameters that it is tried with."""


def variants() -> Iterator[tuple[str, Parameters]]:
    """Every operator with every set of parameters."""
    for name in OPERATORS:
        for parameters in VARIANTS.get(name, ({},)):
            yield name, parameters


def richest() -> list[tuple[str, Parameters]]:
    """Every operator with the last of its sets of parameters."""
    return list({name: (name, parameters) for name, parameters in variants()}.values())


def label_of(variant: tuple[str, Parameters]) -> str:
    """A name for a test."""
    name, parameters = variant
    return "-".join([name, *(k if v is MADE else f"{k}={v}" for k, v in parameters.items())])


@dataclass(frozen=True)
class Layout:
    """How many rows and classes, and the largest size of logits beside the ordinary."""

    rows: int = 2
    classes: int = 3
    scale: float = 1.0


def problem(
    name: str,
    parameters: Parameters,
    seed: int,
    layout: Layout = Layout(),
    dtype: str = "float64",
) -> Problem:
    """Numbers at which the operator is smooth, without a reduction; every quantity is asked for."""
    operator, target = OPERATORS[name], FORMATS[dtype]
    rng = np.random.default_rng([seed, *name.encode()])
    inputs = {i.name: _drawn(operator, i.name, i.kind, rng, layout) for i in operator.inputs}
    first = inputs[operator.inputs[0].name]
    made = {
        k: ARRAYS[k](rng, first.shape, layout.classes) if v is MADE else v
        for k, v in parameters.items()
    }
    if "mask" in made and any(i.kind == "index" for i in operator.inputs):
        made["mask"][np.arange(layout.rows), inputs["labels"]] = True
    if "ignore_index" in made:
        inputs["labels"][-1] = made["ignore_index"]
    inputs = {k: nearest(target, v) for k, v in inputs.items()}
    made = {k: nearest(target, v) for k, v in made.items()}
    shape = first.shape if operator.output != "scalar" else first.shape[:1]
    upstream = np.resize(CYCLE, shape)
    return complete(Problem(name, target, inputs, made, "none", upstream), rng)


def nearest(target: Format, values: Any) -> Any:
    """Floats rounded to the format; what is no float as it is."""
    if isinstance(values, float):
        return float(target.nearest(np.array(values)))
    floats = isinstance(values, np.ndarray) and values.dtype == np.float64
    return target.nearest(values) if floats else values


def _drawn(
    operator: Operator, name: str, kind: str, rng: np.random.Generator, layout: Layout
) -> NDArray[Any]:
    if kind == "index":
        return rng.integers(0, layout.classes, layout.rows)
    elementwise = operator.output == "elementwise"
    shape: Shape = (layout.rows, layout.classes)
    if kind == "scalar" and not elementwise:
        shape = (layout.rows,)
    table = {**INPUTS, **ROWS} if kind == "vector" else INPUTS
    draw = table.get(f"{operator.name}.{name}") or table.get(name) or normal(2 * layout.scale)
    return draw(rng, shape)


def complete(asked: Problem, rng: np.random.Generator) -> Problem:
    """The problem with a tangent of every input, asked for every quantity."""
    operator = OPERATORS[asked.operator]
    tangents = {
        name: nearest(asked.format, rng.normal(size=asked.inputs[name].shape))
        for name in operator.differentiable
    }
    return replace(asked, tangents=tangents, quantities=quantities(asked))


def quantities(asked: Problem) -> tuple[str, ...]:
    """Every quantity that a problem has: the value and all derivatives to the second order."""
    operator = OPERATORS[asked.operator]
    names = operator.differentiable
    arrays = [k for k in operator.arrays if isinstance(asked.parameters.get(k), np.ndarray)]
    by = [*names, *arrays, *(k for k in (SAMPLE_WEIGHTS,) if k in asked.inputs)]
    return (
        "value",
        *(f"gradient.{k}" for k in by),
        *(f"jvp.{k}" for k in names),
        *(f"hvp.{k}" for k in names),
        *(f"mixed.{k}.{other}" for k in names for other in names if k != other),
    )


def weighted(asked: Problem, seed: int) -> Problem:
    """The same with sample weights, of which the last is 0 if there are three or more."""
    rng = np.random.default_rng(seed)
    count = asked.inputs[OPERATORS[asked.operator].inputs[0].name].shape[0]
    shape: Shape = (count,)
    if OPERATORS[asked.operator].output == "elementwise":
        shape = next(iter(asked.inputs.values())).shape
    weights = rng.uniform(0.25, 2, shape)
    if weights.size > 2:
        weights.reshape(-1)[-1] = 0
    inputs = {**asked.inputs, SAMPLE_WEIGHTS: nearest(asked.format, weights)}
    made = replace(asked, inputs=inputs)
    return replace(made, quantities=quantities(made))


def reduced(asked: Problem, reduction: str, upstream: float = -0.75) -> Problem:
    """The same problem reduced."""
    return replace(asked, reduction=reduction, upstream=np.array(upstream))


REDUCED = ("sum", *MEANS)
