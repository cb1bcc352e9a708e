"""One room per framework: tables of expressions, conversions, modes. No truth is known here."""

from __future__ import annotations

import importlib.util
import sys
from importlib import import_module
from pathlib import Path

from adapters.base import PROTOCOL, Adapter, Implementation

FRAMEWORKS = {
    "torch": "pytorch.engine",
    "tensorflow": "tensor_flow.engine",
    "tensorflow-plain": "tensor_flow.plain",
    "jax": "jax_optax.engine",
    "keras-torch": "keras_3.on_torch",
    "keras-tensorflow": "keras_3.on_tensorflow",
    "keras-jax": "keras_3.on_jax",
    "numpy": "numpy_controls",
}
"""Framework -> module of its adapter."""


class AdapterError(Exception):
    """An adapter cannot be used; the message says why and what to do."""


def load(name: str) -> Adapter:
    """The adapter of a framework, or of a file `path/to/adapter.py` that defines `ADAPTER`.

    Raises AdapterError if there is none, if its framework is not installed, or if it was written
    for another version of the protocol.
    """
    try:
        module = _module(name)
    except ImportError as error:
        remedy = "install it, or run its tox environment"
        raise AdapterError(f"{name}: {error}; {remedy}") from error
    adapter = getattr(module, "ADAPTER", None)
    if not isinstance(adapter, Adapter):
        raise AdapterError(f"{name}: defines no ADAPTER; give an instance of adapters.base.Adapter")
    if adapter.protocol != PROTOCOL:
        told = f"speaks protocol {adapter.protocol}, this suite {PROTOCOL}"
        raise AdapterError(f"{name}: {told}; adapt it to adapters/base.py")
    return adapter


def table(framework: str) -> tuple[Implementation, ...]:
    """The implementations of a framework, as data: the framework need not be installed.

    Raises AdapterError if the framework is unknown or its room has no table.
    """
    room = FRAMEWORKS.get(framework, "").partition(".")[0]
    try:
        found: tuple[Implementation, ...] = import_module(f"adapters.{room}.table").IMPLEMENTATIONS
    except ImportError:
        raise AdapterError(f"{framework} has no table in adapters/") from None
    return found


def _module(name: str) -> object:
    if name in FRAMEWORKS:
        return import_module(f"adapters.{FRAMEWORKS[name]}")
    file = Path(name)
    if not file.is_file():
        known = ", ".join(FRAMEWORKS)
        raise AdapterError(f"{name}: neither a framework ({known}) nor a file; correct the name")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise AdapterError(f"{name}: is not a Python file; give one that defines ADAPTER")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(file.stem, module)  # so that its snippets can import it
    spec.loader.exec_module(module)
    return module
