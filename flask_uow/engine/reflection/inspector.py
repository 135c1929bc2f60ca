"""Inspector: asks a database what it has. ``inspect(engine)`` makes one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask_uow.engine.connection import Connection
from flask_uow.engine.engine import Engine
from flask_uow.engine.reflection.catalog import (
    Catalog,
    ReflectedCheck,
    ReflectedColumn,
    ReflectedForeignKey,
    ReflectedIndex,
    ReflectedKey,
)

__all__ = ["Inspector"]


class Inspector:
    """Tells what tables, columns, keys and indexes a database has, now: nothing is kept.

    All methods that take a table raise NoSuchTableError when there is none of that name. ``schema`` is that of the connection's search path
    when None.

    :param bind: an engine, or a connection, which sees what its own transaction has changed.
    """

    def __init__(self, bind: Engine | Connection) -> None:
        self.bind = bind
        self.dialect = bind.dialect

    @contextmanager
    def _catalog(self) -> Iterator[Catalog]:
        if isinstance(self.bind, Connection):
            yield self.dialect.catalog(self.bind.fetch_all)
            return
        with self.bind.connect() as connection:
            yield self.dialect.catalog(connection.fetch_all)

    @property
    def default_schema_name(self) -> str:
        """The schema of tables that name none."""
        with self._catalog() as catalog:
            return catalog.default_schema()

    def get_schema_names(self) -> list[str]:
        """Return the names of the schemas (SQLite: of the attached databases)."""
        with self._catalog() as catalog:
            return catalog.schemas()

    def get_table_names(self, schema: str | None = None) -> list[str]:
        """Return the names of the tables, sorted."""
        with self._catalog() as catalog:
            return catalog.tables(schema)

    def get_view_names(self, schema: str | None = None) -> list[str]:
        """Return the names of the views, sorted."""
        with self._catalog() as catalog:
            return catalog.views(schema)

    def get_view_definition(self, view_name: str, schema: str | None = None) -> str:
        """Return the SELECT of a view."""
        with self._catalog() as catalog:
            return catalog.view_definition(view_name, schema)

    def get_sequence_names(self, schema: str | None = None) -> list[str]:
        """Return the names of the sequences, sorted; none on SQLite."""
        with self._catalog() as catalog:
            return catalog.sequences(schema)

    def has_table(self, table_name: str, schema: str | None = None) -> bool:
        """Return True when there is a table or a view of that name."""
        with self._catalog() as catalog:
            return table_name in catalog.tables(schema) or table_name in catalog.views(schema)

    def get_columns(self, table_name: str, schema: str | None = None) -> list[ReflectedColumn]:
        """Return the columns of a table or view, in order."""
        with self._catalog() as catalog:
            return catalog.columns(table_name, schema)

    def get_pk_constraint(self, table_name: str, schema: str | None = None) -> dict[str, Any]:
        """Return the primary key: ``name`` and ``constrained_columns``, which is empty where there is none."""
        with self._catalog() as catalog:
            key = catalog.primary_key(table_name, schema)
        return {"name": key["name"], "constrained_columns": key["column_names"]}

    def get_foreign_keys(self, table_name: str, schema: str | None = None) -> list[ReflectedForeignKey]:
        """Return the foreign keys."""
        with self._catalog() as catalog:
            return catalog.foreign_keys(table_name, schema)

    def get_unique_constraints(self, table_name: str, schema: str | None = None) -> list[ReflectedKey]:
        """Return the unique constraints; unique indexes are among the indexes."""
        with self._catalog() as catalog:
            return catalog.uniques(table_name, schema)

    def get_check_constraints(self, table_name: str, schema: str | None = None) -> list[ReflectedCheck]:
        """Return the check constraints."""
        with self._catalog() as catalog:
            return catalog.checks(table_name, schema)

    def get_indexes(self, table_name: str, schema: str | None = None) -> list[ReflectedIndex]:
        """Return the indexes, but those that constraints have made."""
        with self._catalog() as catalog:
            return catalog.indexes(table_name, schema)

    def get_table_comment(self, table_name: str, schema: str | None = None) -> dict[str, str | None]:
        """Return the comment on a table, as ``{"text": ...}``."""
        with self._catalog() as catalog:
            return {"text": catalog.comment(table_name, schema)}

    def __repr__(self) -> str:
        return f"Inspector({self.bind!r})"
