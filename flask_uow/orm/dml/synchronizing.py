"""INSERT, UPDATE and DELETE of mapped classes sent as statements, and the Session's objects brought in step.

``session.execute(update(User)...)`` and ``query.update()`` come here. Which objects a statement concerns is worked out in Python
(``evaluate``) or asked of the database with RETURNING (``fetch``); changed attributes of theirs get their new value or are expired, and
objects whose rows are gone leave the Session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from flask_uow.engine import Result
from flask_uow.engine.rows import row_class
from flask_uow.exc import ArgumentError, InvalidRequestError, did_you_mean
from flask_uow.orm.dml.bulk import transaction_of
from flask_uow.orm.dml.evaluator import Evaluator, NotEvaluable, NotLoaded
from flask_uow.orm.dml.families import (
    delete_from_tables,
    inserting_class,
    is_in_several_tables,
    is_written_apart,
    keys_to_return,
    updating_class,
    written_column,
)
from flask_uow.orm.dml.inserting import insert_rows, takes_rows
from flask_uow.orm.dml.keyed import update_by_key
from flask_uow.orm.dml.versions import count_versions, counted_upsert, version_to_count
from flask_uow.orm.loading.class_criteria import with_criteria_of_options
from flask_uow.orm.loading.column_loader import key_of
from flask_uow.orm.loading.planning import plain_plan
from flask_uow.orm.loading.results import gives_bundles, results_of
from flask_uow.orm.loading.run import QueryRun
from flask_uow.orm.state.expiry import expire_all, expire_changed
from flask_uow.sql.compiler import compile_statement
from flask_uow.sql.dml import Delete, Insert, Update
from flask_uow.sql.dml_statement import DMLStatement
from flask_uow.sql.value_errors import check_list

if TYPE_CHECKING:
    from flask_uow.engine import Connection
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.versioning import Versioning
    from flask_uow.orm.session.execution import ExecutingSession
    from flask_uow.sql.typed import Parameters

__all__ = ["execute_dml"]

_WAYS = ("auto", "evaluate", "fetch", False)


def execute_dml(session: ExecutingSession, connection: Connection, statement: DMLStatement, params: Any) -> Result:
    """Execute DML of a mapped class, and bring the Session's objects in step.

    :raises ArgumentError: for an unknown ``synchronize_session``, parameters without names, or a list of rows to be updated of which one lacks its key.
    :raises InvalidRequestError: with ``evaluate``, for criteria that Python cannot evaluate.
    :raises StaleDataError: for a list of rows to be updated of which one is not there, or has another version.
    """
    way = statement.get_execution_options().get("synchronize_session", "auto")
    if way is None:
        way = False
    if way not in _WAYS or way is True:
        hint = did_you_mean(str(way), ["auto", "evaluate", "fetch"])
        raise ArgumentError(f"synchronize_session={way!r}: expected 'auto', 'evaluate', 'fetch' or False.{hint}")
    if params is not None and not isinstance(params, Mapping):
        check_list(params)
    mapper = statement.entity.mapper
    if statement.loader_options:
        statement = with_criteria_of_options(statement)
    if statement.entities:
        mapper.configure()
        statement = statement.up_to_date()
    if isinstance(statement, Insert):
        return _insert(session, connection, statement, params, way)
    if (
        isinstance(statement, Update)
        and not statement.has_values
        and params is not None
        and not statement.where_clauses
    ):
        if not isinstance(params, Mapping):
            return _update_by_key(session, statement, params, way)
        _refuse_key(mapper, params)
    if isinstance(statement, Update) and _are_by_key(statement, mapper, params):
        return _update_each(session, statement, params)
    if isinstance(statement, Delete) and is_in_several_tables(mapper):
        count, identities = delete_from_tables(session, connection, statement, params, mapper)
        if way is not False:
            _let_go(session, _with_identities(session, mapper, identities))
        return Result(None, (), count)
    if isinstance(statement, Update):
        if params:
            first = list(params if isinstance(params, Mapping) else params[0])
            if not statement.has_values:
                statement = statement.for_parameters(first)
            # a list for all rows is refused when it is executed
            elif isinstance(params, Mapping) or not statement.is_about_all_rows:
                statement = statement.completed_by(first)
        # whoever has loaded a row before this must find it changed, so its version counts on
        column = version_to_count(statement, mapper)
        if column is not None:
            if is_written_apart(statement, mapper, column):
                return _execute_counting(session, statement, params, way)
            statement = statement.values({column: column + 1})
    # there is no other DML
    assert isinstance(statement, (Update, Delete))
    return _execute(session, connection, statement, params, way)


def _execute(
    session: ExecutingSession, connection: Connection, given: Update | Delete, params: Any, way: str | bool
) -> Result:
    """Execute an UPDATE, or a DELETE of rows in one table."""
    mapper = given.entity.mapper
    statement = updating_class(given, mapper)
    if way is False:
        return _send(session, connection, statement, params)
    if not isinstance(params, Mapping) and params is not None and len(params) != 1:
        # executemany: finding the affected objects costs more than expiring the class
        return _send_and_expire(session, connection, statement, params)
    values: Mapping[str, Any] = (params if isinstance(params, Mapping) else params[0]) if params else {}
    # nobody would find the objects again under the keys that their rows have then
    if isinstance(statement, Update) and _moves_keys(mapper, statement):
        return _send_and_expire(session, connection, statement, params)
    # before the statement is sent: criteria are about the values from before it
    matched = None if way == "fetch" else _evaluated(session, given, mapper, values, strict=way == "evaluate")
    returned: list[Any] = []
    if matched is None and _gives_objects(statement):
        # what makes objects of the rows knows of no keys beside them
        result = _send_and_expire(session, connection, statement, params, returned)
        matched = []
    elif matched is None:
        result, identities = _fetched(connection, statement, params, mapper)
        matched = _with_identities(session, mapper, identities)
    else:
        result = _send(session, connection, statement, params, returned)
    if isinstance(statement, Delete):
        _let_go(session, [*matched, *((value, True) for value in returned if isinstance(value, mapper.class_))])
    elif isinstance(given, Update) and not _gives_rows_of(mapper, statement):
        _change(given, mapper, values, matched)
    return result


def _insert(
    session: ExecutingSession, connection: Connection, statement: Insert, params: Any, way: str | bool
) -> Result:
    mapper = statement.entity.mapper
    if params and takes_rows(statement, params, mapper):
        rows = [params] if isinstance(params, Mapping) else params
        result = insert_rows(session, statement, rows, mapper)
        # nobody tells which rows were there already and have changed
        if statement.may_update and way is not False and not _gives_rows_of(mapper, statement):
            expire_all(session.objects, [mapper])
        return result
    statement, params = inserting_class(statement, params, mapper)
    statement = counted_upsert(statement, mapper)
    result = _send(session, connection, statement, params)
    if statement.may_update and way is not False and not _gives_rows_of(mapper, statement):
        expire_all(session.objects, [mapper])
    return result


def _update_by_key(session: ExecutingSession, statement: Update, rows: Any, way: str | bool) -> Result:
    """Execute an UPDATE that was given a list, and neither values nor criteria: each row by its primary key."""
    mapper = statement.entity.mapper
    if statement.entity is not mapper or statement.entities:
        what = "RETURNING" if statement.entities else "an alias"
        raise InvalidRequestError(
            f"UPDATE of {mapper.class_.__name__} with a list of rows goes by primary key, and was given {what}. Leave that out, or write the criteria:"
            " .where(...) with bindparam()."
        )
    return Result(None, (), update_by_key(session, mapper, rows, synchronize=way is not False))


def _are_by_key(statement: Update, mapper: Mapper, params: Any) -> bool:
    """Return True for a list of rows that each say their primary key: those rows are meant, as far as they fulfil the criteria."""
    if params is None or isinstance(params, Mapping) or not params or statement.entities:
        return False
    known = {bind.key for bind in statement.shape().binds}
    keys = set(mapper.primary_key_names)
    return keys.isdisjoint(known) and all(isinstance(row, Mapping) and keys <= row.keys() for row in params)


def _update_each(session: ExecutingSession, statement: Update, rows: Any) -> Result:
    """Execute an UPDATE that has criteria or values, for each row of a list by its primary key."""
    mapper = statement.entity.mapper
    columns = [statement.entity.column(column) for column in mapper.primary_key]
    count = 0
    with transaction_of(session):
        connection = session.connection_for(mapper, statement)
        for row in rows:
            key = key_of(mapper, [row[name] for name in mapper.primary_key_names])
            values = {name: value for name, value in row.items() if name not in mapper.primary_key_names}
            if values or statement.has_values:
                one = statement.where(*(column == part for column, part in zip(columns, key, strict=True)))
                count += execute_dml(session, connection, one, values or None).rowcount
    return Result(None, (), count)


def _refuse_key(mapper: Mapper, params: Mapping[str, Any]) -> None:
    """Refuse the values of one row where an UPDATE of all rows would set them.

    :raises ArgumentError: where the primary key is among them.
    """
    if all(name in params for name in mapper.primary_key_names):
        name = mapper.class_.__name__
        raise ArgumentError(
            f"update({name}) was given one set of parameters with the primary key in it and has no WHERE, so that all rows would get this key. For"
            f" the row of that key pass a list: execute(update({name}), [{{...}}])."
        )


def _execute_counting(session: ExecutingSession, statement: Update, params: Any, way: str | bool) -> Result:
    """Execute an UPDATE that writes one table of a class whose versions are in another, and count them there."""
    mapper = statement.entity.mapper
    if statement.entities:
        raise InvalidRequestError(
            f"this UPDATE of {mapper.class_.__name__} has RETURNING, and the version of its rows is in another table than what it writes, so that it"
            " takes two statements. Select the rows afterwards."
        )
    sets = [params] if params is None or isinstance(params, Mapping) else params
    count = 0
    with transaction_of(session):
        connection = session.connection_for(mapper, statement)
        for values in sets:
            result, identities = _fetched(connection, updating_class(statement, mapper), values, mapper)
            count_versions(connection, mapper, identities)
            count += result.rowcount
            if way is not False:
                matched = _with_identities(session, mapper, identities)
                _change(statement, mapper, values or {}, matched)
                for obj, _ in matched:
                    _count_loaded(obj, mapper.versioning)
    return Result(None, (), count)


def _count_loaded(obj: MappedObject, versioning: Versioning) -> None:
    loaded = obj.__dict__.get(versioning.name)
    if loaded is not None:
        obj.__dict__[versioning.name] = versioning.next_version(loaded)


def _send(
    session: ExecutingSession,
    connection: Connection,
    statement: DMLStatement,
    params: Any,
    returned: list[Any] | None = None,
    expires: bool = False,
) -> Result:
    """Execute a statement, and load the mapped classes of its RETURNING as objects.

    :param returned: takes the values of the rows, these objects among them.
    :param expires: True expires all other objects of the class.
    """
    if not _gives_objects(statement):
        result = connection.execute(statement, params)
        if expires:
            expire_all(session.objects, [statement.entity.mapper])
        return result
    if params is not None and isinstance(statement, (Insert, Update)) and not statement.has_values:
        given = params if isinstance(params, Mapping) else params[0]
        statement = statement.for_parameters(list(given))
    elif params and isinstance(statement, Insert):
        statement = statement.completed_by(params if isinstance(params, Mapping) else params[0])
    compiled, values = compile_statement(statement, connection.dialect, connection.engine.compiled_cache)
    if params is not None and not isinstance(params, Mapping):
        if len(params) != 1:
            raise InvalidRequestError(
                "an UPDATE or DELETE with RETURNING was given a list of parameter sets. Execute it once for each of them, or leave RETURNING out."
            )
        params = params[0]
    rows = connection.fetch_all(compiled.sql, compiled.parameters(values, params), write=True)
    if expires:
        # before the objects are made, which are as their rows are now
        expire_all(session.objects, [statement.entity.mapper])
    plan = plain_plan(statement, compiled, connection.dialect)
    run = QueryRun(session, connection.dialect, plan, populate=True)
    made = results_of(run, rows, "rows")
    if returned is not None:
        returned.extend(value for row in made for value in row)
    return Result(made, plan.names, len(rows))


def _send_and_expire(
    session: ExecutingSession,
    connection: Connection,
    statement: DMLStatement,
    params: Parameters,
    returned: list[Any] | None = None,
) -> Result:
    """Execute without finding the affected objects: all objects of the class are expired, but those that RETURNING gives."""
    return _send(session, connection, statement, params, returned, expires=True)


def _gives_objects(statement: DMLStatement) -> bool:
    """Return True where RETURNING gives objects or bundles of columns."""
    return any(hasattr(entity, "__uow_entity__") for entity in statement.entities) or gives_bundles(statement)


def _gives_rows_of(mapper: Mapper, statement: DMLStatement) -> bool:
    """Return True where RETURNING gives the objects of the class, which then are as their rows are."""
    entities = (getattr(entity, "__uow_entity__", None) for entity in statement.entities)
    return any(entity is not None and entity.base_mapper is mapper.base_mapper for entity in entities)


def _moves_keys(mapper: Mapper, statement: Update) -> bool:
    keys = {id(written_column(statement, column)) for column in mapper.primary_key}
    return any(id(column) in keys for column, _ in statement.set_pairs)


def _evaluated(
    session: ExecutingSession, statement: Update | Delete, mapper: Mapper, params: Mapping[str, Any], strict: bool
) -> list[tuple[Any, bool]] | None:
    """Return the Session's objects that the criteria fit, each with whether that is certain; None where Python cannot tell."""
    identities = session.objects.families.get(mapper.base_mapper)
    try:
        test = Evaluator(mapper, params).condition(statement.where_clauses)
        found: list[tuple[Any, bool]] = []
        for obj in identities.objects() if identities is not None else ():
            if not isinstance(obj, mapper.class_):
                continue
            try:
                if test(obj):
                    found.append((obj, True))
            except NotLoaded:
                found.append((obj, False))
    except NotEvaluable as error:
        if strict:
            raise InvalidRequestError(
                f"synchronize_session='evaluate': Python cannot work out {error}. Use 'fetch', 'auto' or False."
            ) from error
        return None
    # whether a row whose values are not loaded is gone, or has another version now, cannot be told without asking
    must_know = isinstance(statement, Delete) or mapper.versioning is not None
    return None if must_know and not all(certain for _, certain in found) else found


