"""``app.config`` to checked settings, and settings to engines.

Owns every ``UOW_`` key: its default, what is allowed, and the error that names it. No message shows a password. Called
once for each app by ``UnitOfWork.init_app``.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, unquote

from flask import Flask

from flask_uow.engine import URL, Engine, create_engine, make_url
from flask_uow.engine.url import shown
from flask_uow.exc import ArgumentError, ConfigurationError, did_you_mean
from flask_uow.orm import Query, Session
from flask_uow.web.comments import request_values
from flask_uow.web.outcome import CommitOn, CommitWhen
from flask_uow.web.replicas import check_routing, read_replicas
from flask_uow.web.retry import check_attempts
from flask_uow.web.scope import USUAL_SESSION

__all__ = [
    "DEFAULT_BIND",
    "DEFAULT_DATABASE",
    "KEYS",
    "KEYS_WITH_NONE",
    "EngineSettings",
    "Engines",
    "Settings",
    "create_engines",
    "read_settings",
    "unknown_bind",
]

DEFAULT_DATABASE = "sqlite:///app.db"

# how the default bind, whose key is None, is called where a text is needed
DEFAULT_BIND = "default"

KEYS = (
    "UOW_DATABASE_URI",
    "UOW_BINDS",
    "UOW_ENGINE_OPTIONS",
    "UOW_SESSION_OPTIONS",
    "UOW_SESSIONS",
    "UOW_TWOPHASE",
    "UOW_COMMIT_ON",
    "UOW_COMMIT_WHEN",
    "UOW_RETRY_ATTEMPTS",
    "UOW_RECORD_QUERIES",
    "UOW_SLOW_QUERY_SECONDS",
    "UOW_STATEMENT_TIMEOUT_SECONDS",
    "UOW_SQL_COMMENTS",
    "UOW_ECHO",
    "UOW_ROUTE_READS",
    "UOW_REPLICA_WAIT_SECONDS",
    "UOW_REPLICA_LEFT_OUT_SECONDS",
    "UOW_WRITES_COOKIE_SECONDS",
)
# those for which None is a value: never to commit, and a database that was forgotten; for the others it is the default
KEYS_WITH_NONE = ("UOW_DATABASE_URI", "UOW_COMMIT_ON")
# where apps that come from Flask-SQLAlchemy name their databases
_KEYS_OF_OTHERS = ("SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_BINDS", "SQLALCHEMY_ENGINES")

_TAKEN_KEYS = ("", DEFAULT_BIND, "__all__")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """One bind.

    :ivar source: where in the configuration it stands, for error messages.
    :ivar url: the database.
    :ivar options: keyword arguments of ``create_engine``.
    :ivar option_sources: where each of them stands, for error messages.
    :ivar replicas: its read replicas, which have the same options.
    """

    source: str
    url: URL
    options: Mapping[str, Any] = field(repr=False)
    option_sources: Mapping[str, str] = field(repr=False)
    replicas: tuple[URL, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of an app, checked.

    :ivar binds: engines by bind key; the default bind's key is None.
    :ivar session_options: keyword arguments of the Session.
    :ivar sessions: those of the Sessions that ``db.get_session(name)`` gives, by name.
    :ivar commit_on: when a request's work is committed.
    :ivar commit_when: the app's own rule, or None.
    :ivar retry_attempts: how often a request is dispatched in all, when the database asks for another try.
    :ivar record_queries: keep the statements of each context for ``get_recorded_queries()``.
    :ivar slow_query_seconds: statements that take so long are logged; None for never.
    :ivar statement_timeout_seconds: the database ends statements that take longer; None for its own setting.
    :ivar sql_comments: statements carry route and request id in a comment.
    :ivar route_reads: GET and HEAD requests read from replicas.
    :ivar replica_wait_seconds: how long to wait for a replica that has not replayed yet what the client has written.
    :ivar replica_left_out_seconds: how long a replica that has failed is left out.
    :ivar writes_cookie_seconds: how long a client's cookie tells what it has written.
    """

    binds: Mapping[str | None, EngineSettings]
    session_options: Mapping[str, Any]
    commit_on: CommitOn
    commit_when: CommitWhen | None
    retry_attempts: int = 1
    record_queries: bool = False
    slow_query_seconds: float | None = None
    statement_timeout_seconds: float | None = None
    sql_comments: bool = False
    sessions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    route_reads: bool = False
    replica_wait_seconds: float = 0.2
    replica_left_out_seconds: float = 10.0
    writes_cookie_seconds: int = 300

    def options_of(self, name: str) -> Mapping[str, Any]:
        """Return the keyword arguments of the Session of a name."""
        return self.sessions.get(name, self.session_options)


