"""The base of every SQL node: what a statement's shape is, and how it becomes text.

A node is immutable data. Its *shape* is everything about it but the values of its bind parameters: two statements of
one shape compile to the same SQL, so the shape is the key under which compiled SQL is found again. :class:`Shape`
gathers shape and values in one walk. The compiler lives in :mod:`flask_uow.sql.compiler`; this module only knows the
name of the method that it will call there (``__visit_name__``).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Never, Self, TypeVar

from flask_uow.exc import ArgumentError

if TYPE_CHECKING:
    from flask_uow.sql.expressions import BindParameter
    from flask_uow.sql.interfaces import HasDialect, SQLDialect

__all__ = [
    "NO_OPTIONS",
    "ChainedStatement",
    "ClauseElement",
    "Executable",
    "Shape",
    "check_options",
    "copier_of",
    "stringify_with",
]

C = TypeVar("C")


class Shape:
    """The shape of one statement and its bind parameters, gathered by a depth-first walk.

    :ivar key: atoms in walk order; hashable once made a tuple.
    :ivar binds: the bind parameters in walk order, each object once.
    """

    __slots__ = ("_seen", "binds", "cacheable", "key")

    def __init__(self) -> None:
        self.key: list[Hashable] = []
        self.binds: list[Any] = []
        self._seen: dict[int, int] = {}
        self.cacheable = True

    def add_bind(self, bind: BindParameter[Any]) -> None:
        """Add a bind parameter; a parameter that occurs twice is one value, and the shape says so."""
        index = self._seen.get(id(bind))
        if index is None:
            self._seen[id(bind)] = len(self.binds)
            self.binds.append(bind)
            # the type decides on conversions, and on casts in the text
            self.key.append(bind.type.cache_key)
        else:
            self.key.append(index)

    def enter(self, node: object) -> bool:
        """Return True on the first visit of an anonymous object (an alias, say); else add its number and return False."""
        index = self._seen.get(id(node))
        if index is None:
            self._seen[id(node)] = len(self._seen)
            return True
        self.key.append(("again", index))
        return False


class ClauseElement:
    """A piece of SQL.

    Subclasses give ``__visit_name__`` (the compiler calls ``visit_<name>``) and :meth:`_parts`.
    """

    # a result knows what it was selected by, and does not keep it
    __slots__: tuple[str, ...] = ("__weakref__",)
    __visit_name__: ClassVar[str] = "clause"
    # True for constructs of an application's own, whose parts are the attributes of the object
    has_attributes: ClassVar[bool] = False

    def _parts(self) -> tuple[Any, ...]:
        """Return the parts of this node: atoms (hashable), nodes, and tuples of nodes, in a fixed order."""
        return ()

    def collect_shape(self, shape: Shape) -> None:
        """Add this node to ``shape``."""
        key = shape.key
        key.append(self.__visit_name__)
        for part in self._parts():
            if isinstance(part, ClauseElement):
                part.collect_shape(shape)
            elif isinstance(part, tuple):
                key.append(len(part))
                for item in part:
                    if isinstance(item, ClauseElement):
                        item.collect_shape(shape)
                    else:
                        key.append(item)
            else:
                key.append(part)

    def child_nodes(self) -> Iterator[ClauseElement]:
        """Yield the nodes directly below this one."""
        for part in self._parts():
            if isinstance(part, ClauseElement):
                yield part
            elif isinstance(part, tuple):
                for item in part:
                    if isinstance(item, ClauseElement):
                        yield item

    def own_froms(self) -> tuple[Any, ...]:
        """Return the elements of FROM that are this node's own, whatever the statement around it has; a SELECT has some."""
        return ()

    def with_replaced(self, original: ClauseElement) -> ClauseElement:
        """Return the node to stand in place of this copy of ``original``, whose parts have just been replaced by others."""
        return self

    def compile(
        self,
        bind: HasDialect | SQLDialect | None = None,
        dialect: SQLDialect | None = None,
        *,
        compile_kwargs: Mapping[str, object] | None = None,
        column_keys: Iterable[str] | None = None,
    ) -> Any:
        """Compile this node, to be looked at.

        :param bind: the engine or connection (or its dialect) to write for; a generic one with ``:named`` parameters when None.
        :param dialect: the dialect, in place of ``bind``.
        :param compile_kwargs: ``{"literal_binds": True}`` writes the values of parameters into the text. Such a text is for people and for
            files; a statement that is executed keeps its values apart.
        :param column_keys: the columns of an INSERT or UPDATE that was given no values.
        :returns: an object whose ``str()`` is the SQL text, with ``params`` as a dict.
        :raises ArgumentError: for something that has no dialect, or an unknown key.
        :raises CompileError: where the dialect cannot express the node, or a value that is to be written has no form as text.
        """
        return stringifier.compile(self, dialect if dialect is not None else bind, compile_kwargs, column_keys)

    def params(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Self:
        """Return the same with values for its named parameters, which may be given others when it is executed.

        :raises InvalidRequestError: for a name that no parameter has, or one that only elements of FROM have.
        """
        made: Self = rewriting.with_values(self, {**(values or {}), **more})
        return made

    unique_params = params

    def compare(self, other: object) -> bool:
        """Return True where another node is written by the same text and has the same values of parameters."""
        if not isinstance(other, ClauseElement):
            return False
        shapes = Shape(), Shape()
        for node, shape in zip((self, other), shapes, strict=True):
            node.collect_shape(shape)
        values = ([bind.value for bind in shape.binds] for shape in shapes)
        return shapes[0].key == shapes[1].key and next(values) == next(values)

    def get_children(self) -> Iterator[ClauseElement]:
        """Return the nodes directly below this one; another name of :meth:`child_nodes`."""
        return self.child_nodes()

    def __str__(self) -> str:
        return str(stringify_with(self, None))

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__}: {self}>"


