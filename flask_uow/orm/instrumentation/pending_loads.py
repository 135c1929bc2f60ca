"""Relationships with ``load_on_pending=True``: an object that is new in its Session loads them at first access, by the foreign keys that it was given.

Only :mod:`~flask_uow.orm.mapping.relationship_property` calls it, when it installs the attribute of such a relationship.
"""

from __future__ import annotations

from typing import Any

from flask_uow.orm.instrumentation.relationship_attributes import RelationshipAttribute
from flask_uow.orm.symbols import STATE

__all__ = ["loading_on_pending"]


def loading_on_pending(kind: Any) -> Any:
    """Return the class of attributes of a kind that load on pending objects, too."""
    return type(f"{kind.__name__}OnPending", (_LoadsOnPending, kind), {})


class _LoadsOnPending(RelationshipAttribute):
    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        state = None if obj is None else obj.__dict__.get(STATE)
        session = state.session if state is not None and state.row_key is None else None
        if obj is None or session is None or state is None:
            return super().__get__(obj, owner)
        values = obj.__dict__
        # the object itself is not finished yet
        with session.no_autoflush:
            found = self.related_loader.load_regardless(obj, state)
        if found:
            return found
        # nothing is said of what it will refer to
        values.pop(self.key, None)
        return super().__get__(obj, owner)
