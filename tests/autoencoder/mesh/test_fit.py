from functools import partial

import numpy as np
import pytest

from afgen.autoencoder.mesh.basis import COEFFICIENTS, load_basis
from afgen.autoencoder.mesh.fit import FitConfig, fit_basis, fit_basis_from, held_out, residual_px
from afgen.autoencoder.mesh.mean import mean_shape, mirror
from afgen.autoencoder.mesh.pose import project, rotation_to_euler, solve_pose
from afgen.autoencoder.mesh.topology import RIGID, load_topology
from afgen.errors import FileMissingError
from tests.autoencoder.mesh.faces import talking


@pytest.fixture(scope="module")
def clips():
    return [partial(talking, 50, seed=number) for number in range(2)]


@pytest.fixture(scope="module")
def fitted(clips):
    return fit_basis_from(clips)


def test_a_fit_gives_an_orthonormal_basis_with_parities(fitted):
    flat_KM = fitted.basis.vectors_KN3.reshape(COEFFICIENTS, -1)
    np.testing.assert_allclose(flat_KM @ flat_KM.T, np.eye(COEFFICIENTS), atol=1e-9)
    assert set(fitted.basis.parity_K) == {-1.0, 1.0}
    assert (fitted.basis.scales_K > 0).all()


def test_a_fit_finds_the_mean_face_again(fitted):
    stored_N3 = load_basis().mean_N3
    assert np.abs(fitted.basis.mean_N3 - stored_N3).max() < 0.02


def test_a_fit_says_what_it_saw(fitted):
    basis = fitted.basis
    assert residual_px(talking(50, seed=3, jitter_px=0.0), basis).features < 0.5


@pytest.mark.slow
def test_a_fit_is_repeatable(clips, fitted):
    again = fit_basis_from(clips)
    np.testing.assert_allclose(again.basis.vectors_KN3, fitted.basis.vectors_KN3, atol=1e-6)
    assert again.provenance["inputs_sha256"] == fitted.provenance["inputs_sha256"]


@pytest.mark.slow
def test_other_weights_give_another_basis(clips, fitted):
    other = fit_basis(
        lambda: (clip() for clip in clips), load_topology().mirror, FitConfig(depth_weight=1.0)
    )
    assert other.weights_N3[:, 2].max() > fitted.basis.weights_N3[:, 2].max()


def test_every_tenth_clip_is_held_out():
    assert [number for number in range(30) if held_out(number)] == [9, 19, 29]


def test_no_clips_say_so():
    with pytest.raises(FileMissingError):
        fit_basis_from([])


def test_the_mean_does_not_depend_on_pose_and_size():
    clip_TN3 = talking(20, jitter_px=0.0)
    moved_TN3 = clip_TN3 * np.linspace(0.5, 2, 20)[:, None, None] + 30
    np.testing.assert_allclose(mean_shape(clip_TN3), mean_shape(moved_TN3), atol=1e-4)


@pytest.mark.slow
def test_what_only_the_turning_head_causes_is_found():
    # A tracker that lets the face swell when the head turns: the regression must find by how much.
    pairs = load_topology().mirror
    noise_N3 = np.random.default_rng(4).normal(0, 0.1, (478, 3))
    swelling_N3 = noise_N3 - mirror(noise_N3, pairs)
    swelling_N3[RIGID] = 0.0
    clean_TN3 = talking(100, jitter_px=0.0)
    poses, shapes_TN3 = solve_pose(clean_TN3, load_basis().mean_N3)
    yaw_T = rotation_to_euler(poses.rotation_33)[:, 1]
    clip_TN3 = project(poses, shapes_TN3 + yaw_T[:, None, None] * swelling_N3)
    basis = fit_basis(lambda: [clip_TN3], pairs, FitConfig(leak_ridge=0.0))
    np.testing.assert_allclose(basis.leak_2N3[1], swelling_N3, atol=0.05)
