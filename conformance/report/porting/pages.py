"""The porting guide as a page and as Markdown: see `conformance.report.porting`."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from conformance.report.glossary import PARAMETERS, term
from conformance.report.operators import families
from conformance.report.page import LETTERS, MEANINGS, environment, static
from conformance.report.porting import arguments, questions
from conformance.report.porting.guide import TIERS, Call, Guide, Signature, guide
from conformance.report.porting.questions import Answer
from conformance.report.read import Report
from conformance.report.summary import cell, code, markdown
from reference.operators import OPERATORS
from reference.reduction import MEANS

STYLES = ("base", "verdicts", "operators", "porting")
SCRIPTS = ("dom", "porting")
SHOWN = 3
"""Proven calls of a framework that are shown at once; the others unfold."""
KINDS = {"index": "class index", "vector": "a row of C numbers", "scalar": "one number"}
LABELS = {"index": "integers, one a row", "vector": "probabilities or one-hot rows"}
OPTIONS = {
    "sample_weights": "a factor for each loss",
    "axis": "where the classes are in the arrays: not on the last axis",
}
"""Options that belong to no operator."""


def write_porting(report: Report, file: Path | None, out: Path) -> list[str]:
    """Write `out/porting.html` and `out/porting.md`.

    file: the questions; None for a guide without. Returns a line for every question whose answer
    the results do not prove. Raises UserError for questions that cannot be read.
    """
    found = guide(report)
    answers = [] if file is None else questions.answers(file, found)
    shown = context(found, answers)
    page = environment().get_template("porting.html").render(shown)
    (out / "porting.html").write_text(page, encoding="utf-8")
    text = markdown().get_template("porting.md").render(shown)
    (out / "porting.md").write_text(text, encoding="utf-8")
    return [] if file is None else [str(p) for p in questions.problems(file, answers)]


def context(found: Guide, answers: Sequence[Answer]) -> dict[str, Any]:
    """What the templates show."""
    script = static("js", SCRIPTS)
    present = {signature.operator for signature in found.calls}
    findings = {item.finding.id: item.finding for item in found.report.findings}
    return {
        "style": static("css", STYLES),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "guide": found,
        "answers": answers,
        "operators": [_operator(found, name) for name in families() if name in present],
        "frameworks": found.frameworks,
        "versions": {f: found.run(f).header.versions for f in found.frameworks},
        "findings": findings,
        "tiers": TIERS,
        "letters": LETTERS,
        "meanings": MEANINGS,
        "divides_by": divisors(),
        "option": option,
        "groups": groups,
        "shown": SHOWN,
        "policies": policies(found),
        "cell": cell,
        "code": code,
    }


def divisors() -> dict[str, str]:
    """Every reduction, in words."""
    means = {name: (rule.__doc__ or "").strip().rstrip(".") for name, rule in MEANS.items()}
    return {
        "none": "one loss a row, not reduced",
        "sum": "the losses summed",
        **{
            name: f"the losses summed, over {text[0].lower()}{text[1:]}"
            for name, text in means.items()
        },
    }


def option(operator: str, name: str) -> str:
    """What an option means, for its title."""
    plain, _, word = name.partition("=")
    known = OPERATORS[operator].parameters
    meaning = term(OPERATORS[operator], plain).meaning if plain in known else ""
    meaning = meaning or OPTIONS.get(plain, "") or PARAMETERS.get(plain, ("", ""))[1]
    return f"{meaning}: {word}" if word else meaning


def groups(calls: Sequence[Call]) -> dict[str, list[Call]]:
    """The calls of a framework: those to show first, further proven ones, the others.

    The best public function is among the first, with what it fails: it is what people have.
    """
    proven = [call for call in calls if call.tier == "proven"]
    public = [call for call in calls if call.kind == "public" and call.tier != "other"]
    first = proven[:SHOWN] or list(calls[:1])
    if public and public[0] not in first:
        first.append(public[0])
    rest = [call for call in calls if call not in first]
    return {
        "first": first,
        "more": [call for call in rest if call.tier == "proven"],
        "not": [call for call in rest if call.tier != "proven"],
    }


def policies(found: Guide) -> Mapping[tuple[str, str], Mapping[str, str]]:
    """(framework, implementation) -> policy -> the options that were observed."""
    seen: dict[tuple[str, str], dict[str, list[str]]] = {}
    for run in found.report.runs:
        for policy in run.policies:
            own = seen.setdefault((run.framework, policy.implementation), {})
            options = own.setdefault(policy.policy.replace("_", " "), [])
            if policy.observed not in options:
                options.append(policy.observed)
    return {
        key: {p: " or ".join(options) for p, options in own.items()} for key, own in seen.items()
    }


def _operator(found: Guide, name: str) -> dict[str, Any]:
    operator = OPERATORS[name]
    own: dict[Signature, Mapping[str, Sequence[Call]]] = found.of(name)
    return {
        "name": name,
        "family": families()[name][0],
        "inputs": [
            {
                "name": i.name,
                "is": LABELS.get(i.kind, KINDS[i.kind]) if i.name == "labels" else KINDS[i.kind],
                "meaning": term(operator, i.name).meaning,
            }
            for i in operator.inputs
        ],
        "signatures": own,
        "table": arguments.table(found.report, name),
    }
