"""SQL constructs of an application's own: @compiles."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import DeclarativeBase, Mapped, Session, aliased, mapped_column
from flask_uow.engine import Connection, Engine
from flask_uow.exc import ArgumentError, CompileError
from flask_uow.sql import (
    BigInteger,
    ClauseElement,
    Column,
    ColumnElement,
    CreateTable,
    DateTime,
    Executable,
    FunctionElement,
    GenericFunction,
    Insert,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    cast,
    compiles,
    func,
    insert,
    literal,
    select,
    update,
)

metadata = MetaData()
item = Table(
    "item",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(20)),
    Column("n", Integer),
    Column("m", Integer),
)
copied = Table("copied", metadata, Column("id", Integer, primary_key=True), Column("name", String(20)))


class largest(FunctionElement[int]):
    type = Integer()
    name = "largest"
    inherit_cache = True


@compiles(largest)
def write_largest(element: largest, compiler: Any, **kw: Any) -> str:
    return f"greatest({compiler.process(element.clauses, **kw)})"


@compiles(largest, "sqlite")
def write_largest_on_sqlite(element: largest, compiler: Any, **kw: Any) -> str:
    return f"max({', '.join(compiler.process(clause, **kw) for clause in element.clauses)})"


class today(FunctionElement[str]):
    type = String()
    inherit_cache = True


@compiles(today, "sqlite")
def write_today_on_sqlite(element: today, compiler: Any, **kw: Any) -> str:
    return "'sqlite'"


@compiles(today, "postgresql")
def write_today_on_postgresql(element: today, compiler: Any, **kw: Any) -> str:
    return "'postgresql'"


class Scaled(ColumnElement[int]):
    """An expression with a factor that is part of the text."""

    inherit_cache = True

    def __init__(self, element: Any, factor: Any) -> None:
        self.element = element
        self.factor = factor
        self.type = Integer()
        self.name = "scaled"


@compiles(Scaled)
def write_scaled(element: Scaled, compiler: Any, **kw: Any) -> str:
    factor = element.factor
    text = str(factor) if isinstance(factor, (int, float)) else compiler.process(factor, **kw)
    return f"({compiler.process(element.element, **kw)} * {text})"


class InsertFromSelect(Executable, ClauseElement):
    inherit_cache = False

    def __init__(self, table: Table, source: Select) -> None:
        self.table = table
        self.source = source


@compiles(InsertFromSelect)
def write_insert_from_select(element: InsertFromSelect, compiler: Any, **kw: Any) -> str:
    target = compiler.process(element.table, asfrom=True, **kw)
    return f"INSERT INTO {target} ({compiler.process(copied.c.name, include_table=False)}) {compiler.process(element.source, **kw)}"


class Explain(Executable, ClauseElement):
    inherit_cache = False

    def __init__(self, statement: Any) -> None:
        self.statement = statement


@compiles(Explain)
def write_explain(element: Explain, compiler: Any, **kw: Any) -> str:
    return f"EXPLAIN {compiler.process(element.statement, **kw)}"


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    metadata.create_all(engine)
    with engine.connect() as connection:
        connection.execute(insert(item), [{"name": "a", "n": 1, "m": 5}, {"name": "b", "n": 7, "m": 2}])
        yield connection
        connection.rollback()


def test_a_function_is_written_as_the_database_wants_it(connection: Connection, database: str) -> None:
    found = connection.execute(select(item.c.name, largest(item.c.n, item.c.m, 3)).order_by(item.c.id))
    assert found.keys() == ("name", "largest")
    assert found.all() == [("a", 5), ("b", 7)]
    assert connection.scalar(select(func.count()).select_from(item).where(largest(item.c.n, 6) == 7)) == 1
    assert connection.scalars(select(item.c.name).order_by(largest(item.c.n, item.c.m).desc())).all() == ["b", "a"]
    assert connection.scalar(select(today())) == database
    assert str(largest(1, 2)) == "greatest(:param_1, :param_2)"
    assert connection.scalar(select(today() + "!")) == f"{database}!"


def test_where_no_function_is_for_the_database_the_error_says_what_to_write() -> None:
    assert str(today()) == "today()"

    class Nothing(ColumnElement[Any]):
        pass

    with pytest.raises(CompileError, match=r"@compiles\(Nothing\), or @compiles\(Nothing, 'generic'\)"):
        str(Nothing())

    class Wrong(ColumnElement[Any]):
        pass

    @compiles(Wrong)
    def write(element: Wrong, compiler: Any, **kw: Any) -> Any:
        return None

    with pytest.raises(CompileError, match="returned None, and text was expected"):
        str(Wrong())


def test_the_tables_of_what_a_construct_holds_are_in_from(connection: Connection) -> None:
    assert connection.scalars(select(Scaled(item.c.n, 10)).order_by(item.c.id)).all() == [10, 70]
    both = connection.execute(
        select(Scaled(item.c.n, item.c.m), Scaled(item.c.n, literal(3)).label("three")).order_by(item.c.id)
    )
    assert both.keys() == ("scaled", "three")
    assert both.all() == [(5, 3), (14, 21)]


@pytest.mark.parametrize("inherit", [True, False, None])
def test_two_constructs_that_differ_are_never_taken_for_each_other(
    connection: Connection, inherit: bool | None
) -> None:
    namespace = {} if inherit is None else {"inherit_cache": inherit}
    kind: Any = type("Own", (Scaled,), namespace)
    factors = (2, 3, 2.0, True, literal(4), literal(5), item.c.m, item.c.id)
    expected = [[2, 14], [3, 21], [2, 14], None, [4, 28], [5, 35], [5, 14], [1, 14]]
    for _, (factor, wanted) in itertools.product(range(2), zip(factors, expected, strict=True)):
        if wanted is not None:
            assert connection.scalars(select(kind(item.c.n, factor)).order_by(item.c.id)).all() == wanted
    cached = len(connection.engine.compiled_cache)
    for number in range(4):
        assert connection.scalar(select(kind(item.c.n, literal(number))).where(item.c.name == "b")) == 7 * number
    assert len(connection.engine.compiled_cache) == cached + (1 if inherit else 0)


def test_a_construct_that_holds_what_may_change_is_compiled_each_time(connection: Connection) -> None:
    class Holder:
        text = "1"

    class Odd(ColumnElement[int]):
        inherit_cache = True

        def __init__(self, holder: Holder) -> None:
            self.holder = holder

    @compiles(Odd)
    def write(element: Odd, compiler: Any, **kw: Any) -> str:
        return element.holder.text

    holder = Holder()
    assert connection.scalar(select(Odd(holder))) == 1
    holder.text = "2"
    assert connection.scalar(select(Odd(holder))) == 2


def test_a_visitor_may_make_values_of_its_own(connection: Connection) -> None:
    class Clamped(ColumnElement[int]):
        inherit_cache = True

        def __init__(self, element: Any, most: int) -> None:
            self.element, self.most = element, most

    @compiles(Clamped)
    def write(element: Clamped, compiler: Any, **kw: Any) -> str:
        value, most = compiler.process(element.element), compiler.process(literal(element.most))
        return f"CASE WHEN {compiler.process(element.element > element.most)} THEN {most} ELSE {value} END"

    for most, wanted in ((3, [1, 3]), (4, [1, 4]), (3, [1, 3])):
        statement = select(Clamped(item.c.n, most)).where(item.c.m > 0).order_by(item.c.id)
        assert connection.scalars(statement).all() == wanted


def test_statements_of_ones_own_are_executed(connection: Connection) -> None:
    for least in (0, 1, 5):
        connection.execute(InsertFromSelect(copied, select(item.c.name).where(item.c.n > least)))
    assert connection.scalars(select(copied.c.name).order_by(copied.c.id)).all() == ["a", "b", "b", "b"]
    plan = connection.execute(Explain(select(item.c.name, item.c.n).where(item.c.n == 1)))
    assert plan.returns_rows
    assert plan.all()
    with Session(connection) as session:
        session.execute(InsertFromSelect(copied, select(item.c.name)))
        assert session.scalar(select(func.count()).select_from(copied)) == 6
    connection.rollback()


def test_constructs_stand_in_the_schema(connection: Connection, database: str) -> None:
    table = Table(
        "defaulted", MetaData(), Column("id", Integer, primary_key=True), Column("a", String(20), server_default=today()),
        Column("b", String(20), default=today()), Column("c", Integer, onupdate=largest(4, 9)),
    )  # fmt: skip
    table.create(connection)
    connection.execute(insert(table).values(id=1))
    assert connection.execute(select(table.c.a, table.c.b, table.c.c)).one() == (database, database, None)
    connection.execute(update(table).values(a="new"))
    assert connection.execute(select(table.c.a, table.c.c)).one() == ("new", 9)


def test_constructs_work_with_mapped_classes_and_their_aliases(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Thing(Base):
        __tablename__ = "thing"
        id: Mapped[int] = mapped_column(primary_key=True)
        n: Mapped[int]

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Thing(n=1), Thing(n=4)])
        session.commit()
        other = aliased(Thing)
        pairs = select(Scaled(Thing.n, 2), Scaled(other.n, 3)).where(Scaled(Thing.n, 4) == other.n)
        assert session.execute(pairs).all() == [(2, 12)]
        assert session.scalars(select(Thing).where(largest(Thing.n, 2) > 2)).one().n == 4
        assert session.query(Thing).filter(Scaled(Thing.n, 2) == 2).from_self().one().n == 1


def test_the_writing_of_a_construct_of_the_library_can_be_changed(connection: Connection) -> None:
    class Noted(Insert):
        inherit_cache = True

    @compiles(Noted)
    def write(element: Noted, compiler: Any, **kw: Any) -> str:
        return compiler.visit_insert(element, **kw) + " /* noted */"  # type: ignore[no-any-return]

    assert str(Noted(copied).values(name="x")).endswith("/* noted */")
    assert connection.execute(Noted(copied).values(name="x")).rowcount == 1
    assert "noted" not in str(insert(copied).values(name="x"))


def test_a_type_is_written_as_the_application_says(connection: Connection, database: str) -> None:
    class Money(BigInteger):
        pass

    @compiles(Money, "sqlite")
    def write(type_: Money, compiler: Any, **kw: Any) -> str:
        return "MONEY_INTEGER"

    table = Table("priced", MetaData(), Column("id", Integer, primary_key=True), Column("price", Money()))
    text = str(CreateTable(table).compile(connection))
    assert ("price MONEY_INTEGER" in text) == (database == "sqlite")
    connection.execute(CreateTable(table))
    assert connection.scalar(select(cast("7", Money()))) == 7
    assert compiles(DateTime) is not None


def test_what_cannot_be_compiled_so_is_refused() -> None:
    for wrong in (int, "largest", largest(1)):
        with pytest.raises(ArgumentError, match="takes a class of SQL constructs or of types"):
            compiles(wrong)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="expected 'sqlite' or 'postgresql'"):
        compiles(largest, "mysql")


class shouted(GenericFunction[str]):
    type = String()
    name = "upper"
    identifier = "Shouted"
    package = "texts"
    inherit_cache = True


class how_long(GenericFunction[int]):
    type = Integer
    inherit_cache = True


@compiles(how_long)
def write_how_long(element: how_long, compiler: Any, **kw: Any) -> str:
    return f"length({compiler.process(element.clauses, **kw)})"


class how_very_long(how_long):
    inherit_cache = True


class never_registered(GenericFunction[int]):
    _register = False


def test_func_gives_functions_with_classes_of_their_own_under_their_names(connection: Connection) -> None:
    made: Any = func.texts.shouted(literal("ab"))
    assert type(made) is shouted
    assert connection.scalar(select(made)) == "AB"
    assert connection.scalar(select(func.Texts.Shouted("ab") + literal("c"))) == "ABc"
    assert connection.scalar(select(shouted("x"))) == "X"
    for length, kind in (
        (func.how_long("abc"), how_long),
        (func.HOW_LONG("abc"), how_long),
        (func.how_very_long("abc"), how_very_long),
    ):
        assert (type(length), type(length.type)) == (kind, Integer)
        assert connection.scalar(select(length)) == 3
    assert isinstance(func.how_long("abc", type_=BigInteger).type, BigInteger)
    assert str(func.shouted("x")) == "shouted(:param_1)"
    assert type(func.never_registered(1)) is not never_registered
    rows = connection.execute(select(func.how_long(item.c.name), func.count()).group_by(func.how_long(item.c.name)))
    assert [count for _, count in rows] == [2]
