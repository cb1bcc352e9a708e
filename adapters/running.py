"""Running: one call, or many that share compiled programs; every quantity gets its own answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.protocol import (
    Answer,
    Arguments,
    Call,
    Function,
    Implementation,
    Raised,
    Task,
    Unsupported,
)

if TYPE_CHECKING:
    from adapters.base import Adapter

Answers = dict[str, Answer]


def run(adapter: Adapter, implementation: Implementation, call: Call, mode: str) -> Answers:
    """One call; where it raises, each quantity on its own, to tell which of them does."""
    reason = adapter.unsupported(implementation, call, mode)
    if reason:
        return dict.fromkeys(call.quantities, Unsupported(reason))
    outcome = declined(adapter, implementation, call, mode)
    asked = tuple(q for q in call.quantities if q not in outcome)
    for quantities in (asked, *((q,) for q in asked)):
        if all(quantity in outcome for quantity in quantities):
            break
        found = _attempt(adapter, [(implementation, call)], [quantities], mode)
        if not isinstance(found, Raised):
            outcome |= found[0]
        elif len(quantities) == 1:
            outcome[quantities[0]] = found
    return {quantity: outcome[quantity] for quantity in call.quantities}


def run_all(adapter: Adapter, tasks: Sequence[Task], mode: str) -> Iterator[tuple[int, Answers]]:
    """Position and outcome of every task, in another order: what compiles together is together.

    Equal functions of equal shapes share one place in a program, and it runs until all have had
    their turn. Where one of them raises, all are run on their own.
    """
    if mode in adapter.stacked:
        yield from _run_stacked(adapter, tasks, mode)
        return
    places: dict[Any, list[int]] = {}
    for n, (implementation, call) in enumerate(tasks):
        place = _place(adapter, implementation, call, mode)
        places.setdefault(n if place is None else place, []).append(n)
    alone = [turns for place, turns in places.items() if isinstance(place, int)]
    known = [place for place in places if not isinstance(place, int)]
    # Loops of equal lengths and types are compiled into one.
    shared = [places[place] for place in sorted(known, key=lambda place: repr(place[2:]))]
    size = adapter.joined.get(mode, 1)
    for group in [*([turns] for turns in alone), *batched(shared, size)]:
        for turn in range(max(map(len, group))):
            # Whoever has had all its turns stays in its place, for the program to be the same.
            chosen = [turns[min(turn, len(turns) - 1)] for turns in group]
            outcomes = _joint(adapter, [tasks[n] for n in chosen], mode)
            for turns, n, outcome in zip(group, chosen, outcomes, strict=True):
                if turn < len(turns):
                    yield n, outcome


def _run_stacked(
    adapter: Adapter, tasks: Sequence[Task], mode: str
) -> Iterator[tuple[int, Answers]]:
    """Equal functions of rows of equal length run once, on all rows; alone where that raises."""
    stacks: dict[Any, list[int]] = {}
    for n, (implementation, call) in enumerate(tasks):
        place = _place(adapter, implementation, call, mode, rows=True)
        stacks.setdefault(n if place is None else place, []).append(n)
    for turns in stacks.values():
        implementation = tasks[turns[0]][0]
        calls = [tasks[n][1] for n in turns]
        outcome: Answers = {}
        if len(calls) > 1:
            outcome = run(adapter, implementation, stack(calls), mode)
        if not outcome or any(isinstance(answer, Raised) for answer in outcome.values()):
            for n in turns:
                yield n, run(adapter, implementation, tasks[n][1], mode)
            continue
        start = 0
        for n, call in zip(turns, calls, strict=True):
            own = slice(start, start := start + len(call.upstream))
            yield n, {q: a[own] if isinstance(a, np.ndarray) else a for q, a in outcome.items()}


def stack(calls: Sequence[Call]) -> Call:
    """One call with the rows of all, which differ in nothing else."""

    def whole(group: str) -> dict[str, Any]:
        values = [getattr(call, group) for call in calls]
        return {
            name: np.concatenate([own[name] for own in values])
            if isinstance(value, np.ndarray)
            else value
            for name, value in values[0].items()
        }

    return replace(
        calls[0],
        inputs=whole("inputs"),
        parameters=whole("parameters"),
        upstream=np.concatenate([call.upstream for call in calls]),
        tangents=whole("tangents"),
    )


def declined(
    adapter: Adapter, implementation: Implementation, call: Call, mode: str
) -> dict[str, Answer]:
    """The quantities that are not asked of the framework, each with the reason."""
    reasons = {q: adapter.declined(implementation, mode, q) for q in call.quantities}
    return {quantity: Unsupported(reason) for quantity, reason in reasons.items() if reason}


def batched(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Consecutive batches of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _asked(adapter: Adapter, task: Task, mode: str) -> tuple[str, ...]:
    known = declined(adapter, *task, mode)
    return tuple(quantity for quantity in task[1].quantities if quantity not in known)


def _place(
    adapter: Adapter, implementation: Implementation, call: Call, mode: str, rows: bool = False
) -> Any:
    """What has to be equal to share compiled code; None for what is run on its own.

    rows: to share one run, where only the number of rows may differ.
    """
    asked = _asked(adapter, (implementation, call), mode)
    if adapter.unsupported(implementation, call, mode):
        return None
    function, arguments = _ready(adapter, implementation, call, asked)
    shapes = [array.shape for array in arguments.tensors.values()]
    shared = set(arguments.tensors) - set(function.rows)
    if rows and (call.reduction != "none" or "axis" in call.parameters or shared):
        return None
    if rows or mode in adapter.dynamic:
        shapes = [shape[1:] for shape in shapes]
    return function.key, function.quantities, call.dtype, tuple(shapes), call.reduction


def _joint(adapter: Adapter, tasks: Sequence[Task], mode: str) -> list[Answers]:
    """The outcomes of tasks that are run together, or alone where that raises."""
    if len(tasks) > 1:
        asked = [_asked(adapter, task, mode) for task in tasks]
        found = _attempt(adapter, tasks, asked, mode)
        if not isinstance(found, Raised):
            pairs = zip(tasks, found, strict=True)
            known = [{**declined(adapter, *task, mode), **answers} for task, answers in pairs]
            return [
                {quantity: outcome[quantity] for quantity in call.quantities}
                for (_, call), outcome in zip(tasks, known, strict=True)
            ]
    return [run(adapter, implementation, call, mode) for implementation, call in tasks]


def _ready(
    adapter: Adapter, implementation: Implementation, call: Call, quantities: tuple[str, ...]
) -> tuple[Function, Arguments]:
    """The function and its arguments, as arrays."""
    needed = {name for q in quantities if q[:3] in ("jvp", "hvp", "mix") for name in q.split(".")}
    tangents = {name: array for name, array in call.tangents.items() if name in needed}
    arrays = adapter.arrays(implementation, call)
    function = adapter.function(implementation, call, quantities)
    return function, Arguments(arrays, call.upstream, tangents)


def _attempt(
    adapter: Adapter, tasks: Sequence[Task], asked: Sequence[tuple[str, ...]], mode: str
) -> list[Answers] | Raised:
    """The answers of each task, from one call of the framework."""
    ready = [_ready(adapter, *task, own) for task, own in zip(tasks, asked, strict=True)]
    try:
        arguments = [own.each(adapter.tensor) for _, own in ready]
        start = time.perf_counter()
        try:
            found = adapter.compute([function for function, _ in ready], arguments, mode)
        finally:
            adapter.seconds += time.perf_counter() - start
        return [{q: adapter.array(tensor) for q, tensor in own.items()} for own in found]
    except Exception as error:  # noqa: BLE001 - whatever a framework raises is its answer
        return Raised(type(error).__name__, adapter.message(error))
