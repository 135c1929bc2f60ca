"""Types that users make: of another type, TypeDecorator, and PickleType which is one; of the database's own, UserDefinedType.

A decorated type changes values in Python, before and behind the conversions of the type that it is made of (its *impl*);
to the database, and to the operators of expressions, it is that type.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

from flask_uow.exc import ArgumentError
from flask_uow.sql.stored_values import StoredValueError
from flask_uow.sql.types.base import TypeEngine
from flask_uow.sql.types.binary import LargeBinary
from flask_uow.sql.types.lookup import TypeArgument, to_instance
from flask_uow.sql.value_errors import wrong_kind

if TYPE_CHECKING:
    from flask_uow.sql.interfaces import SQLDialect

__all__ = ["PickleType", "TypeDecorator", "UserDefinedType"]


class _UserType(TypeEngine[Any]):
    """The base of types that users subclass, which keep what they are made of in attributes of their own."""

    _held_key: tuple[Any, ...] | None = None
    #: False where compare_values() is about changes in place only, and == about a value that another one was assigned for
    _compares_assigned = True

    @property
    def cache_key(self) -> tuple[Any, ...]:
        """The class and the parameters: whatever the instance holds; the instance itself where that has no hash."""
        if self._held_key is None:
            held = [(name, type(value), _key_of(value)) for name, value in sorted(vars(self).items())]
            key: tuple[Any, ...] = (type(self), *held)
            try:
                hash(key)
            except TypeError:
                key = (type(self), self)
            self._held_key = key
        return self._held_key

    @cache_key.setter
    def cache_key(self, key: tuple[Any, ...]) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._held_key = key


def _key_of(value: object) -> object:
    return value.cache_key if isinstance(value, TypeEngine) else value


class UserDefinedType(_UserType):
    """A type of the database that has no counterpart here, with conversions of your own::

        class Point(UserDefinedType):
            def get_col_spec(self, **kw):
                return "POINT"

            def bind_processor(self, dialect):
                return lambda value: None if value is None else f"({value[0]},{value[1]})"

    Values pass as the driver has them where a method below is not overridden. Numbers, texts and so on are taken as they are: nothing is checked.
    """

    lookup_name = "user_defined"

    def __init__(self) -> None:
        """Take no parameters; a subclass may take some, which it keeps in attributes."""

    def get_col_spec(self, **kw: object) -> str:
        """Return the type as DDL and casts of the database write it.

        :raises ArgumentError: unless overridden.
        """
        raise ArgumentError(
            f"{type(self).__name__} does not say its name. Override get_col_spec(self, **kw) and return it, 'POINT' say."
        )

    def bind_processor(self, dialect: SQLDialect) -> Callable[[Any], Any] | None:
        """Return the function from a value (None included) to the driver's; None to pass it as it is."""
        return None

    def result_processor(self, dialect: SQLDialect, coltype: object) -> Callable[[Any], Any] | None:
        """Return the function from the driver's value (None included) to Python's; None to pass it as it is.

        :param coltype: for look-alikes of other libraries; None here.
        """
        return None

    def coerce_compared(self, value: Any) -> TypeEngine[Any]:
        # what is compared with a column goes the way of what is stored in it
        return self


class TypeDecorator(_UserType):
    """A type of your own, made of another. Subclass it, name the other type as ``impl`` and override what is to differ::

        class Lowercase(TypeDecorator):
            impl = String(50)

            def process_bind_param(self, value, dialect):
                return value.lower() if value is not None else None

    :param arguments: given to ``impl`` where that is a class.

    :ivar impl: the type that it is made of; a class or an instance.
    :raises ArgumentError: for a subclass that names no ``impl``.
    """

    lookup_name = "decorated"
    impl: Any = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        impl = self.impl
        if impl is None:
            raise ArgumentError(f"{type(self).__name__} names no impl. Write `impl = String` (or another type) in it.")
        if isinstance(impl, type) and issubclass(impl, TypeEngine) and (arguments or options):
            impl = impl(*arguments, **options)
        elif arguments or options:
            raise ArgumentError(f"{type(self).__name__} takes no arguments, since its impl is {impl!r} already.")
        self.impl = to_instance(impl)
        self.value_class = self.impl.value_class

    @property
    def _decorated_type(self) -> TypeEngine[Any]:
        # of an instance, impl is one; a class may name the class of a type
        made: TypeEngine[Any] = self.impl
        return made

    @property
    def stored_type(self) -> TypeEngine[Any]:
        return self._decorated_type.stored_type

    def load_dialect_impl(self, dialect: SQLDialect) -> TypeEngine[Any]:
        """Return the type that one database is to see; ``impl`` unless overridden. ``dialect.name`` tells them apart."""
        return self._decorated_type

    def process_bind_param(self, value: Any, dialect: SQLDialect) -> Any:
        """Return the value to be stored for a value (None included), as ``impl`` takes it."""
        return value

    def process_result_value(self, value: Any, dialect: SQLDialect) -> Any:
        """Return the value for what ``impl`` has loaded (None included)."""
        return value

    def coerce_compared_value(self, op: object, value: Any) -> TypeEngine[Any]:
        """Return the type for a plain value that stands beside an expression of this type; the type itself unless overridden.

        :param op: for look-alikes of other libraries; None here.
        """
        return self

    def coerce_compared(self, value: Any) -> TypeEngine[Any]:
        # what is compared with a column goes the way of what is stored in it
        return self.coerce_compared_value(None, value)

    @property
    def impl_instance(self) -> TypeEngine[Any]:
        """The type that it is made of."""
        return self._decorated_type

    def combined_with(self, other: TypeEngine[Any], op: str) -> TypeEngine[Any]:
        return self._decorated_type.combined_with(other, op)

    def is_mutable(self) -> bool:
        return self._decorated_type.is_mutable()

    def copy_value(self, value: Any) -> Any:
        return self._decorated_type.copy_value(value)

    def compare_values(self, a: Any, b: Any) -> bool:
        return self._decorated_type.compare_values(a, b)

    def _type_arguments(self) -> dict[str, Any]:
        return {"impl": self.impl}


