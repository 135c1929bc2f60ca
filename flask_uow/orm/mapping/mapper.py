"""The mapper: which class goes with which tables, and which attribute with which column.

``mapper(cls, table)`` is the classical style; the declarative base calls it as well. Relationships are completed by the
:class:`~flask_uow.orm.mapping.registry.Registry` at first use. What the parts of a mapping are is worked out by the modules beside this one:
:mod:`~flask_uow.orm.mapping.column_mapping`, :mod:`~flask_uow.orm.mapping.inheritance`, :mod:`~flask_uow.orm.mapping.mapped_table`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError, InvalidRequestError, did_you_mean
from flask_uow.orm.exc import UnmappedClassError
from flask_uow.orm.extensions import MAPPER_EVENTS, Hooks, MapperExtension
from flask_uow.orm.instrumentation.attributes import Attribute, ColumnAttribute, ExpressionAttribute
from flask_uow.orm.instrumentation.construction import telling_init
from flask_uow.orm.instrumentation.mutable import MutableType
from flask_uow.orm.mapping.attribute_listeners import listen_to_column, listen_to_relationship
from flask_uow.orm.mapping.by_name import evaluate
from flask_uow.orm.mapping.class_expressions import class_expression
from flask_uow.orm.mapping.class_listeners import take_listeners
from flask_uow.orm.mapping.column_mapping import (
    check_declared,
    columns_of_declaration,
    flat_columns,
    is_own_descriptor,
    map_columns,
    tables_in,
)
from flask_uow.orm.mapping.composites import CompositeProperty
from flask_uow.orm.mapping.descriptors import DescriptorProperty, SynonymProperty
from flask_uow.orm.mapping.inheritance import check_polymorphic_options, declared_discriminator
from flask_uow.orm.mapping.inspected import InspectedMapper
from flask_uow.orm.mapping.lazy_configuration import ConcreteGap, Unconfigured, watch_first_init
from flask_uow.orm.mapping.lazy_loaders import lazy_loaders
from flask_uow.orm.mapping.mapped_table import MappedTable, mapped_tables, root_of
from flask_uow.orm.mapping.properties import ColumnDeclaration, ColumnProperty, about_rows_of, labelled
from flask_uow.orm.mapping.registry import Registry, default_registry, mapping_changed
from flask_uow.orm.mapping.relationship_property import RelationshipProperty
from flask_uow.orm.mapping.versioning import Versioning
from flask_uow.orm.state.instance_state import instance_state
from flask_uow.orm.strategies import EAGER
from flask_uow.sql.coercion import coerce_order
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.schema import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_uow.orm.interfaces import AnyColumn

__all__ = ["Mapper", "class_mapper", "object_mapper"]


class Mapper(InspectedMapper):
    """The mapping of one class. Made by :func:`mapper`; threads may share it.

    :ivar class_: the mapped class.
    :ivar local_table: its own table (or join, or subquery); its parent's, for a class without one of its own.
    :ivar inherits: the mapper of the class it inherits from, or None.
    :ivar base_mapper: the mapper that identity keys are counted in; this one itself without inheritance.
    :ivar lineage: the mappers from the base to this one, itself included.
    :ivar mapped_selectable: the table, or the join of the tables, that holds the rows of this class.
    :ivar selectable: what queries of the class select from; with subclasses' tables, where ``with_polymorphic`` says so.
    :ivar tables: the tables, its own first.
    :ivar stored: what each table stores, in the order in which rows are inserted.
    :ivar primary_key: the columns of the primary key.
    :ivar primary_key_names: their attributes.
    :ivar column_attrs: column properties by attribute name, in order.
    :ivar relationships: relationship properties by attribute name, inherited ones included.
    :ivar descriptors: synonyms, composites and the like by attribute name.
    :ivar has_eager: True where one of the relationships is loaded eagerly, or columns of a subclass by a statement of their own.
    :ivar discriminator: the attribute that tells the class of a row, or None.
    :ivar confirm_deleted_rows: False where a row that is gone when it is to be deleted is no error.
    :ivar eager_defaults: True where what the database makes at an UPDATE is loaded at the end of the flush. What it makes at an INSERT comes with that.
    :ivar polymorphic_map: the mappers of the family by polymorphic identity.
    """

    def __init__(
        self,
        class_: type,
        local_table: object = None,
        properties: Mapping[str, Any] | None = None,
        *,
        primary_key: Any = None,
        inherits: object = None,
        inherit_condition: object = None,
        inherit_foreign_keys: object = None,
        concrete: bool = False,
        polymorphic_on: object = None,
        polymorphic_identity: object = None,
        with_polymorphic: object = None,
        polymorphic_load: str | None = None,
        polymorphic_abstract: bool = False,
        include_properties: Iterable[str] | None = None,
        exclude_properties: Iterable[str] | None = None,
        column_prefix: str | None = None,
        order_by: object = None,
        version_id_col: object = None,
        version_id_generator: Callable[[Any], Any] | bool | None = None,
        passive_updates: bool | None = None,
        passive_deletes: bool = False,
        confirm_deleted_rows: bool | None = None,
        eager_defaults: bool | str | None = None,
        allow_partial_pks: bool = True,
        always_refresh: bool = False,
        batch: bool = True,
        extension: MapperExtension | Sequence[MapperExtension] | None = None,
        registry: Registry | None = None,
    ) -> None:
        if not isinstance(class_, type):
            raise ArgumentError(f"mapper() takes a class first, got {class_!r}.")
        if "__mapper__" in vars(class_):
            raise ArgumentError(f"{class_.__name__} is mapped already. Call clear_mappers() first to map it again.")
        parent = class_mapper(inherits, configure=False) if inherits is not None else None
        if registry is None:
            registry = parent.registry if parent is not None else default_registry
        super().__init__(class_, parent, local_table, concrete, registry)
        # the name of the column by which a union of concrete tables tells the class of a row
        self.concrete_discriminator: str | None = None
        shares = self.shares_rows_with
        self._begin_empty()
        self._stop_watching: Callable[[], None] | None = None
        self.hooks = Hooks(MapperExtension, self._inherited_extensions(extension), MAPPER_EVENTS)
        self.batch = batch
        self.allow_partial_pks = allow_partial_pks
        self.always_refresh: bool = always_refresh or (shares is not None and shares.always_refresh)
        inherited = shares is None or shares.passive_updates
        self.passive_updates: bool = inherited if passive_updates is None else passive_updates
        confirmed = shares is None or shares.confirm_deleted_rows
        self.confirm_deleted_rows: bool = confirmed if confirm_deleted_rows is None else confirm_deleted_rows
        if eager_defaults not in (None, True, False, "auto"):
            raise ArgumentError(
                f"{class_.__name__}: eager_defaults= takes True, False or 'auto', got {eager_defaults!r}."
            )
        taken = "auto" if shares is None else shares.eager_defaults
        self.eager_defaults: bool | str = taken if eager_defaults is None else eager_defaults
        # In this order: columns are looked for in the source, the key among the columns, and discriminator, version and
        # stored tables ask for attributes.
        self._find_source(local_table, shares, inherit_condition, inherit_foreign_keys)
        given = self._with_renamed_columns(dict(properties or {}))
        self._map_columns(given, shares, include_properties, exclude_properties, column_prefix or "")
        self._find_primary_key(primary_key, shares)
        self.polymorphic_load = polymorphic_load
        self.polymorphic_abstract = polymorphic_abstract
        check_polymorphic_options(self, polymorphic_identity)
        declared = {**(shares.declared_expressions if shares is not None else {}), **given}
        discriminator = self._find_discriminator(declared_discriminator(polymorphic_on, declared), with_polymorphic)
        if discriminator is not None:
            self.install_column(discriminator)
        self._enter_family(polymorphic_identity)
        self.versioning = Versioning.of(self, version_id_col, version_id_generator)
        self.find_stored()
        self.manager.install(parent.manager if parent is not None else None)
        mapped: Any = class_
        mapped.__mapper__ = mapped.__uow_entity__ = self
        take_listeners(self)
        self._inherit_properties(shares, given)
        for name, prop in given.items():
            if not columns_of_declaration(prop):
                self.add_property(name, prop)
        self.order_by = _default_order(order_by, shares)
        self._stop_watching = watch_first_init(class_, self.registry)
        self._tell_family()
        self.hooks.call("instrument_class", self, class_)

    def _begin_empty(self) -> None:
        """Begin with nothing mapped, for what the constructor and later calls enter."""
        self.unconfigured: list[RelationshipProperty] = []
        self.has_eager = False
        self.composites: tuple[CompositeProperty, ...] = ()
        self.has_hooks = False
        self.tells_init = False
        self.when_disposed: list[Callable[[], None]] = []
        self.events.own_reconstruct = self.events.reconstruct
        self.declared_expressions: dict[str, ColumnDeclaration] = {}

    def _tell_family(self) -> None:
        """Enter the mapper where its parent and the registry look for it; what they have worked out is out of date now."""
        if self.inherits is not None:
            self.inherits.subclasses.append(self)
            for ancestor in self.inherits.lineage:
                ancestor.memo.clear()
                self.registry.wait_for(ancestor)
        self.registry.add(self)

    def _inherited_extensions(self, extension: MapperExtension | Sequence[MapperExtension] | None) -> Any:
        inherited: tuple[Any, ...] = self.inherits.hooks.extensions if self.inherits is not None else ()
        if not inherited:
            return extension
        own = extension if isinstance(extension, (list, tuple)) else [] if extension is None else [extension]
        return [*inherited, *own]

    # -- columns

    def _with_renamed_columns(self, given: dict[str, Any]) -> dict[str, Any]:
        for name, prop in list(given.items()):
            if isinstance(prop, SynonymProperty) and prop.map_column and prop.name not in given:
                column = self.local_table.c.get(name)
                if column is None:
                    raise ArgumentError(
                        f"{self.class_.__name__}.{name}: synonym(map_column=True) maps the column of that name, and"
                        f" {self.local_table.description} has none."
                    )
                given[prop.name] = column
        return given

    def _map_columns(
        self,
        given: dict[str, Any],
        shares: Mapper | None,
        include: Iterable[str] | None,
        exclude: Iterable[str] | None,
        prefix: str,
    ) -> None:
        if shares is not None:
            for name, prop in shares.column_attrs.items():
                if self._keeps_own(name, shares):
                    continue
                self.column_attrs[name] = prop.inherited()
                self._names.update((column, name) for column in prop.columns)
        self.inherited_columns = frozenset(self._names)
        check_declared(self, given)
        for name, prop in given.items():
            columns = columns_of_declaration(prop)
            if len(columns) == 1 and self._names.get(columns[0], name) != name:
                # another name for what the parent has mapped: one value, not two that a flush would have to choose from
                given[name] = SynonymProperty(self._names[columns[0]], False, None, None, None)
            for column in columns[1:]:
                if column not in self.equated and root_of(columns[0], self.equated) is not column:
                    self.equated[column] = columns[0]
        own = map_columns(
            self, given, include=include, exclude=exclude, prefix=prefix, equated=self.equated, inherited_columns=self._names,
        )  # fmt: skip
        for prop in [*own.values(), *self.column_attrs.values()]:
            self.install_column(own.get(prop.key, prop))

    def _keeps_own(self, name: str, shares: Mapper) -> bool:
        """Return True where the class has a property of its own in the place of an inherited column attribute.

        :raises ArgumentError: for an attribute that identities or classes of rows are told by.
        """
        if not is_own_descriptor(self.class_, name):
            return False
        if name in shares.primary_key_names or name == shares.discriminator:
            raise ArgumentError(
                f"{self.class_.__name__}.{name} is {vars(self.class_)[name]!r}, and {shares.class_.__name__} maps a column under that name, by which rows"
                " are told. Give the property another name."
            )
        return True

    def install_column(self, prop: ColumnProperty) -> None:
        prop.parent = self
        self.column_attrs[prop.key] = prop
        for column in prop.columns:
            # a column that several attributes stand for goes by the first of them
            self._names.setdefault(column, prop.key)
        # one that has a default is loaded like any other
        make = ExpressionAttribute if prop.takes_expressions and prop.deferred else ColumnAttribute
        attribute = make(prop.key, self, prop)
        attribute.loader = lazy_loaders.column(self, prop.key)
        self.manager.add(prop.key, attribute)
        self.events.add_extensions(prop.key, prop.extension)

    def _find_primary_key(self, given: Any, shares: Mapper | None) -> None:
        if shares is not None:
            self.primary_key = shares.primary_key
            self.primary_key_names = shares.primary_key_names
            return
        if given is not None:
            key = [self._key_column(c) for c in (given if isinstance(given, (list, tuple, set)) else [given])]
        elif isinstance(self.local_table, Table):
            # in the order of the key, which need not be that of the table
            key = list(self.local_table.primary_key.columns)
        else:
            key = [c for _, c in flat_columns(self.local_table) if getattr(c, "primary_key", False)]
            # of columns that are kept equal, one is enough to tell a row
            key = [c for c in key if root_of(c, self.equated) is c or root_of(c, self.equated) not in key]
        if not key:
            raise ArgumentError(
                f"{self.class_.__name__} cannot be mapped: {self.local_table.description} has no primary key. Mark a column with"
                " primary_key=True, or pass primary_key=[columns that identify a row] to mapper()."
            )
        self.primary_key = tuple(key)
        self.primary_key_names = tuple(self.name_of_column(column) for column in key)

    def _key_column(self, given: Any) -> Any:
        """Return a column of ``primary_key=``, which is given as itself or by the name of its attribute."""
        if isinstance(given, str):
            if given not in self.column_attrs:
                raise ArgumentError(
                    f"{self.class_.__name__}: primary_key={given!r} names no column attribute. It has: {', '.join(self.column_attrs.keys())}."
                )
            return self.column_attrs[given].column
        return given.__clause_element__() if hasattr(given, "__clause_element__") else given

    def name_of_column(self, column: AnyColumn) -> str:
        """Return the attribute of a column.

        :raises ArgumentError: when no attribute is mapped to it.
        """
        try:
            return self._names[column]
        except KeyError:
            raise ArgumentError(
                f"column {column!r} is not mapped to an attribute of {self.class_.__name__}, and it is needed (as a key or by a relationship)."
                " Map it as well."
            ) from None

    def maps_column(self, column: AnyColumn) -> bool:
        """Return True when an attribute stands for the column."""
        return column in self._names

    def find_stored(self) -> None:
        order = tables_in(self.mapped_selectable)
        self.stored: tuple[MappedTable, ...] = mapped_tables(order, self.column_attrs, self.primary_key, self.equated)

    def _inherit_properties(self, shares: Mapper | None, given: Mapping[str, Any]) -> None:
        if self.inherits is None:
            return
        own = [name for name, prop in given.items() if getattr(prop, "extension", None) is not None]
        self.events.inherit(self.inherits.events, own)
        if shares is None:
            self.hide_inherited(self.inherits)
            return
        self.descriptors.update(shares.descriptors)
        self.composites = shares.composites
        for prop in shares.relationships.values():
            self.take_relationship(prop)
        self.declared_expressions.update(shares.declared_expressions)

    def hide_inherited(self, parent: Mapper) -> None:
        """Hide the parent's attributes from a concrete class: Python would find them otherwise, and they are about another table."""
        mro = self.class_.__mro__
        own_bases = mro[: mro.index(parent.class_)]
        for name in (*parent.column_attrs.keys(), *parent.relationships.keys()):
            # a property or a hybrid of its own is what it is
            is_own = name in self.column_attrs or name in self.relationships
            if not is_own and not any(is_own_descriptor(base, name) for base in own_bases):
                self.manager.replace(name, ConcreteGap(name, self.class_.__name__))

    def take_relationship(self, prop: RelationshipProperty) -> None:
        # a subclass may have one of its own under the name
        if self.relationships.setdefault(prop.key, prop) is prop and prop.is_installed:
            self.manager.relationships[prop.key] = prop.attribute
            listen_to_relationship(prop)
        for subclass in self.subclasses:
            if not subclass.concrete:
                subclass.take_relationship(prop)

    # -- properties

    def add_property(self, name: str, prop: object) -> None:
        """Add an attribute: a column of the table, an expression, a relationship, a synonym, a composite.

        :raises ArgumentError: for something else, or a name that is taken.
        """
        columns = columns_of_declaration(prop)
        if columns:
            check_declared(self, {name: prop})
            made = ColumnProperty(name, list(columns))
            made = prop.apply(made) if isinstance(prop, ColumnDeclaration) else made
            for mapper_ in self.family:
                mapper_.install_column(made if mapper_ is self else made.inherited())
                mapper_.find_stored()
                mapper_.choose_atom()
        elif isinstance(prop, ColumnDeclaration):
            self._check_free(name)
            for mapper_ in self.family:
                mapper_.declared_expressions[name] = prop
                self.registry.wait_for(mapper_)
            self.manager.replace(name, Unconfigured(name, self))
            self.registry.wait_for(self)
        elif isinstance(prop, RelationshipProperty):
            self._check_free(name)
            prop.attach(name, self, self.resolve)
            self.unconfigured.append(prop)
            # until the relationship is configured, reading the attribute configures it
            self.manager.replace(name, Unconfigured(name, self))
            self.take_relationship(prop)
            self.registry.wait_for(self)
        elif isinstance(prop, DescriptorProperty):
            self.manager.replace(name, prop.descriptor(name, self))
            for mapper_ in self.family:
                mapper_.descriptors[name] = prop
                if isinstance(prop, CompositeProperty) and prop not in mapper_.composites:
                    mapper_.composites = (*mapper_.composites, prop)
        else:
            raise ArgumentError(
                f"{self.class_.__name__}.{name}: a column or a relationship() (or synonym(), composite() and the like) was expected, got {prop!r}."
            )
        # what its ancestors have worked out of the whole family, too
        for mapper_ in (*self.lineage, *self.descendants):
            mapper_.memo.clear()
        mapping_changed()

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Add attributes; see :meth:`add_property`."""
        for name, prop in properties.items():
            self.add_property(name, prop)

    @property
    def family(self) -> list[Mapper]:
        """This mapper and those of subclasses that share its attributes and identities, parents first."""
        return [mapper_ for mapper_ in self.descendants if mapper_.base_mapper is self.base_mapper]

    def _check_free(self, name: str) -> None:
        if name in self.column_attrs or (name in self.relationships and self.relationships[name].parent is self):
            raise ArgumentError(f"{self.class_.__name__} has an attribute {name!r} already.")

    def _install_expressions(self) -> None:
        for name, declared in self.declared_expressions.items():
            if name in self.column_attrs:
                continue
            expression = labelled(name, declared.columns[0], f"{self.class_.__name__}.{name}")
            prop = ColumnProperty(name, [about_rows_of(self.tables, expression)])
            declared.apply(prop)
            prop.is_stored = False
            self.install_column(prop)

    def resolve(self, argument: object, what: str, of_own: bool = True) -> Any:
        """Return the class, table or expression that is given as itself, as text, or as a function that returns it.

        :param of_own: True where a name alone may be that of an attribute of this class.
        """
        if isinstance(argument, str):

            def find(name: str) -> Any:
                if of_own and name in self.column_attrs:
                    return self.column_attrs[name].column
                return self.registry.find(name, what)

            # the module in front of a class's name has dots as well, and is no expression
            is_whole_name = self.registry.has(argument) and not (of_own and argument in self.column_attrs)
            return self.registry.find(argument, what) if is_whole_name else evaluate(argument, what, find)
        if isinstance(argument, (type, Mapper)) or hasattr(argument, "__clause_element__") or not callable(argument):
            return argument
        return argument()

    _is_announced = False

    def take_unconfigured(self) -> list[RelationshipProperty]:
        """Return the relationships that wait to be configured, and forget that they do."""
        waiting, self.unconfigured = self.unconfigured, []
        return waiting

    def installed(self, prop: RelationshipProperty) -> None:
        """Take note that a relationship's attribute is in place; subclasses have it, too."""
        self.take_relationship(prop)

    def prepare_configuration(self) -> None:
        """Resolve what had to wait for other classes and is needed by relationships."""
        if not self._is_announced:
            # once, while further properties have it configured again
            self._is_announced = True
            self.hooks.call("before_mapper_configured", self, self.class_)
        self._install_expressions()
        if self.concrete_discriminator is not None:
            # the subclasses are known now
            discriminator = self.unite_concrete(self.concrete_discriminator)
            if discriminator is not None:
                self.install_column(discriminator)
        self._choose_source()

    def finish_configuration(self) -> None:
        """Give each relationship its loader, once all are configured; a validator of no attribute is an ArgumentError."""
        self.events.check_names(self.descendants)
        for name, column_property in self.column_attrs.items():
            if column_property.is_stored:
                MutableType.take_place(column_property.column)
                listen_to_column(self, name)
        for prop in self.relationships.values():
            if prop.parent is self:
                prop.attribute.loader = prop.attribute.related_loader = lazy_loaders.relationship(prop)
            self.has_eager = self.has_eager or prop.lazy in EAGER
        if self.has_eager or self.polymorphic_load == "selectin":
            # a query of the base may give objects of this class
            for ancestor in self.lineage:
                ancestor.has_eager = True
        if self._stop_watching is not None:
            self._stop_watching()
            self._stop_watching = None
        # what was worked out while relationships were missing is out of date
        self.memo.clear()

    def tell_init(self) -> None:
        """Have the constructor of the class tell what listens to it."""
        watching = self._stop_watching
        if watching is not None:
            # the watch for the first object calls the constructor that it has found, and comes last
            watching()
        told = telling_init(self)
        if told is not None:
            self.tells_init = True
            self.manager.replace("__init__", told)
        if watching is not None:
            self._stop_watching = watch_first_init(self.class_, self.registry)

    # -- what others ask

    def new_instance(self) -> Any:
        """Return an object of the class whose ``__init__`` was not called, as for a loaded one."""
        class_: Any = self.class_
        return class_.__new__(class_)

    def has_attribute(self, name: str) -> bool:
        """Return True when the class has an attribute of that name, mapped or not."""
        return name in self.column_attrs or name in self.relationships or hasattr(self.class_, name)

    @property
    def mutable_types(self) -> tuple[tuple[str, Any], ...]:
        """The attributes whose values may change in place, with their types."""
        found: tuple[tuple[str, Any], ...] | None = self.memo.get("mutable types")
        if found is None:
            stored = [(name, prop.column.type) for name, prop in self.column_attrs.items() if prop.is_stored]
            found = self.memo["mutable types"] = tuple((name, type_) for name, type_ in stored if type_.is_mutable())
        return found

    @property
    def has_eager_defaults(self) -> bool:
        """True where a class of the family has ``eager_defaults=True``."""
        found: bool | None = self.memo.get("eager defaults")
        if found is None:
            found = self.memo["eager defaults"] = any(mapper.eager_defaults is True for mapper in self.descendants)
        return found

    def may_identify(self, identity: tuple[Any, ...]) -> bool:
        """Return True where NULL may stand in these places of a composite primary key."""
        if not self.allow_partial_pks or set(identity) == {None}:
            return False
        return all(
            v is not None or getattr(c, "nullable", False) for c, v in zip(self.primary_key, identity, strict=True)
        )

    @property
    def computed_names(self) -> tuple[str, ...]:
        """The attributes whose values SQL expressions make of the row, and anew when that is updated."""
        found: tuple[str, ...] | None = self.memo.get("computed names")
        if found is None:
            made = (name for name, p in self.column_attrs.items() if not p.is_stored and p.expire_on_flush)
            found = self.memo["computed names"] = tuple(made)
        return found

    @property
    def attribute_names(self) -> frozenset[str]:
        """The names of all mapped attributes."""
        names = self.memo.get("attribute_names")
        if names is None:
            names = self.memo["attribute_names"] = frozenset((*self.column_attrs.keys(), *self.relationships.keys()))
        return names

    def get_property(self, key: str) -> ColumnProperty | RelationshipProperty | DescriptorProperty:
        """Return the property of that name.

        :raises InvalidRequestError: when there is none.
        """
        self.configure()
        prop = self.column_attrs.get(key) or self.relationships.get(key) or self.descriptors.get(key)
        if prop is None:
            raise self.unknown_attribute(key)
        return prop

    @property
    def iterate_properties(self) -> Iterator[ColumnProperty | RelationshipProperty | DescriptorProperty]:
        """All properties, columns first."""
        self.configure()
        return iter([*self.column_attrs.values(), *self.relationships.values(), *self.descriptors.values()])

    def unknown_attribute(self, name: str) -> InvalidRequestError:
        """Return the error for an attribute that is not mapped."""
        hint = did_you_mean(name, self.attribute_names)
        known = ", ".join(sorted(self.attribute_names))
        return InvalidRequestError(f"{self.class_.__name__} has no mapped attribute {name!r}.{hint} It has: {known}.")

    def name_behind(self, name: str) -> str:
        """Return the attribute that a synonym stands for; any other name as it is."""
        while isinstance(prop := self.descriptors.get(name), SynonymProperty):
            name = prop.name
        return name

    def attribute_for_filter(self, name: str) -> Attribute:
        """Return the attribute that ``filter_by(name=...)`` means.

        :raises InvalidRequestError: when there is none.
        """
        self.configure()
        is_mapped = name in self.attribute_names or name in self.descriptors
        if not is_mapped and class_expression(self.class_, name) is None:
            raise self.unknown_attribute(name)
        attribute: Attribute = getattr(self.class_, name)
        return attribute

    def dispose(self) -> None:
        """Take all hooks out of the class."""
        if self._stop_watching is not None:
            self._stop_watching()
        for name in ("__mapper__", "__uow_entity__"):
            if name in vars(self.class_):
                delattr(self.class_, name)
        self.manager.uninstall()
        for undo in self.when_disposed:
            undo()

    def __repr__(self) -> str:
        table = getattr(self.local_table, "fullname", self.local_table.description)
        return f"<Mapper of {self.class_.__name__} on {table}>"


def _default_order(given: object, shares: Mapper | None) -> tuple[ColumnElement[Any], ...]:
    """Return the order of queries that ``order_by=`` gives a class, else that of its base; False stands for none."""
    if given is None and shares is not None:
        return shares.order_by
    one = [] if given is None or given is False else [given]
    return tuple(coerce_order(c) for c in (given if isinstance(given, (list, tuple)) else one))


def class_mapper(class_: object, configure: bool = True) -> Mapper:
    """Return the mapper of a class.

    :raises UnmappedClassError: when it is not mapped.
    """
    if isinstance(class_, Mapper):
        return class_
    entity = getattr(class_, "__uow_entity__", None)
    found = getattr(entity, "mapper", None) if isinstance(class_, type) else None
    if not isinstance(found, Mapper):
        name = class_.__name__ if isinstance(class_, type) else repr(class_)
        raise UnmappedClassError(
            f"{name} is not a mapped class. Derive it from a declarative base, or map it with mapper({name}, table)."
        )
    if configure:
        found.configure()
    return found


def object_mapper(instance: object) -> Mapper:
    """Return the mapper of an object's class.

    :raises UnmappedInstanceError: when the class is not mapped.
    """
    return class_mapper(type(instance_state(instance).obj))
