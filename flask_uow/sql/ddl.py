"""CREATE and DROP: the statements as data, and their order.

The text is written by :mod:`flask_uow.sql.compiler.ddl`. ``create_tables`` and ``drop_tables`` work on any bind that
fulfils :class:`flask_uow.sql.interfaces.DDLBind`, which engines and connections do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Sequence as SequenceType
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError
from flask_uow.sql.constraints import Constraint
from flask_uow.sql.ddl_events import tell_tables
from flask_uow.sql.foreign_keys import ForeignKeyConstraint
from flask_uow.sql.indexes import Index, making
from flask_uow.sql.nodes import Executable, Shape
from flask_uow.sql.types import DOMAIN, Enum, named_types_of
from flask_uow.sql.types.named_types import makers

if TYPE_CHECKING:
    from flask_uow.sql.columns import Column
    from flask_uow.sql.interfaces import DDLBind, DDLConnection
    from flask_uow.sql.schema import MetaData, Table
    from flask_uow.sql.sequences import Sequence

__all__ = [
    "AddConstraint", "CreateDomain", "CreateEnum", "CreateIndex", "CreateSchema", "CreateSequence", "CreateTable", "DDLElement",
    "DropColumnComment",
    "DropConstraintComment", "DropConstraint", "DropDomain", "DropEnum", "DropIndex", "DropSchema", "DropSequence", "DropTable",
    "DropTableComment", "SetColumnComment",
    "SetConstraintComment", "SetTableComment", "create_statements", "create_tables", "drop_tables",
]  # fmt: skip


class DDLElement(Executable):
    """A statement that changes the schema; never cached.

    ``event.listen(table, "after_create", AddConstraint(check).execute_if(dialect="postgresql"))`` has it executed along with a table.
    """

    __slots__ = ()

    def collect_shape(self, shape: Shape) -> None:
        shape.cacheable = False

    def execute_if(
        self, dialect: str | SequenceType[str] | None = None, callable_: Callable[..., Any] | None = None
    ) -> ConditionalDDL:
        """Return a listener that executes the statement where conditions hold.

        :param dialect: the database's name, ``"postgresql"`` or ``"sqlite"``, or several.
        :param callable_: called as ``callable_(ddl, target, connection, checkfirst=, tables=)``; nothing is executed unless it returns true.
        """
        return ConditionalDDL(self, (dialect,) if isinstance(dialect, str) else tuple(dialect or ()), callable_)

    def __call__(self, target: object, connection: DDLConnection, **given: object) -> None:
        """Execute the statement, for an event of a table."""
        connection.execute(self)


class ConditionalDDL:
    """A listener of tables that executes a statement where conditions hold; made by :meth:`DDLElement.execute_if`."""

    def __init__(self, element: DDLElement, dialects: tuple[str, ...], condition: Callable[..., Any] | None) -> None:
        self.element, self.dialects, self.condition = element, dialects, condition

    def __call__(self, target: object, connection: DDLConnection, **given: Any) -> None:
        """Execute the statement, where the conditions hold."""
        if self.dialects and connection.dialect.name not in self.dialects:
            return
        if self.condition is None or self.condition(self.element, target, connection, **given):
            connection.execute(self.element)


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
    """``CREATE TYPE ... AS ENUM`` (PostgreSQL).

    :param checkfirst: leave one alone that exists.
    """

    __slots__ = ("checkfirst", "type")
    __visit_name__ = "create_enum"

    def __init__(self, type_: Enum, checkfirst: bool = True) -> None:
        self.type = type_
        self.checkfirst = checkfirst


class DropEnum(DDLElement):
    """``DROP TYPE`` of an Enum.

    :param checkfirst: do nothing where there is none.
    """

    __slots__ = ("checkfirst", "type")
    __visit_name__ = "drop_enum"

    def __init__(self, type_: Enum, checkfirst: bool = True) -> None:
        self.type = type_
        self.checkfirst = checkfirst


class CreateDomain(DDLElement):
    """``CREATE DOMAIN`` (PostgreSQL).

    :param checkfirst: leave one alone that exists.
    """

    __slots__ = ("checkfirst", "type")
    __visit_name__ = "create_domain"

    def __init__(self, type_: DOMAIN, checkfirst: bool = True) -> None:
        self.type = type_
        self.checkfirst = checkfirst


class DropDomain(DDLElement):
    """``DROP DOMAIN``.

    :param checkfirst: do nothing where there is none.
    """

    __slots__ = ("checkfirst", "type")
    __visit_name__ = "drop_domain"

    def __init__(self, type_: DOMAIN, checkfirst: bool = True) -> None:
        self.type = type_
        self.checkfirst = checkfirst


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
    """``ALTER TABLE ... ADD CONSTRAINT`` (PostgreSQL)."""

    __slots__ = ("constraint",)
    __visit_name__ = "add_constraint"

    def __init__(self, constraint: Constraint) -> None:
        self.constraint = constraint


class DropConstraint(DDLElement):
    """``ALTER TABLE ... DROP CONSTRAINT`` (PostgreSQL).

    :param cascade: drop what depends on it as well.
    :param if_exists: do nothing where there is none.
    """

    __slots__ = ("cascade", "constraint", "if_exists")
    __visit_name__ = "drop_constraint"

    def __init__(self, constraint: Constraint, *, cascade: bool = False, if_exists: bool = False) -> None:
        self.constraint = constraint
        self.cascade = cascade
        self.if_exists = if_exists


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
    """``COMMENT ON`` a table, a column or a constraint of it, where the database has such."""

    __slots__ = ("column", "constraint", "table", "text")
    __visit_name__ = "comment_on"

    def __init__(
        self, table: Table, column: Column[Any] | None, text: str | None, constraint: Constraint | None = None
    ) -> None:
        self.table, self.column, self.text, self.constraint = table, column, text, constraint


class SetTableComment(CommentOn):
    """``COMMENT ON TABLE`` (PostgreSQL), the comment that a table has."""

    __slots__ = ()

    def __init__(self, table: Table) -> None:
        super().__init__(table, None, table.comment)


class DropTableComment(CommentOn):
    """``COMMENT ON TABLE ... IS NULL`` (PostgreSQL)."""

    __slots__ = ()

    def __init__(self, table: Table) -> None:
        super().__init__(table, None, None)


class SetColumnComment(CommentOn):
    """``COMMENT ON COLUMN`` (PostgreSQL), the comment that a column has."""

    __slots__ = ()

    def __init__(self, column: Column[Any]) -> None:
        super().__init__(column.table, column, column.comment)


class DropColumnComment(CommentOn):
    """``COMMENT ON COLUMN ... IS NULL`` (PostgreSQL)."""

    __slots__ = ()

    def __init__(self, column: Column[Any]) -> None:
        super().__init__(column.table, column, None)


class SetConstraintComment(CommentOn):
    """``COMMENT ON CONSTRAINT`` (PostgreSQL), the comment that a constraint has."""

    __slots__ = ()

    def __init__(self, constraint: Constraint) -> None:
        super().__init__(_table_of(constraint), None, constraint.comment, constraint)


class DropConstraintComment(CommentOn):
    """``COMMENT ON CONSTRAINT ... IS NULL`` (PostgreSQL)."""

    __slots__ = ()

    def __init__(self, constraint: Constraint) -> None:
        super().__init__(_table_of(constraint), None, None, constraint)


def _table_of(constraint: Constraint) -> Table:
    if constraint.table is None:
        raise ArgumentError(f"{type(constraint).__name__} belongs to no table yet, so that it can have no comment.")
    return constraint.table


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
    # when all tables are there
    later: list[DDLElement] = []
    made = set(existing)
    tables = list(tables)
    # sequences and types before the tables, whose columns need them
    if supports_alter if supports_sequences is None else supports_sequences:
        new = [table for table in tables if table.fullname not in existing]
        statements.extend(CreateSequence(sequence, checkfirst=True) for sequence in _sequences_of(new, sequences))
    if supports_enums:
        needed = _named_types_of(table for table in tables if table.fullname not in existing)
        statements.extend(_create(type_) for type_ in needed)
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
            later.extend(SetConstraintComment(each) for each in (table.primary_key, *table.constraints) if each.comment)
    return statements + later


def _sequences_of(tables: Iterable[Table], sequences: Iterable[Sequence]) -> list[Sequence]:
    found = {sequence.fullname: sequence for sequence in sequences}
    for table in tables:
        found.update((sequence.fullname, sequence) for sequence in table.sequences)
    return list(found.values())


def _named_types_of(tables: Iterable[Table]) -> list[Enum | DOMAIN]:
    """Return the types made by a name that tables' columns need, each name once, and each after what it is made of."""
    found: dict[str, Enum | DOMAIN] = {}
    for table in tables:
        for column in table.c:
            for type_ in named_types_of(column.type):
                if type_.create_type:
                    found.setdefault(_key_of(type_), type_)
    return list(found.values())


