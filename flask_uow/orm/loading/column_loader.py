"""Loads the columns of an object that are absent: expired ones, and those that the database made at an INSERT."""

from __future__ import annotations

from typing import Any

from flask_uow.exc import ArgumentError
from flask_uow.orm.exc import DetachedInstanceError, ObjectDeletedError
from flask_uow.orm.exclusive import exclusively
from flask_uow.orm.instrumentation.state import describe
from flask_uow.orm.loading.rows import entity_loader
from flask_uow.orm.loading.statements import compiled_once, key_condition
from flask_uow.sql.select import Select

__all__ = [
    "ColumnLoader",
    "check_lock_mode",
    "identity_values",
    "load_by_identity",
    "refresh_columns",
    "session_is_gone",
]

_LOCK_MODES = (None, "read", "update", "update_nowait")


class ColumnLoader:
    """Loads one column attribute, and with it all other columns of the object that are absent."""

    def __init__(self, mapper: Any, name: str) -> None:
        self.mapper = mapper
        self.name = name

    def load(self, obj: Any, state: Any) -> Any:
        """Load the absent columns; return this one's value.

        :raises ObjectDeletedError: when the row is gone.
        """
        values = obj.__dict__
        names = tuple(name for name in self.mapper.columns if name not in values)
        refresh_columns(self.mapper, obj, state, names)
        return values[self.name]


def identity_values(identity: Any) -> tuple[Any, ...]:
    """Return an identity as a tuple, whatever the number of key columns."""
    return identity if isinstance(identity, tuple) else (identity,)


def refresh_columns(mapper: Any, obj: Any, state: Any, names: tuple[str, ...], lock: str | None = None) -> None:
    """Load columns of one object into its ``__dict__``.

    :param names: the attributes to load.
    :param lock: ``"read"``, ``"update"`` or ``"update_nowait"`` to lock the row.
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


def _refresh(session: Any, mapper: Any, obj: Any, state: Any, names: tuple[str, ...], lock: str | None) -> None:
    connection = session._connection_for(mapper)
    dialect = connection.dialect
    columns = [mapper.columns[name].column for name in names]

    def build() -> Select:
        select = Select(tuple(columns)).where(key_condition(mapper.primary_key))
        return with_lock(select, lock)

    compiled = compiled_once(mapper.memo, ("refresh", names, lock), dialect, build)
    parameters = compiled.parameters(identity_values(state.identity))
    rows = connection.fetch_all(compiled.sql, parameters, write=compiled.is_write)
    if not rows:
        raise ObjectDeletedError(
            f"{describe(obj)} cannot be refreshed: its row is gone (deleted by someone else, or by this transaction)."
            " Take the object out of the Session with session.expunge(obj)."
        )
    values = obj.__dict__
    for name, column, value in zip(names, columns, rows[0], strict=True):
        processor = dialect.result_processor(column.type)
        values[name] = processor(value) if processor is not None else value


def load_by_identity(session: Any, mapper: Any, identity: Any) -> Any:
    """Return the object of a primary key from the database, or None."""
    connection = session._connection_for(mapper)
    dialect = connection.dialect
    compiled = compiled_once(
        mapper.memo,
        "by identity",
        dialect,
        lambda: Select(tuple(mapper.entity_columns())).where(key_condition(mapper.primary_key)),
    )
    rows = connection.fetch_all(compiled.sql, compiled.parameters(identity_values(identity)))
    if not rows:
        return None
    return entity_loader(mapper, dialect)(rows, session._identities_of(mapper))[0]


def check_lock_mode(lock: str | None) -> None:
    """Refuse a lock mode that is none of the specification's.

    :raises ArgumentError: naming the modes.
    """
    if lock not in _LOCK_MODES:
        raise ArgumentError(
            f"the lock mode {lock!r} is unknown; the modes are None, 'read', 'update' and 'update_nowait'."
        )


def with_lock(select: Select, lock: str | None) -> Select:
    """Return the SELECT with the locking clause that a lock mode of the specification means."""
    if lock is None:
        return select
    return select.with_for_update(read=lock == "read", nowait=lock.endswith("nowait"))
