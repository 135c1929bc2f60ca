"""Completes a declaration by its annotation: a column's type, whether it takes NULL, where a relationship leads.

Called by :mod:`~flask_uow.orm.mapping.declared_class`, which has collected the declarations of a class.
"""

from __future__ import annotations

import dataclasses
import enum
import types
from collections.abc import Set as AbstractSet
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from flask_uow.exc import ArgumentError
from flask_uow.orm.mapping.annotations import Mapped, MappedAnnotation, read_annotation
from flask_uow.orm.mapping.properties import MappedColumn
from flask_uow.sql.schema import Column
from flask_uow.sql.types import Enum, TypeEngine, to_instance, type_for_annotation

if TYPE_CHECKING:
    from flask_uow.orm.mapping.composites import CompositeProperty
    from flask_uow.orm.mapping.registry import Registry
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty

__all__ = ["complete_column", "complete_composite", "complete_relationship", "with_template"]


def with_template(value: Any, annotation: MappedAnnotation | None) -> Any:
    """Return a declaration with what ``Annotated[..., mapped_column(...)]`` says where it says nothing itself."""
    extras = annotation.extras if annotation is not None else ()
    template = next((extra for extra in extras if isinstance(extra, MappedColumn)), None)
    if template is None or not (value is None or isinstance(value, MappedColumn)):
        return value
    # a copy: the template serves other attributes as well
    return (
        value.on(template)
        if value is not None
        else MappedColumn(template.given, template.field, template.sort_order, template.use_existing)
    )


def complete_column(
    owner: str, name: str, value: object, annotation: MappedAnnotation | None, cls: type, registry: Registry
) -> Column[Any]:
    """Return the column of an attribute, with the name, the type and the NULL that its declaration leaves to the annotation.

    :param value: the column or ``mapped_column()`` that the attribute is set to, or None where it is only annotated.
    """
    if isinstance(value, MappedColumn):
        column, nullable_given = value.column, value.nullable_given
    elif isinstance(value, Column):
        column, nullable_given = value, True
    elif value is None:
        column, nullable_given = Column(), False
    else:
        raise ArgumentError(
            f"{owner} is annotated as Mapped and set to {value!r}. Use mapped_column(default=...) for a default."
        )
    if not column.has_name:
        column.set_name(name)
    if annotation is None:
        if not column.has_own_type and not column.foreign_keys:
            raise ArgumentError(
                f"{owner} has no SQL type. Annotate it as Mapped[int] or the like, or pass a type, as in mapped_column(Integer)."
            )
        return column
    if not nullable_given:
        # Mapped[int | None] on a key is for the object that is not flushed yet: the table takes no NULL there
        column.nullable = annotation.optional and not column.primary_key
    # a foreign key takes the type of its target, which may be declared later
    if not column.has_own_type and not column.foreign_keys:
        column.set_type(_type_of(owner, annotation, cls, registry))
    return column


def complete_relationship(
    owner: str, prop: RelationshipProperty, annotation: MappedAnnotation | None, registry: Registry
) -> RelationshipProperty:
    """Return a relationship that knows from its annotation where it leads, and whether to one object or to many."""
    if annotation is not None:
        if annotation.strategy is not None:
            prop.choose_strategy(annotation.strategy)
        annotation = annotation if annotation.member is None else annotation.member
        if prop.argument is None and get_origin(annotation.type) in (Union, types.UnionType):
            raise ArgumentError(
                f"relationship {owner} is annotated as a union of several classes, and leads to one. Use Optional[...] for None."
            )
        if prop.argument is None:
            # looked up when the mappers are configured, since the class may come later
            prop.argument = partial(
                registry.annotated,
                annotation.type if annotation.is_found else None,
                annotation.name,
                f"relationship {owner}",
            )
        # Mapped[Any] does not say how many: the direction of the join does
        if prop.given_uselist is None and not (annotation.is_found and annotation.type is Any):
            holds_many = prop.collection_class is not None or prop.is_dynamic
            prop.given_uselist = annotation.collection is not None or holds_many
            prop.is_annotated_scalar = not prop.given_uselist
        if prop.collection_class is None and annotation.collection is not None:
            prop.collection_class = annotation.collection
    if prop.argument is None:
        raise ArgumentError(
            f"relationship {owner} does not say where it leads. Annotate it, as in Mapped[list['Post']], or pass the class."
        )
    return prop


