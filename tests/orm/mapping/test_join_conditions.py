"""Relationships by conditions of the user's own: primaryjoin, secondaryjoin, foreign_keys, remote_side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    Engine,
    ForeignKey,
    Integer,
    Mapped,
    Session,
    String,
    Table,
    and_,
    backref,
    cast,
    declarative_base,
    foreign,
    func,
    immediateload,
    joinedload,
    lazyload,
    mapped_column,
    relationship,
    remote,
    select,
    selectinload,
    subqueryload,
    text,
)
from tests.statements import StatementLog


@pytest.fixture
def base(engine: Engine) -> Iterator[Any]:
    made: Any = declarative_base()
    yield made
    made.metadata.drop_all(engine)
    made.registry.dispose()


def test_several_foreign_keys_are_told_apart(base: Any, engine: Engine) -> None:
    class Address(base):
        __tablename__ = "address"
        id: Mapped[int] = mapped_column(primary_key=True)
        city: Mapped[str]

    class Customer(base):
        __tablename__ = "customer"
        id: Mapped[int] = mapped_column(primary_key=True)
        bill_id: Mapped[int | None] = mapped_column(ForeignKey("address.id"))
        ship_id: Mapped[int | None] = mapped_column(ForeignKey("address.id"))
        bill: Mapped[Address | None] = relationship(
            primaryjoin=lambda: Customer.bill_id == Address.id, backref="billed"
        )
        ship: Mapped[Address | None] = relationship(foreign_keys=[ship_id])

    base.metadata.create_all(engine)
    with Session(engine) as session:
        here, there = Address(city="here"), Address(city="there")
        session.add(Customer(bill=here, ship=there))
        session.commit()
        customer = session.query(Customer).join(Customer.bill).filter(Address.city == "here").one()
        assert customer.ship is there
        assert here.billed == [customer]  # type: ignore[attr-defined]


def test_a_condition_beside_the_key_filters_what_is_loaded(base: Any, engine: Engine, statements: StatementLog) -> None:
    class Parent(base):
        __tablename__ = "parent"
        id: Mapped[int] = mapped_column(primary_key=True)
        limit: Mapped[int] = mapped_column(default=0)
        open: Mapped[list[Child]] = relationship(
            primaryjoin=lambda: (Parent.id == Child.parent_id) & (Child.state == "open"), viewonly=True
        )
        above: Mapped[list[Child]] = relationship(
            primaryjoin=lambda: (Parent.id == Child.parent_id) & (Child.size > Parent.limit), viewonly=True
        )
        first: Mapped[Child | None] = relationship(
            primaryjoin=lambda: (Parent.id == Child.parent_id) & (Child.size == 0), uselist=False, viewonly=True
        )

    class Child(base):
        __tablename__ = "child"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int] = mapped_column(ForeignKey("parent.id"))
        state: Mapped[str]
        size: Mapped[int]

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Parent(id=1, limit=1), Parent(id=2)])
        session.flush()
        for parent in (1, 2):
            for size, state in enumerate(["open", "shut", "open"]):
                session.add(Child(parent_id=parent, state=state, size=size))
        session.commit()
        for option, count in ((None, 4), (joinedload, 1), (selectinload, 4)):
            session.expunge_all()
            with statements.expect(count):
                query = session.query(Parent).order_by(Parent.id)
                if option is not None:
                    query = query.options(option("open"), option("above"), option("first"))
                found = [(sorted(c.size for c in p.open), sorted(c.size for c in p.above), p.first) for p in query]
                assert [(o, a) for o, a, _ in found] == [([0, 2], [2]), ([0, 2], [1, 2])]
                assert all(first.size == 0 for _, _, first in found)
        assert session.query(Parent).filter(Parent.above.any(Child.size == 1)).one().id == 2
        assert session.query(Parent).filter(Parent.first.has(state="shut")).count() == 0
        assert session.query(Parent).join(Parent.above).filter(Parent.id == 2).count() == 2


def test_a_self_reference_with_a_condition(base: Any, engine: Engine, statements: StatementLog) -> None:
    class Item(base):
        __tablename__ = "item"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("item.id"))
        live: Mapped[int] = mapped_column(default=1)
        parent: Mapped[Item | None] = relationship(
            remote_side=[id], primaryjoin=lambda: Item.parent_id == Item.id, backref="children"
        )
        alive: Mapped[list[Item]] = relationship(
            primaryjoin=lambda: (Item.id == Item.parent_id) & (Item.live == 1),
            remote_side=lambda: [Item.parent_id, Item.live],
            viewonly=True,
        )

    base.metadata.create_all(engine)
    with Session(engine) as session:
        root = Item(live=0)
        root.children = [Item(live=1), Item(live=0)]  # type: ignore[attr-defined]
        session.add(root)
        session.commit()
        session.expunge_all()
        items = session.query(Item).order_by(Item.id).all()
        with statements.expect(1):
            assert [len(item.alive) for item in items] == [1, 0, 0]
        assert items[1].parent is items[0]
        assert [i.id for i in session.query(Item).filter(Item.alive.any())] == [items[0].id]
        assert session.query(Item).filter(Item.parent.has(Item.live == 0)).count() == 2


def test_a_network_of_one_class(base: Any, engine: Engine) -> None:
    link = Table("link", base.metadata, Column("a", Integer, primary_key=True), Column("b", Integer, primary_key=True))

    class Person(base):
        __tablename__ = "person"
        id: Mapped[int] = mapped_column(primary_key=True)
        follows: Mapped[list[Person]] = relationship(
            secondary=link,
            primaryjoin=lambda: Person.id == link.c.a,
            secondaryjoin=lambda: Person.id == link.c.b,
            backref=backref("followers", order_by=lambda: Person.id),
        )

    base.metadata.create_all(engine)
    with Session(engine) as session:
        ann, bob, cid = Person(), Person(), Person()
        ann.follows = [bob, cid]
        bob.follows = [cid]
        session.add_all([ann, bob, cid])
        session.commit()
        assert cid.followers == [ann, bob]  # type: ignore[attr-defined]
        session.expunge_all()
        found = session.query(Person).options(joinedload("follows")).order_by(Person.id).all()
        assert [len(person.follows) for person in found] == [2, 1, 0]
        found[0].follows.remove(found[1])
        session.commit()
        assert len(found[1].followers) == 0  # type: ignore[attr-defined]
        assert session.query(Person).filter(Person.follows.any(Person.id == found[2].id)).count() == 2


def test_a_secondary_with_a_condition(base: Any, engine: Engine) -> None:
    seat = Table(
        "seat",
        base.metadata,
        Column("team_id", Integer, primary_key=True),
        Column("player_id", Integer, primary_key=True),
        Column("role", Integer),
    )

    class Team(base):
        __tablename__ = "team"
        id: Mapped[int] = mapped_column(primary_key=True)
        captains: Mapped[list[Player]] = relationship(
            secondary=seat,
            primaryjoin=lambda: (Team.id == seat.c.team_id) & (seat.c.role == 1),
            secondaryjoin=lambda: Player.id == seat.c.player_id,
            viewonly=True,
        )

    class Player(base):
        __tablename__ = "player"
        id: Mapped[int] = mapped_column(primary_key=True)

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Team(id=1), Team(id=2), Player(id=1), Player(id=2)])
        session.flush()
        session.execute("INSERT INTO seat VALUES (1, 1, 1), (1, 2, 0), (2, 2, 1)")
        session.commit()
        for options in ((), (joinedload("captains"),), (selectinload("captains"),)):
            session.expunge_all()
            teams = session.query(Team).options(*options).order_by(Team.id).all()
            assert [[p.id for p in team.captains] for team in teams] == [[1], [2]]


def test_conditions_that_lead_astray_are_named(base: Any, engine: Engine) -> None:
    class Left(base):
        __tablename__ = "left"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Right(base):
        __tablename__ = "right"
        id: Mapped[int] = mapped_column(primary_key=True)
        left_id: Mapped[int]

    middle = Table("middle", base.metadata, Column("left_id", Integer), Column("right_id", Integer))

    def attempt(message: str, **options: Any) -> None:
        Left.__mapper__.add_property("rights", relationship(Right, **options))
        with pytest.raises(ArgumentError, match=message):
            base.registry.configure()
        Left.__mapper__.relationships.pop("rights")
        base.registry.add(Left.__mapper__)

    attempt(r"does not tell which foreign key.*foreign_keys=", primaryjoin=lambda: Left.id == Right.left_id)
    attempt("a join condition such as", primaryjoin=5)
    attempt(
        "equates no column of 'right'",
        secondary=middle,
        primaryjoin=Left.__table__.c.id == middle.c.left_id,
        secondaryjoin=Left.__table__.c.id == middle.c.right_id,
    )


def test_rows_are_written_in_the_order_of_relationships_without_a_constraint(base: Any, engine: Engine) -> None:
    class Post(base):
        __tablename__ = "post"
        id: Mapped[int] = mapped_column(primary_key=True)
        author_id: Mapped[int | None]
        author: Mapped[Author | None] = relationship(
            primaryjoin=lambda: Post.author_id == Author.id, foreign_keys=lambda: Post.author_id
        )

    class Author(base):
        __tablename__ = "author"
        id: Mapped[int] = mapped_column(primary_key=True)
        boss_id: Mapped[int | None]
        boss: Mapped[Author | None] = relationship(
            primaryjoin=lambda: Author.boss_id == Author.id,
            foreign_keys=lambda: Author.boss_id,
            remote_side=lambda: Author.id,
        )
        # the side of the many knows nothing of it
        prizes: Mapped[list[Prize]] = relationship(
            primaryjoin=lambda: Prize.author_id == Author.id, foreign_keys=lambda: Prize.author_id
        )

    class Prize(base):
        __tablename__ = "prize"
        id: Mapped[int] = mapped_column(primary_key=True)
        author_id: Mapped[int | None]

    base.metadata.create_all(engine)
    with Session(engine) as session:
        post = Post(author=Author(boss=Author(boss=Author())))
        prize = Prize()
        session.add_all([prize, post])
        post.author.prizes = [prize]
        session.commit()
        session.expunge_all()
        post = session.query(Post).one()
        assert post.author.boss.boss.boss is None
        assert session.query(Prize).one() is post.author.prizes[0]
        session.delete(post.author.prizes[0])
        session.delete(post)
        for author in session.query(Author):
            session.delete(author)
        session.commit()
        assert session.query(Author).count() == 0


def test_a_family_refers_to_its_subclass_without_a_constraint(base: Any, engine: Engine) -> None:
    class Employee(base):
        __tablename__ = "employee"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        manager_id: Mapped[int | None]
        manager: Mapped[Manager | None] = relationship(
            primaryjoin=lambda: Employee.manager_id == Manager.__table__.c.id,
            foreign_keys=lambda: Employee.manager_id,
            remote_side=lambda: Manager.__table__.c.id,
        )
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "employee"}

    class Manager(Employee):
        __tablename__ = "manager"
        id: Mapped[int] = mapped_column(ForeignKey("employee.id"), primary_key=True)
        __mapper_args__ = {"polymorphic_identity": "manager"}

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Employee(manager=Manager(manager=Manager()))])
        session.commit()
        session.expunge_all()
        found = session.query(Employee).filter(Employee.kind == "employee").one()
        assert type(found.manager) is type(found.manager.manager) is Manager
        assert found.manager.manager.manager is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (lambda a, b: {"foreign_keys": [a.id, b.a_id]}, r"foreign_keys= names both sides of .*Leave the one out"),
        (lambda a, b: {"foreign_keys": [a.id, b.a_id], "viewonly": True}, "foreign_keys= names both sides"),
        (
            lambda a, b: {"foreign_keys": [b.a_id], "remote_side": [a.id, b.a_id]},
            r"remote_side= names columns of both 'a' and 'b'",
        ),
        (
            lambda a, b: {"foreign_keys": [a.id], "remote_side": [a.id, b.a_id], "viewonly": True},
            "remote_side= names columns of both",
        ),
    ],
)
def test_sides_that_contradict_the_condition_are_refused(base: Any, options: Any, message: str) -> None:
    class B(base):
        __tablename__ = "b"
        id: Mapped[int] = mapped_column(primary_key=True)
        a_id: Mapped[int]

    class A(base):
        __tablename__ = "a"
        id: Mapped[int] = mapped_column(primary_key=True)

    A.bs = relationship(B, primaryjoin=lambda: A.id == B.a_id, **options(A, B))
    with pytest.raises(ArgumentError, match=message):
        A()


def test_an_inequality_within_a_table_has_to_say_what_is_on_the_far_side(base: Any, engine: Engine) -> None:
    class Run(base):
        __tablename__ = "run"
        id: Mapped[int] = mapped_column(primary_key=True)
        limit: Mapped[int]

    Run.below = relationship(
        Run, primaryjoin=lambda: Run.limit > Run.id, remote_side=lambda: Run.id, viewonly=True, order_by=lambda: Run.id
    )
    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Run(id=1, limit=0), Run(id=2, limit=2), Run(id=3, limit=9)])
        session.commit()
        found = session.query(Run).order_by(Run.id).all()
        assert [[other.id for other in run.below] for run in found] == [[], [1], [1, 2, 3]]
    Run.unclear = relationship(Run, primaryjoin=lambda: Run.limit > Run.id, viewonly=True)
    with pytest.raises(ArgumentError, match=r"Run\.unclear: .*'run' on both sides.*remote_side=\[column\]"):
        base.registry.configure()


def test_an_inequality_between_tables_needs_no_more(base: Any, engine: Engine) -> None:
    class Low(base):
        __tablename__ = "low"
        id: Mapped[int] = mapped_column(primary_key=True)

    class High(base):
        __tablename__ = "high"
        id: Mapped[int] = mapped_column(primary_key=True)

    High.lower = relationship(Low, primaryjoin=lambda: High.id > Low.id, viewonly=True, order_by=lambda: Low.id)
    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Low(id=1), Low(id=2), High(id=1), High(id=3)])
        session.commit()
        assert [[low.id for low in high.lower] for high in session.query(High).order_by(High.id)] == [[], [1, 2]]


@pytest.fixture
def halls(base: Any, engine: Engine) -> Iterator[tuple[Any, Any, Any, Session]]:
    """Halls, their rows of seats, and stains on these; ``dirty`` rows are those with a stain of the hall's grade."""

    class Hall(base):
        __tablename__ = "hall"
        id: Mapped[int] = mapped_column(primary_key=True)
        grade: Mapped[str]

    class Row(base):
        __tablename__ = "seat_row"
        id: Mapped[int] = mapped_column(primary_key=True)
        hall_id: Mapped[int] = mapped_column(ForeignKey("hall.id"))

    class Stain(base):
        __tablename__ = "stain"
        id: Mapped[int] = mapped_column(primary_key=True)
        grade: Mapped[str]
        row_id: Mapped[int] = mapped_column(ForeignKey("seat_row.id"))

    def is_dirty() -> Any:
        return and_(Hall.id == Row.hall_id, Stain.row_id == Row.id, Stain.grade == Hall.grade)

    Hall.dirty = relationship(Row, viewonly=True, primaryjoin=is_dirty, order_by=lambda: Stain.id)
    Hall.asked = relationship(Row, viewonly=True, primaryjoin=is_dirty, lazy="dynamic")
    Hall.one = relationship(Row, viewonly=True, uselist=False, primaryjoin=lambda: and_(is_dirty(), Row.id == 1))
    Stain.hall = relationship(
        Hall, viewonly=True, uselist=False, primaryjoin=lambda: and_(Stain.row_id == Row.id, Row.hall_id == Hall.id)
    )
    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Hall(id=1, grade="a"), Hall(id=2, grade="b")])
        session.flush()
        session.add_all([Row(id=n, hall_id=hall) for n, hall in ((1, 1), (2, 1), (3, 1), (4, 2))])
        session.flush()
        session.add_all(
            [Stain(id=n, row_id=row, grade=g) for n, (row, g) in enumerate([(2, "a"), (1, "a"), (2, "a"), (3, "b")])]
        )
        session.commit()
        yield Hall, Row, Stain, session


