"""The peers: each module has a class ``Peer`` with one method for each operation.

A method does its preparation, takes the time of the measured part only (``with clock:``) and returns figures that must
be the same for all peers.
"""

from __future__ import annotations

import gc
import time
from types import TracebackType
from typing import Any, Protocol


class Clock:
    """Adds up the seconds spent inside its ``with`` blocks."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._start = 0.0

    def __enter__(self) -> None:
        gc.collect()
        self._start = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.seconds += time.perf_counter() - self._start


class BenchmarkPeer(Protocol):
    """What the worker calls. ``rows`` is the number of rows (for request_get: of requests)."""

    def __init__(self, uri: str) -> None: ...

    def insert_flat(self, clock: Clock, rows: int) -> Any:
        """``rows`` new objects of six columns; the keys made by the server are on the objects; commit."""

    def insert_graph(self, clock: Clock, rows: int) -> Any:
        """A tenth of ``rows`` parents with ten children each, through the relationship; commit."""

    def load_entities(self, clock: Clock, rows: int) -> Any:
        """``rows`` full objects into an empty session."""

    def eager_children(self, clock: Clock, rows: int) -> Any:
        """A tenth of ``rows`` parents into an empty session, with their ten children each by a second statement."""

    def eager_parent(self, clock: Clock, rows: int) -> Any:
        """``rows`` children into an empty session, with their parents by a join."""

    def page_eager(self, clock: Clock, rows: int) -> Any:
        """The same parents and children as for eager_children, in pages of 20 parents with a session for each."""

    def get_hit(self, clock: Clock, rows: int) -> Any:
        """Ten look-ups a row by primary key of objects that are in the identity map."""

    def update_dirty(self, clock: Clock, rows: int) -> Any:
        """One column of each of ``rows`` loaded objects gets a distinct value; commit."""

    def request_get(self, clock: Clock, rows: int) -> Any:
        """Flask requests, each gives one object with its ten children as JSON."""

    def close(self) -> None:
        """Release all connections."""
