"""JSON: documents of any shape in one column."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, ClassVar

from flask_uow.sql.types.base import NULLTYPE, TypeEngine
from flask_uow.sql.types.numbers import BOOLEANTYPE
from flask_uow.sql.types.plain import PLAIN
from flask_uow.sql.types.texts import STRINGTYPE

__all__ = ["JSON", "JSONB", "JsonNull"]

# operators of JSON, see https://www.postgresql.org/docs/current/functions-json.html
_OF_KEYS = frozenset(("->", "->>", "#>", "#>>", "-", "#-", "?", "?|", "?&", "@?", "@@"))
_ASKING = frozenset(("?", "?|", "?&", "@?", "@@", "@>", "<@"))


class JsonNull:
    """The null of JSON, which is a value and not SQL's NULL; it loads as None. :attr:`JSON.NULL` is the only one."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "JSON.NULL"

    def __reduce__(self) -> str:
        return "_NULL"

    def __copy__(self) -> JsonNull:
        return self

    def __deepcopy__(self, memo: object) -> JsonNull:
        return self


_NULL = JsonNull()


class JSON(TypeEngine[Any]):
    """Whatever :func:`json.dumps` takes. As JSON has it, tuples come back as lists, keys as str.

    Parts are read by key and position, ``Order.data["to"]["city"]``, as documents or by ``.as_string()``, ``.as_integer()`` and so on.

    :param none_as_null: True stores None as SQL's NULL, False as the null of JSON; :attr:`JSON.NULL` and ``null()`` say which in either case.
    :param mutable: notice changes in place too (``user.settings["color"] = "red"``), at the cost of a copy of each value.
    :param binary: False for PostgreSQL's ``json`` in place of ``jsonb``: the text as it was written, which cannot be compared or indexed.
    """

    lookup_name = "json"
    is_joined = True
    NULL: ClassVar[JsonNull] = _NULL

    def __init__(self, mutable: bool = False, binary: bool = True, none_as_null: bool = True) -> None:
        self.mutable = mutable
        self.binary = binary
        self.none_as_null = none_as_null
        self.cache_key = (type(self), mutable, binary, none_as_null)

    def to_stored(self, value: object) -> Any:
        return self.NULL if value is None and not self.none_as_null else value

    def coerce_compared(self, value: object) -> TypeEngine[Any]:
        return self

    def of_operand(self, operator: str, value: object) -> TypeEngine[Any]:
        # keys, positions and paths are no documents
        return NULLTYPE if operator in _OF_KEYS else self

    def of_result(self, operator: str) -> TypeEngine[Any]:
        if operator in ("->>", "#>>"):
            return STRINGTYPE
        return BOOLEANTYPE if operator in _ASKING else self

    def is_mutable(self) -> bool:
        return self.mutable

    def copy_value(self, value: object) -> Any:
        return deepcopy(value) if self.mutable else value

    def _type_arguments(self) -> dict[str, Any]:
        return {
            "mutable": self.mutable or None,
            "binary": None if self.binary else False,
            "none_as_null": None if self.none_as_null else False,
        }


class JSONB(JSON):
    """JSON under PostgreSQL's name for it; on SQLite the same as :class:`JSON`.

    :param none_as_null: see :class:`JSON`.
    :param mutable: see :class:`JSON`.
    """

    def __init__(self, none_as_null: bool = True, mutable: bool = False) -> None:
        super().__init__(mutable, True, none_as_null)


PLAIN.add(JSON(), [dict, list])