def test_a_condition_over_a_third_table_selects_from_it(halls: tuple[Any, Any, Any, Session]) -> None:
    Hall, _Row, Stain, session = halls
    hall = session.get(Hall, 1)
    assert [row.id for row in hall.dirty] == [2, 1]
    assert sorted(row.id for row in hall.asked) == [1, 2]
    assert hall.one.id == 1
    assert session.get(Stain, 3).hall is hall
    assert session.get(Hall, 2).dirty == []
    assert session.get(Hall, 2).one is None


@pytest.mark.parametrize("option", [joinedload, selectinload, subqueryload])
def test_a_condition_over_a_third_table_loads_eagerly(halls: tuple[Any, Any, Any, Session], option: Any) -> None:
    Hall, _Row, Stain, session = halls
    query = session.query(Hall).options(option(Hall.dirty), option(Hall.one)).order_by(Hall.id)
    found = query.all()
    assert [([row.id for row in hall.dirty], hall.one and hall.one.id) for hall in found] == [([2, 1], 1), ([], None)]
    also = (
        session.query(Hall).join(Stain, Stain.grade == Hall.grade).options(option(Hall.dirty)).order_by(Hall.id).all()
    )
    assert [[row.id for row in hall.dirty] for hall in also] == [[2, 1], []]


