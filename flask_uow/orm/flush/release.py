"""Rows that let go, by an UPDATE of their own, of a reference or a unique value before their other columns can be written.

One UPDATE per row is not always enough. A row that leaves a deleted parent and takes that parent's name has to let go of the reference before the
DELETE, and can have the name only after it. A row whose name a new row takes, and that refers to the new row, gives up the name before the INSERT and
refers to the new row after it. So such rows are updated twice: a :class:`~flask_uow.orm.flush.steps.ReleaseRows` first, which writes nothing but the
columns that others wait for, then the :class:`~flask_uow.orm.flush.steps.UpdateRows` with everything, at its ordinary place.

The first UPDATE leaves the attributes of the objects, and their versions, to the second; only what they are compared with is the row as it is then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from flask_uow.orm.flush.keys import carried_values, future_changes, future_value, link_pairs, references_of
from flask_uow.orm.flush.order import key_references
from flask_uow.orm.flush.steps import ReleaseRows
from flask_uow.orm.flush.unique_order import Turns, in_turns, those_left_to
from flask_uow.orm.flush.unique_values import (
    find_originals,
    future_key,
    left_key,
    may_be_empty,
    stored_key,
    strict_keys,
    unique_names,
)
from flask_uow.orm.flush.update import changed_columns
from flask_uow.orm.flush.work import ByFamily, WorkList, by_mapper, links_by_child
from flask_uow.orm.state.keys import identity_from
from flask_uow.orm.symbols import NO_VALUE, STATE

if TYPE_CHECKING:
    from flask_uow.orm.flush.work import Link
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper

__all__ = ["exchanged_values", "references_to_release", "rows_to_take_over", "values_to_release"]


def references_to_release(work: WorkList, changed: ByFamily, deleted: ByFamily) -> Iterator[ReleaseRows]:
    """Yield the UPDATEs by which rows let go of rows that are deleted before their own UPDATE comes.

    :param changed: the objects whose UPDATEs come later.
    :param deleted: the objects that are deleted before that.
    """
    doomed = {base: {obj.__dict__[STATE].row_key for obj in objects} for base, objects in deleted.items()}
    # a key that a new row takes again is another row's by then, although the foreign key stays the same
    again = {id(obj) for base in doomed for obj in work.new.get(base, ())}
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
                moved = _names_led_to(obj, linked.get(id(obj), ()), again) if again else set()
                for names, keys in references:
                    if not (changing | moved).isdisjoint(names) and _may_refer(obj, names, keys):
                        letting_go.update(_without_reference(mapper, obj, names))
                if letting_go:
                    values.append((obj, letting_go))
            yield from _release(mapper, values, why)


def values_to_release(work: WorkList, base: Mapper, changed: list[Any], new: list[Any]) -> Iterator[ReleaseRows]:
    """Yield the UPDATEs by which rows leave unique values that others take, where the rows' own UPDATEs come after those are written.

    :param changed: the objects of a family whose UPDATEs come later.
    :param new: the objects of the family that are written before that, new ones or changed ones.
    """
    carried = carried_values(work.links.get(base, ()))
    taken = _taken_values(new, base, carried)
    session, unique = work.changes.session, unique_names(base)
    find_originals(session, base, changed)
    leaving = []
    for mapper, members in by_mapper(base, changed).items():
        keys = [names for names in strict_keys(mapper) if names != mapper.primary_key_names]
        leaving += [obj for obj in members if any((names, left_key(obj, names)) in taken for names in keys)]
    if not leaving:
        return
    # what these take may have to be left by others first
    leaving += those_left_to(session, base, changed, leaving, carried)
    linked = links_by_child(work.links.get(base, ()))
    order = in_turns(session, base, leaving, carried)
    yield from exchanged_values(order)
    for turn in order.turns:
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
            yield from _release(mapper, values, "leaves unique values that rows before it take")


def exchanged_values(order: Turns) -> Iterator[ReleaseRows]:
    """Yield the UPDATEs by which rows that exchange unique values give up their own."""
    for mapper, names, objects in order.releases():
        values = {name: [None] * len(objects) for name in names}
        yield ReleaseRows(mapper, objects, values, "rows that exchange unique values give them up first")


def rows_to_take_over(work: WorkList, switched: dict[int, Any], deleted: ByFamily) -> Iterator[ReleaseRows]:
    """Yield the UPDATEs by which rows that new objects take over let go of what others wait for.

    Such a row is written at the place of the INSERTs. Before that, others may take the unique values that the deleted object had, and rows to which
    it referred may be deleted.

    :param switched: the deleted objects whose rows stay, by the ids of the new ones.
    :param deleted: the objects whose rows are deleted.
    """
    doomed = {base: {obj.__dict__[STATE].row_key for obj in objects} for base, objects in deleted.items()}
    for base, new in work.new.items():
        pairs = [(obj, switched[id(obj)]) for obj in new if id(obj) in switched]
        if not pairs:
            continue
        find_originals(work.changes.session, base, [old for _, old in pairs])
        carried = carried_values(work.links.get(base, ()))
        taken = _taken_values([*new, *work.changed.get(base, ())], base, carried)
        for obj, old in pairs:
            mapper = type(old).__mapper__
            letting_go: dict[str, Any] = {}
            for names, target in key_references(mapper):
                if target in doomed and _may_refer(old, names, doomed[target]):
                    letting_go.update((name, None) for name in names if may_be_empty(mapper, name))
            own = carried.get(id(obj), {})
            for names in strict_keys(mapper):
                key = left_key(old, names)
                # nobody else takes the value, so it may stay until the new object's own UPDATE
                if names == mapper.primary_key_names or taken.get((names, key), obj) is obj:
                    continue
                for name in names:
                    if may_be_empty(mapper, name):
                        letting_go[name] = None
                    elif name not in mapper.primary_key_names:
                        letting_go[name] = own[name] if name in own else future_value(obj, name)
            if letting_go:
                yield from _release(mapper, [(old, letting_go)], "lets go of what others wait for")


def _taken_values(objects: list[Any], base: Mapper, carried: dict[int, dict[str, Any]]) -> dict[tuple[Any, Any], Any]:
    """Return which unique values objects of a family will have: by the attributes and the values, the object."""
    return {
        (names, key): obj
        for mapper, members in by_mapper(base, objects).items()
        for names in strict_keys(mapper)
        for obj in members
        if (key := future_key(obj, names, carried.get(id(obj), {}))) is not None
    }


def _names_led_to(obj: MappedObject, links: Sequence[Link], targets: AbstractSet[int]) -> set[str]:
    """Return the foreign keys of an object that are to hold the keys of some objects, by what was changed of relationships.

    :param links: the foreign keys of the object that follow from collections.
    :param targets: the ids of these objects.
    """
    changes = obj.__dict__[STATE].changes or ()
    names = {own for link in links if id(link.parent) in targets for own, _ in link_pairs(link)}
    for prop in references_of(type(obj).__mapper__):
        if prop.key in changes and id(obj.__dict__.get(prop.key)) in targets:
            names.update(own for own, _ in prop.pairs)
    return names


def _may_refer(obj: MappedObject, names: tuple[str, ...], keys: set[Any]) -> bool:
    """Return True where an object's row refers to one of these keys, or nobody knows to what it refers."""
    stored = stored_key(obj, names)
    return NO_VALUE in stored or identity_from(list(stored)) in keys


def _without_reference(mapper: Mapper, obj: MappedObject, names: tuple[str, ...]) -> dict[str, Any]:
    """Return values under which a foreign key refers to nothing; where it cannot be empty, those that it will have."""
    empty = {name: None for name in names if may_be_empty(mapper, name)}
    return empty or {name: future_value(obj, name) for name in names}


def _value_for_now(obj: MappedObject, name: str, carried: dict[str, Any]) -> Any:
    """Return NULL where a column may be that, since nobody waits for NULL; else the value that the column will have."""
    if may_be_empty(type(obj).__mapper__, name):
        return None
    return carried[name] if name in carried else future_value(obj, name)


def _release(mapper: Mapper, values: Sequence[tuple[Any, dict[str, Any]]], why: str) -> Iterator[ReleaseRows]:
    by_names: dict[tuple[str, ...], list[tuple[Any, dict[str, Any]]]] = {}
    for obj, own in values:
        by_names.setdefault(tuple(own), []).append((obj, own))
    for names, rows in by_names.items():
        if names:
            columns = {name: [own[name] for _, own in rows] for name in names}
            yield ReleaseRows(mapper, [obj for obj, _ in rows], columns, why)
