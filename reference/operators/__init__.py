"""The operators: one module per family, found here without a list.

`OPERATORS` maps each name to its `Operator`. A module of this package that defines a tuple
`OPERATORS` takes part.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from reference.operator import Operator


def _collect() -> dict[str, Operator]:
    found: dict[str, Operator] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        for operator in import_module(f"{__name__}.{module}").OPERATORS:
            if operator.name in found:
                raise ValueError(f"operator {operator.name} is defined twice")
            found[operator.name] = operator
    return found


OPERATORS = _collect()
