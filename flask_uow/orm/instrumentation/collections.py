"""Lists and sets that tell their attribute what is put in and taken out.

A collection belongs to one attribute of one object; replaced by another collection, it becomes a plain one. Membership
goes by identity: the objects' own ``__eq__`` is not called by us.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar

from flask_uow.exc import ArgumentError
from flask_uow.orm.instrumentation.state import InstanceState, ensure_state

if TYPE_CHECKING:
    from flask_uow.orm.instrumentation.attributes import CollectionAttribute

__all__ = ["InstrumentedList", "InstrumentedSet", "collection_type"]

T = TypeVar("T")


class _Instrumented:
    """What the collections share: the owner, and the events.

    :ivar _owner: the state of the object that the collection belongs to; None once it was replaced.
    """

    __slots__ = ()
    _attribute: CollectionAttribute

    def _parent(self) -> Any:
        owner: InstanceState | None = getattr(self, "_owner", None)
        if owner is None:
            return None
        obj = owner()
        # in session.get(User, 1).posts.append(post) nobody holds the user any more when append is called
        return obj if obj is not None else self._attribute.revive_parent(self, owner)

    def _before(self) -> Any:
        """Note the present members as the original value; return the parent, or None."""
        parent = self._parent()
        if parent is not None:
            self._attribute.record(parent, ensure_state(parent), self)
        return parent


class InstrumentedList(_Instrumented, list[T]):
    """A list of related objects."""

    __slots__ = ("_attribute", "_owner", "__weakref__")
    _owner: InstanceState | None

    def _detach(self) -> None:
        self._owner = None

    def _added(self, parent: Any, item: Any) -> None:
        if parent is not None:
            self._attribute.fire_append(parent, item)

    def _removed(self, parent: Any, item: Any) -> None:
        if parent is not None and not any(other is item for other in self):
            self._attribute.fire_remove(parent, item)

    def append(self, item: T) -> None:
        self._attribute.check(item)
        parent = self._before()
        list.append(self, item)
        self._added(parent, item)

    def extend(self, items: Iterable[T]) -> None:
        for item in list(items):
            self.append(item)

    def __iadd__(self, items: Iterable[T]) -> InstrumentedList[T]:  # type: ignore[override,misc]
        self.extend(items)
        return self

    def insert(self, index: SupportsIndex, item: T) -> None:
        self._attribute.check(item)
        parent = self._before()
        list.insert(self, index, item)
        self._added(parent, item)

    def remove(self, item: T) -> None:
        for index, other in enumerate(self):
            if other is item:
                del self[index]
                return
        raise ValueError(f"{item!r} is not in the collection")

    def pop(self, index: SupportsIndex = -1) -> T:
        parent = self._before()
        item = list.pop(self, index)
        self._removed(parent, item)
        return item

    def clear(self) -> None:
        del self[:]

    def __setitem__(self, index: Any, value: Any) -> None:
        values = list(value) if isinstance(index, slice) else [value]
        for item in values:
            self._attribute.check(item)
        parent = self._before()
        old = self[index] if isinstance(index, slice) else [self[index]]
        list.__setitem__(self, index, values if isinstance(index, slice) else value)
        for item in old:
            self._removed(parent, item)
        for item in values:
            self._added(parent, item)

    def __delitem__(self, index: Any) -> None:
        parent = self._before()
        old = self[index] if isinstance(index, slice) else [self[index]]
        list.__delitem__(self, index)
        for item in old:
            self._removed(parent, item)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return (list, (list(self),))


class InstrumentedSet(_Instrumented, set[T]):
    """A set of related objects; their hash is the classes' own."""

    __slots__ = ("_attribute", "_owner")
    _owner: InstanceState | None

    def _detach(self) -> None:
        self._owner = None

    def add(self, item: T) -> None:
        if item in self:
            return
        self._attribute.check(item)
        parent = self._before()
        set.add(self, item)
        if parent is not None:
            self._attribute.fire_append(parent, item)

    # the name by which attributes put objects into any collection
    append = add

    def discard(self, item: Any) -> None:
        if item in self:
            self.remove(item)

    def remove(self, item: T) -> None:
        if item not in self:
            raise KeyError(item)
        parent = self._before()
        set.remove(self, item)
        if parent is not None:
            self._attribute.fire_remove(parent, item)

    def pop(self) -> T:
        for item in self:
            self.remove(item)
            return item
        raise KeyError("pop from an empty set")

    def clear(self) -> None:
        for item in list(self):
            self.remove(item)

    def update(self, *others: Iterable[T]) -> None:
        for other in others:
            for item in list(other):
                self.add(item)

    def difference_update(self, *others: Iterable[Any]) -> None:
        for other in others:
            for item in list(other):
                self.discard(item)

    def intersection_update(self, *others: Iterable[Any]) -> None:
        kept = set(self).intersection(*others)
        for item in list(self):
            if item not in kept:
                self.remove(item)

    def symmetric_difference_update(self, other: Iterable[T]) -> None:
        for item in set(other):
            if item in self:
                self.remove(item)
            else:
                self.add(item)

    def __ior__(self, other: Any) -> InstrumentedSet[T]:  # type: ignore[override,misc]
        self.update(other)
        return self

    def __isub__(self, other: Any) -> InstrumentedSet[T]:  # type: ignore[misc]
        self.difference_update(other)
        return self

    def __iand__(self, other: Any) -> InstrumentedSet[T]:  # type: ignore[misc]
        self.intersection_update(other)
        return self

    def __ixor__(self, other: Any) -> InstrumentedSet[T]:  # type: ignore[override,misc]
        self.symmetric_difference_update(other)
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return (set, (list(self),))


def collection_type(given: Any) -> type[InstrumentedList[Any] | InstrumentedSet[Any]]:
    """Return the instrumented class for ``collection_class``.

    :raises ArgumentError: for anything but list and set.
    """
    if given is None or given is list:
        return InstrumentedList
    if given is set:
        return InstrumentedSet
    raise ArgumentError(f"collection_class={given!r} is not supported; use list or set.")


def raw_append(collection: Any, item: Any) -> None:
    """Put an object in without any event."""
    if isinstance(collection, list):
        list.append(collection, item)
    else:
        set.add(collection, item)


def raw_remove(collection: Any, item: Any) -> None:
    """Take an object out, by identity, without any event."""
    if isinstance(collection, list):
        for index, other in enumerate(collection):
            if other is item:
                list.__delitem__(collection, index)
                return
    else:
        set.discard(collection, item)


def contains_identical(collection: Iterable[Any], item: Any) -> bool:
    """Return True when the very object is a member."""
    return any(other is item for other in collection)