def _fetched(
    connection: Connection, statement: DMLStatement, params: Parameters, mapper: Mapper
) -> tuple[Result, list[Any]]:
    """Execute with RETURNING the keys behind what it has; return the result without them, and the keys."""
    keys, positions = keys_to_return(statement, mapper)
    result = connection.execute(statement.returning(*keys), params)
    names, rows = tuple(result.keys()), result.all()
    own = len(names) - len(keys)
    order = [own + positions.index(part) for part in range(len(mapper.primary_key))]
    found = [row[own] if len(keys) == 1 else tuple(row[position] for position in order) for row in rows]
    if not own:
        return Result(None, (), len(rows)), found
    make = row_class(names[:own])
    return Result([make(row[:own]) for row in rows], names[:own], len(rows)), found


def _with_identities(session: ExecutingSession, mapper: Mapper, found: Iterable[Any]) -> list[tuple[Any, bool]]:
    """Return the Session's objects with one of these identities."""
    identities = session.objects.families.get(mapper.base_mapper)
    if identities is None:
        return []
    objects = (identities.get(identity) for identity in found)
    return [(obj, True) for obj in objects if obj is not None]


def _let_go(session: ExecutingSession, matched: Iterable[tuple[Any, bool]]) -> None:
    session.objects.register_deleted(obj for obj, _ in matched)


def _change(statement: Update, mapper: Mapper, params: Mapping[str, Any], matched: Iterable[tuple[Any, bool]]) -> None:
    """Give attributes their new values where they are known, and expire all others that the statement has changed."""
    evaluator = Evaluator(mapper, params)
    functions: dict[str, Callable[[Any], Any] | None] = {}
    by_column = {id(written_column(statement, prop.column)): name for name, prop in mapper.column_attrs.items()}
    for column, node in statement.set_pairs:
        name = by_column.get(id(column))
        if name is None:
            continue
        try:
            functions[name] = evaluator.new_value(column, node)
        except NotEvaluable:
            functions[name] = None
    # the statement sets these as well, to values that are not known here
    for name, prop in mapper.column_attrs.items():
        if getattr(prop.column, "onupdate", None) is not None:
            functions.setdefault(name, None)
    for obj, certain in matched:
        values: dict[str, Any] = {}
        if certain:
            for name, function in functions.items():
                try:
                    if function is not None and name in obj.__dict__:
                        values[name] = function(obj)
                except (NotLoaded, NotEvaluable):
                    continue
        # expired first, since relationships and computed values follow from what is set here
        expire_changed(obj, functions)
        obj.__dict__.update(values)
