"""Posts with their tags and comments."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from example_app.models import Comment, Post, Tag, User, audit, db
from example_app.payload import InvalidPayload, payload, query_number, required
from flask_uow import func, select

__all__ = ["blueprint"]

blueprint = Blueprint("posts", __name__)


def post_json(post: Post) -> dict[str, Any]:
    """Return a post as the API shows it."""
    return {
        "id": post.id,
        "title": post.title,
        "body": post.body,
        "createdAt": post.created_at.isoformat(),
        "author": post.author.name,
        "tags": [tag.name for tag in post.tags],
    }


def comment_json(comment: Comment) -> dict[str, Any]:
    """Return a comment as the API shows it."""
    return {
        "id": comment.id,
        "author": comment.author.name,
        "text": comment.text,
        "createdAt": comment.created_at.isoformat(),
    }


def author_of(data: dict[str, Any]) -> User:
    """Return the user that ``author_id`` names.

    :raises InvalidPayload: when there is none.
    """
    user = db.session.get(User, required(data, "author_id", int))
    if user is None:
        raise InvalidPayload("author_id", "there is no such user")
    return user


def tags_of(data: dict[str, Any]) -> list[Tag]:
    """Return the tags that ``tags`` names, made where they are new.

    :raises InvalidPayload: when it is no list of words.
    """
    names = data.get("tags") or []
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise InvalidPayload("tags", "a list of words is expected")
    known = {tag.name: tag for tag in db.session.scalars(select(Tag).where(Tag.name.in_(names)))}
    return [known.get(name) or Tag(name=name) for name in dict.fromkeys(names)]


@blueprint.get("/posts")
def list_posts() -> ResponseReturnValue:
    """List posts, newest first; ``?tag=`` and ``?author=`` choose among them, ``?limit=`` and ``?offset=`` a page."""
    found = select(Post)
    if tag := request.args.get("tag"):
        found = found.where(Post.tags.any(name=tag))
    if author := request.args.get("author"):
        found = found.where(Post.author.has(name=author))
    page = found.order_by(Post.id.desc()).limit(query_number("limit", 20, 100)).offset(query_number("offset", 0, 10**6))
    return {"posts": [post_json(post) for post in db.session.scalars(page)]}


@blueprint.post("/posts")
def create_post() -> ResponseReturnValue:
    """Make a post, with its tags."""
    data = payload()
    post = Post(
        author=author_of(data), title=required(data, "title", str), body=required(data, "body", str), tags=tags_of(data)
    )
    db.session.add(post)
    db.session.flush()
    audit("create", f"post {post.id}")
    return post_json(post), 201


@blueprint.get("/posts/<int:post_id>")
def show_post(post_id: int) -> ResponseReturnValue:
    """Show a post with its comments."""
    post = db.get_or_404(Post, post_id)
    return {**post_json(post), "comments": [comment_json(comment) for comment in post.comments]}


@blueprint.patch("/posts/<int:post_id>")
def change_post(post_id: int) -> ResponseReturnValue:
    """Change a post's title, body or tags."""
    post = db.get_or_404(Post, post_id)
    data = payload()
    if "title" in data:
        post.title = required(data, "title", str)
    if "body" in data:
        post.body = required(data, "body", str)
    if "tags" in data:
        post.tags = tags_of(data)
    audit("change", f"post {post.id}")
    db.session.flush()
    return post_json(post)


@blueprint.delete("/posts/<int:post_id>")
def delete_post(post_id: int) -> ResponseReturnValue:
    """Delete a post with its comments."""
    db.session.delete(db.get_or_404(Post, post_id))
    audit("delete", f"post {post_id}")
    return "", 204


@blueprint.post("/posts/<int:post_id>/comments")
def create_comment(post_id: int) -> ResponseReturnValue:
    """Comment on a post."""
    post = db.get_or_404(Post, post_id)
    data = payload()
    comment = Comment(post=post, author=author_of(data), text=required(data, "text", str))
    db.session.flush()
    audit("create", f"comment {comment.id}")
    return comment_json(comment), 201


@blueprint.get("/tags")
def list_tags() -> ResponseReturnValue:
    """List the tags with the number of their posts."""
    counted = (
        select(Tag.name, func.count(Post.id).label("posts")).outerjoin(Tag.posts).group_by(Tag.name).order_by(Tag.name)
    )
    return {"tags": [{"name": row.name, "posts": row.posts} for row in db.session.execute(counted)]}
