"""The code of the porting guide, as it is printed, run in the framework itself: it gives the truth.

What a results file says was run is evaluated here with nothing around it but the tensors, as a user
would paste it, and compared with what the suite measured and with the reference.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import adapters
from adapters.base import Adapter
from conformance import cases, results
from conformance.judge import judge
from conformance.measure import Job, Suite
from reference.bounds import bounds
from reference.evaluation import evaluate

CASES = Path(__file__).parents[2] / "cases"
PORTED = [case for case in cases.load(CASES) if case.file.name == "porting.yaml"]


def adapter(framework: str) -> Adapter:
    try:
        return adapters.load(framework)
    except adapters.AdapterError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("framework", [name for name in adapters.FRAMEWORKS if name != "numpy"])
@pytest.mark.parametrize("case", PORTED, ids=[case.id for case in PORTED])
def test_a_block_gives_the_truth(framework: str, case: cases.Case) -> None:
    own = adapter(framework)
    suite = Suite([case], own)
    suite.planned = suite.jobs
    expressions = {
        r.implementation: r.code for r in suite.records() if isinstance(r, results.Expression)
    }
    problem, call = suite._call(case, "float32")
    truth, limits = evaluate(problem)["value"], bounds(problem)["value"]
    passed = []
    for name, code in expressions.items():
        (row,) = (i for i in own.implementations if i.name == name)
        tensors = {k: own.tensor(v) for k, v in own.arrays(row, call).items()}
        value = eval(code, {**own.namespace, **own.constants(row, call), **tensors})  # noqa: S307
        printed = own.array(value)
        measured = own.run(row, call, own.modes[0])["value"]
        if isinstance(measured, np.ndarray):  # not declared away in this mode
            np.testing.assert_array_equal(printed, measured, err_msg=code)
        judgement = judge(printed, truth, limits, "float32", flush=bool(row.flush))
        passed += [name] if judgement.verdict in results.PASSING else []
    assert passed, f"{case.id}: no block of {framework} gives the truth: {expressions}"


def test_jobs_are_what_the_suite_plans() -> None:
    assert PORTED
    assert all(isinstance(job, Job) for job in Suite(PORTED[:1], adapter("torch")).jobs)
