"""Jobs from claim to end, with real renders of small pictures."""

import json

from afgen.jobs.states import JobState
from tests.service.clients import Client
from workers.render import render_job
from workers.workshop import Workshop


def test_a_job_is_rendered_and_published(shop: Workshop, client: Client) -> None:
    job = client.job()
    render_job(shop, job.id)
    done = client.get(job)
    assert done.state is JobState.SUCCEEDED
    assert done.outputs is not None
    video = done.outputs["video"]
    assert video["blob_key"] == f"outputs/{client.tenant.id}/{job.id}/1/video.mp4"
    assert shop.blobs.head(video["blob_key"]).bytes == video["bytes"]
    report = json.loads(b"".join(shop.blobs.stream(done.outputs["report"]["blob_key"])))
    assert report["output_sha256"] == video["sha256"]
    assert "sources" not in report
    assert not list(shop.scratch.iterdir())
    assert not list(shop.blobs.list_prefix("work/"))
