"""Tables and columns of any name, through every way of writing and asking; one name in two schemas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_uow import (
    Column,
    CreateSchema,
    DropSchema,
    Engine,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Session,
    String,
    Table,
    aliased,
    declarative_base,
    delete,
    desc,
    exists,
    insert,
    joinedload,
    select,
    text,
    update,
)
from tests.orm.models import Post, User

NAMES = ["select", 'quo"te', "per%s", "%(name)s", "%%", "co:lon", "dot.ted", "back\\slash", "ünï code", "?", "x" * 63]


@pytest.mark.parametrize("name", NAMES)
def test_a_class_of_an_odd_name_is_written_and_asked_for(engine: Engine, name: str) -> None:
    base: Any = declarative_base()
    namespace = {
        "__tablename__": name,
        "id": Column(f"i{name}"[:63], Integer, primary_key=True),
        "text": Column(f"t{name}"[:63], String, unique=True),
        "number": Column(f"n{name}"[:63], Integer),
        "parent": Column(f"p{name}"[:63], ForeignKey(f"{name}.{f'i{name}'[:63]}")),
    }
    odd: Any = type("Odd", (base,), namespace)
    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(odd(text="a%s", number=1))
        session.flush()
        session.add_all([odd(text="b", number=2, parent=1), odd(text="c"), odd()])
        session.flush()
        assert session.bulk_insert(odd, [{"text": "d", "number": 3}]) == 1
        assert session.bulk_insert(odd, [{"text": "e"}], return_keys=True) == [6]
        assert session.bulk_update(odd, [{"id": 5, "number": 4}]) == 1
        assert session.copy_from(odd, [("f", 5)], columns=["text", "number"]) == 1
        session.get(odd, 1).number = odd.number + 10
        session.delete(session.get(odd, 6))
        session.commit()
        assert session.query(odd.number).order_by(odd.id).all() == [(11,), (2,), (None,), (None,), (4,), (5,)]
        other = aliased(odd, name=f"a{name}"[:63])
        joined = session.query(odd.text.label(name), other.text).join(other, odd.parent == other.id)
        assert joined.order_by(desc(name)).all() == [("b", "a%s")]
        assert (
            session.query(odd).from_self().union(session.query(odd)).filter(odd.text.contains("%")).one().number == 11
        )
        upsert = insert(odd).values(text="b", number=20)
        session.execute(
            upsert.on_conflict_do_update([odd.text], {"number": upsert.excluded[f"n{name}"[:63]] + odd.number})
        )
        assert session.query(odd.number).filter_by(text="b").scalar() == 22
    found = MetaData()
    found.reflect(engine)
    (key,) = (c for c in found.tables[name].constraints if isinstance(c, ForeignKeyConstraint))
    assert key.elements[0].column is found.tables[name].c[f"i{name}"[:63]]
    found.drop_all(engine)


@pytest.fixture
def two_schemas(engine: Engine, database: str, tmp_path: Path) -> Iterator[Any]:
    """A connection, and tables of one name with and without a schema; one row in both, one more in the schema."""
    schema = "per%s schema"
    metadata = MetaData()
    plain = Table("thing", metadata, Column("id", Integer, primary_key=True), Column("word", String))
    there = Table("thing", metadata, Column("id", Integer, primary_key=True), Column("word", String), schema=schema)
    with engine.connect() as connection:
        if database == "sqlite":
            connection.run(f"ATTACH DATABASE '{tmp_path / 'other.db'}' AS \"{schema}\"", write=False)
        else:
            connection.execute(CreateSchema(schema))
        metadata.create_all(connection)
        connection.execute(insert(plain).values(id=1, word="plain"))
        connection.execute(insert(there).values([{"id": 1, "word": "there"}, {"id": 2, "word": "two"}]))
        yield connection, plain, there
        metadata.drop_all(connection)
        if database == "postgresql":
            connection.execute(DropSchema(schema))


def test_one_name_in_two_schemas_is_two_tables(two_schemas: Any) -> None:
    connection, plain, there = two_schemas
    both = select(plain.c.word, there.c.word.label("other")).join(there, plain.c.id == there.c.id)
    assert connection.execute(both).all() == [("plain", "there")]
    alias = plain.alias("thing_2")
    assert connection.execute(both.join(alias, alias.c.id == plain.c.id)).all() == [("plain", "there")]
    without = select(there.c.id).where(~exists(select(plain.c.id).where(plain.c.id == there.c.id)))
    assert connection.execute(without).all() == [(2,)]
    within = select(plain.c.id).where(exists(select(there.c.id).where(there.c.id == plain.c.id + 1)))
    assert connection.execute(within).all() == [(1,)]
    beyond = select(plain.c.id).where(exists(select(there.c.id).where(there.c.id == plain.c.id + 2)))
    assert connection.execute(beyond).all() == []
    assert connection.execute(both.with_for_update()).all() == [("plain", "there")]
    changed = update(there).where(there.c.id == plain.c.id).values(word=plain.c.word + "!").returning(there.c.word)
    assert connection.execute(changed).all() == [("plain!",)]
    back = update(plain).values(word=select(there.c.word).where(there.c.id == plain.c.id + 1).scalar_subquery())
    assert connection.execute(back.returning(plain.c.word)).all() == [("two",)]
    gone = delete(plain).where(exists(select(there.c.id).where(there.c.id == plain.c.id + 2)))
    assert connection.execute(gone).rowcount == 0


def test_rows_are_counted_behind_with(session: Session) -> None:
    session.add_all([User(name=name) for name in "abc"])
    session.flush()
    chosen = select(User.id).where(User.name < "c").cte("chosen")
    criterion = User.id.in_(select(chosen.c.id))
    assert session.query(User).filter(criterion).update({"name": User.name + "!"}, synchronize_session=False) == 2
    sql = 'WITH chosen AS (SELECT max(id) AS id FROM "user") DELETE FROM "user" WHERE id IN (SELECT id FROM chosen)'
    assert session.execute(text(sql)).rowcount == 1
    returning = update(User).where(criterion).values(email="e").returning(User.name)
    assert sorted(session.execute(returning).scalars()) == ["a!", "b!"]


def test_a_lock_is_for_the_rows_that_are_asked_for(session: Session) -> None:
    session.add(User(name="ann", posts=[Post(title="a"), Post(title="b")]))
    session.commit()
    posts = session.query(Post).options(joinedload(Post.author)).with_for_update()
    assert [post.author and post.author.name for post in posts.order_by(Post.id)].count("ann") == 2
    users = session.query(User).options(joinedload(User.posts)).with_for_update(nowait=True)
    assert [len(user.posts) for user in users] == [2]
    assert [len(user.posts) for user in users.limit(1)] == [2]
