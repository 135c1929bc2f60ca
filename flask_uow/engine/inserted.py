"""The primary keys of inserted rows: ``result.inserted_primary_key``.

The compiler says of an INSERT of one row where each column of the key comes from (``Compiled.inserted``): a value of the statement's own, a
default that is made in Python, what RETURNING gives, or the rowid. :class:`InsertedKeys` is what one execution knows; the rows are only made
when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask_uow.engine.rows import Row, row_class
from flask_uow.exc import InvalidRequestError
from flask_uow.sql.compiler import Compiled

__all__ = ["NO_KEYS", "InsertedKeys", "KeyOfOne", "keys_of_lists"]


class InsertedKeys:
    """The keys of the rows of one INSERT, as far as they are known; here, not at all."""

    __slots__ = ()

    def _rows(self) -> list[Row] | None:
        """Return the keys, None where they are not known."""
        return None

    def one(self, asked: str) -> Row:
        """Return the key of the only row.

        :param asked: the attribute that was asked for, for messages.
        :raises InvalidRequestError: where it is not known, or there are several rows.
        """
        rows = self.all(asked)
        if len(rows) != 1:
            raise InvalidRequestError(
                f"{asked} is the key of one row, and {len(rows)} were inserted. Use inserted_primary_key_rows, or returning()."
            )
        return rows[0]

    def all(self, asked: str) -> list[Row]:
        """Return the keys of all rows.

        :param asked: the attribute that was asked for, for messages.
        :raises InvalidRequestError: where they are not known.
        """
        rows = self._rows()
        if rows is None:
            raise InvalidRequestError(
                f"{asked} is not known for this INSERT: it has rows of a SELECT, several rows in values(), a list of rows whose keys the database"
                " has made, or returning(), which gives the rows as the user wants them. Name the key in returning()."
            )
        return rows


NO_KEYS = InsertedKeys()


class _KeysOfList(InsertedKeys):
    """The keys of the rows of a list.

    :param find: makes them.
    """

    __slots__ = ("_find",)

    def __init__(self, find: Callable[[], list[Row]]) -> None:
        self._find = find

    def _rows(self) -> list[Row]:
        return self._find()


class KeyOfOne(InsertedKeys):
    """The key of one row, as far as it is known; worked out when it is asked for.

    :param values: the values of the statement's bind parameters.
    :param given: the values that were given at execution.
    :param made: the values of defaults, by the number of their slot.
    :param returned: the rows of the RETURNING that the compiler has added.
    :param rowid: the rowid of the row, where the database tells it.
    """

    __slots__ = ("_compiled", "_given", "_made", "_returned", "_rowid", "_values")

    def __init__(
        self,
        compiled: Compiled,
        values: Sequence[Any],
        given: Mapping[str, Any] | None,
        made: Mapping[int, Any] | None,
        returned: Sequence[tuple[Any, ...]],
        rowid: int | None,
    ) -> None:
        self._compiled = compiled
        self._values = values
        self._given = given
        self._made = made
        self._returned = returned
        self._rowid = rowid

    def _rows(self) -> list[Row] | None:
        inserted = self._compiled.inserted
        if inserted is None:
            return None
        row = self._returned[0] if self._returned else (None,) * len(inserted.processors)
        loaded = [value if p is None else p(value) for value, p in zip(row, inserted.processors, strict=True)]
        key = []
        for kind, number in inserted.sources:
            if kind == "returned":
                key.append(loaded[number])
            elif kind == "rowid":
                key.append(self._rowid)
            else:
                value = _value(self._compiled, number, self._values, self._given or {}, self._made or {})
                # the database numbers a row whose key is given as None
                key.append(self._rowid if value is None and len(inserted.sources) == 1 else value)
        return [row_class(inserted.names)(key)]


def keys_of_lists(compiled: Compiled, values: Sequence[Any], sets: Sequence[Mapping[str, Any]]) -> InsertedKeys:
    """Return the keys of rows that were inserted from a list, as far as they are known."""
    inserted = compiled.inserted
    if inserted is None:
        return NO_KEYS
    slots = [compiled.slots[number] for kind, number in inserted.sources if kind == "value"]
    if len(slots) != len(inserted.sources) or any(slot.default is not None for slot in slots):
        return NO_KEYS
    make = row_class(inserted.names)
    return _KeysOfList(
        lambda: [make([_value(compiled, n, values, given, {}) for _, n in inserted.sources]) for given in sets]
    )


def _value(
    compiled: Compiled, number: int, values: Sequence[Any], given: Mapping[str, Any], made: Mapping[int, Any]
) -> Any:
    slot = compiled.slots[number]
    if slot.default is not None:
        return made[number]
    return given[slot.key] if slot.key is not None and slot.key in given else values[slot.index]
