"""Hooks that users give to a Session (:class:`SessionExtension`) and to a mapper (:class:`MapperExtension`).

The Session, its transaction and the flush ask :class:`Hooks` which extensions have overridden a hook, and what listens to an event of that name
(:mod:`flask_uow.orm.events`), so that a hook that nobody uses costs a look at an empty tuple.
"""

from __future__ import annotations

import enum
import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from flask_uow.exc import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_uow.engine import Connection
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.query import Query
    from flask_uow.orm.session.session import Session
    from flask_uow.orm.session.transaction import SessionTransaction
    from flask_uow.sql.dml_statement import DMLStatement

__all__ = [
    "EXT_CONTINUE",
    "EXT_STOP",
    "MAPPER_EVENTS",
    "SESSION_EVENTS",
    "FlushContext",
    "Hooks",
    "MapperExtension",
    "SessionExtension",
    "hooks_of_class",
    "session_hooks",
]


class _Answer(enum.Enum):
    CONTINUE = "EXT_CONTINUE"
    STOP = "EXT_STOP"


EXT_CONTINUE: Final = _Answer.CONTINUE
EXT_STOP: Final = _Answer.STOP


class FlushContext:
    """A flush, as extensions see it.

    :ivar session: the Session.
    :ivar objects: the objects that the flush is restricted to, None for all.
    :ivar new: the objects to be inserted; empty until ``before_flush`` has returned, like the two others.
    :ivar dirty: the objects to be updated if they have a net change.
    :ivar deleted: the objects to be deleted, those that a cascade found included.
    """

    def __init__(self, session: Session, objects: tuple[Any, ...] | None) -> None:
        self.session = session
        self.objects = objects
        self._work: Callable[[], tuple[tuple[Any, ...], ...]] | None = None

    def begin(self, work: Callable[[], tuple[tuple[Any, ...], ...]]) -> None:
        """Take what is written: a function that returns the new, changed and deleted objects."""
        self._work = work

    @property
    def new(self) -> tuple[Any, ...]:
        return self._part(0)

    @property
    def dirty(self) -> tuple[Any, ...]:
        return self._part(1)

    @property
    def deleted(self) -> tuple[Any, ...]:
        return self._part(2)

    def _part(self, number: int) -> tuple[Any, ...]:
        # worked out when it is asked for: most flushes have nobody who does
        return () if self._work is None else self._work()[number]


class SessionExtension:
    """Hooks around the work of a Session; derive from it, and give ``Session(extension=...)`` one or a list.

    An error in a hook ends the operation it belongs to, like any error there.
    """

    def before_commit(self, session: Session) -> None:
        """Called before the flush of a commit, also of a SAVEPOINT's; may still change objects."""

    def after_commit(self, session: Session) -> None:
        """Called after a commit, also of a SAVEPOINT. The transaction has ended, and SQL begins the next one.

        The objects still have the values that were committed, and expire afterwards, but for those that the hook changes.
        """

    def after_rollback(self, session: Session) -> None:
        """Called after the database rolled back, also to a SAVEPOINT; the objects are as they were before."""

    def before_flush(self, session: Session, flush_context: FlushContext, instances: Sequence[Any] | None) -> None:
        """Called before a flush works out what to do; may still change objects.

        :param instances: the objects given to ``flush(objects)``, or None.
        """

    def after_flush(self, session: Session, flush_context: FlushContext) -> None:
        """Called when the SQL of a flush was sent; ``new``, ``dirty``, ``deleted`` and histories are still those of before."""

    def after_flush_postexec(self, session: Session, flush_context: FlushContext) -> None:
        """Called at the end of a flush, when objects and Session are in their final state."""

    def after_begin(self, session: Session, transaction: SessionTransaction, connection: Connection) -> None:
        """Called when a transaction (or a SAVEPOINT) has begun on a connection.

        :param transaction: the :class:`SessionTransaction`.
        """

    def after_attach(self, session: Session, instance: Any) -> None:
        """Called when an object was put into the Session by ``add()``, ``merge()``, ``delete()`` or a cascade."""

    def after_bulk_update(self, session: Session, query: Query[Any], query_context: DMLStatement, result: Any) -> None:
        """Called after ``query.update()``.

        :param query_context: the UPDATE statement that was executed.
        :param result: its :class:`Result`, with ``rowcount``.
        """

    def after_bulk_delete(self, session: Session, query: Query[Any], query_context: DMLStatement, result: Any) -> None:
        """Called after ``query.delete()``; parameters as for :meth:`after_bulk_update`, with the DELETE statement."""


