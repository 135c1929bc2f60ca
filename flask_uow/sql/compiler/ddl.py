"""How CREATE, ALTER and DROP become text."""

from __future__ import annotations

from typing import Any

from flask_uow.exc import CompileError
from flask_uow.sql.compiler.base import ExpressionCompiler
from flask_uow.sql.constraints import CheckConstraint, ForeignKeyConstraint, UniqueConstraint
from flask_uow.sql.nodes import ClauseElement

__all__ = ["DDLCompiler"]


class DDLCompiler(ExpressionCompiler):
    """Writes statements that change the schema."""

    def visit_create_table(self, create: Any) -> str:
        table = create.table
        if not len(table.c):
            raise CompileError(f"table {table.fullname!r} has no columns.")
        lines = [self.column_definition(column) for column in table.c]
        if table.primary_key.columns and not self.inline_primary_key(table):
            name = f"CONSTRAINT {self.dialect.quote(table.primary_key.name)} " if table.primary_key.name else ""
            lines.append(f"{name}PRIMARY KEY ({self._names_of(table.primary_key.columns)})")
        for constraint in table.constraints:
            if constraint not in create.without:
                lines.append(self.constraint_text(constraint))
        body = ",\n\t".join(lines)
        return f"CREATE TABLE {self.visit_table(table)} (\n\t{body}\n)"

    def inline_primary_key(self, table: Any) -> bool:
        """Return True when the primary key is written beside its column."""
        return False

    def column_definition(self, column: Any) -> str:
        """Return one column of CREATE TABLE."""
        text = f"{self.dialect.quote(column.name)} {self.dialect.type_ddl(column.type)}"
        if column.server_default is not None:
            text += f" DEFAULT {self.default_text(column.server_default)}"
        elif column is column.table.generated_key:
            text += self.generated_key_text(column)
        if not column.nullable:
            text += " NOT NULL"
        return text

    def generated_key_text(self, column: Any) -> str:
        """Return what makes the database number the rows."""
        return ""

    def default_text(self, default: Any) -> str:
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

    def constraint_text(self, constraint: Any) -> str:
        """Return a constraint of CREATE TABLE."""
        name = f"CONSTRAINT {self.dialect.quote(constraint.name)} " if constraint.name else ""
        if isinstance(constraint, ForeignKeyConstraint):
            return name + self.foreign_key_text(constraint)
        if isinstance(constraint, UniqueConstraint):
            return f"{name}UNIQUE ({self._names_of(constraint.columns)}){self.deferrable_text(constraint)}"
        if isinstance(constraint, CheckConstraint):
            condition = constraint.condition
            text = self.expression(condition) if isinstance(condition, ClauseElement) else str(condition)
            return f"{name}CHECK ({text})"
        raise CompileError(f"{type(constraint).__name__} cannot be written as SQL.")

    def foreign_key_text(self, constraint: ForeignKeyConstraint) -> str:
        """Return ``FOREIGN KEY (...) REFERENCES ...``."""
        targets = [element.column for element in constraint.elements]
        text = (
            f"FOREIGN KEY ({self._names_of(constraint.columns)}) REFERENCES "
            f"{self.visit_table(targets[0].table)} ({self._names_of(targets)})"
        )
        if constraint.ondelete:
            text += f" ON DELETE {constraint.ondelete}"
        if constraint.onupdate:
            text += f" ON UPDATE {constraint.onupdate}"
        return text + self.deferrable_text(constraint)

    def deferrable_text(self, constraint: Any) -> str:
        """Return ``DEFERRABLE INITIALLY ...``."""
        text = ""
        if constraint.deferrable is not None:
            text += " DEFERRABLE" if constraint.deferrable else " NOT DEFERRABLE"
        if constraint.initially is not None:
            text += f" INITIALLY {constraint.initially}"
        return text

    def _names_of(self, columns: list[Any]) -> str:
        return ", ".join(self.dialect.quote(column.name) for column in columns)

    def visit_create_index(self, create: Any) -> str:
        index = create.index
        unique = "UNIQUE " if index.unique else ""
        parts = []
        for expression in index.expressions:
            text = self.expression(expression)
            parts.append(text if expression.__visit_name__ in ("column", "unary") else f"({text})")
        where = ""
        if index.where is not None:
            condition = index.where
            where = f" WHERE {self.expression(condition) if isinstance(condition, ClauseElement) else condition}"
        name = self.dialect.quote(index.name)
        return f"CREATE {unique}INDEX {name} ON {self.visit_table(index.table)} ({', '.join(parts)}){where}"

    def visit_add_constraint(self, add: Any) -> str:
        return f"ALTER TABLE {self.visit_table(add.constraint.table)} ADD {self.constraint_text(add.constraint)}"

    def visit_comment_on(self, comment: Any) -> str:
        target = f"TABLE {self.visit_table(comment.table)}"
        if comment.column is not None:
            target = f"COLUMN {self.visit_table(comment.table)}.{self.dialect.quote(comment.column.name)}"
        return f"COMMENT ON {target} IS {self.literal(comment.text)}"

    def visit_drop_table(self, drop: Any) -> str:
        return f"DROP TABLE {', '.join(self.visit_table(table) for table in drop.tables)}"
