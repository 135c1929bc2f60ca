"""Types by what users write: a class or an instance of one, or a Python type that annotates an attribute."""

from __future__ import annotations

import enum
from typing import Any, get_origin

from flask_uow.exc import ArgumentError
from flask_uow.sql.types.basic import BY_ANNOTATION, TypeEngine, enum_for

__all__ = ["to_instance", "type_for_annotation"]


def type_for_annotation(python_type: Any) -> TypeEngine[Any] | None:
    """Return the column type for a Python type that annotates an attribute, or None when there is none.

    :param python_type: a class, or a generic alias such as ``dict[str, int]``; the caller takes Optional apart.
    """
    cls = get_origin(python_type) or python_type
    if not isinstance(cls, type):
        return None
    if issubclass(cls, enum.Enum):
        return enum_for(cls)
    return BY_ANNOTATION.get(cls)


def to_instance(type_: Any) -> TypeEngine[Any]:
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
