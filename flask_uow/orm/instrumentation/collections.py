"""Lists, sets and dicts that tell their attribute what is put in and taken out.

A collection belongs to one attribute of one object; replaced by another collection, it becomes a plain one. Membership
goes by identity: the objects' own ``__eq__`` is not called by us. Each kind is a class of methods over the plain class, which also
stands over a user's own subclass of it; what users mark as their collections' methods is in
:mod:`~flask_uow.orm.instrumentation.custom_collections`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Self, SupportsIndex, TypeAlias, cast

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.state.instance_state import InstanceState, ensure_state
from flask_uow.orm.state.members import TrackedCollection, contains_identical
from flask_uow.orm.state.proxies import real_object

if TYPE_CHECKING:
    from flask_uow.orm.instrumentation.collection_attribute import CollectionAttribute
    from flask_uow.orm.interfaces import MappedObject

__all__ = [
    "DictMethods",
    "Instrumented",
    "InstrumentedList",
    "InstrumentedSet",
    "ListMethods",
    "MappedCollection",
    "SetMethods",
    "attribute_mapped_collection",
    "column_mapped_collection",
    "mapped_collection",
]


# The methods below stand before those of list, set or dict, whichever class they are made part of, and go on to them by super().
if TYPE_CHECKING:
    _List: TypeAlias = list[Any]
    _Set: TypeAlias = set[Any]
    _Dict: TypeAlias = dict[Any, Any]
else:
    _List = _Set = _Dict = object


class Instrumented(TrackedCollection):
    """The base of tracked collections: the owner, and the events.

    :ivar __uow_owner__: the state of the object that the collection belongs to; None once it was replaced, and while it is changed silently.
    """

    __slots__ = ()
    __uow_attribute__: CollectionAttribute
    __uow_owner__: InstanceState | None

    def __uow_parent__(self) -> Any:
        owner: InstanceState | None = getattr(self, "__uow_owner__", None)
        if owner is None:
            return None
        obj = owner()
        # in session.get(User, 1).posts.append(post) nobody holds the user any more when append is called
        return obj if obj is not None else self.__uow_attribute__.revive_parent(self, owner)

    def __uow_before__(self) -> Any:
        """Note the present members as the original value; return the parent, or None."""
        parent = self.__uow_parent__()
        if parent is not None:
            attribute = self.__uow_attribute__
            if attribute.key not in parent.__dict__:
                attribute.take_back(self, parent)
            attribute.record(parent, ensure_state(parent), self)
        return parent

    def __uow_admit__(self, item: object) -> Any:
        """Check an object that is to be put in, and return the one that validators make of it."""
        if getattr(self, "__uow_owner__", None) is None:
            return item
        return self.__uow_attribute__.admit(self, item)

    def __uow_added__(self, parent: MappedObject, item: object) -> None:
        if parent is not None:
            self.__uow_attribute__.fire_append(parent, item)

    def __uow_removed__(self, parent: MappedObject, item: object) -> None:
        if parent is not None and not contains_identical(self.__uow_items__(), item):
            self.__uow_attribute__.fire_remove(parent, item)

    def __uow_all_removed__(self, parent: MappedObject, items: list[Any]) -> None:
        if parent is not None:
            present = {id(item) for item in self.__uow_items__()}
            for item in items:
                if id(item) not in present:
                    self.__uow_attribute__.fire_remove(parent, item)

    def __uow_holds__(self, item: object) -> bool:
        """Return True when the very object is a member."""
        return contains_identical(self.__uow_items__(), item)

    def __uow_attach__(self, owner: InstanceState) -> None:
        """Report changes to an object from now on."""
        setattr(self, "__uow_owner__", owner)  # noqa: B010 - the slot is the subclasses'

    def __uow_detach__(self) -> None:
        setattr(self, "__uow_owner__", None)  # noqa: B010 - the slot is the subclasses'

    def __uow_put__(self, item: object) -> None:
        """Put an object in without any event."""
        raise NotImplementedError

    def __uow_take__(self, item: object) -> None:
        """Take an object out, by identity, without any event."""
        raise NotImplementedError

    def __uow_fill__(self, items: Iterable[Any]) -> None:
        """Put the first objects in, without any event."""
        for item in items:
            self.__uow_put__(item)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        # plain, since a tracked one leads to its object's Session: adopt_collections() makes it one again
        return (list, (self.__uow_items__(),))


class ListMethods(Instrumented, _List):
    """The methods of a list of related objects."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __getitem__(self, index: SupportsIndex | slice) -> Any: ...
        def __iter__(self) -> Any: ...

    def append(self, item: object) -> None:
        item = self.__uow_admit__(item)
        parent = self.__uow_before__()
        super().append(item)
        self.__uow_added__(parent, item)

    def extend(self, items: Iterable[Any]) -> None:
        # a copy, since it may be this very list
        for item in list(items):
            self.append(item)

    def __iadd__(self, items: Iterable[Any]) -> Self:  # type: ignore[misc] # + gives a plain list
        self.extend(items)
        return self

    def __imul__(self, count: object) -> Any:
        raise InvalidRequestError("a collection of related objects cannot be multiplied: an object is in it once.")

    def insert(self, index: SupportsIndex, item: object) -> None:
        item = self.__uow_admit__(item)
        parent = self.__uow_before__()
        super().insert(index, item)
        self.__uow_added__(parent, item)

    def remove(self, item: object) -> None:
        item = real_object(item)
        for index, other in enumerate(self):
            if other is item:
                del self[index]
                return
        raise ValueError(f"{item!r} is not in the collection")

    def pop(self, index: SupportsIndex = -1) -> Any:
        parent = self.__uow_before__()
        item = super().pop(index)
        self.__uow_removed__(parent, item)
        return item

    def clear(self) -> None:
        del self[:]

    def __setitem__(self, index: SupportsIndex | slice, value: Any) -> None:
        # all of them are checked before anything is changed
        values = [self.__uow_admit__(item) for item in (list(value) if isinstance(index, slice) else [value])]
        parent = self.__uow_before__()
        old = self[index] if isinstance(index, slice) else [self[index]]
        super().__setitem__(index, values if isinstance(index, slice) else values[0])
        self.__uow_all_removed__(parent, old)
        for item in values:
            self.__uow_added__(parent, item)

    def __delitem__(self, index: SupportsIndex | slice) -> None:
        parent = self.__uow_before__()
        old = self[index] if isinstance(index, slice) else [self[index]]
        super().__delitem__(index)
        self.__uow_all_removed__(parent, old)

    def __uow_items__(self) -> list[Any]:
        return list(self)

    def __uow_put__(self, item: object) -> None:
        super().append(item)

    def __uow_take__(self, item: object) -> None:
        for index, other in enumerate(self):
            if other is item:
                super().__delitem__(index)
                return


