import threading

from afgen.errors import QueueUnavailableError
from workers.repeating import repeating


def test_a_failure_is_tried_again() -> None:
    left = [RuntimeError("a fault"), QueueUnavailableError("away")]
    done = threading.Event()

    def do() -> None:
        if left:
            raise left.pop()
        done.set()

    with repeating(do, 0.001, "a test"):
        assert done.wait(30)
    assert not [thread for thread in threading.enumerate() if thread.name == "a test"]