def own_comparison(type_: TypeEngine[Any]) -> Callable[[Any, Any], bool] | None:
    """Return ``compare_values()`` of a type that a user has given one; None where ``==`` says whether two values are the same."""
    while isinstance(type_, TypeDecorator) and type(type_).compare_values is TypeDecorator.compare_values:
        type_ = type_.impl_instance
    method = type(type_).compare_values
    if not isinstance(type_, _UserType) or not type_._compares_assigned or method is TypeEngine.compare_values:
        return None
    if isinstance(type_, PickleType) and method is PickleType.compare_values and type_.comparator is None:
        return None
    return type_.compare_values


class Pickler(Protocol):
    """An object that makes bytes of values and values of bytes: the module :mod:`pickle`, or another one of its kind."""

    def dumps(self, value: object, protocol: int) -> bytes:
        """Return a value as bytes."""
        ...

    def loads(self, data: bytes) -> Any:
        """Return the value."""
        ...


class PickleType(TypeDecorator):
    """Any Python object, pickled into a binary column; None is NULL.

    Loading runs the code that a pickle names: use it only where nobody but the application writes the column.

    :param protocol: the protocol of :mod:`pickle`.
    :param pickler: an object with ``dumps(value, protocol)`` and ``loads(data)``; the module :mod:`pickle` when None.
    :param mutable: notice changes in place: each loaded value is copied (by a pickle) and compared before a flush. False
        is faster, and then only an assignment is a change.
    :param impl: the type that the bytes are kept in, ``LargeBinary`` when None.
    :param comparator: a function of two values that says whether they are the same, in place of ``==``; values that are pickled alike are,
        whatever it says, since the values' class, or that of something within them, may have no ``==`` of its own.
    """

    impl: Any = LargeBinary
    # a module cannot be pickled with the type, so no object has this one itself
    pickler: Pickler = cast("Pickler", pickle)

    def __init__(
        self,
        protocol: int = pickle.HIGHEST_PROTOCOL,
        pickler: Pickler | None = None,
        mutable: bool = True,
        comparator: Callable[[Any, Any], object] | None = None,
        impl: TypeArgument | None = None,
    ) -> None:
        if impl is not None:
            self.impl = impl
        super().__init__()
        self.protocol = protocol
        if pickler is not None:
            self.pickler = pickler
        self.mutable = mutable
        self.comparator = comparator
        self.value_class = object

    def process_bind_param(self, value: Any, dialect: SQLDialect) -> Any:
        if value is None:
            return None
        try:
            return self.pickler.dumps(value, self.protocol)
        except (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError) as error:
            wrong_kind(
                self,
                value,
                f"what can be pickled ({error})",
                "Functions are pickled by the name that they have in their module; a generator by what"
                " list() makes of it.",
            )

    def process_result_value(self, value: Any, dialect: SQLDialect) -> Any:
        if value is None:
            return None
        try:
            return self.pickler.loads(value)
        except (pickle.UnpicklingError, TypeError, EOFError, ImportError, AttributeError) as error:
            cure = "Correct the row, or have the class that it names where it was."
            raise StoredValueError.of(self, value, error, cure) from error

    def is_mutable(self) -> bool:
        return self.mutable

    def copy_value(self, value: Any) -> Any:
        if not self.mutable or value is None:
            return value
        return self.pickler.loads(self.pickler.dumps(value, self.protocol))

    def compare_values(self, a: Any, b: Any) -> bool:
        if a is None or b is None:
            return a is b
        equal = self.comparator(a, b) if self.comparator is not None else a == b
        # what is pickled alike is the same in the row, also where == goes by identity
        return bool(equal) or self._pickled_again(a) == self._pickled_again(b)

    def _pickled_again(self, value: object) -> Any:
        # a pickle says how often an object occurs in a value, and that is told alike by two copies only
        copy = self.pickler.loads(self.pickler.dumps(value, self.protocol))
        return self.pickler.dumps(copy, self.protocol)

    def _type_arguments(self) -> dict[str, Any]:
        return {"mutable": None if self.mutable else "False"}
