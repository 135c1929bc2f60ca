"""Values of objects in criteria: read when the statement runs.

``Post.author == ed`` and ``with_parent(ed)`` speak of an object, not of the key that it happens to have when the line is executed. A statement
of a Session flushes first what is pending: that gives a new object its key, and a changed many-to-one its foreign key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.state.instance_state import describe
from flask_uow.orm.state.keys import identity_values
from flask_uow.orm.symbols import NO_VALUE, STATE
from flask_uow.sql.expressions import BindParameter
from flask_uow.sql.types import TypeEngine

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper

__all__ = ["ObjectValue"]


class ObjectValue(BindParameter[Any]):
    """The value of an attribute of an object, as a bind parameter. It keeps the object alive.

    :param obj: the object.
    :param mapper: the mapper that the attribute is one of.
    :param name: the attribute.
    :param what: what the value is for, for messages; None where it may be NULL.
    """

    __slots__ = ("_known", "_mapper", "_name", "_obj", "_what")

    def __init__(self, obj: object, mapper: Mapper, name: str, type_: TypeEngine[Any], what: str | None = None) -> None:
        self.type = type_
        self.key = None
        self.required = False
        self._obj = obj
        self._mapper = mapper
        self._name = name
        self._what = what
        # an object may be expired and taken out of its Session before the statement runs
        self._known = obj.__dict__.get(name, NO_VALUE)

    @property
    def value(self) -> Any:
        """The value that the database has for the object's key, and the present one of other attributes.

        :raises InvalidRequestError: for an object that has no key yet.
        """
        found = self._read()
        if found is None and self._what is not None:
            raise no_key(self._obj, self._what)
        return found

    def _read(self) -> Any:
        obj, name = self._obj, self._name
        state = obj.__dict__.get(STATE)
        # that of the row, which needs no loading and stays until a change of it is flushed
        if state is not None and state.row_key is not None and name in self._mapper.primary_key_names:
            identity = state.row_key
            position = self._mapper.primary_key_names.index(name)
            return identity_values(identity)[position]
        if name in obj.__dict__:
            return obj.__dict__[name]
        is_detached = state is not None and state.row_key is not None and state.session is None
        return self._known if is_detached and self._known is not NO_VALUE else getattr(obj, name)


def no_key(obj: object, what: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"{what} got {describe(obj)}, which has no primary key yet, and no row can be found by an object without a primary key. Add it to the"
        " Session: its statements flush first, and where autoflush is off, flush() gives the object its key."
    )
