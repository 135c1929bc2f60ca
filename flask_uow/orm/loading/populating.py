"""``populate_existing()``: what a query finds overwrites what is loaded, also on objects that are in the Session already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.orm.loading.parts import ColumnPart, EntityPart, Rows
from flask_uow.orm.state.expiry import expire_object

if TYPE_CHECKING:
    from flask_uow.engine.dialects.base import Dialect
    from flask_uow.orm.session.execution import ExecutingSession

__all__ = ["expire_present"]


def expire_present(
    session: ExecutingSession, dialect: Dialect, part: EntityPart, rows: Rows, populated: set[Any]
) -> None:
    """Expire the objects of rows that the Session has, changes included, so that the rows fill them anew.

    :param rows: the driver's rows.
    :param populated: the states of those that were filled by this statement, or by one that it follows; they stay as they are.
    """
    mapper, names = part.mapper, part.layout.names
    key = [
        ColumnPart(
            part.start + names.index(name),
            dialect.result_processor(mapper.column_attrs[name].column.type),
            mapper.column_attrs[name].column,
        )
        for name in mapper.primary_key_names
    ]
    values = [column.values(rows) for column in key]
    entries = session.objects.identities_of(mapper).entries
    for identity in dict.fromkeys(values[0] if len(values) == 1 else zip(*values, strict=True)):
        state = entries.get(identity)
        obj = state() if state is not None else None
        if state is not None and obj is not None and state not in populated:
            expire_object(obj, state, None)
