"""MetaData, Table and Column: the schema as Python objects.

Constraints and indexes are in :mod:`flask_uow.sql.constraints`; CREATE and DROP in :mod:`flask_uow.sql.ddl`.
"""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from flask_uow.exc import ArgumentError, InvalidRequestError, did_you_mean
from flask_uow.sql.constraints import (
    Constraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Sequence,
    UniqueConstraint,
)
from flask_uow.sql.ddl import create_tables, drop_tables
from flask_uow.sql.dml import Delete, Insert, Update
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.nodes import ClauseElement, Shape
from flask_uow.sql.select import Select
from flask_uow.sql.selectable import ColumnCollection, FromClause
from flask_uow.sql.types import NULLTYPE, Integer, TypeEngine, to_instance

if TYPE_CHECKING:
    from flask_uow.sql.interfaces import DDLBind

__all__ = ["Column", "ColumnDefault", "MetaData", "Table"]

T = TypeVar("T")


class ColumnDefault:
    """A default that is worked out when a row is written.

    :ivar argument: a value, a function of no arguments, or an SQL expression.
    """

    __slots__ = ("argument", "is_callable", "is_sql")

    def __init__(self, argument: Any) -> None:
        self.argument = argument
        self.is_sql = isinstance(argument, ClauseElement)
        self.is_callable = callable(argument) and not self.is_sql

    def value(self) -> Any:
        """Return the default's value; for SQL, the expression."""
        return self.argument() if self.is_callable else self.argument


class Column(ColumnElement[T], Generic[T]):
    """A column of a table.

    :param name: its name in the database (the declarative style takes the attribute's name when it is left out).
    :param type_: its type; with a foreign key and no type it takes the target's.
    :param args: :class:`ForeignKey`, :class:`Sequence` objects.
    :param primary_key: whether it is part of the primary key.
    :param nullable: whether it may be NULL; by default everything but primary keys may.
    :param unique: adds a unique constraint.
    :param index: adds an index.
    :param default: a value, a function without arguments or an SQL expression for new rows.
    :param onupdate: likewise for changed rows.
    :param server_default: SQL text or expression that the database itself uses for new rows.
    :param autoincrement: False for an integer primary key that the application sets itself.
    """

    __slots__ = (
        "_name", "_type", "args", "autoincrement", "comment", "default", "foreign_keys", "index", "info", "key", "nullable",
        "onupdate", "primary_key", "sequence", "server_default", "server_onupdate", "table", "unique", "__weakref__",
    )  # fmt: skip
    __visit_name__ = "column"

    def __init__(
        self,
        name: Any = None,
        type_: Any = None,
        *args: Any,
        key: str | None = None,
        primary_key: bool = False,
        nullable: bool | None = None,
        unique: bool = False,
        index: bool = False,
        default: Any = None,
        onupdate: Any = None,
        server_default: Any = None,
        server_onupdate: Any = None,
        autoincrement: bool = True,
        comment: str | None = None,
        info: dict[Any, Any] | None = None,
    ) -> None:
        if name is not None and not isinstance(name, str):
            args = (type_, *args) if type_ is not None else args
            name, type_ = None, name
        if isinstance(type_, (ForeignKey, Sequence, Constraint)):
            args = (type_, *args)
            type_ = None
        self._name = name
        self._type: TypeEngine[Any] | None = to_instance(type_) if type_ is not None else None
        self.key = key or name
        self.primary_key = primary_key
        self.nullable = nullable if nullable is not None else not primary_key
        self.unique = unique
        self.index = index
        self.default = ColumnDefault(default) if default is not None else None
        self.onupdate = ColumnDefault(onupdate) if onupdate is not None else None
        self.server_default = server_default
        self.server_onupdate = server_onupdate
        self.autoincrement = autoincrement
        self.comment = comment
        self.info = dict(info or {})
        self.foreign_keys: list[ForeignKey] = []
        self.sequence: Sequence | None = None
        self.table: Any = None
        self.args = args
        for argument in args:
            if isinstance(argument, ForeignKey):
                argument._attach(self)
            elif isinstance(argument, Sequence):
                self.sequence = argument
            else:
                raise ArgumentError(
                    f"Column {name!r} got {argument!r}; besides a name and a type it takes ForeignKey and Sequence objects."
                )

    @property
    def name(self) -> str:
        return self._name  # type: ignore[no-any-return]

    @property
    def type(self) -> TypeEngine[Any]:  # type: ignore[override]
        """The type; the target's, for a foreign key without a type of its own."""
        if self._type is None:
            if not self.foreign_keys or self.table is None:
                return NULLTYPE
            self._type = self.foreign_keys[0].column.type
        return self._type

    @property
    def has_own_type(self) -> bool:
        """False while the type is still to be taken from a foreign key or an annotation."""
        return self._type is not None

    def set_type(self, type_: TypeEngine[Any]) -> None:
        """Give a type to a column that was made without one."""
        self._type = type_

    def set_name(self, name: str) -> None:
        """Give a name to a column that was made without one."""
        self._name = name
        self.key = self.key or name

    @property
    def is_server_generated(self) -> bool:
        """True for an integer primary key whose values the database makes."""
        return self.table is not None and self.table.generated_key is self

    def references(self, column: Column[Any]) -> bool:
        """Return True when a foreign key of this column refers to ``column``."""
        return any(foreign_key.column is column for foreign_key in self.foreign_keys)

    def copy(self) -> Column[T]:
        """Return an unattached copy."""
        args = [a.copy() if isinstance(a, ForeignKey) else a for a in self.args]
        copied: Column[T] = Column(self._name, self._type, *args, key=self.key)
        for slot in ("primary_key", "nullable", "unique", "index", "default", "onupdate", "server_default", "server_onupdate",
                     "autoincrement", "comment"):  # fmt: skip
            setattr(copied, slot, getattr(self, slot))
        copied.info = dict(self.info)
        return copied

    def _collect(self, shape: Shape) -> None:
        shape.key.append(self)

    def __repr__(self) -> str:
        return f"Column({self.table.fullname + '.' if self.table is not None else ''}{self._name}, {self._type!r})"


