"""TensorFlow's implementations: its loss functions, and what its users write in their place.

Expressions name functions as the documentation does: `tf.nn.sigmoid`, `tf.sigmoid` are the same
object as `tf.math.sigmoid`, and so for `softplus`, `tanh`, `exp`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from adapters.protocol import Implementation

MODES = ("eager", "graph", "compiled", "session")
# Kernels and XLA code alike run with the processor's flush-to-zero and denormals-are-zero bits.
FLUSH = (*MODES, "placed")
WRITTEN = ("eager", "session")
DOCUMENTS = ("softmax_cross_entropy", "sigmoid_cross_entropy")
"""The operators that the seed documents write out and run in a session."""
PAGES = "https://www.tensorflow.org/api_docs/python/"

# Reductions by an argument: TensorFlow 1 losses, Keras losses.
V1 = {"none": "none", "sum": "weighted_sum", "mean": "weighted_sum_over_batch_size"}
KERAS = {"none": "none", "sum": "sum", "mean": "sum_over_batch_size"}
KERAS_IGNORE = {"none": "none", "sum": "sum", "weighted_mean": "sum_over_batch_size"}
# Reductions that users write around a function without one.
AROUND = {"none": "{}", "sum": "tf.reduce_sum({})", "mean": "tf.reduce_mean({})"}


def over(weights: str) -> dict[str, Any]:
    """The reductions around losses whose weighted mean divides by the sum of `weights`."""
    mean = f"tf.reduce_sum({{}}) / tf.reduce_sum({weights})"
    return {"reductions": {**AROUND, "weighted_mean": mean}}


def of_log(text: str) -> str:
    return text.replace("logits", "log_probabilities")


# Options that rows share.
BY_V1, BY_KERAS, ONLY_SUM = {"reductions": V1}, {"reductions": KERAS}, {"reductions": {"sum": "{}"}}
SMOOTH = {"label_smoothing": 0.0}
CLIPS = {"settings": {"clip_epsilon": (None, 1e-7)}}
FIXED = {"labels": "a constant here: the function applies tf.stop_gradient to its labels"}
PM1 = {"labels": "linear in the label: equal to ln(1 + e^(-y x)) at the labels -1 and +1 only"}

# Parts that rows share.
KERAS_BINARY = "tf.keras.losses.binary_crossentropy(tf.expand_dims(labels, -1), "
KERAS_BINARY_CLASS = "tf.keras.losses.BinaryCrossentropy(reduction=reduction{})"
COLUMNS = "(tf.expand_dims(labels, -1), tf.expand_dims({}, -1))"
SIGMOID = "tf.math.sigmoid(logits)"
SHIFTED = "tf.math.exp(logits - tf.reduce_max(logits, axis=-1, keepdims=True))"
SOFTMAX, LOG_SOFTMAX = "tf.nn.softmax(logits)", "tf.nn.log_softmax(logits)"
DENSE = "tf.nn.softmax_cross_entropy_with_logits(labels={}, logits=logits)"
SPARSE = "tf.nn.sparse_softmax_cross_entropy_with_logits(labels={}, logits=logits)"
V1_SPARSE = "tf.compat.v1.losses.sparse_softmax_cross_entropy(labels, logits, {})"
KERAS_SPARSE = "tf.keras.losses.sparse_categorical_crossentropy(labels, "
KERAS_SPARSE_CLASS = "tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, "
ONE_HOT = "tf.one_hot(labels, logits.shape[-1], dtype=logits.dtype)"
SOFT = "({} * (1 - label_smoothing) + label_smoothing / logits.shape[-1])"
SOFT_LABELS, SOFT_ONE_HOT = SOFT.format("labels"), SOFT.format(ONE_HOT)
KEPT = "tf.not_equal(labels, ignore_index)"
MASK = f"tf.cast({KEPT}, logits.dtype)"
SAFE = f"tf.where({KEPT}, labels, 0)"
WEIGHT, SAFE_WEIGHT = "tf.gather(class_weights, labels)", f"tf.gather(class_weights, {SAFE})"

Row = str | tuple[str | Mapping[str, Any], ...]

# Operator -> rows: name, expression, options of Implementation. Where the name is left out, it is
# that of the function which the expression calls.
# fmt: off
TABLE: dict[str, tuple[Row, ...]] = {
    "sigmoid": (
        "tf.math.sigmoid(x)",
        ("1 / (1 + exp(-x))", "1 / (1 + tf.math.exp(-x))"),
        ("(1 + tanh(x / 2)) / 2", "0.5 * (1 + tf.math.tanh(0.5 * x))"),
    ),
    "log_sigmoid": (
        "tf.math.log_sigmoid(x)",
        ("log(sigmoid(x))", "tf.math.log(tf.math.sigmoid(x))"),
        ("-log1p(exp(-x))", "-tf.math.log1p(tf.math.exp(-x))"),
    ),
    "softplus": (
        "tf.math.softplus(x)",
        ("softplus(beta x) / beta", "tf.math.softplus(beta * x) / beta"),
        ("log(1 + exp(x))", "tf.math.log(1 + tf.math.exp(x))"),
        ("log1p(exp(x))", "tf.math.log1p(tf.math.exp(x))"),
        ("max(x, 0) + log1p(exp(-abs(x)))",
         "tf.math.maximum(x, 0) + tf.math.log1p(tf.math.exp(-tf.math.abs(x)))"),
    ),
    "tanh": (
        "tf.math.tanh(x)",
        ("2 sigmoid(2 x) - 1", "2 * tf.math.sigmoid(2 * x) - 1"),
        ("(exp(x) - exp(-x)) / (exp(x) + exp(-x))",
         "(tf.math.exp(x) - tf.math.exp(-x)) / (tf.math.exp(x) + tf.math.exp(-x))"),
    ),
    "relu": (
        "tf.nn.relu(x)",
        "tf.math.maximum(x, 0)",
        ("where(x > 0, x, 0)", "tf.where(x > 0, x, 0)"),
    ),
    "leaky_relu": (
        "tf.nn.leaky_relu(x, alpha=negative_slope)",
        ("max(x, slope x)", "tf.math.maximum(x, negative_slope * x)"),
        ("where(x > 0, x, slope x)", "tf.where(x > 0, x, negative_slope * x)"),
    ),
    "binary_cross_entropy": (
        ("tf.compat.v1.losses.log_loss(labels, probabilities, reduction=reduction)", BY_V1),
        (f"{KERAS_BINARY}tf.expand_dims(probabilities, -1))", CLIPS),
        (KERAS_BINARY_CLASS.format("") + COLUMNS.format("probabilities"), {**CLIPS, **BY_KERAS}),
        ("-(z log(p) + (1 - z) log(1 - p))",
         "-(labels * tf.math.log(probabilities) + (1 - labels) * tf.math.log(1 - probabilities))"),
        ("-(z log(p + 1e-7) + (1 - z) log(1 - p + 1e-7))",
         "-(labels * tf.math.log(probabilities + 1e-7)"
         " + (1 - labels) * tf.math.log(1 - probabilities + 1e-7))"),
        ("-(z log(clip(p)) + (1 - z) log(clip(1 - p)))",
         "-(labels * tf.math.log(tf.clip_by_value(probabilities, 1e-10, 1.0))"
         " + (1 - labels) * tf.math.log(tf.clip_by_value(1 - probabilities, 1e-10, 1.0)))"),
        ("-(xlogy(z, p) + xlog1py(1 - z, -p))",
         "-(tf.math.xlogy(labels, probabilities) + tf.math.xlog1py(1 - labels, -probabilities))"),
    ),
    "sigmoid_cross_entropy": (
        "tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)",
        ("tf.nn.weighted_cross_entropy_with_logits(labels=labels, logits=logits,"
         " pos_weight=pos_weight)", {"defaults": {"pos_weight": 1.0}}),
        ("tf.compat.v1.losses.sigmoid_cross_entropy("
         "labels, logits, label_smoothing=label_smoothing, reduction=reduction)",
         {"defaults": SMOOTH, **BY_V1}),
        ("tf.keras.losses.binary_crossentropy(from_logits)",
         f"{KERAS_BINARY}tf.expand_dims(logits, -1), from_logits=True,"
         " label_smoothing=label_smoothing)", {"defaults": SMOOTH}),
        ("tf.keras.losses.BinaryCrossentropy(from_logits)",
         KERAS_BINARY_CLASS.format(", from_logits=True, label_smoothing=label_smoothing")
         + COLUMNS.format("logits"), {"defaults": SMOOTH, **BY_KERAS}),
        ("tf.keras.losses.binary_crossentropy(sigmoid)",
         f"{KERAS_BINARY}tf.math.sigmoid(tf.expand_dims(logits, -1)))"),
        ("-(z log(sigmoid(x)) + (1 - z) log(1 - sigmoid(x)))",
         f"-(labels * tf.math.log({SIGMOID}) + (1 - labels) * tf.math.log(1 - {SIGMOID}))"),
        ("-(z log_sigmoid(x) + (1 - z) log_sigmoid(-x))",
         "-(labels * tf.math.log_sigmoid(logits) + (1 - labels) * tf.math.log_sigmoid(-logits))"),
        ("max(x, 0) - x z + log1p(exp(-abs(x)))",
         "tf.math.maximum(logits, 0) - logits * labels"
         " + tf.math.log1p(tf.math.exp(-tf.math.abs(logits)))"),
    ),
    "logistic_loss_pm1": (
        ("softplus(-y x)", "tf.math.softplus(-labels * logits)"),
        ("-log_sigmoid(y x)", "-tf.math.log_sigmoid(labels * logits)"),
        ("log(1 + exp(-y x))", "tf.math.log(1 + tf.math.exp(-labels * logits))"),
        ("log1p(exp(-y x))", "tf.math.log1p(tf.math.exp(-labels * logits))"),
        ("sigmoid_cross_entropy_with_logits((1 + y) / 2)",
         "tf.nn.sigmoid_cross_entropy_with_logits(labels=(1 + labels) / 2, logits=logits)",
         {"fixed": PM1}),
    ),
    "squared_loss": (
        "tf.math.squared_difference(predictions, labels)",
        ("scale (y - z)^2", "scale * tf.math.square(predictions - labels)"),
        ("tf.nn.l2_loss", "2 * scale * tf.nn.l2_loss(predictions - labels)", ONLY_SUM),
        ("tf.compat.v1.losses.mean_squared_error(labels, predictions, reduction=reduction)", BY_V1),
        f"tf.keras.losses.MSE{COLUMNS.format('predictions')}",
    ),
    "sigmoid_squared_loss": (
        ("(sigmoid(x) - y)^2 / 2", f"tf.math.square({SIGMOID} - labels) / 2"),
        ("squared_difference(sigmoid(x), y) / 2",
         f"tf.math.squared_difference({SIGMOID}, labels) / 2"),
        ("l2_loss(sigmoid(x) - y)", f"tf.nn.l2_loss({SIGMOID} - labels)", ONLY_SUM),
    ),
    "softmax": (
        "tf.nn.softmax(logits)",
        ("exp(x) / sum(exp(x))",
         "tf.math.exp(logits) / tf.math.reduce_sum(tf.math.exp(logits), axis=-1, keepdims=True)"),
        ("exp(x - max) / sum(exp(x - max))",
         f"{SHIFTED} / tf.math.reduce_sum({SHIFTED}, axis=-1, keepdims=True)"),
        ("exp(log_softmax(x))", f"tf.math.exp({LOG_SOFTMAX})"),
    ),
    "log_softmax": (
        "tf.nn.log_softmax(logits)",
        ("log(softmax(x))", f"tf.math.log({SOFTMAX})"),
        ("x - reduce_logsumexp(x)",
         "logits - tf.math.reduce_logsumexp(logits, axis=-1, keepdims=True)"),
    ),
    "logsumexp": (
        "tf.math.reduce_logsumexp(logits, axis=-1)",
        ("log(sum(exp(x)))", "tf.math.log(tf.math.reduce_sum(tf.math.exp(logits), axis=-1))"),
        ("max + log(sum(exp(x - max)))",
         f"tf.math.log(tf.math.reduce_sum({SHIFTED}, axis=-1)) + tf.reduce_max(logits, axis=-1)"),
    ),
    "cross_entropy": (
        ("-sum(p log(q))", "-tf.reduce_sum(labels * tf.math.log(probabilities), axis=-1)"),
        ("-sum(p log(q + 1e-10))",
         "-tf.reduce_sum(labels * tf.math.log(probabilities + 1e-10), axis=-1)"),
        ("-sum(p log(clip(q)))", "-tf.reduce_sum(labels"
         " * tf.math.log(tf.clip_by_value(probabilities, 1e-10, 1.0)), axis=-1)"),
        ("-sum(xlogy(p, q))", "-tf.reduce_sum(tf.math.xlogy(labels, probabilities), axis=-1)"),
        ("-sum(multiply_no_nan(log(q), p))",
         "-tf.reduce_sum(tf.math.multiply_no_nan(tf.math.log(probabilities), labels), axis=-1)"),
        "tf.keras.losses.categorical_crossentropy(labels, probabilities)",
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
        ("tf.keras.losses.KLD(exp(log_q))",
         "tf.keras.losses.KLD(labels, tf.math.exp(log_probabilities))"),
    ),
    "softmax_cross_entropy": (
        "tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)",
        ("softmax_cross_entropy_with_logits(smoothed)", DENSE.format(SOFT_LABELS)),
        ("softmax_cross_entropy_with_logits(class_weights smoothed)",
         DENSE.format(f"{SOFT_LABELS} * class_weights"), {"defaults": SMOOTH}),
        ("tf.compat.v1.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)",
         {"fixed": FIXED}),
        ("tf.compat.v1.losses.softmax_cross_entropy("
         "labels, logits, label_smoothing=label_smoothing, reduction=reduction)",
         {"defaults": SMOOTH, "fixed": FIXED, **BY_V1}),
        ("tf.keras.losses.categorical_crossentropy(from_logits)",
         "tf.keras.losses.categorical_crossentropy("
         "labels, logits, from_logits=True, label_smoothing=label_smoothing)",
         {"defaults": SMOOTH}),
        ("tf.keras.losses.CategoricalCrossentropy(from_logits)",
         "tf.keras.losses.CategoricalCrossentropy(from_logits=True,"
         " label_smoothing=label_smoothing, reduction=reduction)(labels, logits)",
         {"defaults": SMOOTH, **BY_KERAS}),
        ("tf.keras.losses.categorical_crossentropy(softmax)",
         f"tf.keras.losses.categorical_crossentropy(labels, {SOFTMAX})"),
        ("-sum(t class_weights log_softmax(x))",
         f"-tf.reduce_sum({SOFT_LABELS} * class_weights * {LOG_SOFTMAX}, axis=-1)",
         {"defaults": {"class_weights": 1.0, **SMOOTH}}),
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
         over(f"{MASK} * {SAFE_WEIGHT}")),
        ("softmax_cross_entropy_with_logits(one_hot)", DENSE.format(SOFT_ONE_HOT),
         {"defaults": SMOOTH}),
        ("softmax_cross_entropy_with_logits(class_weights one_hot)",
         DENSE.format(f"{SOFT_ONE_HOT} * class_weights"), {"defaults": SMOOTH, **over(WEIGHT)}),
        ("where(mask, -sum(one_hot class_weights log_softmax(x)), 0)", f"tf.where({KEPT},"
         f" -tf.reduce_sum({SOFT_ONE_HOT} * class_weights * {LOG_SOFTMAX}, axis=-1), 0)",
         {"defaults": {"class_weights": 1.0, "ignore_index": -100, **SMOOTH},
          **over(f"{MASK} * tf.reduce_sum({ONE_HOT} * class_weights, axis=-1)")}),
        ("-gather(log_softmax(x))", f"-tf.gather({LOG_SOFTMAX}, labels, batch_dims=1)"),
        ("-log(gather(softmax(x)))", f"-tf.math.log(tf.gather({SOFTMAX}, labels, batch_dims=1))"),
        (V1_SPARSE.format("reduction=reduction"), BY_V1),
        ("tf.compat.v1.losses.sparse_softmax_cross_entropy(class_weights)",
         V1_SPARSE.format(f"weights={WEIGHT}, reduction=reduction"),
         {"reductions": {**V1, "weighted_mean": "weighted_mean"}}),
        ("tf.compat.v1.losses.sparse_softmax_cross_entropy(mask)",
         V1_SPARSE.format(f"weights={MASK}, reduction=reduction"),
         {"reductions": {**V1, "weighted_mean": "weighted_mean"}}),
        ("tf.keras.losses.sparse_categorical_crossentropy(from_logits)",
         f"{KERAS_SPARSE}logits, from_logits=True, ignore_class=ignore_index)",
         {"defaults": {"ignore_index": None}}),
        ("tf.keras.losses.SparseCategoricalCrossentropy(from_logits)",
         f"{KERAS_SPARSE_CLASS}ignore_class=ignore_index, reduction=reduction)(labels, logits)",
         {"defaults": {"ignore_index": None}, "reductions": KERAS_IGNORE}),
        ("tf.keras.losses.SparseCategoricalCrossentropy(sample_weight)",
         f"{KERAS_SPARSE_CLASS}reduction=reduction)(labels, logits, sample_weight={WEIGHT})",
         {"reductions": {**KERAS, "weighted_mean": "mean_with_sample_weight"}}),
        ("tf.keras.losses.sparse_categorical_crossentropy(softmax)", f"{KERAS_SPARSE}{SOFTMAX})"),
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
         {"defaults": {"class_weights": 1.0, "ignore_index": -100},
          **over(of_log(f"{MASK} * tf.reduce_sum({ONE_HOT} * class_weights, axis=-1)"))}),
    ),
}

# What to write where TensorFlow has no function or argument of its own: each is the answer to a
# question of the porting guide (porting/questions.yaml).
RECIPES: dict[str, tuple[Row, ...]] = {
    "sigmoid_cross_entropy": (
        ("sigmoid_cross_entropy_with_logits(smoothed)",
         "tf.nn.sigmoid_cross_entropy_with_logits("
         "labels=labels * (1 - label_smoothing) + label_smoothing / 2, logits=logits)"),
        ("weighted_cross_entropy_with_logits(smoothed)",
         "tf.nn.weighted_cross_entropy_with_logits("
         "labels=labels * (1 - label_smoothing) + label_smoothing / 2, logits=logits,"
         " pos_weight=pos_weight)"),
        ("tf.keras.losses.BinaryCrossentropy(pos_weight as sample_weight)",
         KERAS_BINARY_CLASS.format(", from_logits=True")
         + COLUMNS.format("logits")[:-1] + ", sample_weight=1 + (pos_weight - 1) * labels)",
         {"fixed": {"labels": "equal at the labels 0 and 1 only"},
          "reductions": {"mean": "sum_over_batch_size", "sum": "sum"}}),
    ),
    "categorical_cross_entropy": (
        ("tf.keras.losses.categorical_crossentropy(probabilities)",
         "tf.keras.losses.categorical_crossentropy(labels, probabilities)",
         {"settings": {"normalise": ("before_clip",), "clip_epsilon": (1e-7,)}}),
        ("-sum(y log(clip(p / sum(p))))", "-tf.reduce_sum(labels * tf.math.log(tf.clip_by_value("
         "probabilities / tf.reduce_sum(probabilities, axis=-1, keepdims=True),"
         " clip_epsilon, 1 - clip_epsilon)), axis=-1)",
         {"settings": {"normalise": ("before_clip",)}}),
    ),
    "kl_divergence": (
        ("tf.keras.losses.KLDivergence(exp(log_q))",
         "tf.keras.losses.KLDivergence(reduction=reduction)"
         "(labels, tf.math.exp(log_probabilities))",
         {"reductions": {"mean": "sum_over_batch_size", "sum": "sum"}}),
    ),
    "softmax_cross_entropy_index": (
        ("sample_weights sparse_softmax_cross_entropy",
         f"sample_weights * {SPARSE.format('labels')}",
         {"reductions": {
             **AROUND,
             "nonzero_mean": "tf.reduce_sum({}) / tf.cast("
             "tf.math.count_nonzero(sample_weights), logits.dtype)",
             "sample_weighted_mean": "tf.reduce_sum({}) / tf.reduce_sum(sample_weights)"}}),
        ("tf.compat.v1.losses.sparse_softmax_cross_entropy(sample_weights)",
         V1_SPARSE.format("weights=sample_weights, reduction=reduction"),
         {"reductions": {**V1, "sample_weighted_mean": "weighted_mean",
                         "nonzero_mean": "weighted_sum_by_nonzero_weights"}}),
        ("tf.keras.losses.SparseCategoricalCrossentropy(sample_weights)",
         f"{KERAS_SPARSE_CLASS}reduction=reduction)(labels, logits, sample_weight=sample_weights)",
         {"reductions": {**KERAS, "sample_weighted_mean": "mean_with_sample_weight"}}),
        ("sparse_softmax_cross_entropy(classes moved to the last axis)",
         "tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels,"
         " logits=tf.experimental.numpy.moveaxis(logits, axis, -1))"),
    ),
    "sigmoid_focal_loss": (
        ("tf.keras.losses.binary_focal_crossentropy(from_logits)",
         "tf.keras.losses.binary_focal_crossentropy(tf.expand_dims(labels, -1),"
         " tf.expand_dims(logits, -1), apply_class_balancing=True, alpha=alpha, gamma=gamma,"
         " from_logits=True)"),
        ("alpha_t (1 - p_t)^gamma sigmoid_cross_entropy_with_logits",
         f"(alpha * labels + (1 - alpha) * (1 - labels)) * ({SIGMOID} * (1 - labels)"
         " + tf.math.sigmoid(-logits) * labels) ** gamma"
         " * tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)"),
    ),
    "softmax": (
        ("softmax(where(mask, x, -inf))", "tf.nn.softmax(tf.where(mask, logits, -float('inf')))"),
    ),
    "logsumexp": (
        ("reduce_logsumexp(where(mask, x, -inf))",
         "tf.math.reduce_logsumexp(tf.where(mask, logits, -float('inf')), axis=-1)"),
    ),
}
# fmt: on


def _implementation(operator: str, row: Row) -> Implementation:
    """A row of the table, with the page of the first function in its expression."""
    parts = (row,) if isinstance(row, str) else row
    texts = [part for part in parts if isinstance(part, str)]
    options = next((part for part in parts if not isinstance(part, str)), {})
    name, code = texts if len(texts) == 2 else (texts[0].partition("(")[0], texts[0])
    functions = re.findall(r"tf\.(?:math|nn|keras|compat)[\w.]+", code) or re.findall(
        r"tf\.\w+", code
    )
    page = PAGES + functions[0].replace(".", "/")
    # A composition is run as it is written and, like the seed documents' code, in a session.
    # The loss classes are loops around the functions: compiling them as well would cost minutes.
    public = name.partition("(")[0] if re.match(r"tf\.[\w.]+(\(|$)", name) else ""
    whole = re.match(r"tf\.(math|nn|reduce|keras\.losses\.[a-z])", name)
    modes = None if whole else WRITTEN if operator in DOCUMENTS else ("eager",)
    options = {"modes": modes, "public": public, **options}
    return Implementation(name, operator, code, flush=FLUSH, documentation=page, **options)


IMPLEMENTATIONS = tuple(
    _implementation(operator, row)
    for table in (TABLE, RECIPES)
    for operator, rows in table.items()
    for row in rows
)
