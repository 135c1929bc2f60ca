"""Plans are made here: of a SELECT with its options, of a statement of the user's own, of what a relationship leads to.

A plan is kept under the statement's shape and its options. Values are no part of a shape, so that a plan may not hold any: those of the compiled
statement are found among the statement's own by their places (:func:`sources_in`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, MutableMapping, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from flask_uow.engine.names import ColumnNames, names_of, selected_by, unique_names
from flask_uow.engine.rows import RowMaker, row_maker
from flask_uow.orm.loading.joined import EntityNode, Item, strategy_of, view_of, with_joins
from flask_uow.orm.loading.load_tree import LoadTree
from flask_uow.orm.loading.options import BatchLoading, collect_options, load_tree
from flask_uow.orm.loading.parts import ColumnPart, EntityLoader, EntityPart, Following, FollowingColumns, Part, Path
from flask_uow.orm.loading.plan import Bundled, QueryPlan, Source
from flask_uow.orm.loading.rows import loader_for
from flask_uow.orm.loading.statements import is_unknown_key
from flask_uow.orm.mapping.entity import Layout
from flask_uow.orm.mapping.registry import mapping_version
from flask_uow.orm.state.siblings import BATCH_SIZE
from flask_uow.orm.strategies import EAGER
from flask_uow.sql.compiler import Compiled, compile_statement
from flask_uow.sql.entities import expand_entity, key_of_item, members_of_bundle
from flask_uow.sql.expressions import ColumnElement, Label
from flask_uow.sql.from_statement import FromStatement
from flask_uow.sql.nodes import Shape
from flask_uow.sql.schema import Table
from flask_uow.sql.select import Select
from flask_uow.sql.selectable import Alias, FromClause, Join

if TYPE_CHECKING:
    from flask_uow.engine.dialects.base import Dialect
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.sql.dml_statement import DMLStatement
    from flask_uow.sql.select_base import SelectBase

__all__ = [
    "KeyedSelect", "batch_option", "bundles_of", "columns_of_subclasses", "find_plan", "following_of", "has_eager", "items_of",
    "may_repeat", "plain_plan", "plan_beside", "plan_of_items", "planned_once", "result_names", "root_of",
    "sources_in",
]  # fmt: skip


class KeyedSelect(NamedTuple):
    """A SELECT with keys that are given at each execution.

    :ivar select: the statement.
    :ivar root: the entity that it selects, or None.
    :ivar columns: the columns that are read beside it.
    """

    select: Select
    root: EntityNode | None
    columns: Sequence[ColumnElement[Any]]


def find_plan(
    select: SelectBase, dialect: Dialect, cache: MutableMapping[Hashable, Compiled], streamed: bool = False
) -> tuple[QueryPlan, list[Any]]:
    """Return the plan of a SELECT, and the values of its bind parameters.

    :param cache: the engine's compiled statements; the plan is kept with the one that it sends.
    :param streamed: True where rows come some at a time, so that nothing may be joined.
    :raises ArgumentError: for an option that fits none of the entities.
    """
    if isinstance(select, Select) and (select.loader_options or has_eager(select)):
        return _find_eager(select, dialect, cache, streamed)
    compiled, values = compile_statement(select, dialect, cache)
    plan: QueryPlan | None = compiled.memo.get("plan")
    if plan is None:
        if isinstance(select, Select) and len(select.columns_clause) < sum(
            map(len, map(expand_entity, select.entities))
        ):
            # a class has been given an attribute since the statement was made
            return find_plan(select.with_columns_of_same_rows(*select.entities), dialect, cache, streamed)
        plan = compiled.memo["plan"] = plain_plan(select, compiled, dialect)
    return plan, values


def _find_eager(
    select: Select, dialect: Dialect, cache: MutableMapping[Hashable, Compiled], streamed: bool
) -> tuple[QueryPlan, list[Any]]:
    shape = select.shape()
    is_told_apart = collect_options(select.loader_options, shape)
    # an attribute that a class is given later may be loaded eagerly, by any statement that comes to it
    key = ("plan", streamed, mapping_version(), *shape.key)
    # the engine's own cache, which is bounded: a plan goes together with its compiled statement
    compiled = cache.get(key) if is_told_apart else None
    if compiled is None:
        plan = _eager_plan(select, shape, dialect, streamed)
        if is_told_apart:
            plan.compiled.memo["plan"] = plan
            cache[key] = plan.compiled
    else:
        plan = compiled.memo["plan"]
    return plan, [bind.value for bind in shape.binds]


def has_eager(select: Select) -> bool:
    """Return True where a class of the SELECT has a relationship that is loaded eagerly."""
    for item in select.entities:
        entity = getattr(item, "__uow_entity__", None)
        if entity is not None and entity.mapper.has_eager:
            return True
    return False


# -- of a SELECT with eager loading


def _eager_plan(select: Select, shape: Shape, dialect: Dialect, streamed: bool) -> QueryPlan:
    items = items_of(select, joins=not streamed)
    for item in items:
        if isinstance(item, EntityNode) and item.tree is not None:
            item.tree.note_given(shape)
    names, batch, repeats, bundles = (
        result_names(select),
        batch_option(select),
        rows_may_repeat(select),
        bundles_of(select),
    )
    expressions = _expressions_of(items)
    if expressions:
        # they are columns of the query itself, whatever is joined to it
        columns = tuple(column for _, _, column in expressions)
        select, items = select.add_columns(*columns), [*items, *columns]
    if streamed:
        views = (item.view if isinstance(item, EntityNode) else item for item in items)
        made = select.with_columns_of_same_rows(*views)
    else:
        made = with_joins(select, items)
    # a cache of its own: it is found again by the statement that was given, not by the one with the joins
    compiled, _ = compile_statement(made, dialect, {})
    return plan_of_items(
        items,
        compiled,
        dialect,
        names=names,
        sources=sources_in(made.shape(), shape),
        batch=batch,
        may_repeat=repeats,
        takes_joins=not streamed,
        may_be_subquery=not streamed,
        bundles=bundles,
        expressions=tuple((number, name) for number, name, _ in expressions),
    )


def _expressions_of(items: Sequence[Item]) -> list[tuple[int, str, ColumnElement[Any]]]:
    """Return the expressions that options select for attributes of the entities: the number of the entity, the attribute, the expression."""
    return [
        (number, name, Label(f"{name}_of_{number}", expression))
        for number, item in enumerate(items)
        if isinstance(item, EntityNode) and item.tree is not None
        for name, expression in item.tree.expressions.items()
    ]


def items_of(select: Select | FromStatement, joins: bool = True) -> list[Item]:
    """Return the items of a statement: a node for each entity, with its options, and columns.

    :param joins: False where nothing can be joined to the statement.
    """
    entities = [item.__uow_entity__ for item in select.entities if hasattr(item, "__uow_entity__")]
    items: list[Item] = []
    seen: set[Mapper] = set()
    for item in select.entities:
        entity = getattr(item, "__uow_entity__", None)
        if entity is None:
            items.extend(select.columns_of_item(item) if isinstance(select, Select) else expand_entity(item))
            continue
        mapper = entity.mapper
        # options that name no entity are for the first of a class
        tree = load_tree(select.loader_options, entity, entities, mapper not in seen)
        seen.add(mapper)
        node = EntityNode(view_of(mapper, entity, tree), tree, (mapper,))
        if joins:
            node.collect()
        items.append(node)
    return items


def batch_option(select: Select | FromStatement) -> bool | None:
    """Return whether the options of a statement turn batched lazy loading on or off; None when they say nothing."""
    found = None
    for option in select.loader_options:
        if isinstance(option, BatchLoading):
            found = option.enabled
    return found


def sources_in(made: Shape, given: Shape) -> tuple[Source, ...] | None:
    """Return where the values of a statement come from that was made of another one; None where both have the same ones.

    A parameter is known by its identity: making one statement of another copies nodes, never parameters. One that the other does not have
    is of the mapping, of a relationship's condition say, and the same every time.
    """
    places = {id(bind): place for place, bind in enumerate(given.binds)}
    sources = tuple(bind if (place := places.get(id(bind))) is None else place for bind in made.binds)
    is_same = len(sources) == len(given.binds) and all(type(s) is int and s == n for n, s in enumerate(sources))
    return None if is_same else sources


def plan_of_items(
    items: Sequence[Item],
    compiled: Compiled,
    dialect: Dialect,
    *,
    names: tuple[str, ...] = (),
    sources: tuple[Source, ...] | None = None,
    batch: bool | None = None,
    may_repeat: bool = True,
    takes_joins: bool = True,
    follows: bool = True,
    may_be_subquery: bool = False,
    positions: tuple[int, ...] | None = None,
    bundles: tuple[Bundled, ...] | None = None,
    expressions: tuple[tuple[int, str], ...] = (),
) -> QueryPlan:
    """Return the plan of a statement whose columns are those of its items, then those of what is joined to them.

    :param takes_joins: False where nothing can be joined to the statement: the strategy joined is followed by further statements then.
    :param follows: False where no further statements are to follow.
    :param may_be_subquery: True where the strategy subquery can repeat the statement.
    """
    roots = [item for item in items if isinstance(item, EntityNode)]
    starts: dict[EntityNode, int] = {}
    columns: list[tuple[int, ColumnElement[Any]]] = []
    width = 0
    for item in (*items, *(node for root in roots for node in root.walk())):
        if isinstance(item, EntityNode):
            starts[item] = width
            width += item.view.layout.width
        else:
            columns.append((width, item))
            width += 1
    single = may_be_subquery and len(items) == 1

    def part_of(node: EntityNode) -> EntityPart:
        mapper, layout = node.view.mapper, node.view.layout
        following: tuple[Following, ...] = ()
        columns_after: tuple[FollowingColumns, ...] = ()
        if follows:
            columns_after = tuple(columns_of_subclasses(mapper, node.tree, layout))
            by_subquery_here = single and node.prop is None
            following = tuple(following_of(mapper, node.tree, node.path, not takes_joins, by_subquery_here))
        joined = tuple(part_of(below) for below in node.joined)
        load = loader_for(mapper, layout, dialect)
        return EntityPart(
            mapper,
            layout,
            starts[node],
            width,
            load,
            node.tree,
            node.path,
            node.prop,
            node.is_ours,
            joined,
            following,
            columns_after,
        )

    waiting = iter(columns)
    parts: list[Part] = []
    for item in items:
        if isinstance(item, EntityNode):
            parts.append(part_of(item))
        else:
            place, column = next(waiting)
            parts.append(ColumnPart(place, dialect.result_processor(column.type), column))
    entities = _entities(parts)
    return QueryPlan(
        compiled, tuple(parts), names, entities, sources,
        may_repeat=may_repeat,
        is_multiplied=any(part.prop is not None and (part.prop.uselist or part.prop.repeats) for part in entities),
        batch=batch,
        positions=positions,
        bundles=bundles,
        expressions=expressions,
        load=_plain_loader(parts) if positions is None and bundles is None and not expressions else None,
        make_rows=_row_maker(parts, names) if not entities and positions is None and bundles is None else None,
    )  # fmt: skip


def _plain_loader(parts: Sequence[Part]) -> EntityLoader | None:
    """Return the function that makes objects of the driver's rows, where the first part is all that there is to do."""
    part = parts[0] if len(parts) == 1 else None
    if not isinstance(part, EntityPart) or not part.is_whole or part.tree is not None:
        return None
    mapper = part.mapper
    if part.joined or part.following or part.columns or mapper.base_mapper is not mapper or mapper.always_refresh:
        return None
    return part.load


