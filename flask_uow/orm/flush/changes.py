"""The changes of a Session as one flush sees them: its new, changed and deleted objects, orphans among the latter.

Finding orphans and collecting work on these lists instead of the Session's own, so that a plan can be made without changing the Session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.orm.session.session import Session
    from flask_uow.orm.state.instance_state import InstanceState

__all__ = ["Automatic", "Changes"]


@dataclass(slots=True)
class Automatic:
    """A flush that nobody has asked for: something is to be read.

    :ivar loading: the relationship that is being loaded, or None.
    """

    loading: RelationshipProperty | None = None


@dataclass(slots=True)
class Changes:
    """The objects that a flush is about, by state.

    :ivar session: their Session.
    :ivar new: the pending objects.
    :ivar modified: the changed ones, deleted ones among them. This is the Session's own dict, since loading a collection may add to it.
    :ivar deleted: those to be deleted.
    :ivar unasked: those of the new objects that nobody has added: they came along with others.
    :ivar taken_back: True when an object that was marked as deleted is not any more.
    :ivar left_out: objects that leave the Session with this flush, since what had got them is deleted.
    """

    session: Session
    new: dict[InstanceState, Any]
    modified: Mapping[InstanceState, Any]
    deleted: dict[InstanceState, Any]
    unasked: Mapping[InstanceState, None]
    taken_back: bool
    left_out: dict[InstanceState, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, session: Session) -> Changes:
        """Return the changes of a Session, to which orphans are still to be added."""
        objects = session.objects
        return cls(
            session,
            dict(objects.new) if objects.new else {},
            objects.modified,
            dict(objects.deleted) if objects.deleted else {},
            objects.unasked,
            objects.taken_back,
        )

    def changed(self) -> list[Any]:
        """Return the changed objects that are not to be deleted."""
        deleted, left_out = self.deleted, self.left_out
        if not deleted and not left_out:
            return list(self.modified.values())
        return [obj for state, obj in self.modified.items() if state not in deleted and state not in left_out]
