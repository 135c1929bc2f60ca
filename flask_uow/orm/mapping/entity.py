"""A mapped class as one item of a SELECT: from which FROM element, and with which columns.

A mapper stands for its class with its own table and the usual columns; an :class:`EntityView` for anything else: an alias that a
joined relationship is loaded from, a subquery, another choice of columns. What ``aliased()`` gives, and ``filter_by()`` on a view, are
attributes of a view: :class:`ViewColumn` and :class:`ViewRelationship`.
"""

from __future__ import annotations

from typing import Any

from flask_uow.exc import ArgumentError
from flask_uow.orm.instrumentation.attributes import RelationshipAttribute
from flask_uow.sql.expressions import ColumnElement, ColumnOperators
from flask_uow.sql.rewriting import rewritten

__all__ = ["EntityView", "ViewColumn", "ViewRelationship"]


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
    def base_mapper(self) -> Any:
        """The mapper that identity keys are counted in."""
        return self.mapper.base_mapper

    @property
    def shape_atom(self) -> Any:
        """What stands for the columns in the shape of a statement; None where they have to be walked."""
        return (self.mapper, self.names) if self.selectable is self.mapper.selectable else None

    @property
    def plan_atom(self) -> Any:
        """What tells the rows apart that become objects in another way."""
        return (self.mapper, self.names)

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

    def attribute(self, name: str) -> Any:
        """Return an attribute of the class as it is here.

        :raises AttributeError: when the class has none of that name.
        """
        found = getattr(self.mapper.class_, name)
        if isinstance(found, RelationshipAttribute):
            return ViewRelationship(found, self)
        return ViewColumn(found, self) if isinstance(found, ColumnOperators) else found

    def attribute_for_filter(self, name: str) -> Any:
        """Return the attribute that ``filter_by(name=...)`` means.

        :raises InvalidRequestError: when there is none.
        """
        self.mapper.attribute_for_filter(name)
        return self.attribute(name)


class ViewColumn(ColumnOperators):
    """A column attribute of a view of its class.

    :ivar key: the attribute's name.
    :ivar parent: the view.
    """

    def __init__(self, attribute: Any, view: EntityView) -> None:
        self._attribute = attribute
        self.key = attribute.key
        self.parent = view
        self.property = attribute.property

    @property
    def class_(self) -> type:
        """The mapped class."""
        return self.parent.mapper.class_  # type: ignore[no-any-return]

    def __clause_element__(self) -> ColumnElement[Any]:
        return self.parent.adapt(self._attribute.__clause_element__())  # type: ignore[no-any-return]

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
    :ivar key: the attribute's name.
    :ivar parent: what it starts from: a mapper or a view.
    """

    def __init__(self, attribute: Any, view: EntityView | None, target: Any = None) -> None:
        self._attribute = attribute
        self._target = target
        self.relationship = self.property = attribute.relationship
        self.key = attribute.key
        self.parent = view if view is not None else attribute.parent

    @property
    def class_(self) -> type:
        """The mapped class."""
        return self.parent.mapper.class_  # type: ignore[no-any-return]

    @property
    def joined_entity(self) -> Any:
        """The entity that a join along the relationship brings in."""
        return self._target if self._target is not None else self.relationship.mapper

    def of_type(self, target: Any) -> ViewRelationship:
        """Return the relationship leading to an alias of its class: ``join(User.posts.of_type(alias))``."""
        return ViewRelationship(self._attribute, self.parent, target_of(self.relationship, target))

    def starting_at(self, view: EntityView) -> ViewRelationship:
        """Return the relationship starting from another view of its class."""
        return ViewRelationship(self._attribute, view, self._target)

    def __clause_element__(self) -> ColumnElement[Any]:
        return self._attribute.__clause_element__()  # type: ignore[no-any-return]

    def operate(self, op: Any, other: Any = None, **modifiers: Any) -> ColumnElement[Any]:
        return self.relationship.sql.comparison(op, other, self.parent)  # type: ignore[no-any-return]

    def any(self, criterion: Any = None, **values: Any) -> ColumnElement[bool]:
        """True where at least one related object fulfils the criterion."""
        return self.relationship.sql.exists(criterion, values, True, self.parent, self._target)  # type: ignore[no-any-return]

    def has(self, criterion: Any = None, **values: Any) -> ColumnElement[bool]:
        """True where the related object exists and fulfils the criterion."""
        return self.relationship.sql.exists(criterion, values, False, self.parent, self._target)  # type: ignore[no-any-return]

    def contains(self, other: Any, autoescape: bool = True) -> ColumnElement[bool]:
        """True where the object is a member of the collection."""
        return self.relationship.sql.contains(other, self.parent)  # type: ignore[no-any-return]

    def join_steps(self, onclause: Any = None, target: Any = None) -> Any:
        """Return the joins along the relationship, as ``(left, right, condition)``."""
        return self.relationship.sql.join_steps(onclause, self.parent, target if target is not None else self._target)

    def __repr__(self) -> str:
        return f"<{self.class_.__name__}.{self.key} of an alias>"


def target_of(prop: Any, target: Any) -> Any:
    """Return the entity that a relationship is told to lead to.

    :raises ArgumentError: for something that is no alias of its class.
    """
    entity = getattr(target, "__uow_entity__", None)
    if entity is None or entity.mapper.base_mapper is not prop.mapper.base_mapper:
        raise ArgumentError(
            f"{prop.name} leads to {prop.target_class.__name__}, and {target!r} is no alias of that class."
        )
    return entity
