"""What rows share: parts of expressions, reductions, options. No TensorFlow is needed here.

A row is the expression alone, named after the function that it calls, or a tuple: name, expression,
and options of `Implementation`. Rows name functions as the documentation does; the names of
`tf.nn` and `tf.math` that are one object (`sigmoid`, `softmax`, ...) have one row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Row = str | tuple[str | Mapping[str, Any], ...]
Rows = Mapping[str, tuple[Row, ...]]
"""Operator -> rows."""

# Reductions that users write around a function without one.
AROUND = {"none": "{}", "sum": "tf.reduce_sum({})", "mean": "tf.reduce_mean({})"}


def over(weights: str, name: str = "weighted_mean", **more: str) -> dict[str, Any]:
    """The reductions around losses, with a mean that divides by the sum of `weights`."""
    means = {name: weights, **more}
    divided = {name: f"tf.reduce_sum({{}}) / tf.reduce_sum({w})" for name, w in means.items()}
    return {"reductions": {**AROUND, **divided}}


def of_log(text: str) -> str:
    """The expression of log-probabilities instead of logits."""
    return text.replace("logits", "log_probabilities")


# Options.
ONLY_SUM = {"reductions": {"sum": "{}"}}
AXIS: Mapping[str, Any] = {"axis": -1}
SMOOTH: Mapping[str, Any] = {"label_smoothing": 0.0}
UNWEIGHTED: Mapping[str, Any] = {"class_weights": 1.0}
FIXED = {"labels": "a constant here: the function applies tf.stop_gradient to its labels"}
PM1 = {"labels": "linear in the label: equal to ln(1 + e^(-y x)) at the labels -1 and +1 only"}

# Of one logit and one label.
SIGMOID = "tf.math.sigmoid(logits)"
BINARY = "tf.nn.sigmoid_cross_entropy_with_logits(labels={}, logits=logits)"
SOFT_BINARY = "labels * (1 - label_smoothing) + label_smoothing / 2"

# Of a row of classes.
SHIFTED = "tf.math.exp(logits - tf.reduce_max(logits, axis=-1, keepdims=True))"
SOFTMAX, LOG_SOFTMAX = "tf.nn.softmax(logits)", "tf.nn.log_softmax(logits)"
DENSE = "tf.nn.softmax_cross_entropy_with_logits(labels={}, logits=logits)"
SPARSE = "tf.nn.sparse_softmax_cross_entropy_with_logits(labels={}, logits=logits)"
ONE_HOT = "tf.one_hot(labels, logits.shape[-1], dtype=logits.dtype)"
SOFT = "({} * (1 - label_smoothing) + label_smoothing / logits.shape[-1])"
SOFT_LABELS, SOFT_ONE_HOT = SOFT.format("labels"), SOFT.format(ONE_HOT)
KEPT = "tf.not_equal(labels, ignore_index)"
MASK = f"tf.cast({KEPT}, logits.dtype)"
SAFE = f"tf.where({KEPT}, labels, 0)"
WEIGHT, SAFE_WEIGHT = "tf.gather(class_weights, labels)", f"tf.gather(class_weights, {SAFE})"
