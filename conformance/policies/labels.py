"""Policies of labels that are numbers: their dtype beside that of the logits, and their shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from adapters.base import Adapter, Implementation, Task
from conformance.policies.points import (
    SIGNED,
    ask,
    hard,
    inputs_of,
    near,
    operator_of,
    summed,
    truth,
    unreduced,
)
from conformance.policies.policy import NONE, Answer, Policy
from reference.formats import Floats


def _asked(implementation: Implementation) -> bool:
    """Whether it is asked: a composition takes what its functions take."""
    names = {i.name: i.kind for i in operator_of(implementation).inputs}
    return bool(implementation.public) and names.get("labels", "index") != "index"


def _ask_type(dtype: str) -> Callable[[Adapter, Implementation], Sequence[Task]]:
    def asked(_: Adapter, implementation: Implementation) -> Sequence[Task]:
        if not _asked(implementation) or not unreduced(implementation):
            return ()
        inputs = inputs_of(implementation)
        if dtype == "int64":
            if "divergence" in implementation.operator:
                return ()  # it would be asked for 0 log 0
            if implementation.operator not in SIGNED:
                inputs = hard(implementation)
        call = ask(implementation, inputs, gradients=False)[1]
        typed = {**call.inputs, "labels": inputs["labels"].astype(dtype)}
        return ((implementation, replace(call, inputs=typed)),)

    return asked


def _tell_type(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    labels = answer.call.inputs["labels"].astype(np.float32)
    if not near(answer.value, answer.truth(labels=labels)):
        return NONE
    return "accepted" if answer.dtype == answer.call.dtype else f"gives {answer.dtype}"


def _type_policy(name: str, dtype: str, text: str) -> Policy:
    options = {
        "accepted": "the loss, in the dtype of the logits",
        "gives float64": "the loss, in float64",
        "raises": "an exception",
    }
    question = f"Are labels in {text} accepted beside logits in float32?"
    return Policy(name, question, options, _ask_type(dtype), _tell_type)


def _ask_shape(adapter: Adapter, implementation: Implementation) -> Sequence[Task]:
    """One column of labels beside a flat batch; one row of labels beside rows of classes."""
    if not _asked(implementation) or not unreduced(implementation):
        return ()
    inputs = inputs_of(implementation)
    labels = inputs["labels"]
    inputs["labels"] = labels[:1] if labels.ndim > 1 else labels[:, None]
    if "reduction" in implementation.names:
        return (ask(implementation, inputs, reduction="sum", gradients=False),)
    whole = summed(adapter, implementation)
    return () if whole is None else (ask(whole, inputs, reduced=True, gradients=False),)


def _tell_shape(answers: Sequence[Answer]) -> str:
    answer = answers[0]
    if answer.value.ndim:
        return NONE
    inputs = {name: a.astype(np.float64) for name, a in answer.call.inputs.items()}
    labels = inputs.pop("labels")
    ((name, other),) = inputs.items()
    if labels.shape[0] == 1:
        broadcast = (other, np.broadcast_to(labels, other.shape))
        flat = None
    else:
        shape = (len(other), len(other))
        broadcast = (np.broadcast_to(other, shape), np.broadcast_to(labels, shape))
        flat = (other, labels[:, 0])
    for word, pair in (("broadcasts", broadcast), ("flattens", flat)):
        if pair is not None and near(answer.value, _sum(answer, name, *pair)):
            return word
    return NONE


def _sum(answer: Answer, name: str, other: Floats, labels: Floats) -> Floats:
    """The sum of the losses of these inputs."""
    dense = operator_of(answer.implementation).output != "elementwise"
    shape = (len(other),) if dense else (other.size,)
    pair = {name: other, "labels": labels}
    inputs = {n: a if dense else a.reshape(-1) for n, a in pair.items()}
    call = replace(answer.call, inputs=inputs, reduction="none", upstream=np.ones(shape))
    return np.asarray(truth(call).sum())


SHAPE = Policy(
    "broadcasting",
    "What happens with labels of another shape: a column beside a flat batch, one row for many?",
    {
        "raises": "an exception",
        "broadcasts": "every label meets every logit (a sum of N^2 losses), one row meets all rows",
        "flattens": "a column counts as a flat batch",
    },
    _ask_shape,
    _tell_shape,
)

POLICIES = (
    _type_policy("labels_int64", "int64", "64-bit integers"),
    _type_policy("labels_float64", "float64", "float64"),
    SHAPE,
)
