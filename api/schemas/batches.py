"""Batches: many jobs handed in together."""

from datetime import datetime
from typing import Self

from pydantic import ConfigDict, Field, model_validator

from afgen.jobs.spec import BatchItem
from afgen.jobs.states import JobState
from api.schemas.common import NOW, ULID, ErrorOut, Given, Json, Told, example
from api.schemas.jobs import OUTPUT, SPEC, Output

BATCH: Json = {
    "id": f"bat_{ULID}",
    "name": "season 1",
    "created_at": NOW,
    "finished_at": None,
    "total": 2,
    "counts": {"queued": 1, "succeeded": 1},
}

RESULT: Json = {
    "key": "episode-1",
    "job_id": f"job_{ULID}",
    "state": "succeeded",
    "outputs": {"video": OUTPUT},
    "error": None,
}


class BatchIn(Given):
    """Jobs in the body itself, or a manifest of them among the uploads.

    A manifest is a JSON list of such items, or a file with one item a line.
    """

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "name": "season 1",
                "items": [{"key": "episode-1", "job": SPEC | {"priority": "batch"}}],
            }
        )
    )

    name: str = Field("", max_length=200)
    items: list[BatchItem] = Field([], max_length=1000, description="more of them: use a manifest")
    manifest: str | None = Field(None, max_length=64, description="id of an upload of this kind")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.items) == (self.manifest is not None):
            raise ValueError("give either items or a manifest")
        return self


class BatchOut(Told):
    """A batch, and how many of its jobs are in which state."""

    model_config = ConfigDict(json_schema_extra=example(BATCH))

    id: str
    name: str
    created_at: datetime
    finished_at: datetime | None
    total: int
    counts: dict[JobState, int]


class ResultLine(Told):
    """What became of one item; a line of the results manifest."""

    model_config = ConfigDict(json_schema_extra=example(RESULT))

    key: str
    job_id: str
    state: JobState
    outputs: dict[str, Output]
    error: ErrorOut | None
