"""Cross entropies of classes: from logits, from probabilities, from their logarithms."""

from __future__ import annotations

from typing import Any

from adapters.keras_3.rows import CLIPPED, EPSILON, LOSS, Table, classes

DENSE, SPARSE = (
    "keras.losses.categorical_crossentropy",
    "keras.losses.sparse_categorical_crossentropy",
)
FOCAL = "keras.losses.categorical_focal_crossentropy"
OPS, OPS_SPARSE = "keras.ops.categorical_crossentropy", "keras.ops.sparse_categorical_crossentropy"
FROM, SMOOTH = "from_logits=True, axis=axis", "label_smoothing=label_smoothing"
FOCUS = "alpha=alpha * class_weights, gamma=gamma"
WEIGHTED = ", sample_weight=sample_weights"
SOFTMAX = "keras.ops.softmax(logits, axis=axis)"
LOG_SOFTMAX = "keras.ops.log_softmax(logits, axis=axis)"
SUM = "keras.ops.sum({}, axis=axis)"
ONE_HOT = "keras.ops.one_hot(labels, logits.shape[axis], axis=axis, dtype=logits.dtype)"
SOFT = "({} * (1 - label_smoothing) + label_smoothing / logits.shape[axis])"
SOFT_LABELS, SOFT_ONE_HOT = SOFT.format("labels"), SOFT.format(ONE_HOT)
KEPT = "keras.ops.not_equal(labels, ignore_index)"
SAFE = f"keras.ops.where({KEPT}, labels, 0)"
WEIGHT = f"keras.ops.take(class_weights, {SAFE})"
PICK = "keras.ops.take_along_axis({}, {}[:, None], axis=-1)[:, 0]"
CLIP = "keras.ops.clip({}, clip_epsilon, 1 - clip_epsilon)"
SHARES = "probabilities / keras.ops.sum(probabilities, axis=-1, keepdims=True)"
LOG_ROW = "keras.ops.log(probabilities)"

POWER = {"defaults": {"q": 0.7}}
ARRAY = {"class_weights": ..., "ignore_index": -100}
"""Class weights have to be given; labels to leave out need not be."""
GIVEN = {"ignore_index": ...}
NORMALISED = {"normalise": (None, "before_clip"), **CLIPPED}
EAGER = {"modes": ("eager",), "defaults": {"clip_epsilon": ...}}
IGNORED = {"none": "none", "sum": "sum", "weighted_mean": "sum_over_batch_size"}
IGNORING = {**IGNORED, "sample_weighted_mean": "mean_with_sample_weight"}
BY_WEIGHT = {**LOSS, "weighted_mean": "mean_with_sample_weight"}
BY_KEPT_WEIGHT = {
    "none": "none",
    "sum": "sum",
    "kept_mean": "sum_over_batch_size",
    "weighted_mean": "mean_with_sample_weight",
}


def over(weights: str) -> dict[str, Any]:
    """The reductions around losses whose weighted mean divides by the sum of `weights`."""
    mean = f"keras.ops.sum({{}}) / keras.ops.sum({weights})"
    around = {"none": "{}", "sum": "keras.ops.sum({})", "mean": "keras.ops.mean({})"}
    return {"reductions": {**around, "weighted_mean": mean}}


KEPT_SUM = over(f"keras.ops.cast({KEPT}, logits.dtype)")
WEIGHT_SUM = over(f"keras.ops.where({KEPT}, {WEIGHT}, 0)")

