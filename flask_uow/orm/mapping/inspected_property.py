"""``inspect(Class).attrs.name``: the names under which a property shows its columns, its join and its class to users.

The bases of :class:`~flask_uow.orm.mapping.properties.ColumnProperty`, :class:`~flask_uow.orm.mapping.relationship_property.RelationshipProperty` and
:class:`~flask_uow.orm.mapping.descriptors.DescriptorProperty`, which say what these names are made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.orm.symbols import Direction, ExtensionType
from flask_uow.sql.operations import and_

if TYPE_CHECKING:
    from flask_uow.orm.mapping.join_condition import JoinCondition

__all__ = ["InspectedRelationship", "MapperProperty"]

Pairs = list[tuple[Any, Any]]


class MapperProperty:
    """One attribute, as its mapper knows it: a column, a relationship, a synonym, a composite.

    :ivar key: the attribute's name.
    :ivar parent: the mapper.
    """

    key: str
    parent: Any

    extension_type = ExtensionType.NOT_EXTENSION
    is_property = True
    is_mapper = is_instance = is_aliased_class = is_attribute = is_selectable = is_bundle = is_clause_element = False

    @property
    def class_attribute(self) -> Any:
        """The attribute on the class."""
        return getattr(self.parent.class_, self.key)


class InspectedRelationship(MapperProperty):
    """The names of a relationship that are for users who look at their models."""

    condition: JoinCondition
    direction: Direction
    mapper: Any

    def configured(self) -> JoinCondition:
        """Return the join condition, worked out now where that was not done yet."""
        self.parent.configure()
        return self.condition

    @property
    def entity(self) -> Any:
        """The mapper of the class that it leads to."""
        return self.mapper

    @property
    def target(self) -> Any:
        """The table, or the join of tables, of the class that it leads to."""
        return self.mapper.persist_selectable

    @property
    def primaryjoin(self) -> Any:
        """The condition by which rows are related; with a secondary table the half about the parent."""
        condition = self.configured()
        if condition.on is not None:
            return condition.on
        return and_(*(near == far for near, far in condition.pairs))

    @property
    def secondaryjoin(self) -> Any:
        """The half of the condition about the other class, with a secondary table; else None."""
        condition = self.configured()
        if self.direction is not Direction.MANY_TO_MANY:
            return None
        if condition.far is not None:
            return condition.far
        return and_(*(far == secondary for far, secondary in condition.secondary_pairs))

    @property
    def local_remote_pairs(self) -> Pairs:
        """The columns that are compared, as ``(near, far)``; with a secondary table those of both classes with its own."""
        condition = self.configured()
        return [*condition.pairs, *condition.secondary_pairs]

    @property
    def local_columns(self) -> set[Any]:
        """The columns of the parent's tables by which it is related."""
        return {near for near, _ in self.configured().pairs}

    @property
    def remote_side(self) -> set[Any]:
        """The columns on the far side; those of the secondary table, where there is one."""
        return {far for _, far in self.local_remote_pairs}

    @property
    def synchronize_pairs(self) -> Pairs:
        """``(column, foreign key)``: what a flush copies into the foreign key; with a secondary table the half about the parent."""
        pairs = list(self.configured().pairs)
        return [(far, near) for near, far in pairs] if self.direction is Direction.MANY_TO_ONE else pairs

    @property
    def secondary_synchronize_pairs(self) -> Pairs:
        """As :attr:`synchronize_pairs`, for the other class of a relationship with a secondary table; else empty."""
        return list(self.configured().secondary_pairs)
