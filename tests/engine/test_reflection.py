"""What reflection finds is what was created, on both databases."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from flask_uow import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    CreateSchema,
    Date,
    DateTime,
    DeclarativeBase,
    DropSchema,
    Engine,
    Enum,
    FetchedValue,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    NoSuchTableError,
    Numeric,
    PickleType,
    PrimaryKeyConstraint,
    Sequence,
    Session,
    SmallInteger,
    String,
    Table,
    Text,
    Time,
    UniqueConstraint,
    Uuid,
    create_engine,
    func,
    insert,
    inspect,
    relationship,
    select,
    text,
)
from flask_uow.engine.reflection.sqlite_definition import read_definition

CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def everything(database: str) -> MetaData:
    """A schema that uses whatever DDL can say."""
    metadata = MetaData(naming_convention=CONVENTION)
    Table(
        "author",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", String(50), nullable=False, unique=True, comment="as it is printed"),
        Column("Mixed Case", Text, server_default="it's"),
        Column("order", SmallInteger, nullable=False, server_default=text("5")),
        Column("born", Date, index=True),
        Column("boss_id", ForeignKey("author.id", ondelete="SET NULL", onupdate="CASCADE")),
        Column("price", Numeric(10, 2), CheckConstraint("price > 0", "positive")),
        CheckConstraint(text("name <> 'x)' AND \"order\" > -1"), name="sane"),
        comment="people",
    )
    Table(
        "book",
        metadata,
        Column("a", Integer),
        Column("b", BigInteger),
        Column("author_id", ForeignKey("author.id", deferrable=True, initially="DEFERRED")),
        Column("title", String),
        Column("made", DateTime(timezone=True), server_default=func.now()),
        PrimaryKeyConstraint("a", "b"),
        UniqueConstraint("title", "author_id", name="own_name"),
        Index(None, "title", "b"),
        Index("ix_partial", "b", unique=True, where=text("b > 10")),
        Index("ix_expression", func.lower(text("title")), text("b DESC")),
    )
    Table(
        "page",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("a", Integer),
        Column("b", BigInteger),
        ForeignKeyConstraint(["a", "b"], ["book.a", "book.b"], ondelete="CASCADE"),
        sqlite_autoincrement=database == "sqlite",
    )
    types: list[Any] = [
        Integer(), SmallInteger(), BigInteger(), String(), String(5), Text(), Boolean(), Float(), Numeric(), Numeric(7), Numeric(7, 3), Date(),
        Time(), Time(timezone=True), DateTime(), DateTime(timezone=True), Interval(), LargeBinary(), JSON(), Uuid(), Enum("a", "bc"),
        PickleType(),
    ]  # fmt: skip
    if database == "postgresql":
        types += [ARRAY(Integer), ARRAY(String(5)), ARRAY(Numeric(4, 1), dimensions=2)]
    Table("types", metadata, *(Column(f"c{number}", type_) for number, type_ in enumerate(types)))
    if database == "postgresql":
        Table(
            "numbered",
            metadata,
            Column("id", Integer, Sequence("own_numbers", start=10, increment=5), primary_key=True),
            Column("n", BigInteger, Identity(always=True, start=3)),
            Column("doc", JSON),
            Index("ix_doc", "doc", using="gin"),
            Index("ix_more", "n", include=["id"]),
        )
    return metadata


@pytest.fixture
def created(engine: Engine, database: str) -> MetaData:
    metadata = everything(database)
    metadata.create_all(engine)
    return metadata


def described(metadata: MetaData, dialect: Any) -> dict[str, Any]:
    """A schema as plain data, by what DDL says of it."""
    return {
        name: {
            "columns": [
                (c.name, dialect.type_ddl(c.type), c.nullable, c.primary_key, c.comment if dialect.supports_comments else None)
                for c in table.c
            ],
            "key": (table.primary_key.name if len(table.primary_key.columns) else None, [c.name for c in table.primary_key.columns]),
            "generated": table.generated_key.name if table.generated_key is not None else None,
            "unique": sorted((c.name, [x.name for x in c.columns]) for c in table.constraints if isinstance(c, UniqueConstraint)),
            "foreign": sorted(
                (
                    c.name,
                    [x.name for x in c.columns],
                    [e.column.name for e in c.elements],
                    c.referred_table.fullname,
                    c.ondelete,
                    c.onupdate,
                    bool(c.deferrable),
                    c.initially,
                )
                for c in table.constraints
                if isinstance(c, ForeignKeyConstraint)
            ),
            "checks": sorted(str(c.name) for c in table.constraints if isinstance(c, CheckConstraint)),
            "indexes": sorted((i.name, i.unique, i.where is not None, i.using, len(i.expressions)) for i in table.indexes),
            "defaults": [c.name for c in table.c if c.server_default is not None],
            "comment": table.comment if dialect.supports_comments else None,
            "autoincrement": table.sqlite_autoincrement,
        }
        for name, table in sorted(metadata.tables.items())
    }  # fmt: skip


def test_what_reflection_finds_equals_the_metadata(engine: Engine, created: MetaData) -> None:
    found = MetaData(naming_convention=CONVENTION)
    found.reflect(engine)
    # a name that was found is the constraint's own; the convention of checks would be put before it once more
    found.naming_convention = {}
    assert described(found, engine.dialect) == described(created, engine.dialect)


def everything_said(engine: Engine) -> dict[str, Any]:
    """All that the inspector says of a database."""
    inspector = inspect(engine)
    said: dict[str, Any] = {"schemas": inspector.get_schema_names(), "sequences": inspector.get_sequence_names()}
    for name in inspector.get_table_names():
        said[name] = {
            "columns": [{**column, "type": repr(column["type"])} for column in inspector.get_columns(name)],
            "key": inspector.get_pk_constraint(name),
            "foreign": sorted(inspector.get_foreign_keys(name), key=lambda key: str(key["name"])),
            "unique": sorted(inspector.get_unique_constraints(name), key=lambda key: str(key["name"])),
            "checks": sorted(inspector.get_check_constraints(name), key=lambda check: str(check["name"])),
            "indexes": inspector.get_indexes(name),
            "comment": inspector.get_table_comment(name),
        }
    return said


def test_a_database_made_of_what_was_found_is_the_same(
    engine: Engine, created: MetaData, second_database_uri: str
) -> None:
    found = MetaData()
    found.reflect(engine)
    other = create_engine(second_database_uri)
    found.create_all(other)
    assert everything_said(other) == everything_said(engine)
    other.dispose()


def test_the_inspector_answers_in_detail(engine: Engine, created: MetaData, database: str) -> None:
    inspector = inspect(engine)
    assert "author" in inspector.get_table_names()
    assert inspector.has_table("book")
    assert not inspector.has_table("nothing")
    columns = {column["name"]: column for column in inspector.get_columns("author")}
    assert columns["name"]["nullable"] is False
    assert columns["id"]["autoincrement"] is True
    assert "it''s" in str(columns["Mixed Case"]["default"])
    assert repr(columns["price"]["type"]) == "NUMERIC(precision=10, scale=2)"
    assert inspector.get_pk_constraint("book") == {"name": "pk_book", "constrained_columns": ["a", "b"]}
    assert inspector.get_foreign_keys("page") == [
        {
            "name": "fk_page_a_book",
            "constrained_columns": ["a", "b"],
            "referred_schema": None,
            "referred_table": "book",
            "referred_columns": ["a", "b"],
            "options": {"ondelete": "CASCADE"},
        }
    ]
    partial = next(index for index in inspector.get_indexes("book") if index["name"] == "ix_partial")
    assert (partial["column_names"], partial["unique"], partial["where"]) == (["b"], True, "b > 10")
    expression = next(index for index in inspector.get_indexes("book") if index["name"] == "ix_expression")
    assert expression["column_names"] == [None, "b"]
    assert expression["expressions"][1] == "b DESC"
    assert "lower" in expression["expressions"][0]
    checks = {check["name"]: check["sqltext"] for check in inspector.get_check_constraints("author")}
    assert set(checks) == {"ck_author_positive", "ck_author_sane"}
    assert "'x)'" in checks["ck_author_sane"]
    comment = "people" if database == "postgresql" else None
    assert inspector.get_table_comment("author") == {"text": comment}
    assert inspector.default_schema_name == ("public" if database == "postgresql" else "main")


def test_views_are_found_and_can_be_selected_from(engine: Engine, created: MetaData) -> None:
    with engine.begin() as connection:
        connection.run("CREATE VIEW names AS SELECT id, name FROM author")
        connection.execute(insert(created.tables["author"]).values(name="Ann", price=Decimal("1.50")))
    try:
        inspector = inspect(engine)
        assert inspector.get_view_names() == ["names"]
        assert "names" not in inspector.get_table_names()
        assert inspector.has_table("names")
        assert "SELECT" in inspector.get_view_definition("names").upper()
        metadata = MetaData()
        view = Table("names", metadata, autoload_with=engine)
        with engine.connect() as connection:
            assert connection.execute(select(view.c.name)).all() == [("Ann",)]
        whole = MetaData()
        whole.reflect(engine, views=True, only=lambda name: name == "names")
        assert list(whole.tables) == ["names"]
    finally:
        with engine.begin() as connection:
            connection.run("DROP VIEW names")


def test_a_table_is_loaded_with_those_it_refers_to(engine: Engine, created: MetaData) -> None:
    metadata = MetaData()
    page = Table("page", metadata, autoload_with=engine)
    assert set(metadata.tables) == {"page", "book", "author"}
    assert page.c.a.references(metadata.tables["book"].c.a)
    alone = MetaData()
    Table("page", alone, autoload_with=engine, resolve_fks=False)
    assert set(alone.tables) == {"page"}
    some = MetaData()
    some.reflect(engine, only=["author"])
    assert set(some.tables) == {"author"}


def test_given_columns_win_over_those_found(engine: Engine, created: MetaData) -> None:
    metadata = MetaData()
    author = Table(
        "author", metadata, Column("born", String(10)), autoload_with=engine, include_columns=["id", "born", "name"]
    )
    assert author.c.keys() == ["id", "name", "born"]
    assert isinstance(author.c.born.type, String)
    assert {type(constraint).__name__ for constraint in author.constraints} >= {"UniqueConstraint"}


def test_a_reflected_table_works(engine: Engine, created: MetaData) -> None:
    metadata = MetaData()
    with engine.begin() as connection:
        author = Table("author", metadata, autoload_with=connection)
        connection.execute(
            insert(author),
            [
                {"name": "a", "price": Decimal("0.10"), "born": dt.date(2000, 1, 2)},
                {"name": "b", "price": None, "born": None},
            ],
        )
        found = connection.execute(
            select(author.c.id, author.c.price, author.c.born, author.c.order).order_by(author.c.id)
        ).all()
    assert found == [(1, Decimal("0.10"), dt.date(2000, 1, 2), 5), (2, None, None, 5)]


def test_what_is_not_there_is_named(engine: Engine, created: MetaData) -> None:
    metadata = MetaData()
    with pytest.raises(NoSuchTableError, match=r"has no table 'autor'\. Did you mean 'author'"):
        Table("autor", metadata, autoload_with=engine)
    assert "autor" not in metadata
    with pytest.raises(NoSuchTableError, match="'nothing'"):
        metadata.reflect(engine, only=["author", "nothing"])
    inspector = inspect(engine)
    for ask in (
        inspector.get_columns, inspector.get_pk_constraint, inspector.get_foreign_keys, inspector.get_indexes, inspector.get_table_comment,
        inspector.get_unique_constraints, inspector.get_check_constraints, inspector.get_view_definition,
    ):  # fmt: skip
        with pytest.raises(NoSuchTableError, match="Did you mean 'book'"):
            ask("bok")


@pytest.fixture
def schema_connection(engine: Engine, database: str, tmp_path: Any) -> Iterator[Connection]:
    """A connection that sees the schema "Other one"."""
    with engine.connect() as connection:
        if database == "postgresql":
            with engine.begin() as maker:
                maker.execute(CreateSchema("Other one"))
            yield connection
            # what its statements have locked
            connection.rollback()
            with engine.begin() as dropper:
                dropper.execute(DropSchema("Other one", cascade=True))
        else:
            connection.run(f"ATTACH DATABASE '{tmp_path / 'other.db'}' AS \"Other one\"", write=False)
            yield connection


def test_schemas_are_created_into_and_reflected(schema_connection: Connection) -> None:
    connection, schema = schema_connection, "Other one"
    metadata = MetaData(schema=schema)
    Table("parent", metadata, Column("id", Integer, primary_key=True), Column("name", String, index=True))
    Table(
        "child",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("parent_id", ForeignKey(f"{schema}.parent.id")),
    )
    metadata.create_all(connection)
    inspector = inspect(connection)
    assert schema in inspector.get_schema_names()
    assert inspector.get_table_names() == []
    assert inspector.get_table_names(schema) == ["child", "parent"]
    found = MetaData()
    found.reflect(connection, schema=schema)
    for name in ("parent", "child"):
        assert found.tables[f"{schema}.{name}"].c.keys() == metadata.tables[f"{schema}.{name}"].c.keys()
    assert [index.name for index in found.tables[f"{schema}.parent"].indexes] == ["ix_parent_name"]
    assert found.tables[f"{schema}.child"].c.parent_id.references(found.tables[f"{schema}.parent"].c.id)
    connection.execute(insert(metadata.tables[f"{schema}.parent"]).values(name="x"))
    connection.execute(insert(metadata.tables[f"{schema}.child"]).values(parent_id=1))
    metadata.drop_all(connection)
    assert inspector.get_table_names(schema) == []


# -- numbers


def test_rows_are_numbered_by_sequences_and_identities(engine: Engine, database: str) -> None:
    metadata = MetaData()
    if database == "sqlite":
        plain = Table("t", metadata, Column("id", Integer, Identity(start=5), primary_key=True), Column("x", Integer))
        numbered = Table(
            "s", metadata, Column("id", Integer, Sequence("s_numbers"), primary_key=True), Column("x", Integer)
        )
        metadata.create_all(engine)
        with engine.begin() as connection:
            assert connection.execute(insert(plain).values(x=1).returning(plain.c.id)).scalar() == 1
            assert connection.execute(insert(numbered).values(x=1).returning(numbered.c.id)).scalar() == 1
        return
    always = Table(
        "t",
        metadata,
        Column("id", Integer, Identity(always=True, start=5, increment=2), primary_key=True),
        Column("x", Integer),
    )
    drawn = Table(
        "s",
        metadata,
        Column("id", Integer, default=Sequence("s_numbers", start=100), primary_key=True),
        Column("x", Integer),
    )
    second = Table("u", metadata, Column("k", String, primary_key=True), Column("n", Integer, Sequence("u_numbers")))
    free = Sequence("free numbers", start=7, metadata=metadata)
    metadata.create_all(engine)
    with engine.begin() as connection:
        writer = connection.dialect.batch
        for table, first in ((always, [5, 7, 9, 11]), (drawn, [100, 101, 102, 103])):
            keys = writer.insert(connection, table, [table.c.x], [[1, 2]], generated_key=table.c.id)
            keys = [
                *(keys or ()),
                *(writer.insert(connection, table, [table.c.x], [[3]], generated_key=table.c.id) or ()),
            ]
            keys += writer.insert_defaults(connection, table, 1, generated_key=table.c.id) or ()
            assert keys == first
        connection.execute(insert(second).values(k="a"))
        assert connection.scalar(select(second.c.n)) == 1
        assert connection.scalar(select(free.next_value())) == 7
    assert inspect(engine).get_sequence_names() == ["free numbers", "s_numbers", "u_numbers"]
    metadata.drop_all(engine)
    assert inspect(engine).get_sequence_names() == []


def test_a_sequence_numbers_a_table_that_has_it_not_as_its_default(engine: Engine, database: str) -> None:
    if database == "sqlite":
        return
    with engine.begin() as connection:
        connection.run("CREATE SEQUENCE old_numbers START 40")
        connection.run("CREATE TABLE old (id integer PRIMARY KEY, x integer)")
    table = Table(
        "old", MetaData(), Column("id", Integer, Sequence("old_numbers"), primary_key=True), Column("x", Integer)
    )
    with engine.begin() as connection:
        assert connection.scalar(insert(table).values(x=1).returning(table.c.id)) == 40
        writer = connection.dialect.batch
        assert writer.insert(connection, table, [table.c.x], [[1]], generated_key=table.c.id) == [41]
        assert writer.insert(connection, table, [table.c.x], [[1, 2]], generated_key=table.c.id) == [42, 43]


def test_autoincrement_never_gives_a_key_again(engine: Engine, database: str) -> None:
    table = Table(
        "t", MetaData(), Column("id", Integer, primary_key=True), Column("x", Integer), sqlite_autoincrement=True
    )
    table.create(engine)
    with engine.begin() as connection:
        writer = connection.dialect.batch
        assert writer.insert(connection, table, [table.c.x], [[1, 2, 3]], generated_key=table.c.id) == [1, 2, 3]
        connection.execute(table.delete())
        assert writer.insert(connection, table, [table.c.x], [[4, 5]], generated_key=table.c.id) == [4, 5]
        connection.execute(table.delete())
        assert writer.insert(connection, table, [table.c.x], [[6]], generated_key=table.c.id) == [6]


def test_a_default_that_the_database_has_anyway_is_left_out_of_ddl(engine: Engine) -> None:
    table = Table(
        "t", MetaData(), Column("id", Integer, primary_key=True), Column("x", Integer, server_default=FetchedValue())
    )
    table.create(engine)
    assert inspect(engine).get_columns("t")[1]["default"] is None


# -- SQLite's CREATE TABLE


def test_the_text_of_create_table_is_read_with_all_its_quotes() -> None:
    found = read_definition(
        """CREATE TABLE "a (b" ( -- a comment, with ( and '
        id INTEGER CONSTRAINT "the key" PRIMARY KEY AUTOINCREMENT,
        [odd, name] VARCHAR(5) COLLATE nocase CONSTRAINT ck1 CHECK ([odd, name] <> ')' /* ( */ ),
        `tick` TEXT UNIQUE DEFAULT ('a,b') REFERENCES other(x) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
        n INT REFERENCES other NOT DEFERRABLE, CONSTRAINT uq UNIQUE ("tick" COLLATE binary, n),
        CONSTRAINT fk FOREIGN KEY(id, n) REFERENCES o2 (a, b), CHECK (n > (1 + 2)))"""
    )
    assert found.primary_key is not None
    assert (found.primary_key.name, found.primary_key.columns, found.autoincrement) == ("the key", ["id"], True)
    assert found.checks == [("ck1", "[odd, name] <> ')' /* ( */"), (None, "n > (1 + 2)")]
    assert [(key.name, key.columns) for key in found.uniques] == [(None, ["tick"]), ("uq", ["tick", "n"])]
    assert [(key.name, key.columns, key.deferrable, key.initially) for key in found.foreign_keys] == [
        (None, ["tick"], True, "DEFERRED"),
        (None, ["n"], False, None),
        ("fk", ["id", "n"], None, None),
    ]
    assert found.collations == {"odd, name": "nocase"}


def test_classes_are_mapped_to_reflected_tables(engine: Engine, created: MetaData) -> None:
    class Base(DeclarativeBase):
        pass

    class Author(Base):
        __table__ = Table("author", Base.metadata, autoload_with=engine)
        boss = relationship("Author", remote_side="Author.id")

    session = Session(engine)
    session.add(Author(name="ann", boss=Author(name="zoe")))
    session.commit()
    ann = session.query(Author).filter_by(name="ann").one()
    assert ann.boss.name == "zoe"
    assert ann.order == 5
    session.close()
