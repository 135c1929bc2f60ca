"""The listeners of mapped attributes, brought to the attributes that they are of: at configuration, and whenever they change.

:class:`~flask_uow.orm.instrumentation.events.AttributeEvents` keeps the listeners by class and name; an attribute holds those of its own, so that
a write asks nobody. Called by the mapper and by :mod:`flask_uow.orm.events`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.orm.instrumentation.events import FamilyListeners, Listeners
from flask_uow.orm.mapping.properties import ACTIVE_HISTORY

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty

__all__ = ["listen_anew", "listen_to_column", "listen_to_relationship"]


def listen_to_column(mapper: Mapper, name: str) -> None:
    """Have assignments to a column attribute checked, and told to what listens; nothing is assigned to an expression."""
    prop = mapper.column_attrs[name]
    if prop.is_stored:
        column = prop.column
        versioning = mapper.versioning
        # an UPDATE is to find the version before, whoever sets the next one
        is_version = versioning is not None and versioning.is_given and versioning.name == name
        loads_first = is_version or bool(getattr(column, "info", {}).get(ACTIVE_HISTORY))
        mapper.manager.check_assignments_of(name, column.type, mapper.events.of(name), loads_first)


def listen_to_relationship(prop: RelationshipProperty) -> None:
    """Have changes of a relationship told to what listens to it, on its class and on subclasses."""
    parent: Mapper = prop.parent
    events, key = parent.events, prop.key
    sharing = [
        m.events for m in parent.descendants if m.relationships.get(key) is prop and m.events.differ(events, key)
    ]
    prop.attribute.listeners = own = events.of(key)
    if sharing:
        # subclasses share the attribute itself, so whose listeners are called is found by the object's class
        found = [listeners for each in sharing if (listeners := each.of(key)) is not None]
        loads_old = any(listeners.active_history for listeners in [own, *found] if listeners is not None)
        prop.attribute.listeners = FamilyListeners(key, loads_old, lambda cls: _listeners_of(cls, key))


def _listeners_of(cls: type, name: str) -> Listeners | None:
    # classes of users' own have their mapper by inheritance
    mapped: Any = cls
    mapper: Mapper = mapped.__mapper__
    return mapper.events.of(name)


def listen_anew(mapper: Mapper, name: str) -> None:
    """Take note that what listens to an attribute has changed."""
    if name in mapper.column_attrs:
        if mapper.column_attrs[name].is_stored:
            listen_to_column(mapper, name)
            listeners = mapper.events.of(name)
            vars(mapper.class_)[name].init_scalar = (
                listeners if listeners is not None and "init_scalar" in listeners.others else None
            )
    elif name in mapper.relationships and mapper.relationships[name].is_installed:
        listen_to_relationship(mapper.relationships[name])
