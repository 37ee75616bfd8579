import signal
from threading import Event

import pytest

from workers.child import ending_at_once, noting_farewell


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_being_told_to_stop_is_noted_however_often(number: signal.Signals) -> None:
    before, leaving = signal.getsignal(number), Event()
    with noting_farewell(leaving):
        assert not leaving.is_set()
        for _ in range(2):
            signal.raise_signal(number)
        assert leaving.wait(10)
    assert signal.getsignal(number) == before
    assert not leaving.is_set()


def test_sigterm_ends_a_child_that_holds_nothing() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with ending_at_once():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
