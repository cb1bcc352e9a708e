"""Expressions as users write them: settled values written in, defaults left out, arguments told."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.expressions import arguments, called, written


def loss(
    x: Any, y: Any, weight: Any = None, smoothing: float = 0.0, reduction: str = "mean"
) -> Any:
    return x, y, weight, smoothing, reduction


class Module:
    loss = staticmethod(loss)


NAMESPACE = {"m": Module, "loss": loss}
CODE = "m.loss(x, y, weight=w, smoothing=a, reduction=reduction)"


@pytest.mark.parametrize(
    ("code", "settled", "text"),
    [
        (CODE, {}, CODE),
        (CODE, {"w": None, "a": 0.0, "reduction": "sum"}, "m.loss(x, y, reduction='sum')"),
        (CODE, {"w": None, "a": 0.1}, "m.loss(x, y, smoothing=0.1, reduction=reduction)"),
        (CODE, {"reduction": "mean"}, CODE.replace("=reduction", "='mean'")),
        ("m.loss(weight=w, smoothing=a)", {"w": None, "a": 0.0}, "m.loss()"),
        ("m.loss(weight=w, smoothing=a)", {"w": None}, "m.loss(smoothing=a)"),
        ("m.loss(x, smoothing=a) * a", {"a": 0.0}, "m.loss(x) * 0.0"),
        ("m.loss(x, smoothing=a)", {"a": 0}, "m.loss(x, smoothing=0)"),  # not a float
        ("x.loss(weight=w)", {"w": None}, "x.loss(weight=None)"),  # a method: not known
        ("y if y != k else k", {"k": -100}, "y if y != -100 else -100"),
    ],
)
def test_settled_values(code: str, settled: dict[str, Any], text: str) -> None:
    assert written(code, settled, NAMESPACE) == text


def test_what_is_left_out_is_the_default() -> None:
    values = {"x": 1, "y": 2, "w": None, "a": 0.0, "reduction": "mean"}
    text = written(CODE, {"w": None, "a": 0.0}, NAMESPACE)
    assert eval(text, {**NAMESPACE, **values}) == eval(CODE, {**NAMESPACE, **values})  # noqa: S307


def test_arguments_without_annotations() -> None:
    told = "(x, y, weight=None, smoothing=0.0, reduction='mean')"
    assert called([CODE, "loss(x)", "x.sum()"], NAMESPACE) == {"m.loss": told}
    assert arguments(len, "len") == "(obj, /)"
    assert arguments(3, "three") == ""
