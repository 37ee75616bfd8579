import numpy as np
import pytest
from scipy import stats

from afgen.evaluate.metrics.bootstrap import BootstrapConfig, mean_estimate
from afgen.evaluate.metrics.reactivity import (
    GrangerConfig,
    components,
    lagged,
    orthonormal,
    reactivity,
    shifts_of,
)
from afgen.signals import Floats

CONFIG = GrangerConfig()


def smooth(rng: np.random.Generator, frames: int, dim: int, memory: float = 0.9) -> Floats:
    """Courses that remember themselves, as motion does."""
    rows = np.zeros((frames + 50, dim))
    for t in range(1, len(rows)):
        rows[t] = memory * rows[t - 1] + rng.normal(size=dim)
    return rows[50:]


def answering(
    rng: np.random.Generator, source_TX: Floats, *, delay: int = 10, strength: float = 0.6
) -> Floats:
    """A course of its own that is pushed by what the source was `delay` frames ago."""
    target_TD = np.zeros_like(source_TX)
    for t in range(delay, len(target_TD)):
        push = strength * source_TX[t - delay]
        target_TD[t] = 0.8 * target_TD[t - 1] + push + rng.normal(size=source_TX.shape[1])
    return target_TD


def excesses(pairs: list[tuple[Floats, Floats]]) -> Floats:
    gains = [reactivity(target, source) for target, source in pairs]
    return np.array([gain.excess for gain in gains if gain is not None])


def independent(seed: int, frames: int = 400) -> tuple[Floats, Floats]:
    rng = np.random.default_rng((1, seed))
    return smooth(rng, frames, 2), smooth(rng, frames, 2)


def linked(seed: int, frames: int = 400) -> tuple[Floats, Floats]:
    rng = np.random.default_rng((2, seed))
    user = smooth(rng, frames, 2)
    strength = rng.uniform(0.05, 0.3)  # people differ
    return answering(rng, user, strength=strength), user


def test_a_known_link_is_found() -> None:
    rng = np.random.default_rng(0)
    user = smooth(rng, 600, 2)
    gain = reactivity(answering(rng, user), user)
    assert gain is not None
    assert gain.excess > 0.3
    assert gain.beaten == 1


def test_a_known_gain_is_measured() -> None:
    rng = np.random.default_rng(1)
    user = rng.normal(size=(6000, 1))
    target = 0.7 * np.roll(user, 1, axis=0) + rng.normal(size=(6000, 1))
    gain = reactivity(target, user, config=GrangerConfig(source_edges=(0, 1, 2), ahead_frames=1))
    assert gain is not None
    assert gain.excess == pytest.approx(np.log(1 + 0.7**2), abs=0.03)  # ln of the variances' ratio


def test_independent_people_have_about_none() -> None:
    found = excesses([independent(seed, 800) for seed in range(40)])
    assert abs(found.mean()) < 3 * found.std() / np.sqrt(len(found))
    assert abs(found.mean()) < 0.03


def test_the_other_direction_has_about_none() -> None:
    pairs = [linked(seed) for seed in range(20)]
    forward = excesses(pairs)
    backward = excesses([(user, target) for target, user in pairs])
    assert abs(backward.mean()) < 3 * backward.std() / np.sqrt(len(backward))
    assert forward.mean() > 5 * abs(backward.mean())


def test_partners_of_other_conversations_have_about_none() -> None:
    pairs = [linked(seed) for seed in range(20)]
    users = [user for _, user in pairs]
    strangers = [
        (target, user) for (target, _), user in zip(pairs, users[1:] + users[:1], strict=True)
    ]
    found = excesses(strangers)
    assert abs(found.mean()) < 3 * found.std() / np.sqrt(len(found))


def test_what_both_owe_to_a_known_third_is_no_reaction() -> None:
    found, given = [], []
    for seed in range(10):
        rng = np.random.default_rng((3, seed))
        voice = smooth(rng, 600, 1)
        user, target = answering(rng, voice, delay=2), answering(rng, voice, delay=8)
        found.append(reactivity(target, user).excess)
        given.append(reactivity(target, user, voice).excess)
    assert np.mean(found) > 0.05
    assert abs(np.mean(given)) < 0.01


@pytest.mark.slow
def test_intervals_cover_as_often_as_they_say() -> None:
    pool = excesses([linked(seed, 310) for seed in range(100)])
    rng = np.random.default_rng(4)
    held, studies = 0, 400
    for study in range(studies):
        estimate = mean_estimate(
            rng.choice(pool, 12), [str(i) for i in range(12)], BootstrapConfig(300, seed=study)
        )
        held += estimate.low <= pool.mean() <= estimate.high
    assert pool.mean() > 0
    assert 0.90 <= held / studies <= stats.binom.ppf(0.9999, studies, 0.95) / studies


def test_scale_and_offset_change_nothing() -> None:
    target, user = linked(7)
    there = reactivity(target, user)
    assert there is not None
    again = reactivity(1e4 * target + 1e6, 1e-5 * user - 3)
    assert again is not None
    assert again.excess == pytest.approx(there.excess, abs=1e-6)


def test_a_user_whom_the_history_knows_already_adds_nothing() -> None:
    target, _ = linked(8)
    stretches = CONFIG.own_edges
    gain = reactivity(target, 3 * target + 1, config=GrangerConfig(stretches, stretches))
    assert gain is not None
    assert gain.gain == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("still", ["target", "source"])
def test_somebody_who_does_not_move_gives_zero(still: str) -> None:
    target, user = linked(9)
    if still == "target":
        target = np.full_like(target, 0.3)
    else:
        user = np.full_like(user, 0.3)
    gain = reactivity(target, user)
    assert gain is not None
    assert gain.excess == pytest.approx(0, abs=1e-9)


def test_too_short_a_clip_has_no_figure() -> None:
    target, user = linked(10)
    assert reactivity(target[: CONFIG.least_frames - 1], user[: CONFIG.least_frames - 1]) is None
    assert reactivity(target[: CONFIG.least_frames], user[: CONFIG.least_frames]) is not None


def test_shifts_are_different_and_at_least_four_seconds() -> None:
    shifts = shifts_of(CONFIG.least_frames, CONFIG)
    assert len(set(shifts)) == 100
    assert min(shifts) == 100
    assert max(shifts) == CONFIG.least_frames - 100


def test_the_past_is_described_in_stretches() -> None:
    rows = lagged(np.arange(10.0)[:, None], (0, 1, 3))
    assert rows[5].tolist() == [4.0, 2.5]
    assert rows[0].tolist() == [9.0, 7.5]  # circular


def test_dependent_columns_are_left_out() -> None:
    columns = np.random.default_rng(5).normal(size=(30, 3))
    basis = orthonormal(np.hstack([columns, columns @ np.ones((3, 2)), np.zeros((30, 1))]))
    assert basis.shape == (30, 3)
    assert np.allclose(basis.T @ basis, np.eye(3))


def test_components_are_the_directions_that_vary_most() -> None:
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(500, 3)) * [0.1, 5, 1] + 4
    found = components([rows[:200], rows[200:]], 2)
    assert np.abs(found.directions_DK).round(1).tolist() == [[0, 0], [1, 0], [0, 1]]
    assert np.allclose(found.of(rows).mean(axis=0), 0, atol=1e-9)


def test_different_lengths_and_senseless_lags_are_refused() -> None:
    target, user = linked(11)
    with pytest.raises(ValueError, match="same frames"):
        reactivity(target, user[1:])
    with pytest.raises(ValueError, match="edges"):
        GrangerConfig(source_edges=(3, 1))
