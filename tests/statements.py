"""A log of the statements that engines send, for tests that state how many there are.

Given to tests by the ``statements`` fixture; tests with engines of their own call :meth:`StatementLog.attach`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask_uow.engine.listeners import StatementEvent


class StatementLog:
    """The statements sent by the attached engines, in order; BEGIN, COMMIT and the like are kept apart."""

    def __init__(self) -> None:
        self.events: list[StatementEvent] = []
        self.transaction_events: list[StatementEvent] = []
        self._engines: list[Any] = []

    def attach(self, engine: Any) -> StatementLog:
        engine.listeners.after_execute.append(self._record)
        self._engines.append(engine)
        return self

    def detach(self) -> None:
        for engine in self._engines:
            engine.listeners.after_execute.remove(self._record)
        self._engines.clear()

    def _record(self, event: StatementEvent) -> None:
        (self.events if event.kind == "statement" else self.transaction_events).append(event)

    @property
    def sql(self) -> list[str]:
        """The SQL text of every statement so far."""
        return [event.statement for event in self.events]

    @property
    def transactions(self) -> list[str]:
        """BEGIN, COMMIT, ROLLBACK, SAVEPOINT ... so far."""
        return [event.statement for event in self.transaction_events]

    def clear(self) -> None:
        self.events.clear()
        self.transaction_events.clear()

    @contextmanager
    def expect(self, count: int, *fragments: str) -> Iterator[list[str]]:
        """Fail unless the block sends exactly ``count`` statements, each with all ``fragments`` in its text."""
        start = len(self.events)
        sent: list[str] = []
        yield sent
        sent.extend(event.statement for event in self.events[start:])
        listing = "\n".join(f"  {index}. {statement}" for index, statement in enumerate(sent, 1)) or "  (none)"
        assert len(sent) == count, f"{count} statements expected, {len(sent)} sent:\n{listing}"
        for fragment in fragments:
            missing = [statement for statement in sent if fragment not in statement]
            assert not missing, f"{fragment!r} is missing in {missing[0]!r}; sent:\n{listing}"
