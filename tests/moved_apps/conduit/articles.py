from flask import Blueprint, request
from flask_uow import joinedload

from .database import db
from .exceptions import ARTICLE_NOT_FOUND, FORBIDDEN
from .models import Article, Comment, Tags, User, UserProfile
from .user import current_profile

blueprint = Blueprint("articles", __name__)


def article_of(slug):
    article = Article.query.filter_by(slug=slug).first()
    if not article:
        raise ARTICLE_NOT_FOUND
    return article


@blueprint.route("/api/articles")
def get_articles():
    args = request.args
    res = Article.query.options(joinedload(Article.author).joinedload(UserProfile.user))
    if "tag" in args:
        res = res.filter(Article.tagList.any(Tags.tagname == args["tag"]))
    if "author" in args:
        res = res.join(Article.author).join(User).filter(User.username == args["author"])
    if "favorited" in args:
        res = res.join(Article.favoriters).filter(UserProfile.user.has(User.username == args["favorited"]))
    count = res.count()
    articles = (
        res.order_by(Article.createdAt.desc(), Article.id.desc())
        .offset(args.get("offset", 0, type=int))
        .limit(args.get("limit", 20, type=int))
        .all()
    )
    viewer = current_profile(optional=True)
    return {"articles": [article.to_json(viewer) for article in articles], "articlesCount": count}


@blueprint.route("/api/articles", methods=("POST",))
def make_article():
    me = current_profile()
    data = request.json["article"]
    article = Article(title=data["title"], description=data["description"], body=data["body"], author=me)
    for tag in data.get("tagList", ()):
        mtag = Tags.query.filter_by(tagname=tag).first()
        if not mtag:
            mtag = Tags(tag)
            mtag.save()
        article.add_tag(mtag)
    article.save()
    return {"article": article.to_json(me)}


@blueprint.route("/api/articles/<slug>", methods=("GET", "PUT", "DELETE"))
def article(slug):
    article = article_of(slug)
    if request.method == "GET":
        return {"article": article.to_json(current_profile(optional=True))}
    me = current_profile()
    if article.author is not me:
        raise FORBIDDEN
    if request.method == "DELETE":
        article.delete()
        return "", 200
    article.update(**request.json["article"])
    return {"article": article.to_json(me)}


@blueprint.route("/api/articles/<slug>/favorite", methods=("POST", "DELETE"))
def favorite(slug):
    me = current_profile()
    article = article_of(slug)
    if request.method == "POST":
        article.favourite(me)
    else:
        article.unfavourite(me)
    article.save()
    return {"article": article.to_json(me)}


@blueprint.route("/api/articles/feed")
def articles_feed():
    me = current_profile()
    followed = me.follows.with_entities(UserProfile.id).subquery()
    articles = (
        Article.query.filter(Article.author_id.in_(db.session.query(followed.c.id)))
        .order_by(Article.createdAt.desc(), Article.id.desc())
        .all()
    )
    return {"articles": [article.to_json(me) for article in articles], "articlesCount": len(articles)}


@blueprint.route("/api/articles/<slug>/comments", methods=("GET", "POST"))
def comments(slug):
    article = article_of(slug)
    if request.method == "GET":
        viewer = current_profile(optional=True)
        return {"comments": [comment.to_json(viewer) for comment in article.comments.order_by(Comment.id)]}
    me = current_profile()
    comment = Comment(article, me, request.json["comment"]["body"])
    comment.save()
    return {"comment": comment.to_json(me)}


@blueprint.route("/api/articles/<slug>/comments/<int:cid>", methods=("DELETE",))
def delete_comment(slug, cid):
    comment = article_of(slug).comments.filter_by(id=cid, author=current_profile()).first()
    if comment is None:
        raise FORBIDDEN
    comment.delete()
    return "", 200


@blueprint.route("/api/tags")
def get_tags():
    return {"tags": [tag.tagname for tag in Tags.query.order_by(Tags.tagname).all()]}
