"""What SQLite writes differently from standard SQL."""

from __future__ import annotations

from typing import Any

from flask_uow.sql.compiler import StatementCompiler

__all__ = ["SQLiteCompiler"]


class SQLiteCompiler(StatementCompiler):
    """Writes statements for SQLite."""

    def inline_primary_key(self, table: Any) -> bool:
        return table.generated_key is not None

    def column_definition(self, column: Any) -> str:
        if column is column.table.generated_key:
            # only exactly these words make the key an alias of the rowid (https://www.sqlite.org/lang_createtable.html)
            return f"{self.dialect.quote(column.name)} INTEGER PRIMARY KEY"
        return super().column_definition(column)
