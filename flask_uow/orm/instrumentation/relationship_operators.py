"""A relationship of a class in criteria, joins and loader options: ``User.posts.any()``, ``User.posts.of_type(alias)``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.sql.expressions import ColumnElement, ColumnOperators

if TYPE_CHECKING:
    from flask_uow.orm.mapping.relationships import RelationshipProperty

__all__ = ["RelationshipOperators"]


class RelationshipOperators(ColumnOperators):
    """The part of a relationship's attribute that statements are made with.

    :ivar relationship: the relationship.
    """

    relationship: RelationshipProperty

    def operate(self, op: Any, other: object = None, **modifiers: Any) -> ColumnElement[Any]:
        return self.relationship.sql.comparison(op, other)

    def any(self, criterion: Any = None, **values: Any) -> ColumnElement[bool]:
        """True where at least one related object fulfils the criterion."""
        return self.relationship.sql.exists(criterion, values, expect_list=True)

    def has(self, criterion: Any = None, **values: Any) -> ColumnElement[bool]:
        """True where the related object exists and fulfils the criterion."""
        return self.relationship.sql.exists(criterion, values, expect_list=False)

    def contains(self, other: object, autoescape: bool = True) -> ColumnElement[bool]:
        """True where the object is a member of the collection."""
        return self.relationship.sql.contains(other)

    def join_steps(self, onclause: Any = None, target: Any = None) -> Any:
        """Return the joins along the relationship, as ``(left, right, condition)``."""
        return self.relationship.sql.join_steps(onclause, None, target)

    @property
    def joined_entity(self) -> Any:
        """The entity that a join along the relationship brings in."""
        return self.relationship.mapper
