"""The implementations of JAX and optax: public APIs and what users write in their place."""

from __future__ import annotations

import re
from typing import Any

from adapters.protocol import Implementation

DOCUMENTATION = {
    r"\boptax\.(?:losses\.)?(\w+)": "https://optax.readthedocs.io/en/latest/api/losses.html"
    "#optax.losses.{}",
    r"\b(jax\.(?:nn|scipy\.special)\.(?!one_hot)\w+)": "https://docs.jax.dev/en/latest/"
    "_autosummary/{}.html",
    r"\bjnp\.(\w+)": "https://docs.jax.dev/en/latest/_autosummary/jax.numpy.{}.html",
}


def _documentation(code: str) -> str:
    """The page of the most specific public API that an expression calls."""
    for pattern, url in DOCUMENTATION.items():
        if found := re.search(pattern, code):
            return url.format(found.group(1))
    return ""


CLASSES = "logits.shape[-1]"
ONE_HOT = f"jax.nn.one_hot(labels, {CLASSES}, dtype=logits.dtype)"
SMOOTH = "optax.smooth_labels({}, label_smoothing)"
DENSE = "optax.softmax_cross_entropy(logits, {})"
SAFE = "optax.safe_softmax_cross_entropy(logits, {})"
INDEX = "optax.softmax_cross_entropy_with_integer_labels(logits, {})"
LOSS = INDEX.format("labels")
KEPT = "labels != ignore_index"
PICK = "jnp.take_along_axis({}, labels[:, None], axis=-1)[:, 0]"
NLL = "-" + PICK.format("log_probabilities")
LOG_SOFTMAX = "jax.nn.log_softmax(logits, axis=-1)"
SOFTMAX = "jax.nn.softmax(logits, axis=-1)"
WEIGHTED = DENSE.format(f"class_weights * {SMOOTH.format(ONE_HOT)}")

