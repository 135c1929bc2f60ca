"""Attributes that no mapper knows, and that are expressions on their class all the same: hybrids and association proxies.

The names in ``filter_by()`` and ``values()``, and the attributes of aliases, are looked for here as well.
"""

from __future__ import annotations

from typing import Any

from flask_uow.orm.symbols import ExtensionType

__all__ = ["ClassExpression", "class_expression"]


class ClassExpression:
    """An attribute of a class that gives an expression of it, or of an alias of it; objects have a value of their own under its name."""

    is_attribute = True
    is_mapper = is_instance = is_aliased_class = is_property = is_selectable = is_bundle = is_clause_element = False
    extension_type: ExtensionType
    info: dict[Any, Any]

    def of_entity(self, entity: object) -> Any:
        """Return the value of the attribute on an entity.

        :param entity: a mapped class, an alias of one, or what has the attributes of one.
        """
        raise NotImplementedError


def class_expression(class_: type, name: str) -> ClassExpression | None:
    """Return the attribute of that name, where it is one of these; it is not read."""
    for base in class_.__mro__:
        if name in vars(base):
            found = vars(base)[name]
            return found if isinstance(found, ClassExpression) else None
    return None
