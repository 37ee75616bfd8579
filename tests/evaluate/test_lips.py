import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from afgen.data.body import load_body
from afgen.data.listeners import Channel
from afgen.data.shards import Sample, ShardWriter
from afgen.errors import FileMissingError
from afgen.evaluate.face import read_face
from afgen.evaluate.lips import correlation, measure_lips
from afgen.evaluate.rollout import Heard, generate
from afgen.generator.config import portrait
from afgen.generator.model import MotionGenerator
from afgen.generator.stream import MotionSampler
from afgen.signals import Floats, to_samples
from tests.data.made import made_clips


@pytest.fixture(scope="module")
def sampler() -> MotionSampler:
    torch.manual_seed(0)
    small = portrait(width=32, depth=1, heads=2)
    config = dataclasses.replace(small, condition_width=32, condition_heads=2, audio_dim=256)
    model = MotionGenerator(config).eval()
    torch.nn.init.normal_(model.dfot.final.weight, std=0.1)
    return MotionSampler(model, nfe=4)


def test_correlation_finds_a_delay() -> None:
    rng = np.random.default_rng(0)
    real_T = rng.normal(size=80).astype(np.float32)
    late_T = np.roll(real_T, 2)
    assert correlation(late_T, real_T, 2) == pytest.approx(1)
    assert abs(correlation(late_T, real_T, 0)) < 0.3
    assert correlation(np.zeros(80, np.float32), real_T, 0) == 0


def test_readings_of_single_actions_are_those_actions() -> None:
    body = load_body()
    behaviour_TK = np.zeros((6, len(Channel)), np.float32)
    for row, channel in enumerate(
        (Channel.JAW_OPEN, Channel.BLINK, Channel.SMILE, Channel.GAZE_X, Channel.PITCH), start=1
    ):
        behaviour_TK[row, channel] = 4.0 if channel is Channel.PITCH else 0.8
    seen = read_face(body.motion(behaviour_TK))
    assert seen.mouth_T.argmax() == 1
    assert seen.eyes_T.argmin() == 2
    assert seen.smile_T[3] == pytest.approx(0.8, abs=0.05)
    assert seen.gaze_T[4] == pytest.approx(0.8, abs=0.05)
    assert seen.pitch_T[5] == pytest.approx(4, abs=0.05)


def test_recordings_side_by_side_are_what_they_are_alone(sampler: MotionSampler) -> None:
    rng = np.random.default_rng(1)
    heard = [Heard(rng.normal(size=(frames, 256)).astype(np.float32)) for frames in (25, 40)]
    reference_RD = np.zeros((2, 38), np.float32)
    both = generate(sampler, heard, reference_RD, [5, 6])
    alone = generate(sampler, heard[1:], reference_RD[1:], [6])
    assert [len(motion) for motion in both] == [25, 40]
    assert np.allclose(both[1], alone[0], atol=1e-4)


def _prepare(folder: Path, clips: dict[str, tuple[Floats, Floats]]) -> None:
    """Shards of one-person samples: sound and mouth opening by name."""
    with ShardWriter(folder, {}) as writer:
        for name, (audio_S, mouth_T) in clips.items():
            arrays = {
                "avatar_mouth_T": mouth_T.astype(np.float32),
                "avatar_audio_S": to_samples(audio_S.astype(np.float32)),
            }
            writer.add(Sample(name, {"frames": len(mouth_T)}, arrays))


def test_every_clip_is_scored_and_the_mean_is_theirs(
    sampler: MotionSampler, tmp_path: Path
) -> None:
    clips = {clip.name: (clip.audio_S, clip.motion_TD[:, 0]) for clip in made_clips(3)}
    _prepare(tmp_path, clips)
    scores = measure_lips(sampler, tmp_path, draws=1)
    assert [score.clip for score in scores] == ["clip0", "clip1", "clip2", "mean"]
    assert all(-1 <= score.correlation <= 1 for score in scores)
    mean = np.mean([score.correlation for score in scores[:-1]])
    assert scores[-1].correlation == pytest.approx(mean)


def test_the_silence_that_clips_share_counts_over_all_frames_only(
    sampler: MotionSampler, tmp_path: Path
) -> None:
    rng = np.random.default_rng(2)
    seconds = np.arange(3 * 16000) / 16000
    speaks_S = (seconds > 1) & (seconds < 2.5)
    voice_S = speaks_S * np.sum([np.sin(2 * np.pi * k * 140 * seconds) for k in range(1, 9)], 0)
    open_T = np.where(speaks_S[::640], 0.3, 0.0)
    noise_2T = 0.1 * rng.normal(size=(2, 75)) * (open_T > 0)
    _prepare(
        tmp_path, {name: (0.05 * voice_S, open_T + noise_2T[i]) for i, name in enumerate("ab")}
    )
    score = measure_lips(sampler, tmp_path, draws=1)[-1]
    assert score.other_mouths > 0.6
    assert score.speech_other_mouths < score.other_mouths - 0.2


def test_a_folder_without_clips_is_refused(sampler: MotionSampler, tmp_path: Path) -> None:
    with pytest.raises(FileMissingError):
        measure_lips(sampler, tmp_path)
