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


class _Lines:
    """Writes a line for each statement.

    :param logger: where it goes.
    :ivar echo: ``"debug"`` for the number of rows, too.
    :param hide_parameters: True leaves out the values of parameters.
    """

    def __init__(self, logger: logging.Logger, echo: Echo, hide_parameters: bool) -> None:
        self.logger = logger
        self.echo: Echo = echo
        self.hide_parameters = hide_parameters

    def __call__(self, event: StatementEvent) -> None:
        values = () if self.hide_parameters or (event.error is None and not event.parameters) else (event.parameters,)
        shown = " %r" if values else ""
        if event.error is not None:
            self.logger.info(f"%s{shown} failed: %s", event.statement, *values, type(event.error).__name__)
            return
        self.logger.info(f"%s{shown} [%.6f s]", event.statement, *values, event.duration)
        if self.echo == "debug" and event.kind == "statement" and event.rowcount >= 0:
            self.logger.debug("%d rows", event.rowcount)


def start_echo(echo: Echo, hide_parameters: bool, name: str | None = None) -> Callable[[StatementEvent], None]:
    """Have the logger let the lines through, and return the listener that writes them.

    A level that the application has set stays, unless it would keep the lines out.

    :param name: that of a logger below the usual one; None for that.
    """
    logger = _logger if name is None else _logger.getChild(name)
    let_through(logger, logging.DEBUG if echo == "debug" else logging.INFO)
    return _Lines(logger, echo, hide_parameters)


def echo_of(listeners: list[Callable[[StatementEvent], object]]) -> Echo:
    """Return the echo of an engine with these listeners."""
    for listener in listeners:
        if isinstance(listener, _Lines):
            return listener.echo
    return False


def stop_echo(listeners: list[Callable[[StatementEvent], object]]) -> None:
    """Take out the listener that writes the lines, if there is one."""
    for listener in list(listeners):
        if isinstance(listener, _Lines):
            listeners.remove(listener)