PUBLIC = re.compile(r"(jax|jnp|optax)\.")
"""How the name of a public function begins; BARE: the function as it is, with its own arguments."""
BARE = re.compile(r"(jax|jnp|optax)\.[\w.]+")
EAGER = ("float32",)
COMPOSED = ("float32",)
"""Where eager mode and whatever is not BARE are measured, for the time it takes. Eager mode
linearises and lowers a function anew at every call, 0.1 s each, while `jax.jit` does so once for a
shape; so compositions run under `jax.jit` alone."""
# Operator -> name -> code. A name that starts with `jax.`, `jnp.` or `optax` is a public function,
# perhaps fed what the name says; the others are compositions in mathematical shorthand. A name has
# no *, ? or [: findings match names with shell-style wildcards.
EXPRESSIONS: dict[str, dict[str, str]] = {
    "sigmoid": {
        "jax.nn.sigmoid": "jax.nn.sigmoid(x)",
        "jax.scipy.special.expit": "jax.scipy.special.expit(x)",
        "1 / (1 + exp(-x))": "1 / (1 + jnp.exp(-x))",
        "(1 + tanh(x / 2)) / 2": "(1 + jnp.tanh(x / 2)) / 2",
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
    },
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
    },
    "sigmoid_cross_entropy": {
        "optax.sigmoid_binary_cross_entropy": "optax.sigmoid_binary_cross_entropy(logits, labels)",
        "optax.sigmoid_focal_loss(gamma=0)": (
            "optax.sigmoid_focal_loss(logits, labels, gamma=0.0)"
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
        "optax.sigmoid_binary_cross_entropy of (y + 1) / 2": (
            "optax.sigmoid_binary_cross_entropy(logits, (labels + 1) / 2)"
        ),
    },
    "squared_loss": {
        "optax.squared_error": "optax.squared_error(predictions, labels)",
        "scale optax.squared_error": "scale * optax.squared_error(predictions, labels)",
        "2 scale optax.l2_loss": "2 * scale * optax.l2_loss(predictions, labels)",
    },
    "sigmoid_squared_loss": {
        "optax.l2_loss of sigmoid": "optax.l2_loss(jax.nn.sigmoid(logits), labels)",
        "(sigmoid(x) - y)^2 / 2": "(jax.nn.sigmoid(logits) - labels) ** 2 / 2",
    },
    "softmax": {
        "jax.nn.softmax": SOFTMAX,
        "jax.nn.softmax(where=x != -inf)": (
            "jax.nn.softmax(logits, axis=-1, where=logits != -jnp.inf)"
        ),
        "exp(log_softmax)": f"jnp.exp({LOG_SOFTMAX})",
        "exp / sum(exp)": "jnp.exp(logits) / jnp.sum(jnp.exp(logits), axis=-1, keepdims=True)",
    },
    "log_softmax": {
        "jax.nn.log_softmax": LOG_SOFTMAX,
        "jax.nn.log_softmax(where=x != -inf)": (
            "jax.nn.log_softmax(logits, axis=-1, where=logits != -jnp.inf)"
        ),
        "x - logsumexp(x)": "logits - jax.nn.logsumexp(logits, axis=-1, keepdims=True)",
        "log(softmax)": f"jnp.log({SOFTMAX})",
    },
    "logsumexp": {
        "jax.nn.logsumexp": "jax.nn.logsumexp(logits, axis=-1)",
        "jnp.logaddexp.reduce": "jnp.logaddexp.reduce(logits, axis=-1)",
        "jax.nn.logmeanexp + log(n)": (f"jax.nn.logmeanexp(logits, axis=-1) + jnp.log({CLASSES})"),
        "log(sum(exp))": "jnp.log(jnp.sum(jnp.exp(logits), axis=-1))",
        "max + log(sum(exp(x - max)))": (
            "jnp.max(logits, axis=-1) + jnp.log(jnp.sum("
            "jnp.exp(logits - jnp.max(logits, axis=-1, keepdims=True)), axis=-1))"
        ),
    },
    "cross_entropy": {
        "-sum(p log(q))": "-jnp.sum(labels * jnp.log(probabilities), axis=-1)",
        "-sum(xlogy(p, q))": ("-jnp.sum(jax.scipy.special.xlogy(labels, probabilities), axis=-1)"),
        "-sum(p log(q + 1e-9))": "-jnp.sum(labels * jnp.log(probabilities + 1e-9), axis=-1)",
        "sum(rel_entr(p, q) + entr(p))": (
            "jnp.sum(jax.scipy.special.rel_entr(labels, probabilities)"
            " + jax.scipy.special.entr(labels), axis=-1)"
        ),
    },
    "kl_divergence": {
        "optax.kl_divergence": "optax.kl_divergence(log_probabilities, labels)",
        "optax.losses.kl_divergence_with_log_targets": (
            "optax.losses.kl_divergence_with_log_targets(log_probabilities, jnp.log(labels))"
        ),
        "sum(p (log(p) - log q))": (
            "jnp.sum(labels * (jnp.log(labels) - log_probabilities), axis=-1)"
        ),
        "sum(xlogy(p, p) - p log q)": (
            "jnp.sum(jax.scipy.special.xlogy(labels, labels) - labels * log_probabilities, axis=-1)"
        ),
        "sum(rel_entr(p, exp(log q)))": (
            "jnp.sum(jax.scipy.special.rel_entr(labels, jnp.exp(log_probabilities)), axis=-1)"
        ),
    },
    "softmax_cross_entropy": {
        "optax.softmax_cross_entropy": DENSE.format("labels"),
        "optax.softmax_cross_entropy of smooth_labels": DENSE.format(SMOOTH.format("labels")),
        "optax.softmax_cross_entropy of weighted labels": (
            DENSE.format(f"class_weights * {SMOOTH.format('labels')}")
        ),
        "optax.safe_softmax_cross_entropy": SAFE.format("labels"),
        "optax.safe_softmax_cross_entropy of smooth_labels": SAFE.format(SMOOTH.format("labels")),
        "optax.safe_softmax_cross_entropy of weighted labels": (
            SAFE.format(f"class_weights * {SMOOTH.format('labels')}")
        ),
        "optax.losses.poly_loss_cross_entropy(epsilon=0)": (
            "optax.losses.poly_loss_cross_entropy(logits, labels, epsilon=0.0)"
        ),
        "-sum(t log_softmax)": f"-jnp.sum(labels * {LOG_SOFTMAX}, axis=-1)",
        "-sum(where(t > 0, t log_softmax, 0))": (
            f"-jnp.sum(jnp.where(labels > 0, labels * {LOG_SOFTMAX}, 0), axis=-1)"
        ),
        "-sum(t log(softmax))": f"-jnp.sum(labels * jnp.log({SOFTMAX}), axis=-1)",
        "-sum(t log(softmax + 1e-9))": (f"-jnp.sum(labels * jnp.log({SOFTMAX} + 1e-9), axis=-1)"),
    },
    "softmax_cross_entropy_index": {
        "optax.softmax_cross_entropy_with_integer_labels": LOSS,
        "optax.softmax_cross_entropy of one_hot": DENSE.format(ONE_HOT),
        "optax.safe_softmax_cross_entropy of one_hot": SAFE.format(ONE_HOT),
        "-take_along_axis(log_softmax)": "-" + PICK.format(LOG_SOFTMAX),
        "-log(softmax).at(labels)": f"-jnp.log({SOFTMAX})[jnp.arange(len(labels)), labels]",
        "optax.softmax_cross_entropy of smooth one_hot": DENSE.format(SMOOTH.format(ONE_HOT)),
        "optax.softmax_cross_entropy of weighted one_hot": WEIGHTED,
        "where(kept, softmax_cross_entropy of weighted one_hot, 0)": (
            f"jnp.where({KEPT}, {WEIGHTED}, 0)"
        ),
        "optax integer labels, w loss": f"class_weights[labels] * {LOSS}",
        "optax integer labels, average(w)": f"jnp.average({LOSS}, weights=class_weights[labels])",
        "optax integer labels, where=kept": f"{LOSS[:-1]}, where={KEPT})",
        "optax integer labels, where(kept, loss, 0)": f"jnp.where({KEPT}, {LOSS}, 0)",
        "optax integer labels, where(kept, loss of safe labels, 0)": (
            f"jnp.where({KEPT}, {INDEX.format(f'jnp.where({KEPT}, labels, 0)')}, 0)"
        ),
        "optax integer labels, kept loss": f"({KEPT}) * {LOSS}",
        "optax integer labels, mean(where=kept)": f"jnp.mean({LOSS}, where={KEPT})",
        "optax integer labels, sum(kept loss) / sum(kept)": (
            f"jnp.sum(({KEPT}) * {LOSS}) / jnp.sum({KEPT})"
        ),
        "optax integer labels, sum(kept w loss) / sum(kept w)": (
            f"jnp.sum(jnp.where({KEPT}, class_weights[labels] * {LOSS}, 0))"
            f" / jnp.sum(jnp.where({KEPT}, class_weights[labels], 0))"
        ),
    },
    "nll": {
        "-take_along_axis(log q)": NLL,
        "-(log q).at(labels)": "-log_probabilities[jnp.arange(len(labels)), labels]",
        "-sum(one_hot log q)": (
            f"-jnp.sum({ONE_HOT} * logits, axis=-1)".replace("logits", "log_probabilities")
        ),
        "-w take_along_axis(log q)": f"class_weights[labels] * {NLL}",
        "take_along_axis, average(w)": f"jnp.average({NLL}, weights=class_weights[labels])",
        "take_along_axis, where(kept, loss, 0)": f"jnp.where({KEPT}, {NLL}, 0)",
        "take_along_axis, mean(where=kept)": f"jnp.mean({NLL}, where={KEPT})",
    },
}

