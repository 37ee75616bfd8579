"""What sets the baseline apart: inside a window, the future changes the past."""

from dataclasses import replace

import pytest
import torch

from afgen.baseline.config import BaselineConfig, beside
from afgen.baseline.guider import Voices
from afgen.baseline.model import WindowGenerator
from afgen.generator.config import CAUSAL_IN_BLOCK, GeneratorConfig, full, portrait
from afgen.generator.model import MotionGenerator
from tests.baseline.small import CONFIG, motion, small_model, voices

LATE = CONFIG.fed_frames - 3


def velocity(
    x_BTD: torch.Tensor,
    given: Voices,
    real_BT: torch.Tensor | None = None,
    model: WindowGenerator | None = None,
) -> torch.Tensor:
    time_BT = torch.full(x_BTD.shape[:2], 0.5)
    with torch.inference_mode():
        return (model or small_model())(x_BTD, time_BT, x_BTD[:, 0] * 0, given, real_BT)


def changed(one_BTD: torch.Tensor, other_BTD: torch.Tensor) -> list[int]:
    return (one_BTD - other_BTD).abs().amax(dim=(0, 2)).gt(1e-6).nonzero().flatten().tolist()


@pytest.mark.parametrize("part", ["avatar_audio_BTA", "user_audio_BTA"])
def test_a_sound_at_the_end_of_a_window_changes_its_beginning(part: str) -> None:
    given, other = voices(), getattr(voices(seed=9), part)
    mixed = torch.cat((getattr(given, part)[:, :LATE], other[:, LATE:]), dim=1)
    before = velocity(motion(), given)
    after = velocity(motion(), replace(given, **{part: mixed}))
    assert changed(before, after) == list(range(CONFIG.fed_frames))


def test_under_a_causal_mask_the_same_sound_does_not() -> None:
    """So it is the mask that makes the difference, and nothing else in the model."""
    causal = replace(CAUSAL_IN_BLOCK, ahead_blocks=None, ahead_frames=0)
    model = small_model(replace(CONFIG, self_sees=causal, cross_sees=causal))
    given, other = voices(), voices(seed=9).user_audio_BTA
    mixed = torch.cat((given.user_audio_BTA[:, :LATE], other[:, LATE:]), dim=1)
    before = velocity(motion(), given, model=model)
    after = velocity(motion(), replace(given, user_audio_BTA=mixed), model=model)
    assert changed(before, after) == [LATE, LATE + 1, LATE + 2]


def test_a_frame_reaches_all_others_in_both_directions() -> None:
    moved = motion()
    moved[:, 11] += 1
    assert changed(velocity(motion(), voices()), velocity(moved, voices())) == list(
        range(CONFIG.fed_frames)
    )


def test_a_window_that_begins_sees_nothing_of_its_context() -> None:
    """Neither its motion nor its sounds; a row beside it that goes on does."""
    real_BT = torch.ones(2, CONFIG.fed_frames, dtype=torch.bool)
    real_BT[0, : CONFIG.context_frames] = False
    x_BTD, given = motion(), voices()
    before = velocity(x_BTD, given, real_BT)
    moved = x_BTD.clone()
    moved[:, : CONFIG.context_frames] += 1
    louder = replace(given, avatar_audio_BTA=given.avatar_audio_BTA.clone())
    louder.avatar_audio_BTA[:, : CONFIG.context_frames] += 1
    assert before.isfinite().all()
    for after in (velocity(moved, given, real_BT), velocity(x_BTD, louder, real_BT)):
        assert changed(before[:1], after[:1]) == list(range(CONFIG.context_frames))
        assert changed(before[1:], after[1:]) == list(range(CONFIG.fed_frames))


def parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("generator", "counts"), [(portrait(), (9.839, 9.860)), (full(), (153.484, 153.547))]
)
def test_sizes_match_the_generator_they_are_set_beside(
    generator: GeneratorConfig, counts: tuple[float, float]
) -> None:
    """docs/baseline.md tells these counts, in millions."""
    with torch.device("meta"):
        sizes = [
            parameters(model) / 1e6
            for model in (MotionGenerator(generator), WindowGenerator(beside(generator)))
        ]
    assert sizes == pytest.approx(counts, abs=0.001)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="continues"):
        BaselineConfig(context_frames=1)
    with pytest.raises(ValueError, match="split"):
        BaselineConfig(guider_width=30, guider_heads=4)
    with pytest.raises(ValueError, match="split"):
        BaselineConfig(width=30, heads=4)
