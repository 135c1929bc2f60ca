import flask_uow as sa
from flask import Blueprint, current_app, redirect, render_template_string, request, url_for

from . import db
from .auth import login_required
from .models import Message, Post, User, now

bp = Blueprint("main", __name__)

POSTS = """{% for post in posts %}<p>{{ post.author.username }}: {{ post.body }}</p>
{% endfor %}{% if posts.has_next %}<a href="?page={{ posts.next_num }}">Older</a>{% endif %}"""
PROFILE = """<h1>{{ user.username }}</h1><p>{{ user.about_me or "" }}</p>
<p>{{ user.followers.count() }} followers, {{ user.following.count() }} following</p>
"""
MESSAGES = """{% for message in messages %}<p>{{ message.author.username }} wrote: {{ message.body }}</p>
{% endfor %}"""


def paginate(query):
    return db.paginate(
        query,
        page=request.args.get("page", 1, type=int),
        per_page=current_app.config["POSTS_PER_PAGE"],
        error_out=False,
    )


@bp.route("/", methods=["GET", "POST"])
def index():
    user = login_required()
    if request.method == "POST":
        post = Post(body=request.form["post"], author=user)
        db.session.add(post)
        db.session.commit()
        return redirect(url_for("main.index"))
    return render_template_string(POSTS, posts=paginate(user.followed_posts()))


@bp.route("/explore")
def explore():
    query = sa.select(Post).order_by(Post.timestamp.desc(), Post.id.desc())
    return render_template_string(POSTS, posts=paginate(query))


@bp.route("/user/<username>")
def user(username):
    user = db.first_or_404(sa.select(User).where(User.username == username))
    query = sa.select(Post).where(Post.author == user).order_by(Post.timestamp.desc(), Post.id.desc())
    posts = paginate(query)
    return render_template_string(PROFILE + POSTS, user=user, posts=posts)


@bp.route("/edit_profile", methods=["GET", "POST"])
def edit_profile():
    user = login_required()
    if request.method == "POST":
        user.username = request.form["username"]
        user.about_me = request.form["about_me"]
        db.session.commit()
        return redirect(url_for("main.edit_profile"))
    return render_template_string(PROFILE, user=user)


@bp.route("/follow/<username>", methods=["POST"])
def follow(username):
    me = login_required()
    user = db.first_or_404(sa.select(User).where(User.username == username))
    if user == me:
        return "You cannot follow yourself!", 400
    me.follow(user)
    db.session.commit()
    return redirect(url_for("main.user", username=username))


@bp.route("/unfollow/<username>", methods=["POST"])
def unfollow(username):
    me = login_required()
    me.unfollow(db.first_or_404(sa.select(User).where(User.username == username)))
    db.session.commit()
    return redirect(url_for("main.user", username=username))


@bp.route("/send_message/<recipient>", methods=["POST"])
def send_message(recipient):
    me = login_required()
    user = db.first_or_404(sa.select(User).where(User.username == recipient))
    db.session.add(Message(author=me, recipient=user, body=request.form["message"]))
    db.session.commit()
    return {"unread": user.new_messages()}


@bp.route("/messages")
def messages():
    me = login_required()
    me.last_message_read_time = now()
    db.session.commit()
    messages = me.messages_received.order_by(Message.timestamp.desc()).paginate(per_page=20)
    return render_template_string(MESSAGES, messages=messages)
