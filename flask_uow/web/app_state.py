"""The state of one app of an extension: its settings, its engines, and how its Sessions are made.

Made by ``UnitOfWork.init_app``; models belong to the extension, and two apps never share an engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask

from flask_uow.engine import Engine
from flask_uow.exc import ArgumentError, ConfigurationError
from flask_uow.orm import Query as OrmQuery
from flask_uow.orm import Session
from flask_uow.orm.exc import UnmappedClassError
from flask_uow.orm.extensions import Hooks
from flask_uow.web.config import KEYS, Settings, create_engines
from flask_uow.web.fixed_config import FixedConfig
from flask_uow.web.query import with_helpers
from flask_uow.web.reading import Reading
from flask_uow.web.replicas import create_all_replicas
from flask_uow.web.scope import USUAL_SESSION, Scope
from flask_uow.web.session import WebSession, session_class_of
from flask_uow.web.units import session_binds

__all__ = ["AppState"]


@dataclass(frozen=True, slots=True)
class _SessionRecipe:
    """How the Sessions of one name are made."""

    class_: type[WebSession]
    arguments: Mapping[str, Any]


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
        state = cls(
            settings,
            engines,
            FixedConfig(app.config, KEYS),
            hooks,
            _recipe(settings, engines, settings.session_options, "UOW_SESSION_OPTIONS", query_class),
            {
                name: _recipe(settings, engines, options, f"UOW_SESSIONS[{name!r}]", query_class)
                for name, options in settings.sessions.items()
            },
            Reading(settings, replicas) if replicas else None,
        )
        # one of each is made now, so that a wrong option is told where the app is made, and not by its first request
        for name, recipe in {USUAL_SESSION: state._usual, **state._by_name}.items():
            try:
                recipe.class_(app, **recipe.arguments).close()
            except (TypeError, ArgumentError, UnmappedClassError) as error:
                place = "UOW_SESSION_OPTIONS" if recipe is state._usual else f"UOW_SESSIONS'][{name!r}"
                raise ConfigurationError(f"app.config['{place}'] does not fit the Session: {error}") from error
        return state

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
        if options or unit is not None:
            arguments = {**arguments, **(unit.session_options if unit is not None else {}), **(options or {})}
        if self.reading is not None:
            arguments = {**arguments, "reading": self.reading, "routing": self.reading.routing_of(scope)}
        return recipe.class_(
            scope.app, holder=scope.describer(), progress=scope.progress, unit=unit, hooks=self.hooks, **arguments
        )


def _recipe(
    settings: Settings,
    engines: Mapping[str | None, Engine],
    options: Mapping[str, Any],
    source: str,
    query_class: type[OrmQuery[Any]],
) -> _SessionRecipe:
    seconds = settings.statement_timeout_seconds
    # it goes out with each BEGIN and ends with the transaction, and so never reaches another user of the connection
    setup = () if seconds is None else (f"SET LOCAL statement_timeout = {round(seconds * 1000)}",)
    # a plain dict: each statement looks its engine up
    arguments = {"bind_key_engines": dict(engines), "setup": setup, **options}
    session_class = session_class_of(arguments.pop("class_", Session))
    if "binds" in arguments:
        try:
            arguments.update(session_binds(engines, arguments["binds"]))
        except ArgumentError as error:
            raise ConfigurationError(f"the option 'binds' of the Session ({source}): {error}") from error
    arguments["query_cls"] = with_helpers(arguments.get("query_cls", query_class))
    return _SessionRecipe(session_class, arguments)
