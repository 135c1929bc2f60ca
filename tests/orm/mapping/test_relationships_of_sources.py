"""Relationships of classes that are mapped to SELECTs and joins; columns of subqueries stand for those of tables."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

import flask_uow
from flask_uow import (
    ArgumentError,
    Column,
    Engine,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    InvalidRequestError,
    MetaData,
    Session,
    String,
    Table,
    class_mapper,
    joinedload,
    relationship,
    select,
    selectinload,
    union,
)
from flask_uow.orm import Registry


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    yield made
    made.dispose()


@pytest.fixture
def mapper(registry: Registry) -> Any:
    """The function, for mappers that are gone after the test."""
    return partial(flask_uow.mapper, registry=registry)


class Work:
    """Clients and their jobs, some of which are open."""

    def __init__(self) -> None:
        self.metadata = MetaData()
        self.client = Table("client", self.metadata, Column("id", Integer, primary_key=True), Column("name", String(9)))
        self.job = Table(
            "job", self.metadata,
            Column("id", Integer, primary_key=True), Column("client_id", ForeignKey("client.id")), Column("open", Integer),
        )  # fmt: skip

    def fill(self, engine: Engine) -> None:
        self.metadata.create_all(engine)
        with engine.begin() as connection:
            connection.execute(self.client.insert(), [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}])
            rows = [(1, 1, 1), (2, 1, 0), (3, 2, 1), (4, None, 1)]
            connection.execute(self.job.insert(), [{"id": n, "client_id": c, "open": o} for n, c, o in rows])


SOURCES: dict[str, Any] = {
    "subquery": lambda job: select(job).where(job.c.open == 1).subquery("open_job"),
    "alias of a subquery": lambda job: select(job).where(job.c.open == 1).subquery("inside").alias("open_job"),
    "labels": lambda job: (
        select(job.c.id, job.c.client_id.label("of"), job.c.open).where(job.c.open == 1).subquery("open_job")
    ),
    "union": lambda job: union(select(job).where(job.c.open == 1), select(job).where(job.c.open == 1)).subquery(
        "open_job"
    ),
    "alias": lambda job: job.alias("open_job"),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_foreign_keys_are_found_through_what_a_class_is_mapped_to(
    engine: Engine, kind: str, mapper: Any, registry: Registry
) -> None:
    work = Work()
    source = SOURCES[kind](work.job)

    class Client:
        name: Any

    class OpenJob:
        client: Any

    mapper(Client, work.client, properties={"jobs": relationship(OpenJob, viewonly=True, order_by=source.c.id)})
    mapper(OpenJob, source, primary_key=[source.c.id], properties={"client": relationship(Client)})
    registry.configure()
    assert class_mapper(OpenJob).get_property("client").uselist is False
    assert class_mapper(Client).get_property("jobs").uselist is True
    work.fill(engine)
    every = kind == "alias"
    with Session(engine) as session:
        jobs = session.query(OpenJob).order_by(OpenJob.id).all()  # type: ignore[attr-defined]
        names = [job.client.name if job.client is not None else None for job in jobs]
        assert names == (["a", "a", "b", None] if every else ["a", "b", None])
        for option in (joinedload, selectinload):
            session.expunge_all()
            clients = session.query(Client).options(option(Client.jobs)).order_by(Client.name).all()  # type: ignore[attr-defined]
            assert [[job.id for job in client.jobs] for client in clients] == ([[1, 2], [3]] if every else [[1], [3]])
        assert session.query(OpenJob).join(OpenJob.client).filter(Client.name == "b").one().id == 3
        assert session.query(Client.name).filter(Client.jobs.any(id=3)).all() == [("b",)]  # type: ignore[attr-defined]


def test_conditions_over_columns_of_a_select_name_its_foreign_keys(
    engine: Engine, mapper: Any, registry: Registry
) -> None:
    work = Work()
    source = select(work.client).subquery("buyer")
    open_job = select(work.job).where(work.job.c.open == 1).subquery("open_job")

    class Job:
        pass

    class OpenJob:
        pass

    class Buyer:
        pass

    mapper(Job, work.job)
    mapper(OpenJob, open_job, primary_key=[open_job.c.id], properties={
        "buyer": relationship(Buyer, primaryjoin=open_job.c.client_id == source.c.id, foreign_keys=[open_job.c.client_id]),
    })  # fmt: skip
    mapper(Buyer, source, primary_key=[source.c.id], properties={
        "jobs": relationship(Job, primaryjoin=source.c.id == work.job.c.client_id, order_by=work.job.c.id),
    })  # fmt: skip
    registry.configure()
    work.fill(engine)
    with Session(engine) as session:
        buyers: Any = session.query(Buyer).order_by(source.c.id).all()
        assert [[job.id for job in buyer.jobs] for buyer in buyers] == [[1, 2], [3]]
        jobs: Any = session.query(OpenJob).order_by(open_job.c.id).all()
        assert [job.buyer for job in jobs] == [*buyers, None]


def test_subqueries_are_joined_along_the_foreign_keys_of_their_tables(engine: Engine) -> None:
    work = Work()
    work.fill(engine)
    open_job = select(work.job.c.id, work.job.c.client_id.label("of")).where(work.job.c.open == 1).subquery("o")
    client = select(work.client).subquery("c")
    for join in (open_job.join(work.client), work.client.join(open_job), open_job.alias("x").join(client.alias("y"))):
        with engine.connect() as connection:
            assert len(connection.execute(select(*join.left.c, *join.right.c).select_from(join)).all()) == 2
    with pytest.raises(InvalidRequestError, match="no foreign key connects them"):
        select(work.job.c.id).subquery("o").join(work.client)


def test_a_foreign_key_of_which_a_column_is_left_out_connects_nothing(mapper: Any, registry: Registry) -> None:
    metadata = MetaData()
    place = Table("place", metadata, Column("x", Integer, primary_key=True), Column("y", Integer, primary_key=True))
    thing = Table(
        "thing", metadata, Column("id", Integer, primary_key=True), Column("x", Integer), Column("y", Integer),
        ForeignKeyConstraint(["x", "y"], ["place.x", "place.y"]),
    )  # fmt: skip
    half = select(thing.c.id, thing.c.x).subquery("half")

    class Place:
        pass

    class Half:
        pass

    mapper(Place, place)
    mapper(Half, half, primary_key=[half.c.id], properties={"place": relationship(Place)})
    with pytest.raises(ArgumentError, match=r"Half\.place: no foreign key connects subquery 'half' and 'place'"):
        registry.configure()


def test_columns_of_a_subquery_go_by_the_keys_of_the_tables(engine: Engine) -> None:
    metadata = MetaData()
    part = Table(
        "part", metadata,
        Column("part_id", Integer, key="id", primary_key=True), Column("part_type", String(9), key="kind"), Column("extra", Integer, key="n"),
    )  # fmt: skip
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(part.insert().values(id=1, kind="x", n=5))
        sub = select(part.c.id, part.c.kind).subquery("p")
        assert sub.c.keys() == ["id", "kind"]
        assert connection.execute(select(sub.c.kind).where(sub.c.id == 1)).all() == [("x",)]
        assert select(sub).cte("q").alias("r").c.keys() == ["id", "kind"]
        assert connection.execute(select(part.alias("a").c.kind)).all() == [("x",)]
        # of two columns that would have one key, the second goes by its name
        other = part.alias("other")
        assert select(part.c.kind, other.c.kind, part.c.id).subquery("both").c.keys() == ["kind", "part_type_1", "id"]
        labelled = select(part.c.kind.label("other")).subquery("l")
        assert labelled.c.keys() == ["other"]


def test_a_class_mapped_to_a_join_leads_to_the_class_of_one_of_its_tables(
    engine: Engine, mapper: Any, registry: Registry
) -> None:
    metadata = MetaData()
    member = Table("member", metadata, Column("id", Integer, primary_key=True), Column("name", String(9)))
    phone = Table(
        "phone", metadata, Column("member_id", ForeignKey("member.id"), primary_key=True), Column("kind", String(9), primary_key=True)
    )  # fmt: skip

    class Member:
        pass

    class Phone:
        pass

    mapper(Phone, phone)
    mapper(Member, member.join(phone), properties={
        "id": [member.c.id, phone.c.member_id], "phones": relationship(Phone, backref="owner", viewonly=True, order_by=phone.c.kind),
    })  # fmt: skip
    registry.configure()
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(member.insert(), [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}])
        connection.execute(phone.insert(), [{"member_id": 1, "kind": k} for k in ("home", "work")])
    with Session(engine) as session:
        found: Any = session.query(Member).filter_by(kind="home").one()
        assert [each.kind for each in found.phones] == ["home", "work"]


def test_a_subclass_is_not_related_to_its_base_by_the_key_that_makes_it_one(mapper: Any, registry: Registry) -> None:
    metadata = MetaData()
    base = Table("base", metadata, Column("id", Integer, primary_key=True))
    sub = Table("sub", metadata, Column("id", ForeignKey("base.id"), primary_key=True))

    class Base:
        pass

    class Sub(Base):
        pass

    mapper(Base, base)
    mapper(Sub, sub, inherits=Base, properties={"other": relationship(Base)})
    with pytest.raises(ArgumentError, match=r"Sub\.other: no foreign key connects"):
        registry.configure()
