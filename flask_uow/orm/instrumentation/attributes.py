"""Attributes of mapped classes: a value on objects, an expression on classes.

Values live in ``obj.__dict__`` under the attribute's name. The descriptors here have no ``__set__``, so Python reads a loaded
value from the ``__dict__`` directly and calls ``__get__`` only where it is absent: expired, not loaded yet, or never set.
Writes pass through the ``__setattr__`` that :mod:`flask_uow.orm.instrumentation.class_manager` installs. References and collections are
in :mod:`~flask_uow.orm.instrumentation.relationship_attributes` and :mod:`~flask_uow.orm.instrumentation.collection_attribute`.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from flask_uow.orm.exc import DetachedInstanceError
from flask_uow.orm.interfaces import AttributeLoader
from flask_uow.orm.state.instance_state import InstanceState, describe, instance_state
from flask_uow.orm.symbols import DELETED, STATE, ExtensionType
from flask_uow.sql.expressions import ColumnElement, ColumnOperators
from flask_uow.sql.sourced import Sourced

if TYPE_CHECKING:
    from flask_uow.orm.instrumentation.events import Listeners
    from flask_uow.orm.interfaces import Entity, MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.properties import ColumnProperty
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty

__all__ = ["Attribute", "ColumnAttribute", "ExpressionAttribute", "operand_of"]


class Attribute(ColumnOperators):
    """An attribute of a mapped class, as the class shows it.

    :ivar key: its name.
    :ivar parent: the mapper.
    :ivar property: the property of the mapper behind it.
    :ivar loader: gives the value where it is absent from an object.
    """

    loader: AttributeLoader
    # what gives an object without a row a value where none was set, or None
    init_scalar: Listeners | None = None

    def __init__(self, key: str, parent: Mapper, prop: ColumnProperty | RelationshipProperty) -> None:
        self.key = key
        self.parent = parent
        # the kinds of attribute have kinds of property
        self.property: Any = prop
        self.__doc__ = getattr(prop, "doc", None)

    @property
    def class_(self) -> type:
        """The mapped class."""
        return self.parent.class_

    extension_type = ExtensionType.NOT_EXTENSION
    is_attribute = True
    is_mapper = is_instance = is_aliased_class = is_property = is_selectable = is_bundle = is_clause_element = False

    @property
    def prop(self) -> Any:
        """The property of the mapper behind it; another name of :attr:`property`."""
        return self.property

    @property
    def info(self) -> dict[Any, Any]:
        """Notes of the application: what ``info=`` of the column or the relationship says."""
        found: dict[Any, Any] = self.property.info
        return found

    def get_history(self, instance: MappedObject | InstanceState) -> Any:
        """Return the history of the attribute on an object, or of a state's object; as :func:`flask_uow.orm.attributes.get_history`."""
        state = instance if isinstance(instance, InstanceState) else instance_state(instance)
        return self.parent.history_of(state.obj, self.key)

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        if obj is None:
            factory = self.property.comparator_factory
            return self.read_from(owner) if factory is None else factory.around(self)
        state = obj.__dict__.get(STATE)
        if state is None or state.row_key is None:
            return self.empty(obj)
        if state.owner is None:
            return self.without_session(obj, state)
        return self.loader.load(obj, state)

    def read_from(self, owner: type | None) -> Any:
        """Return the attribute as a class, perhaps a subclass that has inherited it, shows it."""
        return self

    def without_session(self, obj: MappedObject, state: InstanceState) -> Any:
        """Return the value for an object with a row that is in no Session.

        :raises DetachedInstanceError: where nothing can load it.
        """
        raise self.detached(obj)

    def empty(self, obj: MappedObject) -> Any:
        """Return the value that the attribute has on an object without a row, where none was set."""
        return None if self.init_scalar is None else self.init_scalar.tell("init_scalar", obj, None, obj.__dict__)

    def detached(self, obj: MappedObject) -> DetachedInstanceError:
        """Return the error for a load on an object that is in no Session."""
        if DELETED in obj.__dict__:
            return DetachedInstanceError(
                f"{type(obj).__name__}.{self.key} of {describe(obj)} is not loaded, and the object's row was deleted in this transaction. Read the"
                " attribute before the deletion is flushed."
            )
        return DetachedInstanceError(
            f"{type(obj).__name__}.{self.key} of {describe(obj)} is not loaded, and the object is in no Session that could load it"
            " (its Session was closed, or its request has ended). Read the attribute before that, or bring the object into"
            " the present Session with session.merge(obj) or session.add(obj)."
        )

    def __repr__(self) -> str:
        return f"<{self.class_.__name__}.{self.key}>"


