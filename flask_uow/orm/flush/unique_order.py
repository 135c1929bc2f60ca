"""Unique values that rows hand on to each other in one flush: positions that move up by one, keys that are passed along.

A database checks most unique constraints row by row, also within one statement. So a row that leaves a value is updated before the row that
takes it, by a statement of its own. Rows that exchange values give them up first, and have NULL until their own UPDATE; where the column
cannot be NULL, they cannot be updated at all, and the error says which they are.
"""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from flask_uow.exc import CircularDependencyError
from flask_uow.orm.flush.unique_values import (
    find_originals,
    future_key,
    hashable,
    left_key,
    may_be_empty,
    strict_keys,
    unique_keys,
    unique_names,
)
from flask_uow.orm.flush.work import by_mapper
from flask_uow.orm.state.instance_state import describe
from flask_uow.orm.symbols import NO_VALUE, STATE, Direction

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.session import Session

# how many rows of a cycle a message tells
_SHOWN: Final = 5
# the attributes of a unique key, and their values
Taken: TypeAlias = tuple[tuple[str, ...], Any]

__all__ = ["Turns", "in_turns", "those_left_to", "those_that_take"]


class Turns(NamedTuple):
    """The order of UPDATEs of one family.

    :ivar released: rows that give up a unique value before all of them, with the attributes that are NULL until their turn.
    :ivar turns: the objects; those of each turn leave unique values that those of a later one take.
    """

    released: list[tuple[Any, tuple[str, ...]]]
    turns: list[list[Any]]

    def releases(self) -> Iterator[tuple[Mapper, tuple[str, ...], list[Any]]]:
        """Yield the rows that give up values, those of one class and the same attributes together."""
        groups: dict[tuple[Mapper, tuple[str, ...]], list[Any]] = {}
        for obj, names in self.released:
            groups.setdefault((type(obj).__mapper__, names), []).append(obj)
        for (mapper, names), objects in groups.items():
            yield mapper, names, objects


def in_turns(session: Session, base: Mapper, objects: list[Any], carried: dict[int, dict[str, Any]] | None) -> Turns:
    """Return changed objects of one family in turns, and of those that exchange values the ones that have to let go first.

    :param carried: the foreign keys that follow from collections; None where all foreign keys are set already.
    :raises CircularDependencyError: when rows exchange values of columns that cannot be NULL.
    """
    movers = _movers(base, objects, carried)
    if len(movers) < 2:
        return Turns([], [objects])
    # what a row leaves is known only where the old values are; expired ones are read in one statement for all
    find_originals(session, base, movers)
    waits, taken = _waits(base, movers, carried, unique_keys)
    if not waits:
        return Turns([], [objects])
    released: dict[tuple[int, tuple[str, ...]], Any] = {}
    try:
        turns = _sorted(movers, waits)
    except graphlib.CycleError:
        # some keys are perhaps not checked for these rows, or not yet
        waits, taken = _waits(base, movers, carried, strict_keys)
        turns = _broken(movers, waits, taken, released)
    involved = {id(obj) for turn in turns for obj in turn}
    # those that nobody waits for, and that wait for nobody, go with the first
    others = [obj for obj in objects if id(obj) not in involved]
    first = [(obj, names) for (_, names), obj in released.items()]
    return Turns(first, [[*others, *turns[0]], *turns[1:]]) if turns else Turns(first, [objects])


def _broken(
    movers: list[Any],
    waits: dict[int, set[int]],
    taken: dict[tuple[int, int], list[Taken]],
    released: dict[tuple[int, tuple[str, ...]], Any],
) -> list[list[Any]]:
    """Return objects in turns. Those of a cycle let go of their values first, all of them or else the first that can.

    :param released: where these are added, with the attributes.
    """
    members = {id(obj): obj for obj in movers}
    while True:
        try:
            return _sorted(movers, waits)
        except graphlib.CycleError:
            cycles = _cycles(waits)
        for cycle in cycles:
            steps = list(zip(cycle, (*cycle[1:], cycle[0]), strict=True))
            emptied = {step: [_emptied(members[step[1]], held) for held, _ in taken[step]] for step in steps}
            possible = [step for step in steps if all(emptied[step])]
            if not possible:
                raise _exchange([members[number] for number in (*cycle, cycle[0])], taken)
            # two statements for all of them, where each could go without its value for a moment
            for taker, leaver in possible if len(possible) == len(steps) else possible[:1]:
                released.update(((leaver, names), members[leaver]) for names in emptied[taker, leaver])
                waits[taker].discard(leaver)


