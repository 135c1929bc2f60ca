"""Rows -> the text format of COPY (https://www.postgresql.org/docs/current/sql-copy.html, "File Formats"), made while it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from flask_uow.engine.dialects.base import Dialect
from flask_uow.engine.dialects.batch import Columns, TableInfo
from flask_uow.engine.dialects.postgresql_arrays import element_text
from flask_uow.exc import DataError
from flask_uow.sql.types import TypeEngine

__all__ = ["CopySource", "copy_statement"]

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_NULL = "\\N"


def copy_statement(dialect: Dialect, table: TableInfo, columns: Columns) -> str:
    """Return ``COPY table (columns) FROM STDIN``."""
    name = dialect.batch.table_name(table)
    return f"COPY {name} ({', '.join(dialect.quote(column.name) for column in columns)}) FROM STDIN"


class CopySource:
    """The file that the driver reads the data of a COPY from; rows are taken from an iterable when they are needed.

    :param rows: sequences of values, in the order of ``columns``.
    :param progress: called with the number of rows so far, now and then.

    :ivar count: the rows so far.
    :ivar error: what taking or converting a row has raised; the driver only says that reading failed.
    """

    def __init__(
        self,
        dialect: Dialect,
        table: TableInfo,
        columns: Columns,
        rows: Iterable[Sequence[Any]],
        progress: Callable[[int], object] | None,
        every: int,
    ) -> None:
        self._table = table
        self._columns = columns
        self._writers = [_writer(column.type, dialect) for column in columns]
        self._lines = self._written(iter(rows))
        self._progress = progress
        self._every = every
        self._rest = ""
        self.count = 0
        self.error: BaseException | None = None

    def read(self, size: int) -> str:
        """Return the next ``size`` characters, fewer at the end."""
        parts = [self._rest]
        length = len(self._rest)
        try:
            while length < size:
                line = next(self._lines, None)
                if line is None:
                    break
                parts.append(line)
                length += len(line)
        except BaseException as error:
            # the driver reports an error of its own in its place, so it is kept for who has called COPY
            self.error = error
            raise
        text = "".join(parts)
        self._rest = text[size:]
        return text[:size]

    def _written(self, rows: Iterator[Sequence[Any]]) -> Iterator[str]:
        writers = self._writers
        for row in rows:
            try:
                line = "\t".join(
                    [
                        _NULL if (text := write(value)) is None else text
                        for write, value in zip(writers, row, strict=True)
                    ]
                )
            except DataError as error:
                raise self._located(row, error) from error
            self.count += 1
            if self._progress is not None and self.count % self._every == 0:
                self._progress(self.count)
            yield line + "\n"

    def _located(self, row: Sequence[Any], error: DataError) -> DataError:
        # which column it was is looked for only now: rows that are right pay nothing for the message
        for column, write, value in zip(self._columns, self._writers, row, strict=True):
            try:
                write(value)
            except DataError as found:
                return DataError(
                    f"{self._table.name}.{column.name}, row {self.count + 1}: {found.message}", orig=found.orig
                )
        return error


def _writer(type_: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], str | None]:
    """Return the function from a value to its field; None for NULL."""
    text_of = element_text(dialect.stored_as(type_), dialect)
    processor = dialect.bind_processor(type_)

    def write(value: object) -> str | None:
        bound = processor(value) if processor is not None else value
        if bound is None:
            return None
        return text_of(bound).translate(_ESCAPES)

    return write
