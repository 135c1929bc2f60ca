"""The Flask layer: whose Session it is, when it is committed, configuration and command line.

In reading order: config, outcome, scope, signals, session, boundary, models, cli, extension.
"""

from __future__ import annotations

from flask_uow.web import signals
from flask_uow.web.extension import UnitOfWork

__all__ = ["UnitOfWork", "signals"]
