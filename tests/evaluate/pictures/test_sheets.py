import numpy as np

from afgen.evaluate.pictures.sheets import (
    Moment,
    SheetConfig,
    close_up,
    contact_sheet,
    sheet_of_video,
)
from tests.autoencoder.mesh.portraits import landmarks, photograph
from tests.media.samples import X264, ffmpeg, picture_source

PLAIN = np.full((60, 80, 3), 90, np.uint8)


def test_tiles_stand_in_rows() -> None:
    sheet = contact_sheet(
        [Moment(str(n), PLAIN) for n in range(5)], SheetConfig(columns=3, tile=40)
    )
    assert sheet.shape == (2 * 30, 3 * 40, 3)
    assert np.all(sheet[30:, 80:] == 0)
    assert sheet[25, 20].tolist() == [90, 90, 90]


def test_faces_get_close_ups_under_their_picture() -> None:
    moment = Moment("now", photograph().image_HWC, landmarks())
    sheet = contact_sheet([moment], SheetConfig(tile=128))
    assert sheet.shape == (128 + 64 + 96, 128, 3)
    two = contact_sheet(
        [Moment("now", photograph().image_HWC, landmarks() * 2)], SheetConfig(tile=128)
    )
    assert two.shape == (128 + 32 + 48, 128, 3)


def test_a_close_up_is_centred() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[58:63, 28:33] = 255
    shown = close_up(picture, np.array([30.0, 60.0]), 10.0, (80, 40)).mean(2)
    y, x = np.nonzero(shown > 127)
    assert abs(x.mean() - 40) < 1.5 and abs(y.mean() - 20) < 1.5


def test_a_sheet_of_a_video_without_faces(tmp_path) -> None:
    path = tmp_path / "pattern.mp4"
    ffmpeg("-f", "lavfi", "-i", picture_source("25", "64x48", 1), *X264, path)
    sheet = sheet_of_video(path, SheetConfig(moments=4, columns=4, tile=64))
    assert sheet.shape == (48, 4 * 64, 3)
