"""``ConcreteBase`` and ``AbstractConcreteBase``: a family of classes with a table each, which is queried by a union that nobody has to write."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from flask_uow.exc import ArgumentError
from flask_uow.orm.mapping.class_arguments import declared_attr
from flask_uow.orm.mapping.inheritance import polymorphic_union
from flask_uow.orm.mapping.mapper import Mapper
from flask_uow.orm.mapping.properties import MappedColumn
from flask_uow.orm.mapping.relationship_property import RelationshipProperty
from flask_uow.sql.schema import Column

__all__ = [
    "AbstractConcreteBase",
    "ConcreteBase",
    "abstract_base_of",
    "discriminator_of_concrete",
    "unmap_abstract_base",
]


class ConcreteBase:
    """Derive the first class of a family from it, and from the declarative base: ``class Employee(ConcreteBase, Base)``.

    The class and its subclasses have ``__tablename__``, all their columns, a ``polymorphic_identity`` and ``"concrete": True`` in
    ``__mapper_args__``. A query of the class is one of the union of all tables, and gives objects of all classes. The union has a column that
    tells the class of a row.

    :cvar _concrete_discriminator_name: the name of that column.
    """

    _concrete_discriminator_name: ClassVar[str] = "type"


class _Entity:
    """The entity of a class without a table while it waits for those with one: a statement that asks for it has the family configured."""

    def __get__(self, obj: object, owner: Any) -> Any:
        if AbstractConcreteBase in owner.__bases__ and "registry" in dir(owner):
            owner.registry.configure()
            if "__uow_entity__" in vars(owner):
                return vars(owner)["__uow_entity__"]
        raise AttributeError("__uow_entity__")


class AbstractConcreteBase(ConcreteBase):
    """As :class:`ConcreteBase`, for a first class without a table of its own: ``class Employee(AbstractConcreteBase, Base)``.

    What it declares, its subclasses have: columns as from a mixin, relationships by ``@declared_attr``. Its own attributes are the columns of
    the union. It is mapped when the mappers are configured, anew after further subclasses; ``select(Employee)`` sees to it,
    :func:`configure_mappers` too.
    """

    __uow_entity__ = _Entity()

    @classmethod
    def __declare_first__(cls) -> None:
        """Map the base of the family to the union of its tables."""
        base = abstract_base_of(cls)
        if base is not None:
            _unite(base)


def abstract_base_of(cls: type) -> Any:
    """Return the first class of a family that has no table of its own, where a class belongs to such a family; else None."""
    return next((base for base in cls.__mro__ if AbstractConcreteBase in base.__bases__), None)


def unmap_abstract_base(cls: type) -> None:
    """Unmap the base without a table of a class that is about to be mapped: it will be mapped to a union that has the class's table, too."""
    base = abstract_base_of(cls)
    known: Mapper | None = vars(base).get("__mapper__") if base is not None and base is not cls else None
    if known is not None:
        known.registry.forget(known)
        for found in known.subclasses:
            found.inherits = None


def discriminator_of_concrete(cls: type, parent: object) -> str | None:
    """Return the name of the column that tells the classes of a family, where a class is its first one; else None."""
    if parent is not None or not issubclass(cls, ConcreteBase) or issubclass(cls, AbstractConcreteBase):
        return None
    name: str = cls._concrete_discriminator_name
    return name


def _unite(base: Any) -> None:
    """Map a class without a table to the union of the tables of its subclasses, unless it is mapped."""
    members = [found for found in _mappers_below(base) if found.polymorphic_identity is not None]
    if not members or "__mapper__" in vars(base):
        return
    name = base._concrete_discriminator_name
    if any(name in found.column_attrs for found in members):
        raise ArgumentError(
            f"{base.__name__}: a subclass has an attribute {name!r}, and so the union of the family calls the column that tells the class of a row. Give"
            f" that another name: _concrete_discriminator_name in {base.__name__}."
        )
    kinds = (Column, MappedColumn, declared_attr)
    declared = {name: v for name, v in vars(base).items() if isinstance(v, kinds) and not name.startswith("__")}
    for attribute in declared:
        delattr(base, attribute)
    union = polymorphic_union({found.polymorphic_identity: found.mapped_selectable for found in members}, name, "pjoin")
    made = Mapper(
        base,
        union,
        registry=base.registry,
        primary_key=[union.c[column.key] for column in members[0].primary_key],
        polymorphic_on=union.c[name],
        with_polymorphic=("*", union),
    )
    # a subclass that comes later takes these as from a mixin
    made.when_disposed.append(partial(_give_back, base, declared))
    for attribute, value in declared.items():
        prop = value.method(base) if isinstance(value, declared_attr) else None
        # one that only its annotation says more of is for the subclasses
        if isinstance(prop, RelationshipProperty) and prop.argument is not None:
            made.add_property(attribute, prop)
    for found in members:
        made.polymorphic_map[found.polymorphic_identity] = found
        if found.inherits is None:
            found.inherits = made
            made.subclasses.append(found)
            found.hide_inherited(made)
        found.memo.clear()


def _give_back(cls: type, declared: dict[str, Any]) -> None:
    for name, value in declared.items():
        setattr(cls, name, value)


def _mappers_below(cls: Any) -> list[Mapper]:
    """Return the mappers of all classes that derive from a class, parents first."""
    found: list[Mapper] = []
    for subclass in cls.__subclasses__():
        own = vars(subclass).get("__mapper__")
        found.extend([] if own is None else [own])
        found.extend(_mappers_below(subclass))
    return list(dict.fromkeys(found))
