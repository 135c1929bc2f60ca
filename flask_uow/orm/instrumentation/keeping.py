"""What an object had loaded when its values expired: set aside, and put back when the object leaves its Session.

So that objects stay readable after a unit of work whose end expires them. While they are in the Session nothing of this is seen: an
expired value is loaded anew. An object that was expired several times keeps the newest of each value.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flask_uow.orm.symbols import KEPT, STATE

__all__ = ["drop_kept", "put_values_back", "set_values_aside"]


def set_values_aside(mapper: Any, values: dict[str, Any], changed: Collection[str] | None) -> dict[str, Any]:
    """Return what an object is to keep of its ``__dict__``, whose mapped values are about to go.

    :param changed: attributes that were changed and not flushed; nothing of these is kept.
    """
    names = mapper.attribute_names
    kept = {name: value for name, value in values.items() if name in names}
    older = values.get(KEPT)
    if older:
        kept.update(_not_replaced(mapper, older, kept))
    for name in changed or ():
        kept.pop(name, None)
    return kept


def put_values_back(obj: Any) -> None:
    """Give an object that leaves its Session what was set aside, where nothing newer was loaded."""
    values = obj.__dict__
    kept = values.pop(KEPT, None)
    if not kept:
        return
    relationships = type(obj).__mapper__.relationships
    for name, value in _not_replaced(type(obj).__mapper__, kept, values).items():
        values[name] = value
        if name in relationships and relationships[name].uselist:
            # it tells of changes again
            value._owner = values[STATE]


def drop_kept(obj: Any, name: str) -> None:
    """Forget what was set aside for one attribute, which has changed since."""
    kept = obj.__dict__.get(KEPT)
    if kept:
        kept.pop(name, None)


def _not_replaced(mapper: Any, older: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    """Return the older values that hold still, beside newer ones: a related object does not once the key has another value."""
    relationships = mapper.relationships
    found = {}
    for name, value in older.items():
        if name in newer:
            continue
        prop = relationships.get(name)
        if prop is None or all(newer.get(key, older.get(key)) == older.get(key) for key in prop.local_names):
            found[name] = value
    return found