def _row_maker(parts: Sequence[Part], names: tuple[str, ...]) -> RowMaker | None:
    """Return the function that makes rows of the driver's, where the parts are its columns, one after the other."""
    values = [part for part in parts if isinstance(part, ColumnPart)]
    in_order = all(isinstance(part, ColumnPart) and part.position == place for place, part in enumerate(parts))
    if not in_order or len(parts) != len(names):
        return None
    return row_maker(names, [part.processor for part in values], [part.column for part in values])


def _entities(parts: Sequence[Part]) -> tuple[EntityPart, ...]:
    return tuple(one for part in parts if isinstance(part, EntityPart) for one in part.walk())


def following_of(
    mapper: Mapper, tree: LoadTree | None, path: Path, joined_too: bool, may_be_subquery: bool = False
) -> Iterator[Following]:
    """Yield the relationships of a class that further statements load: those with the strategies selectin and subquery.

    :param joined_too: True where no join could be made, so that the strategy joined is treated like selectin.
    :param may_be_subquery: True where the strategy subquery can repeat the statement.
    """
    if not (mapper.has_eager or tree is not None):
        return
    of_subclasses = (
        prop for other in mapper.family[1:] for prop in other.relationships.values() if prop.parent is other
    )
    for prop in (*mapper.relationships.values(), *of_subclasses):
        strategy = strategy_of(prop, tree, path)
        # no join is made for what only some of the objects have
        is_inherited = mapper.isa(prop.parent)
        if strategy == "present":
            yield Following(prop, strategy, None, None if is_inherited else prop.parent.class_)
            continue
        if strategy not in ("selectin", "subquery", "immediate") and not (
            (joined_too or not is_inherited) and strategy in EAGER
        ):
            continue
        below = tree.under(prop.key) if tree is not None else None
        if below is None and prop.mapper.has_eager:
            # for its path, which ends cycles of relationships that are loaded eagerly
            below = LoadTree()
        if below is not None:
            below.path = (*path, prop.mapper)
        by_subquery = may_be_subquery and strategy == "subquery" and is_inherited
        depth = tree.depths.get(prop.key, 0) if tree is not None else 0
        levels = depth if depth < 0 else depth + 1
        chunk = tree.chunks.get(prop.key, BATCH_SIZE) if tree is not None else BATCH_SIZE
        yield Following(prop, strategy, below, None if is_inherited else prop.parent.class_, by_subquery, levels, chunk)


