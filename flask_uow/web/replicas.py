"""The read replicas of an app: what the configuration lists, and the engines made of it.

A bind's dict lists the URLs of its streaming standbys under ``replicas``; they have the bind's options. Which reads go there is said in
flask_uow.web.reading. Read by flask_uow.web.config.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from flask_uow.engine import URL, Engine, create_engine, make_url
from flask_uow.engine.replicas import Replicas
from flask_uow.exc import ArgumentError, ConfigurationError

__all__ = ["create_replicas", "read_replicas"]

# a host whose packets vanish must not keep readers waiting as long as the only server there is would be worth
_CONNECT_SECONDS = "2"


def read_replicas(source: str, value: object, primary: URL, options: Mapping[str, Any]) -> tuple[URL, ...]:
    """Return the URLs of a bind's replicas.

    :param source: where the bind stands in the configuration.
    :param value: what it has under ``replicas``.
    :param primary: its URL.
    :param options: the options of its engine.
    :raises ConfigurationError: for something else than URLs of PostgreSQL; for an isolation level with which no standby could serve anything.
    """
    place = f"{source}['replicas']"
    if isinstance(value, (str, bytes, URL, Mapping)) or not isinstance(value, (list, tuple)):
        # a URL may have a password
        shown = type(value).__name__
        raise ConfigurationError(
            f"{place} is a {shown}: a list of URLs was expected, one for each replica. Write [url, ...]."
        )
    if not value:
        return ()
    if primary.backend != "postgresql":
        raise ConfigurationError(
            f"{place} has replicas of a {primary.backend} database: only PostgreSQL has them, its streaming standbys. Remove 'replicas'."
        )
    level = options.get("isolation_level")
    if isinstance(level, str) and level.upper().replace("_", " ") in ("SERIALIZABLE", "AUTOCOMMIT"):
        raise ConfigurationError(
            f"{source} has replicas and isolation_level={level!r}, in which a replica cannot serve reads. Remove 'replicas', or choose 'REPEATABLE"
            " READ' or 'READ COMMITTED', and SERIALIZABLE for the units of work that need it: db.unit_of_work(isolation_level=...)."
        )
    return tuple(_read_url(f"{place}[{number}]", url) for number, url in enumerate(value))


def _read_url(place: str, value: object) -> URL:
    try:
        url = make_url(value)  # type: ignore[arg-type]
    except ArgumentError as error:
        raise ConfigurationError(f"{place} is no database URL: {error}") from error
    if url.backend != "postgresql":
        raise ConfigurationError(
            f"{place} is the URL of a {url.backend} database: a streaming standby of the bind's PostgreSQL server was expected."
        )
    return url


def create_replicas(
    source: str, urls: tuple[URL, ...], primary: Engine, options: Mapping[str, Any], left_out_seconds: float
) -> Replicas:
    """Return the replicas of a bind; none of them is connected yet.

    :param source: where the bind stands in the configuration.
    :param options: those of the primary's engine.
    :raises ConfigurationError: for a URL that the driver does not take.
    """
    engines = []
    for number, url in enumerate(urls):
        try:
            engine = create_engine(_only_standbys(url, options, primary.dialect.takes_only_standbys()), **options)
        except (ArgumentError, TypeError, ValueError) as error:
            raise ConfigurationError(f"{source}['replicas'][{number}] gives no engine: {error}") from error
        engine.how_to_create_tables = primary.how_to_create_tables
        engines.append(engine)
    return Replicas(primary, engines, left_out_seconds)


def _only_standbys(url: URL, options: Mapping[str, Any], can_ask: bool) -> URL:
    """Return the URL with what makes the driver refuse a server that is no standby, where it says nothing about that itself."""
    given = {**(options.get("connect_args") or {}), **url.query}
    wanted = {"connect_timeout": _CONNECT_SECONDS}
    if can_ask:
        wanted["target_session_attrs"] = "standby"
    return dataclasses.replace(
        url, query={**{key: value for key, value in wanted.items() if key not in given}, **url.query}
    )
