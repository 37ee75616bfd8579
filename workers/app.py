"""Celery, set up so that a message only wakes a worker: rows say what is to be done, and by whom.

A message may come twice, late or never. It is acknowledged at the end, so that a worker that dies
leaves it to others; if that is lost, too, the sweep sends it again. There is no result, no retry,
no countdown and no remote control: rows and leases do all of that, and survive the broker.
"""

from typing import Any, Final

from celery import Celery
from kombu.entity import Exchange, Queue

from afgen.jobs.queue import tls
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.states import Priority

QUEUES: Final = (Priority.INTERACTIVE, Priority.BATCH)  # the first is always looked into first
VISIBLE_AGAIN_S: Final = 3600  # longer renders are offered again, and the offer is dropped
SOCKET_S: Final = 10.0
STARTING_S: Final = 600  # a child may load models for so long before it counts as stuck
CHILD_TASKS: Final = 500
CHILD_KIB: Final = 6 * 2**20


def create_app(settings: ServiceSettings) -> Celery:
    """The application for workers of these settings."""
    app = Celery("afgen", broker=settings.redis_url, include=["workers.tasks"])
    app.conf.update(configuration(), broker_use_ssl=tls(settings.redis_url))
    return app


def configuration() -> dict[str, Any]:
    """What differs from Celery's defaults."""
    visibility = {"visibility_timeout": VISIBLE_AGAIN_S}  # has to be said in three places
    return {
        "worker_pool": "prefork",
        "worker_concurrency": 1,
        "worker_prefetch_multiplier": 1,
        "worker_pool_start_method": "spawn",  # threads and CUDA do not survive a fork
        "worker_proc_alive_timeout": STARTING_S,
        "worker_max_tasks_per_child": CHILD_TASKS,
        "worker_max_memory_per_child": CHILD_KIB,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,  # rows know better
        "task_acks_late": True,
        "task_reject_on_worker_lost": False,  # without an end; attempts are counted in rows
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_queues": [_queue(name) for name in QUEUES],
        "task_default_queue": QUEUES[0],
        "task_create_missing_queues": False,
        "broker_transport": "workers.broker:Transport",
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            **visibility,
            "queue_order_strategy": "priority",
            "priority_steps": [0],
            "socket_timeout": SOCKET_S,
            "socket_connect_timeout": SOCKET_S,
            "socket_keepalive": True,
        },
        "result_backend_transport_options": visibility,
        **visibility,
    }


def _queue(name: str) -> Queue:
    return Queue(name, Exchange(name), routing_key=name)  # type: ignore[no-untyped-call]
