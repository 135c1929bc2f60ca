"""Engine: one database, its pool and its compiled statements; :func:`create_engine` makes it from a URL.

An engine connects when it is first used and never before. Threads share it. Read :mod:`flask_uow.engine.connection`
next.
"""

from __future__ import annotations

import importlib
import inspect
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, cast

from flask_uow.engine.cache import BoundedCache
from flask_uow.engine.comments import CommentingCursor
from flask_uow.engine.connection import Connection
from flask_uow.engine.dbapi_errors import translate
from flask_uow.engine.dialects.base import AUTOCOMMIT, Dialect
from flask_uow.engine.dialects.lacking import check_lacks
from flask_uow.engine.echo import Echo, echo_of, start_echo, stop_echo
from flask_uow.engine.listeners import EngineListeners
from flask_uow.engine.pool import Pool
from flask_uow.engine.pool_classes import QueuePool
from flask_uow.engine.pool_echo import start_pool_echo
from flask_uow.engine.raw import RawConnection
from flask_uow.engine.rollback_only import RollbackOnly
from flask_uow.engine.url import URL, make_url, shown
from flask_uow.exc import ArgumentError, DBAPIError, InvalidRequestError, did_you_mean
from flask_uow.sql.compiler import Compiled
from flask_uow.sql.nodes import check_options

if TYPE_CHECKING:
    from flask_uow.engine.dbapi import DBAPIConnection, DBAPICursor
    from flask_uow.engine.pool import PooledConnection
    from flask_uow.sql.schema import Table

__all__ = ["Engine", "create_engine"]

# the module and class of each dialect, imported when an engine needs it: nobody pays for the other database's driver
_DIALECTS = {
    "postgresql": ("flask_uow.engine.dialects.postgresql", "PostgreSQLDialect"),
    "sqlite": ("flask_uow.engine.dialects.sqlite", "SQLiteDialect"),
}
_COMPILED_STATEMENTS = 500
# options of SQLAlchemy's that are not needed here -> why not, or what to do instead
_INSTEAD = {
    "paramstyle": "Statements take :name parameters on both databases; exec_driver_sql() takes those of the driver, ? on SQLite and %s on PostgreSQL.",
    "plugins": "Listen to the engine's events with event.listen() in their place.",
    "events": "Listen to the engine's events with event.listen() in their place.",
    "pool_events": "Listen to the engine's events with event.listen() in their place.",
    "module": "The drivers are psycopg2 and sqlite3; creator= returns connections that are made in another way.",
    "strategy": "Leave it out.",
    "server_side_cursors": "Say it for a statement: execution_options(yield_per=1000).",
    "client_encoding": "Put it into the URL: ?client_encoding=utf8.",
    "enable_from_linting": "Leave it out.",
    "label_length": "Names of more than 63 bytes are cut, with a digest at the end.",
    "max_identifier_length": "Names of more than 63 bytes are cut, with a digest at the end.",
    **dict.fromkeys(
        ("insertmanyvalues_page_size", "use_insertmanyvalues", "executemany_mode", "executemany_batch_page_size"),
        "Lists of rows are sent in pages, as large as the database takes them well.",
    ),
}


# all engines that are alive
engines: weakref.WeakSet[Engine] = weakref.WeakSet()


