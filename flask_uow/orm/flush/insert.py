"""INSERTs of a flush: one batch for each table and set of columns (benchmarks: insert_flat, insert_graph).

Every column without a server-side default is named, absent values being NULL, so that a table normally has one set of columns. Values
travel column by column, as the batch writers of the dialects want them.
"""

from __future__ import annotations

from typing import Any

from flask_uow.orm.exc import FlushError
from flask_uow.orm.instrumentation.siblings import Siblings
from flask_uow.orm.instrumentation.state import InstanceState, describe
from flask_uow.orm.membership import expunge_one
from flask_uow.orm.symbols import STATE
from flask_uow.sql.dml import Insert
from flask_uow.sql.expressions import ColumnOperators

__all__ = ["insert_objects"]


def insert_objects(session: Any, mapper: Any, objects: list[Any]) -> None:
    """INSERT objects, and make them persistent.

    :raises FlushError: when a primary key is missing that the database does not make, or is in use by another object.
    """
    connection = session._connection_for(mapper)
    _apply_defaults(mapper, objects)
    generated = mapper.local_table.generated_key
    generated_name = mapper.name_of_column(generated) if generated is not None else None
    groups = _by_column_set(mapper, objects, generated_name)
    if len(groups) > 1 and generated_name is not None:
        _allocate_in_order(session, connection, mapper, objects, groups)
        groups = _by_column_set(mapper, objects, generated_name)
    for names, members in groups.items():
        makes_key = generated_name is not None and generated_name not in names
        keys = _insert_batch(connection, mapper, names, members, generated if makes_key else None)
        _make_persistent(session, mapper, members, generated_name if makes_key else None, keys)


def _apply_defaults(mapper: Any, objects: list[Any]) -> None:
    defaults = mapper.memo.get("defaults")
    if defaults is None:
        defaults = [
            (name, prop.column.default) for name, prop in mapper.columns.items() if prop.column.default is not None
        ]
        mapper.memo["defaults"] = defaults
    for name, default in defaults:
        for obj in objects:
            values = obj.__dict__
            if name not in values:
                values[name] = default.value()


def _by_column_set(mapper: Any, objects: list[Any], generated_name: str | None) -> dict[tuple[str, ...], list[Any]]:
    """Return the objects by the columns that their INSERT names."""
    optional = mapper.memo.get("optional")
    if optional is None:
        optional = [n for n, p in mapper.columns.items() if p.column.server_default is not None or n == generated_name]
        mapper.memo["optional"] = optional
    always = [name for name in mapper.columns if name not in optional]
    groups: dict[tuple[str, ...], list[Any]] = {}
    if optional == [generated_name]:
        # the usual case: a key that the database makes, and nothing else that may be left out
        with_key: list[Any] = []
        without: list[Any] = []
        for obj in objects:
            (without if obj.__dict__.get(generated_name) is None else with_key).append(obj)
        if without:
            groups[tuple(always)] = without
        if with_key:
            groups[tuple(mapper.columns)] = with_key
        return groups
    for obj in objects:
        values = obj.__dict__
        present = tuple(
            n
            for n in mapper.columns
            if n not in optional or (n in values and (n != generated_name or values[n] is not None))
        )
        groups.setdefault(present, []).append(obj)
    return groups


def _allocate_in_order(session: Any, connection: Any, mapper: Any, objects: list[Any], groups: Any) -> None:
    # several batches, and yet the keys follow the order in which the objects were added
    generated = mapper.local_table.generated_key
    name = mapper.name_of_column(generated)
    inserted = session.transaction.inserted
    waiting = [obj for obj in objects if obj.__dict__.get(name) is None]
    if len(waiting) == len(objects) or sum(1 for names in groups if name not in names) > 1:
        keys = connection.dialect.batch.allocate_keys(connection, mapper.local_table, generated, len(waiting))
        for obj in waiting:
            inserted[obj.__dict__[STATE]] = name
        for obj, key in zip(waiting, keys or (), strict=keys is not None):
            obj.__dict__[name] = key


def _insert_batch(
    connection: Any, mapper: Any, names: tuple[str, ...], objects: list[Any], generated: Any
) -> list[Any] | None:
    dicts = [obj.__dict__ for obj in objects]
    values = [[d.get(name) for d in dicts] for name in names]
    if any(_has_expression(column) for column in values):
        return _insert_one_by_one(connection, mapper, names, objects, generated)
    for name, column in zip(names, values, strict=True):
        if None in column:
            for d in dicts:
                d.setdefault(name, None)
    batch = connection.dialect.batch
    if not names:
        return batch.insert_defaults(connection, mapper.local_table, len(objects), generated_key=generated)  # type: ignore[no-any-return]
    columns = [mapper.columns[name].column for name in names]
    return batch.insert(connection, mapper.local_table, columns, values, generated_key=generated)  # type: ignore[no-any-return]


def _has_expression(values: list[Any]) -> bool:
    return any(issubclass(kind, ColumnOperators) for kind in set(map(type, values)))


def _insert_one_by_one(
    connection: Any, mapper: Any, names: tuple[str, ...], objects: list[Any], generated: Any
) -> list[Any]:
    # values that the database works out need a statement of their own; they are loaded at the next access
    keys = []
    for obj in objects:
        values = {mapper.columns[name].column: obj.__dict__.get(name) for name in names}
        statement = Insert(mapper.local_table).values(values)
        if generated is not None:
            statement = statement.returning(generated)
        result = connection.execute(statement)
        keys.append(result.scalar() if generated is not None else None)
        for name in names:
            if isinstance(obj.__dict__.get(name), ColumnOperators):
                del obj.__dict__[name]
    return keys


def _make_persistent(
    session: Any, mapper: Any, objects: list[Any], generated_name: str | None, keys: list[Any] | None
) -> None:
    identities = session._identities_of(mapper)
    entries = identities.entries
    strong = identities.strong
    inserted = session.transaction.inserted
    names = mapper.primary_key_names
    single = names[0] if len(names) == 1 else None
    siblings = Siblings(batch=session.batch_loading) if len(objects) > 1 else None
    for number, obj in enumerate(objects):
        values = obj.__dict__
        state: InstanceState = values[STATE]
        if generated_name is not None:
            assert keys is not None
            values[generated_name] = keys[number]
        identity = values.get(single) if single is not None else tuple([values.get(name) for name in names])
        if identity is None or (single is None and None in identity):
            raise FlushError(
                f"{describe(obj)} has no primary key ({', '.join(names)}), and the database does not make one. Set it before the flush."
            )
        other = entries.get(identity)
        if other is not None and other is not state:
            _let_go(session, mapper, obj, other)
        state.identity = identity
        entries[identity] = state
        if siblings is not None:
            state.siblings = siblings
            siblings.states.append(state)
        if strong is not None:
            strong[state] = obj
        inserted.setdefault(state, generated_name)


def _let_go(session: Any, mapper: Any, obj: Any, other: InstanceState) -> None:
    """Take out the object that held the key of a row that was inserted just now.

    The INSERT has shown that the other's row was no longer there. That is all right where the object was expired, waiting to find that
    out: SQLite, for one, gives the keys of rows that were rolled back to the next ones.
    """
    holder = other()
    if holder is None:
        return
    values = holder.__dict__
    if other.changes or other in session._deleted or any(name in values for name in mapper.columns):
        raise FlushError(
            f"cannot insert a new {type(obj).__name__} with the primary key {other.identity!r}: {describe(holder)} has that key in this Session."
            " Change the object that is there, or delete it and flush first."
        )
    expunge_one(session, holder, other)
