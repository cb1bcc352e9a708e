"""Softmax and the losses of scores of classes: operator -> name -> expression.

What a name is says elementwise.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.jax_optax.phrases import (
    BY_KEPT,
    BY_WEIGHT,
    CLASSES,
    DENSE,
    INDEX,
    KEPT,
    LOG_SOFTMAX,
    ONE_HOT,
    PICK,
    SAMPLED,
    SMOOTH,
    SOFTMAX,
    WEIGHTED_MEAN,
)

PUBLIC_LOSS = (
    "optax.softmax_cross_entropy_with_integer_labels(logits, labels, axis=axis, where=mask)"
)
LOSS = INDEX.format("logits", "labels")
SOFT = DENSE.format("logits", "{}")
SAFE = "optax.safe_softmax_cross_entropy(logits, {})"
NLL = "-" + PICK.format("log_probabilities")
WEIGHTED = SOFT.format(f"class_weights * {SMOOTH.format(ONE_HOT)}")
MARGINS = (
    "jnp.sum(jnp.where(jax.nn.one_hot(labels, logits.shape[-1], dtype=bool), 0,"
    f" jnp.maximum(0, margin - {PICK.format('logits')}[:, None] + logits) ** exponent), axis=-1)"
    f" / {CLASSES}"
)
LINEAR = "hidden @ weights.T + bias"
LINEAR_SMOOTH = (
    "optax.losses.smooth_labels("
    "jax.nn.one_hot(labels, weights.shape[0], dtype=hidden.dtype), label_smoothing)"
)
FOCAL = f"class_weights * labels * {{}} ** gamma * {LOG_SOFTMAX}"
SOFTMAXES: dict[str, dict[str, str]] = {
    "softmax": {
        "jax.nn.softmax": "jax.nn.softmax(logits, axis=axis, where=mask)",
        "jax.scipy.special.softmax": "jax.scipy.special.softmax(logits, axis=axis)",
        "jax.nn.softmax(where=x != -inf)": (
            "jax.nn.softmax(logits, axis=-1, where=logits != -jnp.inf)"
        ),
        "softmax(where(mask, x, -inf))": "jax.nn.softmax(jnp.where(mask, logits, -jnp.inf))",
        "softmax(where(mask, x, -1e9))": "jax.nn.softmax(jnp.where(mask, logits, -1e9))",
        "exp(log_softmax)": f"jnp.exp({LOG_SOFTMAX})",
        "exp / sum(exp)": "jnp.exp(logits) / jnp.sum(jnp.exp(logits), axis=-1, keepdims=True)",
    },
    "log_softmax": {
        "jax.nn.log_softmax": "jax.nn.log_softmax(logits, axis=axis, where=mask)",
        "jax.scipy.special.log_softmax": "jax.scipy.special.log_softmax(logits, axis=axis)",
        "jax.nn.log_softmax(where=x != -inf)": (
            "jax.nn.log_softmax(logits, axis=-1, where=logits != -jnp.inf)"
        ),
        "x - logsumexp(x)": "logits - jax.nn.logsumexp(logits, axis=-1, keepdims=True)",
        "log(softmax)": f"jnp.log({SOFTMAX})",
    },
    "logsumexp": {
        "jax.nn.logsumexp": "jax.nn.logsumexp(logits, axis=axis, where=mask)",
        "jnp.logaddexp.reduce": "jnp.logaddexp.reduce(logits, axis=axis)",
        "jax.nn.logmeanexp + log(n)": (f"jax.nn.logmeanexp(logits, axis=-1) + jnp.log({CLASSES})"),
        "logsumexp(b=mask)": "jax.scipy.special.logsumexp(logits, axis=-1, b=mask)",
        "log(sum(exp))": "jnp.log(jnp.sum(jnp.exp(logits), axis=-1))",
        "max + log(sum(exp(x - max)))": (
            "jnp.max(logits, axis=-1) + jnp.log(jnp.sum("
            "jnp.exp(logits - jnp.max(logits, axis=-1, keepdims=True)), axis=-1))"
        ),
    },
    "z_loss": {
        "c logsumexp(x)^2": "scale * jax.nn.logsumexp(logits, axis=-1) ** 2",
        "c log(sum(exp))^2": "scale * jnp.log(jnp.sum(jnp.exp(logits), axis=-1)) ** 2",
    },
}
DENSE_LABELS: dict[str, dict[str, str]] = {
    "softmax_cross_entropy": {
        "optax.softmax_cross_entropy": (
            "optax.softmax_cross_entropy(logits, labels, axis=axis, where=mask)"
        ),
        "optax.softmax_cross_entropy of smooth_labels": SOFT.format(SMOOTH.format("labels")),
        "optax.softmax_cross_entropy of weighted labels": (
            SOFT.format(f"class_weights * {SMOOTH.format('labels')}")
        ),
        "optax.softmax_cross_entropy of x / T": DENSE.format("logits / temperature", "labels"),
        "optax.safe_softmax_cross_entropy": SAFE.format("labels"),
        "optax.safe_softmax_cross_entropy of smooth_labels": SAFE.format(SMOOTH.format("labels")),
        "optax.safe_softmax_cross_entropy of weighted labels": (
            SAFE.format(f"class_weights * {SMOOTH.format('labels')}")
        ),
        "optax.losses.poly_loss_cross_entropy(epsilon=0)": (
            "optax.losses.poly_loss_cross_entropy(logits, labels, epsilon=0.0)"
        ),
        "optax.losses.ranking_softmax_loss": (
            "optax.losses.ranking_softmax_loss("
            "logits, labels, where=mask, weights=class_weights, reduce_fn=None)"
        ),
        "-sum(t log_softmax)": f"-jnp.sum(labels * {LOG_SOFTMAX}, axis=-1)",
        "-sum(where(t > 0, t log_softmax, 0))": (
            f"-jnp.sum(jnp.where(labels > 0, labels * {LOG_SOFTMAX}, 0), axis=-1)"
        ),
        "-sum(t log(softmax))": f"-jnp.sum(labels * jnp.log({SOFTMAX}), axis=-1)",
        "-sum(t log(softmax + 1e-9))": (f"-jnp.sum(labels * jnp.log({SOFTMAX} + 1e-9), axis=-1)"),
    },
    "softmax_focal_loss": {
        "-a sum(w y (1 - softmax)^gamma log_softmax)": (
            f"-alpha * jnp.sum({FOCAL.format(f'(1 - {SOFTMAX})')}, axis=-1)"
        ),
        "-a sum(w y (-expm1(log_softmax))^gamma log_softmax)": (
            f"-alpha * jnp.sum({FOCAL.format(f'(-jnp.expm1({LOG_SOFTMAX}))')}, axis=-1)"
        ),
    },
    "poly1_cross_entropy": {
        "optax.losses.poly_loss_cross_entropy": (
            "optax.losses.poly_loss_cross_entropy(logits, labels, epsilon=epsilon, axis=axis)"
        ),
        "optax.softmax_cross_entropy + e (1 - sum(y softmax))": (
            f"optax.softmax_cross_entropy(logits, labels)"
            f" + epsilon * (1 - jnp.sum(labels * {SOFTMAX}, axis=-1))"
        ),
    },
    "distillation_loss": {
        "T^2 optax.kl_divergence of softmax(x / T)": (
            "temperature**2 * optax.kl_divergence("
            "jax.nn.log_softmax(student / temperature), jax.nn.softmax(teacher / temperature))"
        ),
        "T^2 optax.losses.kl_divergence_with_log_targets": (
            "temperature**2 * optax.losses.kl_divergence_with_log_targets("
            "jax.nn.log_softmax(student / temperature), jax.nn.log_softmax(teacher / temperature))"
        ),
    },
}
INDICES: dict[str, dict[str, str]] = {
    "softmax_cross_entropy_index": {
        "optax.softmax_cross_entropy_with_integer_labels": PUBLIC_LOSS,
        "optax.losses.make_fenchel_young_loss(logsumexp)": (
            f"optax.losses.make_fenchel_young_loss(jax.nn.logsumexp)(logits, {ONE_HOT})"
        ),
        "optax.softmax_cross_entropy of one_hot": SOFT.format(ONE_HOT),
        "optax.safe_softmax_cross_entropy of one_hot": SAFE.format(ONE_HOT),
        "-take_along_axis(log_softmax)": "-" + PICK.format(LOG_SOFTMAX),
        "-log(softmax).at(labels)": f"-jnp.log({SOFTMAX})[jnp.arange(len(labels)), labels]",
        "optax.softmax_cross_entropy of smooth one_hot": SOFT.format(SMOOTH.format(ONE_HOT)),
        "optax.softmax_cross_entropy of smooth one_hot, mean(where=kept)": (
            f"jnp.mean({SOFT.format(SMOOTH.format(ONE_HOT))}, where={KEPT})"
        ),
        "optax.softmax_cross_entropy of weighted one_hot": WEIGHTED,
        "where(kept, softmax_cross_entropy of weighted one_hot, 0)": (
            f"jnp.where({KEPT}, {WEIGHTED}, 0)"
        ),
        "sum(kept weighted one_hot) / sum(kept w)": (
            f"jnp.sum(jnp.where({KEPT}, {WEIGHTED}, 0))"
            f" / jnp.sum(jnp.where({KEPT}, class_weights[labels], 0))"
        ),
        "w optax integer labels, sample weights": f"sample_weights * {LOSS}",
        "optax integer labels, average(sample weights)": (
            f"jnp.average({LOSS}, weights=sample_weights)"
        ),
        "optax integer labels, w loss": f"class_weights[labels] * {LOSS}",
        "optax integer labels, average(w)": f"jnp.average({LOSS}, weights=class_weights[labels])",
        "optax integer labels, where=kept": f"{LOSS[:-1]}, where={KEPT})",
        "optax integer labels, where(kept, loss, 0)": f"jnp.where({KEPT}, {LOSS}, 0)",
        "optax integer labels, where(kept, loss of safe labels, 0)": (
            f"jnp.where({KEPT}, {INDEX.format('logits', f'jnp.where({KEPT}, labels, 0)')}, 0)"
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
        "optax integer labels, sum(kept w loss) / sum(kept)": (
            f"jnp.sum(jnp.where({KEPT}, class_weights[labels] * {LOSS}, 0)) / jnp.sum({KEPT})"
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
        "take_along_axis, sum(kept w loss) / sum(kept w)": (
            f"jnp.sum(jnp.where({KEPT}, class_weights[labels] * {NLL}, 0))"
            f" / jnp.sum(jnp.where({KEPT}, class_weights[labels], 0))"
        ),
    },
    "linear_softmax_cross_entropy": {
        "optax integer labels of h W' + b": INDEX.format(LINEAR, "labels"),
        "optax integer labels of h W' + b, average(w)": (
            f"jnp.average({INDEX.format(LINEAR, 'labels')}, weights=class_weights[labels])"
        ),
        "optax.softmax_cross_entropy of h W' + b, smooth one_hot": DENSE.format(
            LINEAR, LINEAR_SMOOTH
        ),
    },
    "multiclass_margin_loss": {
        "sum(max(0, m - x_k + x_i)^q, i != k) / C": MARGINS,
        "w_k sum(max(0, m - x_k + x_i)^q, i != k) / C": f"class_weights[labels] * {MARGINS}",
    },
    "generalised_cross_entropy": {
        "(1 - softmax(x)_k^q) / q": f"(1 - {PICK.format(SOFTMAX)} ** q) / q",
        "-expm1(q log_softmax(x)_k) / q": f"-jnp.expm1(q * {PICK.format(LOG_SOFTMAX)}) / q",
    },
}
EXPRESSIONS: Mapping[str, Mapping[str, str]] = {**SOFTMAXES, **DENSE_LABELS, **INDICES}

LAST = {"defaults": {"axis": -1}}
WHOLE = {"defaults": {"axis": -1, "mask": None}}
UNSMOOTHED = {"defaults": {"label_smoothing": 0.0}}
UNIFORM = {"defaults": {"label_smoothing": 0.0, "class_weights": 1.0}}
UNWEIGHTED_FOCAL = {"defaults": {"gamma": 2.0, "alpha": 1.0, "class_weights": 1.0}}
MEAN = {"reductions": WEIGHTED_MEAN}
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "jax.nn.softmax": WHOLE,
    "jax.scipy.special.softmax": LAST,
    "jax.nn.log_softmax": WHOLE,
    "jax.scipy.special.log_softmax": LAST,
    "jax.nn.logsumexp": WHOLE,
    "jnp.logaddexp.reduce": {**LAST, "public": "jax.numpy.logaddexp.reduce"},
    "jax.nn.logmeanexp + log(n)": {"public": "jax.nn.logmeanexp"},
    "c logsumexp(x)^2": {"defaults": {"scale": 1.0}},
    "c log(sum(exp))^2": {"defaults": {"scale": 1.0}},
    "optax.softmax_cross_entropy": WHOLE,
    "optax.softmax_cross_entropy of weighted labels": UNSMOOTHED,
    "optax.safe_softmax_cross_entropy of weighted labels": UNSMOOTHED,
    "optax.losses.ranking_softmax_loss": {"defaults": {"mask": None, "class_weights": None}},
    "-a sum(w y (1 - softmax)^gamma log_softmax)": UNWEIGHTED_FOCAL,
    "-a sum(w y (-expm1(log_softmax))^gamma log_softmax)": UNWEIGHTED_FOCAL,
    "optax.losses.poly_loss_cross_entropy": {
        **LAST,
        "fixed": {"labels": "sum(y (1 - p)) is 1 - sum(y p) where the labels sum to 1 only"},
    },
    "T^2 optax.kl_divergence of softmax(x / T)": {"defaults": {"temperature": 1.0}},
    "T^2 optax.losses.kl_divergence_with_log_targets": {"defaults": {"temperature": 1.0}},
    "optax.softmax_cross_entropy_with_integer_labels": WHOLE,
    "optax.losses.make_fenchel_young_loss(logsumexp)": {
        "public": "optax.losses.make_fenchel_young_loss"
    },
    "optax.softmax_cross_entropy of weighted one_hot": UNSMOOTHED,
    "optax.softmax_cross_entropy of smooth one_hot, mean(where=kept)": MEAN,
    "where(kept, softmax_cross_entropy of weighted one_hot, 0)": {
        **UNIFORM,
        "reductions": {"none": "{}", "sum": "jnp.sum({})"},
    },
    "sum(kept weighted one_hot) / sum(kept w)": {**UNSMOOTHED, **MEAN},
    "w optax integer labels, sample weights": {"reductions": SAMPLED},
    "optax integer labels, average(sample weights)": {"reductions": {"sample_weighted_mean": "{}"}},
    "optax integer labels, w loss": {"reductions": BY_WEIGHT},
    "optax integer labels, average(w)": MEAN,
    "optax integer labels, where(kept, loss, 0)": {"reductions": BY_KEPT},
    "optax integer labels, mean(where=kept)": MEAN,
    "optax integer labels, sum(kept loss) / sum(kept)": MEAN,
    "optax integer labels, sum(kept w loss) / sum(kept w)": MEAN,
    "optax integer labels, sum(kept w loss) / sum(kept)": {"reductions": {"kept_mean": "{}"}},
    "take_along_axis, average(w)": MEAN,
    "take_along_axis, mean(where=kept)": MEAN,
    "take_along_axis, sum(kept w loss) / sum(kept w)": MEAN,
    "optax integer labels of h W' + b": {"defaults": {"bias": 0.0}},
    "optax integer labels of h W' + b, average(w)": {"defaults": {"bias": 0.0}, **MEAN},
    "optax.softmax_cross_entropy of h W' + b, smooth one_hot": {
        "defaults": {"bias": 0.0, "label_smoothing": 0.0}
    },
    "sum(max(0, m - x_k + x_i)^q, i != k) / C": {"defaults": {"margin": 1.0, "exponent": 1.0}},
    "w_k sum(max(0, m - x_k + x_i)^q, i != k) / C": {"defaults": {"margin": 1.0, "exponent": 1.0}},
    "(1 - softmax(x)_k^q) / q": {"defaults": {"q": 0.7}},
    "-expm1(q log_softmax(x)_k) / q": {"defaults": {"q": 0.7}},
}
