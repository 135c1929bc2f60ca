"""A type that puts SQL around its values, for tests of statements and of mapped classes."""

from __future__ import annotations

from typing import Any

from flask_uow.sql import String, TypeDecorator, func

__all__ = ["Loud"]


class Loud(TypeDecorator):
    """Text in lower case, kept in upper case, with ``#`` in place of ``%``."""

    impl = String(50)

    def bind_expression(self, bindvalue: Any) -> Any:
        return func.upper(func.replace(bindvalue, "%", "#"))

    def column_expression(self, column: Any) -> Any:
        return func.replace(func.lower(column), "#", "%")
