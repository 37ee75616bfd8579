import dataclasses
from pathlib import Path

import numpy as np
import pytest

from afgen.checkpoint import load_checkpoint, save_checkpoint
from afgen.conditions.assemble import assemble
from afgen.conditions.kinds import features_from
from afgen.conditions.logmel import LogMelConfig, LogMelFeatures
from afgen.conditions.wav2vec2.streaming import StreamingWav2Vec2
from afgen.conditions.wav2vec2.whole import WholeWav2Vec2
from afgen.errors import WeightsMismatchError
from afgen.signals import Conversation, Track
from tests.conditions.wav2vec2.tiny import parts, voice


def test_log_mel_is_what_there_is_where_no_kind_is_said() -> None:
    config = dataclasses.asdict(LogMelConfig(bands=40))
    for given in (config, {"kind": "logmel", **config}):
        features = features_from(given)
        assert isinstance(features, LogMelFeatures)
        assert features.config.bands == 40
    with pytest.raises(WeightsMismatchError, match="'bans'"):
        features_from({"bans": 40})


def test_wav2vec2_comes_back_from_its_checkpoint(tmp_path: Path) -> None:
    sizes, tensors = parts()
    path = tmp_path / "wav2vec2.safetensors"
    save_checkpoint(path, tensors, config={"wav2vec2": dataclasses.asdict(sizes)}, provenance={})
    stored = load_checkpoint(path)
    whole = features_from({"kind": "wav2vec2", **stored.config}, stored.tensors)
    assert isinstance(whole, WholeWav2Vec2)
    assert (whole.audio_dim, whole.look_ahead_frames) == (72, None)
    settings = {"kind": "wav2vec2", "mode": "streaming", "look_ahead_frames": 7, **stored.config}
    streaming = features_from(settings, stored.tensors)
    assert isinstance(streaming, StreamingWav2Vec2)
    assert (streaming.audio_dim, streaming.look_ahead_frames) == (72, 7)


@pytest.mark.parametrize("mode", ["whole", "streaming"])
def test_conditions_are_assembled_of_either_mode(mode: str) -> None:
    sizes, tensors = parts()
    config = {"kind": "wav2vec2", "mode": mode, "wav2vec2": dataclasses.asdict(sizes)}
    features = features_from(config, tensors)
    short = voice(31, extra_samples=50)
    conversation = Conversation(47, avatar=Track(voice(47, seed=1)), user=Track(short))
    blocks = list(assemble(conversation, features))
    assert [block.user_audio_TA.shape for block in blocks] == [(10, 72)] * 5
    silent_S = np.pad(short, (0, 47 * 640 - len(short)))
    rows_TA, _ = features.rows(silent_S, 0, 47)
    given_TA = np.concatenate([block.user_audio_TA for block in blocks])[:47]
    assert np.array_equal(given_TA, rows_TA)
    later = list(assemble(conversation, features, start_frame=30))
    assert np.array_equal(later[0].avatar_audio_TA, blocks[3].avatar_audio_TA)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"kind": "hubert"}, "hubert"),
        ({"kind": "wav2vec2"}, "not there"),
        ({"kind": "wav2vec2", "wav2vec2": {}, "mode": "sometimes"}, "sometimes"),
        ({"kind": "wav2vec2", "wav2vec2": {"widht": 3}}, "widht"),
    ],
)
def test_what_is_unknown_is_named(config: dict[str, object], message: str) -> None:
    tensors = parts()[1] if "wav2vec2" in config else None
    with pytest.raises(WeightsMismatchError, match=message):
        features_from(config, tensors)
