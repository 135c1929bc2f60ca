"""The declarative style: classes that declare their table and their mapping in one.

``class Base(DeclarativeBase): pass`` makes a base with a registry and a MetaData of its own; each class derived from it with a
``__tablename__`` (or ``__table__``) is mapped when it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Never, TypeVar

from flask_uow.exc import did_you_mean
from flask_uow.orm.exc import UnmappedClassError
from flask_uow.orm.mapping.class_arguments import declared_attr
from flask_uow.orm.mapping.class_expressions import class_expression
from flask_uow.orm.mapping.declared_class import DECLARATIONS, MACHINERY, add_to_mapping, map_declared
from flask_uow.orm.mapping.mapper import Mapper, class_mapper
from flask_uow.orm.mapping.registry import Registry
from flask_uow.sql.schema import MetaData, Table

__all__ = [
    "DeclarativeBase",
    "DeclarativeBaseNoMeta",
    "DeclarativeMeta",
    "DeclaredClass",
    "add_mapped_attribute",
    "as_declarative",
    "declarative_base",
    "declarative_mixin",
    "declared_attr",
    "has_inherited_table",
    "is_base",
]

C = TypeVar("C", bound=type)


class DeclarativeMeta(type):
    """The class of mapped classes: what they are given after their definition is mapped, too.

    ``User.post_count = column_property(...)`` may use what the class body could not: the class itself, and classes that come after it.
    Models that derive from a class with another metaclass need one that derives from both, given to their base:
    ``class Meta(DeclarativeMeta, ABCMeta)`` and ``class Base(DeclarativeBase, metaclass=Meta)``. A metaclass may name the table of a class,
    ``cls.__tablename__ = name.lower()``, before its ``__init__()`` calls this one.
    """

    def __init__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(name, bases, body, **kwargs)
        # a base of the user's own, which has this metaclass and a registry, and derives from nothing here
        own: Any = cls
        if issubclass(cls, DeclaredClass):
            if type(cls) is not DeclarativeMeta:
                _map(own)
        elif not body.get("__abstract__") and hasattr(cls, "registry"):
            constructor = getattr(own.registry, "constructor", None)
            if constructor is not None and own.__init__ is object.__init__:
                own.__init__ = constructor
            map_declared(own, own.registry)

    def __setattr__(cls, name: str, value: object) -> None:
        """Set an attribute of the class; a declaration (a column, a relationship, a property) becomes an attribute of its objects.

        :raises ArgumentError: for a name that is mapped already.
        """
        if isinstance(value, DECLARATIONS) and "__mapper__" in vars(cls):
            add_to_mapping(cls, name, value)
        else:
            super().__setattr__(name, value)


class DeclaredClass:
    """The common base of declarative bases; see :class:`DeclarativeBase`."""

    metadata: ClassVar[MetaData]
    registry: ClassVar[Registry]
    # that which maps classes without a base, too, once it is there
    registry_class: ClassVar[type[Registry]] = Registry
    type_annotation_map: ClassVar[Mapping[Any, Any]] = {}
    __table__: ClassVar[Table]
    __mapper__: ClassVar[Mapper]
    __tablename__: ClassVar[str]

    def __init__(self, *unnamed: Never, **values: Any) -> None:
        """Make an object with attributes set.

        :raises TypeError: for a name that is no attribute of the class, and for a value without a name.
        """
        class_ = type(self)
        try:
            manager = class_.__mapper__.manager
        except AttributeError:
            raise _not_mapped(class_) from None
        if unnamed:
            raise _without_names(class_, unnamed)
        columns, own = manager.columns, self.__dict__
        # nobody but us stands behind the class's __setattr__ (benchmark: insert_flat)
        plain = manager.is_plain and class_.__setattr__ is manager.setattr_hook
        if plain and values.keys() <= manager.unchecked:
            for name, value in values.items():
                # pyright takes __dict__ for that of the metaclass
                own[name] = value  # pyright: ignore[reportIndexIssue]
            return
        for name, value in values.items():
            if plain and name in columns:
                check = columns[name]
                if check is not None:
                    value = check(self, value)
                own[name] = value  # pyright: ignore[reportIndexIssue]
            # reading a hybrid on the class would work its expression out
            elif name in columns or class_expression(class_, name) is not None or hasattr(class_, name):
                setattr(self, name, value)
            else:
                known = class_.__mapper__.attribute_names
                raise TypeError(
                    f"{class_.__name__}() got an unknown attribute {name!r}.{did_you_mean(name, known)} It has: {', '.join(sorted(known))}."
                )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if DeclaredClass in cls.__bases__:
            # the two that follow
            return
        if is_base(cls):
            cls.prepare_base()
        # a metaclass of the user's own may name the table before its __init__() calls that of ours
        elif type(cls) is DeclarativeMeta or not isinstance(cls, DeclarativeMeta):
            _map(cls)

    @classmethod
    def prepare_base(cls) -> None:
        """Give a new base what it lacks: a MetaData and a registry."""
        # a mixin may say them; not inherited from another base, since each is a family of its own
        said = {}
        for base in reversed(cls.__mro__):
            if base is cls or not issubclass(base, DeclaredClass):
                said.update({name: vars(base)[name] for name in ("registry", "metadata") if name in vars(base)})
        if "registry" in said:
            cls.registry = said["registry"]
        else:
            own = said.get("metadata")
            cls.registry = cls.registry_class(metadata=own if own is not None else MetaData())
        cls.metadata = said.get("metadata", cls.registry.metadata)

    @classmethod
    def before_mapping(cls) -> None:
        """A hook for bases: called for each class before it is mapped, to set ``__tablename__``, say."""


class DeclarativeBase(DeclaredClass, metaclass=DeclarativeMeta):
    """The base of a family of mapped classes; derive a base from it first, and models from that.

    :cvar metadata: the tables of the family.
    :cvar registry: its mappers.
    :cvar type_annotation_map: SQL types by the Python types that annotate attributes, before those that go without saying:
        ``{str: String(120), dict[str, Any]: JSON}``; classes derived from the base add to it. The whole type is looked up first, an alias of
        it included: ``Annotated[str, 30]``, a ``NewType``.

    >>> class Base(DeclarativeBase):
    ...     pass
    >>> class Tag(Base):
    ...     __tablename__ = "tag"
    ...     id: Mapped[int] = mapped_column(primary_key=True)
    ...     label: Mapped[str]
    >>> Tag.__table__.c.keys()
    ['id', 'label']
    """


class DeclarativeBaseNoMeta(DeclaredClass):
    """As :class:`DeclarativeBase`, for classes that must not have a metaclass; a class is mapped as it stands when it is made.

    An attribute that is given to a class later is not mapped: use ``inspect(cls).add_property(name, prop)``.
    """


for _family in (DeclaredClass, DeclarativeBase, DeclarativeBaseNoMeta):
    MACHINERY.add(_family)


def _map(cls: Any) -> None:
    """Map a class, unless it is abstract or a base of others."""
    if not is_base(cls) and not vars(cls).get("__abstract__", False):
        cls.before_mapping()
        map_declared(cls, cls.registry)


def is_base(cls: type) -> bool:
    """Return True for a class that is a base of mapped classes and no mapped class itself."""
    return DeclarativeBase in cls.__bases__ or DeclarativeBaseNoMeta in cls.__bases__


def declarative_base(
    *,
    metadata: MetaData | None = None,
    cls: type | tuple[type, ...] = (),
    name: str = "Base",
    registry: Registry | None = None,
    type_annotation_map: Mapping[Any, Any] | None = None,
    constructor: Callable[..., None] | None = DeclaredClass.__init__,
    metaclass: type = DeclarativeMeta,
) -> Any:
    """Return a new declarative base.

    :param metadata: the MetaData of its tables.
    :param cls: classes that the base derives from besides.
    :param name: its name.
    :param registry: takes the mappers of its classes; a new one when None.
    :param type_annotation_map: SQL types by the Python types that annotate attributes, see :class:`DeclarativeBase`.
    :param constructor: the ``__init__`` of classes that define none, in place of the one that takes attributes by name; None leaves them
        that of ``object``.
    :param metaclass: the class of the base; it derives from :class:`DeclarativeMeta`.
    """
    bases = cls if isinstance(cls, tuple) else (cls,)
    given = {"metadata": metadata, "registry": registry, "type_annotation_map": type_annotation_map}
    body: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if constructor is not DeclaredClass.__init__:
        body["__init__"] = constructor if constructor is not None else object.__init__
    return metaclass(name, (*bases, DeclarativeBase), body)


def as_declarative(**options: Any) -> Callable[[type], Any]:
    """Return the decorator that makes a declarative base of a class: ``@as_declarative()`` above ``class Base: ...``.

    :param options: as for :func:`declarative_base`.
    """
    return lambda cls: declarative_base(cls=cls, name=cls.__name__, **options)


def declarative_mixin(cls: C) -> C:
    """Mark a class as a mixin of mapped classes; a decorator that changes nothing, since every class may be one."""
    return cls


def has_inherited_table(cls: type) -> bool:
    """Return True where a class derives from one that is mapped; for a ``@declared_attr`` that is to give a subclass no table of its own."""
    return any(vars(base).get("__table__") is not None for base in cls.__mro__[1:])


def add_mapped_attribute(target: type, key: str, attr: object) -> None:
    """Map a further attribute of a declarative class, as an assignment to the class does; for classes whose base has no metaclass, too.

    :param attr: a column, a relationship, a column property, a synonym or the like.
    :raises UnmappedClassError: when the class is not mapped.
    :raises ArgumentError: for a name that is mapped already.
    """
    add_to_mapping(class_mapper(target, configure=False).class_, key, attr)


def _without_names(class_: type[Any], values: tuple[Any, ...]) -> TypeError:
    mapper: Mapper = class_.__mapper__
    others = (name for name, _ in mapper.column_attrs.items() if name not in mapper.primary_key_names)
    name = next(others, mapper.primary_key_names[0])
    return TypeError(
        f"{class_.__name__}() takes the values of attributes by name, and got {len(values)} without a name. Write {class_.__name__}({name}=...), or give"
        " the class an __init__ of its own."
    )


def _not_mapped(cls: type) -> UnmappedClassError:
    """Return the error for a class of a family that is no mapped class."""
    if is_base(cls):
        return UnmappedClassError(
            f"{cls.__name__} is the base of mapped classes and has no objects. Derive a class from it."
        )
    if vars(cls).get("__abstract__"):
        return UnmappedClassError(f"{cls.__name__} is abstract and has no objects. Derive a class from it.")
    return UnmappedClassError(
        f"{cls.__name__} is not mapped, since it has no table. Give it a __tablename__, or a __table__."
    )
