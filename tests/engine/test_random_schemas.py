"""Random schemas: what is created of the tables that reflection has found is found again the same, in another database."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Engine,
    Float,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    Time,
    UniqueConstraint,
    Uuid,
    create_engine,
    inspect,
    text,
)

NAMES = st.sampled_from(("a", "b", "Mixed Case", "order", "it's", "percent%", "dot.ted", 'quo"te', "ß"))
TYPES: dict[str, Any] = {
    "both": st.one_of(
        st.sampled_from((SmallInteger(), BigInteger(), Text(), Boolean(), Float(), Date(), LargeBinary(), JSON(), Uuid(), Integer())),
        st.builds(String, st.none() | st.integers(1, 300)),
        st.builds(lambda digits, scale: Numeric(digits, min(digits, scale)), st.integers(1, 30), st.integers(0, 9)),
        st.builds(DateTime, st.booleans()),
        st.builds(Time, st.booleans()),
    ),
    "sqlite": st.builds(String, st.none() | st.just(9), st.sampled_from(("NOCASE", "RTRIM"))),
    "postgresql": st.one_of(
        st.builds(Text, st.none(), st.sampled_from(("C", "POSIX"))),
        st.builds(DateTime, st.booleans(), st.none() | st.integers(0, 6)),
        st.builds(Time, st.booleans(), st.none() | st.integers(0, 6)),
        st.builds(Interval, st.none() | st.sampled_from(("DAY TO SECOND", "SECOND")), st.none() | st.integers(0, 6)),
        st.builds(Interval, st.sampled_from(("YEAR TO MONTH", "DAY", "HOUR TO MINUTE"))),
        st.sampled_from((JSON(binary=False), ARRAY(Integer), ARRAY(DateTime(precision=2)))),
    ),
}  # fmt: skip
IDENTITIES = st.builds(
    lambda always, start, increment, room, cycle, cache: Identity(
        always, start, increment, minvalue=1, maxvalue=start + room, cycle=cycle, cache=cache
    ),
    st.booleans(), st.integers(1, 50), st.integers(1, 9), st.integers(1, 1000), st.booleans(), st.integers(1, 9),
)  # fmt: skip


@st.composite
def schemas(draw: st.DrawFn, database: str) -> MetaData:
    """Return up to four tables, with keys of one or two columns that others refer to, also by columns that they share."""
    metadata = MetaData()
    is_postgresql = database == "postgresql"
    types = st.one_of(TYPES["both"], TYPES[database])
    keys: list[tuple[str, list[str]]] = []
    for number in range(draw(st.integers(1, 4))):
        name = f"{draw(NAMES)} {number}"
        key = ["id"] if draw(st.booleans()) else ["tenant", "no"]
        identity = draw(st.none() | IDENTITIES) if is_postgresql and key == ["id"] else None
        items: list[Any] = [
            Column(part, Integer, *([identity] if identity is not None else ()), primary_key=True) for part in key
        ]
        for column in draw(st.lists(NAMES, unique=True, max_size=4)):
            items.append(
                Column(
                    column, draw(types), nullable=draw(st.booleans()), comment=draw(st.none() | st.just("said, 'it'"))
                )
            )
        # each of these refers to a table, some of them by the tenant that is the row's own
        for position, (target, target_key) in enumerate(
            draw(st.lists(st.sampled_from(keys), max_size=3)) if keys else ()
        ):
            own = [f"ref{position}_{part}" for part in target_key]
            if target_key[0] == "tenant" and "tenant" in key and draw(st.booleans()):
                own[0] = "tenant"
            items.extend(Column(column, Integer) for column in own if column != "tenant")
            options: dict[str, Any] = {
                "ondelete": draw(st.sampled_from((None, "CASCADE", "RESTRICT"))),
                "onupdate": draw(st.sampled_from((None, "CASCADE"))),
                "deferrable": draw(st.sampled_from((None, True))),
            }
            if options["deferrable"]:
                options["initially"] = draw(st.sampled_from((None, "DEFERRED")))
            if is_postgresql:
                options["match"] = draw(st.sampled_from((None, "FULL")))
            constraint_name = draw(st.none() | st.just(f"fk {number} {position}"))
            items.append(
                ForeignKeyConstraint(own, [f"{target}.{part}" for part in target_key], constraint_name, **options)
            )
        items.extend(Column(column, Integer) for column in ("x", "y"))
        items.append(Column("words", String(50), server_default=draw(st.none() | st.just("a 'b' %s :c"))))
        nulls = draw(st.booleans()) if is_postgresql else False
        items.append(
            UniqueConstraint("x", *draw(st.sampled_from(((), ("y",)))), name=f"uq {number}", nulls_not_distinct=nulls)
        )
        items.append(CheckConstraint(text("x > 3 OR words = 'a) ('"), name=f"ck {number}"))
        items.append(draw(indexes(number, is_postgresql)))
        Table(name, metadata, *items, comment=draw(st.none() | st.just("a table")) if is_postgresql else None)
        keys.append((name, key))
    return metadata


@st.composite
def indexes(draw: st.DrawFn, number: int, is_postgresql: bool) -> Index:
    parts: tuple[Any, ...] = draw(st.sampled_from((("x",), ("y", "x"), (text("lower(words)"),), (text("x DESC"), "y"))))
    options: dict[str, Any] = {"unique": draw(st.booleans()), "where": draw(st.none() | st.just(text("x > 3")))}
    if is_postgresql:
        operators = (
            text("y NULLS FIRST"),
            text("words text_pattern_ops"),
            text('words COLLATE "C"'),
            text('lower(words) COLLATE "C" text_pattern_ops DESC'),
        )
        parts = draw(st.one_of(st.just(parts), st.tuples(st.sampled_from(operators))))
        options["include"] = draw(st.sampled_from(((), ("y",))))
        options["nulls_not_distinct"] = options["unique"] and draw(st.booleans())
    return Index(f"ix {number}", *parts, **options)


def said(engine: Engine) -> dict[str, Any]:
    inspector = inspect(engine)
    return {
        name: {
            "columns": [{**column, "type": repr(column["type"])} for column in inspector.get_columns(name)],
            "key": inspector.get_pk_constraint(name),
            "foreign": sorted(inspector.get_foreign_keys(name), key=repr),
            "unique": sorted(inspector.get_unique_constraints(name), key=repr),
            "checks": sorted(inspector.get_check_constraints(name), key=repr),
            "indexes": inspector.get_indexes(name),
            "comment": inspector.get_table_comment(name),
        }
        for name in inspector.get_table_names()
    }


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_a_schema_that_was_found_is_found_again_where_it_was_created(
    engine: Engine, second_database_uri: str, database: str, data: st.DataObject
) -> None:
    declared = data.draw(schemas(database))
    other = create_engine(second_database_uri)
    found = MetaData()
    try:
        declared.create_all(engine)
        found.reflect(engine)
        assert sorted(found.tables) == sorted(declared.tables)
        for name, table in declared.tables.items():
            wanted, got = (
                sum(isinstance(each, ForeignKeyConstraint) for each in t.constraints)
                for t in (table, found.tables[name])
            )
            assert got == wanted
        found.create_all(other)
        assert said(other) == said(engine)
    finally:
        for bind in (engine, other):
            left = MetaData()
            left.reflect(bind)
            left.drop_all(bind)
        other.dispose()
