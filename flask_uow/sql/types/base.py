"""The base of all column types, and the types of which nothing is known; threads may share types, for they are immutable.

A type owns its domain: the Python values that it takes and makes, the type of a value compared with it and of an arithmetic result. How a value
travels to a database and back, and how DDL writes the type, is decided by the dialects (``engine/dialects/*_types.py``), which find their record
of the type by :attr:`TypeEngine.lookup_name`. The table of docs/types.md shows users which values each type takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from flask_uow.exc import ArgumentError
from flask_uow.sql.type_arithmetic import RESULT_FAMILIES
from flask_uow.sql.types.comparing import factories
from flask_uow.sql.types.expressing import expressing
from flask_uow.sql.types.plain import PLAIN

if TYPE_CHECKING:
    from flask_uow.sql.expressions import ColumnElement
    from flask_uow.sql.interfaces import SQLDialect

__all__ = ["NativeType", "NullType", "TypeEngine", "type_for_value"]

T = TypeVar("T")


class _Printer:
    """Holds the dialect by which types are printed; the compiler package, which stands above them, fills it when it is imported."""

    dialect: Any = None


printer = _Printer()


class TypeEngine(Generic[T]):
    """The base of all column types. Immutable: every parameter is given at construction.

    :ivar lookup_name: the name under which a dialect finds its conversion.
    :ivar value_class: the Python type of loaded values, as the library goes by it; of a TypeDecorator, that of its ``impl``.
    :ivar checks_on_assignment: True where the orm checks a value when it is assigned; else it is checked when bound.
    :ivar takes_all_of_its_class: True where every value of exactly :attr:`value_class` fits, so that nothing else needs a look.
    :ivar compares_all_of_its_class: True where each of them can be compared with a column of the type.
    :ivar native_name: what the database calls the type, where that is another name: that of a domain, say.
    :ivar dialect_variants: the types that take its place on single databases, by the dialects' names; see :meth:`with_variant`.
    :ivar cache_key: the class and the parameters; a part of the key of compiled SQL.
    """

    lookup_name: str = "null"
    value_class: Any = object
    checks_on_assignment: ClassVar[bool] = False
    takes_all_of_its_class: bool = False
    compares_all_of_its_class: bool = False
    native_name: str | None = None
    # True where + joins two values of the type
    is_joined: ClassVar[bool] = False
    dialect_variants: Mapping[str, TypeEngine[Any]] = MappingProxyType({})
    # the type without limits that values of this one are compared as; None for this one, whose SQL around them that has not
    _unlimited: TypeEngine[Any] | None = None
    _compared: ClassVar[tuple[type[Any], ...]] = ()
    # classes of other types, values of which databases compare with this one's without losing anything
    _widened: ClassVar[tuple[type[Any], ...]] = ()

    Comparator: ClassVar[Any]
    # a subclass of Comparator with operators of the type's own; see flask_uow.sql.comparators
    comparator_factory: ClassVar[Any] = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = vars(cls)
        for name, way in (("bind_processor", "process_bind_param"), ("result_processor", "process_result_value")):
            if name in own and not any(hasattr(base, name) for base in cls.__bases__) and "get_col_spec" not in own:
                raise ArgumentError(
                    f"{cls.__name__} overrides {name}(), which is asked for of types that derive from UserDefinedType only. Derive it from"
                    f" TypeDecorator, with impl = the type that it is made of, and override {way}(value, dialect)."
                )
        if any(getattr(cls, n) is not getattr(TypeEngine, n) for n in ("bind_expression", "column_expression")):
            expressing.are_there = True
            if not isinstance(getattr(cls, "cache_key", None), property):
                # the SQL may depend on whatever an instance holds
                cls.cache_key = property(_key_of_all, _set_key)  # type: ignore[assignment]
            if cls.bind_expression is not TypeEngine.bind_expression:
                cls._unlimited = None
        if own.get("comparator_factory") is not None:
            factory = own["comparator_factory"]
            if not (isinstance(factory, type) and issubclass(factory, factories.comparator)):
                raise ArgumentError(
                    f"{cls.__name__}.comparator_factory is {factory!r}: expected a class, derived from {cls.__name__}.Comparator."
                )
            factories.note(factory)

    def __init__(self) -> None:
        self.cache_key: tuple[Any, ...] = (type(self),)

    @property
    def python_type(self) -> Any:
        """The Python type of loaded values. A type of an application may say another one, which is for its own use."""
        return self.value_class

    def to_stored(self, value: Any) -> Any:
        """Return the value that a column of this type stores for ``value``: one of :attr:`value_class`; None stays None.

        :raises DataError: for a value of the wrong kind, out of range, or that would lose something; ``orig`` is a TypeError or a ValueError.
        """
        return None if value is None else self._to_stored(value)

    def _to_stored(self, value: Any) -> Any:
        """Do :meth:`to_stored` for anything but None: convert a value that loses nothing by it, refuse every other one."""
        return value

    def check(self, value: object) -> None:
        """Check that a column of this type can hold ``value``, on whatever database; None always fits.

        :raises DataError: as :meth:`to_stored` does.
        """
        self.to_stored(value)

    def for_comparison(self, value: Any) -> tuple[Any, TypeEngine[Any]]:
        """Return the stand-in of a plain value that is compared (``=``, ``<``, IN, BETWEEN) with an expression of this type, and its type.

        :raises DataError: for a value that a column of this type would not take, and that databases do not compare with one either.
        """
        if type(value) not in self._widened:
            value = self.to_stored(value)
        return value, self.coerce_compared(value)

    def bind_expression(self, bindvalue: ColumnElement[Any]) -> ColumnElement[Any] | None:
        """Return the SQL that a value of this type is written as: ``func.ST_GeomFromText(bindvalue)``; None for the value alone.

        It stands wherever a value of the type does: in VALUES and SET, and beside a column in a comparison. Override it in a type of your own.

        :param bindvalue: stands for the value as the driver is given it.
        """
        return None

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any] | None:
        """Return the SQL that a column of this type is read by: ``func.ST_AsText(column)``; None for the column alone.

        It stands in the columns that a statement gives to Python (RETURNING, too), not in conditions, orders and subqueries. Override it in a
        type of your own.
        """
        return None

    @property
    def of_parameters(self) -> TypeEngine[Any]:
        """The type of a parameter without a type of its own that is compared with an expression of this type."""
        return self

    def coerce_compared(self, value: Any) -> TypeEngine[Any]:
        """Return the type for a plain Python value that stands beside an expression of this type."""
        return self if type(value) in self._compared else PLAIN.of_value(value)

    def of_operand(self, operator: str, value: object) -> TypeEngine[Any]:
        """Return the type beside which a plain value stands as the right operand of an operator of the user's own, or of arithmetic."""
        return self

    def of_result(self, operator: str) -> TypeEngine[Any]:
        """Return the type of what an operator of the user's own makes of an expression of this type."""
        return self

    def combined_with(self, other: TypeEngine[Any], op: str) -> TypeEngine[Any]:
        """Return the type of ``self op other``, for the arithmetic operators add, sub, mul, div and mod."""
        if other.lookup_name == "null":
            return self
        result = RESULT_FAMILIES.get((self.stored_type.compared_family, op, other.stored_type.compared_family))
        return self if result is None else PLAIN.of_family(result)

    @property
    def compared_family(self) -> str:
        """The family of types to which it belongs in arithmetic, see :mod:`flask_uow.sql.type_arithmetic`."""
        return self.lookup_name

    @property
    def stored_type(self) -> TypeEngine[Any]:
        """The type that the database sees: the type itself, or what a :class:`TypeDecorator` is made of."""
        return self

    def with_variant(self, type_: TypeEngine[Any] | type[TypeEngine[Any]], *dialect_names: str) -> Self:
        """Return the type with another one in its place on some databases: ``BigInteger().with_variant(Integer, "sqlite")``.

        Python goes by this type; DDL, and the way of a value to the database and back, by the other one.

        :param dialect_names: ``"sqlite"``, ``"postgresql"``.
        :raises ArgumentError: without a name, or for a database that has a variant already.
        """
        if not dialect_names:
            raise ArgumentError(f"{self!r}.with_variant() names no database. Name one, 'sqlite' say, behind the type.")
        for name in dialect_names:
            if name in self.dialect_variants:
                raise ArgumentError(
                    f"{self!r} has a variant for {name!r} already, {self.dialect_variants[name]!r}. Give one only."
                )
        variant = type_ if isinstance(type_, TypeEngine) else type_()
        key = (*self.cache_key, *((name, variant.cache_key) for name in dialect_names))
        made = copy(self)
        # a plain dict, so that the type can be pickled and copied
        made.dialect_variants = {**self.dialect_variants, **dict.fromkeys(dialect_names, variant)}
        if type(variant).bind_expression is not TypeEngine.bind_expression:
            made._unlimited = None
        made.cache_key = key
        return made

    def copy(self) -> Self:
        """Return a copy of the type."""
        return copy(self)

    def coerce_compared_value(self, op: object, value: Any) -> TypeEngine[Any]:
        """Return the type for a plain value that stands beside an expression of this type; :meth:`coerce_compared` under SQLAlchemy's name.

        :param op: the operator; not heeded.
        """
        return self.coerce_compared(value)

    def as_generic(self) -> TypeEngine[Any]:
        """Return the same type under its general name: ``Integer()`` for ``INTEGER()``."""
        cls = next(cls for cls in type(self).__mro__ if not cls.__name__.isupper())
        if cls is type(self) or cls is TypeEngine or not issubclass(cls, TypeEngine):
            return self
        # without __init__(): what it would work out is there already
        made = object.__new__(cls)
        vars(made).update(vars(self))
        made.cache_key = (cls, *self.cache_key[1:])
        return made

    def compile(self, dialect: SQLDialect | None = None) -> str:
        """Return the type as DDL writes it.

        :param dialect: the dialect of a database, ``engine.dialect``; standard SQL when None.
        """
        return str((printer.dialect if dialect is None else dialect).type_ddl(self))

    def __str__(self) -> str:
        return self.compile()

    def is_mutable(self) -> bool:
        """Return True where values are changed in place, so that a copy is kept of each to compare it with."""
        return False

    def copy_value(self, value: Any) -> Any:
        """Return a copy that later changes of ``value`` in place do not reach; ``value`` itself where there are none."""
        return value

    def compare_values(self, a: Any, b: Any) -> bool:
        """Return True where two values, None among them, are the same to the database."""
        return bool(a == b)

    def __repr__(self) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in self._type_arguments().items() if value is not None)
        return f"{type(self).__name__}({given})"

    def _type_arguments(self) -> dict[str, Any]:
        return {}


