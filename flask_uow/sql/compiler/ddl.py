"""How CREATE, ALTER and DROP become text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.exc import CompileError
from flask_uow.sql.columns import Column, FetchedValue
from flask_uow.sql.compiler.base import ExpressionCompiler
from flask_uow.sql.constraints import CheckConstraint, Constraint, PrimaryKeyConstraint, UniqueConstraint
from flask_uow.sql.ddl import (
    AddConstraint,
    CommentOn,
    CreateDomain,
    CreateEnum,
    CreateIndex,
    CreateSchema,
    CreateSequence,
    CreateTable,
    DropConstraint,
    DropDomain,
    DropEnum,
    DropIndex,
    DropSchema,
    DropSequence,
    DropTable,
)
from flask_uow.sql.ddl_events import DDL
from flask_uow.sql.exclusion import ExcludeConstraint
from flask_uow.sql.expressions import Collate, UnaryExpression
from flask_uow.sql.foreign_keys import ForeignKeyConstraint
from flask_uow.sql.indexes import Index
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.schema import Table
from flask_uow.sql.sequences import Computed

if TYPE_CHECKING:
    from flask_uow.sql.constraints import ColumnListConstraint
    from flask_uow.sql.expressions import ColumnElement

__all__ = ["DDLCompiler"]


class DDLCompiler(ExpressionCompiler):
    """Writes statements that change the schema."""

    def visit_create_table(self, create: CreateTable) -> str:
        table = create.table
        if not len(table.c):
            raise CompileError(f"table {table.fullname!r} has no columns.")
        lines = [self.column_definition(column) for column in table.c if not column.system]
        if table.primary_key.columns and not self.inline_primary_key(table):
            key = table.primary_key
            names = f"PRIMARY KEY ({self._names_of(key.columns)}){self.included_text(key)}"
            lines.append(f"{self._constraint_name(key)}{names}")
        for constraint in table.constraints:
            if constraint not in create.without and not self._is_needless(constraint):
                circular = constraint in create.deferred and constraint.deferrable is None
                text = self.constraint_text(constraint)
                lines.append(f"{text} DEFERRABLE INITIALLY DEFERRED" if circular else text)
        body = ",\n\t".join(lines)
        guard = "IF NOT EXISTS " if create.if_not_exists else ""
        prefixes = "".join(f"{word} " for word in table.prefixes)
        return f"CREATE {prefixes}TABLE {guard}{self.visit_table(table)} (\n\t{body}\n){self.table_options(table)}"

    def table_options(self, table: Table) -> str:
        """Return the clauses behind the columns, where the database has such."""
        return ""

    def included_text(self, constraint: ColumnListConstraint) -> str:
        """Return ``INCLUDE (...)`` of a key; nothing where the database knows nothing of that."""
        return ""

    def _is_needless(self, constraint: Constraint) -> bool:
        """Return True for what other databases have, and for the CHECK of an Enum, a domain or a Boolean where that is a type of its own."""
        if not constraint.is_for(self.dialect.name):
            return True
        return bool(getattr(constraint, "of_native_type", False)) and self.dialect.supports_enums

    def inline_primary_key(self, table: Table) -> bool:
        """Return True when the primary key is written beside its column."""
        return False

    def column_definition(self, column: Column[Any]) -> str:
        """Return one column of CREATE TABLE."""
        text = f"{self.dialect.quote(column.name)} {self.type_text(column.type)}"
        collation = getattr(column.type.stored_type, "collation", None)
        if collation is not None:
            text += f" COLLATE {self.dialect.quote(collation)}"
        if column.identity is not None:
            text += self.identity_text(column)
        elif column.sequence is not None and self.dialect.supports_sequences and column.primary_key:
            text += f" DEFAULT {self.process(column.sequence.next_value())}"
        elif isinstance(column.server_default, Computed):
            text += self.computed_text(column.server_default)
        elif isinstance(column.server_default, FetchedValue):
            # a trigger gives the value, of which CREATE TABLE says nothing
            pass
        elif column.server_default is not None:
            text += f" DEFAULT {self.default_text(column.server_default, column)}"
        elif column is column.table.generated_key:
            text += self.generated_key_text(column)
        if not column.nullable:
            text += " NOT NULL"
        return text

    def computed_text(self, computed: Computed) -> str:
        """Return ``GENERATED ALWAYS AS (...)``."""
        return f" GENERATED ALWAYS AS ({self.text_or_expression(computed.sqltext)}) {'STORED' if computed.persisted else 'VIRTUAL'}"

    def generated_key_text(self, column: Column[Any]) -> str:
        """Return the clause that makes the database number the rows."""
        return ""

    def identity_text(self, column: Column[Any]) -> str:
        """Return ``GENERATED ... AS IDENTITY``."""
        assert column.identity is not None
        options = " ".join(column.identity.options())
        how = "ALWAYS" if column.identity.always else "BY DEFAULT"
        return f" GENERATED {how} AS IDENTITY{f' ({options})' if options else ''}"

    def default_text(self, default: object, column: Column[Any]) -> str:
        """Return a server default: a str is a string, an expression is SQL."""
        if isinstance(default, ClauseElement):
            text = self.expression(default)
            return text if default.__visit_name__ in ("text", "null", "literal_column") else f"({text})"
        return self.literal(default)

    def expression(self, expression: ClauseElement) -> str:
        """Return an expression with its values written into the text and its columns without their table."""
        outer = self.literal_binds, self.qualify
        self.literal_binds, self.qualify = True, False
        text = self.process(expression)
        self.literal_binds, self.qualify = outer
        return text

    def text_or_expression(self, given: object) -> str:
        """Return the text of SQL that the programmer has given as text or as an expression."""
        return self.expression(given) if isinstance(given, ClauseElement) else str(given)

    def constraint_text(self, constraint: Constraint) -> str:
        """Return a constraint of CREATE TABLE."""
        name = self._constraint_name(constraint)
        if isinstance(constraint, ForeignKeyConstraint):
            return name + self.foreign_key_text(constraint)
        if isinstance(constraint, UniqueConstraint):
            nulls = self.nulls_text(constraint)
            included = self.included_text(constraint)
            return f"{name}UNIQUE{nulls} ({self._names_of(constraint.columns)}){included}{self.deferrable_text(constraint)}"
        if isinstance(constraint, PrimaryKeyConstraint):
            included = self.included_text(constraint)
            return (
                f"{name}PRIMARY KEY ({self._names_of(constraint.columns)}){included}{self.deferrable_text(constraint)}"
            )
        if isinstance(constraint, ExcludeConstraint):
            return name + self.exclude_text(constraint)
        if isinstance(constraint, CheckConstraint):
            return f"{name}CHECK ({self.text_or_expression(constraint.condition)})"
        raise CompileError(f"{type(constraint).__name__} cannot be written as SQL.")

    def exclude_text(self, constraint: ExcludeConstraint) -> str:
        """Return ``EXCLUDE USING ... (...)``."""
        pairs = []
        for expression, operator in zip(constraint.expressions, constraint.operators, strict=True):
            text = self.expression(expression) if _is_plain(expression) else f"({self.expression(expression)})"
            of_class = constraint.ops.get(str(expression.name))
            pairs.append(f"{text}{f' {of_class}' if of_class else ''} WITH {operator}")
        where = f" WHERE ({self.text_or_expression(constraint.where)})" if constraint.where is not None else ""
        return f"EXCLUDE USING {constraint.using} ({', '.join(pairs)}){where}{self.deferrable_text(constraint)}"

    def _constraint_name(self, constraint: Constraint | Index) -> str:
        name = constraint.name
        return f"CONSTRAINT {self.dialect.quote(name)} " if name else ""

    def foreign_key_text(self, constraint: ForeignKeyConstraint) -> str:
        """Return ``FOREIGN KEY (...) REFERENCES ...``."""
        targets = [element.column for element in constraint.elements]
        text = (
            f"FOREIGN KEY ({self._names_of(constraint.columns)}) REFERENCES "
            f"{self.visit_table(targets[0].table)} ({self._names_of(targets)})"
        )
        text += self.match_text(constraint)
        if constraint.ondelete:
            text += f" ON DELETE {constraint.ondelete}"
        if constraint.onupdate:
            text += f" ON UPDATE {constraint.onupdate}"
        return text + self.deferrable_text(constraint)

    def match_text(self, constraint: ForeignKeyConstraint) -> str:
        """Return ``MATCH FULL``; nothing for what goes without saying."""
        return " MATCH FULL" if constraint.match == "FULL" else ""

    def nulls_text(self, unique: UniqueConstraint | Index) -> str:
        """Return ``NULLS NOT DISTINCT`` for a unique constraint or index that says so."""
        return " NULLS NOT DISTINCT" if unique.nulls_not_distinct else ""

    def deferrable_text(self, constraint: Constraint) -> str:
        """Return ``DEFERRABLE INITIALLY ...``."""
        text = ""
        if constraint.deferrable is not None:
            text += " DEFERRABLE" if constraint.deferrable else " NOT DEFERRABLE"
        if constraint.initially is not None:
            text += f" INITIALLY {constraint.initially}"
        return text

    def _names_of(self, columns: list[Any]) -> str:
        return ", ".join(self.dialect.quote(column.name) for column in columns)

    def visit_create_index(self, create: CreateIndex) -> str:
        index = create.index
        unique = "UNIQUE " if index.unique else ""
        parts = []
        for expression in index.expressions:
            text = self.expression(expression)
            parts.append(f"{text if _is_plain(expression) else f'({text})'}{self.operator_class(index, expression)}")
        where = ""
        condition = index.where_for(self.dialect.name)
        if condition is not None:
            where = f" WHERE {self.expression(condition) if isinstance(condition, ClauseElement) else condition}"
        using, include = self.index_method(index)
        name, table = self.index_names(index)
        guard = "IF NOT EXISTS " if create.if_not_exists else ""
        behind = f"{include}{self.nulls_text(index)}{self.index_storage(index)}{where}"
        return f"CREATE {unique}INDEX {self.concurrently(index)}{guard}{name} ON {table}{using} ({', '.join(parts)}){behind}"

    def operator_class(self, index: Index, expression: ColumnElement[Any]) -> str:
        """Return the operator class of one of the expressions of an index; nothing where the database knows nothing of that."""
        return ""

    def index_storage(self, index: Index) -> str:
        """Return how and where an index is kept; nothing where the database knows nothing of that."""
        return ""

    def concurrently(self, index: Index) -> str:
        """Return the word by which an index is created or dropped while others write; nothing where the database knows nothing of that."""
        return ""

    def index_names(self, index: Index) -> tuple[str, str]:
        """Return the names of an index and of its table."""
        assert index.table is not None
        return self.dialect.quote(index.name), self.visit_table(index.table)

    def index_method(self, index: Index) -> tuple[str, str]:
        """Return how the index is built, and what it includes; empty where the database knows nothing of that."""
        using = f" USING {self.dialect.quote(index.using)}" if index.using else ""
        return using, f" INCLUDE ({self._names_of(index.included)})" if index.included else ""

    def visit_create_sequence(self, create: CreateSequence) -> str:
        guard = "IF NOT EXISTS " if create.checkfirst else ""
        sequence = create.sequence
        of_type = [f"AS {self.dialect.type_ddl(sequence.data_type)}"] if sequence.data_type is not None else []
        return " ".join([f"CREATE SEQUENCE {guard}{self.visit_table(sequence)}", *of_type, *sequence.options()])

    def visit_drop_sequence(self, drop: DropSequence) -> str:
        return f"DROP SEQUENCE {'IF EXISTS ' if drop.checkfirst else ''}{self.visit_table(drop.sequence)}"

    def visit_create_enum(self, create: CreateEnum) -> str:
        values = ", ".join(map(self.literal, create.type.names))
        return _unless_there(f"CREATE TYPE {self.dialect.type_ddl(create.type)} AS ENUM ({values})", create.checkfirst)

    def visit_drop_enum(self, drop: DropEnum) -> str:
        return f"DROP TYPE {'IF EXISTS ' if drop.checkfirst else ''}{self.dialect.type_ddl(drop.type)}"

    def visit_create_domain(self, create: CreateDomain) -> str:
        domain = create.type
        parts = [f"CREATE DOMAIN {domain.sql_name} AS {self.dialect.type_ddl(domain.data_type)}"]
        if domain.collation is not None:
            parts.append(f"COLLATE {self.dialect.quote(domain.collation)}")
        if domain.default is not None:
            default = domain.default
            parts.append(
                f"DEFAULT {self.expression(default) if isinstance(default, ClauseElement) else self.literal(default)}"
            )
        name = f"CONSTRAINT {self.dialect.quote(domain.constraint_name)} " if domain.constraint_name else ""
        if domain.not_null:
            parts.append("NOT NULL" if domain.check_text is not None else f"{name}NOT NULL")
        if domain.check_text is not None:
            parts.append(f"{name}CHECK ({domain.check_text})")
        return _unless_there(" ".join(parts), create.checkfirst)

    def visit_drop_domain(self, drop: DropDomain) -> str:
        return f"DROP DOMAIN {'IF EXISTS ' if drop.checkfirst else ''}{drop.type.sql_name}"

    def visit_ddl_text(self, ddl: DDL) -> str:
        return ddl.text_for(None, self.dialect)

    def visit_create_schema(self, create: CreateSchema) -> str:
        return f"CREATE SCHEMA {'IF NOT EXISTS ' if create.if_not_exists else ''}{self.dialect.quote(create.name)}"

    def visit_drop_schema(self, drop: DropSchema) -> str:
        guard = "IF EXISTS " if drop.if_exists else ""
        return f"DROP SCHEMA {guard}{self.dialect.quote(drop.name)}{' CASCADE' if drop.cascade else ''}"

    def visit_add_constraint(self, add: AddConstraint) -> str:
        assert add.constraint.table is not None
        return f"ALTER TABLE {self.visit_table(add.constraint.table)} ADD {self.constraint_text(add.constraint)}"

    def visit_drop_constraint(self, drop: DropConstraint) -> str:
        constraint = drop.constraint
        if constraint.name is None:
            raise CompileError(
                f"a {type(constraint).__name__} without a name cannot be dropped by one. Give it a name, or the MetaData a naming_convention."
            )
        guard, cascade = "IF EXISTS " if drop.if_exists else "", " CASCADE" if drop.cascade else ""
        name = self.dialect.quote(constraint.name)
        assert constraint.table is not None
        return f"ALTER TABLE {self.visit_table(constraint.table)} DROP CONSTRAINT {guard}{name}{cascade}"

    def visit_comment_on(self, comment: CommentOn) -> str:
        target = f"TABLE {self.visit_table(comment.table)}"
        if comment.column is not None:
            target = f"COLUMN {self.visit_table(comment.table)}.{self.dialect.quote(comment.column.name)}"
        if comment.constraint is not None:
            name = comment.constraint.name
            if name is None:
                raise CompileError(
                    f"a constraint of {comment.table.description} has a comment and no name, by which the database would know it. Give it one: name=..."
                )
            target = f"CONSTRAINT {self.dialect.quote(name)} ON {self.visit_table(comment.table)}"
        return f"COMMENT ON {target} IS {self.literal(comment.text)}"

    def visit_drop_index(self, drop: DropIndex) -> str:
        index = drop.index
        assert index.table is not None
        name = self.dialect.quote(index.name)
        schema = f"{self.dialect.quote(index.table.schema)}." if index.table.schema else ""
        return f"DROP INDEX {self.concurrently(index)}{'IF EXISTS ' if drop.if_exists else ''}{schema}{name}"

    def visit_drop_table(self, drop: DropTable) -> str:
        guard = "IF EXISTS " if drop.if_exists else ""
        return f"DROP TABLE {guard}{', '.join(self.visit_table(table) for table in drop.tables)}"


def _unless_there(statement: str, checkfirst: bool) -> str:
    """Return a statement of PostgreSQL that creates something, leaving alone what exists where that is asked for."""
    if not checkfirst:
        return statement
    # the name may be taken by the type as another table has it
    return f"DO $uow$ BEGIN {statement}; EXCEPTION WHEN duplicate_object THEN NULL; END $uow$"


def _is_plain(expression: ColumnElement[Any]) -> bool:
    """Return True for what stands in an index without parentheses: a column, with a direction or a collation, and text as it is."""
    while isinstance(expression, (UnaryExpression, Collate)):
        expression = expression.element
    return expression.__visit_name__ in ("column", "function", "text")
