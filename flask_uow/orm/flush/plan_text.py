"""The text of a plan: one line for each table and set of columns, with the number of rows and the reason for the place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from flask_uow.orm.flush.order import referring_families
from flask_uow.orm.flush.steps import (
    DeleteLinks,
    DeleteRows,
    InsertLinks,
    InsertRows,
    Step,
    SwitchRows,
    UpdateRows,
)

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper

__all__ = ["plan_lines"]


def plan_lines(steps: Sequence[Step]) -> list[str]:
    """Return the lines that describe steps, numbered and aligned; a step that writes several tables has several lines."""
    cells: list[tuple[str, str, str, str]] = []
    # objects that were changed and changed back write nothing
    written = [(step, lines) for step in steps if (lines := list(step.rows()))]
    only = [step for step, _ in written]
    for position, (step, lines) in enumerate(written):
        for line, (table, columns, number) in enumerate(lines):
            what = f"{step.operation} {table.fullname}"
            if step.operation == "UPDATE":
                what += f" ({', '.join(columns)})"
            rows = "1 row" if number == 1 else f"{number} rows"
            first = line == 0
            cells.append((f"{position + 1}." if first else "", what, rows, _reason(only, position) if first else ""))
    widths = [max((len(row[column]) for row in cells), default=0) for column in range(3)]
    return [f"{row[0]:>{widths[0]}} {row[1]:<{widths[1]}}  {row[2]:<{widths[2]}}  {row[3]}".rstrip() for row in cells]


def _reason(steps: Sequence[Step], position: int) -> str:
    step = steps[position]
    why = step.why or _place(step, steps[:position], steps[position + 1 :])
    return f"{why}; keys that refer to it follow" if isinstance(step, UpdateRows) and _changes_key(step) else why


def _place(step: Step, before: Sequence[Step], after: Sequence[Step]) -> str:
    """Return why a step has its place where that is the order of the tables."""
    if isinstance(step, InsertLinks):
        sides = dict.fromkeys(_name(mapper) for mapper in (step.prop.parent, step.prop.mapper))
        return f"after {_listed(sides)}, whose keys it holds"
    if isinstance(step, DeleteLinks):
        return "before rows are deleted to which it refers"
    assert isinstance(step, (InsertRows, SwitchRows, UpdateRows, DeleteRows))
    base = step.mapper.base_mapper
    written_before, written_after = _written(before), _written(after)
    deleted_before, deleted_after = _deleted(before), _deleted(after)
    if isinstance(step, DeleteRows):
        if referring := list(referring_families(base, deleted_before)):
            return f"after {_tables(referring)}, which {_refers(referring)} to it"
        if parents := _referred(base, deleted_after):
            return f"before {_tables(parents)}, to which it refers"
        return "after what is written" if written_before else "depends on nothing else"
    if parents := _referred(base, written_before):
        return f"after {_tables(parents)}, to which it refers"
    if referring := list(referring_families(base, [other for other in written_after if other is not base])):
        return f"before {_tables(referring)}, which {_refers(referring)} to it"
    if isinstance(step, UpdateRows) and any(isinstance(other, InsertRows) and other.mapper is base for other in after):
        return "before INSERTs, since it may free unique values"
    return "depends on nothing else"


def _written(steps: Iterable[Step]) -> list[Mapper]:
    rows = (InsertRows, SwitchRows, UpdateRows)
    return list(dict.fromkeys(step.mapper.base_mapper for step in steps if isinstance(step, rows)))


def _deleted(steps: Iterable[Step]) -> list[Mapper]:
    return list(dict.fromkeys(step.mapper.base_mapper for step in steps if isinstance(step, DeleteRows)))


def _referred(base: Mapper, others: Iterable[Mapper]) -> list[Mapper]:
    """Return those of other families to which a family's tables refer."""
    return [other for other in others if other is not base and any(referring_families(other, [base]))]


def _changes_key(step: UpdateRows) -> bool:
    key = {column.name for part in step.mapper.stored for column in part.key}
    return not key.isdisjoint(step.columns)


def _tables(families: Iterable[Mapper]) -> str:
    return _listed(_name(base) for base in families)


def _name(mapper: Mapper) -> str:
    return mapper.stored[0].table.fullname if mapper.stored else mapper.local_table.description


def _refers(families: Sequence[Mapper]) -> str:
    return "refers" if len(families) == 1 else "refer"


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
