"""flask_uow: a Flask extension with an ORM of its own; one unit of work for each request.

The public names. Those of sql, engine and orm are here at once; those of the Flask layer are loaded when they are first
used (PEP 562), so that ``import flask_uow`` works without importing Flask.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from flask_uow import engine as engine
from flask_uow import exc as exc
from flask_uow import orm as orm
from flask_uow import sql as sql
from flask_uow.engine import URL as URL
from flask_uow.engine import AssertionPool as AssertionPool
from flask_uow.engine import Connection as Connection
from flask_uow.engine import Engine as Engine
from flask_uow.engine import FrozenResult as FrozenResult
from flask_uow.engine import Inspector as Inspector
from flask_uow.engine import MappingResult as MappingResult
from flask_uow.engine import NullPool as NullPool
from flask_uow.engine import ObjectKind as ObjectKind
from flask_uow.engine import Pool as Pool
from flask_uow.engine import QueuePool as QueuePool
from flask_uow.engine import RawConnection as RawConnection
from flask_uow.engine import Result as Result
from flask_uow.engine import Row as Row
from flask_uow.engine import RowMapping as RowMapping
from flask_uow.engine import ScalarResult as ScalarResult
from flask_uow.engine import StatementEvent as StatementEvent
from flask_uow.engine import StaticPool as StaticPool
from flask_uow.engine import StreamedResult as StreamedResult
from flask_uow.engine import Transaction as Transaction
from flask_uow.engine import TwoPhaseTransaction as TwoPhaseTransaction
from flask_uow.engine import create_engine as create_engine
from flask_uow.engine import engine_from_config as engine_from_config
from flask_uow.engine import make_url as make_url

if TYPE_CHECKING:
    # the one that knows what a UnitOfWork adds: here for mypy, which keeps the first of two, and below for pyright, which takes the last
    from flask_uow.web.typed import DeclarativeBase as DeclarativeBase

from flask_uow.exc import *  # noqa: F403
from flask_uow.exc import __all__ as _exc_names
from flask_uow.exc import instead_of
from flask_uow.orm import *  # type: ignore[assignment]  # noqa: F403  (DeclarativeBase is the one above)
from flask_uow.orm import __all__ as _orm_names
from flask_uow.orm.exc import *  # noqa: F403
from flask_uow.orm.exc import __all__ as _orm_exc_names
from flask_uow.sql import *  # noqa: F403
from flask_uow.sql import __all__ as _sql_names

# of the names that sql and orm share, the top level has the ones that know mapped classes
from flask_uow.orm.entity_joins import join as join  # isort: skip
from flask_uow.orm.entity_joins import outerjoin as outerjoin  # isort: skip

if TYPE_CHECKING:
    from flask_uow.sql.types import *  # noqa: F403
    from flask_uow.web import KeysetPagination as KeysetPagination
    from flask_uow.web import Pagination as Pagination
    from flask_uow.web import RecordedQuery as RecordedQuery
    from flask_uow.web import UnitOfWork as UnitOfWork
    from flask_uow.web import get_recorded_queries as get_recorded_queries
    from flask_uow.web import signals as signals
    from flask_uow.web.typed import DeclarativeBase as DeclarativeBase

if not TYPE_CHECKING:
    # type checkers take what is imported above: an __all__ that is put together is beyond them
    __all__ = [
        "AssertionPool", "Connection", "Engine", "FrozenResult", "Inspector", "KeysetPagination", "MappingResult", "NullPool",
        "ObjectKind", "Pagination", "Pool",
        "QueuePool", "RawConnection", "RecordedQuery", "Result", "Row", "RowMapping", "ScalarResult",
        "StatementEvent", "StaticPool", "StreamedResult", "Transaction", "TwoPhaseTransaction", "URL", "UnitOfWork",
        "create_engine", "engine", "engine_from_config", "exc", "get_recorded_queries", "make_url", "orm", "signals", "sql",
    ]  # fmt: skip
    __all__ += sorted({*_exc_names, *_orm_exc_names, *_sql_names, *_orm_names} - {"did_you_mean"})

# name -> the module that defines it, or the module itself when the name is one
# the web layer is imported at its first use: the ORM alone needs no Flask
_LAZY = {
    "KeysetPagination": "flask_uow.web.pagination",
    "Pagination": "flask_uow.web.pagination",
    "RecordedQuery": "flask_uow.web.recording",
    "get_recorded_queries": "flask_uow.web.recording",
    "UnitOfWork": "flask_uow.web.extension",
    "signals": "flask_uow.web.signals",
}


if not TYPE_CHECKING:
    # hidden from type checkers, to which every name would exist otherwise

    def __getattr__(name: str) -> Any:
        module_name = _LAZY.get(name)
        if module_name is None:
            raise AttributeError(f"module 'flask_uow' has no attribute {name!r}.{instead_of(name, __all__)}")
        module = importlib.import_module(module_name)
        value = module if module_name.endswith(f".{name}") else getattr(module, name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
