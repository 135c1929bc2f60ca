"""Words of SQL that a Query's SELECT has beside its clauses: how columns are named, prefixes and suffixes, hints."""

from __future__ import annotations

from typing import Self

from flask_uow.sql.select import Select

__all__ = ["WordedQuery"]


class WordedQuery:
    """Base of :class:`~flask_uow.orm.query.building.BuildingQuery`, which holds the SELECT."""

    __slots__ = ()
    _select: Select

    def _with(self, select: Select) -> Self:
        """Return the query with another SELECT."""
        raise NotImplementedError

    def set_label_style(self, style: str) -> Self:
        """Return the query whose :meth:`subquery` and :meth:`cte` name their columns so; see :meth:`Select.set_label_style`."""
        return self._with(self._select.set_label_style(style))

    def get_label_style(self) -> str:
        """Return how :meth:`subquery` and :meth:`cte` name their columns."""
        return self._select.get_label_style()

    def prefix_with(self, *prefixes: str, dialect: str | None = None) -> Self:
        """Return the query with words behind SELECT; see :meth:`Select.prefix_with`."""
        return self._with(self._select.prefix_with(*prefixes, dialect=dialect))

    def suffix_with(self, *suffixes: str, dialect: str | None = None) -> Self:
        """Return the query with words at its end; see :meth:`Select.suffix_with`."""
        return self._with(self._select.suffix_with(*suffixes, dialect=dialect))

    def with_hint(self, selectable: object, text: str, dialect_name: str = "*") -> Self:
        """Return the query with a hint about a table; see :meth:`Select.with_hint`."""
        return self._with(self._select.with_hint(selectable, text, dialect_name))

    def with_statement_hint(self, text: str, dialect_name: str = "*") -> Self:
        """Return the query with a hint at its end; see :meth:`Select.with_statement_hint`."""
        return self._with(self._select.with_statement_hint(text, dialect_name))
