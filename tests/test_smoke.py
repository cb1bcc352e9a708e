"""The smoke test of an adapter says what is broken, and nothing of what is merely inaccurate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import adapters
from adapters.base import Adapter, Array, Call, Implementation
from conformance.__main__ import main
from conformance.cases import load
from conformance.smoke import smoke
from tests.tiny_adapter import Tiny

ROOT = Path(__file__).parent.parent
CASES = """theme: t
cases:
  - id: slopes
    operator: sigmoid
    source: "derivation: logistic"
    why: The tails.
    sweep: {x: {linspace: [-20, 20], size: 41}}
"""
ROW = Tiny.implementations[0]


class Changed(Tiny):
    """The tiny adapter with one implementation."""

    def __init__(self, row: Implementation) -> None:
        self.implementations = (row,)


def problems(adapter: Adapter, folder: Path, text: str = "") -> list[str]:
    (folder / "x.yaml").write_text(CASES)
    return [found.problem for found in smoke(adapter, load(folder), text) if found.problem]


class Printing(Changed):
    """Its snippets print what it computes, plus something."""

    def __init__(self, row: Implementation, extra: float = 0.0) -> None:
        super().__init__(row)
        self.extra = extra

    def snippet(self, implementation: Implementation, call: Call, mode: str) -> str:
        found = self.run(implementation, call, mode)
        lines = []
        for quantity, array in found.items():
            assert isinstance(array, np.ndarray)
            lines.append(f'print("{quantity}", {(array.astype(float) + self.extra).tolist()})')
        return "from numpy import inf, nan\n" + "\n".join(lines)


def test_a_sound_adapter_has_no_problem_however_inaccurate(tmp_path: Path) -> None:
    rough = replace(ROW, code="sigmoid(np.round(x * 4096) / 4096)")
    assert problems(Printing(rough), tmp_path) == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (replace(ROW, code="sigmoid(x + 1)"), "value agrees with the truth nowhere near half"),
        (replace(ROW, code="sigmoid(x[:3])"), "value has shape (3,), expected (41,)"),
        (replace(ROW, code="sigmoid(x, 1)"), "value raised TypeError: sigmoid() takes 1"),
        (replace(ROW, operator="tanh"), "no case of its operator can be run with it"),
    ],
)
def test_a_broken_row_is_told(tmp_path: Path, row: Implementation, problem: str) -> None:
    (found,) = problems(Printing(row), tmp_path)
    assert problem in found


def test_a_snippet_that_fails_or_prints_something_else_is_told(tmp_path: Path) -> None:
    (found,) = problems(Printing(ROW, 1e-3), tmp_path)
    assert found == "its snippet prints another value than the run gave"
    (found,) = problems(Changed(replace(ROW, name="x y")), tmp_path, "x y")
    assert found.startswith("its snippet fails: ")


class Lossy(Changed):
    def tensor(self, values: Array) -> Array:
        return np.abs(values)


class Widening(Changed):
    def tensor(self, values: Array) -> Array:
        return values.astype(np.float64)


def test_conversions_that_lose_bits_or_dtypes_are_told(tmp_path: Path) -> None:
    assert "comes back as" in problems(Lossy(ROW), tmp_path)[0]
    assert "comes back as float64" in problems(Widening(ROW), tmp_path)[0]


def test_the_worked_example_is_sound(
    capsys: pytest.CaptureFixture[str],
) -> None:
    example = str(ROOT / "examples" / "fused_adapter.py")
    assert adapters.load(example).framework == "fused"
    assert main(["smoke", example, "--cases", str(ROOT / "cases")]) == 0
    assert "sound   fused (eager)" in capsys.readouterr().out


def test_an_adapter_that_cannot_be_loaded_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["smoke", "nowhere.py"]) == 2
    assert capsys.readouterr().err.startswith("error: nowhere.py: neither a framework")
