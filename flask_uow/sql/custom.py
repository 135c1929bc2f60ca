"""SQL constructs of an application's own: ``@compiles`` and the classes that they are made from.

A construct is a subclass of :class:`~flask_uow.sql.nodes.ClauseElement`, :class:`~flask_uow.sql.nodes.Executable`,
:class:`~flask_uow.sql.expressions.ColumnElement` or :class:`FunctionElement`, and a function that writes its text. What a construct holds are
the attributes of the object: they are looked through for columns, values and other parts, so that FROM, the parameters and the cache of
compiled statements know of them.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from uuid import UUID

from flask_uow.exc import ArgumentError
from flask_uow.sql import functions
from flask_uow.sql.coercion import coerce_value
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.nodes import ClauseElement, Shape
from flask_uow.sql.typed import V
from flask_uow.sql.types import NULLTYPE, TypeArgument, TypeEngine, to_instance

if TYPE_CHECKING:
    from flask_uow.sql.compiler.base import ExpressionCompiler

__all__ = ["ClauseList", "FunctionElement", "GenericFunction", "compiles", "visitor_for"]

F = TypeVar("F", bound=Callable[..., str])
Visitor = Callable[..., str]

# the functions that write a class, by the name of the dialect; None is any
_visitors: dict[type, dict[str | None, Visitor]] = {}
_found: dict[tuple[type, str], Visitor | None] = {}
# values that are what they are: two that are equal and of one class are written alike
_PLAIN = (str, bytes, int, float, bool, Decimal, UUID, dt.date, dt.time, dt.timedelta, enum.Enum, type, type(None))


class ClauseList(ClauseElement):
    """Some expressions, with commas between them."""

    __slots__ = ("clauses",)
    __visit_name__ = "clause_list"

    def __init__(self, clauses: tuple[ClauseElement, ...]) -> None:
        self.clauses = clauses

    def _parts(self) -> tuple[Any, ...]:
        return (self.clauses,)

    def __iter__(self) -> Iterator[ClauseElement]:
        return iter(self.clauses)

    def __len__(self) -> int:
        return len(self.clauses)


class FunctionElement(functions.FunctionElement[V]):
    """A function of the application's own; subclasses say with :func:`compiles` how it is written, and may say its ``name`` and ``type``.

    :param arguments: expressions, or values.
    :param type_: the type of the result, where it is not the class's.
    """

    def __init__(self, *arguments: object, type_: TypeArgument | None = None) -> None:
        kind = type(self)
        name = getattr(kind, "name", None)
        given = type_ if type_ is not None else getattr(kind, "type", None)
        super().__init__(
            name if isinstance(name, str) else kind.__name__,
            tuple(coerce_value(argument, NULLTYPE) for argument in arguments),
            to_instance(given) if isinstance(given, (TypeEngine, type)) else NULLTYPE,
        )

    @property
    def clauses(self) -> ClauseList:
        """The arguments, with commas between them; can be iterated."""
        return ClauseList(self.arguments)


class GenericFunction(FunctionElement[V]):
    """A function with a class of its own, which ``func`` gives under its name: ``func.buffer(...)`` is ``buffer(...)`` then.

    Of a subclass count the attributes ``type`` (of the result), ``name`` (as SQL writes it), ``identifier`` (after ``func.``; the name when left
    out, else the class's own name) and ``package`` (in between: ``func.geo.buffer``). Case does not count after ``func.``. A class that only others
    derive from says ``_register = False``.

    :param arguments: expressions, or values.
    :param type_: the type of the result, where it is not the class's.

    >>> class Buffer(GenericFunction[str]):
    ...     type, name, identifier, package = String(), "ST_Buffer", "buffer", "geo"
    ...     inherit_cache = True
    >>> print(func.geo.buffer("x", 2))
    ST_Buffer(:param_1, :param_2)
    """

    def __init_subclass__(cls, **kw: Any) -> None:
        super().__init_subclass__(**kw)
        said = vars(cls)
        if not isinstance(said.get("name"), str):
            # the name of a base is its own: a subclass is another function, unless it says otherwise
            cls.name = cls.__name__  # type: ignore[assignment, method-assign]
        if said.get("_register", True):
            own = said.get("identifier") or said["name"]
            package = getattr(cls, "package", None)
            functions.known_classes[f"{package}.{own}".lower() if package else own.lower()] = cls


def compiles(kind: type, *dialects: str) -> Callable[[F], F]:
    """Return a decorator: its function writes objects of a class as SQL.

    The function takes the object, the compiler and keywords, and returns text; ``compiler.process(part, **kw)`` writes what the object
    holds. It is used for subclasses too. Say it before statements with such objects are executed.

    :param kind: a class of SQL constructs, or of types: a type's function returns the name that DDL and CAST write.
    :param dialects: the names of the databases that it is for, ``"sqlite"`` or ``"postgresql"``; all when left out. A function that names the
        database wins over one that does not.
    :raises ArgumentError: for something that is no such class, or an unknown database.

    >>> class utcnow(FunctionElement):
    ...     inherit_cache = True
    >>> @compiles(utcnow)
    ... def write_utcnow(element, compiler, **kw):
    ...     return "timezone('utc', now())"
    >>> @compiles(utcnow, "sqlite")
    ... def write_utcnow_on_sqlite(element, compiler, **kw):
    ...     return "strftime('%Y-%m-%d %H:%M:%f', 'now')"
    >>> print(utcnow())
    timezone('utc', now())
    """
    if not (isinstance(kind, type) and issubclass(kind, (ClauseElement, TypeEngine))):
        raise ArgumentError(
            f"compiles() takes a class of SQL constructs or of types, got {kind!r}. Derive it from ColumnElement, FunctionElement, or"
            " Executable and ClauseElement."
        )
    for name in dialects:
        if name not in ("sqlite", "postgresql"):
            raise ArgumentError(f"compiles() was given the database {name!r}: expected 'sqlite' or 'postgresql'.")

    def decorate(visitor: F) -> F:
        for name in dialects or (None,):
            _visitors.setdefault(kind, {})[name] = visitor
        # what was found before may have been the visitor of a class further up
        _found.clear()
        if issubclass(kind, ClauseElement) and not _is_ours(kind):
            _look_through_attributes(kind)
        return visitor

    return decorate


def visitor_for(kind: type, dialect: str) -> Visitor | None:
    """Return the function that writes objects of a class for a database; None where the compiler's own method does."""
    # the compiler asks for each node, and few applications have any
    if not _visitors:
        return None
    key = (kind, dialect)
    if key not in _found:
        _found[key] = next(filter(None, (_registered(base, dialect) for base in kind.__mro__)), None)
    return _found[key]


def _registered(kind: type, dialect: str) -> Visitor | None:
    found = _visitors.get(kind, {})
    return found.get(dialect) or found.get(None)


def write_type(type_: TypeEngine[Any], compiler: ExpressionCompiler) -> str | None:
    """Return the name of a type, where an application has said how it is written."""
    visitor = visitor_for(type(type_), compiler.dialect.name)
    return None if visitor is None else visitor(type_, compiler)


# -- what an object of an application's class holds


def _is_ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]


