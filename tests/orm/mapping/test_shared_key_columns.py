"""Foreign keys of several columns that share one with the row's own key, as in databases of many tenants."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    Engine,
    ForeignKey,
    ForeignKeyConstraint,
    Mapped,
    Session,
    declarative_base,
    mapped_column,
    relationship,
)

Company = dict[str, Any]


@pytest.fixture
def company(engine: Engine) -> Any:
    base = declarative_base()

    class Tenant(base):
        __tablename__ = "tenant"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Department(base):
        __tablename__ = "department"
        tenant_id: Mapped[int] = mapped_column(ForeignKey("tenant.id"), primary_key=True)
        id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
        people: Mapped[list[Person]] = relationship(back_populates="department", order_by="Person.id")

    class Person(base):
        __tablename__ = "person"
        tenant_id: Mapped[int] = mapped_column(ForeignKey("tenant.id"), primary_key=True)
        id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
        department_id: Mapped[int | None]
        department: Mapped[Department | None] = relationship(back_populates="people")
        desks: Mapped[list[Desk]] = relationship(order_by="Desk.id")
        __table_args__ = (
            ForeignKeyConstraint(["tenant_id", "department_id"], ["department.tenant_id", "department.id"]),
        )

    class Desk(base):
        __tablename__ = "desk"
        id: Mapped[int] = mapped_column(primary_key=True)
        tenant_id: Mapped[int | None] = mapped_column(ForeignKey("tenant.id"))
        person_id: Mapped[int | None]
        __table_args__ = (ForeignKeyConstraint(["tenant_id", "person_id"], ["person.tenant_id", "person.id"]),)

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Tenant(id=1))
        session.flush()
        people = [Person(id=1, desks=[Desk()]), Person(id=2)]
        session.add(Department(tenant_id=1, id=7, people=people))
        session.commit()
        yield {"session": session, "Person": Person, "Department": Department, "Desk": Desk}


def _stored(company: Company, name: str, *columns: str) -> list[tuple[Any, ...]]:
    entity = company[name]
    query = company["session"].query(*(getattr(entity, column) for column in columns)).order_by(entity.id)
    return [tuple(row) for row in query]


def test_none_clears_the_columns_that_are_not_part_of_the_rows_key(company: Company) -> None:
    session = company["session"]
    person = session.get(company["Person"], (1, 1))
    person.department = None
    session.commit()
    assert _stored(company, "Person", "tenant_id", "department_id") == [(1, None), (1, 7)]
    assert person.department is None
    assert [p.id for p in session.get(company["Department"], (1, 7)).people] == [2]


def test_taking_out_of_a_collection_leaves_the_shared_column(company: Company) -> None:
    session = company["session"]
    session.get(company["Department"], (1, 7)).people.clear()
    person = session.get(company["Person"], (1, 1))
    person.desks.clear()
    session.commit()
    assert _stored(company, "Person", "tenant_id", "department_id") == [(1, None), (1, None)]
    # here the shared column could be NULL, and is part of another foreign key
    assert _stored(company, "Desk", "tenant_id", "person_id") == [(1, None)]


def test_deleting_the_parent_leaves_the_shared_column(company: Company) -> None:
    session = company["session"]
    session.delete(session.get(company["Department"], (1, 7)))
    session.commit()
    assert _stored(company, "Person", "tenant_id", "department_id") == [(1, None), (1, None)]


def test_a_query_for_none_finds_what_one_null_separates(company: Company) -> None:
    session, Person = company["session"], company["Person"]
    session.get(Person, (1, 2)).department = None
    assert [p.id for p in session.query(Person).filter(Person.department == None)] == [2]  # noqa: E711
    assert [p.id for p in session.query(Person).filter(Person.department != None)] == [1]  # noqa: E711
