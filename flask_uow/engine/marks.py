"""Marks: what a statement may do besides reading and writing rows, as its text tells.

The dialects find them (:meth:`~flask_uow.engine.dialects.base.Dialect.marks`), once for each text; a connection collects those of the
statements that it has sent, and the pool cleans connections by them when they come back. A mark too many costs a round trip and
nothing else, so the texts are searched and not parsed.
"""

from __future__ import annotations

__all__ = ["CHANGES_FORMATS", "CHANGES_SESSION", "DEPENDS", "MAY_WRITE", "UNSETTLED"]

# leaves something in the session that would reach the next user of the connection: a setting, a temporary table, a lock
CHANGES_SESSION = 1
# may change how the server writes values, so that those settings are to be made again
CHANGES_FORMATS = 2
# calls a function that may write, or runs code
MAY_WRITE = 4
# the parameters decide
DEPENDS = 8
# left on the connection itself by an earlier user: the settings that values depend on are no longer there
UNSETTLED = 16
