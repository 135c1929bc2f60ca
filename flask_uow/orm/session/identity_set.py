"""A set of objects by identity: their own ``__eq__`` and ``__hash__`` are not called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from flask_uow.orm.state.proxies import real_object

__all__ = ["IdentitySet"]


class IdentitySet(AbstractSet[Any]):
    """An immutable set of objects, compared by identity, in order of insertion."""

    __slots__ = ("_members",)

    def __init__(self, members: Iterable[Any] = ()) -> None:
        self._members = {id(member): member for member in members}

    def __contains__(self, member: object) -> bool:
        return id(member) in self._members or id(real_object(member)) in self._members

    def __iter__(self) -> Iterator[Any]:
        return iter(self._members.values())

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return f"IdentitySet({list(self._members.values())!r})"
