"""The vectors: their schema, what they say of a truth, and the example that judges by them."""

from __future__ import annotations

import ast
import copy
import dataclasses
import io
import json
import math
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import msgspec
import numpy as np
import pytest

from conformance import cases, vectors
from conformance.__main__ import main
from conformance.case import Case
from conformance.judge import judge
from conformance.measure import as_call
from conformance.results import VERDICTS
from conformance.vector_lines import Line, Numbers, Quantity, Vector, schema, text
from conformance.vectors import Selection, vector, write, write_schema
from reference.bounds import Bounds, bounds
from reference.evaluation import evaluate
from reference.formats import FORMATS, Floats, Format
from reference.operators import OPERATORS
from reference.problem import Problem
from reference.truth import Truth

ROOT = Path(__file__).parents[1]
COMMITTED = ROOT / "docs" / "vectors.schema.json"
PAGE = ROOT / "docs" / "vectors.md"
EXAMPLE = ROOT / "examples" / "judge_vectors.py"
CASES = """theme: a theme
cases:
  - id: entropy
    operator: softmax_cross_entropy_index
    source: a source
    why: A tie that no precision breaks, overflow on the way, infinite and undefined truths.
    rows:
      easy: {logits: [1, 2, 3], labels: 0}
      margin: {logits: [0, 40, 1], labels: 1}
      tie: {logits: [16777216, -1, 0], labels: 1}
      overflow: {logits: [800, 0, 1], labels: 1}
      largest: {logits: [max, -1*max, 0], labels: 1}
      masked: {logits: [1, -inf, 3], labels: 0}
      masked label: {logits: [1, -inf, 3], labels: 1}
      a limit: {logits: [inf, 1, 3], labels: 0}
      undefined: {logits: [nan, 1, 3], labels: 0}
  - id: kinks
    operator: leaky_relu
    source: a source
    why: Kinks.
    parameters: {negative_slope: 0.1}
    rows:
      zero: {x: 0, upstream: 3}
      "zero, turned": {x: 0, upstream: -3}
      above: {x: subnormal, upstream: -1}
      below: {x: -2, upstream: 1/3}
  - id: subnormals
    operator: softmax
    source: a source
    why: Subnormal results, and one class of no weight.
    rows:
      float32: {logits: [0, -95, -100, -200]}
      float64: {logits: [0, -720, -740, -800]}
      float16: {logits: [0, -11, -16, -inf]}
  - id: weights
    operator: softmax_cross_entropy_index
    source: a source
    why: Arrays and integers among the parameters, a reduced value.
    dtypes: [float32]
    parameters: {class_weights: [1, 0.1, 3], ignore_index: -100}
    reduction: weighted_mean
    rows:
      kept: {logits: [1, 2, 3], labels: 0}
      ignored: {logits: [1, 2, 3], labels: -100}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("cases")
    (made / "a.yaml").write_text(CASES)
    return made


@pytest.fixture(scope="module")
def loaded(folder: Path) -> list[Case]:
    return cases.load(folder)


@pytest.fixture(scope="module")
def file(folder: Path, loaded: list[Case]) -> Path:
    out = folder / "vectors.jsonl"
    write(loaded, folder, Selection(), out)
    return out


@pytest.fixture(scope="module")
def lines(file: Path) -> list[dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in file.read_text().splitlines()]


def rational(number: str) -> Fraction:
    """The exact value of a hexadecimal number, of any exponent."""
    digits, power = re.fullmatch(r"(-?0x[01](?:\.[0-9a-f]+)?)p([+-]\d+)", number).groups()
    return Fraction(float.fromhex(digits)) * Fraction(2) ** int(power)


# The schema.


JSON = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "null": type(None),
}


class Validator:
    """A JSON Schema of the keywords that have a method here, and no others."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.root = schema

    def __call__(self, value: Any, rule: dict[str, Any] | None = None) -> bool:
        rule = self.root if rule is None else rule
        words = {key.strip("$"): key for key in rule}
        return all(
            getattr(self, word)(value, rule[key], rule)
            for word, key in words.items()
            if word not in ("schema", "defs", "title", "description", "discriminator")
        )

    def ref(self, value: Any, name: str, _: Any) -> bool:
        return self(value, self.root["$defs"][name.removeprefix("#/$defs/")])

    def anyOf(self, value: Any, options: list[Any], _: Any) -> bool:  # noqa: N802
        return any(self(value, option) for option in options)

    def enum(self, value: Any, options: list[Any], _: Any) -> bool:
        return value in options

    def type(self, value: Any, name: str, _: Any) -> bool:
        return isinstance(value, JSON[name]) and isinstance(value, bool) == (name == "boolean")

    def pattern(self, value: Any, pattern: str, _: Any) -> bool:
        return not isinstance(value, str) or re.search(pattern, value) is not None

    def minimum(self, value: Any, least: int, _: Any) -> bool:
        return not isinstance(value, int) or value >= least

    def items(self, value: Any, rule: Any, _: Any) -> bool:
        return not isinstance(value, list) or all(self(item, rule) for item in value)

    def required(self, value: Any, names: list[str], _: Any) -> bool:
        return not isinstance(value, dict) or set(names) <= set(value)

    def properties(self, value: Any, rules: Any, _: Any) -> bool:
        known = set(rules) & set(value) if isinstance(value, dict) else ()
        return all(self(value[name], rules[name]) for name in known)

    def additionalProperties(self, value: Any, given: Any, rule: Any) -> bool:  # noqa: N802
        more = set(value) - set(rule.get("properties", ())) if isinstance(value, dict) else ()
        return not more if given is False else all(self(value[name], given) for name in more)


