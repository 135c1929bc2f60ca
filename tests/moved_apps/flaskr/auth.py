import functools

from flask import Blueprint, flash, g, redirect, render_template_string, request, session, url_for
from flask_uow import exists, select

from . import db
from .models import User

bp = Blueprint("auth", __name__, url_prefix="/auth")

FORM = "{% for message in get_flashed_messages() %}<p>{{ message }}</p>{% endfor %}<form></form>"


def login_required(view):
    @functools.wraps(view)
    def wrapped_view(**kwargs):
        if g.user is None:
            return redirect(url_for("auth.login"))
        return view(**kwargs)

    return wrapped_view


@bp.before_app_request
def load_logged_in_user():
    user_id = session.get("user_id")
    g.user = db.session.get(User, user_id) if user_id is not None else None


@bp.route("/register", methods=("GET", "POST"))
def register():
    if request.method == "POST":
        username = request.form["username"]
        password = request.form["password"]
        error = None
        if not username:
            error = "Username is required."
        elif not password:
            error = "Password is required."
        elif db.session.execute(select(exists().where(User.username == username))).scalar():
            error = f"User {username} is already registered."
        if error is None:
            db.session.add(User(username=username, password=password))
            db.session.commit()
            return redirect(url_for("auth.login"))
        flash(error)
    return render_template_string(FORM)


@bp.route("/login", methods=("GET", "POST"))
def login():
    if request.method == "POST":
        user = db.session.execute(
            select(User).where(User.username == request.form["username"])
        ).scalar_one_or_none()
        error = None
        if user is None:
            error = "Incorrect username."
        elif not user.check_password(request.form["password"]):
            error = "Incorrect password."
        if error is None:
            session.clear()
            session["user_id"] = user.id
            return redirect(url_for("index"))
        flash(error)
    return render_template_string(FORM)


@bp.route("/logout")
def logout():
    session.clear()
    return redirect(url_for("index"))
