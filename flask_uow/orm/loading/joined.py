"""Works joined eager loading into a SELECT: LEFT OUTER JOINs to aliases, and their columns behind those of the query.

A query with LIMIT, DISTINCT or GROUP BY becomes a subquery first where a collection is joined to it, since a joined collection
multiplies rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.loading.load_tree import LoadTree
from flask_uow.orm.loading.parts import Path
from flask_uow.orm.mapping.entity import DISCRIMINATOR, EntityView, alias_of, key_of_extra, keys_of
from flask_uow.orm.mapping.standing_in import stand_ins_for
from flask_uow.orm.strategies import EAGER, Strategy
from flask_uow.sql.expressions import ColumnElement, Label, OrderName
from flask_uow.sql.for_update import ForUpdate
from flask_uow.sql.froms import collect_froms
from flask_uow.sql.operations import and_
from flask_uow.sql.rewriting import rewritten, without_direction
from flask_uow.sql.select import Select
from flask_uow.sql.selectable import FromClause, Join
from flask_uow.sql.subqueries import CTE

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty

__all__ = ["EntityNode", "Item", "strategy_of", "view_of", "with_joins"]


def strategy_of(prop: RelationshipProperty, tree: LoadTree | None, path: Path) -> str:
    """Return how a relationship is loaded.

    :param tree: the options at this place.
    :param path: the mappers from the root to here; it stops the recursion where relationships that are eager by their mapping form a cycle.
    """
    chosen = tree.strategy(prop.key) if tree is not None else None
    # "*" does not name the relationship, and a cycle of classes would never end
    if chosen in EAGER and tree is not None and prop.key not in tree.strategies and prop.mapper in path:
        return "select"
    if tree is not None and tree.is_lazy and (chosen in EAGER or (chosen is None and prop.lazy in EAGER)):
        return "select"
    if chosen is not None:
        return chosen
    strategy: str = prop.lazy
    if strategy in EAGER:
        if prop.join_depth is not None:
            return strategy if len(path) <= prop.join_depth else "select"
        if prop.mapper in path:
            # a reference to what is there already costs nothing
            return "present" if strategy == Strategy.IMMEDIATE and prop.uses_get else "select"
        return strategy
    return strategy


@dataclass(eq=False)
class EntityNode:
    """An entity of a statement that is being planned, or a relationship that is joined to one; it becomes an :class:`EntityPart`.

    :ivar view: class, FROM element and columns.
    :ivar tree: the options that apply to the objects, or None.
    :ivar path: the mappers from the root to here.
    :ivar prop: the relationship by which they were reached; None for an entity of the query itself.
    :ivar is_ours: True where the join is to be added, False where the query has it.
    :ivar joined: what is joined to them.
    """

    view: EntityView
    tree: LoadTree | None
    path: Path
    prop: RelationshipProperty | None = None
    is_ours: bool = False
    joined: list[EntityNode] = field(default_factory=list)

    def collect(self) -> None:
        """Find what is to be joined, here and below."""
        mapper = self.view.mapper
        for prop in mapper.relationships.values():
            strategy = strategy_of(prop, self.tree, self.path)
            if strategy not in ("joined", "contains"):
                continue
            target = prop.mapper
            below = self.tree.under(prop.key) if self.tree is not None else None
            source = self.tree.sources.get(prop.key) if self.tree is not None else None
            # an alias, so that the user's own joins to the same table, and conditions on them, leave the members
            # alone
            if strategy == "joined":
                source = alias_of(target.selectable)
            elif source is None:
                source = target.selectable
            else:
                named = source.__uow_entity__.mapper if hasattr(source, "__uow_entity__") else target
                target = named if named.isa(target) else target
            node = EntityNode(view_of(target, source, below), below, (*self.path, target), prop, strategy == "joined")
            if strategy == "contains" and not hasattr(source, "__uow_entity__"):
                _find_own(node.view)
            node.view.is_joined = True
            self.joined.append(node)
            node.collect()

    def contained(self) -> Iterator[EntityNode]:
        """Yield what the query itself has joined to them, parents first."""
        for node in self.joined:
            if not node.is_ours:
                yield node
                yield from node.contained()

    def walk(self) -> Iterator[EntityNode]:
        """Yield everything that is joined, parents first."""
        for node in self.joined:
            yield node
            yield from node.walk()


def _find_own(view: EntityView) -> None:
    """Have a view find its columns in a subquery of the user's own, which may have those of other tables under the same names."""
    source = view.selectable
    if source is not view.mapper.selectable and getattr(source, "element", None) is not view.mapper.selectable:
        view.own = stand_ins_for(view.mapper, source)
        found = view.with_names(view.names)
        view.names, view.extra = found.names, found.extra


