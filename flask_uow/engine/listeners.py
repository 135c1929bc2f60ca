"""Hooks around each statement that an engine sends.

Plain lists of functions, so that an engine without listeners pays one look at two empty lists. Statement logs, the
query recorder of the web layer and tests add themselves here; :mod:`flask_uow.engine.connection` calls them. A list
may be changed by any thread at any time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from flask_uow.engine.engine import Engine

__all__ = ["EngineListeners", "StatementEvent"]

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


class EngineListeners:
    """The listeners of one engine.

    :ivar before_execute: functions that take a :class:`StatementEvent` whose duration is 0.0.
    :ivar after_execute: functions that take a complete :class:`StatementEvent`, also when the statement failed.
    :ivar before_cursor: functions of the event ``before_cursor_execute``; they return the statement and the parameters to be sent.
    :ivar after_cursor: functions of the event ``after_cursor_execute``.
    """

    __slots__ = ("after_cursor", "after_execute", "before_cursor", "before_execute")

    def __init__(self) -> None:
        self.before_execute: list[Callable[[StatementEvent], object]] = []
        self.after_execute: list[Callable[[StatementEvent], object]] = []
        self.before_cursor: tuple[Callable[..., Any], ...] = ()
        self.after_cursor: tuple[Callable[..., Any], ...] = ()

    @property
    def is_heard(self) -> bool:
        """True where anything listens."""
        return bool(self.before_execute or self.after_execute or self.before_cursor or self.after_cursor)
