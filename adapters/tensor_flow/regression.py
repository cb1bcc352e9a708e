"""Squared losses and Poisson losses: public functions, and what users write in their place."""

from __future__ import annotations

from adapters.tensor_flow.parts import ONLY_SUM, SIGMOID, Rows

SCALE = {"scale": 1.0}
DIFFERENCE = "tf.math.squared_difference(predictions, labels)"
STIRLING = (
    "tf.where(counts > 1, counts * tf.math.log(counts) - counts"
    " + tf.math.log(2 * 3.141592653589793 * counts) / 2, 0)"
)
EXACT = "tf.math.lgamma(counts + 1)"
IN_FULL, EXACTLY = {"full": ("stirling",)}, {"full": ("exact",)}

# fmt: off
ROWS: Rows = {
    "squared_loss": (
        ("tf.math.squared_difference", f"scale * {DIFFERENCE}", {"defaults": SCALE}),
        ("scale (y - z)^2", "scale * tf.math.square(predictions - labels)", {"defaults": SCALE}),
        ("tf.nn.l2_loss", "2 * scale * tf.nn.l2_loss(predictions - labels)", ONLY_SUM),
        ("tf.nn.compute_average_loss(squared_difference)",
         f"tf.nn.compute_average_loss({DIFFERENCE})", {"reductions": {"batch_mean": "{}"}}),
    ),
    "sigmoid_squared_loss": (
        ("(sigmoid(x) - y)^2 / 2", f"tf.math.square({SIGMOID} - labels) / 2"),
        ("squared_difference(sigmoid(x), y) / 2",
         f"tf.math.squared_difference({SIGMOID}, labels) / 2"),
        ("l2_loss(sigmoid(x) - y)", f"tf.nn.l2_loss({SIGMOID} - labels)", ONLY_SUM),
    ),
    "poisson_nll": (
        ('tf.nn.log_poisson_loss(counts, log_rates, compute_full_loss=full == "stirling")',
         {"defaults": {"full": "none"}, "takes": {"full": (None, "none", "stirling")}}),
        ("exp(x) - t x", "tf.math.exp(log_rates) - counts * log_rates"),
        ("exp(x) - t x + stirling(t)",
         f"tf.math.exp(log_rates) - counts * log_rates + {STIRLING}", {"takes": IN_FULL}),
        ("exp(x) - t x + lgamma(t + 1)",
         f"tf.math.exp(log_rates) - counts * log_rates + {EXACT}", {"takes": EXACTLY}),
    ),
    "poisson_nll_rate": (
        ("r - t log(r)", "rates - counts * tf.math.log(rates)"),
        ("r - xlogy(t, r)", "rates - tf.math.xlogy(counts, rates)"),
        ("r - t log(r + e)", "rates - counts * tf.math.log(rates + add_epsilon)"),
        ("r - t log(r) + stirling(t)", f"rates - counts * tf.math.log(rates) + {STIRLING}",
         {"takes": IN_FULL}),
        ("r - xlogy(t, r) + lgamma(t + 1)", f"rates - tf.math.xlogy(counts, rates) + {EXACT}",
         {"takes": EXACTLY}),
    ),
}
