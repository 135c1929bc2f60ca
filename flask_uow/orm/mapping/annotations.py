"""``Mapped[...]`` and what an annotation says: the type of a column, or the target of a relationship.

Annotations are read when the class is made, and may name classes that do not exist yet; such names are kept as names and looked
up when the mappers are configured.
"""

from __future__ import annotations

import builtins
import re
import sys
import types
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ForwardRef, Generic, TypeVar, Union, get_args, get_origin, overload

from flask_uow.exc import ArgumentError

if TYPE_CHECKING:
    from flask_uow.orm.instrumentation.attributes import RelationshipAttribute
    from flask_uow.sql.column_operators import ColumnOperators
    from flask_uow.sql.expressions import ColumnElement

__all__ = ["InstrumentedAttribute", "Mapped", "MappedAnnotation", "read_annotation"]

T = TypeVar("T")

if TYPE_CHECKING:
    # in the body of its class an attribute may be used in expressions
    _ClassBody = ColumnOperators

    class InstrumentedAttribute(RelationshipAttribute, ColumnElement[T], Generic[T]):
        """What a mapped attribute is on its class, to a type checker: an expression, with the methods of relationships."""

else:

    class _ClassBody:
        """The base of :class:`Mapped`; its operators are for type checkers."""

    class InstrumentedAttribute(Generic[T]):
        """What a mapped attribute is on its class; for annotations only."""


class Mapped(_ClassBody, Generic[T]):
    """The annotation of a mapped attribute: a ``T`` on objects, an expression on the class.

    >>> from flask_uow.orm import DeclarativeBase, Mapped, mapped_column
    >>> class Base(DeclarativeBase):
    ...     pass
    >>> class City(Base):
    ...     __tablename__ = "city"
    ...     id: Mapped[int] = mapped_column(primary_key=True)
    ...     name: Mapped[str | None]
    >>> City(name="Oslo").name
    'Oslo'
    """

    if TYPE_CHECKING:

        @overload
        def __get__(self, obj: None, owner: Any) -> InstrumentedAttribute[T]: ...

        @overload
        def __get__(self, obj: object, owner: Any) -> T: ...

        def __get__(self, obj: object | None, owner: Any) -> InstrumentedAttribute[T] | T: ...

        def __set__(self, obj: Any, value: T | ColumnElement[Any]) -> None: ...

        def __delete__(self, obj: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class MappedAnnotation:
    """What ``Mapped[...]`` says.

    :ivar type: a Python type, or the name of a class that is to be looked up later.
    :ivar optional: True for ``Optional``.
    :ivar collection: ``list``, ``set`` or ``dict`` for a collection, else None.
    """

    type: Any
    optional: bool
    collection: type | None


class _Names(dict[str, Any]):
    """The names that an annotation may use; unknown ones stand for themselves, to be looked up later."""

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)
        return _Later(name)


class _Later:
    """A name that is not known yet; may be used as ``X | None`` and inside brackets."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __or__(self, other: Any) -> Any:
        return Union[ForwardRef(self.name), other]  # noqa: UP007

    __ror__ = __or__

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Later(f"{self.name}.{name}")

    def __call__(self) -> None:
        """Typing takes only callables as arguments of generics."""


def read_annotation(annotation: Any, owner: str, module: str, local_names: dict[str, Any]) -> MappedAnnotation | None:
    """Return what an annotation says, or None when it is not ``Mapped[...]``.

    :param owner: the attribute as messages call it, ``Class.attribute``.
    :param module: the module of the class, in whose names the annotation is read.
    :param local_names: names of the function that the class is made in, if any.
    :raises ArgumentError: for ``Mapped`` without a type, or an annotation that can't be read.
    """
    if isinstance(annotation, str):
        if not re.search(r"\bMapped\b", annotation):
            return None
        annotation = _evaluate(annotation, owner, module, local_names)
    if annotation is Mapped:
        raise ArgumentError(f"{owner} is annotated as Mapped without a type. Write Mapped[int], say.")
    if get_origin(annotation) is not Mapped:
        return None
    return _read(get_args(annotation)[0], owner, module, local_names)


def _evaluate(text: str, owner: str, module: str, local_names: dict[str, Any]) -> Any:
    names = _Names(vars(typing))
    names.update(vars(sys.modules[module]) if module in sys.modules else {})
    names.update(local_names)
    try:
        return eval(text, {"__builtins__": builtins}, names)
    except Exception as error:
        raise ArgumentError(f"{owner}: its annotation {text!r} cannot be read: {error}") from error


def _read(inner: Any, owner: str, module: str, local_names: dict[str, Any]) -> MappedAnnotation:
    if isinstance(inner, ForwardRef):
        inner = inner.__forward_arg__
    if isinstance(inner, str):
        inner = _evaluate(inner, owner, module, local_names)
    optional = False
    if get_origin(inner) in (Union, types.UnionType):
        members = [member for member in get_args(inner) if member is not type(None)]
        optional = len(members) < len(get_args(inner))
        if len(members) != 1:
            raise ArgumentError(
                f"{owner} is annotated as a union of several types; a column has one. Use Optional[...] for NULL."
            )
        inner = _unwrap(members[0], owner, module, local_names)
    origin = get_origin(inner)
    if origin in (list, set, dict):
        member = _unwrap(get_args(inner)[-1], owner, module, local_names)
        return MappedAnnotation(_plain(member), optional, origin)
    return MappedAnnotation(_plain(inner), optional, None)


def _unwrap(inner: Any, owner: str, module: str, local_names: dict[str, Any]) -> Any:
    if isinstance(inner, ForwardRef):
        inner = inner.__forward_arg__
    return _evaluate(inner, owner, module, local_names) if isinstance(inner, str) else inner


def _plain(inner: Any) -> Any:
    return inner.name if isinstance(inner, _Later) else inner
