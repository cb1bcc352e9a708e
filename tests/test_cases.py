"""Case files: the corpus loads, and whatever is wrong is one line with its place and a remedy."""

# ruff: noqa: E501 - a row of a table stands on one line

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from conformance import cases
from conformance.case import Case
from conformance.cases import load
from conformance.errors import UserError
from reference.formats import FORMATS
from reference.operators import OPERATORS

ROOT = Path(__file__).parent.parent
HEAD = "theme: t\ncases:\n"
CASE = """  - id: {name}
    operator: {operator}
    source: s
    why: w
"""


def written(folder: Path, operator: str, table: str, name: str = "a") -> Path:
    """A folder with one file of one case, whose table begins on line 7."""
    lines = "".join(f"    {line}\n" for line in table.strip("\n").splitlines())
    (folder / "x.yaml").write_text(HEAD + CASE.format(name=name, operator=operator) + lines)
    return folder


def refusal(folder: Path) -> str:
    """The one line of the error, without the folder."""
    with pytest.raises(UserError) as error:
        load(folder)
    line = str(error.value)
    assert "\n" not in line
    assert line.count("; ") >= 1, "no remedy"
    return line.replace(f"{folder}/", "")


# The corpus.


@pytest.fixture(scope="module")
def corpus() -> list[Case]:
    return load(ROOT / "cases")


def test_the_corpus_loads_quickly() -> None:
    """In the time of reading its YAML a few times over, however fast the machine."""
    files = sorted((ROOT / "cases").glob("*.yaml"))
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

    def seconds(work: Any) -> float:
        times = []
        for _ in range(3):
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
        return min(times)

    plain = seconds(lambda: [yaml.load(f.read_bytes(), loader) for f in files])  # noqa: S506
    assert seconds(lambda: load(ROOT / "cases")) < 6 * plain


def test_the_corpus_covers_every_operator_dtype_and_reduction(corpus: list[Case]) -> None:
    assert {case.operator.name for case in corpus} == set(OPERATORS)
    assert {dtype for case in corpus for dtype in case.dtypes} == set(FORMATS)
    assert {case.text.reduction for case in corpus} == set(cases.REDUCTIONS)
    assert len({case.id for case in corpus}) == len(corpus)


def test_every_number_of_the_corpus_is_one_of_its_format(corpus: list[Case]) -> None:
    for case in corpus:
        for dtype in case.dtypes:
            format_ = FORMATS[dtype]
            problem = case.problem(format_)
            arrays = [a for a in problem.inputs.values() if a.dtype == np.float64]
            arrays += [
                np.asarray(v) for v in problem.parameters.values() if not isinstance(v, int | str)
            ]
            for array in (*arrays, problem.upstream):
                np.testing.assert_array_equal(format_.nearest(array), array, case.id)


def test_every_line_of_the_corpus_is_that_of_its_case(corpus: list[Case]) -> None:
    for case in corpus:
        assert f"id: {case.id}" in case.file.read_text().splitlines()[case.line - 1]


# What is read.


def test_a_case_is_a_problem_at_every_format(tmp_path: Path) -> None:
    table = """
parameters: {label_smoothing: 0.1, class_weights: [1, 2, 1/3], ignore_index: -1}
reduction: weighted_mean
dtypes: [float16, float64]
rows:
  first: {logits: [1, 0.1, max], labels: 2}
  left out: {logits: {repeat: 1/4, size: 3}, labels: -1}
"""
    (case,) = load(written(tmp_path, "softmax_cross_entropy_index", table))
    assert case.rows == ("first", "left out")
    assert (case.id, case.theme, case.line, case.dtypes) == ("a", "t", 3, ("float16", "float64"))
    problem = case.problem(FORMATS["float16"])
    half = np.float16
    assert problem.inputs["logits"].tolist() == [[1, float(half(0.1)), 65504], [0.25] * 3]
    assert problem.inputs["labels"].tolist() == [2, -1]
    assert problem.inputs["labels"].dtype == np.int64
    assert problem.parameters["label_smoothing"] == float(half(0.1))
    assert problem.parameters["class_weights"].tolist() == [1, 2, float(half(1 / 3))]
    assert problem.parameters["ignore_index"] == -1
    assert (problem.reduction, problem.upstream.shape, problem.upstream) == ("weighted_mean", (), 1)
    assert case.wrt == ("logits",)


