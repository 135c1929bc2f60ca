"""Waiting for PostgreSQL: without blocking other greenlets under gevent, and whether there is something to wait for.

psycopg2 waits in C, where gevent cannot switch to another greenlet: one slow query would block the whole worker. It has a
hook for that, the wait callback (https://www.psycopg.org/docs/advanced.html#support-for-coroutine-libraries), which holds for
the process. It is set when the process turns out to be monkey-patched and nobody else (psycogreen) has set one.
"""

from __future__ import annotations

import select
import sys
from typing import TYPE_CHECKING

from psycopg2 import OperationalError
from psycopg2.extensions import POLL_OK, POLL_READ, POLL_WRITE, get_wait_callback, set_wait_callback

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

__all__ = ["cooperate", "is_quiet"]


def cooperate() -> None:
    """Have psycopg2 wait through gevent where the process is monkey-patched; called before each connection is opened."""
    if _is_patched_by_gevent() and get_wait_callback() is None:
        set_wait_callback(_wait_in_gevent)


def _is_patched_by_gevent() -> bool:
    # looked for among the modules that are there: whoever works with gevent has imported it, and nobody else is to need
    # it
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("socket"))


def _wait_in_gevent(connection: Connection) -> None:
    """Wait until the connection has done what it was asked, while other greenlets run."""
    gevent_socket = sys.modules["gevent.socket"]
    while True:
        state = connection.poll()
        if state == POLL_OK:
            return
        if state == POLL_READ:
            gevent_socket.wait_read(connection.fileno())
        elif state == POLL_WRITE:
            gevent_socket.wait_write(connection.fileno())
        else:
            raise OperationalError(f"psycopg2 reports the unknown state {state!r} while it waits")


def is_quiet(raw: Connection) -> bool:
    """Return False where something has arrived on the socket of an idle connection: its end, most likely."""
    if raw.closed:
        return False
    if not hasattr(select, "poll"):  # Windows
        return not select.select([raw.fileno()], [], [], 0)[0]
    # select() takes no descriptor beyond 1023
    watcher = select.poll()
    watcher.register(raw.fileno(), select.POLLIN | select.POLLPRI)
    return not watcher.poll(0)
