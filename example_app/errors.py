"""Every error as JSON. Whatever a failed request did is rolled back by flask_uow before these handlers run."""

from __future__ import annotations

from flask import Flask
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from example_app.payload import InvalidPayload
from flask_uow import DataError, IntegrityError, StaleDataError

__all__ = ["register"]


def register(app: Flask) -> None:
    """Register the handlers."""

    @app.errorhandler(InvalidPayload)
    def invalid(error: InvalidPayload) -> ResponseReturnValue:
        return {"errors": {error.field: [error.reason]}}, 422

    @app.errorhandler(DataError)
    def unfit(error: DataError) -> ResponseReturnValue:
        return {"errors": {"value": ["does not fit its field"]}}, 422

    @app.errorhandler(IntegrityError)
    def conflict(error: IntegrityError) -> ResponseReturnValue:
        return {"errors": {"conflict": ["is in use already, or refers to something that is gone"]}}, 409

    @app.errorhandler(StaleDataError)
    def overtaken(error: StaleDataError) -> ResponseReturnValue:
        return {"errors": {"conflict": ["was changed by someone else meanwhile; load it again"]}}, 409

    @app.errorhandler(HTTPException)
    def other(error: HTTPException) -> ResponseReturnValue:
        return {"errors": {"request": [error.description or error.name]}}, error.code or 500
