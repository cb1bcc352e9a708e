"""Divergences between two distributions over classes, one row at a time."""

from __future__ import annotations

import math
from typing import Any

from reference.operator import Input, Model, Operator
from reference.running import Arithmetic, Mask, weighted
from reference.tape import Vector, exp, total, xlogy


def kl_divergence(labels: Vector, log_probabilities: Vector) -> Vector:
    return total(xlogy(labels, labels) - labels * log_probabilities)


def kl_divergence_log_targets(log_labels: Vector, log_probabilities: Vector) -> Vector:
    return total(exp(log_labels) * (log_labels - log_probabilities))


def generalized_kl_divergence(labels: Vector, log_probabilities: Vector) -> Vector:
    masses = total(exp(log_probabilities) - labels)
    return kl_divergence(labels, log_probabilities) + masses


def jensen_shannon_divergence(p: Vector, q: Vector) -> Vector:
    m = (p + q) / 2
    return total(xlogy(p, p) - xlogy(p, m) + xlogy(q, q) - xlogy(q, m)) / 2


# Model algorithms (see reference/running.py).


def strict_divergence(a: Arithmetic, p: Any, log_q: Any) -> Any:
    return a.total(weighted(a, p, a.log(p)) - weighted(a, p, log_q))


def baseline_divergence(a: Arithmetic, p: Any, log_q: Any) -> Any:
    """Term by term, or the negative entropy plus the cross entropy."""
    apart = a.total(weighted(a, p, a.log(p))) - a.total(weighted(a, p, log_q))
    return a.any_of(strict_divergence(a, p, log_q), apart)


def divergence_by_labels(a: Arithmetic, p: Any, log_q: Any) -> Any:
    return a.any_of(a.log(p) - log_q + 1, a.log(p) + 1 - log_q)


def divergence_by_log_probabilities(_a: Arithmetic, p: Any, _log_q: Any) -> Any:
    return -p


def baseline_divergence_by_log_probabilities(a: Arithmetic, p: Any, _log_q: Any) -> Any:
    """-p, or -e^(ln p) where the targets are handed over as logarithms."""
    return a.any_of(-p, -a.where(a.zero(p), 0.0, a.exp(a.log(p))))


def strict_of_logs(a: Arithmetic, log_p: Any, log_q: Any) -> Any:
    return a.total(weighted(a, a.exp(log_p), log_p - log_q))


def baseline_of_logs(a: Arithmetic, log_p: Any, log_q: Any) -> Any:
    """Term by term, or the negative entropy plus the cross entropy."""
    p = a.exp(log_p)
    apart = a.total(weighted(a, p, log_p)) - a.total(weighted(a, p, log_q))
    return a.any_of(strict_of_logs(a, log_p, log_q), apart)


def of_logs_by_log_labels(a: Arithmetic, log_p: Any, log_q: Any) -> Any:
    return weighted(a, a.exp(log_p), log_p - log_q + 1)


def baseline_of_logs_by_log_labels(a: Arithmetic, log_p: Any, log_q: Any) -> Any:
    """The same, or the derivatives of both factors."""
    p = a.exp(log_p)
    factors = weighted(a, p, log_p - log_q) + p
    return a.any_of(of_logs_by_log_labels(a, log_p, log_q), factors)


def of_logs_by_log_probabilities(a: Arithmetic, log_p: Any, _log_q: Any) -> Any:
    return -a.exp(log_p)


def strict_generalized(a: Arithmetic, p: Any, log_q: Any) -> Any:
    """The sum of p (e^r - 1 - r), r = ln q - ln p, where p and q are close: no cancellation."""
    r, close = log_quotient(a, p, log_q)
    far = weighted(a, p, a.log(p) - log_q) + (a.exp(log_q) - p)
    return a.total(a.where(close, p * (a.expm1(r) - r), far))


def log_quotient(a: Arithmetic, p: Any, log_q: Any) -> tuple[Any, Mask]:
    """The logarithm of q / p where they are close, 0 elsewhere; and where they are."""
    r = log_q - a.log(p)
    close = (abs(r) < 1.0) & ~a.zero(p)
    return a.where(close, r, 0.0), close


