"""Unique values that rows hand on to each other in one flush, and rows that new objects take over from deleted ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    CircularDependencyError,
    DeclarativeBase,
    Engine,
    FlushError,
    ForeignKey,
    Index,
    Mapped,
    MapperExtension,
    PickleType,
    Session,
    StaleDataError,
    String,
    UniqueConstraint,
    func,
    literal,
    mapped_column,
    relationship,
    select,
    text,
)
from tests.statements import StatementLog


class Base(DeclarativeBase):
    """The models of this file."""


class Menu(Base):
    """Has entries in an order."""

    __tablename__ = "menu"
    id: Mapped[int] = mapped_column(primary_key=True)
    entries: Mapped[list[Entry]] = relationship(
        back_populates="menu", cascade="all, delete-orphan", order_by="Entry.place"
    )


class Entry(Base):
    """Has a place of its own in its menu; there are two kinds of it."""

    __tablename__ = "entry"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(9), default="entry")
    menu_id: Mapped[int | None] = mapped_column(ForeignKey("menu.id"))
    place: Mapped[int]
    title: Mapped[str | None]
    menu: Mapped[Menu | None] = relationship(back_populates="entries")
    __table_args__ = (UniqueConstraint("menu_id", "place"),)
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "entry"}


class Link(Entry):
    """Another kind of entry, in the same table."""

    url: Mapped[str | None]
    __mapper_args__ = {"polymorphic_identity": "link"}


class Slot(Base):
    """Has a key that is handed on."""

    __tablename__ = "slot"
    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    label: Mapped[str | None]


class Seat(Base):
    """Has a number that is never NULL."""

    __tablename__ = "seat"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    label: Mapped[str | None]


class Node(Base):
    """A tree whose nodes have places under their parents."""

    __tablename__ = "node"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("node.id"))
    place: Mapped[int]
    name: Mapped[str | None] = mapped_column(unique=True)
    parent: Mapped[Node | None] = relationship(back_populates="children", remote_side=id)
    children: Mapped[list[Node]] = relationship(back_populates="parent", order_by="Node.place")
    __table_args__ = (UniqueConstraint("parent_id", "place"),)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


def filled_menu(session: Session, count: int = 5) -> Menu:
    menu = Menu(entries=[Link(place=n) if n % 2 else Entry(place=n) for n in range(count)])
    session.add(menu)
    session.commit()
    return menu


def places(session: Session, menu: Menu) -> list[int]:
    return session.scalars(select(Entry.place).where(Entry.menu_id == menu.id).order_by(Entry.place)).all()


@pytest.mark.parametrize("step", [1, -1, 2, 3])
@pytest.mark.parametrize("loaded", [True, False])
def test_places_move_by_some(session: Session, step: int, loaded: bool) -> None:
    menu = filled_menu(session)
    entries = list(menu.entries)
    if not loaded:
        # the old places are not known when the new ones are set
        session.expire_all()
    for place, entry in enumerate(entries):
        entry.place = place + step
    session.commit()
    assert [entry.place for entry in entries] == [n + step for n in range(5)]
    assert places(session, menu) == [n + step for n in range(5)]


def test_rows_that_change_otherwise_go_along(session: Session, statements: StatementLog) -> None:
    menu = filled_menu(session)
    first, second, *others = menu.entries
    for entry in others:
        entry.title = "x"
    second.place, second.title = 7, "y"
    first.place = 1
    session.commit()
    assert [(entry.place, entry.title) for entry in menu.entries] == [
        (1, None), (2, "x"), (3, "x"), (4, "x"), (7, "y")
    ]  # fmt: skip


def test_nothing_is_split_where_no_value_is_handed_on(session: Session, statements: StatementLog) -> None:
    menu = Menu(entries=[Entry(place=n) for n in range(5)])
    session.add(menu)
    session.commit()
    for entry in menu.entries:
        entry.place += 10
    sent = len(statements.sql)
    session.flush()
    assert len([sql for sql in statements.sql[sent:] if sql.startswith("UPDATE")]) == 1
    session.commit()


def test_a_place_that_the_database_works_out_stands_beside_others_that_change(session: Session) -> None:
    menu = filled_menu(session)
    entries = list(menu.entries)
    entries[0].place = Entry.place + 50
    entries[1].place = func.abs(-70)
    entries[2].place = 0
    session.delete(entries[3])
    session.add(Entry(menu=menu, place=literal(90) + 9))
    session.commit()
    assert places(session, menu) == [0, 4, 50, 70, 99]


def test_unique_values_that_are_lists_and_dicts_are_handed_on(engine: Engine) -> None:
    class Own(DeclarativeBase):
        pass

    class Shape(Own):
        __tablename__ = "shape"
        id: Mapped[int] = mapped_column(primary_key=True)
        points: Mapped[Any] = mapped_column(PickleType, unique=True)

    Own.metadata.create_all(engine)
    with Session(engine) as session:
        first, second, third = (
            Shape(points=[1, {"at": [2]}]),
            Shape(points=[2, {"at": {3}}]),
            Shape(points={"a": [bytearray(b"x")]}),
        )
        session.add_all([first, second, third])
        session.commit()
        assert all(shape.points for shape in (first, second, third))
        first.points, second.points = [2, {"at": {3}}], []
        session.commit()
        session.delete(third)
        session.add(Shape(points={"a": [bytearray(b"x")]}))
        session.commit()
        found = session.scalars(select(Shape.points).order_by(Shape.id)).all()
    assert found == [[2, {"at": {3}}], [], {"a": [bytearray(b"x")]}]


def test_a_new_row_takes_the_place_that_others_make_for_it(session: Session) -> None:
    menu = filled_menu(session)
    for entry in menu.entries[2:]:
        entry.place += 1
    menu.entries.append(Entry(place=2, title="new"))
    session.commit()
    assert places(session, menu) == [0, 1, 2, 3, 4, 5]
    assert menu.entries[2].title == "new"


def test_others_close_up_when_a_row_is_deleted(session: Session) -> None:
    menu = filled_menu(session)
    session.delete(menu.entries[1])
    for entry in menu.entries[2:]:
        entry.place -= 1
    menu.entries.append(Entry(place=4))
    session.commit()
    assert places(session, menu) == [0, 1, 2, 3, 4]


def test_rows_close_up_when_one_moves_to_another_parent(session: Session) -> None:
    menu, other = filled_menu(session, 3), filled_menu(session, 3)
    moved = menu.entries[0]
    for entry in other.entries:
        entry.place += 1
    moved.menu = other
    for entry in menu.entries:
        entry.place -= 1
    session.commit()
    assert (places(session, menu), places(session, other)) == ([0, 1], [0, 1, 2, 3])
    assert other.entries[0] is moved


def test_rows_that_exchange_values_are_named_and_nothing_is_written(session: Session) -> None:
    seats = [Seat(id=number, number=number) for number in range(1, 5)]
    session.add_all(seats)
    session.commit()
    one, two, three, four = seats
    one.number, two.number, three.number = 2, 3, 1
    four.label = "x"
    with pytest.raises(
        CircularDependencyError, match=r"'seat' exchange unique values of columns that are NOT NULL"
    ) as caught:
        session.commit()
    for key, number in ((1, 2), (2, 3), (3, 1)):
        assert f" {key}, persistent> takes number={number} from" in str(caught.value)
    assert "flush()" in str(caught.value)
    assert set(caught.value.cycle) == {one, two, three}
    session.rollback()
    assert [(seat.number, seat.label) for seat in seats] == [(number, None) for number in range(1, 5)]


@pytest.mark.parametrize("loaded", [True, False])
def test_rows_exchange_values_that_may_be_null(session: Session, loaded: bool) -> None:
    menu = filled_menu(session, 5)
    entries = list(menu.entries)
    if not loaded:
        session.expire_all()
    for entry, place in zip(entries, (1, 2, 0, 4, 3), strict=True):
        entry.place = place
    session.commit()
    assert [(entry.place, entry.menu) for entry in entries] == [(place, menu) for place in (1, 2, 0, 4, 3)]


@pytest.mark.parametrize("rotated", [True, False])
def test_many_rows_that_exchange_values_are_written_in_few_statements(
    session: Session, statements: StatementLog, rotated: bool
) -> None:
    nodes = [Node(place=place, name=f"n{place}") for place in range(60)]
    session.add_all(nodes)
    session.commit()
    names = [node.name for node in nodes]
    wanted = [*names[1:], names[0]] if rotated else [names[number ^ 1] for number in range(60)]
    for node, name in zip(nodes, wanted, strict=True):
        node.name = name
    sent = len(statements.sql)
    session.flush()
    assert len([sql for sql in statements.sql[sent:] if sql.startswith("UPDATE")]) == 2
    session.commit()
    assert [node.name for node in nodes] == wanted


def test_of_many_rows_that_cannot_exchange_values_some_are_named(session: Session) -> None:
    seats = [Seat(number=number) for number in range(50)]
    session.add_all(seats)
    session.commit()
    for seat in seats:
        seat.number = (seat.number + 1) % 50
    with pytest.raises(CircularDependencyError, match="and so on, 50 rows in all") as caught:
        session.flush()
    assert len(str(caught.value)) < 1500
    session.rollback()


def test_rows_exchange_a_value_and_another_one_with_a_third(session: Session) -> None:
    nodes = [Node(place=place, name=name) for place, name in enumerate("abc")]
    session.add_all(nodes)
    session.commit()
    one, two, three = nodes
    one.name, two.name, three.name = "b", "a", "d"
    session.add(Node(place=4, name="c", children=[one]))
    session.commit()
    assert [node.name for node in nodes] == ["b", "a", "d"]
    assert one.parent is not None
    assert one.parent.name == "c"


@pytest.mark.parametrize("hooked", [True, False])
def test_rows_of_two_classes_exchange_values_in_both_tables(engine: Engine, hooked: bool) -> None:
    class Own(DeclarativeBase):
        pass

    class Person(Own):
        __tablename__ = "person"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str] = mapped_column(String(9))
        name: Mapped[str | None] = mapped_column(unique=True)
        version: Mapped[int]
        __mapper_args__ = {
            "polymorphic_on": "kind",
            "polymorphic_identity": "person",
            "version_id_col": "version",
            "extension": [MapperExtension()] if hooked else [],
        }

    class Clerk(Person):
        __tablename__ = "clerk"
        id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
        desk: Mapped[str | None] = mapped_column(unique=True)
        __mapper_args__ = {"polymorphic_identity": "clerk"}

    Own.metadata.create_all(engine)
    with Session(engine) as session:
        people = [Clerk(name="a", desk="x"), Clerk(name="b", desk="y"), Person(name="c")]
        session.add_all(people)
        session.commit()
        one, two, three = people
        assert isinstance(one, Clerk)
        assert isinstance(two, Clerk)
        one.desk, two.desk = "y", "x"
        one.name, three.name = "c", "a"
        session.commit()
        assert [(one.name, one.desk), (two.name, two.desk), three.name] == [("c", "y"), ("b", "x"), "a"]
        assert [person.version for person in people] == [2, 2, 2]


def test_rows_may_exchange_values_by_a_flush_in_between(session: Session) -> None:
    menu = filled_menu(session, 2)
    one, two = menu.entries
    one.place = -1
    session.flush()
    two.place = 0
    session.flush()
    one.place = 1
    session.commit()
    assert (one.place, two.place) == (1, 0)


def test_rows_exchange_values_that_are_checked_later(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        # the others check row by row, whatever is declared
        return

    class Base(DeclarativeBase):
        pass

    class Seat(Base):
        __tablename__ = "seat"
        id: Mapped[int] = mapped_column(primary_key=True)
        number: Mapped[int]
        __table_args__ = (UniqueConstraint("number", deferrable=True, initially="DEFERRED"),)

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        one, two = Seat(number=1), Seat(number=2)
        session.add_all([one, two])
        session.commit()
        one.number, two.number = 2, 1
        session.commit()
        assert (one.number, two.number) == (2, 1)


def test_a_partial_index_does_not_make_an_exchange_an_error(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Seat(Base):
        __tablename__ = "seat"
        id: Mapped[int] = mapped_column(primary_key=True)
        number: Mapped[int]
        taken: Mapped[int] = mapped_column(default=0)
        __table_args__ = (Index("ix_seat", "number", unique=True, where=text("taken = 1")),)

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        one, two = Seat(number=1), Seat(number=2)
        session.add_all([one, two])
        session.commit()
        one.number, two.number = 2, 1
        session.commit()
        assert (one.number, two.number) == (2, 1)


def test_keys_are_handed_on(session: Session) -> None:
    slots = [Slot(row=1, number=n, label=str(n)) for n in range(4)]
    session.add_all(slots)
    session.commit()
    for step in (1, -1):
        for slot in slots:
            slot.number += step
        session.commit()
        assert [slot.label for slot in session.query(Slot).order_by(Slot.number)] == ["0", "1", "2", "3"]
        assert [session.get(Slot, (1, n + max(step, 0))) for n in range(4)] == slots


def test_a_key_is_left_by_one_row_and_taken_by_another(session: Session) -> None:
    public, edited = Slot(row=1, number=1), Slot(row=1, number=2)
    session.add_all([public, edited])
    session.commit()
    public.number, edited.number = 3, 1
    session.commit()
    public.number, edited.number = 1, 2
    session.commit()
    assert session.get(Slot, (1, 1)) is public
    assert session.get(Slot, (1, 2)) is edited


def test_a_value_that_a_row_leaves_which_waits_for_its_new_parent(session: Session) -> None:
    root = Node(place=0)
    one, two = Node(parent=root, place=0, name="a"), Node(parent=root, place=1, name="b")
    session.add(root)
    session.commit()
    one.parent = Node(place=1)
    one.name = "c"
    two.name, two.place = "a", 0
    session.commit()
    assert [(node.name, node.place) for node in root.children] == [("a", 0)]
    assert [node.name for node in one.parent.children] == ["c"]


def test_extensions_see_each_row_once(engine: Engine) -> None:
    seen: list[tuple[str, int]] = []

    class Log(MapperExtension):
        def before_update(self, mapper: Any, connection: Any, instance: Any) -> None:
            seen.append(("before", instance.id))

        def after_update(self, mapper: Any, connection: Any, instance: Any) -> None:
            seen.append(("after", instance.id))

    class Base(DeclarativeBase):
        pass

    class Seat(Base):
        __tablename__ = "seat"
        id: Mapped[int] = mapped_column(primary_key=True)
        number: Mapped[int] = mapped_column(unique=True)
        version: Mapped[int]
        __mapper_args__ = {"extension": Log(), "version_id_col": "version"}

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        seats = [Seat(number=n) for n in range(3)]
        session.add_all(seats)
        session.commit()
        for seat in seats:
            seat.number += 1
        session.commit()
        assert sorted(seen) == [(when, seat.id) for when in ("after", "before") for seat in seats]
        assert [(seat.number, seat.version) for seat in seats] == [(1, 2), (2, 2), (3, 2)]


# -- rows that new objects take over


class Region(Base):
    """Has a natural key, a version and defaults."""

    __tablename__ = "region"
    code: Mapped[str] = mapped_column(String(9), primary_key=True)
    name: Mapped[str | None]
    colour: Mapped[str] = mapped_column(default="green")
    state: Mapped[str] = mapped_column(String(9), server_default="fresh")
    version: Mapped[int]
    towns: Mapped[list[Town]] = relationship(back_populates="region")
    parks: Mapped[list[Park]] = relationship(cascade="all, delete-orphan")
    __mapper_args__ = {"version_id_col": "version"}


class Town(Base):
    """Needs its region."""

    __tablename__ = "town"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    region_code: Mapped[str | None] = mapped_column(ForeignKey("region.code"))
    region: Mapped[Region | None] = relationship(back_populates="towns")


class Park(Base):
    """Owned by a region that it does not know."""

    __tablename__ = "park"
    id: Mapped[int] = mapped_column(primary_key=True)
    region_code: Mapped[str] = mapped_column(ForeignKey("region.code"))


def filled_region(session: Session) -> Region:
    region = Region(
        code="BE", name="old", colour="red", state="used", towns=[Town(name="a"), Town(name="b")], parks=[Park()]
    )
    session.add(region)
    session.commit()
    return region


@pytest.mark.parametrize("way", ["reference", "collection", "constructor"])
def test_children_move_to_the_new_object_of_their_parents_key(session: Session, way: str) -> None:
    old = filled_region(session)
    towns = list(old.towns)
    session.delete(old)
    new = Region(code="BE", name="new", towns=towns if way == "constructor" else [])
    session.add(new)
    for town in towns if way != "constructor" else ():
        if way == "reference":
            town.region = new
        else:
            new.towns.append(town)
    session.commit()
    assert session.query(Region).one() is new
    assert old not in session
    assert (new.name, new.colour, new.state) == ("new", "green", "fresh")
    assert [(town.name, town.region_code) for town in new.towns] == [("a", "BE"), ("b", "BE")]
    assert session.query(Park).count() == 0


def test_children_that_do_not_move_are_released(session: Session) -> None:
    old = filled_region(session)
    one, two = old.towns
    session.delete(old)
    session.add(Region(code="BE", towns=[two]))
    session.commit()
    assert (one.region_code, two.region_code) == (None, "BE")


def test_children_that_a_new_object_owns_are_taken_back(session: Session) -> None:
    old = filled_region(session)
    park = old.parks[0]
    session.delete(old)
    session.add(Region(code="BE", parks=[park]))
    session.commit()
    assert session.query(Region).one().parks == [park]


def test_nothing_moves_and_the_row_is_deleted_and_inserted(session: Session, statements: StatementLog) -> None:
    old = filled_region(session)
    session.delete(old)
    session.add(Region(code="BE", name="new", towns=[Town(name="c")]))
    session.commit()
    assert any(sql.startswith("DELETE FROM region") for sql in statements.sql)
    assert [town.name for town in session.query(Region).one().towns] == ["c"]
    assert session.query(Town).filter(Town.region_code.is_(None)).count() == 2


def test_a_rollback_gives_the_row_back_to_its_old_object(session: Session) -> None:
    old = filled_region(session)
    towns = list(old.towns)
    session.delete(old)
    new = Region(code="BE", name="new", towns=towns)
    session.add(new)
    session.flush()
    session.rollback()
    assert new not in session
    assert session.get(Region, "BE") is old
    assert (old.name, len(old.towns), old.version) == ("old", 2, 1)
    session.delete(old)
    session.add(new)
    new.towns = towns
    session.commit()
    assert session.query(Region).one() is new
    assert [town.region for town in towns] == [new, new]


def test_a_row_that_someone_else_has_changed_is_not_taken_over(session: Session, engine: Engine) -> None:
    old = filled_region(session)
    towns = list(old.towns)
    assert old.version == 1
    session.rollback()
    assert old.version == 1
    session.execute(text("UPDATE region SET version = 7"))
    session.delete(old)
    session.add(Region(code="BE", towns=towns))
    with pytest.raises(StaleDataError):
        session.commit()
    session.rollback()


def test_a_node_takes_over_the_row_of_another_and_its_children(engine: Engine) -> None:
    seen: list[str] = []

    class Log(MapperExtension):
        def before_delete(self, mapper: Any, connection: Any, instance: Any) -> None:
            seen.append(f"delete {instance.label}")

        def before_insert(self, mapper: Any, connection: Any, instance: Any) -> None:
            seen.append(f"insert {instance.label}")

    class Base(DeclarativeBase):
        pass

    class Part(Base):
        __tablename__ = "part"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("part.id"))
        kind: Mapped[str] = mapped_column(String(9))
        label: Mapped[str | None]
        parts: Mapped[list[Part]] = relationship(backref="parent", cascade="all", remote_side="Part.parent_id")
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "part", "extension": Log()}

    class Motor(Part):
        __tablename__ = "motor"
        id: Mapped[int] = mapped_column(ForeignKey("part.id"), primary_key=True)
        power: Mapped[int | None]
        __mapper_args__ = {"polymorphic_identity": "motor"}

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        old = Motor(id=77, label="old", power=5, parts=[Part(label="x"), Motor(label="y")])
        session.add(old)
        session.commit()
        parts = list(old.parts)
        seen.clear()
        session.delete(old)
        session.add(Motor(id=77, label="new", parts=parts))
        session.commit()
        assert seen == ["delete old", "insert new"]
        new = session.query(Motor).filter_by(label="new").one()
        assert (new.power, [part.label for part in new.parts]) == (None, ["x", "y"])


# -- keys that are in use, or cannot be cleared


def test_a_new_object_with_the_key_of_one_in_the_session_is_refused_before_any_sql(
    session: Session, statements: StatementLog
) -> None:
    slot = Slot(row=1, number=1)
    session.add(slot)
    session.commit()
    assert slot.number == 1
    session.add(Slot(row=1, number=1))
    sent = len(statements.sql)
    with pytest.raises(FlushError, match=r"Slot.*\(1, 1\).*has that key in this Session"):
        session.flush()
    assert not any("INSERT" in sql for sql in statements.sql[sent:])
    session.rollback()
    assert session.query(Slot).count() == 1


def test_a_child_whose_key_is_its_parents_cannot_be_released(engine: Engine, statements: StatementLog) -> None:
    class Base(DeclarativeBase):
        pass

    class Main(Base):
        __tablename__ = "main"
        code: Mapped[str] = mapped_column(String(9), primary_key=True)
        detail: Mapped[Detail | None] = relationship(uselist=False)

    class Detail(Base):
        __tablename__ = "detail"
        code: Mapped[str] = mapped_column(ForeignKey("main.code"), primary_key=True)

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        main = Main(code="a", detail=Detail())
        session.add(main)
        session.commit()
        assert main.detail is not None
        session.delete(main)
        sent = len(statements.sql)
        with pytest.raises(FlushError, match=r"Main.detail.*'code' is part of its primary key.*delete-orphan"):
            session.commit()
        assert not any("UPDATE" in sql for sql in statements.sql[sent:])
        session.rollback()
        session.delete(main.detail)
        session.delete(main)
        session.commit()
        assert session.query(Main).count() == 0


@pytest.mark.parametrize("loaded", [True, False])
def test_rows_of_a_tree_move_up_when_one_of_them_goes(engine: Engine, loaded: bool) -> None:
    class Own(DeclarativeBase):
        pass

    class Leaf(Own):
        __tablename__ = "leaf"
        id: Mapped[int] = mapped_column(primary_key=True)
        place: Mapped[int] = mapped_column(unique=True)
        up_id: Mapped[int | None] = mapped_column(ForeignKey("leaf.id"))
        up: Mapped[Leaf | None] = relationship(remote_side=[id])

    Own.metadata.create_all(engine)
    with Session(engine) as session:
        first, second, third = leaves = [Leaf(place=place) for place in (1, 2, 3)]
        session.add_all(leaves)
        session.commit()
        if loaded:
            assert [leaf.place for leaf in leaves] == [1, 2, 3]
        session.delete(first)
        second.place, third.place = 1, 2
        session.commit()
        assert session.scalars(select(Leaf.place).order_by(Leaf.id)).all() == [1, 2]


def test_a_row_takes_the_name_of_the_deleted_parent_that_it_leaves(session: Session) -> None:
    root = Node(place=0, name="root")
    child = Node(parent=root, place=0, name="child")
    session.add(root)
    session.commit()
    session.delete(root)
    child.parent, child.name = None, "root"
    session.commit()
    assert [(node.name, node.parent_id) for node in session.query(Node)] == [("root", None)]


def test_a_row_takes_the_name_of_the_deleted_row_that_its_foreign_key_named(session: Session) -> None:
    root, other = Node(place=0, name="root"), Node(place=1, name="other")
    child = Node(parent=root, place=0, name="child")
    session.add_all([root, other])
    session.commit()
    session.delete(root)
    child.parent_id, child.name = other.id, "root"
    session.commit()
    assert [(node.name, node.parent_id) for node in session.query(Node).order_by(Node.id)] == [
        ("other", None),
        ("root", other.id),
    ]


def test_a_row_moves_under_the_new_row_that_takes_its_deleted_parents_name(session: Session) -> None:
    root = Node(place=0, name="root")
    child = Node(parent=root, place=0, name="child")
    session.add(root)
    session.commit()
    session.delete(root)
    child.parent = Node(place=0, name="root")
    session.commit()
    assert [node.name for node in session.query(Node).filter_by(parent_id=None).one().children] == ["child"]


def test_a_new_row_takes_the_name_of_the_row_that_moves_under_it(session: Session) -> None:
    old = Node(place=0, name="top")
    session.add(old)
    session.commit()
    old.parent = Node(place=1, name="top")
    old.name = "old"
    session.commit()
    assert [(node.name, node.parent and node.parent.name) for node in session.query(Node).order_by(Node.id)] == [
        ("old", "top"),
        ("top", None),
    ]


def test_a_new_parent_takes_the_place_and_the_name_that_a_row_leaves_unloaded(session: Session) -> None:
    root = Node(place=0, name="root")
    one, two = Node(parent=root, place=0, name="one"), Node(parent=root, place=1, name="two")
    session.add(root)
    session.commit()
    with session.no_autoflush:
        one.name, two.name = "two", "free"
        two.parent = Node(parent=root, place=1, name="one")
    session.commit()
    assert sorted((node.name, node.parent.name) for node in session.query(Node) if node.parent is not None) == [
        ("free", "one"),
        ("one", "root"),
        ("two", "root"),
    ]


def test_a_foreign_key_that_was_set_by_hand_outlasts_the_deletion_of_the_parent(session: Session) -> None:
    root, other = Node(place=0, name="root"), Node(place=1, name="other")
    child = Node(parent=root, place=0, name="child")
    session.add_all([root, other])
    session.commit()
    assert root.children == [child]
    with session.no_autoflush:
        child.parent_id = other.id
        session.delete(root)
    session.commit()
    assert child.parent is other


@pytest.mark.parametrize("loaded", [True, False])
def test_a_version_counts_one_change_however_many_updates_it_takes(engine: Engine, loaded: bool) -> None:
    class Own(DeclarativeBase):
        pass

    class Twig(Own):
        __tablename__ = "twig"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(unique=True)
        up_id: Mapped[int | None] = mapped_column(ForeignKey("twig.id"))
        version: Mapped[int]
        up: Mapped[Twig | None] = relationship(remote_side=[id])
        __mapper_args__ = {"version_id_col": "version"}

    Own.metadata.create_all(engine)
    with Session(engine) as session:
        old = Twig(name="old")
        child = Twig(name="child", up=old)
        session.add_all([old, child])
        session.commit()
        assert not loaded or child.version == 1
        session.delete(old)
        child.name, child.up = "old", None
        session.commit()
        assert (child.name, child.up, child.version) == ("old", None, 2)


class Area(Base):
    """Has a name of its own, and may be within another; its code may change."""

    __tablename__ = "area"
    code: Mapped[str] = mapped_column(String(9), primary_key=True)
    kind: Mapped[str] = mapped_column(String(9))
    name: Mapped[str | None] = mapped_column(unique=True)
    within_code: Mapped[str | None] = mapped_column(ForeignKey("area.code", onupdate="CASCADE"))
    within: Mapped[Area | None] = relationship(remote_side=[code], back_populates="areas")
    areas: Mapped[list[Area]] = relationship(back_populates="within")
    spots: Mapped[list[Spot]] = relationship(back_populates="area")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "area"}


class Reserve(Area):
    """Another kind of area, with a table of its own."""

    __tablename__ = "reserve"
    code: Mapped[str] = mapped_column(ForeignKey("area.code", onupdate="CASCADE"), primary_key=True)
    __mapper_args__ = {"polymorphic_identity": "reserve"}


class Spot(Base):
    """Has a place of its own in its area."""

    __tablename__ = "spot"
    id: Mapped[int] = mapped_column(primary_key=True)
    area_code: Mapped[str | None] = mapped_column(ForeignKey("area.code", onupdate="CASCADE"))
    place: Mapped[int]
    area: Mapped[Area | None] = relationship(back_populates="spots")
    __table_args__ = (UniqueConstraint("area_code", "place"),)


def test_rows_move_to_the_new_object_of_their_parents_key_that_is_of_another_class(session: Session) -> None:
    old = Area(code="a", spots=[Spot(place=1), Spot(place=2)])
    session.add(old)
    session.commit()
    one, two = old.spots
    session.delete(old)
    new = Reserve(code="a")
    two.area = new
    session.commit()
    assert session.query(Area).one() is new
    assert (one.area, two.area, two.place) == (None, new, 2)


def test_a_row_that_a_new_object_takes_over_gives_up_its_name_and_the_deleted_row_around_it(session: Session) -> None:
    outer, other = Area(code="out", name="outer"), Area(code="other", name="other")
    old = Area(code="in", name="inner", within=outer, spots=[Spot(place=1)])
    session.add_all([old, other])
    session.commit()
    spot = old.spots[0]
    session.delete(outer)
    session.delete(old)
    new = Area(code="in", name="outer", within=other)
    spot.area = new
    other.name = "inner"
    session.commit()
    assert (new.name, new.within, other.name, new.spots) == ("outer", other, "inner", [spot])


def test_a_row_leaves_a_deleted_row_for_one_whose_key_changes(session: Session) -> None:
    gone, stays = Area(code="a", name="a"), Area(code="b", name="b")
    session.add_all([Spot(area=gone, place=1), gone, stays])
    session.commit()
    spot = session.query(Spot).one()
    session.delete(gone)
    stays.code, stays.name = "c", "a"
    spot.area = stays
    session.commit()
    assert (spot.area_code, stays.name) == ("c", "a")


def test_a_row_takes_the_place_of_a_deleted_one_under_a_parent_whose_key_changes(session: Session) -> None:
    area = Area(code="a", spots=[Spot(place=1), Spot(place=2)])
    session.add(area)
    session.commit()
    one, two = area.spots
    session.delete(one)
    area.code = "b"
    two.place = 1
    session.add(Spot(area=area, place=2))
    session.commit()
    assert session.execute(select(Spot.area_code, Spot.place).order_by(Spot.place)).all() == [("b", 1), ("b", 2)]


def test_a_row_takes_the_name_of_one_that_waits_for_its_new_key(session: Session) -> None:
    one, two = Area(code="a", name="a"), Area(code="b", name="b")
    session.add_all([one, two])
    session.commit()
    one.code, one.name = "c", "b"
    two.within, two.name = one, "a"
    session.commit()
    assert (one.name, two.name, two.within_code) == ("b", "a", "c")
