import flask_uow as sa
from flask import Blueprint, abort, g, redirect, request, session, url_for
from flask_uow import IntegrityError

from . import db
from .models import User, now

bp = Blueprint("auth", __name__)


@bp.before_app_request
def load_user():
    g.user = db.session.get(User, session["user_id"]) if "user_id" in session else None
    if g.user is not None:
        g.user.last_seen = now()
        db.session.commit()


def login_required():
    if g.user is None:
        abort(401)
    return g.user


@bp.route("/register", methods=["POST"])
def register():
    user = User(username=request.form["username"], email=request.form["email"])
    user.set_password(request.form["password"])
    db.session.add(user)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        return "Please use a different username or email address.", 409
    return redirect(url_for("main.user", username=user.username))


@bp.route("/login", methods=["POST"])
def login():
    user = db.session.scalar(sa.select(User).where(User.username == request.form["username"]))
    if user is None or not user.check_password(request.form["password"]):
        return "Invalid username or password", 401
    session["user_id"] = user.id
    return redirect(url_for("main.index"))


@bp.route("/logout")
def logout():
    session.clear()
    return redirect(url_for("main.index"))
