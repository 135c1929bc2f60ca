"""scoped_session: one Session for each scope (a thread, or whatever ``scopefunc`` names), behind one object."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, overload

from flask_uow.engine import Connection, Result, ScalarResult
from flask_uow.exc import ArgumentError, InvalidRequestError, UOWDeprecationWarning, did_you_mean
from flask_uow.orm.dml.bulk import Progress
from flask_uow.orm.flush.plan import FlushPlan
from flask_uow.orm.mapping.classical import mapper as make_mapper
from flask_uow.orm.mapping.mapper import Mapper, class_mapper
from flask_uow.orm.query import Query
from flask_uow.orm.session.session import Session
from flask_uow.orm.session.transaction import SessionTransaction

__all__ = ["ScopedSession", "SessionRegistry", "scoped_session"]

T = TypeVar("T")


class SessionRegistry:
    """Sessions by scope.

    :param create: makes a Session.
    :param scopefunc: returns the present scope's key; the thread is the scope when None.
    """

    def __init__(self, create: Callable[[], Session], scopefunc: Callable[[], Hashable] | None) -> None:
        self._create = create
        self._scopefunc = scopefunc
        self._local = threading.local()
        self._sessions: dict[Hashable, Session] = {}

    def __call__(self) -> Session:
        """Return the Session of the present scope, made at first use."""
        if self._scopefunc is None:
            try:
                session: Session = self._local.session
                return session
            except AttributeError:
                session = self._local.session = self._create()
                return session
        key = self._scopefunc()
        found = self._sessions.get(key)
        if found is None:
            found = self._sessions[key] = self._create()
        return found

    def has(self) -> bool:
        """Return True when the present scope has a Session."""
        if self._scopefunc is None:
            return hasattr(self._local, "session")
        return self._scopefunc() in self._sessions

    def set(self, session: Session) -> None:
        """Make ``session`` the Session of the present scope."""
        if self._scopefunc is None:
            self._local.session = session
        else:
            self._sessions[self._scopefunc()] = session

    def clear(self) -> None:
        """Forget the Session of the present scope."""
        if self._scopefunc is None:
            self._local.__dict__.pop("session", None)
        else:
            self._sessions.pop(self._scopefunc(), None)

    def take(self, key: Hashable) -> Session | None:
        """Forget the Session of a scope that is given by its key, and return it."""
        return self._sessions.pop(key, None)


class ScopedSession:
    """Stands for the Session of the present scope; has every method and attribute of a Session.

    :param session_factory: makes Sessions: ``sessionmaker(...)``.
    :param scopefunc: returns a hashable that names the present scope; each thread is a scope when None.
    """

    def __init__(
        self, session_factory: Callable[..., Session], scopefunc: Callable[[], Hashable] | None = None
    ) -> None:
        self.session_factory = session_factory
        self.registry = SessionRegistry(session_factory, scopefunc)

    def __call__(self, **kwargs: Any) -> Session:
        """Return the present scope's Session.

        :param kwargs: arguments of a Session that is made now.
        :raises InvalidRequestError: for arguments, when the scope has a Session already.
        """
        if kwargs:
            if self.registry.has():
                raise InvalidRequestError(
                    "the present scope has a Session already, so no arguments can be given. Call remove() first."
                )
            session = self.session_factory(**kwargs)
            self.registry.set(session)
            return session
        return self.registry()

    def remove(self) -> None:
        """Close the present scope's Session, if there is one, and forget it."""
        if self.registry.has():
            try:
                self.registry().close()
            finally:
                self.registry.clear()

    def configure(self, **kwargs: Any) -> None:
        """Change the arguments of Sessions that are made from now on.

        :raises InvalidRequestError: when the factory cannot be configured.
        """
        configure = getattr(self.session_factory, "configure", None)
        if configure is None:
            raise InvalidRequestError("this session factory cannot be configured. Make it with sessionmaker().")
        configure(**kwargs)

    def query_property(self, query_cls: Callable[..., Query[Any]] | None = None) -> Any:
        """Return a class attribute that makes a Query of the class it is read from: ``User.query.filter(...)``.

        :param query_cls: makes the query, called with the mapper and ``session=``; the Session's own class when None.
        """
        return _QueryProperty(self, query_cls)

    def mapper(
        self, class_: type, *args: Any, save_on_init: bool = True, validate: bool = False, **kwargs: Any
    ) -> Mapper:
        """Map a class, and tie it to this ScopedSession. Deprecated: add objects explicitly, and use :meth:`query_property`.

        New objects are put into the present scope's Session as they are made, and ``class_.query`` is a query of the class. A class without an
        ``__init__`` of its own gets one that takes attributes as keywords.

        :param args: as for :func:`~flask_uow.orm.mapping.mapper.mapper`, ``kwargs`` too.
        :param save_on_init: put new objects into the Session.
        :param validate: let the ``__init__`` that a class gets refuse keywords that are no mapped attributes.
        """
        warnings.warn(
            "ScopedSession.mapper() is deprecated. Use mapper(), add new objects with session.add(), and write query = Session.query_property()"
            " in the class.",
            UOWDeprecationWarning,
            stacklevel=2,
        )
        undo = _tie_to_scope(self, class_, save_on_init, validate)
        try:
            made: Mapper = make_mapper(class_, *args, **kwargs)
        except BaseException:
            undo()
            raise
        made.when_disposed.append(undo)
        return made

    # -- every method of Session, typed

    def add(self, instance: object) -> None:
        """See :meth:`Session.add`."""
        self.registry().add(instance)

    def add_all(self, instances: Iterable[Any]) -> None:
        """See :meth:`Session.add_all`."""
        self.registry().add_all(instances)

    def merge(self, instance: T, load: bool = True, **kw: Any) -> T:
        """See :meth:`Session.merge`."""
        return self.registry().merge(instance, load, **kw)

    def delete(self, instance: object) -> None:
        """See :meth:`Session.delete`."""
        self.registry().delete(instance)

    def flush(self, objects: Iterable[Any] | None = None) -> None:
        """See :meth:`Session.flush`."""
        self.registry().flush(objects)

    def plan_flush(self, objects: Iterable[Any] | None = None) -> FlushPlan:
        """See :meth:`Session.plan_flush`."""
        return self.registry().plan_flush(objects)

    def prepare(self) -> None:
        """See :meth:`Session.prepare`."""
        self.registry().prepare()

    def commit(self) -> None:
        """See :meth:`Session.commit`."""
        self.registry().commit()

    def rollback(self) -> None:
        """See :meth:`Session.rollback`."""
        self.registry().rollback()

    def begin(self, subtransactions: bool = False, nested: bool = False) -> SessionTransaction:
        """See :meth:`Session.begin`."""
        return self.registry().begin(subtransactions, nested)

    def begin_nested(self) -> SessionTransaction:
        """See :meth:`Session.begin_nested`."""
        return self.registry().begin_nested()

    def close(self) -> None:
        """See :meth:`Session.close`."""
        self.registry().close()

    def connection(self, mapper: Any = None, clause: Any = None, **kw: Any) -> Connection:
        """See :meth:`Session.connection`."""
        return self.registry().connection(mapper, clause, **kw)

    def get_bind(self, mapper: Any = None, clause: Any = None, **kw: Any) -> Any:
        """See :meth:`Session.get_bind`."""
        return self.registry().get_bind(mapper, clause, **kw)

    def bind_mapper(self, mapper: Any, bind: Any) -> None:
        """See :meth:`Session.bind_mapper`."""
        self.registry().bind_mapper(mapper, bind)

    def bind_table(self, table: Any, bind: Any) -> None:
        """See :meth:`Session.bind_table`."""
        self.registry().bind_table(table, bind)

    def execute(self, clause: Any, params: Any = None, mapper: Any = None, **kw: Any) -> Result:
        """See :meth:`Session.execute`."""
        return self.registry().execute(clause, params, mapper, **kw)

    def scalar(self, clause: Any, params: Any = None, mapper: Any = None, **kw: Any) -> Any:
        """See :meth:`Session.scalar`."""
        return self.registry().scalar(clause, params, mapper, **kw)

    def scalars(self, clause: Any, params: Any = None, mapper: Any = None, **kw: Any) -> ScalarResult:
        """See :meth:`Session.scalars`."""
        return self.registry().scalars(clause, params, mapper, **kw)

    @overload
    def query(self, entity: type[T], /) -> Query[T]: ...

    @overload
    def query(self, *entities: Any, **kwargs: Any) -> Query[Any]: ...

    def query(self, *entities: Any, **kwargs: Any) -> Query[Any]:
        """See :meth:`Session.query`."""
        return self.registry().query(*entities, **kwargs)

    def get(
        self,
        entity: type[T],
        ident: Any,
        options: Any = (),
        populate_existing: bool = False,
        with_for_update: bool | Mapping[str, Any] = False,
    ) -> T | None:
        """See :meth:`Session.get`."""
        session = self.registry()
        if options or populate_existing or with_for_update:
            return session.get(
                entity, ident, options=options, populate_existing=populate_existing, with_for_update=with_for_update
            )
        return session.get(entity, ident)

    def get_one(
        self,
        entity: type[T],
        ident: Any,
        options: Any = (),
        populate_existing: bool = False,
        with_for_update: bool | Mapping[str, Any] = False,
    ) -> T:
        """See :meth:`Session.get_one`."""
        return self.registry().get_one(entity, ident, options, populate_existing, with_for_update)

    def bulk_insert(
        self, entity: type, rows: Iterable[Any], *, return_keys: bool = False, progress: Progress | None = None
    ) -> Any:
        """See :meth:`Session.bulk_insert`."""
        return self.registry().bulk_insert(entity, rows, return_keys=return_keys, progress=progress)

    def bulk_update(self, entity: type, rows: Iterable[Any], *, progress: Progress | None = None) -> int:
        """See :meth:`Session.bulk_update`."""
        return self.registry().bulk_update(entity, rows, progress=progress)

    def copy_from(
        self,
        entity: type,
        rows: Iterable[Any],
        *,
        columns: Sequence[Any] | None = None,
        progress: Progress | None = None,
    ) -> int:
        """See :meth:`Session.copy_from`."""
        return self.registry().copy_from(entity, rows, columns=columns, progress=progress)

    def expire(self, instance: object, attribute_names: Iterable[str] | None = None) -> None:
        """See :meth:`Session.expire`."""
        self.registry().expire(instance, attribute_names)

    def expire_all(self) -> None:
        """See :meth:`Session.expire_all`."""
        self.registry().expire_all()

    def refresh(
        self, instance: object, attribute_names: Iterable[str] | None = None, lockmode: str | None = None
    ) -> None:
        """See :meth:`Session.refresh`."""
        self.registry().refresh(instance, attribute_names, lockmode)

    def expunge(self, instance: object) -> None:
        """See :meth:`Session.expunge`."""
        self.registry().expunge(instance)

    def expunge_all(self) -> None:
        """See :meth:`Session.expunge_all`."""
        self.registry().expunge_all()

    def prune(self) -> int:
        """See :meth:`Session.prune`."""
        return self.registry().prune()

    def is_modified(self, instance: object, include_collections: bool = True, passive: bool = False) -> bool:
        """See :meth:`Session.is_modified`."""
        return self.registry().is_modified(instance, include_collections, passive)

    @staticmethod
    def close_all() -> None:
        """See :meth:`Session.close_all`."""
        Session.close_all()

    @staticmethod
    def object_session(instance: object) -> Session | None:
        """See :meth:`Session.object_session`."""
        return Session.object_session(instance)

    @property
    def new(self) -> Any:
        """See :attr:`Session.new`."""
        return self.registry().new

    @property
    def dirty(self) -> Any:
        """See :attr:`Session.dirty`."""
        return self.registry().dirty

    @property
    def deleted(self) -> Any:
        """See :attr:`Session.deleted`."""
        return self.registry().deleted

    @property
    def identity_map(self) -> Any:
        """See :attr:`Session.identity_map`."""
        return self.registry().identity_map

    def in_transaction(self) -> bool:
        """See :meth:`Session.in_transaction`."""
        return self.registry().in_transaction()

    def in_nested_transaction(self) -> bool:
        """See :meth:`Session.in_nested_transaction`."""
        return self.registry().in_nested_transaction()

    @property
    def info(self) -> dict[Any, Any]:
        """See :attr:`Session.info`."""
        return self.registry().info

    @property
    def is_active(self) -> bool:
        """See :attr:`Session.is_active`."""
        return self.registry().is_active

    @property
    def transaction(self) -> Any:
        """See :attr:`Session.transaction`."""
        return self.registry().transaction

    @property
    def no_autoflush(self) -> Any:
        """See :attr:`Session.no_autoflush`."""
        return self.registry().no_autoflush

    @property
    def bind(self) -> Any:
        """See :attr:`Session.bind`."""
        return self.registry().bind

    @property
    def autoflush(self) -> bool:
        """Whether the present Session flushes before each query."""
        return self.registry().autoflush

    @autoflush.setter
    def autoflush(self, value: bool) -> None:
        self.registry().autoflush = value

    def __contains__(self, instance: object) -> bool:
        return instance in self.registry()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.registry())


