"""What the reference says of an operator: its family and its formula."""

from __future__ import annotations

import pkgutil
import re
from functools import cache
from importlib import import_module

import reference.operators

OTHER = "Other operators"


def page_of(name: str) -> str:
    """Where the page of an operator of the reference is, from the report's own."""
    return f"operators/{name}.html"


@cache
def families() -> dict[str, tuple[str, str]]:
    """Operator name -> (family, formula); the family is the head of its module's docstring."""
    found = {}
    package = reference.operators
    for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
        family = import_module(f"{package.__name__}.{module}")
        title = re.split(r"[:,.]", (family.__doc__ or OTHER).strip())[0]
        for operator in family.OPERATORS:
            found[operator.name] = (title, operator.formula)
    return found
