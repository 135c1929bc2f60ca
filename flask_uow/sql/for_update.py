"""The locking clause of a SELECT; made by ``Select.with_for_update()``, written by the compiler."""

from __future__ import annotations

from flask_uow.exc import ArgumentError
from flask_uow.sql.nodes import Shape
from flask_uow.sql.selectable import FromClause

__all__ = ["ForUpdate"]


class ForUpdate:
    """The locking clause of a SELECT.

    :ivar read: FOR SHARE instead of FOR UPDATE.
    :ivar nowait: fail at once where a row is locked.
    :ivar skip_locked: leave out rows that are locked.
    :ivar of: lock only the rows of these tables.
    :ivar key_share: let others refer to the rows by foreign keys meanwhile.
    :raises ArgumentError: for both ``nowait`` and ``skip_locked``.
    """

    __slots__ = ("key_share", "nowait", "of", "read", "skip_locked")

    def __init__(
        self,
        read: bool = False,
        nowait: bool = False,
        skip_locked: bool = False,
        of: tuple[FromClause, ...] = (),
        key_share: bool = False,
    ) -> None:
        if nowait and skip_locked:
            raise ArgumentError("with_for_update() takes nowait or skip_locked, not both.")
        self.read, self.nowait, self.skip_locked, self.of = read, nowait, skip_locked, of
        self.key_share = key_share

    def collect_shape(self, shape: Shape) -> None:
        shape.key.append(("for update", self.read, self.nowait, self.skip_locked, self.key_share, len(self.of)))
        for element in self.of:
            element.collect_shape(shape)
