"""What the avatar does in a real recording: in its own turns, and in the other person's.

There is no truth to compare with, for the avatar is somebody else; but a mouth that opens while its
owner is silent, or a face that never moves, is wrong whoever it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from afgen.clock import FRAME_RATE_HZ, seconds_at
from afgen.conditions.assemble import assemble
from afgen.data.listeners.cues import run_lengths
from afgen.evaluate.face import read_face
from afgen.evaluate.listening.nods import nods
from afgen.evaluate.listening.reactions import MOUTH_CLOSED, blinks, smiles
from afgen.generator.stream import stream
from afgen.presets import Models
from afgen.render.take import part_played
from afgen.signals import Flags, Floats
from afgen.tracks.side import AvatarSide
from afgen.tracks.understand import Sources, understand

REST_FRAMES = FRAME_RATE_HZ // 2  # a turn has ended when its speaker was silent for so long


@dataclass(frozen=True, slots=True)
class TurnsScore:
    """One recording, played by a neutral face. Openings are those of the lips over their width.

    None where there was nothing to count in.
    """

    recording: str
    length_s: float
    talking_s: float
    listening_s: float
    open_talking: float | None  # mean opening while the avatar's voice is heard
    open_listening: float | None  # mean opening in the other's turns
    closed_listening: float | None  # share of those frames with the mouth closed
    nods_per_minute: float | None
    blinks_per_minute: float | None
    smiles_per_minute: float | None


def measure_turns(
    models: Models,
    recording: Path,
    *,
    side: AvatarSide = AvatarSide.AUTO,
    only: str | None = None,
    seed: int = 0,
) -> TurnsScore:
    """Understand the recording, generate the motion of the person on `side`, and count.

    With `only` talking or listening, as a render with that option. Raises as `understand`, and
    NoPersonError where nothing is left to play.
    """
    autoencoder = models.autoencoder(None)
    found = understand(Sources(conversation=recording), side, autoencoder.encode)
    frames = found.conversation.frames
    speech_T = np.zeros(frames, np.bool_)
    if found.avatar is not None and found.avatar.speech_T is not None:
        heard_T = found.avatar.speech_T[:frames]
        speech_T[: len(heard_T)] = heard_T
    neutral_D = np.zeros(autoencoder.motion_dim, np.float32)
    played = part_played(found.conversation, only)
    conditions = assemble(played, models.features["streaming"])
    blocks = stream(models.sampler(10), conditions, neutral_D, seed=seed)
    motion_TD = np.concatenate([block.motion_TD for block, _ in blocks])[:frames]
    return score_turns(recording.name, motion_TD, speech_T)


def score_turns(name: str, motion_TD: Floats, speech_T: Flags) -> TurnsScore:
    """Count in motion (T, D) whose own speech is known frame by frame."""
    face = read_face(motion_TD)
    listening_T = run_lengths(~speech_T) > REST_FRAMES
    minutes = max(len(motion_TD), 1) / FRAME_RATE_HZ / 60
    return TurnsScore(
        recording=name,
        length_s=seconds_at(len(motion_TD)),
        talking_s=seconds_at(int(speech_T.sum())),
        listening_s=seconds_at(int(listening_T.sum())),
        open_talking=_mean(face.mouth_T[speech_T]),
        open_listening=_mean(face.mouth_T[listening_T]),
        closed_listening=_mean(face.mouth_T[listening_T] < MOUTH_CLOSED),
        nods_per_minute=float(nods(face.pitch_T).sum()) / minutes,
        blinks_per_minute=float(blinks(face.eyes_T).sum()) / minutes,
        smiles_per_minute=float(smiles(face.smile_T).sum()) / minutes,
    )


def over_all(scores: Sequence[TurnsScore]) -> TurnsScore:
    """All recordings as one: means weighted by the time they were taken over."""
    talking = [score.talking_s for score in scores]
    listening = [score.listening_s for score in scores]
    lengths = [score.length_s for score in scores]
    return TurnsScore(
        recording="all",
        length_s=sum(lengths),
        talking_s=sum(talking),
        listening_s=sum(listening),
        open_talking=_weighted([score.open_talking for score in scores], talking),
        open_listening=_weighted([score.open_listening for score in scores], listening),
        closed_listening=_weighted([score.closed_listening for score in scores], listening),
        nods_per_minute=_weighted([score.nods_per_minute for score in scores], lengths),
        blinks_per_minute=_weighted([score.blinks_per_minute for score in scores], lengths),
        smiles_per_minute=_weighted([score.smiles_per_minute for score in scores], lengths),
    )


def _weighted(values: Sequence[float | None], seconds: Sequence[float]) -> float | None:
    known = [(value, s) for value, s in zip(values, seconds, strict=True) if value is not None]
    total_s = sum(s for _, s in known)
    return sum(value * s for value, s in known) / total_s if total_s else None


def _mean(values_T: Floats | Flags) -> float | None:
    """The mean, and None of nothing."""
    return float(values_T.mean()) if len(values_T) else None
