"""The values by which rows are unique: what an object's row has, and what it will have after a flush."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.orm.flush.keys import future_value
from flask_uow.orm.flush.order import key_references
from flask_uow.orm.flush.work import by_mapper
from flask_uow.orm.loading.statements import keys_condition
from flask_uow.orm.mapping.mapped_table import is_expression
from flask_uow.orm.state.keys import identity_from, identity_values
from flask_uow.orm.state.siblings import BATCH_SIZE
from flask_uow.orm.symbols import NO_VALUE, STATE
from flask_uow.sql.constraints import UniqueConstraint
from flask_uow.sql.schema import Column
from flask_uow.sql.select import Select

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.session import Session
    from flask_uow.sql.expressions import ColumnElement

__all__ = [
    "find_originals",
    "future_key",
    "hashable",
    "left_key",
    "may_be_empty",
    "stored_key",
    "strict_keys",
    "unique_keys",
    "unique_names",
]

# the columns, or expressions, of unique constraints and indexes
Unique = list[Sequence["ColumnElement[Any]"]]


def unique_keys(mapper: Mapper) -> tuple[tuple[str, ...], ...]:
    """Return the attributes of each primary key and unique constraint of a mapper's tables."""
    found: tuple[tuple[str, ...], ...] | None = mapper.memo.get("unique keys")
    if found is None:
        keys = {mapper.primary_key_names: None}
        for part in mapper.stored:
            unique: Unique = [c.columns for c in part.table.constraints if isinstance(c, UniqueConstraint)]
            # a partial index, too: a deletion that comes first without need does no harm
            unique += [index.expressions for index in part.table.indexes if index.unique]
            keys.update(dict.fromkeys(_names_of(mapper, unique)))
        found = mapper.memo["unique keys"] = tuple(keys)
    return found


def unique_names(mapper: Mapper) -> set[str]:
    """Return the attributes that are in a unique key of a class of the mapper's family."""
    base = mapper.base_mapper
    found: set[str] | None = base.memo.get("unique names")
    if found is None:
        family = [one for one in base.descendants if one.base_mapper is base]
        found = base.memo["unique names"] = {name for one in family for key in unique_keys(one) for name in key}
    return found


def strict_keys(mapper: Mapper) -> tuple[tuple[str, ...], ...]:
    """Return those of the unique keys that a database checks row by row, for every row.

    Not those that it checks later (deferrable constraints), nor partial indexes.
    """
    found: tuple[tuple[str, ...], ...] | None = mapper.memo.get("strict keys")
    if found is None:
        keys = {mapper.primary_key_names: None}
        for part in mapper.stored:
            constraints = [c for c in part.table.constraints if isinstance(c, UniqueConstraint)]
            unique: Unique = [constraint.columns for constraint in constraints if not constraint.deferrable]
            unique += [index.expressions for index in part.table.indexes if index.unique and index.where is None]
            keys.update(dict.fromkeys(_names_of(mapper, unique)))
        found = mapper.memo["strict keys"] = tuple(keys)
    return found


def _names_of(mapper: Mapper, unique: Unique) -> Iterator[tuple[str, ...]]:
    for columns in unique:
        mapped = [column for column in columns if isinstance(column, Column) and mapper.maps_column(column)]
        if mapped and len(mapped) == len(columns):
            yield tuple(mapper.name_of_column(column) for column in mapped)


def may_be_empty(mapper: Mapper, name: str) -> bool:
    """Return True for an attribute whose column may be NULL for a moment: one that is no part of the primary key, and is nullable."""
    column = mapper.column_attrs[name].column
    return bool(column.nullable) and name not in mapper.primary_key_names


def find_originals(session: Session, base: Mapper, objects: list[Any]) -> None:
    """Load the original values of unique attributes that were set while they were not loaded.

    :param objects: of one family, with rows.
    """
    for mapper, members in by_mapper(base, objects).items():
        names = {name for key in unique_keys(mapper) for name in key} - {*mapper.primary_key_names}
        unknown: dict[str, list[Any]] = {}
        for obj in members:
            for name, original in (obj.__dict__[STATE].changes or {}).items():
                if original is NO_VALUE and name in names:
                    unknown.setdefault(name, []).append(obj)
        for name, some in unknown.items():
            _find_original(session, mapper, name, some)


