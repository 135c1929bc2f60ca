"""``association_proxy``: an attribute of related objects, shown as if it were the object's own.

``Recipe.ingredients = association_proxy("parts", "name")`` is, on a recipe, a list of the names of its parts, which can be changed: what is put in
becomes a new part. On the class it is a criterion: ``Recipe.ingredients == "salt"`` is true for recipes with such a part. A proxy keeps nothing
itself; all goes through the relationship, and so does what is flushed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, overload

from flask_uow.exc import ArgumentError, InvalidRequestError, did_you_mean
from flask_uow.orm.mapping.association_collections import Behind
from flask_uow.orm.mapping.class_expressions import ClassExpression, class_expression
from flask_uow.orm.symbols import ExtensionType
from flask_uow.sql import operators as ops
from flask_uow.sql.column_operators import ColumnOperators
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.operations import or_

if TYPE_CHECKING:
    from flask_uow.sql.nodes import ClauseElement

__all__ = ["AssociationExpression", "AssociationProxy", "association_proxy"]

T = TypeVar("T")


class AssociationProxy(ClassExpression, Generic[T]):
    """The descriptor that :func:`association_proxy` returns; see there.

    :ivar target_collection: the name of the relationship.
    :ivar value_attr: the name of the attribute of the related objects.
    :ivar info: notes of the application.
    """

    extension_type = ExtensionType.ASSOCIATION_PROXY

    def __init__(
        self,
        target_collection: str,
        attr: str,
        *,
        creator: Callable[..., Any] | None = None,
        getset_factory: Callable[[type, AssociationProxy[Any]], tuple[Callable[..., Any], Callable[..., None]]]
        | None = None,
        proxy_factory: Callable[..., Any] | None = None,
        proxy_bulk_set: Callable[[Any, Iterable[Any]], None] | None = None,
        info: Mapping[Any, Any] | None = None,
        cascade_scalar_deletes: bool = False,
        create_on_none_assignment: bool = False,
    ) -> None:
        self.target_collection = target_collection
        self.value_attr = attr
        self.creator = creator
        self.getset_factory = getset_factory
        self.proxy_factory = proxy_factory
        self.proxy_bulk_set = proxy_bulk_set
        self.info: dict[Any, Any] = dict(info or {})
        self.cascade_scalar_deletes = cascade_scalar_deletes
        self.create_on_none_assignment = create_on_none_assignment
        self.key = f"{target_collection}.{attr}"

    def __set_name__(self, owner: type, name: str) -> None:
        self.key = name

    @overload
    def __get__(self, obj: None, owner: type) -> AssociationExpression: ...
    @overload
    def __get__(self, obj: object, owner: type) -> T: ...
    def __get__(self, obj: object, owner: type) -> Any:
        if obj is None:
            return self.of_entity(owner)
        behind = Behind(self, obj)
        if behind.uselist:
            return behind.collection()
        target = getattr(obj, self.target_collection)
        return None if target is None else behind.get(target)

    def __set__(self, obj: object, value: T) -> None:
        behind = Behind(self, obj)
        if behind.uselist:
            behind.replace(value)
            return
        target = getattr(obj, self.target_collection)
        if target is None:
            if value is not None or self.create_on_none_assignment:
                setattr(obj, self.target_collection, behind.create(value))
            return
        behind.set(target, value)
        if value is None and self.cascade_scalar_deletes:
            setattr(obj, self.target_collection, None)

    def __delete__(self, obj: object) -> None:
        if Behind(self, obj).uselist:
            setattr(obj, self.target_collection, type(getattr(obj, self.target_collection))())
        else:
            delattr(obj, self.target_collection)

    def of_entity(self, entity: object) -> AssociationExpression:
        return AssociationExpression(self, entity)

    def for_class(self, class_: object) -> AssociationExpression:
        """Return the proxy as a class, or an alias of one, has it."""
        return self.of_entity(class_)

    def __repr__(self) -> str:
        return f"<association_proxy {self.key}: {self.value_attr!r} of {self.target_collection!r}>"


def association_proxy(
    target_collection: str,
    attr: str,
    *,
    creator: Callable[..., Any] | None = None,
    getset_factory: Callable[[type, AssociationProxy[Any]], tuple[Callable[..., Any], Callable[..., None]]]
    | None = None,
    proxy_factory: Callable[..., Any] | None = None,
    proxy_bulk_set: Callable[[Any, Iterable[Any]], None] | None = None,
    info: Mapping[Any, Any] | None = None,
    cascade_scalar_deletes: bool = False,
    create_on_none_assignment: bool = False,
) -> AssociationProxy[Any]:
    """Show an attribute of related objects as if it were one of the object's own.

    The value is a list, a set or a dict of these values, as the relationship's collection is one of the objects; or the value itself, for a
    relationship to one object. Members whose value is assigned again stay; those whose value is not leave the relationship.

    :param target_collection: the name of the relationship.
    :param attr: the attribute of the related objects; may be a relationship or a proxy itself.
    :param creator: makes a related object of a value (for a dict: of key and value); the related class itself when None.
    :param getset_factory: returns, for the class of the collection and the proxy, a getter of a related object's value and its setter.
    :param proxy_factory: makes the collection of values, called with a function that returns the relationship's collection, the
        creator, the attribute's name and the proxy; for collections of one's own class.
    :param proxy_bulk_set: called with that collection and the values when one is assigned.
    :param info: notes of the application, see :attr:`AssociationProxy.info`.
    :param cascade_scalar_deletes: with a relationship to one object, assigning None takes the related object out.
    :param create_on_none_assignment: with a relationship to one object, assigning None makes a related object where there is none.

    >>> class Recipe(Base):                                                                     # doctest: +SKIP
    ...     parts: Mapped[list["Part"]] = relationship()
    ...     ingredients = association_proxy("parts", "name", creator=lambda name: Part(name=name))
    """
    return AssociationProxy(
        target_collection,
        attr,
        creator=creator,
        getset_factory=getset_factory,
        proxy_factory=proxy_factory,
        proxy_bulk_set=proxy_bulk_set,
        info=info,
        cascade_scalar_deletes=cascade_scalar_deletes,
        create_on_none_assignment=create_on_none_assignment,
    )


class AssociationExpression(ColumnOperators):
    """An association proxy as its class shows it: a criterion on the related objects.

    Compared with a value, it is true for objects with at least one related object whose attribute compares so.

    :ivar key: the name of the proxy.
    :ivar target_collection: the name of the relationship.
    :ivar value_attr: the name of the attribute of the related class.
    """

    def __init__(self, proxy: AssociationProxy[Any], entity: object) -> None:
        self._proxy = proxy
        self._entity = entity
        self.key = proxy.key
        self.info = proxy.info
        self.target_collection, self.value_attr = proxy.target_collection, proxy.value_attr

    @property
    def local_attr(self) -> Any:
        """The relationship of the class."""
        name = self._proxy.target_collection
        found = getattr(self._entity, name, None)
        if not hasattr(found, "relationship"):
            class_ = _class_of(self._entity)
            known = class_.__mapper__.relationships.keys() if hasattr(class_, "__mapper__") else ()
            raise ArgumentError(
                f"{class_.__name__}.{self.key}: association_proxy() names {name!r}, which is no relationship of {class_.__name__}."
                f"{did_you_mean(name, known)}"
            )
        return found

    @property
    def target_class(self) -> Any:
        """The class of the related objects."""
        return self.local_attr.relationship.mapper.class_

    @property
    def scalar(self) -> bool:
        """True where the relationship leads to one object."""
        return not self.local_attr.relationship.uselist

    @property
    def remote_attr(self) -> Any:
        """The attribute of the related class."""
        return getattr(self._aim(), self._proxy.value_attr)

    @property
    def attr(self) -> tuple[Any, Any]:
        """The relationship, and the attribute of the related class."""
        return self.local_attr, self.remote_attr

    def _aim(self) -> Any:
        class_, name = self.target_class, self._proxy.value_attr
        if class_expression(class_, name) is None and not isinstance(getattr(class_, name, None), ColumnOperators):
            raise ArgumentError(
                f"{_class_of(self._entity).__name__}.{self.key} stands for {class_.__name__}.{name}, which is no mapped attribute and so no"
                " criterion of a query. Give it a hybrid_property of that name, or compare an attribute that is mapped."
            )
        return class_

    def _exists(self, criterion: object = None) -> ColumnElement[bool]:
        local = self.local_attr
        found: ColumnElement[bool] = local.has(criterion) if self.scalar else local.any(criterion)
        return found

    def operate(self, op: ops.Operator, other: object = None, **modifiers: Any) -> ColumnElement[Any]:
        if op in ops.ORDERINGS:
            self._refuse()
        found = self._exists(self.remote_attr.operate(op, other, **modifiers))
        if op is ops.EQ and other is None:
            # who has no related object has no value either
            return or_(found, ~self._exists())
        return found

    def contains(self, other: object, autoescape: bool | None = None, escape: str | None = None) -> ColumnElement[bool]:
        """Return the criterion that a related object of the values is this one; for a column, that a text contains another."""
        remote = self.remote_attr
        if hasattr(remote, "relationship"):
            return self._exists(remote.contains(other) if remote.relationship.uselist else remote == other)
        return self._exists(remote.contains(other, autoescape=autoescape, escape=escape))

    def any(self, criterion: object = None, **values: Any) -> ColumnElement[bool]:
        """Return the criterion that at least one value, itself an object, fulfils a criterion.

        :param criterion: about the class of the values; where these are columns, about the class of the related objects.
        :param values: attributes of the values' class with what they are to be.
        :raises InvalidRequestError: where there is one value at most: use :meth:`has`.
        """
        if self.scalar and not self._leads_to_many():
            raise InvalidRequestError(f"{self!r} leads to one object, so any() does not fit. Use has().")
        return self._fulfils(criterion, values)

    def has(self, criterion: ClauseElement | None = None, **values: Any) -> ColumnElement[bool]:
        """Return the criterion that there is a value and fulfils a criterion; parameters as for :meth:`any`.

        :raises InvalidRequestError: where there may be several values: use :meth:`any`.
        """
        if not self.scalar or self._leads_to_many():
            raise InvalidRequestError(f"{self!r} leads to a collection, so has() does not fit. Use any().")
        return self._fulfils(criterion, values)

    def _leads_to_many(self) -> bool:
        remote = self.remote_attr
        return hasattr(remote, "relationship") and bool(remote.relationship.uselist)

    def _fulfils(self, criterion: object, values: Mapping[str, Any]) -> ColumnElement[bool]:
        remote = self.remote_attr
        if hasattr(remote, "relationship"):
            inner = remote.any if remote.relationship.uselist else remote.has
            return self._exists(inner(criterion, **values))
        if isinstance(remote, AssociationExpression):
            return self._exists(remote._fulfils(criterion, values))
        if values:
            raise ArgumentError(
                f"{self!r} stands for a column, which has no attributes: got {', '.join(values)}. Compare the proxy itself with a value."
            )
        return self._exists(criterion)

    def __clause_element__(self) -> ColumnElement[Any]:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ArgumentError(
            f"{self!r} stands for values of related objects and cannot be selected or sorted by. Join along"
            f" {_class_of(self._entity).__name__}.{self._proxy.target_collection} and use {self.target_class.__name__}.{self._proxy.value_attr}."
        )

    def __repr__(self) -> str:
        return f"{_class_of(self._entity).__name__}.{self.key}"


def _class_of(entity: object) -> Any:
    if isinstance(entity, type):
        return entity
    view: Any = entity
    return view.__uow_entity__.mapper.class_
