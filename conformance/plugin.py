"""pytest in the usual way: `pytest --framework torch -k softmax`.

With `--framework` the conformance tests of that framework run, and only they: one test for each
implementation, case and mode, and one for each implementation, policy and mode. Without it, the
suite's own tests run.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

import adapters
from conformance import cases, findings, results
from conformance.errors import UserError
from conformance.measure import Job, Suite
from conformance.policies.observe import Choice
from conformance.policies.run import PolicyRun
from conformance.results import Check

ROOT = Path(__file__).parent.parent
MODULE = "test_conformance.py"
SHOWN = 5
"""Failing checks that one test prints in full."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The suite's options."""
    group = parser.getgroup("conformance")
    text = "run the conformance tests of this framework ({}), or of the adapter in this file"
    names = ", ".join(adapters.FRAMEWORKS)
    group.addoption("--framework", metavar="NAME", help=text.format(names))
    group.addoption("--cases", type=Path, default=ROOT / "cases", help="folder of the case files")
    group.addoption("--findings", type=Path, default=ROOT / "findings", help="folder of findings")
    group.addoption("--policies", type=Path, default=ROOT / "policies", help="folder of policies")
    group.addoption("--results", type=Path, default=Path("results"), help="where results are kept")


def pytest_configure(config: pytest.Config) -> None:
    """Load the cases and the adapter. Bad input is one clear line."""
    name = config.getoption("--framework")
    # A warning in our own code is an error; those of a framework are its own business.
    config.addinivalue_line("filterwarnings", "error" if name is None else "ignore")
    if name is None:
        return
    try:
        adapter = adapters.load(name)
        suite = Suite(cases.load(config.getoption("--cases")), adapter)
        found = findings.load(config.getoption("--findings") / f"{adapter.framework}.yaml")
        policies = PolicyRun(adapter, config.getoption("--policies"))
    except (UserError, adapters.AdapterError) as error:
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(Run(config, suite, found, policies), "conformance-run")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With a framework, the conformance tests alone; without one, all others."""
    if collection_path.suffix != ".py" or not collection_path.name.startswith("test_"):
        return None
    conformance = collection_path.name == MODULE
    return True if conformance != (config.getoption("--framework") is not None) else None


class Run:
    """One run of the conformance tests: judges, writes the results, and explains failures."""

    def __init__(
        self,
        config: pytest.Config,
        suite: Suite,
        found: findings.Findings,
        policies: PolicyRun,
    ) -> None:
        self.config, self.suite, self.findings, self.policies = config, suite, found, policies
        self.tests: Sequence[Job | Choice] = [*suite.jobs, *policies.choices]
        self.writer: results.ResultsWriter | None = None
        self.planned = self.done = 0
        self.start = time.perf_counter()
        self.verdicts: Counter[str] = Counter()
        self.kept: Counter[bool] = Counter()
        self.caught: set[str] = set()
        self.problems: list[str] = []
        self.file: Path | None = None

    def pytest_report_header(self) -> list[str]:
        adapter, machine = self.suite.adapter, results.machine()
        versions = ", ".join(f"{k} {v}" for k, v in adapter.versions().items())
        flags = ", ".join(f"{k}={v}" for k, v in adapter.flags().items()) or "none"
        counts = f"{len(self.suite.cases)} cases, {len(adapter.implementations)} implementations"
        return [
            f"framework: {adapter.framework} ({versions}); modes {', '.join(adapter.modes)}",
            f"flags: {flags}",
            f"machine: {machine['cpu']}, {os.cpu_count()} cores, {machine['system']}",
            f"conformance: {counts}, {len(self.findings.findings)} findings",
        ]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "job" in metafunc.fixturenames:
            metafunc.parametrize("job", self.tests, ids=[job.id for job in self.tests])

    @pytest.fixture
    def run(self) -> Run:
        """The run itself."""
        return self

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self.config.option.collectonly:
            return
        calls = [item.callspec.params for item in session.items if hasattr(item, "callspec")]
        planned = [params["job"] for params in calls if "job" in params]
        self.suite.planned = [job for job in planned if isinstance(job, Job)]
        self.policies.observatory.planned = [job for job in planned if isinstance(job, Choice)]
        self.planned = len(planned)
        chosen = self.planned != len(self.tests)
        words = f"{self.planned} of {len(self.tests)} tests" if chosen else "all"
        # A part of the suite does not replace the results of the whole.
        folder = self.config.getoption("--results")
        folder = folder / "selection" if chosen else folder
        self.writer = results.ResultsWriter(folder, self.suite.header(words))
        try:
            for record in self.suite.records():
                self.writer.add(record)
        except UserError as error:
            raise pytest.UsageError(str(error)) from None

    def judge(self, job: Job | Choice) -> None:
        """Measure and record what one test is about; fails, skips or xfails it accordingly."""
        if isinstance(job, Choice):
            self._judge_policy(job)
        else:
            self._judge_checks(job)

    def _judge_policy(self, choice: Choice) -> None:
        record = self.policies.record(choice)
        if self.writer is not None:
            self.writer.add(record)
        self.kept[record.kept] += 1
        self.done += 1
        if not record.kept:
            pytest.fail(self.policies.explain(choice, record), pytrace=False)

    def _judge_checks(self, job: Job) -> None:
        checks, wrong, known = [], [], set()
        for check in self._measure(job):
            ruling = self.findings.verdict_on(check)
            finding = ruling.finding.id if ruling.finding and check.fails else None
            check = msgspec.structs.replace(check, finding=finding)
            self._record(check)
            checks.append(check)
            if ruling.rule and not job.implementation.control:
                wrong.append((check, f"{ruling.rule}: {ruling.problem}"))
            elif check.fails:
                known.add(finding or "negative control")
        self.done += 1
        if wrong:
            pytest.fail(explain(job, wrong), pytrace=False)
        if known:
            # pytest.xfail() would have pytest render a traceback, 10 ms each, that nobody sees.
            raise pytest.xfail.Exception(", ".join(sorted(known)), pytrace=False)
        if all(check.verdict == "unsupported" for check in checks):
            pytest.skip(checks[0].message)

    def _measure(self, job: Job) -> Iterator[Check]:
        try:
            yield from self.suite.measure(job)
        except Exception as error:
            if os.environ.get("CONFORMANCE_DEBUG"):
                raise
            yield Check(
                operator=job.case.operator.name,
                implementation=job.implementation.name,
                case=job.case.id,
                dtype="all",
                mode=job.mode,
                quantity="all",
                verdict="harness-error",
                counts={},
                outputs=0,
                message=f"{type(error).__name__}: {error} (CONFORMANCE_DEBUG=1 shows where)",
            )

    def _record(self, check: Check) -> None:
        self.verdicts[check.verdict] += 1
        if check.catches:
            self.caught.add(check.implementation)
        if self.writer is not None:
            self.writer.add(check)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.writer is None or self.done < self.planned or not self.planned:
            return
        self.file = self.writer.finish()
        if self.planned < len(self.tests):
            return
        for unused in self.findings.unused():
            where = f"{self.findings.file}:{unused.line}"
            self.problems.append(f"{where}: finding {unused.finding}: {unused.problem}")
        self.problems += self._controls()
        if self.problems and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _controls(self) -> Iterator[str]:
        """Negative controls that the suite did not catch."""
        for implementation in self.suite.adapter.implementations:
            if implementation.control and implementation.name not in self.caught:
                yield f"negative control {implementation.name} passes everything"

    def pytest_unconfigure(self) -> None:
        if self.writer is not None:
            self.writer.close()

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        write = terminalreporter.write_line
        counts = ", ".join(f"{v} {self.verdicts[v]}" for v in results.VERDICTS if self.verdicts[v])
        if counts:
            write(f"{self.verdicts.total()} checks: {counts}")
        if self.kept:
            write(f"{self.kept.total()} policies: {self.kept[True]} kept")
        if self.done:
            seconds, spent = time.perf_counter() - self.start, self.suite.adapter.seconds
            write(f"{spent:.1f} s of {seconds:.1f} s in the framework's calls and compilation")
        for problem in self.problems:
            write(problem, red=True)
        if self.file is not None:
            write(f"results: {self.file}")
        elif self.writer is not None:
            write(f"interrupted; what was measured is in {self.writer.partial}", yellow=True)


def explain(job: Job, wrong: list[tuple[Check, str]]) -> str:
    """What a person needs to know of a failing test, and nothing else."""
    lines = [f"{job.implementation.name}: {job.case.id} ({job.mode})", f"  {job.case.text.why}"]
    for check, problem in wrong[:SHOWN]:
        lines += [f"  {check.dtype} {check.quantity}: {problem}", *_numbers(check)]
    if len(wrong) > SHOWN:
        lines.append(f"  and {len(wrong) - SHOWN} more checks")
    snippet = wrong[0][0].snippet
    if snippet:
        lines += ["  to reproduce:", *(f"    {line}" for line in snippet.splitlines())]
    return "\n".join(lines)


def _numbers(check: Check) -> list[str]:
    if check.got is None:
        return [f"    {check.message}"] if check.message else []
    counts = ", ".join(f"{n} {verdict}" for verdict, n in check.counts.items())
    ulps = "" if check.ulps is None else f"{check.ulps:.3g} ulps"
    over = "" if check.over_bound is None else f", {check.over_bound:.3g} times the bound"
    row = "" if check.row is None else f"row {check.row!r}, "
    inputs = "; ".join(f"{name} {text}" for name, text in check.inputs.items())
    return [
        f"    {row}output {check.index}: got {check.got} ({check.got_hex})",
        f"    truth {check.truth} ({check.truth_hex})",
        f"    error {ulps}{over}; {counts} of {check.outputs}",
        f"    inputs {inputs}",
    ]
