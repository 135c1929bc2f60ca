"""A blog whose users follow each other and send each other private messages."""

from flask import Flask
from flask_uow import UnitOfWork

from .config import Config

db = UnitOfWork()


def create_app(config=None):
    app = Flask(__name__)
    app.config.from_object(Config)
    app.config.update(config or {})
    db.init_app(app)

    from . import auth, main

    app.register_blueprint(auth.bp)
    app.register_blueprint(main.bp)
    return app
