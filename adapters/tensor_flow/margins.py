"""Other losses of a row of logits, which TensorFlow lacks and its users compose."""

from __future__ import annotations

from adapters.tensor_flow.parts import DENSE, LOG_SOFTMAX, ONE_HOT, SOFTMAX, UNWEIGHTED, Rows

FOCAL = {"class_weights": 1.0, "alpha": 1.0, "gamma": 2.0}
LABELLED = "tf.gather({}, labels, batch_dims=1)"
STUDENT, TEACHER = "student / temperature", "teacher / temperature"

# fmt: off
ROWS: Rows = {
    "softmax_focal_loss": (
        ("-alpha sum(w t (1 - softmax(x))^gamma log_softmax(x))",
         "-alpha * tf.reduce_sum(class_weights * labels"
         f" * tf.math.pow(1 - {SOFTMAX}, gamma) * {LOG_SOFTMAX}, axis=-1)", {"defaults": FOCAL}),
        ("-alpha sum(w t (1 - softmax(x))^gamma log(softmax(x)))",
         "-alpha * tf.reduce_sum(class_weights * labels"
         f" * tf.math.pow(1 - {SOFTMAX}, gamma) * tf.math.log({SOFTMAX}), axis=-1)",
         {"defaults": FOCAL}),
    ),
    "poly1_cross_entropy": (
        ("softmax_cross_entropy_with_logits + epsilon (1 - sum(t softmax(x)))",
         f"{DENSE.format('labels')} + epsilon * (1 - tf.reduce_sum(labels * {SOFTMAX}, axis=-1))",
         {"defaults": {"epsilon": 1.0}}),
    ),
    "generalised_cross_entropy": (
        ("(1 - gather(softmax(x))^q) / q",
         f"(1 - tf.math.pow({LABELLED.format(SOFTMAX)}, q)) / q", {"defaults": {"q": 0.7}}),
        ("-expm1(q gather(log_softmax(x))) / q",
         f"-tf.math.expm1(q * {LABELLED.format(LOG_SOFTMAX)}) / q", {"defaults": {"q": 0.7}}),
    ),
    "multiclass_margin_loss": (
        ("w_k sum(relu(m - x_k + x)^q without k) / C",
         f"tf.reduce_sum({ONE_HOT} * class_weights, axis=-1)"
         f" * tf.reduce_sum((1 - {ONE_HOT}) * tf.math.pow(tf.nn.relu("
         f"margin - {LABELLED.format('logits')}[:, None] + logits), exponent), axis=-1)"
         " / logits.shape[-1]",
         {"defaults": {**UNWEIGHTED, "margin": 1.0, "exponent": 1.0}}),
    ),
    "distillation_loss": (
        ("T^2 sum(p (log(p) - log(q)))",
         f"temperature**2 * tf.reduce_sum(tf.nn.softmax({TEACHER})"
         f" * (tf.nn.log_softmax({TEACHER}) - tf.nn.log_softmax({STUDENT})), axis=-1)",
         {"defaults": {"temperature": 1.0}}),
        ("T^2 (softmax_cross_entropy(q) - softmax_cross_entropy(p))",
         "temperature**2 * (tf.nn.softmax_cross_entropy_with_logits("
         f"labels=tf.nn.softmax({TEACHER}), logits={STUDENT})"
         " - tf.nn.softmax_cross_entropy_with_logits("
         f"labels=tf.nn.softmax({TEACHER}), logits={TEACHER}))",
         {"defaults": {"temperature": 1.0}}),
    ),
}
