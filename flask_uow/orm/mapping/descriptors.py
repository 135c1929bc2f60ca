"""Attributes that stand for others: ``synonym``, ``composite``, ``comparable_property``; and operators of one's own, ``PropComparator``.

None of them is a column or a relationship itself. Flush and loaders know nothing of them, but for one thing: a composite value that was changed
in place is noticed by :mod:`flask_uow.orm.state.mutables`.
"""

from __future__ import annotations

import copy
import weakref
from typing import TYPE_CHECKING, Any, cast

from flask_uow.exc import ArgumentError, UnsupportedOperatorError
from flask_uow.orm.instrumentation.attributes import ColumnAttribute, operand_of
from flask_uow.orm.mapping.inspected_property import MapperProperty
from flask_uow.orm.mapping.properties import MappedColumn
from flask_uow.orm.state.mutables import COMPOSITES, remember
from flask_uow.orm.symbols import STATE
from flask_uow.sql import operators as ops
from flask_uow.sql.column_operators import ColumnOperators
from flask_uow.sql.expressions import ColumnElement, Null
from flask_uow.sql.operations import and_, not_

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask_uow.orm.instrumentation.attributes import Attribute
    from flask_uow.orm.interfaces import AnyColumn, MappedObject
    from flask_uow.orm.mapping.annotations import Mapped
    from flask_uow.orm.mapping.entity import EntityView
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.properties import ColumnProperty
    from flask_uow.orm.mapping.relationships import RelationshipProperty
    from flask_uow.sql.operators import Operator

__all__ = [
    "CompositeProperty",
    "DescriptorProperty",
    "PropComparator",
    "SynonymProperty",
    "comparable_property",
    "composite",
    "synonym",
    "synonym_for",
]


class PropComparator(ColumnOperators):
    """The operators of a mapped attribute on its class; derive from it and override what should differ.

    ``__clause_element__()`` returns the attribute's usual expression, for use in the overridden operators. What is not overridden, the
    methods of relationships included, is as it always is.

    :ivar property: the property; ``prop`` is the same.
    :ivar mapper: the mapper of the class.
    """

    _attribute: Any = None

    prop: Any
    parent: Any

    def __init__(self, prop: DescriptorProperty | ColumnProperty | RelationshipProperty, mapper: Mapper) -> None:
        self.prop = self.property = prop
        self.mapper = self.parent = mapper
        self.key: str = prop.key

    @classmethod
    def around(cls, attribute: Attribute) -> PropComparator:
        """Return the comparator in place of an attribute."""
        made = cls(attribute.property, attribute.parent)
        made._attribute = attribute
        return made

    def of_view(self, view: EntityView) -> Any:
        """Return the comparator on an alias of the class; None where it does not stand around an attribute."""
        if self._attribute is None:
            return None
        made = copy.copy(self)
        made.parent, made._attribute = view, view.here(self._attribute)
        return made

    def __clause_element__(self) -> ColumnElement[Any]:
        element: ColumnElement[Any] = self._attribute.__clause_element__()
        return element

    def as_operand(self) -> ColumnElement[Any]:
        return operand_of(self.__clause_element__(), self.parent, self.property)

    def operate(self, op: Operator, other: object = None, **modifiers: Any) -> ColumnElement[Any]:
        if self._attribute is None:
            return super().operate(op, other, **modifiers)
        expression: ColumnElement[Any] = self._attribute.operate(op, other, **modifiers)
        return expression

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or self._attribute is None:
            raise AttributeError(name)
        return getattr(self._attribute, name)


class DescriptorProperty(MapperProperty):
    """Base of the properties that are no columns: what they put on the class is a descriptor.

    :ivar key: the attribute's name.
    :ivar parent: the mapper.
    """

    key = ""
    parent: Any = None
    doc: str | None = None

    def descriptor(self, key: str, mapper: Mapper) -> Any:
        """Return the descriptor that the class gets under the name ``key``."""
        self.key = key
        self.parent = mapper
        return _Descriptor(self, vars(mapper.class_).get(key))

    def on_class(self, owner: type[MappedObject]) -> Any:
        """Return the value of the attribute on the class."""
        raise NotImplementedError

    def get(self, obj: MappedObject) -> Any:
        """Return the value on an object."""
        raise NotImplementedError

    def set(self, obj: MappedObject, value: object) -> None:
        """Set the value on an object."""
        raise NotImplementedError

    def _name(self) -> str:
        return f"{self.parent.class_.__name__}.{self.key}"


