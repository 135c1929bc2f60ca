"""What one side of a relationship says lasts until it is written, whatever happens to the other side; what is empty becomes empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_uow import (
    Column,
    DeclarativeBase,
    Engine,
    ForeignKey,
    ForeignKeyConstraint,
    Mapped,
    Session,
    String,
    Table,
    UnmappedInstanceError,
    make_transient,
    mapped_column,
    relationship,
    select,
    selectinload,
)
from flask_uow.orm.attributes import get_history, set_committed_value
from tests.statements import StatementLog


class Base(DeclarativeBase):
    """The models of this file."""


class Region(Base):
    """Has a natural key."""

    __tablename__ = "region"
    code: Mapped[str] = mapped_column(String(9), primary_key=True)
    name: Mapped[str | None]
    towns: Mapped[list[Town]] = relationship(back_populates="region", order_by="Town.name")
    seat: Mapped[Seat | None] = relationship(back_populates="region", uselist=False)
    labels: Mapped[list[Label]] = relationship(cascade="all")
    marks: Mapped[set[Label]] = relationship(viewonly=True)


class Town(Base):
    """Refers to its region by code."""

    __tablename__ = "town"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    region_code: Mapped[str | None] = mapped_column(ForeignKey("region.code", onupdate="CASCADE"))
    region: Mapped[Region | None] = relationship(back_populates="towns")


class Seat(Base):
    """The one of a region."""

    __tablename__ = "seat"
    id: Mapped[int] = mapped_column(primary_key=True)
    region_code: Mapped[str | None] = mapped_column(ForeignKey("region.code", onupdate="CASCADE"))
    region: Mapped[Region | None] = relationship(back_populates="seat")


class Label(Base):
    """Does not know its region, but for the key."""

    __tablename__ = "label"
    id: Mapped[int] = mapped_column(primary_key=True)
    region_code: Mapped[str] = mapped_column(ForeignKey("region.code", onupdate="CASCADE"))


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Region(code="BE", name="x"), Town(name="a"), Seat()])
        session.commit()
        yield session


FORGET: list[Callable[[Session, Any], None]] = [
    lambda session, obj: session.refresh(obj),
    lambda session, obj: session.expire(obj),
    lambda session, obj: session.refresh(obj, ["region"]),
    lambda session, obj: session.expire(obj, ["region", "region_code"]),
]
NAMES = ["refresh", "expire", "refresh the reference", "expire the reference"]


# -- expire and refresh of one side


@pytest.mark.parametrize("forget", FORGET, ids=NAMES)
@pytest.mark.parametrize("loaded", [True, False])
def test_an_append_to_a_parent_survives_the_refresh_of_the_child(session: Session, forget: Any, loaded: bool) -> None:
    region, town = session.query(Region).one(), session.query(Town).one()
    if loaded:
        assert region.towns == []
    region.towns.append(town)
    forget(session, town)
    assert town.region is region
    session.commit()
    assert town.region_code == "BE"


@pytest.mark.parametrize("forget", FORGET, ids=NAMES)
def test_the_one_of_a_parent_survives_its_refresh(session: Session, forget: Any) -> None:
    region, seat = session.query(Region).one(), session.query(Seat).one()
    region.seat = seat
    forget(session, seat)
    session.commit()
    assert seat.region_code == "BE"


def test_a_child_that_was_taken_out_of_a_collection_again_is_refreshed_as_it_is(session: Session) -> None:
    region, town = session.query(Region).one(), session.query(Town).one()
    region.towns.append(town)
    region.towns.remove(town)
    session.refresh(town)
    session.commit()
    assert town.region is None


@pytest.mark.parametrize("forget", FORGET, ids=NAMES)
@pytest.mark.parametrize("loaded", [True, False])
def test_what_was_taken_out_of_a_parent_stays_out_over_the_refresh_of_the_child(
    session: Session, forget: Any, loaded: bool
) -> None:
    region, town = session.query(Region).one(), session.query(Town).one()
    town.region = region
    session.commit()
    if loaded:
        assert town.region is region
    region.towns.remove(town)
    forget(session, town)
    assert town.region is None
    session.commit()
    assert town.region_code is None
    assert region.towns == []


@pytest.mark.parametrize("forget", FORGET, ids=NAMES)
def test_the_one_that_a_parent_has_let_go_stays_so_over_its_refresh(session: Session, forget: Any) -> None:
    region, seat = session.query(Region).one(), session.query(Seat).one()
    region.seat = seat
    session.commit()
    region.seat = None
    forget(session, seat)
    session.commit()
    assert seat.region_code is None


@pytest.mark.parametrize("forget", FORGET, ids=NAMES)
def test_a_child_that_has_moved_to_another_parent_stays_there_over_its_refresh(session: Session, forget: Any) -> None:
    region, town, other = session.query(Region).one(), session.query(Town).one(), Region(code="ZH")
    region.towns.append(town)
    session.add(other)
    session.commit()
    region.towns.remove(town)
    other.towns.append(town)
    forget(session, town)
    session.commit()
    assert town.region_code == "ZH"


def test_expiring_both_sides_forgets_that_the_child_was_taken_out(session: Session) -> None:
    region, town = session.query(Region).one(), session.query(Town).one()
    region.towns.append(town)
    session.commit()
    region.towns.remove(town)
    session.expire(region)
    session.expire(town)
    session.commit()
    assert region.towns == [town]


def test_expiring_both_sides_forgets_the_change(session: Session) -> None:
    region, town = session.query(Region).one(), session.query(Town).one()
    region.towns.append(town)
    session.expire(region)
    session.expire(town)
    assert town.region is None
    session.commit()
    assert region.towns == []


@pytest.mark.parametrize("from_parent", [True, False])
@pytest.mark.parametrize("is_one", [True, False])
def test_what_a_new_parent_has_been_given_survives_that_everything_is_expired(
    session: Session, from_parent: bool, is_one: bool
) -> None:
    child: Any = Seat() if is_one else Town(name="new")
    session.add(child)
    session.commit()
    with session.no_autoflush:
        region = Region(code="XX")
        session.add(region)
        if not from_parent:
            child.region = region
        elif is_one:
            region.seat = child
        else:
            region.towns.append(child)
        session.expire_all()
    session.commit()
    assert child.region_code == "XX"
    assert (region.seat if is_one else region.towns[0]) is child


def test_what_was_taken_from_a_new_parent_is_not_given_to_it_when_everything_is_expired(session: Session) -> None:
    town = Town(name="new")
    session.add(town)
    session.commit()
    with session.no_autoflush:
        region = Region(code="XX", towns=[town])
        session.add(region)
        region.towns.remove(town)
        session.expire_all()
    session.commit()
    assert (town.region_code, region.towns) == (None, [])
    with session.no_autoflush:
        town.region = Region(code="YY")
        session.rollback()
    assert (town.region, town.region_code) == (None, None)


@pytest.mark.parametrize(
    "forget", [lambda s, obj: s.refresh(obj), lambda s, obj: s.expire(obj), lambda s, obj: s.expire(obj, ["tags"])]
)
@pytest.mark.parametrize("other_is_loaded", [True, False])
@pytest.mark.parametrize("lazy", ["select", "raise"])
def test_a_pair_of_many_to_many_is_written_when_one_side_has_been_expired(
    engine: Engine, statements: StatementLog, forget: Any, other_is_loaded: bool, lazy: Any
) -> None:
    class Own(DeclarativeBase):
        """The models of this test."""

    Table("tagged", Own.metadata, Column("post_id", ForeignKey("post.id")), Column("tag_id", ForeignKey("tag.id")))

    class Post(Own):
        __tablename__ = "post"
        id: Mapped[int] = mapped_column(primary_key=True)
        tags: Mapped[list[Tag]] = relationship(secondary="tagged", back_populates="posts", order_by="Tag.id")

    class Tag(Own):
        __tablename__ = "tag"
        id: Mapped[int] = mapped_column(primary_key=True)
        posts: Mapped[list[Post]] = relationship(secondary="tagged", back_populates="tags", lazy=lazy)

    Own.metadata.create_all(engine)
    with Session(engine) as session, session.no_autoflush:
        old, new = Tag(id=1), Tag(id=2)
        session.add_all([Post(id=1, tags=[old]), Post(id=2, tags=[old]), new])
        session.commit()
        query = select(Tag).options(selectinload(Tag.posts)) if other_is_loaded else select(Tag)
        old, new = session.scalars(query.order_by(Tag.id)).all()
        post = session.get_one(Post, 1)
        post.tags.remove(old)
        post.tags.append(new)
        forget(session, post)
        session.commit()
        assert post.tags == [new]
        assert session.execute(select(Own.metadata.tables["tagged"]).order_by("post_id")).all() == [(1, 2), (2, 1)]
        post.tags.append(old)
        session.expire(old)
        forget(session, post)
        session.commit()
        assert post.tags == [new]


def test_expiring_the_parent_leaves_what_the_child_says(session: Session) -> None:
    region, town = session.query(Region).one(), session.query(Town).one()
    region.towns.append(town)
    session.expire(region)
    session.commit()
    assert region.towns == [town]


def test_new_objects_stay_in_the_session_when_their_parent_is_expired(session: Session) -> None:
    region = session.query(Region).one()
    label = Label(region_code="BE")
    region.labels.append(label)
    session.expire(region)
    assert label in session.new
    session.commit()
    assert region.labels == [label]


# -- None


def test_none_clears_a_key_that_was_set_by_hand(session: Session) -> None:
    town = Town(name="b", region_code="BE")
    town.region = None
    kept = Town(name="c", region=None, region_code="BE")
    session.add_all([town, kept])
    session.commit()
    assert (town.region_code, kept.region_code) == (None, "BE")
    kept.region_code = "BE"
    kept.region = None
    session.commit()
    assert kept.region_code is None


def test_none_clears_a_key_that_was_set_by_hand_on_an_object_that_refers_to_nothing(session: Session) -> None:
    town = session.query(Town).one()
    assert town.region is None
    town.region_code = "BE"
    town.region = None
    session.commit()
    assert town.region_code is None


@pytest.mark.parametrize("way", ["none", "del", "remove", "clear"])
def test_a_key_that_an_undone_flush_has_set_is_cleared(session: Session, way: str) -> None:
    region = Region(code="NW")
    town = Town(name="b", region=region)
    session.add(town)
    session.flush()
    assert town.region_code == "NW"
    session.rollback()
    if way == "none":
        town.region = None
    elif way == "del":
        del town.region
    elif way == "remove":
        region.towns.remove(town)
    else:
        region.towns = []
    session.add(town)
    session.commit()
    assert town.region_code is None
    assert session.query(Region).count() == 1


def test_none_of_one_relationship_leaves_the_key_that_another_one_needs(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Tenant(Base):
        __tablename__ = "tenant"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Room(Base):
        __tablename__ = "room"
        tenant_id: Mapped[int] = mapped_column(ForeignKey("tenant.id"), primary_key=True)
        id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)

    class Desk(Base):
        __tablename__ = "desk"
        id: Mapped[int] = mapped_column(primary_key=True)
        tenant_id: Mapped[int] = mapped_column(ForeignKey("tenant.id"))
        room_id: Mapped[int | None]
        room: Mapped[Room | None] = relationship()
        __table_args__ = (ForeignKeyConstraint(["tenant_id", "room_id"], ["room.tenant_id", "room.id"]),)

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Tenant(id=1))
        session.flush()
        session.add(Room(tenant_id=1, id=2))
        session.flush()
        desk = Desk(tenant_id=1, room_id=2)
        desk.room = None
        session.add(desk)
        session.commit()
        assert (desk.tenant_id, desk.room_id) == (1, None)


# -- keys that change


@pytest.mark.parametrize("load", [True, False])
def test_a_key_is_changed_and_its_object_deleted_in_one_flush(session: Session, load: bool) -> None:
    region = session.query(Region).one()
    region.towns = [session.query(Town).one()]
    region.labels = [Label()]
    session.commit()
    if load:
        assert (len(region.towns), len(region.labels)) == (1, 1)
    with session.no_autoflush:
        region.code = "BB"
        session.delete(region)
    session.commit()
    assert [town.region_code for town in session.query(Town)] == [None]
    assert (session.query(Region).count(), session.query(Label).count()) == (0, 0)


def test_a_changed_key_that_is_not_written_finds_what_refers_to_the_old_one(session: Session) -> None:
    region = session.query(Region).one()
    region.towns = [session.query(Town).one()]
    session.commit()
    with session.no_autoflush:
        region.code = "BB"
        assert [town.name for town in region.towns] == ["a"]
    session.commit()
    assert [town.region_code for town in region.towns] == ["BB"]


@pytest.mark.parametrize("passive_updates", [True, False])
def test_keys_that_change_along_a_chain(engine: Engine, passive_updates: bool) -> None:
    if not passive_updates and engine.dialect.name == "postgresql":
        # the constraints would have to be deferrable
        return

    class Base(DeclarativeBase):
        pass

    rule = "CASCADE" if passive_updates else None

    class Land(Base):
        __tablename__ = "land"
        name: Mapped[str] = mapped_column(String(9), primary_key=True)
        cities: Mapped[list[City]] = relationship(passive_updates=passive_updates, cascade="all")

    class City(Base):
        __tablename__ = "city"
        land_name: Mapped[str] = mapped_column(
            ForeignKey("land.name", onupdate=rule, deferrable=True, initially="DEFERRED"), primary_key=True
        )
        name: Mapped[str] = mapped_column(String(9), primary_key=True)
        streets: Mapped[list[Street]] = relationship(passive_updates=passive_updates, cascade="all")

    class Street(Base):
        __tablename__ = "street"
        land_name: Mapped[str] = mapped_column(String(9), primary_key=True)
        city_name: Mapped[str] = mapped_column(String(9), primary_key=True)
        name: Mapped[str] = mapped_column(String(9), primary_key=True)
        width: Mapped[int | None]
        __table_args__ = (
            ForeignKeyConstraint(
                ["land_name", "city_name"],
                ["city.land_name", "city.name"],
                onupdate=rule,
                deferrable=True,
                initially="DEFERRED",
            ),
        )

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        street = Street(name="s")
        city = City(name="x", streets=[street])
        land = Land(name="A", cities=[city])
        session.add(land)
        session.commit()
        assert (land.cities[0].streets[0].name, city.name) == ("s", "x")
        land.name, city.name, street.name, street.width = "B", "y", "t", 5
        session.commit()
        assert (street.land_name, street.city_name, street.name, street.width) == ("B", "y", "t", 5)
        assert session.get(Street, ("B", "y", "t")) is street
        assert session.get(City, ("B", "y")) is city
        session.delete(land)
        session.commit()
        assert session.query(Street).count() == 0


def test_rows_of_a_secondary_table_are_found_under_the_old_key(engine: Engine) -> None:
    from tests.orm.flush.test_unfinished_objects import Base, Club, Town  # noqa: PLC0415

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        club = Club(id=1, towns=[Town(name="a"), Town(name="b")])
        session.add(club)
        session.commit()
        assert len(club.towns) == 2
        with session.no_autoflush:
            club.id = 2
            session.delete(club)
        session.commit()
        assert (session.query(Club).count(), session.query(Town).count()) == (0, 2)


# -- collections that were read before there was a row


def test_a_collection_that_was_read_while_its_object_was_pending_is_loaded_after_the_flush(session: Session) -> None:
    region = Region(code="NW")
    assert region.labels == []
    session.add(region)
    assert (region.labels, region.marks, region.towns) == ([], set(), [])
    session.add(Label(region_code="NW"))
    session.add(Town(region_code="NW"))
    session.flush()
    assert (len(region.labels), len(region.marks), len(region.towns)) == (1, 1, 1)


def test_a_collection_that_was_set_or_filled_is_not_loaded_again(session: Session, statements: StatementLog) -> None:
    region = Region(code="NW", labels=[], towns=[Town()])
    session.add(region)
    session.flush()
    with statements.expect(0):
        assert region.labels == []
        assert len(region.towns) == 1


def test_a_collection_that_someone_has_kept_since_before_the_flush_is_still_the_objects(session: Session) -> None:
    region = Region(code="NW")
    session.add(region)
    labels, towns = region.labels, region.towns
    session.add(Label(region_code="NW"))
    session.flush()
    new, town = Label(), Town(name="z")
    labels.append(new)
    towns.append(town)
    assert region.labels is labels
    assert len(labels) == 2
    assert town.region is region
    session.commit()
    assert len(region.labels) == 2
    assert region.towns == [town]


# -- rollbacks


def test_values_survive_the_rollback_of_a_savepoint_and_then_of_all(session: Session) -> None:
    region = Region(code="NW", name="before", towns=[Town(name="b"), Town(name="c")])
    seat = Seat(region=region)
    session.add_all([region, seat])
    session.flush()
    session.begin_nested()
    region.name = "within"
    session.flush()
    region.name = "unwritten"
    region.towns.pop()
    session.rollback()
    assert region.name == "before"
    session.expire_all()
    session.begin_nested()
    session.rollback()
    session.rollback()
    assert region not in session
    assert (region.code, region.name) == ("NW", "before")
    assert [town.name for town in region.towns] == ["b", "c"]
    assert seat.region is region
    session.add_all([region, seat])
    session.commit()
    assert session.get(Region, "NW") is region
    assert [town.name for town in region.towns] == ["b", "c"]
    assert region.seat is seat


def test_values_survive_a_released_savepoint_within_one_that_is_rolled_back(session: Session) -> None:
    region = Region(code="NW", name="before")
    session.add(region)
    session.flush()
    session.begin_nested()
    session.begin_nested()
    region.name = "within"
    session.commit()
    region.name = "later"
    session.flush()
    session.rollback()
    session.rollback()
    assert (region.code, region.name) == ("NW", "before")


def test_a_new_parent_keeps_its_children_over_a_rollback(session: Session) -> None:
    town = session.query(Town).one()
    region = Region(code="NW", towns=[town])
    session.add(region)
    session.flush()
    session.rollback()
    session.add(region)
    session.commit()
    assert town.region is region


def test_a_child_that_has_found_another_parent_since_a_rollback_stays_there(session: Session) -> None:
    town, other = session.query(Town).one(), session.query(Region).one()
    region = Region(code="NW", towns=[town])
    session.add(region)
    session.flush()
    session.rollback()
    town.region = other
    session.add(region)
    session.commit()
    assert town.region is other


# -- flush(objects), and a Session's questions


def test_flush_of_a_parent_writes_the_new_objects_of_its_collections(session: Session) -> None:
    region, other = Region(code="NW", towns=[Town(name="b"), Town(name="c")]), Region(code="NO")
    session.add_all([region, other])
    session.flush([region])
    assert list(session.new) == [other]
    assert [town.region_code for town in region.towns] == ["NW", "NW"]


def test_flush_of_a_child_leaves_its_new_parent_for_later(session: Session) -> None:
    region = Region(code="NW", towns=[Town(name="b"), Town(name="c")])
    session.add(region)
    one, two = region.towns
    session.flush([one])
    assert set(session.new) == {region, two}
    assert (one.region_code, one.region) == (None, region)
    session.flush()
    assert (one.region_code, two.region_code) == ("NW", "NW")
    moved = session.query(Town).filter_by(name="a").one()
    moved.region = Region(code="NO")
    session.flush([moved])
    assert moved.region_code is None
    session.commit()
    assert moved.region_code == "NO"


def test_a_session_is_asked_about_mapped_objects_only(session: Session) -> None:
    for stranger in (Town, "town", object()):
        with pytest.raises(UnmappedInstanceError):
            stranger in session  # noqa: B015
        with pytest.raises(UnmappedInstanceError):
            session.flush([stranger])
    assert Town() not in session


def test_an_object_that_a_list_holds_twice_is_in_it_once_after_the_flush(engine: Engine) -> None:
    from tests.orm.flush.test_unfinished_objects import Base, Club, Town  # noqa: PLC0415

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        town = Town(name="a")
        club = Club(towns=[town])
        club.towns.append(town)
        session.add(club)
        session.flush()
        assert club.towns == [town]
        club.towns.remove(town)
        session.commit()
        assert (club.towns, town.clubs) == ([], [])


# -- a reference and its foreign key, both set


@pytest.mark.parametrize("loaded", [True, False], ids=["loaded", "not loaded"])
def test_a_key_that_is_set_after_an_empty_reference_was_emptied_again_holds(session: Session, loaded: bool) -> None:
    town = session.query(Town).one()
    if loaded:
        assert town.region is None
    town.region = None
    town.region_code = "BE"
    session.commit()
    assert (town.region_code, town.region) == ("BE", session.query(Region).one())


def test_a_reference_that_is_emptied_after_its_key_was_set_clears_the_key(session: Session) -> None:
    town = session.query(Town).one()
    town.region_code = "BE"
    town.region = None
    session.commit()
    assert town.region_code is None


def test_a_reference_that_was_emptied_is_empty_whatever_its_key_was_set_to(session: Session) -> None:
    town = session.query(Town).one()
    town.region = session.query(Region).one()
    session.commit()
    assert town.region is not None
    town.region = None
    town.region_code = "BE"
    session.commit()
    assert town.region_code is None


@pytest.mark.parametrize("refer", [True, False])
@pytest.mark.parametrize("keys", ["given", "made"])
def test_a_graph_that_was_made_transient_is_copied_whole(engine: Engine, refer: bool, keys: str) -> None:
    class Own(DeclarativeBase):
        """The models of this test."""

    class Post(Own):
        __tablename__ = "post"
        id: Mapped[int | None] = mapped_column(primary_key=True)
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("post.id"))
        answers: Mapped[list[Post]] = relationship(back_populates="parent", order_by="Post.id")
        parent: Mapped[Post | None] = relationship(back_populates="answers", remote_side=[id])
        picture: Mapped[Picture | None] = relationship(back_populates="post", uselist=False)

    class Picture(Own):
        __tablename__ = "picture"
        id: Mapped[int | None] = mapped_column(primary_key=True)
        post_id: Mapped[int | None] = mapped_column(ForeignKey("post.id"))
        post: Mapped[Post | None] = relationship(back_populates="picture")

    Own.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Post(answers=[Post(), Post()], picture=Picture()))
        session.commit()
    with Session(engine) as session:
        post = session.scalars(select(Post).where(Post.parent_id.is_(None))).one()
        answers, picture = list(post.answers), post.picture
        assert picture is not None
        if refer:
            assert [answer.parent for answer in answers] == [post, post]
            assert picture.post is post
        for obj in (post, *answers, picture):
            make_transient(obj)
            obj.id = None if keys == "made" else obj.id + 100  # type: ignore[operator]
        session.add(post)
        session.commit()
        assert [answer.parent_id for answer in answers] == [post.id, post.id]
        assert (picture.post_id, post.answers, post.picture) == (post.id, answers, picture)
        assert session.query(Post).count() == 6
        roots = session.scalars(select(Post).where(Post.parent_id.is_(None)).order_by(Post.id)).all()
        assert [(len(root.answers), root.picture is not None) for root in roots] == [(2, True), (2, True)]


def test_children_with_rows_stay_with_the_row_of_a_parent_that_is_copied(session: Session) -> None:
    region, towns = session.query(Region).one(), session.query(Town).all()
    region.towns = towns
    session.commit()
    assert region.towns == towns
    code = region.code
    make_transient(region)
    history = get_history(region, "towns")
    assert (list(history.added), list(history.unchanged), list(history.deleted)) == ([], towns, [])
    region.code = "XX"
    region.towns.append(Town())
    session.add(region)
    session.commit()
    assert [town.region_code for town in towns] == [code] * len(towns)
    assert [town.region_code for town in region.towns] == ["XX"]
    original = session.get_one(Region, code)
    assert (original is not region, original.towns) == (True, towns)


def test_children_of_a_deleted_parent_follow_it_when_it_is_added_anew(session: Session) -> None:
    region, towns = session.query(Region).one(), session.query(Town).all()
    region.towns = towns
    session.commit()
    assert region.towns == towns
    session.delete(region)
    session.flush()
    assert [town.region_code for town in towns] == [None] * len(towns)
    make_transient(region)
    session.add(region)
    session.commit()
    assert [town.region_code for town in towns] == [region.code] * len(towns)


@pytest.mark.parametrize("two_sided", [True, False])
def test_a_version_of_an_object_takes_copies_of_its_parts_along(engine: Engine, two_sided: bool) -> None:
    class Own(DeclarativeBase):
        """The models of this test."""

    class Recipe(Own):
        __tablename__ = "recipe"
        id: Mapped[int | None] = mapped_column(primary_key=True)
        lines: Mapped[list[Line]] = relationship(backref="recipe" if two_sided else None)
        photo: Mapped[Photo | None] = relationship()

    class Line(Own):
        __tablename__ = "recipe_line"
        number: Mapped[int] = mapped_column(primary_key=True)
        recipe_id: Mapped[int] = mapped_column(ForeignKey("recipe.id"), primary_key=True)

    class Photo(Own):
        __tablename__ = "recipe_photo"
        id: Mapped[int] = mapped_column(primary_key=True)
        recipe_id: Mapped[int | None] = mapped_column(ForeignKey("recipe.id"))

    Own.metadata.create_all(engine)
    with Session(engine) as session:
        recipe = Recipe(id=1, lines=[Line(number=1), Line(number=2)], photo=Photo(id=1))
        session.add(recipe)
        session.commit()
        assert [line.number for line in recipe.lines] == [1, 2]
        assert recipe.photo is not None
        gone = recipe.lines[0]
        recipe.lines.remove(gone)
        recipe.lines.append(Line(number=3))
        make_transient(recipe)
        history = get_history(recipe, "lines")
        assert [[line.number for line in part] for part in history] == [[3], [2], [1]]
        set_committed_value(recipe, "lines", [])
        recipe.lines = [*history.added, *(Line(number=line.number) for line in history.unchanged)]
        for line in history.deleted:
            session.expire(line)
        recipe.id = 2
        session.add(recipe)
        session.commit()
        rows = session.execute(select(Line.recipe_id, Line.number).order_by(Line.recipe_id, Line.number)).all()
        assert [tuple(row) for row in rows] == [(1, 1), (1, 2), (2, 2), (2, 3)]
        assert recipe.photo is None
        assert session.scalar(select(Photo.recipe_id)) == 1
