"""Numbers that the database makes: sequences and identity columns; and defaults that it has anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError
from flask_uow.sql.ddl import CreateSequence, DropSequence
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.types import INTEGERTYPE, BigInteger, Integer, TypeEngine, to_instance

if TYPE_CHECKING:
    from flask_uow.sql.interfaces import DDLBind
    from flask_uow.sql.schema import MetaData

__all__ = ["Computed", "FetchedValue", "Identity", "NextValue", "Sequence"]


class FetchedValue:
    """``server_default=FetchedValue()``: the database fills the column in, by a trigger say; DDL does not mention it."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Computed(FetchedValue):
    """A column that the database works out of others: ``Column("total", Integer, Computed("price * quantity"))``.

    It is read back after an INSERT, loaded anew after an UPDATE, and never written.

    :param sqltext: the expression: SQL text of the programmer's own, or an expression over columns of the table.
    :param persisted: True stores the value with the row; False works it out whenever it is read (PostgreSQL 18 and SQLite can).
    """

    def __init__(self, sqltext: object, persisted: bool = True) -> None:
        as_element = getattr(sqltext, "__clause_element__", None)
        self.sqltext = sqltext if as_element is None else as_element()
        self.persisted = persisted


class _Numbering:
    """The base of sequences and identity columns.

    :ivar start: the first number.
    :ivar increment: the step.
    :ivar minvalue: the smallest number, None for the database's own.
    :ivar maxvalue: the largest number, likewise.
    :ivar cycle: True begins anew after the last number.
    :ivar cache: how many numbers the server makes at once, None for its own choice.
    :ivar nominvalue: True says NO MINVALUE, which goes without saying.
    :ivar nomaxvalue: True says NO MAXVALUE, likewise.
    """

    def __init__(
        self,
        start: int | None,
        increment: int | None,
        minvalue: int | None,
        maxvalue: int | None,
        cycle: bool,
        cache: int | None,
        nominvalue: bool,
        nomaxvalue: bool,
    ) -> None:
        for name, value in (
            ("start", start),
            ("increment", increment),
            ("minvalue", minvalue),
            ("maxvalue", maxvalue),
            ("cache", cache),
        ):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise ArgumentError(f"{type(self).__name__}({name}={value!r}): expected an int.")
        if increment == 0:
            raise ArgumentError(f"{type(self).__name__}(increment=0) would never go on.")
        self.start = start
        self.increment = increment
        self.minvalue = minvalue
        self.maxvalue = maxvalue
        self.cycle = cycle
        self.cache = cache
        for word, value, refused in (("minvalue", minvalue, nominvalue), ("maxvalue", maxvalue, nomaxvalue)):
            if refused and value is not None:
                raise ArgumentError(f"{type(self).__name__}({word}={value}, no{word}=True): pass one of them.")
        self.nominvalue, self.nomaxvalue = nominvalue, nomaxvalue

    def options(self) -> list[str]:
        """Return the options as SQL writes them, those that were given."""
        given = [
            ("START WITH", self.start), ("INCREMENT BY", self.increment), ("MINVALUE", self.minvalue),
            ("MAXVALUE", self.maxvalue), ("CACHE", self.cache),
        ]  # fmt: skip
        said = (("NO MINVALUE", self.nominvalue), ("NO MAXVALUE", self.nomaxvalue), ("CYCLE", self.cycle))
        return [f"{words} {value}" for words, value in given if value is not None] + [
            w for w, is_said in said if is_said
        ]


class Sequence(_Numbering):
    """A sequence of the database (PostgreSQL); as the default of a column it numbers new rows.

    :param name: its name in the database.
    :param schema: the schema that it is in.
    :param metadata: creates and drops it with these tables, for one that is no column's default.
    :param data_type: the type of its numbers, ``SmallInteger`` say; BIGINT when None.
    :param info: for the application's own use.
    :param optional: use it only for a column that the database does not number by itself: not for a single integer primary key.

    The other parameters are those of ``CREATE SEQUENCE``.
    """

    def __init__(
        self,
        name: str,
        start: int | None = None,
        increment: int | None = None,
        schema: str | None = None,
        *,
        minvalue: int | None = None,
        maxvalue: int | None = None,
        cycle: bool = False,
        cache: int | None = None,
        metadata: MetaData | None = None,
        optional: bool = False,
        nominvalue: bool = False,
        nomaxvalue: bool = False,
        data_type: TypeEngine[Any] | type[TypeEngine[Any]] | None = None,
        info: dict[Any, Any] | None = None,
    ) -> None:
        super().__init__(start, increment, minvalue, maxvalue, cycle, cache, nominvalue, nomaxvalue)
        self.optional = optional
        self.data_type: TypeEngine[Any] | None = to_instance(data_type) if data_type is not None else None
        if self.data_type is not None and not isinstance(self.data_type.stored_type, Integer):
            raise ArgumentError(f"Sequence({name!r}, data_type={self.data_type!r}): expected a type of integers.")
        self.info = dict(info or {})
        self.metadata = metadata
        self.name = name
        self.schema = schema
        if metadata is not None:
            metadata.sequences[self.fullname] = self

    @property
    def fullname(self) -> str:
        """The name, with the schema's in front where there is one."""
        return f"{self.schema}.{self.name}" if self.schema else self.name

    def create(self, bind: DDLBind, checkfirst: bool = True) -> None:
        """Create the sequence; on a database without sequences, do nothing.

        :param bind: an Engine or a Connection.
        :param checkfirst: leave one alone that exists.
        """
        with bind.ddl_connection() as connection:
            if connection.dialect.supports_sequences:
                connection.execute(CreateSequence(self, checkfirst))

    def drop(self, bind: DDLBind, checkfirst: bool = True) -> None:
        """Drop the sequence; parameters as for :meth:`create`."""
        with bind.ddl_connection() as connection:
            if connection.dialect.supports_sequences:
                connection.execute(DropSequence(self, checkfirst))

    def next_value(self) -> NextValue:
        """Return the expression for the next number: ``select(sequence.next_value())``."""
        return NextValue(self)

    def __repr__(self) -> str:
        return f"Sequence({self.fullname!r})"


class Identity(FetchedValue, _Numbering):
    """``GENERATED ... AS IDENTITY``: the database numbers the rows.

    On SQLite it can be the integer primary key only, which is numbered anyway; its options mean nothing there.

    :param always: refuse numbers that the application gives.

    The other parameters are those of ``CREATE SEQUENCE``.
    """

    def __init__(
        self,
        always: bool = False,
        start: int | None = None,
        increment: int | None = None,
        *,
        minvalue: int | None = None,
        maxvalue: int | None = None,
        cycle: bool = False,
        cache: int | None = None,
        nominvalue: bool = False,
        nomaxvalue: bool = False,
    ) -> None:
        _Numbering.__init__(self, start, increment, minvalue, maxvalue, cycle, cache, nominvalue, nomaxvalue)
        self.always = always


class NextValue(ColumnElement[int]):
    """The next number of a sequence."""

    __slots__ = ("sequence",)
    __visit_name__ = "next_value"

    def __init__(self, sequence: Sequence) -> None:
        self.sequence = sequence
        self.type = BigInteger() if (sequence.maxvalue or 0) > INTEGERTYPE.maximum else INTEGERTYPE

    def _parts(self) -> tuple[Any, ...]:
        return (self.sequence.fullname,)
