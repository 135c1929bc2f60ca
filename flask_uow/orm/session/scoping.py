"""scoped_session: one Session for each scope (a thread, or whatever ``scopefunc`` names), behind one object."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from flask_uow.exc import ArgumentError, InvalidRequestError, UOWDeprecationWarning, did_you_mean
from flask_uow.orm.extensions import Hooks, hooks_of_class
from flask_uow.orm.mapping.classical import mapper as make_mapper
from flask_uow.orm.mapping.mapper import Mapper, class_mapper
from flask_uow.orm.query import Query
from flask_uow.orm.session.present_session import PresentSession
from flask_uow.orm.session.session import Session
from flask_uow.orm.session.session_registry import SessionRegistry

__all__ = ["ScopedSession", "SessionRegistry", "scoped_session"]

T = TypeVar("T")
if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    S = TypeVarWithDefault("S", bound=Session, default=Session)
else:
    # Python's own has a default from 3.13 on
    S = TypeVar("S", bound=Session)


class ScopedSession(PresentSession, Generic[S]):
    """Stands for the Session of the present scope; has every method and attribute of a Session.

    :param session_factory: makes Sessions: ``sessionmaker(...)``.
    :param scopefunc: returns a hashable that names the present scope; each thread is a scope when None.
    """

    def __init__(self, session_factory: Callable[..., S], scopefunc: Callable[[], Hashable] | None = None) -> None:
        self.session_factory = session_factory
        self.registry = SessionRegistry(session_factory, scopefunc)

    @property
    def event_hooks(self) -> Hooks:
        """The hooks of all its Sessions, to which ``event.listen(scoped_session, ...)`` adds.

        :raises InvalidRequestError: where it makes its Sessions by a function.
        """
        factory = self.session_factory
        if isinstance(factory, type):
            return hooks_of_class(factory)
        raise InvalidRequestError(
            f"this scoped_session makes its Sessions by {factory!r}, which is no class, so that nothing can listen to all of them. Listen to the"
            " sessionmaker() or to Session itself."
        )

    def __call__(self, **kwargs: Any) -> S:
        """Return the present scope's Session.

        :param kwargs: arguments of a Session that is made now.
        :raises InvalidRequestError: for arguments, when the scope has a Session already.
        """
        if kwargs:
            if self.registry.has():
                raise InvalidRequestError(
                    "the present scope has a Session already, so no arguments can be given. Call remove() first."
                )
            session: Any = self.session_factory(**kwargs)
            self.registry.set(session)
        else:
            session = self.registry()
        made: S = session
        return made

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

    def query_property(self, query_cls: Callable[..., Query[Any]] | None = None) -> _QueryProperty:
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


def _tie_to_scope(
    scoped: ScopedSession[Any], class_: type[Any], save_on_init: bool, validate: bool
) -> Callable[[], None]:
    """Give a class the ``__init__`` and ``query`` of :meth:`ScopedSession.mapper`; return what takes them back."""
    before = {name: vars(class_)[name] for name in ("__init__", "query") if name in vars(class_)}
    own: Any = class_.__init__
    has_own = own is not object.__init__

    def __init__(instance: object, *args: Any, **kwargs: Any) -> None:
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
    def __init__(self, session: ScopedSession[Any], query_cls: Callable[..., Query[Any]] | None) -> None:
        self._session = session
        self._query_cls = query_cls

    def __get__(self, obj: object, owner: type[T]) -> Query[T]:
        mapper = class_mapper(owner)
        session = self._session.registry()
        return self._query_cls(mapper, session=session) if self._query_cls is not None else session.query(owner)


# what programs call it, and annotate with: scoped_session[Session]
scoped_session = ScopedSession
