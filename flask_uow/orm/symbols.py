"""Sentinels, directions and cascades: the small vocabulary of the orm."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator

from flask_uow.exc import ArgumentError, did_you_mean

__all__ = ["NO_VALUE", "STATE", "Cascades", "Direction", "ExtensionType", "NoValue", "cascade_named"]

# the key under which an object keeps its InstanceState in its __dict__
STATE = "_uow_state"
# the key of changes that wait for a collection to be loaded
PENDING = "_uow_pending"
# the key of what was loaded in an earlier transaction, which comes back when the object leaves its Session
KEPT = "_uow_kept"
# the key of the names of collections that were read while their object had no row
READ = "_uow_read"
# the key that marks objects whose INSERT was undone, or that were made transient: their collections are as they were
UNDONE = "_uow_undone"
# the key of the related objects that stay with the row of an object that was made transient, by relationship
STAYED = "_uow_stayed"
# the key that marks objects whose DELETE was flushed, with the weak reference to the Session; it stays when that was committed
DELETED = "_uow_deleted"
# the key of the one parent that an object has by relationships with single_parent
PARENTS = "_uow_parents"


class NoValue(enum.Enum):
    """The original value of an attribute that was not loaded when it was changed."""

    NO_VALUE = "NO_VALUE"

    def __repr__(self) -> str:
        return "NO_VALUE"

    def __bool__(self) -> bool:
        return False


NO_VALUE = NoValue.NO_VALUE


class Direction(enum.Enum):
    """Which side of a relationship holds the foreign key."""

    MANYTOONE = "many-to-one"
    ONETOMANY = "one-to-many"
    MANYTOMANY = "many-to-many"

    # the names that the code goes by
    MANY_TO_ONE = "many-to-one"  # noqa: PIE796
    ONE_TO_MANY = "one-to-many"  # noqa: PIE796
    MANY_TO_MANY = "many-to-many"  # noqa: PIE796


_ALL = ("save-update", "merge", "refresh-expire", "expunge", "delete")
_KNOWN = (*_ALL, "delete-orphan", "all", "none")


class Cascades:
    """Which operations on an object go on to the objects that a relationship reaches.

    :param text: names separated by commas, or an iterable of names.
    :raises ArgumentError: for an unknown name, or delete-orphan without delete.
    """

    __slots__ = ("delete", "delete_orphan", "expunge", "merge", "names", "refresh_expire", "save_update")

    def __init__(self, text: str | Iterable[str] | None) -> None:
        given = [text] if isinstance(text, str) else list(text or ())
        names = {name.strip() for part in given for name in part.split(",")} - {"", "none"}
        for name in names:
            if name not in _KNOWN:
                raise ArgumentError(
                    f"unknown cascade {name!r}.{did_you_mean(name, _KNOWN)} The cascades are: {', '.join(_KNOWN)}."
                )
        if "all" in names:
            names = (names - {"all"}) | set(_ALL)
        if "delete-orphan" in names and "delete" not in names:
            raise ArgumentError(
                "the cascade 'delete-orphan' needs 'delete' as well. Write cascade='all, delete-orphan'."
            )
        self.names = frozenset(names)
        self.save_update = "save-update" in names
        self.merge = "merge" in names
        self.refresh_expire = "refresh-expire" in names
        self.expunge = "expunge" in names
        self.delete = "delete" in names
        self.delete_orphan = "delete-orphan" in names

    def only_reading(self) -> Cascades:
        """Return those of the cascades that write nothing."""
        return Cascades(self.names - {"save-update", "delete", "delete-orphan"})

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.names))

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Cascades):
            return self.names == other.names
        return self.names == other if isinstance(other, (set, frozenset)) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.names)

    def __repr__(self) -> str:
        return f"Cascades({', '.join(sorted(self.names))!r})"


def cascade_named(name: str) -> str:
    """Return the attribute of :class:`Cascades` for a cascade: ``save_update`` for ``"save-update"``.

    :raises ArgumentError: for one that goes along no relationship.
    """
    if name not in _ALL:
        raise ArgumentError(
            f"no walk goes along the cascade {name!r}.{did_you_mean(name, _ALL)} There are: {', '.join(_ALL)}."
        )
    return name.replace("-", "_")


class ExtensionType(enum.Enum):
    """Which kind of attribute it is that no mapper knows."""

    HYBRID_METHOD = "HYBRID_METHOD"
    HYBRID_PROPERTY = "HYBRID_PROPERTY"
    ASSOCIATION_PROXY = "ASSOCIATION_PROXY"
    # that of mapped attributes, so that all can be asked for theirs
    NOT_EXTENSION = "NOT_EXTENSION"