# a statement that was given no execution options
class _NoItems(dict[str, Any]):
    """The empty mapping; like a ``MappingProxyType`` of nothing, but that it can be pickled."""

    def __setitem__(self, name: str, value: object) -> Never:
        raise TypeError("these items cannot be changed; make a dict of your own of them")

    def __reduce__(self) -> str:
        return "NO_OPTIONS"


NO_OPTIONS: Mapping[str, Any] = _NoItems()


class Executable(ClauseElement):
    """A node that a connection can execute as a statement of its own."""

    __slots__ = ()
    is_select: ClassVar[bool] = False

    @property
    def is_query(self) -> bool:
        """True for one query and nothing else, so that its rows can be fetched page by page."""
        return self.is_select

    def get_execution_options(self) -> Mapping[str, Any]:
        """Return the options given by ``execution_options()``."""
        return getattr(self, "_execution_options", NO_OPTIONS)

    def shape(self) -> Shape:
        """Return the shape of the statement together with its bind parameters."""
        shape = Shape()
        self.collect_shape(shape)
        return shape


class ChainedStatement(Executable):
    """A statement whose methods return changed copies of it.

    Its attributes are its parts: for reading only, since statements are shared. :meth:`with_parts` gives a copy with others. A method that
    changes several parts calls another one on a copy, ``self._clone()._join(...)``: that one changes the statement that it is called on.
    """

    __slots__ = ("_execution_options",)
    _execution_options: Mapping[str, Any]

    def _clone(self) -> Self:
        cls = type(self)
        copy = _copiers.get(cls)
        if copy is None:
            copy = _copiers[cls] = copier_of(cls)
        clone = object.__new__(cls)
        copy(self, clone)
        return clone

    def with_parts(self, **parts: object) -> Self:
        """Return the statement with other parts, by the names of the attributes that hold them."""
        clone = self._clone()
        for name, part in parts.items():
            setattr(clone, name, part)
        return clone

    def execution_options(self, **options: Any) -> Self:
        """Return the statement with options for its execution added.

        ``yield_per=n`` fetches n rows at a time; ``populate_existing=True`` (for mapped classes) overwrites what is loaded;
        ``synchronize_session`` says how a Session brings its objects in step, see :meth:`flask_uow.orm.Query.update`;
        ``autoflush=False`` keeps it from writing its changes first.
        """
        check_options(options)
        return self.with_parts(_execution_options={**self._execution_options, **options})


_copiers: dict[type, Callable[..., Any]] = {}


def copier_of(cls: type[C]) -> Callable[[C, C], None]:
    """Return a function that gives a new object the attributes of another one: those in the ``__slots__`` of ``cls``.

    Written out, since each step of a query copies a statement.
    """
    names = [n for kind in cls.__mro__ for n in vars(kind).get("__slots__", ()) if n != "__weakref__"]
    lines = ["def copy(old, new):", *(f"    new.{name} = old.{name}" for name in names)]
    made: dict[str, Callable[[C, C], None]] = {}
    exec("\n".join(lines), made)
    return made["copy"]


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse an execution option that would send statements elsewhere, and is not there.

    :raises ArgumentError: naming it.
    """
    if "schema_translate_map" in options:
        raise ArgumentError(
            "schema_translate_map= is not there: the tables would be looked for in the schemas of their own. Set the search_path of the connection"
            " (SET LOCAL search_path TO ...) for tables without a schema, or make tables for the other one with table.to_metadata(metadata, schema=...)."
        )


class _Stringifier:
    """Holds the function that turns nodes into text; the compiler package fills it when it is imported.

    Nodes print themselves through the compiler, which stands above them; the object handed down keeps the import one-way.
    """

    compile: Any = None


stringifier = _Stringifier()


class _Rewriting:
    """Holds the function that gives values to parameters; :mod:`flask_uow.sql.rewriting` fills it when it is imported."""

    with_values: Any = None


rewriting = _Rewriting()


def stringify_with(node: ClauseElement, dialect: SQLDialect | None) -> Any:
    """Compile ``node`` through the compiler that :mod:`flask_uow.sql.compiler` has handed in."""
    return stringifier.compile(node, dialect, None)
