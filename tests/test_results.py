"""Results: written whole or refused, the same bytes for the same measurements."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import pytest
from small_runs import World, check, header

from conformance import results
from conformance.errors import UserError
from conformance.results import Bound, ResultsWriter

Lines = list[bytes]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_is_read_is_what_was_written(world: World) -> None:
    run = world.results()
    assert run.header == world.header
    assert list(run.implementations.values()) == sorted(world.implementations, key=lambda i: i.name)
    assert list(run.cases.values()) == sorted(world.cases, key=lambda c: c.case)
    assert run.checks == sorted(world.checks, key=lambda c: c.key)
    assert not (world.folder / "results" / "torch.jsonl.partial").exists()


def test_same_measurements_same_bytes(world: World) -> None:
    first = world.results().file.read_bytes()
    for records in (world.checks, world.implementations, world.cases):
        records.reverse()
    assert world.results().file.read_bytes() == first


def test_the_file_is_plain_json_lines(world: World) -> None:
    records = [json.loads(line) for line in world.results().file.read_text().splitlines()]
    kinds = [kind for kind, _ in groupby(record["kind"] for record in records)]
    assert kinds == ["header", "implementation", "case", "check", "footer"]
    assert records[-1] == {
        "kind": "footer",
        "checks": len(world.checks),
        "verdicts": dict(Counter(check.verdict for check in world.checks)),
        "policies": 0,
        "complete": True,
    }


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, 0.0, 1e-320, None])
@pytest.mark.parametrize("name", ["ulps", "over_bound", "strict", "baseline"])
def test_numbers_that_json_has_not_are_texts(name: str, number: float | None) -> None:
    def of(holder: Any) -> Any:
        return holder["bound"][name] if name in ("strict", "baseline") else holder[name]

    changes = (
        {name: number} if name in ("ulps", "over_bound") else {"bound": Bound(**{name: number})}
    )
    line = results.encode(check("f", "sigmoid", "c", **changes))
    written = json.loads(line, parse_constant=lambda constant: pytest.fail(f"{constant} in JSON"))
    assert of(written) == (number if number is None or math.isfinite(number) else str(number))
    assert list(written) == list(json.loads(results.encode(check("f", "sigmoid", "c"))))
    found = of(msgspec.to_builtins(results._DECODER.decode(line)))
    assert found == number or (math.isnan(found) and math.isnan(number or 0.0))


def test_an_interrupted_run_keeps_what_it_measured(world: World) -> None:
    writer = ResultsWriter(world.folder, world.header)
    for record in world.records()[:10]:
        writer.add(record)
    writer.close()
    assert not writer.file.exists()
    with pytest.raises(UserError, match="the run was interrupted; run it again"):
        results.read(writer.partial)
    writer.partial.write_bytes(writer.partial.read_bytes() + b'{"kind":"che')
    assert results.read(writer.partial, complete=False).checks == world.records()[7:10]


def test_a_new_run_leaves_no_older_results_behind(world: World) -> None:
    old = world.results().file
    ResultsWriter(old.parent, world.header).close()
    assert not old.exists()


def test_a_record_added_twice_is_a_programming_error(world: World) -> None:
    writer = ResultsWriter(world.folder, world.header)
    writer.add(world.checks[0])
    with pytest.raises(ValueError, match=r"recorded twice: F\.softplus softplus-tail"):
        writer.add(world.checks[0])
    writer.close()


def _without_footer(lines: Lines) -> Lines:
    return lines[:-1]


def _half_a_footer(lines: Lines) -> Lines:
    return [*lines[:-1], lines[-1][:20]]


def _not_complete(lines: Lines) -> Lines:
    return [*lines[:-1], lines[-1].replace(b"true", b"false")]


def _other_schema(lines: Lines) -> Lines:
    return [lines[0].replace(b'"schema":2', b'"schema":3'), *lines[1:]]


def _without_header(lines: Lines) -> Lines:
    return lines[1:]


def _two_headers(lines: Lines) -> Lines:
    return [lines[0], lines[0], *lines[1:]]


def _broken(lines: Lines) -> Lines:
    return [*lines[:2], b'{"kind":\n', *lines[3:]]


def _unknown_field(lines: Lines) -> Lines:
    return [*lines[:-2], lines[-2].replace(b'"row"', b'"raw"'), lines[-1]]


def _unknown_verdict(lines: Lines) -> Lines:
    return [*lines[:-2], lines[-2].replace(b'"verdict":"exact"', b'"verdict":"fine"'), lines[-1]]


def _lost_check(lines: Lines) -> Lines:
    return [*lines[:-2], lines[-1]]


def _other_verdict(lines: Lines) -> Lines:
    return [*lines[:-2], lines[-2].replace(b'"exact"', b'"strict"'), lines[-1]]


def _twice(lines: Lines) -> Lines:
    return [*lines[:-1], lines[-2], lines[-1]]


def _after_footer(lines: Lines) -> Lines:
    return [*lines, lines[-2]]


def _lost_implementation(lines: Lines) -> Lines:
    return [lines[0], *lines[2:]]


def _lost_case(lines: Lines) -> Lines:
    return [line for line in lines if not line.startswith(b'{"kind":"case","case":"sig')]


@pytest.mark.parametrize(
    ("fault", "line", "message"),
    [
        (_without_footer, -1, "there is no footer: the run was interrupted; run it again"),
        (_half_a_footer, -1, "broken line"),
        (_not_complete, -1, "the run was interrupted"),
        (_other_schema, 1, "the file has schema 3, this version reads schema 2"),
        (_without_header, 1, "there is no header"),
        (_two_headers, 2, "second header"),
        (_broken, 3, "broken line"),
        (_unknown_field, -2, "unknown field `raw`"),
        (_unknown_verdict, -2, "'fine'"),
        (_lost_check, -1, "number of checks"),
        (_other_verdict, -1, "verdicts"),
        (_twice, -2, "same record as line"),
        (_after_footer, -1, "lines after the footer"),
        (_lost_implementation, 8, "no record of implementation"),
        (_lost_case, 24, "no record of case sigmoid-tail"),
    ],
)
def test_refused_with_its_line(
    world: World, fault: Callable[[Lines], Lines], line: int, message: str
) -> None:
    file = world.results().file
    lines = fault(file.read_bytes().splitlines(keepends=True))
    file.write_bytes(b"".join(lines))
    with pytest.raises(UserError, match=message) as error:
        results.read(file)
    assert error.value.place == (line if line > 0 else len(lines) + 1 + line)


@pytest.mark.parametrize("content", [b"", b"\n", b"not json\n", b"\xff\xfe\n", b"[1]\n", b"{}\n"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "torch.jsonl"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"torch\.jsonl"):
        results.read(file)


def test_missing_and_unreadable_files_are_one_line(tmp_path: Path) -> None:
    for file in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(UserError, match="cannot be read"):
            results.read(file)


def test_the_machine_names_its_processor() -> None:
    machine = results.machine()
    assert machine == results.machine()
    assert machine["cpu"]


def test_fifteen_thousand_checks_take_no_time(tmp_path: Path) -> None:
    writer = ResultsWriter(tmp_path, header())
    checks = [check("f", "sigmoid", f"c{number}") for number in range(15_000)]
    start = time.perf_counter()
    for one in checks:
        writer.add(one)
    writer.finish()
    assert time.perf_counter() - start < 10  # 0.2 s where it was written
