"""Databases: URLs, connections, transactions, results.

In reading order: url; dialects (base, values, then postgresql and sqlite with their types and batches); dbapi_errors;
listeners; pool, pool_classes; names, rows, inserted, result and streamed;
transaction, two_phase, gate, streaming, returning, sending, ending, raw, executing and connection; cache; pool_echo, engine, configured;
wal and replicas: which standby has what was written;
atomic (a package): one transaction over several databases;
reflection (a package): what a database has.
"""

from __future__ import annotations

from flask_uow.engine import events as events
from flask_uow.engine.configured import engine_from_config
from flask_uow.engine.connection import Connection
from flask_uow.engine.engine import Engine, create_engine
from flask_uow.engine.listeners import EngineListeners, StatementEvent
from flask_uow.engine.pool import Pool
from flask_uow.engine.pool_classes import AssertionPool, NullPool, QueuePool, StaticPool
from flask_uow.engine.raw import RawConnection
from flask_uow.engine.reflection.inspector import Inspector, ObjectKind
from flask_uow.engine.result import FrozenResult, MappingResult, Result, ScalarResult
from flask_uow.engine.rows import Row, RowMapping
from flask_uow.engine.streamed import StreamedResult, StreamedRowResult
from flask_uow.engine.transaction import NestedTransaction, Transaction
from flask_uow.engine.two_phase import TwoPhaseTransaction
from flask_uow.engine.url import URL, make_url

__all__ = [
    "URL",
    "AssertionPool",
    "Connection",
    "Engine",
    "EngineListeners",
    "FrozenResult",
    "Inspector",
    "MappingResult",
    "NestedTransaction",
    "NullPool",
    "ObjectKind",
    "Pool",
    "QueuePool",
    "RawConnection",
    "Result",
    "Row",
    "RowMapping",
    "ScalarResult",
    "StatementEvent",
    "StaticPool",
    "StreamedResult",
    "StreamedRowResult",
    "Transaction",
    "TwoPhaseTransaction",
    "create_engine",
    "engine_from_config",
    "make_url",
]
