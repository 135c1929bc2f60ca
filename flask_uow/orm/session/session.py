"""Session: a thin front over identity map, flush, queries and transactions.

A Session is for one thread (or one request) at a time. Its ways between the states of an object: ``add`` (transient to pending, detached to
persistent), ``flush`` (pending to persistent), ``delete``, ``expunge`` (to detached or transient), ``rollback`` (back again),
``make_transient``. Its transactions are in :mod:`~flask_uow.orm.session.transactional`, its statements in
:mod:`~flask_uow.orm.session.execution`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.orm.exclusive import exclusive
from flask_uow.orm.flush.flush import plan_flush
from flask_uow.orm.flush.plan import FlushPlan
from flask_uow.orm.loading.column_loader import check_lock_mode, has_version, key_of, lock_of, refresh_columns
from flask_uow.orm.loading.relationship_loader import eager_names
from flask_uow.orm.mapping.mapper import class_mapper, object_mapper
from flask_uow.orm.query import Query
from flask_uow.orm.session.arguments import check_arguments
from flask_uow.orm.session.binds import Binds
from flask_uow.orm.session.identity_set import IdentitySet
from flask_uow.orm.session.many_rows import ManyRowsSession
from flask_uow.orm.session.merging import merge
from flask_uow.orm.session.routing import Router, Routing
from flask_uow.orm.session.unit_observer import QUIET, UnitObserver
from flask_uow.orm.state.cascades import cascaded
from flask_uow.orm.state.expiry import expire_all, expire_object, new_orphans
from flask_uow.orm.state.history import has_net_changes
from flask_uow.orm.state.identity import IdentityMap
from flask_uow.orm.state.instance_state import InstanceState, describe, ensure_state, instance_state
from flask_uow.orm.state.keys import IdentityKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_uow.engine import Connection, Engine
    from flask_uow.orm.extensions import Hooks, SessionExtension
    from flask_uow.orm.interfaces import MappedObject

__all__ = ["Session"]

T = TypeVar("T")


class Session(ManyRowsSession):
    """Manages the persistence of mapped objects: a unit of work.

    :param bind: the engine or connection for everything.
    :param autoflush: flush before each query.
    :param expire_on_commit: load all objects anew after a commit, at their next use.
    :param _enable_transaction_accounting: False leaves objects alone at the boundaries of transactions: none is expired by a commit or
        rollback, new and deleted ones stay so after a rollback, and ``begin_nested()`` does not flush.
    :param autocommit: keep no transaction open; each flush and statement is one of its own unless ``begin()`` was called.
    :param twophase: prepare the transactions of all databases before the first is committed.
    :param weak_identity_map: hold objects weakly (changed ones strongly until they are flushed); False holds all, see :meth:`prune`.
    :param binds: engines by mapped class, mapper or table; or by a declarative base, or a mixin, for all classes with it.
    :param extension: a :class:`SessionExtension`, or a list of them.
    :param query_cls: the class of queries.
    :param join_transaction_mode: what happens to a transaction in which a given connection is already. ``"rollback_only"``: ``rollback()``
        rolls it back, ``commit()`` and ``close()`` leave it to whoever began it; ``"control_fully"``: the Session ends it in each of these;
        ``"create_savepoint"``: it stays, and the Session works in a savepoint of its own; ``"conditional_savepoint"``: that only within
        a savepoint, else ``"rollback_only"``.
    :param bind_key_engines: engines by the bind keys of tables, the default one under None; consulted after ``binds`` and ``bind``.
    :param info: notes of the application, the beginning of :attr:`info`; the Session has a copy.
    :param autobegin: False: no transaction begins before ``begin()`` is called, and what needs one is an InvalidRequestError.
    :param close_resets_only: False: after ``close()`` the Session cannot be used any more; ``reset()`` leaves it as good as new.
    :param execution_options: options for every statement and query, which those of the statement itself go before.
    :param enable_baked_queries: there are none; True is an ArgumentError.
    :param future: True, which says nothing; False is an ArgumentError.
    :param observer: told of the boundaries of its transactions, see :class:`~flask_uow.orm.session.unit_observer.UnitObserver`.
    :param routing: which of its reads go to read replicas, see :class:`~flask_uow.orm.session.routing.Routing`.
    :raises ArgumentError: for an unknown ``join_transaction_mode``; for arguments that do not go together.

    For the package, and no part of what users program against: ``objects`` (the :class:`SessionObjects`), ``observer``, ``connection_for()``,
    ``autoflush_now()``, ``begin_on()``, ``begin_flush()``, ``name_of_bind()``, ``execute_now()``, ``execute_untold()``, ``load_query()``,
    ``stream_query()``, ``current_transaction``, ``is_flushing``, ``accounting``, ``hooks``, ``thread_lock``, ``cure_for_threads``, ``router``,
    ``is_closed``, ``closes_for_good``, ``has_own_hooks``, ``blocks``, ``check_block()`` and ``leave_block()``.
    """

    def __init__(
        self,
        bind: Engine | Connection | None = None,
        autoflush: bool = True,
        expire_on_commit: bool = True,
        _enable_transaction_accounting: bool = True,
        autocommit: bool = False,
        twophase: bool = False,
        weak_identity_map: bool = True,
        binds: Mapping[Any, Any] | None = None,
        extension: Hooks | SessionExtension | Sequence[SessionExtension] | None = None,
        query_cls: type[Query[Any]] = Query,
        *,
        join_transaction_mode: str = "rollback_only",
        bind_key_engines: Mapping[str | None, Any] | None = None,
        batch_loading: bool = True,
        info: Mapping[Any, Any] | None = None,
        autobegin: bool = True,
        close_resets_only: bool = True,
        execution_options: Mapping[str, Any] | None = None,
        enable_baked_queries: bool = False,
        future: bool = True,
        observer: UnitObserver = QUIET,
        routing: Routing | None = None,
    ) -> None:
        if not autobegin or not close_resets_only or enable_baked_queries or not future:
            check_arguments(autobegin and close_resets_only, autocommit, enable_baked_queries, future)
        self._binds = Binds(bind, binds, bind_key_engines)
        self._query_cls = query_cls
        super().__init__(
            expire_on_commit,
            _enable_transaction_accounting,
            autocommit,
            autobegin,
            twophase,
            join_transaction_mode,
            extension,
            observer,
            autoflush,
            weak_identity_map,
        )
        self.batch_loading = batch_loading
        self.closes_for_good = not close_resets_only
        self.execution_options = dict(execution_options) if execution_options else {}
        self.router = None if routing is None else Router(routing)
        self._places: dict[type, tuple[dict[Any, InstanceState], str, type | None]] = {}
        self._info = dict(info) if info is not None else None

    # -- objects

    @property
    def identity_map(self) -> IdentityMap:
        """The persistent objects, by identity key."""
        return self.objects.identity_map

    @exclusive
    def add(self, instance: object) -> None:
        """Put an object into the Session, and those that its relationships reach (cascade save-update).

        A new object is inserted by the next flush. Repeated calls are ignored.

        :raises UnmappedInstanceError: when its class is not mapped.
        :raises InvalidRequestError: when it is in another Session, or its key belongs to another object of this one.
        """
        self.objects.add(instance)

    @exclusive
    def add_all(self, instances: Iterable[Any]) -> None:
        """Put objects into the Session, see :meth:`add`."""
        self.objects.add_all(instances)

    @exclusive
    def merge(self, instance: T, load: bool = True, *, options: object = (), **kw: Any) -> T:
        """Copy the state of an object onto the persistent object of the same key, and return that one.

        Where the Session has none, it is loaded; where there is no row, or ``instance`` has no key, a new object is made and added. Goes on
        along relationships with the cascade merge. ``instance`` itself stays outside; only what is loaded on it is copied.

        :param load: False copies values as they are, without any SQL: for objects with a row and without changes, from a cache.
        :param options: loader options, for objects that are loaded for it: what comes along in the same go.
        :param kw: ``dont_load=True``, the old way to write ``load=False``.
        :raises InvalidRequestError: with ``load=False``, for an object without a row or with changes.
        :raises StaleDataError: for an object whose version is not that of its row any more.
        """
        merged: T = merge(self, instance, load, options, **kw)
        return merged

    def merge_all(self, instances: Iterable[T], *, load: bool = True, options: object = ()) -> list[T]:
        """Merge objects one after the other, see :meth:`merge`, and return their counterparts."""
        return [self.merge(instance, load, options=options) for instance in instances]

    @exclusive
    def delete(self, instance: object) -> None:
        """Mark an object as deleted, and those that its relationships reach (cascade delete); the flush deletes the rows.

        :raises InvalidRequestError: when the object has no row yet.
        """
        self.objects.mark_deleted(instance)

    @exclusive
    def delete_all(self, instances: Iterable[Any]) -> None:
        """Mark objects as deleted, see :meth:`delete`."""
        for instance in instances:
            self.objects.mark_deleted(instance)

    @exclusive
    def expunge(self, instance: object) -> None:
        """Take an object out of the Session, and those that its relationships reach (cascade expunge).

        :raises InvalidRequestError: when it is not in this Session.
        """
        self.objects.expunge(instance)

    @exclusive
    def prune(self) -> int:
        """Let go of objects that nobody else holds, where the identity map is strong; changed, new and deleted ones are kept.

        :returns: how many; always 0 with a weak identity map, which prunes itself.
        """
        return self.objects.prune()

    @exclusive
    def expire(self, instance: object, attribute_names: Iterable[str] | None = None) -> None:
        """Forget the values of an object (or of some attributes), so that they are loaded at the next access.

        Changes that were not flushed are forgotten too; what another object says of this one, by a collection that this one was put into, is
        not. Without names, it goes on along relationships with the cascade refresh-expire; new objects that it reaches leave the Session where
        the relationship has the cascade delete-orphan.

        :raises InvalidRequestError: when the object is not persistent in this Session.
        """
        state = self._persistent_state(instance)
        self._expire(state.obj, state, attribute_names)

    def _expire(self, instance: MappedObject, state: InstanceState, names: Iterable[str] | None) -> None:
        reached = [instance, *cascaded("refresh_expire", instance)] if names is None else [instance]
        # new objects that only their parents hold, which forget them
        orphans = [orphan for obj in reached for orphan in new_orphans(obj)] if names is None else []
        expire_object(instance, state, names)
        for obj in reached[1:]:
            own = ensure_state(obj)
            if own.session is self and own.row_key is not None:
                expire_object(obj, own, None)
        for obj in orphans:
            own = ensure_state(obj)
            if own.session is self and own.row_key is None:
                self.objects.expunge_one(obj, own)

    @exclusive
    def expire_all(self) -> None:
        """Forget the values of all persistent objects, and changes to them that were not flushed."""
        expire_all(self.objects, None)

    @exclusive
    def refresh(
        self,
        instance: object,
        attribute_names: Iterable[str] | None = None,
        lockmode: str | None = None,
        *,
        with_for_update: bool | Mapping[str, Any] | None = None,
    ) -> None:
        """Load an object's values anew, now. Relationships are loaded at their next access; now where they are named, and those that are
        loaded eagerly, by the mapping or by the options of the query that has loaded the object.

        Changes that were not flushed are forgotten. The cascade refresh-expire expires the objects that it reaches.

        :param attribute_names: only these.
        :param lockmode: ``"read"``, ``"update"`` or ``"update_nowait"``: lock the row.
        :param with_for_update: likewise: True, or the arguments of :meth:`Select.with_for_update`.
        :raises ArgumentError: for another lock mode, unknown arguments of a lock, or both.
        :raises ObjectDeletedError: when the row is gone.
        :raises StaleDataError: with a lock mode, for a changed object with another version than its row.
        """
        state = self._persistent_state(instance)
        obj: MappedObject = state.obj
        names = list(attribute_names) if attribute_names is not None else None
        check_lock_mode(lockmode)
        lock = lock_of(with_for_update)
        if lock is not None and lockmode is not None:
            raise ArgumentError(
                f"refresh() got lockmode={lockmode!r} and with_for_update={with_for_update!r}, which say the same. Pass with_for_update= alone."
            )
        lock = lock if lock is not None else lockmode
        if lock is not None and state.changes and has_version(obj):
            # a change that others have overtaken is not forgotten without a word by a lock, which is there to prevent that
            with self.no_autoflush:
                query = self.query(type(obj))
                options = dict(lock) if isinstance(lock, tuple) else {}
                locking = query.with_lockmode(lock) if isinstance(lock, str) else query.with_for_update(**options)
                locking.get(state.row_key)
        self._expire(obj, state, names)
        mapper = type(obj).__mapper__
        wanted = tuple(name for name, _ in mapper.column_attrs.items() if names is None or name in names)
        if wanted:
            refresh_columns(mapper, obj, state, wanted, lock)
        with self.no_autoflush:
            for name in eager_names(mapper, state) if names is None else names:
                if name in mapper.relationships and not mapper.relationships[name].is_dynamic:
                    mapper.relationships[name].attribute.read(obj)

    def _persistent_state(self, instance: object) -> InstanceState:
        state = instance_state(instance)
        if state.row_key is None or state.session is not self:
            raise InvalidRequestError(
                f"{describe(state.obj)} is not persistent within this Session, so it cannot be refreshed or expired."
            )
        return state

    # -- flush

    @property
    def no_autoflush(self) -> AbstractContextManager[Session]:
        """A context in which queries don't flush."""
        return self._without_autoflush()

    @contextmanager
    def _without_autoflush(self) -> Iterator[Session]:
        before, self.autoflush = self.autoflush, False
        try:
            yield self
        finally:
            self.autoflush = before

    @exclusive
    def plan_flush(self, objects: Iterable[Any] | None = None) -> FlushPlan:
        """Return the plan of the flush that :meth:`flush` would make now, without making it: ``print(session.plan_flush())``.

        The plan says for each step the operation, the table, the columns of an UPDATE, how many rows, and why it has its place. Nothing is
        written, and neither objects nor the Session change; what has to be known of deleted objects is loaded. Hooks are not called, so what a
        ``before_flush`` or a mapper's hook would change is not in the plan.

        :param objects: as for :meth:`flush`.
        :raises UnmappedInstanceError: when one of ``objects`` is no mapped object.
        :raises InvalidRequestError: within a flush.
        :raises FlushError: when a relationship leads out of the Session.
        :raises CircularDependencyError: when objects wait for each other, or rows exchange unique values that cannot be NULL.
        """
        chosen = self._chosen(objects, "plan_flush")
        with self.no_autoflush:
            self.objects.has_changes()
            return plan_flush(self, chosen)

    # -- what is inside

    @property
    def info(self) -> dict[Any, Any]:
        """Notes of the application about this Session; it reads none of them, and keeps them over ``close()``."""
        if self._info is None:
            self._info = {}
        return self._info

    @property
    def new(self) -> IdentitySet:
        """The pending objects."""
        return IdentitySet(self.objects.new.values())

    @property
    def dirty(self) -> IdentitySet:
        """The persistent objects that were changed (perhaps back again) and are not marked as deleted."""
        self.objects.has_changes()
        return IdentitySet(obj for state, obj in self.objects.modified.items() if state not in self.objects.deleted)

    @property
    def deleted(self) -> IdentitySet:
        """The objects that are marked as deleted."""
        return IdentitySet(self.objects.deleted.values())

    def is_modified(self, instance: object, include_collections: bool = True, passive: bool = False) -> bool:
        """Return True when an object has a net change.

        :param include_collections: False counts only what the object's own row holds: columns, and many-to-one relationships.
        :param passive: don't load collections that were changed from their other side and are not loaded; such a change counts then.
        :raises UnmappedInstanceError: when its class is not mapped.
        """
        return has_net_changes(instance, include_collections, passive)

    def __contains__(self, instance: object) -> bool:
        return instance_state(instance).session is self

    def __iter__(self) -> Iterator[Any]:
        return iter([*self.objects.new.values(), *self.identity_map.values()])

    @classmethod
    def identity_key(
        cls, class_: object = None, ident: object = None, *, instance: object = None, row: object = None
    ) -> IdentityKey:
        """Return the key of an object in the identity map, ``(class, values of the primary key)``.

        :param class_: a mapped class.
        :param ident: the primary key's value, or a tuple for a composite one.
        :param instance: a mapped object, in place of the two.
        :param row: a row with the columns of the primary key, in place of ``ident``.
        :raises ArgumentError: for neither, or a key with another number of values.
        :raises UnmappedClassError: when the class is not mapped.
        """
        if instance is not None:
            return object_mapper(instance).identity_key_from_instance(instance)
        if class_ is not None and row is not None:
            return class_mapper(class_).identity_key_from_row(row)
        if class_ is None or ident is None:
            raise ArgumentError("identity_key() takes a mapped class and a primary key, or instance= alone.")
        mapper = class_mapper(class_)
        return mapper.identity_key_from_primary_key(key_of(mapper, ident))

    @classmethod
    def object_session(cls, instance: object) -> Session | None:
        """Return the Session that an object is in, or None.

        :raises UnmappedInstanceError: when its class is not mapped.
        """
        return instance_state(instance).session
