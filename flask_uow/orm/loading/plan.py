"""What the rows of a SELECT become: objects, values, or tuples of both.

A :class:`ResultPlan` is derived once from the compiled statement and kept with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_uow.engine.rows import Row, row_class
from flask_uow.orm.loading.eager import fetch_eagerly
from flask_uow.orm.loading.rows import load_objects
from flask_uow.sql.compiler import compile_statement
from flask_uow.sql.select import Select, expand_entity

__all__ = ["ResultPlan", "first_mapper", "load_result"]


@dataclass(frozen=True, slots=True)
class _EntityPart:
    mapper: Any
    start: int
    stop: int
    names: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class _ColumnPart:
    position: int
    processor: Callable[[Any], Any] | None


@dataclass(frozen=True, slots=True)
class ResultPlan:
    """How to read the rows of one statement.

    :ivar parts: an entity or a column for each item of ``select()``.
    :ivar names: their names in a result row.
    """

    parts: tuple[_EntityPart | _ColumnPart, ...]
    names: tuple[str, ...]

    @property
    def single_entity(self) -> bool:
        """True when each row is one object."""
        return len(self.parts) == 1 and isinstance(self.parts[0], _EntityPart)

    def scalars(self, session: Any, dialect: Any, rows: list[Any]) -> list[Any]:
        """Return the first item of each row."""
        return self._read(self.parts[0], session, dialect, rows)

    def rows(self, session: Any, dialect: Any, rows: list[Any]) -> list[Row]:
        """Return all items of each row, as :class:`Row` objects."""
        columns = [self._read(part, session, dialect, rows) for part in self.parts]
        make = row_class(self.names)
        return [make(values) for values in zip(*columns, strict=True)]

    def _read(self, part: _EntityPart | _ColumnPart, session: Any, dialect: Any, rows: list[Any]) -> list[Any]:
        if isinstance(part, _EntityPart):
            start, stop = part.start, part.stop
            own = rows if len(self.parts) == 1 else [row[start:stop] for row in rows]
            return load_objects(own, part.mapper, dialect, session, None, None, part.names)
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


def load_result(
    session: Any, connection: Any, select: Any, parameters: Mapping[str, Any] | None, what: str
) -> tuple[tuple[str, ...], list[Any]]:
    """Execute a SELECT and return the names of its items, and what its rows become.

    :param what: ``"rows"``, ``"scalars"`` (the first item of each row), or ``"query"``: scalars for a single entity, else rows.
    """
    dialect = connection.dialect
    if isinstance(select, Select) and (select._options or _has_eager(select)):
        columns, multiplied = fetch_eagerly(session, connection, select, parameters)
        plan = _make_plan(select, dialect)
        if multiplied:
            columns = _each_once(plan, columns)
        if what == "scalars" or (what == "query" and plan.single_entity):
            return plan.names, columns[0]
        make = row_class(plan.names)
        return plan.names, [make(values) for values in zip(*columns, strict=True)]
    compiled, values = compile_statement(select, dialect, connection.engine.compiled_cache)
    found = compiled.memo.get("plan")
    if found is None:
        found = compiled.memo["plan"] = _make_plan(select, dialect)
    rows = connection.fetch_all(compiled.sql, compiled.parameters(values, parameters), write=compiled.is_write)
    if what == "scalars" or (what == "query" and found.single_entity):
        return found.names, found.scalars(session, dialect, rows)
    return found.names, found.rows(session, dialect, rows)


def _has_eager(select: Select) -> bool:
    for item in select.entities:
        entity = getattr(item, "__uow_entity__", None)
        if entity is not None and entity.mapper.has_eager:
            return True
    return False


def _each_once(plan: ResultPlan, columns: list[list[Any]]) -> list[list[Any]]:
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


def _make_plan(select: Any, dialect: Any) -> ResultPlan:
    parts: list[_EntityPart | _ColumnPart] = []
    names: list[str] = []
    position = 0
    for entity in select.entities:
        mapped = getattr(entity, "__uow_entity__", None)
        columns = expand_entity(entity)
        if mapped is not None:
            chosen = getattr(mapped, "names", None)
            parts.append(_EntityPart(mapped.mapper, position, position + len(columns), chosen))
            names.append(getattr(entity, "entity_name", None) or mapped.mapper.class_.__name__)
        else:
            for offset, column in enumerate(columns):
                parts.append(_ColumnPart(position + offset, dialect.result_processor(column.type)))
                key = getattr(entity, "key", None) if len(columns) == 1 else None
                names.append(str(key if isinstance(key, str) else column.name or f"column_{position + offset}"))
        position += len(columns)
    return ResultPlan(tuple(parts), tuple(names))
