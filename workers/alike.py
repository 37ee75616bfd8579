"""Jobs of one batch that are made side by side, as rows of one generator."""

from typing import Final

from pydantic import ValidationError

from afgen.errors import AfgenError, OptionError
from afgen.jobs.facts import Facts
from afgen.jobs.spec import JobSpec
from afgen.jobs.states import JobState
from afgen.jobs.store.jobs import JobFilter
from afgen.jobs.tables import Job
from workers.workshop import Workshop

_LOOKED_AT: Final = 50  # jobs of the batch


def claim_alike(shop: Workshop, job: Job) -> list[Job]:
    """More jobs of a job's batch that are short and sampled alike, claimed.

    A job that has failed before is made alone: it may be what brings others down. And where
    something is in the way of finding company, it says so itself when it is made.
    """
    claimed: list[Job] = []
    room = shop.settings.batch_rows - 1
    try:
        if job.batch_id is None or job.attempts > 1 or not room or not _is_small(shop, job):
            return []
        waiting = JobFilter(frozenset({JobState.QUEUED}), batch_id=job.batch_id)
        for other in shop.store.jobs.list(job.tenant_id, waiting, limit=_LOOKED_AT):
            if len(claimed) < room and _suits(shop, job, other):
                mine = shop.store.leases.claim(other.id, shop.name)
                claimed += [] if mine is None else [mine]
    except AfgenError:
        return claimed
    return claimed


def spec_of(job: Job) -> JobSpec:
    """What a job asks for. Raises OptionError where an older version understood another thing."""
    try:
        return JobSpec.model_validate(job.spec)
    except ValidationError as error:
        raise OptionError(f"What {job.id} asks for is not understood: {error}.") from error


def _suits(shop: Workshop, job: Job, other: Job) -> bool:
    alike = spec_of(job).settings.sampling == spec_of(other).settings.sampling
    return other.attempts == 0 and alike and _is_small(shop, other)


def _is_small(shop: Workshop, job: Job) -> bool:
    """Whether all recordings of a job are known to be short."""
    inputs = spec_of(job).inputs
    assets = shop.store.assets.by_ids(job.tenant_id, sorted(inputs.asset_ids))
    recordings = [reference for role, reference in inputs.by_role.items() if role != "portrait"]
    return all(
        reference in assets and _is_short(assets[reference].facts, shop.settings.batch_row_s)
        for reference in recordings
    )


def _is_short(facts: object, most_s: float) -> bool:
    length_s = Facts.model_validate(facts or {}).duration_s
    return length_s is not None and length_s <= most_s
