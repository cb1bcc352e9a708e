"""Claims of the sources: those of the corpus, what is true, false and open, and the language."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from conformance import cases, claims
from conformance.case import Case
from conformance.claims import ClaimError, ClaimVerdict, Scope, parse
from conformance.errors import UserError
from reference.balls import precision

SOFTMAX = """
operator: softmax
rows:
  r: {logits: [1, 2, 3]}
  s: {logits: [0, 0, 0]}
"""
LOSS = """
operator: softmax_cross_entropy_index
parameters: {class_weights: [1, 2, 4], ignore_index: -100}
rows:
  r: {logits: [0, 0, 0], labels: 1}
  s: {logits: [0, 0, 0], labels: 2}
  ignored: {logits: [9, 9, 9], labels: -100}
"""
SIGMOID = """
operator: sigmoid
rows:
  r: {x: 0.1}
  huge: {x: 1e30}
  "+inf": {x: inf}
"""


@pytest.fixture
def judged(tmp_path: Path) -> Any:
    """The verdict on a check of a case, given as the text of its table."""

    def judge(table: str, check: str, more: str = "row: r", **keys: Any) -> ClaimVerdict:
        lines = [f"    {line}" for line in table.strip().splitlines()]
        claim = {"says": "s", "check": repr(check), "holds": "true", **keys}
        entries = ", ".join(f"{key}: {value}" for key, value in claim.items())
        head = ["theme: t", "cases:", "  - id: a", "    source: s", "    why: w", *lines]
        body = ["    claims:", f"      - {{{entries}{', ' if more else ''}{more}}}"]
        file = tmp_path / "case.yaml"
        file.write_text("\n".join([*head, *body]))
        (case,) = cases.load(tmp_path)
        (verdict,) = claims.judge(case)
        return verdict

    return judge


@pytest.fixture(scope="module")
def corpus() -> list[Case]:
    return cases.load(Path("cases"))


def test_every_claim_of_the_corpus_is_as_documented(corpus: list[Case]) -> None:
    verdicts = [(case.id, v) for case in corpus for v in claims.judge(case)]
    wrong = [
        (case, v.claim.check, v.holds, v.instead) for case, v in verdicts if not v.as_documented
    ]
    assert not wrong
    assert len(verdicts) > 100
    refuted = [v for _, v in verdicts if not v.claim.holds]
    assert len(refuted) > 5
    assert all(v.claim.instead for v in refuted)


# True, false, open.

TRUE = [
    (SOFTMAX, "sum(value) == 1"),
    (SOFTMAX, "value[2] == exp(3)/(exp(1)+exp(2)+exp(3))"),
    (SOFTMAX, "value == softmax(logits)"),
    (SOFTMAX, "value[0] < value[1] < value[2] <= 1"),
    (SOFTMAX, "value[0] != value[1]"),
    (SOFTMAX, 'row("s").value == 1/3'),
    (SOFTMAX, 'row("s").logits == 0 and value[0] < row("s").value[0]'),
    (SOFTMAX, "gradient.logits == 0"),
    (SOFTMAX, "not value == 1/3"),
    (SOFTMAX, "value[0] > 1 or value[1] > 0"),
    (SOFTMAX, 'prints(value, ["0.09", "0.24", "0.67"])'),
    (SOFTMAX, 'rounds_to(mean(value), "0.333333333333333333333")'),
    (SOFTMAX, "abs(logits - 4)[0] == 3 and sqrt(4*logits[1]*2) == 4"),
    (SOFTMAX, "(-logits)**2 == logits*logits and logits**0 == 1"),
    (SOFTMAX, "1 - tanh(logits)**2 == 4/(exp(logits) + exp(-logits))**2"),
    (SOFTMAX, "log(exp(logits)) == logits"),
    (SOFTMAX, "value < inf and value > -inf and inf == inf"),
    (SIGMOID, "value == 1/(1+exp(-x)) and value == sigmoid(x)"),
    (SIGMOID, "gradient.x == value*(1-value)"),
    (SIGMOID, "x == 1/10"),
    (SIGMOID, 'row("+inf").value == 1 and row("+inf").gradient.x == 0'),
    (LOSS, "value == 2*log(3) and class_weights[2] == 4"),
    (LOSS, 'gradient.logits[1] == -4/3 and row("ignored").value == 0'),
    (LOSS, "labels == 1"),
]
FALSE = [
    (SOFTMAX, "sum(value) == 1.0000000000000001"),
    (SOFTMAX, "value[2] < value[1]"),
    (SOFTMAX, "value[0] == value[1]"),
    (SOFTMAX, "value != value"),
    (SOFTMAX, "value == 1/3"),
    (SOFTMAX, "value[0] >= value[1]"),
    (SOFTMAX, 'prints(value, ["0.09", "0.24", "0.66"])'),
    (SOFTMAX, 'prints(value, ["0.09", "0.24"])'),
    (SOFTMAX, 'rounds_to(value[0], "0.0900305731703804581")'),
    (SOFTMAX, "sum(value) == 1 and value[0] == 1"),
    (SOFTMAX, "not sum(value) == 1"),
    (SOFTMAX, "logits - logits < 0"),
    (SOFTMAX, "value == gradient.logits"),
    (SIGMOID, "x == 0.1000000000000000055"),
    (SIGMOID, "gradient.x == value"),
    (LOSS, "value == log(3)"),
]
OPEN = [
    (SOFTMAX, "1/0 == value"),
    (SOFTMAX, "log(-1) < 1"),
    (SOFTMAX, "log(-1) < 1 or value == value"),
    (SIGMOID, 'row("huge").value < 1'),
    (SOFTMAX, "exp(log(2)) < 2"),
    (SOFTMAX, "exp(exp(exp(exp(9)))) == 1"),
    (SOFTMAX, 'rounds_to(exp(log(5))/2000, "0.002")'),
]


@pytest.mark.parametrize(("table", "check"), TRUE, ids=[check for _, check in TRUE])
def test_what_is_true_holds(judged: Any, table: str, check: str) -> None:
    verdict = judged(table, check)
    assert verdict.holds is True
    assert verdict.as_documented


@pytest.mark.parametrize(("table", "check"), FALSE, ids=[check for _, check in FALSE])
def test_what_is_false_does_not_hold(judged: Any, table: str, check: str) -> None:
    verdict = judged(table, check)
    assert verdict.holds is False
    assert not verdict.as_documented


@pytest.mark.parametrize(("table", "check"), OPEN, ids=[check for _, check in OPEN])
def test_what_no_precision_decides_is_neither(judged: Any, table: str, check: str) -> None:
    verdict = judged(table, check)
    assert verdict.holds is None
    assert not verdict.as_documented


def test_a_refuted_claim_needs_a_corrected_statement_that_holds(judged: Any) -> None:
    refuted = {"holds": "false", "instead": "'sum(value) == 1'"}
    assert judged(SOFTMAX, "sum(value) == 2", **refuted).as_documented
    assert not judged(SOFTMAX, "sum(value) == 1", **refuted).as_documented
    refuted["instead"] = "'sum(value) == 3'"
    assert not judged(SOFTMAX, "sum(value) == 2", **refuted).as_documented
    refuted["instead"] = "'1/0 == 1'"
    assert not judged(SOFTMAX, "sum(value) == 2", **refuted).as_documented


def test_without_a_row_the_check_is_about_every_row(judged: Any) -> None:
    assert judged(SOFTMAX, "sum(value) == 1", more="").holds is True
    assert judged(SOFTMAX, "value[0] < 1/4", more="").holds is False
    assert judged(SOFTMAX, "value[0] <= 1/3", more="").holds is True
    assert judged(SOFTMAX, "1/(logits[0]) == 1", more="").holds is None


def test_the_truth_beside_a_claim_has_its_digits(judged: Any) -> None:
    assert judged(LOSS, "value > 0").truth.startswith("2.1972245773362193827904904738")
    assert judged(SOFTMAX, "value > 0").truth.startswith("0.0900305731704, 0.244728471055")
    assert judged(SOFTMAX, "value > 0", more="").truth == ""
    assert judged(SIGMOID, "x > 0", more='row: "+inf"').truth.startswith("1.000")


def test_a_dtype_rounds_inputs_and_parameters(judged: Any) -> None:
    tenth = Fraction(0.1)
    check = f"x == {tenth.numerator}/{tenth.denominator}"
    assert judged(SIGMOID, check, "row: r, dtype: float64").holds is True
    assert judged(SIGMOID, check).holds is False
    assert judged(SIGMOID, "x == 1639/16384", "row: r, dtype: float16").holds is False
    assert judged(SIGMOID, "x == 819/8192", "row: r, dtype: float16").holds is True
    slope = "operator: leaky_relu\nparameters: {negative_slope: 0.1}\nrows:\n  r: {x: -8192}"
    assert judged(slope, "value == -819", "row: r, dtype: float16").holds is True
    assert judged(slope, "value == -819.2", "row: r").holds is True
    assert judged(slope, "negative_slope == 1/10", "row: r").holds is True


def test_a_claim_about_a_reduced_case_sees_all_rows(judged: Any) -> None:
    mean = LOSS.strip() + "\n" + "reduction: weighted_mean"
    assert judged(mean, "value == log(3)", more="").holds is True
    assert judged(mean, "sum(gradient.logits) == 0", more="").holds is True
    assert judged(mean, "gradient.logits[1] == 2/6*(1/3 - 1)", more="").holds is True
    assert judged(mean, "gradient.logits[8] == 0 and logits[8] == 9", more="").holds is True
    plain = LOSS.strip() + "\n" + "reduction: mean"
    assert judged(plain, "value == 2*log(3)", more="").holds is True
    # Nine numbers are not three.
    nothing = "logits - logits == class_weights - class_weights"
    assert judged(plain, nothing, more="").holds is False
    total = LOSS.strip() + "\n" + "reduction: sum"
    assert judged(total, "value == 6*log(3)", more="").holds is True
    assert judged(total, "labels[2] == -100", more="").holds is True


def test_precision_is_as_before(judged: Any) -> None:
    from flint import ctx

    with precision(99):
        judged(SOFTMAX, "exp(log(2)) < 2")
        assert ctx.prec == 99


# The language.

REFUSED = {
    "": "not an expression",
    "value ==": "not an expression",
    "x = 1": "not an expression",
    "import os": "not an expression",
    "value == 1; value": "not an expression",
    "value": "states nothing",
    "1": "states nothing",
    '"text"': "states nothing",
    "row('r')": "states nothing",
    "gradient": "states nothing",
    "True": "not part of the language",
    "None == value": "not part of the language",
    "0x10 == value": "not part of the language",
    "1j == value": "not part of the language",
    "1_0 == value": "not part of the language",
    "value.__class__ == 1": "not part of the language",
    "value.balls == 1": "not part of the language",
    "exp.__globals__ == 1": "not part of the language",
    "().__class__ == 1": "Tuple is not part of the language",
    "(lambda: 1)() == 1": "Lambda is not part of the language",
    "[y for y in x] == 1": "ListComp is not part of the language",
    "{1: 2} == 1": "Dict is not part of the language",
    "{1, 2} == 1": "Set is not part of the language",
    "f'{value}' == 1": "JoinedStr is not part of the language",
    "(y := value) == 1": "NamedExpr is not part of the language",
    "value if value else 1": "IfExp is not part of the language",
    "value in value": "In is not part of the language",
    "value is value": "Is is not part of the language",
    "value % 2 == 0": "Mod is not part of the language",
    "value // 2 == 0": "FloorDiv is not part of the language",
    "value @ value == 0": "MatMult is not part of the language",
    "~value == 0": "Invert is not part of the language",
    "+value == 0": "UAdd is not part of the language",
    "value[0:1] == 0": "Slice is not part of the language",
    "exp(*value) == 0": "Starred is not part of the language",
    "exp(v=value) == 0": "keyword is not part of the language",
    "await value == 0": "not",
    "value[-1] == 0": "not part of the language",
    "value[value] == 0": "not part of the language",
    "__import__('os') == 1": "no function `__import__`",
    "open('x') == 1": "no function `open`",
    "eval('1') == 1": "no function `eval`",
    "max(value) == 1": "no function `max`",
    "value.exp() == 1": "not part of the language",
    "exp(exp)(1) == 1": "not part of the language",
    "exp() == 1": "it is exp(numbers)",
    "exp(1, 2) == 1": "it is exp(numbers)",
    "exp('1') == 1": "it is exp(numbers)",
    "row(1).value == 1": "it is row(text)",
    "rounds_to(value, 1)": "it is rounds_to(numbers, text)",
    "prints(value, '1')": "it is prints(numbers, texts)",
    "value == '1'": "is not numbers",
    "value == [1]": "not part of the language",
    "value == ['1']": "is not numbers",
    "-'1' == 1": "is not numbers",
    "(value == 1) == 1": "is not numbers",
    "(value == 1) + 1 == 1": "is not numbers",
    "not value": "is not truth",
    "value and value": "is not truth",
    "value == 1 or 1": "is not truth",
    "value ** 0.5 == 1": "an exponent is a whole number",
    "value ** value == 1": "an exponent is a whole number",
    "gradient == 1": "is not numbers",
    "row('r') == 1": "is not numbers",
}


@pytest.mark.parametrize("expression", REFUSED)
def test_anything_else_is_refused_before_it_runs(expression: str) -> None:
    with pytest.raises(ClaimError) as error:
        parse(expression)
    assert REFUSED[expression] in str(error.value)


SCOPE = Scope(names=["logits", "labels"], gradients=["logits"], rows=["r"])


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("valu == 1", "no name `valu`"),
        ("x == 1", "no name `x` (there are logits, labels)"),
        ("exp == 1", "no name `exp`"),
        ("gradient.labels == 1", "no gradient `labels` (there are logits)"),
        ('row("q").value == 1', "no row `q` (there are r)"),
        ('row("r").x == 1', "no name `x`"),
        ('row("r").gradient.labels == 1', "no gradient `labels`"),
    ],
)
def test_names_are_those_of_the_case(expression: str, words: str) -> None:
    with pytest.raises(ClaimError) as error:
        parse(expression, SCOPE)
    assert words in str(error.value)
    parse('logits == labels and row("r").gradient.logits == gradient.logits', SCOPE)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("value[3] == 1", "there are only 3 numbers"),
        ('rounds_to(value[0], "abc")', "`abc` is not a printed decimal"),
        ('final_loss("x") == 1', "no form 'x'"),
    ],
)
def test_what_only_the_numbers_show_is_one_line_too(
    judged: Any, tmp_path: Path, check: str, words: str
) -> None:
    with pytest.raises(UserError) as error:
        judged(SOFTMAX, check)
    assert words in str(error.value)
    assert str(error.value).startswith(f"{tmp_path}/case.yaml:3: case `a`: ")


def test_the_training_experiment_is_as_told() -> None:
    from conformance.demonstrations import final_loss

    assert final_loss("logits") < 0.05
    assert final_loss("softmax of logits") > 0.5
