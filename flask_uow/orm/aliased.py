"""``aliased()``: a mapped class under another name; ``with_polymorphic()``: one with its subclasses; joins of mapped classes.

``join`` and ``outerjoin`` take tables as well as mapped classes, so that the package's top level needs no others.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from flask_uow.exc import ArgumentError, did_you_mean
from flask_uow.orm.mapping.class_expressions import class_expression
from flask_uow.orm.mapping.entity import EntityView, ExtraColumn, ViewColumn, alias_of, keys_of
from flask_uow.orm.mapping.inheritance import polymorphic_source
from flask_uow.orm.mapping.mapper import class_mapper
from flask_uow.orm.mapping.standing_in import stand_ins_for, stand_ins_in
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.froms import criteria_of, froms_of
from flask_uow.sql.operations import and_
from flask_uow.sql.rewriting import columns_of
from flask_uow.sql.selectable import FromClause, Join, coerce_from
from flask_uow.sql.sourced import Sourced
from flask_uow.sql.stand_ins import StandIns

if TYPE_CHECKING:
    from flask_uow.orm.instrumentation.attributes import ColumnAttribute
    from flask_uow.orm.instrumentation.relationship_attributes import RelationshipAttribute
    from flask_uow.orm.mapping.entity import ViewRelationship
    from flask_uow.orm.mapping.mapper import Mapper

__all__ = ["AliasedClass", "EntityJoin", "aliased", "join", "joined_entities", "outerjoin", "with_polymorphic"]

T = TypeVar("T")


class _AliasView(EntityView):
    """The view behind an alias; the alias's name is the name of its objects in a result row.

    :ivar members: the mappers of the subclasses that :func:`with_polymorphic` has put together with the class.
    """

    __slots__ = ("alias", "members", "name")

    def __init__(
        self,
        mapper: Mapper,
        selectable: FromClause,
        names: tuple[str, ...],
        name: str | None,
        own: StandIns | None = None,
    ) -> None:
        super().__init__(mapper, selectable, names)
        self.name = name
        self.own = own
        self.alias: weakref.ref[AliasedClass] | None = None
        self.members: tuple[Any, ...] = ()
        # what a subquery leaves out of subclasses' columns is loaded at first access
        self.extra = tuple(extra for extra in mapper.extra if all(map(self.has, columns_of(extra.column))))

    is_aliased_class = True
    is_mapper = is_instance = is_attribute = is_property = is_selectable = is_bundle = is_clause_element = False

    @property
    def class_(self) -> type:
        """The mapped class."""
        class_: type = self.mapper.class_
        return class_

    @property
    def entity(self) -> Any:
        """The alias that :func:`aliased` has returned."""
        return self.alias() if self.alias is not None else None

    entity_namespace = entity

    @property
    def persist_selectable(self) -> Any:
        """The table, or the join of tables, that holds the rows of the class."""
        return self.mapper.persist_selectable

    @property
    def local_table(self) -> Any:
        """The table of the class."""
        return self.mapper.local_table

    @property
    def polymorphic_on(self) -> Any:
        """The column that tells the class of a row, as the alias has it; or None."""
        if self.discriminator is not None:
            return self.discriminator
        column = self.mapper.polymorphic_on
        return self.adapt(column) if column is not None else None

    @property
    def with_polymorphic_mappers(self) -> list[Any]:
        """The mappers of the subclasses that :func:`with_polymorphic` has put together with the class."""
        return list(self.members)

    @property
    def plan_atom(self) -> Any:
        return (self.mapper, self.layout, self.name)


class _PolymorphicView(_AliasView):
    """The view behind :func:`with_polymorphic`: the tables have the names that they have everywhere."""

    __slots__ = ()

    def __init__(
        self, mapper: Mapper, selectable: FromClause, names: tuple[str, ...], extra: tuple[ExtraColumn, ...]
    ) -> None:
        EntityView.__init__(self, mapper, selectable, names, extra=extra, is_plain=True)
        self.name = None
        self.alias = None

    def here(self, found: object) -> Any:
        attribute = super().here(found)
        return _FamilyColumn(cast("ColumnAttribute", found), self) if type(attribute) is ViewColumn else attribute


class _FamilyColumn(ViewColumn):
    """A column attribute of a class together with subclasses: a query that selects it alone is about the joined tables, too."""

    def as_operand(self) -> ColumnElement[Any]:
        return Sourced(self.__clause_element__(), self.parent)


class AliasedClass:
    """A mapped class under another name; has the class's attributes. Made by :func:`aliased`.

    :ivar entity_name: the name of its objects in a result row.
    """

    def __init__(self, view: _AliasView, members: tuple[Any, ...] = ()) -> None:
        self.__uow_entity__ = view
        # weakly: the alias holds the view, and a circle of the two would wait for the garbage collector
        view.alias = weakref.ref(self)
        view.members = members
        self.entity_name = view.name or view.mapper.class_.__name__

    def __getattr__(self, name: str) -> Any:
        view: _AliasView = self.__dict__["__uow_entity__"]
        class_ = view.mapper.class_
        member = next((m for m in view.members if m.class_.__name__ == name), None)
        try:
            found = view.attribute(name) if member is None else _member_of(view, member)
        except AttributeError:
            hint = did_you_mean(name, view.mapper.attribute_names)
            raise AttributeError(f"{class_.__name__} has no attribute {name!r}.{hint}") from None
        # reading it again gives the same object: options and join targets are told apart by it
        self.__dict__[name] = found
        return found

    def __repr__(self) -> str:
        view = self.__uow_entity__
        return f"<{f'alias {view.name!r}' if view.name else 'an alias'} of {view.mapper.class_.__name__}>"


class _Member(AliasedClass):
    """A subclass within a view of its base. What a query selects of its columns is about the rows of the view, of other classes as well.

    :ivar __uow_columns__: the view that its columns are of: without the criteria that tell rows of the subclass from others.
    """

    def __init__(self, view: _AliasView, columns: EntityView) -> None:
        super().__init__(view)
        self.__uow_columns__ = columns

    def __getattr__(self, name: str) -> Any:
        found = _column_of_member(self.__dict__["__uow_columns__"], name)
        if found is None:
            return super().__getattr__(name)
        self.__dict__[name] = found
        return found


class _PlainMember:
    """A subclass within a view of its base that calls the tables as everywhere: the class, but for its columns; see :class:`_Member`."""

    def __init__(self, mapper: Mapper, columns: EntityView) -> None:
        self.__uow_entity__ = mapper
        self.__uow_columns__ = columns

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = _column_of_member(self.__dict__["__uow_columns__"], name)
        return getattr(self.__uow_entity__.class_, name) if found is None else found

    def __repr__(self) -> str:
        return f"<{self.__uow_entity__.class_.__name__} of a with_polymorphic()>"


class _MemberEntity(_AliasView):
    """The view behind a subclass within an aliased view of its base: of the rows, those that are of the subclass."""

    __slots__ = ()

    @property
    def own_criteria(self) -> tuple[Any, ...]:
        mapper = self.mapper
        tables = [step.local_table for step in mapper.lineage if step.own_join is not None]
        # the base's rows are there as well, with NULL for what is in tables of the subclass
        keys = [column for table in tables[-1:] for column in table.primary_key]
        return (*super().own_criteria, *(self.adapt(key).is_not(None) for key in keys[:1]))


class _MemberView(EntityView):
    """The view behind the columns of a subclass within a view of its base; the rows are those of the base."""

    __slots__ = ()

    @property
    def own_criteria(self) -> tuple[Any, ...]:
        return ()


def _column_of_member(view: EntityView, name: str) -> Any:
    """Return an attribute of a subclass that a SELECT takes for a column, of the rows of a view of its base; None for any other."""
    if name not in view.mapper.column_attrs and class_expression(view.mapper.class_, name) is None:
        return None
    return view.attribute(name)


def _member_of(view: _AliasView, mapper: Mapper) -> Any:
    """Return a subclass within a view of its base: what has its attributes there."""
    columns = _MemberView(mapper, view.selectable, mapper.loaded_names, is_plain=view.is_plain)
    columns.stand_ins = view.stand_ins
    if view.is_plain:
        return _PlainMember(mapper, columns)
    columns.own = stand_ins_for(mapper, view.selectable)
    return _Member(_MemberEntity(mapper, view.selectable, mapper.loaded_names, view.name, columns.own), columns)


def _alias_of_alias(element: AliasedClass, name: str | None) -> AliasedClass:
    """Return another alias of what an alias is selected from, with the subclasses that it has."""
    view: _AliasView = element.__uow_entity__
    mapper, members = view.mapper, list(view.members)
    source = alias_of(view.selectable, name) if isinstance(view.selectable, Join) else view.selectable.alias(name)
    if members:
        return _aliased_family(mapper, members, source, name)
    own = stand_ins_for(mapper, source, None if view.is_plain else view.column)
    return AliasedClass(_AliasView(mapper, source, view.names, name, own))


@overload
def aliased(
    element: type[T],
    selectable: object = None,
    name: str | None = None,
    flat: bool = False,
    adapt_on_names: bool = False,
    *,
    alias: object = None,
) -> type[T]: ...


@overload
def aliased(
    element: object,
    selectable: object = None,
    name: str | None = None,
    flat: bool = False,
    adapt_on_names: bool = False,
    *,
    alias: object = None,
) -> Any: ...


def aliased(
    element: object,
    selectable: object = None,
    name: str | None = None,
    flat: bool = False,
    adapt_on_names: bool = False,
    *,
    alias: object = None,
) -> Any:
    """Return a mapped class under another name, to have it twice in one query; or a table, likewise.

    :param element: a mapped class, a table, or a SELECT.
    :param selectable: where the class's rows come from: an alias, a subquery or a CTE with the columns of its table; an alias of the
        table itself when None.
    :param name: the name in SQL, and of the objects in result rows; one is made up when None.
    :param flat: as SQLAlchemy takes it. Nothing needs it: a class in several tables stands under one name, and can be there twice, in any case.
    :param adapt_on_names: likewise: columns of ``selectable`` that are none of the class's, sums say, stand for those of their names in any case.
    :param alias: another name of ``selectable``.
    :raises ArgumentError: for a ``selectable`` that lacks a column of the class.

    >>> manager = aliased(Employee)                                                             # doctest: +SKIP
    >>> session.query(Employee, manager).join(manager, Employee.manager_id == manager.id)       # doctest: +SKIP
    """
    selectable = selectable if selectable is not None else alias
    entity = None if isinstance(element, FromClause) else getattr(element, "__uow_entity__", None)
    if entity is None:
        if selectable is not None:
            raise ArgumentError(f"aliased() with a selectable takes a mapped class first, got {element!r}.")
        return coerce_from(element).alias(name)
    mapper = entity.mapper
    class_mapper(mapper)
    if selectable is None and isinstance(element, AliasedClass):
        return _alias_of_alias(element, name)
    if selectable is None:
        return AliasedClass(_AliasView(mapper, alias_of(mapper.selectable, name), mapper.loaded_names, name))
    source = given = coerce_from(selectable)
    if isinstance(given, Join):
        # whose columns have several tables, and one name for all of them in the subquery
        source = alias_of(given, name)
    elif name is not None:
        source = source.alias(name)
    own = stand_ins_for(
        mapper, source, entity.column if isinstance(entity, _AliasView) and not entity.is_plain else None
    )
    missing = [n for n in mapper.loaded_names if _is_missing(mapper, n, source, own)]
    if missing:
        raise ArgumentError(
            f"aliased({mapper.class_.__name__}, ...): {source.description} has no column for {', '.join(missing)}."
            f" Its columns: {', '.join(source.c.keys())}."
        )
    view = _AliasView(mapper, source, mapper.loaded_names, name, own)
    view.join_of = given if isinstance(given, Join) else None
    return AliasedClass(view)


def with_polymorphic(
    base: object,
    classes: object = "*",
    selectable: object = None,
    polymorphic_on: object = None,
    *,
    flat: bool = False,
    aliased: bool = False,
    name: str | None = None,
    innerjoin: bool = False,
) -> Any:
    """Return a mapped class together with subclasses, whose columns a query then loads in the same statement.

    Criteria may use the subclasses' attributes as they are, ``filter(Engineer.language == "c")``, or as attributes of the result:
    ``staff.Engineer.language``.

    :param base: the class.
    :param classes: a subclass, several, or ``"*"`` for all of them. What is left out is loaded as otherwise, a statement for each class.
    :param selectable: what the rows come from, a polymorphic union say, whose columns stand for those of the tables; None for outer joins of
        the tables.
    :param polymorphic_on: the column of ``selectable`` that tells the class of a row; None where an attribute of the class does.
    :param flat: True, as ``aliased``, gives the tables names of their own, so that the family can stand twice in one statement.
    :param name: that name.
    :param innerjoin: True joins the subclasses' tables plainly: only objects of all these classes are found.
    :raises ArgumentError: for a class that is no subclass of ``base``, where no column tells the class of a row, and for a selectable
        that lacks a column of the class.

    >>> staff = with_polymorphic(Employee, [Engineer])                                          # doctest: +SKIP
    >>> session.query(staff).filter(Engineer.language == "c")                                   # doctest: +SKIP
    """
    mapper = class_mapper(getattr(getattr(base, "__uow_entity__", None), "class_", base))
    given = _chosen(mapper, classes)
    if polymorphic_on is not None and selectable is None:
        raise ArgumentError(
            f"with_polymorphic({mapper.class_.__name__}, ...) got polymorphic_on= and no selectable, whose column that would be. Pass the selectable"
            " as well."
        )
    source = _joined(mapper, given, innerjoin) if selectable is None else coerce_from(selectable)
    if flat or aliased or name is not None:
        if mapper.discriminator is None and polymorphic_on is None:
            raise _without_discriminator(mapper)
        return _aliased_family(mapper, given, alias_of(source, name), name)
    stand_ins = stand_ins_in(mapper, source, mapper.descendants[1:]) if selectable is not None else None
    present = {id(part) for part in source.from_objects()}

    def is_present(name: str) -> bool:
        column = mapper.column_attrs[name].column
        needed = froms_of(stand_ins.adapt(column) if stand_ins is not None else column)
        return all(id(element) in present for element in needed)

    mappers = given if selectable is not None else list(dict.fromkeys([*mapper.relatives_in_table, *given]))
    extra = tuple(mapper.extra_columns(mappers, source if selectable is not None else None, stand_ins))
    view = _PolymorphicView(mapper, source, tuple(filter(is_present, mapper.loaded_names)), extra)
    view.stand_ins = stand_ins
    if polymorphic_on is not None:
        view.discriminator = _discriminator_in(mapper, source, polymorphic_on)
    elif mapper.discriminator not in view.names:
        raise _without_discriminator(mapper)
    return AliasedClass(view, tuple(given))


def _joined(mapper: Mapper, given: list[Any], innerjoin: bool) -> FromClause:
    source: FromClause = polymorphic_source(mapper, given)
    if not innerjoin:
        return source

    def plain(element: FromClause) -> FromClause:
        return Join(plain(element.left), element.right, element.onclause) if isinstance(element, Join) else element

    return plain(source)


def _aliased_family(mapper: Mapper, given: list[Any], source: FromClause, name: str | None) -> AliasedClass:
    """Return a class with subclasses from a selectable that has the columns of their tables under a name of its own."""
    view = _AliasView(mapper, source, mapper.loaded_names, name, stand_ins_for(mapper, source))
    mappers = list(dict.fromkeys([*mapper.relatives_in_table, *given]))
    extra = mapper.extra_columns(mappers, None, None)
    view.extra = tuple(column for column in extra if all(map(view.has, columns_of(column.column))))
    return AliasedClass(view, tuple(given))


def _chosen(mapper: Mapper, classes: object) -> list[Any]:
    if isinstance(classes, str) and classes == "*":
        return list(mapper.descendants[1:])
    given = classes if isinstance(classes, (list, tuple, set, frozenset)) else [classes]
    found = [class_mapper(cls) for cls in given]
    for other in found:
        if not other.isa(mapper):
            raise ArgumentError(
                f"with_polymorphic({mapper.class_.__name__}, ...): {other.class_.__name__} is no subclass of it."
            )
    return found


def _without_discriminator(mapper: Mapper) -> ArgumentError:
    return ArgumentError(
        f"with_polymorphic({mapper.class_.__name__}, ...) needs polymorphic_on=, the column that tells the class of a row."
    )


def _discriminator_in(mapper: Mapper, source: FromClause, polymorphic_on: object) -> ColumnElement[Any]:
    """Return the column of a selectable that tells the class of a row, given as itself or by its name."""
    column = source.c.get(polymorphic_on) if isinstance(polymorphic_on, str) else polymorphic_on
    if not isinstance(column, ColumnElement) or not all(
        any(other.table is part for part in source.from_objects()) for other in columns_of(column)
    ):
        raise ArgumentError(
            f"with_polymorphic({mapper.class_.__name__}, ...): polymorphic_on={polymorphic_on!r} is no column of {source.description}. Its columns:"
            f" {', '.join(source.c.keys())}."
        )
    return column


def _is_missing(mapper: Mapper, name: str, source: FromClause, own: StandIns) -> bool:
    prop = mapper.column_attrs[name]
    # an expression is there under its name, or is worked out from columns that are
    if not prop.is_stored and prop.column.name in source.c:
        return False
    known = keys_of(mapper)
    needed = [column for column in columns_of(prop.column) if mapper.column(column) in known]
    return any(own.column(column) is column for column in needed)


class EntityJoin(Join):
    """A join of mapped classes; made by :func:`join`. Joined further, it goes on knowing their relationships.

    :ivar joined_entities: the mapped entities of it, from left to right.
    :ivar outer_entities: those of them that a row may be without, whose criteria are in the conditions of the joins.
    """

    __slots__ = ("joined_entities", "outer_entities")

    def __init__(
        self, left: FromClause, right: FromClause, onclause: ColumnElement[bool] | None, isouter: bool, full: bool
    ) -> None:
        super().__init__(left, right, onclause, isouter, full)
        self.joined_entities: tuple[Any, ...] = ()
        self.outer_entities: tuple[Any, ...] = ()

    def join(self, right: object, onclause: object = None, isouter: bool = False, full: bool = False) -> Join:
        """Return ``self JOIN right``; see :func:`join`."""
        return join(self, right, onclause, isouter, full)

    def outerjoin(self, right: object, onclause: object = None, full: bool = False) -> Join:
        """Return ``self LEFT OUTER JOIN right``; see :func:`join`."""
        return join(self, right, onclause, True, full)


def join(left: object, right: object, onclause: object = None, isouter: bool = False, full: bool = False) -> Join:
    """Return ``left JOIN right`` of mapped classes, aliases or tables, for ``select_from()``.

    Its methods ``join()`` and ``outerjoin()`` take the same: ``join(User, Post, "posts").join(Tag, "tags")``.

    :param onclause: a condition, or the relationship from left to right (or its name); None looks for the one foreign key between them. A
        name is one of the class that was joined last, or of one before it.
    :raises ArgumentError: for a relationship that does not lead to ``right``.
    :raises InvalidRequestError: where the foreign keys give no condition, or several.
    """
    path: Any = _relationship_of(left, onclause) if isinstance(onclause, str) else onclause
    source, target = coerce_from(left), coerce_from(right)
    steps = getattr(path, "join_steps", None)
    conditions = [(target, path)]
    if steps is not None:
        entity = getattr(right, "__uow_entity__", target)
        steps = _starting_in(left, path).join_steps(None, entity, isouter and not full)
        conditions = [(element, condition) for _, element, condition in steps]
    made = source
    for element, condition in conditions:
        made = EntityJoin(made, element, condition, isouter, full)
    assert isinstance(made, EntityJoin)
    criteria = criteria_of(right) if steps is None else ()
    if criteria:
        made = EntityJoin(source, target, and_(made.onclause, *criteria), isouter, full)
    made.joined_entities = (*joined_entities(left), *joined_entities(right))
    added = joined_entities(right) if isouter and not full else _outer_entities(right)
    made.outer_entities = (*_outer_entities(left), *added)
    return made


def outerjoin(left: object, right: object, onclause: object = None, full: bool = False) -> Join:
    """Return ``left LEFT OUTER JOIN right``; see :func:`join`."""
    return join(left, right, onclause, True, full)


def joined_entities(element: object) -> tuple[Any, ...]:
    """Return the mapped entities that an element of FROM stands for: that of a class or an alias, those of a join of classes."""
    entity = getattr(element, "__uow_entity__", None)
    if entity is not None:
        return (entity,)
    return element.joined_entities if isinstance(element, EntityJoin) else ()


def _outer_entities(element: object) -> tuple[Any, ...]:
    return element.outer_entities if isinstance(element, EntityJoin) else ()


def _starting_in(left: object, relationship: RelationshipAttribute | ViewRelationship) -> Any:
    """Return a relationship that begins at the alias or subclass of its class in ``left``, where the class itself is not there."""
    entities = joined_entities(left)
    if any(entity is relationship.parent for entity in entities):
        return relationship
    heirs = [entity for entity in entities if entity.mapper.isa(relationship.parent.mapper)]
    return relationship.starting_at(heirs[0]) if len(heirs) == 1 else relationship


def _relationship_of(left: object, name: str) -> Any:
    entities = joined_entities(left)
    if not entities:
        raise ArgumentError(
            f"join(): {name!r} names a relationship, and {left!r} is no mapped class. Pass the relationship itself."
        )
    has = (e for e in reversed(entities) if name in e.mapper.attribute_names or name in e.mapper.descriptors)
    return next(has, entities[-1]).attribute_for_filter(name)
