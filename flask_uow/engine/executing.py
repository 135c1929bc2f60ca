"""How a statement is executed over a connection, and what comes back: the way from ``Connection.execute`` to a result.

The connection sends what is worked out here (:mod:`flask_uow.engine.sending`) and keeps the transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.engine.inserted import NO_KEYS, KeyOfOne, keys_of_lists
from flask_uow.engine.result import Result, result_maker
from flask_uow.engine.returning import insert_and_return
from flask_uow.engine.rows import Row
from flask_uow.engine.streamed import StreamedRowResult, stream_result
from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.sql.compiler import Compiled, compile_statement
from flask_uow.sql.dml import Insert, Update
from flask_uow.sql.dml_statement import DMLStatement
from flask_uow.sql.functions import FunctionElement
from flask_uow.sql.nodes import Executable, check_options
from flask_uow.sql.text import TextClause, text
from flask_uow.sql.value_errors import check_list

if TYPE_CHECKING:
    from flask_uow.engine.connection import Connection
    from flask_uow.sql.typed import Parameters, Statement

__all__ = [
    "check_driver_options",
    "execute_driver_sql",
    "execute_statement",
    "execute_told",
    "tell_after",
    "told_before",
    "with_options",
]

# rows at a time where only streaming was asked for
_STREAM_PAGE = 1000


def execute_statement(
    connection: Connection, given: Statement, parameters: Parameters
) -> Result | StreamedRowResult[Row]:
    """Execute a statement within the transaction that is open, or by itself; see :meth:`Connection.execute`."""
    if parameters is not None and not isinstance(parameters, Mapping):
        check_list(parameters)
    # what is no statement shows when it is compiled
    statement: Any = given
    if isinstance(statement, str):
        statement = text(statement)
    elif parameters and not getattr(statement, "has_values", True):
        # an INSERT or UPDATE that was given no values sets the columns that the parameters name
        names = parameters if isinstance(parameters, Mapping) else parameters[0]
        statement = statement.for_parameters(list(names))
    elif parameters and isinstance(statement, Insert):
        statement = statement.completed_by(parameters if isinstance(parameters, Mapping) else parameters[0])
    one: Mapping[str, Any] | None = None
    many: Sequence[Mapping[str, Any]] | None = None
    if parameters is None or isinstance(parameters, Mapping):
        one = parameters
    else:
        many = parameters
    if many is not None and len(many) != 1 and isinstance(statement, Insert):
        # nobody takes the keys of many rows
        statement = statement.inline()
    try:
        compiled, values = compile_statement(statement, connection.dialect, connection.engine.compiled_cache)
    # found out afterwards: to ask beforehand whether it is a statement would cost every execution
    except AttributeError:
        if isinstance(statement, Executable):
            raise
        if isinstance(statement, FunctionElement):
            return execute_statement(connection, statement.select(), parameters)
        raise ArgumentError(
            f"execute() takes a statement, such as select(...), or SQL text; got {statement!r}. Wrap a class or a table in select()."
        ) from None
    if many is not None:
        _refuse_all_rows(statement)
    if parameters and isinstance(statement, Update):
        names = parameters if isinstance(parameters, Mapping) else parameters[0]
        if not compiled.names.issuperset(names):
            # it has values, and gets further ones
            statement = statement.completed_by(names)
            compiled, values = compile_statement(statement, connection.dialect, connection.engine.compiled_cache)
    if many is not None:
        if len(many) != 1:
            return _execute_list(connection, statement, compiled, values, many)
        one = many[0]
    if compiled.is_write and not compiled.returns_rows:
        if isinstance(statement, Insert):
            return _insert(connection, compiled, values, one)
        rowcount = connection.run(compiled.sql, compiled.parameters(values, one))
        return Result(None, (), rowcount, connection.last_rowid)
    size = _page_size(connection, statement)
    # pages are fetched when they are asked for, and a statement that writes is to have written when execute() returns
    if size is not None and compiled.returns_rows and statement.is_query:
        return stream_result(connection, compiled, compiled.parameters(values, one), size, statement)
    cursor = connection.cursor_execute(compiled.sql, compiled.parameters(values, one), write=compiled.is_write)
    keys = NO_KEYS if compiled.is_write and isinstance(statement, Insert) else None
    return connection.read_result(compiled, cursor, keys, statement)


def execute_told(connection: Connection, statement: Any, parameters: Any) -> Any:
    """Execute a statement between calls of what listens to ``before_execute``, which may change it, and to ``after_execute``."""
    statement, parameters = told_before(connection, statement, parameters)
    result = connection.execute_untold(statement, parameters)
    tell_after(connection, statement, parameters, result)
    return result


def told_before(connection: Connection, statement: Any, parameters: Any) -> tuple[Any, Any]:
    """Tell what listens to ``before_execute`` of a statement; return the statement and the parameters to be executed."""
    for call in connection.listeners.around.get("before_execute", ()):
        many, one = _as_told(parameters)
        statement, many, one = call(connection, statement, many, one, _options_of(statement))
        parameters = many if many else one if one else None
    return statement, parameters


def tell_after(connection: Connection, statement: Any, parameters: Any, result: object) -> None:
    """Tell what listens to ``after_execute`` of a statement that was executed."""
    for call in connection.listeners.around.get("after_execute", ()):
        call(connection, statement, *_as_told(parameters), _options_of(statement), result)


def _as_told(parameters: Any) -> tuple[Any, Any]:
    """Return the parameters as listeners are told of them: a list of sets, or one set."""
    return (parameters, {}) if isinstance(parameters, (list, tuple)) else ([], parameters or {})


def _options_of(statement: Any) -> Mapping[str, Any]:
    return statement.get_execution_options() if isinstance(statement, Executable) else {}


def check_driver_options(options: Mapping[str, Any]) -> None:
    """Refuse an execution option that text of the driver cannot heed.

    :raises ArgumentError: naming it.
    """
    check_options(options)
    for name in ("stream_results", "yield_per", "isolation_level"):
        if options.get(name):
            raise ArgumentError(
                f"exec_driver_sql() got the option {name!r}: its rows are fetched at once, in the transaction that there is. Use"
                " execute(text(...)) to stream rows, and connection.execution_options() for the isolation level."
            )


def with_options(statement: object, options: Mapping[str, Any]) -> Any:
    """Return a statement (or SQL text, or a Query) with execution options.

    :raises ArgumentError: for something that takes none.
    """
    made = text(statement) if isinstance(statement, str) else statement
    made = made.select() if isinstance(made, FunctionElement) else made
    add = getattr(made, "execution_options", None)
    if add is None:
        raise ArgumentError(
            f"execution_options= was given for {made!r}, which takes none. Give them to a statement: select(), insert(), update(), delete()."
        )
    return add(**options)


def execute_driver_sql(connection: Connection, sql: str, parameters: Any) -> Result:
    """Execute text of the driver; see :meth:`Connection.exec_driver_sql`."""
    write = TextClause(sql, (sql,)).is_write
    # without a placeholder an empty list is one of no parameters, and no list of no sets of them
    if isinstance(parameters, list) and (parameters or connection.dialect.placeholder in sql):
        return Result(None, (), connection.run_many(sql, parameters, write=write) if parameters else 0)
    if sql[:5].upper() == "BEGIN":
        connection.note_begin()
    if not parameters:
        sql = sql.replace("%", "%%") if connection.dialect.escapes_percent else sql
        parameters = ()
    compiled = Compiled(sql, (), (), write, True)
    return connection.read_result(compiled, connection.cursor_execute(sql, parameters, write=write))


def _page_size(connection: Connection, statement: Executable) -> int | None:
    """Return the number of rows to fetch at a time; None for all at once."""
    options = statement.get_execution_options()
    for given in (options, connection.get_execution_options()):
        if given.get("yield_per") is not None:
            return int(given["yield_per"])
        if given.get("stream_results"):
            return _STREAM_PAGE
    return None


def _insert(
    connection: Connection, compiled: Compiled, values: list[Any], parameters: Mapping[str, Any] | None
) -> Result:
    """Insert, and keep what tells the key of the row."""
    made: dict[int, Any] | None = {} if compiled.has_defaults else None
    inserted = compiled.inserted
    given = compiled.parameters(values, parameters, made)
    if inserted is not None and inserted.processors:
        rows = connection.fetch_all(compiled.sql, given, write=True)
        return Result(None, (), len(rows), None, KeyOfOne(compiled, values, parameters, made, rows, None))
    rowcount = connection.run(compiled.sql, given)
    rowid = connection.last_rowid
    return Result(None, (), rowcount, rowid, KeyOfOne(compiled, values, parameters, made, (), rowid))


def _execute_list(
    connection: Connection,
    statement: Executable,
    compiled: Compiled,
    values: list[Any],
    parameters: Sequence[Mapping[str, Any]],
) -> Result:
    if compiled.columns:
        if not isinstance(statement, Insert):
            raise InvalidRequestError(
                "a statement that returns rows was given a list of parameter sets. Pass one mapping, or drop RETURNING."
            )
        compiled, rows = insert_and_return(connection, statement, parameters)
        names, make_rows = result_maker(compiled, compiled.columns, connection.dialect)
        return Result(make_rows(rows), names, len(rows), None, NO_KEYS)
    sets = [compiled.parameters(values, given) for given in parameters]
    rowcount = connection.run_many(compiled.sql, sets) if sets else 0
    keys = keys_of_lists(compiled, values, parameters) if isinstance(statement, Insert) else None
    return Result(None, (), rowcount, None, keys)


def _refuse_all_rows(statement: Executable) -> None:
    """Refuse an UPDATE or DELETE without WHERE that was given a list: each set of parameters would be for all rows anew.

    :raises ArgumentError: naming the table.
    """
    if isinstance(statement, DMLStatement) and statement.is_about_all_rows:
        verb, table = statement.__visit_name__, getattr(statement.table, "name", None) or "table"
        raise ArgumentError(
            f"{verb}() of {statement.table.description} was given a list of parameter sets and has no WHERE, so that each of them"
            f" would be about all rows. Say which row a set is about: .where({table}.c.id == bindparam('row'))."
        )
