"""The table of special values, ACCURACY.md, section 5, and its rows for the other operators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reference.special import (
    Arrays,
    Policy,
    Special,
    Where,
    any_infinite,
    any_nan,
    beside,
    single,
)

POSITIVE, NAN = any_infinite("logits"), any_nan("logits")
MASKED = any_infinite("logits", -1)
EITHER: Where = lambda rows: np.isinf(rows["logits"]).any(axis=-1)  # noqa: E731

AT_ENDS: Where = lambda rows: np.isin(rows["reconstructions"], (0, 1)).any(axis=-1)  # noqa: E731

_SOFTMAX = (
    Special(
        "one class at -inf", "must", "logits=0,0,-inf", "value=0.5,0.5,0 d/logits=0.375,-0.375,0"
    ),
    Special("every class at -inf", "must", "logits=-inf,-inf", "value=nan,nan d/logits=nan,nan"),
    Special("a NaN", "must", "logits=0,nan,1", "value=nan,nan,nan d/logits=nan,nan,nan"),
    Special("one +inf", "may", "logits=inf,0", "value=1,0 d/logits=0,0", POSITIVE),
    Special("several +inf", "may", "logits=inf,inf,0", "value=nan,nan,0", POSITIVE),
    Special(
        "a masked class beside a NaN",
        "may",
        "logits=nan,-inf,1",
        "value=nan,0,nan",
        beside(NAN, MASKED),
    ),
    Special(
        "a NaN in a single class",
        "may",
        "logits=nan",
        "value=1 d/logits=0",
        beside(NAN, single("logits")),
    ),
    Special("a single class at -inf", "must", "logits=-inf", "value=1 d/logits=0"),
)
_LOG_SOFTMAX = (
    Special(
        "one class at -inf",
        "must",
        "logits=0,0,-inf",
        "value=-ln2,-ln2,-inf d/logits=-0.25,-1.75,2",
    ),
    Special("every class at -inf", "must", "logits=-inf,-inf", "value=nan,nan"),
    Special("a NaN", "must", "logits=0,nan,1", "value=nan,nan,nan d/logits=nan,nan,nan"),
    Special("a +inf", "may", "logits=inf,0", "value=0,-inf", POSITIVE),
    Special(
        "a masked class beside a NaN",
        "may",
        "logits=nan,-inf,1",
        "value=nan,-inf,nan",
        beside(NAN, MASKED),
    ),
    Special(
        "a NaN in a single class",
        "may",
        "logits=nan",
        "value=0 d/logits=0",
        beside(NAN, single("logits")),
    ),
)
_LOGSUMEXP = (
    Special("every class at -inf", "must", "logits=-inf,-inf", "value=-inf"),
    Special("one class at -inf", "must", "logits=-inf,0", "value=0 d/logits=0,1"),
    Special("a +inf, the value", "must", "logits=inf,0", "value=inf", quantities=("value",)),
    Special("several +inf, the value", "must", "logits=inf,inf", "value=inf"),
    Special("a +inf, the gradient", "may", "logits=inf,0", "d/logits=1,0", POSITIVE, ("gradient",)),
    Special(
        "several +inf, the gradient",
        "may",
        "logits=inf,inf",
        "d/logits=nan,nan",
        POSITIVE,
        ("gradient",),
    ),
    Special("a NaN", "must", "logits=nan,0", "value=nan d/logits=nan,nan"),
)
_HARD = (
    Special(
        "-inf at another class than the label",
        "must",
        "logits=0,0,-inf labels=0",
        "value=ln2 d/logits=-0.5,0.5,0",
    ),
    Special(
        "-inf at the label", "must", "logits=-inf,0,0 labels=0", "value=inf d/logits=-1,0.5,0.5"
    ),
    Special("+inf at the label", "may", "logits=inf,0 labels=0", "value=0 d/logits=0,0", POSITIVE),
    Special("+inf elsewhere", "may", "logits=0,inf labels=0", "value=inf d/logits=-1,1", POSITIVE),
    Special(
        "every class at -inf", "must", "logits=-inf,-inf labels=0", "value=nan d/logits=nan,nan"
    ),
    Special("a NaN at the label", "must", "logits=nan,0 labels=0", "value=nan d/logits=nan,nan"),
    Special("a NaN elsewhere", "must", "logits=0,nan labels=0", "value=nan d/logits=nan,nan"),
)
_SOFT = (
    Special(
        "-inf at a class with target 0",
        "must",
        "logits=0,0,-inf labels=0.5,0.5,0",
        "value=ln2 d/logits=0,0,0",
    ),
    Special(
        "-inf at a class with a target",
        "must",
        "logits=0,0,-inf labels=0.5,0.25,0.25",
        "value=inf d/logits=0,0.25,-0.25",
    ),
    Special(
        "labels that do not sum to 1, or are negative",
        "doc",
        "logits=0,0 labels=-1,4",
        "value=3ln2 d/logits=2.5,-2.5",
        lambda rows: rows["labels"].sum(axis=-1) != 1,
    ),
    Special(
        "labels that are all 0",
        "doc",
        "logits=-inf,0 labels=0,0",
        "value=0 d/logits=0,0",
        lambda rows: (rows["labels"] == 0).all(axis=-1),
    ),
    Special("a +inf", "may", "logits=inf,0 labels=1,0", "value=0 d/logits=0,0", POSITIVE),
    Special("a NaN", "must", "logits=nan,0 labels=1,0", "value=nan d/logits=nan,nan"),
)
_SIGMOID_CE = (
    Special(
        "+inf where the label is 1", "may", "logits=inf labels=1", "value=0 d/logits=0", EITHER
    ),
    Special(
        "-inf where the label is 0", "may", "logits=-inf labels=0", "value=0 d/logits=0", EITHER
    ),
    Special(
        "+inf where the label is 0", "may", "logits=inf labels=0", "value=inf d/logits=1", EITHER
    ),
    Special(
        "-inf where the label is 1", "may", "logits=-inf labels=1", "value=inf d/logits=-1", EITHER
    ),
    Special("a NaN", "must", "logits=nan labels=1", "value=nan d/logits=nan"),
)
_BCE = (
    Special(
        "p = 0 where the label is 1",
        "doc",
        "probabilities=0 labels=1",
        "value=inf d/probabilities=-inf",
        lambda rows: ((rows["probabilities"] == 0) & (rows["labels"] != 0)).any(axis=-1),
    ),
    Special(
        "p = 1 where the label is 0",
        "doc",
        "probabilities=1 labels=0",
        "value=inf d/probabilities=inf",
        lambda rows: ((rows["probabilities"] == 1) & (rows["labels"] != 1)).any(axis=-1),
    ),
    Special(
        "p = 0 = the label",
        "doc",
        "probabilities=0 labels=0",
        "value=0 d/probabilities=1",
        lambda rows: ((rows["probabilities"] == 0) & (rows["labels"] == 0)).any(axis=-1),
    ),
    Special(
        "p = 1 = the label",
        "doc",
        "probabilities=1 labels=1",
        "value=0 d/probabilities=-1",
        lambda rows: ((rows["probabilities"] == 1) & (rows["labels"] == 1)).any(axis=-1),
    ),
    Special(
        "p = 0 with a label between",
        "doc",
        "probabilities=0 labels=0.5",
        "value=inf d/probabilities=-inf",
    ),
)

_OF_SOFT_LABELS = (
    Special(
        "+inf at the label", "may", "logits=inf,0 labels=1,0", "value=0 d/logits=0,0", POSITIVE
    ),
    Special(
        "+inf elsewhere", "may", "logits=0,inf labels=1,0", "value=inf d/logits=-1,1", POSITIVE
    ),
    Special("a NaN", "must", "logits=nan,0 labels=1,0", "value=nan d/logits=nan,nan"),
)

TABLE: Mapping[str, tuple[Special, ...]] = {
    "softmax": _SOFTMAX,
    "log_softmax": _LOG_SOFTMAX,
    "logsumexp": _LOGSUMEXP,
    "softmax_cross_entropy_index": _HARD,
    "softmax_cross_entropy": _SOFT,
    "sigmoid": (
        Special("+inf", "must", "x=inf", "value=1 d/x=0"),
        Special("-inf", "must", "x=-inf", "value=0 d/x=0"),
        Special("a NaN", "must", "x=nan", "value=nan d/x=nan"),
    ),
    "softplus": (
        Special("+inf", "must", "x=inf", "value=inf d/x=1"),
        Special("-inf", "must", "x=-inf", "value=0 d/x=0"),
    ),
    "log_sigmoid": (
        Special("+inf", "must", "x=inf", "value=0 d/x=0"),
        Special("-inf", "must", "x=-inf", "value=-inf d/x=1"),
    ),
    "tanh": (
        Special("+inf", "must", "x=inf", "value=1 d/x=0"),
        Special("-inf", "must", "x=-inf", "value=-1 d/x=0"),
    ),
    "relu": (
        Special("+inf", "must", "x=inf", "value=inf d/x=1"),
        Special("-inf", "must", "x=-inf", "value=0 d/x=0"),
        Special("a NaN", "must", "x=nan", "value=nan d/x=nan"),
    ),
    "sigmoid_cross_entropy": _SIGMOID_CE,
    "binary_cross_entropy": _BCE,
    "logistic_loss_pm1": (
        Special("a large margin of the wrong sign", "must", "logits=-1e+300 labels=1",
                "value=1e+300 d/logits=-1"),
        Special("-inf on the right side", "may", "logits=-inf labels=-1", "value=0 d/logits=0",
                EITHER),
        Special("+inf on the wrong side", "may", "logits=inf labels=-1", "value=inf d/logits=1",
                EITHER),
    ),
    "squared_loss": (
        Special("+inf against +inf", "must", "predictions=inf labels=inf", "value=nan"),
        Special("+inf", "must", "predictions=inf labels=1", "value=inf d/predictions=inf"),
    ),
    "kl_divergence": (
        Special("p = 0", "must", "labels=0,1 log_probabilities=-1,0",
                "value=0 d/log_probabilities=0,-1"),
        Special("p = 0 and q = 0", "must", "labels=0,1 log_probabilities=-inf,0",
                "value=0 d/log_probabilities=0,-1"),
        Special("p = 0 and q = 0, by p", "must", "labels=0,1 log_probabilities=-inf,0",
                "d/labels=nan,1"),
        Special("p > 0 and q = 0", "must", "labels=0.5,0.5 log_probabilities=-inf,0", "value=inf"),
        Special("a NaN", "must", "labels=0.5,0.5 log_probabilities=nan,0", "value=nan"),
    ),
    "cross_entropy": (
        Special("p = 0 and q = 0", "must", "labels=0,1 probabilities=0,1",
                "value=0 d/probabilities=0,-1"),
        Special("p > 0 and q = 0", "must", "labels=0.5,0.5 probabilities=0,1",
                "value=inf d/probabilities=-inf,-0.5"),
    ),
    "nll": (
        Special("-inf at the label", "must", "log_probabilities=-inf,0 labels=0",
                "value=inf d/log_probabilities=-1,0"),
        Special("a NaN elsewhere", "must", "log_probabilities=nan,-2 labels=1",
                "value=2 d/log_probabilities=0,-1"),
    ),
    "sigmoid_focal_loss": _SIGMOID_CE,
    "sigmoid_squared_loss": (
        Special("+inf", "must", "logits=inf labels=1", "value=0 d/logits=0"),
        Special("-inf", "must", "logits=-inf labels=1", "value=0.5 d/logits=0"),
        Special("a NaN", "must", "logits=nan labels=1", "value=nan d/logits=nan"),
    ),
    "leaky_relu": (
        Special("+inf", "must", "x=inf", "value=inf d/x=1"),
        Special("a NaN", "must", "x=nan", "value=nan d/x=nan"),
    ),
    "hinge_loss": (
        Special("+inf on the right side", "must", "logits=inf labels=1", "value=0 d/logits=0"),
        Special("-inf on the wrong side", "must", "logits=-inf labels=1", "value=inf d/logits=-1"),
        Special("a NaN", "must", "logits=nan labels=1", "value=nan d/logits=nan"),
    ),
    "poisson_nll": (
        Special("+inf", "must", "log_rates=inf counts=1", "value=inf d/log_rates=inf"),
        Special("-inf where nothing was counted", "must", "log_rates=-inf counts=0",
                "value=0 d/log_rates=0"),
        Special("-inf where something was counted", "must", "log_rates=-inf counts=2",
                "value=inf d/log_rates=-2"),
        Special("a NaN", "must", "log_rates=nan counts=1", "value=nan d/log_rates=nan"),
    ),
    "poisson_nll_rate": (
        Special("a rate of 0 where nothing was counted", "must", "rates=0 counts=0",
                "value=0 d/rates=1"),
        Special("a rate of 0 where something was counted", "doc", "rates=0 counts=1",
                "value=inf d/rates=-inf", lambda rows: (rows["rates"] == 0).any(axis=-1)),
        Special("+inf", "must", "rates=inf counts=1", "value=inf d/rates=1"),
    ),
    "sparsity_penalty": (
        Special("an activation of 0", "doc", "activations=0", "value=inf d/activations=-inf",
                lambda rows: (rows["activations"] == 0).any(axis=-1)),
        Special("an activation of 1", "doc", "activations=1", "value=inf d/activations=inf",
                lambda rows: (rows["activations"] == 1).any(axis=-1)),
    ),
    "softened_cross_entropy": (
        Special("p = 0 where the label is 1", "must", "probabilities=0 labels=1",
                "d/probabilities=-20"),
    ),
    "reconstruction_cross_entropy": (
        Special("reconstructions at both ends, right", "doc", "reconstructions=0,1 inputs=0,1",
                "value=0 d/reconstructions=1,-1", AT_ENDS),
        Special("a reconstruction of 0 for an input of 1", "doc",
                "reconstructions=0,1 inputs=1,1", "value=inf d/reconstructions=-inf,-1", AT_ENDS),
    ),
    "categorical_cross_entropy": (
        Special("p = 0 and q = 0", "must", "probabilities=0,1 labels=0,1",
                "value=0 d/probabilities=0,-1"),
        Special("p > 0 and q = 0", "doc", "probabilities=0,1 labels=1,0",
                "value=inf d/probabilities=-inf,0",
                lambda rows: ((rows["probabilities"] == 0) & (rows["labels"] != 0)).any(axis=-1)),
        Special("a NaN where the label is 0", "must", "probabilities=nan,1 labels=0,1",
                "value=0 d/probabilities=0,-1"),
    ),
    "categorical_cross_entropy_index": (
        Special("a probability of 0 at the label", "doc", "probabilities=0,1 labels=0",
                "value=inf d/probabilities=-inf,0",
                lambda rows: (rows["probabilities"] == 0).any(axis=-1)),
        Special("a probability of 0 elsewhere", "must", "probabilities=0,1 labels=1",
                "value=0 d/probabilities=0,-1"),
        Special("a NaN elsewhere", "must", "probabilities=nan,1 labels=1",
                "value=0 d/probabilities=0,-1"),
    ),
    "jensen_shannon_divergence": (
        Special("distributions without a common class", "must", "p=0,1 q=1,0", "value=ln2"),
        Special("p = 0 and q = 0", "must", "p=0,1 q=0,1", "value=0"),
    ),
    "kl_divergence_log_targets": (
        Special("p = 0", "must", "log_labels=-inf,0 log_probabilities=-1,0",
                "value=0 d/log_labels=0,1 d/log_probabilities=0,-1"),
        Special("p = 0 and q = 0", "must", "log_labels=-inf,0 log_probabilities=-inf,0",
                "value=0 d/log_labels=0,1 d/log_probabilities=0,-1"),
        Special("p > 0 and q = 0", "must", "log_labels=0,-inf log_probabilities=-inf,0",
                "value=inf d/log_probabilities=-1,0"),
    ),
    "generalized_kl_divergence": (
        Special("p = 0 and q = 0", "must", "labels=0,1 log_probabilities=-inf,0",
                "value=0 d/log_probabilities=0,0"),
        Special("p > 0 and q = 0", "must", "labels=1,0 log_probabilities=-inf,0",
                "value=inf d/log_probabilities=-1,1"),
    ),
    "z_loss": (
        Special("a +inf", "may", "logits=inf,0", "value=inf d/logits=inf,0", POSITIVE),
        Special("every class at -inf", "may", "logits=-inf,-inf", "value=inf d/logits=nan,nan",
                lambda rows: np.isneginf(rows["logits"]).all(axis=-1)),
        Special("a NaN", "must", "logits=nan,0", "value=nan d/logits=nan,nan"),
    ),
    "poly1_cross_entropy": _OF_SOFT_LABELS,
    "softmax_focal_loss": _OF_SOFT_LABELS,
    "generalised_cross_entropy": (
        Special("+inf at the label", "may", "logits=inf,0 labels=0", "value=0 d/logits=0,0",
                POSITIVE),
        Special("+inf elsewhere", "may", "logits=0,inf labels=0", "d/logits=0,0", POSITIVE),
        Special("-inf at the label", "must", "logits=-inf,0 labels=0", "d/logits=0,0"),
        Special("a NaN", "must", "logits=nan,0 labels=0", "value=nan d/logits=nan,nan"),
    ),
    "multiclass_margin_loss": (
        Special("+inf at the label", "must", "logits=inf,0 labels=0", "value=0 d/logits=0,0"),
        Special("+inf elsewhere", "must", "logits=0,inf labels=0", "value=inf d/logits=-0.5,0.5"),
        Special("a NaN", "must", "logits=nan,0 labels=0", "value=nan d/logits=nan,nan"),
    ),
    "distillation_loss": (
        Special("+inf of the student", "may", "student=inf,0 teacher=0,0", "value=inf",
                lambda rows: np.isposinf(rows["student"]).any(axis=-1)),
        Special("a NaN", "must", "student=nan,0 teacher=0,0", "value=nan d/student=nan,nan"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Batch:
    """A row of the table that is about batches, reductions and arguments, for all operators."""

    case: str
    answer: str
    policy: Policy


BATCHES = (
    Batch("empty batch: none, sum, mean", "[], 0, NaN", "must"),
    Batch("all rows ignored: sum", "0; gradients 0", "must"),
    Batch("all rows ignored: mean over what is kept", "0/0 = NaN; gradients 0", "doc"),
    Batch("weights that sum to zero: weighted mean", "0/0 = NaN", "doc"),
    Batch("a NaN among the weights of classes that no row has", "not used", "must"),
    Batch("no classes: softmax, log sum exp, soft labels", "(N, 0), -inf, 0", "must"),
    Batch("a class index out of range", "an error", "doc"),
    Batch("a large finite input with a finite result", "finite", "must"),
)


def rows_where(operator: str, policy: Policy, kind: str, rows: Arrays) -> NDArray[np.bool_] | None:
    """The rows (bool (N,)) to which a policy applies, for a kind of quantity; None if to none."""
    kind = "value" if kind == "value" else "gradient"
    found = None
    for special in TABLE.get(operator, ()):
        if special.policy == policy and kind in special.quantities and special.where is not None:
            flags = special.where(rows)
            found = flags if found is None else found | flags
    return found


def examples(policy: Policy) -> Iterator[tuple[str, Special]]:
    """Every row of a policy, with its operator."""
    for operator, rows in TABLE.items():
        for special in rows:
            if special.policy == policy:
                yield operator, special
