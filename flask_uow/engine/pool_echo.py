"""Connections on the log: what ``create_engine(echo_pool=True)`` writes to the logger ``flask_uow.pool``."""

from __future__ import annotations

import logging

from flask_uow.engine.echo import Echo, let_through
from flask_uow.engine.pool import Pool
from flask_uow.sql import event

__all__ = ["start_pool_echo"]

_logger = logging.getLogger("flask_uow.pool")


def _opened(raw: object, record: object) -> None:
    _logger.info("opened %r", raw)


def _closed(raw: object, record: object) -> None:
    _logger.info("closed %r", raw)


def _lent(raw: object, record: object, proxy: object) -> None:
    _logger.debug("lent %r", raw)


def _came_back(raw: object, record: object) -> None:
    _logger.debug("came back: %r", raw)


def start_pool_echo(pool: Pool, echo: Echo) -> None:
    """Have the connections of a pool written to the log.

    :param echo: ``"debug"`` for those that are lent and come back, too.
    """
    let_through(_logger, logging.DEBUG if echo == "debug" else logging.INFO)
    event.listen(pool, "connect", _opened)
    event.listen(pool, "close", _closed)
    if echo == "debug":
        event.listen(pool, "checkout", _lent)
        event.listen(pool, "checkin", _came_back)
