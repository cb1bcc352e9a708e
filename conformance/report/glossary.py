"""The letters and the meanings of inputs and parameters, which all operators name alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from reference.operator import Operator


class Term(NamedTuple):
    """A letter in formulas, and a sentence."""

    symbol: str
    meaning: str


INPUTS: Mapping[str, Term] = {
    "x": Term("x", "any real number"),
    "logits": Term("x", "scores before the sigmoid or the softmax, any real numbers"),
    "labels": Term("y", "targets"),
    "probabilities": Term("p", "probabilities, as a model outputs them"),
    "log_probabilities": Term("l", "logarithms of probabilities"),
    "log_labels": Term("m", "logarithms of the target probabilities"),
    "predictions": Term("p", "what the model answers"),
    "log_rates": Term("x", "logarithms of the expected counts"),
    "rates": Term("r", "expected counts"),
    "counts": Term("t", "observed counts"),
    "activations": Term("r", "mean activations of hidden units"),
    "reconstructions": Term("z", "what a decoder answers"),
    "inputs": Term("x", "what was encoded"),
    "hidden": Term("h", "hidden features, before the last linear layer"),
    "student": Term("x", "logits of the model that learns"),
    "teacher": Term("v", "logits of the model that is imitated"),
    "p": Term("p", "a distribution"),
    "q": Term("q", "a distribution"),
}
"""Inputs of every operator that has one of that name."""

PARAMETERS: Mapping[str, Term] = {
    "beta": Term("beta", "steepness"),
    "negative_slope": Term("alpha", "slope left of 0"),
    "scale": Term("c", "factor of the loss: 1, or 1/2 in the convention of the textbooks"),
    "class_weights": Term("w", "a factor for each class"),
    "pos_weight": Term("w", "a factor of the positive part of the loss"),
    "label_smoothing": Term("a", "share of each target that all classes get"),
    "ignore_index": Term("", "label of rows that do not count: their loss and gradient are 0"),
    "mask": Term("", "which classes take part: softmax is 0 for the others"),
    "clip_epsilon": Term("epsilon", "probabilities are clipped to [ε, 1 − ε]"),
    "add_epsilon": Term("epsilon", "what is added to an argument of ln"),
    "epsilon": Term("epsilon", "see the formula"),
    "log_floor": Term("", "logarithms below it are replaced by it; absent: none are"),
    "gamma": Term("gamma", "focus: how fast the weight of well classified rows falls; 0: none"),
    "alpha": Term("alpha", "balance between positive and negative labels; absent: none"),
    "full": Term(
        "c", "none: 0; stirling: t ln t − t + ln(2πt)/2 for t > 1, else 0; exact: ln Γ(t + 1)"
    ),
    "margin": Term("m", "distance from which on the loss is 0"),
    "exponent": Term("q", "power of the part that exceeds the margin"),
    "target": Term("rho", "the activation that is wanted"),
    "temperature": Term("T", "what logits are divided by"),
    "weights": Term("W", "matrix of the linear layer, (C, D)"),
    "bias": Term("b", "offsets of the linear layer, (C,)"),
    "normalise": Term("", "whether, and when, probabilities are divided by their sum"),
    "q": Term("q", "between the cross entropy (towards 0) and the mean absolute error (1)"),
}


def term(operator: Operator, name: str) -> Term:
    """What an input or a parameter of an operator is; an operator's own letter goes first."""
    known = INPUTS if any(i.name == name for i in operator.inputs) else PARAMETERS
    found = known.get(name, Term(name, ""))
    index = any(i.name == name and i.kind == "index" for i in operator.inputs)
    if index:
        found = Term("k", "the class that is right")
    return found._replace(symbol=operator.symbols.get(name, found.symbol))
