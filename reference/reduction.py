"""Reductions: a sum of the losses over a divisor, of which the frameworks have many.

The divisor is all that tells one mean from another (OPERATORS.md, section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from reference.formats import Floats
from reference.operator import Operator
from reference.problem import Problem

SAMPLE_WEIGHTS = "sample_weights"


@dataclass(frozen=True)
class Divisor:
    """What a mean divides by: the sum of `terms`.

    terms: one number for each loss (each row, each element).
    of: the parameter or input that the terms are chosen from, None if they are counts.
    """

    terms: Floats
    of: str | None = None


def elements(_operator: Operator, _problem: Problem, losses: tuple[int, ...]) -> Divisor:
    """The number of losses."""
    return Divisor(np.ones(losses))


def batch(_operator: Operator, _problem: Problem, losses: tuple[int, ...]) -> Divisor:
    """The length of the first axis."""
    return Divisor(np.ones(losses[:1]))


def class_weights(operator: Operator, problem: Problem, losses: tuple[int, ...]) -> Divisor:
    """The sum of the class weights of the labels that are kept."""
    if operator.weight is None:
        return elements(operator, problem, losses)
    weighted = problem.parameters.get("class_weights") is not None
    terms = operator.weight(problem.inputs, problem.parameters)
    return Divisor(terms, "class_weights" if weighted else None)


def kept(operator: Operator, problem: Problem, losses: tuple[int, ...]) -> Divisor:
    """The number of losses whose label is kept."""
    if operator.weight is None:
        return elements(operator, problem, losses)
    unweighted = {k: v for k, v in problem.parameters.items() if k != "class_weights"}
    return Divisor(operator.weight(problem.inputs, unweighted))


def sample_weights(_operator: Operator, problem: Problem, losses: tuple[int, ...]) -> Divisor:
    """The sum of the sample weights, each as often as it is used."""
    weights = problem.inputs.get(SAMPLE_WEIGHTS, np.ones(()))
    return Divisor(np.broadcast_to(weights, losses), SAMPLE_WEIGHTS)


def nonzero_weights(_operator: Operator, problem: Problem, losses: tuple[int, ...]) -> Divisor:
    """The number of losses whose sample weight is not zero."""
    weights = problem.inputs.get(SAMPLE_WEIGHTS, np.ones(()))
    return Divisor((np.broadcast_to(weights, losses) != 0).astype(np.float64))


Rule = Callable[[Operator, Problem, tuple[int, ...]], Divisor]
MEANS: Mapping[str, Rule] = {
    "mean": elements,
    "batch_mean": batch,
    "weighted_mean": class_weights,
    "kept_mean": kept,
    "sample_weighted_mean": sample_weights,
    "nonzero_mean": nonzero_weights,
}
REDUCTIONS = ("none", "sum", *MEANS)


def divisor(operator: Operator, problem: Problem, losses: tuple[int, ...]) -> Divisor | None:
    """What the reduction of a problem divides by; None for a sum. `losses`: their shape."""
    rule = MEANS.get(problem.reduction)
    return None if rule is None else rule(operator, problem, losses)
