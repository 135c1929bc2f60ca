"""The session of PostgreSQL: the settings that values depend on, and what statements leave in it.

A connection of the server's that is one client's alone gets them once, for its whole session (:data:`SETTLE`). Where a pooler may give the
client another connection of the server's from one transaction to the next, and where somebody has set something since, no setting is made for
longer than a transaction: ``SET LOCAL`` travels in one string with BEGIN, or with a statement that is a transaction of its own. So values
are read right whatever the server, the role, the database or an earlier user of the connection has set, and nobody else sees our settings.
Used by :mod:`flask_uow.engine.dialects.postgresql`.
"""

from __future__ import annotations

import re

from flask_uow.engine.marks import CHANGES_FORMATS, CHANGES_SESSION, DEPENDS, MAY_WRITE

__all__ = [
    "COMMENT",
    "REPORTED",
    "SESSION_SETTINGS",
    "SETTINGS",
    "SETTLED",
    "SETTLE",
    "UNSETTLE",
    "calls_only_readers",
    "does_alone",
    "find_marks",
    "needs_settings",
    "only_reads",
]

# extra_float_digits makes servers before 12, and those whose default is 0 or less, send floats exactly
SETTINGS = "SET LOCAL datestyle = 'ISO, MDY'; SET LOCAL intervalstyle = 'postgres'; SET LOCAL extra_float_digits = 3; SET LOCAL timezone = 'UTC'"
# for servers without settings of a transaction
SESSION_SETTINGS = SETTINGS.replace("SET LOCAL ", "SET ")
# Makes the settings for the session, and gives a row, only where the process that answers is the one that has let the client in. Poolers tell
# their clients a number of their own, or that of a process that serves others next.
# The row tells the isolation level of transactions that ask for none.
SETTLE = (
    "SELECT current_setting('default_transaction_isolation'),"
    " set_config('datestyle', 'ISO, MDY', false), set_config('intervalstyle', 'postgres', false),"
    " set_config('extra_float_digits', '3', false), set_config('timezone', 'UTC', false) WHERE pg_backend_pid() = %s"
)
UNSETTLE = "RESET datestyle; RESET intervalstyle; RESET extra_float_digits; RESET timezone"
# the settings of which the server tells the client each change, and what they are then: looking at them sends nothing
REPORTED = ("DateStyle", "IntervalStyle", "TimeZone")
SETTLED = ("ISO, MDY", "postgres", "UTC")

# where a statement may begin: at the start of the text or behind a semicolon, after comments and brackets
_BEGINNING = r"(?:\A|;)(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/|\()*"
_RETURNS_VALUES = re.compile(
    _BEGINNING.replace(r"(?:\A|;)", r"\A")
    + r"(?:SELECT|WITH|VALUES|TABLE|INSERT|UPDATE|DELETE|MERGE|FETCH|DECLARE|SHOW|EXECUTE)\b",
    re.IGNORECASE | re.DOTALL,
)
# DO, CALL and EXECUTE run what is not seen here, and so may change anything
_CHANGES = re.compile(
    _BEGINNING
    + r"(?:SET\s+(?!LOCAL\b|TRANSACTION\b|CONSTRAINTS\b)|RESET\b|DISCARD\b|LISTEN\b|PREPARE\s+(?!TRANSACTION\b)|LOAD\b|DO\b|CALL\b"
    r"|EXECUTE\b|IMPORT\b)"
    r"|\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:(?:GLOBAL|LOCAL)\s+)?TEMP(?:ORARY)?\s"
    r"|(?<!insert\s)(?<!merge\s)\bINTO\s+(?:(?:GLOBAL|LOCAL)\s+)?TEMP(?:ORARY)?\s+[\w\"]"
    r"|\bpg_temp\"?\s*\.|\bUPDATE\s+(?:ONLY\s+)?(?:\"?pg_catalog\"?\s*\.\s*)?\"?pg_settings\b|\bWITH\s+HOLD\b"
    r"|\bpg_(?:try_)?advisory_lock(?:_shared)?\"?\s*\(|\bdblink_connect\w*\s*\(|\bsetseed\s*\(",
    re.IGNORECASE | re.DOTALL,
)
_FORMATS = re.compile(
    _BEGINNING
    + r"(?:RESET|DISCARD|DO|CALL|EXECUTE|SET\s+(?:SESSION\s+|LOCAL\s+)?(?:datestyle|intervalstyle|extra_float_digits))\b",
    re.IGNORECASE | re.DOTALL,
)
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_SET_CONFIG = re.compile(r"\bset_config\"?\s*\(", re.IGNORECASE)
_SET_CONFIG_LOCALLY = re.compile(r"\bset_config\"?\s*\([^()]*,\s*true\s*\)", re.IGNORECASE)
# EXPLAIN ANALYZE executes what it explains
_CODE = re.compile(_BEGINNING + r"(?:DO|CALL|EXECUTE|EXPLAIN)\b", re.IGNORECASE | re.DOTALL)
_CALL = re.compile(r"([\w$\"]+)\s*\(")
# names before a parenthesis with columns in it, where no function can be called: INSERT INTO child (title), unnest(...) AS v(c0)
_NAME = r"(?:[\w$]+|\"(?:[^\"]|\"\")*\")"
_BEFORE_COLUMNS = re.compile(rf"\b(?:INSERT\s+INTO|AS)\s+{_NAME}(?:\s*\.\s*{_NAME})*\s*(?=\()", re.IGNORECASE)

