"""Bytes, and the sixteen of them that are a UUID."""

from __future__ import annotations

import uuid
from typing import Any

from flask_uow.exc import ArgumentError
from flask_uow.sql.types.base import TypeEngine
from flask_uow.sql.types.plain import PLAIN
from flask_uow.sql.value_errors import out_of_range, wrong_kind

__all__ = ["LargeBinary", "Uuid"]

_HEX_DIGITS = 32


class LargeBinary(TypeEngine[bytes]):
    """Bytes; a bytearray or a memoryview is taken too.

    :param length: the largest number of bytes, None for no limit.
    :raises ArgumentError: for a length that is not a positive int.
    """

    lookup_name = "large_binary"
    value_class = bytes
    compares_all_of_its_class = True
    _compared = (bytes, bytearray, memoryview)

    def __init__(self, length: int | None = None) -> None:
        if length is not None and (type(length) is not int or length < 1):
            name = type(self).__name__
            raise ArgumentError(f"{name}(length={length!r}): the length is a positive int, or None for no limit.")
        self.length = length
        self.cache_key = (type(self), length)

    def _to_stored(self, value: object) -> bytes:
        if not isinstance(value, (bytes, bytearray, memoryview)):
            wrong_kind(self, value, "bytes", "Encode a str first: value.encode('utf-8').")
        data = bytes(value)
        if self.length is not None and len(data) > self.length:
            cure = "Store less, or give the column a larger length."
            out_of_range(self, value, f"{self.length} bytes at most, and these are {len(data)}", cure)
        return data

    def coerce_compared(self, value: object) -> TypeEngine[Any]:
        # no limit: more bytes than the column holds are unequal to every row, they are no error
        return (self._unlimited or self) if isinstance(value, self._compared) else super().coerce_compared(value)

    def for_comparison(self, value: object) -> tuple[Any, TypeEngine[Any]]:
        return BINARYTYPE.to_stored(value), self._unlimited or self

    @property
    def of_parameters(self) -> TypeEngine[Any]:
        return self._unlimited or self

    def _type_arguments(self) -> dict[str, Any]:
        return {"length": self.length}


class Uuid(TypeEngine[Any]):
    """A :class:`uuid.UUID`.

    :param as_uuid: False loads its text, with dashes.
    :param native_uuid: False keeps its 32 digits as text, as SQLAlchemy does on SQLite: for tables that other programs share.
    """

    lookup_name = "uuid"
    value_class: Any = uuid.UUID
    checks_on_assignment = True
    takes_all_of_its_class = True
    compares_all_of_its_class = True

    def __init__(self, as_uuid: bool = True, native_uuid: bool = True) -> None:
        self.as_uuid = as_uuid
        self.native_uuid = native_uuid
        if not native_uuid:
            self.lookup_name = "uuid_digits"
        if not as_uuid:
            self.value_class = str
            self.takes_all_of_its_class = self.compares_all_of_its_class = False
        self.cache_key = (type(self), as_uuid, native_uuid)

    def coerce_compared(self, value: object) -> TypeEngine[Any]:
        is_text = not self.as_uuid and isinstance(value, str)
        return self if is_text or isinstance(value, uuid.UUID) else super().coerce_compared(value)

    def _to_stored(self, value: object) -> uuid.UUID | str:
        read = value if isinstance(value, uuid.UUID) else _read(value)
        if read is None:
            wrong_kind(self, value, "a uuid.UUID", "Make it one: uuid.UUID(value).")
        return read if self.as_uuid else str(read)

    def _type_arguments(self) -> dict[str, Any]:
        return {"as_uuid": None if self.as_uuid else False, "native_uuid": None if self.native_uuid else False}


def _read(value: object) -> uuid.UUID | None:
    """Return the UUID that is written as this text, with dashes or without; None for everything else."""
    if isinstance(value, str) and len(digits := value.replace("-", "")) == _HEX_DIGITS and digits.isalnum():
        try:
            read = uuid.UUID(value)
        except ValueError:
            return None
        return read if value.lower() in (str(read), read.hex) else None
    return None


BINARYTYPE = LargeBinary()
LargeBinary._unlimited = BINARYTYPE
PLAIN.add(BINARYTYPE, [bytes, bytearray, memoryview])
PLAIN.add(Uuid(), [uuid.UUID])
