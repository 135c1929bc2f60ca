"""SELECTs with eager loading: one statement with joins, then what is loaded by further statements, level by level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_uow.orm.instrumentation.attributes import CollectionAttribute
from flask_uow.orm.loading.joined import EntityPart, strategy_of, view_of, with_joins
from flask_uow.orm.loading.options import BatchLoading, LoadTree, load_tree
from flask_uow.orm.loading.populating import expire_present
from flask_uow.orm.loading.rows import load_objects
from flask_uow.orm.loading.several import warn_of_several
from flask_uow.orm.state.members import members_of
from flask_uow.orm.strategies import EAGER
from flask_uow.sql.compiler import compile_statement
from flask_uow.sql.from_statement import FromStatement
from flask_uow.sql.select import Select

__all__ = ["Rows", "batch_option", "fetch_eagerly", "load_below", "load_related", "needs_care", "read_rows"]

Rows = Sequence[tuple[Any, ...]]


def needs_care(mapper: Any, tree: LoadTree | None) -> bool:
    """Return True when a SELECT of a class cannot be sent as it is."""
    return tree is not None or mapper.has_eager or mapper.always_refresh


def batch_option(select: Select | FromStatement) -> bool | None:
    """Return what the statement says of batched lazy loading; None when it says nothing."""
    found = None
    for option in select._options:
        if isinstance(option, BatchLoading):
            found = option.enabled
    return found


def fetch_eagerly(
    session: Any, connection: Any, select: Select, parameters: Mapping[str, Any] | None = None, populate: bool = False
) -> tuple[list[list[Any]], bool]:
    """Execute a SELECT with everything that is to be loaded eagerly.

    :returns: the values of each entity or column of the SELECT, row by row; and whether joined collections have multiplied the rows.
    :param populate: True overwrites what is loaded on objects that are there already.
    :raises ArgumentError: for an option that fits none of the entities.
    """
    mappers = [item.__uow_entity__.mapper for item in select.entities if hasattr(item, "__uow_entity__")]
    items: list[Any] = []
    seen: set[Any] = set()
    for item in select.entities:
        entity = getattr(item, "__uow_entity__", None)
        if entity is None:
            items.extend(select.columns_of_item(item))
            continue
        mapper = entity.mapper
        # options are for the first entity of a class
        tree = load_tree(select._options, mapper, mappers) if mapper not in seen else None
        seen.add(mapper)
        items.append(_root(mapper, entity, tree, (mapper,)))
    return _run(session, connection, select, items, parameters, batch_option(select), populate)


def load_related(
    session: Any, select: Select, columns: Sequence[Any], mapper: Any, tree: LoadTree | None, batch: bool | None
) -> tuple[list[Any], Rows]:
    """Load the objects of a SELECT that the orm makes itself.

    :param select: of one entity.
    :param columns: columns to be selected beside it.
    :param tree: options for the objects.
    :returns: the objects, and the values of the columns; a joined collection repeats neither.
    """
    path = tree.path if tree is not None and tree.path else (mapper,)
    root = _root(mapper, mapper.selectable, tree, path)
    connection = session.connection_for(mapper, reads=True)
    values, multiplied = _run(session, connection, select, [root, *columns], None, batch)
    if not columns:
        return (list({id(obj): obj for obj in values[0]}.values()) if multiplied else values[0]), []
    found = list(zip(values[0], zip(*values[1:], strict=True), strict=True))
    if multiplied:
        found = list({(id(obj), key): (obj, key) for obj, key in found}.values())
    return [obj for obj, _ in found], [key for _, key in found]


def _root(mapper: Any, selectable: Any, tree: LoadTree | None, path: tuple[Any, ...]) -> EntityPart:
    root = EntityPart(view_of(mapper, selectable, tree), tree, path)
    root.collect()
    return root


def _run(
    session: Any,
    connection: Any,
    select: Select,
    items: list[Any],
    parameters: Mapping[str, Any] | None,
    batch: bool | None,
    populate: bool = False,
) -> tuple[list[list[Any]], bool]:
    """Execute a SELECT of entities (an :class:`EntityPart` each) and columns; return the values of each, row by row."""
    dialect = connection.dialect
    joined = with_joins(select, items)
    compiled, values = compile_statement(joined, dialect, connection.engine.compiled_cache)
    rows = connection.fetch_all(compiled.sql, compiled.parameters(values, parameters), write=compiled.is_write)
    return read_rows(session, dialect, items, rows, batch, populate, select)


def read_rows(
    session: Any,
    dialect: Any,
    items: list[Any],
    rows: Rows,
    batch: bool | None,
    populate: bool,
    select: Select | None,
) -> tuple[list[list[Any]], bool]:
    """Return what rows become, for each item of a SELECT, and whether joined collections have multiplied them.

    :param items: an :class:`EntityPart` for each entity, and columns; the columns of what is joined come after all of them.
    :param select: the statement, for the strategy subquery; None for one of the user's own, to which nothing can be joined.
    """
    roots = [item for item in items if isinstance(item, EntityPart)]
    position = 0
    for item in (*items, *(part for root in roots for part in root.walk())):
        if isinstance(item, EntityPart):
            item.start = position
            position += item.view.layout.width
        else:
            position += 1
    for part in [part for root in roots for part in (root, *root.walk())]:
        if populate or part.view.mapper.always_refresh:
            own = [row[part.start : part.start + part.view.layout.width] for row in rows]
            expire_present(session, dialect, part.view.mapper, own, part.view.names)
    results: list[list[Any]] = []
    position = 0
    for item in items:
        if isinstance(item, EntityPart):
            results.append(_read(session, dialect, item, rows, batch))
            position += item.view.layout.width
        else:
            processor = dialect.result_processor(item.type)
            results.append([processor(row[position]) if processor is not None else row[position] for row in rows])
            position += 1
    for root in roots:
        for part in (root, *root.walk()):
            source = select if part is root and len(items) == 1 else None
            _load_further(session, part, batch, source, joined_too=select is None)
    return results, any(part.prop.uselist for root in roots for part in root.walk())


def _read(session: Any, dialect: Any, part: EntityPart, rows: Rows, batch: bool | None) -> list[Any]:
    """Return the object of each row for a part, and fill the relationships that are joined to it."""
    layout = part.view.layout
    start, stop = part.start, part.start + layout.width
    own = [row[start:stop] for row in rows]
    part.objects = load_objects(own, part.view.mapper, dialect, session, part.tree, batch, layout)
    for child in part.parts:
        _fill(child.prop, part.objects, _read(session, dialect, child, rows, batch))
    return part.objects


def _fill(prop: Any, parents: list[Any], related: list[Any]) -> None:
    """Store what a join has found in the parents that do not have the relationship loaded."""
    key = prop.key
    waiting: dict[int, tuple[Any, dict[int, Any]]] = {}
    for parent, obj in zip(parents, related, strict=True):
        if parent is None:
            continue
        entry = waiting.get(id(parent))
        if entry is None:
            if key in parent.__dict__:
                continue
            entry = waiting[id(parent)] = (parent, {})
        if obj is not None:
            entry[1][id(obj)] = obj
    attribute = prop.attribute
    for parent, found in waiting.values():
        if isinstance(attribute, CollectionAttribute):
            attribute.store_loaded(parent, list(found.values()))
        else:
            if len(found) > 1:
                warn_of_several(prop, parent, list(found.values()))
            parent.__dict__[key] = next(iter(found.values()), None)


def _load_further(
    session: Any, part: EntityPart, batch: bool | None, joined_from: Select | None, joined_too: bool = False
) -> None:
    """Load what further statements give: relationships with the strategies selectin and subquery.

    :param joined_from: the statement that has loaded the objects, for the strategy subquery.
    :param joined_too: no join could be made, so the strategy joined is treated like selectin.
    """
    mapper = part.view.mapper
    if not (mapper.relationships or mapper.subclasses) or not (mapper.has_eager or part.tree is not None):
        return
    unique = list({id(obj): obj for obj in part.objects if obj is not None}.values())
    for prop in (*mapper.relationships.values(), *_of_subclasses(mapper)):
        strategy = strategy_of(prop, part.tree, part.path)
        # no join is made for what only some of the objects have
        is_inherited = mapper.isa(prop.parent)
        if strategy not in ("selectin", "subquery") and not ((joined_too or not is_inherited) and strategy in EAGER):
            continue
        below = _below(part, prop)
        owner = prop.parent.class_
        objects = [obj for obj in unique if prop.key not in obj.__dict__ and (is_inherited or isinstance(obj, owner))]
        if objects:
            source = joined_from if strategy == "subquery" and is_inherited else None
            prop.attribute.loader.load_many(session, objects, below, batch, source)
        if below is not None and len(objects) < len(unique):
            load_below(session, prop.mapper, _related(prop, unique), below, batch)


def _of_subclasses(mapper: Any) -> list[Any]:
    """Return the relationships that only subclasses have."""
    if not mapper.subclasses:
        return []
    return [prop for other in mapper.family[1:] for prop in other.relationships.values() if prop.parent is other]


def _below(part: EntityPart, prop: Any) -> LoadTree | None:
    below = part.tree.under(prop.key) if part.tree is not None else None
    if below is None and prop.mapper.has_eager:
        below = LoadTree()
    if below is not None:
        # the path keeps a circle of eager relationships from being gone round
        below.path = (*part.path, prop.mapper)
    return below


def _related(prop: Any, parents: list[Any]) -> list[Any]:
    related: dict[int, Any] = {}
    for parent in parents:
        value = parent.__dict__.get(prop.key)
        members = () if value is None else members_of(value) if prop.uselist else (value,)
        related.update((id(obj), obj) for obj in members)
    return list(related.values())


def load_below(session: Any, mapper: Any, objects: list[Any], below: LoadTree, batch: bool | None) -> None:
    """Apply options to objects that were loaded before."""
    part = EntityPart(view_of(mapper, mapper.selectable, below), below, below.path or (mapper,))
    part.objects = objects
    _load_further(session, part, batch, None, joined_too=True)
