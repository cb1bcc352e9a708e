"""The page of policies: what frameworks are free to choose, what they chose, and who says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.policies import POLICIES
from conformance.policies.policy import Policy
from conformance.report.operator_pages import documentation
from conformance.report.page import environment, static
from conformance.report.read import Report, kind
from conformance.results import Policy as Record
from conformance.results import Results

STYLES = ("base", "verdicts", "operators")


@dataclass(frozen=True)
class Chosen:
    """The implementations of a framework that chose the same, by the same page.

    names: implementations, with their modes where it is not all of them; public ones stand first.
    """

    framework: str
    record: Record
    names: tuple[tuple[str, str], ...]
    meaning: str


def write_policies(report: Report, folder: Path) -> None:
    """Write `folder/index.html`."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = environment()
    pages.globals |= {"style": static("css", STYLES), "documentation": documentation}
    rows = [(policy, list(rows_of(report, policy))) for policy in POLICIES.values()]
    text = pages.get_template("policies.html").render(
        rows=[(policy, found) for policy, found in rows if found],
        contradictions=[
            (policy, chosen)
            for policy, found in rows
            for chosen in found
            if chosen.record.contradicts
        ],
        broken=[
            (run.framework, record)
            for run in report.runs
            for record in run.policies
            if not record.kept
        ],
        runs=report.runs,
        count=sum(len(run.policies) for run in report.runs),
    )
    (folder / "index.html").write_text(text, encoding="utf-8")


def rows_of(report: Report, policy: Policy) -> Iterable[Chosen]:
    """What was observed of a policy, by option, and by framework within."""
    order = {option: place for place, option in enumerate(policy.options)}
    found = [chosen for run in report.runs for chosen in _of_run(run, policy)]
    yield from sorted(found, key=lambda c: order.get(c.record.observed, len(order)))


def _of_run(run: Results, policy: Policy) -> Iterable[Chosen]:
    records = [record for record in run.policies if record.policy == policy.name]
    modes: dict[str, list[str]] = defaultdict(list)
    groups: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for record in records:
        modes[record.implementation].append(record.mode)
        groups[record.observed, record.place].append(record)
    for group in groups.values():
        names: dict[str, list[str]] = defaultdict(list)
        for record in group:
            names[record.implementation].append(record.mode)
        listed = sorted(names, key=lambda name: (_rank(run, name), name))
        shown = tuple((name, _modes(names[name], modes[name])) for name in listed)
        yield Chosen(run.framework, group[0], shown, policy.meaning(group[0].observed))


def _rank(run: Results, name: str) -> bool:
    known = run.implementations.get(name)
    return known is None or kind(known) != "public"


def _modes(own: Sequence[str], every: Sequence[str]) -> str:
    return "" if len(own) == len(every) else ", ".join(own)
