"""Everything that a database knows of a type, in one record: a type that gets one in each dialect's table is complete.

:mod:`~flask_uow.engine.dialects.sqlite_types` and :mod:`~flask_uow.engine.dialects.postgresql_types` hold the tables, by the types' names. DDL, casts,
the way of values to the driver and back, batches and reflection look a type up there and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from flask_uow.exc import CompileError
from flask_uow.sql.types import String, TypeEngine

if TYPE_CHECKING:
    from flask_uow.engine.dialects.base import Dialect, Processor

__all__ = ["Maker", "Reflected", "TypeRecord", "record_of", "reflected_words", "with_collation"]

Maker = Callable[[Any, "Dialect"], "Processor | None"]
R = TypeVar("R", bound="TypeRecord")
# makes a type that the catalog names
Reflected = Callable[..., TypeEngine[Any]]


def passes(type_: TypeEngine[Any], dialect: Dialect) -> None:
    """Say that values pass as they are."""


@dataclass(frozen=True, slots=True)
class TypeRecord:
    """One type on one database.

    :ivar ddl: the type as DDL writes it.
    :ivar cast: the type as CAST writes it; in lower case as DDL does, when None.
    :ivar bind: makes the function from a Python value to the driver's.
    :ivar load: makes the function from the driver's value to Python's.
    :ivar reflected: the words by which the catalog of the database calls the type, and what makes the type of each.
    :ivar reflected_sized: the same of words whose numbers in parentheses say something, which the makers are given.
    """

    ddl: str | Callable[[Any], str]
    bind: Maker
    load: Maker = passes
    cast: str | Callable[[Any], str] | None = None
    reflected: Mapping[str, Reflected] = field(default_factory=dict)
    reflected_sized: Mapping[str, Reflected] = field(default_factory=dict)

    def ddl_of(self, type_: TypeEngine[Any]) -> str:
        """Return a type of this kind as DDL writes it."""
        return self.ddl if isinstance(self.ddl, str) else self.ddl(type_)

    def cast_of(self, type_: TypeEngine[Any]) -> str:
        """Return a type of this kind as CAST writes it."""
        if self.cast is None:
            return self.ddl_of(type_).lower()
        return self.cast if isinstance(self.cast, str) else self.cast(type_)


def record_of(records: Mapping[str, R], type_: TypeEngine[Any], dialect: str) -> R:
    """Return the record of a type.

    :raises CompileError: where the database has nothing for it.
    """
    found = records.get(type_.lookup_name)
    if found is None:
        raise CompileError(
            f"{type_!r} is no type of {dialect}. Use another one there, with_variant(String, {dialect!r}) say, or a TypeDecorator."
        )
    return found


def reflected_words(records: Mapping[str, TypeRecord]) -> dict[str, Reflected]:
    """Return the makers of types by the words of a catalog, of all types together."""
    words: dict[str, Reflected] = {}
    for record in records.values():
        words.update({word: _without_numbers(make) for word, make in record.reflected.items()})
        words.update(record.reflected_sized)
    return words


def _without_numbers(make: Reflected) -> Reflected:
    return lambda *numbers: make()


def with_collation(type_: TypeEngine[Any], collation: str | None) -> TypeEngine[Any]:
    """Return a reflected type with the collation of its column, where that is one of texts and not the usual one."""
    if collation is None or collation.lower() == "binary" or not isinstance(type_, String):
        return type_
    return type(type_)(type_.length, collation)
