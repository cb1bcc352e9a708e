"""YAML with lines: what a plain scalar is, where things stand, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from conformance import yaml_lines
from conformance.errors import UserError


class Row(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    size: int = 1
    inner: dict[str, list[float]] = {}


class Table(msgspec.Struct, forbid_unknown_fields=True):
    rows: list[Row]


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(text: str | bytes) -> Path:
        file = tmp_path / "table.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return write


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-12", -12),
        ("1e30", 1e30),
        ("1.5", 1.5),
        (".5e-3", 0.0005),
        ("-.inf", float("-inf")),
        ("true", True),
        ("null", None),
        ("", None),
        ("inf", "inf"),
        ("yes", "yes"),
        ("off", "off"),
        ("12:30", "12:30"),
        ("1/4", "1/4"),
        ("2020-01-01", "2020-01-01"),
        ("0x1p3", "0x1p3"),
        ("-max", "-max"),
        ("'1'", "1"),
        ('"true"', "true"),
    ],
)
def test_plain_scalars_are_json_literals_or_text(written: Any, text: str, value: object) -> None:
    found = yaml_lines.load(written(f"key: {text}")).value["key"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_text_and_scalars_can_be_kept_as_text(written: Any) -> None:
    document = yaml_lines.load(written("1: 0.1000\ntrue: ['2', 3]"), scalar=str)
    assert document.value == {"1": "0.1000", "true": ["2", "3"]}


def test_lines_of_keys_items_and_of_what_is_not_there(written: Any) -> None:
    document = yaml_lines.load(
        written("# note\nrows:\n  - name: a\n    inner:\n      x: [1,\n  2]\n")
    )
    assert document.line() == 2
    assert document.line("rows") == 2
    assert document.line("rows", 0) == 3
    assert document.line("rows", 0, "inner") == 4
    assert document.line("rows", 0, "inner", "x", 1) == 6
    assert document.line("rows", 0, "size") == 3
    assert document.line("rows", 7, "size") == 2
    assert document.line("other") == 2


def test_an_alias_is_the_value_it_names(written: Any) -> None:
    assert yaml_lines.load(written("a: &one [1]\nb: *one\n")).value == {"a": [1], "b": [1]}


def test_an_empty_file_is_none(written: Any) -> None:
    document = yaml_lines.load(written("# nothing yet\n"))
    assert document.value is None
    assert document.line("rows") == 1


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "key `a` is there twice"),
        ("a:\n  - {x: 1, x: 2}\n", 2, "key `x` is there twice"),
        ("a: [1\nb: 2\n", 2, "is not YAML"),
        ("a: b: c\n", 1, "is not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "is not YAML"),
        ("a: &one [1, *one]\n", "", "nested too deep"),
        ("a: !!str 1\n", 1, "tag"),
        ("? [a]\n: 1\n", 1, "a key is not text"),
        (b"a: \xff\n", "", "is not UTF-8"),
        ("[" * 3000 + "]" * 3000, "", "nested too deep"),
    ],
)
def test_refused_with_its_line(written: Any, text: str, line: int, problem: str) -> None:
    with pytest.raises(UserError) as error:
        yaml_lines.load(written(text))
    assert error.value.place == line
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml: cannot be read \(no such file"):
        yaml_lines.load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("rows:\n- name: a\n  colour: 1\n", 3, "known keys are name, size, inner"),
        ("rows:\n- name: a\n- size: 2\n", 3, "add `name`"),
        ("rows:\n- name: a\n  size: b\n", 3, r"rows\[0\].size: expected `int`, got `str`"),
        ("rows:\n- name: a\n  inner:\n    x: [1, b]\n", 3, "expected `float`"),
        ("row: 1\n", 1, "known keys are rows"),
        ("- 1\n", 1, "the file: expected `object`"),
    ],
)
def test_conversion_names_line_and_remedy(written: Any, text: str, line: int, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        yaml_lines.load(written(text)).convert(Table)
    assert error.value.place == line


def test_conversion_gives_typed_values(written: Any) -> None:
    found = yaml_lines.load(written("rows:\n- name: a\n  inner: {x: [1, .inf]}\n")).convert(Table)
    assert found == Table(rows=[Row(name="a", inner={"x": [1.0, float("inf")]})])
