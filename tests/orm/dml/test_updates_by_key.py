"""``update(Class)`` with a list of rows: each is found by its primary key, as in ``bulk_update()``."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Engine,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    Session,
    StaleDataError,
    aliased,
    bindparam,
    column_property,
    declarative_base,
    delete,
    mapped_column,
    select,
    update,
)
from tests.statements import StatementLog

Base = declarative_base()


class Lamp(Base):
    __tablename__ = "lamp"
    id: Mapped[int] = mapped_column(primary_key=True)
    watt: Mapped[int] = mapped_column("power")
    note: Mapped[str | None]
    touched: Mapped[int] = mapped_column(default=0, onupdate=lambda: 7)
    double: Mapped[int] = column_property(lambda: Lamp.watt * 2)


class Seat(Base):
    __tablename__ = "seat"
    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    guest: Mapped[str | None]


class Employee(Base):
    __tablename__ = "employee"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "employee"}


class Engineer(Employee):
    __tablename__ = "engineer"
    engineer_id: Mapped[int] = mapped_column(ForeignKey("employee.id"), primary_key=True)
    language: Mapped[str]
    __mapper_args__ = {"polymorphic_identity": "engineer"}


class Manager(Employee):
    car: Mapped[str | None]
    __mapper_args__ = {"polymorphic_identity": "manager"}


@pytest.fixture
def session(engine: Engine) -> Any:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Lamp(id=1, watt=40), Lamp(id=2, watt=60)])
        session.add_all([Seat(row=1, number=1), Seat(row=1, number=2)])
        session.add_all([Engineer(id=1, name="ann", language="C"), Manager(id=2, name="bo"), Employee(id=3, name="cy")])
        session.commit()
        yield session


def lamps(session: Session) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in session.execute(select(Lamp.id, Lamp.watt, Lamp.note).order_by(Lamp.id))]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"id": 2, "watt": 75}], [(1, 40, None), (2, 75, None)]),
        ([{"id": 2, "watt": 75}, {"watt": 45, "id": 1}], [(1, 45, None), (2, 75, None)]),
        ([{"id": 1, "note": "x"}, {"id": 2, "watt": 75}], [(1, 40, "x"), (2, 75, None)]),
        ([{"id": 1, "watt": Lamp.watt + 1}, {"id": 2, "watt": 75}], [(1, 41, None), (2, 75, None)]),
        ([{"id": 1, "note": None}], [(1, 40, None), (2, 60, None)]),
        ([{Lamp.id: 1, Lamp.watt: 5}], [(1, 5, None), (2, 60, None)]),
        ([], [(1, 40, None), (2, 60, None)]),
    ],
)
def test_each_row_of_a_list_is_found_by_its_primary_key(session: Session, rows: Any, expected: Any) -> None:
    assert session.execute(update(Lamp), rows).rowcount == len(rows)
    assert lamps(session) == expected


def test_many_rows_take_one_statement_for_each_set_of_columns(session: Session, statements: StatementLog) -> None:
    with statements.expect(1, "UPDATE"):
        session.execute(update(Lamp), [{"id": 1, "watt": 1}, {"id": 2, "watt": 2}])


def test_objects_of_the_session_are_in_step(session: Session) -> None:
    lamp = session.get(Lamp, 1)
    assert lamp is not None
    assert (lamp.watt, lamp.double, lamp.touched) == (40, 80, 0)
    session.execute(update(Lamp), [{"id": 1, "watt": 5}])
    assert (lamp.watt, lamp.double, lamp.touched) == (5, 10, 7)
    session.execute(update(Lamp).execution_options(synchronize_session=False), [{"id": 1, "watt": 6}])
    assert lamp.watt == 5


def test_a_composite_key_is_given_in_full(session: Session) -> None:
    session.execute(update(Seat), [{"row": 1, "number": 2, "guest": "ann"}])
    assert session.execute(select(Seat.number, Seat.guest).order_by(Seat.number)).all() == [(1, None), (2, "ann")]
    with pytest.raises(ArgumentError, match="row of Seat without its key number"):
        session.execute(update(Seat), [{"row": 1, "guest": "bo"}])


@pytest.mark.parametrize("rows", [[{"id": 9, "watt": 1}], [{"id": 1, "watt": 1}, {"id": 9, "watt": 1}]])
def test_a_row_that_is_gone_is_an_error(session: Session, rows: Any) -> None:
    with pytest.raises(StaleDataError, match="some keys are not there"):
        session.execute(update(Lamp), rows)
    session.rollback()
    assert lamps(session) == [(1, 40, None), (2, 60, None)]


def test_a_row_that_occurs_twice_is_an_error(session: Session) -> None:
    with pytest.raises(StaleDataError, match="occur twice"):
        session.execute(update(Lamp), [{"id": 1, "watt": 1}, {"id": 1, "watt": 2}])


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ([{"watt": 1}], ArgumentError, "without its key id"),
        ([{"id": 1, "watt": 1}, {"id": None, "watt": 1}], ArgumentError, "without its key id"),
        ([{"id": 1, "wat": 1}], InvalidRequestError, "no column attribute 'wat'. Did you mean 'watt'"),
        ({"id": 1, "watt": 1}, ArgumentError, r"all rows would get this key.*pass a list"),
    ],
)
def test_mistakes_in_the_rows_are_refused_and_cost_no_transaction(
    session: Session, rows: Any, error: Any, message: str
) -> None:
    with pytest.raises(error, match=message):
        session.execute(update(Lamp), rows)
    assert lamps(session) == [(1, 40, None), (2, 60, None)]


@pytest.mark.parametrize(
    "statement",
    [
        update(Lamp).values(watt=bindparam("w")),
        update(Lamp).values(watt=Lamp.watt + 1),
        update(Lamp.__table__).values(power=bindparam("w")),
        delete(Lamp),
        delete(Lamp.__table__),
    ],
)
@pytest.mark.parametrize("rows", [[{"w": 1}], [{"w": 1}, {"w": 2}]])
def test_a_list_for_a_statement_about_all_rows_is_refused(session: Session, statement: Any, rows: Any) -> None:
    with pytest.raises(ArgumentError, match="has no WHERE"):
        session.execute(statement, rows)
    assert len(lamps(session)) == 2


def test_a_plain_table_has_no_attributes_to_go_by(session: Session) -> None:
    for run in (session.execute, session.connection().execute):
        with pytest.raises(ArgumentError, match=r"has no WHERE.*lamp\.c\.id == bindparam"):
            run(update(Lamp.__table__), [{"id": 1, "power": 1}])
    assert lamps(session) == [(1, 40, None), (2, 60, None)]


def test_criteria_decide_where_there_are_some(session: Session) -> None:
    statement = update(Lamp).where(Lamp.id == bindparam("lamp"))
    session.execute(statement, [{"lamp": 1, "watt": 5}, {"lamp": 2, "watt": 7}])
    assert lamps(session) == [(1, 5, None), (2, 7, None)]


def test_one_mapping_without_the_key_is_about_all_rows(session: Session) -> None:
    session.execute(update(Lamp), {"note": "x"})
    assert lamps(session) == [(1, 40, "x"), (2, 60, "x")]


def test_an_alias_and_returning_are_refused(session: Session) -> None:
    for statement in (update(aliased(Lamp)), update(Lamp).returning(Lamp.id)):
        with pytest.raises(InvalidRequestError, match="goes by primary key"):
            session.execute(statement, [{"id": 1, "watt": 1}])


def test_rows_in_several_tables_are_written_in_each(session: Session) -> None:
    engineer = session.get(Engineer, 1)
    assert engineer is not None
    session.execute(update(Engineer), [{"id": 1, "name": "anna", "language": "Python"}])
    assert (engineer.name, engineer.language) == ("anna", "Python")
    assert session.bulk_update(Engineer, [{"id": 1, "language": "Go"}]) == 1
    session.commit()
    assert (engineer.name, engineer.language) == ("anna", "Go")


@pytest.mark.parametrize(
    ("class_", "row"),
    [(Engineer, {"id": 2, "name": "x"}), (Manager, {"id": 1, "name": "x"}), (Manager, {"id": 3, "name": "x"})],
)
def test_a_row_of_another_class_is_not_found(session: Session, class_: Any, row: Any) -> None:
    with pytest.raises(StaleDataError, match="those of other classes"):
        session.execute(update(class_), [row])
    session.rollback()
    assert "x" not in session.scalars(select(Employee.name)).all()


def test_the_base_of_a_family_writes_rows_of_all_its_classes(session: Session) -> None:
    session.execute(update(Employee), [{"id": n, "name": f"n{n}"} for n in (1, 2, 3)])
    assert sorted(e.name for e in session.query(Employee)) == ["n1", "n2", "n3"]


def test_in_autocommit_mode_the_list_is_one_transaction(session: Session) -> None:
    with Session(session.bind, autocommit=True) as other:
        with pytest.raises(StaleDataError):
            other.execute(update(Lamp), [{"id": 1, "watt": 1}, {"id": 9, "watt": 1, "note": "x"}])
        assert lamps(other) == [(1, 40, None), (2, 60, None)]
        other.execute(update(Lamp), [{"id": 1, "watt": 1}])
    assert lamps(session) == [(1, 1, None), (2, 60, None)]


@pytest.mark.parametrize("way", ["auto", "fetch", False])
def test_criteria_beside_a_list_of_rows_leave_out_rows(session: Session, way: Any) -> None:
    first, second = session.query(Lamp).order_by(Lamp.id)
    statement = update(Lamp).where(Lamp.watt > 50).execution_options(synchronize_session=way)
    result = session.execute(
        statement, [{"id": 1, "watt": 1, "note": "a"}, {"id": 2, "watt": 2, "note": "b"}, {"id": 9, "watt": 9}]
    )
    assert result.rowcount == 1
    assert lamps(session) == [(1, 40, None), (2, 2, "b")]
    if way is not False:
        assert (first.watt, second.watt, second.note) == (40, 2, "b")
    statement = update(Lamp).where(Lamp.watt > bindparam("more_than")).values(watt=bindparam("wanted"))
    rows = [{"id": 1, "more_than": 39, "wanted": 41}, {"id": 2, "more_than": 39, "wanted": 42}]
    session.execute(statement.execution_options(synchronize_session=way), rows)
    assert lamps(session) == [(1, 41, None), (2, 2, "b")]
    session.execute(update(Seat).where(Seat.number < 2), [{"row": 1, "number": 1}, {"row": 1, "number": 2}])
    # a parameter of the criteria may be called as the key
    session.execute(update(Lamp).where(Lamp.id == bindparam("id")), [{"id": 1, "watt": 5}, {"id": 2, "watt": 6}])
    assert [watt for _, watt, _ in lamps(session)] == [5, 6]
