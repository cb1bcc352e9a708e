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

CLIPS = {"takes": {"clip_epsilon": (None, 1e-7)}}

# fmt: off
ROWS: Rows = {
    "binary_cross_entropy": (
        (f"{BINARY}tf.expand_dims(probabilities, -1))", CLIPS),
        (BINARY_CLASS.format("") + COLUMNS.format("probabilities"), {**CLIPS, **REDUCED}),
    ),
    "sigmoid_cross_entropy": (
        ("tf.keras.losses.binary_crossentropy(from_logits)",
         f"{BINARY}tf.expand_dims(logits, -1), from_logits=True,"
         " label_smoothing=label_smoothing)", {"defaults": SMOOTH}),
        ("tf.keras.losses.BinaryCrossentropy(from_logits)",
         BINARY_CLASS.format(", from_logits=True, label_smoothing=label_smoothing")
         + COLUMNS.format("logits"), {"defaults": SMOOTH, **REDUCED}),
        ("tf.keras.losses.BinaryCrossentropy(pos_weight as sample_weight)",
         BINARY_CLASS.format(", from_logits=True")
         + COLUMNS.format("logits")[:-1] + ", sample_weight=1 + (pos_weight - 1) * labels)",
         {"fixed": {"labels": "equal at the labels 0 and 1 only"},
          "reductions": {"mean": "sum_over_batch_size", "sum": "sum"}}),
        ("tf.keras.losses.binary_crossentropy(sigmoid)",
         f"{BINARY}tf.math.sigmoid(tf.expand_dims(logits, -1)))"),
    ),
    "squared_loss": (f"tf.keras.losses.MSE{COLUMNS.format('predictions')}",),
    "cross_entropy": ("tf.keras.losses.categorical_crossentropy(labels, probabilities)",),
    "kl_divergence": (
        ("tf.keras.losses.KLD(exp(log_q))",
         "tf.keras.losses.KLD(labels, tf.math.exp(log_probabilities))"),
        ("tf.keras.losses.KLDivergence(exp(log_q))",
         "tf.keras.losses.KLDivergence(reduction=reduction)"
         "(labels, tf.math.exp(log_probabilities))",
         {"reductions": {"mean": "sum_over_batch_size", "sum": "sum"}}),
    ),
    "categorical_cross_entropy": (
        ("tf.keras.losses.categorical_crossentropy(probabilities)",
         "tf.keras.losses.categorical_crossentropy(labels, probabilities)",
         {"takes": {"normalise": ("before_clip",), "clip_epsilon": (1e-7,)}}),
    ),
    "sigmoid_focal_loss": (
        ("tf.keras.losses.binary_focal_crossentropy(from_logits)",
         "tf.keras.losses.binary_focal_crossentropy(tf.expand_dims(labels, -1),"
         " tf.expand_dims(logits, -1), apply_class_balancing=True, alpha=alpha, gamma=gamma,"
         " from_logits=True)"),
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
        ("tf.keras.losses.SparseCategoricalCrossentropy(sample_weights)",
         f"{SPARSE_CLASS}reduction=reduction)(labels, logits, sample_weight=sample_weights)",
         {"reductions": {**BY_KERAS, "sample_weighted_mean": "mean_with_sample_weight"}}),
        ("tf.keras.losses.sparse_categorical_crossentropy(softmax)", f"{SPARSE}{SOFTMAX})"),
    ),
}