def columns_of_subclasses(mapper: Mapper, tree: LoadTree | None, layout: Layout | None) -> Iterator[FollowingColumns]:
    """Yield the columns of subclasses that further statements load, those furthest down first: a statement for them has those of their bases.

    :param layout: what the objects were selected with; None for objects that were there before.
    """
    chosen = tree.columns if tree is not None else {}
    named = tree.subclasses if tree is not None else {}
    present = set(layout.names) if layout is not None else set()
    for member in reversed(mapper.descendants):
        if member is mapper or not (member in named or member.polymorphic_load == "selectin"):
            continue
        extra = {one.name for one in layout.extra if member.isa(one.mapper)} if layout is not None else set()
        names = tuple(
            name
            for name, prop in member.column_attrs.items()
            if name not in present and name not in extra and chosen.get(name, not prop.deferred)
        )
        if names:
            yield FollowingColumns(member, names)


# -- of a SELECT that the orm makes itself


def planned_once(
    plans: dict[Hashable, Any],
    key: Hashable,
    dialect: Dialect,
    build: Callable[[], KeyedSelect],
    given: Sequence[object] = (),
) -> QueryPlan:
    """Return the plan of what ``build`` returns, from ``plans`` after the first time.

    :param given: parameters of the query that it follows, which the criteria of options may have.

    Its values are the keys, in order, and behind them those of the query. Its parts are the root's, and one for each of the columns.
    """
    # one mapping may serve engines of both databases
    whole = (key, dialect.name, mapping_version())
    plan: QueryPlan | None = plans.get(whole)
    if plan is None:
        plan = plans[whole] = _keyed_plan(build(), dialect, given)
    return plan


