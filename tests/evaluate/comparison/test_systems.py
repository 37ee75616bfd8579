from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from afgen.baseline.config import beside
from afgen.baseline.weights import save_baseline, untrained_baseline
from afgen.conditions.logmel import LogMelFeatures
from afgen.errors import WeightsMissingError
from afgen.evaluate.comparison.loading import load_system
from afgen.evaluate.comparison.systems import Sampling, System, WithoutUser
from afgen.evaluate.rollout import Heard
from afgen.generator.config import GeneratorConfig
from afgen.generator.weights import save_generator, untrained_generator
from afgen.signals import Floats

SMALL = GeneratorConfig(
    width=32, depth=1, heads=2, condition_width=32, condition_heads=2, time_frequencies=16
)
FEW = Sampling(nfe=3)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("weights")
    paths = {"stream": folder / "generator.safetensors", "window": folder / "base.safetensors"}
    save_generator(paths["stream"], untrained_generator(SMALL), provenance={}, features={})
    save_baseline(paths["window"], untrained_baseline(beside(SMALL)), provenance={}, features={})
    return paths


@pytest.fixture(scope="module")
def systems(weights: dict[str, Path]) -> dict[str, System]:
    return {
        name: load_system(name, str(path), device="cpu", sampling=FEW)
        for name, path in weights.items()
    }


def heard(frames: int, seed: int, *, user: bool = True) -> Heard:
    rng = np.random.default_rng(seed)
    dim = LogMelFeatures().audio_dim

    def side(columns: int) -> Floats:
        return rng.normal(size=(frames, columns)).astype(np.float32)

    own_TA, other_TA, seen_TD = side(dim), side(dim), side(38)
    return Heard(own_TA, other_TA, seen_TD) if user else Heard(own_TA)


@pytest.mark.parametrize("kind", ["stream", "window"])
def test_every_kind_makes_as_many_frames_as_were_heard(
    systems: dict[str, System], kind: str
) -> None:
    motions = systems[kind].generate(
        [heard(33, 1), heard(90, 2)], np.zeros((2, 38), np.float32), [3, 4]
    )
    assert [motion_TD.shape for motion_TD in motions] == [(33, 38), (90, 38)]
    assert all(np.isfinite(motion_TD).all() for motion_TD in motions)


def test_a_user_who_is_not_seen_is_still_heard(systems: dict[str, System]) -> None:
    blind = WithoutUser(systems["stream"], "blind", heard=True)
    one, other = heard(30, 1), heard(30, 2)
    moved = replace(one, user_motion_TD=other.user_motion_TD)
    spoken = replace(one, user_audio_TA=other.user_audio_TA)
    reference_RD = np.zeros((1, 38), np.float32)
    a_TD, b_TD, c_TD = (
        blind.generate([each], reference_RD, [5])[0] for each in (one, moved, spoken)
    )
    assert np.array_equal(a_TD, b_TD)
    assert not np.array_equal(a_TD, c_TD)
    deaf = WithoutUser(systems["stream"], "deaf")
    assert len({blind.fingerprint, deaf.fingerprint, systems["stream"].fingerprint}) == 3


@pytest.mark.parametrize("kind", ["stream", "window"])
def test_without_the_user_nothing_of_the_user_matters(
    systems: dict[str, System], kind: str
) -> None:
    alone = WithoutUser(systems[kind], "alone")
    reference_RD = np.zeros((1, 38), np.float32)
    with_user, without = heard(30, 1), heard(30, 1, user=False)
    (a_TD,) = alone.generate([with_user], reference_RD, [5])
    (b_TD,) = systems[kind].generate([without], reference_RD, [5])
    (c_TD,) = systems[kind].generate([with_user], reference_RD, [5])
    assert np.array_equal(a_TD, b_TD)
    assert not np.array_equal(a_TD, c_TD)
    assert alone.fingerprint != systems[kind].fingerprint


def test_the_baseline_waits_for_its_whole_window(systems: dict[str, System]) -> None:
    stream, window = (systems[kind].latency(2) for kind in ("stream", "window"))
    assert (stream.window_s, window.window_s) == (0.4, 3.0)
    for latency in (stream, window):
        assert latency.fastest_s <= latency.generation_s <= latency.slowest_s
        assert latency.total_s == latency.window_s + latency.generation_s
        assert latency.repetitions == 2


def test_nobody_at_all_to_hear_is_no_hindrance(systems: dict[str, System]) -> None:
    nothing = Heard(None, length=12)
    (motion_TD,) = systems["stream"].generate([nothing], np.zeros((1, 38), np.float32), [0])
    assert motion_TD.shape == (12, 38)


def test_the_embedded_preset_is_a_system() -> None:
    try:
        system = load_system("ours", "portrait", sampling=FEW)
    except WeightsMissingError as error:
        pytest.skip(str(error))
    assert (system.name, system.motion_dim) == ("ours", 38)


def test_threads_are_left_as_they_were(systems: dict[str, System]) -> None:
    before = torch.get_num_threads()
    systems["stream"].latency(1)
    assert torch.get_num_threads() == before
