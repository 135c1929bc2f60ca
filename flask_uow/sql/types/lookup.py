"""Types by what users write: a class or an instance of one, or a Python type that annotates an attribute."""

from __future__ import annotations

import enum
from typing import Any, get_origin

from flask_uow.exc import ArgumentError
from flask_uow.sql.types.base import TypeEngine
from flask_uow.sql.types.enums import enum_for
from flask_uow.sql.types.plain import PLAIN

__all__ = ["TypeArgument", "to_instance", "type_for_annotation"]

# what stands for a type: itself, or its class where it needs no arguments
TypeArgument = TypeEngine[Any] | type[TypeEngine[Any]]


def type_for_annotation(python_type: object) -> TypeEngine[Any] | None:
    """Return the column type for a Python type that annotates an attribute, or None when there is none.

    :param python_type: a class, or a generic alias such as ``dict[str, int]``; the caller takes Optional apart.
    """
    cls = get_origin(python_type) or python_type
    if not isinstance(cls, type):
        return None
    if issubclass(cls, enum.Enum):
        return enum_for(cls)
    return PLAIN.of_annotation(cls)


def to_instance(type_: object) -> TypeEngine[Any]:
    """Return ``type_`` itself, or an instance of it when it is a class.

    :raises ArgumentError: for anything but a type of this module or a subclass of one.
    """
    if isinstance(type_, TypeEngine):
        return type_
    if isinstance(type_, type) and issubclass(type_, TypeEngine):
        try:
            return type_()
        except TypeError as error:
            raise ArgumentError(f"{type_.__name__} needs arguments ({error}). Pass an instance of it.") from error
    raise ArgumentError(f"a column type was expected, got {type_!r}. Pass one such as Integer or String(50).")