def _keyed_plan(keyed: KeyedSelect, dialect: Dialect, given: Sequence[object] = ()) -> QueryPlan:
    def sources(shape: Shape) -> tuple[Source, ...] | None:
        places, keys = count(), sum(map(is_unknown_key, shape.binds))
        behind: dict[int, Source] = {id(bind): keys + place for place, bind in enumerate(given)}
        found: tuple[Source, ...] = tuple(
            next(places) if is_unknown_key(bind) else cast("Source", behind.get(id(bind), bind)) for bind in shape.binds
        )
        return None if not given and all(type(source) is int for source in found) else found

    return plan_beside(keyed, dialect, sources)


def plan_beside(
    keyed: KeyedSelect, dialect: Dialect, sources: Callable[[Shape], tuple[Source, ...] | None]
) -> QueryPlan:
    """Return the plan of a SELECT of an entity, or of none, with columns beside it.

    A column that the entity has is read there, and not selected twice.

    :param sources: where the values of the statement come from, given its shape.
    """
    select, root, columns = keyed
    own = root.view.entity_columns() if root is not None else ()
    places = {id(column): place for place, column in enumerate(own)}
    others = [column for column in columns if id(column) not in places]
    places.update((id(column), len(own) + number) for number, column in enumerate(others))
    items: list[Item] = [root, *others] if root is not None else [*others]
    made = with_joins(select, items)
    compiled, _ = compile_statement(made, dialect, {})
    plan = plan_of_items(items, compiled, dialect, sources=sources(made.shape()))
    beside = (ColumnPart(places[id(column)], dialect.result_processor(column.type), column) for column in columns)
    return replace(plan, parts=(*plan.parts[: root is not None], *beside))


def root_of(mapper: Mapper, tree: LoadTree | None) -> EntityNode:
    """Return the node of a class in a SELECT that the orm makes itself.

    :param tree: the options for the objects.
    """
    path = tree.path if tree is not None and tree.path else (mapper,)
    root = EntityNode(view_of(mapper, mapper.selectable, tree), tree, path)
    root.collect()
    return root


