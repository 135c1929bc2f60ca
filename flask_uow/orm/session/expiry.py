"""Expiring objects: their mapped values go, so that the next access loads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask_uow.orm.instrumentation.collections import members_of
from flask_uow.orm.instrumentation.mutables import COMPOSITES, SNAPSHOTS
from flask_uow.orm.instrumentation.state import InstanceState
from flask_uow.orm.symbols import NO_VALUE, PENDING, STATE, Direction

__all__ = ["expire_all", "expire_changed", "expire_object", "loaded_values", "restore_values"]

# what of our own bookkeeping goes together with the values
_OURS = frozenset({PENDING, COMPOSITES, SNAPSHOTS})


def expire_all(session: Any, mappers: Iterable[Any] | None) -> None:
    """Expire all persistent objects of a Session.

    :param mappers: only those of these mappers; all when None. Changes that were not flushed are forgotten.
    """
    wanted = None if mappers is None else {mapper.base_mapper for mapper in mappers}
    for base, identities in list(session._identities.items()):
        if wanted is not None and base not in wanted:
            continue
        class_: type | None = None
        mapper = base
        for state in list(identities.entries.values()):
            obj = state()
            if obj is None:
                continue
            if type(obj) is not class_:
                class_ = type(obj)
                mapper = class_.__mapper__
            names = mapper.attribute_names
            values = obj.__dict__
            if state.changes is not None:
                state.changes = None
                session._modified.pop(state, None)
            if mapper.relationships:
                _detach_collections(mapper, values)
            others = values.keys() - names
            if len(others) == 1:
                # our own bookkeeping is all that is left
                values.clear()
                values[STATE] = state
            else:
                kept = [(name, values[name]) for name in values if name in others and name not in _OURS]
                values.clear()
                values.update(kept)


def expire_object(obj: Any, state: InstanceState, attribute_names: Iterable[str] | None) -> None:
    """Expire one object, or some of its attributes.

    :raises InvalidRequestError: for a name that is no attribute.
    """
    mapper = type(obj).__mapper__
    values = obj.__dict__
    names = list(attribute_names) if attribute_names is not None else list(mapper.attribute_names)
    for name in names:
        if name not in mapper.attribute_names:
            raise mapper.unknown_attribute(name)
    snapshots = values.get(SNAPSHOTS)
    for name in names:
        value = values.pop(name, None)
        if snapshots is not None:
            snapshots.pop(name, None)
        if name in mapper.relationships and mapper.relationships[name].uselist and value is not None:
            value._detach()
        elif mapper.composites:
            values.pop(COMPOSITES, None)
        if state.changes is not None:
            state.changes.pop(name, None)
        waiting = values.get(PENDING)
        if waiting is not None:
            waiting.pop(name, None)
    if not state.changes:
        state.changes = None
        if state.owner is not None:
            state.owner.modified.pop(state, None)


def expire_changed(obj: Any, names: Iterable[str]) -> None:
    """Expire the attributes of an object that a statement has changed in its row, and what follows from them.

    That is what the database changes with every UPDATE, what SQL makes of columns, and references by a foreign key that is among them.
    """
    mapper = type(obj).__mapper__
    following = mapper.memo.get("changed by every UPDATE")
    if following is None:
        made = (n for n, prop in mapper.columns.items() if getattr(prop.column, "server_onupdate", None) is not None)
        following = mapper.memo["changed by every UPDATE"] = [*mapper.computed_names, *made]
    changed = {name for name in names if name in mapper.columns}
    led_by = [
        prop.key
        for prop in mapper.relationships.values()
        if prop.direction is Direction.MANY_TO_ONE and not changed.isdisjoint(prop.local_names)
    ]
    expire_object(obj, obj.__dict__[STATE], {*changed, *following, *led_by})


def loaded_values(obj: Any, originals: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are loaded on an object, the members of collections, for :func:`restore_values`.

    :param originals: values to be returned in place of those of the same attributes; NO_VALUE for none.
    """
    mapper = type(obj).__mapper__
    values = {name: obj.__dict__[name] for name in mapper.attribute_names if name in obj.__dict__}
    for name, prop in mapper.relationships.items():
        if prop.uselist and name in values:
            values[name] = members_of(values[name])
    values.update((name, value) for name, value in originals.items() if name in mapper.attribute_names)
    return {name: value for name, value in values.items() if value is not NO_VALUE}


def restore_values(obj: Any, values: Mapping[str, Any]) -> None:
    """Give an object without a row values that it had, where it has none."""
    relationships = type(obj).__mapper__.relationships
    for name, value in values.items():
        if name not in obj.__dict__:
            prop = relationships.get(name)
            if prop is not None and prop.uselist:
                value = prop.attribute.new_collection(obj, value)
            obj.__dict__[name] = value


def _detach_collections(mapper: Any, values: dict[str, Any]) -> None:
    # a collection that someone still holds must not report changes to an attribute that will be loaded anew
    for name, prop in mapper.relationships.items():
        if prop.uselist:
            collection = values.get(name)
            if collection is not None:
                collection._detach()
