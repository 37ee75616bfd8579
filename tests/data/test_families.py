from dataclasses import replace

import numpy as np
import pytest

from afgen.data.families import Extras, choose, load_extras, weights_of
from afgen.data.sampling import SampleConfig, samples_of
from afgen.errors import OptionError, WeightsMissingError
from afgen.weights.importing import Given, ImportOptions, import_set
from tests.data.recordings import alone
from tests.rule_made import TINY, write_public_files


class Latents:
    """Something like an autoencoder: a row tells the frame, and that one state is passed on."""

    motion_dim = 4

    def encode(self, view, state):
        assert view.image_HWC.shape == (256, 256, 3)
        seen = replace(state, seen=state.seen + 1)
        return np.full(4, view.frame, np.float32), seen


class Rows:
    """Something like speech features."""

    def rows(self, audio_S, start_frame, frames, state=None):
        return np.full((frames, 6), float(np.abs(audio_S).max()), np.float32), None


@pytest.fixture(autouse=True)
def no_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("AFGEN_WEIGHTS", str(tmp_path / "none"))
    load_extras.cache_clear()
    yield
    load_extras.cache_clear()


def test_families_are_chosen_by_name():
    assert choose("auto") == choose("mesh") == ("mesh",)
    assert weights_of(("mesh",)) == {}
    assert load_extras(("mesh",)) == Extras()
    with pytest.raises(OptionError, match="flame"):
        choose("mesh,flame")
    with pytest.raises(WeightsMissingError):
        choose("mesh, lia")


def test_imported_families_are_kept_with_the_sample(tmp_path):
    source = alone(tmp_path / "alone.mp4", 30)
    extras = Extras(Latents(), Rows())
    (sample,) = samples_of(source, "0" * 64, SampleConfig(), extras)
    np.testing.assert_array_equal(sample.arrays["avatar_lia_TD"][:, 0], np.arange(30))
    voice_TA = sample.arrays["avatar_wav2vec2_TA"]
    assert (voice_TA.shape, voice_TA.dtype) == ((30, 6), np.float16)
    assert not [name for name in sample.arrays if "faces" in name]


@pytest.mark.slow
def test_where_weights_are_imported_their_families_are_there_by_themselves(tmp_path):
    files = write_public_files(tmp_path)
    parts = ("autoencoder", "generator", "wav2vec2")
    given = {part: Given(getattr(files, part)) for part in parts}
    import_set("avatar-forcing", given, options=ImportOptions(heads=TINY.heads))
    families = choose("auto")
    assert families == ("mesh", "lia", "wav2vec2")
    assert set(weights_of(families)) == set(parts)
    config = SampleConfig(families=families)
    (sample,) = samples_of(alone(tmp_path / "a.mp4", 30), "0" * 64, config, load_extras(families))
    latents_TD, rows_TA = sample.arrays["avatar_lia_TD"], sample.arrays["avatar_wav2vec2_TA"]
    assert len(latents_TD) == len(rows_TA) == 30
    assert np.isfinite(latents_TD).all()
    assert np.isfinite(rows_TA).all()
    assert latents_TD.std(axis=0).max() > 0
