"""The summary: Markdown for the page of a CI job."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from conformance.report import tally
from conformance.report.read import Report
from conformance.results import VERDICTS

LISTED = 50
"""Unexplained failures that are listed; the page has all of them."""


def write_summary(report: Report, path: Path) -> None:
    """Write the Markdown summary."""
    text = markdown().get_template("summary.md").render(context(report))
    path.write_text(text, encoding="utf-8")


def markdown() -> Environment:
    """The templates of Markdown; `cell` and `code` make what they are given safe."""
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=False,  # noqa: S701 - Markdown: see above
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters["cell"] = cell
    found.filters["code"] = code
    return found


def context(report: Report) -> dict[str, Any]:
    """What the summary shows."""
    tallies = tally.tallies(report)
    unexplained = list(tally.unexplained(report))
    shown = [v for v in VERDICTS if any(t.verdicts.get(v) for t in tallies)]
    return {
        "tallies": tallies,
        "kinds": tally.KINDS,
        "verdicts": shown,
        "unexplained": unexplained[:LISTED],
        "left_out": max(0, len(unexplained) - LISTED),
        "findings": report.findings,
        "covered": tally.covered(report),
        "refuted": [item for item in tally.claims(report) if not tally.holds(item[2])],
        "controls": tally.controls(report),
    }


def cell(text: object) -> str:
    """Text in one line of a Markdown table, with nothing that Markdown or HTML would read."""
    line = " ".join(str("" if text is None else text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\|`*_\[\]~])", r"\\\1", line)


def code(text: object) -> str:
    """Text as code in one line of a Markdown table."""
    line = " ".join(str("" if text is None else text).split()).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    return f"{fence}{line}{fence}" if fence == "`" else f"{fence} {line} {fence}"
