"""Primary keys in their two forms: an identity, by which the identity map finds an object, and its values, column by column.

An identity is the value itself where the key has one column, and a tuple of the values where it has several: most keys have one column, and a
dict finds an integer faster than a tuple of one. These two functions are the only place that knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

__all__ = ["IdentityKey", "identity_from", "identity_values"]

# what users see: the class of the base mapper, and the values
IdentityKey: TypeAlias = tuple[type, tuple[Any, ...]]


def identity_from(values: Sequence[Any]) -> Any:
    """Return the identity of the values of a primary key, in the order of its columns."""
    return values[0] if len(values) == 1 else tuple(values)


def identity_values(identity: object) -> tuple[Any, ...]:
    """Return the values of an identity, in the order of the primary key's columns."""
    return identity if isinstance(identity, tuple) else (identity,)
