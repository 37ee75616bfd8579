"""The losers of preference optimisation: motion generated from the avatar's audio alone.

Made once for every conversation and kept beside the run, with what they were made by.

Shape letters: R conversations, B rows, T frames, W frames of a window, D motion, A audio features.
"""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from afgen.clock import blocks_in
from afgen.data.bank import Cut
from afgen.data.body import load_body
from afgen.errors import OptionError
from afgen.generator.continuity import Continuity
from afgen.generator.guidance import Guidance
from afgen.generator.model import MotionGenerator
from afgen.generator.stream import MotionSampler
from afgen.media.files import atomic_path
from afgen.signals import Conditions, Floats
from afgen.train.distributed import ALONE, World
from afgen.train.material import Material

PROVENANCE: Final = "losers.json"


@dataclass(frozen=True, slots=True)
class LoserConfig:
    """How losers are generated: as a render does, without guidance by the user."""

    nfe: int = 10
    guidance_audio: float = 2.0
    continuity: Continuity = field(default_factory=Continuity)
    context_noise: float = 0.0
    rows: int = 16  # conversations generated side by side
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Losers:
    """A folder of motions (T, D), one npy file a conversation."""

    folder: Path

    def windows(self, cuts: Sequence[Cut], frames: int) -> Floats:
        """Motion (B, W, D) of the losers at the same places as the winners, mirrored like them."""
        return np.stack([self._window(cut, frames) for cut in cuts])

    def path(self, name: str) -> Path:
        """Of one conversation's loser."""
        return self.folder / f"{name}.npy"

    def _window(self, cut: Cut, frames: int) -> Floats:
        whole_TD = np.load(self.path(cut.conversation), mmap_mode="r")
        piece_WD: Floats = whole_TD[cut.start : cut.start + frames].astype(np.float32)
        return piece_WD * load_body().mirror_D if cut.mirrored else piece_WD


def make_losers(
    model: MotionGenerator,
    material: Material,
    folder: Path,
    config: LoserConfig,
    made_by: Mapping[str, Any],
    *,
    world: World = ALONE,
    say: Callable[[str], None] = lambda line: None,
) -> Losers:
    """Generate the losers that are missing in the folder; processes share the work.

    `made_by` is plain data that says where the model comes from. Raises OptionError where the
    folder holds losers of another origin, FileMissingError where a conversation lacks a voice.
    """
    losers = Losers(folder)
    if world.leads:
        _claim(folder, {"made_by": dict(made_by), "settings": asdict(config)})
    world.wait()
    sampler = MotionSampler(
        model,
        config.nfe,
        Guidance(config.guidance_audio, 0.0),
        continuity=config.continuity,
        context_noise=config.context_noise,
    )
    names = material.names()[world.rank :: world.size]
    missing = [name for name in names if not losers.path(name).exists()]
    for first in range(0, len(missing), config.rows):
        batch = missing[first : first + config.rows]
        heard = [material.alone(name) for name in batch]
        seeds = [zlib.crc32(f"{config.seed} {name}".encode()) for name in batch]
        for name, motion_TD in zip(batch, perform_alone(sampler, heard, seeds), strict=True):
            with atomic_path(losers.path(name)) as temporary, temporary.open("wb") as file:
                np.save(file, motion_TD.astype(np.float16))
        say(f"generated {first + len(batch)}/{len(missing)} losers")
    world.wait()
    return losers


def perform_alone(
    sampler: MotionSampler, heard: Sequence[tuple[Floats, Floats]], seeds: Sequence[int]
) -> list[Floats]:
    """Motion (T, D) from own audio (T, A) and reference (D,) alone, side by side."""
    config = sampler.model.config
    longest = max(len(audio_TA) for audio_TA, _ in heard)
    state = sampler.begin(np.stack([reference_D for _, reference_D in heard]), seeds)
    parts: list[list[Floats]] = [[] for _ in heard]
    start = 0
    for number in range(blocks_in(longest, config.block_frames)):
        frames = config.block_frames if number else config.first_frames
        if start >= longest:
            break
        blocks = [_audio_alone(audio_TA, start, frames) for audio_TA, _ in heard]
        motions, state = sampler.step(blocks, state)
        for part, motion in zip(parts, motions, strict=True):
            part.append(motion.motion_TD)
        start += frames
    return [
        np.concatenate(part)[: len(audio_TA)]
        for part, (audio_TA, _) in zip(parts, heard, strict=True)
    ]


def _audio_alone(audio_TA: Floats, start: int, frames: int) -> Conditions:
    """A block that hears the avatar's voice, its last row held where it has ended."""
    piece_TA = audio_TA[start : start + frames] if start < len(audio_TA) else audio_TA[-1:]
    filled_TA = np.pad(piece_TA, ((0, frames - len(piece_TA)), (0, 0)), mode="edge")
    return Conditions(start, frames, filled_TA, None, None)


def _claim(folder: Path, origin: Mapping[str, Any]) -> None:
    """Write down what the losers are made by, or compare with what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    path, wanted = folder / PROVENANCE, json.dumps(origin, indent=1, sort_keys=True)
    if path.exists():
        if path.read_text(encoding="utf-8") != wanted:
            raise OptionError(
                f"{folder} holds losers of another origin.",
                hint="Choose another folder for the run, or remove them.",
            )
        return
    with atomic_path(path) as temporary:
        temporary.write_text(wanted, encoding="utf-8")
