"""Python's garbage collector, which rests while many rows are taken over at once.

The collector runs each time that so many objects have been made, and searches those that are young. Among rows that are being
fetched, and objects that are being made of them, it finds nothing to free: all are held by the list that is to be returned. On
CPython 3.11 this took a fifth of the time in which 10,000 rows became objects (benchmarks: load_entities, eager_children).
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final, TypeVar, TypeVarTuple

__all__ = ["MANY_ROWS", "with_collector_at_rest"]

Given = TypeVarTuple("Given")
T = TypeVar("T")

# with fewer the collector would run once or not at all
MANY_ROWS: Final = 64


def with_collector_at_rest(call: Callable[[*Given], T], *given: *Given) -> T:
    """Call a function while the garbage collector is switched off; where it is off already, it stays so.

    The collector is one for the whole process. So nothing that waits belongs in here: no statement, no lock.
    """
    if not gc.isenabled():
        return call(*given)
    try:
        # within: an interrupt that comes just now must not leave it switched off
        gc.disable()
        return call(*given)
    finally:
        gc.enable()
