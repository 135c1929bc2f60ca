"""A mapped class as one item of a SELECT: from which FROM element, and with which columns.

A mapper stands for its class with its own tables and the usual columns; an :class:`EntityView` for anything else: an alias that a
joined relationship is loaded from, a subquery, another choice of columns.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from flask_uow.orm.instrumentation.relationship_attributes import RelationshipAttribute
from flask_uow.orm.mapping.class_expressions import class_expression
from flask_uow.orm.mapping.view_attributes import ViewColumn, ViewRelationship
from flask_uow.sql.expressions import ColumnElement, ColumnOperators
from flask_uow.sql.rewriting import rewritten
from flask_uow.sql.schema import Column, Table
from flask_uow.sql.select import Select
from flask_uow.sql.selectable import Alias, FromClause
from flask_uow.sql.stand_ins import StandIns

if TYPE_CHECKING:
    from flask_uow.orm.instrumentation.attributes import ColumnAttribute
    from flask_uow.orm.interfaces import AnyColumn
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.source import MappedSource
    from flask_uow.sql.nodes import ClauseElement

__all__ = [
    "DISCRIMINATOR",
    "EntityView",
    "ExtraColumn",
    "Layout",
    "alias_of",
    "key_of_extra",
    "keys_of",
]


# what a subquery calls the column that tells the class of a row, where no attribute does
DISCRIMINATOR = "polymorphic_on"


class ExtraColumn(NamedTuple):
    """A column of a subclass that a query of its base selects as well.

    :ivar mapper: the subclass's mapper.
    :ivar name: its attribute.
    :ivar column: what is selected.
    """

    mapper: Any
    name: str
    column: Any


class Layout(NamedTuple):
    """Which attributes the columns of a row belong to.

    :ivar names: attributes of the class that was asked for.
    :ivar extra: those of subclasses, which come after.
    :ivar discriminator: the last column, which tells the class of a row where no attribute does; or None.
    """

    names: tuple[str, ...]
    extra: tuple[ExtraColumn, ...] = ()
    discriminator: Any = None

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.names) + len(self.extra) + (self.discriminator is not None)


def alias_of(selectable: FromClause, name: str | None = None) -> Alias:
    """Return an alias of what a class is mapped to: of a join, a subquery of all its columns."""
    if isinstance(selectable, (Table, Alias)):
        return selectable.alias(name)
    columns = tuple(column.label(key) for key, column in selectable.c.items())
    return Select(columns).select_from(selectable).subquery(name)


class EntityView:
    """A mapped class as ``select()`` and the loaders see it; see :class:`flask_uow.sql.interfaces.MappedEntity`.

    :ivar mapper: the mapper.
    :ivar selectable: the FROM element that rows come from: the mapper's own, or an alias of it.
    :ivar names: the attributes whose columns are loaded, in order.
    :ivar prefix: what the names of the columns begin with in ``selectable``.
    :ivar extra: columns of subclasses that are loaded as well.
    :ivar is_plain: True where columns are called as everywhere: no alias or subquery stands for the tables.
    :ivar stand_ins: what stands for the columns of the tables in ``selectable``, where that is plain.
    :ivar own: what stands for the columns of the tables in ``selectable``, where a statement of the user's own has its own names; else None.
    :ivar discriminator: the column that tells the class of a row, where a query has said so; else None.
    :ivar is_joined: True where a join brings it in, whose ON clause has the criteria then.
    :ivar join_of: the join that the user has named, where ``selectable`` is the subquery of its columns; else None.
    """

    __slots__ = (
        "_columns", "discriminator", "extra", "is_joined", "join_of", "is_plain", "mapper", "names", "own", "prefix", "selectable", "stand_ins",
    )  # fmt: skip

    def __init__(
        self,
        mapper: Mapper,
        selectable: FromClause,
        names: tuple[str, ...],
        prefix: str = "",
        extra: tuple[ExtraColumn, ...] = (),
        is_plain: bool = False,
    ) -> None:
        self.mapper = mapper
        self.selectable = selectable
        self.names = names
        self.prefix = prefix
        self.extra = extra
        self.is_plain = is_plain or selectable is mapper.selectable
        self.stand_ins: StandIns | None = mapper.stand_ins if selectable is mapper.selectable else None
        self.own: StandIns | None = None
        self.discriminator: ColumnElement[Any] | None = None
        self.is_joined = False
        self.join_of: FromClause | None = None
        self._columns: tuple[ColumnElement[Any], ...] | None = None

    @property
    def __uow_entity__(self) -> EntityView:
        return self

    @property
    def base_mapper(self) -> Any:
        """The mapper that identity keys are counted in."""
        return self.mapper.base_mapper

    @property
    def layout(self) -> Layout:
        """Which attributes the columns belong to."""
        return Layout(self.names, self.extra, self.discriminator)

    @property
    def shape_atom(self) -> Any:
        """Stands for the columns in the shape of a statement; None where they have to be walked."""
        if self.selectable is not self.mapper.selectable or self.mapper.shape_atom is None:
            return None
        return (self.mapper, self.names, len(self.extra))

    @property
    def written(self) -> Any:
        """The element that INSERT, UPDATE and DELETE write."""
        return self.selectable

    @property
    def plan_atom(self) -> Any:
        """Tells statements apart whose rows become objects in another way."""
        return (self.mapper, self.layout)

    @property
    def is_of_class(self) -> bool:
        """True where the class itself is meant, and no alias of it."""
        return self.is_plain

    @property
    def chosen_rows(self) -> EntityView | None:
        """The view as a relationship leads to it: to some of the class's rows; None where it has all of them, as everywhere."""
        return None if self.is_plain else self

    @property
    def entity_froms(self) -> tuple[Any, ...]:
        """The elements of FROM beside the tables that the columns bring in."""
        return () if isinstance(self.selectable, Table) else (self.selectable,)

    @property
    def own_criteria(self) -> tuple[Any, ...]:
        """The conditions on rows of the class, where its table holds others as well."""
        return tuple(self.adapt(criterion) for criterion in self.mapper.own_criteria)

    @property
    def criteria(self) -> tuple[Any, ...]:
        """The conditions that a statement puts into WHERE."""
        return () if self.is_joined else self.own_criteria

    def entity_columns(self) -> tuple[ColumnElement[Any], ...]:
        """The columns that make up one object, then those of subclasses."""
        # the same objects every time: a statement knows the parameters of expressions by identity
        if self._columns is None:
            own = [self._column_of(name) for name in self.names]
            last = [self.discriminator] if self.discriminator is not None else []
            self._columns = (*own, *(self.adapt(extra.column) for extra in self.extra), *last)
        return self._columns

    def equal_columns(self) -> Iterator[tuple[Any, Any]]:
        """Yield the columns that are kept equal to one that is selected, each with that one."""
        return equal_columns_of(self.mapper, self, self.names)

    def _column_of(self, name: str) -> Any:
        prop = self.mapper.column_attrs[name]
        if not prop.is_stored and not self.is_plain:
            # a query inside has worked the expression out, and may lack the columns that it needs
            found = self.selectable.c.get(f"{self.prefix}{prop.column.name}")
            if found is not None and not isinstance(getattr(found, "original", None), Column):
                return found
        return self.adapt(prop.column)

    def attribute(self, name: str) -> Any:
        """Return an attribute of the class as it is here.

        :raises AttributeError: when the class has none of that name.
        """
        expression = class_expression(self.mapper.class_, name)
        if expression is not None:
            return expression.of_entity(EntityNamespace(self))
        return self.here(getattr(self.mapper.class_, name))

    def here(self, found: object) -> Any:
        """Return an attribute of the class as it is here."""
        if isinstance(found, RelationshipAttribute):
            return ViewRelationship(found, self)
        of_view = getattr(type(found), "of_view", None)
        comparator = of_view(found, self) if of_view is not None else None
        if comparator is not None:
            return comparator
        return ViewColumn(cast("ColumnAttribute", found), self) if isinstance(found, ColumnOperators) else found

    def attribute_for_filter(self, name: str) -> Any:
        """Return the attribute that ``filter_by(name=...)`` means.

        :raises InvalidRequestError: when there is none.
        """
        self.mapper.attribute_for_filter(name)
        return self.attribute(name)

    def with_names(self, names: tuple[str, ...]) -> EntityView:
        """Return the view with other attributes loaded, as far as it has columns for them."""
        made = copy.copy(self)
        made._columns = None
        if self.is_plain:
            made.names = names
            return made
        made.names = tuple(name for name in names if self._may_have(self.mapper.column_attrs[name].column))
        made.extra = tuple(extra for extra in self.extra or self.mapper.extra if self._may_have(extra.column))
        return made

    def _may_have(self, column: AnyColumn) -> bool:
        # an expression is worked out from what is there
        here = self.mapper.column(column)
        return keys_of(self.mapper).get(here) is None or self.has(here)

    def key_of(self, column: AnyColumn) -> str | None:
        """Return the key that a column of the mapper's tables has in ``selectable``; None for any other column."""
        found = keys_of(self.mapper).get(column)
        if found is None and any(extra.column is column for extra in self.extra):
            return key_of_extra(column)
        return found

    def column(self, column: AnyColumn) -> Any:
        """Return a column of the mapper's tables as it is called here."""
        if self.is_plain:
            return column if self.stand_ins is None else self.stand_ins.column(column)
        if self.own is not None:
            return self.own.column(column)
        key = self.key_of(self.mapper.column(column))
        if key is None:
            return column
        found = self.selectable.c.get(self.prefix + key)
        return found if found is not None else self._equal_column(column, self.prefix + key)

    def said_of(self, column: AnyColumn) -> Any:
        """Return a column of the mapper's tables as criteria on the view have it."""
        return self.mapper.said_of(column) if self.is_plain else self.column(column)

    def has(self, column: AnyColumn) -> bool:
        """Return True when a column of the mapper's tables is among those of ``selectable``."""
        if self.own is not None:
            return self.own.column(column) is not column
        return self.is_plain or f"{self.prefix}{self.key_of(self.mapper.column(column))}" in self.selectable.c

    def _equal_column(self, column: AnyColumn, key: str) -> Any:
        """Return a column that is kept equal to a missing one: a joined table's key is that of its base, too."""
        if self.mapper.maps_column(column):
            for other in self.mapper.column_attrs[self.mapper.name_of_column(column)].columns:
                found = self.selectable.c.get(f"{self.prefix}{self.key_of(self.mapper.column(other))}")
                if found is not None:
                    return found
        return self.selectable.c[key]

    def adapt(self, expression: ColumnElement[Any]) -> Any:
        """Return an expression with the columns of the mapper's tables as they are called here."""
        if self.is_plain:
            return expression if self.stand_ins is None else self.stand_ins.adapt(expression)
        if self.own is not None:
            return self.own.adapt(expression)
        return rewritten(
            expression,
            lambda node: self.column(cast("AnyColumn", node)) if self._is_ours(node) else None,
            keep_own=True,
        )

    def _is_ours(self, node: ClauseElement) -> bool:
        return (
            getattr(node, "table", None) is not None
            and self.key_of(self.mapper.column(cast("AnyColumn", node))) is not None
        )


