"""Inheritance between mapped classes: joined, single-table and concrete; what is loaded, with how many statements, and what is written."""

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
    InvalidRequestError,
    Mapped,
    MetaData,
    Registry,
    Session,
    String,
    Table,
    aliased,
    case,
    cast,
    declarative_base,
    defer,
    exists,
    func,
    joinedload,
    mapped_column,
    mapper,
    polymorphic_union,
    relationship,
    select,
    selectinload,
    with_polymorphic,
)
from tests.statements import StatementLog


class Joined:
    """A company whose employees are engineers and managers, each with a table of their own."""

    def __init__(self, **base_args: Any) -> None:
        base = self.base = declarative_base()

        class Company(base):
            __tablename__ = "company"
            id: Mapped[int] = mapped_column(primary_key=True)
            name: Mapped[str]
            employees: Mapped[list[Employee]] = relationship(back_populates="company", order_by="Employee.id")

        class Employee(base):
            __tablename__ = "employee"
            id: Mapped[int] = mapped_column(primary_key=True)
            kind: Mapped[str]
            name: Mapped[str]
            company_id: Mapped[int | None] = mapped_column(ForeignKey("company.id"))
            company: Mapped[Company | None] = relationship(back_populates="employees")
            __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "employee", **base_args}

        class Engineer(Employee):
            __tablename__ = "engineer"
            id: Mapped[int] = mapped_column(ForeignKey("employee.id"), primary_key=True)
            language: Mapped[str | None]
            machines: Mapped[list[Machine]] = relationship(back_populates="engineer")
            __mapper_args__ = {"polymorphic_identity": "engineer"}

        class Manager(Employee):
            __tablename__ = "manager"
            employee_id: Mapped[int] = mapped_column(ForeignKey("employee.id"), primary_key=True)
            budget: Mapped[int | None]
            __mapper_args__ = {"polymorphic_identity": "manager"}

        class Machine(base):
            __tablename__ = "machine"
            id: Mapped[int] = mapped_column(primary_key=True)
            engineer_id: Mapped[int] = mapped_column(ForeignKey("engineer.id"))
            engineer: Mapped[Engineer] = relationship(back_populates="machines")

        self.Company, self.Employee, self.Engineer, self.Manager, self.Machine = (
            Company, Employee, Engineer, Manager, Machine,
        )  # fmt: skip

    def session(self, engine: Engine) -> Session:
        self.base.metadata.create_all(engine)
        session = Session(bind=engine)
        staff = [
            self.Engineer(name="ada", language="c", machines=[self.Machine()]),
            self.Manager(name="bob", budget=7),
            self.Employee(name="cy"),
            self.Engineer(name="dan", language="py"),
        ]
        session.add(self.Company(name="acme", employees=staff))
        session.commit()
        session.expunge_all()
        return session


@pytest.fixture
def joined() -> Joined:
    return Joined()


@pytest.fixture
def staff(joined: Joined, engine: Engine) -> Iterator[Session]:
    session = joined.session(engine)
    yield session
    session.close()


def test_a_new_object_knows_its_discriminator(joined: Joined) -> None:
    assert joined.Engineer(name="x").kind == "engineer"
    assert joined.Employee(name="x").kind == "employee"


def test_a_query_of_the_base_gives_objects_of_every_class_in_one_statement(
    joined: Joined, staff: Session, statements: StatementLog
) -> None:
    with statements.expect(1):
        found = staff.query(joined.Employee).order_by(joined.Employee.id).all()
    assert [(type(e).__name__, e.name, e.id) for e in found] == [
        ("Engineer", "ada", 1), ("Manager", "bob", 2), ("Employee", "cy", 3), ("Engineer", "dan", 4),
    ]  # fmt: skip


def test_columns_of_a_subclass_are_loaded_for_all_its_objects_at_once(
    joined: Joined, staff: Session, statements: StatementLog
) -> None:
    found = staff.query(joined.Employee).order_by(joined.Employee.id).all()
    with statements.expect(1, "FROM engineer WHERE"):
        assert [e.language for e in found if isinstance(e, joined.Engineer)] == ["c", "py"]
    with statements.expect(1, "FROM manager WHERE"):
        assert [(e.budget, e.employee_id) for e in found if isinstance(e, joined.Manager)] == [(7, 2)]


