"""A small run and what is committed for it, in agreement; tests break one thing at a time."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from conformance import findings, grades
from conformance.findings import Findings
from conformance.gate import GateReport, gate
from conformance.grades import Grades
from conformance.policies import POLICIES, declarations
from conformance.policies.declarations import Declarations
from conformance.results import (
    Bound,
    Case,
    Check,
    Claim,
    Header,
    Implementation,
    Policy,
    Results,
    ResultsWriter,
    read,
)

DTYPES = ("bfloat16", "float16", "float32", "float64")
MODES = ("compiled", "eager")
FINDING: dict[str, Any] = {
    "id": "torch-softplus-threshold",
    "title": "softplus is the identity above 20",
    "severity": "accuracy",
    "explanation": "The threshold is 20 in every dtype.",
    "upstream": ["pytorch/pytorch#1", "https://example.org/issue"],
    "reproduction": "F.softplus(torch.tensor(20.5, dtype=torch.float64))  # 20.5",
    "confirmed": "mpmath.log1p(mpmath.exp(20.5)) = 20.50000000125",
    "checks": [
        {
            "implementation": "F.soft*",
            "case": "softplus-t*",
            "dtype": ["float64"],
            "mode": list(MODES),
            "quantity": ["value"],
        }
    ],
    "verdict": ["inaccurate"],
    "over_bound": [100, 2e3],
}


def header(**changes: Any) -> Header:
    """A complete run's header."""
    known: dict[str, Any] = {
        "framework": "torch",
        "versions": {"torch": "2.13.0", "numpy": "2.3.1"},
        "machine": {"cpu": "a processor (avx2 fma)", "system": "Linux"},
        "flags": {},
        "cases": "c0ffee",
        "reference": "5eed",
        "selection": "all",
    }
    return Header(**{**known, **changes})


def implementation(name: str, operator: str, control: str = "") -> Implementation:
    """A row of an adapter's table."""
    modes = list(MODES)
    return Implementation(
        name=name, operator=operator, code=f"{name}(x)", modes=modes, control=control
    )


def case(name: str, operator: str, as_documented: bool = True) -> Case:
    """A case with a claim."""
    claim = Claim(
        says="ln 2 at 0",
        check="value == log(2)",
        holds=True,
        verdict="holds" if as_documented else "does not hold",
        as_documented=as_documented,
        true="0.693147180559945309417232121458",
    )
    return Case(
        case=name,
        operator=operator,
        source="derivation: softplus(0) = ln 2",
        why="the tail survives",
        theme="tails",
        file="cases/tails.yaml:3",
        rows=2,
        claims=[claim],
    )


def check(name: str, operator: str, case: str, **changes: Any) -> Check:
    """A check that passes exactly, unless changed."""
    known: dict[str, Any] = {
        "operator": operator,
        "implementation": name,
        "case": case,
        "dtype": "float32",
        "mode": "eager",
        "quantity": "value",
        "verdict": "exact",
        "outputs": 2,
        "row": "x[1]",
        "index": [1],
        "inputs": {"x": "20.5"},
        "got": "20.5",
        "got_hex": "0x1.48p+4",
        "truth": "20.5000000012501528683454440212",
        "truth_hex": "0x1.480000055e8p+4",
        "ulps": 0.25,
        "bound": Bound(strict=1e-15, baseline=2e-15),
        "over_bound": 0.125,
        "snippet": "import torch\nprint(torch.sigmoid(x))",
    }
    known |= changes
    return Check(counts={known["verdict"]: known["outputs"]}, **known)


DECLARATION: dict[str, Any] = {
    "policy": "float64",
    "option": "float64",
    "implementations": ["F.*"],
    "says": "computed in the dtype of the input",
    "documentation": "https://example.org/softplus",
    "read": "1.0",
}


