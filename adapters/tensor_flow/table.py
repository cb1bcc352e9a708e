"""TensorFlow's implementations: what the tables of expressions leave open."""

from __future__ import annotations

import re
from collections.abc import Iterator

from adapters.protocol import Implementation
from adapters.tensor_flow import (
    activations,
    binary,
    classes,
    keras,
    margins,
    probabilities,
    regression,
    v1,
)
from adapters.tensor_flow.parts import Row, Rows

MODES = ("eager", "graph", "compiled", "session")
VARIANTS = ("placed", "vectorized")
# Kernels and XLA code alike run with the processor's flush-to-zero and denormals-are-zero bits.
FLUSH = (*MODES, *VARIANTS)
DOCUMENTS = ("softmax_cross_entropy", "sigmoid_cross_entropy")
"""The operators that the seed documents write out and run in a session."""
PAGES = "https://www.tensorflow.org/api_docs/python/"
TABLES: tuple[Rows, ...] = (
    activations.ROWS,
    binary.ROWS,
    regression.ROWS,
    classes.ROWS,
    margins.ROWS,
    probabilities.ROWS,
    v1.ROWS,
    keras.ROWS,
)


def modes(operator: str, name: str, public: str) -> tuple[str, ...] | None:
    """Where a row is run; None: everywhere."""
    if re.match(r"tf\.keras\.losses\.([a-z]|[A-Z]+$)", public):
        return (*MODES, "placed")  # Keras has a room of its own
    # Uses of a TensorFlow 1 loss, and Keras's classes, are loops around functions with rows.
    around = public.startswith("tf.keras.") or (public.startswith("tf.compat.") and name != public)
    if public and not around:
        return None
    return ("eager", "session") if operator in DOCUMENTS else ("eager",)


def implementation(operator: str, row: Row) -> Implementation:
    """A row of a table, with the page of the first function in its expression."""
    parts = (row,) if isinstance(row, str) else row
    texts = [part for part in parts if isinstance(part, str)]
    options = next((part for part in parts if not isinstance(part, str)), {})
    name, code = texts if len(texts) == 2 else (texts[0].partition("(")[0], texts[0])
    public = name.partition("(")[0] if re.match(r"tf\.[\w.]+(\(|$)", name) else ""
    functions = re.findall(r"tf\.(?:math|nn|keras|compat)[\w.]+", code)
    page = PAGES + (public or [*functions, *re.findall(r"tf\.[\w.]+", code)][0]).replace(".", "/")
    return Implementation(
        name,
        operator,
        code,
        **{
            "public": public,
            "modes": modes(operator, name, public),
            "flush": FLUSH,
            "documentation": page,
            **options,
        },
    )


def implementations(tables: tuple[Rows, ...]) -> Iterator[Implementation]:
    """The rows of the tables, operator by operator."""
    operators = dict.fromkeys(operator for table in tables for operator in table)
    for operator in operators:
        for table in tables:
            for row in table.get(operator, ()):
                yield implementation(operator, row)


IMPLEMENTATIONS = tuple(implementations(TABLES))
