import pytest

from afgen.checkpoint import config_from
from afgen.errors import WeightsMismatchError
from afgen.generator.config import (
    MASKS,
    GeneratorConfig,
    full,
    portrait,
    released,
    with_first_window,
)


@pytest.mark.parametrize("config", [portrait(), *(full(mask) for mask in MASKS)])
def test_plain_data_and_back(config: GeneratorConfig) -> None:
    assert config_from(GeneratorConfig, config.as_dict()) == config


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(WeightsMismatchError, match="colour"):
        config_from(GeneratorConfig, {"colour": 3})
    with pytest.raises(WeightsMismatchError, match="sideways"):
        config_from(GeneratorConfig, {"self_sees": {"sideways": 1}})


def test_the_released_model_feeds_two_clean_frames_again_and_ours_none() -> None:
    assert released().overlap_frames == 2
    assert portrait().overlap_frames == 0


def test_impossible_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="heads"):
        GeneratorConfig(width=100, heads=8)
    with pytest.raises(ValueError, match="whole blocks"):
        GeneratorConfig(first_frames=15)


def test_the_first_window_is_all_that_tells_the_two_ways_of_beginning_apart() -> None:
    theirs, ours = full(), with_first_window(full(), 10)
    assert (theirs.first_frames, ours.first_frames) == (50, 10)
    assert with_first_window(ours, 50) == theirs
    for frames in (0, 15):
        with pytest.raises(ValueError, match="whole blocks"):
            with_first_window(theirs, frames)
