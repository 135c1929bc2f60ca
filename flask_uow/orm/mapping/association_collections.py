"""The values behind an association proxy: read from, set on and made into related objects; and the list, set and dict that show them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, MutableSequence, MutableSet
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, SupportsIndex

from flask_uow.exc import InvalidRequestError

if TYPE_CHECKING:
    from flask_uow.orm.mapping.association_proxy import AssociationProxy

__all__ = ["Behind", "ProxyDict", "ProxyList", "ProxySet"]


class Behind:
    """The related objects behind the proxy of one object: how their values are read, set, and made into objects."""

    def __init__(self, proxy: AssociationProxy[Any], obj: object) -> None:
        self.proxy = proxy
        self.obj = obj
        self.expression = proxy.of_entity(type(obj))
        self.uselist = not self.expression.scalar
        self.accessors = None
        if proxy.getset_factory is not None:
            collection_class = type(self.targets()) if self.uselist else None
            self.accessors = proxy.getset_factory(collection_class, proxy)  # type: ignore[arg-type]

    def targets(self) -> Any:
        """Return the relationship's collection."""
        return getattr(self.obj, self.proxy.target_collection)

    def get(self, target: object) -> Any:
        """Return the value of a related object."""
        if self.accessors is not None:
            return self.accessors[0](target)
        return getattr(target, self.proxy.value_attr)

    def set(self, target: object, *value: Any) -> None:
        """Set the value of a related object; with its key first for one in a dict, where the accessors are the user's own."""
        if self.accessors is not None:
            self.accessors[1](target, *value)
        else:
            setattr(target, self.proxy.value_attr, value[-1])

    def create(self, *values: Any) -> Any:
        """Return a new related object of a value, or of a key and a value.

        :raises InvalidRequestError: where the related class does not take them.
        """
        class_ = self.expression.target_class
        if self.proxy.creator is not None:
            return self.proxy.creator(*values)
        try:
            return class_(*values)
        except TypeError as error:
            name, attr = self.proxy.key, self.proxy.value_attr
            example = (
                f"lambda key, value: {class_.__name__}(..., {attr}=value)"
                if len(values) > 1
                else f"lambda value: {class_.__name__}({attr}=value)"
            )
            raise InvalidRequestError(
                f"{type(self.obj).__name__}.{name} cannot make a {class_.__name__} of {', '.join(map(repr, values))}: its constructor takes no such"
                f" argument ({error}). Say how it is made: association_proxy(..., creator={example})."
            ) from error

    def collection(self) -> Any:
        """Return the collection of values."""
        if self.proxy.proxy_factory is not None:
            return self.proxy.proxy_factory(self.targets, self.create, self.proxy.value_attr, self.proxy)
        return self._kind()(self)

    def _kind(self) -> type[ProxyList | ProxySet | ProxyDict]:
        targets = self.targets()
        emulated = getattr(targets, "__emulates__", None)
        for kind, made in ((dict, ProxyDict), (list, ProxyList), (set, ProxySet)):
            if isinstance(targets, kind) or emulated is kind:
                return made
        raise InvalidRequestError(
            f"{type(self.obj).__name__}.{self.proxy.target_collection} is a {type(targets).__name__}, which is no list, set or dict, so"
            f" {self.proxy.key} cannot show the values in it. Pass association_proxy(..., proxy_factory=...) that makes such a collection."
        )

    def replace(self, values: Any) -> None:
        """Put these values in the place of those that are there."""
        collection = self.collection()
        if self.proxy.proxy_bulk_set is not None:
            self.proxy.proxy_bulk_set(collection, values)
        elif collection is not values:
            collection.replace(values)


class ProxyList(MutableSequence[Any]):
    """The values of the objects in a list, as a list that can be changed."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind

    @property
    def col(self) -> Any:
        """The relationship's collection."""
        return self._behind.targets()

    def _values(self) -> list[Any]:
        return [self._behind.get(target) for target in self.col]

    def replace(self, values: Iterable[Any]) -> None:
        """Put values in the place of all; objects whose value comes again stay."""
        present = list(self.col)
        unused = [(self._behind.get(target), target) for target in present]
        made = []
        # each object is used once, also where a value comes twice
        for value in values:
            place = next((n for n, (held, _) in enumerate(unused) if held == value), None)
            made.append(self._behind.create(value) if place is None else unused.pop(place)[1])
        setattr(self._behind.obj, self._behind.proxy.target_collection, made)

    def __len__(self) -> int:
        return len(self.col)

    def __bool__(self) -> bool:
        return bool(self.col)

    def __getitem__(self, index: object) -> Any:
        if isinstance(index, slice):
            return [self._behind.get(target) for target in self.col[index]]
        return self._behind.get(self.col[index])

    def __setitem__(self, index: SupportsIndex | slice, value: Any) -> None:
        if isinstance(index, slice):
            values = self._values()
            values[index] = value
            self.replace(values)
        else:
            self._behind.set(self.col[index], value)

    def __delitem__(self, index: SupportsIndex | slice) -> None:
        del self.col[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values())

    def __contains__(self, value: object) -> bool:
        return value in self._values()

    def insert(self, index: int, value: object) -> None:
        self.col.insert(index, self._behind.create(value))

    def append(self, value: object) -> None:
        self.col.append(self._behind.create(value))

    def sort(self, *, key: Any = None, reverse: bool = False) -> None:
        """Sort by the values."""
        self.replace(sorted(self._values(), key=key, reverse=reverse))

    def reverse(self) -> None:
        self.replace(self._values()[::-1])

    def copy(self) -> list[Any]:
        """Return a list of the values."""
        return self._values()

    def clear(self) -> None:
        del self.col[:]

    def __eq__(self, other: object) -> bool:
        return self._values() == (other._values() if isinstance(other, ProxyList) else other)

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: Iterable[Any]) -> bool:
        return self._values() < list(other)

    def __le__(self, other: Iterable[Any]) -> bool:
        return self._values() <= list(other)

    def __gt__(self, other: Iterable[Any]) -> bool:
        return self._values() > list(other)

    def __ge__(self, other: Iterable[Any]) -> bool:
        return self._values() >= list(other)

    def __add__(self, other: Iterable[Any]) -> list[Any]:
        return [*self._values(), *other]

    def __radd__(self, other: Iterable[Any]) -> list[Any]:
        return [*other, *self._values()]

    def __mul__(self, times: int) -> list[Any]:
        return self._values() * times

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return repr(self._values())


