"""What tables have on some databases only, types made by a name, and what objects of the schema tell of themselves."""

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    DeclarativeBase,
    Engine,
    IntegrityError,
    Mapped,
    Session,
    create_engine,
    event,
    inspect,
    mapped_column,
)
from flask_uow.exc import ArgumentError, CompileError, DataError
from flask_uow.sql import (
    ARRAY,
    BLANK_SCHEMA,
    DATERANGE,
    DOMAIN,
    AddConstraint,
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    CreateIndex,
    CreateSequence,
    CreateTable,
    DropColumnComment,
    DropConstraint,
    DropConstraintComment,
    DropTableComment,
    Enum,
    ExcludeConstraint,
    FetchedValue,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Sequence,
    SetColumnComment,
    SetConstraintComment,
    SetTableComment,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    insert,
    quoted_name,
    select,
    sort_tables,
    text,
)


@pytest.fixture
def postgresql(postgresql_uri: str) -> Iterator[Engine]:
    engine = create_engine(postgresql_uri)
    yield engine
    engine.dispose()


# -- exclusion constraints


def bookings(metadata: MetaData) -> Table:
    return Table(
        "booking",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("during", DATERANGE),
        Column("cancelled", Integer, server_default=text("0")),
        ExcludeConstraint(("during", "&&"), name="no_overlap", where=text("cancelled = 0")),
    )


def test_rows_that_overlap_are_excluded(postgresql: Engine) -> None:
    booking = bookings(MetaData())
    booking.create(postgresql)
    days = [dt.date(2020, 1, day) for day in range(1, 10)]
    with postgresql.begin() as connection:
        connection.execute(insert(booking).values(during=(days[0], days[3])))
        connection.execute(insert(booking).values(during=(days[3], days[5])))
        connection.execute(insert(booking).values(during=(days[0], days[5]), cancelled=1))
        with pytest.raises(IntegrityError, match="no_overlap"):
            connection.execute(insert(booking).values(during=(days[4], days[8])))
        connection.rollback()
    copied = booking.to_metadata(MetaData(), name="copied")
    assert "EXCLUDE USING gist (during WITH &&) WHERE (cancelled = 0)" in str(CreateTable(copied).compile(postgresql))
    added = ExcludeConstraint((func.lower(booking.c.during), "="), using="btree", deferrable=True, name="starts")
    booking.append_constraint(added)
    with postgresql.begin() as connection:
        connection.execute(AddConstraint(added))
        connection.execute(DropConstraint(added))
        connection.execute(DropConstraint(added, if_exists=True, cascade=True))


def test_exclusion_constraints_of_tables_that_live_on_sqlite_too(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        refused = Table("refused", MetaData(), Column("n", Integer), ExcludeConstraint(("n", "=")))
        with pytest.raises(CompileError, match="ddl_if"):
            refused.create(engine)
    own = Table("own", MetaData(), Column("id", Integer, primary_key=True), Column("n", Integer))
    own.append_constraint(ExcludeConstraint(("n", "="), using="btree").ddl_if("postgresql"))
    Index("ix_own_n", own.c.n, postgresql_using="hash").ddl_if("postgresql")
    own.append_constraint(CheckConstraint("n > 0", name="positive").ddl_if("sqlite"))
    own.create(engine)
    names = [index["name"] for index in inspect(engine).get_indexes("own")]
    assert ("ix_own_n" in names) is (engine.dialect.name == "postgresql")
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            with pytest.raises(IntegrityError):
                connection.execute(insert(own).values(n=-1))
        else:
            connection.execute(insert(own).values(n=-1))


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ((), "no pair"),
        (("during",), "expected a pair"),
        ((("during", "&&) --"),), "expected a pair"),
        ((("during", " "),), "pair"),
    ],
)
def test_malformed_exclusion_constraints(elements: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        ExcludeConstraint(*elements)


# -- domains and enums


email = DOMAIN("email", Text, check="VALUE LIKE '%@%'", not_null=True, constraint_name="looks_like_one")
percent = DOMAIN("percent", Numeric(5, 2), check=text("VALUE >= 0"), default=50)


def people(metadata: MetaData) -> Table:
    return Table(
        "people",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("mail", email),
        Column("share", percent),
        Column("others", ARRAY(Integer)),
    )


def test_a_domain_holds_its_conditions(engine: Engine) -> None:
    table = people(MetaData())
    table.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(table).values(mail="a@b"))
        row = connection.execute(select(table.c.mail, table.c.share)).one()
        assert row == ("a@b", 50)
        assert connection.scalars(select(table.c.id).where(table.c.mail == "a@b", table.c.share < 60)).all() == [1]
    for values in ({"mail": "nobody"}, {"mail": None}, {"mail": "a@b", "share": -1}):
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(insert(table).values(values))
    table.metadata.create_all(engine)
    table.metadata.drop_all(engine)
    assert inspect(engine).get_table_names() == []
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM pg_type WHERE typname IN ('email', 'percent')")) == 0


