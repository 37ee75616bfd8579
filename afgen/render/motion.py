"""The second pass up to motion: conditions and generator, block by block, for rows of recordings.

One recording is a batch of one: offline rendering of it and of many is the same loop.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from afgen.conditions.assemble import assemble
from afgen.errors import AfgenError
from afgen.generator.rows import on_device, step_rows
from afgen.generator.state import StreamState
from afgen.generator.stream import MotionSampler
from afgen.render.kept import keep_state
from afgen.render.stopwatch import shared_stage
from afgen.render.take import Take
from afgen.signals import Conditions, MotionBlock

# What comes of a take: motion, what it failed of, or None at its end.
Motion = MotionBlock | AfgenError | None


@dataclass(slots=True)
class _Row:
    """One recording of the batch: what comes next, and what is remembered."""

    take: Take
    conditions: Iterator[Conditions]
    state: StreamState

    @property
    def ended(self) -> bool:
        """Whether nothing more is to be generated."""
        return self.take.dropped.is_set() or int(self.state.frame_R[0]) >= self.take.frames


def perform(
    sampler: MotionSampler, takes: Iterable[Take], rows: int = 1
) -> Iterator[tuple[Take, Motion]]:
    """Motion of all takes, up to `rows` of them side by side; a row that ends takes the next one.

    Which takes are together depends on their lengths alone, so a repeated run gives the same bits.
    A take that fails comes with its error, and nothing more comes of it or of one that is dropped.
    """
    coming, running = iter(takes), list[_Row]()
    while True:
        running += [_begin(sampler, take) for take in islice(coming, rows - len(running))]
        if not running:
            return
        yield from ((row.take, None) for row in running if row.ended)
        running = [row for row in running if not row.ended]
        yield from _step(sampler, running)


def _begin(sampler: MotionSampler, take: Take) -> _Row:
    config, settings = sampler.model.config, take.order.settings
    conditions = assemble(
        take.played,
        take.models.features[settings.audio_mode],
        start_frame=take.first_frame,
        block_frames=config.block_frames,
        first_frames=config.first_frames,
    )
    if take.state is not None:
        return _Row(take, conditions, on_device(take.state, take.models.device))
    reference_1D = take.autoencoder.reference_motion(take.identity)[None]
    return _Row(take, conditions, sampler.begin(reference_1D, [settings.seed]))


def _step(sampler: MotionSampler, running: list[_Row]) -> Iterator[tuple[Take, Motion]]:
    """The next block of every row."""
    if not running:
        return
    with shared_stage([row.take.watch for row in running], "generation"):
        conditions = [next(row.conditions) for row in running]
        made = step_rows(sampler, conditions, [row.state for row in running])
    for row, (block, state) in zip(running, made, strict=True):
        row.state = state
        try:
            keep_state(row.take.parts, block, state)
        except AfgenError as error:
            row.take.dropped.set()
            yield row.take, error
        else:
            yield row.take, block
