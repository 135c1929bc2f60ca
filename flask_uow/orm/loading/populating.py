"""``populate_existing()``: what a query finds overwrites what is loaded, also on objects that are in the Session already."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_uow.orm.state.expiry import expire_object
from flask_uow.orm.state.keys import identity_from

__all__ = ["expire_present"]


def expire_present(
    session: Any, dialect: Any, mapper: Any, rows: Iterable[tuple[Any, ...]], names: tuple[str, ...] | None
) -> None:
    """Expire the objects of rows that the Session has, changes included, so that the rows fill them anew.

    :param rows: the driver's rows, holding the entity's columns only.
    :param names: the attributes that they hold, in order; None for all that are not deferred.
    """
    identities = session.objects.identities_of(mapper)
    order = list(names if names is not None else mapper.loaded_names)
    key = []
    for name in mapper.primary_key_names:
        key.append((order.index(name), dialect.result_processor(mapper.column_attrs[name].column.type)))
    seen: set[Any] = set()
    for row in rows:
        values = [row[position] if p is None else p(row[position]) for position, p in key]
        identity = identity_from(values)
        if identity in seen:
            continue
        seen.add(identity)
        state = identities.entries.get(identity)
        obj = state() if state is not None else None
        if state is not None and obj is not None:
            expire_object(obj, state, None)