def _look_through_attributes(kind: type) -> None:
    """Have the attributes of objects of a class be their parts."""
    changes: Any = kind
    if "_parts" not in vars(kind):
        changes._parts = _parts_of_attributes
    if "collect_shape" not in vars(kind):
        changes.collect_shape = _collect_attributes
    changes.has_attributes = True
    if issubclass(kind, ColumnElement) and not issubclass(kind, functions.FunctionElement):
        # an object may set them; the library's own class has a slot and a property, which could not be set
        for name, default in (("type", NULLTYPE), ("name", None)):
            if not any(name in vars(base) for base in kind.__mro__ if not _is_ours(base)):
                setattr(kind, name, default)


class _Unknown:
    """Stands for a value that may change, so that nothing can be kept under it."""


def _parts_of_attributes(self: ClauseElement) -> tuple[Any, ...]:
    own: Any = next(base for base in type(self).__mro__ if _is_ours(base))
    return (*own._parts(self), *(_part(value) for value in vars(self).values()))


def _part(value: object) -> Any:
    if isinstance(value, ClauseElement):
        return value
    if isinstance(value, TypeEngine):
        return value.cache_key
    if isinstance(value, _PLAIN):
        # 1, 1.0 and True are equal, and are not written alike
        return _Atom((type(value), value))
    if isinstance(value, (tuple, list)):
        return tuple(_part(item) for item in value)
    element = getattr(value, "__clause_element__", None)
    return element() if element is not None and not isinstance(value, type) else _Unknown()


class _Atom(tuple[Any, ...]):
    """One value with its class; no tuple of parts."""

    __slots__ = ()


def _collect_attributes(self: ClauseElement, shape: Shape) -> None:
    shape.key.append((type(self),))
    # as the field has it: a class says itself that its attributes are all that its text depends on
    if not vars(type(self)).get("inherit_cache", False):
        shape.cacheable = False
    # the names too, since the parts do not tell which attribute is absent
    shape.key.extend(vars(self))
    for part in self._parts():
        _collect_part(part, shape)


def _collect_part(part: object, shape: Shape) -> None:
    if isinstance(part, ClauseElement):
        part.collect_shape(shape)
    elif isinstance(part, tuple) and not isinstance(part, _Atom):
        shape.key.append(len(part))
        for item in part:
            _collect_part(item, shape)
    elif isinstance(part, _Unknown):
        shape.cacheable = False
    else:
        shape.key.append(part)


class Constant:
    """The value of a parameter that a visitor has made: it belongs to the text, as a column's default does."""

    is_sql: ClassVar[bool] = False
    asks_context: ClassVar[bool] = False
    is_constant: ClassVar[bool] = True
    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def value(self) -> object:
        """Return the value."""
        return self._value
