"""``inspect(obj)``: the bookkeeping behind a mapped object or class."""

from __future__ import annotations

from typing import Any, overload

from flask_uow.engine import Connection, Engine, Inspector
from flask_uow.orm.exc import UnmappedInstanceError
from flask_uow.orm.mapping.mapper import Mapper, class_mapper
from flask_uow.orm.state.instance_state import InstanceState, instance_state

__all__ = ["inspect"]


@overload
def inspect(subject: Engine | Connection) -> Inspector: ...


@overload
def inspect(subject: Any) -> Any: ...


def inspect(subject: Any) -> InstanceState | Mapper | Inspector:
    """Return the bookkeeping of a subject: the :class:`InstanceState` of a mapped object, the :class:`Mapper` of a mapped class, an
    :class:`~flask_uow.engine.reflection.inspector.Inspector` of the database of an engine or a connection.

    :raises UnmappedClassError: for an unmapped class.
    :raises UnmappedInstanceError: for anything else.
    """
    if isinstance(subject, (type, Mapper)):
        return class_mapper(subject)
    if isinstance(subject, (Engine, Connection)):
        return Inspector(subject)
    if not hasattr(subject, "__dict__"):
        raise UnmappedInstanceError(f"{subject!r} is no mapped object or class.")
    return instance_state(subject)
