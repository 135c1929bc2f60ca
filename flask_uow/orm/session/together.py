"""Transactions of several Sessions that end together: all of them are flushed before the first one is committed.

What cannot be written is known then, while everything can still be rolled back. Called by the web layer for the Sessions of one scope.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.session.participants import JointCommit
from flask_uow.orm.session.transaction import SessionTransaction

__all__ = ["be_ready_together"]


def be_ready_together(transactions: Sequence[SessionTransaction]) -> None:
    """Leave nothing to the commits of root transactions but to end them; they went through ``get_ready()`` before.

    The first ``commit()`` ends all of them in their databases, and each settles its own Session.

    :raises InvalidRequestError: when flushes leave changes behind again and again.
    """
    # a hook of one Session may have changed objects of another that was flushed before it
    for _ in range(100):
        changed = [each.session for each in transactions if each.session.objects.has_changes()]
        if not changed:
            break
        for session in changed:
            session.flush()
    else:
        raise InvalidRequestError(
            "100 flushes in a row left changes behind in the Sessions of one scope. A hook changes objects at every flush; let it come to rest."
        )
    JointCommit([each.participants for each in transactions])
    for each in transactions:
        each.be_ready()