def test_the_committed_schema_is_that_of_the_structs(tmp_path: Path) -> None:
    remedy = "python -m conformance vectors docs/vectors.schema.json --schema"
    write_schema(tmp_path / "schema.json")
    assert COMMITTED.read_bytes() == (tmp_path / "schema.json").read_bytes(), remedy
    assert json.loads(COMMITTED.read_text()) == schema()


def test_every_line_is_as_the_schema_says(file: Path, lines: list[dict[str, Any]]) -> None:
    valid = Validator(json.loads(COMMITTED.read_text()))
    assert all(valid(line) for line in lines)
    decoder = msgspec.json.Decoder(Line)
    for line in file.read_bytes().splitlines():
        decoder.decode(line)


def _first(quantity: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(line: dict[str, Any]) -> None:
        line["quantities"]["value"][quantity][0] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.pop("schema"),
        lambda line: line.update(schema=2),
        lambda line: line.update(more=1),
        lambda line: line.update(kind="case"),
        lambda line: line["inputs"]["logits"].update(kind="integers"),
        lambda line: line["quantities"]["value"].pop("lo"),
        _first("hi", None),
        _first("hi", "1.5"),
        _first("hi", "-nan"),
        _first("rd", 1),
        _first("shape", -1),
        lambda line: line["quantities"]["value"].update(policy="should"),
    ],
)
def test_the_schema_refuses(
    change: Callable[[dict[str, Any]], None], lines: list[dict[str, Any]]
) -> None:
    valid = Validator(json.loads(COMMITTED.read_text()))
    line = copy.deepcopy(next(line for line in lines if line.get("case") == "entropy"))
    assert valid(line)
    change(line)
    assert not valid(line)


def test_the_page_explains_every_field() -> None:
    page = PAGE.read_text()
    for definition in schema()["$defs"].values():
        for name in definition["properties"]:
            assert f"`{name}`" in page, name
    for link in re.findall(r"\]\(([^)]+)\)", page):
        assert (PAGE.parent / link).is_file(), link


