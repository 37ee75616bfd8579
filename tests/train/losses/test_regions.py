import torch

from afgen.train.losses.regions import ROOM, close_ups, masks_of

BOX = torch.tensor([0.4, 0.5, 0.6, 0.58])


def test_a_mask_is_one_at_its_boxes_and_zero_far_from_them() -> None:
    boxes_BR4 = torch.stack((BOX, torch.tensor([0.1, 0.1, 0.2, 0.2])))[None]
    mask_HW = masks_of(boxes_BR4, 100)[0, 0]
    assert mask_HW[53, 50] == 1 and mask_HW[15, 15] == 1
    assert mask_HW[90, 90] == 0 and mask_HW[53, 20] == 0
    assert 0.01 < mask_HW.mean() < 0.2


def test_a_mask_grows_with_its_box_and_never_above_one() -> None:
    small = masks_of(BOX[None, None], 64)
    larger = masks_of((BOX + torch.tensor([-0.1, -0.1, 0.1, 0.1]))[None, None], 64)
    assert bool((larger >= small).all())
    assert larger.max() == 1


def test_a_close_up_is_the_square_around_its_box() -> None:
    """Of a picture whose colours are its own coordinates, so that they can be read off."""
    at = (torch.arange(200) + 0.5) / 200
    picture = torch.stack((at.expand(200, 200), at[:, None].expand(200, 200)))[None]
    seen = close_ups(picture, BOX[None], 20)[0]
    half = 0.1 * (1 + 2 * ROOM)  # of the longer side, which is the width
    across = 0.5 + half * ((torch.arange(20) + 0.5) / 10 - 1)
    down = 0.54 + half * ((torch.arange(20) + 0.5) / 10 - 1)
    torch.testing.assert_close(seen[0], across.expand(20, 20), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen[1], down[:, None].expand(20, 20), atol=1e-5, rtol=0)


def test_beyond_the_picture_its_border_goes_on() -> None:
    picture = torch.full((1, 3, 16, 16), 0.7)
    seen = close_ups(picture, torch.tensor([[-0.2, -0.2, 0.1, 0.1]]), 8)
    torch.testing.assert_close(seen, torch.full((1, 3, 8, 8), 0.7))