def read_settings(
    app: Flask,
    *,
    engine_options: Mapping[str, Any] | None = None,
    session_options: Mapping[str, Any] | None = None,
    sessions: Mapping[str, Any] | None = None,
    commit_when: CommitWhen | None = None,
) -> Settings:
    """Return the checked settings of ``app``; the arguments are the extension's own, which ``app.config`` overrides.

    :raises ConfigurationError: for an unknown key or a wrong value; the message names the key.
    """
    config = app.config
    _refuse_unknown_keys(config)
    common = _merged("engine_options", engine_options, config, "UOW_ENGINE_OPTIONS")
    if config.get("UOW_ECHO") is not None:
        # what the engine's options say is closer to it
        common = {"echo": (_read_echo(config), _source("UOW_ECHO")), **common}
    session = _merged("session_options", session_options, config, "UOW_SESSION_OPTIONS")
    _check_session_options(session)
    if config.get("UOW_TWOPHASE") is not None:
        session["twophase"] = (_read_flag(config, "UOW_TWOPHASE"), _source("UOW_TWOPHASE"))
    binds: dict[str | None, EngineSettings] = {
        None: _read_bind(app, _source("UOW_DATABASE_URI"), _default_uri(config), common)
    }
    for key, value in _mapping(config, "UOW_BINDS").items():
        source = f"{_source('UOW_BINDS')}[{key!r}]"
        if not isinstance(key, str) or key in _TAKEN_KEYS:
            raise ConfigurationError(
                f"there is {source}: a bind key is a string, neither empty nor 'default', which is how the command line"
                " calls the bind of UOW_DATABASE_URI, nor '__all__', which stands for all binds. Rename the bind."
            )
        binds[key] = _read_bind(app, source, value, common)
    settings = Settings(
        binds=binds,
        session_options={name: value for name, (value, _) in session.items()},
        commit_on=_read_commit_on(config),
        commit_when=_read_commit_when(config, commit_when),
        retry_attempts=_read_attempts(config),
        record_queries=_read_flag(config, "UOW_RECORD_QUERIES"),
        slow_query_seconds=_read_seconds(config, "UOW_SLOW_QUERY_SECONDS", 0.0),
        statement_timeout_seconds=_read_seconds(config, "UOW_STATEMENT_TIMEOUT_SECONDS", 0.001),
        sql_comments=_read_flag(config, "UOW_SQL_COMMENTS"),
        sessions=_read_sessions(config, sessions, session),
        route_reads=_read_flag(config, "UOW_ROUTE_READS"),
        replica_wait_seconds=_read_number(config, "UOW_REPLICA_WAIT_SECONDS", 0.2, 0.0, 60.0),
        replica_left_out_seconds=_read_number(config, "UOW_REPLICA_LEFT_OUT_SECONDS", 10.0, 0.1, 3600.0),
        writes_cookie_seconds=round(_read_number(config, "UOW_WRITES_COOKIE_SECONDS", 300.0, 1.0, 86400.0)),
    )
    check_routing(app, settings)
    return settings


class Engines(dict[str | None, Engine]):
    """The engines of an app by bind key; an unknown key is a KeyError that names the known ones.

    The key of the default bind is None; it is found by ``"default"`` too.
    """

    def __missing__(self, key: object) -> Engine:
        if key == DEFAULT_BIND:
            return self[None]
        raise KeyError(unknown_bind(self, key))

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or key == DEFAULT_BIND

    # get() of a dict does not ask __missing__
    def get(self, key: Any, default: Any = None) -> Any:
        """Return an engine, or ``default`` for a key that is not known."""
        return super().get(None if key == DEFAULT_BIND else key, default)