def test_a_domain_of_a_mapped_class(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Person(Base):
        __tablename__ = "person"
        id: Mapped[int] = mapped_column(primary_key=True)
        mail: Mapped[str] = mapped_column(email)

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Person(mail="a@b"), Person(mail="c@d")])
        session.commit()
        assert session.scalars(select(Person.mail).order_by(Person.mail)).all() == ["a@b", "c@d"]
        session.add(Person(mail="nobody"))
        with pytest.raises(IntegrityError):
            session.commit()


def test_types_are_created_by_themselves(engine: Engine) -> None:
    color = Enum("red", "blue", name="color", native_enum=True, create_type=False)
    own = DOMAIN("Own Word", String(5), create_type=False)
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("color", color), Column("word", own))
    for made in (color, own):
        made.create(engine)
        made.create(engine)
    table.create(engine)
    with engine.begin() as connection:
        connection.execute(insert(table).values(color="red", word="abc"))
        assert connection.execute(select(table.c.color, table.c.word)).one() == ("red", "abc")
        with pytest.raises(DataError):
            connection.execute(insert(table).values(word="longer than that"))
    table.drop(engine)
    for made in (color, own):
        made.drop(engine, checkfirst=False)
        made.drop(engine)
    with pytest.raises(ArgumentError, match="native_enum"):
        Enum("a", name="plain").create(engine)


def test_an_enum_in_a_schema(postgresql: Engine) -> None:
    with postgresql.begin() as connection:
        connection.execute(text("CREATE SCHEMA extra"))
    table = Table(
        "t",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("c", Enum("a", name="letter", native_enum=True, schema="extra")),
    )
    table.metadata.create_all(postgresql)
    with postgresql.begin() as connection:
        connection.execute(insert(table).values(c="a"))
        assert connection.scalars(select(table.c.id).where(table.c.c == "a")).all() == [1]
    table.metadata.drop_all(postgresql)
    with postgresql.begin() as connection:
        connection.execute(text("DROP SCHEMA extra"))
    with pytest.raises(ArgumentError, match="native_enum"):
        Enum("a", schema="extra")


# -- options


def test_options_of_indexes(engine: Engine) -> None:
    table = Table(
        "t", MetaData(), Column("id", Integer, primary_key=True), Column("word", String), Column("n", Integer)
    )
    index = Index(
        "ix_word", table.c.word, postgresql_ops={"word": "text_pattern_ops"}, postgresql_with={"fillfactor": 70}, postgresql_include=["n"],
        postgresql_where=table.c.n > 5, sqlite_where=table.c.n > 6, info={"why": "search"}, mysql_length=5,
    )  # fmt: skip
    assert index.columns.keys() == ["word"]
    assert index.info == {"why": "search"}
    written = str(CreateIndex(index).compile(engine))
    if engine.dialect.name == "postgresql":
        assert (
            written
            == "CREATE INDEX ix_word ON t (word text_pattern_ops) INCLUDE (n) WITH (fillfactor = 70) WHERE n > 5"
        )
    else:
        assert written == "CREATE INDEX ix_word ON t (word) WHERE n > 6"
    table.create(engine)
    assert "ix_word" in {found["name"] for found in inspect(engine).get_indexes("t")}
    index.drop(engine)
    index.drop(engine, checkfirst=True)
    index.create(engine)
    index.create(engine, checkfirst=True)
    copied = table.to_metadata(MetaData(), name="other")
    assert (
        "fillfactor" in str(CreateIndex(next(iter(copied.indexes))).compile(engine)) or engine.dialect.name == "sqlite"
    )
    with pytest.raises(ArgumentError, match="Did you mean 'postgresql_using'"):
        Index("ix", "word", postgresql_usin="gin")


