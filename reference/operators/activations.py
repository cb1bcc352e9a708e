"""Activations and link functions, one number at a time."""

from __future__ import annotations

from typing import Any

from reference.operator import Input, Operator
from reference.running import Arithmetic
from reference.tape import Scalar, Vector, exp, log, tanh
from reference.tape import relu as piecewise


def sigmoid(x: Vector) -> Vector:
    return 1 / (1 + exp(-x))


def log_sigmoid(x: Vector) -> Vector:
    return log(sigmoid(x))


def softplus(x: Vector, beta: Scalar = 1) -> Vector:
    return log(1 + exp(x * beta)) / beta


def leaky_relu(x: Vector, negative_slope: Scalar = 0) -> Vector:
    return piecewise(x, negative_slope)


def relu(x: Vector) -> Vector:
    return piecewise(x, 0)


# Model algorithms (see reference/running.py).

LARGE = 80.0
"""From here on ln(1 + e^y) = y in every format, while e^y is still finite in float32."""


def strict_sigmoid(a: Arithmetic, x: Any) -> Any:
    e = a.exp(-abs(x))
    return a.where(x < 0, e / (1 + e), 1 / (1 + e))


def baseline_sigmoid(a: Arithmetic, x: Any) -> Any:
    return a.any_of(*baseline_sigmoids(a, x))


def baseline_sigmoids(a: Arithmetic, x: Any) -> list[Any]:
    """By e^-|x| and by tanh; the derivative is s (1 - s) of the rounded s.

    So in PyTorch's derivatives.yaml (`sigmoid_backward`), in TensorFlow (`SigmoidGrad`) and in JAX
    (the rule of `logistic_p`).
    """
    ways = strict_sigmoid(a, x), (1 + strict_tanh(a, x / 2)) / 2
    return [a.primitive(x, s, lambda up, s: up * (s * (1 - s))) for s in ways]


def strict_sigmoid_slope(a: Arithmetic, x: Any) -> Any:
    return strict_sigmoid(a, x) * strict_sigmoid(a, -x)


def baseline_sigmoid_slope(a: Arithmetic, x: Any) -> Any:
    s = baseline_sigmoid(a, x)
    return s * (1 - s)


def strict_tanh(a: Arithmetic, x: Any) -> Any:
    y = 2 * abs(x)
    t = -a.expm1(-y) / (1 + a.exp(-y))
    return a.where(x < 0, -t, t)


def baseline_tanh(a: Arithmetic, x: Any) -> Any:
    """With the derivative 1 - t^2 of the rounded t, as in all frameworks (`tanh_backward`)."""
    e = a.exp(-2 * abs(x))
    t = (1 - e) / (1 + e)
    return a.primitive(x, a.where(x < 0, -t, t), lambda up, t: up * (1 - t * t))


def strict_tanh_slope(a: Arithmetic, x: Any) -> Any:
    e = a.exp(-2 * abs(x))
    return 4 * e / ((1 + e) * (1 + e))


def baseline_tanh_slope(a: Arithmetic, x: Any) -> Any:
    """1 - t^2: how derivatives of tanh are made from its result."""
    t = baseline_tanh(a, x)
    return 1 - t * t


def strict_softplus(a: Arithmetic, x: Any, beta: Any = 1) -> Any:
    y = beta * x
    return (positive_part(a, y) + a.log1p(a.exp(-abs(y)))) / beta


def baseline_softplus(a: Arithmetic, x: Any, beta: Any = 1) -> Any:
    """max(y, 0) + ln(1 + e^-|y|), or the definition as far as e^y goes.

    Its derivative is the sigmoid (`softplus_backward` of PyTorch, TensorFlow's `SoftplusGrad`), or
    e^(y - softplus(y)) (JAX's `logaddexp`).
    """
    y = beta * x
    stabilised = positive_part(a, y) + a.log(1 + a.exp(-abs(y)))
    # Guarded within as well: in a derivative, 0 times an overflow would be NaN.
    small = a.where(y > LARGE, 0.0, y)
    defined = a.where(y > LARGE, y, a.log(1 + a.exp(small)))
    found = a.any_of(stabilised, defined) / beta
    return a.primitive(x, found, lambda up, _: up * baseline_softplus_slope(a, x, beta))


