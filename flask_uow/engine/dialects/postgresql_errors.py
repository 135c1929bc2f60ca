"""The errors of psycopg2, by what they mean: a server that is away, full or another one than expected, a lost connection, a missing table.

Codes are those of https://www.postgresql.org/docs/current/errcodes-appendix.html. Used by :mod:`flask_uow.engine.dialects.postgresql`, whose
methods of these names say what each is for.
"""

from __future__ import annotations

import re

import psycopg2
from psycopg2.errors import UndefinedColumn, UndefinedTable
from psycopg2.extensions import connection

__all__ = [
    "is_absence",
    "is_ambiguous",
    "is_lost",
    "is_misplaced",
    "is_refusal",
    "lacks_column",
    "lacks_table",
    "missing_table",
]

# the words of the server, then those of PgBouncer; each of them passes, so that who asks again may get a connection
_REFUSALS = re.compile(
    r"too many (?:connections|clients)|remaining connection slots are reserved|the database system is (?:starting up|shutting down"
    r"|in recovery mode|not (?:yet )?accepting connections)|no more connections allowed|server_login_retry|pooler is shutting down"
)
_ABSENCES = re.compile("Connection refused|Connection reset|No such file or directory|server closed the connection")


def is_refusal(error: BaseException) -> bool:
    """Return True where the server takes no further connection at the moment, and may take one soon."""
    # libpq has no codes for errors on connecting, only words: 53300 (too many connections) and 57P03 (starting or stopping)
    return isinstance(error, psycopg2.OperationalError) and _REFUSALS.search(str(error)) is not None


def is_absence(error: BaseException) -> bool:
    """Return True where no server answers."""
    return isinstance(error, psycopg2.OperationalError) and _ABSENCES.search(str(error)) is not None


def is_misplaced(error: BaseException) -> bool:
    """Return True where the server does not write: it is a standby, or read only."""
    # read_only_sql_transaction
    return getattr(error, "pgcode", None) == "25006"


def is_ambiguous(error: BaseException) -> bool:
    """Return True where the server does not know whether it has committed."""
    # statement_completion_unknown: never said by PostgreSQL itself, but by others that speak its protocol
    return getattr(error, "pgcode", None) == "40003"


def is_lost(error: BaseException, raw: connection) -> bool:
    """Return True where the connection cannot be used any more."""
    if raw.closed:
        return True
    # 57P01-57P03: the server is shutting down; 08xxx: connection errors (appendix A of the manual)
    code = getattr(error, "pgcode", None) or ""
    return code.startswith("08") or code in ("57P01", "57P02", "57P03")


def lacks_table(error: BaseException) -> bool:
    """Return True where a table is missing in the database."""
    # PostgreSQL has the same code for a table that is there and was not listed in FROM
    return isinstance(error, UndefinedTable) and error.diag.source_function != "errorMissingRTE"


def lacks_column(error: BaseException) -> bool:
    """Return True where a column is missing in the database."""
    return isinstance(error, UndefinedColumn)


def missing_table(error: BaseException) -> str | None:
    """Return the name of the table that is missing, None where it is not known."""
    if not isinstance(error, UndefinedTable) or not lacks_table(error):
        return None
    # quoted in one way or another in every language of the server's messages
    found = re.search(r'["«„“](.+?)["»“”]', error.diag.message_primary or "")
    return found[1].strip() if found is not None else None
