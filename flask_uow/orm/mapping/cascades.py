"""Walks along relationships: which objects an operation on one object goes on to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask_uow.orm.instrumentation.collections import members_of
from flask_uow.orm.symbols import STATE

__all__ = ["cascaded", "related"]


def related(obj: Any, prop: Any, load: bool) -> list[Any]:
    """Return the objects that a relationship of ``obj`` reaches.

    :param load: load the relationship where it is not loaded; otherwise it counts as empty then.
    """
    if prop.is_dynamic:
        return prop.attribute.members(obj, load)  # type: ignore[no-any-return]
    value = getattr(obj, prop.key) if load else obj.__dict__.get(prop.key)
    if value is None:
        return []
    return members_of(value) if prop.uselist else [value]


def _removed(changes: dict[str, Any], prop: Any) -> list[Any]:
    # what a detached object has lost has to come along: its row is to be deleted, or its foreign key cleared
    if prop.key not in changes:
        return []
    original = changes[prop.key]
    items = original if isinstance(original, list) else [original]
    return [item for item in items if _is_detached(item)]


def _is_detached(item: Any) -> bool:
    state = item.__dict__.get(STATE) if hasattr(item, "__dict__") else None
    return state is not None and state.identity is not None and state.owner is None


def _is_in(item: Any, session: Any) -> bool:
    state = item.__dict__.get(STATE)
    return state is not None and state.owner is not None and state.session is session


def cascaded(kind: str, obj: Any, load: bool = False, stop_in: Any = None) -> Iterator[Any]:
    """Yield the objects that an operation reaches from ``obj``, each once, ``obj`` itself left out.

    :param kind: the cascade, with an underscore: ``"save_update"``, ``"delete"``, ``"merge"``, ``"expunge"``, ``"refresh_expire"``.
    :param load: load relationships that are not loaded (needed for delete).
    :param stop_in: a Session; objects that are in it already are left out, and what they lead to is not looked at.
    """
    seen = {id(obj)}
    queue = [obj]
    for current in queue:
        state = current.__dict__.get(STATE) if kind == "save_update" else None
        changes = state.changes if state is not None else None
        for prop in type(current).__mapper__.relationships.values():
            if prop.viewonly or not getattr(prop.cascade, kind):
                continue
            items = related(current, prop, load and not (prop.passive_deletes and kind == "delete"))
            if changes:
                items.extend(_removed(changes, prop))
            for item in items:
                if id(item) not in seen:
                    seen.add(id(item))
                    if stop_in is not None and _is_in(item, stop_in):
                        continue
                    queue.append(item)
                    yield item
