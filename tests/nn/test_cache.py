import torch

from afgen.nn.cache import KeyValues, RollingCache


def empty() -> RollingCache:
    return RollingCache.empty(layers=2, rows=3, heads=1, frames=4, head_dim=1)


def frames(*values: int) -> list[KeyValues]:
    keys = torch.tensor(values, dtype=torch.float32).view(1, -1, 1, 1).expand(3, -1, -1, -1)
    return [KeyValues(keys, -keys), KeyValues(10 * keys, -10 * keys)]


def test_the_newest_frames_stay() -> None:
    cache = empty().append(frames(1, 2, 3)).append(frames(4, 5))
    assert cache.layer(0).keys[0].flatten().tolist() == [2, 3, 4, 5]
    assert cache.layer(1).values[2].flatten().tolist() == [-20, -30, -40, -50]


def test_more_than_a_window_at_once() -> None:
    cache = empty().append(frames(1, 2, 3, 4, 5, 6))
    assert cache.layer(0).keys[0].flatten().tolist() == [3, 4, 5, 6]
    assert cache.filled_R.tolist() == [4, 4, 4]


def test_only_real_frames_are_valid() -> None:
    cache = empty().append(frames(1))
    assert cache.valid()[0].tolist() == [False, False, False, True]


def test_reset_touches_its_rows_only_and_changes_no_value_in_place() -> None:
    before = empty().append(frames(1, 2, 3, 4))
    after = before.reset(torch.tensor([1]))
    assert after.filled_R.tolist() == [4, 0, 4]
    assert after.layer(0).keys[1].abs().sum() == 0
    assert torch.equal(after.layer(0).keys[2], before.layer(0).keys[2])
    assert before.filled_R.tolist() == [4, 4, 4]


def test_a_window_of_nothing_stays_empty() -> None:
    cache = RollingCache.empty(layers=2, rows=3, heads=1, frames=0, head_dim=1)
    assert cache.append(frames(1, 2)).filled_R.tolist() == [0, 0, 0]
