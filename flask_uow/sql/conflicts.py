"""``ON CONFLICT``: what an INSERT does where a row with the same key is there already."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_uow.exc import ArgumentError
from flask_uow.sql.coercion import coerce_condition
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.selectable import Alias

__all__ = ["Excluded", "OnConflict"]


class Excluded(Alias):
    """The row that an INSERT could not insert; ``insert(...).excluded``."""

    __slots__ = ()
    __visit_name__ = "excluded"


class OnConflict(ClauseElement):
    """``ON CONFLICT (columns) DO NOTHING | DO UPDATE SET ...``.

    :param elements: the columns (or expressions) of the unique index that is meant.
    :param constraint: the constraint's name, in their place.
    :param index_where: the condition of a partial index.
    :param pairs: columns and their new values; None for DO NOTHING.
    :param where: a condition on the row that is there; where it does not hold, nothing is done.
    :raises ArgumentError: for both ``elements`` and ``constraint``, or for an update without either.
    """

    __slots__ = ("constraint", "elements", "index_where", "pairs", "where")
    __visit_name__ = "on_conflict"

    def __init__(
        self,
        elements: Iterable[ColumnElement[Any]],
        constraint: str | None,
        index_where: object,
        pairs: tuple[tuple[ColumnElement[Any], ColumnElement[Any]], ...] | None,
        where: object,
    ) -> None:
        self.elements = tuple(elements)
        self.constraint = constraint
        self.index_where = coerce_condition(index_where) if index_where is not None else None
        self.pairs = pairs
        self.where = coerce_condition(where) if where is not None else None
        if self.elements and constraint is not None:
            raise ArgumentError("on_conflict takes index_elements or constraint, not both.")
        if pairs is not None and not self.elements and constraint is None:
            raise ArgumentError(
                "on_conflict_do_update() needs to know which key is meant: pass index_elements=[columns of a primary key or a unique "
                "constraint], or constraint=."
            )
        if pairs is not None and not pairs:
            raise ArgumentError("on_conflict_do_update() got nothing to set; use on_conflict_do_nothing().")

    def with_pair(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> OnConflict:
        """Return the same with another column set."""
        return OnConflict(
            self.elements, self.constraint, self.index_where, (*(self.pairs or ()), (column, value)), self.where
        )

    def _parts(self) -> tuple[Any, ...]:
        pairs = tuple(item for pair in self.pairs or () for item in pair)
        return (self.elements, self.constraint, self.index_where, self.pairs is not None, pairs, self.where)
