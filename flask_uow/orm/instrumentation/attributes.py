"""Attributes of mapped classes: a value on objects, an expression on classes.

Values live in ``obj.__dict__`` under the attribute's name. The descriptors here have no ``__set__``, so Python reads a loaded
value from the ``__dict__`` directly and calls ``__get__`` only where it is absent: expired, not loaded yet, or never set.
Writes pass through the ``__setattr__`` that :mod:`flask_uow.orm.instrumentation.class_manager` installs. Relationships keep
both sides in step: what happens on one side is told to the other *silently*, so that no event runs in a circle.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.orm.exc import DetachedInstanceError
from flask_uow.orm.instrumentation.custom_collections import collection_maker
from flask_uow.orm.instrumentation.events import Listeners
from flask_uow.orm.instrumentation.relationship_operators import RelationshipOperators
from flask_uow.orm.interfaces import AttributeLoader
from flask_uow.orm.state.instance_state import InstanceState, describe, ensure_state
from flask_uow.orm.state.keeping import drop_kept
from flask_uow.orm.state.members import contains_identical, members_of, remove_identical
from flask_uow.orm.state.proxies import real_object, real_value
from flask_uow.orm.symbols import NO_VALUE, PARENTS, PENDING, READ, STATE, Direction
from flask_uow.sql.expressions import ColumnElement, ColumnOperators
from flask_uow.sql.sourced import Sourced

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask_uow.orm.instrumentation.collections import Instrumented
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.properties import ColumnProperty
    from flask_uow.orm.mapping.relationships import RelationshipProperty
    from flask_uow.orm.session.session import Session

__all__ = [
    "Attribute",
    "CollectionAttribute",
    "ColumnAttribute",
    "RelationshipAttribute",
    "ScalarRelationshipAttribute",
]


class Attribute(ColumnOperators):
    """An attribute of a mapped class, as the class shows it.

    :ivar key: its name.
    :ivar parent: the mapper.
    :ivar property: the property of the mapper behind it.
    :ivar loader: gives the value where it is absent from an object.
    """

    loader: AttributeLoader

    def __init__(self, key: str, parent: Mapper, prop: ColumnProperty | RelationshipProperty) -> None:
        self.key = key
        self.parent = parent
        # the kinds of attribute have kinds of property
        self.property: Any = prop
        self.__doc__ = getattr(prop, "doc", None)

    @property
    def class_(self) -> type:
        """The mapped class."""
        return self.parent.class_

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        if obj is None:
            factory = self.property.comparator_factory
            return self if factory is None else factory.around(self)
        state = obj.__dict__.get(STATE)
        if state is None or state.row_key is None:
            return self.empty(obj)
        if state.owner is None:
            raise self.detached(obj)
        return self.loader.load(obj, state)

    def empty(self, obj: MappedObject) -> Any:
        """Return the value that the attribute has on an object without a row, where none was set."""
        return None

    def detached(self, obj: MappedObject) -> DetachedInstanceError:
        """Return the error for a load on an object that is in no Session."""
        return DetachedInstanceError(
            f"{type(obj).__name__}.{self.key} of {describe(obj)} is not loaded, and the object is in no Session that could load it"
            " (its Session was closed, or its request has ended). Read the attribute before that, or bring the object into"
            " the present Session with session.merge(obj) or session.add(obj)."
        )

    def __repr__(self) -> str:
        return f"<{self.class_.__name__}.{self.key}>"


class ColumnAttribute(Attribute):
    """An attribute that holds the value of a column.

    :ivar selected_name: what the item of a row is called that was asked for as a synonym of the attribute; None for the attribute itself.
    """

    selected_name: str | None = None

    def called(self, name: str) -> ColumnAttribute:
        """Return the attribute as a synonym of it gives it: the same but for the name that it has in rows."""
        made = copy.copy(self)
        made.selected_name = name
        return made

    def empty(self, obj: MappedObject) -> Any:
        # a new object of a polymorphic class has its identity without being told
        return self.parent.polymorphic_identity if self.key == self.parent.discriminator else None

    def __clause_element__(self) -> ColumnElement[Any]:
        columns: list[Any] = self.property.columns
        found: ColumnElement[Any] = columns[0]
        if len(columns) > 1 and self.parent.inherits is not None:
            # the key of a joined subclass: its own table's column tells its rows from those of other classes
            for column in columns:
                if column.table is self.parent.local_table:
                    found = column
                    break
        return found

    def as_operand(self) -> ColumnElement[Any]:
        return operand_of(self.__clause_element__(), self.parent, self.property)

    @property
    def type(self) -> Any:
        """The SQL type of the column."""
        return self.property.column.type

    @property
    def name(self) -> str:
        """The column's name."""
        name: str = self.property.column.name
        return name

    @property
    def expression(self) -> ColumnElement[Any]:
        """The column."""
        column: ColumnElement[Any] = self.property.column
        return column


