"""SELECTs in FROM: subqueries, LATERAL ones, and common table expressions, which INSERT, UPDATE and DELETE may be, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError
from flask_uow.sql.column_collection import ColumnCollection
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.selectable import Alias, FromClause, base_column

if TYPE_CHECKING:
    from flask_uow.sql.dml_statement import DMLStatement
    from flask_uow.sql.select_base import SelectBase

__all__ = ["CTE", "Lateral", "Subquery"]


class Subquery(Alias):
    """A SELECT in FROM."""

    __slots__ = ("select_element",)
    __visit_name__ = "subquery"

    def __init__(self, select_element: SelectBase | DMLStatement, name: str | None = None) -> None:
        super().__init__(_SelectColumns(select_element), name)
        self.select_element = select_element

    def scalar_subquery(self) -> ColumnElement[Any]:
        """Return its SELECT as one value; like an element of FROM it takes over no tables from the statement around it."""
        select: Any = self.select_element
        if getattr(select, "correlation", True) is None:
            select = select.correlate(None)
        made: ColumnElement[Any] = select.scalar_subquery()
        return made

    def lateral(self, name: str | None = None) -> Lateral:
        """Return its SELECT as a LATERAL element of FROM."""
        return Lateral(self.select_element, name if name is not None else self.name)

    @property
    def description(self) -> str:
        return f"subquery {self.name!r}" if self.name else "a subquery"

    @property
    def base_name(self) -> str:
        return "anon"

    def inner_froms(self) -> Sequence[FromClause]:
        return tuple(getattr(self.select_element, "froms", ()))

    def _parts(self) -> tuple[Any, ...]:
        return (self.select_element, self.name)


class Lateral(Subquery):
    """A LATERAL subquery: it may refer to the elements before it in FROM."""

    __slots__ = ()
    __visit_name__ = "lateral"


class CTE(Subquery):
    """A common table expression: ``WITH name AS (SELECT ...)``; of INSERT, UPDATE and DELETE the rows of RETURNING (PostgreSQL)."""

    __slots__ = ("nesting", "prefixes", "recursive", "suffixes")
    __visit_name__ = "cte"

    def __init__(
        self,
        select_element: SelectBase | DMLStatement,
        name: str | None = None,
        recursive: bool = False,
        nesting: bool = False,
    ) -> None:
        super().__init__(select_element, name)
        self.recursive = recursive
        self.nesting = nesting
        self.prefixes: tuple[tuple[str, str | None], ...] = ()
        self.suffixes: tuple[tuple[str, str | None], ...] = ()

    def prefix_with(self, *prefixes: str, dialect: str | None = None) -> CTE:
        """Return the CTE with words of SQL before its SELECT: ``prefix_with("MATERIALIZED")``.

        :param prefixes: the words. They are SQL: never pass what a user has given.
        :param dialect: the one database that they are for; all when None.
        """
        clone = self._own_or_copy()
        clone.prefixes = (*self.prefixes, *((prefix, dialect) for prefix in prefixes))
        return clone

    def suffix_with(self, *suffixes: str, dialect: str | None = None) -> CTE:
        """Return the CTE with words of SQL behind its SELECT: ``suffix_with("SEARCH DEPTH FIRST BY id SET place")``; see :meth:`prefix_with`."""
        clone = self._own_or_copy()
        clone.suffixes = (*self.suffixes, *((suffix, dialect) for suffix in suffixes))
        return clone

    def _own_or_copy(self) -> CTE:
        if self.recursive:
            # its own SELECT refers to this very object
            return self
        made = CTE(self.select_element, self.name, False, self.nesting)
        made.prefixes, made.suffixes = self.prefixes, self.suffixes
        return made

    def scalar_subquery(self) -> ColumnElement[Any]:
        """Return its SELECT as one value.

        :raises ArgumentError: where it is recursive.
        """
        if self.recursive:
            raise ArgumentError(
                f"{self.description} is recursive and cannot be used as a value here. Select the value from it: select(cte.c.name)."
            )
        return super().scalar_subquery()

    def union_all(self, other: SelectBase) -> CTE:
        """Return the CTE with ``UNION ALL other`` added; ``other`` may refer to this CTE, which makes it recursive."""
        return self._extend("union_all", other)

    def union(self, other: SelectBase) -> CTE:
        """Return the CTE with ``UNION other`` added."""
        return self._extend("union", other)

    def _extend(self, how: str, other: SelectBase) -> CTE:
        # the recursive part refers to this very object, which thus has to become the whole
        first = self.select_element
        self.select_element = getattr(first, how)(other)
        return self

    def _parts(self) -> tuple[Any, ...]:
        return (self.select_element, self.name, self.recursive, self.nesting, (*self.prefixes, "", *self.suffixes))


class _SelectColumns(FromClause):
    """The columns of a SELECT, as the element under a Subquery."""

    __slots__ = ("_c", "select_element")

    def __init__(self, select_element: SelectBase | DMLStatement) -> None:
        self.select_element = select_element
        self._c: ColumnCollection | None = None

    @property
    def c(self) -> ColumnCollection:
        if self._c is None:
            columns = self.select_element.result_columns()
            others: dict[str, str] = {}
            self._c = ColumnCollection("the subquery", (), others)
            names = {name for name, _ in columns}
            for name, column in columns:
                # the key that a column of a table has is that of the subquery's, too
                key = getattr(column, "key", None) if column.name == name else None
                free = isinstance(key, str) and key not in names and key not in self._c
                self._c.add(str(key) if free else name, _Named(name, column))
            for item, key in zip(_selected_one_by_one(self.select_element, len(columns)), self._c.keys(), strict=False):
                # an attribute is found by its own name, as well as by its column's
                attribute = getattr(item, "key", None)
                if isinstance(attribute, str) and not isinstance(item, ClauseElement) and attribute not in self._c:
                    others.setdefault(attribute, key)
        return self._c


def _selected_one_by_one(statement: object, width: int) -> Sequence[object]:
    """Return the items of a SELECT where each of them is one column; of a compound, those of the first."""
    members = getattr(statement, "selects", None)
    items: Sequence[object] = getattr(members[0] if members else statement, "entities", ())
    return items if len(items) == width else ()


class _Named:
    """A column expression under the name that its result column has."""

    __slots__ = ("foreign_keys", "name", "original", "primary_key", "type")

    def __init__(self, name: str, column: ColumnElement[Any]) -> None:
        self.name = name
        self.original = column
        self.type = column.type
        self.primary_key = bool(getattr(column, "primary_key", False))
        self.foreign_keys = getattr(base_column(column), "foreign_keys", ())
