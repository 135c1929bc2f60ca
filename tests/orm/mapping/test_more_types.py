"""Types with options: enums of the database's own, variants, UUIDs and spans of time as other programs keep them, ranges, types of one's own."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import sqlite3
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flask_uow import (
    ARRAY,
    CIDR,
    DATERANGE,
    INET,
    INT4RANGE,
    INT8RANGE,
    JSON,
    JSONB,
    REAL,
    ArgumentError,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DataError,
    DateTime,
    DeclarativeBase,
    Double,
    Enum,
    Float,
    Integer,
    IntegrityError,
    Interval,
    LargeBinary,
    Mapped,
    MetaData,
    Numeric,
    ProgrammingError,
    Range,
    Session,
    String,
    Table,
    Text,
    TypeDecorator,
    UserDefinedType,
    Uuid,
    case,
    create_engine,
    delete,
    func,
    insert,
    inspect,
    literal,
    mapped_column,
    select,
    text,
    update,
)
from flask_uow.engine import Engine


class Size(enum.Enum):
    S = "small"
    L = "large"
    GREAT = "large"  # noqa: PIE796


def item_of(type_: Any, **options: Any) -> Any:
    class Base(DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = "item"
        id: Mapped[int] = mapped_column(primary_key=True)
        value: Mapped[Any] = mapped_column(type_, nullable=True, **options)

    return Item


def written(session: Session) -> list[Any]:
    """Return what the database itself holds."""
    return session.scalars(text("SELECT CAST(value AS VARCHAR(99)) FROM item ORDER BY id")).all()


def values_of(members: Any) -> list[str]:
    return [member.value for member in members]


def test_an_enum_is_kept_by_the_texts_that_a_function_gives(engine: Engine) -> None:
    Item = item_of(Enum(Size, values_callable=values_of))
    Item.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Item(value=Size.L), Item(value=Size.S), Item()])
        session.commit()
        assert written(session) == ["large", "small", None]
        assert session.scalars(select(Item.value).order_by(Item.id)).all() == [Size.L, Size.S, None]
        assert session.scalars(select(Item.id).where(Item.value == Size.S)).all() == [2]
        assert session.scalars(select(Item.id).where(Item.value.in_(list(Size))).order_by(Item.id)).all() == [1, 2]
        session.bulk_insert(Item, [{"value": Size.S}, {"value": None}])
        assert written(session)[3:] == ["small", None]
        with pytest.raises(DataError):
            Item(value="small")
    assert Item.__table__.c.value.type.length == 5
    assert Item.__table__.c.value.type.enums == ["small", "large"]
    assert Enum(Size).enums == [member.name for member in Size]


@pytest.mark.parametrize(
    "give", [lambda members: ["x"], lambda members: ["x", "x"], lambda members: [1, 2], lambda members: []]
)
def test_texts_that_do_not_tell_members_apart_are_refused(give: Any) -> None:
    with pytest.raises(ArgumentError, match="values_callable"):
        Enum(Size, values_callable=give)
    with pytest.raises(ArgumentError, match="values_callable"):
        Enum("a", "b", values_callable=give)


def test_an_enum_may_be_a_type_of_its_own(engine: Engine) -> None:
    Item = item_of(Enum(Size, native_enum=True, create_constraint=True))
    Item.metadata.create_all(engine)
    Item.metadata.create_all(engine)
    is_sqlite = engine.dialect.name == "sqlite"
    with Session(engine) as session:
        session.add_all([Item(value=Size.S), Item(value=Size.L)])
        session.commit()
        session.bulk_insert(Item, [{"value": Size.L}, {"value": None}])
        session.execute(insert(Item).values(value=Size.S))
        assert session.scalars(select(Item.value).order_by(Item.id)).all() == [Size.S, Size.L, Size.L, None, Size.S]
        session.execute(update(Item).values(value=case((Item.id == 1, Size.L), else_=Size.S)))
        assert session.scalars(select(Item.id).where(Item.value == Size.L)).all() == [1]
        assert session.scalars(select(Item.id).where(Item.value.in_([Size.L]))).all() == [1]
        assert len(session.scalars(select(Item.id).where(Item.value != Size.L)).all()) == 4
        session.commit()
        found = inspect(engine).get_columns("item")[1]["type"]
        assert repr(found) == ("VARCHAR(length=5)" if is_sqlite else "NativeType(native='size')")
        with pytest.raises((IntegrityError, DataError)):
            session.execute(text("INSERT INTO item (value) VALUES ('X')"))
        session.rollback()
    Item.metadata.drop_all(engine)
    Item.metadata.create_all(engine)
    Item.metadata.drop_all(engine)
    if not is_sqlite:
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM pg_type WHERE typname = 'size'")) == 0


def test_the_type_of_an_enum_stays_while_another_table_has_it(postgresql_uri: str) -> None:
    engine, metadata = create_engine(postgresql_uri), MetaData()
    size = Enum("s", "l", name="Size of it", native_enum=True)
    one = Table("one", metadata, Column("v", size))
    Table("other", metadata, Column("v", ARRAY(size)))
    metadata.create_all(engine)
    one.drop(engine)
    one.create(engine)
    with engine.begin() as connection:
        connection.execute(insert(metadata.tables["other"]).values(v=["s", "l", None]))
        assert connection.scalar(select(metadata.tables["other"].c.v)) == ["s", "l", None]
    metadata.drop_all(engine)
    engine.dispose()
    with pytest.raises(ArgumentError, match="name"):
        Enum("a", native_enum=True)


def test_a_check_refuses_what_is_no_value_of_an_enum(engine: Engine) -> None:
    Item = item_of(Enum("a", "it's", name="letters", create_constraint=True))
    Item.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Item(value="a"), Item(value="it's"), Item()])
        session.commit()
        with pytest.raises(IntegrityError):
            session.execute(text("INSERT INTO item (value) VALUES ('b')"))
        session.rollback()
    assert [check["name"] for check in inspect(engine).get_check_constraints("item")] == ["letters"]
    copied = Item.__table__.to_metadata(MetaData())
    assert len([c for c in copied.constraints if isinstance(c, CheckConstraint)]) == 1


def test_an_enum_lets_other_strings_pass_where_it_is_told_to(engine: Engine) -> None:
    Item = item_of(Enum("a", "b", name="loose", validate_strings=False, length=9))
    Item.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Item(value="a"), Item(value="other")])
        session.commit()
        assert session.scalars(select(Item.value).order_by(Item.id)).all() == ["a", "other"]
        with pytest.raises(DataError):
            session.add(Item(value=5))
    Other = item_of(Enum(Size, validate_strings=False, length=9))
    with Session(engine) as session:
        session.add_all([Other(value=Size.S), Other(value="L"), Other(value="other")])
        session.flush()
        assert session.execute(text("SELECT value FROM item ORDER BY id")).scalars().all()[-3:] == ["S", "L", "other"]
        session.rollback()


def test_a_native_enum_is_in_the_schema_of_its_table_or_metadata(postgresql_uri: str) -> None:
    kind = Enum("a", "b", name="kind", native_enum=True, inherit_schema=True)
    own = MetaData()
    near = Table(
        "near", own, Column("id", Integer, primary_key=True), Column("kind", kind), Column("kinds", ARRAY(kind)),
        schema="shop",
    )  # fmt: skip
    far = Table("far", own, Column("id", Integer, primary_key=True), Column("kind", kind))
    state = Enum("x", name="state", native_enum=True, metadata=MetaData(schema="shop"))
    Table("third", own, Column("id", Integer, primary_key=True), Column("state", state))
    assert [column.type.schema for column in (near.c.kind, far.c.kind)] == ["shop", None]
    engine = create_engine(postgresql_uri)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA shop"))
    own.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(near).values(kind="a", kinds=["b", "a"]))
        connection.execute(insert(far).values(kind="b"))
        assert connection.scalar(select(near.c.kinds)) == ["b", "a"]
        assert connection.scalar(select(near.c.kind)) == "a"
        found = "SELECT nspname, typname FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace WHERE typtype = 'e'"
        assert sorted(map(tuple, connection.execute(text(found)).all())) == [
            ("public", "kind"),
            ("shop", "kind"),
            ("shop", "state"),
        ]
    own.drop_all(engine)
    engine.dispose()


def test_a_check_refuses_numbers_that_are_no_truth_values(engine: Engine) -> None:
    Item = item_of(Boolean(create_constraint=True, name="yes_or_no"))
    Item.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Item(value=True), Item(value=False), Item()])
        session.commit()
        # PostgreSQL refuses it by itself
        with pytest.raises((IntegrityError, ProgrammingError)):
            session.execute(text("INSERT INTO item (value) VALUES (2)"))
        session.rollback()
        assert [item.value for item in session.scalars(select(Item).order_by(Item.id))] == [True, False, None]
    checks = [check["name"] for check in inspect(engine).get_check_constraints("item")]
    assert checks == (["yes_or_no"] if engine.dialect.name == "sqlite" else [])


@pytest.mark.parametrize("type_", [Float(asdecimal=True), Double(asdecimal=True), REAL(asdecimal=True)])
def test_floats_may_be_decimals_in_python(engine: Engine, type_: Float) -> None:
    Item = item_of(type_)
    Item.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Item(value=Decimal("1.5")), Item(value=2), Item(value=0.25), Item()])
        session.flush()
        session.add(Item(value=Decimal("-3.5")))
        session.commit()
        values = session.scalars(select(Item.value).order_by(Item.id)).all()
        assert values == [Decimal("1.5"), Decimal(2), Decimal("0.25"), None, Decimal("-3.5")]
        assert all(isinstance(value, Decimal) for value in values if value is not None)
        assert session.scalar(select(func.count()).where(Item.value == Decimal("1.5"))) == 1
        assert session.scalars(
            select(Item.value).where(Item.value.in_([2, Decimal("0.25")])).order_by(Item.id)
        ).all() == [
            Decimal(2),
            Decimal("0.25"),
        ]
        with pytest.raises(DataError, match="expected a Decimal or an int"):
            session.execute(insert(Item).values(value="1.5"))


def test_decimals_of_floats_have_as_many_digits_as_asked_for(engine: Engine) -> None:
    Item = item_of(Float(asdecimal=True, decimal_return_scale=3))
    Item.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Item(value=0.1))
        session.commit()
        assert str(session.scalar(select(Item.value))) == "0.100"
    with pytest.raises(ArgumentError, match="asdecimal=True"):
        Float(decimal_return_scale=3)


def test_a_type_has_a_variant_for_one_database(engine: Engine) -> None:
    is_sqlite = engine.dialect.name == "sqlite"

    class Base(DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = "item"
        id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
        tags: Mapped[Any] = mapped_column(ARRAY(String).with_variant(JSON(), "sqlite"))
        data: Mapped[Any] = mapped_column(Text().with_variant(JSONB(), "postgresql"))
        host: Mapped[Any] = mapped_column(INET().with_variant(String(40), "sqlite"))

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Item(tags=["a"], data="{}", host="10.0.0.1"), Item(tags=[], data="[]", host="::1")])
        session.commit()
        session.bulk_insert(Item, [{"tags": ["x", "y"], "data": '"z"', "host": "10.0.0.2"}])
        items = session.query(Item).order_by(Item.id).all()
        assert [item.id for item in items] == [1, 2, 3]
        assert [item.tags for item in items] == [["a"], [], ["x", "y"]]
        assert [item.host for item in items] == ["10.0.0.1", "::1", "10.0.0.2"]
        assert session.scalars(select(Item.id).where(Item.host == "::1")).all() == [2]
        assert items[2].data == '"z"'
    found = {column["name"]: repr(column["type"]) for column in inspect(engine).get_columns("item")}
    assert found["id"] == ("INTEGER()" if is_sqlite else "BIGINT()")
    assert found["tags"] == ("JSON()" if is_sqlite else "ARRAY(item_type=VARCHAR())")
    assert found["host"] == ("VARCHAR(length=40)" if is_sqlite else "INET()")


def test_a_variant_is_given_once_and_for_a_database_that_is_named() -> None:
    type_ = BigInteger().with_variant(Integer, "sqlite")
    with pytest.raises(ArgumentError, match="already"):
        type_.with_variant(Integer, "sqlite")
    with pytest.raises(ArgumentError, match="names no database"):
        BigInteger().with_variant(Integer)
    assert type_.cache_key != BigInteger().cache_key


def test_bytes_have_a_limit(engine: Engine) -> None:
    Item = item_of(LargeBinary(3))
    Item.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Item(value=b"abc"))
        session.commit()
        assert session.scalars(select(Item.id).where(Item.value == b"abc")).all() == [1]
        assert session.scalars(select(Item.id).where(Item.value == b"abcd")).all() == []
        for write in (
            lambda: session.add(Item(value=b"abcd")) or session.flush(),
            lambda: session.bulk_insert(Item, [{"value": b"abcd"}]),
        ):
            with pytest.raises(DataError, match="3 bytes"):
                write()
            session.rollback()
    with pytest.raises(ArgumentError, match="positive int"):
        LargeBinary(0)


@pytest.mark.parametrize(
    "type_", [Uuid(as_uuid=False), Uuid(as_uuid=False, native_uuid=False), Uuid(native_uuid=False)]
)
def test_a_uuid_is_loaded_and_kept_as_it_is_asked_for(engine: Engine, type_: Uuid) -> None:
    Item = item_of(type_)
    Item.metadata.create_all(engine)
    code = uuid.UUID("12345678-1234-5678-1234-567812345678")
    expected = code if type_.as_uuid else str(code)
    with Session(engine) as session:
        session.add_all([Item(value=code), Item(value=str(code)), Item(value=code.hex.upper()), Item()])
        session.commit()
        session.bulk_insert(Item, [{"value": code}, {"value": str(code)}, {"value": None}])
        assert session.scalars(select(Item.value).order_by(Item.id)).all() == [
            *[expected] * 3,
            None,
            expected,
            expected,
            None,
        ]
        assert written(session)[0] == (str(code) if type_.native_uuid else code.hex)
        assert len(session.scalars(select(Item.id).where(Item.value == code)).all()) == 5
        assert len(session.scalars(select(Item.id).where(Item.value.in_([str(code)]))).all()) == 5
        with pytest.raises(DataError):
            session.add(Item(value="no uuid"))
            session.flush()


def made_by_another_program(folder: Path) -> Engine:
    """Return an engine for a file whose UUIDs have no dashes, and whose spans of time are moments counted from 1970."""
    path = folder / "other.db"
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, value DATETIME, code CHAR(32) UNIQUE)")
    rows = [
        (1, "1970-01-02 00:00:01.500000", uuid.UUID(int=1).hex),
        (2, "1969-12-31 23:00:00.000000", uuid.UUID(int=2).hex),
        (3, None, None),
    ]
    raw.executemany("INSERT INTO item VALUES (?, ?, ?)", rows)
    raw.commit()
    raw.close()
    return create_engine(f"sqlite:///{path}")


@pytest.mark.parametrize("options", [{}, {"native": False}])
def test_spans_of_time_in_a_file_of_another_program_are_read(tmp_path: Path, options: dict[str, bool]) -> None:
    engine = made_by_another_program(tmp_path)

    class Base(DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = "item"
        id: Mapped[int] = mapped_column(primary_key=True)
        value: Mapped[dt.timedelta | None] = mapped_column(Interval(**options))
        code: Mapped[uuid.UUID | None] = mapped_column(Uuid(native_uuid=not options))

    day, hour = dt.timedelta(days=1, seconds=1.5), dt.timedelta(hours=-1)
    with Session(engine) as session:
        assert [item.value for item in session.query(Item).order_by(Item.id)] == [day, hour, None]
        assert [item.code for item in session.query(Item).order_by(Item.id).limit(2)] == [
            uuid.UUID(int=1),
            uuid.UUID(int=2),
        ]
        session.add(Item(id=4, value=dt.timedelta(minutes=5), code=uuid.UUID(int=9)))
        session.commit()
        assert session.scalars(select(Item.id).order_by(Item.value.nulls_first(), Item.id)).all() == [3, 2, 4, 1]
        assert session.scalars(select(Item.id).where(Item.value == day)).all() == [1]
        assert session.scalars(select(Item.id).where(Item.value.in_([day, hour])).order_by(Item.id)).all() == [1, 2]
        assert session.scalars(select(Item.id).where(Item.value > dt.timedelta(0)).order_by(Item.id)).all() == [1, 4]
        assert session.scalars(select(Item.id).where(Item.value.between(hour, dt.timedelta(0)))).all() == [2]
        assert session.scalar(select(func.max(Item.value))) == day
        assert session.scalar(select(func.sum(Item.value))) == day + hour + dt.timedelta(minutes=5)
        start = literal(dt.datetime(2024, 1, 1))
        assert session.scalar(select(start + Item.value).where(Item.id == 2)) == dt.datetime(2023, 12, 31, 23)
        assert session.scalar(select(Item.value * 2).where(Item.id == 2)) == 2 * hour
        assert session.scalars(select(Item.id).where(Item.code == uuid.UUID(int=2))).all() == [2]
        assert session.scalars(select(Item.id).where(Item.code == uuid.UUID(int=9))).all() == [4]
        if options:
            # what is written is what the other program reads
            found = session.execute(text("SELECT value, code FROM item WHERE id = 4")).one()
            assert tuple(found) == ("1970-01-01 00:05:00.000000", uuid.UUID(int=9).hex)
    engine.dispose()


def test_documents_addresses_and_ranges_of_postgresql(postgresql_uri: str) -> None:
    engine = create_engine(postgresql_uri)

    class Base(DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = "item"
        id: Mapped[int] = mapped_column(primary_key=True)
        host: Mapped[Any] = mapped_column(INET)
        net: Mapped[Any] = mapped_column(CIDR, nullable=True)
        span: Mapped[Any] = mapped_column(INT4RANGE)
        wide: Mapped[Any] = mapped_column(INT8RANGE, nullable=True)
        days: Mapped[Any] = mapped_column(DATERANGE, nullable=True)
        hosts: Mapped[Any] = mapped_column(ARRAY(INET), nullable=True)

    Base.metadata.create_all(engine)
    first, last = dt.date(2024, 1, 1), dt.date(2024, 2, 1)
    with Session(engine) as session:
        session.add(
            Item(
                host=ipaddress.ip_address("10.0.0.1"),
                span=Range(1, 5),
                wide=(2**40, None),
                days=Range(first, last, "[]"),
            )
        )
        session.add(
            Item(host="10.0.0.2/8", net=ipaddress.ip_network("10.0.0.0/8"), span=Range(empty=True), hosts=["10.0.0.1"])
        )
        session.commit()
        one, two = session.query(Item).order_by(Item.id).all()
        assert (one.host, two.host, two.net, two.hosts) == ("10.0.0.1", "10.0.0.2/8", "10.0.0.0/8", ["10.0.0.1"])
        assert one.span == Range(1, 5)
        assert [number for number in range(9) if number in one.span] == [1, 2, 3, 4]
        assert two.span.isempty
        assert (one.wide, one.days) == (Range(2**40, None, "[)"), Range(first, last + dt.timedelta(1)))
        for condition, expected in (
            (Item.span.contains(4), [1]),
            (Item.span.contains(5), []),
            (Item.wide.contains(2**50), [1]),
            (Item.wide.contains(5), []),
            (Item.span.contains(Range(2, 3)), [1, ]),
            (Item.span.contained_by(Range(0, 9)), [1, 2]),
            (Item.span.overlaps(Range(4, 9)), [1]),
            (Item.days.contains(last), [1]),
            (Item.span == Range(1, 5), [1]),
            (Item.host == "10.0.0.1", [1]),
            (Item.host.in_(["10.0.0.1", "10.0.0.2/8"]), [1, 2]),
            (Item.host.op("<<", is_comparison=True)("10.0.0.0/30"), [1]),
        ):  # fmt: skip
            assert session.scalars(select(Item.id).where(condition).order_by(Item.id)).all() == expected, str(condition)
        session.bulk_insert(Item, [{"host": "::1", "span": Range(None, 3)}, {"host": "::2", "span": (1, 2)}])
        assert session.scalars(select(Item.span).where(Item.id > 2).order_by(Item.id)).all() == [
            Range(None, 3, "()"),
            Range(1, 2),
        ]
        with pytest.raises(DataError):
            session.add(Item(host=5, span=(1, 2)))
            session.flush()
    with pytest.raises(ArgumentError, match="bounds"):
        Range(1, 2, "<>")
    Base.metadata.drop_all(engine)
    engine.dispose()


def test_a_common_table_expression_writes(engine: Engine) -> None:
    Item = item_of(Integer)
    Item.metadata.create_all(engine)
    with Session(engine) as session:
        session.bulk_insert(Item, [{"value": 1}, {"value": 2}, {"value": 3}])
        session.commit()
        moved = delete(Item).where(Item.value > 1).returning(Item.id, Item.value).cte("moved")
        statement = select(moved.c.value).order_by(moved.c.value)
        with pytest.raises(ArgumentError, match="RETURNING"):
            delete(Item).cte()
        if engine.dialect.name == "sqlite":
            with pytest.raises(
                Exception, match="SQLite takes no INSERT, UPDATE or DELETE in a common table expression"
            ):
                session.execute(statement)
            return
        assert session.scalars(statement).all() == [2, 3]
        session.commit()
        assert session.scalars(select(Item.value)).all() == [1]
        added = insert(Item).values([{"value": 5}, {"value": 6}]).returning(Item.value).cte("added")
        assert session.scalar(select(func.sum(added.c.value))) == 11
        changed = update(Item).where(Item.value == 5).values(value=7).returning(Item.id, Item.value).cte("changed")
        copied = insert(Item).from_select(["value"], select(changed.c.value + 1)).returning(Item.value)
        assert session.scalars(copied).all() == [8]
        session.commit()
        assert session.scalars(select(Item.value).order_by(Item.value)).all() == [1, 6, 7, 8]


class Point(UserDefinedType):
    cache_ok = True

    def __init__(self, digits: int = 2) -> None:
        self.digits = digits

    def get_col_spec(self, **kw: object) -> str:
        return f"VARCHAR({2 * self.digits + 1})"

    def bind_processor(self, dialect: Any) -> Any:
        return lambda value: None if value is None else f"{value[0]},{value[1]}"

    def result_processor(self, dialect: Any, coltype: object) -> Any:
        return lambda value: None if value is None else tuple(map(int, value.split(",")))


def test_a_type_of_ones_own_goes_its_own_way(engine: Engine) -> None:
    Item = item_of(Point(3))
    Item.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Item(value=(1, 2)), Item()])
        session.commit()
        session.bulk_insert(Item, [{"value": (3, 4)}, {"value": None}])
        assert session.scalars(select(Item.value).order_by(Item.id)).all() == [(1, 2), None, (3, 4), None]
        assert session.scalars(select(Item.id).where(Item.value == (3, 4))).all() == [3]
        assert session.scalars(select(Item.id).where(Item.value.in_([(1, 2), (9, 9)]))).all() == [1]
        assert session.scalars(select(Item.id).where(Item.value.is_(None))).all() == [2, 4]
    assert repr(inspect(engine).get_columns("item")[1]["type"]) == "VARCHAR(length=7)"
    assert Point(3).cache_key != Point(4).cache_key

    class Nameless(UserDefinedType):
        pass

    with pytest.raises(ArgumentError, match="get_col_spec"):
        Table("t", MetaData(), Column("v", Nameless())).create(engine)


def test_numbers_of_double_precision_and_texts_of_any_length(engine: Engine) -> None:
    Item = item_of(Double)
    Item.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Item(value=0.1))
        session.commit()
        assert session.scalar(select(Item.value + Numeric().to_stored(1))) == 1.1
        assert session.scalar(select(Item.value / 2)) == 0.05
    assert repr(DateTime().with_variant(Text, "sqlite")) == "DateTime()"


class Shade(str):
    __slots__ = ()


class Shaded(TypeDecorator):
    """Says another Python type than that of what it is made of."""

    impl = String
    cache_ok = True

    @property
    def python_type(self) -> Any:
        return Shade

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return Shade(value) if value is not None else None


class Weighed(TypeDecorator):
    impl = Integer
    cache_ok = True
    python_type = Decimal

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return int(value * 1000) if value is not None else None

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return Decimal(value) / 1000 if value is not None else None


class Unsaid(TypeDecorator):
    impl = String
    cache_ok = True

    @property
    def python_type(self) -> Any:
        raise NotImplementedError


def test_a_type_may_say_which_python_type_its_values_have(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Paint(Base):
        __tablename__ = "paint"
        id: Mapped[Any] = mapped_column(Unsaid(9), primary_key=True)
        shade: Mapped[Any] = mapped_column(Shaded(20))
        weight: Mapped[Any] = mapped_column(Weighed)

    Base.metadata.create_all(engine)
    assert (Shaded().python_type, Weighed().python_type) == (Shade, Decimal)
    with Session(engine) as session:
        session.add(Paint(id="p", shade="red", weight=Decimal("1.5")))
        session.commit()
        paint = session.get_one(Paint, "p")
        assert (type(paint.shade), paint.weight) == (Shade, Decimal("1.5"))
        assert session.scalar(select(Paint.shade + " light")) == "red light"
        assert session.scalars(select(Paint).where(Paint.shade == Shade("red"), Paint.id == "p")).one() is paint
        session.execute(update(Paint).where(Paint.weight == Decimal("1.5")).values(shade="blue", weight=Decimal(2)))
        assert (paint.shade, paint.weight) == ("blue", Decimal(2))


@pytest.mark.parametrize("is_decorator", [True, False], ids=["TypeDecorator", "UserDefinedType"])
@pytest.mark.parametrize(
    "name", ["name", "_key", "family", "native", "storage", "check", "convert", "_convert", "variants", "_inner", "_arguments", "value", "options"]
)  # fmt: skip
def test_types_of_an_application_may_keep_what_they_like(engine: Engine, name: str, is_decorator: bool) -> None:
    class Marked(TypeDecorator if is_decorator else UserDefinedType):  # type: ignore[misc]
        impl = String
        cache_ok = True

        def __init__(self, mark: str) -> None:
            super().__init__()
            vars(self)[name] = "the same"
            self.mark = mark

        def process_bind_param(self, value: Any, dialect: Any) -> Any:
            return value + self.mark if value is not None else None

        def process_result_value(self, value: Any, dialect: Any) -> Any:
            return value.removesuffix(self.mark) if value is not None else None

        def get_col_spec(self, **kw: object) -> str:
            return "VARCHAR(20)"

        def bind_processor(self, dialect: Any) -> Any:
            return lambda value: self.process_bind_param(value, dialect)

        def result_processor(self, dialect: Any, coltype: object) -> Any:
            return lambda value: self.process_result_value(value, dialect)

    def helper(self: object, *_: object) -> str:
        return "not what the library calls by such a name"

    class Base(DeclarativeBase):
        pass

    class Thing(Base):
        __tablename__ = "thing"
        id: Mapped[int] = mapped_column(primary_key=True)
        a: Mapped[Any] = mapped_column(Marked("!"))
        b: Mapped[Any] = mapped_column(Marked("?"))
        c: Mapped[Any] = mapped_column(type("Helped", (Marked,), {name: helper})("."))

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Thing(a="x", b="y", c="z"))
        session.commit()
        thing = session.scalars(select(Thing).where(Thing.a == "x", Thing.b.in_(["y"]), Thing.c == "z")).one()
        assert (thing.a, thing.b, thing.c) == ("x", "y", "z")
        assert session.execute(text("SELECT a, b, c FROM thing")).one() == ("x!", "y?", "z.")
        session.execute(update(Thing).where(Thing.b == "y").values(c="w", a=Thing.a))
        assert (thing.a, thing.c) == ("x", "w")
