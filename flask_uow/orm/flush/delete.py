"""DELETEs of a flush: one batch for each table of a class, from its own up to that of its base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.orm.exc import StaleDataError
from flask_uow.orm.flush.tables import has_null, not_among, require_stored, stale_rows, versioned_key
from flask_uow.orm.mapping.mapped_table import MappedTable
from flask_uow.orm.state.instance_state import describe
from flask_uow.sql.dml import Delete

if TYPE_CHECKING:
    from flask_uow.engine import Connection
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.session import Session
    from flask_uow.sql.schema import Column

__all__ = ["delete_objects"]


def delete_objects(session: Session, mapper: Mapper, objects: list[Any]) -> None:
    """DELETE the rows of objects, from the table of the class up to that of its base.

    :raises StaleDataError: when rows are gone already, or have another version by now.
    :raises FlushError: when no table of the class can be written to.
    """
    connection = session.connection_for(mapper)
    batch = connection.dialect.batch
    require_stored(mapper, objects[0], "deleted")
    # the row of a subclass refers to that of its base, and goes first
    for part in reversed(mapper.stored):
        versioning = mapper.versioning
        if versioning is not None and versioning.name in part.columns:
            key, values = versioned_key(part, versioning, objects)
            if has_null(values):
                _delete_one_by_one(connection, part, key, values, objects)
                continue
            # the keys that come back tell which rows somebody else has changed
            rows = batch.delete_returning(connection, part.table, key, values, part.key)
            if len(rows) != len(objects):
                gone = not_among(connection, part, objects, rows)
                raise stale_rows(part, "DELETE from", objects, gone, len(rows))
            continue
        key, values = versioned_key(part, None, objects)
        if has_null(values):
            _delete_one_by_one(connection, part, key, values, objects, mapper.confirm_deleted_rows)
            continue
        found = batch.delete(connection, part.table, key, values)
        if found != len(objects) and mapper.confirm_deleted_rows:
            raise StaleDataError(
                f"DELETE from {part.table.fullname!r} found {found} of {len(objects)} rows: {_name_some(objects)}. "
                "Someone else has deleted the others; roll back and load the objects again."
            )


def _delete_one_by_one(
    connection: Connection,
    part: MappedTable,
    key: list[Column[Any]],
    values: list[list[Any]],
    objects: list[Any],
    confirms: bool = True,
) -> None:
    # with NULL in a key, or for a version: that takes another condition
    for obj, identity in zip(objects, zip(*values, strict=True), strict=True):
        row = Delete(part.table).where(*(column == value for column, value in zip(key, identity, strict=True)))
        if connection.execute(row).rowcount != 1 and confirms:
            raise stale_rows(part, "DELETE from", [obj], [obj], 0)


def _name_some(objects: list[Any]) -> str:
    shown = ", ".join(describe(obj) for obj in objects[:5])
    return shown if len(objects) <= 5 else f"{shown} and {len(objects) - 5} more"
