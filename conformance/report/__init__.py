"""The conformance report: results and findings in, a page, a summary and operators' pages out.

`read` takes the files in and refuses what is not sound, `tally` counts, `data` packs the checks for
the page, `page` and `summary` write. The page's own code is in `static/`, its markup in
`templates/`. `operator_pages` writes what the reference and the results say of each operator, with
formulas (`formula`), and pictures (`chart`) of curves that the reference computes (`curves`) along
a line through the inputs (`sweeps`). `porting` writes the porting guide, `policies` what the
frameworks are free to choose.
"""

from __future__ import annotations

from pathlib import Path

from conformance.report.operator_pages import write_operators
from conformance.report.page import write_page
from conformance.report.policies import write_policies
from conformance.report.porting.pages import write_porting
from conformance.report.read import ReportError, read
from conformance.report.summary import write_summary

__all__ = ["ReportError", "build"]


def build(
    results: list[Path], findings_folder: Path, out: Path, questions: Path | None = None
) -> list[str]:
    """Write the report from results files, the findings beside them, and the porting questions.

    It is `out/index.html`, `out/operators/*.html`, `out/policies/index.html`, `out/porting.html`,
    `out/porting.md` and `out/summary.md`. Returns a line for every question whose answer the
    results do not prove.

    The same input gives the same bytes, in whatever order the files are named.

    Raises UserError (file, line, problem, remedy) for a file that cannot be used, and its subclass
    ReportError for files that do not belong together.
    """
    report = read(results, findings_folder)
    out.mkdir(parents=True, exist_ok=True)
    write_page(report, out / "index.html")
    write_operators(report, out / "operators")
    write_policies(report, out / "policies")
    write_summary(report, out / "summary.md")
    return write_porting(report, questions, out)
