"""Pickles and copies of mapped objects.

A pickle carries values, primary key and unflushed changes, but no Session: the object that comes out, in this process or
another, is detached (or transient) and can be put into a Session by ``add()`` or ``merge()``. A copy (module ``copy``) is a transient
object with the same values. Installed by :mod:`flask_uow.orm.instrumentation.class_manager` where a class does not say itself how it
is pickled; a class that does, and includes its ``__dict__``, gets the same by way of :class:`PickledState`.
"""

from __future__ import annotations

from typing import Any

from flask_uow.orm.state.instance_state import PickledState, adopt_collections, ensure_state
from flask_uow.orm.state.members import is_only_read, members_of
from flask_uow.orm.state.mutables import COMPOSITES, SNAPSHOTS, record_mutations, take_snapshots
from flask_uow.orm.symbols import DELETED, KEPT, PARENTS, PENDING, READ, STATE, STAYED, UNDONE

__all__ = ["copy_object", "get_state", "set_state"]

# bookkeeping that belongs to one object in one process
_OURS = frozenset({STATE, PENDING, COMPOSITES, SNAPSHOTS, PARENTS, KEPT, READ, UNDONE, STAYED, DELETED})


def get_state(self: Any) -> dict[str, Any]:
    """Return the ``__dict__`` to pickle, with the bookkeeping in a form that can travel."""
    state = self.__dict__.get(STATE)
    if state is not None and state.row_key is not None:
        # what was changed in place travels as a change, since the copies to compare with stay behind
        record_mutations(state, self)
    values: dict[str, Any] = self.__dict__.copy()
    for name in values.get(READ, ()):
        if is_only_read(self, name):
            del values[name]
    for ours in _OURS:
        values.pop(ours, None)
    if state is not None and state.row_key is not None:
        values[STATE] = PickledState(state.row_key, state.changes)
    for hook in type(self).__mapper__.hooks.pickle:
        hook(self, values)
    return values


def set_state(self: Any, values: dict[str, Any]) -> None:
    """Take over what :func:`get_state` has returned."""
    self.__dict__.update(values)
    state = ensure_state(self)
    adopt_collections(self)
    if state.row_key is not None:
        take_snapshots(self)
    for hook in type(self).__mapper__.hooks.unpickle:
        hook(self, values)


def copy_object(self: Any) -> Any:
    """Return a transient object with the same values; collections are copied, their members are not."""
    values = {name: v for name, v in self.__dict__.items() if name not in _OURS and not is_only_read(self, name)}
    class_: Any = type(self)
    made = class_.__new__(class_)
    mapper = class_.__mapper__
    for name, prop in mapper.relationships.items():
        if prop.uselist and name in values:
            values[name] = prop.attribute.new_collection(made, members_of(values[name]))
    made.__dict__.update(values)
    return made
