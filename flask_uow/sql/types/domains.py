"""Types that are made in the database by a name: domains here; an Enum is one, too, where it is a type of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import copy
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError
from flask_uow.sql.types.arrays import ARRAY
from flask_uow.sql.types.base import TypeEngine
from flask_uow.sql.types.decorated import TypeDecorator
from flask_uow.sql.types.enums import Enum
from flask_uow.sql.types.lookup import to_instance
from flask_uow.sql.types.named_types import NamedType

if TYPE_CHECKING:
    from flask_uow.sql.interfaces import SQLDialect

__all__ = ["DOMAIN", "named_types_of"]

_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*\Z")
_VALUE = re.compile(r"\bVALUE\b", re.IGNORECASE)


def _quoted(name: str) -> str:
    return name if _PLAIN_NAME.match(name) else '"' + name.replace('"', '""') + '"'


class DOMAIN(TypeDecorator, NamedType):
    """A type of the database that is made of another, with conditions (PostgreSQL): ``DOMAIN("email", Text, check="VALUE ~ '@'")``.

    It is created and dropped with the tables, and its columns are read and written as those of the type that it is made of. On SQLite
    these have that type, with the conditions as CHECK constraints of the tables and the default as theirs.

    :param name: its name in the database.
    :param data_type: the type that it is made of.
    :param collation: the collation of its texts (PostgreSQL).
    :param default: its default: a value, or ``text()``.
    :param constraint_name: a name for its conditions.
    :param not_null: True refuses NULL.
    :param check: the condition, SQL text in which ``VALUE`` is the value. Never pass what a user has given.
    :param create_type: False leaves its creation to others.
    :param schema: the schema that it is in.
    """

    def __init__(
        self,
        name: str,
        data_type: TypeEngine[Any] | type[TypeEngine[Any]],
        *,
        collation: str | None = None,
        default: object = None,
        constraint_name: str | None = None,
        not_null: bool = False,
        check: object = None,
        create_type: bool = True,
        schema: str | None = None,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise ArgumentError(
                f"DOMAIN({name!r}, ...): expected the name of the domain first, then the type that it is made of."
            )
        self.data_type = to_instance(data_type)
        self.domain_name, self.schema = name, schema
        self.impl = copy(self.data_type)
        self.impl.native_name = self.sql_name
        self.impl.cache_key = (*self.data_type.cache_key, self.sql_name)
        super().__init__()
        self.collation = collation
        self.default = default
        self.constraint_name = constraint_name
        self.not_null = not_null
        self.check_text = str(check) if check is not None else None
        self.create_type = create_type

    @property
    def sql_name(self) -> str:
        """The name, with the schema's, as SQL writes it."""
        return ".".join(_quoted(part) for part in (self.schema, self.domain_name) if part)

    def load_dialect_impl(self, dialect: SQLDialect) -> TypeEngine[Any]:
        return self.impl if dialect.supports_enums else self.data_type

    def coerce_compared(self, value: object) -> TypeEngine[Any]:
        return self.data_type.coerce_compared(value)

    def condition_on(self, column: str) -> str | None:
        """Return the condition on a column, for a database that has no domains; None where there is none."""
        quoted = '"' + column.replace('"', '""') + '"'
        conditions = [f"{quoted} IS NOT NULL"] if self.not_null else []
        if self.check_text is not None:
            conditions.append(f"({_VALUE.sub(lambda match: quoted, self.check_text)})")
        return " AND ".join(conditions) or None

    def _type_arguments(self) -> dict[str, Any]:
        return {"name": self.domain_name, "data_type": self.data_type}


def named_types_of(type_: TypeEngine[Any]) -> Iterator[DOMAIN | Enum]:
    """Yield the types made by a name that a column of a type needs: its own, or that of its items."""
    inner: Any = type_
    while isinstance(inner, TypeDecorator):
        if isinstance(inner, DOMAIN):
            yield from named_types_of(inner.data_type)
            yield inner
            return
        inner = inner.impl
    storage = inner.stored_type
    if isinstance(storage, ARRAY):
        yield from named_types_of(storage.item_type)
    elif isinstance(storage, Enum) and storage.native_enum:
        yield storage
