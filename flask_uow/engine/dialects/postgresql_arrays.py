"""Columns of Python values -> PostgreSQL array literals, ``{1,2,NULL}`` and ``{"a","b"}``.

psycopg2 adapts value by value, which costs more than the server's own work; one literal for a whole column is one
parameter (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO has the syntax). One pass in C finds the
classes that occur; a column of one class, the common case, is then joined without a look at each value. Everything
else goes through the same processors as a single parameter. Measured in tests/benchmarks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, cast

from psycopg2 import ProgrammingError
from psycopg2.extensions import UNICODEARRAY, adapt
from psycopg2.extras import Range

from flask_uow.engine.dialects.base import Dialect, Processor
from flask_uow.engine.dialects.postgresql_elements import PostgreSQLRecord, range_text
from flask_uow.sql.types import ARRAY, TypeDecorator, TypeEngine, to_instance, type_for_value
from flask_uow.sql.types.texts import plain_text

__all__ = ["array_binder", "array_items", "array_literal", "array_type", "element_text", "selected"]

_NESTED = frozenset((list, tuple))
_NONE = type(None)
# a text as the driver writes it into a statement, with a cast or without one
_LITERAL = re.compile(r"\s*(?P<escapes>E?)'(?P<text>(?:[^'\\]|''|\\.)*)'(?:::[\w\[\]\" ]+)?", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def array_binder(type_: ARRAY, dialect: Dialect) -> Processor:
    """Return the processor from a list, however deep it is nested, to the text of an array."""
    item_type = type_.item_type
    if type_.dimensions == 1:
        return _list_binder(type_, dialect)

    def text_of(values: Any) -> str:
        if any(isinstance(item, (list, tuple)) for item in values):
            return "{" + ",".join([text_of(item) for item in values]) + "}"
        return array_literal(item_type, values, dialect)

    def bind(value: object) -> Any:
        if value is None:
            return None
        return text_of(type_.to_stored(value))

    return bind


def _list_binder(type_: ARRAY, dialect: Dialect) -> Processor:
    item_type = type_.item_type

    def bind(value: Any) -> Any:
        # the usual list costs one look at the classes of its items
        if type(value) is not list or not _NESTED.isdisjoint(map(type, value)):
            if value is None:
                return None
            value = type_.to_stored(value)
        return array_literal(item_type, value, dialect)

    return bind


def array_literal(type_: TypeEngine[Any], values: Sequence[Any], dialect: Dialect) -> str:
    """Return ``values`` as the text of a PostgreSQL array.

    :raises DataError: for a value that the type does not take.
    """
    type_ = dialect.chosen_type(type_)
    if isinstance(type_, TypeDecorator):
        process = type_.process_bind_param
        processed = [process(value, dialect) for value in values]
        return array_literal(to_instance(type_.load_dialect_impl(dialect)), processed, dialect)
    if isinstance(type_, ARRAY):
        bind = dialect.bind_processor(type_)
        assert bind is not None
        texts = [bind(value) for value in values]
        return _texts(texts, None in texts)
    if type_.lookup_name == "null":
        texts = [None if value is None else unknown_text(value, dialect) for value in values]
        return _texts(texts, None in texts)
    kind = _record(type_, dialect).element
    # one look at the classes decides for the whole column; values are handled one by one only where these differ
    classes = set(map(type, values))
    has_none = _NONE in classes
    classes.discard(_NONE)
    if not classes:
        return "{" + ",".join(["NULL"] * len(values)) + "}"
    if classes != {kind.cls}:
        processor = dialect.bind_processor(type_)
        if processor is not None:
            values = [processor(value) for value in values]
    elif kind.check is not None:
        kind.check(type_, [value for value in values if value is not None] if has_none else values)
    if kind.element is None:
        if kind.cls is _NONE:
            # types that users make may leave values of any class
            values = [v if v is None or isinstance(v, str) else unknown_text(v, dialect) for v in values]
        return _texts(values, has_none)
    element = kind.element
    if has_none:
        return "{" + ",".join(["NULL" if value is None else element(value) for value in values]) + "}"
    return "{" + ",".join(map(element, values)) + "}"


def element_text(type_: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], str]:
    """Return the function from a value (as its processor has left it) to its text, without quotes."""
    if type_.lookup_name == "null":
        return lambda value: unknown_text(value, dialect)
    if type_.lookup_name == "large_binary":
        return lambda value: f"\\x{value.hex()}"
    element = _record(type_, dialect).element.element
    return element if element is not None else str


def unknown_text(value: object, dialect: Dialect) -> str:
    """Return the text of a value whose column has a type that is not known here, by the value's own class."""
    if isinstance(value, str):
        # of a member of an enum of texts the text itself, not its name
        return plain_text(value)
    if isinstance(value, (list, tuple)):
        texts = [None if item is None else unknown_text(item, dialect) for item in value]
        if any(isinstance(item, (list, tuple)) for item in value):
            return "{" + ",".join("NULL" if text is None else text for text in texts) + "}"
        return _texts(texts, None in texts)
    if isinstance(value, Range):
        return range_text(value)
    type_ = type_for_value(value)
    if type_.lookup_name == "null":
        return _adapted_text(value)
    processor = dialect.bind_processor(type_)
    return element_text(type_, dialect)(value if processor is None else processor(value))


def _adapted_text(value: object) -> str:
    """Return the text of an object that the driver itself knows how to write: ``Json(...)``, or one of a class that was registered with it."""
    try:
        written: str = adapt(value).getquoted().decode()
    except (ProgrammingError, AttributeError):
        return str(value)
    literal = _LITERAL.fullmatch(written)
    if literal is None:
        return written
    text = literal["text"].replace("''", "'")
    return _ESCAPED.sub(r"\1", text) if literal["escapes"] else text


def array_items(text: object) -> Any:
    """Return the items of an array that the driver gives as text, for it does not know the type of the items."""
    return UNICODEARRAY(text, None) if isinstance(text, str) else text


def array_type(type_: TypeEngine[Any], dialect: Dialect) -> str:
    """Return the type of the array as a cast writes it, ``integer[]`` for example."""
    stored = dialect.stored_as(type_)
    array = _record(stored, dialect).array_cast
    # text is assigned to varchar(n) with its length checked, where a cast would cut it; unnest would take an array of arrays apart altogether
    return "text[]" if stored.native_name is not None else array or f"{dialect.cast_name(stored)}[]"


def _record(type_: TypeEngine[Any], dialect: Dialect) -> PostgreSQLRecord:
    return cast("PostgreSQLRecord", dialect.record(type_))


def selected(type_: TypeEngine[Any], expression: str, dialect: Dialect, native: str | None) -> str:
    """Return ``expression``, an element of the array, as a value of the column's type.

    :param native: what the element is to be cast to; None where it is assigned as it is.
    """
    if native is not None:
        return f"{expression}::{native}"
    if dialect.stored_as(type_).lookup_name in ("json", "array"):
        return f"{expression}::{dialect.cast_name(type_)}"
    return expression


def _texts(values: Sequence[Any], has_none: bool) -> str:
    if not values:
        return "{}"
    given = [value for value in values if value is not None] if has_none else values
    body = '","'.join(given)
    # every quote is one of ours and nothing is escaped: the usual case, found with one search of the whole column
    if "\\" in body or body.count('"') != 2 * (len(given) - 1):
        values = [value if value is None else value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
        if not has_none:
            return '{"' + '","'.join(values) + '"}'
    elif not has_none:
        return '{"' + body + '"}'
    return "{" + ",".join(["NULL" if value is None else f'"{value}"' for value in values]) + "}"
