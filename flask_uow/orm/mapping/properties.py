"""Column attributes of a mapping, and what declares them: ``mapped_column``, ``column_property``, ``deferred``."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as AbstractSequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack, cast

from flask_uow.exc import ArgumentError
from flask_uow.orm.mapping.dataclass_fields import NO_FIELD, NOT_GIVEN, FieldOptions
from flask_uow.orm.mapping.descriptors import PropComparator
from flask_uow.orm.mapping.inspected_property import MapperProperty
from flask_uow.sql.column_operators import ColumnOperators
from flask_uow.sql.columns import told_apart
from flask_uow.sql.expressions import ColumnElement, Label, Null
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.rewriting import rewritten
from flask_uow.sql.schema import Column
from flask_uow.sql.select import Select
from flask_uow.sql.select_base import SelectBase

if TYPE_CHECKING:
    from flask_uow.orm.instrumentation.events import AttributeExtension
    from flask_uow.orm.mapping.annotations import Mapped
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.sql.columns import SharedColumnOptions

__all__ = [
    "ACTIVE_HISTORY",
    "DECLARED",
    "DEFERRED",
    "RAISES",
    "ColumnArguments",
    "ColumnDeclaration",
    "ColumnProperty",
    "MappedColumn",
    "about_rows_of",
    "column_property",
    "deferred",
    "labelled",
    "mapped_column",
    "query_expression",
]

# the keys in a column's info: that its attribute is deferred, with the name of its group; what deferred() says of it; that its old value is loaded
# when a new one is set
DEFERRED = "uow_deferred"
DECLARED = "uow_declared"
RAISES = "uow_raises"
ACTIVE_HISTORY = "uow_active_history"


class ColumnProperty(MapperProperty):
    """The mapping of one attribute to a column, to several that are kept equal, or to an SQL expression.

    :ivar key: the attribute's name.
    :ivar columns: the columns; of several the first is the one that is selected (a joined table's key is both tables').
    :ivar is_stored: False for an expression, which is only read.
    :ivar deferred: True where it is not loaded with the object, but at first access.
    :ivar group: the name of the deferred columns that are loaded together with it, or None.
    :ivar comparator_factory: the class of the attribute's operators on its class, or None for the usual ones.
    :ivar extension: attribute extensions, or None.
    :ivar raiseload: True where an access is an error when it is not loaded.
    :ivar expire_on_flush: False for an expression whose value stays when the row is updated.
    :ivar takes_expressions: True for what :func:`query_expression` has made.
    :ivar parent: the mapper.
    """

    # what comparator_factory= takes a subclass of
    Comparator = PropComparator

    def __init__(self, key: str, columns: list[Any]) -> None:
        self.key = key
        self.columns = columns
        self.doc: str | None = getattr(columns[0], "doc", None) or getattr(columns[0], "comment", None)
        self.is_stored = True
        self.deferred = False
        self.group: str | None = None
        self.comparator_factory: Any = None
        self.extension: Any = None
        self.parent: Mapper
        self.takes_expressions = False
        self.raiseload = False
        self.expire_on_flush = True
        self._info: dict[Any, Any] = {}

    @property
    def expression(self) -> Any:
        """The column or expression that is selected; another name of :attr:`column`."""
        return self.columns[0]

    @property
    def info(self) -> dict[Any, Any]:
        """Notes of the application about the column: those of ``mapped_column(info=)``."""
        found: dict[Any, Any] | None = getattr(self.column, "info", None)
        return found if found is not None else self._info

    @property
    def active_history(self) -> bool:
        """True where the old value is loaded when a new one is set."""
        return bool(getattr(self.column, "info", {}).get(ACTIVE_HISTORY))

    @property
    def column(self) -> Any:
        """The column or expression that is selected."""
        return self.columns[0]

    def inherited(self) -> ColumnProperty:
        """Return the property as a subclass has it, which may add columns of its own."""
        made = ColumnProperty(self.key, list(self.columns))
        for name in (
            "doc",
            "is_stored",
            "deferred",
            "group",
            "comparator_factory",
            "extension",
            "takes_expressions",
            "raiseload",
            "expire_on_flush",
        ):
            setattr(made, name, getattr(self, name))
        made._info.update(self._info)
        return made

    def __repr__(self) -> str:
        return f"<ColumnProperty {self.key}: {self.column!r}>"


class ColumnDeclaration:
    """The declaration of a column attribute in ``properties=``; made by :func:`column_property` and :func:`deferred`.

    :ivar columns: columns, or one expression (or a function that returns it, called when the mappers are configured).
    """

    def __init__(
        self,
        columns: tuple[Any, ...],
        *,
        deferred: bool = False,
        group: str | None = None,
        comparator_factory: type[PropComparator] | None = None,
        extension: AttributeExtension | AbstractSequence[AttributeExtension] | None = None,
        raiseload: bool = False,
        active_history: bool = False,
        expire_on_flush: bool = True,
        info: Mapping[Any, Any] | None = None,
        doc: str | None = None,
        field: FieldOptions = NO_FIELD,
    ) -> None:
        if not columns:
            raise ArgumentError("column_property() takes a column or an SQL expression, got nothing.")
        if raiseload and not deferred:
            raise ArgumentError(
                "column_property(raiseload=True) is about a column that is not loaded with the object. Pass deferred=True as well."
            )
        self.columns = columns
        if active_history and not self.stored:
            raise ArgumentError(
                "column_property(active_history=True) is about what is set, and an expression is only read. Leave it out."
            )
        self.raiseload = raiseload
        self.active_history = active_history
        self.expire_on_flush = expire_on_flush
        self.info = dict(info or {})
        self.field = field
        self.deferred = deferred
        self.group = group
        self.comparator_factory = comparator_factory
        self.extension = extension
        self.doc = doc

    # True for what query_expression() has made
    takes_expressions = False

    @property
    def stored(self) -> tuple[Column[Any], ...]:
        """The columns of tables; empty for an expression."""
        # beside another column, the attribute of a parent stands for the column of that
        several = len(self.columns) > 1
        found = tuple(
            c.__clause_element__()
            if isinstance(c, MappedColumn) or (several and hasattr(c, "__clause_element__"))
            else c
            for c in self.columns
        )
        return found if all(isinstance(c, Column) for c in found) else ()

    @property
    def expression(self) -> Any:
        """The column or expression, for other declarations in the body of the class: ``column_property("C:/" + filename.expression)``."""
        return self.columns[0]

    def apply(self, prop: ColumnProperty) -> ColumnProperty:
        """Give a property what was declared."""
        prop.deferred = self.deferred
        prop.takes_expressions = self.takes_expressions
        prop.group = self.group
        prop.comparator_factory = self.comparator_factory
        prop.extension = self.extension
        prop.doc = self.doc or prop.doc
        prop.raiseload = self.raiseload
        prop.expire_on_flush = self.expire_on_flush
        prop.info.update(self.info)
        if self.active_history and self.stored:
            prop.column.info[ACTIVE_HISTORY] = True
        return prop

    def __repr__(self) -> str:
        return f"column_property({', '.join(map(repr, self.columns))})"


def labelled(key: str, expression: object, owner: str) -> ColumnElement[Any]:
    """Return the SQL expression of a column property, under the attribute's name.

    :param owner: the attribute as messages call it.
    :raises ArgumentError: for something that is no expression.
    """
    if (
        callable(expression)
        and not hasattr(expression, "__clause_element__")
        and not isinstance(expression, SelectBase)
    ):
        expression = expression()
    if isinstance(expression, SelectBase):
        expression = expression.scalar_subquery()
    if isinstance(expression, ColumnOperators):
        expression = expression.__clause_element__()
    if not isinstance(expression, ColumnElement):
        raise ArgumentError(
            f"{owner}: column_property() takes columns, an SQL expression, or a function that returns one, got {expression!r}."
        )
    return expression if isinstance(expression, (Column, Label)) else Label(key, expression)


def about_rows_of(elements: AbstractSequence[Any], expression: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return an expression whose subqueries take the class's tables, and nothing else, from the statement around them.

    That statement may have the other tables of a subquery as well: it selects the class by a joined relationship, say.
    """

    def replace(node: ClauseElement) -> ClauseElement | None:
        if not isinstance(node, Select) or node.is_correlated:
            return None
        froms = node.froms
        own = [element for element in elements if element in froms]
        return node.correlate(*own) if own and len(own) < len(froms) else node

    return rewritten(expression, replace)


