"""What was found before: many problems are the same in several dtypes, and more of their rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Held = TypeVar("Held")
LIMIT = 2_000_000
"""Outputs that are remembered; then all is forgotten."""


class Memory(Generic[Held]):
    """A bounded dictionary: `size` tells how many outputs an entry has."""

    def __init__(self, size: Callable[[Held], int]) -> None:
        self.size, self.total = size, 0
        self.held: dict[Hashable, Held] = {}

    def get(self, key: Hashable) -> Held | None:
        return self.held.get(key)

    def put(self, key: Hashable, value: Held) -> Held:
        """Remember a value, and return it."""
        self.total += self.size(value)
        if self.total > LIMIT:
            self.clear()
        self.held[key] = value
        return value

    def clear(self) -> None:
        """Forget everything."""
        self.held.clear()
        self.total = 0
