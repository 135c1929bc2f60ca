"""Statements on the log: what ``create_engine(echo=True)`` writes, and where it is seen.

The lines go to the logger ``flask_uow.engine``, and so to wherever the application sends its logs. Where it sends them nowhere they are
printed to stderr: asked for each line, so that logging may be set up later, and no line comes twice.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Literal

from flask_uow.engine.listeners import StatementEvent

__all__ = ["Echo", "echo_of", "let_through", "start_echo", "stop_echo"]

Echo = bool | Literal["debug"]

_logger = logging.getLogger("flask_uow.engine")
_PRINTED_AS = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _LastHandler(logging.Handler):
    """Prints what no other handler gets.

    :param logger: whose lines they are.
    """

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self._logger = logger
        self.setFormatter(logging.Formatter(_PRINTED_AS))

    def emit(self, record: logging.LogRecord) -> None:
        if not self._is_handled_by_others():
            sys.stderr.write(self.format(record) + "\n")

    def _is_handled_by_others(self) -> bool:
        logger: logging.Logger | None = self._logger
        while logger is not None:
            if any(handler is not self for handler in logger.handlers):
                return True
            logger = logger.parent if logger.propagate else None
        return False


def let_through(logger: logging.Logger, level: int) -> None:
    """Have the lines of a logger seen, on stderr where nothing else shows them; a level that would keep them out is set anew."""
    # logging.config disables all loggers that it was not told of
    logger.disabled = False
    if not logger.isEnabledFor(level):
        logger.setLevel(level)
    if not any(isinstance(handler, _LastHandler) for handler in logger.handlers):
        logger.addHandler(_LastHandler(logger))


def start_echo(echo: Echo, hide_parameters: bool) -> Callable[[StatementEvent], None]:
    """Have the logger let the lines through, and return the listener that writes them.

    A level that the application has set stays, unless it would keep the lines out.
    """
    let_through(_logger, logging.DEBUG if echo == "debug" else logging.INFO)
    return _LISTENERS[echo, hide_parameters]


def echo_of(listeners: list[Callable[[StatementEvent], object]]) -> Echo:
    """Return the echo of an engine with these listeners."""
    for (echo, _), listener in _LISTENERS.items():
        if listener in listeners:
            return echo
    return False


def stop_echo(listeners: list[Callable[[StatementEvent], object]]) -> None:
    """Take out the listener that writes the lines, if there is one."""
    for listener in _LISTENERS.values():
        if listener in listeners:
            listeners.remove(listener)


def _log(event: StatementEvent) -> None:
    if event.error is not None:
        _logger.info("%s %r failed: %s", event.statement, event.parameters, type(event.error).__name__)
    elif event.parameters:
        _logger.info("%s %r [%.6f s]", event.statement, event.parameters, event.duration)
    else:
        _logger.info("%s [%.6f s]", event.statement, event.duration)


def _log_without_parameters(event: StatementEvent) -> None:
    if event.error is not None:
        _logger.info("%s failed: %s", event.statement, type(event.error).__name__)
    else:
        _logger.info("%s [%.6f s]", event.statement, event.duration)


def _with_rows(log: Callable[[StatementEvent], None]) -> Callable[[StatementEvent], None]:
    def log_more(event: StatementEvent) -> None:
        log(event)
        if event.kind == "statement" and event.error is None and event.rowcount >= 0:
            _logger.debug("%d rows", event.rowcount)

    return log_more


# by echo and hide_parameters
_LISTENERS: dict[tuple[Echo, bool], Callable[[StatementEvent], None]] = {
    (True, False): _log,
    (True, True): _log_without_parameters,
    ("debug", False): _with_rows(_log),
    ("debug", True): _with_rows(_log_without_parameters),
}
