"""Schema: order of creation, circles of foreign keys, naming conventions, sequences and what they refuse."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    CheckConstraint,
    Column,
    CompileError,
    DateTime,
    Engine,
    ForeignKey,
    Identity,
    Index,
    Integer,
    IntegrityError,
    MetaData,
    NoReferencedColumnError,
    NoReferencedTableError,
    NoReferenceError,
    ProgrammingError,
    Sequence,
    Session,
    String,
    Table,
    UniqueConstraint,
    column,
    insert,
    inspect,
    select,
)

KEY: dict[str, Any] = {"primary_key": True, "autoincrement": False}


def circle() -> tuple[MetaData, Table, Table]:
    metadata = MetaData()
    a = Table(
        "a", metadata, Column("id", Integer, **KEY), Column("b_id", ForeignKey("b.id", name="fk_a_b"), nullable=False)
    )
    b = Table("b", metadata, Column("id", Integer, **KEY), Column("a_id", ForeignKey("a.id", name="fk_b_a")))
    return metadata, a, b


def test_tables_that_refer_to_each_other_are_created_filled_and_dropped(engine: Engine, database: str) -> None:
    metadata, a, b = circle()
    metadata.create_all(engine)
    metadata.create_all(engine)
    assert {key["name"] for name in "ab" for key in inspect(engine).get_foreign_keys(name)} == {"fk_a_b", "fk_b_a"}
    with engine.begin() as connection:
        connection.execute(insert(b).values(id=1, a_id=None))
        connection.execute(insert(a).values(id=1, b_id=1))
        connection.execute(b.update().values(a_id=1))
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(insert(a).values(id=2, b_id=77))
    if database == "sqlite":
        # the one that closes the circle is checked at the end, so that its row may come first
        with engine.begin() as connection:
            connection.execute(insert(b).values(id=3, a_id=3))
            connection.execute(insert(a).values(id=3, b_id=3))
    metadata.drop_all(engine)
    assert inspect(engine).get_table_names() == []


def test_a_foreign_key_may_be_told_to_come_later(engine: Engine) -> None:
    metadata = MetaData()
    Table(
        "child",
        metadata,
        Column("id", Integer, **KEY),
        Column("parent_id", ForeignKey("parent.id", name="late", use_alter=True)),
    )
    Table("parent", metadata, Column("id", Integer, **KEY))
    metadata.create_all(engine)
    assert [key["name"] for key in inspect(engine).get_foreign_keys("child")] == ["late"]
    metadata.drop_all(engine)


CONVENTION: dict[str, Any] = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s_%(referred_column_0_name)s",
    "pk": "pk_%(table_name)s",
}


def test_constraints_are_called_as_the_convention_says(engine: Engine, database: str) -> None:
    metadata = MetaData(naming_convention=CONVENTION)
    table = Table(
        "thing",
        metadata,
        Column("id", Integer, **KEY),
        Column("a", Integer, index=True),
        Column("b", Integer, unique=True),
        Column("thing_id", ForeignKey("thing.id")),
        CheckConstraint("a > 0", name="positive"),
        CheckConstraint("b > 0"),
        UniqueConstraint("a", "b"),
        UniqueConstraint("b", "a", name="given"),
    )
    metadata.create_all(engine)
    inspector = inspect(engine)
    assert inspector.get_pk_constraint("thing")["name"] == "pk_thing"
    assert sorted(str(key["name"]) for key in inspector.get_unique_constraints("thing")) == [
        "given",
        "uq_thing_a_b",
        "uq_thing_b",
    ]
    assert [key["name"] for key in inspector.get_foreign_keys("thing")] == ["fk_thing_thing_id_thing_id"]
    assert [index["name"] for index in inspector.get_indexes("thing")] == ["ix_thing_a"]
    checks = [check["name"] for check in inspector.get_check_constraints("thing")]
    assert "ck_thing_positive" in checks
    assert table.indexes[0].name == "ix_thing_a"
    copied = table.to_metadata(MetaData())
    assert sorted(str(c.name) for c in copied.constraints if isinstance(c, CheckConstraint)) == ["None", "positive"]


def test_a_convention_may_have_tokens_of_its_own_and_long_names_are_cut() -> None:
    own = MetaData(
        naming_convention={
            "uq": "%(shout)s",
            "shout": lambda constraint, table: table.name.upper(),
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    table = Table(
        "t" * 60, own, Column("id", Integer, **KEY), Column("a", Integer, unique=True), Column("b", Integer, index=True)
    )
    assert [c.name for c in table.constraints if isinstance(c, UniqueConstraint)] == ["T" * 60]
    name = table.indexes[0].name
    assert len(name) == 63
    assert name.startswith("ix_tttt")
    again = Table(
        "t" * 60,
        MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s"}),
        Column("b", Integer, index=True),
    )
    assert again.indexes[0].name == name


def test_malformed_conventions_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"unknown token 'tabel_name'\. Did you mean 'table_name'"):
        MetaData(naming_convention={"ix": "ix_%(tabel_name)s"})
    with pytest.raises(ArgumentError, match="expected a pattern for one of ix, uq, ck, fk, pk"):
        MetaData(naming_convention={"index": "x"})
    metadata = MetaData(naming_convention={"uq": "uq_%(referred_table_name)s"})
    table = Table("t", metadata, Column("id", Integer, **KEY), Column("a", Integer, unique=True))
    with pytest.raises(CompileError, match=r"which .* of table 't' does not have"):
        _ = [c.name for c in table.constraints]
    metadata = MetaData(naming_convention={"ix": "ix_%(constraint_name)s"})
    table = Table("t", metadata, Column("id", Integer, **KEY), Column("a", Integer, index=True))
    with pytest.raises(CompileError, match=r"'constraint_name', which .* of table 't' does not have"):
        _ = table.indexes[0].name


def test_partial_and_expression_indexes_hold(engine: Engine) -> None:
    metadata = MetaData()
    table = Table(
        "t",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", String),
        Column("gone", Integer),
    )
    Index("one_alive", table.c.name, unique=True, where=table.c.gone.is_(None))
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            insert(table), [{"name": "a", "gone": 1}, {"name": "a", "gone": 2}, {"name": "a", "gone": None}]
        )
        upsert = (
            insert(table).values(name="a").on_conflict_do_nothing([table.c.name], index_where=table.c.gone.is_(None))
        )
        assert connection.execute(upsert).rowcount == 0
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(insert(table).values(name="a"))


def test_sequences_and_identities_say_what_a_database_lacks(engine: Engine, database: str) -> None:
    for wrong in ({"start": "1"}, {"cache": True}):
        with pytest.raises(ArgumentError, match="expected an int"):
            Sequence("s", **wrong)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="would never go on"):
        Identity(increment=0)
    with pytest.raises(ArgumentError, match="Computed and CheckConstraint objects"):
        Column("x", Integer, "what")
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("n", Integer, Identity()))
    numbered = Table(
        "u", MetaData(), Column("id", Integer, primary_key=True), Column("n", Integer, default=Sequence("some"))
    )
    if database == "sqlite":
        with pytest.raises(CompileError, match="numbers the rows of an integer primary key only"):
            table.create(engine)
        with pytest.raises(CompileError, match="has no sequences"):
            numbered.create(engine)
        return
    table.create(engine)
    numbered.create(engine)
    with engine.begin() as connection:
        connection.execute(insert(table))
        connection.execute(insert(numbered))
        assert connection.execute(select(table.c.id, table.c.n)).all() == [(1, 1)]
        assert connection.execute(select(numbered.c.n)).all() == [(1,)]
    table.drop(engine)
    numbered.drop(engine)
    assert inspect(engine).get_sequence_names() == []


def test_a_foreign_key_to_a_table_alone_is_to_its_column_of_the_same_name(engine: Engine) -> None:
    metadata = MetaData()
    town = Table("town", metadata, Column("zip", String(5), primary_key=True), Column("region", Integer, unique=True))
    street = Table(
        "street", metadata,
        Column("id", Integer, primary_key=True), Column("zip", ForeignKey("town")), Column("region", ForeignKey("town", ondelete="CASCADE")),
    )  # fmt: skip
    assert [street.c.zip.foreign_keys[0].column, street.c.region.foreign_keys[0].column] == [town.c.zip, town.c.region]
    assert isinstance(street.c.zip.type, String)
    metadata.create_all(engine)
    found = {key["constrained_columns"][0]: key for key in inspect(engine).get_foreign_keys("street")}
    assert (found["zip"]["referred_table"], found["zip"]["referred_columns"]) == ("town", ["zip"])
    assert found["region"]["options"] == {"ondelete": "CASCADE"}


def test_a_foreign_key_to_a_table_alone_may_stand_in_a_schema_and_be_copied() -> None:
    metadata = MetaData(schema="post")
    town = Table("town", metadata, Column("zip", String(5), primary_key=True))
    street = Table("street", metadata, Column("zip", ForeignKey("town"), primary_key=True))
    assert street.c.zip.foreign_keys[0].column is town.c.zip
    other = MetaData()
    copies = [table.to_metadata(other) for table in (town, street)]
    assert copies[1].c.zip.foreign_keys[0].column is copies[0].c.zip


def test_a_foreign_key_to_nothing_says_whether_table_or_column_is_missing() -> None:
    metadata = MetaData()
    Table("town", metadata, Column("zip", String(5), primary_key=True))
    lost = Table("lost", metadata, Column("a", ForeignKey("twon.zip")), Column("b", ForeignKey("town.zap")))
    with pytest.raises(
        NoReferencedTableError, match=r"lost\.a refers to 'twon\.zip'.*no table 'twon'\. Did you mean 'town'"
    ):
        _ = lost.c.a.foreign_keys[0].column
    with pytest.raises(
        NoReferencedColumnError, match=r"lost\.b refers to 'town\.zap'.*no such column\. Did you mean 'zip'"
    ):
        _ = lost.c.b.foreign_keys[0].column
    for each in (NoReferencedTableError, NoReferencedColumnError):
        assert issubclass(each, NoReferenceError)


def test_a_sequence_can_be_created_asked_and_dropped_by_itself(engine: Engine, database: str) -> None:
    numbers = Sequence("ticket numbers", start=5)
    numbers.create(engine)
    numbers.create(engine)
    if database == "sqlite":
        # which has none: creating it does nothing, and asking says so
        with engine.connect() as connection, pytest.raises(CompileError, match="SQLite has no sequences"):
            connection.execute(numbers)
        numbers.drop(engine)
        return
    with Session(engine) as session, engine.begin() as connection:
        asked = [
            session.execute(numbers),
            session.scalar(numbers),
            connection.execute(numbers),
            connection.scalar(numbers),
        ]
        assert asked == [5, 6, 7, 8]
        assert connection.scalar(select(numbers.next_value())) == 9
    with pytest.raises(ProgrammingError, match="already exists"):
        numbers.create(engine, checkfirst=False)
    numbers.drop(engine)
    numbers.drop(engine)
    with pytest.raises(ProgrammingError, match="does not exist"):
        numbers.drop(engine, checkfirst=False)


@pytest.mark.parametrize(
    "column",
    [
        Column("size", Integer, ForeignKey("box.id"), index=True),
        Column(Integer, ForeignKey("box.id"), name="size", index=True),
        Column(ForeignKey("box.id"), name="size", type_=Integer(), index=True),
        Column("size", ForeignKey("box.id"), type_=Integer, index=True),
        Column("size", None, ForeignKey("box.id"), type_=Integer, index=True),
        Column(None, ForeignKey("box.id"), type_=Integer, name="size", index=True),
    ],
)
def test_name_and_type_of_a_column_come_by_place_or_by_keyword(column: Column[Any]) -> None:
    assert column.name == column.key == "size"
    assert isinstance(column.type, Integer)
    assert len(column.foreign_keys) == 1
    assert column.index


@pytest.mark.parametrize(
    ("arguments", "keywords", "words"),
    [
        (("size", Integer), {"name": "size"}, "a column got name='size', and 'size' before that"),
        (("size", Integer), {"type_": String}, "Give its type once"),
        ((Integer,), {"type_": Integer}, "Give its type once"),
    ],
)
def test_a_column_takes_its_name_and_type_once(
    arguments: tuple[Any, ...], keywords: dict[str, Any], words: str
) -> None:
    with pytest.raises(ArgumentError, match=words):
        Column(*arguments, **keywords)


def test_kinds_of_a_naming_convention_are_named_by_classes_too() -> None:
    own = MetaData(
        naming_convention={
            UniqueConstraint: "uq_%(table_name)s",
            Index: "ix_%(table_name)s",
            "pk": "pk_of_%(table_name)s",
        }
    )
    table = Table(
        "thing", own, Column("id", Integer, **KEY), Column("a", Integer, unique=True), Column("b", Integer, index=True)
    )
    assert [constraint.name for constraint in table.constraints if isinstance(constraint, UniqueConstraint)] == [
        "uq_thing"
    ]
    assert table.primary_key.name == "pk_of_thing"
    assert [index.name for index in table.indexes] == ["ix_thing"]
    with pytest.raises(ArgumentError, match="expected a pattern for one of ix, uq, ck, fk, pk"):
        MetaData(naming_convention={Table: "x"})


def test_a_check_is_named_after_the_columns_that_it_is_about() -> None:
    own = MetaData(naming_convention={"ck": "ck_%(table_name)s_%(column_0_N_name)s"})
    after = Table("after", own, Column("a", Integer), Column("b", Integer))
    CheckConstraint(after.c.a > after.c.b)
    within = Table("within", own, Column("a", Integer), CheckConstraint(column("a") > 5))
    assert [c.name for t in (after, within) for c in t.constraints if isinstance(c, CheckConstraint)] == [
        "ck_after_a_b",
        "ck_within_a",
    ]


def test_a_default_that_is_a_function_may_be_called_with_a_context() -> None:
    table = Table(
        "t", MetaData(), Column("id", Integer, primary_key=True), Column("a", Integer, default=lambda: 3),
        Column("b", Integer, default=lambda context: 4), Column("c", DateTime, default=dt.datetime.now), Column("d", Integer, default=5),
    )  # fmt: skip
    defaults: dict[str, Any] = {column.name: column.default for column in table.c}
    assert (defaults["a"].arg(None), defaults["a"].arg(), defaults["b"].arg(None), defaults["d"].arg) == (3, 3, 4, 5)
    assert isinstance(defaults["c"].arg({}), dt.datetime)
