"""Implementations by cases and by policies, and nothing else: `pytest --framework torch`."""

from __future__ import annotations

from conformance.measure import Job
from conformance.plugin import Run
from conformance.policies.observe import Choice


def test_conformance(job: Job | Choice, run: Run) -> None:
    run.judge(job)
