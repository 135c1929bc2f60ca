"""``Mapped[...]`` and what an annotation says: the type of a column, or the target of a relationship.

Annotations are read when the class is made, and may name classes that do not exist yet; such names are kept as names and looked
up when the mappers are configured. A name is first that of the function or module in which the class stands. One that these do not have may be
a mapped class's, of any module, defined before or later; only where a column needs a type it is that of :mod:`typing` or of Python itself.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ForwardRef, Generic, TypeVar, Union, get_args, get_origin, overload

from flask_uow.exc import ArgumentError
from flask_uow.orm.instrumentation.attributes import Attribute
from flask_uow.orm.mapping.descriptors import PropComparator
from flask_uow.orm.mapping.view_attributes import ViewColumn, ViewRelationship
from flask_uow.orm.strategies import Strategy

if TYPE_CHECKING:
    from flask_uow.orm.instrumentation.relationship_attributes import RelationshipAttribute
    from flask_uow.orm.mapping.dynamic import AppenderQuery, WriteOnlyCollection
    from flask_uow.sql.column_operators import ColumnOperators
    from flask_uow.sql.expressions import ColumnElement

if sys.version_info >= (3, 14):
    import annotationlib

__all__ = [
    "DynamicMapped",
    "InstrumentedAttribute",
    "Mapped",
    "MappedAnnotation",
    "MappedRelationship",
    "QueryableAttribute",
    "WriteOnlyMapped",
    "annotations_of",
    "read_annotation",
]

T = TypeVar("T")

# what `type Name = ...` makes, from Python 3.12 on; typing_extensions has the class for others
_ALIAS = "TypeAliasType"

if TYPE_CHECKING:
    # in the body of its class an attribute may be used in expressions
    _ClassBody = ColumnOperators

    class InstrumentedAttribute(RelationshipAttribute, ColumnElement[T], Generic[T]):
        """A mapped attribute on its class, to a type checker: an expression, with the methods of relationships."""

        # of its column
        nullable: bool
        primary_key: bool
        unique: Any
        index: Any
        default: Any
        onupdate: Any
        server_default: Any
        foreign_keys: Any
        comment: str | None

else:

    class _ClassBody:
        """The base of :class:`Mapped`; its operators are for type checkers."""

    class _AnyAttribute(type):
        """Takes every attribute of a mapped class for an instance, as annotations say that it is one."""

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, (Attribute, ViewColumn, ViewRelationship, PropComparator))

    class InstrumentedAttribute(Generic[T], metaclass=_AnyAttribute):
        """A mapped attribute on its class, of an alias of it too: for annotations, and for ``isinstance()``."""


QueryableAttribute = InstrumentedAttribute


class Mapped(_ClassBody, Generic[T]):
    """The annotation of a mapped attribute: a ``T`` on objects, an expression on the class.

    >>> from flask_uow.orm import DeclarativeBase, Mapped, mapped_column
    >>> class Base(DeclarativeBase):
    ...     pass
    >>> class City(Base):
    ...     __tablename__ = "city"
    ...     id: Mapped[int] = mapped_column(primary_key=True)
    ...     name: Mapped[str | None]
    >>> City(name="Oslo").name
    'Oslo'
    """

    if TYPE_CHECKING:

        @overload
        def __get__(self, obj: None, owner: object) -> InstrumentedAttribute[T]: ...

        @overload
        def __get__(self, obj: object, owner: object) -> T: ...

        def __get__(self, obj: object | None, owner: object) -> InstrumentedAttribute[T] | T: ...

        def __set__(self, obj: object, value: T | ColumnElement[Any]) -> None: ...

        def __delete__(self, obj: object) -> None: ...


class DynamicMapped(Mapped[T]):
    """The annotation of a collection that is a query: ``relationship(lazy="dynamic")`` without saying so."""

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __get__(self, obj: None, owner: object) -> InstrumentedAttribute[T]: ...

        @overload
        def __get__(self, obj: object, owner: object) -> AppenderQuery[T]: ...

        def __get__(  # pyright: ignore[reportIncompatibleMethodOverride]
            self, obj: object | None, owner: object
        ) -> InstrumentedAttribute[T] | AppenderQuery[T]: ...

        def __set__(self, obj: object, value: Iterable[T]) -> None: ...  # type: ignore[override]


class WriteOnlyMapped(Mapped[T]):
    """The annotation of a collection that is never loaded whole: ``relationship(lazy="write_only")`` without saying so."""

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __get__(self, obj: None, owner: object) -> InstrumentedAttribute[T]: ...

        @overload
        def __get__(self, obj: object, owner: object) -> WriteOnlyCollection[T]: ...

        def __get__(  # pyright: ignore[reportIncompatibleMethodOverride]
            self, obj: object | None, owner: object
        ) -> InstrumentedAttribute[T] | WriteOnlyCollection[T]: ...

        def __set__(self, obj: object, value: Iterable[T]) -> None: ...  # type: ignore[override]


if TYPE_CHECKING:

    class MappedRelationship(DynamicMapped[Any], WriteOnlyMapped[Any]):  # type: ignore[misc]
        """The result of ``relationship()``, to a type checker: it can be assigned to each form of the annotation."""

else:
    MappedRelationship = Mapped


# what an annotation may begin with, and the strategy of a relationship that it says
_FORMS: dict[Any, Strategy | None] = {
    Mapped: None,
    DynamicMapped: Strategy.DYNAMIC,
    WriteOnlyMapped: Strategy.WRITE_ONLY,
}
_FORM_NAMES = {form.__name__: form for form in _FORMS}


# what a container stands for that says less of itself
_COLLECTIONS: tuple[tuple[type, type], ...] = ((list, list), (set, set), (dict, dict))


@dataclass(frozen=True, slots=True)
class MappedAnnotation:
    """The content of ``Mapped[...]``.

    :ivar type: a Python type, that of the members for a collection; None where only the name is known.
    :ivar name: the name of the type, by which a mapped class may be looked up later; None where it has none.
    :ivar is_found: True where the type is what function or module call so, not what typing or Python does.
    :ivar optional: True for ``Optional``.
    :ivar collection: ``list``, ``set`` or ``dict`` for a collection, else None.
    :ivar whole: the type as it stands, without ``Optional``: ``list[str]``, say.
    :ivar aliases: what stood for the type, the outermost first: ``Annotated[...]``, an alias of ``type X = ...``, a ``NewType``.
    :ivar extras: what ``Annotated`` says beside the type.
    :ivar member: what is said of the members of another container, ``Sequence["Post"]`` say, which may be a collection; None for any other type.
    :ivar strategy: how ``DynamicMapped`` and ``WriteOnlyMapped`` have a relationship loaded; None for ``Mapped``.
    """

    type: Any
    name: str | None
    is_found: bool
    optional: bool
    collection: type | None
    whole: Any
    aliases: tuple[Any, ...] = ()
    extras: tuple[Any, ...] = ()
    strategy: Strategy | None = None
    member: MappedAnnotation | None = None

    @property
    def shown(self) -> str:
        """The type as messages call it."""
        if self.collection is None and self.name is not None and get_origin(self.type) is not Union:
            return self.name
        return str(self.whole).replace("typing.", "")


class _Later:
    """A name that is not known yet; may be used as ``X | None``, inside brackets and before them."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __or__(self, other: object) -> Any:
        return Union[ForwardRef(self.name), other]  # noqa: UP007

    def __ror__(self, other: object) -> Any:
        return Union[other, ForwardRef(self.name)]  # noqa: UP007

    def __getattr__(self, name: str) -> Any:
        # typing looks at special attributes to tell what it was given
        if name.startswith("__"):
            raise AttributeError(name)
        return _Later(f"{self.name}.{name}")

    def __getitem__(self, arguments: object) -> Any:
        # a mapped class takes none, so this is Optional, List or the like
        generic = _of_python(self.name)
        if generic is None:
            raise NameError(f"name {self.name!r} is not defined")
        return generic[arguments]

    def __call__(self) -> None:
        """Typing takes only callables as arguments of generics."""

    def __repr__(self) -> str:
        return self.name


