"""The common interface over a network that does simple, known things with its pictures."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from afgen.autoencoder.lia.autoencoder import LiaAutoencoder
from afgen.autoencoder.lia.config import LiaConfig
from afgen.autoencoder.lia.network import Source
from afgen.errors import FaceTooSmallError, NoFaceError, OptionError, SeveralFacesError
from afgen.signals import FaceView, Portrait
from tests.autoencoder.lia.test_crop import face, ramp

SIZE = 64


class Simple(nn.Module):
    """Motion is the mean colour; a picture is its source, made lighter by its motion's first."""

    def __init__(self) -> None:
        super().__init__()
        self.config = LiaConfig(size=SIZE, latent_dim=32)
        self.scale = nn.Parameter(torch.ones(()))
        self.batches: list[int] = []

    def source(self, image_BCHW: Tensor) -> Source:
        motion_BD = self.motion(image_BCHW)
        return Source(motion_BD, motion_BD[:, :20], motion_BD, (image_BCHW,))

    def motion(self, image_BCHW: Tensor) -> Tensor:
        return torch.nn.functional.pad(image_BCHW.mean((2, 3)), (0, 29)) * self.scale

    def decode(self, source: Source, motion_BD: Tensor) -> Tensor:
        self.batches.append(len(motion_BD))
        return source.features[0] + motion_BD[:, :1, None, None]


def portrait() -> Portrait:
    return Portrait(ramp(200, 200), sha256="ramp")


def made(*faces: np.ndarray, **options: object) -> LiaAutoencoder:
    return LiaAutoencoder(Simple(), lambda _: faces, **options)


def motions(*lightness: float) -> np.ndarray:
    return np.pad(np.array(lightness, np.float32)[:, None], ((0, 0), (0, 31)))


ONE = face(100, 90, 70, 80)


def test_a_motion_of_nothing_is_the_portrait_itself() -> None:
    autoencoder = made(ONE)
    (picture,) = autoencoder.decode(autoencoder.identify(portrait()), motions(0.0))
    side = 160
    left, top = 100 - side // 2, 90 - side // 2
    assert picture.shape == (SIZE, SIZE, 3)
    assert picture.dtype == np.uint8
    assert picture[32, 32, 0] == pytest.approx(left + side * 32.5 / SIZE, abs=1)
    assert picture[32, 32, 1] == pytest.approx(top + side * 32.5 / SIZE, abs=1)


def test_exposure_is_fixed() -> None:
    """A frame does not depend on how light or dark the others are."""
    autoencoder = made(ONE)
    identity = autoencoder.identify(portrait())
    alone = list(autoencoder.decode(identity, motions(0.1)))
    among = list(autoencoder.decode(identity, motions(-5.0, 0.1, 5.0)))
    np.testing.assert_array_equal(alone[0], among[1])
    assert (among[0] == 0).all() and (among[2] == 255).all()


@pytest.mark.parametrize("at_once", [1, 4, 10])
def test_pictures_come_in_order_however_many_are_made_at_once(at_once: int) -> None:
    lightness = np.linspace(-0.5, 0.5, 10)
    autoencoder, plain = made(ONE, at_once=at_once), made(ONE)
    identity = autoencoder.identify(portrait())
    pictures = list(autoencoder.decode(identity, motions(*lightness)))
    assert autoencoder._network.batches[0] == at_once
    np.testing.assert_array_equal(pictures, list(plain.decode(identity, motions(*lightness))))


def test_pictures_have_the_size_asked_for() -> None:
    autoencoder = made(ONE, size=128)
    (picture,) = autoencoder.decode(autoencoder.identify(portrait()), motions(0.0))
    assert picture.shape == (128, 128, 3)


def test_the_crop_goes_back_into_the_portrait() -> None:
    autoencoder = made(ONE)
    identity = autoencoder.identify(portrait())
    (picture,) = autoencoder.decode(identity, motions(0.0))
    back = autoencoder.paste(identity, picture).astype(int)
    assert np.abs(back - portrait().image_HWC).max() <= 4


def test_reference_motion_and_encoded_motion_are_of_the_same_crop() -> None:
    autoencoder = made(ONE)
    identity = autoencoder.identify(portrait())
    motion_D, state = autoencoder.encode(FaceView(0, portrait().image_HWC, ONE), None)
    assert motion_D.shape == (autoencoder.motion_dim,) == (32,)
    np.testing.assert_allclose(motion_D, autoencoder.reference_motion(identity), atol=0.01)
    moved = np.roll(portrait().image_HWC, 8, axis=1)
    _, after = autoencoder.encode(FaceView(1, moved, ONE + np.float32([8, 0, 0])), state)
    assert after.square.centre_x == pytest.approx(104, abs=0.5)


@pytest.mark.parametrize(
    ("faces", "error"),
    [
        ((), NoFaceError),
        ((ONE, ONE), SeveralFacesError),
        ((face(50, 50, 30, 30),), FaceTooSmallError),
    ],
)
def test_a_portrait_needs_one_large_face(faces: tuple, error: type[Exception]) -> None:
    with pytest.raises(error):
        made(*faces).identify(portrait())


def test_strengths_cannot_be_told_apart() -> None:
    autoencoder = made(ONE)
    identity = autoencoder.identify(portrait())
    motion_TD = motions(0.1, 0.2)
    same = autoencoder.restyle(identity, motion_TD, head=1.0, expression=1.0, blink=1.0)
    np.testing.assert_array_equal(same, motion_TD)
    with pytest.raises(OptionError, match="apart"):
        autoencoder.restyle(identity, motion_TD, head=0.5, expression=1.0, blink=1.0)
