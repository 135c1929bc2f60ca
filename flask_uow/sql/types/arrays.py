"""ARRAY: lists of values of one type, kept in one column."""

from __future__ import annotations

from copy import copy, deepcopy
from typing import Any

from flask_uow.exc import ArgumentError
from flask_uow.sql.types.base import TypeEngine, type_for_value
from flask_uow.sql.types.enums import Enum
from flask_uow.sql.types.lookup import to_instance
from flask_uow.sql.value_errors import wrong_kind

__all__ = ["ARRAY"]


class ARRAY(TypeEngine[Any]):
    """A list of values of one type, or lists of lists.

    An array of the database on PostgreSQL; JSON text on SQLite, where the operators of arrays are not to be had.

    :param item_type: the type of the items.
    :param dimensions: how deep lists are nested; any depth (that of the value) when None. PostgreSQL does not hold a column
        to it, and wants the lists of one level to have one length.
    :param as_tuple: load tuples instead of lists.
    :param mutable: notice changes in place too (``post.tags.append("new")``), at the cost of a copy of each value.
    :raises ArgumentError: for an array of arrays, which is written as ``dimensions=2``.
    """

    lookup_name = "array"
    value_class: Any = list
    is_joined = True

    def __init__(
        self, item_type: object, dimensions: int | None = None, as_tuple: bool = False, mutable: bool = False
    ) -> None:
        self.item_type = to_instance(item_type)
        if isinstance(self.item_type.stored_type, ARRAY):
            raise ArgumentError("ARRAY(ARRAY(...)): write the type of the innermost items, and dimensions=2.")
        if dimensions is not None and dimensions < 1:
            raise ArgumentError(f"ARRAY(dimensions={dimensions!r}): expected 1 or more, or None for any.")
        self.dimensions = dimensions
        self.as_tuple = as_tuple
        self.mutable = mutable
        if as_tuple:
            self.value_class = tuple
        self.cache_key = (type(self), self.item_type.cache_key, dimensions, as_tuple, mutable)

    def in_schema(self, schema: str | None) -> ARRAY:
        """Return the type with the type of its items in the schema of a table, where that is the table's."""
        item_type = self.item_type.in_schema(schema) if isinstance(self.item_type, Enum) else self.item_type
        if item_type is self.item_type:
            return self
        made = copy(self)
        made.item_type = item_type
        made.cache_key = (type(self), item_type.cache_key, *self.cache_key[2:])
        return made

    def _to_stored(self, value: object) -> Any:
        # the items are converted one by one when they are bound
        if not isinstance(value, (list, tuple)):
            wrong_kind(self, value, "a list", "Wrap a single value in a list.")
        self._check_depth(value, value, 1)
        return value

    def _check_depth(self, whole: object, value: Any, depth: int) -> None:
        nested = [item for item in value if isinstance(item, (list, tuple))]
        if len(nested) < len(value) and (nested or depth < (self.dimensions or 0)):
            wrong_kind(self, whole, "lists of one depth", "Nest all items alike.")
        if nested and self.dimensions is not None and depth >= self.dimensions:
            wrong_kind(self, whole, f"lists nested {self.dimensions} deep", "Give the type more dimensions.")
        for item in nested:
            self._check_depth(whole, item, depth + 1)

    def coerce_compared(self, value: object) -> TypeEngine[Any]:
        return self if isinstance(value, (list, tuple)) else type_for_value(value)

    def is_mutable(self) -> bool:
        return self.mutable

    def copy_value(self, value: object) -> Any:
        return deepcopy(value) if self.mutable else value

    def _type_arguments(self) -> dict[str, Any]:
        return {
            "item_type": self.item_type,
            "dimensions": self.dimensions,
            "as_tuple": self.as_tuple or None,
            "mutable": self.mutable or None,
        }