def test_a_condition_over_a_third_table_in_criteria_and_joins(halls: tuple[Any, Any, Any, Session]) -> None:
    Hall, Row, Stain, session = halls
    assert session.query(Hall.id).filter(Hall.dirty.any()).all() == [(1,)]
    assert session.query(Hall.id).filter(~Hall.dirty.any(Row.id == 1)).all() == [(2,)]
    assert session.query(Hall.id).filter(Hall.dirty.contains(session.get(Row, 2))).all() == [(1,)]
    assert session.query(Stain.id).filter(Stain.hall.has(grade="b")).all() == []
    assert session.query(Row.id).with_parent(session.get(Hall, 1), Hall.dirty).order_by(Row.id).all() == [(1,), (2,)]
    assert session.query(Hall.id, Row.id).join(Hall.dirty).order_by(Row.id).all() == [(1, 1), (1, 2), (1, 2)]
    outer = session.query(Hall.id, Row.id).outerjoin(Hall.dirty).order_by(Hall.id, Row.id).all()
    assert outer == [(1, 1), (1, 2), (1, 2), (2, None)]
    # the third table may be in the statement for itself
    both = (
        session.query(Hall.id, Stain.id).join(Hall.dirty).join(Stain, Stain.row_id == Row.id).filter(Stain.grade == "b")
    )
    assert both.all() == []


