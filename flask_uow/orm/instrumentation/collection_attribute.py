"""Attributes that hold a collection of related objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.orm.instrumentation.collections import InstrumentedList
from flask_uow.orm.instrumentation.custom_collections import collection_maker
from flask_uow.orm.state.instance_state import InstanceState, ensure_state
from flask_uow.orm.state.keeping import drop_kept
from flask_uow.orm.state.members import contains_identical, members_of, remove_identical
from flask_uow.orm.state.proxies import real_object
from flask_uow.orm.symbols import NO_VALUE, PENDING, READ, STATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flask_uow.orm.instrumentation.collections import Instrumented
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty

from flask_uow.orm.instrumentation.relationship_attributes import RelationshipAttribute

__all__ = ["CollectionAdapter", "CollectionAttribute"]


class CollectionAdapter:
    """Fills a collection of an object without events; see :func:`~flask_uow.orm.attributes.init_collection`.

    :ivar data: the collection.
    """

    def __init__(self, data: Any) -> None:
        self.data = data

    def append_without_event(self, item: object) -> None:
        """Put an object in as if it had been loaded: no change is recorded, and no other side of a relationship is told."""
        self.data.__uow_put__(item)

    def append_multiple_without_event(self, items: Iterable[object]) -> None:
        """Put objects in; see :meth:`append_without_event`."""
        self.data.__uow_fill__(items)

    def remove_without_event(self, item: object) -> None:
        """Take an object out as if it had never been loaded."""
        self.data.__uow_take__(item)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.data.__uow_items__())

    def __len__(self) -> int:
        return len(self.data.__uow_items__())


class CollectionAttribute(RelationshipAttribute):
    """An attribute that holds a collection of objects."""

    def __init__(self, key: str, parent: Mapper, prop: RelationshipProperty) -> None:
        super().__init__(key, parent, prop)
        self.make_collection = collection_maker(prop.collection_class, prop.name)

    def new_collection(self, obj: MappedObject, items: Iterable[Any] = ()) -> Any:
        """Return an instrumented collection of ``obj``, filled without any event."""
        collection = self.make_collection()
        # before it has an owner, so that nobody is told
        if items:
            collection.__uow_fill__(items)
        collection.__uow_owner__ = ensure_state(obj)
        collection.__uow_attribute__ = self
        if self.listeners is not None:
            self.listeners.tell("init_collection", obj, collection, CollectionAdapter(collection))
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
            raise self._outlived("cannot be loaded again")
        replaced = parent.__dict__.get(self.key)
        if replaced is not None and replaced is not collection:
            replaced.__uow_detach__()
        parent.__dict__[self.key] = collection
        collection.__uow_attach__(ensure_state(parent))
        return parent

    def _outlived(self, why: str) -> InvalidRequestError:
        return InvalidRequestError(
            f"a collection {self.class_.__name__}.{self.key} is being changed, and the object that it belongs to is gone and {why}. Keep a"
            " reference to the object while you change its collections."
        )

    def empty(self, obj: MappedObject) -> Any:
        values = obj.__dict__
        collection = values[self.key] = self.new_collection(obj)
        # noted, since the row may bring members along: settle() forgets one that is still empty then
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
        """Check an object that is to be put into a collection, and return the one that the listeners make of it.

        :raises InvalidRequestError: when the object that the collection belongs to is gone without ever having had a row, as in
            ``User().posts.append(post)``, and the item is in a Session, which would not save that; when the item is in another Session.
        """
        listeners = self.listeners
        parent: Any = None
        if listeners is None:
            admitted = self.check(item)
        else:
            # a validator may make an object of what is put in: of a text, say
            admitted, parent = real_object(item), collection.__uow_parent__()
            if parent is not None:
                admitted = listeners.append(parent, ensure_state(parent), admitted, self)
            admitted = self.check(admitted)
        owner = collection.__uow_owner__
        if owner is not None:
            if owner.owner is not None:
                self.refuse_stranger(owner, admitted)
            elif owner() is None and owner.row_key is None:
                state = admitted.__dict__.get(STATE)
                if state is not None and state.owner is not None:
                    raise self._outlived("had no row")
        if self.is_exclusive:
            parent = parent if parent is not None else collection.__uow_parent__()
            if parent is not None:
                self.claim_for_both(parent, admitted)
        return admitted

    def set(self, obj: MappedObject, value: object) -> None:
        state = ensure_state(obj)
        listeners, is_exclusive = self.listeners, self.is_exclusive
        old = self._to_replace(obj, state)
        if old is None and listeners is not None:
            # they are told of the collection that goes
            old = self.new_collection(obj)
        if old is value and old is not None:
            return
        before: list[Any] = old.__uow_items__() if old is not None else []
        had = {id(item) for item in before}
        items = self._items_to_set(obj, value)
        if listeners is not None:
            listeners.tell("bulk_replace", obj, items, self)
        target = self.relationship.target_class
        for number, item in enumerate(items):
            if listeners is not None and id(item) not in had:
                item = items[number] = listeners.append(obj, state, real_object(item), self)
            if type(item) is not target:
                item = items[number] = self.check(item)
            if state.owner is not None:
                self.refuse_stranger(state, item)
            if is_exclusive:
                self.claim_for_both(obj, item)
        # only now, when all were admitted: a validator that refuses one has changed nothing
        if old is not None:
            self.record(obj, state, old)
            old.__uow_detach__()
            if listeners is not None:
                listeners.tell("dispose_collection", obj, old, CollectionAdapter(old))
        made = obj.__dict__[self.key] = self.new_collection(obj, items)
        if before:
            kept = {id(item) for item in items}
            for item in before:
                if id(item) not in kept:
                    self.fire_remove(obj, item)
            items = [item for item in items if id(item) not in had]
        self.fire_appends(obj, state, items)
        after_assignment = getattr(made, "after_assignment", None)
        if after_assignment is not None:
            after_assignment()

    def _to_replace(self, obj: MappedObject, state: InstanceState) -> Any:
        """Return the collection that another one is assigned for; None where an object without a row has none yet."""
        if state.row_key is not None:
            return getattr(obj, self.key)
        values = obj.__dict__
        present = values.get(self.key)
        if present is not None and READ in values:
            values[READ].discard(self.key)
        return present

    def _items_to_set(self, obj: MappedObject, value: object) -> list[Any]:
        """Return the objects of what is assigned to the attribute.

        :raises ArgumentError: for a dict whose keys are not those that the collection gives its objects.
        """
        # what is usual, for which no collection has to be made and asked
        if type(value) is list and self.make_collection is InstrumentedList:
            return value.copy()
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
                if self.listeners is not None and not isinstance(real_object(item), self.relationship.target_class):
                    # what a validator is to make an object of
                    continue
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
            self.listeners.append(obj, state, item, self, told=True)
        if collection is None:
            if state.row_key is not None:
                # not loaded, and needs no loading for this: the change waits until somebody reads the collection
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
            self.listeners.remove(ensure_state(obj), item, self, told=True)
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
        owner = obj.__dict__[STATE].owner
        if owner is not None:
            owner.waiting.add(obj.__dict__[STATE])
        into, out_of = waiting if added else reversed(waiting)
        # what was put in and taken out again leaves nothing to be done
        if not remove_identical(out_of, item):
            into.append(item)

    def store_loaded_of(self, objects: Iterable[MappedObject], items: list[Any]) -> None:
        """Store what was loaded for several objects of one key, where they don't have the collection; see :meth:`store_loaded`."""
        for obj in objects:
            values = obj.__dict__
            # what was set while the statement was under way, by a hook say, wins over what was loaded
            if self.key in values:
                continue
            state = values.get(STATE)
            owner = state.owner if type(state) is InstanceState else None
            if owner is None or owner.modified or PENDING in values or self.listeners is not None:
                self.store_loaded(obj, items)
                continue
            # without a call more, for an object that nobody has changed: benchmarks page_eager, eager_children
            collection = self.make_collection()
            if items:
                collection.__uow_fill__(items)
            collection.__uow_owner__ = state
            collection.__uow_attribute__ = self
            values[self.key] = collection

    def store_loaded(self, obj: MappedObject, items: list[Any]) -> Any:
        """Store what was loaded from the database, with the changes that waited for it applied."""
        waiting = obj.__dict__.get(PENDING)
        added, removed = waiting.pop(self.key, ((), ())) if waiting else ((), ())
        owner = obj.__dict__[STATE].owner if STATE in obj.__dict__ else None
        if owner is not None and owner.modified and self.reverse is not None:
            removed = [
                *removed,
                *(item for item in items if self.has_left(obj, item) and not contains_identical(removed, item)),
            ]
        collection = obj.__dict__[self.key] = self.new_collection(obj, items)
        if waiting is not None and (changes := obj.__dict__[STATE].changes) and changes.get(self.key) is NO_VALUE:
            # noted by the other side; from now on there is what was before
            del changes[self.key]
        if added or removed:
            self.record(obj, ensure_state(obj), collection)
            for item in removed:
                collection.__uow_take__(item)
            for item in added:
                # a flush may have written it meanwhile, and then it was loaded with the others
                if not collection.__uow_holds__(item):
                    collection.__uow_put__(item)
        return collection
