"""Statements to text. In reading order: base (expressions, Compiled), select, dml, ddl, statement (the whole, and its cache)."""

from flask_uow.sql.compiler.base import Compiled, ResultColumn, Slot
from flask_uow.sql.compiler.statement import GenericDialect, StatementCompiler, compile_statement

__all__ = ["Compiled", "GenericDialect", "ResultColumn", "Slot", "StatementCompiler", "compile_statement"]
