"""Made-up voices and clips, so that no test needs a recording."""

from pathlib import Path

import numpy as np

from afgen.clock import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from afgen.data.clips import Clip
from afgen.data.shards import Sample, ShardWriter
from afgen.signals import Floats, to_samples


def made_voice(frames: int, turns: list[tuple[int, int]], seed: int = 0) -> Floats:
    """Something like speech in the given frames: syllables, the pitch falling; else silence."""
    rng = np.random.default_rng(seed)
    voice_S = np.zeros(frames * SAMPLES_PER_FRAME, np.float32)
    for first, last in turns:
        samples = (last - first) * SAMPLES_PER_FRAME
        moments = np.arange(samples) / SAMPLE_RATE_HZ
        pitch_hz = 150 - 25 * (moments % 1.2) + 10 * rng.random()
        phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
        sound = sum(np.sin(k * phase) / k for k in range(1, 12))
        syllables = 0.3 + 0.7 * np.abs(np.sin(np.pi * 3.1 * moments))
        start = first * SAMPLES_PER_FRAME
        voice_S[start : start + samples] = 0.35 * sound * syllables
    return voice_S


def made_clips(count: int, dim: int = 38, frames: int = 40) -> list[Clip]:
    """Clips whose motion rises and falls with the sound."""
    rng = np.random.default_rng(5)
    clips = []
    for index in range(count):
        voice_S = made_voice(frames, [(8, frames - 8)], seed=index)
        level_T = np.abs(voice_S).reshape(frames, -1).mean(axis=1)
        motion_TD = np.outer(level_T * 8, rng.normal(0, 1, dim)).astype(np.float32)
        clips.append(Clip(f"clip{index}", voice_S, motion_TD))
    return clips


def write_shards(folder: Path, clips: list[Clip]) -> None:
    """The clips as prepared samples of one person each."""
    with ShardWriter(folder, {}) as writer:
        for clip in clips:
            arrays = {
                "avatar_motion_TD": clip.motion_TD,
                "avatar_audio_S": to_samples(clip.audio_S),
            }
            writer.add(Sample(clip.name, {"frames": clip.frames}, arrays))