def test_inputs_are_shared_and_rows_override_them(tmp_path: Path) -> None:
    table = """
inputs: {labels: 1, logits: 2}
rows:
  r: {}
  s: {labels: 0}
sweep: {logits: {linspace: [3, 4], size: 2}}
measure: [value]
"""
    (case,) = load(written(tmp_path, "sigmoid_cross_entropy", table))
    assert case.rows == ("r", "s", "logits[0]", "logits[1]")
    problem = case.problem(FORMATS["float64"])
    assert problem.inputs["logits"].tolist() == [2, 2, 3, 4]
    assert problem.inputs["labels"].tolist() == [1, 0, 1, 1]
    assert case.wrt == ()


def test_the_rows_of_an_elementwise_operator_may_be_vectors(tmp_path: Path) -> None:
    table = "rows:\n  r: {logits: [1, 2, 3], labels: 1}\n  s: {logits: 4, labels: [0, 1, 0]}"
    (case,) = load(written(tmp_path, "sigmoid_cross_entropy", table))
    problem = case.problem(FORMATS["float64"])
    assert problem.inputs["logits"].tolist() == [[1, 2, 3], [4, 4, 4]]
    assert problem.inputs["labels"].tolist() == [[1, 1, 1], [0, 1, 0]]
    assert problem.upstream.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_cotangents(tmp_path: Path) -> None:
    (case,) = load(written(tmp_path, "softmax", "rows:\n  r: {logits: [1, 2, 3, 4, 5]}"))
    assert case.problem(FORMATS["float16"]).upstream.tolist() == [[1, -0.5, 2, -0.25, 1]]
    table = "rows:\n  r: {logits: [1, 2], upstream: [0.1, 3]}"
    (case,) = load(written(tmp_path, "softmax", table))
    assert case.problem(FORMATS["float32"]).upstream.tolist() == [[float(np.float32(0.1)), 3]]
    table = "rows:\n  r: {logits: [1, 2], upstream: 7}\n  s: {logits: [1, 2], upstream: -1}"
    (case,) = load(written(tmp_path, "logsumexp", table))
    assert case.problem(FORMATS["float32"]).upstream.tolist() == [7, -1]


def test_files_are_read_in_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        written(tmp_path, "softmax", "rows:\n  r: {logits: [1]}", name=name)
        (tmp_path / "x.yaml").rename(tmp_path / f"{name}.yaml")
    (tmp_path / "notes.txt").write_text("not a case")
    assert [case.id for case in load(tmp_path)] == ["a", "b"]


# What is refused: operator, table, and the line of the error with words from it.

