"""Types of the user's own, arrays and pickles, on both databases."""

from __future__ import annotations

import ast
import copy
import datetime as dt
import pickle
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from psycopg2.extensions import AsIs
from psycopg2.extras import Json

from flask_uow import (
    ARRAY,
    ArgumentError,
    Column,
    CompileError,
    Connection,
    DataError,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PickleType,
    Session,
    String,
    Table,
    TypeDecorator,
    TypeEngine,
    UserDefinedType,
    Uuid,
    declarative_base,
    func,
    insert,
    literal,
    select,
    update,
)


class Lowercase(TypeDecorator):
    """Text that is stored in lower case and comes back marked."""

    impl = String

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return value.lower() if value is not None else None

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return f"<{value}>" if value is not None else None


class Cents(TypeDecorator):
    """An int of cents, kept as a decimal."""

    impl = Numeric(10, 2)

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else Decimal(value) / 100

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else int(value * 100)


class Guid(TypeDecorator):
    """A Uuid on PostgreSQL, text elsewhere."""

    impl = String(36)

    def load_dialect_impl(self, dialect: Any) -> Any:
        return Uuid() if dialect.name == "postgresql" else self.impl


class Shouting(TypeDecorator):
    impl = Lowercase(20)

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return value.upper()


metadata = MetaData()
thing = Table(
    "thing",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Lowercase(20)),
    Column("price", Cents),
    Column("tags", ARRAY(String(10))),
    Column("names", ARRAY(Lowercase(9))),
    Column("extra", PickleType),
)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    metadata.create_all(engine)
    with engine.connect() as connection, connection.begin():
        yield connection


def test_a_decorated_type_changes_values_on_their_way_in_and_out(connection: Connection) -> None:
    connection.execute(insert(thing).values(name="ABC", price=1250))
    assert connection.execute(select(thing.c.name, thing.c.price)).one() == ("<abc>", 1250)
    assert connection.scalar(select(thing.c.id).where(thing.c.name == "aBc")) == 1
    assert connection.scalar("SELECT name FROM thing") == "abc"


def test_batches_of_rows_pass_through_a_decorated_type(connection: Connection) -> None:
    writer = connection.dialect.batch
    columns = [thing.c.name, thing.c.price, thing.c.tags, thing.c.names]
    rows = [["A", None, "C"], [100, 205, None], [["x"], None, ["y", 'q"']], [["Q"], [], None]]
    writer.insert(connection, thing, columns, rows, generated_key=thing.c.id)
    found = connection.execute(select(*columns).order_by(thing.c.id)).all()
    assert found == [("<a>", 100, ["x"], ["<q>"]), (None, 205, None, []), ("<c>", None, ["y", 'q"'], None)]
    writer.update(connection, thing, [thing.c.id], [[1, 2]], [thing.c.tags, thing.c.price], [[["z"], []], [7, 8]])
    found = connection.execute(select(thing.c.tags, thing.c.price).order_by(thing.c.id)).all()
    assert found == [(["z"], 7), ([], 8), (["y", 'q"'], None)]


def test_decimals_behind_a_decorated_type_stay_exact(connection: Connection) -> None:
    connection.execute(insert(thing), [{"price": 10}, {"price": 20}, {"price": 105}])
    assert connection.scalar(select(func.sum(thing.c.price))) == 135
    assert connection.scalars(select(thing.c.price).where(thing.c.price > 15).order_by(thing.c.price.desc())).all() == [
        105,
        20,
    ]


def test_the_type_in_the_database_may_depend_on_the_dialect(engine: Engine, database: str) -> None:
    assert engine.dialect.type_ddl(Guid()) == ("UUID" if database == "postgresql" else "VARCHAR(36)")


def test_decorated_types_can_be_made_of_each_other(connection: Connection) -> None:
    assert connection.scalar(select(literal("AbC", Shouting()))) == "<ABC>"


def test_statements_with_equal_decorated_types_share_their_compiled_form() -> None:
    assert Lowercase(20).cache_key == Lowercase(20).cache_key
    assert Lowercase(20).cache_key != Lowercase(21).cache_key
    assert Lowercase(20).cache_key != String(20).cache_key
    holder = Lowercase(20)
    holder.table = {}  # type: ignore[attr-defined]
    assert holder.cache_key != Lowercase(20).cache_key


def test_arrays_are_changed_compared_and_searched(connection: Connection, database: str) -> None:
    connection.execute(insert(thing), [{"tags": ["a", "b"]}, {"tags": ["b"]}, {"tags": []}])
    connection.execute(update(thing).where(thing.c.tags == ["b"]).values(tags=["c", None]))
    assert connection.scalars(select(thing.c.tags).order_by(thing.c.id)).all() == [["a", "b"], ["c", None], []]
    having = select(thing.c.id).where(thing.c.tags.contains(["a"]))
    assert connection.scalars(having).all() == [1]
    overlapping = select(thing.c.id).where(thing.c.tags.overlap(["c", "a"])).order_by(thing.c.id)
    assert connection.scalars(overlapping).all() == [1, 2]
    assert connection.scalars(select(thing.c.id).where(thing.c.tags.any("c"))).all() == [2]
    if database == "postgresql":
        assert connection.scalars(select(thing.c.id).where(literal("c") == func.any(thing.c.tags))).all() == [2]