class MapperExtension:
    """Hooks around mapped objects and their rows; derive from it, and give ``mapper(extension=...)`` one or a list.

    Those around INSERT, UPDATE and DELETE are called within a flush: they may set column attributes of ``instance`` and execute SQL on ``connection``, but
    changes to other objects wait for the next flush. A hook that returns ``EXT_STOP`` keeps those of later extensions from being
    called; ``EXT_CONTINUE``, or nothing, lets them.
    """

    def instrument_class(self, mapper: Mapper, class_: type) -> Any:
        """Called once when a class, or a subclass of it, has been mapped and its columns are tracked; its relationships are not yet."""

    def init_instance(
        self,
        mapper: Mapper,
        class_: type,
        oldinit: Callable[..., Any],
        instance: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Called before ``__init__`` when an object is made, not when one is loaded.

        :param oldinit: the ``__init__`` of the class.
        :param args: what it is called with; a change to ``kwargs`` is not passed on.
        """

    def init_failed(
        self,
        mapper: Mapper,
        class_: type,
        oldinit: Callable[..., Any],
        instance: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Called when ``__init__`` has raised; the error goes on its way afterwards. Parameters as for :meth:`init_instance`."""

    def reconstruct_instance(self, mapper: Mapper, instance: Any) -> Any:
        """Called when an object was loaded, after the method that is marked with ``@reconstructor``."""

    def before_insert(self, mapper: Mapper, connection: Connection, instance: Any) -> Any:
        """Called before an object is inserted."""

    def after_insert(self, mapper: Mapper, connection: Connection, instance: Any) -> Any:
        """Called after an object was inserted."""

    def before_update(self, mapper: Mapper, connection: Connection, instance: Any) -> Any:
        """Called before a changed object is updated, also when it turns out to have no net change."""

    def after_update(self, mapper: Mapper, connection: Connection, instance: Any) -> Any:
        """Called after a changed object was updated, also when it had no net change."""

    def before_delete(self, mapper: Mapper, connection: Connection, instance: Any) -> Any:
        """Called before an object is deleted."""

    def after_delete(self, mapper: Mapper, connection: Connection, instance: Any) -> Any:
        """Called after an object was deleted."""


class Hooks:
    """The hooks of several extensions, and of what listens to events, by name: ``hooks.before_flush`` is a tuple of functions.

    :param base: the class that names the hooks.
    :param given: an extension, several, or None.
    :param events: further names of hooks, of events that extensions have no method for.
    :param parents: hooks that come before these: of the class of a Session, of a parent's mapper.
    :raises ArgumentError: for something that is no extension.
    """

    @classmethod
    def of(cls, base: type, given: Any) -> Hooks:
        """Return hooks made before, or new ones of what is given."""
        return given if isinstance(given, Hooks) else cls(base, given)

    def __init__(self, base: type, given: Any, events: tuple[str, ...] = (), parents: tuple[Hooks, ...] = ()) -> None:
        extensions: Iterable[Any] = () if given is None else given if isinstance(given, (list, tuple)) else (given,)
        self.extensions = tuple(extensions)
        for extension in self.extensions:
            if not isinstance(extension, base):
                what = f"the class {extension.__name__} itself" if isinstance(extension, type) else repr(extension)
                raise ArgumentError(f"extension= takes objects of subclasses of {base.__name__}, got {what}.")
        self.base = base
        self.names = (*(name for name in vars(base) if not name.startswith("_")), *events)
        self.parents = parents
        self.listeners: dict[str, tuple[Callable[..., Any], ...]] = {}
        # what event.listen() was given, by the name of the event
        self.registered: dict[str, list[Any]] = {}
        self._by_name: dict[str, tuple[Callable[..., Any], ...]] = {}
        # what takes part in these hooks, and has to be told when they change
        self._heirs: weakref.WeakSet[Hooks] = weakref.WeakSet()
        for parent in parents:
            parent._heirs.add(self)
        self.renew()

    def renew(self) -> None:
        """Work the tuples out anew, after listeners have come or gone."""
        for name in self.names:
            original = getattr(self.base, name, None)
            own = [
                getattr(e, name)
                for e in self.extensions
                if original is not None and (getattr(type(e), name) is not original or name in vars(e))
            ]
            inherited = [hook for parent in self.parents for hook in getattr(parent, name)]
            self._by_name[name] = (*inherited, *own, *self.listeners.get(name, ()))
        # into the __dict__, so that a hook which nobody has costs no more than reading an attribute
        vars(self).update(self._by_name)
        for heir in self._heirs:
            heir.renew()

    def listen(self, name: str, calls: Iterable[Callable[..., Any]]) -> None:
        """Take the functions that listen to an event in place of those that did."""
        self.listeners[name] = tuple(calls)
        self.renew()

    def __getattr__(self, name: str) -> tuple[Callable[..., Any], ...]:
        # for type checkers: every hook is in the __dict__
        raise AttributeError(f"there is no hook {name!r}. There are: {', '.join(self._by_name)}.")

    def __bool__(self) -> bool:
        return any(self._by_name.values())

    def any_of(self, *names: str) -> bool:
        """Return True when one of these hooks has a function."""
        return any(self._by_name[name] for name in names)

    def call(self, name: str, *arguments: Any) -> None:
        """Call a hook of all extensions, in order, until one answers ``EXT_STOP``."""
        for hook in self._by_name[name]:
            if hook(*arguments) is EXT_STOP:
                break


# events of Sessions that SessionExtension has no method for
SESSION_EVENTS = (
    "before_attach", "after_soft_rollback", "after_transaction_create", "after_transaction_end", "do_orm_execute", "transient_to_pending",
    "pending_to_transient", "pending_to_persistent", "persistent_to_transient", "detached_to_persistent", "persistent_to_detached",
    "persistent_to_deleted", "deleted_to_persistent", "deleted_to_detached", "loaded_as_persistent",
)  # fmt: skip
# events of mapped classes that MapperExtension has no method for
MAPPER_EVENTS = (
    "before_mapper_configured", "mapper_configured", "expire", "refresh", "refresh_flush", "pickle", "unpickle",
)  # fmt: skip


def hooks_of_class(cls: type) -> Hooks:
    """Return the hooks of all Sessions of a class: of events that were listened to on the class, or on one that it derives from."""
    found: Hooks | None = vars(cls).get("__uow_hooks__")
    if found is None:
        bases = [base for base in cls.__mro__[1:] if "__uow_hooks__" in vars(base) or hasattr(base, "object_session")]
        parents = (hooks_of_class(bases[0]),) if bases else ()
        found = Hooks(SessionExtension, None, SESSION_EVENTS, parents)
        setattr(cls, "__uow_hooks__", found)  # noqa: B010 - of whatever class
    return found


def session_hooks(cls: type, extension: Any) -> Hooks:
    """Return the hooks of a Session: those that were made before, those of its class where it has no extensions, else its own."""
    if isinstance(extension, Hooks):
        return extension
    of_class = hooks_of_class(cls)
    return of_class if extension is None else Hooks(SessionExtension, extension, SESSION_EVENTS, (of_class,))
