"""Losses of single numbers: binary cross entropies, focal, hinge, Poisson and squared losses.

The functions of `keras.losses` take the mean over the last axis: an axis of length 1 is appended.
"""

from __future__ import annotations

from adapters.keras_3.rows import CLIPPED, EPSILON, Table, classes

COLUMNS = "labels[..., None], {}[..., None]"
LOGITS, PROBABILITIES = COLUMNS.format("logits"), COLUMNS.format("probabilities")
PREDICTIONS, RATES = COLUMNS.format("predictions"), "counts[..., None], rates[..., None]"
WEIGHTED = ", sample_weight=sample_weights"
SIGMOID = "keras.ops.sigmoid(logits)"
SMOOTH = "label_smoothing=label_smoothing"
SMOOTHED = "(labels * (1 - label_smoothing) + 0.5 * label_smoothing)"
BINARY, FOCAL = "keras.losses.binary_crossentropy", "keras.losses.binary_focal_crossentropy"
BALANCED = "from_logits=True, apply_class_balancing=True, alpha=alpha, gamma=gamma"
STABLE = (
    "(keras.ops.maximum(logits, 0) - logits * labels"
    " + keras.ops.log1p(keras.ops.exp(-keras.ops.abs(logits))))"
)
MISSING = f"(1 - (labels * {SIGMOID} + (1 - labels) * (1 - {SIGMOID})))"
CLIP = "keras.ops.clip({}, clip_epsilon, 1 - clip_epsilon)"
LOGS = "-(labels * {} + (1 - labels) * {})"
SOFTENED = "keras.ops.log(({} + epsilon) / (1 + epsilon))"
ENDS = {"defaults": {"epsilon": 0.05}}
RHO = "keras.ops.full_like(activations, target)"
PAIR = "keras.ops.stack([{0}, 1 - {0}], axis=-1)"
PM1 = {
    "fixed": {"labels": "linear in the label: equal to ln(1 + e^(-y x)) at the labels -1 and +1"}
}
HINGE = {"takes": {"margin": (None, 1.0), "exponent": (None, 1.0)}}
SQUARED = {"takes": {"margin": (None, 1.0), "exponent": (2.0,)}}
SHIFTED = {"takes": {"add_epsilon": (None, EPSILON)}}
POLICY = {"takes": CLIPPED}
EAGER = {"modes": ("eager",), "defaults": {"clip_epsilon": ...}}

