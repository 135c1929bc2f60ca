"""``hybrid_property`` and ``hybrid_method``: one definition that is a value on objects and an SQL expression on their class.

The function of a hybrid is called with an object, or with the class (or an alias of it) in its place: ``self.width * self.height``
multiplies numbers there and columns here. Where the two need different code, :meth:`hybrid_property.expression` gives the class its own.
Mapper, flush and loaders know nothing of hybrids; names in ``filter_by()`` and ``values()`` find them through
:mod:`~flask_uow.orm.mapping.class_expressions`.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable
from types import MethodType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from flask_uow.exc import ArgumentError
from flask_uow.orm.instrumentation.attributes import ColumnAttribute
from flask_uow.orm.mapping.class_expressions import ClassExpression
from flask_uow.orm.mapping.view_attributes import ViewColumn
from flask_uow.orm.symbols import ExtensionType
from flask_uow.sql.column_operators import ColumnOperators
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.select_base import SelectBase

if TYPE_CHECKING:
    from flask_uow.sql.nodes import ClauseElement

__all__ = ["Comparator", "HybridExpression", "hybrid_method", "hybrid_property"]

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


class Comparator(ColumnOperators):
    """Operators of one's own for a hybrid; derive from it, override what should differ, and return one from ``@name.comparator``.

    :param expression: the column, attribute or expression that it is about.
    """

    key: str | None = None
    selected_name: str | None = None
    _hybrid: hybrid_property[Any] | None = None
    _entity: Any = None

    def __init__(self, expression: ClauseElement | ColumnOperators) -> None:
        self.expression = expression

    def of_hybrid(self, hybrid: hybrid_property[Any], entity: object) -> Comparator:
        """Take the place of a hybrid of a class, and its name in rows."""
        self._hybrid, self._entity = hybrid, entity
        self.key = self.selected_name = hybrid.name
        return self

    def assignments(self, value: object) -> list[tuple[Any, Any]]:
        """Return the pairs of attributes and values that an UPDATE sets in order to set the hybrid."""
        if self._hybrid is None:
            return [(self.expression, value)]
        found: list[tuple[Any, Any]] = self._hybrid.assignments(self._entity, self.expression, value)
        return found

    def __clause_element__(self) -> ColumnElement[Any]:
        """Return the expression, for use in the overridden operators."""
        return _element(self.expression)

    def as_operand(self) -> ColumnElement[Any]:
        return _operand(self.expression)

    def __getattr__(self, name: str) -> Any:
        # relationships have methods that columns lack: any(), has()
        if name.startswith("__") or name == "expression":
            raise AttributeError(name)
        return getattr(self.expression, name)


def _element(expression: Any) -> ColumnElement[Any]:
    if isinstance(expression, SelectBase):
        expression = expression.scalar_subquery()
    found: ColumnElement[Any] = expression.__clause_element__()
    return found


def _operand(expression: ClauseElement | ColumnOperators) -> ColumnElement[Any]:
    if isinstance(expression, ColumnOperators):
        return expression.as_operand()
    return _element(expression)


class HybridExpression(ColumnOperators):
    """A hybrid property as its class shows it: an expression that is called as the hybrid in rows.

    :ivar key: the name of the hybrid.
    :ivar expression: what its function returned for the class.
    """

    def __init__(
        self, hybrid: hybrid_property[Any], entity: object, expression: ClauseElement | ColumnOperators
    ) -> None:
        self._hybrid = hybrid
        self._entity = entity
        self.expression = expression
        self.key = self.selected_name = hybrid.name

    def __clause_element__(self) -> ColumnElement[Any]:
        return _element(self.expression)

    def as_operand(self) -> ColumnElement[Any]:
        return _operand(self.expression)

    def assignments(self, value: object) -> list[tuple[Any, Any]]:
        """Return the pairs of attributes and values that an UPDATE sets in order to set the hybrid."""
        found: list[tuple[Any, Any]] = self._hybrid.assignments(self._entity, self.expression, value)
        return found

    def __getattr__(self, name: str) -> Any:
        # of an empty object, as copy makes one, these would be asked for without an end
        if name.startswith("__") or name in ("expression", "_hybrid"):
            raise AttributeError(name)
        if name in _DEFINING:
            # a subclass defines a part of it anew: ``@Base.name.setter``
            return getattr(self._hybrid, name)
        return getattr(self.expression, name)

    def __repr__(self) -> str:
        return f"<hybrid {getattr(self._entity, '__name__', self._entity)}.{self.key}>"


_DEFINING = ("comparator", "deleter", "getter", "inplace", "overrides", "setter", "update_expression")


class hybrid_property(ClassExpression, Generic[T]):  # noqa: N801 - a decorator, called as the field calls it
    """A property of objects that is an SQL expression on their class.

    :param fget: returns the value of an object; called with the class, it returns the expression, unless ``expr`` does.
    :param fset: sets the value of an object.
    :param fdel: deletes it.
    :param expr: returns the expression of a class: a column expression, an attribute, a SELECT of one value.
    :param custom_comparator: returns the :class:`Comparator` of a class.
    :param update_expr: returns what an UPDATE of the class sets for a value: pairs of attributes and values.

    >>> class Box(Base):                                                                        # doctest: +SKIP
    ...     @hybrid_property
    ...     def area(self):
    ...         return self.width * self.height
    >>> select(Box).where(Box.area > 10)                                                        # doctest: +SKIP
    """

    extension_type = ExtensionType.HYBRID_PROPERTY

    @functools.cached_property
    def info(self) -> dict[Any, Any]:  # type: ignore[override]
        """Notes of the application about the attribute."""
        return {}

    def __init__(
        self,
        fget: Callable[[Any], T],
        fset: Callable[[Any, Any], None] | None = None,
        fdel: Callable[[Any], None] | None = None,
        expr: Callable[[Any], Any] | None = None,
        custom_comparator: Callable[[Any], Any] | None = None,
        update_expr: Callable[[Any, Any], Iterable[tuple[Any, Any]]] | None = None,
    ) -> None:
        self.fget = fget
        self.fset = fset
        self.fdel = fdel
        self.expr = _plain(expr)
        self.custom_comparator = _plain(custom_comparator)
        self.update_expr = _plain(update_expr)
        self.name = getattr(fget, "__name__", "hybrid")
        functools.update_wrapper(cast("Callable[..., Any]", self), fget)

    def __set_name__(self, owner: type, name: str) -> None:
        # what .inplace decorates stands on the class under the names of those functions as well
        own = getattr(self.fget, "__name__", name)
        self.name = own if vars(owner).get(own) is self else name

    @overload
    def __get__(self, obj: None, owner: type) -> Any: ...
    @overload
    def __get__(self, obj: object, owner: type) -> T: ...
    def __get__(self, obj: object, owner: type) -> Any:
        return self.of_entity(owner) if obj is None else self.fget(obj)

    def __set__(self, obj: object, value: object) -> None:
        if self.fset is None:
            raise AttributeError(
                f"{type(obj).__name__}.{self.name} is a hybrid without a setter and cannot be set. Give it one with @{self.name}.setter."
            )
        self.fset(obj, value)

    def __delete__(self, obj: object) -> None:
        if self.fdel is None:
            raise AttributeError(
                f"{type(obj).__name__}.{self.name} is a hybrid without a deleter. Give it one with @{self.name}.deleter."
            )
        self.fdel(obj)

    def of_entity(self, entity: object) -> Any:
        if self.custom_comparator is not None:
            found = self.custom_comparator(entity)
        else:
            found = (self.expr or self.fget)(entity)
        if isinstance(found, Comparator):
            return found.of_hybrid(self, entity)
        # a relationship has methods of its own, and what has operators of its own must keep them
        if isinstance(found, (ColumnElement, ColumnAttribute, HybridExpression, SelectBase, ViewColumn)):
            return HybridExpression(self, entity, found)
        return found

    def assignments(
        self, entity: object, expression: ClauseElement | ColumnOperators, value: object
    ) -> list[tuple[Any, Any]]:
        """Return the attributes, with their values, that an UPDATE sets in order to set the hybrid.

        :raises ArgumentError: where the hybrid is no single column and has no update expression.
        """
        if self.update_expr is not None:
            return list(self.update_expr(entity, value))
        if isinstance(expression, (Comparator, HybridExpression)):
            return expression.assignments(value)
        inner = expression
        if isinstance(inner, ColumnOperators) and getattr(_element(inner), "__visit_name__", None) == "column":
            return [(inner, value)]
        raise ArgumentError(
            f"the hybrid {self.name!r} is an expression, which an UPDATE cannot set. Say what it sets instead with"
            f" @{self.name}.update_expression, a function of the class and the value that returns pairs of attributes and values."
        )

    def _with(self, **parts: Any) -> hybrid_property[T]:
        made = copy.copy(self)
        made.__dict__.update(parts)
        return made

    def getter(self, fget: Callable[[Any], T]) -> hybrid_property[T]:
        """Return the hybrid with another function for objects; a decorator."""
        return self._with(fget=fget)

    def setter(self, fset: Callable[[Any, Any], None]) -> hybrid_property[T]:
        """Return the hybrid with a function that sets the value of an object; a decorator."""
        return self._with(fset=fset)

    def deleter(self, fdel: Callable[[Any], None]) -> hybrid_property[T]:
        """Return the hybrid with a function that deletes the value of an object; a decorator."""
        return self._with(fdel=fdel)

    def expression(self, expr: Callable[[Any], Any]) -> hybrid_property[T]:
        """Return the hybrid with a function that gives the expression of a class; a decorator."""
        return self._with(expr=_plain(expr), custom_comparator=None)

    def comparator(self, comparator: Callable[[Any], Any]) -> hybrid_property[T]:
        """Return the hybrid with a function that gives the :class:`Comparator` of a class; a decorator."""
        return self._with(custom_comparator=_plain(comparator))

    def update_expression(self, update_expr: Callable[[Any, Any], Iterable[tuple[Any, Any]]]) -> hybrid_property[T]:
        """Return the hybrid with a function that says what an UPDATE sets; a decorator."""
        return self._with(update_expr=_plain(update_expr))

    @property
    def overrides(self) -> hybrid_property[T]:
        """The hybrid itself: what a subclass defines a part of anew, ``@Base.name.overrides.expression``."""
        return self

    @property
    def inplace(self) -> InPlace:
        """Decorators that change this hybrid, so that each function can have a name of its own: ``@name.inplace.setter``."""
        return InPlace(self)

    def __repr__(self) -> str:
        return f"<hybrid_property {self.name}>"


class InPlace:
    """The decorators of a hybrid that change it and return the function's hybrid again; see :attr:`hybrid_property.inplace`."""

    def __init__(self, hybrid: object) -> None:
        self._hybrid = hybrid

    def _change(self, **parts: Any) -> Any:
        self._hybrid.__dict__.update(parts)
        return self._hybrid

    def getter(self, fget: Callable[[Any], Any]) -> Any:
        """Give the hybrid another function for objects."""
        return self._change(fget=fget)

    def setter(self, fset: Callable[[Any, Any], None]) -> Any:
        """Give the hybrid a function that sets the value of an object."""
        return self._change(fset=fset)

    def deleter(self, fdel: Callable[[Any], None]) -> Any:
        """Give the hybrid a function that deletes the value of an object."""
        return self._change(fdel=fdel)

    def expression(self, expr: object) -> Any:
        """Give the hybrid a function for the class; ``@classmethod`` may stand below it."""
        return self._change(expr=_plain(expr))

    def comparator(self, comparator: object) -> Any:
        """Give the hybrid a function that returns the :class:`Comparator` of a class; ``@classmethod`` may stand below it."""
        return self._change(custom_comparator=_plain(comparator))

    def update_expression(self, update_expr: object) -> Any:
        """Give the hybrid a function that says what an UPDATE sets; ``@classmethod`` may stand below it."""
        return self._change(update_expr=_plain(update_expr))


