"""Signals that tell what happens to a unit of work (blinker).

The sender is the app, ``session`` is the Session. ``before_commit``, ``after_commit`` and ``after_rollback`` are about a scope's
transaction as a whole; a scope that was never used sends none. The others are the moments of :class:`flask_uow.SessionExtension`, and
take the parameters of its methods as keywords. Sent by flask_uow.web.session; `Blinker <https://blinker.readthedocs.io/>`_ has the
ways to connect.
"""

from __future__ import annotations

from blinker import Namespace

__all__ = [
    "HOOKS",
    "after_attach",
    "after_begin",
    "after_bulk_delete",
    "after_bulk_update",
    "after_commit",
    "after_flush",
    "after_flush_postexec",
    "after_rollback",
    "before_commit",
    "before_flush",
]

# those of the moments of SessionExtension, whose methods have the same names
HOOKS = (
    "before_flush", "after_flush", "after_flush_postexec", "after_begin", "after_attach", "after_bulk_update", "after_bulk_delete",
)  # fmt: skip

_signals = Namespace()

before_commit = _signals.signal(
    "uow-before-commit", doc="Sent before a Session is flushed and committed; receivers may still add work."
)
after_commit = _signals.signal("uow-after-commit", doc="Sent when the work of a Session has been committed.")
after_rollback = _signals.signal("uow-after-rollback", doc="Sent when the work of a Session has been rolled back.")

before_flush = _signals.signal("uow-before-flush", doc="Sent before a flush; receivers may still change objects.")
after_flush = _signals.signal("uow-after-flush", doc="Sent when the SQL of a flush was sent.")
after_flush_postexec = _signals.signal("uow-after-flush-postexec", doc="Sent at the end of a flush.")
after_begin = _signals.signal("uow-after-begin", doc="Sent when a transaction or SAVEPOINT has begun on a connection.")
after_attach = _signals.signal("uow-after-attach", doc="Sent when an object was put into a Session.")
after_bulk_update = _signals.signal("uow-after-bulk-update", doc="Sent after query.update().")
after_bulk_delete = _signals.signal("uow-after-bulk-delete", doc="Sent after query.delete().")
