"""Celery's transport over Redis, mended in one place.

A worker takes no message while it holds as many unacknowledged ones as it may. The original keeps
counting a message whose acknowledgement failed because Redis had gone; a worker of one child then
never looks into its queues again, does not notice that the connection is broken, and waits for
ever. Here such a message no longer counts: the worker polls, notices, and connects anew.
"""

from kombu.transport import redis, virtual


class ForgettingQoS(redis.QoS):
    """Which messages a worker holds."""

    def ack(self, delivery_tag: str) -> None:
        """Tell Redis, and count the message no longer, whether that succeeded or not."""
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]
        except Exception:
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]
            raise


class Channel(redis.Channel):
    """A channel that counts so."""

    QoS = ForgettingQoS


class Transport(redis.Transport):
    """The transport to name in `broker_transport`."""

    Channel = Channel
