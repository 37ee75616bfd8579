"""The second pass up to the pictures: conditions, generator, strengths; block by block."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from afgen.conditions.assemble import assemble
from afgen.conditions.features import AudioFeatures
from afgen.errors import OptionError
from afgen.generator.state import StreamState
from afgen.generator.stream import MotionSampler, stream
from afgen.media.files import writing
from afgen.signals import Conversation, Floats, MotionBlock


def generate(
    sampler: MotionSampler,
    features: AudioFeatures,
    conversation: Conversation,
    reference_motion_D: Floats,
    *,
    seed: int,
    first_frame: int = 0,
    state: StreamState | None = None,
) -> Iterator[tuple[MotionBlock, StreamState]]:
    """Motion of the avatar from `first_frame` on, a block boundary; with the state after each.

    `state` is the one that an earlier run gave for `first_frame`; None begins. The network runs on
    one thread: the last bits of its output depend on their number, and a block is so small that
    threads that wait for each other cost more than they bring beside a busy renderer.
    """
    torch.set_num_threads(1)
    config = sampler.model.config
    conditions = assemble(
        conversation,
        features,
        start_frame=first_frame,
        block_frames=config.block_frames,
        first_frames=config.first_frames,
    )
    for block, after in stream(sampler, conditions, reference_motion_D, seed=seed, state=state):
        wanted = conversation.frames - block.start_frame
        yield replace(block, motion_TD=block.motion_TD[:wanted]), after


def keep_states(
    blocks: Iterator[tuple[MotionBlock, StreamState]], folder: Path, every_frames: int
) -> Iterator[MotionBlock]:
    """The blocks alone; the state after every `every_frames` frames goes to `folder`."""
    for block, state in blocks:
        end = block.start_frame + len(block.motion_TD)
        if end % every_frames == 0:
            path = _state_path(folder, end)
            with writing(path):
                partial = path.with_suffix(".partial")
                partial.write_bytes(state.to_bytes())
                partial.replace(path)
        yield block


def kept_state(folder: Path, frame: int) -> StreamState | None:
    """The state kept for the frame from which a render goes on; None for its beginning.

    Raises OptionError when it is not there.
    """
    if frame == 0:
        return None
    path = _state_path(folder, frame)
    if not path.is_file():
        raise OptionError(
            f"{folder} lacks the state of frame {frame}.",
            hint="Run again without --resume to begin anew.",
        )
    return StreamState.from_bytes(path.read_bytes())


def _state_path(folder: Path, frame: int) -> Path:
    return folder / f"{frame:08d}.state"
