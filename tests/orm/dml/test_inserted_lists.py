"""insert(Class) with a list of rows: rows of different keys, classes in several tables, objects that come back."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from flask_uow import (
    DeclarativeBase,
    ForeignKey,
    Integer,
    Mapped,
    Session,
    aliased,
    bindparam,
    func,
    insert,
    mapped_column,
    relationship,
    select,
    synonym,
)
from flask_uow.engine import Engine
from flask_uow.exc import ArgumentError, IntegrityError, InvalidRequestError


@pytest.fixture
def clubs(engine: Engine) -> Iterator[Any]:
    class Base(DeclarativeBase):
        pass

    class Club(Base):
        __tablename__ = "club"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column("club_name", unique=True)
        rank: Mapped[int | None]
        level: Mapped[int | None] = mapped_column(default=5)
        open: Mapped[bool | None] = mapped_column(server_default="1" if engine.name == "sqlite" else "true")
        members: Mapped[list[Member]] = relationship()
        title = synonym("name")

    class Member(Base):
        __tablename__ = "member"
        id: Mapped[int] = mapped_column(primary_key=True)
        club_id: Mapped[int] = mapped_column(ForeignKey("club.id"))

    class Animal(Base):
        __tablename__ = "animal"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        name: Mapped[str]
        version: Mapped[int] = mapped_column()
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal", "version_id_col": version}

    class Dog(Animal):
        __tablename__ = "dog"
        id: Mapped[int] = mapped_column(ForeignKey("animal.id"), primary_key=True)
        tricks: Mapped[int] = mapped_column(default=3)
        owner: Mapped[str | None]
        __mapper_args__ = {"polymorphic_identity": "dog"}

    class Hound(Dog):
        __tablename__ = "hound"
        hound_id: Mapped[int] = mapped_column(ForeignKey("dog.id"), primary_key=True)
        speed: Mapped[int | None]
        __mapper_args__ = {"polymorphic_identity": "hound"}

    class Cat(Animal):
        lives: Mapped[int | None]
        __mapper_args__ = {"polymorphic_identity": "cat"}

    globals().update(Member=Member)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield SimpleNamespace(session=session, Club=Club, Member=Member, Animal=Animal, Dog=Dog, Hound=Hound, Cat=Cat)


def rows(clubs: Any) -> list[Any]:
    Club = clubs.Club
    found = clubs.session.execute(select(Club.name, Club.rank, Club.level, Club.open).order_by(Club.name)).all()
    return [tuple(row) for row in found]


def test_rows_may_have_different_keys(clubs: Any) -> None:
    result = clubs.session.execute(
        insert(clubs.Club),
        [{"name": "a"}, {"name": "b", "rank": 3}, {"rank": 4, "name": "c", "level": 9}, {"name": "d", "open": False}],
    )
    assert (result.rowcount, result.is_insert, result.returns_rows) == (4, True, False)
    assert rows(clubs) == [("a", None, 5, True), ("b", 3, 5, True), ("c", 4, 9, True), ("d", None, 5, False)]


def test_none_is_null_also_where_a_column_has_a_default(clubs: Any) -> None:
    clubs.session.execute(insert(clubs.Club), [{"name": "a", "level": None}, {"name": "b", "open": None}])
    assert rows(clubs) == [("a", None, None, True), ("b", None, 5, None)]


def test_attributes_and_synonyms_name_what_a_row_sets(clubs: Any) -> None:
    Club = clubs.Club
    clubs.session.execute(insert(Club), [{Club.name: "a", "rank": 1}, {"title": "b"}])
    assert [row[:2] for row in rows(clubs)] == [("a", 1), ("b", None)]


def test_an_expression_in_a_row_is_worked_out_by_the_database(clubs: Any) -> None:
    values = [
        {"name": func.lower("A")},
        {"name": "b", "rank": select(func.count() + 40).scalar_subquery()},
        {"name": "c"},
    ]
    clubs.session.execute(insert(clubs.Club), values)
    assert [row[:2] for row in rows(clubs)] == [("a", None), ("b", 41), ("c", None)]
    more = [{"name": func.lower("D")}, {"name": "e"}, {"name": func.lower("F")}]
    ordered = insert(clubs.Club).returning(clubs.Club.name, sort_by_parameter_order=True)
    assert clubs.session.scalars(ordered, more).all() == ["d", "e", "f"]


def test_the_objects_of_inserted_rows_come_back(clubs: Any) -> None:
    session, Club = clubs.session, clubs.Club
    ordered = insert(Club).returning(Club, sort_by_parameter_order=True)
    found = session.scalars(ordered, [{"name": "x"}, {"name": "a", "rank": 2}, {"name": "m", "level": 1}]).all()
    assert [(club.name, club.rank, club.level, club.open) for club in found] == [
        ("x", None, 5, True), ("a", 2, 5, True), ("m", None, 1, True),
    ]  # fmt: skip
    assert all(club in session for club in found)
    assert session.get(Club, found[0].id) is found[0]
    assert found[1].members == []
    found[1].rank = 8
    session.commit()
    assert sorted(row[1] or 0 for row in rows(clubs)) == [0, 0, 8]
    pairs = session.execute(insert(Club).returning(Club, Club.id), [{"name": "y"}, {"name": "z"}]).all()
    assert sorted((row.Club.name, row.id == row.Club.id) for row in pairs) == [("y", True), ("z", True)]


def test_a_list_that_is_refused_leaves_nothing(clubs: Any) -> None:
    session = clubs.session
    with pytest.raises(IntegrityError):
        session.execute(insert(clubs.Club), [{"name": "a"}, {"name": "b", "rank": 1}, {"name": "a"}])
    session.rollback()
    assert rows(clubs) == []
    with pytest.raises(InvalidRequestError, match="Did you mean 'rank'"):
        session.execute(insert(clubs.Club), [{"name": "a"}, {"name": "b", "rnk": 1}])
    assert session.execute(insert(clubs.Club), []).rowcount == 0


def test_an_upsert_takes_rows_of_different_keys(clubs: Any) -> None:
    session, Club = clubs.session, clubs.Club
    known = Club(name="a", rank=1)
    session.add(known)
    session.commit()
    assert known.rank == 1
    upsert = insert(Club).on_conflict_do_update([Club.name], {"rank": 7})
    assert session.execute(upsert, [{"name": "a"}, {"name": "b", "rank": 2}]).rowcount in (2, -1)
    assert known.rank == 7
    assert [row[:2] for row in rows(clubs)] == [("a", 7), ("b", 2)]
    back = session.scalars(upsert.returning(Club), [{"name": "b"}, {"name": "c", "rank": 3}]).all()
    assert sorted((club.name, club.rank) for club in back) == [("b", 7), ("c", 3)]


def test_a_class_in_several_tables_is_inserted_into_all_of_them(clubs: Any) -> None:
    session, Dog, Hound = clubs.session, clubs.Dog, clubs.Hound
    result = session.execute(
        insert(Hound), [{"name": "h1", "speed": 4}, {"name": "h2", "tricks": 9, "owner": "o"}, {"id": 50, "name": "h3"}]
    )
    assert result.rowcount == 3
    session.execute(insert(Dog), {"name": "d"})
    session.bulk_insert(Dog, [{"name": "e", "owner": "p"}])
    found = session.scalars(select(Dog).order_by(Dog.name)).all()
    assert [(type(dog).__name__, dog.name, dog.tricks, dog.owner, dog.version) for dog in found] == [
        ("Dog", "d", 3, None, 1), ("Dog", "e", 3, "p", 1), ("Hound", "h1", 3, None, 1), ("Hound", "h2", 9, "o", 1), ("Hound", "h3", 3, None, 1),
    ]  # fmt: skip
    assert [dog.speed for dog in found[2:]] == [4, None, None]
    assert session.get(Hound, 50).hound_id == 50
    found[2].speed = 5
    session.commit()
    session.execute(insert(clubs.Cat), [{"name": "c", "lives": 9}, {"name": "k"}])
    assert [cat.lives for cat in session.scalars(select(clubs.Cat).order_by(clubs.Cat.name))] == [9, None]


def test_the_objects_of_a_class_in_several_tables_come_back_in_order(clubs: Any) -> None:
    session, Hound = clubs.session, clubs.Hound
    given = [{"name": f"h{n * 7 % 40}", "speed": n} for n in range(40)]
    found = session.scalars(insert(Hound).returning(Hound), given).all()
    assert [(hound.name, hound.speed) for hound in found] == [(row["name"], row["speed"]) for row in given]
    assert all(type(hound) is Hound and hound in session for hound in found)
    columns = session.execute(
        insert(Hound).returning(Hound.name, Hound.speed), [{"name": "y", "speed": 1}, {"name": "z"}]
    )
    assert columns.keys() == ("name", "speed")
    assert columns.all() == [("y", 1), ("z", None)]


def test_what_a_class_in_several_tables_cannot_be_given_is_refused(clubs: Any) -> None:
    session, Dog = clubs.session, clubs.Dog
    with pytest.raises(InvalidRequestError, match="Insert into the tables one by one"):
        session.execute(insert(Dog).on_conflict_do_nothing(), [{"name": "a"}])
    with pytest.raises(InvalidRequestError, match="Give each row its key"):
        session.execute(insert(Dog), [{"id": func.abs(-7), "name": "a"}])
    session.rollback()
    with pytest.raises(InvalidRequestError, match="as a list of rows"):
        session.execute(insert(Dog).values(name="a"))
    with pytest.raises(ArgumentError, match="the column 'club_name' of table 'club'"):
        session.execute(insert(Dog), [{clubs.Club.name: "a"}])


def test_attributes_of_an_alias_name_what_a_row_of_several_tables_sets(clubs: Any) -> None:
    session, Dog = clubs.session, clubs.Dog
    alias = aliased(Dog)
    session.execute(insert(Dog), [{alias.name: "a", alias.owner: "b", Dog.tricks: 4}])
    assert session.execute(select(Dog.name, Dog.owner, Dog.tricks)).all() == [("a", "b", 4)]


def test_in_autocommit_mode_a_list_is_inserted_in_one_transaction(clubs: Any, engine: Engine) -> None:
    session = Session(engine, autocommit=True)
    with pytest.raises(IntegrityError):
        session.execute(insert(clubs.Club), [{"name": "a"}, {"name": "b", "rank": 1}, {"name": "a", "rank": 2}])
    assert rows(clubs) == []
    clubs.session.rollback()
    session.execute(insert(clubs.Club).returning(clubs.Club.id), [{"name": "a"}, {"name": "b", "rank": 1}])
    assert [row[:2] for row in rows(clubs)] == [("a", None), ("b", 1)]


def test_an_insert_of_one_row_of_a_class_tells_its_key(clubs: Any) -> None:
    session, Club = clubs.session, clubs.Club
    assert tuple(session.execute(insert(Club).values(name="q", id=77)).inserted_primary_key) == (77,)
    assert (
        tuple(session.execute(insert(Club), {"name": "r"}).inserted_primary_key) == (78,)
        or session.bind.name != "sqlite"
    )
    result = session.execute(insert(Club).values(name=bindparam("n")), {"n": "s"})
    assert session.get(Club, result.inserted_primary_key.id).name == "s"


def test_a_list_gives_columns_beside_those_that_the_statement_sets(clubs: Any) -> None:
    session, club, member = clubs.session, clubs.Club, clubs.Member
    session.execute(insert(club), [{"name": "chess", "rank": 1}, {"name": "go", "rank": 2}])
    own = select(club.id).where(club.name == bindparam("which")).scalar_subquery()
    statement = insert(member).values(club_id=own)
    session.execute(statement, [{"which": "go", "id": 7}, {"which": "chess", "id": 8}])
    found = session.execute(
        select(member.id, club.name).join(club, member.club_id == club.id).order_by(member.id)
    ).all()
    assert found == [(7, "go"), (8, "chess")]
    made = insert(club).values(rank=bindparam("place")).returning(club)
    assert session.scalars(made, {"place": 3, "name": "tennis"}).one().rank == 3
    session.connection().execute(insert(club.__table__).values(rank=4), {"club_name": "golf"})
    assert session.scalar(select(club.rank).where(club.name == "golf")) == 4
    with pytest.raises(InvalidRequestError, match="nonsense"):
        session.execute(statement, [{"which": "go", "nonsense": 7}])


@pytest.mark.parametrize("rank", [9, func.abs(-9), select(func.count() + 9).scalar_subquery()])
def test_values_of_the_statement_are_those_of_each_row_that_comes_back(clubs: Any, rank: Any) -> None:
    session, Club = clubs.session, clubs.Club
    wanted = insert(Club).values(rank=rank, level=1).returning(Club, sort_by_parameter_order=True)
    made = session.scalars(wanted, [{"name": "x"}, {"name": "a"}, {"name": "m", "open": False}]).all()
    assert [(club.name, club.level, club.open) for club in made] == [("x", 1, True), ("a", 1, True), ("m", 1, False)]
    assert {club.rank for club in made} <= {9, 10}
    assert all(club in session for club in made)
    # parameters of the values are given with each row
    shifted = insert(Club).values(rank=bindparam("base", type_=Integer) + 1)
    session.execute(shifted, [{"name": "p", "base": 1}, {"name": "q", "base": 2}])
    assert session.scalars(select(Club.rank).where(Club.name.in_(["p", "q"])).order_by(Club.name)).all() == [2, 3]


def test_values_of_the_statement_go_into_rows_of_several_tables(clubs: Any) -> None:
    session, Dog = clubs.session, clubs.Dog
    wanted = insert(Dog).values(tricks=7).returning(Dog, sort_by_parameter_order=True)
    dogs = session.scalars(wanted, [{"name": "rex"}, {"name": "bo"}]).all()
    assert [(dog.name, dog.tricks, dog.kind) for dog in dogs] == [("rex", 7, "dog"), ("bo", 7, "dog")]


@pytest.mark.parametrize("way", ["both", "first", "second", "none"])
def test_values_of_a_row_go_before_those_of_the_statement(clubs: Any, session: Session, way: str) -> None:
    Club = clubs.Club
    rows: list[dict[str, Any]] = [{"id": 1}, {"id": 2}]
    for row, ways in zip(rows, (("both", "first"), ("both", "second")), strict=True):
        if way in ways:
            row["rank"] = 7
    statement = (
        insert(Club).values(rank=3, name=func.lower("X") + "y", level=9).returning(Club.id, Club.rank, Club.level)
    )
    names = [{**row, "name": str(row["id"])} for row in rows]
    made = session.execute(statement, names).all()
    assert sorted(made) == [(row["id"], row.get("rank", 3), 9) for row in rows]
    assert session.scalars(select(Club.name).order_by(Club.id)).all() == ["1", "2"]
