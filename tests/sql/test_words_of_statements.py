"""What statements are given beside their clauses: words, hints, labels, CTEs of their own, samples, values of parameters."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

import pytest

import flask_uow
from flask_uow import Connection, DeclarativeBase, Engine, Mapped, Session, aliased, create_engine, mapped_column
from flask_uow.exc import ArgumentError, CompileError, InvalidRequestError
from flask_uow.sql import (
    LABEL_STYLE_DISAMBIGUATE_ONLY,
    LABEL_STYLE_TABLENAME_PLUS_COL,
    Column,
    Enum,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Values,
    bindparam,
    column,
    delete,
    exists,
    func,
    insert,
    join,
    label,
    lateral,
    literal,
    or_,
    select,
    tablesample,
    text,
    union,
    union_all,
    update,
    values,
)
from tests.sql.conftest import item, person

c = person.c
i = item.c


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


@pytest.fixture
def postgresql(postgresql_uri: str) -> Iterator[Connection]:
    """A connection to PostgreSQL with ``person`` and ``item``."""
    engine = create_engine(postgresql_uri)
    person.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(person), [{"name": "Ann", "a": 7}, {"name": "bob", "a": 5}, {"name": "cid", "a": 5}])
        connection.execute(insert(item), [{"owner": 1, "quantity": 3}, {"owner": 2, "quantity": 4}])
    with engine.connect() as connection:
        connection.begin()
        yield connection
    engine.dispose()


# -- limits


def test_fetch_limits(connection: Connection) -> None:
    assert connection.scalars(select(c.id).order_by(c.id).fetch(1)).all() == [1]
    assert connection.scalars(select(c.id).order_by(c.id).offset(1).fetch(1)).all() == [2]
    assert connection.scalars(union(select(c.id), select(i.id)).order_by("id").fetch(2)).all() == [1, 2]


def test_fetch_with_ties(postgresql: Connection) -> None:
    lowest = select(c.name).order_by(c.a).fetch(1, with_ties=True)
    assert sorted(postgresql.scalars(lowest)) == ["bob", "cid"]
    assert postgresql.scalars(lowest.offset(2)).all() == ["Ann"]
    # a later limit is one without ties, and so is one before
    assert len(postgresql.scalars(lowest.limit(1)).all()) == 1
    assert len(postgresql.scalars(select(c.name).order_by(c.a).fetch(1)).all()) == 1
    with pytest.raises(CompileError, match="order_by"):
        postgresql.execute(select(c.name).fetch(1, with_ties=True))


def test_what_fetch_does_not_take(connection: Connection) -> None:
    with pytest.raises(ArgumentError, match="percent_rank"):
        select(c.id).fetch(10, percent=True)
    with pytest.raises(ArgumentError, match="subquery"):
        union(select(c.id), select(i.id)).fetch(1, with_ties=True)
    if connection.dialect.name == "sqlite":
        with pytest.raises(CompileError, match="rank"):
            connection.execute(select(c.id).order_by(c.id).fetch(1, with_ties=True))


# -- words and hints


def test_words_before_and_behind(connection: Connection) -> None:
    statement = (
        select(c.id).order_by(c.id).prefix_with("ALL").suffix_with("/* for all */").suffix_with("/* no */", dialect="x")
    )
    written = str(statement.compile(connection))
    assert written.startswith("SELECT ALL ")
    assert written.endswith(" /* for all */")
    assert connection.scalars(statement).all() == [1, 2]
    hinted = select(c.id).with_statement_hint("/* slow */", connection.dialect.name).limit(1)
    assert str(hinted.compile(connection)).endswith("/* slow */")
    assert "slow" not in str(select(c.id).with_statement_hint("/* slow */", "mysql").compile(connection))


def test_hints_beside_tables(connection: Connection) -> None:
    named = person.alias("p")
    hint = "ONLY" if connection.dialect.name == "postgresql" else "NOT INDEXED"
    for element in (person, named):
        statement = select(element.c.id).with_hint(element, hint).order_by(element.c.id)
        assert hint in str(statement.compile(connection))
        assert connection.scalars(statement).all() == [1, 2]
    assert hint not in str(select(c.id).with_hint(person, hint, "mysql").compile(connection))
    assert connection.scalars(select(c.id).order_by(c.id)).all() == [1, 2]
    with pytest.raises(CompileError, match="with_hint"):
        connection.execute(select(c.id).with_hint(person, "USE NOTHING"))


def test_an_index_is_named_on_sqlite(tmp_path: Any) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'hints.db'}")
    own = Table("own", MetaData(), Column("id", Integer, primary_key=True), Column("word", String, index=True))
    own.metadata.create_all(engine)
    with engine.connect() as connection:
        statement = select(own.c.id).where(own.c.word == "x").with_hint(own, "INDEXED BY ix_own_word", "sqlite")
        assert "own INDEXED BY ix_own_word WHERE" in str(statement.compile(engine))
        assert connection.execute(statement).all() == []
    engine.dispose()


def test_inserts_have_words(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        written = str(insert(person).values(id=1).prefix_with("OR IGNORE", dialect="sqlite").compile(connection))
        assert written.startswith("INSERT INTO")
        return
    ignoring = insert(person).prefix_with("OR IGNORE", dialect="sqlite")
    assert connection.execute(ignoring.values(id=1, name="x")).rowcount == 0
    assert connection.execute(ignoring.values(id=9, name="y")).inserted_primary_key == (9,)
    connection.execute(insert(person).values(id=10, name="z"))
    connection.execute(update(person).prefix_with("OR REPLACE").values(id=9).where(c.id == 10))
    assert connection.scalars(select(c.name).where(c.id > 8)).all() == ["z"]


# -- labels


def test_columns_are_named_after_their_tables(connection: Connection) -> None:
    statement = select(c.id, i.id, (c.a + 1).label("next")).join(item).set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
    assert statement.get_label_style() == LABEL_STYLE_TABLENAME_PLUS_COL
    row = connection.execute(statement.order_by(i.id)).mappings().first()
    assert row == {"person_id": 1, "item_id": 1, "next": 8}
    inner = statement.subquery()
    assert inner.c.keys() == ["person_id", "item_id", "next"]
    assert connection.scalars(select(inner.c.item_id).order_by(inner.c.item_id)).all() == [1, 2, 3, 4]
    alias = person.alias("p")
    assert select(alias.c.id).set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL).subquery().c.keys() == ["p_id"]
    assert connection.execute(select(c.id, i.id).join(item)).keys() == ("id", "id_1")
    with pytest.raises(ArgumentError, match="LABEL_STYLE"):
        select(c.id).set_label_style("none")


# -- what a statement tells of itself


def test_what_a_select_tells(connection: Connection) -> None:
    statement = select(c.id, c.name, i.price).join(item)
    assert statement.selected_columns.keys() == ["id", "name", "price"]
    assert statement.selected_columns.name is c.name
    assert union_all(select(c.id, c.name), select(c.id, c.name)).selected_columns.keys() == ["id", "name"]
    assert union_all(select(c.id), select(c.id)).exported_columns.keys() == ["id"]
    assert statement.exported_columns.keys() == statement.selected_columns.keys()
    assert list(statement.inner_columns) == [c.id, c.name, i.price]
    assert [d["name"] for d in statement.column_descriptions] == ["id", "name", "price"]
    assert statement.columns_clause_froms == [person, item]
    assert len(statement.get_final_froms()) == 1
    assert statement.where(c.id == 1).whereclause is not None
    kept = select(c.id).where(c.a == 7).with_only_columns(literal(1), maintain_column_froms=True)
    assert connection.scalars(kept).all() == [1]
    assert connection.scalars(select(c.id).with_only_columns(literal(1))).all() == [1]
    assert len(connection.scalars(select(c.id).with_only_columns(literal(1), maintain_column_froms=True)).all()) == 2


def test_columns_that_are_equal_are_left_out() -> None:
    joined = join(person, item)
    assert select(joined).reduce_columns().selected_columns.keys().count("owner") == 1
    reduced = select(joined).reduce_columns(only_synonyms=False)
    assert "owner" not in reduced.selected_columns
    assert len(reduced.get_final_froms()) == 1


def test_what_other_statements_tell(connection: Connection) -> None:
    changed = update(person).ordered_values((c.b, 4), ("a", 9)).filter_by(name="Ann").returning(c.a, c.b)
    assert changed.exported_columns.keys() == ["a", "b"]
    assert [d["expr"] for d in changed.returning_column_descriptions] == [c.a, c.b]
    assert changed.entity_description["table"] is person
    assert str(changed.whereclause) == str(c.name == "Ann")
    assert str(changed.compile(connection)).index("b =") < str(changed.compile(connection)).index("a =")
    assert connection.execute(changed).all() == [(9, 4)]
    removed = delete(item).filter_by(quantity=2)
    assert connection.execute(removed).rowcount == 1
    with pytest.raises(ArgumentError, match="quantity"):
        delete(item).filter_by(quantiti=2)
    with pytest.raises(ArgumentError, match="pairs"):
        update(person).ordered_values("a")  # type: ignore[arg-type]


def test_mapped_statements_tell(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Thing(Base):
        __tablename__ = "thing"
        id: Mapped[int] = mapped_column(primary_key=True)
        word: Mapped[str]

    Base.metadata.create_all(engine)
    assert select(Thing).column_descriptions[0]["entity"] is Thing
    assert update(Thing).entity_description["entity"] is Thing
    alias = aliased(Thing)
    assert select(alias).column_descriptions[0]["aliased"]
    with Session(engine) as session:
        session.add_all([Thing(word="a"), Thing(word="b")])
        session.flush()
        assert session.execute(update(Thing).filter_by(word="a").values(word="z")).rowcount == 1
        hint = "ONLY" if engine.dialect.name == "postgresql" else "NOT INDEXED"
        assert [t.word for t in session.scalars(select(Thing).with_hint(Thing, hint).order_by(Thing.id))] == ["z", "b"]
        styled = select(Thing).set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
        assert sorted(t.word for t in session.scalars(styled)) == ["b", "z"]
        assert styled.subquery().c.keys() == ["thing_id", "thing_word"]
        assert session.execute(delete(Thing).filter_by(word="b")).rowcount == 1


# -- parameters


def test_parameters_are_given_values(connection: Connection) -> None:
    statement = select(c.name).where(c.id == bindparam("number"))
    assert connection.scalars(statement.params(number=2)).all() == ["bob"]
    assert connection.scalars(statement.params({"number": 1})).all() == ["Ann"]
    assert connection.scalars(statement.params(number=1), {"number": 2}).all() == ["bob"]
    with pytest.raises(InvalidRequestError, match="no value was given"):
        connection.execute(statement)
    in_subquery = select(i.id).where(i.owner.in_(select(c.id).where(c.name == bindparam("name")))).order_by(i.id)
    assert connection.scalars(in_subquery.params(name="bob")).all() == [3, 4]
    assert connection.scalars(select(c.id).where(c.id.in_(bindparam("ids"))).params(ids=[2, 5])).all() == [2]
    assert str((c.a > bindparam("least")).params(least=3)) == "person.a > :least"
    with pytest.raises(InvalidRequestError, match="Did you mean 'number'"):
        statement.params(numbr=1)
    inner = select(c.id).where(c.name == bindparam("name")).subquery()
    with pytest.raises(InvalidRequestError, match="when the statement is executed"):
        select(inner).params(name="Ann")
    assert connection.scalars(select(inner), {"name": "Ann"}).all() == [1]


def test_statements_are_compared() -> None:
    assert (c.a == 5).compare(c.a == 5)
    assert not (c.a == 5).compare(c.a == 6)
    assert not (c.a == 5).compare(c.b == 5)
    assert select(c.a).where(c.b > 1).compare(select(c.a).where(c.b > 1))
    assert not select(c.a).compare("SELECT a")
    assert list((c.a == c.b).get_children()) == [c.a, c.b]


# -- FROM


def test_elements_of_from_tell_what_they_are_made_of(connection: Connection) -> None:
    named = person.alias("p")
    inner = select(c.id, c.name).subquery()
    assert named.corresponding_column(c.name) is named.c.name
    assert inner.corresponding_column(c.id) is inner.c.id
    assert inner.corresponding_column(c.a) is None
    assert inner.alias("x").corresponding_column(c.name).name == "name"
    assert join(named, item, named.c.id == i.owner).corresponding_column(i.price) is i.price
    assert named.is_derived_from(person)
    assert inner.is_derived_from(person)
    assert join(person, item).is_derived_from(item)
    assert not named.is_derived_from(item)
    assert [key.column for key in item.alias().foreign_keys] == [c.id]
    assert connection.scalars(person.select().where(c.id == 2)).all() == [2]
    assert connection.scalars(named.select().order_by(named.c.id)).all() == [1, 2]
    assert connection.scalars(select(exists().where(c.id == 1))).one() is True
    assert connection.scalar(exists().where(c.id == 77).select()) is False
    assert named.exported_columns is named.c


def test_subqueries_say_what_they_take_over(connection: Connection) -> None:
    newest = select(func.max(i.id)).scalar_subquery().where(i.owner == c.id)
    assert connection.execute(select(c.name, newest).order_by(c.id)).all() == [("Ann", 2), ("bob", 4)]
    counted = select(func.count()).select_from(item, person).where(i.owner == c.id).scalar_subquery().correlate(person)
    assert connection.scalars(select(counted).select_from(person).order_by(c.id)).all() == [2, 2]
    alone = (
        select(func.count())
        .select_from(item, person)
        .where(i.owner == c.id)
        .scalar_subquery()
        .correlate_except(person, item)
    )
    assert connection.scalars(select(alone).select_from(person)).all() == [4, 4]
    has_items = exists(select(i.id).select_from(person).where(i.owner == c.id, i.quantity == 2)).correlate_except(item)
    assert connection.scalars(select(c.name).where(has_items)).all() == ["bob"]
    outer = select(c.name, i.id).outerjoin_from(person, item, (i.owner == c.id) & (i.quantity == 2)).order_by(c.id)
    assert connection.execute(outer).all() == [("Ann", None), ("bob", 3)]


def test_lateral_elements(postgresql: Connection) -> None:
    newest = lateral(select(i.quantity).where(i.owner == c.id).limit(1), "newest")
    statement = select(c.name, newest.c.quantity).join(newest, text("true")).order_by(c.id)
    assert postgresql.execute(statement).all() == [("Ann", 3), ("bob", 4)]
    numbers = func.generate_series(1, c.id).table_valued("n").lateral("g")
    assert len(postgresql.execute(select(c.id, text("g")).select_from(person, numbers)).all()) == 6
    rows = values(column("n", Integer), name="v").data([(c.a,), (100,)]).lateral()
    assert sorted(
        postgresql.scalars(select(rows.c.n).select_from(person).join(rows, text("true")).where(c.id == 1))
    ) == [7, 100]
    series = lateral(func.generate_series(1, c.id), "s")
    assert len(postgresql.execute(select(c.id, text("s")).select_from(person, series)).all()) == 6
    whole = person.lateral("whole")
    assert len(postgresql.execute(select(whole.c.id)).all()) == 3


def test_samples(postgresql: Connection) -> None:
    everything = tablesample(person, 100, name="some", seed=4)
    assert sorted(postgresql.scalars(select(everything.c.id))) == [1, 2, 3]
    nothing = person.tablesample(func.bernoulli(0))
    assert postgresql.scalars(select(nothing.c.id)).all() == []
    joined = select(everything.c.id).join(item, i.owner == everything.c.id)
    assert sorted(postgresql.scalars(joined)) == [1, 2]
    with pytest.raises(ArgumentError, match="percentage"):
        tablesample(person, "10")


def test_samples_of_mapped_classes(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Leaf(Base):
        __tablename__ = "leaf"
        id: Mapped[int] = mapped_column(primary_key=True)

    Base.metadata.create_all(engine)
    sampled = aliased(Leaf, tablesample(Leaf, 100))
    with Session(engine) as session:
        session.add(Leaf())
        session.flush()
        if engine.dialect.name == "sqlite":
            with pytest.raises(CompileError, match=r"func.random"):
                session.scalars(select(sampled))
        else:
            assert [leaf.id for leaf in session.scalars(select(sampled))] == [1]


# -- common table expressions


def test_ctes_have_words(connection: Connection) -> None:
    found = select(c.id).where(c.a > 5).cte("found").prefix_with("MATERIALIZED")
    statement = select(found.c.id)
    assert "found AS MATERIALIZED (SELECT" in str(statement.compile(connection))
    assert connection.scalars(statement).all() == [1]
    plain = select(c.id).where(c.a > 5).cte("found")
    assert "MATERIALIZED" not in str(select(plain.c.id).compile(connection))
    counting = select(literal(1).label("n")).cte("counting", recursive=True)
    counting = counting.union_all(select(counting.c.n + 1).where(counting.c.n < 3)).prefix_with("NOT MATERIALIZED")
    assert connection.scalars(select(counting.c.n).order_by(counting.c.n)).all() == [1, 2, 3]


def test_nested_ctes_stand_in_their_select(connection: Connection) -> None:
    inner = select(c.id, c.a).where(c.a == 7).cte("near", nesting=True)
    sub = select(inner.c.id).where(inner.c.a > 0).subquery("sub")
    written = str(select(sub.c.id).compile(connection))
    assert written.startswith("SELECT")
    assert "(WITH near AS" in written
    assert connection.scalars(select(sub.c.id)).all() == [1]
    within = select(c.name).where(c.id.in_(select(inner.c.id)))
    assert connection.scalars(within).all() == ["Ann"]
    both = select(inner.c.id, select(func.max(inner.c.a)).scalar_subquery())
    assert connection.execute(both).all() == [(1, 7)]


def test_a_statement_has_ctes_that_nothing_refers_to(postgresql: Connection) -> None:
    gone = delete(item).where(i.owner == 2).returning(i.id).cte("gone")
    assert postgresql.scalars(select(c.id).add_cte(gone).order_by(c.id)).all() == [1, 2, 3]
    assert postgresql.scalars(select(i.id)).all() == [1]
    added = insert(item).values(owner=3).returning(i.id, i.owner).cte("added")
    copied = insert(person).from_select(["name"], select(func.concat("owner ", added.c.owner)))
    postgresql.execute(copied)
    assert postgresql.scalar(select(func.max(c.name)).where(c.name.startswith("owner"))) == "owner 3"
    noted = update(person).values(a=1).where(c.id == 1).returning(c.id).cte("noted")
    postgresql.execute(insert(item).values(owner=1, quantity=50).add_cte(noted))
    assert postgresql.scalar(select(c.a).where(c.id == 1)) == 1
    postgresql.execute(
        delete(item).where(i.quantity == 50).add_cte(insert(item).values(owner=2).returning(i.id).cte("x"))
    )
    assert postgresql.scalar(select(func.count()).select_from(item).where(i.owner == 2)) == 1
    with pytest.raises(ArgumentError, match=r"cte\(\)"):
        select(c.id).add_cte(person)  # type: ignore[arg-type]


def test_a_delete_names_other_tables(postgresql: Connection) -> None:
    statement = delete(item).using(person).where(i.owner == c.id, c.name == "bob")
    assert postgresql.execute(statement).rowcount == 1
    assert postgresql.scalars(select(i.owner)).all() == [1]
    other = person.alias("other")
    assert "USING person AS other" in str(delete(item).using(other).compile(postgresql))


# -- rows from a SELECT


def test_rows_from_a_select_have_defaults(engine: Engine) -> None:
    calls: list[int] = []

    def number() -> int:
        calls.append(1)
        return 7

    own = Table(
        "own", MetaData(), Column("id", Integer, primary_key=True), Column("word", String), Column("kind", String, default="new"),
        Column("number", Integer, default=number), Column("length", Integer, default=func.length("four")),
        Column("server", Integer, server_default="3"),
    )  # fmt: skip
    own.metadata.create_all(engine)
    words = union(select(literal("a").label("word")), select(literal("b"))).order_by("word")
    with engine.begin() as connection:
        connection.execute(insert(own).from_select(["word"], words))
        rows = connection.execute(
            select(own.c.word, own.c.kind, own.c.number, own.c.length, own.c.server).order_by(own.c.word)
        ).all()
        assert rows == [("a", "new", 7, 4, 3), ("b", "new", 7, 4, 3)]
        assert len(calls) == 1
        connection.execute(insert(own).from_select(["word", "kind"], select(literal("c"), literal("old"))))
        assert connection.execute(select(own.c.kind, own.c.number).where(own.c.word == "c")).one() == ("old", 7)
        connection.execute(insert(own).from_select(["word"], select(literal("d")), include_defaults=False))
        assert connection.execute(select(own.c.kind, own.c.number).where(own.c.word == "d")).one() == (None, None)
        again = insert(own).from_select(["id", "word"], select(own.c.id, literal("e")).where(own.c.word == "a"))
        connection.execute(again.on_conflict_do_update(["id"], {"word": again.excluded.word}))
        assert connection.scalar(select(func.count()).select_from(own).where(own.c.word == "e")) == 1


def test_keys_of_a_sequence_for_rows_from_a_select(postgresql: Connection) -> None:
    owned = Table(
        "owned", MetaData(), Column("id", Integer, ForeignKey("person.id"), primary_key=True), Column("n", Integer)
    )
    person.to_metadata(owned.metadata)
    owned.create(postgresql)
    postgresql.execute(insert(owned).from_select(["id"], select(c.id).where(c.id < 3)))
    assert sorted(postgresql.scalars(select(owned.c.id))) == [1, 2]


def test_columns_of_the_rows_of_a_function(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        with pytest.raises(CompileError, match="table_valued"):
            connection.execute(select(func.json_each("[1]").scalar_table_valued("value")))
        return
    pairs = func.json_each_text(text('\'{"a": "x"}\'::json'))
    assert connection.execute(
        select(pairs.scalar_table_valued("key", String), pairs.scalar_table_valued("value"))
    ).all() == [("a", "x")]
    assert connection.scalar(func.lower("ABC").select()) == "abc"


def test_text_takes_options(connection: Connection) -> None:
    statement = text("SELECT name FROM person ORDER BY id").execution_options(yield_per=1)
    assert statement.get_execution_options() == {"yield_per": 1}
    assert [row.name for row in connection.execute(statement)] == ["Ann", "bob"]


def test_nodes_have_the_names_of_their_classes() -> None:
    assert isinstance(c.a == 1, flask_uow.BinaryExpression)
    assert isinstance(c.a.label("x"), flask_uow.Label)
    assert isinstance(func.lower("x"), flask_uow.Function)
    assert isinstance(func.rank().over(), flask_uow.Over)
    assert isinstance(select(c.a).scalar_subquery(), flask_uow.ScalarSelect)
    assert flask_uow.SQLColumnExpression is flask_uow.ColumnElement


@pytest.mark.parametrize("kind", [None, Integer])
def test_lists_of_values_in_text(connection: Connection, kind: Any) -> None:
    many = text("SELECT name FROM person WHERE id IN :ids ORDER BY id").bindparams(
        bindparam("ids", type_=kind, expanding=True)
    )
    assert connection.scalars(many, {"ids": [1, 2]}).all() == ["Ann", "bob"]
    assert connection.scalars(many, {"ids": [2]}).all() == ["bob"]
    assert connection.scalars(many, {"ids": []}).all() == []
    none = text("SELECT name FROM person WHERE id NOT IN :ids ORDER BY id").bindparams(
        bindparam("ids", [1], type_=kind, expanding=True)
    )
    assert connection.scalars(none).all() == ["bob"]
    assert connection.scalars(none, {"ids": []}).all() == ["Ann", "bob"]
    named = text("SELECT id FROM person WHERE name IN :names AND a > :least").bindparams(
        bindparam("names", expanding=True, type_=String)
    )
    assert connection.scalars(named, {"names": ["Ann", "it's"], "least": 1}).all() == [1]
    assert connection.scalars(named, {"names": [], "least": 1}).all() == []


def test_values_in_the_order_of_the_columns(connection: Connection) -> None:
    connection.execute(insert(person).values((7, "x", 1, 2)))
    connection.execute(insert(person).values([8, "y"]))
    connection.execute(insert(person).values([(9, "z", 3), (10, "w", 4)]))
    rows = connection.execute(select(c.id, c.name, c.a, c.b).where(c.id > 6).order_by(c.id)).all()
    assert rows == [(7, "x", 1, 2), (8, "y", None, None), (9, "z", 3, None), (10, "w", 4, None)]
    with pytest.raises(ArgumentError, match="Name the columns"):
        insert(item).values((1, 2, 3, 4, 5, 6))
    assert [argument.name for argument in func.coalesce(c.a, c.b).clauses] == ["a", "b"]


def test_a_label_may_say_the_type_of_its_values(connection: Connection) -> None:
    size = label("size", literal("SMALL"), Enum(Size))
    found = connection.execute(select(size)).t.one()
    assert found == (Size.SMALL,)
    assert found.size is Size.SMALL


def test_columns_of_a_table_name_those_of_values_and_of_functions(connection: Connection) -> None:
    rows = values(c.id, c.name, name="given").data([(1, "Ann"), (2, None)])
    assert list(rows.c.keys()) == ["id", "name"]
    assert connection.execute(select(rows.c.name).order_by(rows.c.id)).scalars().all() == ["Ann", None]
    listed = func.json_each('{"a": 1}').table_valued(column("key"), c.name, name="each")
    assert list(listed.c.keys()) == ["key", "name"]
    assert isinstance(listed.c.name.type, String)


def test_compounds_have_the_words_of_their_selects(connection: Connection) -> None:
    whole = union_all(select(person.c.id, person.c.name).where(person.c.id == 1), select(person.c.id, person.c.name))
    styled = whole.set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
    assert styled.get_label_style() == LABEL_STYLE_TABLENAME_PLUS_COL
    assert whole.get_label_style() == LABEL_STYLE_DISAMBIGUATE_ONLY
    assert connection.execute(styled).keys() == ["person_id", "person_name"]
    late = delete(item).where(item.c.id == 1).returning(item.c.id).cte("gone")
    if connection.dialect.name == "postgresql":
        before = connection.scalar(select(func.count()).select_from(item))
        connection.execute(whole.add_cte(late)).all()
        assert connection.scalar(select(func.count()).select_from(item)) == before - 1
    with pytest.raises(InvalidRequestError, match="cannot lock the rows"):
        whole.with_for_update()


def test_rows_of_values_are_made_by_their_class(connection: Connection) -> None:
    rows = Values(column("n", Integer), column("s", String), name="rows").data([(1, "a")]).data([(2, "b")])
    assert isinstance(values(column("n", Integer), name="rows", literal_binds=True), Values)
    assert connection.execute(select(rows).order_by(rows.c.n)).all() == [(1, "a"), (2, "b")]
    other = rows.alias("other")
    assert connection.scalar(select(func.max(other.c.n))) == 2
    with pytest.raises(ArgumentError, match="got no column"):
        Values(name="rows")


def test_a_compiled_statement_tells_its_parameters_by_name() -> None:
    statement = select(person).where(person.c.id == bindparam("pk"), person.c.name == "x").limit(bindparam("pk", 5))
    compiled = statement.compile()
    assert compiled.statement is statement
    assert compiled.positiontup == ["pk", "param_2", "pk"]
    assert compiled.params == {"pk": 5, "param_2": "x"}
    assert compiled.construct_params({"pk": 1}) == {"pk": 1, "param_2": "x"}
    engine = create_engine("sqlite://")
    assert statement.compile(engine).dialect is engine.dialect
    for made, kind in (
        (insert(person), "isinsert"),
        (update(person).values(a=1), "isupdate"),
        (delete(person), "isdelete"),
    ):
        told = made.compile()
        assert [name for name in ("isinsert", "isupdate", "isdelete") if getattr(told, name)] == [kind]
    assert str(insert(person).compile(column_keys=["name", "a"])) == "INSERT INTO person (name, a) VALUES (:name, :a)"
    assert str(update(person).compile(column_keys=["a"])) == "UPDATE person SET a = :a"


def test_a_parameter_of_sql_text_may_be_no_other_ones(connection: Connection) -> None:
    one = text("name = :n").bindparams(bindparam("n", "Ann", unique=True))
    two = text("name = :n").bindparams(bindparam("n", "bob", String, unique=True))
    assert sorted(connection.scalars(select(person.c.name).where(or_(one, two)))) == ["Ann", "bob"]
    with pytest.raises(ArgumentError, match="no parameter :m"):
        text("name = :n").bindparams(bindparam("m", "Ann", unique=True))
    assert connection.scalars(
        select(person.c.name).where(person.c.name == bindparam("n", "Ann", unique=True))
    ).all() == ["Ann"]


def test_names_of_members_of_an_enum_with_aliases() -> None:
    class Mood(enum.Enum):
        GLAD = 1
        HAPPY = 1  # noqa: PIE796
        SAD = 2

    assert Enum(Mood).enums == ["GLAD", "SAD"]
    assert Enum(Mood, omit_aliases=False).enums == ["GLAD", "HAPPY", "SAD"]
