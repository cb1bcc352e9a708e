"""The porting guide: what it lists was measured, its order, and that a question needs a proof."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import fake_results
import pytest
import yaml

from conformance.__main__ import main
from conformance.errors import UserError
from conformance.report.porting import arguments, questions
from conformance.report.porting.guide import Guide, Signature, guide
from conformance.report.porting.pages import groups, write_porting
from conformance.report.read import read

MEAN = Signature("sigmoid_cross_entropy", ("pos_weight",), "mean")
ROWS = {
    "torch": {
        "F.loss": "F.loss(logits, labels, pos_weight=pos_weight, reduction=reduction)",
        "composed": "(pos_weight * f(labels, logits)).mean()",
        "clipped": "f(logits.clamp(0, 1), labels)",
    },
    "jax": {"optax.loss": "optax.loss(labels, logits)", "wrong": "optax.loss(logits, labels)"},
}
SIGNATURES = {
    "F.loss": "(input, target, pos_weight=None, reduction='mean')",
    "optax.loss": "(labels, predictions, axis=-1)",
}
QUESTION: dict[str, Any] = {
    "id": "pos-weight",
    "question": "pos_weight in optax?",
    "operator": "sigmoid_cross_entropy",
    "options": ["pos_weight"],
    "reduction": "mean",
    "from": {"torch": ["F.loss"]},
    "to": {"jax": ["optax.loss"]},
    "explanation": "The order differs.",
    "sources": ["https://example.org/thread"],
}
Verdicts = dict[tuple[str, str], str]
"""Implementation and dtype -> verdict; `baseline` for what is not named."""


def records(framework: str, verdicts: Verdicts) -> list[dict[str, Any]]:
    """The results of two cases: one with pos_weight and a mean, one plain."""
    header = {**fake_results.records(framework, 1)[0], "framework": framework}
    names = ROWS[framework]
    told = [
        {
            "kind": "implementation",
            "name": name,
            "operator": MEAN.operator,
            "code": code,
            "modes": ["eager"],
        }
        for name, code in names.items()
    ]
    told += [
        {"kind": "signature", "function": name, "arguments": SIGNATURES[name]}
        for name in names
        if name in SIGNATURES
    ]
    case = fake_results._case(MEAN.operator, 0)
    told += [
        {**case, "case": "weighted", "options": ["pos_weight"], "reduction": "mean"},
        {**case, "case": "plain"},
    ]
    for name, code in names.items():
        for options, reduction in ((["pos_weight"], "mean"), ([], "none")):
            text = code.replace("=reduction", f"='{reduction}'")
            own = {"implementation": name, "options": options, "reduction": reduction}
            told.append({"kind": "expression", **own, "code": text})
    checks = [
        {
            "kind": "check",
            "operator": MEAN.operator,
            "implementation": name,
            "case": case_name,
            "dtype": dtype,
            "mode": "eager",
            "quantity": quantity,
            "verdict": verdicts.get((name, dtype), "baseline"),
            "counts": {},
            "outputs": 1,
            "over_bound": 0.5,
        }
        for name in names
        for case_name in ("weighted", "plain")
        for dtype in ("float16", "float32")
        for quantity in ("value", "gradient.logits")
    ]
    counts: dict[str, int] = {}
    for check in checks:
        counts[check["verdict"]] = counts.get(check["verdict"], 0) + 1
    footer = {"kind": "footer", "checks": len(checks), "verdicts": counts, "complete": True}
    return [header, *told, *checks, footer]


def finding(name: str, implementation: str, dtype: str) -> dict[str, Any]:
    found = dict(fake_results.FINDINGS["torch"][0])
    pattern = {
        "implementation": implementation,
        "case": "*",
        "dtype": [dtype],
        "mode": ["eager"],
        "quantity": ["value", "gradient.logits"],
    }
    return {**found, "id": name, "checks": [pattern], "verdict": ["wrong"], "over_bound": [0.1, 1]}


def built(folder: Path, verdicts: Verdicts, known: dict[str, list[Any]] | None = None) -> Guide:
    """The guide of made-up results, which stay in the folder."""
    (folder / "findings").mkdir(exist_ok=True)
    (folder / "results").mkdir(exist_ok=True)
    for framework, found in (known or {}).items():
        file = folder / "findings" / f"{framework}.yaml"
        file.write_text(yaml.safe_dump(found), encoding="utf-8")
    files = [
        fake_results.write_records(folder / "results" / f"{name}.jsonl", records(name, verdicts))
        for name in ROWS
    ]
    return guide(read(files, folder / "findings"))


def asked(folder: Path, **changed: Any) -> Path:
    """A file with one question; a value of None leaves its key out."""
    question = {k: v for k, v in {**QUESTION, **changed}.items() if v is not None}
    file = folder / "questions.yaml"
    file.write_text(yaml.safe_dump([question], sort_keys=False), encoding="utf-8")
    return file


def problems(folder: Path, found: Guide, **changed: Any) -> list[str]:
    file = asked(folder, **changed)
    return [str(p) for p in questions.problems(file, questions.answers(file, found))]


def test_the_best_call_comes_first(tmp_path: Path) -> None:
    found = built(tmp_path, {("clipped", "float16"): "wrong"})
    calls = found.calls[MEAN]["torch"]
    # Public before composed, what fails last; by signature, with its own expression.
    assert [c.implementation.name for c in calls] == ["F.loss", "composed", "clipped"]
    assert calls[0].code.endswith("reduction='mean')")
    assert (
        found.calls[MEAN._replace(options=(), reduction="none")]["torch"][0].code != calls[0].code
    )
    assert [c.tier for c in calls] == ["proven", "proven", "partly"]
    assert [(p.dtype, p.passes) for p in calls[2].proofs] == [("float16", False), ("float32", True)]
    assert calls[2].failures == {"": (["weighted"], ["float16"])}
    shown = groups(calls)
    assert [len(shown[name]) for name in ("first", "more", "not")] == [2, 0, 1]


def test_the_public_function_is_shown_with_what_it_fails(tmp_path: Path) -> None:
    found = built(tmp_path, {("F.loss", "float16"): "wrong"})
    calls = found.calls[MEAN]["torch"]
    assert [c.implementation.name for c in calls] == ["clipped", "composed", "F.loss"]
    assert [c.implementation.name for c in groups(calls)["first"]] == [
        "clipped",
        "composed",
        "F.loss",
    ]


def test_what_declares_itself_unable_is_not_listed(tmp_path: Path) -> None:
    unable: Verdicts = {("wrong", dtype): "unsupported" for dtype in ("float16", "float32")}
    calls = built(tmp_path, unable).calls[MEAN]["jax"]
    assert [c.implementation.name for c in calls] == ["optax.loss"]


def test_every_code_block_is_an_expression_that_ran(tmp_path: Path) -> None:
    found = built(tmp_path, {("clipped", "float16"): "wrong"})
    assert write_porting(found.report, asked(tmp_path), tmp_path) == []
    ran = {code for run in found.report.runs for code in run.expressions.values()}
    page = (tmp_path / "porting.html").read_text(encoding="utf-8")
    blocks = [unescape(text) for text in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)]
    text = (tmp_path / "porting.md").read_text(encoding="utf-8")
    fenced = re.findall(r"```python\n(.*?)\n```", text, re.DOTALL)
    assert set(blocks) == ran
    assert fenced
    assert set(fenced) <= ran
    assert not re.search(
        r'(src|onclick)=|url\(|@import|href="(?!#|https?://|index|operators/|porting)', page
    )


def test_a_proven_question(tmp_path: Path) -> None:
    found = built(tmp_path, {})
    assert problems(tmp_path, found) == []
    (answer,) = questions.answers(asked(tmp_path, to={"jax": ["wrong", "optax.loss"]}), found)
    assert [c.implementation.name for c in answer.calls] == ["F.loss", "wrong", "optax.loss"]


@pytest.mark.parametrize(
    ("verdicts", "changed", "problem"),
    [
        (
            {},
            {"to": {"jax": ["no such row"]}},
            "no such row of jax is not measured with pos_weight",
        ),
        ({}, {"options": []}, "F.loss of torch is not measured with no options"),
        ({("optax.loss", "float16"): "wrong"}, {}, "optax.loss of jax fails weighted (no finding)"),
        ({("F.loss", "float32"): "raised"}, {}, "F.loss of torch fails weighted (no finding)"),
        (
            {},
            {"limits": ["some-finding"]},
            "finding some-finding limits none of its calls any more",
        ),
    ],
)
def test_an_answer_without_proof_is_a_problem(
    tmp_path: Path, verdicts: Verdicts, changed: dict[str, Any], problem: str
) -> None:
    found = problems(tmp_path, built(tmp_path, verdicts), **changed)
    assert any(f"questions.yaml:1: pos-weight: {problem}" in text for text in found), found


def test_a_finding_limits_an_answer_only_where_the_question_says_so(tmp_path: Path) -> None:
    verdicts = {("optax.loss", "float16"): "wrong"}
    found = built(tmp_path, verdicts, {"jax": [finding("known", "optax.loss", "float16")]})
    assert problems(tmp_path, found, limits=["known"]) == []
    assert "finding known, not in its limits" in problems(tmp_path, found)[0]


def test_a_framework_that_was_not_run_is_no_problem(tmp_path: Path) -> None:
    found = built(tmp_path, {})
    file = asked(tmp_path, to={"jax": ["optax.loss"], "other": ["x"]})
    (answer,) = questions.answers(file, found)
    assert answer.absent == ["other"]
    assert answer.problems == []


def test_the_command_fails_without_a_proof(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built(tmp_path, {})
    folders = [f"--findings={tmp_path / 'findings'}", f"--out={tmp_path / 'out'}"]
    command = ["report", str(tmp_path / "results"), *folders]
    assert main([*command, f"--questions={asked(tmp_path)}"]) == 0
    file = asked(tmp_path, to={"jax": ["no such row"]})
    assert main([*command, f"--questions={file}"]) == 1
    assert f"not proven: {file}:1: pos-weight: no such row" in capsys.readouterr().err
    assert "not proven" in (tmp_path / "out" / "porting.html").read_text(encoding="utf-8")
    assert main([*command, f"--questions={tmp_path / 'none.yaml'}"]) == 2


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"operator": "no_such"}, r":3: pos-weight: there is no operator no_such; the known ones"),
        (
            {"options": ["posweight"]},
            r": pos-weight: sigmoid_cross_entropy has no option posweight",
        ),
        ({"reduction": "average"}, r": pos-weight: there is no reduction average; .*weighted_mean"),
        ({"sources": []}, r"sources"),
        ({"sources": ["a forum"]}, r"sources"),
        ({"explanation": None}, r"explanation"),
        ({"form": {}}, r"form.*known keys are id, question, operator, from, to"),
        ({"id": "Pos Weight"}, r"id"),
    ],
)
def test_a_question_that_is_not_well_formed(
    tmp_path: Path, changed: dict[str, Any], problem: str
) -> None:
    with pytest.raises(UserError, match=problem):
        questions.load(asked(tmp_path, **changed))


def test_the_questions_of_the_repository_are_well_formed() -> None:
    file = Path(__file__).parents[1] / "porting" / "questions.yaml"
    assert len(questions.load(file)) >= 20


def test_arguments_side_by_side(tmp_path: Path) -> None:
    table = arguments.table(built(tmp_path, {}).report, MEAN.operator)
    assert [f.name for f in table.functions] == ["F.loss", "optax.loss"]
    torch, jax = table.functions
    assert str(torch.arguments["pos_weight"]) == "pos_weight=None"
    assert str(torch.arguments["reduction"]) == "reduction='mean'"
    assert str(jax.arguments["axis"]) == "axis=-1"
    assert torch.order(["logits", "labels"]) == "logits, labels"
    assert {f.arguments["labels"].name for f in table.functions} >= {"target"}


@pytest.mark.parametrize("text", ["", "(", "(x, *, y=1", "no signature"])
def test_text_that_is_no_signature(text: str) -> None:
    assert arguments.parse(text) == {}
