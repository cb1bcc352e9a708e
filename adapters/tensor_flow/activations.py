"""Activations and the softmax: public functions, and what users write in their place."""

from __future__ import annotations

from adapters.tensor_flow.parts import AXIS, LOG_SOFTMAX, SHIFTED, SOFTMAX, Rows

# fmt: off
ROWS: Rows = {
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
    "softmax": (
        ("tf.nn.softmax(logits, axis=axis)", {"defaults": AXIS}),
        ("softmax(where(mask, x, -inf))", "tf.nn.softmax(tf.where(mask, logits, -float('inf')))"),
        ("exp(x) / sum(exp(x))",
         "tf.math.exp(logits) / tf.math.reduce_sum(tf.math.exp(logits), axis=-1, keepdims=True)"),
        ("exp(x - max) / sum(exp(x - max))",
         f"{SHIFTED} / tf.math.reduce_sum({SHIFTED}, axis=-1, keepdims=True)"),
        ("exp(log_softmax(x))", f"tf.math.exp({LOG_SOFTMAX})"),
    ),
    "log_softmax": (
        ("tf.nn.log_softmax(logits, axis=axis)", {"defaults": AXIS}),
        ("log(softmax(x))", f"tf.math.log({SOFTMAX})"),
        ("x - reduce_logsumexp(x)",
         "logits - tf.math.reduce_logsumexp(logits, axis=axis, keepdims=True)",
         {"defaults": AXIS}),
    ),
    "logsumexp": (
        ("tf.math.reduce_logsumexp(logits, axis=axis)", {"defaults": AXIS}),
        ("tf.math.cumulative_logsumexp", "tf.math.cumulative_logsumexp(logits, axis=-1)[..., -1]"),
        ("reduce_logsumexp(where(mask, x, -inf))",
         "tf.math.reduce_logsumexp(tf.where(mask, logits, -float('inf')), axis=-1)"),
        ("log(sum(exp(x)))", "tf.math.log(tf.math.reduce_sum(tf.math.exp(logits), axis=-1))"),
        ("max + log(sum(exp(x - max)))",
         f"tf.math.log(tf.math.reduce_sum({SHIFTED}, axis=-1)) + tf.reduce_max(logits, axis=-1)"),
    ),
    "z_loss": (
        ("scale reduce_logsumexp(x)^2",
         "scale * tf.math.square(tf.math.reduce_logsumexp(logits, axis=-1))"),
        ("scale log(sum(exp(x)))^2",
         "scale * tf.math.square(tf.math.log(tf.reduce_sum(tf.math.exp(logits), axis=-1)))"),
    ),
}