# -- of a statement that is sent as it is


def plain_plan(statement: SelectBase | DMLStatement, compiled: Compiled, dialect: Dialect) -> QueryPlan:
    """Return the plan of a statement that selects (or returns) entities and columns, without anything that is loaded eagerly."""
    parts: list[Part] = []
    position = 0
    expanded = [(getattr(item, "__uow_entity__", None), expand_entity(item)) for item in _entities_of(statement)]
    width = sum(len(columns) for _, columns in expanded)
    for entity, columns in expanded:
        if entity is not None:
            load = loader_for(entity.mapper, entity.layout, dialect)
            parts.append(EntityPart(entity.mapper, entity.layout, position, width, load))
        else:
            for offset, column in enumerate(columns):
                parts.append(ColumnPart(position + offset, dialect.result_processor(column.type), column))
        position += len(columns)
    names = result_names(statement)
    entities = _entities(parts)
    bundles = bundles_of(statement)
    make_rows = None if entities or bundles is not None else _row_maker(parts, names)
    return QueryPlan(
        compiled,
        tuple(parts),
        names,
        entities,
        may_repeat=rows_may_repeat(statement),
        bundles=bundles,
        load=_plain_loader(parts) if bundles is None else None,
        make_rows=make_rows,
    )


def _entities_of(statement: SelectBase | DMLStatement) -> tuple[Any, ...]:
    entities: tuple[Any, ...] = getattr(statement, "entities", ())
    return entities


def bundles_of(statement: SelectBase | DMLStatement) -> tuple[Bundled, ...] | None:
    """Return how the items of a statement are made of its parts; None where each part is one."""
    items = _entities_of(statement)
    if all(members_of_bundle(item) is None for item in items):
        return None
    found: list[Bundled] = []
    for item in items:
        if members_of_bundle(item) is not None:
            found.append(Bundled(len(expand_entity(item)), item.row_maker(), item.single_entity))
        else:
            is_entity = hasattr(item, "__uow_entity__")
            found.extend([Bundled(1, None)] * (1 if is_entity else len(expand_entity(item))))
    return tuple(found)


def result_names(statement: SelectBase | DMLStatement) -> tuple[str, ...]:
    """Return the names that the items of a statement have in a result row."""
    names: list[str] = []
    position = 0
    for item in _entities_of(statement):
        entity = getattr(item, "__uow_entity__", None)
        columns = expand_entity(item)
        if entity is not None:
            names.append(getattr(item, "entity_name", None) or entity.mapper.class_.__name__)
        elif members_of_bundle(item) is not None:
            names.append(item.key)
        else:
            for offset, column in enumerate(columns):
                key = key_of_item(item) if len(columns) == 1 else None
                names.append(str(key if key is not None else column.name or f"column_{position + offset}"))
        position += len(columns)
    unique = unique_names(names)
    made = names_of(unique, selected_by(_entities_of(statement), whole=True))
    if unique != names and isinstance(made, ColumnNames):
        made.as_given = ColumnNames.of(names, made.elements)
    return made


def may_repeat(statement: SelectBase | DMLStatement) -> bool:
    """Return False where no two rows can be of one object: a SELECT of a class from its table alone, by the whole of the table's key."""
    return len(_entities_of(statement)) != 1 or rows_may_repeat(statement)


def rows_may_repeat(statement: SelectBase | DMLStatement) -> bool:
    """Return False where no two rows can be equal, since each table of the SELECT is there with the object that has the whole of its key."""
    entities = [
        found for item in _entities_of(statement) if (found := getattr(item, "__uow_entity__", None)) is not None
    ]
    if not entities or not isinstance(statement, Select):
        return True
    told_apart = set()
    for entity in entities:
        table = entity.selectable
        if isinstance(table, Alias):
            table = table.element
        key = table.primary_key.columns if isinstance(table, Table) else ()
        if key and all(column in entity.mapper.primary_key for column in key):
            told_apart.add(id(entity.selectable))
    return not all(id(leaf) in told_apart for source in statement.all_froms for leaf in _joined_in(source))


def _joined_in(source: FromClause) -> Iterator[FromClause]:
    """Yield the elements that a join is of, or the element itself."""
    if isinstance(source, Join):
        yield from _joined_in(source.left)
        yield from _joined_in(source.right)
    else:
        yield source
