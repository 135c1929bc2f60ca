"""``inspect(obj)``: the bookkeeping behind a mapped object or class."""

from __future__ import annotations

from typing import Any

from flask_uow.orm.exc import UnmappedInstanceError
from flask_uow.orm.instrumentation.state import InstanceState, instance_state
from flask_uow.orm.mapping.mapper import Mapper, class_mapper

__all__ = ["inspect"]


def inspect(subject: Any) -> InstanceState | Mapper:
    """Return the :class:`InstanceState` of a mapped object, or the :class:`Mapper` of a mapped class.

    :raises UnmappedClassError: for an unmapped class.
    :raises UnmappedInstanceError: for anything else.
    """
    if isinstance(subject, (type, Mapper)):
        return class_mapper(subject)
    if not hasattr(subject, "__dict__"):
        raise UnmappedInstanceError(f"{subject!r} is no mapped object or class.")
    return instance_state(subject)
