"""``Bundle``: several expressions as one item of a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Bundle,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Mapped,
    Session,
    aliased,
    func,
    insert,
    mapped_column,
    relationship,
    select,
    selectinload,
    text,
    union_all,
)


class Base(DeclarativeBase):
    pass


class Person(Base):
    __tablename__ = "bundled_person"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    mails: Mapped[list[Mail]] = relationship(back_populates="person")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}


class Clerk(Person):
    desk: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "clerk"}


class Mail(Base):
    __tablename__ = "bundled_mail"
    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str]
    person_id: Mapped[int] = mapped_column(ForeignKey("bundled_person.id"))
    person: Mapped[Person] = relationship(back_populates="mails")


class AsDict(Bundle):
    def create_row_processor(
        self, query: Any, procs: Sequence[Callable[[Any], Any]], labels: Sequence[str]
    ) -> Callable[[Any], Any]:
        return lambda row: dict(zip(labels, (proc(row) for proc in procs), strict=True))


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Person(id=1, name="ann", mails=[Mail(address="a@x"), Mail(address="b@x")]))
        session.add(Clerk(id=2, name="bob", desk=7))
        session.commit()
        yield session


def test_bundles_are_items_of_rows(session: Session) -> None:
    statement = (
        select(Bundle("person", Person.id, Person.name), Person.kind, Bundle("mail", Mail.address))
        .join_from(Person, Mail)
        .order_by(Mail.id)
    )
    rows = session.execute(statement).all()
    assert rows == [((1, "ann"), "person", ("a@x",)), ((1, "ann"), "person", ("b@x",))]
    assert (rows[0].person.name, rows[0].kind, rows[1].mail.address) == ("ann", "person", "b@x")
    assert list(session.execute(statement).keys()) == ["person", "kind", "mail"]
    assert session.scalars(statement).first() == (1, "ann")


def test_members_may_be_bundles_and_expressions(session: Session) -> None:
    bundle = Bundle("all", Person.id.label("number"), Bundle("names", Person.name, func.upper(Person.name).label("up")))
    row = session.execute(select(bundle).order_by(Person.id)).first()
    assert (row.all.number, row.all.names.name, row.all.names.up) == (1, "ann", "ANN")


def test_a_bundle_may_make_values_of_its_own(session: Session) -> None:
    bundle = AsDict("person", Person.id, Bundle("names", Person.name))
    assert session.scalars(select(bundle).order_by(Person.id)).all() == [
        {"id": 1, "names": ("ann",)},
        {"id": 2, "names": ("bob",)},
    ]
    # the same columns, and something else is made of them
    plain = Bundle("person", Person.id, Bundle("names", Person.name))
    assert session.scalars(select(plain).order_by(Person.id)).first() == (1, ("ann",))


def test_bundles_of_the_same_columns_are_told_apart(session: Session) -> None:
    for split, expected in ((1, [((1,), "ann", "person")]), (2, [((1, "ann"), "person")])):
        columns = (Person.id, Person.name, Person.kind)
        statement = select(Bundle("id", *columns[:split]), *columns[split:]).where(Person.id == 1)
        assert session.execute(statement).all() == expected
    assert session.execute(select(*columns).where(Person.id == 1)).all() == [(1, "ann", "person")]


def test_a_single_bundle_of_a_query(session: Session) -> None:
    query = session.query(Bundle("b", Person.name, single_entity=True)).order_by(Person.id)
    assert (query.all(), query.first()) == ([("ann",), ("bob",)], ("ann",))
    assert session.query(Bundle("b", Person.name)).order_by(Person.id).first() == (("ann",),)
    assert session.execute(query.statement).first() == (("ann",),)


def test_the_members_of_a_bundle_stand_in_criteria(session: Session) -> None:
    bundle = Bundle("b", Person.id, Person.name)
    assert session.execute(select(bundle).where(bundle.c.name == "bob")).all() == [((2, "bob"),)]
    assert (bundle.c.keys(), list(bundle.columns), "name" in bundle.c, len(bundle.c)) == (
        ["id", "name"], list(bundle.exprs), True, 2,
    )  # fmt: skip
    with pytest.raises(AttributeError, match=r"has no member 'nme'\. Did you mean 'name'"):
        bundle.c.nme
    assert session.execute(select(bundle.label("other"))).first().other.id == 1


def test_a_bundle_of_a_subclass_is_about_its_rows(session: Session) -> None:
    assert session.execute(select(Bundle("b", Clerk.id, Clerk.name))).all() == [((2, "bob"),)]
    alias = aliased(Clerk)
    assert session.execute(select(Bundle("b", alias.name, alias.desk))).all() == [(("bob", 7),)]


def test_bundles_beside_objects_and_what_is_loaded_with_them(session: Session) -> None:
    statement = select(Bundle("b", Person.id), Person).options(selectinload(Person.mails)).order_by(Person.id)
    (first, ann), (second, bob) = session.execute(statement).all()
    assert (first, second, len(ann.mails), type(bob)) == ((1,), (2,), 2, Clerk)
    pages = list(session.execute(statement, execution_options={"yield_per": 1}).partitions())
    assert [page[0].b.id for page in pages] == [1, 2]
    (row,) = session.query(Bundle("b", Mail.id, Mail.address), Mail).filter(Mail.address == "b@x").all()
    assert row.b == (row.Mail.id, "b@x")


def test_bundles_in_other_statements(session: Session) -> None:
    bundle = Bundle("b", Person.id, Person.name)
    both = union_all(select(Bundle("b", Person.name)).where(Person.id == 1), select(Person.name).where(Person.id == 2))
    assert sorted(session.execute(both).all()) == [(("ann",),), (("bob",),)]
    given = text("SELECT id, name FROM bundled_person WHERE id = 2").columns(Person.id, Person.name)
    assert session.execute(select(bundle).from_statement(given)).all() == [((2, "bob"),)]
    subquery = select(bundle).subquery()
    assert session.execute(select(subquery.c.name).order_by(subquery.c.id)).all() == [("ann",), ("bob",)]
    made = insert(Person).values(id=3, name="cid", kind="person").returning(bundle, Person.kind)
    assert session.execute(made).all() == [((3, "cid"), "person")]


def test_what_is_no_member_is_refused() -> None:
    with pytest.raises(ArgumentError, match="got none"):
        Bundle("b")
    with pytest.raises(ArgumentError, match="takes columns, expressions and bundles"):
        Bundle("b", Person)
