"""The peers: each module has a class ``Peer`` with one method for each row of the table.

A method does its preparation, takes the time of the measured part only (``with clock:``) and returns figures, worked out
after that part, from objects that can load nothing any more. All peers must return the same ones.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
import tracemalloc
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from tests.benchmarks.data import CHILDREN_PER_PARENT

# time that passes; or, where other programs use the machine, the time of the processor that the peer's process has used: it leaves
# out what a server does, and waiting
OWN_TIME = os.environ.get("UOW_BENCHMARK_CLOCK") == "processor"
_now = time.process_time if OWN_TIME else time.perf_counter


class Clock:
    """Adds up the seconds spent inside its ``with`` blocks: of time that passes, or with ``OWN_TIME`` of the processor.

    :ivar value: what is reported: the seconds, or what a row measures instead.
    """

    def __init__(self) -> None:
        self.value = 0.0
        self._start = 0.0

    def __enter__(self) -> None:
        gc.collect()
        self._start = _now()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.value += _now() - self._start


class BenchmarkPeer:
    """What the worker calls; ``rows`` says what each row measures.

    :ivar cannot: why a row is not there, by its name.
    """

    cannot: dict[str, str] = {}

    def holding(self, rows: int) -> AbstractContextManager[Sequence[Any]]:
        """Give the first ``rows`` items as objects, by one query, into an empty session that stays open."""
        raise NotImplementedError

    def close(self) -> None:
        """Release all connections."""

    def memory_per_object(self, clock: Clock, size: int) -> Any:
        with self.holding(size) as items:
            figures = item_figures(items)
        del items
        gc.collect()
        tracemalloc.start()
        try:
            with self.holding(size) as items:
                gc.collect()
                clock.value = tracemalloc.get_traced_memory()[0] / size
                del items
        finally:
            tracemalloc.stop()
        return figures

    def load_growth(self, clock: Clock, size: int) -> Any:
        small = []
        for _ in range(11):
            small.append(self._seconds_of_loading(size // 100)[0])
        seconds, figures = self._seconds_of_loading(size)
        clock.value = seconds / 100 / statistics.median(small)
        return figures

    def _seconds_of_loading(self, rows: int) -> tuple[float, Any]:
        clock = Clock()
        with clock:
            holding = self.holding(rows)
            items = holding.__enter__()
        figures = item_figures(items)
        del items
        holding.__exit__(None, None, None)
        return clock.value, figures


def item_figures(items: Sequence[Any]) -> list[Any]:
    """Return figures on all values of ``items``; ``rows.item_figures`` has what they must be."""
    return [
        len(items),
        sum(item.id for item in items),
        sum(item.age for item in items),
        sum(item.score for item in items),
        sum(1 for item in items if item.active is True),
        max(item.created for item in items).isoformat(),
        sum(len(item.name) + len(item.email) for item in items),
    ]


def parent_figures(parents: Sequence[Any]) -> list[Any]:
    """Return the figures of eager_children; ``children`` of a parent is anything that can be iterated."""
    children = [list(parent.children) for parent in parents]
    assert all(len(some) == CHILDREN_PER_PARENT for some in children), "a parent without its ten children"
    return [
        len(parents),
        sum(c.id for some in children for c in some),
        sum(c.position for some in children for c in some),
    ]


def read_many(item: Any, times: int) -> int:
    """Read ``item.age`` ``times`` times, a multiple of 20; the loop itself costs little."""
    for _ in range(times // 20):
        item.age
        item.age
        item.age
        item.age
        item.age
        item.age
        item.age
        item.age
        item.age
        item.age
        item.age
        item.age
        item.age
        item.age
        item.age
        item.age
        item.age
        item.age
        item.age
        item.age
    return times


def write_many(items: Sequence[Any]) -> int:
    """Write 20 values to an attribute of each object, going round."""
    for value in range(20):
        for item in items:
            item.age = value
    return len(items) * 20


def write_figures(items: Sequence[Any], tracked: int | None) -> list[int]:
    """Return the figures of attr_write.

    :param tracked: how many objects the peer knows to have changed; None for a peer that tracks nothing.
    """
    assert tracked is None or tracked == len(items), f"{tracked} of {len(items)} changed objects are known"
    right = sum(1 for i in items if i.age == 19)
    return [right, right * 20]


def new_item_figures(items: Sequence[Any]) -> list[int]:
    """Return the figures of insert_flat, for objects in the order in which they were made.

    The last figure depends on which object has which key; the database is asked whether that is so.
    """
    keys = [item.id for item in items]
    return [len(items), len(set(keys)), sum(key * index for index, key in enumerate(keys))]


def new_graph_figures(parents: int, children: Sequence[Any]) -> list[int]:
    """Return the figures of insert_graph; ``children`` are in the order in which they were made."""
    return [parents, *new_item_figures(children)[1:]]
