"""One page for each operator of the reference, and the table of them all.

What a page says comes from the code: the formula and the inputs from the operator, the curves from
the reference, the implementations and their verdicts from the results, the relations between
operators from their definitions.
"""

from __future__ import annotations

import inspect
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from adapters.base import DTYPES
from conformance.report import chart, special_rows
from conformance.report.curves import Curves, Panel, curves
from conformance.report.evidence import Evidence, evidence
from conformance.report.formula import clauses, mathml
from conformance.report.glossary import term
from conformance.report.operators import families
from conformance.report.page import LETTERS, MEANINGS, environment, prose, static
from conformance.report.read import Report
from reference.operator import Input, Operator
from reference.operators import OPERATORS
from reference.reduction import MEANS

STYLES = ("base", "verdicts", "operators")
KIND_WORDS = {"scalar": "one number", "vector": "a row of C numbers", "index": "a class"}
OUTPUTS = {
    "elementwise": "one number for each element",
    "vector": "a row for each row of classes",
    "scalar": "one number for each row of classes",
}


def write_operators(report: Report, folder: Path) -> None:
    """Write `folder/<operator>.html` for every operator, and `folder/index.html`."""
    folder.mkdir(parents=True, exist_ok=True)
    known = evidence(report)
    pages = environment()
    pages.globals |= {
        "style": static("css", STYLES),
        "letters": LETTERS,
        "meanings": MEANINGS,
        "math": mathml,
        "clauses": clauses,
        "minus": chart.MINUS,
        "policies": special_rows.POLICIES,
        "swatch": chart.swatch,
        "checks": checks_address,
        "documentation": documentation,
        "finding_address": lambda name: f"../index.html#finding/{quote(name, safe='')}",
    }
    template = pages.get_template("operator.html")
    for name in OPERATORS:
        text = template.render(context(name, known[name]))
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    text = pages.get_template("operators.html").render(index_context(report, known))
    (folder / "index.html").write_text(text, encoding="utf-8")


def documentation(text: str) -> Markup:
    """An address as a link with the name of its page; other text with the links in it."""
    if not re.fullmatch(r"https?://\S+", text):
        return prose(text)
    name = re.split(r"[/#]", text.rstrip("/#"))[-1].removesuffix(".html")
    link = Markup('<a href="{}" rel="noreferrer">{}</a>')
    return link.format(text, name)


def checks_address(**fields: str) -> str:
    """The report's table of checks with these filters."""
    parts = "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items())
    return f"../index.html#checks?{parts}"


def context(name: str, own: Evidence) -> dict[str, Any]:
    """What the page of an operator shows."""
    operator = OPERATORS[name]
    names = list(families_in_order())
    place = names.index(name)
    return {
        "operator": operator,
        "family": families()[name][0],
        "before": names[place - 1] if place else None,
        "after": names[place + 1] if place + 1 < len(names) else None,
        "source": source(operator),
        "inputs": [input_row(operator, i) for i in operator.inputs],
        "parameters": [parameter_row(operator, p) for p in operator.parameters],
        "output": OUTPUTS[operator.output],
        "derivatives": derivative_rows(operator, own),
        "curves": curves(name),
        "empty": _short(operator.empty),
        **drawings(name),
        "own": own,
        "dtypes": [d for d in DTYPES if any(d in m.verdicts for m in own.measured)],
        "frameworks": list(dict.fromkeys(m.framework for m in own.measured)),
        "related": related(operator),
    }


def index_context(report: Report, known: Mapping[str, Evidence]) -> dict[str, Any]:
    """What the table of operators shows."""
    groups: dict[str, list[Operator]] = defaultdict(list)
    for name in families_in_order():
        groups[families()[name][0]].append(OPERATORS[name])
    return {
        "groups": groups,
        "known": known,
        "runs": report.runs,
        "verdicts": {
            name: {run.framework: known[name].worst_of(run.framework) for run in report.runs}
            for name in OPERATORS
        },
        "batches": special_rows.BATCHES,
        "means": {name: inspect.getdoc(rule) or "" for name, rule in MEANS.items()},
        "sparks": {name: drawings(name)["shape"][0]["svg"] for name in OPERATORS},
    }


def families_in_order() -> dict[str, str]:
    """Operator -> family, in the order of the pages."""
    by_family = sorted(families().items(), key=lambda item: item[1][0])
    return {name: family for name, (family, _) in by_family}


# The operator itself.


def source(operator: Operator) -> str:
    """The definition, as the reference executes it."""
    return inspect.getsource(operator.define).rstrip()


def input_row(operator: Operator, i: Input) -> dict[str, Any]:
    symbol, meaning = term(operator, i.name)
    return {
        "symbol": symbol,
        "name": i.name,
        "kind": KIND_WORDS[i.kind],
        "domain": "0, 1, …, C − 1" if i.kind == "index" else interval(*i.domain),
        "derivative": i.name in operator.differentiable,
        "meaning": meaning,
    }


def interval(low: float, high: float) -> str:
    """A closed interval of the reals, as text."""
    if math.isinf(low) and math.isinf(high):
        return "ℝ"
    ends = ["(−∞" if math.isinf(low) else f"[{low:g}", "∞)" if math.isinf(high) else f"{high:g}]"]
    return ", ".join(ends)


def parameter_row(operator: Operator, name: str) -> dict[str, Any]:
    symbol, meaning = term(operator, name)
    words = operator.words.get(name)
    default = operator.parameters[name]
    values = " | ".join(words) if words else "array" if name in operator.arrays else "number"
    if name == "ignore_index":
        values = "integer"
    if name == "mask":
        values = "booleans, (N, C)"
    return {
        "symbol": symbol,
        "name": name,
        "default": "absent" if default is None else default if words else f"{default:g}",
        "values": values,
        "derivative": name in operator.arrays,
        "meaning": meaning,
    }


