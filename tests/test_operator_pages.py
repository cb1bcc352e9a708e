"""The pages of the operators: whole, self-contained, and true to the reference."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import fake_results
import numpy as np
import pytest
from formula_values import Values
from numpy.typing import NDArray
from test_report import luminance

from conformance.report import build
from conformance.report.chart import heights
from conformance.report.curves import Curves, curves
from conformance.report.evidence import worst
from conformance.report.formula import FormulaError, mathml, parse
from conformance.report.glossary import term
from conformance.report.operator_pages import OUTPUTS, STYLES, documentation
from conformance.report.page import static
from reference.evaluation import evaluate
from reference.formats import FORMATS
from reference.operator import Input, Operator
from reference.operators import OPERATORS
from reference.problem import Problem
from reference.special_table import TABLE

C = 3
SECTIONS = (
    "formula", "inputs", "parameters", "derivatives", "conditioning", "bounds", "special", "apis",
    "related",
)  # fmt: skip
VOID = {"meta", "br", "link", "input", "img", "hr"}


# Formulas are true: a reader who computes them gets what the reference gives.


def point(operator: Operator) -> dict[str, Any]:
    """One row of easy inputs, and parameters that are not the defaults, by name."""
    rng = np.random.default_rng(zlib.crc32(operator.name.encode()))
    found = {i.name: _easy(rng, i) for i in operator.inputs}
    text = " ".join((operator.formula, *operator.derivatives.values()))
    for name, default in operator.parameters.items():
        letter = term(operator, name).symbol
        if name in operator.arrays:
            size = {"weights": (C, C), "pos_weight": ()}.get(name, (C,))
            found[name] = np.asarray(rng.uniform(0.5, 2, size))
        elif letter and name not in operator.words and re.search(rf"\b{letter}(?![a-z])", text):
            found[name] = 2.0 if name == "exponent" else 1.25 * default if default else 0.25
    return found


def _easy(rng: np.random.Generator, i: Input) -> NDArray[Any]:
    shape = (1,) if i.kind == "scalar" else (1, C)
    if i.kind == "index":
        return np.array([1])
    if i.name.startswith("log_") and i.kind == "vector":
        return np.asarray(-rng.uniform(0.2, 3, shape))
    if i.domain[0] == 0 or i.name == "labels":
        return np.asarray(rng.uniform(0.1, 0.9, shape))
    return np.asarray(rng.normal(0, 1, shape))


def true(operator: Operator, at: dict[str, Any], quantity: str, **asked: Any) -> NDArray[Any]:
    """A quantity of the reference at a point; of as many rows as a tangent or an upstream has."""
    names = {i.name: i.kind for i in operator.inputs}
    tangents = asked.get("tangents", {})
    count = len(next(iter(tangents.values()))) if tangents else len(asked.get("upstream", [0]))
    inputs = {name: np.repeat(at[name], count, axis=0) for name in names}
    shape = inputs[operator.inputs[0].name].shape
    upstream = asked.get("upstream", np.ones(shape if operator.output != "scalar" else count))
    parameters = {k: v for k, v in at.items() if k not in names}
    problem = Problem(
        operator.name, FORMATS["float64"], inputs, parameters, "none", upstream,
        tangents=tangents, quantities=("value", quantity) if quantity != "value" else ("value",),
    )  # fmt: skip
    return evaluate(problem)[quantity].hi


def letters(operator: Operator, at: dict[str, Any]) -> dict[str, Any]:
    """What the letters of the formulas stand for."""
    names = {i.name for i in operator.inputs}
    found = {"C": float(C)}
    for name, value in at.items():
        number = value[0] if name in names else value
        found[term(operator, name).symbol] = number if np.ndim(number) else float(number)
    found |= {term(operator, name).symbol: 0.0 for name in operator.words}  # the constant: none
    found["f"] = true(operator, at, "value")[0]
    return found


FORMULAS = [(o.name, "value") for o in OPERATORS.values()] + [
    (o.name, by) for o in OPERATORS.values() for by in o.derivatives
]


@pytest.mark.parametrize(("name", "by"), FORMULAS)
def test_formulas_are_true(name: str, by: str) -> None:
    operator = OPERATORS[name]
    at = point(operator)
    text = operator.formula if by == "value" else operator.derivatives[by]
    values = Values(letters(operator, at), operator.formula, text)
    for indices, expected in _expected(operator, at, by):
        assert values.value(**indices) == pytest.approx(expected, rel=1e-9, abs=1e-12), indices


def _expected(
    operator: Operator, at: dict[str, Any], by: str
) -> Iterator[tuple[dict[str, int], float]]:
    """Free indices of a formula and what the reference has there.

    f_k by x_i and x_j; the label is k where there is one.
    """
    classes = [int(at[i.name][0]) for i in operator.inputs if i.kind == "index"]
    label = {"k": k for k in classes}  # noqa: B035 - there is one at most
    rows = np.eye(C) if operator.output == "vector" else np.ones((1,))
    if by == "value":
        for j, expected in enumerate(true(operator, at, "value").reshape(-1)):
            yield {"j": j, **label}, expected
        return
    first, *second = by.split()
    for k, upstream in enumerate(rows):
        own = {"k": k} if operator.output == "vector" else label
        up = {"upstream": upstream[None]} if operator.output == "vector" else {}
        if not second:
            slopes = true(operator, at, f"gradient.{first}", **up).reshape(-1)
            if first == "weights":
                for n, expected in enumerate(slopes):
                    yield {"i": n // C, "j": n % C, **own}, expected
                continue
            for j, expected in enumerate(slopes):
                yield {"j": j, **own}, expected
            continue
        quantity = f"hvp.{first}" if first == second[0] else f"mixed.{first}.{second[0]}"
        width = at[second[0]].shape[-1]
        directions = np.eye(width) if at[second[0]].ndim == 2 else np.ones((1,))
        many = {"upstream": np.repeat(upstream[None], width, axis=0)} if up else {}
        found = true(operator, at, quantity, tangents={second[0]: directions}, **many)
        for j, column in enumerate(found.reshape(width, -1)):
            for i, expected in enumerate(column):
                yield {"i": i, "j": j, **own}, expected


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)
def test_every_derivative_by_an_input_has_a_formula(operator: Operator) -> None:
    assert {*operator.differentiable, *operator.arrays} <= operator.derivatives.keys()


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)
def test_every_input_and_parameter_has_a_meaning(operator: Operator) -> None:
    for name in (*(i.name for i in operator.inputs), *operator.parameters):
        assert term(operator, name).meaning, name


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("e^-x / sum_i e^x_i", "fraction"),
        ("-sum_{i != k} max(0, m - x_k + x_i)^q / C", "signed"),
        ("x for x > 0, alpha x otherwise", "cases"),
        ("w t, t = 1 / 2", "clauses"),
        ("T^2 KL(u || s)", "product"),
        ("ln |x|", "apply"),
    ],
)
def test_formulas_are_read(text: str, kind: str) -> None:
    assert parse(text).kind == kind
    ElementTree.fromstring(f"<p>{mathml(text)}</p>")  # noqa: S314 - our own


@pytest.mark.parametrize("text", ["", "x +", "(x", "x)", "^2", "x ? y", "e^", "sum_"])
def test_text_that_is_no_formula(text: str) -> None:
    with pytest.raises(FormulaError, match="no formula at"):
        parse(text)
    assert mathml(text).startswith("<code>")


def test_formulas_are_escaped() -> None:
    assert "<b>" not in mathml("<b> x </b>")
    assert "&lt;" in mathml("0 < x")


# The curves are those of the reference.


@pytest.mark.parametrize("name", OPERATORS)
def test_curves(name: str) -> None:
    drawn = curves(name)
    panels = [*drawn.shape, *drawn.conditioning, *drawn.bounds]
    assert len(drawn.shape) == 2
    assert len(drawn.bounds) == 4
    assert len(drawn.conditioning) == len(OPERATORS[name].differentiable) + 1
    for panel in panels:
        assert len(panel.heights) == len(panel.places) == len(drawn.sweep.settings)
    for panel in drawn.bounds:
        for strict, baseline in zip(panel.heights, panel.second, strict=True):
            inside = np.isfinite(strict)
            # Probabilities near 1 are 1 in bfloat16, where many a loss is infinite.
            assert inside.mean() > (0.5 if "bfloat16" in panel.title else 0.9), panel.title
            assert (strict[inside] <= baseline[inside]).all(), panel.title
    assert np.isfinite(np.concatenate(drawn.shape[0].heights)).mean() > 0.9


def test_conditioning_of_the_sigmoid() -> None:
    drawn = curves("sigmoid")
    x = drawn.points[0]
    expected = np.abs(x) / (1 + np.exp(x))  # |x| (1 - s)
    assert drawn.conditioning[0].heights[0] == pytest.approx(expected, rel=1e-6)


def test_axes_hold_what_is_drawn() -> None:
    drawn: Curves = curves("softmax")
    axis = heights("ulps", drawn.bounds)
    places = axis.placed(np.array([0.0, axis.low, axis.high, np.inf]))
    assert places.tolist() == [0, 0, 1, 1]
    assert np.isnan(axis.placed(np.array([np.nan])))
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks.values())


# The pages are whole.


class Page(HTMLParser):
    """A page: whether its elements are closed, its ids, its links, its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "pre"):
            self.words.append(data)

    @property
    def ids(self) -> set[str | None]:
        return {attributes["id"] for _, attributes in self.elements if "id" in attributes}

    @property
    def links(self) -> list[str]:
        return [a["href"] or "" for tag, a in self.elements if tag == "a"]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of made-up results, which lack most operators."""
    folder = tmp_path_factory.mktemp("operators")
    paths, findings = fake_results.write(folder, per_operator=2)
    build(paths, findings, folder / "out")
    return folder / "out"


@pytest.fixture(scope="module")
def pages(out: Path) -> dict[str, Page]:
    return {
        path.stem: Page(path.read_text(encoding="utf-8")) for path in (out / "operators").iterdir()
    }


def test_every_operator_has_a_page(pages: dict[str, Page]) -> None:
    assert pages.keys() == {"index", *OPERATORS}


@pytest.mark.parametrize("name", OPERATORS)
def test_every_page_has_its_sections(name: str, pages: dict[str, Page]) -> None:
    page = pages[name]
    assert set(SECTIONS) <= page.ids
    assert page.open == []
    text = " ".join(page.words)
    operator = OPERATORS[name]
    assert OUTPUTS[operator.output] in text
    for word in (*(i.name for i in operator.inputs), *operator.parameters, *operator.quantities):
        assert word in page.words, word
    assert all(
        special.case.replace("-inf", "−∞").replace("+inf", "+∞") in page.words
        for special in TABLE.get(name, ())
    )
    told = text.split("Public APIs that compute it")[0]
    assert not re.search(r"\bnan\b|\binf\b|\bNone\b(?! in| of)|Undefined", told)


def test_every_chart_says_what_it_shows(pages: dict[str, Page]) -> None:
    charts = [a for p in pages.values() for t, a in p.elements if t == "svg" and "role" in a]
    assert len(charts) > 6 * len(OPERATORS)
    assert all(len(a["aria-label"] or "") > 20 for a in charts)


def test_links_resolve(pages: dict[str, Page], out: Path) -> None:
    main = Page((out / "index.html").read_text(encoding="utf-8"))
    views = {"matrix", "accuracy", "checks", "findings", "guide"}
    for page in pages.values():
        for link in page.links:
            if re.match(r"https?://", link):
                continue
            path, _, place = link.partition("#")
            if path == "../index.html":
                head = re.split(r"[?/]", place)[0]
                assert head in {"", *views} or unquote(place) in main.ids, link
            elif path == "../porting.html":
                assert (out / "porting.html").exists()
            elif path == "../policies/index.html":
                assert (out / "policies" / "index.html").exists()
            else:
                target = pages[path.removesuffix(".html")] if path else page
                assert not place or place in target.ids, link
    assert {"operators/index.html", "policies/index.html"} <= set(main.links)


def test_loads_nothing(pages: dict[str, Page], out: Path) -> None:
    for name, page in pages.items():
        text = (out / "operators" / f"{name}.html").read_text(encoding="utf-8")
        assert "default-src 'none'; style-src 'unsafe-inline'" in text
        assert not re.search(r"@import|url\(|javascript:", text)
        for tag, attributes in page.elements:
            assert tag not in ("script", "link", "img", "iframe", "object", "embed", "base")
            assert "src" not in attributes
            assert not any(attribute.startswith("on") for attribute in attributes)


def test_implementations_and_their_worst_verdicts(pages: dict[str, Page]) -> None:
    for framework in ("torch", "tensorflow", "jax"):
        for i in fake_results.implementations(framework):
            page = pages[i["operator"]]
            if i["control"]:
                assert i["name"] not in page.words
                continue
            assert i["name"] in page.words
            own = [c for c in fake_results.checks(framework, 2) if c["implementation"] == i["name"]]
            for dtype in {c["dtype"] for c in own}:
                verdicts = {c["verdict"]: 1 for c in own if c["dtype"] == dtype}
                cells = [
                    a["class"] or ""
                    for t, a in page.elements
                    if t == "a" and "cell" in (a.get("class") or "")
                    and f"framework={framework}&" in (a["href"] or "")
                    and unquote(a["href"] or "").endswith(f"={i['name']}&dtype={dtype}")
                ]  # fmt: skip
                assert cells == [f"cell v-{worst(verdicts)}"]


def test_an_operator_without_results(pages: dict[str, Page]) -> None:
    (name, *_) = OPERATORS.keys() - fake_results.INPUTS.keys()
    assert "None in these results." in pages[name].words


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ({"exact": 3, "wrong": 1, "unsupported": 2}, "wrong"),
        ({"exact": 1}, "exact"),
        ({"unsupported": 1}, "unsupported"),
        ({}, None),
    ],
)
def test_worst(verdicts: dict[str, int], expected: str | None) -> None:
    assert worst(verdicts) == expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://a.b/c/torch.nn.Softmax.html", "torch.nn.Softmax"),
        ("https://a.b/c.html#tf.d", "tf.d"),
        ("see https://a.b/c/d and e", "https://a.b/c/d"),
    ],
)
def test_documentation(text: str, shown: str) -> None:
    page = Page(documentation(text))
    assert shown in page.words
    assert page.links == [re.findall(r"https?://\S+", text)[0]]


def test_curves_stand_out_from_the_ground() -> None:
    colours = dict(re.findall(r"--(c\d|paper): light-dark\((.*?)\)", static("css", STYLES)))
    assert colours.keys() == {"c0", "c1", "c2", "paper"}
    light, dark = zip(*(colours[name].split(", ") for name in sorted(colours)), strict=True)
    for *curves_, paper in (light, dark):
        ground = luminance(paper)
        for ink in map(luminance, curves_):
            assert (max(ground, ink) + 0.05) / (min(ground, ink) + 0.05) > 4.5


def test_hostile_text_is_escaped(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    records = fake_results.records("torch", 1)
    for record in records:
        if record["kind"] == "implementation":
            record |= {"code": hostile, "documentation": f"{hostile} javascript:alert(2)"}
    path = fake_results.write_records(tmp_path / "torch.jsonl", records)
    build([path], tmp_path, tmp_path / "out")
    text = (tmp_path / "out" / "operators" / "softplus.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert hostile in Page(text).words


def test_same_bytes(out: Path, tmp_path: Path) -> None:
    folder = out.parent
    build(sorted((folder / "results").iterdir()), folder / "findings", tmp_path)
    for path in (out / "operators").iterdir():
        assert (tmp_path / "operators" / path.name).read_bytes() == path.read_bytes()
