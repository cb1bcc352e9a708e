"""Keras 3 on PyTorch, eager: what its trainer runs by default."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "torch"

from adapters.keras_3.engine import Keras, implementations, imports
from adapters.pytorch.engine import PyTorch


class KerasOnTorch(Keras, PyTorch):
    """Keras 3 with the tensors and the autograd of PyTorch."""

    framework, backend = "keras-torch", "torch"
    modes = ("eager",)
    implementations = implementations(dict.fromkeys(("class", "function", "composition"), modes))
    imports = imports("torch", "import torch", "from torch import inf, nan")


ADAPTER = KerasOnTorch()
