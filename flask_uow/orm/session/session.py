"""Session: a thin front over identity map, flush, queries and transactions.

A Session is for one thread (or one request) at a time. Its ways between the states of an object: ``add`` (transient to pending, detached to
persistent), ``flush`` (pending to persistent), ``delete``, ``expunge`` (to detached or transient), ``rollback`` (back again).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self, TypeVar, overload

from flask_uow.engine import Connection, Result, ScalarResult
from flask_uow.exc import InvalidRequestError
from flask_uow.orm.exc import UnmappedInstanceError
from flask_uow.orm.flush.collect import collect
from flask_uow.orm.flush.execute import execute_work
from flask_uow.orm.identity import Identities, IdentityMap
from flask_uow.orm.instrumentation.history import get_history
from flask_uow.orm.instrumentation.state import InstanceState, describe, ensure_state, instance_state
from flask_uow.orm.loading.column_loader import refresh_columns
from flask_uow.orm.loading.plan import fetch, first_mapper
from flask_uow.orm.mapping.cascades import cascaded
from flask_uow.orm.mapping.mapper import Mapper, class_mapper
from flask_uow.orm.membership import attach, expunge_all, expunge_one, mark_deleted
from flask_uow.orm.query import Query
from flask_uow.orm.session.binds import Binds
from flask_uow.orm.session.expiry import expire_all, expire_object
from flask_uow.orm.session.identity_set import IdentitySet
from flask_uow.orm.session.lookup import get_slowly
from flask_uow.orm.session.passthrough import PassThrough
from flask_uow.orm.session.transaction import SessionTransaction
from flask_uow.orm.symbols import PENDING
from flask_uow.sql.dml import DMLStatement
from flask_uow.sql.select_base import SelectBase
from flask_uow.sql.text import text

__all__ = ["Session"]

T = TypeVar("T")


class Session:
    """Manages the persistence of mapped objects: a unit of work.

    :param bind: the engine or connection for everything.
    :param autoflush: flush before each query.
    :param expire_on_commit: load all objects anew after a commit, at their next use.
    :param autocommit: keep no transaction open; each flush and statement is one of its own unless ``begin()`` was called.
    :param weak_identity_map: hold objects weakly (changed ones strongly until they are flushed); False holds all.
    :param binds: engines by mapped class, mapper or table.
    :param query_cls: the class of queries.
    :param bind_key_engines: engines by the bind keys of tables, the default one under None; consulted after ``binds`` and ``bind``.
    """

    def __init__(
        self,
        bind: Any = None,
        autoflush: bool = True,
        expire_on_commit: bool = True,
        autocommit: bool = False,
        weak_identity_map: bool = True,
        binds: Mapping[Any, Any] | None = None,
        query_cls: type[Query[Any]] = Query,
        bind_key_engines: Mapping[str | None, Any] | None = None,
    ) -> None:
        self.autoflush = autoflush
        self.expire_on_commit = expire_on_commit
        self.autocommit = autocommit
        self._query_cls = query_cls
        self._binds = Binds(bind, binds, bind_key_engines)
        self._identities: dict[Mapper, Identities] = {}
        self._new: dict[InstanceState, Any] = {}
        self._modified: dict[InstanceState, Any] = {}
        self._deleted: dict[InstanceState, Any] = {}
        self._strong: dict[InstanceState, Any] | None = None if weak_identity_map else {}
        self._transaction: SessionTransaction | None = None
        self._flushing = False

    # -- transactions

    @property
    def bind(self) -> Any:
        """The engine or connection for everything, or None."""
        return self._binds.bind

    @bind.setter
    def bind(self, bind: Any) -> None:
        self._binds.bind = bind

    @property
    def transaction(self) -> SessionTransaction | None:
        """The innermost level of the current transaction; None in autocommit mode outside ``begin()``."""
        if self._transaction is None and not self.autocommit:
            self._transaction = SessionTransaction(self)
        return self._transaction

    @property
    def is_active(self) -> bool:
        """True if the Session has an active transaction: one that was not ended by a failed flush."""
        if self._transaction is None:
            return not self.autocommit
        return self._transaction.is_active

    def begin(self, subtransactions: bool = False, nested: bool = False) -> SessionTransaction:
        """Begin a transaction.

        :param subtransactions: inside a transaction, begin a subtransaction, which only delimits.
        :param nested: begin a SAVEPOINT.
        :returns: the transaction, also a context manager that commits or rolls back.
        :raises InvalidRequestError: inside a transaction, without one of the two flags.
        """
        # outside autocommit mode a Session that was not used yet counts as in a transaction for everything but a plain begin()
        current = self.transaction if subtransactions or nested else self._transaction
        if current is None:
            self._transaction = SessionTransaction(self)
            return self._transaction
        if not subtransactions and not nested:
            raise InvalidRequestError(
                "this Session is in a transaction already. Pass subtransactions=True to begin one within it, or nested=True for a SAVEPOINT."
            )
        if not current.is_active:
            raise current._inactive()
        if nested:
            self.flush()
        self._transaction = SessionTransaction(self, current, nested)
        return self._transaction

    def begin_nested(self) -> SessionTransaction:
        """Begin a SAVEPOINT; the next ``commit()`` or ``rollback()`` is about it."""
        return self.begin(nested=True)

    def commit(self) -> None:
        """Flush and commit the current transaction (or the innermost level of it).

        :raises InvalidRequestError: in autocommit mode when none was begun, or after a failed flush.
        """
        transaction = self.transaction
        if transaction is None:
            raise InvalidRequestError("no transaction is in progress. In autocommit mode, call begin() first.")
        transaction.commit()

    def rollback(self) -> None:
        """Roll back the current transaction, or the innermost SAVEPOINT; nothing happens when there is none.

        Objects that were new become transient again, deleted ones persistent; all others are loaded anew at their next use.
        """
        if self._transaction is None:
            # nothing was sent to the database, but there may be pending objects
            if self.autocommit or not self._has_changes():
                return
            self._transaction = SessionTransaction(self)
        self._transaction.rollback()

    def close(self) -> None:
        """End any transaction by rolling back, give connections back, and take all objects out. May be used again."""
        try:
            if self._transaction is not None:
                self._transaction.close()
        finally:
            self.expunge_all()

    def _transaction_ended(self, transaction: SessionTransaction) -> None:
        if self._transaction is transaction:
            self._transaction = transaction.parent

    # hooks for subclasses, called for root transactions and savepoints (``transaction.nested``), whoever ends them

    def _before_commit(self, transaction: SessionTransaction) -> None:
        """Called before the flush of a commit; may still add work."""

    def _after_commit(self, transaction: SessionTransaction) -> None:
        """Called when a transaction was committed, or a savepoint released."""

    def _before_rollback(self, transaction: SessionTransaction) -> None:
        """Called before a rollback."""

    def _after_rollback(self, transaction: SessionTransaction) -> None:
        """Called when a transaction or a savepoint was rolled back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error_type: Any, error: BaseException | None, traceback: Any) -> None:
        self.close()

    # -- engines and statements

    def bind_mapper(self, mapper: Any, bind: Any) -> None:
        """Use an engine or connection for a mapped class (or mapper) from now on."""
        self._binds.by_mapper[class_mapper(mapper)] = bind

    def bind_table(self, table: Any, bind: Any) -> None:
        """Use an engine or connection for a table from now on."""
        self._binds.by_table[table] = bind

    def get_bind(self, mapper: Any = None, clause: Any = None, **kw: Any) -> Any:
        """Return the engine or connection for a mapper or a statement. Subclasses may override this.

        :param mapper: a mapper or mapped class.
        :param clause: a statement.
        :raises UnboundExecutionError: when none is known.
        """
        return self._binds.find(class_mapper(mapper) if mapper is not None else None, clause)

    def connection(self, mapper: Any = None, clause: Any = None, **kw: Any) -> Connection:
        """Return the connection of the current transaction (in autocommit mode outside one: a new connection of the engine).

        :raises UnboundExecutionError: when no engine is known.
        """
        bind = self.get_bind(mapper, clause, **kw)
        transaction = self.transaction
        if transaction is None:
            return bind if isinstance(bind, Connection) else bind.connect()
        return transaction.connection_for(bind)

    def _connection_for(self, mapper: Any, clause: Any = None, **kw: Any) -> Any:
        bind = self.get_bind(mapper, clause, **kw)
        transaction = self._transaction or self.transaction
        return PassThrough(bind) if transaction is None else transaction.connection_for(bind)

    def execute(self, clause: Any, params: Any = None, mapper: Any = None, **kw: Any) -> Result:
        """Execute a statement in the current transaction.

        :param clause: a statement, or SQL text with ``:name`` parameters.
        :param params: a mapping of values, or a list of mappings.
        :param mapper: the mapper or mapped class whose engine is meant, where the statement does not say.
        :param kw: passed on to :meth:`get_bind`.
        :returns: the rows; a SELECT of mapped classes gives their objects.
        """
        if isinstance(clause, str):
            clause = text(clause)
        if isinstance(clause, Query):
            clause = clause.statement
        if isinstance(clause, SelectBase):
            found = first_mapper(getattr(clause, "entities", ()))
            if found is not None:
                self._autoflush()
                connection = self._connection_for(mapper or found, clause, **kw)
                plan, rows = fetch(connection, clause, params)
                return Result(plan.rows(self, connection.dialect, rows), plan.names, -1)
        elif isinstance(clause, DMLStatement) and clause.entity is not None:
            self._autoflush()
            result = self._connection_for(mapper or clause.entity.mapper, clause, **kw).execute(clause, params)
            expire_all(self, [clause.entity.mapper])
            return result  # type: ignore[no-any-return]
        return self._connection_for(mapper, clause, **kw).execute(clause, params)  # type: ignore[no-any-return]

    def scalar(self, clause: Any, params: Any = None, mapper: Any = None, **kw: Any) -> Any:
        """Like :meth:`execute`, and return the first column of the first row, or None."""
        return self.execute(clause, params, mapper, **kw).scalar()

    def scalars(self, clause: Any, params: Any = None, mapper: Any = None, **kw: Any) -> ScalarResult:
        """Like :meth:`execute`, and return the first item of each row: the objects, for ``select(User)``."""
        entities = getattr(clause, "entities", ())
        if isinstance(clause, SelectBase) and (found := first_mapper(entities)) is not None:
            self._autoflush()
            connection = self._connection_for(mapper or found, clause, **kw)
            plan, rows = fetch(connection, clause, params)
            return ScalarResult(plan.scalars(self, connection.dialect, rows))
        return self.execute(clause, params, mapper, **kw).scalars()

    @overload
    def query(self, entity: type[T], /) -> Query[T]: ...

    @overload
    def query(self, *entities: Any, **kwargs: Any) -> Query[Any]: ...

    def query(self, *entities: Any, **kwargs: Any) -> Query[Any]:
        """Return a Query of mapped classes, attributes or columns."""
        return self._query_cls(entities, self, **kwargs)

    def get(self, entity: type[T], ident: Any) -> T | None:
        """Return the object of a primary key, from the identity map if it is there, else by one SELECT; None when there is none.

        :param entity: a mapped class.
        :param ident: the key's value, or a tuple for a composite key.
        :raises UnmappedClassError: when the class is not mapped.
        """
        mapper: Mapper = getattr(entity, "__mapper__", None) or class_mapper(entity)
        identities = self._identities.get(mapper.base_mapper)
        if identities is not None:
            try:
                state = identities.entries.get(ident)
            except TypeError:
                state = None
            if state is not None and (obj := state()) is not None and mapper.primary_key_names[0] in obj.__dict__:
                return obj  # type: ignore[no-any-return]
        return get_slowly(self, mapper, ident)  # type: ignore[no-any-return]

    # -- objects

    def _identities_of(self, mapper: Mapper) -> Identities:
        base = mapper.base_mapper
        found = self._identities.get(base)
        if found is None:
            base.configure()
            found = self._identities[base] = Identities(base, self, self._modified, self._strong)
        return found

    @property
    def identity_map(self) -> IdentityMap:
        """The persistent objects, by identity key."""
        return IdentityMap(self._identities)

    def add(self, instance: Any) -> None:
        """Put an object into the Session, and those that its relationships reach (cascade save-update).

        A new object is inserted by the next flush. Repeated calls are ignored.

        :raises UnmappedInstanceError: when its class is not mapped.
        :raises InvalidRequestError: when it is in another Session, or its key belongs to another object of this one.
        """
        attach(self, instance)
        if type(instance).__mapper__.relationships:
            for obj in cascaded("save_update", instance):
                attach(self, obj)

    def add_all(self, instances: Iterable[Any]) -> None:
        """Put objects into the Session, see :meth:`add`."""
        for instance in instances:
            self.add(instance)

    def _cascade_add(self, instance: Any) -> None:
        self.add(instance)

    def delete(self, instance: Any) -> None:
        """Mark an object as deleted, and those that its relationships reach (cascade delete); the flush deletes the rows.

        :raises InvalidRequestError: when the object has no row yet.
        """
        mark_deleted(self, instance)

    def expunge(self, instance: Any) -> None:
        """Take an object out of the Session, and those that its relationships reach (cascade expunge).

        :raises InvalidRequestError: when it is not in this Session.
        """
        state = instance_state(instance)
        if state.session is not self:
            raise InvalidRequestError(f"{describe(instance)} is not in this Session.")
        for obj in [instance, *cascaded("expunge", instance)]:
            own = ensure_state(obj)
            if own.session is self:
                expunge_one(self, obj, own)

    def expunge_all(self) -> None:
        """Take all objects out of the Session."""
        expunge_all(self)

    def expire(self, instance: Any, attribute_names: Iterable[str] | None = None) -> None:
        """Forget the values of an object (or of some attributes), so that they are loaded at the next access.

        :raises InvalidRequestError: when the object is not persistent in this Session.
        """
        state = self._persistent_state(instance)
        expire_object(instance, state, attribute_names)
        if attribute_names is None:
            for obj in cascaded("refresh_expire", instance):
                own = ensure_state(obj)
                if own.identity is not None:
                    expire_object(obj, own, None)

    def expire_all(self) -> None:
        """Forget the values of all persistent objects."""
        expire_all(self, None)

    def refresh(self, instance: Any, attribute_names: Iterable[str] | None = None, lockmode: str | None = None) -> None:
        """Load an object's values anew, now; relationships are loaded at their next access.

        :param attribute_names: only these.
        :param lockmode: ``"read"``, ``"update"`` or ``"update_nowait"``: lock the row.
        :raises ObjectDeletedError: when the row is gone.
        """
        state = self._persistent_state(instance)
        names = list(attribute_names) if attribute_names is not None else None
        self._autoflush()
        expire_object(instance, state, names)
        mapper = type(instance).__mapper__
        wanted = tuple(name for name in mapper.columns if names is None or name in names)
        refresh_columns(mapper, instance, state, wanted, lockmode)

    def _persistent_state(self, instance: Any) -> InstanceState:
        state = instance_state(instance)
        if state.identity is None or state.session is not self:
            raise InvalidRequestError(
                f"{describe(instance)} is not persistent within this Session, so it cannot be refreshed or expired."
            )
        return state

    # -- flush

    def _has_changes(self) -> bool:
        return bool(self._new or self._modified or self._deleted)

    def _autoflush(self) -> None:
        if self.autoflush and not self._flushing and (self._new or self._modified or self._deleted):
            self.flush()

    @property
    @contextmanager
    def no_autoflush(self) -> Iterator[Session]:
        """A context in which queries don't flush."""
        before, self.autoflush = self.autoflush, False
        try:
            yield self
        finally:
            self.autoflush = before

    def flush(self, objects: Iterable[Any] | None = None) -> None:
        """Write all changes to the database, ordered by dependency, in the current transaction.

        :param objects: write only these objects.
        :raises DBAPIError: what the database refused; the transaction is rolled back, and ``rollback()`` makes the Session usable again.
        """
        if self._flushing:
            raise InvalidRequestError("the Session is flushing already; flush() was called from within it.")
        if not self._has_changes():
            return
        if objects is not None:
            objects = list(objects)
        self._flushing = True
        try:
            transaction = self.begin(subtransactions=True)
            try:
                work = collect(self, objects)
                execute_work(self, work)
                self._settle(objects)
                transaction.commit()
            except BaseException as error:
                transaction.failure = error
                transaction.rollback()
                raise
        finally:
            self._flushing = False

    def _settle(self, objects: Iterable[Any] | None) -> None:
        chosen = None if objects is None else {id(obj) for obj in objects}
        for state, obj in list(self._modified.items()):
            if chosen is None or id(obj) in chosen:
                state.changes = None
                obj.__dict__.pop(PENDING, None)
                del self._modified[state]

    # -- what is inside

    @property
    def new(self) -> IdentitySet:
        """The pending objects."""
        return IdentitySet(self._new.values())

    @property
    def dirty(self) -> IdentitySet:
        """The persistent objects that were changed (perhaps back again) and are not marked as deleted."""
        return IdentitySet(obj for state, obj in self._modified.items() if state not in self._deleted)

    @property
    def deleted(self) -> IdentitySet:
        """The objects that are marked as deleted."""
        return IdentitySet(self._deleted.values())

    def is_modified(self, instance: Any, include_collections: bool = True, passive: bool = False) -> bool:
        """Return True when an object has a net change.

        :param include_collections: count changes of collections as well.
        :param passive: don't load what is not loaded (nothing is loaded in either case: a change keeps the original value).
        """
        state = instance_state(instance)
        mapper = state.mapper
        names = state.changes if state.identity is not None else mapper.attribute_names
        for name in names or ():
            prop = mapper.relationships.get(name)
            if prop is not None and prop.uselist and not include_collections:
                continue
            if get_history(instance, name).has_changes():
                return True
        return False

    def __contains__(self, instance: Any) -> bool:
        try:
            return instance_state(instance).session is self
        except UnmappedInstanceError:
            return False

    def __iter__(self) -> Iterator[Any]:
        return iter([*self._new.values(), *self.identity_map.values()])

    @classmethod
    def object_session(cls, instance: Any) -> Session | None:
        """Return the Session that an object is in, or None."""
        return instance_state(instance).session  # type: ignore[no-any-return]
