"""Closed forms of the binary losses and of the others that take one number at a time.

As in `tests/closed_forms.py`: mpmath, derived by hand, no cancellation of exponentials.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mpmath import mp, mpf

Row = Sequence[mpf]
Answer = tuple[list[mpf], dict[str, list[mpf]]]
Form = Callable[[Sequence[Row], Mapping[str, Any], Row], Answer]
ZERO, ONE = mpf(0), mpf(1)


def sigma(x: mpf) -> mpf:
    power = mp.exp(-abs(x))
    return (power if x < 0 else ONE) / (1 + power)


def softplus(x: mpf) -> mpf:
    return max(x, ZERO) + mp.log1p(mp.exp(-abs(x)))


def of_numbers(function: Callable[..., tuple[mpf, dict[str, mpf]]]) -> Form:
    """A form from the value and derivatives at one point; arrays have one number for each."""

    def form(rows: Sequence[Row], parameters: Mapping[str, Any], upstream: Row) -> Answer:
        values: list[mpf] = []
        slopes: dict[str, list[mpf]] = {}
        for k, (up, *point) in enumerate(zip(upstream, *rows, strict=True)):
            own = {n: v[k] if isinstance(v, list) else v for n, v in parameters.items()}
            value, by = function(*point, **own)
            values.append(value)
            for name, slope in by.items():
                slopes.setdefault(name, []).append(up * slope)
        return values, slopes

    return form


def shares(y: mpf, label_smoothing: mpf) -> tuple[mpf, mpf]:
    half = label_smoothing / 2
    return y - label_smoothing * y + half, (1 - label_smoothing) * (1 - y) + half


def sigmoid_cross_entropy(
    x: mpf, y: mpf, pos_weight: mpf = ONE, label_smoothing: mpf = ZERO
) -> tuple[mpf, dict[str, mpf]]:
    one, zero = shares(y, label_smoothing)
    value = pos_weight * one * softplus(-x) + zero * softplus(x)
    by_logits = zero * sigma(x) - pos_weight * one * sigma(-x)
    by_labels = (1 - label_smoothing) * ((pos_weight - 1) * softplus(-x) - x)
    return value, {"logits": by_logits, "labels": by_labels}


def binary_cross_entropy(
    p: mpf,
    y: mpf,
    clip_epsilon: mpf = ZERO,
    add_epsilon: mpf = ZERO,
    log_floor: mpf = -mp.inf,
    label_smoothing: mpf = ZERO,
) -> tuple[mpf, dict[str, mpf]]:
    one, zero = shares(y, label_smoothing)
    inside = not clip_epsilon or clip_epsilon < p < 1 - clip_epsilon
    p = p if inside else clip_epsilon if p <= clip_epsilon else 1 - clip_epsilon
    logs = mp.log(p + add_epsilon), mp.log1p(add_epsilon - p)
    by = [-one / (p + add_epsilon), zero / (1 - p + add_epsilon)]
    slope = sum((d for d, ln in zip(by, logs, strict=True) if inside and ln > log_floor), ZERO)
    ln_p, ln_q = (max(ln, log_floor) for ln in logs)
    by_labels = (1 - label_smoothing) * (ln_q - ln_p)
    return -one * ln_p - zero * ln_q, {"probabilities": slope, "labels": by_labels}


def softened_cross_entropy(
    p: mpf, y: mpf, epsilon: mpf | None = None
) -> tuple[mpf, dict[str, Any]]:
    e = ONE / 20 if epsilon is None else epsilon
    value, by = binary_cross_entropy(p, y, add_epsilon=e)
    return value + mp.log1p(e), by


def sparsity_penalty(r: mpf, target: mpf | None = None) -> tuple[mpf, dict[str, mpf]]:
    rho = ONE / 20 if target is None else target
    entropy = rho * mp.log(rho) + (1 - rho) * mp.log1p(-rho)
    cross = rho * mp.log(r) + (1 - rho) * mp.log1p(-r)
    return entropy - cross, {"activations": (1 - rho) / (1 - r) - rho / r}


def sigmoid_focal_loss(
    x: mpf, y: mpf, gamma: mpf | None = None, alpha: mpf | None = None
) -> tuple[mpf, dict[str, mpf]]:
    """FL = a r^g l; dr/dx = (1 - 2 y) s (1 - s), dl/dx = s - y, dr/dy = 1 - 2 s, dl/dy = -x."""
    g = mpf(2) if gamma is None else gamma
    s, t = sigma(x), sigma(-x)
    rest = (1 - y) * s + y * t
    loss, focus = y * softplus(-x) + (1 - y) * softplus(x), rest**g
    less = g * rest ** (g - 1) * loss
    a, slope_of_a = (
        (ONE, ZERO) if alpha is None else (alpha * y + (1 - alpha) * (1 - y), 2 * alpha - 1)
    )
    by_logits = a * (less * (1 - 2 * y) * s * t + focus * ((1 - y) * s - y * t))
    by_labels = slope_of_a * focus * loss + a * (less * (t - s) - focus * x)
    return a * focus * loss, {"logits": by_logits, "labels": by_labels}


def log_factorial(t: mpf, full: str) -> mpf:
    if full == "exact":
        return mp.loggamma(t + 1)
    if full == "stirling" and t > 1:
        return (t + ONE / 2) * mp.log(t) - t + mp.log(2 * mp.pi) / 2
    return ZERO


def poisson_nll(x: mpf, t: mpf, full: str = "none") -> tuple[mpf, dict[str, mpf]]:
    rate = mp.exp(x)
    return rate - t * x + log_factorial(t, full), {"log_rates": rate - t}


def poisson_nll_rate(
    r: mpf, t: mpf, add_epsilon: mpf = ZERO, full: str = "none"
) -> tuple[mpf, dict[str, mpf]]:
    shifted = r + add_epsilon
    value = r - (t * mp.log(shifted) if t else ZERO) + log_factorial(t, full)
    return value, {"rates": (shifted - t) / shifted if t else ONE}


def hinge_loss(
    x: mpf, y: mpf, margin: mpf = ONE, exponent: mpf = ONE
) -> tuple[mpf, dict[str, mpf]]:
    gap = margin - y * x
    if gap <= 0:
        return ZERO, {"logits": ZERO}
    return gap**exponent, {"logits": -y * (2 * gap if exponent == 2 else ONE)}


def reconstruction_cross_entropy(
    rows: Sequence[Row], parameters: Mapping[str, Any], upstream: Row
) -> Answer:
    assert not parameters
    values, by = of_numbers(binary_cross_entropy)(rows, {}, list(upstream) * len(rows[0]))
    return [sum(values, ZERO)], {"reconstructions": by["probabilities"], "inputs": by["labels"]}


FORMS: Mapping[str, Form] = {
    "sigmoid_cross_entropy": of_numbers(sigmoid_cross_entropy),
    "binary_cross_entropy": of_numbers(binary_cross_entropy),
    "softened_cross_entropy": of_numbers(softened_cross_entropy),
    "sparsity_penalty": of_numbers(sparsity_penalty),
    "sigmoid_focal_loss": of_numbers(sigmoid_focal_loss),
    "poisson_nll": of_numbers(poisson_nll),
    "poisson_nll_rate": of_numbers(poisson_nll_rate),
    "hinge_loss": of_numbers(hinge_loss),
    "reconstruction_cross_entropy": reconstruction_cross_entropy,
}