expressing.base = TypeEngine


def _key_of_all(type_: TypeEngine[Any]) -> tuple[Any, ...]:
    """Return the class and all that an instance holds; the instance itself where that has no hash."""
    held = vars(type_)
    found: tuple[Any, ...] | None = held.get("_whole_key")
    if found is None:
        items = (
            (name, type(value), value)
            for name, value in sorted(held.items())
            if name not in ("dialect_variants", "_whole_key")
        )
        found = (type(type_), *((n, c, v.cache_key if isinstance(v, TypeEngine) else v) for n, c, v in items))
        try:
            hash(found)
        except TypeError:
            found = (type(type_), type_)
        held["_whole_key"] = found
    return found


def _set_key(type_: TypeEngine[Any], key: tuple[Any, ...]) -> None:
    vars(type_).update(_held_key=key, _whole_key=None)


class NullType(TypeEngine[Any]):
    """The type of an expression about which nothing is known; values pass as the driver has them."""

    lookup_name = "null"

    def __reduce__(self) -> Any:
        return "NULLTYPE" if self is NULLTYPE else super().__reduce__()

    def combined_with(self, other: TypeEngine[Any], op: str) -> TypeEngine[Any]:
        return other


class NativeType(NullType):
    """A type of the database that has no counterpart here: ``NativeType("inet")``. Values pass as the driver has them, or as text.

    :param native: the type as DDL and casts of the database write it.
    """

    def __init__(self, native: str) -> None:
        self.native_name = native
        self.cache_key = (type(self), native)

    def _type_arguments(self) -> dict[str, Any]:
        return {"native": self.native_name}


def type_for_value(value: object) -> TypeEngine[Any]:
    """Return the type that a plain Python value has by itself; ``NULLTYPE`` for None and for unknown classes."""
    return PLAIN.of_value(value)


NULLTYPE: TypeEngine[Any] = NullType()
PLAIN.unknown = NULLTYPE