def column_property(
    *columns: Any,
    deferred: bool = False,
    group: str | None = None,
    comparator_factory: type[PropComparator] | None = None,
    extension: AttributeExtension | AbstractSequence[AttributeExtension] | None = None,
    raiseload: bool = False,
    active_history: bool = False,
    expire_on_flush: bool = True,
    info: Mapping[Any, Any] | None = None,
    doc: str | None = None,
    init: bool | None = None,
    repr: bool | None = None,
    default: object = NOT_GIVEN,
    default_factory: object = NOT_GIVEN,
    compare: bool | None = None,
    hash: bool | None = None,
    kw_only: bool | None = None,
    dataclass_metadata: Mapping[Any, Any] | None = None,
) -> Mapped[Any]:
    """Map an attribute to a column, to several columns that are kept equal, or to an SQL expression that is only read.

    :param columns: columns of the mapped tables; or one expression, ``column_property(User.first + " " + User.last)``, a SELECT of one
        value, or a function that returns one of these and is called when the mappers are configured.
    :param deferred: load it at first access, not with the object.
    :param group: a name; the deferred columns of one group are loaded together.
    :param comparator_factory: a subclass of :class:`PropComparator`: the attribute's operators on its class.
    :param extension: an :class:`AttributeExtension`, or a list of them.
    :param raiseload: of a deferred column: an access is an InvalidRequestError where it is not loaded.
    :param active_history: load the old value when a new one is set, so that listeners and history have it.
    :param expire_on_flush: False has the value of an expression stay when the row is updated.
    :param info: notes of the application.
    :param init: whether the constructor of a dataclass takes it; likewise ``repr``, ``default`` and the others.
    :returns: typed so that it can be assigned to any ``Mapped[T]``.
    """
    made = ColumnDeclaration(
        columns,
        deferred=deferred,
        group=group,
        comparator_factory=comparator_factory,
        extension=extension,
        raiseload=raiseload,
        active_history=active_history,
        expire_on_flush=expire_on_flush,
        info=info,
        doc=doc,
        field=FieldOptions(init, repr, default, default_factory, compare, hash, kw_only, dataclass_metadata),
    )
    return cast("Mapped[Any]", made)


