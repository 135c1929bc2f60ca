"""A blog with roles, permissions and an API that takes tokens."""

from flask import Flask
from flask_uow import UnitOfWork
from flask_uow import get_recorded_queries

from .config import Config

db = UnitOfWork()


def create_app(config=None):
    app = Flask(__name__)
    app.config.from_object(Config)
    app.config.update(config or {})
    db.init_app(app)

    from .api import api

    app.register_blueprint(api, url_prefix="/api/v1")

    @app.after_request
    def count_queries(response):
        slow = [q for q in get_recorded_queries() if q.duration >= app.config["SLOW_DB_QUERY_TIME"]]
        for query in slow:
            app.logger.warning("Slow query: %s\nDuration: %fs\n", query.statement, query.duration)
        response.headers["X-Queries"] = str(len(get_recorded_queries()))
        return response

    @app.cli.command("deploy")
    def deploy():
        """Make the tables and the roles."""
        from .models import Role

        db.create_all()
        Role.insert_roles()

    @app.shell_context_processor
    def make_shell_context():
        from .models import Comment, Post, Role, User

        return dict(db=db, User=User, Role=Role, Post=Post, Comment=Comment)

    return app