def operand_of(element: ColumnElement[Any], entity: Any, prop: object) -> ColumnElement[Any]:
    """Return the operand for an attribute of a class, or of an alias of one, within an expression."""
    mapper = entity.mapper
    is_enough = mapper.inherits is None and not mapper.is_stood_for and getattr(prop, "is_stored", True)
    return element if is_enough else Sourced(element, entity)


class RelationshipAttribute(RelationshipOperators, Attribute):
    """The base of the attributes of relationships, scalar ones and collections.

    :ivar reverse: the attribute of the other side, None for a one-way relationship.
    :ivar listeners: validators and extensions, or None.
    """

    reverse: RelationshipAttribute | None = None
    listeners: Listeners | None = None
    # True where this side or the other has single_parent
    is_exclusive: bool = False

    def __init__(self, key: str, parent: Mapper, prop: RelationshipProperty) -> None:
        super().__init__(key, parent, prop)
        self.relationship = prop

    def record(self, obj: MappedObject, state: InstanceState | None, original: object) -> None:
        """Keep the original value of the attribute at its first change, and hold the object until it is flushed."""
        if state is None or state.row_key is None:
            return
        changes = state.changes
        if changes is None:
            changes = state.changes = {}
            if state.owner is not None:
                state.owner.modified[state] = obj
        if self.key not in changes:
            changes[self.key] = members_of(original) if self.relationship.uselist else original

    def check(self, item: object) -> Any:
        """Return an object that may be related; where a proxy is given, the one that it stands for.

        :raises ArgumentError: for an object of a wrong class.
        """
        target = self.relationship.target_class
        if type(item) is target:
            return item
        item = real_object(item)
        if not isinstance(item, target):
            raise ArgumentError(
                f"{self.class_.__name__}.{self.key} takes objects of {target.__name__}, got {item.__class__.__name__}: {item!r}."
            )
        return item

    def claim(self, obj: MappedObject, item: MappedObject) -> None:
        """Note the one parent that an object of a relationship with ``single_parent`` may have.

        :raises InvalidRequestError: when it has another one.
        """
        if not self.relationship.single_parent:
            return
        parents = item.__dict__.setdefault(PARENTS, {})
        known = parents.get(self.key)
        parent = known() if known is not None else None
        if parent is not None and parent is not obj:
            held = parent.__dict__.get(self.key)
            if held is item or (
                self.relationship.uselist and held is not None and contains_identical(held.__uow_items__(), item)
            ):
                raise InvalidRequestError(
                    f"{self.class_.__name__}.{self.key} has single_parent=True, and {describe(item)} belongs to {describe(parent)} already. Take it"
                    " out there first."
                )
        parents[self.key] = ensure_state(obj)

    def claim_for_both(self, obj: MappedObject, item: MappedObject) -> None:
        """Note the one parent that either of two objects may have, before they are put together.

        :raises InvalidRequestError: when it has another one.
        """
        self.claim(obj, item)
        if self.reverse is not None:
            self.reverse.claim(item, obj)

    def note_parent(self, obj: MappedObject, item: MappedObject) -> None:
        """Note the one parent of an object, as the other side tells it."""
        if self.relationship.single_parent:
            item.__dict__.setdefault(PARENTS, {})[self.key] = ensure_state(obj)

    def fire_append(self, obj: MappedObject, item: MappedObject) -> None:
        """Tell the other side, and the Session, that ``item`` was put into the collection of ``obj``."""
        if self.reverse is not None:
            self.reverse.silently_add(item, obj)
        self.cascade_add(obj, item)

    def fire_remove(self, obj: MappedObject, item: MappedObject) -> None:
        """Tell the other side that ``item`` was taken out of the collection of ``obj``."""
        if self.listeners is not None:
            self.listeners.remove(ensure_state(obj), item, self)
        if self.reverse is not None:
            self.reverse.silently_remove(item, obj)
        if self.relationship.cascade.delete_orphan:
            expunge_pending(item)

    def cascade_add(self, obj: MappedObject, item: MappedObject) -> None:
        """Put each side into the other's Session, where the relationship says so (cascade save-update).

        What comes in this way was not added by the user yet, see :meth:`Session._bring_along`.
        """
        own = obj.__dict__.get(STATE)
        other = item.__dict__.get(STATE)
        own_owner = own.owner if own is not None else None
        other_owner = other.owner if other is not None else None
        if own_owner is not None and other_owner is None and self.relationship.cascade.save_update:
            session = own_owner.session_ref()
            if session is not None:
                session.objects.bring_along(item)
        elif other_owner is not None and own_owner is None and self.reverse is not None:
            if self.reverse.relationship.cascade.save_update:
                session = other_owner.session_ref()
                if session is not None:
                    session.objects.bring_along(obj)
        elif own_owner is not None and other_owner is not None:
            session = own_owner.session_ref()
            if session is not None and session.objects.deleted:
                self._take_back_deleted(session, obj, item)

    def _take_back_deleted(self, session: Session, obj: MappedObject, item: MappedObject) -> None:
        """Unmark an object that is to be deleted, when one that owns it (by the cascade delete) and stays has got it."""
        reverse = self.reverse.relationship if self.reverse is not None else None
        for prop, parent, child in ((self.relationship, obj, item), (reverse, item, obj)):
            if prop is None or prop.direction is Direction.MANY_TO_ONE:
                continue
            if (
                not (prop.cascade.save_update and prop.cascade.delete)
                or parent.__dict__[STATE] in session.objects.deleted
            ):
                continue
            if child.__dict__[STATE] in session.objects.deleted and child.__dict__[STATE].session is session:
                session.objects.add(child)

    def set(self, obj: MappedObject, value: Any) -> None:
        """Set the attribute as the user does."""
        raise NotImplementedError

    def silently_add(self, obj: MappedObject, item: MappedObject) -> None:
        """Put ``item`` in, as the consequence of a change on the other side."""
        raise NotImplementedError

    def silently_remove(self, obj: MappedObject, item: MappedObject) -> None:
        """Take ``item`` out, as the consequence of a change on the other side."""
        raise NotImplementedError

    def new_collection(self, obj: MappedObject, items: Iterable[Any] = ()) -> Any:
        """Return a collection of ``obj`` with some members, where the relationship is one that has collections."""
        raise NotImplementedError

    def members(self, obj: MappedObject, load: bool) -> list[Any]:
        """Return the related objects, where the relationship is a dynamic one."""
        raise NotImplementedError

    # -- comparisons, as criteria of a query

    def __clause_element__(self) -> ColumnElement[Any]:
        raise ArgumentError(
            f"{self.class_.__name__}.{self.key} is a relationship, not a column. "
            "Compare it with == to an object, or use any(), has(), contains() or join()."
        )

    def of_type(self, target: Any) -> Any:
        """Return the relationship leading to an alias of its class: ``join(User.posts.of_type(alias))``."""
        return self.relationship.sql.of_type(self, target)

    def and_(self, *criteria: Any) -> Any:
        """Return the relationship to those related objects that fulfil criteria, too: for joins and for loader options."""
        return self.relationship.sql.with_criteria(self, criteria)

    def within(self, sources: Any, froms: Any) -> Any:
        """Return the relationship between the classes that a statement is about, where these are subclasses of its own."""
        return self.relationship.sql.within(self, sources, froms)

    def starting_at(self, view: Any) -> Any:
        """Return the relationship starting from a view of its class."""
        return self.relationship.sql.starting_at(self, view)


