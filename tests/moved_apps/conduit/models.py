import re

from flask_uow import hybrid_property
from werkzeug.security import check_password_hash, generate_password_hash

from .database import Column, Model, SurrogatePK, Timestamps, db, reference_col, relationship

followers_assoc = db.Table(
    "followers_assoc",
    db.Column("follower", db.Integer, db.ForeignKey("userprofile.user_id")),
    db.Column("followed_by", db.Integer, db.ForeignKey("userprofile.user_id")),
)
favoriter_assoc = db.Table(
    "favoritor_assoc",
    db.Column("favoriter", db.Integer, db.ForeignKey("userprofile.id")),
    db.Column("favorited_article", db.Integer, db.ForeignKey("article.id")),
)
tag_assoc = db.Table(
    "tag_assoc",
    db.Column("tag", db.Integer, db.ForeignKey("tags.id")),
    db.Column("article", db.Integer, db.ForeignKey("article.id")),
)


class User(SurrogatePK, Timestamps, Model):
    __tablename__ = "users"
    username = Column(db.String(80), unique=True, nullable=False)
    email = Column(db.String(100), unique=True, nullable=False)
    _password = Column("password", db.String(128), nullable=True)
    bio = Column(db.String(300), nullable=True)
    image = Column(db.String(120), nullable=True)

    @hybrid_property
    def password(self):
        return self._password

    @password.setter
    def password(self, value):
        self._password = generate_password_hash(value, method="pbkdf2:sha256:1000")

    def check_password(self, value):
        return check_password_hash(self._password, value)

    def to_json(self, token):
        return {"user": {"username": self.username, "email": self.email, "bio": self.bio, "token": token}}


class UserProfile(Model, SurrogatePK):
    __tablename__ = "userprofile"
    user_id = reference_col("users", nullable=False, unique=True)
    user = relationship("User", backref=db.backref("profile", uselist=False))
    follows = relationship(
        "UserProfile",
        secondary=followers_assoc,
        primaryjoin=user_id == followers_assoc.c.follower,
        secondaryjoin=user_id == followers_assoc.c.followed_by,
        backref="followed_by",
        lazy="dynamic",
    )

    def is_following(self, profile):
        return bool(self.follows.filter(followers_assoc.c.followed_by == profile.user_id).count())

    def follow(self, profile):
        if self is not profile and not self.is_following(profile):
            self.follows.append(profile)
            return True
        return False

    def unfollow(self, profile):
        if self is not profile and self.is_following(profile):
            self.follows.remove(profile)
            return True
        return False

    def to_json(self, viewer=None):
        following = viewer is not None and viewer.is_following(self)
        return {"username": self.user.username, "bio": self.user.bio, "following": following}


class Tags(Model):
    __tablename__ = "tags"
    id = db.Column(db.Integer, primary_key=True)
    tagname = db.Column(db.String(100))

    def __init__(self, tagname):
        db.Model.__init__(self, tagname=tagname)

    def __repr__(self):
        return self.tagname


class Comment(Model, SurrogatePK, Timestamps):
    __tablename__ = "comment"
    body = Column(db.Text)
    author_id = reference_col("userprofile", nullable=False)
    author = relationship("UserProfile", backref=db.backref("comments"))
    article_id = reference_col("article", nullable=False)

    def __init__(self, article, author, body, **kwargs):
        db.Model.__init__(self, author=author, body=body, article=article, **kwargs)

    def to_json(self, viewer=None):
        return {"id": self.id, "body": self.body, "author": self.author.to_json(viewer)}


class Article(SurrogatePK, Timestamps, Model):
    __tablename__ = "article"
    slug = Column(db.Text, unique=True)
    title = Column(db.String(100), nullable=False)
    description = Column(db.Text, nullable=False)
    body = Column(db.Text)
    author_id = reference_col("userprofile", nullable=False)
    author = relationship("UserProfile", backref=db.backref("articles"))
    favoriters = relationship("UserProfile", secondary=favoriter_assoc, backref="favorites", lazy="dynamic")
    tagList = relationship("Tags", secondary=tag_assoc, backref="articles")
    comments = relationship("Comment", backref=db.backref("article"), lazy="dynamic", cascade="all, delete-orphan")

    def __init__(self, author, title, body, description, slug=None, **kwargs):
        slug = slug or re.sub(r"\W+", "-", title.lower())
        db.Model.__init__(self, author=author, title=title, description=description, body=body, slug=slug, **kwargs)

    def favourite(self, profile):
        if not self.is_favourite(profile):
            self.favoriters.append(profile)
            return True
        return False

    def unfavourite(self, profile):
        if self.is_favourite(profile):
            self.favoriters.remove(profile)
            return True
        return False

    def is_favourite(self, profile):
        return bool(self.query.join(favoriter_assoc).filter(favoriter_assoc.c.favoriter == profile.id, Article.id == self.id).count())

    def add_tag(self, tag):
        if tag not in self.tagList:
            self.tagList.append(tag)
            return True
        return False

    @property
    def favoritesCount(self):
        return len(self.favoriters.all())

    def to_json(self, viewer=None):
        return {
            "slug": self.slug,
            "title": self.title,
            "description": self.description,
            "body": self.body,
            "tagList": sorted(tag.tagname for tag in self.tagList),
            "createdAt": self.createdAt.isoformat(),
            "updatedAt": self.updatedAt.isoformat(),
            "favorited": viewer is not None and self.is_favourite(viewer),
            "favoritesCount": self.favoritesCount,
            "author": self.author.to_json(viewer),
        }
