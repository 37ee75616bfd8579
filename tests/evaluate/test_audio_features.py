import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from afgen.checkpoint import save_checkpoint
from afgen.conditions.wav2vec2.config import Wav2Vec2Config
from afgen.conditions.wav2vec2.streaming import StreamingConfig
from afgen.errors import MediaTooSmallError, SilentAudioError, WeightsMismatchError
from afgen.evaluate.audio_features import load_wav2vec2, measure_audio, untrained_wav2vec2
from tests.conditions.wav2vec2.tiny import SIZE, network, parts, voice
from tests.rule_made import write_wav2vec2


def test_the_distance_shrinks_with_what_is_heard_and_is_told_layer_by_layer() -> None:
    settings = [
        StreamingConfig(look_ahead_frames=look_ahead, context_frames=100, assumed_s=0.0)
        for look_ahead in (0, 10, 90)
    ]
    near, nearer, all_heard = measure_audio(network(), voice(100), settings)
    assert near.whole > nearer.whole > all_heard.whole
    assert all_heard.start < 1e-4  # the first hop heard everything
    assert (nearer.context_s, nearer.look_ahead_s) == (4.0, 0.4)
    assert len(nearer.layers) == 3
    assert nearer.whole**2 > min(nearer.layers) ** 2
    assert nearer.block_ms > 0


def test_too_little_sound_and_silence_are_refused() -> None:
    with pytest.raises(SilentAudioError):
        measure_audio(network(), np.zeros_like(voice(100)))
    with pytest.raises(MediaTooSmallError, match=r"1\.0 s"):
        measure_audio(network(), voice(25))


def test_networks_come_from_folders_and_from_imported_files(tmp_path: Path) -> None:
    config, tensors = parts()
    heard_TC = torch.randn(5, config.channels, generator=torch.Generator().manual_seed(0))
    expected = network().transform(heard_TC)
    folder = write_wav2vec2(tmp_path / "folder", SIZE)
    assert torch.equal(load_wav2vec2(folder).transform(heard_TC), expected)
    path = tmp_path / "wav2vec2.safetensors"
    save_checkpoint(path, tensors, config={"wav2vec2": dataclasses.asdict(config)}, provenance={})
    assert torch.equal(load_wav2vec2(path).transform(heard_TC), expected)
    save_checkpoint(path, tensors, config={"generator": {}}, provenance={})
    with pytest.raises(WeightsMismatchError, match="no wav2vec2"):
        load_wav2vec2(path)


def test_untrained_weights_keep_signals_alive_and_are_the_same_each_time() -> None:
    config = Wav2Vec2Config(
        channels=16, width=24, layers=3, heads=4, feed_forward=48, position_groups=4
    )
    heard_TC = torch.randn(50, 16, generator=torch.Generator().manual_seed(0))
    rows_TA = untrained_wav2vec2(config).transform(heard_TC)
    assert torch.equal(untrained_wav2vec2(config).transform(heard_TC), rows_TA)
    assert 0.5 < float(rows_TA.std()) < 2
