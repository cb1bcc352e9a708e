"""The cases: read from YAML, checked, and turned into problems at a number format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from conformance import claims, numbers, yaml_lines
from conformance.errors import UserError
from conformance.numbers import Number, NumberError, rounded
from conformance.yaml_lines import Document
from reference.formats import FORMATS, Format
from reference.operator import Input, Operator
from reference.operators import OPERATORS
from reference.problem import REDUCTIONS, Problem

MEASURES = ("value", "gradient")
INTEGERS = ("ignore_index",)
VECTORS = ("class_weights",)
UPSTREAM = ("1", "-1/2", "2", "-1/4")
"""The default cotangent of a row of outputs: this cycle, exact in every format."""
ID = re.compile(r"[a-z0-9][a-z0-9.-]*")
Path_ = tuple[str | int, ...]


class ClaimText(msgspec.Struct, forbid_unknown_fields=True):
    """What a source says, as an expression that the reference can check."""

    says: str
    check: str
    holds: bool
    row: str | None = None
    dtype: str | None = None
    instead: str | None = None


class CaseText(msgspec.Struct, forbid_unknown_fields=True):
    """A case as it is written; see README.md, "Writing a case"."""

    id: str
    operator: str
    source: str
    why: str
    rows: dict[str, dict[str, Any]] = {}
    inputs: dict[str, Any] = {}
    sweep: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    reduction: str = "none"
    dtypes: tuple[str, ...] = tuple(FORMATS)
    measure: tuple[str, ...] = MEASURES
    claims: list[ClaimText] = []


class FileText(msgspec.Struct, forbid_unknown_fields=True):
    """A file of cases."""

    theme: str
    cases: list[CaseText]


@dataclass(frozen=True)
class Case:
    """One call, with its inputs as exact numbers.

    columns: input -> one list of numbers a row (of length 1 for scalars), or one class index.
    wide: whether the rows of an elementwise operator are vectors.
    upstream: one list of numbers for each row, or None for the default.
    """

    text: CaseText
    theme: str
    file: Path
    line: int
    operator: Operator
    rows: tuple[str, ...]
    columns: Mapping[str, list[Any]]
    wide: bool
    parameters: Mapping[str, Any]
    upstream: list[list[Number]] | None

    @property
    def id(self) -> str:
        return self.text.id

    @property
    def dtypes(self) -> tuple[str, ...]:
        return self.text.dtypes

    @property
    def wrt(self) -> tuple[str, ...]:
        """The inputs whose gradient is measured."""
        return self.operator.differentiable if "gradient" in self.text.measure else ()

    def problem(self, format: Format) -> Problem:
        """The case with every number rounded to the format."""
        inputs: dict[str, Any] = {}
        for input_ in self.operator.inputs:
            column = self.columns[input_.name]
            if input_.kind == "index":
                inputs[input_.name] = np.array(column, dtype=np.int64)
                continue
            array = np.array([[rounded(n(format), format) for n in row] for row in column])
            inputs[input_.name] = array if self.wide or input_.kind == "vector" else array[:, 0]
        parameters = {k: _parameter(k, v, format) for k, v in self.parameters.items()}
        reduction, upstream = self.text.reduction, self._upstream(format, inputs)
        return Problem(self.operator.name, format, inputs, parameters, reduction, upstream)

    def _upstream(self, format: Format, inputs: Mapping[str, Any]) -> np.ndarray:
        if self.text.reduction != "none":
            return np.array(1.0)
        lead = inputs[self.operator.differentiable[0]]
        shape = lead.shape[:1] if self.operator.output == "scalar" else lead.shape
        if self.upstream is not None:
            given = [[rounded(n(format), format) for n in row] for row in self.upstream]
            return np.array(given).reshape(shape)
        if self.operator.output != "vector":
            return np.ones(shape)
        cycle = [float(numbers.number(text)(format)) for text in UPSTREAM]
        return np.resize(np.array(cycle), shape[-1:])[None, :].repeat(shape[0], axis=0)


def load(folder: Path) -> list[Case]:
    """All cases of a folder, in the order of files and lines.

    Raises UserError with file and line for the first thing that is wrong.
    """
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise UserError(folder, "", "has no case files", "add a .yaml file")
    cases = [case for file in files for case in load_file(file)]
    seen: dict[str, Case] = {}
    for case in cases:
        other = seen.setdefault(case.id, case)
        if other is not case:
            where = f"{other.file}:{other.line}"
            raise UserError(
                case.file, case.line, f"id `{case.id}` is also in {where}", "rename one"
            )
    return cases


def load_file(file: Path) -> list[Case]:
    """The cases of one file. Raises UserError."""
    document = yaml_lines.load(file, _scalar)
    content = document.convert(FileText)
    if not content.cases:
        raise document.error(("cases",), "there is no case", "add one, or remove the file")
    return [
        _Reader(document, ("cases", i), text).case(content.theme)
        for i, text in enumerate(content.cases)
    ]


def _scalar(text: str) -> Any:
    """Plain scalars stay text, to be read exactly; booleans and null are themselves."""
    return {"true": True, "false": False, "null": None}.get(text, text)


def _parameter(name: str, value: Any, format: Format) -> Any:
    if name in VECTORS:
        return np.array([rounded(n(format), format) for n in value])
    return value if name in INTEGERS else rounded(value(format), format)


class _Reader:
    """Checks one case and resolves its numbers; every error names the line and the remedy."""

    def __init__(self, document: Document, place: Path_, text: CaseText) -> None:
        self.document, self.place, self.text = document, place, text

    def error(self, path: Path_, problem: str, remedy: str) -> UserError:
        return self.document.error(
            (*self.place, *path), f"case `{self.text.id}`: {problem}", remedy
        )

    def case(self, theme: str) -> Case:
        text = self.text
        self._check_words()
        operator = OPERATORS[text.operator]
        names, columns, upstream = self._table(operator)
        wide = operator.output == "elementwise" and any(len(c[0]) > 1 for c in columns.values())
        if wide:
            size = max(len(row) for column in columns.values() for row in column)
            columns = {k: [r * size if len(r) == 1 else r for r in c] for k, c in columns.items()}
        self._check_lengths(operator, names, columns, upstream)
        self._check_labels(operator, names, columns)
        scope = claims.Scope([*columns, *text.parameters], operator.differentiable, names)
        for i, claim in enumerate(text.claims):
            self._check_claim(("claims", i), claim, scope)
        return Case(
            text,
            theme,
            self.document.file,
            self.document.line(*self.place),
            operator,
            tuple(names),
            columns,
            wide,
            {k: self._parameter(k, v) for k, v in text.parameters.items()},
            upstream,
        )

    def _check_words(self) -> None:
        text = self.text
        for key in ("source", "why", "id"):
            if not getattr(text, key).strip():
                raise self.error((key,), f"`{key}` is empty", f"say the {key}")
        self._known(("operator",), text.operator, OPERATORS, "operator")
        self._known(("reduction",), text.reduction, REDUCTIONS, "reduction")
        if not ID.fullmatch(text.id):
            raise self.error(("id",), f"`{text.id}` is no id", "use a-z, 0-9, `-` and `.`")
        self._check_list("dtypes", text.dtypes, FORMATS, "dtype")
        self._check_list("measure", text.measure, MEASURES, "quantity to measure")
        operator = OPERATORS[text.operator]
        for name in text.parameters:
            self._known(("parameters", name), name, operator.parameters, "parameter")
        if text.reduction == "weighted_mean" and operator.weight is None:
            raise self.error(("reduction",), "there are no weights here", "use `mean`")

    def _check_list(self, key: str, names: Sequence[str], known: Iterable[str], what: str) -> None:
        for i, name in enumerate(names):
            self._known((key, i), name, known, what)
        if len(set(names)) != len(names) or not names:
            raise self.error((key,), f"`{key}` is empty or names one twice", "name each once")

    def _known(self, path: Path_, name: Any, known: Iterable[str], what: str) -> None:
        if name not in known:
            options = ", ".join(known) or "none"
            raise self.error(path, f"`{name}` is no {what}", f"the known ones are {options}")

    def _table(
        self, operator: Operator
    ) -> tuple[list[str], dict[str, list[Any]], list[list[Number]] | None]:
        """Row names, columns, and the rows' cotangents if they are given."""
        text = self.text
        shared = {k: self._input(("inputs", k), k, v, operator) for k, v in text.inputs.items()}
        rows: dict[str, dict[str, Any]] = {
            row: {k: self._entry(row, k, v, operator) for k, v in entries.items()}
            for row, entries in text.rows.items()
        }
        for label, entry in self._sweeps(operator):
            if label in rows:
                raise self.error(("sweep",), f"there are two rows `{label}`", "rename one")
            rows[label] = entry
        if not rows:
            raise self.error((), "the table has no rows", "add `rows` or a `sweep`")
        columns: dict[str, list[Any]] = {i.name: [] for i in operator.inputs}
        for row, entries in rows.items():
            for name, column in columns.items():
                value = entries.get(name, shared.get(name))
                if value is None:
                    path: Path_ = ("rows", row) if row in text.rows else ("sweep",)
                    raise self.error(
                        path, f"row `{row}` has no `{name}`", "give it here or in `inputs`"
                    )
                column.append(value)
        given = [entries["upstream"] for entries in rows.values() if "upstream" in entries]
        if given and len(given) != len(rows):
            raise self.error(
                ("rows",), "some rows have no `upstream`", "give it in all rows or none"
            )
        return list(rows), columns, given or None

    def _sweeps(self, operator: Operator) -> Iterator[tuple[str, dict[str, Any]]]:
        scalars = [i.name for i in operator.inputs if i.kind == "scalar"]
        for name, spec in self.text.sweep.items():
            self._known(("sweep", name), name, scalars, "input of single numbers")
            for k, n in enumerate(self._numbers(("sweep", name), numbers.sweep, spec)):
                label = f"{name}={spec[k]}" if isinstance(spec, list) else f"{name}[{k}]"
                yield label, {name: [n]}

    def _entry(self, row: str, name: str, spec: Any, operator: Operator) -> Any:
        path: Path_ = ("rows", row, name)
        if name != "upstream":
            return self._input(path, name, spec, operator)
        if self.text.reduction != "none":
            raise self.error(path, "a reduced case has no `upstream` of its rows", "remove it")
        return self._vector(path, spec)

    def _input(self, path: Path_, name: str, spec: Any, operator: Operator) -> Any:
        inputs = {i.name: i for i in operator.inputs}
        self._known(path, name, inputs, "input")
        input_: Input = inputs[name]
        if input_.kind == "index":
            return self._integer(path, spec)
        if input_.kind == "vector" and not isinstance(spec, list | dict):
            raise self.error(path, f"`{name}` is a row of classes", "write a list, [..]")
        return self._vector(path, spec)

    def _vector(self, path: Path_, spec: Any) -> list[Number]:
        if isinstance(spec, list | dict):
            return list(self._numbers(path, numbers.vector, spec))
        return [self._numbers(path, numbers.number, spec)]

    def _integer(self, path: Path_, spec: Any) -> int:
        try:
            if isinstance(spec, bool):
                raise TypeError
            return int(spec)
        except (TypeError, ValueError):
            raise self.error(path, f"`{spec}` is not an integer", "write a class index") from None

    def _parameter(self, name: str, spec: Any) -> Any:
        path: Path_ = ("parameters", name)
        if name in INTEGERS:
            return self._integer(path, spec)
        read = numbers.vector if name in VECTORS else numbers.number
        return self._numbers(path, read, spec)

    def _numbers(self, path: Path_, read: Any, spec: Any) -> Any:
        try:
            return read(spec)
        except (NumberError, ValueError) as error:
            raise self.error(path, f"{'.'.join(map(str, path))}: {error}", "correct it") from None

    def _check_lengths(
        self,
        operator: Operator,
        names: list[str],
        columns: Mapping[str, list[Any]],
        upstream: list[list[Number]] | None,
    ) -> None:
        columns = {k: v for k, v in columns.items() if isinstance(v[0], list)}
        size = len(next(iter(columns.values()))[0])
        for name, column in columns.items():
            for row, entry in zip(names, column, strict=True):
                if len(entry) != size:
                    problem = (
                        f"row `{row}` has {len(entry)} numbers for `{name}`, others have {size}"
                    )
                    raise self.error(("rows", row, name), problem, "make all rows equally long")
        for name in set(VECTORS) & set(self.text.parameters):
            weights = self._parameter(name, self.text.parameters[name])
            if len(weights) != size:
                problem = f"`{name}` has {len(weights)} numbers for {size} classes"
                raise self.error(("parameters", name), problem, "give one for each class")
        width = 1 if operator.output == "scalar" else size
        for row, entry in zip(names, upstream or [], strict=False):
            if len(entry) != width:
                problem = f"`upstream` of row `{row}` has {len(entry)} numbers, its output {width}"
                raise self.error(("rows", row, "upstream"), problem, f"give {width}")

    def _check_labels(
        self, operator: Operator, names: list[str], columns: Mapping[str, list[Any]]
    ) -> None:
        """Class indices are classes, or the index that is ignored."""
        classes = max((len(c[0]) for c in columns.values() if isinstance(c[0], list)), default=0)
        ignored = self.text.parameters.get("ignore_index")
        for name in (i.name for i in operator.inputs if i.kind == "index"):
            for row, index in zip(names, columns[name], strict=True):
                if not 0 <= index < classes and str(index) != ignored:
                    problem = f"{index} of row `{row}` is no class (0 to {classes - 1})"
                    place = ("rows", row, name) if name in self.text.rows[row] else ("inputs", name)
                    raise self.error(place, problem, "correct it, or set `ignore_index`")

    def _check_claim(self, path: Path_, claim: ClaimText, scope: claims.Scope) -> None:
        names = scope.rows or ()
        if claim.row is not None:
            self._known((*path, "row"), claim.row, names, "row of this case")
        if claim.dtype is not None:
            self._known((*path, "dtype"), claim.dtype, FORMATS, "dtype")
        if not claim.holds and claim.instead is None:
            remedy = "give the corrected statement in `instead`"
            raise self.error(path, "a claim that does not hold stands alone", remedy)
        for key in ("check", "instead"):
            expression = getattr(claim, key)
            try:
                if expression is not None:
                    claims.parse(expression, scope)
            except claims.ClaimError as error:
                raise self.error((*path, key), str(error), "correct the expression") from None
