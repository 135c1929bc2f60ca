"""The errors for values that a column type does not take; :mod:`flask_uow.sql.types` and the dialects raise them."""

from __future__ import annotations

from typing import NoReturn

from flask_uow.exc import DataError

__all__ = ["out_of_range", "wrong_kind"]


def wrong_kind(type_: object, value: object, expected: str, cure: str) -> NoReturn:
    """Raise the DataError for a value of a class that ``type_`` does not take; ``orig`` is a TypeError."""
    message = f"{_describe(value)} cannot be stored as {type_!r}: expected {expected}. {cure}"
    raise DataError(message, orig=TypeError(message))


def out_of_range(type_: object, value: object, expected: str, cure: str) -> NoReturn:
    """Raise the DataError for a value of the right class that ``type_`` cannot hold; ``orig`` is a ValueError."""
    message = f"{_describe(value)} does not fit {type_!r}: expected {expected}. {cure}"
    raise DataError(message, orig=ValueError(message))


def _describe(value: object) -> str:
    text = repr(value)
    return f"the {type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
