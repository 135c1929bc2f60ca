"""Factories of Sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import MethodType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from flask_uow.orm.session.session import Session

if TYPE_CHECKING:
    from flask_uow.engine import Connection, Engine
    from flask_uow.orm.state.keys import IdentityKey

__all__ = ["create_session", "sessionmaker"]

S = TypeVar("S", bound=Session)


class _Begin:
    """``begin`` of a factory: of the class it opens a Session and a transaction, of a Session it is the method of that name."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __get__(self, session: Session | None, owner: Callable[[], Session]) -> Any:
        if session is not None:
            return MethodType(self._method, session)

        def begin() -> AbstractContextManager[Session]:
            """Open a Session and a transaction: ``with Maker.begin() as session:`` commits at the end, and closes."""
            return _begun(owner)

        return begin


@contextmanager
def _begun(make: Callable[[], Session]) -> Iterator[Session]:
    with make() as session, session.begin():
        yield session


if TYPE_CHECKING:

    class SessionFactory(Protocol[S]):
        """The result of :func:`sessionmaker`, to a type checker: a class whose objects are Sessions with these arguments."""

        kw: dict[str, Any]
        class_: type[S]

        def __call__(self, **given: Any) -> S: ...
        def begin(self) -> AbstractContextManager[S]: ...
        def configure(self, **changed: Any) -> None: ...
        def close_all(self) -> None: ...
        def object_session(self, instance: object) -> Session | None: ...
        def identity_key(
            self, class_: object = None, ident: object = None, *, instance: object = None
        ) -> IdentityKey: ...


@overload
def sessionmaker(
    bind: Engine | Connection | None = None,
    class_: None = None,
    autoflush: bool = True,
    autocommit: bool = False,
    expire_on_commit: bool = True,
    *,
    info: Mapping[Any, Any] | None = None,
    **kwargs: Any,
) -> SessionFactory[Session]: ...


@overload
def sessionmaker(
    bind: Engine | Connection | None = None,
    *,
    class_: type[S],
    autoflush: bool = True,
    autocommit: bool = False,
    expire_on_commit: bool = True,
    info: Mapping[Any, Any] | None = None,
    **kwargs: Any,
) -> SessionFactory[S]: ...


def sessionmaker(
    bind: Engine | Connection | None = None,
    class_: type[Session] | None = None,
    autoflush: bool = True,
    autocommit: bool = False,
    expire_on_commit: bool = True,
    *,
    info: Mapping[Any, Any] | None = None,
    **kwargs: Any,
) -> Any:
    """Return a subclass of Session whose objects are made with these arguments.

    Keywords given to the class itself override them; ``configure()`` changes them for all Sessions made afterwards. ``with Maker.begin() as
    session:`` opens a Session and a transaction, which is committed at the end.

    :param bind: see :class:`~flask_uow.orm.session.session.Session` for this and the others.
    :param class_: the class to derive from instead of Session.
    :param info: notes for each Session, to which those that are given to the class itself are added.
    """
    kwargs.update(bind=bind, autoflush=autoflush, autocommit=autocommit, expire_on_commit=expire_on_commit)
    if info is not None:
        kwargs["info"] = info
    base: type[Session] = class_ if class_ is not None else Session

    class ConfiguredSession(base):  # type: ignore[misc,valid-type]
        """A Session with configured arguments."""

        configured = kw = kwargs
        class_ = base
        begin: Any = _Begin(base.begin)

        def __init__(self, **given: Any) -> None:
            configured = type(self).configured
            if given.get("info") is not None and configured.get("info") is not None:
                given["info"] = {**configured["info"], **given["info"]}
            super().__init__(**{**configured, **given})

        @classmethod
        def configure(cls, **changed: Any) -> None:
            """Change the configured arguments, for Sessions made from now on."""
            if changed.get("info") is not None and cls.configured.get("info") is not None:
                changed["info"] = {**cls.configured["info"], **changed["info"]}
            cls.configured.update(changed)

    # as its base is called, which messages and reprs are to name
    ConfiguredSession.__name__ = ConfiguredSession.__qualname__ = base.__name__
    return ConfiguredSession


def create_session(bind: Engine | Connection | None = None, **kwargs: Any) -> Session:
    """Return a Session with the defaults turned round: autoflush and expire_on_commit are off, autocommit is on."""
    options = {"autoflush": False, "autocommit": True, "expire_on_commit": False, **kwargs}
    return Session(bind=bind, **options)
