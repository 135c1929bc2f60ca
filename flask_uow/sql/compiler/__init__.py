"""Statements to text. In reading order: compiled, values, base (expressions), select, dml, ddl, statement (the whole, and its cache)."""

from flask_uow.sql.compiler.compiled import Compiled, InsertedKey, ResultColumn, RowText, Slot
from flask_uow.sql.compiler.statement import GenericDialect, StatementCompiler, compile_statement

__all__ = [
    "Compiled", "GenericDialect", "InsertedKey", "ResultColumn", "RowText", "Slot", "StatementCompiler", "compile_statement",
]  # fmt: skip