def _key_of(type_: Enum | DOMAIN) -> str:
    return type_.sql_name if isinstance(type_, DOMAIN) else f"{type_.schema or ''}.{type_.set_name}"


def _create(type_: Enum | DOMAIN, checkfirst: bool = True) -> DDLElement:
    return CreateDomain(type_, checkfirst) if isinstance(type_, DOMAIN) else CreateEnum(type_, checkfirst)


def _drop_type(type_: Enum | DOMAIN, checkfirst: bool = True) -> DDLElement:
    return DropDomain(type_, checkfirst) if isinstance(type_, DOMAIN) else DropEnum(type_, checkfirst)


def _create_named_type(bind: DDLBind, type_: Enum | DOMAIN, checkfirst: bool) -> None:
    _refuse_text(type_)
    with bind.ddl_connection() as connection:
        if connection.dialect.supports_enums:
            connection.execute(_create(type_, checkfirst))


def _drop_named_type(bind: DDLBind, type_: Enum | DOMAIN, checkfirst: bool) -> None:
    _refuse_text(type_)
    with bind.ddl_connection() as connection:
        if connection.dialect.supports_enums:
            connection.execute(_drop_type(type_, checkfirst))


def _refuse_text(type_: object) -> None:
    if isinstance(type_, Enum) and not type_.native_enum:
        raise ArgumentError(f"{type_!r} is text, and no type of its own. Pass native_enum=True to have it created.")


