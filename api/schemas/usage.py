"""What a tenant has used, and how much it may."""

import math
from datetime import date

from pydantic import ConfigDict, Field

from api.schemas.common import Told, example


class Day(Told):
    """What was used on one day (UTC)."""

    day: date
    jobs: int = Field(description="that succeeded")
    seconds: float = Field(description="of video made")
    bytes: int = Field(description="of video stored")


class Quota(Told):
    """How much there is of something that is limited, and how much there may be."""

    used: int
    limit: int | None = Field(description="null: without end")

    @classmethod
    def of(cls, used: int, limit: float) -> "Quota":
        """From what is used, and a limit that math.inf makes endless."""
        return cls(used=used, limit=None if math.isinf(limit) else int(limit))


class UsageOut(Told):
    """Use by day, and what is taken up now."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "days": [{"day": "2026-03-01", "jobs": 12, "seconds": 1843.2, "bytes": 50_331_648}],
                "active_jobs": {"used": 3, "limit": 20_000},
                "stored_bytes": {"used": 73_400_320, "limit": 214_748_364_800},
            }
        )
    )

    days: list[Day]
    active_jobs: Quota
    stored_bytes: Quota
