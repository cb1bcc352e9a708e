"""Poisson losses: the negative log-likelihood of a count, from a rate or its logarithm."""

from __future__ import annotations

import math
from typing import Any

from reference.operator import Input, Operator
from reference.operators.binary_probabilities import excess
from reference.running import Arithmetic, weighted
from reference.tape import Scalar, Vector, exp, lgamma, log, where, xlogy


def poisson_nll(log_rates: Vector, counts: Vector, full: str = "none") -> Vector:
    return exp(log_rates) - counts * log_rates + log_factorial(counts, full)


def poisson_nll_rate(
    rates: Vector, counts: Vector, add_epsilon: Scalar = 0, full: str = "none"
) -> Vector:
    return rates - xlogy(counts, rates + add_epsilon) + log_factorial(counts, full)


def log_factorial(t: Vector, full: str) -> Vector:
    """The constant of the likelihood: ln t!, Stirling's formula for it where t > 1, or nothing."""
    t = Vector(t.numbers)  # a constant, also where a limit is taken
    match full:
        case "exact":
            return lgamma(t + 1)
        case "stirling":
            half_log_pi = lgamma(0 * t + 0.5)
            return where(t > 1, t * log(t) - t + log(2 * t) / 2 + half_log_pi, 0)
    return 0 * t


# Model algorithms (see reference/running.py).

MANY = 32.0
"""From here on five terms of Stirling's series are enough for every format."""
SERIES = (12.0, -360.0, 1260.0, -1680.0, 1188.0)
"""ln t! = t ln t - t + ln(2 pi t) / 2 + 1 / (12 t) - 1 / (360 t^3) + ... (DLMF 5.11.1)."""
LOG_TAU = math.log(2 * math.pi)
LAST = 17
"""Of the terms d^k / k! of e^d that count in any format, |d| < 1/2."""
HEAD = 1.8359375
"""The leading bits of ln(2 pi), which are a number of every format."""


def half_log_tau(a: Arithmetic, t: Any) -> Any:
    """ln(2 pi t) / 2."""
    return (a.log(t) + HEAD + (LOG_TAU - HEAD)) / 2


def stirling_error(t: Any) -> Any:
    """The difference of ln t! and Stirling's formula for it, for a large t."""
    inverse = 1 / t
    square = inverse * inverse
    terms, power = inverse / SERIES[0], inverse
    for divisor in SERIES[1:]:
        power = power * square
        terms = terms + power / divisor
    return terms


def with_factorial(a: Arithmetic, t: Any, full: str, plain: Any, saddle: Any) -> Any:
    """A loss with the constant of the likelihood and without cancellation.

    plain: the loss without it. saddle: the loss with t ln t - t, a small difference if the rate is
    near t, which is computed as such (C. Loader, "Fast and Accurate Computation of Binomial
    Probabilities", 2000).
    """
    if full == "none":
        return plain
    whole = saddle + half_log_tau(a, t)
    if full == "stirling":
        return a.where(t > 1, whole, plain)
    many = t > MANY
    error = stirling_error(a.where(many, t, MANY))
    return a.where(many, whole + error, plain + a.lgamma(t + 1))


def plus_factorial(a: Arithmetic, t: Any, full: str, loss: Any) -> Any:
    """The sum of a loss and the constant, as it is written."""
    if full == "none":
        return loss
    if full == "exact":
        return loss + a.lgamma(t + 1)
    together = a.log(t * HEAD_OF_TAU + t * (2 * math.pi - HEAD_OF_TAU)) / 2
    constants = (t * a.log(t) - t + half for half in (half_log_tau(a, t), together))
    return a.any_of(*(loss + a.where(t > 1, constant, 0.0) for constant in constants))


HEAD_OF_TAU = 6.28125


def excess_of_exp(d: Any) -> Any:
    """e^d - 1 - d for |d| < 1/2, by its series: an error of d enters times d."""
    series = 1 + d / LAST
    for k in range(LAST - 1, 2, -1):
        series = 1 + d / k * series
    return d * d / 2 * series


def strict_loss(a: Arithmetic, x: Any, t: Any, full: str = "none") -> Any:
    rate = a.exp(x)
    plain = rate - t * x
    if full == "none":
        return plain
    d = x - a.log(t)
    near = abs(d) < 0.5
    saddle = a.where(near, t * excess_of_exp(a.where(near, d, 0.0)), (rate - t) - t * d)
    return with_factorial(a, t, full, plain, saddle)


