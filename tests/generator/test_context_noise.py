import numpy as np

from afgen.generator.stream import MotionSampler, stream
from tests.generator.small import CONFIG, blocks, small_model

REFERENCE_D = np.zeros(CONFIG.motion_dim, np.float32)


def drawn(context_noise: float, *, cut: int | None = None) -> np.ndarray:
    """Forty frames; with `cut`, stopped after that many blocks and resumed."""
    sampler = MotionSampler(small_model(), nfe=4, context_noise=context_noise)
    conditions = blocks(40, seed=3)
    first = list(stream(sampler, iter(conditions[:cut]), REFERENCE_D, seed=7))
    rest = []
    if cut is not None:
        rest = list(stream(sampler, iter(conditions[cut:]), REFERENCE_D, state=first[-1][1]))
    return np.concatenate([block.motion_TD for block, _ in (*first, *rest)])


def test_noise_in_the_past_leaves_the_first_block_alone_and_changes_the_second() -> None:
    clean, noisy = drawn(0.0), drawn(0.1)
    assert np.array_equal(clean[:10], noisy[:10])
    assert np.abs(clean[10:20] - noisy[10:20]).max() > 1e-4


def test_a_resumed_stream_remembers_the_same_noise() -> None:
    assert np.array_equal(drawn(0.1), drawn(0.1, cut=2))


def test_recordings_side_by_side_remember_their_own_noise() -> None:
    sampler = MotionSampler(small_model(), nfe=4, context_noise=0.1)

    def last_motion(seeds: list[int]) -> np.ndarray:
        state = sampler.begin(np.stack([REFERENCE_D] * len(seeds)), seeds)
        for conditions in blocks(30, seed=3):
            motions, state = sampler.step([conditions] * len(seeds), state)
        return motions[-1].motion_TD

    assert np.allclose(last_motion([5, 7]), last_motion([7]), atol=1e-5)
