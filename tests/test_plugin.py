"""`pytest --framework`: whole runs in a process of their own, with a small adapter, few cases."""

# ruff: noqa: E501 - messages and tables stand on one line

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

import adapters
from conformance import plugin, results
from conformance.measure import Suite

ROOT = Path(__file__).parent.parent
TINY = ROOT / "tests" / "tiny_adapter.py"
CASES = """theme: tails
cases:
  - id: sigmoid-tails
    operator: sigmoid
    source: "derivation: 1/(1+e^-x)"
    why: Both tails keep their digits.
    dtypes: [float32, float64]
    rows:
      zero: {x: 0}
      far: {x: -88.5}
  - id: squares
    operator: squared_loss
    source: "derivation: (y-z)^2"
    why: Small squares.
    dtypes: [float64]
    inputs: {labels: 0}
    sweep: {predictions: {linspace: [0, 3], size: 4}}
  - id: squares-summed
    operator: squared_loss
    source: "derivation: (y-z)^2"
    why: There is no reduction here.
    reduction: sum
    dtypes: [float64]
    inputs: {labels: 0}
    sweep: {predictions: {linspace: [0, 3], size: 4}}
"""
FINDING = """- id: sigmoid-is-late
  title: The sigmoid is half of what it should be
  severity: accuracy
  explanation: It is divided by 2.
  upstream: []
  reproduction: sigmoid(0) = 0.25
  confirmed: by hand
  checks:
    - {{implementation: plain sigmoid, case: "{case}", dtype: [float32, float64], mode: [eager], quantity: [value]}}
  verdict: [wrong]
  over_bound: [1, 1.0e+300]
"""


@dataclass
class Done:
    """A finished run: exit status, lines of what it printed, and its folder of results."""

    status: int
    text: str
    results: Path

    def __contains__(self, words: str) -> bool:
        return words in self.text

    def line(self, start: str) -> str:
        return next(line for line in self.text.splitlines() if line.strip().startswith(start))


Runs = Callable[..., Done]


