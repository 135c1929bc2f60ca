"""The base of types that are made in the database by a name, by themselves or along with tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask_uow.sql.interfaces import DDLBind

__all__ = ["HasSchema", "NamedType", "makers"]


class HasSchema(Protocol):
    """A MetaData, as types know it."""

    schema: str | None


class _Makers:
    """Holds the functions that create and drop such a type; :mod:`flask_uow.sql.ddl`, which stands above the types, fills it."""

    create: Callable[[DDLBind, Any, bool], None]
    drop: Callable[[DDLBind, Any, bool], None]


makers = _Makers()


class NamedType:
    """A type that the database knows by a name.

    :ivar create_type: False where others create and drop it, not the tables that have it.
    """

    create_type: bool = True

    def create(self, bind: DDLBind, checkfirst: bool = True) -> None:
        """Create the type in the database; on one without such types, do nothing.

        :param bind: an Engine or a Connection.
        :param checkfirst: leave one alone that exists.
        """
        makers.create(bind, self, checkfirst)

    def drop(self, bind: DDLBind, checkfirst: bool = True) -> None:
        """Drop the type; parameters as for :meth:`create`."""
        makers.drop(bind, self, checkfirst)