def annotations_of(owner: type | Callable[..., Any]) -> Mapping[str, Any]:
    """Return the annotations of a class or a function, as text where they name what is not defined yet."""
    if sys.version_info >= (3, 14):
        try:
            return annotationlib.get_annotations(owner)
        except (NameError, AttributeError, TypeError):
            # something in them is not defined yet: then all of them are taken as text
            return annotationlib.get_annotations(owner, format=annotationlib.Format.STRING)
    return inspect.get_annotations(owner)


def read_annotation(
    annotation: Any, owner: str, module: str, local_names: Mapping[str, Any]
) -> MappedAnnotation | None:
    """Read an annotation; return None when it is not ``Mapped[...]``.

    :param owner: the attribute as messages call it, ``Class.attribute``.
    :param module: the module of the class, in whose names the annotation is read.
    :param local_names: names of the function that the class is made in, if any.
    :raises ArgumentError: for ``Mapped`` without a type, or an annotation that can't be read.
    """
    reader = _Reader(owner, (local_names, vars(sys.modules[module]) if module in sys.modules else {}))
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        # in a module whose annotations are text, one in quotes has two pairs of them
        while annotation[:1] in ("'", '"'):
            annotation = ast.literal_eval(annotation)
        if not reader.is_mapped(annotation):
            return None
        annotation = reader.evaluate(annotation)
    if annotation in _FORMS:
        name = annotation.__name__
        raise ArgumentError(
            f"{owner} is annotated as {name} without a type. Write {name}[{'int' if annotation is Mapped else 'Post'}], say."
        )
    form = get_origin(annotation)
    if form not in _FORMS:
        return None
    read = reader.read(get_args(annotation)[0])
    strategy = _FORMS[form]
    return read if strategy is None else replace(read, strategy=strategy)


