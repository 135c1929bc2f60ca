"""Inspector: asks a database what it has. ``inspect(engine)`` makes one."""

from __future__ import annotations

import enum
import graphlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

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

if TYPE_CHECKING:
    from flask_uow.sql.schema import Table

__all__ = ["Inspector", "ObjectKind"]

T = TypeVar("T")


class ObjectKind(enum.Flag):
    """The kinds of objects that an answer about many of them is about: tables, views or both."""

    TABLE = enum.auto()
    VIEW = enum.auto()
    MATERIALIZED_VIEW = enum.auto()
    ANY_VIEW = VIEW | MATERIALIZED_VIEW
    ANY = TABLE | VIEW | MATERIALIZED_VIEW


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

    # -- what may be asked for beside

    @property
    def engine(self) -> Engine:
        """The engine."""
        return self.bind.engine if isinstance(self.bind, Connection) else self.bind

    @classmethod
    def from_engine(cls, bind: Engine | Connection) -> Inspector:
        """Return the inspector of an engine or a connection, as ``inspect(bind)`` does."""
        return cls(bind)

    def clear_cache(self) -> None:
        """Do nothing: no answer is kept."""

    def get_materialized_view_names(self, schema: str | None = None) -> list[str]:
        """Return the names of the views whose rows are kept, sorted; none on SQLite."""
        with self._catalog() as catalog:
            return catalog.materialized_views(schema)

    def get_temp_table_names(self) -> list[str]:
        """Return the names of the temporary tables that the connection has, sorted; those of a connection from the pool for an engine."""
        with self._catalog() as catalog:
            return catalog.temporary(views=False)

    def get_temp_view_names(self) -> list[str]:
        """Return the names of the temporary views, as :meth:`get_temp_table_names` does."""
        with self._catalog() as catalog:
            return catalog.temporary(views=True)

    def get_enums(self, schema: str | None = None) -> list[dict[str, Any]]:
        """Return the enums that are types of their own, each with ``name``, ``schema`` and ``labels``; none on SQLite."""
        with self._catalog() as catalog:
            return catalog.enums(schema)

    def get_domains(self, schema: str | None = None) -> list[dict[str, Any]]:
        """Return the domains, each with ``name``, ``schema``, ``type``, ``nullable``, ``default`` and ``constraints``; none on SQLite."""
        with self._catalog() as catalog:
            return catalog.domains(schema)

    def has_index(self, table_name: str, index_name: str, schema: str | None = None) -> bool:
        """Return True when a table has an index of that name."""
        return any(index["name"] == index_name for index in self.get_indexes(table_name, schema))

    def has_sequence(self, sequence_name: str, schema: str | None = None) -> bool:
        """Return True when there is a sequence of that name."""
        return sequence_name in self.get_sequence_names(schema)

    def has_schema(self, schema_name: str) -> bool:
        """Return True when there is a schema (SQLite: an attached database) of that name."""
        return schema_name in self.get_schema_names()

    def get_table_options(self, table_name: str, schema: str | None = None) -> dict[str, Any]:
        """Return further arguments for a :class:`~flask_uow.sql.schema.Table`: ``sqlite_autoincrement``."""
        with self._catalog() as catalog:
            return catalog.table_options(table_name, schema)

    def reflect_table(
        self,
        table: Table,
        include_columns: Iterable[str] | None = None,
        exclude_columns: Iterable[str] = (),
        resolve_fks: bool = True,
    ) -> None:
        """Fill a table that has a name with what the database has under it; ``Table(..., autoload_with=)`` does both at once.

        :param include_columns: the names of the columns to take; all when None.
        :param exclude_columns: names of columns to leave out.
        :param resolve_fks: whether tables that foreign keys refer to are loaded too.
        :raises NoSuchTableError: when the database has no such table.
        """
        left_out = set(exclude_columns)
        chosen = set(include_columns) if include_columns is not None else None
        if left_out:
            names = (
                {column["name"] for column in self.get_columns(table.name, table.schema)} if chosen is None else chosen
            )
            chosen = names - left_out
        self.bind.reflect_table(table, {}, frozenset(chosen) if chosen is not None else None, resolve_fks)

    # -- many tables at once

    def _multi(
        self,
        answer: Callable[[str, str | None], T],
        schema: str | None,
        filter_names: Iterable[str] | None,
        kind: ObjectKind,
    ) -> dict[tuple[str | None, str], T]:
        names: list[str] = []
        if ObjectKind.TABLE in kind:
            names += self.get_table_names(schema)
        kept = self.get_materialized_view_names(schema)
        if ObjectKind.VIEW in kind:
            # the views of the database are of both kinds
            names += [name for name in self.get_view_names(schema) if name not in kept]
        if ObjectKind.MATERIALIZED_VIEW in kind:
            names += kept
        wanted = set(filter_names) if filter_names is not None else None
        return {(schema, name): answer(name, schema) for name in names if wanted is None or name in wanted}

    def get_multi_columns(
        self, schema: str | None = None, filter_names: Iterable[str] | None = None, kind: ObjectKind = ObjectKind.TABLE
    ) -> dict[tuple[str | None, str], list[ReflectedColumn]]:
        """Return the columns of many tables, by schema and name.

        :param filter_names: the names of the tables that are meant; all when None.
        :param kind: whether tables are meant, views, materialized views, or several of these.
        """
        return self._multi(self.get_columns, schema, filter_names, kind)

    def get_multi_pk_constraint(
        self, schema: str | None = None, filter_names: Iterable[str] | None = None, kind: ObjectKind = ObjectKind.TABLE
    ) -> dict[tuple[str | None, str], dict[str, Any]]:
        """Return the primary keys of many tables; see :meth:`get_multi_columns`."""
        return self._multi(self.get_pk_constraint, schema, filter_names, kind)

    def get_multi_foreign_keys(
        self, schema: str | None = None, filter_names: Iterable[str] | None = None, kind: ObjectKind = ObjectKind.TABLE
    ) -> dict[tuple[str | None, str], list[ReflectedForeignKey]]:
        """Return the foreign keys of many tables; see :meth:`get_multi_columns`."""
        return self._multi(self.get_foreign_keys, schema, filter_names, kind)

    def get_multi_indexes(
        self, schema: str | None = None, filter_names: Iterable[str] | None = None, kind: ObjectKind = ObjectKind.TABLE
    ) -> dict[tuple[str | None, str], list[ReflectedIndex]]:
        """Return the indexes of many tables; see :meth:`get_multi_columns`."""
        return self._multi(self.get_indexes, schema, filter_names, kind)

    def get_multi_unique_constraints(
        self, schema: str | None = None, filter_names: Iterable[str] | None = None, kind: ObjectKind = ObjectKind.TABLE
    ) -> dict[tuple[str | None, str], list[ReflectedKey]]:
        """Return the unique constraints of many tables; see :meth:`get_multi_columns`."""
        return self._multi(self.get_unique_constraints, schema, filter_names, kind)

    def get_multi_check_constraints(
        self, schema: str | None = None, filter_names: Iterable[str] | None = None, kind: ObjectKind = ObjectKind.TABLE
    ) -> dict[tuple[str | None, str], list[ReflectedCheck]]:
        """Return the check constraints of many tables; see :meth:`get_multi_columns`."""
        return self._multi(self.get_check_constraints, schema, filter_names, kind)

    def get_multi_table_comment(
        self, schema: str | None = None, filter_names: Iterable[str] | None = None, kind: ObjectKind = ObjectKind.TABLE
    ) -> dict[tuple[str | None, str], dict[str, str | None]]:
        """Return the comments on many tables; see :meth:`get_multi_columns`."""
        return self._multi(self.get_table_comment, schema, filter_names, kind)

    def get_sorted_table_and_fkc_names(
        self, schema: str | None = None
    ) -> list[tuple[str | None, list[tuple[str, str | None]]]]:
        """Return the tables, each after those that it refers to, with its foreign keys: ``(table, [(table, name of the foreign key), ...])``.

        Foreign keys that close a circle stand at the end, with None in the place of a table: they are to be dropped before the tables.
        """
        keys = self.get_multi_foreign_keys(schema)
        edges = {
            name: {key["referred_table"] for key in found if key["referred_schema"] == schema}
            for (_, name), found in keys.items()
        }
        edges = {
            name: {other for other in others if other in edges and other != name} for name, others in edges.items()
        }
        broken: set[tuple[str, str]] = set()
        while True:
            try:
                order = list(graphlib.TopologicalSorter(edges).static_order())
                break
            except graphlib.CycleError as error:
                # the key between the first two of a circle is left for an ALTER TABLE
                referred, name = error.args[1][:2]
                edges[name].discard(referred)
                broken.add((name, referred))
        inline = [
            (name, [(name, key["name"]) for key in keys[schema, name] if (name, key["referred_table"]) not in broken])
            for name in order
        ]
        later = [
            (name, key["name"])
            for name in order
            for key in keys[schema, name]
            if (name, key["referred_table"]) in broken
        ]
        return [*inline, (None, later)]

    def sort_tables_on_foreign_key_dependency(self, schema: str | None = None) -> list[str]:
        """Return the names of the tables, each after those that it refers to."""
        return [name for name, _ in self.get_sorted_table_and_fkc_names(schema) if name is not None]

    def __repr__(self) -> str:
        return f"Inspector({self.bind!r})"
