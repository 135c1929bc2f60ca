"""Carries a changed primary key on, or another value that is referred to: to the foreign keys that hold it.

With ``passive_updates`` (the default) the database changes them itself, ON UPDATE CASCADE, and objects in memory are told. Without, the flush
updates them with one statement for each changed key and column; constraints have to be deferrable for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from flask_uow.orm.flush.links import secondary_table
from flask_uow.orm.flush.settle import move_identity
from flask_uow.orm.loading.column_loader import refresh_columns, row_of
from flask_uow.orm.state.keys import identity_values
from flask_uow.orm.symbols import NO_VALUE, STATE, Direction
from flask_uow.sql.dml import Update

if TYPE_CHECKING:
    from flask_uow.engine import Connection
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.orm.session.session import Session
    from flask_uow.orm.state.instance_state import InstanceState
    from flask_uow.sql.schema import Column, Table

__all__ = ["Moved", "cascade_key_changes", "note_values_before", "referred_to"]

# objects, each with the key that it had
Moved = list[tuple[Any, tuple[Any, ...]]]
# attributes of a foreign key, each with the one of the key that it holds
Pairs = tuple[tuple[str, str], ...]
# what was carried on in the present flush of a batch
Done = set[Any]


def cascade_key_changes(session: Session, mapper: Mapper, moved: Moved, done: Done | None = None) -> None:
    """Carry changed keys to the objects that refer to them, and to theirs, if the foreign key is referred to again.

    :param moved: objects of the mapper, each with the key it had.
    :param done: what was carried on already.
    """
    done = set() if done is None else done
    for prop, child, pairs in _references(mapper):
        for obj, before in moved:
            old = _values(obj, mapper, before, [far for _, far in pairs])
            new = _present_values(obj, [far for _, far in pairs], not prop.passive_updates)
            if old is not None and old != new:
                _carry(session, mapper, _Carried(prop, child, pairs, old, new), done)
    for prop in mapper.relationships.values():
        if prop.secondary is not None and not prop.viewonly and not prop.passive_updates:
            _update_secondary(session, mapper, prop, moved)


class _Carried(NamedTuple):
    """A value that foreign keys hold, and the one that takes its place.

    :ivar pairs: attributes of the foreign key, each with the one that it refers to.
    """

    prop: RelationshipProperty
    child: Mapper
    pairs: Pairs
    old: tuple[Any, ...]
    new: tuple[Any, ...]


def _carry(session: Session, mapper: Mapper, carried: _Carried, done: Done) -> None:
    """Carry a value to the foreign keys that refer to it, and on from there; once."""
    if carried in done:
        return
    done.add(carried)
    prop, child, pairs, old, new = carried
    # otherwise ON UPDATE CASCADE has written the rows already
    if not prop.passive_updates:
        _update_rows(session, child, pairs, old, new)
    elif any(value is NO_VALUE for value in new) or not _are_of_the_database(mapper, child, pairs):
        _expire_references(session, child, pairs, old)
        return
    moved = _tell_objects(session, child, pairs, old, new)
    _carry_on(session, child, {own: values for (own, _), *values in zip(pairs, old, new, strict=True)}, done)
    if moved:
        cascade_key_changes(session, child, moved, done)


def _carry_on(session: Session, mapper: Mapper, changed: dict[str, Any], done: Done) -> None:
    """Carry on values that rows of a class have got, loaded or not.

    :param changed: the attributes, each with the value that it had and the one that it has; all rows that had the former have the latter.
    """
    for prop, child, pairs in _references(mapper):
        some = tuple(pair for pair in pairs if pair[1] in changed)
        # with a part of the values only, rows would be meant that have kept theirs
        if some and (len(some) == len(pairs) or len(some) == len(changed)):
            old, new = (tuple(changed[far][place] for _, far in some) for place in (0, 1))
            if old != new:
                _carry(session, mapper, _Carried(prop, child, some, old, new), done)
    for prop in mapper.relationships.values():
        if prop.secondary is not None and not prop.viewonly and not prop.passive_updates:
            links = [pair for pair in _links_of(mapper, prop) if pair[0] in changed]
            if links:
                table = secondary_table(prop)
                old, new = (tuple(changed[own][place] for own, _ in links) for place in (0, 1))
                _replace(session.connection_for(mapper), table, [table.c[name] for _, name in links], old, new)


def _references(mapper: Mapper) -> Iterator[tuple[RelationshipProperty, Mapper, Pairs]]:
    """Yield the relationships whose foreign keys refer to the mapper: with the child's mapper and pairs ``(child's, ours)``."""
    seen: set[tuple[Mapper, Pairs]] = set()
    candidates = [(prop, prop.mapper, tuple((far, own) for own, far in prop.pairs)) for prop in mapper.relationships.values()
                  if prop.direction is Direction.ONE_TO_MANY]  # fmt: skip
    # a relationship may be declared on the side of the child alone
    for other in mapper.registry.mappers:
        for prop in other.relationships.values():
            if prop.direction is Direction.MANY_TO_ONE and prop.parent is other and mapper.isa(prop.mapper):
                candidates.append((prop, other, prop.pairs))
    for prop, child, pairs in candidates:
        if not prop.viewonly and pairs and (child, pairs) not in seen:
            seen.add((child, pairs))
            yield prop, child, pairs


def _values(obj: MappedObject, mapper: Mapper, before: tuple[Any, ...], names: list[str]) -> tuple[Any, ...] | None:
    """Return the old values of attributes that are referred to; None when one is not known, or was NULL."""
    keys = mapper.primary_key_names
    changes, present = obj.__dict__[STATE].changes or {}, obj.__dict__
    # the key of a joined table is that of its base
    copied = {own: source for part in mapper.stored for own, source in part.copied}
    found = tuple(
        before[keys.index(name)] if name in keys else changes.get(name, present.get(name, NO_VALUE))
        for name in (copied.get(name, name) for name in names)
    )
    return None if any(value is None or value is NO_VALUE for value in found) else found


def referred_to(mapper: Mapper) -> frozenset[str]:
    """Return the attributes that are no part of the primary key and that foreign keys of other rows hold."""
    mark = ("referred to", len(mapper.registry.mappers))
    found: frozenset[str] | None = mapper.memo.get(mark)
    if found is None:
        names = {far for _, _, pairs in _references(mapper) for _, far in pairs}
        for prop in mapper.relationships.values():
            if prop.secondary is not None and not prop.viewonly:
                names.update(own for own, _ in _links_of(mapper, prop))
        found = mapper.memo[mark] = frozenset(names).difference(mapper.primary_key_names)
    return found


def note_values_before(session: Session, mapper: Mapper, objects: list[Any], names: tuple[str, ...]) -> None:
    """Note what rows that are about to be updated have in attributes that are referred to, where these were set without having been loaded."""
    referred = referred_to(mapper)
    if referred.isdisjoint(names):
        return
    for obj in objects:
        state: InstanceState = obj.__dict__[STATE]
        changes = state.changes or {}
        unknown = tuple(name for name in names if name in referred and changes.get(name) is NO_VALUE)
        row = row_of(session, type(obj).__mapper__, state, unknown, None) if unknown else None
        if row is not None:
            changes.update(zip(unknown, row, strict=True))


def _present_values(obj: MappedObject, names: list[str], load: bool) -> tuple[Any, ...]:
    """Return values of an object; a part of its key that is not loaded is known all the same.

    :param load: ask the database for what an SQL expression has made of the row; it is NO_VALUE otherwise.
    """
    mapper, values, state = type(obj).__mapper__, obj.__dict__, obj.__dict__[STATE]
    key = dict(zip(mapper.primary_key_names, identity_values(state.row_key), strict=True))
    if load:
        refresh_columns(mapper, obj, state, tuple(name for name in names if name not in values and name not in key))
    return tuple(values.get(name, key.get(name, NO_VALUE)) for name in names)


def _are_of_the_database(mapper: Mapper, child: Mapper, pairs: Pairs) -> bool:
    """Return True where foreign keys of the tables are what refers to the mapper, or the key of the child goes along.

    A condition that was given for the relationship alone is nothing that the database could carry a value along.
    """
    if any(own in child.primary_key_names for own, _ in pairs):
        return True
    for own, far in pairs:
        column, referred = child.column_attrs[own].column, mapper.column_attrs[far].column
        if not any(foreign_key.column is referred for foreign_key in column.foreign_keys):
            return False
    return True


def _expire_references(session: Session, child: Mapper, pairs: Pairs, old: tuple[Any, ...]) -> None:
    """Have the foreign keys of loaded objects that referred to the old value read anew: what the database has made of them is not known."""
    for obj in session.objects.identities_of(child).objects():
        values = obj.__dict__
        if isinstance(obj, child.class_) and not any(own in (values[STATE].changes or ()) for own, _ in pairs):
            if tuple(values.get(own) for own, _ in pairs) == old:
                for own, _ in pairs:
                    if own not in child.primary_key_names:
                        values.pop(own, None)


def _update_rows(session: Session, child: Mapper, pairs: Pairs, old: tuple[Any, ...], new: tuple[Any, ...]) -> None:
    for part in child.stored:
        if not all(own in part.columns for own, _ in pairs):
            continue
        columns = [part.columns[own] for own, _ in pairs]
        _replace(session.connection_for(child), part.table, columns, old, new)
        return


def _tell_objects(session: Session, child: Mapper, pairs: Pairs, old: tuple[Any, ...], new: tuple[Any, ...]) -> Moved:
    """Set the foreign keys of loaded objects that referred to the old key; return those whose own key has changed by that."""
    identities = session.objects.identities_of(child)
    moved: Moved = []
    for obj in identities.objects():
        values = obj.__dict__
        # a foreign key that was changed in memory is written by the object's own UPDATE
        if not isinstance(obj, child.class_) or any(own in (values[STATE].changes or ()) for own, _ in pairs):
            continue
        if tuple(values.get(own) for own, _ in pairs) != old:
            continue
        state = values[STATE]
        for (own, _), value in zip(pairs, new, strict=True):
            # not noted as a change, since the row has it by now
            values[own] = value
        names = state.mapper.primary_key_names
        if any(own in names for own, _ in pairs):
            before = identity_values(state.row_key)
            # what else has changed about the key is written by an UPDATE of the object's own, which has to find the row first
            carried = dict(zip((own for own, _ in pairs), new, strict=True))
            key = tuple(carried.get(name, part) for name, part in zip(names, before, strict=True))
            move_identity(session, identities, obj, key)
            moved.append((obj, before))
    return moved


def _update_secondary(session: Session, mapper: Mapper, prop: RelationshipProperty, moved: Moved) -> None:
    pairs = _links_of(mapper, prop)
    table = secondary_table(prop)
    columns = [table.c[name] for _, name in pairs]
    for obj, before in moved:
        old = _values(obj, mapper, before, [own for own, _ in pairs])
        new = _present_values(obj, [own for own, _ in pairs], True)
        if old is None or old == new:
            continue
        _replace(session.connection_for(mapper), table, columns, old, new)


def _links_of(mapper: Mapper, prop: RelationshipProperty) -> tuple[tuple[str, str], ...]:
    """Return the attributes of a class that rows of a secondary table refer to, each with the column there."""
    return prop.secondary_pairs if mapper.isa(prop.parent) else prop.remote_pairs


def _replace(
    connection: Connection, table: Table, columns: list[Column[Any]], old: tuple[Any, ...], new: tuple[Any, ...]
) -> None:
    statement = Update(table).values(dict(zip(columns, new, strict=True)))
    connection.execute(statement.where(*(column == value for column, value in zip(columns, old, strict=True))))