SMOOTH_BINARY = "labels * (1 - label_smoothing) + label_smoothing / 2"
CLIPPED = "jnp.clip({}, clip_epsilon, 1 - clip_epsilon)"
SHARES = "probabilities / jnp.sum(probabilities, axis=-1, keepdims=True)"
# What to write where JAX and optax have no function or argument of their own: each is the answer
# to a question of the porting guide (porting/questions.yaml).
RECIPES: dict[str, dict[str, str]] = {
    "sigmoid_cross_entropy": {
        "-(w z log_sigmoid(x) + (1 - z) log_sigmoid(-x))": (
            "-(pos_weight * labels * jax.nn.log_sigmoid(logits)"
            " + (1 - labels) * jax.nn.log_sigmoid(-logits))"
        ),
        "optax.sigmoid_binary_cross_entropy of smoothed labels": (
            f"optax.sigmoid_binary_cross_entropy(logits, {SMOOTH_BINARY})"
        ),
    },
    "binary_cross_entropy": {
        "log of clip(p)": (
            f"-(labels * jnp.log({CLIPPED.format('probabilities')})"
            f" + (1 - labels) * jnp.log(1 - {CLIPPED.format('probabilities')}))"
        ),
    },
    "categorical_cross_entropy": {
        "-sum(t log(clip(p / sum(p))))": (
            f"-jnp.sum(labels * jnp.log({CLIPPED.format(SHARES)}), axis=-1)"
        ),
    },
    "softmax_cross_entropy_index": {
        "optax integer labels, sample_weights loss": f"sample_weights * {LOSS}",
        "optax.softmax_cross_entropy_with_integer_labels(axis)": f"{LOSS[:-1]}, axis=axis)",
        "optax smooth one_hot, sum(kept w loss) / sum(kept w)": (
            f"jnp.sum(jnp.where({KEPT}, {WEIGHTED}, 0))"
            f" / jnp.sum(jnp.where({KEPT}, class_weights[labels], 0))"
        ),
        "optax smooth one_hot, mean(where=kept)": (
            f"jnp.mean({DENSE.format(SMOOTH.format(ONE_HOT))}, where={KEPT})"
        ),
    },
    "sigmoid_focal_loss": {
        "optax.sigmoid_focal_loss": (
            "optax.sigmoid_focal_loss(logits, labels, alpha=alpha, gamma=gamma)"
        ),
    },
    "softmax": {
        "jax.nn.softmax(where)": "jax.nn.softmax(logits, axis=-1, where=mask)",
    },
    "logsumexp": {
        "jax.nn.logsumexp(where)": "jax.nn.logsumexp(logits, axis=-1, where=mask)",
    },
}