def baseline_generalized(a: Arithmetic, p: Any, log_q: Any) -> Any:
    """Term by term, or the divergence and the masses, each summed by itself."""
    terms = weighted(a, p, a.log(p) - log_q) - p + a.exp(log_q)
    apart = baseline_divergence(a, p, log_q) + (a.total(a.exp(log_q)) - a.total(p))
    return a.any_of(a.total(terms), apart)


def generalized_by_labels(a: Arithmetic, p: Any, log_q: Any) -> Any:
    return a.log(p) - log_q


def baseline_generalized_by_labels(a: Arithmetic, p: Any, log_q: Any) -> Any:
    """The same, or with the derivative 1 of p ln p and that of -p."""
    return a.any_of(generalized_by_labels(a, p, log_q), a.log(p) + 1 - log_q - 1)


def strict_generalized_by_log_probabilities(a: Arithmetic, p: Any, log_q: Any) -> Any:
    r, close = log_quotient(a, p, log_q)
    return a.where(close, p * a.expm1(r), a.exp(log_q) - p)


def baseline_generalized_by_log_probabilities(a: Arithmetic, p: Any, log_q: Any) -> Any:
    return a.exp(log_q) - p


APART = 2.0
"""Above this ratio of |p - q| to the smaller one, the logarithms of p / m and q / m are used."""


FAR = 2.0**100
"""Above, a quotient of q and p may overflow, or that of p and q lose its digits."""


def strict_jensen_shannon(a: Arithmetic, p: Any, q: Any) -> Any:
    """Where p and q are close, the sum of (d artanh(d / 2m) + m ln(1 - (d / 2m)^2)) / 2, d = p - q.

    Both terms are of second order in d, as the result is.
    """
    d, less = abs(p - q), a.where(p - q < 0, p, q)
    ratio = d / less
    close = (ratio < APART) & ~a.zero(less)
    x, y = a.where(close, ratio, 0.0), a.where(close, d / a.where(p - q < 0, q, p), 0.0)
    near = d / 2 * a.log1p(x) - (p + q) / 2 * a.log1p(x * y / 4)
    far = entropy_term(a, p, q) + entropy_term(a, q, p)
    return a.total(a.where(close | a.zero(d), near, far)) / 2


def entropy_term(a: Arithmetic, p: Any, q: Any) -> Any:
    """P ln(p / m)."""
    return weighted(a, p, a.log(p / ((p + q) / 2)))


def baseline_jensen_shannon(a: Arithmetic, p: Any, q: Any) -> Any:
    """KL(p || m) / 2 + KL(q || m) / 2, by quotients, by differences of logarithms, by entropies."""
    m = (p + q) / 2
    left, right = entropy_term(a, p, q), entropy_term(a, q, p)
    of_p, of_q = (weighted(a, v, a.log(v) - a.log(m)) for v in (p, q))
    entropies = [a.total(weighted(a, v, a.log(v))) for v in (p, q, m)]
    return a.any_of(
        (a.total(left) + a.total(right)) / 2,
        (a.total(of_p) + a.total(of_q)) / 2,
        (entropies[0] + entropies[1]) / 2 - entropies[2],
    )


def strict_half_log(a: Arithmetic, p: Any, q: Any) -> Any:
    """Half of ln(p / m), the derivative by p."""
    more, far = p - q > 0, (q - p) / p - FAR > 0
    above = a.log1p(a.where(more, (p - q) / (p + q), 0.0))
    below = a.log1p(a.where(more | far, 0.0, (q - p) / p / 2))
    return a.where(far, a.log(p) - a.log((p + q) / 2), a.where(more, above, -below)) / 2


def baseline_half_log(a: Arithmetic, p: Any, q: Any) -> Any:
    m = (p + q) / 2
    apart = a.log(p) - a.log(m)
    return a.any_of(a.where(p / m - 1 / FAR < 0, apart, a.log(p / m)) / 2, apart / 2)