def test_a_query_of_a_subclass_joins_its_tables(joined: Joined, staff: Session, statements: StatementLog) -> None:
    Engineer = joined.Engineer
    with statements.expect(1, "employee JOIN engineer"):
        assert [(e.name, e.language) for e in staff.query(Engineer).order_by(Engineer.id)] == [
            ("ada", "c"),
            ("dan", "py"),
        ]
    assert [e.name for e in staff.query(Engineer).filter(Engineer.name == "dan", Engineer.language == "py")] == ["dan"]
    assert staff.query(Engineer).count() == 2
    assert [row[0] for row in staff.query(Engineer.name).order_by(Engineer.name)] == ["ada", "dan"]
    assert [e.language for e in staff.scalars(select(Engineer).order_by(Engineer.language.desc()))] == ["py", "c"]


def test_queries_of_queries_of_a_subclass_join_its_tables(joined: Joined, staff: Session) -> None:
    Engineer = joined.Engineer
    query = staff.query(Engineer).order_by(Engineer.name)
    assert [e.language for e in query.from_self()] == ["c", "py"]
    assert query.from_self().count() == 2
    union = staff.query(Engineer).filter(Engineer.name == "ada").union_all(staff.query(Engineer))
    assert sorted(e.name for e in union) == ["ada", "dan"]
    assert union.count() == 3


def test_a_limited_query_of_a_subclass_with_a_joined_collection_joins_its_tables(
    joined: Joined, staff: Session
) -> None:
    Engineer, Machine, Company = joined.Engineer, joined.Machine, joined.Company
    staff.query(Engineer).filter_by(name="dan").one().machines = [Machine(), Machine()]
    staff.commit()
    query = staff.query(Engineer).options(joinedload(Engineer.machines)).order_by(Engineer.name.desc())
    assert [(e.name, len(e.machines)) for e in query.limit(1)] == [("dan", 2)]
    assert [(e.name, len(e.machines)) for e in query.offset(1).limit(5)] == [("ada", 1)]
    mixed = staff.query(Company, Engineer.name).join(Engineer, Engineer.company_id == Company.id)
    assert len(mixed.options(joinedload(Company.employees)).limit(1).all()) == 1
    assert len(staff.query(Engineer.name, Machine).join(Machine).options(joinedload(Machine.engineer)).all()) == 3


def test_criteria_on_a_relationship_to_a_subclass_within_the_family(engine: Engine) -> None:
    base = declarative_base()

    class Employee(base):
        __tablename__ = "employee"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "employee"}

    class Engineer(Employee):
        __tablename__ = "engineer"
        id: Mapped[int] = mapped_column(ForeignKey("employee.id"), primary_key=True)
        name: Mapped[str]
        lead_id: Mapped[int | None] = mapped_column(ForeignKey("engineer.id"))
        lead: Mapped[Engineer | None] = relationship(remote_side=lambda: Engineer.id, backref="team")
        __mapper_args__ = {"polymorphic_identity": "engineer"}

    class Senior(Engineer):
        __tablename__ = "senior"
        id: Mapped[int] = mapped_column(ForeignKey("engineer.id"), primary_key=True)
        level: Mapped[int]
        __mapper_args__ = {"polymorphic_identity": "senior"}

    base.metadata.create_all(engine)
    with Session(engine) as session:
        bob = Senior(name="bob", level=3, lead=Engineer(name="ann"))
        session.add(Engineer(name="cat", lead=bob))
        session.commit()
        query = session.query(Engineer)
        assert query.filter(Engineer.lead.of_type(Senior).has(Senior.level == 3)).one().name == "cat"
        assert query.filter(Engineer.lead.of_type(Senior).has()).one().name == "cat"
        assert query.filter(Engineer.team.of_type(Senior).any(level=3)).one().name == "ann"


def test_functions_and_labels_of_inherited_attributes_are_about_the_subclass(joined: Joined, staff: Session) -> None:
    Engineer, Employee = joined.Engineer, joined.Employee
    assert staff.query(func.count(Engineer.id)).scalar() == 2
    assert staff.query(func.max(Engineer.name).label("last")).scalar() == "dan"
    assert staff.scalars(select(Engineer.name.label("called")).order_by(Engineer.name)).all() == ["ada", "dan"]
    assert staff.query(Engineer).with_entities(func.count(Engineer.id)).scalar() == 2
    last = staff.query(func.max(Engineer.id)).scalar_subquery()
    assert staff.query(Employee).filter(Employee.id == last).one().name == "dan"
    alias = aliased(Engineer)
    assert staff.query(func.count(alias.id)).scalar() == 2


