"""`python -m workers worker` and `python -m workers beat`; settings come from the environment."""

import os
import sys

# Celery reads this when it is imported: SIGTERM then hands over instead of waiting for a render.
os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")

from afgen.jobs.settings import ServiceSettings
from workers.app import QUEUES, create_app
from workers.beat import run_beat


def main(arguments: list[str]) -> None:
    """Run one of the two until it is told to stop."""
    match arguments:
        case ["beat"]:
            run_beat(ServiceSettings())
        case ["worker", *queues]:
            names = ",".join(queues or QUEUES)
            create_app(ServiceSettings()).worker_main(
                ["worker", "--loglevel", "INFO", "--queues", names, "--without-gossip",
                 "--without-mingle", "--without-heartbeat"]
            )  # fmt: skip
        case _:
            sys.exit("usage: python -m workers worker [queue...] | beat")


if __name__ == "__main__":  # children import this module under another name
    main(sys.argv[1:])
