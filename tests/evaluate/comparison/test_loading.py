import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from afgen.baseline.config import beside
from afgen.baseline.weights import save_baseline, untrained_baseline
from afgen.errors import OptionError, WeightsMissingError
from afgen.evaluate.comparison import loading
from afgen.evaluate.comparison.loading import load_system
from afgen.evaluate.comparison.systems import SampledSystem, Sampling, WithoutUser
from afgen.generator.continuity import AS_DRAWN
from afgen.generator.guidance import Guidance
from afgen.generator.weights import save_generator, untrained_generator
from afgen.presets import PRESETS, Models
from tests.evaluate.comparison.test_systems import FEW, SMALL, heard
from tests.render.untrained import untrained_models

LATENT = dataclasses.replace(SMALL, motion_dim=64)


def write_generator(path: Path, *, settings: Any = None, latent: bool = False) -> str:
    model = untrained_generator(LATENT if latent else SMALL)
    provenance = {} if settings is None else {"settings": settings}
    save_generator(path, model, provenance=provenance, features={})
    return str(path)


def sampler_of(system: object) -> Any:
    assert isinstance(system, SampledSystem)
    return system.sampler


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the presets that are loaded; untrained models come in their place."""
    names: list[str] = []

    def load(name: str, device: str) -> Models:
        names.append(name)
        drawn = untrained_models()
        embedded = PRESETS[name].embedded
        return dataclasses.replace(drawn, context_noise=0.05) if embedded else drawn

    monkeypatch.setattr(loading, "load_models", load)
    return names


def test_a_family_is_sampled_as_its_preset_does(tmp_path: Path, asked_for: list[str]) -> None:
    mesh = load_system("mesh", write_generator(tmp_path / "mesh"), sampling=FEW)
    latents = load_system("latents", write_generator(tmp_path / "latents", latent=True))
    save_baseline(
        tmp_path / "window", untrained_baseline(beside(LATENT)), provenance={}, features={}
    )
    window = load_system("window", str(tmp_path / "window"))
    assert asked_for == ["portrait", "avatar-forcing", "avatar-forcing"]
    assert sampler_of(mesh).context_noise == 0.05
    for one in (latents, window):
        assert one.motion_dim == LATENT.motion_dim
        assert sampler_of(one).continuity == AS_DRAWN
        assert sampler_of(one).context_noise == 0


def test_a_face_mesh_has_the_joints_of_the_portrait_preset(tmp_path: Path) -> None:
    try:
        preset = load_system("ours", "portrait")
    except WeightsMissingError as error:
        pytest.skip(str(error))
    file = load_system("mine", write_generator(tmp_path / "mine"))
    assert sampler_of(file).continuity == sampler_of(preset).continuity != AS_DRAWN
    assert sampler_of(file).context_noise == sampler_of(preset).context_noise > 0


def test_who_never_saw_a_user_is_not_shown_one(tmp_path: Path, asked_for: list[str]) -> None:
    blind = load_system(
        "blind",
        write_generator(tmp_path / "blind", settings={"data": {"user_motion": False}}),
        sampling=FEW,
    )
    seeing = load_system(
        "seeing",
        write_generator(tmp_path / "seeing", settings={"data": {"user_motion": True}}),
        sampling=FEW,
    )
    assert isinstance(blind, WithoutUser)
    assert blind.name == "blind"
    assert blind.heard
    assert not isinstance(seeing, WithoutUser)
    one, reference_RD = heard(30, 1), np.zeros((1, 38), np.float32)
    other = dataclasses.replace(one, user_motion_TD=heard(30, 2).user_motion_TD)
    first, second = (blind.generate([each], reference_RD, [5])[0] for each in (one, other))
    assert np.array_equal(first, second)


def test_a_system_may_be_sampled_its_own_way(tmp_path: Path, asked_for: list[str]) -> None:
    path = write_generator(tmp_path / "a@home")
    assert sampler_of(load_system("a", path, sampling=FEW)).nfe == FEW.nfe
    own = sampler_of(load_system("a", f"{path}@user=2.5,nfe=4", sampling=Sampling(3, 1.5, 1.0)))
    assert (own.nfe, own.guidance) == (4, Guidance(1.5, 2.5))


@pytest.mark.parametrize("changes", ["look=1", "user", "user=much", "nfe=2.5", ""])
def test_what_cannot_be_changed_is_named(
    tmp_path: Path, asked_for: list[str], changes: str
) -> None:
    path = write_generator(tmp_path / "a")
    with pytest.raises(OptionError, match=r"after @|cannot be"):
        load_system("a", f"{path}@{changes}")


def test_other_weights_and_other_settings_are_other_systems(
    tmp_path: Path, asked_for: list[str]
) -> None:
    path = write_generator(tmp_path / "a")
    same, again = (load_system(name, path, sampling=FEW) for name in ("a", "b"))
    other = load_system("a", f"{path}@user=2", sampling=FEW)
    assert same.fingerprint == again.fingerprint != other.fingerprint


def test_what_is_neither_file_nor_preset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="neither a file nor a preset"):
        load_system("x", str(tmp_path / "none.safetensors"))
