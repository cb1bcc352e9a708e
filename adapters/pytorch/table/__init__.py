"""The implementations of PyTorch: public functions first, then what users write out."""

from __future__ import annotations

from adapters.pytorch.table import activations, binary, classes, softmax
from adapters.pytorch.table.row import implementations

SUBJECTS = (activations, binary, softmax, classes)
IMPLEMENTATIONS = (
    *(row for subject in SUBJECTS for row in implementations(subject.FUNCTIONS)),
    *(row for subject in SUBJECTS for row in implementations(subject.COMPOSITIONS)),
)