@pytest.mark.parametrize("style", ["query", "select"])
def test_a_query_can_load_the_columns_of_chosen_subclasses(
    joined: Joined, staff: Session, statements: StatementLog, style: str
) -> None:
    Employee, Engineer, Manager = joined.Employee, joined.Engineer, joined.Manager

    def ask(classes: Any) -> Any:
        if style == "query":
            return staff.query(Employee).with_polymorphic(classes)
        return select(with_polymorphic(Employee, classes))

    def loaded(statement: Any) -> list[Any]:
        staff.expunge_all()
        result = statement if style == "query" else staff.scalars(statement)
        return [(e.name, getattr(e, "language", None), getattr(e, "budget", None)) for e in result]

    everyone = [("ada", "c", None), ("bob", None, 7), ("cy", None, None), ("dan", "py", None)]
    with statements.expect(1, "LEFT OUTER JOIN engineer", "LEFT OUTER JOIN manager"):
        assert loaded(ask("*").order_by(Employee.id)) == everyone
    with statements.expect(2):
        assert loaded(ask([Engineer]).order_by(Employee.id)) == everyone
    with statements.expect(1):
        assert loaded(ask([Engineer]).filter(Engineer.language == "py")) == [("dan", "py", None)]
    either = (Engineer.language == "c") | (Manager.budget > 5)
    with statements.expect(1):
        assert [row[0] for row in loaded(ask([Engineer, Manager]).filter(either).order_by(Employee.name))] == [
            "ada",
            "bob",
        ]
    with statements.expect(1):
        assert loaded(ask("*").order_by(Employee.id).limit(2)) == everyone[:2]
    assert loaded(ask("*").filter_by(name="bob").join(Employee.company)) == [("bob", None, 7)]
    with statements.expect(2):
        assert loaded(ask("*").order_by(Employee.id).options(selectinload(Employee.company))) == everyone
    with statements.expect(1):
        assert loaded(ask("*").order_by(Employee.id).options(joinedload(Employee.company))) == everyone
    with statements.expect(2):
        assert loaded(ask("*").order_by(Employee.id).options(defer(Employee.name))) == everyone
    assert loaded(ask("*").order_by(Employee.id).options(joinedload(Engineer.machines)).limit(2)) == everyone[:2]


def test_a_deferred_column_of_the_base_is_loaded_for_all_classes_at_once(
    joined: Joined, staff: Session, statements: StatementLog
) -> None:
    found = staff.query(joined.Employee).options(defer(joined.Employee.name)).order_by(joined.Employee.id).all()
    with statements.expect(1, "employee.name FROM employee WHERE"):
        assert found[2].name == "cy"
        assert [e.name for e in found] == ["ada", "bob", "cy", "dan"]


def test_with_polymorphic_in_a_query_with_other_entities(joined: Joined, staff: Session) -> None:
    Company, Employee, Engineer = joined.Company, joined.Employee, joined.Engineer
    query = (
        staff.query(Employee, Company.name).with_polymorphic([Engineer]).join(Employee.company).order_by(Employee.id)
    )
    assert [(e.name, name) for e, name in query] == [("ada", "acme"), ("bob", "acme"), ("cy", "acme"), ("dan", "acme")]
    assert staff.query(Employee).with_polymorphic("*").count() == 4
    assert (
        staff.query(Employee).with_polymorphic("*").filter(Engineer.language == "c").from_self().one().language == "c"
    )
    staffed = with_polymorphic(Employee, "*")
    assert staff.query(staffed.name).order_by(staffed.name.desc()).first() == ("dan",)
    assert (
        staff.query(Company).join(Company.employees.of_type(staffed)).filter(Engineer.language == "c").one().name
        == "acme"
    )


def test_with_polymorphic_of_a_wrong_class_is_refused(joined: Joined, staff: Session) -> None:
    with pytest.raises(ArgumentError, match="Company is no subclass"):
        with_polymorphic(joined.Employee, [joined.Company])
    with pytest.raises(ArgumentError, match="needs polymorphic_on="):
        staff.query(joined.Company).with_polymorphic("*")
    with pytest.raises(InvalidRequestError, match="comes before join"):
        staff.query(joined.Employee).join(joined.Employee.company).with_polymorphic("*")
    with pytest.raises(InvalidRequestError, match="first entity is a mapped class"):
        staff.query(joined.Employee.name).with_polymorphic("*")


@pytest.mark.parametrize("how", ["*", "classes"])
def test_with_polymorphic_loads_subclasses_columns_with_the_query(
    engine: Engine, statements: StatementLog, how: str
) -> None:
    joined = Joined(with_polymorphic="*")
    if how == "classes":
        joined.Employee.__mapper__.with_polymorphic = [joined.Engineer, joined.Manager]
    session = joined.session(engine)
    with statements.expect(1, "LEFT OUTER JOIN"):
        found = session.query(joined.Employee).order_by(joined.Employee.id).all()
        assert [e.language for e in found if isinstance(e, joined.Engineer)] == ["c", "py"]
        assert [e.budget for e in found if isinstance(e, joined.Manager)] == [7]
    assert session.query(joined.Employee).filter(joined.Engineer.language == "py").one().name == "dan"
    session.close()