ROW = "rows:\n  r: {logits: [1, 2, 3]}"
INDEX = "softmax_cross_entropy_index"
LABELLED = "rows:\n  r: {logits: [1, 2, 3], labels: 1}"
CLAIM = "rows:\n  r: {x: 1}\nclaims:\n  - "
REFUSED = [
    # Keys and words.
    ("softmax", ROW + "\nlogit: 1", "x.yaml:9: cases[0]: ", "unknown field `logit`; the known keys are id"),
    ("softmx", ROW, "x.yaml:4: case `a`: `softmx` is no operator", "the known ones are sigmoid"),
    ("softmax", ROW + "\nparameters: {beta: 1}", "x.yaml:9: case `a`: `beta` is no parameter", "mask"),
    (INDEX, LABELLED + "\nparameters: {gamma: 1}", "x.yaml:9: case `a`: `gamma` is no parameter", "class_weights"),
    ("softmax", ROW + "\ndtypes: [float32, float8]", "x.yaml:9: case `a`: `float8` is no dtype", "bfloat16"),
    ("softmax", ROW + "\nreduction: average", "x.yaml:9: case `a`: `average` is no reduction", "weighted_mean"),
    ("softmax", ROW + "\nmeasure: [values]", "x.yaml:9: case `a`: `values` is no quantity", "value, gradient"),
    ("sigmoid", "rows:\n  r: {x: 1}\nreduction: weighted_mean", "x.yaml:9: case `a`: there are no weights", "`mean`"),
    # Numbers.
    ("softmax", "rows:\n  r: {logits: [1, two]}", "x.yaml:8: case `a`: rows.r.logits: `two` is not a number", "max, tiny"),
    ("softmax", "rows:\n  r: {logits: [1/0]}", "x.yaml:8: case `a`: rows.r.logits: `1/0` is not", "correct it"),
    ("softmax", "rows:\n  r: {logits: [1/(1-1)]}", "x.yaml:8: ", "`1/(1-1)` is not a number"),
    ("softmax", "rows:\n  r: {logits: [[1, 2]]}", "x.yaml:8: ", "is not a number"),
    ("softmax", "rows:\n  r: {logits: [null]}", "x.yaml:8: ", "`None` is not a number"),
    ("softmax", "rows:\n  r: {logits: 3}", "x.yaml:8: case `a`: `logits` is a row of classes", "write a list"),
    ("softmax", "rows:\n  r: {logits: {uniform: 1, size: 3}}", "x.yaml:8: ", "a generator is one of"),
    (INDEX, "rows:\n  r: {logits: [1], labels: 0.5}", "x.yaml:8: case `a`: `0.5` is not an integer", "whole number"),
    (INDEX, LABELLED + "\nparameters: {label_smoothing: x}", "x.yaml:9: ", "`x` is not a number"),
    (INDEX, LABELLED + "\nparameters: {label_smoothing: [1]}", "x.yaml:9: ", "is not a number"),
    (INDEX, LABELLED + "\nparameters: {ignore_index: x}", "x.yaml:9: ", "is not an integer"),
    (INDEX, LABELLED + "\nparameters: {class_weights: 2}", "x.yaml:9: ", "neither a list of numbers"),
    ("sigmoid", "sweep: {x: {logspace: [0, 1], size: 3, base: 0}}", "x.yaml:7: ", "positive"),
    # The table.
    ("softmax", "rows: {}", "x.yaml:3: case `a`: the table has no rows", "add `rows` or a `sweep`"),
    ("softmax", "", "x.yaml:3: case `a`: the table has no rows", "add `rows` or a `sweep`"),
    ("softmax", "rows:\n  r:", "x.yaml:7: cases[0].rows", "expected `object`"),
    ("softmax", "rows:\n  r: {x: [1]}", "x.yaml:8: case `a`: `x` is no input", "the known ones are logits"),
    (INDEX, "rows:\n  r: {labels: 0}", "x.yaml:8: case `a`: row `r` has no `logits`", "in `inputs`"),
    ("sigmoid_cross_entropy", "sweep: {logits: [1]}", "x.yaml:7: case `a`: row `logits=1` has no `labels`", "in `inputs`"),
    ("softmax", "rows:\n  r: {logits: [1, 2]}\n  s: {logits: [1]}", "x.yaml:9: case `a`: row `s` has 1 numbers", "equally long"),
    ("sigmoid_cross_entropy", "rows:\n  r: {logits: [1, 2], labels: [1, 2, 3]}", "x.yaml:8: case `a`: row `r`", "equally long"),
    (INDEX, LABELLED + "\nparameters: {class_weights: [1, 2]}", "x.yaml:9: case `a`: `class_weights` has 2 numbers for 3 classes", "one for each class"),
    ("softmax", "rows:\n  r: {logits: [1, 2], upstream: 1}", "x.yaml:8: case `a`: `upstream` of row `r` has 1", "give 2"),
    ("softmax", ROW[:-1] + ", upstream: [1, 1, 1]}\n  s: {logits: [1, 2, 3]}", "x.yaml:7: case `a`: some rows", "all rows or none"),
    ("softmax", "rows:\n  r: {logits: [1]}\n  r: {logits: [2]}", "x.yaml:9: key `r` is there twice", "rename"),
    ("sigmoid", "sweep: {y: [1]}", "x.yaml:7: case `a`: `y` is no input", "the known ones are x"),
    # Claims.
    ("sigmoid", CLAIM + "{says: s, check: value == 1, holds: false}", "x.yaml:10: case `a`: a claim that does not hold stands alone", "`instead`"),
    ("sigmoid", CLAIM + "{says: s, check: value ==, holds: true}", "x.yaml:10: case `a`: `value ==` is not an expression", "correct the expression"),
    ("sigmoid", CLAIM + "{says: s, check: open('f') == 1, holds: true}", "x.yaml:10: ", "no function `open`"),
    ("sigmoid", CLAIM + "{says: s, check: value, holds: true}", "x.yaml:10: ", "states nothing"),
    ("sigmoid", CLAIM + "{says: s, check: value == 1, holds: false, instead: 2 +}", "x.yaml:10: ", "`2 +` is not an expression"),
    ("sigmoid", CLAIM + "{says: s, check: value == 1, holds: true, row: q}", "x.yaml:10: case `a`: `q` is no row of this case", "the known ones are r"),
    ("sigmoid", CLAIM + "{says: s, check: value == 1, holds: true, dtype: half}", "x.yaml:10: case `a`: `half` is no dtype", "float16"),
    ("sigmoid", CLAIM + "{says: s, holds: true}", "x.yaml:10: cases[0].claims[0]: ", "missing required field `check`; add `check`"),
    ("sigmoid", CLAIM + "{says: s, check: value == 1, holds: yes}", "x.yaml:10: ", "expected `bool`"),
    # Names in claims.
    ("sigmoid", CLAIM + "{says: s, check: valu == 1, holds: true}", "x.yaml:10: case `a`: `valu == 1`: no name `valu`", "correct the expression"),
    ("sigmoid", CLAIM + "{says: s, check: gradient.y == 1, holds: true}", "x.yaml:10: ", "no gradient `y`"),
    ("sigmoid", CLAIM + '{says: s, check: row("q").value == 1, holds: true}', "x.yaml:10: ", "no row `q`"),
    # What would be measured wrongly, twice or not at all.
    (INDEX, "rows:\n  r: {logits: [1, 2, 3], labels: 3}", "x.yaml:8: case `a`: 3 of row `r` is no class (0 to 2)", "`ignore_index`"),
    (INDEX, "rows:\n  r: {logits: [1, 2, 3], labels: -1}", "x.yaml:8: case `a`: -1 of row `r` is no class", "`ignore_index`"),
    (INDEX, "rows:\n  r: {logits: [1, 2, 3], labels: true}", "x.yaml:8: ", "is not an integer"),
    (INDEX, LABELLED + "\nparameters: {class_weights: {repeat: 1, size: 4}}", "x.yaml:9: case `a`: `class_weights` has 4 numbers for 3", "one for each class"),
    ("softmax", ROW + "\ndtypes: []", "x.yaml:9: case `a`: `dtypes` is empty", "name each once"),
    ("softmax", ROW + "\ndtypes: [float32, float32]", "x.yaml:9: case `a`: `dtypes` is empty or names one twice", "name each once"),
    ("softmax", ROW + "\nmeasure: []", "x.yaml:9: case `a`: `measure` is empty", "name each once"),
    ("softmax", "sweep: {logits: [1, 2]}", "x.yaml:7: case `a`: `logits` is no input of single numbers", "none"),
    ("sigmoid", "sweep: {x: [1, 1]}", "x.yaml:7: case `a`: there are two rows `x=1`", "rename"),
    ("logsumexp", "reduction: mean\nrows:\n  r: {logits: [1], upstream: 2}", "x.yaml:9: case `a`: a reduced case has", "remove"),
    ("softmax", "inputs: {upstream: [1]}\nrows:\n  r: {logits: [1]}", "x.yaml:7: case `a`: `upstream` is no input", "logits"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("operator", "table", "start", "words"),
    REFUSED,
    ids=[f"{operator}: {words}" for operator, _, _, words in REFUSED],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, operator: str, table: str, start: str, words: str
) -> None:
    line = refusal(written(tmp_path, operator, table))
    assert line.startswith(start)
    assert words in line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"theme: t\ncases: [\n", "x.yaml:3: is not YAML: "),
        (b"theme: t\ncases:\n  - id: a\n   operator: b\n", "x.yaml:4: is not YAML: "),
        (b"theme: t\ncases:\n\t- id: a\n", "x.yaml:3: is not YAML: "),
        (b"theme: \xff\xfe\n", "x.yaml: is not UTF-8 text; save it as UTF-8"),
        (b"theme: t\n", "x.yaml:1: the file: object missing required field `cases`; add `cases`"),
        (b"cases: []\n", "x.yaml:1: the file: object missing required field `theme`; add `theme`"),
        (b"theme: t\ncases: []\n", "x.yaml:2: there is no case; add one, or remove the file"),
        (b"theme: t\ncases: 3\n", "x.yaml:2: cases: expected `array`, got `str`; correct it"),
        (b"- a\n", "x.yaml:1: the file: expected `object`, got `array`; correct it"),
        (b"", "x.yaml:1: the file: expected `object`, got `null`; correct it"),
        (b"theme: t\nthemes: u\ncases: []\n", "x.yaml:2: the file: object contains unknown field `themes`; the known keys are theme, cases"),
        (b"theme: !!python/object:os.system t\ncases: []\n", "x.yaml:1: tag "),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_line(tmp_path: Path, text: bytes, line: str) -> None:
    (tmp_path / "x.yaml").write_bytes(text)
    assert refusal(tmp_path).startswith(line)


