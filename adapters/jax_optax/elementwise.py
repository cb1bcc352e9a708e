"""Activations, binary and elementwise losses: operator -> name -> expression.

A name that is a public function's stands for the function as it is, with its own arguments; the
others are what users write, in mathematical shorthand. A name has no *, ? or [: findings match
names with shell-style wildcards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.jax_optax.phrases import PLAIN, SAMPLED, STIRLING

SMOOTH = "((1 - label_smoothing) * labels + label_smoothing / 2)"
CLIPPED = "jnp.clip(probabilities, clip_epsilon, 1 - clip_epsilon)"
FOCAL = (
    "optax.sigmoid_binary_cross_entropy(logits, labels) * (labels * jax.nn.sigmoid(-logits)"
    " + (1 - labels) * jax.nn.sigmoid(logits)) ** gamma"
)
ALPHA = "(alpha * labels + (1 - alpha) * (1 - labels))"
ACTIVATIONS: dict[str, dict[str, str]] = {
    "sigmoid": {
        "jax.nn.sigmoid": "jax.nn.sigmoid(x)",
        "jax.scipy.special.expit": "jax.scipy.special.expit(x)",
        "jax.lax.logistic": "jax.lax.logistic(x)",
        "1 / (1 + exp(-x))": "1 / (1 + jnp.exp(-x))",
        "(1 + tanh(x / 2)) / 2": "(1 + jax.nn.tanh(x / 2)) / 2",
        "where(x < 0, exp(x) / (1 + exp(x)), 1 / (1 + exp(-x)))": (
            "jnp.where(x < 0, jnp.exp(x) / (1 + jnp.exp(x)), 1 / (1 + jnp.exp(-x)))"
        ),
    },
    "log_sigmoid": {
        "jax.nn.log_sigmoid": "jax.nn.log_sigmoid(x)",
        "log(sigmoid(x))": "jnp.log(jax.nn.sigmoid(x))",
        "min(x, 0) - log1p(exp(-|x|))": "jnp.minimum(x, 0) - jnp.log1p(jnp.exp(-jnp.abs(x)))",
        "where(x < 0, x - log1p(exp(x)), -log1p(exp(-x)))": (
            "jnp.where(x < 0, x - jnp.log1p(jnp.exp(x)), -jnp.log1p(jnp.exp(-x)))"
        ),
    },
    "softplus": {
        "jax.nn.softplus": "jax.nn.softplus(x)",
        "jax.nn.softplus(beta x) / beta": "jax.nn.softplus(beta * x) / beta",
        "jnp.logaddexp(x, 0)": "jnp.logaddexp(x, 0)",
        "log1p(exp(x))": "jnp.log1p(jnp.exp(x))",
        "max(x, 0) + log1p(exp(-|x|))": "jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))",
    },
    "tanh": {
        "jnp.tanh": "jnp.tanh(x)",
        "jax.lax.tanh": "jax.lax.tanh(x)",
        "2 sigmoid(2 x) - 1": "2 * jax.nn.sigmoid(2 * x) - 1",
        "expm1(2 x) / (expm1(2 x) + 2)": "jnp.expm1(2 * x) / (jnp.expm1(2 * x) + 2)",
    },
    "relu": {
        "jax.nn.relu": "jax.nn.relu(x)",
        "jnp.maximum(x, 0)": "jnp.maximum(x, 0)",
        "where(x > 0, x, 0)": "jnp.where(x > 0, x, 0)",
        "x (x > 0)": "x * (x > 0)",
    },
    "leaky_relu": {
        "jax.nn.leaky_relu": "jax.nn.leaky_relu(x, negative_slope)",
        "where(x > 0, x, slope x)": "jnp.where(x > 0, x, negative_slope * x)",
        "maximum(x, slope x)": "jnp.maximum(x, negative_slope * x)",
        "relu(x) - slope relu(-x)": "jax.nn.relu(x) - negative_slope * jax.nn.relu(-x)",
    },
}
BINARY: dict[str, dict[str, str]] = {
    "binary_cross_entropy": {
        "log(p), log(1 - p)": (
            "-(labels * jnp.log(probabilities) + (1 - labels) * jnp.log(1 - probabilities))"
        ),
        "log(p), log1p(-p)": (
            "-(labels * jnp.log(probabilities) + (1 - labels) * jnp.log1p(-probabilities))"
        ),
        "xlogy(z, p), xlog1py(1 - z, -p)": (
            "-(jax.scipy.special.xlogy(labels, probabilities)"
            " + jax.scipy.special.xlog1py(1 - labels, -probabilities))"
        ),
        "log(p + 1e-7), log(1 - p + 1e-7)": (
            "-(labels * jnp.log(probabilities + 1e-7)"
            " + (1 - labels) * jnp.log(1 - probabilities + 1e-7))"
        ),
        "log of clip(p, 1e-7, 1 - 1e-7)": (
            "-(labels * jnp.log(jnp.clip(probabilities, 1e-7, 1 - 1e-7))"
            " + (1 - labels) * jnp.log(1 - jnp.clip(probabilities, 1e-7, 1 - 1e-7)))"
        ),
        "xlogy(t, p), xlog1py(1 - t, -p), smoothed": (
            f"-(jax.scipy.special.xlogy({SMOOTH}, probabilities)"
            f" + jax.scipy.special.xlog1py(1 - {SMOOTH}, -probabilities))"
        ),
        "log of clip(p, e, 1 - e)": (
            f"-(labels * jnp.log({CLIPPED}) + (1 - labels) * jnp.log1p(-{CLIPPED}))"
        ),
        "log(p + e), log(1 - p + e)": (
            "-(labels * jnp.log(probabilities + add_epsilon)"
            " + (1 - labels) * jnp.log(1 - probabilities + add_epsilon))"
        ),
        "max(log(p), floor), max(log1p(-p), floor)": (
            "-(labels * jnp.maximum(jnp.log(probabilities), log_floor)"
            " + (1 - labels) * jnp.maximum(jnp.log1p(-probabilities), log_floor))"
        ),
    },
    "softened_cross_entropy": {
        "log((p + e) / (1 + e)), log((1 - p + e) / (1 + e))": (
            "-(labels * jnp.log((probabilities + epsilon) / (1 + epsilon))"
            " + (1 - labels) * jnp.log((1 - probabilities + epsilon) / (1 + epsilon)))"
        ),
        "log(p + e), log(1 - p + e), - log(1 + e)": (
            "jnp.log1p(epsilon) - (labels * jnp.log(probabilities + epsilon)"
            " + (1 - labels) * jnp.log(1 - probabilities + epsilon))"
        ),
    },
    "sparsity_penalty": {
        "r log(r / a) + (1 - r) log((1 - r) / (1 - a))": (
            "target * jnp.log(target / activations)"
            " + (1 - target) * jnp.log((1 - target) / (1 - activations))"
        ),
        "rel_entr(r, a) + rel_entr(1 - r, 1 - a)": (
            "jax.scipy.special.rel_entr(target, activations)"
            " + jax.scipy.special.rel_entr(1 - target, 1 - activations)"
        ),
        "kl_div(r, a) + kl_div(1 - r, 1 - a)": (
            "jax.scipy.special.kl_div(target, activations)"
            " + jax.scipy.special.kl_div(1 - target, 1 - activations)"
        ),
    },
    "sigmoid_cross_entropy": {
        "optax.sigmoid_binary_cross_entropy": "optax.sigmoid_binary_cross_entropy(logits, labels)",
        "optax.sigmoid_focal_loss(gamma=0)": (
            "optax.sigmoid_focal_loss(logits, labels, gamma=0.0)"
        ),
        "optax.sigmoid_binary_cross_entropy of smoothed labels": (
            f"optax.sigmoid_binary_cross_entropy(logits, {SMOOTH})"
        ),
        "w optax.sigmoid_binary_cross_entropy": (
            "(sample_weights * optax.sigmoid_binary_cross_entropy(logits, labels).T).T"
        ),
        "-(w y log_sigmoid(x) + (1 - y) log_sigmoid(-x))": (
            f"-(pos_weight * {SMOOTH} * jax.nn.log_sigmoid(logits)"
            f" + (1 - {SMOOTH}) * jax.nn.log_sigmoid(-logits))"
        ),
        "(1 - y) x + (1 + (w - 1) y) softplus(-x)": (
            f"(1 - {SMOOTH}) * logits"
            f" + (1 + (pos_weight - 1) * {SMOOTH}) * jax.nn.softplus(-logits)"
        ),
        "max(x, 0) - x z + log1p(exp(-|x|))": (
            "jnp.maximum(logits, 0) - logits * labels + jnp.log1p(jnp.exp(-jnp.abs(logits)))"
        ),
        "softplus(x) - x z": "jax.nn.softplus(logits) - logits * labels",
        "log(sigmoid(x)), log(1 - sigmoid(x))": (
            "-(labels * jnp.log(jax.nn.sigmoid(logits))"
            " + (1 - labels) * jnp.log(1 - jax.nn.sigmoid(logits)))"
        ),
        "optax.softmax_cross_entropy of (x, 0)": (
            "optax.softmax_cross_entropy(jnp.stack([logits, jnp.zeros_like(logits)], axis=-1),"
            " jnp.stack([labels, 1 - labels], axis=-1))"
        ),
    },
    "logistic_loss_pm1": {
        "softplus(-y x)": "jax.nn.softplus(-labels * logits)",
        "-log_sigmoid(y x)": "-jax.nn.log_sigmoid(labels * logits)",
        "log1p(exp(-y x))": "jnp.log1p(jnp.exp(-labels * logits))",
        "logaddexp(0, -y x)": "jnp.logaddexp(0, -labels * logits)",
        "optax.sigmoid_binary_cross_entropy of (y + 1) / 2": (
            "optax.sigmoid_binary_cross_entropy(logits, (labels + 1) / 2)"
        ),
    },
    "sigmoid_focal_loss": {
        "optax.sigmoid_focal_loss": (
            "optax.sigmoid_focal_loss(logits, labels, alpha=alpha, gamma=gamma)"
        ),
        "(1 - p_t)^gamma optax.sigmoid_binary_cross_entropy": FOCAL,
        "alpha_t (1 - p_t)^gamma optax.sigmoid_binary_cross_entropy": f"{ALPHA} * {FOCAL}",
    },
    "hinge_loss": {
        "optax.hinge_loss": "optax.hinge_loss(logits, labels)",
        "optax.hinge_loss^q": "optax.hinge_loss(logits, labels) ** exponent",
        "optax.losses.perceptron_loss(x - m y, y)": (
            "optax.losses.perceptron_loss(logits - margin * labels, labels)"
        ),
        "max(0, m - y x)^q": "jnp.maximum(0, margin - labels * logits) ** exponent",
        "relu(m - y x)^q": "jax.nn.relu(margin - labels * logits) ** exponent",
    },
}
ERRORS: dict[str, dict[str, str]] = {
    "squared_loss": {
        "optax.squared_error": "optax.squared_error(predictions, labels)",
        "scale optax.squared_error": "scale * optax.squared_error(predictions, labels)",
        "2 scale optax.l2_loss": "2 * scale * optax.l2_loss(predictions, labels)",
        "optax.squared_error, sum / rows": "optax.squared_error(predictions, labels)",
    },
    "sigmoid_squared_loss": {
        "optax.l2_loss of sigmoid": "optax.l2_loss(jax.nn.sigmoid(logits), labels)",
        "(sigmoid(x) - y)^2 / 2": "(jax.nn.sigmoid(logits) - labels) ** 2 / 2",
    },
    "poisson_nll": {
        "exp(x) - t x": "jnp.exp(log_rates) - counts * log_rates",
        "exp(x) - t x + Stirling": f"jnp.exp(log_rates) - counts * log_rates + {STIRLING}",
        "exp(x) - t x + gammaln(t + 1)": (
            "jnp.exp(log_rates) - counts * log_rates + jax.scipy.special.gammaln(counts + 1)"
        ),
        "-jax.scipy.stats.poisson.logpmf at exp(x)": (
            "-jax.scipy.stats.poisson.logpmf(counts, jnp.exp(log_rates))"
        ),
    },
    "poisson_nll_rate": {
        "r - t log(r)": "rates - counts * jnp.log(rates)",
        "r - t log(r + e)": "rates - counts * jnp.log(rates + add_epsilon)",
        "r - xlogy(t, r)": "rates - jax.scipy.special.xlogy(counts, rates)",
        "r - xlogy(t, r) + Stirling": (
            f"rates - jax.scipy.special.xlogy(counts, rates) + {STIRLING}"
        ),
        "-jax.scipy.stats.poisson.logpmf": "-jax.scipy.stats.poisson.logpmf(counts, rates)",
    },
}
EXPRESSIONS: Mapping[str, Mapping[str, str]] = {**ACTIVATIONS, **BINARY, **ERRORS}

UNWEIGHTED = {"defaults": {"pos_weight": 1.0, "label_smoothing": 0.0}, "reductions": PLAIN}
HINGE = {"defaults": {"margin": 1.0, "exponent": 1.0}}
EXACT = {"takes": {"full": ("exact",)}}
NEAR = {"takes": {"full": ("stirling",)}}
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "jnp.logaddexp(x, 0)": {"public": "jax.numpy.logaddexp"},
    "optax.sigmoid_binary_cross_entropy of (y + 1) / 2": {
        "fixed": {"labels": "equal to ln(1 + e^(-y x)) at the labels -1 and +1 only"}
    },
    "w optax.sigmoid_binary_cross_entropy": {"reductions": SAMPLED},
    "-(w y log_sigmoid(x) + (1 - y) log_sigmoid(-x))": UNWEIGHTED,
    "(1 - y) x + (1 + (w - 1) y) softplus(-x)": UNWEIGHTED,
    "log of clip(p, e, 1 - e)": {"reductions": PLAIN},
    "optax.sigmoid_focal_loss": {"defaults": {"alpha": None, "gamma": 2.0}},
    "(1 - p_t)^gamma optax.sigmoid_binary_cross_entropy": {"defaults": {"gamma": 2.0}},
    "alpha_t (1 - p_t)^gamma optax.sigmoid_binary_cross_entropy": {"defaults": {"gamma": 2.0}},
    "log((p + e) / (1 + e)), log((1 - p + e) / (1 + e))": {"defaults": {"epsilon": 0.05}},
    "log(p + e), log(1 - p + e), - log(1 + e)": {"defaults": {"epsilon": 0.05}},
    "r log(r / a) + (1 - r) log((1 - r) / (1 - a))": {"defaults": {"target": 0.05}},
    "rel_entr(r, a) + rel_entr(1 - r, 1 - a)": {"defaults": {"target": 0.05}},
    "kl_div(r, a) + kl_div(1 - r, 1 - a)": {"defaults": {"target": 0.05}},
    "optax.hinge_loss^q": {"defaults": {"exponent": 1.0}},
    "optax.losses.perceptron_loss(x - m y, y)": {
        "public": "optax.losses.perceptron_loss",
        "defaults": {"margin": 1.0},
    },
    "max(0, m - y x)^q": HINGE,
    "relu(m - y x)^q": HINGE,
    "2 scale optax.l2_loss": {"public": "optax.losses.l2_loss"},
    "optax.squared_error, sum / rows": {"reductions": {"batch_mean": "jnp.sum({}) / len(labels)"}},
    "exp(x) - t x + Stirling": NEAR,
    "exp(x) - t x + gammaln(t + 1)": EXACT,
    "-jax.scipy.stats.poisson.logpmf at exp(x)": EXACT,
    "r - xlogy(t, r) + Stirling": NEAR,
    "-jax.scipy.stats.poisson.logpmf": EXACT,
}
