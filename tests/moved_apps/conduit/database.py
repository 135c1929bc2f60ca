from flask_uow import declared_attr, relationship

from .extensions import db

Column = db.Column
Model = db.Model


class SurrogatePK:
    """Adds a primary key ``id``."""

    __table_args__ = {"extend_existing": True}

    id = db.Column(db.Integer, primary_key=True)

    @classmethod
    def get_by_id(cls, record_id):
        return db.session.get(cls, int(record_id))


class Timestamps:
    @declared_attr
    def createdAt(cls):
        return db.Column(db.DateTime, nullable=False, server_default=db.func.now())

    @declared_attr
    def updatedAt(cls):
        return db.Column(db.DateTime, nullable=False, server_default=db.func.now(), onupdate=db.func.now())


def reference_col(tablename, nullable=False, pk_name="id", **kwargs):
    return db.Column(db.ForeignKey("{0}.{1}".format(tablename, pk_name)), nullable=nullable, **kwargs)


__all__ = ["Column", "Model", "SurrogatePK", "Timestamps", "db", "reference_col", "relationship"]
