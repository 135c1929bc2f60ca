"""Keeps the values of an object that expires, and puts them back when the object leaves its Session.

So that objects stay readable after a unit of work whose end expires them. While they are in the Session nothing of this is seen: an
expired value is loaded anew. An object that was expired several times keeps the newest of each value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask_uow.orm.state.mutables import SNAPSHOTS
from flask_uow.orm.symbols import KEPT, STATE

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper

__all__ = ["collection_names", "drop_kept", "put_values_back", "set_all_aside", "set_values_aside"]

_set = object.__setattr__


def set_all_aside(obj: object, values: dict[str, Any]) -> None:
    """Have an object keep its whole ``__dict__``, which has mapped values and the state only, and begin with an empty one."""
    _set(obj, "__dict__", {STATE: values[STATE], KEPT: values})


def set_values_aside(
    mapper: Mapper, values: dict[str, Any], others: Iterable[str], changed: Iterable[str] | None
) -> dict[str, Any]:
    """Return the part of an object's ``__dict__`` that is kept when its mapped values expire.

    :param others: the names in it that are no mapped attributes.
    :param changed: attributes that were changed and not flushed; nothing of these is kept.
    """
    kept = values.copy()
    for name in others:
        if name != SNAPSHOTS:
            del kept[name]
    older = values.get(KEPT)
    if older:
        kept.update(_not_replaced(mapper, older, kept))
    if changed:
        for name in changed:
            kept.pop(name, None)
    if SNAPSHOTS in kept:
        kept[SNAPSHOTS] = {name: copy for name, copy in kept[SNAPSHOTS].items() if name in kept}
    return kept


def put_values_back(obj: MappedObject) -> None:
    """Give an object that leaves its Session what was set aside, where nothing newer was loaded."""
    values = obj.__dict__
    kept = values.get(KEPT)
    if kept is None:
        return
    mapper = type(obj).__mapper__
    if len(values) == 2 and STATE in kept:
        # nothing has been loaded since, as is nearly always so
        _set(obj, "__dict__", kept)
        values = kept
    else:
        del values[KEPT]
        values.update(_not_replaced(mapper, kept, values))
    for name in collection_names(mapper):
        if kept.get(name) is not None and values.get(name) is kept[name]:
            # it tells of changes again
            kept[name].__uow_attach__(values[STATE])


def drop_kept(obj: object, name: str) -> None:
    """Forget what was set aside for one attribute, which has changed since."""
    kept = obj.__dict__.get(KEPT)
    if kept:
        kept.pop(name, None)


def collection_names(mapper: Mapper) -> tuple[str, ...]:
    """Return the names of a class's relationships that are collections."""
    names: tuple[str, ...] | None = mapper.memo.get("collection names")
    if names is None:
        names = tuple(name for name, prop in mapper.relationships.items() if prop.uselist)
        mapper.memo["collection names"] = names
    return names


def _not_replaced(mapper: Mapper, older: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    """Return the older values that hold still, beside newer ones: a related object does not once the key has another value."""
    relationships = mapper.relationships
    found = {}
    for name, value in older.items():
        if name == SNAPSHOTS:
            # what a value is compared with goes where the value goes
            moved = {key: copy for key, copy in value.items() if key not in newer}
            found[name] = {**moved, **newer.get(SNAPSHOTS, {})}
            continue
        if name in newer:
            continue
        prop = relationships.get(name)
        if prop is None or all(newer.get(key, older.get(key)) == older.get(key) for key in prop.local_names):
            found[name] = value
    return found
