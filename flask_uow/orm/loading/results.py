"""Results of queries, all at once (:func:`load_result`) or in pages (:func:`stream_result`)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Literal, cast

from flask_uow.engine.executing import tell_after, told_before
from flask_uow.engine.names import ColumnNames
from flask_uow.engine.result import has_text
from flask_uow.engine.rows import row_class
from flask_uow.exc import InvalidRequestError
from flask_uow.orm.loading.class_criteria import with_class_criteria
from flask_uow.orm.loading.further import load_further
from flask_uow.orm.loading.given_statement import plan_given, values_with_options
from flask_uow.orm.loading.parts import EntityPart, Rows
from flask_uow.orm.loading.plan import QueryPlan
from flask_uow.orm.loading.planning import find_plan, has_eager, may_repeat
from flask_uow.orm.loading.rows import load_plainly
from flask_uow.orm.loading.run import QueryRun, each_once
from flask_uow.orm.symbols import STATE
from flask_uow.sql.compiler import Compiled, compile_statement
from flask_uow.sql.entities import members_of_bundle
from flask_uow.sql.from_statement import FromStatement
from flask_uow.sql.select import Select
from flask_uow.sql.select_base import SelectBase

if TYPE_CHECKING:
    from flask_uow.engine import Connection
    from flask_uow.engine.dialects.base import Dialect
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.execution import ExecutingSession
    from flask_uow.sql.dml_statement import DMLStatement

__all__ = [
    "ResultKind",
    "each_result_once",
    "first_mapper",
    "gives_bundles",
    "in_default_order",
    "is_gathered",
    "is_same_result",
    "load_result",
    "plan_ahead",
    "results_of",
    "stream_result",
]

# what a result is asked for as: rows; the first item of each row; for a single entity its objects, and rows where there is more, each once if
# objects are among it ("query"), or one for each row ("each row")
ResultKind = Literal["rows", "scalars", "query", "each row"]


def first_mapper(entities: tuple[Any, ...]) -> Mapper | None:
    """Return the mapper of the first entity (or attribute of one) among the items of ``select()``, or None."""
    for entity in entities:
        found = getattr(entity, "__uow_entity__", None) or getattr(entity, "parent", None)
        mapper: Mapper | None = getattr(found, "mapper", None)
        if mapper is not None:
            mapper.configure()
            return mapper
    return None


def gives_bundles(statement: SelectBase | DMLStatement) -> bool:
    """Return True where an item of the statement's rows is made of several columns."""
    return any(members_of_bundle(item) is not None for item in getattr(statement, "entities", ()))


def in_default_order(select: Select) -> Select:
    """Return a SELECT that has no order in that of its first mapped class that has one, ``mapper(order_by=...)``."""
    for item in select.entities:
        entity = getattr(item, "__uow_entity__", None)
        if entity is not None and entity.mapper.order_by:
            order = entity.mapper.order_by
            is_plain = entity is entity.mapper
            return select.order_by(*(criterion if is_plain else entity.adapt(criterion) for criterion in order))
    return select


def is_gathered(select: SelectBase) -> bool:
    """Return True where several rows make one object with its collections, and others may be of the same object: none can be left out."""
    return isinstance(select, Select) and bool(select.loader_options or has_eager(select)) and may_repeat(select)


