"""Parts that several expressions share, and the reductions that users write around a loss."""

from __future__ import annotations

STIRLING = (
    "jnp.where(counts > 1, counts * jnp.log(counts) - counts + jnp.log(2 * jnp.pi * counts) / 2, 0)"
)

CLASSES = "logits.shape[-1]"
ONE_HOT = f"jax.nn.one_hot(labels, {CLASSES}, dtype=logits.dtype)"
KEPT = "labels != ignore_index"
PICK = "jnp.take_along_axis({}, labels[:, None], axis=-1)[:, 0]"
LOG_SOFTMAX = "jax.nn.log_softmax(logits, axis=-1)"
SOFTMAX = "jax.nn.softmax(logits, axis=-1)"
SMOOTH = "optax.smooth_labels({}, label_smoothing)"
DENSE = "optax.softmax_cross_entropy({}, {})"
INDEX = "optax.softmax_cross_entropy_with_integer_labels({}, {})"

PLAIN = {"none": "{}", "sum": "jnp.sum({})", "mean": "jnp.mean({})"}
SAMPLED = {
    **PLAIN,
    "sample_weighted_mean": "jnp.sum({}) / jnp.sum(sample_weights)",
    "nonzero_mean": "jnp.sum({}) / jnp.count_nonzero(sample_weights)",
}
BY_KEPT = {
    "none": "{}",
    "sum": "jnp.sum({})",
    "weighted_mean": f"jnp.sum({{}}) / jnp.sum({KEPT})",
    "kept_mean": f"jnp.sum({{}}) / jnp.sum({KEPT})",
}
BY_WEIGHT = {**PLAIN, "weighted_mean": "jnp.sum({}) / jnp.sum(class_weights[labels])"}
WEIGHTED_MEAN = {"weighted_mean": "{}"}
