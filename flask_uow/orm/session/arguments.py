"""The arguments of a Session and of its methods that are about other ones: checked, or put where they belong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from flask_uow.engine.executing import with_options
from flask_uow.exc import ArgumentError
from flask_uow.orm.mapping.mapper import Mapper
from flask_uow.sql.text import text

if TYPE_CHECKING:
    from flask_uow.orm.query import Query
    from flask_uow.sql.typed import Statement

__all__ = [
    "MapperArgument", "Options", "OrmStatement", "check_arguments", "joined_arguments", "refuse_token", "with_defaults",
]  # fmt: skip

Options = Mapping[str, Any] | None

#: the class whose engine is meant
MapperArgument = type[Any] | Mapper | None

#: what a Session executes
OrmStatement: TypeAlias = "Statement | Query[Any]"


def check_arguments(begins: bool, autocommit: bool, enable_baked_queries: bool, future: bool) -> None:
    """Refuse arguments of a Session that ask for nothing that there is.

    :param begins: False where something keeps transactions from beginning by themselves.

    :raises ArgumentError: naming the one to leave out.
    """
    if not begins and autocommit:
        raise ArgumentError(
            "autocommit=True goes with neither autobegin=False nor close_resets_only=False: a Session in autocommit mode needs no transaction, and"
            " the two are about when one may begin. Leave one of them out."
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


def with_defaults(statement: object, options: Mapping[str, Any]) -> Any:
    """Return a statement with execution options of its Session, where it has none of these names; of what takes none, itself."""
    made = text(statement) if isinstance(statement, str) else statement
    own = getattr(made, "get_execution_options", None)
    if own is None:
        return made
    present = own()
    missing = {name: value for name, value in options.items() if name not in present}
    return with_options(made, missing) if missing else made
