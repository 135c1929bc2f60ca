"""Walks along relationships: which objects an operation on one object goes on to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.orm.state.members import members_of
from flask_uow.orm.symbols import PENDING, STATE, Direction

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.orm.state.instance_state import InstanceState
    from flask_uow.orm.state.session_objects import SessionObjects

__all__ = ["cascaded", "is_alone", "related"]


def related(obj: MappedObject, prop: RelationshipProperty, load: bool) -> list[Any]:
    """Return the objects that a relationship of ``obj`` reaches.

    :param load: load the relationship where it is not loaded, whatever forbids that to programs; otherwise it counts as empty then.
    """
    if prop.is_dynamic:
        return prop.attribute.members(obj, load)
    value = prop.attribute.read(obj) if load else obj.__dict__.get(prop.key)
    if value is None:
        return []
    return members_of(value) if prop.uselist else [value]


def _followed(mapper: Mapper, kind: str) -> tuple[RelationshipProperty, ...]:
    """Return the relationships of a class that a cascade goes along."""
    found: tuple[RelationshipProperty, ...] | None = mapper.memo.get(kind)
    if found is None:
        found = mapper.memo[kind] = tuple(
            prop for prop in mapper.relationships.values() if not prop.viewonly and getattr(prop.cascade, kind)
        )
    return found


def is_alone(obj: MappedObject, state: InstanceState) -> bool:
    """Return True for an object from which the cascade save-update certainly leads nowhere: nothing related is in memory."""
    memo = type(obj).__mapper__.memo
    names = memo.get("relationships and what waits")
    if names is None:
        names = memo["relationships and what waits"] = frozenset((*type(obj).__mapper__.relationships.keys(), PENDING))
    return state.changes is None and names.isdisjoint(obj.__dict__)


def _removed(changes: dict[str, Any], prop: RelationshipProperty) -> list[Any]:
    # what a detached object has lost has to come along: its row is to be deleted, or its foreign key cleared
    if prop.key not in changes:
        return []
    original = changes[prop.key]
    items = original if isinstance(original, list) else [original]
    return [item for item in items if _is_detached(item)]


def _is_detached(item: object) -> bool:
    state = item.__dict__.get(STATE) if hasattr(item, "__dict__") else None
    return state is not None and state.row_key is not None and state.owner is None


def _stops(
    current: MappedObject, prop: RelationshipProperty, item: object, objects: SessionObjects, past_unasked: bool
) -> bool:
    """Return True when a walk into a Session ends at an object: it is in already, with all that it leads to."""
    state = item.__dict__.get(STATE)
    if state is None or not objects.holds(state):
        return False
    if state in objects.deleted:
        # a new object that has got it keeps it; one that only refers to it does not
        return prop.direction is Direction.MANY_TO_ONE or current.__dict__[STATE].row_key is not None
    return not (past_unasked and state in objects.unasked)


def cascaded(
    kind: str, obj: MappedObject, load: bool = False, stop_in: SessionObjects | None = None, past_unasked: bool = False
) -> Iterator[Any]:
    """Yield the objects that an operation reaches from ``obj``, each once, ``obj`` itself left out.

    :param kind: the cascade, with an underscore: ``"save_update"``, ``"delete"``, ``"merge"``, ``"expunge"``, ``"refresh_expire"``.
    :param load: load relationships that are not loaded (needed for delete).
    :param stop_in: the objects of a Session; those that are in it already are left out, and what they lead to is not looked at. Those that it is to
        delete are not left out where a new object has got them.
    :param past_unasked: don't stop at objects that came into the Session along with others.
    """
    seen = {id(obj)}
    queue = [obj]
    followed: dict[type, tuple[RelationshipProperty, ...]] = {}
    for current in queue:
        values = current.__dict__
        state = values.get(STATE) if kind == "save_update" else None
        changes = state.changes if state is not None else None
        class_ = type(current)
        props = followed.get(class_)
        if props is None:
            props = followed[class_] = _followed(class_.__mapper__, kind)
        for prop in props:
            items: Sequence[Any]
            if load or changes or prop.uselist or prop.is_dynamic:
                items = related(current, prop, load and not (prop.passive_deletes and kind == "delete"))
                if changes:
                    items = [*items, *_removed(changes, prop)]
            else:
                # a reference, most often back to where the walk came from (benchmark: insert_graph)
                item = values.get(prop.key)
                if item is None or id(item) in seen:
                    continue
                items = (item,)
            for item in items:
                if id(item) not in seen:
                    seen.add(id(item))
                    # one without a state is in no Session
                    if (
                        stop_in is not None
                        and STATE in item.__dict__
                        and _stops(current, prop, item, stop_in, past_unasked)
                    ):
                        continue
                    queue.append(item)
                    yield item