class ProxySet(MutableSet[Any]):
    """The values of the objects in a set, as a set that can be changed."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind

    @property
    def col(self) -> Any:
        """The relationship's collection."""
        return self._behind.targets()

    @classmethod
    def _from_iterable(cls, values: Iterable[Any]) -> set[Any]:
        # what the operators of the base class make is a plain set
        return set(values)

    def replace(self, values: Iterable[Any]) -> None:
        """Put values in the place of all; objects whose value comes again stay."""
        wanted = set(values)
        for target in list(self.col):
            if self._behind.get(target) not in wanted:
                self.col.discard(target)
        self.update(wanted)

    def __len__(self) -> int:
        return len(self.col)

    def __bool__(self) -> bool:
        return bool(self.col)

    def __iter__(self) -> Iterator[Any]:
        return iter([self._behind.get(target) for target in self.col])

    def __contains__(self, value: object) -> bool:
        return any(held == value for held in self)

    def add(self, value: object) -> None:
        if value not in self:
            self.col.add(self._behind.create(value))

    def discard(self, value: object) -> None:
        for target in list(self.col):
            if self._behind.get(target) == value:
                self.col.discard(target)
                return

    def update(self, *others: Iterable[Any]) -> None:
        """Add the values of others."""
        for other in others:
            # a copy, since the other may be this very set
            for value in list(other):
                self.add(value)

    def difference_update(self, *others: Iterable[Any]) -> None:
        """Take the values of others out."""
        for other in others:
            for value in list(other):
                self.discard(value)

    def intersection_update(self, *others: Iterable[Any]) -> None:
        """Keep what all others have, too."""
        self.replace(set(self).intersection(*others))

    def symmetric_difference_update(self, other: Iterable[Any]) -> None:
        """Keep what one of the two has, but not both."""
        self.replace(set(self) ^ set(other))

    def copy(self) -> set[Any]:
        """Return a set of the values."""
        return set(self)

    def union(self, *others: Iterable[Any]) -> set[Any]:
        """Return a set of the values and those of others."""
        return set(self).union(*others)

    def intersection(self, *others: Iterable[Any]) -> set[Any]:
        """Return a set of the values that all others have, too."""
        return set(self).intersection(*others)

    def difference(self, *others: Iterable[Any]) -> set[Any]:
        """Return a set of the values that no other has."""
        return set(self).difference(*others)

    def symmetric_difference(self, other: Iterable[Any]) -> set[Any]:
        """Return a set of the values that one of the two has, but not both."""
        return set(self) ^ set(other)

    def issubset(self, other: Iterable[Any]) -> bool:
        """Return True where the other has all values."""
        return set(self) <= set(other)

    def issuperset(self, other: Iterable[Any]) -> bool:
        """Return True where all values of the other are here."""
        return set(self) >= set(other)

    def __eq__(self, other: object) -> bool:
        return set(self) == (set(other) if isinstance(other, AbstractSet) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(set(self))


class ProxyDict(MutableMapping[Any, Any]):
    """The values of the objects in a dict by their keys, as a dict that can be changed."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind

    @property
    def col(self) -> Any:
        """The relationship's collection."""
        return self._behind.targets()

    def replace(self, values: Any) -> None:
        """Put values in the place of all; objects whose key comes again stay, with the new value."""
        wanted = dict(values)
        for key in [key for key in self.col if key not in wanted]:
            del self.col[key]
        self.update(wanted)

    def __len__(self) -> int:
        return len(self.col)

    def __bool__(self) -> bool:
        return bool(self.col)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.col)

    def __contains__(self, key: object) -> bool:
        return key in self.col

    def __getitem__(self, key: object) -> Any:
        return self._behind.get(self.col[key])

    def __setitem__(self, key: object, value: object) -> None:
        if key in self.col:
            target = self.col[key]
            if self._behind.accessors is not None:
                self._behind.set(target, key, value)
            else:
                self._behind.set(target, value)
        else:
            self.col[key] = self._behind.create(key, value)

    def __delitem__(self, key: object) -> None:
        del self.col[key]

    def clear(self) -> None:
        self.col.clear()

    def copy(self) -> dict[Any, Any]:
        """Return a dict of the values."""
        return dict(self.items())

    def __eq__(self, other: object) -> bool:
        return dict(self.items()) == (dict(other.items()) if isinstance(other, Mapping) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(dict(self.items()))
