"""Messages to workers: the name of a task and an id. They may be lost or come twice."""

import ssl
from enum import StrEnum
from typing import Any, Literal, Protocol

from celery import Celery
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from afgen.errors import QueueUnavailableError


class Task(StrEnum):
    """The tasks that workers know, by the names that messages carry."""

    RENDER = "render"


class Queue(Protocol):
    """A broker of messages. All methods raise QueueUnavailableError."""

    def send(self, task: str, row_id: str, *, queue: str) -> None:
        """Wake a worker of `queue`, to see to the row."""

    def waiting(self, queue: str) -> int:
        """How many messages no worker has taken yet."""

    def ping(self) -> None:
        """Return if the broker answers."""


class CeleryQueue:
    """Celery's client, with a broker in Redis; safe to share among threads."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def send(self, task: str, row_id: str, *, queue: str) -> None:
        """See `Queue.send`. Tries once: what cannot be sent stays in the outbox."""
        try:
            self._app.send_task(task, args=(row_id,), queue=queue, retry=False)
        except (BrokerError, RedisError, OSError) as error:
            raise QueueUnavailableError("The message broker does not answer.") from error

    def waiting(self, queue: str) -> int:
        """See `Queue.waiting`."""
        try:
            with self._app.connection_for_write() as connection:
                return int(connection.default_channel.client.llen(queue))
        except (BrokerError, RedisError, OSError) as error:
            raise QueueUnavailableError("The message broker does not answer.") from error

    def ping(self) -> None:
        """See `Queue.ping`."""
        self.waiting("interactive")


def open_queue(redis_url: str, timeout_s: float = 2.0) -> CeleryQueue:
    """The messages of a service, for those who send them only. Connects when first used."""
    app = Celery("afgen", broker=redis_url, set_as_current=False)
    app.conf.update(
        broker_use_ssl=tls(redis_url),
        broker_connection_timeout=timeout_s,
        broker_transport_options={
            "socket_timeout": timeout_s,
            "socket_connect_timeout": timeout_s,
            "max_retries": 0,
        },
        task_ignore_result=True,
    )
    return CeleryQueue(app)


def tls(redis_url: str) -> dict[str, Any] | Literal[False]:
    """How to speak TLS with a broker at `rediss://`: its certificate is checked, as everywhere.

    The URL may say otherwise (`?ssl_cert_reqs=none`) or add to it (`?ssl_ca_certs=...`).
    """
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED} if redis_url.startswith("rediss://") else False
