"""Walks along relationships: which objects an operation on one object goes on to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["cascaded", "related"]


def related(obj: Any, prop: Any, load: bool) -> list[Any]:
    """Return the objects that a relationship of ``obj`` reaches.

    :param load: load the relationship where it is not loaded; otherwise it counts as empty then.
    """
    value = getattr(obj, prop.key) if load else obj.__dict__.get(prop.key)
    if value is None:
        return []
    return list(value) if prop.uselist else [value]


def cascaded(kind: str, obj: Any, load: bool = False) -> Iterator[Any]:
    """Yield the objects that an operation reaches from ``obj``, each once, ``obj`` itself left out.

    :param kind: the cascade, with an underscore: ``"save_update"``, ``"delete"``, ``"merge"``, ``"expunge"``, ``"refresh_expire"``.
    :param load: load relationships that are not loaded (needed for delete).
    """
    seen = {id(obj)}
    queue = [obj]
    for current in queue:
        for prop in type(current).__mapper__.relationships.values():
            if prop.viewonly or not getattr(prop.cascade, kind):
                continue
            for item in related(current, prop, load and not (prop.passive_deletes and kind == "delete")):
                if id(item) not in seen:
                    seen.add(id(item))
                    queue.append(item)
                    yield item
