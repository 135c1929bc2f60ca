"""The main way through each of the apps, over HTTP. They know nothing of the extension below: the forms before and after the move pass alike."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.testing import FlaskClient

__all__ = ["WALKS"]


def _answer(response: Any, status: int) -> Any:
    assert response.status_code == status, (response.status_code, response.get_data(as_text=True))
    return response.get_json() if response.is_json else response.get_data(as_text=True)


# -- social


def walk_social(app: Flask) -> None:
    clients = {name: app.test_client() for name in ("ann", "bob", "cid")}
    for name, client in clients.items():
        form = {"username": name, "email": f"{name}@example.com", "password": f"secret of {name}"}
        _answer(client.post("/register", data=form), 302)
        assert "different username" in _answer(client.post("/register", data={**form, "email": "x@example.com"}), 409)
        _answer(client.post("/login", data={**form, "password": "wrong"}), 401)
        _answer(client.post("/login", data=form), 302)
    ann, bob, cid = clients.values()
    _answer(app.test_client().get("/"), 401)

    for number in range(4):
        _answer(bob.post("/", data={"post": f"post {number} of bob"}), 302)
    _answer(cid.post("/", data={"post": "post of cid"}), 302)
    _answer(ann.post("/", data={"post": "post of ann"}), 302)
    _answer(ann.post("/follow/bob"), 302)
    _answer(ann.post("/follow/bob"), 302)
    _answer(ann.post("/follow/ann"), 400)
    _answer(ann.post("/follow/nobody"), 404)
    assert _lines(_answer(ann.get("/"), 200)) == ["ann: post of ann", "bob: post 3 of bob", "bob: post 2 of bob"]
    assert _lines(_answer(ann.get("/?page=2"), 200)) == ["bob: post 1 of bob", "bob: post 0 of bob"]
    assert _lines(_answer(cid.get("/explore"), 200))[:2] == ["ann: post of ann", "cid: post of cid"]
    assert _lines(_answer(cid.get("/explore?page=7"), 200)) == []
    profile = _answer(ann.get("/user/bob"), 200)
    assert "1 followers, 0 following" in profile
    assert "bob: post 1 of bob" in profile
    assert 'href="?page=2"' in profile
    _answer(ann.post("/unfollow/bob"), 302)
    assert _lines(_answer(ann.get("/"), 200)) == ["ann: post of ann"]

    _answer(cid.post("/edit_profile", data={"username": "cedric", "about_me": "I write."}), 302)
    assert "I write." in _answer(cid.get("/user/cedric"), 200)
    _answer(cid.get("/user/cid"), 404)

    assert _answer(ann.post("/send_message/bob", data={"message": "hello"}), 200) == {"unread": 1}
    assert _answer(cid.post("/send_message/bob", data={"message": "ho"}), 200) == {"unread": 2}
    assert _lines(_answer(bob.get("/messages"), 200)) == ["cedric wrote: ho", "ann wrote: hello"]
    assert _answer(ann.post("/send_message/bob", data={"message": "again"}), 200) == {"unread": 1}
    _answer(bob.get("/logout"), 302)
    _answer(bob.get("/messages"), 401)


def _lines(page: str) -> list[str]:
    return [line[3:-4] for line in page.splitlines() if line.startswith("<p>") and ": " in line]


# -- roles


def walk_roles(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["deploy"])
    assert result.exit_code == 0, result.output
    client = app.test_client()

    def sign_up(name: str, email: str) -> tuple[dict[str, Any], dict[str, str]]:
        data = {"username": name, "email": email, "password": "cat"}
        user = _answer(client.post("/api/v1/users/", json=data), 201)
        _answer(client.post("/api/v1/tokens/", json={"login": name, "password": "dog"}), 401)
        token = _answer(client.post("/api/v1/tokens/", json={"login": email.upper(), "password": "cat"}), 200)["token"]
        return user, {"Authorization": f"Bearer {token}"}

    john, as_john = sign_up("john", "john@example.com")
    admin, as_admin = sign_up("admin", "admin@example.com")
    assert (john["role"], admin["role"]) == ("User", "Administrator")
    same = {"username": "john", "email": "other@example.com", "password": "cat"}
    assert _answer(client.post("/api/v1/users/", json=same), 409) == {"error": "user exists"}

    _answer(client.post("/api/v1/posts/", json={"body": "x"}), 403)
    _answer(client.post("/api/v1/posts/", json={"body": "x"}, headers={"Authorization": "Bearer x"}), 401)
    error = _answer(client.post("/api/v1/posts/", json={}, headers=as_john), 400)
    assert error == {"error": "post does not have a body"}
    urls = []
    for number in range(3):
        response = client.post("/api/v1/posts/", json={"body": f"post {number}"}, headers=as_john)
        assert _answer(response, 201)["author"] == "john"
        urls.append(response.headers["Location"])
    page = _answer(client.get("/api/v1/posts/"), 200)
    assert [post["body"] for post in page["posts"]] == ["post 2", "post 1"]
    assert page["count"] == 3
    assert [post["body"] for post in _answer(client.get(page["next"]), 200)["posts"]] == ["post 0"]
    assert _answer(client.get(john["url"]), 200)["post_count"] == 3
    _answer(client.get("/api/v1/posts/77"), 404)

    eve, as_eve = sign_up("eve", "eve@example.com")
    _answer(client.put(urls[0], json={"body": "hers"}, headers=as_eve), 403)
    assert _answer(client.put(urls[0], json={"body": "new"}, headers=as_admin), 200)["body"] == "new"
    comment = _answer(client.post(f"{urls[0]}/comments/", json={"body": "rude"}, headers=as_eve), 201)
    assert comment["disabled"] is False
    _answer(client.post(f"/api/v1/comments/{comment['id']}/disable", headers=as_eve), 403)
    assert _answer(client.post(f"/api/v1/comments/{comment['id']}/disable", headers=as_admin), 200)["disabled"] is True
    assert _answer(client.get(f"{urls[0]}/comments/"), 200) == []
    response = client.get(urls[0])
    assert _answer(response, 200)["comment_count"] == 1
    assert int(response.headers["X-Queries"]) >= 3

    _answer(client.delete(john["url"], headers=as_eve), 403)
    _answer(client.delete(eve["url"], headers=as_admin), 204)
    _answer(client.get(f"{urls[0]}/comments/"), 200)
    assert _answer(client.get(urls[0]), 200)["comment_count"] == 0
    _answer(client.delete("/api/v1/tokens/", headers=as_john), 204)
    _answer(client.delete("/api/v1/tokens/", headers=as_john), 401)


# -- conduit


def walk_conduit(app: Flask) -> None:
    client = app.test_client()

    def register(name: str) -> tuple[dict[str, Any], dict[str, str]]:
        data = {"user": {"username": name, "email": f"{name}@example.com", "password": "pw"}}
        user = _answer(client.post("/api/users", json=data), 200)["user"]
        _answer(client.post("/api/users", json=data), 422)
        return data, {"Authorization": f"Token {user['token']}"}

    ann, as_ann = register("ann")
    _, as_bob = register("bob")
    assert _answer(client.post("/api/users/login", json=ann), 200)["user"]["username"] == "ann"
    _answer(client.post("/api/users/login", json={"user": {"email": "no", "password": "no"}}), 404)
    _answer(client.get("/api/user"), 401)
    assert _answer(client.put("/api/user", json={"user": {"bio": "I."}}, headers=as_ann), 200)["user"]["bio"] == "I."

    profile = {"username": "ann", "bio": "I.", "following": False}
    assert _answer(client.get("/api/profiles/ann", headers=as_bob), 200) == {"profile": profile}
    followed = {"profile": {**profile, "following": True}}
    assert _answer(client.post("/api/profiles/ann/follow", headers=as_bob), 200) == followed
    assert _answer(client.get("/api/profiles/ann", headers=as_bob), 200) == followed
    _answer(client.get("/api/profiles/nobody"), 404)

    def write(title: str, tags: list[str], headers: dict[str, str]) -> dict[str, Any]:
        article = {"title": title, "description": "d", "body": "b", "tagList": tags}
        answer = _answer(client.post("/api/articles", json={"article": article}, headers=headers), 200)
        return dict(answer["article"])

    first = write("How to train", ["dragons", "training"], as_ann)
    assert (first["slug"], first["tagList"], first["author"]["username"]) == (
        "how-to-train",
        ["dragons", "training"],
        "ann",
    )
    write("Second one", ["dragons"], as_bob)
    url = "/api/articles/how-to-train"
    assert _answer(client.get("/api/tags"), 200) == {"tags": ["dragons", "training"]}

    def slugs(query: str, headers: dict[str, str] | None = None) -> tuple[int, list[str]]:
        answer = _answer(client.get(f"/api/articles{query}", headers=headers), 200)
        return answer["articlesCount"], [article["slug"] for article in answer["articles"]]

    assert slugs("") == (2, ["second-one", "how-to-train"])
    assert slugs("?limit=1&offset=1") == (2, ["how-to-train"])
    assert slugs("?tag=training") == (1, ["how-to-train"])
    assert slugs("?author=bob") == (1, ["second-one"])
    assert slugs("/feed", as_bob) == (1, ["how-to-train"])
    assert slugs("/feed", as_ann) == (0, [])

    favourite = _answer(client.post(f"{url}/favorite", headers=as_bob), 200)["article"]
    assert (favourite["favorited"], favourite["favoritesCount"]) == (True, 1)
    assert slugs("?favorited=bob") == (1, ["how-to-train"])
    assert _answer(client.get(url), 200)["article"]["favorited"] is False
    favourite = _answer(client.delete(f"{url}/favorite", headers=as_bob), 200)["article"]
    assert (favourite["favorited"], favourite["favoritesCount"]) == (False, 0)

    _answer(client.put(url, json={"article": {"body": "x"}}, headers=as_bob), 403)
    assert _answer(client.put(url, json={"article": {"body": "x"}}, headers=as_ann), 200)["article"]["body"] == "x"
    comment = _answer(client.post(f"{url}/comments", json={"comment": {"body": "!"}}, headers=as_bob), 200)["comment"]
    assert (comment["body"], comment["author"]["username"]) == ("!", "bob")
    assert len(_answer(client.get(f"{url}/comments"), 200)["comments"]) == 1
    _answer(client.delete(f"{url}/comments/{comment['id']}", headers=as_ann), 403)
    _answer(client.delete(f"{url}/comments/{comment['id']}", headers=as_bob), 200)
    _answer(client.post(f"{url}/comments", json={"comment": {"body": "?"}}, headers=as_bob), 200)
    _answer(client.delete(url, headers=as_bob), 403)
    _answer(client.delete(url, headers=as_ann), 200)
    _answer(client.get(url), 404)
    assert slugs("") == (1, ["second-one"])
    assert _answer(client.delete("/api/profiles/ann/follow", headers=as_bob), 200) == {"profile": profile}


# -- flaskr


def walk_flaskr(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["init-db"])
    assert "Initialized" in result.output, (result.output, result.exception)
    client: FlaskClient = app.test_client()
    _answer(client.get("/auth/register"), 200)
    ada = {"username": "ada", "password": "pw"}
    assert client.post("/auth/register", data=ada).headers["Location"] == "/auth/login"
    assert "already registered" in _answer(client.post("/auth/register", data=ada), 200)
    assert "Username is required" in _answer(client.post("/auth/register", data={**ada, "username": ""}), 200)
    assert "Incorrect username" in _answer(client.post("/auth/login", data={**ada, "username": "a"}), 200)
    assert "Incorrect password" in _answer(client.post("/auth/login", data={**ada, "password": "a"}), 200)
    assert client.post("/create").headers["Location"] == "/auth/login"
    assert client.post("/auth/login", data=ada).headers["Location"] == "/"

    _answer(client.get("/create"), 200)
    assert "Title is required" in _answer(client.post("/create", data={"title": "", "body": "x"}), 200)
    for title in ("first", "second"):
        _answer(client.post("/create", data={"title": title, "body": f"body of {title}"}), 302)
    page = _answer(client.get("/"), 200)
    assert page.index("second") < page.index("<h1>first</h1>")
    assert "by ada on 20" in page
    assert 'href="/1/update"' in page
    assert "Title is required" in _answer(client.post("/1/update", data={"title": "", "body": "x"}), 200)
    _answer(client.post("/1/update", data={"title": "changed", "body": "b"}), 302)
    assert "<h1>changed</h1>" in _answer(client.get("/"), 200)
    assert "Post id 9 doesn&#39;t exist." in _answer(client.get("/9/update"), 404)

    eve = app.test_client()
    _answer(eve.post("/auth/register", data={"username": "eve", "password": "pw"}), 302)
    _answer(eve.post("/auth/login", data={"username": "eve", "password": "pw"}), 302)
    _answer(eve.post("/1/update", data={"title": "x", "body": "x"}), 403)
    _answer(eve.post("/1/delete"), 403)
    assert "href" not in _answer(eve.get("/"), 200)
    _answer(client.post("/1/delete"), 302)
    assert "changed" not in _answer(client.get("/"), 200)
    _answer(client.get("/auth/logout"), 302)
    assert client.get("/create").headers["Location"] == "/auth/login"


WALKS = {"social": walk_social, "roles": walk_roles, "conduit": walk_conduit, "flaskr": walk_flaskr}
