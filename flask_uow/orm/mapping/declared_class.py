"""Turns the declarations of a class into a table and a mapper: annotations, columns, mixins, the parent's table.

Called by :mod:`~flask_uow.orm.mapping.declarative`, which has the bases of such classes.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from types import FrameType, MappingProxyType
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError
from flask_uow.orm.mapping.annotated_declarations import (
    complete_column,
    complete_composite,
    complete_relationship,
    with_template,
)
from flask_uow.orm.mapping.annotations import MappedAnnotation, annotations_of, read_annotation
from flask_uow.orm.mapping.class_arguments import (
    check_no_table_arguments,
    declared_attr,
    is_mapped,
    is_said_by_method,
    making_once,
    mapper_arguments,
    table_arguments,
    table_name,
    with_copied_columns,
)
from flask_uow.orm.mapping.composites import CompositeProperty
from flask_uow.orm.mapping.concrete import (
    AbstractConcreteBase,
    ConcreteBase,
    discriminator_of_concrete,
    unmap_abstract_base,
)
from flask_uow.orm.mapping.descriptors import DescriptorProperty
from flask_uow.orm.mapping.mapper import Mapper
from flask_uow.orm.mapping.properties import ColumnDeclaration, MappedColumn, mapped_column
from flask_uow.orm.mapping.registry import Registry
from flask_uow.orm.mapping.relationship_property import RelationshipProperty
from flask_uow.sql.schema import Column, Table

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.sql.selectable import FromClause

__all__ = [
    "DECLARATIONS",
    "MACHINERY",
    "add_to_mapping",
    "local_names_here",
    "map_class",
    "map_declared",
    "mapped_parent",
    "shares_table",
    "waits_for_table",
]


# the classes of this package that bases derive from: nothing is declared in them
MACHINERY: set[type] = {object, ConcreteBase, AbstractConcreteBase}


# functions of a class and its registry that keep it from being mapped now, and return True then
waits_for_table: list[Callable[[Any, Registry], bool]] = []


def map_declared(
    cls: Any,
    registry: Registry,
    local_names: dict[str, Any] | None = None,
    table_options: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Map a class where it has a table: its own, or its parent's.

    :param registry: takes the mapper.
    :param local_names: the names of the function that the class was made in, of a class that has waited; None for one that is made now.
    :param table_options: further arguments of its table.
    """
    if local_names is None:
        if any(waits(cls, registry) for waits in waits_for_table):
            return
        local_names = local_names_here()
    if issubclass(cls, AbstractConcreteBase):
        unmap_abstract_base(cls)
    parent = mapped_parent(cls)
    table = _nearest(cls, "__table__")
    if isinstance(table, declared_attr):
        made: Any = cls
        made.__table__ = table.method(cls)
    name = table_name(cls, parent)
    if "__table__" in vars(cls) or name is not None or shares_table(cls, parent, local_names):
        map_class(cls, parent, name, local_names, registry, table_options)


def _makes_a_class(frame: FrameType) -> bool:
    """Return True within a method of a metaclass or a base, which stands between a class and the function that it is made in."""
    code = frame.f_code
    if code.co_name not in ("__init__", "__new__", "__init_subclass__") or not code.co_argcount:
        return False
    # the constructor of an object may make classes in its body
    first: object = frame.f_locals.get(code.co_varnames[0])
    return isinstance(first, type) and (code.co_name != "__new__" or issubclass(first, type))


def local_names_here() -> dict[str, Any]:
    # a class made inside a function may annotate with names of that function
    frame = sys._getframe(2)
    while frame.f_back is not None and (
        frame.f_globals.get("__name__", "").startswith("flask_uow.") or _makes_a_class(frame)
    ):
        frame = frame.f_back
    names = {} if frame.f_locals is frame.f_globals else dict(frame.f_locals)
    outer = frame.f_back
    if outer is not None and outer.f_locals is not outer.f_globals:
        names = {**outer.f_locals, **names}
    return names


def mapped_parent(cls: type) -> Any:
    """Return the nearest mapped class that a class derives from, or None.

    :raises ArgumentError: for two of them, none of which derives from the other.
    """
    mapped = [base for base in cls.__mro__[1:] if is_mapped(base)]
    others = [base for base in mapped if not issubclass(mapped[0], base)]
    if others:
        raise ArgumentError(
            f"{cls.__name__} derives from two mapped classes, {mapped[0].__name__} and {others[0].__name__}, and a row is of one. Derive it from one"
            " of them, and let the other one's attributes come from a mixin."
        )
    return mapped[0] if mapped else None