def test_relationships_to_the_base_and_from_a_subclass(
    joined: Joined, staff: Session, statements: StatementLog
) -> None:
    company = staff.query(joined.Company).one()
    assert [type(e).__name__ for e in company.employees] == ["Engineer", "Manager", "Employee", "Engineer"]
    engineers = [e for e in company.employees if isinstance(e, joined.Engineer)]
    with statements.expect(1, "machine"):
        assert [len(e.machines) for e in engineers] == [1, 0]
    assert engineers[0].machines[0].engineer is engineers[0]
    assert engineers[0].company is company


def test_joins_to_a_subclass(joined: Joined, staff: Session) -> None:
    Company, Employee, Engineer = joined.Company, joined.Employee, joined.Engineer
    staff.add(Company(name="empty"))
    staff.flush()
    only_engineers = staff.query(Company).join(Company.employees.of_type(Engineer)).filter(Engineer.language == "py")
    assert [c.name for c in only_engineers] == ["acme"]
    assert [
        c.name for c in staff.query(Company).filter(Company.employees.of_type(Engineer).any(Engineer.language == "c"))
    ] == ["acme"]
    assert staff.query(Company).filter(~Company.employees.of_type(Engineer).any()).one().name == "empty"
    assert [e.name for e in staff.query(Engineer).join(Engineer.machines)] == ["ada"]
    assert [e.name for e in staff.query(Engineer).join(Engineer.company).order_by(Engineer.id)] == ["ada", "dan"]
    other = aliased(Engineer)
    pairs = staff.query(Employee.name, other.name).join(other, Employee.company_id == other.company_id)
    assert sorted(map(tuple, pairs.filter(other.language == "py")))[:2] == [("ada", "dan"), ("bob", "dan")]


@pytest.mark.parametrize("option", [joinedload, selectinload])
def test_eager_loading_across_a_family(joined: Joined, staff: Session, statements: StatementLog, option: Any) -> None:
    with statements.expect(1 if option is joinedload else 2):
        company = staff.query(joined.Company).options(option(joined.Company.employees)).one()
        assert [e.name for e in company.employees] == ["ada", "bob", "cy", "dan"]
    staff.expunge_all()
    with statements.expect(1 if option is joinedload else 2):
        machine = staff.query(joined.Machine).options(option(joined.Machine.engineer)).one()
        assert machine.engineer.language == "c"


def test_get_respects_the_class(joined: Joined, staff: Session, statements: StatementLog) -> None:
    assert staff.get(joined.Manager, 1) is None
    engineer = staff.get(joined.Employee, 1)
    assert type(engineer) is joined.Engineer
    with statements.expect(0):
        assert staff.get(joined.Engineer, 1) is engineer
        assert staff.get(joined.Manager, 1) is None


def test_an_update_touches_only_the_tables_that_changed(
    joined: Joined, staff: Session, statements: StatementLog
) -> None:
    ada, dan = staff.query(joined.Engineer).order_by(joined.Engineer.id).all()
    ada.language = dan.language = "go"
    with statements.expect(1, "UPDATE engineer"):
        staff.flush()
    ada.name = "ADA"
    with statements.expect(1, "UPDATE employee"):
        staff.flush()
    ada.name, ada.language = "ada", "c"
    with statements.expect(2, "UPDATE"):
        staff.flush()


def test_rows_of_a_family_are_inserted_in_the_order_of_add(
    joined: Joined, staff: Session, statements: StatementLog
) -> None:
    new = [joined.Manager(name="m"), joined.Engineer(name="e"), joined.Employee(name="w"), joined.Manager(name="n")]
    staff.add_all(new)
    staff.flush()
    assert [e.id for e in new] == sorted(e.id for e in new)
    assert [e.employee_id for e in new if isinstance(e, joined.Manager)] == [new[0].id, new[3].id]
    inserts = [sql for sql in statements.sql[-10:] if "INSERT INTO employee" in sql]
    assert len(inserts) == 1


def test_a_delete_removes_the_rows_of_all_tables(joined: Joined, staff: Session, statements: StatementLog) -> None:
    bob = staff.query(joined.Manager).one()
    staff.delete(bob)
    with statements.expect(2, "DELETE"):
        staff.flush()
    assert staff.scalar("SELECT count(*) FROM manager") == 0
    assert staff.scalar("SELECT count(*) FROM employee") == 3