def test_a_chain_of_tables_may_lie_between(base: Any, engine: Engine) -> None:
    class A(base):
        __tablename__ = "a"
        id: Mapped[int] = mapped_column(primary_key=True)

    class B(base):
        __tablename__ = "b"
        id: Mapped[int] = mapped_column(primary_key=True)
        a_id: Mapped[int] = mapped_column(ForeignKey("a.id"))

    class C(base):
        __tablename__ = "c"
        id: Mapped[int] = mapped_column(primary_key=True)

    pair = Table("pair", base.metadata, Column("b_id", ForeignKey("b.id")), Column("c_id", ForeignKey("c.id")))
    A.cs = relationship(
        C, viewonly=True, primaryjoin=lambda: and_(A.id == B.a_id, B.id == pair.c.b_id, C.id == pair.c.c_id)
    )
    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([A(id=1), A(id=2), C(id=7), C(id=8)])
        session.flush()
        session.add_all([B(id=1, a_id=1), B(id=2, a_id=2)])
        session.flush()
        session.execute(pair.insert(), [{"b_id": 1, "c_id": 8}, {"b_id": 2, "c_id": 7}, {"b_id": 2, "c_id": 8}])
        session.commit()
        assert [sorted(c.id for c in a.cs) for a in session.query(A).order_by(A.id)] == [[8], [7, 8]]
        assert session.query(A.id).filter(A.cs.any(C.id == 7)).all() == [(2,)]