def query_expression(default_expr: Any = None) -> Mapped[Any]:
    """Map an attribute whose value a query gives, by the option :func:`with_expression`; None where a query gives none.

    :param default_expr: an SQL expression that is loaded with the object where the option gives none.
    :returns: typed so that it can be assigned to any ``Mapped[T]``.
    """
    made = ColumnDeclaration((Null() if default_expr is None else default_expr,), deferred=default_expr is None)
    made.takes_expressions = True
    return cast("Mapped[Any]", made)


def deferred(
    column: object,
    *columns: Any,
    group: str | None = None,
    comparator_factory: type[PropComparator] | None = None,
    extension: AttributeExtension | AbstractSequence[AttributeExtension] | None = None,
    raiseload: bool = False,
    active_history: bool = False,
    expire_on_flush: bool = True,
    info: Mapping[Any, Any] | None = None,
    doc: str | None = None,
    init: bool | None = None,
    repr: bool | None = None,
    default: object = NOT_GIVEN,
    default_factory: object = NOT_GIVEN,
    compare: bool | None = None,
    hash: bool | None = None,
    kw_only: bool | None = None,
    dataclass_metadata: Mapping[Any, Any] | None = None,
) -> Mapped[Any]:
    """Map a column that is not loaded with the object, but at first access (a long text, say).

    :param column: a column of the mapped table, an expression, or ``mapped_column()`` in a declarative class.
    :param columns: further columns that are kept equal to it.
    :param group: a name; the deferred columns of one group are loaded together.
    :param comparator_factory: as for :func:`column_property`, like ``extension`` and ``doc``.
    :param raiseload: of a deferred column: an access is an InvalidRequestError where it is not loaded.
    :param active_history: load the old value when a new one is set, so that listeners and history have it.
    :param expire_on_flush: False has the value of an expression stay when the row is updated.
    :param info: notes of the application.
    :param init: whether the constructor of a dataclass takes it; likewise ``repr``, ``default`` and the others.
    :returns: typed so that it can be assigned to any ``Mapped[T]``.
    """
    made = ColumnDeclaration(
        (column, *columns),
        deferred=True,
        group=group,
        comparator_factory=comparator_factory,
        extension=extension,
        raiseload=raiseload,
        active_history=active_history,
        expire_on_flush=expire_on_flush,
        info=info,
        doc=doc,
        field=FieldOptions(init, repr, default, default_factory, compare, hash, kw_only, dataclass_metadata),
    )
    if isinstance(column, MappedColumn) and not columns:
        # the column is still to be completed by its class; what is declared of it goes along
        column.column.info[DECLARED] = made
        return cast("Mapped[Any]", column)
    return cast("Mapped[Any]", made)


@dataclass(frozen=True)
class ColumnArguments:
    """The arguments of ``mapped_column()``: a template in ``Annotated`` and an attribute's own arguments are merged."""

    name: str | None
    type: Any
    args: tuple[Any, ...]
    options: Mapping[str, Any]

    def over(self, template: ColumnArguments) -> ColumnArguments:
        """Return these arguments, with those of a template where these say nothing."""
        return ColumnArguments(
            self.name if self.name is not None else template.name,
            self.type if self.type is not None else template.type,
            (*template.args, *self.args),
            {**template.options, **self.options},
        )

    def column(self) -> Column[Any]:
        """Return a new column of them."""
        args = [arg.copy_for_column() if hasattr(arg, "copy_for_column") else arg for arg in self.args]
        return Column(self.name, self.type, *args, **self.options)


