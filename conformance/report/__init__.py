"""The conformance report: results and findings in, one page and one summary out.

`read` takes the files in and refuses what is not sound, `tally` counts, `data` packs the checks for
the page, `page` and `summary` write. The page's own code is in `static/`, its markup in
`templates/`.
"""

from __future__ import annotations

from pathlib import Path

from conformance.report.page import write_page
from conformance.report.read import ReportError, read
from conformance.report.summary import write_summary

__all__ = ["ReportError", "build"]


def build(results: list[Path], findings_folder: Path, out: Path) -> None:
    """Write `out/index.html` and `out/summary.md` from results files and the findings beside them.

    The same input gives the same bytes, in whatever order the files are named.

    Raises UserError (file, line, problem, remedy) for a file that cannot be used, and its subclass
    ReportError for files that do not belong together.
    """
    report = read(results, findings_folder)
    out.mkdir(parents=True, exist_ok=True)
    write_page(report, out / "index.html")
    write_summary(report, out / "summary.md")