# what a statement under planning selects: a node for each entity, and columns
Item = EntityNode | ColumnElement[Any]


def view_of(mapper: Mapper, selectable: FromClause, tree: LoadTree | None) -> EntityView:
    """Return a mapper with the columns that the options choose."""
    names = mapper.loaded_names
    if tree is not None and tree.columns:
        chosen = tree.columns
        keys = mapper.primary_key_names
        names = tuple(
            name
            for name, prop in mapper.column_attrs.items()
            if name in keys or name == mapper.discriminator or chosen.get(name, not prop.deferred)
        )
    entity = getattr(selectable, "__uow_entity__", None)
    if entity is None or entity is mapper:
        source = entity.selectable if entity is not None else selectable
        return EntityView(mapper, source, names, extra=mapper.extra)
    view: EntityView = entity.with_names(names)
    return view


def with_joins(select: Select, items: Sequence[Item]) -> Select:
    """Return a SELECT with everything joined: the columns of its items, then those of what is joined.

    :param items: what it selects; their views are replaced where the SELECT becomes a subquery.
    """
    roots = [item for item in items if isinstance(item, EntityNode)]
    added = [node for root in roots for node in root.walk()]
    _check_contained(select, added)
    multiplies = any(
        node.prop is not None and (node.prop.uselist or node.prop.repeats) and node.is_ours for node in added
    )
    # a limit is about parents, and a join with a collection has several rows for one: so the limit stays inside, and
    # the join goes around it
    if multiplies and (
        select.limit_clause is not None
        or select.offset_clause is not None
        or select.distinct_clause
        or select.group_by_clauses
    ):
        made = _as_subquery(select, items)
    else:
        views = (item.view if isinstance(item, EntityNode) else item for item in items)
        made = select.with_columns_of_same_rows(*views)
    if added and made.for_update_clause is not None and not made.for_update_clause.of:
        made = _locking_own(made)
    # where an object may be missing, behind an outer join of the query itself, an inner join would drop rows
    has_outer = len(roots) > 1 or any(_is_outer(element) for element in select.explicit_froms)
    for root in roots:
        made = _joined(made, root, has_outer)
    return made.with_columns_of_same_rows(*made.entities, *(node.view for node in added)) if added else made


def _check_contained(select: Select, added: Sequence[EntityNode]) -> None:
    """Refuse to take from the rows what the query has not joined: each row would come with every object of the class.

    :raises InvalidRequestError: naming the relationship.
    """
    contained = [node for node in added if not node.is_ours]
    if not contained:
        return
    present = {id(part) for element in select.froms for part in element.from_objects()}
    for node in contained:
        missing = [
            part
            for part in node.view.selectable.from_objects()
            if not isinstance(part, Join) and id(part) not in present
        ]
        if missing and node.prop is not None:
            raise InvalidRequestError(
                f"contains_eager({node.prop.name}): {missing[0].description} is not in the FROM of the query, and every row would come with all of its"
                f" rows. Join it, join({node.prop.name}) say; where an alias was joined, name that: contains_eager({node.prop.name}.of_type(alias))."
            )


def _locking_own(select: Select) -> Select:
    """Return the SELECT locking the rows of its own tables: those that are joined to them for loading may be missing, and cannot be locked."""
    lock = select.for_update_clause
    assert lock is not None
    own = tuple(
        part
        for element in collect_froms(select.explicit_froms, select.columns_clause)
        for part in element.from_objects()
        if not isinstance(part, (Join, CTE))
    )
    return select.with_parts(for_update_clause=ForUpdate(lock.read, lock.nowait, lock.skip_locked, own, lock.key_share))


def _is_outer(element: FromClause) -> bool:
    if not isinstance(element, Join):
        return False
    return element.isouter or element.full or _is_outer(element.left) or _is_outer(element.right)


def _joined(select: Select, parent: EntityNode, is_outer: bool) -> Select:
    made = select
    for node in parent.joined:
        prop = node.prop
        assert prop is not None
        below_outer = is_outer
        if node.is_ours:
            chosen = parent.tree.inner.get(prop.key) if parent.tree is not None else None
            between = prop.sql.aliases()
            # an inner join below an outer one would drop the rows that the outer one keeps
            below_outer = is_outer or not (prop.innerjoin if chosen is None else chosen)
            steps = prop.sql.join_steps(None, parent.view, node.view, between)
            for number, (left, right, condition) in enumerate(steps, 1):
                # criteria go into ON: in WHERE they would drop parents without members that fulfil them
                if number == len(steps) and node.tree is not None:
                    criteria = node.tree.criteria_of(node.view)
                    condition = and_(condition, *(prop.sql.said_between(one, between) for one in criteria))
                made = made.with_join(left, right, condition, isouter=below_outer)
            order = prop.sql.order_by(node.view, between) if prop.uselist else []
            if order:
                # behind the order of the query, so that members come in their order and parents in theirs
                made = made.order_by(*order)
        made = _joined(made, node, below_outer)
    return made


