"""Attributes that stand for others: ``synonym``, ``comparable_property``; and operators of one's own, ``PropComparator``.

None of them is a column or a relationship itself, and flush and loaders know nothing of them. Composites are in
:mod:`~flask_uow.orm.mapping.composites`.
"""

from __future__ import annotations

import copy
import weakref
from typing import TYPE_CHECKING, Any, cast

from flask_uow.orm.instrumentation.attributes import ColumnAttribute, operand_of
from flask_uow.orm.mapping.inspected_property import MapperProperty
from flask_uow.orm.symbols import NO_VALUE, ExtensionType
from flask_uow.sql.column_operators import ColumnOperators
from flask_uow.sql.expressions import ColumnElement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask_uow.orm.instrumentation.attributes import Attribute
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.annotations import Mapped
    from flask_uow.orm.mapping.entity import EntityView
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.properties import ColumnProperty
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.sql.operators import Operator

__all__ = [
    "DescriptorProperty",
    "PropComparator",
    "SynonymProperty",
    "comparable_property",
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

    extension_type = ExtensionType.NOT_EXTENSION

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

    def any(self, other: object = None, /, **options: Any) -> ColumnElement[bool]:
        # columns have methods of these names, too, which mean something else
        if not hasattr(self._attribute, "relationship"):
            return super().any(other, **options)
        found: ColumnElement[bool] = self._attribute.any(other, **options)
        return found

    def contains(self, other: object, autoescape: bool | None = None, escape: str | None = None) -> ColumnElement[bool]:
        if not hasattr(self._attribute, "relationship"):
            return super().contains(other, autoescape, escape)
        found: ColumnElement[bool] = self._attribute.contains(other)
        return found

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
    info: dict[Any, Any]

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

    def delete(self, obj: MappedObject) -> None:
        """Take the value of an object away: a deleted column is NULL, and so are those that this stands for."""
        self.set(obj, None)

    def loaded_value(self, obj: MappedObject) -> Any:
        """Return the value on an object where it is there without loading anything, else NO_VALUE."""
        return NO_VALUE

    def history(self, obj: MappedObject, history_of: Callable[[str], Any]) -> Any:
        """Return the history of the value on an object; None where there is none.

        :param history_of: returns that of another attribute.
        """
        return None

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

    def __delete__(self, obj: MappedObject) -> None:
        if self._own is not None:
            self._own.__delete__(obj)
        else:
            self._property.delete(obj)


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
            # the same object each time, made anew where the attribute was replaced
            known = self._called.get(owner)
            if known is None or known[0] is not attribute:
                known = self._called[owner] = (attribute, attribute.called(self.key))
            attribute = known[1]
        return self.comparator_factory.around(attribute) if self.comparator_factory is not None else attribute

    def get(self, obj: MappedObject) -> Any:
        return getattr(obj, self.name)

    def set(self, obj: MappedObject, value: object) -> None:
        setattr(obj, self.name, value)

    def delete(self, obj: MappedObject) -> None:
        delattr(obj, self.name)

    def loaded_value(self, obj: MappedObject) -> Any:
        return obj.__dict__.get(self.name, NO_VALUE)

    def history(self, obj: MappedObject, history_of: Callable[[str], Any]) -> Any:
        return history_of(self.name)


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
    info: Mapping[Any, Any] | None = None,
) -> Mapped[Any]:
    """Map another name for an attribute: the same value on objects, the same expression on the class.

    :param name: the attribute that it stands for.
    :param map_column: map the column that has the synonym's own name to ``name``.
    :param descriptor: a Python property that has charge of objects; one that the class has under this name is taken by itself.
    :param comparator_factory: a subclass of :class:`PropComparator`.
    :param info: notes of the application.
    """
    made = SynonymProperty(name, map_column, descriptor, comparator_factory, doc)
    made.info = dict(info or {})
    return cast("Mapped[Any]", made)


def synonym_for(name: str, map_column: bool = False) -> Callable[[Any], Any]:
    """Return the decorator that makes a property of the class a synonym of an attribute: its value on objects, the attribute's expression on the class.

    :param name: the attribute that it stands for.
    :param map_column: as for :func:`synonym`.
    """
    return lambda own: synonym(
        name, map_column, own if hasattr(own, "__get__") and hasattr(own, "__set__") else property(own)
    )


def comparable_property(
    comparator_factory: type[PropComparator], descriptor: object = None, doc: str | None = None
) -> Mapped[Any]:
    """Give a Python property operators for use in queries.

    :param comparator_factory: a subclass of :class:`PropComparator` that overrides the operators (or ``__clause_element__``).
    :param descriptor: the property; the one that the class has under this name when None.
    """
    return cast("Mapped[Any]", ComparableProperty(comparator_factory, descriptor, doc))