# words before a parenthesis that are no function, or one that writes nothing which a rollback would undo
_HARMLESS = frozenset(
    re.findall(
        r"\w+",
        """
    select from where and or not in exists any all some values as on using over filter group by within partition order case when then else
    having union except intersect with recursive materialized join lateral returning set into distinct limit offset conflict between like
    ilike is array row rows cast extract coalesce nullif greatest least interval overlay position substring trim treat xmlparse

    varchar char bpchar character varying numeric decimal bit varbit timestamp timestamptz time timetz float

    count sum min max avg stddev variance array_agg json_agg jsonb_agg string_agg bool_and bool_or every json_object_agg jsonb_object_agg
    percentile_cont percentile_disc mode corr row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value
    nth_value

    abs ceil ceiling floor round trunc mod power sqrt exp ln log sign random pi width_bucket length char_length octet_length bit_length
    lower upper initcap left right lpad rpad ltrim rtrim btrim replace translate reverse repeat split_part strpos substr concat concat_ws
    format md5 encode decode chr ascii quote_ident quote_literal regexp_replace regexp_match regexp_matches regexp_split_to_array
    regexp_split_to_table starts_with to_char to_date to_number to_timestamp similarity

    now current_timestamp localtimestamp clock_timestamp statement_timestamp transaction_timestamp date_trunc date_part date_bin age
    make_date make_time make_timestamp make_timestamptz make_interval justify_days justify_hours justify_interval timezone

    unnest generate_series array_length array_append array_cat array_prepend array_remove array_replace array_position array_to_string
    string_to_array cardinality array_ndims array_dims array_lower array_upper to_json to_jsonb row_to_json json_build_object
    jsonb_build_object json_build_array jsonb_build_array json_array_elements jsonb_array_elements json_array_elements_text
    jsonb_array_elements_text json_each jsonb_each json_each_text jsonb_each_text json_extract_path jsonb_extract_path
    json_extract_path_text jsonb_extract_path_text jsonb_set jsonb_insert json_array_length jsonb_array_length json_typeof jsonb_typeof
    jsonb_path_query jsonb_path_exists json_populate_record jsonb_populate_record

    gen_random_uuid to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank ts_rank_cd ts_headline
    nextval currval lastval pg_sleep current_setting set_config version current_database current_schema current_schemas current_user
    pg_backend_pid pg_is_in_recovery txid_current_if_assigned pg_advisory_xact_lock pg_try_advisory_xact_lock pg_advisory_lock
    pg_try_advisory_lock pg_advisory_unlock hashtext pg_get_serial_sequence col_description obj_description pg_table_is_visible
""",
    )
)

# of these what a standby refuses, or does for itself alone
_NOT_ON_A_STANDBY = frozenset(
    (
        "nextval", "currval", "lastval", "set_config", "txid_current_if_assigned", "pg_advisory_lock", "pg_try_advisory_lock",
        "pg_advisory_xact_lock", "pg_try_advisory_xact_lock", "pg_advisory_unlock",
    )
)  # fmt: skip
_READS = re.compile(
    _BEGINNING.replace(r"(?:\A|;)", r"\A") + r"(?:SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE | re.DOTALL
)
# a second statement, a CTE that writes, SELECT INTO, and locks of rows, which a standby refuses
_MAY_CHANGE = re.compile(
    r";\s*\S|\b(?:INSERT|UPDATE|DELETE|MERGE|INTO)\b|\bFOR\s+(?:NO\s+KEY\s+)?(?:UPDATE|(?:KEY\s+)?SHARE)\b",
    re.IGNORECASE,
)

# the time at which the transaction began
_TIME_OF_TRANSACTION = re.compile(
    r"\b(?:now|age|transaction_timestamp|current_(?:date|time|timestamp)|local(?:time|timestamp)|today|tomorrow|yesterday)\b",
    re.IGNORECASE,
)


def does_alone(sql: str) -> bool:
    """Return True for SQL text that gives the same by itself as in a transaction at READ COMMITTED: it only reads, and no time of the transaction."""
    return only_reads(sql) and not _TIME_OF_TRANSACTION.search(sql)


def only_reads(sql: str) -> bool:
    """Return True for SQL text that is known to be one query which neither writes nor locks, and which a standby can answer as well."""
    # what looks like a comment may be part of a value, so both texts count
    texts = (sql, COMMENT.sub(" ", sql)) if "--" in sql or "/*" in sql else (sql,)
    return all(_READS.match(t) and not _MAY_CHANGE.search(t) and calls_only_readers(t) for t in texts)


def calls_only_readers(sql: str) -> bool:
    """Return True where a part of a query, such as ``lower(name)``, calls no function but those that are known to read nothing but values."""
    if find_marks(sql):
        return False
    return not any(name.strip('"').lower() in _NOT_ON_A_STANDBY for name in _CALL.findall(sql))


def needs_settings(sql: str) -> bool:
    """Return True for a statement whose values depend on the settings, and which may follow them in one string."""
    return _RETURNS_VALUES.match(sql) is not None


def find_marks(sql: str) -> int:
    """Return the marks of a statement."""
    marks = _marks_in(sql)
    if "--" in sql or "/*" in sql:
        # what looks like a comment may be part of a value, so both texts count
        marks |= _marks_in(COMMENT.sub(" ", sql))
    return marks


def _marks_in(sql: str) -> int:
    marks = 0
    if _CHANGES.search(sql):
        marks |= CHANGES_SESSION
    if _FORMATS.search(sql):
        marks |= CHANGES_FORMATS
    if _SET_CONFIG.search(sql):
        # how long a setting lasts is said by the third argument; where that is no literal true, the parameters tell
        if len(_SET_CONFIG.findall(sql)) > len(_SET_CONFIG_LOCALLY.findall(sql)):
            marks |= DEPENDS
        marks |= CHANGES_FORMATS
    calls = _CALL.findall(_BEFORE_COLUMNS.sub(",", sql))
    if _CODE.search(sql) or any(name.strip('"').lower() not in _HARMLESS for name in calls):
        marks |= MAY_WRITE
    return marks