class Table(FromClause):
    """A table.

    :param name: its name.
    :param metadata: the MetaData that it becomes part of.
    :param items: columns, constraints and indexes.
    :param schema: the database's schema that it is in.
    :param bind_key: the key of the database that it is in, where an application has several.
    :raises InvalidRequestError: when the MetaData has a table of that name already.
    """

    __slots__ = (
        "_c", "comment", "constraints", "fullname", "indexes", "info", "metadata", "name", "primary_key", "schema",
        "__weakref__",
    )  # fmt: skip
    __visit_name__ = "table"

    def __init__(
        self,
        name: str,
        metadata: MetaData,
        *items: Any,
        schema: str | None = None,
        bind_key: str | None = None,
        info: dict[Any, Any] | None = None,
        comment: str | None = None,
    ) -> None:
        if not isinstance(metadata, MetaData):
            raise ArgumentError(f"Table({name!r}, ...) takes a MetaData second, got {metadata!r}.")
        self.name = name
        self.schema = schema if schema is not None else metadata.schema
        self.fullname = f"{self.schema}.{name}" if self.schema else name
        self.metadata = metadata
        self.info = dict(info or {})
        if bind_key is not None:
            self.info["bind_key"] = bind_key
        self.comment = comment
        self._c = ColumnCollection(f"table {name!r}")
        self.constraints: list[Constraint] = []
        self.indexes: list[Index] = []
        self.primary_key = PrimaryKeyConstraint()
        self.primary_key.table = self
        metadata._add(self)
        for item in items:
            if isinstance(item, Column):
                self.append_column(item)
        for item in items:
            if isinstance(item, (Constraint, Index)):
                item._attach(self)
            elif not isinstance(item, Column):
                raise ArgumentError(f"Table {name!r} got {item!r}; it takes columns, constraints and indexes.")

    @property
    def c(self) -> ColumnCollection:
        return self._c

    @property
    def description(self) -> str:
        return f"table {self.fullname!r}"

    @property
    def foreign_keys(self) -> list[ForeignKey]:
        """The foreign keys of all columns."""
        return [foreign_key for column in self._c for foreign_key in column.foreign_keys]

    @property
    def generated_key(self) -> Column[Any] | None:
        """The integer primary-key column whose values the database makes, or None."""
        columns = self.primary_key.columns
        if len(columns) != 1:
            return None
        column = columns[0]
        made = isinstance(column.type, Integer) and column.autoincrement and not column.foreign_keys
        return column if made and column.default is None and column.server_default is None else None

    def append_column(self, column: Column[Any]) -> None:
        """Add a column.

        :raises ArgumentError: for a column without a name, of another table, or of a name that is taken.
        """
        if column._name is None:
            raise ArgumentError(f"a column of table {self.name!r} has no name. Write Column('name', type).")
        if column.table is not None:
            raise ArgumentError(
                f"column {column.name!r} belongs to {column.table.description} already. Use column.copy()."
            )
        if column.name in self._c:
            raise ArgumentError(f"table {self.name!r} has a column {column.name!r} already.")
        column.table = self
        self._c.add(column.key or column.name, column)
        if column.primary_key:
            self.primary_key.columns.append(column)
        for foreign_key in column.foreign_keys:
            foreign_key._attach_table(self)
        if column.unique and not column.index:
            UniqueConstraint(column)._attach(self)
        if column.index:
            Index(None, column.name, unique=column.unique)._attach(self)

    def select(self) -> Select:
        """Return ``SELECT`` of all columns."""
        return Select((self,))

    def insert(self) -> Insert:
        """Return ``INSERT INTO`` this table."""
        return Insert(self)

    def update(self) -> Update:
        """Return ``UPDATE`` of this table."""
        return Update(self)

    def delete(self) -> Delete:
        """Return ``DELETE FROM`` this table."""
        return Delete(self)

    def to_metadata(self, metadata: MetaData, schema: str | None = None, name: str | None = None) -> Table:
        """Return a copy of the table in another MetaData."""
        columns = [column.copy() for column in self._c]
        for foreign_key in (foreign_key for column in columns for foreign_key in column.foreign_keys):
            foreign_key.target = foreign_key.target_fullname
        table = Table(
            name or self.name,
            metadata,
            *columns,
            schema=schema or self.schema,
            info=self.info,
            comment=self.comment,
        )
        table.primary_key.columns = [table.c[str(column.key)] for column in self.primary_key.columns]
        table.primary_key.name = self.primary_key.name
        for constraint in self.constraints:
            copied = constraint.copy()
            if copied is not None:
                copied._attach(table)
        for index in self.indexes:
            if not any(getattr(e, "index", False) for e in index.expressions):
                index.copy()._attach(table)
        return table

    def create(self, bind: DDLBind, checkfirst: bool = True) -> None:
        """Create the table."""
        create_tables(bind, [self], checkfirst)

    def drop(self, bind: DDLBind, checkfirst: bool = True) -> None:
        """Drop the table."""
        drop_tables(bind, [self], checkfirst)

    def _collect(self, shape: Shape) -> None:
        shape.key.append(self)

    def __repr__(self) -> str:
        return f"Table({self.fullname!r}, columns: {', '.join(self._c.keys())})"

    def __str__(self) -> str:
        return self.fullname


