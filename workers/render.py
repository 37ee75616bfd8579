"""A job from its claim to its end. Plain functions: Celery calls `render_job` and nothing else."""

import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from afgen.clock import seconds_at
from afgen.errors import (
    AfgenError,
    AttemptFailedError,
    CancelRequestedError,
    LeaseError,
)
from afgen.jobs.blobs.interface import content_type_of
from afgen.jobs.blobs.layout import attempt_prefix, work_prefix
from afgen.jobs.service import send
from afgen.jobs.states import JobState, Phase, Priority
from afgen.jobs.store.leases import Result
from afgen.jobs.tables import Json
from afgen.media.files import sha256_of
from afgen.presets import Models
from afgen.render.batch import Outcome, render_rows
from afgen.render.report import Report
from afgen.render.settings import Sources
from afgen.render.take import Order, fingerprint_of
from workers.alike import claim_alike, spec_of
from workers.fetch import fetch_inputs
from workers.holds import Hold
from workers.parts import Parts
from workers.patience import patiently
from workers.repeating import repeating
from workers.scratch import scratch
from workers.workshop import Workshop

log = logging.getLogger(__name__)

KEEP_S: Final = 0.5  # how often what is new of a half-made render is looked for
MOMENT_S: Final = 1.0  # in which an idle worker takes a job that waits
_VIDEO: Final = "video.mp4"
_REPORT: Final = "report.json"


@dataclass(frozen=True, slots=True)
class Piece:
    """One render under way."""

    hold: Hold
    order: Order
    parts: Parts


def render_job(shop: Workshop, job_id: str) -> None:
    """Render the job that a message named, and small ones of its batch beside it.

    Nothing is done if it is another worker's or has ended: the message has served its purpose.
    Raises DatabaseUnavailableError before anything is claimed.
    """
    job = shop.store.leases.claim(job_id, shop.name)
    if job is None:
        return
    with shop.holds.keeping([job, *claim_alike(shop, job)]) as holds:
        try:
            with scratch(shop.scratch) as folder:
                _render(shop, holds, folder)
        except AfgenError as error:
            for hold in holds:
                _fail(shop, hold, error)
        except Exception:
            log.exception("a fault of ours while rendering %s", [hold.job.id for hold in holds])
            for hold in holds:
                _fail(shop, hold, AttemptFailedError("The worker came upon a fault of its own."))
    for hold in holds:
        if hold.handed_over:
            send(shop.store, shop.queue, [hold.job.id], hold.job.priority)


def _render(shop: Workshop, holds: Sequence[Hold], folder: Path) -> None:
    settings = spec_of(holds[0].job).settings
    models = shop.models(settings.preset, settings.device)
    pieces = {piece.order.output: piece for piece in _begun(shop, holds, folder, models)}

    def keep() -> None:
        for piece in pieces.values():
            _keep(shop, piece)

    orders = [piece.order for piece in pieces.values()]
    with repeating(keep, KEEP_S, "keeping what is made"):
        for outcome in render_rows(orders, models, settings, rows=max(1, len(orders))):
            _settle(shop, pieces[outcome.order.output], outcome)


def _begun(shop: Workshop, holds: Sequence[Hold], folder: Path, models: Models) -> Iterator[Piece]:
    """The jobs whose inputs are there. The others have failed, alone."""
    for hold in holds:
        try:
            yield _piece(shop, hold, folder / hold.job.id, models)
        except AfgenError as error:
            _fail(shop, hold, error)


def _piece(shop: Workshop, hold: Hold, folder: Path, models: Models) -> Piece:
    """Fetch the inputs, and what is half-made already."""
    hold.enter(Phase.FETCHING)
    folder.mkdir()
    spec = spec_of(hold.job)
    files = fetch_inputs(shop, hold, spec, folder)
    sources = Sources(**files, avatar=spec.avatar)
    output = folder / _VIDEO
    order = Order(sources, spec.settings, output, None, force=True, listener=hold.listen)
    inputs_sha256 = {role: sha256_of(path) for role, path in sources.files.items()}
    key = fingerprint_of(order, inputs_sha256, models)
    parts = Parts(shop.blobs, hold.job.id, key, output)
    patiently(hold, parts.restore)
    hold.enter(Phase.UNDERSTANDING)
    return Piece(hold, order, parts)


def _keep(shop: Workshop, piece: Piece) -> None:
    """Store what is new; at the end of a segment, an interactive job takes precedence."""
    hold = piece.hold
    try:
        segment = piece.parts.store()
        if segment and hold.job.priority is Priority.BATCH and _somebody_waits(shop):
            hold.away.set()
    except AfgenError as error:
        log.warning("%s: not kept yet: %s", hold.job.id, error)


def _somebody_waits(shop: Workshop) -> bool:
    """Whether an interactive job is there that no idle worker takes within a moment."""
    waiting = (Priority.INTERACTIVE, JobState.QUEUED)
    if waiting not in shop.store.jobs.waiting():
        return False
    time.sleep(MOMENT_S)
    return waiting in shop.store.jobs.waiting()


def _settle(shop: Workshop, piece: Piece, outcome: Outcome) -> None:
    """Publish what was made, or say what it failed of."""
    hold = piece.hold
    piece.parts.close()
    try:
        if outcome.error is not None or outcome.report is None:
            raise outcome.error or AttemptFailedError("Nothing was made.")
        result = _stored(shop, piece, outcome.report)
        patiently(hold, lambda: shop.store.leases.finish(hold.lease, result))
    except AfgenError as error:
        _fail(shop, hold, error)
    else:
        _forget_parts(shop, hold)


def _stored(shop: Workshop, piece: Piece, report: Report) -> Result:
    """Put the files where only this lease writes: they count once the job's row names them."""
    hold, job = piece.hold, piece.hold.job
    hold.enter(Phase.PUBLISHING)
    prefix = attempt_prefix(job.tenant_id, job.id, hold.lease.token)
    told = report.model_dump(mode="json", exclude={"sources"})
    told["inputs"] = spec_of(job).inputs.by_role
    text = json.dumps(told, indent=2) + "\n"
    put_file, put_bytes = shop.blobs.put_file, shop.blobs.put_bytes
    made = {
        "video": patiently(hold, lambda: put_file(prefix + _VIDEO, piece.order.output)),
        "report": patiently(hold, lambda: put_bytes(prefix + _REPORT, text.encode())),
    }
    outputs: Json = {
        name: {
            "blob_key": one.key,
            "sha256": one.sha256,
            "bytes": one.bytes,
            "content_type": content_type_of(one.key),
        }
        for name, one in made.items()
    }
    seconds = seconds_at(report.frames)
    return Result(outputs, seconds, sum(one.bytes for one in made.values()))


def _fail(shop: Workshop, hold: Hold, error: AfgenError) -> None:
    """Say what an attempt failed of, unless the job is no longer ours or is settled already."""
    if isinstance(error, LeaseError):
        log.info("%s: %s", hold.job.id, error)
        if isinstance(error, CancelRequestedError):
            _forget_parts(shop, hold)
        return
    log.warning("%s failed: %s: %s", hold.job.id, error.code, error)
    try:
        failed = patiently(hold, lambda: shop.store.leases.fail(hold.lease, error))
    except LeaseError as lost:
        log.info("%s: %s", hold.job.id, lost)
    else:
        if failed.state is JobState.FAILED:
            _forget_parts(shop, hold)


def _forget_parts(shop: Workshop, hold: Hold) -> None:
    """Nobody needs them any more. What cannot be deleted now, retention deletes."""
    with suppress(AfgenError):
        shop.blobs.delete_prefix(work_prefix(hold.job.id))
