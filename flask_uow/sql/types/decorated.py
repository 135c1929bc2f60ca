"""Types that users make of another type: TypeDecorator, and PickleType which is one.

A decorated type changes values in Python, before and behind the conversions of the type that it is made of (its *impl*);
to the database, and to the operators of expressions, it is that type.
"""

from __future__ import annotations

import pickle
from typing import Any, ClassVar

from flask_uow.exc import ArgumentError
from flask_uow.sql.types.basic import LargeBinary, TypeEngine
from flask_uow.sql.types.lookup import to_instance

__all__ = ["PickleType", "TypeDecorator"]


class TypeDecorator(TypeEngine[Any]):
    """A type of your own, made of another. Subclass it, name the other type as ``impl`` and override what is to differ::

        class Lowercase(TypeDecorator):
            impl = String(50)

            def process_bind_param(self, value, dialect):
                return value.lower() if value is not None else None

    :param arguments: given to ``impl`` where that is a class.

    :ivar impl: the type that it is made of; a class or an instance.
    :raises ArgumentError: for a subclass that names no ``impl``.
    """

    name = "decorated"
    impl: Any = None
    _key: tuple[Any, ...] | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        impl = self.impl
        if impl is None:
            raise ArgumentError(f"{type(self).__name__} names no impl. Write `impl = String` (or another type) in it.")
        if isinstance(impl, type) and issubclass(impl, TypeEngine) and (arguments or options):
            impl = impl(*arguments, **options)
        elif arguments or options:
            raise ArgumentError(f"{type(self).__name__} takes no arguments, since its impl is {impl!r} already.")
        self.impl = to_instance(impl)
        self.python_type = self.impl.python_type

    @property
    def cache_key(self) -> tuple[Any, ...]:  # type: ignore[override]
        """The class and the parameters: whatever the instance holds; the instance itself where that has no hash."""
        if self._key is None:
            held = [
                (name, type(value), value.cache_key if isinstance(value, TypeEngine) else value)
                for name, value in sorted(vars(self).items())
            ]
            key: tuple[Any, ...] = (type(self), *held)
            try:
                hash(key)
            except TypeError:
                key = (type(self), self)
            self._key = key
        return self._key

    @property
    def storage(self) -> TypeEngine[Any]:
        return self.impl.storage  # type: ignore[no-any-return]

    def load_dialect_impl(self, dialect: Any) -> TypeEngine[Any]:
        """Return the type that one database is to see; ``impl`` unless overridden. ``dialect.name`` tells them apart."""
        return self.impl  # type: ignore[no-any-return]

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        """Return what is to be stored for a value (None included), as ``impl`` takes it."""
        return value

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        """Return the value for what ``impl`` has loaded (None included)."""
        return value

    def coerce_compared(self, value: Any) -> TypeEngine[Any]:
        # what is compared with a column goes the way of what is stored in it
        return self

    def combined_with(self, other: TypeEngine[Any], op: str) -> TypeEngine[Any]:
        return self.impl.combined_with(other, op)  # type: ignore[no-any-return]

    def is_mutable(self) -> bool:
        return self.impl.is_mutable()  # type: ignore[no-any-return]

    def copy_value(self, value: Any) -> Any:
        return self.impl.copy_value(value)

    def compare_values(self, a: Any, b: Any) -> bool:
        return self.impl.compare_values(a, b)  # type: ignore[no-any-return]

    def _arguments(self) -> dict[str, Any]:
        return {"impl": self.impl}


class PickleType(TypeDecorator):
    """Any Python object, pickled into a binary column; None is NULL.

    Loading runs the code that a pickle names: use it only where nobody but the application writes the column.

    :param protocol: the protocol of :mod:`pickle`.
    :param pickler: an object with ``dumps(value, protocol)`` and ``loads(data)``; the module :mod:`pickle` when None.
    :param mutable: notice changes in place: each loaded value is copied (by a pickle) and compared before a flush. False
        is faster, and then only an assignment is a change.
    :param comparator: a function of two values that says whether they are the same; when None, ``==`` and the pickles say so, since the
        values' class, or that of something within them, may have no ``==`` of its own.
    """

    impl: Any = LargeBinary
    _pickler: ClassVar[Any] = pickle

    def __init__(
        self, protocol: int = pickle.HIGHEST_PROTOCOL, pickler: Any = None, mutable: bool = True, comparator: Any = None
    ) -> None:
        super().__init__()
        self.protocol = protocol
        self.pickler = pickler if pickler is not None else self._pickler
        self.mutable = mutable
        self.comparator = comparator
        self.python_type = object

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else self.pickler.dumps(value, self.protocol)

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else self.pickler.loads(value)

    def is_mutable(self) -> bool:
        return self.mutable

    def copy_value(self, value: Any) -> Any:
        if not self.mutable or value is None:
            return value
        return self.pickler.loads(self.pickler.dumps(value, self.protocol))

    def compare_values(self, a: Any, b: Any) -> bool:
        if a is None or b is None:
            return a is b
        if self.comparator is not None:
            return bool(self.comparator(a, b))
        return bool(a == b) or self._pickled_again(a) == self._pickled_again(b)

    def _pickled_again(self, value: Any) -> Any:
        # a pickle says how often an object occurs in a value, and that is told alike by two copies only
        copy = self.pickler.loads(self.pickler.dumps(value, self.protocol))
        return self.pickler.dumps(copy, self.protocol)

    def _arguments(self) -> dict[str, Any]:
        return {"mutable": None if self.mutable else "False"}
