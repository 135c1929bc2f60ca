from flask import Blueprint, current_app, request
from itsdangerous import BadSignature, URLSafeSerializer
from flask_uow import IntegrityError

from .database import db
from .exceptions import UNAUTHORIZED, USER_ALREADY_REGISTERED, USER_NOT_FOUND
from .models import User, UserProfile

blueprint = Blueprint("user", __name__)


def token_of(user):
    return URLSafeSerializer(current_app.secret_key).dumps(user.id)


def current_profile(optional=False):
    header = request.headers.get("Authorization", "")
    if header.startswith("Token "):
        try:
            user = User.get_by_id(URLSafeSerializer(current_app.secret_key).loads(header[6:]))
        except BadSignature:
            user = None
        if user is not None:
            return user.profile
    if optional:
        return None
    raise UNAUTHORIZED


@blueprint.route("/api/users", methods=("POST",))
def register_user():
    data = request.json["user"]
    try:
        user = User(username=data["username"], email=data["email"])
        user.password = data["password"]
        userprofile = UserProfile(user=user.save()).save()
    except IntegrityError:
        db.session.rollback()
        raise USER_ALREADY_REGISTERED
    return userprofile.user.to_json(token_of(userprofile.user))


@blueprint.route("/api/users/login", methods=("POST",))
def login_user():
    data = request.json["user"]
    user = User.query.filter_by(email=data["email"]).first()
    if user is not None and user.check_password(data["password"]):
        return user.to_json(token_of(user))
    raise USER_NOT_FOUND


@blueprint.route("/api/user", methods=("GET", "PUT"))
def user():
    me = current_profile().user
    if request.method == "PUT":
        data = dict(request.json["user"])
        data.pop("token", None)
        if "password" in data:
            me.password = data.pop("password")
        me.update(**data)
    return me.to_json(token_of(me))


@blueprint.route("/api/profiles/<username>")
def get_profile(username):
    user = User.query.filter_by(username=username).first()
    if not user:
        raise USER_NOT_FOUND
    return {"profile": user.profile.to_json(current_profile(optional=True))}


@blueprint.route("/api/profiles/<username>/follow", methods=("POST", "DELETE"))
def follow_user(username):
    me = current_profile()
    user = User.query.filter_by(username=username).first()
    if not user:
        raise USER_NOT_FOUND
    if request.method == "POST":
        me.follow(user.profile)
    else:
        me.unfollow(user.profile)
    me.save()
    return {"profile": user.profile.to_json(me)}
