"""Functions that give rows, as elements of FROM: ``func.json_each(Order.data).table_valued("key", "value")``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.sql.coercion import coerce_value
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.nodes import Shape
from flask_uow.sql.selectable import ColumnClause, ColumnCollection, FromClause, RowOf
from flask_uow.sql.types import NULLTYPE, TypeEngine

if TYPE_CHECKING:
    from flask_uow.sql.functions import FunctionElement

__all__ = ["TableFunction"]


class TableFunction(FromClause):
    """The rows of a function under a name.

    :ivar is_derived: True where the columns are named behind the function's name in FROM (PostgreSQL).
    :ivar with_types: True where the types of the columns are named there as well.
    :ivar ordinality: the name of a column with the number of each row, None for none (PostgreSQL).
    """

    __slots__ = ("_c", "columns_given", "function", "is_derived", "name", "ordinality", "with_types")
    __visit_name__ = "table_function"
    base_name = "anon"

    def __init__(
        self,
        function: FunctionElement,
        columns: tuple[str | ColumnElement[Any], ...],
        name: str | None,
        ordinality: str | None = None,
        is_derived: bool = False,
        with_types: bool = False,
    ) -> None:
        self.function = function
        self.columns_given = columns
        self.name = name
        self.ordinality = ordinality
        self.is_derived = is_derived
        self.with_types = with_types
        named = [*columns, *([ordinality] if ordinality is not None else [])]
        made = (_named(given) for given in named)
        found: list[tuple[str, Any]] = [(key, ColumnClause(key, type_, self)) for key, type_ in made]
        if not found:
            found.append((name or function.function_name.rpartition(".")[2], self.column))
        self._c = ColumnCollection(self.description, found)

    @property
    def c(self) -> ColumnCollection:
        return self._c

    @property
    def column(self) -> ColumnElement[Any]:
        """The row itself: of a function that gives one value in each row, that value (PostgreSQL)."""
        return RowOf(self)

    @property
    def description(self) -> str:
        return f"the rows of {self.function.function_name}()"

    def alias(self, name: str | None = None) -> TableFunction:  # type: ignore[override]
        """Return the rows under another name."""
        return TableFunction(self.function, self.columns_given, name, self.ordinality, self.is_derived, self.with_types)

    def lateral(self, name: str | None = None) -> TableFunction:
        """Return the rows under another name; a function in FROM may refer to the elements before it in any case."""
        return self.alias(name if name is not None else self.name)

    def render_derived(self, name: str | None = None, with_types: bool = False) -> TableFunction:
        """Return the rows with the columns named in FROM, ``AS name(column, ...)``: for functions of PostgreSQL that do not name theirs.

        :param with_types: True names their types as well, ``AS name(column INTEGER, ...)``: for functions that give records, such as
            ``json_to_recordset()``.
        """
        return TableFunction(self.function, self.columns_given, name or self.name, self.ordinality, True, with_types)

    def _parts(self) -> tuple[Any, ...]:
        types = tuple(column.type.cache_key for column in self._c) if self.with_types else ()
        return (self.function, self.name, self.ordinality, self.is_derived, tuple(self._c.keys()), types)

    def collect_shape(self, shape: Shape) -> None:
        if shape.enter(self):
            super().collect_shape(shape)


def _named(given: str | ColumnElement[Any]) -> tuple[str, TypeEngine[Any]]:
    if isinstance(given, str):
        return given, NULLTYPE
    element: Any = coerce_value(given, NULLTYPE)
    return element.name, element.type
