"""Questions that people ask when they port a loss, answered by calls that were measured.

`porting/questions.yaml` is a list of `Question`s; see the class for its keys. An answer is proven
if its calls pass every check of the signature; where a finding limits one of them, the question
says so itself, and must say no more than what is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import msgspec

from conformance import yaml_lines
from conformance.errors import UserError
from conformance.report.porting.guide import Call, Guide, Signature
from reference.operators import OPERATORS
from reference.reduction import REDUCTIONS, SAMPLE_WEIGHTS

Text = Annotated[str, msgspec.Meta(min_length=1)]
Source = Annotated[str, msgspec.Meta(pattern=r"^([\w.-]+/[\w.-]+#\d+|https?://\S+)$")]
COMMON = (SAMPLE_WEIGHTS, "mask", "axis")
"""Options that belong to no operator."""


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"known": "from"}):
    """One question.

    id: unique. question: as people ask it. operator, options, reduction: the signature of all
    calls. known (`from`): framework -> the implementations that the asker has; to: framework ->
    those that answer, the recommended first. limits: the findings of the checks that they fail.
    explanation: what differs, in a few sentences. sources: where it was asked or documented.
    """

    id: Annotated[str, msgspec.Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]
    question: Text
    operator: Text
    known: Annotated[dict[str, list[Text]], msgspec.Meta(min_length=1)]
    to: Annotated[dict[str, list[Text]], msgspec.Meta(min_length=1)]
    explanation: Text
    sources: Annotated[list[Source], msgspec.Meta(min_length=1)]
    options: list[Text] = []
    reduction: str = "none"
    limits: list[Text] = []

    @property
    def signature(self) -> Signature:
        return Signature(self.operator, tuple(sorted(self.options)), self.reduction)

    @property
    def named(self) -> list[tuple[str, str]]:
        """Every framework and implementation that it names."""
        both = [*self.known.items(), *self.to.items()]
        return [(framework, name) for framework, names in both for name in names]


@dataclass(frozen=True)
class Answer:
    """A question with its calls.

    known, to: those named. others: the best proven call of each framework that it does not name.
    absent: frameworks that it names and that were not run. problems: why it is not proven.
    """

    question: Question
    line: int
    known: Sequence[Call]
    to: Sequence[Call]
    others: Sequence[Call]
    absent: Sequence[str]
    problems: Sequence[str]

    @property
    def calls(self) -> list[Call]:
        return [*self.known, *self.to]


def load(file: Path) -> list[tuple[Question, int]]:
    """Read the questions, with their lines.

    Raises `UserError` with the line for whatever is not a complete, well-formed question.
    """
    document = yaml_lines.load(file)
    found = [] if document.value is None else document.convert(list[Question])
    first: dict[str, int] = {}
    for number, question in enumerate(found):
        line = document.line(number, "id")
        if first.setdefault(question.id, line) != line:
            problem = f"id {question.id} is taken (line {first[question.id]})"
            raise document.error((number, "id"), problem, "choose another")
        for key, problem, known in _unknown(question):
            remedy = f"the known ones are {', '.join(known)}"
            raise document.error((number, key), f"{question.id}: {problem}", remedy)
    return [(q, document.line(n, "id")) for n, q in enumerate(found)]


def _unknown(question: Question) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Key, problem, and what is known instead."""
    operator = OPERATORS.get(question.operator)
    if operator is None:
        yield "operator", f"there is no operator {question.operator}", list(OPERATORS)
        return
    if question.reduction not in REDUCTIONS:
        yield "reduction", f"there is no reduction {question.reduction}", REDUCTIONS
    options = [*operator.parameters, *COMMON]
    for option in question.options:
        if option.partition("=")[0] not in options:
            yield "options", f"{question.operator} has no option {option}", options


def answers(file: Path, guide: Guide) -> list[Answer]:
    """Every question with the calls that answer it. Raises UserError: see `load`."""
    return [_answer(question, line, guide) for question, line in load(file)]


def problems(file: Path, found: Sequence[Answer]) -> list[UserError]:
    """Why questions are not answered, each with its line."""
    remedy = "measure a call that passes, or correct the question"
    return [
        UserError(file, answer.line, f"{answer.question.id}: {problem}", remedy)
        for answer in found
        for problem in answer.problems
    ]


def _answer(question: Question, line: int, guide: Guide) -> Answer:
    signature = question.signature
    run = [r.framework for r in guide.report.runs]

    def calls(names: dict[str, list[str]]) -> list[Call]:
        every = [guide.find(signature, f, name) for f, own in names.items() for name in own]
        return [call for call in every if call is not None]

    named = {framework for framework, _ in question.named}
    own = Answer(
        question,
        line,
        calls(question.known),
        calls(question.to),
        [
            by[0]
            for framework, by in guide.calls.get(signature, {}).items()
            if framework not in named and by[0].tier == "proven"
        ],
        sorted(named - set(run)),
        [],
    )
    return replace(own, problems=list(_problems(own, guide)))


def _problems(answer: Answer, guide: Guide) -> Iterator[str]:
    question, limits = answer.question, set[str]()
    whole = {r.framework for r in guide.report.runs if r.header.selection == "all"}
    for framework, name in question.named:
        call = guide.find(question.signature, framework, name)
        if call is None and framework in whole:
            yield f"{name} of {framework} is not measured with {question.signature.title}"
        elif call is not None:
            limits |= set(call.failures) & set(question.limits)
            for finding, (cases, _) in call.failures.items():
                if finding not in question.limits:
                    why = f"finding {finding}, not in its limits" if finding else "no finding"
                    yield f"{name} of {framework} fails {', '.join(cases)} ({why})"
    if {framework for framework, _ in question.named} <= whole:
        for finding in question.limits:
            if finding not in limits:
                yield f"finding {finding} limits none of its calls any more"
