"""A query as a subquery of another: what ``from_self()``, ``union()`` and their kin are made of.

The entities of the inner query become views of the subquery, and whatever is said later about the classes' own columns is said of the
subquery's instead: an :class:`Adaption` knows which stands for which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.loading.loader_option import LoaderOption
from flask_uow.orm.mapping.entity import DISCRIMINATOR, EntityView, key_of_extra, keys_of
from flask_uow.sql.entities import expand_entity, key_of_item
from flask_uow.sql.expressions import ColumnElement, ColumnOperators, Label
from flask_uow.sql.froms import froms_of
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.rewriting import rewritten
from flask_uow.sql.select import Select
from flask_uow.sql.select_base import CompoundSelect, SelectBase
from flask_uow.sql.selectable import FromClause
from flask_uow.sql.subqueries import Subquery

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import Entity
    from flask_uow.sql.columns import Column

__all__ = ["Adaption", "enclosed"]


class Adaption:
    """Columns that others stand for from now on. Immutable.

    :ivar views: the view that stands for an entity: the mapper of a class, or an alias.
    """

    def __init__(
        self, pairs: Sequence[tuple[Any, Any]], views: dict[Any, EntityView], hidden: Sequence[Any] = ()
    ) -> None:
        # the originals are kept alive, since their ids are the keys
        self._pairs = tuple(pairs)
        self._columns = {id(original): replacement for original, replacement in pairs}
        self._hidden = {id(element) for element in hidden}
        self._hidden_elements = tuple(hidden)
        self.views = views

    @classmethod
    def to_view(cls, view: EntityView) -> Adaption:
        """Return the adaption to one view, an alias say."""
        mapper = view.mapper
        columns = [*mapper.selectable.c, *(mapper.stand_ins.originals if mapper.stand_ins is not None else ())]
        return cls([(column, view.column(column)) for column in columns], {mapper: view})

    def adapt(self, expression: object) -> Any:
        """Return an expression (or what stands for one) with the columns replaced.

        :raises InvalidRequestError: for a column of the inner query's tables that is not among its results.
        """
        if isinstance(expression, ColumnOperators) and not isinstance(expression, ClauseElement):
            expression = expression.__clause_element__()
        return (
            rewritten(expression, self._replace, keep_own=True) if isinstance(expression, ClauseElement) else expression
        )

    def adapt_options(self, options: Sequence[Any]) -> tuple[Any, ...]:
        """Return loader options with the columns of their expressions replaced."""
        return tuple(option.adapted(self.adapt) if isinstance(option, LoaderOption) else option for option in options)

    def _replace(self, node: ClauseElement) -> ClauseElement | None:
        found = self._columns.get(id(node))
        if found is None and id(getattr(node, "table", None)) in self._hidden and isinstance(node, ColumnElement):
            raise InvalidRequestError(
                f"{node.name!r} is not among the columns of the inner query. Give it to from_self() or query() as well."
            )
        return found

    def then(self, later: Adaption) -> Adaption:
        """Return the adaption that applies ``later`` to the results of this one, and to columns that this one leaves alone."""
        pairs = [(original, later._columns.get(id(column), column)) for original, column in self._pairs]
        known = {id(original) for original, _ in pairs}
        pairs.extend(pair for pair in later._pairs if id(pair[0]) not in known)
        views = {entity: later.views.get(view, view) for entity, view in self.views.items()}
        return Adaption(pairs, {**later.views, **views}, (*self._hidden_elements, *later._hidden_elements))


def enclosed(select: SelectBase, entities: Sequence[Any]) -> tuple[Select, Adaption]:
    """Return the SELECT from a query as a subquery, and what stands for the query's columns there.

    :param entities: the items of the query.
    """
    labels, prefixes = _labels(entities)
    source = _labelled(select, labels).subquery()
    items: list[Any] = []
    pairs: list[tuple[Any, Any]] = []
    views: dict[Any, EntityView] = {}
    hidden: list[FromClause] = []
    position = 0
    for item, prefix in zip(entities, prefixes, strict=True):
        entity = getattr(item, "__uow_entity__", None)
        columns = expand_entity(item)
        names = labels[position : position + len(columns)]
        position += len(columns)
        pairs.extend((column, source.c[name]) for column, name in zip(columns, names, strict=True))
        pairs.extend(_behind_synonym(item, columns, names, source))
        if entity is not None:
            pairs.extend(_equal_columns(entity, names, source))
            view = _NamedView(entity, source, prefix, getattr(item, "entity_name", None))
            items.append(view)
            # what is said of an alias is about another part of the subquery than what is said of its class
            views.setdefault(entity if entity is entity.mapper or not entity.is_plain else entity.mapper, view)
            hidden.append(entity.selectable)
            if entity.stand_ins is not None:
                hidden.extend(entity.mapper.tables)
        else:
            hidden.extend(element for column in columns for element in froms_of(column))
            pairs.extend(_stood_for(select, item, columns, names, source))
            items.extend(_renamed(item, source.c[name], len(columns)) for name in names)
    adaption = Adaption(pairs, views, hidden)
    made = (
        Select(tuple(items))
        .select_from(source)
        .with_parts(loader_options=adaption.adapt_options(getattr(select, "loader_options", ())))
        .execution_options(**select.get_execution_options())
    )
    return made, adaption


def _equal_columns(entity: Entity, names: Sequence[str], source: FromClause) -> Iterator[tuple[Any, Any]]:
    """Yield columns of an entity's tables with what stands for them in the subquery, where that is a column which was selected for others.

    Of columns that are kept equal, a joined table's key say, the first is selected and stands for all; and a union's for those of tables.
    """
    mapper = entity.mapper
    selected = [*((mapper, name) for name in entity.layout.names), *((e.mapper, e.name) for e in entity.layout.extra)]
    for (owner, attribute), name in zip(selected, names, strict=False):
        for column in owner.column_attrs[attribute].columns:
            here = entity.column(column)
            yield here, source.c[name]
            if not isinstance(entity, EntityView) or entity.is_plain:
                yield column, source.c[name]


def _stood_for(
    select: SelectBase, item: object, columns: Sequence[Any], names: Sequence[str], source: FromClause
) -> Iterator[tuple[Any, Any]]:
    """Yield what an item's columns are called in a SELECT where others stand for them, with the subquery's columns."""
    if isinstance(select, Select):
        for column, here, name in zip(columns, select.columns_of_item(item), names, strict=True):
            if here is not column:
                yield here, source.c[name]
                yield from _behind_synonym(item, [here], [name], source)


def _behind_synonym(
    item: object, columns: Sequence[Any], names: Sequence[str], source: FromClause
) -> Iterator[tuple[Any, Any]]:
    """Yield the column that an item stands for which was selected under another name: criteria are about it, not about its name in rows."""
    if getattr(item, "selected_name", None) is not None or getattr(item, "column_name", None) is not None:
        for column, name in zip(columns, names, strict=True):
            yield column.element, source.c[name]


class _NamedView(EntityView):
    """A view of a subquery; the name of an alias goes on being that of its objects in a result row."""

    __slots__ = ("_is_of_class", "entity_name")

    def __init__(self, entity: Entity, selectable: FromClause, prefix: str, entity_name: str | None) -> None:
        mapper, layout = entity.mapper, entity.layout
        super().__init__(mapper, selectable, layout.names, prefix, layout.extra)
        self._is_of_class = entity.is_of_class
        if layout.discriminator is not None:
            self.discriminator = selectable.c[f"{prefix}{DISCRIMINATOR}"]
        # the query inside has the criteria
        self.is_joined = True
        self.entity_name = entity_name

    @property
    def is_of_class(self) -> bool:
        # what a query is enclosed as is none of the user's aliases
        return self._is_of_class

    @property
    def plan_atom(self) -> Any:
        return (self.mapper, self.layout, self.entity_name)


def _renamed(item: object, column: Column[Any], width: int) -> Any:
    key = key_of_item(item) if width == 1 else None
    name = key if key is not None else getattr(item, "name", None)
    return Label(name, column) if isinstance(name, str) and width == 1 and name != column.name else column


def _labels(entities: Sequence[Any]) -> tuple[list[str], list[str]]:
    """Return a name for each column, and for each item what the names of its columns begin with."""
    labels: list[str] = []
    prefixes: list[str] = []
    taken: set[str] = set()
    for item in entities:
        entity = getattr(item, "__uow_entity__", None)
        columns = expand_entity(item)
        if entity is None:
            prefixes.append("")
            names = [str(column.name or "anon") for column in columns]
            names = [_unique(name, taken) for name in names]
        else:
            mapper = entity.mapper
            base = f"{getattr(mapper.local_table, 'name', None) or 'anon'}_"
            known, layout = keys_of(mapper), entity.layout
            own = [mapper.column(mapper.column_attrs[n].column) for n in layout.names]
            keys = [known.get(column) or str(column.name or "anon") for column in own]
            keys.extend(known.get(extra.column) or key_of_extra(extra.column) for extra in layout.extra)
            keys.extend([DISCRIMINATOR] if layout.discriminator is not None else [])
            # two items of one class get prefixes of their own
            number = 1
            prefix = base
            while any(f"{prefix}{key}" in taken for key in keys):
                number += 1
                prefix = f"{base}{number}_"
            prefixes.append(prefix)
            names = [f"{prefix}{key}" for key in keys]
            taken.update(names)
        labels.extend(names)
    return labels, prefixes


def _unique(name: str, taken: set[str]) -> str:
    made, number = name, 1
    while made in taken:
        number += 1
        made = f"{name}_{number}"
    taken.add(made)
    return made


def _labelled(select: SelectBase, labels: Sequence[str]) -> SelectBase:
    """Return a SELECT whose columns have these names; of a compound, the first member decides."""
    if isinstance(select, CompoundSelect):
        return select.with_parts(selects=(_labelled(select.selects[0], labels), *select.selects[1:]))
    if not isinstance(select, Select):
        inner: Subquery = select.subquery()
        return Select(tuple(Label(label, column) for label, column in zip(labels, inner.c, strict=True)))
    columns = [column.element if isinstance(column, Label) else column for column in select.columns_clause]
    labelled = [
        original if original.name == label and original.__visit_name__ != "column" else Label(label, column)
        for label, column, original in zip(labels, columns, select.columns_clause, strict=True)
    ]
    # the entities have gone, and options for them apply to the outer query
    return select.with_columns_of_same_rows(*labelled).with_parts(loader_options=())
