"""In what order the families of a flush are written, and the rows of families that refer to themselves or to each other.

Kahn's algorithm, as the standard library's :mod:`graphlib` has it. Families that form a circle are taken together as one group, whose
objects are sorted one by one instead. A family is the mappers that share a base, and is named by that.
"""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from flask_uow.exc import CircularDependencyError
from flask_uow.orm.flush.keys import cleared_names, references_of
from flask_uow.orm.mapping.column_mapping import is_inheritance
from flask_uow.orm.state.instance_state import describe
from flask_uow.orm.state.keys import identity_from
from flask_uow.orm.symbols import STATE, Direction
from flask_uow.sql.foreign_keys import ForeignKeyConstraint

if TYPE_CHECKING:
    from flask_uow.orm.flush.work import WorkList
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.sql.schema import Table

__all__ = [
    "Group",
    "after_new_keys",
    "group_mappers",
    "key_references",
    "referring_families",
    "refers_to_itself",
    "sort_levels",
    "split_by_reference",
    "waiting_for_new_keys",
]

# families that are written together, by their base mappers; one but for a circle
Group: TypeAlias = "tuple[Mapper, ...]"


def _foreign_keys(base: Mapper) -> tuple[tuple[Table, Table], ...]:
    """Return the foreign keys of a family's tables as ``(table, referred table)``, those that connect its own tables left out.

    Relationships whose foreign key is no constraint of the database are among them: the rows need the keys all the same.
    """
    found: tuple[tuple[Table, Table], ...] | None = base.memo.get("foreign keys")
    if found is None:
        pairs: dict[tuple[Table, Table], None] = {}
        for mapper in base.descendants:
            if mapper.base_mapper is not base:
                continue
            for part in mapper.stored:
                for constraint in part.table.constraints:
                    if isinstance(constraint, ForeignKeyConstraint) and not is_inheritance(constraint, mapper.equated):
                        pairs[part.table, constraint.referred_table] = None
        # a dict and no set: the order of edges decides between orders that are all right, and must be the same in
        # each process
        pairs.update(dict.fromkeys(_keys_of_relationships(base)))
        found = base.memo["foreign keys"] = tuple(pairs)
    return found


def _keys_of_relationships(base: Mapper) -> Iterator[tuple[Table, Table]]:
    for mapper in base.registry.mappers:
        for prop in mapper.relationships.values():
            # post_update writes its foreign key when all rows are there, so it asks for no order
            if prop.parent is not mapper or prop.viewonly or prop.post_update:
                continue
            if prop.direction is Direction.MANY_TO_ONE and mapper.base_mapper is base:
                child, parent, pairs = mapper, prop.mapper, prop.pairs
            elif prop.direction is Direction.ONE_TO_MANY and prop.mapper.base_mapper is base:
                child, parent, pairs = prop.mapper, mapper, [(own, far) for far, own in prop.pairs]
            else:
                continue
            for own, far in pairs:
                yield child.column_attrs[own].column.table, parent.column_attrs[far].column.table


def _tables(base: Mapper) -> frozenset[Table]:
    found: frozenset[Table] | None = base.memo.get("tables")
    if found is None:
        family = (mapper for mapper in base.descendants if mapper.base_mapper is base)
        found = base.memo["tables"] = frozenset(part.table for mapper in family for part in mapper.stored)
    return found


def group_mappers(mappers: Iterable[Mapper]) -> list[Group]:
    """Return the families in groups, parents before children; a group of several refers to itself in a circle."""
    wanted = list(mappers)
    if len(wanted) == 1:
        return [(wanted[0],)]
    if not wanted:
        return []
    # most flushes are of families that were written together before
    memo, key = wanted[0].memo, ("groups", *wanted)
    found: list[Group] | None = memo.get(key)
    if found is None:
        found = memo[key] = _grouped(wanted)
    return found


def _grouped(wanted: list[Mapper]) -> list[Group]:
    by_table = {table: base for base in wanted for table in _tables(base)}
    edges: dict[Mapper, set[Mapper]] = {
        base: {by_table[referred] for _, referred in _foreign_keys(base) if referred in by_table} - {base}
        for base in wanted
    }
    return _condense(wanted, edges)


def _condense(mappers: list[Mapper], edges: dict[Mapper, set[Mapper]]) -> list[Group]:
    group_of: dict[Mapper, Group] = {mapper: (mapper,) for mapper in mappers}
    while True:
        graph: dict[Group, list[Group]] = {group: [] for group in group_of.values()}
        for mapper in mappers:
            own = group_of[mapper]
            targets = {group_of[target] for target in edges[mapper]} - {own}
            # sorted, since sets of mappers have another order in each process, and so would the statements
            graph[own].extend(sorted(targets, key=lambda group: mappers.index(group[0])))
        try:
            return list(graphlib.TopologicalSorter(graph).static_order())
        except graphlib.CycleError as error:
            cycle: list[Group] = error.args[1]
            # one circle at a time; what the merged families have in circles with others shows in the next turn
            merged = tuple(m for m in mappers if any(m in group for group in cycle))
            for mapper in merged:
                group_of[mapper] = merged


