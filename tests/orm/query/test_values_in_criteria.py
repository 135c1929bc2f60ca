"""What stands beside a column is taken, or refused, as an assignment to it would be: the same on both databases, wherever it stands."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from flask_uow import (
    ARRAY,
    JSON,
    DataError,
    DateTime,
    DeclarativeBase,
    Engine,
    Enum,
    Integer,
    Mapped,
    Numeric,
    Session,
    String,
    bindparam,
    case,
    func,
    insert,
    literal,
    mapped_column,
    select,
    text,
    tuple_,
    update,
)

UTC = dt.UTC
NOON = dt.datetime(2024, 5, 1, 12)
MIDNIGHT = dt.datetime(2024, 5, 1)
DAY = dt.date(2024, 5, 1)
KEY = uuid.UUID(int=5)


class State(enum.Enum):
    OPEN = "open"
    DONE = "OPEN"


class Base(DeclarativeBase):
    pass


class Ticket(Base):
    __tablename__ = "ticket"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime]
    midnight: Mapped[dt.datetime]
    zoned: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))
    day: Mapped[dt.date]
    time: Mapped[dt.time]
    took: Mapped[dt.timedelta]
    state: Mapped[State]
    size: Mapped[str] = mapped_column(Enum("s", "m"))
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    weight: Mapped[float]
    count: Mapped[int]
    short: Mapped[str] = mapped_column(String(3))
    active: Mapped[bool]
    token: Mapped[uuid.UUID]
    data: Mapped[bytes]
    wishes: Mapped[Any] = mapped_column(JSON)
    tags: Mapped[list[int]] = mapped_column(ARRAY(Integer))


class Device(Base):
    __tablename__ = "device"
    serial: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


def values(**changed: Any) -> dict[str, Any]:
    return {
        "at": NOON, "midnight": MIDNIGHT, "zoned": NOON.replace(tzinfo=UTC), "day": DAY, "time": dt.time(12), "took": dt.timedelta(hours=1),
        "state": State.OPEN, "size": "s", "price": Decimal("2.50"), "weight": 1.5, "count": 4, "short": "abc", "active": True, "token": KEY,
        "data": b"x", "wishes": {"room": "blue", "beds": [1, 2]}, "tags": [1], **changed,
    }  # fmt: skip


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Ticket(**values()))
        session.commit()
        yield session


TAKEN: list[tuple[str, Any, Any]] = [
    # the attribute, a value that is equal to the row's, one that is greater
    ("count", "4", "5"),
    ("count", 4.0, 4.5),
    ("count", Decimal(4), Decimal("4.01")),
    ("count", 4, 10**30),
    ("active", 1, None),
    ("price", 2.5, 2.75),
    ("price", Decimal("2.500"), 3),
    ("price", Decimal("2.5"), Decimal("2.505")),
    ("price", Decimal("2.5"), 10**30),
    ("weight", Decimal("1.5"), 2),
    ("midnight", DAY, dt.date(2024, 5, 2)),
    ("day", MIDNIGHT, NOON),
    ("zoned", NOON.replace(tzinfo=UTC).astimezone(dt.timezone(dt.timedelta(hours=5))), dt.date(2024, 5, 2)),
    ("token", str(KEY), None),
    ("token", KEY.hex.upper(), None),
    ("short", "abc", "abcdef"),
    ("state", State.OPEN, None),
    ("size", "s", None),
    ("data", bytearray(b"x"), None),
]

FORMS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda column, value: column == value,
    "in": lambda column, value: column.in_([value]),
    "between": lambda column, value: column.between(value, value),
    "row value": lambda column, value: tuple_(column, Ticket.id) == (value, 1),
    "row values": lambda column, value: tuple_(column, Ticket.id).in_([(value, 1)]),
    "distinct from": lambda column, value: column.is_not_distinct_from(value),
    "not": lambda column, value: ~(column != value),
    "parameter": lambda column, value: column == bindparam("x", value),
    "case": lambda column, value: case((column == value, 1), else_=0) == 1,
    "case of a value": lambda column, value: case({value: 1}, value=column, else_=0) == 1,
    "coalesce": lambda column, value: func.coalesce(None, column) == value,
    "value of coalesce": lambda column, value: column == func.coalesce(value, column),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_value_of_another_type_that_loses_nothing_finds_the_row(session: Session, form: str) -> None:
    for name, equal, greater in TAKEN:
        column, value = getattr(Ticket, name), bytes(equal) if isinstance(equal, bytearray) else equal
        case_of_it = f"{name} {value!r}"
        assert session.query(Ticket).filter(FORMS[form](column, value)).count() == 1, case_of_it
        if greater is not None:
            assert session.query(Ticket).filter(FORMS[form](column, greater)).count() == 0, case_of_it


def test_values_of_neighbouring_types_are_ordered_beside_columns(session: Session) -> None:
    for name, equal, greater in TAKEN:
        column = getattr(Ticket, name)
        if greater is not None:
            found = [column < greater, column <= equal, column > equal, column >= greater]
            assert [session.query(Ticket).filter(criterion).count() for criterion in found] == [1, 1, 0, 0], name


REFUSED: list[tuple[str, Any]] = [
    ("count", "many"),
    ("count", "4.0"),
    ("count", ""),
    ("count", DAY),
    ("count", b"4"),
    ("count", KEY),
    ("active", 2),
    ("active", "true"),
    ("price", "2.50"),
    ("price", 0.1),
    ("price", float("nan")),
    ("price", Decimal("NaN")),
    ("price", Decimal("Infinity")),
    ("price", True),
    ("weight", "1.5"),
    ("at", "2024-05-01T12:00:00"),
    ("at", "2024-05-01"),
    ("at", 1714564800),
    ("at", NOON.replace(tzinfo=UTC)),
    ("zoned", NOON),
    ("zoned", "2024-05-01T15:00:00+04:00"),
    ("day", "2024-5-1"),
    ("day", 20240501),
    ("time", "12:00"),
    ("time", NOON),
    ("took", 3600),
    ("state", "OPEN"),
    ("state", "open"),
    ("size", "x"),
    ("short", 5),
    ("short", b"abc"),
    ("token", "5"),
    ("token", 5),
    ("data", "x"),
    ("tags", 1),
]
WAYS: dict[str, Callable[[Session, str, Any], Any]] = {
    **{
        form: lambda session, name, value, make=make: (
            session.query(Ticket).filter(make(getattr(Ticket, name), value)).all()
        )
        for form, make in FORMS.items()
        if form not in ("value of coalesce", "case of a value")
    },
    "filter_by": lambda session, name, value: session.query(Ticket).filter_by(**{name: value}).all(),
    "given parameter": lambda session, name, value: session.execute(
        select(Ticket).where(getattr(Ticket, name) == bindparam("x")), {"x": value}
    ).all(),
    "assignment": lambda session, name, value: (session.add(Ticket(**values(**{name: value}))), session.flush()),
    "change": lambda session, name, value: (setattr(session.query(Ticket).one(), name, value), session.flush()),
    "insert": lambda session, name, value: session.execute(insert(Ticket).values(**values(**{name: value}))),
    "insert of rows": lambda session, name, value: session.execute(insert(Ticket), [values(), values(**{name: value})]),
    "update": lambda session, name, value: session.execute(update(Ticket).values({name: value})),
    "bulk insert": lambda session, name, value: session.bulk_insert(Ticket, [values(), values(**{name: value})]),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_value_that_would_lose_something_is_refused_with_its_column_and_a_cure(session: Session, way: str) -> None:
    for name, value in REFUSED:
        with pytest.raises(DataError) as caught:
            WAYS[way](session, name, value)
        said = caught.value.message
        assert name in said or "parameter :x" in said, (name, value)
        assert f"the {type(value).__name__} " in said, said
        assert "expected" in said, said
        session.rollback()
    assert session.query(Ticket).count() == 1


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("count", "12", 12),
        ("price", 2.5, Decimal("2.5")),
        ("price", 3, Decimal(3)),
        ("midnight", DAY, MIDNIGHT),
        ("token", str(KEY), KEY),
        ("active", 0, False),
    ],
)
def test_what_is_stored_is_converted_alike(session: Session, name: str, given: Any, expected: Any) -> None:
    column = getattr(Ticket, name)
    session.query(Ticket).delete()
    session.add_all([Ticket(**values(**{name: given})), Ticket(**values(**{name: given}))])
    session.commit()
    session.execute(insert(Ticket).values(**values(**{name: given})))
    session.execute(insert(Ticket), [values(**{name: given})])
    session.bulk_insert(Ticket, [values(**{name: given}), values()])
    session.execute(update(Ticket).values({name: given}))
    assert session.scalars(select(column)).all() == [expected] * 6
    assert {type(value) for value in session.scalars(select(column))} == {type(expected)}


def test_an_object_has_the_converted_value_as_soon_as_it_is_written(session: Session) -> None:
    ticket = Ticket(**values(price=2.5, midnight=DAY, token=KEY.hex, id="77", count="9"))  # type: ignore[arg-type]
    assert (ticket.price, ticket.midnight, ticket.token) == (Decimal("2.5"), MIDNIGHT, KEY)
    session.add(ticket)
    session.flush()
    assert (ticket.id, ticket.count) == (77, 9)
    assert session.get(Ticket, 77) is session.get(Ticket, "77") is ticket
    ticket.count = "10"  # type: ignore[assignment]
    session.flush()
    assert ticket.count == 10
    other = Ticket(**values(count="many"))  # type: ignore[arg-type]
    session.add(other)
    with pytest.raises(DataError, match=r"ticket\.count"):
        session.flush()


@pytest.mark.parametrize("is_loaded", [True, False])
def test_get_takes_a_key_as_text_and_finds_the_object_that_is_there(session: Session, is_loaded: bool) -> None:
    session.add(Device(serial=KEY, number=3))
    session.commit()
    ticket = session.query(Ticket).one() if is_loaded else None
    device = session.query(Device).one() if is_loaded else None
    for ident in ("1", 1.0, Decimal(1), True):
        found = session.get(Ticket, ident)
        assert found is not None
        assert ticket is None or found is ticket
    for key in ((str(KEY), "3"), {"serial": KEY.hex, "number": 3}, [KEY, 3.0]):
        device = device or session.get(Device, key)
        assert session.get(Device, key) is device is not None
    assert session.query(Ticket).get("1") is not None
    assert session.query(Ticket).populate_existing().get("1") is not None
    for wrong in ("one", "1.0", " 1", 1.5, DAY):
        with pytest.raises(DataError, match=r"Ticket\.id, a primary key"):
            session.get(Ticket, wrong)


def test_rows_are_merged_and_updated_in_bulk_under_keys_that_are_texts(session: Session) -> None:
    ticket = session.query(Ticket).one()
    assert session.merge(Ticket(id="1", count=9)) is ticket  # type: ignore[call-arg]
    session.commit()
    assert ticket.count == 9
    session.bulk_update(Ticket, [{"id": "1", "count": "10"}])
    assert ticket.count == 10
    assert session.query(Ticket).count() == 1


def test_a_parameter_of_sql_text_takes_what_its_type_takes(session: Session) -> None:
    sql = text("SELECT count(*) FROM ticket WHERE count = :n").bindparams(bindparam("n", type_=Integer))
    assert session.scalar(sql, {"n": "4"}) == 1
    with pytest.raises(DataError, match=r"parameter :n: the str 'many'"):
        session.scalar(sql, {"n": "many"})


def test_a_named_parameter_has_the_type_of_what_it_is_compared_with(session: Session) -> None:
    by_count = select(Ticket.id).where(Ticket.count == bindparam("n"))
    assert session.scalar(by_count, {"n": "4"}) == 1
    assert session.scalar(by_count, {"n": 10**12}) is None
    assert session.scalar(select(Ticket.id).where(Ticket.midnight == bindparam("at")), {"at": DAY}) == 1
    assert session.scalar(select(Ticket.id).where(Ticket.short == bindparam("x", "longer than three"))) is None
    assert session.scalar(select(Ticket.id).where(Ticket.count.in_([bindparam("a"), bindparam("b", 4)])), {"a": 1}) == 1
    assert session.scalar(select(Ticket.id).where(Ticket.price == bindparam("p", type_=Numeric)), {"p": 2.5}) == 1


def test_expressions_of_a_type_take_what_columns_of_it_take(session: Session) -> None:
    one = session.query(Ticket)
    assert one.filter(func.max(Ticket.count) == "4").having(func.count() == "1").statement is not None
    assert one.filter(func.length(Ticket.short) == "3").count() == 1
    assert one.filter(Ticket.count + 1 == "5").count() == 1
    assert one.filter(literal(4) == Ticket.count).count() == 1
    for refused in (lambda: func.count() == "many", lambda: Ticket.count + 1 == "x", lambda: func.lower("x") == 5):
        with pytest.raises(DataError):
            refused()


def test_patterns_stand_beside_texts_and_enums(session: Session) -> None:
    assert session.query(Ticket).filter(Ticket.short.like("a%"), Ticket.short.contains("b")).count() == 1
    assert session.query(Ticket).filter(Ticket.state.like("OP%")).count() == 1
    with pytest.raises(DataError, match="pattern of LIKE"):
        Ticket.short.like(5)


def test_keys_of_json_are_no_documents(session: Session, database: str) -> None:
    room = Ticket.wishes.op("->>")("room")
    assert session.query(Ticket).filter(room == "blue").count() == 1
    assert session.query(Ticket).filter(room.like("b%")).count() == 1
    assert session.scalar(select(Ticket.wishes.op("->")("beds"))) == [1, 2]
    assert session.scalar(select(Ticket.wishes.op("->")("beds").op("->>")(1))) in ("2", 2)
    if database == "postgresql":
        assert session.query(Ticket).filter(Ticket.wishes.op("@>")({"room": "blue"})).count() == 1
        assert (
            session.query(Ticket)
            .filter(Ticket.wishes.op("?")("room"), Ticket.wishes.op("#>>")("{beds,0}") == "1")
            .count()
            == 1
        )
