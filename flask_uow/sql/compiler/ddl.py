"""How CREATE, ALTER and DROP become text."""

from __future__ import annotations

from typing import Any

from flask_uow.exc import CompileError
from flask_uow.sql.columns import Column, FetchedValue
from flask_uow.sql.compiler.base import ExpressionCompiler
from flask_uow.sql.constraints import CheckConstraint, Constraint, ForeignKeyConstraint, Index, UniqueConstraint
from flask_uow.sql.ddl import (
    AddConstraint,
    CommentOn,
    CreateEnum,
    CreateIndex,
    CreateSchema,
    CreateSequence,
    CreateTable,
    DropEnum,
    DropIndex,
    DropSchema,
    DropSequence,
    DropTable,
)
from flask_uow.sql.ddl_events import DDL
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.schema import Table
from flask_uow.sql.sequences import Computed

__all__ = ["DDLCompiler"]


class DDLCompiler(ExpressionCompiler):
    """Writes statements that change the schema."""

    def visit_create_table(self, create: CreateTable) -> str:
        table = create.table
        if not len(table.c):
            raise CompileError(f"table {table.fullname!r} has no columns.")
        lines = [self.column_definition(column) for column in table.c]
        if table.primary_key.columns and not self.inline_primary_key(table):
            key = table.primary_key
            lines.append(f"{self._constraint_name(key)}PRIMARY KEY ({self._names_of(key.columns)})")
        for constraint in table.constraints:
            if constraint not in create.without and not self._is_needless(constraint):
                circular = constraint in create.deferred and constraint.deferrable is None
                text = self.constraint_text(constraint)
                lines.append(f"{text} DEFERRABLE INITIALLY DEFERRED" if circular else text)
        body = ",\n\t".join(lines)
        guard = "IF NOT EXISTS " if create.if_not_exists else ""
        return f"CREATE TABLE {guard}{self.visit_table(table)} (\n\t{body}\n)"

    def _is_needless(self, constraint: object) -> bool:
        """Return True for the CHECK of an Enum that is a type of its own here."""
        return bool(getattr(constraint, "of_native_enum", False)) and self.dialect.supports_enums

    def inline_primary_key(self, table: Table) -> bool:
        """Return True when the primary key is written beside its column."""
        return False

    def column_definition(self, column: Column[Any]) -> str:
        """Return one column of CREATE TABLE."""
        text = f"{self.dialect.quote(column.name)} {self.type_text(column.type)}"
        if column.identity is not None:
            text += self.identity_text(column)
        elif column.sequence is not None and self.dialect.supports_sequences and column.primary_key:
            text += f" DEFAULT {self.process(column.sequence.next_value())}"
        elif isinstance(column.server_default, Computed):
            text += self.computed_text(column.server_default)
        elif isinstance(column.server_default, FetchedValue):
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
            return f"{name}UNIQUE{nulls} ({self._names_of(constraint.columns)}){self.deferrable_text(constraint)}"
        if isinstance(constraint, CheckConstraint):
            return f"{name}CHECK ({self.text_or_expression(constraint.condition)})"
        raise CompileError(f"{type(constraint).__name__} cannot be written as SQL.")

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

    def nulls_text(self, unique: Any) -> str:
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
            parts.append(text if _is_plain(expression) else f"({text})")
        where = ""
        if index.where is not None:
            condition = index.where
            where = f" WHERE {self.expression(condition) if isinstance(condition, ClauseElement) else condition}"
        using, include = self.index_method(index)
        name, table = self.index_names(index)
        guard = "IF NOT EXISTS " if create.if_not_exists else ""
        return f"CREATE {unique}INDEX {guard}{name} ON {table}{using} ({', '.join(parts)}){include}{self.nulls_text(index)}{where}"

    def index_names(self, index: Index) -> tuple[str, str]:
        """Return the names of an index and of its table."""
        return self.dialect.quote(index.name), self.visit_table(index.table)

    def index_method(self, index: Index) -> tuple[str, str]:
        """Return how the index is built, and what it includes; empty where the database knows nothing of that."""
        using = f" USING {self.dialect.quote(index.using)}" if index.using else ""
        return using, f" INCLUDE ({self._names_of(index.included)})" if index.included else ""

    def visit_create_sequence(self, create: CreateSequence) -> str:
        guard = "IF NOT EXISTS " if create.checkfirst else ""
        return " ".join([f"CREATE SEQUENCE {guard}{self.visit_table(create.sequence)}", *create.sequence.options()])

    def visit_drop_sequence(self, drop: DropSequence) -> str:
        return f"DROP SEQUENCE {'IF EXISTS ' if drop.checkfirst else ''}{self.visit_table(drop.sequence)}"

    def visit_create_enum(self, create: CreateEnum) -> str:
        values = ", ".join(map(self.literal, create.type.names))
        # the name may be taken by the type as another table has it
        made = f"CREATE TYPE {self.dialect.type_ddl(create.type)} AS ENUM ({values})"
        return f"DO $uow$ BEGIN {made}; EXCEPTION WHEN duplicate_object THEN NULL; END $uow$"

    def visit_drop_enum(self, drop: DropEnum) -> str:
        return f"DROP TYPE IF EXISTS {self.dialect.type_ddl(drop.type)}"

    def visit_ddl_text(self, ddl: DDL) -> str:
        return ddl.text_for(None, self.dialect)

    def visit_create_schema(self, create: CreateSchema) -> str:
        return f"CREATE SCHEMA {'IF NOT EXISTS ' if create.if_not_exists else ''}{self.dialect.quote(create.name)}"

    def visit_drop_schema(self, drop: DropSchema) -> str:
        guard = "IF EXISTS " if drop.if_exists else ""
        return f"DROP SCHEMA {guard}{self.dialect.quote(drop.name)}{' CASCADE' if drop.cascade else ''}"

    def visit_add_constraint(self, add: AddConstraint) -> str:
        return f"ALTER TABLE {self.visit_table(add.constraint.table)} ADD {self.constraint_text(add.constraint)}"

    def visit_comment_on(self, comment: CommentOn) -> str:
        target = f"TABLE {self.visit_table(comment.table)}"
        if comment.column is not None:
            target = f"COLUMN {self.visit_table(comment.table)}.{self.dialect.quote(comment.column.name)}"
        return f"COMMENT ON {target} IS {self.literal(comment.text)}"

    def visit_drop_index(self, drop: DropIndex) -> str:
        index = drop.index
        assert index.table is not None
        name = self.dialect.quote(index.name)
        schema = f"{self.dialect.quote(index.table.schema)}." if index.table.schema else ""
        return f"DROP INDEX {'IF EXISTS ' if drop.if_exists else ''}{schema}{name}"

    def visit_drop_table(self, drop: DropTable) -> str:
        guard = "IF EXISTS " if drop.if_exists else ""
        return f"DROP TABLE {guard}{', '.join(self.visit_table(table) for table in drop.tables)}"


def _is_plain(expression: Any) -> bool:
    """Return True for what stands in an index without parentheses: a column, with a direction or a collation, and text as it is."""
    while expression.__visit_name__ in ("unary", "collate"):
        expression = expression.element
    return expression.__visit_name__ in ("column", "function", "text")
