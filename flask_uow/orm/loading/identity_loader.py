"""The object of a primary key, from the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.orm.loading.further import load_further
from flask_uow.orm.loading.planning import KeyedSelect, planned_once, root_of
from flask_uow.orm.loading.run import QueryRun
from flask_uow.orm.loading.statements import key_condition, unknown_but_null
from flask_uow.orm.state.keys import identity_values
from flask_uow.sql.select import Select

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.execution import ExecutingSession

__all__ = ["load_by_identity"]


def load_by_identity(session: ExecutingSession, mapper: Mapper, identity: object) -> Any:
    """Return the object of a primary key from the database, or None.

    :param identity: the key's value, a tuple of values where it has several columns.
    """
    connection = session.connection_for(mapper, reads=True)
    key = identity_values(identity)
    nulls = tuple(value is None for value in key) if None in key else None

    def build() -> KeyedSelect:
        columns = [mapper.column(column) for column in mapper.primary_key]
        condition = key_condition(columns, unknown_but_null(key))
        return KeyedSelect(Select((mapper,)).where(condition), root_of(mapper, None), ())

    plan = planned_once(mapper.memo, ("by identity", nulls), connection.dialect, build)
    values = key if nulls is None else [value for value in key if value is not None]
    rows = connection.fetch_all(plan.compiled.sql, plan.parameters(values))
    if not rows:
        return None
    if plan.load is not None and not session.hooks.loaded_as_persistent:
        # benchmark: get_miss
        return plan.load(rows, session.objects.identities_of(mapper), None)[0]
    run = QueryRun(session, connection.dialect, plan)
    objects = run.read_objects(rows)
    if run.found:
        load_further(run)
    return objects[0]