def test_expired_objects_of_a_family_are_refreshed_with_one_statement_a_class(
    joined: Joined, staff: Session, statements: StatementLog
) -> None:
    found = staff.query(joined.Employee).order_by(joined.Employee.id).all()
    staff.commit()
    with statements.expect(3):
        assert [e.name for e in found] == ["ada", "bob", "cy", "dan"]


def test_a_rollback_makes_new_objects_of_a_family_transient(joined: Joined, staff: Session) -> None:
    engineer = joined.Engineer(name="x", language="y")
    staff.add(engineer)
    staff.flush()
    staff.rollback()
    assert engineer not in staff
    assert engineer.language == "y"
    assert staff.scalar("SELECT count(*) FROM engineer") == 2


def test_a_row_of_an_unknown_class_is_an_error(joined: Joined, staff: Session) -> None:
    staff.execute("UPDATE employee SET kind = 'robot' WHERE name = 'cy'")
    with pytest.raises(InvalidRequestError, match=r"kind='robot'.*Known are: 'employee', 'engineer', 'manager'"):
        staff.query(joined.Employee).all()


# -- single-table


@pytest.fixture
def animals(engine: Engine) -> Any:
    base = declarative_base()

    class Animal(base):
        __tablename__ = "animal"
        id: Mapped[int] = mapped_column(primary_key=True)
        species: Mapped[str] = mapped_column(String(10))
        name: Mapped[str]
        owner_id: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
        __mapper_args__ = {"polymorphic_on": "species", "polymorphic_identity": "animal"}

    class Cat(Animal):
        lives: Mapped[int]
        __mapper_args__ = {"polymorphic_identity": "cat"}

    class Dog(Animal):
        tricks: Mapped[str | None]
        __mapper_args__ = {"polymorphic_identity": "dog"}

    class Puppy(Dog):
        __mapper_args__ = {"polymorphic_identity": "puppy"}

    class Owner(base):
        __tablename__ = "owner"
        id: Mapped[int] = mapped_column(primary_key=True)
        dogs: Mapped[list[Dog]] = relationship(order_by="Dog.id")
        animals: Mapped[list[Animal]] = relationship(order_by="Animal.id")

    base.metadata.create_all(engine)
    session = Session(bind=engine)
    session.add(
        Owner(animals=[Cat(name="tom", lives=9), Dog(name="rex", tricks="sit"), Puppy(name="pip"), Animal(name="it")])
    )
    session.commit()
    session.expunge_all()
    yield session, Animal, Cat, Dog, Puppy, Owner
    session.close()


def test_single_table_subclasses_share_one_statement(animals: Any, statements: StatementLog) -> None:
    session, Animal, *_ = animals
    with statements.expect(1):
        found = session.query(Animal).order_by(Animal.id).all()
        shown = [(type(a).__name__, getattr(a, "lives", None), getattr(a, "tricks", None)) for a in found]
    assert shown == [("Cat", 9, None), ("Dog", None, "sit"), ("Puppy", None, None), ("Animal", None, None)]
    assert "lives" not in found[1].__dict__


def test_single_table_queries_are_limited_to_the_class_and_its_subclasses(animals: Any) -> None:
    session, _, Cat, Dog, Puppy, Owner = animals
    assert [d.name for d in session.query(Dog).order_by(Dog.id)] == ["rex", "pip"]
    assert [c.name for c in session.query(Cat)] == ["tom"]
    assert session.query(Puppy).count() == 1
    assert [row[0] for row in session.query(Cat.name)] == ["tom"]
    assert session.get(Cat, 2) is None
    alias = aliased(Dog)
    assert {d.name for d in session.query(alias)} == {"rex", "pip"}
    owner = session.query(Owner).one()
    assert [d.name for d in owner.dogs] == ["rex", "pip"]
    assert session.query(Owner.id).join(Owner.dogs).all() == [(owner.id,), (owner.id,)]
    assert session.query(Owner).filter(Owner.dogs.any(Dog.name == "tom")).count() == 0
    session.expunge_all()
    loaded = session.query(Owner).options(joinedload(Owner.dogs)).one()
    assert [d.name for d in loaded.dogs] == ["rex", "pip"]


