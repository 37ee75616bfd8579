import signal
from threading import Event

import pytest

from workers.child import noting_farewell


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
