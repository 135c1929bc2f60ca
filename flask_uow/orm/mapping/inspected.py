"""``inspect(Class)``: the names under which a mapper shows its attributes, columns and relatives to users.

Stands between :class:`~flask_uow.orm.mapping.source.MappedSource` and :class:`~flask_uow.orm.mapping.mapper.Mapper`, which makes the properties.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flask_uow.orm.exc import UnmappedColumnError
from flask_uow.orm.instrumentation.class_manager import ClassManager
from flask_uow.orm.instrumentation.events import AttributeEvents
from flask_uow.orm.mapping.class_expressions import ClassExpression
from flask_uow.orm.mapping.descriptors import DescriptorProperty, SynonymProperty
from flask_uow.orm.mapping.mapped_properties import MappedProperties
from flask_uow.orm.mapping.properties import ColumnProperty
from flask_uow.orm.mapping.relationship_property import RelationshipProperty
from flask_uow.orm.mapping.source import MappedSource
from flask_uow.orm.state.cascades import cascaded
from flask_uow.orm.state.history import History, get_history
from flask_uow.orm.state.instance_state import InstanceState, ensure_state, instance_state
from flask_uow.orm.state.keys import IdentityKey
from flask_uow.orm.symbols import cascade_named
from flask_uow.sql.selectable import ColumnCollection

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.registry import Registry
    from flask_uow.orm.mapping.versioning import Versioning
    from flask_uow.sql.columns import Column

__all__ = ["InspectedMapper"]

Property = ColumnProperty | RelationshipProperty | DescriptorProperty


class InspectedMapper(MappedSource):
    """The names of a mapper that are for users who look at their models.

    :param registry: the registry of the class; the others as for :class:`~flask_uow.orm.mapping.source.MappedSource`.
    """

    is_mapper = True
    is_instance = is_aliased_class = is_attribute = is_property = is_selectable = is_bundle = is_clause_element = False

    def __init__(
        self, class_: type, inherits: Mapper | None, local_table: object, concrete: bool, registry: Registry
    ) -> None:
        super().__init__(class_, inherits, local_table, concrete)
        self.registry = registry
        self.manager = ClassManager(class_)
        self.events = AttributeEvents(class_)
        # empty, for the mapper to enter what it makes
        self.relationships: MappedProperties[RelationshipProperty] = MappedProperties()
        self.descriptors: dict[str, DescriptorProperty] = {}
        self.primary_key: tuple[Any, ...] = ()
        self.primary_key_names: tuple[str, ...] = ()
        self.versioning: Versioning | None = None

    def configure(self) -> None:
        """Configure all mappers of the registry, if that was not done yet."""
        if not self.registry.is_configured:
            self.registry.configure()

    # -- attributes

    @property
    def attrs(self) -> MappedProperties[Property]:
        """All properties: columns, relationships, synonyms, composites."""
        self.configure()
        named = (self.column_attrs, self.relationships, self.descriptors)
        return MappedProperties([(name, prop) for props in named for name, prop in props.items()])

    @property
    def synonyms(self) -> MappedProperties[DescriptorProperty]:
        """The synonyms."""
        return MappedProperties([(name, p) for name, p in self.descriptors.items() if isinstance(p, SynonymProperty)])

    @property
    def all_orm_descriptors(self) -> MappedProperties[Any]:
        """The attributes of the class that are expressions: mapped ones, as the class gives them; hybrids and association proxies as they were made."""
        self.configure()
        found = {name: getattr(self.class_, name) for name, _ in self.attrs.items()}
        for base in reversed(self.class_.__mro__):
            found.update((name, value) for name, value in vars(base).items() if isinstance(value, ClassExpression))
        return MappedProperties(list(found.items()))

    def has_property(self, key: str) -> bool:
        """Return True when a property of that name is mapped."""
        return key in self.attrs

    def get_property_by_column(self, column: Column[Any]) -> ColumnProperty:
        """Return the property of a column.

        :raises UnmappedColumnError: when no attribute is mapped to it.
        """
        name = self._names.get(column)
        if name is None:
            raise UnmappedColumnError(
                f"no attribute of {self.class_.__name__} is mapped to {column!r}. Its columns: {', '.join(self.columns.keys())}."
            )
        return self.column_attrs[name]

    def history_of(self, obj: MappedObject, key: str) -> History:
        """Return the history of an attribute of an object."""
        return get_history(obj, key)

    # -- columns

    @property
    def columns(self) -> ColumnCollection:
        """The columns (and expressions) by attribute name; iteration gives the columns."""
        self.configure()
        return ColumnCollection(self.class_.__name__, ((name, prop.column) for name, prop in self.column_attrs.items()))

    c = columns

    @property
    def polymorphic_on(self) -> Any:
        """The column (or expression) that tells the class of a row, or None."""
        return self.column_attrs[self.discriminator].column if self.discriminator is not None else None

    @property
    def version_id_col(self) -> Any:
        """The column that counts versions, or None."""
        return self.column_attrs[self.versioning.name].column if self.versioning is not None else None

    @property
    def persist_selectable(self) -> Any:
        """The table, or the join of tables, that holds the rows."""
        return self.mapped_selectable

    mapped_table = persist_selectable

    # -- keys

    def primary_key_from_instance(self, instance: object) -> tuple[Any, ...]:
        """Return the values of an object's primary key, in the order of :attr:`primary_key`."""
        return tuple([getattr(instance, name) for name in self.primary_key_names])

    def identity_key_from_primary_key(self, primary_key: Any) -> IdentityKey:
        """Return the identity key, ``(class, values)``, of a primary key: a list or a tuple of values."""
        return (self.base_mapper.class_, tuple(primary_key))

    def identity_key_from_instance(self, instance: object) -> IdentityKey:
        """Return the identity key that an object has, or would have with its present values."""
        return self.identity_key_from_primary_key(self.primary_key_from_instance(instance))

    def identity_key_from_row(self, row: Any) -> IdentityKey:
        """Return the identity key of a row that was selected with the columns of the primary key."""
        mapping = row._mapping
        return self.identity_key_from_primary_key([mapping[column] for column in self.primary_key])

    # -- validators and cascades

    @property
    def validators(self) -> dict[str, Any]:
        """The methods that are marked with ``@validates``, by the name of the attribute; of several the last."""
        return {name: methods[-1] for name, methods in self.events.validators.items() if methods}

    def cascade_iterator(self, type_: str, state: InstanceState) -> Iterator[tuple[Any, Any, Any, Any]]:
        """Yield what a cascade reaches from an object, as ``(object, its mapper, its state, its __dict__)``.

        :param type_: the cascade: ``"save-update"``, ``"delete"``, ``"merge"``, ``"expunge"``, ``"refresh-expire"``. That of delete loads
            what is not loaded.
        :param state: the object's state, or the object.
        :raises ArgumentError: for another cascade.
        """
        kind = cascade_named(type_)
        obj = state.obj if isinstance(state, InstanceState) else instance_state(state).obj
        for reached in cascaded(kind, obj, load=kind == "delete"):
            own = ensure_state(reached)
            yield reached, own.mapper, own, reached.__dict__

    # -- relatives

    @property
    def entity(self) -> type:
        """The mapped class; :attr:`entity_namespace` is the same."""
        return self.class_

    entity_namespace = entity

    @property
    def with_polymorphic_mappers(self) -> list[Any]:
        """The mappers whose columns a query of the class loads with it, this one first, as ``with_polymorphic`` in its mapping says."""
        chosen = {extra.mapper for extra in self.extra}
        return [mapper for mapper in self.descendants if mapper is self or any(each.isa(mapper) for each in chosen)]

    @property
    def configured(self) -> bool:
        """True when relationships are worked out; :func:`configure_mappers` sees to it, and so does the first use."""
        return bool(self.registry.is_configured)

    def is_sibling(self, other: Any) -> bool:
        """Return True where both belong to one family and neither inherits from the other."""
        return self.common_parent(other) and not self.isa(other) and not other.isa(self)

    @property
    def single(self) -> bool:
        """True where the class has no table of its own, but its parent's."""
        return self.is_single

    @property
    def class_manager(self) -> Any:
        """The manager of the class's hooks."""
        return self.manager

    @property
    def self_and_descendants(self) -> list[Any]:
        """This mapper and all those of subclasses, parents first."""
        return self.descendants

    def polymorphic_iterator(self) -> Iterator[Any]:
        """Yield this mapper and all those of subclasses, parents first."""
        return iter(self.descendants)

    def iterate_to_root(self) -> Iterator[Any]:
        """Yield this mapper and those that it inherits from, the base last."""
        mapper: MappedSource | None = self
        while mapper is not None:
            yield mapper
            mapper = mapper.inherits

    def common_parent(self, other: Any) -> bool:
        """Return True where both belong to one family of classes."""
        return bool(self.base_mapper is other.base_mapper)