def complete_composite(
    owner: str,
    value: CompositeProperty,
    annotation: MappedAnnotation | None,
    cls: type,
    registry: Registry,
    own: AbstractSet[int] = frozenset(),
) -> None:
    """Give the columns that a composite declares in passing their names and types, as the parameters of its class have them.

    :param own: the ids of the columns that are attributes of the class themselves.
    """
    is_optional = annotation is not None and annotation.optional
    for name, column, hint in value.complete(owner, annotation.type if annotation is not None else None):
        # an attribute of the class as well, and completed as that
        if id(column.column if isinstance(column, MappedColumn) else column) in own:
            continue
        mapped: Any = Mapped
        read = read_annotation(mapped[hint], owner, cls.__module__, {}) if hint is not None else None
        # where there is no value, all its columns are NULL
        if read is not None and is_optional:
            read = dataclasses.replace(read, optional=True)
        complete_column(f"{owner} ({name})" if name else owner, name, column, read, cls, registry)


def _type_of(owner: str, annotation: MappedAnnotation, cls: type, registry: Registry) -> TypeEngine[Any]:
    """Return the SQL type for an annotation: what the base's ``type_annotation_map`` says of it, or what goes without saying.

    :raises ArgumentError: for what is no column.
    """
    whole, member = annotation.whole if annotation.collection is not None else annotation.type, annotation.type
    # an alias before what it stands for: two aliases of str may be two types of SQL
    for alias in (*annotation.aliases, whole):
        given = _in_annotation_map(cls, alias, registry)
        if given is not None:
            return to_instance(given)
    if get_origin(member) is Literal and annotation.collection is None:
        return _enum_of(owner, get_args(member))
    if annotation.collection is not None:
        # a list of a mapped class is a relationship whose relationship() was left out, and no array
        is_known = annotation.name is None or not registry.has(annotation.name)
        type_ = type_for_annotation(whole) if is_known and member is not None and not _is_declared(member) else None
        if type_ is None:
            raise ArgumentError(
                f"{owner} is annotated as a collection and is not a relationship. Write = relationship(...), or give the column a type:"
                " mapped_column(ARRAY(String))."
            )
        return type_
    type_ = type_for_annotation(member)
    if type_ is None and get_origin(member) in (Union, types.UnionType):
        raise ArgumentError(
            f"{owner} is annotated as a union of several types; a column has one. Use Optional[...] for NULL; pass the type that holds all of them, as"
            " in mapped_column(JSON), or say in the type_annotation_map which one it is."
        )
    if type_ is None:
        raise ArgumentError(
            f"{owner} is annotated as Mapped[{annotation.shown}], and no SQL type is known for that. Pass one, as in mapped_column(String),"
            " or write = relationship(...) if it leads to another class."
        )
    return type_


def _enum_of(owner: str, values: tuple[Any, ...]) -> TypeEngine[Any]:
    """Return the type for ``Literal["small", "big"]``.

    :raises ArgumentError: for other values than texts.
    """
    if not all(isinstance(value, str) for value in values):
        raise ArgumentError(
            f"{owner} is annotated as a Literal of {', '.join(map(repr, values))}, and a column of such values is one of texts. Use texts, or give the"
            " column a type."
        )
    return Enum(*values)


def _in_annotation_map(cls: type, python_type: object, registry: Registry) -> Any:
    maps = [vars(base).get("type_annotation_map") or {} for base in cls.__mro__] + [registry.type_annotation_map]
    literals = get_args(python_type) if get_origin(python_type) is Literal else ()
    # an enum class goes by what is said of its bases, too
    bases: tuple[Any, ...] = (python_type, *([Literal] if literals else []))
    if isinstance(python_type, type) and issubclass(python_type, enum.Enum):
        bases = python_type.__mro__
    for base in bases:
        try:
            found = next((known[base] for known in maps if base in known), None)
        except TypeError:
            # a type with arguments that cannot be hashed
            return None
        if isinstance(found, Enum) and found.of_values is not None:
            return found.of_values(*literals) if literals else found.of_values(python_type)
        # str, which a class may derive from as well, says nothing of its members
        if found is not None and (base is python_type or base is Literal or issubclass(base, enum.Enum)):
            return found
    return None


def _is_declared(cls: object) -> bool:
    """Return True for a mapped class, or one of a declarative base."""
    return isinstance(cls, type) and (hasattr(cls, "registry") or hasattr(cls, "__mapper__"))
