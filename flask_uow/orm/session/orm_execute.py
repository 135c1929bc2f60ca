"""``do_orm_execute``: what listens to the statements of a Session sees each one before it is executed, and may change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.orm.loading.class_criteria import UserDefinedOption
from flask_uow.orm.loading.results import first_mapper
from flask_uow.sql.dml import Delete, Insert, Update
from flask_uow.sql.dml_statement import DMLStatement
from flask_uow.sql.from_statement import FromStatement
from flask_uow.sql.select_base import SelectBase

if TYPE_CHECKING:
    from flask_uow.engine import Result
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.arguments import OrmStatement
    from flask_uow.orm.session.session import Session
    from flask_uow.sql.typed import Parameters

__all__ = ["ORMExecuteState", "told_of"]


class ORMExecuteState:
    """A statement that is about to be executed, as functions that listen to ``do_orm_execute`` see it.

    :ivar session: the Session.
    :ivar statement: the statement; another one may be set in its place.
    :ivar parameters: a mapping of values, a list of mappings, or None; may be set, too.
    :ivar bind_mapper: the mapper whose engine is used, where the statement is about a mapped class.
    """

    def __init__(
        self, session: Session, statement: OrmStatement, parameters: Parameters, mapper: Mapper | None
    ) -> None:
        self.session = session
        self.statement: Any = statement
        self.parameters = parameters
        self.bind_mapper = mapper

    @property
    def is_select(self) -> bool:
        """True for a SELECT, and for unions of them."""
        return isinstance(self.statement, SelectBase)

    @property
    def is_insert(self) -> bool:
        """True for an INSERT."""
        return isinstance(self.statement, Insert)

    @property
    def is_update(self) -> bool:
        """True for an UPDATE."""
        return isinstance(self.statement, Update)

    @property
    def is_delete(self) -> bool:
        """True for a DELETE."""
        return isinstance(self.statement, Delete)

    @property
    def is_orm_statement(self) -> bool:
        """True where the statement is about a mapped class."""
        if isinstance(self.statement, DMLStatement):
            return self.statement.entity is not None
        return self.bind_mapper is not None

    @property
    def is_from_statement(self) -> bool:
        """True for entities whose rows come from a statement that is given whole, ``select(User).from_statement(...)``."""
        return isinstance(self.statement, FromStatement)

    @property
    def is_executemany(self) -> bool:
        """True where there are several sets of parameters."""
        return isinstance(self.parameters, (list, tuple))

    @property
    def all_mappers(self) -> list[Mapper]:
        """The mappers of the classes that the statement is about, each once: those of the items of a SELECT, that of an UPDATE or DELETE."""
        entity = getattr(self.statement, "entity", None)
        items = getattr(self.statement, "entities", ()) if entity is None else (entity,)
        found = (first_mapper((item,)) for item in items)
        return list(dict.fromkeys(mapper for mapper in found if mapper is not None))

    @property
    def lazy_loaded_from(self) -> None:
        """None, as :attr:`is_column_load`."""
        return None

    @property
    def is_column_load(self) -> bool:
        """False: attributes that are loaded at first access send statements of their own, which are not told of."""
        return False

    @property
    def is_relationship_load(self) -> bool:
        """False, as :attr:`is_column_load`."""
        return False

    @property
    def execution_options(self) -> Mapping[str, Any]:
        """The execution options of the statement."""
        options: Mapping[str, Any] = getattr(self.statement, "get_execution_options", dict)()
        return options

    @property
    def local_execution_options(self) -> Mapping[str, Any]:
        """Another name of :attr:`execution_options`: those of the statement and of the call are one here."""
        return self.execution_options

    @property
    def user_defined_options(self) -> Sequence[UserDefinedOption]:
        """The options of the statement that are of classes of the application's own, derived from :class:`UserDefinedOption`."""
        options = getattr(self.statement, "loader_options", ())
        return [option for option in options if isinstance(option, UserDefinedOption)]

    def update_execution_options(self, **options: Any) -> None:
        """Give the statement further execution options."""
        self.statement = self.statement.execution_options(**options)

    def invoke_statement(self, statement: OrmStatement | None = None, params: Parameters = None) -> Result:
        """Execute the statement now, without what listens, and return its result: for a function that returns another one in its place.

        :param statement: a statement in place of it.
        :param params: parameters in place of its own.
        """
        return self.session.execute_untold(
            self.statement if statement is None else statement, self.parameters if params is None else params
        )


def told_of(
    session: Session, statement: OrmStatement, parameters: Parameters, mapper: Mapper | None
) -> tuple[Any, Any, Result | None]:
    """Tell what listens of a statement.

    :returns: the statement and the parameters to be executed, and the result that a function has returned in their place, or None.
    """
    state = ORMExecuteState(session, statement, parameters, mapper)
    for hook in session.hooks.do_orm_execute:
        result = hook(state)
        if result is not None:
            return state.statement, state.parameters, result
    return state.statement, state.parameters, None
