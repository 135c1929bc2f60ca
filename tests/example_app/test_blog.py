"""The example application, as its clients see it."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from example_app import db
from flask_uow import signals
from tests.statements import StatementLog


@pytest.fixture
def ed(client: FlaskClient) -> int:
    """The id of a user named ed."""
    return int(client.post("/users", json={"name": "ed", "email": "ed@example.org"}).json["id"])


@pytest.fixture
def post(client: FlaskClient, ed: int) -> int:
    """The id of a post of ed's, tagged red and blue."""
    body = {"author_id": ed, "title": "Title", "body": "Body", "tags": ["red", "blue"]}
    return int(client.post("/posts", json=body).json["id"])


def audit_subjects(client: FlaskClient) -> list[str]:
    return [f"{entry['action']} {entry['subject']}" for entry in client.get("/audit").json["entries"]]


def test_the_index_names_the_resources(client: FlaskClient) -> None:
    assert "/posts" in client.get("/").json["resources"]


def test_users_are_made_shown_changed_listed_and_deleted(client: FlaskClient) -> None:
    made = client.post("/users", json={"name": "ed"})
    assert made.status_code == 201
    url = f"/users/{made.json['id']}"
    assert client.get(url).json == {"id": made.json["id"], "name": "ed", "email": None, "posts": []}
    assert client.patch(url, json={"name": "fred", "email": "f@x"}).json["name"] == "fred"
    assert client.get("/users").json == {"users": [{"id": made.json["id"], "name": "fred", "email": "f@x"}], "count": 1}
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404
    assert len(audit_subjects(client)) == 3


def test_users_are_paged(client: FlaskClient) -> None:
    for name in "abcde":
        client.post("/users", json={"name": name})
    page = client.get("/users?limit=2&offset=3").json
    assert [user["name"] for user in page["users"]] == ["d", "e"]
    assert page["count"] == 5
    for wrong in ("-1", "x", "1000", "²", "9" * 5000):
        assert client.get(f"/users?limit={wrong}").status_code == 422


def test_posts_have_authors_tags_and_comments(client: FlaskClient, ed: int, post: int) -> None:
    comment = client.post(f"/posts/{post}/comments", json={"author_id": ed, "text": "Well said"})
    assert comment.status_code == 201
    shown = client.get(f"/posts/{post}").json
    assert (shown["author"], shown["tags"]) == ("ed", ["blue", "red"])
    assert [c["text"] for c in shown["comments"]] == ["Well said"]
    assert shown["createdAt"].endswith("+00:00")
    assert client.get(f"/users/{ed}").json["posts"] == [{"id": post, "title": "Title"}]


def test_posts_are_found_by_tag_and_author(client: FlaskClient, ed: int, post: int) -> None:
    client.post("/posts", json={"author_id": ed, "title": "Other", "body": "b", "tags": ["red"]})
    assert [p["title"] for p in client.get("/posts?tag=red").json["posts"]] == ["Other", "Title"]
    assert [p["title"] for p in client.get("/posts?tag=blue&author=ed").json["posts"]] == ["Title"]
    assert client.get("/posts?author=nobody").json["posts"] == []


def test_tags_are_shared_counted_and_replaced(client: FlaskClient, ed: int, post: int) -> None:
    client.post("/posts", json={"author_id": ed, "title": "Other", "body": "b", "tags": ["red"]})
    assert client.get("/tags").json["tags"] == [{"name": "blue", "posts": 1}, {"name": "red", "posts": 2}]
    changed = client.patch(f"/posts/{post}", json={"tags": ["green"], "title": "New"}).json
    assert (changed["title"], changed["tags"]) == ("New", ["green"])
    assert client.get("/tags").json["tags"][0] == {"name": "blue", "posts": 0}


def test_deleting_a_user_deletes_posts_and_comments(client: FlaskClient, ed: int, post: int) -> None:
    client.post(f"/posts/{post}/comments", json={"author_id": ed, "text": "x"})
    assert client.delete(f"/users/{ed}").status_code == 204
    assert client.get("/posts").json["posts"] == []
    assert client.get(f"/posts/{post}").status_code == 404


def test_deleting_a_post_keeps_its_author(client: FlaskClient, ed: int, post: int) -> None:
    assert client.delete(f"/posts/{post}").status_code == 204
    assert client.get(f"/users/{ed}").json["posts"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("post", "/users", {}, 422),
        ("post", "/users", {"name": ""}, 422),
        ("post", "/users", {"name": 7}, 422),
        ("post", "/users", {"name": "x" * 51}, 422),
        ("post", "/users", ["name"], 422),
        ("post", "/users", {"name": "ed"}, 409),
        ("post", "/posts", {"author_id": 999, "title": "t", "body": "b"}, 422),
        ("post", "/posts", {"author_id": "1", "title": "t", "body": "b"}, 422),
        ("post", "/posts", {"author_id": 2**40, "title": "t", "body": "b"}, 422),
        ("post", "/posts", {"author_id": 1, "title": "t", "body": "b", "tags": "red"}, 422),
        ("post", "/posts/999/comments", {"author_id": 1, "text": "x"}, 404),
        ("patch", "/users/999", {"name": "x"}, 404),
        ("delete", "/posts/999", None, 404),
        ("get", "/nowhere", None, 404),
        ("post", "/audit", {}, 405),
    ],
)
def test_a_request_that_fails_answers_in_json_and_leaves_no_trace(
    client: FlaskClient, ed: int, post: int, method: str, path: str, body: Any, status: int
) -> None:
    before = audit_subjects(client), client.get("/users").json, client.get("/posts").json, client.get("/tags").json
    response = getattr(client, method)(path, json=body)
    assert response.status_code == status
    assert "errors" in response.json
    assert (
        audit_subjects(client),
        client.get("/users").json,
        client.get("/posts").json,
        client.get("/tags").json,
    ) == before


def test_a_change_that_someone_else_was_faster_with_is_a_conflict(app: Flask, client: FlaskClient, post: int) -> None:
    def be_faster(sender: Flask, **extra: Any) -> None:
        with db.engine.begin() as connection:
            connection.execute("DELETE FROM post_tag")

    with signals.before_flush.connected_to(be_faster, app):
        response = client.patch(f"/posts/{post}", json={"tags": []})
    assert response.status_code == 409
    assert "conflict" in response.json["errors"]
    assert client.get(f"/posts/{post}").status_code == 200


def test_a_new_user_costs_two_statements_and_the_audit_one(app: Flask, client: FlaskClient) -> None:
    client.get("/users")
    log = StatementLog()
    with app.app_context():
        for engine in db.engines.values():
            log.attach(engine)
    client.post("/users", json={"name": "ed"})
    log.detach()
    assert [text.split()[0] for text in log.sql] == ["INSERT", "INSERT"]
