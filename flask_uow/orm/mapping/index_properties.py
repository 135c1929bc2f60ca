"""``index_property``: one key of a document, or one place of a list, as an attribute of its own; a hybrid over a column of JSON or ARRAY."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask_uow.orm.instrumentation.flagging import flag_modified
from flask_uow.orm.mapping.hybrids import hybrid_property
from flask_uow.sql.types import ARRAY

__all__ = ["index_property"]

_NO_DEFAULT: Final = object()


class index_property(hybrid_property[Any]):  # noqa: N801 - as hybrid_property
    """Show what a column has at a key or a place: ``color = index_property("settings", "color")``.

    On the class it is ``settings["color"]``, for queries. A value that is set makes the document where there is none.

    :param attr_name: the attribute of the column.
    :param index: the key, or the place, counted from 0.
    :param default: the value where the column has nothing there; an AttributeError is raised when it is left out.
    :param datatype: makes the document when a value is set and there is none; by default a dict, for a place a list that is long enough.
    :param mutable: False for one that is only read.
    :param onebased: True where an SQL array is counted from 1, as PostgreSQL does.

    >>> class Profile(Base):                                                                    # doctest: +SKIP
    ...     settings = mapped_column(JSON)
    ...     color = index_property("settings", "color", default="red")
    """

    def __init__(
        self,
        attr_name: str,
        index: Any,
        default: Any = _NO_DEFAULT,
        datatype: Callable[[], Any] | None = None,
        mutable: bool = True,
        onebased: bool = True,
    ) -> None:
        self.attr_name = attr_name
        self.index = index
        self.default = default
        self.datatype = datatype
        self.onebased = onebased
        super().__init__(self._get, self._set if mutable else None, self._delete if mutable else None, self._expression)
        self.name = attr_name

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def _absent(self, obj: object, error: Exception | None) -> Any:
        if self.default is not _NO_DEFAULT:
            return self.default
        raise AttributeError(
            f"{type(obj).__name__}.{self.name}: {self.attr_name} has nothing at {self.index!r}, and index_property() got no default."
        ) from error

    def _get(self, obj: Any) -> Any:
        held = getattr(obj, self.attr_name)
        if held is None:
            return self._absent(obj, None)
        try:
            return held[self.index]
        except (KeyError, IndexError) as error:
            return self._absent(obj, error)

    def _set(self, obj: Any, value: Any) -> None:
        held = getattr(obj, self.attr_name)
        if held is None:
            held = self._new() if self.datatype is None else self.datatype()
        held[self.index] = value
        self._changed(obj, held)

    def _delete(self, obj: Any) -> None:
        held = getattr(obj, self.attr_name)
        if held is None:
            self._absent(obj, None)
            return
        try:
            del held[self.index]
        except (KeyError, IndexError) as error:
            self._absent(obj, error)
            return
        self._changed(obj, held)

    def _new(self) -> Any:
        return [None] * (self.index + 1) if isinstance(self.index, int) else {}

    def _changed(self, obj: Any, held: Any) -> None:
        setattr(obj, self.attr_name, held)
        flag_modified(obj, self.attr_name)

    def _expression(self, entity: Any) -> Any:
        column = getattr(entity, self.attr_name)
        counts = self.onebased and isinstance(self.index, int) and isinstance(column.type, ARRAY)
        return column[self.index + 1 if counts else self.index]