def test_an_outer_join_to_a_single_table_subclass_keeps_those_without(animals: Any) -> None:
    session, _, Cat, _, _, Owner = animals
    session.add(Owner())
    session.flush()
    rows = session.query(Owner.id, Cat.name).select_from(Owner).outerjoin(Cat, Cat.owner_id == Owner.id)
    assert sorted(row[1] or "" for row in rows) == ["", "tom"]
    whole = session.query(Owner, Cat).select_from(Owner).outerjoin(Owner.animals.of_type(Cat))
    assert sorted(cat.name if cat is not None else "" for _, cat in whole) == ["", "tom"]
    alias = aliased(Cat)
    rows = session.query(Owner.id, alias.name).select_from(Owner).outerjoin(alias, alias.owner_id == Owner.id)
    assert sorted(row[1] or "" for row in rows) == ["", "tom"]
    counts = session.query(func.count(Cat.id).label("cats")).select_from(Owner)
    counts = counts.outerjoin(Cat, Cat.owner_id == Owner.id).group_by(Owner.id)
    assert sorted(counts) == [(0,), (1,)]
    loaded = session.query(Owner, Cat).select_from(Owner).outerjoin(Cat, Cat.owner_id == Owner.id)
    loaded = loaded.options(joinedload(Owner.dogs))
    assert len({owner.id for owner, _ in loaded}) == 2
    assert [cat for _, cat in loaded.order_by(Owner.id.desc()).limit(1)] == [None]


def test_parts_of_a_single_table_class_are_about_its_rows_only(animals: Any) -> None:
    session, _, Cat, Dog, Puppy, _ = animals
    assert session.query(func.count(Dog.id)).scalar() == 2
    assert session.query(func.max(Puppy.name).label("last")).scalar() == "pip"
    assert session.query(Cat.name.label("called")).all() == [("tom",)]
    alias = aliased(Cat)
    assert session.query(alias.name).all() == [("tom",)]
    assert session.query(func.count(alias.id)).scalar() == 1
    assert session.query(func.count()).select_from(Dog).scalar() == 2
    assert session.query(Dog).with_entities(func.count(Dog.id)).scalar() == 2
    assert session.query(Dog.name.label("called")).order_by(Dog.name).from_self().all() == [("pip",), ("rex",)]
    assert session.query("a " + Cat.name).all() == [("a tom",)]
    assert session.query((Cat.name + "!").label("called")).all() == [("tom!",)]
    assert session.query(cast(Dog.name, String)).order_by(Dog.name).all() == [("pip",), ("rex",)]
    assert session.query(case((Cat.name == "tom", 1), else_=0)).all() == [(1,)]
    assert session.query(func.sum(case((alias.name == "tom", 1), else_=0))).scalar() == 1
    assert session.query(Cat.name == "tom").all() == [(True,)]
    assert session.query(func.lower(func.upper(Dog.name))).order_by(Dog.name.desc()).all() == [("rex",), ("pip",)]
    union = session.query(Dog.name).union_all(session.query(Cat.name))
    assert union.order_by(Dog.name).all() == [("pip",), ("rex",), ("tom",)]


def test_exists_with_conditions_on_a_single_table_class_is_about_its_rows(animals: Any) -> None:
    session, Animal, Cat, Dog, _, _ = animals
    assert session.query(exists().where(Cat.name == "rex")).scalar() is False
    assert session.query(exists().where(Dog.name == "rex")).scalar() is True
    assert session.query(exists().where(Animal.name == "rex")).scalar() is True
    named = aliased(Cat)
    assert session.query(Animal.name).filter(exists().where(named.name == Animal.name)).all() == [("tom",)]
    others = session.query(Animal.name).filter(~exists().where(named.name == Animal.name))
    assert others.count() == session.query(Animal).count() - 1
    assert ("tom",) not in others.all()


# -- concrete


def test_concrete_classes_and_a_polymorphic_union(engine: Engine) -> None:
    metadata, registry = MetaData(), Registry()
    staff_table = Table("staff", metadata, Column("id", Integer, primary_key=True), Column("name", String))
    boss_table = Table(
        "boss", metadata, Column("id", Integer, primary_key=True), Column("name", String), Column("budget", Integer)
    )
    union = polymorphic_union({"staff": staff_table, "boss": boss_table}, "kind", "everyone")

    class Staff:
        def __init__(self, name: str) -> None:
            self.name = name

    class Boss(Staff):
        budget: Any

    mapper(
        Staff, staff_table, with_polymorphic=("*", union), polymorphic_on=union.c.kind, polymorphic_identity="staff",
        registry=registry,
    )  # fmt: skip
    mapper(Boss, boss_table, inherits=Staff, concrete=True, polymorphic_identity="boss", registry=registry)
    metadata.create_all(engine)
    with Session(bind=engine) as session:
        boss = Boss("b")
        boss.budget = 5
        session.add_all([Staff("a"), boss])
        session.commit()
        session.expunge_all()
        found = sorted(session.query(Staff).all(), key=lambda s: s.name)
        assert [(type(s).__name__, s.id, s.name) for s in found] == [("Staff", 1, "a"), ("Boss", 1, "b")]
        assert found[1].budget == 5
        assert session.query(Staff).filter(Staff.name == "b").one() is found[1]
        assert session.query(Boss).one() is found[1]
        found[0].name, found[1].budget = "aa", 6
        session.commit()
        assert session.scalar("SELECT name FROM staff") == "aa"
        assert session.scalar("SELECT budget FROM boss") == 6
        session.delete(found[1])
        session.commit()
        assert [s.name for s in session.query(Staff)] == ["aa"]


