import numpy as np
import pytest

from afgen.autoencoder.mesh.smoothing import smooth


def run(values, **options):
    state, out = None, []
    for value in values:
        state = smooth(np.atleast_1d(np.float64(value)), state, **options)
        out.append(float(state.value_D[0]))
    return np.array(out)


def test_a_constant_passes_unchanged():
    np.testing.assert_allclose(run([3.0] * 20, cutoff_hz=2.0, beta=0.6), 3.0)


def test_noise_at_rest_is_quietened():
    noise = np.random.default_rng(0).normal(0, 0.05, 400)
    assert run(noise, cutoff_hz=2.0, beta=0.6).std() < 0.6 * noise.std()


def test_beta_follows_a_jump_faster():
    jump = [0.0] * 5 + [5.0] * 3
    assert run(jump, cutoff_hz=2.0, beta=0.6)[-1] > run(jump, cutoff_hz=2.0, beta=0.0)[-1] + 0.5


def test_values_are_never_overshot():
    out = run([0.0] * 5 + [1.0] * 50, cutoff_hz=2.0, beta=0.6)
    assert out.max() <= 1.0 + 1e-12
    assert (np.diff(out) >= 0).all()


def test_a_gap_counts_as_the_time_it_took():
    start = smooth(np.zeros(1), None, 2.0, 0.0)
    near = smooth(np.ones(1), start, 2.0, 0.0, frames=1)
    far = smooth(np.ones(1), start, 2.0, 0.0, frames=10)
    assert far.value_D[0] > near.value_D[0]


def test_the_state_is_not_changed():
    state = smooth(np.zeros(2), None, 2.0, 0.6)
    smooth(np.ones(2), state, 2.0, 0.6)
    assert not state.value_D.any()


@pytest.mark.parametrize("cutoff_hz", [0.5, 2.0, 8.0])
def test_the_gain_is_that_of_a_first_order_low_pass(cutoff_hz):
    out = run([0.0, 1.0], cutoff_hz=cutoff_hz, beta=0.0)
    expected = 1 / (1 + 25 / (2 * np.pi * cutoff_hz))
    assert out[-1] == pytest.approx(expected)
