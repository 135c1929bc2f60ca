"""Types under SQL's own names: ``VARCHAR(50)`` for ``String(50)`` and so on.

Each is a subclass of the type in :mod:`flask_uow.sql.types` that it names and behaves like it; only CHAR and REAL are
types of their own in DDL.
"""

from __future__ import annotations

from flask_uow.sql.types.binary import LargeBinary, Uuid
from flask_uow.sql.types.moments import Date, DateTime, Interval, Time
from flask_uow.sql.types.numbers import BigInteger, Boolean, Double, Float, Integer, Numeric, SmallInteger
from flask_uow.sql.types.texts import String, Text

__all__ = [
    "BIGINT",
    "BLOB",
    "BOOLEAN",
    "BYTEA",
    "CHAR",
    "DATE",
    "DATETIME",
    "DECIMAL",
    "DOUBLE",
    "DOUBLE_PRECISION",
    "FLOAT",
    "INT",
    "INTEGER",
    "INTERVAL",
    "NUMERIC",
    "REAL",
    "SMALLINT",
    "TEXT",
    "TIME",
    "TIMESTAMP",
    "UUID",
    "VARCHAR",
]


class INTEGER(Integer):
    """INTEGER."""


class INT(Integer):
    """INT."""


class SMALLINT(SmallInteger):
    """SMALLINT."""


class BIGINT(BigInteger):
    """BIGINT."""


class VARCHAR(String):
    """VARCHAR."""


class CHAR(String):
    """CHAR: text of a fixed length; PostgreSQL pads it with blanks."""

    name = "char"


class TEXT(Text):
    """TEXT."""


class BOOLEAN(Boolean):
    """BOOLEAN."""


class FLOAT(Float):
    """FLOAT."""


class REAL(Float):
    """REAL: single precision on PostgreSQL."""

    name = "real"


class DOUBLE_PRECISION(Float):  # noqa: N801  (SQL's own spelling)
    """DOUBLE PRECISION."""


class DOUBLE(Double):
    """DOUBLE."""


class NUMERIC(Numeric):
    """NUMERIC."""


class DECIMAL(Numeric):
    """DECIMAL."""


class DATE(Date):
    """DATE."""


class TIME(Time):
    """TIME."""


class DATETIME(DateTime):
    """DATETIME; TIMESTAMP on PostgreSQL."""


class TIMESTAMP(DateTime):
    """TIMESTAMP."""


class INTERVAL(Interval):
    """INTERVAL."""


class BLOB(LargeBinary):
    """BLOB; BYTEA on PostgreSQL."""


class BYTEA(LargeBinary):
    """BYTEA; BLOB on SQLite."""


class UUID(Uuid):
    """UUID."""
