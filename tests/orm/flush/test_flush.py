"""What a flush sends: batches, in order of dependency, with keys carried along."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    CircularDependencyError,
    FlushError,
    IntegrityError,
    InvalidRequestError,
    Session,
    StaleDataError,
    func,
    select,
    update,
)
from tests.orm.models import Member, Node, Place, Post, Profile, Tag, Team, User
from tests.statements import StatementLog


def family(parents: int, children: int) -> list[User]:
    return [
        User(name=f"user {n}", posts=[Post(title=f"post {n}.{m}") for m in range(children)]) for n in range(parents)
    ]


def test_a_thousand_parents_with_ten_children_each_cost_statements_by_page_not_by_object(
    make_session: Any, statements: StatementLog
) -> None:
    counts = {}
    for parents in (10, 100, 1000):
        session: Session = make_session()
        session.add_all(family(parents, 10))
        for user in session.new:
            if isinstance(user, User):
                user.name += f" of {parents}"
        statements.clear()
        session.commit()
        counts[parents] = len(statements.events)
    session = make_session()
    assert session.query(Post).count() == 11_100
    assert counts[10] <= 4
    # 11,000 rows in pages of at least a hundred rows
    assert counts[1000] <= 4 + 11_000 // 100
    owners = session.execute(
        "SELECT count(*) FROM post JOIN \"user\" u ON u.id = post.author_id WHERE title LIKE 'post 7.%'"
    )
    assert owners.scalar() == 30
    for user in session.query(User).filter(User.name == "user 7 of 1000"):
        assert [post.title for post in user.posts] == [f"post 7.{m}" for m in range(10)]


def test_keys_made_by_the_server_follow_the_order_in_which_objects_were_added(session: Session) -> None:
    users = [User(name=f"u{n}") for n in range(250)]
    session.add_all(users)
    session.flush()
    assert [user.id for user in users] == sorted(user.id for user in users)
    assert len({user.id for user in users}) == 250


def test_given_and_made_keys_can_be_mixed(session: Session) -> None:
    users = [User(name="a"), User(id=1000, name="b"), User(name="c")]
    session.add_all(users)
    session.commit()
    assert users[1].id == 1000
    assert {u.name: u.id for u in session.query(User)} == {u.name: u.id for u in users}


def test_parents_are_inserted_before_children_whatever_the_order_of_add(session: Session) -> None:
    author = User(name="ed")
    post = Post(title="t", author=author)
    session.add(post)
    session.commit()
    assert post.author_id == author.id


def test_children_are_deleted_before_their_parents(session: Session) -> None:
    user = family(1, 3)[0]
    session.add(user)
    session.commit()
    session.delete(user)
    session.commit()
    assert session.query(Post).count() == session.query(User).count() == 0


def test_changes_of_the_same_columns_go_in_one_statement(session: Session, statements: StatementLog) -> None:
    users = [User(name=f"u{n}") for n in range(50)]
    session.add_all(users)
    session.flush()
    for user in users:
        user.email = f"{user.name}@example.org"
    with statements.expect(1, "UPDATE"):
        session.flush()
    session.expire_all()
    assert all(user.email == f"{user.name}@example.org" for user in users)


def test_a_change_that_is_taken_back_sends_nothing(session: Session, statements: StatementLog) -> None:
    user = User(name="ed")
    session.add(user)
    session.commit()
    assert user.name == "ed"
    user.name = "fred"
    user.name = "ed"
    assert user in session.dirty
    assert not session.is_modified(user)
    with statements.expect(0):
        session.flush()
    assert user not in session.dirty


def test_only_changed_columns_are_sent(session: Session, statements: StatementLog) -> None:
    user = User(name="ed", email="e")
    session.add(user)
    session.flush()
    user.email = "f"
    with statements.expect(1) as sent:
        session.flush()
    assert "email" in sent[0]
    assert "name" not in sent[0]


def test_an_attribute_can_be_set_to_none(session: Session) -> None:
    user = User(name="ed", email="x")
    session.add(user)
    session.commit()
    user.email = None
    session.commit()
    assert session.scalar('SELECT email FROM "user"') is None
    assert user.email is None


def test_rows_of_a_table_that_refers_to_itself_are_sorted(session: Session) -> None:
    root = Node(name="root")
    current = root
    for depth in range(5):
        child = Node(name=f"d{depth}", parent=current)
        session.add(child)
        current = child
    session.commit()
    names = []
    while current is not None:
        names.append(current.name)
        current = current.parent
    assert names == ["d4", "d3", "d2", "d1", "d0", "root"]


def test_a_tree_is_deleted_from_its_leaves(session: Session) -> None:
    root = Node(name="r", children=[Node(name="a", children=[Node(name="b")]), Node(name="c")])
    session.add(root)
    session.commit()
    for node in session.query(Node).all():
        session.delete(node)
    session.commit()
    assert session.query(Node).count() == 0


def test_rows_that_refer_to_each_other_in_a_circle_are_an_error_that_names_them(session: Session) -> None:
    a, b = Node(name="a"), Node(name="b")
    a.parent, b.parent = b, a
    session.add_all([a, b])
    with pytest.raises(CircularDependencyError, match=r"in a circle.*Node"):
        session.flush()
    session.rollback()
    assert session.query(Node).count() == 0


def test_a_one_way_collection_sets_and_clears_the_foreign_key(session: Session) -> None:
    ann, bob = Member(name="ann"), Member(name="bob")
    team = Team(members={ann, bob})
    session.add(team)
    session.commit()
    assert ann.team_id == bob.team_id == team.id
    team.members.remove(ann)
    session.commit()
    assert ann.team_id is None
    assert team.members == {bob}


def test_a_member_that_moves_between_one_way_collections_ends_where_it_was_put(session: Session) -> None:
    ann = Member(name="ann")
    first, second = Team(members={ann}), Team()
    session.add_all([first, second])
    session.commit()
    first.members.remove(ann)
    second.members.add(ann)
    session.commit()
    assert ann.team_id == second.id


def test_children_stay_with_an_empty_key_when_their_parent_is_deleted_without_cascade(session: Session) -> None:
    user = User(name="ed", profile=Profile(text="p"))
    session.add(user)
    session.commit()
    profile = user.profile
    session.delete(user)
    session.commit()
    assert profile is not None
    assert profile.user_id is None
    assert session.query(Profile).count() == 1


def test_rows_between_two_tables_follow_the_collections_of_both_sides(session: Session) -> None:
    user = User(name="ed")
    red, blue = Tag(label="red"), Tag(label="blue")
    post = Post(title="t", author=user, tags=[red])
    session.add(user)
    session.commit()
    blue.posts.append(post)
    session.commit()
    assert [tag.label for tag in post.tags] == ["red", "blue"]
    red.posts.remove(post)
    session.commit()
    assert [tag.label for tag in post.tags] == ["blue"]
    session.delete(blue)
    session.commit()
    assert session.scalar("SELECT count(*) FROM post_tag") == 0
    assert post.tags == []


def test_a_relationship_added_on_both_sides_is_one_row(session: Session) -> None:
    post, tag = Post(title="t", author=User(name="ed")), Tag(label="x")
    session.add_all([post, tag])
    post.tags.append(tag)
    tag.posts.append(post)
    session.commit()
    assert session.scalar("SELECT count(*) FROM post_tag") == 1


def test_an_object_that_a_relationship_reaches_must_be_in_the_session(make_session: Any) -> None:
    session: Session = make_session()
    profile = Profile(text="p")
    session.add(profile)
    session.flush()
    stranger = User(name="stranger")
    session.add(stranger)
    session.flush()
    profile.user = stranger
    session.expunge(stranger)
    other = User(name="other")
    profile.user = other
    session.expunge(other)
    with pytest.raises(FlushError, match=r"Profile.user.*not in this session.*session.add"):
        session.flush()
    session.rollback()


def test_a_missing_primary_key_is_an_error_that_names_it(session: Session) -> None:
    session.add(Place(x=1))
    with pytest.raises((FlushError, IntegrityError), match=r"y"):
        session.flush()
    session.rollback()
    session.add(Place(x=1, y=2))
    session.commit()
    assert session.get(Place, (1, 2)).label == "nowhere"


def test_a_duplicate_key_leaves_the_session_usable_after_rollback(session: Session) -> None:
    session.add(User(name="ed"))
    session.commit()
    session.add(User(name="ed"))
    with pytest.raises(IntegrityError) as caught:
        session.flush()
    assert caught.value.orig is not None
    assert "INSERT" in str(caught.value.statement)
    with pytest.raises(InvalidRequestError, match=r"rollback\(\).*IntegrityError"):
        session.query(User).all()
    session.rollback()
    assert session.query(User).count() == 1


def test_a_row_that_someone_else_deleted_is_stale(make_session: Any) -> None:
    session: Session = make_session()
    session.add_all([User(name=f"u{n}") for n in range(3)])
    session.commit()
    users = session.query(User).order_by(User.id).all()
    other: Session = make_session()
    other.execute('DELETE FROM "user" WHERE id = :id', {"id": users[1].id})
    other.commit()
    for user in users:
        user.email = "x"
    with pytest.raises(StaleDataError, match=rf"found 2 of 3 rows; gone: <User {users[1].id}, persistent>"):
        session.flush()
    session.rollback()
    session.delete(users[2])
    other.query(User).delete()
    other.commit()
    with pytest.raises(StaleDataError, match="found 0 of 1 rows"):
        session.commit()
    session.rollback()


def test_a_value_worked_out_by_the_database_is_loaded_at_the_next_access(session: Session) -> None:
    node = Node(name="a")
    session.add(node)
    session.commit()
    node.name = Node.name + "b"  # type: ignore[assignment]
    session.flush()
    assert node.name == "ab"


def test_a_select_as_a_value_is_its_only_value(session: Session) -> None:
    ann, bob = User(name="ann"), User(name="bob")
    session.add_all([ann, bob])
    session.flush()
    largest = select(func.max(User.name))
    for number, value in enumerate((largest, largest.scalar_subquery(), session.query(func.max(User.name)))):
        made: Any = User(name=f"a{number}", email=value)
        session.add(made)
        session.flush()
        assert made.email == "bob"
        setattr(ann, "email", value)  # noqa: B010
        session.commit()
        assert ann.email == "bob"
        ann.email = None
        session.flush()


def test_update_and_delete_statements_on_a_class_expire_its_objects(session: Session) -> None:
    user = User(name="ed")
    session.add(user)
    session.commit()
    assert user.email is None
    session.execute(update(User).where(User.name == "ed").values(email="new"))
    assert user.email == "new"
    assert session.query(User).filter(User.name == "ed").update({"email": "newer"}) == 1
    assert session.scalars(select(User.email)).all() == ["newer"]
    assert session.query(User).delete() == 1


def test_a_changed_primary_key_is_found_under_its_new_value(session: Session) -> None:
    place = Place(x=1, y=1)
    session.add(place)
    session.commit()
    place.y = 2
    session.flush()
    assert session.get(Place, (1, 2)) is place
    assert session.get(Place, (1, 1)) is None
    session.rollback()
    assert place.y == 1
    assert session.get(Place, (1, 1)) is place


def test_flush_of_some_objects_leaves_the_others_pending(session: Session) -> None:
    a, b = Node(name="a"), Node(name="b")
    session.add_all([a, b])
    session.flush([a])
    assert a.id is not None
    assert b in session.new
