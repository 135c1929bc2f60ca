"""The arguments that a declarative class gives for its table and its mapper: ``__tablename__``, ``__table_args__``, ``__mapper_args__``.

Said in the body of a mapped class, it is about that class. A mixin or a base that is not mapped itself says it for each class that derives
from it; a method ``@declared_attr`` is asked for each class, wherever it stands.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from flask_uow.exc import ArgumentError
from flask_uow.orm.mapping.annotations import Mapped
from flask_uow.orm.mapping.properties import MappedColumn
from flask_uow.sql.constraints import Constraint
from flask_uow.sql.indexes import Index
from flask_uow.sql.schema import Column

__all__ = [
    "asks_each_class",
    "check_no_table_arguments",
    "declared_attr",
    "declares_key",
    "is_mapped",
    "is_said_by_method",
    "making_once",
    "mapper_arguments",
    "table_arguments",
    "table_name",
    "with_copied_columns",
]

T = TypeVar("T")

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject

    # to a type checker, what the method returns is declared in its place
    _Base = Mapped
else:

    class _Base(Generic[T]):
        """The base of :class:`declared_attr`."""


class declared_attr(_Base[T]):  # noqa: N801 - a decorator, by the field's name
    """Mark a method of a mixin or a base that makes an attribute for each class: a relationship, a foreign key, ``__tablename__``.

    ``@declared_attr.directive`` says more plainly that a method stands for ``__tablename__`` or another name with underscores. One marked
    ``@declared_attr.cascading`` is asked for every subclass of a mapped class as well, not only for the class that has the mixin.

    >>> class HasOwner:
    ...     @declared_attr
    ...     def owner_id(cls) -> Mapped[int]:
    ...         return mapped_column(ForeignKey("user.id"))
    """

    @overload
    def __init__(self, method: Callable[[Any], Mapped[T]]) -> None: ...

    @overload
    def __init__(self: declared_attr[Any], method: Callable[[Any], Any]) -> None: ...

    def __init__(self, method: Callable[[Any], Any]) -> None:
        self.is_cascading = False
        self.method: Callable[[Any], Any] = method.__func__ if isinstance(method, classmethod) else method
        self.__doc__ = method.__doc__

    if TYPE_CHECKING:

        def of(self, owner: type, known: dict[Any, Any]) -> Any: ...

        @classmethod
        def directive(cls, method: Callable[[Any], Any]) -> Any: ...

        @classmethod
        def cascading(cls, method: Callable[[Any], Any]) -> Any: ...

    else:

        @classmethod
        def directive(cls, method: Callable[[Any], Any]) -> declared_attr[Any]:
            """Mark a method that returns ``__tablename__``, ``__table_args__`` or ``__mapper_args__``."""
            return cls(method)

        @classmethod
        def cascading(cls, method: Callable[[Any], Any]) -> declared_attr[Any]:
            """Mark a method that is asked for every subclass, too."""
            made = cls(method)
            made.is_cascading = True
            return made

        def __get__(self, instance: object, owner: type) -> Any:
            known = _made.get(owner)
            return self.method(owner) if known is None else self.of(owner, known)

        def of(self, owner: type, known: dict[Any, Any]) -> Any:
            """Return the attribute that the method makes for a class, made at the first call."""
            if self not in known:
                known[self] = self.method(owner)
            return known[self]


# what methods have made for the classes that are being mapped: one may ask for another's column, and gets that of the table
_made: dict[type, dict[Any, Any]] = {}


@contextlib.contextmanager
def making_once(cls: type) -> Iterator[None]:
    """Have each method of :class:`declared_attr` make one thing for a class within a block."""
    _made[cls] = {}
    try:
        yield
    finally:
        del _made[cls]


def is_mapped(cls: type) -> bool:
    """Return True for a class that has a mapper of its own."""
    return "__mapper__" in vars(cls)


def asks_each_class(cls: type, name: str) -> bool:
    """Return True where a method ``@declared_attr`` says what ``name`` is of a class that does not say it itself."""
    return name not in vars(cls) and any(isinstance(vars(base).get(name), declared_attr) for base in cls.__mro__)


def is_said_by_method(cls: type, name: str) -> bool:
    """Return True where a method ``@declared_attr``, of the class or of one that it derives from, says what ``name`` is."""
    return next((isinstance(vars(b)[name], declared_attr) for b in cls.__mro__ if name in vars(b)), False)


def _said(cls: type, name: str) -> tuple[Any, type | None]:
    """Return the value of a special name on a class, and the class that defines it; None where none does.

    What the body of another mapped class says, but by ``@declared_attr``, is that class's own business.
    """
    for base in cls.__mro__:
        if name not in vars(base):
            continue
        value = vars(base)[name]
        if isinstance(value, declared_attr):
            return value.method(cls), base
        if base is cls or not is_mapped(base):
            return value, base
    return None, None


def table_name(cls: type, parent: type | None) -> str | None:
    """Return the name of the table that a class is to have of its own; None for one that goes without.

    A subclass gets one by ``@declared_attr`` where it declares a key, or is concrete; else it lives in its parent's table.

    :raises ArgumentError: for a name that is no text.
    """
    name, base = _said(cls, "__tablename__")
    if name is None or base is None:
        return None
    if not isinstance(name, str):
        raise ArgumentError(
            f"{cls.__name__}.__tablename__ is the name of a table, got {name!r}. A method that returns it is marked with @declared_attr."
        )
    if parent is None or base is cls or base not in parent.__mro__:
        return name
    if not isinstance(vars(base)["__tablename__"], declared_attr):
        # the name of the parent's table
        return None
    is_own = declares_key(cls, parent) or bool(mapper_arguments(cls, parent).get("concrete"))
    return name if is_own else None


def declares_key(cls: type, parent: type[MappedObject]) -> bool:
    """Return True where a subclass, or a mixin of its own, declares a column of a primary key: it is to have a table of its own then."""
    for base in cls.__mro__:
        if base in parent.__mro__:
            continue
        for name, value in vars(base).items():
            if isinstance(value, declared_attr) and not name.startswith("__"):
                value = value.method(cls)
            column = getattr(value, "column", value)
            if isinstance(column, Column) and column.primary_key:
                return True
    return False


def mapper_arguments(cls: type, parent: type | None) -> dict[str, Any]:
    """Return ``__mapper_args__`` of a class, or of a mixin of its own; a mapped parent's are its own business.

    :raises ArgumentError: for something else than a dict.
    """
    options, base = _said(cls, "__mapper_args__")
    if options is None or base is None:
        return {}
    is_declared = isinstance(vars(base)["__mapper_args__"], declared_attr)
    if parent is not None and base in parent.__mro__ and not is_declared:
        return {}
    if not isinstance(options, Mapping):
        raise ArgumentError(
            f"{cls.__name__}.__mapper_args__ is a dict of the mapper's options, got {options!r}. A method that returns one is marked with"
            " @declared_attr."
        )
    return dict(options)


def table_arguments(
    cls: type, parent: type | None, columns: Iterable[Column[Any]], copies: Mapping[Any, Column[Any]]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the constraints and indexes, and the options, that ``__table_args__`` gives the table of a class.

    :param columns: the columns of the table.
    :param copies: the columns of the table that are copies of a mixin's, by that one's.
    :raises ArgumentError: for something else than a tuple or a dict.
    """
    arguments, base = _said(cls, "__table_args__")
    options: dict[str, Any] = {}
    if arguments is None:
        arguments = ()
    if isinstance(arguments, dict):
        options, arguments = arguments, ()
    elif not isinstance(arguments, (tuple, list)):
        raise ArgumentError(
            f"{cls.__name__}.__table_args__ is a tuple of constraints and indexes, with a dict of options as its last item, got {arguments!r}."
            " A tuple of one item needs a comma: (UniqueConstraint('a', 'b'),)."
        )
    elif arguments and isinstance(arguments[-1], dict):
        options, arguments = arguments[-1], arguments[:-1]
    items = list(arguments)
    if base is not cls and base is not None:
        # a constraint is of one table, so each class that has the mixin gets one of its own
        items = [item.unattached(copies) if isinstance(item, (Constraint, Index)) else item for item in items]
        if parent is not None and not isinstance(vars(base)["__table_args__"], declared_attr):
            # said once, of the parent's table; options, such as the schema, are those of all
            items = [] if base in parent.__mro__ else items
        elif parent is not None:
            own = {column.name for column in columns}
            items = [item for item in items if not _is_about_parent(item, own, parent)]
    return items, dict(options)


