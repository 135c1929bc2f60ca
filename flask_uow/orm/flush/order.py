"""In what order the mappers of a flush are written, and the rows of mappers that refer to themselves or to each other.

Kahn's algorithm, as the standard library's :mod:`graphlib` has it. Mappers that form a circle are taken together as one group, whose
objects are sorted one by one instead.
"""

from __future__ import annotations

import graphlib
from collections.abc import Iterable
from typing import Any

from flask_uow.exc import CircularDependencyError
from flask_uow.orm.flush.collect import WorkList
from flask_uow.orm.instrumentation.state import describe
from flask_uow.orm.symbols import NO_VALUE, STATE, Direction
from flask_uow.sql.constraints import ForeignKeyConstraint

__all__ = ["Group", "group_mappers", "sort_levels"]

Group = tuple[Any, ...]


def group_mappers(mappers: Iterable[Any]) -> list[Group]:
    """Return the mappers in groups, parents before children; a group of several refers to itself in a circle."""
    wanted = list(mappers)
    if len(wanted) == 1:
        return [(wanted[0],)]
    by_table = {mapper.local_table: mapper for mapper in wanted}
    edges: dict[Any, set[Any]] = {}
    for mapper in wanted:
        referred = {
            by_table[constraint.referred_table]
            for constraint in mapper.local_table.constraints
            if isinstance(constraint, ForeignKeyConstraint) and constraint.referred_table in by_table
        }
        edges[mapper] = referred - {mapper}
    return _condense(wanted, edges)


def _condense(mappers: list[Any], edges: dict[Any, set[Any]]) -> list[Group]:
    group_of = {mapper: (mapper,) for mapper in mappers}
    while True:
        graph: dict[Group, list[Group]] = {group: [] for group in group_of.values()}
        for mapper in mappers:
            own = group_of[mapper]
            targets = {group_of[target] for target in edges[mapper]} - {own}
            graph[own].extend(sorted(targets, key=lambda group: mappers.index(group[0])))
        try:
            return list(graphlib.TopologicalSorter(graph).static_order())
        except graphlib.CycleError as error:
            cycle: list[Group] = error.args[1]
            merged = tuple(m for m in mappers if any(m in group for group in cycle))
            for mapper in merged:
                group_of[mapper] = merged


def refers_to_itself(group: Group) -> bool:
    """Return True when rows of the group may refer to rows of the group."""
    tables = {mapper.local_table for mapper in group}
    return any(
        isinstance(constraint, ForeignKeyConstraint) and constraint.referred_table in tables
        for mapper in group
        for constraint in mapper.local_table.constraints
    )


def sort_levels(group: Group, objects: list[Any], work: WorkList) -> list[list[Any]]:
    """Return the objects of a group in levels: each object comes after those that its foreign keys refer to.

    :raises CircularDependencyError: when objects wait for each other.
    """
    members = {id(obj): obj for obj in objects}
    waits: dict[int, list[int]] = {key: [] for key in members}
    by_key: dict[tuple[Any, Any], int] = {}
    for obj in objects:
        state = obj.__dict__.get(STATE)
        if state is not None and state.identity is not None:
            by_key[type(obj).__mapper__, state.identity] = id(obj)
    for obj in objects:
        for prop in type(obj).__mapper__.relationships.values():
            if prop.viewonly or prop.direction is not Direction.MANY_TO_ONE:
                continue
            parent = _parent_in_flush(obj, prop, by_key)
            if parent is not None and parent in members and parent != id(obj):
                waits[id(obj)].append(parent)
    for mapper in group:
        for link in work.links.get(mapper, ()):
            if link.parent is not None and id(link.child) in members and id(link.parent) in members:
                waits[id(link.child)].append(id(link.parent))
    position = {id(obj): number for number, obj in enumerate(objects)}
    sorter = graphlib.TopologicalSorter(waits)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        raise _circle([members[key] for key in error.args[1]]) from None
    levels: list[list[Any]] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=position.__getitem__)
        levels.append([members[key] for key in ready])
        sorter.done(*ready)
    return levels


def _parent_in_flush(obj: Any, prop: Any, by_key: dict[tuple[Any, Any], int]) -> int | None:
    parent = obj.__dict__.get(prop.key, NO_VALUE)
    if parent is None:
        return None
    if parent is not NO_VALUE:
        return id(parent)
    # not loaded: the foreign key itself says who the parent is
    key = tuple(obj.__dict__.get(own) for own, _ in prop.pairs)
    return by_key.get((prop.mapper, key[0] if len(key) == 1 else key)) if prop.uses_get else None


def _circle(objects: list[Any]) -> CircularDependencyError:
    path = " -> ".join(describe(obj) for obj in objects)
    return CircularDependencyError(
        f"these objects refer to each other in a circle, so that none can be written first: {path}."
        " Flush one of them with the reference empty, and set it afterwards.",
        objects,
    )
