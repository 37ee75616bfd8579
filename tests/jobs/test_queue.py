import json

import pytest
from redis import Redis

from afgen.errors import QueueUnavailableError
from afgen.jobs.queue import Task, open_queue

NOBODY = "redis://127.0.0.1:1/0"


def test_a_message_is_a_name_and_an_id(redis_url: str) -> None:
    queue = open_queue(redis_url)
    queue.ping()
    queue.send(Task.RENDER, "job_1", queue="batch")
    assert (queue.waiting("batch"), queue.waiting("interactive")) == (1, 0)
    with Redis.from_url(redis_url) as redis:
        message = json.loads(redis.lindex("batch", 0) or b"")
    assert message["headers"]["task"] == "render"
    assert message["headers"]["argsrepr"] == "('job_1',)"


def test_a_broker_that_is_not_there_is_told_apart() -> None:
    queue = open_queue(NOBODY)
    with pytest.raises(QueueUnavailableError):
        queue.send(Task.RENDER, "job_1", queue="batch")
    with pytest.raises(QueueUnavailableError):
        queue.ping()
