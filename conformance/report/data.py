"""The checks as columns, packed for the page: gzip in base64, unpacked by the browser.

Two blocks. `index` has what every view needs (who, where, verdict, worst error); `details` what one
check shows (numbers as text, inputs, snippet), unpacked when the first check is opened. Row i of
both is the same check. Text that recurs is kept once and named by its position.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from adapters.base import DTYPES
from conformance.report.operators import OTHER, families, page_of
from conformance.report.read import Report, kind
from conformance.results import FAILING, PASSING, VERDICTS, Case, Check, Implementation
from reference.formats import FORMATS

Row = tuple[str, Check]


class Codes:
    """Distinct values in the order they came, each named by its position."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self._positions: dict[Any, int] = {value: n for n, value in enumerate(values)}

    def __call__(self, value: Any) -> int:
        return self._positions.setdefault(value, len(self._positions))

    @property
    def values(self) -> list[Any]:
        return list(self._positions)


def pack(content: Any) -> str:
    """JSON, gzip, base64; the same content gives the same text."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def index(report: Report) -> dict[str, Any]:
    """What every view needs: tables of names, and columns of checks that point into them."""
    rows = _rows(report)
    dtypes = _dtypes(rows)
    operators = sorted({check.operator for _, check in rows}, key=_by_family)
    implementations = Codes(
        (run.framework, name) for run in report.runs for name in run.implementations
    )
    cases, modes, quantities = Codes(report.cases), Codes(), Codes()
    findings, names = Codes(known.finding.id for known in report.findings), Codes()
    columns: dict[str, list[Any]] = {
        "implementation": [implementations((f, c.implementation)) for f, c in rows],
        "case": [cases(c.case) for _, c in rows],
        "dtype": [dtypes.index(c.dtype) for _, c in rows],
        "mode": [modes(c.mode) for _, c in rows],
        "quantity": [quantities(c.quantity) for _, c in rows],
        "verdict": [VERDICTS.index(c.verdict) for _, c in rows],
        "finding": [None if c.finding is None else findings(c.finding) for _, c in rows],
        "row": [names(c.row) for _, c in rows],
        "ulps": [_short(c.ulps) for _, c in rows],
        "over": [_short(c.over_bound) for _, c in rows],
        "strict": [_in_ulps(c, "strict") for _, c in rows],
        "baseline": [_in_ulps(c, "baseline") for _, c in rows],
    }
    return {
        "verdicts": VERDICTS,
        "passing": len(PASSING),
        "failing": len(PASSING) + len(FAILING),
        "frameworks": [
            {"name": run.framework, "version": str(run.header.versions.get(run.framework, ""))}
            for run in report.runs
        ],
        "operators": [_operator(name) for name in operators],
        "implementations": [
            _implementation(run.framework, i)
            for run in report.runs
            for i in run.implementations.values()
        ],
        "cases": [_case(case) for case in report.cases.values()],
        "findings": [
            {"id": known.finding.id, "title": known.finding.title, "framework": known.framework}
            for known in report.findings
        ],
        "dtypes": dtypes,
        "precision": {d: FORMATS[d].p for d in dtypes if d in FORMATS},
        "modes": modes.values,
        "quantities": quantities.values,
        "rows": names.values,
        "checks": columns,
    }


def details(report: Report) -> dict[str, Any]:
    """What one check shows beyond the index: a column for each field, in the index's order."""
    rows = _rows(report)
    snippets, lines, inputs = Codes(), Codes(), Codes()
    same = ("outputs", "counts", "index", "got", "got_hex", "truth", "truth_hex", "message")
    columns: dict[str, list[Any]] = {name: [getattr(c, name) for _, c in rows] for name in same}
    columns["strict"] = [_short(c.bound.strict) for _, c in rows]
    columns["baseline"] = [_short(c.bound.baseline) for _, c in rows]
    columns["inputs"] = [inputs(tuple(c.inputs.items())) for _, c in rows]
    columns["snippet"] = [snippets(c.snippet) for _, c in rows]
    # Programs share most of their lines, further apart than gzip looks back.
    programs = [[lines(line) for line in text.split("\n")] for text in snippets.values]
    return {
        "columns": columns,
        "inputs": inputs.values,
        "lines": lines.values,
        "snippets": programs,
    }


def bound_in_ulps(bound: float | None, truth: str | None, dtype: str) -> float | None:
    """An absolute bound in ulps of the truth, ulp(r) = 2^(max(floor(log2|r|), emin) - (p - 1)).

    None where there is no finite truth or bound, or the dtype is unknown.
    """
    size = _float(truth)
    if size is None or bound is None or dtype not in FORMATS:
        return None
    form = FORMATS[dtype]
    exponent = math.frexp(size)[1] - 1 if size else form.emin
    return bound / math.ldexp(1.0, max(exponent, form.emin) - form.p + 1)


def _rows(report: Report) -> list[Row]:
    found = [(run.framework, check) for run in report.runs for check in run.checks]
    order = [run.framework for run in report.runs]
    return sorted(found, key=lambda row: (order.index(row[0]), row[1].operator, row[1].key))


def _dtypes(rows: Sequence[Row]) -> list[str]:
    present = {check.dtype for _, check in rows}
    return [d for d in DTYPES if d in present] + sorted(present - set(DTYPES))


def _by_family(operator: str) -> tuple[int, str, int]:
    """Families in the alphabet's order, operators in the family's own."""
    family = families().get(operator, (OTHER, ""))[0]
    names = list(families())
    known = operator in names
    return (not known, family, names.index(operator) if known else 0)


def _operator(name: str) -> dict[str, str]:
    family, formula = families().get(name, (OTHER, ""))
    page = page_of(name) if name in families() else ""
    return {"name": name, "family": family, "formula": formula, "page": page}


def _implementation(framework: str, i: Implementation) -> dict[str, str]:
    return {
        "framework": framework,
        "operator": i.operator,
        "name": i.name,
        "code": i.code,
        "documentation": i.documentation,
        "control": i.control,
        "kind": kind(i),
    }


def _case(case: Case) -> dict[str, Any]:
    same = ("case", "operator", "source", "why", "theme", "file", "rows")
    return {**{name: getattr(case, name) for name in same}, "claims": len(case.claims)}


def _in_ulps(check: Check, which: str) -> float | str | None:
    return _short(bound_in_ulps(getattr(check.bound, which), check.truth, check.dtype))


def _float(text: str | None) -> float | None:
    """The float nearest to a truth's digits, if they are those of a finite number."""
    try:
        value = math.nan if text is None else float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _short(number: float | None) -> float | str | None:
    """A number to four digits, for tables and pictures."""
    return None if number is None else _json(float(f"{number:.4g}"))


def _json(number: float | None) -> float | str | None:
    """A number as JSON has it: infinities and NaN as text."""
    return number if number is None or math.isfinite(number) else str(number)
