"""``MappedAsDataclass``: mapped classes that are dataclasses, whose constructor type checkers know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

from flask_uow.orm.mapping.annotations import annotations_of
from flask_uow.orm.mapping.dataclass_fields import NO_FIELD, declared_field, make_dataclass
from flask_uow.orm.mapping.declarative import DeclaredClass, is_base
from flask_uow.orm.mapping.declared_class import DECLARATIONS, MACHINERY
from flask_uow.orm.mapping.properties import ColumnDeclaration, column_property, deferred, mapped_column
from flask_uow.orm.mapping.relationship_property import RelationshipProperty
from flask_uow.orm.mapping.relationships import relationship

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MappedAsDataclass", "make_mapped_dataclass"]


def make_mapped_dataclass(cls: type, arguments: Mapping[str, Any]) -> None:
    """Make a class a dataclass of what its body declares; it is to be mapped afterwards.

    :param arguments: those of :func:`dataclasses.dataclass`.
    """
    annotations = annotations_of(cls)
    declared = {
        name: declared_field(
            getattr(value, "field", NO_FIELD),
            is_related=isinstance(value, RelationshipProperty),
            is_read_only=isinstance(value, ColumnDeclaration) and not value.stored,
        )
        for name, value in vars(cls).items()
        if name in annotations and isinstance(value, DECLARATIONS)
    }
    make_dataclass(cls, declared, arguments)


@dataclass_transform(field_specifiers=(mapped_column, relationship, column_property, deferred))
class MappedAsDataclass:
    """Derive a declarative base from it first, and its classes are dataclasses: ``class Base(MappedAsDataclass, DeclarativeBase)``.

    The arguments of a class, ``class Token(Base, kw_only=True)``, are those of :func:`dataclasses.dataclass`: ``init``, ``repr``, ``eq``, ``order``,
    ``unsafe_hash``, ``match_args``, ``kw_only``, and ``dataclass_callable`` in place of it; subclasses have them, too. An attribute says its part
    in ``mapped_column()`` or ``relationship()``: ``init``, ``repr``, ``default``, ``default_factory``, ``compare``, ``hash``, ``kw_only``. A mixin with
    attributes derives from this class as well. A relationship whose default is None and that the constructor does not get is left alone,
    so that a foreign key which it does get stays.

    >>> class Base(MappedAsDataclass, DeclarativeBase):
    ...     pass
    >>> class Token(Base):
    ...     __tablename__ = "token"
    ...     id: Mapped[int] = mapped_column(init=False, primary_key=True)
    ...     text: Mapped[str]
    ...     uses: Mapped[int] = mapped_column(default=0)
    >>> Token("abc").uses
    0
    """

    __dataclass_arguments__: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(
        cls,
        init: bool | None = None,
        repr: bool | None = None,
        eq: bool | None = None,
        order: bool | None = None,
        unsafe_hash: bool | None = None,
        match_args: bool | None = None,
        kw_only: bool | None = None,
        dataclass_callable: Callable[..., type] | None = None,
        **kwargs: Any,
    ) -> None:
        given = {
            "init": init, "repr": repr, "eq": eq, "order": order, "unsafe_hash": unsafe_hash, "match_args": match_args, "kw_only": kw_only,
            "dataclass_callable": dataclass_callable,
        }  # fmt: skip
        cls.__dataclass_arguments__ = {
            **cls.__dataclass_arguments__,
            **{name: value for name, value in given.items() if value is not None},
        }
        is_machinery = issubclass(cls, DeclaredClass) and is_base(cls)
        # a base may have fields of its own, which its classes have then
        if not is_machinery or any(not name.startswith("__") for name in annotations_of(cls)):
            make_mapped_dataclass(cls, cls.__dataclass_arguments__)
        super().__init_subclass__(**kwargs)


MACHINERY.add(MappedAsDataclass)
