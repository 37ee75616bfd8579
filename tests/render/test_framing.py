import numpy as np
import pytest

from afgen.errors import MediaTooLargeError
from afgen.render.framing import framing_for
from afgen.signals import Portrait
from tests.render.untrained import remembering


def portrait(height: int, width: int) -> Portrait:
    return Portrait(np.zeros((height, width, 3), np.uint8), sha256="", name="grey")


def test_a_square_has_the_size_asked_for() -> None:
    framing = framing_for(portrait(300, 200), 256, full_frame=False)
    assert framing.size == (256, 256)
    assert framing.crop_size == 256
    crop_HWC = np.ones((256, 256, 3), np.uint8)
    assert framing.frame(remembering(256), None, crop_HWC) is crop_HWC


def test_a_whole_portrait_keeps_its_size_but_for_an_odd_row_and_column() -> None:
    class Pasting:
        def paste(self, identity: np.ndarray, crop_HWC: np.ndarray) -> np.ndarray:
            return identity

    whole_HWC = np.arange(301 * 203 * 3, dtype=np.uint32).astype(np.uint8).reshape(301, 203, 3)
    framing = framing_for(portrait(301, 203), 256, full_frame=True)
    assert framing.size == (202, 300)
    assert framing.crop_size is None
    framed_HWC = framing.frame(Pasting(), whole_HWC, whole_HWC)
    np.testing.assert_array_equal(framed_HWC, whole_HWC[:300, :202])


def test_a_portrait_can_be_too_large_for_a_video() -> None:
    with pytest.raises(MediaTooLargeError, match="4000x4000"):
        framing_for(portrait(4000, 4000), 256, full_frame=True)
