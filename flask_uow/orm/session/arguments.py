"""The arguments of a Session and of its methods that are about other ones: checked, or put where they belong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from flask_uow.exc import ArgumentError
from flask_uow.orm.mapping.mapper import Mapper

if TYPE_CHECKING:
    from flask_uow.orm.query import Query
    from flask_uow.sql.typed import Statement

__all__ = [
    "MapperArgument", "Options", "OrmStatement", "check_arguments", "joined_arguments", "refuse_token",
]  # fmt: skip

Options = Mapping[str, Any] | None

#: the class whose engine is meant
MapperArgument = type[Any] | Mapper | None

#: what a Session executes
OrmStatement: TypeAlias = "Statement | Query[Any]"


def check_arguments(autobegin: bool, autocommit: bool, enable_baked_queries: bool, future: bool) -> None:
    """Refuse arguments of a Session that ask for nothing that there is.

    :raises ArgumentError: naming the one to leave out.
    """
    if not autobegin and autocommit:
        raise ArgumentError(
            "autobegin=False and autocommit=True: a Session in autocommit mode begins none by itself, and needs none either. Leave one of them out."
        )
    if enable_baked_queries:
        raise ArgumentError(
            "enable_baked_queries=True: there are no baked queries here; statements are compiled once without them. Leave it out."
        )
    if not future:
        raise ArgumentError(
            "future=False: a Session is of the newer kind only. Leave it out; autocommit=True is the older mode."
        )


def refuse_token(identity_token: object) -> None:
    """Refuse a token that tells shards apart.

    :raises ArgumentError: always, but for None.
    """
    if identity_token is not None:
        raise ArgumentError(
            f"identity_token={identity_token!r}: identities here have no token, since no class is spread over shards. Use a Session for each"
            " database, or binds= for classes that live in another one."
        )


def joined_arguments(
    mapper: MapperArgument, bind_arguments: Mapping[str, Any], kw: Mapping[str, Any]
) -> tuple[MapperArgument, dict[str, Any]]:
    """Return the mapper and all other arguments of ``get_bind()``.

    :raises ArgumentError: for a clause among them, or what is no mapping.
    """
    if not isinstance(bind_arguments, Mapping):
        raise ArgumentError(f"bind_arguments={bind_arguments!r}: a mapping was expected, such as {{'mapper': User}}.")
    if "clause" in bind_arguments:
        raise ArgumentError("bind_arguments= has a clause, which is the statement itself. Leave it out.")
    arguments = {**bind_arguments, **kw}
    chosen = arguments.pop("mapper", None)
    return (mapper if mapper is not None else chosen), arguments
