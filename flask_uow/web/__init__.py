"""The Flask layer: whose Session it is, when it is committed, configuration and command line.

In reading order: config, outcome, scope, signals, session, retry, replay, boundary, views, units, models, recording, comments, keyset,
pagination, cli, extension.
"""

from __future__ import annotations

from flask_uow.web import signals
from flask_uow.web.extension import UnitOfWork
from flask_uow.web.pagination import KeysetPagination, Pagination
from flask_uow.web.recording import RecordedQuery, get_recorded_queries

__all__ = ["KeysetPagination", "Pagination", "RecordedQuery", "UnitOfWork", "get_recorded_queries", "signals"]
