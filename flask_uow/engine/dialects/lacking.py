"""Features of PostgreSQL that a server which speaks its protocol may lack: ``create_engine(url, lacks=["two_phase", ...])``.

Each feature is either done without, or refused, with the cure, before anything of it is sent. docs/other-servers.md has the list for people. Used
by the dialects, and by what would send such a thing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_uow.exc import ArgumentError, did_you_mean

__all__ = ["FEATURES", "check_lacks", "refusal"]

# what is to be done instead, where the library cannot do without
FEATURES: dict[str, str] = {
    "advisory_locks": "",
    "comments": "",
    "copy": "Use insert(), or session.copy_from(), which inserts rows there.",
    "cursors": "Fetch the rows at once, or in pages with paginate() or limit().",
    "deferrable": "Leave out deferrable= and initially=; of rows that refer to each other, insert one with the reference empty.",
    "discard_all": "",
    "enums": "",
    "for_update": "Use isolation_level='SERIALIZABLE' with UOW_RETRY_ATTEMPTS or db.transactional, or a version column (version_id_col).",
    "savepoints": "Do what may fail in a unit of work of its own, or look before you write.",
    "sequences": "Let the database number the rows, or use UUIDs.",
    "set_local": "Put the statement time-out into the URL: ?options=-c%20statement_timeout%3D5s.",
    "transaction_ids": "",
    "two_phase": "Use begin(), or let another database of the unit of work prepare: at most one may be unable to.",
}


def check_lacks(lacks: object) -> frozenset[str]:
    """Return the features that are lacking.

    :raises ArgumentError: for what is no list of names, or a name that is not known.
    """
    if isinstance(lacks, str) or not isinstance(lacks, Iterable):
        raise ArgumentError(f"lacks={lacks!r}: expected a list of names, such as ['two_phase'].")
    names: list[Any] = list(lacks)
    for name in names:
        if name not in FEATURES:
            raise ArgumentError(
                f"lacks={lacks!r}: there is no feature {name!r}; known are {', '.join(FEATURES)}.{did_you_mean(str(name), FEATURES)}"
            )
    return frozenset(names)


def refusal(feature: str, wish: str) -> str:
    """Return the words of an error about a feature that the server lacks.

    :param wish: what was asked for, and needs it.
    """
    return f"{wish}, and the server of this engine has none of it: it was made with lacks=[{feature!r}]. {FEATURES[feature]}"
