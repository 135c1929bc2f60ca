"""The ``UOW_`` keys are read once, by ``init_app``: a change that comes later is an error, not a silent nothing.

Else a test suite that sets its database too late would run on the one that ``init_app`` has seen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from flask_uow.exc import ConfigurationError

__all__ = ["FixedConfig"]


class FixedConfig:
    """The configuration of an app as it was when it was read.

    :param keys: the keys that count.
    :param speaking: those of them for which None is a value of its own; for the others it says as little as an absent key.
    """

    __slots__ = ("_absent", "_defaults", "_keys", "_present", "_speaking", "_values")

    def __init__(self, config: Mapping[str, Any], keys: tuple[str, ...], speaking: Collection[str] = ()) -> None:
        self._keys = keys
        self._speaking = speaking
        # most keys are not set, and one question is enough for all of these
        self._absent = frozenset(keys).difference(config)
        self._present = tuple(key for key in keys if key in config)
        self._values = tuple(_copied(config[key]) for key in self._present)
        self._defaults = tuple(map(self._value_of_absent, self._present))

    def check(self, config: Mapping[str, Any]) -> None:
        """Compare with the present configuration; called for every Session that is made, so it has to be quick.

        :raises ConfigurationError: naming the key that was changed.
        """
        if (
            config.keys().isdisjoint(self._absent)
            and tuple(map(config.get, self._present, self._defaults)) == self._values
        ):
            return
        known = dict(zip(self._present, self._values, strict=True))
        for key in self._keys:
            default = self._value_of_absent(key)
            if config.get(key, default) != known.get(key, default):
                raise ConfigurationError(
                    f"app.config[{key!r}] was changed after init_app() had read it, and the change has no effect. Set it before"
                    " UnitOfWork(app) or db.init_app(app): in create_app(), or as an argument of it."
                )

    def _value_of_absent(self, key: str) -> object:
        return _NOT_SET if key in self._speaking else None


_NOT_SET = object()


def _copied(value: object) -> object:
    # what is changed in place has to differ from what it was
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return set(value) if isinstance(value, set) else value
