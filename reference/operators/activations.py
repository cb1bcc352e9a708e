"""Activations and link functions, one number at a time."""

from __future__ import annotations

from reference.balls import Number, Vector, exp, log, piecewise, tanh
from reference.operator import Input, Operator


def sigmoid(x: Vector) -> Vector:
    return 1 / (1 + exp(-x))


def log_sigmoid(x: Vector) -> Vector:
    return log(sigmoid(x))


def softplus(x: Vector, beta: Number = 1) -> Vector:
    return log(1 + exp(x * beta)) / beta


def leaky_relu(x: Vector, negative_slope: Number = 0) -> Vector:
    return piecewise(x, negative_slope)


def relu(x: Vector) -> Vector:
    return piecewise(x, 0)


X = (Input("x", "scalar"),)

OPERATORS = (
    Operator("sigmoid", X, "elementwise", sigmoid, "1 / (1 + e^-x)"),
    Operator("log_sigmoid", X, "elementwise", log_sigmoid, "ln(1 / (1 + e^-x))"),
    Operator(
        "softplus", X, "elementwise", softplus, "ln(1 + e^(beta x)) / beta", parameters={"beta": 1.0}
    ),
    Operator("tanh", X, "elementwise", tanh, "(e^x - e^-x) / (e^x + e^-x)"),
    Operator("relu", X, "elementwise", relu, "max(x, 0)", kinks=True),
    Operator(
        "leaky_relu",
        X,
        "elementwise",
        leaky_relu,
        "x for x > 0, negative_slope x otherwise",
        parameters={"negative_slope": 0.0},
        kinks=True,
    ),
)
