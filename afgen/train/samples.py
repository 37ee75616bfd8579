"""What a generator under training does with a short conversation, as a video to look at.

Shape letters: T frames, S samples, D motion.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from afgen.clock import FRAME_RATE_HZ, SAMPLES_PER_FRAME
from afgen.conditions.assemble import assemble
from afgen.data.dyads import FIELDS_OF, Family
from afgen.data.shards import Entry, ShardSet
from afgen.errors import FileMissingError
from afgen.generator.model import MotionGenerator
from afgen.generator.stream import MotionSampler, stream
from afgen.media.encode import encode_video
from afgen.media.images import load_portrait
from afgen.presets import Models, load_models
from afgen.signals import Conversation, Floats, Image, Samples, Track, to_sound
from afgen.train.loop import Averages, Sample

PRESET_OF: Final[dict[Family, str]] = {"mesh": "portrait", "lia": "avatar-forcing"}
TURN_FRAMES: Final = 5 * FRAME_RATE_HZ
SIZE: Final = 256
VIDEO: Final = "conversation.mp4"


@dataclass(frozen=True)
class Stage:
    """A portrait and a conversation, and the models around the generator that is to perform."""

    models: Models
    portrait: Path
    conversation: Conversation
    size: int = SIZE

    def film(self, model: MotionGenerator, path: Path) -> None:
        """Write the video of one performance, with both voices. Raises as `encode_video`."""
        autoencoder = self.models.autoencoder(self.size)
        identity = autoencoder.identify(load_portrait(self.portrait))
        reference_D = autoencoder.reference_motion(identity)
        pictures = self._pictures(autoencoder, identity, self.motion(model, reference_D))
        voices = [self.conversation.avatar.audio_S, self.conversation.user.audio_S]
        sound_CS = np.stack([to_sound(one) for one in voices if one is not None])
        encode_video(pictures, path, size=(self.size, self.size), sound=sound_CS)

    def motion(self, model: MotionGenerator, reference_D: Floats) -> Iterator[Floats]:
        """Motion (T, D), block by block."""
        sampler = MotionSampler(
            model, continuity=self.models.continuity, context_noise=self.models.context_noise
        )
        blocks = assemble(
            self.conversation,
            self.models.features["streaming"],
            block_frames=model.config.block_frames,
            first_frames=model.config.first_frames,
        )
        for block, _ in stream(sampler, blocks, reference_D):
            yield block.motion_TD

    @staticmethod
    def _pictures(autoencoder: Any, identity: Any, motion: Iterator[Floats]) -> Iterator[Image]:
        for motion_TD in motion:
            yield from autoencoder.decode(identity, motion_TD)


def stage_for(portrait: Path, shards: ShardSet, family: Family, *, device: str = "auto") -> Stage:
    """With the family's own preset. Raises PortraitError, WeightsError, FileMissingError."""
    load_portrait(portrait)
    models = load_models(PRESET_OF[family], device)
    return Stage(models, portrait, short_conversation(shards, family))


def filming(stage: Stage, performer: Callable[[Averages], MotionGenerator]) -> Sample:
    """What a task samples: the averaged generator filmed on the stage."""

    def sample(averages: Averages, folder: Path) -> None:
        stage.film(performer(averages), folder / VIDEO)

    return sample


def short_conversation(shards: ShardSet, family: Family) -> Conversation:
    """Five seconds of a recording of two; else one talks, then another, each to the other.

    The last recordings of the shards are taken. Raises FileMissingError where there are none.
    """
    motion = FIELDS_OF[family].motion
    usable = [
        entry
        for entry in shards.entries
        if {f"avatar_{motion}", "avatar_audio_S"} <= entry.places.keys()
    ]
    if not usable:
        raise FileMissingError(f"The shards hold no recording with sound and {motion}.")
    both = [entry for entry in usable if {f"user_{motion}", "user_audio_S"} <= entry.places.keys()]
    if both:
        entry = both[-1]
        avatar, user = (_side(shards, entry, side, motion) for side in ("avatar", "user"))
        return Conversation(min(TURN_FRAMES, _frames(entry, motion)), avatar, user)
    first, second = usable[-1], usable[-2 if len(usable) > 1 else -1]
    return _in_turn(*(_side(shards, each, "avatar", motion) for each in (first, second)))


def _frames(entry: Entry, motion: str) -> int:
    return entry.places[f"avatar_{motion}"].shape[0]


def _side(shards: ShardSet, entry: Entry, side: str, motion: str) -> Track:
    frames = min(TURN_FRAMES, _frames(entry, motion))
    return Track(
        audio_S=shards.rows(entry.key, f"{side}_audio_S", 0, frames * SAMPLES_PER_FRAME),
        motion_TD=shards.rows(entry.key, f"{side}_{motion}", 0, frames),
    )


def _in_turn(avatar: Track, user: Track) -> Conversation:
    """The avatar's voice, then the user's, whose face rests until it begins."""
    own_S, other_S = _voice(avatar), _voice(user)
    moving_TD = np.zeros((1, 1), np.float32) if user.motion_TD is None else user.motion_TD
    first = len(own_S) // SAMPLES_PER_FRAME
    frames = first + len(moving_TD)
    return Conversation(
        frames,
        Track(audio_S=np.concatenate((own_S, np.zeros_like(other_S)))),
        Track(
            audio_S=np.concatenate((np.zeros_like(own_S), other_S)),
            motion_TD=np.concatenate((np.repeat(moving_TD[:1], first, axis=0), moving_TD)),
        ),
    )


def _voice(track: Track) -> Samples:
    return np.zeros(0, np.int16) if track.audio_S is None else track.audio_S
