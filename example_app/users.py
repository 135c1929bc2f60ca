"""Users: list, make, show, change and delete them; and the audit log."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from example_app.models import AuditEntry, User, audit, db
from example_app.payload import optional, payload, query_number, required
from flask_uow import select

__all__ = ["blueprint"]

blueprint = Blueprint("users", __name__)


def user_json(user: User) -> dict[str, Any]:
    """Return a user as the API shows it."""
    return {"id": user.id, "name": user.name, "email": user.email}


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """Show what there is."""
    return {"resources": ["/users", "/posts", "/tags", "/audit"]}


@blueprint.get("/users")
def list_users() -> ResponseReturnValue:
    """List users by name; ``?limit=`` and ``?offset=`` choose a page."""
    limit, offset = query_number("limit", 20, 100), query_number("offset", 0, 10**6)
    users = db.session.scalars(select(User).order_by(User.name).limit(limit).offset(offset))
    return {"users": [user_json(user) for user in users], "count": db.session.query(User).count()}


@blueprint.post("/users")
def create_user() -> ResponseReturnValue:
    """Make a user."""
    data = payload()
    user = User(name=required(data, "name", str), email=optional(data, "email", str))
    db.session.add(user)
    db.session.flush()
    audit("create", f"user {user.id}")
    return user_json(user), 201


@blueprint.get("/users/<int:user_id>")
def show_user(user_id: int) -> ResponseReturnValue:
    """Show a user with the titles of the posts."""
    user = db.get_or_404(User, user_id)
    return {**user_json(user), "posts": [{"id": post.id, "title": post.title} for post in user.posts]}


@blueprint.patch("/users/<int:user_id>")
def change_user(user_id: int) -> ResponseReturnValue:
    """Change a user's name or email."""
    user = db.get_or_404(User, user_id)
    data = payload()
    if "name" in data:
        user.name = required(data, "name", str)
    if "email" in data:
        user.email = optional(data, "email", str)
    audit("change", f"user {user.id}")
    return user_json(user)


@blueprint.delete("/users/<int:user_id>")
def delete_user(user_id: int) -> ResponseReturnValue:
    """Delete a user with all posts and comments."""
    user = db.get_or_404(User, user_id)
    db.session.delete(user)
    audit("delete", f"user {user_id}")
    return "", 204


@blueprint.get("/audit")
def list_audit() -> ResponseReturnValue:
    """List the audit log, newest first."""
    entries = db.session.scalars(
        select(AuditEntry).order_by(AuditEntry.id.desc()).limit(query_number("limit", 50, 500))
    )
    return {"entries": [{"at": e.at.isoformat(), "action": e.action, "subject": e.subject} for e in entries]}