AROUND = {"none": "{}", "sum": "jnp.sum({})", "mean": "jnp.mean({})"}
WEIGHTED_MEAN = {"reductions": {"weighted_mean": "{}"}}
UNSMOOTHED = {"defaults": {"label_smoothing": 0.0}}
UNIFORM = {"defaults": {"label_smoothing": 0.0, "class_weights": 1.0}}
OPTIONS: dict[str, dict[str, Any]] = {
    "optax.sigmoid_binary_cross_entropy of (y + 1) / 2": {
        "fixed": {"labels": "equal to ln(1 + e^(-y x)) at the labels -1 and +1 only"}
    },
    "optax.softmax_cross_entropy of weighted labels": UNSMOOTHED,
    "optax.safe_softmax_cross_entropy of weighted labels": UNSMOOTHED,
    "optax.softmax_cross_entropy of weighted one_hot": UNSMOOTHED,
    "where(kept, softmax_cross_entropy of weighted one_hot, 0)": UNIFORM,
    "optax integer labels, average(w)": WEIGHTED_MEAN,
    "optax integer labels, mean(where=kept)": WEIGHTED_MEAN,
    "optax integer labels, sum(kept loss) / sum(kept)": WEIGHTED_MEAN,
    "optax integer labels, sum(kept w loss) / sum(kept w)": WEIGHTED_MEAN,
    "take_along_axis, average(w)": WEIGHTED_MEAN,
    "take_along_axis, mean(where=kept)": WEIGHTED_MEAN,
    "optax smooth one_hot, sum(kept w loss) / sum(kept w)": WEIGHTED_MEAN,
    "optax smooth one_hot, mean(where=kept)": WEIGHTED_MEAN,
    "-(w z log_sigmoid(x) + (1 - z) log_sigmoid(-x))": {"reductions": AROUND},
    "optax integer labels, sample_weights loss": {
        "reductions": {
            **AROUND,
            "nonzero_mean": "jnp.sum({}) / jnp.count_nonzero(sample_weights)",
            "sample_weighted_mean": "jnp.sum({}) / jnp.sum(sample_weights)",
        }
    },
    "log of clip(p)": {"reductions": AROUND},
    "-sum(t log(clip(p / sum(p))))": {"settings": {"normalise": ("before_clip",)}},
    "optax.sigmoid_focal_loss": {"defaults": {"alpha": None, "gamma": 2.0}},
}


def _modes(name: str) -> tuple[str, ...] | None:
    if BARE.fullmatch(name):
        return None
    return ("eager", "compiled") if PUBLIC.match(name) else ("compiled",)


IMPLEMENTATIONS = tuple(
    Implementation(
        name=name,
        operator=operator,
        code=code,
        public=name if BARE.fullmatch(name) else "",
        flush=("eager", "compiled", "vmap", "placed"),
        modes=_modes(name),
        documentation=_documentation(code),
        **OPTIONS.get(name, {}),
    )
    for rows in (EXPRESSIONS, RECIPES)
    for operator, table in rows.items()
    for name, code in table.items()
)
