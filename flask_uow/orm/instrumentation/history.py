"""What has changed about an attribute: added, unchanged, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from flask_uow.orm.instrumentation.state import instance_state
from flask_uow.orm.symbols import NO_VALUE

__all__ = ["History", "get_history", "is_changed"]


class History(NamedTuple):
    """The history of an attribute since its object was loaded or flushed; each part is a list."""

    added: Sequence[Any]
    unchanged: Sequence[Any]
    deleted: Sequence[Any]

    def has_changes(self) -> bool:
        """Return True when something was added or deleted."""
        return bool(self.added or self.deleted)

    def __bool__(self) -> bool:
        return bool(self.added or self.unchanged or self.deleted)


def is_changed(old: Any, new: Any) -> bool:
    """Return True when two values of a column differ; equal values of any type are no change."""
    if old is new:
        return False
    if old is NO_VALUE:
        return True
    if hasattr(new, "__clause_element__"):
        return True
    return bool(old != new)


def get_history(obj: Any, key: str) -> History:
    """Return the history of an attribute. Loads nothing.

    :param key: the attribute's name.
    :raises UnmappedInstanceError: when the object's class is not mapped.
    """
    state = instance_state(obj)
    values = obj.__dict__
    if key in state.mapper.relationships and state.mapper.relationships[key].uselist:
        return _collection_history(state, values.get(key), key)
    present = values.get(key, NO_VALUE)
    changes = state.changes or {}
    if state.identity is None:
        return History([] if present is NO_VALUE else [present], [], [])
    if key not in changes:
        return History([], [] if present is NO_VALUE else [present], [])
    original = changes[key]
    relationship = key in state.mapper.relationships
    if (present is original) if relationship else not is_changed(original, present):
        return History([], [present], [])
    return History([present], [], [] if original is NO_VALUE or original is None else [original])


def _collection_history(state: Any, collection: Any, key: str) -> History:
    present = list(collection) if collection is not None else []
    if state.identity is None:
        return History(present, [], [])
    if key not in (state.changes or {}):
        return History([], present, [])
    original = state.changes[key]
    had = {id(item) for item in original}
    has = {id(item) for item in present}
    return History(
        [item for item in present if id(item) not in had],
        [item for item in present if id(item) in had],
        [item for item in original if id(item) not in has],
    )
