"""Grades: the file says what was measured, and a fall is a fall."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_runs import World, failing, header

from conformance import grades
from conformance.errors import UserError
from conformance.grades import Change, Grades, compare
from conformance.results import Key

KEY = Key("F.softplus", "softplus-tail", "float32", "eager", "value")
NAME = st.text("abc xyz()-*.[]=é", min_size=1).map(lambda text: f"n{text}n")
KEYS = st.builds(
    Key, NAME, NAME, st.sampled_from(["float16", "float64", "tf32"]), NAME, st.just("gradient.x")
)


def one(verdict: str | None, machine: str = "a processor") -> Grades:
    return Grades("torch", machine, "torch 2", {} if verdict is None else {KEY: verdict})


@given(st.dictionaries(KEYS, st.sampled_from(list(grades.LETTERS)), max_size=8))
def test_what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, verdicts: dict[Key, str]
) -> None:
    file = tmp_path_factory.mktemp("grades") / "torch.txt"
    written = Grades("torch", "a processor: fast", "numpy 2, torch 2", verdicts)
    file.write_text(grades.render(written), encoding="utf-8")
    assert grades.read(file) == written


def test_a_line_is_legible(tmp_path: Path) -> None:
    World(tmp_path)
    lines = (tmp_path / "grades" / "torch.txt").read_text().splitlines()
    assert "dtypes: float16 bfloat16 float32 float64" in lines
    assert "softplus-tail\tF.softplus\teager\tvalue=eeeI gradient.x=eeee" in lines
    assert len(lines) == 9 + 5 * 2


@pytest.mark.parametrize(
    ("old", "new", "kind", "fails"),
    [
        ("exact", "exact", None, None),
        ("exact", "faithful", "fell", True),
        ("faithful", "strict", "fell", True),
        ("strict", "baseline", "fell", True),
        ("baseline", "inaccurate", "fell", True),
        ("exact", "wrong", "fell", True),
        ("baseline", "exact", "rose", False),
        ("wrong", "baseline", "rose", True),
        ("inaccurate", "wrong", "other", False),
        ("wrong", "inaccurate", "other", False),
        ("strict", None, "gone", True),
        ("wrong", None, "gone", True),
        ("strict", "unsupported", "gone", True),
        (None, "strict", "new", False),
        ("unsupported", "strict", "new", False),
        ("unsupported", None, None, None),
        (None, "unsupported", None, None),
    ],
)
def test_changes(old: str | None, new: str | None, kind: str | None, fails: bool | None) -> None:
    found = [(change.kind, change.fails) for change in compare(one(old), one(new))]
    assert found == ([] if kind is None else [(kind, fails)])


@pytest.mark.parametrize(
    ("old", "new", "fails"),
    [
        ("exact", "faithful", False),
        ("exact", "strict", False),
        ("faithful", "strict", False),
        ("exact", "baseline", True),
        ("strict", "baseline", True),
        ("baseline", "inaccurate", True),
        ("strict", None, True),
    ],
)
def test_another_machine_excuses_the_last_bits_only(old: str, new: str | None, fails: bool) -> None:
    (change,) = compare(one(old), one(new, machine="another"))
    assert change == Change(KEY, change.kind, old, new, fails)


def test_a_part_of_the_suite_is_not_recorded(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.header = header(selection="-k softplus")
    with pytest.raises(UserError, match="only a part of the suite was run"):
        grades.write(world.results(), tmp_path / "grades.txt")
    assert not (tmp_path / "grades.txt").exists()


def test_a_suite_that_failed_is_not_recorded(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.change(lambda c: failing(c, "harness-error"), implementation="F.softplus", mode="eager")
    with pytest.raises(UserError, match="correct the suite first"):
        grades.write(world.results(), tmp_path / "grades.txt")


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("schema: 1", "schema: 7", 4, "schema 7"),
        ("framework: torch", "framwork: torch", 5, "`framework:` is missing"),
        ("\teager\tvalue=eeeI", " eager\tvalue=eeeI", None, "four tab-separated"),
        ("value=eeeI", "value=eeI", None, "`value=eeI` is not"),
        ("value=eeeI", "value=eexI", None, "`value=eexI` is not"),
        ("value=eeeI gradient.x", "value=eeeI value", None, "is there twice"),
        ("-logsig", "<<<<<<< ours\n-logsig", None, "four tab-separated"),
    ],
)
def test_a_damaged_file_is_refused(
    tmp_path: Path, old: str, new: str, line: int | None, message: str
) -> None:
    World(tmp_path)
    file = tmp_path / "grades" / "torch.txt"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(UserError, match=message) as error:
        grades.read(file)
    assert isinstance(error.value.place, int)
    assert line in (None, error.value.place)


@pytest.mark.parametrize("text", ["", "schema: 1\n", "# only a note\n"])
def test_an_unfinished_header_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "torch.txt"
    file.write_text(text)
    with pytest.raises(UserError, match="header is not complete"):
        grades.read(file)


def test_missing_grades_say_how_to_record_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="record them"):
        grades.read(tmp_path / "torch.txt")
    with pytest.raises(UserError, match="cannot be read"):
        grades.read(tmp_path)