class Engine:
    """A database as an application sees it.

    :ivar url: where the database is; printing it hides the password.
    :ivar name: the dialect's name, ``postgresql`` or ``sqlite``.
    :ivar dialect: the dialect.
    :ivar pool: the pool of connections.
    :ivar isolation_level: the isolation level of transactions that name none; None for the database's own.
    :ivar hide_parameters: True where the values of parameters are kept out of the log and of error messages.
    :ivar listeners: functions called around each statement.
    :ivar compiled_cache: compiled statements by their shape.
    :ivar how_to_create_tables: what to call or to run, said by the error for a table that is missing.
    :ivar options: the options of all that its connections execute; see :meth:`execution_options`.
    :ivar original: of an engine that :meth:`execution_options` has made, the one whose connections it uses; else None.
    :ivar logging_name: what comes behind the names of the loggers, ``flask_uow.engine.orders`` say; None for nothing.
    :ivar is_replica: True where it is a read replica of another engine: what is sent there must not write.
    :ivar where_is_table: tells of a table that is missing where it is to be found, None where that is not known; said by the same error.
    """

    # set by flask_uow.engine.events, which has what listens to all engines
    when_made: ClassVar[Callable[[Engine], None] | None] = None

    def __init__(
        self, url: URL, dialect: Dialect, pool: Pool, isolation_level: str | None, hide_parameters: bool = False
    ) -> None:
        self.url = url
        self.name = dialect.name
        self.dialect = dialect
        self.pool = pool
        self.isolation_level = isolation_level
        self.hide_parameters = hide_parameters
        self.listeners = EngineListeners()
        self.how_to_create_tables = "metadata.create_all(engine)"
        self.where_is_table: Callable[[str], str | None] | None = None
        self.is_replica = False
        self.logging_name: str | None = None
        self._rollback_only: RollbackOnly | None = None
        self.compiled_cache: BoundedCache[Compiled] = BoundedCache(_COMPILED_STATEMENTS)
        self.options: Mapping[str, Any] = {}
        self.original: Engine | None = None
        engines.add(self)
        if Engine.when_made is not None:
            Engine.when_made(self)
        # an engine that nobody holds any more closes its connections; not at the exit of the process, which may be a
        # fork whose connections belong to its parent
        weakref.finalize(self, _close_quietly, pool, dialect).atexit = False

    def connect(self) -> Connection:
        """Return a connection from the pool, to be used in a ``with`` block or closed.

        :raises TimeoutError: when none became free in time.
        :raises OperationalError: when the database cannot be reached.
        """
        connection = Connection(self) if self._rollback_only is None else self._rollback_only.connect()
        return self._told_of(connection) if self.listeners.around else connection

    def _told_of(self, connection: Connection) -> Connection:
        try:
            self.listeners.tell("engine_connect", connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def connect_apart(self) -> Connection:
        """Return a new connection that is not of the pool and is closed after use, for what must never wait for the pool.

        Inside :meth:`rolled_back` it is a connection like all others.

        :raises OperationalError: when the database cannot be reached.
        """
        if self._rollback_only is not None:
            return self._rollback_only.connect()
        return Connection(self, self.pool.open_apart())

    def raw_connection(self) -> RawConnection:
        """Return a connection of the driver, to be closed after use: one from the pool, in the driver's usual transaction mode.

        What its cursors send is saved by its ``commit()``. Inside :meth:`rolled_back` it is part of the transaction around.

        :raises TimeoutError: when none became free in time.
        :raises OperationalError: when the database cannot be reached.
        """
        connection = self.connect()
        raw = connection.connection.driver_connection
        if self._rollback_only is not None:
            return RawConnection(connection, raw, is_lent=True, through_lender=True)
        connection.unsettle()
        # the pool puts the connection back into the mode that it has otherwise
        self.dialect.begin_by_driver(raw)
        return RawConnection(connection, raw, is_lent=True, through_lender=False)

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """Have everything on this engine happen inside one transaction that is rolled back at the end: for tests.

        What the application commits meanwhile becomes a savepoint, so that all of it can be undone; see
        :mod:`flask_uow.engine.rollback_only` for what cannot be the same. In a forked process the engine works as ever.

        :raises InvalidRequestError: inside another such block on the same engine.
        """
        self.dialect.require("savepoints", "rolled_back() makes savepoints of transactions")
        if self._rollback_only is not None:
            raise InvalidRequestError(f"{self!r} is inside rolled_back() already. End that block first.")
        self._rollback_only = RollbackOnly(self)
        try:
            yield
        finally:
            ended, self._rollback_only = self._rollback_only, None
            ended.end()

    def is_rolled_back_later(self) -> bool:
        """Return whether the engine is inside :meth:`rolled_back`, so that nothing that is committed lasts."""
        return self._rollback_only is not None

    def execution_options(self, **options: Any) -> Engine:
        """Return an engine with the same pool and dialect, and options for all that its connections execute.

        :param options: as for :meth:`Connection.execution_options`: ``isolation_level``, ``yield_per``, ``stream_results``.
        :raises ArgumentError: for an unknown isolation level.
        """
        if "isolation_level" in options:
            options["isolation_level"] = self.dialect.check_isolation_level(options["isolation_level"])
        check_options(options)
        # without __init__(): pool, listeners and compiled statements are shared, and closed along with the original
        # engine
        made = Engine.__new__(Engine)
        made.__dict__.update(self.__dict__)
        made.options = {**self.options, **options}
        made.isolation_level = made.options.get("isolation_level", self.isolation_level)
        made.original = self
        self.listeners.tell("set_engine_execution_options", made, options)
        return made

    def update_execution_options(self, **options: Any) -> None:
        """Set options for all that this engine's connections execute from now on; see :meth:`execution_options`, which makes another engine.

        :raises ArgumentError: for an unknown isolation level.
        """
        if "isolation_level" in options:
            options["isolation_level"] = self.dialect.check_isolation_level(options["isolation_level"])
        check_options(options)
        self.options = {**self.options, **options}
        self.isolation_level = self.options.get("isolation_level", self.isolation_level)

    def clear_compiled_cache(self) -> None:
        """Forget all compiled statements; they are compiled again when they are executed next."""
        self.compiled_cache.clear()

    @property
    def driver(self) -> str:
        """The name of the driver, ``psycopg2`` or ``pysqlite``."""
        return self.url.get_driver_name()

    @property
    def engine(self) -> Engine:
        """The engine itself; a connection has it under the same name."""
        return self

    def get_execution_options(self) -> Mapping[str, Any]:
        """Return the options that are set."""
        return self.options

    @property
    def echo(self) -> Echo:
        """True (or "debug") while every statement is written to the logger ``flask_uow.engine``; can be set."""
        return echo_of(self.listeners.after_execute)

    @echo.setter
    def echo(self, echo: Echo) -> None:
        stop_echo(self.listeners.after_execute)
        if echo:
            self.listeners.after_execute.append(start_echo(echo, self.hide_parameters, self.logging_name))

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Give a connection in a transaction: committed at the end of the block, rolled back when the block raises."""
        with self.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def ddl_connection(self) -> Iterator[Connection]:
        """Give a connection in a transaction, for create_all and drop_all."""
        with self.connect() as connection:
            level = connection.get_isolation_level()
            # who waits for others must see afterwards what they have made, and no snapshot from before
            with connection.begin(isolation_level=AUTOCOMMIT if level == AUTOCOMMIT else "READ COMMITTED"):
                yield connection

    def reflect_table(
        self,
        table: Table,
        given: dict[str, Any],
        include_columns: frozenset[str] | None,
        resolve_fks: bool,
        replace: bool = True,
    ) -> None:
        """Fill a table with what the database has under its name; for ``Table(..., autoload_with=engine)``."""
        with self.connect() as connection:
            connection.reflect_table(table, given, include_columns, resolve_fks, replace)

    def reflectable_names(self, schema: str | None, only: object, views: bool) -> list[str]:
        """Return the names of the tables that ``MetaData.reflect()`` is to load."""
        with self.connect() as connection:
            return connection.reflectable_names(schema, only, views)

    def cure(self, error: BaseException) -> str:
        """Return the cure of an error of the driver; empty where its own words say enough."""
        missing = self.dialect.missing_table(error) if self.where_is_table is not None else None
        place = self.where_is_table(missing) if missing is not None and self.where_is_table is not None else None
        cure = self.dialect.cure(error, self.how_to_create_tables) if place is None else place
        if self.is_replica and self.dialect.is_misplaced(error):
            cure += (
                "It was sent to a read replica, since its text looks as if it only reads. Have this unit of work use the primary: a view is marked"
                " with @db.use_primary."
            )
        if self.dialect.is_busy(error):
            # most often the lock is held by another connection of the same process, and the line that took it is known
            holders = self.pool.holders_where(self.dialect.in_transaction)
            if holders:
                cure += " In a transaction in this process:" + "".join(f"\n- {line}" for line in holders)
            else:
                cure += " No connection of this engine is in a transaction: the lock is another process's, or another engine's."
        return cure

    def waits_for_itself(self, error: BaseException, record: PooledConnection) -> bool:
        """Return whether an error is about a lock that the present thread has, by another connection: it cannot give it back while it waits.

        :param record: the connection that met the error.
        """
        return self.dialect.is_busy(error) and self.pool.is_held_by_this_thread(self.dialect.in_transaction, record)

    def dispose(self, close: bool = True) -> None:
        """Close all connections: those in use when they come back. The engine can be used again afterwards.

        A database in memory is gone once the last connection is.

        :param close: False leaves them alone, for a forked process, whose engines begin anew by themselves.
        """
        if not close:
            return
        self.pool.dispose()
        self.dialect.dispose()
        self.listeners.tell("engine_disposed", self)

    def __repr__(self) -> str:
        return f"Engine({self.url})"


def _close_quietly(pool: Pool, dialect: Dialect) -> None:
    """Close the connections of an engine that is gone; called by the collector, so no lock is taken."""
    pool.close_idle_unlocked()
    dialect.dispose()


class _DialectConnector:
    """The dialect as the pool sees it: what goes wrong on connecting becomes an error of ours, without a password."""

    def __init__(self, dialect: Dialect, sql_comments: Callable[[], Mapping[str, Any]] | None) -> None:
        self._dialect = dialect
        self._sql_comments = sql_comments
        self.drop_closes = dialect.drop_closes
        # the dialect's own methods, without a call in between: the pool uses them at every checkout
        self.reset = dialect.reset
        self.clean = dialect.clean
        self.settle = dialect.settle
        self.is_quiet = dialect.is_quiet
        self.ping = dialect.ping
        self.close = dialect.close
        self.after_fork = dialect.after_fork

    def cursor(self, raw: DBAPIConnection) -> DBAPICursor:
        cursor: DBAPICursor = raw.cursor()
        if self._sql_comments is None:
            return cursor
        made = CommentingCursor(cursor, self._sql_comments, self._dialect.escapes_percent)
        # what it does not define is the driver's, by __getattr__
        return cast("DBAPICursor", made)

    def is_refusal(self, error: BaseException) -> bool:
        return isinstance(error, DBAPIError) and error.orig is not None and self._dialect.is_refusal(error.orig)

    def is_absence(self, error: BaseException) -> bool:
        return isinstance(error, DBAPIError) and error.orig is not None and self._dialect.is_absence(error.orig)

    def connect(self) -> DBAPIConnection:
        try:
            raw: DBAPIConnection = self._dialect.connect()
            return raw
        except DBAPIError:
            raise
        except self._dialect.errors as error:
            made = translate(error, None, None)
            made.message = f"cannot connect to {self._dialect.url}: {self._without_password(made.message)}"
            made.args = (made.message,)
            # the driver's error stays at hand as .orig, and its text out of the traceback where it held the password
            raise made from (None if self._holds_password(str(error)) else error)

    def _holds_password(self, text: str) -> bool:
        return any(secret in text for secret in self._secrets())

    def _without_password(self, text: str) -> str:
        for secret in self._secrets():
            text = text.replace(secret, "***")
        return text

    def _secrets(self) -> list[str]:
        url, arguments = self._dialect.url, self._dialect.connect_args
        given = (url.password, *url.normalized_query.get("password", ()), arguments.get("password"))
        return [secret for secret in given if secret]


def create_engine(
    url: str | URL,
    *,
    pool_size: int | None = None,
    max_overflow: int | None = None,
    pool_timeout: float = 30.0,
    isolation_level: str | None = None,
    echo: Echo = False,
    hide_parameters: bool = False,
    connect_args: Mapping[str, Any] | None = None,
    pool_pre_ping: bool | None = None,
    pool_recycle: float = -1,
    pool_clean: str = "changed",
    sql_comments: Callable[[], Mapping[str, Any]] | None = None,
    poolclass: type[Pool] | None = None,
    json_serializer: Callable[[Any], str | bytes] | None = None,
    json_deserializer: Callable[[Any], Any] | None = None,
    lacks: Iterable[str] = (),
    creator: Callable[[], Any] | None = None,
    execution_options: Mapping[str, Any] | None = None,
    echo_pool: Echo = False,
    query_cache_size: int = _COMPILED_STATEMENTS,
    pool: Pool | None = None,
    pool_reset_on_return: Any = "rollback",
    pool_use_lifo: bool = True,
    logging_name: str | None = None,
    pool_logging_name: str | None = None,
    future: bool = True,
    **unknown: Any,
) -> Engine:
    """Return an engine. Nothing is connected yet.

    :param url: where the database is: ``postgresql://user:password@host/database``, ``sqlite:///file.db``, ``sqlite://``
        for a database in memory.
    :param pool_size: connections that are kept open; 5 when None.
    :param max_overflow: further connections under load, 10 when None; -1 for no limit.
    :param pool_timeout: seconds to wait for a connection when all are in use.
    :param isolation_level: ``READ COMMITTED``, ``REPEATABLE READ`` or ``SERIALIZABLE``; None for the database's own.
        On SQLite the last two make a transaction begin with its first statement instead of its first write.
        ``AUTOCOMMIT`` has no transactions at all: each statement commits by itself.
    :param echo: log every statement to the logger ``flask_uow.engine`` at level INFO, printed to stderr where no logging is set up;
        ``"debug"``: the number of rows too, where it is known at once, at level DEBUG. Connection settings are not logged.
    :param hide_parameters: keep the values of parameters out of that log and of errors (the database's own message may quote some).
    :param connect_args: further arguments for the driver's ``connect``.
    :param pool_pre_ping: before a connection that was idle for a second is used, ask whether it still answers; None: only
        when it was idle for 30 seconds; False: never. One whose socket was closed is replaced in any case.
    :param pool_recycle: seconds after which a connection is replaced; -1 for never.
    :param pool_clean: when a connection that comes back is rid of settings, temporary tables, locks and the like that its user has left in
        it, which costs a round trip (``DISCARD ALL``; on SQLite it is closed): ``"changed"``, where a statement may have left something, as
        its text tells; ``"always"``, since functions of the database leave something too; ``"never"``.
    :param sql_comments: returns what each statement carries in a comment of sqlcommenter's format.
    :param poolclass: ``QueuePool``, as when None; ``NullPool``, which keeps no connection; ``StaticPool``, which keeps one.
    :param json_serializer: makes the text of a value of the types JSON and JSONB, in place of :func:`json.dumps`.
    :param json_deserializer: makes the value of such a text, in place of :func:`json.loads`.
    :param lacks: features of PostgreSQL that the server, which speaks its protocol, does not have: ``"two_phase"``, ``"savepoints"`` and others;
        each is done without, or refused before it is sent.
    :param creator: returns a new connection of the driver, in place of its ``connect``; the URL says the dialect then, and what messages call it.
    :param execution_options: options of all that is executed, as for :meth:`Engine.execution_options`.
    :param echo_pool: log the connections that are opened and closed to the logger ``flask_uow.pool`` at level INFO; ``"debug"``: those that are lent
        and come back too, at level DEBUG.
    :param query_cache_size: how many compiled statements are kept.
    :param pool: a pool that was made of a function, ``QueuePool(creator)``: its function, its class and its numbers are those of the engine.
    :param pool_reset_on_return: ``"rollback"``: a connection that comes back is always rolled back; ``pool_clean`` says when it is rid of more.
    :param pool_use_lifo: not heeded: the connection that came back last is lent first in any case.
    :param logging_name: the statements' logger is ``flask_uow.engine.`` and this name.
    :param pool_logging_name: the connections' logger is ``flask_uow.pool.`` and this name.
    :param future: True; engines have no other ways.
    :raises ArgumentError: for a malformed URL, an unknown dialect or option, a wrong value, or a missing driver.

    >>> engine = create_engine("sqlite://")
    >>> with engine.begin() as connection:
    ...     connection.scalar("SELECT 1 + 1")
    2
    >>> engine.dispose()
    """
    if unknown:
        options = [name for name, p in inspect.signature(create_engine).parameters.items() if p.kind is p.KEYWORD_ONLY]
        name = next(iter(unknown))
        hint = did_you_mean(name, options)
        cure = f" {_INSTEAD[name]}" if name in _INSTEAD else hint
        raise ArgumentError(f"create_engine() has no option {name!r}; it takes {', '.join(options)}.{cure}")
    if future is not True:
        raise ArgumentError(f"future={future!r}: engines are those of SQLAlchemy 2 only. Leave it out.")
    if isinstance(query_cache_size, bool) or not isinstance(query_cache_size, int) or query_cache_size < 1:
        raise ArgumentError(f"query_cache_size={query_cache_size!r}: expected a number of statements, 1 or more.")
    for name, value, kinds, expected in (
        ("hide_parameters", hide_parameters, bool, "True or False"),
        ("pool_pre_ping", pool_pre_ping, (bool, type(None)), "True, False or None"),
        ("connect_args", connect_args, (Mapping, type(None)), "a mapping of the driver's arguments, or None"),
        ("execution_options", execution_options, (Mapping, type(None)), "a mapping of options, or None"),
    ):
        if not isinstance(value, kinds):
            raise ArgumentError(f"{name}={shown(value)}: expected {expected}. Pass one, or leave the default.")
    for name, lines in (("echo", echo), ("echo_pool", echo_pool)):
        if lines not in (True, False, "debug"):
            raise ArgumentError(
                f"{name}={lines!r}: expected True or False, or 'debug'. Pass one, or leave the default."
            )
    if sql_comments is not None and not callable(sql_comments):
        raise ArgumentError(f"sql_comments={sql_comments!r}: expected a function that returns a mapping, or None.")
    functions = (("json_serializer", json_serializer), ("json_deserializer", json_deserializer), ("creator", creator))
    for name, function in functions:
        if function is not None and not callable(function):
            raise ArgumentError(f"{name}={shown(function)}: expected a function. Pass one, or leave the default.")
    if poolclass is not None and not (isinstance(poolclass, type) and issubclass(poolclass, Pool)):
        raise ArgumentError(
            f"poolclass={poolclass!r}: expected QueuePool, NullPool or StaticPool of flask_uow. Pass one, or leave the default."
        )
    if pool_reset_on_return not in ("rollback", True):
        raise ArgumentError(
            f"pool_reset_on_return={pool_reset_on_return!r}: a connection that comes back is always rolled back; pool_clean says when it is rid of"
            " more. Leave it out."
        )
    parsed = make_url(url)
    numbers = {"size": pool_size, "max_overflow": max_overflow}
    if pool is not None:
        if pool.creator is None or creator is not None or poolclass is not None:
            raise ArgumentError(
                "pool= is a pool that was made of a function, QueuePool(creator), in place of creator= and poolclass=."
            )
        creator, poolclass = pool.creator, type(pool)
        numbers = {name: given for name, given in pool.numbers.items() if name in numbers}
    dialect = _load_dialect(parsed)(parsed, connect_args or {})
    level = dialect.check_isolation_level(isolation_level)
    dialect.do_without(check_lacks(lacks))
    dialect.json_serializer, dialect.json_deserializer = json_serializer, json_deserializer
    dialect.creator = creator
    made_pool = (poolclass or QueuePool)(
        _DialectConnector(dialect, sql_comments),
        **{name: number for name, number in numbers.items() if number is not None},
        timeout=pool_timeout,
        pre_ping=pool_pre_ping,
        recycle=pool_recycle,
        clean=pool_clean,
    )
    engine = Engine(parsed, dialect, made_pool, level, hide_parameters)
    engine.logging_name = logging_name
    engine.echo = echo
    if execution_options:
        engine.update_execution_options(**execution_options)
    if query_cache_size != _COMPILED_STATEMENTS:
        engine.compiled_cache = BoundedCache(query_cache_size)
    if echo_pool:
        start_pool_echo(made_pool, echo_pool, pool_logging_name)
    return engine


def _load_dialect(url: URL) -> type[Dialect]:
    """Return the dialect class; its module imports the driver."""
    name = url.backend
    if name not in _DIALECTS:
        hint = did_you_mean(name, _DIALECTS)
        raise ArgumentError(f"there is no dialect {name!r}: expected one of {', '.join(_DIALECTS)}.{hint}")
    module_name, class_name = _DIALECTS[name]
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # only the driver is left to choice: whatever else is missing is a broken installation, and says so itself
        if error.name is None or error.name.partition(".")[0] != "psycopg2":
            raise
        raise ArgumentError(
            (
                f"the driver {url.driver!r} is not supported for PostgreSQL, and "
                if url.driver not in (None, "psycopg2")
                else ""
            )
            + "the driver psycopg2 is not installed, and a postgresql:// URL needs it. "
            'Install it with: pip install "flask_uow[psycopg2-binary]"'
        ) from error
    cls: type[Dialect] = getattr(module, class_name)
    return cls
