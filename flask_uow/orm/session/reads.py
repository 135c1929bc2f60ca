"""Which statements are known to only read, so that a read replica can answer them.

What is not known counts as writing: SQL text, functions and constructs of the application's own, unless the dialect knows better. That a statement which
writes is taken for one that reads does no harm but an error, since a standby refuses to write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_uow.sql.dml_statement import DMLStatement
from flask_uow.sql.expressions import LiteralColumn
from flask_uow.sql.from_statement import FromStatement
from flask_uow.sql.functions import FunctionElement
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.schema import Table
from flask_uow.sql.select import Select
from flask_uow.sql.select_base import SelectBase
from flask_uow.sql.sequences import NextValue
from flask_uow.sql.subqueries import CTE
from flask_uow.sql.table_functions import TableFunction
from flask_uow.sql.text import TextClause, TextualSelect

if TYPE_CHECKING:
    from flask_uow.engine.dialects.base import Dialect

__all__ = ["only_reads"]


def only_reads(clause: object, dialect: Dialect) -> bool:
    """Return True for a query that is known to write and lock nothing, in none of its parts."""
    if isinstance(clause, TextClause):
        return dialect.only_reads(clause.text)
    if not isinstance(clause, SelectBase):
        return False
    seen: set[int] = set()
    stack: list[ClauseElement] = [clause]
    while stack:
        node = stack.pop()
        if id(node) in seen or isinstance(node, Table):
            continue
        seen.add(id(node))
        if not _is_harmless(node, dialect):
            return False
        if isinstance(node, (TextualSelect, FromStatement)) and isinstance(node.element, TextClause):
            # its text is a statement, and was looked at
            continue
        if isinstance(node, Select):
            stack.extend(node.words.ctes)
        elif isinstance(node, TableFunction):
            stack.append(node.function)
        stack.extend(node.child_nodes())
    return True


def _is_harmless(node: ClauseElement, dialect: Dialect) -> bool:
    """Return True for a node that writes and locks nothing itself, whatever its parts do."""
    # what an application's own construct is written as, nobody knows
    if isinstance(node, (DMLStatement, NextValue)) or node.has_attributes:
        return False
    if isinstance(node, Select):
        # words of the application's own may lock rows
        return node.for_update_clause is None and not (node.words.prefixes or node.words.suffixes or node.words.hints)
    if isinstance(node, (TextualSelect, FromStatement)) and isinstance(node.element, TextClause):
        return dialect.only_reads(node.element.text)
    if isinstance(node, (TextClause, LiteralColumn)):
        return dialect.calls_only_readers(node.text)
    if isinstance(node, CTE):
        return all(dialect.calls_only_readers(words) for words, _ in (*node.prefixes, *node.suffixes))
    if isinstance(node, FunctionElement):
        return dialect.calls_only_readers(f"{node.function_name}(")
    return True