def shares_table(cls: type, parent: type[MappedObject] | None, local_names: dict[str, Any]) -> bool:
    """Return True for a subclass that is mapped into its parent's table.

    A plain subclass of a class that is not polymorphic, with nothing of its own to map, goes on as its parent.
    """
    if parent is None:
        return False
    if mapper_arguments(cls, parent) or parent.__mapper__.discriminator is not None:
        return True
    if any(isinstance(value, DECLARATIONS) for value in vars(cls).values()):
        return True
    annotations = annotations_of(cls).items()
    return any(read_annotation(a, f"{cls.__name__}.{name}", cls.__module__, local_names) for name, a in annotations)


# what the base itself keeps on the class
_RESERVED = ("metadata", "registry")


@dataclasses.dataclass
class _Declared:
    """The declarations of a class: of its body, its mixins and its abstract bases.

    :ivar columns: the columns by attribute, those that its table is to get.
    :ivar properties: further attributes: relationships, expressions, columns under another name.
    :ivar places: the ``sort_order`` of columns.
    :ivar existing: the attributes that take the column which another class has given a shared table.
    """

    columns: list[tuple[str, Column[Any]]] = dataclasses.field(default_factory=list)
    properties: dict[str, Any] = dataclasses.field(default_factory=dict)
    places: dict[str, int] = dataclasses.field(default_factory=dict)
    existing: set[str] = dataclasses.field(default_factory=set)

    def add_column(self, name: str, value: object, column: Column[Any], table: Table | None, is_shared: bool) -> None:
        """Take a column, or the one of that name that the table has already."""
        if isinstance(value, MappedColumn):
            self.places[name] = value.sort_order
            self.existing.update([name] if value.use_existing else [])
        found = table.c.get(column.name) if table is not None else None
        if found is None:
            self.columns.append((name, column))
            if name not in (column.name, column.key) or column.name != column.key or is_shared:
                self.properties[name] = column
        elif name != column.name:
            # the column under another name
            self.properties[name] = found


def _refuse_table_of(parent: type[MappedObject], cls: type, tablename: str, schema: str | None) -> None:
    """Refuse to give a class the table of its parent by name.

    :raises ArgumentError: saying how the class shares the table.
    """
    of_parent = parent.__mapper__.local_table
    if isinstance(of_parent, Table) and (of_parent.name, of_parent.schema) == (tablename, schema):
        raise ArgumentError(
            f"{cls.__name__} has __tablename__ = {tablename!r}, which is the table of {parent.__name__}. Leave __tablename__ out to have its rows in"
            " there (single-table inheritance), or give it a table of its own name."
        )


