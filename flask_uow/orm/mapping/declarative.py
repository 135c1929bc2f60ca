"""The declarative style: classes that declare their table and their mapping in one.

``class Base(DeclarativeBase): pass`` makes a base with a registry and a MetaData of its own; each class derived from it with a
``__tablename__`` (or ``__table__``) is mapped when it is made.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any, ClassVar

from flask_uow.exc import ArgumentError, did_you_mean
from flask_uow.orm.mapping.annotations import MappedAnnotation, read_annotation
from flask_uow.orm.mapping.mapper import Mapper
from flask_uow.orm.mapping.properties import MappedColumn
from flask_uow.orm.mapping.registry import Registry
from flask_uow.orm.mapping.relationships import RelationshipProperty
from flask_uow.sql.schema import Column, MetaData, Table
from flask_uow.sql.types import type_for_annotation

__all__ = ["DeclarativeBase", "declarative_base"]


class DeclarativeBase:
    """The base of a family of mapped classes; derive a base from it first, and models from that.

    :cvar metadata: the tables of the family.
    :cvar registry: its mappers.

    >>> class Base(DeclarativeBase):
    ...     pass
    >>> class Tag(Base):
    ...     __tablename__ = "tag"
    ...     id: Mapped[int] = mapped_column(primary_key=True)
    ...     label: Mapped[str]
    >>> Tag.__table__.c.keys()
    ['id', 'label']
    """

    metadata: ClassVar[MetaData]
    registry: ClassVar[Registry]
    __table__: ClassVar[Table]
    __mapper__: ClassVar[Mapper]
    __tablename__: ClassVar[str]

    def __init__(self, **values: Any) -> None:
        """Make an object with attributes set.

        :raises TypeError: for a name that is no attribute of the class.
        """
        class_ = type(self)
        manager = class_.__mapper__.manager
        columns, own = manager.columns, self.__dict__
        plain = manager.has_plain_setattr(class_)
        for name, value in values.items():
            if plain and name in columns:
                check = columns[name]
                if check is not None:
                    check(value)
                own[name] = value
            elif name in columns or hasattr(class_, name):
                setattr(self, name, value)
            else:
                known = class_.__mapper__.attribute_names
                raise TypeError(
                    f"{class_.__name__}() got an unknown attribute {name!r}.{did_you_mean(name, known)} It has: {', '.join(sorted(known))}."
                )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if DeclarativeBase in cls.__bases__:
            cls.prepare_base()
            return
        if cls.__dict__.get("__abstract__", False):
            return
        cls.before_mapping()
        if "__table__" in vars(cls) or _own_tablename(cls) is not None:
            _map_class(cls, _local_names())

    @classmethod
    def prepare_base(cls) -> None:
        """Give a new base what it lacks: a MetaData and a registry."""
        if "metadata" not in vars(cls):
            cls.metadata = MetaData()
        if "registry" not in vars(cls):
            cls.registry = Registry(cls.metadata)

    @classmethod
    def before_mapping(cls) -> None:
        """A hook for bases: called for each class before it is mapped, to set ``__tablename__``, say."""


def declarative_base(*, metadata: MetaData | None = None, cls: type | tuple[type, ...] = (), name: str = "Base") -> Any:
    """Return a new declarative base.

    :param metadata: the MetaData of its tables.
    :param cls: classes that the base derives from besides.
    :param name: its name.
    """
    bases = cls if isinstance(cls, tuple) else (cls,)
    return type(name, (*bases, DeclarativeBase), {"metadata": metadata} if metadata is not None else {})


def _own_tablename(cls: type) -> str | None:
    name = vars(cls).get("__tablename__")
    if name is None:
        inherited = getattr(cls, "__tablename__", None)
        mapped_above = any("__mapper__" in vars(base) for base in cls.__mro__[1:])
        return None if mapped_above else inherited
    return name  # type: ignore[no-any-return]


def _local_names() -> dict[str, Any]:
    # a class made inside a function may annotate with names of that function
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("flask_uow."):
        frame = frame.f_back
    names = {} if frame.f_locals is frame.f_globals else dict(frame.f_locals)
    outer = frame.f_back
    if outer is not None and outer.f_locals is not outer.f_globals:
        names = {**outer.f_locals, **names}
    return names


def _map_class(cls: type[DeclarativeBase], local_names: dict[str, Any]) -> None:
    columns: list[tuple[str, Column[Any]]] = []
    properties: dict[str, Any] = {}
    table = vars(cls).get("__table__")
    for name, (value, annotation) in _declarations(cls, local_names).items():
        owner = f"{cls.__name__}.{name}"
        if isinstance(value, RelationshipProperty):
            properties[name] = _complete_relationship(owner, value, annotation)
        elif isinstance(value, (MappedColumn, Column)) or annotation is not None:
            column = _complete_column(owner, name, value, annotation)
            if table is not None and table.c.get(column.name) is not None:
                continue
            columns.append((name, column))
            if column.name != name:
                properties[name] = column
        elif value is not None:
            properties[name] = value
    if table is None:
        table = cls.__table__ = _make_table(cls, [column for _, column in columns])
    elif columns:
        names = ", ".join(name for name, _ in columns)
        raise ArgumentError(
            f"{cls.__name__} gives its __table__, and declares columns that the table does not have: {names}."
        )
    options = dict(getattr(cls, "__mapper_args__", {}))
    for name in [*properties, *(name for name, _ in columns)]:
        if name in vars(cls):
            delattr(cls, name)
    Mapper(cls, table, properties, registry=cls.registry, **options)


def _declarations(cls: type, local_names: dict[str, Any]) -> dict[str, tuple[Any, MappedAnnotation | None]]:
    """Return the declared attributes with their annotations: those of mixins and abstract bases first, each copied."""
    found: dict[str, tuple[Any, MappedAnnotation | None]] = {}
    for base in reversed(cls.__mro__):
        if base is not cls and ("__mapper__" in vars(base) or base in (object, DeclarativeBase)):
            continue
        annotations = inspect.get_annotations(base)
        for name, annotation in annotations.items():
            read = read_annotation(annotation, f"{base.__name__}.{name}", base.__module__, local_names)
            if read is not None:
                found[name] = (_copied(vars(base).get(name), base is not cls), read)
        for name, value in vars(base).items():
            if name not in annotations and isinstance(value, (MappedColumn, Column, RelationshipProperty)):
                found[name] = (_copied(value, base is not cls), None)
    return found


def _copied(value: Any, from_mixin: bool) -> Any:
    if not from_mixin or value is None:
        return value
    if isinstance(value, (MappedColumn, Column)):
        return value.copy()
    raise ArgumentError("a relationship cannot be declared on a mixin; declare it on each class.")


def _complete_relationship(
    owner: str, prop: RelationshipProperty, annotation: MappedAnnotation | None
) -> RelationshipProperty:
    if annotation is not None:
        if prop.argument is None:
            prop.argument = annotation.type
        if prop.given_uselist is None:
            prop.given_uselist = annotation.collection is not None
        if prop.collection_class is None and annotation.collection is not None:
            prop.collection_class = annotation.collection
    if prop.argument is None:
        raise ArgumentError(
            f"relationship {owner} does not say where it leads. Annotate it, as in Mapped[list['Post']], or pass the class."
        )
    return prop


def _complete_column(owner: str, name: str, value: Any, annotation: MappedAnnotation | None) -> Column[Any]:
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
    if column._name is None:
        column.set_name(name)
    if annotation is None:
        return column
    if annotation.collection is not None and not column.has_own_type:
        raise ArgumentError(
            f"{owner} is annotated as a collection and is not a relationship. Write = relationship(...), or give the column a type:"
            " mapped_column(ARRAY(String))."
        )
    if not nullable_given:
        column.nullable = annotation.optional and not column.primary_key
    if not column.has_own_type and not column.foreign_keys:
        type_ = type_for_annotation(annotation.type)
        if type_ is None:
            shown = (
                annotation.type
                if isinstance(annotation.type, str)
                else getattr(annotation.type, "__name__", annotation.type)
            )
            raise ArgumentError(
                f"{owner} is annotated as Mapped[{shown}], and no SQL type is known for that. Pass one, as in mapped_column(String),"
                " or write = relationship(...) if it leads to another class."
            )
        column.set_type(type_)
    return column


def _make_table(cls: type[DeclarativeBase], columns: list[Column[Any]]) -> Table:
    arguments = getattr(cls, "__table_args__", ())
    options: dict[str, Any] = {}
    if isinstance(arguments, dict):
        options, arguments = arguments, ()
    elif arguments and isinstance(arguments[-1], dict):
        options, arguments = arguments[-1], arguments[:-1]
    name = _own_tablename(cls)
    assert name is not None
    return Table(name, cls.metadata, *columns, *arguments, **options)
