"""MetaData and Table: the schema as Python objects.

Columns are in :mod:`flask_uow.sql.columns`, keys and checks in :mod:`flask_uow.sql.constraints`, foreign keys in
:mod:`flask_uow.sql.foreign_keys`, CREATE and DROP in :mod:`flask_uow.sql.ddl`. What ``autoload_with`` and ``reflect()`` find is looked up by
the bind that they are given.
"""

from __future__ import annotations

import graphlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

from flask_uow.exc import ArgumentError, InvalidRequestError, did_you_mean
from flask_uow.sql import operators as ops
from flask_uow.sql.columns import Column, ColumnDefault
from flask_uow.sql.constraints import CheckConstraint, Constraint, PrimaryKeyConstraint, UniqueConstraint
from flask_uow.sql.ddl import create_tables, drop_tables
from flask_uow.sql.dml import Delete, Insert, Update
from flask_uow.sql.expressions import BinaryExpression, BindParameter, ExpressionList
from flask_uow.sql.foreign_keys import ForeignKey, ForeignKeyConstraint
from flask_uow.sql.indexes import Index
from flask_uow.sql.naming import check_convention
from flask_uow.sql.nodes import Shape
from flask_uow.sql.options import checked_options
from flask_uow.sql.select import Select
from flask_uow.sql.selectable import ColumnCollection, FromClause
from flask_uow.sql.sequences import Sequence
from flask_uow.sql.types import (
    ARRAY,
    BOOLEANTYPE,
    DOMAIN,
    INTEGERTYPE,
    STRINGTYPE,
    Boolean,
    Enum,
    Integer,
    named_types_of,
)

if TYPE_CHECKING:
    from flask_uow.sql.interfaces import DDLBind, ReflectionBind

__all__ = ["Column", "ColumnDefault", "MetaData", "Table", "sort_tables", "BLANK_SCHEMA"]


#: no schema, for a table of a MetaData that has one
BLANK_SCHEMA = ""
_OPTIONS = (
    "postgresql_inherits", "postgresql_on_commit", "postgresql_partition_by", "postgresql_tablespace", "postgresql_using", "postgresql_with",
)  # fmt: skip


