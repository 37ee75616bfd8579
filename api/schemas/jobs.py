"""Jobs: what is asked for, and how far it is."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from afgen.jobs.spec import Inputs, JobSpec
from afgen.jobs.states import JobState, Phase, Priority
from afgen.render.settings import RenderSettings
from afgen.tracks.side import AvatarSide
from api.schemas.common import NOW, ULID, ErrorOut, Json, Told, example

SPEC: Json = {
    "inputs": {"portrait": f"ast_{ULID}", "conversation": "https://media.example.com/call.mp4"},
    "avatar": "left",
    "settings": {"size": 512, "layout": "side-by-side", "seed": 7},
    "priority": "interactive",
}

JOB: Json = {
    "id": f"job_{ULID}",
    "state": "running",
    "phase": "rendering",
    "priority": "interactive",
    "inputs": SPEC["inputs"],
    "avatar": "left",
    "settings": SPEC["settings"],
    "batch_id": None,
    "item_key": None,
    "schedule_id": None,
    "created_at": NOW,
    "started_at": NOW,
    "finished_at": None,
    "cancel_requested_at": None,
    "expires_at": None,
    "attempts": 1,
    "max_attempts": 3,
    "progress": {"done": 1250, "total": 4608, "eta_s": 96.0},
    "queue_position": None,
    "outputs": {},
    "error": None,
}

OUTPUT: Json = {
    "content_type": "video/mp4",
    "bytes": 4_718_592,
    "sha256": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
    "url": f"http://127.0.0.1:8000/v1/jobs/job_{ULID}/outputs/video",
}


class JobIn(JobSpec):
    """One render: a portrait, a conversation or the sides of it, and the options of the command."""

    model_config = ConfigDict(json_schema_extra=example(SPEC))


class Progress(Told):
    """Frames of the video that are done, of all; the time left is a guess."""

    done: int
    total: int | None
    eta_s: float | None


class Output(Told):
    """A file that a job has made. `url` redirects to its bytes."""

    model_config = ConfigDict(json_schema_extra=example(OUTPUT))

    content_type: str
    bytes: int
    sha256: str
    url: str


class JobOut(Told):
    """A job."""

    model_config = ConfigDict(json_schema_extra=example(JOB))

    id: str
    state: JobState
    phase: Phase | None = Field(description="what a running job is busy with")
    priority: Priority
    inputs: Inputs
    avatar: AvatarSide
    settings: RenderSettings
    batch_id: str | None
    item_key: str | None = Field(description="the job's key in its batch")
    schedule_id: str | None
    created_at: datetime
    started_at: datetime | None = Field(description="of the latest attempt")
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    expires_at: datetime | None = Field(
        description="when the files will be deleted; then, when the job is forgotten"
    )
    attempts: int
    max_attempts: int
    progress: Progress
    queue_position: int | None = Field(description="jobs that wait before it; null if not asked")
    outputs: dict[str, Output] = Field(description="by name: video, report")
    error: ErrorOut | None


class JobEvent(Told):
    """Something that happened to a job or batch; `seq` is the id of the event in the stream."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "seq": 1204,
                "kind": "job.running",
                "at": NOW,
                "job_id": f"job_{ULID}",
                "batch_id": None,
                "data": {"state": "running", "attempts": 1},
            }
        )
    )

    seq: int
    kind: str
    at: datetime
    job_id: str | None
    batch_id: str | None
    data: dict[str, Any]
