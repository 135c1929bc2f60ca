"""The warning for a relationship to one object that several rows belong to."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.exc import UOWWarning
from flask_uow.orm.state.instance_state import describe

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty

__all__ = ["warn_of_several"]


def warn_of_several(prop: RelationshipProperty, parent: MappedObject, related: Sequence[Any]) -> None:
    """Warn where several objects were found for a relationship to one, of which the first is taken."""
    others = len({id(obj) for obj in related}) - 1
    if others:
        warnings.warn(
            f"{prop.name} refers to one object, and {others + 1} rows belong to {describe(parent)}: {describe(related[0])} was taken. Make it a"
            " collection (without uselist=False), or keep the database to one row with a unique constraint.",
            UOWWarning,
            stacklevel=2,
        )
