"""The events of engines, pools and connections; see :mod:`flask_uow.sql.event`.

Connections that are opened, lent and given back; transactions; statements; errors.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from flask_uow.engine.connection import Connection
from flask_uow.engine.engine import Engine, engines
from flask_uow.engine.listeners import EngineListeners
from flask_uow.engine.pool import Pool
from flask_uow.sql.event import EventKind, Registered, register_kind

__all__: list[str] = []

_CONNECTION = ("dbapi_connection", "connection_record")
_STATEMENT = ("conn", "cursor", "statement", "parameters", "context", "executemany")
_ELEMENT = ("conn", "clauseelement", "multiparams", "params", "execution_options")

_OF_POOLS: Mapping[str, tuple[str, ...]] = {
    "connect": _CONNECTION, "first_connect": _CONNECTION, "checkout": (*_CONNECTION, "connection_proxy"), "checkin": _CONNECTION,
    "reset": (*_CONNECTION, "reset_state"), "invalidate": (*_CONNECTION, "exception"), "detach": _CONNECTION, "close": _CONNECTION,
}  # fmt: skip
_OF_CONNECTIONS: Mapping[str, tuple[str, ...]] = {
    "before_cursor_execute": _STATEMENT, "after_cursor_execute": _STATEMENT, "before_execute": _ELEMENT, "after_execute": (*_ELEMENT, "result"),
    "handle_error": ("exception_context",), "set_connection_execution_options": ("conn", "opts"),
    "begin": ("conn",), "commit": ("conn",), "rollback": ("conn",),
    "savepoint": ("conn", "name"), "release_savepoint": ("conn", "name", "context"), "rollback_savepoint": ("conn", "name", "context"),
    "begin_twophase": ("conn", "xid"), "prepare_twophase": ("conn", "xid"),
    "commit_twophase": ("conn", "xid", "is_prepared"), "rollback_twophase": ("conn", "xid", "is_prepared"),
}  # fmt: skip
_OF_ENGINES: Mapping[str, tuple[str, ...]] = {
    "engine_connect": ("conn",), "do_connect": ("dialect", "conn_rec", "cargs", "cparams"),
    "set_engine_execution_options": ("engine", "opts"), "engine_disposed": ("engine",),
}  # fmt: skip

# the forms of functions that programs of earlier times have: which arguments they take
_FORMER: Mapping[str, tuple[int, ...]] = {
    "before_execute": (0, 1, 2, 3),
    "after_execute": (0, 1, 2, 3, 5),
    "reset": (0, 1),
}

# what listens to every engine
_all: dict[str, list[Registered]] = {}
# by pool, and by connection
_own: weakref.WeakKeyDictionary[Any, dict[str, list[Registered]]] = weakref.WeakKeyDictionary()
_heard: weakref.WeakSet[Connection | Engine] = weakref.WeakSet()


class _EngineEvents(EventKind):
    targets = "an engine, its pool, or Engine for all of them"
    options = frozenset({"retval"})
    names: Mapping[str, tuple[str, ...]] = {**_OF_POOLS, **_OF_CONNECTIONS, **_OF_ENGINES}

    def takes(self, target: object) -> bool:
        return (isinstance(target, (Engine, Pool)) and not _has_options_of_its_own(target)) or (
            isinstance(target, type) and (target is Engine or issubclass(target, Pool))
        )

    def registered(self, target: object, name: str) -> list[Registered]:
        if isinstance(target, type):
            return _all.setdefault(name, [])
        return _own.setdefault(_pool_of(target), {}).setdefault(name, [])

    def changed(self, target: object, name: str) -> None:
        if isinstance(target, Pool) and name in _OF_POOLS:
            # that of no engine, perhaps
            target.listen(name, _calls_of(target, name))
        for engine in list(engines):
            if isinstance(target, type) or _pool_of(target) is engine.pool:
                take_listeners(engine, name)
        for heard in list(_heard):
            _take_own(heard)

    def adapt(self, name: str, function: Callable[..., Any], options: Mapping[str, Any]) -> Callable[..., Any]:
        return _adapted(name, function, options)


class _ConnectionEvents(EventKind):
    targets = "a connection, an engine with options of its own"
    options = frozenset({"retval"})
    names: Mapping[str, tuple[str, ...]] = _OF_CONNECTIONS

    def takes(self, target: object) -> bool:
        return isinstance(target, Connection)

    def registered(self, target: object, name: str) -> list[Registered]:
        return _own.setdefault(target, {}).setdefault(name, [])

    def changed(self, target: object, name: str) -> None:
        assert isinstance(target, (Connection, Engine))
        _heard.add(target)
        _take_own(target)

    def adapt(self, name: str, function: Callable[..., Any], options: Mapping[str, Any]) -> Callable[..., Any]:
        return _adapted(name, function, options)


class _OptionEvents(_ConnectionEvents):
    """Of an engine that ``execution_options()`` has made: what it does is told of to those that listen to it, and to its original."""

    names = {**_OF_CONNECTIONS, "engine_connect": ("conn",)}

    def takes(self, target: object) -> bool:
        return _has_options_of_its_own(target)


class _PoolOfOptions(_EngineEvents):
    """The pool of such an engine is that of its original."""

    names = {**_OF_POOLS, **{name: given for name, given in _OF_ENGINES.items() if name != "engine_connect"}}

    def takes(self, target: object) -> bool:
        return _has_options_of_its_own(target)


def _has_options_of_its_own(target: object) -> bool:
    return isinstance(target, Engine) and target.original is not None


def _adapted(name: str, function: Callable[..., Any], options: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the function to call: one that changes nothing where its answer does not count, and in the form that it has."""
    call = _in_its_form(name, function)
    if options.get("retval"):
        return call
    if name == "before_cursor_execute":

        def unchanged(
            conn: object, cursor: object, statement: str, parameters: object, context: object, many: bool
        ) -> Any:
            function(conn, cursor, statement, parameters, context, many)
            return statement, parameters

        return unchanged
    if name == "before_execute":

        def told(conn: object, element: object, many: object, one: object, given: object) -> Any:
            call(conn, element, many, one, given)
            return element, many, one

        return told
    return call


