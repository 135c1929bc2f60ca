"""Attributes of a mapped class as a view of it has them: what ``aliased()`` gives, and ``filter_by()`` on a view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError
from flask_uow.orm.instrumentation.attributes import operand_of
from flask_uow.sql.coercion import coerce_condition
from flask_uow.sql.expressions import ColumnElement, ColumnOperators
from flask_uow.sql.operations import and_

if TYPE_CHECKING:
    from flask_uow.orm.instrumentation.attributes import ColumnAttribute
    from flask_uow.orm.instrumentation.relationship_attributes import RelationshipAttribute
    from flask_uow.orm.interfaces import Entity
    from flask_uow.orm.mapping.descriptors import PropComparator
    from flask_uow.orm.mapping.entity import EntityView
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.sql.operators import Operator
    from flask_uow.sql.selectable import FromClause

__all__ = ["ViewColumn", "ViewRelationship", "target_of"]


class ViewColumn(ColumnOperators):
    """A column attribute of a view of its class.

    :ivar key: the attribute's name.
    :ivar parent: the view.
    :ivar selected_name: the name in rows of a SELECT of it, where that is not the attribute's.
    """

    def __init__(self, attribute: ColumnAttribute | PropComparator, view: EntityView) -> None:
        self._attribute = attribute
        self.key = attribute.key
        self.parent = view
        self.property = attribute.property
        self.selected_name: str | None = getattr(attribute, "selected_name", None)

    @property
    def class_(self) -> type:
        """The mapped class."""
        return self.parent.mapper.class_

    def __clause_element__(self) -> ColumnElement[Any]:
        adapted: ColumnElement[Any] = self.parent.adapt(self._attribute.__clause_element__())
        return adapted

    @property
    def column_name(self) -> str | None:
        """The name of the class's own column, where the view has it under another one; else None."""
        own = self._attribute.__clause_element__().name
        return own if own != self.__clause_element__().name else None

    def as_operand(self) -> ColumnElement[Any]:
        return operand_of(self.__clause_element__(), self.parent, self.property)

    @property
    def type(self) -> Any:
        """The SQL type of the column."""
        return self.__clause_element__().type

    def __repr__(self) -> str:
        return f"<{self.class_.__name__}.{self.key} of an alias>"


class ViewRelationship(ColumnOperators):
    """A relationship from, or to, a view.

    :param view: the view that it starts from; the class itself when None.
    :param target: the view that it leads to; the class itself when None.
    :param criteria: further conditions on the related objects.
    :param froms: what is in FROM, where it is about to be joined; else None.
    :ivar key: the attribute's name.
    :ivar parent: what it starts from: a mapper or a view.
    """

    def __init__(
        self,
        attribute: RelationshipAttribute,
        view: Entity | None,
        target: Entity | None = None,
        criteria: tuple[ColumnElement[bool], ...] = (),
        froms: Sequence[FromClause] | None = None,
    ) -> None:
        self._attribute = attribute
        self._froms = froms
        self.criteria = criteria
        self._target = target
        self.relationship = self.property = attribute.relationship
        self.key = attribute.key
        self.parent = view if view is not None else attribute.parent

    @property
    def class_(self) -> type:
        """The mapped class."""
        return self.parent.mapper.class_

    @property
    def target(self) -> Any:
        """The entity that :meth:`of_type` has named, or None."""
        return self._target

    @property
    def joined_entity(self) -> Any:
        """The entity that a join along the relationship brings in."""
        return self._target if self._target is not None else self.relationship.mapper

    @property
    def entity(self) -> Any:
        """The mapper of the class that it leads to, or the alias that :meth:`of_type` has named."""
        return self.joined_entity

    @property
    def mapper(self) -> Mapper:
        """The mapper of the class that it leads to."""
        found: Mapper = self.joined_entity.mapper
        return found

    def of_type(self, target: object) -> ViewRelationship:
        """Return the relationship leading to an alias of its class: ``join(User.posts.of_type(alias))``."""
        return ViewRelationship(self._attribute, self.parent, target_of(self.relationship, target), self.criteria)

    def starting_at(self, view: EntityView) -> ViewRelationship:
        """Return the relationship starting from another view of its class."""
        return ViewRelationship(self._attribute, view, self._target, self.criteria)

    def within(self, sources: Sequence[Any], froms: Sequence[FromClause]) -> ViewRelationship:
        """Return the relationship between what a statement is about; see :func:`~flask_uow.orm.mapping.join_ends.ends_within`."""
        start, target = self.relationship.sql.ends_within(self.parent, self._target, sources, froms)
        if start is self.parent and target is self._target and self.relationship.source is None:
            return self
        return ViewRelationship(self._attribute, start, target, self.criteria, froms)

    def and_(self, *criteria: object) -> ViewRelationship:
        """Return the relationship to those related objects that fulfil criteria, too."""
        added = tuple(coerce_condition(criterion) for criterion in criteria)
        return ViewRelationship(self._attribute, self.parent, self._target, (*self.criteria, *added))

    def _with_own(self, criterion: object) -> object:
        if not self.criteria:
            return criterion
        return and_(*self.criteria, *(() if criterion is None else (coerce_condition(criterion),)))

    def __clause_element__(self) -> ColumnElement[Any]:
        return self._attribute.__clause_element__()

    def operate(self, op: Operator, other: object = None, **modifiers: Any) -> ColumnElement[Any]:
        return self.relationship.sql.comparison(op, other, self.parent)

    def any(self, criterion: object = None, **values: Any) -> ColumnElement[bool]:
        """True where at least one related object fulfils the criterion."""
        return self.relationship.sql.exists(self._with_own(criterion), values, True, self.parent, self._target)

    def has(self, criterion: object = None, **values: Any) -> ColumnElement[bool]:
        """True where the related object exists and fulfils the criterion."""
        return self.relationship.sql.exists(self._with_own(criterion), values, False, self.parent, self._target)

    def contains(self, other: object, autoescape: bool | None = None, escape: str | None = None) -> ColumnElement[bool]:
        """True where the object is a member of the collection."""
        return self.relationship.sql.contains(other, self.parent)

    def join_steps(
        self, onclause: ColumnElement[bool] | None = None, target: Entity | None = None, isouter: bool = False
    ) -> Any:
        """Return the joins along the relationship, as ``(left, right, condition)``."""
        target = target if target is not None else self._target
        # a table, or the class itself, needs none
        view: Any = target if getattr(target, "mapper", target) is not target else None
        adapted = [view.adapt(one) if view is not None else one for one in self.criteria]
        between = None
        if target is None and self._froms is not None and self.relationship.source is not None:
            between = self.relationship.sql.sources_between(self._froms)
        return self.relationship.sql.join_steps(onclause, self.parent, target, between, adapted, isouter)

    def __repr__(self) -> str:
        return f"<{self.class_.__name__}.{self.key} of an alias>"


def target_of(prop: RelationshipProperty, target: object) -> Any:
    """Return the entity that a relationship is told to lead to.

    :raises ArgumentError: for something that is no alias of its class.
    """
    entity = getattr(target, "__uow_entity__", None)
    if entity is None or entity.mapper.base_mapper is not prop.mapper.base_mapper:
        raise ArgumentError(
            f"{prop.name} leads to {prop.target_class.__name__}, and {target!r} is no alias of that class."
        )
    return entity
