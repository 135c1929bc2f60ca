"""The history of an attribute: what was added, is unchanged, was deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from flask_uow.orm.state.instance_state import instance_state
from flask_uow.orm.state.members import contains_identical, members_of
from flask_uow.orm.state.mutables import record_mutations
from flask_uow.orm.symbols import NO_VALUE, PENDING, STATE, STAYED, Direction
from flask_uow.sql.types.decorated import own_comparison

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.state.instance_state import InstanceState

__all__ = ["History", "comparisons_of", "get_history", "has_net_changes", "is_changed", "is_changed_by_type", "stays"]


class History(NamedTuple):
    """The history of an attribute since its object was loaded or flushed; each part is a list."""

    added: Sequence[Any]
    unchanged: Sequence[Any]
    deleted: Sequence[Any]

    def has_changes(self) -> bool:
        """Return True when something was added or deleted."""
        return bool(self.added or self.deleted)

    def empty(self) -> bool:
        """Return True when there is nothing: the attribute was neither loaded nor set."""
        return not self

    def sum(self) -> list[Any]:
        """Return all three parts as one list: added, unchanged, deleted."""
        return [*self.added, *self.unchanged, *self.deleted]

    def non_deleted(self) -> list[Any]:
        """Return the present values: added and unchanged."""
        return [*self.added, *self.unchanged]

    def non_added(self) -> list[Any]:
        """Return the values before: unchanged and deleted."""
        return [*self.unchanged, *self.deleted]

    def __bool__(self) -> bool:
        return bool(self.added or self.unchanged or self.deleted)


def is_changed(old: object, new: object) -> bool:
    """Return True when two values of a column differ; equal values of any type are no change."""
    if old is new:
        return False
    if old is NO_VALUE:
        return True
    # an SQL expression: the database alone knows its value
    if hasattr(new, "__clause_element__"):
        return True
    try:
        equal: Any = old == new
        if equal is True or equal is False:
            return not equal
        # what is no truth value says nothing: an object of the value's own, an array of the truths of its members
        return not (hasattr(type(equal), "__bool__") and equal)
    except Exception:  # noqa: BLE001 - values that cannot be compared are not known to be equal
        return True


def comparisons_of(mapper: Mapper) -> Mapping[str, Callable[[Any, Any], object]]:
    """Return the attributes of a class whose types compare values in a way of their own, with ``compare_values()`` of each."""
    found: dict[str, Callable[[Any, Any], object]] | None = mapper.memo.get("comparisons")
    if found is None:
        found = mapper.memo["comparisons"] = {}
        for name, prop in mapper.column_attrs.items():
            compare = own_comparison(prop.column.type) if prop.is_stored else None
            if compare is not None:
                found[name] = compare
    return found


def is_changed_by_type(compare: Callable[[Any, Any], object] | None, old: object, new: object) -> bool:
    """:func:`is_changed`, where the type of the column may say whether two values are the same."""
    if compare is None or old is new or old is NO_VALUE or new is NO_VALUE or hasattr(new, "__clause_element__"):
        return is_changed(old, new)
    return not compare(old, new)


def get_history(obj: object, key: str, passive: bool = False) -> History:
    """Return the history of an attribute. Loads nothing but the members of a dynamic relationship.

    :param key: the attribute's name.
    :param passive: don't load these either: only what is to be written is said of a dynamic relationship then.
    :raises UnmappedInstanceError: when the object's class is not mapped.
    """
    state = instance_state(obj)
    values = obj.__dict__
    if key in state.mapper.descriptors:
        found: History | None = state.mapper.descriptors[key].history(state.obj, partial(get_history, state.obj))
        if found is not None:
            return found
    prop = state.mapper.relationships.get(key)
    if prop is not None and prop.uselist:
        if prop.is_dynamic:
            added, removed = values.get(PENDING, {}).get(key, ((), ()))
            members: Sequence[Any] = ()
            if not passive and state.persistent and state.session is not None:
                with state.session.no_autoflush:
                    members = prop.attribute.members(state.obj, load=True)
            unchanged = [item for item in members if not contains_identical(added, item)]
            return History(list(added), unchanged, list(removed))
        return _collection_history(state, values.get(key), key)
    if state.mapper.mutable_types and not _is_new(state):
        # a value that has changed in place has told nobody
        record_mutations(state, state.obj)
    present = values.get(key, NO_VALUE)
    changes = state.changes or {}
    if _is_new(state):
        left = _left(state.obj, key, (present,)) if prop is not None else []
        if prop is not None and stays(state.obj, key, present):
            return History([], [present], [])
        return History([] if present is NO_VALUE else [present], [], left)
    if key not in changes:
        return History([], [] if present is NO_VALUE else [present], [])
    original = changes[key]
    # related objects by identity, since they may compare in a way of their own
    if (
        present is original
        if prop is not None
        else not is_changed_by_type(comparisons_of(state.mapper).get(key), original, present)
    ):
        return History([], [present], [])
    return History([present], [], [] if original is NO_VALUE or original is None else [original])


def stays(obj: MappedObject, key: str, item: Any) -> bool:
    """Return True for a related object that stays with the row which an object had before it was made transient."""
    stayed = obj.__dict__.get(STAYED)
    return (
        stayed is not None
        and contains_identical(stayed.get(key, ()), item)
        and item.__dict__[STATE].row_key is not None
    )


def _left(obj: MappedObject, key: str, present: Sequence[Any]) -> list[Any]:
    """Return the objects that were taken out of a relationship, or replaced, of those that would stay."""
    stayed = obj.__dict__.get(STAYED, {}).get(key, ())
    return [
        item for item in stayed if not contains_identical(present, item) and item.__dict__[STATE].row_key is not None
    ]


def _is_new(state: InstanceState) -> bool:
    # a flush that has inserted the row, and is not over yet, leaves the history as it was
    return state.row_key is None or (state.session is not None and state in state.session.objects.new)


def has_net_changes(obj: object, include_collections: bool = True, passive: bool = False) -> bool:
    """Return True when an object differs from what was loaded or flushed.

    :param include_collections: count relationships whose foreign key is not in the object's own row.
    :param passive: don't load collections that wait for changes to be applied.
    :raises UnmappedInstanceError: when the object's class is not mapped.
    """
    state = instance_state(obj)
    mapper = state.mapper
    if state.row_key is not None and (mapper.mutable_types or mapper.composites):
        record_mutations(state, state.obj)
    waiting = [
        name
        for name, changes in obj.__dict__.get(PENDING, {}).items()
        if any(changes) and not mapper.relationships[name].is_dynamic
    ]
    if include_collections and waiting:
        if passive or state.session is None:
            return True
        # a collection that is loaded takes in what waits for it
        for name in waiting:
            mapper.relationships[name].attribute.read(state.obj)
    for name in list(mapper.attribute_names if _is_new(state) else state.changes or ()):
        prop = mapper.relationships.get(name)
        if name in mapper.column_attrs and not mapper.column_attrs[name].is_stored:
            # set by hand, in place of what SQL would make of the row
            continue
        if prop is not None and prop.direction is not Direction.MANY_TO_ONE and not include_collections:
            continue
        if get_history(obj, name, passive=True).has_changes():
            return True
    return False


def _collection_history(state: InstanceState, collection: object, key: str) -> History:
    present = members_of(collection) if collection is not None else []
    if _is_new(state):
        if STAYED not in state.obj.__dict__:
            return History(present, [], [])
        unchanged = [item for item in present if stays(state.obj, key, item)]
        added = [item for item in present if not contains_identical(unchanged, item)]
        return History(added, unchanged, _left(state.obj, key, present))
    if state.changes is None or key not in state.changes:
        return History([], present, [])
    original = state.changes[key]
    if original is NO_VALUE:
        # a collection that is not loaded, whose changes this side has to write
        return History([], present, [])
    had = {id(item) for item in original}
    has = {id(item) for item in present}
    return History(
        [item for item in present if id(item) not in had],
        [item for item in present if id(item) in had],
        [item for item in original if id(item) not in has],
    )
