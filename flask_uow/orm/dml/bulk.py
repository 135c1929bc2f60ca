"""Many rows at once, past the unit of work: ``session.bulk_insert()``, and what it shares with updates by key and COPY.

Rows travel through the same batch writers as those of a flush, page by page, with the defaults of the columns; what is left out is all that
costs per object: states, identity map, relationships, cascades, hooks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from flask_uow.exc import InvalidRequestError, did_you_mean
from flask_uow.orm.mapping.composites import CompositeProperty
from flask_uow.orm.mapping.mapped_table import MappedTable, holds_expressions, is_expression
from flask_uow.orm.state.keys import identity_from
from flask_uow.orm.state.proxies import real_object
from flask_uow.sql.dml import Insert

if TYPE_CHECKING:
    from flask_uow.engine import Connection
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.execution import ExecutingSession
    from flask_uow.sql.schema import Column

__all__ = [
    "Progress",
    "bulk_insert",
    "mapping_defaults",
    "pages_of",
    "require_stored",
    "stored_columns",
    "transaction_of",
    "values_of",
    "written_columns",
]

Progress = Callable[[int], object]

# rows come from iterators without end, and are never in memory all at once
_PAGE = 10_000


def bulk_insert(
    session: ExecutingSession,
    mapper: Mapper,
    rows: Iterable[Any],
    return_keys: bool,
    progress: Progress | None,
    nulls: bool = False,
) -> Any:
    """Insert rows; see :meth:`flask_uow.orm.Session.bulk_insert`.

    :param nulls: None is NULL, also where a column has a default.
    """
    keys: list[Any] = []
    count = 0
    require_stored(mapper)
    columns = stored_columns(mapper)
    with transaction_of(session):
        connection = session.connection_for(mapper)
        for page in pages_of(rows):
            found = _insert_page(connection, mapper, [values_of(mapper, row, columns) for row in page], nulls)
            if return_keys:
                keys.extend(found)
            count += len(page)
            if progress is not None:
                progress(count)
    return keys if return_keys else count


def _is_given(row: Mapping[str, Any], name: str, nulls: bool) -> bool:
    return row.get(name) is not None or (nulls and name in row)


def _insert_page(connection: Connection, mapper: Mapper, rows: list[dict[str, Any]], nulls: bool) -> list[Any]:
    """Insert rows, table by table of the class, and return their keys, in order."""
    for name, make in mapping_defaults(mapper, stored_columns(mapper)).items():
        for row in rows:
            if not _is_given(row, name, nulls):
                row[name] = make()
    for number, part in enumerate(mapper.stored):
        _insert_part(connection, part, rows, nulls)
        if number == 0 and len(mapper.stored) > 1:
            _require_keys(mapper, rows)
    return [identity_from(tuple(row.get(name) for name in mapper.primary_key_names)) for row in rows]


def _insert_part(connection: Connection, part: MappedTable, rows: list[dict[str, Any]], nulls: bool) -> None:
    """Insert what a table has of the rows, which are given the keys that the database makes."""
    # the key of a joined table is that of the base's row, which the database has made by now
    for name, source in part.copied:
        for row in rows:
            row[name] = row.get(source)
    for name, default in part.defaults:
        for row in rows:
            if not _is_given(row, name, nulls):
                row[name] = default.value(row)
    columns, made, optional = part.columns, part.generated, part.optional
    # a batch for each set of columns: what a row leaves out is the database's to fill, and not NULL
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, row in enumerate(rows):
        # a key that is given as None is made by the database all the same
        names = tuple(n for n in columns if n not in optional or _is_given(row, n, nulls and n != made))
        groups.setdefault(names, []).append(number)
    for names, numbers in groups.items():
        members = [rows[number] for number in numbers]
        values = [[row.get(name) for row in members] for name in names]
        wants_key = columns[made] if made is not None and made not in names else None
        found = _insert_group(connection, part, names, values, len(members), wants_key)
        if found is not None and made is not None:
            for row, key in zip(members, found, strict=True):
                row[made] = key


def _require_keys(mapper: Mapper, rows: list[dict[str, Any]]) -> None:
    """Refuse rows whose key the other tables of the class would have to be told.

    :raises InvalidRequestError: for a key that the database works out from an expression or a default of its own.
    """
    for row in rows:
        for name in mapper.primary_key_names:
            if row.get(name) is None or is_expression(row[name]):
                raise InvalidRequestError(
                    f"the rows of {mapper.class_.__name__} are in several tables, and the key {name!r} of one is not known after the first of them"
                    " was written. Give each row its key, or use session.add_all()."
                )


def _insert_group(
    connection: Connection,
    part: MappedTable,
    names: tuple[str, ...],
    values: list[list[Any]],
    count: int,
    generated: Column[Any] | None,
) -> list[Any] | None:
    table = part.table
    batch = connection.dialect.batch
    columns: list[Any] = [part.columns[name] for name in names]
    part.add_unmapped_defaults(columns, values, count)
    if not columns:
        return batch.insert_defaults(connection, table, count, generated_key=generated)
    if not holds_expressions(values):
        return batch.insert(connection, table, columns, values, generated_key=generated)
    # expressions are worked out by the database, in a statement of their own for each row
    keys = []
    for row in zip(*values, strict=True):
        statement = Insert(table).values(dict(zip(columns, row, strict=True)))
        result = connection.execute(statement.returning(generated) if generated is not None else statement.inline())
        keys.append(result.scalar() if generated is not None else None)
    return keys if generated is not None else None


# -- what bulk operations share


def mapping_defaults(mapper: Mapper, columns: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
    """Return the values that the mapping gives to new rows, by attribute: the discriminator, the first version."""
    found: dict[str, Callable[[], Any]] = {}
    discriminator, versioning = mapper.discriminator, mapper.versioning
    if discriminator is not None and discriminator in columns and mapper.polymorphic_identity is not None:
        found[discriminator] = lambda: mapper.polymorphic_identity
    if versioning is not None and not versioning.is_given:
        found[versioning.name] = lambda: versioning.next_version(None)
    return found


@contextmanager
def transaction_of(session: ExecutingSession) -> Iterator[None]:
    """Flush what is waiting, and hold a transaction of the Session: its own, or one of this block in autocommit mode."""
    session.autoflush_now()
    with session.begin(subtransactions=True):
        yield


def pages_of(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield the rows in lists of up to 10,000."""
    waiting = iter(rows)
    while page := list(islice(waiting, _PAGE)):
        yield page


