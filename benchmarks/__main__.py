"""The cost of the reference and of a live check, beside what one would use instead.

Every figure is a ratio of two things timed in turn in one process (the medians of several rounds),
since absolute times say more about the machine. Exit status 1 if a budget is exceeded.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import mpmath
import numpy as np
import scipy.special
import torch
from rich.console import Console
from rich.table import Table

from conformance.cases import load
from reference.evaluation import evaluate, prepare
from reference.formats import FORMATS
from reference.problem import Problem

ROUNDS = 15
SINGLE, DOUBLE = FORMATS["float32"], FORMATS["float64"]
Work = Callable[[], object]
Row = tuple[str, float, str, float]
"""What was measured, the figure, its unit and the budget."""


def main() -> int:
    """Print the table; 1 if a budget is exceeded."""
    torch.set_num_threads(1)
    rows = [_corpus(), *_outputs(10, 5), *_outputs(1000, 2), *map(_live, (10, 100))]
    table = Table("what", "measured", "budget", "")
    for what, measured, unit, budget in rows:
        verdict = "ok" if measured <= budget else "[red]over[/red]"
        table.add_row(what, f"{measured:.3g} {unit}", f"{budget:g} {unit}", verdict)
    Console().print(table)
    return int(any(measured > budget for _, measured, _, budget in rows))


def _medians(repeat: int, *works: Work) -> list[float]:
    """Median seconds of each piece of work, timed in turn so that all share the same noise."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, held in zip(works, times, strict=True):
            start = time.process_time()
            for _ in range(repeat):
                work()
            held.append((time.process_time() - start) / repeat)
    return [statistics.median(held) for held in times]


def _corpus() -> Row:
    """Microseconds per certified output over all truths that runs need, as they ask for them."""
    cases = load(Path(__file__).parent.parent / "cases")
    problems = [
        replace(case.problem(FORMATS[dtype]), quantities=case.judged)
        for case in cases
        for dtype in case.dtypes
    ]
    start = time.process_time()
    prepare(problems)
    outputs = sum(t.hi.size for problem in problems for t in evaluate(problem).values())
    seconds = time.process_time() - start
    what = f"truths of all cases ({outputs} outputs, {seconds:.2f} s)"
    return what, seconds / outputs * 1e6, "us an output", 5


def _problems(size: int, rows: int = 1) -> Iterator[Problem]:
    """Problems without end, no two alike: the reference remembers what it has seen."""
    draw = np.random.default_rng(size)
    while True:
        logits = np.float64(draw.normal(scale=5, size=(rows, size)).astype("f4"))
        inputs = {"logits": logits, "labels": np.full(rows, 3)}
        name = "softmax_cross_entropy_index"
        yield Problem(name, SINGLE, inputs, {}, "none", np.ones(rows))


def _outputs(size: int, budget: float) -> Iterator[Row]:
    """Cross entropy with its gradient against the closed form in mpmath, at 128 bits.

    A batch has 8000 logits, so that it is not the cost of a call that is measured; that is the
    business of the live check.
    """
    rows = 8000 // size
    problems = _problems(size, rows)

    def closed_form() -> object:
        with mpmath.workprec(128):
            return [_by_hand(row.tolist()) for row in next(problems).inputs["logits"]]

    ours, theirs = _medians(1, lambda: evaluate(next(problems)), closed_form)
    what = f"certified value and gradient, {rows} rows of {size} classes"
    yield what, ours / (rows * (size + 1)) * 1e6, "us an output", budget
    yield f"{what}, over mpmath on {mpmath.libmp.BACKEND}", ours / theirs, "times", 1 / 4


def _by_hand(row: list[float]) -> object:
    logits = [mpmath.mpf(x) for x in row]
    powers = [mpmath.exp(x) for x in logits]
    total = mpmath.fsum(powers)
    value = mpmath.log(total) - logits[3]
    return value, [p / total - (j == 3) for j, p in enumerate(powers)]


def _live(size: int) -> Row:
    """A framework call judged exactly, against the same call judged by SciPy in float64."""
    problems = _problems(size)
    labels = np.array([3])

    def call(single: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        leaf = torch.from_numpy(single).requires_grad_()
        target = torch.from_numpy(labels)
        loss = torch.nn.functional.cross_entropy(leaf, target, reduction="none")
        (gradient,) = torch.autograd.grad(loss, leaf, torch.ones(1))
        return loss.detach().numpy(), gradient.numpy()

    def exact() -> float:
        problem = next(problems)
        value, gradient = call(np.float32(problem.inputs["logits"]))
        truths = evaluate(problem)
        pairs = ((value, truths["value"]), (gradient, truths["gradient.logits"]))
        return max(float((truth.error(got) / SINGLE.ulp(truth.hi)).max()) for got, truth in pairs)

    def usual() -> None:
        wide = next(problems).inputs["logits"]
        value, gradient = call(np.float32(wide))
        expected = -scipy.special.log_softmax(wide, axis=-1)[:, 3]
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-6)
        slope = scipy.special.softmax(wide, axis=-1)
        slope[:, 3] -= 1
        np.testing.assert_allclose(gradient, slope, rtol=1e-3, atol=1e-6)

    ours, theirs = _medians(200, exact, usual)
    return (
        f"live check, {size} classes, over SciPy with assert_allclose",
        ours / theirs,
        "times",
        1.0,
    )


if __name__ == "__main__":
    sys.exit(main())
