"""What a row of the table says, and what it leaves open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.protocol import Implementation

Rows = Mapping[str, Mapping[str, str | tuple[str, Mapping[str, Any]]]]
"""Operator -> name -> expression, if need be with further attributes of the implementation.

`F` is `torch.nn.functional`. A name that starts with `F.` or `torch.` is a public function or class
(and in brackets which use of it); the others are what users write, in mathematical shorthand. No
`*`, `?` or `[` in a name: findings match names with shell-style wildcards."""

ELEMENTS = {"none": "none", "sum": "sum", "mean": "mean"}
TARGETS = {"none": "none", "sum": "sum", "weighted_mean": "mean"}
BATCH = {"sum": "sum", "batch_mean": "batchmean"}
REDUCTIONS = {  # where PyTorch's own `reduction=` is not simply the suite's
    "kl_divergence": BATCH,
    "kl_divergence_log_targets": BATCH,
    "distillation_loss": BATCH,
    "categorical_cross_entropy_index": TARGETS,
    "linear_softmax_cross_entropy": TARGETS,
    "nll": TARGETS,
    "softmax_cross_entropy_index": TARGETS,
}
MEANS = {  # around losses that are weighted row by row
    "none": "{}",
    "sum": "({}).sum()",
    "mean": "({}).mean()",
    "sample_weighted_mean": "({}).sum() / sample_weights.sum()",
    "nonzero_mean": "({}).sum() / (sample_weights != 0).sum()",
}
DEFAULTS = {
    "add_epsilon": 0.0,
    "axis": -1,
    "beta": 1.0,
    "bias": None,
    "class_weights": None,
    "exponent": 1.0,
    "gamma": 2.0,
    "ignore_index": -100,
    "label_smoothing": 0.0,
    "margin": 1.0,
    "negative_slope": 0.0,  # the operator's default; PyTorch's own is 0.01
    "pos_weight": None,
    "sample_weights": None,
    "scale": 1.0,
}
ALIAS = {"modes": ("eager",)}
"""A module, an alias or a form in place, which calls the function of another row: that one has all
modes."""


def constant(function: str, argument: str = "weight") -> str:
    """What PyTorch says where the gradient by an argument is asked that it does not offer."""
    return (
        f"The function '{function}' is not differentiable with respect to argument '{argument}'."
        " This input cannot have requires_grad True."
    )


def implementations(table: Rows) -> Iterator[Implementation]:
    """The implementations of a table."""
    for operator, rows in table.items():
        for name, entry in rows.items():
            code, more = (entry, {}) if isinstance(entry, str) else entry
            yield implementation(operator, name, code, **more)


def implementation(
    operator: str, name: str, code: str, needs: tuple[str, ...] = (), **more: Any
) -> Implementation:
    """One implementation; needs: the parameters that a case has to set, default or not."""
    function = public(name)
    own = REDUCTIONS.get(operator, ELEMENTS) if "=reduction" in code else {}
    defaults = {key: value for key, value in DEFAULTS.items() if key not in needs}
    return Implementation(
        name,
        operator,
        code,
        public=function,
        documentation=page(function) if function else "",
        **{"reductions": own, "defaults": defaults, **more},
    )


def public(name: str) -> str:
    """The full name of the function or class that a row is named after; empty for a composition."""
    head = name.split(" (")[0].replace("F.", "torch.nn.functional.")
    return head if head.startswith("torch.") else ""


def page(function: str) -> str:
    """The documentation of a public function or class."""
    special = function.startswith("torch.special.")
    masked = function.startswith("torch.masked.")
    path = f"generated/{function}.html"
    path = f"special.html#{function}" if special else "masked.html" if masked else path
    return f"https://docs.pytorch.org/docs/stable/{path}"
