"""The report: same bytes, self-contained, complete, safe against what it is given, counts right."""

from __future__ import annotations

import base64
import copy
import gzip
import hashlib
import json
import math
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import fake_results
import pytest
import yaml

from conformance.errors import UserError
from conformance.report import ReportError, build, operator_pages
from conformance.report.data import bound_in_ulps
from conformance.report.page import SCRIPTS, STYLES, prose, static
from conformance.report.porting import pages
from conformance.report.summary import cell, code
from conformance.results import FAILING, VERDICTS

Records = list[dict[str, Any]]
KEY = ("implementation", "case", "dtype", "mode", "quantity")
LINKS = r"#|https?://|(operators|policies)/\w+\.html$|porting\.html$"


class Page(HTMLParser):
    """The elements of a page and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self.visible: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = f"script {dict(attrs).get('id', '')}" if tag == "script" else tag

    def handle_data(self, data: str) -> None:
        if self._inside.startswith("script"):
            self.scripts[self._inside[7:]] = data
        elif self._inside != "style":
            self.visible.append(data)

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._inside = ""

    @property
    def ids(self) -> set[str | None]:
        return {attributes.get("id") for _, attributes in self.elements}

    def unpack(self, name: str) -> Any:
        return json.loads(gzip.decompress(base64.b64decode(self.scripts[f"data-{name}"])))


def checks_of(page: Page) -> dict[tuple[str, ...], dict[str, Any]]:
    """Every embedded check by its names, as the page's code puts it together."""
    index, details = page.unpack("index"), page.unpack("details")
    tables = {
        "case": [c["case"] for c in index["cases"]],
        "dtype": index["dtypes"],
        "mode": index["modes"],
        "quantity": index["quantities"],
    }
    found = {}
    for n, place in enumerate(index["checks"]["implementation"]):
        implementation = index["implementations"][place]
        names = [tables[name][index["checks"][name][n]] for name in tables]
        detail = {name: column[n] for name, column in details["columns"].items()}
        lines = details["snippets"][detail["snippet"]]
        detail["snippet"] = "\n".join(details["lines"][line] for line in lines)
        detail["inputs"] = dict(details["inputs"][detail["inputs"]])
        detail["ulps"] = index["checks"]["ulps"][n]
        detail["verdict"] = index["verdicts"][index["checks"]["verdict"][n]]
        finding = index["checks"]["finding"][n]
        detail["finding"] = None if finding is None else index["findings"][finding]["id"]
        found[(implementation["framework"], implementation["name"], *names)] = detail
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A built report, and the folder that holds its results and findings."""
    folder = tmp_path_factory.mktemp("report")
    paths, findings = fake_results.write(folder, per_operator=8)
    build(paths, findings, folder / "out")
    return folder / "out", folder


@pytest.fixture(scope="module")
def page(written: tuple[Path, Path]) -> Page:
    return Page((written[0] / "index.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def summary(written: tuple[Path, Path]) -> str:
    return (written[0] / "summary.md").read_text(encoding="utf-8")


def rows(summary: str, title: str) -> list[list[str]]:
    """The body of the table below a heading of the summary."""
    section = summary.split(f"# {title}\n")[1].split("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def build_from(folder: Path, changed: dict[str, Records], findings: Path | None = None) -> Path:
    """Build a report from records in memory."""
    folder.mkdir(exist_ok=True)
    paths = [
        fake_results.write_records(folder / f"{name}.jsonl", records)
        for name, records in changed.items()
    ]
    ledger = findings or folder / "findings"
    ledger.mkdir(exist_ok=True)
    build(paths, ledger, folder / "out")
    return folder / "out"


# The same input gives the same bytes.


def test_same_bytes_in_any_order(written: tuple[Path, Path], tmp_path: Path) -> None:
    out, folder = written
    again = sorted((folder / "results").glob("*.jsonl"), reverse=True)
    build(again, folder / "findings", tmp_path)
    for name in ("index.html", "summary.md"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


def test_nothing_of_this_machine(written: tuple[Path, Path], page: Page) -> None:
    assert str(written[1]) not in page.text
    assert str(written[1]) not in json.dumps([page.unpack("index"), page.unpack("details")])


# One file, offline.


def test_loads_nothing(page: Page) -> None:
    for tag, attributes in page.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert "src" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        href = attributes.get("href")
        assert href is None or (tag == "a" and re.match(LINKS, href))
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|import\(", static("css", STYLES))
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(|innerHTML|eval\(", static("js", SCRIPTS))


def test_only_its_own_script_may_run(page: Page) -> None:
    policy = next(a["content"] or "" for t, a in page.elements if t == "meta" and "http-equiv" in a)
    digest = hashlib.sha256(page.scripts[""].encode()).digest()
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{base64.b64encode(digest).decode()}'" in policy


def test_every_file_is_inlined() -> None:
    folder = Path(fake_results.__file__).parent.parent / "conformance" / "report" / "static"
    assert {path.name for path in folder.iterdir()} == {
        *(f"{name}.css" for name in {*STYLES, *operator_pages.STYLES, *pages.STYLES}),
        *(f"{name}.js" for name in {*SCRIPTS, *pages.SCRIPTS}),
    }


# Complete.


def test_every_check_is_embedded(page: Page) -> None:
    found = checks_of(page)
    expected = {
        (framework, *(record[name] for name in KEY)): record
        for framework in fake_results.MODES
        for record in fake_results.checks(framework, 8)
    }
    assert found.keys() == expected.keys()
    for key, record in expected.items():
        for name in ("verdict", "got", "truth", "truth_hex", "counts", "snippet", "inputs"):
            assert found[key][name] == record[name], (key, name)
        far = record["ulps"]
        assert found[key]["ulps"] == (None if far is None else pytest.approx(far, rel=1e-3))


def test_findings_claims_and_controls_have_addresses(page: Page) -> None:
    findings = {f["id"] for group in fake_results.FINDINGS.values() for f in group}
    assert {f"finding/{name}" for name in findings} <= page.ids
    (case,) = [case for case in fake_results.cases(8) if case["claims"]]
    assert {f"claim/{case['case']}/{n}" for n in range(2)} <= page.ids
    assert "".join(page.visible).count("✗ fails") == len(fake_results.CONTROLS)


def test_failing_checks_have_the_findings_that_agree(page: Page) -> None:
    found = checks_of(page)
    for (framework, name, *_), check in found.items():
        covered = name in fake_results.BAD and framework != "numpy"
        assert check["finding"] is None or (covered and check["verdict"] in FAILING)
    assert any(check["finding"] for check in found.values())


# Counts.


def test_counts_of_the_summary(summary: str) -> None:
    for framework, _, which, checks, *counts in rows(summary, "Conformance"):
        own = [
            record
            for record in fake_results.checks(framework, 8)
            if record["implementation"] not in fake_results.CONTROLS
        ]
        assert ("public" in which) == (framework != "numpy")
        verdicts = Counter(record["verdict"] for record in own)
        shown = [v for v in VERDICTS if re.search(rf"^\| framework .* {v} ", summary, re.M)]
        assert int(checks) == len(own)
        assert dict(zip(shown, map(int, counts[:-1]), strict=True)) == {
            v: verdicts[v] for v in shown
        }


def test_unexplained_failures_of_the_summary(summary: str, page: Page) -> None:
    unexplained = {
        key
        for key, check in checks_of(page).items()
        if check["verdict"] in FAILING
        and not check["finding"]
        and key[1] not in fake_results.CONTROLS
    }
    listed = rows(summary, "Failing checks without a finding")
    assert len(unexplained) > 0
    assert {(row[0], row[1].strip("`"), *row[2:6]) for row in listed} == unexplained
    last = [int(row[-1]) for row in rows(summary, "Conformance")]
    assert sum(last) == len(unexplained)


def test_findings_and_claims_of_the_summary(summary: str, page: Page) -> None:
    covered = Counter(check["finding"] for check in checks_of(page).values())
    listed = {row[0].strip("`"): int(row[3]) for row in rows(summary, "Findings")}
    assert listed == {name: covered[name] for name in listed}
    assert len(listed) == sum(map(len, fake_results.FINDINGS.values()))
    (refuted,) = rows(summary, "Claims of the sources that do not hold")
    assert refuted[0] == "H(x, y1) = 9/4"
    assert refuted[2] == "`value / log(2) == 9/4`"


def test_a_control_that_escapes_is_shown(tmp_path: Path) -> None:
    records = fake_results.records("numpy", 4)
    for record in records:
        if record["kind"] == "check":
            record.update(verdict="exact", counts={"exact": record["outputs"]})
    checks = sum(record["kind"] == "check" for record in records)
    records[-1]["verdicts"] = {"exact": checks}
    out = build_from(tmp_path, {"numpy": records})
    assert "! escaped" in (out / "index.html").read_text(encoding="utf-8")
    assert "**NO**" in (out / "summary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("bound", "truth", "dtype", "ulps"),
    [
        (2.0**-23, "1", "float32", 1.0),
        (2.0**-23, "-1.9999", "float32", 1.0),
        (2.0**-23, "0.9", "float32", 2.0),
        (2.0**-149, "0", "float32", 1.0),
        (2.0**-149, "1e-42", "float32", 1.0),
        (2.0**-148, "-7.12e-218", "float32", 2.0),
        (2.0**-1074, "5e-324", "float64", 1.0),
        (0.5, "1", "bfloat16", 64.0),
        (1.0, "inf", "float32", None),
        (1.0, "nan", "float32", None),
        (1.0, "tie of 1 and 1.5", "float32", None),
        (None, "1", "float32", None),
        (math.inf, "1", "float32", math.inf),
    ],
)
def test_bound_in_ulps(bound: float, truth: str, dtype: str, ulps: float | None) -> None:
    assert bound_in_ulps(bound, truth, dtype) == ulps


# Input that cannot be reported: one clear line.


def without_footer(records: Records) -> None:
    del records[-1]


def broken_line(records: Records) -> None:
    records[3] = {"kind": "check"}


def other_schema(records: Records) -> None:
    records[0]["schema"] = 3


def same_framework(records: Records) -> None:
    records[0]["framework"] = "jax"


def other_cases(records: Records) -> None:
    records[0]["cases"] = "0" * 64


def other_reference(records: Records) -> None:
    records[0]["reference"] = "0" * 64


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (without_footer, r"torch\.jsonl:\d+: there is no footer"),
        (broken_line, r"torch\.jsonl:4: broken line"),
        (other_schema, r"torch\.jsonl:1: .*schema 3.*; "),
        (same_framework, r"torch\.jsonl:1: framework jax is also in .*jax\.jsonl; give one"),
        (other_cases, r"torch\.jsonl:1: made with another version of cases/ than .*; run both"),
        (other_reference, r"torch\.jsonl:1: made with another version of reference/ than"),
    ],
)
def test_unsound_results(damage: Callable[[Records], None], said: str, tmp_path: Path) -> None:
    torch, jax = (fake_results.records(name, 1) for name in ("torch", "jax"))
    damage(torch)
    with pytest.raises(UserError, match=said) as error:
        build_from(tmp_path, {"torch": torch, "jax": jax})
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_no_results(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no results"):
        build([], tmp_path, tmp_path / "out")


def test_a_finding_in_two_ledgers(written: tuple[Path, Path], tmp_path: Path) -> None:
    ledger = tmp_path / "findings"
    shutil.copytree(written[1] / "findings", ledger)
    shutil.copy(ledger / "jax.yaml", ledger / "torch.yaml")
    with pytest.raises(ReportError, match=r"torch\.yaml: .* is also in jax\.yaml"):
        build_from(tmp_path, {"torch": fake_results.records("torch", 1)}, ledger)


# Hostile text stays text.

HOSTILE = '</script><script>alert("1")</script><img src=x onerror=alert(2)> & `|` "\''


def test_hostile_text_is_escaped(tmp_path: Path) -> None:
    records = fake_results.records("torch", 1)
    for record in records:
        if record["kind"] == "case":
            record |= {"why": HOSTILE, "source": f"{HOSTILE} javascript:alert(3)", "theme": HOSTILE}
            for claim in record["claims"]:
                claim |= {"says": HOSTILE, "true": HOSTILE, "instead": HOSTILE}
        if record["kind"] == "check":
            record |= {"snippet": HOSTILE, "message": HOSTILE, "row": HOSTILE}
        if record["kind"] == "implementation":
            record |= {"documentation": "javascript:alert(3)", "control": HOSTILE}
    findings = copy.deepcopy(fake_results.FINDINGS["torch"])
    for finding in findings:
        finding |= {"title": HOSTILE, "explanation": HOSTILE, "confirmed": HOSTILE}
    (tmp_path / "findings").mkdir()
    (tmp_path / "findings" / "torch.yaml").write_text(yaml.safe_dump(findings), encoding="utf-8")
    out = build_from(tmp_path, {"torch": records})
    page = Page((out / "index.html").read_text(encoding="utf-8"))
    tags = Counter(tag for tag, _ in page.elements)
    assert tags["script"] == len(page.scripts) == 3
    assert tags["img"] == 0
    test_loads_nothing(page)
    assert checks_of(page)  # the data is whole
    markdown = (out / "summary.md").read_text(encoding="utf-8")
    assert "<script" not in re.sub(r"(`+).*?\1", "", markdown)
    assert "<img" not in re.sub(r"(`+).*?\1", "", markdown)


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("a < b & c", "a &lt; b &amp; c"),
        ("`x < 1`", "<code>x &lt; 1</code>"),
        ("see https://a.b/c?d=e.", 'see <a href="https://a.b/c?d=e" rel="noreferrer">https://a.b/c?d=e</a>.'),
        ("o/r#7", '<a href="https://github.com/o/r/issues/7" rel="noreferrer">o/r#7</a>'),
        ('https://a/"><script>', '<a href="https://a/" rel="noreferrer">https://a/</a>&#34;&gt;&lt;script&gt;'),
    ],
)  # fmt: skip
def test_prose(text: str, markup: str) -> None:
    assert prose(text) == markup


def test_markdown_cells() -> None:
    assert cell("a|b\n*c* <d>") == r"a\|b \*c\* &lt;d&gt;"
    assert code("a|b") == r"`a\|b`"
    assert code("`a` ``b``") == "``` `a` ``b`` ```"


# Colours can be told from their text.


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def colours() -> dict[str, tuple[str, str]]:
    """Colour variables of the style: name -> (light, dark)."""
    pattern = r"--([\w-]+):\s*light-dark\((#\w{6}), (#\w{6})\)"
    return {name: (a, b) for name, a, b in re.findall(pattern, static("css", STYLES))}


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_contrast(scheme: int) -> None:
    known = colours()
    pairs = [(name, known[f"{name}-ink"]) for name in known if f"{name}-ink" in known]
    pairs += [("paper", known[name]) for name in ("ink", "quiet", "link", "alarm", "good")]
    assert len(pairs) >= len(VERDICTS) + 4
    for ground, ink in pairs:
        a, b = sorted((luminance(known[ground][scheme]), luminance(ink[scheme])))
        assert (b + 0.05) / (a + 0.05) >= 4.5, ground


def test_every_verdict_has_its_own_letter_and_colour(page: Page) -> None:
    style = static("css", STYLES)
    chips = re.findall(r'class="chip v-([\w-]+)"[^>]*><b>(.)</b>', page.text)
    assert set(dict(chips)) == set(VERDICTS)
    assert len(set(dict(chips).values())) == len(VERDICTS)
    assert all(re.search(rf"^\.v-{verdict} ", style, re.M) for verdict in VERDICTS)


# In a browser.

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


def shown(out: Path, address: str, profile: Path) -> str:
    """The page's elements after its code has run, as the browser has them."""
    command = f"{BROWSER} --headless --no-sandbox --disable-gpu --no-first-run --disable-sync"
    command += " --disable-background-networking --disable-component-update --disable-quic"
    command += f" --virtual-time-budget=8000 --user-data-dir={profile} --dump-dom"
    url = f"{(out / 'index.html').as_uri()}{address}"
    run = subprocess.run([*command.split(), url], capture_output=True, timeout=60, check=True)
    text = run.stdout.decode()
    assert f'data-shown="{address.replace("&", "&amp;") or "#matrix"}"' in text
    return re.sub(r"<script.*?</script>", "", text, flags=re.S)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome here")
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", r'class="cell v-wrong[^"]*" href="#checks\?operator=softplus&amp;framework=torch'),
        (
            "#checks?operator=softplus&framework=torch&mode=eager&dtype=float64",
            r"<h1>softplus · torch eager float64</h1>.*16 checks",
        ),
        (
            "#check/torch/F.softplus/softplus-saturated-tails-1/float64/eager/value",
            r"<h1>F\.softplus</h1>.*the small tail term survives.*is the identity from",
        ),
        (
            "#case/softmax-large-vocabulary-5",
            r"<h1>softmax-large-vocabulary-5</h1>.*tf\.nn\.softmax",
        ),
        ("#finding/tf-bfloat16-sparse-sum", r'class="finding target" id="finding/tf-bfloat16'),
        ("#accuracy?dtype=float64", r'<svg[^>]*aria-label="ulps".*class="bound full"'),
        (
            f"#checks?q={quote('F.softplus tails')}&verdict=failing",
            r"<h1>Failing checks</h1>.*softplus-saturated-tails-1",
        ),
    ],
)
def test_deep_links(
    address: str, expected: str, written: tuple[Path, Path], tmp_path: Path
) -> None:
    text = shown(written[0], address, tmp_path)
    assert re.search(expected, text, re.S)
    assert re.search(r'<p class="notice" id="trouble" hidden="">', text)
