"""What a row of the tables is: a name, an expression, and how it departs from its operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.protocol import Implementation

EPSILON = 1e-7
"""`keras.config.epsilon()` as Keras sets it: where its losses of probabilities clip."""
CLIPPED = {"clip_epsilon": (None, EPSILON)}

LOSS = {
    "none": "none",
    "sum": "sum",
    "mean": "sum_over_batch_size",
    "sample_weighted_mean": "mean_with_sample_weight",
}
"""Reduction of the suite -> `reduction=` of the loss classes."""
DEFAULTS: Mapping[str, Any] = {
    "add_epsilon": 0.0,
    "axis": -1,
    "beta": 1.0,
    "bias": 0.0,
    "class_weights": 1.0,
    "exponent": 1.0,
    "gamma": 2.0,
    "ignore_index": None,
    "label_smoothing": 0.0,
    "margin": 1.0,
    "negative_slope": 0.0,
    "pos_weight": 1.0,
    "sample_weights": None,
    "scale": 1.0,
    "target": 0.05,
    "temperature": 1.0,
}
"""What a parameter is where a case leaves it unset, for rows that say nothing else."""


Text = str | tuple[str, Mapping[str, Any]]
Table = Mapping[str, Mapping[str, Text]]
"""Operator -> name -> the expression, or the expression and options of Implementation."""


def classes(name: str, options: str, arguments: str, dtype: str, **more: Any) -> dict[str, Text]:
    """A loss class as it is, in `keras.config.floatx()`, and in the dtype of its predictions.

    name: of the class, and in brackets what it is given. options: its arguments before the
    reduction. arguments: what it is called with; dtype: the one whose dtype is passed.
    """
    title, _, words = name.removesuffix(")").partition("(")
    title = f"keras.losses.{title}"
    given = f", dtype=keras.backend.standardize_dtype({dtype}.dtype)"
    code = f"{title}({options}reduction=reduction{{}})({arguments})"
    extra = {"reductions": LOSS, **more}
    narrow = {**extra, "dtypes": ("float16", "bfloat16", "float64")}  # in float32 they are the same
    return {
        f"{title}({words})" if words else title: (code.format(""), extra),
        f"{title}({words}, dtype)" if words else f"{title}(dtype)": (code.format(given), narrow),
    }


def rows(table: Table) -> Iterator[Implementation]:
    """The implementations of a table."""
    for operator, entries in table.items():
        for name, text in entries.items():
            code, options = (text, {}) if isinstance(text, str) else text
            defaults = {**DEFAULTS, **options.get("defaults", {})}
            known = {key: value for key, value in defaults.items() if value is not ...}
            yield Implementation(name, operator, code, **{**options, "defaults": known})
