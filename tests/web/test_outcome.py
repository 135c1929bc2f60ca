"""The decision between commit and rollback, without Flask and without a database."""

from __future__ import annotations

import click
import pytest
from flask import Response

from flask_uow.web.outcome import CommitOn, Ending, Kind, Moment, Outcome, decide

COMMIT, ROLLBACK = Outcome.COMMIT, Outcome.ROLLBACK
ERROR = RuntimeError("failed")


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, COMMIT), (201, COMMIT), (302, COMMIT), (399, COMMIT), (400, ROLLBACK), (404, ROLLBACK), (500, ROLLBACK)],
)
def test_a_response_below_400_commits_and_any_other_rolls_back(status: int, expected: Outcome) -> None:
    assert decide(Ending(Kind.REQUEST, Moment.RESPONSE, response=Response(status=status))) is expected


def test_an_error_that_a_handler_turned_into_a_good_response_does_not_count_against_the_handler() -> None:
    assert decide(Ending(Kind.REQUEST, Moment.RESPONSE, response=Response(), error=ERROR)) is COMMIT


def test_a_request_without_a_response_is_rolled_back() -> None:
    assert decide(Ending(Kind.REQUEST, Moment.TEARDOWN)) is ROLLBACK


@pytest.mark.parametrize("kind", list(Kind))
def test_rollback_at_end_beats_everything(kind: Kind) -> None:
    ending = Ending(kind, Moment.TEARDOWN, rollback_asked=True, commit_when=lambda response, exc: True)
    assert decide(ending) is ROLLBACK


def test_commit_when_decides_for_a_request_and_sees_response_and_error() -> None:
    seen = []

    def commit_when(response: Response, exc: BaseException | None) -> bool:
        seen.append((response.status_code, exc))
        return response.status_code == 409

    conflict = Ending(
        Kind.REQUEST, Moment.RESPONSE, response=Response(status=409), error=ERROR, commit_when=commit_when
    )
    fine = Ending(Kind.REQUEST, Moment.RESPONSE, response=Response(), commit_when=commit_when)
    assert (decide(conflict), decide(fine)) == (COMMIT, ROLLBACK)
    assert seen == [(409, ERROR), (200, None)]


@pytest.mark.parametrize(
    ("outcome", "error", "expected"),
    [
        (COMMIT, None, COMMIT),
        (COMMIT, ERROR, ROLLBACK),
        (ROLLBACK, None, ROLLBACK),
        (COMMIT, GeneratorExit(), ROLLBACK),
    ],
)
def test_work_after_the_commit_point_shares_the_fate_of_the_request(
    outcome: Outcome, error: BaseException | None, expected: Outcome
) -> None:
    ending = Ending(Kind.REQUEST, Moment.TEARDOWN, response=Response(), outcome=outcome, error=error)
    assert decide(ending) is expected


@pytest.mark.parametrize("kind", [Kind.REQUEST, Kind.CONTEXT, Kind.COMMAND])
def test_commit_on_none_never_commits(kind: Kind) -> None:
    assert decide(Ending(kind, Moment.TEARDOWN, CommitOn.NEVER, response=Response())) is ROLLBACK


def test_commit_on_none_leaves_blocks_alone() -> None:
    assert decide(Ending(Kind.BLOCK, Moment.TEARDOWN, CommitOn.NEVER)) is COMMIT


@pytest.mark.parametrize("kind", [Kind.CONTEXT, Kind.BLOCK])
def test_a_context_or_block_commits_when_it_ends_cleanly_and_rolls_back_when_it_raises(kind: Kind) -> None:
    assert decide(Ending(kind, Moment.TEARDOWN)) is COMMIT
    assert decide(Ending(kind, Moment.TEARDOWN, error=ERROR)) is ROLLBACK


@pytest.mark.parametrize("kind", [Kind.SHELL, Kind.TEST])
def test_a_shell_and_a_test_are_rolled_back(kind: Kind) -> None:
    assert decide(Ending(kind, Moment.TEARDOWN)) is ROLLBACK


@pytest.mark.parametrize(
    ("error", "exit_code", "expected"),
    [
        (None, None, COMMIT),
        (None, 0, COMMIT),
        (SystemExit(0), None, COMMIT),
        (SystemExit(None), None, COMMIT),
        (click.exceptions.Exit(0), None, COMMIT),
        (None, 3, ROLLBACK),
        (SystemExit(3), None, ROLLBACK),
        (SystemExit("message"), None, ROLLBACK),
        (click.exceptions.Exit(3), None, ROLLBACK),
        (click.Abort(), None, ROLLBACK),
        (click.ClickException("no"), None, ROLLBACK),
        (ERROR, None, ROLLBACK),
        (KeyboardInterrupt(), None, ROLLBACK),
    ],
)
def test_a_command_commits_exactly_when_it_exits_with_zero(
    error: BaseException | None, exit_code: int | None, expected: Outcome
) -> None:
    assert decide(Ending(Kind.COMMAND, Moment.TEARDOWN, error=error, exit_code=exit_code)) is expected