class hybrid_method(ClassExpression, Generic[P, R]):  # noqa: N801 - as above
    """A method of objects that returns an SQL expression when it is called on their class.

    :param func: the method; called with the class in place of the object, it returns the expression, unless ``expr`` does.
    :param expr: the method of the class.
    """

    extension_type = ExtensionType.HYBRID_METHOD

    @functools.cached_property
    def info(self) -> dict[Any, Any]:  # type: ignore[override]
        """Notes of the application about the attribute."""
        return {}

    def __init__(self, func: Callable[..., R], expr: Callable[..., Any] | None = None) -> None:
        self.func = func
        self.expr = _plain(expr)
        self.name = getattr(func, "__name__", "hybrid")
        functools.update_wrapper(cast("Callable[..., Any]", self), func)

    @overload
    def __get__(self, obj: None, owner: type) -> Callable[..., Any]: ...
    @overload
    def __get__(self, obj: object, owner: type) -> Callable[..., R]: ...
    def __get__(self, obj: object, owner: type) -> Callable[..., Any]:
        return self.of_entity(owner) if obj is None else MethodType(self.func, obj)

    def of_entity(self, entity: object) -> Callable[..., Any]:
        return MethodType(self.expr or self.func, entity)

    def expression(self, expr: Callable[..., Any]) -> hybrid_method[P, R]:
        """Return the hybrid with another method for the class; a decorator."""
        made = copy.copy(self)
        made.expr = _plain(expr)
        return made

    @property
    def inplace(self) -> InPlace:
        """Decorators that change this hybrid: ``@name.inplace.expression``."""
        return InPlace(self)

    def __repr__(self) -> str:
        return f"<hybrid_method {self.name}>"


def _plain(function: object) -> Any:
    # the class, or an alias of it, is passed as the first argument
    return function.__func__ if isinstance(function, classmethod) else function
