"""The tasks, as Celery knows them: shells around plain functions."""

import signal
from types import FrameType
from typing import Any

from celery import shared_task
from celery.signals import worker_process_init

from afgen.jobs.queue import Task
from afgen.render.settings import RenderSettings
from workers.render import render_job
from workers.scratch import remove_abandoned
from workers.workshop import this_workshop


@shared_task(name=Task.RENDER)  # type: ignore[untyped-decorator]
def render(job_id: str) -> None:
    """Render a job."""
    render_job(this_workshop(), job_id)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def warm_up(**_: Any) -> None:
    """Load the models of the default preset before the first job comes."""
    for number in (signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, _leave)
    shop, usual = this_workshop(), RenderSettings()
    remove_abandoned(shop.scratch)
    shop.models(usual.preset, usual.device)


def _leave(number: int, frame: FrameType | None) -> None:
    """Hand over what is under way; what waits for work ends by itself."""
    this_workshop().holds.leaving.set()