def _cycles(waits: dict[int, set[int]]) -> list[list[int]]:
    """Return cycles that have nothing in common, at least one where there is one; each of a cycle waits for the next."""
    found, done = [], set[int]()
    for start in waits:
        path: list[int] = []
        further: list[Iterator[int]] = []
        if start not in done:
            path, further = [start], [iter(waits[start])]
        while path:
            following = next(further[-1], None)
            if following is None:
                done.add(path.pop())
                further.pop()
            elif following in path:
                found.append(path[path.index(following) :])
                done.update(path)
                break
            elif following not in done and following in waits:
                path.append(following)
                further.append(iter(waits[following]))
    return found


def _emptied(obj: MappedObject, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the attribute of a unique key that a row may go without for a moment, one that changes anyway if there is such; or none."""
    mapper, changes = type(obj).__mapper__, obj.__dict__[STATE].changes or ()
    possible = sorted((name for name in names if may_be_empty(mapper, name)), key=lambda name: name not in changes)
    return tuple(possible[:1])


def _sorted(movers: list[Any], waits: dict[int, set[int]]) -> list[list[Any]]:
    sorter = graphlib.TopologicalSorter(waits)
    sorter.prepare()
    turns = []
    while sorter.is_active():
        ready = set(sorter.get_ready())
        turns.append([obj for obj in movers if id(obj) in ready])
        sorter.done(*ready)
    return turns


def those_that_take(
    session: Session, base: Mapper, objects: list[Any], leaving: Iterable[Any], carried: dict[int, dict[str, Any]]
) -> list[Any]:
    """Return those of the changed objects that take a unique value which others leave, or one of these leaves.

    :param carried: the foreign keys that follow from collections.
    """
    # they may move by a reference, too
    movers = _movers(base, [*objects, *leaving], carried)
    find_originals(session, base, movers)
    waits, _ = _waits(base, movers, carried, unique_keys)
    late = {id(obj) for obj in leaving}
    found: list[Any] = []
    while True:
        more = [obj for obj in objects if id(obj) not in late and not late.isdisjoint(waits.get(id(obj), ()))]
        if not more:
            return found
        found.extend(more)
        late.update(map(id, more))


def those_left_to(
    session: Session, base: Mapper, objects: list[Any], taking: Iterable[Any], carried: dict[int, dict[str, Any]]
) -> list[Any]:
    """Return those of the changed objects that leave a unique value which others take, or one of these takes.

    :param carried: the foreign keys that follow from collections.
    """
    movers = _movers(base, objects, carried)
    find_originals(session, base, movers)
    waits, _ = _waits(base, movers, carried, unique_keys)
    done = {id(obj) for obj in taking}
    wanted = {other for number in done for other in waits.get(number, ())}
    found: list[Any] = []
    while True:
        more = [obj for obj in objects if id(obj) in wanted and id(obj) not in done]
        if not more:
            return found
        found.extend(more)
        done.update(map(id, more))
        wanted.update(other for obj in more for other in waits.get(id(obj), ()))


def _movers(base: Mapper, objects: Iterable[Any], carried: dict[int, dict[str, Any]] | None) -> list[Any]:
    names = unique_names(base)
    if carried is None:
        return [obj for obj in objects if not names.isdisjoint(obj.__dict__[STATE].changes or ())]
    return [obj for obj in objects if not names.isdisjoint(_changing_names(obj, carried))]


def _changing_names(obj: MappedObject, carried: dict[int, dict[str, Any]]) -> set[str]:
    """Return the attributes of an object that have changed, and the foreign keys that follow from that."""
    changes = obj.__dict__[STATE].changes or {}
    names = {*changes, *carried.get(id(obj), ())}
    relationships = type(obj).__mapper__.relationships
    for name in changes:
        prop = relationships.get(name)
        if prop is not None and prop.direction is Direction.MANY_TO_ONE:
            names.update(own for own, _ in prop.pairs)
    return names


def _waits(
    base: Mapper,
    movers: list[Any],
    carried: dict[int, dict[str, Any]] | None,
    keys_of: Callable[[Mapper], tuple[tuple[str, ...], ...]],
) -> tuple[dict[int, set[int]], dict[tuple[int, int], list[Taken]]]:
    """Return which of the objects (by id) wait for which others, and for messages what each takes from which.

    :param carried: the foreign keys that follow from collections; None where all foreign keys are set already.
    """
    leaves: dict[tuple[int, ...], dict[Any, Any]] = {}
    takes: list[tuple[Any, tuple[str, ...], dict[Any, Any], Any]] = []
    for mapper, members in by_mapper(base, movers).items():
        for names in keys_of(mapper):
            # of several classes in one table
            # by the columns and not by the names of attributes, under which each class may know them
            left = leaves.setdefault(tuple(id(mapper.column_attrs[name].column) for name in names), {})
            for obj in members:
                moved = _move(mapper, obj, names, carried)
                if moved is not None:
                    left[moved[0]] = obj
                    # NULL takes nothing: in SQL no two of them are equal
                    if moved[1] is not None:
                        takes.append((obj, names, left, moved[1]))
    waits: dict[int, set[int]] = {}
    taken: dict[tuple[int, int], list[Taken]] = {}
    for obj, names, left, value in takes:
        other = left.get(value)
        if other is not None and other is not obj:
            waits.setdefault(id(obj), set()).add(id(other))
            taken.setdefault((id(obj), id(other)), []).append((names, value))
    return waits, taken


def _move(
    mapper: Mapper, obj: MappedObject, names: tuple[str, ...], carried: dict[int, dict[str, Any]] | None
) -> tuple[tuple[Any, ...], tuple[Any, ...] | None] | None:
    """Return the values of a unique key that an object leaves and takes, None where they stay the same."""
    changes = obj.__dict__[STATE].changes or {}
    if len(names) == 1 and carried is None:
        name = names[0]
        if name not in changes:
            return None
        before, present = changes[name], obj.__dict__.get(name)
        if before is not NO_VALUE:
            before, present = hashable(before), hashable(present)
            return None if before == present else ((before,), (present,) if present is not None else None)
    changed = _changing_names(obj, carried) if carried is not None else changes.keys()
    if changed.isdisjoint(names):
        return None
    old, new = left_key(obj, names), future_key(obj, names, (carried or {}).get(id(obj), {}))
    return None if old == new else (old, new)


def _exchange(cycle: list[Any], taken: dict[tuple[int, int], list[Taken]]) -> CircularDependencyError:
    steps = []
    for obj, other in pairwise(cycle[: _SHOWN + 1]):
        names, value = taken[id(obj), id(other)][0]
        shown = ", ".join(f"{name}={part!r}" for name, part in zip(names, value, strict=True))
        steps.append(f"{describe(obj)} takes {shown} from {describe(other)}")
    if len(cycle) > _SHOWN + 1:
        steps.append(f"and so on, {len(cycle) - 1} rows in all")
    table = type(cycle[0]).__mapper__.local_table.description
    return CircularDependencyError(
        f"rows of {table} exchange unique values of columns that are NOT NULL, so that none can be updated first: {'; '.join(steps)}. Give one of them"
        " another value and flush() in between; on PostgreSQL the constraint may be declared with deferrable=True, initially='DEFERRED' instead.",
        cycle,
    )
