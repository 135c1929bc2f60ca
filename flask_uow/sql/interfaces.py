"""Protocols: what the sql layer expects of objects that belong to higher layers.

A dialect (``engine/dialects``), a bind that executes DDL (an Engine or a Connection) and a mapped class (``orm``) are
handed down to sql; these Protocols are all that it knows of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from flask_uow.sql.types import TypeArgument, TypeEngine

if TYPE_CHECKING:
    from flask_uow.sql.schema import Table
    from flask_uow.sql.selectable import FromClause

__all__ = [
    "DDLBind", "DDLConnection", "EntitySource", "HasDialect", "JoinPath", "MappedEntity", "ReflectionBind", "SQLDialect", "SchemaItem",
]  # fmt: skip

Processor = Callable[[Any], Any]


class SQLDialect(Protocol):
    """The parts of a dialect that the compiler and types of users ask; see :class:`flask_uow.engine.dialects.base.Dialect`."""

    name: ClassVar[str]
    placeholder: ClassVar[str]
    escapes_percent: ClassVar[bool]
    exact_decimal_text: ClassVar[bool]
    supports_for_update: ClassVar[bool]
    supports_sequences: bool
    supports_enums: bool
    lacks: frozenset[str]
    tells_rowid: ClassVar[bool]

    def quote(self, identifier: str) -> str:
        """Return the identifier, quoted where the database needs it."""
        ...

    def bind_processor(self, type_: TypeEngine[Any]) -> Processor | None:
        """Return the function that turns a Python value into the driver's, or None to pass it on as it is."""
        ...

    def result_processor(self, type_: TypeEngine[Any]) -> Processor | None:
        """Return the function that turns the driver's value into Python's, or None to pass it on as it is."""
        ...

    def type_descriptor(self, type_: TypeArgument) -> TypeEngine[Any]:
        """Return a type, which may be given as a class, as an instance."""
        ...

    def type_ddl(self, type_: TypeEngine[Any]) -> str:
        """Return the type as DDL writes it."""
        ...

    def cast_name(self, type_: TypeEngine[Any]) -> str:
        """Return the type as CAST writes it."""
        ...


class HasDialect(Protocol):
    """An engine or a connection, as far as statements are only compiled for it."""

    @property
    def dialect(self) -> Any:
        """The dialect of the database."""
        ...


class SchemaItem(Protocol):
    """A thing that has a name in a schema: a table, a sequence."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def schema(self) -> str | None:
        """The schema that it is in; None for the default one."""
        ...


class DDLConnection(Protocol):
    """A connection, as create_all and drop_all use it."""

    @property
    def dialect(self) -> Any:
        """The dialect of the database."""
        ...

    def execute(self, statement: object, parameters: object = None) -> Any:
        """Execute a statement."""
        ...

    def run(self, sql: str, params: Sequence[Any] = (), *, write: bool = True) -> int:
        """Send SQL text with the driver's parameters; return the number of rows changed."""
        ...

    def table_names(self, schema: str | None = None) -> Sequence[str]:
        """Return the names of the tables that exist."""
        ...

    def lock_schema(self) -> None:
        """Keep whoever does the same waiting until the transaction ends."""
        ...


class DDLBind(Protocol):
    """An engine (or a connection) that create_all and drop_all work on."""

    def ddl_connection(self) -> Any:
        """Return a context manager that gives a :class:`DDLConnection` within a transaction."""
        ...


class ReflectionBind(Protocol):
    """An engine (or a connection) that tells what tables a database has."""

    def reflect_table(
        self,
        table: Table,
        given: dict[str, Any],
        include_columns: frozenset[str] | None,
        resolve_fks: bool,
        replace: bool = True,
    ) -> None:
        """Fill a table that has a name and a schema with what the database has under that name.

        :param given: columns by name that take the place of those found.
        :param include_columns: the names of the columns to take; all when None.
        :param resolve_fks: whether tables that foreign keys refer to are loaded into the table's MetaData too.
        :param replace: whether columns that are found take the place of those that the table has already.
        :raises NoSuchTableError: when the database has no such table.
        """
        ...

    def reflectable_names(self, schema: str | None, only: object, views: bool) -> Sequence[str]:
        """Return the names of the tables (and views) of a schema that ``only`` names, or says True of.

        :raises NoSuchTableError: for a name that the database does not have.
        """
        ...


class EntitySource(Protocol):
    """The source of the rows of a mapped class, as the attributes of the class name it in an expression."""

    @property
    def shape_atom(self) -> Any:
        """The atom for its columns in the shape of a statement; None where they have to be walked."""
        ...

    @property
    def plan_atom(self) -> Any:
        """The atom that tells apart, in the shape of a statement, rows that become objects in another way; hashable."""
        ...

    @property
    def selectable(self) -> Any:
        """The FROM element that its rows come from."""
        ...

    @property
    def stand_ins(self) -> Any:
        """The :class:`~flask_uow.sql.stand_ins.StandIns` for the columns of its tables; None where these are selected themselves."""
        ...

    @property
    def written(self) -> Any:
        """The table that INSERT, UPDATE and DELETE write; of a class in several tables, their join."""
        ...

    @property
    def entity_froms(self) -> Sequence[Any]:
        """The elements that FROM needs beside the tables that the columns bring in."""
        ...

    @property
    def own_criteria(self) -> Sequence[Any]:
        """The conditions that tell its rows from those of other classes in the same table, for an ON clause."""
        ...

    @property
    def criteria(self) -> Sequence[Any]:
        """The same conditions, as WHERE has to have them."""
        ...

    def entity_columns(self) -> Sequence[Any]:
        """Return the column expressions that make up one object."""
        ...

    def equal_columns(self) -> Iterable[tuple[Any, Any]]:
        """Return the columns that are kept equal to one of :meth:`entity_columns`, each with that one."""
        ...


class MappedEntity(EntitySource, Protocol):
    """A mapped class or an alias of one, as ``select()`` sees it under the attribute ``__uow_entity__``."""

    def attribute_for_filter(self, name: str) -> Any:
        """Return the attribute that ``filter_by(name=...)`` means.

        :raises InvalidRequestError: when there is none.
        """
        ...


class JoinPath(Protocol):
    """A relationship of a mapped class, as ``join()`` takes it."""

    @property
    def parent(self) -> Any:
        """The entity that a join along the relationship begins at."""
        ...

    @property
    def joined_entity(self) -> Any:
        """The entity that a join along the relationship brings in."""
        ...

    def within(self, sources: Sequence[Any], froms: Sequence[FromClause]) -> JoinPath:
        """Return the relationship between the classes that a statement is about, where these are subclasses of its own."""
        ...

    def join_steps(
        self, onclause: object = None, target: object = None, isouter: bool = False
    ) -> Sequence[tuple[Any, Any, Any]]:
        """Return the joins along the relationship, as ``(left, right, condition)``.

        :param onclause: a condition in place of the relationship's.
        :param target: what the last join leads to, in place of the relationship's class.
        """
        ...
