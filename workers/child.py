"""The process that renders, with its workshop."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Event

from afgen.jobs.settings import ServiceSettings
from afgen.render.settings import RenderSettings
from workers.render import render_job
from workers.scratch import remove_abandoned
from workers.workshop import Workshop, open_workshop


def warm_up() -> None:
    """Remove what killed processes left, and load the models of the default preset."""
    with ending_at_once():
        shop, usual = this_workshop(), RenderSettings()
        remove_abandoned(shop.scratch)
        shop.models(usual.preset, usual.device)


def render(job_id: str) -> None:
    """Render a job."""
    shop = this_workshop()
    with noting_farewell(shop.holds.leaving):
        render_job(shop, job_id)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Have SIGTERM end the process, as it does by default, while there is nothing to hand over.

    Celery has its children ignore it, and waits for one that loads models until that is done.
    """
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def noting_farewell(leaving: Event) -> Iterator[None]:
    """Have the signals by which a worker is stopped set `leaving`, instead of ending the process.

    Celery's own handlers raise SystemExit at the first signal and die at the second, which follows
    at once; and they are put in place after everything that it calls when a child begins.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGQUIT)}
    for number in before:
        signal.signal(number, lambda *_: leaving.set())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        leaving.clear()  # this process may have been meant alone, and is given the next job


@cache
def this_workshop() -> Workshop:
    """That of this process, made when first asked for."""
    return open_workshop(ServiceSettings())
