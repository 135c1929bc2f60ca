"""A small blog API on flask_uow: users, posts with tags and comments, and an audit log in a database of its own.

Start it with ``flask --app example_app run``. Without configuration everything is in SQLite files in the instance folder;
the environment variable ``UOW_DATABASE_URI`` puts the blog elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from flask import Flask

from example_app import errors, posts, users
from example_app.models import db

__all__ = ["create_app", "db"]


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Return the application; its tables are created where they are missing.

    :param config: settings that override the defaults and the environment.
    """
    app = Flask(__name__, instance_relative_config=True)
    app.config["UOW_BINDS"] = {"audit": "sqlite:///audit.db"}
    # a request that meets a deadlock, or waits too long for the audit log's file, is tried again
    app.config["UOW_RETRY_ATTEMPTS"] = 3
    if uri := os.environ.get("UOW_DATABASE_URI"):
        app.config["UOW_DATABASE_URI"] = uri
    app.config.update(config or {})
    db.init_app(app)
    app.register_blueprint(users.blueprint)
    app.register_blueprint(posts.blueprint)
    errors.register(app)
    with app.app_context():
        db.create_all()
    return app
