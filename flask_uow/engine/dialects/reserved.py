"""The words that a database does not take as the name of a table or column unless it is quoted.

PostgreSQL: what ``pg_get_keywords()`` of version 18 calls reserved. SQLite: the words of
https://www.sqlite.org/lang_keywords.html that version 3.40 refuses as a table, a column or an alias.
"""

from __future__ import annotations

__all__ = ["POSTGRESQL_RESERVED", "SQLITE_RESERVED"]

_POSTGRESQL_RESERVED = """
all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation
column concurrently constraint create cross current_catalog current_date current_role current_schema current_time
current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze
from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit
localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references
returning right select session_user similar some symmetric system_user table tablesample then to trailing true union
unique user using variadic verbose when where window with
"""
POSTGRESQL_RESERVED = frozenset(_POSTGRESQL_RESERVED.split())

_SQLITE_RESERVED = """
add all alter and as autoincrement between case cast check collate commit constraint create current_date
current_time current_timestamp default deferrable delete distinct drop else escape except exists false foreign from
group having if in index insert intersect into is isnull join limit not nothing notnull null on or order primary
raise references returning select set table then to transaction true union unique update using values when where
"""
SQLITE_RESERVED = frozenset(_SQLITE_RESERVED.split())
