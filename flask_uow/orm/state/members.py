"""The members of a collection, by identity: the objects' own ``__eq__`` is not called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_uow.exc import ArgumentError
from flask_uow.orm.symbols import READ

__all__ = ["TrackedCollection", "contains_identical", "is_only_read", "members_of", "remove_identical"]


class TrackedCollection:
    """A collection that tells its object what is put in and taken out; see :mod:`flask_uow.orm.instrumentation.collections`."""

    __slots__ = ()

    def __uow_items__(self) -> list[Any]:
        """Return the members."""
        raise NotImplementedError

    def __uow_detach__(self) -> None:
        """Report no changes from now on."""
        raise NotImplementedError


def contains_identical(items: Iterable[object], item: object) -> bool:
    """Return True when the very object is a member."""
    return any(other is item for other in items)


def remove_identical(items: list[Any], item: object) -> bool:
    """Take the very object out of a plain list; return False where it is no member."""
    for number, other in enumerate(items):
        if other is item:
            del items[number]
            return True
    return False


def members_of(collection: Any) -> list[Any]:
    """Return the members of a collection, of a tracked one or (from a pickle) a plain one.

    :raises ArgumentError: for something that is no collection.
    """
    if isinstance(collection, TrackedCollection):
        return collection.__uow_items__()
    if isinstance(collection, dict):
        return list(collection.values())
    if isinstance(collection, (str, bytes)) or not hasattr(collection, "__iter__"):
        raise ArgumentError(f"a collection of objects was expected, got {collection!r}. To empty it, assign [].")
    return list(collection)


def is_only_read(obj: object, name: str) -> bool:
    """Return True for a collection of an object without a row that is there because it was read, and says nothing of the row: it is empty still."""
    values = obj.__dict__
    return name in values.get(READ, ()) and not values[name].__uow_items__()
