"""Losses of one logit or probability and one label: public functions, and compositions."""

from __future__ import annotations

from adapters.tensor_flow.parts import BINARY, PM1, SIGMOID, SOFT_BINARY, Rows, over

CLIPPED = "tf.clip_by_value(probabilities, clip_epsilon, 1 - clip_epsilon)"
WEIGHTED = (
    "tf.nn.weighted_cross_entropy_with_logits(labels={}, logits=logits, pos_weight=pos_weight)"
)
P_T = f"({SIGMOID} * labels + (1 - {SIGMOID}) * (1 - labels))"
FOCAL = f"tf.math.pow(1 - {P_T}, gamma) * {BINARY.format('labels')}"
NONZERO = "tf.cast(tf.not_equal(sample_weights, 0), logits.dtype)"

# fmt: off
ROWS: Rows = {
    "binary_cross_entropy": (
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
        ("-(t log(p) + (1 - t) log(1 - p))",
         f"-(({SOFT_BINARY}) * tf.math.log(probabilities)"
         f" + (1 - ({SOFT_BINARY})) * tf.math.log(1 - probabilities))"),
        ("-(z log(clip(p, e, 1 - e)) + (1 - z) log(1 - clip(p, e, 1 - e)))",
         f"-(labels * tf.math.log({CLIPPED}) + (1 - labels) * tf.math.log(1 - {CLIPPED}))"),
        ("-(z log(p + e) + (1 - z) log(1 - p + e))",
         "-(labels * tf.math.log(probabilities + add_epsilon)"
         " + (1 - labels) * tf.math.log(1 - probabilities + add_epsilon))"),
        ("-(z max(log(p), floor) + (1 - z) max(log(1 - p), floor))",
         "-(labels * tf.math.maximum(tf.math.log(probabilities), log_floor)"
         " + (1 - labels) * tf.math.maximum(tf.math.log(1 - probabilities), log_floor))"),
    ),
    "softened_cross_entropy": (
        ("-(z log((p + e) / (1 + e)) + (1 - z) log((1 - p + e) / (1 + e)))",
         "-(labels * tf.math.log((probabilities + epsilon) / (1 + epsilon))"
         " + (1 - labels) * tf.math.log((1 - probabilities + epsilon) / (1 + epsilon)))",
         {"defaults": {"epsilon": 0.05}}),
    ),
    "sparsity_penalty": (
        ("rho log(rho / r) + (1 - rho) log((1 - rho) / (1 - r))",
         "target * tf.math.log(target / activations)"
         " + (1 - target) * tf.math.log((1 - target) / (1 - activations))",
         {"defaults": {"target": 0.05}}),
    ),
    "sigmoid_cross_entropy": (
        "tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)",
        (WEIGHTED.format("labels"), {"defaults": {"pos_weight": 1.0}}),
        ("sigmoid_cross_entropy_with_logits(smoothed)", BINARY.format(SOFT_BINARY)),
        ("weighted_cross_entropy_with_logits(smoothed)", WEIGHTED.format(SOFT_BINARY)),
        ("sample_weights sigmoid_cross_entropy_with_logits",
         f"sample_weights * {BINARY.format('labels')}",
         over("sample_weights", "sample_weighted_mean", nonzero_mean=NONZERO)),
        ("-(z log(sigmoid(x)) + (1 - z) log(1 - sigmoid(x)))",
         f"-(labels * tf.math.log({SIGMOID}) + (1 - labels) * tf.math.log(1 - {SIGMOID}))"),
        ("-(z log_sigmoid(x) + (1 - z) log_sigmoid(-x))",
         "-(labels * tf.math.log_sigmoid(logits) + (1 - labels) * tf.math.log_sigmoid(-logits))"),
        ("-(w z log_sigmoid(x) + (1 - z) log_sigmoid(-x))",
         "-(pos_weight * labels * tf.math.log_sigmoid(logits)"
         " + (1 - labels) * tf.math.log_sigmoid(-logits))"),
        ("max(x, 0) - x z + log1p(exp(-abs(x)))",
         "tf.math.maximum(logits, 0) - logits * labels"
         " + tf.math.log1p(tf.math.exp(-tf.math.abs(logits)))"),
    ),
    "sigmoid_focal_loss": (
        ("(1 - p_t)^gamma sigmoid_cross_entropy", FOCAL, {"defaults": {"gamma": 2.0}}),
        ("alpha_t (1 - p_t)^gamma sigmoid_cross_entropy",
         f"(alpha * labels + (1 - alpha) * (1 - labels)) * {FOCAL}", {"defaults": {"gamma": 2.0}}),
    ),
    "logistic_loss_pm1": (
        ("softplus(-y x)", "tf.math.softplus(-labels * logits)"),
        ("-log_sigmoid(y x)", "-tf.math.log_sigmoid(labels * logits)"),
        ("log(1 + exp(-y x))", "tf.math.log(1 + tf.math.exp(-labels * logits))"),
        ("log1p(exp(-y x))", "tf.math.log1p(tf.math.exp(-labels * logits))"),
        ("sigmoid_cross_entropy_with_logits((1 + y) / 2)", BINARY.format("(1 + labels) / 2"),
         {"fixed": PM1}),
    ),
    "hinge_loss": (
        ("max(0, m - y x)^q",
         "tf.math.pow(tf.math.maximum(margin - labels * logits, 0), exponent)",
         {"defaults": {"margin": 1.0, "exponent": 1.0}}),
        ("relu(m - y x)", "tf.nn.relu(margin - labels * logits)", {"defaults": {"margin": 1.0}}),
        ("square(relu(m - y x))", "tf.math.square(tf.nn.relu(margin - labels * logits))",
         {"defaults": {"margin": 1.0}, "takes": {"exponent": (2.0,)}}),
    ),
}
