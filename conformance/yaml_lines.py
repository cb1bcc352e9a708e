"""YAML that remembers its lines: plain values, and the line of any of them when it is asked for.

Stricter and simpler than YAML 1.1: a plain scalar is what `scalar` makes of its text (JSON's
literals by default, so `1e30` is a number, `yes` and `12:30` are text), a key is always text, a
repeated key is an error, and there are no tags. An alias stands for the value at its anchor.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import msgspec.inspect
import yaml

from conformance.errors import UserError, unreadable

T = TypeVar("T")
Scalar = Callable[[str], Any]
_NAMES: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}
_NAMES |= {".inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan")}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_START = re.compile(r"[-+.0-9~ntf]|$")


def json_scalar(text: str) -> Any:
    """The value of a plain scalar: null, booleans, numbers, `.inf`, `.nan`; else its text."""
    if not _START.match(text):
        return text
    if text in _NAMES:
        return _NAMES[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


@dataclass(frozen=True)
class Document:
    """A YAML file: its value (dict, list, str, ...), and where each part of it stands."""

    file: Path
    root: yaml.Node | None
    scalar: Scalar

    @cached_property
    def value(self) -> Any:
        """The file as plain Python values; None for an empty file."""
        return None if self.root is None else _Builder(self).build(self.root)

    def line(self, *path: str | int) -> int:
        """The line (from 1) of a path of keys and positions, or of its deepest part that exists.

        An entry of a mapping stands on the line of its key. The cost is that of walking the path.
        """
        node, mark = self.root, self.root
        for step in path:
            found = _step(node, step)
            if found is None:
                break
            mark, node = found
        return 1 if mark is None else _line(mark)

    def error(self, path: tuple[str | int, ...], problem: str, remedy: str) -> UserError:
        """An error about the part of the file at `path`."""
        return UserError(self.file, self.line(*path), problem, remedy)

    def convert(self, type_: type[T]) -> T:
        """The value as `type_` (msgspec types).

        Raises `UserError` with the line and, for an unknown key, the keys that are known.
        """
        try:
            return msgspec.convert(self.value, type_)
        except msgspec.ValidationError as error:
            raise self._explain(str(error), type_) from None

    def _explain(self, message: str, type_: Any) -> UserError:
        problem, _, where = message.partition(" - at `$")
        path = tuple(self._path(where))
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
        problem = f"{place.lstrip('.') or 'the file'}: {problem[0].lower()}{problem[1:]}"
        key = re.search(r"field `(.*)`", problem)
        if key is None:
            return self.error(path, problem, "correct it")
        if "missing required" in problem:
            return self.error(path, problem, f"add `{key[1]}`")
        known = ", ".join(_fields(type_, path))
        return self.error((*path, key[1]), problem, f"the known keys are {known}")

    @staticmethod
    def _path(where: str) -> Iterator[str | int]:
        # msgspec writes [...] for an entry of a dict whose key it does not tell.
        for name, position in re.findall(r"\.(\w+)|\[(\d+|\.\.\.)\]", where):
            if position == "...":
                return
            yield name or int(position)


def load(file: Path, scalar: Scalar = json_scalar) -> Document:
    """Read a YAML file. Quoted scalars are text, plain ones are `scalar(text)`, keys are text.

    Raises `UserError` with the line for a file that cannot be read, broken YAML, repeated keys,
    and tags.
    """
    try:
        text = file.read_text(encoding="utf-8")
        with _uncollected():
            document = Document(file, yaml.compose(text, _Loader), scalar)
            document.value  # noqa: B018 - built here, so that errors are raised here
            return document
    except (OSError, UnicodeError) as error:
        raise unreadable(file, error) from None
    except RecursionError:
        raise UserError(file, "", "is nested too deep", "write it flatter") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        line = 1 if mark is None else mark.line + 1
        raise UserError(file, line, f"is not YAML: {problem}", "correct the syntax") from None


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collections, which take half the time where a million objects appear."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Loader(yaml.CLoader if yaml.__with_libyaml__ else yaml.Loader):  # type: ignore[misc]
    """The parser without YAML 1.1's guesses (which also cost most of the time)."""

    def resolve(self, *_: Any) -> str:
        return ""


class _Builder:
    def __init__(self, document: Document) -> None:
        self.file, self.scalar = document.file, document.scalar

    def build(self, node: yaml.Node) -> Any:
        if node.tag:
            problem = f"tag {node.tag}"
            raise UserError(self.file, _line(node), problem, "write the value itself")
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node.value) if not node.style else node.value
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item) for item in node.value]
        return self._mapping(node)

    def _mapping(self, node: yaml.Node) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = key.value
            if not isinstance(name, str):
                raise UserError(self.file, _line(key), "a key is not text", "quote it")
            if name in found:
                problem = f"key `{name}` is there twice"
                raise UserError(self.file, _line(key), problem, "remove or rename one of them")
            found[name] = self.build(value)
        return found


def _step(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The node that marks the place, and the node of the value, one step below `node`."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _fields(type_: Any, path: tuple[str | int, ...]) -> list[str]:
    """The keys of the msgspec struct at `path` below `type_`."""
    info: Any = msgspec.inspect.type_info(type_)
    for step in (*path, None):
        kinds = getattr(info, "types", (info,))
        info = next((kind for kind in kinds if hasattr(kind, "fields")), kinds[0])
        if step is None:
            return [field.encode_name for field in info.fields]
        if hasattr(info, "fields"):
            info = next(field.type for field in info.fields if field.encode_name == step)
        else:
            info = getattr(info, "item_type", None) or getattr(info, "value_type", None)
    return []
