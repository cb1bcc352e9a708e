"""What to write where PyTorch has no function or argument of its own.

Operator -> name -> expression. Each is the answer to a question of the porting guide
(`porting/questions.yaml`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SMOOTHED = "labels * (1 - label_smoothing) + label_smoothing / 2"
MISSING = "torch.sigmoid(logits) * (1 - labels) + torch.sigmoid(-logits) * labels"
FOCAL = (
    f"({MISSING}) ** gamma * F.binary_cross_entropy_with_logits(logits, labels, reduction='none')"
)
CLIPPED = "{}.clamp(clip_epsilon, 1 - clip_epsilon)"
SHARES = "(probabilities / probabilities.sum(-1, keepdim=True))"
MASKED = "logits.masked_fill(~mask, -torch.inf)"

RECIPES: Mapping[str, Mapping[str, str]] = {
    "sigmoid_cross_entropy": {
        "binary_cross_entropy_with_logits(x, smoothed y)": (
            f"F.binary_cross_entropy_with_logits(logits, {SMOOTHED}, pos_weight=pos_weight,"
            " reduction=reduction)"
        ),
    },
    "binary_cross_entropy": {
        "binary_cross_entropy(clamp(p))": (
            f"F.binary_cross_entropy({CLIPPED.format('probabilities')}, labels,"
            " reduction=reduction)"
        ),
    },
    "categorical_cross_entropy": {
        "-sum(y log(clamp(p / sum(p))))": f"-(labels * {CLIPPED.format(SHARES)}.log()).sum(-1)",
    },
    "softmax_cross_entropy_index": {
        "sample_weights cross_entropy": (
            "sample_weights * F.cross_entropy(logits, labels, reduction='none')"
        ),
    },
    "sigmoid_focal_loss": {
        "(1 - p_t)^gamma binary_cross_entropy_with_logits": FOCAL,
        "alpha_t (1 - p_t)^gamma binary_cross_entropy_with_logits": (
            f"(alpha * labels + (1 - alpha) * (1 - labels)) * {FOCAL}"
        ),
    },
    "softmax": {
        "softmax(masked_fill(x, -inf))": f"F.softmax({MASKED}, dim=-1)",
    },
    "logsumexp": {
        "logsumexp(masked_fill(x, -inf))": f"torch.logsumexp({MASKED}, dim=-1)",
    },
}
REDUCTIONS_AROUND: Mapping[str, Mapping[str, str]] = {
    "sample_weights cross_entropy": {
        "none": "{}",
        "sum": "({}).sum()",
        "mean": "({}).mean()",
        "nonzero_mean": "({}).sum() / (sample_weights != 0).sum()",
        "sample_weighted_mean": "({}).sum() / sample_weights.sum()",
    }
}
"""Name -> reductions, where means differ in what they divide by."""
DEFAULTS: Mapping[str, Mapping[str, Any]] = {}
SETTINGS: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "-sum(y log(clamp(p / sum(p))))": {"normalise": ("before_clip",)},
}
