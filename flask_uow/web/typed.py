"""The types, for checkers, of the models and the Session of a Flask app: the queries that ``Model.query`` and ``db.session.query()`` make.

Never imported at run time.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar, overload

from flask_uow.engine.rows import TypedRow
from flask_uow.orm import DeclarativeBase as OrmBase
from flask_uow.orm import ScopedSession, Session
from flask_uow.sql import ColumnElement
from flask_uow.sql.typed import T0, T1, T2, T3, T4, T5, T6, T7, Item
from flask_uow.web.query import Query

__all__ = ["DeclarativeBase", "ModelAttribute", "QueryingSession"]

T = TypeVar("T")


class _QueryOfClass:
    def __get__(self, instance: object | None, owner: type[T]) -> Query[T]:
        raise NotImplementedError


class DeclarativeBase(OrmBase):
    """``flask_uow.DeclarativeBase``, and what a UnitOfWork gives to the base of its models."""

    __abstract__ = True
    query: ClassVar[_QueryOfClass]


class ModelAttribute:
    """``db.Model``, a base of typed models. mypy takes no attribute of an object as a base class: ``model_class=`` is for its users."""

    Model: type[DeclarativeBase]


class QueryingSession(ScopedSession[Session]):
    """``db.session``, whose queries are those of a Flask app."""

    @overload
    def query(self, entity: type[T0], /) -> Query[T0]: ...

    @overload
    def query(self, column: ColumnElement[T0], /) -> Query[TypedRow[T0]]: ...

    @overload
    def query(self, a: Item[T0], b: Item[T1], /) -> Query[TypedRow[T0, T1]]: ...

    @overload
    def query(self, a: Item[T0], b: Item[T1], c: Item[T2], /) -> Query[TypedRow[T0, T1, T2]]: ...

    @overload
    def query(self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], /) -> Query[TypedRow[T0, T1, T2, T3]]: ...

    @overload
    def query(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], /
    ) -> Query[TypedRow[T0, T1, T2, T3, T4]]: ...

    @overload
    def query(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], /
    ) -> Query[TypedRow[T0, T1, T2, T3, T4, T5]]: ...

    @overload
    def query(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], g: Item[T6], /
    ) -> Query[TypedRow[T0, T1, T2, T3, T4, T5, T6]]: ...

    @overload
    def query(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], g: Item[T6], h: Item[T7], /
    ) -> Query[TypedRow[T0, T1, T2, T3, T4, T5, T6, T7]]: ...

    @overload
    def query(self, *entities: Any, **kwargs: Any) -> Query[Any]: ...

    # the base class's are in this order, too; its queries are of another class, which those of an app derive from
    def query(self, *entities: Any, **kwargs: Any) -> Query[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        raise NotImplementedError
