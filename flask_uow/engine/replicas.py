"""Read replicas: streaming standbys of a primary, and which of them lends the connection for the next reads.

:class:`Replicas` has those of one primary, and knows which of them to leave out for a while; threads share it. A :class:`ReplicaReader` is
for one unit of work: it stays with one replica, and takes none that has not replayed what the client has written.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from flask_uow.engine.wal import POSITION_SQL, REPLAYED_SQL, Progress, WalPosition, parse_lsn
from flask_uow.exc import DBAPIError, FlaskUowError, TimeoutError

if TYPE_CHECKING:
    from flask_uow.engine.connection import Connection
    from flask_uow.engine.engine import Engine

__all__ = ["UNKNOWN", "NoReplica", "ReplicaReader", "Replicas", "Written", "position_of"]

logger = logging.getLogger("flask_uow.engine")

# seconds between two looks at a replica that is waited for: the first pause, and the longest
_PAUSE, _LONGEST_PAUSE = 0.002, 0.05
# seconds without further waiting for a replica that was waited for in vain
_NO_WAITING = 1.0


class _Unknown:
    """Something was written, and nobody knows up to where: no replica is known to have it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()

#: what a client has written: up to a position, to an unknown one, or nothing that is known
Written = WalPosition | _Unknown | None


class NoReplica(Exception):
    """No replica can serve the reads now, so the primary has to. Never leaves the library."""


def position_of(connection: Connection) -> WalPosition | _Unknown:
    """Return how far the log of the server of a connection goes, which is in no transaction; UNKNOWN where it cannot be asked."""
    try:
        lsn, file_name = connection.look_up(POSITION_SQL)[0]
        return WalPosition.of(lsn, file_name)
    except (FlaskUowError, ValueError) as error:
        logger.warning("%r could not be asked how far its log goes: %s", connection.engine, error)
        return UNKNOWN


class _Replica:
    """One replica, and what is known of it.

    :ivar left_out_until: it is not asked before, on the clock of :func:`time.monotonic`; 0 where it answers.
    :ivar not_awaited_until: likewise: it is not waited for before.
    :ivar is_silent: True once the log has told that it does not say how far it is.
    """

    __slots__ = ("engine", "is_silent", "left_out_until", "not_awaited_until")

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.is_silent = False
        self.left_out_until = self.not_awaited_until = 0.0


