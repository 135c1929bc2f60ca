"""The databases of an app as a whole: tables made, dropped and reflected, and what crashes have left settled, by bind key.

Called by the methods of the same names of flask_uow.web.extension.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from flask_uow.engine import Engine
from flask_uow.engine.atomic import prepare_database
from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.web.cli import NO_MODELS
from flask_uow.web.config import DEFAULT_BIND, unknown_bind
from flask_uow.web.scope import current_scope

if TYPE_CHECKING:
    from flask_uow.web.extension import UnitOfWork

__all__ = ["ALL_BINDS", "BindKeys", "chosen_keys", "create_tables", "drop_tables", "reflect_tables"]

ALL_BINDS = "__all__"

BindKeys = str | Collection[str] | Collection[str | None] | None


def chosen_keys(engines: Mapping[str | None, Engine], bind_key: BindKeys) -> list[str | None]:
    """Return bind keys, each once.

    :raises ArgumentError: for one that the app does not have, and for what is none.
    """
    if bind_key == ALL_BINDS:
        return list(engines)
    asked = [bind_key] if bind_key is None or isinstance(bind_key, str) else bind_key
    if not isinstance(asked, (list, tuple, set, frozenset)):
        raise ArgumentError(f"bind_key={bind_key!r}: a bind key, None or a list of them was expected.")
    chosen: dict[str | None, None] = {}
    for key in asked:
        if not (key is None or isinstance(key, str)) or key not in engines:
            raise ArgumentError(unknown_bind(engines, key))
        chosen[None if key == DEFAULT_BIND else key] = None
    return list(chosen)


def create_tables(db: UnitOfWork, bind_key: BindKeys) -> None:
    """Create the tables that do not exist yet; a log line tells when no table is known at all."""
    engines = db.engines
    keys = chosen_keys(engines, bind_key)
    if bind_key == ALL_BINDS and not any(db.metadatas[key].tables for key in keys):
        db.current_app().logger.warning(NO_MODELS.format("created"))
    for key in keys:
        db.metadatas[key].create_all(engines[key])
        if db.has_twophase():
            with engines[key].connect() as connection:
                prepare_database(connection)


def reflect_tables(db: UnitOfWork, bind_key: BindKeys) -> None:
    """Load the tables that ``db.metadatas`` does not have yet."""
    engines = db.engines
    for key in chosen_keys(engines, bind_key):
        db.metadatas[key].reflect(engines[key])


def drop_tables(db: UnitOfWork, bind_key: BindKeys) -> None:
    """Drop the tables.

    :raises InvalidRequestError: when a Session of the current scope is in a transaction there, which would block it for ever.
    """
    engines = db.engines
    for key in chosen_keys(engines, bind_key):
        _refuse_open_transaction(db, engines[key])
        db.metadatas[key].drop_all(engines[key])


def _refuse_open_transaction(db: UnitOfWork, engine: Engine) -> None:
    try:
        scope = current_scope(db)
    except InvalidRequestError:
        # outside of any scope there is no Session that could hold locks
        return
    for session in scope.sessions:
        transaction = session.transaction
        connection = transaction.participants.get(engine) if transaction is not None else None
        if connection is not None and connection.has_begun:
            name = scope.name_of(session)
            place = "db.session" if session is scope.session else f"db.get_session({name!r})"
            raise InvalidRequestError(
                f"drop_all() would wait for ever: {place} is in a transaction on {engine!r}, whose locks it needs."
                f" Call {place}.commit() or {place}.rollback() first."
            )