def _is_about_parent(item: object, own: set[str], parent: type[MappedObject]) -> bool:
    """Return True for what is said of columns that the table of the parent has, not that of the class."""
    if not isinstance(item, (Constraint, Index)):
        return False
    tables = parent.__mapper__.tables
    return any(name not in own and any(name in table.c for table in tables) for name in item.given_names)


def check_no_table_arguments(cls: type) -> None:
    """Refuse ``__table_args__`` of a class that has no table to give them to.

    :raises ArgumentError: where its own body has some.
    """
    if vars(cls).get("__table_args__"):
        raise ArgumentError(
            f"{cls.__name__} has __table_args__ and no __tablename__: it does not declare a table that they could be for. Put them where the"
            " table is declared, or give the class a __tablename__."
        )


def with_copied_columns(cls: type, options: dict[str, Any], copies: Mapping[Any, Column[Any]]) -> dict[str, Any]:
    """Return options of a mapper in which a mixin's columns, and what its methods make, are those of the class."""
    made = _made.get(cls, {})

    def own(value: object) -> Any:
        value = made.get(value, value) if isinstance(value, declared_attr) else value
        column = value.column if isinstance(value, MappedColumn) else value
        return copies.get(column, value) if isinstance(column, Column) else value

    return {
        name: type(value)(own(item) for item in value) if isinstance(value, (list, tuple)) else own(value)
        for name, value in options.items()
    }
