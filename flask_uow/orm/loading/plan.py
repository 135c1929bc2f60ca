"""What the rows of a SELECT become: objects, values, or tuples of both.

A :class:`ResultPlan` is derived once from the compiled statement and kept with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_uow.engine.rows import Row, row_class
from flask_uow.orm.loading.rows import entity_loader
from flask_uow.sql.compiler import compile_statement
from flask_uow.sql.select import expand_entity

__all__ = ["ResultPlan", "fetch", "first_mapper"]


@dataclass(frozen=True, slots=True)
class _EntityPart:
    mapper: Any
    start: int
    stop: int


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
            identities = session._identities_of(part.mapper)
            loader = entity_loader(part.mapper, dialect)
            if len(self.parts) == 1:
                return loader(rows, identities)
            start, stop = part.start, part.stop
            return loader([row[start:stop] for row in rows], identities)
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


def fetch(connection: Any, select: Any, parameters: Mapping[str, Any] | None = None) -> tuple[ResultPlan, list[Any]]:
    """Execute a SELECT and return its plan and the driver's rows."""
    compiled, values = compile_statement(select, connection.dialect, connection.engine.compiled_cache)
    plan = compiled.memo.get("plan")
    if plan is None:
        plan = compiled.memo["plan"] = _make_plan(select, connection.dialect)
    rows = connection.fetch_all(compiled.sql, compiled.parameters(values, parameters), write=compiled.is_write)
    return plan, rows


def _make_plan(select: Any, dialect: Any) -> ResultPlan:
    parts: list[_EntityPart | _ColumnPart] = []
    names: list[str] = []
    position = 0
    for entity in select.entities:
        mapped = getattr(entity, "__uow_entity__", None)
        columns = expand_entity(entity)
        if mapped is not None:
            parts.append(_EntityPart(mapped.mapper, position, position + len(columns)))
            names.append(getattr(entity, "entity_name", None) or mapped.mapper.class_.__name__)
        else:
            for offset, column in enumerate(columns):
                parts.append(_ColumnPart(position + offset, dialect.result_processor(column.type)))
                key = getattr(entity, "key", None) if len(columns) == 1 else None
                names.append(str(key if isinstance(key, str) else column.name or f"column_{position + offset}"))
        position += len(columns)
    return ResultPlan(tuple(parts), tuple(names))