class _Reader:
    """Reads one annotation.

    :param scopes: the names of the function and those of the module.
    """

    def __init__(self, owner: str, scopes: tuple[Mapping[str, Any], ...]) -> None:
        self._owner = owner
        self._scopes = scopes

    def is_mapped(self, text: str) -> bool:
        """Return True where the text of an annotation begins with ``Mapped``, under whatever name."""
        head = text.partition("[")[0].strip()
        if head.rpartition(".")[2] in _FORM_NAMES:
            return True
        return any(names.get(head) is form for names in self._scopes for form in _FORMS)

    def evaluate(self, text: str) -> Any:
        """Evaluate a text; an unknown name stands for itself."""
        try:
            code, used = _parsed(text.strip())
            # all names are there beforehand: a debugger that looks for names of its own in the frame finds none
            names = {"__builtins__": builtins, **{name: self._find(name) for name in used}}
            return eval(code, names)
        except Exception as error:
            raise ArgumentError(
                f"{self._owner}: its annotation {text!r} cannot be read: {error}. Write the name of a class, or a type as typing has them."
            ) from error

    def _find(self, name: str) -> Any:
        for names in self._scopes:
            if name in names:
                return names[name]
        return _FORM_NAMES.get(name) or _Later(name)

    def read(self, inner: object) -> MappedAnnotation:
        """Read the type inside the brackets."""
        aliases: list[Any] = []
        extras: list[Any] = []
        inner = self._bare(inner, aliases, extras)
        optional = False
        if get_origin(inner) in (Union, types.UnionType):
            members = [member for member in get_args(inner) if member is not type(None)]
            optional = len(members) < len(get_args(inner))
            # of several, the column's type or the type_annotation_map says what they are
            inner = self._bare(members[0] if len(members) == 1 else Union[tuple(members)], aliases, extras)  # noqa: UP007
        origin, arguments = get_origin(inner), get_args(inner)
        if origin in (list, set, dict) and arguments:
            read = _annotation(self._unwrap(arguments[-1]), optional, origin, inner)
        else:
            read = _annotation(inner, optional, None, inner)
            if arguments and isinstance(origin, type) and issubclass(origin, Iterable):
                collection = next((known for kind, known in _COLLECTIONS if issubclass(kind, origin)), origin)
                read = replace(read, member=_annotation(self._unwrap(arguments[-1]), optional, collection, inner))
        return replace(read, aliases=tuple(aliases), extras=tuple(extras)) if aliases else read

    def _bare(self, inner: Any, aliases: list[Any], extras: list[Any]) -> Any:
        """Return the type behind ``Annotated`` and aliases, and take note of these."""
        inner = self._unwrap(inner)
        while True:
            if get_origin(inner) is typing.Annotated:
                behind, *said = get_args(inner)
                extras.extend(said)
            elif type(inner).__name__ == _ALIAS:
                behind = inner.__value__
            elif isinstance(inner, typing.NewType):
                behind = inner.__supertype__
            else:
                return inner
            aliases.append(inner)
            inner = self._unwrap(behind)

    def _unwrap(self, inner: Any) -> Any:
        while isinstance(inner, (str, ForwardRef)):
            text = inner if isinstance(inner, str) else inner.__forward_arg__
            inner = self.evaluate(text)
        return inner


class _Unquoted(ast.NodeTransformer):
    """Takes the quotes off the parts of a union: ``"Post" | None``, which Python refuses."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        node.left, node.right = self._unquoted(node.left), self._unquoted(node.right)
        return self.generic_visit(node)

    @staticmethod
    def _unquoted(node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return ast.parse(node.value.strip(), mode="eval").body
        return node


@functools.lru_cache(maxsize=512)
def _parsed(text: str) -> tuple[types.CodeType, frozenset[str]]:
    """Return the code of an annotation and the names in it; most are written many times."""
    tree = _Unquoted().visit(ast.parse(text, mode="eval"))
    used = frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    return compile(ast.fix_missing_locations(tree), "<annotation>", "eval"), used


def _of_python(name: str) -> Any:
    """Return the type of that name in :mod:`typing` or Python itself, None where neither has it."""
    last = name.rpartition(".")[2]
    return getattr(builtins, last, None) or getattr(typing, last, None)


def _annotation(inner: object, optional: bool, collection: type | None, whole: object) -> MappedAnnotation:
    known = _known(whole)
    if isinstance(inner, _Later):
        return MappedAnnotation(_of_python(inner.name), inner.name, False, optional, collection, known)
    name = getattr(inner, "__name__", None) or getattr(inner, "_name", None)
    return MappedAnnotation(_known(inner), name if isinstance(name, str) else None, True, optional, collection, known)


def _known(inner: Any) -> Any:
    """Return a type in which the names of typing and of Python stand for what they are."""
    if isinstance(inner, _Later):
        return _of_python(inner.name) or inner
    if isinstance(inner, ForwardRef):
        return _of_python(inner.__forward_arg__) or inner
    origin: Any = get_origin(inner)
    given = get_args(inner)
    arguments = tuple(_known(argument) for argument in given)
    if arguments == given or origin is typing.Annotated:
        return inner
    if isinstance(inner, types.GenericAlias):
        return origin[arguments]
    if origin in (Union, types.UnionType):
        return Union[arguments]  # noqa: UP007
    return inner.copy_with(arguments)