def refers_to_itself(group: Group) -> bool:
    """Return True when rows of the group may refer to rows of the group."""
    if len(group) > 1:
        # that is why it is a group
        return True
    base = next(iter(group))
    found: bool | None = base.memo.get("refers to itself")
    if found is None:
        tables = _tables(base)
        found = base.memo["refers to itself"] = any(referred in tables for _, referred in _foreign_keys(base))
    return found


def referring_families(base: Mapper, others: Iterable[Mapper]) -> Iterator[Mapper]:
    """Yield the families whose tables refer to a family's."""
    tables = _tables(base)
    for other in others:
        if any(referred in tables for _, referred in _foreign_keys(other)):
            yield other


def sort_levels(group: Group, objects: list[Any], work: WorkList) -> list[list[Any]]:
    """Return the objects of a group in levels: each object comes after those that its foreign keys refer to.

    :raises CircularDependencyError: when objects wait for each other.
    """
    # by id, since objects of users may compare, and hash, in ways of their own
    members = {id(obj): obj for obj in objects}
    waits: dict[int, list[int]] = {key: [] for key in members}
    by_key: dict[tuple[Mapper, Any], int] = {}
    for obj in objects:
        # new rows whose key was given can be referred to by it, without any relationship
        key = _present_key(obj)
        if key is not None:
            by_key[type(obj).__mapper__.base_mapper, key] = id(obj)
    for obj in objects:
        mapper = type(obj).__mapper__
        values = obj.__dict__
        parents = []
        for prop in references_of(mapper):
            parents.append(id(values.get(prop.key)))
        for names, target in key_references(mapper):
            # a relationship that is not loaded, or not mapped: the foreign key itself says who the parent is
            parents.append(by_key.get((target, identity_from([values.get(name) for name in names])), 0))
        waits[id(obj)].extend(parent for parent in parents if parent in members and parent != id(obj))
    for base in group:
        for link in work.links.get(base, ()):
            if link.parent is not None and id(link.child) in members and id(link.parent) in members:
                waits[id(link.child)].append(id(link.parent))
    try:
        return _levels(objects, waits)
    except graphlib.CycleError as error:
        raise _circle([members[key] for key in error.args[1]]) from None


def split_by_reference(objects: list[Any], new: list[Any], work: WorkList) -> tuple[list[Any], list[Any]]:
    """Return the objects that refer to nothing new, and those that do, whose UPDATEs have to wait for an INSERT."""
    new_ids = {id(obj) for obj in new}
    new_keys = {(type(obj).__mapper__.base_mapper, key) for obj in new if (key := _present_key(obj)) is not None}
    waiting = {
        id(link.child)
        for links in work.links.values()
        for link in links
        if link.parent is not None and id(link.parent) in new_ids
    }
    cleared = cleared_names(objects, work.links.values()) if new_keys else {}
    independent: list[Any] = []
    dependent: list[Any] = []
    for obj in objects:
        refers = id(obj) in waiting or any(id(target) in new_ids for target in _references(obj))
        if not refers and new_keys:
            refers = any(
                (target, identity_from([obj.__dict__.get(name) for name in names])) in new_keys
                for names, target in key_references(type(obj).__mapper__)
                if cleared.get(id(obj), set()).isdisjoint(names)
            )
        # an UPDATE that refers to no new row goes first, since it may free a value that a new row takes
        (dependent if refers else independent).append(obj)
    return independent, dependent


def after_new_keys(objects: list[Any], work: WorkList) -> list[list[Any]]:
    """Return changed objects in levels: one that was made to refer to an object whose primary key changes comes after that.

    Rows that have referred to it before follow the change by themselves. Where objects wait for each other, all are of one level: a constraint
    may be checked later.
    """
    moving = {id(obj): obj for obj in objects if _changes_key(obj)}
    if not moving:
        return [objects]
    waits = _waits_for_new_keys(objects, moving, work)
    if not any(waits.values()):
        return [objects]
    try:
        return _levels(objects, waits)
    except graphlib.CycleError:
        return [objects]


def waiting_for_new_keys(objects: list[Any], others: Iterable[Any], work: WorkList) -> set[int]:
    """Return the ids of changed objects that were made to refer to an object whose primary key changes, and that is written later.

    :param others: the objects among which these are; those that are of both are not written later.
    """
    moving = {id(obj): obj for obj in others if _changes_key(obj)}
    if not moving:
        return set()
    waits = _waits_for_new_keys(objects, moving, work)
    return {key for key, parents in waits.items() if not parents <= waits.keys()}


