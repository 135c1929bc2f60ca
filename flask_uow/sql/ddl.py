"""CREATE and DROP: the statements as data, and their order.

The text is written by :mod:`flask_uow.sql.compiler.ddl`. ``create_tables`` and ``drop_tables`` work on any bind that
fulfils :class:`flask_uow.sql.interfaces.DDLBind`, which engines and connections do.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as SequenceType
from typing import TYPE_CHECKING, Any

from flask_uow.sql.constraints import ForeignKeyConstraint, Index
from flask_uow.sql.ddl_events import tell_tables
from flask_uow.sql.nodes import Executable, Shape
from flask_uow.sql.types import ARRAY, Enum

if TYPE_CHECKING:
    from flask_uow.sql.columns import Column
    from flask_uow.sql.interfaces import DDLBind, DDLConnection
    from flask_uow.sql.schema import MetaData, Table
    from flask_uow.sql.sequences import Sequence

__all__ = [
    "AddConstraint",
    "CreateEnum",
    "CreateIndex",
    "CreateSchema",
    "CreateSequence",
    "CreateTable",
    "DDLElement",
    "DropEnum",
    "DropIndex",
    "DropSchema",
    "DropSequence",
    "DropTable",
    "create_statements",
    "create_tables",
    "drop_tables",
]


class DDLElement(Executable):
    """A statement that changes the schema; never cached."""

    __slots__ = ()

    def _collect(self, shape: Shape) -> None:
        shape.cacheable = False


class CreateTable(DDLElement):
    """``CREATE TABLE``.

    :param without: foreign keys to leave out, since they are added later by :class:`AddConstraint`.
    :param deferred: foreign keys to be checked at the end of a transaction, since the tables refer to each other in a circle.
    :param if_not_exists: leave one alone that exists.
    """

    __slots__ = ("deferred", "if_not_exists", "table", "without")
    __visit_name__ = "create_table"

    def __init__(
        self,
        table: Table,
        without: frozenset[ForeignKeyConstraint] = frozenset(),
        deferred: frozenset[ForeignKeyConstraint] = frozenset(),
        *,
        if_not_exists: bool = False,
    ) -> None:
        self.table = table
        self.if_not_exists = if_not_exists
        self.without = without
        self.deferred = deferred


class CreateSequence(DDLElement):
    """``CREATE SEQUENCE``.

    :param checkfirst: leave one alone that exists.
    """

    __slots__ = ("checkfirst", "sequence")
    __visit_name__ = "create_sequence"

    def __init__(self, sequence: Sequence, checkfirst: bool = False) -> None:
        self.sequence = sequence
        self.checkfirst = checkfirst


class DropSequence(DDLElement):
    """``DROP SEQUENCE``.

    :param checkfirst: do nothing where there is none.
    """

    __slots__ = ("checkfirst", "sequence")
    __visit_name__ = "drop_sequence"

    def __init__(self, sequence: Sequence, checkfirst: bool = True) -> None:
        self.sequence = sequence
        self.checkfirst = checkfirst


class CreateEnum(DDLElement):
    """``CREATE TYPE ... AS ENUM`` (PostgreSQL); one that exists is left alone."""

    __slots__ = ("type",)
    __visit_name__ = "create_enum"

    def __init__(self, type_: Enum) -> None:
        self.type = type_


class DropEnum(DDLElement):
    """``DROP TYPE`` of an Enum; nothing where there is none."""

    __slots__ = ("type",)
    __visit_name__ = "drop_enum"

    def __init__(self, type_: Enum) -> None:
        self.type = type_


class CreateSchema(DDLElement):
    """``CREATE SCHEMA name`` (PostgreSQL); to be executed before ``create_all()`` makes tables in it.

    :param if_not_exists: leave one alone that exists.
    """

    __slots__ = ("if_not_exists", "name")
    __visit_name__ = "create_schema"

    def __init__(self, name: str, if_not_exists: bool = False) -> None:
        self.name = name
        self.if_not_exists = if_not_exists


class DropSchema(DDLElement):
    """``DROP SCHEMA name`` (PostgreSQL).

    :param cascade: drop what is in it as well.
    :param if_exists: do nothing where there is none.
    """

    __slots__ = ("cascade", "if_exists", "name")
    __visit_name__ = "drop_schema"

    def __init__(self, name: str, cascade: bool = False, if_exists: bool = False) -> None:
        self.name = name
        self.cascade = cascade
        self.if_exists = if_exists


class AddConstraint(DDLElement):
    """``ALTER TABLE ... ADD CONSTRAINT`` of a foreign key."""

    __slots__ = ("constraint",)
    __visit_name__ = "add_constraint"

    def __init__(self, constraint: ForeignKeyConstraint) -> None:
        self.constraint = constraint


class CreateIndex(DDLElement):
    """``CREATE INDEX``.

    :param if_not_exists: leave one alone that exists.
    """

    __slots__ = ("if_not_exists", "index")
    __visit_name__ = "create_index"

    def __init__(self, index: Index, *, if_not_exists: bool = False) -> None:
        self.index = index
        self.if_not_exists = if_not_exists


class DropIndex(DDLElement):
    """``DROP INDEX``.

    :param if_exists: do nothing where there is none.
    """

    __slots__ = ("if_exists", "index")
    __visit_name__ = "drop_index"

    def __init__(self, index: Index, *, if_exists: bool = False) -> None:
        self.index = index
        self.if_exists = if_exists


class CommentOn(DDLElement):
    """``COMMENT ON`` a table and its columns, where the database has such."""

    __slots__ = ("column", "table", "text")
    __visit_name__ = "comment_on"

    def __init__(self, table: Table, column: Column[Any] | None, text: str) -> None:
        self.table, self.column, self.text = table, column, text


class DropTable(DDLElement):
    """``DROP TABLE`` of one or more tables; several go together where they refer to each other.

    :param if_exists: do nothing where there is none.
    """

    __slots__ = ("if_exists", "tables")
    __visit_name__ = "drop_table"

    def __init__(self, *tables: Table, if_exists: bool = False) -> None:
        self.tables = tables
        self.if_exists = if_exists


def create_statements(
    tables: Iterable[Table],
    existing: frozenset[str],
    supports_alter: bool,
    supports_comments: bool,
    sequences: Iterable[Sequence] = (),
    supports_sequences: bool | None = None,
    supports_enums: bool = False,
) -> list[DDLElement]:
    """Return the statements that create ``tables``, given in order of dependency.

    A foreign key to a table that comes later (they refer to each other in a circle) is added by ALTER TABLE at the end,
    where the database can; where it can't, it does not mind a reference to a table that is still missing, and the foreign key is checked
    at the end of a transaction only.

    :param sequences: sequences to be created beside those of the tables' columns.
    :param supports_sequences: whether the database has sequences; as ``supports_alter`` when None.
    :param supports_enums: whether an Enum may be a type of its own.
    """
    statements: list[DDLElement] = []
    later: list[DDLElement] = []
    made = set(existing)
    tables = list(tables)
    if supports_alter if supports_sequences is None else supports_sequences:
        new = [table for table in tables if table.fullname not in existing]
        statements.extend(CreateSequence(sequence, checkfirst=True) for sequence in _sequences_of(new, sequences))
    if supports_enums:
        statements.extend(map(CreateEnum, _enums_of(table for table in tables if table.fullname not in existing)))
    for table in tables:
        if table.fullname in existing:
            continue
        made.add(table.fullname)
        circular = frozenset(
            c for c in table.constraints
            if isinstance(c, ForeignKeyConstraint) and (c.use_alter or c.referred_table.fullname not in made)
        )  # fmt: skip
        postponed = circular if supports_alter else frozenset()
        statements.append(CreateTable(table, postponed, circular - postponed))
        statements.extend(CreateIndex(index) for index in table.indexes)
        later.extend(
            AddConstraint(c) for c in table.constraints if isinstance(c, ForeignKeyConstraint) and c in postponed
        )
        if supports_comments:
            if table.comment:
                later.append(CommentOn(table, None, table.comment))
            later.extend(CommentOn(table, column, column.comment) for column in table.c if column.comment)
    return statements + later


def _sequences_of(tables: Iterable[Table], sequences: Iterable[Sequence]) -> list[Sequence]:
    found = {sequence.fullname: sequence for sequence in sequences}
    for table in tables:
        found.update((sequence.fullname, sequence) for sequence in table.sequences)
    return list(found.values())


def _enums_of(tables: Iterable[Table]) -> list[Enum]:
    """Return the enums of tables' columns that are types of their own, each name once."""
    found: dict[str, Enum] = {}
    for table in tables:
        for column in table.c:
            type_ = column.type.storage
            type_ = type_.item_type.storage if isinstance(type_, ARRAY) else type_
            if isinstance(type_, Enum) and type_.native_enum:
                found.setdefault(str(type_.set_name), type_)
    return list(found.values())