def _tie_to_scope(scoped: ScopedSession, class_: type[Any], save_on_init: bool, validate: bool) -> Callable[[], None]:
    """Give a class the ``__init__`` and ``query`` of :meth:`ScopedSession.mapper`; return what takes them back."""
    before = {name: vars(class_)[name] for name in ("__init__", "query") if name in vars(class_)}
    own: Any = class_.__init__
    has_own = own is not object.__init__

    def __init__(instance: Any, *args: Any, **kwargs: Any) -> None:
        if save_on_init:
            scoped.add(instance)
        if has_own:
            own(instance, *args, **kwargs)
            return
        names = class_mapper(type(instance)).attribute_names
        for name, value in kwargs.items():
            if validate and name not in names:
                raise ArgumentError(
                    f"{type(instance).__name__} has no mapped attribute {name!r}.{did_you_mean(name, names)}"
                )
            setattr(instance, name, value)

    class_.__init__ = __init__
    if "query" not in before:
        class_.query = scoped.query_property()

    def undo() -> None:
        for name in ("__init__", "query"):
            if name in before:
                setattr(class_, name, before[name])
            elif name in vars(class_):
                delattr(class_, name)

    return undo


class _QueryProperty:
    def __init__(self, session: ScopedSession, query_cls: Callable[..., Query[Any]] | None) -> None:
        self._session = session
        self._query_cls = query_cls

    def __get__(self, obj: object, owner: type) -> Query[Any]:
        mapper = class_mapper(owner)
        session = self._session.registry()
        return self._query_cls(mapper, session=session) if self._query_cls is not None else session.query(owner)


def scoped_session(
    session_factory: Callable[..., Session], scopefunc: Callable[[], Hashable] | None = None
) -> ScopedSession:
    """Return a :class:`ScopedSession`; parameters as there."""
    return ScopedSession(session_factory, scopefunc)
