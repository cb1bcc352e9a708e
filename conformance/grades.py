"""Grades: the committed verdict of every check, one line a case, implementation and mode.

`grades/<framework>.txt` is what `python -m conformance record` writes and a person reviews as a
diff; the gate compares a run with it. A line is tab-separated: case, implementation, mode, and for
each quantity one letter a dtype, as in `value=efsb gradient.logits=eeW-`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from adapters.base import DTYPES
from conformance.errors import UserError, unreadable
from conformance.results import FAILING, PASSING, Key, Results, write_whole

SCHEMA = 1
LETTERS = {
    "exact": "e",
    "faithful": "f",
    "strict": "s",
    "baseline": "b",
    "inaccurate": "I",
    "wrong": "W",
    "raised": "R",
    "accepted": "A",
    "undecided": "U",
    "harness-error": "H",
    "unsupported": "-",
}
"""Capitals fail."""
UNMEASURED = "."
_VERDICTS = {letter: verdict for verdict, letter in LETTERS.items()}
_LEVEL: dict[str, int] = {verdict: level for level, verdict in enumerate(PASSING)}
_LEVEL |= dict.fromkeys(FAILING, len(PASSING))
_HEADER = ("schema", "framework", "machine", "versions", "dtypes")
_RECORD = "record it again (python -m conformance record)"


@dataclass(frozen=True)
class Grades:
    """The verdicts of one framework; `machine` is the CPU and its vector extensions."""

    framework: str
    machine: str
    versions: str
    verdicts: dict[Key, str]


ChangeKind = Literal["fell", "gone", "rose", "new", "other"]


class Change(NamedTuple):
    """A check whose verdict is another than before (None: not measured).

    kind: `fell`, `gone`, `rose`, `new`, or `other` (one failing verdict for another).
    fails: whether the gate fails for it; otherwise it is a note.
    """

    key: Key
    kind: ChangeKind
    old: str | None
    new: str | None
    fails: bool


def of(results: Results) -> Grades:
    """The grades of a run."""
    header = results.header
    return Grades(
        header.framework,
        header.machine.get("cpu", "unknown"),
        ", ".join(f"{package} {version}" for package, version in sorted(header.versions.items())),
        {check.key: check.verdict for check in results.checks},
    )


def compare(old: Grades, new: Grades) -> list[Change]:
    """What changed, sorted by check.

    A fall to `baseline` or to a failing verdict fails, and so does a check that is no longer
    measured. A fall within `exact`, `faithful` and `strict` fails only on the same machine, since
    the last bits depend on vector units; so does a failure that is gone, which is to be recorded.
    """
    same = old.machine == new.machine
    keys = sorted(old.verdicts.keys() | new.verdicts.keys())
    changes = (_change(key, old.verdicts.get(key), new.verdicts.get(key), same) for key in keys)
    return [change for change in changes if change is not None]


def _change(key: Key, old: str | None, new: str | None, same: bool) -> Change | None:
    old, new = (None if verdict == "unsupported" else verdict for verdict in (old, new))
    if old == new:
        return None
    if old is None or new is None:
        return Change(key, "new" if old is None else "gone", old, new, new is None)
    before, after = _LEVEL[old], _LEVEL[new]
    if before == after:
        return Change(key, "other", old, new, False)
    if after < before:
        return Change(key, "rose", old, new, same and old in FAILING and new in PASSING)
    return Change(key, "fell", old, new, same or after > _LEVEL["strict"])


def write(results: Results, file: Path) -> Grades:
    """Record a run. Raises `UserError` for a part of the suite, and for harness errors."""
    if results.header.selection != "all":
        problem = f"only a part of the suite was run ({results.header.selection})"
        raise UserError(results.file, "", problem, "run all of it")
    for check in results.checks:
        if check.verdict == "harness-error":
            raise UserError(results.file, str(check.key), check.message, "correct the suite first")
    grades = of(results)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, render(grades).encode())
    return grades


def render(grades: Grades) -> str:
    """The file's text."""
    dtypes = [*DTYPES, *sorted({key.dtype for key in grades.verdicts} - set(DTYPES))]
    legend = ", ".join(f"{letter} {verdict}" for verdict, letter in LETTERS.items())
    head = [
        f"# Grades of {grades.framework}, one letter a dtype; capitals fail.",
        "# Written by `python -m conformance record`, reviewed as a diff, never written by CI.",
        f"# {legend}, {UNMEASURED} not measured",
        f"schema: {SCHEMA}",
        f"framework: {grades.framework}",
        f"machine: {grades.machine}",
        f"versions: {grades.versions}",
        f"dtypes: {' '.join(dtypes)}",
        "",
    ]
    table: dict[tuple[str, str, str], dict[str, dict[str, str]]] = {}
    for key, verdict in grades.verdicts.items():
        quantities = table.setdefault((key.case, key.implementation, key.mode), defaultdict(dict))
        quantities[key.quantity][key.dtype] = LETTERS[verdict]
    for row, quantities in sorted(table.items()):
        cells = (
            f"{quantity}={''.join(letters.get(dtype, UNMEASURED) for dtype in dtypes)}"
            for quantity, letters in sorted(quantities.items(), key=_value_first)
        )
        head.append("\t".join((*row, " ".join(cells))))
    return "\n".join(head) + "\n"


