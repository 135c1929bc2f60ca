"""``automap_base()``: classes and relationships made of the tables of a database, and of what a program declares of some of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from flask_uow.exc import NoReferencedTableError, did_you_mean
from flask_uow.orm.mapping.declarative import DeclarativeBase, add_mapped_attribute
from flask_uow.orm.mapping.declared_class import MACHINERY
from flask_uow.orm.mapping.deferred_mapping import DeferredClass, map_waiting
from flask_uow.orm.mapping.mapper import class_mapper
from flask_uow.orm.mapping.relationships import relationship
from flask_uow.orm.symbols import Direction
from flask_uow.sql.foreign_keys import ForeignKeyConstraint
from flask_uow.sql.schema import MetaData, Table

if TYPE_CHECKING:
    from flask_uow.sql.interfaces import ReflectionBind

__all__ = [
    "AutomapBase",
    "AutomapClasses",
    "automap_base",
    "classname_for_table",
    "generate_relationship",
    "name_for_collection_relationship",
    "name_for_scalar_relationship",
]


class AutomapClasses:
    """The classes of an automap by their names: ``Base.classes.user``, ``Base.classes["user"]``; iteration gives the classes."""

    def __init__(self) -> None:
        self._classes: dict[str, type] = {}

    def add(self, cls: type) -> None:
        """Enter a class."""
        self._classes[cls.__name__] = cls

    def keys(self) -> list[str]:
        """Return the names."""
        return list(self._classes)

    def items(self) -> list[tuple[str, type]]:
        """Return the names, each with its class."""
        return list(self._classes.items())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._classes:
            known = ", ".join(self._classes) or "none: call prepare() first"
            raise AttributeError(
                f"no class {name!r} was made of a table.{did_you_mean(name, self._classes)} There are: {known}. Tables without a primary key have none."
            )
        return self._classes[name]

    def __getitem__(self, name: str) -> Any:
        return self._classes[name]

    def __iter__(self) -> Iterator[type]:
        return iter(self._classes.values())

    def __contains__(self, name: object) -> bool:
        return name in self._classes

    def __len__(self) -> int:
        return len(self._classes)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._classes})


def classname_for_table(base: object, tablename: str, table: Table) -> str:
    """Return the name of the class of a table: that of the table itself."""
    return str(tablename)


def name_for_scalar_relationship(
    base: object, local_cls: type, referred_cls: type, constraint: ForeignKeyConstraint
) -> str:
    """Return the name of a relationship to one object: that of its class in lower case."""
    return referred_cls.__name__.lower()


def name_for_collection_relationship(
    base: object, local_cls: type, referred_cls: type, constraint: ForeignKeyConstraint
) -> str:
    """Return the name of a collection: that of the class of its objects in lower case, with ``_collection`` behind it."""
    return f"{referred_cls.__name__.lower()}_collection"


def generate_relationship(
    base: object,
    direction: Direction,
    return_fn: Callable[..., Any],
    attrname: str,
    local_cls: type,
    referred_cls: type,
    **options: Any,
) -> Any:
    """Return the relationship for a foreign key, or None for none.

    :param direction: ``MANYTOONE``, ``ONETOMANY`` or ``MANYTOMANY``.
    :param return_fn: :func:`relationship`.
    :param attrname: the name that it gets.
    :param local_cls: the class that has it.
    :param referred_cls: the class that it leads to.
    :param options: its arguments.
    """
    return return_fn(referred_cls, **options)


class AutomapBase(DeferredClass):
    """The base of the classes that :func:`automap_base` returns.

    :cvar classes: the classes that were made, and those that were declared, by name.
    """

    metadata: ClassVar[MetaData]
    registry: ClassVar[Any]
    classes: ClassVar[AutomapClasses]

    @classmethod
    def prepare(
        cls,
        autoload_with: ReflectionBind | None = None,
        *,
        schema: str | None = None,
        classname_for_table: Callable[..., str] = classname_for_table,
        collection_class: object = list,
        name_for_scalar_relationship: Callable[..., str] = name_for_scalar_relationship,
        name_for_collection_relationship: Callable[..., str] = name_for_collection_relationship,
        generate_relationship: Callable[..., Any] = generate_relationship,
        reflection_options: dict[str, Any] | None = None,
    ) -> None:
        """Map the declared classes that wait, and make a class of each further table, and relationships of foreign keys.

        A table without a primary key gets no class; one that holds two foreign keys and nothing else becomes the secondary table of two
        collections. A foreign key over which a class has declared a relationship itself gets none, and so does a name that is taken.

        :param autoload_with: an engine or a connection, whose tables are read first; None for those that the MetaData has.
        :param schema: the schema that is read.
        :param classname_for_table: returns the name of a table's class, see :func:`classname_for_table`; the following likewise.
        :param collection_class: the collection of relationships to many objects.
        :param reflection_options: further arguments of :meth:`MetaData.reflect`, ``{"only": ["user"]}`` say.
        """
        if autoload_with is not None:
            cls.metadata.reflect(autoload_with, schema=schema, **(reflection_options or {}))
        # before the other tables, whose foreign keys may lead to these classes
        for declared in map_waiting(cls, {"extend_existing": True}):
            cls.classes.add(declared)
        by_table: dict[Table, type] = {class_mapper(known, False).local_table: known for known in cls.classes}
        secondary: list[tuple[Table, list[ForeignKeyConstraint]]] = []
        for table in list(cls.metadata.tables.values()):
            keys = _foreign_keys(table)
            if table in by_table:
                continue
            if _is_secondary(table, keys):
                secondary.append((table, keys))
            elif table.primary_key.columns:
                name = classname_for_table(cls, table.name, table)
                made = type(name, (cls,), {"__table__": table, "__module__": cls.__module__})
                cls.classes.add(made)
                by_table[table] = made
        maker = _RelationshipMaker(
            cls, by_table, collection_class, name_for_scalar_relationship, name_for_collection_relationship, generate_relationship,
        )  # fmt: skip
        for table, local in list(by_table.items()):
            for key in _foreign_keys(table):
                maker.relate(local, key)
        for table, (first, second) in secondary:
            maker.relate_by(table, first, second)
        cls.registry.configure()


def _foreign_keys(table: Table) -> list[ForeignKeyConstraint]:
    """Return the foreign keys of a table that lead to known tables."""
    found = []
    for constraint in table.constraints:
        if isinstance(constraint, ForeignKeyConstraint):
            try:
                known = constraint.referred_table is not None
            except NoReferencedTableError:
                known = False
            if known:
                found.append(constraint)
    # in an order of our own, since that of the database need not be the same each time
    return sorted(found, key=lambda key: [column.name for column in key.columns])


def _is_secondary(table: Table, keys: list[ForeignKeyConstraint]) -> bool:
    held = {column for key in keys for column in key.columns}
    return len(keys) == 2 and all(column in held for column in table.c)


class _RelationshipMaker:
    """Makes the relationships of foreign keys that no declared relationship goes by."""

    def __init__(
        self,
        base: Any,
        classes: dict[Table, type],
        collection_class: Any,
        scalar_name: Callable[..., str],
        collection_name: Callable[..., str],
        generate: Callable[..., Any],
    ) -> None:
        self._base = base
        self._classes = classes
        self._collection_class = collection_class
        self._scalar_name = scalar_name
        self._collection_name = collection_name
        self._generate = generate
        # the relationships that were declared have their columns then
        base.registry.configure()
        props = [prop for cls in classes.values() for prop in class_mapper(cls).relationships]
        self._known = {frozenset(map(frozenset, prop.local_remote_pairs)) for prop in props}
        self._known_tables = {prop.secondary for prop in props if prop.secondary is not None}

    def relate(self, local: type, key: ForeignKeyConstraint) -> None:
        """Make the two sides of a foreign key."""
        referred = self._classes.get(key.referred_table)
        pairs = [(column, element.column) for column, element in zip(key.columns, key.elements, strict=True)]
        if referred is None or frozenset(map(frozenset, pairs)) in self._known:
            return
        scalar = self._scalar_name(self._base, local, referred, key)
        collection = self._collection_name(self._base, referred, local, key)
        columns = list(key.columns)
        remote = [column for _, column in pairs] if referred is local else None
        ondelete = (key.ondelete or "").upper()
        many: dict[str, Any] = {"collection_class": self._collection_class, "foreign_keys": columns}
        # the rows cannot do without their parent
        if not any(column.nullable for column in columns):
            many["cascade"] = "all, delete-orphan"
            many["passive_deletes"] = ondelete == "CASCADE"
        elif ondelete == "SET NULL":
            many["passive_deletes"] = True
        self._add(
            (local, scalar, Direction.MANYTOONE, referred, {"foreign_keys": columns, "remote_side": remote}),
            (referred, collection, Direction.ONETOMANY, local, many),
        )

    def relate_by(self, table: Table, first: ForeignKeyConstraint, second: ForeignKeyConstraint) -> None:
        """Make the two collections that a secondary table connects."""
        local, referred = self._classes.get(first.referred_table), self._classes.get(second.referred_table)
        if local is None or referred is None or local is referred or table in self._known_tables:
            return
        options = {"secondary": table, "collection_class": self._collection_class}
        name = self._collection_name(self._base, local, referred, second)
        back = self._collection_name(self._base, referred, local, first)
        self._add(
            (local, name, Direction.MANYTOMANY, referred, options),
            (referred, back, Direction.MANYTOMANY, local, options),
        )

    def _add(self, *sides: tuple[type, str, Direction, type, dict[str, Any]]) -> None:
        wanted = [side for side in sides if not class_mapper(side[0], False).has_attribute(side[1])]
        both = len(wanted) == 2
        made = [
            self._generate(
                self._base, direction, relationship, name, cls, target,
                **options, **({"back_populates": sides[1 - number][1]} if both else {}),
            )
            for number, (cls, name, direction, target, options) in _numbered(sides, wanted)
        ]  # fmt: skip
        if both and None in made:
            # one that was left out is no other side
            for prop in made:
                if prop is not None:
                    prop.back_populates = None
        for (cls, name, *_), prop in zip(wanted, made, strict=True):
            if prop is not None:
                add_mapped_attribute(cls, name, prop)


def _numbered(sides: Iterable[Any], wanted: list[Any]) -> Iterator[tuple[int, Any]]:
    return ((number, side) for number, side in enumerate(sides) if any(side is one for one in wanted))


def automap_base(declarative_base: Any = None, *, metadata: MetaData | None = None, name: str = "Base") -> Any:
    """Return a declarative base whose classes are made of the tables of a database, by its :meth:`~AutomapBase.prepare`.

    Classes that are derived from it before, with a ``__tablename__``, are mapped by ``prepare()`` as well, with the columns of their tables; what they
    declare themselves counts more.

    :param declarative_base: the base that it derives from; a new one when None.
    :param metadata: the MetaData, with tables that are known already, perhaps.
    :param name: the name of the base.
    """
    body: dict[str, Any] = {"classes": AutomapClasses(), "__abstract__": True}
    if declarative_base is not None:
        return type(name, (AutomapBase, declarative_base), body)
    if metadata is not None:
        body["metadata"] = metadata
    return type(name, (AutomapBase, DeclarativeBase), body)


MACHINERY.add(AutomapBase)