def _in_its_form(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function to call with all arguments of an event, of one that takes those of earlier times."""
    taken = _takes(function)
    if name == "engine_connect" and taken == 2:
        return lambda conn: function(conn, False)
    places = _FORMER.get(name, ())
    if places and taken == len(places):
        return lambda *arguments: function(*(arguments[place] for place in places))
    return function


def _takes(function: Callable[..., Any]) -> int | None:
    """Return how many arguments a function takes by position; None where that is not known, or where it takes any number."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(one.kind in (one.VAR_POSITIONAL, one.KEYWORD_ONLY) for one in parameters):
        return None
    return sum(one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in parameters)


def _pool_of(target: object) -> Pool:
    """Return the pool of one of the targets that :meth:`_EngineEvents.takes` has let through."""
    if isinstance(target, Engine):
        return target.pool
    assert isinstance(target, Pool)
    return target


def _calls_of(pool: Pool, name: str) -> tuple[Callable[..., Any], ...]:
    own = _own.get(pool, {})
    return tuple(made.call for made in (*_all.get(name, ()), *own.get(name, ())))


def take_listeners(engine: Engine, *names: str) -> None:
    """Have an engine call what listens to it and to all engines.

    :param names: the events; all when left out.
    """
    for name in names or tuple({*_all, *_own.get(engine.pool, {})}):
        calls = _calls_of(engine.pool, name)
        if name == "do_connect":
            engine.dialect.connect_listeners = calls
        elif name in _OF_POOLS:
            engine.pool.listen(name, calls)
        else:
            engine.listeners.listen(name, calls)


def _take_own(heard: Connection | Engine) -> None:
    """Have a connection (or an engine with options of its own) call what listens to it, after what listens to its engine."""
    around = heard.engine if isinstance(heard, Connection) else heard.original
    assert around is not None
    shared = around.listeners
    made = EngineListeners()
    # the same lists, which may be changed later on
    made.before_execute, made.after_execute = shared.before_execute, shared.after_execute
    made.before_cursor, made.after_cursor, made.around = shared.before_cursor, shared.after_cursor, shared.around
    for name, registered in _own.get(heard, {}).items():
        present = {"before_cursor_execute": made.before_cursor, "after_cursor_execute": made.after_cursor}
        before = present.get(name, made.around.get(name, ()))
        made.listen(name, (*before, *(one.call for one in registered)))
    heard.listeners = made


register_kind(_EngineEvents())
register_kind(_ConnectionEvents())
register_kind(_OptionEvents())
register_kind(_PoolOfOptions())
Engine.when_made = staticmethod(take_listeners)