class Replicas:
    """The replicas of one primary. They take turns; one that fails, or is no standby any more, is left out for a while.

    :param primary: the engine of the primary.
    :param engines: the engines of the replicas.
    :param left_out_seconds: how long one is left out.
    """

    def __init__(self, primary: Engine, engines: Sequence[Engine], left_out_seconds: float) -> None:
        self.primary = primary
        self.engines = tuple(engines)
        self._replicas = [_Replica(engine) for engine in engines]
        self._left_out_seconds = left_out_seconds
        self._turns = itertools.count()
        for engine in engines:
            engine.is_replica = True

    def lend(self, preferred: Engine | None, written: Written, seconds: float) -> Connection:
        """Return a connection to a replica that has replayed what was written; it is in no transaction.

        :param preferred: try this replica first.
        :param written: what the client has written.
        :param seconds: how long to wait for a replica that has not replayed that yet.
        :raises NoReplica: when there is none.
        """
        # what is inside rolled_back() is never committed, and so never reaches a replica
        if isinstance(written, _Unknown) or self.primary.is_rolled_back_later():
            raise NoReplica
        late: _Replica | None = None
        for replica in self._in_turn(preferred):
            connection = self._connect(replica)
            if connection is None:
                continue
            progress = Progress.REACHED if written is None else self._look(replica, connection, written)
            if progress is Progress.REACHED:
                return connection
            connection.close()
            if progress is Progress.BEHIND and late is None and time.monotonic() >= replica.not_awaited_until:
                late = replica
        if late is not None and seconds > 0 and written is not None:
            found = self._await(late, written, seconds)
            if found is not None:
                return found
        raise NoReplica

    def _in_turn(self, preferred: Engine | None) -> Iterator[_Replica]:
        """Yield the replicas in the order in which to try them; who is next when its time is up is tried by one user at first."""
        count = len(self._replicas)
        first = next(self._turns) % count
        order = [self._replicas[(first + number) % count] for number in range(count)]
        # whose connections are all in use comes last, be it preferred or not
        order.sort(key=lambda replica: (replica.engine.pool.is_exhausted, replica.engine is not preferred))
        for replica in order:
            if replica.left_out_until:
                now = time.monotonic()
                if now < replica.left_out_until:
                    continue
                replica.left_out_until = now + self._left_out_seconds
            yield replica

    def _connect(self, replica: _Replica) -> Connection | None:
        try:
            connection = replica.engine.connect()
        # busy, not broken: the next one who asks may find a connection here
        except TimeoutError as error:
            logger.warning("The replica %r had no connection to lend: %s", replica.engine, error)
            return None
        except DBAPIError as error:
            self._leave_out(replica, str(error))
            return None
        if replica.left_out_until:
            replica.left_out_until = 0.0
            logger.info("The replica %r answers again.", replica.engine)
        return connection

    def _leave_out(self, replica: _Replica, reason: str) -> None:
        is_new = not replica.left_out_until
        replica.left_out_until = time.monotonic() + self._left_out_seconds
        logger.log(
            logging.WARNING if is_new else logging.DEBUG,
            "The replica %r is left out, and asked again every %g seconds: %s",
            replica.engine,
            self._left_out_seconds,
            reason,
        )

    def _look(self, replica: _Replica, connection: Connection, written: WalPosition) -> Progress | None:
        """Return how far a replica is; None where it is none, and left out. Outside of any transaction: what it reads next comes after this."""
        try:
            is_standby, replayed, timeline = connection.look_up(REPLAYED_SQL)[0]
        except BaseException as error:
            # an answer that is still under way would be taken for that to the next question
            connection.invalidate()
            if not isinstance(error, DBAPIError):
                raise
            if error.connection_invalidated:
                self._leave_out(replica, str(error))
                return None
            return self._tell_of_silence(replica, str(error))
        if not is_standby:
            self._leave_out(replica, "it is no standby (any more)")
            # the connections that idle lead to the same server
            replica.engine.pool.discard_idle()
            return None
        if replayed is None:
            return self._tell_of_silence(replica, "pg_last_wal_replay_lsn() is NULL")
        return written.seen_from(timeline or 0, parse_lsn(replayed))

    def _tell_of_silence(self, replica: _Replica, reason: str) -> Progress:
        """Say in the log, once, that a replica does not tell how far it is: it serves those only who have written nothing."""
        if not replica.is_silent:
            replica.is_silent = True
            logger.warning(
                "The replica %r does not say what it has replayed, so that it serves no client that has written something: %s",
                replica.engine,
                reason,
            )
        return Progress.APART

    def _await(self, replica: _Replica, written: WalPosition, seconds: float) -> Connection | None:
        """Return a connection to a replica once it has replayed what was written; None where it has not in time."""
        deadline = time.monotonic() + seconds
        pause = _PAUSE
        while (remaining := deadline - time.monotonic()) > 0:
            time.sleep(min(pause, remaining))
            pause = min(2 * pause, _LONGEST_PAUSE)
            connection = self._connect(replica)
            progress = None if connection is None else self._look(replica, connection, written)
            if connection is None or progress is None:
                return None
            if progress is Progress.REACHED:
                return connection
            # not kept for the next look: others can use it meanwhile
            connection.close()
        replica.not_awaited_until = time.monotonic() + _NO_WAITING
        return None

    def dispose(self) -> None:
        """Close all connections; the replicas can be used again afterwards."""
        for engine in self.engines:
            engine.dispose()

    def __repr__(self) -> str:
        return f"<Replicas {', '.join(map(str, (engine.url for engine in self.engines)))}>"


class ReplicaReader:
    """Lends connections for the reads of one unit of work, in place of the primary's engine.

    :param replicas: those of one primary.
    :param written: returns what the client has written there.
    :param seconds: how long to wait for a replica that has not replayed that yet.
    """

    __slots__ = ("_chosen", "_seconds", "_written", "replicas")

    def __init__(self, replicas: Replicas, written: Callable[[], Written], seconds: float) -> None:
        self.replicas = replicas
        self._written = written
        self._seconds = seconds
        self._chosen: Engine | None = None

    def connect(self) -> Connection:
        """Return a connection to a replica: to the one that has served this unit of work before, where it can.

        :raises NoReplica: when the primary has to serve it.
        """
        connection = self.replicas.lend(self._chosen, self._written(), self._seconds)
        self._chosen = connection.engine
        return connection