def _value_first(item: tuple[str, object]) -> tuple[bool, str]:
    return (item[0] != "value", item[0])


def read(file: Path) -> Grades:
    """Read a grades file. Raises `UserError` with the line where `render` did not write it."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        remedy = "record them (python -m conformance record)"
        raise UserError(file, "", "there are no recorded grades", remedy) from None
    except (OSError, UnicodeError) as error:
        raise unreadable(file, error) from None
    rows = [(number, line) for number, line in enumerate(lines, 1) if line[:1] not in ("", "#")]
    header = _read_header(file, rows[: len(_HEADER)])
    verdicts: dict[Key, str] = {}
    for number, line in rows[len(_HEADER) :]:
        for key, verdict in _read_row(file, number, line, header["dtypes"].split()):
            if key in verdicts:
                raise UserError(file, number, f"{key} is there twice", _RECORD)
            verdicts[key] = verdict
    return Grades(header["framework"], header["machine"], header["versions"], verdicts)


def _read_header(file: Path, rows: list[tuple[int, str]]) -> dict[str, str]:
    header: dict[str, str] = {}
    for (number, line), name in zip(rows, _HEADER, strict=False):
        found, _, value = line.partition(":")
        if found != name:
            raise UserError(file, number, f"the header's `{name}:` is missing", _RECORD)
        header[name] = value.strip()
    if len(header) < len(_HEADER):
        raise UserError(file, "", "the header is not complete", _RECORD)
    if header["schema"] != str(SCHEMA):
        problem = f"the file has schema {header['schema']}, this version reads schema {SCHEMA}"
        raise UserError(file, rows[0][0], problem, _RECORD)
    return header


def _read_row(file: Path, number: int, line: str, dtypes: list[str]) -> Iterable[tuple[Key, str]]:
    columns = line.split("\t")
    if len(columns) != 4:
        problem = "not four tab-separated columns (case, implementation, mode, verdicts)"
        raise UserError(file, number, problem, _RECORD)
    case, implementation, mode, cells = columns
    for cell in cells.split():
        quantity, _, letters = cell.partition("=")
        if len(letters) != len(dtypes) or not set(letters) <= {*_VERDICTS, UNMEASURED}:
            problem = f"`{cell}` is not a quantity with one of {''.join(_VERDICTS)}. for each dtype"
            raise UserError(file, number, problem, _RECORD)
        for dtype, letter in zip(dtypes, letters, strict=True):
            if letter != UNMEASURED:
                yield Key(implementation, case, dtype, mode, quantity), _VERDICTS[letter]
