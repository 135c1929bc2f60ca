"""Factories of Sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import MethodType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from flask_uow.orm.session.session import Session

if TYPE_CHECKING:
    from flask_uow.engine import Connection, Engine
    from flask_uow.orm.state.keys import IdentityKey

__all__ = ["create_session", "sessionmaker"]

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    S_co = TypeVarWithDefault("S_co", bound=Session, covariant=True, default=Session)
else:
    # Python's own has a default from 3.13 on
    S_co = TypeVar("S_co", bound=Session, covariant=True)


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


class _MadeClasses(type):
    """Has ``isinstance(Maker, sessionmaker)`` tell the classes that it has made."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, type) and issubclass(instance, Session) and hasattr(instance, "configured")


if TYPE_CHECKING:

    class sessionmaker(Generic[S_co]):  # noqa: N801
        """Make a subclass of Session; to a type checker an object that makes Sessions."""

        kw: dict[str, Any]
        class_: type[S_co]

        @overload
        def __new__(
            cls,
            bind: Engine | Connection | None = None,
            class_: None = None,
            autoflush: bool = True,
            autocommit: bool = False,
            expire_on_commit: bool = True,
            *,
            info: Mapping[Any, Any] | None = None,
            **kwargs: Any,
        ) -> sessionmaker[Session]: ...
        @overload
        def __new__(
            cls,
            bind: Engine | Connection | None = None,
            *,
            class_: type[S_co],
            autoflush: bool = True,
            autocommit: bool = False,
            expire_on_commit: bool = True,
            info: Mapping[Any, Any] | None = None,
            **kwargs: Any,
        ) -> sessionmaker[S_co]: ...
        def __new__(cls, *args: Any, **kwargs: Any) -> Any: ...
        def __call__(self, **given: Any) -> S_co: ...
        def begin(self) -> AbstractContextManager[S_co]: ...
        def configure(self, **changed: Any) -> None: ...
        @staticmethod
        def close_all() -> None: ...
        @staticmethod
        def object_session(instance: object) -> Session | None: ...
        @staticmethod
        def identity_key(class_: object = None, ident: object = None, *, instance: object = None) -> IdentityKey: ...

else:

    class sessionmaker(Generic[S_co], metaclass=_MadeClasses):  # noqa: N801
        """Makes a subclass of Session whose objects are made with these arguments.

        Keywords given to the class itself override them; ``configure()`` changes them for all Sessions made afterwards. ``with Maker.begin() as
        session:`` opens a Session and a transaction, which is committed at the end. ``sessionmaker[MySession]`` is for annotations.

        :param bind: see :class:`~flask_uow.orm.session.session.Session` for this and the others.
        :param class_: the class to derive from instead of Session.
        :param info: notes for each Session, to which those that are given to the class itself are added.
        """

        def __new__(
            cls,
            bind: Engine | Connection | None = None,
            class_: type[Session] | None = None,
            autoflush: bool = True,
            autocommit: bool = False,
            expire_on_commit: bool = True,
            *,
            info: Mapping[Any, Any] | None = None,
            **kwargs: Any,
        ) -> type[Session]:
            kwargs.update(bind=bind, autoflush=autoflush, autocommit=autocommit, expire_on_commit=expire_on_commit)
            if info is not None:
                kwargs["info"] = info
            return _configured_class(class_ if class_ is not None else Session, kwargs)


def _configured_class(base: type[Session], configured_with: dict[str, Any]) -> type[Session]:
    class ConfiguredSession(base):  # type: ignore[misc,valid-type]
        """A Session with configured arguments."""

        configured = kw = configured_with
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
