"""PostgreSQL: columns of types that the library has no name for, reflected or declared as another, written by flush, in bulk and by COPY."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from psycopg2.extras import DateRange, NumericRange

from flask_uow import (
    ARRAY,
    DOMAIN,
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    DeclarativeBase,
    Engine,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Mapped,
    MetaData,
    NativeType,
    Numeric,
    Session,
    String,
    Table,
    Text,
    Time,
    Uuid,
    create_engine,
    insert,
    inspect,
    mapped_column,
    select,
    text,
    update,
)
from tests.conftest import StatementLog


class Mood(enum.Enum):
    glad = "happy"
    sour = "sad"


@pytest.fixture
def pg(postgresql_uri: str) -> Iterator[Engine]:
    engine = create_engine(postgresql_uri)
    with engine.begin() as connection:
        for statement in (
            "CREATE TYPE mood AS ENUM ('glad', 'sour')",
            "CREATE DOMAIN plus AS integer CHECK (VALUE > 0)",
            "CREATE DOMAIN grade AS integer NOT NULL DEFAULT 3",
            "CREATE DOMAIN short AS varchar(5)",
            "CREATE DOMAIN feeling AS mood",
            "CREATE DOMAIN document AS jsonb",
            "CREATE TYPE pair AS (a integer, b text)",
        ):
            connection.execute(text(statement))
    yield engine
    engine.dispose()


def reflected(engine: Engine, name: str, definition: str) -> Any:
    """Create a table, and map a class to what reflection makes of it."""
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE {name} ({definition})"))

    class Base(DeclarativeBase):
        metadata = MetaData()

    return type("Thing", (Base,), {"__table__": Table(name, Base.metadata, autoload_with=engine)})


# the type, a value, another, and what the first is when it is loaded where that is not the value
TYPES: dict[str, tuple[Any, ...]] = {
    "mood": ("sour", "glad"),
    "feeling": ("sour", "glad"),
    "plus": (7, 8),
    "short": ("a'b\\", 'c"d'),
    "document": ({"a": [1]}, {"b": None}),
    "inet": ("10.1.0.7", "10.1.0.0/16"),
    "cidr": ("10.1.0.0/16", "10.2.0.0/16"),
    "macaddr": ("08:00:2b:01:02:03", "08:00:2b:01:02:04"),
    "tsvector": ("'oak' 'tree'", "'elm'"),
    "bit(4)": ("1010", "0000"),
    "varbit": ("10", "1"),
    "int4range": (NumericRange(1, 5), NumericRange(None, 7, "()")),
    "numrange": (NumericRange(None, None, "()"), NumericRange(empty=True)),
    "daterange": (DateRange(dt.date(2024, 1, 1), dt.date(2024, 2, 1)), DateRange(dt.date(2024, 1, 1), None)),
    "interval day to second": (dt.timedelta(days=1, seconds=2), dt.timedelta(0)),
    "interval(0)": (dt.timedelta(seconds=2), dt.timedelta(days=400)),
    "money": ("$1.50", "$2.00"),
    "point": ("(1,2)", "(3,4)"),
    "oid": (5, 6),
    "name": ("x", "y"),
    "mood[]": (["glad", "sour"], []),
    "inet[]": (["10.1.0.7", None], ["10.1.0.8"]),
    "int4range[]": ([NumericRange(1, 5)], []),
    "json": ({"a": 1}, [1, 2]),
    "pair": ("(1,x)", "(2,y)"),
}  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
def test_rows_of_a_reflected_table_are_written_by_every_way(pg: Engine, name: str) -> None:
    one, other = TYPES[name]
    Thing = reflected(pg, "thing", f"id serial PRIMARY KEY, v {name}, n integer")
    with Session(pg) as session:
        session.add_all([Thing(v=one), Thing(v=other), Thing()])
        session.commit()
        session.add(Thing(v=one))
        session.commit()
        session.bulk_insert(Thing, [{"v": one}, {"v": other}, {"v": None}])
        session.copy_from(Thing, [(one,), (other,), (None,)], columns=["v"])
        session.execute(insert(Thing).values(v=one))
        session.execute(insert(Thing).values([{"v": one}, {"v": other}]))
        session.execute(insert(Thing), [{"v": one}, {"v": other}])
        session.commit()
        loaded = [row.v for row in session.query(Thing).order_by(Thing.id)]
        assert loaded == [one, other, None, one, one, other, None, one, other, None, one, one, other, one, other]
        rows = session.query(Thing).order_by(Thing.id).limit(3).all()
        for row in rows:
            row.v = other
        session.flush()
        rows[0].v = one
        session.commit()
        assert [row.v for row in rows] == [one, other, other]
        session.bulk_update(Thing, [{"id": rows[0].id, "v": other}, {"id": rows[1].id, "v": one}])
        session.execute(update(Thing).where(Thing.id == rows[2].id).values(v=one))
        session.expire_all()
        assert [row.v for row in rows] == [other, one, one]
        # the server itself has no = for these: for domains of enums, say
        if name not in ("feeling", "json", "point", "pair"):
            assert session.query(Thing).filter(Thing.v == one).count() > 1
            assert session.query(Thing).filter(Thing.v.in_([one])).count() > 1


def test_a_reflected_type_is_written_in_ddl_under_its_own_name(pg: Engine) -> None:
    columns = ", ".join(f"c{number} {name}" for number, name in enumerate(TYPES))
    Thing = reflected(pg, "thing", f"id serial PRIMARY KEY, {columns}")
    Thing.metadata.drop_all(pg)
    Thing.metadata.create_all(pg)
    with pg.connect() as connection:
        found = connection.execute(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'thing'::regclass AND attnum > 1 ORDER BY attnum"
        )
        written = dict(zip(TYPES, found.scalars().all(), strict=True))
    assert {name: type_ for name, type_ in written.items() if name != type_} == {"varbit": "bit varying"}
    assert repr(inspect(pg).get_columns("thing")[1]["type"]) == "NativeType(native='mood')"


class Base(DeclarativeBase):
    pass


class Guest(Base):
    __tablename__ = "guest"
    id: Mapped[int] = mapped_column(primary_key=True)
    mood: Mapped[Mood] = mapped_column(Enum(Mood))
    word: Mapped[str | None] = mapped_column(Enum("glad", "sour"))
    moods: Mapped[list[Mood] | None] = mapped_column(ARRAY(Enum(Mood)))
    words: Mapped[list[str] | None] = mapped_column(ARRAY(String))
    address: Mapped[str | None] = mapped_column(String(50))
    declared: Mapped[Any] = mapped_column(NativeType("inet"), nullable=True)
    short: Mapped[str | None] = mapped_column(String(9))


class Feeling(Base):
    __tablename__ = "feeling_key"
    mood: Mapped[Mood] = mapped_column(Enum(Mood), primary_key=True)
    address: Mapped[str] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(default=0)


class Alone(Base):
    __tablename__ = "alone"
    mood: Mapped[Mood] = mapped_column(Enum(Mood), primary_key=True)
    n: Mapped[int] = mapped_column(default=0)


@pytest.fixture
def session(pg: Engine) -> Iterator[Session]:
    with pg.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE guest (id serial PRIMARY KEY, mood mood NOT NULL, word mood, moods mood[], words mood[], address inet,"
                " declared inet, short varchar(5))"
            )
        )
        connection.execute(
            text("CREATE TABLE feeling_key (mood mood, address inet, n integer, PRIMARY KEY (mood, address))")
        )
        connection.execute(text("CREATE TABLE alone (mood mood PRIMARY KEY, n integer)"))
    with Session(pg) as session:
        yield session


def test_declared_types_are_written_into_native_ones(session: Session) -> None:
    values: dict[str, Any] = {
        "mood": Mood.sour, "word": "glad", "moods": [Mood.glad], "words": ["sour", "glad"], "address": "10.1.0.7", "declared": "10.1.0.8",
    }  # fmt: skip
    session.add_all([Guest(**values), Guest(**values)])
    session.flush()
    session.add(Guest(**values))
    session.flush()
    session.bulk_insert(Guest, [values, values])
    session.copy_from(Guest, [values])
    session.execute(insert(Guest).values(**values))
    session.execute(insert(Guest).values([values, values]))
    session.commit()
    guests = session.query(Guest).order_by(Guest.id).all()
    assert [{name: getattr(guest, name) for name in values} for guest in guests] == [values] * 9
    for guest in guests:
        guest.mood, guest.moods, guest.address = Mood.glad, [Mood.sour, Mood.glad], "10.2.0.0"
    session.commit()
    assert (
        session.query(Guest).filter(Guest.moods == [Mood.sour, Mood.glad], Guest.moods.contains([Mood.sour])).count()
        == 9
    )
    assert session.query(Guest).filter(Guest.mood == Mood.glad, Guest.address == "10.2.0.0").count() == 9
    session.execute(update(Guest).values(moods=[Mood.glad], words=["glad"]))
    assert session.scalars(select(Guest.moods).distinct()).all() == [[Mood.glad]]
    session.rollback()


def test_a_text_that_is_too_long_for_its_column_is_refused_in_batches_still(session: Session) -> None:
    session.add_all([Guest(mood=Mood.glad, short="toolong"), Guest(mood=Mood.glad, short="ok")])
    with pytest.raises(Exception, match="too long"):
        session.flush()


def test_keys_of_native_types_tell_rows(session: Session) -> None:
    feelings = [Feeling(mood=mood, address=f"10.0.0.{n}") for mood in Mood for n in range(3)]
    session.add_all([*feelings, *(Alone(mood=mood) for mood in Mood)])
    session.commit()
    assert session.get(Feeling, (Mood.glad, "10.0.0.1")) is feelings[1]
    for row in (*feelings, *session.query(Alone)):
        row.n = 1
    session.commit()
    assert (
        session.scalars(select(Feeling.n).distinct()).all() == session.scalars(select(Alone.n).distinct()).all() == [1]
    )
    for row in (*feelings, *session.query(Alone)):
        session.delete(row)
    session.commit()
    assert session.query(Feeling).count() == session.query(Alone).count() == 0


def test_the_server_is_asked_for_the_types_of_a_table_once_and_nobody_sees_it(session: Session, pg: Engine) -> None:
    log = StatementLog().attach(pg)
    with log.expect(2):
        session.add_all([Guest(mood=Mood.glad) for _ in range(3)])
        session.flush()
        session.add_all([Guest(mood=Mood.glad) for _ in range(3)])
        session.flush()
    log.detach()


def test_what_a_domain_says_of_null_and_of_its_default_is_honoured(pg: Engine) -> None:
    Thing = reflected(pg, "thing", "id serial PRIMARY KEY, v grade, w grade DEFAULT 5, n integer")
    assert (Thing.__table__.c.v.nullable, Thing.__table__.c.n.nullable) == (False, True)
    with Session(pg) as session:
        session.add_all([Thing(n=1), Thing(v=7, w=8), Thing()])
        session.commit()
        session.bulk_insert(Thing, [{"n": 4}])
        session.execute(insert(Thing).values(n=5))
        session.commit()
        found = session.query(Thing).order_by(Thing.id)
        assert [(row.v, row.w, row.n) for row in found] == [(3, 5, 1), (7, 8, None), (3, 5, None), (3, 5, 4), (3, 5, 5)]


def test_domains_behave_as_what_they_are_made_of(pg: Engine) -> None:
    Thing = reflected(pg, "thing", "id plus PRIMARY KEY, v short, w document")
    with Session(pg) as session:
        session.add_all([Thing(id=n, v=str(n), w={"n": n}) for n in (1, 2)])
        session.commit()
        assert session.get(Thing, "2").w == {"n": 2}
        assert session.query(Thing).filter(Thing.id.in_(["1", 2]), Thing.v.like("_")).count() == 2


UTC = dt.UTC
# what a domain is made of, and the items of an array of it
DOMAINS: dict[str, tuple[Any, list[Any]]] = {
    "integer": (Integer(), [1, 20]),
    "numeric(6, 2)": (Numeric(6, 2), [Decimal("1.50")]),
    "double precision": (Float(), [0.1, float("inf")]),
    "boolean": (Boolean(), [True, False]),
    "text": (Text(), ["a,b", 'c"d', "NULL", ""]),
    "date": (Date(), [dt.date(2024, 5, 1)]),
    "timestamp": (DateTime(), [dt.datetime(2024, 5, 1, 12, 30, 1, 5)]),
    "timestamptz": (DateTime(timezone=True), [dt.datetime(2024, 5, 1, 12, 30, tzinfo=UTC)]),
    "time": (Time(), [dt.time(12, 30, 1)]),
    "interval": (Interval(), [dt.timedelta(days=2, seconds=3)]),
    "bytea": (LargeBinary(), [b'a\0"']),
    "uuid": (Uuid(), [uuid.UUID(int=5)]),
    "jsonb": (JSON(), [{"a": [1]}, "x"]),
}


@pytest.mark.parametrize("base", DOMAINS)
@pytest.mark.parametrize("is_reflected", [True, False])
def test_an_array_of_a_domain_holds_values_of_what_the_domain_is_made_of(
    pg: Engine, base: str, is_reflected: bool
) -> None:
    type_, items = DOMAINS[base]
    with pg.begin() as connection:
        connection.execute(text(f"CREATE DOMAIN made AS {base}"))
        connection.execute(text("CREATE TABLE thing (id serial PRIMARY KEY, v made[])"))
    metadata = MetaData()
    if is_reflected:
        table = Table("thing", metadata, autoload_with=pg)
        assert isinstance(table.c.v.type.item_type, type(type_).__mro__[0])
    else:
        domain = ARRAY(DOMAIN("made", type_, create_type=False))
        table = Table("thing", metadata, Column("id", Integer, primary_key=True), Column("v", domain))

    class Base(DeclarativeBase):
        """The base of the class here."""

    Thing: Any = type("Thing", (Base,), {"__table__": table})
    with Session(pg) as session:
        things = [Thing(v=items), Thing(v=[items[0], None]), Thing(v=[]), Thing()]
        session.add_all(things)
        session.commit()
        session.add(Thing(v=items))
        session.commit()
        assert [thing.v for thing in things] == [items, [items[0], None], [], None]
        assert session.scalars(select(Thing.v).order_by(Thing.id.desc())).first() == items
