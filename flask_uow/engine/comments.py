"""SQL comments at the end of each statement, in the format of sqlcommenter, so that a DBA sees who sends what.

The format is that of https://google.github.io/sqlcommenter/spec/: ``/*key='value',...*/`` with keys in order, keys and values
percent-encoded, so that no value can end the comment. Off unless :func:`~flask_uow.engine.engine.create_engine` is given
``sql_comments=``: the cursors of such an engine are wrapped, all others pay nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from flask_uow.engine.dbapi import DBAPICursor

__all__ = ["CommentingCursor", "format_comment"]

_LONGEST = 250  # characters of a value: some come from clients


def format_comment(values: Mapping[str, Any]) -> str:
    """Return the comment that carries ``values``, with a space before it; an empty text when all are None.

    >>> format_comment({"route": "/users/<int:id>", "request_id": "a'*/b"})
    " /*request_id='a%27%2A%2Fb',route='%2Fusers%2F%3Cint%3Aid%3E'*/"
    """
    # encoded, so that no value can end the comment
    pairs = [
        f"{quote(key, safe='')}='{quote(str(value)[:_LONGEST], safe='')}'"
        for key, value in sorted(values.items())
        if value is not None
    ]
    return f" /*{','.join(pairs)}*/" if pairs else ""


class CommentingCursor:
    """A driver's cursor that adds a comment to what it sends; everything else is the driver's.

    :param cursor: the driver's cursor.
    :param values: returns what the comment carries.
    :param escapes_percent: True where a literal ``%`` is doubled in statements with parameters.
    """

    def __init__(self, cursor: DBAPICursor, values: Callable[[], Mapping[str, Any]], escapes_percent: bool) -> None:
        self._cursor = cursor
        self._values = values
        self._escapes_percent = escapes_percent

    def execute(self, sql: object, *parameters: Any) -> Any:
        """Send a statement, see PEP 249."""
        has_parameters = bool(parameters) and parameters[0] is not None
        return self._cursor.execute(self._with_comment(sql, has_parameters), *parameters)

    def executemany(self, sql: object, list_of_parameters: Iterable[Any]) -> Any:
        """Send a statement for each set of parameters, see PEP 249."""
        return self._cursor.executemany(self._with_comment(sql, True), list_of_parameters)

    def _with_comment(self, sql: Any, has_parameters: bool) -> Any:
        comment = format_comment(self._values())
        if not isinstance(sql, str):
            # psycopg2's batches are bytes, with their parameters in them
            return sql + comment.encode() if b"/*" not in sql else sql
        if "/*" in sql or "--" in sql:
            # as the specification demands: a statement with a comment keeps it
            return sql
        return sql + (comment.replace("%", "%%") if self._escapes_percent and has_parameters else comment)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor)
