"""The extension: ``db = UnitOfWork()``, ``db.init_app(app)``, ``db.session``.

Ties the parts of the web layer together and owns no rule itself: settings are checked in config, scopes are in scope,
hooks in boundary, the decision in outcome. Models belong to the extension, engines to an app; two apps never share an
engine.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

from flask import Flask
from flask import current_app as flask_current_app
from werkzeug.local import LocalProxy

from flask_uow.engine import Engine
from flask_uow.engine.atomic import Recovery, recover
from flask_uow.exc import ArgumentError, ConfigurationError, InvalidRequestError, did_you_mean
from flask_uow.orm import Query as OrmQuery
from flask_uow.orm import Session
from flask_uow.sql import MetaData, Table
from flask_uow.web import boundary
from flask_uow.web.app_state import AppState
from flask_uow.web.cli import uow_commands
from flask_uow.web.config import Settings, read_settings
from flask_uow.web.current_session import AppSession, CurrentSession, named_session
from flask_uow.web.databases import ALL_BINDS, BindKeys, chosen_keys, create_tables, drop_tables, reflect_tables
from flask_uow.web.models import MetaDatas, add_defaults, add_query, add_repr, make_model_class
from flask_uow.web.outcome import CommitWhen
from flask_uow.web.query import with_helpers
from flask_uow.web.recording import listen
from flask_uow.web.scope import USUAL_SESSION, current_scope
from flask_uow.web.session import WebSession, hooks_of_extension
from flask_uow.web.unit import UnitOptions
from flask_uow.web.units import Transactional, UnitBinds, open_unit, unit_options
from flask_uow.web.view_helpers import ViewHelpers
from flask_uow.web.views import mark_use_primary, no_retry

if TYPE_CHECKING:
    from flask_uow.web.typed import ModelAttribute
else:
    ModelAttribute = object

__all__ = ["UnitOfWork"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class UnitOfWork(ViewHelpers, ModelAttribute):
    """The Flask extension. One object may serve several apps; threads may share it.

    Every public name of flask_uow is an attribute, too: ``db.Column``, ``db.relationship``, ``db.select``, ``db.func``.

    :param app: an app to initialize at once; else call :meth:`init_app`.
    :param commit_when: ``commit_when(response, exc) -> bool``, the app's own rule for requests; ``UOW_COMMIT_WHEN``
        overrides it.
    :param model_class: the declarative base of the models; a plain class is one that ``db.Model`` derives from; None: it is a new base.
    :param session_options: keyword arguments for each Session, and ``class_``, a subclass of Session to make them of; ``binds`` has bind keys or
        engines by mapped class or table; ``UOW_SESSION_OPTIONS`` overrides them one by one.
    :param sessions: options of the Sessions of :meth:`get_session` by name, over those for each; ``UOW_SESSIONS`` overrides it name by name.
    :param engine_options: keyword arguments for each engine; ``UOW_ENGINE_OPTIONS`` overrides them one by one.
    :param metadata: the MetaData of ``db.Model``, with a naming convention say; a new one when None.
    :param query_class: the class of ``Model.query`` and ``db.session.query()``; ``query_cls`` among the session's options overrides it.
    :param disable_autonaming: models have no default table name; one that names no table is an InvalidRequestError.

    :raises ArgumentError: for an argument of another kind.

    :ivar Query: the class of queries.
    :ivar session: the Session of the current scope.
    :ivar metadatas: the MetaData of each bind key.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        commit_when: CommitWhen | None = None,
        model_class: type | None = None,
        session_options: Mapping[str, Any] | None = None,
        sessions: Mapping[str, Mapping[str, Any]] | None = None,
        engine_options: Mapping[str, Any] | None = None,
        metadata: MetaData | None = None,
        query_class: type[OrmQuery[Any]] = OrmQuery,
        disable_autonaming: bool = False,
    ) -> None:
        if not (isinstance(query_class, type) and issubclass(query_class, OrmQuery)):
            raise ArgumentError(
                f"query_class={query_class!r} is no class of queries. Write `class MyQuery(Query): ...` and pass query_class=MyQuery."
            )
        if not isinstance(disable_autonaming, bool):
            raise ArgumentError(f"disable_autonaming={disable_autonaming!r}: True or False was expected.")
        self.Query = with_helpers(query_class)
        self._commit_when = commit_when
        self._session_options = session_options
        self._sessions = sessions
        self._engine_options = engine_options
        # weakly: a test suite makes an app for each of its tests
        self._apps: weakref.WeakKeyDictionary[Flask, AppState] = weakref.WeakKeyDictionary()
        self.metadatas = MetaDatas()
        self._hooks = hooks_of_extension()
        self.session = AppSession(self._make_session, scopefunc=self.scope_id)
        self.session.hooks_of_all = self._hooks
        # the scopes have their Sessions themselves, so that this registry keeps none
        self.session.registry = CurrentSession(self)
        made: Any = make_model_class(model_class, self.metadatas, metadata)
        self.Model = made
        add_defaults(self.Model, self.metadatas, names=not disable_autonaming)
        add_query(self.Model, self)
        add_repr(self.Model)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read the configuration of ``app``, make its engines (which do not connect yet), and hook into its requests.

        :raises ConfigurationError: for a wrong value under a ``UOW_`` key, a bind key that models use and the
            configuration lacks, a missing driver; the message names the key.
        :raises InvalidRequestError: when the app has a UnitOfWork already.
        :raises ArgumentError: for what is no Flask app.
        """
        if not isinstance(app, Flask):
            raise ArgumentError(
                f"init_app() takes the Flask app, got {app!r}. Call it with the object that Flask(...) made."
            )
        app = _real_app(app)
        if "uow" in app.extensions:
            raise InvalidRequestError(
                f"the app {app.name!r} has a UnitOfWork already; each app can have one. Call init_app() once, and use"
                " UOW_BINDS for several databases."
            )
        settings = read_settings(
            app,
            engine_options=self._engine_options,
            session_options=self._session_options,
            sessions=self._sessions,
            commit_when=self._commit_when,
        )
        self._check_bind_keys(settings)
        state = AppState.of(app, settings, self.Query, self._hooks)
        for key, engine in state.all_engines():
            engine.where_is_table = partial(self.metadatas.where_is, key)
        listen(app, settings, state.all_engines())
        # the app is changed only now, when no setting of it can be refused any more; Flask refuses this one after the first request
        app.shell_context_processor(self._shell_context)
        self._apps[app] = state
        app.extensions["uow"] = self
        boundary.install(self, app, settings, state.reading)
        app.cli.add_command(uow_commands)

    def _check_bind_keys(self, settings: Settings) -> None:
        for key, metadata in self.metadatas.items():
            if key in settings.binds or not metadata.tables:
                continue
            known = [str(known) for known in settings.binds if known is not None]
            raise ConfigurationError(
                f"app.config['UOW_BINDS'] has no {key!r}, which the tables {', '.join(metadata.tables)} name as their"
                f" bind key.{did_you_mean(str(key), known)} Add the key with the URL of its database."
            )

    # -- the current scope

    def scope_id(self) -> int:
        """Return the number of the current scope, which no other scope of this process has.

        :raises InvalidRequestError: outside any scope.
        """
        return current_scope(self, "db.scope_id()").token

    def rollback_at_end(self) -> None:
        """Have the current scope rolled back when it ends, however it ends.

        :raises InvalidRequestError: outside any scope.
        """
        current_scope(self, "db.rollback_at_end()").rollback_asked = True

    def after_commit(self, callback: Callable[[], T]) -> Callable[[], T]:
        """Call ``callback`` once when the current scope's work is committed on all binds; never if it is rolled back.

        The callback may read objects; what it leaves in the Session is rolled back. To write, it opens
        ``db.unit_of_work()``. An error in it is logged, undoes nothing, and does not stop other callbacks.

        :returns: the callback, so that this can decorate it.
        :raises ArgumentError: for what cannot be called.
        :raises InvalidRequestError: outside any scope; in autocommit mode outside ``begin()``.
        """
        if not callable(callback):
            raise ArgumentError(
                f"after_commit() takes a function without arguments, got {callback!r}. Pass the function itself, not what"
                " it returns: db.after_commit(lambda: send(mail))."
            )
        current_scope(self, "db.after_commit()")
        session = self.session.registry()
        assert isinstance(session, WebSession)
        session.call_after_commit(callback)
        return callback

    def unit_of_work(
        self, isolation_level: str | None = None, read_only: bool = False, binds: UnitBinds = None
    ) -> AbstractContextManager[Session]:
        """Open a scope of its own: ``with db.unit_of_work() as session:``.

        Commits when the block ends cleanly, rolls back when it raises. Inside the block ``db.session`` is the block's
        Session. Works outside any context when the extension has one app.

        :param isolation_level: of its transactions, as for ``create_engine``; None for the engine's own.
        :param read_only: the database refuses to write.
        :param binds: a list of bind keys, to which the unit is limited; or a mapping from bind keys, mapped classes or tables to the
            engines (or connections, or bind keys) that serve them here.
        :raises ArgumentError: for an isolation level or a bind key that does not exist.
        :raises InvalidRequestError: outside any context, when the extension has no app or several.
        """
        app = self.current_app()
        return open_unit(self, app, unit_options(self._apps[app].engines, isolation_level, read_only, binds))

    @overload
    def transactional(self, function: F, /) -> F: ...

    @overload
    def transactional(
        self,
        function: None = None,
        /,
        *,
        attempts: int = 3,
        isolation_level: str | None = None,
        read_only: bool = False,
        binds: UnitBinds = None,
    ) -> Callable[[F], F]: ...

    def transactional(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        attempts: int = 3,
        isolation_level: str | None = None,
        read_only: bool = False,
        binds: UnitBinds = None,
    ) -> Any:
        """Decorate a view or a function: each call is a unit of work of its own, tried again when the database asks for that.

        A serialization failure, a deadlock or a busy SQLite file, in the function or at the commit, discards the objects of the
        attempt and executes the function again, after a random pause. Nothing is tried again after a commit or an after-commit
        callback of the attempt. A view's response is made, and its work committed, inside; a status of 400 or above rolls back.

        :param attempts: how often to execute the function at most.
        :param isolation_level: as for :meth:`unit_of_work`, like ``read_only`` and ``binds``.
        :returns: the decorator; the decorated function where it is used without parentheses.
        :raises ArgumentError: for a wrong number of attempts, or a generator function.
        """
        unit = Transactional(self, attempts, lambda: self._retried_unit(isolation_level, read_only, binds))
        if function is None:
            return unit.decorate
        if not callable(function):
            raise ArgumentError(f"transactional() takes keyword arguments, got {function!r}. Write attempts=...")
        return unit.decorate(function)

    def run(
        self,
        function: Callable[[], T],
        /,
        *,
        attempts: int = 3,
        isolation_level: str | None = None,
        read_only: bool = False,
        binds: UnitBinds = None,
    ) -> T:
        """Execute ``function`` in a unit of work of its own, as :meth:`transactional` does, and return what it returns.

        :param function: takes no arguments.
        """
        unit = Transactional(self, attempts, lambda: self._retried_unit(isolation_level, read_only, binds))
        result: T = unit.run(function)
        return result

    def _retried_unit(self, isolation_level: str | None, read_only: bool, binds: UnitBinds) -> UnitOptions:
        return unit_options(self.engines, isolation_level, read_only, binds, for_reads=True)

    def no_retry(self, view: F) -> F:
        """Mark a view that ``UOW_RETRY_ATTEMPTS`` must not dispatch again; it is returned as it is."""
        return no_retry(view)

    @overload
    def use_primary(self, view: F, /) -> F: ...

    @overload
    def use_primary(self, view: None = None, /) -> None: ...

    def use_primary(self, view: F | None = None, /) -> F | None:
        """Have the current scope read from the primary from now on; as a decorator: have all requests of a view do so.

        Without read replicas it changes nothing.

        :param view: the view, under ``@app.route(...)``; None: the current scope.
        :returns: the view as it is.
        :raises ArgumentError: for what is no function.
        :raises InvalidRequestError: without a view, outside any scope.
        """
        if view is not None:
            return mark_use_primary(view)
        current_scope(self, "db.use_primary()").use_primary()
        return None

    @property
    def replicas(self) -> Mapping[str | None, Sequence[Engine]]:
        """The engines of the current app's read replicas, by the keys of the binds that have some."""
        reading = self.state_of(self.current_app()).reading
        return {} if reading is None else {key: each.engines for key, each in reading.replicas.items()}

    def current_app(self) -> Flask:
        """Return the app that the extension works for here: that of the active context, else the only one that there is.

        :raises InvalidRequestError: when there is none, or several.
        """
        here = ""
        if flask_current_app:
            app = _real_app(flask_current_app)
            if app in self._apps:
                return app
            here = f" on the app {app.name!r}, whose context is active"
        apps = list(self._apps)
        if not apps:
            raise InvalidRequestError(
                f"this UnitOfWork was not initialized{here or ' on any app'}, so it has no database. Call db.init_app(app), or make it with"
                " UnitOfWork(app)."
            )
        if len(apps) > 1:
            raise InvalidRequestError(
                f"there is no app to work for: this UnitOfWork serves {len(apps)} apps, and the context of none of them is active. Push one"
                " with `with app.app_context():` first."
            )
        if here:
            raise InvalidRequestError(
                f"this UnitOfWork was not initialized{here}; it serves {apps[0].name!r}. Call db.init_app(app) on that app, or push a"
                f" context of {apps[0].name!r}."
            )
        return apps[0]

    def _make_session(self, **options: Any) -> WebSession:
        scope = current_scope(self)
        return self._apps[scope.app].make_session(scope, options=options)

    def get_session(self, name: str = USUAL_SESSION) -> Session:
        """Return the current scope's Session of a name: ``db.session`` without one, else another one beside it, made at its first use.

        All Sessions of a scope end with it, in the same way: they are committed together, or rolled back together.

        :param name: any name; ``UOW_SESSIONS`` has options by name.
        :raises ArgumentError: for what is no name.
        :raises InvalidRequestError: outside any scope.
        """
        return named_session(self, name)

    def state_of(self, app: Flask) -> AppState:
        """Return the settings and engines of an app, whichever is the current one.

        :raises InvalidRequestError: when the extension does not serve it.
        """
        state = self._apps.get(app)
        if state is None:
            raise InvalidRequestError(
                f"this UnitOfWork does not serve the app {app.name!r}. Call db.init_app(app) on it."
            )
        return state

    # -- schema and engines

    @property
    def metadata(self) -> MetaData:
        """The MetaData of the default bind."""
        return self.metadatas[None]

    @property
    def engines(self) -> Mapping[str | None, Engine]:
        """The current app's engines by bind key; the default bind's key is None, and ``"default"`` too, as for the command line."""
        app = self.current_app()
        state = self._apps[app]
        state.config.check(app.config)
        return state.engines

    def engines_of(self, app: Flask) -> Mapping[str | None, Engine]:
        """Return the engines of an app, whichever is the current one.

        :raises InvalidRequestError: when the extension does not serve it.
        """
        return self.state_of(_real_app(app)).engines

    @property
    def engine(self) -> Engine:
        """The current app's default engine."""
        return self.engines[None]

    def Table(self, name: str, *columns: Any, bind_key: str | None = None, **options: Any) -> Table:  # noqa: N802
        """Return a table in the MetaData of its bind key.

        :param columns: columns and constraints; a MetaData may come first, as for ``flask_uow.Table``.
        :param bind_key: a key of UOW_BINDS.
        """
        if columns and isinstance(columns[0], MetaData):
            return Table(name, *columns, **options)
        return Table(name, self.metadatas[bind_key], *columns, **options)

    def create_all(self, bind_key: BindKeys = ALL_BINDS) -> None:
        """Create the tables that do not exist yet, on the current app's engines. A log line tells when no table is known at all.

        :param bind_key: one bind (None or ``"default"``: the default one), or a list of them; by default all.
        :raises ArgumentError: for a bind key that the app does not have.
        """
        create_tables(self, bind_key)

    def reflect(self, bind_key: BindKeys = ALL_BINDS) -> None:
        """Load the tables of the current app's databases that ``db.metadatas`` does not have yet; then ``db.metadata.tables["name"]`` is one.

        Models are classes with ``__table__ = db.metadata.tables["name"]``, or queries are made of the tables alone. More can be said with
        ``db.metadata.reflect(db.engine, only=[...])``.

        :param bind_key: as for :meth:`create_all`.
        :raises ArgumentError: for a bind key that the app does not have.
        """
        reflect_tables(self, bind_key)

    def has_twophase(self) -> bool:
        """Return whether the current app commits over several databases atomically (``UOW_TWOPHASE``)."""
        return bool(self._apps[self.current_app()].settings.session_options.get("twophase"))

    def recover(self, *, grace: float = 60.0, dry_run: bool = False, bind_key: BindKeys = ALL_BINDS) -> Recovery:
        """Finish what a crash has left prepared in the current app's databases: all of a unit of work, or nothing of it.

        May run at any moment, several times at once and beside live traffic. Transactions of other programs are left alone.

        :param grace: seconds since the PREPARE; what is younger is probably being committed and is left alone.
        :param dry_run: only say what would be done.
        :param bind_key: settle what waits in one bind only; all are asked for their decisions.
        :returns: what was settled and how, and which binds did not answer.
        :raises ArgumentError: for a bind key that the app does not have, or a negative number of seconds.
        """
        engines = self.engines
        binds = None if bind_key == ALL_BINDS else chosen_keys(engines, bind_key)
        return recover(engines, grace=grace, dry_run=dry_run, binds=binds)

    def drop_all(self, bind_key: BindKeys = ALL_BINDS) -> None:
        """Drop the tables with all their rows; the parameter as for :meth:`create_all`.

        :raises InvalidRequestError: when a Session of the current scope is in a transaction there, which would block it for ever.
        """
        drop_tables(self, bind_key)

    def _shell_context(self) -> dict[str, Any]:
        models = {class_.__name__: class_ for class_ in self.Model.registry.classes()}
        return {**models, "db": self, "session": self.session}

    def __repr__(self) -> str:
        return f"<UnitOfWork of {len(self._apps)} apps>"


def _real_app(app: Flask) -> Flask:
    """Return the app that ``current_app`` stands for: nothing can be kept by a proxy."""
    return app._get_current_object() if isinstance(app, LocalProxy) else app
