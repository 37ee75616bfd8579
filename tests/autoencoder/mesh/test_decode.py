"""What a decoded picture must show, on one real portrait."""

import cv2
import numpy as np
import pytest

from afgen.autoencoder.interface import MotionAutoencoder
from afgen.autoencoder.mesh.crop import cut
from afgen.autoencoder.mesh.decode import MeshAutoencoder
from afgen.autoencoder.mesh.encode import EncoderState
from afgen.autoencoder.mesh.identity import MeshIdentity
from afgen.autoencoder.mesh.motion import EXPRESSION, MOTION_DIM
from afgen.autoencoder.mesh.script import REVIEW, act
from afgen.autoencoder.mesh.topology import (
    EYES,
    LOWER_LIP_INNER,
    MOUTH_LOOP,
    OVAL,
    UPPER_LIP_INNER,
)
from afgen.errors import (
    FaceTooSmallError,
    FaceTurnedAwayError,
    InternalError,
    NoFaceError,
    SeveralFacesError,
)
from afgen.signals import Portrait
from tests.autoencoder.mesh.portraits import (
    SIZE,
    autoencoder,
    decoded,
    identity,
    landmarks,
    photograph,
)


def reference():
    return autoencoder().reference_motion(identity())


def inside(polygon_P2, size=SIZE):
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.round(polygon_P2).astype(np.int32)], 1)
    return mask > 0


def test_it_is_a_motion_autoencoder() -> None:
    kept: MotionAutoencoder[MeshIdentity, EncoderState] = autoencoder()
    assert kept.motion_dim == MOTION_DIM == reference().shape[0]


def test_reference_motion_reproduces_the_portrait() -> None:
    (picture,) = decoded(reference())
    truth = cut(photograph().image_HWC, identity().crop, 0)
    error = np.abs(picture.astype(int) - truth)
    assert picture.shape == truth.shape == (SIZE, SIZE, 3)
    assert picture.dtype == np.uint8
    assert error.mean() < 0.05
    assert error.max() <= 12


def test_reference_pose_is_zero_and_its_mouth_is_as_pictured() -> None:
    assert np.all(reference()[: EXPRESSION.start] == 0)
    placed = autoencoder().landmarks(identity(), reference())
    assert np.abs(placed - identity().landmarks_N3).max() < 0.6


def test_the_same_motion_gives_the_same_bytes_whatever_the_threads_and_the_company() -> None:
    rows = np.stack([reference() + controls.motion() for _, controls in REVIEW])
    together = list(autoencoder().decode(identity(), rows))
    alone = autoencoder(threads=1)
    for row, picture in zip(rows, together, strict=True):
        (again,) = alone.decode(identity(), row[None])
        assert again.tobytes() == picture.tobytes()


def test_two_identities_of_one_portrait_are_alike() -> None:
    other = autoencoder().identify(photograph())
    row = (reference() + act(yaw=9, smile=0.5).motion())[None]
    (one,), (two,) = autoencoder().decode(identity(), row), autoencoder().decode(other, row)
    assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("eye", EYES, ids=["right", "left"])
def test_a_blink_hides_the_iris(eye) -> None:
    open_eye, closed_eye = decoded(reference(), reference() + act(blink=1.0).motion())
    x, y = np.round(identity().landmarks_N3[eye.iris_centre, :2]).astype(int)
    pupil = (slice(y - 1, y + 2), slice(x - 1, x + 2))
    skin = identity().skin_3.mean()
    assert open_eye[pupil].mean() < 0.6 * skin
    assert closed_eye[pupil].mean() > 0.7 * skin


@pytest.mark.parametrize("eye", EYES, ids=["right", "left"])
def test_a_blink_closes_the_lids(eye) -> None:
    placed = autoencoder().landmarks(identity(), reference() + act(blink=1.0).motion())
    gap = np.linalg.norm(placed[eye.upper[2:7], :2] - placed[eye.lower[2:7], :2], axis=1)
    rest = identity().landmarks_N3
    before = np.linalg.norm(rest[eye.upper[2:7], :2] - rest[eye.lower[2:7], :2], axis=1)
    assert gap.mean() < 0.12 * before.mean()


def test_gaze_moves_the_dark_of_the_eye() -> None:
    left, right = decoded(*(reference() + act(gaze_x=g).motion() for g in (-1.0, 1.0)))
    for eye in EYES:
        mask = inside(identity().landmarks_N3[eye.loop, :2])
        columns = np.nonzero(mask)[1]
        darkness = [255.0 - picture.mean(2)[mask] for picture in (left, right)]
        centres = [np.average(columns, weights=dark**3) for dark in darkness]
        assert centres[1] > centres[0] + 1.0


