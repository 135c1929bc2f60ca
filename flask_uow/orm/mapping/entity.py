"""A mapped class as one item of a SELECT: from which FROM element, and with which columns.

A mapper stands for its class with its own table and the usual columns; an :class:`EntityView` for anything else: an alias that a
joined relationship is loaded from, or another choice of columns.
"""

from __future__ import annotations

from typing import Any

from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.rewriting import rewritten

__all__ = ["EntityView"]


class EntityView:
    """What ``select()`` and the loaders need of an entity; see :class:`flask_uow.sql.interfaces.MappedEntity`.

    :ivar mapper: the mapper.
    :ivar selectable: the FROM element that rows come from: the mapper's own, or an alias of it.
    :ivar names: the attributes whose columns are loaded, in order.
    :ivar prefix: what the names of the columns begin with in ``selectable``.
    """

    __slots__ = ("mapper", "names", "prefix", "selectable")

    def __init__(self, mapper: Any, selectable: Any, names: tuple[str, ...], prefix: str = "") -> None:
        self.mapper = mapper
        self.selectable = selectable
        self.names = names
        self.prefix = prefix

    @property
    def __uow_entity__(self) -> EntityView:
        return self

    @property
    def shape_atom(self) -> Any:
        """What stands for the columns in the shape of a statement; None where they have to be walked."""
        return (self.mapper, self.names) if self.selectable is self.mapper.selectable else None

    def entity_columns(self) -> list[ColumnElement[Any]]:
        """The columns that make up one object."""
        return [self.column(self.mapper.columns[name].column) for name in self.names]

    def column(self, column: Any) -> Any:
        """Return a column of the mapper's table as it is called here."""
        if self.selectable is self.mapper.selectable:
            return column
        return self.selectable.c[f"{self.prefix}{column.key}"]

    def adapt(self, expression: Any) -> Any:
        """Return an expression with the columns of the mapper's table as they are called here."""
        original = self.mapper.selectable
        if self.selectable is original:
            return expression
        return rewritten(
            expression, lambda node: self.column(node) if getattr(node, "table", None) is original else None
        )
