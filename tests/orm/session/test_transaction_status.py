"""The status of a Session's transaction: which changes there are, what shows it, and who may end it when."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    Engine,
    IntegrityError,
    InvalidRequestError,
    ResourceClosedError,
    Session,
    SessionExtension,
    event,
    inspect,
)
from flask_uow.orm.session.transaction import STATUS_CHANGES, Status
from tests.orm.models import User

ENDS = ("commit", "rollback", "close")


def test_every_status_can_end_and_nothing_follows_the_end() -> None:
    assert set(STATUS_CHANGES) == set(Status)
    assert not STATUS_CHANGES[Status.CLOSED]
    for status in set(Status) - {Status.CLOSED}:
        assert Status.CLOSED in STATUS_CHANGES[status]
        assert Status.ACTIVE not in STATUS_CHANGES[status]


@pytest.mark.parametrize("end", ENDS)
def test_a_transaction_is_active_until_it_is_ended(session: Session, end: str) -> None:
    transaction = session.begin()
    assert (transaction.status, transaction.is_active, transaction.is_closed) == (Status.ACTIVE, True, False)
    assert "root, active" in repr(transaction)
    getattr(session, end)()
    assert (transaction.status, transaction.is_active, transaction.is_closed) == (Status.CLOSED, False, True)
    assert "root, closed" in repr(transaction)


def test_the_levels_around_a_failed_one_have_failed_up_to_the_next_savepoint(session: Session) -> None:
    root = session.begin()
    savepoint = session.begin_nested()
    around = session.begin(subtransactions=True)
    session.add_all([User(id=1, name="ed"), User(id=1, name="wendy")])
    with pytest.raises(IntegrityError):
        session.flush()
    assert [level.status for level in (root, savepoint, around)] == [Status.ACTIVE, Status.FAILED, Status.FAILED]
    assert "savepoint, failed" in repr(savepoint)
    assert "subtransaction, failed" in repr(around)
    assert isinstance(savepoint.failure, IntegrityError)
    session.rollback()
    session.rollback()
    assert [level.status for level in (root, savepoint, around)] == [Status.ACTIVE, Status.CLOSED, Status.CLOSED]
    session.commit()


def test_a_transaction_fails_once_for_each_level_that_is_rolled_back_inside_it(session: Session) -> None:
    root = session.begin()
    outer = session.begin(subtransactions=True)
    session.begin(subtransactions=True).rollback()
    assert (root.status, outer.status) == (Status.FAILED, Status.FAILED)
    outer.rollback()
    assert (root.status, outer.status) == (Status.FAILED, Status.CLOSED)
    with pytest.raises(InvalidRequestError, match="rolled back by an error"):
        root.commit()
    root.rollback()
    assert root.status is Status.CLOSED


@pytest.mark.parametrize("end", ENDS)
def test_a_prepared_transaction_is_not_active_and_can_be_ended(make_session: Any, end: str, tables: Engine) -> None:
    session: Session = make_session(twophase=True)
    transaction = session.begin()
    session.add(User(name="ed"))
    if not tables.dialect.supports_two_phase:
        with pytest.raises(InvalidRequestError, match="cannot be prepared"):
            session.prepare()
        assert transaction.status is Status.ACTIVE
        return
    session.prepare()
    assert (transaction.status, transaction.is_active, transaction.is_prepared) == (Status.PREPARED, False, True)
    with pytest.raises(InvalidRequestError, match="is prepared"):
        session.query(User).all()
    getattr(session, end)()
    assert (transaction.status, transaction.is_prepared) == (Status.CLOSED, False)


@pytest.mark.parametrize("end", ["rollback", "close"])
def test_a_commit_is_an_error_when_a_hook_has_ended_the_transaction(make_session: Any, end: str) -> None:
    told: list[str] = []

    class Ending(SessionExtension):
        def before_commit(self, session: Session) -> None:
            getattr(session, end)()

        def after_commit(self, session: Session) -> None:
            told.append("committed")

    session: Session = make_session(extension=Ending())
    session.add(User(name="ed"))
    with pytest.raises(ResourceClosedError, match="a hook has called"):
        session.commit()
    assert told == []
    assert make_session().query(User).all() == []


def test_a_hook_after_the_commit_reads_what_was_committed_without_sql(make_session: Any) -> None:
    told: list[Any] = []

    class Telling(SessionExtension):
        def after_commit(self, session: Session) -> None:
            told.extend((user.id is not None, user.name) for user in list(session))
            told.append(session.in_transaction())

    session: Session = make_session(extension=Telling())
    user = User(name="ed")
    session.add(user)
    session.commit()
    assert told == [(True, "ed"), False]
    # and from then on the values of others are seen
    other: Session = make_session()
    other.query(User).update({"name": "fred"})
    other.commit()
    assert user.name == "fred"


def test_what_a_hook_changes_after_the_commit_is_work_of_the_next_transaction(make_session: Any) -> None:
    class Changing(SessionExtension):
        def after_commit(self, session: Session) -> None:
            for user in list(session):
                if user.name == "ed":
                    user.name = "fred"

    session: Session = make_session(extension=Changing())
    users = [User(name="ed"), User(name="wendy")]
    session.add_all(users)
    session.commit()
    assert list(session.dirty) == users[:1]
    assert not session.in_transaction()
    session.commit()
    assert sorted(name for (name,) in make_session().query(User.name)) == ["fred", "wendy"]


def test_what_a_listener_that_is_told_once_changes_after_the_commit_is_not_lost(make_session: Any) -> None:
    session: Session = make_session()
    user = User(name="ed")
    session.add(user)

    def rename(_: Session) -> None:
        user.name = "fred"

    event.listen(session, "after_commit", rename, once=True)
    session.commit()
    assert user in session.dirty
    session.commit()
    assert make_session().query(User.name).scalar() == "fred"


def test_an_object_comes_back_whose_key_was_taken_within_a_released_savepoint(make_session: Any) -> None:
    session: Session = make_session()
    user = User(id=1, name="ed")
    session.add(user)
    session.commit()
    session.delete(user)
    with session.begin_nested():
        other = User(id=1, name="fred")
        session.add(other)
    session.rollback()
    assert inspect(user).persistent
    assert inspect(other).transient
    assert session.get(User, 1) is user
    user.name = "wendy"
    session.commit()
    assert make_session().query(User.name).scalar() == "wendy"


def test_an_ended_level_is_ended_no_second_time(session: Session) -> None:
    transaction = session.begin()
    transaction.commit()
    for end in (transaction.commit, transaction.rollback, transaction.prepare):
        with pytest.raises((ResourceClosedError, InvalidRequestError)):
            end()
    transaction.close()
    assert transaction.status is Status.CLOSED
