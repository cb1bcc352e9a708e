"""Measuring: jobs, what an adapter is given, and what a check records."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from adapters.base import Arguments, Call, Found, Function, Implementation, Outcome
from conformance import results
from conformance.cases import load
from conformance.measure import BUCKETS, Job, Suite, as_call, digest
from reference.formats import FORMATS
from tests.tiny_adapter import Tiny

CASES = """theme: a theme
cases:
  - id: tails
    operator: sigmoid
    source: a source
    why: Both tails.
    dtypes: [float32, float64]
    rows:
      zero: {x: 0}
      far: {x: -88.5}
      near: {x: 0.1}
    claims:
      - {says: half at zero, row: zero, check: value == 1/2, holds: true}
      - {says: one, row: zero, check: value == 1, holds: false, instead: 2*value == 1}
  - id: squares
    operator: squared_loss
    source: s
    why: w
    dtypes: [float16]
    inputs: {labels: 0.1}
    rows:
      "1": {predictions: 1}
      "3": {predictions: 3}
  - id: mean
    operator: squared_loss
    source: s
    why: w
    dtypes: [float64]
    reduction: mean
    measure: [value]
    rows:
      "1": {predictions: 1, labels: 0}
      "3": {predictions: 3, labels: 0}
  - id: vector
    operator: softmax
    source: s
    why: w
    dtypes: [bfloat16]
    rows:
      r: {logits: {linspace: [0, 1], size: 20}}
