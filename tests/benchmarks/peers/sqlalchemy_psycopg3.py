"""SQLAlchemy 2.1 ORM on psycopg 3: on PostgreSQL only, on SQLite it would be sqlalchemy_orm again."""

from __future__ import annotations

import psycopg

from tests.benchmarks.data import is_sqlite
from tests.benchmarks.peers import sqlalchemy_orm

__all__ = ["Peer"]

assert psycopg  # found missing here, as every peer's package is, and not with the first connection


class Peer(sqlalchemy_orm.Peer):
    """As on psycopg2."""

    def __init__(self, uri: str) -> None:
        if is_sqlite(uri):
            raise ValueError(f"this peer is for PostgreSQL, not {uri}")
        super().__init__(uri, "psycopg")
