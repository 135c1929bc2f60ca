"""The events of engines: connections that are opened, lent and given back, and statements; see :mod:`flask_uow.sql.event`."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flask_uow.engine.engine import Engine, engines
from flask_uow.engine.pool import Pool
from flask_uow.sql.event import EventKind, Registered, register_kind

if TYPE_CHECKING:
    pass

__all__: list[str] = []

_CONNECTION = ("dbapi_connection", "connection_record")
_STATEMENT = ("conn", "cursor", "statement", "parameters", "context", "executemany")

# what listens to every engine
_all: dict[str, list[Registered]] = {}
_own: weakref.WeakKeyDictionary[Any, dict[str, list[Registered]]] = weakref.WeakKeyDictionary()


class _EngineEvents(EventKind):
    targets = "an engine, its pool, or Engine for all of them"
    options = frozenset({"retval"})
    names: Mapping[str, tuple[str, ...]] = {
        "connect": _CONNECTION, "first_connect": _CONNECTION, "checkout": (*_CONNECTION, "connection_proxy"), "checkin": _CONNECTION,
        "close": _CONNECTION, "before_cursor_execute": _STATEMENT, "after_cursor_execute": _STATEMENT,
    }  # fmt: skip

    def takes(self, target: object) -> bool:
        return isinstance(target, (Engine, Pool)) or target is Engine or target is Pool

    def registered(self, target: object, name: str) -> list[Registered]:
        if isinstance(target, type):
            return _all.setdefault(name, [])
        return _own.setdefault(_pool_of(target), {}).setdefault(name, [])

    def changed(self, target: object, name: str) -> None:
        for engine in list(engines):
            if isinstance(target, type) or _pool_of(target) is engine.pool:
                take_listeners(engine, name)

    def adapt(self, name: str, function: Callable[..., Any], options: Mapping[str, Any]) -> Callable[..., Any]:
        if name == "before_cursor_execute" and not options.get("retval"):

            def unchanged(
                conn: object, cursor: object, statement: str, parameters: object, context: object, many: bool
            ) -> Any:
                function(conn, cursor, statement, parameters, context, many)
                return statement, parameters

            return unchanged
        return function


def _pool_of(target: object) -> Pool:
    """Return the pool of one of the targets that :meth:`_EngineEvents.takes` has let through."""
    if isinstance(target, Engine):
        return target.pool
    assert isinstance(target, Pool)
    return target


def take_listeners(engine: Engine, *names: str) -> None:
    """Have an engine call what listens to it and to all engines.

    :param names: the events; all when left out.
    """
    own = _own.get(engine.pool, {})
    for name in names or tuple({*_all, *own}):
        calls = tuple(made.call for made in (*_all.get(name, ()), *own.get(name, ())))
        if name == "before_cursor_execute":
            engine.listeners.before_cursor = calls
        elif name == "after_cursor_execute":
            engine.listeners.after_cursor = calls
        else:
            engine.pool.listen(name, calls)


register_kind(_EngineEvents())
Engine.when_made = staticmethod(take_listeners)
