"""The FROM element of a mapped class: its table, the join of a family's tables, or whatever else it is mapped to.

The base of :class:`~flask_uow.orm.mapping.mapper.Mapper`; what ``select()`` needs of a mapped class (see
:class:`flask_uow.sql.interfaces.MappedEntity`) is here. It keeps the place of the class in its family and the columns by attribute, and asks
nothing of the classes above it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from flask_uow.exc import ArgumentError
from flask_uow.orm.mapping.column_mapping import equated_columns, tables_in
from flask_uow.orm.mapping.entity import ExtraColumn, Layout, equal_columns_of
from flask_uow.orm.mapping.inheritance import (
    check_identity,
    chosen_of,
    discriminator_of,
    identity_without_column,
    inherited_join,
    polymorphic_source,
    polymorphic_union,
    with_polymorphic_members,
)
from flask_uow.orm.mapping.mapped_properties import MappedProperties
from flask_uow.orm.mapping.properties import ColumnProperty, about_rows_of, labelled
from flask_uow.orm.mapping.standing_in import attribute_made_of, stand_ins_in
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.froms import froms_of
from flask_uow.sql.schema import Table
from flask_uow.sql.selectable import FromClause, coerce_from
from flask_uow.sql.sourced import Sourced
from flask_uow.sql.stand_ins import StandIns

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import AnyColumn
    from flask_uow.orm.mapping.mapper import Mapper

__all__ = ["MappedSource"]


class MappedSource:
    """The tables of a mapper, and its place in a family of classes.

    :param class_: the mapped class.
    :param inherits: the mapper of the class that it inherits from, or None.
    :param local_table: what it is mapped to, as given.
    :param concrete: True where rows of the class have no part in the tables of its parent.
    :raises ArgumentError: where these do not go together.
    """

    def __init__(self, class_: type, inherits: Mapper | None, local_table: object, concrete: bool) -> None:
        self.class_ = class_
        self.inherits = inherits
        self._check_parent(local_table, concrete)
        self.concrete = concrete
        shares = self.shares_rows_with
        # only a Mapper is ever made, of this class as its base
        own = cast("Mapper", self)
        self.base_mapper: Mapper = shares.base_mapper if shares is not None else own
        self.lineage: tuple[Mapper, ...] = (*(shares.lineage if shares is not None else ()), own)
        self.subclasses: list[Mapper] = []
        self.column_attrs: MappedProperties[ColumnProperty] = MappedProperties()
        self.memo: dict[Any, Any] = {}
        self._names: dict[Any, str] = {}

    @property
    def shares_rows_with(self) -> Mapper | None:
        """The mapper of the parent, where rows of this class have a part in its tables; None for a concrete class."""
        return None if self.concrete else self.inherits

    def _check_parent(self, local_table: object, concrete: bool) -> None:
        name, parent = self.class_.__name__, self.inherits
        if parent is not None and not issubclass(self.class_, parent.class_):
            raise ArgumentError(
                f"mapper({name}, inherits={parent.class_.__name__}): {name} is no subclass of {parent.class_.__name__}. Derive it from that"
                " class, or leave inherits= out."
            )
        if concrete and local_table is None:
            raise ArgumentError(
                f"{name} is mapped with concrete=True and needs a table of its own, which holds all its columns."
            )
        is_source = isinstance(local_table, FromClause) or hasattr(local_table, "subquery")
        if (parent is None and local_table is None) or (local_table is not None and not is_source):
            raise ArgumentError(
                f"mapper({name}, ...) takes a Table second (or a join, or a SELECT), got {local_table!r}. Only a class that inherits from a"
                " mapped one does without (pass inherits=)."
            )

    def _find_source(self, local_table: object, shares: Mapper | None, condition: object, foreign_keys: object) -> None:
        """Work out the tables.

        :param shares: the parent's mapper, where rows of this class have a part in its tables.
        """
        if local_table is None:
            assert shares is not None
            self.local_table: Any = shares.local_table
        else:
            self.local_table = coerce_from(local_table)
        self.is_single = shares is not None and self.local_table is shares.local_table
        self.own_join = None
        given: Iterable[Any] = foreign_keys if isinstance(foreign_keys, (list, tuple, set)) else [foreign_keys]
        keys = [
            key.__clause_element__() if hasattr(key, "__clause_element__") else key for key in given if key is not None
        ]
        if keys and (shares is None or self.is_single):
            raise ArgumentError(
                f"{self.class_.__name__}: inherit_foreign_keys= tells how a subclass's own table refers to its parent's, and there are no two tables to"
                " connect. Leave it out, or pass inherits= and a table."
            )
        if shares is None:
            self.mapped_selectable: FromClause = self.local_table
        elif self.is_single:
            self.mapped_selectable = shares.mapped_selectable
        else:
            self.own_join = inherited_join(self, shares, condition, keys)
            self.mapped_selectable = self.own_join
        own_equated = equated_columns(self.mapped_selectable, keys)
        self.equated: dict[Any, Any] = {**(shares.equated if shares is not None else {}), **own_equated}
        self.selectable: FromClause = self.mapped_selectable
        own = tables_in(self.local_table)
        self.tables = tuple(dict.fromkeys([*own, *reversed(tables_in(self.mapped_selectable))]))
        # what relationships are about: a SELECT to which the class is mapped is not written, but may have the foreign key
        self.elements: tuple[Any, ...] = self.tables if own else (self.local_table, *self.tables)

    # -- the family

    def _find_discriminator(self, polymorphic_on: object, with_polymorphic: object) -> ColumnProperty | None:
        """Find the attribute that tells the class of a row; return the property that is to be installed for it, where it has none."""
        parent = self.inherits
        self.with_polymorphic = with_polymorphic
        self._chosen = chosen_of(with_polymorphic)
        source = self._chosen[1]
        present: Any = tuple(source.from_objects()) if isinstance(source, FromClause) else ()
        # True where queries select the class from something that stands for its tables
        self.is_stood_for = source is not None and not all(
            any(table is part for part in present) for table in self.tables
        )
        self.polymorphic_map: dict[Any, Any] = parent.polymorphic_map if parent is not None else {}
        self.discriminator: str | None = self._inherited_discriminator()
        self.extra: tuple[ExtraColumn, ...] = ()
        self.shape_atom: Any = self
        self.stand_ins: StandIns | None = None
        made: ColumnProperty | None = None
        if polymorphic_on is not None:
            self.discriminator, made = self._discriminator(discriminator_of(self, polymorphic_on))
        if with_polymorphic is not None and self.discriminator is None:
            raise ArgumentError(
                f"{self.class_.__name__}: with_polymorphic= needs polymorphic_on=, the column that tells the class of a row."
            )
        return made

    def unite_concrete(self, name: str) -> ColumnProperty | None:
        """Have queries of the class select from a union of its table and those of concrete subclasses.

        :param name: the column of the union that tells the class of a row.
        :returns: the property that is to be installed for it.
        :raises ArgumentError: where the class has a column of that name.
        """
        if name in self.column_attrs:
            raise ArgumentError(
                f"{self.class_.__name__} has an attribute {name!r}, and so the union of its family calls the column that tells the class of a row."
                f" Give that another name: _concrete_discriminator_name in {self.class_.__name__}."
            )
        tables = {
            mapper.polymorphic_identity: mapper.mapped_selectable
            for mapper in self.descendants
            if mapper is self or (mapper.concrete and mapper.polymorphic_identity is not None)
        }
        union = polymorphic_union(tables, name, "pjoin")
        # the identities are entered already, while finding a discriminator begins a new map
        known = self.polymorphic_map
        made = self._find_discriminator(union.c[name], ("*", union))
        self.polymorphic_map = known
        return made

    def _enter_family(self, identity: object) -> None:
        """Enter the class into the polymorphic map of its family.

        :raises ArgumentError: for an identity that no column holds, or that another class has.
        """
        parent = self.inherits
        self.polymorphic_identity = identity
        if identity is not None:
            if not self.concrete and parent is not None and all(m.discriminator is None for m in self.lineage):
                raise identity_without_column(self)
            check_identity(self, self.polymorphic_map, identity)
            self.polymorphic_map[identity] = self

    def _inherited_discriminator(self) -> str | None:
        """Return the discriminator of the parent, where this class's own rows have it: one that a union works out is not in its tables."""
        if self.inherits is None or self.concrete or self.inherits.discriminator is None:
            return None
        name: str = self.inherits.discriminator
        present = {id(part) for part in self.mapped_selectable.from_objects()}
        if all(id(element) in present for element in froms_of(self.column_attrs[name].column)):
            return name
        del self.column_attrs[name]
        return None

    def _check_identities(self) -> None:
        """Refuse an identity that no column holds, once all classes are mapped.

        A family of concrete classes does without such a column: the query that selects from all its tables says where it is.

        :raises ArgumentError: naming the class.
        """
        is_alone = self.inherits is None and self.discriminator is None and self.polymorphic_identity is not None
        if is_alone and not (self.subclasses and all(m.concrete for m in self.subclasses)):
            raise identity_without_column(self)

    def _discriminator(self, column: AnyColumn) -> tuple[str, ColumnProperty | None]:
        """Return the attribute of the discriminator, and its property, made where it has none."""
        found = self._names.get(column) or attribute_made_of(column, self._names)
        if found is not None:
            return found, None
        if column.name in self.column_attrs and getattr(column, "table", None) is not None:
            # the column of a polymorphic union, which takes the place of the table's
            return str(column.name), None
        name = "_polymorphic_on"
        prop = ColumnProperty(name, [about_rows_of(self.tables, labelled(name, column, self.class_.__name__))])
        prop.is_stored = False
        return name, prop

    @property
    def descendants(self) -> list[Mapper]:
        """This mapper and all those of subclasses, parents first."""
        found: list[Any] = [self]
        for mapper in found:
            found.extend(mapper.subclasses)
        return found

    def isa(self, other: object) -> bool:
        """Return True when this is the mapper of the other's class or of a subclass."""
        return self is other or (self.inherits is not None and self.inherits.isa(other))

    def _choose_source(self) -> None:
        """Work out what queries select from, now that the subclasses are known."""
        self.memo.clear()
        self._check_identities()
        if self.discriminator is None:
            self.choose_atom()
            return
        chosen, source = self._chosen
        if chosen is None and source is None:
            inline = [m for m in self.descendants[1:] if m.polymorphic_load == "inline"]
            in_table = self.relatives_in_table
            mappers = list(dict.fromkeys([*in_table, *inline]))
            # a class without a table of its own may be in that of a joined subclass
            if len(mappers) > len(in_table):
                self.selectable = polymorphic_source(self, mappers)
        else:
            mappers = with_polymorphic_members(self, chosen)
        if source is not None:
            # a function knows the classes that were mapped since
            source = source if isinstance(source, FromClause) else coerce_from(source())
            self.selectable = source
            self.stand_ins = stand_ins_in(self, source, self.descendants[1:])
            self.is_stood_for = self.stand_ins is not None
        elif chosen is not None:
            self.selectable = polymorphic_source(self, mappers)
        self.extra = tuple(self.extra_columns(mappers, source, self.stand_ins))
        self.choose_atom()
        self.memo.clear()

    def choose_atom(self) -> None:
        # expressions may have parameters of their own, and have to be walked
        columns = [*(p.column for p in self.column_attrs.values() if not p.is_stored), *(e.column for e in self.extra)]
        has_expressions = any(column.__visit_name__ != "column" for column in columns)
        # another one each time, so that a statement compiled before the class had all its columns is not found again
        self.shape_atom = None if has_expressions else object()

    @property
    def relatives_in_table(self) -> list[Mapper]:
        """The mappers of subclasses whose columns are in the same table, so that reading them costs nothing."""
        family = self.descendants[1:]
        return [m for m in family if all(step.is_single for step in m.lineage[len(self.lineage) :])]

    def extra_columns(
        self, mappers: Iterable[Any], source: FromClause | None = None, stand_ins: StandIns | None = None
    ) -> Iterable[ExtraColumn]:
        """Yield the columns of subclasses that a query of this class selects as well.

        :param source: what the class's rows come from, where that is given and stands for the tables of the family.
        :param stand_ins: what stands for the tables' columns there.
        """
        seen = set()
        present = {id(part) for part in source.from_objects()} if source is not None else set()
        for other in mappers:
            for name, prop in other.column_attrs.items():
                column = prop.column
                if name in self.column_attrs or prop.deferred or (name, column) in seen:
                    continue
                if source is not None:
                    column = stand_ins.adapt(column) if stand_ins is not None else column
                    if not all(id(needed) in present for needed in froms_of(column)):
                        # what is not there is loaded at first access
                        continue
                seen.add((name, prop.column))
                yield ExtraColumn(other, name, column)

    @property
    def own_criteria(self) -> tuple[ColumnElement[bool], ...]:
        """The conditions on rows of the class, where its table holds those of other classes too (single-table inheritance)."""
        if not self.is_single or self.discriminator is None:
            return ()
        found: tuple[ColumnElement[bool], ...] | None = self.memo.get("criteria")
        if found is None:
            identities = [m.polymorphic_identity for m in self.descendants if m.polymorphic_identity is not None]
            found = self.memo["criteria"] = (self.column(self.column_attrs[self.discriminator].column).in_(identities),)
        return found

    @property
    def criteria(self) -> tuple[ColumnElement[bool], ...]:
        """The conditions that a statement puts into WHERE."""
        return self.own_criteria

    # -- as an item of a SELECT

    @property
    def is_of_class(self) -> bool:
        """True: the class itself is meant, and no alias of it."""
        return True

    @property
    def mapper(self) -> Any:
        """The mapper itself; an alias of the class answers with the mapper, too."""
        return self

    @property
    def __uow_entity__(self) -> Any:
        # a query takes a mapper in place of its class
        return self

    @property
    def written(self) -> Any:
        """The table that INSERT, UPDATE and DELETE write; of a class in several tables, their join."""
        return self.mapped_selectable

    @property
    def plan_atom(self) -> Any:
        """Tells statements apart whose rows become objects in another way."""
        return self

    @property
    def entity_froms(self) -> tuple[Any, ...]:
        """The elements of FROM beside the tables that the columns bring in."""
        return () if isinstance(self.selectable, Table) else (self.selectable,)

    @property
    def layout(self) -> Layout:
        """Which attributes the columns of a row belong to."""
        found: Layout | None = self.memo.get("layout")
        if found is None:
            names = tuple(name for name, prop in self.column_attrs.items() if not prop.deferred)
            found = self.memo["layout"] = Layout(names, self.extra)
        return found

    @property
    def loaded_names(self) -> tuple[str, ...]:
        """The attributes whose columns are loaded with an object: all but the deferred ones."""
        return self.layout.names

    def entity_columns(self) -> tuple[ColumnElement[Any], ...]:
        """The columns that make up one object, deferred ones left out; then those of subclasses."""
        # the same objects every time: a statement knows the parameters of expressions by identity
        found: tuple[ColumnElement[Any], ...] | None = self.memo.get("entity columns")
        if found is None:
            own = (self.adapt(self.column_attrs[name].column) for name in self.loaded_names)
            found = self.memo["entity columns"] = (*own, *(extra.column for extra in self.extra))
        return found

    def equal_columns(self) -> Iterator[tuple[Any, Any]]:
        """Yield the columns that are kept equal to one that is selected, each with that one."""
        return equal_columns_of(self.mapper, self, self.loaded_names)

    def column(self, column: AnyColumn) -> Any:
        """Return a column of the tables as queries of the class call it; a view of the class may call it otherwise."""
        return column if self.stand_ins is None else self.stand_ins.column(column)

    def adapt(self, expression: ColumnElement[Any]) -> Any:
        """Return an expression on columns of the tables as queries of the class say it."""
        return expression if self.stand_ins is None else self.stand_ins.adapt(expression)

    def said_of(self, column: AnyColumn) -> Any:
        """Return a column of the tables for a criterion, which says what it stands for once it is in a statement."""
        return column if self.stand_ins is None else Sourced(column, self)
