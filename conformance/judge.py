"""Judging: an answer beside its truth and its bounds gives a verdict for every output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adapters.base import Answer, Raised, Unsupported
from conformance.results import VERDICTS, Verdict
from reference.bounds import Bounds
from reference.formats import FORMATS, Floats, Format
from reference.truth import DOUBLE, Truth

EXACT, FAITHFUL, STRICT, BASELINE, INACCURATE, WRONG = range(6)
UNDECIDED = VERDICTS.index("undecided")
HARNESS_ERROR = VERDICTS.index("harness-error")
SEVERITY = np.array([0, 1, 2, 3, 4, 5, 5, 5, 6, 7, 0])
"""How bad each verdict is, to find the worst output of a check."""


@dataclass(frozen=True)
class Judgement:
    """The verdicts of one quantity of one call.

    codes: the index in VERDICTS of every output (empty when there were no numbers).
    ulps: error in ulps of the format at the truth; over_bound: error over the baseline bound.
    worst: index of the worst output, None without numbers.
    message: what was raised, why it is unsupported, what is wrong with shape or dtype.
    """

    verdict: Verdict
    codes: NDArray[np.int8]
    ulps: Floats
    over_bound: Floats
    worst: tuple[int, ...] | None
    message: str = ""

    @property
    def counts(self) -> dict[Verdict, int]:
        """Number of outputs for each verdict that occurs."""
        found = np.bincount(self.codes.reshape(-1), minlength=len(VERDICTS))
        return {VERDICTS[i]: int(n) for i, n in enumerate(found) if n}


def judge(
    answer: Answer, truth: Truth, bounds: Bounds, dtype: str, flush: bool = False
) -> Judgement:
    """The verdict of one answer; with `flush` a subnormal truth may come back as a zero.

    The array must have the truth's shape and the dtype under test; another shape or dtype is
    `wrong`, whatever its numbers.
    """
    match answer:
        case Raised(kind, message):
            return _wordless("raised", f"{kind}: {message}")
        case Unsupported(reason):
            return _wordless("unsupported", reason)
    format = FORMATS[dtype]
    if answer.shape != truth.hi.shape:
        return _wordless("wrong", f"shape {answer.shape}, expected {truth.hi.shape}")
    if answer.dtype != format.numpy:
        return _wordless("wrong", f"dtype {answer.dtype}, expected {dtype}")
    got = answer.astype(np.float64)
    with np.errstate(all="ignore"):
        codes, error = _codes(got, truth, bounds, format)
        flushed = flush & (got == 0) & (np.abs(truth.hi) < format.tiny)
        ulps = error / format.ulp(truth.hi)
        over = error / bounds.baseline
    codes[flushed & (codes > STRICT)] = STRICT
    ulps = np.where(codes == EXACT, np.fmin(np.nan_to_num(ulps, nan=0.0), 0.5), ulps)
    if codes.size == 0:
        return Judgement("exact", codes, ulps, over, None)
    # The worst output: the worst verdict, and among equals the largest error over its bound.
    rank = SEVERITY[codes] + 0.5 * (1 - 1 / (1 + over))
    rank = np.where(np.isnan(rank), SEVERITY[codes] + 0.5, rank)
    worst = np.unravel_index(int(np.argmax(rank)), codes.shape)
    place = tuple(int(i) for i in worst)
    return Judgement(VERDICTS[int(codes[place])], codes, ulps, over, place)


def _wordless(verdict: Verdict, message: str) -> Judgement:
    nothing = np.zeros(0)
    return Judgement(verdict, np.zeros(0, dtype=np.int8), nothing, nothing, None, message)


def _codes(
    got: Floats, truth: Truth, bounds: Bounds, format: Format
) -> tuple[NDArray[np.int8], Floats]:
    """Verdict and absolute error of every output; the ladder of ACCURACY.md, section 2."""
    hi = truth.hi
    grain = DOUBLE.ulp(hi)
    # got - hi is exact where they are close; elsewhere it is right to 53 bits, which is plenty.
    error = np.where(got == hi, np.abs(truth.tail) * grain, np.abs((got - hi) - truth.tail * grain))
    slack = truth.radius * grain
    rounded, down, up = truth.rounded(format)
    finite = np.isfinite(hi) & ~np.isinf(rounded)
    same_class = np.isfinite(got) & finite

    codes = np.full(hi.shape, INACCURATE, dtype=np.int8)
    codes[error >= 0.5 * np.abs(hi)] = WRONG  # another sign is an error of more than |hi|
    codes[~same_class] = WRONG
    for rung, bound in ((BASELINE, bounds.baseline), (STRICT, bounds.strict)):
        codes[same_class & (error + slack <= bound)] = rung
        codes[same_class & (error - slack <= bound) & (error + slack > bound)] = UNDECIDED
        codes[same_class & ~np.isfinite(bound)] = HARNESS_ERROR
    codes[((got == down) | (got == up)) & (finite | np.isinf(got))] = FAITHFUL
    codes[got == rounded] = EXACT
    codes[truth.undecided & (codes > FAITHFUL)] = UNDECIDED
    codes[np.isnan(hi)] = WRONG
    if truth.lower is not None and truth.upper is not None:
        # At a kink: between the one-sided derivatives, which may be rounded.
        codes[(got >= format.floor(truth.lower)) & (got <= -format.floor(-truth.upper))] = EXACT
    codes[np.isnan(got) & (np.isnan(hi) | truth.nan)] = EXACT
    return codes, error
