"""Connections on the log: what ``create_engine(echo_pool=True)`` writes to the logger ``flask_uow.pool``."""

from __future__ import annotations

import logging

from flask_uow.engine.echo import Echo, let_through
from flask_uow.engine.pool import Pool
from flask_uow.sql import event

__all__ = ["start_pool_echo"]

_logger = logging.getLogger("flask_uow.pool")


def start_pool_echo(pool: Pool, echo: Echo, name: str | None = None) -> None:
    """Have the connections of a pool written to the log.

    :param echo: ``"debug"`` for those that are lent and come back, too.
    :param name: that of a logger below the usual one; None for that.
    """
    logger = _logger if name is None else _logger.getChild(name)
    let_through(logger, logging.DEBUG if echo == "debug" else logging.INFO)
    event.listen(pool, "connect", lambda raw, record: logger.info("opened %r", raw))
    event.listen(pool, "close", lambda raw, record: logger.info("closed %r", raw))
    if echo == "debug":
        event.listen(pool, "checkout", lambda raw, record, proxy: logger.debug("lent %r", raw))
        event.listen(pool, "checkin", lambda raw, record: logger.debug("came back: %r", raw))
