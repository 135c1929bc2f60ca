from flask import Blueprint, abort, flash, g, redirect, render_template_string, request, url_for
from flask_uow import select

from . import db
from .auth import FORM, login_required
from .models import Post

bp = Blueprint("blog", __name__)

INDEX = """{% for post in posts %}<article><h1>{{ post.title }}</h1>
<div>by {{ post.author.username }} on {{ post.created.strftime("%Y-%m-%d") }}</div><p>{{ post.body }}</p>
{% if g.user == post.author %}<a href="{{ url_for("blog.update", id=post.id) }}">Edit</a>{% endif %}</article>
{% endfor %}"""


@bp.route("/")
def index():
    posts = db.session.execute(select(Post).order_by(Post.created.desc(), Post.id.desc())).scalars()
    return render_template_string(INDEX, posts=posts)


def get_post(id, check_author=True):
    post = db.get_or_404(Post, id, description=f"Post id {id} doesn't exist.")
    if check_author and post.author != g.user:
        abort(403)
    return post


@bp.route("/create", methods=("GET", "POST"))
@login_required
def create():
    if request.method == "POST":
        title = request.form["title"]
        if not title:
            flash("Title is required.")
        else:
            db.session.add(Post(title=title, body=request.form["body"], author=g.user))
            db.session.commit()
            return redirect(url_for("blog.index"))
    return render_template_string(FORM)


@bp.route("/<int:id>/update", methods=("GET", "POST"))
@login_required
def update(id):
    post = get_post(id)
    if request.method == "POST":
        title = request.form["title"]
        if not title:
            flash("Title is required.")
        else:
            post.title = title
            post.body = request.form["body"]
            db.session.commit()
            return redirect(url_for("blog.index"))
    return render_template_string(FORM)


@bp.route("/<int:id>/delete", methods=("POST",))
@login_required
def delete(id):
    db.session.delete(get_post(id))
    db.session.commit()
    return redirect(url_for("blog.index"))
