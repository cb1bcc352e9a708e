"""Binary losses of probabilities: two classes, and what is done about the logarithm of 0."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from reference.operator import Input, Model, Operator
from reference.operators.binary import less_smoothing, shares, smoothed
from reference.running import Arithmetic, Mask, weighted
from reference.tape import Scalar, Vector, clip, log, relu, total, xlogy

TWENTIETH = Fraction(1, 20)


def binary_cross_entropy(
    probabilities: Vector,
    labels: Vector,
    clip_epsilon: Scalar = 0,
    add_epsilon: Scalar = 0,
    log_floor: Scalar | None = None,
    label_smoothing: Scalar = 0,
) -> Vector:
    p = probabilities
    if clip_epsilon != 0:
        p = clip(p, clip_epsilon, 1 - clip_epsilon)
    one, zero = p + add_epsilon, 1 - p + add_epsilon
    targets = smoothed(labels, label_smoothing)
    if log_floor is None:
        return -(xlogy(targets, one) + xlogy(1 - targets, zero))
    return -(targets * floored(log(one), log_floor) + (1 - targets) * floored(log(zero), log_floor))


def floored(x: Vector, floor: Scalar) -> Vector:
    return floor + relu(x - floor)


def softened_cross_entropy(
    probabilities: Vector, labels: Vector, epsilon: Scalar | Fraction = TWENTIETH
) -> Vector:
    one = (probabilities + epsilon) / (1 + epsilon)
    zero = (1 - probabilities + epsilon) / (1 + epsilon)
    return -(labels * log(one) + (1 - labels) * log(zero))


def reconstruction_cross_entropy(reconstructions: Vector, inputs: Vector) -> Vector:
    return total(binary_cross_entropy(reconstructions, inputs))


def sparsity_penalty(activations: Vector, target: Scalar | Fraction = TWENTIETH) -> Vector:
    active = target * log(target / activations)
    return active + (1 - target) * log((1 - target) / (1 - activations))


# Model algorithms (see reference/running.py).

TERMS = 17
"""Of the series of artanh s that count in any format, |s| < 1/3."""
TINY = 2.0**-100
"""A quotient below may underflow."""


def clipped(a: Arithmetic, p: Any, q: Any, epsilon: Any) -> tuple[Any, Any]:
    """Both p and q = 1 - p, not below epsilon and not above 1 - epsilon."""
    if epsilon is None:
        return p, q
    low, high = p < epsilon, q < epsilon
    most = 1 - epsilon
    return a.where(low, epsilon, a.where(high, most, p)), a.where(
        high, epsilon, a.where(low, most, q)
    )


def strict_log(a: Arithmetic, p: Any, q: Any, add_epsilon: Any = None) -> Any:
    """ln(p + e); near 1 from q = 1 - p, which is then exact."""
    if add_epsilon is None:
        return a.where(p > 0.5, a.log1p(-q), a.log(p))
    return a.where(p > 0.5, a.log1p(add_epsilon - q), a.log(p + add_epsilon))


def baseline_log(a: Arithmetic, p: Any, _q: Any, add_epsilon: Any = None) -> Any:
    return a.log(p if add_epsilon is None else p + add_epsilon)


def logs_of(log: Model) -> Model:
    """Both ln p and ln(1 - p) under the policies, from the logarithm of one of them."""

    def logs(
        a: Arithmetic,
        p: Any,
        clip_epsilon: Any = None,
        add_epsilon: Any = None,
        log_floor: Any = None,
    ) -> tuple[Any, Any]:
        p, q = clipped(a, p, 1 - p, clip_epsilon)
        one, zero = log(a, p, q, add_epsilon), log(a, q, p, add_epsilon)
        if log_floor is None:
            return one, zero
        return tuple(a.clip(x, log_floor, a.exact(np.inf)) for x in (one, zero))

    return logs


strict_policies = logs_of(strict_log)
baseline_logs = logs_of(baseline_log)


def strict_logs(a: Arithmetic, p: Any, **policies: Any) -> tuple[Any, Any]:
    if policies:
        one, zero = strict_policies(a, p, **policies)
        return one, zero
    return a.log(p), a.log1p(-p)


def cross_entropy_of(logs: Model) -> Model:
    """-(t ln p + (1 - t) ln(1 - p))."""

    def model(a: Arithmetic, p: Any, z: Any, label_smoothing: Any = None, **policies: Any) -> Any:
        (one, zero), (ln_p, ln_q) = shares(z, label_smoothing), logs(a, p, **policies)
        return -(weighted(a, one, ln_p) + weighted(a, zero, ln_q))

    return model


def log_odds(logs: Model) -> Model:
    """ln(1 - p) - ln p, the derivative of the cross entropy by the labels."""

    def model(a: Arithmetic, p: Any, _z: Any, label_smoothing: Any = None, **policies: Any) -> Any:
        ln_p, ln_q = logs(a, p, **policies)
        return less_smoothing(ln_q - ln_p, label_smoothing)

    return model


def at_end(a: Arithmetic, p: Any, z: Any) -> Mask:
    """Where p = z is 0 or 1, and the derivative a limit."""
    return a.zero(p - z) & (a.zero(z) | a.zero(1 - z))


def strict_slope(a: Arithmetic, p: Any, z: Any) -> Any:
    """(p - z) / (p (1 - p)), of which no part underflows, and its limit where p = z is 0 or 1."""
    return a.where(at_end(a, p, z), 1 - 2 * z, (p - z) / p / (1 - p))


def product_slope(a: Arithmetic, p: Any, z: Any) -> Any:
    return a.where(at_end(a, p, z), 1 - 2 * z, (p - z) / (p * (1 - p)))


def shifted_slope(_a: Arithmetic, p: Any, z: Any, epsilon: Any) -> Any:
    """(p - z + e (1 - 2 z)) / ((p + e) (1 - p + e)), the derivative for ln(p + e)."""
    return (p - z + epsilon * (1 - 2 * z)) / (p + epsilon) / (1 - p + epsilon)


def quotients(
    a: Arithmetic,
    p: Any,
    numerators: tuple[Any, Any],
    add_epsilon: Any = None,
    log_floor: Any = None,
    power: int = 1,
) -> tuple[Any, Any]:
    """Numbers over powers of p and 1 - p, 0 where a logarithm is at its floor and for 0 / 0."""
    found = []
    for numerator, x in zip(numerators, (p, 1 - p), strict=True):
        shifted = x if add_epsilon is None else x + add_epsilon
        quotient = numerator / shifted
        quotient = quotient if power == 1 else quotient / shifted
        if log_floor is not None:
            # Whether the logarithm is above its floor may be open, as it is rounded.
            quotient = weighted(a, a.step(a.log(shifted) - log_floor), quotient)
        found.append(a.where(a.zero(numerator), 0.0, quotient))
    return found[0], found[1]


def slope_of_terms(
    a: Arithmetic, p: Any, z: Any, label_smoothing: Any = None, **policies: Any
) -> Any:
    """(1 - t) / (1 - p) - t / p."""
    one, zero = quotients(a, p, shares(z, label_smoothing), **policies)
    return zero - one


def curvature(
    a: Arithmetic,
    p: Any,
    z: Any,
    clip_epsilon: Any = None,
    label_smoothing: Any = None,
    **policies: Any,
) -> Any:
    """(1 - t) / (1 - p)^2 + t / p^2, which is also what the standard algorithms compute."""
    one, zero = quotients(a, p, shares(z, label_smoothing), **policies, power=2)
    return where_not_clipped(a, p, clip_epsilon, zero + one)


def mixed_curvature(
    a: Arithmetic,
    p: Any,
    _z: Any,
    clip_epsilon: Any = None,
    label_smoothing: Any = None,
    **policies: Any,
) -> Any:
    """-1 / (1 - p) - 1 / p, the derivative by p and the labels."""
    unit = a.exact(1.0)
    one, zero = quotients(a, p, (unit, unit), **policies)
    slope = less_smoothing(-zero - one, label_smoothing)
    return where_not_clipped(a, p, clip_epsilon, slope)


def where_not_clipped(a: Arithmetic, p: Any, clip_epsilon: Any, slope: Any) -> Any:
    if clip_epsilon is None:
        return slope
    return a.where((p < clip_epsilon) | (1 - p < clip_epsilon), 0.0, slope)


def strict_cross_entropy_by_probabilities(
    a: Arithmetic, p: Any, z: Any, clip_epsilon: Any = None, **rest: Any
) -> Any:
    if "log_floor" in rest or "label_smoothing" in rest:
        slope = slope_of_terms(a, p, z, **rest)
    elif rest:
        slope = shifted_slope(a, p, z, rest["add_epsilon"])
    else:
        slope = strict_slope(a, p, z)
    return where_not_clipped(a, p, clip_epsilon, slope)


def baseline_cross_entropy_by_probabilities(
    a: Arithmetic, p: Any, z: Any, clip_epsilon: Any = None, **rest: Any
) -> Any:
    """One quotient, or the difference of two."""
    terms = slope_of_terms(a, p, z, **rest)
    slope = terms if rest else a.any_of(product_slope(a, p, z), terms)
    return where_not_clipped(a, p, clip_epsilon, slope)


def twentieth(a: Arithmetic, given: Any) -> Any:
    """A parameter, or 1/20, which is a number of no format."""
    return a.exact(1.0) / 20 if given is None else given


def strict_softened_logs(a: Arithmetic, p: Any, epsilon: Any = None) -> tuple[Any, Any]:
    """ln((p + e) / (1 + e)) and ln((1 - p + e) / (1 + e))."""
    e = twentieth(a, epsilon)
    whole, q = 1 + e, 1 - p
    near = [a.log1p(-x / whole) for x in (q, p)]
    one, zero = (a.log((x + e) / whole) for x in (p, q))
    return a.where(p > 0.5, near[0], one), a.where(p > 0.5, zero, near[1])


def baseline_softened_logs(a: Arithmetic, p: Any, epsilon: Any = None) -> tuple[Any, Any]:
    e = twentieth(a, epsilon)
    return a.log((p + e) / (1 + e)), a.log((1 - p + e) / (1 + e))


def softened_slope(a: Arithmetic, p: Any, z: Any, epsilon: Any = None) -> Any:
    return shifted_slope(a, p, z, twentieth(a, epsilon))


def baseline_softened_slope(a: Arithmetic, p: Any, z: Any, epsilon: Any = None) -> Any:
    e = twentieth(a, epsilon)
    return a.any_of(shifted_slope(a, p, z, e), slope_of_terms(a, p, z, add_epsilon=e))


def softened(model: Model) -> Model:
    """A model for ln(p + e), which has the same derivatives."""
    return lambda a, p, z, epsilon=None: model(a, p, z, add_epsilon=twentieth(a, epsilon))


def log_quotient(a: Arithmetic, x: Any, y: Any) -> Any:
    """ln(x / y), also where the quotient underflows."""
    quotient = x / y
    return a.where(quotient > TINY, a.log(quotient), a.log(x) - a.log(y))


def excess(a: Arithmetic, v: Any, x: Any, y: Any) -> Any:
    """The number x / y - 1 - ln(x / y) >= 0, given v = x / y - 1."""
    near = abs(v) < 0.5
    return a.where(near, excess_near(a.where(near, v, 0.0)), v - log_quotient(a, x, y))


def excess_near(v: Any) -> Any:
    """The same for a small v, by ln(1 + v) = 2 artanh s, s = v / (2 + v), and v - 2 s = v s."""
    s = v / (2 + v)
    square, series = s * s, 1
    for k in range(TERMS, 0, -1):
        series = 1 + square * (2 * k + 1) / (2 * k + 3) * series
    return s * (v - 2 * square / 3 * series)


def strict_penalty(a: Arithmetic, r: Any, target: Any = None) -> Any:
    """The same sum of two terms that are both positive, since their linear parts cancel."""
    rho = twentieth(a, target)
    rest = 1 - rho
    active = excess(a, (r - rho) / rho, r, rho)
    return rho * active + rest * excess(a, (rho - r) / rest, 1 - r, rest)


def baseline_penalty(a: Arithmetic, r: Any, target: Any = None) -> Any:
    """Logarithms of quotients, or differences of logarithms."""
    rho = twentieth(a, target)
    rest = 1 - rho
    apart = rho * (a.log(rho) - a.log(r)) + rest * (a.log(rest) - a.log(1 - r))
    quotients = rho * log_quotient(a, r, rho) + rest * log_quotient(a, 1 - r, rest)
    return a.any_of(-quotients, apart)


def penalty_slope(a: Arithmetic, r: Any, target: Any = None) -> Any:
    return (r - twentieth(a, target)) / r / (1 - r)


def baseline_penalty_slope(a: Arithmetic, r: Any, target: Any = None) -> Any:
    rho = twentieth(a, target)
    return a.any_of(penalty_slope(a, r, target), (1 - rho) / (1 - r) - rho / r)


def total_of(model: Model) -> Model:
    return lambda a, p, z: a.total(model(a, p, z))


def elementwise(
    logs: Model,
    slope: Model,
    names: tuple[str, str] = ("probabilities", "labels"),
    wrap: Callable[[Model], Model] = lambda model: model,
) -> dict[str, Model]:
    """A cross entropy and its derivatives, from the two logarithms and the one slope."""
    p, z = names
    return {
        "value": cross_entropy_of(logs),
        f"gradient.{p}": slope,
        f"gradient.{z}": log_odds(logs),
        f"hvp.{p}": wrap(curvature),
        f"mixed.{p}.{z}": wrap(mixed_curvature),
        f"mixed.{z}.{p}": wrap(mixed_curvature),
    }


def rowwise(models: dict[str, Model]) -> dict[str, Model]:
    return {**models, "value": total_of(models["value"])}


STRICT = (strict_logs, strict_cross_entropy_by_probabilities)
BASELINE = (baseline_logs, baseline_cross_entropy_by_probabilities)
PIXELS = ("reconstructions", "inputs")
PROBABILITIES = Input("probabilities", "scalar", (0.0, 1.0))
LABELS = Input("labels", "scalar")

OPERATORS = (
    Operator(
        "binary_cross_entropy",
        (PROBABILITIES, LABELS),
        "elementwise",
        binary_cross_entropy,
        "-(t ln p + (1 - t) ln(1 - p)), t = (1 - a) y + a / 2, 0 ln 0 = 0",
        parameters={
            "clip_epsilon": 0.0,
            "add_epsilon": 0.0,
            "log_floor": None,
            "label_smoothing": 0.0,
        },
        kinks=True,
        strict=elementwise(*STRICT),
        baseline=elementwise(*BASELINE),
        derivatives={
            "probabilities": "(1 - t) / (1 - p) - t / p",
            "labels": "(1 - a) (ln(1 - p) - ln p)",
            "probabilities probabilities": "t / p^2 + (1 - t) / (1 - p)^2",
            "probabilities labels": "-(1 - a) / (p (1 - p))",
            "labels labels": "0",
        },
    ),
    Operator(
        "softened_cross_entropy",
        (PROBABILITIES, LABELS),
        "elementwise",
        softened_cross_entropy,
        ("-(y ln((p + epsilon) / (1 + epsilon)) + (1 - y) ln((1 - p + epsilon) / (1 + epsilon)))"),
        parameters={"epsilon": 0.05},
        strict=elementwise(strict_softened_logs, softened_slope, wrap=softened),
        baseline=elementwise(baseline_softened_logs, baseline_softened_slope, wrap=softened),
        derivatives={
            "probabilities": "(1 - y) / (1 - p + epsilon) - y / (p + epsilon)",
            "labels": "ln(1 - p + epsilon) - ln(p + epsilon)",
            "probabilities probabilities": "y / (p + epsilon)^2 + (1 - y) / (1 - p + epsilon)^2",
            "probabilities labels": "-1 / (p + epsilon) - 1 / (1 - p + epsilon)",
            "labels labels": "0",
        },
    ),
    Operator(
        "reconstruction_cross_entropy",
        (Input("reconstructions", "vector", (0.0, 1.0)), Input("inputs", "vector")),
        "scalar",
        reconstruction_cross_entropy,
        "-sum_d (x_d ln z_d + (1 - x_d) ln(1 - z_d)), 0 ln 0 = 0",
        strict=rowwise(elementwise(*STRICT, PIXELS)),
        baseline=rowwise(elementwise(*BASELINE, PIXELS)),
        derivatives={
            "reconstructions": "(1 - x_j) / (1 - z_j) - x_j / z_j",
            "inputs": "ln(1 - z_j) - ln z_j",
            "reconstructions reconstructions": (
                "delta_{i j} (x_j / z_j^2 + (1 - x_j) / (1 - z_j)^2)"
            ),
            "reconstructions inputs": "-delta_{i j} / (z_j (1 - z_j))",
            "inputs inputs": "0",
        },
    ),
    Operator(
        "sparsity_penalty",
        (Input("activations", "scalar", (0.0, 1.0)),),
        "elementwise",
        sparsity_penalty,
        "rho ln(rho / r) + (1 - rho) ln((1 - rho) / (1 - r)), 0 < rho < 1",
        parameters={"target": 0.05},
        strict={"value": strict_penalty, "gradient.activations": penalty_slope},
        baseline={"value": baseline_penalty, "gradient.activations": baseline_penalty_slope},
        derivatives={
            "activations": "(1 - rho) / (1 - r) - rho / r",
            "activations activations": "rho / r^2 + (1 - rho) / (1 - r)^2",
        },
    ),
)