def test_an_index_is_created_while_others_write(postgresql: Engine) -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("word", String))
    table.create(postgresql)
    index = Index(
        "ix_word", table.c.word, postgresql_concurrently=True, unique=True, postgresql_nulls_not_distinct=True
    )
    with postgresql.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(CreateIndex(index))
        connection.execute(insert(table).values(word=None))
        with pytest.raises(IntegrityError):
            connection.execute(insert(table).values(word=None))
        index.drop(connection)
    assert inspect(postgresql).get_indexes("t") == []


def test_options_of_tables_and_keys(postgresql: Engine) -> None:
    metadata = MetaData()
    logs = Table(
        "logs", metadata, Column("id", Integer), Column("day", Integer), PrimaryKeyConstraint("id", "day"), postgresql_partition_by="RANGE (day)",
        mysql_engine="InnoDB",
    )  # fmt: skip
    Table(
        "kept",
        metadata,
        Column("id", Integer, primary_key=True),
        postgresql_with={"fillfactor": 50, "autovacuum_enabled": False},
    )
    base = Table(
        "base",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("n", Integer),
        UniqueConstraint("n", postgresql_include=["id"]),
    )
    child = Table("child", metadata, Column("id", Integer, primary_key=True), postgresql_inherits="base")
    child.add_is_dependent_on(base)
    metadata.create_all(postgresql)
    with postgresql.begin() as connection:
        connection.execute(text("CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (1) TO (9)"))
        connection.execute(insert(logs).values(id=1, day=2))
        assert connection.scalar(text("SELECT count(*) FROM logs_1")) == 1
        options = connection.scalar(text("SELECT reloptions FROM pg_class WHERE relname = 'kept'"))
        assert options == ["fillfactor=50", "autovacuum_enabled=false"]
        connection.execute(insert(child).values(id=5))
        assert connection.scalars(select(base.c.id)).all() == [5]
        assert connection.scalars(select(base.c.id).with_hint(base, "ONLY")).all() == []
        temporary = Table(
            "passing", MetaData(), Column("id", Integer), prefixes=["TEMPORARY"], postgresql_on_commit="DROP"
        )
        connection.execute(CreateTable(temporary))
        assert connection.execute(select(temporary)).all() == []
    metadata.drop_all(postgresql)
    with pytest.raises(ArgumentError, match="Did you mean 'postgresql_with'"):
        Table("x", MetaData(), postgresql_wit={})


def test_temporary_tables(engine: Engine) -> None:
    own = Table(
        "passing", MetaData(), Column("id", Integer, primary_key=True), Column("n", Integer), prefixes=["TEMPORARY"]
    )
    with engine.connect() as connection:
        connection.execute(CreateTable(own))
        connection.execute(insert(own), [{"n": 1}, {"n": 2}])
        assert connection.scalars(select(func.sum(own.c.n))).all() == [3]
        connection.rollback()


