"""Queries of a family three levels deep, whose classes refer to each other."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    Engine,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    Session,
    Table,
    aliased,
    contains_eager,
    declarative_base,
    defer,
    func,
    joinedload,
    mapped_column,
    relationship,
    select,
    selectinload,
    subqueryload,
)
from tests.statements import StatementLog


def _family(with_polymorphic: Any) -> SimpleNamespace:
    base = declarative_base()
    engineer_skill = Table(
        "engineer_skill", base.metadata, Column("engineer_id", ForeignKey("engineer.id"), primary_key=True),
        Column("skill_id", ForeignKey("skill.id"), primary_key=True),
    )  # fmt: skip

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
        __mapper_args__ = {
            "polymorphic_on": "kind", "polymorphic_identity": "employee", "with_polymorphic": with_polymorphic,
        }  # fmt: skip

    class Skill(base):
        __tablename__ = "skill"
        id: Mapped[int] = mapped_column(primary_key=True)
        label: Mapped[str]

    class Engineer(Employee):
        __tablename__ = "engineer"
        id: Mapped[int] = mapped_column(ForeignKey("employee.id"), primary_key=True)
        language: Mapped[str]
        lead_id: Mapped[int | None] = mapped_column(ForeignKey("engineer.id"))
        lead: Mapped[Engineer | None] = relationship(remote_side="Engineer.id", foreign_keys=lead_id, backref="team")
        skills: Mapped[list[Skill]] = relationship(secondary=engineer_skill, backref="engineers", order_by="Skill.id")
        machines: Mapped[list[Machine]] = relationship(back_populates="owner", order_by="Machine.id")
        __mapper_args__ = {"polymorphic_identity": "engineer"}

    class Machine(base):
        __tablename__ = "machine"
        id: Mapped[int] = mapped_column(primary_key=True)
        label: Mapped[str]
        owner_id: Mapped[int | None] = mapped_column(ForeignKey("engineer.id"))
        owner: Mapped[Engineer | None] = relationship(back_populates="machines")

    class Senior(Engineer):
        __tablename__ = "senior"
        id: Mapped[int] = mapped_column(ForeignKey("engineer.id"), primary_key=True)
        level: Mapped[int]
        __mapper_args__ = {"polymorphic_identity": "senior"}

    class Trainee(Employee):
        ends: Mapped[int | None]
        tutor_id: Mapped[int | None] = mapped_column(ForeignKey("engineer.id", use_alter=True, name="fk_tutor"))
        tutor: Mapped[Engineer | None] = relationship(foreign_keys=tutor_id)
        __mapper_args__ = {"polymorphic_identity": "trainee"}

    return SimpleNamespace(**{k: v for k, v in locals().items() if isinstance(v, type)}, metadata=base.metadata)


@pytest.fixture(params=[None, "*"], ids=["base table", "with_polymorphic"])
def family(request: Any, engine: Engine) -> Iterator[SimpleNamespace]:
    f = _family(request.param)
    f.metadata.create_all(engine)
    session = f.session = Session(bind=engine)
    acme, bits = f.Company(name="acme"), f.Company(name="bits")
    py, go = f.Skill(label="py"), f.Skill(label="go")
    machines = [f.Machine(label="m1"), f.Machine(label="m2")]
    ann = f.Engineer(name="ann", language="py", company=acme, skills=[py, go], machines=machines)
    bob = f.Senior(name="bob", language="go", level=3, company=acme, lead=ann, skills=[go])
    cat = f.Senior(name="cat", language="c", level=5, company=bits, lead=bob, machines=[f.Machine(label="m3")])
    eve = f.Trainee(name="eve", ends=2030, company=bits, tutor=ann)
    session.add_all([ann, bob, cat, eve, f.Employee(name="fay", company=acme)])
    session.commit()
    session.expunge_all()
    yield f
    session.close()


def names(query: Any) -> list[str]:
    return sorted(obj.name for obj in query)


def test_every_way_to_count_and_enclose_a_class_sees_its_rows_only(family: Any) -> None:
    session = family.session
    for class_, count in ((family.Employee, 5), (family.Engineer, 3), (family.Senior, 2), (family.Trainee, 1)):
        alias = aliased(class_)
        assert len(session.query(class_).all()) == count
        assert session.query(class_).count() == count
        assert session.query(func.count(class_.id)).scalar() == count
        assert session.query(func.count(class_.name)).scalar() == count
        assert session.scalar(select(func.count()).select_from(class_)) == count
        assert len(session.query(class_.name).all()) == count
        assert len(session.query(class_).from_self().filter(class_.id > 0).all()) == count
        assert session.query(class_).from_self().count() == count
        assert session.query(class_).limit(1).count() == 1
        assert len(session.query(alias).all()) == len(session.query(alias.name).all()) == count
        assert session.query(func.count(alias.id)).scalar() == count
        assert len(session.query(class_, alias).filter(class_.id == alias.id).all()) == count
        assert len(list(session.query(class_).yield_per(1))) == count
        union = (
            session.query(class_).filter(class_.name == "bob").union(session.query(class_).filter(class_.name == "eve"))
        )
        assert names(union) == [name for name in ("bob", "eve") if name in names(session.query(class_))]


def test_criteria_on_relationships_within_the_family(family: Any) -> None:
    session, Engineer, Senior, Trainee = family.session, family.Engineer, family.Senior, family.Trainee
    assert names(session.query(Engineer).filter(Engineer.lead.has(Engineer.name == "ann"))) == ["bob"]
    assert names(session.query(Engineer).filter(Engineer.team.any(Engineer.language == "c"))) == ["bob"]
    assert names(session.query(Engineer).filter(Engineer.lead.of_type(Senior).has(Senior.level == 3))) == ["cat"]
    assert names(session.query(Trainee).filter(Trainee.tutor.has(name="ann"))) == ["eve"]
    lead, senior_lead = aliased(Engineer), aliased(Senior)
    assert [(a.name, b.name) for a, b in session.query(Engineer, lead).join(lead, Engineer.lead).order_by(Engineer.name)] == [
        ("bob", "ann"), ("cat", "bob"),
    ]  # fmt: skip
    assert names(session.query(Engineer).join(Engineer.lead.of_type(senior_lead))) == ["cat"]
    assert names(session.query(Engineer).join(Engineer.lead, aliased=True).filter(Engineer.name == "ann")) == ["bob"]
    assert (
        session.query(family.Skill).join(family.Skill.engineers.of_type(Senior)).filter(Senior.level == 3).count() == 1
    )
    Company = family.Company
    assert names(session.query(Company).filter(Company.employees.of_type(Trainee).any())) == ["bits"]
    assert names(session.query(Company).outerjoin(Company.employees.of_type(Trainee)).filter(Trainee.id.is_(None))) == [
        "acme"
    ]


def test_a_table_cannot_be_joined_twice_under_one_name(family: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"table 'employee' is in the statement already.*aliased\(Class\)"):
        family.session.query(family.Trainee).join(family.Trainee.tutor)
    tutor = aliased(family.Engineer)
    assert names(
        family.session.query(family.Trainee).join(tutor, family.Trainee.tutor).filter(tutor.language == "py")
    ) == ["eve"]


@pytest.mark.parametrize("option", [joinedload, subqueryload, selectinload])
def test_eager_loading_of_what_only_subclasses_have(family: Any, statements: StatementLog, option: Any) -> None:
    session, Engineer, Employee = family.session, family.Engineer, family.Employee
    found = session.query(Employee).options(option(Engineer.machines)).order_by(Employee.name).all()
    with statements.expect(0):
        assert [[m.label for m in e.machines] for e in found if isinstance(e, Engineer)] == [["m1", "m2"], [], ["m3"]]
    session.expunge_all()
    companies = session.query(family.Company).options(option(family.Company.employees, Engineer.machines)).all()
    assert {m.label for c in companies for e in c.employees if isinstance(e, Engineer) for m in e.machines} == {
        "m1",
        "m2",
        "m3",
    }
    session.expunge_all()
    alias = aliased(Engineer)
    found = session.query(alias).options(option(alias.machines), option(alias.lead)).order_by(alias.name).limit(3).all()
    with statements.expect(0):
        assert [e.lead.name if e.lead else None for e in found] == [None, "ann", "bob"]
        assert [len(e.machines) for e in found] == [2, 0, 1]
    session.expunge_all()
    enclosed = session.query(Engineer).options(option(Engineer.machines)).from_self().order_by(Engineer.name).limit(2)
    assert [[m.label for m in e.machines] for e in enclosed] == [["m1", "m2"], []]
    with pytest.raises(ArgumentError, match="has no relationship 'machines'"):
        session.query(Employee).options(option("machines")).all()
    assert session.query(Employee).options(defer(Engineer.language)).count() == 5


def test_a_subclasss_relationship_that_is_eager_by_its_mapping(family: Any, statements: StatementLog) -> None:
    family.Engineer.machines.property.lazy = "selectin"
    for mapper_ in family.Engineer.__mapper__.lineage:
        mapper_.has_eager = True
    found = family.session.query(family.Employee).order_by(family.Employee.id).all()
    with statements.expect(0):
        assert [len(e.machines) for e in found if isinstance(e, family.Engineer)] == [2, 0, 1]


def test_contains_eager_with_a_subclass(family: Any, statements: StatementLog) -> None:
    session, Company, Engineer = family.session, family.Company, family.Engineer
    query = session.query(Company).join(Company.employees.of_type(Engineer)).order_by(Company.name)
    companies = query.options(contains_eager(Company.employees.of_type(Engineer))).all()
    with statements.expect(0):
        assert [sorted((e.name, e.language) for e in c.employees) for c in companies] == [
            [("ann", "py"), ("bob", "go")], [("cat", "c")],
        ]  # fmt: skip


def test_joins_along_a_relationship_that_a_class_has_inherited(family: Any) -> None:
    session, Company, Engineer, Senior = family.session, family.Company, family.Engineer, family.Senior
    pairs = session.query(Senior.name, Company.name).join(Senior.company).order_by(Senior.name)
    assert pairs.all() == [("bob", "acme"), ("cat", "bits")]
    assert session.execute(select(Engineer.name).join(Engineer.company).where(Company.name == "bits")).all() == [
        ("cat",)
    ]
    skills = session.query(Senior.name, family.Skill.label).join(Senior.skills)
    assert skills.all() == [("bob", "go")]
    assert session.query(family.Skill.label).select_from(Senior).join(Senior.skills).all() == [("go",)]
    assert names(session.query(Senior).from_self().join(Senior.company).filter(Company.name == "acme")) == ["bob"]
    assert names(session.query(Senior).from_self().join(Senior.skills).filter(family.Skill.label == "go")) == ["bob"]
    counted = session.query(Senior.name, func.count(family.Skill.id)).outerjoin(Senior.skills).group_by(Senior.name)
    assert sorted(counted) == [("bob", 1), ("cat", 0)]


def test_an_alias_takes_the_objects_of_a_family_from_a_subquery(family: Any) -> None:
    session = family.session
    for class_, wanted in ((family.Employee, 5), (family.Engineer, 3), (family.Senior, 2), (family.Trainee, 1)):
        alias = aliased(class_, session.query(class_).filter(class_.name != "x").subquery())
        assert len(session.query(alias).all()) == wanted
        assert len(session.query(alias).filter(alias.name == "bob").all()) == (0 if class_ is family.Trainee else 1)
    few = aliased(family.Employee, select(*family.Employee.__table__.c).subquery())
    assert [e.language for e in session.query(few).filter(few.name == "cat")] == ["c"]


def test_keys_have_names_of_their_own_on_each_level(engine: Engine) -> None:
    base = declarative_base()

    class Top(base):
        __tablename__ = "top"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "top"}

    class Middle(Top):
        __tablename__ = "middle"
        top_id: Mapped[int] = mapped_column(ForeignKey("top.id"), primary_key=True)
        __mapper_args__ = {"polymorphic_identity": "middle"}

    class Bottom(Middle):
        __tablename__ = "bottom"
        id: Mapped[int] = mapped_column(ForeignKey("middle.top_id"), primary_key=True)
        note: Mapped[str]
        __mapper_args__ = {"polymorphic_identity": "bottom"}

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Top(), Bottom(note="x")])
        session.commit()
        session.expunge_all()
        bottom = session.query(Top).filter(Top.kind == "bottom").one()
        assert (bottom.id, bottom.top_id, bottom.note) == (2, 2, "x")
        assert session.query(Bottom).filter(Bottom.id == 2).one() is bottom


@pytest.mark.parametrize("is_alias", [False, True], ids=["class", "alias"])
def test_distinct_and_grouped_objects_are_ordered_by_their_own_key(family: Any, is_alias: bool) -> None:
    session = family.session
    senior = aliased(family.Senior) if is_alias else family.Senior
    ordered = [obj.id for obj in session.query(senior).order_by(senior.name)]
    distinct = select(senior).distinct()
    assert [obj.id for obj in session.scalars(distinct.order_by(senior.id.desc()))] == ordered[::-1]
    assert [obj.id for obj in session.query(senior).join(senior.skills).distinct().order_by(senior.id)] == ordered[:1]
    assert [obj.id for obj in session.scalars(distinct.order_by(senior.id).limit(1))] == ordered[:1]
    assert [obj.id for obj in session.scalars(select(senior).group_by(senior).order_by(senior.id))] == ordered
    assert session.scalar(select(distinct.order_by(senior.id).exists()))
    loaded = session.scalars(distinct.options(joinedload(senior.skills)).order_by(senior.id).limit(1)).unique().all()
    assert [obj.id for obj in loaded] == ordered[:1]


def test_a_join_from_a_subclass_joins_its_tables_to_the_base_that_is_there(family: Any) -> None:
    session, Company, Engineer, Machine = family.session, family.Company, family.Engineer, family.Machine
    Employee = family.Employee
    assert names(session.query(Company).join(Company.employees).join(Engineer.machines)) == ["acme", "bits"]
    found = session.query(Company).join(Company.employees).join(Engineer.machines).filter(Machine.label == "m3")
    assert names(found) == ["bits"]
    statement = select(Company).join(Company.employees).join(Engineer.skills).distinct()
    assert names(session.scalars(statement)) == ["acme"]
    pairs = (
        select(Employee.name, Machine.label)
        .select_from(Company)
        .outerjoin(Company.employees)
        .outerjoin(Engineer.machines)
        .order_by(Employee.name, Machine.label)
    )
    assert session.execute(pairs).all() == [
        ("ann", "m1"), ("ann", "m2"), ("bob", None), ("cat", "m3"), ("eve", None), ("fay", None),
    ]  # fmt: skip


def test_a_join_along_an_inherited_relationship_begins_at_the_subclass_that_names_it(family: Any) -> None:
    f, session = family, family.session
    with_machines = session.query(f.Machine.label).select_from(f.Company).join(f.Company.employees)
    assert sorted(label for (label,) in with_machines.join(f.Engineer.machines)) == ["m1", "m2", "m3"]
    if f.Employee.__mapper__.with_polymorphic is None:
        # without the subclasses' tables in the statement, theirs are joined
        assert [label for (label,) in with_machines.join(f.Senior.machines)] == ["m3"]
        assert names(session.query(f.Employee).join(f.Senior.skills)) == ["bob"]
        assert names(session.query(f.Employee).join(f.Senior.lead.of_type(aliased(f.Engineer)))) == ["bob", "cat"]
    assert f.Senior.machines is f.Senior.machines
    assert f.Senior.machines.class_ is f.Senior
    assert f.Senior.machines.property is f.Engineer.machines.property
    assert names(session.query(f.Senior).filter(f.Senior.machines.any())) == ["cat"]
    assert names(session.query(f.Senior).filter(f.Senior.lead.has(f.Engineer.name == "ann"))) == ["bob"]
    for option in (selectinload(f.Senior.machines), joinedload(f.Senior.machines)):
        session.expunge_all()
        assert all("machines" in vars(senior) for senior in session.query(f.Senior).options(option))
