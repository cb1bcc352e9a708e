"""The command line: `python -m conformance --help`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from rich.console import Console

import adapters
from conformance import findings, gate, grades, propose, results
from conformance.errors import UserError
from conformance.policies import POLICIES, declarations

Command = Callable[[argparse.Namespace], int]
QUESTIONS = Path("porting/questions.yaml")
SHOWN = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, 1 if the gate or a proof fails, 2 if a file cannot be used."""
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance",
        description="Judge, show and record the results of a run of the suite.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, text: str) -> argparse.ArgumentParser:
        description = f"{text[0].upper()}{text[1:]}."
        found = commands.add_parser(name, help=text, description=description)
        found.set_defaults(command=command)
        return found

    file = {
        "type": Path,
        "metavar": "RESULTS",
        "help": "results/<framework>.jsonl, or their folder",
    }
    one = add("gate", _gate, "compare runs with the committed findings and grades; 1 if one fails")
    one.add_argument("results", nargs="+", **file)  # type: ignore[arg-type]
    _folders(one, "findings", "grades", "policies")
    one = add("report", _report, "build the report; 1 if a porting question has no proven answer")
    one.add_argument("results", nargs="+", **file)  # type: ignore[arg-type]
    one.add_argument("-o", "--out", type=Path, default=Path("report"), help="default: report")
    _folders(one, "findings")
    one.add_argument(
        "--questions",
        type=Path,
        metavar="FILE",
        help=f"what the porting guide answers; default: {QUESTIONS}, if there",
    )
    one = add(
        "record", _record, "write the grades of runs, to be reviewed and committed; not in CI"
    )
    one.add_argument("results", nargs="+", **file)  # type: ignore[arg-type]
    _folders(one, "grades")
    one = add("propose", _propose, "print findings to complete, for failing checks that have none")
    one.add_argument("results", **file)  # type: ignore[arg-type]
    _folders(one, "findings")
    one = add("policies", _policies, "list what a framework's implementations have declared")
    one.add_argument("framework", help="its name, or the file of an adapter")
    text = "run what is not declared, and print declarations to complete"
    one.add_argument("--propose", action="store_true", help=text)
    _folders(one, "policies")
    one = add("cases", _cases, "list the cases")
    _folders(one, "cases")
    one = add("apis", _apis, "check that every public function of the family has a row")
    text = "compare the list with the installed packages as well"
    one.add_argument("framework", nargs="?", metavar="FRAMEWORK", help=text)
    _folders(one, "apis")
    one = add("smoke", _smoke, "is an adapter sound? tells a broken one from a wrong framework")
    one.add_argument("framework", metavar="FRAMEWORK", help="a framework, or path/to/adapter.py")
    one.add_argument("-k", default="", metavar="TEXT", help="only implementations with this text")
    _folders(one, "cases")
    one = add("vectors", _vectors, "write the truths of the cases, for a harness in any language")
    one.add_argument("out", type=Path, metavar="OUT", help="the file to write, JSON lines")
    _folders(one, "cases")
    for name in ("operator", "case", "dtype"):
        text = f"only these {name}s (shell-style pattern; may be repeated)"
        one.add_argument(f"--{name}", action="append", default=[], metavar="PATTERN", help=text)
    one.add_argument(
        "--schema", action="store_true", help="write the JSON Schema of the lines instead"
    )
    one = add(
        "show", _show, "print one check with its worst output and the code that reproduces it"
    )
    one.add_argument(
        "check", nargs="+", help="words that its name contains: case, dtype, mode, ..."
    )
    one.add_argument("--results", action="append", **file)  # type: ignore[arg-type]
    return parser


def _folders(parser: argparse.ArgumentParser, *names: str) -> None:
    for name in names:
        parser.add_argument(
            f"--{name}", type=Path, default=Path(name), metavar="FOLDER", help=f"default: {name}"
        )


def _files(named: Sequence[Path]) -> list[Path]:
    """The results files that are named, those of a folder in the order of their names."""
    files: list[Path] = []
    for path in named:
        found = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
        if not found:
            raise UserError(path, "", "there are no results", "run pytest --framework NAME first")
        files += found
    return files


def _gate(options: argparse.Namespace) -> int:
    console = Console()
    reports = []
    for file in _files(options.results):
        run = results.read(file)
        found = findings.load(options.findings / f"{run.framework}.yaml")
        recorded = grades.read(options.grades / f"{run.framework}.txt")
        declared = declarations.load(options.policies / f"{run.framework}.yaml", POLICIES)
        reports.append(gate.gate(run, found, recorded, declared))
        gate.show(reports[-1], console)
    return 0 if all(report.passes for report in reports) else 1


