"""The mapper: which class goes with which table, and which attribute with which column.

``mapper(cls, table)`` is the classical style; the declarative base calls it as well. Relationships are completed by the
:class:`~flask_uow.orm.mapping.registry.Registry` at first use.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from flask_uow.exc import ArgumentError, InvalidRequestError, did_you_mean
from flask_uow.orm.exc import UnmappedClassError
from flask_uow.orm.extensions import Hooks, MapperExtension
from flask_uow.orm.instrumentation.attributes import Attribute, ColumnAttribute
from flask_uow.orm.instrumentation.class_manager import ClassManager
from flask_uow.orm.instrumentation.state import instance_state
from flask_uow.orm.loading.column_loader import ColumnLoader
from flask_uow.orm.loading.joined import EAGER
from flask_uow.orm.loading.relationship_loader import RelationshipLoader
from flask_uow.orm.mapping.properties import DEFERRED, ColumnProperty, DeferredColumn
from flask_uow.orm.mapping.registry import Registry, default_registry
from flask_uow.orm.mapping.relationships import RelationshipProperty
from flask_uow.sql.expressions import ColumnElement, coerce_order
from flask_uow.sql.schema import Column, Table

__all__ = ["Mapper", "class_mapper", "mapper", "object_mapper"]


class Mapper:
    """The mapping of one class. Made by :func:`mapper`; threads may share it.

    :ivar class_: the mapped class.
    :ivar local_table: its table.
    :ivar primary_key: the columns of the primary key.
    :ivar primary_key_names: their attributes.
    :ivar columns: column properties by attribute name, in order.
    :ivar relationships: relationship properties by attribute name.
    :ivar has_eager: True where one of the relationships is loaded eagerly.
    :ivar base_mapper: the mapper that identity keys are counted in; this one itself without inheritance.
    """

    def __init__(
        self,
        class_: type,
        local_table: Table,
        properties: Mapping[str, Any] | None = None,
        *,
        primary_key: Iterable[Column[Any]] | None = None,
        include_properties: Iterable[str] | None = None,
        exclude_properties: Iterable[str] | None = None,
        column_prefix: str | None = None,
        order_by: Any = None,
        extension: Any = None,
        registry: Registry | None = None,
    ) -> None:
        if not isinstance(class_, type):
            raise ArgumentError(f"mapper() takes a class first, got {class_!r}.")
        if not isinstance(local_table, Table):
            raise ArgumentError(f"mapper({class_.__name__}, ...) takes a Table second, got {local_table!r}.")
        if "__mapper__" in vars(class_):
            raise ArgumentError(f"{class_.__name__} is mapped already. Call clear_mappers() first to map it again.")
        self.class_ = class_
        self.local_table = local_table
        self.registry = registry if registry is not None else default_registry
        self.base_mapper = self
        self.manager = ClassManager(class_)
        self.columns: dict[str, ColumnProperty] = {}
        self.relationships: dict[str, RelationshipProperty] = {}
        self.unconfigured: list[RelationshipProperty] = []
        self.memo: dict[Any, Any] = {}
        self.has_eager = False
        self.hooks = Hooks.of(MapperExtension, extension)
        self.has_hooks = bool(self.hooks)
        self.when_disposed: list[Callable[[], None]] = []
        self._names: dict[Column[Any], str] = {}
        self._first_init: Any = None
        given = dict(properties or {})
        self._map_columns(given, set(include_properties or ()), set(exclude_properties or ()), column_prefix or "")
        self._find_primary_key(primary_key)
        self.manager.install()
        class_.__mapper__ = self  # type: ignore[attr-defined]
        class_.__uow_entity__ = self  # type: ignore[attr-defined]
        for name, prop in given.items():
            if _column_of(prop) is None:
                self.add_property(name, prop)
        self.order_by = tuple(
            coerce_order(c)
            for c in (order_by if isinstance(order_by, (list, tuple)) else [order_by] if order_by else [])
        )
        self._watch_first_init()
        self.registry.add(self)

    # -- columns

    def _map_columns(self, given: dict[str, Any], include: set[str], exclude: set[str], prefix: str) -> None:
        renamed = {_column_of(prop): name for name, prop in given.items() if _column_of(prop) is not None}
        declared = {name: prop for name, prop in given.items() if isinstance(prop, DeferredColumn)}
        for column in self.local_table.c:
            name = renamed.get(column) or prefix + (column.key or column.name)
            if column not in renamed and ((include and column.name not in include) or column.name in exclude):
                if not column.primary_key:
                    continue
            if name in given and _column_of(given[name]) is None:
                raise ArgumentError(
                    f"{self.class_.__name__}.{name} is declared as {given[name]!r} and is a column of table {self.local_table.name!r} as well."
                    f" Give one of them another name: properties={{'_{name}': table.c.{name}}} renames the column's attribute."
                )
            self._add_column(name, column, declared.get(name))

    def _add_column(self, name: str, column: Column[Any], deferred: DeferredColumn | None = None) -> None:
        prop = ColumnProperty(name, column)
        if deferred is not None or DEFERRED in column.info:
            prop.deferred = not column.primary_key
            prop.group = deferred.group if deferred is not None else column.info[DEFERRED]
        self.columns[name] = prop
        self._names[column] = name
        attribute = ColumnAttribute(name, self, prop)
        attribute.loader = ColumnLoader(self, name)
        self.manager.add(name, attribute)

    def _find_primary_key(self, given: Iterable[Column[Any]] | None) -> None:
        key = tuple(given) if given is not None else tuple(self.local_table.primary_key.columns)
        if not key:
            raise ArgumentError(
                f"{self.class_.__name__} cannot be mapped: table {self.local_table.name!r} has no primary key. Mark a column with"
                " primary_key=True, or pass primary_key=[columns that identify a row] to mapper()."
            )
        self.primary_key = key
        self.primary_key_names = tuple(self.name_of_column(column) for column in key)

    def name_of_column(self, column: Column[Any]) -> str:
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

    # -- properties

    def add_property(self, name: str, prop: Any) -> None:
        """Add an attribute: a relationship, or a column of the table.

        :raises ArgumentError: for something else, or a name that is taken.
        """
        if isinstance(prop, (Column, DeferredColumn)):
            self._add_column(name, _column_of(prop), prop if isinstance(prop, DeferredColumn) else None)
        elif isinstance(prop, RelationshipProperty):
            if name in self.columns or name in self.relationships:
                raise ArgumentError(f"{self.class_.__name__} has an attribute {name!r} already.")
            prop.attach(name, self, self.resolve)
            self.relationships[name] = prop
            self.unconfigured.append(prop)
            # until the relationship is configured, reading the attribute configures it
            setattr(self.class_, name, _Unconfigured(name, self))
            self.registry.wait_for(self)
        else:
            raise ArgumentError(
                f"{self.class_.__name__}.{name}: a column or a relationship() was expected, got {prop!r}."
            )
        self.memo.clear()

    def resolve(self, argument: Any, what: str) -> Any:
        """Return the class, table or column that is given as itself, as a name, or as a function that returns it."""
        if isinstance(argument, str):
            name, _, attribute = argument.partition(".")
            if attribute and name in (c.__name__ for c in self.registry.classes()):
                return getattr(self.registry.find(name, what), attribute)
            if argument in self.columns and what != f"relationship {self.class_.__name__}":
                return self.columns[argument].column
            return self.registry.find(argument, what)
        if isinstance(argument, type) or hasattr(argument, "__clause_element__") or not callable(argument):
            return argument
        return argument()

    def take_unconfigured(self) -> list[RelationshipProperty]:
        """Return the relationships that wait to be configured, and forget that they do."""
        waiting, self.unconfigured = self.unconfigured, []
        return waiting

    def finish_configuration(self) -> None:
        """Give each relationship its loader, once all are configured."""
        for name, column_property in self.columns.items():
            self.manager.check_assignments_of(name, column_property.column.type)
        for prop in self.relationships.values():
            prop.attribute.loader = RelationshipLoader(prop)
            self.has_eager = self.has_eager or prop.lazy in EAGER
        if self._first_init is not None:
            self._first_init()
            self._first_init = None
        self.memo.clear()

    def configure(self) -> None:
        """Configure all mappers of the registry, if that was not done yet."""
        if not self.registry.is_configured:
            self.registry.configure()

    def _watch_first_init(self) -> None:
        # the first object that is made configures the mappers; after that nothing stands before __init__
        class_: Any = self.class_
        own = vars(class_).get("__init__")
        registry = self.registry

        def __init__(instance: Any, *args: Any, **kwargs: Any) -> None:
            registry.configure()
            class_.__init__(instance, *args, **kwargs)

        def restore() -> None:
            if vars(class_).get("__init__") is __init__:
                if own is not None:
                    class_.__init__ = own
                else:
                    del class_.__init__

        class_.__init__ = __init__
        self._first_init = restore

    # -- what others ask

    def new_instance(self) -> Any:
        """Return an object of the class whose ``__init__`` was not called, as for a loaded one."""
        class_: Any = self.class_
        return class_.__new__(class_)

    def has_attribute(self, name: str) -> bool:
        """Return True when the class has an attribute of that name, mapped or not."""
        return name in self.columns or name in self.relationships or hasattr(self.class_, name)

    @property
    def attribute_names(self) -> frozenset[str]:
        """The names of all mapped attributes."""
        names = self.memo.get("attribute_names")
        if names is None:
            names = self.memo["attribute_names"] = frozenset((*self.columns, *self.relationships))
        return names

    def get_property(self, key: str) -> ColumnProperty | RelationshipProperty:
        """Return the property of that name.

        :raises InvalidRequestError: when there is none.
        """
        self.configure()
        prop = self.columns.get(key) or self.relationships.get(key)
        if prop is None:
            raise self.unknown_attribute(key)
        return prop

    @property
    def iterate_properties(self) -> Iterator[ColumnProperty | RelationshipProperty]:
        """All properties, columns first."""
        self.configure()
        return iter([*self.columns.values(), *self.relationships.values()])

    def unknown_attribute(self, name: str) -> InvalidRequestError:
        """Return the error for an attribute that is not mapped."""
        hint = did_you_mean(name, self.attribute_names)
        known = ", ".join(sorted(self.attribute_names))
        return InvalidRequestError(f"{self.class_.__name__} has no mapped attribute {name!r}.{hint} It has: {known}.")

    def attribute_for_filter(self, name: str) -> Attribute:
        """Return the attribute that ``filter_by(name=...)`` means.

        :raises InvalidRequestError: when there is none.
        """
        self.configure()
        if name not in self.attribute_names:
            raise self.unknown_attribute(name)
        return getattr(self.class_, name)  # type: ignore[no-any-return]

    # MappedEntity, for select()

    @property
    def selectable(self) -> Table:
        """The table that rows come from."""
        return self.local_table

    @property
    def mapper(self) -> Mapper:
        """The mapper itself; an alias of the class answers with the mapper, too."""
        return self

    @property
    def __uow_entity__(self) -> Mapper:
        # a query takes a mapper in place of its class
        return self

    @property
    def shape_atom(self) -> Any:
        """What stands for all the columns in the shape of a statement."""
        return self

    @property
    def plan_atom(self) -> Any:
        """What tells the rows apart that become objects in another way."""
        return self

    @property
    def loaded_names(self) -> tuple[str, ...]:
        """The attributes whose columns are loaded with an object: all but the deferred ones."""
        names: tuple[str, ...] | None = self.memo.get("loaded names")
        if names is None:
            names = self.memo["loaded names"] = tuple(n for n, prop in self.columns.items() if not prop.deferred)
        return names

    def entity_columns(self) -> list[ColumnElement[Any]]:
        """The columns that make up one object, deferred ones left out."""
        return [self.columns[name].column for name in self.loaded_names]

    def column(self, column: Any) -> Any:
        """Return a column of the table: itself; a view of the class may call it otherwise."""
        return column

    def dispose(self) -> None:
        """Take all hooks out of the class."""
        if self._first_init is not None:
            self._first_init()
        for name in ("__mapper__", "__uow_entity__"):
            if name in vars(self.class_):
                delattr(self.class_, name)
        for name in self.relationships:
            if isinstance(vars(self.class_).get(name), _Unconfigured):
                delattr(self.class_, name)
        self.manager.uninstall()
        for undo in self.when_disposed:
            undo()

    def __repr__(self) -> str:
        return f"<Mapper of {self.class_.__name__} on {self.local_table.fullname}>"


def _column_of(prop: Any) -> Any:
    """Return the column that ``properties={name: column}`` or ``deferred(column)`` names; None for something else."""
    if isinstance(prop, DeferredColumn):
        return prop.column
    return prop if isinstance(prop, Column) else None


class _Unconfigured:
    """Stands for a relationship until the mappers are configured, and configures them when it is read."""

    def __init__(self, name: str, owner: Mapper) -> None:
        self._name = name
        self._mapper = weakref.ref(owner)

    def __get__(self, obj: Any, owner: type) -> Any:
        mapper_ = self._mapper()
        if mapper_ is not None:
            mapper_.configure()
        return getattr(owner if obj is None else obj, self._name)

    def __set__(self, obj: Any, value: Any) -> None:
        mapper_ = self._mapper()
        if mapper_ is not None:
            mapper_.configure()
        setattr(obj, self._name, value)


def mapper(class_: type, local_table: Table, properties: Mapping[str, Any] | None = None, **options: Any) -> Mapper:
    """Map a class to a table (the classical style).

    :param class_: any class whose objects have a ``__dict__`` and take weak references.
    :param local_table: its table.
    :param properties: attributes by name: :func:`relationship`, or a column under another name.
    :param options: ``primary_key`` (columns that identify a row), ``include_properties``, ``exclude_properties`` (names of
        columns), ``column_prefix``, ``order_by`` (the default order of queries), ``extension`` (a :class:`MapperExtension` or several).
    :raises ArgumentError: for a table without a primary key, a class that is mapped already or cannot be tracked.
    """
    return Mapper(class_, local_table, properties, **options)


def class_mapper(class_: Any, configure: bool = True) -> Mapper:
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


def object_mapper(instance: Any) -> Mapper:
    """Return the mapper of an object's class.

    :raises UnmappedInstanceError: when the class is not mapped.
    """
    instance_state(instance)
    return class_mapper(type(instance))