def _create_index(bind: DDLBind, index: Index, checkfirst: bool) -> None:
    with bind.ddl_connection() as connection:
        connection.execute(CreateIndex(index, if_not_exists=checkfirst))


def _drop_index(bind: DDLBind, index: Index, checkfirst: bool) -> None:
    with bind.ddl_connection() as connection:
        connection.execute(DropIndex(index, if_exists=checkfirst))


makers.create, makers.drop = _create_named_type, _drop_named_type
making.create, making.drop = _create_index, _drop_index


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
        dialect = connection.dialect
        existing: frozenset[str] = frozenset()

        def statements() -> list[DDLElement]:
            made = create_statements(
                tables,
                existing,
                dialect.supports_alter,
                dialect.supports_comments,
                sequences,
                dialect.supports_sequences,
                dialect.supports_enums,
            )
            return [statement for statement in made if _is_for(statement, dialect.name)]

        if checkfirst:
            existing = _existing(connection, tables)
            if statements():
                # the workers of a server often begin with this, all at the same moment
                connection.lock_schema()
                existing = _existing(connection, tables)
        wanted = [table for table in tables if table.fullname not in existing]
        tell_tables("before_create", wanted, connection, checkfirst, metadata)
        for statement in statements():
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
        if existing and any(table.fullname in existing for table in tables):
            connection.lock_schema()
            existing = _existing(connection, tables)
        wanted = [t for t in reversed(tables) if existing is None or t.fullname in existing]
        tell_tables("before_drop", wanted, connection, checkfirst, metadata)
        _drop(connection, tables, wanted, sequences)
        tell_tables("after_drop", wanted, connection, checkfirst, metadata)


def _drop(
    connection: DDLConnection, tables: SequenceType[Table], wanted: SequenceType[Table], sequences: Iterable[Sequence]
) -> None:
    if connection.dialect.supports_alter:
        if wanted:
            connection.execute(DropTable(*wanted))
        # sequences and types after the tables, whose columns need them
        if connection.dialect.supports_sequences:
            for sequence in _sequences_of(tables, sequences):
                connection.execute(DropSequence(sequence))
        if connection.dialect.supports_enums:
            dropped = {table.fullname for table in tables}
            others = (other for table in tables for other in table.metadata.tables.values())
            kept = {_key_of(type_) for type_ in _named_types_of(o for o in others if o.fullname not in dropped)}
            # a domain before what it is made of
            for type_ in reversed(_named_types_of(tables)):
                if _key_of(type_) not in kept:
                    connection.execute(_drop_type(type_))
        return
    if not wanted:
        return
    # rows that refer to rows of a table dropped before are checked at the end only
    connection.run("PRAGMA defer_foreign_keys = ON", (), write=True)
    for table in wanted:
        connection.execute(DropTable(table))


def _is_for(statement: DDLElement, dialect: str) -> bool:
    """Return False for what a table has on other databases only."""
    if isinstance(statement, CreateIndex):
        return statement.index.is_for(dialect)
    return not isinstance(statement, AddConstraint) or statement.constraint.is_for(dialect)


def _existing(connection: DDLConnection, tables: SequenceType[Table]) -> frozenset[str]:
    found: set[str] = set()
    for schema in {table.schema for table in tables}:
        found.update(f"{schema}.{name}" if schema else name for name in connection.table_names(schema))
    return frozenset(found)
