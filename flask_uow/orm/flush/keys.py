"""Keys along relationships: foreign keys are set from the objects that they refer to.

Each question about a key has two times. When a step is executed, the rows that it refers to are there, and :func:`carry_keys` sets the foreign
keys. While a flush is planned they may not be: :func:`future_value` and :func:`carried_values` say what a foreign key is going to be, as far as
that is known; a key that the database makes is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from flask_uow.orm.exc import DetachedInstanceError, FlushError
from flask_uow.orm.state.history import is_changed
from flask_uow.orm.state.instance_state import describe
from flask_uow.orm.state.keys import identity_values
from flask_uow.orm.symbols import NO_VALUE, STATE, Direction

if TYPE_CHECKING:
    from flask_uow.orm.flush.work import Link, WorkList
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.orm.session.session import Session

__all__ = [
    "carried_values",
    "carry_keys",
    "cleared_names",
    "future_changes",
    "future_value",
    "key_value",
    "link_pairs",
    "linked_names",
    "note_written",
    "references_of",
    "require_in_session",
    "set_column",
    "set_foreign_key",
    "stored_key_value",
]


def references_of(mapper: Mapper) -> tuple[RelationshipProperty, ...]:
    """Return the many-to-one relationships of a mapper whose foreign keys are written together with the row."""
    found: tuple[RelationshipProperty, ...] | None = mapper.memo.get("references")
    if found is None:
        found = mapper.memo["references"] = tuple(
            prop
            for prop in mapper.relationships.values()
            if prop.direction is Direction.MANY_TO_ONE and not (prop.viewonly or prop.post_update)
        )
    return found


# -- at execution: set foreign keys


def carry_keys(
    work: WorkList, mapper: Mapper, objects: list[Any], only_changed: bool, names: AbstractSet[str] | None = None
) -> None:
    """Set the foreign keys of objects from the objects that their relationships lead to.

    :param only_changed: of relationships that were changed: the objects have rows.
    :param names: the attributes that have changed, where that is known of all objects together.
    :raises FlushError: when a key is missing, or a relationship leads out of the Session.
    """
    for prop in references_of(mapper):
        if names is None or prop.key in names:
            _carry_reference(work, prop, objects, only_changed)
    links = work.links.get(mapper.base_mapper)
    if links:
        members = {id(obj) for obj in objects}
        for link in links:
            if id(link.child) in members:
                set_foreign_key(link)


def _carry_reference(work: WorkList, prop: RelationshipProperty, objects: list[Any], only_changed: bool) -> None:
    key, waiting = prop.key, work.waiting
    last: object = None
    carried: list[tuple[str, Any]] = []
    for obj in objects:
        values = obj.__dict__
        target = values.get(key)
        changes = values[STATE].changes if only_changed else None
        if only_changed and (changes is None or key not in changes):
            continue
        if target is None:
            if changes is not None and key in values and not _was_given_a_key_since(prop, changes):
                _clear_foreign_key(prop, obj)
            continue
        # the children of one parent mostly follow one another
        if target is not last:
            if waiting and work.waits(target):
                work.kept.append((obj, prop))
                continue
            state = target.__dict__.get(STATE)
            # also where an object of a subclass may come that would not be loaded as one
            if state is None or state.owner is None or (prop.takes_no_subclass and prop.mapper.subclasses):
                require_in_session(work.changes.session, obj, prop, target)
            carried = [(own, _key_value_of(prop, target, far)) for own, far in prop.pairs]
            last = target
        for own, value in carried:
            if only_changed:
                set_column(obj, own, value)
            else:
                values[own] = value


def _key_value_of(prop: RelationshipProperty, target: MappedObject, far: str) -> Any:
    # as it lies there: the usual case, without the call of a descriptor; key_value() loads what is expired
    value = target.__dict__.get(far)
    return value if value is not None else key_value(prop, target, far)


def _was_given_a_key_since(prop: RelationshipProperty, changes: dict[str, Any]) -> bool:
    """Return True where a reference was None before, was set to None again, and its foreign key was set by hand after that."""
    if changes[prop.key] is not None:
        return False
    # changes are noted in the order in which they were first made
    names = iter(changes)
    for name in names:
        if name == prop.key:
            break
    return not set(names).isdisjoint(prop.names_to_clear)


def link_pairs(link: Link) -> tuple[tuple[str, str], ...]:
    """Return the attributes of a link's foreign key, each with the parent's attribute that it holds."""
    if link.prop.direction is Direction.MANY_TO_ONE:
        return link.prop.pairs
    return tuple((own, far) for far, own in link.prop.pairs)


def set_foreign_key(link: Link) -> None:
    """Set the foreign key of a link's child, or clear it.

    :raises FlushError: when the parent has no key, or what is to be cleared is part of the child's primary key.
    """
    if link.parent is None:
        _clear_foreign_key(link.prop, link.child)
        return
    for own, far in link_pairs(link):
        set_column(link.child, own, key_value(link.prop, link.parent, far))


def _clear_foreign_key(prop: RelationshipProperty, child: MappedObject) -> None:
    for own in prop.names_to_clear:
        state = child.__dict__[STATE]
        if state.row_key is not None and own in type(child).__mapper__.primary_key_names:
            raise FlushError(
                f"cannot flush {prop.name}: {describe(child)} is to refer to nothing any more, and {own!r} is part of its primary key, which cannot"
                " be empty. Delete the object, or give it another one to refer to (the cascade 'all, delete-orphan' deletes it by itself)."
            )
        set_column(child, own, None)


def set_column(obj: MappedObject, name: str, value: object) -> None:
    """Set a column in the course of a flush, with its original value kept."""
    values = obj.__dict__
    state = values[STATE]
    if state.row_key is not None:
        present = values.get(name, NO_VALUE)
        if present is not NO_VALUE and present == value:
            return
        # the value that the row has is the one before the first change
        state.noted_changes(obj).setdefault(name, present)
    values[name] = value


def note_written(obj: MappedObject, name: str, value: object) -> None:
    """Note that an object's row has this value of a column by now, which the object itself need not have."""
    obj.__dict__[STATE].noted_changes(obj)[name] = value


