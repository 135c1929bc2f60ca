"""Proxies that stand for mapped objects, as Werkzeug's ``LocalProxy`` (Flask-Login's ``current_user``) does.

A proxy passes on whatever is asked of it, its ``__class__`` too, but it is another object: identity, and so the identity map and the
collections, must never see it. Where an object comes in from outside, it is taken out of its proxy. Mapped classes have a
property that returns the object itself; a proxy passes that on as well, of whatever kind it is. It is asked for only where the type of what
came in is not mapped (or not the expected one), so that objects themselves pay nothing.
"""

from __future__ import annotations

from types import NoneType
from typing import Any

__all__ = ["ITSELF", "itself", "real_object", "real_value"]

# the name of the property
ITSELF = "__uow_itself__"

itself = property(lambda self: self)


def real_object(given: object) -> Any:
    """Return the mapped object that a proxy stands for; anything else is returned as it is."""
    if isinstance(given, type) or getattr(type(given), "__mapper__", None) is not None:
        return given
    found = getattr(given, ITSELF, given)
    return found if getattr(type(found), "__mapper__", None) is not None else given


def real_value(given: object) -> Any:
    """The same, with None for a proxy of None."""
    return None if given.__class__ is NoneType else real_object(given)
