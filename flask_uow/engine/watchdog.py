"""The watchdog: one thread that acts when something takes longer than it may, for waits inside a driver that has no time-out for them.

Used by :mod:`flask_uow.engine.dialects.postgresql` to bound a ping and a COMMIT. The thread begins with the first watch and ends some
seconds after the last one. A watch costs a microsecond while all is well.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from collections.abc import Callable

__all__ = ["Watchdog", "watchdog"]

# seconds between two looks, and how many looks at nothing end the thread
_TICK = 0.05
_IDLE_TICKS = 100
_log = logging.getLogger("flask_uow.engine")


class Watchdog:
    """Calls functions that were not called off in time. Threads may share it."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything: in a forked process, where the thread is not."""
        self._watches: dict[int, tuple[float, Callable[[], object]]] = {}
        self._numbers = itertools.count(1)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def watch(self, seconds: float, act: Callable[[], object]) -> int:
        """Have ``act`` called in another thread after so many seconds.

        :returns: a number for :meth:`call_off`.
        """
        number = next(self._numbers)
        self._watches[number] = (time.monotonic() + seconds, act)
        if self._thread is None:
            self._start()
        return number

    def call_off(self, number: int) -> bool:
        """Forget a watch; return False when its time had come already."""
        # dict.pop() is atomic: of the thread that acts and the one that calls off, one gets the watch
        return self._watches.pop(number, None) is not None

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="flask_uow watchdog", daemon=True)
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        idle = 0
        while idle < _IDLE_TICKS:
            time.sleep(_TICK)
            idle = 0 if self._watches else idle + 1
            now = time.monotonic()
            for number, (due, act) in list(self._watches.items()):
                if due <= now and self.call_off(number):
                    try:
                        act()
                    except Exception:  # noqa: BLE001 - whatever it is, the thread has others to watch
                        _log.warning("what took too long could not be ended", exc_info=True)
        self._thread = None
        # somebody may have come between the last look and the end
        if self._watches:
            self._start()


watchdog = Watchdog()

if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=watchdog.begin_anew)