class _Descriptor:
    """The attribute of a :class:`DescriptorProperty`; a property that the class had under its name keeps charge of objects."""

    def __init__(self, prop: DescriptorProperty, own: Any) -> None:
        self._property = prop
        given = getattr(prop, "descriptor_argument", None)
        self._own = (
            given if given is not None else own if hasattr(own, "__set__") or isinstance(own, property) else None
        )
        self.__doc__ = prop.doc or getattr(self._own, "__doc__", None)

    def __get__(self, obj: Any, owner: type[MappedObject]) -> Any:
        if obj is None:
            return self._property.on_class(owner)
        return self._own.__get__(obj, owner) if self._own is not None else self._property.get(obj)

    def __set__(self, obj: MappedObject, value: object) -> None:
        if self._own is not None:
            self._own.__set__(obj, value)
        else:
            self._property.set(obj, value)


class SynonymProperty(DescriptorProperty):
    """Another name of an attribute. Made by :func:`synonym`."""

    def __init__(
        self,
        name: str,
        map_column: bool,
        descriptor: object,
        comparator_factory: type[PropComparator] | None,
        doc: str | None,
    ) -> None:
        self.name = name
        self.map_column = map_column
        self.descriptor_argument = descriptor
        self.comparator_factory = comparator_factory
        self.doc = doc
        self._called: weakref.WeakKeyDictionary[type, tuple[ColumnAttribute, ColumnAttribute]] = (
            weakref.WeakKeyDictionary()
        )

    def on_class(self, owner: type[MappedObject]) -> Any:
        attribute = getattr(owner, self.name)
        if isinstance(attribute, ColumnAttribute):
            known = self._called.get(owner)
            if known is None or known[0] is not attribute:
                known = self._called[owner] = (attribute, attribute.called(self.key))
            attribute = known[1]
        return self.comparator_factory.around(attribute) if self.comparator_factory is not None else attribute

    def get(self, obj: MappedObject) -> Any:
        return getattr(obj, self.name)

    def set(self, obj: MappedObject, value: object) -> None:
        setattr(obj, self.name, value)


class CompositeProperty(DescriptorProperty):
    """Several columns as one value. Made by :func:`composite`.

    :ivar names: the column attributes, in the order of the class's arguments; known once the mapper has the property.
    """

    def __init__(
        self,
        class_: Callable[..., Any],
        columns: tuple[Any, ...],
        comparator_factory: type[PropComparator] | None,
        doc: str | None,
    ) -> None:
        self.class_ = class_
        self.columns = columns
        self.comparator_factory = comparator_factory
        self.doc = doc
        self.names: tuple[str, ...] = ()

    def descriptor(self, key: str, mapper: Mapper) -> Any:
        self.names = tuple(self._name_of(column, key, mapper) for column in self.columns)
        return super().descriptor(key, mapper)

    @staticmethod
    def _name_of(column: MappedColumn | AnyColumn | str, key: str, mapper: Mapper) -> str:
        if isinstance(column, str):
            if column not in mapper.column_attrs:
                raise ArgumentError(
                    f"{mapper.class_.__name__}.{key}: composite() names {column!r}, which is no column attribute."
                )
            return column
        return mapper.name_of_column(column.column if isinstance(column, MappedColumn) else column)

    def on_class(self, owner: type[MappedObject]) -> Any:
        factory = self.comparator_factory if self.comparator_factory is not None else _CompositeComparator
        return factory(self, owner.__mapper__)

    def values_of(self, value: Any) -> tuple[Any, ...]:
        """Return the column values of a composite value, all None for None."""
        if value is None or isinstance(value, Null):
            return (None,) * len(self.names)
        return tuple(value.__composite_values__())

    def get(self, obj: MappedObject) -> Any:
        present = tuple([getattr(obj, name) for name in self.names])
        made = obj.__dict__.get(COMPOSITES, {}).get(self.key)
        if made is not None and made[0] == present:
            return made[1]
        if all(part is None for part in present):
            return None
        value = self.class_(*present)
        self._keep(obj, present, value)
        return value

    def set(self, obj: MappedObject, value: object) -> None:
        if value is not None and not hasattr(value, "__composite_values__"):
            raise ArgumentError(
                f"{self._name()} takes a {self.class_.__name__} (with __composite_values__()) or None, got {value!r}."
            )
        parts = self.values_of(value)
        for name, part in zip(self.names, parts, strict=True):
            setattr(obj, name, part)
        if value is not None:
            self._keep(obj, parts, value)

    def _keep(self, obj: MappedObject, parts: tuple[Any, ...], value: object) -> None:
        # handed out, it may be changed in place, which is looked for before a flush
        obj.__dict__.setdefault(COMPOSITES, {})[self.key] = (parts, value)
        state = obj.__dict__.get(STATE)
        if state is not None and state.owner is not None:
            remember(state, obj)


