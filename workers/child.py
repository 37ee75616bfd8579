"""The process that renders, with its workshop."""

from functools import cache

from afgen.jobs.settings import ServiceSettings
from afgen.render.settings import RenderSettings
from workers.render import render_job
from workers.scratch import remove_abandoned
from workers.workshop import Workshop, open_workshop


def warm_up() -> None:
    """Remove what killed processes left, and load the models of the default preset."""
    shop, usual = this_workshop(), RenderSettings()
    remove_abandoned(shop.scratch)
    shop.models(usual.preset, usual.device)


def render(job_id: str) -> None:
    """Render a job."""
    render_job(this_workshop(), job_id)


def leave() -> None:
    """Hand over what is under way; what waits for work ends by itself."""
    this_workshop().holds.leaving.set()


@cache
def this_workshop() -> Workshop:
    """That of this process, made when first asked for."""
    return open_workshop(ServiceSettings())
