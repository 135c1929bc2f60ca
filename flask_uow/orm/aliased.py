"""``aliased()``: a mapped class under another name; ``with_polymorphic()``: one with its subclasses."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from flask_uow.exc import ArgumentError, did_you_mean
from flask_uow.orm.mapping.class_expressions import class_expression
from flask_uow.orm.mapping.entity import EntityView, ExtraColumn, alias_of, keys_of
from flask_uow.orm.mapping.inheritance import polymorphic_source
from flask_uow.orm.mapping.mapper import class_mapper
from flask_uow.orm.mapping.standing_in import stand_ins_for, stand_ins_in
from flask_uow.orm.mapping.view_attributes import ViewColumn
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.froms import froms_of
from flask_uow.sql.rewriting import columns_of
from flask_uow.sql.selectable import FromClause, Join, coerce_from
from flask_uow.sql.sourced import Sourced
from flask_uow.sql.stand_ins import StandIns, originals_in

if TYPE_CHECKING:
    from flask_uow.orm.instrumentation.attributes import ColumnAttribute
    from flask_uow.orm.interfaces import AnyColumn
    from flask_uow.orm.mapping.mapper import Mapper

__all__ = ["AliasedClass", "aliased", "with_polymorphic"]

T = TypeVar("T")


class _AliasView(EntityView):
    """The view behind an alias; the alias's name is the name of its objects in a result row.

    :ivar members: the mappers of the subclasses that :func:`with_polymorphic` has put together with the class.
    :ivar lacking: the columns of the class's tables that the selectable has none for.
    """

    __slots__ = ("alias", "lacking", "members", "name")

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
        self.lacking: frozenset[Any] = frozenset()
        # what a subquery leaves out of subclasses' columns is loaded at first access
        self.extra = tuple(extra for extra in mapper.extra if all(map(self.has, columns_of(extra.column))))

    def column(self, column: AnyColumn) -> Any:
        if column in self.lacking:
            raise self._without(column)
        return super().column(column)

    def adapt(self, expression: ColumnElement[Any]) -> Any:
        if self.lacking:
            for column in columns_of(expression):
                if column in self.lacking:
                    raise self._without(column)
        return super().adapt(expression)

    def _without(self, column: AnyColumn) -> ArgumentError:
        source, called = self.selectable.description, f"{column.table.description}.{column.name}"
        return ArgumentError(
            f"The alias of {self.mapper.class_.__name__} is selected from {source}, which has no column for {called}."
            f" Its columns: {', '.join(self.selectable.c.keys())}. Select that column in it as well."
        )

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
        self.lacking = frozenset()
        self.name = None
        self.alias = None

    def here(self, found: object) -> Any:
        attribute = super().here(found)
        return _FamilyColumn(cast("ColumnAttribute", found), self) if type(attribute) is ViewColumn else attribute


class _JoinView(_PolymorphicView):
    """The view behind an alias of a class that is selected from a join, or from its table, which a statement may name beside it."""

    __slots__ = ("_apart",)

    def __init__(
        self, mapper: Mapper, source: FromClause, name: str | None, called: Callable[[Any], Any] | None
    ) -> None:
        stand_ins = stand_ins_in(mapper, source, mapper.descendants[1:], called)
        extra = tuple(mapper.extra_columns(list(mapper.relatives_in_table), source, stand_ins))
        super().__init__(mapper, source, _names_present(mapper, source, stand_ins), extra)
        self.name = name
        self.stand_ins = stand_ins
        self._apart: _AliasView | None = None

    @property
    def chosen_rows(self) -> EntityView | None:
        if not isinstance(self.selectable, Join):
            return None
        # between a parent and the class, which have tables of the join themselves, it needs names of its own
        if self._apart is None:
            source = alias_of(self.selectable, self.name)
            own = stand_ins_for(self.mapper, source, self.column)
            self._apart = _AliasView(self.mapper, source, self.names, self.name, own)
            self._apart.join_of = self.selectable
            self._apart.alias = self.alias
        return self._apart


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
    :param selectable: where the class's rows come from: an alias, a subquery or a CTE with the columns of its table, or a join in
        which the table is, whose tables a statement then names as they are; an alias of the table itself when None.
    :param name: the name in SQL, and of the objects in result rows; one is made up when None.
    :param flat: as SQLAlchemy takes it. Nothing needs it: a class in several tables stands under one name, and can be there twice, in any case.
    :param adapt_on_names: likewise: columns of ``selectable`` that are none of the class's, sums say, stand for those of their names in any case.
    :param alias: another name of ``selectable``.
    :raises ArgumentError: for a ``selectable`` that lacks a column of the class, and does not have its primary key either. What one with the
        primary key lacks is loaded at first access, and an error where a statement names it.

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
    source = coerce_from(selectable)
    called = entity.column if isinstance(entity, _AliasView) and not entity.is_plain else None
    if isinstance(source, Join) or source is mapper.selectable:
        return AliasedClass(_JoinView(mapper, source, name, called))
    if name is not None:
        source = source.alias(name)
    own = stand_ins_for(mapper, source, called)
    missing = {n for n, _ in mapper.column_attrs.items() if _is_missing(mapper, n, source, own)}
    lost = [n for n in mapper.loaded_names if n in missing]
    if lost and not _has_own_keys(mapper, source, own):
        # its rows may be those of anything, whose columns happen to have names that the class has, too
        raise ArgumentError(
            f"aliased({mapper.class_.__name__}, ...): {source.description} has no column for {', '.join(lost)}. Its columns: {', '.join(source.c.keys())}."
            " Select these as well; what has the primary key of the class may lack others."
        )
    view = _AliasView(mapper, source, tuple(n for n in mapper.loaded_names if n not in missing), name, own)
    view.lacking = frozenset(c for n in missing for c in mapper.column_attrs[n].columns if own.column(c) is c)
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
    adapt_on_names: bool = False,
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
    :param adapt_on_names: as SQLAlchemy takes it. Columns of ``selectable`` that are none of the tables' stand for those of their names in any case.
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
    if selectable is None and mapper.is_stood_for and any(member.concrete for member in given):
        # no join has the rows of concrete classes; the mapping says what has them
        selectable = mapper.selectable
        if flat or aliased or name is not None:
            told_by = columns_of(mapper.column_attrs[str(mapper.discriminator)].column)
            polymorphic_on = str(told_by[0].key) if polymorphic_on is None else polymorphic_on
            selectable, flat, aliased, name = mapper.selectable.alias(name), False, False, None
    source = _joined(mapper, given, innerjoin) if selectable is None else coerce_from(selectable)
    if flat or aliased or name is not None:
        if mapper.discriminator is None and polymorphic_on is None:
            raise _without_discriminator(mapper)
        return _aliased_family(mapper, given, alias_of(source, name), name)
    stand_ins = stand_ins_in(mapper, source, mapper.descendants[1:]) if selectable is not None else None
    mappers = given if selectable is not None else list(dict.fromkeys([*mapper.relatives_in_table, *given]))
    extra = tuple(mapper.extra_columns(mappers, source if selectable is not None else None, stand_ins))
    view = _PolymorphicView(mapper, source, _names_present(mapper, source, stand_ins), extra)
    view.stand_ins = stand_ins
    if polymorphic_on is not None:
        view.discriminator = _discriminator_in(mapper, source, polymorphic_on)
    elif mapper.discriminator not in view.names:
        raise _without_discriminator(mapper)
    return AliasedClass(view, tuple(given))


def _names_present(mapper: Mapper, source: FromClause, stand_ins: StandIns | None) -> tuple[str, ...]:
    """Return the attributes of a class whose columns are in a source with the names that they have everywhere, or have stand-ins there."""
    present = {id(part) for part in source.from_objects()}

    def is_present(name: str) -> bool:
        column = mapper.column_attrs[name].column
        needed = froms_of(stand_ins.adapt(column) if stand_ins is not None else column)
        return all(id(element) in present for element in needed)

    return tuple(filter(is_present, mapper.loaded_names))


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


def _has_own_keys(mapper: Mapper, source: FromClause, own: StandIns) -> bool:
    """Return True where the columns that stand for the primary key were made of it, and do not just have its names."""
    made_of = {column: originals for _, column, originals in originals_in(source)}
    keys = [mapper.column_attrs[mapper.name_of_column(key)].columns for key in mapper.primary_key]
    return all(any(column in made_of.get(own.column(column), ()) for column in columns) for columns in keys)
