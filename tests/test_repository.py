"""The rooms of the repository: who may import whom, and that no truth reaches an adapter."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters import FRAMEWORKS
from adapters.base import Call
from conformance.measure import Suite
from reference.operators import OPERATORS

ROOT = Path(__file__).parent.parent
STANDARD = sys.stdlib_module_names
FRAMEWORK = {
    "pytorch": {"torch"},
    "tensor_flow": {"tensorflow", "keras"},
    "jax_optax": {"jax", "jaxlib", "optax"},
    "numpy_controls": set(),
    "keras_3": {"keras"},
}
"""What each adapter may import beside NumPy."""
BACKENDS = {"on_torch": "pytorch", "on_tensorflow": "tensor_flow", "on_jax": "jax_optax"}
"""The adapters of Keras stand on those of its backends."""
ALL_FRAMEWORKS = set().union(*FRAMEWORK.values())
DISTRIBUTION = {"flint": "python-flint", "yaml": "pyyaml", "markupsafe": "jinja2"}
"""Modules whose package has another name, or comes with another."""
NUMBERS = {"numpy", "ml_dtypes"}
LOADERS = ("plugin.py", "__main__.py", "apis.py")
ALLOWED = {
    "reference": {"reference", "flint", *NUMBERS},
    "adapters": {"adapters", *NUMBERS},
    "conformance": {"conformance", "reference", "adapters", "numpy", "msgspec", "yaml", "rich"},
    "report": {"jinja2", "markupsafe"},
}


def imports(file: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it, by its full name."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ("import_module", "__import__", "importorskip"):
                yield from (a.value for a in node.args[:1] if isinstance(a, ast.Constant))


def tops(file: Path) -> set[str]:
    """The packages that a file imports, without Python's own."""
    return {name.partition(".")[0] for name in imports(file)} - STANDARD


def files(room: str) -> list[Path]:
    found = sorted((ROOT / room).rglob("*.py"))
    assert found
    return found


def named(room: str) -> pytest.MarkDecorator:
    ids = [str(file.relative_to(ROOT)) for file in files(room)]
    return pytest.mark.parametrize("file", files(room), ids=ids)


@named("reference")
def test_the_reference_knows_mathematics_and_formats_alone(file: Path) -> None:
    assert tops(file) <= ALLOWED["reference"]


def room_of(file: Path) -> str:
    """The adapter that a file of `adapters/` belongs to; empty for what all share."""
    place = file.relative_to(ROOT / "adapters")
    return place.parts[0] if len(place.parts) > 1 else place.stem


@named("adapters")
def test_an_adapter_knows_its_framework_alone(file: Path) -> None:
    room = room_of(file)
    # Tables are data: they can be read where no framework is installed.
    own = FRAMEWORK.get(room, set()) if file.stem in ("engine", room) else set()
    assert tops(file) <= ALLOWED["adapters"] | own
    # An adapter does not know the others.
    known = (room, BACKENDS.get(file.stem))
    others = tuple(f"adapters.{module}" for module in FRAMEWORK if module not in known)
    assert not [name for name in imports(file) if name.startswith(others)]


@named("conformance")
def test_the_engine_knows_no_framework_and_only_the_plugin_knows_pytest(file: Path) -> None:
    extra = {"plugin.py": {"pytest"}}.get(file.name, ALLOWED.get(file.parent.name, set()))
    assert tops(file) <= ALLOWED["conformance"] | extra
    # Of the adapters, the protocol; LOADERS load them by name.
    adapters = {name for name in imports(file) if name.startswith("adapters")}
    if file.name not in LOADERS:
        assert all(name.startswith("adapters.base") for name in adapters)


def test_every_framework_has_one_room_and_every_room_is_a_framework() -> None:
    assert {module.partition(".")[0] for module in FRAMEWORKS.values()} == set(FRAMEWORK)
    rooms = {room_of(file) for file in files("adapters")}
    assert rooms == {"__init__", "base", "expressions", "protocol", "running", *FRAMEWORK}


def test_the_suites_own_tests_need_no_framework() -> None:
    for file in (ROOT / "tests").glob("*.py"):
        assert not tops(file) & ALL_FRAMEWORKS, file


def test_the_reference_at_work_has_loaded_nothing_else() -> None:
    code = (
        "import sys, reference.truth, reference.bounds; "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "reference" in loaded
    assert not loaded & {"pytest", "_pytest", "conformance", "adapters", *ALL_FRAMEWORKS}


def test_no_truth_reaches_an_adapter() -> None:
    """What an adapter is handed is a `Call`, whose fields are the question and nothing else."""
    known = {"operator", "dtype", "inputs", "parameters", "reduction", "upstream"}
    known |= {"quantities", "tangents"}
    assert {field.name for field in dataclasses.fields(Call)} == known
    # The one place where adapters are run hands them that.
    runs = [
        (file.name, ast.unparse(node))
        for file in files("conformance")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and re.search(r"adapter\.run(_all)?$", ast.unparse(node.func))
    ]
    asked = "self._asked(job, dtype)"
    assert sorted(runs) == [
        ("measure.py", f"self.adapter.run(job.implementation, {asked}, job.mode)"),
        ("measure.py", "self.adapter.run_all(tasks, mode)"),
        ("observe.py", "self.adapter.run_all(tasks, chosen[0].mode)"),
        ("smoke.py", "adapter.run(implementation, call, mode)"),
    ]
    returns = inspect.signature(Suite._asked).return_annotation
    assert returns == "Call"


def test_operators_have_models_of_their_value_and_no_unknown_ones() -> None:
    for operator in OPERATORS.values():
        names = {*operator.differentiable, *operator.arrays}
        for models in (operator.strict, operator.baseline):
            assert "value" in models, operator.name
            assert {q.split(".")[-1] for q in models} <= {"value", *names}, operator.name


def test_no_tolerance_is_typed_anywhere() -> None:
    word = re.compile(r"\b(rtol|atol|allclose|isclose|assert_close)\b")
    for room in ("cases", "reference", "adapters", "conformance"):
        for file in (*(ROOT / room).rglob("*.py"), *(ROOT / room).rglob("*.yaml")):
            assert not word.search(file.read_text()), file


def test_every_package_is_pinned() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    pins = [text for group in groups.values() for text in group if isinstance(text, str)]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    core = {pin.partition("==")[0] for pin in groups["core"]}
    rooms = ("reference", "adapters", "conformance")
    used = set().union(*(tops(file) for room in rooms for file in files(room)))
    used -= {*rooms, *ALL_FRAMEWORKS}
    assert {DISTRIBUTION.get(name, name) for name in used} <= core
