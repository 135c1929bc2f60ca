"""``create_engine(lacks=[...])``: what a server that speaks PostgreSQL's protocol lacks is done without, or refused before it is sent."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from flask_uow import (
    ArgumentError,
    Column,
    CompileError,
    ConfigurationError,
    DeclarativeBase,
    Enum,
    ForeignKey,
    Integer,
    InvalidRequestError,
    Mapped,
    MetaData,
    Sequence,
    Session,
    Table,
    UnitOfWork,
    create_engine,
    mapped_column,
    select,
)
from flask_uow.engine import Engine
from flask_uow.engine.dialects.lacking import FEATURES
from tests.statements import StatementLog

# what may not be sent to a server that lacks it
WORDS = {
    "advisory_locks": "advisory",
    "comments": "COMMENT ON",
    "copy": r"\bCOPY\b",
    "cursors": r"\bDECLARE\b",
    "deferrable": r"(?<!NOT )DEFERRABLE",
    "discard_all": "DISCARD",
    "enums": "CREATE TYPE",
    "for_update": "FOR UPDATE",
    "savepoints": "SAVEPOINT",
    "sequences": "(?i)sequence|nextval",
    "set_local": "SET LOCAL",
    "transaction_ids": "txid",
    "two_phase": "PREPARE TRANSACTION",
}


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Base(DeclarativeBase):
    pass


class Car(Base):
    __tablename__ = "car"
    id: Mapped[int] = mapped_column(Sequence("car_numbers"), primary_key=True)
    colour: Mapped[Colour] = mapped_column(Enum(Colour, name="colour", native_enum=True))
    name: Mapped[str] = mapped_column(comment="as it is painted")


@pytest.fixture
def engine_without(postgresql_uri: str) -> Iterator[Callable[..., Engine]]:
    made: list[Engine] = []

    def make(*lacks: str, **options: Any) -> Engine:
        made.append(create_engine(postgresql_uri, lacks=lacks, **options))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


def texts(engine: Engine) -> list[str]:
    """Collect what is sent over the driver from now on, BEGIN and settings included."""
    sent: list[str] = []
    cursor = engine.pool._connector.cursor

    class Recording:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def execute(self, sql: Any, *parameters: Any) -> Any:
            sent.append(sql if isinstance(sql, str) else str(sql))
            return self.inner.execute(sql, *parameters)

        def copy_expert(self, sql: str, source: Any) -> Any:
            sent.append(sql)
            return self.inner.copy_expert(sql, source)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def __iter__(self) -> Iterator[Any]:
            return iter(self.inner)

    engine.pool._connector.cursor = lambda raw: Recording(cursor(raw))  # type: ignore[method-assign]
    return sent


def use_everything(engine: Engine) -> None:
    """Do what needs no feature that may be lacking, where it is done without."""
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Car(colour=Colour.RED, name="a"))
        session.commit()
        several = [Car(colour=Colour.RED, name=f"c{number}") for number in range(5)]
        session.add_all(several)
        session.commit()
        assert len({car.id for car in several}) == 5
        session.bulk_insert(Car, [{"colour": Colour.RED, "name": "d"}, {"colour": Colour.RED, "name": "e"}])
        assert session.copy_from(Car, [{"colour": Colour.BLUE, "name": "b"}]) == 1
        session.commit()
        assert session.scalars(select(Car.name).where(Car.colour == Colour.BLUE)).all() == ["b"]
    with engine.connect() as connection:
        connection.execute("SET work_mem = '3MB'")
        connection.commit()
    with engine.connect() as connection:
        assert connection.scalar("SHOW work_mem") == "4MB"
        with connection.begin():
            # asks whether something was written
            connection.scalar("SELECT 1")
    Base.metadata.drop_all(engine)


def test_every_feature_is_tried_here() -> None:
    assert WORDS.keys() == FEATURES.keys()


def test_a_server_without_any_of_it_is_sent_none_of_it(engine_without: Callable[..., Engine]) -> None:
    engine = engine_without(*FEATURES)
    sent = texts(engine)
    use_everything(engine)
    for name, word in WORDS.items():
        assert [text for text in sent if re.search(word, text)] == [], name
    assert sent


def test_a_server_with_all_of_it_is_sent_what_is_of_use(engine_without: Callable[..., Engine]) -> None:
    engine = engine_without()
    sent = texts(engine)
    use_everything(engine)
    for name in ("comments", "copy", "enums", "sequences", "set_local"):
        assert [text for text in sent if re.search(WORDS[name], text)], name


REFUSED: dict[str, tuple[Callable[[Engine], object], type[Exception]]] = {
    "copy": (lambda engine: on(engine, lambda c: c.copy_in("COPY car FROM STDIN", None)), InvalidRequestError),
    "cursors": (lambda engine: on(engine, lambda c: next(c.stream("SELECT 1"))), InvalidRequestError),
    "for_update": (lambda engine: on(engine, lambda c: c.execute(select(Car).with_for_update())), CompileError),
    "savepoints": (lambda engine: on(engine, lambda c: (c.begin(), c.begin_nested())), InvalidRequestError),
    "sequences": (lambda engine: on(engine, lambda c: c.scalar(Sequence("car_numbers"))), CompileError),
    "two_phase": (lambda engine: on(engine, lambda c: c.begin_twophase()), InvalidRequestError),
    "set_local": (
        lambda engine: on(engine, lambda c: c.begin(setup=("SET LOCAL statement_timeout = 5000",))),
        InvalidRequestError,
    ),
    "deferrable": (
        lambda engine: Table(
            "late",
            MetaData(),
            Column("id", Integer, primary_key=True),
            Column("next", ForeignKey("late.id", deferrable=True, initially="DEFERRED")),
        ).create(engine),
        CompileError,
    ),
}


def on(engine: Engine, work: Callable[[Any], object]) -> object:
    with engine.connect() as connection:
        return work(connection)


@pytest.mark.parametrize("feature", REFUSED)
def test_what_cannot_be_done_without_is_refused_before_it_is_sent(
    engine_without: Callable[..., Engine], feature: str
) -> None:
    work, error = REFUSED[feature]
    engine = engine_without(feature)
    sent = texts(engine)
    with pytest.raises(error, match=rf"lacks=\['{feature}'\]\. \w+"):
        work(engine)
    assert [text for text in sent if re.search(WORDS[feature], text)] == []


@pytest.mark.parametrize("lacks", [[], ["discard_all"]])
def test_a_connection_that_cannot_be_cleaned_is_closed(engine_without: Callable[..., Engine], lacks: list[str]) -> None:
    engine = engine_without(*lacks, pool_size=1, max_overflow=0)
    with engine.connect() as connection:
        pid = connection.scalar("SELECT pg_backend_pid()")
        connection.execute("SET work_mem = '3MB'")
        connection.commit()
    with engine.connect() as connection:
        assert connection.scalar("SHOW work_mem") == "4MB"
        assert (connection.scalar("SELECT pg_backend_pid()") == pid) == (lacks == [])


def test_a_test_inside_one_transaction_needs_savepoints(engine_without: Callable[..., Engine]) -> None:
    with pytest.raises(InvalidRequestError, match="savepoints"), engine_without("savepoints").rolled_back():
        pass


def test_a_constraint_that_is_not_deferrable_is_written(engine_without: Callable[..., Engine]) -> None:
    table = Table(
        "plain",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("next", ForeignKey("plain.id", deferrable=False)),
    )
    engine = engine_without("deferrable")
    table.create(engine)
    table.drop(engine)


@pytest.mark.parametrize("formats", ["datestyle = 'German'", "intervalstyle = 'iso_8601'", "extra_float_digits = -3"])
def test_settings_that_cannot_be_of_a_transaction_are_of_the_session(
    engine_without: Callable[..., Engine], postgresql_uri: str, formats: str
) -> None:
    engine = engine_without("set_local", pool_size=1, max_overflow=0)
    question = "SELECT DATE '2025-06-04', INTERVAL '-2 days 5 hours', 0.1::float8 + 0.7"
    with engine.connect() as connection:
        expected = connection.fetch_all(question)
    with engine.connect() as connection:
        connection.execute(f"SET {formats}")
        assert connection.fetch_all(question) == expected  # within the transaction that has changed it
        connection.commit()
    with engine.connect() as connection:
        assert connection.fetch_all(question) == expected


def test_a_database_that_cannot_prepare_decides_for_those_that_can(
    postgresql_uri: str, second_postgresql_uri: str
) -> None:
    db = UnitOfWork()
    app = Flask("pair")
    app.config.update(
        UOW_DATABASE_URI=postgresql_uri,
        UOW_BINDS={
            "other": {
                "url": second_postgresql_uri,
                "lacks": ["two_phase", "advisory_locks", "set_local", "transaction_ids"],
            }
        },
        UOW_TWOPHASE=True,
    )

    class Here(db.Model):  # type: ignore[name-defined, misc]
        __tablename__ = "here"
        id: Mapped[int] = mapped_column(primary_key=True)

    class There(db.Model):  # type: ignore[name-defined, misc]
        __tablename__ = "there"
        __bind_key__ = "other"
        id: Mapped[int] = mapped_column(primary_key=True)

    db.init_app(app)
    with app.app_context():
        db.create_all()
        engines = dict(db.engines)
    logs = {key: StatementLog().attach(engine) for key, engine in engines.items()}
    with db.unit_of_work() as session:
        session.add_all([Here(), There()])
    assert any("PREPARE TRANSACTION" in text for text in logs[None].transactions)
    assert not any("PREPARE" in text for text in logs["other"].transactions)
    with db.unit_of_work() as session:
        assert session.query(Here).count() == session.query(There).count() == 1
    for engine in engines.values():
        engine.dispose()


def test_a_wrong_name_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"no feature 'savepoint'.*Did you mean 'savepoints'"):
        create_engine("postgresql://localhost/x", lacks=["savepoint"])
    for wrong in ("savepoints", 5, None):
        with pytest.raises(ArgumentError, match="a list of names"):
            create_engine("postgresql://localhost/x", lacks=wrong)  # type: ignore[arg-type]


def test_a_database_that_is_no_such_server_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"UOW_BINDS"):
        create_engine("sqlite://", lacks=["savepoints"])
    create_engine("sqlite://", lacks=[]).dispose()


def test_a_wrong_name_in_the_configuration_names_the_bind() -> None:
    app = Flask("wrong")
    app.config.update(UOW_DATABASE_URI="sqlite://", UOW_BINDS={"x": {"url": "postgresql:///x", "lacks": ["copies"]}})
    with pytest.raises(ConfigurationError, match=r"UOW_BINDS.*'x'.*copies"):
        UnitOfWork(app)