def test_a_concrete_class_does_not_have_its_parents_other_attributes(engine: Engine) -> None:
    metadata, registry = MetaData(), Registry()
    a = Table("a", metadata, Column("id", Integer, primary_key=True), Column("text", String))
    b = Table("b", metadata, Column("id", Integer, primary_key=True))

    class A:
        pass

    class B(A):
        pass

    mapper(A, a, registry=registry)
    mapper(B, b, inherits=A, concrete=True, registry=registry)
    with pytest.raises(AttributeError, match="B has no attribute 'text': it is mapped with concrete=True"):
        B().text  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="concrete"):
        B().text = "x"  # type: ignore[attr-defined]


# -- classical, and mistakes


def test_classical_joined_inheritance_with_another_key_name(engine: Engine) -> None:
    metadata, registry = MetaData(), Registry()
    people = Table("people", metadata, Column("id", Integer, primary_key=True), Column("kind", String(5)))
    pilots = Table(
        "pilots", metadata, Column("person_id", ForeignKey("people.id"), primary_key=True), Column("hours", Integer)
    )

    class Person:
        pass

    class Pilot(Person):
        hours: Any
        id: Any
        person_id: Any

    mapper(Person, people, polymorphic_on=people.c.kind, polymorphic_identity="p", registry=registry)
    mapper(Pilot, pilots, inherits=Person, polymorphic_identity="pilot", registry=registry)
    metadata.create_all(engine)
    with Session(bind=engine) as session:
        pilot = Pilot()
        pilot.hours = 3
        session.add(pilot)
        session.commit()
        assert pilot.id == pilot.person_id
        assert session.query(Person).one() is pilot


def _tables() -> tuple[MetaData, Table, Table]:
    metadata = MetaData()
    one = Table("one", metadata, Column("id", Integer, primary_key=True), Column("kind", String))
    two = Table("two", metadata, Column("id", Integer, primary_key=True), Column("kind", String))
    return metadata, one, two


def test_mistakes_in_inheritance_are_named() -> None:
    _, one, two = _tables()
    registry = Registry()

    class Base:
        pass

    class Sub(Base):
        pass

    mapper(Base, one, polymorphic_on=one.c.kind, polymorphic_identity="base", registry=registry)
    with pytest.raises(ArgumentError, match="no foreign key connects table 'two' with its parent's"):
        mapper(Sub, two, inherits=Base, registry=registry)
    with pytest.raises(ArgumentError, match="is no subclass of Base"):
        mapper(type("Other", (), {}), inherits=Base, registry=registry)
    with pytest.raises(ArgumentError, match="needs a table of its own"):
        mapper(Sub, inherits=Base, concrete=True, registry=registry)
    with pytest.raises(ArgumentError, match="both have polymorphic_identity='base'"):
        mapper(Sub, inherits=Base, polymorphic_identity="base", registry=registry)
    with pytest.raises(ArgumentError, match="names no column attribute"):
        mapper(type("Third", (), {}), two, polymorphic_on="nothing", registry=registry)
    with pytest.raises(ArgumentError, match="with_polymorphic= needs polymorphic_on="):
        mapper(type("Fourth", (), {}), two, with_polymorphic="*", registry=registry)


def test_several_foreign_keys_to_the_parent_are_listed() -> None:
    base = declarative_base()

    class Parent(base):
        __tablename__ = "parent"
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(ArgumentError, match=r"several foreign keys connect .*child\.a; child\.b"):

        class Child(Parent):
            __tablename__ = "child"
            a: Mapped[int] = mapped_column(ForeignKey("parent.id"))
            b: Mapped[int] = mapped_column(ForeignKey("parent.id"))
            own: Mapped[int] = mapped_column(primary_key=True)


def test_single_table_subclasses_cannot_have_the_same_column(engine: Engine) -> None:
    base = declarative_base()

    class Parent(base):
        __tablename__ = "parent"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind"}

    class One(Parent):
        note: Mapped[str | None]
        __mapper_args__ = {"polymorphic_identity": "one"}

    with pytest.raises(ArgumentError, match=r"Two\.note is a column of table 'parent' already"):

        class Two(Parent):
            note: Mapped[str | None]
            __mapper_args__ = {"polymorphic_identity": "two"}


