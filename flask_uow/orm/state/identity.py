"""The identity map: one object for one row, within a Session.

Fowler's pattern of that name (Patterns of Enterprise Application Architecture, 2002). A Session has one
:class:`Identities` for each base mapper, so that keys are primary-key values alone; :class:`IdentityMap` shows them all as
one mapping with identity keys ``(class, primary-key tuple)``. Entries are weak: an object that nobody else holds goes at
once. Changed objects are held by the Session until they are flushed.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

from flask_uow.orm.state.instance_state import InstanceState

__all__ = ["Identities", "IdentityMap"]


class Identities:
    """The objects of one base mapper in one Session.

    :ivar entries: states by primary key (a single value, or a tuple for a composite key).
    :ivar modified: the Session's changed objects, by state; strong, shared by all its identity maps.
    :ivar strong: all objects, by state, where the Session's identity map is not weak; else None.
    :ivar mutable: the Session's objects that are looked at before a flush, see :mod:`flask_uow.orm.state.mutables`.
    :ivar session_ref: a weak reference to the Session.
    """

    __slots__ = ("entries", "mapper", "modified", "mutable", "session_ref", "strong")

    def __init__(
        self,
        mapper: Any,
        session: Any,
        modified: dict[InstanceState, Any],
        strong: dict[InstanceState, Any] | None,
        mutable: dict[InstanceState, Any],
    ) -> None:
        self.mapper = mapper
        self.session_ref: Callable[[], Any] = weakref.ref(session)
        self.modified = modified
        self.strong = strong
        self.mutable = mutable
        self.entries: dict[Any, InstanceState] = {}

    def get(self, identity: Any) -> Any:
        """Return the object of a primary key, or None."""
        state = self.entries.get(identity)
        return state() if state is not None else None

    def put(self, state: InstanceState, obj: Any) -> None:
        """Enter an object under its state's identity."""
        state.owner = self
        self.entries[state.identity] = state
        if self.strong is not None:
            self.strong[state] = obj

    def remove(self, state: InstanceState) -> None:
        """Take an object out; nothing happens when it is not in."""
        if self.entries.get(state.identity) is state:
            del self.entries[state.identity]
        if self.strong is not None:
            self.strong.pop(state, None)

    def objects(self) -> list[Any]:
        """Return the objects that are alive."""
        # a copy in one step, since any allocation may collect an object and so change the dict
        return [obj for state in list(self.entries.values()) if (obj := state()) is not None]


class IdentityMap:
    """All identity maps of a Session as one mapping from identity keys to objects. Read-only."""

    def __init__(self, identities: dict[Any, Identities]) -> None:
        self._identities = identities

    def _find(self, key: Any) -> Any:
        class_, identity = key
        base = getattr(class_, "__mapper__", None)
        identities = self._identities.get(base.base_mapper) if base is not None else None
        if identities is None:
            return None
        return identities.get(identity[0] if len(identity) == 1 else tuple(identity))

    def __getitem__(self, key: Any) -> Any:
        obj = self._find(key)
        if obj is None:
            raise KeyError(key)
        return obj

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the object of an identity key, or ``default``."""
        obj = self._find(key)
        return default if obj is None else obj

    def __contains__(self, key: Any) -> bool:
        return self._find(key) is not None

    def values(self) -> list[Any]:
        """The objects."""
        return [obj for identities in self._identities.values() for obj in identities.objects()]

    def keys(self) -> list[Any]:
        """The identity keys."""
        return [obj.__dict__["_uow_state"].key for obj in self.values()]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.values())