@pytest.mark.parametrize("key", ["id", "operator", "source", "why"])
@pytest.mark.parametrize("kept", [True, False])
def test_compulsory_words(tmp_path: Path, key: str, kept: bool) -> None:
    text = (written(tmp_path, "softmax", ROW) / "x.yaml").read_text()
    emptied = re.sub(rf"{key}: .*", f'{key}: ""', text, count=1)
    removed = re.sub(rf"(  - | {{4}}){key}: .*\n( {{4}})?", r"\1", text, count=1)
    (tmp_path / "x.yaml").write_text(emptied if kept else removed)
    line = refusal(tmp_path)
    if not kept:
        assert line.startswith("x.yaml:3: cases[0]: ")
        assert f"missing required field `{key}`; add `{key}`" in line
    elif key != "operator":
        assert f"`{key}` is empty; say the {key}" in line


def test_an_id_is_there_once_in_a_file_and_over_all_files(tmp_path: Path) -> None:
    text = (written(tmp_path, "softmax", ROW) / "x.yaml").read_text()
    file = tmp_path / "x.yaml"
    file.write_text(text + text.removeprefix(HEAD))
    assert refusal(tmp_path) == "x.yaml:9: id `a` is also in x.yaml:3; rename one"
    file.write_text(text)
    (tmp_path / "y.yaml").write_text("# the same again\n" + text)
    assert refusal(tmp_path) == "y.yaml:4: id `a` is also in x.yaml:3; rename one"


