"""Models of an extension: ``db.Model``, its defaults for table names and bind keys, and ``Model.query``.

The defaults are given to any declarative base, so that a base of the user's own (``model_class=``) has them as well.
Tables of each bind key have a MetaData of their own; it carries the key, from which the Session finds the engine.
"""

from __future__ import annotations

import inspect
import re
import types
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import current_app

from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.orm import DeclarativeBase
from flask_uow.orm.mapping.class_arguments import asks_each_class, declares_key, is_mapped
from flask_uow.orm.mapping.declarative import DeclarativeMeta
from flask_uow.orm.state.keys import identity_values
from flask_uow.orm.symbols import STATE
from flask_uow.sql import MetaData, Table
from flask_uow.web.query import with_helpers

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject

__all__ = ["MetaDatas", "add_defaults", "add_query", "add_repr", "make_model_class", "table_name_of"]


class MetaDatas(dict[str | None, MetaData]):
    """MetaData by bind key, each made when it is first asked for; the default bind's key is None.

    All have the naming convention of the default bind's.
    """

    def __missing__(self, key: str | None) -> MetaData:
        if key is not None and not isinstance(key, str):
            raise ArgumentError(f"a bind key is a string or None, got {key!r}. Name a key of UOW_BINDS.")
        convention = self[None].naming_convention if key is not None else None
        self[key] = metadata = MetaData(info={"bind_key": key}, naming_convention=convention)
        return metadata

    def where_is(self, key: str | None, table: str) -> str | None:
        """Return a hint about a statement that went to one bind and names a table of another one; None where no other one has it.

        :param key: the bind that the statement went to.
        :param table: the table's name, with its schema where it has one.
        """
        if table in self[key].tables:
            return None
        found = [other for other, metadata in self.items() if table in metadata.tables]
        if not found:
            return None
        return (
            f"The table {table!r} belongs to {_called(found[0])}, and the statement was sent to {_called(key)}: a statement goes to one"
            " database. Query each by itself and put the results together in Python. For SQL text, name a model of the bind:"
            " session.execute(sql, mapper=Model)."
        )


def _called(key: str | None) -> str:
    return "the default database" if key is None else f"the bind {key!r}"


class _Query:
    """``Model.query``: a Query of the model in the current scope's Session.

    Several extensions may share a base: the one that serves the current app counts, else the last one that was made.
    """

    def __init__(self, extension: object) -> None:
        self._last = extension
        self._others: weakref.WeakSet[Any] = weakref.WeakSet()
        self._is_shared = False

    def share(self, extension: object) -> None:
        """Let one more extension give its Sessions."""
        self._others.add(self._last)
        self._last = extension
        self._is_shared = True

    def __get__(self, instance: object, owner: type) -> Any:
        extension: Any = self._last
        # nearly always there is one extension, and the app need not be asked
        if self._is_shared and current_app:
            serving: Any = current_app.extensions.get("uow")
            if serving in self._others:
                extension = serving
        # a class may name the class of its queries, as an extension does
        own = getattr(owner, "query_class", None)
        return extension.session.query(owner) if own is None else with_helpers(own)(owner, extension.session())


def make_model_class(model_class: object, metadatas: MetaDatas, metadata: MetaData | None) -> type[DeclarativeBase]:
    """Return the declarative base that is to be ``db.Model``.

    :param model_class: one of the user's, whose MetaData is then that of the default bind; a plain class that a new one is to derive from; None.
    :param metadata: the MetaData of the default bind; a new one when None.
    :raises ArgumentError: for what is neither, and for a base that has another MetaData.
    """
    if metadata is not None and not isinstance(metadata, MetaData):
        raise ArgumentError(f"metadata={metadata!r} is no MetaData. Pass MetaData(...), or leave it out.")
    if model_class is not None and not (isinstance(model_class, type) and _is_plain(model_class)):
        raise ArgumentError(
            f"model_class={model_class!r} is no class for models. Write `class Base(DeclarativeBase): pass` and pass model_class=Base; a plain class of"
            " methods that all models are to have is taken as well."
        )
    if model_class is DeclarativeBase:
        raise ArgumentError(
            "model_class=DeclarativeBase is no base of models, but what bases derive from. Write `class Base(DeclarativeBase): pass` and"
            " pass model_class=Base."
        )
    if model_class is not None and issubclass(model_class, DeclarativeBase):
        if metadata is not None and metadata is not model_class.metadata:
            raise ArgumentError(
                f"metadata= is another MetaData than that of model_class={model_class.__name__}. Write `metadata = MetaData(...)` into the"
                " class, and leave out metadata=."
            )
        metadatas[None] = model_class.metadata
        return model_class
    if metadata is not None:
        metadatas[None] = metadata
    bases: tuple[Any, ...] = (DeclarativeBase,) if model_class is None else (model_class, DeclarativeBase)
    body = {"metadata": metadatas[None]}
    meta: Any = DeclarativeMeta
    if not issubclass(meta, type(bases[0])):
        # the plain class has a metaclass of its own, ABCMeta say
        meta = type("ModelMeta", (DeclarativeMeta, type(bases[0])), {})
    return types.new_class("Model", bases, {"metaclass": meta}, lambda namespace: namespace.update(body))


