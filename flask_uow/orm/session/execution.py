"""The part of a Session that sends statements: which engine, which connection, which results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from flask_uow.engine import Connection, Result, ScalarResult, StreamedResult, StreamedRowResult
from flask_uow.engine.executing import with_options
from flask_uow.exc import ArgumentError, NoResultFound
from flask_uow.orm.dml.synchronizing import execute_dml
from flask_uow.orm.exclusive import exclusively
from flask_uow.orm.loading.class_criteria import with_class_criteria
from flask_uow.orm.loading.plan import QueryPlan
from flask_uow.orm.loading.planning import result_names
from flask_uow.orm.loading.results import (
    ResultKind,
    each_result_once,
    first_mapper,
    gives_bundles,
    in_default_order,
    load_result,
    plan_ahead,
    stream_result,
)
from flask_uow.orm.mapping.mapper import Mapper, class_mapper, object_mapper
from flask_uow.orm.query import Query
from flask_uow.orm.session.arguments import (
    MapperArgument,
    Options,
    OrmStatement,
    joined_arguments,
    refuse_token,
    with_defaults,
)
from flask_uow.orm.session.lookup import get_by_query, get_elsewhere, get_slowly
from flask_uow.orm.session.orm_execute import told_of
from flask_uow.orm.session.passthrough import PassThrough
from flask_uow.orm.session.transactional import TransactionalSession
from flask_uow.orm.state.instance_state import InstanceState
from flask_uow.sql.dml_statement import DMLStatement
from flask_uow.sql.from_statement import FromStatement
from flask_uow.sql.functions import FunctionElement
from flask_uow.sql.select import Select
from flask_uow.sql.select_base import SelectBase
from flask_uow.sql.sequences import Sequence as SchemaSequence
from flask_uow.sql.text import text
from flask_uow.sql.typed import T0, T1, T2, T3, T4, T5, T6, T7, ReturnsRows, Ts

if TYPE_CHECKING:
    from flask_uow.engine import Engine
    from flask_uow.engine.rows import TypedRow
    from flask_uow.sql.expressions import ColumnElement
    from flask_uow.sql.selectable import FromClause
    from flask_uow.sql.typed import Item, Parameters

__all__ = ["ExecutingSession"]

T = TypeVar("T")


class ExecutingSession(TransactionalSession):
    """Base of :class:`~flask_uow.orm.session.session.Session`: statements, queries and the engines they go to."""

    # the full Session has them
    batch_loading: bool
    _query_cls: type[Query[Any]]
    execution_options: Mapping[str, Any]
    # where get() finds the objects of a class: states by key, the attribute that a loaded one has, the class where relatives are there too
    _places: dict[type, tuple[dict[Any, InstanceState], str, type | None]]

    # None until it is decided
    _finds_binds_by_mapper: bool | None = None

    @property
    def bind(self) -> Any:
        """The engine or connection for everything, or None."""
        return self._binds.bind

    @bind.setter
    def bind(self, bind: Engine | Connection | None) -> None:
        self._binds.bind = bind
        self._forget_binds()

    def bind_mapper(self, mapper: type | Mapper, bind: Engine | Connection) -> None:
        """Use an engine or connection for a mapped class (or mapper) from now on; or for all mapped classes with a base that is not mapped."""
        self._binds.bind_class(mapper, bind)
        self._forget_binds()

    def bind_table(self, table: FromClause, bind: Engine | Connection) -> None:
        """Use an engine or connection for a table from now on."""
        self._binds.by_table[table] = bind
        self._forget_binds()

    def get_bind(
        self,
        mapper: MapperArgument = None,
        clause: OrmStatement | None = None,
        *,
        instance: object = None,
        bind: Engine | Connection | None = None,
    ) -> Any:
        """Return the engine or connection for a mapper or a statement. Subclasses may override this; the Session calls it.

        :param mapper: a mapper or mapped class.
        :param clause: a statement.
        :param instance: a mapped object, in place of its mapper.
        :param bind: the engine or connection itself, where it is known already.
        :raises UnboundExecutionError: when none is known.
        """
        if bind is not None:
            return bind
        if mapper is None and instance is not None:
            mapper = object_mapper(instance)
        return self._binds.find(class_mapper(mapper) if mapper is not None else None, clause)

    def connection(
        self,
        mapper: MapperArgument | Mapping[str, Any] = None,
        clause: OrmStatement | None = None,
        *,
        bind_arguments: Options = None,
        execution_options: Options = None,
        **kw: Any,
    ) -> Connection:
        """Return the connection of the current transaction (in autocommit mode outside one: a new connection of the engine).

        :param mapper: a mapper or mapped class whose engine is meant.
        :param clause: a statement whose engine is meant.
        :param bind_arguments: arguments of :meth:`get_bind`.
        :param execution_options: options of the connection for this transaction, ``isolation_level`` say.
        :param kw: passed on to :meth:`get_bind`.
        :raises UnboundExecutionError: when no engine is known.
        :raises InvalidRequestError: for options of a connection that takes part in the transaction already.
        """
        if isinstance(mapper, Mapping):
            mapper, bind_arguments = None, mapper
        if bind_arguments:
            mapper, kw = joined_arguments(mapper, bind_arguments, kw)
        bind = self.get_bind(mapper=mapper, clause=clause, **kw)
        if self.router is not None:
            # what it is used for is not known
            self.router.before_write(self._whole())
        transaction = self.transaction
        if transaction is None:
            connection: Connection = bind if isinstance(bind, Connection) else bind.connect()
            if connection is not bind:
                # a statement of a Session in autocommit mode is a transaction of its own
                connection.begins_implicitly = False
            return connection.execution_options(**execution_options) if execution_options else connection
        return transaction.connection_for(bind, execution_options)

    def connection_for(
        self, mapper: MapperArgument, clause: OrmStatement | None = None, *, reads: bool = False, **kw: Any
    ) -> Any:
        """Return the connection of the current transaction for a mapper or statement; one that lends itself outside of it. For the package.

        :param reads: True for a load that locks nothing; a statement says so itself.
        :param kw: passed on to :meth:`get_bind`.
        """
        current = self.current_transaction
        if current is not None and not kw:
            # benchmark: get_miss
            lent = current.lent.get(mapper)
            if lent is not None:
                return lent
        if self._finds_binds_by_mapper is None:
            self._finds_binds_by_mapper = self._decide_by_mapper()
        is_by_mapper = self._finds_binds_by_mapper and not kw
        if is_by_mapper and isinstance(mapper, Mapper):
            bind = self._binds.find(mapper, clause)
        else:
            is_by_mapper, bind = False, self.get_bind(mapper=mapper, clause=clause, **kw)
        transaction = current or self.transaction
        if transaction is None:
            return PassThrough(bind)
        if self.router is not None:
            return self.router.connection_for(self._whole(), transaction, bind, clause, reads)
        connection = transaction.connection_for(bind)
        # nobody else can end the transaction of a connection of our own
        if is_by_mapper and not isinstance(bind, Connection) and transaction.participants.outer is None:
            transaction.lent[mapper] = connection
        return connection

    def _decide_by_mapper(self) -> bool:
        """Return True where nothing but the mapper tells the bind: no subclass decides, nor a function that was put on this Session."""
        # never by vars(self): CPython 3.11 reads the attributes of an object more slowly once its __dict__ was asked for (benchmark: get_hit)
        is_ours = getattr(self.get_bind, "__func__", None) is ExecutingSession.get_bind
        return is_ours and not self._binds.are_given_by_part

    def name_of_bind(self, bind: Engine | Connection, number: int) -> tuple[str, bool]:
        """Return the name of a bind in a transaction, and whether it is the default one; see :meth:`Binds.name_of`. For the package."""
        return self._binds.name_of(bind, number)

    def _forget_binds(self) -> None:
        """Have the connections of mappers found anew: the Session has other binds now."""
        self._finds_binds_by_mapper = None
        level = self.current_transaction
        while level is not None:
            level.lent.clear()
            level = level.parent

    # -- statements

    @overload
    def execute(
        self,
        clause: SchemaSequence,
        params: Parameters = None,
        mapper: MapperArgument = None,
        *,
        execution_options: Options = None,
        bind_arguments: Options = None,
        **kw: Any,
    ) -> Any: ...

    @overload
    def execute(
        self,
        clause: ReturnsRows[tuple[*Ts]],
        params: Parameters = None,
        mapper: MapperArgument = None,
        *,
        execution_options: Options = None,
        bind_arguments: Options = None,
        **kw: Any,
    ) -> Result[tuple[*Ts]]: ...

    @overload
    def execute(
        self,
        clause: OrmStatement,
        params: Parameters = None,
        mapper: MapperArgument = None,
        *,
        execution_options: Options = None,
        bind_arguments: Options = None,
        **kw: Any,
    ) -> Result: ...

    def execute(
        self,
        clause: OrmStatement,
        params: Parameters = None,
        mapper: MapperArgument = None,
        *,
        execution_options: Options = None,
        bind_arguments: Options = None,
        **kw: Any,
    ) -> Any:
        """Execute a statement in the current transaction; what is pending is flushed first, where the Session has autoflush.

        :param clause: a statement, or SQL text with ``:name`` parameters; a :class:`Sequence` gives its next number.
        :param params: a mapping of values, or a list of mappings.
        :param mapper: the mapper or mapped class whose engine is meant, where the statement does not say.
        :param execution_options: options for the statement, as :meth:`Select.execution_options` takes them.
        :param bind_arguments: arguments of :meth:`get_bind`: ``mapper``, ``bind``, and whatever a subclass takes.
        :param kw: passed on to :meth:`get_bind`; ``instance=`` names a mapped object in place of its mapper.
        :raises ArgumentError: for execution options of something that takes none.
        :returns: the rows; a SELECT of mapped classes gives their objects.
        """
        if bind_arguments:
            mapper, kw = joined_arguments(mapper, bind_arguments, kw)
        if isinstance(clause, SchemaSequence):
            # as the field has it: the number itself
            return self.scalar(clause, None, mapper, **kw)
        if execution_options:
            clause = with_options(clause, execution_options)
        if self.execution_options:
            clause = with_defaults(clause, self.execution_options)
        return exclusively(self, self.execute_now, clause, params, mapper, kw, True)

    def execute_now(
        self,
        clause: OrmStatement,
        params: Parameters,
        mapper: MapperArgument,
        kw: Mapping[str, Any],
        autoflush: bool,
    ) -> Result:
        """:meth:`execute` without its lock; ``autoflush=False`` sends the statement before what is pending is flushed. For the package."""
        if isinstance(clause, str):
            clause = text(clause)
        if isinstance(clause, Query):
            params = params if params is not None else clause._params or None
            clause = clause.statement
        if self.hooks.do_orm_execute:
            about = class_mapper(mapper) if mapper is not None else first_mapper(getattr(clause, "entities", ()))
            clause, params, result = told_of(self._whole(), clause, params, about)
            if result is not None:
                return result
        return self.execute_untold(clause, params, mapper, kw, autoflush)

    def execute_untold(
        self,
        clause: OrmStatement,
        params: Parameters = None,
        mapper: MapperArgument = None,
        kw: Mapping[str, Any] = MappingProxyType({}),
        autoflush: bool = True,
    ) -> Result:
        """:meth:`execute_now` without telling what listens to ``do_orm_execute``. For the package."""
        if isinstance(clause, SelectBase):
            found = first_mapper(clause.entities)
            if found is not None or gives_bundles(clause):
                size = clause.get_execution_options().get("yield_per")
                if size is not None:
                    return self._streamed(clause, params, mapper or found, kw, "rows", size)  # type: ignore[return-value]
                if autoflush:
                    self.autoflush_now(statement=clause)
                names, rows = self._load_now(clause, params, mapper or found, kw, "rows")
                return Result(rows, names, -1)
            clause = with_class_criteria(clause)
        elif isinstance(clause, FunctionElement):
            return self.execute_untold(clause.select(), params, mapper, kw, autoflush)
        if autoflush:
            # of any other statement nobody knows whether it reads what is pending: a subquery may be about a class, or SQL text
            self.autoflush_now(statement=clause)
        if isinstance(clause, DMLStatement) and clause.entity is not None:
            connection = self.connection_for(mapper or clause.entity.mapper, clause, **kw)
            return execute_dml(self, connection, clause, params)
        result: Result = self.connection_for(mapper, clause, **kw).execute(clause, params)
        return result

    def _streamed(
        self,
        select: SelectBase,
        params: Parameters,
        mapper: MapperArgument,
        kw: Mapping[str, Any],
        what: ResultKind,
        size: int,
    ) -> StreamedResult[Any]:
        if isinstance(select, Select) and not select.order_by_clauses:
            select = in_default_order(select)
        names = result_names(select)
        pages = self.stream_query(select, params, True, what, size, mapper, kw)
        return StreamedRowResult(pages, names)

    def stream_query(
        self,
        select: SelectBase,
        params: Any,
        autoflush: bool,
        what: ResultKind,
        size: int,
        mapper: MapperArgument = None,
        kw: Mapping[str, Any] | None = None,
    ) -> Iterator[list[Any]]:
        """Yield the results of a statement in lists of up to ``size``; the transaction must stay open meanwhile. For the package."""
        if self.execution_options:
            select = with_defaults(select, self.execution_options)
        if autoflush:
            self.autoflush_now(statement=select)
        connection = self.connection_for(mapper or first_mapper(select.entities), select, **(kw or {}))
        pages = stream_result(self, connection, select, params, what, size)
        try:
            # the lock is taken for each page, and free while the application works on one
            while (page := exclusively(self, next, pages, None)) is not None:
                yield page
        finally:
            # a loop that was left gives its cursor back at once, and not when the garbage collector comes
            pages.close()  # type: ignore[attr-defined]

    def _load(
        self, select: SelectBase, params: object, mapper: MapperArgument, kw: Mapping[str, Any], what: ResultKind
    ) -> tuple[tuple[str, ...], list[Any]]:
        self.autoflush_now(statement=select)
        if isinstance(select, Select) and not select.order_by_clauses:
            select = in_default_order(select)
        return self._load_now(select, params, mapper, kw, what)

    def _load_now(
        self, select: SelectBase, params: Any, mapper: MapperArgument, kw: Mapping[str, Any], what: ResultKind
    ) -> tuple[tuple[str, ...], list[Any]]:
        connection = self.connection_for(mapper, select, **kw)
        return load_result(self, connection, select, params, what)

    @overload
    def scalar(
        self,
        clause: ReturnsRows[tuple[T, *tuple[Any, ...]]],
        params: Parameters = None,
        mapper: MapperArgument = None,
        *,
        execution_options: Options = None,
        bind_arguments: Options = None,
        **kw: Any,
    ) -> T | None: ...

    @overload
    def scalar(
        self,
        clause: OrmStatement,
        params: Parameters = None,
        mapper: MapperArgument = None,
        *,
        execution_options: Options = None,
        bind_arguments: Options = None,
        **kw: Any,
    ) -> Any: ...

    def scalar(
        self,
        clause: OrmStatement,
        params: Parameters = None,
        mapper: MapperArgument = None,
        *,
        execution_options: Options = None,
        bind_arguments: Options = None,
        **kw: Any,
    ) -> Any:
        """Like :meth:`execute`, and return the first column of the first row, or None."""
        if isinstance(clause, SchemaSequence):
            clause = Select((clause.next_value(),))
        if execution_options or bind_arguments:
            kw = {**kw, "execution_options": execution_options, "bind_arguments": bind_arguments}
        return self.execute(clause, params, mapper, **kw).scalar()

    @overload
    def scalars(
        self,
        clause: ReturnsRows[tuple[T, *tuple[Any, ...]]],
        params: Parameters = None,
        mapper: MapperArgument = None,
        *,
        execution_options: Options = None,
        bind_arguments: Options = None,
        **kw: Any,
    ) -> ScalarResult[T]: ...

    @overload
    def scalars(
        self,
        clause: OrmStatement,
        params: Parameters = None,
        mapper: MapperArgument = None,
        *,
        execution_options: Options = None,
        bind_arguments: Options = None,
        **kw: Any,
    ) -> ScalarResult: ...

    def scalars(
        self,
        clause: OrmStatement,
        params: Parameters = None,
        mapper: MapperArgument = None,
        *,
        execution_options: Options = None,
        bind_arguments: Options = None,
        **kw: Any,
    ) -> ScalarResult:
        """Like :meth:`execute`, and return the first item of each row: the objects, for ``select(User)``."""
        if bind_arguments:
            mapper, kw = joined_arguments(mapper, bind_arguments, kw)
        if execution_options:
            clause = with_options(clause, execution_options)
        if self.execution_options:
            clause = with_defaults(clause, self.execution_options)
        # the frequent case, without a row around each object
        if isinstance(clause, SelectBase) and not self.hooks.do_orm_execute:
            found = first_mapper(clause.entities)
            if found is not None and clause.get_execution_options().get("yield_per") is None:
                return ScalarResult(exclusively(self, self._load, clause, params, mapper or found, kw, "scalars")[1])
        result: Result = self.execute(clause, params, mapper, **kw)
        return result.scalars()

    @overload
    def query(self, entity: type[T0], /) -> Query[T0]: ...

    @overload
    def query(self, column: ColumnElement[T0], /) -> Query[TypedRow[T0]]: ...

    @overload
    def query(self, a: Item[T0], b: Item[T1], /) -> Query[TypedRow[T0, T1]]: ...

    @overload
    def query(self, a: Item[T0], b: Item[T1], c: Item[T2], /) -> Query[TypedRow[T0, T1, T2]]: ...

    @overload
    def query(self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], /) -> Query[TypedRow[T0, T1, T2, T3]]: ...

    @overload
    def query(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], /
    ) -> Query[TypedRow[T0, T1, T2, T3, T4]]: ...

    @overload
    def query(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], /
    ) -> Query[TypedRow[T0, T1, T2, T3, T4, T5]]: ...

    @overload
    def query(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], g: Item[T6], /
    ) -> Query[TypedRow[T0, T1, T2, T3, T4, T5, T6]]: ...

    @overload
    def query(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], g: Item[T6], h: Item[T7], /
    ) -> Query[TypedRow[T0, T1, T2, T3, T4, T5, T6, T7]]: ...

    @overload
    def query(self, *entities: Any, **kwargs: Any) -> Query[Any]: ...

    def query(self, *entities: Any, **kwargs: Any) -> Query[Any]:
        """Return a Query of mapped classes, attributes or columns.

        :param kwargs: passed on to the query class.
        """
        return self._query_cls(entities, self._whole(), **kwargs)

    def load_query(
        self,
        select: SelectBase,
        params: Parameters = None,
        autoflush: bool = True,
        what: ResultKind = "query",
    ) -> list[Any]:
        """Return the results of a Query: objects, or rows; ``what`` as for :func:`load_result`. For the package."""
        if self.execution_options:
            select = with_defaults(select, self.execution_options)
        if autoflush:
            self.autoflush_now(statement=select)
        mapper = first_mapper(select.entities)
        if self.hooks.do_orm_execute:
            select, params, result = told_of(self._whole(), select, params or None, mapper)
            if result is not None:
                found: list[Any] = result.scalars().all() if len(select.entities) == 1 else result.all()
                return each_result_once(found) if what == "query" else found
        return exclusively(self, self._load_now, select, params or None, mapper, {}, what)[1]

    def plan_query(self, statement: Select | FromStatement | Query[Any]) -> QueryPlan:
        """Return how a SELECT of mapped classes would be executed, without executing it; ``print()`` shows the plan.

        It says which statement is sent, joined eager loading included, which columns of its rows make which objects, and which relationships
        further statements load.

        :param statement: a query, or a SELECT of mapped classes.
        :raises ArgumentError: for something else, and for a loader option that fits none of the classes.

        >>> print(session.plan_query(select(User).options(selectinload(User.posts))))               # doctest: +SKIP
        SELECT "user".id, "user".name FROM "user"
          User: columns 0 to 1 (id, name)
            then posts, selectin: SELECT of Post by the keys of these objects
        """
        select: Any = statement.statement if isinstance(statement, Query) else statement
        mapper = first_mapper(select.entities) if isinstance(select, SelectBase) else None
        if mapper is None:
            raise ArgumentError(f"plan_query() takes a query, or a SELECT of mapped classes, got {statement!r}.")
        bind = self.get_bind(mapper=mapper, clause=select)
        engine = bind.engine if isinstance(bind, Connection) else bind
        if isinstance(select, Select) and not select.order_by_clauses:
            select = in_default_order(select)
        streamed = select.get_execution_options().get("yield_per") is not None
        return plan_ahead(select, engine.dialect, engine.compiled_cache, "plan_query()", streamed)[0]

    def get(
        self,
        entity: type[T],
        ident: object,
        options: object = (),
        populate_existing: bool = False,
        with_for_update: bool | Mapping[str, Any] = False,
        execution_options: Options = None,
        identity_token: object = None,
        bind_arguments: Options = None,
    ) -> T | None:
        """Return the object of a primary key, from the identity map if it is there, else by one SELECT; None when there is none.

        :param entity: a mapped class.
        :param ident: the key's value; a tuple, or a mapping by attribute, for a composite key.
        :param options: loader options, for an object that is not there yet.
        :param populate_existing: load it anew, also where it is there.
        :param with_for_update: lock the row and load it anew; True, or the arguments of :meth:`Select.with_for_update`.
        :param execution_options: options for the statement, as :meth:`Select.execution_options` takes them.
        :param identity_token: an ArgumentError: no row belongs to a shard.
        :param bind_arguments: arguments of :meth:`get_bind`, for an object that is to be loaded.
        :raises UnmappedClassError: when the class is not mapped.
        """
        # two at once (benchmark: get_hit): both are None nearly always
        if (
            options
            or populate_existing
            or with_for_update
            or execution_options is not identity_token
            or bind_arguments is not None
        ):
            refuse_token(identity_token)
            query = self.query(entity).execution_options(**(execution_options or {}))
            if bind_arguments:
                return get_elsewhere(self, query, ident, options, populate_existing, with_for_update, bind_arguments)
            return get_by_query(query, ident, options, populate_existing, with_for_update)
        # the frequent case, without a lock: an object that is there and has not expired, of which its key is loaded (benchmark: get_hit)
        try:
            entries, key, class_ = self._places[entity]
            state = entries.get(ident)
        except (KeyError, TypeError):
            # the first of its class here, or a key that is no key of a dict
            state, key, class_ = None, "", None
        if state is not None and (obj := state()) is not None and key in obj.__dict__:
            return obj if class_ is None or isinstance(obj, class_) else None
        return exclusively(self, get_slowly, self, entity, ident)

    def get_one(
        self,
        entity: type[T],
        ident: object,
        options: object = (),
        populate_existing: bool = False,
        with_for_update: bool | Mapping[str, Any] = False,
        execution_options: Options = None,
        identity_token: object = None,
        bind_arguments: Options = None,
    ) -> T:
        """Return the object of a primary key like :meth:`get`, which has to be there.

        :param entity: a mapped class.
        :param ident: the key's value, and the other arguments: see :meth:`get`.
        :raises NoResultFound: when there is none.
        :raises UnmappedClassError: when the class is not mapped.
        """
        found = self.get(
            entity,
            ident,
            options,
            populate_existing,
            with_for_update,
            execution_options=execution_options,
            identity_token=identity_token,
            bind_arguments=bind_arguments,
        )
        if found is None:
            raise NoResultFound(
                f"there is no {class_mapper(entity).class_.__name__} with the primary key {ident!r}, and one was expected. "
                "Use get(), which returns None, where that may be."
            )
        return found