@pytest.mark.parametrize("name", ["A", "a b", "-a", "a/b", "a_b", "ä"])
def test_an_id_is_one_word_of_plain_letters(tmp_path: Path, name: str) -> None:
    line = refusal(written(tmp_path, "softmax", ROW, name=name))
    assert line == f"x.yaml:3: case `{name}`: `{name}` is no id; use a-z, 0-9, `-` and `.`"


def test_a_folder_without_cases(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no case files; add a \.yaml file"):
        load(tmp_path)
    with pytest.raises(UserError, match="has no case files"):
        load(tmp_path / "nowhere")


# The same through the command line: exit status 4, one line, no traceback.


def pytest_with(folder: Path) -> subprocess.CompletedProcess[str]:
    options = ["--framework=numpy", f"--cases={folder}", f"--results={folder}/results"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)


def test_the_command_line_says_it_in_one_line(tmp_path: Path) -> None:
    done = pytest_with(written(tmp_path, "softmax", "rows:\n  r: {logits: [[1, 2]]}"))
    assert done.returncode == 4
    (line,) = (line for line in done.stderr.splitlines() if line.strip())
    assert line.startswith(f"ERROR: {tmp_path}/x.yaml:8: case `a`: rows.r.logits: ")
    assert "Traceback" not in done.stdout + done.stderr


def test_a_claim_that_its_case_does_not_fit_is_one_line_too(tmp_path: Path) -> None:
    table = CLAIM + "{says: s, check: 'value[7] == 1', holds: true}"
    done = pytest_with(written(tmp_path, "sigmoid", table))
    assert done.returncode == 4
    assert "x.yaml:3: case `a`: `value[7] == 1`: there are only 1 numbers" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
