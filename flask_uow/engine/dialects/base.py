"""The :class:`Dialect`: all that a database must give; the base of the ones for PostgreSQL and SQLite.

A dialect knows its driver, how connections are opened and what makes one lost, how transactions begin, how values
travel (its ``*_types`` module), how identifiers are quoted, and how many rows go out at once (its ``*_batch``
module). Engines have one each; threads share it. The compiler asks it too, through ``sql.interfaces.SQLDialect``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from flask_uow.engine.dbapi import CursorT, RawT
from flask_uow.engine.dialects.lacking import refusal
from flask_uow.engine.dialects.type_records import TypeRecord, record_of
from flask_uow.engine.gate import OpeningGates
from flask_uow.engine.url import URL
from flask_uow.exc import ArgumentError, InvalidRequestError, NotSupportedError, did_you_mean
from flask_uow.sql.compiler import StatementCompiler
from flask_uow.sql.types import JSON, TypeArgument, TypeDecorator, TypeEngine, to_instance
from flask_uow.sql.value_errors import wrong_kind

if TYPE_CHECKING:
    from flask_uow.engine.dialects.batch import BatchWriter
    from flask_uow.engine.reflection.catalog import Catalog
    from flask_uow.sql.schema import Table

__all__ = ["AUTOCOMMIT", "ISOLATION_LEVELS", "Dialect", "Processor"]

T = TypeVar("T")
Processor = Callable[[Any], Any]

ISOLATION_LEVELS = ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
# no transaction at all: each statement commits by itself
AUTOCOMMIT = "AUTOCOMMIT"
_STATEMENT_TIMEOUT = re.compile(
    r"(?:\b|-c)statement_timeout\s*(?:=|\bTO\b)\s*'?(\d+(?:\.\d*)?|\.\d+)\s*(us|ms|s|min|h|d|)\b", re.IGNORECASE
)
_SECONDS = {"": 0.001, "us": 1e-6, "ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_KNOWN_TEXTS = 5000  # so many statements are remembered
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")


class Dialect(ABC, Generic[RawT, CursorT]):
    """A database and its driver.

    :param url: where the database is.
    :param connect_args: arguments for the driver's ``connect``; they win over the URL's.
    :raises ArgumentError: for a URL that the driver cannot use.

    :ivar name: ``postgresql`` or ``sqlite``.
    :ivar placeholder: the mark of a parameter in SQL text.
    :ivar escapes_percent: True where a literal ``%`` is doubled in SQL text.
    :ivar exact_decimal_text: True where decimals are kept as text with the collation ``decimal``.
    :ivar supports_for_update: True where SELECT can lock rows.
    :ivar triggers_follow_returning: True where RETURNING gives values as they were before triggers.
    :ivar is_server: True for a server, where transactions have settings of their own and tables are in schemas.
    :ivar lacks: the features that the server lacks; see :mod:`flask_uow.engine.dialects.lacking`.
    :ivar supports_two_phase: True where a transaction can be prepared (PREPARE TRANSACTION).
    :ivar takes_lists: True where a list of values on the right of IN is one parameter, whose binding is cheap.
    :ivar tells_rowid: True where the cursor tells the number of the row that was inserted, and a single integer key is that number.
    :ivar awaits_standbys: True where a commit may wait for other servers, which may fail to confirm it.
    :ivar usual_timeout: seconds after which a statement ends by itself, as the URL (or what it names) says; None for never.
    :ivar schema_lock_sql: what keeps others from making or dropping tables until the transaction ends; "" where the write lock does.
    :ivar written_sql: what :meth:`has_written` asks the database, as the log shows it.
    :ivar supports_alter: True where a constraint can be added to a table that exists.
    :ivar supports_sequences: True where the database has sequences.
    :ivar supports_enums: True where an Enum may be a type of its own.
    :ivar supports_comments: True where tables and columns take comments.
    :ivar max_parameters: how many parameters one statement may have.
    :ivar begins_with_statement: True where BEGIN travels in one string with the first statement, whatever its kind.
    :ivar drop_closes: True where a driver's connection is closed when nobody refers to it any more, whichever process it is of.
    :ivar streams_by_declared_cursor: True where rows stay with the server only for a cursor that is declared in SQL.
    :ivar settings_sql: what goes out with the BEGIN of each transaction, so that values travel in one form whatever is set in the session.
    :ivar opening_gates: those of transactions that begin.
    :ivar known_marks: the marks of statements that were seen; see :meth:`marks`.
    :ivar driver_loads_json: True where the driver makes values of documents.
    :ivar connect_listeners: what listens to ``do_connect``: it may change the driver's arguments, or return a connection.
    :ivar creator: opens a connection of the driver, in place of the driver's own function; None for that.
    :ivar json_serializer: the application's function from a value to JSON text, used in place of ours.
    :ivar json_deserializer: the application's function from JSON text to a value, likewise.
    :ivar records: what the database knows of each type, by the types' names.
    :ivar errors: what the driver raises: its own errors, and Python's for values that it cannot convert.
    """

    name: ClassVar[str]
    placeholder: ClassVar[str]
    escapes_percent: ClassVar[bool]
    exact_decimal_text: ClassVar[bool]
    supports_for_update: ClassVar[bool]
    triggers_follow_returning: ClassVar[bool] = False
    is_server: ClassVar[bool]
    supports_two_phase: bool = False
    takes_lists: bool = False
    tells_rowid: ClassVar[bool] = False
    awaits_standbys: ClassVar[bool] = False
    schema_lock_sql: str = ""
    written_sql: str = ""
    supports_alter: ClassVar[bool]
    supports_comments: bool
    supports_sequences: bool = False
    supports_enums: bool = False
    max_parameters: ClassVar[int]
    begins_with_statement: ClassVar[bool]
    streams_by_declared_cursor: ClassVar[bool] = False
    settings_sql: str = ""
    compiler_class: ClassVar[type[StatementCompiler]] = StatementCompiler
    records: ClassVar[Mapping[str, TypeRecord]]
    reserved_words: ClassVar[frozenset[str]]
    errors: ClassVar[tuple[type[Exception], ...]]
    drop_closes: ClassVar[bool]
    driver_loads_json: ClassVar[bool] = False
    batch: BatchWriter

    def __init__(self, url: URL, connect_args: Mapping[str, Any]) -> None:
        self.url = url
        self.connect_args = dict(connect_args)
        self.lacks: frozenset[str] = frozenset()
        self.known_marks: dict[str, int] = {}
        self.opening_gates = OpeningGates(self)
        self.usual_timeout: float | None = None
        self.creator: Callable[[], RawT] | None = None
        self.connect_listeners: tuple[Callable[..., Any], ...] = ()
        self.json_serializer: Callable[[Any], str | bytes] | None = None
        self.json_deserializer: Callable[[Any], Any] | None = None
        self._quoted: dict[str, str] = {}
        self._bind_processors: dict[tuple[Any, ...], Processor | None] = {}
        self._result_processors: dict[tuple[Any, ...], Processor | None] = {}

    def do_without(self, lacks: frozenset[str]) -> None:
        """Do without features of PostgreSQL from now on.

        :raises ArgumentError: where the database is none that speaks PostgreSQL's protocol.
        """
        if lacks:
            raise ArgumentError(
                f"lacks={sorted(lacks)!r} is about servers that speak PostgreSQL's protocol, and the URL is for {self.name}. Give it to the"
                " binds that need it, as in UOW_BINDS = {'stock': {'url': ..., 'lacks': [...]}}."
            )

    def require(self, feature: str, wish: str) -> None:
        """Refuse what needs a feature that the server lacks.

        :param wish: what was asked for, and needs it, for the message.
        :raises InvalidRequestError: with the cure.
        """
        if feature in self.lacks:
            raise InvalidRequestError(refusal(feature, wish))

    # -- connections (the pool's Connector)

    @abstractmethod
    def connect(self) -> RawT:
        """Open a connection in the driver's autocommit mode and make it ready for use.

        :raises OperationalError: when the database cannot be reached; the message has no password in it.
        """

    def open_by(self, connect: Callable[..., RawT], *arguments: Any, **named: Any) -> RawT:
        """Return a connection by the driver's function, or what listens to ``do_connect`` gives in its place."""
        given = list(arguments)
        for call in self.connect_listeners:
            found: RawT | None = call(self, None, given, named)
            if found is not None:
                return found
        return connect(*given, **named)

    @abstractmethod
    def reset(self, raw: RawT) -> bool:
        """Roll back what is open on ``raw``; return False when it is lost."""

    @abstractmethod
    def clean(self, raw: RawT) -> bool:
        """Undo what statements have left in the session of an idle ``raw``; return False where it must be closed for that."""

    def settle(self, raw: RawT) -> str | None:
        """Make the settings that values depend on for as long as an idle ``raw`` is open.

        :returns: the isolation level of transactions that ask for none; None where each transaction has to make the settings.
        """
        return None

    def is_settled(self, raw: RawT) -> bool:
        """Return False where something has changed what :meth:`settle` has set, as far as the client is told. Sends nothing."""
        return False

    def unsettle(self, raw: RawT) -> None:
        """Undo what :meth:`settle` has set, for somebody who uses ``raw`` without us."""
        raise NotImplementedError(f"the connections of {self.name} are never settled")

    def is_refusal(self, error: BaseException) -> bool:
        """Return True when ``error`` says that the database takes no connection at the moment, and may take one soon."""
        return False

    def is_absence(self, error: BaseException) -> bool:
        """Return True when ``error`` says that no server answers."""
        return False

    @abstractmethod
    def begin_by_driver(self, raw: RawT) -> None:
        """Have the driver begin transactions on ``raw`` by itself, as DB-API says, until :meth:`reset`."""

    @abstractmethod
    def ping(self, raw: RawT) -> bool:
        """Return True when ``raw`` still answers."""

    @abstractmethod
    def is_quiet(self, raw: RawT) -> bool:
        """Return False when something has arrived on the socket of an idle ``raw``; True where there is no socket."""

    @abstractmethod
    def after_fork(self) -> None:
        """In a forked process: forget without closing what the dialect itself holds open."""

    @abstractmethod
    def close(self, raw: RawT) -> None:
        """Close ``raw``; never raises."""

    @abstractmethod
    def dispose(self) -> None:
        """Release what the dialect itself holds open."""

    @abstractmethod
    def is_lost(self, error: BaseException, raw: RawT) -> bool:
        """Return True when ``error`` means that ``raw`` cannot be used any more."""

    def is_misplaced(self, error: BaseException) -> bool:
        """Return True when ``error`` means that the server is read only (a standby, perhaps), where a write was asked for."""
        return False

    def is_ambiguous(self, error: BaseException) -> bool:
        """Return True when ``error`` means that the database does not know whether it has committed."""
        return False

    def is_busy(self, error: BaseException) -> bool:
        """Return True when ``error`` means that another connection kept a lock on the whole database for too long."""
        return False

    def cure(self, error: BaseException, how_to_create_tables: str) -> str:
        """Return the cure of an error whose words do not say it; empty where there is nothing to add.

        :param how_to_create_tables: what to call or to run where a table is missing.
        """
        if self.lacks_table(error):
            return f"If it is a table of your models, create it: {how_to_create_tables}."
        if self.lacks_column(error):
            return (
                "If it is a column of your models, its table was made before the column was added: a table that is there is left as it is. Add"
                " the column with ALTER TABLE (a migration), or drop the table and have it made anew."
            )
        return ""

    @abstractmethod
    def lacks_table(self, error: BaseException) -> bool:
        """Return True when ``error`` means that the database does not have a table which a statement names."""

    @abstractmethod
    def lacks_column(self, error: BaseException) -> bool:
        """Return True when ``error`` means that a table does not have a column which a statement names."""

    @abstractmethod
    def missing_table(self, error: BaseException) -> str | None:
        """Return the name of the table that the database does not have, as the statement wrote it; None where that is not what ``error`` means."""

    # -- what statements leave behind

    def marks(self, sql: str) -> int:
        """Return the effects of a statement besides reading and writing rows: the constants of :mod:`flask_uow.engine.marks`, as one number."""
        found = self.known_marks.get(sql)
        if found is None:
            found = self.find_marks(sql)
            if len(self.known_marks) >= _KNOWN_TEXTS:
                self.known_marks.clear()
            self.known_marks[sql] = found
        return found

    def takes_only_standbys(self) -> bool:
        """Return True where the driver knows ``target_session_attrs=standby``."""
        return False

    def only_reads(self, sql: str) -> bool:
        """Return True for SQL text that is known to be one query which neither writes nor locks, so that a read replica can answer it."""
        return False

    def does_alone(self, sql: str) -> bool:
        """Return True for SQL text that is known to do the same by itself as in a transaction where each statement sees what is newest."""
        return False

    def calls_only_readers(self, sql: str) -> bool:
        """Return True where a part of a query calls no function but those that are known to write nothing."""
        return False

    @abstractmethod
    def find_marks(self, sql: str) -> int:
        """Find out what :meth:`marks` returns."""

    @property
    def restoring_sql(self) -> str:
        """SQL that sets the same again in a transaction whose statement may have changed it."""
        return self.settings_sql

    def with_settings(self, begin_sql: str) -> str:
        """Return the SQL that opens a transaction with the settings that it needs."""
        return f"{begin_sql}; {self.settings_sql}" if self.settings_sql else begin_sql

    def by_itself(self, sql: str) -> str:
        """Return the text to send for a statement outside of any transaction, with the settings that it needs."""
        return sql

    # -- transactions

    @abstractmethod
    def in_transaction(self, raw: RawT) -> bool:
        """Return True when the database has a transaction open on ``raw``, failed or not."""

    @abstractmethod
    def has_failed(self, raw: RawT) -> bool:
        """Return True when the transaction on ``raw`` has failed and can only be rolled back."""

    def has_written(self, cursor: CursorT) -> bool:
        """Return whether the open transaction has changed anything, or may have. Asked only where :attr:`written_sql` is set."""
        return True

    def awaits_rollback(self, raw: RawT) -> bool:
        """Return True when the database refuses every statement on ``raw`` until ROLLBACK, since one has failed."""
        return False

    @abstractmethod
    def begin_sql(self, isolation_level: str | None, read_only: bool) -> str:
        """Return the statement that begins a transaction."""

    @abstractmethod
    def begins_for_reads(self, isolation_level: str | None) -> bool:
        """Return True when a transaction of that level opens at its first statement even if that only reads."""

    def default_isolation_level(self, look_up: Callable[[str], list[tuple[Any, ...]]]) -> str:
        """Return the isolation level of transactions that ask for none.

        :param look_up: sends a question to the database.
        """
        return "SERIALIZABLE"

    def statement_timeout(self, setup: Sequence[str], otherwise: float | None = None) -> float | None:
        """Return the statement time-out in seconds that statements of a transaction's setup ask for; None for none.

        :param otherwise: returned where the setup says nothing of it.
        """
        # the last setting counts
        for text in reversed(setup):
            found = _STATEMENT_TIMEOUT.findall(text)
            if found:
                number, unit = found[-1]
                # 0 stands for no limit
                return float(number) * _SECONDS[unit.lower()] or None
        return otherwise

    def timed(self, cursor: CursorT, seconds: float) -> CursorT:
        """Return a cursor whose statements end when they take longer; the same where the server itself sees to that."""
        return cursor

    def untimed(self, cursor: CursorT) -> CursorT:
        """Return the cursor that :meth:`timed` was given."""
        return cursor

    @abstractmethod
    def commit(self, cursor: CursorT) -> None:
        """Commit the transaction.

        :raises CommitOutcomeUnknown: when no other server has confirmed a commit that was to wait for one.
        :raises InternalError: when the database rolled back instead, since a statement had failed.
        """

    def alone(self, raw: RawT, send: Callable[[], T]) -> T:
        """Call ``send``, which has a statement commit by itself, and return what it returns. Called where :attr:`awaits_standbys` is set.

        :raises CommitOutcomeUnknown: when no other server has confirmed a commit that was to wait for one.
        """
        return send()

    def commit_within(self, cursor: CursorT, seconds: float) -> None:
        """Commit the transaction, and cancel a commit that waits for another server longer than that; otherwise as :meth:`commit`."""
        self.commit(cursor)

    def prepare(self, cursor: CursorT, xid: str, seconds: float | None = None) -> None:
        """Prepare the transaction, where that is supported.

        :param seconds: how long it may wait for another server; None for ever.
        :raises OperationalError: when the server's settings don't allow it.
        :raises InternalError: when the database rolled back instead, since a statement had failed.
        :raises CommitOutcomeUnknown: when it is prepared, and no other server has confirmed that.
        """
        raise NotSupportedError(f"{self.name} has no PREPARE TRANSACTION.")

    def finish_prepared(self, cursor: CursorT, xid: str, commit: bool, seconds: float | None = None) -> None:
        """Commit or roll back a prepared transaction, where that is supported.

        :param seconds: how long it may wait for another server; None for ever.
        :raises CommitOutcomeUnknown: when it is committed, and no other server has confirmed that.
        """
        raise NotSupportedError(f"{self.name} has no prepared transactions.")

    @abstractmethod
    def execute_many(self, cursor: CursorT, sql: str, list_of_params: Sequence[Sequence[Any]]) -> int:
        """Send a statement once for each set of parameters; return the rows changed in all, -1 where unknown."""

    def check_isolation_level(self, level: object) -> str | None:
        """Return ``level`` in upper case, None for the database's own.

        :raises ArgumentError: for an unknown one.
        """
        if level is None:
            return None
        spelled = str(level).replace("_", " ").upper()
        levels = (*ISOLATION_LEVELS, AUTOCOMMIT)
        if spelled in levels:
            return spelled
        hint = did_you_mean(spelled, levels)
        raise ArgumentError(f"isolation_level={level!r}: expected one of {', '.join(levels)}.{hint}")

    def can_copy(self) -> bool:
        """Return True where ``COPY ... FROM STDIN`` can be used now."""
        return False

    def copy_source(
        self,
        table: Table,
        columns: Sequence[Any],
        rows: Iterable[Sequence[Any]],
        progress: Callable[[int], object] | None,
        every: int,
    ) -> tuple[str, Any]:
        """Return the COPY statement for rows of a table, and what its data is read from; see ``postgresql_copy``."""
        raise NotSupportedError(f"{self.name} has no COPY.")

    # -- schema

    @abstractmethod
    def catalog(self, fetch_all: Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]) -> Catalog:
        """Return the catalog of the database that ``fetch_all`` asks."""

    def unknown_rowcount(self, cursor: CursorT, sql: str) -> int:
        """Return how many rows the last statement changed, where the driver's cursor says -1; -1 where nobody knows."""
        return -1

    # -- text

    def quote(self, identifier: str) -> str:
        """Return ``identifier``, in double quotes unless it is a plain lower-case word that is not reserved.

        :raises ArgumentError: for a name that is empty or holds a NUL.
        """
        quoted = self._quoted.get(identifier)
        if quoted is None:
            if not identifier or "\x00" in identifier:
                raise ArgumentError(f"{identifier!r} cannot name a table or a column: expected text without NUL.")
            plain = _PLAIN.match(identifier) and identifier not in self.reserved_words
            quoted = identifier if plain else '"' + identifier.replace('"', '""') + '"'
            self._quoted[identifier] = quoted
        return quoted

    # -- types

    def bind_processor(self, type_: TypeEngine[Any]) -> Processor | None:
        """Return the function that turns a Python value (None included) into the driver's; None to pass it as it is.

        The function raises DataError for a value that the type does not take.
        """
        key = type_.cache_key
        # None is an answer, too, which get() would not tell from none yet
        try:
            return self._bind_processors[key]
        except KeyError:
            chosen = self.chosen_type(type_)
            made = (
                self.record(chosen).bind(chosen, self)
                if not isinstance(chosen, TypeDecorator)
                else self._decorated_bind(chosen)
            )
            return self._bind_processors.setdefault(key, self._serializing(type_, made))

    def result_processor(self, type_: TypeEngine[Any]) -> Processor | None:
        """Return the function that turns a driver's value (None included) into Python's; None to pass it as it is."""
        key = type_.cache_key
        try:
            return self._result_processors[key]
        except KeyError:
            chosen = self.chosen_type(type_)
            made = (
                self.record(chosen).load(chosen, self)
                if not isinstance(chosen, TypeDecorator)
                else self._decorated_result(chosen)
            )
            return self._result_processors.setdefault(key, self._deserializing(type_, made))

    def _serializing(self, type_: TypeEngine[Any], processor: Processor | None) -> Processor | None:
        """Return the processor of a document with the application's own function in place of ours."""
        serialize = self.json_serializer
        if serialize is None or processor is None or not isinstance(type_, JSON):
            return processor

        def bind(value: object) -> Any:
            if value is None or value is getattr(JSON, "NULL", None):
                return processor(value)
            try:
                text = serialize(value)
            except (TypeError, ValueError) as error:
                wrong_kind(
                    type_, value, f"what json_serializer takes ({error})", "Convert it, or have json_serializer do so."
                )
            return text.decode() if isinstance(text, bytes) else text

        return bind

    def _deserializing(self, type_: TypeEngine[Any], processor: Processor | None) -> Processor | None:
        deserialize = self.json_deserializer
        if deserialize is None or self.driver_loads_json or not isinstance(type_, JSON):
            return processor
        return lambda value: None if value is None else deserialize(value)

    def chosen_type(self, type_: TypeEngine[Any]) -> TypeEngine[Any]:
        """Return the type, or the variant that it has for this database."""
        return type_.dialect_variants.get(self.name, type_)

    def stored_as(self, type_: TypeEngine[Any]) -> TypeEngine[Any]:
        """Return the type that the database sees: what a TypeDecorator is made of here, a variant, else the type itself."""
        type_ = self.chosen_type(type_)
        while isinstance(type_, TypeDecorator):
            type_ = self.chosen_type(to_instance(type_.load_dialect_impl(self)))
        return type_

    def type_descriptor(self, type_: TypeArgument) -> TypeEngine[Any]:
        """Return a type, as ``load_dialect_impl()`` of a TypeDecorator asks for one: ``dialect.type_descriptor(CHAR(32))``."""
        return to_instance(type_)

    def record(self, type_: TypeEngine[Any]) -> TypeRecord:
        """Return the record of a type as the database sees it.

        :raises CompileError: for a type that the database does not have.
        """
        return record_of(self.records, type_, self.name)

    def _decorated_bind(self, type_: TypeDecorator) -> Processor | None:
        inner = self.bind_processor(to_instance(type_.load_dialect_impl(self)))
        if type(type_).process_bind_param is TypeDecorator.process_bind_param:
            return inner
        process = type_.process_bind_param
        if inner is None:
            return lambda value: process(value, self)
        return lambda value: inner(process(value, self))

    def _decorated_result(self, type_: TypeDecorator) -> Processor | None:
        inner = self.result_processor(to_instance(type_.load_dialect_impl(self)))
        if type(type_).process_result_value is TypeDecorator.process_result_value:
            return inner
        process = type_.process_result_value
        if inner is None:
            return lambda value: process(value, self)
        return lambda value: process(inner(value), self)

    def type_ddl(self, type_: TypeEngine[Any]) -> str:
        """Return the type as DDL writes it, ``VARCHAR(50)`` for example.

        :raises CompileError: for a type that the database cannot store.
        """
        stored = self.stored_as(type_)
        return self.record(stored).ddl_of(stored)

    def cast_name(self, type_: TypeEngine[Any]) -> str:
        """Return the type as CAST writes it.

        :raises CompileError: for a type that the database does not have.
        """
        stored = self.stored_as(type_)
        return self.record(stored).cast_of(stored)
