"""The API of RealWorld: users, profiles, articles with tags, favourites and comments."""

from flask import Flask

from .exceptions import InvalidUsage
from .extensions import db
from .settings import Config


def create_app(config=None):
    app = Flask(__name__)
    app.config.from_object(Config)
    app.config.update(config or {})
    db.init_app(app)

    from . import articles, user

    app.register_blueprint(user.blueprint)
    app.register_blueprint(articles.blueprint)
    app.register_error_handler(InvalidUsage, lambda error: (error.to_json(), error.status_code))
    return app