def by_both(half_log: Model) -> dict[str, Model]:
    return {"gradient.p": half_log, "gradient.q": lambda a, p, q: half_log(a, q, p)}


LABELS = Input("labels", "vector", (0.0, math.inf))
LOG_PROBABILITIES = Input("log_probabilities", "vector")

OPERATORS = (
    Operator(
        "kl_divergence",
        (LABELS, LOG_PROBABILITIES),
        "scalar",
        kl_divergence,
        "sum_c p_c (ln p_c - l_c), l = ln q, 0 ln 0 = 0",
        strict={
            "value": strict_divergence,
            "gradient.labels": divergence_by_labels,
            "gradient.log_probabilities": divergence_by_log_probabilities,
        },
        baseline={
            "value": baseline_divergence,
            "gradient.labels": divergence_by_labels,
            "gradient.log_probabilities": baseline_divergence_by_log_probabilities,
        },
        derivatives={
            "labels": "ln p_j - l_j + 1",
            "log_probabilities": "-p_j",
            "labels labels": "delta_{i j} / p_j",
            "labels log_probabilities": "-delta_{i j}",
            "log_probabilities log_probabilities": "0",
        },
        symbols={"labels": "p"},
    ),
    Operator(
        "kl_divergence_log_targets",
        (Input("log_labels", "vector"), LOG_PROBABILITIES),
        "scalar",
        kl_divergence_log_targets,
        "sum_c e^m_c (m_c - l_c), m = ln p, l = ln q",
        strict={
            "value": strict_of_logs,
            "gradient.log_labels": of_logs_by_log_labels,
            "gradient.log_probabilities": of_logs_by_log_probabilities,
        },
        baseline={
            "value": baseline_of_logs,
            "gradient.log_labels": baseline_of_logs_by_log_labels,
            "gradient.log_probabilities": of_logs_by_log_probabilities,
        },
        derivatives={
            "log_labels": "e^m_j (m_j - l_j + 1)",
            "log_probabilities": "-e^m_j",
            "log_labels log_labels": "delta_{i j} e^m_j (m_j - l_j + 2)",
            "log_labels log_probabilities": "-delta_{i j} e^m_j",
            "log_probabilities log_probabilities": "0",
        },
    ),
    Operator(
        "generalized_kl_divergence",
        (LABELS, LOG_PROBABILITIES),
        "scalar",
        generalized_kl_divergence,
        "sum_c (p_c (ln p_c - l_c) - p_c + e^l_c), l = ln q, 0 ln 0 = 0",
        strict={
            "value": strict_generalized,
            "gradient.labels": generalized_by_labels,
            "gradient.log_probabilities": strict_generalized_by_log_probabilities,
        },
        baseline={
            "value": baseline_generalized,
            "gradient.labels": baseline_generalized_by_labels,
            "gradient.log_probabilities": baseline_generalized_by_log_probabilities,
        },
        derivatives={
            "labels": "ln p_j - l_j",
            "log_probabilities": "e^l_j - p_j",
            "labels labels": "delta_{i j} / p_j",
            "labels log_probabilities": "-delta_{i j}",
            "log_probabilities log_probabilities": "delta_{i j} e^l_j",
        },
        symbols={"labels": "p"},
    ),
    Operator(
        "jensen_shannon_divergence",
        (Input("p", "vector", (0.0, math.inf)), Input("q", "vector", (0.0, math.inf))),
        "scalar",
        jensen_shannon_divergence,
        "1 / 2 sum_c (p_c ln(p_c / m_c) + q_c ln(q_c / m_c)), m = (p + q) / 2",
        strict={"value": strict_jensen_shannon, **by_both(strict_half_log)},
        baseline={"value": baseline_jensen_shannon, **by_both(baseline_half_log)},
        derivatives={
            "p": "1 / 2 ln(p_j / m_j)",
            "q": "1 / 2 ln(q_j / m_j)",
            "p p": "delta_{i j} q_j / (4 m_j p_j)",
            "q q": "delta_{i j} p_j / (4 m_j q_j)",
            "p q": "-delta_{i j} / (4 m_j)",
        },
    ),
)