def key_value(prop: RelationshipProperty, obj: MappedObject, name: str) -> Any:
    """Return an attribute of an object that is referred to.

    :raises FlushError: when it has no value.
    """
    try:
        value = getattr(obj, name)
    except DetachedInstanceError:
        # an object without a Session that has forgotten its values is still known by its key
        names, row_key = type(obj).__mapper__.primary_key_names, obj.__dict__[STATE].row_key
        if row_key is None or name not in names:
            raise
        value = identity_values(row_key)[names.index(name)]
    if value is None:
        raise FlushError(
            f"cannot flush {prop.name}: {describe(obj)} has no value for {name!r}, which the foreign key needs."
            " Give it one, or let the database make it (an integer primary key)."
        )
    return value


def stored_key_value(prop: RelationshipProperty, obj: MappedObject, name: str) -> Any:
    """Return the part of a key that rows of a secondary table have: a new one counts when it was written."""
    state = obj.__dict__[STATE]
    names = type(obj).__mapper__.primary_key_names
    if state.changes and name in state.changes and name in names and state.row_key is not None:
        return identity_values(state.row_key)[names.index(name)]
    return key_value(prop, obj, name)


def require_in_session(session: Session, obj: object, prop: RelationshipProperty, item: Any) -> None:
    """Refuse a relationship that leads out of the Session.

    :raises FlushError: when ``item`` is not in the Session, or of a subclass as which it would not be loaded again.
    """
    state = item.__dict__.get(STATE)
    if state is None or state.owner is None or state.session is not session:
        # a detached object has its row, and refers by its key
        if state is not None and state.row_key is not None and state.owner is None:
            return
        raise FlushError(
            f"cannot flush {prop.name}: {describe(item)} is not in this session; every object that a relationship reaches must be."
            f" Call session.add(obj) for it, or give {prop.name} the cascade 'save-update'."
        )
    if prop.takes_no_subclass and type(item).__mapper__ is not prop.mapper:
        name, base = type(item).__name__, prop.target_class.__name__
        raise FlushError(
            f"cannot flush {prop.name}: {describe(item)} is of the subclass {name} of {base}, whose rows do not tell the class, so that it would be"
            f" loaded as {base}. Give {base} polymorphic_on=, or pass enable_typechecks=False to the relationship."
        )


# -- in the plan: say what foreign keys will be


def carried_values(links: Iterable[Link]) -> dict[int, dict[str, Any]]:
    """Return the foreign keys that follow from collections, by the ids of the children."""
    carried: dict[int, dict[str, Any]] = {}
    for link in links:
        values = carried.setdefault(id(link.child), {})
        if link.parent is not None:
            values.update((own, _present_value(link.parent, far)) for own, far in link_pairs(link))
        else:
            # unless it is in the collection of another one by now
            for own in link.prop.names_to_clear:
                values.setdefault(own, None)
    return carried