def test_a_column_that_is_the_same_on_both_sides_is_part_of_the_condition(base: Any, engine: Engine) -> None:
    class Node(base):
        __tablename__ = "node"
        tree: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
        no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
        up_no: Mapped[int | None]

    def in_tree() -> Any:
        return and_(Node.no == Node.up_no, Node.tree == Node.tree)

    Node.up = relationship(
        Node, primaryjoin=in_tree, remote_side=[Node.no, Node.tree], foreign_keys=[Node.up_no], back_populates="down"
    )
    Node.down = relationship(
        Node,
        primaryjoin=in_tree,
        remote_side=[Node.up_no, Node.tree],
        foreign_keys=[Node.up_no],
        order_by=[Node.no],
        back_populates="up",
    )
    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Node(tree=t, no=n, up_no=u) for t in (1, 2) for n, u in ((1, None), (2, 1), (3, 1))])
        session.commit()
        node = session.get(Node, (2, 2))
        assert (node.up.tree, node.up.no) == (2, 1)
        assert [(child.tree, child.no) for child in session.get(Node, (1, 1)).down] == [(1, 2), (1, 3)]
        session.expunge_all()
        for option in (joinedload, selectinload, subqueryload):
            session.expunge_all()
            found = session.query(Node).options(option(Node.up), option(Node.down)).order_by(Node.tree, Node.no).all()
            assert [(each.up and each.up.tree, [child.tree for child in each.down]) for each in found] == [
                (None, [1, 1]), (1, []), (1, []), (None, [2, 2]), (2, []), (2, []),
            ]  # fmt: skip
        assert session.query(Node).filter(Node.up.has(tree=2)).count() == 2
        child = session.get(Node, (2, 3))
        child.up = session.get(Node, (2, 2))
        session.commit()
        assert (child.tree, child.up_no) == (2, 2)
        child.up = None
        session.commit()
        assert (child.tree, child.up_no) == (2, None)


