"""CREATE and DROP: the statements as data, and their order.

The text is written by :mod:`flask_uow.sql.compiler.ddl`. ``create_tables`` and ``drop_tables`` work on any bind that
fulfils :class:`flask_uow.sql.interfaces.DDLBind`, which engines and connections do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.sql.constraints import ForeignKeyConstraint, Index
from flask_uow.sql.nodes import Executable, Shape

if TYPE_CHECKING:
    from flask_uow.sql.interfaces import DDLBind
    from flask_uow.sql.schema import Table

__all__ = [
    "AddConstraint",
    "CreateIndex",
    "CreateTable",
    "DDLElement",
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
    """

    __slots__ = ("table", "without")
    __visit_name__ = "create_table"

    def __init__(self, table: Table, without: frozenset[ForeignKeyConstraint] = frozenset()) -> None:
        self.table = table
        self.without = without


class AddConstraint(DDLElement):
    """``ALTER TABLE ... ADD CONSTRAINT`` of a foreign key."""

    __slots__ = ("constraint",)
    __visit_name__ = "add_constraint"

    def __init__(self, constraint: ForeignKeyConstraint) -> None:
        self.constraint = constraint


class CreateIndex(DDLElement):
    """``CREATE INDEX``."""

    __slots__ = ("index",)
    __visit_name__ = "create_index"

    def __init__(self, index: Index) -> None:
        self.index = index


class CommentOn(DDLElement):
    """``COMMENT ON`` a table and its columns, where the database has such."""

    __slots__ = ("column", "table", "text")
    __visit_name__ = "comment_on"

    def __init__(self, table: Table, column: Any, text: str) -> None:
        self.table, self.column, self.text = table, column, text


class DropTable(DDLElement):
    """``DROP TABLE`` of one or more tables; several go together where they refer to each other."""

    __slots__ = ("tables",)
    __visit_name__ = "drop_table"

    def __init__(self, *tables: Table) -> None:
        self.tables = tables


def create_statements(
    tables: Sequence[Table], existing: frozenset[str], supports_alter: bool, supports_comments: bool
) -> list[DDLElement]:
    """Return the statements that create ``tables``, given in order of dependency.

    A foreign key to a table that comes later (they refer to each other in a circle) is added by ALTER TABLE at the end,
    where the database can; where it can't, it does not mind a reference to a table that is still missing.
    """
    statements: list[DDLElement] = []
    later: list[DDLElement] = []
    made = set(existing)
    for table in tables:
        if table.fullname in existing:
            continue
        made.add(table.fullname)
        postponed = frozenset(
            c for c in table.constraints
            if isinstance(c, ForeignKeyConstraint) and supports_alter and (c.use_alter or c.referred_table.fullname not in made)
        )  # fmt: skip
        statements.append(CreateTable(table, postponed))
        statements.extend(CreateIndex(index) for index in table.indexes)
        later.extend(
            AddConstraint(c) for c in table.constraints if isinstance(c, ForeignKeyConstraint) and c in postponed
        )
        if supports_comments:
            if table.comment:
                later.append(CommentOn(table, None, table.comment))
            later.extend(CommentOn(table, column, column.comment) for column in table.c if column.comment)
    return statements + later


def create_tables(bind: DDLBind, tables: Sequence[Table], checkfirst: bool) -> None:
    """Create ``tables``, given in order of dependency."""
    with bind.ddl_connection() as connection:
        existing = _existing(connection, tables) if checkfirst else frozenset()
        dialect = connection.dialect
        for statement in create_statements(tables, existing, dialect.supports_alter, dialect.supports_comments):
            connection.execute(statement)


def drop_tables(bind: DDLBind, tables: Sequence[Table], checkfirst: bool) -> None:
    """Drop ``tables``, given in order of dependency."""
    with bind.ddl_connection() as connection:
        existing = _existing(connection, tables) if checkfirst else None
        wanted = [t for t in reversed(tables) if existing is None or t.fullname in existing]
        if not wanted:
            return
        if connection.dialect.supports_alter:
            connection.execute(DropTable(*wanted))
            return
        # rows that refer to rows of a table dropped before are checked at the end only
        connection.run("PRAGMA defer_foreign_keys = ON", (), write=True)
        for table in wanted:
            connection.execute(DropTable(table))


def _existing(connection: Any, tables: Sequence[Table]) -> frozenset[str]:
    found: set[str] = set()
    for schema in {table.schema for table in tables}:
        found.update(f"{schema}.{name}" if schema else name for name in connection.table_names(schema))
    return frozenset(found)