def load_result(
    session: ExecutingSession,
    connection: Connection,
    select: SelectBase,
    parameters: Mapping[str, Any] | None,
    kind: ResultKind,
    is_told: bool = False,
) -> tuple[tuple[str, ...], list[Any]]:
    """Execute a SELECT and return the names of its items, and what its rows become.

    :param is_told: True where what listens to statements has been told of it.
    """
    if connection.listeners.around and not is_told:
        select, parameters = told_before(connection, select, parameters)
        loaded = load_result(session, connection, select, parameters, kind, is_told=True)
        tell_after(connection, select, parameters, None)
        return loaded
    # what was selected is looked up by the items as they were given
    asked, select = select, with_class_criteria(select)
    dialect, cache = connection.dialect, connection.engine.compiled_cache
    populate = bool(select.get_execution_options().get("populate_existing"))
    if isinstance(select, FromStatement):
        compiled, values = compile_statement(select, dialect, cache)
        given = compiled.parameters(values, parameters)
        # the columns of such a statement may be known only when it has been executed, and so the plan comes after
        described, rows = connection.fetch_described(compiled.sql, given, write=compiled.is_write)
        plan = plan_given(select, described, compiled, dialect)
        run = QueryRun(session, dialect, plan, populate, None, None, values_with_options(select))
        return results_under_names(run, rows, kind, asked)
    plan, values = find_plan(select, dialect, cache)
    sql, given, write = plan.compiled.sql, plan.parameters(values, parameters), plan.compiled.is_write
    # columns alone: rows are made of the driver's directly
    if plan.make_rows is not None and kind != "scalars":
        names = plan.names
        if type(names) is ColumnNames and not (names.is_fixed and names.as_given is None):
            names = names_for(names, asked, kind)
            if names is not plan.names:
                found = connection.fetch_all(sql, given, write=write, make=plan.make_rows)
                return names, list(map(row_class(names), found))
        return names, connection.fetch_all(sql, given, write=write, make=plan.make_rows)
    rows = connection.fetch_all(sql, given, write=write)
    if plan.load is not None and kind != "rows" and not populate and not session.hooks.loaded_as_persistent:
        # benchmarks: filter_query, load_entities
        objects = load_plainly(plan.load, plan.entities[0].mapper, rows, session, plan.batch)
        return plan.names, each_once(objects) if kind == "query" and plan.may_repeat else objects
    repeatable = select if isinstance(select, Select) else None
    run = QueryRun(session, dialect, plan, populate, None, repeatable, values, parameters)
    return results_under_names(run, rows, kind, asked)


def results_under_names(
    run: QueryRun, rows: Rows, kind: ResultKind, statement: SelectBase
) -> tuple[tuple[str, ...], list[Any]]:
    """Return the names of the items of a statement, and what its rows become."""
    names = run.plan.names
    if type(names) is ColumnNames and not (names.is_fixed and names.as_given is None):
        names = names_for(names, statement, kind)
    return names, results_of(run, rows, kind, names)


def names_for(names: ColumnNames, statement: SelectBase, kind: ResultKind) -> tuple[str, ...]:
    """Return the names of the items in rows of a statement, of those of a plan; a Query leaves them as they were given."""
    if kind in ("query", "each row") and names.as_given is not None:
        names = names.as_given
    return names if names.is_fixed else names.of_statement(getattr(statement, "entities", ()), whole=True)


def results_of(run: QueryRun, rows: Rows, kind: ResultKind, names: tuple[str, ...] | None = None) -> list[Any]:
    """Return the results that rows make, with everything loaded that is to be loaded with them.

    :param names: those of the items; None takes the plan's.
    """
    plan = run.plan
    columns = run.read(rows)
    if plan.expressions:
        columns = _fill_expressions(plan, columns)
    if run.found:
        load_further(run)
    if plan.is_multiplied or (kind == "query" and plan.may_repeat and plan.gives_objects):
        columns = _rows_once(plan, columns)
    if plan.bundles is not None:
        columns = plan.bundled(columns)
        if kind == "scalars" or (kind != "rows" and plan.gives_items):
            return columns[0]
    if kind == "scalars" or (kind != "rows" and plan.single_entity):
        return columns[0]
    make = row_class(plan.names if names is None else names)
    return [make(values) for values in zip(*columns, strict=True)]


def _fill_expressions(plan: QueryPlan, columns: list[list[Any]]) -> list[list[Any]]:
    """Give objects what options have selected for attributes of theirs; return the columns without that."""
    count = len(plan.expressions)
    for (number, name), values in zip(plan.expressions, columns[-count:], strict=True):
        for obj, value in zip(columns[number], values, strict=True):
            if obj is not None:
                obj.__dict__.setdefault(name, value)
    return columns[:-count]


def _rows_once(plan: QueryPlan, columns: list[list[Any]]) -> list[list[Any]]:
    """Take out the rows that are repeated, by a joined collection or another join: those of the same objects and equal values."""
    if plan.single_entity:
        return [each_once(columns[0])]
    keys = [
        [id(value) for value in column] if isinstance(part, EntityPart) else column
        for part, column in zip(plan.parts, columns, strict=False)
    ]
    seen: dict[Any, int] = {}
    for number, key in enumerate(zip(*keys, strict=True)):
        try:
            seen.setdefault(key, number)
        except TypeError:
            # a value without a hash, from a JSON column say
            seen.setdefault(repr(key), number)
    if len(seen) == len(columns[0]):
        return columns
    return [[column[number] for number in seen.values()] for column in columns]