def test_every_field_of_a_problem_is_written() -> None:
    """A problem that says more needs a further field, and perhaps a new version of the format."""
    said = {field.name for field in dataclasses.fields(Problem)}
    assert said - {"format"} <= {field.name for field in msgspec.structs.fields(Vector)}


# The file.


def test_header_problems_and_footer_agree(lines: list[dict[str, Any]]) -> None:
    header, *problems, footer = lines
    assert [line["kind"] for line in lines] == ["header", *["problem"] * len(problems), "footer"]
    names = [(p["case"], p["dtype"]) for p in problems]
    assert names == sorted(names)
    assert len(names) == header["problems"] == footer["problems"] == 13
    found = [p["operator"] for p in problems]
    assert header["operators"] == {name: found.count(name) for name in set(found)}
    quantities = [q for p in problems for q in p["quantities"].values()]
    assert footer["quantities"] == len(quantities)
    assert footer["outputs"] == sum(math.prod(q["shape"]) for q in quantities)
    assert footer["undecided"] == 0
    for name, format in FORMATS.items():
        said = header["dtypes"][name]
        assert (said["p"], said["emin"], said["emax"]) == (format.p, format.emin, format.emax)
        for key in ("max", "tiny", "subnormal"):
            assert float.fromhex(said[key]) == getattr(format, key)


def test_same_input_same_bytes(file: Path, loaded: list[Case], folder: Path) -> None:
    again = folder / "again.jsonl"
    write(list(reversed(loaded)), folder, Selection(), again)
    assert again.read_bytes() == file.read_bytes()


def test_a_selection(file: Path, loaded: list[Case], folder: Path) -> None:
    out = folder / "part.jsonl"
    chosen = Selection(operator=["softmax*"], case=["entropy", "sub*"], dtype=["float64"])
    footer = write(loaded, folder, chosen, out)
    lines = out.read_bytes().splitlines()
    assert footer.problems == len(lines) - 2 == 2
    assert set(lines[1:-1]) <= set(file.read_bytes().splitlines())
    selection = "--operator softmax* --case entropy --case sub* --dtype float64"
    assert json.loads(lines[0])["selection"] == selection