def launch(folder: Path, *options: str, changes: dict[str, str] | None = None) -> Done:
    """Run pytest on a copy of the tiny adapter, with some of its text replaced."""
    text = TINY.read_text()
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    (folder / "my_adapter.py").write_text(text)
    (folder / "cases").mkdir(exist_ok=True)
    (folder / "cases" / "x.yaml").write_text(CASES)
    (folder / "findings").mkdir(exist_ok=True)
    framework = (
        []
        if any(o.startswith("--framework") for o in options)
        else [f"--framework={folder / 'my_adapter.py'}"]
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *framework, *options]
    command += [f"--{name}={folder / name}" for name in ("cases", "findings", "results")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    return Done(done.returncode, done.stdout + done.stderr, folder / "results")


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A whole run of a right implementation."""
    return launch(tmp_path_factory.mktemp("right"), "-v")


WRONG = {"return value.astype(x.dtype), (": "return (value / 2).astype(x.dtype), ("}


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A whole run in which the sigmoid is half of what it should be, and the square raises."""
    changes = {**WRONG, "difference = predictions - labels": 'raise ValueError("not today")'}
    return launch(tmp_path_factory.mktemp("wrong"), changes=changes)


# A right implementation.


def test_a_right_implementation_is_green(right: Done) -> None:
    assert right.status == 0
    assert right.text.splitlines()[-1].strip("= ").startswith("2 passed, 1 skipped")


def test_the_head_says_what_runs_where(right: Done) -> None:
    assert right.line("framework:") == "framework: tiny (tiny 1.2.3); modes eager"
    assert right.line("flags:") == "flags: none"
    assert " cores, " in right.line("machine:")
    assert right.line("conformance:") == "conformance: 3 cases, 2 implementations, 0 findings"


def test_ids_are_implementation_case_and_mode(right: Done) -> None:
    for name in ("plain sigmoid-sigmoid-tails-eager", "square-squares-eager"):
        assert f"test_conformance[{name}]" in right


def test_what_is_unsupported_is_skipped_with_the_reason(right: Done) -> None:
    skipped = right.line("SKIPPED")
    assert "no reduction sum" in skipped


def test_a_full_run_writes_the_results(right: Done) -> None:
    file = right.results / "tiny.jsonl"
    assert right.line("results:") == f"results: {file}"
    assert sorted(path.name for path in right.results.iterdir()) == ["tiny.jsonl"]
    found = results.read(file)
    assert found.header.selection == "all"
    assert len(found.checks) == 4 + 3 + 3
    assert {check.verdict for check in found.checks} <= {*results.PASSING, "unsupported"}
    assert set(found.cases) == {"sigmoid-tails", "squares", "squares-summed"}
    counted = right.line("10 checks:")
    assert "unsupported 4" in counted
    assert "exact" in counted


def test_the_same_run_gives_the_same_bytes(right: Done, tmp_path: Path) -> None:
    again = launch(tmp_path)
    assert (again.results / "tiny.jsonl").read_bytes() == (
        right.results / "tiny.jsonl"
    ).read_bytes()


def test_a_selection_does_not_replace_the_results(tmp_path: Path) -> None:
    whole = tmp_path / "results" / "tiny.jsonl"
    whole.parent.mkdir()
    whole.write_text("the results of the whole")
    done = launch(tmp_path, "-k", "squares-eager")
    assert done.status == 0
    assert whole.read_text() == "the results of the whole"
    found = results.read(tmp_path / "results" / "selection" / "tiny.jsonl")
    assert found.header.selection == "1 of 3 tests"
    assert {check.case for check in found.checks} == {"squares"}


# Wrong ones.


def test_a_wrong_implementation_is_red(wrong: Done) -> None:
    assert wrong.status == 1
    assert "2 failed, 1 skipped" in wrong.text.splitlines()[-1]
    found = results.read(wrong.results / "tiny.jsonl")
    verdicts = {(c.case, c.quantity): c.verdict for c in found.checks}
    assert verdicts["sigmoid-tails", "value"] == "wrong"
    assert verdicts["sigmoid-tails", "gradient.x"] in results.PASSING
    assert verdicts["squares", "value"] == verdicts["squares", "gradient.predictions"] == "raised"


def test_a_failure_says_what_a_person_needs(wrong: Done) -> None:
    for words in (
        "plain sigmoid: sigmoid-tails (eager)",
        "  Both tails keep their digits.",
        "  float32 value: no finding",
        "    row 'zero', output [0]: got 0.25 (0x1.0000000000000p-2)",
        "    truth 0.500000000000000000000000000000 (0x1.0000000000000p-1)",
        "error 4.19e+06 ulps, ",
        " times the bound; 1 baseline, 1 wrong of 2",
        "    inputs x 0.0",
        "  to reproduce:",
        "    x = [0.0]",
        "    print(sigmoid(x))  # eager, float32",
    ):
        assert words in wrong, words


def test_a_failure_says_what_was_raised(wrong: Done) -> None:
    assert "    ValueError: not today" in wrong.text.splitlines()


def test_a_failure_has_no_traceback(wrong: Done) -> None:
    assert "Traceback" not in wrong
    shown = wrong.text.partition("FAILURES")[2].partition("short test summary")[0]
    assert shown
    assert ".py" not in shown


def test_known_failures_are_expected(tmp_path: Path) -> None:
    """Those that a finding covers, and those of negative controls."""
    (tmp_path / "findings").mkdir()
    (tmp_path / "findings" / "tiny.yaml").write_text(FINDING.format(case="sigmoid-*"))
    changes = {**WRONG, "return difference * difference": "return -difference"}
    changes['"square(predictions, labels)",'] = (
        '"square(predictions, labels)", control="no square",'
    )
    done = launch(tmp_path, changes=changes)
    assert done.status == 0
    assert "1 skipped, 2 xfailed" in done
    assert "sigmoid-is-late" in done
    assert "negative control" in done
    checks = results.read(tmp_path / "results" / "tiny.jsonl").checks
    assert {(c.case, c.finding) for c in checks if c.fails} == {
        ("sigmoid-tails", "sigmoid-is-late"),
        ("squares", None),
    }


def test_a_finding_without_a_failure_and_a_control_that_passes_fail_the_run(tmp_path: Path) -> None:
    (tmp_path / "findings").mkdir()
    findings = tmp_path / "findings" / "tiny.yaml"
    findings.write_text(FINDING.format(case="sigmoid-heads"))
    done = launch(tmp_path, changes={'"sigmoid(x)")': '"sigmoid(x)", control="it is bad")'})
    assert done.status == 1
    assert "2 passed, 1 skipped" in done
    assert f"{findings}:9: finding sigmoid-is-late: " in done
    assert "negative control plain sigmoid passes everything" in done


# Interruptions and mistakes.


def test_an_interrupted_run_leaves_what_it_measured(tmp_path: Path) -> None:
    done = launch(
        tmp_path, changes={"difference = predictions - labels": "raise KeyboardInterrupt"}
    )
    assert done.status == 2
    partial = tmp_path / "results" / "tiny.jsonl.partial"
    assert f"interrupted; what was measured is in {partial}" in done
    assert not (tmp_path / "results" / "tiny.jsonl").exists()
    found = results.read(partial, complete=False)
    assert {check.case for check in found.checks} == {"sigmoid-tails"}
    assert "Traceback" not in done


def test_an_error_of_the_harness_is_a_verdict(tmp_path: Path) -> None:
    changes = {"return np.asarray(tensor)": 'return "no array"'}
    done = launch(tmp_path, "-k", "squares-eager", changes=changes)
    assert done.status == 1
    assert "harness-error" in done
    assert "Traceback" not in done
    (check,) = results.read(done.results / "selection" / "tiny.jsonl").checks
    assert check.verdict == "harness-error"
    assert check.message.endswith("(CONFORMANCE_DEBUG=1 shows where)")


def test_an_unknown_framework_is_one_line(tmp_path: Path) -> None:
    done = launch(tmp_path, "--framework=caffe")
    assert done.status == 4
    assert [line for line in done.text.splitlines() if line.strip()] == [
        "ERROR: caffe: neither a framework (torch, tensorflow, jax, numpy) nor a file; correct the name"
    ]
    assert not done.results.exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("README.md", "is not a Python file; give one that defines ADAPTER"),
        ("conftest.py", "defines no ADAPTER; give an instance of adapters.base.Adapter"),
        ("nowhere.py", "nor a file; correct the name"),
    ],
)
def test_a_file_without_an_adapter(name: str, words: str) -> None:
    with pytest.raises(adapters.AdapterError) as error:
        adapters.load(name)
    assert str(error.value).startswith(f"{name}: ")
    assert words in str(error.value)


def test_an_adapter_that_cannot_be_imported_or_speaks_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "adapter.py"
    file.write_text("import no_such_framework")
    with pytest.raises(
        adapters.AdapterError, match="No module named 'no_such_framework'; install it"
    ):
        adapters.load(str(file))
    file.write_text(TINY.read_text() + "\nADAPTER.protocol = 0\n")
    with pytest.raises(adapters.AdapterError, match="speaks protocol 0, this suite 2; adapt it"):
        adapters.load(str(file))
    file.write_text(TINY.read_text())
    adapter = adapters.load(str(file))
    assert adapter.framework == "tiny"
    assert Suite([], adapter).jobs == []


def test_a_framework_decides_which_tests_are_collected(right: Done) -> None:
    assert "collected 3 items" in right

    def ignored(name: str, framework: str | None) -> bool:
        config = SimpleNamespace(getoption={"--framework": framework}.get)
        return bool(plugin.pytest_ignore_collect(ROOT / "tests" / name, config))  # type: ignore[arg-type]

    assert ignored("test_conformance.py", None)
    assert not ignored("test_conformance.py", "torch")
    assert ignored("test_numbers.py", "torch")
    assert not ignored("test_numbers.py", None)
    assert not ignored("small_runs.py", "torch")