def policy(name: str, policy: str, option: str = "float64") -> Policy:
    """A policy that is kept, as `DECLARATION` says."""
    return Policy(
        implementation=name,
        policy=policy,
        mode="eager",
        declared=option,
        observed=option,
        kept=True,
        **{key: DECLARATION[key] for key in ("says", "documentation", "read")},
        place="policies/torch.yaml:2",
    )


def failing(check: Check, verdict: str = "inaccurate", over_bound: float | None = 600.0) -> Check:
    """The check with a failing verdict."""
    return replace(check, verdict=verdict, counts={verdict: 2}, over_bound=over_bound)


def replace(check: Check, **changes: Any) -> Check:
    """The check with other fields."""
    return msgspec.structs.replace(check, **changes)


def _checks() -> Iterator[Check]:
    for name, operator, case_ in (
        ("F.softplus", "softplus", "softplus-tail"),
        ("F.softplus", "softplus", "softplus-plain"),
        ("-logsigmoid(-x)", "softplus", "softplus-tail"),
        ("torch.sigmoid", "sigmoid", "sigmoid-tail"),
        ("1 / (1 + exp(-x))", "sigmoid", "sigmoid-tail"),
    ):
        for dtype in DTYPES:
            for mode in MODES:
                for quantity in ("value", "gradient.x"):
                    made = check(name, operator, case_, dtype=dtype, mode=mode, quantity=quantity)
                    yield failing(made) if _known_to_fail(made) else made


def _known_to_fail(made: Check) -> bool:
    if made.implementation == "1 / (1 + exp(-x))":
        return made.dtype == "float16"
    covered = made.implementation == "F.softplus" and made.case == "softplus-tail"
    return covered and made.dtype == "float64" and made.quantity == "value"


@dataclass
class World:
    """A run, its findings and its grades; `judge` puts them to the gate."""

    folder: Path
    header: Header = field(default_factory=header)
    checks: list[Check] = field(default_factory=lambda: list(_checks()))
    implementations: list[Implementation] = field(
        default_factory=lambda: [
            implementation("F.softplus", "softplus"),
            implementation("-logsigmoid(-x)", "softplus"),
            implementation("torch.sigmoid", "sigmoid"),
            implementation("1 / (1 + exp(-x))", "sigmoid", control="exp overflows"),
        ]
    )
    cases: list[Case] = field(
        default_factory=lambda: [
            case("softplus-tail", "softplus"),
            case("softplus-plain", "softplus"),
            case("sigmoid-tail", "sigmoid"),
        ]
    )
    policies: list[Policy] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=lambda: [copy.deepcopy(FINDING)])
    declarations: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Record the grades of the run as it is now."""
        self.grades = self.recorded()

    def recorded(self) -> Grades:
        """The grades of the run as it is now, by way of their file."""
        file = self.folder / "grades" / "torch.txt"
        grades.write(self.results(), file)
        return grades.read(file)

    def records(self) -> list[Implementation | Case | Check | Policy]:
        """Everything that the run writes after its header."""
        return [*self.implementations, *self.cases, *self.checks, *self.policies]

    def results(self) -> Results:
        """The run, by way of its file."""
        writer = ResultsWriter(self.folder / "results", self.header)
        for record in self.records():
            writer.add(record)
        return read(writer.finish())

    def loaded_findings(self) -> Findings:
        """The findings, by way of their file (JSON is YAML)."""
        file = self.folder / "findings" / "torch.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(self.findings, indent=1))
        return findings.load(file)

    def judge(self) -> GateReport:
        """The gate's report."""
        return gate(self.results(), self.loaded_findings(), self.grades, self.declared())

    def declared(self) -> Declarations:
        """The declared policies, by way of their file (JSON is YAML)."""
        file = self.folder / "policies" / "torch.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(self.declarations, indent=1))
        return declarations.load(file, POLICIES)

    def change(self, make: Any, **names: str) -> None:
        """Replace every check that has these names."""
        changed = 0
        for number, made in enumerate(self.checks):
            if all(getattr(made, name) == value for name, value in names.items()):
                self.checks[number] = make(made)
                changed += 1
        assert changed, f"no check has {names}"