class _CompositeComparator(PropComparator):
    """``==`` and ``!=`` of a composite attribute, column by column."""

    def of_view(self, view: EntityView) -> Any:
        made = copy.copy(self)
        made.parent = view
        return made

    def _parts(self) -> list[Any]:
        if self.parent is self.mapper:
            return [getattr(self.mapper.class_, name) for name in self.prop.names]
        return [self.parent.attribute(name) for name in self.prop.names]

    def __clause_element__(self) -> ColumnElement[Any]:
        raise ArgumentError(
            f"{self.mapper.class_.__name__}.{self.key} is a composite of {', '.join(self.prop.names)}, not one column. Compare it with =="
            " to a value, or use these attributes."
        )

    def operate(self, op: Operator, other: object = None, **modifiers: Any) -> ColumnElement[Any]:
        if op is not ops.EQ and op is not ops.NE:
            raise UnsupportedOperatorError(
                f"{self.mapper.class_.__name__}.{self.key} is a composite and can be compared with == and != only."
            )
        if isinstance(other, _CompositeComparator):
            values: Any = other._parts()
        else:
            values = self.prop.values_of(other)
        condition = and_(*(part == value for part, value in zip(self._parts(), values, strict=True)))
        return condition if op is ops.EQ else not_(condition)


class ComparableProperty(DescriptorProperty):
    """A Python property with operators for queries. Made by :func:`comparable_property`."""

    def __init__(self, comparator_factory: type[PropComparator], descriptor: object, doc: str | None) -> None:
        self.comparator_factory = comparator_factory
        self.descriptor_argument = descriptor
        self.doc = doc

    def on_class(self, owner: type[MappedObject]) -> Any:
        return self.comparator_factory(self, owner.__mapper__)

    def get(self, obj: MappedObject) -> Any:
        raise AttributeError(
            f"{self._name()} has no value on objects: comparable_property() found no Python property of that name. Define one on the class, or"
            " pass descriptor=."
        )

    def set(self, obj: MappedObject, value: object) -> None:
        self.get(obj)


def synonym(
    name: str,
    map_column: bool = False,
    descriptor: object = None,
    comparator_factory: type[PropComparator] | None = None,
    doc: str | None = None,
) -> Mapped[Any]:
    """Map another name for an attribute: the same value on objects, the same expression on the class.

    :param name: the attribute that it stands for.
    :param map_column: map the column that has the synonym's own name to ``name``.
    :param descriptor: a Python property that has charge of objects; one that the class has under this name is taken by itself.
    :param comparator_factory: a subclass of :class:`PropComparator`.
    """
    return cast("Mapped[Any]", SynonymProperty(name, map_column, descriptor, comparator_factory, doc))


def synonym_for(name: str, map_column: bool = False) -> Callable[[Any], Any]:
    """Return the decorator that makes a property of the class a synonym of an attribute: its value on objects, the attribute's expression on the class.

    :param name: the attribute that it stands for.
    :param map_column: as for :func:`synonym`.
    """
    return lambda own: synonym(
        name, map_column, own if hasattr(own, "__get__") and hasattr(own, "__set__") else property(own)
    )


def composite(
    class_: Callable[..., Any],
    *columns: Any,
    comparator_factory: type[PropComparator] | None = None,
    doc: str | None = None,
) -> Mapped[Any]:
    """Map several columns as one value.

    :param class_: takes the column values as arguments and gives them back by ``__composite_values__()``; should define ``__eq__``.
    :param columns: the columns, or the names of their attributes, which exist besides.
    :param comparator_factory: a subclass of :class:`PropComparator`, for other operators than ``==`` and ``!=``.
    :raises ArgumentError: without columns.
    """
    if not columns:
        raise ArgumentError("composite() takes a class and the columns that make up its values, got no column.")
    return cast("Mapped[Any]", CompositeProperty(class_, columns, comparator_factory, doc))


def comparable_property(
    comparator_factory: type[PropComparator], descriptor: object = None, doc: str | None = None
) -> Mapped[Any]:
    """Give a Python property operators for use in queries.

    :param comparator_factory: a subclass of :class:`PropComparator` that overrides the operators (or ``__clause_element__``).
    :param descriptor: the property; the one that the class has under this name when None.
    """
    return cast("Mapped[Any]", ComparableProperty(comparator_factory, descriptor, doc))