def test_an_opening_jaw_shows_a_dark_inside() -> None:
    row = act(jaw_open=1.0).motion()
    closed, wide = decoded(np.zeros_like(row), row)
    placed = autoencoder().landmarks(identity(), row)[:, :2]
    mouth = inside(placed[MOUTH_LOOP])
    assert mouth.sum() > 100
    assert np.percentile(wide.mean(2)[mouth], 25) < 0.45 * identity().skin_3.mean()
    assert np.percentile(closed.mean(2)[mouth], 25) > 0.6 * identity().skin_3.mean()


def test_zero_motion_closes_the_mouth_of_a_laughing_portrait() -> None:
    placed = autoencoder().landmarks(identity(), np.zeros(MOTION_DIM, np.float32))
    gap = placed[LOWER_LIP_INNER[1:-1], 1] - placed[UPPER_LIP_INNER[1:-1], 1]
    rest = identity().landmarks_N3
    pictured = rest[LOWER_LIP_INNER[1:-1], 1] - rest[UPPER_LIP_INNER[1:-1], 1]
    assert pictured.max() > 2.0  # the photograph does laugh
    assert gap.max() < 0.6


def test_a_smile_darkens_its_folds_only() -> None:
    still, smiling = decoded(reference(), reference() + act(smile=1.0).motion())
    outline = identity().landmarks_N3[OVAL, :2]
    far = ~inside(outline + 0.4 * (outline - outline.mean(0)))
    assert np.abs(still.astype(int) - smiling)[far].max() <= 2
    assert np.abs(still.astype(int) - smiling).mean() > 0.3


def test_a_turn_is_limited_and_leaves_the_corners_alone() -> None:
    far, further = decoded(act(yaw=45).motion(), act(yaw=90).motion())
    assert np.abs(far.astype(int) - further).mean() < 1.0
    truth = cut(photograph().image_HWC, identity().crop, 0)
    assert np.array_equal(far[:8, :8], truth[:8, :8])


@pytest.mark.parametrize(("name", "controls"), REVIEW, ids=[name for name, _ in REVIEW])
def test_nothing_is_left_undrawn(name, controls) -> None:
    """A hole in the mesh shows as a spot of scene inside the face."""
    row = reference() + controls.motion()
    (picture,) = decoded(row)
    face = inside(autoencoder().landmarks(identity(), row)[OVAL, :2])
    holes = np.all(picture == identity().base_HWC, axis=2) & face
    assert holes.sum() < 0.01 * face.sum()


def test_own_motion_of_the_portrait_is_its_reference() -> None:
    own = autoencoder().own_motion(identity(), landmarks()[0])
    assert np.abs(own - reference()).max() < 0.05


def test_motion_that_is_no_number_is_refused() -> None:
    broken = reference()
    broken[3] = np.nan
    with pytest.raises(InternalError):
        decoded(broken)


def test_absurd_motion_still_gives_a_picture() -> None:
    rng = np.random.default_rng(0)
    for row in rng.normal(0, 50, (6, MOTION_DIM)).astype(np.float32):
        (picture,) = decoded(row)
        assert picture.shape == (SIZE, SIZE, 3)


def identify(*faces):
    return MeshAutoencoder(lambda _: faces, size=64, threads=1).identify(photograph())


def test_no_face_is_an_error() -> None:
    with pytest.raises(NoFaceError):
        identify()


def test_two_large_faces_are_an_error_and_a_small_one_is_not() -> None:
    face = landmarks()[0]
    with pytest.raises(SeveralFacesError):
        identify(face, face * 0.8)
    assert identify(face, face * 0.3).size == 64


def test_a_tiny_face_is_an_error() -> None:
    with pytest.raises(FaceTooSmallError):
        identify(landmarks()[0] * 0.3)


def test_a_face_seen_from_the_side_is_an_error() -> None:
    face = landmarks()[0]
    turn = np.radians(60)
    side_33 = np.array(
        [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
    )
    middle = face.mean(0)
    with pytest.raises(FaceTurnedAwayError):
        identify(((face - middle) @ side_33.T + middle).astype(np.float32))


@pytest.mark.parametrize("shape", [(90, 400), (400, 90)])
def test_pictures_of_odd_shapes_are_animated(shape: tuple[int, int]) -> None:
    """A strip around the face: the crop has to go beyond the picture."""
    face = landmarks()[0]
    low, high = face[:, :2].min(0), face[:, :2].max(0)
    centre = np.round((low + high) / 2).astype(int)
    y0, x0 = max(centre[1] - shape[0] // 2, 0), max(centre[0] - shape[1] // 2, 0)
    strip = np.ascontiguousarray(photograph().image_HWC[y0 : y0 + shape[0], x0 : x0 + shape[1]])
    moved = face - np.array([x0, y0, 0], np.float32)
    small = MeshAutoencoder(lambda _: [moved], size=128, threads=1)
    kept = small.identify(Portrait(strip, sha256="", name="strip"))
    (picture,) = small.decode(kept, act(yaw=10, jaw_open=0.5).motion()[None])
    assert picture.shape == (128, 128, 3)
    assert small.paste(kept, picture).shape == strip.shape