class Table(FromClause):
    """A table; the one that the MetaData has already, where only a name is given that it knows.

    :param name: its name.
    :param metadata: the MetaData that it becomes part of.
    :param items: columns, constraints and indexes.
    :param schema: the database's schema that it is in; ``BLANK_SCHEMA`` for none where the MetaData has one.
    :param bind_key: the key of the database that it is in, where an application has several.
    :param autoload_with: an engine or a connection: take columns, keys and indexes from the table as it is in the database. Columns that
        are given as well win over those found.
    :param include_columns: with ``autoload_with``, the names of the columns to take; all when None.
    :param resolve_fks: with ``autoload_with``, whether tables that foreign keys refer to are loaded into the MetaData too.
    :param sqlite_autoincrement: on SQLite, never use the key of a deleted row again (AUTOINCREMENT).
    :param extend_existing: where the MetaData has a table of that name, add the items to it; a column takes the place of one of its name.
        Extend a table before classes are mapped to it.
    :param autoload_replace: with ``extend_existing`` and ``autoload_with``, whether columns that are found take the place of known ones too.
    :param keep_existing: where the MetaData has a table of that name, that one as it is; the items are for a new one.
    :param implicit_returning: False asks for no key of an INSERT statement that gives none, as ``insert(table).inline()`` does.
    :param prefixes: words of SQL between CREATE and TABLE: ``["TEMPORARY"]``.
    :param options: options for one database: ``postgresql_partition_by="RANGE (day)"``, ``postgresql_inherits``, ``postgresql_with``,
        ``postgresql_using``, ``postgresql_on_commit``, ``postgresql_tablespace``; those for databases that are not served here
        (``mysql_engine``) are left out.
    :raises InvalidRequestError: when the MetaData has a table of that name already, and more than the name is given.
    :raises ArgumentError: for ``keep_existing`` together with ``extend_existing``.
    :raises NoSuchTableError: with ``autoload_with``, when the database has no such table.

    :ivar revision: how many columns have taken the place of others; what is worked out from the columns holds for one revision.
    """

    __slots__ = (
        "_c", "comment", "constraints", "depends_on", "dialect_options",
        "fullname", "implicit_returning", "indexes", "info", "metadata", "name", "prefixes", "primary_key", "revision", "schema",
        "sqlite_autoincrement",
    )  # fmt: skip
    __visit_name__ = "table"

    name: str
    schema: str | None
    fullname: str
    comment: str | None
    prefixes: tuple[str, ...]
    implicit_returning: bool
    revision: int
    sqlite_autoincrement: bool

    def __new__(
        cls, name: str = "", metadata: MetaData | None = None, *items: Any, schema: str | None = None, **options: Any
    ) -> Self:
        # without arguments: of one that was pickled
        known = metadata.known(name, schema) if isinstance(metadata, MetaData) else None
        return known if isinstance(known, cls) else super().__new__(cls)

    def __init__(
        self,
        name: str,
        metadata: MetaData,
        *items: Any,
        schema: str | None = None,
        bind_key: str | None = None,
        info: dict[Any, Any] | None = None,
        comment: str | None = None,
        autoload_with: ReflectionBind | None = None,
        include_columns: Iterable[str] | None = None,
        resolve_fks: bool = True,
        sqlite_autoincrement: bool = False,
        extend_existing: bool = False,
        keep_existing: bool = False,
        autoload_replace: bool = True,
        prefixes: Iterable[str] = (),
        implicit_returning: bool = True,
        **options: Any,
    ) -> None:
        if not isinstance(metadata, MetaData):
            raise ArgumentError(f"Table({name!r}, ...) takes a MetaData second, got {metadata!r}.")
        if keep_existing and extend_existing:
            raise ArgumentError(
                f"Table({name!r}, ...) got keep_existing=True and extend_existing=True. Pass the one that says what becomes of a known table."
            )
        is_known = metadata.known(name, schema) is self
        if is_known and not extend_existing:
            if not keep_existing and (items or info or comment or bind_key or sqlite_autoincrement):
                raise metadata.defined_already(self.fullname)
            return
        if not is_known:
            self._be_new(name, metadata, schema)
        self.info.update(info or {})
        if bind_key is not None:
            self.info["bind_key"] = bind_key
        self.comment = comment if comment is not None else self.comment
        self.sqlite_autoincrement = self.sqlite_autoincrement or sqlite_autoincrement
        self.prefixes = (*self.prefixes, *prefixes)
        self.implicit_returning = self.implicit_returning and implicit_returning
        self.dialect_options.update(checked_options(f"Table({name!r})", options, _OPTIONS))
        if autoload_with is not None:
            given = {item.name: item for item in items if isinstance(item, Column)}
            wanted = frozenset(include_columns) if include_columns is not None else None
            try:
                autoload_with.reflect_table(self, given, wanted, resolve_fks, autoload_replace)
            except BaseException:
                # half a table would be taken for a whole one the next time
                if not is_known:
                    metadata.remove(self)
                raise
        self._take(items)

    def _be_new(self, name: str, metadata: MetaData, schema: str | None) -> None:
        self.name = name
        self.schema = metadata.schema if schema is None else schema or None
        self.fullname = f"{self.schema}.{name}" if self.schema else name
        self.metadata = metadata
        self.info: dict[Any, Any] = {}
        self.comment = None
        self.sqlite_autoincrement = False
        self.prefixes = ()
        self.implicit_returning = True
        self.dialect_options: dict[str, Any] = {}
        self.depends_on: list[Table] = []
        self.revision = 0
        self._c = ColumnCollection(f"table {name!r}")
        self.constraints: list[Constraint] = []
        self.indexes: list[Index] = []
        self.primary_key = PrimaryKeyConstraint()
        self.primary_key.table = self
        # entered at once: what is reflected along with it may refer back to it
        metadata.add_table(self)

    def _take(self, items: Iterable[Any]) -> None:
        """Make columns, constraints and indexes the table's own."""
        names = [item.name for item in items if isinstance(item, Column)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ArgumentError(f"table {self.name!r} has a column {twice!r} already.")
        # columns first, wherever they stand: constraints name them
        for item in items:
            if isinstance(item, Column) and item.table is not self:
                self.put_column(item)
        for item in items:
            if isinstance(item, (Constraint, Index)):
                item.attach_to(self)
            elif not isinstance(item, Column):
                raise ArgumentError(f"Table {self.name!r} got {item!r}; it takes columns, constraints and indexes.")

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
        """The integer column of the primary key whose values the database makes, or None.

        Of several columns it is one with a sequence, an identity or ``autoincrement=True``.
        """
        columns: list[Column[Any]] = self.primary_key.columns
        if len(columns) != 1:
            columns = [
                c for c in columns if c.sequence is not None or c.identity is not None or c.autoincrement is True
            ]
        if not columns:
            return None
        column = columns[0]
        # the values of a foreign key come from the rows that it refers to
        is_free = not column.foreign_keys or column.autoincrement == "ignore_fk"
        made = isinstance(column.type, Integer) and column.autoincrement and is_free
        return column if made and column.default is None and column.server_default is None else None

    @property
    def autoincrement_column(self) -> Column[Any] | None:
        """The column whose values the database makes; another name of :attr:`generated_key`."""
        return self.generated_key

    @property
    def key(self) -> str:
        """Its name in the MetaData, with the schema's."""
        return self.fullname

    @property
    def foreign_key_constraints(self) -> set[ForeignKeyConstraint]:
        """The foreign keys, of one column or of several."""
        return {each for each in self.constraints if isinstance(each, ForeignKeyConstraint)}

    def append_constraint(self, constraint: Constraint) -> None:
        """Add a constraint."""
        constraint.attach_to(self)

    def add_is_dependent_on(self, table: Table) -> None:
        """Have the table come behind another one when tables are created, and before it when they are dropped."""
        self.depends_on.append(table)

    @property
    def sequences(self) -> list[Sequence]:
        """The sequences that number rows of the table."""
        return [column.sequence for column in self._c if column.sequence is not None]

    def append_column(self, column: Column[Any]) -> None:
        """Add a column.

        :raises ArgumentError: for a column without a name, of another table, or of a name that is taken.
        """
        if not column.has_name:
            raise ArgumentError(f"a column of table {self.name!r} has no name. Write Column('name', type).")
        if column.table is not None:
            raise ArgumentError(
                f"column {column.name!r} belongs to {column.table.description} already. Use column.copy()."
            )
        if column.name in self._c:
            raise ArgumentError(f"table {self.name!r} has a column {column.name!r} already.")
        column.table = self
        if column.has_own_type and isinstance(column.type, (Enum, ARRAY)):
            column.set_type(column.type.in_schema(self.schema))
        self._c.add(column.key or column.name, column)
        if column.primary_key:
            self.primary_key.columns.append(column)
        for foreign_key in column.foreign_keys:
            foreign_key.attach_table(self)
        for check in column.checks:
            check.attach_to(self)
        for item, columns in column.waiting:
            if item.waits and item.table is None and all(other.table is self for other in columns):
                item.attach_to(self)
        self._check_values(column)
        # unique=True and index=True together are one index
        if column.unique and not column.index:
            UniqueConstraint(column).attach_to(self)
        if column.index:
            Index(None, column.name, unique=column.unique).attach_to(self)

    def _check_values(self, column: Column[Any]) -> None:
        """Add the CHECK that the type of a column asks for."""
        type_ = column.type.stored_type if column.has_own_type else None
        if isinstance(type_, Enum) and type_.create_constraint:
            values = ExpressionList(tuple(BindParameter(text, STRINGTYPE) for text in type_.names))
            check = CheckConstraint(BinaryExpression(column, ops.IN, values, BOOLEANTYPE), type_.set_name)
            check.of_column, check.of_native_type, check.columns = True, type_.native_enum, [column]
            check.attach_to(self)
        if isinstance(type_, Boolean) and type_.create_constraint:
            numbers = ExpressionList(tuple(BindParameter(number, INTEGERTYPE) for number in (0, 1)))
            check = CheckConstraint(BinaryExpression(column, ops.IN, numbers, BOOLEANTYPE), type_.constraint_name)
            check.of_column, check.of_native_type, check.columns = True, True, [column]
            check.attach_to(self)
        for domain in named_types_of(column.type) if column.has_own_type else ():
            condition = domain.condition_on(column.name) if isinstance(domain, DOMAIN) else None
            if isinstance(domain, DOMAIN) and domain.default is not None and column.server_default is None:
                column.server_default = domain.default
            # the items of an array are beyond it
            if condition is not None and domain is column.type:
                check = CheckConstraint(condition)
                check.of_column, check.of_native_type, check.columns = True, True, [column]
                check.attach_to(self)

    def put_column(self, column: Column[Any]) -> None:
        """Add a column; it takes the place of one of its name, in the constraints and indexes that are about that one as well.

        :raises ArgumentError: for a column without a name, or of another table.
        """
        before = next((known for known in self._c if known.name == column.name), None)
        if before is None:
            self.append_column(column)
            return
        key = list(self.primary_key.columns)
        place = self._withdraw(before)
        self.revision += 1
        self.append_column(column)
        self._c.move_last(place)
        if before in key and column.primary_key:
            self.primary_key.columns = [column if known is before else known for known in key]
        for constraint in self.constraints:
            constraint.exchange(before, column)
        for index in self.indexes:
            index.exchange(before, column)
        for table in self.metadata.tables.values():
            for foreign_key in table.foreign_keys:
                foreign_key.exchange(before, column)

    def _withdraw(self, column: Column[Any]) -> int:
        """Take out a column, with what was declared along with it, and return its place."""
        own = {id(foreign_key.constraint) for foreign_key in column.foreign_keys if foreign_key in column.args}
        own.update(id(check) for check in column.checks)
        own.update(
            id(check)
            for check in self.constraints
            if isinstance(check, CheckConstraint) and _is_of(check.columns, column)
        )
        if column.unique or column.index:
            own.update(
                id(each)
                for each in self.constraints
                if isinstance(each, UniqueConstraint) and _is_of(each.columns, column)
            )
            self.indexes = [index for index in self.indexes if not _is_of(index.expressions, column)]
        self.constraints = [each for each in self.constraints if id(each) not in own]
        self.primary_key.columns = [each for each in self.primary_key.columns if each is not column]
        column.table = None
        return self._c.remove(column)

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
        # by name, so that the copy refers to tables of its own MetaData
        for foreign_key in (foreign_key for column in columns for foreign_key in column.foreign_keys):
            foreign_key.target = foreign_key.target_fullname
        table = Table(
            name or self.name,
            metadata,
            *columns,
            schema=schema or self.schema,
            info=self.info,
            comment=self.comment,
            sqlite_autoincrement=self.sqlite_autoincrement,
            prefixes=self.prefixes,
            implicit_returning=self.implicit_returning,
            **self.dialect_options,
        )
        table.primary_key.columns = [table.c[str(column.key)] for column in self.primary_key.columns]
        for name in ("given_name", "comment", "dialect_options"):
            setattr(table.primary_key, name, getattr(self.primary_key, name))
        for constraint in self.constraints:
            copied = constraint.copy()
            if copied is not None:
                copied.attach_to(table)
        for index in self.indexes:
            # those of single columns have come along with the copies of these
            if not any(getattr(e, "index", False) for e in index.expressions):
                index.copy().attach_to(table)
        return table

    tometadata = to_metadata

    def move_to(self, metadata: MetaData) -> None:
        """Let the table be one of another MetaData, no longer of its own.

        :raises InvalidRequestError: when that one has a table of the name already.
        """
        metadata.add_table(self)
        self.metadata.remove(self)
        self.metadata = metadata

    def create(self, bind: DDLBind, checkfirst: bool = True) -> None:
        """Create the table."""
        create_tables(bind, [self], checkfirst)

    def drop(self, bind: DDLBind, checkfirst: bool = True) -> None:
        """Drop the table."""
        drop_tables(bind, [self], checkfirst)

    def collect_shape(self, shape: Shape) -> None:
        shape.key.append(self)

    def __repr__(self) -> str:
        return f"Table({self.fullname!r}, columns: {', '.join(self._c.keys())})"

    def __str__(self) -> str:
        return self.fullname


class MetaData:
    """A set of tables.

    :param schema: the schema of tables that name none.
    :param naming_convention: how constraints and indexes without a name are called, see :mod:`flask_uow.sql.naming`.
    :raises ArgumentError: for a malformed convention.

    :ivar tables: the tables by name (``schema.name`` where they have a schema).
    :ivar sequences: sequences that are no column's default, likewise.
    :ivar info: for the application's own use; ``info["bind_key"]`` names the database of all its tables.
    """

    def __init__(
        self,
        schema: str | None = None,
        info: dict[Any, Any] | None = None,
        naming_convention: Mapping[Any, Any] | None = None,
    ) -> None:
        self.schema = schema
        self.tables: dict[str, Table] = {}
        self.sequences: dict[str, Sequence] = {}
        self.info = dict(info or {})
        self.naming_convention = check_convention(naming_convention or {})

    def reflect(
        self,
        bind: ReflectionBind,
        schema: str | None = None,
        only: Iterable[str] | Callable[[str], bool] | Callable[[str, MetaData], bool] | None = None,
        views: bool = False,
        resolve_fks: bool = True,
        extend_existing: bool = False,
        autoload_replace: bool = True,
    ) -> None:
        """Load all tables of a database that are not here already.

        :param bind: an engine or a connection.
        :param schema: the schema whose tables are meant; this MetaData's, or the database's default one, when None.
        :param only: the names of tables to load; or a function that says so of a name, or of a name and this MetaData.
        :param views: load views too, as tables.
        :param resolve_fks: load tables that foreign keys refer to as well, also when ``only`` leaves them out.
        :param extend_existing: add to tables that are here already what the database has more.
        :param autoload_replace: with ``extend_existing``, whether columns that are found take the place of those that are here.
        :raises NoSuchTableError: for a name in ``only`` that the database does not have.
        """
        chosen = schema if schema is not None else self.schema
        for name in bind.reflectable_names(chosen, self._of_names(only) if callable(only) else only, views):
            if extend_existing or self.known(name, chosen) is None:
                Table(
                    name,
                    self,
                    schema=chosen,
                    autoload_with=bind,
                    resolve_fks=resolve_fks,
                    extend_existing=extend_existing,
                    autoload_replace=autoload_replace,
                )

    def _of_names(self, only: Callable[..., bool]) -> Callable[[str], bool]:
        """Return a function of a name for one of a name and the MetaData, or of a name."""
        try:
            parameters = inspect.signature(only).parameters.values()
        except ValueError:
            # some functions written in C do not tell
            return only
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        needed = [each for each in parameters if each.kind in kinds and each.default is inspect.Parameter.empty]
        return (lambda name: only(name, self)) if len(needed) > 1 else only

    def known(self, name: str, schema: str | None = None) -> Table | None:
        """Return the table of that name, None where there is none; ``schema`` is this MetaData's when None."""
        schema = schema if schema is not None else self.schema
        return self.tables.get(f"{schema}.{name}" if schema else name)

    def add_table(self, table: Table) -> None:
        if table.fullname in self.tables:
            raise self.defined_already(table.fullname)
        self.tables[table.fullname] = table

    @staticmethod
    def defined_already(fullname: str) -> InvalidRequestError:
        """Return the error for a second table of a name."""
        return InvalidRequestError(
            f"table {fullname!r} is defined already in this MetaData. Give one of the two another name, or make sure that the module defining it is"
            " imported under one name only; extend_existing=True adds to the table, keep_existing=True leaves it as it is."
        )

    def remove(self, table: Table) -> None:
        """Take a table out."""
        self.tables.pop(table.fullname, None)

    def clear(self) -> None:
        """Take all tables out."""
        self.tables.clear()
        self.sequences.clear()

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
        chosen = sort_tables(tables if tables is not None else self.tables.values())
        create_tables(bind, chosen, checkfirst, self.sequences.values() if tables is None else (), self)

    def drop_all(self, bind: DDLBind, tables: Iterable[Table] | None = None, checkfirst: bool = True) -> None:
        """Drop all tables, in reverse order of dependency; parameters as for :meth:`create_all`."""
        chosen = sort_tables(tables if tables is not None else self.tables.values())
        drop_tables(bind, chosen, checkfirst, self.sequences.values() if tables is None else (), self)

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
        found = [constraint.referred_table for constraint in _foreign_key_constraints(table)] + table.depends_on
        edges[table] = [t for t in found if t in known and t is not table]
    while True:
        try:
            return list(graphlib.TopologicalSorter(edges).static_order())
        except graphlib.CycleError as error:
            cycle: list[Table] = error.args[1]
            edges[cycle[1]] = [t for t in edges[cycle[1]] if t is not cycle[0]]


def _is_of(columns: list[Any], column: Column[Any]) -> bool:
    # == would make an expression
    return len(columns) == 1 and columns[0] is column


def _foreign_key_constraints(table: Table) -> list[ForeignKeyConstraint]:
    return [c for c in table.constraints if isinstance(c, ForeignKeyConstraint) and not c.use_alter]


def unknown_column(table: Table, name: str) -> ArgumentError:
    """Return the error for a column name that a table does not have."""
    return ArgumentError(f"table {table.name!r} has no column {name!r}.{did_you_mean(name, table.c.keys())}")
