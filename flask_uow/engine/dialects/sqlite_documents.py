"""Documents and arrays in SQLite, which keeps both as JSON text: what its own functions do not tell as PostgreSQL does.

Each connection gets the collation ``document``, which compares JSON as PostgreSQL's ``jsonb`` does, whatever the order of keys; the functions
``document_part(document, key)``, ``document_as(kind, document)``, ``document_has(document, key)``, ``document_contains(document, other)``,
``array_contains``, ``array_overlaps``, ``array_slice(array, first, last)``, ``joined(a, b)``, ``floor_div(a, b)``; and ``regexp(pattern, text)``,
which the operator REGEXP calls, and ``regexp_replace``.
"""

from __future__ import annotations

import functools
import json
import math
import re
import sqlite3
from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass

__all__ = ["register_documents"]

# not more than fits into 64 bits
_INTEGER = re.compile(r"(0|-?[1-9][0-9]{0,17}|-?[1-8][0-9]{18})\Z")
_NUMBER = re.compile(r"-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?\Z")
_BOOLEANS = {"true": 1, "false": 0}


class _Number(str):
    """A number as the document writes it."""

    __slots__ = ()


def _load(text: str) -> Any:
    # as text, since a float has fewer digits than a document may have
    return json.loads(text, parse_int=_Number, parse_float=_Number)


@functools.lru_cache(maxsize=1024)
def _order_key(text: str) -> tuple[Any, ...]:
    return _key_of(_load(text), True)


# https://www.postgresql.org/docs/current/datatype-json.html#JSON-INDEXING has the order of documents
def _key_of(value: Any, is_whole: bool = False) -> tuple[Any, ...]:
    if value is None:
        return (1,)
    if isinstance(value, _Number):
        return (3, Decimal(value))
    if isinstance(value, str):
        return (2, value)
    if isinstance(value, bool):
        return (4, value)
    if isinstance(value, list):
        # an empty array comes before all others, but within a document it does not
        return (0 if is_whole and not value else 5, len(value), [_key_of(item) for item in value])
    return (6, len(value), [(key, _key_of(item)) for key, item in _pairs(value)])