def test_the_file_appears_when_it_is_complete(
    folder: Path, loaded: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "vectors.jsonl"
    out.write_text("what stood there before")

    def interrupted(*_: Any) -> None:
        assert [path.name for path in tmp_path.iterdir()] != [out.name]
        raise KeyboardInterrupt

    monkeypatch.setattr(vectors, "vector", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(loaded, folder, Selection(), out)
    assert out.read_text() == "what stood there before"
    assert list(tmp_path.iterdir()) == [out]


def test_the_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "vectors.jsonl"
    assert main(["vectors", str(out), "--cases", str(folder), "--case", "kinks"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{out}: 4 problems, 8 quantities, 32 outputs, 0.0 MB\n"
    assert captured.err == ""
    assert main(["vectors", str(out), "--schema"]) == 0
    assert out.read_bytes() == COMMITTED.read_bytes()


@pytest.mark.parametrize(
    ("out", "options", "message"),
    [
        ("", [], ".: is not a file; give the name of a file to write"),
        ("folder", [], "folder: is not a file; give"),
        ("none/vectors", [], "none/vectors: cannot be written (no such file or directory); check"),
        ("file/vectors", [], "file/vectors: cannot be written (not a directory); check"),
        ("v" * 300, [], "cannot be written (file name too long); check"),
        ("folder", ["--schema"], "folder: is not a file; give"),
        ("new", ["--dtype", "float31"], "nothing matches --dtype float31; `python -m"),
        ("new", ["--case", "kinks", "--operator", "softmax"], "nothing matches --operator softmax"),
        ("new", ["--cases", "none"], "none: has no case files"),
    ],
)
def test_what_cannot_be_written_is_one_line(
    out: str,
    options: list[str],
    message: str,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").touch()
    assert main(["vectors", out, "--cases", str(folder), *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder"}


def test_no_bound_no_vector(loaded: list[Case], monkeypatch: pytest.MonkeyPatch) -> None:
    def unbounded(problem: Problem, flush: bool = False) -> dict[str, Bounds]:
        found = bounds(problem, flush)
        found["value"].strict[0] = math.nan if flush else 1.0
        return found

    kinks = next(case for case in loaded if case.id == "kinks")
    monkeypatch.setattr(vectors, "bounds", unbounded)
    with pytest.raises(vectors.UserError, match="`kinks` has an output without a bound in float32"):
        vector(kinks, FORMATS["float32"])


# What a line says.


@dataclasses.dataclass
class World:
    """A line as it was written, and what it was made from."""

    line: dict[str, Any]
    problem: Problem
    truths: dict[str, Truth]
    gradual: dict[str, Bounds]
    flushed: dict[str, Bounds]


def world(case: Case, format: Format) -> World:
    problem = case.problem(format)
    line = msgspec.to_builtins(vector(case, format))
    return World(line, problem, evaluate(problem), bounds(problem), bounds(problem, flush=True))


def floats(texts: list[str | None]) -> Floats:
    return np.array([math.nan if text is None else float.fromhex(text) for text in texts])


def test_text_is_exact() -> None:
    for number, expected in (
        (3.0, "0x1.8p+1"),
        (-1.0, "-0x1p+0"),
        (0.0, "0x0p+0"),
        (-0.0, "-0x0p+0"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
        (5e-324, "0x0.0000000000001p-1022"),
    ):
        assert text(number) == expected
        assert str(float.fromhex(expected)) == str(number)
    assert text(0.75, -1074) == "0x1.8p-1075"
    assert text(0.0, -1074) == "0x0p+0"
    assert rational("-0x1.8p-1075") == Fraction(-3, 2**1076)


@pytest.mark.parametrize("name", ["entropy", "kinks", "subnormals", "weights"])
def test_a_line_holds_the_problem_and_its_truths(name: str, loaded: list[Case]) -> None:
    case = next(case for case in loaded if case.id == name)
    for dtype in case.dtypes:
        made = world(case, FORMATS[dtype])
        line, problem = made.line, made.problem
        assert line["file"] == f"{case.file.parent.name}/a.yaml:{case.line}"
        assert line["rows"] == list(case.rows)
        for key, array in problem.inputs.items():
            given = line["inputs"][key]
            is_float = given["kind"] == "numbers"
            values = floats(given["values"]) if is_float else np.array(given["values"])
            np.testing.assert_array_equal(values.reshape(given["shape"]), array)
        given = line["upstream"]
        np.testing.assert_array_equal(
            floats(given["values"]).reshape(given["shape"]), problem.upstream
        )
        assert tuple(line["quantities"]) == as_call(case, problem).quantities
        for q, quantity in line["quantities"].items():
            _check_quantity(quantity, made.truths[q], made.gradual[q], FORMATS[dtype])


def _check_quantity(quantity: dict[str, Any], truth: Truth, bound: Bounds, format: Format) -> None:
    assert tuple(quantity["shape"]) == truth.hi.shape
    nearest, down, up = (array.reshape(-1) for array in truth.rounded(format))
    for key, expected in (("hi", truth.hi), ("lo", truth.lo), ("rn", nearest)):
        np.testing.assert_array_equal(floats(quantity[key]), expected.reshape(-1))
    for key, expected in (("rd", down), ("ru", up)):
        np.testing.assert_array_equal(floats(quantity[key]), expected)
    for i, hi in enumerate(truth.hi.reshape(-1)):
        assert (quantity["rn"][i] is None) == (math.isnan(nearest[i]) and not math.isnan(hi))
        owed = math.isfinite(hi) and not math.isinf(nearest[i])
        if owed:
            ulp = Fraction(math.ulp(hi))
            assert rational(quantity["lo"][i]) == Fraction(truth.tail.flat[i]) * ulp
            radius = Fraction(truth.radius.flat[i]) * ulp
            rest = abs(rational(quantity["lo"][i]))
            assert radius + rest / 2**53 <= rational(quantity["radius"][i])
            assert rational(quantity["radius"][i]) <= (radius + rest / 2**52) * (
                1 + Fraction(1, 64)
            )
        for key in ("strict", "baseline"):
            assert (quantity[key][i] is not None) == owed
            if owed:
                assert float.fromhex(quantity[key][i]) == getattr(bound, key).flat[i]
    assert quantity["may"] == np.flatnonzero(truth.nan).tolist()
    assert quantity["policy"] == ("may" if truth.nan.any() else "must")


def test_the_pair_is_the_truth(lines: list[dict[str, Any]]) -> None:
    """Against mpmath, from the file alone."""
    entropy = next(line for line in lines if line.get("case") == "entropy")
    value, logits = entropy["quantities"]["value"], entropy["inputs"]["logits"]
    labels = entropy["inputs"]["labels"]["values"]
    scores = floats(logits["values"]).reshape(logits["shape"])
    with mpmath.workprec(2000):
        for i in range(4):
            row = [mpmath.mpf(x) for x in scores[i].tolist()]
            exact = mpmath.log(mpmath.fsum(map(mpmath.exp, row))) - row[labels[i]]
            pair = rational(value["hi"][i]) + rational(value["lo"][i])
            error = abs(mpmath.mpf(pair.numerator) / pair.denominator - exact)
            radius = rational(value["radius"][i])
            assert error <= mpmath.mpf(radius.numerator) / radius.denominator
            assert radius <= rational(value["hi"][i]) / 2**70


def test_parameters_are_those_of_the_case_and_the_defaults_the_rest(
    lines: list[dict[str, Any]],
) -> None:
    (weights,) = (line for line in lines if line.get("case") == "weights")
    third = {"kind": "numbers", "shape": [3], "values": ["0x1p+0", "0x1.99999ap-4", "0x1.8p+1"]}
    assert weights["parameters"] == {"class_weights": third, "ignore_index": -100}
    zero = {"kind": "numbers", "shape": [], "values": ["0x0p+0"]}
    assert weights["defaults"]["label_smoothing"] == zero
    given = OPERATORS["softmax_cross_entropy_index"].parameters
    assert set(weights["defaults"]) == set(given) - set(weights["parameters"])
    assert weights["upstream"] == {"kind": "numbers", "shape": [], "values": ["0x1p+0"]}
    assert weights["inputs"]["labels"]["values"] == [0, -100]
    entropy = next(line for line in lines if line.get("case") == "entropy")
    assert entropy["parameters"] == {}
    assert entropy["defaults"]["class_weights"] is None


def test_what_is_open_free_or_a_set(lines: list[dict[str, Any]]) -> None:
    found = {(line["case"], line["dtype"]): line for line in lines if line["kind"] == "problem"}
    value = found["entropy", "float32"]["quantities"]["value"]
    tie = 2
    assert [i for i, rn in enumerate(value["rn"]) if rn is None] == [tie]
    assert (value["rd"][tie], value["ru"][tie]) == ("0x1p+24", "0x1.000002p+24")
    assert (value["policy"], value["may"]) == ("may", [7])
    gradient = found["kinks", "float32"]["quantities"]["gradient.x"]
    # 3 times the slope of 0.1 is no number of float32: the interval is rounded outwards.
    slope = 3 * rational(found["kinks", "float32"]["parameters"]["negative_slope"]["values"][0])
    kink, turned = gradient["kinks"]
    assert (kink["index"], turned["index"]) == (0, 1)
    assert 0 < slope - rational(kink["lower"]) < Fraction(2) ** -25
    assert kink["upper"] == "0x1.8p+1"
    assert turned["lower"] == "-0x1.8p+1"
    assert turned["upper"] == f"-{kink['lower']}"
    subnormals = found["subnormals", "float32"]["quantities"]["value"]
    tiny = FORMATS["float32"].tiny
    below = [i for i, hi in enumerate(floats(subnormals["hi"])) if 0 < hi < tiny]
    flush = {entry["index"]: entry for entry in subnormals["flush"]}
    assert below
    for i in below:
        assert rational(flush[i]["strict"]) > rational(subnormals["strict"][i])


def test_flushed_bounds_are_given_where_one_of_them_differs() -> None:
    gradual = Bounds(np.array([1.0, 1.0, 1.0, 1.0]), np.array([2.0, 2.0, 2.0, 2.0]))
    flushed = Bounds(np.array([1.0, 1.5, 1.0, 1.5]), np.array([2.0, 2.0, 2.5, 2.5]))
    owed = np.array([True, True, True, False])
    given = vectors._flushed(gradual, flushed, owed)
    assert [(entry.index, entry.strict, entry.baseline) for entry in given] == [
        (1, "0x1.8p+0", "0x1p+1"),
        (2, "0x1p+0", "0x1.4p+1"),
    ]


def test_numbers_of_any_kind() -> None:
    made = vectors._facts({"a": 0.5, "b": True, "c": None, "d": "text", "e": np.array([True])})
    assert made["a"] == Numbers(shape=[], values=["0x1p-1"])
    assert (made["b"], made["c"], made["d"]) == (True, None, "text")
    assert msgspec.to_builtins(made["e"]) == {"kind": "booleans", "shape": [1], "values": [True]}


# The example.


@pytest.fixture(scope="module")
def example() -> Callable[[float, dict[str, Any], int], str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.StringIO())
        return runpy.run_path(str(EXAMPLE))["judge"]


def test_the_example_is_short_and_needs_nothing() -> None:
    source = EXAMPLE.read_text()
    assert len(source.splitlines()) <= 40
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import)]
    names = {alias.name for node in imports for alias in node.names}
    assert names <= {"json", "math", "sys"}
    assert "from " not in re.sub(r'""".*?"""', "", source, flags=re.DOTALL)


def naive(logits: list[float], label: int) -> float | str:
    try:
        return -math.log(math.exp(logits[label]) / math.fsum(map(math.exp, logits)))
    except (ArithmeticError, ValueError) as error:
        return f"raised {type(error).__name__}"


def test_the_example_judges_as_the_suite_does(file: Path, loaded: list[Case]) -> None:
    with file.open() as stream:
        command = [sys.executable, "-I", str(EXAMPLE)]
        run = subprocess.run(command, stdin=stream, capture_output=True, text=True, check=True)
    entropy = next(case for case in loaded if case.id == "entropy")
    problem = entropy.problem(FORMATS["float64"])
    logits, labels = problem.inputs["logits"].tolist(), problem.inputs["labels"].tolist()
    got = [naive(*row) for row in zip(logits, labels, strict=True)]
    array = np.array([math.nan if isinstance(x, str) else x for x in got])
    codes = judge(array, evaluate(problem)["value"], bounds(problem)["value"], "float64").codes
    expected = [
        f"{x if isinstance(x, str) else VERDICTS[code]:20} entropy: {row}"
        for x, code, row in zip(got, codes, entropy.rows, strict=True)
    ]
    assert run.stdout.splitlines() == expected
    assert run.stderr == ""
    words = {line.split()[0] for line in expected}
    assert {"raised", "exact"} <= words


def outputs(truth: Truth, bound: Bounds, format: Format) -> Iterator[Floats]:
    """Outputs of every verdict: at, beside and far from the truth, at both bounds, and special."""
    hi = truth.hi
    _, down, up = truth.rounded(format)
    yield from (hi, down, up, -format.next_up(-down), format.next_up(up), -hi, 2 * hi, hi / 2)
    yield from (hi * (1 + 1e-3), hi * 1.49, hi * 1.5, hi * 0.51)
    for limit in (bound.strict, bound.baseline):
        for factor in (0.5, 0.99, 1.0, 1.01, 2.0):
            yield from (hi + factor * limit, hi - factor * limit)
    ends = (format.max, format.tiny, format.subnormal, 0.0, math.inf, math.nan)
    yield from (np.full(hi.shape, sign * end) for end in ends for sign in (1, -1))
    if truth.lower is not None and truth.upper is not None:
        low, high = format.floor(truth.lower), -format.floor(-truth.upper)
        yield from (low, high, (low + high) / 2, -format.next_up(-low), format.next_up(high))


def flushing(judged: str, got: float, quantity: dict[str, Any], i: int, tiny: float) -> str:
    """Line 5 of the page."""
    flushed = got == 0 and abs(float.fromhex(quantity["hi"][i])) < tiny
    return "strict" if flushed and judged not in ("exact", "faithful") else judged


def with_flush(quantity: dict[str, Any]) -> dict[str, Any]:
    """The quantity with the bounds of an implementation that flushes."""
    changed = {**quantity, "strict": quantity["strict"][:], "baseline": quantity["baseline"][:]}
    for entry in quantity["flush"]:
        for key in ("strict", "baseline"):
            changed[key][entry["index"]] = entry[key]
    return changed


@pytest.mark.parametrize("name", ["entropy", "kinks", "subnormals", "weights"])
def test_line_by_line_the_same_verdicts(
    name: str, loaded: list[Case], example: Callable[[float, dict[str, Any], int], str]
) -> None:
    case = next(case for case in loaded if case.id == name)
    seen: set[str] = set()
    for dtype in case.dtypes:
        made = world(case, FORMATS[dtype])
        for q in made.line["quantities"]:
            for flush in (False, True):
                seen |= _agree(made, q, FORMATS[dtype], flush, example)
    assert {"exact", "faithful", "strict", "inaccurate", "wrong"} <= seen


def _agree(
    made: World,
    q: str,
    format: Format,
    flush: bool,
    example: Callable[[float, dict[str, Any], int], str],
) -> set[str]:
    truth, limits = made.truths[q], (made.flushed if flush else made.gradual)[q]
    quantity = made.line["quantities"][q]
    quantity = with_flush(quantity) if flush else quantity
    seen = set()
    with np.errstate(all="ignore"):
        answers = [format.array(values) for values in outputs(truth, limits, format)]
    for answer in answers:
        codes = judge(answer, truth, limits, format.name, flush).codes.reshape(-1)
        for i, got in enumerate(answer.astype(np.float64).reshape(-1).tolist()):
            verdict = example(got, quantity, i)
            verdict = flushing(verdict, got, quantity, i, format.tiny) if flush else verdict
            assert verdict == VERDICTS[codes[i]], (made.line["dtype"], q, i, got, flush)
            seen.add(verdict)
    return seen


def test_undecided_truths_are_judged_alike(
    example: Callable[[float, dict[str, Any], int], str],
) -> None:
    """No case has such truths: wide enclosures, open ones, one without a number."""
    hi, no = np.array([1.0, 1.0, 3.0, math.inf, math.nan]), np.zeros(5, dtype=bool)
    radius = np.array([0.0, 1e9, 1e12, 0.0, 0.0])
    truth = Truth(hi, np.full(5, 0.25), radius, no, np.array([1, 0, 0, 1, 1]) == 1, 16384)
    limits = Bounds(np.full(5, 1e-7), np.full(5, 1e-3))
    format = FORMATS["float32"]
    quantity: Quantity = vectors._quantity(truth, limits, limits, format)
    made = World(
        {"dtype": "float32", "quantities": {"value": msgspec.to_builtins(quantity)}},
        None,  # type: ignore[arg-type]
        {"value": truth},
        {"value": limits},
        {"value": limits},
    )
    for flush in (False, True):
        seen = _agree(made, "value", format, flush, example)
        assert "undecided" in seen
