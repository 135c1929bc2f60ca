"""Random trees, and queries of a class beside aliases of it: an option is about the entity that it names, and about no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import (
    Engine,
    Load,
    Session,
    aliased,
    contains_eager,
    immediateload,
    joinedload,
    select,
    selectinload,
    subqueryload,
)
from tests.orm.models import Base, Node

OPTIONS: dict[str, Callable[[Any], Any]] = {
    "joined": lambda entity: joinedload(entity.children),
    "selectin": lambda entity: selectinload(entity.children),
    "immediate": lambda entity: immediateload(entity.children),
    "subquery": lambda entity: subqueryload(entity.children),
    "from an entity": lambda entity: Load(entity).selectinload(entity.children),
    "contains": lambda entity: entity,
}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(parents=st.lists(st.integers(0, 6), min_size=1, max_size=7), named=st.integers(0, 2), data=st.data())
def test_an_option_is_about_the_entity_that_it_names(engine: Engine, parents: list[int], named: int, data: Any) -> None:
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    tree = {number: min(parent, number - 1) or None for number, parent in enumerate(parents, 1)}
    with Session(engine) as session:
        for number, parent in tree.items():
            session.add(Node(id=number, parent_id=parent))
            session.flush()
        session.commit()
    children = {number: [other for other, parent in tree.items() if parent == number] for number in tree}
    ways = [
        (one, two, three)
        for one in tree
        for two in children[one] or [None]
        for three in children.get(two, []) or [None]
    ]

    entities: list[Any] = [Node, aliased(Node), aliased(Node)]
    entities = [entities[place] for place in data.draw(st.permutations(range(3)))]
    first, second, third = entities
    statement = select(*entities).outerjoin(second, first.children).outerjoin(third, second.children)
    kind = data.draw(st.sampled_from(sorted(OPTIONS)))
    if kind == "contains":
        # the rows of the query hold the children of the first and of the second
        named = min(named, 1)
        option = contains_eager(entities[named].children.of_type(entities[named + 1]))
    else:
        option = OPTIONS[kind](entities[named])
    with Session(engine) as session:
        rows = session.execute(statement.options(option)).unique().all()
        assert {tuple(node and node.id for node in row) for row in rows} == set(ways)
        loaded = {node.id for row in rows for node in row if node is not None and "children" in vars(node)}
        found = {way[named] for way in ways if way[named] is not None}
        assert loaded == found
        for row in rows:
            for node in row:
                if node is not None and node.id in found:
                    assert sorted(child.id for child in vars(node)["children"]) == children[node.id]
