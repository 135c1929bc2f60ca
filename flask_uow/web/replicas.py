"""The read replicas of an app: what the configuration lists, and the engines made of it.

A bind's dict lists the URLs of its streaming standbys under ``replicas``; they have the bind's options. Which reads go there is said in
flask_uow.web.reading. Called by flask_uow.web.config, which reads everything else, and flask_uow.web.app_state.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Flask

from flask_uow.engine import URL, Engine, create_engine, make_url
from flask_uow.engine.replicas import Replicas
from flask_uow.exc import ArgumentError, ConfigurationError
from flask_uow.web.comments import request_values
from flask_uow.web.outcome import CommitOn

if TYPE_CHECKING:
    from flask_uow.web.config import Settings

__all__ = ["check_routing", "create_all_replicas", "read_replicas"]

# a host whose packets vanish must not keep readers waiting as long as the only server there is would be worth
_CONNECT_SECONDS = "2"
# arguments of the driver that say which server is meant
_PLACES = ("host", "hostaddr", "port", "dbname", "database", "service", "dsn")


def read_replicas(source: str, value: object, primary: URL, options: Mapping[str, Any]) -> tuple[URL, ...]:
    """Return the URLs of a bind's replicas.

    :param source: where the bind stands in the configuration.
    :param value: what it has under ``replicas``.
    :param primary: its URL.
    :param options: the options of its engine.
    :raises ConfigurationError: for something else than URLs of PostgreSQL; for an isolation level with which no standby could serve anything.
    """
    place = f"{source}['replicas']"
    if not isinstance(value, (list, tuple)):
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
    for name in _arguments(options):
        if name in _PLACES:
            raise ConfigurationError(
                f"{source} has replicas, and connect_args with {name!r}, which would lead all of them to one server. Say it in the URLs."
            )
    return tuple(_read_url(f"{place}[{number}]", url) for number, url in enumerate(value))


def _arguments(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments of the driver; what is none is an error of the primary's engine."""
    given = options.get("connect_args")
    return given if isinstance(given, Mapping) else {}


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


def _create_replicas(
    source: str, urls: tuple[URL, ...], primary: Engine, options: Mapping[str, Any], left_out_seconds: float
) -> Replicas:
    """Return the replicas of a bind; none of them is connected yet.

    :param source: where the bind stands in the configuration.
    :param options: those of the primary's engine.
    :raises ConfigurationError: for a URL that the driver does not take.
    """
    engines = []
    # what the bind says of that is about its primary
    arguments = {name: value for name, value in _arguments(options).items() if name != "target_session_attrs"}
    own = {**options, "connect_args": arguments}
    for number, url in enumerate(urls):
        try:
            engine = create_engine(_only_standbys(url, arguments, primary.dialect.takes_only_standbys()), **own)
        except (ArgumentError, TypeError, ValueError) as error:
            raise ConfigurationError(f"{source}['replicas'][{number}] gives no engine: {error}") from error
        engine.how_to_create_tables = primary.how_to_create_tables
        engines.append(engine)
    return Replicas(primary, engines, left_out_seconds)


def _only_standbys(url: URL, arguments: Mapping[str, Any], can_ask: bool) -> URL:
    """Return the URL with what makes the driver refuse a server that is no standby, where it says nothing about that itself."""
    given = {**arguments, **url.query}
    wanted = {"connect_timeout": _CONNECT_SECONDS}
    if can_ask:
        wanted["target_session_attrs"] = "standby"
    return dataclasses.replace(
        url, query={**{key: value for key, value in wanted.items() if key not in given}, **url.query}
    )


def create_all_replicas(settings: Settings, engines: Mapping[str | None, Engine]) -> dict[str | None, Replicas]:
    """Return the read replicas of the binds that have some, by bind key; none of them is connected yet.

    :raises ConfigurationError: for a URL that the driver does not take.
    """
    comments: dict[str, Any] = {"sql_comments": request_values} if settings.sql_comments else {}
    return {
        key: _create_replicas(
            bind.source, bind.replicas, engines[key], {**comments, **bind.options}, settings.replica_left_out_seconds
        )
        for key, bind in settings.binds.items()
        if bind.replicas
    }


def check_routing(app: Flask, settings: Settings) -> None:
    """Refuse to route reads where a client could not be told what it has written.

    :raises ConfigurationError: naming what to set.
    """
    if not settings.route_reads:
        return
    if not any(bind.replicas for bind in settings.binds.values()):
        raise ConfigurationError(
            "app.config['UOW_ROUTE_READS'] is True, and no bind has replicas to route reads to. List them:"
            " app.config['UOW_DATABASE_URI'] = {'url': ..., 'replicas': [url, ...]}, or in a bind of UOW_BINDS; or remove UOW_ROUTE_READS."
        )
    if not app.secret_key:
        raise ConfigurationError(
            "app.config['UOW_ROUTE_READS'] is True, and the app has no SECRET_KEY: the cookie that lets a client read what it has written is signed"
            " with it. Set app.config['SECRET_KEY'] to a long random text before init_app()."
        )
    if settings.commit_on is CommitOn.TEARDOWN:
        raise ConfigurationError(
            "app.config['UOW_ROUTE_READS'] is True, and UOW_COMMIT_ON is 'teardown': the response has left by then, and cannot carry the cookie that"
            " lets a client read what it has written. Use UOW_COMMIT_ON = 'response'."
        )
    options = [settings.session_options, *settings.sessions.values()]
    if any(each.get("autocommit") for each in options):
        raise ConfigurationError(
            "app.config['UOW_ROUTE_READS'] is True, and a Session has the option autocommit: without transactions nobody knows when something was"
            " written. Remove one of them."
        )
