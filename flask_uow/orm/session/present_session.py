"""Every method and attribute of a Session, on what stands for the Session of the present scope."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from flask_uow.engine import Connection, Result, ScalarResult
from flask_uow.orm.dml.bulk import Progress
from flask_uow.orm.extensions import Hooks
from flask_uow.orm.flush.plan import FlushPlan
from flask_uow.orm.query import Query
from flask_uow.orm.session.arguments import MapperArgument, Options
from flask_uow.orm.session.session import Session
from flask_uow.orm.session.session_registry import SessionRegistry
from flask_uow.orm.session.transaction import SessionTransaction
from flask_uow.orm.state.keys import IdentityKey
from flask_uow.sql.sequences import Sequence as SchemaSequence
from flask_uow.sql.typed import T0, T1, T2, T3, T4, T5, T6, T7, ReturnsRows, Ts

if TYPE_CHECKING:
    from flask_uow.engine import Engine
    from flask_uow.engine.rows import TypedRow
    from flask_uow.orm.loading.plan import QueryPlan
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.arguments import OrmStatement
    from flask_uow.sql.expressions import ColumnElement
    from flask_uow.sql.from_statement import FromStatement
    from flask_uow.sql.select import Select
    from flask_uow.sql.selectable import FromClause
    from flask_uow.sql.typed import Item, Parameters

__all__ = ["PresentSession"]

T = TypeVar("T")


class PresentSession:
    """Passes each call on to the Session that the registry has for the present scope; base of :class:`ScopedSession`."""

    registry: SessionRegistry

    @property
    def event_hooks(self) -> Hooks:
        """The hooks of all Sessions that it stands for."""
        raise NotImplementedError

    def add(self, instance: object) -> None:
        """See :meth:`Session.add`."""
        self.registry().add(instance)

    def add_all(self, instances: Iterable[Any]) -> None:
        """See :meth:`Session.add_all`."""
        self.registry().add_all(instances)

    def merge(self, instance: T, load: bool = True, *, options: object = (), **kw: Any) -> T:
        """See :meth:`Session.merge`."""
        return self.registry().merge(instance, load, options=options, **kw)

    def merge_all(self, instances: Iterable[T], *, load: bool = True, options: object = ()) -> list[T]:
        """See :meth:`Session.merge_all`."""
        return self.registry().merge_all(instances, load=load, options=options)

    def delete(self, instance: object) -> None:
        """See :meth:`Session.delete`."""
        self.registry().delete(instance)

    def delete_all(self, instances: Iterable[Any]) -> None:
        """See :meth:`Session.delete_all`."""
        self.registry().delete_all(instances)

    def flush(self, objects: Iterable[Any] | None = None) -> None:
        """See :meth:`Session.flush`."""
        self.registry().flush(objects)

    def plan_query(self, statement: Select | FromStatement | Query[Any]) -> QueryPlan:
        """See :meth:`Session.plan_query`."""
        return self.registry().plan_query(statement)

    def plan_flush(self, objects: Iterable[Any] | None = None) -> FlushPlan:
        """See :meth:`Session.plan_flush`."""
        return self.registry().plan_flush(objects)

    def prepare(self) -> None:
        """See :meth:`Session.prepare`."""
        self.registry().prepare()

    def commit(self) -> None:
        """See :meth:`Session.commit`."""
        self.registry().commit()

    def rollback(self) -> None:
        """See :meth:`Session.rollback`."""
        self.registry().rollback()

    def begin(self, subtransactions: bool = False, nested: bool = False) -> SessionTransaction:
        """See :meth:`Session.begin`."""
        return self.registry().begin(subtransactions, nested)

    def begin_nested(self) -> SessionTransaction:
        """See :meth:`Session.begin_nested`."""
        return self.registry().begin_nested()

    def close(self) -> None:
        """See :meth:`Session.close`."""
        self.registry().close()

    def reset(self) -> None:
        """See :meth:`Session.reset`."""
        self.registry().reset()

    def invalidate(self) -> None:
        """See :meth:`Session.invalidate`."""
        self.registry().invalidate()

    def get_transaction(self) -> SessionTransaction | None:
        """See :meth:`Session.get_transaction`."""
        return self.registry().get_transaction()

    def get_nested_transaction(self) -> SessionTransaction | None:
        """See :meth:`Session.get_nested_transaction`."""
        return self.registry().get_nested_transaction()

    def connection(
        self,
        mapper: MapperArgument | Mapping[str, Any] = None,
        clause: OrmStatement | None = None,
        *,
        bind_arguments: Options = None,
        execution_options: Options = None,
        **kw: Any,
    ) -> Connection:
        """See :meth:`Session.connection`."""
        return self.registry().connection(
            mapper, clause, bind_arguments=bind_arguments, execution_options=execution_options, **kw
        )

    def get_bind(self, mapper: MapperArgument = None, clause: OrmStatement | None = None, **kw: Any) -> Any:
        """See :meth:`Session.get_bind`."""
        return self.registry().get_bind(mapper=mapper, clause=clause, **kw)

    def bind_mapper(self, mapper: type | Mapper, bind: Engine | Connection) -> None:
        """See :meth:`Session.bind_mapper`."""
        self.registry().bind_mapper(mapper, bind)

    def bind_table(self, table: FromClause, bind: Engine | Connection) -> None:
        """See :meth:`Session.bind_table`."""
        self.registry().bind_table(table, bind)

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
        """See :meth:`Session.execute`."""
        return self.registry().execute(
            clause, params, mapper, execution_options=execution_options, bind_arguments=bind_arguments, **kw
        )

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
        """See :meth:`Session.scalar`."""
        return self.registry().scalar(
            clause, params, mapper, execution_options=execution_options, bind_arguments=bind_arguments, **kw
        )

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
        """See :meth:`Session.scalars`."""
        return self.registry().scalars(
            clause, params, mapper, execution_options=execution_options, bind_arguments=bind_arguments, **kw
        )

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
        """See :meth:`Session.query`."""
        return self.registry().query(*entities, **kwargs)

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
        """See :meth:`Session.get`."""
        session = self.registry()
        if (
            options
            or populate_existing
            or with_for_update
            or execution_options is not identity_token
            or bind_arguments is not None
        ):
            return session.get(
                entity,
                ident,
                options=options,
                populate_existing=populate_existing,
                with_for_update=with_for_update,
                execution_options=execution_options,
                identity_token=identity_token,
                bind_arguments=bind_arguments,
            )
        return session.get(entity, ident)

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
        """See :meth:`Session.get_one`."""
        return self.registry().get_one(
            entity,
            ident,
            options,
            populate_existing,
            with_for_update,
            execution_options=execution_options,
            identity_token=identity_token,
            bind_arguments=bind_arguments,
        )

    def bulk_insert(
        self, entity: type, rows: Iterable[Any], *, return_keys: bool = False, progress: Progress | None = None
    ) -> Any:
        """See :meth:`Session.bulk_insert`."""
        return self.registry().bulk_insert(entity, rows, return_keys=return_keys, progress=progress)

    def bulk_update(self, entity: type, rows: Iterable[Any], *, progress: Progress | None = None) -> int:
        """See :meth:`Session.bulk_update`."""
        return self.registry().bulk_update(entity, rows, progress=progress)

    def bulk_save_objects(
        self,
        objects: Iterable[Any],
        return_defaults: bool = False,
        update_changed_only: bool = True,
        preserve_order: bool = True,
    ) -> None:
        """See :meth:`Session.bulk_save_objects`."""
        self.registry().bulk_save_objects(objects, return_defaults, update_changed_only, preserve_order)

    def bulk_insert_mappings(
        self,
        mapper: type | Mapper,
        mappings: Iterable[MutableMapping[str, Any]],
        return_defaults: bool = False,
        render_nulls: bool = False,
    ) -> None:
        """See :meth:`Session.bulk_insert_mappings`."""
        self.registry().bulk_insert_mappings(mapper, mappings, return_defaults, render_nulls)

    def bulk_update_mappings(self, mapper: type | Mapper, mappings: Iterable[Mapping[str, Any]]) -> None:
        """See :meth:`Session.bulk_update_mappings`."""
        self.registry().bulk_update_mappings(mapper, mappings)

    def copy_from(
        self,
        entity: type,
        rows: Iterable[Any],
        *,
        columns: Sequence[Any] | None = None,
        progress: Progress | None = None,
    ) -> int:
        """See :meth:`Session.copy_from`."""
        return self.registry().copy_from(entity, rows, columns=columns, progress=progress)

    def expire(self, instance: object, attribute_names: Iterable[str] | None = None) -> None:
        """See :meth:`Session.expire`."""
        self.registry().expire(instance, attribute_names)

    def expire_all(self) -> None:
        """See :meth:`Session.expire_all`."""
        self.registry().expire_all()

    def refresh(
        self,
        instance: object,
        attribute_names: Iterable[str] | None = None,
        lockmode: str | None = None,
        *,
        with_for_update: bool | Mapping[str, Any] | None = None,
    ) -> None:
        """See :meth:`Session.refresh`."""
        self.registry().refresh(instance, attribute_names, lockmode, with_for_update=with_for_update)

    def expunge(self, instance: object) -> None:
        """See :meth:`Session.expunge`."""
        self.registry().expunge(instance)

    def expunge_all(self) -> None:
        """See :meth:`Session.expunge_all`."""
        self.registry().expunge_all()

    def prune(self) -> int:
        """See :meth:`Session.prune`."""
        return self.registry().prune()

    def is_modified(self, instance: object, include_collections: bool = True, passive: bool = False) -> bool:
        """See :meth:`Session.is_modified`."""
        return self.registry().is_modified(instance, include_collections, passive)

    @staticmethod
    def close_all() -> None:
        """See :meth:`Session.close_all`."""
        Session.close_all()

    @staticmethod
    def identity_key(
        class_: object = None, ident: object = None, *, instance: object = None, row: object = None
    ) -> IdentityKey:
        """See :meth:`Session.identity_key`."""
        return Session.identity_key(class_, ident, instance=instance, row=row)

    @staticmethod
    def object_session(instance: object) -> Session | None:
        """See :meth:`Session.object_session`."""
        return Session.object_session(instance)

    @property
    def new(self) -> Any:
        """See :attr:`Session.new`."""
        return self.registry().new

    @property
    def dirty(self) -> Any:
        """See :attr:`Session.dirty`."""
        return self.registry().dirty

    @property
    def deleted(self) -> Any:
        """See :attr:`Session.deleted`."""
        return self.registry().deleted

    @property
    def identity_map(self) -> Any:
        """See :attr:`Session.identity_map`."""
        return self.registry().identity_map

    def in_transaction(self) -> bool:
        """See :meth:`Session.in_transaction`."""
        return self.registry().in_transaction()

    def in_nested_transaction(self) -> bool:
        """See :meth:`Session.in_nested_transaction`."""
        return self.registry().in_nested_transaction()

    @property
    def info(self) -> dict[Any, Any]:
        """See :attr:`Session.info`."""
        return self.registry().info

    @property
    def is_active(self) -> bool:
        """See :attr:`Session.is_active`."""
        return self.registry().is_active

    @property
    def transaction(self) -> Any:
        """See :attr:`Session.transaction`."""
        return self.registry().transaction

    @property
    def no_autoflush(self) -> Any:
        """See :attr:`Session.no_autoflush`."""
        return self.registry().no_autoflush

    @property
    def bind(self) -> Any:
        """See :attr:`Session.bind`."""
        return self.registry().bind

    @bind.setter
    def bind(self, bind: Engine | Connection | None) -> None:
        self.registry().bind = bind

    @property
    def autoflush(self) -> bool:
        """Whether the present Session flushes before each query."""
        return self.registry().autoflush

    @autoflush.setter
    def autoflush(self, value: bool) -> None:
        self.registry().autoflush = value

    def __contains__(self, instance: object) -> bool:
        return instance in self.registry()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.registry())
