"""Losses and divergences of probabilities, which TensorFlow lacks and its users compose."""

from __future__ import annotations

from adapters.tensor_flow.parts import (
    KEPT,
    MASK,
    ONE_HOT,
    SAFE,
    UNWEIGHTED,
    WEIGHT,
    Rows,
    of_log,
    over,
)

NORMALISED = "probabilities / tf.reduce_sum(probabilities, axis=-1, keepdims=True)"
CLIPPED = "tf.clip_by_value({}, clip_epsilon, 1 - clip_epsilon)"
CLIPPED_FIRST = CLIPPED.format("probabilities")
BEFORE, AFTER = {"normalise": ("before_clip",)}, {"normalise": ("after_clip",)}
ONE_HOT_WEIGHT = f"tf.reduce_sum({ONE_HOT} * class_weights, axis=-1)"
MIDDLE = "((p + q) / 2)"


def of_probabilities(text: str) -> str:
    """The expression of probabilities instead of logits."""
    return text.replace("logits", "probabilities")


# fmt: off
ROWS: Rows = {
    "cross_entropy": (
        ("-sum(p log(q))", "-tf.reduce_sum(labels * tf.math.log(probabilities), axis=-1)"),
        ("-sum(p log(q + 1e-10))",
         "-tf.reduce_sum(labels * tf.math.log(probabilities + 1e-10), axis=-1)"),
        ("-sum(p log(clip(q)))", "-tf.reduce_sum(labels"
         " * tf.math.log(tf.clip_by_value(probabilities, 1e-10, 1.0)), axis=-1)"),
        ("-sum(xlogy(p, q))", "-tf.reduce_sum(tf.math.xlogy(labels, probabilities), axis=-1)"),
        ("-sum(multiply_no_nan(log(q), p))",
         "-tf.reduce_sum(tf.math.multiply_no_nan(tf.math.log(probabilities), labels), axis=-1)"),
    ),
    "reconstruction_cross_entropy": (
        ("-sum(x log(z) + (1 - x) log(1 - z))",
         "-tf.reduce_sum(inputs * tf.math.log(reconstructions)"
         " + (1 - inputs) * tf.math.log(1 - reconstructions), axis=-1)"),
        ("-sum(xlogy(x, z) + xlog1py(1 - x, -z))",
         "-tf.reduce_sum(tf.math.xlogy(inputs, reconstructions)"
         " + tf.math.xlog1py(1 - inputs, -reconstructions), axis=-1)"),
    ),
    "categorical_cross_entropy": (
        ("-sum(w y log(q))",
         "-tf.reduce_sum(class_weights * labels * tf.math.log(probabilities), axis=-1)",
         {"defaults": UNWEIGHTED}),
        ("-sum(y log(q / sum(q)))",
         f"-tf.reduce_sum(labels * tf.math.log({NORMALISED}), axis=-1)", {"takes": BEFORE}),
        ("-sum(y log(clip(q / sum(q), e, 1 - e)))",
         f"-tf.reduce_sum(labels * tf.math.log({CLIPPED.format(NORMALISED)}), axis=-1)",
         {"takes": BEFORE}),
    ),
    "categorical_cross_entropy_index": (
        ("where(mask, -sum(one_hot class_weights log(q)), 0)",
         f"tf.where({KEPT}, -tf.reduce_sum({of_probabilities(ONE_HOT)} * class_weights"
         " * tf.math.log(probabilities), axis=-1), 0)",
         {"defaults": {**UNWEIGHTED, "ignore_index": -100},
          **over(of_probabilities(f"{MASK} * {ONE_HOT_WEIGHT}"))}),
        ("where(mask, -class_weights log(gather(q)), 0)",
         f"tf.where({KEPT}, -tf.gather(class_weights, {SAFE})"
         f" * tf.math.log(tf.gather(probabilities, {SAFE}, batch_dims=1)), 0)",
         over(of_probabilities(f"{MASK} * tf.gather(class_weights, {SAFE})"))),
        ("-log(gather(clip(q, e, 1 - e) / sum(clip(q, e, 1 - e))))",
         f"-tf.math.log(tf.gather({CLIPPED_FIRST} / tf.reduce_sum({CLIPPED_FIRST}, axis=-1,"
         " keepdims=True), labels, batch_dims=1))", {"takes": AFTER}),
    ),
    "nll": (
        ("-gather(log_p)", "-tf.gather(log_probabilities, labels, batch_dims=1)"),
        ("-class_weights gather(log_p)",
         f"-{WEIGHT} * tf.gather(log_probabilities, labels, batch_dims=1)", over(WEIGHT)),
        ("where(mask, -gather(log_p), 0)",
         f"tf.where({KEPT}, -tf.gather(log_probabilities, {SAFE}, batch_dims=1), 0)",
         over(of_log(MASK))),
        ("where(mask, -sum(one_hot class_weights log_p), 0)", of_log(
            f"tf.where({KEPT}, -tf.reduce_sum({ONE_HOT} * class_weights * logits, axis=-1), 0)"),
         {"defaults": {**UNWEIGHTED, "ignore_index": -100},
          **over(of_log(f"{MASK} * {ONE_HOT_WEIGHT}"))}),
    ),
    "kl_divergence": (
        ("sum(p (log(p) - log_q))",
         "tf.reduce_sum(labels * (tf.math.log(labels) - log_probabilities), axis=-1)"),
        ("sum(p log(p / exp(log_q)))",
         "tf.reduce_sum(labels * tf.math.log(labels / tf.math.exp(log_probabilities)), axis=-1)"),
        ("sum(xlogy(p, p) - p log_q)",
         "tf.reduce_sum(tf.math.xlogy(labels, labels) - labels * log_probabilities, axis=-1)"),
        ("sum(multiply_no_nan(log(p) - log_q, p))", "tf.reduce_sum("
         "tf.math.multiply_no_nan(tf.math.log(labels) - log_probabilities, labels), axis=-1)"),
    ),
    "kl_divergence_log_targets": (
        ("sum(exp(log_p) (log_p - log_q))",
         "tf.reduce_sum(tf.math.exp(log_labels) * (log_labels - log_probabilities), axis=-1)"),
        ("sum(multiply_no_nan(log_p - log_q, exp(log_p)))", "tf.reduce_sum("
         "tf.math.multiply_no_nan(log_labels - log_probabilities, tf.math.exp(log_labels)),"
         " axis=-1)"),
    ),
    "generalized_kl_divergence": (
        ("sum(p (log(p) - log_q) - p + exp(log_q))",
         "tf.reduce_sum(labels * (tf.math.log(labels) - log_probabilities)"
         " - labels + tf.math.exp(log_probabilities), axis=-1)"),
        ("sum(xlogy(p, p) - p log_q - p + exp(log_q))",
         "tf.reduce_sum(tf.math.xlogy(labels, labels) - labels * log_probabilities"
         " - labels + tf.math.exp(log_probabilities), axis=-1)"),
    ),
    "jensen_shannon_divergence": (
        ("sum(p log(p / m) + q log(q / m)) / 2",
         f"tf.reduce_sum(p * tf.math.log(p / {MIDDLE}) + q * tf.math.log(q / {MIDDLE}), axis=-1)"
         " / 2"),
        ("sum(xlogy(p, p / m) + xlogy(q, q / m)) / 2",
         f"tf.reduce_sum(tf.math.xlogy(p, p / {MIDDLE}) + tf.math.xlogy(q, q / {MIDDLE}), axis=-1)"
         " / 2"),
        ("sum(xlogy(p, p) + xlogy(q, q)) / 2 - sum(xlogy(m, m))",
         "tf.reduce_sum(tf.math.xlogy(p, p) + tf.math.xlogy(q, q), axis=-1) / 2"
         f" - tf.reduce_sum(tf.math.xlogy({MIDDLE}, {MIDDLE}), axis=-1)"),
    ),
}
