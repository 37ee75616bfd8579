"""Reenactment end to end, with a driving video that the renderer itself makes."""

from pathlib import Path

import numpy as np
import pytest
from skimage import data

from afgen.autoencoder.mesh.measures import eye_openings, mouth_opening
from afgen.autoencoder.mesh.motion import ANGLES, POSE_SCALES, YAW
from afgen.autoencoder.mesh.script import act, play
from afgen.errors import NoPersonError
from afgen.media.decode import decode_video
from afgen.media.encode import encode_video
from afgen.media.images import save_png
from afgen.media.probe import probe
from afgen.render.drive import drive, face_motion
from afgen.tracks.follow import FollowConfig, follow
from tests.autoencoder.mesh.portraits import autoencoder, decoded

pytestmark = pytest.mark.slow
SIZE = 256
SCRIPT = play(
    [
        (0.0, act()),
        (0.6, act()),
        (0.9, act(jaw_open=0.9)),
        (1.2, act()),
        (1.4, act()),
        (1.56, act(blink=1.0)),
        (1.64, act(blink=1.0)),
        (1.8, act()),
        (2.4, act(yaw=10)),
        (3.0, act(yaw=-10)),
        (3.4, act()),
    ]
)


@pytest.fixture(scope="module")
def acted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("acted") / "acted.mp4"
    encode_video(decoded(*SCRIPT, size=SIZE), path, size=(SIZE, SIZE))
    return path


def landmarks_of(path: Path) -> np.ndarray:
    rows = [views[0].landmarks_N3 for views in follow(decode_video(path), FollowConfig(people=1))]
    return np.stack(rows).astype(np.float64)


def test_what_is_drawn_is_what_is_tracked_again(acted: Path) -> None:
    """Decode, film, track, encode: mouth, lids and head come back as they were asked for."""
    tracked_TD = np.stack(list(face_motion(autoencoder(SIZE), decode_video(acted))))
    assert tracked_TD.shape == SCRIPT.shape
    yaw_T = np.degrees(tracked_TD[:, ANGLES][:, YAW] * POSE_SCALES[YAW])
    asked_T = np.degrees(SCRIPT[:, ANGLES][:, YAW] * POSE_SCALES[YAW])
    assert np.corrcoef(yaw_T, asked_T)[0, 1] > 0.95
    landmarks = landmarks_of(acted)
    mouth_T, eyes_T = mouth_opening(landmarks), eye_openings(landmarks).mean(-1)
    assert mouth_T.argmax() == pytest.approx(22, abs=3)
    assert mouth_T.max() > mouth_T[:10].mean() + 0.15
    assert eyes_T.argmin() == pytest.approx(40, abs=2)
    assert eyes_T.min() < 0.45 * eyes_T[:10].mean()


def test_a_portrait_does_what_the_video_does(acted: Path, tmp_path: Path) -> None:
    portrait, out = tmp_path / "me.png", tmp_path / "driven.mp4"
    save_png(np.asarray(data.astronaut()), portrait)
    drive(portrait, acted, out, size=SIZE)
    assert probe(out).frames == len(SCRIPT)
    before, after = landmarks_of(acted), landmarks_of(out)
    assert np.corrcoef(mouth_opening(before), mouth_opening(after))[0, 1] > 0.8
    left_of_nose = [points[:, 4, 0] - points[:, 234, 0] for points in (before, after)]
    assert np.corrcoef(*left_of_nose)[0, 1] > 0.9


def test_a_whole_portrait_keeps_its_size(acted: Path, tmp_path: Path) -> None:
    portrait, out = tmp_path / "me.png", tmp_path / "driven.mp4"
    picture = np.asarray(data.astronaut())
    save_png(picture, portrait)
    drive(portrait, acted, out, full_frame=True)
    frame = next(decode_video(out, start_frame=60))
    assert frame.shape == picture.shape
    corner = np.abs(frame[-64:, :64].astype(int) - picture[-64:, :64]).mean()
    assert corner < 6.0  # only what encoding changes


def test_a_video_without_a_face_cannot_drive() -> None:
    blank = (np.full((96, 128, 3), 90, np.uint8) for _ in range(5))
    with pytest.raises(NoPersonError):
        list(face_motion(autoencoder(SIZE), blank))