class SetMethods(Instrumented, _Set):
    """The methods of a set of related objects; their hash is the classes' own."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __iter__(self) -> Any: ...
        def __contains__(self, item: object) -> bool: ...
        def intersection(self, *others: Any) -> Any: ...

    def add(self, item: object) -> None:
        if item in self:
            return
        item = self.__uow_admit__(item)
        parent = self.__uow_before__()
        super().add(item)
        self.__uow_added__(parent, item)

    def discard(self, item: object) -> None:
        if item in self:
            self.remove(item)

    def remove(self, item: object) -> None:
        if item not in self:
            raise KeyError(item)
        member = self.__uow_member__(item)
        parent = self.__uow_before__()
        super().remove(item)
        self.__uow_removed__(parent, member)

    def __uow_member__(self, item: object) -> Any:
        item = real_object(item)
        # by the classes' own __eq__ an equal object stands for the one that is in the set
        if cast(Any, type(item)).__eq__ is object.__eq__ or any(other is item for other in self):
            return item
        return next((other for other in self if other == item), item)

    def __uow_removed__(self, parent: MappedObject, item: object) -> None:
        # a set cannot hold an object twice
        if parent is not None:
            self.__uow_attribute__.fire_remove(parent, item)

    def pop(self) -> Any:
        for item in self:
            self.remove(item)
            return item
        raise KeyError("pop from an empty set")

    def clear(self) -> None:
        for item in list(self):
            self.remove(item)

    def update(self, *others: Iterable[Any]) -> None:
        for other in others:
            for item in list(other):
                self.add(item)

    def difference_update(self, *others: Iterable[Any]) -> None:
        for other in others:
            for item in list(other):
                self.discard(item)

    def intersection_update(self, *others: Iterable[Any]) -> None:
        kept = self.intersection(*others)
        for item in list(self):
            if item not in kept:
                self.remove(item)

    def symmetric_difference_update(self, other: Iterable[Any]) -> None:
        for item in set(other):
            if item in self:
                self.remove(item)
            else:
                self.add(item)

    def __ior__(self, other: Iterable[Any]) -> Self:  # type: ignore[misc] # the operator gives a plain collection
        self.update(other)
        return self

    def __isub__(self, other: Iterable[Any]) -> Self:  # type: ignore[misc] # the operator gives a plain collection
        self.difference_update(other)
        return self

    def __iand__(self, other: Iterable[Any]) -> Self:  # type: ignore[misc] # the operator gives a plain collection
        self.intersection_update(other)
        return self

    def __ixor__(self, other: Iterable[Any]) -> Self:  # type: ignore[misc] # the operator gives a plain collection
        self.symmetric_difference_update(other)
        return self

    def __uow_items__(self) -> list[Any]:
        return list(self)

    def __uow_put__(self, item: object) -> None:
        super().add(item)

    def __uow_take__(self, item: object) -> None:
        super().discard(item)


_ABSENT: Any = object()


class DictMethods(Instrumented, _Dict):
    """The methods of a dict of related objects, by a key that each object gives."""

    __slots__ = ()

    if TYPE_CHECKING:
        keyfunc: Callable[[Any], Any]

        def __getitem__(self, key: object) -> Any: ...
        def __iter__(self) -> Any: ...
        def get(self, key: object, default: object = None) -> Any: ...
        def keys(self) -> Any: ...

    def __setitem__(self, key: object, item: object) -> None:
        item = self.__uow_admit__(item)
        old = self.get(key, _ABSENT)
        if old is item:
            return
        parent = self.__uow_before__()
        super().__setitem__(key, item)
        if old is not _ABSENT:
            self.__uow_removed__(parent, old)
        self.__uow_added__(parent, item)

    def __delitem__(self, key: object) -> None:
        item = self[key]
        parent = self.__uow_before__()
        super().__delitem__(key)
        self.__uow_removed__(parent, item)

    def pop(self, key: object, default: object = _ABSENT) -> Any:
        item = self.get(key, default)
        if item is _ABSENT:
            raise KeyError(key)
        if key in self.keys():
            del self[key]
        return item

    def popitem(self) -> tuple[Any, Any]:
        for key in reversed(list(self)):
            return key, self.pop(key)
        raise KeyError("popitem(): the dictionary is empty")

    def clear(self) -> None:
        items = self.__uow_items__()
        parent = self.__uow_before__()
        super().clear()
        self.__uow_all_removed__(parent, items)

    def setdefault(self, key: object, default: object = None) -> Any:
        if key not in self.keys():
            self[key] = default
        return self[key]

    def update(self, *others: Any, **named: Any) -> None:
        for key, item in dict(*others, **named).items():
            self[key] = item

    def __ior__(self, other: Iterable[Any]) -> Self:  # type: ignore[override,misc] # pairs are taken as well
        self.update(other)
        return self

    def __uow_items__(self) -> list[Any]:
        return list(dict.values(self))

    def __uow_put__(self, item: object) -> None:
        key = self.keyfunc(item)
        if key is not _NO_KEY:
            super().__setitem__(key, item)

    def __uow_take__(self, item: object) -> None:
        # the object's key may have changed since it was put in
        for key in list(self):
            if self[key] is item:
                super().__delitem__(key)


# the key of an object that is left out of a dict
_NO_KEY: Any = object()


class MappedCollection(dict[Any, Any]):
    """A dict of related objects, each under the key that a function finds on it.

    :param keyfunc: returns the key of an object.
    """

    def __init__(self, keyfunc: Callable[[Any], Any]) -> None:
        super().__init__()
        self.keyfunc = keyfunc

    def set(self, item: object) -> None:
        """Put an object in under its key."""
        item = real_object(item)
        key = self.keyfunc(item)
        if key is not _NO_KEY:
            self[key] = item

    def remove(self, item: object) -> None:
        """Take an object out.

        :raises InvalidRequestError: when another object, or none, is under its key.
        """
        item = real_object(item)
        key = self.keyfunc(item)
        if key is _NO_KEY:
            return
        if self.get(key) is not item:
            raise InvalidRequestError(
                f"{item!r} is not under its key {key!r} in the collection. Has the attribute that gives the key changed since it was put in?"
            )
        del self[key]


# below that many members looking at each is as fast
_WORTH_AN_INDEX = 32


class InstrumentedList(ListMethods, list[Any]):
    """A list of related objects.

    :ivar __uow_ids__: the identities of its members, while objects are put in one after the other from the other side; else None.
    """

    __slots__ = ("__weakref__", "__uow_attribute__", "__uow_ids__", "__uow_owner__")
    __uow_owner__: InstanceState | None
    __uow_ids__: set[int] | None

    def __uow_fill__(self, items: Iterable[Any]) -> None:
        self.__uow_ids__ = None
        list.extend(self, items)

    def __uow_before__(self) -> Any:
        # what follows may take members out, and then the index is worthless
        self.__uow_ids__ = None
        return super().__uow_before__()

    def __uow_holds__(self, item: object) -> bool:
        if len(self) < _WORTH_AN_INDEX:
            return contains_identical(self, item)
        if getattr(self, "__uow_ids__", None) is None:
            self.__uow_ids__ = set(map(id, self))
        return id(item) in (self.__uow_ids__ or ())

    def __uow_put__(self, item: object) -> None:
        list.append(self, item)
        ids = getattr(self, "__uow_ids__", None)
        if ids is not None:
            ids.add(id(item))

    def __uow_take__(self, item: object) -> None:
        self.__uow_ids__ = None
        super().__uow_take__(item)


class InstrumentedSet(SetMethods, set[Any]):
    """A set of related objects."""

    __slots__ = ("__uow_attribute__", "__uow_owner__")
    __uow_owner__: InstanceState | None

    def __uow_fill__(self, items: Iterable[Any]) -> None:
        set.update(self, items)

    # by this name a set can be filled like a list
    append = SetMethods.add


def mapped_collection(
    keyfunc: Callable[[Any], Any], *, ignore_unpopulated_attribute: bool = False
) -> Callable[[], MappedCollection]:
    """Return a ``collection_class``: a dict of the related objects by what ``keyfunc(obj)`` returns; :func:`keyfunc_mapping` is the same.

    :param ignore_unpopulated_attribute: leave out objects whose key is None, rather than have them under None: objects that get it later.
    """
    if not ignore_unpopulated_attribute:
        return lambda: MappedCollection(keyfunc)

    def key_or_none(obj: MappedObject) -> Any:
        key = keyfunc(obj)
        return _NO_KEY if key is None else key

    return lambda: MappedCollection(key_or_none)


def attribute_mapped_collection(
    name: str, *, ignore_unpopulated_attribute: bool = False
) -> Callable[[], MappedCollection]:
    """Return a ``collection_class``: a dict of the related objects by an attribute of theirs, which should not change.

    :func:`attribute_keyed_dict` is the same.

    :param ignore_unpopulated_attribute: as for :func:`mapped_collection`.
    """
    return mapped_collection(attrgetter(name), ignore_unpopulated_attribute=ignore_unpopulated_attribute)


def column_mapped_collection(
    column: object, *, ignore_unpopulated_attribute: bool = False
) -> Callable[[], MappedCollection]:
    """Return a ``collection_class``: a dict of the related objects by the value of a column, or a tuple for a list of columns.

    :func:`column_keyed_dict` is the same.

    :param column: a column of their table (or a list of them), which a mapped attribute stands for.
    :param ignore_unpopulated_attribute: as for :func:`mapped_collection`.
    """
    columns: list[Any] = list(column) if isinstance(column, (list, tuple)) else [column]
    plain = [c.__clause_element__() if hasattr(c, "__clause_element__") else c for c in columns]

    def keyfunc(obj: MappedObject) -> Any:
        mapper: Any = type(obj).__mapper__
        values = tuple(getattr(obj, mapper.name_of_column(c)) for c in plain)
        if ignore_unpopulated_attribute and None in values:
            return None
        return values[0] if len(values) == 1 else values

    return mapped_collection(keyfunc, ignore_unpopulated_attribute=ignore_unpopulated_attribute)
