"""Activations: `keras.ops`, `keras.activations`, and what users write in their place."""

from __future__ import annotations

from adapters.keras_3.rows import Table

SHIFTED = "keras.ops.exp(logits - keras.ops.max(logits, axis=axis, keepdims=True))"
SUM = "keras.ops.sum({}, axis=axis, keepdims=True)"

ACTIVATIONS: Table = {
    "sigmoid": {
        "keras.ops.sigmoid": "keras.ops.sigmoid(x)",
        "keras.activations.sigmoid": "keras.activations.sigmoid(x)",
        "1 / (1 + exp(-x))": "1 / (1 + keras.ops.exp(-x))",
        "(1 + tanh(x / 2)) / 2": "0.5 * (1 + keras.ops.tanh(0.5 * x))",
    },
    "log_sigmoid": {
        "keras.ops.log_sigmoid": "keras.ops.log_sigmoid(x)",
        "keras.activations.log_sigmoid": "keras.activations.log_sigmoid(x)",
        "-softplus(-x)": "-keras.ops.softplus(-x)",
        "log(sigmoid(x))": "keras.ops.log(keras.ops.sigmoid(x))",
        "-log1p(exp(-x))": "-keras.ops.log1p(keras.ops.exp(-x))",
    },
    "softplus": {
        "keras.ops.softplus": "keras.ops.softplus(x)",
        "keras.activations.softplus": "keras.activations.softplus(x)",
        "keras.ops.logaddexp(x, 0)": "keras.ops.logaddexp(x, keras.ops.zeros_like(x))",
        "softplus(beta x) / beta": "keras.ops.softplus(beta * x) / beta",
        "log1p(exp(x))": "keras.ops.log1p(keras.ops.exp(x))",
        "log(1 + exp(x))": "keras.ops.log(1 + keras.ops.exp(x))",
        "max(x, 0) + log1p(exp(-abs(x)))": (
            "keras.ops.maximum(x, 0) + keras.ops.log1p(keras.ops.exp(-keras.ops.abs(x)))"
        ),
    },
    "tanh": {
        "keras.ops.tanh": "keras.ops.tanh(x)",
        "keras.activations.tanh": "keras.activations.tanh(x)",
        "2 sigmoid(2 x) - 1": "2 * keras.ops.sigmoid(2 * x) - 1",
        "expm1(2 x) / (expm1(2 x) + 2)": "keras.ops.expm1(2 * x) / (keras.ops.expm1(2 * x) + 2)",
    },
    "relu": {
        "keras.ops.relu": "keras.ops.relu(x)",
        "keras.activations.relu": "keras.activations.relu(x)",
        "keras.ops.maximum(x, 0)": "keras.ops.maximum(x, 0)",
        "where(x > 0, x, 0)": "keras.ops.where(x > 0, x, keras.ops.zeros_like(x))",
    },
    "leaky_relu": {
        "keras.ops.leaky_relu": "keras.ops.leaky_relu(x, negative_slope=negative_slope)",
        "keras.activations.leaky_relu": (
            "keras.activations.leaky_relu(x, negative_slope=negative_slope)"
        ),
        "keras.activations.relu(negative_slope)": (
            "keras.activations.relu(x, negative_slope=negative_slope)"
        ),
        "where(x > 0, x, slope x)": "keras.ops.where(x > 0, x, negative_slope * x)",
        "max(x, slope x)": "keras.ops.maximum(x, negative_slope * x)",
    },
    "softmax": {
        "keras.ops.softmax": "keras.ops.softmax(logits, axis=axis)",
        "keras.activations.softmax": "keras.activations.softmax(logits, axis=axis)",
        "exp(log_softmax(x))": "keras.ops.exp(keras.ops.log_softmax(logits, axis=axis))",
        "exp(x) / sum(exp(x))": f"keras.ops.exp(logits) / {SUM.format('keras.ops.exp(logits)')}",
        "exp(x - max) / sum(exp(x - max))": f"{SHIFTED} / {SUM.format(SHIFTED)}",
    },
    "log_softmax": {
        "keras.ops.log_softmax": "keras.ops.log_softmax(logits, axis=axis)",
        "keras.activations.log_softmax": "keras.activations.log_softmax(logits, axis=axis)",
        "x - logsumexp(x)": "logits - keras.ops.logsumexp(logits, axis=axis, keepdims=True)",
        "log(softmax(x))": "keras.ops.log(keras.ops.softmax(logits, axis=axis))",
    },
    "logsumexp": {
        "keras.ops.logsumexp": "keras.ops.logsumexp(logits, axis=axis)",
        "log(sum(exp(x)))": "keras.ops.log(keras.ops.sum(keras.ops.exp(logits), axis=axis))",
        "max(x) + log(sum(exp(x - max(x))))": (
            f"keras.ops.max(logits, axis=axis) + keras.ops.log(keras.ops.sum({SHIFTED}, axis=axis))"
        ),
    },
}