def _pairs(value: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return keys and values in the order in which ``jsonb`` keeps them."""
    return sorted(value.items(), key=lambda pair: (len(pair[0].encode()), pair[0].encode()))


def collate_documents(left: str, right: str) -> int:
    """Compare two documents: -1, 0 or 1. A text that is no document is compared as text, behind all documents."""
    if left == right:
        return 0
    try:
        a: Any = _order_key(left)
        b: Any = _order_key(right)
    except ValueError:
        a, b = left, right
    return -1 if a < b else int(a > b)


def _text_of(value: object) -> str:
    """Return a value as ``jsonb`` writes it."""
    if isinstance(value, _Number):
        return str.__str__(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_text_of, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_text_of(key)}: {_text_of(item)}' for key, item in _pairs(value))}}}"
    return json.dumps(value, ensure_ascii=False)


def _part(document: str | None, key: str | int | None) -> str | None:
    if document is None or key is None:
        return None
    found = _load(document)
    is_there = (isinstance(found, dict) and key in found) if isinstance(key, str) else _has_position(found, key)
    return _text_of(found[key]) if is_there else None


def _has_position(found: object, key: int) -> bool:
    return isinstance(found, list) and -len(found) <= key < len(found)


def _as_kind(kind: str, part: str | None) -> str | int | float | None:
    if part is None:
        return None
    value = _load(part)
    if value is None:
        return None
    text = value if isinstance(value, str) else _text_of(value)
    if kind == "string":
        return str.__str__(text)
    if kind == "boolean":
        return _BOOLEANS.get(text)
    if kind == "integer":
        return int(text) if _INTEGER.match(text) else None
    if not _NUMBER.match(text):
        return None
    return float(text) if kind == "float" else format(Decimal(text), "f")


def _has(document: str | None, key: str | None) -> bool | None:
    if document is None or key is None:
        return None
    found = _load(document)
    if isinstance(found, list):
        return any(isinstance(item, str) and not isinstance(item, _Number) and item == key for item in found)
    return key in found if isinstance(found, dict) else isinstance(found, str) and found == key


def _contains(document: str | None, other: str | None) -> bool | None:
    if document is None or other is None:
        return None
    whole, part = _load(document), _load(other)
    # an array contains a single value, at the top alone
    if isinstance(whole, list) and not isinstance(part, (list, dict)):
        part = [part]
    return _holds(whole, part)


def _holds(whole: object, part: object) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            key in whole and _holds(whole[key], value) for key, value in part.items()
        )
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(_holds(item, wanted) for item in whole) for wanted in part)
    return _key_of(whole) == _key_of(part)


def _items(array: str) -> list[Any]:
    """Return the items of an array, those of arrays within it too; PostgreSQL does not look at their depth either."""
    found: list[Any] = []
    for item in json.loads(array):
        found.extend(_items(json.dumps(item)) if isinstance(item, list) else [item])
    return found


def _array_contains(array: str | None, other: str | None) -> bool | None:
    if array is None or other is None:
        return None
    wanted = _items(other)
    # NULL is equal to nothing
    return None not in wanted and set(wanted) <= set(_items(array))


def _array_overlaps(array: str | None, other: str | None) -> bool | None:
    if array is None or other is None:
        return None
    return bool((set(_items(array)) & set(_items(other))) - {None})


def _array_slice(array: str | None, first: int | None, last: int | None) -> str | None:
    if array is None or first is None or last is None:
        return None
    return json.dumps(json.loads(array)[max(first - 1, 0) : max(last, 0)], ensure_ascii=False, separators=(",", ":"))


def _joined(left: str | None, right: str | None) -> str | None:
    if left is None or right is None:
        return None
    one, other = json.loads(left), json.loads(right)
    if isinstance(one, dict) and isinstance(other, dict):
        return json.dumps({**one, **other}, ensure_ascii=False, separators=(",", ":"))
    # lists by their text, which has all digits of the numbers in it
    parts = [text.strip()[1:-1] if isinstance(v, list) else text for v, text in ((one, left), (other, right))]
    return f"[{','.join(part for part in parts if part.strip())}]"


def _floor_div(left: float | str | None, right: float | str | None) -> int | float | str | None:
    if left is None or right is None or not Decimal(str(right)):
        # by zero: NULL, as SQLite's own division
        return None
    if isinstance(left, int) and isinstance(right, int):
        return left // right
    if isinstance(left, float) or isinstance(right, float):
        return float(math.floor(float(left) / float(right)))
    return format((Decimal(left) / Decimal(right)).to_integral_value(ROUND_FLOOR), "f")


def _regexp(pattern: str | None, text: object) -> bool | None:
    if pattern is None or text is None:
        return None
    return re.search(pattern, str(text)) is not None


def _regexp_replace(text: object, pattern: str | None, replacement: str | None, flags: str = "") -> str | None:
    if text is None or pattern is None or replacement is None:
        return None
    head = "".join(flag for flag in flags if flag != "g")
    # PostgreSQL's word for the whole match
    replacement = replacement.replace("\\&", "\\g<0>")
    return re.sub(f"(?{head}){pattern}" if head else pattern, replacement, str(text), count=0 if "g" in flags else 1)


_FUNCTIONS: tuple[tuple[str, int, Callable[..., Any]], ...] = (
    ("document_part", 2, _part),
    ("document_as", 2, _as_kind),
    ("document_has", 2, _has),
    ("document_contains", 2, _contains),
    ("array_contains", 2, _array_contains),
    ("array_overlaps", 2, _array_overlaps),
    ("array_slice", 3, _array_slice),
    ("joined", 2, _joined),
    ("floor_div", 2, _floor_div),
    ("regexp", 2, _regexp),
    ("regexp_replace", 3, _regexp_replace),
    ("regexp_replace", 4, _regexp_replace),
)


def register_documents(raw: sqlite3.Connection) -> None:
    """Give one connection the collation and the functions."""
    raw.create_collation("document", collate_documents)
    for name, arguments, function in _FUNCTIONS:
        raw.create_function(name, arguments, function, deterministic=True)
