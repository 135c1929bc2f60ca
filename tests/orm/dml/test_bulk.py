"""Many rows at once: bulk_insert, bulk_update, copy_from."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg2.extensions
import psycopg2.extras
import pytest

from flask_uow import (
    ARRAY,
    JSON,
    Boolean,
    DataError,
    DateTime,
    DBAPIError,
    DeclarativeBase,
    Engine,
    Enum,
    Float,
    IntegrityError,
    Interval,
    InvalidRequestError,
    LargeBinary,
    Mapped,
    Numeric,
    PickleType,
    Session,
    StaleDataError,
    String,
    Uuid,
    func,
    literal,
    mapped_column,
    select,
)
from tests.orm.models import Place, Post, Tag, User
from tests.statements import StatementLog


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Base(DeclarativeBase):
    pass


class Sample(Base):
    __tablename__ = "sample"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str | None]
    short: Mapped[str | None] = mapped_column(String(5))
    number: Mapped[Decimal | None] = mapped_column(Numeric(20, 4))
    ratio: Mapped[float | None] = mapped_column(Float)
    flag: Mapped[bool | None] = mapped_column(Boolean)
    day: Mapped[dt.date | None]
    moment: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    span: Mapped[dt.timedelta | None] = mapped_column(Interval)
    data: Mapped[bytes | None] = mapped_column(LargeBinary)
    document: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    key: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    color: Mapped[Color | None] = mapped_column(Enum(Color))
    words: Mapped[list[str] | None] = mapped_column(ARRAY(String(20)))
    thing: Mapped[Any] = mapped_column(PickleType, nullable=True)
    made_by: Mapped[str] = mapped_column(default=lambda: "python")
    made_in: Mapped[str] = mapped_column(server_default="database")
    changed: Mapped[int | None] = mapped_column(onupdate=lambda: 7)


def samples() -> Iterator[dict[str, Any]]:
    """Rows with everything that an escape could get wrong."""
    texts = ["plain", "", "tab\tnew\nline\rback\\slash", "\\N", "\\.", "'quo\"te", "a,b{c}", "üñî\u2028", None]
    for number, text in enumerate(texts):
        yield {
            "text": text,
            "short": "abc" if text else None,
            "number": Decimal("-12345678901234.5") if text else None,
            "ratio": 0.1 + number,
            "flag": number % 2 == 0,
            "day": dt.date(2020, 1, 1 + number),
            "moment": dt.datetime(2020, 1, 1, number, 30, 0, 5, tzinfo=dt.UTC),
            "span": dt.timedelta(days=-number, seconds=5, microseconds=7),
            "data": bytes(range(256)) if text else None,
            "document": {"text": text, "list": [1, None, "\\"]},
            "key": uuid.UUID(int=number),
            "color": Color.BLUE,
            "words": [text[:20], None, "x"] if text else [],
            "thing": {"text": text, "set": {1}},
        }


@pytest.fixture
def sampled(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    session = Session(engine)
    yield session
    session.close()


def stored(session: Session) -> list[dict[str, Any]]:
    names = list(next(samples()))
    return [{name: getattr(sample, name) for name in names} for sample in session.query(Sample).order_by(Sample.id)]


@pytest.mark.parametrize("way", ["bulk_insert", "copy_from"])
def test_every_value_arrives_as_it_was(sampled: Session, way: str) -> None:
    assert getattr(sampled, way)(Sample, samples()) == 9
    assert stored(sampled) == list(samples())
    found = sampled.query(Sample).first()
    assert (found.made_by, found.made_in, found.changed) == ("python", "database", None)


def test_copy_uses_copy_where_there_is_one(sampled: Session, database: str, statements: StatementLog) -> None:
    sampled.copy_from(Sample, samples())
    assert any(sql.startswith("COPY sample") for sql in statements.sql) is (database == "postgresql")


def test_without_copy_the_rows_are_inserted(sampled: Session, database: str, statements: StatementLog) -> None:
    """psycopg2 refuses COPY where a wait callback is set, as gevent's is."""
    psycopg2.extensions.set_wait_callback(psycopg2.extras.wait_select)
    try:
        assert sampled.copy_from(Sample, samples()) == 9
        assert stored(sampled) == list(samples())
        assert not any("COPY" in sql for sql in statements.sql)
        if database == "postgresql":
            assert any("unnest" in sql for sql in statements.sql)
    finally:
        sampled.rollback()
        psycopg2.extensions.set_wait_callback(None)


def test_rows_are_mappings_objects_or_sequences(session: Session) -> None:
    assert session.bulk_insert(Tag, [{"label": "a"}, Tag(label="b"), {Tag.label: "c"}]) == 3
    assert session.copy_from(Tag, [Tag(label="d"), {"label": "e"}]) == 2
    assert session.copy_from(Tag, (("f",) for _ in range(1)), columns=[Tag.label]) == 1
    assert session.copy_from(Tag, [["g"]], columns=["label"]) == 1
    assert session.copy_from(Tag, []) == 0
    assert [label for (label,) in session.query(Tag.label).order_by(Tag.id)] == list("abcdefg")
    assert not session.new
    assert len(session.identity_map) == 0


def test_keys_are_returned_in_the_order_of_the_rows(session: Session) -> None:
    rows = [{"label": "a"}, {"label": "b", "id": 500}, {"label": "c"}]
    keys = session.bulk_insert(Tag, rows, return_keys=True)
    assert {label: session.query(Tag.id).filter_by(label=label).scalar() for label in "abc"} == dict(
        zip("abc", keys, strict=True)
    )
    assert keys[1] == 500
    assert session.bulk_insert(Place, [{"x": 1, "y": 2}], return_keys=True) == [(1, 2)]
    assert session.query(Place.label).scalar() == "nowhere"
    assert rows == [{"label": "a"}, {"label": "b", "id": 500}, {"label": "c"}]