def _find_original(session: Session, mapper: Mapper, name: str, objects: list[Any]) -> None:
    connection = session.connection_for(mapper)
    keys = [mapper.column_attrs[own].column for own in mapper.primary_key_names]
    select = Select((mapper.column_attrs[name].column, *keys)).select_from(mapper.selectable)
    for start in range(0, len(objects), BATCH_SIZE):
        page = {identity_values(obj.__dict__[STATE].row_key): obj for obj in objects[start : start + BATCH_SIZE]}
        rows = connection.execute(select.where(keys_condition(keys, list(page)))).all()
        for original, *key in rows:
            obj = page.get(tuple(key))
            if obj is not None:
                obj.__dict__[STATE].changes[name] = original


def stored_key(obj: MappedObject, names: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the values that an object's row has, as far as they are known without loading it."""
    state = obj.__dict__[STATE]
    values, changes = obj.__dict__, state.changes or {}
    identity = dict(zip(type(obj).__mapper__.primary_key_names, identity_values(state.row_key), strict=True))
    found = []
    for name in names:
        if name in identity:
            # known also where the object is expired
            found.append(identity[name])
            continue
        value = changes.get(name, values.get(name, NO_VALUE))
        # what was set without being loaded stays unknown here
        found.append(hashable(getattr(obj, name) if value is NO_VALUE and name not in values else value))
    return tuple(found)


def left_key(obj: MappedObject, names: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the values that an object leaves: those of its row, foreign keys as they follow when the keys that they hold change first."""
    return _with_followed_keys(obj, names, stored_key(obj, names))


def _with_followed_keys(obj: MappedObject, names: tuple[str, ...], values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return values of an object, foreign keys that the row has, and that the database changes together with the key of the parent, as they will be."""
    for held, target in _references_within(type(obj).__mapper__, names):
        state = obj.__dict__[STATE]
        before = stored_key(obj, held)
        if state.session is None or None in before or NO_VALUE in before:
            continue
        parent = state.session.objects.identities_of(target).get(identity_from(before))
        keys = target.primary_key_names
        if parent is None or not any(name in (parent.__dict__[STATE].changes or ()) for name in keys):
            continue
        known = parent.__dict__
        after = [hashable(known.get(name, old)) for name, old in zip(keys, before, strict=True)]
        moved = {name: (old, new) for name, old, new in zip(held, before, after, strict=True)}
        present = zip(names, values, strict=True)
        values = tuple([moved[n][1] if n in moved and moved[n][0] == value else value for n, value in present])
    return values


def _references_within(mapper: Mapper, names: tuple[str, ...]) -> tuple[tuple[tuple[str, ...], Mapper], ...]:
    """Return the foreign keys that a unique key has a part of."""
    memo = mapper.memo
    found: tuple[tuple[tuple[str, ...], Mapper], ...] | None = memo.get(("references within", names))
    if found is None:
        references = key_references(mapper)
        found = tuple((held, target) for held, target in references if not set(held).isdisjoint(names))
        memo["references within", names] = found
    return found


def future_key(obj: MappedObject, names: tuple[str, ...], carried: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Return the values that an object will have, those of foreign keys from what it refers to.

    None where one is missing, or is for the database to work out.

    :param carried: those that follow from collections that it is in.
    """
    found = tuple([hashable(carried[name] if name in carried else future_value(obj, name)) for name in names])
    if obj.__dict__[STATE].row_key is not None:
        found = _with_followed_keys(obj, names, found)
    # by identity: what compares in a way of its own is not asked
    return None if any(value is None for value in found) else found


def hashable(value: Any) -> Any:
    """Return a value as a dict can have it for a key: lists, dicts and sets by what they hold, None for an SQL expression."""
    if value.__hash__ is not None and not isinstance(value, tuple):
        return None if is_expression(value) else value
    if isinstance(value, dict):
        return frozenset((key, hashable(part)) for key, part in value.items())
    if isinstance(value, (set, frozenset)):
        return frozenset(value)
    if isinstance(value, (list, tuple)):
        return tuple([hashable(part) for part in value])
    return repr(value)
