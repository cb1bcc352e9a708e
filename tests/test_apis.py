"""The lists of public names: what is of the family is mentioned, and nothing is unlisted."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.base import Implementation
from conformance import apis
from conformance.__main__ import main
from conformance.errors import UserError

LIST = """framework: torch
versions: {python: "3.11"}
aliases: {f: fractions}
modules:
  - module: fractions
    family: [Fraction]
    other: [Decimal]
"""
ROWS = (Implementation("a fraction", "sigmoid", "f.Fraction(x).real"),)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "torch.yaml"
    path.write_text(LIST)
    return path


def test_a_name_is_mentioned_by_an_alias_or_as_a_rows_public_api() -> None:
    named = (*ROWS, Implementation("b", "sigmoid", "g(x)", public="torch.nn.Sigmoid"))
    found = apis.mentioned(named, {"f": "fractions"})
    assert {"fractions.Fraction", "torch.nn.Sigmoid"} <= found
    assert "fractions.Decimal" not in found


def test_a_name_of_the_family_without_a_row_is_an_error_with_its_line(file: Path) -> None:
    listed = apis.load(file)
    assert not list(apis.unmentioned(listed, ROWS))
    (error,) = apis.unmentioned(listed, ())
    assert str(error) == (
        f"{file}:5: no implementation calls fractions.Fraction;"
        " add a row to the adapter's table, or list the name under `other`"
    )


def test_names_that_the_package_has_or_lacks_are_errors(file: Path) -> None:
    file.write_text(LIST.replace("[Decimal]", "[Nothing]"))
    problems = {error.problem for error in apis.unlisted(apis.load(file))}
    assert "the installed fractions has no Nothing" in problems
    assert "fractions.Decimal is not listed" in problems


def test_a_module_that_is_not_there_is_one_clear_error(file: Path) -> None:
    file.write_text(LIST.replace("module: fractions", "module: no.such"))
    with pytest.raises(UserError, match=r"torch.yaml:5: no.such cannot be imported .*; install it"):
        list(apis.unlisted(apis.load(file)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[Decimal]", "[Fraction]"), "5: fractions.Fraction is listed twice; delete one"),
        (("family:", "families:"), "the known keys are module, family, other"),
        (("framework: torch", "framework: frog"), "1: frog has no table in adapters/; correct"),
    ],
)
def test_a_list_that_cannot_be_used_is_one_line(
    file: Path, change: tuple[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(LIST.replace(*change))
    assert main(["apis", "--apis", str(file.parent)]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_the_command_fails_where_a_row_is_missing(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apis", "--apis", str(file.parent)]) == 1
    assert "no implementation calls fractions.Fraction" in capsys.readouterr().err
    assert main(["apis", "--apis", str(file.parent / "nowhere")]) == 2


def test_every_public_function_of_the_family_has_a_row() -> None:
    assert not apis.check(Path(__file__).parent.parent / "apis", None)
