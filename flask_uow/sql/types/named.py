"""Types under SQL's own names: ``VARCHAR(50)`` for ``String(50)`` and so on.

Each is a subclass of the type in :mod:`flask_uow.sql.types` that it names and behaves like it; only CHAR and REAL are
types of their own in DDL.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask_uow.sql.types.binary import LargeBinary, Uuid
from flask_uow.sql.types.enums import Enum
from flask_uow.sql.types.moments import Date, DateTime, Interval, Time
from flask_uow.sql.types.numbers import BigInteger, Boolean, Double, Float, Integer, Numeric, SmallInteger
from flask_uow.sql.types.texts import String, Text

if TYPE_CHECKING:
    from flask_uow.sql.types.named_types import HasSchema

__all__ = [
    "BIGINT",
    "BINARY",
    "BLOB",
    "BOOLEAN",
    "BYTEA",
    "CHAR",
    "CLOB",
    "DATE",
    "DATETIME",
    "DECIMAL",
    "DOUBLE",
    "DOUBLE_PRECISION",
    "ENUM",
    "FLOAT",
    "INT",
    "INTEGER",
    "INTERVAL",
    "NCHAR",
    "NUMERIC",
    "NVARCHAR",
    "REAL",
    "SMALLINT",
    "TEXT",
    "TIME",
    "TIMESTAMP",
    "UUID",
    "VARBINARY",
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

    lookup_name = "char"


class TEXT(Text):
    """TEXT."""


class NVARCHAR(String):
    """NVARCHAR; VARCHAR on both databases."""


class NCHAR(CHAR):
    """NCHAR; CHAR on both databases."""


class CLOB(Text):
    """CLOB; TEXT on both databases."""


class BINARY(LargeBinary):
    """BINARY; BYTEA on PostgreSQL, BLOB on SQLite."""


class VARBINARY(LargeBinary):
    """VARBINARY; BYTEA on PostgreSQL, BLOB on SQLite."""


class ENUM(Enum):
    """An :class:`Enum` that is a type of its own on PostgreSQL; see there for its parameters."""

    def __init__(
        self,
        *values: type[enum.Enum] | str,
        name: str | None = None,
        create_type: bool = True,
        schema: str | None = None,
        values_callable: Callable[[Any], Iterable[str]] | None = None,
        create_constraint: bool = False,
        inherit_schema: bool = False,
        metadata: HasSchema | None = None,
        validate_strings: bool = True,
    ) -> None:
        super().__init__(
            *values,
            name=name,
            create_type=create_type,
            schema=schema,
            inherit_schema=inherit_schema,
            metadata=metadata,
            validate_strings=validate_strings,
            values_callable=values_callable,
            create_constraint=create_constraint,
            native_enum=True,
        )


class BOOLEAN(Boolean):
    """BOOLEAN."""


class FLOAT(Float):
    """FLOAT."""


class REAL(Float):
    """REAL: single precision on PostgreSQL."""

    lookup_name = "real"


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
