"""begin, commit, rollback: root transactions, subtransactions, savepoints, autocommit mode."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    DBAPIError,
    Engine,
    IntegrityError,
    InvalidRequestError,
    ResourceClosedError,
    Session,
    create_engine,
    create_session,
    inspect,
    sessionmaker,
)
from tests.orm.models import Base, Place, User
from tests.statements import StatementLog


def names(session: Session) -> list[str]:
    return [name for (name,) in session.query(User.name).order_by(User.name)]


def test_an_unused_session_takes_no_connection(make_session: Any, tables: Engine) -> None:
    session: Session = make_session()
    assert session.is_active
    session.commit()
    session.rollback()
    session.close()
    assert tables.pool.checked_out() == 0


def test_a_flush_does_not_commit(make_session: Any) -> None:
    session, other = make_session(), make_session()
    session.add(User(name="ed"))
    session.flush()
    assert names(session) == ["ed"]
    session.rollback()
    assert names(other) == []


def test_work_is_seen_by_others_after_commit(make_session: Any) -> None:
    session, other = make_session(), make_session()
    session.add(User(name="ed"))
    session.commit()
    assert names(other) == ["ed"]


def test_the_connection_goes_back_at_commit_and_rollback(session: Session, tables: Engine) -> None:
    for end in (session.commit, session.rollback):
        session.query(User).all()
        assert tables.pool.checked_out() == 1
        end()
        assert tables.pool.checked_out() == 0


def test_begin_inside_a_transaction_is_an_error_that_names_the_ways(session: Session) -> None:
    session.query(User).all()
    with pytest.raises(InvalidRequestError, match=r"subtransactions=True.*nested=True"):
        session.begin()


def test_only_the_outermost_commit_of_subtransactions_counts(make_session: Any) -> None:
    session, other = make_session(), make_session()
    session.begin(subtransactions=True)
    session.begin(subtransactions=True)
    session.add(User(name="ed"))
    session.commit()
    session.commit()
    assert names(other) == []
    other.rollback()
    session.commit()
    assert names(other) == ["ed"]


def test_a_rollback_in_a_subtransaction_rolls_everything_back_and_each_level_must_end(make_session: Any) -> None:
    session, other = make_session(), make_session()
    session.begin(subtransactions=True)
    session.add(User(name="ed"))
    session.flush()
    session.rollback()
    assert not session.is_active
    with pytest.raises(InvalidRequestError, match="rollback"):
        session.commit()
    session.rollback()
    assert session.is_active
    session.add(User(name="fred"))
    session.commit()
    assert names(other) == ["fred"]


def test_a_savepoint_is_rolled_back_alone(session: Session) -> None:
    ed = User(name="ed")
    session.add(ed)
    session.begin_nested()
    fred = User(name="fred")
    session.add(fred)
    ed.email = "changed"
    session.flush()
    session.rollback()
    assert fred not in session
    assert ed.email is None
    session.commit()
    assert names(session) == ["ed"]


def test_savepoints_stack(make_session: Any, statements: StatementLog) -> None:
    session: Session = make_session()
    for number in range(3):
        session.begin_nested()
        session.add(User(name=f"u{number}"))
    session.commit()
    session.rollback()
    session.commit()
    session.commit()
    assert names(session) == ["u0"]
    assert sum("SAVEPOINT" in text.split()[0] for text in statements.transactions) == 3


def test_rolling_back_the_whole_undoes_released_savepoints(session: Session) -> None:
    user = User(name="ed")
    with session.begin_nested():
        session.add(user)
    assert user.id is not None
    session.rollback()
    assert user not in session
    assert user.id is None
    assert names(session) == []


def test_begin_nested_flushes_first_so_that_pending_objects_survive_its_rollback(session: Session) -> None:
    user = User(name="ed")
    session.add(user)
    session.begin_nested()
    session.rollback()
    assert user in session
    session.commit()
    assert names(session) == ["ed"]


def test_an_error_in_a_savepoint_leaves_the_rest_intact(session: Session) -> None:
    session.add(User(name="ed"))
    with pytest.raises(IntegrityError), session.begin_nested():
        session.add(User(name="ed"))
    session.add(User(name="fred"))
    session.commit()
    assert names(session) == ["ed", "fred"]


def test_transactions_are_context_managers(make_session: Any) -> None:
    session: Session = make_session()
    with session.begin():
        session.add(User(name="ed"))
    with pytest.raises(ZeroDivisionError), session.begin():
        session.add(User(name="fred"))
        raise ZeroDivisionError
    assert names(session) == ["ed"]


def test_a_session_as_context_manager_closes_itself(make_session: Any, tables: Engine) -> None:
    with make_session() as session:
        session.add(User(name="ed"))
        session.flush()
    assert tables.pool.checked_out() == 0
    assert names(session) == []


def test_an_ended_transaction_cannot_be_ended_again(session: Session) -> None:
    transaction = session.begin()
    transaction.commit()
    with pytest.raises(ResourceClosedError, match="has ended already"):
        transaction.commit()


def test_in_autocommit_mode_a_flush_is_a_transaction_of_its_own(make_session: Any, tables: Engine) -> None:
    session: Session = make_session(autocommit=True)
    assert not session.is_active
    with pytest.raises(InvalidRequestError, match="no transaction is in progress"):
        session.commit()
    session.rollback()
    session.add(User(name="ed"))
    session.flush()
    assert tables.pool.checked_out() == 0
    assert names(make_session()) == ["ed"]
    session.begin()
    assert session.is_active
    session.add(User(name="fred"))
    session.flush()
    session.rollback()
    assert not session.is_active
    assert session.scalar('SELECT count(*) FROM "user"') == 1
    session.execute('DELETE FROM "user"')
    assert names(make_session()) == []


def test_create_session_turns_the_defaults_round(tables: Engine) -> None:
    session = create_session(bind=tables)
    assert (session.autoflush, session.autocommit, session.expire_on_commit) == (False, True, False)
    session.add(User(name="ed"))
    assert session.query(User).count() == 0
    session.flush()
    assert session.query(User).count() == 1
    session.close()


def test_autoflush_writes_before_a_query_and_no_autoflush_does_not(session: Session) -> None:
    session.add(User(name="ed"))
    with session.no_autoflush:
        assert session.query(User).count() == 0 or session.new
        assert names(session) == []
    assert names(session) == ["ed"]


def test_a_session_on_a_connection_leaves_the_outcome_to_the_outer_transaction(tables: Engine) -> None:
    with tables.connect() as connection:
        outer = connection.begin()
        session = Session(bind=connection)
        session.add(User(name="ed"))
        session.commit()
        assert names(session) == ["ed"]
        session.close()
        outer.rollback()
        with Session(bind=connection) as after:
            assert names(after) == []


def test_sessionmaker_gives_a_subclass_whose_keywords_can_be_overridden(tables: Engine) -> None:
    factory = sessionmaker(bind=tables, autoflush=False)
    assert issubclass(factory, Session)
    assert factory().autoflush is False
    assert factory(autoflush=True).autoflush is True
    factory.configure(autoflush=True)
    assert factory().autoflush is True


# -- levels that are ended from outside


def test_committing_a_level_commits_those_inside_it(make_session: Any) -> None:
    session, other = make_session(), make_session()
    root = session.begin()
    session.add(User(name="a"))
    session.begin_nested()
    session.add(User(name="b"))
    session.begin(subtransactions=True)
    session.add(User(name="c"))
    root.commit()
    assert other.query(User).count() == 3
    assert session.query(User).count() == 3


def test_rolling_back_a_level_rolls_back_those_inside_it(session: Session) -> None:
    kept, one, two, three = (User(name=name) for name in "abcd")
    session.add(kept)
    outer = session.begin_nested()
    session.add(one)
    session.begin_nested()
    session.add(two)
    session.begin(subtransactions=True)
    session.add(three)
    session.flush()
    outer.rollback()
    assert [inspect(user).status for user in (kept, one, two, three)] == ["persistent", *["transient"] * 3]
    session.commit()
    assert session.query(User).one() is kept


def test_an_error_in_a_block_reaches_the_caller_though_levels_inside_are_open(session: Session) -> None:
    user = User(name="a")
    with pytest.raises(ZeroDivisionError), session.begin():
        session.begin_nested()
        session.add(user)
        session.begin(subtransactions=True)
        raise ZeroDivisionError
    assert session.is_active
    assert inspect(user).transient


def test_a_block_inside_a_failed_flush_reports_the_first_error(session: Session) -> None:
    with pytest.raises(IntegrityError), session.begin():
        session.add_all([User(name="same"), User(name="same")])
        session.flush()
    assert session.query(User).count() == 0


def test_after_a_failed_flush_every_use_names_the_first_error(session: Session) -> None:
    session.add_all([User(name="same"), User(name="same")])
    with pytest.raises(IntegrityError) as first:
        session.flush()
    assert not session.is_active
    for use in (session.commit, session.flush, lambda: session.query(User).all(), session.begin_nested):
        if use == session.flush:
            session.add(User(name="more"))
        with pytest.raises(InvalidRequestError, match=r"rollback\(\).*IntegrityError") as refused:
            use()
        assert refused.value.__cause__ is first.value
    session.rollback()
    assert session.is_active
    assert session.query(User).count() == 0


def test_each_level_keeps_its_own_accounts(session: Session) -> None:
    first, second, third = (User(name=name) for name in "abc")
    place = Place(x=1, y=1)
    session.add_all([first, place])
    session.commit()
    session.delete(first)
    session.begin_nested()
    session.add(second)
    place.x = 5
    session.begin_nested()
    session.add(third)
    place.x = 6
    session.delete(second)
    session.flush()
    assert session.get(Place, (6, 1)) is place
    session.rollback()
    assert inspect(third).transient
    assert inspect(second).persistent
    assert (place.x, session.get(Place, (5, 1))) == (5, place)
    session.rollback()
    assert inspect(second).transient
    assert place.x == 1
    assert not inspect(first).persistent
    session.rollback()
    assert inspect(first).persistent
    assert (first.name, third.name, second.id, third.id) == ("a", "c", None, None)
    assert session.get(Place, (1, 1)) is place


def test_a_released_savepoint_is_undone_with_the_whole(session: Session) -> None:
    deleted, place, new = User(name="deleted"), Place(x=1, y=1), User(name="new")
    session.add_all([deleted, place])
    session.commit()
    with session.begin_nested():
        session.delete(deleted)
        session.add(new)
        place.x = 2
    session.rollback()
    assert inspect(deleted).persistent
    assert inspect(new).transient
    assert session.get(Place, (1, 1)) is place


def test_without_accounting_objects_are_left_alone(make_session: Any) -> None:
    session = make_session(_enable_transaction_accounting=False)
    user, new = User(name="old"), User(name="new")
    session.add(user)
    session.commit()
    assert user.__dict__["name"] == "old", "nothing was expired"
    session.add(new)
    session.begin_nested()
    assert new in session.new, "begin_nested() did not flush"
    session.rollback()
    assert new in session.new
    user.name = "changed"
    session.delete(user)
    session.rollback()
    assert user in session.deleted
    assert user.name == "changed"


def test_without_accounting_a_failed_flush_leaves_new_objects_pending(make_session: Any) -> None:
    session = make_session(_enable_transaction_accounting=False)
    session.add(User(name="taken"))
    session.commit()
    good, bad = Place(x=1, y=1), User(name="taken")
    session.add_all([good, bad])
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()
    assert session.new == {good, bad}
    bad.name = "free"
    session.commit()
    assert session.query(User).count() == 2
    assert session.query(Place).one() is good


def test_in_autocommit_mode_a_savepoint_needs_a_transaction(make_session: Any) -> None:
    session = make_session(autocommit=True)
    assert not session.is_active
    with pytest.raises(InvalidRequestError, match=r"begin\(\) first"):
        session.begin_nested()
    with pytest.raises(InvalidRequestError, match="no transaction is in progress"):
        session.commit()
    session.rollback()
    with session.begin():
        assert session.is_active
        session.add(User(name="kept"))
        with pytest.raises(ZeroDivisionError), session.begin_nested():
            session.add(User(name="dropped"))
            raise ZeroDivisionError
    assert not session.is_active
    assert [user.name for user in session.query(User)] == ["kept"]


def test_in_autocommit_mode_a_failed_flush_is_rolled_back_by_itself(make_session: Any) -> None:
    session = make_session(autocommit=True)
    users = [User(name="same"), User(name="same")]
    session.add_all(users)
    with pytest.raises(IntegrityError):
        session.flush()
    assert all(inspect(user).transient for user in users)
    session.add(users[0])
    session.flush()
    assert session.query(User).count() == 1


def test_a_savepoint_that_cannot_be_released_is_rolled_back(postgresql_uri: str) -> None:
    engine = create_engine(postgresql_uri)
    Base.metadata.create_all(engine)
    session = Session(engine)
    new = User(name="new")
    nested = session.begin_nested()
    session.add(new)
    session.flush()
    with pytest.raises(DBAPIError):
        session.execute("SELECT nothing FROM nowhere")
    with pytest.raises(DBAPIError):
        nested.commit()
    assert inspect(new).transient
    session.rollback()
    session.add(User(name="after"))
    session.commit()
    assert session.query(User).count() == 1
    session.close()
    engine.dispose()


def test_close_ends_every_level_and_the_session_can_be_used_again(session: Session, tables: Engine) -> None:
    user = User(name="a")
    session.add(user)
    session.begin_nested()
    session.begin(subtransactions=True)
    session.flush()
    session.close()
    assert tables.pool.checked_out() == 0
    assert user not in session
    assert session.is_active
    assert session.query(User).count() == 0
    session.close()
    session.close()


@pytest.mark.parametrize("in_savepoint", [False, True])
@pytest.mark.parametrize("is_replaced", [False, True])
def test_an_object_whose_key_was_changed_before_it_was_deleted_comes_back_under_its_first_key(
    session: Session, in_savepoint: bool, is_replaced: bool
) -> None:
    place = Place(x=1, y=1, label="first")
    session.add(place)
    session.commit()
    if in_savepoint:
        session.begin_nested()
    place.x = 2
    session.flush()
    if is_replaced:
        session.add(Place(x=1, y=1, label="second"))
        session.flush()
    session.delete(place)
    session.flush()
    session.rollback()
    assert inspect(place).persistent
    assert (place.x, place.label) == (1, "first")
    assert session.get(Place, (1, 1)) is place
    assert session.get(Place, (2, 1)) is None
    place.label = "third"
    session.commit()
    assert session.query(Place.x, Place.label).all() == [(1, "third")]
