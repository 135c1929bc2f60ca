"""Rows of the tables that objects are stored in: how a statement tells them, and what to say of those that it did not find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.orm.exc import FlushError, StaleDataError
from flask_uow.orm.mapping.mapped_table import MappedTable
from flask_uow.orm.state.instance_state import describe
from flask_uow.orm.state.keys import identity_values
from flask_uow.orm.symbols import NO_VALUE, STATE

if TYPE_CHECKING:
    from flask_uow.engine import Connection
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.versioning import Versioning
    from flask_uow.sql.schema import Column

__all__ = ["has_null", "not_among", "require_stored", "stale_rows", "versioned_key"]


def require_stored(mapper: Mapper, obj: MappedObject, what: str) -> None:
    """Refuse to write an object of a class that no table stores.

    :param what: what was to be done with it, as the message says it.
    :raises FlushError: naming the object.
    """
    if not mapper.stored:
        raise FlushError(
            f"{describe(obj)} cannot be {what}: {mapper.class_.__name__} is mapped to {mapper.local_table.description}, and no table"
            " of it can be written to with the mapped columns. Map its primary key, or treat the class as read-only."
        )


def versioned_key(
    part: MappedTable, versioning: Versioning | None, objects: list[Any]
) -> tuple[list[Column[Any]], list[list[Any]]]:
    """Return the columns of a WHERE clause, the key and then the version that was loaded, and their values, column by column."""
    identities = [obj.__dict__[STATE].row_key for obj in objects]
    columns, values = list(part.key), part.key_values(identities)
    if versioning is not None:
        columns.append(part.columns[versioning.name])
        values.append([_loaded_version(obj, versioning.name) for obj in objects])
    return columns, values


def has_null(key_values: list[list[Any]]) -> bool:
    """Return True for keys, or versions, that are NULL in part, so that no comparison with values finds their rows."""
    return len(key_values) > 1 and any(None in column for column in key_values)


def _loaded_version(obj: MappedObject, name: str) -> Any:
    changes = obj.__dict__[STATE].changes or {}
    before = changes.get(name, NO_VALUE)
    return getattr(obj, name) if before is NO_VALUE else before


def stale_rows(part: MappedTable, what: str, objects: list[Any], gone: list[Any], found: int) -> StaleDataError:
    """Return the error for rows that were not found under the key and version that were loaded.

    :param gone: the objects that they belong to, as far as that is known.
    """
    names = ", ".join(describe(obj) for obj in gone[:5]) or "unknown"
    more = f" and {len(gone) - 5} more" if len(gone) > 5 else ""
    return StaleDataError(
        f"{what} {part.table.fullname!r} found {found} of {len(objects)} rows; gone: {names}{more}."
        " Someone else has deleted them, or changed them since they were loaded; roll back and load the objects again."
    )


def not_among(connection: Connection, part: MappedTable, objects: list[Any], keys: list[tuple[Any, ...]]) -> list[Any]:
    """Return the objects whose keys are not among those that a statement has returned."""
    processors = [connection.dialect.result_processor(column.type) for column in part.key]
    found = {tuple(p(v) if p is not None else v for p, v in zip(processors, key, strict=True)) for key in keys}

    def key_of(obj: MappedObject) -> tuple[Any, ...]:
        identity = identity_values(obj.__dict__[STATE].row_key)
        return tuple(identity[position] for position in part.positions)

    return [obj for obj in objects if key_of(obj) not in found]
