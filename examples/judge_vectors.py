"""Judges a naive cross entropy: `python judge_vectors.py < VECTORS`; see docs/vectors.md."""

import json
import math
import sys


def judge(got: float, q: dict, i: int) -> str:
    """Return the verdict on output i (in row-major order) of the quantity q."""
    names = ("hi", "lo", "radius", "rn", "rd", "ru", "strict", "baseline")
    hi, lo, radius, rn, rd, ru, strict, baseline = (float.fromhex(q[n][i] or "nan") for n in names)
    kink = next((k for k in q["kinks"] if k["index"] == i), {"lower": "nan", "upper": "nan"})
    inside = float.fromhex(kink["lower"]) <= got <= float.fromhex(kink["upper"])
    if got == rn or inside or (math.isnan(got) and (math.isnan(hi) or i in q["may"])):
        return "exact"
    finite = math.isfinite(hi) and not math.isinf(rn)
    if got in (rd, ru) and (finite or math.isinf(got)):
        return "faithful"
    if i in q["undecided"] and not math.isnan(hi):
        return "undecided"
    error = abs((got - hi) - lo) if finite and math.isfinite(got) else math.inf
    for verdict, bound in (("strict", strict), ("baseline", baseline)):
        if error - radius <= bound:
            return verdict if error + radius <= bound else "undecided"
    return "inaccurate" if error < abs(hi) / 2 else "wrong"


for line in map(json.loads, sys.stdin):
    asked = [line.get(key) for key in ("operator", "dtype", "reduction", "parameters")]
    if asked == ["softmax_cross_entropy_index", "float64", "none", {}]:
        logits = list(map(float.fromhex, line["inputs"]["logits"]["values"]))
        for i, label in enumerate(line["inputs"]["labels"]["values"]):
            row = logits[i * (n := line["inputs"]["logits"]["shape"][-1]) :][:n]
            try:  # your implementation takes the place of the next line
                got = -math.log(math.exp(row[label]) / math.fsum(map(math.exp, row)))
                verdict = judge(got, line["quantities"]["value"], i)
            except (ArithmeticError, ValueError) as error:
                verdict = f"raised {type(error).__name__}"
            print(f"{verdict:20} {line['case']}: {line['rows'][i]}")