def test_constraints_are_added_and_dropped(engine: Engine) -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("n", Integer))
    table.create(engine)
    check = CheckConstraint(table.c.n > 0, name="positive")
    table.append_constraint(check)
    unique = UniqueConstraint("n")
    table.append_constraint(unique)
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            for statement in (AddConstraint(check), DropConstraint(check)):
                with pytest.raises(CompileError, match="Create the table anew"):
                    connection.execute(statement)
            return
        connection.execute(AddConstraint(check))
        with pytest.raises(IntegrityError):
            connection.execute(insert(table).values(n=-1))
        connection.rollback()
    with engine.begin() as connection:
        connection.execute(AddConstraint(unique))
        with pytest.raises(CompileError, match="naming_convention"):
            connection.execute(DropConstraint(unique))


def test_statements_listen_to_tables(engine: Engine) -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("n", Integer))
    check = CheckConstraint("n > 0", name="positive")
    check.table = table
    event.listen(table, "after_create", AddConstraint(check).execute_if(dialect="postgresql"))
    extra = Index("ix_extra", "n")
    extra.attach_to(table)
    table.indexes.clear()
    event.listen(table, "after_create", CreateIndex(extra))
    asked: list[Any] = []
    event.listen(
        table,
        "after_create",
        CreateIndex(extra).execute_if(callable_=lambda ddl, target, *_, **given: asked.append(target)),
    )
    table.create(engine)
    assert asked == [table]
    assert [index["name"] for index in inspect(engine).get_indexes("t")] == ["ix_extra"]
    assert len(inspect(engine).get_check_constraints("t")) == (engine.dialect.name == "postgresql")


def test_comments(engine: Engine) -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True, comment="key"), comment="things")
    table.create(engine)
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            with pytest.raises(CompileError, match="no comments"):
                connection.execute(SetTableComment(table))
            return
        assert inspect(connection).get_table_comment("t") == {"text": "things"}
        connection.execute(DropTableComment(table))
        connection.execute(DropColumnComment(table.c.id))
        assert inspect(connection).get_table_comment("t") == {"text": None}
        assert inspect(connection).get_columns("t")[0]["comment"] is None
        connection.execute(SetTableComment(table))
        connection.execute(SetColumnComment(table.c.id))
        assert inspect(connection).get_columns("t")[0]["comment"] == "key"


def test_comments_of_constraints(engine: Engine) -> None:
    metadata = MetaData()
    Table("other", metadata, Column("id", Integer, primary_key=True))
    table = Table(
        "t",
        metadata,
        Column("id", Integer),
        Column("n", Integer, CheckConstraint("n > 0", name="ck", comment="of the column")),
        Column("other_id", ForeignKey("other.id", name="fk", comment="where it belongs")),
        PrimaryKeyConstraint("id", name="pk", comment="the key"),
        UniqueConstraint("n", name="uq", comment="it's unique"),
        ForeignKeyConstraint(["n"], ["other.id"], name="fk2", comment="of several"),
    )
    metadata.create_all(engine)
    if engine.dialect.name == "sqlite":
        return
    sql = text(
        "SELECT conname, obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conrelid = 't'::regclass"
    )
    with engine.begin() as connection:
        found = {name: comment for name, comment in connection.execute(sql) if comment}
        assert found == {
            "ck": "of the column",
            "fk": "where it belongs",
            "pk": "the key",
            "uq": "it's unique",
            "fk2": "of several",
        }
        unique = next(each for each in table.constraints if each.name == "uq")
        connection.execute(DropConstraintComment(unique))
        assert dict(tuple(row) for row in connection.execute(sql))["uq"] is None
        connection.execute(SetConstraintComment(unique))
        assert dict(tuple(row) for row in connection.execute(sql))["uq"] == "it's unique"
    copied = table.to_metadata(MetaData())
    assert {each.name: each.comment for each in copied.constraints}["uq"] == "it's unique"
    assert copied.primary_key.comment == "the key"
    nameless = Table("u", MetaData(), Column("n", Integer), UniqueConstraint("n", comment="c"))
    with pytest.raises(CompileError, match="has a comment and no name"):
        nameless.create(engine)