def written_columns(mapper: Mapper) -> dict[str, Any]:
    """Return the columns of the class's table by attribute.

    :raises InvalidRequestError: for a class whose rows are in several tables, or in none that can be written to.
    """
    require_stored(mapper)
    if len(mapper.stored) != 1:
        raise InvalidRequestError(
            f"COPY writes one table, and the rows of {mapper.class_.__name__} are in several tables. Use session.bulk_insert() for it."
        )
    columns: dict[str, Any] = mapper.stored[0].columns
    return columns


def require_stored(mapper: Mapper) -> None:
    """Refuse a class whose rows nobody can write.

    :raises InvalidRequestError: naming the class.
    """
    if not mapper.stored:
        raise InvalidRequestError(
            f"bulk operations write tables, and the rows of {mapper.class_.__name__} are in no table that can be written to. Write to the tables"
            " that they are taken from."
        )


def stored_columns(mapper: Mapper) -> dict[str, Any]:
    """Return the columns of all tables of the class by attribute."""
    return {name: column for part in reversed(mapper.stored) for name, column in part.columns.items()}


def values_of(mapper: Mapper, row: Any, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a row by attribute.

    :param row: a mapping, or an object of the class.
    :param columns: those that are written, by attribute.
    :raises InvalidRequestError: for a name that is no column attribute, or something else than a row.
    """
    if isinstance(row, Mapping):
        values = {key if isinstance(key, str) else key.key: value for key, value in row.items()}
        for name in values:
            if name not in columns:
                return _spelt_out(mapper, values, columns)
        return values
    row = real_object(row)
    own: Mapper | None = getattr(type(row), "__mapper__", None)
    if own is None or not isinstance(row, mapper.class_):
        raise InvalidRequestError(
            f"bulk operations on {mapper.class_.__name__} take mappings and objects of that class, got {row!r}."
        )
    values = {name: value for name, value in row.__dict__.items() if name in columns}
    if own is not mapper:
        _check_class(mapper, row, own, columns)
        if own.discriminator in columns and own.polymorphic_identity is not None:
            values.setdefault(own.discriminator, own.polymorphic_identity)
    return values


def _spelt_out(mapper: Mapper, values: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by attribute, with columns in the place of synonyms and composites.

    :raises InvalidRequestError: for a name that stands for no column.
    """
    found: dict[str, Any] = {}
    for given, value in values.items():
        name = mapper.name_behind(given)
        prop = mapper.descriptors.get(name)
        if isinstance(prop, CompositeProperty):
            found.update(zip(prop.names, prop.values_of(prop.coerce(value)), strict=True))
        elif name in columns:
            found[name] = value
        else:
            hint = did_you_mean(given, columns)
            raise InvalidRequestError(
                f"{mapper.class_.__name__} has no column attribute {given!r}.{hint} Relationships are not written by bulk operations."
            )
    return found


def _check_class(mapper: Mapper, row: object, own: Mapper, columns: Mapping[str, Any]) -> None:
    """Refuse an object of a subclass that has values, or a table, which a row of the class would lack.

    :raises InvalidRequestError: naming the class to be asked for.
    """
    lost = [
        name
        for name, prop in own.column_attrs.items()
        if prop.is_stored and name in row.__dict__ and name not in columns
    ]
    written = {part.table for part in mapper.stored}
    lost = lost or [part.table.name for part in own.stored if part.table not in written]
    if lost:
        raise InvalidRequestError(
            f"a bulk operation on {mapper.class_.__name__} got {row!r}, and would lose what only {own.class_.__name__} has: {', '.join(lost)}."
            f" Call it for {own.class_.__name__}, or use session.add_all()."
        )
