"""SciPy's functions and scikit-learn's losses, where they are accurate, lie in the enclosures.

What is allowed to them is the baseline bound, which follows from the inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from scipy import special, stats
from sklearn import metrics
from sklearn._loss import loss as losses

from reference.bounds import bounds
from reference.evaluation import evaluate
from reference.formats import Floats
from tests.families import problem
from tests.implementations import over_bound

RNG = np.random.default_rng(11)
X = np.concatenate([RNG.normal(size=40) * 3, RNG.uniform(-700, 700, 40), [0.0, 37.5, -37.5]])
LOGITS = np.concatenate([RNG.normal(size=(20, 5)) * 3, RNG.uniform(-300, 300, (20, 5))])
P = RNG.dirichlet(np.ones(5), 40)
Q = RNG.dirichlet(np.ones(5), 40)
MIXED = (P + Q) / 2
INDEX = RNG.integers(0, 5, 40)
HALVES = RNG.uniform(0.01, 0.99, X.size)
BITS = RNG.integers(0, 2, X.size).astype(float)
COUNTS = RNG.integers(0, 9, X.size).astype(float)
RATES = np.exp(RNG.normal(size=X.size))
SMALL = np.clip(X, -30, 30)

Call = tuple[str, str, dict[str, Any], Callable[[], Any]]


def halves(loss: Any, labels: Floats, raw: Floats, quantity: str) -> Floats:
    """Value or gradient of one of scikit-learn's losses, which takes raw predictions."""
    function = loss.loss if quantity == "value" else loss.gradient
    found = function(y_true=labels.astype(float), raw_prediction=np.ascontiguousarray(raw))
    return np.asarray(found)


BINOMIAL, POISSON = losses.HalfBinomialLoss(), losses.HalfPoissonLoss()
MULTINOMIAL = losses.HalfMultinomialLoss(n_classes=5)
SIGMOID = {"logits": X, "labels": BITS}
SOFTMAX = {"logits": LOGITS, "labels": INDEX}
# scikit-learn subtracts the logit of the label last, which cancels where the label is likely.
UNLIKELY = (X < 0).astype(float)
LEAST = LOGITS[:20].argmin(axis=1)
COUNTED = {"log_rates": SMALL, "counts": COUNTS}
CALLS: Mapping[str, Call] = {
    "special.expit": ("sigmoid", "value", {"x": X}, lambda: special.expit(X)),
    "special.log_expit": ("log_sigmoid", "value", {"x": X}, lambda: special.log_expit(X)),
    "special.softplus": ("softplus", "value", {"x": X}, lambda: special.softplus(X)),
    "np.logaddexp": ("softplus", "value", {"x": X}, lambda: np.logaddexp(0, X)),
    "np.tanh": ("tanh", "value", {"x": X}, lambda: np.tanh(X)),
    "special.softmax": (
        "softmax", "value", {"logits": LOGITS}, lambda: special.softmax(LOGITS, axis=1)
    ),
    "special.log_softmax": (
        "log_softmax", "value", {"logits": LOGITS}, lambda: special.log_softmax(LOGITS, axis=1)
    ),
    "special.logsumexp": (
        "logsumexp", "value", {"logits": LOGITS}, lambda: special.logsumexp(LOGITS, axis=1)
    ),
    "special.xlogy": (
        "cross_entropy", "value", {"labels": P, "probabilities": Q},
        lambda: -special.xlogy(P, Q).sum(axis=1),
    ),
    "special.rel_entr": (
        "kl_divergence", "value", {"labels": P, "log_probabilities": np.log(Q)},
        lambda: special.rel_entr(P, np.exp(np.log(Q))).sum(axis=1),
    ),
    "special.kl_div": (
        "generalized_kl_divergence", "value", {"labels": P, "log_probabilities": np.log(Q)},
        lambda: special.kl_div(P, np.exp(np.log(Q))).sum(axis=1),
    ),
    "special.rel_entr, twice": (
        "jensen_shannon_divergence", "value", {"p": P, "q": Q},
        lambda: (special.rel_entr(P, MIXED) + special.rel_entr(Q, MIXED)).sum(axis=1) / 2,
    ),
    "special.xlog1py": (
        "binary_cross_entropy", "value", {"probabilities": HALVES, "labels": BITS},
        lambda: -special.xlogy(BITS, HALVES) - special.xlog1py(1 - BITS, -HALVES),
    ),
    "stats.poisson.logpmf": (
        "poisson_nll_rate", "value", {"rates": RATES, "counts": COUNTS},
        lambda: -stats.poisson.logpmf(COUNTS, RATES),
    ),
    "HalfBinomialLoss": (
        "sigmoid_cross_entropy", "value", {"logits": X, "labels": UNLIKELY},
        lambda: halves(BINOMIAL, UNLIKELY, X, "value"),
    ),
    "HalfBinomialLoss.gradient": (
        "sigmoid_cross_entropy", "gradient.logits", SIGMOID,
        lambda: halves(BINOMIAL, BITS, X, "gradient"),
    ),
    "HalfMultinomialLoss": (
        "softmax_cross_entropy_index", "value", {"logits": LOGITS[:20], "labels": LEAST},
        lambda: halves(MULTINOMIAL, LEAST, LOGITS[:20], "value"),
    ),
    "HalfMultinomialLoss.gradient": (
        "softmax_cross_entropy_index", "gradient.logits", SOFTMAX,
        lambda: halves(MULTINOMIAL, INDEX, LOGITS, "gradient"),
    ),
    "HalfPoissonLoss": (
        "poisson_nll", "value", COUNTED, lambda: halves(POISSON, COUNTS, SMALL, "value")
    ),
    "HalfPoissonLoss.gradient": (
        "poisson_nll", "gradient.log_rates", COUNTED,
        lambda: halves(POISSON, COUNTS, SMALL, "gradient"),
    ),
}  # fmt: skip
OPTIONS: Mapping[str, Mapping[str, Any]] = {"stats.poisson.logpmf": {"full": "exact"}}


@pytest.mark.parametrize("name", CALLS)
def test_a_library_is_within_the_baseline_bound(name: str) -> None:
    operator, quantity, inputs, call = CALLS[name]
    asked = problem(operator, "float64", inputs, **OPTIONS.get(name, {}))
    truth, bound = evaluate(asked)[quantity], bounds(asked)[quantity]
    ratio = over_bound(call(), truth, bound.baseline)
    worst = int(np.argmax(ratio))
    assert ratio.max() <= 1, (float(ratio.max()), {k: v[worst % len(v)] for k, v in inputs.items()})


def test_means_of_scikit_learn() -> None:
    """Its metrics are means over samples, from probabilities and from margins."""
    index = {"probabilities": P, "labels": INDEX}
    asked = problem("categorical_cross_entropy_index", "float64", index, "mean")
    found = np.array(metrics.log_loss(INDEX, P, labels=range(5)))
    assert over_bound(found, evaluate(asked)["value"], bounds(asked)["value"].baseline) <= 1

    signs = 2 * BITS - 1
    margins = {"logits": SMALL, "labels": signs}
    asked = problem("hinge_loss", "float64", margins, "mean")
    found = np.array(metrics.hinge_loss(signs, SMALL))
    assert over_bound(found, evaluate(asked)["value"], bounds(asked)["value"].baseline) <= 1
