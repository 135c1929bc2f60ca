"""The questions to the catalog of a database, and the shape of its answers. Each database has a :class:`Catalog` of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

from flask_uow.exc import NoSuchTableError, did_you_mean
from flask_uow.sql.types import TypeEngine

__all__ = [
    "Catalog",
    "FetchAll",
    "ReflectedCheck",
    "ReflectedColumn",
    "ReflectedComputed",
    "ReflectedForeignKey",
    "ReflectedIndex",
    "ReflectedKey",
]

FetchAll = Callable[[str, Sequence[Any]], "list[tuple[Any, ...]]"]


class ReflectedComputed(TypedDict):
    """The expression that a column is worked out of, and whether its value is stored."""

    sqltext: str
    persisted: bool


class ReflectedColumn(TypedDict):
    """A column.

    ``default`` is SQL text or None; ``identity`` has the options of an identity column or is None; ``sequence`` is the name of the sequence
    that numbers it, ``sequence_options`` those of its options that are not the usual;
    ``computed`` has the expression that the database works it out of, ``sqltext``, and ``persisted``, or is None;
    ``autoincrement`` is True where the database makes the key of a new row.
    """

    name: str
    type: TypeEngine[Any]
    nullable: bool
    default: str | None
    computed: ReflectedComputed | None
    autoincrement: bool
    comment: str | None
    identity: dict[str, Any] | None
    sequence: str | None
    sequence_options: dict[str, Any]


class ReflectedKey(TypedDict):
    """A primary key or a unique constraint; ``nulls_not_distinct`` is True where NULL is a value like others."""

    name: str | None
    column_names: list[str]
    deferrable: bool | None
    initially: str | None
    nulls_not_distinct: bool


class ReflectedForeignKey(TypedDict):
    """A foreign key; ``options`` has ``ondelete``, ``onupdate``, ``deferrable``, ``initially`` and ``match`` where they are not the usual."""

    name: str | None
    constrained_columns: list[str]
    referred_schema: str | None
    referred_table: str
    referred_columns: list[str]
    options: dict[str, Any]


class ReflectedIndex(TypedDict):
    """An index that no constraint has made.

    ``column_names`` has None for an expression; ``expressions`` has the SQL text of all, with direction; ``where`` is SQL text.
    """

    name: str
    column_names: list[str | None]
    expressions: list[str]
    unique: bool
    where: str | None
    using: str | None
    include: list[str]
    nulls_not_distinct: bool


class ReflectedCheck(TypedDict):
    """A check constraint; ``sqltext`` is its condition."""

    name: str | None
    sqltext: str


class Catalog(ABC):
    """The catalog of one database, made for one question or one table: what it has looked up it does not look up again.

    :param fetch_all: sends a query.
    """

    def __init__(self, fetch_all: FetchAll) -> None:
        self.fetch_all = fetch_all

    @abstractmethod
    def default_schema(self) -> str:
        """Return the name of the schema of tables that name none."""

    @abstractmethod
    def schemas(self) -> list[str]:
        """Return the names of the schemas, those of the database itself left out."""

    @abstractmethod
    def tables(self, schema: str | None) -> list[str]:
        """Return the names of the tables, sorted."""

    @abstractmethod
    def views(self, schema: str | None) -> list[str]:
        """Return the names of the views, sorted."""

    @abstractmethod
    def sequences(self, schema: str | None) -> list[str]:
        """Return the names of the sequences, those of identity columns left out, sorted."""

    @abstractmethod
    def materialized_views(self, schema: str | None) -> list[str]:
        """Return the names of the views whose rows are kept, sorted."""

    @abstractmethod
    def temporary(self, views: bool) -> list[str]:
        """Return the names of the tables (or views) that the connection has for itself, sorted."""

    @abstractmethod
    def enums(self, schema: str | None) -> list[dict[str, Any]]:
        """Return the enums that are types of their own: ``name``, ``schema`` and ``labels``."""

    @abstractmethod
    def domains(self, schema: str | None) -> list[dict[str, Any]]:
        """Return the domains: ``name``, ``schema``, ``type`` (its text), ``nullable``, ``default`` and ``constraints``."""

    @abstractmethod
    def view_definition(self, name: str, schema: str | None) -> str:
        """Return the SELECT of a view.

        :raises NoSuchTableError: when there is none of that name.
        """

    @abstractmethod
    def columns(self, table: str, schema: str | None) -> list[ReflectedColumn]:
        """Return the columns of a table or view, in order.

        :raises NoSuchTableError: when there is none of that name; the methods below raise it too.
        """

    @abstractmethod
    def primary_key(self, table: str, schema: str | None) -> ReflectedKey:
        """Return the primary key; without columns where there is none."""

    @abstractmethod
    def foreign_keys(self, table: str, schema: str | None) -> list[ReflectedForeignKey]:
        """Return the foreign keys."""

    @abstractmethod
    def uniques(self, table: str, schema: str | None) -> list[ReflectedKey]:
        """Return the unique constraints."""

    @abstractmethod
    def checks(self, table: str, schema: str | None) -> list[ReflectedCheck]:
        """Return the check constraints."""

    @abstractmethod
    def indexes(self, table: str, schema: str | None) -> list[ReflectedIndex]:
        """Return the indexes."""

    @abstractmethod
    def comment(self, table: str, schema: str | None) -> str | None:
        """Return the comment on a table."""

    @abstractmethod
    def table_options(self, table: str, schema: str | None) -> dict[str, Any]:
        """Return further arguments for the :class:`~flask_uow.sql.schema.Table`."""

    def no_such_table(self, name: str, schema: str | None) -> NoSuchTableError:
        """Return the error for a table that is not there."""
        where = f"schema {schema!r}" if schema else "the database"
        hint = did_you_mean(name, [*self.tables(schema), *self.views(schema)])
        return NoSuchTableError(f"{where} has no table {name!r}.{hint}")