def expunge_pending(orphan: MappedObject) -> None:
    """Take an object that lost its only parent out of the Session, if it has no row yet: it would be deleted at once."""
    state = orphan.__dict__.get(STATE)
    if state is not None and state.row_key is None and state.owner is not None:
        session = state.owner.session_ref()
        if session is not None:
            session.expunge(orphan)


class ScalarRelationshipAttribute(RelationshipAttribute):
    """An attribute that refers to one object."""

    def current(self, obj: MappedObject) -> Any:
        """Return the present value without any SQL; NO_VALUE where that is not known."""
        values = obj.__dict__
        if self.key in values:
            return values[self.key]
        state = values.get(STATE)
        if state is None or state.row_key is None:
            return None
        return self.relationship.in_memory(obj, state)

    def set(self, obj: MappedObject, value: Any) -> None:
        if value is not None:
            if value is NO_VALUE:
                # the constructor of a dataclass was not given it
                return
            if type(value) is not self.relationship.target_class and (value := real_value(value)) is not None:
                value = self.check(value)
            if value is not None:
                self.claim(obj, value)
        old = self.current(obj)
        values = obj.__dict__
        wanted = self.relationship.active_history or (self.listeners is not None and self.listeners.active_history)
        if old is NO_VALUE and (wanted or self._leaves_another_row):
            old = self._load(obj, values[STATE])
        if self.listeners is not None:
            value = real_value(self.listeners.set(obj, ensure_state(obj), value, old, self))
        if value is None and self.relationship.direction is Direction.MANY_TO_ONE:
            self._clear_key(obj)
        if old is value and self.key in values:
            return
        self.record(obj, ensure_state(obj), old)
        values[self.key] = value
        reverse = self.reverse
        if reverse is not None:
            if old is not None and old is not NO_VALUE and old is not value:
                reverse.silently_remove(old, obj)
            if value is not None:
                reverse.silently_add(value, obj)
        self._drop_orphan(old)
        if value is not None:
            self.cascade_add(obj, value)
        elif old is not None and reverse is not None and reverse.relationship.cascade.delete_orphan:
            # what never had a parent has lost none
            expunge_pending(obj)

    @property
    def _leaves_another_row(self) -> bool:
        """True where a row that was referred to has to be known: it is to lose its foreign key, or is an orphan now."""
        return self.relationship.direction is not Direction.MANY_TO_ONE or self.relationship.cascade.delete_orphan

    def _clear_key(self, obj: MappedObject) -> None:
        """Clear a foreign key that was set by hand, or by a flush that was undone: the relationship may not know of it."""
        values = obj.__dict__
        for own in self.relationship.names_to_clear if not self.relationship.viewonly else ():
            if values.get(own) is None:
                continue
            state = ensure_state(obj)
            if state.row_key is None:
                values[own] = None
            elif self.key in values and values[self.key] is None:
                if state.changes is None:
                    state.changes = {}
                    if state.owner is not None:
                        state.owner.modified[state] = obj
                state.changes.setdefault(own, values[own])
                values[own] = None

    def _drop_orphan(self, replaced: Any) -> None:
        if self.relationship.cascade.delete_orphan and replaced is not None and replaced is not NO_VALUE:
            expunge_pending(replaced)

    def _load(self, obj: MappedObject, state: InstanceState) -> Any:
        session = state.session
        if session is None:
            return NO_VALUE
        with session.no_autoflush:
            return self.loader.load(obj, state)

    def silently_add(self, obj: MappedObject, item: MappedObject) -> None:
        previous = self.current(obj)
        values = obj.__dict__
        if previous is item and self.key in values:
            return
        if previous is NO_VALUE and self._leaves_another_row:
            previous = self._load(obj, values[STATE])
        if self.listeners is not None:
            self.listeners.set(obj, ensure_state(obj), item, previous, self)
        self.record(obj, ensure_state(obj), previous)
        values[self.key] = item
        if self.is_exclusive:
            self.note_parent(obj, item)
        if previous is not None and previous is not NO_VALUE and previous is not item and self.reverse is not None:
            self.reverse.silently_remove(previous, obj)
            self._drop_orphan(previous)

    def silently_remove(self, obj: MappedObject, item: MappedObject) -> None:
        current = self.current(obj)
        if current is item or current is NO_VALUE:
            if self.relationship.direction is Direction.MANY_TO_ONE:
                self._clear_key(obj)
            self.record(obj, ensure_state(obj), item if current is NO_VALUE else current)
            obj.__dict__[self.key] = None