class MappedColumn(ColumnOperators):
    """A column that waits for its class: the name and the annotation of the attribute complete it.

    In the body of its class it may be used in expressions, for a ``column_property()`` say.

    :ivar column: the column; without a type when the annotation gives it.
    :ivar given: what it was declared with.
    :ivar field: what a dataclass is to make of it.
    :ivar sort_order: its place among the columns of the table: lower numbers come first, equal ones as they are declared.
    :ivar use_existing: True where a column of its name, which another class has given the table that both share, is taken in its place.
    """

    def __init__(
        self,
        given: ColumnArguments,
        field: FieldOptions = NO_FIELD,
        sort_order: int = 0,
        use_existing: bool = False,
        column: Column[Any] | None = None,
    ) -> None:
        self.given = given
        self.field = field
        self.sort_order = sort_order
        self.use_existing = use_existing
        self.column = column if column is not None else given.column()

    @property
    def nullable_given(self) -> bool:
        """True where ``nullable`` was passed explicitly."""
        return self.given.options.get("nullable") is not None

    def copy(self) -> MappedColumn:
        """Return an unattached copy, for a mixin that serves several classes."""
        return MappedColumn(self.given, self.field, self.sort_order, self.use_existing, self.column.copy())

    def on(self, template: MappedColumn) -> MappedColumn:
        """Return the declaration with what a template in ``Annotated`` says where this one says nothing."""
        field = self.field.over(template.field)
        return MappedColumn(
            self.given.over(template.given),
            field,
            self.sort_order or template.sort_order,
            self.use_existing or template.use_existing,
        )

    def __clause_element__(self) -> Column[Any]:
        return self.column


def mapped_column(
    *args: Any,
    name: str | None = None,
    type_: object = None,
    nullable: bool | None = None,
    deferred: bool = False,
    deferred_group: str | None = None,
    deferred_raiseload: bool = False,
    insert_default: object = None,
    sort_order: int = 0,
    use_existing_column: bool = False,
    active_history: bool = False,
    init: bool | None = None,
    repr: bool | None = None,
    default: object = NOT_GIVEN,
    default_factory: object = NOT_GIVEN,
    compare: bool | None = None,
    hash: bool | None = None,
    kw_only: bool | None = None,
    dataclass_metadata: Mapping[Any, Any] | None = None,
    **options: Unpack[SharedColumnOptions],
) -> Mapped[Any]:
    """Declare a column of a declarative class: ``name: Mapped[str] = mapped_column(unique=True)``.

    The column's name is the attribute's, its type and whether it may be NULL follow from the annotation, where they are
    not given.

    :param args: the column's name and type, each of which may be left out, and what else a column takes;
        see :class:`flask_uow.sql.schema.Column` for this and all further parameters.
    :param name: the name, by keyword; likewise ``type_``.
    :param deferred: load the column at first access, not with the object.
    :param deferred_group: a name; the deferred columns of one group are loaded together.
    :param deferred_raiseload: defer the column, and have an access to it raise InvalidRequestError where it is not loaded.
    :param insert_default: the column's default, where ``default`` is to be that of a dataclass's constructor only.
    :param default: the column's default, and in a dataclass that of the constructor as well.
    :param sort_order: the column's place in its table: lower numbers come first, equal ones as they are declared.
    :param use_existing_column: take the column of this name that another class has given the table which both share.
    :param active_history: load the old value, where it is not loaded, when a new one is set, so that listeners and history have it.
    :param init: whether the constructor of a dataclass (:class:`MappedAsDataclass`) takes it; likewise ``repr``, ``compare``, ``hash``, ``kw_only``,
        ``default_factory`` and ``dataclass_metadata``, as :func:`dataclasses.field` has them.
    :returns: typed so that it can be assigned to any ``Mapped[T]``.
    """
    keywords: dict[str, Any] = {**options}
    given_name, given_type, parts = told_apart(args, name, type_)
    if nullable is not None:
        keywords["nullable"] = nullable
    # default= is for the constructor of a dataclass alone then
    if insert_default is not None:
        keywords["default"] = insert_default
    elif default is not NOT_GIVEN:
        keywords["default"] = default
    info = dict(keywords.pop("info", None) or {})
    if deferred or deferred_group is not None or deferred_raiseload:
        info[DEFERRED] = deferred_group
        info[RAISES] = deferred_raiseload
    if active_history:
        info[ACTIVE_HISTORY] = True
    if info:
        keywords["info"] = info
    field = FieldOptions(init, repr, default, default_factory, compare, hash, kw_only, dataclass_metadata)
    made = MappedColumn(
        ColumnArguments(given_name, given_type, parts, keywords), field, sort_order, use_existing_column
    )
    return cast("Mapped[Any]", made)
