"""Losses and divergences of probabilities: operator -> name -> expression.

What a name is says elementwise.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.jax_optax.phrases import KEPT, PICK

SHARES = "probabilities / jnp.sum(probabilities, axis=-1, keepdims=True)"
CLIPPED = "jnp.clip({}, clip_epsilon, 1 - clip_epsilon)"
AFTER = "({0} / jnp.sum({0}, axis=-1, keepdims=True))".format(CLIPPED.format("probabilities"))
BEFORE = CLIPPED.format(SHARES)
PICKED = PICK.format("probabilities")
LOG = f"jnp.log({PICKED})"
MIXTURE = "((p + q) / 2)"
EXPRESSIONS: Mapping[str, Mapping[str, str]] = {
    "cross_entropy": {
        "-sum(p log(q))": "-jnp.sum(labels * jnp.log(probabilities), axis=-1)",
        "-sum(xlogy(p, q))": ("-jnp.sum(jax.scipy.special.xlogy(labels, probabilities), axis=-1)"),
        "-sum(p log(q + 1e-9))": "-jnp.sum(labels * jnp.log(probabilities + 1e-9), axis=-1)",
        "sum(rel_entr(p, q) + entr(p))": (
            "jnp.sum(jax.scipy.special.rel_entr(labels, probabilities)"
            " + jax.scipy.special.entr(labels), axis=-1)"
        ),
    },
    "categorical_cross_entropy": {
        "-sum(w y log(p))": "-jnp.sum(class_weights * labels * jnp.log(probabilities), axis=-1)",
        "-sum(w xlogy(y, p))": (
            "-jnp.sum(class_weights * jax.scipy.special.xlogy(labels, probabilities), axis=-1)"
        ),
        "-sum(y log of clip(p / sum(p)))": f"-jnp.sum(labels * jnp.log({BEFORE}), axis=-1)",
        "-sum(y log of clip(p) / sum)": f"-jnp.sum(labels * jnp.log({AFTER}), axis=-1)",
    },
    "categorical_cross_entropy_index": {
        "-log(p_k)": f"-{LOG}",
        "-log of (clip(p / sum(p)))_k": f"-jnp.log({PICK.format(BEFORE)})",
        "-log of (clip(p) / sum)_k": f"-jnp.log({PICK.format(AFTER)})",
        "-average(log(p_k), w)": f"-jnp.average({LOG}, weights=class_weights[labels])",
        "-sum(kept w log(p_k)) / sum(kept w)": (
            f"-jnp.sum(jnp.where({KEPT}, class_weights[labels] * {LOG}, 0))"
            f" / jnp.sum(jnp.where({KEPT}, class_weights[labels], 0))"
        ),
    },
    "reconstruction_cross_entropy": {
        "-sum(x log(z) + (1 - x) log(1 - z))": (
            "-jnp.sum(inputs * jnp.log(reconstructions)"
            " + (1 - inputs) * jnp.log(1 - reconstructions), axis=-1)"
        ),
        "-sum(xlogy(x, z) + xlog1py(1 - x, -z))": (
            "-jnp.sum(jax.scipy.special.xlogy(inputs, reconstructions)"
            " + jax.scipy.special.xlog1py(1 - inputs, -reconstructions), axis=-1)"
        ),
    },
    "kl_divergence": {
        "optax.kl_divergence": "optax.kl_divergence(log_probabilities, labels, axis=axis)",
        "optax.losses.kl_divergence_with_log_targets of log(p)": (
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
    "kl_divergence_log_targets": {
        "optax.losses.kl_divergence_with_log_targets": (
            "optax.losses.kl_divergence_with_log_targets(log_probabilities, log_labels, axis=axis)"
        ),
        "optax.kl_divergence of exp(log p)": (
            "optax.kl_divergence(log_probabilities, jnp.exp(log_labels))"
        ),
    },
    "generalized_kl_divergence": {
        "optax.losses.generalized_kl_divergence": (
            "optax.losses.generalized_kl_divergence(log_probabilities, labels, axis=axis)"
        ),
        "optax.convex_kl_divergence": (
            "optax.convex_kl_divergence(log_probabilities, labels, axis=axis)"
        ),
        "sum(kl_div(p, exp(log q)))": (
            "jnp.sum(jax.scipy.special.kl_div(labels, jnp.exp(log_probabilities)), axis=-1)"
        ),
    },
    "jensen_shannon_divergence": {
        "sum(rel_entr(p, m) + rel_entr(q, m)) / 2": (
            f"jnp.sum(jax.scipy.special.rel_entr(p, {MIXTURE})"
            f" + jax.scipy.special.rel_entr(q, {MIXTURE}), axis=-1) / 2"
        ),
        "(optax.kl_divergence of p + that of q) / 2": (
            f"(optax.kl_divergence(jnp.log({MIXTURE}), p)"
            f" + optax.kl_divergence(jnp.log({MIXTURE}), q)) / 2"
        ),
    },
}

BEFORE_CLIP = {"takes": {"normalise": ("before_clip",)}, "defaults": {"clip_epsilon": 0.0}}
AFTER_CLIP = {"takes": {"normalise": ("after_clip",)}, "defaults": {"clip_epsilon": 0.0}}
LAST = {"defaults": {"axis": -1}}
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "-sum(w y log(p))": {"defaults": {"class_weights": 1.0}},
    "-sum(w xlogy(y, p))": {"defaults": {"class_weights": 1.0}},
    "-sum(y log of clip(p / sum(p)))": BEFORE_CLIP,
    "-sum(y log of clip(p) / sum)": AFTER_CLIP,
    "-log of (clip(p / sum(p)))_k": BEFORE_CLIP,
    "-log of (clip(p) / sum)_k": AFTER_CLIP,
    "-average(log(p_k), w)": {"reductions": {"weighted_mean": "{}"}},
    "-sum(kept w log(p_k)) / sum(kept w)": {"reductions": {"weighted_mean": "{}"}},
    "optax.kl_divergence": LAST,
    "optax.losses.kl_divergence_with_log_targets": LAST,
    "optax.losses.generalized_kl_divergence": LAST,
    "optax.convex_kl_divergence": LAST,
}
