"""The state of one app of an extension: its settings, its engines, and how its Sessions are made.

Made by ``UnitOfWork.init_app``; models belong to the extension, and two apps never share an engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask

from flask_uow.engine import Engine
from flask_uow.exc import ArgumentError, ConfigurationError
from flask_uow.orm import Query as OrmQuery
from flask_uow.orm import Session
from flask_uow.orm.exc import UnmappedClassError
from flask_uow.orm.extensions import Hooks
from flask_uow.web.config import KEYS, KEYS_WITH_NONE, Settings, create_engines
from flask_uow.web.fixed_config import FixedConfig
from flask_uow.web.query import with_helpers
from flask_uow.web.reading import Reading
from flask_uow.web.replicas import create_all_replicas
from flask_uow.web.retry import Progress
from flask_uow.web.scope import USUAL_SESSION, Scope
from flask_uow.web.session import WebSession, hooks_with, session_class_of
from flask_uow.web.unit import ScopeUnit
from flask_uow.web.units import session_binds

__all__ = ["AppState"]


@dataclass(frozen=True, slots=True)
class _SessionRecipe:
    """How the Sessions of one name are made.

    :ivar setup: SQL to send with each BEGIN, on PostgreSQL: ``SET LOCAL ...``.
    """

    class_: type[WebSession]
    arguments: Mapping[str, Any]
    setup: Sequence[str]


@dataclass(frozen=True, slots=True)
class AppState:
    """The settings and engines of one app. Must not refer to the app: it is the value of a weak dictionary keyed by it.

    :ivar settings: what the configuration said.
    :ivar engines: by bind key.
    :ivar hooks: those of all Sessions of the extension.
    :ivar config: notices that the configuration was changed since.
    :ivar reading: which scopes read from replicas; None where no bind has some.
    """

    settings: Settings
    engines: Mapping[str | None, Engine]
    config: FixedConfig
    hooks: Hooks
    _usual: _SessionRecipe
    _by_name: Mapping[str, _SessionRecipe]
    reading: Reading | None = None

    @classmethod
    def of(cls, app: Flask, settings: Settings, query_class: type[OrmQuery[Any]], hooks: Hooks) -> AppState:
        """Return the state of an app with new engines.

        :param hooks: those of all Sessions of the extension.
        :raises ConfigurationError: for options that Sessions do not take.
        """
        engines = create_engines(settings)
        replicas = create_all_replicas(settings, engines)
        return cls(
            settings,
            engines,
            FixedConfig(app.config, KEYS, KEYS_WITH_NONE),
            hooks,
            _recipe(app, settings, engines, hooks, query_class, None, settings.session_options),
            {
                name: _recipe(app, settings, engines, hooks, query_class, name, options)
                for name, options in settings.sessions.items()
            },
            Reading(settings, replicas) if replicas else None,
        )

    def all_engines(self) -> list[tuple[str | None, Engine]]:
        """Return the engines with their bind keys, those of replicas too."""
        found = list(self.engines.items())
        for key, replicas in (self.reading.replicas if self.reading is not None else {}).items():
            found.extend((key, engine) for engine in replicas.engines)
        return found

    def make_session(
        self, scope: Scope, name: str = USUAL_SESSION, options: Mapping[str, Any] | None = None
    ) -> WebSession:
        """Return a new Session for a scope.

        :param name: that of ``db.get_session(name)``.
        :param options: more keyword arguments.
        :raises ConfigurationError: when the configuration was changed since ``init_app``.
        """
        self.config.check(scope.app.config)
        recipe = self._by_name.get(name, self._usual)
        arguments = recipe.arguments
        unit = scope.unit
        if unit is not None:
            arguments = {**arguments, **unit.session_options}
        if options:
            arguments = {**arguments, **options}
            if "extension" in options:
                arguments["extension"] = hooks_with(self.hooks, options["extension"])
        if self.reading is not None:
            arguments = {**arguments, "routing": self.reading.routing_of(scope)}
        observer = ScopeUnit(scope.app, scope.describer(), scope.progress, recipe.setup, unit, self.reading)
        return recipe.class_(observer=observer, **arguments)


def _recipe(
    app: Flask,
    settings: Settings,
    engines: Mapping[str | None, Engine],
    hooks: Hooks,
    query_class: type[OrmQuery[Any]],
    name: str | None,
    options: Mapping[str, Any],
) -> _SessionRecipe:
    """Return how the Sessions of a name are made; None: those of ``db.session``.

    :raises ConfigurationError: for options that they do not take.
    """
    seconds = settings.statement_timeout_seconds
    # it goes out with each BEGIN and ends with the transaction, and so never reaches another user of the connection
    setup = () if seconds is None else (f"SET LOCAL statement_timeout = {round(seconds * 1000)}",)
    # a plain dict: each statement looks its engine up
    arguments = {"bind_key_engines": dict(engines), **options}
    session_class = session_class_of(arguments.pop("class_", Session))
    if "binds" in arguments:
        try:
            arguments.update(session_binds(engines, arguments["binds"]))
        except ArgumentError as error:
            source = "UOW_SESSION_OPTIONS" if name is None else f"UOW_SESSIONS[{name!r}]"
            raise ConfigurationError(f"the option 'binds' of the Session ({source}): {error}") from error
    arguments["query_cls"] = with_helpers(arguments.get("query_cls", query_class))
    # one is made now, so that a wrong option is told where the app is made, and not by its first request
    try:
        arguments["extension"] = hooks_with(hooks, arguments.get("extension"))
        session_class(observer=ScopeUnit(app, None, Progress(), setup, None, None), **arguments).close()
    except (TypeError, ArgumentError, UnmappedClassError) as error:
        place = "['UOW_SESSION_OPTIONS']" if name is None else f"['UOW_SESSIONS'][{name!r}]"
        raise ConfigurationError(f"app.config{place} does not fit the Session: {error}") from error
    return _SessionRecipe(session_class, arguments, setup)
