"""Closed forms of the losses and divergences of rows of classes beside the plain cross entropy.

As in `tests/closed_forms.py`: mpmath, derived by hand, no cancellation of exponentials.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mpmath import mp, mpf

Row = Sequence[mpf]
Answer = tuple[list[mpf], dict[str, list[mpf]]]
Form = Callable[[Sequence[Any], Mapping[str, Any], Row], Answer]
ZERO, ONE = mpf(0), mpf(1)


def total(numbers: Any) -> mpf:
    return sum(numbers, ZERO)


def dot(x: Row, y: Row) -> mpf:
    return total(a * b for a, b in zip(x, y, strict=True))


def softmax(x: Row) -> list[mpf]:
    powers = [mp.exp(v - max(x)) for v in x]
    return [power / total(powers) for power in powers]


def without(values: Row, k: int) -> list[mpf]:
    return [v for j, v in enumerate(values) if j != k]


def misses(x: Row) -> list[mpf]:
    """1 - softmax."""
    s = softmax(x)
    return [total(without(s, j)) for j in range(len(s))]


def log_sum(x: Row) -> mpf:
    """max x + ln(1 + sum of e^(x_i - max x) over all but the largest)."""
    k = list(x).index(max(x))
    return x[k] + mp.log1p(total(mp.exp(v - x[k]) for v in without(x, k)))


def logs(x: Row) -> list[mpf]:
    """ln softmax: that of the largest is -ln(1 + sum), without a subtraction."""
    k = list(x).index(max(x))
    top = -mp.log1p(total(mp.exp(v - x[k]) for v in without(x, k)))
    return [top if j == k else v - x[k] + top for j, v in enumerate(x)]


def residual(x: Row, t: Row) -> list[mpf]:
    """softmax_j sum t - t_j = s_j sum_(i != j) t_i - t_j sum_(i != j) s_i."""
    pairs = enumerate(zip(softmax(x), misses(x), t, strict=True))
    return [s * total(without(t, j)) - v * m for j, (s, m, v) in pairs]


def one_hot(k: int, count: int) -> list[mpf]:
    return [mpf(int(j == k)) for j in range(count)]


def scaled(factor: mpf, found: Row) -> list[mpf]:
    return [factor * v for v in found]


def tempered(form: Form) -> Form:
    """Logits x / T: the derivative by x is that by x / T, divided by T."""

    def whole(rows: Sequence[Any], parameters: Mapping[str, Any], up: Row) -> Answer:
        rest = dict(parameters)
        t = rest.pop("temperature", ONE)
        value, found = form(([v / t for v in rows[0]], *rows[1:]), rest, up)
        return value, {**found, "logits": [v / t for v in found["logits"]]}

    return whole


def inside(form: Form, outside: mpf | None = None, empty: mpf = ZERO) -> Form:
    """A form of the classes inside a mask alone: the others are left out of the row.

    outside: what they get in a row of outputs; the output is one number if it is None. empty: that
    number without any class.
    """

    def whole(rows: Sequence[Any], parameters: Mapping[str, Any], up: Row) -> Answer:
        rest = dict(parameters)
        mask = rest.pop("mask", None)
        if mask is None:
            return form(rows, rest, up)
        kept = [j for j, there in enumerate(mask) if there]
        if not kept:
            return nothing(rows, outside, empty, len(mask))
        shorter = [shortened(row, kept, rest.get("ignore_index")) for row in rows]
        if rest.get("class_weights"):
            rest["class_weights"] = [rest["class_weights"][j] for j in kept]
        ups = up if outside is None else [up[j] for j in kept]
        value, found = form(shorter, rest, ups)
        value = value if outside is None else spread(value, kept, len(mask), outside)
        return value, {k: spread(v, kept, len(mask), ZERO) for k, v in found.items()}

    return whole


def shortened(row: Any, kept: Sequence[int], ignored: int | None) -> Any:
    """A row, or a class, of which -1 is none: outside the mask its target is left out as well."""
    if isinstance(row, list):
        return [row[j] for j in kept]
    if row == ignored:
        return row
    return list(kept).index(row) if row in kept else -1


def spread(values: Row, kept: Sequence[int], count: int, outside: mpf) -> list[mpf]:
    return [values[list(kept).index(j)] if j in kept else outside for j in range(count)]


def nothing(rows: Sequence[Any], outside: mpf | None, empty: mpf, count: int) -> Answer:
    """A row without a class that takes part."""
    value = [empty] if outside is None else [outside] * count
    names = ("logits", "labels") if len(rows) == 2 and isinstance(rows[1], list) else ("logits",)
    return value, {name: [ZERO] * count for name in names}


def prepared(p: Row, normalise: str, e: mpf | None) -> tuple[list[mpf], list[mpf]]:
    """Normalised and clipped probabilities, and 1 where a clip lets the derivative through."""

    def shares(row: Row) -> list[mpf]:
        return [v / total(row) for v in row]

    p = shares(p) if normalise == "before_clip" else list(p)
    free = [ONE if e is None or e < v < 1 - e else ZERO for v in p]
    p = p if e is None else [min(max(v, e), 1 - e) for v in p]
    return (shares(p) if normalise == "after_clip" else p), free


def categorical_form(rows: Sequence[Any], parameters: Mapping[str, Any], up: Row) -> Answer:
    """-sum t ln p; by p: -t / p, and with shares p / S: sum t / S - t / p, where not clipped."""
    p, labels = rows
    policy = parameters.get("normalise", "no")
    e = parameters.get("clip_epsilon") or None
    weights = parameters.get("class_weights") or [ONE] * len(p)
    t = [w * y for w, y in zip(weights, labels, strict=True)]
    q, free = prepared(p, policy, e)
    value = -total(v * mp.log(share) for v, share in zip(t, q, strict=True) if v)
    held = p if e is None or policy == "before_clip" else [min(max(v, e), 1 - e) for v in p]
    if policy == "before_clip":
        t_free = [v * f for v, f in zip(t, free, strict=True)]
        slopes = share_slopes(held, t_free)
    else:
        slopes = (
            share_slopes(held, t)
            if policy == "after_clip"
            else [-v / x if v else ZERO for v, x in zip(t, held, strict=True)]
        )
        slopes = [v * f for v, f in zip(slopes, free, strict=True)]
    by_labels = [-w * mp.log(share) for w, share in zip(weights, q, strict=True)]
    found = {"probabilities": slopes, "labels": by_labels}
    return [value], {k: scaled(up[0], v) for k, v in found.items()}


def share_slopes(p: Row, t: Row) -> list[mpf]:
    """(p_j sum_(i != j) t_i - t_j sum_(i != j) p_i) / (p_j sum p)."""
    return [
        (v * total(without(t, j)) - t[j] * total(without(p, j))) / (v * total(p))
        for j, v in enumerate(p)
    ]


def categorical_index_form(rows: Sequence[Any], parameters: Mapping[str, Any], up: Row) -> Answer:
    p, label = rows
    rest = dict(parameters)
    if label == rest.pop("ignore_index", None):
        return [ZERO], {"probabilities": [ZERO] * len(p)}
    value, found = categorical_form((p, one_hot(label, len(p))), rest, up)
    return value, {"probabilities": found["probabilities"]}


def linear_form(rows: Sequence[Any], parameters: Mapping[str, Any], up: Row) -> Answer:
    """With t = w_k ((1 - a) one-hot + a w / C): by h: W^T (s sum t - t)."""
    hidden, label = rows
    rest = dict(parameters)
    ignored = label == rest.pop("ignore_index", None)
    if ignored:
        return [ZERO], {"hidden": [ZERO] * len(hidden)}
    a = rest.pop("label_smoothing", ZERO)
    matrix = rest.get("weights") or [one_hot(j, len(hidden)) for j in range(len(hidden))]
    bias = rest.get("bias") or [ZERO] * len(matrix)
    x = [dot(line, hidden) + b for line, b in zip(matrix, bias, strict=True)]
    weights = rest.get("class_weights") or [ONE] * len(matrix)
    smooth = [(1 - a) * y + a / len(matrix) for y in one_hot(label, len(matrix))]
    t = [w * y for w, y in zip(weights, smooth, strict=True)]
    slopes = residual(x, t)
    by_hidden = [dot([line[d] for line in matrix], slopes) for d in range(len(hidden))]
    return [-dot(t, logs(x))], {"hidden": scaled(up[0], by_hidden)}


def jensen_shannon_form(rows: Sequence[Row], _none: Mapping[str, Any], up: Row) -> Answer:
    """Half of sum p ln(2p / (p + q)) + q ln(2q / (p + q)); by p: half of the first logarithm."""
    p, q = rows
    left = [mp.log(2 * a / (a + b)) for a, b in zip(p, q, strict=True)]
    right = [mp.log(2 * b / (a + b)) for a, b in zip(p, q, strict=True)]
    return [(dot(p, left) + dot(q, right)) / 2], {
        "p": scaled(up[0] / 2, left),
        "q": scaled(up[0] / 2, right),
    }


def log_targets_form(rows: Sequence[Row], _none: Mapping[str, Any], up: Row) -> Answer:
    pairs = list(zip(*rows, strict=True))
    return [total(mp.exp(lp) * (lp - lq) for lp, lq in pairs)], {
        "log_labels": [up[0] * mp.exp(lp) * (1 + lp - lq) for lp, lq in pairs],
        "log_probabilities": [-up[0] * mp.exp(lp) for lp, _ in pairs],
    }


def generalized_form(rows: Sequence[Row], _none: Mapping[str, Any], up: Row) -> Answer:
    pairs = list(zip(*rows, strict=True))
    terms = [(p * (mp.log(p) - lq) if p else ZERO) - p + mp.exp(lq) for p, lq in pairs]
    return [total(terms)], {
        "labels": [up[0] * (mp.log(p) - lq) for p, lq in pairs],
        "log_probabilities": [up[0] * (mp.exp(lq) - p) for p, lq in pairs],
    }


def focal_form(rows: Sequence[Row], parameters: Mapping[str, Any], up: Row) -> Answer:
    """By x: s_j sum g - g_j, g = c (m^gamma - gamma m^(gamma - 1) s ln s), m = 1 - s."""
    x, labels = rows
    gamma, alpha = parameters.get("gamma", mpf(2)), parameters.get("alpha", ONE)
    weights = parameters.get("class_weights") or [ONE] * len(x)
    if len(x) == 1:
        return [ZERO], {"logits": [ZERO], "labels": [ZERO]}
    parts = list(zip(softmax(x), misses(x), logs(x), strict=True))
    focus = [m**gamma for _, m, _ in parts]
    slopes = [
        f - (gamma * f / m * s * ln if gamma else 0)
        for f, (s, m, ln) in zip(focus, parts, strict=True)
    ]
    losses = [-alpha * w * f * p[2] for w, f, p in zip(weights, focus, parts, strict=True)]
    g = [alpha * w * y * v for w, y, v in zip(weights, labels, slopes, strict=True)]
    return [dot(labels, losses)], {
        "logits": scaled(up[0], residual(x, g)),
        "labels": scaled(up[0], losses),
    }


def z_form(rows: Sequence[Row], parameters: Mapping[str, Any], up: Row) -> Answer:
    z, scale = log_sum(rows[0]), parameters.get("scale", ONE)
    return [scale * z**2], {"logits": scaled(2 * up[0] * scale * z, softmax(rows[0]))}


def poly1_form(rows: Sequence[Row], parameters: Mapping[str, Any], up: Row) -> Answer:
    """By x: s sum y - y - e s_j sum_i s_i (y_j - y_i)."""
    x, y = rows
    e, s, logs_ = parameters.get("epsilon", ONE), softmax(x), logs(x)
    first_order = 1 - total(y) + dot(y, misses(x))
    tilts = [v * dot(s, [y[j] - other for other in y]) for j, v in enumerate(s)]
    by_x = [r - e * tilt for r, tilt in zip(residual(x, y), tilts, strict=True)]
    by_y = [-ln - e * v for ln, v in zip(logs_, s, strict=True)]
    return [-dot(y, logs_) + e * first_order], {
        "logits": scaled(up[0], by_x),
        "labels": scaled(up[0], by_y),
    }


def margin_form(rows: Sequence[Any], parameters: Mapping[str, Any], up: Row) -> Answer:
    x, k = rows
    m, q = parameters.get("margin", ONE), parameters.get("exponent", ONE)
    share = (parameters.get("class_weights") or [ONE] * len(x))[k] / len(x)
    missing = [m - x[k] + v if j != k else -ONE for j, v in enumerate(x)]
    slopes = [q * v ** (q - 1) if v >= 0 else ZERO for v in missing]  # at a kink, from above
    slopes[k] = -total(slopes)
    return [share * total(v**q for v in missing if v > 0)], {
        "logits": scaled(up[0] * share, slopes)
    }


def generalised_form(rows: Sequence[Any], parameters: Mapping[str, Any], up: Row) -> Answer:
    x, k = rows
    q, ln = parameters.get("q", mpf(0.7)), logs(x)[k]
    slopes = residual(x, one_hot(k, len(x)))
    return [-mp.expm1(q * ln) / q], {"logits": scaled(up[0] * mp.exp(q * ln), slopes)}


def distillation_form(rows: Sequence[Row], parameters: Mapping[str, Any], up: Row) -> Answer:
    """T^2 sum p (ln p - ln q); by the student: T (q - p); by the teacher: T p (g - sum p g)."""
    t = parameters.get("temperature", ONE)
    x, y = ([v / t for v in row] for row in rows)
    p = softmax(y)
    gaps = [a - b for a, b in zip(logs(y), logs(x), strict=True)]
    by_y = [v * dot(p, [gaps[j] - other for other in gaps]) for j, v in enumerate(p)]
    return [t**2 * dot(p, gaps)], {
        "student": scaled(up[0] * t, differences(x, y)),
        "teacher": scaled(up[0] * t, by_y),
    }


def differences(x: Row, y: Row) -> list[mpf]:
    """softmax(x) - softmax(y) = s_j(x) (1 - s_j(y)) - s_j(y) (1 - s_j(x))."""
    parts = zip(softmax(x), softmax(y), misses(x), misses(y), strict=True)
    return [a * not_b - b * not_a for a, b, not_a, not_b in parts]


FORMS: Mapping[str, Form] = {
    "categorical_cross_entropy": categorical_form,
    "categorical_cross_entropy_index": categorical_index_form,
    "linear_softmax_cross_entropy": linear_form,
    "jensen_shannon_divergence": jensen_shannon_form,
    "kl_divergence_log_targets": log_targets_form,
    "generalized_kl_divergence": generalized_form,
    "softmax_focal_loss": focal_form,
    "z_loss": z_form,
    "poly1_cross_entropy": poly1_form,
    "multiclass_margin_loss": margin_form,
    "generalised_cross_entropy": generalised_form,
    "distillation_loss": distillation_form,
}
