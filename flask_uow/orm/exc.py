"""Errors of the object-relational layer; all derive from the tree in :mod:`flask_uow.exc`."""

from __future__ import annotations

from flask_uow.exc import FlaskUowError, InvalidRequestError, MultipleResultsFound, NoResultFound

__all__ = [
    "ConcurrentModificationError",
    "DetachedInstanceError",
    "FlushError",
    "MultipleResultsFound",
    "NoResultFound",
    "ObjectDeletedError",
    "StaleDataError",
    "StaleReadError",
    "UnmappedClassError",
    "UnmappedColumnError",
    "UnmappedError",
    "UnmappedInstanceError",
]


class FlushError(FlaskUowError):
    """A flush cannot go on: an object that it needs is missing, has no key, or is in no session."""


class StaleDataError(FlaskUowError):
    """An UPDATE or DELETE found fewer rows than objects: someone else changed or deleted them."""


ConcurrentModificationError = StaleDataError


class StaleReadError(StaleDataError):
    """An object that was read from a replica is to be written, and its row in the primary is not the one that was read."""


class UnmappedError(InvalidRequestError):
    """A mapping was needed, and there is none; the base of the errors that say of what."""


class UnmappedColumnError(UnmappedError):
    """A mapper was asked for the attribute of a column, and none is mapped to it."""


class UnmappedClassError(UnmappedError):
    """A class was used as a mapped class, and no mapper is known for it."""


class UnmappedInstanceError(UnmappedClassError):
    """An object was given to a Session, and its class is not mapped."""


class ObjectDeletedError(InvalidRequestError):
    """The row of an object that had to be refreshed is gone."""


class DetachedInstanceError(InvalidRequestError):
    """An attribute had to be loaded, and its object is in no Session."""