def test_a_constraint_has_a_length_and_knows_its_columns() -> None:
    table = Table("t", MetaData(), Column("a", Integer, primary_key=True), Column("b", Integer, primary_key=True))
    assert (len(table.primary_key), bool(Table("u", MetaData()).primary_key)) == (2, True)
    assert "a" in table.primary_key
    assert "c" not in table.primary_key
    assert table.c.b in table.primary_key


def test_a_table_that_tells_no_keys_of_its_rows(engine: Engine) -> None:
    table = Table(
        "t", MetaData(), Column("id", Integer, primary_key=True), Column("n", Integer), implicit_returning=False
    )
    assert not table.implicit_returning
    assert not table.to_metadata(MetaData()).implicit_returning
    table.create(engine)
    sent: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda conn, cursor, statement, *more: sent.append(statement))
    with engine.begin() as connection:
        connection.execute(table.insert().values(n=1))
        connection.execute(table.insert(), {"n": 2})
        assert connection.execute(select(table.c.n).order_by(table.c.n)).scalars().all() == [1, 2]
    assert not any("RETURNING" in statement for statement in sent)


# -- what they tell


def test_what_a_table_tells() -> None:
    metadata = MetaData(schema="s")
    parent = Table("parent", metadata, Column("id", Integer, primary_key=True))
    child = Table(
        "child",
        metadata,
        Column("id", Integer, primary_key=True),
        Column(
            "parent_id",
            Integer,
            ForeignKey("s.parent.id", ondelete="CASCADE", name="fk_p", deferrable=True, info={"a": 1}),
        ),
        Column("total", Integer, Computed("parent_id + 1")),
    )
    assert child.key == "s.child"
    assert child.autoincrement_column is child.c.id
    (constraint,) = child.foreign_key_constraints
    assert constraint.column_keys == ["parent_id"]
    assert constraint.contains_column(child.c.parent_id)
    assert not constraint.contains_column(child.c.id)
    (key,) = child.c.parent_id.foreign_keys
    assert (key.name, key.ondelete, key.onupdate, key.deferrable, key.initially, key.use_alter, key.match, key.info) == (
        "fk_p", "CASCADE", None, True, None, False, None, {"a": 1},
    )  # fmt: skip
    assert key.references(parent)
    assert not key.references(child)
    named = parent.alias()
    assert key.get_referent(named) is named.c.id
    assert child.c.total.computed is not None
    assert child.c.id.computed is None
    assert child.c.id.description == "id"
    copied = child.tometadata(MetaData(schema="s"))
    assert next(iter(copied.c.parent_id.foreign_keys)).info == {"a": 1}
    assert sort_tables([child, parent]) == [parent, child]
    several = ForeignKeyConstraint(["parent_id"], ["s.parent.id"], ondelete="SET NULL", info={"b": 2})
    child.append_constraint(several)
    assert child.c.parent_id.foreign_keys[1].ondelete == "SET NULL"
    assert several.info == {"b": 2}
    check = CheckConstraint("id > 0", info={"c": 3})
    assert (check.sqltext, check.info) == ("id > 0", {"c": 3})


def test_a_foreign_key_is_added_to_a_column(engine: Engine) -> None:
    metadata = MetaData()
    Table("parent", metadata, Column("id", Integer, primary_key=True))
    child = Table("child", metadata, Column("id", Integer, primary_key=True), Column("parent_id", Integer))
    child.c.parent_id.append_foreign_key(ForeignKey("parent.id"))
    metadata.create_all(engine)
    assert [key["referred_table"] for key in inspect(engine).get_foreign_keys("child")] == ["parent"]


def test_a_key_that_is_a_foreign_key_may_be_numbered(engine: Engine) -> None:
    metadata = MetaData()
    Table("parent", metadata, Column("id", Integer, primary_key=True))
    child = Table(
        "child", metadata, Column("id", Integer, ForeignKey("parent.id"), primary_key=True, autoincrement="ignore_fk")
    )
    plain = Table(
        "plain", metadata, Column("id", Integer, ForeignKey("parent.id"), primary_key=True, autoincrement="auto")
    )
    assert child.autoincrement_column is child.c.id
    assert plain.autoincrement_column is None
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(metadata.tables["parent"]))
        assert connection.execute(insert(child)).inserted_primary_key == (1,)