BINARY_LOSSES: Table = {
    "binary_cross_entropy": {
        "keras.ops.binary_crossentropy": (
            "keras.ops.binary_crossentropy(labels, probabilities)",
            POLICY,
        ),
        "keras.ops.binary_crossentropy(epsilon)": (
            "keras.config.set_epsilon(clip_epsilon)"
            " or keras.ops.binary_crossentropy(labels, probabilities)",
            EAGER,
        ),
        BINARY: (f"{BINARY}({PROBABILITIES}, {SMOOTH})", POLICY),
        **classes(
            "BinaryCrossentropy",
            f"{SMOOTH}, ",
            PROBABILITIES + WEIGHTED,
            "probabilities",
            **POLICY,
        ),
        f"{FOCAL}(gamma=0)": (f"{FOCAL}({PROBABILITIES}, gamma=0.0, {SMOOTH})", POLICY),
        "-(z log(p) + (1 - z) log(1 - p))": LOGS.format(
            "keras.ops.log(probabilities)", "keras.ops.log(1 - probabilities)"
        ),
        "-(z log(p) + (1 - z) log1p(-p))": LOGS.format(
            "keras.ops.log(probabilities)", "keras.ops.log1p(-probabilities)"
        ),
        "-(z log(p + e) + (1 - z) log(1 - p + e))": (
            LOGS.format(
                "keras.ops.log(probabilities + add_epsilon)",
                "keras.ops.log(1 - probabilities + add_epsilon)",
            ),
            {"defaults": {"add_epsilon": EPSILON}},
        ),
        "-(z log(clip(p)) + (1 - z) log(1 - clip(p)))": (
            LOGS.format(
                f"keras.ops.log({CLIP.format('probabilities')})",
                f"keras.ops.log(1 - {CLIP.format('probabilities')})",
            ),
            {"defaults": {"clip_epsilon": EPSILON}},
        ),
        "-(z max(log(p), floor) + (1 - z) max(log(1 - p), floor))": LOGS.format(
            "keras.ops.maximum(keras.ops.log(probabilities), log_floor)",
            "keras.ops.maximum(keras.ops.log(1 - probabilities), log_floor)",
        ),
    },
    "softened_cross_entropy": {
        "-(z log((p + e) / (1 + e)) + (1 - z) log((1 - p + e) / (1 + e)))": (
            LOGS.format(SOFTENED.format("probabilities"), SOFTENED.format("1 - probabilities")),
            ENDS,
        ),
    },
    "reconstruction_cross_entropy": {
        "sum(keras.ops.binary_crossentropy)": (
            "keras.ops.sum(keras.ops.binary_crossentropy(inputs, reconstructions), axis=-1)"
        ),
        "D keras.losses.binary_crossentropy": (
            f"reconstructions.shape[-1] * {BINARY}(inputs, reconstructions)"
        ),
        "-sum(x log(z) + (1 - x) log(1 - z))": (
            "-keras.ops.sum(inputs * keras.ops.log(reconstructions)"
            " + (1 - inputs) * keras.ops.log(1 - reconstructions), axis=-1)"
        ),
    },
    "sparsity_penalty": {
        "keras.losses.kl_divergence((rho, 1 - rho), (r, 1 - r))": (
            f"keras.losses.kl_divergence({PAIR.format(RHO)}, {PAIR.format('activations')})"
        ),
        "rho log(rho / r) + (1 - rho) log((1 - rho) / (1 - r))": (
            "target * keras.ops.log(target / activations)"
            " + (1 - target) * keras.ops.log((1 - target) / (1 - activations))"
        ),
    },
    "sigmoid_cross_entropy": {
        "keras.ops.binary_crossentropy(from_logits)": (
            "keras.ops.binary_crossentropy(labels, logits, from_logits=True)"
        ),
        f"{BINARY}(from_logits)": f"{BINARY}({LOGITS}, from_logits=True, {SMOOTH})",
        **classes(
            "BinaryCrossentropy(from_logits)",
            f"from_logits=True, {SMOOTH}, ",
            LOGITS + WEIGHTED,
            "logits",
        ),
        "keras.ops.binary_crossentropy(sigmoid(x))": (
            f"keras.ops.binary_crossentropy(labels, {SIGMOID})"
        ),
        "keras.losses.binary_crossentropy(activations.sigmoid(x))": (
            f"{BINARY}(labels[..., None], keras.activations.sigmoid(logits[..., None]))"
        ),
        f"{FOCAL}(from_logits, gamma=0)": (
            f"{FOCAL}({LOGITS}, gamma=0.0, from_logits=True, {SMOOTH})"
        ),
        "max(x, 0) - x z + log1p(exp(-abs(x)))": STABLE,
        "softplus(x) - x z": "keras.ops.softplus(logits) - logits * labels",
        "-(w t log_sigmoid(x) + (1 - t) log_sigmoid(-x))": (
            f"-(pos_weight * {SMOOTHED} * keras.ops.log_sigmoid(logits)"
            f" + (1 - {SMOOTHED}) * keras.ops.log_sigmoid(-logits))"
        ),
        "-(z log(sigmoid(x)) + (1 - z) log(1 - sigmoid(x)))": LOGS.format(
            f"keras.ops.log({SIGMOID})", f"keras.ops.log(1 - {SIGMOID})"
        ),
        "-(z log(sigmoid(x) + 1e-7) + (1 - z) log(1 - sigmoid(x) + 1e-7))": LOGS.format(
            f"keras.ops.log({SIGMOID} + 1e-7)", f"keras.ops.log(1 - {SIGMOID} + 1e-7)"
        ),
    },
    "logistic_loss_pm1": {
        "softplus(-y x)": "keras.ops.softplus(-labels * logits)",
        "-log_sigmoid(y x)": "-keras.ops.log_sigmoid(labels * logits)",
        "log1p(exp(-y x))": "keras.ops.log1p(keras.ops.exp(-labels * logits))",
        "keras.ops.binary_crossentropy(from_logits) of (1 + y) / 2": (
            "keras.ops.binary_crossentropy((1 + labels) / 2, logits, from_logits=True)",
            PM1,
        ),
    },
    "sigmoid_focal_loss": {
        f"{FOCAL}(from_logits)": f"{FOCAL}({LOGITS}, gamma=gamma, from_logits=True)",
        f"{FOCAL}(from_logits, alpha)": f"{FOCAL}({LOGITS}, {BALANCED})",
        **classes(
            "BinaryFocalCrossentropy(from_logits)",
            "from_logits=True, gamma=gamma, ",
            LOGITS,
            "logits",
        ),
        **classes("BinaryFocalCrossentropy(from_logits, alpha)", f"{BALANCED}, ", LOGITS, "logits"),
        f"{FOCAL}(sigmoid(x))": (
            f"{FOCAL}(labels[..., None], keras.ops.sigmoid(logits[..., None]), gamma=gamma)"
        ),
        "(1 - r)^gamma binary_crossentropy(from_logits)": (
            f"{MISSING} ** gamma * keras.ops.binary_crossentropy(labels, logits, from_logits=True)"
        ),
    },
    "hinge_loss": {
        "keras.losses.hinge": (f"keras.losses.hinge({LOGITS})", HINGE),
        **classes("Hinge", "", LOGITS, "logits", **HINGE),
        "keras.losses.squared_hinge": (f"keras.losses.squared_hinge({LOGITS})", SQUARED),
        **classes("SquaredHinge", "", LOGITS, "logits", **SQUARED),
        "max(margin - y x, 0)^exponent": (
            "keras.ops.maximum(margin - labels * logits, 0.0) ** exponent"
        ),
        "relu(margin - y x)^exponent": "keras.ops.relu(margin - labels * logits) ** exponent",
    },
    "poisson_nll": {
        "keras.losses.poisson(exp(x))": (
            "keras.losses.poisson(counts[..., None], keras.ops.exp(log_rates[..., None]))"
        ),
        "exp(x) - t x": "keras.ops.exp(log_rates) - counts * log_rates",
    },
    "poisson_nll_rate": {
        "keras.losses.poisson": (f"keras.losses.poisson({RATES})", SHIFTED),
        **classes("Poisson", "", RATES, "rates", **SHIFTED),
        "r - t log(r + e)": "rates - counts * keras.ops.log(rates + add_epsilon)",
        "r - t log(max(r, 1e-7))": (
            f"rates - counts * keras.ops.log(keras.ops.maximum(rates, {EPSILON}))"
        ),
    },
    "squared_loss": {
        "keras.losses.mean_squared_error": (
            f"scale * keras.losses.mean_squared_error({PREDICTIONS})"
        ),
        **classes("MeanSquaredError", "", PREDICTIONS, "predictions", takes={"scale": (None, 1.0)}),
        "scale (y - z)^2": "scale * keras.ops.square(predictions - labels)",
    },
    "sigmoid_squared_loss": {
        "(sigmoid(x) - y)^2 / 2": f"keras.ops.square({SIGMOID} - labels) / 2",
        "keras.losses.mean_squared_error(sigmoid(x)) / 2": (
            "keras.losses.mean_squared_error(labels[..., None],"
            " keras.ops.sigmoid(logits[..., None])) / 2"
        ),
    },
}