def derivative_rows(operator: Operator, own: Evidence) -> list[dict[str, Any]]:
    """Every quantity of the operator, with its formula where one is given."""
    first = operator.differentiable
    rows = [_derivative(operator, own, f"gradient.{i}", (i,)) for i in (*first, *operator.arrays)]
    rows += [_derivative(operator, own, f"hvp.{i}", (i, i)) for i in first]
    pairs = [(i, j) for i in first for j in first if i != j]
    rows += [_derivative(operator, own, f"mixed.{i}.{j}", (i, j)) for i, j in pairs]
    return rows


def _derivative(
    operator: Operator, own: Evidence, quantity: str, by: tuple[str, ...]
) -> dict[str, Any]:
    mixed = " ".join(reversed(by))
    shown = tuple(reversed(by)) if mixed in operator.derivatives else by  # second ones commute
    return {
        "quantity": quantity,
        "name": _left_side(operator, shown),
        "formula": operator.derivatives.get(" ".join(shown), ""),
        "strict": quantity in operator.strict,
        "baseline": quantity in operator.baseline,
        "checks": own.quantities[quantity],
    }


def _left_side(operator: Operator, by: tuple[str, ...]) -> str:
    """The derivative as it is written: (partial^2 f) / (partial x_i partial x_j)."""
    rows = {i.name for i in operator.inputs if i.kind == "vector"}
    rows |= set(operator.arrays) if operator.output != "elementwise" else set()
    letters = [term(operator, name).symbol or name for name in by]
    free = iter("ij" if len(by) == 2 else "j")
    if by == ("weights",):
        letters, free = [f"{letters[0]}_{{i j}}"], iter(())
    below = [
        f"{letter}_{next(free)}" if name in rows - {"weights"} else letter
        for name, letter in zip(by, letters, strict=True)
    ]
    order = "" if len(by) == 1 else "^2"
    if len(by) == 2 and below[0] == below[1]:
        return f"(partial^2 f) / (partial {below[0]}^2)"
    result = "f_k" if operator.output == "vector" else "f"
    return f"(partial{order} {result}) / ({' '.join(f'partial {b}' for b in below)})"


@cache
def _relations() -> dict[str, dict[str, set[str]]]:
    """Operator -> how it is related -> to which, from the functions that definitions call."""
    makers = {o.define.__name__: o.name for o in OPERATORS.values() if inspect.isfunction(o.define)}
    found: dict[str, dict[str, set[str]]] = {name: defaultdict(set) for name in OPERATORS}
    for name, operator in OPERATORS.items():
        code = getattr(operator.define, "__code__", None)
        for called in code.co_names if code else ():
            other = makers.get(called)
            if other is not None and other != name:
                found[name]["defined with"].add(other)
                found[other]["used in the definition of"].add(name)
    return found


def related(operator: Operator) -> dict[str, list[str]]:
    """Operators that a reader of this one may want to see, by how they are related."""
    found = {how: sorted(others) for how, others in sorted(_relations()[operator.name].items())}
    shown = {operator.name, *(name for names in found.values() for name in names)}
    family = families()[operator.name][0]
    near = [name for name, (other, _) in families().items() if other == family]
    found["of the same family"] = [name for name in near if name not in shown]
    return {how: names for how, names in found.items() if names}


# Pictures.


@cache
def drawings(name: str) -> dict[str, Any]:
    """What the reference says of an operator in pictures and numbers, whatever the results."""
    drawn = curves(name)
    return {
        "shape": [c for panel in drawn.shape for c in picture(drawn, "signed", [panel])],
        "conditioning": picture(drawn, "condition", drawn.conditioning),
        "bounds": picture(drawn, "ulps", drawn.bounds),
        "numbers": numbers(drawn),
        "special": special_rows.rows(OPERATORS[name]),
    }


def picture(drawn: Curves, what: chart.Kind, panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """Charts on one vertical axis, each with its title."""
    axis = chart.heights(what, panels)
    rule = 0.5 if what == "ulps" else None
    return [
        {
            "title": panel.title,
            "svg": chart.chart(panel, drawn.sweep.scale, axis, describe(drawn, panel), rule),
        }
        for panel in panels
    ]


def describe(drawn: Curves, panel: Panel) -> str:
    """A chart in words: where each curve starts, is in the middle, and ends."""
    said = []
    for setting, points, heights in zip(
        drawn.sweep.settings, drawn.points, panel.heights, strict=True
    ):
        places = (0, len(points) // 2, len(points) - 1)
        numbers = "; ".join(f"{_short(heights[n])} at {_short(points[n])}" for n in places)
        said.append(f"{setting.label}: {numbers}" if setting.label else numbers)
    return f"{panel.title} over {drawn.sweep.text}. {'. '.join(said)}."


def numbers(drawn: Curves) -> list[dict[str, Any]]:
    """Some points of all curves, for those who want numbers."""
    panels = [*drawn.shape, *drawn.conditioning, *drawn.bounds]
    rows = []
    for n, setting in enumerate(drawn.sweep.settings):
        for k in range(0, len(drawn.points[n]), 8):
            cells = [_pair(panel, n, k) for panel in panels]
            rows.append(
                {"setting": setting.label, "at": _short(drawn.points[n][k]), "cells": cells}
            )
    return rows


def _pair(panel: Panel, n: int, k: int) -> str:
    text = _short(panel.heights[n][k])
    return f"{text} | {_short(panel.second[n][k])}" if panel.second else text


def _short(number: float) -> str:
    if math.isnan(number):
        return "–"
    return f"{number:.3g}".replace("-", chart.MINUS).replace("inf", "∞")