def future_value(obj: MappedObject, name: str, depth: int = 8) -> Any:
    """Return the value that a column of an object will have; None where that is not known yet.

    :param depth: how far to follow new objects whose key is in turn that of another one.
    """
    # a key may be handed down a chain of new objects; the depth ends it where they form a circle
    state, values = obj.__dict__.get(STATE), obj.__dict__
    changes = state.changes if state is not None else None
    is_cleared = False
    for prop in type(obj).__mapper__.relationships.values():
        if prop.direction is not Direction.MANY_TO_ONE:
            continue
        target = values.get(prop.key)
        if target is not None:
            for own, far in prop.pairs:
                if own == name:
                    value = _present_value(target, far)
                    is_new = (known := target.__dict__.get(STATE)) is None or known.row_key is None
                    return future_value(target, far, depth - 1) if value is None and is_new and depth else value
        elif changes and prop.key in changes and name in prop.names_to_clear and not prop.viewonly:
            is_cleared = is_cleared or not _was_given_a_key_since(prop, changes)
    return None if is_cleared else _present_value(obj, name)


def _present_value(obj: MappedObject, name: str) -> Any:
    """Return a value without loading it; a key is known also of an expired object."""
    value = obj.__dict__.get(name)
    if value is None and (state := obj.__dict__.get(STATE)) is not None and state.row_key is not None:
        keys = type(obj).__mapper__.primary_key_names
        if name in keys and name not in obj.__dict__:
            return identity_values(state.row_key)[keys.index(name)]
    return value


def future_changes(obj: MappedObject, names: Iterable[str], links: Sequence[Link]) -> set[str]:
    """Return the columns that an UPDATE of an object will write.

    :param names: those that have a net change before keys are carried.
    :param links: foreign keys of the object that follow from collections, or are written apart.
    """
    state, found = obj.__dict__[STATE], set(names)
    changes = state.changes or {}
    carried: list[tuple[str, Any, bool]] = []
    for prop in references_of(type(obj).__mapper__) if changes else ():
        if prop.key not in changes:
            continue
        target = obj.__dict__.get(prop.key)
        if target is not None:
            carried += [(own, _value_to_be(target, far), True) for own, far in prop.pairs]
        elif not _was_given_a_key_since(prop, changes):
            carried += [(own, None, False) for own in prop.names_to_clear]
    for link in links:
        if link.parent is None:
            carried += [(own, None, False) for own in link.prop.names_to_clear]
        else:
            carried += [(own, _value_to_be(link.parent, far), True) for own, far in link_pairs(link)]
    for name, value, is_set in carried:
        # as set_column() will do it
        present = obj.__dict__.get(name, NO_VALUE)
        if present is NO_VALUE and not is_set and state.row_key is None:
            # its INSERT leaves the column empty
            continue
        if is_set and value is None:
            # a key that the database is going to make differs from all others
            found.add(name)
        elif present is NO_VALUE or present != value:
            if is_changed(changes.get(name, present), value):
                found.add(name)
            else:
                found.discard(name)
    return found


def _value_to_be(obj: MappedObject, name: str) -> Any:
    value = _present_value(obj, name)
    return future_value(obj, name) if value is None and obj.__dict__[STATE].row_key is None else value


def linked_names(families: Iterable[Iterable[Link]]) -> dict[int, set[str]]:
    """Return the foreign keys that will be set from collections, by the ids of the children."""
    names: dict[int, set[str]] = {}
    for links in families:
        for link in links:
            if link.parent is not None:
                names.setdefault(id(link.child), set()).update(own for own, _ in link_pairs(link))
    return names


def cleared_names(objects: list[Any], families: Iterable[Iterable[Link]]) -> dict[int, set[str]]:
    """Return the foreign keys that objects still have and are about to lose, by the ids of the objects."""
    names: dict[int, set[str]] = {}
    for links in families:
        for link in links:
            if link.parent is None:
                names.setdefault(id(link.child), set()).update(link.prop.names_to_clear)
    for obj in objects:
        changes = obj.__dict__[STATE].changes or ()
        for prop in references_of(type(obj).__mapper__) if changes else ():
            if prop.key in changes and obj.__dict__.get(prop.key) is None:
                names.setdefault(id(obj), set()).update(prop.names_to_clear)
    return names
