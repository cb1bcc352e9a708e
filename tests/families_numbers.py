"""Problems of the losses of single numbers, with their options and policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from reference.formats import FORMATS, Floats, Format
from reference.problem import Problem
from tests.families import probabilities, problem, rounded, scalars

SMOOTH = {"label_smoothing": 0.1}
POLICIES = (
    {},
    SMOOTH,
    {"clip_epsilon": 0.01},
    {"clip_epsilon": 1e-7},
    {"add_epsilon": 1e-3},
    {"log_floor": -10.0},
)
FACTORIALS = ({}, {"full": "stirling"}, {"full": "exact"})
SHIFTED_RATES = ({"add_epsilon": 1e-3}, {"add_epsilon": 1e-3, "full": "stirling"})
MARGINS = ({}, {"margin": 0.3}, {"margin": 0.3, "exponent": 2.0})
POWERS = ({}, {"gamma": 0.0}, {"gamma": 0.5, "alpha": 0.3}, {"gamma": 1.5}, {"gamma": 3.0})
SOFTENED = ({}, {"epsilon": 0.3})
TARGETS = ({}, {"target": 0.3})
Table = Sequence[tuple[str, Mapping[str, Any], Sequence[Mapping[str, Any]]]]


def numberwise(dtype: str, count: int, seed: int) -> Iterator[Problem]:
    """Random problems, each with about 3 `count` rows."""
    target, rng = FORMATS[dtype], np.random.default_rng(seed + 2000)
    # Whether a logarithm is above a floor beside it, no arithmetic of 8 bits can tell.
    policies = [o for o in POLICIES[1:] if dtype != "bfloat16" or "log_floor" not in o]
    x, p = scalars(target, rng, count), probabilities(target, rng, count)
    weights = {"pos_weight": rng.uniform(0.1, 4, x.size)}
    logits = {"logits": x, "labels": labels(rng, x.size)}
    signed = {"logits": x, "labels": rng.choice([-1.0, 1.0], x.size)}
    odds = {"probabilities": p, "labels": labels(rng, p.size)}
    t = rounded(target, counts(rng, p.size))
    size = np.maximum(t, 0.5) * (1 + rng.normal(size=t.size) * 10 ** rng.uniform(-4, 0, t.size))
    rates = rounded(target, np.maximum(np.abs(size), target.tiny))
    table: Table = [
        ("sigmoid_cross_entropy", logits, (SMOOTH, weights, {**weights, **SMOOTH})),
        ("binary_cross_entropy", odds, policies),
        ("softened_cross_entropy", odds, SOFTENED),
        ("sparsity_penalty", {"activations": p}, TARGETS),
        ("sparsity_penalty", {"activations": near(target, rng, p.size)}, TARGETS[1:]),
        ("poisson_nll", {"log_rates": np.log(rates), "counts": t}, FACTORIALS),
        ("poisson_nll_rate", {"rates": rates, "counts": t}, (*FACTORIALS, *SHIFTED_RATES)),
        ("hinge_loss", signed, MARGINS),
        ("sigmoid_focal_loss", logits, POWERS),
    ]
    yield from problems(dtype, table)
    pixels = np.resize(p, (p.size // 4, 4)), np.resize(odds["labels"], (p.size // 4, 4))
    inputs = dict(zip(("reconstructions", "inputs"), pixels, strict=True))
    yield problem("reconstruction_cross_entropy", dtype, inputs)
    yield problem("reconstruction_cross_entropy", dtype, inputs, "mean")


def number_extremes(dtype: str, x: Floats) -> Iterator[Problem]:
    """Every pair of the ends of a format and the labels, with every option."""
    target = FORMATS[dtype]
    size = np.append(x[x >= 0], [0.5, 1.5])
    t = [0, 0.5, 1, 1.25, 2, 33, 1e4, target.max]
    p = np.array([*size[size < 1], 0.05, 1 - 2 * target.u, 1.0])
    logits = pairs(np.append(x, [0.5, 1.5]), [0, 0.3, 1], ("logits", "labels"))
    weights = {"pos_weight": np.resize([0.3, 1, 3, 1], logits["logits"].shape)}
    odds = pairs(p, [0, 0.3, 1], ("probabilities", "labels"))
    rates = pairs(size, t, ("rates", "counts"))
    table: Table = [
        ("sigmoid_cross_entropy", logits, (SMOOTH, weights, {**weights, **SMOOTH})),
        ("binary_cross_entropy", odds, POLICIES[1:]),
        ("softened_cross_entropy", odds, SOFTENED),
        ("sparsity_penalty", {"activations": p}, TARGETS),
        ("poisson_nll", pairs(x, t, ("log_rates", "counts")), FACTORIALS),
        ("poisson_nll_rate", rates, (*FACTORIALS, *SHIFTED_RATES)),
        ("hinge_loss", pairs(x, [-1, 1], ("logits", "labels")), MARGINS),
        ("sigmoid_focal_loss", logits, POWERS),
    ]
    yield from problems(dtype, table)
    pixels = {"reconstructions": odds["probabilities"], "inputs": odds["labels"]}
    rows = {k: np.stack([v, np.roll(v, 1)], axis=1) for k, v in pixels.items()}
    yield problem("reconstruction_cross_entropy", dtype, rows)


def problems(dtype: str, table: Table) -> Iterator[Problem]:
    for name, inputs, choices in table:
        for options in choices:
            yield problem(name, dtype, inputs, **options)


def pairs(left: Any, right: Any, names: tuple[str, str]) -> dict[str, Floats]:
    """Every number of the first with every number of the second."""
    grid = np.meshgrid(np.array(left, dtype=float), np.array(right, dtype=float))
    return dict(zip(names, (each.ravel() for each in grid), strict=True))


def labels(rng: np.random.Generator, count: int) -> Floats:
    """Hard and soft ones."""
    return np.where(rng.random(count) < 0.5, rng.integers(0, 2, count), rng.random(count))


def counts(rng: np.random.Generator, count: int) -> Floats:
    """Small and large numbers, whole ones and others."""
    small, large = rng.integers(0, 40, count), np.floor(10 ** rng.uniform(0, 3, count))
    return np.choose(rng.integers(0, 3, count), [small, large, rng.uniform(0, 40, count)])


def near(target: Format, rng: np.random.Generator, count: int) -> Floats:
    """Probabilities near 0.3."""
    spread = 0.3 * (1 + rng.normal(size=count) * 10 ** rng.uniform(-5, -1, count))
    return rounded(target, np.clip(spread, 0.01, 0.99))