CLASS_LOSSES: Table = {
    "cross_entropy": {
        OPS: f"{OPS}(labels, probabilities)",
        DENSE: f"{DENSE}(labels, probabilities)",
        **classes("CategoricalCrossentropy", "", "labels, probabilities", "probabilities"),
        "-sum(p log(q))": f"-keras.ops.sum(labels * {LOG_ROW}, axis=-1)",
        "-sum(p log(q + 1e-7))": (
            "-keras.ops.sum(labels * keras.ops.log(probabilities + 1e-7), axis=-1)"
        ),
        "-sum(where(p > 0, p log(q), 0))": (
            f"-keras.ops.sum(keras.ops.where(labels > 0, labels * {LOG_ROW}, 0), axis=-1)"
        ),
    },
    "categorical_cross_entropy": {
        f"{OPS}(probabilities)": (
            f"{OPS}(labels, probabilities)",
            {"takes": NORMALISED},
        ),
        f"{OPS}(epsilon)": (
            f"keras.config.set_epsilon(clip_epsilon) or {OPS}(labels, probabilities)",
            {**EAGER, "takes": {"normalise": ("before_clip",)}},
        ),
        f"{DENSE}(probabilities)": (
            f"{DENSE}(labels, probabilities)",
            {"takes": NORMALISED},
        ),
        f"{FOCAL}(gamma=0)": (
            f"{FOCAL}(labels, probabilities, alpha=class_weights, gamma=0.0)",
            {"takes": NORMALISED},
        ),
        "-sum(w y log(p))": f"-keras.ops.sum(class_weights * labels * {LOG_ROW}, axis=-1)",
        "-sum(w y log(clip(p)))": (
            "-keras.ops.sum(class_weights * labels"
            f" * keras.ops.log({CLIP.format('probabilities')}), axis=-1)",
            {"defaults": {"clip_epsilon": EPSILON}},
        ),
        "-sum(w y log(p / sum(p)))": (
            f"-keras.ops.sum(class_weights * labels * keras.ops.log({SHARES}), axis=-1)",
            {"takes": {"normalise": ("before_clip", "after_clip")}},
        ),
    },
    "categorical_cross_entropy_index": {
        "-w log(p at k)": (
            f"-keras.ops.where({KEPT}, {WEIGHT}"
            f" * keras.ops.log({PICK.format('probabilities', SAFE)}), 0)",
            {"defaults": ARRAY, **WEIGHT_SUM},
        ),
        "keras.losses.SparseCategoricalCrossentropy(class weights, ignore_class)": (
            "keras.losses.SparseCategoricalCrossentropy(ignore_class=ignore_index,"
            " reduction=reduction, dtype=keras.backend.standardize_dtype(probabilities.dtype))"
            f"(labels, probabilities, sample_weight={WEIGHT})",
            {"defaults": {"class_weights": ..., **GIVEN}, "reductions": BY_KEPT_WEIGHT},
        ),
    },
    "softmax_cross_entropy": {
        f"{OPS}(from_logits)": f"{OPS}(labels, logits, {FROM})",
        f"{DENSE}(from_logits)": f"{DENSE}(labels, logits, {FROM}, {SMOOTH})",
        **classes(
            "CategoricalCrossentropy(from_logits)",
            f"{FROM}, {SMOOTH}, ",
            "labels, logits",
            "logits",
        ),
        f"{DENSE}(ops.softmax(x))": f"{DENSE}(labels, {SOFTMAX}, axis=axis)",
        f"{FOCAL}(from_logits, gamma=0)": (
            f"{FOCAL}(labels, logits, alpha=class_weights, gamma=0.0, {FROM}, {SMOOTH})"
        ),
        f"{OPS}(x / T, from_logits)": (
            f"{OPS}(labels, logits / temperature, {FROM})",
            {"defaults": {"temperature": ...}},
        ),
        "-sum(w t log_softmax(x))": (
            "-" + SUM.format(f"class_weights * {SOFT_LABELS} * {LOG_SOFTMAX}")
        ),
        "-sum(where(t > 0, t log_softmax(x), 0))": (
            "-" + SUM.format(f"keras.ops.where(labels > 0, labels * {LOG_SOFTMAX}, 0)")
        ),
        "-sum(t log(softmax(x)))": "-" + SUM.format(f"labels * keras.ops.log({SOFTMAX})"),
        "-sum(t log(softmax(x) + 1e-7))": (
            "-" + SUM.format(f"labels * keras.ops.log({SOFTMAX} + 1e-7)")
        ),
    },
    "softmax_cross_entropy_index": {
        f"{OPS_SPARSE}(from_logits)": f"{OPS_SPARSE}(labels, logits, {FROM})",
        f"{SPARSE}(from_logits)": f"{SPARSE}(labels, logits, {FROM})",
        f"{SPARSE}(from_logits, ignore_class)": (
            f"{SPARSE}(labels, logits, {FROM}, ignore_class=ignore_index)",
            {"defaults": GIVEN, **KEPT_SUM},
        ),
        **classes(
            "SparseCategoricalCrossentropy(from_logits)",
            f"{FROM}, ignore_class=ignore_index, ",
            "labels, logits" + WEIGHTED,
            "logits",
            reductions=IGNORING,
        ),
        "keras.losses.SparseCategoricalCrossentropy(from_logits, class weights)": (
            "keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction,"
            " dtype=keras.backend.standardize_dtype(logits.dtype))"
            "(labels, logits, sample_weight=keras.ops.take(class_weights, labels))",
            {"defaults": ARRAY, "reductions": BY_WEIGHT},
        ),
        "keras.losses.SparseCategoricalCrossentropy(from_logits, class weights, ignore_class)": (
            "keras.losses.SparseCategoricalCrossentropy(from_logits=True,"
            " ignore_class=ignore_index, reduction=reduction,"
            " dtype=keras.backend.standardize_dtype(logits.dtype))"
            f"(labels, logits, sample_weight={WEIGHT})",
            {"defaults": {"class_weights": ..., **GIVEN}, "reductions": BY_KEPT_WEIGHT},
        ),
        f"{SPARSE}(ops.softmax(x))": f"{SPARSE}(labels, keras.ops.softmax(logits))",
        f"{OPS}(one_hot, from_logits)": f"{OPS}({SOFT_ONE_HOT}, logits, {FROM})",
        f"{DENSE}(one_hot, from_logits, label_smoothing)": (
            f"{DENSE}({ONE_HOT}, logits, {FROM}, {SMOOTH})",
            {"defaults": {"label_smoothing": ...}},
        ),
        "where(mask, -sum(one_hot w log_softmax(x)), 0)": (
            f"keras.ops.where({KEPT}, -keras.ops.sum(class_weights * {SOFT_ONE_HOT}"
            f" * {LOG_SOFTMAX}, axis=axis), 0)",
            {"defaults": {"ignore_index": -100}},
        ),
        "-take_along_axis(log_softmax(x))": (
            f"-{PICK.format('keras.ops.log_softmax(logits)', 'labels')}"
        ),
        "-log(take_along_axis(softmax(x)))": (
            f"-keras.ops.log({PICK.format('keras.ops.softmax(logits)', 'labels')})"
        ),
        "logsumexp(x) - take_along_axis(x)": (
            f"keras.ops.logsumexp(logits, axis=-1) - {PICK.format('logits', 'labels')}"
        ),
    },
    "nll": {
        "-w take_along_axis(log_p)": (
            f"-keras.ops.where({KEPT}, {WEIGHT} * {PICK.format('log_probabilities', SAFE)}, 0)",
            {"defaults": ARRAY, **WEIGHT_SUM},
        ),
        "-take_along_axis(log_p)": f"-{PICK.format('log_probabilities', 'labels')}",
        f"{SPARSE}(exp(log_p))": f"{SPARSE}(labels, keras.ops.exp(log_probabilities))",
    },
    "linear_softmax_cross_entropy": {
        f"{SPARSE}(matmul(h, W) + b)": (
            f"{SPARSE}(labels, keras.ops.matmul(hidden, keras.ops.transpose(weights)) + bias,"
            " from_logits=True)"
        ),
        f"{DENSE}(one_hot, matmul(h, W) + b)": (
            f"{DENSE}(keras.ops.one_hot(labels, weights.shape[0], dtype=hidden.dtype),"
            " keras.ops.matmul(hidden, keras.ops.transpose(weights)) + bias,"
            f" from_logits=True, {SMOOTH})"
        ),
        "w sparse_categorical_crossentropy(matmul(h, W) + b)": (
            f"keras.ops.take(class_weights, labels) * {SPARSE}(labels,"
            " keras.ops.matmul(hidden, keras.ops.transpose(weights)) + bias, from_logits=True)",
            {
                "defaults": {"class_weights": ...},
                **over("keras.ops.take(class_weights, labels)"),
            },
        ),
    },
    "softmax_focal_loss": {
        f"{FOCAL}(from_logits)": (
            f"{FOCAL}(labels, logits, {FOCUS}, from_logits=True)",
            {"defaults": {"alpha": 1.0}},
        ),
        **classes(
            "CategoricalFocalCrossentropy(from_logits)",
            f"{FOCUS}, from_logits=True, ",
            "labels, logits",
            "logits",
            defaults={"alpha": 1.0},
        ),
        "-alpha sum(w y (1 - softmax(x))^gamma log_softmax(x))": (
            "-alpha * keras.ops.sum(class_weights * labels"
            " * (1 - keras.ops.softmax(logits)) ** gamma * keras.ops.log_softmax(logits), axis=-1)",
            {"defaults": {"alpha": 1.0}},
        ),
    },
    "poly1_cross_entropy": {
        "categorical_crossentropy(from_logits) + e (1 - sum(y softmax(x)))": (
            f"{DENSE}(labels, logits, from_logits=True)"
            " + epsilon * (1 - keras.ops.sum(labels * keras.ops.softmax(logits), axis=-1))",
            {"defaults": {"epsilon": 1.0}},
        ),
    },
    "generalised_cross_entropy": {
        "keras.losses.categorical_generalized_cross_entropy(softmax(x))": (
            "keras.losses.categorical_generalized_cross_entropy("
            "labels, keras.ops.softmax(logits), q)",
            POWER,
        ),
        **classes(
            "CategoricalGeneralizedCrossEntropy(softmax(x))",
            "q=q, ",
            "labels, keras.ops.softmax(logits)",
            "logits",
            **POWER,
        ),
        "-expm1(q take_along_axis(log_softmax(x))) / q": (
            f"-keras.ops.expm1(q * {PICK.format('keras.ops.log_softmax(logits)', 'labels')}) / q",
            POWER,
        ),
    },
    "multiclass_margin_loss": {
        "mean(w (1 - one_hot) max(margin - x at k + x, 0)^exponent)": (
            "keras.ops.mean((1 - keras.ops.one_hot(labels, logits.shape[-1], dtype=logits.dtype))"
            " * keras.ops.maximum("
            "margin - keras.ops.take_along_axis(logits, labels[:, None], axis=-1) + logits, 0.0)"
            " ** exponent, axis=-1)"
        ),
        "w mean((1 - one_hot) max(margin - x at k + x, 0)^exponent)": (
            "keras.ops.take(class_weights, labels) * keras.ops.mean("
            "(1 - keras.ops.one_hot(labels, logits.shape[-1], dtype=logits.dtype))"
            " * keras.ops.maximum("
            "margin - keras.ops.take_along_axis(logits, labels[:, None], axis=-1) + logits, 0.0)"
            " ** exponent, axis=-1)",
            {"defaults": {"class_weights": ...}},
        ),
    },
    "z_loss": {
        "scale logsumexp(x)^2": ("scale * keras.ops.square(keras.ops.logsumexp(logits, axis=-1))"),
    },
}
