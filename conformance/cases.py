"""The cases of a folder: read from YAML, and checked; every error names the line and the remedy."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from conformance import claims, numbers, yaml_lines
from conformance.case import MEASURES, Case, CaseText, ClaimText, FileText
from conformance.errors import UserError
from conformance.numbers import Number, NumberError
from conformance.yaml_lines import Document
from reference.formats import FORMATS
from reference.operator import Input, Operator
from reference.operators import OPERATORS
from reference.reduction import REDUCTIONS, SAMPLE_WEIGHTS

INTEGERS = ("ignore_index",)
MASK = "mask"
MATRICES = {"weights": 2}
"""The array parameters that have more than one axis."""
NEEDS = {
    "weighted_mean": "ignore_index or class weights",
    "kept_mean": "ignore_index",
    "sample_weighted_mean": SAMPLE_WEIGHTS,
    "nonzero_mean": SAMPLE_WEIGHTS,
}
"""What a mean divides by, where there may be none."""
CLAIMED = ("none", "sum", "mean", "weighted_mean")
"""The reductions of which claims can speak."""
ID = re.compile(r"[a-z0-9][a-z0-9.-]*")
Path_ = tuple[str | int, ...]


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
        mask = columns.pop(MASK, None)
        samples = {k: columns.pop(k) for k in (SAMPLE_WEIGHTS,) if k in columns}
        wide = operator.output == "elementwise" and any(len(c[0]) > 1 for c in columns.values())
        if wide:
            size = max(len(row) for column in columns.values() for row in column)
            columns = {k: [r * size if len(r) == 1 else r for r in c] for k, c in columns.items()}
            samples = {k: [r * size if len(r) == 1 else r for r in c] for k, c in samples.items()}
        self._check_lengths(operator, names, columns, upstream)
        parameters = {k: self._parameter(k, v, operator) for k, v in text.parameters.items()}
        if mask is not None:
            parameters[MASK] = mask
        self._check_arrays(operator, columns, parameters)
        self._check_labels(operator, names, columns, parameters)
        batch, axis = self._shape(operator, names)
        self._check_measure(operator, {*parameters, *samples})
        self._check_reduction(operator, samples)
        scope = claims.Scope([*columns, *text.parameters], operator.differentiable, names)
        if text.claims and (samples or mask or text.batch or text.reduction not in CLAIMED):
            problem = "claims are about cases without sample weights, masks and other means"
            raise self.error(("claims",), problem, "remove them, or make a plain case")
        for i, claim in enumerate(text.claims):
            self._check_claim(("claims", i), claim, scope)
        return Case(
            text,
            theme,
            self.document.file,
            self.document.line(*self.place),
            operator,
            tuple(names),
            {**columns, **samples},
            wide,
            parameters,
            upstream,
            self._tangents(columns),
            batch,
            axis,
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
        operator = OPERATORS[text.operator]
        for name in text.parameters:
            self._known(("parameters", name), name, operator.parameters, "parameter")

    def _check_reduction(self, operator: Operator, samples: Mapping[str, Any]) -> None:
        reduction = self.text.reduction
        none = operator.weight is None if NEEDS.get(reduction) != SAMPLE_WEIGHTS else not samples
        if reduction in NEEDS and none:
            problem = f"there are no weights here: `{reduction}` is for {NEEDS[reduction]}"
            raise self.error(("reduction",), problem, "use `mean`")

    def _check_measure(self, operator: Operator, given: Iterable[str]) -> None:
        """Words stand for all inputs; what rows share is measured when it is named."""
        names = operator.differentiable
        words = [m for m in MEASURES if m != "mixed" or len(names) > 1]
        shared = [n for n in given if n in (*operator.arrays, SAMPLE_WEIGHTS)]
        known = [*words, *(f"gradient.{n}" for n in (*names, *shared))]
        known += [f"{word}.{n}" for word in ("jvp", "hvp") for n in names]
        known += [f"mixed.{a}.{b}" for a in names for b in names if a != b]
        self._check_list("measure", self.text.measure, known, "quantity to measure here")

    def _shape(self, operator: Operator, names: Sequence[str]) -> tuple[tuple[int, ...], int]:
        """The shape of the batch, and the axis of the classes."""
        given = tuple(self._integer(("batch", i), n) for i, n in enumerate(self.text.batch))
        batch, axis = given or (len(names),), self._integer(("axis",), self.text.axis)
        if math.prod(batch) != len(names) or min(batch) < 1:
            problem = f"a batch of shape {list(batch)} does not hold {len(names)} rows"
            raise self.error(("batch",), problem, "give as many rows as it has places")
        rank = len(batch) + 1
        if operator.output == "elementwise" and axis != -1:
            raise self.error(("axis",), "an elementwise operator has no classes", "remove it")
        if not -rank <= axis < rank:
            raise self.error(("axis",), f"there is no axis {axis} of {rank}", "use -1 for the last")
        return batch, axis

    def _tangents(self, columns: Mapping[str, Any]) -> dict[str, list[Number]]:
        floats = [k for k, v in columns.items() if isinstance(v[0], list)]
        found = {}
        for name, spec in self.text.tangents.items():
            self._known(("tangents", name), name, floats, "input with a derivative")
            found[name] = self._vector(("tangents", name), spec)
            size = len(columns[name][0])
            if len(found[name]) != size:
                problem = f"{len(found[name])} numbers for rows of {size}"
                raise self.error(("tangents", name), problem, f"give {size}")
        return found

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
        used = {key for entries in (shared, *rows.values()) for key in entries}
        extra = [name for name in (SAMPLE_WEIGHTS, MASK) if name in used]
        columns: dict[str, list[Any]] = {
            name: [] for name in (*(i.name for i in operator.inputs), *extra)
        }
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
        if name == MASK and MASK in operator.parameters:
            return self._mask(path, spec)
        inputs[SAMPLE_WEIGHTS] = Input(SAMPLE_WEIGHTS, "scalar")
        self._known(path, name, inputs, "input")
        input_ = inputs[name]
        if input_.kind == "index":
            return self._integer(path, spec)
        if input_.kind == "vector" and not isinstance(spec, list | dict):
            raise self.error(path, f"`{name}` is a row of classes", "write a list, [..]")
        return self._vector(path, spec)

    def _vector(self, path: Path_, spec: Any) -> list[Number]:
        if isinstance(spec, list | dict):
            return list(self._numbers(path, numbers.vector, spec))
        return [self._numbers(path, numbers.number, spec)]

    def _mask(self, path: Path_, spec: Any) -> list[bool]:
        if not isinstance(spec, list) or not all(isinstance(flag, bool) for flag in spec):
            raise self.error(path, "a mask is a row of booleans", "write [true, false, ..]")
        return spec

    def _integer(self, path: Path_, spec: Any) -> int:
        try:
            if isinstance(spec, bool):
                raise TypeError
            return int(spec)
        except (TypeError, ValueError):
            raise self.error(path, f"`{spec}` is not an integer", "write a whole number") from None

    def _parameter(self, name: str, spec: Any, operator: Operator) -> Any:
        path: Path_ = ("parameters", name)
        if name in INTEGERS:
            return self._integer(path, spec)
        if name in operator.words:
            self._known(path, spec, operator.words[name], f"{name} of {operator.name}")
            return spec
        if name not in operator.arrays:
            return self._numbers(path, numbers.number, spec)
        if name not in MATRICES:
            return list(self._numbers(path, numbers.vector, spec))
        if not isinstance(spec, list):
            raise self.error(path, f"`{name}` is a matrix", "write a list of rows, [[..], ..]")
        return [list(self._numbers((*path, i), numbers.vector, row)) for i, row in enumerate(spec)]

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
        width = 1 if operator.output == "scalar" else size
        for row, entry in zip(names, upstream or [], strict=False):
            if len(entry) != width:
                problem = f"`upstream` of row `{row}` has {len(entry)} numbers, its output {width}"
                raise self.error(("rows", row, "upstream"), problem, f"give {width}")

    def _check_arrays(
        self, operator: Operator, columns: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> None:
        """Arrays have a number for each class (for each element, or one, of an elementwise one)."""
        size, classes = _width(columns), _classes(columns, parameters)
        for name in (*operator.arrays, MASK):
            for row in parameters.get(name, []) if name in (*MATRICES, MASK) else []:
                width = size if name in MATRICES else classes
                if len(row) != width:
                    place = ("parameters", name) if name in MATRICES else ("rows",)
                    problem = f"a row of `{name}` has {len(row)} entries, not {width}"
                    raise self.error(place, problem, f"give {width}")
            if name in parameters and name not in (*MATRICES, MASK):
                allowed = (1, classes) if operator.output == "elementwise" else (classes,)
                if len(parameters[name]) not in allowed:
                    problem = f"`{name}` has {len(parameters[name])} numbers for {classes} classes"
                    raise self.error(("parameters", name), problem, "give one for each class")

    def _check_labels(
        self,
        operator: Operator,
        names: list[str],
        columns: Mapping[str, list[Any]],
        parameters: Mapping[str, Any],
    ) -> None:
        """Class indices are classes, or the index that is ignored."""
        classes = _classes(columns, parameters)
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


def _width(columns: Mapping[str, Any]) -> int:
    """The length of the rows of numbers."""
    return max((len(c[0]) for c in columns.values() if isinstance(c[0], list)), default=0)


def _classes(columns: Mapping[str, Any], parameters: Mapping[str, Any]) -> int:
    """How many classes there are: those of the matrix that makes logits, or of the rows."""
    matrix = next((parameters[name] for name in MATRICES if name in parameters), None)
    return _width(columns) if matrix is None else len(matrix)
