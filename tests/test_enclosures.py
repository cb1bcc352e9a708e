"""Every truth of every operator is certified, in ten families of input, and precision only narrows.

`pytest tests/test_enclosures.py -rP` prints the bits that each operator and family needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from reference.batch import LADDER
from reference.evaluation import evaluate
from reference.formats import FORMATS, Floats
from reference.operators import OPERATORS
from reference.problem import Problem
from tests.enclosing import agree, at_bits, balls, certified
from tests.points import Layout, Parameters, label_of, problem, richest, variants

DOUBLE = FORMATS["float64"]
MAX, TINY, LEAST = DOUBLE.max, DOUBLE.tiny, DOUBLE.subnormal
ULP = 2.0**-52


@dataclass(frozen=True)
class Family:
    """Numbers for inputs on the whole line, and for those between 0 and 1."""

    reals: tuple[float, ...]
    units: tuple[float, ...]


FAMILIES: Mapping[str, Family] = {
    "ordinary": Family((0.3, -1.7, 2.2, -0.9, 0.05), (0.3, 0.5, 0.2, 0.9)),
    "spread": Family((1e-8, -3.0, 250.0, -7e3, 0.4), (1e-8, 0.999, 1e-3, 0.5)),
    "saturated": Family((40.0, -37.5, 0.0, 17.5, -750.0), (1e-17, 1 - ULP, 0.1)),
    "nearly equal": Family((1.0, 1 + ULP, 1 - ULP / 2, 1.0), (0.25, 0.25 + ULP / 4, 0.5)),
    "ties": Family((2.0, 2.0, 2.0, -2.0), (0.25, 0.25, 0.5, 0.25)),
    "subnormal": Family((LEAST, -3 * LEAST, TINY, 1e-310), (LEAST, 1e-310, 3 * LEAST, TINY)),
    "1e30": Family((1e30, -1e30, 2e30, 1.0), (1e-30, 1 - ULP, 2e-30)),
    "1e300": Family((1e300, -1e300, 3e299, 0.0), (1e-300, 0.5, 3e-300)),
    "max": Family((MAX, -MAX, MAX / 2, MAX), (TINY, 1 - ULP / 2, LEAST)),
    "huge beside tiny": Family((1e300, LEAST, -1e30, 1e-300), (1 - ULP / 2, LEAST, 0.5)),
}
EVERY = list(variants())


def numbers(domain: tuple[float, float], name: str, family: Family, size: int) -> Floats:
    """Numbers of the family within a domain; logarithms of probabilities are negative."""
    if domain == (0.0, 1.0):
        return np.resize(family.units, size)
    reals = np.resize(family.reals, size)
    if domain[0] == 0:
        return np.where(reals == 0, 1.0, np.abs(reals))
    return -np.abs(reals) if name.startswith("log_p") else reals


def of_family(variant: tuple[str, Parameters], name: str) -> Problem:
    """Two rows of three, with every quantity; labels and counts are ordinary."""
    made = problem(*variant, seed=1, layout=Layout(rows=2, classes=3))
    inputs = dict(made.inputs)
    for i in OPERATORS[made.operator].inputs:
        kept = i.constant or i.kind == "index" or (i.name == "labels" and i.domain[0] != 0)
        if not kept:
            held = inputs[i.name]
            found = numbers(i.domain, i.name, FAMILIES[name], held.size)
            inputs[i.name] = found.reshape(held.shape)
    return replace(made, inputs=inputs)


@pytest.mark.parametrize("variant", EVERY, ids=label_of)
def test_every_truth_is_certified(variant: tuple[str, Parameters]) -> None:
    for name in FAMILIES:
        ties = dict.fromkeys(FORMATS, 0)
        truths = evaluate(of_family(variant, name))
        for quantity, truth in truths.items():
            assert certified(truth), (name, quantity)
            assert not np.isnan(truth.hi).any(), (name, quantity)
            # Where the enclosure leaves a rounding open, it is named a tie, in each format.
            for target in FORMATS.values():
                down, up = truth.bracket(target)
                nearest = truth.nearest(target)
                assert ((nearest == down) | (nearest == up) | np.isnan(nearest)).all()
                ties[target.name] += int(np.isnan(nearest).sum())
        bits = max(truth.bits for truth in truths.values())
        assert bits in LADDER
        named = ", ".join(f"{n} in {dtype}" for dtype, n in ties.items() if n)
        print(f"{label_of(variant)}, {name}: {bits} bits, ties {named or 'none'}")  # noqa: T201


@pytest.mark.parametrize("name", ["saturated", "subnormal"])
@pytest.mark.parametrize("variant", richest(), ids=label_of)
def test_enclosures_at_two_precisions_overlap(variant: tuple[str, Parameters], name: str) -> None:
    """The second derivatives' too; the finer is as narrow or narrower."""
    asked = of_family(variant, name)
    coarse, fine = evaluate(asked), at_bits(asked, 1 << 12)
    assert {truth.bits for truth in fine.values()} == {1 << 12}
    for quantity, truth in coarse.items():
        assert agree(balls(truth), balls(fine[quantity])), quantity
        assert (fine[quantity].radius <= truth.radius).all(), quantity