def each_result_once(results: list[Any]) -> list[Any]:
    """Return results without those that are of the same objects and equal values as one before; those without an object as they are."""
    return _without_known(results, set()) if any(map(_has_object, results)) else results


def _has_object(result: Any) -> bool:
    items = result if isinstance(result, tuple) else (result,)
    return any(STATE in getattr(item, "__dict__", ()) for item in items)


def is_same_result(result: Any, other: Any) -> bool:
    """Return True for an object and itself, and for two rows that have the same objects, at least one, and equal values."""
    if result is other or not isinstance(result, tuple):
        return result is other
    return _has_object(result) and [*map(_told_by, result)] == [*map(_told_by, other)]


# -- some rows at a time


def plan_ahead(
    select: SelectBase, dialect: Dialect, cache: MutableMapping[Hashable, Compiled], what: str, streamed: bool
) -> tuple[QueryPlan, list[Any]]:
    """Return the plan of a SELECT, also of one of the user's own, before it is executed; and the values of its parameters.

    :param what: who asks, for the message.
    :param streamed: True where rows come some at a time.
    :raises InvalidRequestError: for a text whose columns are not known.
    """
    select = with_class_criteria(select)
    if not isinstance(select, FromStatement):
        return find_plan(select, dialect, cache, streamed)
    compiled, values = compile_statement(select, dialect, cache)
    if not compiled.columns or has_text(compiled):
        raise InvalidRequestError(
            f"{what} has to know the columns of a text before it is executed. Say what they are, in order, with text(...).columns(...)."
        )
    return plan_given(select, (), compiled, dialect), values


def stream_result(
    session: ExecutingSession,
    connection: Connection,
    select: SelectBase,
    parameters: Mapping[str, Any] | None,
    kind: ResultKind,
    size: int,
) -> Iterator[list[Any]]:
    """Yield what the rows of a SELECT become, in lists of up to ``size``: ``yield_per()``.

    Relationships that are to be loaded eagerly are loaded for each page of objects by one more statement, whatever the strategy says of
    joins: a join would tear the members of a collection apart between two pages.

    :raises InvalidRequestError: for ``contains_eager()``, or a text whose columns are not known.
    """
    dialect, cache = connection.dialect, connection.engine.compiled_cache
    populate = bool(select.get_execution_options().get("populate_existing"))
    plan, values = plan_ahead(select, dialect, cache, "yield_per()", streamed=True)
    for part in plan.entities:
        if part.tree is not None and "contains" in part.tree.strategies.values():
            raise InvalidRequestError(
                "contains_eager() and yield_per() do not go together: the rows of one object may be on two pages. Use selectinload()."
            )
    given = plan.parameters(values, parameters)
    behind = values_with_options(select) if isinstance(select, FromStatement) else values
    # a later page may have rows of an object that was given already
    given_before: set[Any] | None = set() if kind == "query" and plan.gives_objects and plan.may_repeat else None
    for page in connection.stream(plan.compiled.sql, given, size, write=plan.compiled.is_write):
        _, read = results_under_names(
            QueryRun(session, dialect, plan, populate, None, None, behind), page, kind, select
        )
        yield read if given_before is None else _without_known(read, given_before)


def _without_known(results: list[Any], known: set[Any]) -> list[Any]:
    """Return the results that no page had before; of objects only the keys are kept, since the objects themselves may go."""
    found = []
    for result in results:
        key = tuple(map(_told_by, result)) if isinstance(result, tuple) else _told_by(result)
        if key not in known:
            known.add(key)
            found.append(result)
    return found


def _told_by(item: Any) -> Hashable:
    """Return the key of an object, or a value itself: by these items of results are told apart."""
    state = getattr(item, "__dict__", {}).get(STATE)
    if state is not None:
        return state.row_key, type(item).__mapper__.base_mapper
    try:
        hash(item)
    except TypeError:
        # a value from a JSON column, say
        return repr(item)
    return cast("Hashable", item)
