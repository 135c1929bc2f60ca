"""Text, of a limited length or of any."""

from __future__ import annotations

from typing import Any

from flask_uow.exc import ArgumentError, DataError
from flask_uow.sql.types.base import TypeEngine, type_for_value
from flask_uow.sql.types.plain import PLAIN
from flask_uow.sql.value_errors import wrong_kind

__all__ = ["String", "Text", "Unicode", "UnicodeText", "plain_text"]


class String(TypeEngine[str]):
    """Text.

    :param length: the largest number of characters, None for no limit.
    :param collation: the collation by which a column of the type sorts and compares, the database's name for it.
    :raises ArgumentError: for a length that is not a positive int.
    """

    lookup_name = "string"
    value_class = str
    compares_all_of_its_class = True

    def __init__(self, length: int | None = None, collation: str | None = None) -> None:
        if length is not None and (type(length) is not int or length < 1):
            name = type(self).__name__
            raise ArgumentError(f"{name}(length={length!r}): the length is a positive int, or None for no limit.")
        self.length = length
        self.collation = collation
        self.cache_key = (type(self), length) if collation is None else (type(self), length, collation)

    def coerce_compared(self, value: object) -> TypeEngine[Any]:
        # no limit: a text longer than the column is unequal to every row, it is no error; a pattern may be longer too
        return (self._unlimited or self) if isinstance(value, str) else type_for_value(value)

    def for_comparison(self, value: object) -> tuple[Any, TypeEngine[Any]]:
        return STRINGTYPE.to_stored(value), self._unlimited or self

    @property
    def of_parameters(self) -> TypeEngine[Any]:
        return self._unlimited or self

    def _type_arguments(self) -> dict[str, Any]:
        return {"length": self.length, "collation": self.collation}

    def _to_stored(self, value: object) -> str:
        if not isinstance(value, str):
            wrong_kind(self, value, "a str", "Convert it with str(), or decode bytes first.")
        if self.length is not None and len(value) > self.length:
            message = (
                f"a str of {len(value)} characters does not fit {self!r}: expected {self.length} at most. "
                "Shorten it, or give the column a larger length, or Text."
            )
            raise DataError(message, orig=ValueError(message))
        return value if type(value) is str else plain_text(value)


def plain_text(value: str) -> str:
    """Return the text of a member of an enum of texts, of another subclass of str, or of a proxy of a str (as Werkzeug's LocalProxy)."""
    # a proxy says that it is a str, and is none
    return str.__str__(value) if issubclass(type(value), str) else str(value)


class Text(String):
    """Text of any length."""

    lookup_name = "text"


class Unicode(String):
    """Text; the same as :class:`String`, which holds every character already."""

    lookup_name = "unicode"


class UnicodeText(Text):
    """Text of any length; the same as :class:`Text`, which holds every character already."""


STRINGTYPE = String()
String._unlimited = STRINGTYPE
PLAIN.add(STRINGTYPE, [str])
