"""Hooks around each statement that an engine sends.

Plain lists of functions, so that an engine without listeners pays one look at two empty lists. Statement logs, the
query recorder of the web layer and tests add themselves here; :mod:`flask_uow.engine.connection` calls them. A list
may be changed by any thread at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from flask_uow.engine.dialects.base import Dialect
    from flask_uow.engine.engine import Engine
    from flask_uow.engine.sending import SendingConnection
    from flask_uow.exc import DBAPIError

__all__ = ["EngineListeners", "ExceptionContext", "ExecutionContext", "StatementEvent", "tell_of_error"]

Kind = Literal["statement", "transaction"]


@dataclass(frozen=True, slots=True)
class StatementEvent:
    """One statement that went to the database.

    :ivar engine: the engine it went through.
    :ivar statement: its SQL text.
    :ivar parameters: the driver's parameters; a list of them with ``executemany``.
    :ivar duration: seconds until the database had answered; 0.0 where it travelled with another statement, or not yet.
    :ivar executemany: True when the statement was sent for several sets of parameters.
    :ivar rowcount: rows found or changed, -1 where unknown.
    :ivar kind: ``transaction`` for BEGIN, COMMIT, ROLLBACK and the statements of savepoints, else ``statement``.
    :ivar error: the driver's error when the statement failed.
    """

    engine: Engine
    statement: str
    parameters: Any
    duration: float
    executemany: bool
    rowcount: int
    kind: Kind = "statement"
    error: BaseException | None = None


class ExecutionContext:
    """The things that the events of a cursor are told of one execution; listeners may keep attributes of their own in it.

    :ivar connection: the connection that executes.
    :ivar engine: its engine.
    :ivar dialect: the dialect.
    :ivar cursor: the driver's cursor.
    :ivar statement: the SQL text.
    :ivar parameters: the driver's parameters.
    :ivar executemany: True for several sets of them.
    :ivar execution_options: the connection's options.
    """

    def __init__(self, connection: SendingConnection, cursor: object, statement: str, parameters: object, many: bool):
        self.connection = self.root_connection = connection
        self.engine, self.dialect = connection.engine, connection.dialect
        self.cursor = cursor
        self.statement = statement
        self.parameters = parameters
        self.executemany = many
        whole: Any = connection
        self.execution_options: Mapping[str, Any] = whole.get_execution_options()


class ExceptionContext:
    """The things that the event ``handle_error`` is told.

    :ivar connection: the connection; None where none could be opened.
    :ivar engine: its engine.
    :ivar dialect: the dialect.
    :ivar cursor: the driver's cursor, None without a connection.
    :ivar statement: the SQL text, None where no statement was sent.
    :ivar parameters: the driver's parameters.
    :ivar original_exception: what the driver has raised.
    :ivar translated_exception: the error of ours for it, which is raised if nothing else is said.
    :ivar chained_exception: what a listener before has returned.
    :ivar is_disconnect: True where the connection is lost; a listener may set it.
    :ivar invalidate_pool_on_disconnect: False keeps the idle connections of the pool where a listener has set ``is_disconnect``.
    :ivar is_pre_ping: False: a connection that does not answer when it is tried is replaced, and no error.
    """

    execution_context = None
    is_pre_ping = False

    def __init__(
        self,
        connection: SendingConnection | None,
        engine: Engine,
        error: DBAPIError,
        original: BaseException,
    ) -> None:
        self.connection, self.engine = connection, engine
        self.dialect: Dialect = engine.dialect
        self.cursor = connection.cursor if connection is not None else None
        self.statement, self.parameters = error.statement, error.params
        self.original_exception = original
        self.translated_exception = self.sqlalchemy_exception = error
        self.chained_exception: BaseException | None = None
        self.is_disconnect = error.connection_invalidated
        self.invalidate_pool_on_disconnect = True


def tell_of_error(
    connection: SendingConnection | None, engine: Engine, error: DBAPIError, original: BaseException
) -> BaseException:
    """Tell what listens to ``handle_error`` of an error of the driver; return the error to be raised.

    :param connection: the one that has met it, None where none could be opened.
    :param error: ours.
    :param original: the driver's.
    """
    listeners = connection.listeners if connection is not None else engine.listeners
    calls = listeners.around.get("handle_error", ())
    if not calls:
        return error
    context = ExceptionContext(connection, engine, error, original)
    for call in calls:
        found = call(context)
        if isinstance(found, BaseException):
            context.chained_exception = found
    if context.is_disconnect and not error.connection_invalidated and connection is not None:
        error.connection_invalidated = True
        connection.note_lost(discards=context.invalidate_pool_on_disconnect)
    return context.chained_exception or error


_NOTHING: Mapping[str, tuple[Callable[..., Any], ...]] = MappingProxyType({})


class EngineListeners:
    """The listeners of one engine, or of a connection that has some of its own.

    :ivar before_execute: functions that take a :class:`StatementEvent` whose duration is 0.0.
    :ivar after_execute: functions that take a complete :class:`StatementEvent`, also when the statement failed.
    :ivar before_cursor: functions of the event ``before_cursor_execute``; they return the statement and the parameters to be sent.
    :ivar after_cursor: functions of the event ``after_cursor_execute``.
    :ivar around: functions of the other events, by their names; empty where nobody listens.
    """

    __slots__ = ("after_cursor", "after_execute", "around", "before_cursor", "before_execute")

    def __init__(self) -> None:
        self.before_execute: list[Callable[[StatementEvent], object]] = []
        self.after_execute: list[Callable[[StatementEvent], object]] = []
        self.before_cursor: tuple[Callable[..., Any], ...] = ()
        self.after_cursor: tuple[Callable[..., Any], ...] = ()
        self.around: Mapping[str, tuple[Callable[..., Any], ...]] = _NOTHING

    def listen(self, name: str, calls: tuple[Callable[..., Any], ...]) -> None:
        """Call these functions at each event of a name, in place of those that were called."""
        if name == "before_cursor_execute":
            self.before_cursor = calls
        elif name == "after_cursor_execute":
            self.after_cursor = calls
        else:
            # a new dict in place of a changed one: other threads may be going through the old one
            others = {known: own for known, own in self.around.items() if known != name}
            self.around = {**others, name: calls} if calls else others

    def tell(self, name: str, *arguments: Any) -> None:
        """Call what listens to an event."""
        for call in self.around.get(name, ()):
            call(*arguments)

    @property
    def is_heard(self) -> bool:
        """True where anything listens."""
        return bool(self.before_execute or self.after_execute or self.before_cursor or self.after_cursor)