class MetaData:
    """A set of tables.

    :ivar tables: the tables by name (``schema.name`` where they have a schema).
    :ivar info: for the application's own use; ``info["bind_key"]`` names the database of all its tables.
    """

    def __init__(self, schema: str | None = None, info: dict[Any, Any] | None = None) -> None:
        self.schema = schema
        self.tables: dict[str, Table] = {}
        self.info = dict(info or {})

    def _add(self, table: Table) -> None:
        if table.fullname in self.tables:
            raise InvalidRequestError(
                f"table {table.fullname!r} is defined already in this MetaData. Give one of the two another name, "
                "or make sure that the module defining it is imported under one name only."
            )
        self.tables[table.fullname] = table

    def remove(self, table: Table) -> None:
        """Take a table out."""
        self.tables.pop(table.fullname, None)

    def clear(self) -> None:
        """Take all tables out."""
        self.tables.clear()

    def __contains__(self, table: Table | str) -> bool:
        return (table if isinstance(table, str) else table.fullname) in self.tables

    @property
    def sorted_tables(self) -> list[Table]:
        """The tables, each after those that its foreign keys refer to; where they refer in a circle, in order of definition."""
        return sort_tables(self.tables.values())

    def create_all(self, bind: DDLBind, tables: Iterable[Table] | None = None, checkfirst: bool = True) -> None:
        """Create all tables, with their indexes, in order of dependency.

        :param bind: an Engine or a Connection.
        :param tables: only these.
        :param checkfirst: leave out tables that exist.
        """
        create_tables(bind, sort_tables(tables if tables is not None else self.tables.values()), checkfirst)

    def drop_all(self, bind: DDLBind, tables: Iterable[Table] | None = None, checkfirst: bool = True) -> None:
        """Drop all tables, in reverse order of dependency; parameters as for :meth:`create_all`."""
        drop_tables(bind, sort_tables(tables if tables is not None else self.tables.values()), checkfirst)

    def __repr__(self) -> str:
        return f"MetaData(tables: {', '.join(self.tables)})"


def sort_tables(tables: Iterable[Table], extra: Callable[[Table], Iterable[Table]] | None = None) -> list[Table]:
    """Return the tables, each after those that it refers to; edges that would close a circle are left out.

    Kahn's algorithm as the standard library's :mod:`graphlib` has it; of several tables that are free, the one given first comes first.
    """
    wanted = list(tables)
    known = set(wanted)
    edges: dict[Table, list[Table]] = {}
    for table in wanted:
        found = [constraint.referred_table for constraint in _foreign_key_constraints(table)]
        edges[table] = [t for t in found if t in known and t is not table]
    while True:
        try:
            return list(graphlib.TopologicalSorter(edges).static_order())
        except graphlib.CycleError as error:
            cycle: list[Table] = error.args[1]
            edges[cycle[1]] = [t for t in edges[cycle[1]] if t is not cycle[0]]


def _foreign_key_constraints(table: Table) -> list[ForeignKeyConstraint]:
    return [c for c in table.constraints if isinstance(c, ForeignKeyConstraint) and not c.use_alter]


def unknown_column(table: Table, name: str) -> ArgumentError:
    """Return the error for a column name that a table does not have."""
    return ArgumentError(f"table {table.name!r} has no column {name!r}.{did_you_mean(name, table.c.keys())}")
