"""Distillation: the divergence of a student's softmax from its teacher's, at a temperature.

G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", 2015.
"""

from __future__ import annotations

from typing import Any

from reference.operator import Input, Model, Operator
from reference.operators.cross_entropy import plainly_divided, strictly_divided, tempered
from reference.operators.softmax import (
    baseline_log_softmax,
    baseline_softmax,
    log_softmax,
    shifted,
    shifted_softmax,
    softmax,
    strict_log_softmax,
)
from reference.running import Arithmetic, weighted
from reference.tape import Scalar, Vector, total


def distillation_loss(student: Vector, teacher: Vector, temperature: Scalar = 1) -> Vector:
    x, y = tempered(student, temperature), tempered(teacher, temperature)
    divergence = total(softmax(y) * (log_softmax(y) - log_softmax(x)))
    return temperature * temperature * divergence


# Model algorithms (see reference/running.py).


def at_temperature(divided: Model, power: int) -> Any:
    """A model of both logits divided by T, whose result is multiplied by T^power."""

    def decorated(model: Model) -> Model:
        def whole(a: Arithmetic, student: Any, teacher: Any, temperature: Any = None) -> Any:
            if temperature is None:
                return model(a, student, teacher)
            both = (divided(a, x, temperature) for x in (student, teacher))
            found = model(a, *both) * temperature
            return found * temperature if power == 2 else found

        return whole

    return decorated


def strict_value(a: Arithmetic, x: Any, y: Any) -> Any:
    gap = strict_log_softmax(a, y) - strict_log_softmax(a, x)
    return a.total(weighted(a, shifted_softmax(a, y), gap))


def baseline_value(a: Arithmetic, x: Any, y: Any) -> Any:
    """Term by term, or the negative entropy plus the cross entropy."""
    p, log_p, log_q = baseline_softmax(a, y), baseline_log_softmax(a, y), baseline_log_softmax(a, x)
    apart = a.total(weighted(a, p, log_p)) - a.total(weighted(a, p, log_q))
    return a.any_of(a.total(weighted(a, p, log_p - log_q)), apart)


def strict_by_student(a: Arithmetic, x: Any, y: Any) -> Any:
    """The difference q - p; where both are certain of one class, by the sum of the others."""
    difference = shifted_softmax(a, x) - shifted_softmax(a, y)
    agreed = a.largest(x) & a.largest(y)
    return a.where(agreed, -a.total(a.where(agreed, 0.0, difference)), difference)


def baseline_by_student(a: Arithmetic, x: Any, y: Any) -> Any:
    return baseline_softmax(a, x) - baseline_softmax(a, y)


def strict_by_teacher(a: Arithmetic, x: Any, y: Any) -> Any:
    """p_j (g_j - sum_i p_i g_i), the gaps g of y - x measured from that at the largest y."""
    at_top = a.total(a.where(a.largest(y), x, 0.0))
    p, gap = shifted_softmax(a, y), shifted(a, y) - (x - at_top)
    return weighted(a, p, gap - a.total(weighted(a, p, gap)))


def baseline_by_teacher(a: Arithmetic, x: Any, y: Any) -> Any:
    """The same with the gaps of the logarithms, or the difference of the two products."""
    p = baseline_softmax(a, y)
    gap = baseline_log_softmax(a, y) - baseline_log_softmax(a, x)
    inner = a.total(weighted(a, p, gap))
    return a.any_of(weighted(a, p, gap - inner), weighted(a, p, gap) - p * inner)


def models(divided: Model, value: Model, by_student: Model, by_teacher: Model) -> dict[str, Model]:
    once, twice = at_temperature(divided, 1), at_temperature(divided, 2)
    return {
        "value": twice(value),
        "gradient.student": once(by_student),
        "gradient.teacher": once(by_teacher),
    }


OPERATORS = (
    Operator(
        "distillation_loss",
        (Input("student", "vector"), Input("teacher", "vector")),
        "scalar",
        distillation_loss,
        "T^2 sum_c u_c (ln u_c - ln s_c), s = softmax(x / T), u = softmax(v / T)",
        parameters={"temperature": 1.0},
        strict=models(strictly_divided, strict_value, strict_by_student, strict_by_teacher),
        baseline=models(plainly_divided, baseline_value, baseline_by_student, baseline_by_teacher),
        derivatives={
            "student": "T (s_j - u_j)",
            "teacher": "T u_j (ln u_j - ln s_j - sum_c u_c (ln u_c - ln s_c))",
            "student student": "s_i (delta_{i j} - s_j)",
            "student teacher": "-u_i (delta_{i j} - u_j)",
        },
    ),
)
