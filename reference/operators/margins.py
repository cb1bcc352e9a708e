"""The margin between the logit of the label and those of the other classes (multi-class hinge)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reference.operator import Input, Model, Operator
from reference.operators.cross_entropy import kept_weight
from reference.running import Arithmetic, weighted
from reference.tape import Labels, Scalar, Vector, relu, total, where


def multiclass_margin_loss(
    logits: Vector,
    labels: Labels,
    class_weights: Vector | None = None,
    margin: Scalar = 1,
    exponent: Scalar = 1,
) -> Vector:
    missing = relu(margin - logits[labels] + logits)
    terms = missing if exponent == 1 else missing * missing
    loss = total(where(labels.one_hot(logits) > 0, 0, terms)) / len(logits)
    return loss if class_weights is None else loss * class_weights[labels]


# Model algorithms (see reference/running.py).


def at_label(a: Arithmetic, labels: Any, x: Any) -> Any:
    """The number of a row at the label."""
    return a.total(weighted(a, labels, x))


def strict_missing(a: Arithmetic, x: Any, labels: Any, margin: Any) -> Any:
    """The margin less x_k - x_i: the difference of close logits is nearly free of error."""
    return (x - at_label(a, labels, x)) + margin


def baseline_missing(a: Arithmetic, x: Any, labels: Any, margin: Any) -> Any:
    """The same, or margin - x_k first."""
    apart = (margin - at_label(a, labels, x)) + x
    return a.any_of(strict_missing(a, x, labels, margin), apart)


def value(missing: Model) -> Model:
    """w_k sum_(i != k) max(0, m - x_k + x_i)^q / C."""

    def model(
        a: Arithmetic,
        x: Any,
        labels: Any,
        class_weights: Any = None,
        margin: Any = 1,
        exponent: Any = None,
    ) -> Any:
        part = a.where(a.zero(labels), a.relu(missing(a, x, labels, margin)), 0.0)
        terms = part if exponent is None else a.where(a.zero(exponent - 1), part, part * part)
        loss = a.total(terms) / x.shape[-1]
        return loss if class_weights is None else at_label(a, labels, class_weights) * loss

    return model


def by_logits(missing: Model) -> Model:
    """Each of the other classes pulls at its logit, and all of them at that of the label."""

    def model(
        a: Arithmetic,
        x: Any,
        labels: Any,
        class_weights: Any = None,
        margin: Any = 1,
        exponent: Any = None,
    ) -> Any:
        part = missing(a, x, labels, margin)
        slopes = a.step(part)
        if exponent is not None:
            slopes = a.where(a.zero(exponent - 1), slopes, 2 * a.relu(part))
        slopes = a.where(a.zero(labels), slopes, 0.0)
        pulls = a.where(a.zero(labels), slopes, -a.total(slopes)) / x.shape[-1]
        return pulls if class_weights is None else at_label(a, labels, class_weights) * pulls

    return model


def models(missing: Model) -> Mapping[str, Model]:
    return {"value": value(missing), "gradient.logits": by_logits(missing)}


OPERATORS = (
    Operator(
        "multiclass_margin_loss",
        (Input("logits", "vector"), Input("labels", "index")),
        "scalar",
        multiclass_margin_loss,
        "w_k / C sum_{i != k} max(0, m - x_k + x_i)^q",
        parameters={"class_weights": None, "margin": 1.0, "exponent": 1.0},
        arrays=("class_weights",),
        kinks=True,
        weight=kept_weight,
        strict=models(strict_missing),
        baseline=models(baseline_missing),
        derivatives={
            "logits": (
                "v_j for j != k, -sum_{i != k} v_i otherwise, v_i = w_k q / C max(0, m "
                "- x_k + x_i)^(q - 1), 0^0 = 0"
            ),
            "class_weights": "delta_{j k} / C sum_{i != k} max(0, m - x_k + x_i)^q",
        },
    ),
)