def test_one_column_on_both_sides_is_told_apart_by_its_marks(engine: Engine) -> None:
    base: Any = declarative_base()

    class Folder(base):  # type: ignore[misc]
        __tablename__ = "path_folder"
        path: Mapped[str] = mapped_column(primary_key=True)
        inside: Mapped[list[Folder]] = relationship(
            primaryjoin=lambda: remote(foreign(Folder.path)).like(Folder.path.concat("/%")),
            viewonly=True,
            order_by=lambda: Folder.path,
        )

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Folder(path=path) for path in ("/a", "/a/b", "/a/b/c", "/ab", "/d")])
        session.commit()
        session.expunge_all()
        expected = {"/a": ["/a/b", "/a/b/c"], "/a/b": ["/a/b/c"], "/a/b/c": [], "/ab": [], "/d": []}
        for option in (lazyload, selectinload, joinedload):
            session.expunge_all()
            found = session.scalars(select(Folder).options(option(Folder.inside))).unique().all()
            assert {folder.path: [inner.path for inner in folder.inside] for folder in found} == expected
        with_some = select(Folder.path).where(Folder.inside.any()).order_by(Folder.path)
        assert session.scalars(with_some).all() == ["/a", "/a/b"]


@pytest.mark.parametrize("load", [lazyload, selectinload, subqueryload, joinedload, immediateload])
def test_an_object_that_is_linked_twice_is_there_once(base: Any, engine: Engine, load: Any) -> None:
    class Sale(base):
        __tablename__ = "sale"
        id: Mapped[int] = mapped_column(primary_key=True)
        shop_id: Mapped[int | None] = mapped_column(ForeignKey("shop.id"))
        fruit_id: Mapped[int | None] = mapped_column(ForeignKey("fruit.id"))

    class Shop(base):
        __tablename__ = "shop"
        id: Mapped[int] = mapped_column(primary_key=True)
        sold: Mapped[list[Fruit]] = relationship(secondary="sale", viewonly=True, order_by="Fruit.id")
        best: Mapped[Fruit | None] = relationship(secondary="sale", viewonly=True, uselist=False)

    class Fruit(base):
        __tablename__ = "fruit"
        id: Mapped[int] = mapped_column(primary_key=True)

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Shop(id=1), Shop(id=2), Shop(id=3), Fruit(id=1), Fruit(id=2)])
        session.flush()
        pairs = [(1, 1), (1, 2), (1, 1), (2, 2), (2, 2), (3, None), (None, 2)]
        session.add_all([Sale(shop_id=shop, fruit_id=fruit) for shop, fruit in pairs])
        session.commit()
        shops = session.query(Shop).order_by(Shop.id).options(load(Shop.sold)).all()
        assert [[fruit.id for fruit in shop.sold] for shop in shops] == [[1, 2], [2], []]
        # one object, linked twice, is no reason for the warning that several were found
        second = session.query(Shop).filter_by(id=2).options(load(Shop.best)).one()
        assert second.best is shops[1].sold[0]
        session.refresh(shops[0])
        assert [fruit.id for fruit in shops[0].sold] == [1, 2]


def test_an_object_that_is_linked_twice_can_be_removed(base: Any, engine: Engine) -> None:
    class Sale(base):
        __tablename__ = "sale"
        id: Mapped[int] = mapped_column(primary_key=True)
        shop_id: Mapped[int | None] = mapped_column(ForeignKey("shop.id"))
        fruit_id: Mapped[int | None] = mapped_column(ForeignKey("fruit.id"))

    class Shop(base):
        __tablename__ = "shop"
        id: Mapped[int] = mapped_column(primary_key=True)
        sold: Mapped[list[Fruit]] = relationship(secondary="sale", order_by="Fruit.id")

    class Fruit(base):
        __tablename__ = "fruit"
        id: Mapped[int] = mapped_column(primary_key=True)

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Shop(id=1), Shop(id=2), Fruit(id=1), Fruit(id=2)])
        session.flush()
        session.add_all(
            [Sale(shop_id=shop, fruit_id=fruit) for shop, fruit in [(1, 1), (1, 1), (1, 2), (2, 2), (2, 2)]]
        )
        session.commit()
        one, two = session.query(Shop).order_by(Shop.id).all()
        one.sold.remove(one.sold[0])
        session.commit()
        assert [fruit.id for fruit in one.sold] == [2]
        session.delete(two)
        session.commit()
        assert session.query(Sale.shop_id, Sale.fruit_id).all() == [(1, 2)]