def baseline_loss(a: Arithmetic, x: Any, t: Any, full: str = "none") -> Any:
    return plus_factorial(a, t, full, a.exp(x) - t * x)


def strict_loss_by_log_rates(
    a: Arithmetic,
    x: Any,
    t: Any,
    full: str = "none",  # noqa: ARG001
) -> Any:
    """e^x - t, in which nothing cancels for t = 1 either."""
    return a.where(abs(x) < 0.5, a.expm1(x) - (t - 1), a.exp(x) - t)


def baseline_loss_by_log_rates(
    a: Arithmetic,
    x: Any,
    t: Any,
    full: str = "none",  # noqa: ARG001
) -> Any:
    return a.exp(x) - t


def strict_loss_of_rate(
    a: Arithmetic, r: Any, t: Any, add_epsilon: Any = None, full: str = "none"
) -> Any:
    shifted = r if add_epsilon is None else r + add_epsilon
    less = r - t if add_epsilon is None else (r - t) + add_epsilon
    plain = r - weighted(a, t, log_of_rate(a, r, add_epsilon))
    if full == "none":
        return plain
    saddle = t * excess(a, less / t, shifted, t)
    saddle = saddle if add_epsilon is None else saddle - add_epsilon
    return with_factorial(a, t, full, plain, saddle)


def log_of_rate(a: Arithmetic, r: Any, add_epsilon: Any) -> Any:
    """ln(r + e), by log1p near 1."""
    if add_epsilon is None:
        return a.log(r)
    near = a.log1p((r - 1) + add_epsilon)
    return a.where(abs((r - 1) + add_epsilon) < 0.5, near, a.log(r + add_epsilon))


def baseline_loss_of_rate(
    a: Arithmetic, r: Any, t: Any, add_epsilon: Any = None, full: str = "none"
) -> Any:
    shifted = r if add_epsilon is None else r + add_epsilon
    return plus_factorial(a, t, full, r - weighted(a, t, a.log(shifted)))


def strict_loss_by_rates(
    a: Arithmetic,
    r: Any,
    t: Any,
    add_epsilon: Any = None,
    full: str = "none",  # noqa: ARG001
) -> Any:
    """1 - t / (r + e), or (r - t + e) / (r + e) where that cancels."""
    shifted = r if add_epsilon is None else r + add_epsilon
    less = r - t if add_epsilon is None else (r - t) + add_epsilon
    share = a.where(a.zero(t), 0.0, t / shifted)
    return a.where(share < 0.5, 1 - share, less / shifted)


def baseline_loss_by_rates(
    a: Arithmetic,
    r: Any,
    t: Any,
    add_epsilon: Any = None,
    full: str = "none",  # noqa: ARG001
) -> Any:
    shifted = r if add_epsilon is None else r + add_epsilon
    return 1 - a.where(a.zero(t), 0.0, t / shifted)


COUNTS = Input("counts", "scalar", (0.0, math.inf), constant=True)
FULL = {"full": ("none", "stirling", "exact")}
CONSTANT = "c = 0, or ln t! by Stirling's formula for t > 1, or exactly"

OPERATORS = (
    Operator(
        "poisson_nll",
        (Input("log_rates", "scalar"), COUNTS),
        "elementwise",
        poisson_nll,
        "e^x - t x + c",
        parameters={"full": "none"},
        words=FULL,
        strict={"value": strict_loss, "gradient.log_rates": strict_loss_by_log_rates},
        baseline={"value": baseline_loss, "gradient.log_rates": baseline_loss_by_log_rates},
        derivatives={"log_rates": "e^x - t", "log_rates log_rates": "e^x"},
    ),
    Operator(
        "poisson_nll_rate",
        (Input("rates", "scalar", (0.0, math.inf)), COUNTS),
        "elementwise",
        poisson_nll_rate,
        "r - t ln(r + epsilon) + c, 0 ln 0 = 0",
        parameters={"add_epsilon": 0.0, "full": "none"},
        words=FULL,
        strict={"value": strict_loss_of_rate, "gradient.rates": strict_loss_by_rates},
        baseline={"value": baseline_loss_of_rate, "gradient.rates": baseline_loss_by_rates},
        derivatives={"rates": "1 - t / (r + epsilon)", "rates rates": "t / (r + epsilon)^2"},
    ),
)
