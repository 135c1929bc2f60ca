"""The blog of Flask's tutorial: users who register, log in, and write, change and delete posts."""

import os

import click
from flask import Flask
from flask.cli import with_appcontext
from flask_uow import UnitOfWork
from flask_uow import DeclarativeBase


class Base(DeclarativeBase):
    pass


db = UnitOfWork(model_class=Base)


def create_app(test_config=None):
    app = Flask(__name__, instance_relative_config=True)
    app.config.from_mapping(SECRET_KEY="dev", UOW_DATABASE_URI="sqlite:///flaskr.sqlite")
    if test_config is None:
        app.config.from_pyfile("config.py", silent=True)
    else:
        app.config.update(test_config)
    os.makedirs(app.instance_path, exist_ok=True)

    db.init_app(app)
    app.cli.add_command(init_db_command)

    from . import auth, blog

    app.register_blueprint(auth.bp)
    app.register_blueprint(blog.bp)
    app.add_url_rule("/", endpoint="index")
    return app


def init_db():
    db.drop_all()
    db.create_all()


@click.command("init-db")
@with_appcontext
def init_db_command():
    """Clear existing data and create new tables."""
    init_db()
    click.echo("Initialized the database.")
