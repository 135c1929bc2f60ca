"""A Session that two threads use at once says so; threads that take turns are fine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flask_uow import InvalidRequestError, Session, SessionExtension
from tests.orm.models import User


class Pause(SessionExtension):
    """Holds a flush until it is told to go on."""

    def __init__(self) -> None:
        self.inside = threading.Event()
        self.go_on = threading.Event()

    def before_flush(self, session: Any, flush_context: Any, instances: Any) -> None:
        self.inside.set()
        assert self.go_on.wait(30)


@pytest.mark.parametrize(
    "use",
    [
        lambda session, user: session.add(User(name="x")),
        lambda session, user: session.add_all([User(name="x")]),
        lambda session, user: session.delete(user),
        lambda session, user: session.merge(User(name="x")),
        lambda session, user: session.expunge(user),
        lambda session, user: session.expunge_all(),
        lambda session, user: session.expire(user),
        lambda session, user: session.expire_all(),
        lambda session, user: session.refresh(user),
        lambda session, user: session.prune(),
        lambda session, user: session.begin(subtransactions=True),
        lambda session, user: session.begin_nested(),
        lambda session, user: session.prepare(),
        lambda session, user: session.flush(),
        lambda session, user: session.commit(),
        lambda session, user: session.rollback(),
        lambda session, user: session.close(),
        lambda session, user: session.query(User).all(),
        lambda session, user: session.query(User).count(),
        lambda session, user: session.execute("SELECT 1"),
        lambda session, user: session.scalar("SELECT 1"),
        lambda session, user: session.get(User, 99),
        lambda session, user: user.posts,
        lambda session, user: user.name,
    ],
)
def test_a_second_thread_is_refused_while_the_first_is_inside(
    make_session: Any, use: Callable[[Session, User], Any]
) -> None:
    pause = Pause()
    session = make_session(extension=pause)
    pause.go_on.set()
    user = User(name="ed")
    session.add(user)
    session.commit()
    pause.go_on.clear()
    pause.inside.clear()
    session.add(User(name="first"))
    with ThreadPoolExecutor(1) as pool:
        flushing = pool.submit(session.flush)
        assert pause.inside.wait(30)
        try:
            with pytest.raises(InvalidRequestError, match="two threads at once"):
                use(session, user)
        finally:
            pause.go_on.set()
        flushing.result(30)
    assert session.query(User).count() == 2, "the first thread's work is unharmed"


def test_threads_may_take_turns(session: Session) -> None:
    def work(number: int) -> None:
        session.add(User(name=str(number)))
        session.flush()

    with ThreadPoolExecutor(1) as pool:
        for number in range(3):
            pool.submit(work, number).result(30)
            work(number + 10)
    session.commit()
    assert session.query(User).count() == 6


def test_autocommit_sessions_that_only_read_may_be_shared(make_session: Any) -> None:
    session = make_session(autocommit=True, autoflush=False)
    session.add_all([User(name=str(number)) for number in range(20)])
    session.flush()
    session.expunge_all()
    barrier = threading.Barrier(8)

    def read() -> int:
        barrier.wait(30)
        found = 0
        for _ in range(20):
            found += sum(len(user.posts) == 0 for user in session.query(User))
            assert session.get(User, 1).name == "0"
            assert session.scalar("SELECT 1") == 1
        return found

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(read) for _ in range(8)]
        assert [future.result(60) for future in futures] == [400] * 8


def test_close_all_closes_the_sessions_of_all_threads(make_session: Any) -> None:
    sessions = [make_session(), make_session(autocommit=True)]
    user = User(name="x")
    sessions[0].add(user)
    sessions[0].flush()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(Session.close_all).result(30)
    assert user not in sessions[0]
    assert sessions[0].query(User).count() == 0


def test_close_all_closes_the_others_when_one_is_in_use(make_session: Any) -> None:
    pause = Pause()
    busy, idle = make_session(extension=pause), make_session()
    busy.add(User(name="busy"))
    user = User(name="idle")
    idle.add(user)
    with ThreadPoolExecutor(1) as pool:
        flushing = pool.submit(busy.flush)
        assert pause.inside.wait(30)
        try:
            with pytest.raises(InvalidRequestError, match="two threads"):
                Session.close_all()
        finally:
            pause.go_on.set()
        flushing.result(30)
    assert user not in idle
