"""Is listening alive, and does it react: events counted, and the user's track changed midway.

Measured on composed conversations that no training saw, through the streaming sampler.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from afgen.clock import FRAME_RATE_HZ
from afgen.conditions.logmel import LogMelFeatures
from afgen.data.body import Body, load_body
from afgen.data.clips import Clip, load_talker
from afgen.data.composed import APART_SEED
from afgen.data.examples import ConversationConfig, Example, compose
from afgen.data.listeners import Channel
from afgen.data.listeners.cues import run_lengths
from afgen.data.listeners.shapes import swell
from afgen.evaluate.face import FaceReadings, read_face
from afgen.evaluate.listening.nods import nods
from afgen.evaluate.rollout import Heard, generate
from afgen.generator.stream import MotionSampler
from afgen.signals import Flags, Floats

SMILE_AMOUNT: Final = 0.3  # above the face's own median
BLINK_SHARE: Final = 0.5  # of the usual opening
MOUTH_CLOSED: Final = 0.05  # opening over width


@dataclass(frozen=True, slots=True)
class ListeningReport:
    """Means over all conversations; minutes are of listening unless said otherwise."""

    nods_per_minute: float
    blinks_per_minute: float  # of the whole conversation
    smiles_per_minute: float  # of the whole conversation
    mouth_closed_share: float  # of the frames of the other's turns
    change_before: float  # largest difference before the user's track was changed: exactly 0
    change_after: float  # mean absolute difference after it
    smile_answer: float  # more smile 0.3-2.5 s after the user smiles than if they do not


def measure_listening(
    sampler: MotionSampler, shards_dir: Path, *, conversations: int = 12
) -> ListeningReport:
    """Generate conversations composed of the talkers in `shards_dir` and count."""
    examples = unseen_conversations(shards_dir, conversations)
    heard = [_heard(example) for example in examples]
    reference_RD = np.stack([example.references_RD[0] for example in examples])
    seeds = range(len(heard))
    motions = generate(sampler, heard, reference_RD, seeds)
    readings = [read_face(motion_TD) for motion_TD in motions]
    listening = [_listening(example) for example in examples]
    before, after = _reaction(sampler, heard, motions, reference_RD)
    return ListeningReport(
        nods_per_minute=_mean_rate(
            [nods(one.pitch_T) & on for one, on in zip(readings, listening, strict=True)],
            listening,
        ),
        blinks_per_minute=_mean_rate([blinks(one.eyes_T) for one in readings]),
        smiles_per_minute=_mean_rate([smiles(one.smile_T) for one in readings]),
        mouth_closed_share=_closed_share(readings, listening),
        change_before=before,
        change_after=after,
        smile_answer=_smile_answer(sampler, heard, reference_RD),
    )


def unseen_conversations(shards_dir: Path, conversations: int) -> list[Example]:
    """Composed as for training, with a seed that training does not use."""
    clips: list[Clip] = load_talker(shards_dir).clips
    body: Body = load_body()
    config = ConversationConfig(seed=APART_SEED)
    features = LogMelFeatures()
    return [compose(clips, body, features, config, index) for index in range(conversations)]


def _heard(example: Example) -> Heard:
    return Heard(example.avatar_audio_TA, example.user_audio_TA, example.user_motion_TD)


def _listening(example: Example) -> Flags:
    """Frames in which the avatar is silent and has been for half a second."""
    rest = FRAME_RATE_HZ // 2
    speaking_T = example.avatar_speech_T
    listening: Flags = run_lengths(~speaking_T) > rest
    return listening


def blinks(eyes_T: Floats) -> Flags:
    """Frames at which the lids pass half their usual opening downwards."""
    closed_T = eyes_T < BLINK_SHARE * float(np.percentile(eyes_T, 75))
    began: Flags = run_lengths(closed_T) == 1
    return began


def smiles(smile_T: Floats) -> Flags:
    """Frames at which a smile clearly above the face's usual one has lasted 0.2 s."""
    began: Flags = run_lengths(smile_T > float(np.median(smile_T)) + SMILE_AMOUNT) == 5
    return began


def _mean_rate(events: Sequence[Flags], during: Sequence[Flags] | None = None) -> float:
    """Events per minute of the frames counted."""
    frames = sum(int(on.sum()) for on in during) if during else sum(map(len, events))
    found = sum(int(one.sum()) for one in events)
    return found * 60 * FRAME_RATE_HZ / max(1, frames)


def _closed_share(readings: Sequence[FaceReadings], listening: Sequence[Flags]) -> float:
    openings = [one.mouth_T[on] for one, on in zip(readings, listening, strict=True)]
    return float((np.concatenate(openings) < MOUTH_CLOSED).mean())


def _reaction(
    sampler: MotionSampler, heard: list[Heard], motions: list[Floats], reference_RD: Floats
) -> tuple[float, float]:
    """Differences before and after the frame from which the user is another person."""
    change = heard[0].frames // 2 // 10 * 10
    swapped = [
        replace(
            own,
            user_audio_TA=_joined(own.user_audio_TA, other.user_audio_TA, change),
            user_motion_TD=_joined(own.user_motion_TD, other.user_motion_TD, change),
        )
        for own, other in zip(heard, [*heard[1:], heard[0]], strict=True)
    ]
    changed = generate(sampler, swapped, reference_RD, range(len(heard)))
    differences = [np.abs(a - b) for a, b in zip(motions, changed, strict=True)]
    before = max(float(one[:change].max()) for one in differences)
    return before, float(np.mean([one[change:].mean() for one in differences]))


def _joined(first_TX: Floats | None, then_TX: Floats | None, change: int) -> Floats | None:
    if first_TX is None or then_TX is None:
        return first_TX
    joined_TX: Floats = np.concatenate([first_TX[:change], then_TX[change:]])
    return joined_TX


def _smile_answer(sampler: MotionSampler, heard: list[Heard], reference_RD: Floats) -> float:
    """Mean gain of smile in 0.3-2.5 s after the user's smile begins, against no smile."""
    start = heard[0].frames // 2
    frames = heard[0].frames
    smile_T = np.zeros(frames, np.float32)
    course_T = 0.9 * swell(0.5, 2.0, 0.8)
    smile_T[start : start + len(course_T)] = course_T[: frames - start]
    smile_D = load_body().behaviour_KD[Channel.SMILE]
    still = [
        replace(one, user_motion_TD=np.zeros((frames, len(smile_D)), np.float32)) for one in heard
    ]
    smiling = [replace(one, user_motion_TD=smile_T[:, None] * smile_D) for one in heard]
    window = slice(start + 8, start + 62)
    seeds = range(len(heard))
    without = generate(sampler, still, reference_RD, seeds)
    with_smile = generate(sampler, smiling, reference_RD, seeds)
    gains = [
        read_face(b[window]).smile_T.mean() - read_face(a[window]).smile_T.mean()
        for a, b in zip(without, with_smile, strict=True)
    ]
    return float(np.mean(gains))
