"""Celery, set up as the service relies on it."""

import ssl
from pathlib import Path

import pytest
from kombu.message import Message
from redis.exceptions import RedisError

from afgen.jobs.queue import open_queue
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.states import Priority
from tests.service.servers import RedisServer
from workers.app import VISIBLE_AGAIN_S, create_app


def test_messages_are_acknowledged_late_and_taken_one_at_a_time() -> None:
    conf = create_app(ServiceSettings()).conf
    assert conf.task_acks_late and not conf.task_reject_on_worker_lost
    assert (conf.worker_concurrency, conf.worker_prefetch_multiplier) == (1, 1)
    assert conf.worker_pool_start_method == "spawn"
    assert conf.accept_content == ["json"]


def test_the_visibility_timeout_is_said_in_all_three_places() -> None:
    conf = create_app(ServiceSettings()).conf
    said = (
        conf.visibility_timeout,
        conf.broker_transport_options["visibility_timeout"],
        conf.result_backend_transport_options["visibility_timeout"],
    )
    assert set(said) == {VISIBLE_AGAIN_S}


def test_a_certificate_is_checked_unless_the_url_says_otherwise() -> None:
    def options(query: str) -> dict[str, object]:
        settings = ServiceSettings(redis_url=f"rediss://127.0.0.1:6379/0{query}")
        with create_app(settings).connection_for_read() as connection:
            return connection.ssl

    assert options("") == {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    assert options("?ssl_cert_reqs=none") == {"ssl_cert_reqs": ssl.CERT_NONE}


def test_a_worker_whose_acknowledgement_is_lost_with_redis_still_takes_messages(
    tmp_path: Path,
) -> None:
    """Else it would hold all that it may for ever, and never look whether Redis came back."""
    server = RedisServer(tmp_path).start()
    app = create_app(ServiceSettings(redis_url=server.url))
    came: list[Message] = []
    try:
        with app.connection_for_read() as connection:
            channel = connection.default_channel
            with app.amqp.TaskConsumer(
                channel, accept=["json"], callbacks=[lambda _, message: came.append(message)]
            ) as consumer:
                consumer.qos(prefetch_count=1)
                open_queue(server.url).send("render", "job_1", queue=Priority.BATCH)
                connection.drain_events(timeout=10)
                assert not channel.qos.can_consume()
                server.kill()
                with pytest.raises(RedisError):
                    came[0].ack()
                assert channel.qos.can_consume()
                server.start()
    finally:
        server.kill()


def test_interactive_messages_come_first(redis_server: RedisServer, redis_url: str) -> None:
    """Even those that were sent last, and although what it had kept of queues is lost."""
    app = create_app(ServiceSettings(redis_url=redis_url))
    queue = open_queue(redis_url)
    came: list[str] = []
    with app.connection_for_read() as connection, app.amqp.TaskConsumer(
        connection.default_channel, accept=["json"], no_ack=True,
        callbacks=[lambda body, message: came.append(body[0][0])],
    ):  # fmt: skip
        with redis_server.client() as client:
            client.flushall()
        for number in range(2):
            queue.send("render", f"batch-{number}", queue=Priority.BATCH)
            queue.send("render", f"interactive-{number}", queue=Priority.INTERACTIVE)
        while len(came) < 4:
            connection.drain_events(timeout=10)
    assert came == ["interactive-0", "interactive-1", "batch-0", "batch-1"]
