import pytest

from afgen.errors import BlobMissingError, LeaseLostError, StorageUnavailableError
from workers.patience import LONGEST_PAUSE_S, PATIENCE_S, patiently


class Held:
    """A hold of which only `check` is asked."""

    def __init__(self, checks: int = 10**6) -> None:
        self._left = checks

    def check(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise LeaseLostError("over")


class Server:
    """Answers after so many calls."""

    def __init__(self, failures: int) -> None:
        self.calls = 0
        self._failures = failures

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self._failures:
            raise StorageUnavailableError("away")
        return "answer"


def test_a_server_that_comes_back_is_waited_for() -> None:
    pauses: list[float] = []
    assert patiently(Held(), Server(7), pauses.append) == "answer"
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, LONGEST_PAUSE_S, LONGEST_PAUSE_S]


def test_patience_ends() -> None:
    pauses: list[float] = []
    with pytest.raises(StorageUnavailableError):
        patiently(Held(), Server(10**6), pauses.append)
    assert PATIENCE_S <= sum(pauses) < PATIENCE_S + LONGEST_PAUSE_S


def test_nobody_waits_for_a_job_that_is_lost() -> None:
    server = Server(10**6)
    with pytest.raises(LeaseLostError):
        patiently(Held(checks=3), server, lambda pause_s: None)
    assert server.calls == 3


def test_what_will_not_pass_is_not_tried_again() -> None:
    def missing() -> str:
        raise BlobMissingError("gone")

    with pytest.raises(BlobMissingError):
        patiently(Held(), missing, lambda pause_s: pytest.fail("waited"))