def _waits_for_new_keys(objects: list[Any], moving: dict[int, Any], work: WorkList) -> dict[int, set[int]]:
    """Return for the id of each object those of the moving ones that it was made to refer to.

    :param moving: objects whose primary key changes, by their ids.
    """
    by_new_key = {
        (
            type(obj).__mapper__.base_mapper,
            identity_from([obj.__dict__.get(n) for n in type(obj).__mapper__.primary_key_names]),
        ): key
        for key, obj in moving.items()
    }
    waits: dict[int, set[int]] = {}
    for obj in objects:
        mapper, changes = type(obj).__mapper__, obj.__dict__[STATE].changes or ()
        parents = {id(obj.__dict__.get(prop.key)) for prop in references_of(mapper) if prop.key in changes}
        for names, target in key_references(mapper):
            if not set(names).isdisjoint(changes):
                parents.add(by_new_key.get((target, identity_from([obj.__dict__.get(name) for name in names])), 0))
        waits[id(obj)] = {parent for parent in parents if parent in moving and parent != id(obj)}
    for link in (link for links in work.links.values() for link in links):
        if id(link.parent) in moving and id(link.child) in waits and link.parent is not link.child:
            waits[id(link.child)].add(id(link.parent))
    return waits


def _changes_key(obj: MappedObject) -> bool:
    changes = obj.__dict__[STATE].changes
    return bool(changes) and any(name in changes for name in type(obj).__mapper__.primary_key_names)


def _levels(objects: list[Any], waits: Mapping[int, Iterable[int]]) -> list[list[Any]]:
    """Return objects in levels: each comes after those that it waits for, and else as they are given.

    :param waits: for the id of each object those of the ones that come before it.
    :raises CycleError: when objects wait for each other.
    """
    members = {id(obj): obj for obj in objects}
    position = {id(obj): number for number, obj in enumerate(objects)}
    sorter = graphlib.TopologicalSorter(waits)
    sorter.prepare()
    levels: list[list[Any]] = []
    while sorter.is_active():
        # in the order of add(), in which keys are handed out
        ready = sorted(sorter.get_ready(), key=position.__getitem__)
        levels.append([members[key] for key in ready])
        sorter.done(*ready)
    return levels


def _references(obj: MappedObject) -> Iterator[Any]:
    for prop in references_of(type(obj).__mapper__):
        yield obj.__dict__.get(prop.key)


def _present_key(obj: MappedObject) -> Any:
    """Return the key of an object: its identity, or for a new one the values that it was given, None while they are not known."""
    state = obj.__dict__.get(STATE)
    if state is not None and state.row_key is not None:
        return state.row_key
    key = [obj.__dict__.get(name) for name in type(obj).__mapper__.primary_key_names]
    try:
        return None if None in key else identity_from(key)
    except TypeError:
        # an SQL expression, whose value the database has yet to work out
        return None


def key_references(mapper: Mapper) -> tuple[tuple[tuple[str, ...], Mapper], ...]:
    """Return the foreign keys of a mapper that refer to the identity of a mapped class: attributes, and that class's family.

    Those that are written by an UPDATE of their own (post_update) are left out.
    """
    found: tuple[tuple[tuple[str, ...], Mapper], ...] | None = mapper.memo.get("key references")
    if found is None:
        found = mapper.memo["key references"] = tuple(_find_key_references(mapper))
    return found


def _find_key_references(mapper: Mapper) -> Iterator[tuple[tuple[str, ...], Mapper]]:
    for part in mapper.stored:
        for constraint in part.table.constraints:
            if not isinstance(constraint, ForeignKeyConstraint) or is_inheritance(constraint, mapper.equated):
                continue
            # of a column that is not mapped the objects say nothing, so no row of theirs waits for another by it
            if not all(mapper.maps_column(column) for column in constraint.columns):
                continue
            names = tuple(mapper.name_of_column(column) for column in constraint.columns)
            for other in mapper.registry.mappers:
                referred = [element.column for element in constraint.elements]
                is_key = any(list(stored.key) == referred for stored in other.stored)
                if is_key and not _is_post_updated(mapper, other, names):
                    yield names, other.base_mapper
                    break


def _is_post_updated(mapper: Mapper, other: Mapper, names: tuple[str, ...]) -> bool:
    here = ((prop, [own for own, _ in prop.pairs], Direction.MANY_TO_ONE) for prop in mapper.relationships.values())
    there = ((prop, [far for _, far in prop.pairs], Direction.ONE_TO_MANY) for prop in other.relationships.values())
    return any(
        prop.post_update and prop.direction is direction and tuple(own) == names
        for prop, own, direction in (*here, *there)
    )


def _circle(objects: list[Any]) -> CircularDependencyError:
    path = " -> ".join(describe(obj) for obj in objects)
    return CircularDependencyError(
        f"these objects refer to each other in a circle, so that none can be written first: {path}."
        " Give one of the relationships post_update=True, which writes its foreign key by an UPDATE afterwards; or flush one of the objects with the"
        " reference empty, and set it then.",
        objects,
    )
