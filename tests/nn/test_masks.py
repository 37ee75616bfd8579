import pytest
import torch

from afgen.generator.config import (
    BLOCK_CAUSAL,
    CAUSAL_IN_BLOCK,
    EVERYTHING,
    FRAME_CAUSAL,
    MASKS,
    NEARBY,
    NEARBY_IN_BLOCK,
    paper_equation,
)
from afgen.nn.masks import Visibility

WINDOW = torch.arange(50)


def table(sees: Visibility) -> torch.Tensor:
    return sees.table(WINDOW, WINDOW, 10)


def test_block_mask_is_full_inside_a_block_and_causal_across() -> None:
    expected = torch.tensor([[k // 10 <= q // 10 for k in range(50)] for q in range(50)])
    assert torch.equal(table(BLOCK_CAUSAL), expected)


def test_released_mask_hides_140_entries_of_the_blocks_and_opens_12_beyond_them() -> None:
    block, released = table(BLOCK_CAUSAL), table(FRAME_CAUSAL)
    assert int((block & ~released).sum()) == 140
    assert int((released & ~block).sum()) == 12


def test_released_mask_is_frame_causal_plus_two() -> None:
    assert torch.equal(table(FRAME_CAUSAL), torch.ones(50, 50).tril(2).bool())


def test_equation_of_the_paper_looks_ahead_in_blocks() -> None:
    seen = table(paper_equation(1))
    assert seen[0, 19]
    assert not seen[0, 20]
    assert torch.equal(seen[0], seen[9])


def test_figure_of_the_paper_looks_from_the_whole_block_at_the_next_two_frames() -> None:
    seen = table(MASKS["paper-figure"])
    for frame in (10, 19):
        assert seen[frame].nonzero().flatten().tolist() == list(range(22))


@pytest.mark.parametrize("name", MASKS)
def test_a_stream_feeds_again_exactly_the_frames_that_see_into_the_next_block(name: str) -> None:
    past = torch.arange(-40, 0)
    seeing = MASKS[name].table(past, torch.arange(1), 10)[:, 0]
    assert int(seeing.sum()) == MASKS[name].spill_frames(10)


def test_conditions_are_seen_two_frames_around_but_not_beyond_the_block() -> None:
    seen = table(NEARBY_IN_BLOCK)
    assert seen[14].nonzero().flatten().tolist() == [12, 13, 14, 15, 16]
    assert seen[19].nonzero().flatten().tolist() == [17, 18, 19]
    assert seen[20].nonzero().flatten().tolist() == [18, 19, 20, 21, 22]


def test_past_window_belongs_to_the_block() -> None:
    position = torch.arange(100)
    seen = CAUSAL_IN_BLOCK.table(position, position, 10)
    for frame in (70, 75, 79):
        assert seen[frame].nonzero().flatten().min() == 30


def test_negative_positions_count_on() -> None:
    late, early = torch.arange(40, 50), torch.arange(0, 50)
    assert torch.equal(
        CAUSAL_IN_BLOCK.table(late, early, 10), CAUSAL_IN_BLOCK.table(late - 40, early - 40, 10)
    )


@pytest.mark.parametrize(
    ("sees", "spill"),
    [(BLOCK_CAUSAL, 0), (FRAME_CAUSAL, 2), (CAUSAL_IN_BLOCK, 0), (paper_equation(2), 20)],
)
def test_spill_is_what_a_stream_has_to_feed_again(sees: Visibility, spill: int) -> None:
    assert sees.spill_frames(10) == spill


@pytest.mark.parametrize(
    ("sees", "overlap", "memory"),
    [
        (BLOCK_CAUSAL, 0, 40),
        (NEARBY_IN_BLOCK, 0, 2),
        (CAUSAL_IN_BLOCK, 0, 40),
        (FRAME_CAUSAL, 2, 38),
        (NEARBY, 2, 2),
        (EVERYTHING, 2, 0),
    ],
)
def test_memory_is_what_the_mask_reaches_back_to(
    sees: Visibility, overlap: int, memory: int
) -> None:
    """Ours, then the released model's cache of 38 and 2 frames."""
    assert sees.memory_frames(overlap) == memory


def test_unlimited_future_cannot_be_streamed() -> None:
    with pytest.raises(ValueError, match="future"):
        Visibility().spill_frames(10)
