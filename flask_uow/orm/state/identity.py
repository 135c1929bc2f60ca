"""The identity map: one object for one row, within a Session.

Fowler's pattern of that name (Patterns of Enterprise Application Architecture, 2002). A Session has one :class:`FamilyIdentities` for each
base mapper, so that keys are primary-key values alone; :class:`IdentityMap` shows them all as one mapping with identity keys
``(class, primary-key tuple)``. Entries are weak: an object that nobody else holds goes at once. Changed objects are held by the Session
until they are flushed.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flask_uow.orm.state.instance_state import InstanceState
from flask_uow.orm.state.keys import IdentityKey, identity_from
from flask_uow.orm.symbols import STATE

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper

__all__ = ["FamilyIdentities", "IdentityMap"]


class FamilyIdentities:
    """The objects of one base mapper, and so of its whole family of classes, in one Session.

    :ivar entries: states by identity, see :mod:`~flask_uow.orm.state.keys`.
    :ivar modified: the Session's changed objects, by state; strong, shared by all its families.
    :ivar strong: all objects, by state, where the Session's identity map is not weak; else None.
    :ivar mutable: the Session's objects that are looked at before a flush, see :mod:`flask_uow.orm.state.mutables`.
    :ivar waiting: the states of objects in whose collections something was put, or from which it was taken, while they were not loaded.
    :ivar session_ref: the weak reference to the Session; the same one in all its families.
    """

    # no reference to the SessionObjects: a Session and its objects go at once when nobody holds them, without the garbage collector
    __slots__ = ("entries", "mapper", "modified", "mutable", "session_ref", "strong", "waiting")

    def __init__(
        self,
        mapper: Mapper,
        session_ref: weakref.ref[Any],
        modified: dict[InstanceState, Any],
        strong: dict[InstanceState, Any] | None,
        mutable: dict[InstanceState, Any],
        waiting: set[InstanceState],
    ) -> None:
        self.mapper = mapper
        self.session_ref = session_ref
        self.modified = modified
        self.strong = strong
        self.mutable = mutable
        self.waiting = waiting
        self.entries: dict[Any, InstanceState] = {}

    def get(self, identity: object) -> Any:
        """Return the object of an identity, or None."""
        state = self.entries.get(identity)
        return state() if state is not None else None

    def put(self, state: InstanceState, obj: object) -> None:
        """Enter an object under its state's identity."""
        state.owner = self
        self.entries[state.row_key] = state
        if self.strong is not None:
            self.strong[state] = obj

    def remove(self, state: InstanceState) -> None:
        """Take an object out; nothing happens when it is not in."""
        # another object may have the key by now: of a row that was deleted and inserted anew, say
        if self.entries.get(state.row_key) is state:
            del self.entries[state.row_key]
        if self.strong is not None:
            self.strong.pop(state, None)

    def objects(self) -> list[Any]:
        """Return the objects that are alive."""
        # a copy in one step, since any allocation may collect an object and so change the dict
        return [obj for state in list(self.entries.values()) if (obj := state()) is not None]


class IdentityMap:
    """The identity map of a Session: its persistent objects by identity key. Read-only."""

    def __init__(self, families: Mapping[Mapper, FamilyIdentities]) -> None:
        self._families = families

    def _find(self, key: IdentityKey) -> Any:
        class_, values = key
        mapper: Mapper | None = getattr(class_, "__mapper__", None)
        identities = self._families.get(mapper.base_mapper) if mapper is not None else None
        if identities is None:
            return None
        return identities.get(identity_from(values))

    def __getitem__(self, key: IdentityKey) -> Any:
        obj = self._find(key)
        if obj is None:
            raise KeyError(key)
        return obj

    def get(self, key: IdentityKey, default: object = None) -> Any:
        """Return the object of an identity key, or ``default``."""
        obj = self._find(key)
        return default if obj is None else obj

    def __contains__(self, key: IdentityKey) -> bool:
        return self._find(key) is not None

    def values(self) -> list[Any]:
        """The objects."""
        return [obj for identities in self._families.values() for obj in identities.objects()]

    def keys(self) -> list[IdentityKey]:
        """The identity keys."""
        return [obj.__dict__[STATE].key for obj in self.values()]

    def items(self) -> list[tuple[IdentityKey, Any]]:
        """The identity keys, each with its object."""
        return [(obj.__dict__[STATE].key, obj) for obj in self.values()]

    def all_states(self) -> list[InstanceState]:
        """The states of the objects."""
        return [obj.__dict__[STATE] for obj in self.values()]

    def contains_state(self, state: InstanceState) -> bool:
        """Return True when the object of a state is in it."""
        return state.key is not None and self.get(state.key) is state.obj

    def __iter__(self) -> Iterator[IdentityKey]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.values())
