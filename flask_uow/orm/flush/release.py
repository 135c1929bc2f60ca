"""Rows that let go, by an UPDATE of their own, of a reference or a unique value before their other columns can be written.

One UPDATE per row is not always enough. A row that leaves a deleted parent and takes that parent's name has to let go of the reference before the
DELETE, and can have the name only after it. A row whose name a new row takes, and that refers to the new row, gives up the name before the INSERT and
refers to the new row after it. So such rows are updated twice: a :class:`~flask_uow.orm.flush.steps.ReleaseRows` first, which writes nothing but the
columns that others wait for, then the :class:`~flask_uow.orm.flush.steps.UpdateRows` with everything, at its ordinary place.

The first UPDATE leaves the attributes of the objects, and their versions, to the second; only what they are compared with is the row as it is then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.orm.flush.keys import carried_values, future_changes, future_value
from flask_uow.orm.flush.order import key_references
from flask_uow.orm.flush.steps import ReleaseRows
from flask_uow.orm.flush.unique_order import in_turns, those_left_to
from flask_uow.orm.flush.unique_values import find_originals, future_key, stored_key, strict_keys, unique_names
from flask_uow.orm.flush.update import changed_columns
from flask_uow.orm.flush.work import ByFamily, WorkList, by_mapper, links_by_child
from flask_uow.orm.state.keys import identity_from
from flask_uow.orm.symbols import NO_VALUE, STATE

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper

__all__ = ["references_to_release", "values_to_release"]


def references_to_release(work: WorkList, changed: ByFamily, deleted: ByFamily) -> Iterator[ReleaseRows]:
    """Yield the UPDATEs by which rows let go of rows that are deleted before their own UPDATE comes.

    :param changed: the objects whose UPDATEs come later.
    :param deleted: the objects that are deleted before that.
    """
    doomed = {base: {obj.__dict__[STATE].row_key for obj in objects} for base, objects in deleted.items()}
    why = "lets go of rows that are deleted first"
    for base, objects in changed.items():
        linked = links_by_child(work.links.get(base, ()))
        for mapper, members in by_mapper(base, objects).items():
            references = [(names, doomed[target]) for names, target in key_references(mapper) if target in doomed]
            if not references:
                continue
            values: list[tuple[Any, dict[str, Any]]] = []
            for obj in members:
                changing = future_changes(obj, changed_columns(mapper, obj), linked.get(id(obj), ()))
                letting_go: dict[str, Any] = {}
                for names, keys in references:
                    if not changing.isdisjoint(names) and _may_refer(obj, names, keys):
                        letting_go.update(_without_reference(mapper, obj, names))
                if letting_go:
                    values.append((obj, letting_go))
            yield from _release(mapper, values, why)


def values_to_release(work: WorkList, base: Mapper, changed: list[Any], new: list[Any]) -> Iterator[ReleaseRows]:
    """Yield the UPDATEs by which rows leave unique values that new rows take, where the rows' own UPDATEs come after the INSERTs.

    :param changed: the objects of a family whose UPDATEs come later.
    :param new: the new objects of the family.
    """
    carried = carried_values(work.links.get(base, ()))
    taken: set[tuple[tuple[str, ...], Any]] = set()
    for mapper, members in by_mapper(base, new).items():
        for names in strict_keys(mapper):
            taken.update((names, future_key(obj, names, carried.get(id(obj), {}))) for obj in members)
    session, unique = work.changes.session, unique_names(base)
    find_originals(session, base, changed)
    leaving = []
    for mapper, members in by_mapper(base, changed).items():
        keys = [names for names in strict_keys(mapper) if names != mapper.primary_key_names]
        leaving += [obj for obj in members if any((names, stored_key(obj, names)) in taken for names in keys)]
    if not leaving:
        return
    # what these take may have to be left by others first
    leaving += those_left_to(session, base, changed, leaving, carried)
    linked = links_by_child(work.links.get(base, ()))
    for turn in in_turns(session, base, leaving, carried):
        for mapper, members in by_mapper(base, turn).items():
            values: list[tuple[Any, dict[str, Any]]] = []
            for obj in members:
                changing = future_changes(obj, changed_columns(mapper, obj), linked.get(id(obj), ()))
                moving = [
                    name
                    for name, _ in mapper.column_attrs.items()
                    if name in changing and name in unique and name not in mapper.primary_key_names
                ]
                own = carried.get(id(obj), {})
                values.append((obj, {name: _value_for_now(obj, name, own) for name in moving}))
            yield from _release(mapper, values, "leaves unique values that new rows take")


def _may_refer(obj: MappedObject, names: tuple[str, ...], keys: set[Any]) -> bool:
    """Return True where an object's row refers to one of these keys, or nobody knows to what it refers."""
    stored = stored_key(obj, names)
    return NO_VALUE in stored or identity_from(list(stored)) in keys


def _without_reference(mapper: Mapper, obj: MappedObject, names: tuple[str, ...]) -> dict[str, Any]:
    """Return values under which a foreign key refers to nothing; where it cannot be empty, those that it will have."""
    empty = {name: None for name in names if _may_be_empty(mapper, name)}
    return empty or {name: future_value(obj, name) for name in names}


def _value_for_now(obj: MappedObject, name: str, carried: dict[str, Any]) -> Any:
    """Return the value that a column will have; for what only a later step knows, and for a foreign key, NULL where it may be."""
    mapper = type(obj).__mapper__
    is_reference = any(name in names for names, _ in key_references(mapper))
    if is_reference and _may_be_empty(mapper, name):
        return None
    return carried[name] if name in carried else future_value(obj, name)


def _may_be_empty(mapper: Mapper, name: str) -> bool:
    column = mapper.column_attrs[name].column
    return bool(column.nullable) and name not in mapper.primary_key_names


def _release(mapper: Mapper, values: Sequence[tuple[Any, dict[str, Any]]], why: str) -> Iterator[ReleaseRows]:
    by_names: dict[tuple[str, ...], list[tuple[Any, dict[str, Any]]]] = {}
    for obj, own in values:
        by_names.setdefault(tuple(own), []).append((obj, own))
    for names, rows in by_names.items():
        if names:
            columns = {name: [own[name] for _, own in rows] for name in names}
            yield ReleaseRows(mapper, [obj for obj, _ in rows], columns, why)