def test_a_column_that_the_database_has_by_itself(postgresql: Engine) -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("xmin", Integer, system=True))
    table.create(postgresql)
    with postgresql.begin() as connection:
        connection.execute(insert(table))
        assert int(connection.scalar(select(table.c.xmin))) > 0
    assert table.to_metadata(MetaData()).c.xmin.system


def test_sequences_have_all_options(postgresql: Engine) -> None:
    sequence = Sequence(
        "numbers",
        start=5,
        increment=5,
        nominvalue=True,
        nomaxvalue=True,
        cycle=True,
        cache=2,
        data_type=SmallInteger,
        info={"x": 1},
    )
    with postgresql.begin() as connection:
        connection.execute(CreateSequence(sequence))
        assert connection.scalar(select(sequence.next_value())) == 5
        assert (
            connection.scalar(text("SELECT data_type::text FROM pg_sequences WHERE sequencename = 'numbers'"))
            == "smallint"
        )
    table = Table("t", MetaData(), Column("id", Integer, Identity(start=3, nomaxvalue=True), primary_key=True))
    table.create(postgresql)
    with postgresql.begin() as connection:
        assert connection.execute(insert(table)).inserted_primary_key == (3,)
    with pytest.raises(ArgumentError, match="one of them"):
        Sequence("s", minvalue=1, nominvalue=True)
    with pytest.raises(ArgumentError, match="integers"):
        Sequence("s", data_type=String)


def test_columns_are_found_by_place_and_name_and_constraints_tell_theirs() -> None:
    table = Table(
        "t",
        MetaData(),
        Column("a", Integer, primary_key=True),
        Column("b", Integer),
        Column("c", Integer, ForeignKey("t.a")),
        UniqueConstraint("a", "b"),
    )
    assert table.c[0] is table.c.a
    assert table.c[1:] == [table.c.b, table.c.c]
    assert table.c["a", "c"] == [table.c.a, table.c.c]
    assert table.c.contains_column(table.c.b)
    assert not table.c.contains_column(table.alias().c.b)
    assert select(table.c["a", "b"]).selected_columns.keys() == ["a", "b"]
    assert table.primary_key.columns.keys() == ["a"]
    assert list(table.primary_key) == [table.c.a]
    assert table.primary_key.columns["a"] is table.c.a
    assert table.primary_key.c.items() == [("a", table.c.a)]
    assert "a" in table.primary_key.columns
    assert table.c.b not in table.primary_key.columns
    unique = next(each for each in table.constraints if isinstance(each, UniqueConstraint))
    assert unique.columns.keys() == ["a", "b"]
    assert unique.columns.contains_column(table.c.b)
    (key,) = table.foreign_key_constraints
    assert key.columns.values() == [table.c.c]


def test_a_table_without_the_schema_of_its_metadata() -> None:
    table = Table("t", MetaData(schema="s"), Column("a", Integer, primary_key=True), schema=BLANK_SCHEMA)
    assert (table.schema, table.fullname) == (None, "t")


def test_tables_are_written_out_in_standard_sql() -> None:
    table = Table(
        "t",
        MetaData(),
        Column("a", String(5)),
        Column("b", Numeric(5, 2)),
        Column("c", BigInteger),
        Column("d", Enum("x", "yy")),
    )
    assert str(CreateTable(table)).split("(", 1)[1].split() == [
        "a", "VARCHAR(5),", "b", "NUMERIC(5,", "2),", "c", "BIGINT,", "d", "VARCHAR(2)", ")",
    ]  # fmt: skip


