"""The base of INSERT, UPDATE and DELETE: a table, RETURNING, and which of its columns a name or an object means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Self

from flask_uow.exc import ArgumentError, did_you_mean
from flask_uow.sql.coercion import coerce_value
from flask_uow.sql.describing import described
from flask_uow.sql.entities import expand_entity, members_of_bundle
from flask_uow.sql.expressions import BindParameter, ColumnElement, UntypedParameter
from flask_uow.sql.functions import FunctionElement
from flask_uow.sql.nodes import NO_OPTIONS, ChainedStatement, ClauseElement, Shape
from flask_uow.sql.selectable import ColumnCollection, Join, base_column, coerce_from
from flask_uow.sql.subqueries import CTE
from flask_uow.sql.words import NO_WORDS, checked_ctes, known_dialect

__all__ = ["DMLStatement"]


class DMLStatement(ChainedStatement):
    """The base of the three: a table, RETURNING.

    :ivar entities: what was passed to ``returning()``: columns, mapped classes, attributes.
    :ivar returning_columns: the columns that these stand for.
    :ivar loader_options: options of the orm.
    """

    __slots__ = ("_entity", "returning_columns", "entities", "loader_options", "table", "words")

    def __init__(self, table: object) -> None:
        self._entity = getattr(table, "__uow_entity__", None)
        self.table: Any = coerce_from(self._entity.written if self._entity is not None else table)
        self.returning_columns: tuple[ColumnElement[Any], ...] = ()
        self.entities: tuple[Any, ...] = ()
        self.loader_options: tuple[Any, ...] = ()
        self.words = NO_WORDS
        self._execution_options = NO_OPTIONS

    def collect_shape(self, shape: Shape) -> None:
        super().collect_shape(shape)
        if self.words is not NO_WORDS:
            self.words.collect(shape)

    @property
    def entity(self) -> Any:
        """The mapped entity that the statement was made for, or None."""
        return self._entity

    @property
    def is_about_all_rows(self) -> bool:
        """True for an UPDATE or DELETE without WHERE."""
        return False

    def returning(self, *entities: Any) -> Self:
        """Return the statement with ``RETURNING``: columns, tables, or mapped classes (a Session gives their objects)."""
        clone = self._clone()
        clone.entities = (*self.entities, *entities)
        clone.returning_columns = _columns_of(clone.entities)
        return clone

    def options(self, *options: Any) -> Self:
        """Return the statement with options of the orm: ``with_loader_criteria()`` says which rows of mapped classes are meant at all."""
        clone = self._clone()
        clone.loader_options = (*self.loader_options, *options)
        return clone

    def up_to_date(self) -> Self:
        """Return the statement with the columns that the classes in ``returning()`` have now: attributes may have come since it was made."""
        columns = _columns_of(self.entities)
        if len(columns) == len(self.returning_columns):
            return self
        clone = self._clone()
        clone.returning_columns = columns
        return clone

    def result_columns(self) -> list[tuple[str, ColumnElement[Any]]]:
        """Return names and expressions of what RETURNING gives."""
        return [(column.name or "anon", column) for column in self.returning_columns]

    def prefix_with(self, *prefixes: str, dialect: str | None = None) -> Self:
        """Return the statement with words of SQL behind INSERT, UPDATE or DELETE: ``prefix_with("OR IGNORE", dialect="sqlite")``.

        :param prefixes: the words. They are SQL: never pass what a user has given.
        :param dialect: the one database that they are for; all when None.
        """
        clone = self._clone()
        known = known_dialect(dialect)
        clone.words = replace(self.words, prefixes=(*self.words.prefixes, *((prefix, known) for prefix in prefixes)))
        return clone

    def add_cte(self, *ctes: CTE) -> Self:
        """Return the statement with common table expressions that it has whether it refers to them or not, those that write above all.

        :raises ArgumentError: for something else.
        """
        clone = self._clone()
        clone.words = replace(self.words, ctes=(*self.words.ctes, *checked_ctes(ctes)))
        return clone

    @property
    def exported_columns(self) -> ColumnCollection:
        """The columns of RETURNING, by name."""
        return ColumnCollection("the statement", self.result_columns())

    @property
    def returning_column_descriptions(self) -> list[dict[str, Any]]:
        """For each item of ``returning()`` a dict of its ``name`` in rows, its ``type``, ``aliased``, the item (``expr``) and its ``entity``."""
        return described(self.entities)

    @property
    def entity_description(self) -> dict[str, Any]:
        """The table or class that is written: its ``name``, ``type``, ``expr`` and ``entity`` (of a mapped class), and its ``table``."""
        if self._entity is None:
            return {
                "name": self.table.name,
                "type": self.table,
                "expr": self.table,
                "entity": None,
                "table": self.table,
            }
        class_ = self._entity.mapper.class_
        return {"name": class_.__name__, "type": class_, "expr": class_, "entity": class_, "table": self.table}

    def _named(self, name: str) -> Any:
        """Return the attribute, or the column, that a name means in ``filter_by()``.

        :raises ArgumentError: when there is none.
        """
        return self._entity.attribute_for_filter(name) if self._entity is not None else self.column_of(name)

    def cte(self, name: str | None = None) -> CTE:
        """Return the statement as a common table expression, whose rows are those of RETURNING (PostgreSQL).

        :raises ArgumentError: without RETURNING.
        """
        if not self.returning_columns:
            raise ArgumentError(
                f"{type(self).__name__.lower()}().cte() gives the rows of RETURNING, and the statement has none. Call returning() first."
            )
        return CTE(self, name)

    def _returned(self) -> tuple[Any, ...]:
        """The part of RETURNING in the shape of the statement."""
        entities = (getattr(entity, "__uow_entity__", None) for entity in self.entities)
        bundles = (entity.plan_atom for entity in self.entities if members_of_bundle(entity) is not None)
        return (*self.returning_columns, *(entity.plan_atom for entity in entities if entity is not None), *bundles)

    def assignments(self, values: Mapping[Any, Any]) -> Iterable[tuple[Any, Any]]:
        """Return the attributes to be set, with their values: an attribute that stands for others gives these."""
        for name, value in values.items():
            given = self._entity.attribute_for_filter(name) if isinstance(name, str) and self._entity else name
            assignments = getattr(given, "assignments", None)
            if assignments is None:
                yield given, value
            else:
                yield from assignments(value)

    def column_of(self, name: object) -> ColumnElement[Any]:
        if isinstance(name, str):
            if self._entity is not None:
                attribute: ColumnElement[Any] = self._entity.attribute_for_filter(name).__clause_element__()
                return attribute
            if name not in self.table.c:
                message = f"{self.table.description} has no column {name!r}.{did_you_mean(name, self.table.c.keys())}"
                raise ArgumentError(message)
            column: ColumnElement[Any] = self.table.c[name]
            return column
        as_element = getattr(name, "__clause_element__", None)
        given: Any = name if as_element is None else as_element()
        # an expression has no name, and that of a function is none of a column
        if not isinstance(given, ColumnElement) or given.name is None or isinstance(given, FunctionElement):
            raise ArgumentError(
                f"{type(self).__name__.lower()}() of {self.table.description} got {name!r} for a column. Give its name, or the column or attribute itself."
            )
        found: ColumnElement[Any] = given
        table: Any = getattr(getattr(found, "element", found), "table", None)
        if table is self.table or isinstance(self.table, Join):
            # of a class in several tables, its mapper tells which column is meant
            return found
        own: ColumnElement[Any] | None = self._own_column(found, table)
        if own is None:
            raise ArgumentError(
                f"{type(self).__name__.lower()}() of {self.table.description} got the column {found.name!r} of {table.description}, which it does not"
                " write. Give a column of its own, or write the other table by another statement."
            )
        return own

    def _own_column(self, column: ColumnElement[Any], table: Any) -> Any:
        """Return the column of what the statement writes that an alias of that, another ``Table`` of its name or a bare name means; None for none."""
        if table is None:
            return self.table.c.get(column.name, column)
        base = base_column(column)
        for other in self.table.c:
            if other is column or base_column(other) is base:
                return other
        name = getattr(base.table, "fullname", None)
        is_namesake = name is not None and name == getattr(self.table, "fullname", None)
        return self.table.c.get(base.name) if is_namesake else None

    def _pairs(self, values: Mapping[Any, Any]) -> tuple[tuple[ColumnElement[Any], ColumnElement[Any]], ...]:
        made: list[tuple[ColumnElement[Any], ColumnElement[Any]]] = []
        for name, value in self.assignments(values):
            column = self.column_of(name)
            if isinstance(value, UntypedParameter):
                made.append((column, value.stored_as(column.type)))
            elif hasattr(value, "__clause_element__") or isinstance(value, ClauseElement):
                made.append((column, coerce_value(value, column.type)))
            else:
                # a value to be stored has to fit the column; one to be compared has not
                made.append((column, BindParameter(value, column.type)))
        return tuple(made)


def _columns_of(entities: Iterable[Any]) -> tuple[ColumnElement[Any], ...]:
    return tuple(column for entity in entities for column in expand_entity(entity))
