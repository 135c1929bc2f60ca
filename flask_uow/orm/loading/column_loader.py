"""Loads the columns of an object that are absent: expired ones, and those that the database made at an INSERT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError, DataError, InvalidRequestError, UnfitArgumentError, did_you_mean
from flask_uow.orm.exc import DetachedInstanceError, ObjectDeletedError, StaleDataError
from flask_uow.orm.exclusive import exclusively
from flask_uow.orm.loading.planning import KeyedSelect, planned_once
from flask_uow.orm.loading.statements import (
    asked_keys,
    key_condition,
    unknown_but_null,
    unknown_keys_condition,
)
from flask_uow.orm.mapping.class_listeners import HEARD
from flask_uow.orm.state.instance_state import describe
from flask_uow.orm.state.keys import identity_values
from flask_uow.orm.state.mutables import remember
from flask_uow.orm.state.siblings import BATCH_SIZE, siblings_that
from flask_uow.orm.symbols import STATE
from flask_uow.sql.froms import without_own_sources
from flask_uow.sql.schema import Table
from flask_uow.sql.select import Select
from flask_uow.sql.types import Integer

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.composites import CompositeProperty
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.properties import ColumnProperty
    from flask_uow.orm.session.execution import ExecutingSession
    from flask_uow.orm.state.instance_state import InstanceState
    from flask_uow.sql.expressions import ColumnElement
    from flask_uow.sql.selectable import FromClause

__all__ = [
    "ColumnLoader",
    "Lock",
    "check_lock_mode",
    "check_version",
    "has_version",
    "key_of",
    "load_columns",
    "lock_of",
    "refresh_columns",
    "row_of",
    "session_is_gone",
]

_LOCK_MODES = (None, "read", "update", "update_nowait")
_LOCK_OPTIONS = ("read", "nowait", "skip_locked", "of", "key_share")

# a lock mode, or the arguments of Select.with_for_update() by name
Lock = str | tuple[tuple[str, Any], ...] | None


class ColumnLoader:
    """Loads one column attribute, and with it all others that are absent and not deferred: for the object and its siblings."""

    def __init__(self, mapper: Mapper, name: str) -> None:
        self.mapper = mapper
        self.name = name

    def load(self, obj: MappedObject, state: InstanceState) -> Any:
        """Load the absent columns; return this one's value.

        :raises ObjectDeletedError: when the row is gone.
        """
        session = state.session
        if session is None:
            raise session_is_gone(f"{type(obj).__name__}.{self.name}")
        exclusively(session, self._load, session, obj, state)
        return obj.__dict__[self.name]

    def _load(self, session: ExecutingSession, obj: MappedObject, state: InstanceState) -> None:
        # the options of the query that gave the object have come with its siblings
        tree = state.siblings.options if state.siblings is not None else None
        if (tree is not None and self.name in tree.raising) or self.mapper.column_attrs[self.name].raiseload:
            raise InvalidRequestError(
                f"{self.mapper.class_.__name__}.{self.name} of {describe(obj)} is not loaded, and may not be loaded at access (raiseload=True). Load it"
                " with the query: leave the option out, or add undefer()."
            )
        if not self.mapper.column_attrs[self.name].is_stored:
            # an expression may be about other rows, which wait to be written
            session.autoflush_now()
            if self.name in obj.__dict__:
                return
        names = self._names(obj, state)
        name = self.name
        mapper, classes = self._together(names)
        objects = siblings_that(state, obj, lambda other: type(other) in classes and name not in other.__dict__)
        if isinstance(state.row_key, tuple):
            # NULL in a key is no value that IN could find
            objects = [o for o in objects if o is obj or None not in o.__dict__[STATE].row_key]
            objects = [obj] if None in state.row_key else objects
        if len(objects) == 1:
            _refresh(session, self.mapper, obj, state, names, None)
        else:
            _refresh_many(session, mapper, obj, objects, names)

    def _together(self, names: tuple[str, ...]) -> tuple[Mapper, set[type]]:
        """Return the mapper of the first class of the family that has all these attributes, and the classes that have them from it."""
        mapper = self.mapper
        columns = [mapper.column_attrs[name].column for name in names]

        def has(other: Mapper) -> bool:
            return all(
                n in other.column_attrs and other.column_attrs[n].column is c
                for n, c in zip(names, columns, strict=True)
            )

        family = (m for m in mapper.lineage if m.base_mapper is mapper.base_mapper)
        first = mapper if mapper.inherits is None else next(m for m in family if has(m))
        return first, {m.class_ for m in first.descendants if m is mapper or has(m)}

    def _names(self, obj: MappedObject, state: InstanceState) -> tuple[str, ...]:
        values = obj.__dict__
        tree = state.siblings.options if state.siblings is not None else None
        chosen: Mapping[str, bool] = tree.columns if tree is not None else {}
        columns = self.mapper.column_attrs
        group = columns[self.name].group

        def is_due(name: str, prop: ColumnProperty) -> bool:
            if name == self.name or (group is not None and prop.group == group):
                return True
            return chosen.get(name, not prop.deferred)

        return tuple(name for name, prop in columns.items() if name not in values and is_due(name, prop))


def key_of(mapper: Mapper, ident: Any) -> tuple[Any, ...]:
    """Return the values of a primary key.

    :param ident: the key's value; a tuple or list for a composite key, a mapping by attribute, or a composite value that stands for the key.
    :raises UnfitArgumentError: when the number of values is not that of the key's columns.
    :raises DataError: for a value that its column cannot hold.
    """
    kinds = mapper.memo.get("kinds of key")
    if kinds is not None and len(kinds) == 1 and type(ident) is kinds[0]:
        # nearly every key (benchmark: get_miss)
        return (ident,)
    names = mapper.primary_key_names
    composite = _composite_of_key(mapper, ident) if mapper.composites else None
    if composite is not None or hasattr(ident, "__composite_values__"):
        given: Any = ident
        values = composite.values_of(given) if composite is not None else tuple(given.__composite_values__())
        # the columns of a composite attribute may be in another order than those of the key
        found = composite.names if composite is not None else names
        ident = dict(zip(found, values, strict=True)) if len(found) == len(values) else values
    if isinstance(ident, Mapping):
        if not ident.keys() <= set(names):
            ident = {mapper.name_behind(name): value for name, value in ident.items()}
        key = tuple(ident[name] for name in names if name in ident)
        is_right = len(key) == len(names) == len(ident)
    else:
        key = tuple(ident) if isinstance(ident, (tuple, list)) else (ident,)
        is_right = len(key) == len(names)
    if not is_right:
        raise UnfitArgumentError(f"the primary key of {mapper.class_.__name__} is ({', '.join(names)}), got {ident!r}.")
    if kinds is None:
        kinds = mapper.memo["kinds of key"] = tuple(mapper.column_attrs[name].column.type.value_class for name in names)
    if tuple(map(type, key)) == kinds:
        return key
    return tuple([_key_value(mapper, name, value) for name, value in zip(names, key, strict=True)])


def _composite_of_key(mapper: Mapper, ident: object) -> CompositeProperty | None:
    """Return the composite of the columns of the key that a value is one of, or None."""
    for prop in mapper.composites:
        if (
            isinstance(prop.class_, type)
            and type(ident) is prop.class_
            and set(prop.names) == set(mapper.primary_key_names)
        ):
            return prop
    return None


def _key_value(mapper: Mapper, name: str, value: object) -> Any:
    """Return a part of a key as the identity map has it: 12 for the text "12"."""
    type_ = mapper.column_attrs[name].column.type
    if value is None or type(value) is type_.value_class:
        return value
    try:
        if isinstance(type_, Integer) and isinstance(value, (float, Decimal)) and value % 1 == 0:
            # equal to the key, and a dict would find it
            return int(value)
        return type_.to_stored(value)
    except DataError as error:
        message = f"{mapper.class_.__name__}.{name}, a primary key: {error.message}"
        raise DataError(message, orig=error.orig) from error


def refresh_columns(
    mapper: Mapper, obj: MappedObject, state: InstanceState, names: tuple[str, ...], lock: Lock = None
) -> None:
    """Load columns of one object into its ``__dict__``.

    :param names: the attributes to load.
    :param lock: ``"read"``, ``"update"`` or ``"update_nowait"`` to lock the row; or what :func:`lock_of` gives.
    :raises ObjectDeletedError: when the row is gone.
    """
    if not names:
        return
    session = state.session
    if session is None:
        raise session_is_gone(f"{type(obj).__name__}.{names[0]}")
    exclusively(session, _refresh, session, mapper, obj, state, names, lock)


def session_is_gone(name: str) -> DetachedInstanceError:
    """Return the error for a load whose Session was dropped without ``close()``."""
    return DetachedInstanceError(
        f"{name} is not loaded, and the Session of its object is gone. Keep the Session while you use its objects."
    )


def _refresh(
    session: ExecutingSession,
    mapper: Mapper,
    obj: MappedObject,
    state: InstanceState,
    names: tuple[str, ...],
    lock: Lock,
) -> None:
    row = row_of(session, mapper, state, names, lock)
    if row is None:
        raise _row_is_gone(obj)
    obj.__dict__.update(zip(names, row, strict=True))
    if mapper.mutable_types:
        remember(state, obj)
    for hook in mapper.hooks.refresh:
        hook(obj, None, set(names))


def row_of(
    session: ExecutingSession, mapper: Mapper, state: InstanceState, names: tuple[str, ...], lock: Lock
) -> list[Any] | None:
    """Return the values of some attributes in the row of an object, None when it is gone."""
    connection = session.connection_for(mapper, reads=lock is None)
    dialect = connection.dialect
    source, key, columns = source_of(mapper, names)
    identity = identity_values(state.row_key)
    # IS NULL takes the place of an equation, so that each pattern of NULLs has a plan of its own
    nulls = tuple(value is None for value in identity) if None in identity else None

    def build() -> KeyedSelect:
        condition = key_condition(key, unknown_but_null(identity))
        return KeyedSelect(with_lock(_select_from(source, columns).where(condition), lock), None, columns)

    plan = planned_once(mapper.memo, ("refresh", names, lock, nulls), dialect, build)
    parameters = plan.parameters([value for value in identity if value is not None])
    rows = connection.fetch_all(plan.compiled.sql, parameters, write=plan.compiled.is_write)
    return [part.value(rows[0]) for part in plan.columns] if rows else None


def _refresh_many(
    session: ExecutingSession, mapper: Mapper, first: MappedObject, objects: list[Any], names: tuple[str, ...]
) -> None:
    """Load columns of several objects, like :func:`load_columns`; the first must have a row still."""
    if not load_columns(session, mapper, objects, names, first):
        raise _row_is_gone(first)


def load_columns(
    session: ExecutingSession,
    mapper: Mapper,
    objects: list[Any],
    names: tuple[str, ...],
    first: MappedObject | None = None,
) -> bool:
    """Load columns of several objects into their ``__dict__``, where they are absent.

    :param mapper: of a class that all of them are of.
    :param first: one of the objects.
    :returns: True when that has a row still.
    """
    found = [
        _load_columns(session, mapper, objects[start : start + BATCH_SIZE], names, first)
        for start in range(0, len(objects), BATCH_SIZE)
    ]
    return any(found)


def _load_columns(
    session: ExecutingSession, mapper: Mapper, objects: list[Any], names: tuple[str, ...], first: object
) -> bool:
    connection = session.connection_for(mapper, reads=True)
    dialect = connection.dialect
    source, key, chosen = source_of(mapper, names)
    columns = [*key, *chosen]
    by_identity = {obj.__dict__[STATE].row_key: obj for obj in objects}
    count, values = asked_keys(dialect, list(by_identity))

    def build() -> KeyedSelect:
        condition = unknown_keys_condition(key, count)
        return KeyedSelect(_select_from(source, columns).where(condition), None, columns)

    plan = planned_once(mapper.memo, ("refresh many", names, count), dialect, build)
    rows = connection.fetch_all(plan.compiled.sql, plan.parameters(values))
    read = [part.values(rows) for part in plan.columns]
    found = read[0] if len(key) == 1 else list(zip(*read[: len(key)], strict=True))
    try:
        loaded = [by_identity[identity] for identity in found]
    except KeyError:
        # equal for the database, and not here: a text that CHAR has filled up with blanks, one that a type changes on its way
        return _load_one_by_one(session, mapper, objects, names, first)
    was_found = any(obj is first for obj in loaded)
    # which attributes were absent is gone once they are filled in; nobody else needs to know
    waiting = (
        [(obj, {name for name in names if name not in obj.__dict__}) for obj in loaded] if "refresh" in HEARD else ()
    )
    for name, column in zip(names, read[len(key) :], strict=True):
        for obj, value in zip(loaded, column, strict=True):
            # what was set while the statement was under way counts
            obj.__dict__.setdefault(name, value)
    for obj, absent in waiting:
        for hook in type(obj).__mapper__.hooks.refresh if absent else ():
            hook(obj, None, absent)
    if mapper.mutable_types:
        for obj in objects:
            if names[0] in obj.__dict__:
                remember(obj.__dict__[STATE], obj)
    return was_found


def _load_one_by_one(
    session: ExecutingSession, mapper: Mapper, objects: list[Any], names: tuple[str, ...], first: object
) -> bool:
    """Load columns like :func:`load_columns`, where the keys that the database gives do not tell whose the rows are."""
    was_found = False
    for obj in objects:
        state: InstanceState = obj.__dict__[STATE]
        row = row_of(session, mapper, state, names, None)
        if row is None:
            continue
        was_found = was_found or obj is first
        absent = {name for name in names if name not in obj.__dict__}
        for name, value in zip(names, row, strict=True):
            obj.__dict__.setdefault(name, value)
        for hook in type(obj).__mapper__.hooks.refresh if absent else ():
            hook(obj, None, absent)
        if mapper.mutable_types:
            remember(state, obj)
    return was_found


def source_of(
    mapper: Mapper, names: tuple[str, ...]
) -> tuple[FromClause | None, Sequence[ColumnElement[Any]], list[ColumnElement[Any]]]:
    """Return the FROM element for some attributes of a class, the columns of the key there, and those of the attributes.

    One table, where it has all of them; else the join that the class is mapped to. None as the source means that the columns tell.
    """
    if isinstance(mapper.mapped_selectable, Table):
        return None, mapper.primary_key, [_plain(mapper, name) for name in names]
    # from the class's own table to its base's: the first that has all of them is read without a join
    for part in reversed(mapper.stored):
        if len(part.key) == len(mapper.primary_key) and all(name in part.columns for name in names):
            key = tuple(part.key[part.positions.index(n)] for n in range(len(part.key)))
            return None, key, [part.columns[name] for name in names]
    return mapper.mapped_selectable, mapper.primary_key, [_plain(mapper, name) for name in names]


def _plain(mapper: Mapper, name: str) -> ColumnElement[Any]:
    """Return the column of an attribute in the tables themselves: the key says which row is meant, whatever the class is selected from."""
    return without_own_sources(mapper.column_attrs[name].columns[-1])


def _select_from(source: FromClause | None, columns: Sequence[ColumnElement[Any]]) -> Select:
    select = Select(tuple(columns))
    return select.select_from(source) if source is not None else select


def _row_is_gone(obj: MappedObject) -> ObjectDeletedError:
    return ObjectDeletedError(
        f"{describe(obj)} cannot be refreshed: its row is gone (deleted by someone else, or by this transaction)."
        " Take the object out of the Session with session.expunge(obj)."
    )


def has_version(obj: MappedObject) -> bool:
    """Return True for an object of a class with a version column, whose version is loaded."""
    versioning = type(obj).__mapper__.versioning
    return versioning is not None and versioning.name in obj.__dict__


def check_version(obj: MappedObject, version: object) -> None:
    """Refuse an object that has another version than its row, which is locked now: what was made of its values is out of date.

    :param version: that of the row.
    :raises StaleDataError: naming both versions.
    """
    versioning = type(obj).__mapper__.versioning
    assert versioning is not None
    name = versioning.name
    changes = obj.__dict__[STATE].changes or {}
    loaded = changes.get(name, obj.__dict__[name])
    if loaded != version:
        raise StaleDataError(
            f"{describe(obj)} was to be locked, and its row has the version {version!r} by now, the object {loaded!r}: someone else has changed it"
            " since it was loaded. Roll back, or expire the object, and load it again."
        )


def check_lock_mode(lock: str | None) -> None:
    """Refuse a lock mode that is none of the specification's.

    :raises ArgumentError: naming the modes.
    """
    if lock not in _LOCK_MODES:
        raise ArgumentError(
            f"the lock mode {lock!r} is unknown; the modes are None, 'read', 'update' and 'update_nowait'."
        )


def lock_of(with_for_update: bool | Mapping[str, Any] | None) -> Lock:
    """Return the lock that ``with_for_update=`` asks for: True, or the arguments of :meth:`Select.with_for_update`.

    :raises ArgumentError: for something else.
    """
    if with_for_update is None or isinstance(with_for_update, bool):
        return "update" if with_for_update else None
    if not isinstance(with_for_update, Mapping):
        raise ArgumentError(
            f"with_for_update={with_for_update!r}: True, False or the arguments of Select.with_for_update() were expected, such as"
            ' {"nowait": True}.'
        )
    for name in with_for_update:
        if name not in _LOCK_OPTIONS:
            raise ArgumentError(
                f"with_for_update= got an unknown name {name!r}.{did_you_mean(str(name), _LOCK_OPTIONS)} It takes {', '.join(_LOCK_OPTIONS)}."
            )
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in with_for_update.items()}
    # sorted, since plans are kept by it
    return tuple(sorted(options.items(), key=lambda item: item[0]))


def with_lock(select: Select, lock: Lock) -> Select:
    """Return the SELECT with the locking clause that a lock mode of the specification means, or :func:`lock_of` has given."""
    if lock is None:
        return select
    if isinstance(lock, tuple):
        return select.with_for_update(**dict(lock))
    return select.with_for_update(read=lock == "read", nowait=lock.endswith("nowait"))
