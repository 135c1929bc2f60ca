"""What Python works out of criteria is what the database finds, for every pair of types that stand beside each other; else the rows are asked for."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from flask_uow import (
    DataError,
    DateTime,
    DBAPIError,
    DeclarativeBase,
    Engine,
    Float,
    InvalidRequestError,
    Mapped,
    Numeric,
    Session,
    bindparam,
    case,
    delete,
    mapped_column,
    select,
    update,
)
from flask_uow.sql.types.named import REAL

UTC = dt.UTC
DAY = dt.date(2024, 5, 1)
MIDNIGHT = dt.datetime(2024, 5, 1)
NOON = dt.datetime(2024, 5, 1, 12)


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "row"
    id: Mapped[int] = mapped_column(primary_key=True)
    whole: Mapped[int | None]
    price: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    cheap: Mapped[float | None] = mapped_column(Numeric(12, 2, asdecimal=False))
    weight: Mapped[float | None]
    single: Mapped[float | None] = mapped_column(Float(24))
    real: Mapped[float | None] = mapped_column(REAL)
    active: Mapped[bool | None]
    day: Mapped[dt.date | None]
    at: Mapped[dt.datetime | None]
    zoned: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    took: Mapped[dt.timedelta | None]
    mark: Mapped[int] = mapped_column(default=0)


ROWS: list[dict[str, Any]] = [
    {
        "whole": 1, "price": Decimal("1.00"), "cheap": 1.0, "weight": 1.0, "single": 1.0, "real": 1.0, "active": True, "day": DAY, "at": MIDNIGHT,
        "zoned": MIDNIGHT.replace(tzinfo=UTC), "took": dt.timedelta(hours=1),
    },
    {
        "whole": 2, "price": Decimal("0.10"), "cheap": 0.1, "weight": 0.1, "single": 0.1, "real": 0.1, "active": False, "day": DAY, "at": NOON,
        "zoned": NOON.replace(tzinfo=UTC), "took": dt.timedelta(days=1),
    },
    {
        "whole": 0, "price": Decimal("2.50"), "cheap": 2.5, "weight": 2.5, "single": 2.5, "real": 2.5, "active": True,
        "day": dt.date(2024, 5, 2), "at": MIDNIGHT, "zoned": NOON.replace(tzinfo=dt.timezone(dt.timedelta(hours=14))), "took": dt.timedelta(0),
    },
    {},
]  # fmt: skip
NUMBERS = ["whole", "price", "cheap", "weight", "single", "real"]
MOMENTS = ["day", "at", "zoned"]
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "in": lambda a, b: a.in_([b]),
    "not in": lambda a, b: a.not_in([b]),
    "between": lambda a, b: a.between(b, b),
    "distinct": lambda a, b: a.is_distinct_from(b),
    "not distinct": lambda a, b: a.is_not_distinct_from(b),
    "case": lambda a, b: case((a == b, 1), else_=0) == 1,
    "plus": lambda a, b: a + b > b,
}
VALUES: dict[str, list[Any]] = {
    **{name: [1, True, 1.0, 2.5, 0.1, Decimal(1), Decimal("0.1"), Decimal("2.50"), "1", 2**53 + 1, float(2**53)] for name in NUMBERS},
    **{name: [DAY, MIDNIGHT, NOON, MIDNIGHT.replace(tzinfo=UTC), MIDNIGHT.replace(tzinfo=dt.timezone(dt.timedelta(hours=1)))] for name in MOMENTS},
    "active": [True, 1, 0],
    "took": [dt.timedelta(hours=1), dt.timedelta(minutes=60)],
}  # fmt: skip


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Row(**values) for values in ROWS])
        session.commit()
        yield session


def in_step(session: Session, rows: list[Row], criterion: Any, params: dict[str, Any] | None = None) -> bool:
    """Mark rows by a statement; return False where the database refuses it. The objects and the rows must be marked alike."""
    session.execute(update(Row).values(mark=0).execution_options(synchronize_session=False))
    session.expire_all()
    for row in rows:
        assert row.mark == 0
    savepoint = session.begin_nested()
    try:
        session.execute(update(Row).where(criterion).values(mark=1), params)
    except DBAPIError:
        savepoint.rollback()
        return False
    savepoint.commit()
    in_python = [row.mark for row in rows]
    assert in_python == session.scalars(select(Row.mark).order_by(Row.id)).all(), str(criterion)
    return True


@pytest.mark.parametrize("operator", OPERATORS)
def test_objects_are_in_step_whatever_stands_beside_a_column(session: Session, operator: str) -> None:
    rows = session.query(Row).order_by(Row.id).all()
    understood = 0
    for name, values in VALUES.items():
        for value in values:
            try:
                criterion = OPERATORS[operator](getattr(Row, name), value)
            except DataError:
                continue
            understood += in_step(session, rows, criterion)
    assert understood > 20


@pytest.mark.parametrize("operator", OPERATORS)
def test_objects_are_in_step_where_two_columns_are_compared(session: Session, operator: str) -> None:
    rows = session.query(Row).order_by(Row.id).all()
    understood = 0
    for family in (NUMBERS, MOMENTS, ["took"], ["active"]):
        for left, right in itertools.product(family, repeat=2):
            understood += in_step(session, rows, OPERATORS[operator](getattr(Row, left), getattr(Row, right)))
    assert understood >= 30


@pytest.mark.parametrize(
    ("name", "value"),
    [("whole", "1"), ("whole", True), ("price", 2.5), ("at", DAY), ("zoned", NOON.replace(tzinfo=UTC))],
)
def test_objects_are_in_step_with_parameters_that_are_given_later(session: Session, name: str, value: Any) -> None:
    rows = session.query(Row).order_by(Row.id).all()
    assert in_step(session, rows, getattr(Row, name) == bindparam("x"), {"x": value})
    assert sum(row.mark for row in rows) >= 1


def test_a_delete_takes_the_objects_of_the_rows_that_are_gone(session: Session) -> None:
    first = session.query(Row).filter_by(whole=1).one()
    session.query(Row).filter(Row.at == DAY, Row.day == MIDNIGHT, Row.price == 1, Row.whole == "1").delete()
    assert first not in session
    assert session.query(Row).count() == 3
    session.execute(delete(Row).where(Row.zoned <= dt.date(2024, 5, 2)))
    assert session.query(Row).count() == 1


def test_what_python_cannot_know_is_said_where_it_is_asked_to_evaluate(session: Session) -> None:
    rows = session.query(Row).all()
    assert rows
    with pytest.raises(InvalidRequestError, match="evaluate"):
        session.query(Row).filter(Row.price == Row.weight).update({"mark": 1}, synchronize_session="evaluate")
