"""What must turn a run red, from the outside: a process for the run and one for the gate."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from conformance.cases import load
from reference.bounds import bounds
from reference.evaluation import evaluate
from reference.formats import FORMATS

ROOT = Path(__file__).parent.parent
FORMAT = FORMATS["float64"]
ROW = 1
CASES = """theme: two cases
cases:
  - id: slopes
    operator: sigmoid
    source: "derivation: 1/(1+e^-x)"
    why: Both tails and the middle.
    dtypes: [float64]
    sweep: {x: [-700, -20, -1/2, 0, 3, 40]}
  - id: middle
    operator: sigmoid
    source: "derivation: 1/(1+e^-x)"
    why: Around the middle.
    dtypes: [float64]
    sweep: {x: {ulps: 1, steps: 2}}
"""
ADAPTER = """
import numpy as np
from adapters.base import Adapter, Implementation


def sigmoid(x):
    small = np.exp(-np.abs(x))
    value = np.where(x < 0, small, 1.0) / (1.0 + small)
    if len(value) > {row}:
        value[{row}] += {extra!r} * (x[{row}] == -20.0)
    return value


def late(x):
    return np.where(x < 0, 0.0, sigmoid(x))


class Small(Adapter):
    framework = "small"
    modes = ("eager",)
    implementations = (
        Implementation("plain", "sigmoid", "sigmoid(x)"),
        Implementation("late", "sigmoid", "late(x)"),
    )
    namespace = {{"sigmoid": sigmoid, "late": late}}
    imports = "import numpy as np"

    def versions(self):
        return {{"numpy": np.__version__}}

    def tensor(self, values):
        return values

    def array(self, tensor):
        return tensor

    def compute(self, functions, arguments, mode):
        ((function,), (given,)) = functions, arguments
        small = np.exp(-np.abs(given.tensors["x"]))
        slope = given.upstream * small / (1 + small) ** 2
        found = {{"value": function.call(**given.tensors), "gradient.x": slope}}
        return [{{quantity: found[quantity] for quantity in function.quantities}}]

    def snippet(self, implementation, call, mode):
        return self.expression(implementation, call)


ADAPTER = Small()
"""
FINDING = """- id: late-sigmoid
  title: Nothing on the left
  severity: accuracy
  explanation: The left half is cut off.
  upstream: []
  reproduction: late(-1) = 0
  confirmed: by hand, 1 / (1 + e)
  checks:
    - {implementation: late, case: "CASE", dtype: [float64], mode: [eager], quantity: [value]}
  verdict: [wrong]
  over_bound: [1, 1.0e+30]
"""


@dataclass
class World:
    folder: Path

    def write(self, extra: float = 0.0, cases: str = CASES, findings: str | None = None) -> None:
        for name in ("cases", "findings", "grades"):
            (self.folder / name).mkdir(exist_ok=True)
        (self.folder / "cases" / "x.yaml").write_text(cases)
        text = FINDING.replace("CASE", "slopes") if findings is None else findings
        (self.folder / "findings" / "small.yaml").write_text(text)
        (self.folder / "small.py").write_text(ADAPTER.format(row=ROW, extra=extra))

    def run(self) -> tuple[int, str]:
        options = [f"--{name}={self.folder / name}" for name in ("cases", "findings", "results")]
        adapter = f"--framework={self.folder / 'small.py'}"
        return self._call("pytest", "-q", "-p", "no:cacheprovider", adapter, *options)

    def gate(self) -> tuple[int, str]:
        return self._conformance("gate", "--findings", str(self.folder / "findings"))

    def record(self) -> tuple[int, str]:
        return self._conformance("record")

    def _conformance(self, command: str, *options: str) -> tuple[int, str]:
        file = str(self.folder / "results" / "small.jsonl")
        grades = str(self.folder / "grades")
        return self._call("conformance", command, file, "--grades", grades, *options)

    def _call(self, *words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", *words]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, env={"PATH": ""}
        )
        assert "Traceback" not in done.stdout + done.stderr
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A run that is green, with its grades recorded."""
    made = World(tmp_path)
    made.write()
    assert made.run()[0] == 0
    assert made.record()[0] == 0
    code, text = made.gate()
    assert code == 0, text
    return made


def room(world: World) -> tuple[float, float]:
    """The baseline bound and one ulp at the row that is patched."""
    case = next(c for c in load(world.folder / "cases") if c.id == "slopes")
    problem = case.problem(FORMAT)
    truth = evaluate(problem)["value"].hi[ROW]
    return float(bounds(problem)["value"].baseline[ROW]), float(FORMAT.ulp(np.array(truth)))


def test_three_ulps_beyond_the_bound_at_one_row(world: World) -> None:
    bound, ulp = room(world)
    world.write(extra=bound + 3 * ulp)
    code, text = world.run()
    assert code == 1
    assert "'x=-20'" in text
    assert "1 inaccurate" in text
    code, text = world.gate()
    assert code == 1
    assert "no finding" in text


def test_an_error_within_the_bound_is_a_grade_that_falls(world: World) -> None:
    bound, ulp = room(world)
    world.write(extra=bound - 3 * ulp)
    assert world.run()[0] == 0
    code, text = world.gate()
    assert code == 1
    assert "grade fell" in text


def test_a_finding_that_is_deleted(world: World) -> None:
    world.write(findings="[]\n")
    code, text = world.run()
    assert code == 1
    assert "late" in text
    code, text = world.gate()
    assert code == 1
    assert "no finding" in text


def test_a_finding_that_matches_nothing(world: World) -> None:
    other = FINDING.replace("late-sigmoid", "nothing").replace("CASE", "no-such-case")
    world.write(findings=FINDING.replace("CASE", "slopes") + other)
    code, text = world.run()
    assert code == 1
    assert "matches nothing" in text
    code, text = world.gate()
    assert code == 1
    assert "matches nothing" in text


def test_a_case_that_is_deleted(world: World) -> None:
    world.write(cases=CASES[: CASES.index("  - id: middle")])
    assert world.run()[0] == 0
    code, text = world.gate()
    assert code == 1
    assert "check disappeared" in text
    assert "middle" in text
