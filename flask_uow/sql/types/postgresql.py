"""Types that PostgreSQL alone has: addresses, text search, keys of its catalog. Give a column a variant where it is to live on SQLite too."""

from __future__ import annotations

import ipaddress
from typing import Any, ClassVar

from flask_uow.sql.types.base import TypeEngine
from flask_uow.sql.types.numbers import BigInteger
from flask_uow.sql.types.texts import plain_text
from flask_uow.sql.value_errors import wrong_kind

__all__ = [
    "BIT", "CIDR", "CITEXT", "HSTORE", "INET", "JSONPATH", "MACADDR", "MACADDR8", "MONEY", "OID", "REGCLASS", "REGCONFIG", "TSQUERY", "TSVECTOR",
]  # fmt: skip


class PostgreSQLText(TypeEngine[str]):
    """The base of types whose values travel as text that the server reads."""

    lookup_name = "postgresql_text"
    value_class = str
    # what is taken for its text beside str
    _written: ClassVar[tuple[type[Any], ...]] = ()

    def __init__(self) -> None:
        self.cache_key = (type(self),)

    def coerce_compared(self, value: object) -> TypeEngine[Any]:
        return self if isinstance(value, (str, *self._written)) else super().coerce_compared(value)

    def _to_stored(self, value: object) -> str:
        if isinstance(value, self._written):
            return str(value)
        if not isinstance(value, str):
            expected = " or ".join(["a str", *(f"an {cls.__name__}" for cls in self._written)])
            wrong_kind(self, value, expected, "Convert it with str().")
        return plain_text(value)


class INET(PostgreSQLText):
    """An address of a host, with its network or without: ``"10.0.0.1"``, ``"10.0.0.1/8"``, or an object of :mod:`ipaddress`."""

    native_name = "inet"
    _written = (
        ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Interface, ipaddress.IPv6Interface,
        ipaddress.IPv4Network, ipaddress.IPv6Network,
    )  # fmt: skip


class CIDR(INET):
    """An address of a network: ``"10.0.0.0/8"``."""

    native_name = "cidr"


class MACADDR(PostgreSQLText):
    """A MAC address: ``"08:00:2b:01:02:03"``."""

    native_name = "macaddr"


class MACADDR8(PostgreSQLText):
    """A MAC address of eight bytes: ``"08:00:2b:01:02:03:04:05"``."""

    native_name = "macaddr8"


class CITEXT(PostgreSQLText):
    """Texts that compare whatever the case of their letters; of the extension ``citext``, which the database has to have."""

    native_name = "citext"


class BIT(PostgreSQLText):
    """Bits, as text: ``"0110"``.

    :param length: how many there are, one when None; at most so many with ``varying``, any number when None.
    :param varying: True for BIT VARYING.
    """

    def __init__(self, length: int | None = None, varying: bool = False) -> None:
        self.length, self.varying = length, varying
        word = "bit varying" if varying else "bit"
        self.native_name = word if length is None else f"{word}({length})"
        self.cache_key = (type(self), self.native_name)

    def _type_arguments(self) -> dict[str, Any]:
        return {"length": self.length, "varying": self.varying or None}


class MONEY(PostgreSQLText):
    """An amount of money, as the text that the server makes of it: ``"$1,000.00"``. Use :class:`Numeric` to compute with amounts."""

    native_name = "money"


class OID(BigInteger):
    """The number of an object in the catalog."""

    native_name = "oid"


class REGCLASS(PostgreSQLText):
    """The name of a table or index, to be looked up in the catalog."""

    native_name = "regclass"


class REGCONFIG(PostgreSQLText):
    """The name of a configuration of text search."""

    native_name = "regconfig"


class JSONPATH(PostgreSQLText):
    """A path into documents: ``"$.items[*].price"``."""

    native_name = "jsonpath"


class TSQUERY(PostgreSQLText):
    """The search terms of a text search; made by ``func.to_tsquery()``, ``func.websearch_to_tsquery()`` and the like."""

    native_name = "tsquery"


class TSVECTOR(PostgreSQLText):
    """The words of a document, for text search; made by ``func.to_tsvector()`` or given as text."""

    native_name = "tsvector"


class HSTORE(TypeEngine[dict[str, Any]]):
    """Texts by keys, without an order, ``{"color": "red", "size": None}``; of the extension ``hstore``, which the database has to have.

    Has the operators of documents: ``Item.tags["color"]`` is a text, ``has_key()``, ``contains()``.

    :param mutable: notice changes in place too, at the cost of a copy of each value.
    """

    lookup_name = "hstore"
    native_name = "hstore"
    value_class = dict

    def __init__(self, mutable: bool = False) -> None:
        self.mutable = mutable
        self.cache_key = (type(self), mutable)

    def coerce_compared(self, value: object) -> TypeEngine[Any]:
        return self if isinstance(value, dict) else super().coerce_compared(value)

    def _to_stored(self, value: object) -> dict[str, Any]:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            wrong_kind(self, value, "a dict with texts as keys", "Convert the keys with str().")
        if not all(text is None or isinstance(text, str) for text in value.values()):
            wrong_kind(self, value, "a dict of texts and None", "Convert the values with str(), or use JSON.")
        return value

    def is_mutable(self) -> bool:
        return self.mutable

    def copy_value(self, value: Any) -> Any:
        return dict(value) if self.mutable and value is not None else value