def create_tables(
    bind: DDLBind,
    tables: SequenceType[Table],
    checkfirst: bool,
    sequences: Iterable[Sequence] = (),
    metadata: MetaData | None = None,
) -> None:
    """Create ``tables``, given in order of dependency.

    :param metadata: the MetaData, where all of its tables are meant.
    """
    with bind.ddl_connection() as connection:
        existing = _existing(connection, tables) if checkfirst else frozenset()
        dialect = connection.dialect
        wanted = [table for table in tables if table.fullname not in existing]
        tell_tables("before_create", wanted, connection, checkfirst, metadata)
        for statement in create_statements(
            tables,
            existing,
            dialect.supports_alter,
            dialect.supports_comments,
            sequences,
            dialect.supports_sequences,
            dialect.supports_enums,
        ):
            connection.execute(statement)
        tell_tables("after_create", wanted, connection, checkfirst, metadata)


def drop_tables(
    bind: DDLBind,
    tables: SequenceType[Table],
    checkfirst: bool,
    sequences: Iterable[Sequence] = (),
    metadata: MetaData | None = None,
) -> None:
    """Drop ``tables``, given in order of dependency, and their sequences.

    :param metadata: the MetaData, where all of its tables are meant.
    """
    with bind.ddl_connection() as connection:
        existing = _existing(connection, tables) if checkfirst else None
        wanted = [t for t in reversed(tables) if existing is None or t.fullname in existing]
        tell_tables("before_drop", wanted, connection, checkfirst, metadata)
        _drop(connection, tables, wanted, sequences)
        tell_tables("after_drop", wanted, connection, checkfirst, metadata)


