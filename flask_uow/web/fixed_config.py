"""The ``UOW_`` keys are read once, by ``init_app``: a change that comes later is an error, not a silent nothing.

Else a test suite that sets its database too late would run on the one that ``init_app`` has seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_uow.exc import ConfigurationError

__all__ = ["FixedConfig"]


class FixedConfig:
    """The configuration of an app as it was when it was read.

    :param keys: the keys that count.
    """

    __slots__ = ("_absent", "_keys", "_present", "_values")

    def __init__(self, config: Mapping[str, Any], keys: tuple[str, ...]) -> None:
        self._keys = keys
        # most keys are not set, and one question is enough for all of these
        self._absent = frozenset(keys).difference(config)
        self._present = tuple(key for key in keys if key in config)
        self._values = tuple(_copied(config[key]) for key in self._present)

    def check(self, config: Mapping[str, Any]) -> None:
        """Compare with the present configuration; called for every Session that is made, so it has to be quick.

        :raises ConfigurationError: naming the key that was changed.
        """
        if config.keys().isdisjoint(self._absent) and tuple(map(config.get, self._present)) == self._values:
            return
        known = dict(zip(self._present, self._values, strict=True))
        key = next((key for key in self._keys if config.get(key) != known.get(key)), None)
        if key is None:
            # one that was set to None, which says nothing
            return
        raise ConfigurationError(
            f"app.config[{key!r}] was changed after init_app() had read it, and the change has no effect. Set it before"
            " UnitOfWork(app) or db.init_app(app): in create_app(), or as an argument of it."
        )


def _copied(value: object) -> object:
    # a dict that is changed in place has to differ from what it was
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return value
