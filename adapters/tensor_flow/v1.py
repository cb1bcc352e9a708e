"""TensorFlow 1: `tf.compat.v1.losses`, and what of `tf.compat.v1.nn` is not that of `tf.nn`.

`tf.compat.v1.losses.Reduction` has five values, of which SUM_BY_NONZERO_WEIGHTS is the default.
"""

from __future__ import annotations

from adapters.tensor_flow.parts import AXIS, FIXED, MASK, SMOOTH, WEIGHT, Rows

BY_WEIGHTS = {
    "none": "none",
    "sum": "weighted_sum",
    "mean": "weighted_sum_over_batch_size",
    "sample_weighted_mean": "weighted_mean",
    "nonzero_mean": "weighted_sum_by_nonzero_weights",
}
OF_CLASSES = {
    "reductions": {
        **{name: BY_WEIGHTS[name] for name in ("none", "sum", "mean")},
        "weighted_mean": "weighted_mean",
    }
}
ONES = {"sample_weights": 1.0}
OPTIONS = {"defaults": ONES, "reductions": BY_WEIGHTS}
SMOOTHED = {"defaults": {**ONES, **SMOOTH}, "reductions": BY_WEIGHTS}
WITH = "weights=sample_weights, reduction=reduction)"
SPARSE = "tf.compat.v1.losses.sparse_softmax_cross_entropy(labels, logits, "
WEIGHTED = "tf.compat.v1.losses.compute_weighted_loss"
DIFFERENCE = "tf.math.squared_difference(predictions, labels)"

# fmt: off
ROWS: Rows = {
    "binary_cross_entropy": (
        (f"tf.compat.v1.losses.log_loss(labels, probabilities, epsilon=add_epsilon, {WITH}",
         {"defaults": {**ONES, "add_epsilon": 1e-7}, "reductions": BY_WEIGHTS}),
    ),
    "sigmoid_cross_entropy": (
        ("tf.compat.v1.losses.sigmoid_cross_entropy("
         f"labels, logits, label_smoothing=label_smoothing, {WITH}", SMOOTHED),
        "tf.compat.v1.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)",
        ("tf.compat.v1.nn.weighted_cross_entropy_with_logits("
         "labels=labels, logits=logits, pos_weight=pos_weight)", {"defaults": {"pos_weight": 1.0}}),
    ),
    "hinge_loss": (
        (f"tf.compat.v1.losses.hinge_loss((labels + 1) / 2, logits, {WITH}", OPTIONS),
    ),
    "squared_loss": (
        ("tf.compat.v1.losses.mean_squared_error",
         f"scale * tf.compat.v1.losses.mean_squared_error(labels, predictions, {WITH}",
         {"defaults": {**ONES, "scale": 1.0}, "reductions": BY_WEIGHTS}),
        ("tf.compat.v1.losses.compute_weighted_loss", f"scale * {WEIGHTED}({DIFFERENCE}, {WITH}",
         {"defaults": {**ONES, "scale": 1.0}, "reductions": BY_WEIGHTS}),
    ),
    "softmax": (("tf.compat.v1.nn.softmax(logits, axis=axis)", {"defaults": AXIS}),),
    "log_softmax": (("tf.compat.v1.nn.log_softmax(logits, axis=axis)", {"defaults": AXIS}),),
    "softmax_cross_entropy": (
        ("tf.compat.v1.nn.softmax_cross_entropy_with_logits("  # its `axis` raises: `dim` is set
         "labels=labels, logits=logits, dim=axis)", {"defaults": AXIS, "fixed": FIXED}),
        ("tf.compat.v1.nn.softmax_cross_entropy_with_logits_v2("
         "labels=labels, logits=logits, axis=axis)", {"defaults": AXIS}),
        ("tf.compat.v1.losses.softmax_cross_entropy("
         f"labels, logits, label_smoothing=label_smoothing, {WITH}", {**SMOOTHED, "fixed": FIXED}),
    ),
    "softmax_cross_entropy_index": (
        "tf.compat.v1.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)",
        (f"{SPARSE}{WITH}", OPTIONS),
        ("tf.compat.v1.losses.sparse_softmax_cross_entropy(class_weights)",
         f"{SPARSE}weights={WEIGHT}, reduction=reduction)", OF_CLASSES),
        ("tf.compat.v1.losses.sparse_softmax_cross_entropy(mask)",
         f"{SPARSE}weights={MASK}, reduction=reduction)", OF_CLASSES),
    ),
}
