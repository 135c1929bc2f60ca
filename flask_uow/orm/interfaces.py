"""Protocols by which the low modules of the orm reach what stands above them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

if TYPE_CHECKING:
    from flask_uow.orm.mapping.entity import EntityView
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.state.instance_state import InstanceState
    from flask_uow.sql.columns import Column
    from flask_uow.sql.selectable import ColumnClause

__all__ = ["AnyColumn", "AttributeLoader", "Entity", "MappedObject"]

# a mapped class: with its own tables, or as something else stands for it in a statement
Entity: TypeAlias = "Mapper | EntityView"
# a column of a table, or of another element of FROM
AnyColumn: TypeAlias = "Column[Any] | ColumnClause"


class MappedObject(Protocol):
    """An object of a mapped class. Its values are in its ``__dict__``, where the package reads and writes them."""

    __mapper__: ClassVar[Mapper]


class AttributeLoader(Protocol):
    """Gives the value of an attribute that is absent from its object's ``__dict__``."""

    def load(self, obj: MappedObject, state: InstanceState) -> Any:
        """Load the attribute of a persistent object, store it in its ``__dict__`` and return it."""


class RelatedLoader(AttributeLoader, Protocol):
    """Gives the value of a relationship."""

    def load_regardless(self, obj: MappedObject, state: InstanceState) -> Any:
        """:meth:`load`, also where programs may not load the relationship (``raiseload``)."""
