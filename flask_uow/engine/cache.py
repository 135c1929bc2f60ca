"""A bounded mapping for compiled statements."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, MutableMapping
from typing import Generic, TypeVar

__all__ = ["BoundedCache"]

V = TypeVar("V")


class BoundedCache(MutableMapping[Hashable, V], Generic[V]):
    """A mapping that drops old entries when it is full.

    Reading takes no lock and moves nothing, so that it costs what a dict costs: entries go in the order in which they
    came, a quarter at a time. What is dropped too early is made again. Threads may share it; two that miss the same key
    at once both make the value, and either may stay.

    :param size: the number of entries kept at most.
    """

    __slots__ = ("_entries", "_size", "get")

    def __init__(self, size: int) -> None:
        self._entries: dict[Hashable, V] = {}
        self._size = size
        # the dict's own method, since each statement asks
        self.get = self._entries.get  # type: ignore[method-assign]

    def __getitem__(self, key: Hashable) -> V:
        return self._entries[key]

    def __setitem__(self, key: Hashable, value: V) -> None:
        entries = self._entries
        if len(entries) >= self._size:
            for old in list(entries)[: self._size // 4 + 1]:
                entries.pop(old, None)
        entries[key] = value

    def __delitem__(self, key: Hashable) -> None:
        del self._entries[key]

    def __iter__(self) -> Iterator[Hashable]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
