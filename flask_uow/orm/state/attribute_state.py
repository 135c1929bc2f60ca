"""``inspect(obj).attrs``: the present value of each attribute, and what became of it since it was loaded or flushed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flask_uow.exc import did_you_mean
from flask_uow.orm.symbols import NO_VALUE

if TYPE_CHECKING:
    from flask_uow.orm.state.history import History
    from flask_uow.orm.state.instance_state import InstanceState

__all__ = ["AttributeState", "AttributeStates"]


class AttributeState:
    """One attribute of an object.

    :ivar key: its name.
    :ivar state: the object's state.
    """

    __slots__ = ("key", "state")

    def __init__(self, state: InstanceState, key: str) -> None:
        self.state = state
        self.key = key

    @property
    def value(self) -> Any:
        """The value, which is loaded now where it is not there."""
        return getattr(self.state.obj, self.key)

    @property
    def loaded_value(self) -> Any:
        """The value where it is there, else ``NO_VALUE``; nothing is loaded."""
        prop = self.state.mapper.descriptors.get(self.key)
        return self.state.dict.get(self.key, NO_VALUE) if prop is None else prop.loaded_value(self.state.obj)

    @property
    def history(self) -> History:
        """The values added, unchanged and deleted since the last flush; nothing is loaded."""
        found: History = self.state.mapper.history_of(self.state.obj, self.key)
        return found

    def load_history(self) -> History:
        """Return the history after the value was loaded, where it was not there."""
        _ = self.value
        return self.history

    def __repr__(self) -> str:
        return f"<{type(self.state.obj).__name__}.{self.key}: {self.loaded_value!r}>"


class AttributeStates:
    """The mapped attributes of an object: ``attrs.name``, ``attrs["name"]``; iteration gives an :class:`AttributeState` for each."""

    __slots__ = ("_state",)

    def __init__(self, state: InstanceState) -> None:
        self._state = state

    def keys(self) -> list[str]:
        """Return the names of the attributes, columns first."""
        mapper = self._state.mapper
        return [*mapper.column_attrs.keys(), *mapper.relationships.keys()]

    def values(self) -> list[AttributeState]:
        """Return an :class:`AttributeState` for each attribute."""
        return [AttributeState(self._state, name) for name in self.keys()]

    def items(self) -> list[tuple[str, AttributeState]]:
        """Return the names with an :class:`AttributeState` for each."""
        return [(name, AttributeState(self._state, name)) for name in self.keys()]

    def get(self, name: str, default: object = None) -> Any:
        """Return the attribute of that name, or ``default``."""
        return AttributeState(self._state, name) if name in self else default

    def __contains__(self, name: object) -> bool:
        # composites and synonyms, too, which are no attributes of their own
        return name in self._state.mapper.attribute_names or name in self._state.mapper.descriptors

    def __iter__(self) -> Iterator[AttributeState]:
        return iter(self.values())

    def __len__(self) -> int:
        return len(self.keys())

    def __getitem__(self, name: str) -> AttributeState:
        if name not in self:
            raise KeyError(self._unknown(name))
        return AttributeState(self._state, name)

    def __getattr__(self, name: str) -> AttributeState:
        if name.startswith("__") or name not in self:
            raise AttributeError(self._unknown(name))
        return AttributeState(self._state, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.keys()})

    def _unknown(self, name: str) -> str:
        known = self.keys()
        class_ = type(self._state.obj).__name__
        return f"{class_} has no mapped attribute {name!r}.{did_you_mean(name, known)} It has: {', '.join(known)}."

    def __repr__(self) -> str:
        return f"<attributes of {type(self._state.obj).__name__}: {', '.join(self.keys())}>"