def map_class(
    cls: Any,
    parent: type[MappedObject] | None,
    tablename: str | None,
    local_names: dict[str, Any],
    registry: Registry,
    further_options: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Make the table of a class from what its body, its mixins and its abstract bases declare, and map it."""
    with making_once(cls):
        _map_class(cls, parent, tablename, local_names, registry, further_options)


def _map_class(
    cls: Any,
    parent: type[MappedObject] | None,
    tablename: str | None,
    local_names: dict[str, Any],
    registry: Registry,
    further_options: Mapping[str, Any],
) -> None:
    # a method may ask for the table, which is not there yet; only a subclass may need to know before that it is concrete
    is_late = is_said_by_method(cls, "__mapper_args__")
    options = mapper_arguments(cls, parent) if parent is not None or not is_late else {}
    discriminator = discriminator_of_concrete(cls, parent)
    concrete = bool(options.get("concrete")) and discriminator is None
    # the rows of a concrete class are whole in its own table, so it declares anew what mixins gave its parent
    base = None if concrete else parent
    copies: dict[Any, Column[Any]] = {}
    declarations = _declarations(cls, base, local_names, copies, registry)
    table = vars(cls).get("__table__")
    shared = parent.__mapper__.local_table if parent is not None and table is None and tablename is None else None
    declared = _read(cls, declarations, table, shared is not None, registry)
    columns = declared.columns
    if table is None and shared is None:
        assert tablename is not None
        own_columns = [column for _, column in columns]
        items, table_options = table_arguments(cls, base, own_columns, copies)
        table_options = {**further_options, **table_options}
        if parent is not None and not concrete:
            _refuse_table_of(
                parent, cls, tablename, table_options.get("schema", getattr(cls, "metadata", registry.metadata).schema)
            )
        make_table = getattr(cls, "__table_cls__", Table)
        table = cls.__table__ = make_table(
            tablename, getattr(cls, "metadata", registry.metadata), *own_columns, *items, **table_options
        )
    elif shared is not None and parent is not None:
        columns = _share_table(cls, parent, shared, declared, options)
    elif columns:
        names = ", ".join(name for name, _ in columns)
        raise ArgumentError(
            f"{cls.__name__} gives its __table__, and declares columns that the table does not have: {names}."
        )
    if is_late and shared is None:
        options = mapper_arguments(cls, parent)
    if discriminator is not None:
        # said of the first class of a family as well, which inherits from none
        options.pop("concrete", None)
    for name in [*declared.properties, *(name for name, _ in columns)]:
        if name in vars(cls):
            delattr(cls, name)
    if parent is not None:
        options.setdefault("inherits", parent)
    if shared is not None:
        # the table has columns of sibling classes as well, whose attributes are not this one's
        options.setdefault("include_properties", [column.name for _, column in columns])
    declared.properties.update(options.pop("properties", {}))
    made = Mapper(cls, table, declared.properties, registry=registry, **with_copied_columns(cls, options, copies))
    made.concrete_discriminator = discriminator


def _read(
    cls: Any,
    declarations: dict[str, tuple[Any, MappedAnnotation | None]],
    table: Table | None,
    is_shared: bool,
    registry: Registry,
) -> _Declared:
    """Return the declarations of a class, read.

    :param table: the table that the class gives itself, or None.
    :param is_shared: True where its columns go into the table of its parent.
    """
    declared = _Declared()
    is_dataclass = dataclasses.is_dataclass(cls)
    for name, (value, annotation) in declarations.items():
        owner = f"{cls.__name__}.{name}"
        if name in _RESERVED:
            raise ArgumentError(
                f"{owner}: the name {name!r} is taken, for the family's {'tables' if name == 'metadata' else 'mappers'}. Call the attribute otherwise; the"
                f" column may be called so: {name}_: Mapped[...] = mapped_column({name!r})."
            )
        if not is_dataclass and hasattr(value, "field"):
            value.field.check_unused(owner, isinstance(value, MappedColumn))
        if isinstance(value, RelationshipProperty):
            declared.properties[name] = complete_relationship(owner, value, annotation, registry)
        elif isinstance(value, Column) and value.table is not None:
            # of a join that the class is mapped to, say
            declared.properties[name] = value
        elif isinstance(value, (MappedColumn, Column)) or (annotation is not None and value is None):
            value = with_template(value, annotation)
            column = complete_column(owner, name, value, annotation, cls, registry)
            declared.add_column(name, value, column, table, is_shared)
        elif annotation is not None and not isinstance(value, DECLARATIONS):
            raise ArgumentError(
                f"{owner} is annotated as Mapped and set to {value!r}. Use mapped_column(default=...) for a default."
            )
        elif value is not None and not isinstance(value, DECLARATIONS):
            # what a @declared_attr made for this class: an association proxy, a hybrid, a plain value
            setattr(cls, name, value)
            if hasattr(type(value), "__set_name__"):
                type(value).__set_name__(value, cls, name)
        elif value is not None:
            own = {
                id(declared_column)
                for other, _ in declarations.values()
                if (declared_column := _column_of(other)) is not None
            }
            if isinstance(value, CompositeProperty):
                complete_composite(owner, value, annotation, cls, registry, own)
            elif isinstance(value, ColumnDeclaration):
                _complete_declaration(owner, name, value, annotation, cls, registry, own)
            # what is an attribute of the class as well is declared by that
            declared.columns.extend(pair for pair in _columns_inside(value) if id(pair[1]) not in own)
            declared.properties[name] = value
    # a stable sort: those without a place stay in the order of their declaration
    declared.columns.sort(key=lambda named: declared.places.get(named[0], 0))
    return declared


def _share_table(
    cls: Any, parent: type[MappedObject], shared: Any, declared: _Declared, options: dict[str, Any]
) -> list[tuple[str, Column[Any]]]:
    """Add the columns of a class to the table of its parent; return them."""
    check_no_table_arguments(cls)
    _check_shared_table(cls, parent, declared.columns, options)
    columns = [
        (name, _existing_or(cls, shared, column) if name in declared.existing else column)
        for name, column in declared.columns
    ]
    declared.properties.update({name: column for name, column in columns if name in declared.existing})
    _add_to_table(cls, shared, columns)
    return columns


def add_to_mapping(cls: Any, name: str, value: object) -> None:
    owner, mapper = f"{cls.__name__}.{name}", cls.__mapper__
    if isinstance(value, (MappedColumn, Column)):
        value = complete_column(owner, name, value, None, cls, mapper.registry)
        if value.table is None and mapper.is_single:
            _add_to_table(cls, mapper.local_table, [(name, value)])
        elif value.table is None:
            mapper.local_table.append_column(value)
    elif isinstance(value, RelationshipProperty):
        value = complete_relationship(owner, value, None, mapper.registry)
    elif isinstance(value, CompositeProperty):
        complete_composite(owner, value, None, cls, mapper.registry)
        for inner in value.columns:
            column = _column_of(inner)
            if column is not None and column.table is None:
                add_to_mapping(cls, str(column.name), inner)
    elif isinstance(value, ColumnDeclaration):
        _complete_declaration(owner, name, value, None, cls, mapper.registry)
        for _, column in _columns_inside(value):
            if mapper.is_single:
                _add_to_table(cls, mapper.local_table, [(name, column)])
            else:
                mapper.local_table.append_column(column)
    mapper.add_property(name, value)


def _column_of(value: object) -> Column[Any] | None:
    if isinstance(value, MappedColumn):
        return value.column
    return value if isinstance(value, Column) else None


def _complete_declaration(
    owner: str,
    name: str,
    value: ColumnDeclaration,
    annotation: MappedAnnotation | None,
    cls: type,
    registry: Registry,
    own: AbstractSet[int] = frozenset(),
) -> None:
    """Give the columns that ``deferred()`` or ``column_property()`` declares in passing the attribute's name, and its type.

    :param own: the ids of the columns that are attributes of the class themselves.
    """
    for inner in value.columns:
        column = _column_of(inner)
        if column is not None and column.table is None and id(column) not in own:
            complete_column(owner, name, inner, annotation, cls, registry)


def _columns_inside(value: object) -> list[tuple[str, Column[Any]]]:
    """Return the columns that a ``composite()`` or the like declares in passing."""
    found = [_column_of(inner) for inner in getattr(value, "columns", ())]
    return [(str(c.name), c) for c in found if c is not None and c.table is None and c.name is not None]


def _check_shared_table(cls: type, parent: type[MappedObject], columns: list[Any], options: dict[str, Any]) -> None:
    if columns and parent.__mapper__.discriminator is None and "polymorphic_on" not in options:
        raise ArgumentError(
            f"{cls.__name__} declares columns for the table of {parent.__name__}, and no polymorphic_on= tells the rows of the two apart. Give"
            f" {parent.__name__} one, or {cls.__name__} a __tablename__ of its own."
        )


def _add_to_table(cls: type, table: Table, columns: list[tuple[str, Column[Any]]]) -> None:
    """Add the columns of a subclass to the table that it shares with its parent."""
    for _, column in columns:
        present = table.c.get(column.name)
        if present is column:
            continue
        if present is not None:
            raise ArgumentError(
                f"{cls.__name__}.{column.name} is a column of {table.description} already, of its parent or of another subclass. Give it another"
                " name in the table, as in mapped_column('other_name', ...), declare it on the parent, or share it:"
                " mapped_column(use_existing_column=True) in each class that has it."
            )
        if column.primary_key:
            raise ArgumentError(
                f"{cls.__name__}.{column.name} is declared as a primary key, and the rows of {cls.__name__} are in {table.description}, which has one."
                " Leave primary_key=True out, or give the class a __tablename__ of its own."
            )
        if not column.nullable and column.server_default is None and column.default is None:
            # rows of the other classes have no value for it
            column.nullable = True
        table.append_column(column)


def _existing_or(cls: type, table: FromClause, column: Column[Any]) -> Column[Any]:
    """Return the column of that name that another class has given the shared table, else the column itself.

    :raises ArgumentError: where it has another type.
    """
    present: Column[Any] | None = table.c.get(column.name)
    if present is None:
        return column
    if type(present.type) is not type(column.type):
        raise ArgumentError(
            f"{cls.__name__}.{column.name} is to use the column of that name that {table.description} has, which is {present.type!r} and not"
            f" {column.type!r}. Give both the same type, or this one another name."
        )
    return present


def _declarations(
    cls: type,
    parent: type[MappedObject] | None,
    local_names: dict[str, Any],
    copies: dict[Any, Column[Any]],
    registry: Registry,
) -> dict[str, tuple[Any, MappedAnnotation | None]]:
    """Return the declared attributes with their annotations: those of mixins and abstract bases first, each copied.

    :param parent: the mapped class that it inherits from; what that one has, mixins included, is not declared anew.
    :param copies: takes the copies of mixins' columns, by the column that each is a copy of.
    """
    found: dict[str, tuple[Any, MappedAnnotation | None]] = {}
    inherited = parent.__mro__ if parent is not None else ()
    methods = False
    # the furthest first, so that a class's own declaration replaces what a mixin says of the same name
    for base in reversed(cls.__mro__):
        if base is not cls and (base in inherited or is_mapped(base) or base in MACHINERY):
            for name, value in vars(base).items():
                # what a mapped base declares is inherited with its mapper, except what is to be made for each subclass
                if isinstance(value, declared_attr) and value.is_cascading and not name.startswith("__"):
                    found[name] = (value, _returned(value, base, name, local_names))
                    methods = True
            continue
        annotations = annotations_of(base)
        for name, annotation in annotations.items():
            read = read_annotation(annotation, f"{base.__name__}.{name}", base.__module__, local_names)
            if read is not None:
                # at the place where the class declares it
                found.pop(name, None)
                found[name] = (_copied(f"{cls.__name__}.{name}", vars(base).get(name), base is not cls, copies), read)
        in_fields = _in_fields(base, annotations)
        for name, value in in_fields.items():
            found.pop(name, None)
            found[name] = (_copied(f"{cls.__name__}.{name}", value, base is not cls, copies), None)
        for name, value in list(vars(base).items()):
            if isinstance(value, declared_attr):
                methods = True
            if (name in annotations and name in found) or name.startswith("__") or name in in_fields:
                continue
            if isinstance(value, declared_attr):
                found.pop(name, None)
                found[name] = (value, _returned(value, base, name, local_names))
            elif isinstance(value, DECLARATIONS):
                found.pop(name, None)
                found[name] = (_copied(f"{cls.__name__}.{name}", value, base is not cls, copies), None)
            else:
                # a method or a plain value, in place of what a mixin says of the name
                found.pop(name, None)
    if methods:
        _ask_methods(cls, found, registry)
    return found


def _in_fields(cls: Any, annotations: Mapping[str, Any]) -> dict[str, Any]:
    """Return the declarations in the metadata of the fields of a dataclass: ``field(metadata={"sa": Column(Integer)})``, or a function that returns it.

    :param annotations: those of its own body.
    """
    key = getattr(cls, "__sa_dataclass_metadata_key__", None)
    if key is None or "__dataclass_fields__" not in vars(cls):
        return {}
    fields = cls.__dataclass_fields__
    found = {
        name: fields[name].metadata[key] for name in annotations if name in fields and key in fields[name].metadata
    }
    return {name: value() if callable(value) else value for name, value in found.items()}


def _ask_methods(cls: type, found: dict[str, tuple[Any, MappedAnnotation | None]], registry: Registry) -> None:
    """Put what methods ``@declared_attr`` make in their place; they find the columns of the class's own table on it: ``cls.id``."""
    for name, (value, annotation) in list(found.items()):
        made = with_template(mapped_column() if value is None else value, annotation)
        if annotation is not None and made is not value:
            # a template has said what it has to say
            found[name] = made, dataclasses.replace(annotation, extras=())
        if isinstance(made, (MappedColumn, Column)):
            complete_column(f"{cls.__name__}.{name}", name, made, annotation, cls, registry)
            if vars(cls).get(name) is not made:
                setattr(cls, name, made)
    for name, (value, annotation) in list(found.items()):
        if isinstance(value, declared_attr):
            found[name] = (getattr(cls, name) if value is _nearest(cls, name) else value.method(cls), annotation)


def _nearest(cls: type, name: str) -> object:
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)


DECLARATIONS = (MappedColumn, Column, RelationshipProperty, ColumnDeclaration, DescriptorProperty)


def _returned(value: declared_attr[Any], base: type, name: str, local_names: dict[str, Any]) -> MappedAnnotation | None:
    annotation = annotations_of(value.method).get("return")
    if annotation is None:
        return None
    return read_annotation(annotation, f"{base.__name__}.{name}", base.__module__, local_names)


def _copied(owner: str, value: object, from_mixin: bool, copies: dict[Any, Column[Any]]) -> Any:
    if not from_mixin or value is None:
        return value
    if isinstance(value, MappedColumn):
        made = value.copy()
        copies[value.column] = made.column
        return made
    if isinstance(value, Column):
        column = copies[value] = value.copy()
        return column
    raise ArgumentError(
        f"{owner}: a mixin cannot declare {value!r} once for several classes. Make it for each: a method @declared_attr that returns it."
    )
