"""Enum: one of a fixed set of values, kept as text."""

from __future__ import annotations

import copy
import enum
import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from flask_uow.exc import ArgumentError
from flask_uow.sql.types.base import NULLTYPE, TypeEngine, type_for_value
from flask_uow.sql.types.named_types import NamedType
from flask_uow.sql.types.plain import PLAIN
from flask_uow.sql.types.texts import plain_text
from flask_uow.sql.value_errors import out_of_range, wrong_kind

if TYPE_CHECKING:
    from flask_uow.sql.types.named_types import HasSchema

__all__ = ["Enum"]


class Enum(TypeEngine[Any], NamedType):
    """One of a fixed set; stored as text: the member's name for an enum class, the string itself otherwise.

    :param values: one enum class, or strings. ``enum.Enum`` itself stands for the classes derived from it, in a ``type_annotation_map``:
        ``{enum.Enum: Enum(enum.Enum, native_enum=True), Literal: Enum(enum.Enum, length=20)}``.
    :param name: a name for the set: of the type of its own, of the constraint. The class's name in lower case when None.
    :param length: the length of the column; that of the longest text when None.
    :param values_callable: returns the texts that stand for the members, in their order: ``lambda members: [m.value for m in members]``.
    :param native_enum: True makes a type of its own on PostgreSQL (CREATE TYPE ... AS ENUM), created and dropped with the tables; False is text.
    :param create_type: with ``native_enum``, False leaves the creation of the type to others.
    :param schema: with ``native_enum``, the schema that the type is in.
    :param inherit_schema: with ``native_enum``, True has the type in the schema of the table, where ``schema`` says none.
    :param omit_aliases: False has the aliases of members among :attr:`enums`, too; they are kept under the name of their member in any case.
    :param metadata: with ``native_enum``, a MetaData whose schema is that of the type, where ``schema`` says none.
    :param validate_strings: False lets other strings pass to the database; what it keeps of them cannot be loaded.
    :param create_constraint: True gives the table a CHECK that refuses other texts, where the type is none of its own.
    :raises ArgumentError: without any value, for a mix, or where ``values_callable`` does not give a text for each member.
    """

    lookup_name = "enum"
    checks_on_assignment = True

    def __init__(
        self,
        *values: type[enum.Enum] | str,
        name: str | None = None,
        length: int | None = None,
        values_callable: Callable[[Any], Iterable[str]] | None = None,
        native_enum: bool = False,
        create_constraint: bool = False,
        create_type: bool = True,
        schema: str | None = None,
        inherit_schema: bool = False,
        metadata: HasSchema | None = None,
        validate_strings: bool = True,
        omit_aliases: bool = True,
    ) -> None:
        if schema is None and metadata is not None and native_enum:
            schema = metadata.schema
        self.validate_strings = validate_strings
        self.omits_aliases = omit_aliases
        self.enum_class: type[enum.Enum] | None = None
        first = values[0] if values else None
        # makes the type for other values with the same arguments, where these stand for none
        self.of_values: Callable[..., Enum] | None = None
        if len(values) == 1 and isinstance(first, type) and issubclass(first, enum.Enum):
            self.enum_class = first
            self.value_class = first
            self.compares_all_of_its_class = True
            self.names: tuple[str, ...] = tuple(first.__members__)
        else:
            self.value_class = str
            self.names = tuple(cast("tuple[str, ...]", values))
        # the text of each member, and the member of each text
        self.texts: dict[Any, str] = {}
        self.members: dict[str, Any] = {}
        if self.enum_class is not None:
            self._name_members(self.enum_class, values_callable if self.names else None)
            if self.enum_class.__module__ == "enum":
                self.of_values = functools.partial(
                    Enum, name=name, length=length, values_callable=values_callable, native_enum=native_enum, create_constraint=create_constraint,
                    create_type=create_type, schema=schema, inherit_schema=inherit_schema, validate_strings=validate_strings,
                    omit_aliases=omit_aliases,
                )  # fmt: skip
        elif values_callable is not None:
            raise ArgumentError("Enum(values_callable=...) goes with one enum class: strings stand for themselves.")
        if self.of_values is None and not (self.names and all(isinstance(value, str) for value in self.names)):
            given = ", ".join(map(repr, values))
            raise ArgumentError(f"Enum({given}): expected one enum class with members, or strings.")
        self.set_name = name if name is not None or self.enum_class is None else self.enum_class.__name__.lower()
        self.is_named = name is not None
        if native_enum and self.set_name is None:
            raise ArgumentError("Enum(native_enum=True) of strings needs a name for the type: name='color', say.")
        if schema is not None and not native_enum:
            raise ArgumentError(f"Enum(schema={schema!r}) is that of a type of its own. Pass native_enum=True with it.")
        self.native_enum = native_enum
        self.create_type = create_type
        self.schema = schema
        self.inherits_schema = inherit_schema and native_enum and schema is None
        self.create_constraint = create_constraint
        self.length = length if length is not None else max(map(len, self.names), default=0)
        self._allowed = frozenset(self.names)
        own_type = native_enum and (self.set_name, schema)
        self.cache_key = (type(self), self.enum_class, self.names, self.length, own_type, validate_strings)

    def in_schema(self, schema: str | None) -> Enum:
        """Return the type in the schema of a table, where it is that table's."""
        if schema is None or not self.inherits_schema:
            return self
        made = copy.copy(self)
        made.schema, made.inherits_schema = schema, False
        own_type = (self.set_name, schema)
        made.cache_key = (type(self), self.enum_class, self.names, self.length, own_type, self.validate_strings)
        return made

    @property
    def enums(self) -> list[str]:
        """The texts that a column may hold, in their order."""
        if self.enum_class is None or not self.omits_aliases:
            return list(self.names)
        return [self.texts[member] for member in self.enum_class]

    @property
    def name(self) -> str | None:
        """The name of the set, which a type of the database's own and a constraint are called by."""
        return self.set_name

    def _name_members(self, cls: type[enum.Enum], values_callable: Callable[[Any], Iterable[str]] | None) -> None:
        """Take note of the texts that stand for members; an alias loads as the member that it is another name of."""
        self.texts = {member: member.name for member in cls}
        self.members = dict(cls.__members__)
        if values_callable is None:
            return
        texts = list(values_callable(cls))
        members = list(cls)
        if len(texts) != len(members) or len(set(texts)) != len(texts) or not all(isinstance(t, str) for t in texts):
            raise ArgumentError(
                f"Enum({cls.__name__}, values_callable=...) gave {texts!r}: expected one str for each of the {len(members)} members, all"
                " different. Return a list such as [m.value for m in members]."
            )
        self.texts = dict(zip(members, texts, strict=True))
        self.members = dict(zip(texts, members, strict=True))
        self.names = tuple(texts)

    def coerce_compared(self, value: object) -> TypeEngine[Any]:
        if self.enum_class is not None:
            return self if isinstance(value, self.enum_class) else type_for_value(value)
        return self if isinstance(value, str) and value in self._allowed else type_for_value(value)

    def _type_arguments(self) -> dict[str, Any]:
        return {
            "of": self.enum_class.__name__ if self.enum_class is not None else self.names,
            "native_enum": self.native_enum or None,
        }

    def _to_stored(self, value: object) -> Any:
        enum_class = self.enum_class
        if enum_class is None:
            if not isinstance(value, str) or (value not in self.names and self.validate_strings):
                expected = f"one of {', '.join(map(repr, self.names))}"
                out_of_range(self, value, expected, "Pass one of them, or add the value to the Enum.")
            return plain_text(value)
        if isinstance(value, str) and not self.validate_strings and not isinstance(value, enum_class):
            return value
        if not isinstance(value, enum_class):
            wrong_kind(self, value, f"a member of {enum_class.__name__}", f"Pass {_meant(enum_class, value)}.")
        return value


def _meant(enum_class: type[enum.Enum], value: object) -> str:
    """Return the member that a name or a value is about, as the programmer writes it; one of them all where it is about none."""
    members = enum_class.__members__
    by_name = value if isinstance(value, str) and value in members else None
    by_value = [name for name, member in members.items() if member.value == value]
    found = by_name or next(iter(by_value), None)
    return (
        f"{enum_class.__name__}.{found}" if found is not None else f"{enum_class.__name__}.{next(iter(members))}, say"
    )


@functools.lru_cache(maxsize=512)
def enum_for(enum_class: type[enum.Enum]) -> Enum:
    """Return the type of an enum class."""
    return Enum(enum_class)


def _enum_for(value: enum.Enum) -> Enum:
    return enum_for(type(value))


PLAIN.add(NULLTYPE, [enum.Enum], choose=_enum_for, annotates=False)
