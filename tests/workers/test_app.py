"""Celery, set up as the service relies on it."""

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
