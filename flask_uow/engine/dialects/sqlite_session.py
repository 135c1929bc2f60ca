"""The traces that statements leave in a connection of SQLite, as their text tells: settings, temporary tables, attached files.

Used by :mod:`flask_uow.engine.dialects.sqlite`, which closes such a connection instead of keeping it: opening one costs less than
setting it back would.
"""

from __future__ import annotations

import re

from flask_uow.engine.marks import CHANGES_SESSION

__all__ = ["find_marks"]

_BEGINNING = r"(?:\A|;)(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*"
# these take an argument and set nothing, or nothing that outlasts the transaction or that is the file's and not the connection's
_ASKING = (
    "table_info|table_xinfo|table_list|index_info|index_xinfo|index_list|foreign_key_list|foreign_key_check|integrity_check|quick_check"
    "|optimize|wal_checkpoint|incremental_vacuum|user_version|application_id"
)
_QUOTE = r"[\"'`\[\]]?"
_NAME = rf"{_QUOTE}\w+{_QUOTE}"
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_CHANGES = re.compile(
    _BEGINNING + rf"(?:PRAGMA\s+(?:{_NAME}\s*\.\s*)?(?!{_QUOTE}(?:{_ASKING})\b){_NAME}\s*[=(]|ATTACH\b|DETACH\b)"
    rf"|\bCREATE\s+TEMP(?:ORARY)?\s|\bCREATE\s[^;(]*\btemp{_QUOTE}\s*\.|\bload_extension\s*\(",
    re.IGNORECASE | re.DOTALL,
)


def find_marks(sql: str) -> int:
    """Return the marks of a statement."""
    # what looks like a comment may be part of a value, so both texts count
    return CHANGES_SESSION if _CHANGES.search(sql) or _CHANGES.search(_COMMENT.sub(" ", sql)) else 0
