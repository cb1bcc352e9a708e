"""The losses of `tf.keras.losses`: functions, and classes with a reduction."""

from __future__ import annotations

from adapters.tensor_flow.parts import SMOOTH, SOFTMAX, WEIGHT, Rows

BY_KERAS = {"none": "none", "sum": "sum", "mean": "sum_over_batch_size"}
BY_KEPT = {"none": "none", "sum": "sum", "weighted_mean": "sum_over_batch_size"}
REDUCED = {"reductions": BY_KERAS}
BINARY = "tf.keras.losses.binary_crossentropy(tf.expand_dims(labels, -1), "
BINARY_CLASS = "tf.keras.losses.BinaryCrossentropy(reduction=reduction{})"
COLUMNS = "(tf.expand_dims(labels, -1), tf.expand_dims({}, -1))"
SPARSE = "tf.keras.losses.sparse_categorical_crossentropy(labels, "
SPARSE_CLASS = "tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, "

# fmt: off
ROWS: Rows = {
    "binary_cross_entropy": (
        f"{BINARY}tf.expand_dims(probabilities, -1))",
        (BINARY_CLASS.format("") + COLUMNS.format("probabilities"), REDUCED),
    ),
    "sigmoid_cross_entropy": (
        ("tf.keras.losses.binary_crossentropy(from_logits)",
         f"{BINARY}tf.expand_dims(logits, -1), from_logits=True)"),
        ("tf.keras.losses.BinaryCrossentropy(from_logits)",
         BINARY_CLASS.format(", from_logits=True") + COLUMNS.format("logits"), REDUCED),
        ("tf.keras.losses.binary_crossentropy(sigmoid)",
         f"{BINARY}tf.math.sigmoid(tf.expand_dims(logits, -1)))"),
    ),
    "squared_loss": (f"tf.keras.losses.MSE{COLUMNS.format('predictions')}",),
    "cross_entropy": ("tf.keras.losses.categorical_crossentropy(labels, probabilities)",),
    "kl_divergence": (
        ("tf.keras.losses.KLD(exp(log_q))",
         "tf.keras.losses.KLD(labels, tf.math.exp(log_probabilities))"),
    ),
    "softmax_cross_entropy": (
        ("tf.keras.losses.categorical_crossentropy(from_logits)",
         "tf.keras.losses.categorical_crossentropy("
         "labels, logits, from_logits=True, label_smoothing=label_smoothing)",
         {"defaults": SMOOTH}),
        ("tf.keras.losses.CategoricalCrossentropy(from_logits)",
         "tf.keras.losses.CategoricalCrossentropy(from_logits=True,"
         " label_smoothing=label_smoothing, reduction=reduction)(labels, logits)",
         {"defaults": SMOOTH, **REDUCED}),
        ("tf.keras.losses.categorical_crossentropy(softmax)",
         f"tf.keras.losses.categorical_crossentropy(labels, {SOFTMAX})"),
    ),
    "softmax_cross_entropy_index": (
        ("tf.keras.losses.sparse_categorical_crossentropy(from_logits)",
         f"{SPARSE}logits, from_logits=True, ignore_class=ignore_index)",
         {"defaults": {"ignore_index": None}}),
        ("tf.keras.losses.SparseCategoricalCrossentropy(from_logits)",
         f"{SPARSE_CLASS}ignore_class=ignore_index, reduction=reduction)(labels, logits)",
         {"defaults": {"ignore_index": None}, "reductions": BY_KEPT}),
        ("tf.keras.losses.SparseCategoricalCrossentropy(sample_weight)",
         f"{SPARSE_CLASS}reduction=reduction)(labels, logits, sample_weight={WEIGHT})",
         {"reductions": {**BY_KERAS, "weighted_mean": "mean_with_sample_weight"}}),
        ("tf.keras.losses.sparse_categorical_crossentropy(softmax)", f"{SPARSE}{SOFTMAX})"),
    ),
}
