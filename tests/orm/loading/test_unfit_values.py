"""Rows that hold what their columns' types do not know: the error names the attribute or the column, and what the value is."""

from __future__ import annotations

import datetime as dt
import enum
import pickle
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from flask_uow import (
    ARRAY,
    JSON,
    Bundle,
    DataError,
    DateTime,
    DeclarativeBase,
    Enum,
    ForeignKey,
    Integer,
    Mapped,
    PickleType,
    Session,
    aliased,
    create_engine,
    defer,
    deferred,
    func,
    joinedload,
    load_only,
    mapped_column,
    relationship,
    select,
    selectinload,
    text,
    update,
)


class Colour(enum.Enum):
    RED = "red"


class Base(DeclarativeBase):
    """The models of this file."""


class Shelf(Base):
    __tablename__ = "unfit_shelf"
    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[dt.date | None]
    jars: Mapped[list[Jar]] = relationship(back_populates="shelf")


class Jar(Base):
    __tablename__ = "unfit_jar"
    id: Mapped[int] = mapped_column(primary_key=True)
    filled: Mapped[dt.datetime | None]
    opened: Mapped[dt.datetime | None] = mapped_column("opened_at", DateTime(timezone=True))
    day: Mapped[dt.date | None]
    hour: Mapped[dt.time | None]
    colour: Mapped[Colour | None]
    price: Mapped[Decimal | None]
    token: Mapped[uuid.UUID | None]
    notes: Mapped[Any] = mapped_column(JSON, nullable=True)
    kept: Mapped[dt.timedelta | None]
    pickled: Mapped[Any] = mapped_column(PickleType, nullable=True)
    numbers: Mapped[Any] = mapped_column(ARRAY(Integer), nullable=True)
    late: Mapped[dt.datetime | None] = deferred(mapped_column())
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey("unfit_shelf.id"))
    shelf: Mapped[Shelf | None] = relationship(back_populates="jars")


class Tool(Base):
    """Its class is told by an enum."""

    __tablename__ = "unfit_tool"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[Colour] = mapped_column(Enum(Colour))
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": Colour.RED}


@pytest.fixture
def session() -> Iterator[Session]:
    # PostgreSQL takes no such value in the first place
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def hold(session: Session, column: str, value: object) -> None:
    session.execute(text("DELETE FROM unfit_jar"))
    session.execute(text(f"INSERT INTO unfit_jar (id, {column}) VALUES (1, :value)"), {"value": value})


@pytest.mark.parametrize(
    ("attribute", "column", "value"),
    [
        ("filled", "filled", "soon"), ("filled", "filled", 5), ("opened", "opened_at", "x"), ("day", "day", "x"), ("hour", "hour", "x"),
        ("colour", "colour", "blue"), ("price", "price", "much"), ("token", "token", "x"), ("notes", "notes", "{x"), ("kept", "kept", "x"),
        ("pickled", "pickled", b"x"), ("numbers", "numbers", "x"),
    ],
)  # fmt: skip
def test_the_error_names_attribute_column_and_the_class_of_the_value(
    session: Session, attribute: str, column: str, value: object
) -> None:
    hold(session, column, value)
    with pytest.raises(DataError) as caught:
        session.query(Jar).all()
    message = str(caught.value)
    assert message.startswith(f"Jar.{attribute} (column unfit_jar.{column}): the database holds {value!r}")
    assert f"but of {type(value).__name__}" in message
    with pytest.raises(DataError, match=rf"unfit_jar\.{column}: the database holds"):
        session.execute(select(getattr(Jar, attribute))).all()
    assert "unfit_jar" in str(pickle.loads(pickle.dumps(caught.value)))


READS: dict[str, Callable[[Session], Any]] = {
    "get": lambda s: s.get(Jar, 1),
    "column and object": lambda s: s.query(Jar.id, Jar).all(),
    "columns": lambda s: s.execute(select(Jar.id, Jar.filled)).all(),
    "a label": lambda s: s.execute(select(Jar.filled.label("at"))).all(),
    "scalars": lambda s: s.scalars(select(Jar.filled)).all(),
    "an alias": lambda s: s.query(aliased(Jar)).all(),
    "a bundle": lambda s: s.query(Bundle("of", Jar.id, Jar.filled)).all(),
    "a text": lambda s: s.query(Jar).from_statement(text("SELECT * FROM unfit_jar")).all(),
    "a table": lambda s: s.connection().execute(select(Jar.__table__.c.id, Jar.__table__.c.filled)).all(),
    "pages": lambda s: list(s.query(Jar).yield_per(2)),
    "pages of rows": lambda s: list(s.execute(select(Jar.filled).execution_options(yield_per=1))),
    "some columns": lambda s: s.query(Jar).options(load_only(Jar.filled)).all(),
    "a returned value": lambda s: s.execute(update(Jar).values(price=1).returning(Jar.filled)).all(),
    "a deferred column": lambda s: s.query(Jar).options(defer(Jar.filled)).one().filled,
    "a refresh": lambda s: s.refresh(s.query(Jar).options(defer(Jar.filled)).one()),
    "populate_existing": lambda s: [s.query(Jar).options(defer(Jar.filled)).all(), s.query(Jar).populate_existing().all()],
}  # fmt: skip


@pytest.mark.parametrize("way", READS)
def test_every_way_of_reading_names_it(session: Session, way: str) -> None:
    hold(session, "filled", "soon")
    with pytest.raises(DataError, match=r"(unfit_jar\.|Jar\.)filled.*'soon', which is no value of DateTime"):
        READS[way](session)


def test_of_a_function_the_name_of_the_item_is_told(session: Session) -> None:
    hold(session, "filled", "soon")
    with pytest.raises(DataError, match=r"^max: the database holds 'soon'"):
        session.scalar(select(func.max(Jar.filled)))


@pytest.mark.parametrize("option", [joinedload, selectinload])
def test_related_objects_are_named_by_their_own_class(session: Session, option: Callable[[Any], Any]) -> None:
    session.execute(text("INSERT INTO unfit_shelf (id, day) VALUES (1, 'x')"))
    session.execute(text("INSERT INTO unfit_jar (id, shelf_id) VALUES (1, 1), (2, 1)"))
    with pytest.raises(DataError, match=r"^Shelf\.day \(column unfit_shelf\.day\)"):
        session.query(Jar).options(option(Jar.shelf)).all()
    session.expunge_all()
    with pytest.raises(DataError, match=r"^Shelf\.day \(column unfit_shelf\.day\)"):
        _ = session.query(Jar).filter_by(id=1).one().shelf


def test_a_value_that_tells_the_class_is_named(session: Session) -> None:
    session.execute(text("INSERT INTO unfit_tool (id, kind) VALUES (1, 'saw')"))
    with pytest.raises(DataError, match=r"unfit_tool\.kind.* holds 'saw'"):
        session.query(Tool).all()


def test_the_rows_before_it_can_be_read(session: Session) -> None:
    hold(session, "filled", "soon")
    session.execute(text("INSERT INTO unfit_jar (id, filled) VALUES (0, '2020-01-02 03:04:05')"))
    with pytest.raises(DataError):
        session.query(Jar).order_by(Jar.id).all()
    assert session.query(Jar).filter_by(id=0).one().filled == dt.datetime(2020, 1, 2, 3, 4, 5)
    session.execute(text("UPDATE unfit_jar SET filled = NULL WHERE id = 1"))
    assert [jar.filled is None for jar in session.query(Jar).order_by(Jar.id)] == [False, True]
