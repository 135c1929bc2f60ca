"""The properties of a mapper by the names of their attributes, as a collection that gives the properties themselves when it is iterated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from flask_uow.exc import did_you_mean

if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterable, Iterator, KeysView, ValuesView

__all__ = ["MappedProperties"]

P = TypeVar("P")

if TYPE_CHECKING:

    class _ByName(Generic[P]):
        """A dict whose iteration is another; type checkers know no such dict."""

        def __init__(self, items: Iterable[tuple[str, P]] = ()) -> None: ...
        def __getitem__(self, name: str) -> P: ...
        def __setitem__(self, name: str, prop: P) -> None: ...
        def __delitem__(self, name: str) -> None: ...
        def __contains__(self, name: object) -> bool: ...
        def __len__(self) -> int: ...
        def get(self, name: str, default: object = None) -> Any: ...
        def setdefault(self, name: str, prop: P) -> P: ...
        def pop(self, name: str) -> P: ...
        def keys(self) -> KeysView[str]: ...
        def values(self) -> ValuesView[P]: ...
        def items(self) -> ItemsView[str, P]: ...

else:

    class _ByName(dict, Generic[P]):
        """The base of :class:`MappedProperties`."""


class MappedProperties(_ByName[P]):
    """Properties by attribute name: ``attrs.name``, ``attrs["name"]``, ``"name" in attrs``; iteration gives the properties, in order."""

    def __iter__(self) -> Iterator[P]:
        return iter(self.values())

    def __getattr__(self, name: str) -> P:
        if name.startswith("__") or name not in self:
            known = ", ".join(self.keys()) or "none"
            raise AttributeError(
                f"there is no mapped attribute {name!r} here.{did_you_mean(name, self.keys())} There are: {known}."
            )
        return self[name]

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.keys()})

    def __repr__(self) -> str:
        return f"<{', '.join(self.keys())}>"