def strict_softplus_slope(a: Arithmetic, x: Any, beta: Any = 1) -> Any:
    return strict_sigmoid(a, beta * x)


def baseline_softplus_slope(a: Arithmetic, x: Any, beta: Any = 1) -> Any:
    """The sigmoid, or e^(y - softplus(y)), the derivative of ln(e^y + e^0)."""
    y = beta * x
    s, by_tanh = baseline_sigmoids(a, y)
    by_softplus = a.exp(y - strict_softplus(a, y))
    return a.any_of(s, a.where(y > LARGE, by_tanh, by_softplus), by_tanh)


def strict_log_sigmoid(a: Arithmetic, x: Any) -> Any:
    return -strict_softplus(a, -x)


def baseline_log_sigmoid(a: Arithmetic, x: Any) -> Any:
    return -baseline_softplus(a, -x)


def strict_log_sigmoid_slope(a: Arithmetic, x: Any) -> Any:
    return strict_sigmoid(a, -x)


def baseline_log_sigmoid_slope(a: Arithmetic, x: Any) -> Any:
    return baseline_softplus_slope(a, -x)


def positive_part(a: Arithmetic, x: Any) -> Any:
    return a.where(x > 0, x, 0.0)


def linear_pieces(a: Arithmetic, x: Any, negative_slope: Any = 0) -> Any:
    return a.where(x > 0, x, negative_slope * x)


def slope_of_pieces(a: Arithmetic, x: Any, negative_slope: Any = 0) -> Any:
    return a.where(x > 0, 1, negative_slope)


X = (Input("x", "scalar"),)

PIECES = {"value": linear_pieces, "gradient.x": slope_of_pieces}

OPERATORS = (
    Operator(
        "sigmoid",
        X,
        "elementwise",
        sigmoid,
        "1 / (1 + e^-x)",
        strict={"value": strict_sigmoid, "gradient.x": strict_sigmoid_slope},
        baseline={"value": baseline_sigmoid, "gradient.x": baseline_sigmoid_slope},
        derivatives={"x": "f (1 - f)", "x x": "f (1 - f) (1 - 2 f)"},
    ),
    Operator(
        "log_sigmoid",
        X,
        "elementwise",
        log_sigmoid,
        "ln(1 / (1 + e^-x))",
        strict={"value": strict_log_sigmoid, "gradient.x": strict_log_sigmoid_slope},
        baseline={"value": baseline_log_sigmoid, "gradient.x": baseline_log_sigmoid_slope},
        derivatives={"x": "1 / (1 + e^x)", "x x": "-e^x / (1 + e^x)^2"},
    ),
    Operator(
        "softplus",
        X,
        "elementwise",
        softplus,
        "ln(1 + e^(beta x)) / beta",
        parameters={"beta": 1.0},
        strict={"value": strict_softplus, "gradient.x": strict_softplus_slope},
        baseline={"value": baseline_softplus, "gradient.x": baseline_softplus_slope},
        derivatives={"x": "1 / (1 + e^(-beta x))", "x x": "beta e^(beta x) / (1 + e^(beta x))^2"},
    ),
    Operator(
        "tanh",
        X,
        "elementwise",
        tanh,
        "(e^x - e^-x) / (e^x + e^-x)",
        strict={"value": strict_tanh, "gradient.x": strict_tanh_slope},
        baseline={"value": baseline_tanh, "gradient.x": baseline_tanh_slope},
        derivatives={"x": "1 - f^2", "x x": "-2 f (1 - f^2)"},
    ),
    Operator(
        "relu",
        X,
        "elementwise",
        relu,
        "max(x, 0)",
        kinks=True,
        strict=PIECES,
        baseline=PIECES,
        derivatives={"x": "1 for x > 0, 0 for x < 0", "x x": "0"},
    ),
    Operator(
        "leaky_relu",
        X,
        "elementwise",
        leaky_relu,
        "x for x > 0, alpha x otherwise",
        parameters={"negative_slope": 0.0},
        kinks=True,
        strict=PIECES,
        baseline=PIECES,
        derivatives={"x": "1 for x > 0, alpha for x < 0", "x x": "0"},
    ),
)