def unknown_bind(engines: Mapping[str | None, Engine], key: object) -> str:
    """Return the words of an error about a bind key that ``engines`` lacks."""
    known = [name for name in engines if name is not None]
    return (
        f"the app has no bind {key!r}.{did_you_mean(str(key), known)} Its binds are None (the default)"
        + "".join(f", {name!r}" for name in known)
        + "; more are set with UOW_BINDS."
    )


def create_engines(settings: Settings) -> Engines:
    """Return an engine for each bind; none of them connects yet.

    :raises ConfigurationError: for an option that engines do not have, or a driver that is not installed.
    """
    engines = Engines()
    comments: dict[str, Any] = {"sql_comments": request_values} if settings.sql_comments else {}
    for key, bind in settings.binds.items():
        try:
            engines[key] = create_engine(bind.url, **{**comments, **bind.options})
        except (ArgumentError, TypeError, ValueError) as error:
            _check_option_names(bind)
            raise ConfigurationError(f"{_at_fault(bind)} gives no engine: {error}") from error
        engines[key].how_to_create_tables = "`flask uow create-all`, or db.create_all() in an app context"
    return engines


def _check_option_names(bind: EngineSettings) -> None:
    """Refuse what can be no keyword of ``create_engine()``, by its name."""
    for name in bind.options:
        if name == "url" or not isinstance(name, str):
            cure = (
                "The URL of the default database is UOW_DATABASE_URI, that of another one its entry in UOW_BINDS."
                if name == "url"
                else "The names of options are strings, as in {'pool_size': 5}."
            )
            raise ConfigurationError(
                f"{bind.option_sources[name]} has {shown(name)}, which is no option of an engine. {cure}"
            )


def _at_fault(bind: EngineSettings) -> str:
    """Return which setting the engine of ``bind`` could not be made for: that of the first option that fails, else the URL's."""
    # one by one, since an error does not tell which of them it is about
    for options in ({}, *({name: value} for name, value in bind.options.items())):
        try:
            create_engine(bind.url, **options).dispose()
        except (ArgumentError, TypeError, ValueError):
            return next((bind.option_sources[name] for name in options), bind.source)
    return bind.source


def _source(key: str) -> str:
    return f"app.config[{key!r}]"


def _merged(argument: str, given: object, config: Mapping[str, Any], key: str) -> dict[str, tuple[Any, str]]:
    """Return options with the place where each stands: the extension's own, overridden one by one by those of ``app.config``."""
    if given is not None and not isinstance(given, Mapping):
        raise ConfigurationError(f"UnitOfWork({argument}=...) got a {type(given).__name__}; a dict was expected.")
    own = {name: (value, f"UnitOfWork({argument}=...)") for name, value in (given or {}).items()}
    return {**own, **{name: (value, _source(key)) for name, value in _mapping(config, key).items()}}


def _check_session_options(options: Mapping[str, tuple[Any, str]]) -> None:
    parameters = dict(inspect.signature(Session).parameters)
    for name in ("bind", "bind_key_engines"):
        if name in options:
            raise ConfigurationError(
                f"{options[name][1]} has {name!r}: engines come from UOW_DATABASE_URI and UOW_BINDS. Remove the option."
            )
        del parameters[name]
    # which is the app's
    del parameters["routing"]
    known = [*(name for name in parameters if not name.startswith("_")), "class_"]
    for name, (value, source) in options.items():
        if name == "class_":
            if not (isinstance(value, type) and issubclass(value, Session)):
                raise ConfigurationError(
                    f"{source} has class_={shown(value)}; a subclass of Session was expected. Write `class MySession(Session): ...` and give the"
                    " class itself."
                )
            continue
        if name not in parameters:
            raise ConfigurationError(
                f"{source} has {name!r}, which is no option of the Session.{did_you_mean(str(name), known)} Its options are:"
                f" {', '.join(known)}."
            )
        if isinstance(parameters[name].default, bool) and not isinstance(value, bool):
            raise ConfigurationError(f"{source} has {name}={shown(value)}; True or False was expected.")
        if name == "binds" and not isinstance(value, Mapping):
            raise ConfigurationError(
                f"{source} has binds={shown(value)}; a mapping from mapped classes or tables to bind keys or engines was expected."
            )
        if name == "query_cls" and not (isinstance(value, type) and issubclass(value, Query)):
            raise ConfigurationError(
                f"{source} has query_cls={shown(value)}; a subclass of Query was expected. Write `class MyQuery(Query): ...` and give"
                " the class itself."
            )


