"""``registry``: maps classes that derive from no declarative base, by a decorator or by a table of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar, overload

from flask_uow.exc import ArgumentError
from flask_uow.orm.mapping.declarative import DeclarativeBase, DeclaredClass, as_declarative, declarative_base
from flask_uow.orm.mapping.declared_class import map_declared
from flask_uow.orm.mapping.mapped_dataclass import make_mapped_dataclass
from flask_uow.orm.mapping.mapper import Mapper
from flask_uow.orm.mapping.registry import Registry
from flask_uow.sql.schema import MetaData

__all__ = ["registry"]

C = TypeVar("C", bound=type)


class registry(Registry):  # noqa: N801 - by the field's name
    """A family of mapped classes, and the ways to map them.

    :param metadata: the MetaData of their tables; a new one when None.
    :param type_annotation_map: SQL types by the Python types that annotate attributes, see :class:`DeclarativeBase`.
    :param constructor: the ``__init__`` of classes that define none; that of declarative bases, which takes attributes by name, when left
        out. None leaves them without.

    >>> reg = registry()
    >>> @reg.mapped
    ... class Fruit:
    ...     __tablename__ = "fruit"
    ...     id: Mapped[int] = mapped_column(primary_key=True)
    >>> Fruit.__table__.name
    'fruit'
    """

    def __init__(
        self,
        *,
        metadata: MetaData | None = None,
        type_annotation_map: Mapping[Any, Any] | None = None,
        constructor: Callable[..., None] | None = DeclaredClass.__init__,
    ) -> None:
        super().__init__(metadata, type_annotation_map)
        self.constructor = constructor

    def mapped(self, cls: C) -> C:
        """Map a class by what its body declares, as a declarative class is mapped; a decorator.

        :raises ArgumentError: for a class without a table.
        """
        made: Any = cls
        if self.constructor is not None and made.__init__ is object.__init__:
            made.__init__ = self.constructor
        map_declared(made, self)
        if "__mapper__" not in vars(made):
            raise ArgumentError(
                f"{made.__name__} cannot be mapped: it has no table. Give it a __tablename__, or a __table__; for a table of its own, use"
                " map_imperatively()."
            )
        return cls

    def map_declaratively(self, cls: type) -> Mapper:
        """Map a class as :meth:`mapped` does, and return its mapper."""
        mapped: Any = self.mapped(cls)
        mapper: Mapper = mapped.__mapper__
        return mapper

    @overload
    def mapped_as_dataclass(self, cls: C, /) -> C: ...
    @overload
    def mapped_as_dataclass(self, /, **arguments: Any) -> Callable[[C], C]: ...
    def mapped_as_dataclass(self, cls: C | None = None, /, **arguments: Any) -> C | Callable[[C], C]:
        """Make a class a dataclass and map it; a decorator, with the arguments of :func:`dataclasses.dataclass` or without."""

        def decorate(cls: C) -> C:
            make_mapped_dataclass(cls, arguments)
            return self.mapped(cls)

        return decorate if cls is None else decorate(cls)

    def map_imperatively(
        self, class_: type, local_table: object = None, properties: Mapping[str, Any] | None = None, **options: Any
    ) -> Mapper:
        """Map a class to a table; see :func:`mapper`, whose options it takes. One without an ``__init__`` gets that of the registry."""
        made: Any = class_
        gets_constructor = self.constructor is not None and made.__init__ is object.__init__
        if gets_constructor:
            made.__init__ = self.constructor
        mapper = Mapper(class_, local_table, properties, registry=self, **options)
        if gets_constructor:
            mapper.when_disposed.append(partial(_without_constructor, class_))
        return mapper

    def as_declarative_base(self, **options: Any) -> Callable[[type], Any]:
        """Return the decorator that makes a declarative base of a class, whose classes belong to this registry."""
        return as_declarative(registry=self, **options)

    def update_type_annotation_map(self, type_annotation_map: Mapping[Any, Any]) -> None:
        """Add SQL types for Python types that annotate attributes of classes mapped later; see :class:`DeclarativeBase`."""
        self.type_annotation_map.update(type_annotation_map)

    def generate_base(self, *, cls: type | tuple[type, ...] = (), name: str = "Base") -> type[DeclarativeBase]:
        """Return a declarative base whose classes belong to this registry."""
        base: type[DeclarativeBase] = declarative_base(cls=cls, name=name, registry=self)
        return base


def _without_constructor(cls: type) -> None:
    if "__init__" in vars(cls):
        delattr(cls, "__init__")


DeclaredClass.registry_class = registry
