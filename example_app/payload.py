"""What a request's body must hold."""

from __future__ import annotations

from typing import Any, TypeVar

from flask import request

__all__ = ["InvalidPayload", "optional", "payload", "query_number", "required"]

T = TypeVar("T")


class InvalidPayload(Exception):
    """The request is understood and its content is wrong; answered with 422.

    :ivar field: what is wrong.
    :ivar reason: why.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def payload() -> dict[str, Any]:
    """Return the JSON object in the request's body.

    :raises InvalidPayload: when it holds something else.
    """
    found = request.get_json(silent=True)
    if not isinstance(found, dict):
        raise InvalidPayload("body", "a JSON object is expected")
    return found


def optional(data: dict[str, Any], field: str, kind: type[T]) -> T | None:
    """Return the value of a field, None when it is missing or null.

    :raises InvalidPayload: when it is of another kind.
    """
    value = data.get(field)
    if value is None:
        return None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InvalidPayload(field, f"a value of type {kind.__name__} is expected")
    return value


def required(data: dict[str, Any], field: str, kind: type[T]) -> T:
    """Return the value of a field.

    :raises InvalidPayload: when it is missing, empty or of another kind.
    """
    value = optional(data, field, kind)
    if value is None or value == "":
        raise InvalidPayload(field, "can't be blank")
    return value


def query_number(name: str, default: int, largest: int) -> int:
    """Return a number of the query string.

    :raises InvalidPayload: when it is no whole number from 0 to ``largest``.
    """
    text = request.args.get(name, str(default))
    # the length first: Python refuses to read a number of thousands of digits
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) > largest:
        raise InvalidPayload(name, f"a whole number from 0 to {largest} is expected")
    return int(text)