def _read_sessions(
    config: Mapping[str, Any], given: object, usual: Mapping[str, tuple[Any, str]]
) -> dict[str, dict[str, Any]]:
    """Return the options of the Sessions that have a name: those of ``db.session``, and over them what is said for the name."""
    found: dict[str, dict[str, Any]] = {}
    for name, (options, source) in _merged("sessions", given, config, "UOW_SESSIONS").items():
        place = f"{source}[{name!r}]"
        if not isinstance(name, str) or name in ("", USUAL_SESSION):
            raise ConfigurationError(
                f"there is {place}: the name of a Session is a string, neither empty nor 'default', which is db.session. Give it another"
                " name; the options of db.session are those of UOW_SESSION_OPTIONS."
            )
        if not isinstance(options, Mapping):
            raise ConfigurationError(f"{place} is {shown(options)}; a dict of options of the Session was expected.")
        own = {option: (value, place) for option, value in options.items()}
        _check_session_options(own)
        found[name] = {option: value for option, (value, _) in {**usual, **own}.items()}
    return found


def _refuse_unknown_keys(config: Mapping[str, Any]) -> None:
    for key in config:
        if isinstance(key, str) and key.startswith("UOW_") and key not in KEYS:
            raise ConfigurationError(
                f"app.config has the unknown key {key!r}.{did_you_mean(key, KEYS)} The keys are: {', '.join(KEYS)}."
            )


def _default_uri(config: Mapping[str, Any]) -> Any:
    """Return the URL of the default database; without the key a SQLite file, so that a new app runs at once.

    :raises ConfigurationError: where the app means another database than that file.
    """
    if "UOW_DATABASE_URI" not in config:
        for key in _KEYS_OF_OTHERS:
            if config.get(key):
                raise ConfigurationError(
                    f"app.config has {key!r}, which flask_uow does not read, and no 'UOW_DATABASE_URI'. Set UOW_DATABASE_URI to the URL of the"
                    f" database ({DEFAULT_DATABASE!r} for the SQLite file in the instance folder)."
                )
        return DEFAULT_DATABASE
    uri = config["UOW_DATABASE_URI"]
    if _is_missing(uri):
        raise ConfigurationError(
            f"app.config['UOW_DATABASE_URI'] is {uri!r}: {_NO_URL} Without the key it is {DEFAULT_DATABASE!r}, a file in the instance folder."
        )
    return uri


_NO_URL = "the URL of a database was expected. Is the environment variable set that it is read from?"


def _is_missing(url: object) -> bool:
    return url is None or (isinstance(url, str) and not url.strip())


def _read_flag(config: Mapping[str, Any], key: str) -> bool:
    value = config.get(key)
    if value is not None and not isinstance(value, bool):
        raise ConfigurationError(f"app.config[{key!r}] is {shown(value)}; True or False was expected.")
    return bool(value)


def _read_echo(config: Mapping[str, Any]) -> Any:
    value = config["UOW_ECHO"]
    if not (isinstance(value, bool) or value == "debug"):
        raise ConfigurationError(f"app.config['UOW_ECHO'] is {shown(value)}; True, False or 'debug' was expected.")
    return value


def _read_attempts(config: Mapping[str, Any]) -> int:
    value = config.get("UOW_RETRY_ATTEMPTS")
    try:
        return 1 if value is None else check_attempts("app.config['UOW_RETRY_ATTEMPTS']", value)
    except ArgumentError as error:
        raise ConfigurationError(str(error)) from None


