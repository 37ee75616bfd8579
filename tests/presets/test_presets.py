from pathlib import Path

import pytest
import torch

from afgen.errors import OptionError, WeightsMissingError
from afgen.offers import OFFERS
from afgen.presets import PRESETS, describe, device_for, load_models, preset_named
from tests.render.untrained import untrained_models


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(OptionError) as raised:
        preset_named("paper")
    assert all(name in raised.value.advice for name in PRESETS)


def test_every_preset_says_what_can_be_asked_of_it() -> None:
    assert OFFERS.keys() == PRESETS.keys()


@pytest.mark.parametrize("there", [True, False])
def test_a_gpu_is_taken_by_presets_that_want_one(
    there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    portrait, paper = PRESETS["portrait"], PRESETS["avatar-forcing"]
    assert device_for(portrait, "auto").type == "cpu"
    assert device_for(paper, "auto").type == ("cuda" if there else "cpu")
    assert device_for(paper, "cpu").type == "cpu"
    if there:
        assert device_for(portrait, "cuda").type == "cuda"
    else:
        with pytest.raises(OptionError, match="no CUDA"):
            device_for(portrait, "cuda")


def test_weights_that_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFGEN_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsMissingError) as raised:
        load_models("avatar-forcing", "cpu")
    assert "afgen weights import avatar-forcing" in raised.value.advice
    row = describe(PRESETS["avatar-forcing"])
    assert (row["installed"], row["hint"]) == (False, raised.value.advice)


def test_the_embedded_weights_are_there_and_whole() -> None:
    row = describe(PRESETS["portrait"])
    PRESETS["portrait"].family.verify()
    models = load_models("portrait")
    assert row["weights_sha256"] == {"generator": models.weights_sha256["generator"]}
    assert models.features.keys() == set(OFFERS["portrait"].audio_modes)
    assert models.computed_on == {"device": "cpu", "threads": "1"}


def test_another_first_window_shares_the_weights() -> None:
    models = untrained_models()
    usual, long = models.sampler(3, 2.0, 1.0), models.sampler(3, 2.0, 1.0, first_window=50)
    assert usual.model is models.generator
    assert long.model.config.first_frames == 50
    assert models.generator.config.first_frames == 10
    for ours, theirs in zip(usual.model.parameters(), long.model.parameters(), strict=True):
        assert ours is theirs


def test_an_anchor_reaches_the_sampler() -> None:
    assert untrained_models().sampler(3, 2.0, 1.0, anchor=0.2).anchor == pytest.approx(0.2)
    assert untrained_models().sampler(3, 2.0, 1.0).anchor == 0.0
