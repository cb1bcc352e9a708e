"""Losses of a row of logits and its labels: public functions, and compositions."""

from __future__ import annotations

from adapters.tensor_flow.parts import (
    AXIS,
    DENSE,
    KEPT,
    LOG_SOFTMAX,
    MASK,
    ONE_HOT,
    SAFE,
    SAFE_WEIGHT,
    SMOOTH,
    SOFT_LABELS,
    SOFT_ONE_HOT,
    SOFTMAX,
    SPARSE,
    UNWEIGHTED,
    WEIGHT,
    Rows,
    over,
)

NONZERO = "tf.cast(tf.not_equal(sample_weights, 0), logits.dtype)"
LAYER = "tf.linalg.matmul(hidden, weights, transpose_b=True) + bias"
LAST = "tf.experimental.numpy.moveaxis(logits, axis, -1)"


def layer(text: str) -> str:
    """The expression of the outputs of a linear layer instead of logits."""
    shaped = text.replace("logits.shape[-1]", "weights.shape[0]").replace(
        "logits.dtype", "hidden.dtype"
    )
    return shaped.replace("logits=logits", f"logits={LAYER}")


# fmt: off
ROWS: Rows = {
    "softmax_cross_entropy": (
        ("tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits, axis=axis)",
         {"defaults": AXIS}),
        ("softmax_cross_entropy_with_logits(smoothed)", DENSE.format(SOFT_LABELS)),
        ("softmax_cross_entropy_with_logits(class_weights smoothed)",
         DENSE.format(f"{SOFT_LABELS} * class_weights"), {"defaults": SMOOTH}),
        ("softmax_cross_entropy_with_logits(x / temperature)",
         "tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits / temperature)"),
        ("sample_weights softmax_cross_entropy_with_logits",
         f"sample_weights * {DENSE.format('labels')}",
         over("sample_weights", "sample_weighted_mean", nonzero_mean=NONZERO)),
        ("-sum(t class_weights log_softmax(x))",
         f"-tf.reduce_sum({SOFT_LABELS} * class_weights * {LOG_SOFTMAX}, axis=-1)",
         {"defaults": {**UNWEIGHTED, **SMOOTH}}),
        ("-sum(t log_softmax(x)) along an axis",
         "-tf.reduce_sum(labels * tf.nn.log_softmax(logits, axis=axis), axis=axis)"),
        ("-sum(multiply_no_nan(log_softmax(x), t))",
         f"-tf.reduce_sum(tf.math.multiply_no_nan({LOG_SOFTMAX}, labels), axis=-1)"),
        ("-sum(t log(softmax(x)))", f"-tf.reduce_sum(labels * tf.math.log({SOFTMAX}), axis=-1)"),
        ("-sum(t log(clip(softmax(x))))", "-tf.reduce_sum(labels"
         f" * tf.math.log(tf.clip_by_value({SOFTMAX}, 1e-10, 1.0)), axis=-1)"),
    ),
    "softmax_cross_entropy_index": (
        "tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)",
        ("class_weights sparse_softmax_cross_entropy", f"{WEIGHT} * {SPARSE.format('labels')}",
         over(WEIGHT)),
        ("mask sparse_softmax_cross_entropy", f"{MASK} * {SPARSE.format('labels')}", over(MASK)),
        ("where(mask, sparse_softmax_cross_entropy, 0)",
         f"tf.where({KEPT}, {SPARSE.format(SAFE)}, 0)", over(MASK)),
        ("where(mask, class_weights sparse_softmax_cross_entropy, 0)",
         f"tf.where({KEPT}, {SAFE_WEIGHT} * {SPARSE.format(SAFE)}, 0)",
         over(f"{MASK} * {SAFE_WEIGHT}", kept_mean=MASK)),
        ("sample_weights sparse_softmax_cross_entropy",
         f"sample_weights * {SPARSE.format('labels')}",
         over("sample_weights", "sample_weighted_mean", nonzero_mean=NONZERO)),
        ("tf.nn.compute_average_loss",
         f"tf.nn.compute_average_loss({SPARSE.format('labels')}, sample_weight=sample_weights)",
         {"defaults": {"sample_weights": None}, "reductions": {"mean": "{}"}}),
        ("sparse_softmax_cross_entropy(moveaxis)",
         f"tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits={LAST})"),
        ("softmax_cross_entropy_with_logits(one_hot)", DENSE.format(SOFT_ONE_HOT),
         {"defaults": SMOOTH}),
        ("softmax_cross_entropy_with_logits(class_weights one_hot)",
         DENSE.format(f"{SOFT_ONE_HOT} * class_weights"), {"defaults": SMOOTH, **over(WEIGHT)}),
        ("where(mask, -sum(one_hot class_weights log_softmax(x)), 0)", f"tf.where({KEPT},"
         f" -tf.reduce_sum({SOFT_ONE_HOT} * class_weights * {LOG_SOFTMAX}, axis=-1), 0)",
         {"defaults": {**UNWEIGHTED, "ignore_index": -100, **SMOOTH},
          **over(f"{MASK} * tf.reduce_sum({ONE_HOT} * class_weights, axis=-1)", kept_mean=MASK)}),
        ("-gather(log_softmax(x))", f"-tf.gather({LOG_SOFTMAX}, labels, batch_dims=1)"),
        ("-log(gather(softmax(x)))", f"-tf.math.log(tf.gather({SOFTMAX}, labels, batch_dims=1))"),
    ),
    "linear_softmax_cross_entropy": (
        ("sparse_softmax_cross_entropy(h W + b)", layer(SPARSE.format("labels")),
         {"defaults": {"bias": 0.0}}),
        ("class_weights sparse_softmax_cross_entropy(h W + b)",
         layer(f"{WEIGHT} * {SPARSE.format('labels')}"),
         {"defaults": {"bias": 0.0}, **over(WEIGHT)}),
        ("softmax_cross_entropy_with_logits(smoothed one_hot, h W + b)",
         layer(DENSE.format(SOFT_ONE_HOT)), {"defaults": {"bias": 0.0}}),
    ),
}
