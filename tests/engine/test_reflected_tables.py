"""Tables that a MetaData knows already; foreign keys that share columns; schemas in one MetaData; what PostgreSQL has of its own."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from flask_uow import (
    JSON,
    ArgumentError,
    CheckConstraint,
    Column,
    CompileError,
    DateTime,
    Engine,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    IntegrityError,
    Interval,
    InvalidRequestError,
    MetaData,
    Numeric,
    Session,
    String,
    Table,
    Time,
    UniqueConstraint,
    create_engine,
    declarative_base,
    insert,
    inspect,
    relationship,
    select,
)


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.run(statement)


def foreign_keys(table: Table) -> list[tuple[list[str], str]]:
    return sorted(
        ([column.name for column in each.columns], each.referred_table.fullname)
        for each in table.constraints
        if isinstance(each, ForeignKeyConstraint)
    )


SHOP = (
    "CREATE TABLE brand (id INTEGER PRIMARY KEY, name VARCHAR(20))",
    "CREATE TABLE bike (id INTEGER PRIMARY KEY, brand_id INTEGER REFERENCES brand (id), frame VARCHAR(9) UNIQUE)",
    "CREATE INDEX ix_bike_brand ON bike (brand_id)",
)

# -- foreign keys that share columns

CLINIC = (
    "CREATE TABLE clinic (id INTEGER PRIMARY KEY)",
    "CREATE TABLE ward (id INTEGER PRIMARY KEY)",
    "CREATE TABLE doctor (clinic_id INTEGER REFERENCES clinic (id), no INTEGER, name VARCHAR(9), PRIMARY KEY (clinic_id, no))",
    "CREATE TABLE visit (clinic_id INTEGER REFERENCES clinic (id), no INTEGER, first INTEGER, second INTEGER, PRIMARY KEY (clinic_id, no),"
    " FOREIGN KEY (clinic_id, first) REFERENCES doctor (clinic_id, no), FOREIGN KEY (clinic_id, second) REFERENCES doctor (clinic_id, no))",
    "CREATE TABLE bed (id INTEGER PRIMARY KEY, place INTEGER, FOREIGN KEY (place) REFERENCES ward (id), FOREIGN KEY (place) REFERENCES clinic (id))",
    "INSERT INTO clinic VALUES (1)",
    "INSERT INTO ward VALUES (1)",
    "INSERT INTO doctor VALUES (1, 1, 'Abel'), (1, 2, 'Bose')",
    "INSERT INTO visit VALUES (1, 1, 1, 2)",
    "INSERT INTO bed VALUES (7, 1)",
)  # fmt: skip


def test_foreign_keys_that_share_columns_are_all_found(engine: Engine, second_database_uri: str) -> None:
    run(engine, *CLINIC)
    metadata = MetaData()
    metadata.reflect(engine)
    visit = [(["clinic_id"], "clinic"), (["clinic_id", "first"], "doctor"), (["clinic_id", "second"], "doctor")]
    assert foreign_keys(metadata.tables["visit"]) == visit
    assert foreign_keys(metadata.tables["bed"]) == [(["place"], "clinic"), (["place"], "ward")]
    other = create_engine(second_database_uri)
    metadata.create_all(other)
    again = MetaData()
    again.reflect(other)
    assert {name: foreign_keys(table) for name, table in again.tables.items()} == {
        name: foreign_keys(table) for name, table in metadata.tables.items()
    }
    other.dispose()


def test_foreign_keys_of_a_relationship_say_which_of_those_that_share_columns(engine: Engine) -> None:
    run(engine, *CLINIC)
    Base = declarative_base()
    Base.metadata.reflect(engine)
    tables = Base.metadata.tables
    visit, bed = tables["visit"], tables["bed"]

    class Clinic(Base):  # type: ignore[misc, valid-type]
        __table__ = tables["clinic"]
        visits = relationship("Visit", back_populates="clinic")

    class Ward(Base):  # type: ignore[misc, valid-type]
        __table__ = tables["ward"]

    class Doctor(Base):  # type: ignore[misc, valid-type]
        __table__ = tables["doctor"]
        firsts = relationship(
            "Visit", foreign_keys=[visit.c.clinic_id, visit.c.first], back_populates="one", viewonly=True
        )

    class Visit(Base):  # type: ignore[misc, valid-type]
        __table__ = visit
        clinic = relationship(Clinic, back_populates="visits")
        one = relationship(Doctor, foreign_keys=[visit.c.clinic_id, visit.c.first], viewonly=True)
        two = relationship(Doctor, foreign_keys=[visit.c.clinic_id, visit.c.second])
        by_own_column = relationship(Doctor, foreign_keys=[visit.c.second], viewonly=True)

    class Bed(Base):  # type: ignore[misc, valid-type]
        __table__ = bed
        ward = relationship(Ward)
        clinic = relationship(Clinic, viewonly=True)

    with Session(engine) as session:
        found = session.query(Visit).one()
        assert (found.one.name, found.two.name, found.by_own_column.name) == ("Abel", "Bose", "Bose")
        assert found.one.firsts == [found]
        assert found.clinic.visits == [found]
        resting = session.query(Bed).one()
        assert (type(resting.ward), type(resting.clinic)) == (Ward, Clinic)
        found.two = found.one
        session.commit()
        assert session.query(visit.c.second).scalar() == 1


def test_an_ambiguous_foreign_key_among_those_found_is_refused(engine: Engine) -> None:
    run(engine, *CLINIC)
    Base = declarative_base()
    Base.metadata.reflect(engine)
    visit = Base.metadata.tables["visit"]

    class Doctor(Base):  # type: ignore[misc, valid-type]
        __table__ = Base.metadata.tables["doctor"]

    class Visit(Base):  # type: ignore[misc, valid-type]
        __table__ = visit
        doctor = relationship(Doctor, foreign_keys=[visit.c.clinic_id])

    with pytest.raises(ArgumentError, match=r"several foreign keys connect.*visit\.first.*visit\.second.*foreign_keys"):
        Visit()
    Base.registry.dispose()


def test_a_foreign_key_given_with_its_column_wins_over_the_one_found(engine: Engine) -> None:
    run(engine, *CLINIC)
    metadata = MetaData()
    Table("ward", metadata, Column("id", Integer, primary_key=True))
    visit = Table("visit", metadata, Column("clinic_id", Integer, ForeignKey("ward.id")), autoload_with=engine)
    assert foreign_keys(visit) == [
        (["clinic_id"], "ward"),
        (["clinic_id", "first"], "doctor"),
        (["clinic_id", "second"], "doctor"),
    ]


# -- names that are known


def test_a_name_that_is_known_means_the_table_that_is_there(engine: Engine) -> None:
    run(engine, *SHOP)
    metadata = MetaData()
    bike = Table("bike", metadata, autoload_with=engine)
    brand = Table("brand", metadata, autoload_with=engine)
    assert brand is metadata.tables["brand"]
    assert bike.c.brand_id.references(brand.c.id)
    assert Table("bike", metadata) is bike
    assert Table(name="bike", metadata=metadata, autoload_with=engine, resolve_fks=False) is bike
    assert sorted(metadata.tables) == ["bike", "brand"]
    assert bike.c.keys() == ["id", "brand_id", "frame"]


def test_a_name_is_known_in_its_schema_only() -> None:
    metadata = MetaData(schema="shop")
    bike = Table("bike", metadata, Column("id", Integer, primary_key=True))
    assert Table("bike", metadata) is bike
    assert Table("bike", metadata, schema="shop") is bike
    assert Table("bike", metadata, schema="rent") is not bike


@pytest.mark.parametrize(
    "more",
    [{"comment": "two"}, {"info": {"a": 1}}, {"bind_key": "other"}, {"sqlite_autoincrement": True}, {"items": (Column("x", Integer),)}],
)  # fmt: skip
def test_more_than_the_name_of_a_table_that_is_known_is_refused(more: dict[str, Any]) -> None:
    metadata = MetaData()
    bike = Table("bike", metadata, Column("id", Integer, primary_key=True))
    options = dict(more)
    items = options.pop("items", ())
    with pytest.raises(InvalidRequestError, match=r"'bike' is defined already.*extend_existing=True.*keep_existing"):
        Table("bike", metadata, *items, **options)
    assert Table("bike", metadata, *items, keep_existing=True, **options) is bike
    assert (bike.c.keys(), bike.comment, bike.info) == (["id"], None, {})


def test_keep_existing_makes_a_table_that_is_not_there() -> None:
    metadata = MetaData()
    bike = Table("bike", metadata, Column("id", Integer, primary_key=True), keep_existing=True)
    assert Table("bike", metadata, Column("other", Integer), keep_existing=True) is bike
    assert bike.c.keys() == ["id"]
    with pytest.raises(ArgumentError, match="keep_existing=True and extend_existing=True"):
        Table("bike", metadata, keep_existing=True, extend_existing=True)


def test_extend_existing_adds_columns_and_constraints_and_replaces_columns() -> None:
    metadata = MetaData()
    brand = Table("brand", metadata, Column("id", Integer, primary_key=True))
    bike = Table(
        "bike",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", String(9), unique=True, index=False),
        Column("brand_id", ForeignKey("brand.id")),
        Column("old", Integer, index=True),
        UniqueConstraint("name", "brand_id"),
        Index("ix_both", "name", "brand_id"),
    )
    wheel = Table("wheel", metadata, Column("bike_id", ForeignKey("bike.id"), primary_key=True))
    before = wheel.c.bike_id.foreign_keys[0].column
    extended = Table(
        "bike",
        metadata,
        Column("id", Numeric(5), primary_key=True),
        Column("name", String(99)),
        Column("brand_id", Integer),
        Column("old", Integer),
        Column("color", String),
        CheckConstraint("id > 0"),
        comment="two wheels",
        extend_existing=True,
    )
    assert extended is bike
    assert bike.c.keys() == ["id", "name", "brand_id", "old", "color"]
    assert (bike.c.name.type.length, bike.comment) == (99, "two wheels")
    assert (len(bike.primary_key.columns), bike.primary_key.columns[0] is bike.c.id) == (1, True)
    assert before.table is None
    assert wheel.c.bike_id.foreign_keys[0].column is bike.c.id
    # what was declared with a column went with it, what was declared beside it is about the new one
    assert foreign_keys(bike) == []
    assert [[c.name for c in each.columns] for each in bike.constraints if isinstance(each, UniqueConstraint)] == [
        ["name", "brand_id"]
    ]
    assert all(column.table is bike for each in bike.constraints for column in each.columns)
    assert [index.name for index in bike.indexes] == ["ix_both"]
    assert bike.indexes[0].expressions[0] is bike.c.name
    assert brand.c.keys() == ["id"]
    metadata.create_all(engine := create_engine("sqlite://"))
    engine.dispose()


def test_extend_existing_loads_what_the_database_has_more(engine: Engine) -> None:
    run(engine, *SHOP)
    for replace, kept in ((True, False), (False, True)):
        metadata = MetaData()
        bike = Table("bike", metadata, Column("id", Numeric(5), primary_key=True), Column("frame", String(99)))
        own = bike.c.frame
        found = Table("bike", metadata, autoload_with=engine, extend_existing=True, autoload_replace=replace)
        assert found is bike
        assert sorted(bike.c.keys()) == ["brand_id", "frame", "id"]
        assert (bike.c.frame is own) is kept
        assert bike.c.frame.type.length == (99 if kept else 9)
        assert foreign_keys(bike) == [(["brand_id"], "brand")]
        assert [index.name for index in bike.indexes] == ["ix_bike_brand"]
        assert [c.name for c in bike.primary_key.columns] == ["id"]


def test_reflecting_again_adds_what_is_new_where_that_is_asked_for(engine: Engine) -> None:
    run(engine, *SHOP)
    metadata = MetaData()
    metadata.reflect(engine)
    bike = metadata.tables["bike"]
    columns, constraints, indexes = list(bike.c), list(bike.constraints), list(bike.indexes)
    run(engine, "ALTER TABLE bike ADD COLUMN color VARCHAR(7)", "CREATE INDEX ix_color ON bike (color)")
    metadata.reflect(engine)
    assert bike.c.keys() == ["id", "brand_id", "frame"]
    metadata.reflect(engine, extend_existing=True, autoload_replace=False)
    assert metadata.tables["bike"] is bike
    assert bike.c.keys() == ["id", "brand_id", "frame", "color"]
    assert all(known is column for known, column in zip(bike.c, columns, strict=False))
    assert bike.constraints == constraints
    assert [index.name for index in bike.indexes] == [*(index.name for index in indexes), "ix_color"]


# -- which tables


def test_only_takes_a_function_of_a_name_or_of_a_name_and_the_metadata(engine: Engine) -> None:
    run(engine, *SHOP)
    seen: list[Any] = []

    def with_metadata(name: str, metadata: MetaData) -> bool:
        seen.append(metadata)
        return name.startswith("br")

    for only in (
        with_metadata,
        lambda name: name == "brand",
        lambda name, start="br": name.startswith(start),
        "brand".__eq__,
    ):
        metadata = MetaData()
        metadata.reflect(engine, only=only)
        assert list(metadata.tables) == ["brand"]
    assert all(isinstance(each, MetaData) for each in seen)
    assert len(seen) == 2


# -- schemas


@pytest.fixture
def rented(postgresql_uri: str) -> Any:
    engine = create_engine(postgresql_uri)
    run(engine, *SHOP, "CREATE SCHEMA rent", "CREATE TABLE rent.client (id INTEGER PRIMARY KEY)")
    run(
        engine,
        "CREATE TABLE rent.loan (id INTEGER PRIMARY KEY, bike_id INTEGER REFERENCES bike (id), client_id INTEGER REFERENCES rent.client (id))",
        "CREATE TABLE lost (id INTEGER PRIMARY KEY, loan_id INTEGER REFERENCES rent.loan (id))",
    )
    yield engine
    run(engine, "DROP SCHEMA rent CASCADE")
    engine.dispose()


@pytest.mark.parametrize("order", [(None, "rent"), ("rent", None)])
def test_two_schemas_in_one_metadata_share_the_tables_that_they_refer_to(
    rented: Engine, order: tuple[Any, ...]
) -> None:
    metadata = MetaData()
    for schema in order:
        metadata.reflect(rented, schema=schema)
    assert sorted(metadata.tables) == ["bike", "brand", "lost", "rent.client", "rent.loan"]
    tables = metadata.tables
    assert foreign_keys(tables["rent.loan"]) == [(["bike_id"], "bike"), (["client_id"], "rent.client")]
    assert tables["rent.loan"].c.bike_id.references(tables["bike"].c.id)
    assert tables["lost"].c.loan_id.references(tables["rent.loan"].c.id)


def test_the_usual_schema_may_be_called_by_its_name(rented: Engine) -> None:
    metadata = MetaData()
    metadata.reflect(rented, schema="public")
    metadata.reflect(rented, schema="rent")
    assert sorted(metadata.tables) == ["public.bike", "public.brand", "public.lost", "rent.client", "rent.loan"]
    own = MetaData(schema="rent")
    own.reflect(rented)
    assert sorted(own.tables) == ["public.bike", "public.brand", "rent.client", "rent.loan"]
    assert own.tables["rent.loan"].c.bike_id.references(own.tables["public.bike"].c.id)


# -- what only PostgreSQL has

KEPT = (
    "CREATE TABLE t (id INTEGER GENERATED ALWAYS AS IDENTITY (START 15 INCREMENT 10 MINVALUE 5 MAXVALUE 1000 CYCLE CACHE 3) PRIMARY KEY,"
    " down BIGINT GENERATED BY DEFAULT AS IDENTITY (INCREMENT -1), small SMALLINT GENERATED BY DEFAULT AS IDENTITY (MAXVALUE 300),"
    " serial SERIAL, name TEXT, code VARCHAR(9), at TIMESTAMP(3), zoned TIMESTAMPTZ(0), clock TIME(2), span INTERVAL(2),"
    " days INTERVAL DAY TO SECOND(1), months INTERVAL YEAR TO MONTH, doc JSON, binary_doc JSONB, moments TIMESTAMP(2)[],"
    " CONSTRAINT uq UNIQUE NULLS NOT DISTINCT (name, code), CONSTRAINT usual UNIQUE (code))",
    "CREATE SEQUENCE numbers START 70 INCREMENT 7 MINVALUE 10 MAXVALUE 77777 CACHE 9 CYCLE",
    "CREATE TABLE u (a INT, b INT DEFAULT nextval('numbers'), PRIMARY KEY (a, b))",
    'CREATE TABLE f (x INT, "Y z" INT, FOREIGN KEY (x, "Y z") REFERENCES u MATCH FULL ON DELETE SET NULL ("Y z") DEFERRABLE INITIALLY DEFERRED,'
    " FOREIGN KEY (x) REFERENCES t ON UPDATE CASCADE)",
    "CREATE INDEX i1 ON t (name text_pattern_ops, code varchar_pattern_ops DESC NULLS LAST)",
    "CREATE UNIQUE INDEX i2 ON t (down) NULLS NOT DISTINCT WHERE down > 3",
    "CREATE INDEX i3 ON t USING gin (binary_doc jsonb_path_ops)",
    "CREATE INDEX i4 ON t (lower(name) text_pattern_ops, (down + 1) DESC)",
    'CREATE INDEX i5 ON t (name COLLATE "C" text_pattern_ops, code COLLATE "POSIX")',
    "CREATE INDEX i6 ON t USING brin (id int4_minmax_multi_ops (values_per_range = 16))",
)


def said(engine: Engine) -> dict[str, Any]:
    """What the database itself says of its tables, as it would write them."""
    with engine.connect() as connection:
        fetch = connection.fetch_all
        return {
            "columns": fetch(
                "SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull, attidentity FROM pg_attribute"
                " WHERE attrelid IN ('t'::regclass, 'u'::regclass, 'f'::regclass) AND attnum > 0 ORDER BY 1, attnum",
                (),
            ),
            "constraints": fetch(
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype <> 'n' AND connamespace ="
                " 'public'::regnamespace ORDER BY 1, 2",
                (),
            ),
            "indexes": fetch("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1", ()),
            "numbers": fetch(
                "SELECT sequencename, start_value, min_value, max_value, increment_by, cycle, cache_size FROM pg_sequences ORDER BY 1",
                (),
            ),
        }


def test_what_is_created_of_what_was_found_is_the_same_to_postgresql(
    postgresql_uri: str, second_postgresql_uri: str
) -> None:
    engine, other = create_engine(postgresql_uri), create_engine(second_postgresql_uri)
    run(engine, *KEPT)
    for copied in (False, True):
        metadata = MetaData()
        metadata.reflect(engine)
        if copied:
            copy = MetaData()
            for table in metadata.sorted_tables:
                table.to_metadata(copy)
            metadata = copy
        metadata.create_all(other)
        found, expected = said(other), said(engine)
        for part, value in expected.items():
            assert found[part] == value
        metadata.drop_all(other)
    engine.dispose()
    other.dispose()


def test_declared_options_of_postgresql_reach_the_database(postgresql_uri: str) -> None:
    engine = create_engine(postgresql_uri)
    metadata = MetaData()
    pair = Table("pair", metadata, Column("a", Integer, primary_key=True), Column("b", Integer, primary_key=True))
    holder = Table(
        "holder",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("a", Integer),
        Column("b", Integer),
        Column("at", DateTime(precision=0)),
        Column("clock", Time(precision=1)),
        Column("span", Interval("day to second", 0)),
        Column("doc", JSON(binary=False)),
        UniqueConstraint("at", name="one_without", nulls_not_distinct=True),
        ForeignKeyConstraint(["a", "b"], [pair.c.a, pair.c.b], match="full"),
        Index("ix_one", "clock", unique=True, nulls_not_distinct=True),
    )
    metadata.create_all(engine)
    unique = inspect(engine).get_unique_constraints("holder")[0]
    index = inspect(engine).get_indexes("holder")[0]
    assert (unique["nulls_not_distinct"], index["nulls_not_distinct"]) == (True, True)
    assert inspect(engine).get_foreign_keys("holder")[0]["options"] == {"match": "FULL"}
    moment = dt.datetime(2024, 1, 2, 3, 4, 5, 600000)
    row = {
        "at": moment,
        "clock": dt.time(1, 2, 3, 460000),
        "span": dt.timedelta(days=3, seconds=1.7),
        "doc": {"b": 1, "a": [None]},
    }
    with engine.begin() as connection:
        connection.execute(insert(holder).values(**row))
        found = connection.execute(select(holder.c.at, holder.c.clock, holder.c.span, holder.c.doc)).one()
        rounded = (dt.datetime(2024, 1, 2, 3, 4, 6), dt.time(1, 2, 3, 500000), dt.timedelta(days=3, seconds=2))
        assert found == (*rounded, {"b": 1, "a": [None]})
        # a value that is compared is not rounded
        assert connection.execute(select(holder.c.id).where(holder.c.at == moment)).all() == []
    for values in ({"a": 1}, {"at": None, "clock": dt.time(5)}, {"at": None, "clock": dt.time(6)}):
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(insert(holder), [values, values])
    engine.dispose()


def test_what_sqlite_cannot_do_is_refused() -> None:
    engine = create_engine("sqlite://")
    for refused, message in (
        (UniqueConstraint("x", nulls_not_distinct=True), "nulls_not_distinct=True.*NOT NULL"),
        (Index("ix", "x", unique=True, nulls_not_distinct=True), "nulls_not_distinct=True.*NOT NULL"),
        (ForeignKeyConstraint(["x", "y"], ["t.x", "t.y"], match="FULL"), "match='FULL'.*CheckConstraint"),
    ):
        metadata = MetaData()
        Table("t", metadata, Column("x", Integer), Column("y", Integer), UniqueConstraint("x", "y"), refused)
        with pytest.raises(CompileError, match=message):
            metadata.create_all(engine)
    engine.dispose()


def test_mistakes_in_these_options_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"DateTime\(precision=7\).*0 to 6"):
        DateTime(precision=7)
    with pytest.raises(ArgumentError, match=r"Interval\(fields='week'\).*DAY TO SECOND"):
        Interval("week")
    with pytest.raises(ArgumentError, match="match='PARTIAL' is neither 'FULL' nor 'SIMPLE'"):
        ForeignKeyConstraint(["a"], ["t.a"], match="PARTIAL")
    with pytest.raises(ArgumentError, match=r"nulls_not_distinct=True.*without unique=True"):
        Index("ix", "a", nulls_not_distinct=True)