def _drop(
    connection: Any, tables: SequenceType[Table], wanted: SequenceType[Table], sequences: Iterable[Sequence]
) -> None:
    if connection.dialect.supports_alter:
        if wanted:
            connection.execute(DropTable(*wanted))
        if connection.dialect.supports_sequences:
            for sequence in _sequences_of(tables, sequences):
                connection.execute(DropSequence(sequence))
        if connection.dialect.supports_enums:
            dropped = {table.fullname for table in tables}
            others = (other for table in tables for other in table.metadata.tables.values())
            kept = {str(type_.set_name) for type_ in _enums_of(o for o in others if o.fullname not in dropped)}
            for type_ in _enums_of(tables):
                if type_.set_name not in kept:
                    connection.execute(DropEnum(type_))
        return
    if not wanted:
        return
    # rows that refer to rows of a table dropped before are checked at the end only
    connection.run("PRAGMA defer_foreign_keys = ON", (), write=True)
    for table in wanted:
        connection.execute(DropTable(table))


def _existing(connection: DDLConnection, tables: SequenceType[Table]) -> frozenset[str]:
    found: set[str] = set()
    for schema in {table.schema for table in tables}:
        found.update(f"{schema}.{name}" if schema else name for name in connection.table_names(schema))
    return frozenset(found)