class ColumnAttribute(Attribute):
    """An attribute that holds the value of a column.

    :ivar selected_name: what the item of a row is called that was asked for as a synonym of the attribute; None for the attribute itself.
    """

    selected_name: str | None = None

    def called(self, name: str) -> ColumnAttribute:
        """Return the attribute as a synonym of it gives it: the same but for the name that it has in rows."""
        made = copy.copy(self)
        made.selected_name = name
        return made

    def empty(self, obj: MappedObject) -> Any:
        # a new object of a polymorphic class has its identity without being told
        own = self.parent.polymorphic_identity if self.key == self.parent.discriminator else None
        return own if self.init_scalar is None else self.init_scalar.tell("init_scalar", obj, own, obj.__dict__)

    def __clause_element__(self) -> ColumnElement[Any]:
        columns: list[Any] = self.property.columns
        found: ColumnElement[Any] = columns[0]
        if len(columns) > 1 and self.parent.inherits is not None:
            # the key of a joined subclass: its own table's column tells its rows from those of other classes
            for column in columns:
                if column.table is self.parent.local_table:
                    found = column
                    break
        return found

    def as_operand(self) -> ColumnElement[Any]:
        prop, parent = self.property, self.parent
        if parent.inherits is None and prop.is_stored and not parent.is_stood_for:
            # as operand_of() has it, for the attributes that most criteria are about
            column: ColumnElement[Any] = prop.columns[0]
            return column
        return operand_of(self.__clause_element__(), parent, prop)

    @property
    def type(self) -> Any:
        """The SQL type of the column."""
        return self.property.column.type

    @property
    def name(self) -> str:
        """The column's name."""
        name: str = self.property.column.name
        return name

    @property
    def expression(self) -> ColumnElement[Any]:
        """The column."""
        column: ColumnElement[Any] = self.property.column
        return column

    # -- what users ask of the column

    @property
    def nullable(self) -> Any:
        """Whether the column may be NULL."""
        return self.property.column.nullable

    @property
    def primary_key(self) -> Any:
        """Whether the column is in the primary key."""
        return self.property.column.primary_key

    @property
    def unique(self) -> Any:
        """Whether the column was declared unique."""
        return self.property.column.unique

    @property
    def index(self) -> Any:
        """Whether the column was declared with an index."""
        return self.property.column.index

    @property
    def default(self) -> Any:
        """The column's default, or None."""
        return self.property.column.default

    @property
    def onupdate(self) -> Any:
        """The value that each UPDATE sets the column to, or None."""
        return self.property.column.onupdate

    @property
    def server_default(self) -> Any:
        """The value that the database makes where no value is given, or None."""
        return self.property.column.server_default

    @property
    def foreign_keys(self) -> Any:
        """The column's foreign keys."""
        return self.property.column.foreign_keys

    @property
    def comment(self) -> Any:
        """The column's comment, or None."""
        return self.property.column.comment


class ExpressionAttribute(ColumnAttribute):
    """An attribute whose value a query gives, by ``with_expression()``: None on objects of other queries."""

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        return super().__get__(obj, owner) if obj is None else None


def operand_of(element: ColumnElement[Any], entity: Entity, prop: object) -> ColumnElement[Any]:
    """Return the operand for an attribute of a class, or of an alias of one, within an expression."""
    mapper = entity.mapper
    is_enough = mapper.inherits is None and not mapper.is_stood_for and getattr(prop, "is_stored", True)
    return element if is_enough else Sourced(element, entity)
