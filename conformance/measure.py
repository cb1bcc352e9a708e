"""Measuring: an implementation runs a case in a mode, and each of its quantities is a check."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.base import (
    ROWWISE,
    Adapter,
    Answer,
    Array,
    Call,
    Implementation,
    Outcome,
    Unsupported,
)
from conformance import claims, results
from conformance.case import Case
from conformance.judge import Judgement, judge
from reference.bounds import Bounds, bounds
from reference.evaluation import evaluate, prepare
from reference.formats import FORMATS, Format
from reference.problem import Problem
from reference.truth import Truth, decimal

BUCKETS = (67, 259, 1027, 4099)
"""Batch sizes of compiled code: a batch is filled up to the next, since each size is compiled. They
are odd: vectorised code treats what is left over at the end on its own."""
TIMES = 3
"""Positions, at least, of each row in a batch of the modes that are `placed`."""
SHOWN = 12
"""Numbers of an input that a record shows."""


@dataclass(frozen=True)
class Job:
    """One implementation on one case in one mode: what one pytest test judges."""

    implementation: Implementation
    case: Case
    mode: str

    @property
    def id(self) -> str:
        return f"{self.implementation.name}-{self.case.id}-{self.mode}"


class Suite:
    """The cases and one adapter; truths and bounds are computed once, when first needed."""

    def __init__(self, cases: Iterable[Case], adapter: Adapter) -> None:
        self.cases = list(cases)
        self.adapter = adapter
        self.planned: Sequence[Job] = ()
        """The jobs that will be measured: what is compiled together is known in advance."""
        self._calls: dict[tuple[str, str], tuple[Problem, Call]] = {}
        self._ahead: dict[str, Iterator[tuple[tuple[str, str], Outcome]]] = {}
        self._printed: dict[tuple[Any, ...], str] = {}
        self._snippets: dict[tuple[Any, ...], str] = {}
        self._outcomes: dict[tuple[str, str], Outcome] = {}
        self._truths: dict[tuple[str, str], tuple[Problem, dict[str, Truth]]] = {}
        self._bounds: dict[tuple[str, str, bool], dict[str, Bounds]] = {}

    @cached_property
    def jobs(self) -> list[Job]:
        """Every implementation on every case of its operator, in every mode, in file order."""
        return [
            Job(implementation, case, mode)
            for case in self.cases
            for implementation in self.adapter.implementations
            if implementation.operator == case.operator.name
            for mode in self.adapter.modes_of(implementation)
        ]

    def problem(self, case: Case, dtype: str) -> tuple[Problem, dict[str, Truth]]:
        """A case at a dtype, and the truth of each quantity."""
        key = (case.id, dtype)
        if key not in self._truths:
            # What will be asked for is evaluated together: it is cheaper.
            planned = {job.case.id: job.case for job in self.planned} if not self._truths else {}
            cases = {**planned, case.id: case}.values()
            problems = {(c.id, name): self._call(c, name)[0] for c in cases for name in c.dtypes}
            prepare(problems.values())
            self._truths |= {k: (problem, evaluate(problem)) for k, problem in problems.items()}
        return self._truths[key]

    def _call(self, case: Case, dtype: str) -> tuple[Problem, Call]:
        key = (case.id, dtype)
        if key not in self._calls:
            problem = case.problem(FORMATS[dtype])
            self._calls[key] = problem, as_call(case, problem)
        return self._calls[key]

    def bounds(self, case: Case, dtype: str, flush: bool) -> dict[str, Bounds]:
        """The bounds of each quantity; `flush`: subnormals may come back as zeros."""
        key = (case.id, dtype, flush)
        if key not in self._bounds:
            self._bounds[key] = bounds(self.problem(case, dtype)[0], flush=flush)
        return self._bounds[key]

    def measure(self, job: Job) -> Iterator[results.Check]:
        """The checks of a job, for all dtypes of its case."""
        self._snippets.clear()
        for dtype in job.case.dtypes:
            _, truths = self.problem(job.case, dtype)
            _, call = self._call(job.case, dtype)
            outcome = self._outcome(job, dtype)
            # float16 is widened to float32, where its subnormals are normal numbers.
            flush = job.mode in job.implementation.flush and dtype != "float16"
            limits = self.bounds(job.case, dtype, flush)
            index = places(_rows(call)) if job.mode in self.adapter.placed else None
            for quantity in call.quantities:
                answer, truth, limit = outcome[quantity], truths[quantity], limits[quantity]
                wanted = truth, limit
                if index is not None and not isinstance(answer, Unsupported):
                    wanted = truth.taken(index), limit.taken(index)
                judgement = judge(answer, *wanted, dtype, flush)
                measured = _Measured(job, call, quantity, answer, judgement, index)
                yield self._check(measured, truth, limit)

    def _outcome(self, job: Job, dtype: str) -> Outcome:
        """What the framework answers, with as many rows as are judged."""
        if job.mode in self.adapter.joined and job.id in self._planned:
            outcome = self._run_ahead(job, dtype)
        else:
            outcome = self.adapter.run(job.implementation, self._asked(job, dtype), job.mode)
        _, call = self._call(job.case, dtype)
        if job.mode in self.adapter.placed:
            shared = Unsupported("all rows share it, which has no position in the batch")
            return {q: outcome.get(q, shared) for q in call.quantities}
        rows = _rows(call)
        if self._asked(job, dtype) is call:
            return outcome
        return {q: a[:rows] if isinstance(a, np.ndarray) else a for q, a in outcome.items()}

    def _asked(self, job: Job, dtype: str) -> Call:
        _, call = self._call(job.case, dtype)
        if job.mode in self.adapter.placed and _free(call):
            own = tuple(q for q in call.quantities if _by_row(q, call))
            return replace(_taken(call, places(_rows(call))), quantities=own)
        return _filled(call) if job.mode in self.adapter.bucketed else call

    @cached_property
    def _planned(self) -> frozenset[str]:
        return frozenset(job.id for job in self.planned)

    def _run_ahead(self, job: Job, dtype: str) -> Outcome:
        """The outcome of a planned job: it comes with those of others that share its program."""
        if job.mode not in self._ahead:
            self._ahead[job.mode] = self._all(job.mode)
        while (job.id, dtype) not in self._outcomes:
            key, outcome = next(self._ahead[job.mode])
            self._outcomes[key] = outcome
        return self._outcomes.pop((job.id, dtype))

    def _all(self, mode: str) -> Iterator[tuple[tuple[str, str], Outcome]]:
        keys = [(job, d) for job in self.planned if job.mode == mode for d in job.case.dtypes]
        tasks = [(job.implementation, self._asked(job, dtype)) for job, dtype in keys]
        for position, outcome in self.adapter.run_all(tasks, mode):
            job, dtype = keys[position]
            yield (job.id, dtype), outcome

    def _check(self, measured: _Measured, truth: Truth, limits: Bounds) -> results.Check:
        job, call, judgement = measured.job, measured.call, measured.judgement
        row = measured.row
        facts: dict[str, Any] = {}
        place, home = judgement.worst, measured.home
        if place is not None and home is not None:
            assert isinstance(measured.answer, np.ndarray)
            got = float(measured.answer.astype(np.float64)[place])
            facts = {
                "index": list(place),
                "got": repr(got),
                "got_hex": got.hex(),
                "truth": self._digits(measured, truth, home),
                "truth_hex": float(truth.hi[home]).hex(),
                "ulps": _number(judgement.ulps[place]),
                "over_bound": _number(judgement.over_bound[place]),
                "bound": results.Bound(
                    strict=_number(limits.strict[home]), baseline=_number(limits.baseline[home])
                ),
            }
        alone = call if row is None else _only(call, row)
        return results.Check(
            operator=call.operator,
            implementation=job.implementation.name,
            case=job.case.id,
            dtype=call.dtype,
            mode=job.mode,
            quantity=measured.quantity,
            verdict=judgement.verdict,
            counts=judgement.counts,
            outputs=int(judgement.codes.size),
            row=None if row is None else job.case.rows[row],
            inputs={name: _shown(array) for name, array in alone.inputs.items()},
            message=judgement.message,
            snippet=self._snippet(measured, alone),
            **facts,
        )

    def _digits(self, measured: _Measured, truth: Truth, place: tuple[int, ...]) -> str:
        key = (measured.job.case.id, measured.call.dtype, measured.quantity, place)
        if key not in self._printed:
            self._printed[key] = _digits(truth, place)
        return self._printed[key]

    def _snippet(self, measured: _Measured, alone: Call) -> str:
        """The program that reproduces a row; the quantities of a job often share their worst."""
        job, verdict = measured.job, measured.judgement.verdict
        if verdict == "unsupported":
            return ""
        # Where a position in the batch matters, the row has to be in many of them.
        many = measured.index is not None and verdict in results.FAILING
        key = (alone.dtype, measured.row, many)
        if key not in self._snippets:
            call = _repeated(alone) if many else alone
            self._snippets[key] = self.adapter.snippet(job.implementation, call, job.mode)
        return self._snippets[key]

    def records(self) -> Iterator[results.AnyRecord]:
        """What a results file says of implementations, what they call and run, and of cases."""
        for i in self.adapter.implementations:
            yield results.Implementation(
                name=i.name,
                operator=i.operator,
                code=i.code,
                modes=list(self.adapter.modes_of(i)),
                documentation=i.documentation,
                control=i.control,
            )
        for function, arguments in self.adapter.signatures().items():
            yield results.Signature(function=function, arguments=arguments)
        yield from self._expressions()
        for case in self.cases:
            yield results.Case(
                case=case.id,
                operator=case.operator.name,
                parameters=case.set,
                options=case.options,
                reduction=case.text.reduction,
                source=case.text.source,
                why=case.text.why,
                theme=case.theme,
                file=f"{case.file.parent.name}/{case.file.name}:{case.line}",
                rows=len(case.rows),
                claims=[_claim(verdict) for verdict in claims.judge(case)],
            )

    def _expressions(self) -> Iterator[results.Expression]:
        """What runs in the planned jobs, once for all cases with the same options."""
        known: set[tuple[str, ...]] = set()
        for job in self.planned:
            own, case = job.implementation, job.case
            key = (own.name, *case.options, case.text.reduction)
            for dtype in case.dtypes if key not in known else ():
                _, call = self._call(case, dtype)
                if not self.adapter.unsupported(own, call, job.mode):
                    known.add(key)
                    yield results.Expression(
                        implementation=own.name,
                        options=case.options,
                        reduction=case.text.reduction,
                        code=self.adapter.expression(own, call),
                    )
                    break

    def header(self, selection: str) -> results.Header:
        """The header of a results file."""
        return results.Header(
            framework=self.adapter.framework,
            versions={k: str(v) for k, v in self.adapter.versions().items()},
            machine=results.machine(),
            flags={k: str(v) for k, v in self.adapter.flags().items()},
            cases=digest(sorted({case.file for case in self.cases})),
            reference=digest(sorted(Path(__file__).parent.parent.glob("reference/**/*.py"))),
            selection=selection,
        )


@dataclass(frozen=True)
class _Measured:
    job: Job
    call: Call
    quantity: str
    answer: Answer
    judgement: Judgement
    index: NDArray[np.intp] | None
    """The rows of the case in the larger batch that was run, if it was."""

    @property
    def home(self) -> tuple[int, ...] | None:
        """The place of the worst output among those of the case."""
        worst = self.judgement.worst
        if self.index is None or not worst:
            return worst
        return int(self.index[worst[0]]), *worst[1:]

    @property
    def row(self) -> int | None:
        """The row of the worst output (the first row without one); None for a reduced value."""
        if self.home:
            return self.job.case.row_of(self.quantity, self.home)
        reduced = self.call.reduction != "none"
        return None if reduced or self.judgement.worst is not None else 0


def as_call(case: Case, problem: Problem) -> Call:
    """The problem as a framework sees it: arrays of the dtype, and no truth."""
    format = problem.format
    known = {i.name for i in case.operator.inputs}
    arrays = {name: _typed(array, format) for name, array in problem.inputs.items()}
    inputs = {name: array for name, array in arrays.items() if name in known}
    # What not every implementation takes is a parameter to a framework.
    parameters = {name: array for name, array in arrays.items() if name not in known}
    parameters |= {k: _typed(v, format) for k, v in problem.parameters.items()}
    if case.axis != -1 or len(case.batch) > 1:
        parameters["axis"] = problem.axis
    return Call(
        problem.operator,
        format.name,
        inputs,
        parameters,
        problem.reduction,
        format.array(problem.upstream),
        case.quantities,
        {name: format.array(array) for name, array in problem.tangents.items()},
    )


def _typed(value: Any, format: Format) -> Any:
    """An array of numbers at the dtype; flags, indices and plain numbers as they are."""
    if not isinstance(value, np.ndarray) or value.dtype in (np.int64, np.bool_):
        return value
    return format.array(value.astype(np.float64))


def digest(files: Iterable[Path]) -> str:
    """SHA-256 of files, by name and content."""
    sha = hashlib.sha256()
    for file in files:
        sha.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return sha.hexdigest()


def _rows(call: Call) -> int:
    return len(next(iter(call.inputs.values())))


def _taken(call: Call, rows: Any) -> Call:
    """Some rows of a call, perhaps several times."""
    own = {k: v[rows] if k in ROWWISE else v for k, v in call.parameters.items()}
    return replace(
        call,
        inputs={name: array[rows] for name, array in call.inputs.items()},
        parameters=own,
        upstream=call.upstream[rows],
        tangents={
            name: array[rows] if name in call.inputs or name in ROWWISE else array
            for name, array in call.tangents.items()
        },
    )


def _free(call: Call) -> bool:
    """Whether the rows of a call can be taken one by one."""
    return call.reduction == "none" and "axis" not in call.parameters


def _by_row(quantity: str, call: Call) -> bool:
    """Whether every row has its own part of a quantity."""
    kind, *names = quantity.split(".")
    return kind == "value" or all(name in call.inputs or name in ROWWISE for name in names)


def places(rows: int) -> NDArray[np.intp]:
    """Rows of a larger batch: each is at several positions, some behind the last whole vector."""
    if not rows:
        return np.arange(0)
    size = _bucket(TIMES * rows)
    order = [np.roll(np.arange(rows), -7 * n) for n in range(-(-size // rows))]
    return np.concatenate(order)[:size]


def _bucket(rows: int) -> int:
    """The batch size for so many rows."""
    return next((size for size in BUCKETS if size >= rows), rows | 1)


def _filled(call: Call) -> Call:
    """The call with its batch filled up to a bucket by repeating rows, where that is harmless."""
    rows = _rows(call)
    size = _bucket(rows)
    free = _free(call) and all(_by_row(quantity, call) for quantity in call.quantities)
    if not free or size == rows or rows == 0:
        return call
    return _taken(call, np.resize(np.arange(rows), size))


def _only(call: Call, row: int) -> Call:
    return _taken(call, slice(row, row + 1)) if _free(call) else call


def _repeated(call: Call) -> Call:
    whole = not _free(call) or not _rows(call)
    return call if whole else _taken(call, np.zeros(BUCKETS[0], dtype=np.intp))


def _shown(array: Array) -> str:
    numbers = array.reshape(-1)
    shown = ", ".join(repr(n) for n in numbers[:SHOWN].astype(object).tolist())
    more = f", ... ({numbers.size} numbers)" if numbers.size > SHOWN else ""
    return f"{shown}{more}"


def _digits(truth: Truth, place: tuple[int, ...]) -> str:
    if truth.lower is not None and truth.upper is not None and not np.isnan(truth.lower[place]):
        ends = (decimal(Fraction(float(end[place])), 30) for end in (truth.lower, truth.upper))
        return "any of [{}, {}]".format(*ends)
    return truth.digits(place) + (" or nan" if truth.nan[place] else "")


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


def _claim(verdict: claims.ClaimVerdict) -> results.Claim:
    claim = verdict.claim
    return results.Claim(
        says=claim.says,
        row=claim.row,
        check=claim.check,
        holds=claim.holds,
        instead=claim.instead,
        verdict="holds" if verdict.holds else "does not hold",
        as_documented=verdict.as_documented,
        true=verdict.truth,
    )