def test_a_subclass_that_is_mapped_later_is_taken_in_by_queries_and_relationships(engine: Engine) -> None:
    base = declarative_base()

    class Zoo(base):
        __tablename__ = "zoo"
        id: Mapped[int] = mapped_column(primary_key=True)
        beasts: Mapped[list[Beast]] = relationship(order_by="Beast.id")

    class Beast(base):
        __tablename__ = "beast"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        zoo_id: Mapped[int | None] = mapped_column(ForeignKey("zoo.id"))
        horns: Mapped[int | None]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "beast"}

    base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        session.add(Zoo(beasts=[Beast(horns=1)]))
        session.commit()
        assert [b.horns for b in session.query(Zoo).one().beasts] == [1]
        assert session.query(Beast).count() == 1

        class Goat(Beast):
            __mapper_args__ = {"polymorphic_identity": "goat"}
            beard: Mapped[str | None] = mapped_column("horns_text", String(9), nullable=True)

        session.execute("ALTER TABLE beast ADD COLUMN horns_text VARCHAR(9)")
        session.add(Goat(zoo_id=1, beard="long"))
        session.commit()
        session.expunge_all()
        assert [getattr(b, "beard", None) for b in session.query(Zoo).one().beasts] == [None, "long"]
        assert [type(b).__name__ for b in session.query(Beast).order_by(Beast.id)] == ["Beast", "Goat"]


def test_bulk_operations_write_the_tables_of_a_class(joined: Joined, staff: Session, animals: Any) -> None:
    staff.bulk_insert(joined.Engineer, [{"name": "x"}])
    assert type(staff.query(joined.Engineer).filter_by(name="x").one()) is joined.Engineer
    staff.commit()
    session, Animal, Cat, *_ = animals
    session.bulk_insert(Cat, [{"name": "kit", "lives": 7}])
    assert type(session.query(Animal).filter_by(name="kit").one()) is Cat


def test_an_inherit_condition_of_ones_own(engine: Engine) -> None:
    metadata, registry = MetaData(), Registry()
    base_table = Table("base_t", metadata, Column("id", Integer, primary_key=True), Column("kind", String(5)))
    sub_table = Table(
        "sub_t", metadata, Column("id", Integer, primary_key=True, autoincrement=False), Column("note", String(9))
    )

    class Base:
        id: Any

    class Sub(Base):
        note: Any

    mapper(Base, base_table, polymorphic_on=base_table.c.kind, polymorphic_identity="base", registry=registry)
    with pytest.raises(ArgumentError, match=r"inherit_condition=.* equates no column of table 'sub_t'"):
        mapper(Sub, sub_table, inherits=Base, inherit_condition=base_table.c.id == 5, registry=registry)
    mapper(
        Sub, sub_table, inherits=Base, polymorphic_identity="sub", registry=registry,
        inherit_condition=lambda: base_table.c.id == sub_table.c.id,
    )  # fmt: skip
    metadata.create_all(engine)
    with Session(bind=engine) as session:
        sub = Sub()
        sub.note = "x"
        session.add(sub)
        session.commit()
        session.expunge_all()
        found = session.query(Base).one()
        assert (type(found), found.note) == (Sub, "x")
        assert session.scalar("SELECT id FROM sub_t") == found.id


def test_a_class_that_is_joined_to_a_select_needs_a_condition() -> None:
    metadata, registry = MetaData(), Registry()
    one = Table("one", metadata, Column("id", Integer, primary_key=True))

    class Base:
        pass

    class Sub(Base):
        pass

    mapper(Base, one, registry=registry)
    with pytest.raises(ArgumentError, match="pass inherit_condition="):
        mapper(Sub, select(one.c.id).subquery(), inherits=Base, registry=registry)


def test_a_polymorphic_union_of_selects(engine: Engine) -> None:
    metadata = MetaData()
    a = Table("a", metadata, Column("id", Integer, primary_key=True), Column("x", Integer))
    b = Table("b", metadata, Column("id", Integer, primary_key=True), Column("y", Integer))
    metadata.create_all(engine)
    union = polymorphic_union({"a": select(a), "b": b}, "kind")
    assert union.c.keys() == ["id", "x", "y", "kind"]
    assert polymorphic_union({"a": a}, None).c.keys() == ["id", "x"]
    with engine.begin() as connection:
        connection.execute(a.insert().values(x=1))
        connection.execute(b.insert().values(y=2))
        rows = connection.execute(select(union).order_by(union.c.kind)).all()
    assert [tuple(row) for row in rows] == [(1, 1, None, "a"), (1, None, 2, "b")]
    with pytest.raises(ArgumentError, match="got none"):
        polymorphic_union({}, "kind")
