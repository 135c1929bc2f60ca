"""``session.copy_from()``: rows by COPY, read from an iterable while the server takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from flask_uow.exc import InvalidRequestError, did_you_mean
from flask_uow.orm.dml.bulk import Progress, bulk_insert, mapping_defaults, transaction_of, values_of, written_columns
from flask_uow.sql.types.expressing import expression_of

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.execution import ExecutingSession

__all__ = ["copy_from"]

_EVERY = 10_000


def copy_from(
    session: ExecutingSession,
    mapper: Mapper,
    rows: Iterable[Any],
    columns: Sequence[Any] | None,
    progress: Progress | None,
) -> int:
    """Load rows; see :meth:`flask_uow.orm.Session.copy_from`."""
    named = _with_names(mapper, rows, columns)
    engine = session.get_bind(mapper=mapper)
    # without COPY, and where SQL stands around values, the same rows go by INSERT
    written = (prop.column.type for prop in mapper.column_attrs.values())
    if not engine.dialect.can_copy() or any(expression_of(t, engine.dialect, "bind_expression") for t in written):
        count: int = bulk_insert(session, mapper, named, False, progress, nulls=True)
        return count
    first = next(named, None)
    if first is None:
        return 0
    with transaction_of(session):
        connection = session.connection_for(mapper)
        names, defaults = _chosen(mapper, first)
        values = _sequences(mapper, chain([first], named), names, defaults)
        chosen = [mapper.column_attrs[name].column for name in names]
        sql, source = connection.dialect.copy_source(mapper.stored[0].table, chosen, values, progress, _EVERY)
        try:
            connection.copy_in(sql, source)
        except BaseException:
            if source.error is not None:
                # the driver says no more than that reading has failed
                raise source.error from None
            raise
    total: int = source.count
    if progress is not None and total % _EVERY:
        progress(total)
    return total


def _with_names(mapper: Mapper, rows: Iterable[Any], columns: Sequence[Any] | None) -> Iterator[dict[str, Any]]:
    """Yield each row's values by attribute."""
    if columns is None:
        written = written_columns(mapper)
        for row in rows:
            if not isinstance(row, (Mapping, mapper.class_)):
                raise InvalidRequestError(
                    f"copy_from() got {row!r}. Say with columns=[...] what the values of a sequence are."
                )
            yield values_of(mapper, row, written)
        return
    names = [column if isinstance(column, str) else column.key for column in columns]
    for name in names:
        if name not in mapper.column_attrs:
            hint = did_you_mean(name, mapper.column_attrs.keys())
            raise InvalidRequestError(f"{mapper.class_.__name__} has no column attribute {name!r}.{hint}")
    for row in rows:
        if isinstance(row, (str, bytes)) or len(row) != len(names):
            raise InvalidRequestError(f"copy_from() got the row {row!r} for the columns {', '.join(names)}.")
        yield dict(zip(names, row, strict=True))


def _chosen(mapper: Mapper, first: Mapping[str, Any]) -> tuple[list[str], dict[str, Callable[[], Any]]]:
    """Return the columns of the COPY: those of the first row, and those with a default in Python or by the mapping."""
    columns = written_columns(mapper)
    defaults = {
        name: column.default.value
        for name, column in columns.items()
        if column.default is not None and name not in first
    }
    given_by_mapping = mapping_defaults(mapper, columns)
    defaults.update((name, make) for name, make in given_by_mapping.items() if name not in first)
    for name in defaults.keys() - given_by_mapping.keys():
        if columns[name].default.is_sql:
            raise InvalidRequestError(
                f"{mapper.class_.__name__}.{name} has an SQL expression as its default, which COPY cannot work out. Give the values, or use"
                " bulk_insert(), or make it a server_default."
            )
    return [name for name in columns if name in first or name in defaults], defaults


def _sequences(
    mapper: Mapper, rows: Iterable[Mapping[str, Any]], names: list[str], defaults: Mapping[str, Callable[[], Any]]
) -> Iterator[list[Any]]:
    given = {name for name in names if name not in defaults}
    for row in rows:
        if row.keys() != given:
            odd = sorted(row.keys() ^ given)
            raise InvalidRequestError(
                f"copy_from() got a row of {mapper.class_.__name__} with other columns than the first: {', '.join(odd)}. Give all rows the"
                " same, with None where there is no value."
            )
        yield [row[name] if name in row else defaults[name]() for name in names]
