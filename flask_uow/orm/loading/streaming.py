"""``yield_per()``: a result that is fetched and made into objects some rows at a time.

Relationships that are to be loaded eagerly are loaded for each page of objects by one more statement, whatever the strategy says of joins:
a join would tear the members of a collection apart between two pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.loading.eager import batch_option, load_below
from flask_uow.orm.loading.joined import view_of
from flask_uow.orm.loading.options import LoadTree, load_tree
from flask_uow.orm.loading.plan import ResultPlan, make_plan, plan_by_name
from flask_uow.orm.symbols import STATE
from flask_uow.sql.compiler import compile_statement
from flask_uow.sql.from_statement import FromStatement
from flask_uow.sql.select import Select

__all__ = ["stream_result"]


def stream_result(
    session: Any, connection: Any, select: Any, parameters: Mapping[str, Any] | None, what: str, size: int
) -> Iterator[list[Any]]:
    """Yield what the rows of a SELECT become, in lists of up to ``size``.

    :param what: as for :func:`flask_uow.orm.loading.plan.load_result`.
    :raises InvalidRequestError: for ``contains_eager()``, or a text whose columns are not known.
    """
    dialect = connection.dialect
    populate = bool(select.get_execution_options().get("populate_existing"))
    trees: list[tuple[Any, LoadTree | None]] = []
    if isinstance(select, (Select, FromStatement)) and (select._options or isinstance(select, Select)):
        select, trees = _without_joins(select)
    compiled, values = compile_statement(select, dialect, connection.engine.compiled_cache)
    positions = None
    if isinstance(select, FromStatement):
        if not compiled.columns:
            raise InvalidRequestError(
                "yield_per() has to know the columns of a text before it is executed. Say what they are with text(...).columns(...)."
            )
        plan, positions = plan_by_name(select, (), compiled, dialect)
    else:
        plan = make_plan(select, dialect)
    batch = batch_option(select) if isinstance(select, (Select, FromStatement)) else None
    given = compiled.parameters(values, parameters)
    given_before: set[Any] | None = set() if what == "query" and plan.single_entity and plan.may_repeat else None
    for page in connection.stream(compiled.sql, given, size, write=compiled.is_write):
        rows = page if positions is None else [tuple([row[n] for n in positions]) for row in page]
        if trees:
            read = _with_relationships(session, dialect, plan, rows, trees, batch, what, populate)
        else:
            read = plan.read(session, dialect, rows, what, populate)
        yield read if given_before is None else _without_known(read, given_before)


def _without_known(objects: list[Any], known: set[Any]) -> list[Any]:
    """Return the objects that no page had before; only their keys are kept, since the objects themselves may go."""
    found = []
    for obj in objects:
        key = (obj.__dict__[STATE].row_key, type(obj).__mapper__.base_mapper) if obj is not None else None
        if key not in known:
            known.add(key)
            found.append(obj)
    return found


def _without_joins(select: Select | FromStatement) -> tuple[Select | FromStatement, list[tuple[Any, LoadTree | None]]]:
    """Return the SELECT with the columns that its options choose, and the entities with their options where any have some."""
    items: list[Any] = []
    trees: list[tuple[Any, LoadTree | None]] = []
    mappers = [item.__uow_entity__.mapper for item in select.entities if hasattr(item, "__uow_entity__")]
    for item in select.entities:
        entity = getattr(item, "__uow_entity__", None)
        if entity is None:
            items.append(item)
            continue
        tree = load_tree(select._options, entity.mapper, mappers)
        if tree is not None and "contains" in tree.strategies.values():
            raise InvalidRequestError(
                "contains_eager() and yield_per() do not go together: the rows of one object may be on two pages. Use selectinload()."
            )
        items.append(view_of(entity.mapper, entity, tree) if tree is not None and tree.columns else item)
        trees.append((entity.mapper, tree))
    if all(tree is None and not mapper.has_eager for mapper, tree in trees):
        return select, []
    made = select.with_columns_of_same_rows(*items) if isinstance(select, Select) else select
    return made, trees


def _with_relationships(
    session: Any,
    dialect: Any,
    plan: ResultPlan,
    rows: list[tuple[Any, ...]],
    trees: list[tuple[Any, LoadTree | None]],
    batch: bool | None,
    what: str,
    populate: bool,
) -> list[Any]:
    waiting = list(trees)
    held: list[list[Any]] = []
    for part in plan.entity_parts:
        mapper, tree = waiting.pop(0)
        own = [row[part.start : part.stop] for row in rows]
        objects = part.load(session, dialect, own, populate, tree, batch)
        held.append(objects)
        below = tree if tree is not None else LoadTree()
        below.path = below.path or (mapper,)
        unique = list({id(obj): obj for obj in objects if obj is not None}.values())
        load_below(session, mapper, unique, below, batch)
    return plan.read(session, dialect, rows, what, loaded=iter(held))
