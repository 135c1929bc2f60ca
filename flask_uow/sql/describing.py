"""``Query.column_descriptions``: what a query selects, for those who add to queries of others."""

from __future__ import annotations

from typing import Any

from flask_uow.sql.entities import expand_entity, key_of_item, members_of_bundle

__all__ = ["described"]


def described(items: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Return for each item its name in rows, its type, whether it is of an alias, the item, and the mapped class or alias that it is of."""
    return [_described(item) for item in items]


def _described(item: object) -> dict[str, Any]:
    view = getattr(item, "__uow_entity__", None)
    if view is not None:
        class_ = view.mapper.class_
        name = getattr(item, "entity_name", None) or class_.__name__
        return {
            "name": name,
            "type": class_,
            "aliased": getattr(view, "is_aliased_class", False),
            "expr": item,
            "entity": item,
        }
    columns = expand_entity(item)
    column = columns[0] if len(columns) == 1 else None
    if members_of_bundle(item) is not None:
        bundle: Any = item
        return {"name": bundle.key, "type": type(item), "aliased": False, "expr": item, "entity": None}
    parent = getattr(item, "parent", None)
    is_aliased = bool(getattr(parent, "is_aliased_class", False))
    return {
        "name": key_of_item(item) or getattr(column, "name", None),
        "type": getattr(column, "type", None),
        "aliased": is_aliased,
        "expr": item,
        "entity": getattr(parent, "entity", None),
    }
