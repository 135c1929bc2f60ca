"""What the rows of a SELECT become: objects, values, or tuples of both.

A :class:`ResultPlan` is derived once from the compiled statement and kept with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from flask_uow.engine.rows import row_class
from flask_uow.orm.loading.eager import fetch_eagerly
from flask_uow.orm.loading.given_statement import GivenColumns, read_with_options
from flask_uow.orm.loading.populating import expire_present
from flask_uow.orm.loading.rows import load_objects
from flask_uow.orm.mapping.entity import Layout
from flask_uow.sql.compiler import Compiled, compile_statement
from flask_uow.sql.entities import expand_entity, key_of_item
from flask_uow.sql.from_statement import FromStatement
from flask_uow.sql.schema import Table
from flask_uow.sql.select import Select

__all__ = ["ResultPlan", "each_once", "first_mapper", "in_default_order", "is_gathered", "load_result", "make_plan"]


# what the results of a Query are asked for as
QUERY = ("query", "each row")


@dataclass(frozen=True, slots=True)
class _EntityPart:
    mapper: Any
    start: int
    stop: int
    layout: Layout | None

    def load(
        self, session: Any, dialect: Any, rows: list[Any], populate: bool, tree: Any = None, batch: bool | None = None
    ) -> list[Any]:
        """Return the objects of rows that hold nothing else; ``tree`` and ``batch`` as for :func:`load_objects`."""
        if populate or self.mapper.always_refresh:
            expire_present(session, dialect, self.mapper, rows, self.layout.names if self.layout is not None else None)
        return load_objects(rows, self.mapper, dialect, session, tree, batch, self.layout)


@dataclass(frozen=True, slots=True)
class _ColumnPart:
    position: int
    processor: Callable[[Any], Any] | None


@dataclass(frozen=True, slots=True)
class ResultPlan:
    """How to read the rows of one statement.

    :ivar parts: an entity or a column for each item of ``select()``.
    :ivar names: their names in a result row.
    :ivar may_repeat: False where no two rows can be of one object: a single entity is selected from its table alone.
    """

    parts: tuple[_EntityPart | _ColumnPart, ...]
    names: tuple[str, ...]
    may_repeat: bool = True

    @property
    def entity_parts(self) -> list[_EntityPart]:
        """The entities among the items."""
        return [part for part in self.parts if isinstance(part, _EntityPart)]

    @property
    def single_entity(self) -> bool:
        """True when each row is one object."""
        return len(self.parts) == 1 and isinstance(self.parts[0], _EntityPart)

    def read(
        self,
        session: Any,
        dialect: Any,
        rows: list[Any],
        what: str,
        populate: bool = False,
        loaded: Iterator[list[Any]] | None = None,
    ) -> list[Any]:
        """Return what the driver's rows become.

        :param what: as for :func:`load_result`.
        :param populate: True overwrites what is loaded on objects that are there already.
        :param loaded: the objects of each entity, row by row, where they have been made already.
        """

        def values_of(part: _EntityPart | _ColumnPart) -> list[Any]:
            if loaded is not None and isinstance(part, _EntityPart):
                return next(loaded)
            return self._read(part, session, dialect, rows, populate)

        if what == "scalars" or (what in QUERY and self.single_entity):
            values = values_of(self.parts[0])
            return each_once(values) if what == "query" and self.may_repeat else values
        make = row_class(self.names)
        return [make(values) for values in zip(*map(values_of, self.parts), strict=True)]

    def _read(
        self, part: _EntityPart | _ColumnPart, session: Any, dialect: Any, rows: list[Any], populate: bool
    ) -> list[Any]:
        if isinstance(part, _EntityPart):
            start, stop = part.start, part.stop
            own = rows if len(self.parts) == 1 else [row[start:stop] for row in rows]
            return part.load(session, dialect, own, populate)
        position, processor = part.position, part.processor
        if processor is None:
            return [row[position] for row in rows]
        return [processor(row[position]) for row in rows]


def first_mapper(entities: tuple[Any, ...]) -> Any:
    """Return the mapper of the first entity (or attribute of one) among the items of ``select()``, or None."""
    for entity in entities:
        found = getattr(entity, "__uow_entity__", None) or getattr(entity, "parent", None)
        mapper = getattr(found, "mapper", None)
        if mapper is not None:
            mapper.configure()
            return mapper
    return None


def in_default_order(select: Select) -> Select:
    """Return a SELECT that has no order in that of its first mapped class that has one, ``mapper(order_by=...)``."""
    for item in select.entities:
        entity = getattr(item, "__uow_entity__", None)
        if entity is not None and entity.mapper.order_by:
            order = entity.mapper.order_by
            is_plain = entity is entity.mapper
            return select.order_by(*(criterion if is_plain else entity.adapt(criterion) for criterion in order))
    return select


def load_result(
    session: Any, connection: Any, select: Any, parameters: Mapping[str, Any] | None, what: str
) -> tuple[tuple[str, ...], list[Any]]:
    """Execute a SELECT and return the names of its items, and what its rows become.

    :param what: ``"rows"``, ``"scalars"`` (the first item of each row), or ``"query"``: for a single entity its objects,
        each once, else rows; or ``"each row"``: for a single entity the object of each row, else rows.
    """
    dialect = connection.dialect
    populate = bool(select.get_execution_options().get("populate_existing"))
    if isinstance(select, FromStatement):
        return _load_from_statement(session, connection, select, parameters, what, populate)
    if isinstance(select, Select) and (select._options or _has_eager(select)):
        columns, multiplied = fetch_eagerly(session, connection, select, parameters, populate)
        plan = make_plan(select, dialect)
        return _results(plan, columns, multiplied, what)
    compiled, values = compile_statement(select, dialect, connection.engine.compiled_cache)
    found = compiled.memo.get("plan")
    if found is None:
        found = compiled.memo["plan"] = make_plan(select, dialect)
    rows = connection.fetch_all(compiled.sql, compiled.parameters(values, parameters), write=compiled.is_write)
    return found.names, found.read(session, dialect, rows, what, populate)


def _results(
    plan: ResultPlan, columns: list[list[Any]], multiplied: bool, what: str
) -> tuple[tuple[str, ...], list[Any]]:
    if multiplied:
        columns = _rows_once(plan, columns)
    if what == "scalars" or (what in QUERY and plan.single_entity):
        return plan.names, each_once(columns[0]) if what == "query" else columns[0]
    make = row_class(plan.names)
    return plan.names, [make(values) for values in zip(*columns, strict=True)]


def _load_from_statement(
    session: Any,
    connection: Any,
    select: FromStatement,
    parameters: Mapping[str, Any] | None,
    what: str,
    populate: bool,
) -> tuple[tuple[str, ...], list[Any]]:
    dialect = connection.dialect
    compiled, values = compile_statement(select, dialect, connection.engine.compiled_cache)
    given = compiled.parameters(values, parameters)
    described, rows = connection.fetch_described(compiled.sql, given, write=compiled.is_write)
    found = compiled.memo.get(("by name", described))
    if found is None:
        found = compiled.memo["by name", described] = plan_by_name(select, described, compiled, dialect)
    plan, positions = found
    if select._options:
        columns = GivenColumns(compiled, described)
        made, multiplied = read_with_options(session, dialect, select, columns, rows, populate)
        return _results(plan, made, multiplied, what)
    if positions is not None:
        pick = itemgetter(*positions) if len(positions) > 1 else lambda row: (row[positions[0]],)
        rows = [pick(row) for row in rows]
    return plan.names, plan.read(session, dialect, rows, what, populate)


def plan_by_name(
    select: FromStatement, described: tuple[str, ...], compiled: Compiled, dialect: Any
) -> tuple[ResultPlan, list[int] | None]:
    """Return how to read the rows of a statement of the user's own, and the positions of the columns to be read, in order.

    A column is the one that the statement says it is (``text().columns(User.id)``), or the one of that name.

    :raises InvalidRequestError: where the primary key of an entity, or another item, is not among the columns.
    """
    given = GivenColumns(compiled, described)
    parts: list[_EntityPart | _ColumnPart] = []
    titles: list[str] = []
    positions: list[int] = []
    for item in select.entities:
        entity = getattr(item, "__uow_entity__", None)
        if entity is None:
            for column in expand_entity(item):
                place = given.require(column)
                parts.append(_ColumnPart(len(positions), dialect.result_processor(column.type)))
                positions.append(place)
                titles.append(key_of_item(item) or str(column.name))
            continue
        mapper = entity.mapper
        known = {
            n: given.find_either(prop.column, mapper.column(prop.column)) for n, prop in mapper.column_attrs.items()
        }
        present = [(n, position) for n, position in known.items() if position is not None]
        for n in mapper.primary_key_names:
            if known[n] is None:
                raise given.not_among(str(mapper.column_attrs[n].column.name))
        start = len(positions)
        positions.extend(position for _, position in present)
        parts.append(_EntityPart(mapper, start, len(positions), Layout(tuple(n for n, _ in present))))
        titles.append(getattr(item, "entity_name", None) or mapper.class_.__name__)
    plain = positions == list(range(len(given.names)))
    return ResultPlan(tuple(parts), tuple(titles)), None if plain else positions


def _has_eager(select: Select) -> bool:
    for item in select.entities:
        entity = getattr(item, "__uow_entity__", None)
        if entity is not None and entity.mapper.has_eager:
            return True
    return False


def is_gathered(select: Any) -> bool:
    """Return True where several rows make one object with its collections, and others may be of the same object: none can be left out."""
    return isinstance(select, Select) and bool(select._options or _has_eager(select)) and may_repeat(select)


def each_once(objects: list[Any]) -> list[Any]:
    """Return objects in their order, each once, whatever they are equal to."""
    if len(set(map(id, objects))) == len(objects):
        return objects
    return list({id(obj): obj for obj in objects}.values())


def _rows_once(plan: ResultPlan, columns: list[list[Any]]) -> list[list[Any]]:
    """Take out the rows that a joined collection has repeated."""
    keys = [
        [id(value) for value in column] if isinstance(part, _EntityPart) else column
        for part, column in zip(plan.parts, columns, strict=True)
    ]
    seen: dict[Any, int] = {}
    for number, key in enumerate(zip(*keys, strict=True)):
        try:
            seen.setdefault(key, number)
        except TypeError:
            # a value without a hash, from a JSON column say
            seen.setdefault(repr(key), number)
    return [[column[number] for number in seen.values()] for column in columns]


def make_plan(select: Any, dialect: Any) -> ResultPlan:
    """Return how to read the rows of a statement that selects (or returns) entities and columns."""
    parts: list[_EntityPart | _ColumnPart] = []
    names: list[str] = []
    position = 0
    for entity in select.entities:
        mapped = getattr(entity, "__uow_entity__", None)
        columns = expand_entity(entity)
        if mapped is not None:
            chosen = getattr(mapped, "layout", None)
            parts.append(_EntityPart(mapped.mapper, position, position + len(columns), chosen))
            names.append(getattr(entity, "entity_name", None) or mapped.mapper.class_.__name__)
        else:
            for offset, column in enumerate(columns):
                parts.append(_ColumnPart(position + offset, dialect.result_processor(column.type)))
                key = key_of_item(entity) if len(columns) == 1 else None
                names.append(str(key if key is not None else column.name or f"column_{position + offset}"))
        position += len(columns)
    return ResultPlan(tuple(parts), tuple(names), may_repeat(select))


def may_repeat(select: Any) -> bool:
    """Return False where no two rows can be of one object: a SELECT of a class from its table alone, by the whole of the table's key."""
    entity = getattr(select.entities[0], "__uow_entity__", None) if len(select.entities) == 1 else None
    if entity is None or not isinstance(select, Select):
        return True
    froms = select.all_froms
    table = froms[0]
    if len(froms) > 1 or table is not entity.selectable or not isinstance(table, Table):
        return True
    key = table.primary_key.columns
    return not key or any(column not in entity.mapper.primary_key for column in key)
