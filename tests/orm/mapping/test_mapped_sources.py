"""Classes that are mapped to joins, to SELECTs, to parts of tables; server-made values; mixins; secondary mappers."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    CompileError,
    DateTime,
    Engine,
    FlushError,
    ForeignKey,
    Identity,
    Integer,
    Mapped,
    MetaData,
    Registry,
    Sequence,
    Session,
    String,
    Table,
    column_property,
    declarative_base,
    declared_attr,
    func,
    join,
    mapped_column,
    mapper,
    relationship,
    select,
    text,
)
from tests.statements import StatementLog


class _Tables:
    def __init__(self) -> None:
        self.metadata = MetaData()
        self.users = Table("users", self.metadata, Column("id", Integer, primary_key=True), Column("name", String(20)))
        self.addresses = Table(
            "addresses", self.metadata, Column("id", Integer, primary_key=True), Column("user_id", ForeignKey("users.id")),
            Column("email", String(20)),
        )  # fmt: skip


@pytest.fixture
def tables(engine: Engine) -> _Tables:
    made = _Tables()
    made.metadata.create_all(engine)
    return made


# -- joins


def test_a_class_mapped_to_a_join_is_written_to_both_tables(engine: Engine, tables: _Tables) -> None:
    users, addresses = tables.users, tables.addresses

    class AddressUser:
        id: Any
        name: Any
        email: Any
        address_id: Any

    mapper(
        AddressUser, join(users, addresses), registry=Registry(),
        properties={"id": [users.c.id, addresses.c.user_id], "address_id": addresses.c.id},
    )  # fmt: skip
    with Session(bind=engine) as session:
        both = AddressUser()
        both.name, both.email = "ed", "ed@x"
        session.add(both)
        session.commit()
        assert session.scalar("SELECT user_id FROM addresses") == both.id
        session.expunge_all()
        found = session.query(AddressUser).filter(AddressUser.name == "ed", AddressUser.email == "ed@x").one()
        assert (found.id, found.address_id) == (both.id, both.address_id)
        found.name, found.email = "jo", "jo@x"
        session.commit()
        assert session.scalar("SELECT name FROM users") == "jo"
        assert session.scalar("SELECT email FROM addresses") == "jo@x"
        assert session.query(AddressUser).order_by(AddressUser.email).limit(1).one() is found
        session.delete(found)
        session.commit()
        assert session.scalar("SELECT count(*) FROM users") == 0


def test_columns_of_a_join_that_share_a_name_need_one_each(tables: _Tables) -> None:
    with pytest.raises(ArgumentError, match=r"Both\.id would stand for two columns"):
        mapper(type("Both", (), {}), join(tables.users, tables.addresses), registry=Registry())


# -- SELECTs


def test_a_class_mapped_to_a_select_can_be_queried(engine: Engine, tables: _Tables) -> None:
    users, addresses = tables.users, tables.addresses
    counted = (
        select(users.c.id, users.c.name, func.count(addresses.c.id).label("addresses"))
        .select_from(users.outerjoin(addresses))
        .group_by(users.c.id, users.c.name)
        .subquery("counted")
    )

    class Counted:
        name: Any

    registry = Registry()
    mapper(Counted, counted, primary_key=[counted.c.id], registry=registry)
    with Session(bind=engine) as session:
        session.execute(users.insert().values(id=1, name="ed"))
        session.execute(addresses.insert(), [{"user_id": 1}, {"user_id": 1}])
        found = session.query(Counted).filter(Counted.addresses > 1).one()  # type: ignore[attr-defined]
        assert (found.id, found.name, found.addresses) == (1, "ed", 2)
        assert session.get(Counted, 1) is found
        session.expire(found)
        assert found.name == "ed"
        found.name = "jo"
        with pytest.raises(FlushError, match="no table of it can be written to"):
            session.flush()
        session.rollback()
        session.delete(found)
        with pytest.raises(FlushError, match="cannot be deleted"):
            session.flush()
        session.rollback()
        session.add(Counted())
        with pytest.raises(FlushError, match="cannot be inserted"):
            session.flush()


def test_a_mapped_source_without_a_key_says_so(tables: _Tables) -> None:
    counted = select(func.count(tables.users.c.id).label("n")).subquery()
    with pytest.raises(ArgumentError, match="a subquery has no primary key"):
        mapper(type("C", (), {}), counted, registry=Registry())


def test_a_class_can_be_selected_from_something_else(engine: Engine, tables: _Tables) -> None:
    users = tables.users

    class User:
        def __init__(self, name: str) -> None:
            self.name = name

    registry = Registry()
    mapper(User, users, registry=registry)
    long_names = select(users.c.id, users.c.name).where(func.length(users.c.name) > 2).subquery()
    second = mapper(User, long_names, non_primary=True)
    with Session(bind=engine) as session:
        session.add_all([User("ed"), User("edward")])
        session.flush()
        assert [user.name for user in session.query(second)] == ["edward"]
        assert session.query(second).one() is session.query(User).filter_by(name="edward").one()
    with pytest.raises(ArgumentError, match="takes no properties and no options"):
        mapper(User, long_names, non_primary=True, order_by=users.c.id)
    with pytest.raises(ArgumentError, match="has no column for the primary key"):
        mapper(User, select(users.c.name).subquery(), non_primary=True)


@pytest.mark.parametrize("form", ["column", "expression", "list", "name", "none"])
def test_the_order_of_a_mapper_is_given_as_one_column_or_several(engine: Engine, tables: _Tables, form: str) -> None:
    class User:
        id: Any
        name: Any

        def __init__(self, name: str) -> None:
            self.name = name

    name = tables.users.c.name
    order: Any = {
        "column": name,
        "expression": name.desc(),
        "list": [name, tables.users.c.id],
        "name": "name",
        "none": None,
    }
    mapper(User, tables.users, registry=Registry(), order_by=order[form])
    with Session(bind=engine) as session:
        session.add_all([User("b"), User("c"), User("a")])
        session.commit()
        expected = {"expression": ["c", "b", "a"]}.get(form, ["a", "b", "c"])
        found = [user.name for user in session.query(User)]
        assert found == expected if form != "none" else sorted(found) == expected


# -- parts of tables


def test_columns_are_chosen_prefixed_and_kept_equal(engine: Engine, tables: _Tables) -> None:
    class Chosen:
        pass

    made = mapper(Chosen, tables.addresses, include_properties=["email"], column_prefix="_", registry=Registry())
    assert list(made.columns.keys()) == ["_id", "_email"]
    other = mapper(type("Other", (), {}), tables.addresses, exclude_properties=["email"], registry=Registry())
    assert list(other.columns.keys()) == ["id", "user_id"]


def test_keys_with_null_parts(engine: Engine) -> None:
    metadata, registry = MetaData(), Registry()
    table = Table("pairs", metadata, Column("a", Integer, nullable=False), Column("b", Integer), Column("n", Integer))
    metadata.create_all(engine)

    class Partial:
        a: Any

    class Whole:
        a: Any

    mapper(Partial, table, primary_key=[table.c.a, table.c.b], registry=registry)
    mapper(Whole, table, primary_key=[table.c.a, table.c.b], allow_partial_pks=False, registry=registry)
    with Session(bind=engine) as session:
        session.execute(table.insert(), [{"a": 1, "b": None, "n": 1}, {"a": 2, "b": 2, "n": 2}])
        assert sorted(p.a for p in session.query(Partial)) == [1, 2]
        assert session.get(Partial, (1, None)).a == 1
        assert [w.a for w in session.query(Whole) if w is not None] == [2]
        assert session.get(Whole, (1, None)) is None


# -- values that the database makes


@pytest.fixture
def events(engine: Engine) -> Any:
    base = declarative_base()

    class Event(base):
        __tablename__ = "event"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str | None]
        state: Mapped[str] = mapped_column(String(10), server_default="new")
        made_at: Mapped[Any] = mapped_column(DateTime, server_default=func.now())

    class Code(base):
        __tablename__ = "code"
        code: Mapped[str] = mapped_column(String(5), primary_key=True)
        state: Mapped[str] = mapped_column(String(10), server_default="fresh")

    class Blank(base):
        __tablename__ = "blank"
        id: Mapped[int] = mapped_column(primary_key=True)
        state: Mapped[str] = mapped_column(String(10), server_default="empty")

    base.metadata.create_all(engine)
    session = Session(bind=engine)
    yield session, Event, Code, Blank
    session.close()


@pytest.mark.parametrize("count", [1, 3, 250])
def test_server_defaults_come_back_with_the_insert(events: Any, statements: StatementLog, count: int) -> None:
    session, Event, Code, Blank = events
    made = [Event(name=f"e{n}") for n in range(count)]
    codes = [Code(code=f"c{n}") for n in range(count)]
    blanks = [Blank() for _ in range(count)]
    session.add_all([*made, *codes, *blanks])
    session.flush()
    with statements.expect(0):
        assert {event.state for event in made} == {"new"}
        assert all(event.made_at is not None for event in made)
        assert {code.state for code in codes} == {"fresh"}
        assert {blank.state for blank in blanks} == {"empty"}
    assert [event.name for event in session.query(Event).order_by(Event.id)] == [event.name for event in made]
    assert [event.id for event in made] == sorted(event.id for event in made)


def test_given_values_go_before_server_defaults(events: Any) -> None:
    session, Event, *_ = events
    session.add_all([Event(name="a"), Event(name="b", state="old"), Event(name="c")])
    session.commit()
    assert [(e.id, e.name, e.state) for e in session.query(Event).order_by(Event.id)] == [
        (1, "a", "new"), (2, "b", "old"), (3, "c", "new"),
    ]  # fmt: skip


def test_a_value_that_the_server_changes_is_loaded_after_an_update(engine: Engine) -> None:
    base = declarative_base()

    class Doc(base):
        __tablename__ = "doc"
        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str]
        touched: Mapped[int] = mapped_column(server_default=text("0"), server_onupdate=text("1"))

    base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        doc = Doc(text="a")
        session.add(doc)
        session.flush()
        assert doc.touched == 0
        session.execute("UPDATE doc SET touched = 5")
        doc.text = "b"
        session.flush()
        assert doc.touched == 5


@pytest.mark.parametrize("count", [1, 4])
def test_keys_of_sequences_and_identity_columns(engine: Engine, count: int) -> None:
    base = declarative_base()

    class Ticket(base):
        __tablename__ = "ticket"
        id: Mapped[int] = mapped_column(Sequence("ticket_numbers", start=100), primary_key=True)
        state: Mapped[str] = mapped_column(String(9), server_default="open")

    class Receipt(base):
        __tablename__ = "receipt"
        id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
        text: Mapped[str | None]

    base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        tickets, receipts = [Ticket() for _ in range(count)], [Receipt(text=str(n)) for n in range(count)]
        session.add_all([*tickets, *receipts])
        session.commit()
        first = 100 if engine.dialect.name == "postgresql" else 1
        assert [ticket.id for ticket in tickets] == list(range(first, first + count))
        assert [receipt.id for receipt in receipts] == list(range(1, count + 1))
        assert {ticket.state for ticket in tickets} == {"open"}
        assert [r.text for r in session.query(Receipt).order_by(Receipt.id)] == [r.text for r in receipts]


def test_a_sequence_as_the_default_of_another_column(engine: Engine) -> None:
    base = declarative_base()

    class Bill(base):
        __tablename__ = "bill"
        id: Mapped[int] = mapped_column(primary_key=True)
        number: Mapped[int] = mapped_column(default=Sequence("bill_numbers", start=7))

    if engine.dialect.name != "postgresql":
        with pytest.raises((ArgumentError, CompileError), match=r"[Ss]equence"):
            base.metadata.create_all(engine)
        return
    base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        bills = [Bill(), Bill()]
        session.add_all(bills)
        session.flush()
        assert sorted(bill.__dict__["number"] for bill in bills) == [7, 8]


# -- mixins


def test_mixins_declare_for_each_class_anew(engine: Engine) -> None:
    base = declarative_base()

    class HasOwner:
        @declared_attr
        def owner_id(cls) -> Mapped[int | None]:
            return mapped_column(ForeignKey("owner.id"))

        @declared_attr
        def owner(cls) -> Mapped[Owner | None]:
            return relationship("Owner")

        @declared_attr
        def __tablename__(cls) -> str:
            return cls.__name__.lower()  # type: ignore[attr-defined,no-any-return]

        note: Mapped[str | None] = mapped_column(String(7))

    class Owner(base):
        __tablename__ = "owner"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Cat(HasOwner, base):
        id: Mapped[int] = mapped_column(primary_key=True)
        loud: Mapped[str] = column_property(lambda: func.upper(Cat.note))

    class Dog(HasOwner, base):
        id: Mapped[int] = mapped_column(primary_key=True)

    assert (Cat.__table__.name, Dog.__table__.name) == ("cat", "dog")
    assert Cat.__table__.c.note is not Dog.__table__.c.note
    base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        owner = Owner()
        session.add_all([Cat(owner=owner, note="x"), Dog(owner=owner)])
        session.commit()
        assert session.query(Cat).one().owner is owner
        assert session.query(Cat).one().loud == "X"
        assert session.query(Dog).one().owner_id == owner.id


def test_a_mixin_cannot_share_a_relationship() -> None:
    base = declarative_base()

    class Wrong:
        owner: Mapped[Any] = relationship("Owner")

    with pytest.raises(ArgumentError, match="a method @declared_attr that"):

        class Cat(Wrong, base):
            __tablename__ = "cat"
            id: Mapped[int] = mapped_column(primary_key=True)
