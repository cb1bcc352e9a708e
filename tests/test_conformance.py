"""Cases by implementations, and nothing else: `pytest --framework torch`."""

from __future__ import annotations

from conformance.measure import Job
from conformance.plugin import Run


def test_conformance(job: Job, run: Run) -> None:
    run.judge(job)