class EntityNamespace:
    """Has the attributes of a view, as a class has its own: what a hybrid is called with in place of its class."""

    def __init__(self, view: EntityView) -> None:
        self.__uow_entity__ = view

    def __getattr__(self, name: str) -> Any:
        # copy and inspect ask for special methods, which no alias of a class has
        if name.startswith("__"):
            raise AttributeError(name)
        return self.__uow_entity__.attribute(name)

    def __repr__(self) -> str:
        return f"<an alias of {self.__uow_entity__.mapper.class_.__name__}>"


def equal_columns_of(
    mapper: Mapper, entity: MappedSource | EntityView, names: Sequence[str]
) -> Iterator[tuple[Any, Any]]:
    """Yield the columns that are kept equal to those of attributes which an entity selects, a joined table's key say, each with the selected one."""
    for name, selected in zip(names, entity.entity_columns(), strict=False):
        for column in mapper.column_attrs[name].columns:
            here = entity.column(column)
            if here is not selected:
                yield here, selected


def keys_of(mapper: Mapper) -> dict[Any, str]:
    """Return the columns of what a mapper selects from, each with its key there."""
    found: dict[Any, str] | None = mapper.memo.get("keys")
    if found is None:
        found = {column: key for key, column in mapper.selectable.c.items()}
        if mapper.stand_ins is not None:
            # one column of a union stands for those of several subclasses
            named = {(id(column.table), column.name): key for column, key in found.items()}
            for original in mapper.stand_ins.originals:
                standing = mapper.column(original)
                found.setdefault(standing, named[id(standing.table), standing.name])
        mapper.memo["keys"] = found
    return found


def key_of_extra(column: AnyColumn) -> str:
    """Return the key that a column of a subclass's table has where a query has chosen to select it, and the mapper has not."""
    table = getattr(column, "table", None)
    name = getattr(column, "key", column.name)
    return f"{table.name}_{name}" if table is not None else str(name)