def test_a_link_to_nothing_is_no_partner_in_an_outer_join(base: Any, engine: Engine) -> None:
    link = Table(
        "link", base.metadata, Column("left_id", ForeignKey("left.id")), Column("right_id", ForeignKey("right.id"))
    )
    # without foreign keys, so that what it links to may have gone
    loose = Table("loose", base.metadata, Column("left_id", Integer), Column("right_id", Integer, nullable=False))

    class Left(base):
        __tablename__ = "left"
        id: Mapped[int] = mapped_column(primary_key=True)
        rights: Mapped[list[Right]] = relationship(secondary=link)
        loosely: Mapped[list[Right]] = relationship(
            secondary=loose,
            primaryjoin=lambda: Left.id == foreign(loose.c.left_id),
            secondaryjoin=lambda: Right.id == foreign(loose.c.right_id),
        )

    class Right(base):
        __tablename__ = "right"
        id: Mapped[int] = mapped_column(primary_key=True)

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Left(id=1), Left(id=2), Left(id=3), Right(id=5)])
        session.flush()
        for table, gone in ((link, None), (loose, 99)):
            for left, right in ((1, 5), (1, gone), (2, gone), (2, gone)):
                session.execute(table.insert().values(left_id=left, right_id=right))
        session.commit()
        for relation in (Left.rights, Left.loosely):
            statement = select(Left.id, Right.id).outerjoin(relation).order_by(Left.id)
            assert session.execute(statement).all() == [(1, 5), (2, None), (3, None)]
            assert session.query(Left.id, Right.id).join(relation).all() == [(1, 5)]


_READ_AS: dict[str, Any] = {
    "cast": lambda code, folder_code: code == cast(foreign(folder_code), String),
    "lower": lambda code, folder_code: func.lower(code) == func.lower(foreign(folder_code)),
    "marked": lambda code, folder_code: func.trim(code) == remote(foreign(folder_code)),
}


@pytest.mark.parametrize("name", _READ_AS)
def test_what_is_read_by_a_cast_or_a_function_is_written_as_it_is(engine: Engine, name: str) -> None:
    base: Any = declarative_base()

    class Folder(base):
        __tablename__ = "folder"
        id: Mapped[int] = mapped_column(primary_key=True)
        code: Mapped[str]
        pages: Mapped[list[Page]] = relationship(
            primaryjoin=lambda: _READ_AS[name](Folder.code, Page.folder_code), back_populates="folder"
        )

    class Page(base):
        __tablename__ = "page"
        id: Mapped[int] = mapped_column(primary_key=True)
        folder_code: Mapped[str | None]
        folder: Mapped[Folder | None] = relationship(
            primaryjoin=lambda: _READ_AS["cast"](Folder.code, Page.folder_code), back_populates="pages"
        )

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Folder(code="aB", pages=[Page(), Page()]), Folder(code="c"), Page(folder_code="zz")])
        session.commit()
        assert sorted(session.scalars(select(Page.folder_code))) == ["aB", "aB", "zz"]
        for load in (joinedload, selectinload, subqueryload, lazyload):
            session.expunge_all()
            folders = session.query(Folder).options(load(Folder.pages)).order_by(Folder.id).all()
            assert [len(folder.pages) for folder in folders] == [2, 0]
            session.expunge_all()
            pages = session.query(Page).options(load(Page.folder)).filter(Page.folder.has()).all()
            assert [page.folder.code for page in pages] == ["aB", "aB"]
        assert session.query(Folder).filter(Folder.pages.any()).count() == 1
        folders = session.query(Folder).order_by(Folder.id).all()
        folders[1].pages.append(folders[0].pages[0])
        session.commit()
        assert [len(folder.pages) for folder in folders] == [1, 1]
        folders[0].pages.clear()
        session.commit()
        assert session.query(Page).filter(Page.folder_code.is_(None)).count() == 1