def test_a_foreign_key_names_a_column_by_its_key_or_by_its_name_in_the_database() -> None:
    metadata = MetaData()
    town = Table("town", metadata, Column("db_code", String, key="code"), Column("other", String, key="db_code"))
    by_key = ForeignKey("town.db_code")
    by_name = ForeignKey("town.db_code", link_to_name=True)
    house = Table("house", metadata, Column("a", String, by_key), Column("b", String, by_name), Column("c", String),
                  ForeignKeyConstraint(["c"], ["town.db_code"], link_to_name=True))  # fmt: skip
    assert by_key.column is town.c.db_code
    assert by_name.column is town.c.code
    assert house.c.c.foreign_keys[0].column is town.c.code
    copied = MetaData()
    town.to_metadata(copied)
    assert house.to_metadata(copied).c.b.foreign_keys[0].column is copied.tables["town"].c.code


def test_a_column_takes_its_default_and_its_quoting_under_other_names() -> None:
    with_default = Column("age", Integer, insert_default=5)
    assert with_default.default is not None
    assert with_default.default.arg == 5
    with pytest.raises(ArgumentError, match="insert_default"):
        Column("age", Integer, default=4, insert_default=5)
    assert (Column("Age", Integer, quote=True).name, Column("Age", Integer, quote=False).name) == ("Age", "age")
    name = quoted_name("MixedCase", False)
    assert (name, name.quote) == ("mixedcase", False)
    assert quoted_name("MixedCase", True) == "MixedCase"
    again = pickle.loads(pickle.dumps(name))
    assert (again, again.quote) == (name, False)


def test_a_constraint_of_columns_that_have_a_table_is_the_tables(engine: Engine) -> None:
    metadata = MetaData()
    town = Table("town", metadata, Column("id", Integer, primary_key=True), Column("name", String))
    house = Table("house", metadata, Column("town_id", Integer), Column("number", Integer), Column("during", DATERANGE))
    unique = UniqueConstraint(house.c.town_id, house.c.number, name="one_house")
    check = CheckConstraint(house.c.number > 0, name="positive")
    key = ForeignKeyConstraint([house.c.town_id], [town.c.id], name="in_town")
    exclude = ExcludeConstraint((house.c.during, "&&"), name="apart").ddl_if("postgresql")
    for constraint in (unique, check, key, exclude):
        assert constraint.table is house
        house.append_constraint(constraint)
    assert [each for each in house.constraints if each in (unique, check, key, exclude)] == [
        unique,
        check,
        key,
        exclude,
    ]
    assert [foreign.column for foreign in house.c.town_id.foreign_keys] == [town.c.id]
    # those that are made for several tables, or for none yet, are left to whoever adds them
    assert CheckConstraint(house.c.number > town.c.id).table is None
    assert UniqueConstraint("number").table is None
    assert UniqueConstraint(Column("x", Integer)).table is None
    copied = MetaData()
    town.to_metadata(copied)
    names = sorted(str(each.name) for each in house.to_metadata(copied).constraints if each.name is not None)
    assert names == ["apart", "in_town", "one_house", "positive"]
    assert len(house.constraints) == len(copied.tables["house"].constraints)


def test_a_constraint_beside_its_table_is_created_with_it(engine: Engine) -> None:
    metadata = MetaData()
    person = Table(
        "person", metadata, Column("id", Integer, primary_key=True), Column("age", Integer), Column("name", String)
    )
    UniqueConstraint(person.c.name)
    CheckConstraint(person.c.age >= 0)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(person.insert(), {"age": 5, "name": "a"})
    for wrong in ({"age": 5, "name": "a"}, {"age": -5, "name": "b"}):
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(person.insert(), wrong)


@pytest.mark.parametrize(
    ("item", "options"),
    [
        (Identity(), {"server_default": "5"}),
        (Identity(), {"server_onupdate": FetchedValue()}),
        (Identity(), {"default": Sequence("numbers")}),
        (Computed("1 + 1"), {"server_onupdate": FetchedValue()}),
        (Computed("1 + 1"), {"onupdate": 5}),
    ],
)
def test_a_column_that_the_database_fills_has_no_other_source(item: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=r"one of them|one or the other"):
        Column("n", Integer, item, **options)