# -- a query as a subquery


def _as_subquery(select: Select, items: Sequence[Item]) -> Select:
    columns: list[Label[Any]] = []
    names: dict[int, str] = {}

    def add(name: str, column: ColumnElement[Any]) -> str:
        columns.append(Label(name, column))
        names.setdefault(id(column), name)
        return name

    inside: list[tuple[EntityNode, str]] = []
    for number, item in enumerate(items):
        if not isinstance(item, EntityNode):
            add(f"c{number}", item)
            continue
        # what contains_eager() names is joined inside
        for node in (item, *item.contained()):
            prefix = f"e{number}_" if node is item else f"j{len(inside)}_"
            inside.append((node, prefix))
            # the columns of the entity, and those that joins to it need
            for key, column in _columns_of(node.view):
                add(prefix + key, column)
            if node.view.discriminator is not None:
                add(prefix + DISCRIMINATOR, node.view.discriminator)
    order = []
    select = _without_names(select)
    for number, criterion in enumerate(select.order_by_clauses):
        base = without_direction(criterion)
        order.append((criterion, names.get(id(base)) or add(f"o{number}", base)))
    source = select.with_columns_of_same_rows(*columns).subquery()
    for node, prefix in inside:
        had_discriminator = node.view.discriminator is not None
        node.view = EntityView(node.view.mapper, source, node.view.names, prefix, node.view.extra)
        if had_discriminator:
            node.view.discriminator = source.c[prefix + DISCRIMINATOR]
        # the query inside has the criteria
        node.view.is_joined = True
    outer = [item.view if isinstance(item, EntityNode) else source.c[f"c{n}"] for n, item in enumerate(items)]
    # the order of a subquery promises nothing about the rows of the query around it, so it is said again
    made = Select(tuple(outer)).select_from(source)
    return made.order_by(*(_with_direction(criterion, source.c[name]) for criterion, name in order))


def _columns_of(view: EntityView) -> Iterator[tuple[str, Any]]:
    """Yield what a view has of the columns that its class is selected with, and of those that it has chosen itself, each with its key."""
    mapper, seen = view.mapper, set()
    present = {id(part) for part in view.selectable.from_objects()}
    originals: dict[Any, Any] = {}
    if mapper.stand_ins is not None:
        for original in reversed(mapper.stand_ins.originals):
            originals[mapper.column(original)] = original
    for key, column in mapper.selectable.c.items():
        if view.has(column):
            found = view.column(originals.get(column, column) if view.is_plain else column)
            if id(found.table) in present:
                seen.add(key)
                yield key, found
    known = keys_of(mapper)
    for extra in view.extra:
        key = known.get(extra.column) or key_of_extra(extra.column)
        if key not in seen:
            seen.add(key)
            yield key, extra.column if view.is_plain else view.adapt(extra.column)


def _without_names(select: Select) -> Select:
    """Return the SELECT with expressions in place of the names of its columns, which are called otherwise in the subquery."""
    named = {column.name: column for column in reversed(select.columns_clause)}
    # in ORDER BY a label wins over a column that is read, in GROUP BY it is the other way round
    froms = collect_froms(select.explicit_froms, select.columns_clause)
    read = {column.name for element in froms for part in element.from_objects() for column in part.c}
    grouping = {name: column for name, column in named.items() if name not in read}
    return select.with_parts(
        order_by_clauses=tuple(_with_named(criterion, named) for criterion in select.order_by_clauses),
        group_by_clauses=tuple(_with_named(criterion, grouping) for criterion in select.group_by_clauses),
    )


def _with_named(criterion: ColumnElement[Any], named: dict[str | None, ColumnElement[Any]]) -> ColumnElement[Any]:
    base = without_direction(criterion)
    return _with_direction(criterion, named.get(base.name, base)) if isinstance(base, OrderName) else criterion


def _with_direction(criterion: ColumnElement[Any], column: ColumnElement[Any]) -> ColumnElement[Any]:
    base = without_direction(criterion)
    return rewritten(criterion, lambda node: column if node is base else None)