def _is_plain(class_: type) -> bool:
    """Return False for classes whose objects are something else already, as those of dict and Exception."""
    return all(base is object or base.__module__ != "builtins" for base in class_.__mro__)


def add_repr(base: type[DeclarativeBase]) -> None:
    """Give the classes that are derived from ``base`` a text that tells class and key, unless they have one of their own."""
    if base.__repr__ is object.__repr__:
        setattr(base, "__repr__", _describe)  # noqa: B010 (mypy forbids plain assignment)


def _describe(obj: MappedObject) -> str:
    """Return ``<User 5>``, of several columns ``<Seat 5, 'a'>``, before there is a row ``<User (transient 140...)>``. Loads nothing."""
    state = obj.__dict__.get(STATE)
    if state is None or state.row_key is None:
        return f"<{type(obj).__name__} ({'transient' if state is None else state.status} {id(obj)})>"
    # of the state, since reading an attribute may load it
    key = identity_values(state.row_key)
    return f"<{type(obj).__name__} {', '.join(map(repr, key))}>"


def add_query(base: type[DeclarativeBase], extension: object) -> None:
    """Give each class that is derived from ``base`` the attribute ``query``, unless the base has one of its own.

    :param extension: the UnitOfWork whose ``session`` is used.
    """
    found = inspect.getattr_static(base, "query", None)
    if isinstance(found, _Query):
        found.share(extension)
    elif found is None:
        setattr(base, "query", _Query(extension))  # noqa: B010 (mypy does not know the attribute)


def add_defaults(base: type[DeclarativeBase], metadatas: MetaDatas, names: bool) -> None:
    """Give each class that will be derived from ``base`` the MetaData of its ``__bind_key__`` and, with ``names``, a table name.

    Without ``names`` a class that ought to have a table and names none is refused.
    The tables of classes that name a bind key and were there before the extension come into its MetaData as well.
    """
    for mapper in base.registry.mappers:
        table, bind_key = mapper.local_table, getattr(mapper.class_, "__bind_key__", None)
        if bind_key is not None and isinstance(table, Table) and table.metadata is base.metadata:
            table.move_to(metadatas[bind_key])
    own: Any = base.before_mapping
    call_own: Callable[[type[DeclarativeBase]], None] = own.__func__

    def before_mapping(cls: type[DeclarativeBase]) -> None:
        _choose_metadata(cls, metadatas)
        _choose_table_name(cls, names)
        call_own(cls)

    setattr(base, "before_mapping", classmethod(before_mapping))  # noqa: B010 (mypy forbids plain assignment)


def table_name_of(class_name: str) -> str:
    """Return the default table name of a class.

    >>> table_name_of("AuditEntry"), table_name_of("HTTPRequest"), table_name_of("User2FA")
    ('audit_entry', 'http_request', 'user2_fa')
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name)
    return words.lower()


def _choose_metadata(cls: type[DeclarativeBase], metadatas: MetaDatas) -> None:
    bind_key = getattr(cls, "__bind_key__", None)
    # a table that is given as one has its MetaData already
    table = vars(cls).get("__table__")
    if bind_key is not None and table is None and "metadata" not in vars(cls):
        cls.metadata = metadatas[bind_key]


def _choose_table_name(cls: type[DeclarativeBase], names: bool) -> None:
    if "__table__" in vars(cls) or "__tablename__" in vars(cls) or asks_each_class(cls, "__tablename__"):
        return
    parent = next((base for base in cls.__mro__[1:] if is_mapped(base)), None)
    if parent is not None:
        # a subclass with a key of its own has a table of its own; one without lives in its parent's table
        if not declares_key(cls, parent):
            return
    elif getattr(cls, "__tablename__", None) is not None:
        return
    if not names:
        raise InvalidRequestError(
            f"{cls.__name__} has no table: it names none, and disable_autonaming=True leaves it without a default. Write __tablename__ = ..."
            " or __table__ = ... into the class, or __abstract__ = True."
        )
    cls.__tablename__ = table_name_of(cls.__name__)
