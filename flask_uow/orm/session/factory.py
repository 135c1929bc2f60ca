"""Factories of Sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.orm.session.session import Session

if TYPE_CHECKING:
    from flask_uow.engine import Connection, Engine

__all__ = ["create_session", "sessionmaker"]


def sessionmaker(
    bind: Engine | Connection | None = None,
    class_: type[Session] | None = None,
    autoflush: bool = True,
    autocommit: bool = False,
    expire_on_commit: bool = True,
    **kwargs: Any,
) -> Any:
    """Return a subclass of Session whose objects are made with these arguments.

    Keywords given to the class itself override them; ``configure()`` changes them for all Sessions made afterwards.

    :param bind: see :class:`~flask_uow.orm.session.session.Session` for this and the others.
    :param class_: the class to derive from instead of Session.
    """
    kwargs.update(bind=bind, autoflush=autoflush, autocommit=autocommit, expire_on_commit=expire_on_commit)
    base: type[Session] = class_ if class_ is not None else Session

    class ConfiguredSession(base):  # type: ignore[misc,valid-type]
        """A Session with configured arguments."""

        configured = kwargs

        def __init__(self, **given: Any) -> None:
            super().__init__(**{**type(self).configured, **given})

        @classmethod
        def configure(cls, **changed: Any) -> None:
            """Change the configured arguments, for Sessions made from now on."""
            cls.configured.update(changed)

    ConfiguredSession.__name__ = ConfiguredSession.__qualname__ = base.__name__
    return ConfiguredSession


def create_session(bind: Engine | Connection | None = None, **kwargs: Any) -> Session:
    """Return a Session with the defaults turned round: autoflush and expire_on_commit are off, autocommit is on."""
    options = {"autoflush": False, "autocommit": True, "expire_on_commit": False, **kwargs}
    return Session(bind=bind, **options)
