"""Which columns of a selectable stand for the columns of a family's tables.

A class may be selected from a polymorphic union, another subquery or a join of aliases. Which of its columns stands for a column of a
table is told by what it was made of, also under a label; where that says nothing (a CAST, a textual SELECT), by its name.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError
from flask_uow.sql.selectable import ColumnClause, FromClause
from flask_uow.sql.stand_ins import StandIns, originals_in

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import AnyColumn
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.source import MappedSource

__all__ = ["attribute_made_of", "columns_standing_in", "stand_ins_for", "stand_ins_in"]


def stand_ins_in(
    mapper: MappedSource, source: FromClause, relatives: Iterable[Any], called: Callable[[Any], Any] | None = None
) -> StandIns | None:
    """Return the stand-ins for the columns of a class and of subclasses in the source it is selected from; None where they are there themselves.

    :param source: a polymorphic union, say.
    :param relatives: the mappers of the subclasses.
    :param called: what an alias of the class has for a column, where its rows are meant; see :func:`columns_standing_in`.
    :raises ArgumentError: where nothing stands for a column of the class.
    """
    found = columns_standing_in(mapper, source, relatives, called)
    for name, prop in mapper.column_attrs.items():
        if prop.is_stored and not prop.deferred and not any(column in found for column in prop.columns):
            column = prop.column
            raise ArgumentError(
                f"{mapper.class_.__name__} cannot be selected from {source.description}: no column of it stands for {column.table.description}."
                f"{column.name}, which {mapper.class_.__name__}.{name} is mapped to. Its columns: {', '.join(source.c.keys())}. Select that column"
                " in it as well, or leave the attribute out with exclude_properties=."
            )
    pairs = _told_apart(mapper, [mapper, *relatives], found)
    return StandIns(mapper, source, pairs) if pairs else None


def _told_apart(mapper: MappedSource, family: Iterable[Any], found: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the stand-in for each column, one object for each attribute, so that the columns of the tables can be told again.

    Columns of the same name in two subclasses' tables share a column of a union.
    """
    pairs: dict[Any, Any] = {}
    taken: dict[Any, list[tuple[set[Any], Any]]] = {}
    for member in family:
        for prop in member.column_attrs.values():
            for column in prop.columns if prop.is_stored else ():
                standing = found.get(column, column)
                if standing is column or column in pairs:
                    continue
                attributes = taken.setdefault(standing, [])
                known = next((entry for entry in attributes if not entry[0].isdisjoint(prop.columns)), None)
                if known is None:
                    known = (set(), _another(standing) if attributes else standing)
                    attributes.append(known)
                known[0].update(prop.columns)
                pairs[column] = known[1]
    return pairs


def _another(column: AnyColumn) -> Any:
    """Return another object for a column of a subquery; a column of a table stays itself."""
    return copy.copy(column) if isinstance(column, ColumnClause) else column


def columns_standing_in(
    mapper: MappedSource, source: FromClause, relatives: Iterable[Any], called: Callable[[Any], Any] | None = None
) -> dict[Any, Any]:
    """Return the columns of the tables of a class and of subclasses, each with the column of ``source`` that stands for it, where one does.

    :param called: what an alias of the class has for a column, where the rows of that alias are meant: ``source`` may have those of another, too.
    """
    columns = originals_in(source)
    family = [mapper, *relatives]
    groups = [prop.columns for member in family for prop in member.column_attrs.values() if prop.is_stored]
    ours = {column for group in groups for column in group}
    by_original: dict[Any, Any] = {}
    by_key: dict[str, Any] = {}
    # the nearest first: of the columns made of one column of a table, that which no alias stands between
    nearest = sorted(
        ((number, original, column) for _, column, originals in columns for number, original in enumerate(originals)),
        key=lambda entry: entry[0],
    )
    for _, original, column in nearest:
        by_original.setdefault(original, column)
    for key, column, originals in columns:
        # one that is known to stand for another of our columns is not taken for its namesake
        if not any(original in ours for original in originals):
            by_key.setdefault(key, column)
            by_key.setdefault(str(column.name), column)
    found: dict[Any, Any] = {}
    if called is not None:
        # where some are the alias's, what it lacks is not taken from the class or from another alias
        of_alias = {column: by_original[own] for column in ours if (own := called(column)) in by_original}
        by_original = of_alias or by_original
    for group in groups:
        # columns that are kept equal have one value
        known = [by_original[column] for column in group if column in by_original]
        for column in group:
            named = [by_key[name] for name in _names_of(column) if name in by_key]
            standing = [by_original[column]] if column in by_original else known or named
            if standing:
                found.setdefault(column, standing[0])
    return found


def stand_ins_for(mapper: Mapper, source: FromClause, called: Callable[[Any], Any] | None = None) -> StandIns:
    """Return the stand-ins in a selectable for the columns of a class's tables, and of its usual source.

    :param called: what an alias of the class has for a column, where its rows are meant; see :func:`columns_standing_in`.
    """
    found = columns_standing_in(mapper, source, mapper.descendants[1:], called)
    if mapper.stand_ins is not None:
        for column in mapper.stand_ins.originals:
            if column in found:
                found.setdefault(mapper.column(column), found[column])
    return StandIns(mapper, source, found)


def _names_of(column: AnyColumn) -> tuple[str, ...]:
    key, table = str(getattr(column, "key", None) or column.name), getattr(column.table, "name", None)
    return (key, str(column.name), f"{table}_{key}", f"{table}_{column.name}")


def attribute_made_of(column: AnyColumn, names: dict[Any, str]) -> str | None:
    """Return the attribute of a column of a table that a column of a selectable was made of, or None.

    :param names: the attributes by column.
    """
    table = getattr(column, "table", None)
    for _, other, originals in originals_in(table) if isinstance(table, FromClause) else ():
        if other is column:
            return next((names[original] for original in originals if original in names), None)
    return None