class CollectionAttribute(RelationshipAttribute):
    """An attribute that holds a collection of objects."""

    def __init__(self, key: str, parent: Mapper, prop: RelationshipProperty) -> None:
        super().__init__(key, parent, prop)
        self.make_collection = collection_maker(prop.collection_class, prop.name)

    def new_collection(self, obj: MappedObject, items: Iterable[Any] = ()) -> Any:
        """Return an instrumented collection of ``obj``, filled without any event."""
        collection = self.make_collection()
        if items:
            collection.__uow_fill__(items)
        collection.__uow_owner__ = ensure_state(obj)
        collection.__uow_attribute__ = self
        return collection

    def revive_parent(self, collection: Instrumented, gone: InstanceState) -> Any:
        """Bring the object back that a collection belongs to, when the collection outlived it; None where it had no row.

        :raises InvalidRequestError: when no Session could load it.
        """
        if gone.row_key is None:
            return None
        session = gone.session
        parent: Any = None
        if session is not None:
            # a change is on its way that the flush should have, too
            with session.no_autoflush:
                parent = session.get(self.class_, gone.row_key)
        if parent is None:
            raise InvalidRequestError(
                f"a collection {self.class_.__name__}.{self.key} is being changed, and the object that it belongs to is gone"
                " and cannot be loaded again. Keep a reference to the object while you change its collections."
            )
        replaced = parent.__dict__.get(self.key)
        if replaced is not None and replaced is not collection:
            replaced.__uow_detach__()
        parent.__dict__[self.key] = collection
        collection.__uow_attach__(ensure_state(parent))
        return parent

    def empty(self, obj: MappedObject) -> Any:
        values = obj.__dict__
        collection = values[self.key] = self.new_collection(obj)
        read = values.get(READ)
        if read is None:
            values[READ] = {self.key}
        else:
            read.add(self.key)
        return collection

    def take_back(self, collection: Instrumented, parent: MappedObject) -> None:
        """Make a collection that was read before its object had a row, and that someone still holds, the object's again."""
        present = getattr(parent, self.key)
        if present is not collection:
            present.__uow_detach__()
            for item in collection.__uow_items__():
                collection.__uow_take__(item)
            collection.__uow_fill__(present.__uow_items__())
            parent.__dict__[self.key] = collection

    def admit(self, collection: Instrumented, item: object) -> Any:
        """Check an object that is to be put into a collection, and return the one that the listeners make of it."""
        admitted = self.check(item)
        if self.listeners is None and not self.is_exclusive:
            return admitted
        parent = collection.__uow_parent__()
        if parent is None:
            return admitted
        self.claim_for_both(parent, admitted)
        if self.listeners is None:
            return admitted
        return real_object(self.listeners.append(parent, ensure_state(parent), admitted, self))

    def set(self, obj: MappedObject, value: Any) -> None:
        state = ensure_state(obj)
        if state.row_key is None:
            old = obj.__dict__.get(self.key)
            if old is None:
                old = self.new_collection(obj)
            elif READ in obj.__dict__:
                obj.__dict__[READ].discard(self.key)
        else:
            old = getattr(obj, self.key)
        if old is value:
            return
        before = old.__uow_items__()
        had = {id(item) for item in before}
        items = self._items_to_set(obj, value)
        listeners, is_exclusive = self.listeners, self.is_exclusive
        for number, item in enumerate(items):
            item = items[number] = self.check(item)
            if is_exclusive:
                self.claim_for_both(obj, item)
            if listeners is not None and id(item) not in had:
                items[number] = real_object(listeners.append(obj, state, item, self))
        self.record(obj, state, old)
        old.__uow_detach__()
        made = obj.__dict__[self.key] = self.new_collection(obj, items)
        kept = {id(item) for item in items}
        for item in before:
            if id(item) not in kept:
                self.fire_remove(obj, item)
        for item in items:
            if id(item) not in had:
                self.fire_append(obj, item)
        after_assignment = getattr(made, "after_assignment", None)
        if after_assignment is not None:
            after_assignment()

    def _items_to_set(self, obj: MappedObject, value: object) -> list[Any]:
        """Return the objects of what is assigned to the attribute.

        :raises ArgumentError: for a dict whose keys are not those that the collection gives its objects.
        """
        sample = self.make_collection()
        converter = getattr(sample, "__uow_converter__", None)
        if converter is not None:
            return list(getattr(sample, converter)(value))
        if value is None or isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
            raise ArgumentError(
                f"{self.class_.__name__}.{self.key} is a collection and takes an iterable of objects, got {value!r}."
                " To empty it, assign []."
            )
        keyfunc = getattr(sample, "keyfunc", None)
        if keyfunc is not None and isinstance(value, dict):
            for key, item in value.items():
                if keyfunc(self.check(item)) != key:
                    raise ArgumentError(
                        f"{self.class_.__name__}.{self.key}: {item!r} is given under the key {key!r}, and its key in this collection is"
                        f" {keyfunc(item)!r}. Assign a dict with the right keys, or a list."
                    )
        return members_of(value)

    def silently_add(self, obj: MappedObject, item: MappedObject) -> None:
        values = obj.__dict__
        collection = values.get(self.key)
        state = ensure_state(obj)
        if self.listeners is not None:
            self.listeners.append(obj, state, item, self)
        if collection is None:
            if state.row_key is not None:
                self._wait(obj, item, added=True)
                return
            collection = values[self.key] = self.new_collection(obj)
        if not collection.__uow_holds__(item):
            self.record(obj, state, collection)
            collection.__uow_put__(item)
        if self.is_exclusive:
            self.note_parent(obj, item)

    def silently_remove(self, obj: MappedObject, item: MappedObject) -> None:
        values = obj.__dict__
        collection = values.get(self.key)
        if self.listeners is not None:
            self.listeners.remove(ensure_state(obj), item, self)
        if collection is None:
            state = values.get(STATE)
            if state is not None and state.row_key is not None:
                self._wait(obj, item, added=False)
            return
        if contains_identical(collection.__uow_items__(), item):
            self.record(obj, values.get(STATE), collection)
            collection.__uow_take__(item)

    def _wait(self, obj: MappedObject, item: MappedObject, added: bool) -> None:
        # the collection is not loaded: the change is applied when it is
        drop_kept(obj, self.key)
        waiting = obj.__dict__.setdefault(PENDING, {}).setdefault(self.key, ([], []))
        into, out_of = waiting if added else reversed(waiting)
        if not remove_identical(out_of, item):
            into.append(item)

    def store_loaded(self, obj: MappedObject, items: list[Any]) -> Any:
        """Store what was loaded from the database, with the changes that waited for it applied."""
        waiting = obj.__dict__.get(PENDING)
        added, removed = waiting.pop(self.key, ((), ())) if waiting else ((), ())
        collection = obj.__dict__[self.key] = self.new_collection(obj, items)
        if added or removed:
            self.record(obj, ensure_state(obj), collection)
            for item in removed:
                collection.__uow_take__(item)
            for item in added:
                if not collection.__uow_holds__(item):
                    collection.__uow_put__(item)
        return collection