def _report(options: argparse.Namespace) -> int:
    from conformance import report  # its template engine is not needed elsewhere

    questions = options.questions or (QUESTIONS if QUESTIONS.exists() else None)
    try:
        found = report.build(_files(options.results), options.findings, options.out, questions)
    except report.ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for problem in found:
        print(f"not proven: {problem}", file=sys.stderr)
    return 1 if found else 0


def _record(options: argparse.Namespace) -> int:
    for file in _files(options.results):
        if os.environ.get("CI"):
            raise UserError(file, "", "grades are not recorded in CI", "record and review them")
        run = results.read(file)
        target = options.grades / f"{run.framework}.txt"
        written = grades.write(run, target)
        print(f"{target}: {len(written.verdicts)} checks; review the diff and commit it")
    return 0


def _propose(options: argparse.Namespace) -> int:
    (file,) = _files([options.results])
    run = results.read(file)
    text = propose.propose(run, findings.load(options.findings / f"{run.framework}.yaml"))
    print(text or "# every failing check has its finding", end="" if text else "\n")
    return 0


def _policies(options: argparse.Namespace) -> int:
    import adapters  # frameworks are not needed elsewhere
    from conformance.policies import propose as proposals
    from conformance.policies.observe import Observatory

    try:
        adapter = adapters.load(options.framework)
    except adapters.AdapterError as error:
        raise UserError(options.framework, "", str(error), "see `pytest --help`") from None
    declared = declarations.load(options.policies / f"{adapter.framework}.yaml", POLICIES)
    observatory = Observatory(adapter)
    if options.propose:
        text = proposals.propose(observatory, declared)
        print(text or "# every policy is declared")
    else:
        declared.check(observatory.choices)
        print("\n".join(proposals.listing(observatory, declared)))
    return 0


def _cases(options: argparse.Namespace) -> int:
    from conformance import cases  # reads numbers and arrays: not needed elsewhere

    for case in sorted(cases.load(options.cases), key=lambda case: case.id):
        print(f"{case.id}  {case.operator.name}  {len(case.rows)} rows  {case.file}:{case.line}")
    return 0


def _apis(options: argparse.Namespace) -> int:
    from conformance import apis  # imports frameworks

    errors = apis.check(options.apis, options.framework)
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    return 1 if errors else 0


def _smoke(options: argparse.Namespace) -> int:
    from conformance import cases, smoke  # reads numbers and arrays: not needed elsewhere

    try:
        adapter = adapters.load(options.framework)
    except adapters.AdapterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    broken = 0
    for found in smoke.smoke(adapter, cases.load(options.cases), options.k):
        broken += bool(found.problem)
        print(f"{'broken' if found.problem else 'sound '}  {found}")
    return 1 if broken else 0


def _vectors(options: argparse.Namespace) -> int:
    from conformance import cases, vectors  # they read numbers and arrays: not needed elsewhere

    if options.schema:
        vectors.write_schema(options.out)
        return 0
    selection = vectors.Selection(options.operator, options.case, options.dtype)
    made = vectors.write(cases.load(options.cases), options.cases, selection, options.out)
    counts = f"{made.problems} problems, {made.quantities} quantities, {made.outputs} outputs"
    print(f"{options.out}: {counts}, {options.out.stat().st_size / 1e6:.1f} MB")
    return 0


def _show(options: argparse.Namespace) -> int:
    files = _files(options.results or [Path("results")])
    runs = [results.read(file, complete=file.suffix != ".partial") for file in files]
    words = " ".join(options.check).split()
    checks = [check for run in runs for check in run.checks]
    found = [check for check in checks if str(check.key).split() == words]
    found = found or [check for check in checks if all(w in str(check.key) for w in words)]
    if len(found) == 1:
        print(_describe(found[0]))
        return 0
    names = [f"  {check.key}" for check in found[:SHOWN]]
    problem = f"{len(found)} checks have a name with {' '.join(words)}"
    print("\n".join(names), end="\n" if names else "")
    if len(found) > SHOWN:
        print(f"  and {len(found) - SHOWN} more")
    raise UserError(", ".join(map(str, files)), "", problem, "give other words for it")


def _describe(check: results.Check) -> str:
    """Every field of a check, one a line, and its snippet."""
    fields = msgspec.to_builtins(check)
    snippet = fields.pop("snippet")
    lines = []
    for name, value in fields.items():
        if isinstance(value, dict):
            lines += [f"{name}:", *(f"    {key}: {item}" for key, item in value.items())]
        elif name != "kind" and value not in (None, ""):
            lines.append(f"{name}: {value}")
    return "\n".join([*lines, "", snippet.rstrip()])


if __name__ == "__main__":
    sys.exit(main())
