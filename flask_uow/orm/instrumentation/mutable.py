"""``MutableDict``, ``MutableList``, ``MutableSet``, and ``Mutable`` for values of one's own: values of a column that notice their changes.

``mapped_column(MutableDict.as_mutable(JSON))`` gives each value as a dict whose changes in place are written by the next flush. They are found as
those of pickled values are (:mod:`~flask_uow.orm.state.mutables`): the value is compared, before a flush, with what was loaded. A dict,
list or set is compared by what it holds, deep inside too; any other value by how often it has called :meth:`Mutable.changed`.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar

from flask_uow.exc import ArgumentError
from flask_uow.sql.columns import Column
from flask_uow.sql.types import TypeDecorator, TypeEngine, to_instance

if TYPE_CHECKING:
    from flask_uow.orm.instrumentation.attributes import ColumnAttribute

__all__ = ["Mutable", "MutableComposite", "MutableDict", "MutableList", "MutableSet", "MutableType"]


class Mutable:
    """The base of values that tell of their changes; derive a class from it, and call :meth:`changed` wherever its value changes."""

    _changes = 0

    @classmethod
    def coerce(cls, key: str, value: Any) -> Any:
        """Return a value that was assigned or loaded as one of this class.

        :param key: what the value is for, as messages call it.
        :raises ArgumentError: for a value that is none, and cannot become one.
        """
        if value is None or isinstance(value, cls):
            return value
        raise ArgumentError(
            f"{key} takes a {cls.__name__} or None, got {type(value).__name__}: {value!r}. Override coerce() to turn it into one."
        )

    def changed(self) -> None:
        """Tell that the value has changed."""
        # past a __setattr__ of the class's own, which calls this
        object.__setattr__(self, "_changes", self._changes + 1)

    def is_as(self, before: object) -> bool:
        """Return True where the value has not changed since ``before``, a copy of it, was made."""
        return isinstance(before, Mutable) and before._changes == self._changes

    @classmethod
    def as_mutable(cls, sqltype: TypeEngine[Any] | type[TypeEngine[Any]]) -> TypeEngine[Any]:
        """Return a column type that stores as ``sqltype`` does and whose values are of this class.

        :param sqltype: a type, or its class.
        """
        return MutableType(cls, to_instance(sqltype))

    @classmethod
    def associate_with_attribute(cls, attribute: ColumnAttribute) -> None:
        """Have the values of one mapped attribute be of this class; call it before objects of its class are made or loaded."""
        column = attribute.property.column
        column.set_type(cls.as_mutable(column.type))
        mapper = attribute.parent
        for each in mapper.descendants:
            each.memo.clear()
            each.manager.check_assignments_of(attribute.key, column.type, each.events.of(attribute.key))

    @classmethod
    def associate_with(cls, sqltype: type[TypeEngine[Any]]) -> None:
        """Have the values of all columns of a type be of this class, those of classes that are mapped later."""
        MutableType.associated.append((sqltype, cls))


class MutableComposite(Mutable):
    """The base of composite values that tell of their changes; derive a dataclass, say, from it, and call :meth:`changed` wherever it changes.

    Composite values are compared before each flush all the same, so that nothing is lost where ``changed()`` was forgotten.
    """


class MutableType(TypeDecorator):
    """The column type of mutable values; made by :meth:`Mutable.as_mutable`.

    :cvar associated: column types whose values are of a mutable class without being told, see :meth:`Mutable.associate_with`.
    """

    checks_on_assignment = True
    associated: ClassVar[list[tuple[type[TypeEngine[Any]], type[Mutable]]]] = []

    _compares_assigned = False

    def __init__(self, mutable_class: type[Mutable], impl: TypeEngine[Any]) -> None:
        self.impl = impl
        super().__init__()
        self.mutable_class = mutable_class
        self.value_class = mutable_class

    def to_stored(self, value: object) -> Any:
        """Return the value as one of the class."""
        return self.mutable_class.coerce("a column of mutable values", value)

    def process_result_value(self, value: object, dialect: object) -> Any:
        return self.mutable_class.coerce("a column of mutable values", value)

    def is_mutable(self) -> bool:
        return True

    def copy_value(self, value: object) -> Any:
        copied = deepcopy(value)
        if isinstance(value, Mutable):
            # filling the copy may have told of changes, and its own ways to be pickled may have lost the count
            object.__setattr__(copied, "_changes", value._changes)
        return copied

    def compare_values(self, a: object, b: object) -> bool:
        return b.is_as(a) if isinstance(b, Mutable) else bool(a == b)

    @classmethod
    def take_place(cls, column: object) -> None:
        """Give a column that is being mapped a mutable type, where its own was associated with a mutable class."""
        for sqltype, mutable_class in cls.associated:
            if isinstance(column, Column) and isinstance(column.type, sqltype):
                column.set_type(mutable_class.as_mutable(column.type))
                return


class MutableDict(Mutable, dict[Any, Any]):
    """A dict that notices its changes."""

    @classmethod
    def coerce(cls, key: str, value: Any) -> Any:
        return cls(value) if isinstance(value, dict) and not isinstance(value, cls) else super().coerce(key, value)

    def is_as(self, before: object) -> bool:
        return super().is_as(before) and dict.__eq__(self, before)


class MutableList(Mutable, list[Any]):
    """A list that notices its changes."""

    @classmethod
    def coerce(cls, key: str, value: Any) -> Any:
        return cls(value) if isinstance(value, list) and not isinstance(value, cls) else super().coerce(key, value)

    def is_as(self, before: object) -> bool:
        return super().is_as(before) and list.__eq__(self, before)


class MutableSet(Mutable, set[Any]):
    """A set that notices its changes."""

    @classmethod
    def coerce(cls, key: str, value: Any) -> Any:
        return cls(value) if isinstance(value, set) and not isinstance(value, cls) else super().coerce(key, value)

    def is_as(self, before: object) -> bool:
        return super().is_as(before) and set.__eq__(self, before)
