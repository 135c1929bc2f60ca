"""Keys of other extensions in ``app.config``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flask_uow.exc import did_you_mean
from flask_uow.web.config import KEYS
from flask_uow.web.doctor.findings import Finding

__all__ = ["KEYS_OF_OTHERS", "cure_of_key", "examine_configuration"]

_POOL = 'UOW_ENGINE_OPTIONS = {{"{}": ...}}'

#: key of Flask-SQLAlchemy (2 and 3) or Flask-SQLAlchemy-Lite -> what there is instead; None where nothing is needed
KEYS_OF_OTHERS: dict[str, str | None] = {
    "SQLALCHEMY_DATABASE_URI": "UOW_DATABASE_URI",
    "SQLALCHEMY_BINDS": "UOW_BINDS",
    "SQLALCHEMY_ENGINES": "UOW_DATABASE_URI and UOW_BINDS",
    "SQLALCHEMY_ENGINE_OPTIONS": "UOW_ENGINE_OPTIONS",
    "SQLALCHEMY_ECHO": "UOW_ECHO",
    "SQLALCHEMY_RECORD_QUERIES": "UOW_RECORD_QUERIES",
    "SQLALCHEMY_TRACK_MODIFICATIONS": None,
    "SQLALCHEMY_COMMIT_ON_TEARDOWN": None,
    "SQLALCHEMY_NATIVE_UNICODE": None,
    "SQLALCHEMY_POOL_SIZE": _POOL.format("pool_size"),
    "SQLALCHEMY_POOL_TIMEOUT": _POOL.format("pool_timeout"),
    "SQLALCHEMY_POOL_RECYCLE": _POOL.format("pool_recycle"),
    "SQLALCHEMY_MAX_OVERFLOW": _POOL.format("max_overflow"),
}


def examine_configuration(config: Mapping[str, object]) -> Iterator[Finding]:
    """Find keys that flask_uow does not read."""
    for key in config:
        if isinstance(key, str) and key.startswith("SQLALCHEMY_"):
            yield Finding(
                "configuration",
                f"app.config[{key!r}]",
                "this key has no effect: flask_uow does not read it.",
                cure_of_key(key),
            )


def cure_of_key(key: str) -> str:
    """Return the cure of a key of another extension."""
    if key not in KEYS_OF_OTHERS:
        own = "UOW_" + key.removeprefix("SQLALCHEMY_")
        return f"Remove it.{did_you_mean(own, KEYS)} The keys are in docs/flask.md."
    instead = KEYS_OF_OTHERS[key]
    return "Remove it; nothing takes its place." if instead is None else f"Set {instead} instead."
