"""How INSERT, UPDATE and DELETE become text."""

from __future__ import annotations

from typing import Any

from flask_uow.sql.compiler.base import ExpressionCompiler, ResultColumn, Slot

__all__ = ["DMLCompiler"]


class DMLCompiler(ExpressionCompiler):
    """Writes INSERT, UPDATE and DELETE. Columns to be set are written without their table's name."""

    def visit_insert(self, insert: Any) -> str:
        quote = self.dialect.quote
        target = self.visit_table(insert.table)
        if insert._select is not None:
            columns = ", ".join(quote(column.name) for column in insert._select_columns)
            return f"INSERT INTO {target} ({columns}) {self.subselect(insert._select)}{self.returning(insert)}"
        rows_given = insert._rows or ((),)
        given = [column for column, _ in rows_given[0]]
        defaults = self._defaults(insert.table, given)
        if not given and not defaults:
            return f"INSERT INTO {target} DEFAULT VALUES{self.returning(insert)}"
        names = ", ".join(quote(column.name) for column in (*given, *(column for column, _ in defaults)))
        rows = []
        for row in rows_given:
            values = [self.process(value) for _, value in row]
            values.extend(self._default_value(column, default) for column, default in defaults)
            rows.append(f"({', '.join(values)})")
        return f"INSERT INTO {target} ({names}) VALUES {', '.join(rows)}{self.returning(insert)}"

    def _defaults(self, table: Any, given: list[Any], attribute: str = "default") -> list[tuple[Any, Any]]:
        taken = {column.name for column in given}
        return [
            (c, getattr(c, attribute))
            for c in table.c
            if getattr(c, attribute, None) is not None and c.name not in taken
        ]

    def _default_value(self, column: Any, default: Any) -> str:
        if default.is_sql:
            return self._inline(default.argument)
        return self.place(Slot(-1, None, self.dialect.bind_processor(column.type), False, default))

    def _inline(self, expression: Any) -> str:
        # the expression belongs to the column, not to the statement, so its values are not among the statement's
        outer, self.literal_binds = self.literal_binds, True
        text = self.process(expression)
        self.literal_binds = outer
        return text

    def visit_update(self, update: Any) -> str:
        quote = self.dialect.quote
        given = [column for column, _ in update._values]
        # subqueries take the row to be changed from here
        self.froms_stack.append({id(update.table)})
        pairs = [f"{quote(column.name)} = {self.process(value)}" for column, value in update._values]
        for column, default in self._defaults(update.table, given, "onupdate"):
            pairs.append(f"{quote(column.name)} = {self._default_value(column, default)}")
        self.froms_stack.pop()
        where = self._where(update)
        return f"UPDATE {self.visit_table(update.table)} SET {', '.join(pairs)}{where}{self.returning(update)}"

    def visit_delete(self, delete: Any) -> str:
        return f"DELETE FROM {self.visit_table(delete.table)}{self._where(delete)}{self.returning(delete)}"

    def _where(self, statement: Any) -> str:
        if not statement._where:
            return ""
        self.froms_stack.append({id(statement.table)})
        conditions = " AND ".join(
            f"({self.process(c)})" if getattr(c, "precedence", 20) <= 1 else self.process(c) for c in statement._where
        )
        self.froms_stack.pop()
        return f" WHERE {conditions}"

    def returning(self, statement: Any) -> str:
        """Return ``RETURNING ...``."""
        if not statement._returning:
            self.result = ()
            return ""
        self.result = tuple(
            ResultColumn(str(column.name or "anon"), column.type, column) for column in statement._returning
        )
        return " RETURNING " + ", ".join(self.process(column) for column in statement._returning)
