"""Statements, seen from the application: recorded for each context, and logged when they are slow.

``UOW_RECORD_QUERIES`` and ``UOW_SLOW_QUERY_SECONDS`` add listeners to the engines of an app; without them nothing is added and
nothing is slower. Set up by flask_uow.web.extension.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flask import Flask

from flask_uow.engine import Engine, StatementEvent
from flask_uow.engine.pool_record import INSIDE
from flask_uow.exc import InvalidRequestError
from flask_uow.web.config import Settings
from flask_uow.web.scope import current_context, current_request

__all__ = ["RecordedQuery", "get_recorded_queries", "listen"]

_QUERIES = "_uow_queries"


@dataclass(frozen=True, slots=True)
class RecordedQuery:
    """One statement that a request (or an app context) sent.

    :ivar statement: its SQL text.
    :ivar parameters: the driver's parameters; a list of them where the statement was sent for several sets.
    :ivar duration: seconds until the database had answered.
    :ivar location: the line of the application that caused it: ``path:line (function)``.
    :ivar bind_key: the bind key of its engine; None for the default one.
    :ivar failed: True when the database refused it.
    :ivar end_time: when the database had answered, by the clock of ``time.perf_counter()``.
    """

    statement: str
    parameters: Any
    duration: float
    location: str
    bind_key: str | None = None
    failed: bool = False
    end_time: float = 0.0

    @property
    def start_time(self) -> float:
        """When it was sent, by the same clock."""
        return self.end_time - self.duration


def get_recorded_queries() -> list[RecordedQuery]:
    """Return the statements that the present request (or app context) has sent so far, the oldest first.

    Needs ``UOW_RECORD_QUERIES = True``; else the list is empty. BEGIN, COMMIT and the like are not among them.

    :raises InvalidRequestError: outside any context.
    """
    context = current_context()
    if context is None:
        raise InvalidRequestError(
            "get_recorded_queries() was called outside of any request or app context, and queries are recorded for each of"
            " them. Call it in a view or an after_request function, or inside `with app.app_context():`."
        )
    return list(vars(context).get(_QUERIES, ()))


def listen(app: Flask, settings: Settings, engines: Iterable[tuple[str | None, Engine]]) -> None:
    """Add the listeners that the settings ask for to the engines of an app, given with their bind keys."""
    for key, engine in engines:
        if settings.record_queries:
            engine.listeners.after_execute.append(_recorder(app.root_path, key))
        if settings.slow_query_seconds is not None:
            engine.listeners.after_execute.append(_slow_logger(app.logger, app.root_path, settings.slow_query_seconds))


def _recorder(root_path: str, bind_key: str | None) -> Callable[[StatementEvent], None]:
    def record(event: StatementEvent) -> None:
        context = current_context()
        if event.kind == "statement" and context is not None:
            query = RecordedQuery(
                event.statement,
                event.parameters,
                event.duration,
                _location(root_path),
                bind_key,
                event.error is not None,
                time.perf_counter(),
            )
            vars(context).setdefault(_QUERIES, []).append(query)

    return record


# the logger and not the app: the engines must not keep the app alive
def _slow_logger(logger: Any, root_path: str, seconds: float) -> Callable[[StatementEvent], None]:
    def log(event: StatementEvent) -> None:
        # parameters are left out: they are the users' data, and logs are read by many
        if event.duration >= seconds and event.duration > 0.0:
            request = current_request()
            logger.warning(
                "Slow query: %.3f s at %s, endpoint %s: %s",
                event.duration,
                _location(root_path),
                None if request is None else request.endpoint,
                event.statement,
            )

    return log


def _location(root_path: str) -> str:
    """Return the innermost line of the app, else of whoever is outside of this package."""
    frame: Any = sys._getframe(1)
    outside = None
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(INSIDE):
            outside = outside or frame
            if name.startswith(root_path) and f"{os.sep}site-packages{os.sep}" not in name[len(root_path) :]:
                outside = frame
                break
        frame = frame.f_back
    if outside is None:
        return "unknown"
    line = outside.f_lineno
    template = outside.f_globals.get("__jinja_template__")
    if template is not None:
        # the code that Jinja generated has lines of its own
        line = template.get_corresponding_lineno(line)
    return f"{outside.f_code.co_filename}:{line} ({outside.f_code.co_name})"
