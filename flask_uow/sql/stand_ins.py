"""Stand-ins of tables, from which a mapped class is selected: a polymorphic union, a subquery, a join of aliases.

A class may be selected from something whose columns stand for those of its tables. Whatever a statement says of a column of those
tables is then said of the column that stands for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from flask_uow.sql.dml_statement import DMLStatement
from flask_uow.sql.expressions import ColumnElement, Label
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.rewriting import columns_of, rewritten
from flask_uow.sql.select_base import CompoundSelect, SelectBase
from flask_uow.sql.selectable import FromClause, Join
from flask_uow.sql.sourced import Sourced
from flask_uow.sql.subqueries import Subquery

__all__ = ["Restating", "StandIns", "originals_in"]

N = TypeVar("N", bound=ClauseElement)


class StandIns:
    """Columns of one FROM element that stand for columns of tables. Immutable.

    :ivar owner: the mapper of the class that is selected from the element.
    :ivar selectable: the element.
    """

    __slots__ = ("_columns", "owner", "selectable")

    def __init__(self, owner: object, selectable: FromClause, columns: Mapping[Any, Any]) -> None:
        self.owner = owner
        self.selectable = selectable
        self._columns = dict(columns)

    @property
    def originals(self) -> Sequence[Any]:
        """The columns that others stand for."""
        return tuple(self._columns)

    def column(self, column: object) -> Any:
        """Return the stand-in of a column; the column itself where there is none."""
        return self._columns.get(column, column)

    def adapt(self, expression: N) -> N:
        """Return an expression with what stands for its columns."""
        return rewritten(expression, self._replace, keep_own=True)

    def _replace(self, node: ClauseElement) -> ClauseElement | None:
        return self._columns.get(node) if getattr(node, "table", None) is not None else None

    def undone(self, expression: N) -> N:
        """Return an expression with the columns of the tables again."""
        # reversed, so that of several columns that one stands for, the first comes back
        back = {column: original for original, column in reversed(self._columns.items())}
        return rewritten(expression, lambda node: back.get(node) if getattr(node, "table", None) is not None else None)

    def covers(self, expression: ClauseElement) -> bool:
        """Return True where something stands for every column of an expression."""
        found = columns_of(expression)
        present = {id(part) for part in self.selectable.from_objects()}
        return bool(found) and all(column in self._columns or id(column.table) in present for column in found)


class Restating:
    """Says what is said of tables of the columns that stand for theirs in one statement.

    :param stand_ins: those of the classes in the statement.
    :param present: the elements of its FROM; a table that is there itself is meant itself.
    """

    def __init__(self, stand_ins: Iterable[StandIns], present: Iterable[FromClause]) -> None:
        self._stand_ins = tuple(stand_ins)
        self._present = {id(part) for element in present for part in element.from_objects()}

    def __call__(self, expression: N) -> N:
        """Return the expression as the statement has to say it."""
        return rewritten(expression, self._replace, keep_own=True)

    def _replace(self, node: ClauseElement) -> ClauseElement | None:
        if isinstance(node, Sourced):
            for stand_ins in self._stand_ins:
                if stand_ins.owner is node.source:
                    return stand_ins.adapt(node.element)
            return None
        table = getattr(node, "table", None)
        if table is None or id(table) in self._present:
            return None
        for stand_ins in self._stand_ins:
            found: ClauseElement = stand_ins.column(node)
            if found is not node:
                return found
        return None


def originals_in(source: FromClause) -> list[tuple[str, Any, list[Any]]]:
    """Return the columns of a FROM element, each with its key and the columns that it was made of, itself first.

    The columns of a join are those of its sides, those of a union are made of one column of each SELECT.
    """
    return [(key, column, list(_originals(column, set()))) for key, column in _columns_in(source)]


def _columns_in(source: FromClause) -> Iterator[tuple[str, Any]]:
    if isinstance(source, Join):
        yield from _columns_in(source.left)
        yield from _columns_in(source.right)
    else:
        yield from source.c.items()


def _originals(column: object, seen: set[int]) -> Iterator[Any]:
    while isinstance(column, (Label, Sourced)):
        column = column.element
    # a recursive CTE is made of its own columns as well
    if not isinstance(column, ColumnElement) or id(column) in seen:
        return
    seen.add(id(column))
    yield column
    table = getattr(column, "table", None)
    if isinstance(table, Subquery):
        columns = list(table.c)
        # it may be another object for a column of the subquery
        same = [n for n, other in enumerate(columns) if other is column]
        position = same[0] if same else next(n for n, other in enumerate(columns) if other.name == column.name)
        for member in _members(table.select_element):
            yield from _originals(member.result_columns()[position][1], seen)
    else:
        yield from _originals(getattr(column, "original", None), seen)


def _members(select: SelectBase | DMLStatement) -> Iterator[SelectBase | DMLStatement]:
    if isinstance(select, CompoundSelect):
        for member in select.selects:
            yield from _members(member)
    else:
        yield select