def test_a_function_may_be_the_comparison_of_a_relationship(engine: Engine) -> None:
    base: Any = declarative_base()

    class Folder(base):
        __tablename__ = "folder"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        pages: Mapped[list[Page]] = relationship(
            primaryjoin=lambda: func.starts_alike(remote(foreign(Page.path)), Folder.name).as_comparison(1, 2),
            viewonly=True,
            order_by="Page.id",
        )

    class Page(base):
        __tablename__ = "page"
        id: Mapped[int] = mapped_column(primary_key=True)
        path: Mapped[str]

    base.metadata.create_all(engine)
    with Session(engine) as session:
        if engine.dialect.name == "postgresql":
            session.execute(text(
                "CREATE FUNCTION starts_alike(text, text) RETURNS boolean AS 'SELECT left($1, 1) = left($2, 1)' LANGUAGE sql"
            ))  # fmt: skip
        else:
            raw = session.connection().connection
            raw.create_function("starts_alike", 2, lambda one, other: one[0] == other[0])
        session.add_all([Folder(name="a"), Folder(name="b"), Page(path="b/1"), Page(path="b/2"), Page(path="c")])
        session.flush()
        session.expunge_all()
        for load in (joinedload, selectinload, lazyload):
            folders = session.query(Folder).options(load(Folder.pages)).order_by(Folder.name)
            assert [[page.path for page in folder.pages] for folder in folders] == [[], ["b/1", "b/2"]]
            session.expunge_all()
        assert [folder.name for folder in session.query(Folder).filter(Folder.pages.any())] == ["b"]
    with pytest.raises(ArgumentError, match="the call has 1 arguments, counted from 1"):
        func.f(Page.id).as_comparison(1, 2)


@pytest.mark.parametrize("as_text", [True, False], ids=["text", "expression"])
def test_a_join_of_tables_may_connect_the_two_sides(engine: Engine, as_text: bool) -> None:
    base: Any = declarative_base()

    class Shop(base):
        __tablename__ = "shop"
        id: Mapped[int] = mapped_column(primary_key=True)
        chain_id: Mapped[int | None] = mapped_column(ForeignKey("chain.id"))
        # the country of its chain, where a license of the shop is of that
        country: Mapped[Country | None] = relationship(
            secondary="join(Chain, Country, Chain.country_id == Country.id).join(License, License.country_id == Country.id)"
            if as_text
            else lambda: Chain.__table__.join(Country.__table__).join(
                License.__table__, License.__table__.c.country_id == Country.__table__.c.id
            ),
            primaryjoin="and_(Shop.chain_id == Chain.id, Shop.id == License.shop_id)",
            secondaryjoin="Country.id == Chain.country_id",
            uselist=False,
            viewonly=True,
        )

    class Chain(base):
        __tablename__ = "chain"
        id: Mapped[int] = mapped_column(primary_key=True)
        country_id: Mapped[int | None] = mapped_column(ForeignKey("country.id"))

    class License(base):
        __tablename__ = "license"
        id: Mapped[int] = mapped_column(primary_key=True)
        shop_id: Mapped[int | None] = mapped_column(ForeignKey("shop.id"))
        country_id: Mapped[int | None] = mapped_column(ForeignKey("country.id"))

    class Country(base):
        __tablename__ = "country"
        id: Mapped[int] = mapped_column(primary_key=True)

    base.metadata.create_all(engine)
    with Session(engine) as session:
        for rows in (
            [Country(id=1), Country(id=2)],
            [Chain(id=1, country_id=1), Chain(id=2, country_id=2)],
            [Shop(id=1, chain_id=1), Shop(id=2, chain_id=2), Shop(id=3)],
            [License(shop_id=1, country_id=1), License(shop_id=2, country_id=1), License(shop_id=3, country_id=2)],
        ):
            session.add_all(rows)
            session.flush()
        for load in (lazyload, joinedload, selectinload, subqueryload):
            session.expunge_all()
            shops = session.query(Shop).options(load(Shop.country)).order_by(Shop.id)
            assert [shop.country and shop.country.id for shop in shops] == [1, None, None]
        assert session.query(Shop.id).filter(Shop.country.has(Country.id < 9)).all() == [(1,)]
        assert session.query(Shop.id).join(Shop.country).all() == [(1,)]
        found = session.query(Shop.id, Country.id).outerjoin(Shop.country).order_by(Shop.id)
        assert found.all() == [(1, 1), (2, None), (3, None)]


def test_a_join_between_the_two_sides_is_only_read(base: Any) -> None:
    class One(base):
        __tablename__ = "one"
        id: Mapped[int] = mapped_column(primary_key=True)
        others: Mapped[list[Other]] = relationship(
            secondary="join(Middle, Further, Middle.id == Further.id)",
            primaryjoin="One.id == Middle.id",
            secondaryjoin="Other.id == Further.id",
        )

    for name in ("Middle", "Further", "Other"):
        type(name, (base,), {"__tablename__": name.lower(), "id": mapped_column(Integer, primary_key=True)})
    Other = base.registry.mappers[-1].class_
    with pytest.raises(ArgumentError, match=r"secondary= is a join, whose rows nobody writes\. Pass viewonly=True"):
        base.registry.configure()
    assert Other.__tablename__ == "other"
