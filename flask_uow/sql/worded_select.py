"""SELECTs with words of SQL in them, and what is asked of their columns and elements of FROM; the base of :class:`~flask_uow.sql.select.Select`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

from flask_uow.exc import ArgumentError
from flask_uow.sql.describing import described
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.froms import collect_froms
from flask_uow.sql.select_sources import SourcedSelect
from flask_uow.sql.selectable import ColumnCollection, FromClause, coerce_from
from flask_uow.sql.subqueries import CTE
from flask_uow.sql.typed import TP_co
from flask_uow.sql.words import (
    LABEL_STYLE_DISAMBIGUATE_ONLY,
    LABEL_STYLE_NONE,
    LABEL_STYLE_TABLENAME_PLUS_COL,
    Words,
    checked_ctes,
    known_dialect,
)

__all__ = ["WordedSelect"]


class WordedSelect(SourcedSelect[TP_co]):
    """A SELECT with words of SQL in it, and with what is asked of its columns and elements of FROM.

    :ivar words: the words, and the like.
    """

    __slots__ = ("words",)
    words: Words

    def _with_words(self, **changes: Any) -> Self:
        return self.with_parts(words=replace(self.words, **changes))

    def prefix_with(self, *prefixes: str, dialect: str | None = None) -> Self:
        """Return the statement with words of SQL between SELECT and its columns.

        :param prefixes: the words. They are SQL: never pass what a user has given.
        :param dialect: the one database that they are for; all when None.
        """
        known = known_dialect(dialect)
        return self._with_words(prefixes=(*self.words.prefixes, *((prefix, known) for prefix in prefixes)))

    def suffix_with(self, *suffixes: str, dialect: str | None = None) -> Self:
        """Return the statement with words of SQL at its end; see :meth:`prefix_with`."""
        known = known_dialect(dialect)
        return self._with_words(suffixes=(*self.words.suffixes, *((suffix, known) for suffix in suffixes)))

    def with_statement_hint(self, text: str, dialect_name: str = "*") -> Self:
        """Return the statement with a hint for the database at its end, a comment say.

        :param text: the hint. It is SQL: never pass what a user has given.
        :param dialect_name: the one database that it is for; ``"*"`` for all.
        """
        return self.suffix_with(text, dialect=dialect_name)

    def with_hint(self, selectable: object, text: str, dialect_name: str = "*") -> Self:
        """Return the statement with a hint beside an element of FROM.

        :param selectable: a table, an alias, or a mapped class.
        :param text: ``"INDEXED BY name"`` or ``"NOT INDEXED"`` for SQLite, ``"ONLY"`` for PostgreSQL. It is SQL: never pass what a user has given.
        :param dialect_name: the one database that it is for; ``"*"`` for all.
        """
        hint = (coerce_from(selectable), text, known_dialect(dialect_name))
        return self._with_words(hints=(*self.words.hints, hint))

    def fetch(self, count: object, with_ties: bool = False, percent: bool = False) -> Self:
        made = super().fetch(count, False, percent)
        return made.with_parts(words=replace(made.words, ties_of=made.limit_clause)) if with_ties else made

    @property
    def has_ties(self) -> bool:
        """True where the limit takes in all rows that the order takes for equal to the last one."""
        return self.limit_clause is not None and self.words.ties_of is self.limit_clause

    def set_label_style(self, style: str) -> Self:
        """Return the statement with its columns named in another style.

        :param style: ``LABEL_STYLE_TABLENAME_PLUS_COL`` has ``user_id`` of the column ``user.id``; ``LABEL_STYLE_DISAMBIGUATE_ONLY``, which is the
            default, ``id``, and ``id_1`` where another column has that name; ``LABEL_STYLE_NONE`` is taken for the same.
        :raises ArgumentError: for another style.
        """
        if style not in (LABEL_STYLE_DISAMBIGUATE_ONLY, LABEL_STYLE_NONE, LABEL_STYLE_TABLENAME_PLUS_COL):
            raise ArgumentError(
                f"set_label_style({style!r}): expected LABEL_STYLE_TABLENAME_PLUS_COL or LABEL_STYLE_DISAMBIGUATE_ONLY."
            )
        return self._with_words(label_style=style)

    def get_label_style(self) -> str:
        """Return the style in which columns are named; see :meth:`set_label_style`."""
        return self.words.label_style

    def add_cte(self, *ctes: CTE) -> Self:
        """Return the statement with common table expressions that it has whether it refers to them or not, those that write above all.

        :raises ArgumentError: for something else.
        """
        return self._with_words(ctes=(*self.words.ctes, *checked_ctes(ctes)))

    def result_columns(self) -> list[tuple[str, ColumnElement[Any]]]:
        with_table = self.words.label_style == LABEL_STYLE_TABLENAME_PLUS_COL
        taken: set[str] = set()
        named = []
        for column in self.columns_clause:
            base = (_with_table(column) if with_table else None) or column.name or "anon"
            name = base
            number = 1
            while name in taken:
                name = f"{base}_{number}"
                number += 1
            taken.add(name)
            named.append((name, column))
        return named

    # -- what it is about

    @property
    def selected_columns(self) -> ColumnCollection:
        """The columns as they stand in the statement, by the names that they have in the result."""
        return ColumnCollection("the SELECT", self.result_columns())

    exported_columns = selected_columns

    @property
    def inner_columns(self) -> tuple[ColumnElement[Any], ...]:
        """The columns, in order."""
        return self.columns_clause

    @property
    def column_descriptions(self) -> list[dict[str, Any]]:
        """For each item of ``select()`` a dict of its ``name`` in rows, its ``type``, ``aliased``, the item (``expr``) and its ``entity``."""
        return described(self.entities)

    @property
    def columns_clause_froms(self) -> list[FromClause]:
        """The elements of FROM that the columns bring in."""
        return collect_froms((), self.columns_clause)

    def reduce_columns(self, only_synonyms: bool = True) -> Self:
        """Return the statement without columns that are equal to others because a foreign key refers to these.

        :param only_synonyms: True leaves out only those that have the name of the other one.
        """
        kept: list[Any] = []
        for column in self.columns_clause:
            targets = {id(key.column): key.column for key in getattr(column, "foreign_keys", ())}
            others = (targets.get(id(other)) for other in self.columns_clause if other is not column)
            if not any(o is not None and (not only_synonyms or o.name == column.name) for o in others):
                kept.append(column)
        made: Any = self
        reduced: Self = made.with_columns_of_same_rows(*kept)
        return reduced


def _with_table(column: ColumnElement[Any]) -> str | None:
    """Return the name of a column behind that of its table; None for what is no column of something that has a name."""
    inner: Any = column
    while inner.__visit_name__ == "sourced":
        inner = inner.element
    table = getattr(getattr(inner, "table", None), "name", None)
    return f"{table}_{column.name}" if table is not None and inner.__visit_name__ == "column" else None
