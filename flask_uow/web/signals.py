"""Signals that tell what happened to a unit of work (blinker).

The sender is the app; ``session`` is the Session. A scope that was never used sends none. ``before_commit`` receivers
may still add work. Sent by flask_uow.web.session; `Blinker <https://blinker.readthedocs.io/>`_ has the ways to connect.
"""

from __future__ import annotations

from blinker import Namespace

__all__ = ["after_commit", "after_rollback", "before_commit"]

_signals = Namespace()

before_commit = _signals.signal(
    "uow-before-commit", doc="Sent before a Session is flushed and committed; receivers may still add work."
)
after_commit = _signals.signal("uow-after-commit", doc="Sent when the work of a Session has been committed.")
after_rollback = _signals.signal("uow-after-rollback", doc="Sent when the work of a Session has been rolled back.")
