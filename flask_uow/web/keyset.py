"""Keyset pagination: the order of a SELECT, the condition for the rows after a given one, and the text that stands for that row.

The condition for an order by a, b is ``a > :a OR (a = :a AND b > :b)``, with ``<`` where an order descends. The text holds the key
values of a row as JSON in URL-safe base64; it comes back from the client, so each value is checked by the type of its column. Used by
flask_uow.web.pagination.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import decimal
import json
import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError
from flask_uow.sql import Column, and_, or_
from flask_uow.sql import operators as ops
from flask_uow.sql.expressions import UnaryExpression

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.sql.select import Select

__all__ = ["Keyset"]

# what makes a value of a column's Python type from its JSON; those that JSON has not are written as text
_READERS: dict[type, Callable[[Any], Any]] = {
    decimal.Decimal: decimal.Decimal,
    datetime.datetime: datetime.datetime.fromisoformat,
    datetime.date: datetime.date.fromisoformat,
    datetime.time: datetime.time.fromisoformat,
    uuid.UUID: uuid.UUID,
}
_PLAIN = (int, str, float)


class _Key:
    """One column of the order.

    :ivar name: the attribute of the mapped class that holds its value.
    """

    def __init__(self, mapper: Mapper, criterion: object) -> None:
        self.descends = isinstance(criterion, UnaryExpression) and criterion.operator is ops.DESC
        inner: Any = criterion.element if isinstance(criterion, UnaryExpression) else criterion
        column: Any = getattr(inner, "expression", inner)
        names = [name for name, prop in mapper.column_attrs.items() if prop.column is column]
        if not names:
            raise ArgumentError(
                f"keyset= takes columns of {mapper.class_.__name__}, such as {mapper.class_.__name__}.id or its .desc(), got"
                f" {criterion!s}."
            )
        if column.nullable and not column.primary_key:
            raise ArgumentError(
                f"keyset= cannot use {mapper.class_.__name__}.{names[0]}, which may be NULL: nothing is greater or less than NULL."
                " Order by columns with nullable=False."
            )
        self.name: str = names[0]
        self.column: Column[Any] = column
        self.type: type = column.type.value_class
        if self.type not in _READERS and self.type not in _PLAIN:
            raise ArgumentError(
                f"keyset= cannot use {self.name}: values of {self.type.__name__} cannot travel in a URL."
            )

    @property
    def order(self) -> Any:
        """The items of ORDER BY."""
        return self.column.desc() if self.descends else self.column.asc()

    def read(self, value: object) -> Any:
        """Return the value that a client has sent.

        :raises ValueError: when it is none of the column's type.
        """
        reader = _READERS.get(self.type)
        if reader is not None and isinstance(value, str):
            return reader(value)
        if self.type is float and isinstance(value, (int, float)):
            return float(value)
        if reader is not None or type(value) is not self.type:
            raise ValueError(f"{self.name} is no {self.type.__name__}")
        return value


class Keyset:
    """The order of a SELECT of one mapped class, and places in it.

    :param statement: a ``select()`` of a mapped class, without an order of its own.
    :param criteria: its attributes, ``.desc()`` where the order descends; the primary key is added where it is missing, so that no two
        rows are at the same place.
    :raises ArgumentError: for columns of another class, that may be NULL, or whose values cannot be written as text.
    """

    def __init__(self, statement: Select, criteria: Any) -> None:
        entity = next(iter(getattr(statement, "entities", ())), None)
        mapper = getattr(entity, "__mapper__", None)
        if mapper is None:
            raise ArgumentError("keyset= needs a select() of a mapped class, such as select(User).")
        if getattr(statement, "order_by_clauses", ()):
            raise ArgumentError("the statement has an order already, and keyset= gives it one. Leave out order_by().")
        if statement.limit_clause is not None or statement.offset_clause is not None:
            raise ArgumentError(
                "the statement has a limit or an offset already, and keyset= counts from the row that a page begins after. Leave them out."
            )
        given = list(criteria) if isinstance(criteria, Iterable) and not isinstance(criteria, str) else [criteria]
        self._statement = statement
        self._keys = [_Key(mapper, criterion) for criterion in given]
        # with the primary key the order is total, without which rows on the border of a page get lost or come twice
        used = {key.name for key in self._keys}
        names = [name for name in mapper.primary_key_names if name not in used]
        self._keys += [_Key(mapper, getattr(mapper.class_, name)) for name in names]

    def rows_after(self, token: str | None) -> Any:
        """Return the statement in order, for the rows after a place; from the beginning when None.

        :raises ArgumentError: when the text is no place of this order.
        """
        ordered = self._statement.order_by(*(key.order for key in self._keys))
        return ordered if token is None else ordered.where(self._condition(self._read(token)))

    def token(self, instance: object) -> str:
        """Return the text that stands for the place of an object."""
        values = [_to_json(getattr(instance, key.name)) for key in self._keys]
        text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
        # "=" has a meaning in a query string, and the length tells how many there were
        return base64.urlsafe_b64encode(text.encode()).decode("ascii").rstrip("=")

    def _condition(self, values: list[Any]) -> Any:
        # no comparison of whole rows, (a, b) > (x, y): each column has a direction of its own
        alternatives = []
        for position, (key, value) in enumerate(zip(self._keys, values, strict=True)):
            before = [earlier.column == values[number] for number, earlier in enumerate(self._keys[:position])]
            beyond = key.column < value if key.descends else key.column > value
            alternatives.append(and_(*before, beyond) if before else beyond)
        return or_(*alternatives) if len(alternatives) > 1 else alternatives[0]

    def _read(self, token: str) -> list[Any]:
        try:
            padded = token.encode("ascii") + b"=" * (-len(token) % 4)
            values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            if not isinstance(values, list) or len(values) != len(self._keys):
                raise ValueError("another number of values")
            return [key.read(value) for key, value in zip(self._keys, values, strict=True)]
        except (ValueError, binascii.Error, decimal.InvalidOperation, RecursionError) as error:
            raise ArgumentError(
                f"after= is no place in this order ({error}). Pass the `next` of a page that was made with the same keyset=."
            ) from error


def _to_json(value: Any) -> Any:
    return value if isinstance(value, _PLAIN) else value.isoformat() if hasattr(value, "isoformat") else str(value)
