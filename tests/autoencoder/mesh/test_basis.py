import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from afgen.autoencoder.mesh.basis import BASIS_FILE, COEFFICIENTS, load_basis, save_basis
from afgen.autoencoder.mesh.mean import mirror, symmetrise
from afgen.autoencoder.mesh.motion import MOTION_DIM, mirror_motion
from afgen.autoencoder.mesh.topology import LEFT_EAR, RIGHT_EAR, RIGID, load_topology
from afgen.errors import WeightsMismatchError, WeightsMissingError

coefficients = arrays(np.float64, COEFFICIENTS, elements=st.floats(-5, 5))


def test_vectors_are_orthonormal():
    flat_KM = load_basis().vectors_KN3.reshape(COEFFICIENTS, -1)
    np.testing.assert_allclose(flat_KM @ flat_KM.T, np.eye(COEFFICIENTS), atol=1e-5)


@given(coefficients)
def test_coefficients_survive_the_round_trip(coefficients_K):
    basis = load_basis()
    again_K = basis.coefficients(basis.displacement(coefficients_K))
    np.testing.assert_allclose(again_K, coefficients_K, atol=1e-4)


@given(coefficients)
def test_a_mirrored_motion_is_a_mirrored_face(coefficients_K):
    basis, pairs = load_basis(), load_topology().mirror
    motion_D = np.concatenate([np.zeros(6), coefficients_K])
    mirrored_K = mirror_motion(motion_D, basis)[6:]
    np.testing.assert_allclose(
        basis.displacement(mirrored_K), mirror(basis.displacement(coefficients_K), pairs), atol=1e-5
    )


def test_mirroring_twice_changes_nothing():
    motion_D = np.random.default_rng(0).normal(size=MOTION_DIM)
    basis = load_basis()
    np.testing.assert_array_equal(mirror_motion(mirror_motion(motion_D, basis), basis), motion_D)


def test_leading_dimensions_are_batches():
    basis = load_basis()
    batch = np.random.default_rng(0).normal(0, 0.01, (2, 3, 478, 3))
    together = basis.coefficients(batch)
    assert together.shape == (2, 3, COEFFICIENTS)
    np.testing.assert_allclose(together[1, 2], basis.coefficients(batch[1, 2]), atol=1e-12)
    assert basis.displacement(together).shape == batch.shape


def test_the_mean_face_is_symmetric_and_one_unit_wide():
    mean_N3, pairs = load_basis().mean_N3, load_topology().mirror
    np.testing.assert_allclose(mean_N3, symmetrise(mean_N3, pairs), atol=1e-7)
    assert np.linalg.norm(mean_N3[LEFT_EAR] - mean_N3[RIGHT_EAR]) == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(mean_N3[RIGID].mean(0), 0, atol=0.01)


def test_pose_leakage_stops_growing_where_nothing_was_measured():
    basis = load_basis()
    far, further = np.radians([[0.0, 20, 0], [0.0, 40, 0]])
    np.testing.assert_array_equal(basis.pose_leak(far), basis.pose_leak(further))
    assert not basis.pose_leak(np.zeros(3)).any()


def test_arrays_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        load_basis().mean_N3[0] = 0


def test_storing_keeps_every_number(tmp_path):
    basis = load_basis()
    save_basis(basis, tmp_path / "basis.safetensors", {"made": "here"})
    again = load_basis(tmp_path / "basis.safetensors")
    assert again.sha256 == basis.sha256
    changed = dataclasses.replace(basis, scales_K=basis.scales_K * 2)
    assert changed.sha256 != basis.sha256


def test_a_missing_basis_says_so(tmp_path):
    with pytest.raises(WeightsMissingError):
        load_basis(tmp_path / "none.safetensors")


def test_a_damaged_basis_says_so(tmp_path):
    damaged = tmp_path / "basis.safetensors"
    damaged.write_bytes(BASIS_FILE.read_bytes()[:-1000])
    with pytest.raises(WeightsMismatchError):
        load_basis(damaged)
