"""Which attributes of a mapper are stored in which table: what the flush reads.

A class without inheritance is stored in one table. A joined subclass has a row in each table from its base's down to its own, and a class
that is mapped to a join a row in each table of it; the rows are connected by columns that are kept equal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from types import NoneType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask_uow.sql.column_operators import ColumnOperators
from flask_uow.sql.schema import Column, Table
from flask_uow.sql.select_base import SelectBase
from flask_uow.sql.types import Integer
from flask_uow.sql.types.numbers import whole_number

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import AnyColumn
    from flask_uow.orm.mapping.mapped_properties import MappedProperties
    from flask_uow.orm.mapping.properties import ColumnProperty

__all__ = [
    "MappedTable",
    "holds_expressions",
    "is_expression",
    "mapped_tables",
    "root_of",
    "stored_value",
    "take_texts",
]


@dataclass(slots=True, eq=False)
class MappedTable:
    """One table that rows of a mapper are stored in.

    :ivar table: the table.
    :ivar columns: its mapped columns by attribute name, in order.
    :ivar key: the columns that tell a row of it.
    :ivar key_names: the attributes of these, of those that have one.
    :ivar positions: for each of these, which part of the object's identity it holds.
    :ivar copied: attributes whose value is that of another one: ``(attribute, the other)``. The key of a joined table is that of its
        base.
    :ivar generated: the attribute of the key that the database makes in this table, or None.
    :ivar defaults: attributes with a default for new rows, and the default.
    :ivar onupdate: attributes with a default for changed rows, and the default.
    :ivar unmapped_defaults: columns that have no attribute and a default for new rows, and the default.
    :ivar unmapped_onupdate: columns that have no attribute and a default for changed rows, and the default.
    :ivar has_unmapped_expressions: True where one of ``unmapped_defaults`` is for the database to work out.
    :ivar optional: attributes that an INSERT may leave to the database.
    :ivar always: the others.
    :ivar all: the attributes of all columns.
    """

    table: Table
    columns: dict[str, Column[Any]]
    key: tuple[Column[Any], ...]
    positions: tuple[int, ...]
    copied: tuple[tuple[str, str], ...] = ()
    generated: str | None = None
    defaults: tuple[tuple[str, Any], ...] = ()
    onupdate: tuple[tuple[str, Any], ...] = ()
    unmapped_defaults: tuple[tuple[Column[Any], Any], ...] = ()
    unmapped_onupdate: tuple[tuple[Column[Any], Any], ...] = ()
    has_unmapped_expressions: bool = False
    optional: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    key_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        columns = self.columns
        made = self.table.generated_key
        copied = {name for name, _ in self.copied}
        self.generated = next((name for name, column in columns.items() if column is made and name not in copied), None)
        self.defaults = tuple((name, c.default) for name, c in columns.items() if c.default is not None)
        self.onupdate = tuple((name, c.onupdate) for name, c in columns.items() if c.onupdate is not None)
        mapped = set(columns.values())
        unmapped = [column for column in self.table.c if column not in mapped]
        self.unmapped_defaults = tuple((c, c.default) for c in unmapped if c.default is not None)
        self.has_unmapped_expressions = any(default.is_sql for _, default in self.unmapped_defaults)
        self.unmapped_onupdate = tuple((c, c.onupdate) for c in unmapped if c.onupdate is not None)
        # what the database fills in may be left out of an INSERT
        self.optional = tuple(
            name
            for name, c in columns.items()
            if c.server_default is not None
            or name == self.generated
            or (name not in copied and (c.identity is not None or (c.sequence is not None and c.primary_key)))
        )
        self.always = tuple(name for name in columns if name not in self.optional)
        self.all = tuple(columns)
        self.key_names = tuple(name for name, column in columns.items() if column in self.key)

    def add_unmapped_defaults(self, columns: list[Any], values: list[list[Any]], count: int) -> None:
        """Add to the columns and values of an INSERT of ``count`` rows what no attribute stands for."""
        for column, default in self.unmapped_defaults:
            columns.append(column)
            values.append([default.value() for _ in range(count)])

    def add_unmapped_onupdate(self, columns: list[Any], values: list[list[Any]]) -> None:
        """Add to the columns and values of an UPDATE what no attribute stands for."""
        for column, default in self.unmapped_onupdate:
            columns.append(column)
            values.append([default.value() for _ in values[0]])

    def integer_positions(self, names: Sequence[str]) -> list[int]:
        """Return the places of integer columns among attributes; a text may have been assigned to such a one."""
        # asked late, since the type of a foreign key is that of a table that may come later
        return [place for place, name in enumerate(names) if isinstance(self.columns[name].type, Integer)]

    def key_values(self, identities: Sequence[Any]) -> list[list[Any]]:
        """Return the values of the key columns, column by column, for objects of these identities."""
        if not isinstance(identities[0], tuple):
            return [list(identities)]
        return [[identity[position] for identity in identities] for position in self.positions]


# classes that are known to be values, of nearly all columns
_VALUES = frozenset(
    (int, str, float, bool, NoneType, bytes, Decimal, dt.datetime, dt.date, dt.time, dt.timedelta, UUID)
)


def holds_expressions(values: Iterable[Iterable[Any]]) -> bool:
    """Return True when SQL expressions are among values, given column by column: the database has to work them out."""
    return have_expressions(kinds_of(values))


def kinds_of(values: Iterable[Iterable[Any]]) -> set[type]:
    """Return the classes of values, given column by column."""
    return set(map(type, chain.from_iterable(values)))


def have_expressions(kinds: set[type]) -> bool:
    """Return True when SQL expressions are of one of these classes."""
    return not kinds <= _VALUES and any(map(_stands_for_sql, kinds))


def take_texts(
    names: Sequence[str], integers: Sequence[int], values: Sequence[list[Any]], objects: Sequence[Any]
) -> None:
    """Make ints of the texts among the values of integer columns, in the objects too: identities are made of them.

    They are looked at when they are written, and not when they are assigned, since assignments are many.

    :param integers: the places of integer columns among ``names``.
    :param values: the values of ``names``, column by column.
    """
    for place in integers:
        column = values[place]
        if str not in map(type, column):
            continue
        for position, value in enumerate(column):
            number = whole_number(value) if type(value) is str else None
            if number is not None:
                column[position] = objects[position].__dict__[names[place]] = number


def is_expression(value: object) -> bool:
    """Return True for what the database has to work out: a column expression, or a SELECT or Query of one value."""
    return _stands_for_sql(type(value))


def _stands_for_sql(kind: type) -> bool:
    return issubclass(kind, (ColumnOperators, SelectBase)) or hasattr(kind, "__clause_element__")


def stored_value(value: Any) -> Any:
    """Return a value as a statement is given it: a SELECT stands for its scalar subquery."""
    found = value.__clause_element__() if hasattr(type(value), "__clause_element__") else value
    return found.scalar_subquery() if isinstance(found, SelectBase) else found


def mapped_tables(
    tables: Iterable[Table],
    properties: MappedProperties[ColumnProperty],
    primary_key: Sequence[Any],
    equated: Mapping[Any, Any],
) -> tuple[MappedTable, ...]:
    """Return the tables that rows of a mapper are written to.

    :param tables: the candidates, those first that others refer to. One whose key is not part of the identity is only read.
    :param properties: the column properties by attribute name.
    :param primary_key: the columns of the mapper's identity.
    :param equated: columns that are kept equal to another one, each with that other.
    """
    attribute_of = {column: name for name, prop in properties.items() if prop.is_stored for column in prop.columns}
    roots = [root_of(column, equated) for column in primary_key]
    found = []
    for table in tables:
        given = [column for column in primary_key if column.table is table]
        key = given or list(table.primary_key.columns)
        if any(root_of(column, equated) not in roots for column in key):
            # a key of its own beside the columns that connect it with its base
            key = [column for column in table.c if column in equated and root_of(column, equated) in roots]
        if not key:
            continue
        columns = {attribute_of[column]: column for column in table.c if column in attribute_of}
        copied = []
        for name, column in columns.items():
            source = attribute_of.get(equated[column]) if column in equated else None
            if source is not None and source != name:
                copied.append((name, source))
        positions = tuple(roots.index(root_of(column, equated)) for column in key)
        found.append(MappedTable(table, columns, tuple(key), positions, tuple(copied)))
    return tuple(found)


def root_of(column: AnyColumn, equated: Mapping[Any, Any]) -> Any:
    """Return the column that a column is, in the end, kept equal to."""
    while column in equated:
        column = equated[column]
    return column
