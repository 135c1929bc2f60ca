"""Primary keys that were handed on in a transaction that is rolled back: each object stands for its own row again."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import Session, inspect
from tests.orm.models import Place


def place_of(session: Session, x: int) -> Any:
    return session.get(Place, (x, 0))


def test_a_rollback_gives_a_key_back_that_a_new_object_had_taken_over(session: Session) -> None:
    moved = Place(x=1, y=0, label="a")
    session.add(moved)
    session.commit()
    moved.x = 2
    session.flush()
    new = Place(x=1, y=0, label="b")
    session.add(new)
    session.flush()
    session.rollback()
    assert inspect(moved).persistent
    assert inspect(new).transient
    assert place_of(session, 1) is moved
    moved.label = "c"
    session.commit()
    assert session.execute("SELECT x, label FROM place").all() == [(1, "c")]


def test_a_rollback_of_a_savepoint_gives_it_back_too(session: Session) -> None:
    moved = Place(x=1, y=0, label="a")
    session.add(moved)
    session.commit()
    savepoint = session.begin_nested()
    moved.x = 2
    session.flush()
    new = Place(x=1, y=0, label="b")
    session.add(new)
    session.flush()
    savepoint.rollback()
    assert inspect(moved).persistent
    assert inspect(new).transient
    assert place_of(session, 1) is moved


def test_keys_that_were_exchanged_are_as_before_after_a_rollback(session: Session) -> None:
    one, two = Place(x=1, y=0), Place(x=2, y=0)
    session.add_all([one, two])
    session.commit()
    for place, x in ((one, 3), (two, 1), (one, 2)):
        place.x = x
        session.flush()
    session.rollback()
    assert place_of(session, 1) is one
    assert place_of(session, 2) is two


def test_an_object_of_a_row_that_was_inserted_in_the_place_of_a_deleted_one_leaves_with_the_rollback(
    session: Session,
) -> None:
    deleted = Place(x=1, y=0, label="a")
    session.add(deleted)
    session.commit()
    session.delete(deleted)
    session.flush()
    session.execute("INSERT INTO place (x, y, label) VALUES (1, 0, 'b')")
    loaded = place_of(session, 1)
    assert loaded is not deleted
    session.rollback()
    assert deleted in session
    assert loaded not in session
    assert place_of(session, 1) is deleted
    assert [*session] == [deleted]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "move", "move", "delete", "insert and load", "savepoint", "roll back"]),
        st.integers(0, 2),
        st.integers(0, 2),
    ),
    min_size=4,
    max_size=15,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_was_done_to_keys_a_rollback_leaves_each_object_with_its_row(
    make_session: Any, steps: list[tuple[str, int, int]]
) -> None:
    session = make_session()
    session.execute("DELETE FROM place")
    first = {x: Place(x=x, y=0, label=str(x)) for x in (0, 1)}
    session.add_all(first.values())
    session.commit()
    made: list[Any] = []
    # objects of rows that nobody has told the Session of: it cannot know that a rollback takes them away
    raw: list[Any] = []

    def held(without_raw: bool) -> dict[int, Any]:
        found = {inspect(place).identity[0]: place for place in session}
        assert len(found) == len([*session])
        return {x: place for x, place in found.items() if not (without_raw and place in raw)}

    levels: list[tuple[Any, dict[int, Any]]] = [(session, dict(first))]
    for step, x, to in steps:
        present = levels[-1][1]
        if step == "savepoint":
            levels.append((session.begin_nested(), dict(present)))
        elif step == "roll back":
            if len(levels) > 1:
                levels.pop()[0].rollback()
                wanted = levels[-1][1]
                assert held(True) == {x: place for x, place in wanted.items() if place not in raw}
                for place in held(False).values():
                    if place not in wanted.values():
                        session.expunge(place)
        elif step == "add" and x not in present:
            present[x] = Place(x=x, y=0)
            made.append(present[x])
            session.add(present[x])
        elif x in present and present[x] in raw:
            continue
        elif step == "move" and x in present and to not in present:
            present[to] = present.pop(x)
            present[to].x = to
        elif step == "delete" and x in present:
            session.delete(present.pop(x))
        elif step == "insert and load" and x not in present:
            session.execute("INSERT INTO place (x, y, label) VALUES (:x, 0, 'raw')", {"x": x})
            present[x] = place_of(session, x)
            raw.append(present[x])
        session.flush()
        assert held(False) == levels[-1][1]
    while len(levels) > 1:
        levels.pop()[0].rollback()
    session.rollback()
    assert held(True) == first
    for place in made:
        assert place not in session
    for x, place in first.items():
        place.label = f"again {x}"
    session.commit()
    rows = session.execute("SELECT x, label FROM place ORDER BY x").all()
    session.close()
    assert rows == [(0, "again 0"), (1, "again 1")]


def test_of_two_deleted_objects_with_one_key_the_first_comes_back(session: Session) -> None:
    first = Place(x=1, y=0, label="a")
    session.add(first)
    session.commit()
    session.delete(first)
    session.flush()
    session.execute("INSERT INTO place (x, y, label) VALUES (1, 0, 'b')")
    second = place_of(session, 1)
    session.delete(second)
    session.flush()
    session.rollback()
    assert first in session
    assert second not in session
    assert place_of(session, 1) is first