def test_an_array_of_bytes_is_refused_where_it_cannot_be_stored(engine: Engine, database: str) -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("value", ARRAY(LargeBinary)))
    if database == "postgresql":
        with engine.begin() as connection:
            table.create(connection)
            connection.execute(insert(table).values(value=[b"\x00'\\", None]))
            assert connection.scalar(select(table.c.value)) == [b"\x00'\\", None]
    else:
        with pytest.raises(CompileError, match="holds no bytes"):
            table.create(engine)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("abc", "Wrap a single value"),
        ([1, "x"], "expected an int"),
        ([[1], 2], "one depth"),
        ([[[1]]], "nested 2 deep"),
    ],
)
def test_what_is_no_array_is_refused(connection: Connection, value: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        connection.scalar(select(literal(value, ARRAY(Integer, 2 if isinstance(value[0], list) else None))))


def test_a_pickle_holds_any_object(connection: Connection) -> None:
    value = {"when": dt.date(2020, 1, 1), "set": {1, 2}, "f": Decimal("1.0")}
    connection.execute(insert(thing), [{"extra": value}, {"extra": None}])
    assert connection.scalars(select(thing.c.extra).order_by(thing.c.id)).all() == [value, None]


class Plain:
    def __init__(self, x: int) -> None:
        self.x = x


@pytest.mark.parametrize(
    ("type_", "value", "change"),
    [
        (PickleType(), [1], lambda value: value.append(2)),
        (PickleType(), Plain(1), lambda value: setattr(value, "x", 2)),
        (ARRAY(Integer, mutable=True), [1], lambda value: value.append(2)),
        (PickleType(comparator=lambda a, b: len(a) == len(b)), [1], lambda value: value.append(2)),
    ],
)
def test_a_mutable_type_notices_changes_in_place_by_a_copy(type_: TypeEngine[Any], value: Any, change: Any) -> None:
    assert type_.is_mutable()
    copy = type_.copy_value(value)
    assert type_.compare_values(copy, value)
    change(value)
    assert not type_.compare_values(copy, value)
    assert not type_.compare_values(None, value)
    assert type_.compare_values(None, type_.copy_value(None))


def test_other_types_keep_no_copies() -> None:
    value = [1]
    for type_ in (Integer(), ARRAY(Integer), PickleType(mutable=False), Lowercase()):
        assert not type_.is_mutable()
        assert type_.copy_value(value) is value
    assert Integer().compare_values(1, 1)
    assert not Integer().compare_values(1, None)


class Spec(UserDefinedType):
    """A type of the database's own, whose values go to the driver as they are, or through a function."""

    cache_ok = True

    def __init__(self, name: str, bind: Any = None, load: Any = None) -> None:
        self.name_of_it, self.bind, self.load = name, bind, load

    def get_col_spec(self, **kw: object) -> str:
        return self.name_of_it

    def bind_processor(self, dialect: Any) -> Any:
        return self.bind

    def result_processor(self, dialect: Any, coltype: object) -> Any:
        return self.load


def as_bytes(value: Any) -> Any:
    return None if value is None else bytes(value)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("type_", "values"),
    [
        (Spec("smallint"), [1, None, 2]),
        (Spec("numeric"), [Decimal("2.5"), 2]),
        (Spec("double precision"), [0.1, float("inf")]),
        (Spec("boolean"), [True, False]),
        (Spec("bytea", load=as_bytes), [b'a"\0', memoryview(b"b")]),
        (Spec("integer[]"), [[1, 2], [3]]),
        (Spec("date"), [dt.date(2024, 5, 1), dt.date(2024, 5, 2)]),
        (Spec("interval"), [dt.timedelta(days=1), dt.timedelta(seconds=1)]),
        (Spec("jsonb", Json), [{"a": "it's \\ \""}, {"b": [1]}]),
        (Spec("point", lambda value: AsIs("'({},{})'::point".format(*value)), ast.literal_eval), [(1, 2), (3, 4)]),
    ],
    ids=lambda value: value.name_of_it if isinstance(value, Spec) else "",
)
def test_many_values_of_a_type_of_the_database_s_own_go_like_one(
    engine: Engine, type_: Spec, values: list[Any]
) -> None:
    base: Any = declarative_base()

    class Item(base):
        __tablename__ = "item"
        id = Column(Integer, primary_key=True)
        value = Column(type_)

    base.metadata.create_all(engine)
    with Session(engine) as session:
        items = [Item(value=value) for value in values]
        session.add_all(items)
        session.commit()
        assert [item.value for item in items] == values
        for item, value in zip(items, reversed(values), strict=True):
            item.value = value
        session.commit()
        assert [item.value for item in items] == values[::-1]


def test_processors_of_a_type_that_is_made_of_another_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"override process_result_value\(value, dialect\)"):

        class Upper(String):
            def result_processor(self, dialect: Any, coltype: object) -> Any:
                return str.upper

    with pytest.raises(ArgumentError, match=r"override process_bind_param\(value, dialect\)"):

        class Doubled(TypeDecorator):
            impl = Integer

            def bind_processor(self, dialect: Any) -> Any:
                return lambda value: value * 2


@pytest.mark.parametrize(
    "type_",
    [
        String(5).with_variant(Integer, "sqlite"),
        Numeric(5, 2),
        PickleType(),
        PickleType(mutable=False, impl=LargeBinary(500)),
        ARRAY(Lowercase()),
        Lowercase(),
    ],
)
def test_types_can_be_copied_and_pickled(type_: TypeEngine[Any]) -> None:
    for made in (pickle.loads(pickle.dumps(type_)), copy.copy(type_), copy.deepcopy(type_), type_.copy()):
        assert type(made) is type(type_)
        assert made.cache_key == type_.cache_key
        assert dict(made.dialect_variants).keys() == dict(type_.dialect_variants).keys()


def test_a_pickle_type_is_kept_in_the_type_that_it_is_given(engine: Engine) -> None:
    kept = PickleType(impl=LargeBinary(500))
    assert isinstance(kept.impl, LargeBinary)
    assert engine.dialect.type_ddl(kept) == engine.dialect.type_ddl(LargeBinary(500))
    assert engine.dialect.bind_processor(kept) is not None