"""


class Spy(Tiny):
    """The tiny adapter with two modes, one of which is bucketed; it remembers its calls."""

    modes = ("eager", "compiled")
    bucketed = ("compiled",)

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def run(self, implementation: Implementation, call: Call, mode: str) -> Outcome:
        self.calls.append(call)
        return super().run(implementation, call, mode)


class Joined(Spy):
    """It compiles two functions together."""

    joined: Mapping[str, int] = {"compiled": 2}

    def __init__(self) -> None:
        super().__init__()
        self.evaluated: list[list[str]] = []
        self.refuses = False

    def compute(
        self, functions: Sequence[Function], arguments: Sequence[Arguments], mode: str
    ) -> Sequence[Found]:
        self.evaluated.append([name for given in arguments for name in given.tensors])
        if self.refuses and len(functions) > 1:
            raise ValueError("one of us")
        return super().compute(functions, arguments, mode)


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    folder = tmp_path / "cases"
    folder.mkdir()
    (folder / "x.yaml").write_text(CASES)
    return Suite(load(folder), Spy())


def job(suite: Suite, case: str, mode: str = "eager") -> Job:
    return next(j for j in suite.jobs if j.case.id == case and j.mode == mode)


def checks(suite: Suite, case: str, mode: str = "eager") -> dict[tuple[str, str], results.Check]:
    return {(c.dtype, c.quantity): c for c in suite.measure(job(suite, case, mode))}


def test_jobs_are_implementations_of_the_cases_operator_in_every_mode(suite: Suite) -> None:
    assert [j.id for j in suite.jobs] == [
        "plain sigmoid-tails-eager",
        "plain sigmoid-tails-compiled",
        "square-squares-eager",
        "square-squares-compiled",
        "square-mean-eager",
        "square-mean-compiled",
    ]


@pytest.mark.parametrize("refuses", [False, True])
def test_planned_jobs_are_compiled_together_and_judged_as_alone(
    suite: Suite, refuses: bool
) -> None:
    joined = Suite(suite.cases, Joined())
    spy = joined.adapter
    assert isinstance(spy, Joined)
    joined.planned, spy.refuses = joined.jobs, refuses
    for each in suite.jobs:
        assert list(joined.measure(each)) == list(suite.measure(each))
    together = [names for names in spy.evaluated if len(names) > 1 and names[0] == "x"]
    # float32 with float64, and float16 with nothing left to join; the mean has no gradient.
    assert together == [["x", "x"]]
    assert spy.evaluated.count(["x"]) == (4 if refuses else 2)  # two of them in eager mode


def test_an_implementation_may_run_in_fewer_modes(suite: Suite) -> None:
    only = dataclasses.replace(suite.adapter.implementations[0], modes=("compiled",))
    suite.adapter.implementations = (only,)
    assert [j.id for j in suite.jobs] == ["plain sigmoid-tails-compiled"]


def test_an_adapter_gets_arrays_of_the_dtype_and_no_truth(suite: Suite) -> None:
    list(suite.measure(job(suite, "squares")))
    (call,) = suite.adapter.calls
    assert call.operator == "squared_loss"
    assert call.inputs["labels"].dtype == np.float16
    assert call.inputs["labels"].tolist() == [float(np.float16(0.1))] * 2
    assert call.inputs["predictions"].tolist() == [1, 3]
    assert call.upstream.tolist() == [1, 1]
    assert call.upstream.dtype == np.float16
    assert call.wrt == ("predictions", "labels")
    assert {f.name for f in dataclasses.fields(call)} == {
        *("operator", "dtype", "inputs", "parameters", "reduction", "upstream"),
        *("quantities", "tangents"),
    }


def test_parameters_and_labels_have_their_types(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "theme: t\ncases:\n  - id: a\n    operator: softmax_cross_entropy_index\n    source: s\n"
        "    why: w\n    parameters: {class_weights: [1, 0.1], label_smoothing: 0.1,"
        " ignore_index: -7}\n    rows:\n      r: {logits: [1, 2], labels: 0}\n"
    )
    (case,) = load(tmp_path)
    call = as_call(case, case.problem(FORMATS["bfloat16"]))
    assert call.parameters["class_weights"].dtype == ml_dtypes.bfloat16
    assert call.parameters["label_smoothing"] == float(ml_dtypes.bfloat16(0.1))
    assert type(call.parameters["label_smoothing"]) is float
    assert call.parameters["ignore_index"] == -7
    assert call.inputs["labels"].dtype == np.int64
    assert call.inputs["logits"].dtype == ml_dtypes.bfloat16
    assert call.wrt == ("logits",)


def test_a_bucketed_batch_is_filled_and_its_answers_are_cut(suite: Suite) -> None:
    found = checks(suite, "tails", "compiled")
    assert [len(c.inputs["x"]) for c in suite.adapter.calls] == [BUCKETS[0]] * 2
    filled = suite.adapter.calls[0].inputs["x"]
    assert filled.tolist() == np.resize(np.float32([0, -88.5, 0.1]), BUCKETS[0]).tolist()
    assert suite.adapter.calls[0].upstream.shape == (BUCKETS[0],)
    assert {c.outputs for c in found.values()} == {3}
    plain = checks(suite, "tails")
    for key, check in found.items():
        assert check.counts == plain[key].counts
    # A reduced batch is what it is: filled, its mean would be another.
    list(suite.measure(job(suite, "mean", "compiled")))
    assert len(suite.adapter.calls[-1].inputs["predictions"]) == 2


def test_every_dtype_and_quantity_is_a_check(suite: Suite) -> None:
    found = checks(suite, "tails")
    assert list(found) == [
        ("float32", "value"),
        ("float32", "gradient.x"),
        ("float64", "value"),
        ("float64", "gradient.x"),
    ]
    assert all(check.passes for check in found.values())
    check = found["float64", "value"]
    assert (check.operator, check.implementation) == ("sigmoid", "plain sigmoid")
    assert (check.case, check.mode, check.outputs) == ("tails", "eager", 3)
    assert sum(check.counts.values()) == 3


def test_a_fixed_input_is_unsupported_and_not_asked(suite: Suite) -> None:
    found = checks(suite, "squares")
    check = found["float16", "gradient.labels"]
    assert (check.verdict, check.message) == ("unsupported", "labels are constants")
    assert check.snippet == ""
    assert check.outputs == 0


def test_a_check_records_its_worst_output(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    def halved(x: np.ndarray) -> Any:
        value, slope = Tiny.namespace["sigmoid"](x)
        return np.where(x == np.float32(0.1), value / 2, value).astype(x.dtype), slope

    monkeypatch.setattr(Spy, "namespace", {"sigmoid": halved})
    check = checks(suite, "tails")["float32", "value"]
    assert check.verdict == "wrong"
    assert check.row == "near"
    assert check.index == [2]
    assert check.inputs == {"x": repr(float(np.float32(0.1)))}
    x = float(np.float32(0.1))
    true = 1 / (1 + math.exp(-x))
    assert float(check.truth or 0) == pytest.approx(true, rel=1e-15)
    assert len(check.truth or "") >= 30
    assert float.fromhex(check.truth_hex or "") == pytest.approx(true, rel=1e-15)
    assert float(check.got or 0) == float.fromhex(check.got_hex or "")
    assert float(check.got or 0) == pytest.approx(true / 2, rel=1e-6)
    assert check.ulps == pytest.approx(true / 2 / 2**-24, rel=1e-6)
    assert check.over_bound == pytest.approx(true / 2 / (check.bound.baseline or 0), rel=1e-6)
    assert 0 < (check.bound.strict or 0) <= (check.bound.baseline or 0)
    assert check.counts["wrong"] == 1
    assert check.snippet.startswith(f"x = [{x!r}]")  # the row alone


def test_a_reduced_check_has_no_row(suite: Suite) -> None:
    suite.adapter.reductions = {"none": "{}", "mean": "mean({})"}
    suite.adapter.namespace = {
        **Tiny.namespace,
        "mean": lambda pair: (pair[0].mean(), pair[1] / pair[1].size),
    }
    check = checks(suite, "mean")["float64", "value"]
    assert (check.verdict, check.row, check.index, check.got) == ("exact", None, [], "5.0")
    assert check.inputs["predictions"] == "1.0, 3.0"


def test_an_error_of_the_framework_is_raised(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(x: np.ndarray) -> Any:  # noqa: ARG001 - it is called by name
        raise ValueError("not today\nsecond line")

    monkeypatch.setattr(Spy, "namespace", {"sigmoid": broken})
    for check in checks(suite, "tails").values():
        assert check.verdict == "raised"
        assert check.message == "ValueError: not today"
        assert (check.row, check.outputs, check.got) == ("zero", 0, None)
        assert check.snippet


def test_another_shape_is_wrong(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spy, "namespace", {"sigmoid": lambda x: (x[None], x)})
    check = checks(suite, "tails")["float32", "value"]
    assert (check.verdict, check.message) == ("wrong", "shape (1, 3), expected (3,)")


def test_truths_are_computed_once(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    checks(suite, "tails")
    monkeypatch.setattr("conformance.measure.evaluate", None)
    monkeypatch.setattr("conformance.measure.bounds", None)
    checks(suite, "tails", "compiled")


def test_a_mode_that_flushes_has_its_own_bounds(suite: Suite) -> None:
    plain = checks(suite, "tails")["float32", "value"]
    case = job(suite, "tails").case
    gradual = suite.bounds(case, "float32", False)["value"].strict
    flushed = suite.bounds(case, "float32", True)["value"].strict
    assert (flushed >= gradual).all()
    assert flushed[1] > gradual[1]  # e^-88.5 is subnormal
    assert plain.passes


def test_records_of_implementations_and_cases(suite: Suite) -> None:
    records = list(suite.records())
    implementations = [r for r in records if isinstance(r, results.Implementation)]
    assert [i.name for i in implementations] == ["plain sigmoid", "square"]
    assert implementations[0].modes == ["eager", "compiled"]
    tails, *_ = (r for r in records if isinstance(r, results.Case))
    assert (tails.case, tails.operator, tails.source) == ("tails", "sigmoid", "a source")
    assert (tails.theme, tails.file, tails.rows) == ("a theme", "cases/x.yaml:3", 3)
    half, one = tails.claims
    assert (half.holds, half.verdict, half.as_documented) == (True, "holds", True)
    assert (one.holds, one.verdict, one.as_documented) == (False, "does not hold", True)
    assert half.true.startswith("0.5")


def test_the_header_knows_versions_and_what_was_judged(suite: Suite, tmp_path: Path) -> None:
    header = suite.header("all")
    assert (header.framework, header.versions) == ("tiny", {"tiny": "1.2.3"})
    assert header.selection == "all"
    file = tmp_path / "cases" / "x.yaml"
    assert header.cases == digest([file])
    assert len(header.reference) == 64
    file.write_text(CASES.replace("Both tails", "Both  tails"))
    assert suite.header("all").cases != header.cases
    assert suite.header("all").reference == header.reference


def test_a_digest_depends_on_names_and_contents_alone(tmp_path: Path) -> None:
    one, two = tmp_path / "one" / "x", tmp_path / "two" / "x"
    for file in (one, two):
        file.parent.mkdir()
        file.write_text("same")
    assert digest([one]) == digest([two])
    assert digest([one]) != digest([one.rename(one.with_name("y"))])


def test_long_inputs_are_shortened(suite: Suite) -> None:
    suite.adapter.implementations = (Implementation("nothing", "softmax", "missing(logits)"),)
    check = checks(suite, "vector")["bfloat16", "value"]
    assert check.inputs["logits"].endswith(", ... (20 numbers)")
    assert check.inputs["logits"].count(",") == 12
