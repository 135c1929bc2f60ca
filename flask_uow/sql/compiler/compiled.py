"""The compiled statement: its text, and the recipe for its parameters."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_uow.exc import DataError, InvalidRequestError, did_you_mean
from flask_uow.sql.types import TypeEngine

__all__ = ["Binder", "Compiled", "InsertedKey", "ResultColumn", "RowText", "Slot", "binder"]


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of the result.

    :ivar name: its name.
    :ivar type: its SQL type.
    :ivar element: the expression it comes from.
    """

    name: str
    type: TypeEngine[Any]
    element: Any = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A placeholder in the text.

    :ivar index: the number of the bind parameter whose value goes there, -1 for a column default.
    :ivar key: the parameter's name, None for an anonymous one.
    :ivar processor: turns the value into the driver's.
    :ivar required: True where the value must be given at execution.
    :ivar default: the column default that makes the value.
    :ivar column: the column that the value is stored in, as messages name it; None where it is not stored.
    """

    index: int
    key: str | None
    processor: Callable[[Any], Any] | None
    required: bool
    default: Any = None
    column: str | None = None


@dataclass(frozen=True, slots=True)
class InsertedKey:
    """Where the primary key of the row of an INSERT comes from.

    :ivar names: the names of its columns.
    :ivar sources: for each of them ``("value", number of the slot)``, ``("returned", position in RETURNING)`` or ``("rowid", 0)``.
    :ivar processors: for each column of the RETURNING that was added, the function that converts its value.
    """

    names: tuple[str, ...]
    sources: tuple[tuple[str, int], ...]
    processors: tuple[Callable[[Any], Any] | None, ...]


@dataclass(frozen=True, slots=True)
class RowText:
    """The row of an INSERT of one row, so that it can be repeated.

    :ivar head: the text before the row.
    :ivar row: the row.
    :ivar tail: the text behind it.
    :ivar begin: the number of its first slot.
    :ivar end: the number of the first slot behind it.
    """

    head: str
    row: str
    tail: str
    begin: int
    end: int

    def repeated(self, count: int) -> str:
        """Return the statement with the row ``count`` times."""
        return f"{self.head}{', '.join([self.row] * count)}{self.tail}"


# takes the values of a statement's bind parameters, returns the driver's parameters
Binder = Callable[[Sequence[Any]], tuple[Any, ...]]
# beyond that many parameters a function of their own is longer than it is useful
_FEW = 8


def binder(sources: Sequence[tuple[int, Callable[[Any], Any] | None]]) -> Binder:
    """Return the function that turns values into the driver's parameters.

    :param sources: for each parameter the number of its value, and what turns that into the driver's; None to pass it as it is.
    """
    if len(sources) > _FEW:
        return lambda values: tuple([p(values[i]) if p is not None else values[i] for i, p in sources])
    factory = _binder_factory(tuple((index, processor is not None) for index, processor in sources))
    return factory(*[processor for _, processor in sources if processor is not None])


@functools.cache
def _binder_factory(shape: tuple[tuple[int, bool], ...]) -> Callable[..., Binder]:
    """Return the function that makes binders of one shape from their processors: generated, since every statement goes through one.

    :param shape: for each slot the number of its value, and whether there is a processor.
    """
    processors = [f"p{number}" for number, (_, is_processed) in enumerate(shape) if is_processed]
    items = [
        f"p{number}(values[{index}])" if is_processed else f"values[{index}]"
        for number, (index, is_processed) in enumerate(shape)
    ]
    source = f"lambda {', '.join(processors)}: lambda values: ({''.join(f'{item}, ' for item in items)})"
    factory: Callable[..., Binder] = eval(source)
    return factory


class Compiled:
    """A statement as text, with the recipe for its parameters. Immutable, shared between threads.

    :ivar sql: the text, with the dialect's placeholders.
    :ivar slots: one for each placeholder, in order.
    :ivar columns: the result's columns, empty when not known.
    :ivar is_write: True for everything that needs a write transaction.
    :ivar returns_rows: True when the statement returns rows.
    :ivar has_defaults: True where defaults of columns are made in Python.
    :ivar inserted: of an INSERT of one row without RETURNING, where its key comes from; None where nobody can know.
    :ivar row: the row of an INSERT of one row.
    :ivar memo: for higher layers, to keep what they derive from the statement.
    """

    __slots__ = (
        "_bind",
        "columns",
        "has_defaults",
        "inserted",
        "is_write",
        "memo",
        "names",
        "returns_rows",
        "row",
        "slots",
        "sql",
    )

    def __init__(
        self,
        sql: str,
        slots: tuple[Slot, ...],
        columns: tuple[ResultColumn, ...],
        is_write: bool,
        returns_rows: bool,
        inserted: InsertedKey | None = None,
        row: RowText | None = None,
    ) -> None:
        self.inserted = inserted
        self.row = row
        self.sql = sql
        self.slots = slots
        self.columns = columns
        self.is_write = is_write
        self.returns_rows = returns_rows
        self.memo: dict[Any, Any] = {}
        self.names = frozenset(slot.key for slot in slots if slot.key is not None)
        self.has_defaults = any(slot.default is not None for slot in slots)
        # most statements: their values need no look-up by name
        simple = not self.has_defaults and not any(slot.required for slot in slots)
        self._bind = binder([(slot.index, slot.processor) for slot in slots]) if simple else None

    def parameters(
        self, values: Sequence[Any], given: Mapping[str, Any] | None = None, made: dict[int, Any] | None = None
    ) -> tuple[Any, ...]:
        """Return the driver's parameters.

        :param values: the values of the statement's bind parameters, in order.
        :param given: values given at execution, by name.
        :param made: takes the values of defaults, by the number of their slot.
        :raises InvalidRequestError: when a required value is missing, or a name is unknown.
        :raises DataError: when a value does not fit its type.
        """
        try:
            if self._bind is not None and not given:
                return self._bind(values)
            if given and not self.names.issuperset(given):
                raise self._unknown(given)
            if made is not None:
                return tuple([self._noted(n, slot, values, given or {}, made) for n, slot in enumerate(self.slots)])
            return tuple(self._value(slot, values, given or {}) for slot in self.slots)
        except DataError as error:
            if error.statement is not None:
                raise
            where = self._refusing(values, given or {})
            message = f"{where}: {error.message}" if where is not None else error.message
            raise DataError(message, self.sql, orig=error.orig) from error

    def _noted(
        self, number: int, slot: Slot, values: Sequence[Any], given: Mapping[str, Any], made: dict[int, Any]
    ) -> Any:
        if slot.default is None:
            return self._value(slot, values, given)
        made[number] = self._default(slot, values, given)
        return slot.processor(made[number]) if slot.processor is not None else made[number]

    def _default(self, slot: Slot, values: Sequence[Any], given: Mapping[str, Any]) -> Any:
        assert slot.default is not None
        if not slot.default.asks_context:
            return slot.default.value()
        others: dict[str, Any] = {}
        for other in self.slots:
            if other.default is None:
                name = other.column.rpartition(".")[2] if other.column else other.key
                if name is not None:
                    is_given = other.key is not None and other.key in given
                    others[name] = given[str(other.key)] if is_given else values[other.index]
        return slot.default.value(others)

    def _refusing(self, values: Sequence[Any], given: Mapping[str, Any]) -> str | None:
        """Return the column, or the named parameter, whose value was refused."""
        # by another try: values are converted without a word of where they go, which is quicker
        for slot in self.slots:
            try:
                self._value(slot, values, given)
            except DataError:
                return slot.column or (f"the parameter :{slot.key}" if slot.key is not None else None)
        return None

    def _unknown(self, given: Mapping[str, Any]) -> InvalidRequestError:
        unknown = sorted(set(given) - self.names)
        hint = did_you_mean(unknown[0], [str(name) for name in self.names])
        known = ", ".join(sorted(str(name) for name in self.names)) or "none"
        return InvalidRequestError(
            f"the statement has no parameter :{unknown[0]}.{hint} Its parameters: {known}.\n[SQL: {self.sql}]"
        )

    def _value(self, slot: Slot, values: Sequence[Any], given: Mapping[str, Any]) -> Any:
        if slot.default is not None:
            value = self._default(slot, values, given)
        elif slot.key is not None and slot.key in given:
            value = given[slot.key]
        elif slot.required:
            raise InvalidRequestError(
                f"the statement has a parameter :{slot.key}, and no value was given for it; got {sorted(given)}.\n[SQL: {self.sql}]"
            )
        else:
            value = values[slot.index]
        return slot.processor(value) if slot.processor is not None else value

    def __str__(self) -> str:
        return self.sql
