import pytest

from afgen.jobs.states import ACTIVE, ENDED, FINISHED, LEASED, MOVES, JobState, sources


def reachable(start: JobState) -> set[JobState]:
    seen: set[JobState] = set()
    waiting = [start]
    while waiting:
        state = waiting.pop()
        if state not in seen:
            seen.add(state)
            waiting += MOVES[state]
    return seen


def test_every_state_is_reached_from_the_first() -> None:
    assert reachable(JobState.QUEUED) == set(JobState) == set(MOVES)


def test_states_are_active_or_ended() -> None:
    assert set(JobState) == ACTIVE | ENDED and not ACTIVE & ENDED
    assert LEASED < ACTIVE and FINISHED < ENDED


def test_nothing_moves_on_from_expired() -> None:
    assert MOVES[JobState.EXPIRED] == frozenset()


def test_only_a_worker_publishes() -> None:
    assert sources(JobState.SUCCEEDED) == {JobState.RUNNING}
    assert sources(JobState.RUNNING) == {JobState.QUEUED}


def test_a_job_that_is_to_be_canceled_is() -> None:
    assert MOVES[JobState.CANCELING] == {JobState.CANCELED}


@pytest.mark.parametrize("state", JobState)
def test_sources_are_the_moves_read_backwards(state: JobState) -> None:
    assert sources(state) == {one for one in JobState if state in MOVES[one]}
    assert state not in MOVES[state]