def _read_seconds(config: Mapping[str, Any], key: str, least: float) -> float | None:
    value = config.get(key)
    if value is None:
        return None
    # 24 days: what PostgreSQL can count in milliseconds
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= 2_000_000:
        raise ConfigurationError(
            f"app.config[{key!r}] is {shown(value)}; seconds were expected, a number from {least:g} to 2000000, or None for none."
        )
    return float(value)


def _read_number(config: Mapping[str, Any], key: str, default: float, least: float, most: float) -> float:
    value = config.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise ConfigurationError(
            f"app.config[{key!r}] is {shown(value)}; seconds were expected, a number from {least:g} to {most:g}."
        )
    return float(value)


def _read_bind(app: Flask, source: str, value: Any, common: Mapping[str, tuple[Any, str]]) -> EngineSettings:
    options = dict(common)
    replicas: object = ()
    where = source
    if isinstance(value, Mapping):
        replicas = () if value.get("replicas") is None else value["replicas"]
        own = {name: (option, source) for name, option in value.items() if name not in ("url", "replicas")}
        options.update(own)
        mapping, value, where = value, value.get("url"), f"{source}['url']"
        if "url" not in mapping:
            raise ConfigurationError(
                f"there is no 'url' in {source}: a bind is a URL, or a dict with 'url' and the engine's options."
            )
    if _is_missing(value):
        raise ConfigurationError(f"{where} is {value!r}: {_NO_URL}")
    try:
        url = make_url(value)
    except ArgumentError as error:
        raise ConfigurationError(f"{source} is no database URL: {error}") from error
    return EngineSettings(
        source,
        _place_in_instance_folder(app, source, url),
        {name: option for name, (option, _) in options.items()},
        {name: place for name, (_, place) in options.items()},
        read_replicas(source, replicas, url, {name: option for name, (option, _) in options.items()}),
    )


def _place_in_instance_folder(app: Flask, source: str, url: URL) -> URL:
    """Return a relative SQLite path made relative to the instance folder, which is created when it is missing."""
    path = url.database
    if url.backend != "sqlite" or not path:
        return url
    # a URI of SQLite's own, in which a path is percent-encoded
    is_uri = path.startswith("file:")
    if is_uri:
        path = unquote(path.removeprefix("file:"))
    is_memory = path in ("", ":memory:") or url.query.get("mode") == "memory" or url.query.get("vfs") == "memdb"
    if is_memory or Path(path).is_absolute():
        return url
    file = Path(app.instance_path, path)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{source} is a SQLite file in the folder {str(file.parent)!r}, which could not be created:"
            f" {error}. Give an absolute path in a folder that this process may write to."
        ) from error
    return dataclasses.replace(url, database=f"file:{quote(str(file))}" if is_uri else str(file))


def _read_commit_on(config: Mapping[str, Any]) -> CommitOn:
    value = config.get("UOW_COMMIT_ON", CommitOn.RESPONSE.value)
    try:
        return CommitOn(value)
    except ValueError:
        hint = did_you_mean(value, ["response", "teardown"]) if isinstance(value, str) else ""
        raise ConfigurationError(
            f"app.config['UOW_COMMIT_ON'] is {shown(value)}.{hint} It is 'response' (commit before the response leaves),"
            " 'teardown' (commit when the request is torn down) or None (never commit by itself)."
        ) from None


def _read_commit_when(config: Mapping[str, Any], given: CommitWhen | None) -> CommitWhen | None:
    value = config.get("UOW_COMMIT_WHEN")
    chosen = given if value is None else value
    if chosen is not None and not callable(chosen):
        raise ConfigurationError(
            f"app.config['UOW_COMMIT_WHEN'] is {shown(chosen)}: a function commit_when(response, exc) was expected that"
            " returns True to commit and False to roll back. Give a function, or None for the default rule."
        )
    return cast("CommitWhen | None", chosen)


def _mapping(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = config.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"app.config[{key!r}] is a {type(value).__name__}; a dict was expected.")
    return value
