from functools import wraps

from flask import Blueprint, abort, current_app, g, jsonify, request, url_for
from flask_uow import func, or_
from flask_uow import IntegrityError, FlaskUowError

from . import db
from .models import Comment, Permission, Post, Token, User

api = Blueprint("api", __name__)


@api.before_request
def authenticate():
    g.user = None
    header = request.headers.get("Authorization", "")
    if header.startswith("Bearer "):
        g.user = Token.user_of(header[7:])
        if g.user is None:
            abort(401)


@api.errorhandler(ValueError)
def bad_request(error):
    return jsonify(error=str(error)), 400


@api.errorhandler(FlaskUowError)
def database_error(error):
    db.session.rollback()
    return jsonify(error="database"), 500


def permission_required(permission):
    def decorator(f):
        @wraps(f)
        def decorated_function(*args, **kwargs):
            if g.user is None or not g.user.can(permission):
                abort(403)
            return f(*args, **kwargs)

        return decorated_function

    return decorator


@api.route("/users/", methods=["POST"])
def new_user():
    user = User(email=request.json["email"], username=request.json["username"], password=request.json["password"])
    db.session.add(user)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        return jsonify(error="user exists"), 409
    return jsonify(user.to_json()), 201


@api.route("/tokens/", methods=["POST"])
def get_token():
    user = User.query.filter(
        or_(User.username == request.json["login"], User.email == func.lower(request.json["login"]))
    ).first()
    if user is None or not user.verify_password(request.json["password"]):
        abort(401)
    token = user.generate_token()
    db.session.commit()
    return jsonify({"token": token.token})


@api.route("/tokens/", methods=["DELETE"])
def revoke_tokens():
    if g.user is None:
        abort(401)
    g.user.tokens.clear()
    db.session.commit()
    return "", 204


@api.route("/users/<int:id>")
def get_user(id):
    return jsonify(User.query.get_or_404(id).to_json())


@api.route("/users/<int:id>", methods=["DELETE"])
@permission_required(Permission.ADMIN)
def delete_user(id):
    user = User.query.get_or_404(id)
    Comment.query.filter_by(author_id=user.id).delete()
    Post.query.filter_by(author_id=user.id).update({"author_id": None})
    db.session.delete(user)
    db.session.commit()
    return "", 204


@api.route("/posts/", methods=["POST"])
@permission_required(Permission.WRITE)
def new_post():
    post = Post(body=request.json.get("body"))
    post.author = g.user
    db.session.add(post)
    db.session.commit()
    return jsonify(post.to_json()), 201, {"Location": url_for("api.get_post", id=post.id)}


@api.route("/posts/")
def get_posts():
    page = request.args.get("page", 1, type=int)
    pagination = Post.query.order_by(Post.timestamp.desc(), Post.id.desc()).paginate(
        page=page, per_page=current_app.config["POSTS_PER_PAGE"], error_out=False
    )
    next = url_for("api.get_posts", page=page + 1) if pagination.has_next else None
    return jsonify({"posts": [post.to_json() for post in pagination.items], "next": next, "count": pagination.total})


@api.route("/posts/<int:id>")
def get_post(id):
    return jsonify(Post.query.get_or_404(id).to_json())


@api.route("/posts/<int:id>", methods=["PUT"])
@permission_required(Permission.WRITE)
def edit_post(id):
    post = Post.query.get_or_404(id)
    if g.user != post.author and not g.user.can(Permission.ADMIN):
        abort(403)
    post.body = request.json.get("body", post.body)
    db.session.add(post)
    db.session.commit()
    return jsonify(post.to_json())


@api.route("/posts/<int:id>/comments/", methods=["POST"])
@permission_required(Permission.COMMENT)
def new_comment(id):
    comment = Comment(body=request.json["body"], author=g.user, post=Post.query.get_or_404(id))
    db.session.add(comment)
    db.session.commit()
    return jsonify(comment.to_json()), 201


@api.route("/posts/<int:id>/comments/")
def get_comments(id):
    post = Post.query.get_or_404(id)
    comments = post.comments.filter(or_(Comment.disabled.is_(None), Comment.disabled.is_(False)))
    return jsonify([comment.to_json() for comment in comments.order_by(Comment.timestamp.asc())])


@api.route("/comments/<int:id>/disable", methods=["POST"])
@permission_required(Permission.MODERATE)
def disable_comment(id):
    comment = Comment.query.get_or_404(id)
    comment.disabled = True
    db.session.add(comment)
    db.session.commit()
    return jsonify(comment.to_json())
