"""Generated paths of joins, in every form that a step can be written in, against a walk over the objects in Python."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import Session, aliased, join, outerjoin
from tests.orm.models import Node, Post, Profile, Tag, User

# where a path can go from each class
STEPS: dict[Any, dict[str, Any]] = {
    User: {"posts": Post, "profile": Profile},
    Profile: {"user": User},
    Post: {"author": User, "tags": Tag},
    Tag: {"posts": Post},
    Node: {"children": Node, "parent": Node},
}
# the ways to write a step; "again" repeats the whole path so far in one call
FORMS = ("pair", "turned pair", "two arguments", "two turned", "of type", "outer", "condition alone", "again")


class Path(NamedTuple):
    root: Any
    steps: tuple[tuple[str, str], ...]
    is_last_a_table: bool


@st.composite
def paths(draw: Any) -> Path:
    current = root = draw(st.sampled_from(list(STEPS)))
    steps = []
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(sorted(STEPS[current])))
        steps.append((name, draw(st.sampled_from(FORMS))))
        current = STEPS[current][name]
    return Path(root, tuple(steps), draw(st.booleans()))


def names_of(path: Path) -> list[str]:
    return [name for name, _ in path.steps]


def walk(obj: Any, names: list[str]) -> list[Any]:
    """Return the ids of what a path leads to from an object, one for each way that leads there."""
    if not names:
        return [obj.id]
    value = getattr(obj, names[0])
    members = value if isinstance(value, list) else [value] if value is not None else []
    return [found for member in members for found in walk(member, names[1:])]


def expected(session: Session, path: Path) -> list[tuple[int, int]]:
    return sorted((obj.id, found) for obj in session.query(path.root) for found in walk(obj, names_of(path)))


def joined_step_by_step(session: Session, path: Path) -> list[tuple[int, int]]:
    """Join a path with an alias for each step, each written in its form."""
    query, current, class_ = session.query(path.root.id), path.root, path.root
    done: list[tuple[Any, Any]] = []
    last: Any = None
    for number, (name, form) in enumerate(path.steps):
        class_ = STEPS[class_][name]
        relationship = getattr(current, name)
        target = aliased(class_)
        last = target.id
        if number == len(path.steps) - 1 and path.is_last_a_table:
            table = class_.__table__.alias()
            last = table.c.id
            query = query.join((relationship, table)) if form.startswith("t") else query.join(table, relationship)
            break
        if form == "pair":
            query = query.join((target, relationship))
        elif form == "turned pair":
            query = query.join((relationship, target))
        elif form == "two arguments":
            query = query.join(target, relationship)
        elif form == "two turned":
            query = query.join(relationship, target)
        elif form == "of type":
            query = query.join(relationship.of_type(target))
        elif form == "outer":
            query = query.outerjoin((relationship, target)).filter(target.id.is_not(None))
        elif form == "condition alone":
            query = query.join(target, onclause=relationship)
        else:
            query = query.join(*done, (target, relationship))
        done = [*done, (target, relationship)] if form in ("pair", "turned pair", "two arguments", "again") else []
        current = target
    return sorted(tuple(row) for row in query.add_columns(last))


def joined_by_names(session: Session, path: Path) -> list[tuple[int, int]]:
    """Join a path of names under aliases that are made up, some of it in calls that go on where the one before has ended."""
    query = session.query(path.root.id)
    last = path.root
    for name in names_of(path):
        last = STEPS[last][name]
    head, *tail = names_of(path)
    query = query.join(head, aliased=True)
    for number, (name, (_, form)) in enumerate(zip(tail, path.steps[1:], strict=True), 2):
        if form in ("pair", "again"):
            # the whole path once more, from the root
            query = query.reset_joinpoint()
            query = session.query(path.root.id).join(*names_of(path)[:number], aliased=True)
        else:
            query = query.join(name, aliased=True, from_joinpoint=True)
    return sorted(tuple(row) for row in query.add_columns(last.id))


def joined_as_source(session: Session, path: Path) -> list[tuple[int, int]]:
    """Join the classes themselves, and select from that."""
    source, class_, target = path.root, path.root, path.root
    outer: list[Any] = []
    for name, form in path.steps:
        class_ = STEPS[class_][name]
        target = aliased(class_)
        make = outerjoin if form == "outer" else join
        source = make(source, target, name)
        outer.append(target.id)
    query = session.query(path.root.id, target.id).select_from(source).filter(*(key.is_not(None) for key in outer))
    return sorted(tuple(row) for row in query)


@pytest.fixture
def filled(session: Session) -> Session:
    tags = [Tag(label=f"t{n}") for n in range(3)]
    for n in range(4):
        posts = [Post(title=f"p{n}.{m}", tags=tags[m : m + 2]) for m in range(n)]
        session.add(User(name=f"u{n}", posts=posts, profile=Profile(text=f"{n}") if n % 2 else None))
    session.add(Profile(text="of nobody"))
    session.add(Node(name="r", children=[Node(name="a", children=[Node(name="x"), Node(name="y")]), Node(name="b")]))
    session.commit()
    return session


@pytest.mark.parametrize("write", [joined_step_by_step, joined_by_names, joined_as_source])
def test_generated_paths_lead_where_python_goes(filled: Session, write: Any) -> None:
    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
    @given(paths())
    def compare(path: Path) -> None:
        assert write(filled, path) == expected(filled, path)

    compare()
