"""Divergences of distributions, and distillation."""

from __future__ import annotations

from adapters.keras_3.rows import Table, classes

KL = "keras.losses.kl_divergence"
FROM_LOG = "labels, keras.ops.exp(log_probabilities)"
SUM = "keras.ops.sum({}, axis=-1)"
TEACHER, STUDENT = (
    "keras.ops.softmax(teacher / temperature)",
    "keras.ops.softmax(student / temperature)",
)
LOGS = "keras.ops.log_softmax(teacher / temperature) - keras.ops.log_softmax(student / temperature)"

DIVERGENCES: Table = {
    "kl_divergence": {
        f"{KL}(exp(log_q))": f"{KL}({FROM_LOG})",
        **classes("KLDivergence(exp(log_q))", "", FROM_LOG, "log_probabilities"),
        "sum(p (log(p) - log_q))": SUM.format(
            "labels * (keras.ops.log(labels) - log_probabilities)"
        ),
        "sum(p log(p / exp(log_q)))": SUM.format(
            "labels * keras.ops.log(labels / keras.ops.exp(log_probabilities))"
        ),
        "sum(where(p > 0, p (log(p) - log_q), 0))": SUM.format(
            "keras.ops.where(labels > 0, labels * (keras.ops.log(labels) - log_probabilities), 0)"
        ),
    },
    "kl_divergence_log_targets": {
        f"{KL}(exp(log_p), exp(log_q))": (
            f"{KL}(keras.ops.exp(log_labels), keras.ops.exp(log_probabilities))"
        ),
        "sum(exp(log_p) (log_p - log_q))": SUM.format(
            "keras.ops.exp(log_labels) * (log_labels - log_probabilities)"
        ),
    },
    "generalized_kl_divergence": {
        "sum(p (log(p) - log_q) - p + exp(log_q))": SUM.format(
            "labels * (keras.ops.log(labels) - log_probabilities)"
            " - labels + keras.ops.exp(log_probabilities)"
        ),
    },
    "jensen_shannon_divergence": {
        "(kl_divergence(p, m) + kl_divergence(q, m)) / 2": (
            f"({KL}(p, (p + q) / 2) + {KL}(q, (p + q) / 2)) / 2"
        ),
        "sum(p log(p / m) + q log(q / m)) / 2": SUM.format(
            "p * keras.ops.log(2 * p / (p + q)) + q * keras.ops.log(2 * q / (p + q))"
        )
        + " / 2",
    },
    "distillation_loss": {
        "T^2 keras.losses.kl_divergence(softmax(v / T), softmax(x / T))": (
            f"temperature ** 2 * {KL}({TEACHER}, {STUDENT})"
        ),
        "T^2 sum(softmax(v / T) (log_softmax(v / T) - log_softmax(x / T)))": (
            f"temperature ** 2 * {SUM.format(f'{TEACHER} * ({LOGS})')}"
        ),
    },
}
