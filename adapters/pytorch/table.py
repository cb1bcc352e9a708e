"""The implementations of PyTorch: what the tables of expressions leave open."""

from __future__ import annotations

from adapters.protocol import Implementation
from adapters.pytorch.compositions import COMPOSITIONS
from adapters.pytorch.functions import FUNCTIONS
from adapters.pytorch.recipes import DEFAULTS as OF_RECIPES
from adapters.pytorch.recipes import RECIPES, REDUCTIONS_AROUND, SETTINGS

ELEMENTS = {"none": "none", "sum": "sum", "mean": "mean"}
TARGETS = {"none": "none", "sum": "sum", "weighted_mean": "mean"}
REDUCTIONS = {  # where PyTorch's own `reduction=` is not simply the suite's
    "kl_divergence": {"sum": "sum", "mean": "batchmean"},
    "softmax_cross_entropy_index": TARGETS,
    "nll": TARGETS,
}
DEFAULTS = {
    "beta": 1.0,
    "class_weights": None,
    "ignore_index": -100,
    "label_smoothing": 0.0,
    "pos_weight": None,
    "negative_slope": 0.0,  # the operator's default; PyTorch's own is 0.01
    "scale": 1.0,
}
FIXED = {
    "F.soft_margin_loss": {"labels": "the derivative for 'target' is not implemented"},
    "binary_cross_entropy_with_logits(x, (1 + y) / 2)": {
        "labels": "linear in the label: equal to ln(1 + e^(-y x)) at the labels -1 and +1 only"
    },
}
CANNOT: dict[str, dict[str, str]] = {
    name: {"gradient.pos_weight": "not differentiable with respect to argument 'pos_weight'"}
    for name in (
        "F.binary_cross_entropy_with_logits",
        "binary_cross_entropy_with_logits(x, smoothed y)",
    )
}
DTYPES = {"F.softmax (in float32)": ("float16", "bfloat16")}


def public(name: str) -> str:
    """The full name of the function that a row of FUNCTIONS is named after."""
    return name.split(" (")[0].replace("F.", "torch.nn.functional.")


def page(function: str) -> str:
    """The documentation of a public function."""
    special = function.startswith("torch.special.")
    path = f"special.html#{function}" if special else f"generated/{function}.html"
    return f"https://docs.pytorch.org/docs/stable/{path}"


def row(operator: str, name: str, code: str, function: str = "") -> Implementation:
    """One row of the table with what is said about it above."""
    return Implementation(
        name,
        operator,
        code,
        public=function,
        reductions=(
            REDUCTIONS_AROUND.get(name)
            or (REDUCTIONS.get(operator, ELEMENTS) if "=reduction" in code else {})
        ),
        defaults={**DEFAULTS, **OF_RECIPES.get(name, {})},
        settings=SETTINGS.get(name, {}),
        dtypes=DTYPES.get(name),
        fixed=FIXED.get(name, {}),
        cannot=CANNOT.get(name, {}),
        documentation=page(function) if function else "",
    )


IMPLEMENTATIONS = (
    *(
        row(operator, name, code, public(name))
        for operator, rows in FUNCTIONS.items()
        for name, code in rows.items()
    ),
    *(row(operator, *entry) for operator, rows in COMPOSITIONS.items() for entry in rows.items()),
    *(row(operator, *entry) for operator, rows in RECIPES.items() for entry in rows.items()),
)