def test_progress_is_reported_page_by_page(session: Session) -> None:
    seen: list[int] = []
    session.bulk_insert(Tag, ({"label": str(n)} for n in range(25_000)), progress=seen.append)
    session.copy_from(Tag, ({"label": str(n)} for n in range(25_000)), progress=seen.append)
    assert seen == [10_000, 20_000, 25_000] * 2
    assert session.query(Tag).count() == 50_000


def test_waiting_objects_are_flushed_first(session: Session) -> None:
    user = User(name="ed")
    session.add(user)
    session.flush()
    session.add(User(name="later"))
    session.bulk_insert(Post, [{"title": "a", "author_id": user.id}])
    assert not session.new
    assert session.query(User).count() == 2


def test_expressions_are_worked_out_by_the_database(session: Session) -> None:
    keys = session.bulk_insert(Tag, [{"label": func.lower("ABC")}, {"label": literal("x")}], return_keys=True)
    assert [session.get(Tag, key).label for key in keys] == ["abc", "x"]


def test_rows_are_updated_by_their_keys(session: Session, statements: StatementLog) -> None:
    keys = session.bulk_insert(User, [{"name": f"u{n}"} for n in range(5)], return_keys=True)
    loaded = session.get(User, keys[0])
    assert loaded.email is None
    with statements.expect(2, "UPDATE"):
        rows = [{"id": keys[0], "email": "a"}, {"id": keys[1], "email": "b"}, {"id": keys[2], "name": "new"}]
        assert session.bulk_update(User, rows) == 3
    assert loaded.email == "a"
    assert session.query(User).filter_by(name="new").one().id == keys[2]
    assert session.bulk_update(User, [User(id=keys[3], name="whole", email="w")]) == 1
    assert session.get(User, keys[3]).email == "w"
    with session.no_autoflush:
        loaded.email = "changed"
        assert session.bulk_update(User, [loaded]) == 1
        assert not session.dirty
    assert loaded.email == "changed"
    assert loaded.name == "u0"


def test_onupdate_defaults_hold_for_bulk_updates(sampled: Session) -> None:
    (key,) = sampled.bulk_insert(Sample, [{"text": "x"}], return_keys=True)
    sampled.bulk_update(Sample, [{"id": key, "text": "y"}])
    assert sampled.get(Sample, key).changed == 7


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (lambda s: s.bulk_insert(Tag, [{"lable": "x"}]), r"Tag has no column attribute 'lable'\. Did you mean 'label'"),
        (lambda s: s.bulk_insert(User, [{"name": "x", "posts": []}]), "Relationships are not written"),
        (lambda s: s.bulk_insert(Tag, [User()]), "take mappings and objects"),
        (lambda s: s.bulk_update(Tag, [{"label": "x"}]), "without its key id"),
        (lambda s: s.bulk_update(Tag, [{"id": 99, "label": "x"}]), "found 0 of 1 rows"),
        (lambda s: s.copy_from(Tag, [("x",)]), "Say with columns"),
        (lambda s: s.copy_from(Tag, [("x", "y")], columns=["label"]), "for the columns label"),
        (lambda s: s.copy_from(Tag, [("x",)], columns=["lable"]), "Did you mean 'label'"),
    ],
)
def test_mistakes_in_bulk_operations_are_explained(session: Session, operation: Any, said: str) -> None:
    with pytest.raises((InvalidRequestError, StaleDataError), match=said):
        operation(session)
    session.rollback()
    assert session.query(Tag).count() == 0


def test_a_row_that_cannot_be_stored_ends_the_transaction_with_its_own_error(sampled: Session, database: str) -> None:
    with pytest.raises(DataError, match=r"sample\.short") as caught:
        sampled.copy_from(Sample, [{"short": "ok"}, {"short": "too long"}])
    if database == "postgresql":
        assert "row 2" in str(caught.value)
    sampled.rollback()

    def failing() -> Iterator[dict[str, Any]]:
        yield {"text": "x"}
        raise LookupError("the source is broken")

    with pytest.raises(LookupError, match="the source is broken"):
        sampled.copy_from(Sample, failing())
    sampled.rollback()
    if database == "postgresql":
        with pytest.raises(InvalidRequestError, match="other columns than the first: number"):
            sampled.copy_from(Sample, [{"text": "x"}, {"text": "x", "number": 1}])
        sampled.rollback()
    assert sampled.query(Sample).count() == 0


def test_what_the_database_refuses_is_a_translated_error(session: Session) -> None:
    for way in (session.bulk_insert, session.copy_from):
        with pytest.raises(IntegrityError) as caught:
            way(User, [{"name": "same"}, {"name": "same"}])
        assert isinstance(caught.value, DBAPIError)
        session.rollback()


def test_bulk_operations_are_transactions_of_their_own_in_autocommit_mode(make_session: Any, session: Session) -> None:
    free: Session = make_session(autocommit=True)
    free.bulk_insert(Tag, [{"label": "a"}])
    free.copy_from(Tag, [{"label": "b"}])
    assert session.query(Tag).count() == 2


def test_a_rollback_undoes_them(session: Session) -> None:
    session.bulk_insert(Tag, [{"label": "a"}])
    session.copy_from(Tag, [{"label": "b"}])
    session.rollback()
    assert session.scalars(select(Tag)).all() == []
