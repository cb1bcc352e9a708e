"""The page: one HTML file with its style, its code and its data inside."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from conformance.report import tally
from conformance.report.data import details, index, pack
from conformance.report.read import SEVERITIES, Report
from conformance.results import FAILING, PASSING, VERDICTS

HERE = Path(__file__).parent
STYLES = ("base", "verdicts", "views")
SCRIPTS = ("dom", "data", "format", "matrix", "checks", "check", "case", "accuracy", "route")
"""In the order in which they are inlined."""

LETTERS = {verdict: verdict[0].upper() for verdict in VERDICTS} | {"unsupported": "–"}
MEANINGS = {
    "exact": "the output is the correctly rounded truth",
    "faithful": "one of the two floats around the truth",
    "strict": "within what a cancellation-free algorithm can keep, element by element",
    "baseline": "within what the standard stabilised algorithm can keep",
    "inaccurate": "beyond baseline, but leading bit, sign and class are right",
    "wrong": "no correct leading bit, wrong sign, or another class (finite, infinity, NaN)",
    "raised": "an exception instead of a number",
    "accepted": "took input that it should refuse",
    "undecided": "the truth straddles a rounding boundary at the largest precision",
    "harness-error": "the suite itself failed; says nothing about the framework",
    "unsupported": "declared by the framework's table as not available; neutral",
}


def write_page(report: Report, path: Path) -> None:
    """Write the page."""
    text = environment().get_template("page.html").render(context(report))
    path.write_text(text, encoding="utf-8")


def environment() -> Environment:
    """The templates; all that they are given is escaped."""
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters["prose"] = prose
    return found


def context(report: Report) -> dict[str, Any]:
    """What the template shows."""
    script = static("js", SCRIPTS)
    return {
        "style": static("css", STYLES),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "index": pack(index(report)),
        "details": pack(details(report)),
        "tallies": tally.tallies(report),
        "runs": report.runs,
        "findings": [
            (severity, [known for known in report.findings if known.finding.severity == severity])
            for severity in SEVERITIES
        ],
        "covered": tally.covered(report),
        "claims": tally.claims(report),
        "controls": tally.controls(report),
        "verdicts": VERDICTS,
        "passing": PASSING,
        "failing": FAILING,
        "letters": LETTERS,
        "meanings": MEANINGS,
        "kinds": tally.KINDS,
    }


def static(kind: str, names: tuple[str, ...]) -> str:
    """The files of `static/` of one kind, joined."""
    return "\n".join(
        (HERE / "static" / f"{name}.{kind}").read_text(encoding="utf-8") for name in names
    )


PROSE = re.compile(
    r"(?P<url>https?://[^\s<>\"')\]]+[^\s<>\"')\].,;:])"
    r"|`(?P<code>[^`]+)`"
    r"|\b(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)#(?P<number>\d+)\b"
)


def prose(text: str) -> Markup:
    """Text with its URLs and `owner/repo#number` as links and its `code`, all else escaped."""
    parts, end = [], 0
    for match in PROSE.finditer(text):
        parts.append(escape(text[end : match.start()]))
        if match["code"]:
            parts.append(Markup("<code>{}</code>").format(match["code"]))
        else:
            url = match["url"] or f"https://github.com/{match['repo']}/issues/{match['number']}"
            parts.append(Markup('<a href="{}" rel="noreferrer">{}</a>').format(url, match[0]))
        end = match.end()
    return Markup("").join([*parts, escape(text[end:])])
