"""The tasks, as Celery knows them: shells around plain functions.

What renders is imported by the child that renders: the parent only passes messages on, and would
spend seconds and half a gigabyte on libraries that it never calls.
"""

from types import ModuleType
from typing import Any

from celery import shared_task
from celery.signals import worker_process_init

from afgen.jobs.queue import Task


@shared_task(name=Task.RENDER)  # type: ignore[untyped-decorator]
def render(job_id: str) -> None:
    """Render a job."""
    _child().render(job_id)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def begin(**_: Any) -> None:
    """In a child that has just begun: be ready for the first job."""
    _child().warm_up()


def _child() -> ModuleType:
    from workers import child  # noqa: PLC0415

    return child
