"""What was used, and how much may be."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from afgen.errors import OptionError
from api.deps import Parts, Reader
from api.openapi import refusals
from api.schemas.usage import Day, Quota, UsageOut

router = APIRouter(prefix="/v1/usage", tags=["usage"])

_MOST_DAYS = 366
_SHOWN_DAYS = 30
First = Annotated[date | None, Query(alias="from", description="first day, UTC; 30 days ago")]
Last = Annotated[date | None, Query(alias="to", description="last day, UTC; today")]


@router.get("", name="get", summary="See what was used", responses=refusals(OptionError))
def usage(parts: Parts, who: Reader, first: First = None, last: Last = None) -> UsageOut:
    """Use by day, and what is taken up of the quotas now. Days without any are left out."""
    last = last or parts.store.database.now().date()
    first = first or max(last, date.min + timedelta(_SHOWN_DAYS)) - timedelta(_SHOWN_DAYS)
    if not first <= last or (last - first).days > _MOST_DAYS:
        raise OptionError("A year at most, from its first to its last day.", hint="")
    days = parts.store.usage.between(who.tenant_id, first, last)
    active = sum(parts.store.jobs.active(who.tenant_id).values())
    return UsageOut(
        days=[
            Day(day=one.day, jobs=one.jobs, seconds=one.seconds, bytes=one.bytes) for one in days
        ],
        active_jobs=Quota.of(active, who.quotas.active_jobs),
        stored_bytes=Quota.of(
            parts.store.assets.bytes_stored(who.tenant_id), who.quotas.stored_bytes
        ),
    )
